/*
 * wolfSSL, in both roles. What a careful user sets is set; every verdict is wolfSSL's own.
 */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

/* The alert that was sent first: it is the one that the peer goes by, and wolfSSL may send another after it and remembers
 * only that. A connection has a thread of its own. */
static _Thread_local int first_alert;

static void note_alert(const WOLFSSL *session, int type, int value) {
    (void)session;
    if (type == SSL_CB_ALERT && first_alert < 0) first_alert = value & 0xff;
}

/* What GEN_DNS and GEN_URI are called, without the header that renames all of OpenSSL. */
#define SAN_DNS 2
#define SAN_URI 6

/*
 * What the files held. Every connection gets a context of its own, made of this: wolfSSL adds the intermediate authorities
 * of a verified chain to the context, where they vouch for the chains of later connections, so that a verdict would hang
 * on who came before.
 */
struct file {
    unsigned char *text;
    long length;
};
struct configuration {
    const struct settings *settings;
    struct file chain, key, trust, crls;
};

void library_version(char *text, size_t size) {
    snprintf(text, size, "wolfSSL %s", wolfSSL_lib_version());
}

const char *library_lacks(const struct settings *settings) {
    if (settings->revocation == REVOCATION_END_ENTITY)
        return "wolfSSL checks the whole chain once it has the list of an intermediate authority";
    if (settings->revocation != REVOCATION_NONE && settings->allow_unknown_status)
        return "wolfSSL accepts no certificate that its lists do not cover";
    if (settings->revocation != REVOCATION_NONE && settings->allow_expired_crl)
        return "wolfSSL uses no expired lists";
    if (settings->stapling) return "wolfSSL refuses stapled responses about what an intermediate authority has issued";
    return NULL;
}

static const char *in_words(int error) {
    return wolfSSL_ERR_reason_error_string((unsigned long)error);
}

static WOLFSSL_METHOD *method(const struct settings *settings) {
    if (settings->server) {
        return !settings->tls13 ? wolfTLSv1_2_server_method()
               : !settings->tls12 ? wolfTLSv1_3_server_method()
                                  : wolfSSLv23_server_method();
    }
    return !settings->tls13 ? wolfTLSv1_2_client_method()
           : !settings->tls12 ? wolfTLSv1_3_client_method()
                              : wolfSSLv23_client_method();
}

/*
 * wolfSSL's own way in, wolfSSL_CTX_LoadCRLBuffer, verifies a list at once and therefore takes none of an intermediate
 * authority, which is known in the handshake only. Lists in the store are verified when they are used.
 */
static bool load_crls(WOLFSSL_CTX *context, const struct file *lists) {
    static const char begin[] = "-----BEGIN X509 CRL-----";
    bool fine = true;
    /* Reading one list uses up the rest of the BIO: each needs its own. */
    for (const char *at = (const char *)lists->text; fine && (at = strstr(at, begin)) != NULL; at += strlen(begin)) {
        WOLFSSL_BIO *in = wolfSSL_BIO_new_mem_buf(at, (int)strlen(at));
        WOLFSSL_X509_CRL *crl = wolfSSL_PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
        fine = crl != NULL && wolfSSL_X509_STORE_add_crl(wolfSSL_CTX_get_cert_store(context), crl) == WOLFSSL_SUCCESS;
        wolfSSL_X509_CRL_free(crl);
        wolfSSL_BIO_free(in);
    }
    return fine;
}

static WOLFSSL_CTX *make_context(const struct configuration *configuration, struct refusal *refusal) {
    const struct settings *settings = configuration->settings;
    const struct file *chain = &configuration->chain, *key = &configuration->key, *trust = &configuration->trust;
    WOLFSSL_CTX *context = wolfSSL_CTX_new(method(settings));
    if (context == NULL) {
        because(refusal, "wolfSSL gives no context");
        return NULL;
    }
    if (settings->tls12 && settings->tls13) wolfSSL_CTX_SetMinVersion(context, WOLFSSL_TLSV1_2);

    int result;
    if (wolfSSL_CTX_use_certificate_chain_buffer(context, chain->text, chain->length) != WOLFSSL_SUCCESS) {
        because(refusal, "it does not take the certificate chain");
    } else if (wolfSSL_CTX_use_PrivateKey_buffer(context, key->text, key->length, WOLFSSL_FILETYPE_PEM) !=
               WOLFSSL_SUCCESS) {
        because(refusal, "it does not take the private key");
    } else if (wolfSSL_CTX_check_private_key(context) != WOLFSSL_SUCCESS) {
        because(refusal, "the private key does not fit the certificate");
    } else if ((result = wolfSSL_CTX_load_verify_buffer(context, trust->text, trust->length, WOLFSSL_FILETYPE_PEM)) !=
               WOLFSSL_SUCCESS) {
        because(refusal, "it does not take the trust anchors: %s", in_words(result));
    } else if (settings->revocation != REVOCATION_NONE &&
               wolfSSL_CTX_EnableCRL(context, WOLFSSL_CRL_CHECKALL) != WOLFSSL_SUCCESS) {
        because(refusal, "it does not check revocation lists");
    } else if (settings->revocation != REVOCATION_NONE && settings->crl != NULL &&
               !load_crls(context, &configuration->crls)) {
        because(refusal, "it does not take a revocation list");
    } else {
        int mode = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        if (settings->server && settings->client_auth == CLIENT_AUTH_OPTIONAL) mode = WOLFSSL_VERIFY_PEER;
        if (settings->server && settings->client_auth == CLIENT_AUTH_NONE) mode = WOLFSSL_VERIFY_NONE;
        wolfSSL_CTX_set_verify(context, mode, NULL);
        wolfSSL_CTX_set_info_callback(context, note_alert);
        /* Sessions are never resumed. */
        wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
        if (settings->server) wolfSSL_CTX_NoTicketTLSv12(context);
        if (settings->server && settings->tls13) wolfSSL_CTX_no_ticket_TLSv13(context);
        return context;
    }
    wolfSSL_CTX_free(context);
    return NULL;
}

static bool load(struct file *file, const char *name) {
    size_t length = 0;
    file->text = (unsigned char *)read_file(name, &length);
    file->length = (long)length;
    return file->text != NULL;
}

void *library_configure(const struct settings *settings, struct refusal *refusal) {
    static bool ready = false;
    if (!ready) ready = wolfSSL_Init() == WOLFSSL_SUCCESS;

    struct configuration *configuration = calloc(1, sizeof *configuration);
    if (configuration == NULL || !load(&configuration->chain, settings->chain) ||
        !load(&configuration->key, settings->key) || !load(&configuration->trust, settings->trust) ||
        (settings->crl != NULL && !load(&configuration->crls, settings->crl))) {
        because(refusal, "a file cannot be read");
        return NULL;
    }
    configuration->settings = settings;
    /* To see whether wolfSSL takes it. */
    WOLFSSL_CTX *context = make_context(configuration, refusal);
    if (context == NULL) return NULL;
    wolfSSL_CTX_free(context);
    return configuration;
}

void *library_open(void *configuration, const struct settings *settings, int socket) {
    struct refusal refusal;
    WOLFSSL_CTX *context = make_context(configuration, &refusal);
    WOLFSSL *session = context == NULL ? NULL : wolfSSL_new(context);
    /* The session keeps the context for as long as it lives. */
    wolfSSL_CTX_free(context);
    if (session == NULL) return NULL;
    first_alert = -1;
    wolfSSL_set_fd(session, socket);
    wolfSSL_set_using_nonblock(session, 1);
    if (settings->alpn != NULL) {
        /* The call takes its list as writable. */
        char *names = strdup(settings->alpn);
        if (names != NULL) {
            wolfSSL_UseALPN(session, names, (unsigned)strlen(names), WOLFSSL_ALPN_FAILED_ON_MISMATCH);
            free(names);
        }
    }
    if (settings->server) {
        wolfSSL_set_accept_state(session);
        return session;
    }
    wolfSSL_set_connect_state(session);
    if (settings->server_name_is_ip) {
        wolfSSL_X509_VERIFY_PARAM_set1_ip_asc(wolfSSL_get0_param(session), settings->server_name);
    } else {
        wolfSSL_check_domain_name(session, settings->server_name);
        wolfSSL_UseSNI(session, WOLFSSL_SNI_HOST_NAME, settings->server_name, (unsigned short)strlen(settings->server_name));
    }
    return session;
}

static enum step step_after(WOLFSSL *session, int result, int *error) {
    *error = wolfSSL_get_error(session, result);
    return *error == WOLFSSL_ERROR_WANT_READ    ? WANTS_TO_READ
           : *error == WOLFSSL_ERROR_WANT_WRITE ? WANTS_TO_WRITE
                                                : FAILED;
}

enum step library_shake_hands(void *session, struct refusal *refusal) {
    int error, result = wolfSSL_is_server(session) ? wolfSSL_accept(session) : wolfSSL_connect(session);
    if (result == WOLFSSL_SUCCESS) return DONE;
    enum step step = step_after(session, result, &error);
    if (step == FAILED) {
        because(refusal, "%s (%d)", in_words(error), error);
        /* FATAL_ERROR: it was the peer who sent one. */
        refusal->alert = error == FATAL_ERROR ? -1 : first_alert;
    }
    return step;
}

void library_identify(void *session, struct identity *identity) {
    WOLFSSL_X509 *certificate = wolfSSL_get_peer_certificate(session);
    if (certificate == NULL) {
        identity->kind = NOBODY;
        return;
    }
    struct identity_choice choice = {0};
    WOLFSSL_GENERAL_NAMES *names = wolfSSL_X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < wolfSSL_sk_GENERAL_NAME_num(names); i++) {
        WOLFSSL_GENERAL_NAME *name = wolfSSL_sk_GENERAL_NAME_value(names, i);
        if (name->type != SAN_DNS && name->type != SAN_URI) continue;
        offer_name(&choice, name->type == SAN_URI ? NAME_URI : NAME_DNS, wolfSSL_ASN1_STRING_data(name->d.ia5),
                   (size_t)wolfSSL_ASN1_STRING_length(name->d.ia5));
    }
    if (names != NULL) wolfSSL_GENERAL_NAMES_free(names);
    char subject[512];
    if (wolfSSL_X509_NAME_oneline(wolfSSL_X509_get_subject_name(certificate), subject, sizeof subject) != NULL)
        offer_name(&choice, NAME_SUBJECT, subject, strlen(subject));
    *identity = choice.identity;
    wolfSSL_X509_free(certificate);
}

enum step library_receive(void *session, char *octets, size_t size, size_t *received) {
    int error, result = wolfSSL_read(session, octets, (int)size);
    if (result > 0) {
        *received = (size_t)result;
        return DONE;
    }
    enum step step = step_after(session, result, &error);
    if (error == WOLFSSL_ERROR_ZERO_RETURN) {
        *received = 0;
        return DONE;
    }
    return step;
}

enum step library_send(void *session, const char *octets, size_t size) {
    int error, result = wolfSSL_write(session, octets, (int)size);
    return result > 0 ? DONE : step_after(session, result, &error);
}

enum step library_say_goodbye(void *session) {
    /* SHUTDOWN_NOT_DONE: ours is sent, and the peer's has not come. */
    int error, result = wolfSSL_shutdown(session);
    if (result == WOLFSSL_SUCCESS || result == WOLFSSL_SHUTDOWN_NOT_DONE) return DONE;
    return step_after(session, result, &error);
}

void library_close(void *session) {
    wolfSSL_free(session);
}
