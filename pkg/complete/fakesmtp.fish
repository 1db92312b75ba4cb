# SPDX-License-Identifier: ISC
# Completion of fakesmtp for fish.  The program itself tells its options, and the words that they take.

# Whether the command has not begun.  The arguments are the options that take one.
function __fakesmtp_before_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        if contains -- $words[1] $argv
            set -e words[1]
        else if not string match -q -- '-?*' $words[1]; or test $words[1] = --
            return 1
        end
        set -e words[1]
    end
end

set -l takers
set -l table (fakesmtp --help words 2>/dev/null)
for line in $table
    set -l fields (string split \t -- $line)
    if not string match -qr '^(-|\[=.*)$' -- $fields[3]; or test $fields[1] = --help
        set -a takers $fields[2] $fields[1] # __fish_complete_subcommand would take --name for its own if it came first
    end
end
set takers (string match -v -- - $takers)

for line in $table
    set -l fields (string split \t -- $line)
    set -l words (string split -n ' ' -- (string sub -s 2 -- $fields[5]))
    set -l spec -l (string sub -s 3 -- $fields[1]) -d $fields[4]
    test $fields[2] = -; or set -a spec -s (string sub -s 2 -- $fields[2])
    switch $fields[3]
        case FILE PATH
            set -a spec -r -F
        case DIR
            set -a spec -x -a '(__fish_complete_directories)'
        case '*,...' WHAT
            set -a spec -x -a "(__fish_append , $words)"
        case '[=*'
            set -a spec -f -a "$words"
        case -
            test (count $words) -eq 0; or set -a spec -x -a "$words"
        case '*'
            set -a spec -x -a "$words"
    end
    complete -c fakesmtp -n "__fakesmtp_before_command $takers" $spec
end
complete -c fakesmtp -x -a "(__fish_complete_subcommand $takers)"
