# Needs a make that knows != : GNU make 4, bmake, any of POSIX 2024.
# Lines that begin with #: are what make help prints.
#:  make            the program, fakesmtp; TLS=openssl or TLS=none decides whether it knows TLS
#:  make demo       the same, shown taking a mail
#:  make static     fakesmtp-static, without shared libraries (musl)
#:  make install    to DESTDIR and PREFIX (/usr/local); make uninstall
#:  make deps       installs what the tests need, with the system's package manager
#:  make check      all tests
#:  make check-posix check-static check-asan check-valgrind
#:                  the same without what Linux has beyond POSIX, with musl, with
#:                  sanitizers, under valgrind
#:  make lint       compilers' warnings, the structure, the manual, the scripts
#:  make fuzz       FUZZ_SECONDS=60 of random input for each target
#:  make coverage   lines and branches that the tests reach
#:  make bench      a message of 10 GB in 64 MiB of memory
#:  make format dist clean

VERSION = 0.1.0
CC = cc
CFLAGS = -O2 -g
PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man
CLANG = clang
MUSL_CC = musl-gcc
FUZZ_SECONDS = 60

# os_linux or os_posix: what the program gets from the system beyond POSIX
OS != test "$$(uname -s)" = Linux && echo os_linux || echo os_posix

# openssl where its headers are, else none; the library itself is loaded when it is needed
TLS != pkg-config --exists 'openssl >= 1.1.1' 2>/dev/null && $(CC) $(CPPFLAGS) $$(pkg-config --cflags openssl) \
    -E -include openssl/ssl.h -x c /dev/null >/dev/null 2>&1 && echo openssl || echo none
DL != test $(TLS) = openssl && test "$$(uname -s)" = Linux && echo -ldl || :

FLAGS = -std=c17 -D_XOPEN_SOURCE=700 -D_DARWIN_C_SOURCE -DVERSION='"$(VERSION)"' -Wall -Wextra -Wpedantic -Wconversion -Wshadow
PURE = smtp.o command.o sasl.o base64.o md5.o dsn.o path.o
OBJECTS = fakesmtp.o options.o announce.o signals.o server.o envelope.o save.o io.o show.o wrap.o $(PURE)
SOURCES = $(OBJECTS:.o=.c)
HEADERS = options.h announce.h signals.h server.h envelope.h save.h io.h tls.h show.h wrap.h smtp.h command.h \
    sasl.h base64.h md5.h dsn.h path.h os.h span.h utf8.h scan.h
TESTS = tests/test_dialogue tests/test_smtp tests/test_path tests/test_show tests/test_save tests/test_sasl
TESTS_openssl = tests/test_tls
REPLAYS = tests/replay_smtp
COMPILE = $(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS)

all: fakesmtp

.SUFFIXES:
.SUFFIXES: .c .o
.c.o:
	$(COMPILE) -c -o $@ $<

fakesmtp: $(OBJECTS) $(OS).o tls_$(TLS).o .linked
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(OS).o tls_$(TLS).o $(DL) $(LDLIBS)

$(OBJECTS) os_linux.o os_posix.o tls_openssl.o tls_none.o: $(HEADERS) Makefile

tls_openssl.o: tls_openssl.c
	$(COMPILE) $$(pkg-config --cflags openssl) -DTLS_LIBDIR="\"$$(pkg-config --variable=libdir openssl)\"" -c -o $@ tls_openssl.c

# what was linked last, so that another choice links anew
.linked: always
	@echo '$(OS) $(TLS)' | cmp -s - $@ || { rm -f fakesmtp; echo '$(OS) $(TLS)' >$@; }
always:

# a real mail, captured
demo: fakesmtp
	@sh tests/demo ./fakesmtp

static:
	$(MUSL_CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS) -static $(LDFLAGS) -o fakesmtp-static $(SOURCES) $(OS).c tls_none.c
	./fakesmtp-static --version

# ---- tests ----

$(TESTS): $(TESTS:=.c) $(HEADERS) $(PURE) show.o save.o $(OS).o
	$(COMPILE) $(LDFLAGS) -o $@ $@.c $(PURE) show.o save.o $(OS).o -lcmocka

# the client in it is OpenSSL's, linked
tests/test_tls: tests/test_tls.c tls_openssl.o $(HEADERS)
	$(COMPILE) $(LDFLAGS) -o $@ $@.c tls_openssl.o -lcmocka $$(pkg-config --cflags --libs openssl) $(DL)

# the fuzzer's targets, given the inputs in tests/corpus
tests/replay_smtp: tests/fuzz_smtp.c $(HEADERS) $(PURE)
	$(COMPILE) -DREPLAY $(LDFLAGS) -o $@ tests/fuzz_smtp.c $(PURE)

check: check-unit check-cli

check-unit: $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	sh tests/conformance
	sh tests/unit $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
check-cli: fakesmtp
	FAKESMTP_TLS=$(TLS) sh tests/cli/run ./fakesmtp
check-static: static
	FAKESMTP_TLS=none sh tests/cli/run ./fakesmtp-static

# the same with what POSIX alone has
check-posix:
	sh tests/variant os_posix $(MAKE) OS=os_posix CC='$(CC)' check

check-asan:
	FAKESMTP_INSTRUMENTED=1 sh tests/variant asan $(MAKE) CC=$(CLANG) LDFLAGS='-fsanitize=address,undefined' \
	    CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' check

check-valgrind: fakesmtp $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	sh tests/unit valgrind $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	FAKESMTP_INSTRUMENTED=1 FAKESMTP_WRAPPER='valgrind -q --error-exitcode=99 --leak-check=full' sh tests/cli/run ./fakesmtp run storage

fuzz:
	sh tests/fuzz $(CLANG) $(FUZZ_SECONDS) $(PURE:.o=.c)
coverage:
	sh tests/variant coverage $(MAKE) CC=gcc CFLAGS='-O0 -g --coverage' check coverage-report
coverage-report:
	gcov -n $(SOURCES) tls_$(TLS).c | grep -A1 "^File '[a-z]" | grep -v '^--'
bench: fakesmtp
	sh tests/bench/large ./fakesmtp
help:
	@sed -n 's/^#://p' Makefile
lint:
	sh tests/lint $(CC) $(CLANG) $(PURE)
format:
	clang-format -i *.c *.h tests/*.c
deps:
	sh tests/deps

# ---- the rest ----

install: fakesmtp
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MANDIR)/man1
	cp fakesmtp $(DESTDIR)$(PREFIX)/bin/fakesmtp
	cp man/fakesmtp.1 $(DESTDIR)$(MANDIR)/man1/fakesmtp.1
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/fakesmtp $(DESTDIR)$(MANDIR)/man1/fakesmtp.1
dist:
	git archive --prefix=fakesmtp-$(VERSION)/ -o fakesmtp-$(VERSION).tar.gz HEAD
clean:
	rm -f fakesmtp fakesmtp-static *.o .linked $(TESTS) $(TESTS_openssl) $(REPLAYS) fakesmtp-*.tar.gz
	rm -rf build
