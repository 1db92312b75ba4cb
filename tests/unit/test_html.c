/* SPDX-License-Identifier: ISC */
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

/* Names of character references with their characters: those of HTML 4 (24.1), and apos. */
static const char references[] =
    " AElig=c6 Aacute=c1 Acirc=c2 Agrave=c0 Alpha=391 Aring=c5 Atilde=c3 Auml=c4 Beta=392 Ccedil=c7 Chi=3a7 "
    "Dagger=2021 Delta=394 ETH=d0 Eacute=c9 Ecirc=ca Egrave=c8 Epsilon=395 Eta=397 Euml=cb Gamma=393 Iacute=cd "
    "Icirc=ce Igrave=cc Iota=399 Iuml=cf Kappa=39a Lambda=39b Mu=39c Ntilde=d1 Nu=39d OElig=152 Oacute=d3 Ocirc=d4 "
    "Ograve=d2 Omega=3a9 Omicron=39f Oslash=d8 Otilde=d5 Ouml=d6 Phi=3a6 Pi=3a0 Prime=2033 Psi=3a8 Rho=3a1 "
    "Scaron=160 Sigma=3a3 THORN=de Tau=3a4 Theta=398 Uacute=da Ucirc=db Ugrave=d9 Upsilon=3a5 Uuml=dc Xi=39e "
    "Yacute=dd Yuml=178 Zeta=396 aacute=e1 acirc=e2 acute=b4 aelig=e6 agrave=e0 alefsym=2135 alpha=3b1 amp=26 "
    "and=2227 ang=2220 apos=27 aring=e5 asymp=2248 atilde=e3 auml=e4 bdquo=201e beta=3b2 brvbar=a6 bull=2022 "
    "cap=2229 ccedil=e7 cedil=b8 cent=a2 chi=3c7 circ=2c6 clubs=2663 cong=2245 copy=a9 crarr=21b5 cup=222a "
    "curren=a4 dArr=21d3 dagger=2020 darr=2193 deg=b0 delta=3b4 diams=2666 divide=f7 eacute=e9 ecirc=ea egrave=e8 "
    "empty=2205 emsp=2003 ensp=2002 epsilon=3b5 equiv=2261 eta=3b7 eth=f0 euml=eb euro=20ac exist=2203 fnof=192 "
    "forall=2200 frac12=bd frac14=bc frac34=be frasl=2044 gamma=3b3 ge=2265 gt=3e hArr=21d4 harr=2194 hearts=2665 "
    "hellip=2026 iacute=ed icirc=ee iexcl=a1 igrave=ec image=2111 infin=221e int=222b iota=3b9 iquest=bf isin=2208 "
    "iuml=ef kappa=3ba lArr=21d0 lambda=3bb lang=2329 laquo=ab larr=2190 lceil=2308 ldquo=201c le=2264 lfloor=230a "
    "lowast=2217 loz=25ca lrm=200e lsaquo=2039 lsquo=2018 lt=3c macr=af mdash=2014 micro=b5 middot=b7 minus=2212 "
    "mu=3bc nabla=2207 nbsp=a0 ndash=2013 ne=2260 ni=220b not=ac notin=2209 nsub=2284 ntilde=f1 nu=3bd oacute=f3 "
    "ocirc=f4 oelig=153 ograve=f2 oline=203e omega=3c9 omicron=3bf oplus=2295 or=2228 ordf=aa ordm=ba oslash=f8 "
    "otilde=f5 otimes=2297 ouml=f6 para=b6 part=2202 permil=2030 perp=22a5 phi=3c6 pi=3c0 piv=3d6 plusmn=b1 "
    "pound=a3 prime=2032 prod=220f prop=221d psi=3c8 quot=22 rArr=21d2 radic=221a rang=232a raquo=bb rarr=2192 "
    "rceil=2309 rdquo=201d real=211c reg=ae rfloor=230b rho=3c1 rlm=200f rsaquo=203a rsquo=2019 sbquo=201a "
    "scaron=161 sdot=22c5 sect=a7 shy=ad sigma=3c3 sigmaf=3c2 sim=223c spades=2660 sub=2282 sube=2286 sum=2211 "
    "sup=2283 sup1=b9 sup2=b2 sup3=b3 supe=2287 szlig=df tau=3c4 there4=2234 theta=3b8 thetasym=3d1 thinsp=2009 "
    "thorn=fe tilde=2dc times=d7 trade=2122 uArr=21d1 uacute=fa uarr=2191 ucirc=fb ugrave=f9 uml=a8 upsih=3d2 "
    "upsilon=3c5 uuml=fc weierp=2118 xi=3be yacute=fd yen=a5 yuml=ff zeta=3b6 zwj=200d zwnj=200c ";

/* A reference with a name that is known is undone, and one with another name stays. */
static void check_reference(const char *name)
{
    char word[32], written[32], character[4];
    unsigned c;
    struct text got = {NULL, 0, 0, false};
    (void)snprintf(word, sizeof word, " %s=", name);
    (void)snprintf(written, sizeof written, "&%s;", name);
    struct span expected = span_of(written);
    const char *known = strstr(references, word);
    if (known != NULL && sscanf(known + strlen(word), "%x", &c) == 1)
        expected = (struct span){character, utf8_encode(c, character)};
    entity_undo(span_of(written), &got);
    if (got.n != expected.n || memcmp(got.p, expected.p, got.n) != 0)
        fail_msg("%s becomes %.*s", written, (int)got.n, got.p);
    free(got.p);
}

/* Each name, and each that lacks a letter, has one twice, or one more at its end. */
static void test_references(void **state)
{
    char name[16], near[16];
    int n;
    size_t known = 0;
    (void)state;
    for (const char *p = references; sscanf(p, " %15[^=]=%*x%n", name, &n) == 1; p += n, known++) {
        size_t length = strlen(name);
        check_reference(name);
        for (size_t i = 0; i < length; i++) {
            (void)snprintf(near, sizeof near, "%.*s%s", (int)i, name, name + i + 1);
            check_reference(near);
            (void)snprintf(near, sizeof near, "%.*s%s", (int)i + 1, name, name + i);
            check_reference(near);
        }
        for (char c = '1'; c <= 'z'; c = c == '9' ? 'A' : c == 'Z' ? 'a' : (char)(c + 1)) {
            (void)snprintf(near, sizeof near, "%s%c", name, c);
            check_reference(near);
        }
    }
    assert_int_equal(known, 253);
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
        cmocka_unit_test(test_text),       cmocka_unit_test(test_links),  cmocka_unit_test(test_nul_in_names),
        cmocka_unit_test(test_references), cmocka_unit_test(test_pieces), cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("HTML as a person reads it", tests, NULL, NULL) != 0;
}
