/*
 * Gives NSS's selfserv and tstclnt a certificate chain to send: preload it with LD_PRELOAD and name a PEM file in
 * GAUNTLET_CHAIN.
 *
 * A program can hand its chain to NSS (SSL_ConfigServerCert); these two cannot, so that NSS looks for the issuers in the
 * database. There it would also complete the chains of peers with them, and every defect of an authority that bears the
 * name of one of ours would be healed by the good certificate next to it.
 */
#define _GNU_SOURCE
#include <nss/cert.h>
#include <nss/secport.h>
#include <plbase64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 64

static const char begin[] = "-----BEGIN CERTIFICATE-----";

/* The octets of the certificate whose PEM text ends at `end`. */
static int decode(PLArenaPool *arena, const char *text, const char *end, SECItem *item)
{
    char *letters = PORT_ArenaAlloc(arena, (unsigned)(end - text) + 1);
    unsigned count = 0;

    if (letters == NULL) return 0;
    for (; text < end; text++)
        if (*text > ' ') letters[count++] = *text;
    item->type = siBuffer;
    item->len = count / 4 * 3 - (count > 0 && letters[count - 1] == '=') - (count > 1 && letters[count - 2] == '=');
    item->data = PORT_ArenaAlloc(arena, count / 4 * 3 + 3);
    return item->data != NULL && PL_Base64Decode(letters, count, (char *)item->data) != NULL;
}

CERTCertificateList *CERT_CertChainFromCert(CERTCertificate *leaf, SECCertUsage usage, PRBool with_root)
{
    static char text[1 << 20];
    const char *name = getenv("GAUNTLET_CHAIN");
    FILE *file = name == NULL ? NULL : fopen(name, "r");
    PLArenaPool *arena = PORT_NewArena(DER_DEFAULT_CHUNKSIZE);
    CERTCertificateList *list = arena == NULL ? NULL : PORT_ArenaZAlloc(arena, sizeof *list);

    (void)leaf, (void)usage, (void)with_root;
    if (file == NULL || list == NULL) {
        fprintf(stderr, "GAUNTLET_CHAIN cannot be read\n");
        exit(1);
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    list->arena = arena;
    list->certs = PORT_ArenaZAlloc(arena, MOST * sizeof *list->certs);
    for (const char *at = text; list->certs != NULL && list->len < MOST && (at = strstr(at, begin)) != NULL;) {
        at += strlen(begin);
        const char *end = strstr(at, "-----END");
        if (end == NULL || !decode(arena, at, end, &list->certs[list->len])) break;
        list->len++;
    }
    return list;
}
