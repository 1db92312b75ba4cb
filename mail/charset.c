/* SPDX-License-Identifier: ISC */
/*
 * charset.c - octets of a charset, on their way into a sink that gets UTF-8.
 *
 * A label chooses one of the charsets below, which are those that mail uses,
 * with their labels in WHATWG's Encoding Standard.  iconv is given no others, as
 * it may load a library for each.  Text with another label is read as UTF-8,
 * which RFC 1428's unknown-8bit mostly is.
 */
#include "mail/inside.h"

#include <errno.h>
#include <string.h>

#include "base/scan.h"

enum {
    CHARSETS_MAX = 2000, /* charsets that a message may have opened, as opening takes long */
    NAME_SIZE = 64,      /* octets of a name, with a NUL */
};

/* The characters from 0x80 on; U+FFFD where there is none. */
static const uint16_t windows_1252[] = u"€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁ"
                                       u"ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";
static const uint16_t windows_874[] =
    u"€����…�����������‘’“”•–—��������\u00a0กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯะัาำิีึืฺุู����฿"
    u"เแโใไๅๆ็่้๊๋์ํ๎๏๐๑๒๓๔๕๖๗๘๙๚๛����";
static const uint16_t macintosh[] =
    u"ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u00a0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ"
    u"‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
static const uint16_t mac_cyrillic[] =
    u"АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ†°Ґ£§•¶І®©™Ђђ≠Ѓѓ∞±≤≥іµґЈЄєЇїЉљЊњјЅ¬√ƒ≈∆«»…\u00a0ЋћЌќѕ–—“”‘’÷„ЎўЏџ№Ёёя"
    u"абвгдежзийклмнопрстуфхцчшщъыьэю€";

/* This has all of EUC-JP; where the library does not know it, EUC-JP is tried. */
static const char euc_jp[] = "EUCJP-MS";

/* Labels in lower case, with letters and digits alone, without "x" and "cs" at their beginning; code pages begin with
   "cp".  name: what iconv calls the charset, and NULL if it has the label; or a table of 128 characters. */
static const struct known {
    const char *labels;
    enum coding coding;
    const void *name;
    bool iso8859; /* 0x80 to 0x9f have no meaning: RFC 2046 4.1.2 */
} known[] = {
    {"utf8 unicode11utf8 unicode20utf8 utf8mb4 cp65001", CODING_UTF8, NULL, false},
    {"usascii ascii ansix341968 ansix341986 iso646us us cp367 cp20127", CODING_UTF8, windows_1252, false},
    {"iso88591 latin1 isolatin1 l1 isoir100 cp819 cp28591", CODING_TABLE, windows_1252, true},
    {"cp1252", CODING_TABLE, windows_1252, false},
    {"iso88592 latin2 isolatin2 l2 isoir101", CODING_ICONV, "ISO-8859-2", true},
    {"iso88593 latin3 isolatin3 l3 isoir109", CODING_ICONV, "ISO-8859-3", true},
    {"iso88594 latin4 isolatin4 l4 isoir110", CODING_ICONV, "ISO-8859-4", true},
    {"iso88595 cyrillic isolatincyrillic isoir144", CODING_ICONV, "ISO-8859-5", true},
    {"iso88596 iso88596e iso88596i arabic isolatinarabic ecma114 asmo708 isoir127", CODING_ICONV, "ISO-8859-6", true},
    {"iso88597 greek greek8 isolatingreek ecma118 elot928 suneugreek isoir126", CODING_ICONV, "ISO-8859-7", true},
    {"iso88598 iso88598e iso88598i hebrew isolatinhebrew logical visual isoir138", CODING_ICONV, "ISO-8859-8", true},
    {"iso88599 latin5 isolatin5 l5 isoir148", CODING_ICONV, "CP1254", true},
    {"iso885910 latin6 isolatin6 l6 isoir157", CODING_ICONV, "ISO-8859-10", true},
    {"iso885911 tis620", CODING_TABLE, windows_874, true},
    {"iso885913 latin7", CODING_ICONV, "ISO-8859-13", true},
    {"iso885914 latin8", CODING_ICONV, "ISO-8859-14", true},
    {"iso885915 latin9 l9", CODING_ICONV, "ISO-8859-15", true},
    {"iso885916 latin10 l10", CODING_ICONV, "ISO-8859-16", true},
    {"cp437 cp850 cp852 cp858 cp866 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258", CODING_ICONV, NULL,
     false},
    {"cp874", CODING_TABLE, windows_874, false},
    {"koi8r koi8 koi", CODING_ICONV, "KOI8-R", false},
    {"koi8u koi8ru", CODING_ICONV, "KOI8-U", false},
    {"macintosh mac macroman", CODING_TABLE, macintosh, false},
    {"maccyrillic macukrainian", CODING_TABLE, mac_cyrillic, false},
    {"shiftjis sjis mskanji windows31j cp932 cp943", CODING_SHIFT_JIS, euc_jp, false},
    {"eucjp ujis eucjpms eucjpwin eucpkdfmtjapanese extendedunixcodepackedformatforjapanese cp51932", CODING_EUC_JP,
     euc_jp, false},
    {"iso2022jp iso2022jp1 iso2022jp2 iso2022jp3 iso2022jpms jis cp50220 cp50221 cp50222", CODING_ISO_2022_JP, euc_jp,
     false},
    {"euckr korean ksc5601 ksc56011987 ksc56011989 uhc isoir149 cp949 cp51949", CODING_EUC_KR, "CP949", false},
    {"iso2022kr cp50225", CODING_ISO_2022_KR, "CP949", false},
    {"gb2312 gbk gb18030 gb231280 iso58gb231280 isoir58 chinese euccn cp936 cp54936", CODING_GB18030, "GB18030", false},
    {"big5 big5hkscs bigfive cnbig5 cp950 cp951", CODING_BIG5, "BIG5-HKSCS", false},
    {"utf16 utf16le unicode unicodefeff iso10646ucs2 ucs2 cp1200", CODING_UTF16LE, NULL, false},
    {"utf16be unicodefffe cp1201", CODING_UTF16BE, NULL, false},
    {"utf7 unicode11utf7 cp65000", CODING_ICONV, "UTF-7", false},
};

/* ---- labels ---- */

/* Copies a label in the form of those above.  False if it is not written as labels are. */
static bool copy_label(struct span name, char label[NAME_SIZE])
{
    static const char *const pages[] = {"windows", "win", "ibm", "ms", "dos", "cp", ""};
    char squeezed[NAME_SIZE];
    size_t n = 0;
    bool well = true;
    for (size_t i = 0; i < name.n && name.p[i] != ':'; i++) { /* a year comes after it */
        char c = ascii_lower(name.p[i]);
        bool alphanumeric = ascii_is_letter(c) || ascii_is_digit(c);
        well = well && (alphanumeric || (c != '\0' && strchr("-_.+ ", c) != NULL));
        if (alphanumeric && n < sizeof squeezed - 3)
            squeezed[n++] = c;
    }
    squeezed[n] = '\0';
    const char *plain = squeezed + strspn(squeezed, "x");
    if (strncmp(plain, "cs", 2) == 0)
        plain += 2;
    strcpy(label, plain);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        size_t prefix = strlen(pages[i]);
        if (strncmp(plain, pages[i], prefix) == 0 && plain[prefix] != '\0' &&
            plain[prefix + strspn(plain + prefix, "0123456789")] == '\0') {
            strcpy(label, "cp");
            strcat(label, plain + prefix);
        }
    }
    return well;
}

static const struct known *find_known(const char *label)
{
    size_t n = strlen(label);
    for (size_t i = 0; i < sizeof known / sizeof known[0] && n > 0; i++) {
        const char *place = known[i].labels;
        for (; (place = strstr(place, label)) != NULL; place += n) {
            if ((place == known[i].labels || place[-1] == ' ') && (place[n] == ' ' || place[n] == '\0'))
                return &known[i];
        }
    }
    return NULL;
}

/* ---- opening ---- */

/* Opens the library's converter.  If it has none, octets that it would convert are noted as that, and not as a fault of
   the client. */
static void open_iconv(struct charset *c, const char *name)
{
    bool many = c->m->charsets++ >= CHARSETS_MAX;
    c->cd = many ? (iconv_t)-1 : iconv_open("UTF-8", name);
    if (c->cd == (iconv_t)-1 && !many && name == euc_jp) {
        c->cd = iconv_open("UTF-8", "EUC-JP");
        c->partial = true;
    }
    c->is_open = c->cd != (iconv_t)-1;
    if (c->is_open)
        return;
    c->malformed = many ? PROBLEM_TOO_MANY_CHARSETS : PROBLEM_NO_CONVERTER;
    message_note(c->m, c->malformed);
    if (c->coding == CODING_ICONV)
        c->coding = CODING_UTF8;
}

void charset_open(struct charset *c, struct message *m, struct span name, struct sink to)
{
    char label[NAME_SIZE];
    c->m = m;
    c->to = to;
    c->coding = CODING_UTF8;
    c->malformed = PROBLEM_UNDECODABLE;
    c->table = NULL;
    c->is_open = c->partial = c->iso8859 = c->shifted = c->begun = false;
    c->n = c->held = 0;
    c->set = 0;
    c->high = 0;
    name = header_trim(name);
    if (name.n == 0)
        return;
    bool well = copy_label(name, label);
    const struct known *k = find_known(label);
    if (!well || k == NULL)
        message_note(m, PROBLEM_UNKNOWN_CHARSET);
    if (k == NULL)
        return;
    c->coding = k->coding;
    c->iso8859 = k->iso8859;
    if (k->coding == CODING_UTF8 || k->coding == CODING_TABLE)
        c->table = k->name;
    else if (k->name != NULL || k->coding == CODING_ICONV)
        open_iconv(c, k->name != NULL ? k->name : label);
#if defined(__linux__) && !defined(__GLIBC__)
    c->partial = c->partial || k->coding == CODING_GB18030; /* musl takes milliseconds for a character of four octets */
#endif
}

/* ---- converting ---- */

/* Converts the octets that have been collected; last: no more will come. */
static void convert(struct charset *c, bool last)
{
    char *in = c->octets;
    while (c->n > 0) {
        char out[1024], *end = out;
        size_t room = sizeof out;
        bool stuck = iconv(c->cd, &in, &c->n, &end, &room) == (size_t)-1;
        int reason = stuck ? errno : 0;
        convert_utf8(c, span_between(out, end));
        if (reason == EINVAL && !last && c->n < sizeof c->octets)
            break;
        if (stuck && reason != E2BIG) {
            convert_bad(c);
            in++;
            c->n--;
        }
    }
    memmove(c->octets, in, c->n);
}

static void put_iconv(struct charset *c, struct span t)
{
    while (t.n > 0) {
        size_t some = sizeof c->octets - c->n < t.n ? sizeof c->octets - c->n : t.n;
        memcpy(c->octets + c->n, t.p, some);
        c->n += some;
        span_skip(&t, some);
        if (c->n == sizeof c->octets)
            convert(c, false);
    }
}

static void put_table(struct charset *c, struct span t)
{
    enum { PIECE = 4096 };
    char out[PIECE + SCAN_BEHIND];
    while (t.n > 0) {
        size_t n = 0;
        while (t.n > 0 && n < PIECE) {
            size_t most = t.n < PIECE - n ? t.n : PIECE - n, plain = scan_copy(SCAN_8BIT, out + n, t.p, t.p + most);
            n += plain;
            span_skip(&t, plain);
            for (; t.n > 0 && n < PIECE && ascii_is_8bit(*t.p); span_skip(&t, 1))
                n += convert_octet(c, *t.p, out + n);
        }
        sink_put(c->to, out, n);
    }
}

/* Whether an octet is from 0x80 to 0x9f. */
static bool has_high_control(struct span t)
{
    const char *p = t.p, *end = t.p + t.n;
    while ((p = scan_for(SCAN_8BIT, p, end)) < end && ((unsigned char)*p & 0xe0) != 0x80)
        p++;
    return p < end;
}

void charset_put(void *charset, const char *octets, size_t n)
{
    struct charset *c = charset;
    struct span t = {octets, n};
    if (c->iso8859 && !problems_have(&c->m->problems, PROBLEM_WINDOWS_OCTETS) && has_high_control(t))
        message_note(c->m, PROBLEM_WINDOWS_OCTETS);
    switch (c->coding) {
    case CODING_UTF8:
        convert_utf8(c, t);
        break;
    case CODING_TABLE:
        put_table(c, t);
        break;
    case CODING_ICONV:
        put_iconv(c, t);
        break;
    default:
        wide_put(c, t);
    }
}

void charset_flush(struct charset *c)
{
    if (c->coding == CODING_ICONV) {
        char out[64], *end = out;
        size_t room = sizeof out;
        convert(c, true);
        (void)iconv(c->cd, NULL, NULL, &end, &room);
        convert_utf8(c, span_between(out, end));
    } else {
        wide_flush(c);
    }
    convert_flush(c);
}

void charset_close(struct charset *c)
{
    charset_flush(c);
    if (c->is_open)
        (void)iconv_close(c->cd);
}
