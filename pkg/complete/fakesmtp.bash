# SPDX-License-Identifier: ISC
# Completion of fakesmtp for bash.  The program itself tells its options, and the words that they take.

# Finds an option, -x or --name, in $table: $name and $letter, $argument and $words.
_fakesmtp_find() {
    local text
    while IFS=$'\t' read -r name letter argument text words; do
        [ "$1" != "$name" ] && [ "$1" != "$letter" ] || return 0
    done <<<"$table"
    return 1
}

# Whether a word after the option is its argument.
_fakesmtp_takes() {
    _fakesmtp_find "$1" && { [ "$name" = --help ] || [[ $argument != - && $argument != '[='* ]]; }
}

# Each line of the input is a candidate.
_fakesmtp_reply() {
    local line
    while IFS= read -r line; do COMPREPLY+=("$line"); done
}

_fakesmtp() {
    local cur=${COMP_WORDS[COMP_CWORD]} i word letters option='' taker='' command=0
    local table name letter argument words
    table=$("${COMP_WORDS[0]}" --help words 2>/dev/null) || return 0
    COMPREPLY=()

    # of the words before this one: the option that it belongs to, or where the command begins
    for ((i = 1; i < COMP_CWORD && command == 0; i++)); do
        word=${COMP_WORDS[i]}
        if [ "$word" = = ]; then
            taker=$option
        elif [ -n "$taker" ]; then
            taker=
        elif [ "$word" = -- ]; then
            command=$((i + 1))
        elif [[ $word == --* ]]; then
            option=$word
            ! _fakesmtp_takes "$option" || taker=$option
        elif [[ $word == -?* ]]; then
            for ((letters = 1; letters < ${#word}; letters++)); do
                if _fakesmtp_takes "-${word:letters:1}"; then
                    ((letters + 1 < ${#word})) || taker=-${word:letters:1}
                    break
                fi
            done
        else
            command=$i
        fi
    done

    if [ "$cur" = = ]; then
        taker=$option cur=
    fi
    if [ -n "$taker" ]; then
        _fakesmtp_find "$taker" || return 0
        cur=${cur#[\'\"]}
        case $argument in
        FILE | PATH) compopt -o filenames 2>/dev/null; _fakesmtp_reply < <(compgen -f -- "$cur") ;;
        DIR) compopt -o filenames 2>/dev/null; _fakesmtp_reply < <(compgen -d -- "$cur") ;;
        *,... | WHAT)
            compopt -o nospace 2>/dev/null
            _fakesmtp_reply < <(compgen -P "${cur%"${cur##*,}"}" -W "${words#-}" -- "${cur##*,}")
            ;;
        *)
            [[ $argument != \'* ]] || compopt -o nospace 2>/dev/null
            _fakesmtp_reply < <(compgen -W "${words#-}" -- "$cur")
            ;;
        esac
    elif [[ $command -eq 0 && $cur == -* ]]; then
        _fakesmtp_reply < <(while IFS=$'\t' read -r name word; do compgen -W "$name" -- "$cur"; done <<<"$table")
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$((command > 0 ? command : COMP_CWORD))"
    elif ((command == 0 || command == COMP_CWORD)); then
        _fakesmtp_reply < <(compgen -c -- "$cur")
    else
        compopt -o filenames 2>/dev/null
        _fakesmtp_reply < <(compgen -f -- "$cur")
    fi
}

complete -F _fakesmtp fakesmtp
