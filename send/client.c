/*
 * client.c - a small SMTP client (RFC 5321), and LMTP (RFC 2033).
 *
 * Commands wait in `out`, and are written whenever a reply is waited for, so that
 * neither side waits for the other.  With PIPELINING (RFC 2920) all commands of a
 * message are given at once.  Mail data follow in pieces.  A reply that comes
 * before the end of the data is the last one.
 */
#include "send/inside.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PIECE = 64 * 1024,  /* octets of mail data encoded at once */
    LINE = 512,         /* octets of a command, or of a line of a reply, that are kept */
    REPLY_LINES = 4096, /* octets of a reply that are shown */
    RECORD = 16 * 1024, /* of TLS, RFC 8446 5.1: with less room octets would stay where poll(2) does not see them */
    GOODBYE = 1000,     /* milliseconds to wait for the reply to QUIT */
};

struct client {
    struct connection c;
    struct tls *tls;
    const char *host; /* for messages */
    char asked[LINE]; /* what the server is to answer; "": the connection itself */
    struct text *said;
    int64_t limit, until;
    struct text out; /* to be written */
    size_t sent;     /* octets of it */
    struct span data;
    char in[RECORD]; /* octets that came, from at to n */
    size_t at, n;
    int code;          /* of the last reply, */
    struct text reply; /* and its text */
    unsigned offers;
    bool greeting; /* the reply lists what is offered */
    bool broken;   /* not all could be written */
    bool lost;     /* the connection can no longer be used */
};

void send_say(struct text *said, const char *format, ...)
{
    char line[REPLY_LINES + 2 * LINE];
    if (said == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(line, sizeof line, format, arguments) > 0)
        text_add_string(said, line);
    va_end(arguments);
    text_add_string(said, "\n");
}

/* ---- octets ---- */

/* Says why the connection can no longer be used.  Returns false. */
static bool lose(struct client *c, const char *why)
{
    c->lost = true;
    send_say(c->said, "%s %s its %s%s", c->host, why, *c->asked == '\0' ? "greeting" : "reply to ", c->asked);
    return false;
}

/* Moves mail data to `out`: a dot at the start of a line is doubled, and a lone one ends them (RFC 5321 4.5.2). */
static void encode(struct client *c)
{
    c->out.n = c->sent = 0;
    while (c->data.n > 0 && c->out.n < PIECE) {
        size_t n = (size_t)((const char *)memchr(c->data.p, '\n', c->data.n) + 1 - c->data.p);
        text_add_string(&c->out, *c->data.p == '.' ? "." : "");
        text_add(&c->out, c->data.p, n);
        span_skip(&c->data, n);
    }
    text_add_string(&c->out, c->data.n == 0 ? ".\r\n" : "");
    c->until = clock_now() + c->limit;
}

/* Waits for the server, writes what it takes, and reads what came.  False if it is lost. */
static bool pump(struct client *c)
{
    if (c->sent == c->out.n && c->data.n > 0)
        encode(c);
    bool writes = c->sent < c->out.n;
    struct pollfd fd = {.fd = c->c.in, .events = POLLIN};
    fd.events |= writes || c->c.wants_write ? POLLOUT : 0;
    int64_t now = clock_now();
    if (c->out.failed || c->reply.failed)
        return lose(c, "was left, as memory ran out, before");
    if (now >= c->until)
        return lose(c, "timed out before");
    int ready = poll(&fd, 1, clock_timeout(c->until, now));
    if (ready <= 0)
        return ready == 0 || errno == EINTR || lose(c, "could not be waited for, before");
    ssize_t n = connection_read(&c->c, c->in, sizeof c->in);
    c->at = 0;
    c->n = n > 0 ? (size_t)n : 0;
    if (n == 0)
        return lose(c, "closed the connection before");
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return lose(c, errno == ECONNRESET ? "reset the connection before" : "could not be read before");
    if (n > 0 || !writes) /* what came before this piece was written does not answer it */
        return true;
    n = connection_write(&c->c, c->out.p + c->sent, c->out.n - c->sent);
    c->sent += n > 0 ? (size_t)n : 0;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) { /* a reply may say why */
        c->broken = true;
        c->sent = c->out.n;
        c->data.n = 0;
    }
    return true;
}

/* ---- replies ---- */

static void note_offer(struct client *c, struct span line)
{
    static const struct {
        const char *keyword;
        unsigned offer;
    } offers[] = {{"PIPELINING", SEND_PIPELINING},
                  {"8BITMIME", SEND_8BITMIME},
                  {"SMTPUTF8", SEND_SMTPUTF8},
                  {"DSN", SEND_DSN},
                  {"SIZE", SEND_SIZE},
                  {"STARTTLS", SEND_STARTTLS}};
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        struct span rest = line;
        if (span_takes(&rest, offers[i].keyword) && (rest.n == 0 || *rest.p == ' '))
            c->offers |= offers[i].offer;
    }
}

/* Reads a line up to its end, and keeps its beginning. */
static bool get_line(struct client *c, char line[LINE], size_t *n)
{
    for (*n = 0;;) {
        while (c->at == c->n) {
            if (!pump(c))
                return false;
        }
        char octet = c->in[c->at++];
        if (octet == '\n')
            break;
        if (*n < LINE)
            line[(*n)++] = octet;
    }
    *n -= *n > 0 && line[*n - 1] == '\r';
    return true;
}

/* Reads a reply to what was asked.  False if the server is lost. */
static bool get_reply(struct client *c, struct span asked)
{
    char line[LINE], last = '-';
    size_t n;
    (void)snprintf(c->asked, sizeof c->asked, "%.*s", (int)asked.n, asked.p);
    c->until = clock_now() + c->limit;
    c->reply.n = 0;
    while (last == '-') {
        if (!get_line(c, line, &n))
            return false;
        if (n < 3 || line[0] < '2' || line[0] > '5' || !ascii_is_digit(line[1]) || !ascii_is_digit(line[2]) ||
            (n > 3 && line[3] != ' ' && line[3] != '-'))
            return lose(c, "does not speak SMTP in");
        last = n > 3 ? line[3] : ' ';
        struct span text = {line + (n > 3 ? 4 : 3), n > 3 ? n - 4 : 0};
        c->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
        if (c->greeting)
            note_offer(c, text);
        if (c->reply.n < REPLY_LINES) {
            text_add_string(&c->reply, c->reply.n > 0 ? "\n" : "");
            text_add(&c->reply, line, n);
        }
    }
    return true;
}

static bool is_code(const struct client *c, int hundreds) { return c->code / 100 == hundreds; }

/* Says how the server refused what was asked.  Returns the status for that. */
static int refuse(struct client *c)
{
    text_add(&c->reply, "", 1);
    send_say(c->said, "%s refused %s: %s", c->host, *c->asked == '\0' ? "the connection" : c->asked,
             c->reply.failed ? "" : c->reply.p);
    return is_code(c, 5) ? SEND_UNAVAILABLE : SEND_TEMPORARY;
}

/* Gives a command.  False if the server is lost. */
static bool ask(struct client *c, const char *command)
{
    text_add_string(&c->out, command);
    text_add_string(&c->out, "\r\n");
    return get_reply(c, span_of(command));
}

/* ---- a session ---- */

/* The certificates to trust; NULL: none are named. */
static const char *ca_file(void)
{
    const char *file = getenv("SMTP_CA_FILE");
    return file != NULL && *file != '\0' ? file : NULL;
}

static int shake_hands(struct client *c)
{
    char why[512] = "the server did not answer in time";
    int done = -1;
    c->tls = tls_open_client(ca_file(), why, sizeof why);
    if (c->tls != NULL && tls_start(c->tls, &c->c) == 0) {
        for (done = 0; done == 0 && clock_now() < c->until;) {
            done = c->c.transport->handshake(&c->c, why, sizeof why);
            struct pollfd fd = {.fd = c->c.in, .events = c->c.wants_write ? POLLOUT : POLLIN};
            if (done == 0)
                (void)poll(&fd, 1, clock_timeout(c->until, clock_now()));
        }
    } else if (c->tls != NULL) {
        (void)snprintf(why, sizeof why, "%s", strerror(errno));
    }
    if (done == 1)
        return SEND_DONE;
    send_say(c->said, "no TLS with %s: %s", c->host, why);
    return SEND_TEMPORARY;
}

static int greet(struct client *c, bool lmtp)
{
    c->offers = 0;
    c->greeting = true;
    bool good = ask(c, lmtp ? "LHLO localhost" : "EHLO localhost");
    c->greeting = false;
    if (good && is_code(c, 5) && !lmtp) { /* RFC 5321 3.2 */
        c->offers = 0;
        good = ask(c, "HELO localhost");
    }
    return !good ? SEND_TEMPORARY : is_code(c, 2) ? SEND_DONE : refuse(c);
}

/* Up to the point where mail can be given. */
static int open_session(struct client *c, enum scheme scheme)
{
    bool lmtp = scheme == SCHEME_LMTP;
    int status = SEND_DONE;
    c->until = clock_now() + c->limit;
    if (scheme == SCHEME_SMTPS && (status = shake_hands(c)) != SEND_DONE)
        return status;
    if (!get_reply(c, span_of("")))
        return SEND_TEMPORARY;
    status = is_code(c, 2) ? greet(c, lmtp) : refuse(c);
    if (status != SEND_DONE || !(c->offers & SEND_STARTTLS) || ca_file() == NULL || scheme == SCHEME_SMTPS)
        return status;
    if (!ask(c, "STARTTLS"))
        return SEND_TEMPORARY;
    if (!is_code(c, 2))
        return refuse(c);
    c->at = c->n; /* what came in the clear after the reply is not to be trusted: RFC 3207 4.2 */
    status = shake_hands(c);
    return status == SEND_DONE ? greet(c, lmtp) : status;
}

/* ---- a message ---- */

/* Takes a line off the front, without its end. */
static struct span take_line(struct span *rest)
{
    const char *start = rest->p, *end = memchr(rest->p, '\r', rest->n);
    span_skip(rest, (size_t)(end + 2 - start));
    return span_between(start, end);
}

/* The result of a message so far. */
struct outcome {
    int status;                  /* of what was refused for all recipients; SEND_DONE: nothing was */
    size_t taken;                /* recipients, */
    size_t permanent, temporary; /* and those that were refused for good, and for now */
    bool ready;                  /* the server waits for the mail data */
    struct text commands;        /* that named a recipient who was taken, each with a NUL at its end */
};

static void note_recipient(struct client *c, struct outcome *o)
{
    if (is_code(c, 2))
        o->taken++;
    else if (refuse(c) == SEND_TEMPORARY)
        o->temporary++;
    else
        o->permanent++;
}

/* Gives the commands, and takes their replies.  False if the server is lost. */
static bool give_commands(struct client *c, struct span commands, struct outcome *o)
{
    struct span ungiven = commands;
    while (commands.n > 0) {
        char kind = *commands.p; /* XARGV, MAIL, RCPT or DATA */
        bool given = ungiven.p > commands.p;
        if (!given && (o->status != SEND_DONE || (kind == 'D' && o->taken == 0)))
            return true;
        while (ungiven.n > 0 && (ungiven.p == commands.p || c->offers & SEND_PIPELINING)) {
            struct span line = take_line(&ungiven);
            text_add(&c->out, line.p, line.n);
            text_add_string(&c->out, "\r\n");
        }
        if (!get_reply(c, take_line(&commands)))
            return false;
        if (kind == 'M' && !is_code(c, 2))
            o->status = refuse(c);
        if (kind == 'R' && o->status == SEND_DONE)
            note_recipient(c, o);
        if (kind == 'R' && is_code(c, 2))
            text_add_ended(&o->commands, span_of(c->asked));
        o->ready = kind == 'D' && is_code(c, 3);
        if (kind == 'D' && !o->ready && o->taken > 0)
            o->status = refuse(c);
    }
    return true;
}

/* Gives the mail data.  With LMTP each recipient that was taken has a reply.  False if the server is lost. */
static bool give_data(struct client *c, const struct submission *s, bool lmtp, struct outcome *o)
{
    char asked[LINE + 32] = "the message";
    const char *command = o->commands.p;
    c->data = o->taken > 0 ? text_span(&s->message) : (struct span){"", 0}; /* none after a group: RFC 2920 3.1 */
    text_add_string(&c->out, c->data.n == 0 ? ".\r\n" : "");
    size_t replies = lmtp ? o->taken : 1;
    for (o->taken = lmtp ? 0 : o->taken; replies > 0 && !o->commands.failed; replies--) {
        if (lmtp) {
            (void)snprintf(asked, sizeof asked, "the message after %s", command);
            command += strlen(command) + 1;
        }
        if (!get_reply(c, span_of(asked)))
            return false;
        bool whole = !c->broken && c->data.n == 0 && c->sent == c->out.n;
        if (is_code(c, 2) && !whole)
            return lose(c, "was too early with");
        if (lmtp && whole)
            note_recipient(c, o);
        else if (!is_code(c, 2) && (lmtp || o->taken > 0))
            o->status = refuse(c);
        c->lost = c->lost || !whole;
        if (!whole)
            break;
    }
    return !o->commands.failed || lose(c, "sent a reply for which there was no memory after");
}

static int judge(const struct outcome *o)
{
    if (o->status != SEND_DONE || o->permanent + o->temporary == 0)
        return o->status;
    if (o->taken == 0)
        return o->temporary > 0 ? SEND_TEMPORARY : SEND_NO_USER;
    return o->permanent > 0 ? SEND_UNAVAILABLE : SEND_TEMPORARY;
}

static int give_message(struct client *c, const struct submission *s, bool lmtp)
{
    struct outcome o = {.status = SEND_DONE};
    struct text commands = {0};
    if (!commands_write(s, c->offers, &commands)) {
        send_say(c->said, "%s does not offer SMTPUTF8, which an address with octets outside ASCII needs", c->host);
        return SEND_UNAVAILABLE;
    }
    if (commands.failed)
        (void)lose(c, "got no commands, as memory ran out, after");
    bool good =
        !commands.failed && give_commands(c, text_span(&commands), &o) && (!o.ready || give_data(c, s, lmtp, &o));
    free(commands.p);
    free(o.commands.p);
    return good || o.status != SEND_DONE ? judge(&o) : SEND_TEMPORARY;
}

/* The reply to QUIT does not matter. */
static void close_session(struct client *c)
{
    c->said = NULL;
    c->limit = c->limit < GOODBYE ? c->limit : GOODBYE;
    if (!c->lost)
        (void)ask(c, "QUIT");
    connection_end(&c->c);
    connection_close(&c->c);
    tls_close(c->tls);
    free(c->out.p);
    free(c->reply.p);
}

int client_talk(const struct connection *connection, const struct server_name *server, const struct submission *s,
                struct text *said)
{
    struct client c = {.c = *connection, .host = server->text, .said = said, .limit = s->limit};
    int status = open_session(&c, server->scheme);
    if (status == SEND_DONE)
        status = give_message(&c, s, server->scheme == SCHEME_LMTP);
    close_session(&c);
    return status;
}

/* ---- the server of a run ---- */

/* Connects.  Returns the status. */
static int connect_to(struct connection *c, struct server_name *server, int64_t limit, struct text *said)
{
    const char *host = getenv("SMTP_HOST"), *port = getenv("SMTP_PORT"), *url = getenv("SMTP_URL");
    struct endpoint e;
    if (host == NULL || *host == '\0') {
        send_say(said, "SMTP_HOST is not set: it names the server; 'fakesmtp --sendmail COMMAND' sets it");
        return SEND_TEMPORARY;
    }
    bool is_path = port == NULL || *port == '\0', is_ipv6 = !is_path && strchr(host, ':') != NULL;
    (void)snprintf(server->text, sizeof server->text, is_path ? "unix:%s" : is_ipv6 ? "[%s]:%s" : "%s:%s", host, port);
    server->scheme = url == NULL                           ? SCHEME_SMTP
                     : span_starts(span_of(url), "smtps:") ? SCHEME_SMTPS
                     : span_starts(span_of(url), "lmtp:")  ? SCHEME_LMTP
                                                           : SCHEME_SMTP;
    const char *reason = endpoint_parse(server->text, &e);
    if (reason == NULL && connection_open(&e, c, clock_now() + limit, &reason) == 0)
        return SEND_DONE;
    send_say(said, "cannot connect to %s: %s", server->text, reason != NULL ? reason : strerror(errno));
    return SEND_TEMPORARY;
}

int client_send(const struct submission *s, struct text *said)
{
    struct connection c;
    struct server_name server;
    int status = connect_to(&c, &server, s->limit, said);
    return status == SEND_DONE ? client_talk(&c, &server, s, said) : status;
}

/* Takes what standard input has.  False at its end. */
static bool take_input(struct client *c)
{
    char block[4096];
    ssize_t n = read(STDIN_FILENO, block, sizeof block);
    c->out.n = c->sent = 0;
    text_add(&c->out, block, n > 0 ? (size_t)n : 0);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Writes what came to standard output. */
static bool put_output(struct client *c)
{
    while (c->at < c->n) {
        struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
        ssize_t n = poll(&ready, 1, -1) > 0 ? write(STDOUT_FILENO, c->in + c->at, c->n - c->at) : -1;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        c->at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

int client_pass(int64_t limit, struct text *said)
{
    struct server_name server;
    struct client c = {.host = server.text, .said = said, .limit = limit};
    int status = connect_to(&c.c, &server, limit, said);
    if (status != SEND_DONE)
        return status;
    c.until = clock_now() + limit;
    if (server.scheme == SCHEME_SMTPS)
        status = shake_hands(&c);
    c.said = NULL; /* the end of the connection is no failure */
    for (bool ended = false; status == SEND_DONE && !c.lost;) {
        bool writes = c.sent < c.out.n;
        struct pollfd fds[] = {{.fd = c.c.in, .events = POLLIN},
                               {.fd = ended || writes ? -1 : STDIN_FILENO, .events = POLLIN}};
        fds[0].events |= writes ? POLLOUT : 0;
        int ready = poll(fds, 2, ended || writes ? (int)limit : -1);
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            send_say(said, "%s timed out", server.text);
            status = SEND_TEMPORARY;
        } else if (ready > 0 && fds[1].revents != 0) {
            ended = !take_input(&c);
            if (ended)
                connection_end(&c.c);
        } else if (ready > 0) {
            c.until = clock_now() + limit;
            (void)pump(&c);
            if (!put_output(&c)) {
                send_say(said, "cannot write to standard output: %s", strerror(errno));
                status = SEND_TEMPORARY;
            }
        }
    }
    c.lost = true;
    close_session(&c);
    return status;
}
