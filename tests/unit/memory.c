/*
 * memory.c - realloc() as the linker's --wrap gives it to the program.
 */
#include "tests/unit/memory.h"

#include <stdlib.h>

_Atomic size_t memory_requests, memory_fails_at;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
    return ++memory_requests >= memory_fails_at && memory_fails_at > 0 ? NULL : __real_realloc(p, n);
}
