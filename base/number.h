/*
 * number.h - numbers as people write them: the one place where they are read.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits at *text, which moves behind them.  False if there are none, or too many for 64 bits. */
bool number_take(const char **text, uint64_t *value);

/*
 * A decimal number and perhaps a unit, ms, s (which it is without one), m or
 * h, as milliseconds: the least that is told apart.  False if there is none, or
 * it is too large.
 */
bool number_take_time(const char **text, int64_t *milliseconds);

#endif
