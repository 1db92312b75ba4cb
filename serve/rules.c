/* SPDX-License-Identifier: ISC */
/*
 * rules.c - misbehaviour on purpose.  The grammar:
 *
 *     rule       event ["!"] [condition ...] ":" action
 *     condition  pattern | times | "+" number | ">" size | "/" match "/"
 *     times      "#" number ["/conn" | "/addr"] | "%" number | ">" number "/" time
 *     action     [manner ","] what [";" action] | manner [";" action]
 *     manner     "delay" time | ("drip" | "lines") time | manner "," manner
 *     what       code [text] | "drop" | "reset" | "stall"
 *
 * "!" is for commands, and lets the rule act on those that would be refused, too.
 * There is one pattern, and one "times".  "#" is the first times in the run, on a
 * connection, or for an argument such as an address; ">" is what comes after so
 * many times within that time.
 *
 * "/" match "/", in which "/" is "\/", is what --match takes, and for eom only; a
 * size is for mail and eom.
 *
 * A percentage is 1 to 100, and "+" is for body only.  A pattern may hold colons
 * (IPv6 addresses do).  So the colon of the rule is the one directly after the
 * event; else the first one before a blank or the end; else the first.
 * A semicolon in a text is "\;".  After drop, reset, stall or 421 nothing follows.
 */
#include "serve/serve.h"

#include <string.h>

#include "base/base.h"

/* ---- events ---- */

static const struct event {
    const char *name;
    enum smtp_event_type type;
    bool argument; /* that a pattern is compared with, or recipients */
} events[] = {
    {"connect", SMTP_CONNECT, true},    {"helo", SMTP_HELO, true},    {"ehlo", SMTP_HELO, true},
    {"starttls", SMTP_STARTTLS, false}, {"auth", SMTP_AUTH, true},    {"mail", SMTP_MAIL, true},
    {"rcpt", SMTP_RCPT, true},          {"data", SMTP_DATA, true},    {"bdat", SMTP_BDAT, true},
    {"body", SMTP_BODY, true},          {"eom", SMTP_EOM, true},      {"rset", SMTP_RSET, false},
    {"xclient", SMTP_XCLIENT, true},    {"noop", SMTP_NOOP, true},    {"vrfy", SMTP_VRFY, true},
    {"expn", SMTP_EXPN, true},          {"help", SMTP_HELP, true},    {"quit", SMTP_QUIT, false},
    {"unknown", SMTP_UNKNOWN, true},    {"command", SMTP_NONE, true},
};

const char *rules_event(size_t place) { return place < sizeof events / sizeof events[0] ? events[place].name : NULL; }

/* ---- parsing ---- */

struct reader {
    const char *p;        /* what is left to be read; after an error, where that is */
    const char *expected; /* what was expected there; NULL: no error */
};

/* Notes an error; returns false. */
static bool expect(struct reader *r, const char *at, const char *what)
{
    r->p = at;
    r->expected = what;
    return false;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct reader *r)
{
    while (is_blank(*r->p))
        r->p++;
}

static struct span take_word(struct reader *r)
{
    const char *start = r->p;
    while (ascii_is_letter(*r->p))
        r->p++;
    return span_between(start, r->p);
}

static bool parse_event(struct reader *r, struct rule *rule, const struct event **event)
{
    skip_blanks(r);
    struct span word = take_word(r);
    *event = NULL;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (span_is(word, events[i].name))
            *event = &events[i];
    }
    if (*event == NULL)
        return expect(r, word.p,
                      "an event: connect, helo, ehlo, starttls, auth, mail, rcpt, data, bdat, body, eom, rset, noop, "
                      "vrfy, expn, help, xclient, quit, unknown or command");
    rule->event = (*event)->type;
    rule->extended = span_is(word, "ehlo");
    rule->overrules = *r->p == '!' && rules_is_command(rule->event) && rule->event != SMTP_BDAT;
    r->p += rule->overrules;
    if (*r->p != '\0' && *r->p != ':' && !is_blank(*r->p))
        return expect(r, r->p, "a blank or the colon");
    skip_blanks(r);
    return true;
}

/* The end of a condition. */
static bool is_over(const struct reader *r, const char *end) { return r->p == end || is_blank(*r->p); }

static bool parse_number(struct reader *r, const char *end, uint64_t least, uint64_t most, uint64_t *value,
                         const char *expected)
{
    const char *digits = ++r->p;
    if (!number_take(&r->p, value) || *value < least || *value > most || !is_over(r, end))
        return expect(r, digits, expected);
    return true;
}

/* Parses "#N", "#N/conn" or "#N/addr". */
static bool parse_first(struct reader *r, const char *end, struct rule *rule)
{
    const char *digits = ++r->p;
    if (!number_take(&r->p, &rule->first) || rule->first == 0 || (*r->p != '/' && !is_over(r, end)))
        return expect(r, digits, "a number of times from 1 up");
    if (is_over(r, end))
        return true;
    const char *start = ++r->p;
    struct span word = take_word(r);
    rule->scope = span_is(word, "conn") ? RULES_CONNECTION : span_is(word, "addr") ? RULES_ARGUMENT : RULES_RUN;
    return (rule->scope != RULES_RUN && is_over(r, end)) || expect(r, start, "conn or addr");
}

/* Parses ">N/TIME". */
static bool parse_rate(struct reader *r, const char *end, struct rule *rule)
{
    const char *digits = ++r->p;
    if (!number_take(&r->p, &rule->more) || rule->more == 0 || *r->p != '/')
        return expect(r, digits, "a number of times and a time, as in >10/1m");
    const char *start = ++r->p;
    return (number_take_time(&r->p, &rule->within) && rule->within > 0 && is_over(r, end)) ||
           expect(r, start, "a time, as in 5s, 200ms or 1m");
}

/* Parses a number of times, a percentage or a rate. */
static bool parse_times(struct reader *r, const char *end, struct rule *rule)
{
    uint64_t percent = 0;
    if (rule->first > 0 || rule->percent > 0 || rule->more > 0)
        return expect(r, r->p, "only one #N, %P or >N/TIME");
    if (*r->p != '%')
        return *r->p == '#' ? parse_first(r, end, rule) : parse_rate(r, end, rule);
    bool good = parse_number(r, end, 1, 100, &percent, "a percentage from 1 to 100");
    rule->percent = (unsigned)percent;
    return good;
}

/* Parses ">SIZE". */
static bool parse_size(struct reader *r, const char *end, struct rule *rule)
{
    const char *start = r->p++;
    if (rule->larger > 0)
        return expect(r, start, "only one >SIZE");
    if (!number_take_size(&r->p, &rule->larger) || rule->larger == 0 || !is_over(r, end))
        return expect(r, start + 1, "a size, as in 10M, or a number of times and a time, as in >10/1m");
    return true;
}

/* The slash that ends the match that begins at p; the end of the text if there is none. */
static const char *find_slash(const char *p)
{
    for (p++; *p != '\0' && *p != '/';)
        p += *p == '\\' && p[1] != '\0' ? 2 : 1;
    return p;
}

/* Parses a match, whose end is there, no further than that. */
static bool parse_content(struct reader *r, const char *end, struct rule *rule)
{
    const char *start = r->p + 1;
    if (rule->content.p != NULL)
        return expect(r, r->p, "only one /MATCH/");
    r->p = find_slash(r->p);
    rule->content = span_between(start, r->p);
    r->p++;
    return is_over(r, end) || expect(r, r->p, "a blank or the colon");
}

static bool is_literal(struct span pattern)
{
    while (pattern.n > 0 && strchr("*?\\", *pattern.p) == NULL)
        span_skip(&pattern, 1);
    return pattern.n == 0;
}

/* Checks a pattern that is for a step of AUTH, as it has a slash: there must be such a step. */
static bool check_step(struct reader *r, struct span pattern)
{
    const char *slash = pattern.n > 0 ? memchr(pattern.p, '/', pattern.n) : NULL;
    if (slash == NULL)
        return true;
    struct span name = span_between(pattern.p, slash), step = span_between(slash + 1, pattern.p + pattern.n);
    const char *end = step.p;
    uint64_t number;
    if (is_literal(name) && !sasl_is_name(name))
        return expect(r, name.p, "a mechanism before the slash: up to 20 letters, digits, dashes and underscores");
    bool numbered = step.n > 0 && *step.p != '0' && number_take(&end, &number) && end == step.p + step.n;
    return numbered || span_is(step, "initial") || (step.n > 0 && !is_literal(step)) ||
           expect(r, step.p, "the number of a step, or initial; in the name of a user ? matches a slash");
}

/* Parses one condition; the colon is at end. */
static bool parse_condition(struct reader *r, const char *end, struct rule *rule, const struct event *event)
{
    const char *start = r->p;
    switch (*r->p) {
    case '>':
        if ((rule->event == SMTP_MAIL || rule->event == SMTP_EOM) &&
            *(start + 1 + strspn(start + 1, "0123456789")) != '/')
            return parse_size(r, end, rule);
        return parse_times(r, end, rule);
    case '#':
    case '%':
        return parse_times(r, end, rule);
    case '+':
        if (rule->event != SMTP_BODY)
            return expect(r, start, "a pattern, #N, >N/TIME, %P or the colon, as only body takes +N");
        if (rule->after > 0)
            return expect(r, start, "only one +N");
        return parse_number(r, end, 0, UINT64_MAX, &rule->after, "a number of octets");
    case '/':
        if (rule->event == SMTP_EOM)
            return parse_content(r, end, rule);
        /* fall through */
    default: /* a pattern */
        while (r->p < end && !is_blank(*r->p))
            r->p++;
        if (rule->pattern.p != NULL)
            return expect(r, start, "#N, >N/TIME, %P or the colon, as there is a pattern already");
        if (!event->argument)
            return expect(r, start, "#N, >N/TIME, %P or the colon, as this event has no argument for a pattern");
        rule->pattern = span_between(start, r->p);
        if (rule->pattern.n == 2 && memcmp(start, "\"\"", 2) == 0)
            rule->pattern.n = 0; /* "" is the empty argument */
        return rule->event != SMTP_AUTH || check_step(r, rule->pattern);
    }
}

/* Finds the colon of the rule; NULL: there is none. */
static const char *find_colon(const char *p, bool has_content)
{
    const char *first = NULL;
    if (*p == ':' && !is_blank(p[-1]))
        return p;
    for (; *p != '\0'; p++) {
        if (has_content && *p == '/' && is_blank(p[-1])) {
            p = find_slash(p);
            if (*p == '/' && p[1] == ':')
                return p + 1;
        }
        if (*p == '\0' || (*p == ':' && (p[1] == '\0' || is_blank(p[1]))))
            break;
        if (*p == ':' && first == NULL)
            first = p;
    }
    return *p == ':' ? p : first;
}

/* Finds the colon of the rule, and parses the conditions before it. */
static bool parse_conditions(struct reader *r, struct rule *rule, const struct event *event)
{
    const char *colon = find_colon(r->p, rule->event == SMTP_EOM);
    if (colon == NULL) /* any colon there may be is in a match without its end */
        return expect(r, r->p + strlen(r->p),
                      strchr(r->p, ':') == NULL ? "a colon and an action" : "a slash after the match");
    for (skip_blanks(r); r->p < colon; skip_blanks(r)) {
        if (!parse_condition(r, colon, rule, event))
            return false;
    }
    if (rule->event == SMTP_BODY && rule->after == 0)
        rule->after = 1;
    r->p = colon + 1;
    return true;
}

/* ---- replies ---- */

static bool put(struct reader *r, struct rule *rule, const char *p, size_t n)
{
    if (rule->reply_n + n > sizeof rule->reply)
        return expect(r, r->p, "a reply of at most 2048 octets, including codes and line ends");
    memcpy(rule->reply + rule->reply_n, p, n);
    rule->reply_n += n;
    return true;
}

static bool ends_action(char c) { return c == '\0' || c == ';'; }

/* Takes an escape: an octet, or \c at the end, which leaves the line open. */
static bool put_escaped(struct reader *r, struct rule *rule, bool *open)
{
    const char *start = r->p++;
    char octet = *r->p;
    if (octet == 'c' && ends_action(r->p[1])) {
        r->p++;
        *open = true;
        return true;
    }
    if (octet == 'r' || octet == 't') {
        octet = octet == 'r' ? '\r' : '\t';
    } else if (octet == 'x' && ascii_is_hex(r->p[1]) && ascii_is_hex(r->p[2])) {
        octet = (char)(ascii_hex_value(r->p[1]) << 4 | ascii_hex_value(r->p[2]));
        r->p += 2;
    } else if (octet != '\\' && octet != ';') {
        return expect(r, start, "\\n, \\r, \\t, \\\\, \\;, \\x and two hexadecimal digits, or \\c at the end");
    }
    r->p++;
    return put(r, rule, &octet, 1);
}

/* Takes a line of the reply, up to "\n", "\r\n", a semicolon or the end. */
static bool put_line(struct reader *r, struct rule *rule, const char *code)
{
    const char *start = r->p, *end = start, *cr = NULL;
    while (!ends_action(*end) && !(end[0] == '\\' && end[1] == 'n')) {
        cr = end[0] == '\\' && end[1] == 'r' ? end : NULL;
        end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
    }
    bool last = ends_action(*end), open = false;
    const char *next = end;
    if (!last && cr != NULL)
        end = cr;
    if (!put(r, rule, code, 3) || ((!last || end > start) && !put(r, rule, last ? " " : "-", 1)))
        return false;
    while (r->p < end) {
        size_t n = strcspn(r->p, "\\");
        n = n < (size_t)(end - r->p) ? n : (size_t)(end - r->p);
        if (n == 0) {
            if (!put_escaped(r, rule, &open))
                return false;
            continue;
        }
        if (!put(r, rule, r->p, n))
            return false;
        r->p += n;
    }
    r->p = next;
    return open || put(r, rule, "\r\n", 2);
}

/* Takes a reply; first: it is in place of the usual one. */
static bool parse_reply(struct reader *r, struct rule *rule, bool first)
{
    const char *code = r->p;
    uint64_t value;
    bool good = number_take(&r->p, &value) && r->p - code == 3 && value >= 100;
    if (!good || (!ends_action(*r->p) && !is_blank(*r->p)))
        return expect(r, code, "a reply code of three digits, and its text after a space");
    if (first) {
        rule->action = RULES_REPLY;
        rule->code = (int)value;
    }
    if (!first && value == 421)
        rule->parts[rule->n_parts - 1].end = RULES_CLOSE;
    if (!ends_action(*r->p))
        r->p++;
    while (put_line(r, rule, code)) {
        if (ends_action(*r->p))
            return true;
        r->p += strlen("\\n");
    }
    return false;
}

/* ---- actions ---- */

/* Takes "delay TIME", "drip TIME" and "lines TIME", each with its comma.  *alone: there is none, so the usual reply
   follows, or nothing. */
static bool parse_manner(struct reader *r, struct rules_part *manner, bool *alone)
{
    for (*alone = false; !*alone; skip_blanks(r)) {
        const char *start = r->p;
        struct span word = take_word(r);
        bool by_line = span_is(word, "lines");
        int64_t *time = span_is(word, "delay")             ? &manner->delay
                        : by_line || span_is(word, "drip") ? &manner->pace
                                                           : NULL;
        if (time == NULL || *time > 0) {
            r->p = start;
            return true;
        }
        skip_blanks(r);
        start = r->p;
        if (!number_take_time(&r->p, time))
            return expect(r, start, "a time, as in 5s, 200ms or 1m");
        manner->by_line = manner->by_line || by_line;
        skip_blanks(r);
        *alone = ends_action(*r->p);
        if (!*alone && *r->p++ != ',')
            return expect(r, r->p - 1, "a comma and another action, a semicolon, or the end");
    }
    return true;
}

/* Takes a reply, or an end. */
static bool parse_what(struct reader *r, struct rule *rule, bool first, const char *expected)
{
    struct rules_part *part = &rule->parts[rule->n_parts - 1];
    if (ascii_is_digit(*r->p))
        return parse_reply(r, rule, first);
    struct span word = take_word(r);
    part->end = span_is(word, "drop")    ? RULES_DROP
                : span_is(word, "reset") ? RULES_RESET
                : span_is(word, "stall") ? RULES_STALL
                                         : RULES_GO_ON;
    if (part->end == RULES_GO_ON)
        return expect(r, word.p, expected);
    if (first)
        rule->action = part->end;
    skip_blanks(r);
    return *r->p == '\0' || expect(r, r->p, "the end");
}

/* Takes the actions.  Those without a delay between them are one part; but replies after the usual one, which is not
   among the rule's, are another. */
static bool parse_actions(struct reader *r, struct rule *rule)
{
    for (bool first = true, alone;; first = false, r->p++) {
        struct rules_part manner = {.delay = 0};
        const char *start = r->p + strspn(r->p, " \t");
        r->p = start;
        if (!parse_manner(r, &manner, &alone))
            return false;
        bool usual = !first && rule->n_parts == 1 && rule->action == RULES_GO_ON && ascii_is_digit(*r->p);
        bool begins = first || manner.delay > 0 || manner.pace > 0 || usual;
        if (usual && manner.pace == 0) {
            manner.pace = rule->parts[0].pace;
            manner.by_line = rule->parts[0].by_line;
        }
        if (rule->n_parts == RULES_PARTS_MAX && begins)
            return expect(r, start, "at most 8 actions with delays");
        if (begins)
            rule->parts[rule->n_parts++] = manner;
        const char *expected =
            r->p > start ? "a reply code and its text, drop, reset or stall"
            : first      ? "a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME"
                    : "a reply code and its text, drop, reset, stall, delay TIME, drip TIME or lines TIME after the "
                      "semicolon; in a text, write \\; for a semicolon";
        if (!alone && !parse_what(r, rule, first, expected))
            return false;
        struct rules_part *part = &rule->parts[rule->n_parts - 1];
        part->reply_end = rule->reply_n;
        if (*r->p == '\0')
            return true;
        if (part->end == RULES_CLOSE || rule->code == 421)
            return expect(r, r->p, "the end, as 421 closes the connection");
    }
}

const char *rules_parse(struct rule *rule, const char *text, const char **at)
{
    struct reader r = {text, NULL};
    const struct event *event;
    rule->text = text;
    if (parse_event(&r, rule, &event) && parse_conditions(&r, rule, event))
        (void)parse_actions(&r, rule);
    *at = r.p;
    return r.expected;
}

struct span rules_mechanism(const struct rule *r)
{
    const char *slash = r->event == SMTP_AUTH && r->pattern.n > 0 ? memchr(r->pattern.p, '/', r->pattern.n) : NULL;
    struct span name = slash != NULL ? span_between(r->pattern.p, slash) : (struct span){NULL, 0};
    return sasl_is_name(name) ? name : (struct span){NULL, 0};
}

/* ---- matching ---- */

bool rules_glob(struct span pattern, struct span text)
{
    /* after the last star: the pattern, and the text that it was tried on last */
    struct span star = {NULL, 0}, retry = {NULL, 0};
    for (;;) {
        if (pattern.n > 0 && *pattern.p == '*') {
            span_skip(&pattern, 1);
            star = pattern;
            retry = text;
            continue;
        }
        if (pattern.n == 0 && text.n == 0)
            return true;
        bool quoted = pattern.n > 1 && *pattern.p == '\\';
        const char *one = quoted ? pattern.p + 1 : pattern.p;
        if (pattern.n > 0 && text.n > 0 && (ascii_lower(*one) == ascii_lower(*text.p) || (!quoted && *one == '?'))) {
            span_skip(&pattern, quoted ? 2 : 1);
            span_skip(&text, 1);
            continue;
        }
        if (star.p == NULL || retry.n == 0)
            return false;
        span_skip(&retry, 1);
        pattern = star;
        text = retry;
    }
}

/* Each recipient is an argument, and there may be none of these; anything else has one. */
static size_t count_arguments(const struct rule *r, const struct rules_occasion *o)
{
    return r->event != SMTP_NONE && o->mail != NULL ? o->mail->n_recipients : 1;
}

static struct span argument_at(const struct rule *r, const struct rules_occasion *o, size_t i)
{
    bool by_step = o->step != NULL && r->pattern.p != NULL && memchr(r->pattern.p, '/', r->pattern.n) != NULL;
    if (r->event == SMTP_NONE)
        return o->line;
    if (o->mail != NULL)
        return o->mail->recipients[i].address;
    return by_step ? span_of(o->step) : o->argument;
}

static bool matches(const struct rule *r, struct span argument)
{
    return r->pattern.p == NULL || (argument.p != NULL && rules_glob(r->pattern, argument));
}

static bool matches_any(const struct rule *r, const struct rules_occasion *o)
{
    size_t i = 0, n = count_arguments(r, o);
    if (r->pattern.p == NULL)
        return true;
    while (i < n && !matches(r, argument_at(r, o, i)))
        i++;
    return i < n;
}

/* splitmix64: a good draw from any seed. */
static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* ---- counting ---- */

/* Counts once more for a key; returns the number of times.  The oldest count is forgotten if there is no room. */
static uint32_t count(struct rules_past *past, uint64_t key)
{
    uint32_t *list = &past->lists[key % RULES_COUNTS_MAX], i = *list;
    while (i > 0 && past->counts[i - 1].key != key)
        i = past->counts[i - 1].after;
    if (i == 0) {
        uint32_t place = past->made;
        past->made = (place + 1) % RULES_COUNTS_MAX;
        uint32_t *before = &past->lists[past->counts[place].key % RULES_COUNTS_MAX];
        while (*before > 0 && *before != place + 1)
            before = &past->counts[*before - 1].after;
        if (*before > 0)
            *before = past->counts[place].after;
        past->counts[place].key = key;
        past->counts[place].n = 0;
        past->counts[place].after = *list;
        i = *list = place + 1;
    }
    uint32_t *n = &past->counts[i - 1].n;
    *n += *n < UINT32_MAX;
    return *n;
}

/* Whether a rule that applies has not had its times on this connection, or for one of the arguments; counts them all.
 */
static bool is_among_first(const struct rule *r, const struct rules_occasion *o, size_t place)
{
    uint64_t seed = place;
    bool among = false;
    if (r->scope == RULES_RUN)
        return r->applied <= r->first;
    if (r->scope == RULES_CONNECTION) {
        seed += o->session * RULES_MAX;
        return count(o->past, draw(&seed)) <= r->first;
    }
    for (size_t i = 0, n = count_arguments(r, o); i < n; i++) {
        struct span argument = argument_at(r, o, i);
        uint64_t key = seed;
        if (!matches(r, argument))
            continue;
        for (; argument.n > 0; span_skip(&argument, 1))
            key = draw(&key) ^ (unsigned char)ascii_lower(*argument.p);
        among |= count(o->past, draw(&key)) <= r->first;
    }
    return among;
}

/* Whether this is one time too many since the first one that began the present time. */
static bool is_too_often(struct rule *r, int64_t now)
{
    if (r->recent == 0 || now - r->since >= r->within) {
        r->since = now;
        r->recent = 0;
    }
    return ++r->recent > r->more;
}

static bool acts(struct rule *r, const struct rules_occasion *o, size_t place)
{
    r->applied++;
    if (r->first > 0)
        return is_among_first(r, o, place);
    if (r->more > 0)
        return is_too_often(r, o->now);
    return r->percent == 0 || draw(&r->random) % 100 < r->percent;
}

struct rule *rules_find(struct rule *rules, size_t n, const struct rules_occasion *o)
{
    for (size_t i = 0; i < n; i++) {
        struct rule *r = &rules[i];
        bool named = r->event == o->event || (r->event == SMTP_NONE && rules_is_command(o->event));
        bool here = named && (!o->refused || r->overrules) && (!r->extended || o->extended) &&
                    (r->event != SMTP_BODY || (o->before < r->after && r->after <= o->octets)) &&
                    (r->larger == 0 || o->size > r->larger) && (r->content.p == NULL || o->contents >> i & 1);
        if (here && matches_any(r, o) && acts(r, o, i)) {
            r->fired++;
            return r;
        }
    }
    return NULL;
}

void rules_seed(struct rule *rules, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t state = seed + i;
        rules[i].random = draw(&state);
    }
}
