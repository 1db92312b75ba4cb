/* SPDX-License-Identifier: ISC */
/*
 * inject.c - runs a program under ptrace(2), and interferes with one of its system calls.
 *
 *     inject REPORT CALL N WHAT PROGRAM [ARGUMENT ...]
 *
 * The N-th CALL, such as openat, fails with the error WHAT, a number, and with 5+
 * all later ones as well; or WHAT is
 * short (half of the octets are asked for), kill (SIGKILL before it), or term
 * (SIGTERM).  CALL "-" only lists the calls.  close(2) and dup2(2) are done before
 * they fail, as the system does it.
 *
 * Some calls are counted apart.  Those that read and write are by what their
 * descriptor is, as in write:pipe: output (a pipe that is a standard descriptor),
 * pipe, fifo, socket, file or other; fcntl(2) and ioctl(2) are by their second
 * argument, as in fcntl:2.
 *
 * Calls count from main() on, which begins with fcntl(2): what fails in the
 * dynamic loader is not the program's.  Threads and children are followed until a
 * child runs another program.  A program that spends too much processor time is
 * ended by SIGXCPU, one that makes too many calls by SIGKILL.
 *
 * REPORT gets a line for each call, "call CALL"; "injected"; "endless" after too
 * many calls; and "ended program STATUS" and "ended child STATUS", as wait(2) has
 * it.  SIGTERM is passed on to the youngest process.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#ifndef __x86_64__
#error "the registers of other machines than x86-64 are not known here"
#endif

enum {
    TASKS_MAX = 64,
    NAME_MAX = 48,
    CALLS_MAX = 40000, /* of a run; the longest has some thousands */
    SECONDS_MAX = 20,  /* of processor time */
    FOLLOWED = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
               PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL,
};

static const char *const names[] = {
#include "calls.h" /* [SYS_read] = "read", and all others: "run" makes it */
};

struct task {
    pid_t pid, process;
    bool stopped; /* at least once, as a new one does */
    bool answers; /* the call that it is in ends with the injected error */
};

static struct task tasks[TASKS_MAX];
static size_t n_tasks;
static volatile sig_atomic_t youngest;
static FILE *report;
static bool counts; /* main() has begun */
static long calls, matching;
static struct {
    const char *call, *what;
    long n, error;
    bool on;
} wanted;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void pass_on(int number) { (void)kill(youngest, number); }

static struct task *find(pid_t pid)
{
    for (size_t i = 0; i < n_tasks; i++) {
        if (tasks[i].pid == pid)
            return &tasks[i];
    }
    if (n_tasks == TASKS_MAX) {
        (void)fprintf(stderr, "inject: too many tasks\n");
        exit(2);
    }
    tasks[n_tasks] = (struct task){.pid = pid, .process = pid};
    return &tasks[n_tasks++];
}

static void forget(pid_t pid) { *find(pid) = tasks[--n_tasks]; }

/* Writes what a descriptor is. */
static void find_kind(pid_t pid, unsigned long long fd, char kind[16])
{
    char path[64], link[2];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%ld/fd/%llu", (long)pid, fd);
    int status = stat(path, &st);
    ssize_t n = readlink(path, link, sizeof link);
    bool is_named = n > 0 && *link == '/';
    (void)snprintf(kind, 16, "%s",
                   status < 0              ? "none"
                   : S_ISSOCK(st.st_mode)  ? "socket"
                   : !S_ISFIFO(st.st_mode) ? is_named ? "file" : "other"
                   : is_named              ? "fifo"
                   : fd <= STDERR_FILENO   ? "output"
                                           : "pipe");
}

/* Writes the name of a call, with what tells it from others of that name. */
static void name_call(pid_t pid, const struct ptrace_syscall_info *info, char text[NAME_MAX])
{
    static const char *const by_kind[] = {"read", "write", "readv", "writev"};
    unsigned long long number = info->entry.nr;
    const char *name = number < sizeof names / sizeof names[0] ? names[number] : NULL;
    char kind[16] = "";
    if (name == NULL) {
        (void)snprintf(text, NAME_MAX, "unknown-%llu", number);
        return;
    }
    for (size_t i = 0; i < sizeof by_kind / sizeof by_kind[0]; i++) {
        if (strcmp(name, by_kind[i]) == 0)
            find_kind(pid, info->entry.args[0], kind);
    }
    if (strcmp(name, "fcntl") == 0 || strcmp(name, "ioctl") == 0)
        (void)snprintf(kind, sizeof kind, "%llu", (unsigned long long)info->entry.args[1]);
    (void)snprintf(text, NAME_MAX, "%s%s%s", name, *kind != '\0' ? ":" : "", kind);
}

static void get_registers(pid_t pid, struct user_regs_struct *r)
{
    struct iovec all = {r, sizeof *r};
    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &all) < 0)
        die("PTRACE_GETREGSET");
}

static void set_registers(pid_t pid, struct user_regs_struct *r)
{
    struct iovec all = {r, sizeof *r};
    if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &all) < 0)
        die("PTRACE_SETREGSET");
}

/* The call that is wanted begins. */
static void interfere(struct task *t)
{
    struct user_regs_struct r;
    (void)fprintf(report, "injected\n");
    if (strcmp(wanted.what, "kill") == 0 || strcmp(wanted.what, "term") == 0) {
        (void)kill(t->process, *wanted.what == 'k' ? SIGKILL : SIGTERM);
        return;
    }
    get_registers(t->pid, &r);
    bool is_done = strcmp(wanted.call, "close") == 0 || strncmp(wanted.call, "dup", 3) == 0;
    t->answers = strcmp(wanted.what, "short") != 0;
    if (!t->answers)
        r.rdx = r.rdx > 1 ? r.rdx / 2 : r.rdx; /* read, write, pread64, recvfrom and sendto have the octets there */
    else if (!is_done)
        r.orig_rax = (unsigned long long)-1;
    set_registers(t->pid, &r);
}

static void look_at_call(struct task *t)
{
    struct ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info) < 0)
        return; /* it was killed */
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->answers) {
        struct user_regs_struct r;
        get_registers(t->pid, &r);
        r.rax = (unsigned long long)-wanted.error;
        set_registers(t->pid, &r);
        t->answers = false;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    char name[NAME_MAX];
    name_call(t->pid, &info, name);
    counts = counts || strncmp(name, "fcntl", 5) == 0;
    if (!counts)
        return;
    if (*wanted.call == '-')
        (void)fprintf(report, "call %s\n", name);
    if (strcmp(name, wanted.call) == 0 && (++matching == wanted.n || (wanted.on && matching > wanted.n)))
        interfere(t);
    if (++calls == CALLS_MAX) {
        (void)fprintf(report, "endless\n");
        (void)kill(t->process, SIGKILL);
    }
}

/* A task has stopped for an event.  A child that runs another program is left alone. */
static bool take_event(struct task *t, int event, pid_t program)
{
    unsigned long pid = 0;
    pid_t process = t->process;
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        if (ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &pid) == 0) {
            struct task *child = find((pid_t)pid);
            child->process = event == PTRACE_EVENT_CLONE ? process : child->pid;
            youngest = event == PTRACE_EVENT_CLONE ? youngest : child->pid;
        }
        return true;
    case PTRACE_EVENT_EXEC:
        if (!counts)
            return true;
        youngest = program;
        (void)ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
        forget(t->pid);
        return false;
    default:
        return true;
    }
}

static void go_on(pid_t pid, int status, pid_t program)
{
    struct task *t = find(pid);
    int number = WSTOPSIG(status);
    if (number == SIGSTOP && !t->stopped) {
        number = 0;
    } else if (number == (SIGTRAP | 0x80)) {
        look_at_call(t);
        number = 0;
    } else if (number == SIGTRAP) {
        if (!take_event(t, status >> 16, program))
            return;
        number = 0;
    }
    t = find(pid);
    t->stopped = true;
    (void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)number);
}

static void run(char **command)
{
    struct rlimit seconds = {SECONDS_MAX, SECONDS_MAX + 5};
    if (setrlimit(RLIMIT_CPU, &seconds) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
        _exit(126);
    (void)execvp(command[0], command);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct sigaction passing = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    if (argc < 6)
        return 2;
    wanted.call = argv[2];
    wanted.n = strtol(argv[3], NULL, 10);
    wanted.what = argv[4];
    wanted.error = strtol(argv[4], NULL, 10);
    wanted.on = strchr(argv[4], '+') != NULL;
    pid_t program = fork(), pid;
    if (program == 0)
        run(argv + 5);
    youngest = program;
    (void)close_range(3, ~0u, 0); /* what the program has inherited must end with it */
    report = fopen(argv[1], "we");
    int status, own = -1;
    if (report == NULL || sigaction(SIGTERM, &passing, NULL) < 0 || waitpid(program, &status, 0) < 0 ||
        ptrace(PTRACE_SETOPTIONS, program, NULL, (void *)FOLLOWED) < 0)
        die("inject");
    (void)find(program);
    go_on(program, status, program);
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        if (WIFSTOPPED(status)) {
            go_on(pid, status, program);
            continue;
        }
        if (find(pid)->process == pid) {
            (void)fprintf(report, "ended %s %d\n", pid == program ? "program" : "child", status);
            youngest = pid == youngest ? program : youngest;
        }
        forget(pid);
        own = pid == program ? status : own;
    }
    return own < 0 || fclose(report) != 0 ? 2 : 0;
}
