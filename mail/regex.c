/* SPDX-License-Identifier: ISC */
/*
 * regex.c - searching for a regular expression, in time that grows with the text,
 * and at worst with the text times the expression.
 *
 * The program of an expression is run in all places at once: after each
 * character, the places where it could be are a state.  Each state is made when
 * a text first leads to it, and kept with a table of what comes next; from then
 * on a character costs one look at that table.  When the states fill their
 * memory they are forgotten, and made anew.
 *
 * The next character decides about ^, $ and \b, so a state has these as places,
 * and what its last character was.
 *
 * Most of a text never leaves the first state.  If only one or two ASCII octets
 * leave it, such as a letter in both cases, the search jumps to the next of them.
 */
#include "mail/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/scan.h"

enum {
    STATES_MAX = 4096,
    TABLES = 1024 * 1024, /* octets of all tables, */
    STATES_MIN = 16,      /* unless that is too little for these */
    PLACES = 64 * 1024,   /* of all states; a single one always has room */
    HASHES = 2 * STATES_MAX,
};

/* In a table: what is not known yet, the end of the search, or else where the table of a state begins. */
enum { UNKNOWN, FOUND };

/* What came before the next character. */
enum before { OTHER, WORD, LINE };

struct state {
    bool has_edges; /* among its places */
    enum before before;
    uint32_t at, n; /* its places */
};

struct automaton {
    struct state states[STATES_MAX];
    uint32_t n_states, most_states; /* there is no state 0 */
    uint32_t hashes[HASHES];        /* tables of states, by the hash of their places; 0: none */
    uint32_t *places, n_places, most_places;
    uint32_t *next; /* for each state a table of all classes, and of the end of the text */
    uint32_t state; /* of the search, as in a table */
    uint32_t home;  /* the first state; UNKNOWN: no octets are searched for */
    char away[2];   /* the octets of ASCII that lead away from it, */
    bool or_8bit;   /* and whether other characters do */
    /* making a state */
    uint32_t *seen, turn;   /* for each instruction the turn in which it was last reached */
    uint32_t *list, n_list; /* the places that were reached in this turn, */
    uint32_t *from, n_from; /* and in the one before */
    uint32_t *stack;
};

/* ---- classes ---- */

static int compare(const void *a, const void *b)
{
    const struct class *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Gives the characters of a set, and the others, classes of their own.  numbers has room for two of each class. */
static void split_classes(struct regex *r, const struct set *s, uint32_t *numbers)
{
    uint32_t n = 0;
    memset(numbers, 0xff, 2 * r->n_classes * sizeof *numbers);
    for (size_t i = 0, k = 0; i < r->n_classes; i++) {
        struct class *c = &r->classes[i];
        while (k < s->n && s->ranges[k].last < c->first)
            k++;
        uint32_t *number = &numbers[2 * c->number + (k < s->n && s->ranges[k].first <= c->first)];
        if (*number == UINT32_MAX)
            *number = n++;
        c->number = *number;
    }
    r->width = n;
}

/* Adds the places where a set begins and ends. */
static void add_bounds(struct regex *r, const struct set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        r->classes[r->n_classes++] = (struct class){s->ranges[i].first, 0};
        r->classes[r->n_classes++] = (struct class){s->ranges[i].last + 1, 0};
    }
}

static uint32_t class_of(const struct regex *r, uint32_t c)
{
    size_t low = 0, high = r->n_classes;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (r->classes[middle].first <= c)
            low = middle;
        else
            high = middle;
    }
    return r->classes[low].number;
}

bool regex_find_classes(struct regex *r)
{
    struct set line = {.n = 0};
    size_t n = 0, bounds = 0;
    set_add(&line, '\n', '\n');
    if (r->has_edges)
        set_add_word(&r->word);
    for (size_t i = 0; i < r->n_sets; i++)
        bounds += 2 * r->sets[i].n;
    bounds += 2 * (r->word.n + line.n) + 1;
    r->classes = malloc(bounds * sizeof *r->classes);
    uint32_t *numbers = malloc(2 * bounds * sizeof *numbers);
    bool good = r->classes != NULL && numbers != NULL && !line.failed && !r->word.failed;
    if (good) {
        r->classes[r->n_classes++] = (struct class){0, 0};
        add_bounds(r, &line);
        add_bounds(r, &r->word);
        for (size_t i = 0; i < r->n_sets; i++)
            add_bounds(r, &r->sets[i]);
        qsort(r->classes, r->n_classes, sizeof *r->classes, compare);
        for (size_t i = 0; i < r->n_classes; i++) {
            if (i == 0 || r->classes[i].first != r->classes[n - 1].first)
                r->classes[n++] = r->classes[i];
        }
        r->n_classes = n;
        split_classes(r, &line, numbers);
        split_classes(r, &r->word, numbers);
        for (size_t i = 0; i < r->n_sets; i++)
            split_classes(r, &r->sets[i], numbers);
        good = (r->samples = malloc(r->width * sizeof *r->samples)) != NULL;
    }
    for (size_t i = 0; good && i < r->n_classes; i++)
        r->samples[r->classes[i].number] = r->classes[i].first;
    for (uint32_t c = 0; good && c < REGEX_LOW; c++)
        r->low[c] = (uint16_t)class_of(r, c);
    free(numbers);
    free(line.ranges);
    return good;
}

/* ---- states ---- */

static bool open_automaton(struct regex *r)
{
    struct automaton *a = r->automaton = calloc(1, sizeof *a);
    size_t table = r->width + 1, states = TABLES / sizeof(uint32_t) / table;
    if (a == NULL)
        return false;
    a->most_states = states < STATES_MIN ? STATES_MIN : states < STATES_MAX ? (uint32_t)states : STATES_MAX;
    a->n_states = 1;
    a->most_places = PLACES > r->n ? PLACES : (uint32_t)r->n;
    a->places = malloc(a->most_places * sizeof *a->places);
    a->next = malloc(a->most_states * table * sizeof *a->next);
    a->seen = calloc(r->n, sizeof *a->seen);
    a->list = malloc(r->n * sizeof *a->list);
    a->from = malloc(r->n * sizeof *a->from);
    a->stack = malloc((2 * r->n + 1) * sizeof *a->stack);
    return a->places != NULL && a->next != NULL && a->seen != NULL && a->list != NULL && a->from != NULL &&
           a->stack != NULL;
}

static void close_automaton(struct regex *r)
{
    struct automaton *a = r->automaton;
    r->automaton = NULL;
    if (a == NULL)
        return;
    free(a->places);
    free(a->next);
    free(a->seen);
    free(a->list);
    free(a->from);
    free(a->stack);
    free(a);
}

static void begin_turn(struct regex *r)
{
    struct automaton *a = r->automaton;
    uint32_t *list = a->list;
    a->list = a->from;
    a->from = list;
    a->n_from = a->n_list;
    a->n_list = 0;
    if (++a->turn == 0) {
        memset(a->seen, 0, r->n * sizeof *a->seen);
        a->turn = 1;
    }
}

/* Reaches an instruction, and those that it leads to without a character. */
static void reach(struct regex *r, uint32_t place)
{
    struct automaton *a = r->automaton;
    size_t n = 0;
    a->stack[n++] = place;
    while (n > 0) {
        uint32_t at = a->stack[--n];
        const struct instruction *i = &r->program[at];
        if (a->seen[at] == a->turn)
            continue;
        a->seen[at] = a->turn;
        if (i->what == REGEX_SPLIT)
            a->stack[n++] = i->y;
        if (i->what == REGEX_SPLIT || i->what == REGEX_JUMP)
            a->stack[n++] = i->x;
        else
            a->list[a->n_list++] = at;
    }
}

/* The state of the places that were reached, found or made.  *kept is false if all other states were forgotten. */
static uint32_t find_state(struct regex *r, enum before before, bool *kept)
{
    struct automaton *a = r->automaton;
    const uint32_t table = r->width + 1;
    uint32_t hash = 2166136261u, n = 0;
    bool has_edges = false;
    *kept = true;
    for (uint32_t i = 0; i < r->n; i++) { /* in order, so that equal states are found to be equal */
        const struct instruction *instruction = &r->program[i];
        if (a->seen[i] != a->turn || instruction->what == REGEX_SPLIT || instruction->what == REGEX_JUMP)
            continue;
        if (instruction->what == REGEX_FOUND)
            return FOUND;
        has_edges = has_edges || instruction->what != REGEX_ONE;
        a->list[n++] = i;
        hash = (hash ^ i) * 16777619u;
    }
    before = has_edges ? before : OTHER;
    hash = (hash ^ before) * 16777619u;
    uint32_t slot = (hash ^ hash >> 15) % HASHES;
    for (; a->hashes[slot] != 0; slot = (slot + 1) % HASHES) {
        const struct state *s = &a->states[a->hashes[slot] / table];
        if (s->before == before && s->n == n && memcmp(a->places + s->at, a->list, n * sizeof *a->list) == 0)
            return a->hashes[slot];
    }
    if (a->n_states == a->most_states || a->n_places + n > a->most_places) {
        *kept = false;
        a->home = UNKNOWN; /* its table is another state's from now on */
        a->n_states = 1;
        a->n_places = 0;
        memset(a->hashes, 0, sizeof a->hashes);
    }
    uint32_t state = a->n_states * table;
    a->states[a->n_states] = (struct state){has_edges, before, a->n_places, n};
    memset(a->next + state, 0, table * sizeof *a->next);
    memcpy(a->places + a->n_places, a->list, n * sizeof *a->list);
    a->n_states++;
    a->n_places += n;
    a->hashes[slot] = state;
    return state;
}

/* Whether the edge lies between what was before and the next character; class r->width: the text ends. */
static bool holds(const struct regex *r, const struct instruction *i, enum before before, uint32_t class)
{
    bool ends = class == r->width, word = !ends && set_has(&r->word, r->samples[class]);
    if (i->what == REGEX_LINE_START)
        return before == LINE;
    if (i->what == REGEX_LINE_END)
        return ends || r->samples[class] == '\n';
    return i->what == REGEX_WORD_EDGE && word != (before == WORD);
}

/* Goes on past the edges that hold before a character of this class; true if the search ends there. */
static bool pass_edges(struct regex *r, const struct state *s, uint32_t class)
{
    struct automaton *a = r->automaton;
    bool found = false;
    begin_turn(r);
    for (uint32_t i = 0; i < s->n; i++)
        reach(r, a->places[s->at + i]);
    for (uint32_t i = 0; i < a->n_list; i++) {
        const struct instruction *at = &r->program[a->list[i]];
        found = found || at->what == REGEX_FOUND;
        if (holds(r, at, s->before, class))
            reach(r, a->list[i] + 1);
    }
    return found;
}

/* The state after a character of this class. */
static uint32_t step(struct regex *r, uint32_t class)
{
    struct automaton *a = r->automaton;
    const struct state s = a->states[a->state / (r->width + 1)];
    bool kept = true, ends = class == r->width, found = s.has_edges && pass_edges(r, &s, class);
    uint32_t state = found ? FOUND : a->state, c = ends ? 0 : r->samples[class], set = UINT32_MAX;
    begin_turn(r);
    if (!found && !ends) {
        bool in_set = false;
        for (uint32_t i = 0, n = s.has_edges ? a->n_from : s.n; i < n; i++) {
            uint32_t place = s.has_edges ? a->from[i] : a->places[s.at + i];
            const struct instruction *at = &r->program[place];
            if (at->what != REGEX_ONE)
                continue;
            in_set = at->x == set ? in_set : set_has(&r->sets[at->x], c);
            set = at->x;
            if (in_set)
                reach(r, place + 1);
        }
        reach(r, 0);
        state = find_state(r, c == '\n' ? LINE : set_has(&r->word, c) ? WORD : OTHER, &kept);
    }
    if (kept)
        a->next[a->state + class] = state;
    return state;
}

/* ---- searching ---- */

static void go_to_first(struct regex *r)
{
    bool kept;
    begin_turn(r);
    reach(r, 0);
    r->automaton->state = find_state(r, LINE, &kept);
}

/* Whether a character of this class leads away from the first state. */
static bool leads_away(struct regex *r, uint32_t class)
{
    struct automaton *a = r->automaton;
    uint32_t next = a->next[a->home + class];
    a->state = a->home;
    return (next != UNKNOWN ? next : step(r, class)) != a->home;
}

/* Finds the octets that lead away from the first state, if they are few. */
static void find_away(struct regex *r)
{
    struct automaton *a = r->automaton;
    size_t n = 0;
    a->home = a->state;
    a->or_8bit = false;
    for (int c = 0; c < 0x80 && n <= sizeof a->away && a->home != UNKNOWN; c++) {
        if (!leads_away(r, r->low[c]))
            continue;
        if (n < sizeof a->away)
            a->away[n] = (char)c;
        n++;
    }
    if (n == 0 || n > sizeof a->away) /* nothing to search for, or too much */
        a->home = UNKNOWN;
    if (n == 1)
        a->away[1] = a->away[0];
    for (size_t i = 0; i < r->n_classes && a->home != UNKNOWN && !a->or_8bit; i++) {
        bool is_ascii = i + 1 < r->n_classes && r->classes[i + 1].first <= 0x80;
        a->or_8bit = !is_ascii && leads_away(r, r->classes[i].number);
    }
    go_to_first(r);
}

bool regex_begin(struct regex *r)
{
    bool opens = r->automaton == NULL;
    if (opens && !open_automaton(r)) {
        close_automaton(r);
        return false;
    }
    go_to_first(r);
    if (opens && r->automaton->state != FOUND)
        find_away(r);
    return true;
}

/* The class of the character at the front of t, which it takes. */
static uint32_t take_class(const struct regex *r, struct span *t)
{
    struct span c = {t->p, utf8_length(*t)};
    uint32_t character = c.n > 0 ? utf8_code_point(c) : SET_NO_CHARACTER;
    span_skip(t, c.n > 0 ? c.n : 1);
    return character < REGEX_LOW ? r->low[character] : class_of(r, character);
}

bool regex_put(struct regex *r, const char *p, size_t n)
{
    struct automaton *a = r->automaton;
    struct span t = {p, n};
    while (t.n > 0 && a->state != FOUND) {
        if (a->state == a->home)
            t = span_between(scan_for_two(a->away[0], a->away[1], a->or_8bit, t.p, p + n), p + n);
        if (t.n == 0)
            break;
        uint32_t class = take_class(r, &t), state = a->next[a->state + class];
        a->state = state != UNKNOWN ? state : step(r, class);
        /* most octets are ASCII, and have a state that is known */
        while (t.n > 0 && a->state != FOUND && a->state != a->home && !ascii_is_8bit(*t.p)) {
            state = a->next[a->state + r->low[(unsigned char)*t.p]];
            if (state == UNKNOWN)
                break;
            a->state = state;
            span_skip(&t, 1);
        }
    }
    return a->state == FOUND;
}

bool regex_end(struct regex *r)
{
    struct automaton *a = r->automaton;
    if (a->state != FOUND)
        a->state = step(r, r->width);
    return a->state == FOUND;
}

void regex_free(struct regex *r)
{
    if (r == NULL)
        return;
    close_automaton(r);
    for (size_t i = 0; i < r->n_sets; i++)
        free(r->sets[i].ranges);
    free(r->sets);
    free(r->word.ranges);
    free(r->program);
    free(r->classes);
    free(r->samples);
    free(r);
}
