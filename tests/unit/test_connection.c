/* SPDX-License-Identifier: ISC */
/*
 * test_connection.c - connecting, to listeners that are open in this process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "net/net.h"

enum { LONG = 60 * 1000, SHORT = 500, CONNECTIONS_MAX = 64 };

static char directory[] = "/tmp/test_connection.XXXXXX";

static struct endpoint parse(const char *text)
{
    struct endpoint e;
    char whole[200];
    (void)snprintf(whole, sizeof whole, text, directory);
    assert_null(endpoint_parse(whole, &e));
    return e;
}

static int lowest_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    assert_int_equal(close(fd), 0);
    return fd;
}

static int set_up(void **state)
{
    static int lowest;
    lowest = lowest_descriptor();
    *state = &lowest;
    return 0;
}

/* No test leaves a descriptor open. */
static int tear_down(void **state) { return lowest_descriptor() == *(int *)*state ? 0 : -1; }

static void expect_failure(const struct endpoint *e, int64_t until, int error)
{
    struct connection c;
    const char *reason = "none yet";
    int lowest = lowest_descriptor();
    errno = 0;
    assert_int_equal(connection_open(e, &c, until, &reason), -1);
    assert_int_equal(errno, error);
    assert_null(reason);
    assert_int_equal(lowest_descriptor(), lowest);
}

static void await_octets(const struct connection *c)
{
    struct pollfd one = {.fd = c->in, .events = POLLIN};
    assert_int_equal(poll(&one, 1, LONG), 1);
}

static void expect(struct connection *c, const char *text)
{
    char room[100];
    await_octets(c);
    assert_int_equal(connection_read(c, room, sizeof room), (int)strlen(text));
    assert_memory_equal(room, text, strlen(text));
}

/* Connects, and lets octets go both ways. */
static void exchange(const struct endpoint *e, struct listener *l)
{
    struct connection client, server;
    struct peer peer;
    const char *reason = NULL;
    size_t i = 0;
    if (connection_open(e, &client, clock_now() + LONG, &reason) < 0)
        fail_msg("%s: %s", e->host, reason != NULL ? reason : strerror(errno));
    assert_true((fcntl(client.in, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(client.in, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true(connection_is_plain(&client) && client.in == client.out);
    struct pollfd all[LISTENER_SOCKETS_MAX];
    for (; i < l->n; i++)
        all[i] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
    assert_int_equal(poll(all, (nfds_t)l->n, LONG), 1);
    for (i = 0; all[i].revents == 0;)
        i++;
    assert_int_equal(connection_accept(l, l->fds[i], &server, &peer), 0);
    assert_int_equal(connection_write(&client, "EHLO\r\n", 6), 6);
    expect(&server, "EHLO\r\n");
    assert_int_equal(connection_write(&server, "250 ok\r\n", 8), 8);
    expect(&client, "250 ok\r\n");
    connection_close(&server);
    await_octets(&client);
    assert_int_equal(connection_read(&client, &(char){0}, 1), 0);
    for (int k = 0; k < 2; k++) { /* TCP may take the first octet */
        if (connection_write(&client, "x", 1) < 0)
            break;
    }
    assert_int_equal(connection_write(&client, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    connection_close(&client);
}

/* What listens, and other ways to say where. */
static const char *const places[][4] = {
    {"127.0.0.1:0", "127.0.0.1:0", ":0", "localhost:0"},
    {":0", ":0", "localhost:0", "127.0.0.1:0"},
    {"*:0", "127.0.0.1:0", ":0", "localhost:0"},
    {"[::1]:0", "[::1]:0", ":0"},
    {"[::1]:0", "[0:0::1]:0"},
    {"unix:%s/a socket", "unix:%s/a socket"},
    {"unix:@a socket", "unix:@a socket"},
};

static void connects(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct listener l;
        const char *reason = NULL;
        struct endpoint at = parse(places[i][0]);
        if (listener_open(&at, &l, &reason) < 0) { /* a machine without IPv6 cannot connect, either */
            int error = errno;
            assert_true(strchr(at.host, ':') != NULL);
            expect_failure(&at, clock_now() + LONG, error);
            continue;
        }
        for (size_t k = 1; k < 4 && places[i][k] != NULL; k++) {
            struct endpoint e = parse(places[i][k]);
            e.port = l.port;
            exchange(&e, &l);
        }
        listener_close(&l);
    }
}

/* A Unix socket that is in no file system, as a service manager may pass one. */
#ifdef __linux__
static void connects_without_a_file(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct listener l;
    const char *reason = NULL;
    (void)state;
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s", directory),
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(listener_open(&(struct endpoint){.kind = ENDPOINT_FD, .fd = fd}, &l, &reason), 0);
    struct endpoint e = {.kind = ENDPOINT_UNIX};
    assert_true(snprintf(e.host, sizeof e.host, "%s", l.host) == n + 1);
    exchange(&e, &l);
    listener_close(&l);
    expect_failure(&e, clock_now() + LONG, ECONNREFUSED);
}
#endif

/* A socket that has an address, and does not listen yet; its endpoint. */
static int make_socket(bool path, struct endpoint *e)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un path;
    } a;
    memset(&a, 0, sizeof a);
    *e = parse(path ? "unix:%s/socket" : "127.0.0.1:0");
    if (path) {
        a.path.sun_family = AF_UNIX;
        memcpy(a.path.sun_path, e->host, strlen(e->host));
    } else {
        a.in.sin_family = AF_INET;
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    socklen_t length = path ? sizeof a.path : sizeof a.in;
    int fd = socket(a.any.sa_family, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &a.any, length), 0);
    assert_int_equal(getsockname(fd, &a.any, &length), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    e->port = path ? 0 : ntohs(a.in.sin_port);
    return fd;
}

static void finds_nobody(void **state)
{
    struct endpoint e;
    (void)state;
    for (int path = 0; path < 2; path++) {
        int fd = make_socket(path, &e);
        expect_failure(&e, clock_now() + LONG, ECONNREFUSED);
        expect_failure(&e, INT64_MAX, ECONNREFUSED);
        if (!path) {
            e.kind = ENDPOINT_LOOPBACK; /* whether there is IPv6 or not */
            expect_failure(&e, clock_now() + LONG, ECONNREFUSED);
        }
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(unlink(e.host), 0);
    expect_failure(&e, clock_now() + LONG, ENOENT);
}

static int full; /* a listening socket that takes no more */

static void make_room(int signal)
{
    int saved = errno;
    (void)signal;
    (void)close(accept(full, NULL, NULL));
    errno = saved;
}

/* A server that accepts nobody.  A signal comes again and again, and in the end accepts one. */
static void waits_for_room(void **state)
{
    struct connection c[CONNECTIONS_MAX];
    struct endpoint e;
    const char *reason = NULL;
    (void)state;
    for (int path = 0; path < 2; path++) {
        size_t n = 0;
        int64_t start;
        full = make_socket(path, &e);
        assert_int_equal(listen(full, 0), 0);
        for (;; n++) {
            assert_true(n < CONNECTIONS_MAX);
            start = clock_now();
            if (connection_open(&e, &c[n], start + SHORT, &reason) < 0)
                break;
        }
        assert_int_equal(errno, ETIMEDOUT);
        assert_true(clock_now() - start >= SHORT && clock_now() - start < LONG / 2);
        expect_failure(&e, clock_now(), ETIMEDOUT);
        struct sigaction action = {.sa_handler = make_room}; /* without SA_RESTART */
        struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
        assert_int_equal(sigaction(SIGALRM, &action, NULL) | setitimer(ITIMER_REAL, &often, NULL), 0);
        int status = connection_open(&e, &c[n], clock_now() + LONG, &reason);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(status, 0);
        for (size_t i = 0; i <= n; i++)
            connection_close(&c[i]);
        assert_int_equal(close(full), 0);
    }
    assert_int_equal(unlink(e.host), 0);
}

static void tells_what_is_wrong(void **state)
{
    struct endpoint e = {.kind = ENDPOINT_UNIX};
    struct connection c;
    const char *reason = NULL;
    (void)state;
    memset(e.host, 'a', sizeof e.host - 1);
    expect_failure(&e, clock_now() + LONG, ENAMETOOLONG);
    e = parse("*:25");
    expect_failure(&e, clock_now() + LONG, EINVAL);
    e = parse("a..b:25"); /* no name; nobody is asked for it */
    assert_int_equal(connection_open(&e, &c, clock_now() + LONG, &reason), -1);
    assert_non_null(reason);
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = (rlim_t)lowest_descriptor();
    e = parse(":25");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int status = connection_open(&e, &c, clock_now() + LONG, &reason), error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(status, -1);
    assert_int_equal(error, EMFILE);
}

static int make_directory(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    return mkdtemp(directory) != NULL && chdir(directory) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connects),
#ifdef __linux__
        TEST(connects_without_a_file),
#endif
        TEST(finds_nobody),
        TEST(waits_for_room),
        TEST(tells_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
