# Needs a make that knows != : GNU make 4, bmake, any of POSIX 2024.
# Lines that begin with #: are what make help prints.
#:  make            builds the program, fakesmtp; TLS=openssl or TLS=none decides whether it has TLS
#:  make demo       builds it, and shows it receive a message
#:  make static     builds fakesmtp-static, without shared libraries (musl)
#:  make install    installs to DESTDIR and PREFIX (/usr/local); make uninstall
#:  make dist clean

VERSION = 0.1.0
CC = cc
CFLAGS = -O2 -g
PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man
MUSL_CC = musl-gcc

# linux or posix: what the program gets from the system beyond POSIX
OS != test "$$(uname -s)" = Linux && echo linux || echo posix

# openssl where its headers are, else none; the library itself is loaded when it is needed
TLS != pkg-config --exists 'openssl >= 1.1.1' 2>/dev/null && $(CC) $(CPPFLAGS) $$(pkg-config --cflags openssl) \
    -E -include openssl/ssl.h -x c /dev/null >/dev/null 2>&1 && echo openssl || echo none
DL != test $(TLS) = openssl && test "$$(uname -s)" = Linux && echo -ldl || :

FLAGS = -std=c17 -pthread -D_XOPEN_SOURCE=700 -D_DARWIN_C_SOURCE -DVERSION='"$(VERSION)"' -Wall -Wextra -Wpedantic -Wconversion -Wshadow
# the sources are what lies in these folders; of *_linux.c and *_posix.c one, and of net/tls_*.c
ROOMS = base smtp mail store net report serve run
SOURCES != ls smtp.c $(ROOMS:=/*.c) | grep -v -e '_linux\.c$$' -e '_posix\.c$$' -e '^net/tls_'
CHOSEN = net/poll_$(OS).c net/socket_$(OS).c store/link_$(OS).c
PARTS = $(SOURCES:.c=.o) $(CHOSEN:.c=.o) net/tls_$(TLS).o
HEADERS != ls smtp.h $(ROOMS:=/*.h)
COMPILE = $(CC) $(FLAGS) -I. $(CPPFLAGS) $(CFLAGS)

all: fakesmtp

.SUFFIXES:
.SUFFIXES: .c .o
.c.o:
	$(COMPILE) -c -o $@ $<

fakesmtp: fakesmtp.o $(PARTS) .linked
	$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ fakesmtp.o $(PARTS) $(DL) $(LDLIBS)

fakesmtp.o $(PARTS): $(HEADERS) Makefile

net/tls_openssl.o: net/tls_openssl.c
	$(COMPILE) $$(pkg-config --cflags openssl) -DTLS_LIBDIR="\"$$(pkg-config --variable=libdir openssl)\"" -c -o $@ net/tls_openssl.c

# what was linked last, so that another choice links anew
.linked: always
	@echo '$(OS) $(TLS)' | cmp -s - $@ || { rm -f fakesmtp; echo '$(OS) $(TLS)' >$@; }
always:

# a real mail, captured
demo: fakesmtp
	@sh tests/demo ./fakesmtp

static:
	$(MUSL_CC) $(FLAGS) -I. $(CPPFLAGS) $(CFLAGS) -static $(LDFLAGS) -o fakesmtp-static fakesmtp.c $(SOURCES) \
	    $(CHOSEN) net/tls_none.c
	./fakesmtp-static --version

install: fakesmtp
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MANDIR)/man1
	cp fakesmtp $(DESTDIR)$(PREFIX)/bin/fakesmtp
	cp man/fakesmtp.1 $(DESTDIR)$(MANDIR)/man1/fakesmtp.1

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/fakesmtp $(DESTDIR)$(MANDIR)/man1/fakesmtp.1

dist:
	git archive --prefix=fakesmtp-$(VERSION)/ -o fakesmtp-$(VERSION).tar.gz HEAD

clean: clean-tests
	rm -f fakesmtp fakesmtp-static *.o $(ROOMS:=/*.o) .linked fakesmtp-*.tar.gz
	rm -rf build

help:
	@sed -n 's/^#://p' Makefile tests/check.mk

include tests/check.mk
