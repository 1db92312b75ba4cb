# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# How clients react to a server that is wrong: the lines of tests/reactions/table for those that start fast enough.
# make check-reactions has the others as well.

reactions() {
    python3 "$HERE/../reactions/run.py" "$FAKESMTP" "$1"
}

t_curl() { reactions curl; }

# Only Debian has these two as packages.
t_phpmailer() { ! command -v apt-get >/dev/null || reactions phpmailer; }
t_symfony() { ! command -v apt-get >/dev/null || reactions symfony; }
