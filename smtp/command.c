/*
 * command.c - interprets a command line: finds the command, looks for what
 * stands against it, and reads its argument.
 *
 * The table verbs[] holds a command's name, its event, the extension it comes
 * with, the states it is in order in, what it waits for (TLS, a login), its
 * argument's parser and its default reply.  A parser looks at the argument and
 * fills the event.  It returns the objection that stands, or NULL.  It changes
 * nothing that a refusal would have to take back: what it notes in the session
 * is for the next commit or the next line (a chunk's size, the mechanism of
 * AUTH).
 */
#include "smtp/inside.h"

#include <assert.h>
#include <string.h>

#include "base/scan.h"
#include "smtp.h"
#include "smtp/objection.h"

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

unsigned extension_offered(const struct smtp *s)
{
    unsigned set = s->config->extensions;
    if (!(set & SMTP_EXT_CHUNKING))
        set &= ~(unsigned)SMTP_EXT_BINARYMIME;
    if (s->config->max_recipients == 0)
        set &= ~(unsigned)SMTP_EXT_LIMITS;
    return set;
}

static char *add_number(char *end, const char *before, uint64_t n)
{
    char digits[21] = "";
    return string_add(string_add(end, before), ascii_put_number(digits + 20, n));
}

/* Adds what follows the keyword. */
static char *add_argument(const struct smtp *s, char *end, unsigned extension)
{
    switch (extension) {
    case SMTP_EXT_AUTH:
        return string_add(string_add(end, " "), sasl_names);
    case SMTP_EXT_LIMITS:
        return add_number(end, " RCPTMAX=", s->config->max_recipients);
    case SMTP_EXT_SIZE:
        return add_number(end, " ", s->config->max_size);
    default:
        return end;
    }
}

void extension_list(struct smtp *s, struct smtp_event *e)
{
    static const char start[] = "250-", line_end[] = "\r\n";
    char wire[SMTP_REPLY_MAX / 2];
    char *last = wire, *end = string_add(string_add(string_add(wire, start), s->config->hostname), line_end);
    unsigned set = extension_offered(s) & ~(s->secure ? (unsigned)SMTP_EXT_STARTTLS : 0); /* RFC 3207 4.2 */
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (!(set & extensions[i].bit))
            continue;
        last = end;
        end = string_add(string_add(end, start), extensions[i].keyword);
        end = string_add(add_argument(s, end, extensions[i].bit), line_end);
    }
    assert(end < wire + sizeof wire);
    last[strlen("250")] = ' '; /* RFC 5321 4.2.1 */
    smtp_reply_raw(s, e, 250, span_between(wire, end));
}

enum { ENVID_MAX = 100 /* RFC 3461 4.4 */ };

/* SIZE=n; RFC 1870 6.1.  A number beyond 64 bits is too large: it does not wrap. */
static const struct objection *parse_size(struct smtp *s, struct smtp_event *e, struct span value)
{
    uint64_t size = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_is_digit(value.p[i]))
            return objection_raise(s, e, OBJECTION_SIZE);
        uint64_t digit = (uint64_t)(value.p[i] - '0');
        size = size > (UINT64_MAX - digit) / 10 ? UINT64_MAX : size * 10 + digit;
    }
    if (value.n == 0 || value.n > 20)
        return objection_raise(s, e, OBJECTION_SIZE_DIGITS);
    if (size == UINT64_MAX || (s->config->max_size > 0 && size > s->config->max_size))
        return objection_raise(s, e, OBJECTION_TOO_LARGE);
    s->asked.size = e->size = size;
    return NULL;
}

/* BODY=7BIT, 8BITMIME or BINARYMIME; RFC 6152, RFC 3030 3 */
static const struct objection *parse_body(struct smtp *s, struct smtp_event *e, struct span value)
{
    unsigned offered = extension_offered(s);
    s->asked.eightbit = offered & SMTP_EXT_8BITMIME && span_is(value, "8BITMIME");
    s->asked.binary = e->binary = offered & SMTP_EXT_BINARYMIME && span_is(value, "BINARYMIME");
    bool good = s->asked.eightbit || s->asked.binary || span_is(value, "7BIT");
    return good ? NULL : objection_raise(s, e, OBJECTION_BODY);
}

/* RFC 6531 3.4 */
static const struct objection *parse_smtputf8(struct smtp *s, struct smtp_event *e, struct span value)
{
    if (value.p != NULL)
        return objection_raise(s, e, OBJECTION_SMTPUTF8);
    s->asked.utf8 = e->utf8 = true;
    return NULL;
}

/* RFC 3461 4.3 */
static const struct objection *parse_ret(struct smtp *s, struct smtp_event *e, struct span value)
{
    bool good = span_is(value, "FULL") || span_is(value, "HDRS");
    return good ? NULL : objection_raise(s, e, OBJECTION_RET);
}

/* Whether it is xtext (RFC 3461 4) that stands for printable ASCII.  With utf8, octets outside ASCII may stand in it.
 */
static bool is_xtext(struct span t, bool utf8)
{
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (c == '+') {
            /* its hexadecimal digits are in capitals */
            if (t.n - i < 3 || !ascii_is_hex(t.p[i + 1]) || !ascii_is_hex(t.p[i + 2]) || t.p[i + 1] >= 'a' ||
                t.p[i + 2] >= 'a')
                return false;
            c = (char)(ascii_hex_value(t.p[i + 1]) << 4 | ascii_hex_value(t.p[i + 2]));
            if (c < ' ' || c >= 0x7f)
                return false;
            i += 2;
        } else if (ascii_is_8bit(c) ? !utf8 : c <= ' ' || c >= 0x7f || c == '=') {
            return false;
        }
    }
    return t.n > 0;
}

/* RFC 3461 4.4 */
static const struct objection *parse_envid(struct smtp *s, struct smtp_event *e, struct span value)
{
    const struct objection *o = value.n > ENVID_MAX ? objection_raise(s, e, OBJECTION_LONG_ENVID) : NULL;
    return o != NULL || is_xtext(value, false) ? o : objection_raise(s, e, OBJECTION_ENVID);
}

/* Who submitted the message first, or "<>"; RFC 4954 5 */
static const struct objection *parse_auth(struct smtp *s, struct smtp_event *e, struct span value)
{
    return is_xtext(value, false) ? NULL : objection_raise(s, e, OBJECTION_AUTH_PARAMETER);
}

/* NEVER, or some of SUCCESS, FAILURE, DELAY, by comma; RFC 3461 4.1 */
static const struct objection *parse_notify(struct smtp *s, struct smtp_event *e, struct span value)
{
    static const char *const words[] = {"SUCCESS", "FAILURE", "DELAY"};
    unsigned given = 0;
    bool twice = false, more = !span_is(value, "NEVER");
    while (more) {
        const char *comma = value.n > 0 ? memchr(value.p, ',', value.n) : NULL;
        struct span word = comma != NULL ? span_between(value.p, comma) : value;
        unsigned i = 0;
        while (i < 3 && !span_is(word, words[i]))
            i++;
        if (i == 3)
            return objection_raise(s, e, OBJECTION_NOTIFY);
        twice = twice || given & 1u << i;
        given |= 1u << i;
        more = comma != NULL;
        if (more)
            span_skip(&value, word.n + 1);
    }
    if (twice)
        problems_add(&e->problems, PROBLEM_NOTIFY_TWICE);
    return NULL;
}

/* The type of an address, ";" and the address in xtext; RFC 3461 4.2 */
static bool is_orcpt(struct span t, bool utf8)
{
    const char *semicolon = t.n > 0 ? memchr(t.p, ';', t.n) : NULL;
    if (semicolon == NULL || semicolon == t.p)
        return false;
    struct span type = span_between(t.p, semicolon), address = span_between(semicolon + 1, t.p + t.n);
    for (size_t i = 0; i < type.n; i++) {
        if (!ascii_is_letter(type.p[i]) && !ascii_is_digit(type.p[i]) && type.p[i] != '-')
            return false;
    }
    return is_xtext(address, utf8 && span_is(type, "utf-8"));
}

static const struct objection *parse_orcpt(struct smtp *s, struct smtp_event *e, struct span value)
{
    return is_orcpt(value, s->mail.utf8) ? NULL : objection_raise(s, e, OBJECTION_ORCPT);
}

static const struct parameter {
    const char *keyword;
    enum smtp_event_type command;
    unsigned extensions; /* any of these brings it */
    /* value.p is NULL if none was given */
    const struct objection *(*parse)(struct smtp *s, struct smtp_event *e, struct span value);
} parameters[] = {
    {"SIZE", SMTP_MAIL, SMTP_EXT_SIZE, parse_size},
    {"BODY", SMTP_MAIL, SMTP_EXT_8BITMIME | SMTP_EXT_BINARYMIME, parse_body},
    {"SMTPUTF8", SMTP_MAIL, SMTP_EXT_SMTPUTF8, parse_smtputf8},
    {"RET", SMTP_MAIL, SMTP_EXT_DSN, parse_ret},
    {"ENVID", SMTP_MAIL, SMTP_EXT_DSN, parse_envid},
    {"AUTH", SMTP_MAIL, SMTP_EXT_AUTH, parse_auth},
    {"NOTIFY", SMTP_RCPT, SMTP_EXT_DSN, parse_notify},
    {"ORCPT", SMTP_RCPT, SMTP_EXT_DSN, parse_orcpt},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

/* esmtp-param of RFC 5321 4.1.2: a keyword, and perhaps "=" and a value without "=", blanks or controls */
static bool split(struct span text, struct span *keyword, struct span *value)
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

/* Looks at one parameter, of which `given` has the ones before, a bit for each of the table. */
static const struct objection *parse_one(struct smtp *s, struct smtp_event *e, struct span text, unsigned *given)
{
    struct span keyword, value;
    if (!split(text, &keyword, &value))
        return objection_raise(s, e, OBJECTION_PARAMETER);
    const struct parameter *p = parameters, *end = parameters + PARAMETERS;
    while (p < end && !(p->command == e->type && p->extensions & extension_offered(s) && span_is(keyword, p->keyword)))
        p++;
    if (p == end)
        return objection_raise(s, e, OBJECTION_PARAMETER_NOT_OFFERED);
    unsigned bit = 1u << (p - parameters);
    if (*given & bit)
        return objection_raise(s, e, OBJECTION_PARAMETER_TWICE);
    *given |= bit;
    return p->parse(s, e, value);
}

const struct objection *parameter_parse(struct smtp *s, struct smtp_event *e, struct span t)
{
    const struct objection *o = NULL;
    unsigned given = 0;
    if (t.n > 0 && !s->extended)
        o = objection_raise(s, e, OBJECTION_PARAMETER_AFTER_HELO);
    while (t.n > 0 && o == NULL) {
        size_t n = t.n;
        span_skip_spaces(&t);
        if (n - t.n > 1 && (o = objection_raise(s, e, OBJECTION_PARAMETER_BLANKS)) != NULL)
            break;
        const char *space = memchr(t.p, ' ', t.n);
        struct span one = space != NULL ? span_between(t.p, space) : t;
        span_skip(&t, one.n);
        o = parse_one(s, e, one, &given);
    }
    return o;
}

/* The line from there on is not to be shown, and is wiped at the commit. */
static void hide_from(struct smtp *s, struct smtp_event *e, size_t from)
{
    s->secret = s->line + from;
    s->secret_n = e->line.n - from;
    while (from < e->line.n && (e->line.p[from] == ' ' || e->line.p[from] == '\t'))
        from++; /* blanks before a secret are no part of it */
    _Static_assert(SMTP_AUTH_LINE_MAX <= UINT16_MAX, "hidden holds all of a line");
    e->hidden = (uint16_t)(e->line.n - from);
    e->line.n -= s->secret_n;
}

void auth_hide(struct smtp *s, struct smtp_event *e)
{
    struct span t = e->line;
    while (t.n > 0 && ascii_is_control(*t.p) | (*t.p == ' '))
        span_skip(&t, 1);
    if (!span_takes(&t, "AUTH")) {
        if (s->wary)
            hide_from(s, e, 0);
        return;
    }
    size_t shown = (size_t)(t.p - e->line.p), n = 0;
    while (t.n > 0 && (*t.p == ' ' || *t.p == '\t'))
        span_skip(&t, 1);
    while (n < t.n && (ascii_is_letter(t.p[n]) || ascii_is_digit(t.p[n]) || t.p[n] == '-'))
        n++;
    if (sasl_mechanism((struct span){t.p, n}) != SASL_NONE)
        shown = (size_t)(t.p - e->line.p) + n;
    hide_from(s, e, shown);
}

/* Prepares the challenge that asks for the response `next`. */
static const struct objection *challenge(struct smtp *s, struct smtp_event *e, enum smtp_step next, const char *text)
{
    s->next_step = (uint8_t)next;
    smtp_reply(s, e, 334, NULL, text);
    return NULL;
}

/* Reads a response, already decoded. */
static const struct objection *take_response(struct smtp *s, struct smtp_event *e, struct span text)
{
    static const struct smtp_canned done = CANNED(235, "2.7.0 ", "Authentication successful");
    struct sasl_login login = {.secret = text};
    if (s->mechanism == SASL_LOGIN && s->step == STEP_FIRST) {
        e->arg = text;
        return text.n > 0 ? challenge(s, e, STEP_PASSWORD, "UGFzc3dvcmQ6" /* Password: */)
                          : objection_raise(s, e, OBJECTION_NO_USER);
    }
    if (s->mechanism != SASL_LOGIN && !sasl_parse((enum sasl_mechanism)s->mechanism, text, &login))
        return objection_raise(s, e, OBJECTION_RESPONSE);
    e->arg = login.user;
    e->authzid = login.authzid;
    e->secret = login.secret;
    s->next_step = STEP_FAILED;
    reply_canned(s, e, &done);
    return NULL;
}

static const struct objection *decode_response(struct smtp *s, struct smtp_event *e, char *text, size_t n)
{
    return base64_decode(text, &n) ? take_response(s, e, (struct span){text, n})
                                   : objection_raise(s, e, OBJECTION_BASE64);
}

void auth_respond(struct smtp *s, struct smtp_event *e)
{
    static const struct smtp_canned failed = CANNED(535, "5.7.8 ", "Authentication failed");
    const struct objection *o = NULL;
    bool cancel = e->line.n == 1 && *e->line.p == '*';
    size_t n = e->line.n;
    s->event = e->type = SMTP_AUTH;
    s->legal = true;
    e->mechanism = (enum sasl_mechanism)s->mechanism;
    if (!cancel)
        hide_from(s, e, 0);
    if (s->step == STEP_FAILED)
        reply_canned(s, e, &failed);
    else if (cancel)
        o = objection_raise(s, e, OBJECTION_CANCELLED);
    else
        o = decode_response(s, e, s->line, n);
    if (o != NULL)
        objection_refuse(s, e, o);
}

static const struct objection *first_challenge(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_CHALLENGE_MAX], encoded[BASE64_SIZE(SMTP_CHALLENGE_MAX)] = "";
    if (s->mechanism == SASL_LOGIN)
        return challenge(s, e, STEP_FIRST, "VXNlcm5hbWU6" /* Username: */);
    if (s->mechanism == SASL_CRAM_MD5) {
        s->nonce++;
        base64_encode((struct span){text, smtp_challenge(s, text)}, encoded);
    }
    return challenge(s, e, STEP_FIRST, encoded);
}

const struct objection *auth_parse(struct smtp *s, struct smtp_event *e)
{
    const char *space = e->arg.n > 0 ? memchr(e->arg.p, ' ', e->arg.n) : NULL;
    struct span name = space != NULL ? span_between(e->arg.p, space) : e->arg;
    char *text = s->secret;
    size_t n = s->secret_n;
    e->arg = (struct span){NULL, 0};
    if (s->authenticated)
        return objection_raise(s, e, OBJECTION_SECOND_AUTH);
    if (name.n == 0)
        return objection_raise(s, e, OBJECTION_AUTH);
    e->mechanism = sasl_mechanism(name);
    if (e->mechanism == SASL_NONE)
        return objection_raise(s, e, OBJECTION_MECHANISM);
    if (e->mechanism != SASL_CRAM_MD5 && !s->secure && extension_offered(s) & SMTP_EXT_STARTTLS)
        problems_add(&e->problems, PROBLEM_AUTH_IN_CLEAR);
    s->mechanism = (uint8_t)e->mechanism;
    s->step = STEP_FIRST;
    for (; n > 0 && *text == ' '; n--)
        text++;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    if (n == 0)
        return first_challenge(s, e);
    if (e->mechanism == SASL_CRAM_MD5) /* the challenge comes first */
        return objection_raise(s, e, OBJECTION_INITIAL_RESPONSE);
    if (n == 1 && *text == '=') /* an empty response */
        return take_response(s, e, (struct span){text, 0});
    return decode_response(s, e, text, n);
}

size_t smtp_challenge(const struct smtp *s, char *text)
{
    char digits[21] = "";
    char *end = string_add(string_add(text, "<"), ascii_put_number(digits + 20, s->nonce));
    return (size_t)(string_add(string_add(string_add(end, "@"), s->config->hostname), ">") - text);
}

/* beside the extensions, what a command may come with */
enum { SMTP_ONLY = 1 << 30, LMTP_ONLY = 1 << 29, NEVER = 1 << 28 };

/* octets of a command with its end, and how many more the extensions allow */
enum {
    COMMAND_MAX = 512,                        /* RFC 5321 4.5.3.1.4 */
    MAIL_MORE = 26 + 17 + 10 + 500 + 6 + 107, /* SIZE, BODY, SMTPUTF8, AUTH, RET, ENVID */
    RCPT_MORE = 500 + 29,                     /* ORCPT, NOTIFY */
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

/* The extensions, and the protocol, that a command may come with in this session. */
static unsigned spoken(const struct smtp *s)
{
    return extension_offered(s) | (s->config->lmtp ? LMTP_ONLY : SMTP_ONLY);
}

/* ---- arguments: RFC 5321 4.1.1 ---- */

static const struct objection *parse_none(struct smtp *s, struct smtp_event *e)
{
    return e->arg.n == 0 ? NULL : objection_raise(s, e, OBJECTION_ARGUMENT);
}

static const struct objection *parse_any(struct smtp *s, struct smtp_event *e)
{
    (void)s, (void)e;
    return NULL;
}

static const struct objection *parse_string(struct smtp *s, struct smtp_event *e)
{
    return e->arg.n > 0 ? NULL : objection_raise(s, e, OBJECTION_NO_ARGUMENT);
}

static const struct objection *parse_expn(struct smtp *s, struct smtp_event *e)
{
    return objection_raise(s, e, OBJECTION_NO_LISTS);
}

/* The client's name is the first word; mail servers ignore what follows it. */
static const struct objection *take_client_name(struct smtp *s, struct smtp_event *e)
{
    const struct objection *o = NULL;
    const char *space = memchr(e->arg.p, ' ', e->arg.n);
    s->extended_asked = e->extended;
    if (space != NULL) {
        problems_add(&e->problems, PROBLEM_HELO_EXTRA);
        e->arg = span_between(e->arg.p, space);
    }
    if (e->arg.n == 0)
        return objection_raise(s, e, OBJECTION_NO_NAME);
    for (size_t i = 0; i < e->arg.n; i++) {
        if (e->arg.p[i] <= ' ' || e->arg.p[i] >= 0x7f)
            return objection_raise(s, e, OBJECTION_NAME_OCTETS);
    }
    if (!e->extended && *e->arg.p == '[')
        o = objection_raise(s, e, OBJECTION_HELO_LITERAL);
    return o != NULL || path_is_host(e->arg) ? o : objection_raise(s, e, OBJECTION_NAME);
}

static const struct objection *parse_helo(struct smtp *s, struct smtp_event *e)
{
    const struct objection *o = take_client_name(s, e);
    if (o == NULL)
        smtp_reply(s, e, 250, NULL, s->config->hostname);
    return o;
}

static const struct objection *parse_ehlo(struct smtp *s, struct smtp_event *e)
{
    e->extended = true;
    const struct objection *o = take_client_name(s, e);
    if (o == NULL)
        extension_list(s, e);
    return o;
}

/* Reads what follows "FROM:" or "TO:": a path, then parameters.  Blanks before the path and missing brackets are taken,
   as mail servers take them. */
static const struct objection *parse_path(struct smtp *s, struct smtp_event *e)
{
    struct span t = e->arg, address;
    const struct objection *o = NULL;
    size_t n = t.n;
    e->arg = (struct span){NULL, 0};
    span_skip_spaces(&t);
    if (t.n < n)
        o = objection_raise(s, e, OBJECTION_BLANK_BEFORE_PATH);
    if (o == NULL && (t.n == 0 || *t.p != '<'))
        o = objection_raise(s, e, OBJECTION_NO_BRACKETS);
    if (o != NULL)
        return o;
    enum problem problem;
    const char *after = path_end(t, e->type == SMTP_RCPT, &address, &problem), *end = t.p + t.n;
    if (after == NULL || (after < end && *after != ' '))
        return objection_to_path(s, e, PROBLEM_PATH);
    if (address.p - t.p > 1) /* beyond the bracket */
        problems_add(&e->problems, PROBLEM_SOURCE_ROUTE);
    if (problem != PROBLEMS && (o = objection_to_path(s, e, problem)) != NULL)
        return o;
    e->arg = address;
    e->params = t = span_between(after, end);
    span_skip_spaces(&e->params);
    return parameter_parse(s, e, t);
}

/* Addresses outside ASCII need SMTPUTF8 with MAIL; RFC 6531 3.5 */
static const struct objection *check_utf8(struct smtp *s, struct smtp_event *e, bool allowed)
{
    if (s->plain || !span_has_8bit(e->line))
        return NULL;
    if (!allowed)
        return objection_raise(s, e, OBJECTION_UTF8_PATH);
    return utf8_is_valid(e->line) ? NULL : objection_raise(s, e, OBJECTION_NOT_UTF8);
}

static const struct objection *parse_mail(struct smtp *s, struct smtp_event *e)
{
    s->asked = (struct smtp_declared){.size = 0};
    if (!span_takes(&e->arg, "FROM:")) {
        e->arg = (struct span){NULL, 0};
        return objection_raise(s, e, OBJECTION_MAIL);
    }
    const struct objection *o = parse_path(s, e);
    return o != NULL ? o : check_utf8(s, e, s->asked.utf8);
}

static const struct objection *parse_rcpt(struct smtp *s, struct smtp_event *e)
{
    if (!span_takes(&e->arg, "TO:")) {
        e->arg = (struct span){NULL, 0};
        return objection_raise(s, e, OBJECTION_RCPT);
    }
    const struct objection *o = parse_path(s, e);
    if (o == NULL)
        o = check_utf8(s, e, s->mail.utf8);
    if (o == NULL && e->arg.n == 0)
        o = objection_raise(s, e, OBJECTION_NO_RECIPIENT);
    if (o == NULL && s->config->max_recipients > 0 && s->recipients >= s->config->max_recipients)
        o = objection_raise(s, e, OBJECTION_TOO_MANY_RECIPIENTS); /* RFC 5321 4.5.3.1.10 */
    return o;
}

/* RFC 3030 3: binary mail data have no lines for DATA to end. */
static const struct objection *parse_data(struct smtp *s, struct smtp_event *e)
{
    return s->mail.binary ? objection_raise(s, e, OBJECTION_BINARY_DATA) : parse_none(s, e);
}

static const struct objection *parse_starttls(struct smtp *s, struct smtp_event *e)
{
    if (s->secure)
        return objection_raise(s, e, OBJECTION_SECOND_TLS);
    e->size = (uint64_t)(s->in_end - s->in);
    if (e->size > 0)
        problems_add(&e->problems, PROBLEM_EARLY_TLS);
    return parse_none(s, e);
}

void data_begin(struct smtp *s)
{
    s->size = s->line_size = 0;
    s->cr = false;
    s->data_problems = (struct problems){{0, 0}};
}

/* Reads the size of a chunk: a decimal number, and perhaps LAST.  *huge: it is beyond 64 bits. */
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

/*
 * RFC 3030 2.  The octets of a chunk are read first, whatever stands against
 * it.  If nobody knows how many there are, commands follow; if they are too many
 * to be counted, the session ends.
 */
static const struct objection *parse_bdat(struct smtp *s, struct smtp_event *e)
{
    bool huge;
    if (!take_chunk_size(e->arg, &s->chunk, &s->last, &huge))
        return objection_raise(s, e, OBJECTION_CHUNK);
    if (huge) {
        s->closing = true;
        return objection_raise(s, e, OBJECTION_HUGE_CHUNK);
    }
    bool to_nobody = s->config->lmtp && s->last; /* without recipients there are no replies; RFC 2033 4.3 */
    if (to_nobody && s->chunk_refused == &objections[OBJECTION_RCPT_FIRST])
        s->chunk_refused = NULL;
    if (s->chunk_refused == NULL && s->state != STATE_CHUNKS)
        data_begin(s);
    e->size = s->chunk_size = s->chunk;
    e->last = s->last;
    e->code = 0;
    s->in_chunk = true;
    s->event = SMTP_NONE;
    s->reply_n = 0;
    return NULL;
}

/* ---- the commands ---- */

static const struct objection *parse_help(struct smtp *s, struct smtp_event *e);

static const struct verb {
    const char *name;
    enum smtp_event_type event;
    unsigned with;     /* the extension, or protocol, it comes with; 0: all */
    unsigned in_order; /* the set of states */
    unsigned after;    /* what it waits for, where that is required */
    size_t more;       /* octets that the extensions allow it beyond COMMAND_MAX */
    const struct objection *(*parse)(struct smtp *s, struct smtp_event *e);
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
    {"AUTH", SMTP_AUTH, SMTP_EXT_AUTH, 1 << STATE_READY, AFTER_TLS, 0, auth_parse, CANNED(235, "", "")},
    {"RSET", SMTP_RSET, 0, ANY, AFTER_TLS, 0, parse_none, CANNED(250, "2.0.0 ", "Ok")},
    {"NOOP", SMTP_NOOP, 0, ANY, 0, 0, parse_any, CANNED(250, "2.0.0 ", "Ok")},
    {"QUIT", SMTP_QUIT, 0, ALWAYS, 0, 0, parse_none, CANNED(221, "2.0.0 ", "Bye")},
    {"VRFY", SMTP_VRFY, 0, ANY, AFTER_TLS | AFTER_AUTH, 0, parse_string,
     CANNED(252, "2.1.5 ", "Not verified, but mail for it will be taken")},
    {"EXPN", SMTP_EXPN, 0, ANY, AFTER_TLS | AFTER_AUTH, 0, parse_expn, CANNED(250, "", "")},
    {"HELP", SMTP_HELP, SMTP_EXT_HELP, ANY, AFTER_TLS, 0, parse_help, CANNED(214, "2.0.0 ", "")},
    /* obsolete, or not for a server like this; the name that ends the table is any other */
    {"SEND", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"SOML", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"SAML", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"TURN", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"ETRN", SMTP_UNKNOWN, NEVER, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"ATRN", SMTP_UNKNOWN, NEVER, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {NULL, SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(500, "", "")},
};

/* Lists the commands of this session. */
static const struct objection *parse_help(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_REPLY_MAX / 4];
    char *end = text;
    for (const struct verb *v = verbs; v->event != SMTP_UNKNOWN; v++) {
        bool useless = v->event == SMTP_EXPN || (v->event == SMTP_STARTTLS && s->secure);
        if (!useless && (v->with == 0 || v->with & spoken(s)))
            end = string_add(string_add(end, end > text ? " " : ""), v->name);
    }
    (void)string_add(end, "\nMail is taken and delivered nowhere");
    smtp_reply(s, e, 214, "2.0.0", text);
    return NULL;
}

/* ---- objections to a command, whatever its argument ---- */

static enum objection_name out_of_order(const struct smtp *s, enum smtp_event_type event)
{
    if (s->state == STATE_REFUSED)
        return OBJECTION_UNAVAILABLE;
    if (s->state == STATE_GREETED)
        return s->config->lmtp ? OBJECTION_LHLO_FIRST : OBJECTION_EHLO_FIRST;
    if (s->state == STATE_CHUNKS)
        return OBJECTION_IN_CHUNKS;
    if (event == SMTP_AUTH)
        return OBJECTION_AUTH_IN_MAIL;
    if (event == SMTP_MAIL)
        return OBJECTION_SECOND_MAIL;
    return s->state == STATE_READY ? OBJECTION_MAIL_FIRST : OBJECTION_RCPT_FIRST;
}

/* What only clients that are held to the letter are refused for; n: octets of the line. */
static const struct objection *object_to_form(struct smtp *s, struct smtp_event *e, const struct verb *v, size_t n)
{
    const unsigned extended = SMTP_EXT_STARTTLS | SMTP_EXT_AUTH | SMTP_EXT_CHUNKING;
    const struct objection *length = NULL, *blank = NULL, *helo = NULL;
    if (n + 2 > COMMAND_MAX + v->more)
        length = objection_raise(s, e, OBJECTION_LONG_COMMAND);
    if (e->arg.n > 1 && e->arg.p[0] == ' ' && e->arg.p[1] == ' ')
        blank = objection_raise(s, e, OBJECTION_EXTRA_BLANK);
    if (v->with & extended && s->state >= STATE_READY && !s->extended)
        helo = objection_raise(s, e, OBJECTION_AFTER_HELO);
    if (length != NULL && v->event != SMTP_AUTH) /* of which it is noted only */
        return length;
    return blank != NULL ? blank : helo;
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

/* good: the line has nothing in it that no line may have. */
static const struct objection *object_to_unknown(struct smtp *s, struct smtp_event *e, struct span line, bool good)
{
    if (command_is_http(line))
        return objection_raise(s, e, OBJECTION_HTTP);
    return objection_raise(s, e, good ? OBJECTION_UNKNOWN : OBJECTION_OCTETS);
}

static const struct objection *object_to_order(struct smtp *s, struct smtp_event *e)
{
    enum objection_name name = out_of_order(s, e->type);
    bool of_group = e->type == SMTP_RCPT || e->type == SMTP_DATA || e->type == SMTP_BDAT;
    if (of_group && s->path_refused)
        return &objections[name]; /* the client could not know: nothing is noted */
    return objection_raise(s, e, name);
}

static const struct objection *object(struct smtp *s, struct smtp_event *e, const struct verb *v, struct span line,
                                      bool good)
{
    const struct smtp_config *c = s->config;
    const struct objection *form = object_to_form(s, e, v, line.n);
    if (v->name == NULL)
        return object_to_unknown(s, e, line, good);
    if (v->with != 0 && !(v->with & spoken(s)))
        return objection_raise(s, e, OBJECTION_NOT_OFFERED);
    if (v->event == SMTP_UNKNOWN)
        return objection_raise(s, e, OBJECTION_OBSOLETE);
    if (c->require_tls && v->after & AFTER_TLS && !s->secure)
        return objection_raise(s, e, OBJECTION_TLS_FIRST);
    if (c->require_auth && v->after & AFTER_AUTH && !s->authenticated)
        return objection_raise(s, e, OBJECTION_AUTH_FIRST);
    return v->in_order & 1u << s->state ? form : object_to_order(s, e);
}

/* ---- interpreting a line ---- */

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

/* The command that the line begins with; the row without a name if there is none. */
static const struct verb *find_verb(struct span line)
{
    const struct verb *v = verbs;
    uint32_t four = line.n >= sizeof four ? first_four(line.p) : 0;
    while (v->name != NULL && (first_four(v->name) != four || !is_named(line, v->name)))
        v++;
    return v;
}

/* Finds the command; fills s->plain, and e->arg with what follows the command, blanks included.  *good: there is
   nothing in the line that no line may have. */
static const struct verb *take_verb(struct smtp *s, struct smtp_event *e, bool *good)
{
    const char *start = e->line.p, *end = start + e->line.n;
    s->plain = scan_is_plain(start, end);
    *good = s->plain || (memchr(start, '\0', e->line.n) == NULL && memchr(start, '\r', e->line.n) == NULL &&
                         memchr(start, '\n', e->line.n) == NULL);
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--; /* RFC 5321 4.1.1: trailing white space is tolerated */
    if (end < start + e->line.n)
        problems_add(&e->problems, PROBLEM_TRAILING_BLANK);
    const struct verb *v = find_verb(*good ? span_between(start, end) : (struct span){start, 0});
    const char *after = v->name != NULL ? start + strlen(v->name) : memchr(start, ' ', (size_t)(end - start));
    e->arg = span_between(after != NULL ? after : end, end);
    return v;
}

void command_interpret(struct smtp *s, struct smtp_event *e)
{
    struct span line = e->line;
    bool good;
    const struct verb *v = take_verb(s, e, &good);
    s->event = (uint8_t)(e->type = v->event);
    if (v->name == NULL || v->event == SMTP_AUTH)
        auth_hide(s, e);
    s->wary = s->wary && v->name == NULL;
    const struct objection *o = object(s, e, v, line, good);
    span_skip_spaces(&e->arg);
    reply_canned(s, e, &v->reply);
    s->legal = true;
    if (v->event == SMTP_BDAT && o != &objections[OBJECTION_NOT_OFFERED]) {
        s->chunk_refused = o; /* said at its end */
        o = NULL;
    }
    if (o == NULL)
        o = v->parse(s, e);
    if (o != NULL)
        objection_refuse(s, e, o);
}
