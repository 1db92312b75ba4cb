/* SPDX-License-Identifier: ISC */
/*
 * smtp.c - the protocol engine: cutting lines, and the states of a session.
 *
 * The application lends input and room for output.  smtp_next() first commits
 * the event before (its reply joins the output, its effect the state), then
 * looks for the next: a command line, or, between 354 and CRLF.CRLF, mail data.
 * The next reply is composed after those already given, and joins them only at
 * the commit, so a replacement costs nothing and a refusal leaves no trace.
 *
 * command.c interprets a line, data.c the mail data.  The effect of a command on
 * the state is in one place, apply(), and comes once the reply is given.
 */
#include "smtp.h"

#include <assert.h>
#include <string.h>

#include "smtp/objection.h"

/* The LF that ends the line that begins the input, looked for from there up to limit; strictly, it is one after CR. */
static char *find_line_end(const struct smtp *s, size_t from, size_t limit)
{
    char *lf;
    while ((lf = memchr(s->in + from, '\n', limit - from)) != NULL) {
        if (!smtp_minds(s, PROBLEM_BARE_LF_COMMAND) || (lf > s->in && lf[-1] == '\r'))
            return lf;
        from = (size_t)(lf + 1 - s->in);
    }
    return NULL;
}

/* Passes over a line that is too long.  Only CRLF ends it, so that no part of the line is taken for a command. */
static bool skip_line(struct smtp *s, struct smtp_event *e)
{
    while (s->in < s->in_end) {
        char *lf = memchr(s->in, '\n', (size_t)(s->in_end - s->in)), *start = s->in;
        s->in = lf != NULL ? lf + 1 : s->in_end;
        s->size += (uint64_t)(s->in - start);
        bool cr = lf != start ? (lf != NULL ? lf : s->in_end)[-1] == '\r' : s->skipped_cr;
        s->skipped_cr = lf == NULL && cr;
        span_wipe(start, s->long_auth ? (size_t)(s->in - start) : 0);
        if (lf != NULL && cr) {
            s->skipping = false;
            e->size = s->size;
            return true;
        }
    }
    return false;
}

/* Whether a command line, or the rest of one that is too long, has come whole. */
static bool take_line(struct smtp *s, struct smtp_event *e)
{
    if (s->skipping)
        return skip_line(s, e);
    size_t n = (size_t)(s->in_end - s->in), most = SMTP_LINE_MAX;
    if (n >= most && (s->state == STATE_AUTH || span_starts((struct span){s->in, n}, "AUTH ")))
        most = SMTP_AUTH_LINE_MAX;
    size_t limit = n < most ? n : most;
    s->line = s->in;
    char *lf = limit > s->seen ? find_line_end(s, s->seen, limit) : NULL;
    if (lf != NULL) {
        bool crlf = lf > s->in && lf[-1] == '\r';
        if (!crlf)
            problems_add(&e->problems, PROBLEM_BARE_LF_COMMAND);
        e->line = span_between(s->in, crlf ? lf - 1 : lf);
        s->seen = 0;
        s->in = lf + 1;
        return true;
    }
    s->seen = (uint16_t)limit;
    if (limit < most)
        return false;
    s->seen = 0;
    s->skipping = true;
    s->skipped_cr = s->in[most - 1] == '\r';
    s->long_auth = most == SMTP_AUTH_LINE_MAX;
    s->size = most;
    span_wipe(s->in, s->long_auth ? most : 0);
    s->in += most;
    return skip_line(s, e);
}

/* Octets that have come already after a command were sent before its reply.  STARTTLS has a problem of its own. */
static void note_pipelining(const struct smtp *s, struct smtp_event *e)
{
    enum smtp_event_type t = e->type;
    bool offered = s->config->extensions & SMTP_EXT_PIPELINING && s->extended;
    bool auth = t == SMTP_AUTH &&
                !(e->mechanism == SASL_PLAIN && e->code == 235); /* PLAIN with its response needs no other line */
    if (t == SMTP_BDAT || t == SMTP_STARTTLS)
        return;
    /* commands whose reply has to be waited for; RFC 2920 3.1, RFC 4954 4 */
    if (auth || t == SMTP_HELO || t == SMTP_DATA || t == SMTP_VRFY || t == SMTP_EXPN || t == SMTP_NOOP ||
        t == SMTP_QUIT)
        problems_add(&e->problems, PROBLEM_PIPELINING_SYNC);
    else if (!offered)
        problems_add(&e->problems, PROBLEM_PIPELINING);
}

/* Whether the client begins a TLS handshake; RFC 8446 5.1 */
static bool begins_tls(const struct smtp *s)
{
    return s->in[0] == 0x16 && smtp_left(s) >= 3 && s->in[1] == 3 && (unsigned char)s->in[2] <= 4 && !s->skipping;
}

static bool next_command(struct smtp *s, struct smtp_event *e)
{
    if (begins_tls(s)) {
        s->event = e->type = SMTP_UNKNOWN;
        s->in = s->in_end;
        s->seen = 0;
        objection_refuse(s, e, objection_raise(s, e, OBJECTION_TLS));
        return true;
    }
    if (!take_line(s, e))
        return false;
    if (e->line.p == NULL) {
        s->event = e->type = s->state == STATE_AUTH ? SMTP_AUTH : SMTP_UNKNOWN;
        problems_add(&e->problems, PROBLEM_LONG_COMMAND);
        enum objection_name name = s->long_auth ? OBJECTION_LONG_AUTH : OBJECTION_LONG_LINE;
        if (s->state == STATE_GREETED) /* no client introduces itself so, but HTTP has long requests */
            name = OBJECTION_HTTP;
        objection_refuse(s, e, objection_raise(s, e, name));
    } else if (s->state == STATE_AUTH) {
        auth_respond(s, e);
    } else {
        command_interpret(s, e);
    }
    return true;
}

/* ---- the session ---- */

void smtp_init(struct smtp *s, const struct smtp_config *config, uint64_t nonce)
{
    static char nothing[1];
    memset(s, 0, sizeof *s);
    s->config = config;
    s->nonce = nonce;
    s->in = s->in_end = nothing;
    s->state = STATE_CONNECTED;
}

/* Ends a transaction, if there is one; RFC 5321 4.1.1.5 */
static void reset(struct smtp *s)
{
    if (s->state > STATE_READY)
        s->state = STATE_READY;
    s->recipients = s->answered = 0;
    s->more = s->path_refused = false;
}

static void apply_auth(struct smtp *s, bool good)
{
    if (good && s->code >= 300) {
        s->state = STATE_AUTH;
        s->step = s->next_step;
        return;
    }
    s->authenticated = s->authenticated || good;
    s->wary = !good || s->next_step != STEP_FAILED; /* if it was cut short, a password may still come */
    if (s->state == STATE_AUTH)
        s->state = STATE_READY;
}

/* A chunk that fails ends the transaction, whether its size is known or not (RFC 3030 2), except with 502, which says
   that there are no chunks. */
static void apply_chunk(struct smtp *s, bool good)
{
    if (good) {
        s->state = STATE_CHUNKS;
    } else if (s->legal || (s->code != 502 && (s->state == STATE_RCPT || s->state == STATE_CHUNKS))) {
        reset(s);
        s->path_refused = true;
    }
}

static void apply_eom(struct smtp *s)
{
    s->answered++;
    s->more = s->config->lmtp && s->answered < s->recipients;
    if (!s->more)
        reset(s);
}

/* The events that have an effect whatever the reply. */
enum { WHATEVER = 1 << SMTP_CONNECT | 1 << SMTP_AUTH | 1 << SMTP_BDAT | 1 << SMTP_CHUNK | 1 << SMTP_EOM };

/* Lets a command take effect, once its reply is given; positive: the code is. */
static void apply(struct smtp *s, enum smtp_event_type event, bool positive)
{
    bool good = s->legal && positive;
    if (event == SMTP_MAIL)
        s->path_refused = !positive;
    if (event == SMTP_RCPT && !positive)
        s->path_refused = true;
    if (!good && !(WHATEVER & 1u << event))
        return;
    switch (event) {
    case SMTP_CONNECT:
        s->state = good ? STATE_GREETED : STATE_REFUSED;
        break;
    case SMTP_HELO:
        reset(s);
        s->state = STATE_READY;
        s->extended = s->extended_asked;
        break;
    case SMTP_STARTTLS:
        reset(s);
        s->state = STATE_HANDSHAKE;
        break;
    case SMTP_AUTH:
        apply_auth(s, good);
        break;
    case SMTP_MAIL:
        s->state = STATE_MAIL;
        s->recipients = 0; /* of a transaction that it ends, if that was overruled */
        s->mail = s->asked;
        break;
    case SMTP_RCPT:
        s->state = STATE_RCPT;
        s->recipients++;
        break;
    case SMTP_DATA:
        s->state = STATE_DATA;
        s->last = false;
        data_begin(s);
        break;
    case SMTP_BDAT:
    case SMTP_CHUNK:
        apply_chunk(s, good);
        break;
    case SMTP_EOM:
        apply_eom(s);
        break;
    case SMTP_RSET:
        reset(s);
        break;
    case SMTP_XCLIENT:
        reset(s);
        s->state = STATE_GREETED;
        s->extended = false;
        s->authenticated = s->login_asked;
        break;
    case SMTP_QUIT:
        s->state = STATE_CLOSED;
        break;
    case SMTP_NONE:
    case SMTP_BODY:
    case SMTP_NOOP:
    case SMTP_VRFY:
    case SMTP_EXPN:
    case SMTP_HELP:
    case SMTP_ARGV:
    case SMTP_UNKNOWN:
        break;
    }
}

void smtp_commit(struct smtp *s)
{
    enum smtp_event_type event = (enum smtp_event_type)s->event;
    if (event == SMTP_NONE)
        return;
    span_wipe(s->secret, s->secret_n);
    s->secret_n = 0;
    s->event = SMTP_NONE;
    s->out_n += s->reply_n;
    s->reply_n = 0;
    if (s->code == 421 || s->closing)
        s->state = STATE_CLOSED; /* RFC 5321 3.8 */
    else
        apply(s, event, smtp_is_positive(event, s->code));
    bool refused = s->code >= 500 && (!s->legal || event == SMTP_AUTH || event == SMTP_HELO);
    s->refused = refused ? s->refused + 1 : 0;
}

static bool greet(struct smtp *s, struct smtp_event *e)
{
    s->event = e->type = SMTP_CONNECT;
    s->legal = true;
    reply_greeting(s, e);
    return true;
}

bool smtp_next(struct smtp *s, struct smtp_event *e)
{
    if (s->event != SMTP_NONE)
        smtp_commit(s);
    if (!smtp_goes_on(s)) {
        span_wipe(s->in, smtp_left(s)); /* nobody has looked at it */
        s->in = s->in_end;
        return false;
    }
    bool waits = s->state != STATE_CONNECTED && !s->more && !(s->in_chunk && s->chunk == 0); /* for the client */
    if (smtp_is_full(s) || (waits && s->in == s->in_end))
        return false;
    *e = (struct smtp_event){.type = SMTP_NONE};
    bool found;
    if (s->more)
        found = data_end(s, e);
    else if (s->in_chunk)
        found = data_next_of_chunk(s, e);
    else if (s->state == STATE_DATA)
        found = data_next(s, e);
    else if (s->state == STATE_CONNECTED)
        found = greet(s, e);
    else
        found = next_command(s, e);
    if (e->code == 0)
        return found;
    if (s->in < s->in_end && e->type != SMTP_CONNECT && e->type != SMTP_CHUNK && e->recipient <= 1)
        note_pipelining(s, e);
    if (s->refused >= SMTP_REFUSED_MAX && e->code >= 500 && e->type != SMTP_EOM)
        objection_refuse(s, e, objection_raise(s, e, OBJECTION_TOO_MANY_REFUSED)); /* RFC 5321 7.8 */
    return true;
}

void smtp_close(struct smtp *s, const char *enhanced, const char *text)
{
    struct smtp_event e;
    if (s->state == STATE_CLOSED)
        return;
    s->event = SMTP_UNKNOWN;
    smtp_reply(s, &e, 421, enhanced, text);
    smtp_commit(s);
}

void smtp_close_raw(struct smtp *s, struct span wire)
{
    struct smtp_event e;
    if (s->state == STATE_CLOSED)
        return;
    s->event = SMTP_UNKNOWN;
    smtp_reply_raw(s, &e, 421, wire);
    smtp_commit(s);
}

void smtp_secure(struct smtp *s)
{
    assert(s->state == STATE_HANDSHAKE || s->state == STATE_CONNECTED);
    s->secure = true;
    if (s->state == STATE_HANDSHAKE)
        s->state = STATE_GREETED;
    s->authenticated = false;
}

bool smtp_in_message(const struct smtp *s)
{
    bool chunk = s->in_chunk || s->event == SMTP_CHUNK || s->event == SMTP_EOM;
    if (s->state == STATE_CLOSED)
        return false;
    return s->state == STATE_DATA || s->state == STATE_CHUNKS || s->more || (chunk && s->chunk_refused == NULL);
}
