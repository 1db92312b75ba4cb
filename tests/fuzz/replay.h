/* SPDX-License-Identifier: ISC */
/*
 * replay.h - a fuzzer's target as a program that is given files, for those
 * compiled with REPLAY.
 */
#ifdef REPLAY
#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        static uint8_t data[1 << 20];
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            perror(argv[i]);
            return 1;
        }
        size_t n = fread(data, 1, sizeof data, f);
        fclose(f);
        (void)LLVMFuzzerTestOneInput(data, n);
    }
    return 0;
}
#endif
