/* SPDX-License-Identifier: ISC */
/*
 * inside.h - the session, and what the files of the engine share.
 */
#ifndef SMTP_INSIDE_H
#define SMTP_INSIDE_H

#include "smtp/event.h"

enum smtp_state {
    STATE_CONNECTED, /* the greeting is not given yet */
    STATE_REFUSED,   /* the greeting was negative: only QUIT is answered; RFC 5321 3.1 */
    STATE_GREETED,
    STATE_READY, /* after HELO, EHLO or LHLO */
    STATE_AUTH,  /* a response to a challenge is awaited */
    STATE_MAIL,
    STATE_RCPT,
    STATE_DATA,
    STATE_CHUNKS, /* a chunk has come, and not yet the last */
    STATE_HANDSHAKE,
    STATE_CLOSED,
};

/* The response that AUTH awaits; after STEP_FAILED any response fails. */
enum smtp_step { STEP_FIRST, STEP_SECOND, STEP_LAST, STEP_FAILED };

/* The part of CRLF.CRLF, or of LF.LF, which ends nothing, that the mail data so far end with. */
enum smtp_dot { DOT_NONE, DOT_CR, DOT_CRLF, DOT_DOT, DOT_DOT_CR, DOT_LF, DOT_LF_DOT, DOT_LF_DOT_CR };

/* The line ends around a single dot that did not end the mail data. */
enum smtp_lone_dot { LONE_DOT_NONE, LONE_DOT_LF_LF, LONE_DOT_LF_CRLF, LONE_DOT_CRLF_LF };

/* The parameters of MAIL that matter later. */
struct smtp_declared {
    uint64_t size;               /* RFC 1870; 0 if none */
    bool utf8, binary, eightbit; /* SMTPUTF8 (RFC 6531), BODY=BINARYMIME (RFC 3030), BODY=8BITMIME */
};

/* A session.  The application allocates it and touches nothing in it. */
struct smtp {
    const struct smtp_config *config;
    char *in; /* lent input that is not yet consumed */
    char *in_end;
    char *line; /* the current command, in the input */
    char *out;  /* lent room */
    size_t out_size;
    size_t out_n;   /* octets of replies given */
    size_t reply_n; /* octets of the reply prepared after them */
    char *secret;   /* the secret part of the current command */
    size_t secret_n;
    uint64_t nonce;                /* of the challenge of CRAM-MD5 or SCRAM */
    uint64_t size;                 /* of the mail data, or of a line that is too long, so far */
    struct ends ends;              /* of the lines of the mail data, if they are examined */
    struct smtp_declared mail;     /* by the MAIL in effect */
    struct smtp_declared asked;    /* by the MAIL that is not yet committed */
    struct problems data_problems; /* of the mail data so far */
    uint64_t recipients;
    uint64_t answered; /* LMTP: recipients whose reply to the mail data is given */
    uint64_t chunk;    /* octets of the chunk still to come */
    uint64_t chunk_size;
    const struct objection *chunk_refused; /* what refuses the chunk, at its end; NULL: nothing */
    uint32_t gs2_sum;                      /* SCRAM: of the GS2 header of the current AUTH */
    uint32_t lines;                        /* examined: line ends of the mail data so far */
    uint16_t seen;                         /* octets of an unfinished line that hold no line end */
    uint16_t refused;                      /* refused commands in a row */
    uint16_t mechanism;                    /* of the current AUTH: its place in config->mechanisms */
    int16_t code;                          /* of the reply prepared */
    uint8_t event;                         /* the event whose reply is prepared */
    uint8_t state;
    uint8_t dot;
    uint8_t lone_dot;    /* the last one in the mail data */
    uint8_t step;        /* the response it awaits */
    uint8_t next_step;   /* the response it awaits after the reply prepared */
    bool legal;          /* the command of that event was in order and well-formed */
    bool closing;        /* its reply is the last */
    bool in_chunk;       /* octets of a chunk, or its end, are awaited */
    bool last;           /* it is the last chunk */
    bool more;           /* LMTP: the mail data are complete, and a recipient's reply is due */
    bool plain;          /* the current command is ASCII and has no control below 0x0e */
    bool extended;       /* the client said EHLO or LHLO */
    bool extended_asked; /* the same for the command that is not yet committed */
    bool path_refused;   /* MAIL, RCPT or a chunk was: commands pipelined after it are not out of order */
    bool secure;         /* TLS is in place */
    bool authenticated;  /* RFC 4954 */
    /* bits, as idle connections are many */
    bool skipping : 1;    /* a line that is too long is being passed over */
    bool skipped_cr : 1;  /* its last octet so far is CR */
    bool long_auth : 1;   /* it begins like AUTH, or responds to a challenge */
    bool login_asked : 1; /* the XCLIENT that is not yet committed has a LOGIN */
    bool wary : 1;        /* AUTH was refused, and no known command came since */
};

/* Whether a command or a message with this problem is refused. */
static inline bool smtp_minds(const struct smtp *s, enum problem problem)
{
    return s->config->strict && !problems_have(&s->config->allowed, problem);
}

/* ---- reply ---- */

/*
 * A reply that never changes, as it goes over the wire, so that it need only be
 * copied.  Where enhanced status codes are not offered, its own is left out, with
 * the blank after it.
 */
struct smtp_canned {
    int16_t code;
    uint8_t enhanced; /* octets of the status code of RFC 3463 and its blank, 0 if it has none */
    uint8_t n;        /* octets in all */
    const char *wire;
};

enum { CANNED_CODE = sizeof "250 " - 1 /* octets before the enhanced status code */ };

/* code is a literal; enhanced is a status code and a blank, or ""; at most 255 octets in all. */
/* clang-format off */ /* of which two versions differ here */
#define CANNED(code, enhanced, text) \
    { \
        code, sizeof(enhanced) - 1, sizeof(#code " " enhanced text "\r\n") - 1, #code " " enhanced text "\r\n" \
    }
/* clang-format on */

/* As smtp_reply(). */
void reply_canned(struct smtp *s, struct smtp_event *e, const struct smtp_canned *reply);

/* Prepares the greeting, 220. */
void reply_greeting(struct smtp *s, struct smtp_event *e);

/* Adds words to a string that has room for them; returns its new end. */
static inline char *string_add(char *end, const char *words)
{
    size_t n = strlen(words);
    memcpy(end, words, n + 1);
    return end + n;
}

/* ---- command, parameter, extension ---- */

/* Fills the event from the command in e->line, and prepares its reply. */
void command_interpret(struct smtp *s, struct smtp_event *e);

struct objection;

/* Reads the parameters of MAIL or RCPT, each with its blanks before it.  Returns what stands against them, or NULL. */
const struct objection *parameter_parse(struct smtp *s, struct smtp_event *e, struct span parameters);

/* The extensions of this session, a set of enum smtp_extension. */
unsigned extension_offered(const struct smtp *s);

/* Prepares the reply to EHLO: our name, then a line for each extension (RFC 5321 4.1.1.1). */
void extension_list(struct smtp *s, struct smtp_event *e);

/* ---- xclient ---- */

/* Reads the argument of XCLIENT, which is offered.  Returns what stands against it, or NULL. */
const struct objection *xclient_parse(struct smtp *s, struct smtp_event *e);

/* ---- auth ---- */

/* Reads the argument of AUTH.  Returns what stands against it, or NULL. */
const struct objection *auth_parse(struct smtp *s, struct smtp_event *e);

/* Fills the event from a line that answers a challenge, and prepares its reply. */
void auth_respond(struct smtp *s, struct smtp_event *e);

/*
 * Hides secrets in a line that is AUTH, or no command.  Of what looks like AUTH,
 * however malformed, only the word and what may be a mechanism are shown.  Of
 * any other line nothing is shown if an AUTH was refused before: some clients
 * send the password all the same.
 */
void auth_hide(struct smtp *s, struct smtp_event *e);

/* ---- data ---- */

/* Begins mail data. */
void data_begin(struct smtp *s);

/* Finds the next event of the mail data of DATA, or of a chunk; false if more input is needed. */
bool data_next(struct smtp *s, struct smtp_event *e);
bool data_next_of_chunk(struct smtp *s, struct smtp_event *e);

/* Makes the event of their end; with LMTP once for each recipient (RFC 2033 4.2).  Returns true. */
bool data_end(struct smtp *s, struct smtp_event *e);

/* ---- path ---- */

/*
 * Looks for a path at the front of t: "<" [source-route] mailbox ">", or "<>".
 * Returns where it ends, or NULL if it is malformed.  *address becomes the
 * mailbox as written, without brackets and source route, and is empty for "<>";
 * it points into t.
 *
 * It takes more than the grammar, as mail servers do: missing brackets, a
 * mailbox without a domain, dots anywhere in a local part, underscores in a
 * domain, lengths beyond RFC 5321 4.5.3.1.  *problem becomes the first such
 * departure, or PROBLEMS if the address is to the letter.  Only a forward-path may be
 * Postmaster without a domain (RFC 5321 4.1.1.3).
 */
const char *path_end(struct span t, bool forward, struct span *address, enum problem *problem);

/* Whether it is a domain or an address literal, to the letter; RFC 5321 4.1.2, 4.1.3. */
bool path_is_host(struct span t);

/* ---- sasl ---- */

/* The login that a client sent.  Spans into the text that was parsed. */
struct sasl_login {
    struct span authzid; /* PLAIN, SCRAM: the identity to act as, if it is another */
    struct span user;
    struct span secret; /* as in struct smtp_event */
};

/* The digest of SCRAM. */
static inline const struct digest_kind *sasl_digest(enum sasl_mechanism scram)
{
    return scram == SASL_SCRAM_SHA_1 ? &digest_sha1 : &digest_sha256;
}

/*
 * Parses what a client sent, after base64, for PLAIN (RFC 4616 2), CRAM-MD5
 * (RFC 2195 2), XOAUTH2 or OAUTHBEARER (RFC 7628 3.1).  Names in text are decoded
 * in place.  False if it is malformed.
 */
bool sasl_parse(enum sasl_mechanism mechanism, char *text, size_t n, struct sasl_login *login);

/* ---- scram ---- */

enum { SCRAM_CHALLENGE_MAX = 1400 /* octets; in base64 they fit a reply */ };

/* Takes a GS2 header without channel binding (RFC 5801 4), "n,a=authzid,", off the front of t. */
bool scram_take_header(struct span *t, struct span *authzid);

/* Decodes a name (RFC 5801 4) in place; it lies in text.  False if it is malformed. */
bool scram_decode_name(char *text, struct span *name);

/* Parses the first message of the client, whose nonce becomes the secret; *gs2_sum is a sum of its GS2 header. */
bool scram_parse_first(char *text, size_t n, struct sasl_login *login, uint32_t *gs2_sum);

/* Makes the challenge that answers it, with the server's nonce: up to SCRAM_CHALLENGE_MAX octets with a NUL.  Returns
   its length. */
size_t scram_challenge(const struct digest_kind *kind, struct span client_nonce, struct span nonce, char *text);

/* Whether the last message of the client is well-formed, and has the nonce, and a header with this sum. */
bool scram_fits(struct span message, struct span nonce, uint32_t gs2_sum);

/* Whether its proof is right.  If so, answer becomes the text of the 334 that proves the same to the client. */
bool scram_verify(const struct digest_kind *kind, struct span password, struct span user, struct span message,
                  struct span nonce, char answer[SASL_ANSWER_MAX]);

#endif
