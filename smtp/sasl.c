/* SPDX-License-Identifier: ISC */
/*
 * sasl.c - the mechanisms of AUTH; scram.c has the messages of SCRAM.
 */
#include "smtp/inside.h"

enum {
    DIGEST = 32,       /* digits of MD5 */
    MECHANISM_MAX = 20 /* octets of the name of a mechanism; RFC 4422 3.1 */
};

static const char *const names[SASL_MECHANISMS] = {
    [SASL_NONE] = "",
    [SASL_PLAIN] = "PLAIN",
    [SASL_LOGIN] = "LOGIN",
    [SASL_CRAM_MD5] = "CRAM-MD5",
    [SASL_XOAUTH2] = "XOAUTH2",
    [SASL_OAUTHBEARER] = "OAUTHBEARER",
    [SASL_SCRAM_SHA_1] = "SCRAM-SHA-1",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
};

const char *sasl_name(enum sasl_mechanism mechanism) { return names[mechanism]; }

enum sasl_mechanism sasl_mechanism(struct span name)
{
    size_t i = SASL_MECHANISMS - 1;
    while (i > SASL_NONE && !span_is(name, names[i]))
        i--;
    return (enum sasl_mechanism)i;
}

bool sasl_is_name(struct span text)
{
    size_t i = 0;
    while (i < text.n &&
           (ascii_is_letter(text.p[i]) || ascii_is_digit(text.p[i]) || text.p[i] == '-' || text.p[i] == '_'))
        i++;
    return i == text.n && i > 0 && i <= MECHANISM_MAX;
}

const char *sasl_find(const char *list, struct span name)
{
    for (const char *word = list;; word++) {
        size_t n = strcspn(word, " ");
        if (n > 0 && span_same(name, (struct span){word, n}))
            return word;
        word += n;
        if (*word == '\0')
            return NULL;
    }
}

/* Takes the text before the next separator, and drops the separator.  False if there is none. */
static bool take_until(struct span *t, char separator, struct span *found)
{
    const char *end = t->n > 0 ? memchr(t->p, separator, t->n) : NULL;
    if (end == NULL)
        return false;
    *found = span_between(t->p, end);
    span_skip(t, found->n + 1);
    return true;
}

/* user SP digest; a user name may hold spaces */
static bool parse_cram_md5(struct span t, struct sasl_login *login)
{
    if (t.n < DIGEST + 1 || t.p[t.n - DIGEST - 1] != ' ')
        return false;
    login->user = (struct span){t.p, t.n - DIGEST - 1};
    login->secret = (struct span){t.p + t.n - DIGEST, DIGEST};
    for (size_t i = 0; i < DIGEST; i++) {
        if (!ascii_is_hex(login->secret.p[i]))
            return false;
    }
    return true;
}

/* "user=" user ^A "auth=Bearer " token ^A ^A */
static bool parse_xoauth2(struct span t, struct sasl_login *login)
{
    static const char user[] = "user=", token[] = "auth=Bearer ";
    struct span field;
    if (!take_until(&t, '\1', &field) || !span_starts(field, user))
        return false;
    login->user = span_between(field.p + sizeof user - 1, field.p + field.n);
    if (!take_until(&t, '\1', &field) || !span_starts(field, token))
        return false;
    login->secret = span_between(field.p + sizeof token - 1, field.p + field.n);
    return t.n == 1 && *t.p == '\1';
}

/* GS2 header, ^A, then each with another ^A: pairs as in "host=x", one of them "auth=Bearer " token; and ^A */
static bool parse_oauthbearer(struct span t, struct sasl_login *login)
{
    struct span pair;
    if (!scram_take_header(&t, &login->user) || !take_until(&t, '\1', &pair) || pair.n > 0)
        return false;
    while (take_until(&t, '\1', &pair) && pair.n > 0) {
        if (memchr(pair.p, '=', pair.n) == NULL)
            return false;
        if (!span_takes(&pair, "auth="))
            continue;
        if (pair.n > 0 && !span_takes(&pair, "Bearer ")) /* without one a client asks what the server wants; 4.3 */
            return false;
        login->secret = pair;
    }
    return login->secret.p != NULL && pair.n == 0 && t.n == 0;
}

bool sasl_parse(enum sasl_mechanism mechanism, char *p, size_t n, struct sasl_login *login)
{
    struct span text = {p, n};
    *login = (struct sasl_login){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    bool good = false;
    switch (mechanism) {
    case SASL_PLAIN:
        /* [authzid] NUL user NUL password */
        good = take_until(&text, '\0', &login->authzid) && take_until(&text, '\0', &login->user) &&
               memchr(text.p, '\0', text.n) == NULL;
        login->secret = text;
        break;
    case SASL_CRAM_MD5:
        good = parse_cram_md5(text, login);
        break;
    case SASL_XOAUTH2:
        good = parse_xoauth2(text, login);
        break;
    case SASL_OAUTHBEARER:
        good = parse_oauthbearer(text, login) && scram_decode_name(p, &login->user);
        break;
    case SASL_NONE:
    case SASL_LOGIN:
    case SASL_SCRAM_SHA_1:
    case SASL_SCRAM_SHA_256:
    case SASL_MECHANISMS:
        break;
    }
    return good;
}

static bool is_same(struct span a, const char *p, size_t n) { return a.n == n && (n == 0 || memcmp(a.p, p, n) == 0); }

bool sasl_verify(enum sasl_mechanism mechanism, const char *known, struct span user, struct span secret,
                 struct span challenge, char answer[SASL_ANSWER_MAX])
{
    const char *colon = strchr(known, ':');
    bool by_token = mechanism == SASL_OAUTHBEARER && user.n == 0;
    answer[0] = '\0';
    if (colon == NULL || (!by_token && !is_same(user, known, (size_t)(colon - known))))
        return false;
    struct span password = {colon + 1, strlen(colon + 1)};
    if (sasl_is_scram(mechanism))
        return scram_verify(sasl_digest(mechanism), password, user, secret, challenge, answer);
    if (mechanism != SASL_CRAM_MD5)
        return is_same(secret, password.p, password.n);
    struct hmac hmac;
    unsigned char digest[DIGEST_MAX];
    char text[DIGEST + 1];
    hmac_begin(&hmac, &digest_md5, password);
    digest_add(&hmac.inner, challenge.p, challenge.n);
    hmac_end(&hmac, digest);
    for (size_t i = 0; i < digest_md5.size; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[DIGEST] = '\0';
    return span_is(secret, text);
}
