/* SPDX-License-Identifier: ISC */
/*
 * start.c - how long a server takes from its start to its first greeting.
 *
 *     start N PORT COMMAND [ARGUMENT ...]
 *
 * Starts the command N times, one after the other, and prints the milliseconds
 * of each until a client has the first octet of its greeting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 60 /* seconds */ };

/* On one processor each: a client that asks again and again is not to keep the server from its own. */
static void pin(const cpu_set_t *all, bool last)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        int cpu = last ? CPU_SETSIZE - 1 - i : i;
        if (CPU_ISSET(cpu, all)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    (void)sched_setaffinity(0, sizeof one, &one);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Connects again and again until somebody listens; then reads an octet. */
static void wait_for_greeting(int port, double until)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char octet;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || now() > until)
            die("start");
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 && recv(fd, &octet, 1, 0) == 1) {
            (void)close(fd);
            return;
        }
        (void)close(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    long n = strtol(argv[1], NULL, 10);
    int port = (int)strtol(argv[2], NULL, 10);
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) < 0)
        die("affinity");
    for (long i = 0; i < n; i++) {
        pin(&all, false); /* where the child stays */
        double start = now();
        pid_t pid = fork();
        if (pid == 0) {
            int null = open("/dev/null", O_RDWR);
            (void)dup2(null, 0);
            (void)dup2(null, 1);
            (void)dup2(null, 2);
            (void)execv(argv[3], argv + 3);
            _exit(127);
        }
        if (pid < 0)
            die("fork");
        pin(&all, true);
        wait_for_greeting(port, start + PATIENCE);
        (void)printf("%.4f\n", (now() - start) * 1000);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return 0;
}
