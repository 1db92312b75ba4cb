/* SPDX-License-Identifier: ISC */
/*
 * uuencode.c - files as uuencode(1) of POSIX writes them, from before MIME.
 *
 * A line "begin 644 name" begins a file, and a line "end" ends it.  Each line
 * between them has the number of its octets as a digit, and four digits for three
 * octets.  The digits are the 64 characters from the blank on; a grave accent is a
 * blank as well, as blanks at the end of a line get lost.
 */
#include "mail/inside.h"

#include "base/scan.h"

enum { NONE = 64 };

/* The value of a digit. */
static unsigned digit(char c) { return c >= ' ' && c <= '`' ? (unsigned)(c - ' ') & 63 : NONE; }

static bool is_end(struct span line)
{
    line = header_trim(line);
    return line.n == 3 && memcmp(line.p, "end", 3) == 0;
}

static bool is_coded(struct span line)
{
    while (line.n > 0 && digit(*line.p) != NONE)
        span_skip(&line, 1);
    return line.n == 0;
}

bool uuencode_is(struct span encoding)
{
    static const char *const names[] = {"x-uuencode", "uuencode", "x-uue", "uue", NULL};
    return span_is_one_of(encoding, names);
}

bool uuencode_take_begin(struct span *t, struct span *name)
{
    struct span rest = *t, line;
    size_t n = 6;
    if (rest.n < n || memcmp(rest.p, "begin ", n) != 0 || !header_take_line(&rest, &line))
        return false;
    while (n < line.n && line.p[n] >= '0' && line.p[n] <= '7')
        n++;
    bool mode = n == 9 || n == 10;
    span_skip(&line, n);
    *name = header_trim(line);
    if (!mode || name->n == 0 || *line.p != ' ')
        return false;
    *t = rest;
    return true;
}

/* What the lines of a file have had so far. */
struct lines {
    size_t octets; /* of the last line that was whole; 0: there was none */
    bool odd;      /* a line had too few digits, or one too many */
    bool ended;    /* by a line of no octets */
};

/* Whether a line of a text can be the next one of a file.  Some encoders leave out the digits after the last octet, or
   add one.  Blanks at the end get lost: a few of any line, more once a whole line has shown that this is a file. */
static bool goes_on(struct span line, struct lines *l)
{
    size_t octets = line.n > 0 ? digit(*line.p) : 0, least = 1 + (4 * octets + 2) / 3, most = (octets + 2) / 3 * 4 + 1;
    if (l->ended || !is_coded(line) || line.n > most + 1 || (line.n == 0 && l->octets == 0))
        return false;
    l->ended = octets == 0;
    l->odd = l->odd || line.n != most;
    if (line.n + least / 8 >= least && !l->ended)
        l->octets = octets;
    return l->ended || octets == l->octets || (l->octets > 0 && line.n + 7 >= most);
}

bool uuencode_find(struct span *text, struct span *file)
{
    struct span line, name;
    while (text->n > 0) {
        struct span rest = *text;
        struct lines lines = {.octets = 0};
        bool coded = uuencode_take_begin(&rest, &name);
        while (coded && header_take_line(&rest, &line)) {
            if (is_end(line)) {
                if (!lines.ended && (lines.odd || lines.octets == 0))
                    break;
                *file = span_between(text->p, rest.p);
                *text = rest;
                return true;
            }
            coded = goes_on(line, &lines);
        }
        const char *end = text->p + text->n, *lf = scan_lf('b', text->p, end);
        *text = span_between(lf != NULL ? lf + 1 : end, end);
    }
    return false;
}

/* Puts the octets of a line.  Digits that are missing were blanks. */
static void put_line(struct span line, struct sink to)
{
    char octets[63 + 2] = "";
    size_t n = digit(*line.p), put = 0;
    for (size_t i = 1; put < n; i += 4) {
        unsigned bits = 0;
        for (size_t k = i; k < i + 4; k++)
            bits = bits << 6 | (k < line.n ? digit(line.p[k]) : 0);
        octets[put++] = (char)(bits >> 16 & 0xff);
        octets[put++] = (char)(bits >> 8 & 0xff);
        octets[put++] = (char)(bits & 0xff);
    }
    sink_put(to, octets, n);
}

bool uuencode_decode(struct message *m, struct span t, struct sink to)
{
    struct span line, name;
    bool begun;
    while (!(begun = uuencode_take_begin(&t, &name)) && header_take_line(&t, &line))
        continue;
    while (begun && header_take_line(&t, &line) && !is_end(line) && !message_stopped(m)) {
        if (line.n > 0 && is_coded(line))
            put_line(line, to);
    }
    return begun;
}
