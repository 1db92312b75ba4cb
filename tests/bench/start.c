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
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 10 /* seconds */ };

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
    for (long i = 0; i < n; i++) {
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
        wait_for_greeting(port, start + PATIENCE);
        (void)printf("%.4f\n", (now() - start) * 1000);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return 0;
}
