/* SPDX-License-Identifier: ISC */
/*
 * tls_openssl.c - TLS by OpenSSL, 1.1.1 or 3.
 *
 * OpenSSL is not linked.  load() opens libssl, which loads libcrypto, and
 * looks up each function of FUNCTIONS.  So a run without TLS does not need it,
 * and does not pay for it.  A static program is linked with it (TLS_LINKED), as
 * it cannot load it.  The headers give types and constants.  Many functions
 * of the manual are macros there; this file calls the functions they use.
 *
 * A certificate that is made here stays in memory, and is its own issuer.  It is
 * no CA: clients with webpki (Rust) refuse a CA as a server's certificate.  It
 * has no keyUsage: without keyCertSign it could not be its own issuer, and
 * keyCertSign is for CAs alone (RFC 5280 4.2.1.3).  It is always valid: the clock
 * here, or that of the client, may be false.  Clients that take no more than 825
 * days ask that of certificates that are valid from July 2019 on, or later.
 *
 * One with a flaw has a CA as its issuer, without flaws, whose key is not kept.
 * Some clients (Java, GnuTLS) look no further at a certificate that they trust
 * itself.
 *
 * OpenSSL returns a record at a time, and poll(2) sees only the socket.  So a
 * read goes on while another record fits, and leaves no octets in OpenSSL that
 * poll(2) would not report.  An error or the end that comes after some octets is
 * kept for the next call.
 *
 * One call of OpenSSL goes on as long as records come that hold no data.  Lest a
 * client keep others waiting, limit_records() lets a call read only RECORDS_MAX
 * records; poll(2) reports the rest.
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/base.h"

const char tls_kind[] = "TLS by OpenSSL";

/* ---- what differs between systems and versions ---- */

#define QUOTE(x) #x
#define TEXT(x) QUOTE(x)

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define RELEASE TEXT(OPENSSL_SHLIB_VERSION)
#define EOF_OPTION SSL_OP_IGNORE_UNEXPECTED_EOF /* the end of the connection is an end, not an error */
#else
#define RELEASE "1.1"
#define EOF_OPTION 0 /* there it is SSL_ERROR_SYSCALL without an errno */
#endif

#ifdef __APPLE__
#define LIBRARY "libssl." RELEASE ".dylib"
#else
#define LIBRARY "libssl.so." RELEASE
#endif

/* its directory when this was built, in case the system does not look there */
#ifndef TLS_LIBDIR
#define TLS_LIBDIR "/usr/lib"
#endif

enum {
    RECORD = 16 * 1024, /* octets of a record at most; RFC 8446 5.1 */
    RECORDS_MAX = 64,   /* that one call reads */
    UPDATES_MAX = 1000, /* of the peer's keys; one is due after 2^24 records, RFC 8446 5.5 */
    SERIAL = 16,        /* octets; RFC 5280 4.1.2.2 allows 20 */
    DNS_MAX = 253,      /* octets of a name */
    NAMES_MAX = DNS_MAX + 64,
    COMMON_MAX = 64, /* octets of a common name; RFC 5280 A.1 */
    WEAK_BITS = 768, /* of an RSA key: few clients take less than 1024, and TLS 1.3 cannot sign with much less */
};

/* ---- OpenSSL's functions ---- */

/* clang-format off */
#define FUNCTIONS(F) \
    F(OpenSSL_version_num) F(TLS_server_method) F(TLS_client_method) F(RAND_bytes) F(EVP_sha256) \
    F(SSL_CTX_new) F(SSL_CTX_free) F(SSL_CTX_ctrl) F(SSL_CTX_set_options) F(SSL_CTX_set_num_tickets) \
    F(SSL_CTX_set_default_passwd_cb) F(SSL_CTX_use_certificate_chain_file) F(SSL_CTX_use_certificate) \
    F(SSL_CTX_use_PrivateKey) F(SSL_CTX_check_private_key) \
    F(SSL_CTX_set_security_level) F(SSL_CTX_set_alpn_select_cb) F(SSL_load_client_CA_file) F(SSL_CTX_set_client_CA_list) \
    F(SSL_get_servername) F(SSL_get_session) F(SSL_SESSION_get0_peer) F(X509_digest) F(X509_NAME_print_ex) \
    F(SSL_CTX_load_verify_locations) F(SSL_CTX_set_verify) F(SSL_CTX_get0_param) F(X509_VERIFY_PARAM_set_flags) \
    F(SSL_new) F(SSL_ctrl) F(SSL_free) F(SSL_set_rfd) F(SSL_set_wfd) F(SSL_get_rbio) F(SSL_set_accept_state) F(SSL_do_handshake) \
    F(SSL_set_connect_state) F(SSL_is_server) F(SSL_set_msg_callback) F(BIO_set_callback_ex) F(BIO_set_flags) \
    F(SSL_is_init_finished) F(SSL_read_ex) F(SSL_write_ex) F(SSL_shutdown) F(SSL_get_error) F(SSL_get_version) \
    F(SSL_get_verify_result) F(X509_verify_cert_error_string) \
    F(SSL_alert_desc_string_long) F(ERR_clear_error) F(ERR_peek_error) F(ERR_reason_error_string) \
    F(BIO_new) F(BIO_new_file) F(BIO_s_mem) F(BIO_ctrl) F(BIO_free) F(PEM_read_bio_PrivateKey) F(PEM_write_bio_X509) \
    F(EVP_PKEY_CTX_new_id) F(EVP_PKEY_CTX_ctrl) F(EVP_PKEY_CTX_free) \
    F(EVP_PKEY_keygen_init) F(EVP_PKEY_keygen) F(EVP_PKEY_free) \
    F(X509_new) F(X509_free) F(X509_set_version) F(X509_get_serialNumber) F(ASN1_STRING_set) \
    F(X509_getm_notBefore) F(X509_getm_notAfter) F(ASN1_TIME_set_string) F(X509_set_pubkey) F(X509_sign) \
    F(X509_get_subject_name) F(X509_set_issuer_name) F(X509_NAME_add_entry_by_txt) \
    F(X509V3_set_ctx) F(X509V3_EXT_conf_nid) F(X509_EXTENSION_free) F(X509_add_ext)
/* clang-format on */

/* A pointer to each, with its name and its type. */
struct functions {
#define DECLARE(name) __typeof__(&(name)) name;
    FUNCTIONS(DECLARE)
};

struct tls {
    struct functions f;
    void *library;
    SSL_CTX *context;
    BIO *ca; /* in memory: the certificate in PEM; NULL: not made here */
};

/* The state of a connection. */
struct session {
    const struct functions *f;
    SSL *ssl;
    struct tls_peer peer; /* what it has shown; these are its texts: */
    struct text alpn, certificate;
    unsigned records, updates;   /* that came: in the current call, in all */
    bool begun;                  /* the peer has sent a handshake message */
    bool established;            /* the handshake is done */
    bool refused;                /* the peer has begun another one */
    bool ended;                  /* nothing more will be read */
    bool broken;                 /* not even a close_notify can be sent */
    int read_error, write_error; /* errno of all further calls, or 0 */
};

/* The session that OpenSSL is called for.  An argument of its own would not do for limit_records(): a session is needed
   to ask for it. */
static struct session *operating;

#ifdef TLS_LINKED

static int load(struct tls *t, char *why, size_t size)
{
#define LINK(name) t->f.name = name;
    FUNCTIONS(LINK)
    (void)why, (void)size;
    return 0;
}

#else

/* the last one is for systems with other numbers */
static const char *const libraries[] = {LIBRARY, TLS_LIBDIR "/" LIBRARY, "libssl.so"};

static const struct {
    const char *name;
    size_t at;
} symbols[] = {
#define PLACE(name) {#name, offsetof(struct functions, name)},
    FUNCTIONS(PLACE)};

static int load(struct tls *t, char *why, size_t size)
{
    for (size_t i = 0; t->library == NULL && i < sizeof libraries / sizeof libraries[0]; i++) {
        t->library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
        if (t->library == NULL && i == 0)
            (void)snprintf(why, size, "%s cannot be loaded: %s", libraries[i], dlerror());
    }
    if (t->library == NULL)
        return -1;
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(t->library, symbols[i].name);
        if (symbol == NULL) {
            (void)snprintf(why, size, "%s cannot be used: it lacks %s", LIBRARY, symbols[i].name);
            return -1;
        }
        memcpy((char *)&t->f + symbols[i].at, &symbol, sizeof symbol);
    }
    unsigned long found = t->f.OpenSSL_version_num() >> 28, built = (unsigned long)OPENSSL_VERSION_NUMBER >> 28;
    if (found != built)
        (void)snprintf(why, size, "this fakesmtp was built for OpenSSL %lu, but found OpenSSL %lu", built, found);
    return found == built ? 0 : -1;
}

#endif

/* The text of the first error, which is the cause; later ones are from its callers. */
static const char *reason(const struct functions *f)
{
    const char *text = f->ERR_reason_error_string(f->ERR_peek_error());
    return text != NULL ? text : "OpenSSL does not say why";
}

/* o NULL: for a client */
static int set_up(struct tls *t, const struct tls_options *o, char *why, size_t size)
{
    static const int numbers[] = {0, TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}; /* tls_version */
    const struct functions *f = &t->f;
    int max = o != NULL ? numbers[o->max] : 0, min = o != NULL ? numbers[o->min] : 0;
    if (min == 0)
        min = max == 0 || max > TLS1_2_VERSION ? TLS1_2_VERSION : max;
    f->ERR_clear_error();
    t->context = f->SSL_CTX_new(o == NULL ? f->TLS_client_method() : f->TLS_server_method());
    if (t->context == NULL || f->SSL_CTX_ctrl(t->context, SSL_CTRL_SET_MIN_PROTO_VERSION, min, NULL) != 1 ||
        f->SSL_CTX_ctrl(t->context, SSL_CTRL_SET_MAX_PROTO_VERSION, max, NULL) != 1 ||
        f->SSL_CTX_set_num_tickets(t->context, 0) != 1) {
        (void)snprintf(why, size, "OpenSSL cannot be set up: %s", reason(f));
        return -1;
    }
    if (min < TLS1_2_VERSION)
        f->SSL_CTX_set_security_level(t->context, 0); /* or else OpenSSL 3 does not speak them */
    (void)f->SSL_CTX_set_options(t->context,
                                 SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | EOF_OPTION);
    (void)f->SSL_CTX_ctrl(t->context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    (void)f->SSL_CTX_ctrl(
        t->context, SSL_CTRL_MODE,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS, NULL);
    return 0;
}

/* ---- a certificate from files ---- */

static int check_file(const char *path, char *why, size_t size)
{
    struct stat st;
    int error = access(path, R_OK) < 0 || stat(path, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (error != 0)
        (void)snprintf(why, size, "%s: %s", path, strerror(error));
    return error != 0 ? -1 : 0;
}

/* A pem_password_cb.  The default one would ask at the terminal. */
static int refuse_passphrase(char *passphrase, int size, int writing, void *asked)
{
    (void)passphrase, (void)size, (void)writing;
    if (asked != NULL)
        *(bool *)asked = true;
    return -1;
}

/* Reads the server's own certificate, or those that a client trusts. */
static int use_certificate(struct tls *t, const char *path, bool trust, char *why, size_t size)
{
    const struct functions *f = &t->f;
    if (check_file(path, why, size) < 0)
        return -1;
    f->SSL_CTX_set_default_passwd_cb(t->context, refuse_passphrase);
    if ((trust ? f->SSL_CTX_load_verify_locations(t->context, path, NULL)
               : f->SSL_CTX_use_certificate_chain_file(t->context, path)) == 1)
        return 0;
    unsigned long error = f->ERR_peek_error();
    int library = ERR_GET_LIB(error), number = ERR_GET_REASON(error);
    if ((library == ERR_LIB_PEM && number == PEM_R_NO_START_LINE) ||
        (library == ERR_LIB_X509 && number == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
        (void)snprintf(why, size, "%s holds no certificate: give it in PEM, with a line -----BEGIN CERTIFICATE-----",
                       path);
    else
        (void)snprintf(why, size, "the certificate in %s cannot be used: %s", path, reason(f));
    return -1;
}

static EVP_PKEY *read_key(const struct functions *f, const char *path, char *why, size_t size)
{
    if (check_file(path, why, size) < 0)
        return NULL;
    bool asked = false;
    BIO *file = f->BIO_new_file(path, "r");
    EVP_PKEY *key = file != NULL ? f->PEM_read_bio_PrivateKey(file, NULL, refuse_passphrase, &asked) : NULL;
    if (key == NULL && asked)
        (void)snprintf(why, size, "the key in %s is encrypted: decrypt it with openssl pkey -in %s -out FILE", path,
                       path);
    else if (key == NULL)
        (void)snprintf(why, size,
                       "%s holds no key that can be read: give it in PEM, with a line -----BEGIN PRIVATE KEY-----",
                       path);
    (void)f->BIO_free(file);
    return key;
}

static int use_files(struct tls *t, const struct tls_options *o, char *why, size_t size)
{
    const struct functions *f = &t->f;
    const char *path = o->key != NULL ? o->key : o->cert;
    struct stat st;
    if (strcmp(o->cert, path) == 0 && stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) {
        (void)snprintf(why, size, "%s can be read only once: give a file, or the key with --key", path);
        return -1;
    }
    if (use_certificate(t, o->cert, false, why, size) < 0)
        return -1;
    f->ERR_clear_error();
    EVP_PKEY *key = read_key(f, path, why, size);
    if (key == NULL)
        return -1;
    bool fits = f->SSL_CTX_use_PrivateKey(t->context, key) == 1 && f->SSL_CTX_check_private_key(t->context) == 1;
    if (!fits)
        (void)snprintf(why, size, "the key in %s does not belong to the first certificate in %s", path, o->cert);
    f->EVP_PKEY_free(key);
    return fits ? 0 : -1;
}

/* ---- a certificate that is made ---- */

/* A key on the curve P-256, or for RSA if bits is not 0. */
static EVP_PKEY *make_key(const struct functions *f, int bits)
{
    EVP_PKEY *key = NULL;
    int kind = bits > 0 ? EVP_PKEY_RSA : EVP_PKEY_EC;
    EVP_PKEY_CTX *context = f->EVP_PKEY_CTX_new_id(kind, NULL);
    if (context == NULL || f->EVP_PKEY_keygen_init(context) != 1 ||
        f->EVP_PKEY_CTX_ctrl(context, kind, EVP_PKEY_OP_KEYGEN,
                             bits > 0 ? EVP_PKEY_CTRL_RSA_KEYGEN_BITS : EVP_PKEY_CTRL_EC_PARAMGEN_CURVE_NID,
                             bits > 0 ? bits : NID_X9_62_prime256v1, NULL) != 1 ||
        f->EVP_PKEY_keygen(context, &key) != 1)
        key = NULL;
    f->EVP_PKEY_CTX_free(context);
    return key;
}

/* Reads an address or an address literal (RFC 5321 4.1.3), and writes it in its usual form.  False if it is neither. */
static bool read_address(const char *text, char address[INET6_ADDRSTRLEN])
{
    unsigned char octets[sizeof(struct in6_addr)];
    size_t n = strlen(text);
    if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
        text++, n -= 2;
        if (strncasecmp(text, "IPv6:", 5) == 0)
            text += 5, n -= 5;
    }
    if (n >= INET6_ADDRSTRLEN)
        return false;
    memcpy(address, text, n);
    address[n] = '\0';
    int family = inet_pton(AF_INET, address, octets) == 1 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && inet_pton(AF_INET6, address, octets) != 1)
        return false;
    return inet_ntop(family, octets, address, INET6_ADDRSTRLEN) != NULL;
}

/* Writes the names as X509V3_EXT_conf_nid() takes them: the host's alone, or after those of this machine.  A host that
   a certificate cannot have, or that is there already, is left out. */
static void write_names(const char *host, bool alone, char names[NAMES_MAX])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_*";
    char address[INET6_ADDRSTRLEN];
    size_t n = strspn(host, letters);
    size_t end = (size_t)snprintf(names, NAMES_MAX, "%s", alone ? "" : "DNS:localhost,IP:127.0.0.1,IP:::1");
    const char *comma = alone ? "" : ",";
    bool good = n > 0 && host[n] == '\0';
    if (good && host[n - 1] == '.')
        n--;
    bool local = n == strlen("localhost") && strncasecmp(host, "localhost", n) == 0;
    if (read_address(host, address)) {
        if (alone || (strcmp(address, "127.0.0.1") != 0 && strcmp(address, "::1") != 0))
            (void)snprintf(names + end, NAMES_MAX - end, "%sIP:%s", comma, address);
    } else if (good && n > 0 && n <= DNS_MAX && (alone || !local)) {
        (void)snprintf(names + end, NAMES_MAX - end, "%sDNS:%.*s", comma, (int)n, host);
    }
}

/* A certificate that is to be made. */
struct wanted {
    const char *common;         /* the subject's common name */
    const char *names;          /* as X509V3_EXT_conf_nid() takes them; NULL: it is a CA */
    const char *before, *after; /* RFC 5280 4.1.2.5 */
    EVP_PKEY *key;
    X509 *issuer; /* NULL: itself, */
    EVP_PKEY *issuer_key;
};

static int add_extensions(const struct functions *f, X509 *x, const struct wanted *w)
{
    const struct {
        int nid;
        const char *value; /* NULL: it is left out */
    } extensions[] = {
        {NID_subject_alt_name, w->names},
        {NID_basic_constraints, w->names != NULL ? "critical,CA:FALSE" : "critical,CA:TRUE"},
        {NID_key_usage, w->names != NULL ? NULL : "critical,keyCertSign"},
        {NID_ext_key_usage, w->names != NULL ? "serverAuth" : NULL},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"}, /* after the subject key identifier, its source */
    };
    X509V3_CTX context;
    f->X509V3_set_ctx(&context, w->issuer != NULL ? w->issuer : x, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if (extensions[i].value == NULL)
            continue;
        X509_EXTENSION *e = f->X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid, extensions[i].value);
        bool done = e != NULL && f->X509_add_ext(x, e, -1) == 1;
        f->X509_EXTENSION_free(e);
        if (!done)
            return -1;
    }
    return 0;
}

/* NULL if it cannot be made. */
static X509 *make_certificate(const struct functions *f, const struct wanted *w)
{
    unsigned char serial[SERIAL];
    X509 *x = f->X509_new();
    if (x == NULL || w->key == NULL || f->RAND_bytes(serial, sizeof serial) != 1) {
        f->X509_free(x);
        return NULL;
    }
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, without zeros in front */
    X509_NAME *name = f->X509_get_subject_name(x);
    bool done = f->X509_set_version(x, 2 /* v3 */) == 1 &&
                f->ASN1_STRING_set(f->X509_get_serialNumber(x), serial, sizeof serial) == 1 &&
                f->X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)w->common,
                                              (int)strnlen(w->common, COMMON_MAX), -1, 0) == 1 &&
                f->X509_set_issuer_name(x, w->issuer != NULL ? f->X509_get_subject_name(w->issuer) : name) == 1 &&
                f->ASN1_TIME_set_string(f->X509_getm_notBefore(x), w->before) == 1 &&
                f->ASN1_TIME_set_string(f->X509_getm_notAfter(x), w->after) == 1 &&
                f->X509_set_pubkey(x, w->key) == 1 && add_extensions(f, x, w) == 0 &&
                f->X509_sign(x, w->issuer != NULL ? w->issuer_key : w->key, f->EVP_sha256()) > 0;
    if (done)
        return x;
    f->X509_free(x);
    return NULL;
}

static int use_made(struct tls *t, const struct tls_options *o, char *why, size_t size)
{
    static const char first[] = "700101000000Z", last[] = "99991231235959Z";
    const struct functions *f = &t->f;
    char names[NAMES_MAX];
    bool named = o->flaw == TLS_OTHER_NAME, issued = o->flaw != TLS_SOUND && o->flaw != TLS_SELF_SIGNED;
    struct wanted ca = {"fakesmtp", NULL, first, last, issued ? make_key(f, 0) : NULL, NULL, NULL};
    struct wanted w = {named ? o->name : "localhost", names, first, last, NULL, NULL, ca.key};
    write_names(named ? o->name : o->hostname != NULL ? o->hostname : "", named, names);
    if (o->flaw == TLS_EXPIRED)
        w.before = "000101000000Z", w.after = "001231235959Z";
    if (o->flaw == TLS_NOT_YET)
        w.before = "490101000000Z", w.after = "491231235959Z";
    if (o->flaw == TLS_WEAK_KEY)
        f->SSL_CTX_set_security_level(t->context, 0); /* or else OpenSSL does not take it */
    w.key = make_key(f, o->flaw == TLS_WEAK_KEY ? WEAK_BITS : 0);
    w.issuer = issued ? make_certificate(f, &ca) : NULL;
    X509 *x = !issued || w.issuer != NULL ? make_certificate(f, &w) : NULL;
    bool done = x != NULL && f->SSL_CTX_use_certificate(t->context, x) == 1 &&
                f->SSL_CTX_use_PrivateKey(t->context, w.key) == 1;
    if (done && o->flaw != TLS_SELF_SIGNED) {
        t->ca = f->BIO_new(f->BIO_s_mem());
        done = t->ca != NULL && f->PEM_write_bio_X509(t->ca, issued ? w.issuer : x) == 1;
    }
    if (!done)
        (void)snprintf(why, size, "no certificate can be made: %s", reason(f));
    f->X509_free(x);
    f->X509_free(w.issuer);
    f->EVP_PKEY_free(w.key);
    f->EVP_PKEY_free(ca.key);
    return done ? 0 : -1;
}

/* ---- opening and closing ---- */

/* Keeps the protocols that the client offers, and chooses none: there is no name for SMTP. */
static int see_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_n, const unsigned char *offered,
                    unsigned n, void *argument)
{
    (void)ssl, (void)chosen, (void)chosen_n, (void)argument;
    operating->alpn.n = 0;
    text_add(&operating->alpn, (const char *)offered, n);
    return SSL_TLSEXT_ERR_NOACK;
}

/* Loads OpenSSL, and makes a context; o NULL: for a client. */
static struct tls *open_context(const struct tls_options *o, char *why, size_t size)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        (void)snprintf(why, size, "%s", strerror(ENOMEM));
    else if (load(t, why, size) == 0 && set_up(t, o, why, size) == 0)
        return t;
    tls_close(t);
    return NULL;
}

/* Verifies the peer's certificate by those in the file.  A server tells clients their names, to choose one by. */
static int trust(struct tls *t, const char *path, int mode, char *why, size_t size)
{
    const struct functions *f = &t->f;
    struct stat st;
    if (use_certificate(t, path, true, why, size) < 0)
        return -1;
    (void)f->X509_VERIFY_PARAM_set_flags(f->SSL_CTX_get0_param(t->context), X509_V_FLAG_PARTIAL_CHAIN);
    if (stat(path, &st) == 0 && !S_ISFIFO(st.st_mode)) /* the names are a hint, and a FIFO cannot be read again */
        f->SSL_CTX_set_client_CA_list(t->context, f->SSL_load_client_CA_file(path));
    f->SSL_CTX_set_verify(t->context, mode, NULL);
    return 0;
}

struct tls *tls_open(const struct tls_options *o, char *why, size_t size)
{
    struct tls *t = open_context(o, why, size);
    if (t == NULL)
        return NULL;
    t->f.SSL_CTX_set_alpn_select_cb(t->context, see_alpn, NULL);
    int mode = SSL_VERIFY_PEER | (o->require_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    if ((o->client_ca == NULL || trust(t, o->client_ca, mode, why, size) == 0) &&
        (o->cert != NULL ? use_files(t, o, why, size) : use_made(t, o, why, size)) == 0)
        return t;
    tls_close(t);
    return NULL;
}

struct tls *tls_open_client(const char *ca_file, char *why, size_t size)
{
    struct tls *t = open_context(NULL, why, size);
    if (t == NULL || ca_file == NULL)
        return t;
    if (trust(t, ca_file, SSL_VERIFY_PEER, why, size) == 0)
        return t;
    tls_close(t);
    return NULL;
}

void tls_close(struct tls *t)
{
    if (t == NULL)
        return;
    if (t->context != NULL)
        t->f.SSL_CTX_free(t->context);
    if (t->ca != NULL)
        (void)t->f.BIO_free(t->ca);
    if (t->library != NULL)
        (void)dlclose(t->library);
    free(t);
}

const char *tls_ca(const struct tls *t, size_t *n)
{
    char *pem = NULL;
    *n = t->ca != NULL ? (size_t)t->f.BIO_ctrl(t->ca, BIO_CTRL_INFO, 0, &pem) : 0;
    return pem;
}

/* ---- a connection ---- */

/* The errno of an operation that failed: EAGAIN if it has to wait, 0 if the peer has ended, or one that is final. */
static int explain(struct connection *c, int status)
{
    struct session *s = c->state;
    int error = errno, kind = s->refused ? SSL_ERROR_SSL : s->f->SSL_get_error(s->ssl, status);
    c->wants_write = kind == SSL_ERROR_WANT_WRITE;
    switch (kind) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        s->broken = true;
        return error; /* 0 at the end, without EOF_OPTION */
    default:
        s->broken = true;
        return EPROTO;
    }
}

/*
 * Sees each record.  After the handshake the peer may send handshake messages
 * only to change keys, and a server to give tickets, in TLS 1.3.  OpenSSL itself
 * warns a peer that asks for another handshake (RFC 5246 7.2.2), and goes on.
 */
static void see_record(int sent, int version, int kind, const void *octets, size_t n, SSL *ssl, void *argument)
{
    struct session *s = operating;
    (void)version, (void)ssl, (void)argument;
    if (sent || n == 0)
        return;
    s->records += kind == SSL3_RT_HEADER;
    s->begun = s->begun || kind == SSL3_RT_HANDSHAKE;
    if (!s->established || *(const unsigned char *)octets != SSL3_RT_HANDSHAKE)
        return;
    s->updates += kind == SSL3_RT_INNER_CONTENT_TYPE; /* TLS 1.3, where the header does not tell */
    s->refused = s->refused || kind == SSL3_RT_HEADER || s->updates > UPDATES_MAX;
}

/* Called before each read from the socket.  After RECORDS_MAX records it pretends that no more have come. */
static long limit_records(BIO *b, int what, const char *octets, size_t n, int i, long l, int result, size_t *done)
{
    const struct session *s = operating;
    (void)octets, (void)n, (void)i, (void)l, (void)done;
    if (what != BIO_CB_READ || (s->records < RECORDS_MAX && !s->refused))
        return result;
    s->f->BIO_set_flags(b, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

/* Before an operation.  SSL_get_error() must not see errors of an earlier one. */
static void begin(struct session *s)
{
    operating = s;
    s->f->ERR_clear_error();
    errno = 0;
}

/* Writes that the peer does not support our versions, 1.0 being 0x301. */
static void write_versions(const struct session *s, const char *peer, char *why, size_t size)
{
    long min = s->f->SSL_ctrl(s->ssl, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, NULL) - TLS1_VERSION;
    long max = s->f->SSL_ctrl(s->ssl, SSL_CTRL_GET_MAX_PROTO_VERSION, 0, NULL) - TLS1_VERSION;
    int n = snprintf(why, size, "the %s does not support TLS 1.%ld", peer, min);
    if (n < 0 || (size_t)n >= size || min == max)
        return;
    if (max < 0)
        (void)snprintf(why + n, size - (size_t)n, " or later");
    else
        (void)snprintf(why + n, size - (size_t)n, " to 1.%ld", max);
}

/* Writes the reason why a handshake failed. */
static void write_reason(const struct session *s, int error, char *why, size_t size)
{
    const struct functions *f = s->f;
    const char *peer = f->SSL_is_server(s->ssl) ? "client" : "server";
    unsigned long cause = f->ERR_peek_error();
    int number = ERR_GET_LIB(cause) == ERR_LIB_SSL ? ERR_GET_REASON(cause) : 0;
    if (error == 0 || error == ECONNRESET || error == EPIPE)
        (void)snprintf(why, size, "the %s hung up", peer);
    else if (error != EPROTO)
        (void)snprintf(why, size, "%s", strerror(error));
    else if ((number == SSL_R_WRONG_VERSION_NUMBER && !s->begun) || number == SSL_R_HTTP_REQUEST ||
             number == SSL_R_HTTPS_PROXY_REQUEST)
        (void)snprintf(why, size, "the %s spoke another protocol", peer);
    else if (number == SSL_R_UNSUPPORTED_PROTOCOL ||
             number == SSL_R_WRONG_VERSION_NUMBER) /* also of an alert to ours */
        write_versions(s, peer, why, size);
    else if (number == SSL_R_CERTIFICATE_VERIFY_FAILED)
        (void)snprintf(why, size, "the %s's certificate is not trusted: %s", peer,
                       f->X509_verify_cert_error_string(f->SSL_get_verify_result(s->ssl)));
    else if (number == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        (void)snprintf(why, size, "the %s showed no certificate", peer);
    else if (number >= SSL_AD_REASON_OFFSET)
        (void)snprintf(why, size, "the %s says: %s", peer,
                       f->SSL_alert_desc_string_long(number - SSL_AD_REASON_OFFSET));
    else
        (void)snprintf(why, size, "%s", reason(f));
}

/* Adds the fingerprint of a certificate, a space, and its subject. */
static void add_certificate(const struct functions *f, const X509 *x, struct text *t)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char *subject = NULL;
    BIO *b = f->BIO_new(f->BIO_s_mem());
    t->failed = b == NULL || f->X509_digest(x, f->EVP_sha256(), digest, &n) != 1;
    if (b != NULL) /* of a malformed name a part is shown */
        (void)f->X509_NAME_print_ex(b, f->X509_get_subject_name(x), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    for (unsigned i = 0; i < n; i++) {
        char octet[4];
        (void)snprintf(octet, sizeof octet, "%02X%s", digest[i], i + 1 < n ? ":" : " ");
        text_add(t, octet, 3);
    }
    long length = b != NULL ? f->BIO_ctrl(b, BIO_CTRL_INFO, 0, &subject) : 0;
    if (length > 0)
        text_add(t, subject, (size_t)length);
    (void)f->BIO_free(b);
}

/* Fills s->peer after the handshake.  False if there is no memory. */
static bool see_peer(struct session *s)
{
    const struct functions *f = s->f;
    s->peer.version = f->SSL_get_version(s->ssl);
    if (!f->SSL_is_server(s->ssl))
        return true;
    X509 *x = f->SSL_SESSION_get0_peer(f->SSL_get_session(s->ssl));
    if (x != NULL)
        add_certificate(f, x, &s->certificate);
    s->peer.sni = span_of(f->SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name));
    s->peer.alpn = text_span(&s->alpn);
    s->peer.certificate = text_span(&s->certificate);
    return !s->alpn.failed && !s->certificate.failed;
}

static int handshake(struct connection *c, char *why, size_t size)
{
    struct session *s = c->state;
    s->records = 0;
    begin(s);
    int status = s->f->SSL_do_handshake(s->ssl);
    if (status == 1 && see_peer(s)) {
        c->wants_write = false;
        s->established = true;
        return 1;
    }
    int error = status == 1 ? ENOMEM : explain(c, status);
    if (error == EAGAIN)
        return 0;
    s->broken = true;
    write_reason(s, error, why, size);
    return -1;
}

static ssize_t read_octets(struct connection *c, void *octets, size_t n)
{
    struct session *s = c->state;
    size_t got = 0;
    c->wants_write = false;
    s->records = 0;
    int error = s->read_error;
    while (error == 0 && !s->ended && got < n && (got == 0 || n - got >= RECORD)) {
        size_t part = 0;
        begin(s);
        int status = s->f->SSL_read_ex(s->ssl, (char *)octets + got, n - got, &part);
        if (status == 1) {
            got += part;
            continue;
        }
        error = explain(c, status);
        s->ended = error == 0;
        s->read_error = error != EAGAIN ? error : 0;
        break;
    }
    if (got > 0 && (s->ended || s->read_error != 0))
        (void)shutdown(c->in, SHUT_RD); /* so that poll(2) leads to the next call, which tells of it */
    if (got > 0 || s->ended || n == 0)
        return (ssize_t)got;
    errno = error;
    return -1;
}

/*
 * Writes a record at a time, as OpenSSL does not say how many of several it has
 * written.  It keeps a record that was written in part, and must be given the
 * same octets again.  So after EAGAIN the caller must give the same n octets, or
 * more.
 */
static ssize_t write_octets(struct connection *c, const void *octets, size_t n)
{
    struct session *s = c->state;
    size_t put = 0;
    c->wants_write = false;
    int error = s->write_error;
    while (error == 0 && put < n) {
        size_t part = n - put < RECORD ? n - put : RECORD, done = 0;
        begin(s);
        int status = s->f->SSL_write_ex(s->ssl, (const char *)octets + put, part, &done);
        if (status == 1) {
            put += done;
            continue;
        }
        error = explain(c, status);
        if (error == 0)
            error = EPIPE;
        s->write_error = error != EAGAIN ? error : 0;
    }
    if (put > 0 || n == 0)
        return (ssize_t)put;
    errno = error;
    return -1;
}

static void end(struct connection *c)
{
    struct session *s = c->state;
    if (s->broken || s->f->SSL_is_init_finished(s->ssl) != 1)
        return;
    begin(s);
    (void)s->f->SSL_shutdown(s->ssl);
}

static void close_session(struct connection *c)
{
    struct session *s = c->state;
    s->f->SSL_free(s->ssl);
    free(s->alpn.p);
    free(s->certificate.p);
    free(s);
    c->state = NULL;
}

static const struct tls_peer *peer(const struct connection *c) { return &((const struct session *)c->state)->peer; }

int tls_start(struct tls *t, struct connection *c)
{
    static const struct transport transport = {.handshake = handshake,
                                               .read = read_octets,
                                               .write = write_octets,
                                               .end = end,
                                               .close = close_session,
                                               .peer = peer};
    const struct functions *f = &t->f;
    struct session *s = calloc(1, sizeof *s);
    SSL *ssl = s != NULL ? f->SSL_new(t->context) : NULL;
    if (ssl == NULL || f->SSL_set_rfd(ssl, c->in) != 1 || f->SSL_set_wfd(ssl, c->out) != 1) {
        f->SSL_free(ssl);
        free(s);
        errno = ENOMEM;
        return -1;
    }
    if (f->SSL_is_server(ssl)) /* by the context's method */
        f->SSL_set_accept_state(ssl);
    else
        f->SSL_set_connect_state(ssl);
    f->SSL_set_msg_callback(ssl, see_record);
    f->BIO_set_callback_ex(f->SSL_get_rbio(ssl), limit_records);
    *s = (struct session){.f = f, .ssl = ssl};
    c->transport = &transport;
    c->state = s;
    c->wants_write = false;
    return 0;
}
