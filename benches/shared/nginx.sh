# The server that load generators are compared at, for the scripts that source this: one nginx with one worker, TLS 1.3, X25519,
# neither tickets nor a session cache, that requires a client certificate and writes a line for every request that it serves.
# Needs nginx (1.21.5 or newer) and a build of ours. Sets folder, port and url; `pki` in the folder is what `pki init` makes: root.pem,
# peer.pem and peer.key for clients. Whoever sends its leaf alone is let in too, for nginx knows the intermediate.
# Everything is in a temporary folder, and ends with the script.

gauntlet="${GAUNTLET:-target/release/mtls-gauntlet}"
folder="$(mktemp -d)"
port="${PORT:-18443}"
url="https://127.0.0.1:$port/"
nginx_pid=""

end_nginx() {
    if [ -n "$nginx_pid" ]; then
        kill "$nginx_pid" 2>/dev/null || true
        wait "$nginx_pid" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap end_nginx EXIT

need() {
    command -v "$1" >/dev/null || { echo "$1 is not there: $2" >&2; exit 2; }
}

make_pki() {
    "$gauntlet" pki init --dir "$folder/pki" >/dev/null
    # The intermediate is the second certificate of the server's file.
    awk '/-----BEGIN/ { n++ } n == 2' "$folder/pki/target.pem" | cat "$folder/pki/root.pem" - >"$folder/pki/trusted.pem"
}

start_nginx() {
    need nginx "apt-get install nginx-light"
    need "$gauntlet" "cargo build --release, or name one with GAUNTLET=..."
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "somebody listens at port $port; name another with PORT=..." >&2
        exit 2
    fi
    make_pki
    cat >"$folder/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $folder/pid;
error_log $folder/error.log crit;
events { worker_connections 4096; }
http {
    log_format outcome '\$status \$ssl_protocol \$ssl_curve \$ssl_session_reused';
    access_log $folder/access.log outcome;
    keepalive_timeout 0;
    server {
        listen 127.0.0.1:$port ssl backlog=4096;
        ssl_certificate $folder/pki/target.pem;
        ssl_certificate_key $folder/pki/target.key;
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_session_tickets off;
        ssl_session_cache off;
        ssl_client_certificate $folder/pki/trusted.pem;
        ssl_verify_depth 9;
        ssl_verify_client on;
        location / { return 200 "ok\n"; }
    }
}
CONF
    nginx -p "$folder" -c "$folder/nginx.conf" &
    nginx_pid=$!
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        kill -0 "$nginx_pid" 2>/dev/null || { echo "nginx did not start" >&2; exit 5; }
    done
}

# How many lines of nginx's log begin with this, all in all.
logged() {
    grep -c "^$1" "$folder/access.log" || true
}
