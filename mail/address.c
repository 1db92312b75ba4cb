/*
 * mime_address.c - addresses and dates (RFC 5322 3.3, 3.4, 4.3, 4.4).
 *
 * A list of addresses is read once, octet for octet, whatever is in it: what
 * has no end, as a quoted string or a comment, is the last of its list, so
 * that nobody looks for that end twice.
 */
#include "mail/inside.h"

#include <string.h>

/* ---- lists of addresses ---- */

/* An address that is being read. */
struct reading {
    const char *start, *end; /* of what is neither comment nor in brackets; start NULL: there is none */
    const char *word;        /* where the last word begins */
    const char *local;       /* and where the one with the first "@" does */
    const char *cut;         /* where a second bare address may begin */
    struct span angle;       /* what was in brackets; p NULL: none */
    struct span comment;     /* the last one */
    unsigned ats, words;     /* "@"s, and words between blanks */
    bool literal;            /* in a domain literal, where ":" and "," are nothing special */
    bool open;               /* a quoted string does not end, and takes in the rest */
    char last;               /* the octet before, but for blanks and comments */
};

/* Takes a quoted string (RFC 5322 3.2.4), at whose quote t begins; false, and nothing taken, if it has no end. */
static bool take_quoted(struct span *t)
{
    size_t i = 1;
    while (i < t->n && t->p[i] != '"')
        i += t->p[i] == '\\' ? 2 : 1;
    if (i >= t->n)
        return false;
    span_skip(t, i + 1);
    return true;
}

/* Takes a quoted string, an encoded word, or just an octet, which may be a quote without another; open says that there
   was one, so that there is none to be found later.  True if it was a quoted string. */
static bool take_unit(struct span *t, bool *open)
{
    if (*t->p == '"' && !*open) {
        if (take_quoted(t))
            return true;
        *open = true;
    }
    size_t n = mime_word_length(*t);
    span_skip(t, n > 0 ? n : 1);
    return false;
}

/* Takes the source route at the front of t, and drops it: RFC 5322 4.4 (obs-route). */
static void drop_route(struct span *t)
{
    const char *colon = memchr(t->p, ':', t->n);
    if (t->n > 0 && *t->p == '@' && colon != NULL)
        span_skip(t, (size_t)(colon + 1 - t->p));
}

/* Takes what is in brackets, at whose first t begins.  Without a second it ends before the next comma, unless that is
   in a source route. */
static struct span take_angle(struct message *m, struct span *t, bool *open)
{
    while (t->n > 0 && *t->p == '<')
        span_skip(t, 1);
    mime_skip_cfws(t);
    const char *start = t->p;
    bool route = t->n > 0 && *t->p == '@';
    while (t->n > 0 && *t->p != '>' && *t->p != ';' && (*t->p != ',' || route)) {
        route = route && *t->p != ':';
        if (*t->p == '(')
            (void)mime_take_comment(t);
        else
            (void)take_unit(t, open);
    }
    struct span angle = mime_trim(span_between(start, t->p));
    drop_route(&angle);
    if (t->n == 0 || *t->p != '>')
        message_note(m, PROBLEM_ADDRESS);
    while (t->n > 0 && (*t->p == '>' || *open))
        span_skip(t, 1);
    return mime_trim(angle);
}

/* A word, or a mark, of a name or a bare address; blank: there was one before it.  False if another address begins
   here. */
static bool add_word(struct reading *r, struct span *t, bool blank)
{
    const char *start = t->p;
    bool joined = *start == '@' || *start == '.' || r->last == '@' || r->last == '.';
    if (r->start == NULL || (blank && !joined)) {
        r->words++;
        r->word = start;
    }
    if (*start == '@' && r->cut != NULL && !r->open)
        return false;
    if (blank && !joined && r->ats > 0 && r->cut == NULL)
        r->cut = start;
    if (*start == '@' && r->ats++ == 0)
        r->local = r->word;
    (void)take_unit(t, &r->open);
    r->literal = (r->literal || *start == '[') && *start != ']';
    r->start = r->start != NULL ? r->start : start;
    r->end = t->p;
    r->last = t->p[-1];
    return true;
}

/* Reads up to the end of an address.  False if another begins without a comma, at r->cut. */
static bool read_address(struct message *m, struct span *t, struct reading *r)
{
    bool blank = false;
    while (t->n > 0) {
        char c = *t->p;
        if (mime_is_blank(c)) {
            span_skip(t, 1);
            blank = true;
            r->literal = false;
        } else if (c == '(' && !r->open) {
            r->comment = mime_take_comment(t);
            blank = true;
        } else if ((c == ',' || c == ';') && !r->literal && !r->open) {
            break;
        } else if (r->angle.p != NULL) {
            r->cut = t->p;
            return false;
        } else if (c == '<') {
            r->angle = take_angle(m, t, &r->open);
        } else if (c == ':' && !r->literal && !r->open && r->ats == 0) {
            memset(r, 0, sizeof *r); /* a group's name is nobody's: RFC 5322 3.4 */
            span_skip(t, 1);
            blank = false;
        } else {
            if (!add_word(r, t, blank))
                return false;
            blank = false;
        }
    }
    return true;
}

/* What is in brackets is the address, and before them the name; without them it is the other way round. */
static void sort_out(struct message *m, const struct reading *r, struct address *a)
{
    struct span text = {NULL, 0};
    if (r->start != NULL)
        text = mime_trim(span_between(r->start, r->cut != NULL && r->angle.p == NULL ? r->cut : r->end));
    a->name = text.n > 0 && r->angle.p != NULL ? text : r->comment;
    a->address = r->angle.p != NULL ? r->angle : text;
    if (r->angle.p == NULL && r->ats == 0 && r->words > 1) { /* a name is all there is */
        a->name = text;
        a->address.n = 0;
    }
    if (r->angle.p == NULL && r->ats > 0 && r->local > r->start) { /* a name, and an address without brackets */
        a->name = mime_trim(span_between(r->start, r->local));
        a->address = span_between(r->local, text.p + text.n);
        message_note(m, PROBLEM_ADDRESS);
    }
    if (r->open || memchr(a->address.p, '@', a->address.n) == NULL || (r->angle.p == NULL && r->ats > 1))
        message_note(m, PROBLEM_ADDRESS);
}

bool mime_take_address(struct message *m, struct span *list, struct address *address)
{
    while (list->n > 0) {
        struct reading r;
        memset(&r, 0, sizeof r);
        bool ends = read_address(m, list, &r);
        if (!ends) {
            message_note(m, PROBLEM_NO_COMMA);
            *list = span_between(r.cut, list->p + list->n);
        } else if (list->n > 0) {
            span_skip(list, 1);
        }
        if (r.start == NULL && r.angle.p == NULL)
            continue;
        if (ends && r.cut != NULL && r.angle.p == NULL)
            message_note(m, PROBLEM_ADDRESS);
        sort_out(m, &r, address);
        return true;
    }
    return false;
}

/* ---- names and addresses ---- */

/* Takes an encoded word, whatever is in it, or a word up to what is none of it. */
static struct span take_word(struct span *t)
{
    struct span word = {t->p, mime_word_length(*t)};
    for (bool encoded = word.n > 0; !encoded && word.n < t->n; word.n++) {
        char c = t->p[word.n];
        if (word.n > 0 && (mime_is_blank(c) || c == '"' || c == '(' || c == '='))
            break;
    }
    span_skip(t, word.n);
    return word;
}

/* A comment is a name without its parentheses. */
static bool is_comment(struct span *name)
{
    struct span rest = *name;
    if (name->n == 0 || *name->p != '(')
        return false;
    struct span comment = mime_take_comment(&rest);
    if (rest.n > 0)
        return false;
    span_skip(&comment, 1);
    if (comment.n > 0 && comment.p[comment.n - 1] == ')')
        comment.n--;
    *name = mime_trim(comment);
    return true;
}

void mime_name(struct message *m, struct span name, struct sink to)
{
    struct words w;
    bool open = false;
    name = mime_trim(name);
    mime_words_open(&w, m, to);
    if (is_comment(&name)) {
        mime_words_put(&w, name, true);
        name.n = 0;
    }
    mime_skip_cfws(&name);
    while (name.n > 0) {
        struct span start = name;
        mime_skip_cfws(&name);
        if (name.n < start.n) {
            mime_words_put(&w, (struct span){" ", name.n > 0}, false);
        } else if (*name.p != '"') {
            mime_words_put(&w, take_word(&name), false);
        } else if (take_unit(&name, &open)) {
            mime_words_put(&w, span_between(start.p + 1, name.p - 1), true);
        } else {
            mime_words_put(&w, (struct span){start.p, 1}, false);
        }
    }
    mime_words_close(&w);
}

void mime_addr_spec(struct message *m, struct span address, struct sink to)
{
    struct charset c;
    mime_charset_open(&c, m, (struct span){NULL, 0}, to);
    c.malformed = PROBLEM_8BIT_HEADER;
    char last = '@';
    bool open = false;
    address = mime_some(address);
    mime_skip_cfws(&address);
    while (address.n > 0) {
        struct span run = address;
        mime_skip_cfws(&address);
        bool blank = run.n > address.n;
        if (address.n == 0)
            break;
        if (blank && memchr("@.", last, 2) == NULL && memchr("@.", *address.p, 2) == NULL)
            mime_charset_put(&c, " ", 1);
        run = address;
        (void)take_unit(&address, &open);
        run.n -= address.n;
        mime_charset_put(&c, run.p, run.n);
        last = run.p[run.n - 1];
    }
    mime_charset_close(&c);
}

/* ---- dates ---- */

struct date {
    unsigned day, month, year, hour, minute, second;
    char sign;
    unsigned zone_hour, zone_minute;
};

/* Takes min to max digits. */
static bool take_number(struct span *t, size_t min, size_t max, unsigned *value)
{
    size_t n = 0;
    for (*value = 0; n < t->n && n < max && ascii_is_digit(t->p[n]); n++)
        *value = *value * 10 + (unsigned)(t->p[n] - '0');
    span_skip(t, n);
    return n >= min && (t->n == 0 || !ascii_is_digit(*t->p));
}

/* Takes letters, and the blanks and comments behind them. */
static struct span take_letters(struct span *t)
{
    struct span word = {t->p, 0};
    while (word.n < t->n && ascii_is_letter(t->p[word.n]))
        word.n++;
    span_skip(t, word.n);
    mime_skip_cfws(t);
    return word;
}

/* The place of a word of three letters in names, 0 based; n if it is none of them. */
static unsigned find_name(struct span word, const char *names, unsigned n)
{
    unsigned i = 0;
    char name[4] = "";
    for (; i < n; i++) {
        memcpy(name, names + i * 3, 3);
        if (span_is(word, name))
            break;
    }
    return i;
}

static unsigned days_in(unsigned month, unsigned year)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28u + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* 0: Monday.  Years begin in March here, so that a leap day is the last of its year. */
static unsigned day_of_week(const struct date *d)
{
    unsigned year = d->month > 2 ? d->year : d->year - 1, month = d->month > 2 ? d->month - 3 : d->month + 9;
    return (year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + d->day + 1) % 7;
}

/* Day, month, year. */
static bool take_day(struct message *m, struct span *t, struct date *d)
{
    if (!take_number(t, 1, 2, &d->day))
        return false;
    mime_skip_cfws(t);
    d->month = find_name(take_letters(t), "JanFebMarAprMayJunJulAugSepOctNovDec", 12) + 1;
    size_t before = t->n;
    if (d->month > 12 || !take_number(t, 2, 4, &d->year))
        return false;
    size_t digits = before - t->n;
    mime_skip_cfws(t);
    if (digits < 4) { /* RFC 5322 4.3 */
        message_note(m, PROBLEM_OBSOLETE_DATE);
        d->year += digits == 3 || d->year > 49 ? 1900 : 2000;
    }
    return d->year > 0 && d->day > 0 && d->day <= days_in(d->month, d->year);
}

/* Takes a colon, and a number behind it. */
static bool take_colon(struct span *t, unsigned *value)
{
    if (t->n == 0 || *t->p != ':')
        return false;
    span_skip(t, 1);
    mime_skip_cfws(t);
    bool ok = take_number(t, 2, 2, value);
    mime_skip_cfws(t);
    return ok;
}

static bool take_time(struct span *t, struct date *d)
{
    if (!take_number(t, 1, 2, &d->hour))
        return false;
    mime_skip_cfws(t);
    if (!take_colon(t, &d->minute))
        return false;
    if (t->n > 0 && *t->p == ':' && !take_colon(t, &d->second))
        return false;
    return d->hour < 24 && d->minute < 60 && d->second <= 60;
}

/* A zone that is a name: RFC 5322 4.3.  Those not known to mean something, the military ones among them, are -0000. */
static void read_zone(struct span word, struct date *d)
{
    static const struct {
        const char *name;
        char sign;
        unsigned hour;
    } zones[] = {
        {"UT", '+', 0},  {"GMT", '+', 0}, {"UTC", '+', 0}, {"Z", '+', 0},   {"EDT", '-', 4}, {"EST", '-', 5},
        {"CDT", '-', 5}, {"CST", '-', 6}, {"MDT", '-', 6}, {"MST", '-', 7}, {"PDT", '-', 7}, {"PST", '-', 8},
    };
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        if (span_is(word, zones[i].name)) {
            d->sign = zones[i].sign;
            d->zone_hour = zones[i].hour;
        }
    }
}

static bool take_zone(struct message *m, struct span *t, struct date *d)
{
    d->sign = '-';
    if (t->n > 0 && (*t->p == '+' || *t->p == '-')) {
        unsigned zone = 0;
        d->sign = *t->p;
        span_skip(t, 1);
        bool ok = take_number(t, 4, 4, &zone);
        d->zone_hour = zone / 100;
        d->zone_minute = zone % 100;
        mime_skip_cfws(t);
        return ok && d->zone_hour < 24 && d->zone_minute < 60;
    }
    struct span word = take_letters(t);
    message_note(m, word.n > 0 ? PROBLEM_OBSOLETE_DATE : PROBLEM_DATE);
    read_zone(word, d);
    return true;
}

/* Takes the name of the day, and the comma; what it says is compared with the date. */
static struct span take_day_name(struct span *t)
{
    struct span word = take_letters(t);
    if (word.n > 0 && t->n > 0 && *t->p == ',')
        span_skip(t, 1);
    mime_skip_cfws(t);
    return word;
}

static bool read_date(struct message *m, struct span t, struct date *d)
{
    memset(d, 0, sizeof *d);
    t = mime_some(t);
    mime_skip_cfws(&t);
    struct span name = take_day_name(&t);
    if (!take_day(m, &t, d) || !take_time(&t, d) || !take_zone(m, &t, d))
        return false;
    unsigned day = find_name(name, "MonTueWedThuFriSatSun", 7);
    if (t.n > 0 || (name.n > 0 && day == 7))
        message_note(m, PROBLEM_DATE);
    else if (name.n > 0 && day != day_of_week(d))
        message_note(m, PROBLEM_WRONG_DAY);
    return true;
}

static void put_number(char **out, unsigned value, unsigned digits, char behind)
{
    for (unsigned i = digits; i > 0; i--, value /= 10)
        (*out)[i - 1] = (char)('0' + value % 10);
    (*out)[digits] = behind;
    *out += digits + 1;
}

bool mime_date(struct message *m, struct span value, char text[32])
{
    struct date d;
    if (!read_date(m, value, &d)) {
        message_note(m, PROBLEM_DATE);
        return false;
    }
    put_number(&text, d.year, 4, '-');
    put_number(&text, d.month, 2, '-');
    put_number(&text, d.day, 2, 'T');
    put_number(&text, d.hour, 2, ':');
    put_number(&text, d.minute, 2, ':');
    put_number(&text, d.second, 2, d.sign);
    put_number(&text, d.zone_hour, 2, ':');
    put_number(&text, d.zone_minute, 2, '\0');
    return true;
}
