/*
 * fuzz_send.c - any octets as the replies of a server to the sendmail(8)
 * stand-in: it ends with one of its statuses, says why unless that is 0, and has
 * written only whole lines; for 0 there were a reply 3yz, and then one 2yz.
 *
 * The first octet chooses LMTP, and what the message needs.  As a libFuzzer
 * target, or, compiled with REPLAY, as a program that is given files.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "send/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { REPLIES_MAX = 60000 /* octets; a socket takes them at once */, LIMIT = 20000 /* milliseconds */ };

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Whether a line begins with this digit; if so, *rest begins there. */
static bool has_reply(struct span *rest, char digit)
{
    for (; rest->n > 1; span_skip(rest, 1)) {
        if (rest->p[0] == '\n' && rest->p[1] == digit)
            return true;
    }
    return false;
}

static int send_to(int fd, const uint8_t *data, struct text *said)
{
    static const char *const messages[] = {"", "Subject: x\r\n\r\n.\r\n..\r\n", "Subject: \xc3\xbc\r\n\r\n\xff\r\n"};
    static char name[] = "sendmail", argument[700];
    static char *const arguments[] = {name, argument, NULL};
    struct connection c = {.in = fd, .out = fd};
    struct server_name server = {*data & 1 ? SCHEME_LMTP : SCHEME_SMTP, "server"};
    struct submission s = {.sender = "a@x.test", .argc = 2, .argv = arguments, .limit = LIMIT};
    memset(argument, '=', sizeof argument - 1);
    text_add_string(&s.message, messages[(*data >> 1) % 3]);
    (void)addresses_add(&s.recipients, span_of(*data & 8 ? "b@x.test, \xc3\xbc@x.test" : "b@x.test, c"));
    if (*data & 16) {
        s.notify = "never";
        s.ret = "full";
        s.envid = "a+b";
    }
    int status = client_talk(&c, &server, &s, said);
    free(s.message.p);
    free(s.recipients.text.p);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int fds[2];
    struct text said = {0};
    static char wrote[64 * 1024];
    if (n == 0)
        return 0;
    (void)signal(SIGPIPE, SIG_IGN);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    size_t replies = n - 1 < REPLIES_MAX ? n - 1 : REPLIES_MAX;
    must(write(fds[1], data + 1, replies) == (ssize_t)replies && shutdown(fds[1], SHUT_WR) == 0);
    int status = send_to(fds[0], data, &said);
    must(status == SEND_DONE || status == SEND_NO_USER || status == SEND_UNAVAILABLE || status == SEND_TEMPORARY);
    must((status == SEND_DONE) == (said.n == 0) && (said.n == 0 || said.p[said.n - 1] == '\n'));
    struct span rest = {(const char *)data + 1, replies};
    must(status != SEND_DONE || (has_reply(&rest, '3') && has_reply(&rest, '2')));
    size_t all = 0;
    for (ssize_t got; (got = read(fds[1], wrote + all, sizeof wrote - all)) > 0;)
        all += (size_t)got;
    must(all == 0 || (all >= 2 && memcmp(wrote + all - 2, "\r\n", 2) == 0));
    (void)close(fds[1]);
    free(said.p);
    return 0;
}

#ifdef REPLAY
#include "tests/fuzz/replay.h"
#endif
