/* SPDX-License-Identifier: ISC */
/*
 * test_charset.c - octets of a charset as UTF-8, a row each: a label, octets,
 * the text, and what is noted.
 *
 * Each row runs in one piece and again octet by octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/inside.h"

#define P(problem) ((uint64_t)1 << PROBLEM_##problem)
#define TEXT(text) text, sizeof(text) - 1
#define BAD "\xef\xbf\xbd"

static const struct row {
    const char *label;
    const char *input;
    size_t n;
    const char *output;
    size_t output_n;
    uint64_t problems;
} rows[] = {
    /* ---- names of UTF-8, and names that say nothing: RFC 1428 ---- */
    {"UTF-8", TEXT("Gr\xc3\xbc\xc3\x9f"), TEXT("Grüß"), 0},
    {"utf8", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"utf_8", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"utf8mb4", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"unicode-1-1-utf-8", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"x-unicode20utf8", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"csUTF8", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"cp65001", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"65001", TEXT("\xc3\xbc"), TEXT("ü"), 0},
    {"'utf-8'", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"\"iso-8859-1\"", TEXT("\xfc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"charset=utf-8", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"unknown-8bit", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"x-unknown", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"default", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"default_charset", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"none", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"binary", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"8bit", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"x-user-defined", TEXT("\xc3\xbc"), TEXT("ü"), P(UNKNOWN_CHARSET)},
    {"unknown-8bit",
     TEXT("Gr\xfc\xdf"
          "e \xc3\xbc"),
     TEXT("Gr" BAD BAD "e ü"), P(UNKNOWN_CHARSET) | P(UNDECODABLE)},

    /* ---- ones that libraries know, and mail does not use ---- */
    {"iso-2022-cn-ext", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"IBM1364", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"EBCDIC-US", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"cp037", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"TSCII", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"UTF-32", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"wchar_t", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"INTERNAL", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"latin1//TRANSLIT", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"../../x", TEXT("a"), TEXT("a"), P(UNKNOWN_CHARSET)},

    /* ---- US-ASCII and ISO 8859-1: RFC 2046 4.1.2 ---- */
    {"us-ascii", TEXT("plain"), TEXT("plain"), 0},
    {"ANSI_X3.4-1968", TEXT("\xc3\xbc"), TEXT("ü"), P(UNDECLARED_8BIT)},
    {"us-ascii", TEXT("caf\xe9 \x93x\x94 \xe2\x82"), TEXT("café “x” â‚"), P(UNDECLARED_8BIT)},
    {"us-ascii", TEXT("\x81"), TEXT(BAD), P(UNDECLARED_8BIT) | P(UNDECODABLE)},
    {"iso-8859-1", TEXT("\xa0\xe9\xff"), TEXT("\xc2\xa0éÿ"), 0},
    {"iso-8859-1", TEXT("\x80 \x93x\x94"), TEXT("€ “x”"), P(WINDOWS_OCTETS)},
    {"iso-8859-1", TEXT("\x81"), TEXT(BAD), P(WINDOWS_OCTETS) | P(UNDECODABLE)},
    {"ISO_8859-1:1987", TEXT("\xe9"), TEXT("é"), 0},
    {"latin1", TEXT("\xe9"), TEXT("é"), 0},
    {"l1", TEXT("\xe9"), TEXT("é"), 0},
    {"csISOLatin1", TEXT("\xe9"), TEXT("é"), 0},
    {"iso-ir-100", TEXT("\xe9"), TEXT("é"), 0},
    {"ibm819", TEXT("\xe9"), TEXT("é"), 0},
    {"windows-1252", TEXT("\x80 \x93x\x94 \xe9"), TEXT("€ “x” é"), 0},
    {"windows-1252", TEXT("a\x81"), TEXT("a" BAD), P(UNDECODABLE)},
    {"x-cp1252", TEXT("\x80"), TEXT("€"), 0},
    {"win-1252", TEXT("\x80"), TEXT("€"), 0},
    {"1252", TEXT("\x80"), TEXT("€"), 0},

    /* ---- others of an octet for a character ---- */
    {"iso-8859-2", TEXT("\xa1\xb1"), TEXT("Ąą"), 0},
    {"iso-8859-2", TEXT("\x84"), TEXT("\xc2\x84"), P(WINDOWS_OCTETS)},
    {"latin2", TEXT("\xb1"), TEXT("ą"), 0},
    {"windows-1250", TEXT("\x84\xb9"), TEXT("„ą"), 0},
    {"windows-1251", TEXT("\xcf\x88"), TEXT("П€"), 0},
    {"cp-1251", TEXT("\xcf"), TEXT("П"), 0},
    {"windows-1253", TEXT("\xc1"), TEXT("Α"), 0},
    {"windows-1255", TEXT("\xe0"), TEXT("א"), 0},
    {"windows-1256", TEXT("\xc7"), TEXT("ا"), 0},
    {"windows-1257", TEXT("\xe0"), TEXT("ą"), 0},
    {"windows-1258", TEXT("\xd5"), TEXT("Ơ"), 0},
    {"iso-8859-3", TEXT("\xa6"), TEXT("Ĥ"), 0},
    {"iso-8859-4", TEXT("\xa2"), TEXT("ĸ"), 0},
    {"iso-8859-5", TEXT("\xbf"), TEXT("П"), 0},
    {"cyrillic", TEXT("\xbf"), TEXT("П"), 0},
    {"iso-8859-6", TEXT("\xc7"), TEXT("ا"), 0},
    {"iso-8859-6-i", TEXT("\xc7"), TEXT("ا"), 0},
    {"iso-8859-7", TEXT("\xc1"), TEXT("Α"), 0},
    {"iso-8859-8-e", TEXT("\xe0"), TEXT("א"), 0},
    {"logical", TEXT("\xe0"), TEXT("א"), 0},
    {"iso-8859-9", TEXT("\xdd \x93"), TEXT("İ “"), P(WINDOWS_OCTETS)},
    {"latin5", TEXT("\xdd"), TEXT("İ"), 0},
    {"windows-1254", TEXT("\xdd \x93"), TEXT("İ “"), 0},
    {"iso-8859-10", TEXT("\xa1"), TEXT("Ą"), 0},
    {"iso-8859-13", TEXT("\xc0"), TEXT("Ą"), 0},
    {"iso-8859-14", TEXT("\xd0"), TEXT("Ŵ"), 0},
    {"iso-8859-15", TEXT("\xa4"), TEXT("€"), 0},
    {"latin-9", TEXT("\xa4"), TEXT("€"), 0},
    {"iso-8859-16", TEXT("\xa4"), TEXT("€"), 0},
    {"iso-8859-11", TEXT("\xa1\x85"), TEXT("ก…"), P(WINDOWS_OCTETS)},
    {"tis-620", TEXT("\xca\xc7\xd1\xca\xb4\xd5"), TEXT("สวัสดี"), 0},
    {"windows-874", TEXT("\x80\xa1\xfb\xdb"), TEXT("€ก๛" BAD), P(UNDECODABLE)},
    {"koi8-r", TEXT("\xf0\x80"), TEXT("П─"), 0},
    {"koi", TEXT("\xf0"), TEXT("П"), 0},
    {"koi8-u", TEXT("\xa4"), TEXT("є"), 0},
    {"ibm866", TEXT("\x8f"), TEXT("П"), 0},
    {"cp437", TEXT("\x81"), TEXT("ü"), 0},
    {"ibm850", TEXT("\x81\xe1"), TEXT("üß"), 0},
    {"cp858", TEXT("\xd5"), TEXT("€"), 0},
    {"macintosh", TEXT("\x8a\xdb"), TEXT("ä€"), 0},
    {"x-mac-roman", TEXT("\x8a"), TEXT("ä"), 0},
    {"x-mac-cyrillic", TEXT("\x8f\xff"), TEXT("П€"), 0},
    {"unicode-1-1-utf-7", TEXT("+AOk- 1+-1"), TEXT("é 1+1"), 0},

    /* ---- UTF-16 ---- */
    {"utf-16", TEXT("\xff\xfe\xe9\x00"), TEXT("é"), 0},
    {"utf-16", TEXT("\xfe\xff\x00\xe9\xd8\x3d\xde\x00"), TEXT("é😀"), 0},
    {"utf-16", TEXT("\xe9\x00"), TEXT("é"), 0},
    {"utf-16le", TEXT("\xff\xfe\x3d\xd8\x00\xde"), TEXT("😀"), 0},
    {"utf-16be", TEXT("\x00\xe9"), TEXT("é"), 0},
    {"unicode", TEXT("\xe9\x00"), TEXT("é"), 0},
    {"unicodeFFFE", TEXT("\x00\xe9"), TEXT("é"), 0},
    {"utf-16be", TEXT("\xd8\x3d\x00\x41\xdc\x00\x00\x42\x00"), TEXT(BAD "A" BAD "B" BAD), P(UNDECODABLE)},

    /* ---- Shift_JIS: CP932 ---- */
    {"Shift_JIS", TEXT("~ann\\ \x87@ \xfa\xb1 \xb1\xb0"), TEXT("~ann\\ ① 﨑 ｱｰ"), 0},
    {"x-sjis", TEXT("\x93\xfa\x96{"), TEXT("日本"), 0},
    {"windows-31j", TEXT("\x81`\x81|\x81_\x81\x91"), TEXT("～－＼￠"), 0},
    {"cp932", TEXT("\xee\xef\xfa@\xfaJ\xfaX\xed@\xfc\x4b"), TEXT("ⅰⅰⅠ㈱纊黑"), 0},
    {"ms_kanji", TEXT("\xf0@\xf9\xfc"), TEXT("\xee\x80\x80\xee\x9d\x97"), 0},
    {"ms932", TEXT("\x93\xfa"), TEXT("日"), 0},
    {"csShiftJIS", TEXT("\x93\xfa"), TEXT("日"), 0},
    {"shift_jis", TEXT("\x93<\x93\xfa\x80 \xa0 \x85@A\x85\xa0\x93\xfa\x93"),
     TEXT(BAD "<日" BAD " " BAD " " BAD "@A" BAD "日" BAD), P(UNDECODABLE)},

    /* ---- EUC-JP ---- */
    {"euc-jp", TEXT("\xc6\xfc\xcb\xdc \xad\xa1 \x8e\xb1 \xf9\xa1 \x8f\xb0\xa1"), TEXT("日本 ① ｱ 纊 丂"), 0},
    {"euc-jp", TEXT("\xa1\xc1\xa1\xc2\xa1\xdd\xa1\xf1\xa1\xf2\xa2\xcc\xa1\xc0"), TEXT("～∥－￠￡￢＼"), 0},
    {"eucJP-ms", TEXT("\x8f\xf3\xf3\x8f\xf4\xab"), TEXT("ⅰ㈱"), 0},
    {"cp51932", TEXT("\xfc\xf1\xad\xea"), TEXT("ⅰ㈱"), 0},
    {"x-euc-jp", TEXT("\xc6\xfc"), TEXT("日"), 0},
    {"ujis", TEXT("\xc6\xfc"), TEXT("日"), 0},
    {"Extended_UNIX_Code_Packed_Format_for_Japanese", TEXT("\xc6\xfc"), TEXT("日"), 0},
    {"euc-jp", TEXT("\xc6<\xc6\xfc\x8f\xb0<\x8e<\x80\xc6\xfc\xa9\xa1\xc6\xfc\xf5\xa1\xff\x8f"),
     TEXT(BAD "<日" BAD "<" BAD "<" BAD "日" BAD "日" BAD BAD BAD), P(UNDECODABLE)},

    /* ---- ISO-2022-JP: RFC 1468, and its vendors' ways ---- */
    {"ISO-2022-JP", TEXT("a \x1b$BF|K\\\x1b(B b"), TEXT("a 日本 b"), 0},
    {"iso-2022-jp", TEXT("\x1b$B-!-j\x1b(B \x1b(I10\x1b(B"), TEXT("①㈱ ｱｰ"), 0},
    {"iso-2022-jp", TEXT("\x1b$BNry!|q\x1b(B"), TEXT("歴纊ⅰ"), 0},
    {"iso-2022-jp", TEXT("\x1b$@F|\x1b(J\\~a\x1b$(BF|\x1b(B\\~"), TEXT("日¥‾a日\\~"), 0},
    {"iso-2022-jp-1", TEXT("\x1b$(D0!\x1b$BF|\x1b(B"), TEXT("丂日"), 0},
    {"iso-2022-jp-ms", TEXT("\x1b$B-!\x1b(B"), TEXT("①"), 0},
    {"cp50220", TEXT("\x1b$B-!\x1b(I1\x1b(B"), TEXT("①ｱ"), 0},
    {"cp50221", TEXT("\x1b$B-!\x1b(I1\x1b(B"), TEXT("①ｱ"), 0},
    {"cp50222",
     TEXT("\x1b$B-!\x1b(B\x0e"
          "1\x0f"
          "1"),
     TEXT("①ｱ1"), 0},
    {"csISO2022JP", TEXT("\x1b$BF|\x1b(B"), TEXT("日"), 0},
    {"iso-2022-jp",
     TEXT("\x1b$BF|\nb\r\n\x0e"
          "1\nb"),
     TEXT("日\nb\r\nｱ\nb"), 0},
    {"iso-2022-jp", TEXT("\x1b$B!A!B!]\x1b(B"), TEXT("～∥－"), 0},
    {"iso-2022-jp", TEXT("\x1b$BF|F\x1b(Ba \x1b$BF|)!F|\x1b(B\xc6\xfc\x1b(Xb\x1b$BF|F\nb\x1b(I`1\x1b$BF\x0f|!!\x1b"),
     TEXT("日" BAD "a 日" BAD "日" BAD BAD BAD "(Xb日" BAD "\nb" BAD "ｱ" BAD "釗" BAD BAD), P(UNDECODABLE)},

    /* ---- EUC-KR: CP949 ---- */
    {"euc-kr", TEXT("\xb0\xa1\xa2\xe6 \x81\x41\xc6\x52\xa1\x41\xa0\xfe"), TEXT("가€ 갂힣좥좤"), 0},
    {"ks_c_5601-1987", TEXT("\xb0\xa1\x8c\x63"), TEXT("가똠"), 0},
    {"windows-949", TEXT("\x8c\x63"), TEXT("똠"), 0},
    {"cp949", TEXT("\x8c\x63"), TEXT("똠"), 0},
    {"uhc", TEXT("\x8c\x63"), TEXT("똠"), 0},
    {"korean", TEXT("\xb0\xa1"), TEXT("가"), 0},
    {"iso-ir-149", TEXT("\xb0\xa1"), TEXT("가"), 0},
    {"KSC5601", TEXT("\xb0\xa1"), TEXT("가"), 0},
    {"euc-kr",
     TEXT("\xc8<\xb0\xa1\xc8"
          "A\xc9\xa1\xb0\xa1\xc6"
          "S\xfe\xb0\xa1\x80\xb0"),
     TEXT(BAD "<가" BAD "A" BAD "가" BAD "S" BAD "가" BAD BAD), P(UNDECODABLE)},
    {"iso-2022-kr",
     TEXT("\x1b$)Ca \x0e"
          "0!\x0f 0!\n\x0e"
          "0!\n0!"),
     TEXT("a 가 0!\n가\n0!"), 0},

    /* ---- Chinese ---- */
    {"gb2312", TEXT("\xc4\xe3\xba\xc3 \xe9\x46 \x80 \x94\x39\xda\x33 \x81\x30\x86\x30"),
     TEXT("你好 镕 € 💩 "
          "\xc2\xb8"),
     0},
    {"gbk", TEXT("\xe9\x46"), TEXT("镕"), 0},
    {"x-gbk", TEXT("\xe9\x46"), TEXT("镕"), 0},
    {"cp936", TEXT("\xe9\x46"), TEXT("镕"), 0},
    {"chinese", TEXT("\xc4\xe3"), TEXT("你"), 0},
    {"gb_2312-80", TEXT("\xc4\xe3"), TEXT("你"), 0},
    {"gb18030", TEXT("\xa6\xd9\xa8\xbc\xfe\x59\xfe\x51\x90\x30\x81\x30\xe3\x32\x9a\x35"),
     TEXT("︐ḿ龴𠂇𐀀\xf4\x8f\xbf\xbf"), 0},
    {"gbk", TEXT("\xc4<\xc4\xe3\x81\x30<\xff\x81\x7f\xc4\xe3\x81\x30\x81<\xe3\x32\x9a\x36\xc4"),
     TEXT(BAD "<你" BAD "0<" BAD BAD "\x7f你" BAD "0" BAD "<" BAD "2" BAD "6" BAD), P(UNDECODABLE)},
    {"big5", TEXT("\xa7\x41\xa6\x6e \xa1\x45\xa1\xfe\xa2\x40\xa1\xe3\xa3\xe1\xa3\xe0"), TEXT("你好 ‧／＼～€␡"), 0},
    {"big5-hkscs", TEXT("\x87\x40 \x88\x62\x88\x66 \xfe\xfe \xf9\xd6"), TEXT("䏰 Ê̄Ê 秔 碁"), 0},
    {"x-x-big5", TEXT("\xf9\xd6"), TEXT("碁"), 0},
    {"cn-big5", TEXT("\xf9\xd6"), TEXT("碁"), 0},
    {"cp950", TEXT("\xf9\xd6"), TEXT("碁"), 0},
    {"big5", TEXT("\xa7<\xa7\x41\x81\x40\xa7\x41\xa7\x80\xa7\x41\xff\x80\xa7"),
     TEXT(BAD "<你" BAD "@你" BAD "你" BAD BAD BAD), P(UNDECODABLE)},
};

struct output {
    size_t n;
    char text[512];
};

static void add(void *context, const char *octets, size_t n)
{
    struct output *o = context;
    assert_true(n > 0 && n <= sizeof o->text - o->n);
    assert_true(utf8_is_valid((struct span){octets, n})); /* and each character is whole */
    memcpy(o->text + o->n, octets, n);
    o->n += n;
}

/* Converts octets in pieces of this size. */
static uint64_t convert(const char *label, struct span octets, size_t piece, struct output *o)
{
    struct message m = {.n = 0};
    struct charset c;
    o->n = 0;
    charset_open(&c, &m, span_of(label), (struct sink){add, o});
    while (octets.n > 0) {
        size_t n = octets.n < piece ? octets.n : piece;
        charset_put(&c, octets.p, n);
        span_skip(&octets, n);
    }
    charset_close(&c);
    return m.problems.bits[0];
}

static void test_row(void **state)
{
    const struct row *r = *state;
    for (size_t piece = r->n > 0 ? r->n : 1; piece > 0; piece /= r->n) {
        struct output o;
        uint64_t problems = convert(r->label, (struct span){r->input, r->n}, piece, &o);
        if (o.n != r->output_n || memcmp(o.text, r->output, o.n) != 0)
            fail_msg("'%.*s' is not '%s'", (int)o.n, o.text, r->output);
        for (enum problem p = 0; p < 64; p++) {
            if ((problems ^ r->problems) >> p & 1)
                fail_msg("%s: %s", problems >> p & 1 ? "noted" : "not noted", problem_about(p)->name);
        }
        if (piece == 1)
            break;
    }
}

/* ---- each pair of octets ---- */

/* What the C library has for a pair in a charset that it calls so; "" if it has nothing. */
static struct span ask(iconv_t cd, char pair[2], char text[16])
{
    char *in = pair, *end = text;
    size_t n = 2, room = 16;
    bool stuck = iconv(cd, &in, &n, &end, &room) == (size_t)-1;
    (void)iconv(cd, NULL, NULL, stuck ? NULL : &end, stuck ? NULL : &room);
    return (struct span){text, stuck ? 0 : (size_t)(end - text)};
}

/* The library's CP932 and UHC are those of Windows; ours are put together from EUC-JP and EUC-KR. */
static void test_pairs(void **state)
{
    (void)state;
    static const char *const same[][2] = {{"shift_jis", "CP932"}, {"euc-kr", "CP949"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        iconv_t cd = iconv_open("UTF-8", same[i][1]);
        size_t characters = 0;
        assert_true(cd != (iconv_t)-1);
        for (unsigned pair = 0x8140; pair <= 0xfcfc; pair++) {
            char octets[2] = {(char)(pair >> 8), (char)(pair & 0xff)}, text[16];
            struct output o;
            uint64_t problems = convert(same[i][0], (struct span){octets, 2}, 2, &o);
            struct span known = ask(cd, octets, text);
            if (known.n == 0) {
                assert_int_equal(problems, P(UNDECODABLE));
                continue;
            }
            characters++;
            assert_int_equal(problems, 0);
            assert_int_equal(o.n, known.n);
            assert_memory_equal(o.text, known.p, known.n);
        }
        assert_true(characters > 9000);
        (void)iconv_close(cd);
    }
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    static struct CMUnitTest tests[ROWS + 1] = {cmocka_unit_test(test_pairs)};
    for (size_t i = 0; i < ROWS; i++)
        tests[i + 1] = (struct CMUnitTest){
            .name = rows[i].label, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("charsets", tests, NULL, NULL) != 0;
}
