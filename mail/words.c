/* SPDX-License-Identifier: ISC */
/*
 * words.c - header text with encoded words (RFC 2047).
 *
 * Two charsets lead to one sink: one for the text around encoded words, and one
 * for the text in them, which stays open from word to word, as a character may
 * begin in one and end in the next.
 */
#include "mail/inside.h"

#include <string.h>

void words_open(struct words *w, struct message *m, struct sink to)
{
    w->charset = w->blanks = (struct span){NULL, 0};
    w->after_word = w->decoded = false;
    charset_open(&w->raw, m, w->charset, to);
    w->raw.malformed = PROBLEM_8BIT_HEADER;
}

struct word {
    struct span charset, text;
    bool base64;
};

/* Takes an encoded word (RFC 2047 2).  Its text may hold blanks, as programs write them.  False, and nothing taken, if
   t does not begin with one. */
static bool take_word(struct span *t, struct word *word)
{
    struct span rest = *t;
    if (!span_starts(rest, "=?"))
        return false;
    span_skip(&rest, 2);
    word->charset = header_take_token(&rest);
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

size_t words_length(struct span t)
{
    struct span rest = t;
    struct word word;
    return take_word(&rest, &word) ? t.n - rest.n : 0;
}

static void put_word(struct words *w, const struct word *word)
{
    charset_flush(&w->raw);
    if (w->charset.p != NULL && !span_same(w->charset, word->charset)) {
        charset_close(&w->word);
        w->charset.p = NULL;
    }
    if (w->charset.p == NULL)
        charset_open(&w->word, w->raw.m, word->charset, w->raw.to);
    w->charset = word->charset;
    struct sink charset = {charset_put, &w->word};
    if (word->base64)
        decode_base64(w->raw.m, word->text, charset);
    else
        decode_q(w->raw.m, word->text, charset);
    w->blanks.n = 0; /* between two encoded words: RFC 2047 6.2 */
    w->after_word = w->decoded = true;
}

/* Puts text without folds and, where escaped, without backslashes. */
static void put_raw(struct words *w, struct span t, bool escaped)
{
    const char *run = t.p;
    if (!escaped && (t.n == 0 || memchr(t.p, '\n', t.n) == NULL)) {
        charset_put(&w->raw, t.p, t.n);
        return;
    }
    for (; t.n > 0; span_skip(&t, 1)) {
        char next = t.n > 1 ? t.p[1] : '\0';
        bool escape = escaped && *t.p == '\\' && t.n > 1;
        if (escape || *t.p == '\n' || (*t.p == '\r' && next == '\n')) {
            charset_put(&w->raw, run, (size_t)(t.p - run));
            run = t.p + 1;
        }
        if (escape && !header_is_break(next))
            span_skip(&t, 1);
    }
    charset_put(&w->raw, run, (size_t)(t.p - run));
}

void words_put(struct words *w, struct span t, bool escaped)
{
    while (t.n > 0) {
        const char *start = t.p;
        size_t n = 1;
        struct word word;
        if (take_word(&t, &word)) {
            if (t.p - start > 75) /* RFC 2047 2 */
                message_note(w->raw.m, PROBLEM_LONG_ENCODED_WORD);
            put_word(w, &word);
            continue;
        }
        if (w->after_word && header_is_blank(*t.p)) {
            while (n < t.n && header_is_blank(t.p[n]))
                n++;
            w->blanks = header_take(&t, n);
            continue;
        }
        if (w->after_word) {
            charset_flush(&w->word);
            put_raw(w, w->blanks, false);
        }
        w->blanks.n = 0;
        w->after_word = false;
        while (n < t.n && !(t.p[n] == '=' && n + 1 < t.n && t.p[n + 1] == '?'))
            n++;
        if (escaped && n < t.n && t.p[n - 1] == '\\')
            n++;
        put_raw(w, header_take(&t, n), escaped);
    }
}

void words_close(struct words *w)
{
    if (w->charset.p != NULL)
        charset_close(&w->word);
    charset_close(&w->raw);
}

void words_text(struct message *m, struct span value, struct sink to)
{
    struct words w;
    words_open(&w, m, to);
    words_put(&w, header_trim(value), false);
    words_close(&w);
}
