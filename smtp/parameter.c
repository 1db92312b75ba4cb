/* SPDX-License-Identifier: ISC */
/*
 * parameter.c - the parameters of MAIL and RCPT (RFC 5321 4.1.2).  A table holds
 * each keyword, its command, the extensions that bring it, and its parser; another
 * one those that come with a keyword of --offer.
 */
#include "smtp/objection.h"

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

/* How well a value keeps to its grammar; servers take a loose one, too. */
enum form { EXACT, LOOSE, BROKEN };

/* Takes an EmbeddedUnicodeChar, "\x{3B4}", up to its brace.  False if there is none that is exact: of ASCII, it is
   only for what cannot stand for itself.  RFC 6533 3 */
static bool take_code_point(struct span *t)
{
    static const char start[] = "\\x{";
    uint32_t value = 0;
    size_t i = sizeof start - 1;
    bool padded = t->n > i + 2 && t->p[i] == '0' && t->p[i + 2] != '}';
    if (!span_starts(*t, start) || padded)
        return false;
    for (; i < t->n && ascii_is_hex(t->p[i]) && value <= 0x10ffff; i++)
        value = value << 4 | ascii_hex_value(t->p[i]);
    bool good = value < 0x80 ? value == ' ' || value == '+' || value == '=' || value == '\\'
                             : value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
    if (!good || i == t->n || t->p[i] != '}')
        return false;
    span_skip(t, i);
    return true;
}

/* Checks xtext (RFC 3461 4), which must stand for printable ASCII and tabs.  With utf8 it is an address of the type
   utf-8 (RFC 6533 3), which has escapes of its own. */
static enum form xtext_form(struct span t, bool utf8)
{
    enum form form = EXACT;
    for (; t.n > 0; span_skip(&t, 1)) {
        char c = *t.p;
        bool coded = c == '+' && t.n >= 3 && ascii_is_hex(t.p[1]) && ascii_is_hex(t.p[2]);
        bool exact = c != '+' || (!utf8 && coded && t.p[1] < 'a' && t.p[2] < 'a'); /* the digits are in capitals */
        if (c == '+' && !coded && !utf8)
            return BROKEN;
        if (coded) {
            c = (char)(ascii_hex_value(t.p[1]) << 4 | ascii_hex_value(t.p[2]));
            span_skip(&t, 2);
        }
        if (ascii_is_control(c) && c != '\t')
            return BROKEN;
        if (!exact || (ascii_is_8bit(c) && !utf8) || (utf8 && *t.p == '\\' && !take_code_point(&t)))
            form = LOOSE;
    }
    return form;
}

/* RFC 3461 4.4 */
static const struct objection *parse_envid(struct smtp *s, struct smtp_event *e, struct span value)
{
    const struct objection *o = value.n > ENVID_MAX ? objection_raise(s, e, OBJECTION_LONG_ENVID) : NULL;
    bool good = value.p != NULL && xtext_form(value, false) == EXACT;
    return o != NULL || good ? o : objection_raise(s, e, OBJECTION_ENVID);
}

/* The first submitter of the message, or "<>"; RFC 4954 5 */
static const struct objection *parse_auth(struct smtp *s, struct smtp_event *e, struct span value)
{
    enum form form = value.p != NULL ? xtext_form(value, false) : BROKEN;
    if (form == BROKEN)
        return objection_raise(s, e, OBJECTION_AUTH_PARAMETER);
    return form == LOOSE ? objection_raise(s, e, OBJECTION_AUTH_OCTETS) : NULL;
}

/* NEVER, or some of SUCCESS, FAILURE, DELAY, by comma; RFC 3461 4.1 */
static const struct objection *parse_notify(struct smtp *s, struct smtp_event *e, struct span value)
{
    static const char *const words[] = {"SUCCESS", "FAILURE", "DELAY", "NEVER"};
    enum { NEVER = 3, WORDS };
    const struct objection *o = NULL;
    unsigned given = 0, n = 0;
    for (bool more = value.n > 0; more;) {
        const char *comma = value.n > 0 ? memchr(value.p, ',', value.n) : NULL;
        struct span word = comma != NULL ? span_between(value.p, comma) : value;
        unsigned i = 0;
        while (i < WORDS && !span_is(word, words[i]))
            i++;
        if (i == WORDS && word.n > 0)
            return objection_raise(s, e, OBJECTION_NOTIFY);
        if (i == WORDS)
            o = objection_raise(s, e, OBJECTION_NOTIFY_COMMA);
        else if (given & 1u << i)
            problems_add(&e->problems, PROBLEM_NOTIFY_TWICE);
        given |= 1u << i;
        n += i < WORDS;
        more = comma != NULL;
        span_skip(&value, more ? word.n + 1 : 0);
    }
    if (n == 0 || (n > 1 && given & 1u << NEVER))
        return objection_raise(s, e, OBJECTION_NOTIFY);
    return o;
}

/* The type of an address, ";" and the address, in xtext or as the type has it; RFC 3461 4.2, RFC 6533 3 */
static const struct objection *parse_orcpt(struct smtp *s, struct smtp_event *e, struct span value)
{
    const char *semicolon = value.n > 0 ? memchr(value.p, ';', value.n) : NULL;
    bool good = semicolon != NULL && semicolon > value.p;
    for (const char *p = value.p; good && p < semicolon; p++)
        good = ascii_is_letter(*p) || ascii_is_digit(*p) || *p == '-';
    if (!good)
        return objection_raise(s, e, OBJECTION_ORCPT);
    struct span address = span_between(semicolon + 1, value.p + value.n);
    bool utf8 = span_is(span_between(value.p, semicolon), "utf-8");
    enum form form = xtext_form(address, utf8);
    if (form == BROKEN)
        return objection_raise(s, e, OBJECTION_ORCPT);
    bool fits = address.n > 0 && (!span_has_8bit(address) || (s->mail.utf8 && utf8_is_valid(address)));
    return form == LOOSE || (utf8 && !fits) ? objection_raise(s, e, OBJECTION_ORCPT_OCTETS) : NULL;
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

/* ---- parameters that come with a keyword of --offer ---- */

static bool is_none(struct span value) { return value.p == NULL; }

static bool is_some(struct span value) { return value.n > 0; }

static bool is_xtext(struct span value) { return value.n > 0 && xtext_form(value, false) != BROKEN; }

/* Takes what has this form, in which each d is a digit. */
static bool take_form(struct span *t, const char *form)
{
    for (; *form != '\0'; form++) {
        if (t->n == 0 || !(*form == 'd' ? ascii_is_digit(*t->p) : ascii_same(*t->p, *form)))
            return false;
        span_skip(t, 1);
    }
    return true;
}

static size_t take_digits(struct span *t)
{
    size_t before = t->n;
    while (t->n > 0 && ascii_is_digit(*t->p))
        span_skip(t, 1);
    return before - t->n;
}

/* RFC 3339 5.6 */
static bool take_time(struct span *t)
{
    return take_form(t, "dddd-dd-ddTdd:dd:dd") && (!span_takes(t, ".") || take_digits(t) > 0) &&
           (span_takes(t, "Z") || take_form(t, "+dd:dd") || take_form(t, "-dd:dd"));
}

static bool is_time(struct span value) { return take_time(&value) && value.n == 0; }

/* RFC 7293 3.1 */
static bool is_rrvs(struct span value)
{
    return take_time(&value) && (value.n == 0 || span_is(value, ";C") || span_is(value, ";R"));
}

/* RFC 4865 4 */
static bool is_seconds(struct span value)
{
    return value.n > 0 && value.n <= 9 && *value.p != '0' && take_digits(&value) > 0 && value.n == 0;
}

/* RFC 6710 4.1 */
static bool is_priority(struct span value)
{
    bool minus = span_takes(&value, "-");
    return value.n == 1 && ascii_is_digit(*value.p) && !(minus && *value.p == '0');
}

/* A time in seconds, ";", N or R, and perhaps T.  To return the message (R) it must be above 0; RFC 2852 4 */
static bool is_by(struct span value)
{
    bool minus = span_takes(&value, "-"), zero = true;
    if (!minus)
        (void)span_takes(&value, "+");
    for (size_t i = 0; i < value.n && ascii_is_digit(value.p[i]); i++)
        zero = zero && value.p[i] == '0';
    size_t digits = take_digits(&value);
    bool returns = span_takes(&value, ";R"), good = returns ? !minus && !zero : span_takes(&value, ";N");
    (void)span_takes(&value, "T");
    return good && digits > 0 && digits <= 9 && value.n == 0;
}

enum { HOLDFOR = 3, HOLDUNTIL, HOLDS = 1 << HOLDFOR | 1 << HOLDUNTIL /* their rows */ };

/* A keyword that is not here brings a parameter of its own name, with MAIL and RCPT. */
static const struct offered {
    const char *offer, *keyword;
    enum smtp_event_type command;
    bool (*fits)(struct span value); /* p is NULL if none was given */
} offered[] = {
    {"REQUIRETLS", "REQUIRETLS", SMTP_MAIL, is_none},                /* RFC 8689 */
    {"DELIVERBY", "BY", SMTP_MAIL, is_by},                           /* RFC 2852 */
    {"MT-PRIORITY", "MT-PRIORITY", SMTP_MAIL, is_priority},          /* RFC 6710 */
    [HOLDFOR] = {"FUTURERELEASE", "HOLDFOR", SMTP_MAIL, is_seconds}, /* RFC 4865 */
    [HOLDUNTIL] = {"FUTURERELEASE", "HOLDUNTIL", SMTP_MAIL, is_time},
    {"RRVS", "RRVS", SMTP_RCPT, is_rrvs},             /* RFC 7293 */
    {"SUBMITTER", "SUBMITTER", SMTP_MAIL, is_xtext},  /* RFC 4405 */
    {"MTRK", "MTRK", SMTP_MAIL, is_some},             /* RFC 3885 */
    {"NO-SOLICITING", "SOLICIT", SMTP_MAIL, is_some}, /* RFC 3865 */
    {"CONPERM", "CONPERM", SMTP_MAIL, is_none},       /* RFC 4141 */
    {"CONNEG", "CONNEG", SMTP_RCPT, is_none},         /* RFC 4141 */
    {"CHECKPOINT", "TRANSID", SMTP_MAIL, is_some},    /* RFC 1845 */
};
enum { OFFERED = sizeof offered / sizeof offered[0], PLACES = PARAMETERS + OFFERED + SMTP_OFFERS_MAX };
_Static_assert(PLACES < 64, "each parameter is a bit");

/* The place of such a parameter: after parameters[] come offered[] and the offers of this run.  PLACES: it has none. */
static size_t find_offered(const struct smtp *s, enum smtp_event_type command, struct span keyword)
{
    bool known = false;
    for (size_t i = 0; i < OFFERED; i++) {
        const struct offered *o = &offered[i];
        if (o->command == command && span_is(keyword, o->keyword) &&
            smtp_find_offer(s->config, span_of(o->offer)) < SMTP_OFFERS_MAX)
            return PARAMETERS + i;
        known = known || span_is(keyword, o->offer);
    }
    return known ? PLACES : PARAMETERS + OFFERED + smtp_find_offer(s->config, keyword);
}

/* ---- parsing ---- */

/* esmtp-param of RFC 5321 4.1.2: a keyword, and perhaps "=" and a value without blanks and controls */
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
        if (ascii_is_control(value->p[i]))
            return false;
    }
    return keyword->n > 0;
}

/* Looks at the value of a parameter of offered[]; `given` has the rows of those before, and its own. */
static const struct objection *object_to_offered(const struct smtp *s, struct smtp_event *e, const struct offered *row,
                                                 struct span value, uint64_t given)
{
    if (!row->fits(value))
        return objection_raise(s, e, OBJECTION_PARAMETER_FORM);
    return (given & HOLDS) == HOLDS ? objection_raise(s, e, OBJECTION_HOLDS) : NULL;
}

/* Looks at one parameter; `given` has those before, a bit for each place. */
static const struct objection *parse_one(struct smtp *s, struct smtp_event *e, struct span text, uint64_t *given)
{
    struct span keyword, value;
    if (!split(text, &keyword, &value))
        return objection_raise(s, e, OBJECTION_PARAMETER);
    const struct parameter *p = parameters, *end = parameters + PARAMETERS;
    while (p < end && !(p->command == e->type && p->extensions & extension_offered(s) && span_is(keyword, p->keyword)))
        p++;
    size_t place = p < end ? (size_t)(p - parameters) : find_offered(s, e->type, keyword);
    uint64_t bit = UINT64_C(1) << place;
    const struct objection *o = NULL;
    if (place == PLACES)
        o = objection_raise(s, e, OBJECTION_PARAMETER_NOT_OFFERED);
    else if (*given & bit)
        o = objection_raise(s, e, OBJECTION_PARAMETER_TWICE);
    else if (value.p != NULL && (value.n == 0 || memchr(value.p, '=', value.n) != NULL))
        o = objection_raise(s, e, OBJECTION_PARAMETER_VALUE);
    *given |= bit;
    if (o == NULL && p < end)
        o = p->parse(s, e, value);
    else if (o == NULL && place < PARAMETERS + OFFERED)
        o = object_to_offered(s, e, &offered[place - PARAMETERS], value, *given >> PARAMETERS);
    if (o != NULL)
        objection_set_subject(e, keyword);
    return o;
}

const struct objection *parameter_parse(struct smtp *s, struct smtp_event *e, struct span t)
{
    const struct objection *o = NULL;
    uint64_t given = 0;
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
