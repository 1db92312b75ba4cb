# The tests that take long, and the measurements, for the Makefile above.  SPDX-License-Identifier: ISC
#:  make check-torture check-races check-soak
#:                  lets system calls and memory fail, lets things happen at the same time, takes
#:                  millions of messages: for hours, with PART=20 for about so many seconds
#:  make check-surroundings
#:                  runs command-line tests in another locale, with an empty environment, without /proc, ...
#:  make mutants    changes MUTANTS=1000 places of the sources, one at a time, and looks whether a test notices;
#:                  QUICK=--quick looks at the unit tests alone
#:  make fuzz       gives each target random input for FUZZ_SECONDS=60
#:  make coverage   shows the lines and branches that the tests reach
#:  make bench      compares fakesmtp with smtp-sink, a limit and GMime, in about ten minutes
#:  make bench-steady
#:                  compares the figures that do not drift with the recorded ones
#:  make bench-large
#:                  stores a message of 10 GB in 64 MiB of memory, and reads one of 1 GB as JSON

FUZZ_SECONDS = 60
# the target to measure the coverage of
COVERED = check
# seconds for a part of what would take hours; empty: all
PART =
MUTANTS = 1000
QUICK =
SURROUNDED_GROUPS = run storage

check-torture check-races check-soak: fakesmtp
	sh tests/torture/run $@ ./fakesmtp $(PART)

check-surroundings: fakesmtp
	sh tests/surroundings ./fakesmtp $(SURROUNDED_GROUPS)

mutants:
	python3 tests/mutants.py $(MUTANTS) $(SOURCES) $(CHOSEN) net/tls_none.c $(QUICK)

fuzz:
	sh tests/run-fuzz $(CLANG) $(FUZZ_SECONDS) $(SOURCES) $(CHOSEN) net/tls_none.c

coverage:
	sh tests/variant coverage $(MAKE) CC=gcc CFLAGS='-O0 -g --coverage' $(COVERED) coverage-report
coverage-report:
	gcov -n fakesmtp.c $(SOURCES) net/tls_$(TLS).c | grep -A1 "^File '[a-z]" | grep -v '^--'

bench-tools:
	mkdir -p build/bench
	for f in load limit start; do $(CC) -std=c17 -O2 -Wall -Wextra -Wpedantic -I. -o build/bench/$$f tests/bench/$$f.c; done

bench: fakesmtp static bench-tools
	$(MUSL_CC) -std=c17 -O2 -static -I. -o build/bench/limit-static tests/bench/limit.c
	python3 tests/bench/measure.py ./fakesmtp ./fakesmtp-static build/bench tests/bench/ratios.json $(MEASURE)
	python3 tests/bench/reading.py ./fakesmtp build/bench

bench-steady: fakesmtp bench-tools
	python3 tests/bench/measure.py ./fakesmtp ./fakesmtp build/bench tests/bench/ratios.json --steady
bench-large: fakesmtp
	sh tests/bench/large ./fakesmtp
	sh tests/bench/json ./fakesmtp
