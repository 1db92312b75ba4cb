/*
 * test_html.c - HTML as a person reads it, and its links.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/inside.h"
#include "tests/unit/memory.h"

static void add_link(void *context, struct span text, struct span url)
{
    struct text *t = context;
    text_add(t, text.p, text.n);
    text_add_string(t, "|");
    text_add(t, url.p, url.n);
    text_add_string(t, "\n");
}

/* Adds a NUL. */
static bool ends(struct text *t)
{
    text_add(t, "", 1);
    return !t->failed;
}

/* Reads HTML; text and links are given what it has, with a NUL each.  False if memory ran out.  The links are the same
   if nobody gets the text. */
static bool read_html(struct span html, struct text *text, struct text *all)
{
    struct text octets = {NULL, 0, 0, false}, alone = {NULL, 0, 0, false};
    const struct links links = {add_link, all}, same = {add_link, &alone};
    text_add_string(&octets, "Content-Type: text/html; charset=utf-8\n\n");
    text_add(&octets, html.p, html.n);
    struct message *m = octets.failed ? NULL : message_open(text_span(&octets));
    bool good = m != NULL && m->html != NULL;
    if (good)
        html_text(m, m->html, message_into(text), NULL, &links);
    if (good)
        html_text(m, m->html, (struct sink){NULL, NULL}, NULL, &same);
    bool whole = ends(text) && ends(all) && ends(&alone);
    good = good && whole && !message_failed(m);
    if (good)
        assert_string_equal(alone.p, all->p);
    message_close(m);
    free(alone.p);
    free(octets.p);
    return good;
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *html, *text;
    } rows[] = {
        {"", ""},
        {"plain", "plain\n"},
        {"  one\n two\t three ", "one two three\n"},
        {"a&nbsp;b &#160; c", "a b c\n"},
        {"<p>one</p><p>two</p>", "one\n\ntwo\n"},
        {"<p>one<p>two", "one\n\ntwo\n"},
        {"one<br>two<BR/>three<br><br>four<br><br><br>five", "one\ntwo\nthree\n\nfour\n\nfive\n"},
        {"<div>one</div><div><div>two</div></div>", "one\ntwo\n"},
        {"<h1>head</h1>text", "head\n\ntext\n"},
        {"<b>bo</b>ld <i>it</i>", "bold it\n"},
        {"<ul><li>one</li><li>two<ul><li>in</ul></ul>end", "* one\n* two\n* in\n\nend\n"},
        {"<ol><li>one<li>two</ol><ol><li>one</ol>", "1. one\n2. two\n\n1. one\n"},
        {"<li>no list", "* no list\n"},
        {"<ul><li></li><li>one</ul>", "* one\n"},
        {"<table><tr><td>a</td><td> b </td></tr><tr><th>c<td>d</table>", "a  b\nc  d\n"},
        {"<table><tr><td></td><td>&nbsp;</td><td>x</td></tr></table>", "x\n"},
        {"<pre>\n a\n\n\n  b\t c \n</pre>d", " a\n\n\n  b\t c \n\nd\n"},
        {"<img src=x alt='a &amp; b'> c", "a & b c\n"},
        {"<img alt='two\n lines'><a href=u><img alt='a\tb'></a>", "two linesa b <u>\n"},
        {"<img src=x> c", "c\n"},
        {"a<hr>b", "a\n\nb\n"},
        /* characters */
        {"&lt;p&gt; &eacute;&Eacute; &#233;&#xE9;&#XE9; &euro; &quot;&apos;&amp;amp;",
         "<p> \xc3\xa9\xc3\x89 \xc3\xa9\xc3\xa9\xc3\xa9 "
         "\xe2\x82\xac \"'&amp;\n"},
        {"&copy 2026 &nbsp &#65 &reg&nosuch; &nosuch &; & &#; &#x; AT&T",
         "\xc2\xa9 2026 A \xc2\xae&nosuch; &nosuch &; & &#; &#x; AT&T\n"},
        {"a&lt<b>b</b>&am<i>p;</i>", "a<b&amp;\n"},
        {"a < b <3 <> </> c", "a < b <3 <> c\n"},
        {"so\xc2\xad"
         "ft ze\xe2\x80\x8bro \xef\xbb\xbf \xe2\x80\x8c \xcd\x8f \xe2\x80\x8c end",
         "soft zero end\n"},
        {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb\n"},
        /* what is not shown */
        {"<head><title>t</title><style>s</style></head>text", "text\n"},
        {"<html><head><meta charset=x><link rel=x><title>t</title><body>text", "text\n"},
        {"<head><title>t</title><p>text", "text\n"},
        {"a<script>if (a < b) '</p></scrip></SCRIPT >b", "ab\n"},
        {"a<style>p</style\f>b", "ab\n"},
        {"a<style>p > b {}", "a\n"},
        {"a<!-- b --> <!---->c<!--> d --> e<!-- > -- > <b> - -->f", "a c d --> ef\n"},
        {"a<!-- b", "a\n"},
        {"a<!-- b -!> ! > --!x> --!>c<!-- --!--!-->d", "acd\n"},
        {"<head>\n<title>t</title> text<b>b</b>", "textb\n"},
        {"a<head> b</head>", "ab\n"},
        {"<head> <3</head>", "<3\n"},
        {"a<!doctype html><?xml x?><![if !mso]>b<![endif]>c</ d>e", "abce\n"},
        {"<!--[if mso]>no<![endif]-->yes", "yes\n"},
        {"<div style='display:none'>pre<div>x</div>header</div>text", "text\n"},
        {"<div style=\"color: red; DISPLAY :\n none !important\">pre</div>text", "text\n"},
        {"<div style=\"display:none-such\">x</div>", ""},
        {"<div style=\"display:block\">x</div>", "x\n"},
        {"<div style='a' style='display:none'>x</div>", "x\n"},
        {"<p hidden>a<p>b", "b\n"},
        {"<p><span style=display:none>a</p>b", "b\n"},
        {"<span style='display:none'>a<b>b</b></span>c", "c\n"},
        {"<table><tr><td hidden>a<table><tr><td>b</td></tr></table>c<td>d</table>", "d\n"},
        {"<table><tr style='display:none'><td>a<tr><td>b</table>", "b\n"},
        {"<ul><li hidden>a<ul><li>b</ul><li>c</ul>", "* c\n"},
        {"a<br style='display:none'>b<img alt=x hidden>c", "abc\n"},
        {"<div hidden>a", ""},
        {"<template><p>a</template>b", "b\n"},
        /* tags in odd shapes */
        {"<B\n>a</b\t>b<i/>c<i / >d", "abcd\n"},
        {"a<b", "a\n"},
        {"a<b x='>'>b", "ab\n"},
        {"a<b x=\">\" y=> c", "a c\n"},
        {"<p =x>a<p \"=y>b<p a = 'b' c>c", "a\n\nb\n\nc\n"},
        {"<averylongnameofanelementthatis>a", "a\n"},
        {"<o:p>a</o:p>", "a\n"},
        /* links */
        {"<a href=https://x.test/>x</a> y", "x <https://x.test/> y\n"},
        {"<a href='https://x.test/'>x.test</a> <a href=mailto:a@x.test>a@x.test</a>", "x.test a@x.test\n"},
        {"<a href='https://x.test/?a=1&amp;b=2&copy=3'><b>go</b> on</a>.", "go on <https://x.test/?a=1&b=2&copy=3>.\n"},
        {"<a href=\" https://x.test/\n a \"><div>x</div></a>y", "x <https://x.test/ a>\ny\n"},
        {"<a href=u><img alt=logo></a><a href=v><img></a>", "logo <u> <v>\n"},
        {"<a href='#top'>top</a> <a name=x>n</a> <a>m</a>", "top n m\n"},
        {"<a href=u>a<a href=v>b", "a <u>b <v>\n"},
    };
    struct text text = {NULL, 0, 0, false}, all = {NULL, 0, 0, false};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text.n = all.n = 0;
        assert_true(read_html(span_of(rows[i].html), &text, &all));
        if (strcmp(text.p, rows[i].text) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", rows[i].html, text.p, rows[i].text);
    }
    free(text.p);
    free(all.p);
}

static void test_links(void **state)
{
    (void)state;
    static const struct {
        const char *html, *links;
    } rows[] = {
        {"no", ""},
        {"<a href='https://x.test/?a=1&amp;b=2'>go <b>on</b><br>now</a>", "go on now|https://x.test/?a=1&b=2\n"},
        {"<a href=u><img alt='the logo'></a><a href=u></a>", "the logo|u\n|u\n"},
        {"<a href=u>a<a href=v>b", "a|u\nb|v\n"},
        {"<a href='#x'>a</a><a href=''>b</a><a name=c>c</a>", ""},
        {"<div hidden><a href=u>a</a></div>", ""},
        {"<!-- <a href=u>a</a> -->", ""},
        {"see https://x.test/a?b=1&amp;c=2, (http://y.test/d_(e)) or <b>HTTPS://z.test/</b>.",
         "https://x.test/a?b=1&c=2|https://x.test/a?b=1&c=2\nhttp://y.test/d_(e)|http://y.test/d_(e)\n"
         "HTTPS://z.test/|HTTPS://z.test/\n"},
        {"\xe2\x80\x9ehttp://x.test/\xc3\xa4?a\xe2\x80\x9c \xc2\xabhttp://y.test/\xc2\xbb "
         "http://z.test/\xe3\x80\x82\xe4\xb8\x8b",
         "http://x.test/\xc3\xa4?a|http://x.test/\xc3\xa4?a\nhttp://y.test/|http://y.test/\nhttp://z.test/|http://"
         "z.test/\n"},
        {"(http://x.test/a\xef\xbc\x89 http://y.test/\xef\xbc\xa1",
         "http://x.test/a|http://x.test/a\nhttp://y.test/\xef\xbc\xa1|http://y.test/\xef\xbc\xa1\n"},
        {"https://<br>http:// x://y xhttp://a.test", "http://a.test|http://a.test\n"},
        {"<a href=u>https://x.test</a> https://y.test", "https://x.test|u\nhttps://y.test|https://y.test\n"},
        {"https://x.test<a href=u>v</a>/y", "https://x.test|https://x.test\nv|u\n"},
        {"ht<b>tps</b>://x.test/a", "https://x.test/a|https://x.test/a\n"},
        {"<pre>https://x.test\nhttps://y.test</pre>", "https://x.test|https://x.test\nhttps://y.test|https://y.test\n"},
    };
    struct text text = {NULL, 0, 0, false}, all = {NULL, 0, 0, false};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text.n = all.n = 0;
        assert_true(read_html(span_of(rows[i].html), &text, &all));
        if (strcmp(all.p, rows[i].links) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", rows[i].html, all.p, rows[i].links);
    }
    free(text.p);
    free(all.p);
}

static void add_value(void *context, const char *element, const char *attribute, struct span value)
{
    struct text *t = context;
    text_add_string(t, element);
    text_add_string(t, " ");
    text_add_string(t, attribute);
    text_add_string(t, "=");
    text_add(t, value.p, value.n);
    text_add_string(t, "\n");
}

static void replace(struct text *t, char wanted, char with)
{
    for (char *p; t->n > 0 && (p = memchr(t->p, wanted, t->n)) != NULL;)
        *p = with;
}

/* A NUL in a name stands for U+FFFD (HTML 13.2.5.8, 13.2.5.33), so it is another name.  Here ^ stands for it. */
static void test_nul_in_names(void **state)
{
    (void)state;
    static const struct {
        const char *html, *text, *values;
    } rows[] = {
        {"a<script^>b</script>c", "abc\n", ""},
        {"a<^script>b", "a<^script>b\n", ""},
        {"a<style>b</style^>c</^style>d</style>e", "ae\n", "style =b\nstyle =^>c\nstyle =^style>d\n"},
        {"a<br^>b</p^>c<p ^>d", "abc\n\nd\n", ""},
        {"a<template^ src=u>b", "ab\n", "template? src=u\n"},
        {"<a href^=u ^href=v>x</a>", "x\n", "a href?=u\na ?href=v\n"},
        {"<a^ href=u>x</a>", "x\n", "a? href=u\n"},
        {"<p hidden^>a<p ^hidden>b<p style^=display:none>c<img alt^=d>", "a\n\nb\n\nc\n",
         "p style?=display:none\nimg alt?=d\n"},
        {"<img src^=u ^=v s^rc=w>", "", "img src?=u\nimg ?=v\nimg s?rc=w\n"},
        {"<iframe^ srcdoc^=x>a</iframe>", "a\n", "iframe? srcdoc?=x\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text html = {NULL, 0, 0, false}, text = html, all = html, values = html;
        const struct html_watch watch = {add_value, &values};
        struct message m = {.stop = NULL};
        text_add_string(&html, rows[i].html);
        replace(&html, '^', '\0');
        assert_true(read_html(text_span(&html), &text, &all));
        html_watch(&m, text_span(&html), &watch, NULL);
        text.n--;
        replace(&text, '\0', '^');
        replace(&values, '\0', '^');
        assert_true(ends(&values));
        if (strcmp(text.p, rows[i].text) != 0 || strcmp(values.p, rows[i].values) != 0)
            fail_msg("%s: \"%s\" and \"%s\", not \"%s\" and \"%s\"", rows[i].html, text.p, values.p, rows[i].text,
                     rows[i].values);
        free(html.p);
        free(text.p);
        free(all.p);
        free(values.p);
    }
}

/* The source comes in pieces of any length. */
static void test_pieces(void **state)
{
    (void)state;
    static const char unit[] =
        "<p CLASS='a>b' style=\"x\">J&eacute;r&ocirc;me &amp <a href='https://x.test/?a&amp;b'>li<b>n</b>k</a>"
        "<!-- -> -- --><script> </scr </script ><ul><li>\xe2\x82\xac \xc2\xa0 x</ul><br/>";
    static const char shown[] = "J\xc3\xa9r\xc3\xb4me & link <https://x.test/?a&b>\n\n* \xe2\x82\xac x\n\n";
    struct text html = {NULL, 0, 0, false}, expected = {NULL, 0, 0, false}, text = expected, all = expected;
    for (int i = 0; i < 300; i++) {
        text_add_string(&html, unit);
        text_add(&expected, shown, sizeof shown - 1);
        for (int k = 0; k < i % 3; k++)
            text_add_string(&html, " ");
    }
    assert_true(read_html(text_span(&html), &text, &all));
    assert_int_equal(text.n, expected.n);
    assert_memory_equal(text.p, expected.p, expected.n - 1);
    free(html.p);
    free(expected.p);
    free(text.p);
    free(all.p);
}

/* Memory that runs out is always told. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    static const char html[] =
        "<p style='color:red'>text <a href='https://x.test/'>link <img alt='x'></a> https://y.test";
    for (memory_fails_at = 1;; memory_fails_at++) {
        struct text text = {NULL, 0, 0, false}, all = {NULL, 0, 0, false};
        memory_requests = 0;
        bool good = read_html((struct span){html, sizeof html - 1}, &text, &all),
             ran_out = memory_requests >= memory_fails_at;
        free(text.p);
        free(all.p);
        assert_int_equal(good, !ran_out);
        if (!ran_out)
            break;
    }
    assert_true(memory_fails_at > 8);
    memory_fails_at = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_links),           cmocka_unit_test(test_nul_in_names),
        cmocka_unit_test(test_pieces), cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("HTML as a person reads it", tests, NULL, NULL) != 0;
}
