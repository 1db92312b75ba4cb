/* SPDX-License-Identifier: ISC */
/*
 * render_json.c - messages as JSON or as text, for a comparison with what
 * others make of them.
 *
 *     render_json [-t] FILE ...    a line of JSON for each, or its text
 *     render_json -s               messages on standard input, each behind its length and LF
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/reading.h"

static struct text text;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* It has come from one client, whatever it is. */
static void show(const char *octets, size_t n, uint64_t number, bool as_text)
{
    struct mail_recipient recipient = {.address = {"b@example.com", 13}};
    const struct received m = {
        .octets = {octets, n},
        .mail.n = number,
        .mail.time = INT64_C(1795480320123),
        .mail.size = n,
        .mail.address = "127.0.0.1",
        .mail.port = 51234,
        .mail.helo = {"app.example", 11},
        .mail.fits = 1,
        .mail.protocol = "ESMTP",
        .mail.sender = {"a@example.com", 13},
        .mail.sender_params = {"SIZE=1234", 9},
        .mail.recipients = &recipient,
        .mail.n_recipients = 1,
    };
    text.n = 0;
    if (as_text)
        make_text(&text, &m);
    else
        make_json(&text, &m);
    if (text.failed || fwrite(text.p, 1, text.n, stdout) != text.n || fflush(stdout) != 0)
        die("render_json");
}

/* Octets of their own, so that reading past them is seen. */
static char *take(FILE *f, size_t n, const char *name)
{
    char *octets = malloc(n > 0 ? n : 1);
    if (octets == NULL || fread(octets, 1, n, f) != n)
        die(name);
    return octets;
}

static void show_stream(void)
{
    char length[32];
    for (uint64_t number = 1; fgets(length, sizeof length, stdin) != NULL; number++) {
        size_t n = (size_t)strtoumax(length, NULL, 10);
        char *octets = take(stdin, n, "standard input");
        show(octets, n, number, false);
        free(octets);
    }
}

static void show_file(const char *name, uint64_t number, bool as_text)
{
    FILE *f = fopen(name, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        die(name);
    long size = ftell(f);
    if (size < 0)
        die(name);
    rewind(f);
    char *octets = take(f, (size_t)size, name);
    fclose(f);
    show(octets, (size_t)size, number, as_text);
    free(octets);
}

int main(int argc, char **argv)
{
    bool as_text = argc > 1 && strcmp(argv[1], "-t") == 0;
    if (argc == 2 && strcmp(argv[1], "-s") == 0)
        show_stream();
    else
        for (int i = as_text ? 2 : 1; i < argc; i++)
            show_file(argv[i], (uint64_t)i, as_text);
    free(text.p);
    return 0;
}
