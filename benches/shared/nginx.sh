# The server that load generators are compared at, for the scripts that source this: one nginx with one worker, TLS 1.3, X25519,
# neither tickets nor a session cache, that requires a client certificate and writes a line for every request that it serves.
# Needs nginx (1.21.5 or newer) and openssl. Sets folder, port and url; `pki` in the folder has root.pem, client.pem and client.key.
# Everything is in a temporary folder, and ends with the script.

folder="$(mktemp -d)"
port="${PORT:-18443}"
url="https://localhost:$port/"
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
    local pki="$folder/pki" name
    mkdir "$pki"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=root \
        -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$pki/root.key" -out "$pki/root.pem" 2>/dev/null
    for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
            -keyout "$pki/$name.key" -out "$pki/$name.csr" 2>/dev/null
        openssl x509 -req -in "$pki/$name.csr" -CA "$pki/root.pem" -CAkey "$pki/root.key" -CAcreateserial -days 2 \
            -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%sAuth\n' "$name") \
            -out "$pki/$name.pem" 2>/dev/null
    done
    chmod -R a+rX "$folder"
}

start_nginx() {
    need nginx "apt-get install nginx-light"
    need openssl "apt-get install openssl"
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
        ssl_certificate $folder/pki/server.pem;
        ssl_certificate_key $folder/pki/server.key;
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_session_tickets off;
        ssl_session_cache off;
        ssl_client_certificate $folder/pki/root.pem;
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
