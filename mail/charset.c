/*
 * charset.c - octets of a charset, on their way into a sink that gets UTF-8.
 *
 * iconv turns them into UTF-8, and whatever that, or a client, calls UTF-8 is
 * looked through once more, so that nothing else gets out, and each character in
 * one piece.  Octets that are no character become U+FFFD.
 */
#include "mail/inside.h"

#include <errno.h>
#include <string.h>

/* Charsets that nobody calls by the name they have, or better read as another; without what is no letter or digit. */
static const struct {
    const char *squeezed, *name;
} renamed[] = {
    {"gb2312", "GB18030"},       {"gbk", "GB18030"},          {"hebrew", "ISO-8859-8"},    {"iso88596e", "ISO-8859-6"},
    {"iso88596i", "ISO-8859-6"}, {"iso88598e", "ISO-8859-8"}, {"iso88598i", "ISO-8859-8"}, {"ksc56011987", "CP949"},
    {"ksc5601", "CP949"},        {"macroman", "MACINTOSH"},   {"unicode11utf7", "UTF-7"},  {"windows31j", "CP932"},
    {"xgbk", "GB18030"},         {"xmacroman", "MACINTOSH"},
};

static bool is_one_of(const char *name, const char *const names[])
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

enum { CHARSET_MAX = 64 };

/* The name as a string, if it is one that may be shown to iconv_open(): no options, no locale's charset. */
static bool copy_name(struct span name, char copy[CHARSET_MAX], char squeezed[CHARSET_MAX])
{
    size_t n = 0;
    if (name.n >= CHARSET_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        bool alphanumeric = ascii_is_letter(c) || ascii_is_digit(c);
        if (c == '\0' || (!alphanumeric && strchr("-_.:+ ", c) == NULL))
            return false;
        copy[i] = c;
        if (alphanumeric)
            squeezed[n++] = c;
    }
    copy[name.n] = squeezed[n] = '\0';
    static const char *const local[] = {"", "char", "wchart", "internal", NULL};
    return !is_one_of(squeezed, local);
}

/* What a charset is called there, else name. */
static const char *rename_charset(const char *squeezed, const char *name)
{
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++) {
        if (strcmp(squeezed, renamed[i].squeezed) == 0)
            return renamed[i].name;
    }
    return name;
}

static bool is_number(const char *text) { return *text != '\0' && strspn(text, "0123456789") == strlen(text); }

/* The prefix, and behind it what has to be a number. */
static bool spell(char spelling[CHARSET_MAX + 16], const char *prefix, const char *number)
{
    if (!is_number(number))
        return false;
    strcpy(spelling, prefix);
    strcat(spelling, number);
    return true;
}

/* "windows1252", "cp-1252", "iso88591": as libraries spell it. */
static bool respell(const char *squeezed, char spelling[CHARSET_MAX + 16])
{
    static const char *const codepages[] = {"windows", "win", "cp", "ms"};
    for (size_t i = 0; i < sizeof codepages / sizeof codepages[0]; i++) {
        size_t n = strlen(codepages[i]);
        if (strncmp(squeezed, codepages[i], n) == 0 && spell(spelling, "cp", squeezed + n))
            return true;
    }
    static const char iso[] = "iso8859";
    return strncmp(squeezed, iso, strlen(iso)) == 0 && spell(spelling, "iso-8859-", squeezed + strlen(iso));
}

static bool open_iconv(struct charset *c, const char *name)
{
    c->cd = iconv_open("UTF-8", name);
    if (c->cd == (iconv_t)-1)
        return false;
    c->coding = CHARSET_ICONV;
    return true;
}

/* How many octets each of its code units has. */
static size_t unit_of(const char *squeezed)
{
    if (strncmp(squeezed, "utf16", 5) == 0 || strncmp(squeezed, "ucs2", 4) == 0)
        return 2;
    return strncmp(squeezed, "utf32", 5) == 0 || strncmp(squeezed, "ucs4", 4) == 0 ? 4 : 1;
}

/* musl's decoder of these writes out of bounds (CVE-2025-26519); other libraries' do not. */
static bool is_harmful(const char *squeezed)
{
#if defined(__linux__) && !defined(__GLIBC__)
    static const char *const korean[] = {"euckr", "ksc5601", "ksx1001", "ksc56011987", "isoir149", "korean",
                                         "cp949", "uhc",     "ms949",   "windows949",  "win949",   NULL};
    return is_one_of(squeezed, korean) || strstr(squeezed, "949") != NULL;
#else
    (void)squeezed;
    return false;
#endif
}

static void open_other(struct charset *c, const char *name, const char *squeezed)
{
    char spelling[CHARSET_MAX + 16];
    const char *plain = squeezed[0] == 'x' ? squeezed + 1 : squeezed;
    c->unit = unit_of(plain);
    if (is_harmful(plain) || c->m->charsets++ >= MIME_CHARSETS_MAX) {
        message_note(c->m, is_harmful(plain) ? PROBLEM_UNKNOWN_CHARSET : PROBLEM_TOO_MANY_CHARSETS);
        c->coding = CHARSET_UNKNOWN;
        return;
    }
    if (open_iconv(c, rename_charset(squeezed, name)) || open_iconv(c, name) || open_iconv(c, plain))
        return;
    if (respell(plain, spelling) && open_iconv(c, spelling))
        return;
    message_note(c->m, PROBLEM_UNKNOWN_CHARSET);
    c->coding = CHARSET_UNKNOWN;
}

void charset_open(struct charset *c, struct message *m, struct span name, struct sink to)
{
    static const char *const ascii[] = {"ascii", "usascii", "ansix341968", "ansix341986", "iso646us", "us", NULL};
    static const char *const utf8[] = {"utf8", "utf8mb4", "unicode11utf8", "unicode20utf8", "xunicode20utf8", NULL};
    char copy[CHARSET_MAX], squeezed[CHARSET_MAX];
    c->m = m;
    c->to = to;
    c->coding = CHARSET_UTF8;
    c->malformed = PROBLEM_UNDECODABLE;
    c->ascii = false;
    c->unit = 1;
    c->n = c->held = 0;
    name = header_trim(name);
    if (name.n == 0)
        return;
    if (!copy_name(name, copy, squeezed)) {
        message_note(m, PROBLEM_UNKNOWN_CHARSET);
        c->coding = CHARSET_UNKNOWN;
        return;
    }
    c->ascii = is_one_of(squeezed, ascii);
    if (!c->ascii && !is_one_of(squeezed, utf8))
        open_other(c, copy, squeezed);
}

/* U+FFFD for octets that are no character. */
static void replace(struct charset *c)
{
    static const char replacement[] = "\xef\xbf\xbd";
    message_note(c->m, c->malformed);
    sink_put(c->to, replacement, strlen(replacement));
}

/* How many octets at the front of t, where utf8_length() finds no character, are the beginning of one; at least 1. */
static size_t count_begun(struct span t)
{
    for (size_t n = t.n < 3 ? t.n : 3; n > 1; n--) {
        char filled[4] = {'\x80', '\x80', '\x80', '\x80'};
        memcpy(filled, t.p, n);
        if (utf8_length((struct span){filled, sizeof filled}) > n)
            return n;
    }
    return 1;
}

/* Whether t, no character, can become one. */
static bool is_beginning(struct span t)
{
    unsigned char first = (unsigned char)*t.p;
    return first >= 0xc2 && first < 0xf5 && count_begun(t) == t.n;
}

/* Puts octets to those that were held, until these are a character or cannot become one. */
static void complete(struct charset *c, struct span *t)
{
    while (c->held > 0 && t->n > 0) {
        struct span held = {c->utf8, c->held + 1};
        c->utf8[c->held] = *t->p;
        if (utf8_length(held) > 0) {
            sink_put(c->to, held.p, held.n);
            c->held = 0;
        } else if (is_beginning(held)) {
            c->held++;
        } else {
            replace(c);
            c->held = 0;
            continue; /* this octet begins anew */
        }
        span_skip(t, 1);
    }
}

static void put_utf8(struct charset *c, struct span t)
{
    complete(c, &t);
    const char *run = t.p;
    while (t.n > 0) {
        size_t n = utf8_length(t);
        if (n != 1 && c->ascii)
            message_note(c->m, PROBLEM_UNDECLARED_8BIT);
        if (n > 0) {
            span_skip(&t, n);
            continue;
        }
        sink_put(c->to, run, (size_t)(t.p - run));
        if (is_beginning(t)) {
            memcpy(c->utf8, t.p, t.n);
            c->held = t.n;
            return;
        }
        replace(c);
        span_skip(&t, count_begun(t));
        run = t.p;
    }
    sink_put(c->to, run, (size_t)(t.p - run));
}

static void put_unknown(struct charset *c, struct span t)
{
    while (t.n > 0) {
        size_t n = 0;
        while (n < t.n && !ascii_is_8bit(t.p[n]))
            n++;
        sink_put(c->to, t.p, n);
        span_skip(&t, n);
        if (t.n > 0) {
            replace(c);
            span_skip(&t, 1);
        }
    }
}

/* Converts what is there; last: what has no end will get none. */
static void convert(struct charset *c, bool last)
{
    char *in = c->octets;
    while (c->n > 0) {
        char out[1024], *end = out;
        size_t room = sizeof out;
        bool stuck = iconv(c->cd, &in, &c->n, &end, &room) == (size_t)-1;
        int reason = stuck ? errno : 0;
        put_utf8(c, span_between(out, end));
        if (reason == EINVAL && !last && c->n < sizeof c->octets)
            break;
        if (stuck && reason != E2BIG) {
            size_t n = c->unit < c->n ? c->unit : c->n;
            replace(c);
            in += n;
            c->n -= n;
        }
    }
    memmove(c->octets, in, c->n);
}

void charset_put(void *charset, const char *octets, size_t n)
{
    struct charset *c = charset;
    struct span t = {octets, n};
    if (c->coding == CHARSET_UTF8)
        put_utf8(c, t);
    if (c->coding == CHARSET_UNKNOWN)
        put_unknown(c, t);
    while (c->coding == CHARSET_ICONV && t.n > 0) {
        size_t some = sizeof c->octets - c->n < t.n ? sizeof c->octets - c->n : t.n;
        memcpy(c->octets + c->n, t.p, some);
        c->n += some;
        span_skip(&t, some);
        if (c->n == sizeof c->octets)
            convert(c, false);
    }
}

void charset_flush(struct charset *c)
{
    if (c->coding == CHARSET_ICONV) {
        char out[64], *end = out;
        size_t room = sizeof out;
        convert(c, true);
        (void)iconv(c->cd, NULL, NULL, &end, &room);
        put_utf8(c, span_between(out, end));
    }
    if (c->held > 0)
        replace(c);
    c->held = 0;
}

void charset_close(struct charset *c)
{
    charset_flush(c);
    if (c->coding == CHARSET_ICONV)
        (void)iconv_close(c->cd);
}
