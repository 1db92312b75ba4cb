/* SPDX-License-Identifier: ISC */
/*
 * data.c - the mail data of DATA (RFC 5321 4.1.1.4, 4.5.2) and of the chunks of
 * BDAT (RFC 3030 2).
 *
 * The end of DATA may be cut anywhere, and only CRLF.CRLF ends it: a bare CR or
 * LF is data.  s->dot says how much of "\r\n.\r\n" the octets so far end with.
 * CR and LF belong to the message whatever follows, and go out at once; only
 * "." and ".\r" at the start of a line wait for what comes next.  Their octets
 * are known, so none of them need be kept.  After a bare LF they are data as
 * well; they are followed only so that a report of data that were cut off can
 * name such a dot.
 *
 * A chunk comes to its end whether it is refused or not, so a refusal waits in
 * the session until then.
 */
#include "smtp/inside.h"

#include "base/scan.h"
#include "smtp.h"
#include "smtp/objection.h"

void data_begin(struct smtp *s)
{
    s->size = 0;
    s->lines = 0;
    s->ends = (struct ends){.crlf = true, .seven_bit = !s->mail.eightbit && !s->mail.utf8};
    s->dot = DOT_CRLF;
    s->lone_dot = LONE_DOT_NONE;
    s->data_problems = (struct problems){{0, 0}};
}

/* Takes a run of mail data: up to the end of a line before one that begins with a dot, or all there is. */
static struct span take_run(struct smtp *s)
{
    const char *start = s->in, *lf = scan_lf_dot(start, s->in_end);
    s->in += (lf != NULL ? lf + 1 : s->in_end) - start;
    bool crlf = s->in[-1] == '\n' && (s->in - start > 1 ? s->in[-2] == '\r' : s->dot == DOT_CR);
    s->dot = crlf ? DOT_CRLF : s->in[-1] == '\r' ? DOT_CR : s->in[-1] == '\n' ? DOT_LF : DOT_NONE;
    return span_between(start, s->in);
}

static bool is_too_large(const struct smtp *s) { return s->config->max_size > 0 && s->size > s->config->max_size; }

bool data_end(struct smtp *s, struct smtp_event *e)
{
    static const struct smtp_canned accepted = CANNED(250, "2.0.0 ", "Message accepted");
    s->event = e->type = SMTP_EOM;
    e->size = s->size;
    e->last = s->last;
    e->recipient = s->config->lmtp ? s->answered + 1 : 0;
    s->legal = true;
    struct problems *p = &s->data_problems;
    ends_finish(&s->ends, p);
    if (e->recipient <= 1 && !s->mail.binary) /* binary mail data have no lines */
        problems_merge(&e->problems, p);
    uint64_t lines = s->mail.binary ? 0 : s->lines; /* SIZE may have counted line ends as LF */
    if (e->recipient <= 1 && s->mail.size > 0 && s->size > s->mail.size + lines)
        problems_add(&e->problems, PROBLEM_SIZE);
    bool bare = (problems_have(p, PROBLEM_BARE_CR) && smtp_minds(s, PROBLEM_BARE_CR)) ||
                (problems_have(p, PROBLEM_BARE_LF) && smtp_minds(s, PROBLEM_BARE_LF));
    if (is_too_large(s))
        reply_canned(s, e, &objections[OBJECTION_TOO_LARGE].reply); /* RFC 1870 6.3 */
    else if (bare && !s->mail.binary)
        reply_canned(s, e, &objections[OBJECTION_BARE_LINE_END].reply); /* RFC 5321 2.3.8 */
    else
        reply_canned(s, e, &accepted);
    return true;
}

/* Makes the event of these octets.  Beyond the limit they are read all the same, but not handed on. */
static bool hand_on(struct smtp *s, struct smtp_event *e, struct span octets)
{
    s->size += octets.n;
    if (s->config->strict || s->config->examine)
        s->lines += (uint32_t)ends_examine(&s->ends, octets, &s->data_problems);
    if (is_too_large(s))
        return false;
    e->type = SMTP_BODY;
    e->arg = octets;
    return true;
}

/* Takes the next octet after a bare LF, if it may be part of a lone dot.  All of these are mail data. */
static bool follow_lone_dot(struct smtp *s)
{
    char c = *s->in;
    bool cr = s->dot == DOT_LF_DOT_CR, dot = s->dot == DOT_LF && c == '.';
    if (c == '\n' && s->dot != DOT_LF)
        s->lone_dot = cr ? LONE_DOT_LF_CRLF : LONE_DOT_LF_LF;
    if (dot || (c == '\r' && s->dot == DOT_LF_DOT)) {
        s->dot = dot ? DOT_LF_DOT : DOT_LF_DOT_CR;
        s->in++;
        return true;
    }
    s->dot = cr ? DOT_CR : DOT_NONE;
    return false;
}

bool data_next(struct smtp *s, struct smtp_event *e)
{
    while (s->in < s->in_end) {
        switch ((enum smtp_dot)s->dot) {
        case DOT_CRLF:
            if (*s->in == '.') {
                s->in++;
                s->dot = DOT_DOT;
                continue;
            }
            break;
        case DOT_DOT:
            if (*s->in == '\r') {
                s->in++;
                s->dot = DOT_DOT_CR;
                continue;
            }
            s->lone_dot = *s->in == '\n' ? LONE_DOT_CRLF_LF : s->lone_dot;
            s->dot = DOT_NONE;
            break;
        case DOT_DOT_CR:
            if (*s->in == '\n') {
                s->in++;
                return data_end(s, e);
            }
            s->dot = DOT_NONE;
            if (hand_on(s, e, (struct span){"\r", 1}))
                return true;
            continue;
        case DOT_LF:
        case DOT_LF_DOT:
        case DOT_LF_DOT_CR:
            if (!follow_lone_dot(s))
                break;
            if (hand_on(s, e, (struct span){s->in - 1, 1}))
                return true;
            continue;
        case DOT_NONE:
        case DOT_CR:
            break;
        }
        if (hand_on(s, e, take_run(s)))
            return true;
    }
    return false;
}

static bool end_of_chunk(struct smtp *s, struct smtp_event *e)
{
    static const struct smtp_canned taken = CANNED(250, "2.0.0 ", "Chunk accepted");
    bool complete = s->chunk_refused == NULL && s->last;
    s->in_chunk = false;
    if (complete && s->recipients > 0)
        return data_end(s, e);
    s->event = e->type = complete ? SMTP_EOM : SMTP_CHUNK;
    e->size = complete ? s->size : s->chunk_size;
    e->last = s->last;
    s->legal = true;
    if (complete) { /* to nobody, so there is no reply; RFC 2033 4.3 */
        s->code = 250;
        s->reply_n = 0;
    } else if (s->chunk_refused != NULL) {
        objection_refuse(s, e, s->chunk_refused);
    } else if (is_too_large(s)) {
        reply_canned(s, e, &objections[OBJECTION_TOO_LARGE].reply);
    } else {
        reply_canned(s, e, &taken);
    }
    return true;
}

bool data_next_of_chunk(struct smtp *s, struct smtp_event *e)
{
    size_t n = (size_t)(s->in_end - s->in);
    if (n > s->chunk)
        n = (size_t)s->chunk;
    struct span octets = {s->in, n};
    s->in += n;
    s->chunk -= n;
    if (n > 0 && s->chunk_refused == NULL && hand_on(s, e, octets))
        return true;
    return s->chunk == 0 && end_of_chunk(s, e);
}

struct smtp_progress smtp_progress(const struct smtp *s)
{
    static const char *const endings[] = {
        [DOT_NONE] = "the last line broke off",
        [DOT_CR] = "the last line ended in CR",
        [DOT_CRLF] = "the last line ended in CRLF",
        [DOT_DOT] = "the last line was a dot without its line end",
        [DOT_DOT_CR] = "the last line was a dot that ended in CR",
        [DOT_LF] = "the last line ended in LF",
        [DOT_LF_DOT] = "the last line was a dot without its line end",
        [DOT_LF_DOT_CR] = "the last line was a dot that ended in CR",
    };
    static const char *const lone_dots[] = {
        [LONE_DOT_NONE] = NULL,
        [LONE_DOT_LF_LF] = "LF.LF",
        [LONE_DOT_LF_CRLF] = "LF.CRLF",
        [LONE_DOT_CRLF_LF] = "CRLF.LF",
    };
    struct smtp_progress p = {.octets = s->size, .whole = s->more || s->event == SMTP_EOM};
    if (s->in_chunk)
        p.missing = s->chunk;
    else if (s->state == STATE_DATA && !p.whole && (s->size > 0 || s->dot != DOT_CRLF))
        p.ending = endings[s->dot];
    if (s->state == STATE_DATA)
        p.lone_dot = lone_dots[s->lone_dot];
    return p;
}
