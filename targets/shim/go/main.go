// A shim around Go's crypto/tls, in both roles. targets/README.md says what it is told and what it tells.
//
// crypto/tls does all the verifying: the shim configures it as its documentation says, and reports what came of it.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	question = "who goes there?\n"
	answer   = "a friend\n"
)

// config is what new connections get; reload replaces it whole.
var config atomic.Pointer[tls.Config]

func main() {
	if len(os.Args) > 1 { // --version: which Go this is decides what the column shows.
		fmt.Println(runtime.Version())
		return
	}
	refuseTheUnsupported()
	first, err := configure()
	if err != nil {
		refuseToStart(err)
	}
	config.Store(first)
	if role() == "server" {
		listener, err := net.Listen("tcp", os.Getenv("GAUNTLET_LISTEN"))
		if err != nil {
			// Nobody's verdict: it is the harness that chose the port.
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go accept(listener.(*net.TCPListener))
	}
	say(event{"event": "ready"})
	obey()
}

// obey follows the commands on standard input to its end, which is the shim's end too.
func obey() {
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		command, argument, _ := strings.Cut(commands.Text(), " ")
		switch command {
		case "connect":
			go connect(argument)
		case "reload":
			reload()
		}
	}
}

func reload() {
	next, err := configure()
	if err != nil {
		say(event{"event": "reload-failed", "reason": err.Error()})
		return
	}
	config.Store(next)
	say(event{"event": "reloaded"})
}

// Configuration

func role() string { return os.Getenv("GAUNTLET_ROLE") }

func refuseTheUnsupported() {
	switch {
	case os.Getenv("GAUNTLET_REVOCATION") != "none" && os.Getenv("GAUNTLET_REVOCATION") != "":
		unsupported("crypto/tls does not look at revocation lists")
	case os.Getenv("GAUNTLET_STAPLING") != "":
		unsupported("crypto/tls hands stapled responses to the application unread")
	}
}

func configure() (*tls.Config, error) {
	identity, err := tls.LoadX509KeyPair(os.Getenv("GAUNTLET_CHAIN"), os.Getenv("GAUNTLET_KEY"))
	if err != nil {
		return nil, err
	}
	bundle, err := os.ReadFile(os.Getenv("GAUNTLET_TRUST"))
	if err != nil {
		return nil, err
	}
	// An empty pool trusts nobody, but a nil one trusts the system's roots.
	anchors := x509.NewCertPool()
	if !anchors.AppendCertsFromPEM(bundle) {
		return nil, errors.New("AppendCertsFromPEM found no certificate in the trust bundle")
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{identity},
		MinVersion:   version("GAUNTLET_MIN_TLS"),
		MaxVersion:   version("GAUNTLET_MAX_TLS"),
		NextProtos:   protocols(),
	}
	if role() == "client" {
		config.RootCAs = anchors
		config.ServerName = os.Getenv("GAUNTLET_SERVER_NAME")
		return config, nil
	}
	config.ClientCAs = anchors
	config.ClientAuth = map[string]tls.ClientAuthType{
		"required": tls.RequireAndVerifyClientCert,
		"optional": tls.VerifyClientCertIfGiven,
		"none":     tls.NoClientCert,
	}[os.Getenv("GAUNTLET_CLIENT_AUTH")]
	config.SessionTicketsDisabled = true // the only way in which a Go server resumes sessions
	return config, nil
}

func version(variable string) uint16 {
	if os.Getenv(variable) == "1.2" {
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}

func protocols() []string {
	if names := os.Getenv("GAUNTLET_ALPN"); names != "" {
		return strings.Split(names, ",")
	}
	return nil
}

func deadline() time.Time {
	milliseconds, err := strconv.Atoi(os.Getenv("GAUNTLET_HANDSHAKE_DEADLINE_MS"))
	if err != nil {
		milliseconds = 10_000
	}
	return time.Now().Add(time.Duration(milliseconds) * time.Millisecond)
}

// Connections

func accept(listener *net.TCPListener) {
	for {
		socket, err := listener.AcceptTCP()
		if err != nil { // it was gone before it was accepted, or too many are open
			time.Sleep(10 * time.Millisecond)
			continue
		}
		peer := socket.RemoteAddr().String()
		go converse(peer, socket, tls.Server(socket, config.Load()), serve)
	}
}

func connect(peer string) {
	socket, err := net.DialTimeout("tcp", peer, time.Until(deadline()))
	if err != nil {
		say(event{"event": "refused", "connection": peer, "reason": err.Error()})
		say(event{"event": "closed", "connection": peer})
		return
	}
	converse(peer, socket.(*net.TCPConn), tls.Client(socket, config.Load()), ask)
}

// converse tells one connection's story: the handshake, the exchange, the end.
func converse(peer string, socket *net.TCPConn, conn *tls.Conn, exchange func(io.ReadWriter) bool) {
	defer say(event{"event": "closed", "connection": peer})
	defer part(socket)
	if err := handshake(socket, conn); err != nil {
		// Which alert has been sent is not in the error: crypto/tls keeps that to itself.
		say(event{"event": "refused", "connection": peer, "reason": err.Error()})
		return
	}
	// Once Handshake returns, a server has seen the client's certificate and Finished, in TLS 1.3 too.
	accepted := event{"event": "accepted", "connection": peer, "identity": nil}
	if certificates := conn.ConnectionState().PeerCertificates; len(certificates) > 0 {
		accepted["identity"] = identity(certificates[0])
	}
	say(accepted)
	if exchange(conn) {
		say(event{"event": "data", "connection": peer})
	}
	conn.CloseWrite()
}

// handshake makes a panic over what a peer sent that connection's affair, as net/http does.
func handshake(socket net.Conn, conn *tls.Conn) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	socket.SetDeadline(deadline())
	defer socket.SetDeadline(time.Time{})
	return conn.Handshake()
}

func serve(stream io.ReadWriter) bool {
	if !hears(stream, question) {
		return false
	}
	io.WriteString(stream, answer)
	return true
}

func ask(stream io.ReadWriter) bool {
	io.WriteString(stream, question)
	return hears(stream, answer)
}

func hears(stream io.Reader, line string) bool {
	received := make([]byte, len(line))
	_, err := io.ReadFull(stream, received)
	return err == nil && string(received) == line
}

// part closes with care: closing a socket that holds unread octets resets the connection, and the reset can
// overtake the alert that was sent before it.
func part(socket *net.TCPConn) {
	socket.CloseWrite()
	socket.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	io.Copy(io.Discard, socket)
	socket.Close()
}

func identity(certificate *x509.Certificate) string {
	for _, uri := range certificate.URIs {
		if uri.Scheme == "spiffe" {
			return uri.String()
		}
	}
	if len(certificate.DNSNames) > 0 {
		return certificate.DNSNames[0]
	}
	return certificate.Subject.String()
}

// Events

type event map[string]any

var speaking sync.Mutex

// say writes one line, unbuffered: the harness waits for it.
func say(event event) {
	speaking.Lock()
	defer speaking.Unlock()
	json.NewEncoder(os.Stdout).Encode(event)
}

func refuseToStart(reason error) {
	say(event{"event": "refused-to-start", "reason": reason.Error()})
	os.Exit(1)
}

func unsupported(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(89)
}
