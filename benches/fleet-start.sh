#!/usr/bin/env bash
# How long 1000 mTLS services take to start: those of a fleet, each with a certificate of its own that is issued in the same time, beside
# nginx with as many server blocks that share one certificate. Interleaved pairs, medians, and the ratio of the two; then the memory of
# an idle service. Usage: benches/fleet-start.sh [PAIRS] (5 unless said); needs nginx, openssl and a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
pairs="${1:-5}"
services=1000
gauntlet=target/release/mtls-gauntlet
folder="$(mktemp -d)"
nginx_pid=""
cleanup() {
    if [ -n "$nginx_pid" ]; then kill "$nginx_pid" 2>/dev/null || true; fi
    rm -rf "$folder"
}
trap cleanup EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench \
    -keyout "$folder/key.pem" -out "$folder/cert.pem" 2>/dev/null
{
    echo "daemon off; master_process off; pid $folder/pid; error_log stderr crit;"
    echo "events { worker_connections 4096; }"
    echo "http { access_log off; ssl_certificate $folder/cert.pem; ssl_certificate_key $folder/key.pem;"
    echo "ssl_client_certificate $folder/cert.pem; ssl_verify_client on;"
    for number in $(seq 1 "$services"); do
        echo "server { listen 127.1.$((number / 250)).$((number % 250 + 1)):18443 ssl; }"
    done
    echo "}"
} >"$folder/nginx.conf"
last="127.1.$((services / 250)).$((services % 250 + 1))"

now() { date +%s%N; }
median() { sort -n | sed -n "$(((pairs + 1) / 2))p"; }

for _ in $(seq "$pairs"); do
    began="$(now)"
    nginx -p "$folder" -c "$folder/nginx.conf" &
    nginx_pid=$!
    until (exec 3<>"/dev/tcp/$last/18443") 2>/dev/null; do :; done
    echo "$((($(now) - began) / 1000))" >>"$folder/nginx"
    kill "$nginx_pid"
    wait "$nginx_pid" 2>/dev/null || true
    nginx_pid=""
    "$gauntlet" fleet --services "$services" --rate 1 --duration 1s >"$folder/out" || true
    # "started    1000 services in 84.1 ms; 3.9 KiB of memory each"
    sed -n 's/^started .* in \([0-9.]*\) ms; .*/\1/p' "$folder/out" | awk '{ printf "%d\n", $1 * 1000 }' >>"$folder/fleet"
    sed -n 's/^started .*; \([0-9.]*\) KiB.*/\1/p' "$folder/out" >>"$folder/memory"
done
nginx="$(median <"$folder/nginx")"
fleet="$(median <"$folder/fleet")"
echo "nginx, $services server blocks: $((nginx / 1000)) ms"
echo "fleet, $services services:      $((fleet / 1000)) ms"
awk -v a="$fleet" -v b="$nginx" 'BEGIN { printf "ratio: %.2f (goal: at most 0.30)\n", a / b }'
echo "memory of a service: $(median <"$folder/memory") KiB (goal: at most 5)"
