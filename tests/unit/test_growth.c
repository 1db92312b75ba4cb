/* SPDX-License-Identifier: ISC */
/*
 * test_growth.c - the work that a message makes grows with its size, and with
 * nothing else: four times the octets take four times the steps, whatever they
 * are, and neither the depth of a message nor the number of its recipients makes
 * each octet dearer.
 *
 * Steps are counted, not timed, so the result is the same on any machine: the
 * compiler has each branch in base/ and mail/ call __sanitizer_cov_trace_pc(),
 * and the linker's --wrap hands us the calls that look at many octets at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/mail.h"

enum { SMALL = 60000, LARGE = 4 * SMALL, DEPTH = 99, RECIPIENTS = 1000 };

static uint64_t steps;

void __sanitizer_cov_trace_pc(void);
void *__real_memchr(const void *p, int c, size_t n);
void *__wrap_memchr(const void *p, int c, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);

void __sanitizer_cov_trace_pc(void) { steps++; }

void *__wrap_memchr(const void *p, int c, size_t n)
{
    const char *found = __real_memchr(p, c, n);
    steps += found != NULL ? (size_t)(found - (const char *)p) : n;
    return (void *)(uintptr_t)found;
}

int __wrap_memcmp(const void *a, const void *b, size_t n)
{
    steps += n;
    return __real_memcmp(a, b, n);
}

void *__wrap_memmove(void *to, const void *from, size_t n)
{
    steps += n;
    return __real_memmove(to, from, n);
}

/* ---- shapes of messages ---- */

#define HTML "Content-Type: text/html\r\n\r\n"

/* front, so many times, then unit until there are enough octets, then end.  %u is the number of the copy. */
static const struct shape {
    const char *name, *front;
    unsigned times;
    const char *unit, *end;
} shapes[] = {
    /* the header */
    {"fields", "", 0, "a%u:\r\n", "\r\nx"},
    {"fields of one name", "", 0, "a:\r\n", "\r\nx"},
    {"long names", "", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%u:\r\n", "\r\nx"},
    {"folds", "A: b\r\n", 1, " \r\n", "\r\nx"},
    {"lines that are no fields", "A: b\r\n", 1, "odd\r\n", "\r\nx"},
    {"blank lines", "A: b\r\nodd\r\n", 1, "\r\n", "x"},
    {"words", "Subject: ", 1, "=?a?q?", "\r\n\r\nx"},
    {"words with blanks", "Subject: ", 1, "=?a?q?x ", "\r\n\r\nx"},
    {"words without a charset", "Subject: ", 1, "=?", "\r\n\r\nx"},
    {"words that are whole", "Subject: ", 1, "=?utf-8?q?a?= ", "\r\n\r\nx"},
    {"a date", "Date: ", 1, "(", "\r\n\r\nx"},
    {"a Message-ID", "Message-ID: <a", 1, "a", "@b>\r\n\r\nx"},
    {"addresses", "To: ", 1, "a@b,", "\r\n\r\nx"},
    {"addresses without commas", "To: ", 1, "a@b c ", "\r\n\r\nx"},
    {"addresses in brackets", "To: ", 1, "<a@b>", "\r\n\r\nx"},
    {"comments", "To: ", 1, "(", "\r\n\r\nx"},
    {"comments after addresses", "To: ", 1, "a@b( ", "\r\n\r\nx"},
    {"angles", "To: ", 1, "<", "\r\n\r\nx"},
    {"routes", "To: ", 1, "<@a", "\r\n\r\nx"},
    {"routes with commas", "To: ", 1, "<@a,", "\r\n\r\nx"},
    {"quotes", "To: ", 1, "\"", "\r\n\r\nx"},
    {"quotes after addresses", "To: ", 1, "a@b c\"@", "\r\n\r\nx"},
    {"escaped quotes", "To: ", 1, "a \"\\\" @ b ", "\r\n\r\nx"},
    {"groups", "To: ", 1, "a:", "\r\n\r\nx"},
    {"a group", "To: g", 1, ":a@b,", "\r\n\r\nx"},
    {"a long name of a group", "To: ", 1, "a b ", ":a@b,c@d;\r\n\r\nx"},
    {"references", "References: ", 1, "<", "\r\n\r\nx"},
    {"references with blanks", "References: ", 1, "<a@b> (", "\r\n\r\nx"},
    {"URLs to unsubscribe", "List-Unsubscribe: ", 1, "<a \r\n b>, ", "\r\n\r\nx"},
    {"no URLs to unsubscribe", "List-Unsubscribe: ", 1, "a,", "\r\n\r\nx"},
    {"names of parameters", "Content-Type: a/b; ", 1, "a%u=b;", "\r\n\r\nx"},
    {"a text that is attached", "Content-Type: text/csv\r\n\r\n", 1, "a,b\r\n", ""},
    {"Bcc fields", "", 0, "Bcc: r0@x.test\r\n", "\r\nx"},
    /* parameters */
    {"parameters", "Content-Type: text/plain; ", 1, "a=b;", "\r\n\r\nx"},
    {"parameters without semicolons", "Content-Type: text/plain; ", 1, "a=b c ", "\r\n\r\nx"},
    {"comments after parameters", "Content-Type: text/plain; ", 1, "a=b (", "\r\n\r\nx"},
    {"segments", "Content-Disposition: attachment; ", 1, "filename*%u*=x;", "\r\n\r\nx"},
    {"segments of words", "Content-Disposition: attachment; ", 1, "filename*%u=\"=?utf-8?q?a?=\";", "\r\n\r\nx"},
    {"a long name", "Content-Disposition: attachment; filename*=utf-8''", 1, "%%41", "\r\n\r\nx"},
    {"a long boundary", "Content-Type: multipart/mixed; boundary=\"", 1, "a\\b\r\n c", "\"\r\n\r\nx"},
    {"segments of a boundary", "Content-Type: multipart/mixed; ", 1, "boundary*%u=b;", "\r\n\r\nx"},
    {"a long start", "Content-Type: multipart/related; boundary=b; start=\"", 1, "a",
     "\"\r\n\r\n--b\r\nContent-ID: <a>\r\n\r\ny\r\n"},
    /* parts */
    {"parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", 1, "--b\r\nContent-Type: a/b; name=x\r\n\r\ny\r\n",
     ""},
    {"related parts", "Content-Type: multipart/related; boundary=b\r\n\r\n", 1, "--b\r\nContent-ID: <%u>\r\n\r\ny\r\n",
     ""},
    {"parts with a large header", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n", 1, "X: y\r\n",
     "\r\n"},
    {"a digest", "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n--b\r\n\r\n", 1, "X: y\r\n", "\r\n"},
    {"lines with dashes", "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", DEPTH, "--b\r\n", ""},
    {"lines of dashes", "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", DEPTH, "-", ""},
    {"lines that are nearly boundaries",
     "Content-Type: multipart/mixed; boundary=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb%03u\r\n\r\n"
     "--bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb%03u\r\n",
     DEPTH, "--bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb099\r\n", ""},
    {"no lines of multiparts", "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", DEPTH, "text\r\n", ""},
    {"multiparts without parts", "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", DEPTH - 1,
     "Content-Type: multipart/mixed; boundary=c\r\n\r\n", ""},
    {"messages", "Content-Type: message/rfc822\r\n\r\n", DEPTH, "X: y\r\n", "\r\nx"},
    {"messages without blank lines", "Content-Type: message/rfc822\r\nFrom x\r\n", DEPTH, "X: y\r\n", ""},
    {"messages with odd lines", "Content-Type: message/rfc822\r\nodd\r\n", DEPTH, "X: y\r\n", ""},
    {"messages with odd lines and a blank one", "Content-Type: message/rfc822\r\nodd\r\n", DEPTH, "X: y\r\n", "\r\n"},
    {"messages with odd lines and blank ones", "Content-Type: message/rfc822\r\nodd\r\n", DEPTH, "\r\n", ""},
    {"messages in multiparts",
     "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\nContent-Type: message/rfc822\r\n\r\n", DEPTH / 2,
     "--b\r\n", ""},
    /* bodies */
    {"base64 in pieces", "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1, "QQ==\r\n", ""},
    {"base64 with footers", "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1, "QQ==\r\n-\r\n",
     ""},
    {"blanks in quoted-printable", "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 1,
     " \r\n", ""},
    {"CRs", "\r\n", 1, "\r", ""},
    {"words with colons", "\r\n", 1, "a b: c:d ", ""},
    {"colons without blanks", "\r\n", 1, ":a", ""},
    {"URLs of a text", "\r\n", 1, "http://x%u a ", ""},
    {"uuencoded files", "\r\n", 1, "begin 644 a\r\n#86)C\r\nend\r\n", ""},
    {"uuencoded files that do not end", "\r\n", 1, "begin 644 a\r\n#86)C\r\n", ""},
    {"a uuencoded file that does not end", "\r\nbegin 644 a\r\n", 1, "#86)C\r\n", ""},
    {"uuencode", "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n", 1, "_\r\n", ""},
    {"elements in each other", HTML, 1, "<div>", "x"},
    {"hidden elements", HTML, 1, "<div hidden><p>", "x"},
    {"attributes", HTML "<p ", 1, "a%u=b ", ">x"},
    {"a style", HTML "<p style='", 1, "display:", "'>x"},
    {"comments that do not end", HTML, 1, "<!-- --", "x"},
    {"script that does not end", HTML "<script>", 1, "</scrip", "x"},
    {"references", HTML, 1, "&amp;&am", "x"},
    {"lists", HTML, 1, "<ol><li>x", ""},
    {"links", HTML, 1, "<a href=u%u>x", ""},
    {"links in each other", HTML "<a href=u>", 1, "<b>x ", ""},
    {"URLs", HTML, 1, "http://x%u ", ""},
    {"URLs in a word", HTML, 1, "http://x", ""},
    {"brackets of a URL", HTML "http://x", 1, "()", ""},
    {"line ends of a URL", HTML "http://x", 1, ").", ""},
    {"octets that are no text", "Content-Type: text/plain; charset=utf-8\r\n\r\n", 1, "\xff", ""},
    {"a charset", "Content-Type: text/plain; charset=utf-16\r\n\r\n", 1, "\xd8", ""},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void add_copies(struct text *t, const char *unit, unsigned times, size_t until)
{
    for (unsigned i = 0; *unit != '\0' && (i < times || t->n < until); i++) {
        char copy[512];
        (void)snprintf(copy, sizeof copy, unit, i, i);
        text_add_string(t, copy);
    }
}

static struct text made_of(const struct shape *s, unsigned times, size_t n)
{
    struct text t = {NULL, 0, 0, false};
    add_copies(&t, s->front, times, 0);
    add_copies(&t, s->unit, 0, n);
    text_add_string(&t, s->end);
    assert_false(t.failed);
    return t;
}

/* ---- counting ---- */

static void ignore(void *context, const char *octets, size_t n) { (void)context, (void)octets, (void)n; }

static void match_each(struct message *m, struct mail *mail)
{
    static const char *const words[] = {"subject: ^z$", "to: ^z$", "body: ^z$", "attachment: ^z$"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct match match;
        struct text had = {NULL, 0, 0, false};
        const char *at, *why;
        assert_int_equal(match_parse(&match, words[i], &at, &why), 0);
        match_all(&match, 1, m, mail, &had);
        assert_false(had.failed);
        match_close(&match);
        free(had.p);
    }
}

/* The steps of all that is done with a mail; *opening: of finding its parts. */
static uint64_t steps_of(struct span octets, struct mail *mail, uint64_t *opening)
{
    struct text made = {NULL, 0, 0, false};
    steps = 0;
    struct message *m = message_open(octets);
    assert_non_null(m);
    *opening = steps;
    match_each(m, mail);
    render_json(&made, mail, m);
    render_text(&made, mail, m);
    lint(m, mail);
    for (struct part *p = NULL; (p = message_next_attachment(m, p)) != NULL;)
        (void)message_suffix(p);
    (void)message_field(octets, "subject", (struct sink){ignore, NULL});
    message_close(m);
    assert_false(made.failed);
    free(made.p);
    return steps;
}

static uint64_t steps_of_shape(const struct shape *s, unsigned times, size_t n, uint64_t *opening)
{
    struct mail_recipient recipient = {.address = {"r0@x.test", 9}};
    struct mail mail = {.address = "", .protocol = "SMTP", .recipients = &recipient, .n_recipients = 1};
    struct text t = made_of(s, times, n);
    uint64_t counted = steps_of(text_span(&t), &mail, opening);
    free(t.p);
    return counted;
}

/* ---- growth ---- */

static void test_size(void **state)
{
    const struct shape *s = *state;
    uint64_t opening, few = steps_of_shape(s, s->times, SMALL, &opening),
                      many = steps_of_shape(s, s->times, LARGE, &opening);
    assert_true(few > 1000);
    if (many > few * 5)
        fail_msg("%ju steps for %d octets, %ju for %d", (uintmax_t)few, SMALL, (uintmax_t)many, LARGE);
}

/* The steps that more octets take at a depth. */
static uint64_t steps_at(const struct shape *s, unsigned depth)
{
    uint64_t few, many;
    (void)steps_of_shape(s, depth, SMALL, &few);
    (void)steps_of_shape(s, depth, LARGE, &many);
    return many - few;
}

/* An octet costs about the same however deep it is. */
static void test_depth(void **state)
{
    const struct shape *s = *state;
    uint64_t flat = steps_at(s, 2), deep = steps_at(s, s->times);
    if (deep > flat * 4)
        fail_msg("%ju steps at a depth of 2, %ju at %u", (uintmax_t)flat, (uintmax_t)deep, s->times);
}

static uint64_t steps_with_recipients(size_t n)
{
    struct mail mail = {.address = "", .protocol = "SMTP"};
    struct text t = {NULL, 0, 0, false};
    assert_true(mail_begin(&mail, (struct span){NULL, 0}, (struct span){NULL, 0}));
    mail.address = "";
    mail.protocol = "SMTP";
    text_add_string(&t, "Bcc: ");
    add_copies(&t, "aaa,", 0, LARGE);
    for (size_t i = 0; i < RECIPIENTS; i++) {
        char address[16];
        size_t length = (size_t)sprintf(address, "aaaa%zu@b", i);
        text_add(&t, address, length);
        text_add_string(&t, ",");
        if (i < n)
            assert_true(mail_add_recipient(&mail, (struct span){address, length}, (struct span){NULL, 0}));
    }
    text_add_string(&t, "\r\n\r\nx");
    assert_false(t.failed);
    uint64_t opening, counted = steps_of(text_span(&t), &mail, &opening);
    assert_false(problems_have(&mail.problems, PROBLEM_BCC));
    mail_close(&mail);
    free(t.p);
    return counted;
}

static void test_recipients(void **state)
{
    (void)state;
    uint64_t few = steps_with_recipients(2), many = steps_with_recipients(RECIPIENTS);
    if (many > few * 2)
        fail_msg("%ju steps for 2 recipients, %ju for %d", (uintmax_t)few, (uintmax_t)many, RECIPIENTS);
}

int main(void)
{
    static struct CMUnitTest tests[2 * SHAPES + 1];
    size_t n = 0;
    for (size_t i = 0; i < SHAPES; i++) {
        void *shape = (void *)(uintptr_t)&shapes[i];
        tests[n++] = (struct CMUnitTest){.name = shapes[i].name, .test_func = test_size, .initial_state = shape};
        if (shapes[i].times > 1)
            tests[n++] = (struct CMUnitTest){.name = shapes[i].name, .test_func = test_depth, .initial_state = shape};
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_recipients);
    return _cmocka_run_group_tests("growth", tests, n, NULL, NULL) != 0;
}
