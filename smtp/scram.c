/* SPDX-License-Identifier: ISC */
/*
 * scram.c - SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel
 * binding.
 *
 * Of the first message a session keeps only a sum of its GS2 header: the last one
 * repeats the header and the client's nonce, and the application knows the user.
 * The salts and the number of iterations are those of the examples in the RFCs,
 * so that these are tests of this server.
 */
#include "smtp/inside.h"

enum {
    ITERATIONS = 4096, /* RFC 7677 4 */
    NONCE_MAX = 1024,  /* octets of the client's nonce; its challenge must fit a reply */
};

/* ---- messages ---- */

bool scram_take_header(struct span *t, struct span *authzid)
{
    const char *comma = t->n > 2 ? memchr(t->p + 2, ',', t->n - 2) : NULL;
    if (comma == NULL || (*t->p != 'n' && *t->p != 'y') || t->p[1] != ',')
        return false;
    *authzid = span_between(t->p + 2, comma);
    span_skip(t, authzid->n + 3);
    if (authzid->n == 0)
        return true;
    if (authzid->n < 3 || memcmp(authzid->p, "a=", 2) != 0)
        return false;
    span_skip(authzid, 2);
    return true;
}

bool scram_decode_name(char *text, struct span *name)
{
    char *start = text + (name->p - text), *end = start;
    for (struct span t = *name; t.n > 0; span_skip(&t, 1)) {
        char c = *t.p;
        if (c == '=') {
            bool comma = t.n >= 3 && memcmp(t.p, "=2C", 3) == 0;
            if (!comma && (t.n < 3 || memcmp(t.p, "=3D", 3) != 0))
                return false;
            c = comma ? ',' : '=';
            span_skip(&t, 2);
        }
        *end++ = c;
    }
    *name = span_between(start, end);
    return true;
}

/* Takes an attribute, a letter and its value, up to a comma or the end. */
static bool take_attribute(struct span *t, char name, struct span *value)
{
    if (t->n < 2 || t->p[0] != name || t->p[1] != '=')
        return false;
    span_skip(t, 2);
    const char *comma = memchr(t->p, ',', t->n);
    *value = span_between(t->p, comma != NULL ? comma : t->p + t->n);
    span_skip(t, value->n + (comma != NULL));
    return true;
}

static bool is_nonce(struct span nonce)
{
    for (size_t i = 0; i < nonce.n; i++) {
        if (ascii_is_control(nonce.p[i]) || ascii_is_8bit(nonce.p[i]) || nonce.p[i] == ' ')
            return false;
    }
    return nonce.n > 0 && nonce.n <= NONCE_MAX;
}

/* Adds octets to a sum; FNV-1a. */
static uint32_t add_to_sum(uint32_t sum, struct span t)
{
    for (; t.n > 0; span_skip(&t, 1))
        sum = (sum ^ (unsigned char)*t.p) * 16777619;
    return sum;
}

bool scram_parse_first(char *text, size_t n, struct sasl_login *login, uint32_t *gs2_sum)
{
    struct span t = {text, n}, three = {text, 0};
    if (!scram_take_header(&t, &login->authzid))
        return false;
    *gs2_sum = 0;
    for (const char *p = text; p < t.p; p += three.n) {
        char four[BASE64_SIZE(3)];
        three = (struct span){p, t.p - p < 3 ? (size_t)(t.p - p) : 3};
        base64_encode(three, four);
        *gs2_sum = add_to_sum(*gs2_sum, span_of(four));
    }
    /* extensions are refused: none exists, and the last message does not repeat them */
    return take_attribute(&t, 'n', &login->user) && take_attribute(&t, 'r', &login->secret) &&
           login->secret.p + login->secret.n == text + n && is_nonce(login->secret) &&
           scram_decode_name(text, &login->user) && scram_decode_name(text, &login->authzid);
}

/* The last message of the client. */
struct last {
    struct span header;   /* in base64 */
    struct span nonce;    /* of the client, */
    struct span unproved; /* all before the proof */
    struct span proof;    /* in base64 */
};

static bool parse_last(struct span message, struct span nonce, struct last *last)
{
    struct span t = message;
    if (!take_attribute(&t, 'c', &last->header) || !take_attribute(&t, 'r', &last->nonce))
        return false;
    for (char name = '\0'; name != 'p';) { /* extensions may come before it, except "m"; RFC 5802 5.1 */
        name = t.n > 0 ? *t.p : '\0';
        if (name == 'm' || !take_attribute(&t, name, &last->proof))
            return false;
    }
    last->unproved = span_between(message.p, last->proof.p - strlen(",p="));
    if (last->proof.p + last->proof.n != message.p + message.n || last->nonce.n < nonce.n)
        return false;
    last->nonce.n -= nonce.n;
    return memcmp(last->nonce.p + last->nonce.n, nonce.p, nonce.n) == 0 && is_nonce(last->nonce);
}

bool scram_fits(struct span message, struct span nonce, uint32_t gs2_sum)
{
    struct last last;
    return parse_last(message, nonce, &last) && add_to_sum(0, last.header) == gs2_sum;
}

static const char *salt_of(const struct digest_kind *kind)
{
    return kind == &digest_sha1 ? "QSXCR+Q6sek8bf92" : "W22ZaJ0SNY7soEsUEjb6gQ==";
}

size_t scram_challenge(const struct digest_kind *kind, struct span client_nonce, struct span nonce, char *text)
{
    char digits[21] = "", *end = string_add(text, "r=");
    memcpy(end, client_nonce.p, client_nonce.n);
    memcpy(end + client_nonce.n, nonce.p, nonce.n);
    end = string_add(end + client_nonce.n + nonce.n, ",s=");
    end = string_add(string_add(end, salt_of(kind)), ",i=");
    return (size_t)(string_add(end, ascii_put_number(digits + 20, ITERATIONS)) - text);
}

/* ---- proofs, RFC 5802 3 ---- */

struct key {
    char octets[DIGEST_MAX];
};

static void make_key(const struct digest_kind *kind, const struct key *from, const char *name, struct key *key)
{
    struct hmac hmac;
    hmac_begin(&hmac, kind, (struct span){from->octets, kind->size});
    digest_add(&hmac.inner, name, strlen(name));
    hmac_end(&hmac, (unsigned char *)key->octets);
}

/* Hi(), of RFC 5802 2.2 */
static void salt_password(const struct digest_kind *kind, struct span password, struct key *salted)
{
    char salt[BASE64_SIZE(16)];
    size_t n = (size_t)(string_add(salt, salt_of(kind)) - salt);
    struct hmac keyed, hmac;
    struct key mixed = {{0}};
    (void)base64_decode(salt, &n);
    hmac_begin(&keyed, kind, password);
    hmac = keyed;
    digest_add(&hmac.inner, salt, n);
    digest_add(&hmac.inner, "\0\0\0\1", 4);
    hmac_end(&hmac, (unsigned char *)mixed.octets);
    *salted = mixed;
    for (int i = 1; i < ITERATIONS; i++) {
        hmac = keyed;
        digest_add(&hmac.inner, mixed.octets, kind->size);
        hmac_end(&hmac, (unsigned char *)mixed.octets);
        for (size_t k = 0; k < kind->size; k++)
            salted->octets[k] ^= mixed.octets[k];
    }
}

/* Signs all that has been said, AuthMessage. */
static void sign(const struct digest_kind *kind, const struct key *key, struct span user, const struct last *last,
                 struct span nonce, struct key *signature)
{
    char challenge[SCRAM_CHALLENGE_MAX];
    struct hmac hmac;
    hmac_begin(&hmac, kind, (struct span){key->octets, kind->size});
    digest_add(&hmac.inner, "n=", 2);
    for (; user.n > 0; span_skip(&user, 1)) {
        bool coded = *user.p == ',' || *user.p == '=';
        digest_add(&hmac.inner, !coded ? user.p : *user.p == ',' ? "=2C" : "=3D", coded ? 3 : 1);
    }
    digest_add(&hmac.inner, ",r=", 3);
    digest_add(&hmac.inner, last->nonce.p, last->nonce.n);
    digest_add(&hmac.inner, ",", 1);
    digest_add(&hmac.inner, challenge, scram_challenge(kind, last->nonce, nonce, challenge));
    digest_add(&hmac.inner, ",", 1);
    digest_add(&hmac.inner, last->unproved.p, last->unproved.n);
    hmac_end(&hmac, (unsigned char *)signature->octets);
}

bool scram_verify(const struct digest_kind *kind, struct span password, struct span user, struct span message,
                  struct span nonce, char answer[SASL_ANSWER_MAX])
{
    struct last last;
    if (!parse_last(message, nonce, &last))
        return false;
    struct key salted, client, stored, server, signature;
    struct digest hash;
    salt_password(kind, password, &salted);
    make_key(kind, &salted, "Client Key", &client);
    make_key(kind, &salted, "Server Key", &server);
    digest_begin(&hash, kind);
    digest_add(&hash, client.octets, kind->size);
    digest_end(&hash, (unsigned char *)stored.octets);
    sign(kind, &stored, user, &last, nonce, &signature);
    for (size_t i = 0; i < kind->size; i++)
        client.octets[i] ^= signature.octets[i];
    char proof[BASE64_SIZE(DIGEST_MAX)], text[sizeof "v=" + sizeof proof] = "v=";
    base64_encode((struct span){client.octets, kind->size}, proof);
    if (last.proof.n != strlen(proof) || memcmp(last.proof.p, proof, last.proof.n) != 0)
        return false;
    sign(kind, &server, user, &last, nonce, &signature);
    base64_encode((struct span){signature.octets, kind->size}, text + strlen(text));
    base64_encode(span_of(text), answer);
    return true;
}
