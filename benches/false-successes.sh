#!/usr/bin/env bash
# What load generators count as success that the server never served: clients without a certificate against an nginx that requires one.
# In TLS 1.3 the client's handshake is done before the server has judged, and a tool that counts handshakes counts refusals. On the left is
# what the tool says; on the right what nginx's own log says.
# Usage: benches/false-successes.sh [SECONDS] (2 unless said, for each tool).
# Needs nginx (1.21.5 or newer), openssl and a build of ours; Tempesta's tls-perf on the PATH or as TLS_PERF=path is asked too. PORT=18443.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-2}"
tls_perf="${TLS_PERF:-tls-perf}"
# shellcheck source=benches/shared/nginx.sh
. benches/shared/nginx.sh

# `123 connections in 2.01s; ...` comes first for processor time, then `123 connections in 3 real seconds, ...`.
s_time() {
    openssl s_time -new -connect "127.0.0.1:$port" -time "$seconds" -CAfile "$folder/pki/root.pem" -verify 2 "$@" 2>&1 |
        sed -n 's/^\([0-9][0-9]*\) connections in .* real seconds.*/\1/p' | head -n 1
}

# ` TOTAL: SECONDS 2; HANDSHAKES 1234`
tls_perf() {
    "$tls_perf" -l 16 -t 1 -T "$seconds" --tls 1.3 127.0.0.1 "$port" 2>&1 | sed -n 's/^ TOTAL:.*HANDSHAKES \([0-9]*\).*/\1/p'
}

# The same from ours: every caller is a stranger without a certificate. Confirmed, then let in, are columns 9 and 14. Each worker first makes one
# connection with a good certificate, or else nobody could tell a server that refuses strangers from one that refuses everybody: nginx serves those.
gauntlet() {
    "$gauntlet" bench handshake --server "127.0.0.1:$port" --pki "$folder/pki" --arrival closed --set in-flight=16 \
        --set strangers=anonymous --set stranger-share=100 --duration "${seconds}s" --warm-up 0s --repetitions 1 \
        --out "$folder/record" --format csv | awk -F, 'NR == 2 { print $9 + $14 }'
}

say() {
    local name=$1 counted before answered
    shift
    before="$(logged 200)"
    answered="$(logged '')"
    counted="$("$@")"
    echo "$name: counts ${counted:-nothing}; nginx has served $(($(logged 200) - before)) and answered $(($(logged '') - answered))"
}

start_nginx
say "openssl s_time -new" s_time
say "openssl s_time -new -www /" s_time -www /
say "mtls-gauntlet bench (and a control from each of its workers)" gauntlet
if command -v "$tls_perf" >/dev/null; then
    say "tls-perf" tls_perf
else
    echo "tls-perf: not there"
fi
