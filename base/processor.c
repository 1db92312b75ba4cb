/* SPDX-License-Identifier: ISC */
/*
 * processor.c - what this processor can do that not every one of its kind can.
 */
#include "base/base.h"

#if defined(SCAN_PLAIN)
unsigned processor_can(void) { return 0; }
#elif defined(__x86_64__)
#include <cpuid.h>

enum { SSSE3 = 1 << 9, SSE41 = 1 << 19, SHA = 1 << 29, KNOWN = 1 << 30 };

/* As asking is slow in a virtual machine, it is asked once.  Two threads may both ask; they write the same. */
unsigned processor_can(void)
{
    static _Atomic unsigned known; /* 0: not yet */
    if (known == 0) {
        unsigned a, b = 0, c = 0, d;
        bool old = !__get_cpuid(1, &a, &b, &c, &d), ssse3 = !old && (c & SSSE3) != 0;
        bool sha = ssse3 && (c & SSE41) != 0 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & SHA) != 0;
        known = KNOWN | (ssse3 ? PROCESSOR_SSSE3 : 0) | (sha ? PROCESSOR_SHA : 0);
    }
    return known;
}
#elif defined(__ARM_FEATURE_SHA2)
unsigned processor_can(void) { return PROCESSOR_SHA; }
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

unsigned processor_can(void) { return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0 ? PROCESSOR_SHA : 0; }
#else
unsigned processor_can(void) { return 0; }
#endif
