/* SPDX-License-Identifier: ISC */
/*
 * console.c - standard error.
 *
 * Each line is one write(2), so that lines of several processes do not mix.
 * The last lines of the dialogue are kept as they came, and cut.  Most runs end
 * well and nobody reads them, so they are escaped only when they are printed.
 */
#include "report/inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char line_start[] = "fakesmtp: ";

void console_open(struct console *c)
{
    memset(c, 0, sizeof *c);
    lines_open(&c->out, STDERR_FILENO);
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    c->terminal = isatty(STDERR_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
    c->colour = c->terminal && (no_color == NULL || *no_color == '\0');
}

size_t console_escape(char *out, size_t size, struct span text)
{
    static const char more[] = "...";
    size_t n = 0, safe = 0; /* safe: where "..." still fits */
    while (text.n > 0) {
        bool visible;
        size_t length = visible_take(text, &visible), k = 0;
        char escaped[17];
        const char *shown = text.p;
        if (*text.p == '\\') {
            shown = "\\\\";
            k = 2;
        } else if (visible) {
            k = length;
        } else {
            shown = escaped;
            for (size_t i = 0; i < length; i++)
                k += (size_t)snprintf(escaped + k, 5, "\\x%02x", (unsigned)(unsigned char)text.p[i]);
        }
        if (n + k + 1 > size) {
            memcpy(out + safe, more, sizeof more);
            return safe + sizeof more - 1;
        }
        memcpy(out + n, shown, k);
        n += k;
        if (n + sizeof more <= size)
            safe = n;
        span_skip(&text, length);
    }
    out[n] = '\0';
    return n;
}

void console_status(struct console *c, const char *text)
{
    if (!c->terminal || c->quiet || (*text == '\0' && !c->status))
        return;
    char line[128];
    int n = snprintf(line, sizeof line, "\r%s\x1b[K", text);
    if (n > 0 && (size_t)n < sizeof line)
        lines_put(&c->out, line, (size_t)n);
    c->status = *text != '\0';
}

size_t console_size(size_t *columns)
{
    struct winsize size = {.ws_row = 0};
    bool terminal = isatty(STDERR_FILENO) == 1;
    bool known = terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    *columns = known ? size.ws_col : 80;
    return !terminal ? SIZE_MAX : known ? size.ws_row : 24;
}

/* Counts a character of three octets or more as a wide one, which it may be. */
size_t console_rows(const char *text, size_t columns)
{
    size_t rows = 1, column = sizeof line_start - 1;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        size_t width = c >= 0xe0 ? 2 : (c & 0xc0) != 0x80;
        rows += column + width > columns;
        column = column + width > columns ? width : column + width;
    }
    return rows;
}

void console_line(struct console *c, const char *format, ...)
{
    char line[CONSOLE_LINE_MAX];
    memcpy(line, line_start, sizeof line_start);
    size_t length = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    int rest = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
    va_end(arguments);
    if (rest < 0)
        return;
    if (c->said != NULL) {
        text_add_string(c->said, line + length);
        text_add_string(c->said, "\n");
        return;
    }
    length = strlen(line);
    line[length++] = '\n';
    console_status(c, "");
    lines_put(&c->out, line, length);
}

size_t console_format(char *out, size_t size, uint64_t session, char who, struct span text, bool colour)
{
    char shown[CONSOLE_LINE_MAX - 64];
    const char *start = !colour ? "" : who == 'C' ? "\x1b[36m" : who == 'S' ? "\x1b[32m" : "\x1b[33m";
    (void)console_escape(shown, sizeof shown, text);
    int n = snprintf(out, size, "%ju %s%c:%s %s\n", (uintmax_t)session, start, who, colour ? "\x1b[0m" : "", shown);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void print_dialogue(struct console *c, uint64_t session, char who, struct span text)
{
    char line[CONSOLE_LINE_MAX];
    size_t n = console_format(line, sizeof line, session, who, text, c->colour);
    console_status(c, "");
    lines_put(&c->out, line, n);
}

void console_dialogue(struct console *c, uint64_t session, char who, struct span text)
{
    if (c->dialogue) {
        print_dialogue(c, session, who, text);
        return;
    }
    struct console_kept *l = &c->tail[c->lines++ % CONSOLE_TAIL_LINES];
    l->session = session;
    l->who = who;
    l->n = (unsigned char)(text.n < CONSOLE_TAIL_MAX ? text.n : CONSOLE_TAIL_MAX);
    memcpy(l->text, text.p, l->n);
    if (text.n > CONSOLE_TAIL_MAX)
        memcpy(l->text + CONSOLE_TAIL_MAX - 3, "...", 3);
}

void console_tail(struct console *c)
{
    if (c->quiet || c->lines == 0)
        return;
    uint64_t first = c->lines > CONSOLE_TAIL_LINES ? c->lines - CONSOLE_TAIL_LINES : 0;
    console_line(c, first > 0 ? "the last lines of the dialogue:" : "the dialogue:");
    for (uint64_t i = first; i < c->lines; i++) {
        const struct console_kept *l = &c->tail[i % CONSOLE_TAIL_LINES];
        print_dialogue(c, l->session, l->who, (struct span){l->text, l->n});
    }
}
