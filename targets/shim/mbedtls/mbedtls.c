/*
 * mbed TLS 2.28, in both roles. It speaks TLS 1.2 alone. Every verdict is the library's own.
 */
#include "shim.h"

#include <errno.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MOST_PROTOCOLS 16

struct configuration {
    mbedtls_ssl_config ssl;
    mbedtls_x509_crt chain, trust;
    mbedtls_pk_context key;
    mbedtls_x509_crl crls;
    const char *protocols[MOST_PROTOCOLS + 1];
};

struct session {
    mbedtls_ssl_context ssl;
    int socket;
    int alert_sent; /* -1: none */
};

/* Debian builds the library with locks: threads may share this. */
static mbedtls_ctr_drbg_context randomness;

void library_version(char *text, size_t size) {
    char version[32];
    mbedtls_version_get_string(version);
    snprintf(text, size, "mbed TLS %s", version);
}

const char *library_lacks(const struct settings *settings) {
    if (!settings->tls12) return "mbed TLS 2.28 speaks TLS 1.2 alone";
    if (settings->revocation == REVOCATION_END_ENTITY)
        return "mbed TLS looks every certificate of the chain up in the lists that it has";
    if (settings->revocation != REVOCATION_NONE && settings->allow_expired_crl) return "mbed TLS uses no expired lists";
    if (settings->server_name_is_ip) return "mbed TLS 2.28 compares no IP addresses";
    if (settings->stapling) return "mbed TLS does not look at stapled responses";
    return NULL;
}

static const char *protocol_list(struct configuration *configuration, const char *alpn) {
    char *names = strdup(alpn), *rest = names;
    if (names == NULL) return "out of memory";
    for (size_t i = 0; i < MOST_PROTOCOLS && rest != NULL; i++) configuration->protocols[i] = strsep(&rest, ",");
    mbedtls_ssl_conf_alpn_protocols(&configuration->ssl, configuration->protocols);
    return NULL;
}

/* What is wrong; 0 where nothing is. */
static int read_files(struct configuration *configuration, const struct settings *settings, const char **what) {
    *what = "the certificate chain";
    int result = mbedtls_x509_crt_parse_file(&configuration->chain, settings->chain);
    if (result != 0) return result;
    *what = "the private key";
    result = mbedtls_pk_parse_keyfile(&configuration->key, settings->key, NULL);
    if (result == 0) result = mbedtls_pk_check_pair(&configuration->chain.pk, &configuration->key);
    if (result != 0) return result;
    *what = "the trust anchors";
    result = mbedtls_x509_crt_parse_file(&configuration->trust, settings->trust);
    if (result != 0) return result;
    *what = "the revocation lists";
    if (settings->revocation == REVOCATION_NONE || settings->crl == NULL) return 0;
    return mbedtls_x509_crl_parse_file(&configuration->crls, settings->crl);
}

static int authmode(const struct settings *settings) {
    if (!settings->server || settings->client_auth == CLIENT_AUTH_REQUIRED) return MBEDTLS_SSL_VERIFY_REQUIRED;
    return settings->client_auth == CLIENT_AUTH_OPTIONAL ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_NONE;
}

static bool seed(void) {
    static mbedtls_entropy_context entropy;
    static bool seeded = false;
    if (seeded) return true;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&randomness);
    seeded = mbedtls_ctr_drbg_seed(&randomness, mbedtls_entropy_func, &entropy, NULL, 0) == 0;
    return seeded;
}

void *library_configure(const struct settings *settings, struct refusal *refusal) {
    if (!seed()) {
        because(refusal, "there is no randomness");
        return NULL;
    }
    struct configuration *configuration = calloc(1, sizeof *configuration);
    if (configuration == NULL) {
        because(refusal, "out of memory");
        return NULL;
    }
    mbedtls_ssl_config_init(&configuration->ssl);
    mbedtls_x509_crt_init(&configuration->chain);
    mbedtls_x509_crt_init(&configuration->trust);
    mbedtls_x509_crl_init(&configuration->crls);
    mbedtls_pk_init(&configuration->key);

    const char *what;
    int result = read_files(configuration, settings, &what);
    if (result != 0) {
        char words[128] = "not all of it can be read";
        if (result < 0) mbedtls_strerror(result, words, sizeof words);
        because(refusal, "it does not take %s: %s", what, words);
        return NULL;
    }
    mbedtls_ssl_config *ssl = &configuration->ssl;
    mbedtls_ssl_config_defaults(ssl, settings->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(ssl, mbedtls_ctr_drbg_random, &randomness);
    mbedtls_ssl_conf_min_version(ssl, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_own_cert(ssl, &configuration->chain, &configuration->key);
    mbedtls_ssl_conf_ca_chain(ssl, &configuration->trust,
                              settings->revocation == REVOCATION_NONE ? NULL : &configuration->crls);
    mbedtls_ssl_conf_authmode(ssl, authmode(settings));
    /* Sessions are never resumed: a server has no cache and no tickets unless it is given some. */
    if (!settings->server) mbedtls_ssl_conf_session_tickets(ssl, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    if (settings->alpn != NULL && protocol_list(configuration, settings->alpn) != NULL) {
        because(refusal, "out of memory");
        return NULL;
    }
    return configuration;
}

/* mbed TLS does not tell which alert it sends. Before the ciphers are in place it can be seen on its way. */
static int send_octets(void *context, const unsigned char *octets, size_t length) {
    struct session *session = context;
    if (length == 7 && octets[0] == MBEDTLS_SSL_MSG_ALERT && octets[5] == MBEDTLS_SSL_ALERT_LEVEL_FATAL &&
        session->alert_sent < 0)
        session->alert_sent = octets[6];
    ssize_t sent = send(session->socket, octets, length, MSG_NOSIGNAL);
    if (sent >= 0) return (int)sent;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_octets(void *context, unsigned char *octets, size_t size) {
    struct session *session = context;
    ssize_t received = recv(session->socket, octets, size, 0);
    if (received >= 0) return (int)received;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

void *library_open(void *opened, const struct settings *settings, int socket) {
    struct configuration *configuration = opened;
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    session->socket = socket;
    session->alert_sent = -1;
    mbedtls_ssl_init(&session->ssl);
    if (mbedtls_ssl_setup(&session->ssl, &configuration->ssl) != 0 ||
        (!settings->server && mbedtls_ssl_set_hostname(&session->ssl, settings->server_name) != 0)) {
        library_close(session);
        return NULL;
    }
    mbedtls_ssl_set_bio(&session->ssl, session, send_octets, receive_octets, NULL);
    return session;
}

static enum step step_after(int result) {
    return result >= 0                              ? DONE
           : result == MBEDTLS_ERR_SSL_WANT_READ    ? WANTS_TO_READ
           : result == MBEDTLS_ERR_SSL_WANT_WRITE   ? WANTS_TO_WRITE
                                                    : FAILED;
}

/* What the verification has found, in the library's words and in one line. */
static void because_of_flags(struct refusal *refusal, uint32_t flags) {
    char words[sizeof refusal->reason];
    if (mbedtls_x509_crt_verify_info(words, sizeof words, "", flags) <= 0) return;
    for (char *c = words; *c != '\0'; c++) {
        if (*c == '\n') *c = c[1] == '\0' ? '\0' : ' ';
    }
    because(refusal, "%s", words);
}

enum step library_shake_hands(void *opened, struct refusal *refusal) {
    struct session *session = opened;
    int result = mbedtls_ssl_handshake(&session->ssl);
    enum step step = step_after(result);
    if (step == WANTS_TO_READ || step == WANTS_TO_WRITE) return step;

    uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);
    if (step == FAILED) {
        char words[128];
        mbedtls_strerror(result, words, sizeof words);
        because(refusal, "%s", words);
        if (result == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) because_of_flags(refusal, flags);
        refusal->alert = session->alert_sent;
        return FAILED;
    }
    /* Where a certificate is optional, mbed TLS verifies one that comes and goes on whatever it has found: its manual
     * leaves it to the application to look at that, and to refuse. */
    flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_MISSING | MBEDTLS_X509_BADCERT_SKIP_VERIFY);
    if (flags == 0) return DONE;
    because_of_flags(refusal, flags);
    if (mbedtls_ssl_send_alert_message(&session->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       MBEDTLS_SSL_ALERT_MSG_BAD_CERT) == 0)
        refusal->alert = MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
    return FAILED;
}

/* It lists no URIs, so it cannot tell an application a SPIFFE ID; but whether there is anybody, it can. */
void library_identify(void *opened, struct identity *identity) {
    struct session *session = opened;
    if (mbedtls_ssl_get_peer_cert(&session->ssl) == NULL) identity->kind = NOBODY;
}

enum step library_receive(void *opened, char *octets, size_t size, size_t *received) {
    struct session *session = opened;
    int result = mbedtls_ssl_read(&session->ssl, (unsigned char *)octets, size);
    if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) result = 0;
    if (result >= 0) *received = (size_t)result;
    return step_after(result);
}

enum step library_send(void *opened, const char *octets, size_t size) {
    struct session *session = opened;
    return step_after(mbedtls_ssl_write(&session->ssl, (const unsigned char *)octets, size));
}

enum step library_say_goodbye(void *opened) {
    struct session *session = opened;
    return step_after(mbedtls_ssl_close_notify(&session->ssl));
}

void library_close(void *opened) {
    struct session *session = opened;
    mbedtls_ssl_free(&session->ssl);
    free(session);
}
