//! Defects of standing: revoked, or nobody can say that it is not.

use mtls_gauntlet::target::planted::Bug::*;

use super::support::{Defect, client, server};

/// The defects.
pub static REVOCATION: &[Defect] = &[
    server(
        "a revoked leaf",
        &[IgnoresCrl],
        "[crl.issuing]\nrevokes = [\"peer\"]\n[crl.root]",
    ),
    server(
        "a leaf on hold",
        &[IgnoresCrl, IgnoresCertificateHold],
        "[crl.issuing]\nrevokes = [\"peer\"]\nreason = 6\n[crl.root]",
    ),
    server(
        "a revoked intermediate",
        &[IgnoresCrl, IgnoresIntermediateCrl],
        "[pki.retired]\nlike = \"issuing\"\n[pki.peer]\nissuer = \"retired\"\n\
         [crl.issuing]\n[crl.retired]\n[crl.root]\nrevokes = [\"retired\"]\n\
         [twin.pki.peer]\nissuer = \"issuing\"",
    ),
    server(
        "a list past its next update",
        &[IgnoresCrl, IgnoresCrlExpiry],
        "[crl.issuing]\nthis-update = \"-10d\"\nnext-update = \"-1d\"\n[crl.root]\n\
         [twin.crl.issuing]\nnext-update = \"+1d\"",
    ),
    server(
        "no list",
        &[IgnoresCrl, IgnoresMissingCrl],
        "[crl.root]\n[twin.crl.issuing]\nrevokes = []",
    ),
    server(
        "a list with a flipped signature",
        &[IgnoresCrl, IgnoresMissingCrl, IgnoresCrlSignature],
        "[crl.issuing]\nflip-signature = true\n[crl.root]\n[twin.crl.issuing]\nflip-signature = false",
    ),
    server(
        "a list by an authority that may not sign lists",
        &[IgnoresCrl, IgnoresMissingCrl, IgnoresCrlSign],
        "[pki.issuing]\nkey-usage = [\"key-cert-sign\"]\n[crl.issuing]\n[crl.root]\n\
         [twin.pki.issuing]\nkey-usage = [\"key-cert-sign\", \"crl-sign\"]",
    ),
    server(
        "a list of authorities",
        &[IgnoresCrl, IgnoresMissingCrl, IgnoresCrlScope],
        "[crl.issuing]\nonly = \"authorities\"\n[crl.root]\n[twin.crl.issuing]\nonly = \"end-entities\"",
    ),
    server(
        "another shard of the list",
        &[IgnoresCrl, IgnoresMissingCrl, IgnoresCrlScope],
        "[pki.peer]\ncrl-distribution-point = [\"http://crl.test/1\"]\n\
         [crl.issuing]\ndistribution-point = [\"http://crl.test/2\"]\n[crl.root]\n\
         [twin.crl.issuing]\ndistribution-point = [\"http://crl.test/1\"]",
    ),
    server(
        "a delta list",
        &[IgnoresCrl, IgnoresMissingCrl, IgnoresDeltaIndicator],
        "[crl.issuing]\ndelta-base = 1\nnumber = 2\n[crl.root]\n[twin.crl.root]\nnumber = 1\n\
         [twin.crl.whole]\nissuer = \"issuing\"",
    ),
    server(
        "an indirect list",
        &[IgnoresCrl, IgnoresMissingCrl],
        "[crl.issuing]\nindirect = true\n[crl.root]\n[twin.crl.issuing]\nindirect = false",
    ),
    server(
        "a critical extension of the list",
        &[IgnoresCrl, IgnoresMissingCrl, IgnoresCriticalCrlExtensions],
        "[crl.issuing]\nextensions = [{ oid = \"1.3.6.1.4.1.32473.1.1\", critical = true, value = \"0500\" }]\n\
         [crl.root]\n[twin.crl.issuing]\nextensions = []",
    ),
    server(
        "a list that is none",
        &[IgnoresCrl, FailsOpenOnParseError],
        "[crl.issuing]\nreplace = \"3000\"\n[crl.root]\n[twin.target]\nrevocation = \"none\"",
    ),
    client(
        "a staple that says revoked",
        &[IgnoresStaple],
        "[ocsp]\nstatus = \"revoked\"\n[twin.ocsp]\nstatus = \"good\"",
    ),
    client(
        "a staple for another certificate",
        &[IgnoresStaple, IgnoresStapleCertificate],
        "[ocsp]\ncertificate = \"target\"\n[twin.ocsp]\ncertificate = \"peer\"",
    ),
    client(
        "a staple past its next update",
        &[IgnoresStaple, IgnoresStapleExpiry],
        "[ocsp]\nthis-update = \"-3d\"\nnext-update = \"-1d\"\n[twin.ocsp]\nnext-update = \"+1d\"",
    ),
    client(
        "a staple with a flipped signature",
        &[IgnoresStaple, IgnoresStapleSignature],
        "[ocsp]\nflip-signature = true\n[twin.ocsp]\nflip-signature = false",
    ),
    client(
        "a staple that is none",
        &[IgnoresStaple, FailsOpenOnParseError],
        "[ocsp]\nreplace = \"3000\"\n[twin.ocsp]\nreplace = \"\"",
    ),
    client(
        "no answer",
        &[IgnoresStaple],
        "[ocsp]\nstatus = \"try-later\"\n[twin.ocsp]\nstatus = \"good\"",
    ),
    client(
        "a promised staple that does not come",
        &[IgnoresStaple, IgnoresMustStaple],
        "[pki.peer]\nmust-staple = true\n[twin]\nocsp = { status = \"good\" }",
    ),
];
