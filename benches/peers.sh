#!/usr/bin/env bash
# What a successful request over a new mutual TLS 1.3 connection costs the client that makes it, in processor time: oha, `openssl s_time`
# and `mtls-gauntlet bench` against one nginx. The clients take turns, in another order each round; a round's cost is the user and system
# time of the client's processes, divided by the requests that nginx's own log has with status 200. Medians, and ratios to oha.
# All clients present a certificate and verify the server's chain (s_time does not compare names, and goes on where the chain is bad).
# The start of a client's processes is part of its cost (a tenth of a second for ours, most of it the library gathering entropy), so that rounds are
# not to be short; s_time, which makes one connection at a time, has sixteen of them.
# Usage: benches/peers.sh [ROUNDS] (5 unless said, and at least 5); about 31 s a round. A client that is not there is left out.
# Needs nginx (1.21.5 or newer), openssl, awk; oha (cargo install oha) on the PATH or as OHA=path; a release build. PORT=18443, SECONDS_EACH=10.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds="${1:-5}"
concurrency=16
seconds="${SECONDS_EACH:-10}"
oha="${OHA:-oha}"
[ "$rounds" -ge 5 ] || { echo "fewer than 5 rounds say nothing" >&2; exit 2; }
# shellcheck source=benches/shared/nginx.sh
. benches/shared/nginx.sh

oha_round() {
    "$oha" -z "${seconds}s" -c "$concurrency" --disable-keepalive --no-tui --cert "$folder/pki/peer.pem" \
        --key "$folder/pki/peer.key" --cacert "$folder/pki/root.pem" "$url"
}

# s_time makes one connection at a time: as many of it run side by side.
s_time_round() {
    local number pids=()
    for number in $(seq "$concurrency"); do
        openssl s_time -new -www / -connect "127.0.0.1:$port" -time "$seconds" -cert "$folder/pki/peer.pem" \
            -key "$folder/pki/peer.key" -CAfile "$folder/pki/root.pem" -verify 2 >"$folder/s_time.$number" 2>&1 &
        pids+=("$!")
    done
    # Not a bare `wait`: nginx is a child too.
    for number in "${pids[@]}"; do wait "$number"; done
}

gauntlet_round() {
    "$gauntlet" bench handshake --server "127.0.0.1:$port" --pki "$folder/pki" --arrival closed --set "in-flight=$concurrency" \
        --workers 1 --duration "${seconds}s" --warm-up 0s --repetitions 1 --out "$folder/record"
}

# One round of a client: microseconds of processor time for each request, on standard output.
measure() {
    local client=$1 before after status=0
    before="$(logged 200)"
    TIMEFORMAT='%3U %3S'
    { time "${client}_round" >"$folder/$client.out" 2>"$folder/$client.err"; } 2>"$folder/times" || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 3 "$folder/$client.err" >&2
        return "$status"
    fi
    after="$(logged 200)"
    if [ "$after" -eq "$before" ]; then
        echo "$client: nginx has served nothing" >&2
        return 1
    fi
    awk -v requests="$((after - before))" '{ printf "%.1f %d\n", ($1 + $2) * 1e6 / requests, requests }' "$folder/times"
}

median() { sort -n | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

start_nginx
clients=()
if command -v "$oha" >/dev/null; then clients+=(oha); else echo "left out: oha is not there (cargo install oha)"; fi
clients+=(s_time)
clients+=(gauntlet)

for round in $(seq "$rounds"); do
    for turn in $(seq 0 "$((${#clients[@]} - 1))"); do
        client="${clients[$(((round + turn) % ${#clients[@]}))]}"
        cost="$(measure "$client")"
        echo "round $round: $client ${cost% *} us, ${cost#* } requests"
        echo "$cost" >>"$folder/$client"
    done
done

others="$(grep -vc '^200 TLSv1.3 X25519 \.$' "$folder/access.log" || true)"
[ "$others" -eq 0 ] || echo "careful: $others requests were not a full TLS 1.3 handshake over X25519 answered with 200"
first="$(median <"$folder/${clients[0]}")"
for client in "${clients[@]}"; do
    awk -v client="$client" -v cost="$(median <"$folder/$client")" -v first="$first" -v name="${clients[0]}" \
        'BEGIN { printf "%-10s %8.1f us of processor time a request, %.2f of %s\n", client, cost, cost / first, name }'
done
