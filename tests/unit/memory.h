/*
 * memory.h - has memory run out: every unit test is linked with
 * --wrap=realloc, so that the program's calls come here.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

extern _Atomic size_t memory_requests; /* calls of realloc() so far */
extern _Atomic size_t memory_fails_at; /* which of them fails, and all after it; 0: none */

#endif
