/* SPDX-License-Identifier: ISC */
/*
 * test_mime.c - reading messages, a row each: what is read, what is made of
 * it, and what is noted.
 *
 * Each row runs with lines that end in LF and again with CRLF, in memory of
 * exactly its size, so that reading past an end is seen.
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

/* What is read: a value, or a whole message. */
enum what {
    VALUE,     /* words_text() */
    ADDRESSES, /* name <address>, ... */
    DATE,
    FIELDS,  /* of a header: name=text, ... */
    PARAM,   /* the parameter x of a value; "none" */
    PARTS,   /* a line for each part: kind and depth, its parent's place if it has one, type, name, and what is in it */
    OCTETS,  /* of the last part */
    SUBJECT, /* of a message, and the text of its first part */
};

static const struct row {
    const char *name;
    enum what what;
    const char *input;
    size_t n;
    const char *output;
    size_t output_n;
    uint64_t problems;
} rows[] = {
    /* ---- the table of broken messages ---- */
    {"a character in two encoded words", VALUE, TEXT("=?utf-8?b?4g==?= =?utf-8?b?gqw=?="), TEXT("€"), 0},
    {"an unknown charset", VALUE, TEXT("=?x-none?q?a=E9b?="),
     TEXT("a\xef\xbf\xbd"
          "b"),
     P(UNKNOWN_CHARSET) | P(UNDECODABLE)},
    {"an encoded word without padding", VALUE, TEXT("=?utf-8?b?YWI?="), TEXT("ab"), P(BASE64_PADDING)},
    {"raw Latin-1", VALUE, TEXT("h\xe9llo"), TEXT("h\xef\xbf\xbdllo"), P(8BIT_HEADER)},
    {"a line without a colon", SUBJECT, TEXT("From: a@x\nodd\n more\nSubject: s\n\nbody\n"), TEXT("s|body|"),
     P(NO_COLON)},
    {"a last line without a colon", SUBJECT, TEXT("Subject: s\nodd\n\nbody\n"), TEXT("s|body|"), P(NO_COLON)},
    {"a last line without a colon, and nothing behind", SUBJECT, TEXT("Subject: s\nodd\n\n\n"), TEXT("s|odd|||"),
     P(NO_BLANK_LINE)},
    {"a blank before the colon", SUBJECT, TEXT("Subject \t: s\n\nbody"), TEXT("s|body"), P(BLANK_BEFORE_COLON)},
    {"bare CR line ends", SUBJECT, TEXT("Subject: a\rTo: b\r\rbody"), TEXT("a\rTo: b\r\rbody|"), 0},
    {"two subjects", SUBJECT, TEXT("Subject: 1\nSubject: 2\n\n"), TEXT("1|"), P(DUPLICATE_FIELD)},
    {"a NUL", SUBJECT, TEXT("Subject: a\0b\n\nc\0d\n"), TEXT("a\0b|c\0d|"), 0},
    {"nothing", PARTS, TEXT(""), TEXT("leaf 0 text/plain: \n"), 0},
    {"blanks at the end of quoted-printable", SUBJECT,
     TEXT("Content-Transfer-Encoding: quoted-printable\n\na \t\nb=20\nc  "), TEXT("|a|b |c"), 0},
    {"a soft break before blanks", SUBJECT, TEXT("Content-Transfer-Encoding: quoted-printable\n\na= \t\nb=\nc="),
     TEXT("|abc"), 0},
    {"base64 in two pieces", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYQ==\nYg==\n"), TEXT("ab"), P(BASE64)},
    {"base64 with a footer", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYWI=\n-- \na footer\n"), TEXT("ab"),
     P(BASE64)},
    {"base64 with a word behind it", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYWI=\nfooter\n"), TEXT("ab"),
     P(BASE64)},
    {"base64 without padding", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYWI\n"), TEXT("ab"),
     P(BASE64_PADDING)},
    {"base64 of one digit", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nY"), TEXT(""),
     P(BASE64) | P(BASE64_PADDING)},
    {"BASE64 and a blank", OCTETS, TEXT("Content-Transfer-Encoding: BASE64 \n\nYWI="), TEXT("ab"), 0},
    {"an unknown transfer encoding", OCTETS, TEXT("Content-Transfer-Encoding: x-none\n\n=41\n"), TEXT("=41\n"),
     P(UNKNOWN_ENCODING)},
    {"uuencode", OCTETS,
     TEXT("Content-Transfer-Encoding: X-UUEncode\n\na file:\nbegin 644 a.txt\n#86)C\n`\nend\nafter\n"), TEXT("abc"),
     P(UNKNOWN_ENCODING)},
    {"uuencode of each length", OCTETS,
     TEXT("Content-Transfer-Encoding: uuencode\n\nbegin 0644 a b\n!80\n\"86(\n#86)C\n$86)C9```\nend\n"),
     TEXT("aababcabcd"), P(UNKNOWN_ENCODING)},
    {"uuencode with blanks, which get lost at the end of a line", OCTETS,
     TEXT("Content-Transfer-Encoding: uue\n\nbegin 644 a\n%80\n#    \n \nend\n"), TEXT("a\0\0\0\0\0\0\0"),
     P(UNKNOWN_ENCODING)},
    {"uuencode with more than its digits", OCTETS,
     TEXT("Content-Transfer-Encoding: x-uue\n\nbegin 644 a\n#86)C!!\nend\n"), TEXT("abc"), P(UNKNOWN_ENCODING)},
    {"uuencode that ends early", OCTETS, TEXT("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#86)C\n"),
     TEXT("abc"), P(UNKNOWN_ENCODING)},
    {"uuencode that does not begin", OCTETS, TEXT("Content-Transfer-Encoding: x-uuencode\n\nbegin x\n#86)C\nend\n"),
     TEXT("begin x\n#86)C\nend\n"), P(UNKNOWN_ENCODING)},
    {"a name in uuencode", PARTS,
     TEXT("Content-Transfer-Encoding: x-uuencode\nContent-Type: a/b\n\nbegin 644  a b.txt \n#86)C\nend\n"),
     TEXT("leaf 0 a/b a b.txt: abc\n"), P(UNKNOWN_ENCODING)},
    {"uuencode in a text", PARTS, TEXT("\nHello\n\nbegin 644 a.txt\n#86)C\n`\nend\nbye\n"),
     TEXT("leaf 0 text/plain: Hello||begin 644 a.txt|#86)C|`|end|bye|\n"
          "leaf 1 application/octet-stream a.txt: abc\n"),
     P(UUENCODE)},
    {"the text without it", SUBJECT, TEXT("\nHello\n\nbegin 644 a.txt\n#86)C\n`\nend\nbye\n"), TEXT("|Hello||bye|"),
     P(UUENCODE)},
    {"two in a part of a multipart", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\n\nbegin 644 a\n#86)C\nend\n\nbegin 666 "
          "\xc3\xa9\n`\nend\n--B\n"
          "Content-Type: a/b\n\nbegin 644 a\n#86)C\nend\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: begin 644 a|#86)C|end||begin 666 é|`|end\n"
          "leaf 1 a/b: begin 644 a|#86)C|end\nleaf 2 (1) application/octet-stream a: abc\n"
          "leaf 2 (1) application/octet-stream é: \n"),
     P(UUENCODE)},
    {"one that does not end", SUBJECT, TEXT("\nbegin 644 a.txt\n#86)C\n`\n"), TEXT("|begin 644 a.txt|#86)C|`|"), 0},
    {"one with other lines", SUBJECT, TEXT("\nbegin 644 a.txt\n#86)C\nHello\nend\n"),
     TEXT("|begin 644 a.txt|#86)C|Hello|end|"), 0},
    {"one after one that does not end", SUBJECT, TEXT("\nbegin 644 a\n#86)C\nbegin 644 b\n#86)C\nend\n"),
     TEXT("|begin 644 a|#86)C|"), P(UUENCODE)},
    {"lines that are no digits of their number", SUBJECT,
     TEXT("\nbegin 755 steps\nSTOP THE QUEUE\n1. RESTART\nend\nbegin 755 steps\nSTOP THE QUEUE\n\nend\n"
          "begin 755 steps\n- STOP\n- RESTART\n`\nend\nbegin 755 steps\n# 1\n#2 AND SO ON\n`\nend\n"),
     TEXT("|begin 755 steps|STOP THE QUEUE|1. RESTART|end|begin 755 steps|STOP THE QUEUE||end|"
          "begin 755 steps|- STOP|- RESTART|`|end|begin 755 steps|# 1|#2 AND SO ON|`|end|"),
     0},
    {"no lines, or lines after the last", SUBJECT,
     TEXT("\nbegin 755 steps\nend\nbegin 755 steps\n\nend\nbegin 644 a\n#86)C\n\n#86)C\n`\nend\n"
          "begin 644 a\n#86)C\n```\nend\nbegin 644 a\n#86)\nend\n"),
     TEXT("|begin 755 steps|end|begin 755 steps||end|begin 644 a|#86)C||#86)C|`|end|"
          "begin 644 a|#86)C|```|end|begin 644 a|#86)|end|"),
     0},
    {"no file, and blanks for its zero", SUBJECT, TEXT("\nbegin 644 a\n`\nend\nbegin 644 a\n \nend\nx"), TEXT("|x"),
     P(UUENCODE)},
    {"lines without the blanks at their ends", PARTS, TEXT("\nbegin 644 a\n#   !\n#\n\"86(\n!80  \n!80\n\nend\n"),
     TEXT("leaf 0 text/plain: begin 644 a|#   !|#|\"86(|!80  |!80||end|\n"
          "leaf 1 application/octet-stream a: \0\0\1\0\0\0abaa\n"),
     P(UUENCODE)},
    {"a first line without its last blanks", SUBJECT,
     TEXT("\nbegin 644 a\nM012345678901234567890123456789012345678901234567890123\nM0\n$$6\n\nend\nx"), TEXT("|x"),
     P(UUENCODE)},
    {"a first line without most of its digits", SUBJECT,
     TEXT("\nbegin 644 a\nM0123456789012345678901234567890123456789\n`\nend\n"),
     TEXT("|begin 644 a|M0123456789012345678901234567890123456789|`|end|"), 0},
    {"lines with one digit more", PARTS, TEXT("\nbegin 644 a\n#86)C!\n#86)CX\n``\nend\n"),
     TEXT("leaf 0 text/plain: begin 644 a|#86)C!|#86)CX|``|end|\nleaf 1 application/octet-stream a: abcabc\n"),
     P(UUENCODE)},
    {"begin without a mode, or a name, or first in its line", SUBJECT,
     TEXT("\nbegin x\nend\nbegin 644 \nend\nbegin 64 a\nend\nbegin 689 a\nend\n begin 644 a\nend\nbegin 644\nend\n"),
     TEXT("|begin x|end|begin 644 |end|begin 64 a|end|begin 689 a|end| begin 644 a|end|begin 644|end|"), 0},
    {"one in HTML, and one that is encoded", PARTS,
     TEXT("Content-Type: multipart/alternative; boundary=B\n\n--B\nContent-Transfer-Encoding: base64\n\n"
          "YmVnaW4gNjQ0IGEKZW5kCg==\n--B\nContent-Type: text/html\n\nbegin 644 a\nend\n--B--\n"),
     TEXT("multipart 0 multipart/alternative\nleaf 1 text/plain: begin 644 a|end|\n"
          "leaf 1 text/html: begin 644 a|end\n"),
     0},
    {"UTF-8 as us-ascii", SUBJECT, TEXT("Content-Type: text/plain; charset=us-ascii\n\né"), TEXT("|é"),
     P(UNDECLARED_8BIT)},
    {"Latin-1 as us-ascii", SUBJECT, TEXT("Content-Type: text/plain; charset=us-ascii\n\n\xe9"), TEXT("|é"),
     P(UNDECLARED_8BIT)},
    {"UTF-8 without a charset", SUBJECT, TEXT("Content-Type: text/plain\n\né"), TEXT("|é"), 0},
    {"Latin-1 without a charset", SUBJECT, TEXT("\n\xe9"), TEXT("|\xef\xbf\xbd"), P(UNDECODABLE)},
    {"0x93 as Latin-1", SUBJECT, TEXT("Content-Type: text/plain; charset=iso-8859-1\n\n\x93"), TEXT("|“"),
     P(WINDOWS_OCTETS)},
    {"x and x*", PARAM, TEXT("a; x=e.txt; x*=utf-8''%C3%A9.txt"), TEXT("é.txt"), 0},
    {"an unquoted blank", PARAM, TEXT("a; x=foo bar.pdf; y=z"), TEXT("foo bar.pdf"), P(PARAMETER)},
    {"a missing segment", PARAM, TEXT("a; x*0=a; x*2=c.txt"), TEXT("a"), P(PARAMETER_SEGMENT)},
    {"a bad percent sign", PARAM, TEXT("a; x*=utf-8''a%zz.txt"), TEXT("a%zz.txt"), P(PARAMETER_CODING)},
    {"a NUL in a parameter", PARAM, TEXT("a; x=\"a\0b\""), TEXT("a\0b"), 0},
    {"a quote without another", PARAM, TEXT("a; x=\"a.txt"), TEXT("a.txt"), P(PARAMETER)},
    {"octet-stream is that", PARTS, TEXT("Content-Type: application/octet-stream; name=x.txt\n\na"),
     TEXT("leaf 0 application/octet-stream x.txt: a\n"), 0},
    {"the line end before a boundary", PARTS, TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\n\na\n\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a|\n"), 0},
    {"a multipart without a boundary", PARTS, TEXT("Content-Type: multipart/mixed\n\n--B\n\na\n--B--\n"),
     TEXT("leaf 0 multipart/mixed: --B||a|--B--|\n"), P(NO_BOUNDARY)},
    {"a part without a blank line", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/html\nHello\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/html: Hello\n"), P(NO_BLANK_LINE)},
    {"a part without a blank line, but one behind", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/html\nHello\n\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/html: Hello|\n"), P(NO_BLANK_LINE)},
    {"a part without a header", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nHello\n\nagain\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: Hello||again\n"), P(NO_BLANK_LINE)},
    {"empty parts", PARTS, TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\n--B\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: \nleaf 1 text/plain: \n"), 0},
    {"a message in base64", PARTS,
     TEXT("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogcwoK\n"),
     TEXT("leaf 0 message/rfc822: Subject: s||\n"), P(ENCODED_MESSAGE)},

    /* ---- where others agree ---- */
    {"adjacent words", VALUE, TEXT("=?utf-8?q?a?=  \t=?utf-8?q?b?=\n =?utf-8?b?Yw==?="), TEXT("abc"), 0},
    {"blanks next to text stay", VALUE, TEXT("a =?utf-8?q?b?=  c"), TEXT("a b  c"), 0},
    {"glued words", VALUE, TEXT("foo=?utf-8?q?b?=bar=?utf-8?q?c?==?utf-8?q?d?="), TEXT("foobbarcd"), 0},
    {"blanks in a word", VALUE, TEXT("=?utf-8?q?a b\n c?="), TEXT("a b c"), P(ENCODED_WORD)},
    {"a language", VALUE, TEXT("=?utf-8*en?q?a?="), TEXT("a"), 0},
    {"bad hex", VALUE, TEXT("=?utf-8?q?a=ZZ=4?="), TEXT("a=ZZ=4"), P(ENCODED_WORD)},
    {"From line of an mbox", SUBJECT, TEXT("From a@x Mon Jan  1 00:00:00 2024\nSubject: s\n\nb"), TEXT("s|b"),
     P(ENVELOPE_LINE)},
    {"a prefix is no boundary", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\n\n--BC\n--B-\n --B\n--b\n--\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: --BC|--B-| --B|--b|--\n"), 0},
    {"nested equal boundaries", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: multipart/mixed; boundary=B\n\np\n--B\n\n"
          "a\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 multipart/mixed: p\nleaf 1 text/plain: a\n"), P(NO_PARTS)},
    {"a path is a name", PARAM, TEXT("a; x=\"../../etc/passwd\""), TEXT("../../etc/passwd"), 0},

    /* ---- header fields: RFC 5322 2.2, 4.5 ---- */
    {"fields", FIELDS, TEXT("A: 1\nb:2\n C:3\nA:\n"), TEXT("A=1\nb=2 C:3\nA=\n"), 0},
    {"a header that begins with a fold", FIELDS, TEXT(" x\n\ty\nA: 1"), TEXT("A=1\n"), P(STRAY_FOLD)},
    {"a line of blanks is a fold", FIELDS, TEXT("A: 1\n \nB: 2\n"), TEXT("A=1\nB=2\n"), 0},
    {"no name", FIELDS, TEXT(": 1\nB: 2\n"), TEXT("B=2\n"), P(NO_COLON)},
    {"a name with a blank, and one with 8 bits", FIELDS, TEXT("A b: 1\n\xe9: 1\nB: 2\n"), TEXT("B=2\n"), P(NO_COLON)},
    {"no body", SUBJECT, TEXT("Subject: s"), TEXT("s|"), 0},
    {"no header", SUBJECT, TEXT("\nbody"), TEXT("|body"), 0},
    {"a text, and no more", SUBJECT, TEXT("just\ntext\n"), TEXT("|just|text|"), P(NO_BLANK_LINE)},
    {"raw UTF-8", SUBJECT, TEXT("Subject: Grüße\n\n"), TEXT("Grüße|"), 0},

    /* ---- encoded words: RFC 2047 ---- */
    {"Q", VALUE, TEXT("=?iso-8859-1?Q?Gr=FC=DFe_=5F?="), TEXT("Grüße _"), 0},
    {"lower-case hex", VALUE, TEXT("=?utf-8?q?=c3=bc?="), TEXT("ü"), 0},
    {"iso-2022-jp", VALUE, TEXT("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?= a"), TEXT("日本 a"), 0},
    {"iso-2022-jp across words", VALUE, TEXT("=?iso-2022-jp?b?GyRCRnw=?= =?ISO-2022-JP?b?S1wbKEI=?="), TEXT("日本"), 0},
    {"different charsets are not joined", VALUE, TEXT("=?utf-8?b?4g==?= =?koi8-r?b?gqw=?="), TEXT("\xef\xbf\xbd┌╛"),
     P(UNDECODABLE)},
    {"a character cut by text", VALUE, TEXT("=?utf-8?b?4g==?= a =?utf-8?b?gqw=?="),
     TEXT("\xef\xbf\xbd a \xef\xbf\xbd\xef\xbf\xbd"), P(UNDECODABLE)},
    {"no words", VALUE, TEXT("=? =?a =?a? =?a?q =?a?q? =?a?q?b =?a?x?b?= =?\?q?b?= ="),
     TEXT("=? =?a =?a? =?a?q =?a?q? =?a?q?b =?a?x?b?= =?\?q?b?= ="), 0},
    {"an empty word", VALUE, TEXT("a =?utf-8?q?\?= b"), TEXT("a  b"), 0},
    {"a long word", VALUE, TEXT("=?utf-8?q?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?="),
     TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), P(LONG_ENCODED_WORD)},
    {"folds", VALUE, TEXT("  a\n b\n\tc \n "), TEXT("a b\tc"), 0},
    {"raw UTF-8 around a word", VALUE, TEXT("é=?utf-8?q?=C3=A9?=é"), TEXT("ééé"), 0},
    {"half a raw character before a word", VALUE, TEXT("\xc3=?utf-8?q?a?="),
     TEXT("\xef\xbf\xbd"
          "a"),
     P(8BIT_HEADER)},

    /* ---- charsets ---- */
    {"utf8", VALUE, TEXT("=?utf8?q?=C3=A9?="), TEXT("é"), 0},
    {"cp-1252", VALUE, TEXT("=?cp-1252?q?=93?="), TEXT("“"), 0},
    {"windows1252", VALUE, TEXT("=?windows1252?q?=93?="), TEXT("“"), 0},
    {"iso88591", VALUE, TEXT("=?iso88591?q?=E9?="), TEXT("é"), 0},
    {"iso-8859-8-i", VALUE, TEXT("=?iso-8859-8-i?q?=E0?="), TEXT("א"), 0},
    {"x-sjis", VALUE, TEXT("=?x-sjis?q?=93=FA?="), TEXT("日"), 0},
    {"unicode-1-1-utf-7", VALUE, TEXT("=?unicode-1-1-utf-7?q?+AOk-?="), TEXT("é"), 0},
    {"utf-16", VALUE, TEXT("=?utf-16be?b?AOnYAABh?="),
     TEXT("é\xef\xbf\xbd"
          "a"),
     P(UNDECODABLE)},
    {"the locale's charset", VALUE, TEXT("=?char?q?=E9?="), TEXT("\xef\xbf\xbd"), P(UNKNOWN_CHARSET) | P(UNDECODABLE)},
    {"a charset with a long name", VALUE,
     TEXT("=?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?q?a?="), TEXT("a"),
     P(UNKNOWN_CHARSET) | P(LONG_ENCODED_WORD)},
    {"a code page without a number", VALUE, TEXT("=?windows-x?q?a?="), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"no character across words", VALUE, TEXT("=?utf-8?q?=E2?= =?utf-8?q?a?="),
     TEXT("\xef\xbf\xbd"
          "a"),
     P(UNDECODABLE)},
    {"a language alone", VALUE, TEXT("=?*en?q?a?="), TEXT("=?*en?q?a?="), 0},
    {"x-unknown", VALUE, TEXT("=?x-unknown?q?a?="), TEXT("a"), P(UNKNOWN_CHARSET)},
    {"a quoted charset", SUBJECT, TEXT("Content-Type: text/plain; charset=\" UTF-8 \"\n\né"), TEXT("|é"), 0},
    {"a charset with options", SUBJECT, TEXT("Content-Type: text/plain; charset=\"latin1//IGNORE\"\n\n\xe9"),
     TEXT("|\xef\xbf\xbd"), P(UNKNOWN_CHARSET) | P(UNDECODABLE)},
    {"malformed UTF-8", VALUE, TEXT("=?utf-8?q?=C0=80=ED=A0=80=E2=82a=F4=90=80=80=F0=9F=98?="),
     TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
          "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
     P(UNDECODABLE)},
    {"an incomplete end", SUBJECT,
     TEXT("Content-Type: text/plain; charset=shift_jis\nContent-Transfer-Encoding: quoted-printable\n\na=93"),
     TEXT("|a\xef\xbf\xbd"), P(UNDECODABLE)},
    {"line ends in another charset", SUBJECT,
     TEXT("Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\nYQANAAoADQBiAA0A"),
     TEXT("|a|\rb\r"), 0},

    /* ---- transfer encodings: RFC 2045 6 ---- */
    {"octets outside the alphabet", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nY*W\n \tI=\n"), TEXT("ab"),
     P(BASE64)},
    {"too little padding", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYQ=\n"), TEXT("a"), P(BASE64_PADDING)},
    {"padding alone", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\n====\n"), TEXT(""), P(BASE64)},
    {"padding with blanks", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYQ=\n=\n"), TEXT("a"), 0},
    {"bits for nothing", OCTETS, TEXT("Content-Transfer-Encoding: base64\n\nYR==\n"), TEXT("a"), 0},
    {"quoted-printable", OCTETS, TEXT("Content-Transfer-Encoding: Quoted-Printable\n\n=41=4a=4A=00"), TEXT("AJJ\0"), 0},
    {"illegal quoted-printable", OCTETS, TEXT("Content-Transfer-Encoding: quoted-printable\n\n=XY=4=\xe9"),
     TEXT("=XY=4=\xe9"), P(QUOTED_PRINTABLE)},
    {"a comment in a transfer encoding", OCTETS, TEXT("Content-Transfer-Encoding: (x) base64 (y)\n\nYQ=="), TEXT("a"),
     0},
    {"binary may hold anything", OCTETS, TEXT("Content-Transfer-Encoding: binary\n\na\0\rb"), TEXT("a\0\rb"), 0},

    /* ---- parts: RFC 2046 5 ---- */
    {"preamble and epilogue", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\npre\n--B\n\na\n--B--\nepi\n--B\n\nb\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"padding behind a boundary", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"B \"\n\n--B \t\n\na\n--B-- \n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary behind others", PARTS, TEXT("Content-Type: multipart/mixed; x=y; boundary=B\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"no close", PARTS, TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\n\na\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a|\n"), P(UNCLOSED)},
    {"no close in a multipart", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: multipart/mixed; boundary=C\n\n--C\n\na\n"
          "--B\n\nb\n--C--\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nmultipart 1 multipart/mixed\nleaf 2 (1) text/plain: a\n"
          "leaf 1 text/plain: b|--C--\n"),
     P(UNCLOSED)},
    {"nested", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: multipart/alternative; boundary=BB\n\n"
          "--BB\n\na\n--BB\nContent-Type: text/html\n\nb\n--BB--\n\n--B\n\nc\n--B--"),
     TEXT("multipart 0 multipart/mixed\nmultipart 1 multipart/alternative\nleaf 2 (1) text/plain: a\n"
          "leaf 2 (1) text/html: b\nleaf 1 text/plain: c\n"),
     0},
    {"a close, and no part", PARTS, TEXT("Content-Type: multipart/mixed; boundary=B\n\na\n--B--\nb\n"),
     TEXT("leaf 0 multipart/mixed: a|--B--|b|\n"), P(NO_PARTS)},
    {"a boundary that never comes", PARTS, TEXT("Content-Type: multipart/mixed; boundary=B\n\na\n"),
     TEXT("leaf 0 multipart/mixed: a|\n"), P(NO_PARTS)},
    {"a boundary in a header", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/html\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/html: \nleaf 1 text/plain: a\n"), 0},
    {"a boundary of RFC 2231", PARTS, TEXT("Content-Type: multipart/mixed; boundary*=us-ascii''B\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary that is folded", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"B\n C\"\n\n--B C\n\na\n--B C--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary that is folded with a tab", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"B\n\tC\"\n\n--B	C\n\na\n--B	C--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary that is folded at its end", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"B\n \"\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary that is folded without quotes", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n \n\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary with blanks and no quotes", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n C; x=y\n\n--B C\n\na\n--B C--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), P(PARAMETER)},
    {"a boundary with quoted pairs", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"\\B\\\"\\\\C\"\n\n--B\"\\C\n\na\n--B\"\\C--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary in segments", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary*1=\"C D\"; boundary*0=B\n\n--BC D\n\na\n--BC D--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary in coded segments", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary*0*=us-ascii''%3DB; boundary*1*=C%3D\n\n--=BC=\n\na\n--=BC=--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary in segments of both kinds", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary*0*=us-ascii'en'%3DB; boundary*1=\"%3D\"; "
          "boundary*2*=%3D\n\n--=B%3D=\n\na\n--=B%3D=--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a coded boundary", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary*=utf-8''%2D%2DB\n\n----B\n\na\n----B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a coded boundary without a charset", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary*=B%20C\n\n--B C\n\na\n--B C--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), P(PARAMETER_CODING)},
    {"a boundary of 8 bits", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"B\xe9"
          "C\"\n\n--B\xe9"
          "C\n\na\n--B\xe9"
          "C--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary like an encoded word", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"=?utf-8?q?B?=\"\n\n--=?utf-8?q?B?=\n\na\n--=?utf-8?q?B?=--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), 0},
    {"a boundary that is there twice", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B; boundary=C\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), P(PARAMETER)},
    {"a missing segment of a boundary", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary*0=B; boundary*2=D\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), P(PARAMETER_SEGMENT)},
    {"nested boundaries, folded and coded", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=\"B\n C\"\n\n--B C\n"
          "Content-Type: multipart/mixed; boundary*=utf-8''D%20C\n\n--D C\n\na\n--D C--\n--B C\n\nb\n--B C--\n"),
     TEXT("multipart 0 multipart/mixed\nmultipart 1 multipart/mixed\nleaf 2 (1) text/plain: a\n"
          "leaf 1 text/plain: b\n"),
     0},
    {"a boundary of blanks", PARTS, TEXT("Content-Type: multipart/mixed; boundary=\" \n \"\n\n-- \n\na\n"),
     TEXT("leaf 0 multipart/mixed: -- ||a|\n"), P(NO_BOUNDARY)},
    {"a message", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/rfc822\n\nSubject: s\n\na\n--B\n\n"
          "b\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nmessage 1 message/rfc822: Subject: s||a\nleaf 2 (1) text/plain: a\n"
          "leaf 1 text/plain: b\n"),
     0},
    {"a message with parts, not closed", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/global\n\n"
          "Content-Type: multipart/mixed; boundary=C\n\n--C\n\na\n--B\n\nb\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\n"
          "message 1 message/global: Content-Type: multipart/mixed; boundary=C||--C||a\n"
          "multipart 2 (1) multipart/mixed\nleaf 3 (2) text/plain: a\nleaf 1 text/plain: b\n"),
     P(UNCLOSED)},
    {"a digest", PARTS,
     TEXT("Content-Type: multipart/digest; boundary=B\n\n--B\n\nSubject: s\n\na\n--B\nContent-Type: text/html\n\nb\n"
          "--B--\n"),
     TEXT("multipart 0 multipart/digest\nmessage 1 message/rfc822: Subject: s||a\nleaf 2 (1) text/plain: a\n"
          "leaf 1 text/html: b\n"),
     0},
    {"an encoded multipart", PARTS,
     TEXT("Content-Type: multipart/mixed; boundary=B\nContent-Transfer-Encoding: base64\n\n--B\n\na\n--B--\n"),
     TEXT("multipart 0 multipart/mixed\nleaf 1 text/plain: a\n"), P(ENCODED_MULTIPART)},
    {"other messages are leaves", PARTS, TEXT("Content-Type: message/delivery-status\n\nAction: failed\n"),
     TEXT("leaf 0 message/delivery-status: Action: failed|\n"), 0},
    {"malformed Content-Type", PARTS, TEXT("Content-Type: html\n\na"), TEXT("leaf 0 text/plain: a\n"), P(CONTENT_TYPE)},
    {"Content-Type with comments", PARTS, TEXT("Content-Type: (a) text (b) / (c) html (d); charset=utf-8\n\na"),
     TEXT("leaf 0 text/html: a\n"), 0},
    {"Content-Type without a semicolon", PARTS, TEXT("Content-Type: text/plain name=x\n\na"),
     TEXT("leaf 0 text/plain x: a\n"), P(CONTENT_TYPE)},
    {"an attachment", PARTS,
     TEXT("Content-Type: text/plain; name=y\nContent-ID: <i@x>\nContent-Disposition: Attachment; filename=x\n\na"),
     TEXT("leaf 0 text/plain attachment x: a\n"), 0},

    /* ---- parameters: RFC 2045 5.1, RFC 2231 ---- */
    {"no parameter", PARAM, TEXT("a; y=1; xx=2; x/y=3"), TEXT("none"), P(PARAMETER)},
    {"an empty one", PARAM, TEXT("a; x=\"\""), TEXT(""), 0},
    {"quoted", PARAM, TEXT("a/b; y=\"; x=1\"; X = \"a\\\"b\\\\;\n c\""), TEXT("a\"b\\; c"), 0},
    {"a comment behind", PARAM, TEXT("a; x=b (c;d) ; y=z"), TEXT("b"), 0},
    {"parentheses inside", PARAM, TEXT("a; x=b(1).pdf"), TEXT("b(1).pdf"), P(PARAMETER)},
    {"no semicolon", PARAM, TEXT("a; x=b y=c"), TEXT("b"), P(PARAMETER)},
    {"junk", PARAM, TEXT("a; b; =c; \"d\"; x=e"), TEXT("e"), P(PARAMETER)},
    {"an encoded word", PARAM, TEXT("a; x=\"=?utf-8?q?=C3=A9?=\""), TEXT("é"), P(PARAMETER_WORD)},
    {"an escaped encoded word", PARAM, TEXT("a; x=\"\\=?utf-8?q?a?=\""), TEXT("=?utf-8?q?a?="), 0},
    {"an encoded word without quotes", PARAM, TEXT("a; x==?utf-8?b?w6k=?=; y=z"), TEXT("é"),
     P(PARAMETER_WORD) | P(PARAMETER)},
    {"a charset and a language", PARAM, TEXT("a; x*=iso-8859-1'en'%E9"), TEXT("é"), 0},
    {"no charset", PARAM, TEXT("a; x*=''%C3%A9"), TEXT("é"), 0},
    {"no apostrophes", PARAM, TEXT("a; x*=b%20c"), TEXT("b c"), P(PARAMETER_CODING)},
    {"segments in disorder", PARAM, TEXT("a; x*2*=%AC; x*0*=utf-8''%E2; x*1*=%82; x*3=\"%41\\\"\""), TEXT("€%41\""), 0},
    {"segments of no charset", PARAM, TEXT("a; x*0=b; x*1=\"c d\""), TEXT("bc d"), 0},
    {"a segment twice", PARAM, TEXT("a; x*0=b; x*0=c"), TEXT("b"), P(PARAMETER_SEGMENT)},
    {"segments win over none", PARAM, TEXT("a; x=z; x*0=b"), TEXT("b"), 0},
    {"encoded words in segments", PARAM, TEXT("a; x*0=\"=?utf-8?q?=C3=A9?=\"; x*1=\" =?utf-8?q?=C3=A9?= b\""),
     TEXT("éé b"), P(PARAMETER_WORD)},
    {"a character in encoded words in segments", PARAM, TEXT("a; x*1=\"=?utf-8?b?gqw=?=\";\n x*0=\"=?utf-8?b?4g==?=\""),
     TEXT("€"), P(PARAMETER_WORD)},
    {"an encoded word that segments cut", PARAM, TEXT("a; x*0=\"=?utf-8?b?w6\"; x*1=\"k=?=.txt\""), TEXT("é.txt"),
     P(PARAMETER_WORD)},
    {"an encoded word in a coded parameter", PARAM, TEXT("a; x*=\"utf-8''=?iso-8859-1?q?=E9?=%20%C3%A9\""), TEXT("é é"),
     P(PARAMETER_WORD)},
    {"an encoded word in coded segments", PARAM, TEXT("a; x*0*=\"iso-8859-1''%E9=?utf-8?q\"; x*1*=\"?=C3=A9?=\""),
     TEXT("éé"), P(PARAMETER_WORD)},
    {"an encoded word without a charset before it", PARAM, TEXT("a; x*=\"=?utf-8?q?it's_'=C3=A9'?=\""),
     TEXT("it's 'é'"), P(PARAMETER_WORD) | P(PARAMETER_CODING)},
    {"percent signs that make no encoded word", PARAM, TEXT("a; x*=utf-8''%3D%3Fa%3Fq%3Fb%3F%3D"), TEXT("=?a?q?b?="),
     0},
    {"nearly an encoded word in segments", PARAM, TEXT("a; x*0=\"=?b\"; x*1=\"?=\""), TEXT("=?b?="), 0},
    {"no segment", PARAM, TEXT("a; x*1=b; x*=; x*a=c; x*1a=d"), TEXT(""),
     P(PARAMETER_SEGMENT) | P(PARAMETER_CODING) | P(PARAMETER)},

    /* ---- addresses: RFC 5322 3.4, 4.4 ---- */
    {"an address", ADDRESSES, TEXT("a@x.test"), TEXT("<a@x.test>\n"), 0},
    {"a name", ADDRESSES, TEXT("Ann  B. C <a@x>"), TEXT("Ann B. C <a@x>\n"), 0},
    {"a quoted name", ADDRESSES, TEXT("\"A,  \\\"B\\\"\" <a@x>, b@x"), TEXT("A,  \"B\" <a@x>\n<b@x>\n"), 0},
    {"a comment is a name", ADDRESSES, TEXT("a@x (Ann (the \\) one)), <b@x> (Bob)"),
     TEXT("Ann (the ) one) <a@x>\nBob <b@x>\n"), 0},
    {"an encoded name", ADDRESSES, TEXT("=?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@x>"), TEXT("Grüße <a@x>\n"), 0},
    {"an encoded name in quotes", ADDRESSES, TEXT("\"=?utf-8?q?Gr=C3=BC=C3=9Fe?=\" <a@x>"), TEXT("Grüße <a@x>\n"), 0},
    {"encoded words in a name", ADDRESSES, TEXT("=?utf-8?q?a,_(b?=\n =?utf-8?q?c?= d (e) f <a@x>"),
     TEXT("a, (bc d f <a@x>\n"), 0},
    {"an encoded comment", ADDRESSES, TEXT("a@x (=?utf-8?q?=C3=A9?=)"), TEXT("é <a@x>\n"), 0},
    {"nobody", ADDRESSES, TEXT("undisclosed-recipients:;"), TEXT(""), 0},
    {"a group", ADDRESSES, TEXT("A Group: Ann <a@x>, b@x;, c@x; D:;"), TEXT("Ann <a@x>\n<b@x>\n<c@x>\n"), 0},
    {"a source route", ADDRESSES, TEXT("Ann <@a,@b:a@x>"), TEXT("Ann <a@x>\n"), 0},
    {"blanks and comments inside", ADDRESSES, TEXT("a . b (c) @ x\n . (d)test, < e @ x >"),
     TEXT("d <a.b@x.test>\n<e@x>\n"), 0},
    {"empty members", ADDRESSES, TEXT(",, a@x ,\n ,b@x,"), TEXT("<a@x>\n<b@x>\n"), 0},
    {"semicolons", ADDRESSES, TEXT("a@x; b@x"), TEXT("<a@x>\n<b@x>\n"), 0},
    {"no commas", ADDRESSES, TEXT("<a@x> Bob <b@x> c@x d@x"), TEXT("<a@x>\nBob <b@x>\n<c@x>\n<d@x>\n"), P(NO_COMMA)},
    {"an address as a name", ADDRESSES, TEXT("a@x Ann <b@x>, c@x<c@x>"), TEXT("a@x Ann <b@x>\nc@x <c@x>\n"), 0},
    {"junk behind an address", ADDRESSES, TEXT("a@x and more, b@x"), TEXT("<a@x>\n<b@x>\n"), P(ADDRESS)},
    {"two @", ADDRESSES, TEXT("a@b@x, b@x"), TEXT("<a@b@x>\n<b@x>\n"), P(ADDRESS)},
    {"no @", ADDRESSES, TEXT("root, Ann <ann>, Some Body"), TEXT("<root>\nAnn <ann>\nSome Body <>\n"), P(ADDRESS)},
    {"no address", ADDRESSES, TEXT("<>, Ann <>"), TEXT("<>\nAnn <>\n"), P(ADDRESS)},
    {"nothing at all", ADDRESSES, TEXT(" \n (only) "), TEXT(""), 0},
    {"raw UTF-8 in addresses", ADDRESSES, TEXT("Jörg <jörg@bücher.test>"), TEXT("Jörg <jörg@bücher.test>\n"), 0},
    {"raw Latin-1 in addresses", ADDRESSES, TEXT("J\xf6 <j\xf6@x>"), TEXT("J\xef\xbf\xbd <j\xef\xbf\xbd@x>\n"),
     P(8BIT_HEADER)},
    {"literals", ADDRESSES, TEXT("a@[IPv6:::1], b@[127.0.0.1]"), TEXT("<a@[IPv6:::1]>\n<b@[127.0.0.1]>\n"), 0},
    {"a quoted local part", ADDRESSES, TEXT("\"a b\"@x, <\"c>\\\"d\"@x>"), TEXT("<\"a b\"@x>\n<\"c>\\\"d\"@x>\n"), 0},
    {"a blank in a local part", ADDRESSES, TEXT("<a b@x>"), TEXT("<a b@x>\n"), 0},
    {"comments in brackets", ADDRESSES, TEXT("Ann <(b) a@x (c>)>"), TEXT("Ann <a@x>\n"), 0},
    {"no brackets", ADDRESSES, TEXT("Ann Example ann@x, \"B\" b@x c@x"), TEXT("Ann Example <ann@x>\nB <b@x>\n<c@x>\n"),
     P(ADDRESS) | P(NO_COMMA)},
    {"a quote without end", ADDRESSES, TEXT("a@x, \"Bob, <b@x>, c@x"), TEXT("<a@x>\n\"Bob, <b@x>\n"), P(ADDRESS)},
    {"a comment without end", ADDRESSES, TEXT("a@x (Ann, b@x"), TEXT("Ann, b@x <a@x>\n"), 0},
    {"brackets without end", ADDRESSES, TEXT("Ann <a@x, Bob <b@x>, <<c@x>>"), TEXT("Ann <a@x>\nBob <b@x>\n<c@x>\n"),
     P(ADDRESS)},
    {"brackets and a quote without end", ADDRESSES, TEXT("Ann <\"a@x, b@x"), TEXT("Ann <\"a@x>\n"), P(ADDRESS)},

    /* ---- dates: RFC 5322 3.3, 4.3 ---- */
    {"a date", DATE, TEXT("Tue, 24 Nov 2026 04:12:00 +0100"), TEXT("2026-11-24T04:12:00+01:00"), 0},
    {"no day, no second", DATE, TEXT("24 Nov 2026 04:12 -0330"), TEXT("2026-11-24T04:12:00-03:30"), 0},
    {"an unknown zone", DATE, TEXT("24 Nov 2026 04:12:60 -0000"), TEXT("2026-11-24T04:12:60-00:00"), 0},
    {"lower case, blanks, comments", DATE, TEXT(" (a)tue (b) ,\n 1  (c) dec\t2026 (d) 4 : 12 :00  +0000 (UTC) "),
     TEXT("2026-12-01T04:12:00+00:00"), 0},
    {"two digits", DATE, TEXT("1 Jan 49 00:00 GMT"), TEXT("2049-01-01T00:00:00+00:00"), P(OBSOLETE_DATE)},
    {"two digits, last century", DATE, TEXT("1 Jan 50 00:00 EST"), TEXT("1950-01-01T00:00:00-05:00"), P(OBSOLETE_DATE)},
    {"three digits", DATE, TEXT("1 Jan 124 00:00 PDT"), TEXT("2024-01-01T00:00:00-07:00"), P(OBSOLETE_DATE)},
    {"a military zone", DATE, TEXT("1 Jan 2024 00:00 A"), TEXT("2024-01-01T00:00:00-00:00"), P(OBSOLETE_DATE)},
    {"no zone", DATE, TEXT("1 Jan 2024 00:00"), TEXT("2024-01-01T00:00:00-00:00"), P(DATE)},
    {"a leap day", DATE, TEXT("Thu, 29 Feb 2024 00:00:00 +0000"), TEXT("2024-02-29T00:00:00+00:00"), 0},
    {"another day", DATE, TEXT("Mon, 29 Feb 2024 00:00:00 +0000"), TEXT("2024-02-29T00:00:00+00:00"), P(WRONG_DAY)},
    {"no day's name", DATE, TEXT("Lundi, 1 Jan 2024 00:00:00 +0000"), TEXT("2024-01-01T00:00:00+00:00"), P(DATE)},
    {"a letter behind", DATE, TEXT("1 Jan 2024 00:00:00 +0000 x"), TEXT("none"), P(DATE)},
    {"Feb 30", DATE, TEXT("30 Feb 2024 00:00:00 +0000"), TEXT("none"), P(DATE)},
    {"Feb 29 of 1900", DATE, TEXT("29 Feb 1900 00:00:00 +0000"), TEXT("none"), P(DATE)},
    {"0 Jan", DATE, TEXT("0 Jan 2024 00:00:00 +0000"), TEXT("none"), P(DATE)},
    {"hour 24", DATE, TEXT("1 Jan 2024 24:00:00 +0000"), TEXT("none"), P(DATE)},
    {"minute 60", DATE, TEXT("1 Jan 2024 00:60:00 +0000"), TEXT("none"), P(DATE)},
    {"zone 2400", DATE, TEXT("1 Jan 2024 00:00:00 +2400"), TEXT("none"), P(DATE)},
    {"a zone of five digits", DATE, TEXT("1 Jan 2024 00:00:00 +00000"), TEXT("none"), P(DATE)},
    {"a day's name alone", DATE, TEXT("Mon, "), TEXT("none"), P(DATE)},
    {"no year", DATE, TEXT("Mon, 1 Jan"), TEXT("none"), P(DATE)},
    {"no time", DATE, TEXT("Mon, 1 Jan 2024"), TEXT("none"), P(DATE)},
    {"no minute", DATE, TEXT("Mon, 1 Jan 2024 12 +0000"), TEXT("none"), P(DATE)},
    {"a malformed second", DATE, TEXT("Mon, 1 Jan 2024 12:00:1 +0000"), TEXT("none"), P(DATE)},
    {"five digits", DATE, TEXT("1 Jan 12024 12:00:01 +0000"), TEXT("none"), P(DATE)},
    {"no date", DATE, TEXT(""), TEXT("none"), P(DATE)},

    /* ---- dates as mail has them ---- */
    {"long names", DATE, TEXT("Saturday, 02 January 2021 03:04:05 +0000"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"long names, another day", DATE, TEXT("Sunday, 02 January 2021 03:04:05 +0000"), TEXT("2021-01-02T03:04:05+00:00"),
     P(DATE) | P(WRONG_DAY)},
    {"Sept", DATE, TEXT("2 Sept 2021 03:04:05 +0000"), TEXT("2021-09-02T03:04:05+00:00"), P(DATE)},
    {"a month of two letters", DATE, TEXT("2 Ja 2021 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"a month of another language", DATE, TEXT("2 Januar 2021 03:04:05 +0000"), TEXT("2021-01-02T03:04:05+00:00"),
     P(DATE)},
    {"no such month", DATE, TEXT("2 Junho 2021 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"no comma", DATE, TEXT("Sat 2 Jan 2021 03:04:05 +0000"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"asctime", DATE, TEXT("Sat Jan  2 03:04:05 2021"), TEXT("2021-01-02T03:04:05-00:00"), P(DATE)},
    {"asctime with a zone", DATE, TEXT("Sat Jan  2 03:04:05 2021 +0100"), TEXT("2021-01-02T03:04:05+01:00"), P(DATE)},
    {"date(1)", DATE, TEXT("Sat Jan  2 03:04:05 UTC 2021"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"asctime with a zone inside", DATE, TEXT("Sat Jan  2 03:04:05 -0330 2021"), TEXT("2021-01-02T03:04:05-03:30"),
     P(DATE)},
    {"a month first", DATE, TEXT("January 2, 2021 03:04:05 +0000"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"JavaScript in UTC", DATE, TEXT("Sat Jan 02 2021 03:04:05 GMT+0000 (Coordinated Universal Time)"),
     TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"dashes", DATE, TEXT("2-Jan-2021 03:04:05 +0000"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"dashes, two digits", DATE, TEXT("Saturday, 02-Jan-21 03:04:05 GMT"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"ISO 8601", DATE, TEXT("2021-01-02T03:04:05Z"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"ISO 8601, a fraction", DATE, TEXT("2021-01-02t03:04:05.678+01:00"), TEXT("2021-01-02T03:04:05+01:00"), P(DATE)},
    {"ISO 8601, blanks", DATE, TEXT("2021-01-02 03:04:05 +0100"), TEXT("2021-01-02T03:04:05+01:00"), P(DATE)},
    {"ISO 8601, no zone", DATE, TEXT("2021-01-02T03:04"), TEXT("2021-01-02T03:04:00-00:00"), P(DATE)},
    {"ISO 8601, slashes", DATE, TEXT("2021/1/2 03:04 +0900"), TEXT("2021-01-02T03:04:00+09:00"), P(DATE)},
    {"ISO 8601, no such day", DATE, TEXT("2021-02-29T03:04:05Z"), TEXT("none"), P(DATE)},
    {"ISO 8601, no time", DATE, TEXT("2021-01-02"), TEXT("none"), P(DATE)},
    {"ISO 8601, no marks", DATE, TEXT("20210102T030405Z"), TEXT("none"), P(DATE)},
    {"ISO 8601, a week", DATE, TEXT("2021-W01-2T03:04:05Z"), TEXT("none"), P(DATE)},
    {"a day or a month", DATE, TEXT("02-01-2021 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"a month or a day", DATE, TEXT("1/2/2021 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"two digits and no names", DATE, TEXT("21-01-02 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"a fraction", DATE, TEXT("2 Jan 2021 03:04:05.678 +0000"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"afternoon", DATE, TEXT("2 Jan 2021 03:04:05 PM +0000"), TEXT("none"), P(DATE)},
    {"afternoon, no zone", DATE, TEXT("2 Jan 2021 03:04:05 PM"), TEXT("none"), P(DATE)},
    {"1899", DATE, TEXT("2 Jan 1899 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"0021", DATE, TEXT("2 Jan 0021 03:04:05 +0000"), TEXT("none"), P(DATE)},
    {"a zone with a colon", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +00:00"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"another one", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 -03:30"), TEXT("2021-01-02T03:04:05-03:30"), P(DATE)},
    {"a zone of hours", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +02"), TEXT("2021-01-02T03:04:05+02:00"), P(DATE)},
    {"a zone of one digit", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +2"), TEXT("none"), P(DATE)},
    {"a zone of three digits", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +200"), TEXT("none"), P(DATE)},
    {"zone 0060", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0060"), TEXT("none"), P(DATE)},
    {"zone 9900", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +9900"), TEXT("none"), P(DATE)},
    {"zone +", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +"), TEXT("none"), P(DATE)},
    {"UTC", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 utc"), TEXT("2021-01-02T03:04:05+00:00"), P(OBSOLETE_DATE)},
    {"UT", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 UT"), TEXT("2021-01-02T03:04:05+00:00"), P(OBSOLETE_DATE)},
    {"CEST", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 CEST"), TEXT("2021-01-02T03:04:05+02:00"), P(DATE)},
    {"JST", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 JST"), TEXT("2021-01-02T03:04:05+09:00"), P(DATE)},
    {"a zone of two countries", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 IST"), TEXT("none"), P(DATE)},
    {"an unknown zone's name", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 Foo"), TEXT("none"), P(DATE)},
    {"GMT+0200", DATE, TEXT("Sat, 02 Jan 2021 05:04:05 GMT+0200"), TEXT("none"), P(DATE)},
    {"GMT-05:00", DATE, TEXT("Sat, 02 Jan 2021 05:04:05 GMT-05:00"), TEXT("none"), P(DATE)},
    {"UTC+2", DATE, TEXT("Sat, 02 Jan 2021 05:04:05 UTC+2"), TEXT("none"), P(DATE)},
    {"GMT +0200", DATE, TEXT("Sat, 02 Jan 2021 05:04:05 GMT +0200"), TEXT("none"), P(DATE)},
    {"JavaScript elsewhere", DATE, TEXT("Sat Jan 02 2021 05:04:05 GMT+0200 (Central European Time)"), TEXT("none"),
     P(DATE)},
    {"a zone twice", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0100 CET"), TEXT("2021-01-02T03:04:05+01:00"), P(DATE)},
    {"UTC twice", DATE, TEXT("2021-01-02 03:04:05 +0000 UTC"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"two zones", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0200 GMT"), TEXT("none"), P(DATE)},
    {"two zones in digits", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0200 -0200"), TEXT("none"), P(DATE)},
    {"digits behind", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0200 15"), TEXT("none"), P(DATE)},
    {"digits behind a zone", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +02 00"), TEXT("none"), P(DATE)},
    {"two years", DATE, TEXT("Sat Jan  2 2021 03:04:05 2022"), TEXT("none"), P(DATE)},
    {"marks behind", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0200 ;(x)"), TEXT("2021-01-02T03:04:05+02:00"), P(DATE)},
    {"marks and digits behind", DATE, TEXT("Sat, 02 Jan 2021 03:04:05 +0200 ;(x)5"), TEXT("none"), P(DATE)},
    {"MET DST", DATE, TEXT("2 Jan 2021 03:04:05 MET DST"), TEXT("none"), P(DATE)},
    {"CET DST", DATE, TEXT("2 Jan 2021 03:04:05 CET DST"), TEXT("none"), P(DATE)},
    {"MET DST inside", DATE, TEXT("Sat Jan  2 03:04:05 MET DST 2021"), TEXT("none"), P(DATE)},
    {"GMT Daylight Time", DATE, TEXT("2 Jan 2021 03:04:05 GMT Daylight Time"), TEXT("none"), P(DATE)},
    {"GMT Summer Time", DATE, TEXT("2 Jan 2021 03:04:05 GMT Summer Time"), TEXT("none"), P(DATE)},
    {"GMT Standard Time, which has a summer", DATE, TEXT("2 Jan 2021 03:04:05 GMT Standard Time"), TEXT("none"),
     P(DATE)},
    {"an offset and DST", DATE, TEXT("2 Jan 2021 03:04:05 +0100 DST"), TEXT("none"), P(DATE)},
    {"PST PM", DATE, TEXT("2 Jan 2021 03:04:05 PST PM"), TEXT("none"), P(DATE)},
    {"+0000 PM", DATE, TEXT("2 Jan 2021 03:04:05 +0000 PM"), TEXT("none"), P(DATE)},
    {"+0100 PM", DATE, TEXT("Jan 2, 2021 3:04:05 +0100 PM"), TEXT("none"), P(DATE)},
    {"+0000 P", DATE, TEXT("2 Jan 2021 03:04:05 +0000 P"), TEXT("none"), P(DATE)},
    {"-0000 a", DATE, TEXT("2 Jan 2021 03:04:05 -0000 a"), TEXT("none"), P(DATE)},
    {"PM between two zones", DATE, TEXT("2 Jan 2021 03:04:05 +0000 PM GMT"), TEXT("none"), P(DATE)},
    {"PM after the year", DATE, TEXT("Sat Jan  2 03:04:05 +0000 2021 PM"), TEXT("none"), P(DATE)},
    {"a half of the day in letters", DATE, TEXT("2 Jan 2021 03:04:05 P M"), TEXT("none"), P(DATE)},
    {"P.M.", DATE, TEXT("2 Jan 2021 03:04:05 P.M. +0000"), TEXT("none"), P(DATE)},
    {"p. m.", DATE, TEXT("2 Jan 2021 03:04:05 p. m."), TEXT("none"), P(DATE)},
    {".PM", DATE, TEXT("2 Jan 2021 03:04:05 .PM"), TEXT("none"), P(DATE)},
    {",PM", DATE, TEXT("2 Jan 2021 03:04:05 ,PM"), TEXT("none"), P(DATE)},
    {"P +0000", DATE, TEXT("2 Jan 2021 03:04:05 P +0000"), TEXT("none"), P(DATE)},
    {"P GMT", DATE, TEXT("2 Jan 2021 03:04:05 P GMT"), TEXT("none"), P(DATE)},
    {"afternoon in Dutch", DATE, TEXT("2 Jan 2021 03:04:05 +0100 n.m."), TEXT("none"), P(DATE)},
    {"P inside", DATE, TEXT("Sat Jan  2 03:04:05 P 2021"), TEXT("none"), P(DATE)},
    {"afternoon in Japanese", DATE, TEXT("2 Jan 2021 03:04:05 午後"), TEXT("none"), P(DATE)},
    {"afternoon in Japanese after a zone", DATE, TEXT("2 Jan 2021 03:04:05 +0900 午後"), TEXT("none"), P(DATE)},
    {"a comma before the zone", DATE, TEXT("2 Jan 2021 03:04:05 ,+0000"), TEXT("none"), P(DATE)},
    {"a fraction of a minute", DATE, TEXT("2 Jan 2021 03:04.5 +0000"), TEXT("none"), P(DATE)},
    {"a dot before seconds", DATE, TEXT("2 Jan 2021 03:04.30 +0000"), TEXT("none"), P(DATE)},
    {"+0000 GMT", DATE, TEXT("2 Jan 2021 03:04:05 +0000 GMT"), TEXT("2021-01-02T03:04:05+00:00"), P(DATE)},
    {"-0800PST (PST)", DATE, TEXT("2 Jan 2021 03:04:05 -0800PST (PST)"), TEXT("2021-01-02T03:04:05-08:00"), P(DATE)},
    {"a zone twice in digits", DATE, TEXT("2 Jan 2021 03:04:05 CET +01:00 (CET);"), TEXT("2021-01-02T03:04:05+01:00"),
     P(DATE)},
    {"a zone in a comment", DATE, TEXT("2 Jan 2021 03:04:05 -0800 (PST)"), TEXT("2021-01-02T03:04:05-08:00"), 0},
    {"quotes", DATE, TEXT("\"Sat, 02 Jan 2021 03:04:05 +0000\""), TEXT("none"), P(DATE)},
};

/* ---- what comes out ---- */

struct output {
    size_t n;
    char text[4096];
};

static void add(void *context, const char *octets, size_t n)
{
    struct output *o = context;
    assert_true(n > 0 && n <= sizeof o->text - o->n);
    memcpy(o->text + o->n, octets, n);
    o->n += n;
}

static void add_text(void *context, const char *octets, size_t n)
{
    assert_true(utf8_is_valid((struct span){octets, n})); /* and each character is whole */
    add(context, octets, n);
}

static void say(struct output *o, const char *text)
{
    if (*text != '\0')
        add(o, text, strlen(text));
}

/* Octets with "|" for the ends of lines. */
static void add_lines(void *context, const char *octets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (octets[i] == '\n')
            say(context, "|");
        else if (octets[i] != '\r' || i + 1 == n || octets[i + 1] != '\n')
            add(context, octets + i, 1);
    }
}

static void add_text_lines(void *context, const char *octets, size_t n)
{
    assert_true(utf8_is_valid((struct span){octets, n}));
    add_lines(context, octets, n);
}

static void read_addresses(struct message *m, struct span list, struct output *o)
{
    struct address address = {.closes = false};
    while (address_take(m, &list, &address)) {
        address_name(m, address.name, (struct sink){add_text, o});
        say(o, address.name.p != NULL ? " <" : "<");
        address_spec(m, address.address, (struct sink){add_text, o});
        say(o, ">\n");
    }
}

static void read_fields(struct message *m, struct span header, struct output *o)
{
    struct field field;
    while (header_take_field(m, &header, &field)) {
        add(o, field.name.p, field.name.n);
        say(o, "=");
        words_text(m, field.value, (struct sink){add_text, o});
        say(o, "\n");
    }
}

static void read_part(struct message *m, struct part *part, struct output *o)
{
    static const char *const kinds[] = {"leaf", "multipart", "message"};
    char text[64];
    struct output name = {0, ""};
    snprintf(text, sizeof text, part->parent > 0 ? "%s %u (%zu) " : "%s %u ", kinds[part->kind], part->depth,
             part->parent);
    say(o, text);
    add(o, part->type.p, part->type.n);
    say(o, "/");
    add(o, part->subtype.p, part->subtype.n);
    say(o, span_is(part->handling, "attachment") ? " attachment" : "");
    if (message_filename(m, part, (struct sink){add_text, &name})) {
        say(o, " ");
        add(o, name.text, name.n);
    }
    if (part->kind != PART_MULTIPART) {
        say(o, ": ");
        message_octets(m, part, (struct sink){add_lines, o});
    }
    say(o, "\n");
}

static void read_message(struct message *m, enum what what, struct output *o)
{
    struct span subject = m->values[FIELD_SUBJECT];
    for (size_t i = 0; i < m->n && what == PARTS; i++)
        read_part(m, &m->parts[i], o);
    if (what == OCTETS)
        message_octets(m, &m->parts[m->n - 1], (struct sink){add, o});
    if (what == SUBJECT) {
        if (subject.p != NULL)
            words_text(m, subject, (struct sink){add_text, o});
        say(o, "|");
        message_body_text(m, m->parts, (struct sink){add_text_lines, o});
    }
}

static void read_input(struct message *m, enum what what, struct span input, struct output *o)
{
    char date[32];
    int64_t seconds;
    switch (what) {
    case VALUE:
        words_text(m, input, (struct sink){add_text, o});
        break;
    case ADDRESSES:
        read_addresses(m, input, o);
        break;
    case DATE:
        say(o, date_text(m, input, date, &seconds) ? date : "none");
        break;
    case FIELDS:
        read_fields(m, input, o);
        break;
    case PARAM:
        if (!param_decode(m, input, "x", (struct sink){add_text, o}))
            say(o, "none");
        break;
    case PARTS:
    case OCTETS:
    case SUBJECT:
        read_message(m, what, o);
        break;
    }
}

/* ---- rows ---- */

/* The input in memory of its size; crlf: with CRLF for each LF. */
static struct span copy_input(const struct row *r, bool crlf)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += crlf && r->input[i] == '\n' ? 2 : 1;
    char *copy = malloc(n + (n == 0)), *end = copy;
    assert_non_null(copy);
    for (size_t i = 0; i < r->n; i++) {
        if (crlf && r->input[i] == '\n')
            *end++ = '\r';
        *end++ = r->input[i];
    }
    return (struct span){copy, n};
}

static void run_row(const struct row *r, bool crlf)
{
    struct output o = {0, ""}, expected = {0, ""};
    struct span input = copy_input(r, crlf);
    struct message *m = message_open(r->what >= PARTS ? input : (struct span){NULL, 0});
    assert_non_null(m);
    read_input(m, r->what, input, &o);
    for (size_t i = 0; i < r->output_n; i++) {
        if (crlf && r->what == OCTETS && r->output[i] == '\n')
            say(&expected, "\r");
        add(&expected, r->output + i, 1);
    }
    if (o.n != expected.n || memcmp(o.text, expected.text, o.n) != 0)
        fail_msg("'%.*s' is not '%.*s'", (int)o.n, o.text, (int)expected.n, expected.text);
    const struct problems all = {{r->problems, 0}};
    for (enum problem p = 0; p < PROBLEMS; p++) {
        bool noted = problems_have(&m->problems, p), wanted = problems_have(&all, p);
        if (noted != wanted)
            fail_msg("%s: %s", noted ? "noted" : "not noted", problem_about(p)->name);
    }
    message_close(m);
    free((void *)(uintptr_t)input.p);
}

static void test_row(void **state)
{
    run_row(*state, false);
    run_row(*state, true);
}

/* ---- what no row can hold ---- */

static void test_problems(void **state)
{
    (void)state;
    for (enum problem p = 0; p < PROBLEMS; p++) {
        const struct problem_about *a = problem_about(p);
        char text[PROBLEM_TEXT_MAX], whole[512];
        (void)snprintf(whole, sizeof whole, "%s: %s (%s)", a->name, a->sentence, a->section);
        assert_int_equal(problem_text(p, text), strlen(whole));
        assert_string_equal(text, whole);
        assert_int_equal(strncmp(a->section, "RFC ", 4), 0);
        for (enum problem q = 0; q < p; q++)
            assert_string_not_equal(a->name, problem_about(q)->name);
    }
}

struct decoded {
    char *p;
    size_t n, size;
};

static void append(struct decoded *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (t->size - t->n < 256) {
        t->size = (t->size + 256) * 2;
        t->p = realloc(t->p, t->size);
        assert_non_null(t->p);
    }
    t->n += (size_t)vsnprintf(t->p + t->n, t->size - t->n, format, arguments);
    va_end(arguments);
}

/* How many parts, how deep, and what is odd. */
static size_t count_parts(const struct decoded *t, unsigned *depth, uint64_t *problems)
{
    struct message *m = message_open((struct span){t->p, t->n});
    assert_non_null(m);
    *depth = 0;
    for (size_t i = 0; i < m->n; i++)
        *depth = m->parts[i].depth > *depth ? m->parts[i].depth : *depth;
    *problems = m->problems.bits[0];
    size_t n = m->n;
    message_close(m);
    return n;
}

static void test_many_parts(void **state)
{
    (void)state;
    struct decoded t = {NULL, 0, 0};
    unsigned depth;
    uint64_t problems;
    append(&t, "Content-Type: multipart/mixed; boundary=B\n\n");
    for (size_t i = 1; i < MIME_PARTS_MAX; i++)
        append(&t, "--B\n\n%zu\n", i);
    append(&t, "--B--\n");
    assert_int_equal(count_parts(&t, &depth, &problems), MIME_PARTS_MAX);
    assert_int_equal(problems, 0);
    t.n -= strlen("--B--\n");
    append(&t, "--B\n\n\n--B--\n");
    assert_int_equal(count_parts(&t, &depth, &problems), MIME_PARTS_MAX);
    assert_int_equal(problems, P(TOO_MANY_PARTS));
    free(t.p);
}

static void test_deep(void **state)
{
    (void)state;
    for (unsigned levels = MIME_DEPTH_MAX - 1; levels <= 300; levels += 201) {
        struct decoded t = {NULL, 0, 0};
        unsigned depth;
        uint64_t problems;
        for (unsigned i = 0; i < levels; i++)
            append(&t, "Content-Type: multipart/mixed; boundary=B%u\n\n--B%u\n", i, i);
        append(&t, "\na\n");
        for (unsigned i = levels; i > 0; i--)
            append(&t, "--B%u--\n", i - 1);
        assert_int_equal(count_parts(&t, &depth, &problems), MIME_DEPTH_MAX);
        assert_int_equal(depth, MIME_DEPTH_MAX - 1);
        assert_int_equal(problems, levels < MIME_DEPTH_MAX ? 0 : P(TOO_DEEP));
        free(t.p);
    }
}

static void test_deep_messages(void **state)
{
    (void)state;
    struct decoded t = {NULL, 0, 0};
    unsigned depth;
    uint64_t problems;
    for (unsigned i = 0; i < 300; i++)
        append(&t, "Content-Type: message/rfc822\n\n");
    assert_int_equal(count_parts(&t, &depth, &problems), MIME_DEPTH_MAX);
    assert_int_equal(problems, P(TOO_DEEP));
    free(t.p);
}

static void test_large_header(void **state)
{
    (void)state;
    struct decoded t = {NULL, 0, 0};
    while (t.n < MIME_HEADER_MAX)
        append(&t, "X-Filler: %0100d\n", 1);
    append(&t, "Subject: behind\n\nbody");
    struct message *m = message_open((struct span){t.p, t.n});
    assert_non_null(m);
    const struct part *part = m->parts;
    assert_true(part->header.n <= MIME_HEADER_MAX && part->header.p[part->header.n - 1] == '\n');
    assert_null(m->values[FIELD_SUBJECT].p);
    assert_int_equal(part->body.n, strlen("body"));
    assert_int_equal(m->problems.bits[0], P(LARGE_HEADER));
    message_close(m);
    free(t.p);
}

static void test_long_boundary(void **state)
{
    (void)state;
    struct decoded t = {NULL, 0, 0};
    unsigned depth;
    uint64_t problems;
    append(&t, "Content-Type: multipart/mixed; boundary=%071d\n\n--%071d\n\na\n--%071d--\n", 1, 1, 1);
    assert_int_equal(count_parts(&t, &depth, &problems), 2);
    assert_int_equal(problems, P(LONG_BOUNDARY));
    free(t.p);
}

/* Characters that a piece of input ends within: each charset, at each place. */
static void test_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *character;
        size_t n;
        const char *utf8;
    } charsets[] = {
        {"utf-8", TEXT("\xe2\x82\xac"), "€"},          {"gb18030", TEXT("\x94\x39\xda\x33"), "💩"},
        {"iso-2022-jp", TEXT("\x1b$BF|\x1b(B"), "日"}, {"shift_jis", TEXT("\x93\xfa"), "日"},
        {"utf-16le", TEXT("\xac\x20"), "€"},
    };
    for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
        for (size_t before = 0; before < 1300; before++) {
            struct decoded t = {NULL, 0, 0};
            struct output o = {0, ""};
            bool wide = strcmp(charsets[i].charset, "utf-16le") == 0;
            append(&t, "Content-Type: text/plain; charset=%s\nContent-Transfer-Encoding: quoted-printable\n\n",
                   charsets[i].charset);
            for (size_t k = 0; k < before; k++)
                append(&t, wide ? "a=00=\n" : "a=\n");
            for (size_t k = 0; k < charsets[i].n; k++)
                append(&t, "=%02X", (unsigned)(unsigned char)charsets[i].character[k]);
            struct message *m = message_open((struct span){t.p, t.n});
            assert_non_null(m);
            message_body_text(m, m->parts, (struct sink){add_text, &o});
            assert_int_equal(o.n, before + strlen(charsets[i].utf8));
            assert_memory_equal(o.text + before, charsets[i].utf8, strlen(charsets[i].utf8));
            assert_int_equal(m->problems.bits[0], 0);
            message_close(m);
            free(t.p);
        }
    }
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_problems),      cmocka_unit_test(test_many_parts),   cmocka_unit_test(test_deep),
        cmocka_unit_test(test_deep_messages), cmocka_unit_test(test_large_header), cmocka_unit_test(test_long_boundary),
        cmocka_unit_test(test_pieces),
    };
    struct CMUnitTest tests[ROWS + sizeof others / sizeof others[0]];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    memcpy(tests + ROWS, others, sizeof others);
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL) != 0;
}
