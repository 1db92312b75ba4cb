/* SPDX-License-Identifier: ISC */
/*
 * fuzz_html.c - any HTML becomes text and links, valid UTF-8, and the same when it
 * comes in other pieces.
 *
 * As a libFuzzer target, or, compiled with REPLAY, as a program that is given
 * files.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/inside.h"

enum { PIECE = 1024 }; /* octets that base64 gives at a time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void add_link(void *context, struct span text, struct span url)
{
    must(url.n > 0 && utf8_is_valid(text) && utf8_is_valid(url));
    must(memchr(url.p, '\n', url.n) == NULL && (text.n == 0 || memchr(text.p, '\n', text.n) == NULL));
    text_add(context, text.p, text.n);
    text_add(context, "|", 1);
    text_add(context, url.p, url.n);
    text_add(context, "\n", 1);
}

/* What a message whose header is given makes of the HTML, and then its links, which are the same if nobody gets the
   text. */
static struct text read_html(const char *header, struct span html)
{
    struct text octets = {NULL, 0, 0, false}, text = octets, all = octets, alone = octets;
    const struct links links = {add_link, &all}, same = {add_link, &alone};
    text_add_string(&octets, header);
    text_add(&octets, html.p, html.n);
    struct message *m = message_open(text_span(&octets));
    must(m != NULL && m->html != NULL);
    html_text(m, m->html, message_into(&text), NULL, &links);
    html_text(m, m->html, (struct sink){NULL, NULL}, NULL, &same);
    must(!alone.failed && alone.n == all.n && (all.n == 0 || memcmp(alone.p, all.p, all.n) == 0));
    must(!message_failed(m) && utf8_is_valid(text_span(&text)));
    must(text.n == 0 || (text.p[0] != '\n' && text.p[text.n - 1] == '\n'));
    text_add(&text, all.p, all.n);
    must(!text.failed && !all.failed);
    message_close(m);
    free(octets.p);
    free(all.p);
    free(alone.p);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t blanks = n / 2 < PIECE ? PIECE - n / 2 : 0; /* a short input is cut in the middle */
    char *octets = malloc(blanks + n + 1), *coded = malloc((blanks + n) / 3 * 4 + 8);
    must(octets != NULL && coded != NULL);
    memset(octets, ' ', blanks);
    if (n > 0)
        memcpy(octets + blanks, data, n);
    struct span html = {octets, blanks + n};
    base64_encode(html, coded);
    struct text plain =
        read_html("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: binary\n\n", html);
    struct text decoded =
        read_html("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n", span_of(coded));
    must(plain.n == decoded.n && (plain.n == 0 || memcmp(plain.p, decoded.p, plain.n) == 0));
    free(octets);
    free(coded);
    free(plain.p);
    free(decoded.p);
    return 0;
}

#include "tests/fuzz/replay.h"
