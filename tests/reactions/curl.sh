#!/bin/sh
# SPDX-License-Identifier: ISC
# curl, see run.py.  Its own words are options, as in --ssl-reqd.
mails=1 to=b subject=Hello octets=0
for word in "$@"; do
    shift
    case $word in
    --version)
        curl --version | sed -n '1s/curl \([^ ]*\).*/\1/p'
        exit
        ;;
    mails=*) mails=${word#*=} ;;
    to=*) to=${word#*=} ;;
    subject=*) subject=${word#*=} ;;
    octets=*) octets=${word#*=} ;;
    login) set -- "$@" --user ann:sesame ;;
    certificate) set -- "$@" --cert "$CLIENT_CERTIFICATE" ;;
    *) set -- "$@" "$word" ;;
    esac
done
printf 'Subject: %s\r\n\r\n%*s\r\n' "$subject" "$octets" '' >mail
for name in $(echo "$to" | tr , ' '); do set -- "$@" --mail-rcpt "$name@x.test"; done
while [ "$mails" -gt 0 ]; do
    set -- "$@" --url "${SMTP_URL%%:*}://localhost:$SMTP_PORT/client.test" -T mail
    mails=$((mails - 1))
done
[ -z "${SMTP_CA_FILE-}" ] || set -- "$@" --cacert "$SMTP_CA_FILE"
curl -q -s --mail-from a@x.test -w '(%{exitcode}) %{errormsg}\n' "$@" | sed 's/^(0) .*/sent/'
