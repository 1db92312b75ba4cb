/*
 * charset.c - octets of a charset, on their way into a sink that gets UTF-8.
 *
 * iconv turns them into UTF-8; convert.c checks that, and text that a client calls
 * UTF-8.
 */
#include "mail/inside.h"

#include <errno.h>
#include <string.h>

enum {
    CHARSETS_MAX = 2000, /* charsets that a message may have opened, as opening takes long */
    NAME_SIZE = 64,      /* octets of a name, with a NUL */
};

/* ---- names ---- */

/* Names without all but letters and digits, and a name that iconv knows, or a charset that is better for such text. */
static const struct {
    const char *squeezed, *name;
} renamed[] = {
    {"gb2312", "GB18030"},       {"gbk", "GB18030"},          {"hebrew", "ISO-8859-8"},    {"iso88596e", "ISO-8859-6"},
    {"iso88596i", "ISO-8859-6"}, {"iso88598e", "ISO-8859-8"}, {"iso88598i", "ISO-8859-8"}, {"ksc56011987", "CP949"},
    {"ksc5601", "CP949"},        {"macroman", "MACINTOSH"},   {"unicode11utf7", "UTF-7"},  {"windows31j", "CP932"},
    {"xgbk", "GB18030"},         {"xmacroman", "MACINTOSH"},
};

/* Beginnings of squeezed names before a number, and how libraries spell them. */
static const struct {
    const char *prefix, *spelt;
} prefixes[] = {{"windows", "cp"}, {"win", "cp"}, {"cp", "cp"}, {"ms", "cp"}, {"iso8859", "iso-8859-"}};

/* Copies a name in lower case, and squeezed.  False if iconv_open() must not see it, as it may hold options. */
static bool copy_name(struct span name, char copy[NAME_SIZE], char squeezed[NAME_SIZE])
{
    size_t n = 0;
    if (name.n >= NAME_SIZE)
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
    return true;
}

/* musl's decoder of these writes out of bounds (CVE-2025-26519); other libraries' do not. */
static bool is_harmful(const char *squeezed)
{
#if defined(__linux__) && !defined(__GLIBC__)
    static const char *const korean[] = {"euckr",    "ksc5601", "ksx1001", "ksc56011987",
                                         "isoir149", "korean",  "uhc",     NULL};
    return span_is_one_of(span_of(squeezed), korean) || strstr(squeezed, "949") != NULL;
#else
    (void)squeezed;
    return false;
#endif
}

/* ---- opening ---- */

static bool open_iconv(struct charset *c, const char *name)
{
    c->cd = iconv_open("UTF-8", name);
    return c->cd != (iconv_t)-1;
}

/* Tries the names that iconv may know it by; plain is squeezed, without the x of a private name. */
static bool open_any(struct charset *c, const char *name, const char *squeezed, const char *plain)
{
    char spelling[NAME_SIZE + 16];
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++) {
        if (strcmp(squeezed, renamed[i].squeezed) == 0 && open_iconv(c, renamed[i].name))
            return true;
    }
    if (open_iconv(c, name) || open_iconv(c, plain))
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t n = strlen(prefixes[i].prefix);
        if (strncmp(plain, prefixes[i].prefix, n) != 0 || plain[n] == '\0')
            continue;
        if (plain[n + strspn(plain + n, "0123456789")] != '\0')
            continue;
        strcpy(spelling, prefixes[i].spelt);
        return open_iconv(c, strcat(spelling, plain + n));
    }
    return false;
}

void charset_open(struct charset *c, struct message *m, struct span name, struct sink to)
{
    static const char *const ascii[] = {"ascii", "usascii", "ansix341968", "ansix341986", "iso646us", "us", NULL};
    static const char *const utf8[] = {"utf8", "utf8mb4", "unicode11utf8", "unicode20utf8", "xunicode20utf8", NULL};
    /* iconv takes these for the locale's */
    static const char *const locals[] = {"", "char", "wchart", "internal", NULL};
    char copy[NAME_SIZE], squeezed[NAME_SIZE] = "";
    c->m = m;
    c->to = to;
    c->coding = CHARSET_UTF8;
    c->malformed = PROBLEM_UNDECODABLE;
    c->ascii = false;
    c->n = c->held = 0;
    name = header_trim(name);
    if (name.n == 0)
        return;
    bool known = copy_name(name, copy, squeezed) && !span_is_one_of(span_of(squeezed), locals);
    c->ascii = known && span_is_one_of(span_of(squeezed), ascii);
    if (c->ascii || (known && span_is_one_of(span_of(squeezed), utf8)))
        return;
    const char *plain = squeezed[0] == 'x' ? squeezed + 1 : squeezed;
    bool two = strncmp(plain, "utf16", 5) == 0 || strncmp(plain, "ucs2", 4) == 0;
    bool four = strncmp(plain, "utf32", 5) == 0 || strncmp(plain, "ucs4", 4) == 0;
    c->unit = two ? 2 : four ? 4 : 1;
    c->coding = CHARSET_ICONV;
    enum problem problem = PROBLEM_UNKNOWN_CHARSET;
    if (known && !is_harmful(plain)) {
        if (m->charsets++ >= CHARSETS_MAX)
            problem = PROBLEM_TOO_MANY_CHARSETS;
        else if (open_any(c, copy, squeezed, plain))
            return;
    }
    message_note(m, problem);
    c->coding = CHARSET_UNKNOWN;
}

/* ---- converting ---- */

static void put_unknown(struct charset *c, struct span t)
{
    while (t.n > 0) {
        size_t n = 0;
        while (n < t.n && !ascii_is_8bit(t.p[n]))
            n++;
        sink_put(c->to, t.p, n);
        span_skip(&t, n);
        if (t.n > 0) {
            convert_bad(c);
            span_skip(&t, 1);
        }
    }
}

/* Converts the octets that have been collected; last: no more will come. */
static void convert(struct charset *c, bool last)
{
    char *in = c->octets;
    while (c->n > 0) {
        char out[1024], *end = out;
        size_t room = sizeof out;
        bool stuck = iconv(c->cd, &in, &c->n, &end, &room) == (size_t)-1;
        int reason = stuck ? errno : 0;
        convert_utf8(c, span_between(out, end));
        if (reason == EINVAL && !last && c->n < sizeof c->octets)
            break;
        if (stuck && reason != E2BIG) {
            size_t n = c->unit < c->n ? c->unit : c->n;
            convert_bad(c);
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
        convert_utf8(c, t);
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
        convert_utf8(c, span_between(out, end));
    }
    convert_flush(c);
}

void charset_close(struct charset *c)
{
    charset_flush(c);
    if (c->coding == CHARSET_ICONV)
        (void)iconv_close(c->cd);
}
