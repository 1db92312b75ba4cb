/* SPDX-License-Identifier: ISC */
/*
 * send.c - the command line of sendmail(8), as programs write it.
 *
 * The stand-in ignores the options that it has no use for: how a daemon works,
 * how errors come back, where a configuration is.
 */
#include "send/inside.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPLY_MAX = 5 * 60 * 1000 /* milliseconds; RFC 5321 4.5.3.2 */ };

struct command_line {
    struct submission s;
    char mode; /* of -b: m, s, p or i */
    bool from_header, keeps_dots, queue;
    const char *from; /* of -f or -r; NULL: not given */
};

static bool is_one_of(const char *word, const char *const names[]) { return span_is_one_of(span_of(word), names); }

/* Whether these are words for NOTIFY: never alone, or some of the others (RFC 3461 4.1). */
static bool is_notify(const char *list)
{
    static const char *const never[] = {"NEVER", NULL}, *const when[] = {"SUCCESS", "FAILURE", "DELAY", NULL};
    if (is_one_of(list, never))
        return true;
    for (struct span rest = span_of(list);; span_skip(&rest, 1)) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct span word = {rest.p, comma != NULL ? (size_t)(comma - rest.p) : rest.n};
        if (!span_is_one_of(word, when))
            return false;
        span_skip(&rest, word.n);
        if (rest.n == 0)
            return true;
    }
}

/* Sets an option of -O, NAME=VALUE, or of -o, a letter and its value.  Only the time limit matters here. */
static bool set_option(struct command_line *c, int letter, const char *text)
{
    struct span name = span_of(text);
    bool is_limit = letter == 'O' ? span_takes(&name, "Timeout=") : *text == 'r';
    const char *value = letter == 'O' ? name.p : text + 1;
    c->keeps_dots = c->keeps_dots || (letter == 'o' && *text == 'i');
    if (!is_limit)
        return true;
    bool good = number_take_time(&value, &c->s.limit) && *value == '\0' && c->s.limit <= INT32_MAX;
    c->s.limit = c->s.limit > 0 ? c->s.limit : INT32_MAX; /* cron's -or0s is without a limit */
    return good;
}

/* Takes one option.  Returns what to give instead of its value; NULL: the value is good. */
static const char *take(struct command_line *c, int letter, const char *value)
{
    static const char *const bodies[] = {"7BIT", "8BITMIME", NULL}, *const rets[] = {"FULL", "HDRS", NULL};
    switch (letter) {
    case 'b':
        c->mode = *value;
        return strchr("msip", *value) == NULL || value[0] == '\0' || value[1] != '\0' ? "give -bm, -bs, -bi or -bp"
                                                                                      : NULL;
    case 'f':
    case 'r':
        c->from = value;
        return NULL;
    case 'i':
        c->keeps_dots = true;
        return NULL;
    case 't':
        c->from_header = true;
        return NULL;
    case 'q':
        c->queue = true;
        return NULL;
    case 'o':
    case 'O':
        return set_option(c, letter, value) ? NULL : "give a time, as in -O Timeout=30s or -or30s";
    case 'B':
        c->s.body = value;
        return is_one_of(value, bodies) ? NULL : "give 7BIT or 8BITMIME";
    case 'N':
        c->s.notify = value;
        return is_notify(value) ? NULL : "give never, or some of success,failure,delay";
    case 'R':
        c->s.ret = value;
        return is_one_of(value, rets) ? NULL : "give full or hdrs";
    case 'V':
        c->s.envid = value;
        return NULL;
    default:
        return NULL;
    }
}

static bool parse(struct command_line *c, int argc, char **argv, struct text *said)
{
    /* + ends the options at the first operand, as POSIX has it */
    static const char letters[] = "+:A:B:b:C:cD:d::e:F:f:Gh:IiL:M:mN:nO:o:p:Q::q::R:r:sTtUV:vX:x";
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, letters, none, NULL)) != -1;) {
        char name[] = {'-', (char)(letter == '?' || letter == ':' ? optopt : letter), '\0'};
        const char *why = letter == '?'   ? "there is no such option"
                          : letter == ':' ? "give a value"
                                          : take(c, letter, optarg);
        if (why != NULL) {
            if (letter == '?' || letter == ':')
                send_say(said, "%s: %s", optopt == 0 && letter == '?' ? argv[optind - 1] : name, why);
            else
                send_say(said, "%s: '%s' is wrong: %s", name, optarg, why);
            return false;
        }
    }
    return true;
}

/* An argument has one line: a further one may be what somebody has slipped in. */
static const char line_ends[] = "\r\n";

/* Whether an address can stand in a command. */
static bool is_clean(const char *address)
{
    while (*address != '\0' && !ascii_is_control(*address) && *address != '<' && *address != '>')
        address++;
    return *address == '\0';
}

/* Says that there is no memory for the addresses or, if there is, that *address is not that of a sender or recipient.
   Returns false. */
static bool reject(const struct addresses *a, const char *address, const char *of, struct text *said)
{
    if (a->text.failed)
        send_say(said, "cannot keep the addresses: %s", strerror(ENOMEM));
    else
        send_say(said, "'%s' is not the address of a %s", address, of);
    return false;
}

/* Sets the reverse-path: that of -f, or the user's. */
static bool set_sender(struct command_line *c, struct addresses *sender, struct text *said)
{
    static const char *const nobody[] = {"", "<>", NULL};
    const char *from = c->from, *name = getenv("LOGNAME");
    if (from == NULL && name != NULL && *name != '\0')
        from = name;
    const struct passwd *user = from == NULL ? getpwuid(getuid()) : NULL;
    from = from != NULL ? from : user != NULL ? user->pw_name : "nobody";
    c->s.sender = "";
    if (is_one_of(from, nobody))
        return true;
    if (strpbrk(from, line_ends) != NULL || addresses_add(sender, span_of(from)) != 1 || sender->text.failed ||
        !is_clean(sender->text.p))
        return reject(sender, from, "sender", said);
    c->s.sender = sender->text.p;
    return true;
}

static bool set_recipients(struct command_line *c, char *const *operands, struct text *said)
{
    struct addresses *to = &c->s.recipients;
    for (; *operands != NULL; operands++) {
        if (strpbrk(*operands, line_ends) != NULL || addresses_add(to, span_of(*operands)) == 0)
            return reject(to, *operands, "recipient", said);
    }
    if (c->from_header)
        message_take_recipients(&c->s.message, to);
    if (to->text.failed)
        return reject(to, "", "", said);
    const char *address = to->text.p;
    for (size_t i = 0; i < to->n; i++, address += strlen(address) + 1) {
        if (!is_clean(address))
            return reject(to, address, "recipient", said);
    }
    if (to->n == 0)
        send_say(said, "no recipients: %s",
                 c->from_header ? "the header has no address in To, Cc or Bcc"
                                : "give addresses, or -t if they are in the header");
    return to->n > 0;
}

static int submit(struct command_line *c, char *const *operands, struct text *said)
{
    struct addresses sender = {0};
    int status = SEND_TEMPORARY;
    if (!message_read(STDIN_FILENO, !c->keeps_dots, &c->s.message)) {
        send_say(said, "cannot read the message: %s", strerror(errno));
    } else if (set_sender(c, &sender, said) && set_recipients(c, operands, said)) {
        struct remote server;
        status = remote_connect(&server, c->s.limit, said);
        if (status == SEND_DONE)
            status = client_talk(&server, &c->s, said);
        remote_close(&server);
    } else if (!sender.text.failed && !c->s.recipients.text.failed) {
        status = SEND_USAGE;
    }
    free(sender.text.p);
    return status;
}

/* Lets the caller speak SMTP. */
static int pass(int64_t limit, struct text *said)
{
    struct remote server;
    int status = remote_connect(&server, limit, said);
    if (status == SEND_DONE)
        status = remote_pass(&server, limit, said);
    remote_close(&server);
    return status;
}

int send_main(int argc, char **argv, struct text *said)
{
    struct command_line c = {.s = {.argc = argc, .argv = argv, .limit = REPLY_MAX}, .mode = 'm'};
    if (!parse(&c, argc, argv, said))
        return SEND_USAGE;
    if (c.mode == 's')
        return pass(c.s.limit, said);
    /* nothing is queued, and there are no aliases */
    if (c.mode != 'm' || (c.queue && !c.from_header && optind == argc))
        return SEND_DONE;
    int status = submit(&c, argv + optind, said);
    free(c.s.recipients.text.p);
    free(c.s.message.p);
    return status;
}
