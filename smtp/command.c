/* SPDX-License-Identifier: ISC */
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

/* what a command may come with, besides the extensions */
enum { SMTP_ONLY = 1 << 30, LMTP_ONLY = 1 << 29, NEVER = 1 << 28, XCLIENT = 1 << 27 };

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

/* The extensions, the protocol and the offer that a command may come with in this session. */
static unsigned spoken(const struct smtp *s)
{
    bool xclient = s->config->n_offers > 0 && smtp_find_offer(s->config, span_of("XCLIENT")) < SMTP_OFFERS_MAX;
    return extension_offered(s) | (s->config->lmtp ? LMTP_ONLY : SMTP_ONLY) | (xclient ? XCLIENT : 0);
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

/* Addresses outside ASCII need SMTPUTF8 with MAIL; RFC 6531 3.5 */
static const struct objection *check_utf8(struct smtp *s, struct smtp_event *e, struct span path)
{
    if (s->plain || !span_has_8bit(path))
        return NULL;
    if (!(e->type == SMTP_MAIL ? s->asked.utf8 : s->mail.utf8))
        return objection_raise(s, e, OBJECTION_UTF8_PATH);
    return utf8_is_valid(path) ? NULL : objection_raise(s, e, OBJECTION_NOT_UTF8);
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
    e->params = span_between(after, end);
    span_skip_spaces(&e->params);
    o = parameter_parse(s, e, span_between(after, end));
    return o != NULL ? o : check_utf8(s, e, span_between(t.p, after));
}

static const struct objection *parse_mail(struct smtp *s, struct smtp_event *e)
{
    s->asked = (struct smtp_declared){.size = 0};
    if (!span_takes(&e->arg, "FROM:")) {
        e->arg = (struct span){NULL, 0};
        return objection_raise(s, e, OBJECTION_MAIL);
    }
    return parse_path(s, e);
}

static const struct objection *parse_rcpt(struct smtp *s, struct smtp_event *e)
{
    if (!span_takes(&e->arg, "TO:")) {
        e->arg = (struct span){NULL, 0};
        return objection_raise(s, e, OBJECTION_RCPT);
    }
    const struct objection *o = parse_path(s, e);
    if (o == NULL && e->arg.n == 0)
        o = objection_raise(s, e, OBJECTION_NO_RECIPIENT);
    if (o == NULL && s->config->max_recipients > 0 && s->recipients >= s->config->max_recipients)
        o = objection_raise(s, e, OBJECTION_TOO_MANY_RECIPIENTS); /* RFC 5321 4.5.3.1.10 */
    return o;
}

/* xtext (RFC 3461 4) of any octets but NUL, which no argument has. */
static const struct objection *parse_argv(struct smtp *s, struct smtp_event *e)
{
    struct span t = e->arg;
    (void)span_takes(&t, "=");
    while (t.n > 0) {
        const char *p = t.p;
        bool good = *p > ' ' && *p < 0x7f && *p != '=' && span_take_xtext(&t) != '\0';
        if (good && *p == '+') /* the digits are in capitals */
            good = t.p - p == 3 && p[1] < 'a' && p[2] < 'a';
        if (!good)
            return objection_raise(s, e, OBJECTION_XTEXT);
    }
    return NULL;
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
     CANNED(354, "", "Send the message; end it with <CRLF>.<CRLF>")},
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
     CANNED(252, "2.1.5 ", "Not verified, but mail for it will be accepted")},
    {"EXPN", SMTP_EXPN, 0, ANY, AFTER_TLS | AFTER_AUTH, 0, parse_expn, CANNED(250, "", "")},
    {"HELP", SMTP_HELP, SMTP_EXT_HELP, ANY, AFTER_TLS, 0, parse_help, CANNED(214, "2.0.0 ", "")},
    {"XCLIENT", SMTP_XCLIENT, XCLIENT, 1 << STATE_GREETED | 1 << STATE_READY, 0, 0, xclient_parse, CANNED(220, "", "")},
    /* HELP does not list these: they are obsolete, not for a server like this, or private; the row without a name is
       any other command */
    {"SEND", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"SOML", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"SAML", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"TURN", SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"ETRN", SMTP_UNKNOWN, NEVER, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"ATRN", SMTP_UNKNOWN, NEVER, ALWAYS, 0, 0, parse_any, CANNED(502, "", "")},
    {"XARGV", SMTP_ARGV, 0, 1 << STATE_READY, AFTER_TLS, 0, parse_argv, CANNED(250, "2.0.0 ", "Ok")},
    {NULL, SMTP_UNKNOWN, 0, ALWAYS, 0, 0, parse_any, CANNED(500, "", "")},
};

/* Lists the commands of this session, up to the first one that is always refused. */
static const struct objection *parse_help(struct smtp *s, struct smtp_event *e)
{
    char text[SMTP_REPLY_MAX / 4];
    char *end = text;
    for (const struct verb *v = verbs; v->event != SMTP_UNKNOWN; v++) {
        bool useless = v->event == SMTP_EXPN || (v->event == SMTP_STARTTLS && s->secure);
        if (!useless && (v->with == 0 || v->with & spoken(s)))
            end = string_add(string_add(end, end > text ? " " : ""), v->name);
    }
    (void)string_add(end, "\nMail is accepted, and delivered nowhere");
    smtp_reply(s, e, 214, "2.0.0", text);
    return NULL;
}

/* ---- objections to a command, whatever its argument ---- */

static const struct objection *object_to_order(struct smtp *s, struct smtp_event *e)
{
    enum objection_name name = OBJECTION_RCPT_FIRST;
    if (s->state == STATE_REFUSED)
        name = OBJECTION_UNAVAILABLE;
    else if (s->state == STATE_GREETED)
        name = s->config->lmtp ? OBJECTION_LHLO_FIRST : OBJECTION_EHLO_FIRST;
    else if (s->state == STATE_CHUNKS)
        name = OBJECTION_IN_CHUNKS;
    else if (e->type == SMTP_AUTH || e->type == SMTP_ARGV || e->type == SMTP_XCLIENT)
        name = OBJECTION_IN_TRANSACTION;
    else if (e->type == SMTP_MAIL)
        name = OBJECTION_SECOND_MAIL;
    else if (s->state == STATE_READY)
        name = OBJECTION_MAIL_FIRST;
    if (s->path_refused && (e->type == SMTP_RCPT || e->type == SMTP_DATA || e->type == SMTP_BDAT))
        return &objections[name]; /* the client could not know when it sent the group: nothing is noted */
    return objection_raise(s, e, name);
}

/* Objections that only clients held to the letter are refused for; n: octets of the line. */
static const struct objection *object_to_form(struct smtp *s, struct smtp_event *e, const struct verb *v, size_t n)
{
    const unsigned extended = SMTP_EXT_STARTTLS | SMTP_EXT_AUTH | SMTP_EXT_CHUNKING;
    const struct objection *length = NULL, *blank = NULL, *helo = NULL;
    if (n + 2 > COMMAND_MAX + v->more && !(v->more > 0 && s->config->n_offers > 0)) /* offers may allow more */
        length = objection_raise(s, e, OBJECTION_LONG_COMMAND);
    if (e->arg.n > 1 && e->arg.p[0] == ' ' && e->arg.p[1] == ' ')
        blank = objection_raise(s, e, OBJECTION_EXTRA_BLANK);
    if (v->with & extended && s->state >= STATE_READY && !s->extended)
        helo = objection_raise(s, e, OBJECTION_AFTER_HELO);
    if (length != NULL && v->event != SMTP_AUTH) /* a long AUTH is noted, not refused */
        return length;
    return blank != NULL ? blank : helo;
}

/* The first word of a line, and the blanks after it. */
static struct span take_word(struct span *line)
{
    const char *start = line->p;
    while (line->n > 0 && *line->p != ' ' && *line->p != '\t')
        span_skip(line, 1);
    struct span word = span_between(start, line->p);
    while (line->n > 0 && (*line->p == ' ' || *line->p == '\t'))
        span_skip(line, 1);
    return word;
}

/* Whether a line that is no command is a request of HTTP or one of its kin: a method and a path or URL, or a version.
 */
static bool is_http(struct span line)
{
    struct span rest = line;
    (void)take_word(&rest);
    struct span target = take_word(&rest);
    bool path = target.n > 0 && *target.p == '/';
    for (; target.n > 0 && !path; span_skip(&target, 1))
        path = span_starts(target, "://");
    for (; line.n > 0 && !path; span_skip(&line, 1))
        path = span_starts(line, "HTTP/") && line.n > 5 && ascii_is_digit(line.p[5]);
    return path;
}

/* Whether a command that is a method, too, ends with a version. */
static bool ends_in_http(struct span line)
{
    enum { LENGTH = sizeof "HTTP/1.1" - 1 };
    const char *end = line.p + line.n;
    return line.n > LENGTH && ascii_is_digit(end[-1]) && end[-2] == '.' && ascii_is_digit(end[-3]) &&
           span_starts(span_between(end - LENGTH, end), "HTTP/");
}

/* good: there is nothing in the line that no line may have. */
static const struct objection *object(struct smtp *s, struct smtp_event *e, const struct verb *v, struct span line,
                                      bool good)
{
    const struct smtp_config *c = s->config;
    const struct objection *form = object_to_form(s, e, v, line.n);
    /* a browser or a script that was led here: what follows must not be read as commands */
    if (v->name == NULL ? is_http(line)
                        : s->state == STATE_GREETED && ends_in_http(span_between(line.p, e->arg.p + e->arg.n)))
        return objection_raise(s, e, OBJECTION_HTTP);
    if (v->name == NULL)
        return objection_raise(s, e, good ? OBJECTION_UNKNOWN : OBJECTION_OCTETS);
    if (v->with != 0 && !(v->with & spoken(s))) {
        if (v->with != XCLIENT)
            return objection_raise(s, e, OBJECTION_NOT_OFFERED);
        s->event = (uint8_t)(e->type = SMTP_UNKNOWN); /* no RFC has it */
        return objection_raise(s, e, OBJECTION_UNKNOWN);
    }
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

/* The command that is the first word of the line, of *length octets; the row without a name if there is none. */
static const struct verb *find_verb(struct span line, size_t *length)
{
    const struct verb *v = verbs;
    uint32_t four = line.n >= sizeof four ? first_four(line.p) : 0;
    size_t i = 0;
    for (; v->name != NULL; v++) {
        i = sizeof four;
        if (first_four(v->name) != four)
            continue;
        while (i < line.n && v->name[i] != '\0' && ascii_same(line.p[i], v->name[i]))
            i++;
        if (v->name[i] == '\0' && (i == line.n || line.p[i] == ' '))
            break;
    }
    *length = i;
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
    size_t length;
    const struct verb *v = find_verb(*good ? span_between(start, end) : (struct span){start, 0}, &length);
    const char *after = v->name != NULL ? start + length : memchr(start, ' ', (size_t)(end - start));
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
    if (v->event == SMTP_BDAT && o != &objections[OBJECTION_NOT_OFFERED] && o != &objections[OBJECTION_HTTP]) {
        s->chunk_refused = o; /* said at its end */
        o = NULL;
    }
    if (o == NULL)
        o = v->parse(s, e);
    if (o == NULL)
        return;
    struct span rest = e->line;
    if (e->subject.p == NULL)
        objection_set_subject(e, v->name != NULL ? span_of(v->name) : take_word(&rest));
    objection_refuse(s, e, o);
    /* the application may overrule what is against a name */
    s->legal = o >= &objections[OBJECTION_NO_NAME] && o <= &objections[OBJECTION_HELO_LITERAL];
}

bool smtp_read_argument(struct smtp *s, struct smtp_event *e)
{
    const struct verb *v = verbs;
    if (e->type == SMTP_RCPT && e->code == objections[OBJECTION_TOO_MANY_RECIPIENTS].reply.code)
        return true; /* it has been read */
    if (s->legal || (e->type != SMTP_MAIL && e->type != SMTP_RCPT && e->type != SMTP_DATA))
        return false;
    while (v->event != e->type)
        v++;
    return v->parse(s, e) == NULL;
}

void smtp_overrule(struct smtp *s)
{
    if (!smtp_in_transaction(s))
        s->mail = (struct smtp_declared){.size = 0};
    s->legal = true;
}
