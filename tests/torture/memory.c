/* SPDX-License-Identifier: ISC */
/*
 * memory.c - lets allocations fail, to be loaded before libc (glibc).
 *
 * TORTURE_MEMORY names a file of three numbers of 64 bits: the allocations so
 * far, which are counted here, the one that fails, and whether those after it fail
 * as well.  Children share the numbers, until they run another program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SECONDS_MAX = 20 /* of processor time */ };

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

static struct {
    _Atomic uint64_t made;
    uint64_t fails, forever;
} * shared;

__attribute__((constructor)) static void open_numbers(void)
{
    const struct rlimit seconds = {SECONDS_MAX, SECONDS_MAX + 5};
    const char *name = getenv("TORTURE_MEMORY");
    int fd = name != NULL ? open(name, O_RDWR | O_CLOEXEC) : -1;
    void *p = fd >= 0 ? mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED || setrlimit(RLIMIT_CPU, &seconds) < 0)
        _exit(125);
    (void)close(fd);
    (void)unsetenv("LD_PRELOAD");
    (void)unsetenv("TORTURE_MEMORY");
    shared = p;
}

static bool fails(void)
{
    if (shared == NULL)
        return false;
    uint64_t number = atomic_fetch_add(&shared->made, 1) + 1;
    if (number != shared->fails && (number < shared->fails || shared->fails == 0 || !shared->forever))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
void *aligned_alloc(size_t alignment, size_t n) { return fails() ? NULL : __libc_memalign(alignment, n); }
void *memalign(size_t alignment, size_t n) { return aligned_alloc(alignment, n); }

int posix_memalign(void **p, size_t alignment, size_t n)
{
    *p = aligned_alloc(alignment, n);
    return *p == NULL ? ENOMEM : 0;
}
