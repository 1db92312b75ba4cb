/* SPDX-License-Identifier: ISC */
/*
 * inside.h - shared by the files of mail/.
 *
 * A message is read in place: its parts, fields and words are spans into it, and
 * nothing is copied.  Lines may end in CRLF or LF.  Encoded text is decoded into
 * a sink, piece by piece.  Functions that take a message note in it what is odd.
 * A span that they take may be empty, with p NULL; it must last as long as the
 * spans that they give.
 */
#ifndef MAIL_INSIDE_H
#define MAIL_INSIDE_H

#include <iconv.h>

#include "mail/mail.h"

enum {
    MIME_HEADER_MAX = 1024 * 1024, /* octets of one header that are read */
    MIME_PARTS_MAX = 1000,         /* parts of a message that are read as such */
    MIME_DEPTH_MAX = 100,          /* parts within parts, the message itself among them */
};

enum {
    MATCH_TEXT_SHOWN = 100,   /* octets of a text that are given as its value, */
    MATCH_VALUE_SHOWN = 1000, /* and of other values */
};

/* Names of header fields that matter to us.  Those before FIELD_MANY may be there only once: RFC 5322 3.6, RFC 2045 3.
 */
enum field_name {
    FIELD_DATE,
    FIELD_FROM,
    FIELD_SENDER,
    FIELD_REPLY_TO,
    FIELD_TO,
    FIELD_CC,
    FIELD_BCC,
    FIELD_SUBJECT,
    FIELD_MESSAGE_ID,
    FIELD_IN_REPLY_TO,
    FIELD_REFERENCES,
    FIELD_MIME_VERSION,
    FIELD_CONTENT_TYPE,
    FIELD_CONTENT_TRANSFER_ENCODING,
    FIELD_CONTENT_ID,
    FIELD_CONTENT_DISPOSITION,
    FIELD_MANY,
    FIELD_LIST_UNSUBSCRIBE = FIELD_MANY,
    FIELD_LIST_UNSUBSCRIBE_POST,
    FIELD_RETURN_PATH,
    FIELD_OTHER,
};

/* Whether a field with this name has addresses. */
static inline bool field_has_addresses(enum field_name name) { return name >= FIELD_FROM && name <= FIELD_BCC; }

/* A header field: spans into the header.  The value has its folds, but not the line end. */
struct field {
    struct span name, value;
    enum field_name known;
};

struct part {
    /* MESSAGE: message/rfc822 or message/global, whose own header and parts come next */
    enum { PART_LEAF, PART_MULTIPART, PART_MESSAGE } kind;
    unsigned depth;            /* 0: the message itself */
    size_t parent;             /* place of the part that holds it; of the message itself, 0 */
    struct span header;        /* without the blank line */
    bool unread;               /* more fields come after the header: it is too large, or a line in it is no field */
    struct span body;          /* without the line end that belongs to a boundary; of a MULTIPART, and of a MESSAGE in a
                                  MESSAGE, what comes after it as well, to the end of the outermost MESSAGE */
    struct span type, subtype; /* of Content-Type, as written; "text" "plain" (or, in a digest, "message" "rfc822")
                                  where there is none; "text" "plain" where it is malformed */
    struct span content_type, disposition; /* the whole values of these fields, as written; p NULL: there is none */
    struct span encoding;                  /* Content-Transfer-Encoding, without blanks and comments; n 0: none */
    struct span id;                        /* Content-ID without brackets; p NULL: none */
    struct span handling;                  /* the first word of disposition, as written; n 0: none */
    /* for a reader, see message.c */
    size_t root;               /* of a multipart/related: place of the part that the others belong to; 0: none */
    bool readable;             /* it is a text or HTML, or a multipart that holds one, and is not an attachment */
    bool shown;                /* a reader sees it first: it is not in an attachment or in another message */
    bool inner;                /* it is in a message that is a part, which is an attachment as a whole */
    const char *path;          /* the file that it was saved in, as an attachment; NULL: none; borrowed */
    bool has_size, has_sha256; /* these are known: */
    uint64_t size;             /* octets, with the transfer encoding undone, */
    unsigned char sha256[DIGEST_MAX]; /* and their digest */
    unsigned number, children;        /* its place among its siblings, from 1, and theirs in it; for JSON */
};

struct message {
    struct span octets;
    const atomic_bool *stop;  /* NULL: nobody stops the reading */
    struct sink forget;       /* put NULL: nobody wants to know what is not needed any more */
    struct problems problems; /* what is odd, as far as it has been read and decoded */
    unsigned charsets;        /* opened so far, */
    unsigned charsets_aside;  /* and of them those between message_begin_aside() and message_end_aside() */
    bool failed;              /* memory ran out */
    struct field *fields;     /* of its header, in order */
    size_t n_fields, fields_size;
    struct span values[FIELD_OTHER]; /* of the first field of each name; p NULL: there is none */
    struct part *parts; /* in the order of the message, the first is the message itself; uuencoded files last */
    size_t n, size;
    struct part *text, *html; /* among parts; NULL: there is none */
};

static inline void message_note(struct message *m, enum problem problem) { problems_add(&m->problems, problem); }

static inline bool message_stopped(const struct message *m)
{
    return m->stop != NULL && atomic_load_explicit(m->stop, memory_order_relaxed);
}

/* What is read between these two calls changes no problem, and not which other charsets can be opened: it may be read
   in one format and not in another. */
static inline struct message message_begin_aside(struct message *m)
{
    struct message before = *m;
    m->charsets = m->charsets_aside;
    return before;
}

static inline void message_end_aside(struct message *m, const struct message *before)
{
    m->charsets_aside = m->charsets;
    m->charsets = before->charsets;
    m->problems = before->problems;
}

bool message_is_attachment(const struct message *m, const struct part *part);

/* Finds out the size of a leaf, or of a message that is an attachment, and the digest of an attachment. */
void message_measure(struct message *m, struct part *part);

/* Gives the text of a leaf as valid UTF-8: its transfer encoding and charset undone, lines ending in LF. */
void message_body_text(struct message *m, struct part *part, struct sink to);

/* lint() for a message that has been decoded already. */
void lint_decoded(struct message *m, struct mail *mail);

static inline void sink_put(struct sink to, const char *octets, size_t n)
{
    if (n > 0)
        to.put(to.context, octets, n);
}

/* The sink of a text that is decoded only for what is found in it. */
static inline void sink_ignore(void *context, const char *octets, size_t n) { (void)context, (void)octets, (void)n; }

/* ---- mime ---- */

/* Finds the parts of m->octets.  Sets m->failed if there is no memory. */
void mime_read(struct message *m);

/* Makes room for one more part.  If there can be none, it is false, and notes that or sets m->failed. */
bool mime_make_room(struct message *m);

/* The header of m->octets. */
struct span mime_header(struct message *m);

/* ---- header ---- */

/* Takes a line off the front of t; line is without its end.  False if t is empty. */
bool header_take_line(struct span *t, struct span *line);

/* Splits the first line of a field; the value goes to the end of the line.  False if it is no such line. */
bool header_split_field(struct message *m, struct span line, struct field *field);

/* Whether a line goes on with a field. */
static inline bool header_is_folded(struct span line) { return line.n > 0 && (*line.p == ' ' || *line.p == '\t'); }

/* Takes the next field off the front of a header, or of what is left of it.  False if there is none. */
bool header_take_field(struct message *m, struct span *header, struct field *field);

/* Takes n octets off the front of t. */
static inline struct span header_take(struct span *t, size_t n)
{
    struct span taken = {t->p, n};
    span_skip(t, n);
    return taken;
}

static inline bool header_is_break(char c) { return c == '\r' || c == '\n'; }
static inline bool header_is_blank(char c) { return c == ' ' || c == '\t' || header_is_break(c); }

/* The same text, with p never NULL. */
static inline struct span header_or_empty(struct span t) { return t.p != NULL ? t : (struct span){"", 0}; }

/* The same text without blanks and folds at its ends. */
struct span header_trim(struct span t);

/* The same text without < and > around it, if it has both. */
struct span header_strip_brackets(struct span t);

/* Takes a comment with those in it (RFC 5322 3.2.2).  t begins with its parenthesis; it need not end. */
struct span header_take_comment(struct span *t);

/* Takes blanks, folds and comments. */
void header_skip_cfws(struct span *t);

/* Takes a quoted string (RFC 5322 3.2.4); t begins with its quote, text is without its quotes.  False, and nothing
   taken, if it has no end. */
bool header_take_quoted(struct span *t, struct span *text);

/* Takes a token (RFC 2045 5.1), perhaps an empty one. */
struct span header_take_token(struct span *t);

/* Gives a token, or the name of a field, in lower case: their case means nothing (RFC 2045 5.1). */
void header_lower(struct span token, struct sink to);

/* Takes "type/subtype" off a Content-Type.  False if that is malformed. */
bool header_take_type(struct span *t, struct span *type, struct span *subtype);

/* ---- param ---- */

/* Gives a parameter of Content-Type or Content-Disposition (RFC 2231, or RFC 2047 where that is abused).  False, and
   nothing given, if there is none. */
bool param_decode(struct message *m, struct span value, const char *name, struct sink to);

enum {
    PARAM_NAMES_MAX = 32, /* names of a field that are found */
    PARAM_NAME_MAX = 64,  /* octets of each, with a NUL */
};

/* Finds the names of parameters, in lower case, each once.  Returns how many. */
size_t param_names(struct message *m, struct span value, char names[PARAM_NAMES_MAX][PARAM_NAME_MAX]);

/* Gives the boundary of a multipart from its Content-Type, if it has one, as the octets that its lines have. */
void param_boundary(struct message *m, struct span value, struct sink to);

/* ---- decode ---- */

/* Whether a transfer encoding leaves octets as they are. */
bool decode_is_identity(struct span encoding);

/* RFC 2045 6.8, 6.7, and RFC 2047 4.2. */
void decode_base64(struct message *m, struct span t, struct sink to);
void decode_quoted_printable(struct message *m, struct span t, struct sink to);
void decode_q(struct message *m, struct span t, struct sink to);

/* ---- uuencode ---- */

/* Whether a transfer encoding is uuencode, which MIME does not have. */
bool uuencode_is(struct span encoding);

/* Takes the line that begins a file.  False, and nothing taken, if t does not begin with one. */
bool uuencode_take_begin(struct span *t, struct span *name);

/* Finds the next file, with the lines that begin and end it, and takes it and what is before it.  False if there is
   none that is whole. */
bool uuencode_find(struct span *text, struct span *file);

/* Puts the octets of the first file.  False if there is none. */
bool uuencode_decode(struct message *m, struct span t, struct sink to);

/* ---- charset ---- */

/* Octets of a charset on their way to a sink that gets UTF-8, only whole characters. */
struct charset {
    struct message *m;
    struct sink to;
    enum coding {
        CODING_UTF8,
        CODING_TABLE, /* an octet for a character, by a table of ours */
        CODING_ICONV, /* by iconv */
        /* in wide.c */
        CODING_UTF16LE,
        CODING_UTF16BE,
        CODING_SHIFT_JIS,
        CODING_EUC_JP,
        CODING_ISO_2022_JP,
        CODING_EUC_KR,
        CODING_ISO_2022_KR,
        CODING_GB18030,
        CODING_BIG5,
    } coding;
    iconv_t cd;             /* where is_open */
    bool is_open, partial;  /* partial: it lacks characters */
    enum problem malformed; /* noted where octets are no character */
    bool iso8859;           /* it has nothing at 0x80 to 0x9f */
    const uint16_t *table;  /* TABLE: the characters from 0x80 on.  UTF8: the same, for octets that are no UTF-8, where
                               ASCII was promised; otherwise NULL */
    int set;                /* what octets stand for now, and */
    bool shifted;           /* whether SO came, in ISO 2022 */
    bool begun;             /* in UTF-16: there was a character, */
    unsigned high;          /* and a surrogate that waits for another; or 0 */
    size_t n;
    char octets[256]; /* not converted yet */
    size_t held;
    char utf8[4]; /* the beginning of a character */
};

/* name is as a client may have written it; where it is empty, UTF-8 is tried. */
void charset_open(struct charset *c, struct message *m, struct span name, struct sink to);
/* Puts octets, as a sink does; a character may be cut between two calls. */
void charset_put(void *charset, const char *octets, size_t n);
/* Ends a text; another may follow. */
void charset_flush(struct charset *c);
void charset_close(struct charset *c);

/* ---- convert: for charset.c and wide.c ---- */

/* Puts U+FFFD, and notes c->malformed. */
void convert_bad(struct charset *c);

/* Puts a character, which is no surrogate. */
void convert_code_point(struct charset *c, uint32_t code);

/* Writes the character that the table has for an octet from 0x80 on; returns how many octets. */
size_t convert_octet(struct charset *c, char octet, char utf8[4]);

/* Puts what is well-formed; a character may be cut between two calls. */
void convert_utf8(struct charset *c, struct span t);

/* Ends a text: a character that is not complete is no character. */
void convert_flush(struct charset *c);

/* ---- wide: charsets whose characters take several octets ---- */

/* Puts octets; a character may be cut between two calls. */
void wide_put(struct charset *c, struct span t);

/* Ends a text: a character that is not complete is no character, and the next text begins in ASCII. */
void wide_flush(struct charset *c);

/* ---- set ---- */

enum { SET_NO_CHARACTER = 0x110000 /* stands for an octet that is no UTF-8; otherwise a character is a code point */ };

struct range {
    uint32_t first, last;
};

/* The caller zeroes it, and frees ranges.  All but set_add*() leave it sorted. */
struct set {
    struct range *ranges;
    size_t n, size;
    bool failed; /* memory ran out */
};

void set_add(struct set *s, uint32_t first, uint32_t last);
void set_add_all(struct set *s, const struct set *other);
void set_add_spaces(struct set *s);
void set_add_letters(struct set *s); /* and marks, and digits other than ASCII ones */
void set_add_word(struct set *s);    /* letters, digits and "_" */
void set_add_cased(struct set *s);   /* one case of each letter that has two */

/* Adds the other cases of all letters. */
void set_ignore_case(struct set *s);

/* Joins ranges that touch. */
void set_sort(struct set *s);

/* Makes it all characters that were not in it. */
void set_invert(struct set *s);

/* Whether a sorted set has the character. */
bool set_has(const struct set *s, uint32_t c);

bool set_same(const struct set *s, const struct set *other); /* both sorted */

/* ---- entity ---- */

/* Text of HTML on its way to a sink that gets it with its character references undone.  The caller sets `to`, and
   zeroes n. */
struct entities {
    struct sink to;
    size_t n;
    char held[12]; /* the beginning of a reference */
};

void entity_put(void *entities, const char *octets, size_t n);
void entity_flush(struct entities *e); /* at the end */

/* Adds a value with its character references undone. */
void entity_undo(struct span value, struct text *to);

/* ---- flow ---- */

enum { FLOW_PREFIX = 32 /* octets before an item of a list, with a NUL */ };

/* Who gets the links of a text, in order.  text: as people see it; n 0: none. */
struct links {
    void (*add)(void *context, struct span text, struct span url);
    void *context;
};

/* Text as people read it, on its way to a sink.  The caller sets `to` and links, and zeroes the rest. */
struct flow {
    struct sink to;            /* put NULL: only the links matter */
    const struct links *links; /* NULL: nobody asks for them */
    bool begun;                /* there has been a word, */
    bool started;              /* and one since flow_preformat() */
    bool preformatted;
    bool in_link;
    size_t breaks;            /* line ends before the next word; */
    unsigned spaces;          /* where there are none, spaces */
    char prefix[FLOW_PREFIX]; /* and after them, this */
    struct text text, url;    /* of the link */
    struct text word;         /* outside links */
    size_t n;
    char out[1024];
};

/* Puts text, as a sink does. */
void flow_put(void *flow, const char *octets, size_t n);

/* The same for text of which only the links matter: most of it is passed over. */
void flow_find_links(void *flow, const char *octets, size_t n);

/* Has the next word begin a line, with lines - 1 empty ones before it. */
void flow_break(struct flow *f, unsigned lines);

/* Ends a line; twice makes an empty one. */
void flow_line(struct flow *f);

/* Puts spaces before the next word of this line. */
void flow_space(struct flow *f, unsigned spaces);

/* Begins an item of a list, with this before its first word. */
void flow_item(struct flow *f, const char *prefix);

void flow_preformat(struct flow *f, bool on);

void flow_begin_link(struct flow *f, struct span url);
void flow_end_link(struct flow *f); /* if one has begun */

/* Ends the text.  False if memory ran out, so that a link may not be whole. */
bool flow_close(struct flow *f);

/* ---- html ---- */

/* Decodes the HTML of a part once: `to` gets it as people read it, `source` as it is, and `links` its links.  Each may
   be NULL (to.put for `to`). */
void html_text(struct message *m, struct part *part, struct sink to, const struct sink *source,
               const struct links *links);

/* Receives the values in HTML as written, in order: of attributes and, with attribute "", of the text of a style or
   another element without markup.  Names are in lower case, and cut. */
struct html_watch {
    void (*value)(void *context, const char *element, const char *attribute, struct span value);
    void *context;
};

/* Gives the values in a source, each a span into it, and its links. */
void html_watch(struct message *m, struct span source, const struct html_watch *watch, const struct links *links);

/* ---- regex ---- */

/* A regular expression, see regex.c. */
struct regex;

/*
 * Reads a POSIX extended regular expression (XBD 9.4) with \d \D \s \S \w \W
 * \b, whose characters are UTF-8.  Case is ignored; ^ and $ are the ends of a
 * line, and a match is within a line.  NULL if it is none: then *why says what
 * was expected *at a place in it; *why is NULL if memory ran out.
 */
struct regex *regex_parse(struct span text, const char **at, const char **why);
void regex_free(struct regex *r); /* r may be NULL */

/*
 * Searches a text, which regex_put() gets piece by piece, each of whole
 * characters.  regex_put() and regex_end() return whether it has been found so
 * far.  regex_begin() is false if there is no memory; do not call them then.
 */
bool regex_begin(struct regex *r);
bool regex_put(struct regex *r, const char *p, size_t n);
bool regex_end(struct regex *r);

/* ---- regex_parse ---- */

enum {
    REGEX_MAX = 4096,          /* octets of an expression */
    REGEX_PROGRAM_MAX = 20000, /* instructions */
};

struct instruction {
    enum {
        REGEX_ONE,        /* one character of set x, and on to the next instruction */
        REGEX_SPLIT,      /* on to x and to y */
        REGEX_JUMP,       /* on to x */
        REGEX_LINE_START, /* on to the next if this is one */
        REGEX_LINE_END,
        REGEX_WORD_EDGE,
        REGEX_FOUND,
    } what;
    uint32_t x, y;
};

/* The class of the characters from first on; those that no set tells apart are of one class. */
struct class
{
    uint32_t first, number;
};

enum { REGEX_LOW = 0x800 /* characters, from the first on, whose class is in a table */ };

struct regex {
    struct instruction *program;
    size_t n, size;
    struct set *sets;
    size_t n_sets;
    bool has_edges;  /* there is a REGEX_WORD_EDGE, */
    struct set word; /* so these matter */
    struct class *classes;
    size_t n_classes;
    uint32_t width;    /* how many classes there are */
    uint32_t *samples; /* a character of each */
    uint16_t low[REGEX_LOW];
    struct automaton *automaton; /* NULL before the first search */
};

/* Finds the classes for a program and its sets.  False if there is no memory. */
bool regex_find_classes(struct regex *r);

/* ---- words ---- */

/* Text with encoded words (RFC 2047), put in pieces that end between words. */
struct words {
    struct charset raw, word;
    struct span charset; /* the one that word is open for; p NULL: it is not open */
    struct span blanks;  /* held back after an encoded word, as another may follow */
    bool after_word;
    bool decoded; /* there was an encoded word */
};

void words_open(struct words *w, struct message *m, struct sink to);
/* Leaves out folds; where escaped, also the backslashes of a quoted string. */
void words_put(struct words *w, struct span t, bool escaped);
void words_close(struct words *w);

/* How many octets the encoded word takes that t begins with; 0: there is none. */
size_t words_length(struct span t);

/*
 * Gives a field's value as people read it: unfolded, encoded words decoded,
 * blanks at its ends left out.  Adjacent encoded words are joined before their
 * charset is undone.  An encoded word may decode to controls.
 */
void words_text(struct message *m, struct span value, struct sink to);

/* ---- address ---- */

/* One of a list: spans into it, as written. */
struct address {
    struct span name;    /* may be quoted, a comment, or hold encoded words; p NULL: there is none */
    struct span address; /* n 0: there is only a name, or <> */
    struct span group;   /* the name of the group that it is in; p NULL: none */
    bool closes;         /* the group ends after it; false before the first of a list */
};

/* Takes the next address off the front of a list (RFC 5322 3.4).  Groups are opened, comments skipped; a comment after
   a bare address is its name.  False if there is none. */
bool address_take(struct message *m, struct span *list, struct address *address);

/* Gives a name as people read it. */
void address_name(struct message *m, struct span name, struct sink to);

/* Gives an address without comments, folds, and blanks around its dots and @. */
void address_spec(struct message *m, struct span address, struct sink to);

/* ---- recipient ---- */

/* Finds which recipients of the envelope these header fields name; a NULL ends the fields.  Returns a bool for each,
   which the caller frees.  If there is no memory, it may be NULL, and m->failed is set. */
bool *recipients_named(struct message *m, const struct mail *mail, const char *const fields[]);

/* ---- json_write ---- */

/* Adds octets within a string, with escapes, and U+FFFD for those that are no UTF-8. */
void json_put(struct text *t, const char *octets, size_t n);
struct sink json_into(struct text *t); /* of UTF-8 */

/* Adds a comma, unless this is the first member of an object or an array. */
void json_separate(struct text *t);

void json_add_string(struct text *t, struct span s); /* p NULL: null */

/* Each begins with a comma where one is needed. */
void json_add_key(struct text *t, const char *key);
void json_add_member(struct text *t, const char *key, struct span value);
void json_add_number(struct text *t, const char *key, uint64_t value);

/* Adds the text of a field's value; null if there is none. */
void json_add_decoded(struct message *m, struct text *t, const char *key, struct span value);

/* ---- json_header, json_body ---- */

/* Adds the addresses of all fields of this name. */
void json_add_addresses(struct message *m, struct text *t, const char *key, enum field_name name);

/* Adds null, or an object with the URLs, and whether they say one-click. */
void json_add_unsubscribe(struct message *m, struct text *t);

/* Adds the message IDs of a field. */
void json_add_ids(struct text *t, const char *key, struct span value);

void json_add_headers(struct message *m, struct text *t);

/* Adds the text, the HTML, and the links of both. */
void json_add_bodies(struct message *m, struct text *t);

void json_add_attachment(struct message *m, struct text *t, struct part *p);
void json_add_parts(struct message *m, struct text *t);

/* ---- page_template ---- */

extern const char page_head[], page_run[], page_single[], page_message[], page_facts[], page_single_end[],
    page_verdict[];

/* ---- page_write ---- */

enum page_text {
    PAGE_LINE,  /* what a person cannot be shown becomes \xHH, as in text, */
    PAGE_LINES, /* other than line ends and tabs */
    PAGE_FRAME, /* it stays what it is to a browser */
};

/* Adds text for HTML, also for the value of an attribute. */
void page_escape(struct text *t, struct span s, enum page_text how);

/* Text on its way into a page, up to a number of octets.  The caller sets all but cut. */
struct page_limited {
    struct text *t;
    enum page_text how;
    bool raw;    /* it is added as it is */
    size_t left; /* octets that may still be added */
    bool cut;    /* there were more */
};

struct sink page_into(struct page_limited *l);

/* Adds the octets of a part as a data: URL of this type. */
void page_add_data(struct message *m, struct part *part, struct text *t, const char *type);

/* ---- page_frame ---- */

enum {
    PAGE_HTML_MAX = 1024 * 1024,       /* octets of the HTML of a message that are shown, */
    PAGE_IMAGES_MAX = 4 * 1024 * 1024, /* and of images in it */
    PAGE_LIST_MAX = 100,               /* URLs that are listed, */
    PAGE_URL_MAX = 1000,               /* and octets of each */
};

/* URLs, each once. */
struct page_list {
    struct text pairs; /* a word about a URL, and the URL, each with a NUL */
    size_t n;          /* of these */
    bool more;         /* there were others */
};

/* What the page says about a frame. */
struct page_frame {
    bool cut;                       /* the end of the HTML is left out */
    struct page_list remote, links; /* what it does not load, with the element; and its links, with their text */
};

/* Adds the HTML of a message for the value of srcdoc.  The caller zeroes f, and frees its pairs. */
void page_add_frame(struct message *m, struct text *t, struct page_frame *f);

/* ---- date ---- */

/* Writes a date (RFC 5322 3.3, 4.3) as YYYY-MM-DDTHH:MM:SS+HH:MM and a NUL; -0000, a military zone
   other than Z and none at all give -00:00.  *seconds: since 1970.  False if it is no date, or its instant is not
   certain. */
bool date_text(struct message *m, struct span value, char text[32], int64_t *seconds);

#endif
