/* SPDX-License-Identifier: ISC */
/*
 * test_tls.c - the transport, with a client or a server that is OpenSSL's own, or
 * with itself, at the other end of a socket pair in this process.  Nothing blocks: the two ends take
 * turns, for so many turns at most.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "net/net.h"

enum { TURNS = 100000, MANY = 1024 * 1024, ROOM = 64 * 1024, RECORD = 16 * 1024, RECORDS_MAX = 64 };

/* ---- two ends ---- */

struct ends {
    struct tls *tls;
    struct connection server;
    int fd; /* the client's */
    SSL_CTX *context;
    SSL *client;
    struct tls *own_tls; /* or else ours */
    struct connection own;
    char why[300];
};

static void no_wait(int fd) { assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0); }

static struct tls *open_for(const char *hostname)
{
    char why[200] = "";
    struct tls *t = tls_open(&(struct tls_options){.hostname = hostname}, why, sizeof why);
    if (t == NULL)
        fail_msg("%s", why);
    return t;
}

static X509 *read_ca(const struct tls *t)
{
    size_t n;
    const char *pem = tls_ca(t, &n);
    assert_non_null(pem);
    BIO *b = BIO_new_mem_buf(pem, (int)n);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    assert_non_null(x);
    BIO_free(b);
    return x;
}

/* A client that trusts this certificate, if any, and nothing else. */
static SSL_CTX *make_client(X509 *trusted)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    if (trusted != NULL)
        assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), trusted), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
    return context;
}

static void begin(struct ends *e, const char *hostname)
{
    int fds[2];
    *e = (struct ends){.tls = open_for(hostname)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    no_wait(fds[0]), no_wait(fds[1]);
    e->server.in = e->server.out = fds[0];
    e->fd = fds[1];
    X509 *ca = read_ca(e->tls);
    e->context = make_client(ca);
    X509_free(ca);
    assert_int_equal(tls_start(e->tls, &e->server), 0);
    assert_non_null(e->server.transport);
}

static void add_client(struct ends *e)
{
    e->client = SSL_new(e->context);
    assert_int_equal(SSL_set_fd(e->client, e->fd), 1);
    SSL_set_connect_state(e->client);
}

static int shake(struct ends *e) { return e->server.transport->handshake(&e->server, e->why, sizeof e->why); }

/* Both shake hands; what the server says in the end. */
static int shake_both(struct ends *e)
{
    int server = 0, client = 0;
    for (int i = 0; i < TURNS && (server == 0 || client == 0); i++) {
        if (client == 0) {
            int status = SSL_do_handshake(e->client);
            client = status == 1 ? 1 : SSL_get_error(e->client, status) == SSL_ERROR_WANT_READ ? 0 : -1;
        }
        if (server == 0)
            server = shake(e);
        if (server < 0)
            break;
    }
    ERR_clear_error();
    return server;
}

static void begin_connected(struct ends *e)
{
    begin(e, NULL);
    add_client(e);
    assert_int_equal(shake_both(e), 1);
}

static void hang_up(struct ends *e)
{
    assert_int_equal(close(e->fd), 0);
    e->fd = -1;
}

static void finish(struct ends *e)
{
    if (e->server.transport != NULL)
        e->server.transport->close(&e->server);
    assert_null(e->server.state);
    assert_true(fcntl(e->server.in, F_GETFD) >= 0); /* it is not the transport's to close */
    (void)close(e->server.in);
    if (e->fd >= 0)
        (void)close(e->fd);
    if (e->own.transport != NULL)
        e->own.transport->close(&e->own);
    SSL_free(e->client);
    SSL_CTX_free(e->context);
    tls_close(e->own_tls);
    tls_close(e->tls);
}

/* cmocka's set-up and teardown: a test finds the two ends in *state, open or connected. */
static int set_up_open(void **state)
{
    static struct ends e;
    begin(&e, NULL);
    *state = &e;
    return 0;
}

static int set_up_connected(void **state)
{
    static struct ends e;
    begin_connected(&e);
    *state = &e;
    return 0;
}

static int tear_down(void **state)
{
    finish(*state);
    return 0;
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up_open, tear_down)
#define CONNECTED(test) cmocka_unit_test_setup_teardown(test, set_up_connected, tear_down)

static ssize_t take(struct ends *e, char *to, size_t n) { return e->server.transport->read(&e->server, to, n); }
static ssize_t give(struct ends *e, const char *p, size_t n) { return e->server.transport->write(&e->server, p, n); }

static void say(struct ends *e, const char *text)
{
    assert_int_equal(SSL_write(e->client, text, (int)strlen(text)), (int)strlen(text));
}

static void say_raw(struct ends *e, const char *text)
{
    assert_int_equal(write(e->fd, text, strlen(text)), (int)strlen(text));
}

static void expect(struct ends *e, const char *text)
{
    char room[ROOM];
    ssize_t n = take(e, room, sizeof room);
    assert_int_equal(n, (int)strlen(text));
    assert_memory_equal(room, text, strlen(text));
}

static void expect_error(struct ends *e, int error)
{
    char room[ROOM];
    errno = 0;
    assert_int_equal(take(e, room, sizeof room), -1);
    assert_int_equal(errno, error);
}

static void expect_end(struct ends *e)
{
    char room[ROOM];
    assert_int_equal(take(e, room, sizeof room), 0);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* ---- handshakes ---- */

static void shakes_hands(void **state)
{
    struct ends *e = *state;
    assert_string_equal(e->server.transport->peer(&e->server)->version, "TLSv1.3");
    assert_false(e->server.wants_write);
    assert_string_equal(e->why, "");
}

static void takes_tls12(void **state)
{
    struct ends *e = *state;
    SSL_CTX_set_max_proto_version(e->context, TLS1_2_VERSION);
    add_client(e);
    assert_int_equal(shake_both(e), 1);
    assert_string_equal(e->server.transport->peer(&e->server)->version, "TLSv1.2");
    assert_false(SSL_SESSION_has_ticket(SSL_get_session(e->client)));
}

static void refuses_tls11(void **state)
{
    struct ends *e = *state;
    SSL_CTX_set_min_proto_version(e->context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(e->context, TLS1_1_VERSION);
    assert_int_equal(SSL_CTX_set_cipher_list(e->context, "DEFAULT@SECLEVEL=0"), 1);
    add_client(e);
    assert_int_equal(shake_both(e), -1);
    assert_string_equal(e->why, "the client does not support TLS 1.2 or later");
}

/* A client that asks for a second handshake is dropped. */
static void refuses_renegotiation(void **state)
{
    struct ends *e = *state;
    SSL_CTX_set_max_proto_version(e->context, TLS1_2_VERSION);
    add_client(e);
    assert_int_equal(shake_both(e), 1);
    say(e, "NOOP\r\n");
    assert_int_equal(SSL_renegotiate(e->client), 1);
    (void)SSL_do_handshake(e->client);
    expect(e, "NOOP\r\n");
    expect_error(e, EPROTO);
    expect_error(e, EPROTO);
    assert_int_equal(SSL_do_handshake(e->client), -1);
    assert_true(SSL_get_error(e->client, -1) != SSL_ERROR_WANT_WRITE);
    ERR_clear_error();
}

/* A handshake in records of one octet takes many calls, in which others can be served. */
static void shakes_hands_in_steps(void **state)
{
    struct ends *e = *state;
    static const unsigned char header[] = {22, 3, 1, 0, 1};
    unsigned char records[6 * 4000], *hello;
    int calls = 0;
    add_client(e);
    BIO *said = BIO_new(BIO_s_mem());
    SSL_set0_wbio(e->client, said);
    assert_int_equal(SSL_do_handshake(e->client), -1);
    long n = BIO_get_mem_data(said, &hello);
    assert_true(n > 5 + 2 * RECORDS_MAX && n < 4000);
    for (long i = 5; i < n; i++) {
        memcpy(records + 6 * (i - 5), header, sizeof header);
        records[6 * (i - 5) + 5] = hello[i];
    }
    assert_int_equal(write(e->fd, records, 6 * (size_t)(n - 5)), 6 * (n - 5));
    assert_int_equal(SSL_set_wfd(e->client, e->fd), 1);
    for (; is_readable(e->server.in); calls++)
        assert_int_equal(shake(e), 0);
    assert_true(calls >= (n - 5) / RECORDS_MAX);
    assert_int_equal(shake_both(e), 1);
}

static void tells_of_distrust(void **state)
{
    struct ends *e = *state;
    SSL_CTX_free(e->context);
    e->context = make_client(NULL);
    add_client(e);
    assert_int_equal(shake_both(e), -1);
    assert_string_equal(e->why, "the client says: unknown CA");
}

static void tells_of_plain_text(void **state)
{
    static const char *const texts[] = {"EHLO client.test\r\n", "GET / HTTP/1.0\r\n\r\n", "QUIT\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ends e;
        char octets[100];
        begin(&e, NULL);
        say_raw(&e, texts[i]);
        assert_int_equal(shake(&e), -1);
        assert_string_equal(e.why, "the client spoke another protocol");
        e.server.transport->end(&e.server);
        ssize_t n = read(e.fd, octets, sizeof octets);
        assert_true(n <= 0 || octets[0] == 21); /* if anything, an alert */
        finish(&e);
    }
}

static void tells_of_hanging_up(void **state)
{
    static const char *const texts[] = {"", "\x16\x03\x01", "\x16\x03\x01\x02\x22\x01\x01"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ends e;
        begin(&e, NULL);
        assert_int_equal(shake(&e), 0);
        assert_false(e.server.wants_write);
        say_raw(&e, texts[i]);
        assert_int_equal(shake(&e), 0);
        hang_up(&e);
        assert_int_equal(shake(&e), -1);
        assert_string_equal(e.why, "the client hung up");
        e.server.transport->end(&e.server);
        finish(&e);
    }
}

/* The server's first flight does not fit into the socket. */
static void waits_to_write(void **state)
{
    struct ends *e = *state;
    add_client(e);
    char block[4096] = {0};
    size_t filled = 0;
    assert_int_equal(SSL_do_handshake(e->client), -1);
    for (ssize_t n; (n = write(e->server.out, block, sizeof block)) > 0;)
        filled += (size_t)n;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(shake(e), 0);
        assert_true(e->server.wants_write);
    }
    for (ssize_t n; filled > 0; filled -= (size_t)n) {
        n = read(e->fd, block, filled < sizeof block ? filled : sizeof block);
        assert_true(n > 0);
    }
    assert_int_equal(shake_both(e), 1);
}

/* ---- data ---- */

static char pattern(size_t at) { return (char)(at * 31 + at / 251); }

/* Both ends send MANY at once, through a socket that holds little. */
static void exchanges(void **state)
{
    struct ends *e = *state;
    int size = 4096;
    assert_int_equal(setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(e->server.out, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    char *all = malloc(MANY), *moved[2] = {malloc(ROOM), malloc(ROOM)}, *room = malloc(ROOM);
    for (size_t i = 0; i < MANY; i++)
        all[i] = pattern(i);
    size_t given = 0, taken = 0, said = 0, heard = 0, waited = 0, parts = 0;
    SSL_set_mode(e->client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    for (int i = 0; i < TURNS && (given < MANY || taken < MANY || said < MANY || heard < MANY); i++) {
        size_t part = MANY - given < ROOM ? MANY - given : ROOM;
        memcpy(moved[i % 2], all + given, part);
        ssize_t n = give(e, moved[i % 2], part);
        assert_true(n >= 0 || errno == EAGAIN);
        assert_true(n >= 0 || e->server.wants_write);
        waited += n < 0;
        parts += n > 0 && (size_t)n < part;
        given += n > 0 ? (size_t)n : 0;
        int m = said < MANY ? SSL_write(e->client, all + said, (int)(MANY - said)) : 0;
        said += m > 0 ? (size_t)m : 0;
        m = i % 4 == 0 ? SSL_read(e->client, room, ROOM) : 0;
        for (int k = 0; k < m; k++, heard++)
            assert_int_equal(room[k], pattern(heard));
        n = take(e, room, ROOM);
        assert_true(n > 0 || errno == EAGAIN);
        for (ssize_t k = 0; k < n; k++, taken++)
            assert_int_equal(room[k], pattern(taken));
    }
    assert_int_equal(given, MANY);
    assert_int_equal(taken, MANY);
    assert_int_equal(heard, MANY);
    assert_true(waited > 0 && parts > 0);
    free(all), free(moved[0]), free(moved[1]), free(room);
}

/* When poll() has nothing to tell, there is nothing: here with the least room that a caller may give. */
static void leaves_nothing_behind(void **state)
{
    static const int sizes[] = {1, 100, RECORD, 1, RECORD - 1, RECORD, 7, 2 * RECORD, 5};
    static char octets[2 * RECORD], room[ROOM];
    (void)state;
    for (size_t n = RECORD; n <= ROOM; n += RECORD) {
        struct ends e;
        begin_connected(&e);
        size_t sent = 0, got = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_int_equal(SSL_write(e.client, octets, sizes[i]), sizes[i]);
            sent += (size_t)sizes[i];
        }
        for (int i = 0; i < 100 && is_readable(e.server.in); i++) {
            ssize_t part = take(&e, room, n);
            assert_true(part > 0);
            got += (size_t)part;
        }
        assert_int_equal(got, sent);
        expect_error(&e, EAGAIN);
        assert_false(e.server.wants_write);
        finish(&e);
    }
}

/* A client that sends little in many records has a few of them read in a call. */
static void takes_few_records_a_call(void **state)
{
    struct ends *e = *state;
    static char room[ROOM];
    enum { SENT = 3 * RECORDS_MAX };
    size_t got = 0;
    for (int i = 0; i < SENT; i++)
        say(e, "x");
    while (is_readable(e->server.in)) {
        ssize_t n = take(e, room, sizeof room);
        assert_true(n > 0 && n <= RECORDS_MAX);
        got += (size_t)n;
    }
    assert_int_equal(got, SENT);
}

/* New keys are taken, but not any number of them, and few in a call. */
static void bounds_key_updates(void **state)
{
    struct ends *e = *state;
    char room[ROOM];
    int calls = 0, error = EAGAIN;
    for (int i = 0; i < 10 && error == EAGAIN; i++) {
        for (int k = 0; k < 2 * RECORDS_MAX; k++) {
            int kind = k % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
            assert_int_equal(SSL_key_update(e->client, kind), 1);
            assert_int_equal(SSL_do_handshake(e->client), 1);
        }
        for (; is_readable(e->server.in) && error == EAGAIN; calls++) {
            assert_int_equal(take(e, room, sizeof room), -1);
            error = errno;
            assert_int_equal(SSL_read(e->client, room, sizeof room), -1); /* the server has new keys, too */
        }
        if (i == 0) {
            assert_true(calls >= 2);
            say(e, "NOOP\r\n");
            expect(e, "NOOP\r\n");
            assert_int_equal(give(e, "250\r\n", 5), 5);
            assert_int_equal(SSL_read(e->client, room, sizeof room), 5);
        }
    }
    assert_int_equal(error, EPROTO);
}

static void goes_over_pipes(void **state)
{
    struct ends *e = *state;
    int in[2], out[2];
    e->server.transport->close(&e->server);
    (void)close(e->server.in), (void)close(e->fd);
    assert_int_equal(pipe(in) | pipe(out), 0);
    no_wait(in[0]), no_wait(in[1]), no_wait(out[0]), no_wait(out[1]);
    e->server.in = in[0], e->server.out = out[1], e->fd = in[1];
    assert_int_equal(tls_start(e->tls, &e->server), 0);
    e->client = SSL_new(e->context);
    assert_int_equal(SSL_set_rfd(e->client, out[0]) & SSL_set_wfd(e->client, in[1]), 1);
    SSL_set_connect_state(e->client);
    assert_int_equal(shake_both(e), 1);
    say(e, "NOOP\r\n");
    expect(e, "NOOP\r\n");
    assert_int_equal(give(e, "250\r\n", 5), 5);
    char room[10];
    assert_int_equal(SSL_read(e->client, room, sizeof room), 5);
    hang_up(e);
    expect_end(e);
    (void)close(out[0]), (void)close(out[1]);
}

/* ---- ends ---- */

static void says_goodbye(void **state)
{
    struct ends *e = *state;
    char room[10];
    assert_int_equal(give(e, "221\r\n", 5), 5);
    e->server.transport->end(&e->server);
    assert_int_equal(SSL_read(e->client, room, sizeof room), 5);
    int status = SSL_read(e->client, room, sizeof room);
    assert_int_equal(SSL_get_error(e->client, status), SSL_ERROR_ZERO_RETURN);
    say(e, "late"); /* what the client still sends can be read */
    expect(e, "late");
}

static void hears_goodbye(void **state)
{
    struct ends *e = *state;
    char room[10];
    say(e, "QUIT\r\n");
    assert_int_equal(SSL_shutdown(e->client), 0);
    expect(e, "QUIT\r\n");
    expect_end(e);
    expect_end(e);
    assert_int_equal(give(e, "221\r\n", 5), 5);
    assert_int_equal(SSL_read(e->client, room, sizeof room), 5);
}

/* An end without a goodbye is an end; the reply to what came before can still be given. */
static void takes_half_an_end(void **state)
{
    struct ends *e = *state;
    char room[10];
    say(e, "QUIT\r\n");
    assert_int_equal(shutdown(e->fd, SHUT_WR), 0);
    expect(e, "QUIT\r\n");
    expect_end(e);
    expect_end(e);
    assert_int_equal(give(e, "221\r\n", 5), 5);
    assert_int_equal(SSL_read(e->client, room, sizeof room), 5);
}

static void takes_hanging_up(void **state)
{
    struct ends *e = *state;
    say(e, "NOOP\r\n");
    hang_up(e);
    expect(e, "NOOP\r\n");
    expect_end(e);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(give(e, "250\r\n", 5), -1);
        assert_int_equal(errno, EPIPE);
    }
    e->server.transport->end(&e->server);
}

static void reports_garbage(void **state)
{
    struct ends *e = *state;
    char room[100];
    say(e, "NOOP\r\n");
    say_raw(e, "\x17\x03\x03\xff\xff");
    expect(e, "NOOP\r\n");
    expect_error(e, EPROTO);
    expect_error(e, EPROTO);
    ssize_t before = read(e->fd, room, sizeof room); /* the alert */
    assert_true(before > 0);
    e->server.transport->end(&e->server);
    assert_int_equal(read(e->fd, room, sizeof room), -1);
}

/* ---- the certificate that is made ---- */

static const struct check {
    const char *hostname; /* given to tls_open() */
    const char *name;     /* asked for: an address or a name */
    bool verifies;
} checks[] = {
    {NULL, "localhost", true},
    {NULL, "127.0.0.1", true},
    {NULL, "::1", true},
    {NULL, "127.0.0.2", false},
    {NULL, "::2", false},
    {NULL, "mail.test", false},
    {NULL, "x.localhost", false},
    {"mail.test", "mail.test", true},
    {"mail.test", "MAIL.test", true},
    {"mail.test", "localhost", true},
    {"mail.test", "127.0.0.1", true},
    {"mail.test", "::1", true},
    {"mail.test", "other.test", false},
    {"mail.test", "x.mail.test", false},
    {"mail.test.", "mail.test", true},
    {"mail_1.test", "mail_1.test", true},
    {"192.0.2.7", "192.0.2.7", true},
    {"[192.0.2.7]", "192.0.2.7", true},
    {"[192.0.2.7]", "192.0.2.8", false},
    {"2001:db8::1", "2001:db8::1", true},
    {"[IPv6:2001:db8::1]", "2001:db8::1", true},
    {"[ipv6:2001:DB8:0::1]", "2001:db8::1", true},
};

static bool verifies(const char *hostname, const char *name)
{
    struct ends e;
    begin(&e, hostname);
    add_client(&e);
    X509_VERIFY_PARAM *p = SSL_get0_param(e.client);
    if (X509_VERIFY_PARAM_set1_ip_asc(p, name) != 1)
        assert_int_equal(X509_VERIFY_PARAM_set1_host(p, name, 0), 1);
    int status = shake_both(&e);
    long result = SSL_get_verify_result(e.client);
    assert_true(status == 1 ? result == X509_V_OK
                            : result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH);
    finish(&e);
    return status == 1;
}

static void verifies_for_its_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const struct check *c = &checks[i];
        if (verifies(c->hostname, c->name) != c->verifies)
            fail_msg("made for %s, asked for %s", c->hostname != NULL ? c->hostname : "nobody", c->name);
    }
}

static int count_names(const char *hostname)
{
    struct tls *t = open_for(hostname);
    X509 *x = read_ca(t);
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int n = sk_GENERAL_NAME_num(all);
    GENERAL_NAMES_free(all);
    X509_free(x);
    tls_close(t);
    return n;
}

static void leaves_names_out(void **state)
{
    static const char *const known[] = {"",    "localhost", "LocalHost",   "localhost.", "127.0.0.1", "[127.0.0.1]",
                                        "::1", "[::1]",     "[IPv6:::1]",  "[0:0::0:1]", "a b",       "\xc3\xb6.test",
                                        "[]",  "[x]",       "[IPv6:1.2.]", "host:25",    "\x7f",      ".",
                                        "\n",  "[IPv6:",    "1::2::3",     "[127.0.0.1"};
    char longer[300], longest[254];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (count_names(known[i]) != 3)
            fail_msg("%s is another name", known[i]);
    }
    memset(longer, 'a', sizeof longer - 1), longer[sizeof longer - 1] = '\0';
    memset(longest, 'a', sizeof longest - 1), longest[sizeof longest - 1] = '\0';
    assert_int_equal(count_names(longer), 3);
    assert_int_equal(count_names(longest), 4);
    assert_int_equal(count_names("mail.test"), 4);
    assert_int_equal(count_names("127.0.0.2"), 4);
}

static void makes_a_good_one(void **state)
{
    (void)state;
    struct tls *t[2] = {open_for(NULL), open_for(NULL)};
    X509 *x = read_ca(t[0]), *other = read_ca(t[1]);
    /* it is good at any time: the clock of the client, or that of the server, may be false */
    for (time_t at = 1; at < 7 * (time_t)1000000000; at += 100000000)
        assert_true(X509_cmp_time(X509_get0_notBefore(x), &at) < 0 && X509_cmp_time(X509_get0_notAfter(x), &at) > 0);
    assert_true(ASN1_TIME_check(X509_get0_notBefore(x)) == 1 && ASN1_TIME_check(X509_get0_notAfter(x)) == 1);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER); /* not negative */
    assert_int_equal(ASN1_STRING_length(serial), 16);
    assert_int_not_equal(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(other)), 0);
    assert_int_equal(X509_get_version(x), 2);
    assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_issued(x, x), X509_V_OK);
    assert_non_null(X509_get0_subject_key_id(x));
    assert_int_equal(ASN1_STRING_cmp(X509_get0_subject_key_id(x), X509_get0_authority_key_id(x)), 0);
    X509_free(x), X509_free(other);
    tls_close(t[0]), tls_close(t[1]);
}

/* ---- certificates in files ---- */

static char directory[] = "/tmp/test_tls.XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][100];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static FILE *create(const char *name)
{
    FILE *f = fopen(path_of(name), "w");
    assert_non_null(f);
    return f;
}

static EVP_PKEY *make_key(int type)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(type, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(c), 1);
    if (type == EVP_PKEY_EC)
        assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1), 1);
    assert_int_equal(EVP_PKEY_keygen(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    return key;
}

/* A certificate that another one signs, or itself. */
static X509 *make_cert(EVP_PKEY *key, const char *subject, X509 *signer, EVP_PKEY *signer_key, long seconds)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(signer != NULL ? signer : x)), 1);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), seconds);
    assert_true(X509_sign(x, signer_key, EVP_sha256()) > 0);
    return x;
}

/* Writes a certificate and its key. */
static void write_both(const char *name, X509 *x, EVP_PKEY *key)
{
    FILE *f = create(name);
    assert_true(PEM_write_X509(f, x) && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    assert_int_equal(fclose(f), 0);
}

static void write_text(const char *name, const char *text)
{
    FILE *f = create(name);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_files(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(directory));
    EVP_PKEY *key = make_key(EVP_PKEY_EC), *other = make_key(EVP_PKEY_EC), *type = make_key(EVP_PKEY_ED25519);
    X509 *x = make_cert(key, "f", NULL, key, 3600), *leaf = make_cert(other, "leaf", x, key, 3600);
    X509 *stranger = make_cert(other, "g", NULL, other, 3600), *expired = make_cert(key, "f", NULL, key, -60);
    FILE *cert = create("cert"), *good = create("key"), *wrong = create("other"), *kind = create("ed25519");
    FILE *locked = create("locked"), *old = create("locked-old");
    assert_true(PEM_write_X509(cert, x) && PEM_write_PrivateKey(good, key, NULL, NULL, 0, NULL, NULL) &&
                PEM_write_PrivateKey(wrong, other, NULL, NULL, 0, NULL, NULL) &&
                PEM_write_PrivateKey(kind, type, NULL, NULL, 0, NULL, NULL) &&
                PEM_write_PKCS8PrivateKey(locked, key, EVP_aes_256_cbc(), "pass", 4, NULL, NULL));
    unsigned char pass[] = "pass";
    BIO *b = BIO_new_fp(old, BIO_NOCLOSE); /* as older programs write it, with Proc-Type */
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(b, key, EVP_aes_128_cbc(), pass, 4, NULL, NULL), 1);
    BIO_free(b);
    (void)fclose(cert), (void)fclose(good), (void)fclose(wrong), (void)fclose(kind);
    (void)fclose(locked), (void)fclose(old);
    write_both("both", x, key), write_both("leaf", leaf, other);
    write_both("stranger", stranger, other), write_both("expired", expired, key);
    write_text("text", "hello\n");
    write_text("empty", "");
    write_text("broken", "-----BEGIN CERTIFICATE-----\nMIIB////\n-----END CERTIFICATE-----\n");
    write_text("broken-key", "-----BEGIN PRIVATE KEY-----\nMIIB////\n-----END PRIVATE KEY-----\n");
    assert_int_equal(mkdir(path_of("directory"), 0700), 0);
    X509_free(x), X509_free(leaf), X509_free(stranger), X509_free(expired);
    EVP_PKEY_free(key), EVP_PKEY_free(other), EVP_PKEY_free(type);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const made[] = {"cert",       "key",        "other",    "ed25519", "both",
                                       "locked",     "locked-old", "text",     "empty",   "broken",
                                       "broken-key", "leaf",       "stranger", "expired", "made"};
    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        (void)unlink(path_of(made[i]));
    (void)rmdir(path_of("directory"));
    return rmdir(directory);
}

/* In what is said, @ stands for the directory. */
static const struct bad_files {
    const char *cert, *key, *why;
} failures[] = {
    {"missing", "key", "@/missing: No such file or directory"},
    {"cert", "missing", "@/missing: No such file or directory"},
    {"directory", "key", "@/directory: Is a directory"},
    {"cert", "directory", "@/directory: Is a directory"},
    {"text", "key", "@/text holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----"},
    {"empty", "key", "@/empty holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----"},
    {"key", "key", "@/key holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----"},
    {"broken", "key", "the certificate in @/broken cannot be used: "},
    {"cert", "text", "@/text holds no key that can be read: give it in PEM, with a line -----BEGIN PRIVATE KEY-----"},
    {"cert", "empty", "@/empty holds no key that can be read: give it in PEM, with a line -----BEGIN PRIVATE KEY-----"},
    {"cert", NULL, "@/cert holds no key that can be read: give it in PEM, with a line -----BEGIN PRIVATE KEY-----"},
    {"cert", "broken-key",
     "@/broken-key holds no key that can be read: give it in PEM, with a line -----BEGIN PRIVATE KEY-----"},
    {"cert", "other", "the key in @/other does not belong to the first certificate in @/cert"},
    {"cert", "ed25519", "the key in @/ed25519 does not belong to the first certificate in @/cert"},
    {"cert", "locked", "the key in @/locked is encrypted: decrypt it with openssl pkey -in "},
    {"cert", "locked-old", "the key in @/locked-old is encrypted: decrypt it with openssl pkey -in "},
};

/* Whether text begins so. */
static bool begins(const char *text, const char *with)
{
    for (; *with != '\0'; with++) {
        const char *word = *with == '@' ? directory : with;
        size_t n = *with == '@' ? strlen(directory) : 1;
        if (strncmp(text, word, n) != 0)
            return false;
        text += n;
    }
    return true;
}

static void tells_what_is_wrong_with_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const struct bad_files *f = &failures[i];
        char why[300] = "";
        struct tls_options o = {.cert = path_of(f->cert), .key = f->key != NULL ? path_of(f->key) : NULL};
        assert_null(tls_open(&o, why, sizeof why));
        if (!begins(why, f->why))
            fail_msg("%s, %s: %s", f->cert, f->key != NULL ? f->key : "nothing", why);
    }
}

static void uses_files(void **state)
{
    static const char *const rows[][2] = {{"cert", "key"}, {"both", NULL}, {"both", "key"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ends e;
        size_t n = 1;
        begin(&e, NULL);
        e.server.transport->close(&e.server);
        tls_close(e.tls);
        struct tls_options o = {.cert = path_of(rows[i][0]), .key = rows[i][1] != NULL ? path_of(rows[i][1]) : NULL};
        e.tls = tls_open(&o, e.why, sizeof e.why);
        assert_non_null(e.tls);
        assert_null(tls_ca(e.tls, &n));
        assert_int_equal(n, 0);
        assert_int_equal(tls_start(e.tls, &e.server), 0);
        SSL_CTX_set_verify(e.context, SSL_VERIFY_NONE, NULL);
        add_client(&e);
        assert_int_equal(shake_both(&e), 1);
        finish(&e);
    }
}

/* However little room there is for the reason. */
static void cuts_the_reason(void **state)
{
    (void)state;
    char why[8] = "xxxxxxx";
    assert_null(tls_open(&(struct tls_options){.cert = path_of("missing")}, why, 4));
    assert_string_equal(why, "/tm");
    assert_null(tls_open(&(struct tls_options){.cert = path_of("missing")}, why, 0));
}

/* ---- as a client ---- */

/* In the test's directory; NULL: none. */
static const char *path_or_null(const char *name) { return name != NULL ? path_of(name) : NULL; }

static void add_own_client(struct ends *e, const char *ca)
{
    e->own = (struct connection){.in = e->fd, .out = e->fd};
    e->own_tls = tls_open_client(path_or_null(ca), e->why, sizeof e->why);
    if (e->own_tls == NULL)
        fail_msg("%s", e->why);
    assert_int_equal(tls_start(e->own_tls, &e->own), 0);
}

/* A client of ours, and a server of ours with a certificate from a file, if any. */
static void begin_own(struct ends *e, const char *cert, const char *ca)
{
    begin(e, NULL);
    if (cert != NULL) {
        e->server.transport->close(&e->server);
        tls_close(e->tls);
        e->tls = tls_open(&(struct tls_options){.cert = path_of(cert)}, e->why, sizeof e->why);
        assert_non_null(e->tls);
        assert_int_equal(tls_start(e->tls, &e->server), 0);
    } else {
        size_t n;
        const char *pem = tls_ca(e->tls, &n);
        FILE *f = create("made");
        assert_true(fwrite(pem, 1, n, f) == n && fclose(f) == 0);
    }
    add_own_client(e, ca);
}

/* A client of ours, and a server that is OpenSSL's. */
static SSL *begin_foreign(struct ends *e, int version)
{
    begin(e, NULL);
    e->server.transport->close(&e->server);
    e->server.transport = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_file(context, path_of("both"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, path_of("both"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(context, version < TLS1_2_VERSION ? "DEFAULT@SECLEVEL=0" : "DEFAULT"), 1);
    SSL *server = SSL_new(context);
    SSL_CTX_free(context);
    assert_int_equal(SSL_set_fd(server, e->server.in), 1);
    SSL_set_accept_state(server);
    add_own_client(e, "both");
    return server;
}

/* Both shake hands; what the client says in the end, with its reason in e->why. */
static int shake_own(struct ends *e, SSL *foreign)
{
    char why[300];
    int server = 0, client = 0;
    for (int i = 0; i < TURNS && client >= 0 && (server == 0 || client == 0); i++) {
        if (client == 0)
            client = e->own.transport->handshake(&e->own, e->why, sizeof e->why);
        if (server == 0 && foreign != NULL)
            server = SSL_do_handshake(foreign) == 1;
        else if (server == 0)
            server = e->server.transport->handshake(&e->server, why, sizeof why);
    }
    ERR_clear_error();
    assert_true(client < 0 || server == 1);
    return client;
}

static const struct trust {
    const char *cert; /* the server's; NULL: one that is made */
    const char *ca;
    int error; /* of OpenSSL's verification */
} trusts[] = {
    {NULL, "made", X509_V_OK},
    {NULL, NULL, X509_V_OK},
    {NULL, "cert", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
    {"both", "cert", X509_V_OK},
    {"both", "both", X509_V_OK},
    {"both", NULL, X509_V_OK},
    {"both", "stranger", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
    {"leaf", "cert", X509_V_OK},
    {"leaf", "leaf", X509_V_OK}, /* which is signed by another that the file does not have */
    {"leaf", NULL, X509_V_OK},
    {"leaf", "stranger", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"expired", "expired", X509_V_ERR_CERT_HAS_EXPIRED},
    {"expired", NULL, X509_V_OK},
};

static void trusts_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trusts / sizeof trusts[0]; i++) {
        const struct trust *t = &trusts[i];
        struct ends e;
        char why[300] = "";
        begin_own(&e, t->cert, t->ca);
        int status = shake_own(&e, NULL);
        if (t->error != X509_V_OK)
            (void)snprintf(why, sizeof why, "the server's certificate is not trusted: %s",
                           X509_verify_cert_error_string(t->error));
        if (status != (t->error == X509_V_OK ? 1 : -1) || strcmp(e.why, why) != 0)
            fail_msg("%s, %s: %s", t->cert, t->ca, e.why);
        finish(&e);
    }
}

/* In what is said, @ stands for the directory. */
static const char *const bad_trust[][2] = {
    {"missing", "@/missing: No such file or directory"},
    {"directory", "@/directory: Is a directory"},
    {"text", "@/text holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----"},
    {"empty", "@/empty holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----"},
    {"key", "@/key holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----"},
    {"broken", "the certificate in @/broken cannot be used: "},
};

static void needs_certificates_to_trust(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_trust / sizeof bad_trust[0]; i++) {
        char why[300] = "";
        assert_null(tls_open_client(path_of(bad_trust[i][0]), why, sizeof why));
        if (!begins(why, bad_trust[i][1]))
            fail_msg("%s: %s", bad_trust[i][0], why);
    }
}

static void send_all(struct connection *from, struct connection *to)
{
    size_t given = 0, taken = 0;
    char *all = malloc(MANY), *room = malloc(ROOM);
    for (size_t i = 0; i < MANY; i++)
        all[i] = pattern(i);
    for (int i = 0; i < TURNS && taken < MANY; i++) {
        ssize_t n = given < MANY ? connection_write(from, all + given, MANY - given) : 0;
        assert_true(n >= 0 || errno == EAGAIN);
        given += n > 0 ? (size_t)n : 0;
        n = connection_read(to, room, ROOM);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        for (ssize_t k = 0; k < n; k++, taken++)
            assert_int_equal(room[k], pattern(taken));
    }
    assert_int_equal(taken, MANY);
    free(all), free(room);
}

static void talks_to_itself(void **state)
{
    struct ends e;
    char octet;
    (void)state;
    begin_own(&e, NULL, "made");
    assert_int_equal(shake_own(&e, NULL), 1);
    assert_string_equal(e.own.transport->peer(&e.own)->version, "TLSv1.3");
    send_all(&e.own, &e.server);
    send_all(&e.server, &e.own);
    e.own.transport->end(&e.own);
    expect_end(&e);
    assert_int_equal(give(&e, "221\r\n", 5), 5);
    e.server.transport->end(&e.server);
    char room[10];
    assert_int_equal(connection_read(&e.own, room, sizeof room), 5);
    assert_int_equal(connection_read(&e.own, &octet, 1), 0);
    finish(&e);
}

/* Tickets, and more records with new keys than one call reads. */
static void takes_what_servers_send(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct ends e;
        char room[10];
        SSL *server = begin_foreign(&e, versions[i]);
        assert_int_equal(shake_own(&e, server), 1);
        for (int k = 0; k < 2 * RECORDS_MAX && versions[i] == TLS1_3_VERSION; k++) {
            assert_int_equal(
                SSL_key_update(server, k % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(server), 1);
        }
        assert_int_equal(SSL_write(server, "220\r\n", 5), 5);
        ssize_t n = -1;
        for (int k = 0; n < 0 && is_readable(e.fd); k++) {
            n = connection_read(&e.own, room, sizeof room);
            assert_true(n > 0 || errno == EAGAIN);
        }
        assert_int_equal(n, 5);
        assert_int_equal(connection_write(&e.own, "EHLO\r\n", 6), 6);
        assert_int_equal(SSL_read(server, room, sizeof room), 6);
        SSL_free(server);
        finish(&e);
    }
}

static void tells_of_servers(void **state)
{
    static const char *const texts[] = {"220 mail.test ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", ""};
    struct ends e;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        begin_own(&e, NULL, NULL);
        assert_int_equal(e.own.transport->handshake(&e.own, e.why, sizeof e.why), 0);
        assert_int_equal(write(e.server.out, texts[i], strlen(texts[i])), (int)strlen(texts[i]));
        assert_int_equal(shutdown(e.server.out, SHUT_RDWR), 0);
        assert_int_equal(e.own.transport->handshake(&e.own, e.why, sizeof e.why), -1);
        assert_string_equal(e.why, *texts[i] != '\0' ? "the server spoke another protocol" : "the server hung up");
        finish(&e);
    }
    SSL *server = begin_foreign(&e, TLS1_1_VERSION);
    assert_int_equal(shake_own(&e, server), -1);
    assert_string_equal(e.why, "the server says: protocol version");
    SSL_free(server);
    finish(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONNECTED(shakes_hands),
        OPEN(takes_tls12),
        OPEN(refuses_tls11),
        OPEN(refuses_renegotiation),
        OPEN(shakes_hands_in_steps),
        OPEN(tells_of_distrust),
        cmocka_unit_test(tells_of_plain_text),
        cmocka_unit_test(tells_of_hanging_up),
        OPEN(waits_to_write),
        CONNECTED(exchanges),
        cmocka_unit_test(leaves_nothing_behind),
        CONNECTED(takes_few_records_a_call),
        CONNECTED(bounds_key_updates),
        OPEN(goes_over_pipes),
        CONNECTED(says_goodbye),
        CONNECTED(hears_goodbye),
        CONNECTED(takes_half_an_end),
        CONNECTED(takes_hanging_up),
        CONNECTED(reports_garbage),
        cmocka_unit_test(verifies_for_its_names),
        cmocka_unit_test(leaves_names_out),
        cmocka_unit_test(makes_a_good_one),
        cmocka_unit_test(tells_what_is_wrong_with_files),
        cmocka_unit_test(uses_files),
        cmocka_unit_test(cuts_the_reason),
        cmocka_unit_test(trusts_servers),
        cmocka_unit_test(needs_certificates_to_trust),
        cmocka_unit_test(talks_to_itself),
        cmocka_unit_test(takes_what_servers_send),
        cmocka_unit_test(tells_of_servers),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
