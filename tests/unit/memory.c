/* SPDX-License-Identifier: ISC */
/*
 * memory.c - malloc(), calloc() and realloc() as the linker's --wrap gives them to
 * the program.
 */
#include "tests/unit/memory.h"

#include <stdbool.h>
#include <stdlib.h>

_Atomic size_t memory_requests, memory_fails_at;
_Atomic bool memory_returns;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
    size_t request = ++memory_requests;
    return memory_fails_at > 0 && (request == memory_fails_at || (request > memory_fails_at && !memory_returns));
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }

void *__wrap_calloc(size_t count, size_t n) { return fails() ? NULL : __real_calloc(count, n); }

void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }
