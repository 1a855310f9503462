/*
 * GnuTLS as a library, in both roles. It verifies as its manual recommends: automatically within the handshake, for the
 * purpose that the role calls for. Every verdict is GnuTLS's own.
 */
#include "shim.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PROTOCOLS 16

void library_version(char *text, size_t size) {
    snprintf(text, size, "GnuTLS %s", gnutls_check_version(NULL));
}

const char *library_lacks(const struct settings *settings) {
    if (settings->revocation == REVOCATION_END_ENTITY)
        return "GnuTLS looks every certificate of the chain up in the lists that it has";
    return NULL;
}

void *library_configure(const struct settings *settings, struct refusal *refusal) {
    gnutls_certificate_credentials_t credentials;
    int result = gnutls_certificate_allocate_credentials(&credentials);
    if (result < 0) {
        because(refusal, "%s", gnutls_strerror(result));
        return NULL;
    }
    const char *what = "the certificate chain and the key";
    result = gnutls_certificate_set_x509_key_file(credentials, settings->chain, settings->key, GNUTLS_X509_FMT_PEM);
    if (result >= 0) {
        what = "the trust anchors";
        result = gnutls_certificate_set_x509_trust_file(credentials, settings->trust, GNUTLS_X509_FMT_PEM);
    }
    if (result >= 0 && settings->revocation != REVOCATION_NONE && settings->crl != NULL) {
        what = "the revocation lists";
        result = gnutls_certificate_set_x509_crl_file(credentials, settings->crl, GNUTLS_X509_FMT_PEM);
    }
    if (result < 0) {
        because(refusal, "it does not take %s: %s", what, gnutls_strerror(result));
        gnutls_certificate_free_credentials(credentials);
        return NULL;
    }
    return credentials;
}

/* What the automatic verification looks at; it must live as long as the session. */
struct session {
    gnutls_session_t gnutls;
    gnutls_typed_vdata_st wanted[2];
    unsigned char address[16];
    unsigned status; /* what `verify_if_presented` found */
};

static void set_protocols(gnutls_session_t session, const char *alpn) {
    gnutls_datum_t names[MOST_PROTOCOLS];
    unsigned count = 0;
    for (const char *name = alpn; *name != '\0' && count < MOST_PROTOCOLS;) {
        size_t length = strcspn(name, ",");
        names[count].data = (unsigned char *)name;
        names[count++].size = (unsigned)length;
        name += length + (name[length] == ',');
    }
    /* Without this flag a server goes on where no name is common, which RFC 7301 section 3.2 forbids. */
    gnutls_alpn_set_protocols(session, names, count, GNUTLS_ALPN_MANDATORY);
}

/* The automatic verification refuses a client without a certificate even where one was only requested. So where it is
 * optional, this looks whether there is one, and leaves it to the same verification. */
static int verify_if_presented(gnutls_session_t gnutls) {
    struct session *session = gnutls_session_get_ptr(gnutls);
    unsigned count = 0;
    if (gnutls_certificate_get_peers(gnutls, &count) == NULL || count == 0) return 0;
    int result = gnutls_certificate_verify_peers(gnutls, session->wanted, 1, &session->status);
    return result < 0 ? result : session->status != 0 ? GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR : 0;
}

/* What the peer's certificate must be good for, and as a client, whose it must be. */
static void set_verification(struct session *session, const struct settings *settings) {
    gnutls_typed_vdata_st *purpose = &session->wanted[0], *name = &session->wanted[1];
    purpose->type = GNUTLS_DT_KEY_PURPOSE_OID;
    purpose->data = (unsigned char *)(settings->server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER);
    if (settings->server) {
        if (settings->client_auth == CLIENT_AUTH_REQUIRED)
            gnutls_session_set_verify_cert2(session->gnutls, session->wanted, 1, 0);
        else
            gnutls_session_set_verify_function(session->gnutls, verify_if_presented);
        return;
    }
    if (settings->server_name_is_ip) {
        int family = strchr(settings->server_name, ':') != NULL ? AF_INET6 : AF_INET;
        inet_pton(family, settings->server_name, session->address);
        name->type = GNUTLS_DT_IP_ADDRESS;
        name->data = session->address;
        name->size = family == AF_INET6 ? 16 : 4;
    } else {
        name->type = GNUTLS_DT_DNS_HOSTNAME;
        name->data = (unsigned char *)settings->server_name;
        gnutls_server_name_set(session->gnutls, GNUTLS_NAME_DNS, settings->server_name, strlen(settings->server_name));
    }
    gnutls_session_set_verify_cert2(session->gnutls, session->wanted, 2, 0);
}

void *library_open(void *configuration, const struct settings *settings, int socket) {
    /* Tickets are all that could resume a session, for there is no database. A client asks for a stapled response by
     * itself and looks at what it gets; 3.7 has no flag against that. */
    unsigned flags = (settings->server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
                     GNUTLS_NO_TICKETS;
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL || gnutls_init(&session->gnutls, flags) < 0) {
        free(session);
        return NULL;
    }
    gnutls_session_set_ptr(session->gnutls, session);
    gnutls_priority_set_direct(session->gnutls,
                               !settings->tls13   ? "NORMAL:-VERS-ALL:+VERS-TLS1.2"
                               : !settings->tls12 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3"
                                                  : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
                               NULL);
    gnutls_credentials_set(session->gnutls, GNUTLS_CRD_CERTIFICATE, configuration);
    if (settings->alpn != NULL) set_protocols(session->gnutls, settings->alpn);
    if (settings->server) {
        gnutls_certificate_server_set_request(session->gnutls,
                                              settings->client_auth == CLIENT_AUTH_REQUIRED   ? GNUTLS_CERT_REQUIRE
                                              : settings->client_auth == CLIENT_AUTH_OPTIONAL ? GNUTLS_CERT_REQUEST
                                                                                              : GNUTLS_CERT_IGNORE);
    }
    if (!settings->server || settings->client_auth != CLIENT_AUTH_NONE) set_verification(session, settings);
    /* The deadline is kept by shim.c. */
    gnutls_handshake_set_timeout(session->gnutls, 0);
    gnutls_transport_set_int(session->gnutls, socket);
    return session;
}

static enum step step_after(struct session *session, int result) {
    if (result >= 0) return DONE;
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
        return gnutls_record_get_direction(session->gnutls) == 1 ? WANTS_TO_WRITE : WANTS_TO_READ;
    return FAILED;
}

enum step library_shake_hands(void *opened, struct refusal *refusal) {
    struct session *session = opened;
    int result;
    /* Warnings are no end. */
    do {
        result = gnutls_handshake(session->gnutls);
    } while (result < 0 && result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED && !gnutls_error_is_fatal(result));
    enum step step = step_after(session, result);
    if (step != FAILED) return step;

    because(refusal, "%s", gnutls_strerror(result));
    gnutls_datum_t words;
    unsigned status = session->status != 0 ? session->status : gnutls_session_get_verify_cert_status(session->gnutls);
    if (result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0) == GNUTLS_E_SUCCESS) {
        because(refusal, "%s", words.data);
        gnutls_free(words.data);
    }
    /* GnuTLS leaves the alert to the application, and says which one is proper. A peer that has sent one, or is gone,
     * gets none. */
    bool over = result == GNUTLS_E_FATAL_ALERT_RECEIVED || result == GNUTLS_E_PREMATURE_TERMINATION ||
                result == GNUTLS_E_PULL_ERROR || result == GNUTLS_E_PUSH_ERROR;
    int level, alert = gnutls_error_to_alert(result, &level);
    if (!over && gnutls_alert_send(session->gnutls, level, alert) == GNUTLS_E_SUCCESS) refusal->alert = alert;
    return FAILED;
}

void library_identify(void *opened, struct identity *identity) {
    struct session *session = opened;
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session->gnutls, &count);
    gnutls_x509_crt_t certificate;
    if (chain == NULL || count == 0) {
        identity->kind = NOBODY;
        return;
    }
    if (gnutls_x509_crt_init(&certificate) < 0) return;
    if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
        struct identity_choice choice = {0};
        char name[sizeof choice.identity.name];
        for (unsigned i = 0;; i++) {
            size_t size = sizeof name;
            int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &size, NULL);
            if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) break;
            if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER) break;
            if (type == GNUTLS_SAN_DNSNAME) offer_name(&choice, NAME_DNS, name, size);
            if (type == GNUTLS_SAN_URI) offer_name(&choice, NAME_URI, name, size);
        }
        gnutls_datum_t subject;
        if (gnutls_x509_crt_get_dn3(certificate, &subject, 0) == GNUTLS_E_SUCCESS) {
            offer_name(&choice, NAME_SUBJECT, subject.data, subject.size);
            gnutls_free(subject.data);
        }
        *identity = choice.identity;
    }
    gnutls_x509_crt_deinit(certificate);
}

enum step library_receive(void *opened, char *octets, size_t size, size_t *received) {
    struct session *session = opened;
    ssize_t result = gnutls_record_recv(session->gnutls, octets, size);
    if (result >= 0) *received = (size_t)result;
    return step_after(session, (int)result);
}

enum step library_send(void *opened, const char *octets, size_t size) {
    struct session *session = opened;
    return step_after(session, (int)gnutls_record_send(session->gnutls, octets, size));
}

enum step library_say_goodbye(void *opened) {
    struct session *session = opened;
    return step_after(session, gnutls_bye(session->gnutls, GNUTLS_SHUT_WR));
}

void library_close(void *opened) {
    struct session *session = opened;
    gnutls_deinit(session->gnutls);
    free(session);
}
