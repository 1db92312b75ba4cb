/*
 * number.c - numbers as people write them.
 */
#include "base/base.h"

bool number_take(const char **text, uint64_t *value)
{
    const char *p = *text;
    uint64_t n = 0;
    for (; ascii_is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    bool found = p > *text;
    *text = p;
    *value = n;
    return found;
}

/* The digits after the point, as a number of parts of *scale.  Further digits than six do not count. */
static uint64_t take_fraction(const char **text, uint64_t *scale)
{
    uint64_t fraction = 0;
    *scale = 1;
    for (; ascii_is_digit(**text); (*text)++) {
        if (*scale < 1000000) {
            fraction = fraction * 10 + (uint64_t)(**text - '0');
            *scale *= 10;
        }
    }
    return fraction;
}

/* The milliseconds of the unit at *text; seconds if there is none. */
static uint64_t take_unit(const char **text)
{
    static const struct {
        const char *name;
        uint64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t n = strlen(units[i].name);
        if (strncmp(*text, units[i].name, n) == 0) {
            *text += n;
            return units[i].milliseconds;
        }
    }
    return 1000;
}

bool number_take_time(const char **text, int64_t *milliseconds)
{
    const char *p = *text;
    uint64_t whole = 0, fraction = 0, scale = 1;
    bool good = number_take(&p, &whole) || *p == '.';
    if (good && *p == '.') {
        p++;
        good = p - *text > 1 || ascii_is_digit(*p);
        fraction = take_fraction(&p, &scale);
    }
    uint64_t unit = good ? take_unit(&p) : 1;
    if (!good || whole >= INT64_MAX / 1000 / unit)
        return false;
    *text = p;
    *milliseconds = (int64_t)(whole * unit + fraction * unit / scale);
    return true;
}
