# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# README and the manual agree with the program.

docs() { python3 "$HERE/../docs.py" "$FAKESMTP" "$HERE/../.." "$1"; }

t_readme_examples() { docs readme; }
t_manual_examples() { docs manual; }
t_options_are_documented() { docs options; }
t_statuses_are_documented() { docs statuses; }

# README's first command, where there is nothing but what every system has
t_demo() {
    mkdir tools
    for tool in sh cat grep mktemp mkfifo rm dirname basename ln; do ln -s "$(command -v $tool)" tools; done
    PATH=$PWD/tools sh "$HERE/../demo" "$FAKESMTP" >out 2>err
    [ "$(tail -n 1 out)" = https://x.test/reset/4711 ]
    err_has '1 S: 250 2\.0\.0 Message accepted'
}

# example NAME: it runs, and finds what is wrong; make check-examples runs all
example() { python3 "$HERE/../examples.py" "$FAKESMTP" "$1"; }

t_example_unittest() { example unittest; }
t_example_pytest() { example pytest; }
t_example_bats() { example bats; }
t_example_make() { example make; }
t_example_workflows() { example workflows; }
t_example_environment() { example environment; }

t_problems_are_documented() { docs problems; }
