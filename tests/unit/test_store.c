/* SPDX-License-Identifier: ISC */
/*
 * test_store.c - files are whole under their names, nothing is overwritten, and
 * a stream that takes nothing is waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/inside.h"
#include "tests/unit/memory.h"

static char top[64];

static const char *path(const char *name)
{
    static char text[4][256];
    static int turn;
    char *p = text[turn++ % 4];
    snprintf(p, 256, "%s/%s", top, name);
    return p;
}

static int make_top(void **state)
{
    (void)state;
    snprintf(top, sizeof top, "/tmp/test_store-XXXXXX");
    return mkdtemp(top) == NULL;
}

static int remove_entry(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(name);
}

static int remove_top(void **state)
{
    (void)state;
    return nftw(top, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void open_store(struct store *to, struct store_options o)
{
    struct failure why;
    *to = (struct store){.o = {.stream = -1}};
    assert_int_equal(store_open(to, &o, &why), 0);
}

static const struct mail envelope = {.n = 7, .address = "", .protocol = "SMTP", .sender = {"a@b", 3}};

/* Begins a mail, adds its octets in steps, and finishes it.  Four may wait at once. */
static enum store_outcome finish(struct store *to, struct spool *p, const char *text, size_t n, size_t step,
                                 struct failure *why)
{
    static struct mail mails[4];
    static int turn;
    struct mail *mail = &mails[turn++ % 4];
    *mail = envelope;
    spool_begin(p, to, false, false);
    for (size_t i = 0; i < n; i += step)
        spool_add(p, text + i, n - i < step ? n - i : step);
    return store_finish(to, p, mail, why);
}

static int put(struct store *to, const char *text, size_t n, size_t step)
{
    struct spool p;
    struct failure why;
    enum store_outcome outcome = finish(to, &p, text, n, step, &why);
    store_drop(&p);
    return outcome == STORE_DONE ? 0 : -1;
}

static void check_file(const char *name, const char *expected, size_t n)
{
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    char *text = malloc(n + 2);
    assert_non_null(text);
    size_t got = fread(text, 1, n + 2, f);
    assert_int_equal(got, n);
    assert_memory_equal(text, expected, n);
    free(text);
    fclose(f);
}

static size_t count_entries(const char *name)
{
    DIR *d = opendir(name);
    assert_non_null(d);
    size_t n = 0;
    struct dirent *e;
    while ((e = readdir(d)) != NULL)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void test_line_ends(void **state)
{
    (void)state;
    static const char raw[] = "a\r\nb\rc\nd\r\r\n\r\n\re\0f\r\n\r", lf[] = "a\nb\rc\nd\r\n\n\re\0f\n\r";
    for (size_t step = 1; step < sizeof raw; step++) {
        struct store to;
        char name[32];
        snprintf(name, sizeof name, "lf%zu", step);
        open_store(&to, (struct store_options){.directory = path(name), .stream = -1});
        assert_int_equal(put(&to, raw, sizeof raw - 1, step), 0);
        store_close(&to);
        snprintf(name, sizeof name, "lf%zu/0001.eml", step);
        check_file(path(name), lf, sizeof lf - 1);
        snprintf(name, sizeof name, "crlf%zu", step);
        open_store(&to, (struct store_options){.directory = path(name), .stream = -1, .crlf = true});
        assert_int_equal(put(&to, raw, sizeof raw - 1, step), 0);
        store_close(&to);
        snprintf(name, sizeof name, "crlf%zu/0001.eml", step);
        check_file(path(name), raw, sizeof raw - 1);
    }
}

/* Octets of a mail that is looked at can be read again; others stay in memory. */
static void test_forget(void **state)
{
    (void)state;
    enum { SIZE = 1000003 };
    struct store to;
    struct spool p;
    struct span octets;
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    open_store(&to, (struct store_options){.directory = path("forget"), .stream = -1});
    spool_begin(&p, &to, false, false);
    spool_add(&p, text, SIZE);
    assert_int_equal(spool_complete(&p), 0);
    assert_int_equal(spool_look(&p, &octets), 0);
    spool_forget(NULL, octets.p, octets.n);
    spool_forget(NULL, octets.p + SIZE / 2, octets.n);
    spool_forget(NULL, text, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        assert_true(text[i] == 'x' && octets.p[i] == 'x');
    assert_int_equal(spool_look_away(&p), 0);
    spool_drop(&p);
    store_close(&to);
    free(text);
}

static void test_large_and_empty(void **state)
{
    (void)state;
    enum { SIZE = 1000003 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    struct store to;
    int stream = open(path("stream"), O_RDWR | O_CREAT | O_EXCL, 0600);
    open_store(&to, (struct store_options){.directory = path("large"), .stream = stream, .stream_name = "stream"});
    assert_int_equal(put(&to, text, SIZE, 4099), 0);
    assert_int_equal(put(&to, "", 0, 1), 0);
    store_close(&to);
    close(stream);
    check_file(path("large/0001.eml"), text, SIZE);
    check_file(path("large/0002.eml"), "", 0);
    check_file(path("stream"), text, SIZE);
    struct stat st;
    assert_int_equal(stat(path("large/0001.eml"), &st), 0);
    mode_t mask = umask(0);
    (void)umask(mask);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
    assert_int_equal(count_entries(path("large")), 2);
    free(text);
}

static void test_dropped_leaves_nothing(void **state)
{
    (void)state;
    struct store to;
    open_store(&to, (struct store_options){.directory = path("dropped"), .stream = -1});
    struct spool m;
    static char block[100000];
    spool_begin(&m, &to, false, false);
    spool_add(&m, block, sizeof block);
    store_drop(&m);
    assert_int_equal(count_entries(path("dropped")), 0);
    store_close(&to);
}

static void make_file(const char *name)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void test_numbers_go_on(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path("on"), 0700), 0);
    make_file("on/0007.eml");
    make_file("on/12.eml");
    make_file("on/0099.txt");
    make_file("on/x0099.eml");
    make_file("on/99999999999999999999.eml");
    struct store to;
    open_store(&to, (struct store_options){.directory = path("on"), .stream = -1});
    assert_int_equal(put(&to, "a", 1, 1), 0);
    check_file(path("on/0013.eml"), "a", 1);
    make_file("on/0014.eml"); /* as another process would */
    assert_int_equal(put(&to, "b", 1, 1), 0);
    check_file(path("on/0014.eml"), "", 0);
    check_file(path("on/0015.eml"), "b", 1);
    for (int i = 16; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof name, "on/%04d.eml", i);
        make_file(name);
    }
    assert_int_equal(put(&to, "c", 1, 1), 0);
    check_file(path("on/0060.eml"), "c", 1);
    to.place.next = 9999;
    assert_int_equal(put(&to, "d", 1, 1), 0);
    assert_int_equal(put(&to, "e", 1, 1), 0);
    check_file(path("on/10000.eml"), "e", 1);
    store_close(&to);
}

static void test_names_that_are_no_files(void **state)
{
    (void)state;
    struct store to;
    open_store(&to, (struct store_options){.directory = path("odd"), .stream = -1});
    assert_int_equal(symlink("/nonexistent/target", path("odd/0001.eml")), 0);
    assert_int_equal(mkdir(path("odd/0002.eml"), 0700), 0);
    assert_int_equal(mkfifo(path("odd/0003.eml"), 0600), 0);
    assert_int_equal(put(&to, "a", 1, 1), 0);
    check_file(path("odd/0004.eml"), "a", 1);
    store_close(&to);
}

/* Several processes, one directory: each file once, none lost. */
static void test_many_processes(void **state)
{
    (void)state;
    enum { PROCESSES = 8, EACH = 100 };
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct store to = {.o = {.stream = -1}};
            struct failure why;
            struct store_options o = {.directory = path("many"), .stream = -1};
            int status = store_open(&to, &o, &why);
            for (int k = 0; k < EACH && status == 0; k++) {
                char text[32];
                status = put(&to, text, (size_t)snprintf(text, sizeof text, "%d.%d\n", i, k), 64);
            }
            _exit(status != 0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_entries(path("many")), PROCESSES * EACH);
    static bool seen[PROCESSES][EACH];
    for (int i = 1; i <= PROCESSES * EACH; i++) {
        char name[32];
        int p, k;
        snprintf(name, sizeof name, "many/%04d.eml", i);
        FILE *f = fopen(path(name), "r");
        assert_non_null(f);
        assert_int_equal(fscanf(f, "%d.%d", &p, &k), 2);
        fclose(f);
        assert_false(seen[p][k]);
        seen[p][k] = true;
    }
}

static void test_maildir(void **state)
{
    (void)state;
    struct store to;
    open_store(&to, (struct store_options){.directory = path("deep/er/maildir"), .maildir = true, .stream = -1});
    assert_int_equal(put(&to, "a\r\n", 3, 3), 0);
    assert_int_equal(put(&to, "b\r\n", 3, 3), 0);
    assert_int_equal(count_entries(path("deep/er/maildir/new")), 2);
    assert_int_equal(count_entries(path("deep/er/maildir/tmp")), 0);
    assert_int_equal(count_entries(path("deep/er/maildir/cur")), 0);
    store_close(&to);
    open_store(&to, (struct store_options){.directory = path("deep/er/maildir"), .maildir = true, .stream = -1});
    store_close(&to);
}

/* A file that takes only a part of a mail. */
static void test_stream_is_cut_back(void **state)
{
    (void)state;
    static const char text[60000] = "bad";
    struct rlimit old, limit;
    int stream = open(path("cut"), O_RDWR | O_CREAT | O_EXCL, 0600);
    struct store to;
    open_store(&to, (struct store_options){.stream = stream, .stream_name = "cut"});
    assert_int_equal(put(&to, "good\r\n", 6, 6), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 30000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int status = put(&to, text, sizeof text, sizeof text);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, -1);
    check_file(path("cut"), "good\n", 5);
    assert_int_equal(put(&to, "more\r\n", 6, 6), 0);
    check_file(path("cut"), "good\nmore\n", 10);
    store_close(&to);
    close(stream);
}

/* The stream comes last. */
static void test_failed_file_leaves_stream_alone(void **state)
{
    (void)state;
    struct store to;
    int stream = open(path("alone"), O_RDWR | O_CREAT | O_EXCL, 0600);
    open_store(&to, (struct store_options){.directory = path("alonedir"), .stream = stream, .stream_name = "alone"});
    assert_int_equal(put(&to, "good\r\n", 6, 6), 0);
    /* the directory goes away: the file cannot be named */
    assert_int_equal(unlink(path("alonedir/0001.eml")), 0);
    assert_int_equal(rmdir(path("alonedir")), 0);
    assert_int_equal(put(&to, "bad\r\n", 5, 5), -1);
    check_file(path("alone"), "good\n", 5);
    store_close(&to);
    close(stream);
}

static void test_failures_say_what_failed(void **state)
{
    (void)state;
    struct store to = {.o = {.stream = -1}};
    struct failure why = {0, NULL};
    make_file("plain");
    struct store_options o = {.directory = path("plain"), .stream = -1};
    assert_int_equal(store_open(&to, &o, &why), -1);
    assert_int_equal(why.error, ENOTDIR);
    assert_string_equal(why.what, o.directory);
    o.directory = path("plain/below");
    assert_int_equal(store_open(&to, &o, &why), -1);
    assert_int_equal(why.error, ENOTDIR);

    int full = open("/dev/full", O_WRONLY);
    if (full < 0)
        return; /* only Linux and some BSDs have it */
    open_store(&to, (struct store_options){.stream = full, .stream_name = "full"});
    struct spool m;
    assert_int_equal(finish(&to, &m, "a", 1, 1, &why), STORE_FAILED);
    assert_int_equal(why.error, ENOSPC);
    assert_string_equal(why.what, "full");
    store_close(&to);
    close(full);
}

/* ---- attachments ---- */

static const char with_attachments[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbody\r\n"
                                       "--b\r\nContent-Type: a/b; name=n\r\n\r\none\r\n"
                                       "--b\r\nContent-Type: c/d\r\nContent-Transfer-Encoding: base64\r\n\r\ndHdv\r\n"
                                       "--b--\r\n";

static void test_attachments(void **state)
{
    (void)state;
    struct store to;
    open_store(&to, (struct store_options){.stream = -1, .attachments = path("attached")});
    assert_int_equal(put(&to, with_attachments, sizeof with_attachments - 1, 7), 0);
    check_file(path("attached/0007-n"), "one", 3);
    check_file(path("attached/0007-part.d"), "two", 3);
    assert_int_equal(put(&to, with_attachments, sizeof with_attachments - 1, 7), 0);
    check_file(path("attached/0007-n-2"), "one", 3);
    assert_int_equal(count_entries(path("attached")), 4);
    store_close(&to);
}

static void test_failed_stream_takes_attachments_back(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    if (full < 0)
        skip();
    struct store to;
    open_store(&to, (struct store_options){.directory = path("back"),
                                           .attachments = path("backed"),
                                           .stream = full,
                                           .stream_name = "full",
                                           .format = STORE_JSON});
    assert_int_equal(put(&to, with_attachments, sizeof with_attachments - 1, 7), -1);
    assert_int_equal(count_entries(path("back")), 0);
    assert_int_equal(count_entries(path("backed")), 0);
    store_close(&to);
    close(full);
}

enum { LARGE = 200000 /* octets: more than a pipe holds, and than a spool keeps in memory */ };

static char *make_large(char c)
{
    char *text = malloc(LARGE);
    assert_non_null(text);
    memset(text, c, LARGE);
    memcpy(text + LARGE - 2, "\r\n", 2);
    return text;
}

static char *make_large_with_attachments(void)
{
    char *text = make_large('1');
    memcpy(text, with_attachments, sizeof with_attachments - 1);
    return text;
}

/* ---- a large mail, which a thread examines ---- */

/* Goes on with the first mail that waits until it is examined. */
static enum store_outcome examine(struct store *to, struct spool *p, struct failure *why)
{
    enum store_outcome outcome = STORE_WAITS;
    for (struct store_wait w; outcome == STORE_WAITS && !(w = store_waits_for(to)).write;) {
        struct pollfd ready = {.fd = w.fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 60000), 1);
        outcome = store_go_on(to, p, why);
    }
    return outcome;
}

/* Another process cuts off the file of a mail before it is read again. */
static void test_file_cut_off(void **state)
{
    (void)state;
    if (getenv("NO_LOST_PAGES") != NULL)
        skip();
    enum { SIZE = 300000 };
    static const char start[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\n";
    static const off_t lengths[] = {0, 80000, SIZE - 100};
    static char text[SIZE];
    memset(text, 'x', sizeof text);
    memcpy(text, start, sizeof start - 1);
    static const char *const names[] = {
        [STORE_EML] = "cut.eml", [STORE_MBOX] = "cut.mbox", [STORE_JSON] = "cut.json", [STORE_TEXT] = "cut.text"};
    for (int i = 0; i < 24; i++) {
        char directory[256], attachments[256], stream[256];
        snprintf(directory, sizeof directory, "%s/cut%d", top, i);
        snprintf(attachments, sizeof attachments, "%s/cutattached", top);
        snprintf(stream, sizeof stream, "%s/%s", top, names[i & 3]);
        struct store_options o = {.directory = directory, .stream_name = stream, .crlf = true};
        o.attachments = i & 4 ? attachments : NULL;
        o.format = (enum store_format)(i & 3);
        o.stream = open(stream, O_RDWR | O_CREAT | O_TRUNC, 0600);
        struct store to;
        struct spool p;
        struct mail mail = envelope;
        struct failure why = {0, NULL};
        open_store(&to, o);
        spool_begin(&p, &to, false, true);
        spool_add(&p, text, sizeof text);
        assert_int_equal(ftruncate(p.file.fd, lengths[i / 8]), 0);
        enum store_outcome outcome = store_finish(&to, &p, &mail, &why);
        assert_int_equal(outcome == STORE_WAITS ? examine(&to, &p, &why) : outcome, STORE_FAILED);
        assert_int_equal(why.error, ESTALE);
        assert_string_equal(why.what, directory);
        assert_int_equal(count_entries(directory), 0);
        check_file(stream, "", 0);
        assert_int_equal(put(&to, "good\r\n", 6, 6), 0);
        assert_int_equal(count_entries(directory), 1);
        store_close(&to);
        close(o.stream);
    }
}

static void test_large_mail_is_examined_apart(void **state)
{
    (void)state;
    struct store to;
    struct spool first, second;
    struct failure why;
    int stream = open(path("apart"), O_RDWR | O_CREAT | O_EXCL, 0600);
    open_store(&to, (struct store_options){.attachments = path("apart_attached"),
                                           .stream = stream,
                                           .stream_name = "apart",
                                           .format = STORE_JSON});
    char *large = make_large_with_attachments();
    assert_int_equal(finish(&to, &first, large, LARGE, LARGE, &why), STORE_WAITS);
    assert_int_equal(finish(&to, &second, "a: 2\r\n", 6, 6, &why), STORE_WAITS);
    assert_int_equal(store_go_on(&to, &second, &why), STORE_WAITS); /* it does not overtake */
    assert_int_equal(examine(&to, &first, &why), STORE_DONE);
    assert_int_equal(store_go_on(&to, &second, &why), STORE_DONE);
    store_drop(&first);
    store_drop(&second);
    assert_int_equal(count_entries(path("apart_attached")), 2);
    char json[4096] = "";
    assert_true(pread(stream, json, sizeof json - 1, 0) > 0);
    const char *lf = strchr(json, '\n');
    assert_non_null(lf);
    assert_non_null(strstr(json, "\"filename\":\"n\""));
    assert_true(strstr(json, "\"filename\":\"n\"") < lf);
    assert_non_null(strstr(lf, "\"attachments\":[]"));
    free(large);
    store_close(&to);
    close(stream);
}

/* A small mail takes long, too, where the patterns do. */
static void test_slow_match_is_examined_apart(void **state)
{
    (void)state;
    static const struct {
        const char *match;
        bool slow;
    } rows[] = {{"body: needle|[a-z]{3,20}@", false}, {"body: (.{0,100}a){90}c", true}};
    static char text[60000];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct match match;
        struct store to;
        struct spool p;
        struct failure why;
        const char *at, *expected;
        assert_int_equal(match_parse(&match, rows[i].match, &at, &expected), 0);
        open_store(&to, (struct store_options){.stream = -1, .matches = &match, .n_matches = 1});
        enum store_outcome outcome = finish(&to, &p, text, sizeof text, sizeof text, &why);
        assert_int_equal(outcome, rows[i].slow ? STORE_WAITS : STORE_DONE);
        if (outcome == STORE_WAITS)
            assert_int_equal(examine(&to, &p, &why), STORE_DONE);
        store_drop(&p);
        store_close(&to);
        match_close(&match);
    }
}

static void test_large_mail_is_dropped_while_examined(void **state)
{
    (void)state;
    struct store to;
    struct spool p;
    struct failure why;
    open_store(&to,
               (struct store_options){.directory = path("left"), .attachments = path("left_attached"), .stream = -1});
    char *large = make_large_with_attachments();
    for (int i = 0; i < 20; i++) { /* the thread is caught in different places */
        assert_int_equal(finish(&to, &p, large, LARGE, LARGE, &why), STORE_WAITS);
        struct pollfd ready = {.fd = store_waits_for(&to).fd, .events = POLLIN};
        (void)poll(&ready, 1, i / 5);
        if (i % 2 == 0) {
            store_drop(&p);
        } else {
            store_give_up(&to, &p, &why);
            assert_int_equal(why.error, ECANCELED);
        }
        assert_int_equal(count_entries(path("left")), 0);
        assert_int_equal(count_entries(path("left_attached")), 0);
    }
    assert_int_equal(finish(&to, &p, large, LARGE, LARGE, &why), STORE_WAITS);
    assert_int_equal(examine(&to, &p, &why), STORE_DONE);
    store_drop(&p);
    assert_int_equal(count_entries(path("left")), 1);
    assert_int_equal(count_entries(path("left_attached")), 2);
    free(large);
    store_close(&to);
}

/* ---- a stream that takes nothing ---- */

/* Reads from a pipe that does not block, at the end of got; the number of octets. */
static size_t drain(int fd, struct text *got)
{
    char block[65536];
    size_t n = 0;
    for (ssize_t k; (k = read(fd, block, sizeof block)) > 0; n += (size_t)k)
        text_add(got, block, (size_t)k);
    return n;
}

static void open_pipe(int fds[2])
{
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0); /* the writing end stays as it is */
}

static void test_what_is_beside_goes_when_memory_runs_out(void **state)
{
    (void)state;
    struct store to;
    struct failure why;
    enum store_outcome outcome = STORE_FAILED;
    open_store(&to,
               (struct store_options){
                   .stream = -1, .directory = path("beside"), .beside = (1u << STORE_BESIDES) - 1, .hostname = "h"});
    for (size_t last = 1; outcome == STORE_FAILED; last++) {
        struct spool p;
        memory_fails_at = memory_requests + last;
        outcome = finish(&to, &p, "a: b\r\n\r\ntwo\r\n", 13, 13, &why);
        memory_fails_at = 0;
        if (outcome == STORE_FAILED) {
            assert_int_equal(why.error, ENOMEM);
            assert_int_equal(count_entries(path("beside")), 0);
        }
        store_drop(&p);
    }
    assert_int_equal(outcome, STORE_DONE);
    assert_int_equal(count_entries(path("beside")), 5);
    store_close(&to);
}

static void test_attachments_go_when_memory_runs_out(void **state)
{
    (void)state;
    struct store to;
    struct failure why;
    /* a name longer than the directory's, so that its path grows twice */
    static const char text[] =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: a/b; name=0123456789012345678901234567890123456789012345678901234567890\r\n"
        "\r\none\r\n--b\r\nContent-Type: a/b; name=n\r\n\r\ntwo\r\n--b--\r\n";
    const size_t n = sizeof text - 1;
    enum store_outcome outcome = STORE_FAILED;
    open_store(&to, (struct store_options){.stream = -1, .attachments = path("scarce")});
    for (size_t last = 1; outcome == STORE_FAILED; last++) {
        struct spool p;
        memory_fails_at = memory_requests + last;
        outcome = finish(&to, &p, text, n, n, &why);
        memory_fails_at = 0;
        if (outcome == STORE_FAILED) {
            assert_int_equal(why.error, ENOMEM);
            assert_int_equal(count_entries(path("scarce")), 0);
        }
        store_drop(&p);
    }
    assert_int_equal(outcome, STORE_DONE);
    assert_int_equal(count_entries(path("scarce")), 2);
    store_close(&to);
}

static void test_full_pipe(void **state)
{
    (void)state;
    int fds[2];
    open_pipe(fds);
    struct store to;
    open_store(&to, (struct store_options){.directory = path("piped"), .stream = fds[1], .stream_name = "pipe"});
    struct spool first, second;
    struct failure why;
    struct text got = {NULL, 0, 0, false};
    char *large = make_large('1');
    assert_int_equal(finish(&to, &first, large, LARGE, LARGE, &why), STORE_WAITS);
    assert_int_equal(finish(&to, &second, "2\r\n", 3, 3, &why), STORE_WAITS);
    assert_int_equal(count_entries(path("piped")), 2);
    assert_int_equal(store_waits_for(&to).fd, fds[1]);
    enum store_outcome one = STORE_WAITS;
    while (one == STORE_WAITS) {
        assert_true(drain(fds[0], &got) > 0);
        assert_int_equal(store_go_on(&to, &second, &why), STORE_WAITS); /* it is not its turn */
        one = store_go_on(&to, &first, &why);
    }
    assert_int_equal(one, STORE_DONE);
    drain(fds[0], &got);
    assert_int_equal(store_go_on(&to, &second, &why), STORE_DONE);
    drain(fds[0], &got);
    store_drop(&first);
    store_drop(&second);
    assert_int_equal(got.n, LARGE - 1 + 2);
    large[LARGE - 2] = '\n';
    assert_memory_equal(got.p, large, LARGE - 1);
    assert_memory_equal(got.p + LARGE - 1, "2\n", 2);
    assert_int_equal(count_entries(path("piped")), 2);
    free(got.p);
    free(large);
    store_close(&to);
    close(fds[0]);
    close(fds[1]);
}

static void test_parked_mail_is_dropped(void **state)
{
    (void)state;
    int fds[2];
    open_pipe(fds);
    struct store to;
    open_store(&to, (struct store_options){.directory = path("parked"),
                                           .attachments = path("parked_attached"),
                                           .stream = fds[1],
                                           .stream_name = "pipe"});
    struct spool first, second, third;
    struct failure why;
    struct text got = {NULL, 0, 0, false};
    char *large = make_large_with_attachments();
    assert_int_equal(finish(&to, &first, large, LARGE, LARGE, &why), STORE_WAITS);
    assert_int_equal(examine(&to, &first, &why), STORE_WAITS);
    assert_int_equal(finish(&to, &second, "2\r\n", 3, 3, &why), STORE_WAITS);
    assert_int_equal(finish(&to, &third, "3\r\n", 3, 3, &why), STORE_WAITS);
    assert_int_equal(count_entries(path("parked_attached")), 2);
    store_drop(&second); /* one that has nothing in the stream */
    assert_int_equal(count_entries(path("parked")), 2);
    store_give_up(&to, &first, &why); /* one that is half in it */
    assert_int_equal(why.error, ETIMEDOUT);
    assert_string_equal(why.what, "pipe");
    assert_int_equal(count_entries(path("parked")), 1);
    assert_int_equal(count_entries(path("parked_attached")), 0);
    size_t half = drain(fds[0], &got);
    assert_true(half > 0 && half < LARGE);
    assert_int_equal(store_go_on(&to, &third, &why), STORE_DONE); /* the stream is free */
    assert_int_equal(drain(fds[0], &got), 2);
    assert_memory_equal(got.p + half, "3\n", 2);
    store_drop(&third);
    store_drop(&first);
    check_file(path("parked/0003.eml"), "3\n", 2);
    assert_int_equal(count_entries(path("parked")), 1);
    free(got.p);
    free(large);
    store_close(&to);
    close(fds[0]);
    close(fds[1]);
}

/* A child that holds a lock on the file until the pipe is closed. */
static pid_t hold_lock(const char *name, int release[2])
{
    int ready[2];
    char c;
    assert_int_equal(pipe(release), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(name, O_RDWR | O_CREAT, 0600);
        close(release[1]);
        if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        _exit(read(release[0], &c, 1) != 0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(release[0]);
    return pid;
}

static void test_locked_mbox(void **state)
{
    (void)state;
    int release[2], status;
    pid_t pid = hold_lock(path("mbox"), release);
    int fd = open(path("mbox"), O_RDWR | O_APPEND);
    assert_true(fd >= 0);
    struct store to;
    open_store(&to, (struct store_options){
                        .directory = path("boxed"), .stream = fd, .stream_name = "mbox", .format = STORE_MBOX});
    struct spool first, second, third;
    struct failure why;
    static const char from[] = "From \r\n>From x\r\n>Fromage\r\nFrom";
    assert_int_equal(finish(&to, &first, from, sizeof from - 1, 1, &why), STORE_WAITS);
    assert_int_equal(finish(&to, &second, "2\r\n", 3, 3, &why), STORE_WAITS);
    assert_int_equal(finish(&to, &third, "3\r\n", 3, 3, &why), STORE_WAITS);
    assert_int_equal(store_waits_for(&to).fd, -1);
    store_give_up(&to, &second, &why);
    assert_int_equal(why.error, ENOLCK);
    assert_string_equal(why.what, "mbox");
    assert_int_equal(count_entries(path("boxed")), 2);
    assert_int_equal(store_go_on(&to, &first, &why), STORE_WAITS);
    check_file(path("mbox"), "", 0);
    close(release[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(store_go_on(&to, &third, &why), STORE_WAITS); /* the lock is free, and the first one's */
    assert_int_equal(store_go_on(&to, &first, &why), STORE_DONE);
    assert_int_equal(store_go_on(&to, &third, &why), STORE_DONE);
    store_drop(&first);
    store_drop(&second);
    store_drop(&third);
#define LINE "From a@b Thu Jan  1 00:00:00 1970\n"
    static const char expected[] = LINE ">From \n>>From x\n>Fromage\nFrom\n\n" LINE "3\n\n";
    check_file(path("mbox"), expected, sizeof expected - 1);
    assert_int_equal(count_entries(path("boxed")), 2);
    store_close(&to);
    close(fd);
}

/* Adds one to a number in a file as often as this, under the lock, while the program reads and writes it unguarded. */
static int count_locked(const char *locked, const char *counted, int mode, int times)
{
    int fd = open(locked, mode), number = open(counted, O_RDWR), n = 0;
    for (int done = 0; done < times; done++) {
        while (stream_lock(fd, true) < 0)
            if (errno != EAGAIN)
                return -1;
        if (pread(number, &n, sizeof n, 0) != sizeof n || sched_yield() < 0)
            return -1;
        n++;
        if (pwrite(number, &n, sizeof n, 0) != sizeof n || stream_lock(fd, false) < 0)
            return -1;
    }
    return close(fd) < 0 || close(number) < 0 ? -1 : 0;
}

/* No two have the lock, whether others read meanwhile or not. */
static void test_lock_is_for_one(void **state)
{
    (void)state;
    enum { WRITERS = 3, TIMES = 300 };
    int modes[] = {O_RDWR, O_RDWR, O_WRONLY};
    for (int reading = 0; reading < 2; reading++) {
        pid_t pids[WRITERS];
        int status, n = 0, file = open(path("counted"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(file, &n, sizeof n), sizeof n);
        close(open(path("locked"), O_RDWR | O_CREAT, 0600));
        for (int i = 0; i < WRITERS; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0)
                _exit(count_locked(path("locked"), path("counted"), reading ? O_RDWR : modes[i], TIMES) != 0);
        }
        int fd = open(path("locked"), O_RDONLY);
        struct flock whole = {.l_whence = SEEK_SET};
        for (int left = WRITERS; left > 0;) {
            if (reading) {
                whole.l_type = whole.l_type == F_RDLCK ? F_UNLCK : F_RDLCK;
                (void)fcntl(fd, F_SETLK, &whole);
            }
            if (waitpid(-1, &status, reading ? WNOHANG : 0) > 0) {
                assert_int_equal(status, 0);
                left--;
            }
        }
        assert_int_equal(pread(file, &n, sizeof n, 0), sizeof n);
        assert_int_equal(n, WRITERS * TIMES);
        close(file);
        close(fd);
    }
}

/* "From " wherever a piece may end. */
static void test_mbox_in_pieces(void **state)
{
    (void)state;
    enum { SIZE = 16384 };
    static char text[SIZE + 8], expected[SIZE + 128];
    for (int before = -7; before <= 1; before++) {
        memset(text, 'x', sizeof text);
        memcpy(text + SIZE + before - 1, "\nFrom \n", 7);
        size_t n = (size_t)(SIZE + before + 6);
        int fd = open(path("pieces"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        struct store to;
        open_store(&to, (struct store_options){.stream = fd, .stream_name = "pieces", .format = STORE_MBOX});
        assert_int_equal(put(&to, text, n, SIZE), 0);
        int k = snprintf(expected, sizeof expected, LINE "%.*s\n>From \n\n", SIZE + before - 1, text);
        check_file(path("pieces"), expected, (size_t)k);
        store_close(&to);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_large_and_empty),
        cmocka_unit_test(test_dropped_leaves_nothing),
        cmocka_unit_test(test_numbers_go_on),
        cmocka_unit_test(test_names_that_are_no_files),
        cmocka_unit_test(test_many_processes),
        cmocka_unit_test(test_maildir),
        cmocka_unit_test(test_stream_is_cut_back),
        cmocka_unit_test(test_failed_file_leaves_stream_alone),
        cmocka_unit_test(test_failures_say_what_failed),
        cmocka_unit_test(test_file_cut_off),
        cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_failed_stream_takes_attachments_back),
        cmocka_unit_test(test_what_is_beside_goes_when_memory_runs_out),
        cmocka_unit_test(test_attachments_go_when_memory_runs_out),
        cmocka_unit_test(test_large_mail_is_examined_apart),
        cmocka_unit_test(test_slow_match_is_examined_apart),
        cmocka_unit_test(test_large_mail_is_dropped_while_examined),
        cmocka_unit_test(test_full_pipe),
        cmocka_unit_test(test_parked_mail_is_dropped),
        cmocka_unit_test(test_locked_mbox),
        cmocka_unit_test(test_lock_is_for_one),
        cmocka_unit_test(test_mbox_in_pieces),
    };
    return cmocka_run_group_tests_name("storage", tests, make_top, remove_top) != 0;
}
