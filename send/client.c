/* SPDX-License-Identifier: ISC */
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
#include <stdio.h>
#include <stdlib.h>

enum {
    PIECE = 64 * 1024,  /* octets of mail data encoded at once */
    LINE = 512,         /* octets of a command, or of a line of a reply, that are kept */
    REPLY_LINES = 4096, /* octets of a reply that are shown */
    GOODBYE = 1000,     /* milliseconds to wait for the reply to QUIT, or for one when no more can be written */
};

struct client {
    struct remote *server;
    char asked[LINE]; /* what the server is to answer; "": the connection itself */
    struct text *said;
    int64_t limit, until;
    struct text out; /* to be written */
    size_t sent;     /* octets of it */
    struct span data;
    char in[SEND_RECORD]; /* octets that came, from at to n */
    size_t at, n;
    int code;          /* of the last reply, */
    struct text reply; /* and its text */
    unsigned offers;
    bool greeting; /* the reply lists what is offered */
    bool broken;   /* not all could be written */
    bool whole;    /* all was written before the reply began */
    bool lost;     /* the connection can no longer be used */
};

/* ---- octets ---- */

/* Says why the connection can no longer be used.  Returns false. */
static bool lose(struct client *c, const char *why)
{
    c->lost = true;
    send_say(c->said, "%s %s its %s%s", c->server->text, why, *c->asked == '\0' ? "greeting" : "reply to ", c->asked);
    return false;
}

static void restart_limit(struct client *c)
{
    c->until = clock_now() + (c->broken && c->limit > GOODBYE ? GOODBYE : c->limit);
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
    restart_limit(c);
}

/* Waits for the server, writes what it takes, and reads what came.  False if it is lost. */
static bool pump(struct client *c)
{
    if (c->sent == c->out.n && c->data.n > 0)
        encode(c);
    bool writes = c->sent < c->out.n;
    struct pollfd fd = {.fd = c->server->c.in, .events = POLLIN};
    fd.events |= writes || c->server->c.wants_write ? POLLOUT : 0;
    int64_t now = clock_now();
    if (c->out.failed || c->reply.failed)
        return lose(c, "was left, as memory ran out, before");
    if (now >= c->until)
        return lose(c, c->broken ? "could not be written to before" : "timed out before");
    int ready = poll(&fd, 1, clock_timeout(c->until, now));
    if (ready <= 0)
        return ready == 0 || errno == EINTR || lose(c, "could not be waited for, before");
    ssize_t n = connection_read(&c->server->c, c->in, sizeof c->in);
    c->at = 0;
    c->n = n > 0 ? (size_t)n : 0;
    if (n == 0)
        return lose(c, "closed the connection before");
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return lose(c, errno == ECONNRESET ? "reset the connection before" : "could not be read before");
    if (n > 0 || !writes) /* what came before this piece was written does not answer it */
        return true;
    n = connection_write(&c->server->c, c->out.p + c->sent, c->out.n - c->sent);
    c->sent += n > 0 ? (size_t)n : 0;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) { /* a reply may say why */
        c->broken = true;
        c->sent = c->out.n;
        c->data.n = 0;
        restart_limit(c);
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
    restart_limit(c);
    c->reply.n = 0;
    while (c->at == c->n) {
        if (!pump(c))
            return false;
    }
    c->whole = !c->broken && c->data.n == 0 && c->sent == c->out.n;
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
    send_say(c->said, "%s refused %s: %s", c->server->text, *c->asked == '\0' ? "the connection" : c->asked,
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
static int open_session(struct client *c)
{
    bool lmtp = c->server->scheme == SCHEME_LMTP;
    if (!get_reply(c, span_of("")))
        return SEND_TEMPORARY;
    int status = is_code(c, 2) ? greet(c, lmtp) : refuse(c);
    if (status != SEND_DONE || !(c->offers & SEND_STARTTLS) || remote_ca_file() == NULL || c->server->tls != NULL)
        return status;
    if (!ask(c, "STARTTLS"))
        return SEND_TEMPORARY;
    if (!is_code(c, 2))
        return refuse(c);
    c->at = c->n; /* what came in the clear after the reply is not to be trusted: RFC 3207 4.2 */
    status = remote_secure(c->server, c->until, c->said);
    c->lost = status != SEND_DONE;
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
        if (is_code(c, 2) && !c->whole)
            return lose(c, "was too early with");
        if (lmtp && c->whole)
            note_recipient(c, o);
        else if (!is_code(c, 2) && (lmtp || o->taken > 0))
            o->status = refuse(c);
        c->lost = c->lost || !c->whole;
        if (!c->whole)
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
        send_say(c->said, "%s does not offer SMTPUTF8, which an address with octets outside ASCII needs",
                 c->server->text);
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

int client_talk(struct remote *server, const struct submission *s, struct text *said)
{
    struct client c = {.server = server, .said = said, .limit = s->limit};
    int status = open_session(&c);
    if (status == SEND_DONE)
        status = give_message(&c, s, server->scheme == SCHEME_LMTP);
    c.said = NULL; /* the reply to QUIT does not matter */
    c.limit = c.limit < GOODBYE ? c.limit : GOODBYE;
    if (!c.lost)
        (void)ask(&c, "QUIT");
    free(c.out.p);
    free(c.reply.p);
    return status;
}
