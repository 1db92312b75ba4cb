/*
 * date.c - dates of the Date field (RFC 5322 3.3, 4.3).
 *
 * A date is taken apart from left to right, with comments and folds wherever the
 * RFC allows them.  The name of the day is compared with the date, and no more.
 */
#include "mail/inside.h"

#include <stdio.h>

struct date {
    unsigned day, month, year, hour, minute, second;
    char sign;
    unsigned zone_hour, zone_minute;
};

/* Takes a number, and the blanks and comments after it.  Returns how many digits it has; 0 if more than max. */
static size_t take_number(struct span *t, size_t max, unsigned *value)
{
    size_t n = 0;
    for (*value = 0; n < t->n && n < max && ascii_is_digit(t->p[n]); n++)
        *value = *value * 10 + (unsigned)(t->p[n] - '0');
    span_skip(t, n);
    bool more = t->n > 0 && ascii_is_digit(*t->p);
    header_skip_cfws(t);
    return more ? 0 : n;
}

/* Takes letters, and the blanks and comments after them. */
static struct span take_letters(struct span *t)
{
    size_t n = 0;
    while (n < t->n && ascii_is_letter(t->p[n]))
        n++;
    struct span word = header_take(t, n);
    header_skip_cfws(t);
    return word;
}

/* The place of a word of three letters in names, from 0; n if it is none of them. */
static unsigned find_name(struct span word, const char *names, unsigned n)
{
    unsigned i = 0;
    while (i < n && !span_same(word, (struct span){names + i * 3, 3}))
        i++;
    return i;
}

static unsigned days_in(unsigned month, unsigned year)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28u + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* The day of the week, 0 for Monday.  Years begin in March here, so that a leap day is the last of its year. */
static unsigned day_of_week(const struct date *d)
{
    unsigned year = d->month > 2 ? d->year : d->year - 1, month = d->month > 2 ? d->month - 3 : d->month + 9;
    return (year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + d->day + 1) % 7;
}

static bool take_day(struct message *m, struct span *t, struct date *d)
{
    if (take_number(t, 2, &d->day) == 0)
        return false;
    d->month = find_name(take_letters(t), "JanFebMarAprMayJunJulAugSepOctNovDec", 12) + 1;
    size_t digits = d->month <= 12 ? take_number(t, 4, &d->year) : 0;
    if (digits < 2)
        return false;
    if (digits < 4) { /* RFC 5322 4.3 */
        message_note(m, PROBLEM_OBSOLETE_DATE);
        d->year += digits == 3 || d->year > 49 ? 1900 : 2000;
    }
    return d->year > 0 && d->day > 0 && d->day <= days_in(d->month, d->year);
}

/* Takes a colon and the number after it. */
static bool take_colon(struct span *t, unsigned *value)
{
    if (t->n == 0 || *t->p != ':')
        return false;
    span_skip(t, 1);
    header_skip_cfws(t);
    return take_number(t, 2, value) == 2;
}

/* Zones with a name; others, among them the military ones, mean -0000: RFC 5322 4.3. */
static const struct {
    const char *name;
    char sign;
    unsigned hour;
} zones[] = {
    {"UT", '+', 0},  {"GMT", '+', 0}, {"UTC", '+', 0}, {"Z", '+', 0},   {"EDT", '-', 4}, {"EST", '-', 5},
    {"CDT", '-', 5}, {"CST", '-', 6}, {"MDT", '-', 6}, {"MST", '-', 7}, {"PDT", '-', 7}, {"PST", '-', 8},
};

static bool take_zone(struct message *m, struct span *t, struct date *d)
{
    d->sign = '-';
    if (t->n > 0 && (*t->p == '+' || *t->p == '-')) {
        unsigned zone = 0;
        d->sign = *t->p;
        span_skip(t, 1);
        size_t digits = take_number(t, 4, &zone);
        d->zone_hour = zone / 100;
        d->zone_minute = zone % 100;
        return digits == 4 && d->zone_hour < 24 && d->zone_minute < 60;
    }
    struct span word = take_letters(t);
    message_note(m, word.n > 0 ? PROBLEM_OBSOLETE_DATE : PROBLEM_DATE);
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        if (span_is(word, zones[i].name)) {
            d->sign = zones[i].sign;
            d->zone_hour = zones[i].hour;
        }
    }
    return true;
}

static bool take_date(struct message *m, struct span t, struct date *d)
{
    header_skip_cfws(&t);
    struct span name = take_letters(&t);
    if (name.n > 0 && t.n > 0 && *t.p == ',')
        span_skip(&t, 1);
    header_skip_cfws(&t);
    if (!take_day(m, &t, d) || take_number(&t, 2, &d->hour) == 0 || !take_colon(&t, &d->minute))
        return false;
    if (t.n > 0 && *t.p == ':' && !take_colon(&t, &d->second))
        return false;
    if (d->hour > 23 || d->minute > 59 || d->second > 60 || !take_zone(m, &t, d))
        return false;
    unsigned day = find_name(name, "MonTueWedThuFriSatSun", 7);
    if (t.n > 0 || (name.n > 0 && day == 7))
        message_note(m, PROBLEM_DATE);
    else if (name.n > 0 && day != day_of_week(d))
        message_note(m, PROBLEM_WRONG_DAY);
    return true;
}

bool date_text(struct message *m, struct span value, char text[32])
{
    struct date d = {.second = 0};
    if (!take_date(m, header_or_empty(value), &d)) {
        message_note(m, PROBLEM_DATE);
        return false;
    }
    (void)snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02u%c%02u:%02u", d.year, d.month, d.day, d.hour, d.minute,
                   d.second, d.sign, d.zone_hour, d.zone_minute);
    return true;
}
