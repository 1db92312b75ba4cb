/*
 * show.c - everything that is said to people.
 *
 * Each line leaves in one write(2), so that lines of several processes do not
 * mix.  The last lines of the dialogue are kept raw, and cut, as most runs end
 * well and nobody will read them; they are escaped when they are printed.
 */
#include "show.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

void show_open(struct show *s, bool quiet, bool dialogue)
{
    memset(s, 0, sizeof *s);
    s->quiet = quiet;
    s->dialogue = dialogue;
    s->terminal = isatty(STDERR_FILENO) == 1;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    s->colour = s->terminal && (no_color == NULL || *no_color == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
}

enum { PATIENCE = 500 /* milliseconds */ };

/* A signal (the time limit brings one) ends a wait for a reader; then he has a moment, or what he does not take is
   left out. */
static void print(struct show *s, const char *text, size_t n)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    while (n > 0) {
        if (s->stuck) {
            int ready = poll(&fd, 1, s->deaf ? 0 : PATIENCE);
            s->deaf = ready <= 0;
            if (ready <= 0)
                return;
        }
        ssize_t put = write(STDERR_FILENO, text, n);
        s->stuck = s->stuck || (put < 0 && (errno == EINTR || errno == EAGAIN));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return; /* nobody is left to be told */
        text += put;
        n -= (size_t)put;
    }
}

/* ---- escapes ---- */

static uint32_t code_point(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    if (n == 1)
        return p[0];
    uint32_t c = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/*
 * Characters that move, hide or reorder what is around them, or show nothing:
 * controls, bidirectional and zero-width ones, fillers, variation selectors,
 * tags, private use, noncharacters.  From the Unicode Character Database:
 * General_Category Cc, Cf, Zl, Zp and Co, and Default_Ignorable_Code_Point.
 */
static const struct {
    uint32_t first, last;
} unseen[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},    {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},    {0x08e2, 0x08e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},    {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x2800, 0x2800},   {0x3164, 0x3164},   {0xd800, 0xf8ff},    {0xfdd0, 0xfdef},
    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},    {0xfffe, 0xffff},
    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},  {0x1d173, 0x1d17a},
    {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0xdffff}, {0xe0000, 0x10ffff},
};

static bool is_visible(uint32_t c)
{
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0] && c >= unseen[i].first; i++) {
        if (c <= unseen[i].last)
            return false;
    }
    return true;
}

/* What stands for the n octets at p; returns its length, at most 16. */
static size_t escape_one(char *out, const char *p, size_t n, bool visible)
{
    static const char digits[] = "0123456789abcdef";
    if (visible && *p != '\\') {
        memcpy(out, p, n);
        return n;
    }
    if (*p == '\\') {
        memcpy(out, "\\\\", 2);
        return 2;
    }
    for (size_t i = 0; i < n; i++) {
        out[i * 4] = '\\';
        out[i * 4 + 1] = 'x';
        out[i * 4 + 2] = digits[(unsigned char)p[i] >> 4];
        out[i * 4 + 3] = digits[(unsigned char)p[i] & 15];
    }
    return n * 4;
}

size_t show_escape(char *out, size_t size, struct span text)
{
    static const char more[] = "...";
    size_t n = 0, safe = 0; /* safe: where "..." still fits */
    while (text.n > 0) {
        size_t length = utf8_length(text);
        bool visible = length > 0 && is_visible(code_point(text.p, length));
        char one[16];
        length = length > 0 ? length : 1;
        size_t k = escape_one(one, text.p, length, visible);
        if (n + k + 1 > size) {
            memcpy(out + safe, more, sizeof more);
            return safe + sizeof more - 1;
        }
        memcpy(out + n, one, k);
        n += k;
        if (n + sizeof more <= size)
            safe = n;
        span_skip(&text, length);
    }
    out[n] = '\0';
    return n;
}

/* ---- lines ---- */

void show_status(struct show *s, const char *text)
{
    if (!s->terminal || s->quiet || (*text == '\0' && !s->status))
        return;
    char line[128];
    int n = snprintf(line, sizeof line, "\r%s\x1b[K", text);
    if (n > 0 && (size_t)n < sizeof line)
        print(s, line, (size_t)n);
    s->status = *text != '\0';
}

void show_line(struct show *s, const char *format, ...)
{
    char line[SHOW_LINE_MAX];
    int n = snprintf(line, sizeof line, "fakesmtp: ");
    va_list arguments;
    va_start(arguments, format);
    int rest = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, arguments);
    va_end(arguments);
    if (rest < 0)
        return;
    size_t length = strlen(line);
    line[length++] = '\n';
    show_status(s, "");
    print(s, line, length);
}

static void print_dialogue(struct show *s, uint64_t session, char who, struct span text)
{
    static const char *const start[] = {"", "\x1b[36m", "\x1b[32m"};
    char line[SHOW_LINE_MAX], shown[SHOW_LINE_MAX - 64];
    int colour = !s->colour ? 0 : who == 'C' ? 1 : 2;
    (void)show_escape(shown, sizeof shown, text);
    int n = snprintf(line, sizeof line, "%ju %s%c:%s %s\n", (uintmax_t)session, start[colour], who,
                     colour != 0 ? "\x1b[0m" : "", shown);
    show_status(s, "");
    if (n > 0)
        print(s, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void show_dialogue(struct show *s, uint64_t session, char who, struct span text)
{
    if (s->dialogue) {
        print_dialogue(s, session, who, text);
        return;
    }
    struct show_line *l = &s->tail[s->lines++ % SHOW_TAIL_LINES];
    l->session = session;
    l->who = who;
    l->n = (unsigned char)(text.n < SHOW_TAIL_MAX ? text.n : SHOW_TAIL_MAX);
    memcpy(l->text, text.p, l->n);
    if (text.n > SHOW_TAIL_MAX)
        memcpy(l->text + SHOW_TAIL_MAX - 3, "...", 3);
}

void show_tail(struct show *s)
{
    if (s->quiet || s->lines == 0)
        return;
    uint64_t first = s->lines > SHOW_TAIL_LINES ? s->lines - SHOW_TAIL_LINES : 0;
    show_line(s, "the %s of the dialogue:", first > 0 ? "end" : "whole");
    for (uint64_t i = first; i < s->lines; i++) {
        const struct show_line *l = &s->tail[i % SHOW_TAIL_LINES];
        print_dialogue(s, l->session, l->who, (struct span){l->text, l->n});
    }
}
