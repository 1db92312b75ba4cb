# shellcheck shell=sh disable=SC2154 # the names come from lib
# README and the manual agree with the program.

docs() { python3 "$HERE/../docs.py" "$FAKESMTP" "$HERE/../.." "$1"; }

t_readme_examples() { docs readme; }
t_manual_examples() { docs manual; }
t_options_are_documented() { docs options; }
t_statuses_are_documented() { docs statuses; }

t_demo() {
    sh "$HERE/../demo" "$FAKESMTP" >out 2>err
    grep -q 'reset/4711' out
    [ "$(tail -n 1 out)" = 0 ]
}

t_problems_are_documented() { docs problems; }
