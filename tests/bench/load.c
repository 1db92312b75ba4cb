/* SPDX-License-Identifier: ISC */
/*
 * load.c - a client that sends many messages, and wastes little time on it.
 *
 *     load [option ...] PORT
 *     -c N  connections at once (1)          -n N  connections in all (1)
 *     -m N  messages of a connection (1)     -s N  octets of a message (1024)
 *     -p    MAIL, RCPT and DATA in one piece
 *     -P    the same, and with the mail data of the message before in that piece
 *     -b    BDAT instead of DATA
 *     -y    wait busily
 *     -f F  the message is in this file, ready for DATA but for its end
 *     -i N  only open N connections, take the greetings, and wait for the end of standard input
 *     -e    with -i: say EHLO as well
 *
 * Prints how many messages were accepted, and in how many seconds.  A session
 * is a list of steps: octets to be sent, and replies to be awaited then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    READ = 65536,
    PATIENCE = 60000,  /* milliseconds without a reply */
    BLOCK = 78 * 4096, /* octets: what a large message repeats, so that it takes no memory that a server would have */
    PIECES = 3,
};

/* n octets: those at p, again and again. */
struct piece {
    const char *p;
    size_t size, n;
};

struct step {
    struct piece pieces[PIECES]; /* those that there are first */
    int replies;
    int messages; /* how many of these accept a message */
};

struct client {
    int fd;
    size_t step, piece, sent; /* which one, and how many octets of the piece are sent */
    int replies;              /* of it still to come */
    char line[4];             /* how the line at hand begins */
    size_t line_n;
};

static struct {
    long at_once, connections, messages, size, idle;
    bool pipelined, deep, bdat, busy, ehlo;
    const char *file;
    int port;
} o = {.at_once = 1, .connections = 1, .messages = 1, .size = 1024};

static struct step *steps; /* of a session */
static size_t n_steps;
static long accepted;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *get_memory(size_t n)
{
    void *p = malloc(n);
    if (p == NULL)
        die("memory");
    return p;
}

/* ---- what is said ---- */

/* A header and lines of 76 characters, of o.size octets in all, or the block that makes a larger one. */
static char *make_message(size_t *n)
{
    static const char header[] = "From: a@x.test\r\nTo: b@x.test\r\nSubject: load\r\n\r\n";
    *n = o.size < BLOCK ? (size_t)o.size : BLOCK;
    char *p = get_memory(*n);
    for (size_t i = 0; i < *n; i++) {
        size_t column = i % 78;
        p[i] = column == 76 ? '\r' : column == 77 ? '\n' : (char)('a' + column % 26);
    }
    memcpy(p, header, sizeof header - 1 < *n ? sizeof header - 1 : *n);
    if (*n >= 2)
        memcpy(p + *n - 2, "\r\n", 2);
    if (*n >= 3 && p[*n - 3] == '\r')
        p[*n - 3] = 'x';
    return p;
}

static char *read_message(size_t *n)
{
    FILE *f = fopen(o.file, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        die(o.file);
    *n = (size_t)ftell(f);
    rewind(f);
    char *p = get_memory(*n);
    if (fread(p, 1, *n, f) != *n || fclose(f) != 0)
        die(o.file);
    return p;
}

static void add_step(const char *p, size_t n, int replies, int messages)
{
    steps[n_steps++] = (struct step){{{p, n, n}}, replies, messages};
}

/* A message that is larger than its block. */
static void add_large(const char *before, const char *block, const char *behind, int replies)
{
    steps[n_steps++] = (struct step){
        {{before, strlen(before), strlen(before)},
         {block, BLOCK, (size_t)o.size},
         {behind, strlen(behind), strlen(behind)}},
        replies,
        1,
    };
}

static void say(const char *text, int replies) { add_step(text, strlen(text), replies, 0); }

static char *join(const char *a, size_t n, const char *b, size_t k, size_t *size)
{
    char *p = get_memory(n + k);
    memcpy(p, a, n);
    memcpy(p + n, b, k);
    *size = n + k;
    return p;
}

static void write_chunks(const char *message, size_t n)
{
    static char command[160];
    bool large = o.file == NULL && o.size > BLOCK;
    size_t k =
        (size_t)snprintf(command, sizeof command, "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nBDAT %zu LAST\r\n",
                         large ? (size_t)o.size : n);
    const char *all = large ? NULL : join(command, k, message, n, &k);
    for (long i = 0; i < o.messages; i++) {
        if (large)
            add_large(command, message, "", 3);
        else
            add_step(all, k, 3, 1);
    }
}

static void write_data(const char *message, size_t n)
{
    static const char group[] = "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n";
    size_t k, all_n;
    const char *data = join(message, n, ".\r\n", 3, &k);
    const char *all = join(data, k, group, sizeof group - 1, &all_n);
    bool large = o.file == NULL && o.size > BLOCK;
    for (long i = 0; i < o.messages; i++) {
        if (o.pipelined && (i == 0 || !o.deep)) {
            say(group, 3);
        } else if (!o.pipelined) {
            say("MAIL FROM:<a@x.test>\r\n", 1);
            say("RCPT TO:<b@x.test>\r\n", 1);
            say("DATA\r\n", 1);
        }
        if (large)
            add_large("", message, "\r\n.\r\n", 1);
        else if (o.deep && i + 1 < o.messages)
            add_step(all, all_n, 4, 1);
        else
            add_step(data, k, 1, 1);
    }
}

static void write_session(void)
{
    size_t n;
    const char *message = o.file != NULL ? read_message(&n) : make_message(&n);
    steps = get_memory(sizeof *steps * ((size_t)o.messages * 4 + 3));
    say("", 1); /* the greeting */
    say("EHLO load\r\n", 1);
    if (o.bdat)
        write_chunks(message, n);
    else
        write_data(message, n);
    say("QUIT\r\n", 1);
}

/* ---- sessions ---- */

/* Sends what the socket takes.  False if the server is gone. */
static bool send_step(struct client *c)
{
    const struct step *s = &steps[c->step];
    for (; c->piece < PIECES; c->piece++, c->sent = 0) {
        const struct piece *t = &s->pieces[c->piece];
        while (c->sent < t->n) {
            size_t at = c->sent % t->size, most = t->size - at < t->n - c->sent ? t->size - at : t->n - c->sent;
            ssize_t n = send(c->fd, t->p + at, most, MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN || errno == EINTR;
            c->sent += (size_t)n;
        }
    }
    return true;
}

/* Begins a step.  False if there is none. */
static bool begin_step(struct client *c)
{
    if (c->step == n_steps)
        return false;
    c->piece = c->sent = 0;
    c->replies = steps[c->step].replies;
    return send_step(c);
}

/* A line of a reply has come. */
static bool take_line(struct client *c)
{
    bool last = c->line_n < 4 || c->line[3] != '-';
    if (c->line[0] < '2' || c->line[0] > '3') {
        (void)fprintf(stderr, "load: the reply is %.3s\n", c->line);
        exit(1);
    }
    c->line_n = 0;
    if (!last || --c->replies > 0)
        return true;
    accepted += steps[c->step].messages;
    c->step++;
    return begin_step(c);
}

/* False if the session is over. */
static bool receive(struct client *c)
{
    static char octets[READ];
    ssize_t n = recv(c->fd, octets, sizeof octets, 0);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    for (ssize_t i = 0; i < n; i++) {
        if (octets[i] != '\n' && c->line_n < 4)
            c->line[c->line_n++] = octets[i];
        else if (octets[i] == '\n' && !take_line(c))
            return false;
    }
    return true;
}

static void connect_to_server(struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port)};
    int on = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0), .replies = 1};
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
        die("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void begin_session(int epoll, struct client *c)
{
    connect_to_server(c);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = c}};
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
        die("epoll");
}

static void run(void)
{
    int epoll = epoll_create1(0);
    long begun = 0, live = 0;
    struct client *clients = get_memory(sizeof *clients * (size_t)o.at_once);
    double start = now();
    for (; begun < o.connections && live < o.at_once; begun++, live++)
        begin_session(epoll, &clients[live]);
    while (live > 0) {
        struct epoll_event ready[EVENTS];
        int n = epoll_wait(epoll, ready, EVENTS, o.busy ? 0 : PATIENCE);
        if (n < 0 || (n == 0 && !o.busy))
            die("no reply");
        for (int i = 0; i < n; i++) {
            struct client *c = ready[i].data.ptr;
            if (send_step(c) && receive(c))
                continue;
            (void)close(c->fd);
            if (c->step < n_steps)
                die("the server has gone");
            if (begun < o.connections) {
                begin_session(epoll, c);
                begun++;
            } else {
                live--;
            }
        }
    }
    (void)printf("%ld %.6f\n", accepted, now() - start);
}

static void idle(void)
{
    static const char ehlo[] = "EHLO t.test\r\n";
    char greeting[512], octet;
    for (long i = 0; i < o.idle; i++) {
        struct client c;
        connect_to_server(&c);
        if (recv(c.fd, greeting, sizeof greeting, 0) <= 0)
            die("greeting");
        if (o.ehlo && (send(c.fd, ehlo, sizeof ehlo - 1, 0) < 0 || recv(c.fd, greeting, sizeof greeting, 0) <= 0))
            die("EHLO");
    }
    (void)printf("%ld\n", o.idle);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &octet, 1) > 0)
        ;
}

int main(int argc, char **argv)
{
    int c;
    while ((c = getopt(argc, argv, "c:n:m:s:i:f:pPbye")) != -1) {
        long n = optarg != NULL ? strtol(optarg, NULL, 10) : 0;
        switch (c) {
        case 'c':
            o.at_once = n;
            break;
        case 'n':
            o.connections = n;
            break;
        case 'm':
            o.messages = n;
            break;
        case 's':
            o.size = n;
            break;
        case 'i':
            o.idle = n;
            break;
        case 'f':
            o.file = optarg;
            break;
        case 'p':
            o.pipelined = true;
            break;
        case 'P':
            o.pipelined = o.deep = true;
            break;
        case 'b':
            o.bdat = true;
            break;
        case 'y':
            o.busy = true;
            break;
        case 'e':
            o.ehlo = true;
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc)
        return 2;
    o.port = (int)strtol(argv[optind], NULL, 10);
    if (o.idle > 0) {
        idle();
        return 0;
    }
    write_session();
    run();
    return accepted == o.connections * o.messages ? 0 : 1;
}
