/* SPDX-License-Identifier: ISC */
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

bool number_take_size(const char **text, uint64_t *octets)
{
    static const char size_units[] = "KMG";
    if (!number_take(text, octets))
        return false;
    const char *unit = **text != '\0' ? strchr(size_units, **text) : NULL;
    int shift = unit != NULL ? 10 * (int)(unit - size_units + 1) : 0;
    if (*octets > UINT64_MAX >> shift)
        return false;
    *octets <<= shift;
    *text += unit != NULL;
    return true;
}

/* A unit comes after those that it begins; none means seconds. */
static const struct {
    const char *name;
    uint64_t milliseconds;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"", 1000}};

bool number_take_time(const char **text, int64_t *milliseconds)
{
    const char *p = *text;
    uint64_t whole = 0, fraction = 0, scale = 1;
    if (!number_take(&p, &whole) && (*p != '.' || !ascii_is_digit(p[1])))
        return false;
    p += *p == '.';
    for (; ascii_is_digit(*p); p++) {
        if (scale < 1000000) { /* further digits do not count */
            fraction = fraction * 10 + (uint64_t)(*p - '0');
            scale *= 10;
        }
    }
    size_t i = 0;
    while (strncmp(p, units[i].name, strlen(units[i].name)) != 0)
        i++;
    uint64_t unit = units[i].milliseconds;
    if (whole >= INT64_MAX / 1000 / unit)
        return false;
    *text = p + strlen(units[i].name);
    *milliseconds = (int64_t)(whole * unit + fraction * unit / scale);
    return true;
}
