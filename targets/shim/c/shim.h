/*
 * What the shims of C libraries share, and what each has to bring.
 *
 * shim.c speaks the contract of targets/README.md: settings, events, commands, sockets, deadlines and the line protocol.
 * A library's shim is the dozen functions at the end of this file. All of a library's I/O is non-blocking and is waited
 * for in shim.c, so that deadlines hold for every library alike.
 */
#ifndef GAUNTLET_SHIM_H
#define GAUNTLET_SHIM_H

#include <stdbool.h>
#include <stddef.h>

enum client_auth { CLIENT_AUTH_NONE, CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRED };
enum revocation { REVOCATION_NONE, REVOCATION_END_ENTITY, REVOCATION_CHAIN };

/* The environment variables of the contract. Strings that are unset are NULL. */
struct settings {
    bool server;
    const char *listen;
    const char *chain, *key, *trust, *crl;
    enum client_auth client_auth;
    bool tls12, tls13;
    const char *alpn; /* separated by commas */
    const char *server_name;
    bool server_name_is_ip;
    enum revocation revocation;
    bool allow_unknown_status, allow_expired_crl;
    bool stapling;
    int handshake_deadline_ms;
};

/* Why a configuration or a peer was refused. */
struct refusal {
    char reason[256];
    int alert; /* the number of the alert that was sent; -1 where nobody can tell */
};

/* Sets the reason, as printf does. */
__attribute__((format(printf, 2, 3))) void because(struct refusal *refusal, const char *format, ...);

/* How far a library has come with what it was asked for. */
enum step { DONE, WANTS_TO_READ, WANTS_TO_WRITE, FAILED };

/* Whom the application is told that the peer is. */
struct identity {
    enum { UNTOLD, NOBODY, SOMEBODY } kind;
    char name[1024]; /* any octets: nothing keeps a peer from putting a NUL into its name */
    size_t length;
};

/* Takes `name`, unless a better one was taken before. SPIFFE IDs go before DNS names, and those before the subject. */
enum name_kind { NAME_SUBJECT, NAME_DNS, NAME_URI };
struct identity_choice {
    struct identity identity;
    int best; /* 0, or 1 + the kind of the name that was taken */
};
void offer_name(struct identity_choice *choice, enum name_kind kind, const void *name, size_t length);

/* The whole file, with a NUL behind it that `length` does not count. NULL where it cannot be read. */
char *read_file(const char *file, size_t *length);

/* --- What a library's shim brings ----------------------------------------------------------------------------- */

/* The library's name and version, for --version. */
void library_version(char *text, size_t size);

/* What it cannot do of these settings; NULL where it can. The shim then exits with 89. */
const char *library_lacks(const struct settings *settings);

/* Reads the files. Sessions hold on to the configuration that they were opened with, and configurations are never
 * freed: a shim lives for seconds. NULL where it refuses them, with the reason. */
void *library_configure(const struct settings *settings, struct refusal *refusal);

/* A session on a connected, non-blocking socket. NULL where there is no memory. */
void *library_open(void *configuration, const struct settings *settings, int socket);

/* The handshake. Where it failed, says why, and which alert was sent. */
enum step library_shake_hands(void *session, struct refusal *refusal);

/* After the handshake: who is it? */
void library_identify(void *session, struct identity *identity);

/* At least one octet, and at most `size`; DONE with none is the peer's good-bye. */
enum step library_receive(void *session, char *octets, size_t size, size_t *received);

/* Always called again with the same octets until it is done. */
enum step library_send(void *session, const char *octets, size_t size);

/* Sends close_notify and does not wait for the peer's. */
enum step library_say_goodbye(void *session);

void library_close(void *session);

#endif
