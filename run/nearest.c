/* SPDX-License-Identifier: ISC */
/*
 * nearest.c - the names of options that an unknown one may have meant.
 *
 * A name is like another one if few letters differ, if one is the beginning of
 * the other, or if another program has it for the same: foreign[] lists those.
 */
#include "run/run.h"

#include <string.h>

enum { LENGTH_MAX = 24 /* octets of a name; a longer word is like none */ };

/* Names of other fake servers, of mail programs and of tools of the shell. */
static const struct {
    const char *theirs, *ours; /* several, separated by blanks */
} foreign[] = {
    {"number messages mails max-messages expected", "count"},
    {"sessions clients", "connections"},
    {"time wait wait-for deadline time-limit max-time", "timeout"},
    {"forever loop keep-going keep-running keep-alive", "keep"},
    {"expect filter grep pattern subject search", "match"},
    {"exclude ignore without no-match", "not"},
    {"pedantic lint rfc", "strict"},
    {"smtpport", "port"},
    {"smtp bind bind-address bind-addr address addr host ip interface socket unix smtps lmtp", "listen"},
    {"portfile pid-file pidfile ready-file", "port-file"},
    {"daemon daemonize detach fork", "background"},
    {"dot-env env-file", "dotenv"},
    {"input file from-file eml mailbox", "read"},
    {"directory outdir output-dir out-dir mail-dir mail-directory mails-dir storage database", "dir"},
    {"maildir-path", "maildir"},
    {"clean clear clobber empty", "fresh"},
    {"mbox text html raw stdout", "format"},
    {"out outfile output-file", "output"},
    {"attachment-dir save-attachments", "attachments"},
    {"idle-timeout client-timeout", "idle"},
    {"name domain helo", "hostname"},
    {"size size-limit message-size-limit", "max-size"},
    {"rcpt-limit recipient-limit", "max-recipients"},
    {"disable hide-extensions without-extension", "hide"},
    {"extension extensions capability enable", "offer"},
    {"fail reject error fault delay drop reply respond rule chaos bounce", "on"},
    {"user username login credentials password incoming-user", "auth"},
    {"mechanism mechanisms auth-methods auth-type", "auth-mechs"},
    {"require-tls require-auth require-starttls tls-required auth-required", "require"},
    {"starttls ssl tlsmode", "tls"},
    {"tls-cert certificate tlscert incoming-cert ssl-cert", "cert"},
    {"tls-key private-key tlskey incoming-key ssl-key", "key"},
    {"cacert cafile ca", "ca-file"},
    {"environment setenv", "env"},
    {"grace grace-period", "linger"},
    {"debug trace show", "verbose"},
    {"log log-file logfile record", "transcript"},
    {"silent no-output", "quiet"},
};

/* Counts letters that are wrong, left out or too many, and neighbours in the wrong order.  Case does not matter. */
static size_t count_mistakes(struct span a, struct span b)
{
    size_t least[LENGTH_MAX + 1][LENGTH_MAX + 1]; /* for the first i octets of a and the first j of b */
    for (size_t i = 0; i <= a.n; i++)
        least[i][0] = i;
    for (size_t j = 1; j <= b.n; j++) {
        least[0][j] = j;
        for (size_t i = 1; i <= a.n; i++) {
            const char *p = a.p + i - 1, *q = b.p + j - 1;
            size_t more = least[i - 1][j] < least[i][j - 1] ? least[i - 1][j] : least[i][j - 1];
            size_t n = least[i - 1][j - 1] + !ascii_same(*p, *q);
            if (i > 1 && j > 1 && ascii_same(p[0], q[-1]) && ascii_same(p[-1], q[0]) && least[i - 2][j - 2] + 1 < n)
                n = least[i - 2][j - 2] + 1;
            least[i][j] = more + 1 < n ? more + 1 : n;
        }
    }
    return least[a.n][b.n];
}

/* Keeps the option if the word is like this name of it, and was no more like another one. */
static void keep(struct nearest *found, struct span name, const char *option)
{
    struct span word = found->word;
    if (word.n == 0 || word.n > LENGTH_MAX || name.n > LENGTH_MAX)
        return;
    bool own = name.p == option;
    bool begins = own && word.n < name.n && span_same((struct span){name.p, word.n}, word);
    bool goes_on = own && word.n > name.n && word.p[name.n] == '-' && span_same((struct span){word.p, name.n}, name);
    size_t mistakes = begins || goes_on ? 0 : count_mistakes(word, name);
    size_t distance = 2 * mistakes + (begins || !own) + 2 * goes_on;
    if (mistakes > (word.n + 1) / 4 || (found->n > 0 && distance > found->distance))
        return;
    if (distance < found->distance)
        found->n = 0;
    found->distance = distance;
    if (found->n > 0 && found->options[(found->n - 1) % NEAREST_MAX] == option)
        return;
    found->options[found->n++ % NEAREST_MAX] = option;
}

void nearest_compare(struct nearest *found, const char *option)
{
    keep(found, span_of(option), option);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        const char *name = foreign[i].theirs;
        for (size_t n; *name != '\0' && strcmp(foreign[i].ours, option) == 0; name += n + (name[n] != '\0')) {
            n = strcspn(name, " ");
            keep(found, (struct span){name, n}, option);
        }
    }
}
