"""A shim around Python's ssl module, in both roles. targets/README.md says what it is told and what it tells.

The ssl module does all the verifying: the shim configures it as its documentation says, and reports what came of it.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time

QUESTION = b"who goes there?\n"
ANSWER = b"a friend\n"

ROLE = os.environ["GAUNTLET_ROLE"]
REVOCATION = os.environ.get("GAUNTLET_REVOCATION", "none")
DEADLINE = int(os.environ.get("GAUNTLET_HANDSHAKE_DEADLINE_MS", "10000")) / 1000
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def main():
    refuse_the_unsupported()
    try:
        shared = Shared(configure())
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        say(event="refused-to-start", reason=str(error))
        sys.exit(1)
    if ROLE == "server":
        host, _, port = os.environ["GAUNTLET_LISTEN"].rpartition(":")
        listener = socket.create_server((host, int(port)), backlog=4096)
        in_background(accept, listener, shared)
    say(event="ready")
    obey(shared)


class Shared:
    """What new connections get; reload replaces it."""

    def __init__(self, context):
        self.context = context


def obey(shared):
    """Follows the commands on standard input to its end, which is the shim's end too."""
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "connect":
            in_background(connect, argument, shared)
        elif command == "reload":
            reload(shared)


def reload(shared):
    try:
        shared.context = configure()
    except (OSError, ValueError) as error:
        say(event="reload-failed", reason=str(error))
    else:
        say(event="reloaded")


# Configuration


def refuse_the_unsupported():
    if REVOCATION != "none" and os.environ.get("GAUNTLET_UNKNOWN_STATUS") == "allow":
        unsupported("OpenSSL refuses a certificate that no list covers")
    if REVOCATION != "none" and os.environ.get("GAUNTLET_EXPIRED_CRL") == "allow":
        unsupported("OpenSSL refuses to use an expired list")
    if "GAUNTLET_STAPLING" in os.environ:
        unsupported("the ssl module does not ask for stapled responses")


def configure():
    trust = os.environ["GAUNTLET_TRUST"]
    # The purpose is that of the peer's certificate. With a file given, the system's roots stay out of it.
    if ROLE == "server":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=trust)
        context.verify_mode = {
            "required": ssl.CERT_REQUIRED,
            "optional": ssl.CERT_OPTIONAL,
            "none": ssl.CERT_NONE,
        }[os.environ["GAUNTLET_CLIENT_AUTH"]]
        # No tickets. A TLS 1.2 session id can still be resumed: the module has no switch for OpenSSL's cache.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    else:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=trust)
    context.load_cert_chain(os.environ["GAUNTLET_CHAIN"], os.environ["GAUNTLET_KEY"])
    context.minimum_version = VERSIONS[os.environ["GAUNTLET_MIN_TLS"]]
    context.maximum_version = VERSIONS[os.environ["GAUNTLET_MAX_TLS"]]
    if "GAUNTLET_ALPN" in os.environ:
        context.set_alpn_protocols(os.environ["GAUNTLET_ALPN"].split(","))
    if REVOCATION != "none":
        whole_chain = REVOCATION == "chain"
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN if whole_chain else ssl.VERIFY_CRL_CHECK_LEAF
        # One call loads certificates and lists alike.
        if "GAUNTLET_CRL" in os.environ:
            context.load_verify_locations(os.environ["GAUNTLET_CRL"])
    return context


# Connections


def accept(listener, shared):
    while True:
        try:
            raw, address = listener.accept()
        except OSError:  # it was gone before it was accepted, or too many are open
            time.sleep(0.01)
            continue
        in_background(converse, "%s:%d" % address, raw, shared.context, serve, server_side=True)


def connect(peer, shared):
    host, _, port = peer.rpartition(":")
    try:
        raw = socket.create_connection((host, int(port)), DEADLINE)
    except OSError as error:
        say(event="refused", connection=peer, reason=str(error))
        say(event="closed", connection=peer)
        return
    name = os.environ["GAUNTLET_SERVER_NAME"]
    converse(peer, raw, shared.context, ask, server_hostname=name)


def converse(peer, raw, context, exchange, **side):
    """Tells one connection's story: the handshake, the exchange, the end."""
    # Wrapping moves the file descriptor from one socket object to the other: whichever has it is to be closed.
    connection = raw
    try:
        # Since Python 3.5 this limits the handshake as a whole, not each of its reads.
        raw.settimeout(DEADLINE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = context.wrap_socket(raw, do_handshake_on_connect=False, **side)
        connection.do_handshake()
    except Exception as error:  # whatever a peer sends, it is that connection's affair
        # Which alert has been sent is not in the error: an alert that it names is the peer's.
        say(event="refused", connection=peer, reason=str(error) or repr(error))
    else:
        # Once do_handshake returns, a server has seen the client's certificate and Finished, in TLS 1.3 too.
        say(event="accepted", connection=peer, **identity(connection))
        try:
            connection.settimeout(None)
            if exchange(connection):
                say(event="data", connection=peer)
            connection.settimeout(0.5)
            connection.unwrap()
        except OSError:
            pass  # how the peer takes the good-bye is its affair
    part(connection)
    say(event="closed", connection=peer)


def serve(connection):
    if not hears(connection, QUESTION):
        return False
    connection.sendall(ANSWER)
    return True


def ask(connection):
    connection.sendall(QUESTION)
    return hears(connection, ANSWER)


def hears(connection, line):
    received = b""
    while len(received) < len(line):
        octets = connection.recv(len(line) - len(received))
        if not octets:
            return False
        received += octets
    return received == line


def part(connection):
    """Closes with care: closing a socket that holds unread octets resets the connection, and the reset can
    overtake the alert that was sent before it."""
    try:
        connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + 0.5
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(4096):
                break
    except OSError:
        pass
    finally:
        connection.close()


def identity(connection):
    """Whom the application is told that the peer is; nothing where the module cannot read the names."""
    try:
        certificate = connection.getpeercert()
    except ValueError:
        return {}
    if not certificate:
        return {"identity": None}
    names = certificate.get("subjectAltName", ())
    ids = [name for kind, name in names if kind == "URI" and name.startswith("spiffe://")]
    hosts = [name for kind, name in names if kind == "DNS"]
    return {"identity": (ids + hosts + [in_one_line(certificate["subject"])])[0]}


SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


def in_one_line(subject):
    def escaped(value):
        return "".join("\\" + letter if letter in ',+"\\<>;=' else letter for letter in value)

    return ",".join("+".join(f"{SHORT.get(kind, kind)}={escaped(value)}" for kind, value in rdn) for rdn in subject)


# Events


speaking = threading.Lock()


def say(**event):
    """Writes one line, and at once: the harness waits for it."""
    line = json.dumps(event) + "\n"
    with speaking:
        sys.stdout.write(line)
        sys.stdout.flush()


def in_background(work, *arguments, **more):
    threading.Thread(target=work, args=arguments, kwargs=more, daemon=True).start()


def unsupported(why):
    print(why, file=sys.stderr)
    sys.exit(89)


if __name__ == "__main__":
    main()
