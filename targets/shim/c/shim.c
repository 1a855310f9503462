/*
 * The part of a C shim that is the same for every library: see shim.h.
 *
 * Every connection has a thread of its own, so that a silent one holds up nobody. A crash of the library ends the whole
 * shim, as it would end a real server: the harness is to see it.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUESTION "who goes there?\n"
#define ANSWER "a friend\n"
#define UNSUPPORTED 89
#define DRAIN_MS 500
#define NO_DEADLINE (-1)

static struct settings settings;

/* The configuration for connections from now on. */
static void *configuration;
static pthread_mutex_t configuration_lock = PTHREAD_MUTEX_INITIALIZER;

static void read_settings(void);
static void *serve(void *listener);
static void obey_commands(void);
static void converse(int socket, const char *connection);
static void say(const char *event, const char *connection, const struct refusal *refusal, const struct identity *identity);
static int listen_on(const char *address, struct refusal *refusal);
static bool parse_address(const char *text, struct sockaddr_in *address);
static void start_thread(void *(*run)(void *), void *argument);

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "--version") == 0) {
        char text[128];
        library_version(text, sizeof text);
        puts(text);
        return 0;
    }
    /* A peer that is gone is an error of write, not the end of the shim. */
    signal(SIGPIPE, SIG_IGN);
    read_settings();
    const char *lacking = library_lacks(&settings);
    if (lacking != NULL) {
        fprintf(stderr, "%s\n", lacking);
        return UNSUPPORTED;
    }
    struct refusal refusal = {"", -1};
    configuration = library_configure(&settings, &refusal);
    if (configuration == NULL) {
        say("refused-to-start", NULL, &refusal, NULL);
        return 1;
    }
    if (settings.server) {
        int listener = listen_on(settings.listen, &refusal);
        if (listener < 0) {
            /* Nobody's verdict: a port that is taken says nothing about the library. */
            fprintf(stderr, "%s\n", refusal.reason);
            return 1;
        }
        start_thread(serve, (void *)(intptr_t)listener);
    }
    say("ready", NULL, NULL, NULL);
    obey_commands();
    /* Standard input has ended. Connections may still be held by their peers; the threads end with the process. */
    _exit(0);
}

/* --- Settings ------------------------------------------------------------------------------------------------- */

static const char *text_of(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool says(const char *name, const char *word) {
    const char *value = text_of(name);
    return value != NULL && strcmp(value, word) == 0;
}

static const char *required(const char *name) {
    const char *value = text_of(name);
    if (value == NULL) {
        fprintf(stderr, "%s is not set; this program is started by mtls-gauntlet, see targets/README.md\n", name);
        exit(2);
    }
    return value;
}

static void read_settings(void) {
    unsigned char address[sizeof(struct in6_addr)];
    settings.server = strcmp(required("GAUNTLET_ROLE"), "server") == 0;
    settings.chain = required("GAUNTLET_CHAIN");
    settings.key = required("GAUNTLET_KEY");
    settings.trust = required("GAUNTLET_TRUST");
    settings.crl = text_of("GAUNTLET_CRL");
    settings.alpn = text_of("GAUNTLET_ALPN");
    if (settings.server) {
        settings.listen = required("GAUNTLET_LISTEN");
        settings.client_auth = says("GAUNTLET_CLIENT_AUTH", "none")       ? CLIENT_AUTH_NONE
                               : says("GAUNTLET_CLIENT_AUTH", "optional") ? CLIENT_AUTH_OPTIONAL
                                                                          : CLIENT_AUTH_REQUIRED;
    } else {
        settings.server_name = required("GAUNTLET_SERVER_NAME");
        settings.server_name_is_ip = inet_pton(AF_INET, settings.server_name, address) == 1 ||
                                     inet_pton(AF_INET6, settings.server_name, address) == 1;
    }
    settings.tls12 = !says("GAUNTLET_MIN_TLS", "1.3");
    settings.tls13 = !says("GAUNTLET_MAX_TLS", "1.2");
    settings.revocation = says("GAUNTLET_REVOCATION", "chain")        ? REVOCATION_CHAIN
                          : says("GAUNTLET_REVOCATION", "end-entity") ? REVOCATION_END_ENTITY
                                                                      : REVOCATION_NONE;
    settings.allow_unknown_status = says("GAUNTLET_UNKNOWN_STATUS", "allow");
    settings.allow_expired_crl = says("GAUNTLET_EXPIRED_CRL", "allow");
    settings.stapling = says("GAUNTLET_STAPLING", "true");
    const char *deadline = text_of("GAUNTLET_HANDSHAKE_DEADLINE_MS");
    settings.handshake_deadline_ms = deadline != NULL ? atoi(deadline) : 10000;
}

/* --- Connections ---------------------------------------------------------------------------------------------- */

struct errand {
    int socket; /* role server: the accepted connection */
    char connection[64];
};

static void *serve_one(void *argument) {
    struct errand *errand = argument;
    converse(errand->socket, errand->connection);
    free(errand);
    return NULL;
}

static void *serve(void *argument) {
    int listener = (int)(intptr_t)argument;
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int socket = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
        struct errand *errand = socket < 0 ? NULL : malloc(sizeof *errand);
        if (errand == NULL) {
            /* A connection that was gone before it was accepted, or nothing left to hold one with: for a moment. */
            if (socket >= 0) close(socket);
            usleep(10 * 1000);
            continue;
        }
        char host[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &peer.sin_addr, host, sizeof host);
        snprintf(errand->connection, sizeof errand->connection, "%s:%u", host, ntohs(peer.sin_port));
        errand->socket = socket;
        start_thread(serve_one, errand);
    }
    return NULL;
}

static void *connect_once(void *argument) {
    struct errand *errand = argument;
    struct refusal refusal = {"", -1};
    struct sockaddr_in address;
    int connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connected >= 0 && parse_address(errand->connection, &address) &&
        connect(connected, (struct sockaddr *)&address, sizeof address) == 0) {
        converse(connected, errand->connection);
    } else {
        because(&refusal, "cannot connect: %s", strerror(errno));
        say("refused", errand->connection, &refusal, NULL);
        say("closed", errand->connection, NULL, NULL);
        if (connected >= 0) close(connected);
    }
    free(errand);
    return NULL;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket is ready for the step. False where the deadline passes first. */
static bool wait_for(int socket, enum step step, int64_t deadline) {
    struct pollfd wanted = {socket, step == WANTS_TO_WRITE ? POLLOUT : POLLIN, 0};
    for (;;) {
        int64_t left = deadline - now_ms();
        int ready = poll(&wanted, 1, deadline == NO_DEADLINE ? -1 : left > 0 ? (int)left : 0);
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

/* Repeats a step of the library until it is done or has failed. */
#define UNTIL_DONE(step, socket, deadline, call)                                                                       \
    do {                                                                                                               \
        step = (call);                                                                                                 \
    } while (step != DONE && step != FAILED && (wait_for(socket, step, deadline) || (step = FAILED, false)))

static bool shake_hands(void *session, int socket, struct refusal *refusal) {
    int64_t deadline = now_ms() + settings.handshake_deadline_ms;
    enum step step;
    because(refusal, "the handshake took longer than its deadline");
    refusal->alert = -1;
    UNTIL_DONE(step, socket, deadline, library_shake_hands(session, refusal));
    return step == DONE;
}

/* Reads exactly this line. The first octets of it are already application data of the peer. */
static bool hear(void *session, int socket, const char *connection, const char *line) {
    char heard[64];
    size_t length = strlen(line), got = 0;
    while (got < length) {
        size_t received = 0;
        enum step step;
        UNTIL_DONE(step, socket, NO_DEADLINE, library_receive(session, heard + got, length - got, &received));
        if (step == FAILED || received == 0) return false;
        if (got == 0) say("data", connection, NULL, NULL);
        got += received;
    }
    return memcmp(heard, line, length) == 0;
}

static bool tell(void *session, int socket, const char *line) {
    enum step step;
    UNTIL_DONE(step, socket, NO_DEADLINE, library_send(session, line, strlen(line)));
    return step == DONE;
}

/* Closing a TCP socket that holds unread octets resets the connection, and the reset can overtake an alert. */
static void drain(int socket) {
    char sink[4096];
    int64_t deadline = now_ms() + DRAIN_MS;
    shutdown(socket, SHUT_WR);
    while (wait_for(socket, WANTS_TO_READ, deadline) && read(socket, sink, sizeof sink) > 0) {
    }
}

static void converse(int socket, const char *connection) {
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(socket, F_SETFL, O_NONBLOCK);

    pthread_mutex_lock(&configuration_lock);
    void *current = configuration;
    pthread_mutex_unlock(&configuration_lock);

    struct refusal refusal = {"out of memory", -1};
    void *session = library_open(current, &settings, socket);
    if (session == NULL || !shake_hands(session, socket, &refusal)) {
        say("refused", connection, &refusal, NULL);
    } else {
        struct identity identity = {.kind = UNTOLD};
        library_identify(session, &identity);
        say("accepted", connection, NULL, &identity);
        if (settings.server) {
            if (hear(session, socket, connection, QUESTION)) tell(session, socket, ANSWER);
        } else if (tell(session, socket, QUESTION)) {
            hear(session, socket, connection, ANSWER);
        }
        int64_t deadline = now_ms() + DRAIN_MS;
        enum step step;
        UNTIL_DONE(step, socket, deadline, library_say_goodbye(session));
    }
    drain(socket);
    if (session != NULL) library_close(session);
    close(socket);
    say("closed", connection, NULL, NULL);
}

/* --- Commands ------------------------------------------------------------------------------------------------- */

static void reload(void) {
    struct refusal refusal = {"", -1};
    void *fresh = library_configure(&settings, &refusal);
    if (fresh == NULL) {
        say("reload-failed", NULL, &refusal, NULL);
        return;
    }
    pthread_mutex_lock(&configuration_lock);
    configuration = fresh;
    pthread_mutex_unlock(&configuration_lock);
    say("reloaded", NULL, NULL, NULL);
}

static void obey_commands(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "reload") == 0) {
            reload();
        } else if (!settings.server && strncmp(line, "connect ", 8) == 0) {
            struct errand *errand = calloc(1, sizeof *errand);
            if (errand == NULL) continue;
            snprintf(errand->connection, sizeof errand->connection, "%.63s", line + 8);
            start_thread(connect_once, errand);
        } else if (line[0] != '\0') {
            fprintf(stderr, "there is no command '%s'\n", line);
        }
    }
}

/* --- Events --------------------------------------------------------------------------------------------------- */

/* The number of octets of the UTF-8 character that begins here; 0 where none does. */
static size_t character(const unsigned char *text, size_t left) {
    size_t length = text[0] < 0x80                       ? 1
                    : text[0] >= 0xc2 && text[0] <= 0xdf ? 2
                    : text[0] >= 0xe0 && text[0] <= 0xef ? 3
                    : text[0] >= 0xf0 && text[0] <= 0xf4 ? 4
                                                         : 0;
    if (length > left) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
    }
    /* Longer than needed, a surrogate, or beyond the last character. */
    if (text[0] == 0xe0 && text[1] < 0xa0) return 0;
    if (text[0] == 0xed && text[1] >= 0xa0) return 0;
    if (text[0] == 0xf0 && text[1] < 0x90) return 0;
    if (text[0] == 0xf4 && text[1] >= 0x90) return 0;
    return length;
}

/* A JSON string. Octets that are no UTF-8 become the character of the same number: the names are the peer's. */
static void put_string(FILE *out, const char *octets, size_t length) {
    const unsigned char *text = (const unsigned char *)octets;
    fputc('"', out);
    for (size_t i = 0; i < length;) {
        size_t width = character(text + i, length - i);
        if (width == 0 || text[i] < 0x20) {
            fprintf(out, "\\u%04x", text[i]);
            width = 1;
        } else {
            if (text[i] == '"' || text[i] == '\\') fputc('\\', out);
            fwrite(text + i, 1, width, out);
        }
        i += width;
    }
    fputc('"', out);
}

static void put_field(FILE *out, const char *name, const char *text, size_t length) {
    fprintf(out, ",\"%s\":", name);
    put_string(out, text, length);
}

/* Writes one event, as one line in one write: threads must not interleave theirs. */
static void say(const char *event, const char *connection, const struct refusal *refusal, const struct identity *identity) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    printf("{\"event\":\"%s\"", event);
    if (connection != NULL) put_field(stdout, "connection", connection, strlen(connection));
    if (identity != NULL && identity->kind == SOMEBODY) put_field(stdout, "identity", identity->name, identity->length);
    if (identity != NULL && identity->kind == NOBODY) fputs(",\"identity\":null", stdout);
    if (refusal != NULL) {
        put_field(stdout, "reason", refusal->reason, strlen(refusal->reason));
        if (refusal->alert >= 0) printf(",\"alert\":%d", refusal->alert);
    }
    puts("}");
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

void because(struct refusal *refusal, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->reason, sizeof refusal->reason, format, arguments);
    va_end(arguments);
}

void offer_name(struct identity_choice *choice, enum name_kind kind, const void *name, size_t length) {
    static const char spiffe[] = "spiffe://";
    if (choice->best > (int)kind || length > sizeof choice->identity.name) return;
    if (kind == NAME_URI && (length < strlen(spiffe) || memcmp(name, spiffe, strlen(spiffe)) != 0)) return;
    choice->best = 1 + (int)kind;
    choice->identity.kind = SOMEBODY;
    memcpy(choice->identity.name, name, length);
    choice->identity.length = length;
}

/* --- Files, sockets, threads ---------------------------------------------------------------------------------- */

char *read_file(const char *file, size_t *length) {
    char *text = NULL, part[4096];
    FILE *in = fopen(file, "re"), *out = in == NULL ? NULL : open_memstream(&text, length);
    if (out != NULL) {
        size_t got;
        while ((got = fread(part, 1, sizeof part, in)) > 0) fwrite(part, 1, got, out);
        fclose(out);
    }
    if (in != NULL) fclose(in);
    return text;
}

static bool parse_address(const char *text, struct sockaddr_in *address) {
    char host[64];
    unsigned port;
    if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || port > 65535) {
        errno = EINVAL;
        return false;
    }
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &address->sin_addr) == 1) return true;
    errno = EINVAL;
    return false;
}

static int listen_on(const char *text, struct refusal *refusal) {
    struct sockaddr_in address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || !parse_address(text, &address) ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
        because(refusal, "cannot listen on %s: %s", text, strerror(errno));
        return -1;
    }
    return listener;
}

static void start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pthread_create(&thread, &attributes, run, argument) != 0) usleep(10 * 1000);
    pthread_attr_destroy(&attributes);
}
