"""pyOpenSSL, in both roles: the contract is in targets/README.md. Every verdict is the library's own.

pyOpenSSL compares no names. Its documentation sends clients to the package service-identity, which looks at the
certificate once the handshake is done; so does this one, and such a refusal has no alert.
"""

import ipaddress
import json
import os
import select
import socket
import sys
import threading
import time

import OpenSSL
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address

QUESTION = b"who goes there?\n"
ANSWER = b"a friend\n"
UNSUPPORTED = 89
DRAIN_SECONDS = 0.5

SETTINGS = {name[9:]: value for name, value in os.environ.items() if name.startswith("GAUNTLET_") and value}


def main():
    if sys.argv[1:] == ["--version"]:
        print("pyOpenSSL", OpenSSL.__version__, "with", SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode())
        return
    lacking = what_is_lacking()
    if lacking:
        print(lacking, file=sys.stderr)
        sys.exit(UNSUPPORTED)
    try:
        shim = Shim()
    except (SSL.Error, crypto.Error, OSError, ValueError) as error:
        say("refused-to-start", reason=words(error))
        sys.exit(1)
    if SETTINGS["ROLE"] == "server":
        listener = listen(SETTINGS["LISTEN"])
        start(shim.accept, listener)
    say("ready")
    for line in sys.stdin:
        shim.obey(line.split())
    # Connections may still be held by their peers.
    os._exit(0)


def what_is_lacking():
    if SETTINGS.get("REVOCATION", "none") != "none":
        if SETTINGS.get("UNKNOWN_STATUS") == "allow":
            return "OpenSSL accepts no certificate that its lists do not cover"
        if SETTINGS.get("EXPIRED_CRL") == "allow":
            return "OpenSSL uses no expired lists"
    if SETTINGS.get("STAPLING"):
        return "pyOpenSSL hands stapled responses to the application and does not look at them"
    return None


# --- Configuration ----------------------------------------------------------------------------------------------------


def configure():
    server = SETTINGS["ROLE"] == "server"
    context = SSL.Context(SSL.TLS_SERVER_METHOD if server else SSL.TLS_CLIENT_METHOD)
    versions = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
    context.set_min_proto_version(versions[SETTINGS["MIN_TLS"]])
    context.set_max_proto_version(versions[SETTINGS["MAX_TLS"]])
    context.use_certificate_chain_file(SETTINGS["CHAIN"])
    context.use_privatekey_file(SETTINGS["KEY"])
    context.check_privatekey()
    context.load_verify_locations(SETTINGS["TRUST"])
    context.set_verify(verification(server))
    check_revocation(context.get_cert_store())
    # Sessions are never resumed.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    protocols = [name.encode() for name in SETTINGS.get("ALPN", "").split(",") if name]
    if protocols and server:
        context.set_alpn_select_callback(lambda _, offered: select_protocol(protocols, offered))
    elif protocols:
        context.set_alpn_protos(protocols)
    context.set_info_callback(note_alert)
    return context


def verification(server):
    if not server or SETTINGS.get("CLIENT_AUTH") == "required":
        return SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    return SSL.VERIFY_PEER if SETTINGS.get("CLIENT_AUTH") == "optional" else SSL.VERIFY_NONE


def check_revocation(store):
    depth = SETTINGS.get("REVOCATION", "none")
    if depth == "none":
        return
    for block in crl_blocks():
        store.add_crl(x509.load_pem_x509_crl(block))
    flags = crypto.X509StoreFlags.CRL_CHECK
    if depth == "chain":
        flags |= crypto.X509StoreFlags.CRL_CHECK_ALL
    store.set_flags(flags)


def crl_blocks():
    if "CRL" not in SETTINGS:
        return []
    end = b"-----END X509 CRL-----"
    with open(SETTINGS["CRL"], "rb") as file:
        return [block + end for block in file.read().split(end)[:-1]]


def select_protocol(ours, offered):
    for protocol in ours:
        if protocol in offered:
            return protocol
    # Raising is the way to the alert that RFC 7301 section 3.2 asks for.
    raise LookupError("no common application protocol")


# A connection has a thread of its own.
alerts = threading.local()


def note_alert(_, where, value):
    if where == SSL.SSL_CB_WRITE_ALERT and value >> 8 == 2:
        alerts.fatal = value & 0xFF


# --- Connections ------------------------------------------------------------------------------------------------------


class Shim:
    def __init__(self):
        self.context = configure()

    def obey(self, command):
        match command:
            case ["reload"]:
                try:
                    self.context = configure()
                except (SSL.Error, crypto.Error, OSError, ValueError) as error:
                    say("reload-failed", reason=words(error))
                else:
                    say("reloaded")
            case ["connect", address] if SETTINGS["ROLE"] == "client":
                start(self.connect, address)
            case []:
                pass
            case _:
                print("there is no such command:", *command, file=sys.stderr)

    def accept(self, listener):
        while True:
            try:
                accepted, (host, port) = listener.accept()
            except OSError:
                time.sleep(0.01)
                continue
            start(self.converse, accepted, f"{host}:{port}")

    def connect(self, address):
        host, _, port = address.rpartition(":")
        try:
            connected = socket.create_connection((host, int(port)))
        except OSError as error:
            say("refused", connection=address, reason=f"cannot connect: {error}")
            say("closed", connection=address)
            return
        self.converse(connected, address)

    def converse(self, tcp, name):
        server = SETTINGS["ROLE"] == "server"
        alerts.fatal = None
        try:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tcp.setblocking(False)
            tls = SSL.Connection(self.context, tcp)
            if self.shake_hands(tls, tcp, name, server):
                serve(tls, tcp, name) if server else ask(tls, tcp, name)
            drain(tcp)
        except OSError as error:
            print(f"{name}: {error}", file=sys.stderr)
        finally:
            tcp.close()
            say("closed", connection=name)

    def shake_hands(self, tls, tcp, name, server):
        deadline = time.monotonic() + int(SETTINGS.get("HANDSHAKE_DEADLINE_MS", 10000)) / 1000
        if server:
            tls.set_accept_state()
        else:
            tls.set_connect_state()
            expect_name(tls)
        try:
            patiently(tcp, tls.do_handshake, deadline=deadline)
            if not server:
                compare_name(tls, tcp)
        # Whatever pyOpenSSL or a callback of it raises is a refusal.
        except Exception as error:
            refused = {"reason": words(error)}
            if alerts.fatal is not None:
                refused["alert"] = alerts.fatal
            say("refused", connection=name, **refused)
            return False
        say("accepted", connection=name, **identity(tls))
        return True


def reference():
    try:
        return ipaddress.ip_address(SETTINGS["SERVER_NAME"])
    except ValueError:
        return None


def expect_name(tls):
    if reference() is None:
        tls.set_tlsext_host_name(SETTINGS["SERVER_NAME"].encode())


def compare_name(tls, tcp):
    try:
        if reference() is None:
            verify_hostname(tls, SETTINGS["SERVER_NAME"])
        else:
            verify_ip_address(tls, SETTINGS["SERVER_NAME"])
    except (CertificateError, VerificationError):
        part(tls, tcp)
        raise


def serve(tls, tcp, name):
    if hear(tls, tcp, name, QUESTION) and tell(tls, tcp, ANSWER):
        part(tls, tcp)


def ask(tls, tcp, name):
    if tell(tls, tcp, QUESTION) and hear(tls, tcp, name, ANSWER):
        part(tls, tcp)


def hear(tls, tcp, name, line):
    heard = b""
    while len(heard) < len(line):
        try:
            octets = patiently(tcp, tls.recv, len(line) - len(heard))
        except (SSL.Error, OSError):
            return False
        if not heard:
            # The first octets are already application data of the peer; the rest may be late.
            say("data", connection=name)
        heard += octets
    return heard == line


def tell(tls, tcp, line):
    try:
        patiently(tcp, tls.send, line)
    except (SSL.Error, OSError):
        return False
    return True


def part(tls, tcp):
    try:
        patiently(tcp, tls.shutdown, deadline=time.monotonic() + DRAIN_SECONDS)
    except (SSL.Error, OSError):
        pass


def patiently(tcp, step, *arguments, deadline=None):
    """Repeats a step of the library until it needs to wait no more."""
    while True:
        try:
            return step(*arguments)
        except SSL.WantReadError:
            wanted = select.POLLIN
        except SSL.WantWriteError:
            wanted = select.POLLOUT
        if not ready(tcp, wanted, deadline):
            raise TimeoutError("the handshake took longer than its deadline")


def ready(tcp, wanted, deadline):
    poll = select.poll()
    poll.register(tcp, wanted)
    return bool(poll.poll(None if deadline is None else max(0, deadline - time.monotonic()) * 1000))


def drain(tcp):
    """Closing a socket that holds unread octets resets the connection, and the reset can overtake an alert."""
    deadline = time.monotonic() + DRAIN_SECONDS
    try:
        tcp.shutdown(socket.SHUT_WR)
        while ready(tcp, select.POLLIN, deadline) and tcp.recv(4096):
            pass
    except OSError:
        pass


def identity(tls):
    """Whom the application is told that the peer is. Left out where the certificate cannot be read once more."""
    try:
        certificate = tls.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return {"identity": None}
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = []
        ids = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
        ids = [uri for uri in ids if uri.startswith("spiffe://")]
        hosts = [name.value for name in names if isinstance(name, x509.DNSName)]
        return {"identity": (ids + hosts + [certificate.subject.rfc4514_string()])[0]}
    except (ValueError, TypeError):
        return {}


# --- Sockets, threads, events -----------------------------------------------------------------------------------------


def listen(address):
    host, _, port = address.rpartition(":")
    try:
        return socket.create_server((host, int(port)), backlog=4096)
    except OSError as error:
        sys.exit(f"cannot listen on {address}: {error}")


def start(run, *arguments):
    threading.Thread(target=run, args=arguments, daemon=True).start()


def words(error):
    if isinstance(error, (CertificateError, VerificationError)):
        return f"the certificate is not good for the name: {error!r}"[:250]
    # An SSL.Error holds the queue of OpenSSL: (library, function, reason) each.
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        return ", ".join(entry[-1] for entry in error.args[0])[:250]
    return f"{type(error).__name__}: {error}"[:250]


printing = threading.Lock()


def say(event, **fields):
    with printing:
        print(json.dumps({"event": event, **fields}), flush=True)


if __name__ == "__main__":
    main()
