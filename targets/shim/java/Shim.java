import java.io.*;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.*;
import java.security.cert.Certificate;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import javax.net.ssl.*;

/**
 * A shim around Java's SSLSocket, in both roles. targets/README.md says what it is told and what it tells.
 *
 * <p>JSSE and its PKIX validator do all the verifying: the shim configures them as their guides say, and reports what
 * came of it.
 */
public final class Shim {
    static final String QUESTION = "who goes there?\n";
    static final String ANSWER = "a friend\n";

    static final boolean SERVER = "server".equals(System.getenv("GAUNTLET_ROLE"));
    static final String REVOCATION = orElse(System.getenv("GAUNTLET_REVOCATION"), "none");
    static final int DEADLINE = Integer.parseInt(orElse(System.getenv("GAUNTLET_HANDSHAKE_DEADLINE_MS"), "10000"));

    /** What new connections get; reload replaces it. */
    static volatile SSLContext context;

    public static void main(String[] arguments) throws Exception {
        refuseTheUnsupported();
        // Before JSSE reads them. Sessions that are neither in a ticket nor in the cache cannot be resumed.
        System.setProperty("jdk.tls.server.enableSessionTicketExtension", "false");
        System.setProperty("jdk.tls.client.enableSessionTicketExtension", "false");
        try {
            context = configure();
            warmUp();
        } catch (GeneralSecurityException | IOException | RuntimeException error) {
            say("event", "refused-to-start", "reason", error.toString());
            System.exit(1);
        }
        if (SERVER) {
            String[] listen = hostAndPort(System.getenv("GAUNTLET_LISTEN"));
            InetAddress address = InetAddress.getByName(listen[0]);
            ServerSocket listener = new ServerSocket(Integer.parseInt(listen[1]), 4096, address);
            inBackground(() -> accept(listener));
        }
        say("event", "ready");
        obey();
        System.exit(0);
    }

    /** Has the classes loaded that make a first hello: the first peer's handshake deadline is not for that. */
    static void warmUp() throws IOException {
        SSLEngine engine = context.createSSLEngine();
        engine.setUseClientMode(true);
        engine.wrap(ByteBuffer.allocate(0), ByteBuffer.allocate(engine.getSession().getPacketBufferSize()));
    }

    /** Follows the commands on standard input to its end, which is the shim's end too. */
    static void obey() {
        Scanner commands = new Scanner(System.in, StandardCharsets.UTF_8);
        while (commands.hasNextLine()) {
            String[] command = commands.nextLine().split(" ", 2);
            switch (command[0]) {
                case "connect" -> inBackground(() -> connect(command[1]));
                case "reload" -> reload();
                default -> System.err.println("no such command: " + command[0]);
            }
        }
    }

    static void reload() {
        try {
            context = configure();
            say("event", "reloaded");
        } catch (GeneralSecurityException | IOException | RuntimeException error) {
            say("event", "reload-failed", "reason", error.toString());
        }
    }

    // Configuration

    static void refuseTheUnsupported() {
        if (!REVOCATION.equals("none") && "allow".equals(System.getenv("GAUNTLET_EXPIRED_CRL"))) {
            unsupported("PKIXRevocationChecker has no option for using expired lists");
        }
        if (System.getenv("GAUNTLET_STAPLING") != null) {
            unsupported("this shim does not ask for stapled responses");
        }
    }

    static SSLContext configure() throws GeneralSecurityException, IOException {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(identity(), new char[0]);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(new CertPathTrustManagerParameters(validation()));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static KeyStore identity() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        Certificate[] chain = certificates("GAUNTLET_CHAIN").toArray(new Certificate[0]);
        store.setKeyEntry("identity", privateKey(), new char[0], chain);
        return store;
    }

    /** Java reads PEM certificates, but no PEM keys, and wants to be told what kind of key it is. */
    static PrivateKey privateKey() throws GeneralSecurityException, IOException {
        String pem = Files.readString(Path.of(System.getenv("GAUNTLET_KEY")));
        String base64 = pem.replaceAll("-----[A-Z ]+-----", "");
        PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(base64));
        for (String kind : List.of("EC", "RSA", "EdDSA", "RSASSA-PSS", "DSA")) {
            try {
                return KeyFactory.getInstance(kind).generatePrivate(encoded);
            } catch (InvalidKeySpecException anotherKind) {
                continue;
            }
        }
        throw new InvalidKeySpecException("no KeyFactory takes this private key");
    }

    static PKIXBuilderParameters validation() throws GeneralSecurityException, IOException {
        Set<TrustAnchor> anchors = new HashSet<>();
        for (Certificate certificate : certificates("GAUNTLET_TRUST")) {
            anchors.add(new TrustAnchor((X509Certificate) certificate, null));
        }
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, new X509CertSelector());
        parameters.setRevocationEnabled(!REVOCATION.equals("none"));
        if (!REVOCATION.equals("none")) {
            parameters.addCertStore(lists());
            parameters.addCertPathChecker(revocationChecker());
        }
        return parameters;
    }

    static CertStore lists() throws GeneralSecurityException, IOException {
        List<Object> lists = new ArrayList<>();
        if (System.getenv("GAUNTLET_CRL") != null) {
            try (InputStream file = file("GAUNTLET_CRL")) {
                lists.addAll(CertificateFactory.getInstance("X.509").generateCRLs(file));
            }
        }
        return CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists));
    }

    static PKIXRevocationChecker revocationChecker() throws GeneralSecurityException {
        var checker = (PKIXRevocationChecker) CertPathBuilder.getInstance("PKIX").getRevocationChecker();
        // Lists alone: without NO_FALLBACK it would ask OCSP responders next.
        Set<Option> options = EnumSet.of(Option.PREFER_CRLS, Option.NO_FALLBACK);
        if (REVOCATION.equals("end-entity")) {
            options.add(Option.ONLY_END_ENTITY);
        }
        if ("allow".equals(System.getenv("GAUNTLET_UNKNOWN_STATUS"))) {
            options.add(Option.SOFT_FAIL);
        }
        checker.setOptions(options);
        return checker;
    }

    static List<Certificate> certificates(String variable) throws GeneralSecurityException, IOException {
        try (InputStream file = file(variable)) {
            return List.copyOf(CertificateFactory.getInstance("X.509").generateCertificates(file));
        }
    }

    static InputStream file(String variable) throws IOException {
        return new ByteArrayInputStream(Files.readAllBytes(Path.of(System.getenv(variable))));
    }

    static void configure(SSLSocket tls) {
        SSLParameters parameters = tls.getSSLParameters();
        // From the least to the greatest; where they are the same, it is named twice, which does no harm.
        String[] versions = {"TLSv" + System.getenv("GAUNTLET_MIN_TLS"), "TLSv" + System.getenv("GAUNTLET_MAX_TLS")};
        parameters.setProtocols(versions);
        String alpn = System.getenv("GAUNTLET_ALPN");
        if (alpn != null) {
            parameters.setApplicationProtocols(alpn.split(","));
        }
        if (SERVER) {
            switch (System.getenv("GAUNTLET_CLIENT_AUTH")) {
                case "required" -> parameters.setNeedClientAuth(true);
                case "optional" -> parameters.setWantClientAuth(true);
                default -> parameters.setNeedClientAuth(false);
            }
        } else {
            parameters.setEndpointIdentificationAlgorithm("HTTPS"); // without it any name will do
        }
        tls.setSSLParameters(parameters);
    }

    // Connections

    static void accept(ServerSocket listener) {
        while (true) {
            try {
                Socket socket = listener.accept();
                String peer = socket.getInetAddress().getHostAddress() + ":" + socket.getPort();
                inBackground(() -> converse(peer, socket));
            } catch (IOException goneOrTooMany) {
                pause(10);
            }
        }
    }

    static void connect(String peer) {
        String[] address = hostAndPort(peer);
        Socket socket = new Socket();
        try {
            socket.connect(new InetSocketAddress(address[0], Integer.parseInt(address[1])), DEADLINE);
        } catch (IOException error) {
            say("event", "refused", "connection", peer, "reason", error.toString());
            say("event", "closed", "connection", peer);
            return;
        }
        converse(peer, socket);
    }

    /** Tells one connection's story: the handshake, the exchange, the end. */
    static void converse(String peer, Socket socket) {
        TimerTask deadline = closing(socket);
        try {
            SSLSocket tls = handshake(socket);
            if (!deadline.cancel()) {
                throw new IOException("the socket was closed at the end of the handshake");
            }
            // Here a server has seen the client's certificate and Finished, in TLS 1.3 too.
            accepted(peer, tls);
            exchange(peer, tls);
        } catch (Throwable error) { // whatever a peer sends, it is that connection's affair
            deadline.cancel();
            // Only the deadline closes the socket. Which alert has been sent is not in the exception: one that it
            // names is the peer's.
            String reason = socket.isClosed() ? "the handshake took longer than its deadline" : error.toString();
            say("event", "refused", "connection", peer, "reason", reason);
        }
        part(socket);
        say("event", "closed", "connection", peer);
    }

    static SSLSocket handshake(Socket socket) throws IOException {
        socket.setTcpNoDelay(true);
        var factory = context.getSocketFactory();
        // TLS around a plain socket that is left open (false): the deadline and the last alert need it.
        Socket tls = SERVER
                ? factory.createSocket(socket, (InputStream) null, false)
                : factory.createSocket(socket, System.getenv("GAUNTLET_SERVER_NAME"), socket.getPort(), false);
        configure((SSLSocket) tls);
        ((SSLSocket) tls).startHandshake();
        return (SSLSocket) tls;
    }

    /** SSLSocket has time limits for each read alone; to limit the handshake somebody has to close its socket. */
    static TimerTask closing(Socket socket) {
        TimerTask task = new TimerTask() {
            @Override
            public void run() {
                close(socket);
            }
        };
        TIMER.schedule(task, DEADLINE);
        return task;
    }

    static final Timer TIMER = new Timer(true);

    static void exchange(String peer, SSLSocket tls) {
        try {
            if (SERVER ? serve(tls) : ask(tls)) {
                say("event", "data", "connection", peer);
            }
            tls.getSession().invalidate();
            tls.shutdownOutput();
        } catch (IOException over) {
            System.err.println(peer + ": " + over);
        }
    }

    static boolean serve(SSLSocket tls) throws IOException {
        if (!hears(tls, QUESTION)) {
            return false;
        }
        says(tls, ANSWER);
        return true;
    }

    static boolean ask(SSLSocket tls) throws IOException {
        says(tls, QUESTION);
        return hears(tls, ANSWER);
    }

    static void says(SSLSocket tls, String line) throws IOException {
        OutputStream stream = tls.getOutputStream();
        stream.write(line.getBytes(StandardCharsets.US_ASCII));
        stream.flush();
    }

    static boolean hears(SSLSocket tls, String line) throws IOException {
        byte[] received = tls.getInputStream().readNBytes(line.length());
        return line.equals(new String(received, StandardCharsets.ISO_8859_1));
    }

    /**
     * Closes with care: closing a socket that holds unread octets resets the connection, and the reset can overtake
     * the alert that was sent before it.
     */
    static void part(Socket socket) {
        long until = System.nanoTime() + 500_000_000;
        byte[] sink = new byte[4096];
        try {
            socket.shutdownOutput();
            socket.setSoTimeout(500);
            while (socket.getInputStream().read(sink) >= 0 && System.nanoTime() < until) {
                continue;
            }
        } catch (IOException over) {
            // Nobody is there any more, or nobody hangs up.
        }
        close(socket);
    }

    static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException closed) {
            // It is what was wanted.
        }
    }

    static void accepted(String peer, SSLSocket tls) {
        try {
            Certificate[] chain = tls.getSession().getPeerCertificates();
            say("event", "accepted", "connection", peer, "identity", identity((X509Certificate) chain[0]));
        } catch (SSLPeerUnverifiedException nobody) {
            say("event", "accepted", "connection", peer, "identity", null);
        } catch (CertificateParsingException | RuntimeException unreadable) {
            say("event", "accepted", "connection", peer);
        }
    }

    static String identity(X509Certificate certificate) throws CertificateParsingException {
        final int dnsName = 2;
        final int uri = 6;
        String host = null;
        var names = certificate.getSubjectAlternativeNames();
        for (List<?> name : names == null ? List.<List<?>>of() : names) {
            if (name.get(0).equals(uri) && name.get(1).toString().startsWith("spiffe://")) {
                return name.get(1).toString();
            }
            if (name.get(0).equals(dnsName) && host == null) {
                host = name.get(1).toString();
            }
        }
        return host != null ? host : certificate.getSubjectX500Principal().getName();
    }

    // Events

    static final PrintStream OUT =
            new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);

    /** Writes one line of names and values, and at once: the harness waits for it. */
    static synchronized void say(String... event) {
        StringBuilder line = new StringBuilder("{");
        for (int at = 0; at < event.length; at += 2) {
            line.append(at == 0 ? "" : ",").append(quoted(event[at])).append(':').append(quoted(event[at + 1]));
        }
        OUT.print(line.append("}\n"));
        OUT.flush();
    }

    static String quoted(String text) {
        if (text == null) {
            return "null";
        }
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                quoted.append('\\').append(letter);
            } else if (letter < ' ' || Character.isSurrogate(letter)) {
                quoted.append(String.format("\\u%04x", (int) letter));
            } else {
                quoted.append(letter);
            }
        }
        return quoted.append('"').toString();
    }

    static void inBackground(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    }

    static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException nobodyDoes) {
            Thread.currentThread().interrupt();
        }
    }

    static String[] hostAndPort(String address) {
        int colon = address.lastIndexOf(':');
        return new String[] {address.substring(0, colon), address.substring(colon + 1)};
    }

    static String orElse(String value, String otherwise) {
        return value == null ? otherwise : value;
    }

    static void unsupported(String why) {
        System.err.println(why);
        System.exit(89);
    }
}
