# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # the names come from lib
# The Makefile: flags of the environment, hardening, the same program anywhere, install and dist.

unset CC CFLAGS CPPFLAGS LDFLAGS PREFIX MANDIR DESTDIR TLS OS MAKEFLAGS MFLAGS MAKELEVEL

# copy DIR: what the program is built from
copy() {
    mkdir -p "$1"
    (cd "$HERE/../.." && tar cf - Makefile tests/*.mk man pkg ./*.[ch] ./*/*.[ch]) | tar xf - -C "$1"
}

# compiler NAME BODY: one that does BODY, the arguments given, before it is cc
compiler() {
    printf '#!/bin/sh\n%s\nexec cc "$@"\n' "$2" >"$1"
    chmod +x "$1"
}

# One that makes an empty file of everything.
stub() {
    # shellcheck disable=SC2016 # for that shell
    compiler stub 'while [ $# -gt 0 ]; do [ "$1" != -o ] || : >"$2"; shift; done; exit 0'
}

# says PATTERN ...: make has said lines that match
says() {
    for pattern; do grep -Eq -e "$pattern" said || { echo "no line: $pattern"; sed -n '/ -o /p' said | sed -n '1p; $p'; return 1; }; done
}

t_flags_of_the_environment() {
    copy .
    for make in make bmake; do
        CC='gcc -DCC' CFLAGS='-DC="a b"' CPPFLAGS=-DCPP LDFLAGS=-Lld $make -n >said
        says '^gcc -DCC .* -DCPP -DC="a b" -c -o base/text\.o base/text\.c$' '^gcc -DCC .* -DC="a b" -Lld -o fakesmtp '
        CFLAGS='' $make -n >said
        says '^cc .* -c -o base/text\.o '
        fails grep -e ' -O2' said
        CFLAGS=-De CPPFLAGS=-De LDFLAGS=-Le $make -n CFLAGS=-Dc CPPFLAGS=-Dc LDFLAGS=-Lc >said
        says ' -Dc -Dc -c -o base/text\.o ' ' -Dc -Lc -o fakesmtp '
        fails grep -e ' -[DL]e' said
        $make -n >said
        says '^cc .* -O2 -g -c -o base/text\.o ' '^cc .* -O2 -g +-o fakesmtp '
        PREFIX=/p $make -n install >said
        says ' "/p/bin/fakesmtp"$' ' man/\*\.\$s "/p/share/man/man\$s" '
    done
}

# What the headers of other systems hide or call by other names, and what is in other libraries there.
t_other_systems() {
    copy .
    mkdir bin
    while read -r system hidden elsewhere; do
        printf '#!/bin/sh\necho %s\n' "$system" >bin/uname
        chmod +x bin/uname
        PATH=$PWD/bin:$PATH make -n TLS=none >said
        says "^cc .* $hidden .* -c -o net/poll_posix\.o " "^cc .* -o fakesmtp .*$elsewhere *\$"
    done <<'END'
Darwin -Dst_mtim=st_mtimespec -liconv
FreeBSD -D__BSD_VISIBLE=1
OpenBSD -D_BSD_SOURCE -L/usr/local/lib -liconv
END
}

# Two builds in two places, by two makes, with all else different: the same octets, hardened, and no compiler warning.
t_same_program_anywhere() {
    copy one
    copy 'another place/two'
    (cd one && make -s -j2 fakesmtp) >out 2>&1
    (cd 'another place/two' && umask 077 && export LC_ALL=C.UTF-8 TZ=Asia/Tokyo && bmake -s -j2 fakesmtp) >>out 2>&1
    [ ! -s out ]
    cmp one/fakesmtp 'another place/two/fakesmtp'
    readelf -hdlW one/fakesmtp >elf
    for found in 'Type: +DYN' GNU_RELRO BIND_NOW; do grep -Eq "$found" elf || { echo "not hardened: $found"; return 1; }; done
    nm -D one/fakesmtp >names
    for name in __stack_chk_fail __snprintf_chk; do grep -q " $name" names || { echo "not hardened: $name"; return 1; }; done
}

# Each flag is used only where the compiler takes it without a warning, and has no better one.
t_hardening_gives_way() {
    copy .
    # shellcheck disable=SC2016 # for that shell
    compiler old 'case " $* " in *" -fPIE "* | *,relro*) echo "old: unknown flag" >&2; exit 1 ;; esac'
    # shellcheck disable=SC2016
    compiler loud 'case " $* " in *" -fno-plt "*) echo "loud: -fno-plt does nothing here" >&2 ;; esac'
    compiler fortified 'set -- -D_FORTIFY_SOURCE=3 -fstack-protector-strong "$@"'
    while IFS='|' read -r cc flags missing; do
        rm -f base/number.o
        CC=$cc CFLAGS=$flags make base/number.o >said 2>err
        want=$(echo ' -fPIE -fno-plt -fstack-protector -D_FORTIFY_SOURCE=2 ' | sed "s/ \($missing\) / /g; s/ \($missing\) / /g")
        says " -Wshadow$want-fdebug" || { echo "with $cc $flags"; return 1; }
        [ ! -s err ] || { echo "with $cc $flags"; return 1; }
    done <<'END'
cc|-O2|
cc|-O0|
cc|-O1 -fsanitize=address|
cc|-O2 -DX="a b"|
cc|-O2 -D_FORTIFY_SOURCE=3|-D_FORTIFY_SOURCE=2
cc|-O2 -fstack-protector-all|-fstack-protector
clang|-O2|
clang|-O0 -fsanitize=address,undefined|
clang|-O2 -D_FORTIFY_SOURCE=1|-D_FORTIFY_SOURCE=2
musl-gcc|-O2|
./old|-O2|-fPIE
./loud|-O2|-fno-plt
./fortified|-O2|-fstack-protector\|-D_FORTIFY_SOURCE=2
END
    CC=./old make -n fakesmtp >said
    says ' -pie -Wl,-z,now .* -o fakesmtp '
    fails grep -q relro said
}

# make deps check, on a machine where the first brings OpenSSL
t_check_has_what_deps_brought() {
    copy .
    (cd "$HERE/.." && tar cf - ./*/*.[ch]) | tar xf - -C tests
    stub
    mkdir -p bin tests/cli
    printf '#!/bin/sh\nexit 1\n' >bin/pkg-config
    chmod +x bin/pkg-config
    # shellcheck disable=SC2016 # for that shell
    echo 'echo : >bin/pkg-config' >tests/deps
    # shellcheck disable=SC2016
    echo 'echo "$FAKESMTP_TLS" >tls' >tests/cli/run
    touch tests/conformance tests/run-unit
    PATH=$PWD/bin:$PATH make -s CC=./stub deps check
    [ "$(cat tls)" = openssl ]
}

t_install_sets_modes() {
    copy .
    stub
    umask 077
    mkdir -p 'a place/usr/local/bin'
    chmod 2770 'a place/usr/local/bin' # the mode of a directory that exists stays
    echo old >'a place/usr/local/bin/fakesmtp'
    make -s install CC=./stub TLS=none DESTDIR="$PWD/a place"
    cd 'a place/usr/local'
    find . ! -name . -printf '%m %P\n' | LC_ALL=C sort -k 2 >../modes
    cat >want <<'END'
2770 bin
755 bin/fakesmtp
755 share
755 share/bash-completion
755 share/bash-completion/completions
644 share/bash-completion/completions/fakesmtp
755 share/fish
755 share/fish/vendor_completions.d
644 share/fish/vendor_completions.d/fakesmtp.fish
755 share/man
755 share/man/man1
644 share/man/man1/fakesmtp-sendmail.1
644 share/man/man1/fakesmtp.1
755 share/man/man5
644 share/man/man5/fakesmtp-formats.5
644 share/man/man5/fakesmtp-json.5
644 share/man/man5/fakesmtp-match.5
644 share/man/man5/fakesmtp-rules.5
755 share/man/man7
644 share/man/man7/fakesmtp-problems.7
644 share/man/man7/fakesmtp-protocol.7
755 share/zsh
755 share/zsh/site-functions
644 share/zsh/site-functions/_fakesmtp
END
    same ../modes want
    make -s -C ../../.. uninstall DESTDIR="$PWD/../.."
    [ -z "$(find bin share -type f)" ]
}

# completes SHELL: what make install has for the shell completes each word that the program tells, and the lines in complete.py
completes() {
    copy .
    stub
    make -s install CC=./stub TLS=none PREFIX="$PWD/to"
    ln -sf "$FAKESMTP" to/bin/fakesmtp
    mkdir -p work/zzdir
    touch work/zzfile
    printf '#!/bin/sh\n' >to/bin/zzcommand
    chmod +x to/bin/zzcommand
    PATH=$PWD/to/bin:$PATH
    share=$PWD/to/share
    (cd work && python3 "$HERE/complete.py" "$1" "$share")
}

t_completes_in_bash() { completes bash; }
t_completes_in_bash_with_its_package() { completes bash-completion; }
t_completes_in_zsh() { completes zsh; }
t_completes_in_fish() { completes fish; }

# What the program tells, it also takes.
t_words_are_right() {
    "$FAKESMTP" --help words >words
    while IFS="$(printf '\t')" read -r name letter argument text list; do
        # shellcheck disable=SC2086 # words
        set -- ${list#-}
        [ $# -gt 0 ] || continue
        echo "$name" >>names
        for word; do
            case $name in
            --help) set -- --help "$word" ;;
            --tls) set -- --version "--tls=$word$(echo "$word" | sed -n 's/.*:/x/p')" ;;
            --on) set -- --version --on "$word: drop" ;;
            --match | --not) set -- --version "$name" "$word: x" ;;
            *) set -- --version "$name" "$word" ;;
            esac
            "$FAKESMTP" "$@" >said || { echo "$*"; return 1; }
        done
    done <words
    [ "$(wc -l <names)" -ge 12 ]
}

# The version stands in the Makefile, and the commit comes from git, or from the file of make dist.
t_version_and_commit() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A EMAIL=a@x.test
    version=$(sed -n 's/^VERSION = //p' "$HERE/../../Makefile")
    [ "$(sed -n 's/^## //p' "$HERE/../../NEWS.md" | head -n 1)" = "$version" ]
    "$FAKESMTP" --version | grep -q "^fakesmtp $version ("
    for recipe in APKBUILD fakesmtp.rb default.nix freebsd/Makefile; do
        grep -qF "$version" "$HERE/../../pkg/recipes/$recipe"
    done
    copy one
    cp "$HERE/../../.gitattributes" one
    cd one
    commit() { $make -n -W fakesmtp.c fakesmtp.o | sed -n 's/.* -DVERSION=.*"\(.*\)".* -DCOMMIT=.*"\(.*\)".*/\1 \2/p'; }
    for make in make bmake; do
        rm -rf .git fakesmtp-* fakesmtp.o
        [ "$(commit)" = "$version unknown" ]
        git init -q .
        git add .
        git commit -q -m x
        hash=$(git rev-parse --short HEAD)
        [ "$(commit)" = "$version $hash" ]
        make -s dist
        tar xzf fakesmtp-*.tar.gz
        (cd "fakesmtp-$version" && [ "$(commit)" = "$version $hash" ])
        echo '#' >>smtp.h
        [ "$(commit)" = "$version $hash-dirty" ]
        git checkout -q smtp.h
    done
    # a new commit is in the next program
    stub
    for make in make bmake; do
        $make CC=./stub TLS=none fakesmtp.o >said
        $make CC=./stub TLS=none fakesmtp.o >said
        fails grep -e -DCOMMIT said
        git commit -q --allow-empty -m y
        $make CC=./stub TLS=none fakesmtp.o >said
        says "-DCOMMIT=.*$(git rev-parse --short HEAD)"
    done
}

t_dist_needs_git() {
    export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=A EMAIL=a@x.test
    git init -q .
    copy inner # in the repository of somebody else
    cd inner
    fails make -s dist 2>err
    grep -q 'this is not a git repository' err
    git init -q . # nothing committed
    fails make -s dist 2>err
    [ -z "$(find . -name '*.tar.gz')" ]
    git add Makefile smtp.h
    git commit -q -m x
    make -s dist
    tar tzf fakesmtp-*.tar.gz | sed 's|fakesmtp-[0-9.]*/||' | sort >files
    printf '\nMakefile\nsmtp.h\n' >want
    same files want
}

t_deps_says_what_it_fetches() {
    mkdir bin
    # of the old apt, and of the new
    printf '%s\n' '0 upgraded, 3 newly installed, 0 to remove.' 'Need to get 12 MB of archives.' >plan.12
    printf '%s\n' 'Summary:' '  Upgrading: 0, Installing: 3, Removing: 0' '  Download size: 12 MB' '  Space needed: 40 MB / 79 GB available' >plan.13
    cat >bin/apt-get <<'END'
#!/bin/sh
echo "$*" >>calls
case "$*" in
*update*) [ ! -e broken ] || { echo 'E: no network'; exit 100; } ;;
*--assume-no*) cat plan; exit 1 ;;
esac
END
    cat >bin/dpkg-query <<'END'
#!/bin/sh
for package; do :; done
case $package in curl | jq | libpython*) [ -e whole ] ;; esac && printf installed
END
    printf '#!/bin/sh\necho "  Depends: python3.99"\n' >bin/apt-cache
    printf '#!/bin/sh\ncat >selections\n' >bin/debconf-set-selections
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
    chmod +x bin/*
    deps() { PATH=$PWD/bin:$PATH sh "$HERE/../deps"; }
    for release in 12 13; do
        cp plan.$release plan
        deps >said
        [ "$(head -n 1 said)" = 'To be installed: curl jq libpython3.99-testsuite, and their dependencies' ]
        grep -q ' 12 MB' said
        fails grep -v Install-Recommends=false calls
        sed 's/.*=false //' calls >got
        printf '%s\n' update 'install --assume-no curl jq libpython3.99-testsuite' 'install -y curl jq libpython3.99-testsuite' >want
        same got want
        rm calls
    done
    touch broken
    fails deps >said
    grep -q 'no network' said
    rm calls broken
    touch whole # nothing is missing: no package manager runs, and nothing is printed
    deps >said
    [ ! -s said ]
    [ ! -e calls ]
}
