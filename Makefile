# Needs a make that knows != : GNU make 4, bmake, any of POSIX 2024.  SPDX-License-Identifier: ISC
# Lines that begin with #: are what make help prints.
#:  make            builds the program, fakesmtp; TLS=openssl or TLS=none decides whether it has TLS
#:  make demo       builds it, and shows it receive a message
#:  make static     builds fakesmtp-static, without shared libraries (musl)
#:  make install    installs to DESTDIR and PREFIX (/usr/local); make uninstall
#:  make clean      removes what was built

VERSION = 0.2.0
# In what make dist packs, a file says the commit.
COMMIT != git --git-dir=.git describe --always --dirty --exclude='*' 2>/dev/null || grep -x '[0-9a-f]*' pkg/commit || echo unknown
SAYS = -DVERSION='"$(VERSION)"' -DCOMMIT='"$(COMMIT)"'
# These come from the environment.  ?= would not do: bmake has values of its own for them.
CC != printf '%s\n' "$${CC:-cc}"
CFLAGS != printf '%s\n' "$${CFLAGS--O2 -g}"
CPPFLAGS != printf '%s\n' "$$CPPFLAGS"
LDFLAGS != printf '%s\n' "$$LDFLAGS"
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
SHARE = $(DESTDIR)$(PREFIX)/share
MUSL_CC = musl-gcc

# linux or posix: what the program gets from the system beyond POSIX
OS != test "$$(uname -s)" = Linux && echo linux || echo posix

# openssl where its headers are, else none; the library itself is loaded when it is needed
TLS != pkg-config --exists 'openssl >= 1.1.1' 2>/dev/null && $(CC) $(CPPFLAGS) $$(pkg-config --cflags openssl) \
    -E -include openssl/ssl.h -x c /dev/null >/dev/null 2>&1 && echo openssl || echo none
# what headers hide or call by another name, and the libraries for dlopen(3) and iconv(3) where libc has none
HIDDEN != case $$(uname -s) in Darwin) echo -D_DARWIN_C_SOURCE -Dst_mtim=st_mtimespec -Dst_ctim=st_ctimespec ;; \
    FreeBSD) echo -D__BSD_VISIBLE=1 ;; OpenBSD) echo -D_BSD_SOURCE -I/usr/local/include ;; esac
LIBS != case "$$(uname -s) $(TLS)" in 'Linux openssl') echo -ldl ;; Darwin*) echo -liconv ;; \
    OpenBSD*) echo -L/usr/local/lib -liconv ;; esac

FLAGS = -std=c17 -pthread -D_XOPEN_SOURCE=700 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 $(HIDDEN) -Wall -Wextra -Wpedantic -Wconversion -Wshadow
# Flags that harden: all of them, or else each one that the compiler takes without saying more than before.
# A compiler that protects the stack by default keeps doing so.  Here -strong would cost 3 % of the instructions, and
# -fno-plt pays for what is used.
PROTECTOR != $(CC) $(CFLAGS) -dM -E -x c /dev/null 2>/dev/null | grep -q __SSP_ || echo -fstack-protector
HARDENED != \
    try() { echo 'int main(void) { return puts("") < 0; }' | \
        $(CC) "$$@" $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -include stdio.h -x c -o /dev/null - 2>&1; }; \
    said=$$(try); \
    takes() { says=$$(try "$$@") && test "$$says" = "$$said"; }; \
    all='-fPIE -fno-plt $(PROTECTOR) -D_FORTIFY_SOURCE=2 -pie -Wl,-z,relro -Wl,-z,now'; \
    taken=$$all; \
    takes $$all || { taken=; for f in $$all; do takes $$taken $$f && taken="$$taken $$f"; done; }; \
    echo $$taken
# the same without the linker's, which come last
HARDENED_C != echo '$(HARDENED)' | sed 's/ *-pie.*//; s/ *-Wl,.*//'

# the sources are what lies in these folders; of *_linux.c and *_posix.c one, and of net/tls_*.c
ROOMS = base smtp mail store net report read serve send run
SOURCES != LC_ALL=C ls smtp.c $(ROOMS:=/*.c) | grep -v -e '_linux\.c$$' -e '_posix\.c$$' -e '^net/tls_'
CHOSEN = net/poll_$(OS).c net/socket_$(OS).c store/link_$(OS).c read/watch_$(OS).c
PARTS = $(SOURCES:.c=.o) $(CHOSEN:.c=.o) net/tls_$(TLS).o
HEADERS != LC_ALL=C ls smtp.h $(ROOMS:=/*.h)
# debugging information names no directory, so that the program is the same wherever it is built
COMPILE_FLAGS = $(FLAGS) $(HARDENED_C) -fdebug-prefix-map="$$PWD"=. -I. $(CPPFLAGS) $(CFLAGS)
COMPILE = $(CC) $(COMPILE_FLAGS)

all: fakesmtp

.SUFFIXES:
.SUFFIXES: .c .o
.c.o:
	$(COMPILE) -c -o $@ $<

fakesmtp: fakesmtp.o $(PARTS) .linked
	$(CC) -pthread $(HARDENED) $(CFLAGS) $(LDFLAGS) -o $@ fakesmtp.o $(PARTS) $(LIBS) $(LDLIBS)

fakesmtp.o $(PARTS): $(HEADERS) Makefile

fakesmtp.o: fakesmtp.c .linked
	$(COMPILE) $(SAYS) -c -o $@ fakesmtp.c

net/tls_openssl.o: net/tls_openssl.c
	$(COMPILE) $$(pkg-config --cflags openssl) -DTLS_LIBDIR="\"$$(pkg-config --variable=libdir openssl)\"" -c -o $@ net/tls_openssl.c

# what was linked last, so that another choice links anew
.linked: always
	@echo '$(OS) $(TLS) $(COMMIT)' | cmp -s - $@ || { rm -f fakesmtp fakesmtp.o; echo '$(OS) $(TLS) $(COMMIT)' >$@; }
always:

# a real mail, captured
demo: fakesmtp
	@sh tests/demo ./fakesmtp

# A static program cannot load OpenSSL, so it is linked if the compiler has a static one.
static:
	@tls=net/tls_none.c; test $(TLS) != openssl || { echo 'int main(void) { return !SSL_new(0); }' | \
	    $(MUSL_CC) $(CPPFLAGS) -static $(LDFLAGS) -include openssl/ssl.h -x c -o /dev/null - -lssl -lcrypto $(LDLIBS) \
	    >/dev/null 2>&1 && tls='-DTLS_LINKED net/tls_openssl.c -lssl -lcrypto'; } || \
	    echo 'fakesmtp-static will have no TLS: $(MUSL_CC) finds no static OpenSSL'; \
	$(MUSL_CC) $(COMPILE_FLAGS) $(SAYS) -static $(LDFLAGS) -o fakesmtp-static fakesmtp.c $(SOURCES) $(CHOSEN) $$tls $(LDLIBS)
	$(RUN) ./fakesmtp-static --version

install: fakesmtp
	umask 022 && mkdir -p "$(DESTDIR)$(PREFIX)/bin" \
	    "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	install -m 755 fakesmtp "$(DESTDIR)$(PREFIX)/bin/fakesmtp"
	for s in 1 5 7; do umask 022 && mkdir -p "$(DESTDIR)$(MANDIR)/man$$s" && install -m 644 man/*.$$s "$(DESTDIR)$(MANDIR)/man$$s" || exit; done
	install -m 644 pkg/complete/fakesmtp.bash "$(SHARE)/bash-completion/completions/fakesmtp"
	install -m 644 pkg/complete/_fakesmtp "$(SHARE)/zsh/site-functions"
	install -m 644 pkg/complete/fakesmtp.fish "$(SHARE)/fish/vendor_completions.d"

uninstall:
	cd "$(DESTDIR)$(PREFIX)" && rm -f bin/fakesmtp share/bash-completion/completions/fakesmtp \
	    share/zsh/site-functions/_fakesmtp share/fish/vendor_completions.d/fakesmtp.fish
	for page in man/*.[157]; do rm -f "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/}" || exit; done

clean: clean-tests
	rm -f fakesmtp fakesmtp-static *.o $(ROOMS:=/*.o) .linked fakesmtp-*.tar.gz
	rm -rf build

help:
	@sed -n 's/^#://p' Makefile tests/check.mk tests/long.mk pkg/pkg.mk

include tests/check.mk tests/long.mk pkg/pkg.mk
