/* SPDX-License-Identifier: ISC */
/*
 * wide.c - charsets whose characters take several octets.
 *
 * Octets are gathered until they are a character by the form of their charset.
 * If they cannot become one, or if there is none, U+FFFD stands for them, and the
 * text goes on with the first of them that is ASCII, as in WHATWG's Encoding
 * Standard: a broken character takes no quote or line end with it.
 *
 * Shift_JIS and ISO-2022-JP are read as EUC-JP, with the rows that Windows added
 * to JIS X 0208, as mail has them; EUC-KR has the syllables that Windows added.
 * The C library converts the rest.  It is given well-formed characters only, as
 * decoders of musl write out of bounds if they are not (CVE-2025-26519, and GB18030
 * beyond Unicode), or take milliseconds for one character.
 */
#include "mail/inside.h"

#include <string.h>

static bool is_within(unsigned char c, unsigned char low, unsigned char high) { return c >= low && c <= high; }

/* ---- the C library ---- */

/* Asks it for a character, of at most two code points.  Returns how many octets of UTF-8 it has; 0: none. */
static size_t ask(struct charset *c, const unsigned char *s, size_t n, char text[16])
{
    char in[4], *p = in, *end = text;
    size_t room = 16;
    if (!c->is_open)
        return 0;
    memcpy(in, s, n);
    bool stuck = iconv(c->cd, &p, &n, &end, &room) == (size_t)-1;
    (void)iconv(c->cd, NULL, NULL, stuck ? NULL : &end, stuck ? NULL : &room);
    return stuck ? 0 : (size_t)(end - text);
}

static bool put_asked(struct charset *c, const unsigned char *s, size_t n)
{
    char text[16];
    size_t length = ask(c, s, n, text);
    convert_utf8(c, (struct span){text, length});
    return length > 0;
}

/* Octets that are a character in their charset, but perhaps not in the library's. */
static bool put_lacking(struct charset *c)
{
    message_note(c->m, PROBLEM_NO_CONVERTER);
    convert_code_point(c, 0xfffd);
    return true;
}

/* Characters on which libraries differ, each after its two octets: as Windows and mail have them. */
static const char jis_pairs[] = "\xa1\xc0＼\xa1\xc1～\xa1\xc2∥\xa1\xdd－\xa1\xf1￠\xa1\xf2￡\xa2\xcc￢";
static const char big5_pairs[] =
    "\xa1\x45‧\xa1\x4e﹑\xa1\x5a╴\xa1\xc2¯\xa1\xc3￣\xa1\xc5ˍ\xa1\xe3～\xa1\xf2⊕\xa1\xf3⊙\xa1\xfe／"
    "\xa2\x40＼\xa2\x41∕\xa2\x42﹨\xa2\x44￥\xa2\x46￠\xa2\x47￡\xa2\xcc十\xa2\xce卅\xa3\xe1€\xc6\xcd⼳"
    "\xc6\xcf廴\xc6\xd3无\xc6\xd5癶\xc6\xd7隶\xf9\xfe￭";
static const char gb_pairs[] =
    "\xa6\xd9︐\xa6\xda︒\xa6\xdb︑\xa6\xdc︓\xa6\xdd︔\xa6\xde︕\xa6\xdf︖\xa6\xec︗\xa6\xed︘\xa6\xf3︙"
    "\xa8\xbcḿ\xfe\x51𠂇\xfe\x52𠂉\xfe\x53𠃌\xfe\x59龴\xfe\x61龵\xfe\x66龶\xfe\x67龷\xfe\x6c𡗗\xfe\x6d龸"
    "\xfe\x76𢦏\xfe\x7e龹\xfe\x90龺\xfe\x91𤇾\xfe\xa0龻";

static bool put_pair(struct charset *c, const char *pairs, const unsigned char *s)
{
    struct span rest = span_of(pairs);
    while (rest.n > 0) {
        bool same = memcmp(rest.p, s, 2) == 0;
        span_skip(&rest, 2);
        struct span character = header_take(&rest, utf8_length(rest));
        if (same) {
            sink_put(c->to, character.p, character.n);
            return true;
        }
    }
    return put_asked(c, s, 2);
}

/* ---- Japanese ---- */

/* Row 13 of JIS X 0208, by NEC; U+FFFD where there is none. */
static const char nec[] = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ�㍉㌔㌢㍍㌘㌧㌃㌶㍑㍗㌍㌦㌣㌫㍊㌻㎜㎝㎞㎎㎏㏄㎡�"
                          "�������㍻〝〟№㏍℡㊤㊥㊦㊧㊨㈱㈲㈹㍾㍽㍼≒≡∫∮∑√⊥∠∟⊿∵∩∪��";

/* Rows 115 to 119, by IBM.  Rows 89 to 92, by NEC, have the same in another order. */
static const char ibm[] =
    "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ￢￤＇＂㈱№℡∵纊褜鍈銈蓜俉炻昱棈鋹曻彅丨仡仼伀伃伹佖侒侊侚侔俍偀倢俿"
    "倞偆偰偂傔僴僘兊兤冝冾凬刕劜劦勀勛匀匇匤卲厓厲叝﨎咜咊咩哿喆坙坥垬埈埇﨏塚增墲夋奓奛奝奣妤妺孖寀甯寘寬尞岦岺峵"
    "崧嵓﨑嵂嵭嶸嶹巐弡弴彧德忞恝悅悊惞惕愠惲愑愷愰憘戓抦揵摠撝擎敎昀昕昻昉昮昞昤晥晗晙晴晳暙暠暲暿曺朎朗杦枻桒柀栁"
    "桄棏﨓楨﨔榘槢樰橫橆橳橾櫢櫤毖氿汜沆汯泚洄涇浯涖涬淏淸淲淼渹湜渧渼溿澈澵濵瀅瀇瀨炅炫焏焄煜煆煇凞燁燾犱犾猤猪獷"
    "玽珉珖珣珒琇珵琦琪琩琮瑢璉璟甁畯皂皜皞皛皦益睆劯砡硎硤硺礰礼神祥禔福禛竑竧靖竫箞精絈絜綷綠緖繒罇羡羽茁荢荿菇菶"
    "葈蒴蕓蕙蕫﨟薰蘒﨡蠇裵訒訷詹誧誾諟諸諶譓譿賰賴贒赶﨣軏﨤逸遧郞都鄕鄧釚釗釞釭釮釤釥鈆鈐鈊鈺鉀鈼鉎鉙鉑鈹鉧銧鉷鉸"
    "鋧鋗鋙鋐﨧鋕鋠鋓錥錡鋻﨨錞鋿錝錂鍰鍗鎤鏆鏞鏸鐱鑅鑈閒隆﨩隝隯霳霻靃靍靏靑靕顗顥飯飼餧館馞驎髙髜魵魲鮏鮱鮻鰀鵰鵫"
    "鶴鸙黑";

/* Puts a character of three octets from a table, where it has one. */
static bool put_vendor(struct charset *c, const char *table, size_t size, unsigned place)
{
    if (place * 3 + 3 >= size || memcmp(table + place * 3, "\xef\xbf\xbd", 3) == 0)
        return false;
    sink_put(c->to, table + place * 3, 3);
    return true;
}

/* Rows and cells count from 1. */
static bool put_jis(struct charset *c, unsigned row, unsigned cell)
{
    unsigned char euc[2] = {(unsigned char)(row + 0xa0), (unsigned char)(cell + 0xa0)};
    unsigned place = (row - 89) * 94 + cell - 1;
    if (row == 13)
        return put_vendor(c, nec, sizeof nec, cell - 1);
    if (row <= 84)
        return put_pair(c, jis_pairs, euc);
    if (row >= 115)
        return put_vendor(c, ibm, sizeof ibm, (row - 115) * 94 + cell - 1);
    if (row >= 95)
        convert_code_point(c, 0xe000 + (row - 95) * 94 + cell - 1); /* for users */
    else if (row < 89 || row > 92 || place == 360 || place == 361)
        return false;
    else /* the places of ibm from 28 on, two gaps, 0 to 9, 20 to 23 */
        return put_vendor(c, ibm, sizeof ibm, place < 360 ? place + 28 : place < 372 ? place - 362 : place - 352);
    return true;
}

static bool put_shift_jis(struct charset *c, const unsigned char *s)
{
    unsigned row = (s[0] < 0xa0 ? s[0] - 0x81u : s[0] - 0xc1u) * 2 + 1;
    unsigned cell = s[1] - (s[1] < 0x7f ? 0x3fu : 0x40u);
    return cell > 94 ? put_jis(c, row + 1, cell - 94) : put_jis(c, row, cell);
}

static bool put_kana(struct charset *c, unsigned place)
{
    convert_code_point(c, 0xff61 + place);
    return true;
}

static bool put_euc_jp(struct charset *c, const unsigned char *s)
{
    if (s[0] == 0x8e)
        return put_kana(c, s[1] - 0xa1u);
    if (s[0] == 0x8f) /* JIS X 0212 */
        return put_asked(c, s, 3) || (c->partial && put_lacking(c));
    return put_jis(c, s[0] - 0xa0u, s[1] - 0xa0u);
}

/* ---- Korean ---- */

/* Windows added all syllables that KS X 1001 lacks, in their order.  So the n-th of these comes after those of KS X
   1001 that are before it, which a search finds. */
static bool put_korean(struct charset *c, const unsigned char *s)
{
    enum { SYLLABLES = 11172, KNOWN = 2350 };
    if (s[0] >= 0xa1 && s[1] >= 0xa1)
        return put_asked(c, s, 2);
    unsigned letter = s[1] <= 'Z' ? s[1] - 'A' + 0u : s[1] <= 'z' ? s[1] - 'a' + 26u : s[1] - 0x81u + 52;
    unsigned n = s[0] <= 0xa0 ? (s[0] - 0x81u) * 178 + letter : 32 * 178 + (s[0] - 0xa1u) * 84 + letter;
    unsigned low = 0, high = KNOWN;
    if (n >= SYLLABLES - KNOWN)
        return false;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        unsigned char known[2] = {(unsigned char)(0xb0 + middle / 94), (unsigned char)(0xa1 + middle % 94)};
        char text[16];
        struct span character = {text, ask(c, known, 2, text)};
        if (character.n == 0)
            return false;
        if (utf8_code_point(character) - 0xac00 - middle > n)
            high = middle;
        else
            low = middle + 1;
    }
    convert_code_point(c, 0xac00 + n + low);
    return true;
}

/* ---- Chinese ---- */

static bool put_gb18030(struct charset *c, const unsigned char *s, size_t n)
{
    enum { BMP = 39420, BEYOND = 189000 };
    if (n == 1)
        convert_code_point(c, 0x20ac); /* the Euro sign of Windows */
    if (n <= 2)
        return n == 1 || put_pair(c, gb_pairs, s);
    unsigned place = ((s[0] - 0x81u) * 10 + s[1] - '0') * 1260 + (s[2] - 0x81u) * 10 + s[3] - '0';
    if (place < BMP)
        return c->partial ? put_lacking(c) : put_asked(c, s, 4);
    if (place < BEYOND || place >= BEYOND + 0x100000)
        return false;
    convert_code_point(c, 0x10000 + place - BEYOND);
    return true;
}

static bool put_big5(struct charset *c, const unsigned char *s)
{
    if (s[0] != 0xa3 || !is_within(s[1], 0xc0, 0xe0))
        return put_pair(c, big5_pairs, s);
    convert_code_point(c, s[1] == 0xe0 ? 0x2421 : 0x2400 + s[1] - 0xc0u); /* pictures of controls */
    return true;
}

/* ---- characters ---- */

/* How many octets a character has that begins with this one; 0: none does. */
static size_t count_octets(enum coding coding, unsigned char first)
{
    switch (coding) {
    case CODING_SHIFT_JIS:
        return is_within(first, 0xa1, 0xdf) ? 1 : is_within(first, 0x81, 0xfc) && first != 0xa0 ? 2 : 0;
    case CODING_EUC_JP:
        return first == 0x8f ? 3 : first == 0x8e || is_within(first, 0xa1, 0xfe) ? 2 : 0;
    case CODING_EUC_KR:
        return is_within(first, 0x81, 0xfd) ? 2 : 0;
    case CODING_GB18030:
        return first == 0x80 ? 1 : is_within(first, 0x81, 0xfe) ? 2 : 0;
    default:
        return is_within(first, 0x81, 0xfe) ? 2 : 0;
    }
}

/* Whether the last of these octets may come after those before it. */
static bool may_follow(enum coding coding, const unsigned char *s, size_t n)
{
    unsigned char last = s[n - 1];
    switch (coding) {
    case CODING_SHIFT_JIS:
        return is_within(last, 0x40, 0xfc) && last != 0x7f;
    case CODING_EUC_JP:
        return is_within(last, 0xa1, s[0] == 0x8e ? 0xdf : 0xfe);
    case CODING_EUC_KR:
        return ascii_is_letter((char)last) || is_within(last, 0x81, 0xfe);
    case CODING_GB18030:
        return n == 3 ? is_within(last, 0x81, 0xfe)
                      : is_within(last, '0', '9') || (n == 2 && is_within(last, 0x40, 0xfe) && last != 0x7f);
    default:
        return is_within(last, 0x40, 0x7e) || is_within(last, 0xa1, 0xfe);
    }
}

/* Puts a character that begins with 8 bits.  False if there is none. */
static bool put_character(struct charset *c, const unsigned char *s, size_t n)
{
    switch (c->coding) {
    case CODING_SHIFT_JIS:
        return n == 1 ? put_kana(c, s[0] - 0xa1u) : put_shift_jis(c, s);
    case CODING_EUC_JP:
        return put_euc_jp(c, s);
    case CODING_EUC_KR:
        return put_korean(c, s);
    case CODING_GB18030:
        return put_gb18030(c, s, n);
    default:
        return put_big5(c, s);
    }
}

static void put_any(struct charset *c, unsigned char octet);

/* Puts U+FFFD for octets that are no character, and goes on with the first of them that is ASCII. */
static void replace_octets(struct charset *c)
{
    char s[4];
    size_t n = c->n, kept = 1;
    memcpy(s, c->octets, n);
    c->n = 0;
    convert_bad(c);
    while (kept < n && ascii_is_8bit(s[kept]))
        kept++;
    for (; kept < n; kept++) /* fewer octets than before, so this ends */
        put_any(c, (unsigned char)s[kept]);
}

/* Puts an octet of a charset that has ASCII beside its own characters. */
static void put_octet(struct charset *c, unsigned char octet)
{
    unsigned char s[4];
    if (c->n == 0 && octet < 0x80) {
        convert_code_point(c, octet);
        return;
    }
    c->octets[c->n++] = (char)octet;
    size_t n = c->n;
    memcpy(s, c->octets, n);
    size_t length = c->coding == CODING_GB18030 && n > 1 && is_within(s[1], '0', '9') ? 4 : count_octets(c->coding, *s);
    bool well = n == 1 || may_follow(c->coding, s, n);
    if (well && n < length)
        return;
    if (well && length > 0 && put_character(c, s, n))
        c->n = 0;
    else
        replace_octets(c);
}

/* ---- ISO 2022: RFC 1468, RFC 1557 ---- */

/* Escape sequences, without ESC, and the characters that octets stand for after them. */
enum { SET_ASCII, SET_ROMAN, SET_KANA, SET_PAIRS, SET_JIS_X_0212 };
static const struct {
    const char *text;
    int set;
} escapes[] = {
    {"(B", SET_ASCII}, {"(J", SET_ROMAN},  {"(I", SET_KANA},        {"$B", SET_PAIRS},
    {"$@", SET_PAIRS}, {"$(B", SET_PAIRS}, {"$(D", SET_JIS_X_0212}, {"$)C", SET_ASCII /* for SO */},
};

static void put_escape(struct charset *c, unsigned char octet)
{
    bool begun = false;
    c->octets[c->n++] = (char)octet;
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        if (strncmp(escapes[i].text, c->octets + 1, c->n - 1) != 0)
            continue;
        begun = true;
        if (escapes[i].text[c->n - 1] == '\0') {
            c->set = escapes[i].set;
            c->n = 0;
            return;
        }
    }
    if (!begun)
        replace_octets(c);
}

/* Puts an octet that belongs to the set that is shifted in. */
static void put_of_set(struct charset *c, unsigned char octet, int set)
{
    unsigned char s[3];
    if (set == SET_ASCII || set == SET_ROMAN) {
        convert_code_point(c, set == SET_ASCII ? octet : octet == '\\' ? 0xa5 : octet == '~' ? 0x203e : octet);
        return;
    }
    if (set == SET_KANA) {
        if (octet >= 0x60 || !put_kana(c, octet - 0x21u))
            convert_bad(c);
        return;
    }
    c->octets[c->n++] = (char)octet;
    if (c->n < 2)
        return;
    c->n = 0;
    s[0] = 0x8f;
    s[1] = (unsigned char)(c->octets[0] | 0x80);
    s[2] = octet | 0x80;
    bool put =
        c->coding == CODING_ISO_2022_KR ? put_korean(c, s + 1) : put_euc_jp(c, set == SET_JIS_X_0212 ? s : s + 1);
    if (!put)
        convert_bad(c);
}

static void put_shifted(struct charset *c, unsigned char octet)
{
    enum { ESC = 0x1b, SO = 0x0e, SI = 0x0f };
    bool korean = c->coding == CODING_ISO_2022_KR;
    if (c->n > 0 && c->octets[0] == ESC) {
        put_escape(c, octet);
        return;
    }
    if (octet > 0x20 && octet < 0x7f) {
        put_of_set(c, octet, !c->shifted ? c->set : korean ? SET_PAIRS : SET_KANA);
        return;
    }
    bool begun = c->n > 0;
    if (begun)
        replace_octets(c);
    if (octet == ESC)
        c->octets[c->n++] = ESC;
    else if (octet == SO || octet == SI)
        c->shifted = octet == SO;
    else if (octet < 0x80)
        convert_code_point(c, octet);
    else if (!begun)
        convert_bad(c);
    if (octet == '\n' || octet == '\r') { /* a line begins in ASCII */
        c->set = SET_ASCII;
        c->shifted = false;
    }
}

/* ---- UTF-16: RFC 2781 ---- */

static void put_utf16(struct charset *c, unsigned char octet)
{
    c->octets[c->n++] = (char)octet;
    if (c->n < 2)
        return;
    c->n = 0;
    unsigned first = (unsigned char)c->octets[0], second = octet, high = c->high;
    unsigned unit = c->coding == CODING_UTF16BE ? first << 8 | second : second << 8 | first;
    bool low = unit >= 0xdc00 && unit < 0xe000, mark = !c->begun && (unit == 0xfeff || unit == 0xfffe);
    c->begun = true;
    c->high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
    if (mark && unit == 0xfffe)
        c->coding = c->coding == CODING_UTF16BE ? CODING_UTF16LE : CODING_UTF16BE;
    if (low && high > 0) {
        convert_code_point(c, 0x10000 + ((high & 0x3ff) << 10 | (unit & 0x3ff)));
        return;
    }
    if (high > 0)
        convert_bad(c);
    if (low)
        convert_bad(c);
    else if (!mark && c->high == 0)
        convert_code_point(c, unit);
}

/* ---- all ---- */

static void put_any(struct charset *c, unsigned char octet)
{
    if (c->coding == CODING_UTF16LE || c->coding == CODING_UTF16BE)
        put_utf16(c, octet);
    else if (c->coding == CODING_ISO_2022_JP || c->coding == CODING_ISO_2022_KR)
        put_shifted(c, octet);
    else
        put_octet(c, octet);
}

void wide_put(struct charset *c, struct span t)
{
    for (; t.n > 0; span_skip(&t, 1))
        put_any(c, (unsigned char)*t.p);
}

void wide_flush(struct charset *c)
{
    if (c->high > 0)
        convert_bad(c);
    while (c->n > 0)
        replace_octets(c);
    c->high = 0;
    c->set = SET_ASCII;
    c->shifted = c->begun = false;
}
