/*
 * command.c - what a command line means: the commands and their parameters.
 *
 * Three tables hold what is spoken.  verbs[]: a command's name, event, the
 * extension it comes with, the states it is in order in, what it waits for
 * (TLS, a login), its argument's parser and its default reply.  params[]: the
 * same for the parameters of MAIL and RCPT.  extensions[]: what EHLO lists.
 * A parser looks at the argument, fills the event, and may refuse.  What it notes
 * in the session is for the next commit or the next line (a chunk's size, the
 * mechanism of AUTH); it changes nothing that a refusal would have to take back.
 *
 * Secrets of AUTH are decoded where they lie in the input, and wiped there by
 * smtp_commit().
 */
#include "smtp/inside.h"

#include <assert.h>
#include <string.h>

#include "base/scan.h"
#include "smtp.h"

/* beside the extensions, what a command may come with */
enum { SMTP_ONLY = 1 << 30, LMTP_ONLY = 1 << 29, NEVER = 1 << 28 };

/* octets of a command with its end, and how many more the extensions allow */
enum {
    COMMAND_MAX = 512,                        /* RFC 5321 4.5.3.1.4 */
    MAIL_MORE = 26 + 17 + 10 + 500 + 6 + 107, /* SIZE, BODY, SMTPUTF8, AUTH, RET, ENVID */
    RCPT_MORE = 500 + 29,                     /* ORCPT, NOTIFY */
    ENVID_MAX = 100,                          /* RFC 3461 4.4 */
};

/* sets of states */
enum {
    HAVE_MAIL = 1 << STATE_MAIL | 1 << STATE_RCPT,
    GREETED_US = 1 << STATE_READY | HAVE_MAIL | 1 << STATE_CHUNKS,
    ANY = 1 << STATE_GREETED | GREETED_US,
    ALWAYS = ANY | 1 << STATE_REFUSED,
};

/* what a command waits for, where it is required */
enum { AFTER_TLS = 1, AFTER_AUTH = 2 };

static unsigned offered(const struct smtp *s)
{
    unsigned set = s->config->extensions;
    if (!(set & SMTP_EXT_CHUNKING))
        set &= ~(unsigned)SMTP_EXT_BINARYMIME;
    if (s->config->max_recipients == 0)
        set &= ~(unsigned)SMTP_EXT_LIMITS;
    return set | (s->config->lmtp ? LMTP_ONLY : SMTP_ONLY);
}

bool command_refuse(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text)
{
    s->legal = false;
    smtp_reply(s, e, code, enhanced, text);
    return false;
}

void command_refuse_with(struct smtp *s, struct smtp_event *e, const struct smtp_canned *reply)
{
    s->legal = false;
    reply_canned(s, e, reply);
}

static bool refuse(struct smtp *s, struct smtp_event *e, int code, const char *enhanced, const char *text)
{
    return command_refuse(s, e, code, enhanced, text);
}

/* As refuse(), for what the client got wrong. */
static bool offend(struct smtp *s, struct smtp_event *e, enum problem problem, int code, const char *enhanced,
                   const char *text)
{
    problems_add(&e->problems, problem);
    return command_refuse(s, e, code, enhanced, text);
}

/* The same where that is taken all the same, unless to be strict; whether it is. */
static bool tolerate(struct smtp *s, struct smtp_event *e, enum problem problem, int code, const char *enhanced,
                     const char *text)
{
    problems_add(&e->problems, problem);
    return !s->config->strict || command_refuse(s, e, code, enhanced, text);
}

/* ---- parameters of MAIL and RCPT: RFC 5321 4.1.2 ---- */

/* SIZE=n; RFC 1870 6.1.  A number beyond 64 bits is one that is too large, not one that wraps. */
static bool parse_size(struct smtp *s, struct smtp_event *e, struct span value)
{
    uint64_t size = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_is_digit(value.p[i]))
            return offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "SIZE takes a number of octets");
        uint64_t digit = (uint64_t)(value.p[i] - '0');
        size = size > (UINT64_MAX - digit) / 10 ? UINT64_MAX : size * 10 + digit;
    }
    if (value.n == 0 || value.n > 20)
        return offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "SIZE takes a number of up to 20 digits");
    if (size == UINT64_MAX || (s->config->max_size > 0 && size > s->config->max_size))
        return refuse(s, e, 552, "5.3.4", "Message is larger than SIZE allows");
    s->asked.size = e->size = size;
    return true;
}

/* BODY=7BIT, 8BITMIME or BINARYMIME; RFC 6152, RFC 3030 3 */
static bool parse_body(struct smtp *s, struct smtp_event *e, struct span value)
{
    unsigned set = offered(s);
    s->asked.eightbit = set & SMTP_EXT_8BITMIME && span_is(value, "8BITMIME");
    if (s->asked.eightbit || span_is(value, "7BIT"))
        return true;
    if (set & SMTP_EXT_BINARYMIME && span_is(value, "BINARYMIME")) {
        s->asked.binary = e->binary = true;
        return true;
    }
    return offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "BODY is 7BIT, or what EHLO lists");
}

/* RFC 6531 3.4 */
static bool parse_smtputf8(struct smtp *s, struct smtp_event *e, struct span value)
{
    if (value.p != NULL)
        return offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "SMTPUTF8 takes no value");
    s->asked.utf8 = e->utf8 = true;
    return true;
}

/* RFC 3461 4.3 */
static bool parse_ret(struct smtp *s, struct smtp_event *e, struct span value)
{
    return span_is(value, "FULL") || span_is(value, "HDRS") ||
           offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "RET is FULL or HDRS");
}

/* RFC 3461 4.4 */
static bool parse_envid(struct smtp *s, struct smtp_event *e, struct span value)
{
    if (value.n > ENVID_MAX && !tolerate(s, e, PROBLEM_LONG_ENVID, 501, "5.5.4", "ENVID is longer than 100 characters"))
        return false;
    return (value.n > 0 && dsn_is_xtext(value, false)) ||
           offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "ENVID is xtext that stands for printable characters");
}

/* Who sent it first, or "<>"; RFC 4954 5 */
static bool parse_auth_param(struct smtp *s, struct smtp_event *e, struct span value)
{
    return (value.n > 0 && dsn_is_xtext(value, false)) ||
           offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "AUTH is xtext, or <>");
}

/* RFC 3461 4.1 */
static bool parse_notify(struct smtp *s, struct smtp_event *e, struct span value)
{
    bool twice;
    bool good = dsn_is_notify(value, &twice);
    if (good && twice)
        problems_add(&e->problems, PROBLEM_NOTIFY_TWICE);
    return good || offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4",
                          "NOTIFY is NEVER, or some of SUCCESS, FAILURE, DELAY, by comma");
}

/* RFC 3461 4.2 */
static bool parse_orcpt(struct smtp *s, struct smtp_event *e, struct span value)
{
    return (value.n > 0 && dsn_is_orcpt(value, s->mail.utf8)) ||
           offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4",
                  "ORCPT is a type, a semicolon, and xtext that stands for printable characters");
}

static const struct param {
    const char *keyword;
    enum smtp_event_type command;
    unsigned extension;                                                     /* any of these */
    bool (*parse)(struct smtp *s, struct smtp_event *e, struct span value); /* value.p NULL: none given */
} params[] = {
    {"SIZE", SMTP_MAIL, SMTP_EXT_SIZE, parse_size},
    {"BODY", SMTP_MAIL, SMTP_EXT_8BITMIME | SMTP_EXT_BINARYMIME, parse_body},
    {"SMTPUTF8", SMTP_MAIL, SMTP_EXT_SMTPUTF8, parse_smtputf8},
    {"RET", SMTP_MAIL, SMTP_EXT_DSN, parse_ret},
    {"ENVID", SMTP_MAIL, SMTP_EXT_DSN, parse_envid},
    {"AUTH", SMTP_MAIL, SMTP_EXT_AUTH, parse_auth_param},
    {"NOTIFY", SMTP_RCPT, SMTP_EXT_DSN, parse_notify},
    {"ORCPT", SMTP_RCPT, SMTP_EXT_DSN, parse_orcpt},
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

static bool is_param(const struct smtp *s, const struct param *p, enum smtp_event_type command, struct span keyword)
{
    return p->command == command && p->extension & offered(s) && span_is(keyword, p->keyword);
}

static bool parse_params(struct smtp *s, struct smtp_event *e, struct span t)
{
    unsigned given = 0;
    if (t.n > 0 && !s->extended && !tolerate(s, e, PROBLEM_AFTER_HELO, 555, "5.5.4", "Say EHLO to use parameters"))
        return false;
    while (t.n > 0) {
        struct span spaces = t;
        span_skip_spaces(&t);
        if (spaces.n - t.n > 1 &&
            !tolerate(s, e, PROBLEM_EXTRA_BLANK, 501, "5.5.4", "One space is enough between parameters"))
            return false;
        const char *space = memchr(t.p, ' ', t.n), *end = t.p + t.n;
        struct span keyword, value;
        if (!split_param(span_between(t.p, space != NULL ? space : end), &keyword, &value))
            return offend(s, e, PROBLEM_MAIL_PARAMETER, 501, "5.5.4", "A parameter is KEYWORD or KEYWORD=value");
        t = span_between(space != NULL ? space : end, end);
        size_t i = 0;
        while (i < PARAMS && !is_param(s, &params[i], e->type, keyword))
            i++;
        if (i == PARAMS)
            return offend(s, e, PROBLEM_NOT_OFFERED, 555, "5.5.4", "Parameter is not recognised");
        if (given & 1u << i)
            return offend(s, e, PROBLEM_MAIL_PARAMETER_TWICE, 501, "5.5.4", "Parameter is given twice");
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
    return e->arg.n == 0 || offend(s, e, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4", "This command takes no argument");
}

static bool parse_any(struct smtp *s, struct smtp_event *e)
{
    (void)s, (void)e;
    return true;
}

static bool parse_string(struct smtp *s, struct smtp_event *e)
{
    return e->arg.n > 0 || offend(s, e, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4", "This command takes an argument");
}

/* The client's name is the first word; what follows is ignored, as mail servers do. */
static bool take_client_name(struct smtp *s, struct smtp_event *e)
{
    static const char what[] = "Give your name: a domain or an address literal";
    const char *space = memchr(e->arg.p, ' ', e->arg.n);
    s->extended_asked = e->extended;
    if (space != NULL) {
        problems_add(&e->problems, PROBLEM_HELO_EXTRA);
        e->arg = span_between(e->arg.p, space);
    }
    bool good = e->arg.n > 0;
    for (size_t i = 0; i < e->arg.n; i++)
        good = good && e->arg.p[i] > ' ' && e->arg.p[i] < 0x7f;
    if (!good)
        return offend(s, e, e->arg.n > 0 ? PROBLEM_HELO_NAME : PROBLEM_COMMAND_SYNTAX, 501, NULL, what);
    if (!e->extended && *e->arg.p == '[' &&
        !tolerate(s, e, PROBLEM_HELO_LITERAL, 501, NULL, "HELO takes a domain; say EHLO"))
        return false;
    return path_is_host(e->arg) || tolerate(s, e, PROBLEM_HELO_NAME, 501, NULL, what);
}

static bool parse_helo(struct smtp *s, struct smtp_event *e)
{
    if (!take_client_name(s, e))
        return false;
    smtp_reply(s, e, 250, NULL, s->config->hostname);
    return true;
}

static const struct extension {
    const char *keyword;
    unsigned bit;
} extensions[] = {
    {"PIPELINING", SMTP_EXT_PIPELINING},
    {"8BITMIME", SMTP_EXT_8BITMIME},
    {"SMTPUTF8", SMTP_EXT_SMTPUTF8},
    {"ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES},
    {"CHUNKING", SMTP_EXT_CHUNKING},
    {"BINARYMIME", SMTP_EXT_BINARYMIME},
    {"DSN", SMTP_EXT_DSN},
    {"AUTH", SMTP_EXT_AUTH},
    {"STARTTLS", SMTP_EXT_STARTTLS},
    {"LIMITS", SMTP_EXT_LIMITS},
    {"HELP", SMTP_EXT_HELP},
    {"SIZE", SMTP_EXT_SIZE},
};
enum { EXTENSIONS = sizeof extensions / sizeof extensions[0] };

unsigned smtp_extension(struct span keyword)
{
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (span_is(keyword, extensions[i].keyword))
            return extensions[i].bit;
    }
    return 0;
}

const char *smtp_keyword(size_t place) { return place < EXTENSIONS ? extensions[place].keyword : NULL; }

/* Adds words to a text, and returns where it then ends. */
static char *add(char *end, const char *text)
{
    size_t n = strlen(text);
    memcpy(end, text, n + 1);
    return end + n;
}

/* What stands behind a keyword. */
static char *add_argument(const struct smtp *s, char *end, unsigned extension)
{
    char digits[21] = "";
    switch (extension) {
    case SMTP_EXT_AUTH:
        return add(add(end, " "), sasl_names);
    case SMTP_EXT_LIMITS:
        return add(add(end, " RCPTMAX="), ascii_put_number(digits + 20, s->config->max_recipients));
    case SMTP_EXT_SIZE:
        return add(add(end, " "), ascii_put_number(digits + 20, s->config->max_size));
    default:
        return end;
    }
}

/* The reply to EHLO and LHLO: our name, then a line for each extension (RFC 5321 4.1.1.1). */
static bool parse_ehlo(struct smtp *s, struct smtp_event *e)
{
    static const char start[] = "250-", line_end[] = "\r\n";
    e->extended = true;
    if (!take_client_name(s, e))
        return false;
    char wire[SMTP_REPLY_MAX / 2];
    char *last = wire, *end = add(add(add(wire, start), s->config->hostname), line_end);
    unsigned set = offered(s) & ~(s->secure ? (unsigned)SMTP_EXT_STARTTLS : 0); /* RFC 3207 4.2 */
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (!(set & extensions[i].bit))
            continue;
        last = end;
        end = add(add_argument(s, add(add(end, start), extensions[i].keyword), extensions[i].bit), line_end);
    }
    assert(end < wire + sizeof wire);
    last[strlen("250")] = ' '; /* it is the last one; RFC 5321 4.2.1 */
    smtp_reply_raw(s, e, 250, span_between(wire, end));
    return true;
}

/* What stands between the colon and the address; whether it is taken. */
static bool take_start_of_path(struct smtp *s, struct smtp_event *e, struct span *t)
{
    static const char what[] = "An address stands in brackets, right behind the colon";
    size_t n = t->n;
    span_skip_spaces(t);
    if (t->n < n && !tolerate(s, e, PROBLEM_BLANK_BEFORE_PATH, 501, "5.5.4", what))
        return false;
    return (t->n > 0 && *t->p == '<') || tolerate(s, e, PROBLEM_NO_BRACKETS, 501, "5.5.4", what);
}

/* What stands behind "FROM:" or "TO:", if begun: a path, parameters; else usage is the reply.  A space in front is
   taken, as mail servers take it. */
static bool parse_path(struct smtp *s, struct smtp_event *e, bool begun, const char *usage)
{
    struct span t = e->arg;
    e->arg = (struct span){NULL, 0};
    if (!begun)
        return offend(s, e, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4", usage);
    if (!take_start_of_path(s, e, &t))
        return false;
    const char *status = e->type == SMTP_MAIL ? "5.1.7" : "5.1.3", *end = t.p + t.n;
    struct span address;
    enum problem problem;
    const char *after = path_end(t, e->type == SMTP_RCPT, &address, &problem);
    if (after == NULL || (after < end && *after != ' '))
        return offend(s, e, PROBLEM_PATH, 501, status, "The address is not well-formed");
    if (address.p - t.p > 1) /* beyond the bracket */
        problems_add(&e->problems, PROBLEM_SOURCE_ROUTE);
    if (problem != PROBLEMS && !tolerate(s, e, problem, 501, status, problem_about(problem)->sentence))
        return false;
    e->arg = address;
    e->params = t = span_between(after, end);
    span_skip_spaces(&e->params);
    return parse_params(s, e, t);
}

/* Addresses outside ASCII need SMTPUTF8 with MAIL; RFC 6531 3.5 */
static bool check_utf8(struct smtp *s, struct smtp_event *e, bool allowed)
{
    if (s->plain || !span_has_8bit(e->line))
        return true;
    if (!allowed)
        return offend(s, e, PROBLEM_UTF8_PATH, 553, "5.6.7", "An address outside ASCII needs SMTPUTF8 with MAIL");
    return utf8_is_valid(e->line) || offend(s, e, PROBLEM_NOT_UTF8, 501, "5.5.2", "This is not UTF-8");
}

static bool parse_mail(struct smtp *s, struct smtp_event *e)
{
    s->asked = (struct smtp_declared){.size = 0};
    bool begun = span_takes(&e->arg, "FROM:");
    return parse_path(s, e, begun, "Say MAIL FROM:<address>") && check_utf8(s, e, s->asked.utf8);
}

static bool parse_rcpt(struct smtp *s, struct smtp_event *e)
{
    bool begun = span_takes(&e->arg, "TO:");
    if (!parse_path(s, e, begun, "Say RCPT TO:<address>") || !check_utf8(s, e, s->mail.utf8))
        return false;
    if (e->arg.n == 0)
        return offend(s, e, PROBLEM_PATH, 501, "5.1.3", "The forward-path is empty");
    if (s->config->max_recipients > 0 && s->recipients >= s->config->max_recipients)
        return refuse(s, e, 452, "4.5.3", "Too many recipients"); /* RFC 5321 4.5.3.1.10 */
    return true;
}

/* RFC 3030 3: what is binary has no lines for DATA to end. */
static bool parse_data(struct smtp *s, struct smtp_event *e)
{
    if (s->mail.binary)
        return offend(s, e, PROBLEM_OUT_OF_ORDER, 503, "5.5.1", "BODY=BINARYMIME is sent with BDAT");
    return parse_none(s, e);
}

static bool parse_starttls(struct smtp *s, struct smtp_event *e)
{
    if (s->secure)
        return offend(s, e, PROBLEM_OUT_OF_ORDER, 503, "5.5.1", "TLS is in place already");
    e->size = (uint64_t)(s->in_end - s->in);
    if (e->size > 0)
        problems_add(&e->problems, PROBLEM_EARLY_TLS);
    return parse_none(s, e);
}

/* ---- AUTH: RFC 4954 4 ---- */

/* What stands in the input from there on is not to be shown, and wiped once it has been seen. */
static void hide(struct smtp *s, struct smtp_event *e, size_t from)
{
    s->secret = s->line + from;
    s->secret_n = e->line.n - from;
    while (from < e->line.n && (e->line.p[from] == ' ' || e->line.p[from] == '\t'))
        from++; /* blanks in front are none of it */
    _Static_assert(SMTP_AUTH_LINE_MAX <= UINT16_MAX, "hidden holds all of a line");
    e->hidden = (uint16_t)(e->line.n - from);
    e->line.n -= s->secret_n;
}

/*
 * For AUTH, and for what is no command.  Of what looks like AUTH, be it ever so
 * malformed, only the word and a mechanism that is known are shown.  Of anything
 * else nothing is, if an AUTH was refused before: some clients do not look.
 */
static void hide_secrets(struct smtp *s, struct smtp_event *e)
{
    struct span t = e->line;
    while (t.n > 0 && ascii_is_control(*t.p) | (*t.p == ' '))
        span_skip(&t, 1);
    if (!span_takes(&t, "AUTH")) {
        if (s->wary)
            hide(s, e, 0);
        return;
    }
    size_t shown = (size_t)(t.p - e->line.p), n = 0;
    while (t.n > 0 && (*t.p == ' ' || *t.p == '\t'))
        span_skip(&t, 1);
    while (n < t.n && (ascii_is_letter(t.p[n]) || ascii_is_digit(t.p[n]) || t.p[n] == '-'))
        n++;
    if (sasl_mechanism((struct span){t.p, n}) != SASL_NONE)
        shown = (size_t)(t.p - e->line.p) + n;
    hide(s, e, shown);
}

static bool challenge(struct smtp *s, struct smtp_event *e, enum smtp_step next, const char *text)
{
    s->next_step = (uint8_t)next;
    smtp_reply(s, e, 334, NULL, text);
    return true;
}

static bool login(struct smtp *s, struct smtp_event *e)
{
    s->next_step = STEP_FAILED;
    smtp_reply(s, e, 235, "2.7.0", "Authentication successful");
    return true;
}

/* The client's text, with base64 undone. */
static bool take_response(struct smtp *s, struct smtp_event *e, struct span text)
{
    struct sasl_login found;
    if (s->mechanism == SASL_LOGIN && s->step == STEP_PASSWORD) {
        e->secret = text;
        return login(s, e);
    }
    if (s->mechanism == SASL_LOGIN) {
        e->arg = text;
        return text.n > 0 ? challenge(s, e, STEP_PASSWORD, "UGFzc3dvcmQ6" /* Password: */)
                          : offend(s, e, PROBLEM_AUTH_SYNTAX, 501, "5.5.2", "The user name is empty");
    }
    if (!sasl_parse((enum sasl_mechanism)s->mechanism, text, &found))
        return offend(s, e, PROBLEM_AUTH_SYNTAX, 501, "5.5.2", "This is not what the mechanism has");
    e->arg = found.user;
    e->authzid = found.authzid;
    e->secret = found.secret;
    return login(s, e);
}

static bool decode_response(struct smtp *s, struct smtp_event *e, char *text, size_t n)
{
    if (!base64_decode(text, &n))
        return offend(s, e, PROBLEM_AUTH_SYNTAX, 501, "5.5.2", "This is not base64");
    return take_response(s, e, (struct span){text, n});
}

/* A line that answers a challenge. */
void command_respond(struct smtp *s, struct smtp_event *e)
{
    s->event = e->type = SMTP_AUTH;
    e->mechanism = (enum sasl_mechanism)s->mechanism;
    s->legal = true;
    bool cancel = e->line.n == 1 && *e->line.p == '*';
    size_t n = e->line.n;
    if (!cancel)
        hide(s, e, 0);
    if (s->step == STEP_FAILED)
        smtp_reply(s, e, 535, "5.7.8", "Authentication failed");
    else if (cancel)
        refuse(s, e, 501, "5.7.0", "Authentication is cancelled");
    else
        decode_response(s, e, s->line, n);
}

static bool first_challenge(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_CHALLENGE_MAX], encoded[BASE64_SIZE(SMTP_CHALLENGE_MAX)];
    switch ((enum sasl_mechanism)s->mechanism) {
    case SASL_LOGIN:
        return challenge(s, e, STEP_FIRST, "VXNlcm5hbWU6" /* Username: */);
    case SASL_CRAM_MD5:
        s->nonce++;
        base64_encode((struct span){text, smtp_challenge(s, text)}, encoded);
        return challenge(s, e, STEP_FIRST, encoded);
    case SASL_NONE:
    case SASL_PLAIN:
    case SASL_XOAUTH2:
        break;
    }
    return challenge(s, e, STEP_FIRST, "");
}

static bool parse_auth(struct smtp *s, struct smtp_event *e)
{
    const char *space = e->arg.n > 0 ? memchr(e->arg.p, ' ', e->arg.n) : NULL;
    struct span name = space != NULL ? span_between(e->arg.p, space) : e->arg;
    char *text = s->secret;
    size_t n = s->secret_n;
    e->arg = (struct span){NULL, 0};
    if (s->authenticated)
        return offend(s, e, PROBLEM_OUT_OF_ORDER, 503, "5.5.1", "You are authenticated already");
    if (name.n == 0)
        return offend(s, e, PROBLEM_AUTH_SYNTAX, 501, "5.5.4", "Say AUTH and a mechanism");
    e->mechanism = sasl_mechanism(name);
    if (e->mechanism == SASL_NONE)
        return offend(s, e, PROBLEM_NOT_OFFERED, 504, "5.5.4", "The mechanism is not known here");
    if (e->mechanism != SASL_CRAM_MD5 && !s->secure && offered(s) & SMTP_EXT_STARTTLS)
        problems_add(&e->problems, PROBLEM_AUTH_IN_CLEAR);
    s->mechanism = (uint8_t)e->mechanism;
    s->step = STEP_FIRST;
    for (; n > 0 && *text == ' '; n--)
        text++;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    if (n == 0)
        return first_challenge(s, e);
    if (e->mechanism == SASL_CRAM_MD5) /* it answers a challenge that must be given first */
        return offend(s, e, PROBLEM_AUTH_SYNTAX, 501, "5.7.0", "CRAM-MD5 has no initial response");
    if (n == 1 && *text == '=') /* an empty one */
        return take_response(s, e, (struct span){text, 0});
    return decode_response(s, e, text, n);
}

size_t smtp_challenge(const struct smtp *s, char *text)
{
    char digits[21] = "";
    char *end = add(add(text, "<"), ascii_put_number(digits + 20, s->nonce));
    return (size_t)(add(add(add(end, "@"), s->config->hostname), ">") - text);
}

/* ---- which command it is ---- */

static bool parse_bdat(struct smtp *s, struct smtp_event *e);
static bool parse_help(struct smtp *s, struct smtp_event *e);

static const struct verb {
    const char *name;
    enum smtp_event_type event;
    unsigned with;     /* the extension, or protocol, it comes with; 0: all */
    unsigned in_order; /* the set of states */
    unsigned after;    /* what it waits for, where that is required */
    size_t more;       /* octets that the extensions allow it beyond COMMAND_MAX */
    bool (*parse)(struct smtp *s, struct smtp_event *e);
    struct smtp_canned reply; /* the default one; without text if parse() makes another */
} verbs[] = {
    /* those of each message first */
    {"MAIL", SMTP_MAIL, 0, 1 << STATE_READY, AFTER_TLS | AFTER_AUTH, MAIL_MORE, parse_mail,
     CANNED(250, "2.1.0 ", "Sender ok")},
    {"RCPT", SMTP_RCPT, 0, HAVE_MAIL, AFTER_TLS, RCPT_MORE, parse_rcpt, CANNED(250, "2.1.5 ", "Recipient ok")},
    {"DATA", SMTP_DATA, 0, 1 << STATE_RCPT, AFTER_TLS, 0, parse_data,
     CANNED(354, "", "Send the message, end with <CRLF>.<CRLF>")},
    {"BDAT", SMTP_BDAT, SMTP_EXT_CHUNKING, 1 << STATE_RCPT | 1 << STATE_CHUNKS, AFTER_TLS, 0, parse_bdat,
     CANNED(250, "2.0.0 ", "")},
    {"EHLO", SMTP_HELO, SMTP_ONLY, ANY, 0, 0, parse_ehlo, CANNED(250, "", "")},
    {"HELO", SMTP_HELO, SMTP_ONLY, ANY, AFTER_TLS, 0, parse_helo, CANNED(250, "", "")},
    {"LHLO", SMTP_HELO, LMTP_ONLY, ANY, 0, 0, parse_ehlo, CANNED(250, "", "")},
    {"STARTTLS", SMTP_STARTTLS, SMTP_EXT_STARTTLS, GREETED_US, 0, 0, parse_starttls,
     CANNED(220, "2.0.0 ", "Ready to start TLS")},
    {"AUTH", SMTP_AUTH, SMTP_EXT_AUTH, 1 << STATE_READY, AFTER_TLS, 0, parse_auth, CANNED(235, "", "")},
    {"RSET", SMTP_RSET, 0, ANY, AFTER_TLS, 0, parse_none, CANNED(250, "2.0.0 ", "Ok")},
    {"NOOP", SMTP_NOOP, 0, ANY, 0, 0, parse_any, CANNED(250, "2.0.0 ", "Ok")},
    {"QUIT", SMTP_QUIT, 0, ALWAYS, 0, 0, parse_none, CANNED(221, "2.0.0 ", "Bye")},
    {"VRFY", SMTP_VRFY, 0, ANY, AFTER_TLS | AFTER_AUTH, 0, parse_string,
     CANNED(252, "2.1.5 ", "Not verified, but mail for it will be taken")},
    {"EXPN", SMTP_EXPN, 0, ANY, AFTER_TLS | AFTER_AUTH, 0, parse_any, CANNED(502, "5.5.1 ", "There are no lists here")},
    {"HELP", SMTP_HELP, SMTP_EXT_HELP, ANY, AFTER_TLS, 0, parse_help, CANNED(214, "2.0.0 ", "")},
    {"SEND", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "5.5.1 ", "Command is obsolete")},
    {"SOML", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "5.5.1 ", "Command is obsolete")},
    {"SAML", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "5.5.1 ", "Command is obsolete")},
    {"TURN", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "5.5.1 ", "Command is obsolete")},
    {"ETRN", SMTP_UNKNOWN, NEVER, ALWAYS, 0, 0, parse_any, CANNED(502, "5.5.1 ", "")},
    {"ATRN", SMTP_UNKNOWN, NEVER, ALWAYS, 0, 0, parse_any, CANNED(502, "5.5.1 ", "")},
    {NULL, SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(500, "5.5.1 ", "Command is not recognised")},
};

/* The commands that are there. */
static bool parse_help(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_REPLY_MAX / 4];
    char *end = text;
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        bool useless = v->event == SMTP_STARTTLS && s->secure;
        if (v->reply.code < 400 && !useless && (v->with == 0 || v->with & offered(s)))
            end = add(add(end, end > text ? " " : ""), v->name);
    }
    (void)add(end, "\nMail is taken and delivered nowhere");
    smtp_reply(s, e, 214, "2.0.0", text);
    return true;
}

static const struct smtp_canned *out_of_order(const struct smtp *s, enum smtp_event_type event)
{
    static const struct smtp_canned unavailable = CANNED(503, "5.5.1 ", "Service is not available");
    static const struct smtp_canned lhlo_first = CANNED(503, "5.5.1 ", "Say LHLO first");
    static const struct smtp_canned ehlo_first = CANNED(503, "5.5.1 ", "Say EHLO or HELO first");
    static const struct smtp_canned chunks = CANNED(503, "5.5.1 ", "There is a message under way: say BDAT or RSET");
    static const struct smtp_canned auth = CANNED(503, "5.5.1 ", "AUTH is not for the middle of a transaction");
    static const struct smtp_canned mail = CANNED(503, "5.5.1 ", "There is a sender already");
    static const struct smtp_canned mail_first = CANNED(503, "5.5.1 ", "Say MAIL first");
    static const struct smtp_canned rcpt_first = CANNED(503, "5.5.1 ", "Say RCPT first");
    if (s->state == STATE_REFUSED)
        return &unavailable;
    if (s->state == STATE_GREETED)
        return s->config->lmtp ? &lhlo_first : &ehlo_first;
    if (s->state == STATE_CHUNKS)
        return &chunks;
    if (event == SMTP_AUTH)
        return &auth;
    if (event == SMTP_MAIL)
        return &mail;
    return s->state == STATE_READY ? &mail_first : &rcpt_first;
}

/* Notes what is wrong with the line and with the command, whatever its argument; good: it has nothing in it that no
   line holds. */
static void look_at_command(struct smtp *s, struct smtp_event *e, const struct verb *v, size_t n, bool good)
{
    const unsigned extended = SMTP_EXT_STARTTLS | SMTP_EXT_AUTH | SMTP_EXT_CHUNKING;
    if (n + 2 > COMMAND_MAX + v->more)
        problems_add(&e->problems, PROBLEM_LONG_COMMAND);
    if (v->event == SMTP_UNKNOWN && v->with == 0 && good)
        problems_add(&e->problems, v->name == NULL ? PROBLEM_UNKNOWN_COMMAND : PROBLEM_OBSOLETE_COMMAND);
    if (v->with & extended && s->state >= STATE_READY && !s->extended)
        problems_add(&e->problems, PROBLEM_AFTER_HELO);
}

/* What of it is refused where clients are held to the letter; NULL if nothing. */
static const struct smtp_canned *object_strictly(const struct smtp_event *e, const struct verb *v)
{
    static const struct smtp_canned too_long = CANNED(500, "5.5.2 ", "Line is too long");
    static const struct smtp_canned extra_blank = CANNED(501, "5.5.4 ", "One space is enough behind a command");
    static const struct smtp_canned after_helo = CANNED(503, "5.5.1 ", "Say EHLO to use extensions");
    if (problems_have(&e->problems, PROBLEM_LONG_COMMAND) && v->event != SMTP_AUTH)
        return &too_long;
    if (problems_have(&e->problems, PROBLEM_EXTRA_BLANK))
        return &extra_blank;
    if (problems_have(&e->problems, PROBLEM_AFTER_HELO))
        return &after_helo;
    return NULL;
}

/* What stands against the command, whatever its argument; NULL if nothing. */
static const struct smtp_canned *object(const struct smtp *s, struct smtp_event *e, const struct verb *v)
{
    static const struct smtp_canned not_offered = CANNED(502, "5.5.1 ", "Command is not offered here");
    static const struct smtp_canned tls_first = CANNED(530, "5.7.0 ", "Say STARTTLS first");
    static const struct smtp_canned auth_first = CANNED(530, "5.7.0 ", "Authentication is required");
    const struct smtp_config *c = s->config;
    if (v->with != 0 && !(v->with & offered(s))) {
        problems_add(&e->problems, PROBLEM_NOT_OFFERED);
        return &not_offered;
    }
    if (c->require_tls && v->after & AFTER_TLS && !s->secure)
        return &tls_first;
    if (c->require_auth && v->after & AFTER_AUTH && !s->authenticated)
        return &auth_first;
    if (!(v->in_order & 1u << s->state)) {
        bool group = s->path_refused && (v->event == SMTP_RCPT || v->event == SMTP_DATA || v->event == SMTP_BDAT);
        if (!group)
            problems_add(&e->problems, PROBLEM_OUT_OF_ORDER);
        return out_of_order(s, v->event);
    }
    return c->strict ? object_strictly(e, v) : NULL;
}

/* The size of a chunk: a decimal number, and perhaps LAST.  *huge if it is beyond 64 bits. */
static bool take_chunk_size(struct span t, uint64_t *size, bool *last, bool *huge)
{
    size_t digits = 0;
    *size = 0;
    *huge = false;
    for (; digits < t.n && ascii_is_digit(t.p[digits]); digits++) {
        uint64_t digit = (uint64_t)(t.p[digits] - '0');
        *huge = *huge || *size > (UINT64_MAX - digit) / 10;
        *size = *size * 10 + digit;
    }
    span_skip(&t, digits);
    *last = t.n > 0;
    if (digits > 0 && t.n == 0)
        return true;
    if (digits == 0 || *t.p != ' ')
        return false;
    span_skip_spaces(&t);
    return span_is(t, "LAST");
}

void command_begin_data(struct smtp *s)
{
    s->size = s->line_size = 0;
    s->cr = false;
    s->data_problems = (struct problems){{0, 0}};
}

/*
 * RFC 3030 2.  Whatever stands against a chunk, its octets are read first; only
 * where nobody knows how many there are, what follows is commands, or, if they
 * are too many to be counted, nothing at all.
 */
static bool parse_bdat(struct smtp *s, struct smtp_event *e)
{
    bool huge;
    if (!take_chunk_size(e->arg, &s->chunk, &s->last, &huge))
        return offend(s, e, PROBLEM_COMMAND_SYNTAX, 501, "5.5.4",
                      "Say BDAT and a number of octets, and LAST with the last chunk");
    if (huge) {
        s->closing = true;
        return refuse(s, e, 552, "5.3.4", "There is no such message");
    }
    bool none = s->config->lmtp && s->state == STATE_MAIL && s->last; /* to nobody: no replies; RFC 2033 4.3 */
    if (s->chunk_refused != NULL && s->chunk_refused->code == 503 && none)
        s->chunk_refused = NULL;
    if (s->chunk_refused == NULL && s->state != STATE_CHUNKS)
        command_begin_data(s);
    e->size = s->chunk_size = s->chunk;
    e->last = s->last;
    e->code = 0;
    s->in_chunk = true;
    s->event = SMTP_NONE;
    s->reply_n = 0;
    return true;
}

/* A browser or a script that was led here speaks HTTP; what follows must not be read as commands. */
bool command_is_http(struct span line)
{
    static const char *const methods[] = {"GET ",     "POST ",  "HEAD ",    "PUT ",  "DELETE ",
                                          "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (span_starts(line, methods[i]))
            return true;
    }
    for (; line.n > 0; span_skip(&line, 1)) {
        if (span_starts(line, " HTTP/1."))
            return true;
    }
    return false;
}

void command_refuse_http(struct smtp *s, struct smtp_event *e)
{
    offend(s, e, PROBLEM_UNKNOWN_COMMAND, 421, "4.7.0", "This is SMTP, not HTTP");
}

/* Whether NUL, CR or LF is in it. */
static bool holds_line_end(struct span t)
{
    return memchr(t.p, '\0', t.n) != NULL || memchr(t.p, '\r', t.n) != NULL || memchr(t.p, '\n', t.n) != NULL;
}

/* Four octets without the bit that tells lower case from upper.  Names in verbs[] begin with four letters, so of them
   this is to compare in any case. */
static uint32_t first_four(const char *name)
{
    uint32_t four;
    memcpy(&four, name, sizeof four);
    return four & 0xdfdfdfdf;
}

/* Whether the first word of the line is this name; the first four octets are the same already. */
static bool is_named(struct span line, const char *name)
{
    size_t i = sizeof(uint32_t);
    while (i < line.n && name[i] != '\0' && ascii_same(line.p[i], name[i]))
        i++;
    return name[i] == '\0' && (i == line.n || line.p[i] == ' ');
}

/* The command that the line gives; the one that has no name, if it is none of ours. */
static const struct verb *find_verb(struct span line)
{
    const struct verb *v = verbs;
    uint32_t four = line.n >= sizeof four ? first_four(line.p) : 0;
    while (v->name != NULL && (first_four(v->name) != four || !is_named(line, v->name)))
        v++;
    return v;
}

/* Finds the command; fills e->arg and s->plain, and notes blanks too many.  *good: the line holds nothing that no line
   may. */
static const struct verb *take_verb(struct smtp *s, struct smtp_event *e, bool *good)
{
    const char *start = e->line.p, *end = start + e->line.n;
    s->plain = scan_is_plain(start, end);
    *good = s->plain || !holds_line_end(e->line);
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--; /* RFC 5321 4.1.1: trailing white space is tolerated */
    if (end < start + e->line.n)
        problems_add(&e->problems, PROBLEM_TRAILING_BLANK);
    const struct verb *v = find_verb(*good ? span_between(start, end) : (struct span){start, 0});
    const char *behind = v->name != NULL ? start + strlen(v->name) : memchr(start, ' ', (size_t)(end - start));
    e->arg = span_between(behind != NULL ? behind : end, end);
    if (e->arg.n > 1 && e->arg.p[1] == ' ')
        problems_add(&e->problems, PROBLEM_EXTRA_BLANK);
    span_skip_spaces(&e->arg);
    return v;
}

void command_interpret(struct smtp *s, struct smtp_event *e)
{
    struct span whole = e->line;
    bool good;
    const struct verb *v = take_verb(s, e, &good);
    if (v->name == NULL || v->event == SMTP_AUTH)
        hide_secrets(s, e);
    s->wary = s->wary && v->name == NULL;
    look_at_command(s, e, v, whole.n, good);
    const struct smtp_canned *objection = object(s, e, v);
    s->event = (uint8_t)(e->type = v->event);
    reply_canned(s, e, &v->reply);
    s->legal = v->reply.code < 400;
    if (v->event == SMTP_BDAT && (objection == NULL || objection->code != 502)) {
        s->chunk_refused = objection;
        parse_bdat(s, e);
    } else if (objection != NULL) {
        command_refuse_with(s, e, objection);
    } else if (v->name == NULL && command_is_http(whole)) {
        command_refuse_http(s, e);
    } else if (!good) {
        offend(s, e, PROBLEM_COMMAND_OCTETS, 500, "5.5.2", "A command holds no NUL, CR or LF, and ends with CRLF");
    } else {
        v->parse(s, e);
    }
}
