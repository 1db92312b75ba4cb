/* SPDX-License-Identifier: ISC */
/*
 * inside.h - what the files of send/ share.
 */
#ifndef SEND_INSIDE_H
#define SEND_INSIDE_H

#include "net/net.h"
#include "send/send.h"

/* The statuses of sysexits(3). */
enum {
    SEND_DONE = 0,
    SEND_USAGE = 64,
    SEND_NO_USER = 67,
    SEND_UNAVAILABLE = 69, /* it was refused for good */
    SEND_TEMPORARY = 75,   /* it may be taken later */
};

/* Addresses, each with a NUL at its end; none is empty. */
struct addresses {
    struct text text;
    size_t n;
};

/* One message to be sent.  The caller zeroes it, and frees the texts. */
struct submission {
    int argc; /* the command line, for the server to show */
    char *const *argv;
    const char *sender; /* the reverse-path without brackets, "" for none */
    struct addresses recipients;
    struct text message; /* lines end in CRLF */
    const char *body;    /* -B: 7BIT or 8BITMIME; NULL: as the message is */
    const char *notify;  /* -N, -R and -V, RFC 3461; NULL: not given */
    const char *ret;
    const char *envid;
    int64_t limit; /* milliseconds for a reply, or for a piece of the mail data */
};

/* ---- message.c ---- */

/* Reads a message up to its end or, if dots is set, up to a line of one dot.  False with errno if it cannot be read, or
   if there is no memory. */
bool message_read(int fd, bool dots, struct text *message);

/* Adds the addresses of To, Cc and Bcc, or of Resent-To, Resent-Cc and Resent-Bcc if there is one of these (RFC 5322
   3.6.6), and takes Bcc or Resent-Bcc out of the message. */
void message_take_recipients(struct text *message, struct addresses *to);

/* Adds the addresses of a list that are not there yet.  Those without a domain get that of this machine, localhost.
   Returns how many are in the list. */
size_t addresses_add(struct addresses *to, struct span list);

/* ---- remote.c: the server that SMTP_HOST, SMTP_PORT and SMTP_URL name ---- */

/* Octets of a record of TLS (RFC 8446 5.1).  With less room to read, some would stay where poll(2) does not see them.
 */
enum { SEND_RECORD = 16 * 1024 };

struct remote {
    enum scheme scheme;
    char text[600]; /* for messages */
    struct connection c;
    struct tls *tls; /* NULL: none */
};

/* Connects, with TLS for smtps.  Returns the status, and adds the reason to *said unless it is SEND_DONE;
   remote_close() is due in any case. */
int remote_connect(struct remote *r, int64_t limit, struct text *said);

/* The file of certificates to trust; NULL: none is named. */
const char *remote_ca_file(void);

/* Begins TLS.  The same. */
int remote_secure(struct remote *r, int64_t until, struct text *said);

void remote_close(struct remote *r);

/* Passes octets between standard input and output and the server, until either ends.  The same. */
int remote_pass(struct remote *r, int64_t limit, struct text *said);

/* Adds a line, as printf(3) writes it; nothing if said is NULL. */
void send_say(struct text *said, const char *format, ...);

/* ---- commands.c ---- */

/* What a server offers. */
enum {
    SEND_PIPELINING = 1,
    SEND_8BITMIME = 2,
    SEND_SMTPUTF8 = 4,
    SEND_DSN = 8,
    SEND_SIZE = 16,
    SEND_STARTTLS = 32,
};

/* Writes the commands for a message, one a line: XARGV for each argument, MAIL, RCPT for each recipient, DATA.  False
   if an address needs SMTPUTF8, and it is not offered. */
bool commands_write(const struct submission *s, unsigned offers, struct text *commands);

/* ---- client.c ---- */

/* Submits a message over a connection.  Returns the status, and adds the reason to *said unless it is SEND_DONE. */
int client_talk(struct remote *server, const struct submission *s, struct text *said);

#endif
