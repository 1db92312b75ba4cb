/*
 * dsn.c - RFC 3461.
 */
#include "smtp/inside.h"

/* Those of xtext are in capitals. */
static bool is_hex(char c) { return ascii_is_digit(c) || (c >= 'A' && c <= 'F'); }

/* An octet of its own, or "+" and its value. */
static bool take_octet(struct span *t, bool utf8)
{
    char c = *t->p;
    if (c != '+') {
        span_skip(t, 1);
        return ascii_is_8bit(c) ? utf8 : c > ' ' && c < 0x7f && c != '=';
    }
    if (t->n < 3 || !is_hex(t->p[1]) || !is_hex(t->p[2]))
        return false;
    unsigned value = ascii_hex_value(t->p[1]) << 4 | ascii_hex_value(t->p[2]);
    span_skip(t, 3);
    return value >= ' ' && value < 0x7f;
}

bool dsn_is_xtext(struct span t, bool utf8)
{
    while (t.n > 0) {
        if (!take_octet(&t, utf8))
            return false;
    }
    return true;
}

bool dsn_is_notify(struct span t, bool *twice)
{
    static const char *const words[] = {"SUCCESS", "FAILURE", "DELAY"};
    unsigned given = 0;
    *twice = false;
    if (span_is(t, "NEVER"))
        return true;
    for (;;) {
        const char *comma = t.n > 0 ? memchr(t.p, ',', t.n) : NULL;
        struct span one = comma != NULL ? span_between(t.p, comma) : t;
        unsigned i = 0;
        while (i < 3 && !span_is(one, words[i]))
            i++;
        if (i == 3)
            return false;
        *twice = *twice || given & 1u << i;
        given |= 1u << i;
        if (comma == NULL)
            return true;
        span_skip(&t, one.n + 1);
    }
}

bool dsn_is_orcpt(struct span t, bool utf8)
{
    const char *semicolon = memchr(t.p, ';', t.n);
    if (semicolon == NULL || semicolon == t.p || semicolon + 1 == t.p + t.n)
        return false;
    struct span type = span_between(t.p, semicolon), address = span_between(semicolon + 1, t.p + t.n);
    for (size_t i = 0; i < type.n; i++) {
        if (!ascii_is_letter(type.p[i]) && !ascii_is_digit(type.p[i]) && type.p[i] != '-')
            return false;
    }
    return dsn_is_xtext(address, utf8 && span_is(type, "utf-8"));
}
