/*
 * rules.h - misbehaving on purpose: --on 'EVENT [PATTERN] [#N|%P]: ACTION'.
 *
 * A rule is parsed once, and matched against what happens in a session; what
 * comes of it is up to the caller.  No I/O, no clock, no memory of its own.
 */
#ifndef RULES_H
#define RULES_H

#include "mail/mail.h"
#include "smtp.h"

enum {
    RULES_MAX = 64,
    RULES_STEP_MAX = 32, /* octets of "cram-md5/2", with a NUL */
};

enum rules_action {
    RULES_GO_ON, /* as if there were no rule, but for the delay */
    RULES_REPLY,
    /* those that break the session off: rules_break_off() */
    RULES_DROP,  /* close the connection */
    RULES_RESET, /* the same with a RST */
    RULES_STALL, /* never answer */
};

/* The caller allocates it, zeroed. */
struct rule {
    const char *text; /* as it was given; borrowed */
    enum smtp_event_type event;
    bool extended;       /* HELO: EHLO and LHLO only */
    struct span pattern; /* in text; p NULL: any argument */
    uint64_t first;      /* it applies so many times, 0: always */
    unsigned percent;    /* of the times that it would apply; 0: always */
    uint64_t after;      /* BODY: octets of mail data before it applies, at least 1 */
    int64_t delay;       /* milliseconds before the action; 0: none */
    enum rules_action action;
    int code;                   /* of the reply, 100 to 999 */
    char reply[SMTP_REPLY_MAX]; /* with its codes and line ends, */
    size_t reply_n;             /* so many octets */
    uint64_t random;            /* what the next percentage is drawn from */
    uint64_t applied, fired;    /* how often it would have applied; and did */
};

/*
 * Parses a rule; text is borrowed.  NULL if it is good; else what was expected,
 * as in "a colon, and what to do behind it", and *at says where.
 */
const char *rules_parse(struct rule *r, const char *text, const char **at);

/* Says what percentages are drawn from, for all of n rules; the same seed, the same draws. */
void rules_seed(struct rule *rules, size_t n, uint64_t seed);

/* Whether the rule, if there is one, breaks the session off. */
static inline bool rules_break_off(const struct rule *r) { return r != NULL && r->action >= RULES_DROP; }

/* Something that happens in a session. */
struct rules_occasion {
    enum smtp_event_type event;
    bool extended;           /* HELO: it was EHLO or LHLO */
    struct span argument;    /* the address, the name, ...; p NULL if there is none */
    const struct mail *mail; /* DATA, BDAT, BODY, EOM: each of its recipients is an argument; else NULL */
    const char *step;        /* AUTH: "plain/1", "login/2"; else NULL */
    uint64_t before, octets; /* BODY: of mail data, before this piece and with it */
};

/* The first rule that applies, counted as fired; NULL if none does. */
struct rule *rules_find(struct rule *rules, size_t n, const struct rules_occasion *o);

/* Whether text is what the pattern stands for: * for any octets, ? for any one, \ before one for itself; any case. */
bool rules_glob(struct span pattern, struct span text);

#endif
