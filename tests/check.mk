# The tests, for the Makefile above.  SPDX-License-Identifier: ISC
#:
#:  make deps       installs the tools that the tests need, with the system's package manager
#:  make check      runs all tests
#:  make check-posix check-static check-asan check-valgrind
#:                  runs them with POSIX calls only, with musl, with sanitizers, under valgrind
#:  make check-both compares what -r reports with what SMTP reported
#:  make check-page checks pages in Chromium, which it installs (110 MB); make picture draws man/page.png
#:  make check-reactions
#:                  checks how curl, PHPMailer, Symfony, Nodemailer and Jakarta Mail react to faults
#:  make check-oracle check-json
#:                  compares messages with Python's email package, checks JSON_MESSAGES=5000 random ones
#:  make lint       checks warnings, structure, manual and scripts
#:  make format     formats the sources, as lint wants them

CLANG = clang
JSON_MESSAGES = 5000
# groups of command-line tests, clients of check-reactions, and checks of check-page
CLI_GROUPS =
CLIENTS =
PAGE_CHECKS =
VALGRIND_GROUPS = run storage
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full

TESTS = tests/unit/test_dialogue tests/unit/test_smtp tests/unit/test_path tests/unit/test_console tests/unit/test_store \
    tests/unit/test_html tests/unit/test_sasl tests/unit/test_mime tests/unit/test_render tests/unit/test_rules tests/unit/test_match \
    tests/unit/test_lint tests/unit/test_objection tests/unit/test_signals tests/unit/test_charset tests/unit/test_regex tests/unit/test_scan tests/unit/test_connection tests/unit/test_send
TESTS_openssl = tests/unit/test_tls
GROWTH = tests/unit/test_growth
REPLAYS = tests/fuzz/replay_smtp tests/fuzz/replay_mime tests/fuzz/replay_render tests/fuzz/replay_rules tests/fuzz/replay_regex tests/fuzz/replay_html tests/fuzz/replay_send tests/fuzz/replay_proxy tests/fuzz/replay_scan \
    tests/fuzz/replay_session

# the whole program but main(); malloc() and its like are tests/unit/memory.c's, so that they can fail
$(TESTS): $(TESTS:=.c) tests/unit/reading.h tests/unit/forms.h tests/unit/memory.c tests/unit/memory.h $(HEADERS) $(PARTS)
	$(COMPILE) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc -o $@ $@.c tests/unit/memory.c $(PARTS) $(LIBS) -lcmocka

$(GROWTH): $(GROWTH).c $(HEADERS) $(PARTS)
	$(COMPILE) -c -o $@.o $(GROWTH).c
	$(COMPILE) -fsanitize-coverage=trace-pc $(LDFLAGS) -Wl,--wrap=memchr,--wrap=memcmp,--wrap=memmove -o $@ $@.o base/*.c mail/*.c -lcmocka

# the client in it is OpenSSL's, linked
tests/unit/test_tls: tests/unit/test_tls.c $(HEADERS) $(PARTS)
	$(COMPILE) $(LDFLAGS) -o $@ $@.c $(PARTS) -lcmocka $$(pkg-config --cflags --libs openssl) $(LIBS)

# the fuzzer's targets, given the inputs in tests/corpus
$(REPLAYS): tests/fuzz/*.c tests/fuzz/replay.h tests/unit/forms.h $(HEADERS) $(PARTS)
	$(COMPILE) -DREPLAY $(LDFLAGS) -o $@ $$(echo $@ | sed s/replay_/fuzz_/).c $(PARTS) $(LIBS)

tests/render_json: tests/render_json.c tests/unit/reading.h $(HEADERS) $(PARTS)
	$(COMPILE) $(LDFLAGS) -o $@ $@.c $(PARTS) $(LIBS)

check: # by another make, as deps may have brought what TLS needs
	$(MAKE) check-unit check-cli

check-unit: $(TESTS) $(TESTS_$(TLS)) $(GROWTH) $(REPLAYS)
	sh tests/conformance
	sh tests/run-unit $(TESTS) $(TESTS_$(TLS)) $(GROWTH) $(REPLAYS)
check-cli: fakesmtp
	FAKESMTP_TLS=$(TLS) sh tests/cli/run ./fakesmtp $(CLI_GROUPS)
check-both: fakesmtp
	FAKESMTP_TLS=$(TLS) sh tests/both ./fakesmtp $(CLI_GROUPS)
check-reactions: fakesmtp
	FAKESMTP_TLS=$(TLS) python3 tests/reactions/run.py ./fakesmtp $(CLIENTS)
check-page: fakesmtp
	sh tests/deps chromium tidy && python3 tests/page/check.py ./fakesmtp build/page $(PAGE_CHECKS)
picture: fakesmtp
	sh tests/deps chromium && python3 tests/page/check.py ./fakesmtp build/page picture

check-static:
	$(MAKE) TLS=none static && FAKESMTP_TLS=none sh tests/cli/run ./fakesmtp-static $(CLI_GROUPS)
check-posix: # the same with what POSIX and plain C alone have
	CPPFLAGS='$(CPPFLAGS) -DSCAN_PLAIN' sh tests/variant posix $(MAKE) OS=posix CC='$(CC)' check
check-asan:
	FAKESMTP_INSTRUMENTED=1 sh tests/variant asan $(MAKE) CC=$(CLANG) LDFLAGS='-fsanitize=address,undefined' \
	    CFLAGS='-O1 -g -U_FORTIFY_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all' check
check-valgrind: fakesmtp $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	sh tests/run-unit valgrind $(TESTS) $(TESTS_$(TLS)) $(REPLAYS)
	FAKESMTP_INSTRUMENTED=1 FAKESMTP_WRAPPER='$(VALGRIND)' sh tests/cli/run ./fakesmtp $(VALGRIND_GROUPS)
check-oracle: tests/render_json
	sh tests/oracle tests/render_json
check-json: tests/render_json
	python3 tests/mutate.py tests/render_json $(JSON_MESSAGES)

lint:
	sh tests/lint $(CC) $(CLANG)
format:
	clang-format -i $$(git ls-files "*.c" "*.h")
deps:
	sh tests/deps

clean-tests:
	rm -f $(TESTS) $(TESTS_openssl) $(GROWTH) $(GROWTH).o $(REPLAYS) tests/render_json
