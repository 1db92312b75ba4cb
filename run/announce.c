/* SPDX-License-Identifier: ISC */
/*
 * announce.c - tells others where the program listens: the port file, the
 * certificate to trust, the variables of a command or a shell, and the service
 * manager.
 *
 * A reader must never see half of a file.  So it is written under another name,
 * and renamed, which also replaces a link that somebody else has put there.  A
 * device or a FIFO is written to instead; a FIFO that has no reader yet is tried
 * again later.  A file that is open already, as that of /dev/stdout, gets a line.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- files ---- */

enum {
    FDS_NAMED = 10, /* descriptors that a shell opens by number */
    RETRY = 10,     /* milliseconds between two looks for a reader */
};

/* Writes to a FIFO or a device.  Fails with ENXIO if nobody has the FIFO open for reading, or has left it again, and if
   the path leads to a regular file by now. */
static int write_special(const struct announce_file *f)
{
    struct stat st;
    int fd = open(f->path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    errno = EEXIST;
    ssize_t put = -1;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        while ((put = write(fd, f->text, f->n)) < 0 && errno == EINTR)
            continue;
    }
    int saved = errno == EPIPE || errno == EAGAIN ? ENXIO : errno;
    (void)close(fd);
    errno = saved;
    return put == (ssize_t)f->n ? 0 : -1;
}

static int write_renamed(const struct announce_file *f)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s.XXXXXX", f->path);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    mode_t mask = umask(0);
    (void)umask(mask);
    bool good = write(fd, f->text, f->n) == (ssize_t)f->n && fchmod(fd, 0666 & ~mask) == 0;
    good = close(fd) == 0 && good && rename(path, f->path) == 0;
    int saved = errno;
    if (!good)
        (void)unlink(path);
    errno = saved;
    return good ? 0 : -1;
}

/* Whether both are the same file. */
static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static int write_file(struct announce_file *f)
{
    struct stat st, open_file;
    bool there = stat(f->path, &st) == 0;
    /* it may be a FIFO, which must not be replaced, nor must /dev/stdout, which leads nowhere without /proc */
    bool in_dev = strncmp(f->path, "/dev/", 5) == 0 && strchr(f->path + 5, '/') == NULL;
    if (!there && (errno != ENOENT || in_dev))
        return -1;
    for (int fd = STDOUT_FILENO; there && fd < FDS_NAMED; fd++) {
        if (fstat(fd, &open_file) == 0 && same(&open_file, &st))
            return write(fd, f->text, f->n) == (ssize_t)f->n ? 0 : -1;
    }
    if (!there || S_ISREG(st.st_mode)) {
        f->made = write_renamed(f) == 0 && lstat(f->path, &f->file) == 0;
        return f->made ? 0 : -1;
    }
    bool written = write_special(f) == 0;
    f->waits = !written && errno == ENXIO && S_ISFIFO(st.st_mode);
    return written || f->waits ? 0 : -1;
}

/* ---- announcing ---- */

/* The certificate that was made goes to a file of its own if the user named none, but somebody is told. */
static int write_certificate(struct announce *a, const struct options *o)
{
    struct announce_file *f = &a->files[1];
    if (o->tls.cert != NULL)
        a->ca_file = realpath(o->tls.cert, NULL);
    f->text = o->server.tls != NULL ? tls_ca(o->server.tls, &f->n) : NULL;
    f->path = o->ca_file;
    if (f->text == NULL || (f->path == NULL && !o->told))
        return 0;
    bool named = f->path != NULL;
    if (!named && (f->path = a->ca_file = temporary_make(false)) == NULL) {
        f->path = place_temporary();
        return -1;
    }
    int status = write_file(f), saved = errno;
    if (named)
        a->ca_file = realpath(f->path, NULL);
    else if (status < 0)
        (void)unlink(f->path);
    errno = saved;
    return status;
}

/* The first line is the port of the first endpoint, for a reader of one line. */
static int write_ports(struct announce *a)
{
    struct announce_file *f = &a->files[0];
    for (size_t i = 0; i < a->n_listeners; i++) {
        const struct listener *l = a->listeners[i];
        text_add_string(&a->lines, l->port > 0 ? l->port_text : l->host);
        text_add_string(&a->lines, "\n");
    }
    f->text = a->lines.p;
    f->n = a->lines.n;
    errno = ENOMEM;
    return a->lines.failed ? -1 : write_file(f);
}

int announce_link(struct announce *a, const char *directory, const char *program)
{
    struct text path = {0};
    text_add_string(&path, directory);
    text_add_ended(&path, span_of("/sendmail"));
    a->sendmail = path.p; /* announce_close() frees it */
    errno = ENOMEM;
    return path.failed ? -1 : symlink(program, path.p);
}

int announce_open(struct announce *a, const struct options *o, const struct listener *listeners, const char **file)
{
    for (size_t i = 0; i < o->n_endpoints; i++) {
        if (listeners[i].n > 0)
            a->listeners[a->n_listeners++] = &listeners[i];
    }
    *file = o->store.directory;
    if (*file != NULL && (a->directory = realpath(*file, NULL)) == NULL)
        return -1;
    int status = write_certificate(a, o);
    *file = a->files[1].path;
    if (status < 0)
        return -1;
    *file = a->files[0].path = o->port_file;
    return o->port_file != NULL ? write_ports(a) : 0;
}

void announce_go_on(struct announce *a)
{
    for (struct announce_file *f = a->files; f < a->files + 2; f++)
        f->waits = f->waits && write_special(f) < 0 && errno == ENXIO;
}

void announce_give_up(const struct announce *a, const char *port_file, int64_t until)
{
    struct stat st;
    int fd, number, asked = signals_asked(&number);
    if (port_file == NULL || (a->files[0].n > 0 && !a->files[0].waits) || stat(port_file, &st) < 0 ||
        !S_ISFIFO(st.st_mode))
        return;
    while ((fd = open(port_file, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) < 0 && errno == ENXIO &&
           clock_now() < until && signals_asked(&number) == asked)
        (void)poll(NULL, 0, RETRY);
    if (fd >= 0)
        (void)close(fd);
}

/* Another run may have replaced a file. */
void announce_close(struct announce *a)
{
    struct stat st;
    for (struct announce_file *f = a->files; f < a->files + 2; f++) {
        if (f->made && lstat(f->path, &st) == 0 && same(&st, &f->file))
            (void)unlink(f->path);
        f->made = false;
    }
    free(a->directory);
    free(a->ca_file);
    free(a->sendmail);
    free(a->lines.p);
    a->lines = (struct text){0};
    a->directory = a->ca_file = a->sendmail = NULL;
}

/* An endpoint that this run does not have is listed if an outer run has left its variables. */
size_t announce_variables(const struct announce *a, const char *pid, struct variable variables[ANNOUNCE_VARIABLES])
{
    static const char *const names[] = {"HOST", "PORT", "URL"};
    const struct variable others[] = {{"FAKESMTP_DIR", a->directory},
                                      {"FAKESMTP_SENDMAIL", a->sendmail},
                                      {"SMTP_CA_FILE", a->ca_file},
                                      {"FAKESMTP_PID", pid}};
    struct variable *v = variables;
    for (size_t i = 0; i < OPTIONS_LISTENERS_MAX; i++) {
        const struct listener *l = i < a->n_listeners ? a->listeners[i] : NULL;
        const char *const values[] = {l != NULL ? l->host : NULL, l != NULL ? l->port_text : NULL,
                                      l != NULL ? l->url : NULL};
        for (size_t j = 0; j < 3; j++) {
            (void)snprintf(v->name, sizeof v->name, i == 0 ? "SMTP_%s" : "SMTP_%s_%zu", names[j], i + 1);
            v->value = values[j];
            v += v->value != NULL || getenv(v->name) != NULL;
        }
    }
    memcpy(v, others, sizeof others);
    return (size_t)(v - variables) + sizeof others / sizeof others[0];
}

/* ---- the service manager ---- */

int announce_ready(void)
{
    static const char ready[] = "READY=1\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL || (*name != '/' && *name != '@'))
        return 0;
    size_t n = strlen(name);
    if (n >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, name, n);
    if (*name == '@') /* a name that is in no file system (Linux) */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return -1;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    bool good = fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
                sendto(fd, ready, sizeof ready - 1, 0, (const struct sockaddr *)&address, length) > 0;
    good = close(fd) == 0 && good;
    (void)unsetenv("NOTIFY_SOCKET"); /* the command must not use it for itself */
    return good ? 0 : -1;
}
