# Packages, and what else is around the program, for the Makefile above.
#:
#:  make check-examples
#:                  runs examples/, as far as their tools are there

check-examples: fakesmtp
	python3 tests/examples.py ./fakesmtp
