/* SPDX-License-Identifier: ISC */
/*
 * endpoint.c - endpoints as the user writes them.
 */
#include "net/inside.h"

#include <string.h>

#include "base/base.h"

int endpoint_number(const char *text)
{
    uint64_t value;
    return number_take(&text, &value) && *text == '\0' && value <= UINT16_MAX ? (int)value : -1;
}

static const char *parse_host(const char *text, struct endpoint *e)
{
    const char *colon = strrchr(text, ':'), *start = text, *end = colon;
    if (colon == NULL)
        return "give HOST:PORT, [ADDRESS]:PORT, :PORT, *:PORT, unix:PATH, fd:N or -";
    if (*start == '[') {
        if (end == start || end[-1] != ']')
            return "give [ADDRESS]:PORT";
        start++;
        end--;
    } else if (memchr(start, ':', (size_t)(end - start)) != NULL) {
        return "put an IPv6 address in brackets: [ADDRESS]:PORT";
    }
    size_t n = (size_t)(end - start);
    if (n >= sizeof e->host)
        return "the host name is too long";
    memcpy(e->host, start, n);
    e->host[n] = '\0';
    if (*text == '[' && memchr(start, ':', n) == NULL)
        return "give an IPv6 address between the brackets";
    e->kind = n == 0 ? ENDPOINT_LOOPBACK : strcmp(e->host, "*") == 0 ? ENDPOINT_ANY : ENDPOINT_HOST;
    int port = endpoint_number(colon + 1);
    e->port = (uint16_t)port;
    return port < 0 ? "give a port from 0 to 65535 after the colon" : NULL;
}

const char *const endpoint_schemes[] = {
    [SCHEME_SMTP] = "smtp://", [SCHEME_SMTPS] = "smtps://", [SCHEME_LMTP] = "lmtp://"};

/* Whether text begins with start; if so, *rest points after it. */
static bool begins(const char *text, const char *start, const char **rest)
{
    bool does = strncmp(text, start, strlen(start)) == 0;
    if (does)
        *rest = text + strlen(start);
    return does;
}

const char *endpoint_parse(const char *text, struct endpoint *e)
{
    *e = (struct endpoint){.scheme = SCHEME_SMTP, .fd = -1};
    if (begins(text, "proxy+", &text))
        e->proxied = true;
    else
        e->proxied = begins(text, "proxy://", &text);
    for (int i = SCHEME_SMTP; i <= SCHEME_LMTP; i++) {
        if (begins(text, endpoint_schemes[i], &text)) {
            e->scheme = (enum scheme)i;
            break;
        }
    }
    if (strstr(text, "://") != NULL)
        return "the prefix must be smtp://, smtps://, lmtp:// or proxy://";
    if (strcmp(text, "-") == 0) {
        e->kind = ENDPOINT_STDIO;
        return NULL;
    }
    if (begins(text, "unix:", &text)) {
        e->kind = ENDPOINT_UNIX;
        if (*text == '\0')
            return "give a path after unix:";
        if (strlen(text) >= sizeof((struct sockaddr_un *)0)->sun_path)
            return "the path is too long for a Unix socket; a relative one may fit";
        memcpy(e->host, text, strlen(text) + 1);
        return NULL;
    }
    if (!begins(text, "fd:", &text))
        return parse_host(text, e);
    e->kind = ENDPOINT_FD;
    e->fd = endpoint_number(text);
    return e->fd < 0 ? "give the number of an open descriptor after fd:" : NULL;
}
