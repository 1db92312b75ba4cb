/* SPDX-License-Identifier: ISC */
/*
 * memory.h - has memory run out: every unit test is linked with --wrap, so that
 * the program's calls of malloc(), calloc() and realloc() come here.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>

extern _Atomic size_t memory_requests; /* calls so far */
extern _Atomic size_t memory_fails_at; /* which of them fails, and all after it; 0: none */
extern _Atomic bool memory_returns;    /* only that one fails */

#endif
