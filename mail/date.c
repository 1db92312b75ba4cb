/* SPDX-License-Identifier: ISC */
/*
 * date.c - dates of the Date field (RFC 5322 3.3, 4.3).
 *
 * A date is taken apart from left to right, with comments and folds wherever the
 * RFC allows them.  Other forms that programs write are read as well, and noted:
 * those of asctime(3), of JavaScript and of ISO 8601, long names, dashes.  A text
 * that could mean two instants is no date.
 */
#include "mail/inside.h"

#include <stdio.h>

struct date {
    unsigned day, month, year, hour, minute, second;
    char sign;     /* of the zone, */
    unsigned zone; /* in minutes */
    bool odd;      /* it is not of the RFC's form, */
    bool obsolete; /* or of its obsolete one */
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

/* Takes a character, and the blanks and comments after it, if it is there. */
static bool take_mark(struct span *t, char mark)
{
    if (t->n == 0 || ascii_lower(*t->p) != mark)
        return false;
    span_skip(t, 1);
    header_skip_cfws(t);
    return true;
}

/* The place of a word in names, from 0; n if it is none of them.  A name may be cut to three
   letters or more; the RFC has three. */
static unsigned find_name(struct date *d, struct span word, const char *const names[], unsigned n)
{
    unsigned i = 0;
    while (i < n && (word.n < 3 || word.n > strlen(names[i]) || !span_same(word, (struct span){names[i], word.n})))
        i++;
    d->odd = d->odd || word.n != 3;
    return i;
}

/* ---- the day ---- */

static unsigned days_in(unsigned month, unsigned year)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28u + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1 March of the year 0.  Years begin in March here, so that a leap day is the last of its year. */
static unsigned day_number(const struct date *d)
{
    unsigned year = d->month > 2 ? d->year : d->year - 1, month = d->month > 2 ? d->month - 3 : d->month + 9;
    return year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + d->day - 1;
}

/* The day of the week, 0 for Monday. */
static unsigned day_of_week(const struct date *d) { return (day_number(d) + 2) % 7; }

/* Seconds since 1970. */
static int64_t seconds_of(const struct date *d)
{
    int64_t zone = d->sign == '-' ? -(int64_t)d->zone : (int64_t)d->zone;
    int64_t minutes = ((int64_t)day_number(d) - 719468) * 1440 + d->hour * 60 + d->minute - zone;
    return minutes * 60 + d->second;
}

static bool take_month(struct date *d, struct span word)
{
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    d->month = find_name(d, word, months, 12) + 1;
    return d->month <= 12;
}

static bool take_year(struct span *t, struct date *d)
{
    size_t digits = take_number(t, 4, &d->year);
    if (digits == 2 || digits == 3) { /* RFC 5322 4.3 */
        d->obsolete = true;
        d->year += digits == 3 || d->year > 49 ? 1900 : 2000;
    }
    return digits >= 2 && d->year >= 1900; /* RFC 5322 3.3 */
}

/* Takes day, month and year, or year, month and day as in ISO 8601. */
static bool take_day(struct span *t, struct date *d)
{
    size_t digits = take_number(t, 4, &d->day);
    char mark = t->n > 0 && (*t->p == '/' || *t->p == '-') ? *t->p : ' ';
    bool marked = take_mark(t, mark);
    d->odd = d->odd || marked;
    if (digits == 4) {
        d->year = d->day;
        if (!marked || take_number(t, 2, &d->month) == 0 || !take_mark(t, mark) || take_number(t, 2, &d->day) == 0)
            return false;
        (void)take_mark(t, 't');
        return d->year >= 1900 && d->month >= 1 && d->month <= 12;
    }
    if (digits == 0 || digits > 2 || !take_month(d, take_letters(t)))
        return false;
    (void)take_mark(t, mark);
    return take_year(t, d);
}

/* Takes day and year after the month.  The year may come after the time, as in asctime(3): then it is left 0. */
static bool take_day_of_month(struct span *t, struct date *d)
{
    unsigned hour;
    d->odd = true;
    if (take_number(t, 2, &d->day) == 0)
        return false;
    (void)take_mark(t, ',');
    struct span rest = *t;
    return (take_number(&rest, 2, &hour) > 0 && rest.n > 0 && *rest.p == ':') || take_year(t, d);
}

/* ---- the time ---- */

/* Takes a colon and the number after it. */
static bool take_colon(struct span *t, unsigned *value) { return take_mark(t, ':') && take_number(t, 2, value) == 2; }

static bool take_time(struct span *t, struct date *d)
{
    if (take_number(t, 2, &d->hour) == 0 || !take_colon(t, &d->minute))
        return false;
    bool seconds = t->n > 0 && *t->p == ':';
    if (seconds && !take_colon(t, &d->second))
        return false;
    if (seconds && t->n > 1 && *t->p == '.' && ascii_is_digit(t->p[1])) {
        d->odd = true;
        for (span_skip(t, 1); t->n > 0 && ascii_is_digit(*t->p);)
            span_skip(t, 1);
        header_skip_cfws(t);
    }
    return d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}

/* ---- the zone ---- */

/* Zones with a name, those of RFC 5322 4.3 and UTC first.  The others mean the same everywhere. */
static const struct {
    const char *name;
    int hours;
} zones[] = {
    {"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"Z", 0},    {"EDT", -4}, {"EST", -5}, {"CDT", -5},
    {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8}, {"WET", 0},  {"WEST", 1},
    {"CET", 1},  {"MET", 1},  {"CEST", 2}, {"EET", 2},  {"EEST", 3}, {"JST", 9},  {"KST", 9},
};

enum { N_ZONES = sizeof zones / sizeof zones[0], OF_RFC = 12 };

/* Gives d the zone with this name.  False if it is not known. */
static bool find_zone(struct date *d, struct span word)
{
    size_t i = 0;
    while (i < N_ZONES && !span_is(word, zones[i].name))
        i++;
    if (i == N_ZONES)
        return false;
    d->sign = zones[i].hours < 0 ? '-' : '+';
    d->zone = 60 * (unsigned)(zones[i].hours < 0 ? -zones[i].hours : zones[i].hours);
    d->obsolete = true;
    d->odd = d->odd || i >= OF_RFC;
    return true;
}

/* Takes a zone in digits. */
static bool take_offset(struct span *t, struct date *d)
{
    unsigned hours, minutes = 0;
    d->sign = *t->p;
    span_skip(t, 1);
    size_t digits = take_number(t, 4, &hours);
    if (digits == 4) {
        minutes = hours % 100;
        hours /= 100;
    }
    d->odd = d->odd || digits == 2;
    if (digits == 2 && t->n > 0 && *t->p == ':' && !take_colon(t, &minutes))
        return false;
    d->zone = hours * 60 + minutes;
    return (digits == 2 || digits == 4) && hours < 24 && minutes < 60;
}

static bool is_sign(struct span t) { return t.n > 0 && (*t.p == '+' || *t.p == '-'); }

/* Without a zone, or with a military one, the zone is not known: that is -0000 (RFC 5322 4.3).  False if a name is not
   known, or if text comes after a zone that is not known, as that could be half of a day. */
static bool take_zone(struct span *t, struct date *d)
{
    if (is_sign(*t))
        return take_offset(t, d);
    struct span word = take_letters(t);
    d->sign = '-';
    d->odd = d->odd || word.n == 0;
    d->obsolete = d->obsolete || word.n == 1;
    return find_zone(d, word) || (word.n <= 1 && t->n == 0);
}

/* Skips marks and the same zone once more.  False if there is other text: it could change the time. */
static bool take_rest(struct span *t, struct date *d)
{
    while (t->n > 0) {
        struct date other = *d;
        struct span word = take_letters(t);
        bool taken = word.n > 0    ? find_zone(&other, word)
                     : is_sign(*t) ? take_offset(t, &other)
                                   : take_mark(t, ';') || take_mark(t, ',') || take_mark(t, '.');
        if (!taken || other.zone != d->zone || (other.sign != d->sign && d->zone > 0))
            return false;
        d->odd = true;
    }
    return true;
}

/* ---- all ---- */

static bool take_date(struct span t, struct date *d, bool *wrong_day)
{
    static const char *const days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    header_skip_cfws(&t);
    struct span name = take_letters(&t), month = name;
    bool is_month = name.n > 0 && take_month(d, name), zone = false;
    if (is_month) {
        name.n = 0;
    } else {
        bool comma = take_mark(&t, ',');
        d->odd = d->odd || comma != (name.n > 0);
        month = take_letters(&t);
        if (month.n > 0 && !take_month(d, month))
            return false;
    }
    if (!(month.n > 0 ? take_day_of_month(&t, d) : take_day(&t, d)) || !take_time(&t, d))
        return false;
    if (d->year == 0) {
        zone = t.n > 0 && !ascii_is_digit(*t.p);
        if ((zone && !take_zone(&t, d)) || !take_year(&t, d))
            return false;
    }
    if ((!zone && !take_zone(&t, d)) || !take_rest(&t, d) || d->day == 0 || d->day > days_in(d->month, d->year))
        return false;
    unsigned day = name.n > 0 ? find_name(d, name, days, 7) : day_of_week(d);
    d->odd = d->odd || day == 7;
    *wrong_day = day < 7 && day != day_of_week(d);
    return true;
}

bool date_text(struct message *m, struct span value, char text[32], int64_t *seconds)
{
    struct date d = {.second = 0};
    bool wrong_day;
    if (!take_date(header_or_empty(value), &d, &wrong_day)) {
        message_note(m, PROBLEM_DATE);
        return false;
    }
    if (d.odd || d.obsolete)
        message_note(m, d.odd ? PROBLEM_DATE : PROBLEM_OBSOLETE_DATE);
    if (wrong_day)
        message_note(m, PROBLEM_WRONG_DAY);
    *seconds = seconds_of(&d);
    (void)snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02u%c%02u:%02u", d.year, d.month, d.day, d.hour, d.minute,
                   d.second, d.sign, d.zone / 60, d.zone % 60);
    return true;
}
