/*
 * sasl.h - what the mechanisms of AUTH (RFC 4954) send, taken apart and verified.
 * Pure: neither memory nor state.
 */
#ifndef SASL_H
#define SASL_H

#include <stdbool.h>

#include "base/base.h"

enum sasl_mechanism { SASL_NONE, SASL_PLAIN, SASL_LOGIN, SASL_CRAM_MD5, SASL_XOAUTH2 };

/* The names of all, as EHLO lists them. */
extern const char sasl_names[];

/* Its name in small letters; "none" of SASL_NONE. */
const char *sasl_name(enum sasl_mechanism mechanism);

/* The mechanism of this name, in any case; SASL_NONE if it is none of them. */
enum sasl_mechanism sasl_mechanism(struct span name);

/* Who a client says that it is.  Spans into what was parsed. */
struct sasl_login {
    struct span authzid; /* PLAIN: in whose name it wants to act, if that is somebody else */
    struct span user;
    struct span secret; /* PLAIN, LOGIN: the password; XOAUTH2: the token; CRAM-MD5: the digest in hexadecimal */
};

/*
 * Takes apart what a client sent, with base64 undone, for PLAIN (RFC 4616 2),
 * CRAM-MD5 (RFC 2195 2) or XOAUTH2.  False if it has not their shape.
 */
bool sasl_parse(enum sasl_mechanism mechanism, struct span text, struct sasl_login *login);

/*
 * Whether user and secret are those of known, a string USER:PASSWORD; the
 * challenge is the one that CRAM-MD5 was given.
 */
bool sasl_verify(enum sasl_mechanism mechanism, const char *known, struct span user, struct span secret,
                 struct span challenge);

#endif
