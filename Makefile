# Makes with any POSIX make that knows != (GNU make 4, bmake, POSIX 2024).
#
#   make check      all tests

VERSION = 0.1.0
CC = cc
CFLAGS = -O2 -g

FLAGS = -O2 -g

# os_linux or os_posix: what the program gets from the system beyond POSIX
OS != test "$$(uname -s)" = Linux && echo os_linux || echo os_posix

FLAGS = -std=c17 -D_XOPEN_SOURCE=700 -DVERSION='"$(VERSION)"' -Wall -Wextra -Wpedantic -Wconversion -Wshadow
PURE = smtp.o path.o
HEADERS = smtp.h path.h span.h utf8.h scan.h
TESTS = tests/test_dialogue tests/test_smtp tests/test_path
COMPILE = $(CC) $(FLAGS) $(CPPFLAGS) $(CFLAGS)

all: $(PURE)

.SUFFIXES:
.SUFFIXES: .c .o
.c.o:
	$(COMPILE) -c -o $@ $<

$(PURE): $(HEADERS) Makefile

# ---- tests ----

$(TESTS): $(HEADERS) $(PURE)
	$(COMPILE) $(LDFLAGS) -o $@ $@.c $(PURE) -lcmocka
tests/test_dialogue: tests/test_dialogue.c
tests/test_smtp: tests/test_smtp.c
tests/test_path: tests/test_path.c

check: check-unit

check-unit: $(TESTS)
	sh tests/unit $(TESTS)

clean:
	rm -f *.o $(TESTS)
