# SPDX-License-Identifier: ISC
# Packages, and what else is around the program, for the Makefile above.
#:
#:  make dist       makes an archive of the sources that are committed
#:  make deb        makes a Debian package of what is committed, in build/deb
#:  make release    makes archives of static programs for x86_64 and aarch64, in build/release
#:  make check-packages
#:                  installs these in minimal Debian systems, and runs README's first recipes there
#:  make image      makes the root file system of a container, and the image
#:  make html       makes HTML of the manual, in build/html
#:  make check-foreign
#:                  runs the unit tests, and two groups of others, for FOREIGN='i386 arm64 armhf
#:                  s390x' under qemu
#:  make check-examples
#:                  runs examples/, as far as their tools are there

DEBIAN_SUITES = bookworm trixie
FOREIGN = i386 arm64 armhf s390x

dist:
	@test -e .git || { echo 'make dist packs what is committed, and this is not a git repository' >&2; exit 1; }
	git archive --prefix=fakesmtp-$(VERSION)/ -o fakesmtp-$(VERSION).tar.gz HEAD || { rm -f fakesmtp-$(VERSION).tar.gz; exit 1; }

deb:
	sh pkg/deb $(VERSION)
check-packages: deb release
	sh pkg/check-packages $(DEBIAN_SUITES)

release:
	sh pkg/release $(VERSION)

image:
	sh pkg/image $(MAKE)

html:
	mkdir -p build/html
	for page in man/*.[157]; do mandoc -T html -O toc,man=%N.%S.html $$page >build/html/$${page#man/}.html || exit; done

check-foreign:
	for architecture in $(FOREIGN); do sh tests/foreign $(MAKE) $$architecture run storage || exit; done

check-examples: fakesmtp
	python3 tests/examples.py ./fakesmtp
