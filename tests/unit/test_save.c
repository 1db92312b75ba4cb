/*
 * test_save.c - files are whole under their names, and nothing is overwritten.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

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
    snprintf(top, sizeof top, "/tmp/test_save-XXXXXX");
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

static bool ready(void *context, int fd)
{
    (void)context, (void)fd;
    return true;
}

static void open_place(struct save *to, struct save_options o)
{
    const char *culprit;
    o.wait = ready;
    assert_int_equal(save_open(to, &o, &culprit), 0);
}

static int put(struct save *to, const char *text, size_t n, size_t step)
{
    struct save_message m;
    save_begin(&m, to, false);
    for (size_t i = 0; i < n; i += step)
        save_add(&m, text + i, n - i < step ? n - i : step);
    return save_finish(&m, NULL);
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
        struct save to;
        char name[32];
        snprintf(name, sizeof name, "lf%zu", step);
        open_place(&to, (struct save_options){.directory = path(name), .stream = -1});
        assert_int_equal(put(&to, raw, sizeof raw - 1, step), 0);
        save_close(&to);
        snprintf(name, sizeof name, "lf%zu/0001.eml", step);
        check_file(path(name), lf, sizeof lf - 1);
        snprintf(name, sizeof name, "crlf%zu", step);
        open_place(&to, (struct save_options){.directory = path(name), .stream = -1, .crlf = true});
        assert_int_equal(put(&to, raw, sizeof raw - 1, step), 0);
        save_close(&to);
        snprintf(name, sizeof name, "crlf%zu/0001.eml", step);
        check_file(path(name), raw, sizeof raw - 1);
    }
}

static void test_large_and_empty(void **state)
{
    (void)state;
    enum { SIZE = 1000003 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    struct save to;
    int stream = open(path("stream"), O_RDWR | O_CREAT | O_EXCL, 0600);
    open_place(&to, (struct save_options){.directory = path("large"), .stream = stream, .stream_name = "stream"});
    assert_int_equal(put(&to, text, SIZE, 4099), 0);
    assert_int_equal(put(&to, "", 0, 1), 0);
    save_close(&to);
    close(stream);
    check_file(path("large/0001.eml"), text, SIZE);
    check_file(path("large/0002.eml"), "", 0);
    check_file(path("stream"), text, SIZE);
    struct stat st;
    assert_int_equal(stat(path("large/0001.eml"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(count_entries(path("large")), 2);
    free(text);
}

static void test_dropped_leaves_nothing(void **state)
{
    (void)state;
    struct save to;
    open_place(&to, (struct save_options){.directory = path("dropped"), .stream = -1});
    struct save_message m;
    static char block[100000];
    save_begin(&m, &to, false);
    save_add(&m, block, sizeof block);
    save_drop(&m);
    assert_int_equal(count_entries(path("dropped")), 0);
    save_close(&to);
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
    struct save to;
    open_place(&to, (struct save_options){.directory = path("on"), .stream = -1});
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
    to.next = 9999;
    assert_int_equal(put(&to, "d", 1, 1), 0);
    assert_int_equal(put(&to, "e", 1, 1), 0);
    check_file(path("on/10000.eml"), "e", 1);
    save_close(&to);
}

static void test_names_that_are_no_files(void **state)
{
    (void)state;
    struct save to;
    open_place(&to, (struct save_options){.directory = path("odd"), .stream = -1});
    assert_int_equal(symlink("/nonexistent/target", path("odd/0001.eml")), 0);
    assert_int_equal(mkdir(path("odd/0002.eml"), 0700), 0);
    assert_int_equal(mkfifo(path("odd/0003.eml"), 0600), 0);
    assert_int_equal(put(&to, "a", 1, 1), 0);
    check_file(path("odd/0004.eml"), "a", 1);
    save_close(&to);
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
            struct save to;
            const char *culprit;
            struct save_options o = {.directory = path("many"), .stream = -1, .wait = ready};
            int status = save_open(&to, &o, &culprit);
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
    struct save to;
    open_place(&to, (struct save_options){.directory = path("deep/er/maildir"), .maildir = true, .stream = -1});
    assert_int_equal(put(&to, "a\r\n", 3, 3), 0);
    assert_int_equal(put(&to, "b\r\n", 3, 3), 0);
    assert_int_equal(count_entries(path("deep/er/maildir/new")), 2);
    assert_int_equal(count_entries(path("deep/er/maildir/tmp")), 0);
    assert_int_equal(count_entries(path("deep/er/maildir/cur")), 0);
    save_close(&to);
    open_place(&to, (struct save_options){.directory = path("deep/er/maildir"), .maildir = true, .stream = -1});
    save_close(&to);
}

static void test_stream_failure_is_cut_off(void **state)
{
    (void)state;
    struct save to;
    int stream = open(path("cut"), O_RDWR | O_CREAT | O_EXCL, 0600);
    open_place(&to, (struct save_options){.directory = path("cutdir"), .stream = stream, .stream_name = "cut"});
    assert_int_equal(put(&to, "good\r\n", 6, 6), 0);
    /* the directory goes away: the file cannot be named, after the stream was written */
    assert_int_equal(unlink(path("cutdir/0001.eml")), 0);
    assert_int_equal(rmdir(path("cutdir")), 0);
    assert_int_equal(put(&to, "bad\r\n", 5, 5), -1);
    check_file(path("cut"), "good\n", 5);
    save_close(&to);
    close(stream);
}

static void test_failures_name_the_culprit(void **state)
{
    (void)state;
    struct save to;
    const char *culprit = NULL;
    make_file("plain");
    struct save_options o = {.directory = path("plain"), .stream = -1, .wait = ready};
    assert_int_equal(save_open(&to, &o, &culprit), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_string_equal(culprit, o.directory);
    o.directory = path("plain/below");
    assert_int_equal(save_open(&to, &o, &culprit), -1);
    assert_int_equal(errno, ENOTDIR);

    int full = open("/dev/full", O_WRONLY);
    if (full < 0)
        return; /* only Linux and some BSDs have it */
    open_place(&to, (struct save_options){.stream = full, .stream_name = "full"});
    struct save_message m;
    save_begin(&m, &to, false);
    save_add(&m, "a", 1);
    assert_int_equal(save_finish(&m, NULL), -1);
    assert_int_equal(m.error, ENOSPC);
    assert_string_equal(m.culprit, "full");
    save_close(&to);
    close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_large_and_empty),
        cmocka_unit_test(test_dropped_leaves_nothing),
        cmocka_unit_test(test_numbers_go_on),
        cmocka_unit_test(test_names_that_are_no_files),
        cmocka_unit_test(test_many_processes),
        cmocka_unit_test(test_maildir),
        cmocka_unit_test(test_stream_failure_is_cut_off),
        cmocka_unit_test(test_failures_name_the_culprit),
    };
    return cmocka_run_group_tests_name("storage", tests, make_top, remove_top) != 0;
}
