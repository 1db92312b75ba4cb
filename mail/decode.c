/*
 * mime_text.c - octets on their way into a sink.
 *
 * Transfer encodings read a span and push what it stands for.  A charset is a
 * sink in front of another: iconv turns its octets into UTF-8, and whatever
 * that, or a client, calls UTF-8 is looked through once more, so that nothing
 * else gets out, and each character in one piece.  Octets that are no
 * character become U+FFFD.  Header text switches between two of these sinks:
 * one for the text around encoded words, and one for what is in them, which
 * stays open from word to word, as a character may begin in one and end in the
 * next.
 */
#include "mail/inside.h"

#include <errno.h>
#include <string.h>

#include "base/base.h"

struct span mime_trim(struct span t)
{
    t = mime_some(t);
    while (t.n > 0 && mime_is_blank(*t.p))
        span_skip(&t, 1);
    while (t.n > 0 && mime_is_blank(t.p[t.n - 1]))
        t.n--;
    return t;
}

struct span mime_take_comment(struct span *t)
{
    size_t i = 0, depth = 0;
    while (i < t->n) {
        char c = t->p[i++];
        if (c == '\\' && i < t->n)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
    }
    struct span comment = {t->p, i};
    span_skip(t, i);
    return comment;
}

void mime_skip_cfws(struct span *t)
{
    while (t->n > 0 && (mime_is_blank(*t->p) || *t->p == '(')) {
        if (*t->p == '(')
            (void)mime_take_comment(t);
        else
            span_skip(t, 1);
    }
}

static bool is_token_octet(char c)
{
    return c > ' ' && c < 0x7f && !ascii_is_8bit(c) && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

struct span mime_take_token(struct span *t)
{
    size_t i = 0;
    while (i < t->n && is_token_octet(t->p[i]))
        i++;
    struct span token = {t->p, i};
    span_skip(t, i);
    return token;
}

/* ---- transfer encodings ---- */

/* Octets on their way out, gathered. */
struct gathered {
    struct sink to;
    size_t n;
    char octets[1024];
};

static void send(struct gathered *g)
{
    sink_put(g->to, g->octets, g->n);
    g->n = 0;
}

static void gather(struct gathered *g, char c)
{
    if (g->n == sizeof g->octets)
        send(g);
    g->octets[g->n++] = c;
}

enum { NO_DIGIT = 64 };

/* Whether t is base64 and nothing else: lines of whole quanta. */
static bool is_base64(struct span t)
{
    size_t column = 0;
    for (; t.n > 0; span_skip(&t, 1)) {
        if (base64_digit(*t.p) < NO_DIGIT || *t.p == '=')
            column++;
        else if (!mime_is_blank(*t.p) || column % 4 != 0)
            return false;
    }
    return column % 4 == 0;
}

/* The last quantum of some data, of which n digits are there. */
static void end_quantum(struct message *m, struct gathered *g, unsigned bits, unsigned n)
{
    bits <<= (4 - n) * 6;
    if (n > 1)
        gather(g, (char)(bits >> 16 & 0xff));
    if (n > 2)
        gather(g, (char)(bits >> 8 & 0xff));
    if (n == 1)
        message_note(m, PROBLEM_BASE64);
}

/* Takes the padding behind n digits. */
static void take_padding(struct message *m, struct span *t, unsigned n)
{
    size_t padding = 0;
    for (; t->n > 0 && (*t->p == '=' || mime_is_blank(*t->p)); span_skip(t, 1))
        padding += *t->p == '=';
    if (n == 0)
        message_note(m, PROBLEM_BASE64);
    else if (padding + n != 4)
        message_note(m, PROBLEM_BASE64_PADDING);
}

/* RFC 2045 6.8: what is no digit is skipped, and "=" ends the data.  But data put together from several pieces goes on
   behind it, while a mailing list's footer, say, does not. */
void mime_undo_base64(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    g.to = to;
    g.n = 0;
    unsigned bits = 0, n = 0;
    bool pieces = false;
    while (t.n > 0) {
        unsigned value = base64_digit(*t.p);
        if (*t.p == '=') {
            end_quantum(m, &g, bits, n);
            take_padding(m, &t, n);
            bits = n = 0;
            if (t.n > 0)
                message_note(m, PROBLEM_BASE64);
            pieces = pieces || is_base64(t);
            if (!pieces)
                break;
            continue;
        }
        if (value < NO_DIGIT) {
            bits = bits << 6 | value;
            n++;
        } else if (!mime_is_blank(*t.p)) {
            message_note(m, PROBLEM_BASE64);
        }
        if (n == 4) {
            gather(&g, (char)(bits >> 16 & 0xff));
            gather(&g, (char)(bits >> 8 & 0xff));
            gather(&g, (char)(bits & 0xff));
            bits = n = 0;
        }
        span_skip(&t, 1);
    }
    if (n > 0)
        message_note(m, PROBLEM_BASE64_PADDING);
    end_quantum(m, &g, bits, n);
    send(&g);
}

/* Takes "=" and two hex digits; a bad one stays as it is (RFC 2045 6.7). */
static char take_escaped(struct message *m, struct span *t, enum problem problem)
{
    char c = *t->p;
    if (t->n >= 3 && ascii_is_hex(t->p[1]) && ascii_is_hex(t->p[2])) {
        c = (char)(ascii_hex_value(t->p[1]) << 4 | ascii_hex_value(t->p[2]));
        span_skip(t, 2);
    } else {
        message_note(m, problem);
    }
    span_skip(t, 1);
    return c;
}

/* Takes a line with its end. */
static struct span take_line(struct span *t)
{
    const char *lf = memchr(t->p, '\n', t->n);
    struct span line = {t->p, lf != NULL ? (size_t)(lf - t->p) + 1 : t->n};
    span_skip(t, line.n);
    return line;
}

/* A line, without the blanks at its end: RFC 2045 6.7 (3). */
static void undo_line(struct message *m, struct gathered *g, struct span line)
{
    struct span end = line;
    while (line.n > 0 && mime_is_blank(line.p[line.n - 1]))
        line.n--;
    span_skip(&end, line.n);
    while (end.n > 0 && !mime_is_break(*end.p))
        span_skip(&end, 1);
    if (line.n > 0 && line.p[line.n - 1] == '=') { /* 6.7 (5) */
        line.n--;
        end.n = 0;
    }
    while (line.n > 0) {
        if (ascii_is_8bit(*line.p))
            message_note(m, PROBLEM_QUOTED_PRINTABLE);
        if (*line.p == '=') {
            gather(g, take_escaped(m, &line, PROBLEM_QUOTED_PRINTABLE));
        } else {
            gather(g, *line.p);
            span_skip(&line, 1);
        }
    }
    for (; end.n > 0; span_skip(&end, 1))
        gather(g, *end.p);
}

void mime_undo_quoted_printable(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    g.to = to;
    g.n = 0;
    while (t.n > 0)
        undo_line(m, &g, take_line(&t));
    send(&g);
}

/* RFC 2047 4.2 */
static void undo_q(struct message *m, struct span t, struct sink to)
{
    struct gathered g;
    g.to = to;
    g.n = 0;
    while (t.n > 0) {
        char c = *t.p;
        if (mime_is_blank(c))
            message_note(m, PROBLEM_ENCODED_WORD);
        if (c == '=') {
            gather(&g, take_escaped(m, &t, PROBLEM_ENCODED_WORD));
            continue;
        }
        if (!mime_is_break(c))
            gather(&g, c == '_' ? ' ' : c);
        span_skip(&t, 1);
    }
    send(&g);
}

/* ---- charsets ---- */

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

void mime_charset_open(struct charset *c, struct message *m, struct span name, struct sink to)
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
    name = mime_trim(name);
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

void mime_charset_put(void *charset, const char *octets, size_t n)
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

void mime_charset_flush(struct charset *c)
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

void mime_charset_close(struct charset *c)
{
    mime_charset_flush(c);
    if (c->coding == CHARSET_ICONV)
        (void)iconv_close(c->cd);
}

/* ---- encoded words ---- */

void mime_words_open(struct words *w, struct message *m, struct sink to)
{
    w->m = m;
    w->to = to;
    w->charset = w->blanks = (struct span){NULL, 0};
    w->after_word = w->decoded = false;
    mime_charset_open(&w->raw, m, w->charset, to);
    w->raw.malformed = PROBLEM_8BIT_HEADER;
}

struct word {
    struct span charset, text;
    bool base64;
};

/* Takes an encoded word (RFC 2047 2), at whose "=?" t begins.  Text is taken with blanks in it, as programs write that.
 */
static bool take_word(struct span *t, struct word *word)
{
    struct span rest = *t;
    if (!span_starts(rest, "=?"))
        return false;
    span_skip(&rest, 2);
    word->charset = mime_take_token(&rest);
    const char *language = memchr(word->charset.p, '*', word->charset.n); /* RFC 2231 5 */
    if (language != NULL)
        word->charset.n = (size_t)(language - word->charset.p);
    if (word->charset.n == 0)
        return false;
    word->base64 = span_starts(rest, "?B?");
    if (!word->base64 && !span_starts(rest, "?Q?"))
        return false;
    span_skip(&rest, 3);
    const char *end = memchr(rest.p, '?', rest.n);
    if (end == NULL || end + 1 == rest.p + rest.n || end[1] != '=')
        return false;
    word->text = span_between(rest.p, end);
    span_skip(&rest, word->text.n + 2);
    *t = rest;
    return true;
}

size_t mime_word_length(struct span t)
{
    struct span rest = t;
    struct word word;
    return take_word(&rest, &word) ? t.n - rest.n : 0;
}

static bool is_same(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    }
    return true;
}

static void put_word(struct words *w, const struct word *word)
{
    mime_charset_flush(&w->raw);
    if (w->charset.p != NULL && !is_same(w->charset, word->charset)) {
        mime_charset_close(&w->word);
        w->charset.p = NULL;
    }
    if (w->charset.p == NULL)
        mime_charset_open(&w->word, w->m, word->charset, w->to);
    w->charset = word->charset;
    struct sink charset = {mime_charset_put, &w->word};
    if (word->base64)
        mime_undo_base64(w->m, word->text, charset);
    else
        undo_q(w->m, word->text, charset);
    w->blanks.n = 0; /* RFC 2047 6.2: those between two encoded words are none */
    w->after_word = w->decoded = true;
}

/* Text without folds and, where escaped, without backslashes. */
static void put_raw(struct words *w, struct span t, bool escaped)
{
    const char *run = t.p;
    for (; t.n > 0; span_skip(&t, 1)) {
        char next = t.n > 1 ? t.p[1] : '\0';
        bool escape = escaped && *t.p == '\\' && t.n > 1;
        if (escape || *t.p == '\n' || (*t.p == '\r' && next == '\n')) {
            mime_charset_put(&w->raw, run, (size_t)(t.p - run));
            run = t.p + 1;
        }
        if (escape && !mime_is_break(next))
            span_skip(&t, 1);
    }
    mime_charset_put(&w->raw, run, (size_t)(t.p - run));
}

/* Takes text up to where an encoded word may begin. */
static struct span take_raw(struct span *t, bool escaped)
{
    size_t i = 1;
    while (i < t->n && !(t->p[i] == '=' && i + 1 < t->n && t->p[i + 1] == '?'))
        i++;
    if (escaped && i < t->n && t->p[i - 1] == '\\')
        i++;
    struct span raw = {t->p, i};
    span_skip(t, i);
    return raw;
}

static struct span take_blanks(struct span *t)
{
    struct span blanks = {t->p, 0};
    while (blanks.n < t->n && mime_is_blank(t->p[blanks.n]))
        blanks.n++;
    span_skip(t, blanks.n);
    return blanks;
}

void mime_words_put(struct words *w, struct span t, bool escaped)
{
    while (t.n > 0) {
        const char *start = t.p;
        struct word word;
        if (take_word(&t, &word)) {
            if (t.p - start > 75) /* RFC 2047 2 */
                message_note(w->m, PROBLEM_LONG_ENCODED_WORD);
            put_word(w, &word);
            continue;
        }
        if (w->after_word && mime_is_blank(*t.p)) {
            w->blanks = take_blanks(&t);
            continue;
        }
        if (w->after_word) {
            mime_charset_flush(&w->word);
            put_raw(w, w->blanks, false);
        }
        w->blanks.n = 0;
        w->after_word = false;
        put_raw(w, take_raw(&t, escaped), escaped);
    }
}

void mime_words_close(struct words *w)
{
    if (w->charset.p != NULL)
        mime_charset_close(&w->word);
    mime_charset_close(&w->raw);
}

void mime_text(struct message *m, struct span value, struct sink to)
{
    struct words w;
    mime_words_open(&w, m, to);
    mime_words_put(&w, mime_trim(value), false);
    mime_words_close(&w);
}
