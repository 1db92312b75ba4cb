/*
 * smtp.c - the protocol engine.
 *
 * Data flow: the application lends input and room for output.  smtp_next()
 * first commits the event before (its reply joins the output, its effect the
 * state), then looks for the next: a command line, or, between 354 and
 * CRLF.CRLF, mail data.  The next reply is composed behind those already
 * given, and moves there only at the commit, so a replacement costs nothing
 * and a refusal leaves no trace.
 *
 * One table, verbs[], holds what a command is: its name, event, the states it
 * is in order in, its argument's parser and its default reply.  params[] does
 * the same for the parameters of MAIL and RCPT.  The state changes in one
 * place, apply().
 *
 * What is hard: the end of the mail data may be cut anywhere, and only
 * CRLF.CRLF ends them (RFC 5321 4.1.1.4): a bare CR or LF is data.  dot says
 * how much of "\r\n.\r\n" the octets so far end with.  CR and LF are data of
 * the message whatever follows, and go out at once; only "." and ".\r" at the
 * start of a line wait for what comes next, and as their octets are known
 * nothing of them need be kept.
 */
#include "smtp.h"

#include <assert.h>
#include <string.h>

#include "path.h"
#include "scan.h"
#include "utf8.h"

enum state {
    CONNECTED, /* nothing said yet */
    REFUSED,   /* the greeting was negative: only QUIT is answered; RFC 5321 3.1 */
    GREETED,
    READY, /* HELO or EHLO done */
    MAIL,
    RCPT,
    DATA,
    CLOSED,
};

enum dot { NOWHERE, AFTER_CR, LINE_START, AFTER_DOT, AFTER_DOT_CR };

/* sets of states */
enum {
    ANY = 1 << GREETED | 1 << READY | 1 << MAIL | 1 << RCPT,
    ALWAYS = ANY | 1 << REFUSED,
    HAVE_MAIL = 1 << MAIL | 1 << RCPT,
};

/* ---- replies ---- */

static void put(struct smtp *s, const char *text, size_t n)
{
    assert(s->reply_n + n <= SMTP_REPLY_MAX && s->out_n + s->reply_n + n <= s->out_size);
    memcpy(s->out + s->out_n + s->reply_n, text, n);
    s->reply_n += n;
}

/* One line of a reply (RFC 5321 4.2); each repeats the enhanced code (RFC 2034 4). */
static void put_line(struct smtp *s, int code, char separator, const char *enhanced, const char *text, size_t n)
{
    const char start[4] = {(char)('0' + code / 100), (char)('0' + code / 10 % 10), (char)('0' + code % 10), separator};
    put(s, start, sizeof start);
    if (enhanced != NULL) {
        put(s, enhanced, strlen(enhanced));
        put(s, " ", 1);
    }
    put(s, text, n);
    put(s, "\r\n", 2);
}

static void prepare(struct smtp *s, int code, const char *enhanced, const char *text)
{
    s->code = (int16_t)code;
    s->reply_n = 0;
    const char *lf;
    for (; (lf = strchr(text, '\n')) != NULL; text = lf + 1)
        put_line(s, code, '-', enhanced, text, (size_t)(lf - text));
    put_line(s, code, ' ', enhanced, text, strlen(text));
}

void smtp_reply(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text)
{
    assert(s->event != SMTP_NONE && code >= 200 && code <= 599);
    prepare(s, code, enhanced, text);
    e->code = code;
}

/* The engine's own verdict against a command; returns false for the parsers' sake. */
static bool refuse(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text)
{
    s->legal = false;
    smtp_reply(s, e, code, enhanced, text);
    return false;
}

/* ---- parameters of MAIL and RCPT: RFC 5321 4.1.2 ---- */

/* SIZE=n; RFC 1870 6.1.  A number beyond 64 bits is one that is too large, not one that wraps. */
static bool parse_size(struct smtp *s, struct smtp_event *e, struct span value)
{
    uint64_t size = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_is_digit(value.p[i]))
            return refuse(s, e, 501, "5.5.4", "SIZE takes a number of octets");
        uint64_t digit = (uint64_t)(value.p[i] - '0');
        size = size > (UINT64_MAX - digit) / 10 ? UINT64_MAX : size * 10 + digit;
    }
    if (value.n == 0 || value.n > 20)
        return refuse(s, e, 501, "5.5.4", "SIZE takes a number of up to 20 digits");
    if (size == UINT64_MAX || (s->config->max_size > 0 && size > s->config->max_size))
        return refuse(s, e, 552, "5.3.4", "Message is larger than SIZE allows");
    e->size = size;
    return true;
}

/* BODY=7BIT or 8BITMIME; RFC 6152 */
static bool parse_body(struct smtp *s, struct smtp_event *e, struct span value)
{
    if (span_is(value, "7BIT") || span_is(value, "8BITMIME"))
        return true;
    return refuse(s, e, 501, "5.5.4", "BODY is 7BIT or 8BITMIME");
}

/* RFC 6531 3.4 */
static bool parse_smtputf8(struct smtp *s, struct smtp_event *e, struct span value)
{
    if (value.p != NULL)
        return refuse(s, e, 501, "5.5.4", "SMTPUTF8 takes no value");
    s->utf8_asked = e->utf8 = true;
    return true;
}

static const struct param {
    const char *keyword;
    enum smtp_event_type command;
    bool (*parse)(struct smtp *s, struct smtp_event *e, struct span value); /* value.p NULL: none given */
} params[] = {
    {"SIZE", SMTP_MAIL, parse_size},
    {"BODY", SMTP_MAIL, parse_body},
    {"SMTPUTF8", SMTP_MAIL, parse_smtputf8},
};
enum { PARAMS = sizeof params / sizeof params[0] };

/* esmtp-param of RFC 5321 4.1.2: a keyword, and perhaps "=" and a value without "=", blanks or controls */
static bool split_param(struct span text, struct span *keyword, struct span *value)
{
    const char *end = text.p + text.n, *equals = memchr(text.p, '=', text.n);
    *keyword = span_between(text.p, equals != NULL ? equals : end);
    *value = equals != NULL ? span_between(equals + 1, end) : (struct span){NULL, 0};
    for (size_t i = 0; i < keyword->n; i++) {
        char c = keyword->p[i];
        if (!ascii_is_letter(c) && !ascii_is_digit(c) && (c != '-' || i == 0))
            return false;
    }
    for (size_t i = 0; i < value->n; i++) {
        char c = value->p[i];
        if (c == '=' || (!ascii_is_8bit(c) && (c <= ' ' || c == 0x7f)))
            return false;
    }
    return keyword->n > 0 && (equals == NULL || value->n > 0);
}

static bool parse_params(struct smtp *s, struct smtp_event *e, struct span t)
{
    unsigned given = 0;
    while (span_skip_spaces(&t), t.n > 0) {
        const char *space = memchr(t.p, ' ', t.n), *end = t.p + t.n;
        struct span keyword, value;
        if (!split_param(span_between(t.p, space != NULL ? space : end), &keyword, &value))
            return refuse(s, e, 501, "5.5.4", "A parameter is KEYWORD or KEYWORD=value");
        t = span_between(space != NULL ? space : end, end);
        size_t i = 0;
        while (i < PARAMS && !(params[i].command == e->type && span_is(keyword, params[i].keyword)))
            i++;
        if (i == PARAMS)
            return refuse(s, e, 555, "5.5.4", "Parameter is not recognised");
        if (given & 1u << i)
            return refuse(s, e, 501, "5.5.4", "Parameter is given twice");
        given |= 1u << i;
        if (!params[i].parse(s, e, value))
            return false;
    }
    return true;
}

/* ---- the commands: RFC 5321 4.1.1 ---- */

/* Each parser looks at the argument; false if it refused the command. */

static bool parse_none(struct smtp *s, struct smtp_event *e)
{
    return e->arg.n == 0 || refuse(s, e, 501, "5.5.4", "This command takes no argument");
}

static bool parse_any(struct smtp *s, struct smtp_event *e)
{
    (void)s, (void)e;
    return true;
}

static bool parse_string(struct smtp *s, struct smtp_event *e)
{
    return e->arg.n > 0 || refuse(s, e, 501, "5.5.4", "This command takes an argument");
}

/* The client's name is the first word; what follows is ignored, as mail servers do. */
static bool parse_helo(struct smtp *s, struct smtp_event *e)
{
    const char *space = memchr(e->arg.p, ' ', e->arg.n);
    if (space != NULL)
        e->arg = span_between(e->arg.p, space);
    bool good = e->arg.n > 0;
    for (size_t i = 0; i < e->arg.n; i++)
        good = good && e->arg.p[i] > ' ' && e->arg.p[i] < 0x7f;
    return good || refuse(s, e, 501, NULL, "Give your name: a domain or an address literal");
}

/* A decimal number, in front of end; returns its first digit. */
static char *put_number(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

/* The reply to EHLO: our name, then a line for each extension (RFC 5321 4.1.1.1). */
static bool parse_ehlo(struct smtp *s, struct smtp_event *e)
{
    static const char keywords[] = "\nPIPELINING\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nHELP\nSIZE ";
    e->extended = true;
    if (!parse_helo(s, e))
        return false;
    char text[SMTP_HOSTNAME_MAX + sizeof keywords + 20], digits[21];
    size_t n = strlen(s->config->hostname);
    assert(n <= SMTP_HOSTNAME_MAX);
    memcpy(text, s->config->hostname, n);
    memcpy(text + n, keywords, sizeof keywords - 1);
    n += sizeof keywords - 1;
    digits[20] = '\0';
    const char *size = put_number(digits + 20, s->config->max_size);
    memcpy(text + n, size, strlen(size) + 1);
    smtp_reply(s, e, 250, NULL, text);
    return true;
}

/* "FROM:" or "TO:", a path, parameters.  A space after the colon is taken, as mail servers take it. */
static bool parse_path(struct smtp *s, struct smtp_event *e, const char *prefix)
{
    struct span t = e->arg;
    e->arg = (struct span){NULL, 0};
    if (!span_starts(t, prefix))
        return refuse(s, e, 501, "5.5.4", e->type == SMTP_MAIL ? "Say MAIL FROM:<address>" : "Say RCPT TO:<address>");
    t = span_between(t.p + strlen(prefix), t.p + t.n);
    span_skip_spaces(&t);
    struct span address;
    if (!path_take(&t, &address) || (t.n > 0 && *t.p != ' '))
        return refuse(s, e, 501, e->type == SMTP_MAIL ? "5.1.7" : "5.1.3", "The address is not well-formed");
    e->arg = address;
    struct span given = t;
    span_skip_spaces(&given);
    e->params = given;
    return parse_params(s, e, t);
}

/* Addresses outside ASCII need SMTPUTF8 with MAIL; RFC 6531 3.5 */
static bool check_utf8(struct smtp *s, struct smtp_event *e, bool allowed)
{
    if (!span_has_8bit(e->line))
        return true;
    if (!allowed)
        return refuse(s, e, 553, "5.6.7", "An address outside ASCII needs SMTPUTF8 with MAIL");
    return utf8_is_valid(e->line) || refuse(s, e, 501, "5.5.2", "This is not UTF-8");
}

static bool parse_mail(struct smtp *s, struct smtp_event *e)
{
    s->utf8_asked = false;
    return parse_path(s, e, "FROM:") && check_utf8(s, e, s->utf8_asked);
}

static bool parse_rcpt(struct smtp *s, struct smtp_event *e)
{
    if (!parse_path(s, e, "TO:") || !check_utf8(s, e, s->utf8))
        return false;
    if (e->arg.n == 0)
        return refuse(s, e, 501, "5.1.3", "The forward-path is empty");
    if (s->config->max_recipients > 0 && s->recipients >= s->config->max_recipients)
        return refuse(s, e, 452, "4.5.3", "Too many recipients"); /* RFC 5321 4.5.3.1.10 */
    return true;
}

static const struct verb {
    const char *name;
    enum smtp_event_type event;
    unsigned in_order; /* the set of states */
    bool (*parse)(struct smtp *s, struct smtp_event *e);
    int code; /* the default reply */
    const char *enhanced;
    const char *text; /* NULL: our hostname */
} verbs[] = {
    {"EHLO", SMTP_HELO, ANY, parse_ehlo, 250, NULL, NULL},
    {"HELO", SMTP_HELO, ANY, parse_helo, 250, NULL, NULL},
    {"MAIL", SMTP_MAIL, 1 << READY, parse_mail, 250, "2.1.0", "Sender ok"},
    {"RCPT", SMTP_RCPT, HAVE_MAIL, parse_rcpt, 250, "2.1.5", "Recipient ok"},
    {"DATA", SMTP_DATA, 1 << RCPT, parse_none, 354, NULL, "Send the message, end with <CRLF>.<CRLF>"},
    {"RSET", SMTP_RSET, ANY, parse_none, 250, "2.0.0", "Ok"},
    {"NOOP", SMTP_NOOP, ANY, parse_any, 250, "2.0.0", "Ok"},
    {"QUIT", SMTP_QUIT, ALWAYS, parse_none, 221, "2.0.0", "Bye"},
    {"VRFY", SMTP_VRFY, ANY, parse_string, 252, "2.1.5", "Not verified, but mail for it will be taken"},
    {"EXPN", SMTP_EXPN, ANY, parse_any, 502, "5.5.1", "There are no lists here"},
    {"HELP", SMTP_HELP, ANY, parse_any, 214, "2.0.0",
     "EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP\nMail is taken and delivered nowhere"},
    {"SEND", SMTP_UNKNOWN, ALWAYS, parse_any, 502, "5.5.1", "Command is obsolete"},
    {"SOML", SMTP_UNKNOWN, ALWAYS, parse_any, 502, "5.5.1", "Command is obsolete"},
    {"SAML", SMTP_UNKNOWN, ALWAYS, parse_any, 502, "5.5.1", "Command is obsolete"},
    {"TURN", SMTP_UNKNOWN, ALWAYS, parse_any, 502, "5.5.1", "Command is obsolete"},
    {"ETRN", SMTP_UNKNOWN, ALWAYS, parse_any, 502, "5.5.1", "There is no queue here"},
    {"ATRN", SMTP_UNKNOWN, ALWAYS, parse_any, 502, "5.5.1", "There is no queue here"},
    {NULL, SMTP_UNKNOWN, ALWAYS, parse_any, 500, "5.5.1", "Command is not recognised"},
};

static const char *out_of_order(const struct smtp *s, enum smtp_event_type event)
{
    if (s->state == REFUSED)
        return "Service is not available";
    if (s->state == GREETED)
        return "Say EHLO or HELO first";
    if (event == SMTP_MAIL)
        return "There is a sender already";
    return s->state == READY ? "Say MAIL first" : "Say RCPT first";
}

/* A browser or a script that was led here speaks HTTP; what follows must not be read as commands. */
static bool is_http(struct span line)
{
    static const char *const methods[] = {"GET ",     "POST ",  "HEAD ",    "PUT ",  "DELETE ",
                                          "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (span_starts(line, methods[i]))
            return true;
    }
    return false;
}

static void refuse_http(struct smtp *s, struct smtp_event *e) { refuse(s, e, 421, "4.7.0", "This is SMTP, not HTTP"); }

static void interpret(struct smtp *s, struct smtp_event *e)
{
    const char *end = e->line.p + e->line.n;
    while (end > e->line.p && (end[-1] == ' ' || end[-1] == '\t'))
        end--; /* RFC 5321 4.1.1: trailing white space is tolerated */
    const char *space = memchr(e->line.p, ' ', (size_t)(end - e->line.p));
    struct span name = span_between(e->line.p, space != NULL ? space : end);
    e->arg = span_between(space != NULL ? space : end, end);
    span_skip_spaces(&e->arg);
    if (memchr(e->line.p, '\0', e->line.n) != NULL || memchr(e->line.p, '\r', e->line.n) != NULL) {
        s->event = e->type = SMTP_UNKNOWN;
        refuse(s, e, 500, "5.5.2", "A command holds no NUL and no CR");
        return;
    }

    const struct verb *v = verbs;
    while (v->name != NULL && !span_is(name, v->name))
        v++;
    s->event = (uint8_t)(e->type = v->event);
    smtp_reply(s, e, v->code, v->enhanced, v->text != NULL ? v->text : s->config->hostname);
    s->legal = v->code < 400;
    if (!(v->in_order & 1u << s->state))
        refuse(s, e, 503, "5.5.1", out_of_order(s, v->event));
    else if (v->name == NULL && is_http(e->line))
        refuse_http(s, e);
    else
        v->parse(s, e);
}

/* Whether a command line, or the rest of one that is too long, has come whole. */
static bool take_line(struct smtp *s, struct smtp_event *e)
{
    size_t n = (size_t)(s->in_end - s->in), limit = n < SMTP_LINE_MAX ? n : SMTP_LINE_MAX;
    if (!s->skipping) {
        const char *lf = memchr(s->in + s->seen, '\n', limit - s->seen);
        if (lf != NULL) {
            e->line = span_between(s->in, lf > s->in && lf[-1] == '\r' ? lf - 1 : lf);
            s->seen = 0;
            s->in = lf + 1;
            return true;
        }
        s->seen = (uint16_t)limit;
        if (limit < SMTP_LINE_MAX)
            return false;
        s->seen = 0;
        s->skipping = true;
        s->skipped_cr = s->in[SMTP_LINE_MAX - 1] == '\r';
        s->http = is_http((struct span){s->in, SMTP_LINE_MAX});
        s->size = SMTP_LINE_MAX;
        s->in += SMTP_LINE_MAX;
    }
    /* Only CRLF ends it, so that no part of it is taken for a command. */
    while (s->in < s->in_end) {
        const char *lf = memchr(s->in, '\n', (size_t)(s->in_end - s->in)), *start = s->in;
        s->in = lf != NULL ? lf + 1 : s->in_end;
        s->size += (uint64_t)(s->in - start);
        bool cr = lf != start ? (lf != NULL ? lf : s->in_end)[-1] == '\r' : s->skipped_cr;
        s->skipped_cr = lf == NULL && cr;
        if (lf != NULL && cr) {
            s->skipping = false;
            e->size = s->size;
            return true;
        }
    }
    return false;
}

static bool next_command(struct smtp *s, struct smtp_event *e)
{
    if (!take_line(s, e))
        return false;
    if (e->line.p != NULL) {
        interpret(s, e);
    } else {
        s->event = e->type = SMTP_UNKNOWN;
        if (s->http)
            refuse_http(s, e);
        else
            refuse(s, e, 500, "5.5.2", "Line is too long");
    }
    if (s->refused >= SMTP_REFUSED_MAX && e->code >= 500)
        refuse(s, e, 421, "4.7.0", "Too many refused commands");
    return true;
}

/* ---- mail data: RFC 5321 4.1.1.4, 4.5.2 ---- */

/* A run of mail data: to the end of a line before one that begins with a dot, or all there is. */
static struct span take_run(struct smtp *s)
{
    const char *start = s->in, *lf = scan_lf_dot(start, s->in_end);
    s->in = lf != NULL ? lf + 1 : s->in_end;
    bool crlf = s->in[-1] == '\n' && (s->in - start > 1 ? s->in[-2] == '\r' : s->dot == AFTER_CR);
    s->dot = crlf ? LINE_START : s->in[-1] == '\r' ? AFTER_CR : NOWHERE;
    return span_between(start, s->in);
}

static void end_of_message(struct smtp *s, struct smtp_event *e)
{
    s->event = e->type = SMTP_EOM;
    e->size = s->size;
    s->legal = true;
    if (s->config->max_size > 0 && s->size > s->config->max_size)
        refuse(s, e, 552, "5.3.4", "Message is larger than SIZE allows"); /* RFC 1870 6.3 */
    else
        smtp_reply(s, e, 250, "2.0.0", "Message accepted");
}

/* What is over the limit is read all the same, but not handed on. */
static bool body(struct smtp *s, struct smtp_event *e, struct span octets)
{
    s->size += octets.n;
    if (s->config->max_size > 0 && s->size > s->config->max_size)
        return false;
    e->type = SMTP_BODY;
    e->arg = octets;
    return true;
}

static bool next_data(struct smtp *s, struct smtp_event *e)
{
    while (s->in < s->in_end) {
        switch ((enum dot)s->dot) {
        case LINE_START:
            if (*s->in == '.') {
                s->in++;
                s->dot = AFTER_DOT;
                continue;
            }
            break;
        case AFTER_DOT:
            if (*s->in == '\r') {
                s->in++;
                s->dot = AFTER_DOT_CR;
                continue;
            }
            s->dot = NOWHERE;
            break;
        case AFTER_DOT_CR:
            if (*s->in == '\n') {
                s->in++;
                end_of_message(s, e);
                return true;
            }
            s->dot = NOWHERE;
            if (body(s, e, (struct span){"\r", 1}))
                return true;
            continue;
        case NOWHERE:
        case AFTER_CR:
            break;
        }
        if (body(s, e, take_run(s)))
            return true;
    }
    return false;
}

/* ---- the session ---- */

void smtp_init(struct smtp *s, const struct smtp_config *config)
{
    memset(s, 0, sizeof *s);
    s->config = config;
    s->in = s->in_end = "";
    s->state = CONNECTED;
}

void smtp_input(struct smtp *s, const char *octets, size_t n)
{
    assert(n >= s->seen);
    s->in = octets;
    s->in_end = octets + n;
}

void smtp_output(struct smtp *s, char *room, size_t size)
{
    assert(size >= SMTP_REPLY_MAX && s->reply_n == 0);
    s->out = room;
    s->out_size = size;
    s->out_n = 0;
}

/* Ends a transaction, if there is one; RFC 5321 4.1.1.5 */
static void reset(struct smtp *s)
{
    if (s->state > READY)
        s->state = READY;
    s->recipients = 0;
}

/* What a command does once its reply is positive; with the end of the mail data, once it is given. */
static void apply(struct smtp *s, enum smtp_event_type event)
{
    switch (event) {
    case SMTP_CONNECT:
        s->state = GREETED;
        break;
    case SMTP_HELO:
        s->state = READY;
        reset(s);
        break;
    case SMTP_MAIL:
        s->state = MAIL;
        s->utf8 = s->utf8_asked;
        break;
    case SMTP_RCPT:
        s->state = RCPT;
        s->recipients++;
        break;
    case SMTP_DATA:
        s->state = DATA;
        s->dot = LINE_START;
        s->size = 0;
        break;
    case SMTP_RSET:
    case SMTP_EOM:
        reset(s);
        break;
    case SMTP_QUIT:
        s->state = CLOSED;
        break;
    case SMTP_NONE:
    case SMTP_BODY:
    case SMTP_NOOP:
    case SMTP_VRFY:
    case SMTP_EXPN:
    case SMTP_HELP:
    case SMTP_UNKNOWN:
        break;
    }
}

void smtp_commit(struct smtp *s)
{
    enum smtp_event_type event = (enum smtp_event_type)s->event;
    if (event == SMTP_NONE)
        return;
    s->event = SMTP_NONE;
    s->out_n += s->reply_n;
    s->reply_n = 0;
    if (s->code == 421)
        s->state = CLOSED; /* RFC 5321 3.8 */
    else if (event == SMTP_EOM || (s->legal && s->code < 400))
        apply(s, event);
    else if (event == SMTP_CONNECT)
        s->state = REFUSED;
    s->refused = s->legal || s->code < 500 ? 0 : s->refused + 1;
}

static void connected(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_HOSTNAME_MAX + sizeof " ESMTP fakesmtp"];
    size_t n = strlen(s->config->hostname);
    assert(n <= SMTP_HOSTNAME_MAX);
    memcpy(text, s->config->hostname, n);
    memcpy(text + n, " ESMTP fakesmtp", sizeof " ESMTP fakesmtp");
    s->event = e->type = SMTP_CONNECT;
    s->legal = true;
    smtp_reply(s, e, 220, NULL, text);
}

bool smtp_next(struct smtp *s, struct smtp_event *e)
{
    smtp_commit(s);
    memset(e, 0, sizeof *e);
    if (s->state == CLOSED) {
        s->in = s->in_end;
        return false;
    }
    if (s->out_size - s->out_n < SMTP_REPLY_MAX)
        return false;
    if (s->state == CONNECTED) {
        connected(s, e);
        return true;
    }
    return s->state == DATA ? next_data(s, e) : next_command(s, e);
}

void smtp_close(struct smtp *s, const char *enhanced, const char *text)
{
    if (s->state == CLOSED)
        return;
    prepare(s, 421, enhanced, text);
    s->out_n += s->reply_n;
    s->reply_n = 0;
    s->event = SMTP_NONE;
    s->state = CLOSED;
}

size_t smtp_written(const struct smtp *s) { return s->out_n; }

struct span smtp_prepared(const struct smtp *s) { return (struct span){s->out + s->out_n, s->reply_n}; }

size_t smtp_left(const struct smtp *s) { return (size_t)(s->in_end - s->in); }

bool smtp_closed(const struct smtp *s) { return s->state == CLOSED; }

bool smtp_in_data(const struct smtp *s) { return s->state == DATA; }
