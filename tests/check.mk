# The tests, for the Makefile above.
#:
#:  make deps       installs what the tests need, with the system's package manager
#:  make check      all tests
#:  make check-posix check-static check-asan check-valgrind
#:                  the same without what Linux has beyond POSIX, with musl, with
#:                  sanitizers, under valgrind
#:  make check-oracle
#:                  mails as Python's email package reads them
#:  make check-json JSON_MESSAGES=5000 random ones as JSON
#:  make lint       compilers' warnings, the structure, the manual, the scripts
#:  make format     the layout of the sources, as lint wants it
#:  make fuzz       FUZZ_SECONDS=60 of random input for each target
#:  make coverage   lines and branches that the tests reach
#:  make bench      fakesmtp beside smtp-sink and a limit: a table of ratios and targets, in a few minutes
#:  make bench-steady what of it does not drift, against what is recorded
#:  make bench-large a message of 10 GB in 64 MiB of memory, and one of 1 GB as JSON

CLANG = clang
FUZZ_SECONDS = 60
JSON_MESSAGES = 5000
# what of the command-line tests is run, and what coverage is taken of
CLI_GROUPS =
VALGRIND_GROUPS = run storage
COVERED = check
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full

TESTS = tests/test_dialogue tests/test_smtp tests/test_path tests/test_show tests/test_save tests/test_sasl \
    tests/test_mime tests/test_render tests/test_rules tests/test_match tests/test_lint
TESTS_openssl = tests/test_tls
REPLAYS = tests/replay_smtp tests/replay_mime tests/replay_render tests/replay_rules
RULES = rules.o number.o
TESTED = show.o save.o sha256.o $(RULES) $(READING) $(PURE)

$(TESTS): $(TESTS:=.c) tests/reading.h text.c message.c lint.c render.c match.c listing.c $(HEADERS) $(TESTED) $(OS).o
	$(COMPILE) $(LDFLAGS) -o $@ $@.c $(TESTED) $(OS).o -lcmocka

# the client in it is OpenSSL's, linked
tests/test_tls: tests/test_tls.c tls_openssl.o $(HEADERS)
	$(COMPILE) $(LDFLAGS) -o $@ $@.c tls_openssl.o -lcmocka $$(pkg-config --cflags --libs openssl) $(DL)

# the fuzzer's targets, given the inputs in tests/corpus
$(REPLAYS): tests/fuzz_smtp.c tests/fuzz_mime.c tests/fuzz_render.c tests/fuzz_rules.c $(HEADERS) $(PURE) $(RENDERING) \
    $(RULES)
	$(COMPILE) -DREPLAY $(LDFLAGS) -o $@ $$(echo $@ | sed s/replay/fuzz/).c $(PURE) $(RENDERING) $(RULES)

tests/render_json: tests/render_json.c tests/reading.h $(HEADERS) $(RENDERING) problem.o
	$(COMPILE) $(LDFLAGS) -o $@ $@.c $(RENDERING) problem.o

check: check-unit check-cli

check-unit: $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	sh tests/conformance
	sh tests/unit $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)

check-cli: fakesmtp
	FAKESMTP_TLS=$(TLS) sh tests/cli/run ./fakesmtp $(CLI_GROUPS)

check-static: static
	FAKESMTP_TLS=none sh tests/cli/run ./fakesmtp-static $(CLI_GROUPS)

# the same with what POSIX alone has
check-posix:
	sh tests/variant os_posix $(MAKE) OS=os_posix CC='$(CC)' check

check-asan:
	FAKESMTP_INSTRUMENTED=1 sh tests/variant asan $(MAKE) CC=$(CLANG) LDFLAGS='-fsanitize=address,undefined' \
	    CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' check

check-valgrind: fakesmtp $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	sh tests/unit valgrind $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	FAKESMTP_INSTRUMENTED=1 FAKESMTP_WRAPPER='$(VALGRIND)' sh tests/cli/run ./fakesmtp $(VALGRIND_GROUPS)

check-oracle: tests/render_json
	sh tests/oracle tests/render_json

check-json: tests/render_json
	python3 tests/mutate.py tests/render_json $(JSON_MESSAGES)

fuzz:
	sh tests/fuzz $(CLANG) $(FUZZ_SECONDS) $(PURE:.o=.c) $(RENDERING:.o=.c) $(RULES:.o=.c)

coverage:
	sh tests/variant coverage $(MAKE) CC=gcc CFLAGS='-O0 -g --coverage' $(COVERED) coverage-report
coverage-report:
	gcov -n $(SOURCES) tls_$(TLS).c | grep -A1 "^File '[a-z]" | grep -v '^--'

bench-tools:
	mkdir -p build/bench
	for f in load limit start; do $(CC) -std=c17 -O2 -Wall -Wextra -Wpedantic -o build/bench/$$f tests/bench/$$f.c; done

bench: fakesmtp static bench-tools
	$(MUSL_CC) -std=c17 -O2 -static -o build/bench/limit-static tests/bench/limit.c
	python3 tests/bench/measure.py ./fakesmtp ./fakesmtp-static build/bench tests/bench/ratios.json $(MEASURE)

bench-steady: fakesmtp bench-tools
	python3 tests/bench/measure.py ./fakesmtp ./fakesmtp build/bench tests/bench/ratios.json --steady

bench-large: fakesmtp
	sh tests/bench/large ./fakesmtp
	sh tests/bench/json ./fakesmtp

lint:
	sh tests/lint $(CC) $(CLANG) $(PURE)

format:
	clang-format -i *.c *.h tests/*.c

deps:
	sh tests/deps

clean-tests:
	rm -f $(TESTS) $(TESTS_openssl) $(REPLAYS) tests/render_json
