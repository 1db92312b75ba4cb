/* SPDX-License-Identifier: ISC */
/*
 * test_send.c - the sendmail(8) stand-in neither loses a recipient nor blames the
 * caller when memory runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "send/inside.h"
#include "tests/unit/memory.h"

/* Runs one command line, with the message on standard input. */
static int run(int argc, char **argv, const char *message, struct text *said)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], message, strlen(message)), (int)strlen(message));
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    (void)close(fds[0]), (void)close(fds[1]);
    optind = 1;
    return send_main(argc, argv, said);
}

static void test_addresses_without_memory(void **state)
{
    char *const words[] = {"sendmail", "-t", "-fann@x.test", "b@x.test", NULL};
    char *argv[5];
    (void)state;
    (void)unsetenv("SMTP_HOST");
    for (size_t i = 0;; i++) {
        struct text said = {0};
        memcpy(argv, words, sizeof words);
        memory_returns = i % 2 != 0;
        size_t first = memory_requests + 1 + i / 2;
        memory_fails_at = first;
        int status = run(4, argv, "To: c@x.test, Dora <d@x.test>\nBcc: (a comment) e\n\nHello\n", &said);
        memory_fails_at = 0;
        bool ran_out = memory_requests >= first;
        text_add(&said, "", 1);
        if (status != SEND_TEMPORARY || (!said.failed && !ran_out && strstr(said.p, "SMTP_HOST") == NULL) ||
            (!said.failed && ran_out && strstr(said.p, strerror(ENOMEM)) == NULL))
            fail_msg("%zu: %d %s", i, status, said.failed ? "" : said.p);
        free(said.p);
        if (!ran_out)
            break;
    }
    memory_returns = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
