//! Defects of certificates and of the path that they make.

use mtls_gauntlet::target::planted::Bug::*;

use super::support::{Defect, both};

/// The defects; each is presented to both roles.
pub static CERTIFICATES: &[[Defect; 2]] = &[
    both(
        "an expired leaf",
        &[IgnoresExpiry],
        "[pki.peer]\nnot-before = \"-2d\"\nnot-after = \"-1d\"",
    ),
    both(
        "a leaf that expired a second ago",
        &[IgnoresExpiry, AllowsForSkew],
        "[pki.peer]\nnot-after = \"-1s\"",
    ),
    both(
        "a leaf from the future",
        &[IgnoresNotBefore],
        "[pki.peer]\nnot-before = \"+1d\"\nnot-after = \"+2d\"",
    ),
    both(
        "an expired intermediate",
        &[IgnoresExpiry, IgnoresIntermediateExpiry, ChecksOnlyTheLeaf],
        "[pki.issuing]\nnot-after = \"-1d\"",
    ),
    both(
        "a leaf that ended in 1950",
        &[
            IgnoresExpiry,
            MisreadsTwoDigitYears,
            TakesIntervalForDuration,
        ],
        "[pki.peer]\nmangle = [{ not-after = \"utc:500101000000Z\" }]",
    ),
    both(
        "a leaf that ends before it begins",
        &[TakesIntervalForDuration],
        "[pki.peer]\nnot-before = \"+1h\"\nnot-after = \"-1h\"",
    ),
    both(
        "a leaf that ends on no day at all",
        &[ReadsImpossibleDates, FailsOpenOnParseError],
        "[pki.peer]\nmangle = [{ not-after = \"generalized:20601332000000Z\" }]",
    ),
    both(
        "a self-signed leaf",
        &[AcceptsIncompleteChain, TrustsSuppliedRoot],
        "[pki.peer]\nissuer = \"peer\"",
    ),
    both(
        "an unknown root that is sent along",
        &[AcceptsIncompleteChain, TrustsSuppliedRoot],
        "[pki.rogue]\nlike = \"root\"\n[pki.peer]\nissuer = \"rogue\"\n\
         [peer]\npresents = [\"peer\", \"rogue\"]",
    ),
    both(
        "an impostor of the root",
        &[MatchesIssuerByName],
        "[pki.impostor]\nlike = \"root\"\nsubject = [\"O=mtls-gauntlet\", \"CN=root\"]\n\
         [pki.issuing]\nissuer = \"impostor\"",
    ),
    both(
        "a flipped signature on the leaf",
        &[MatchesIssuerByName, IgnoresLeafSignature],
        "[pki.peer]\nmangle = [\"flip-signature\"]",
    ),
    both(
        "a flipped signature on the intermediate",
        &[MatchesIssuerByName],
        "[pki.issuing]\nmangle = [\"flip-signature\"]",
    ),
    both(
        "a signature of two zeros",
        &[
            MatchesIssuerByName,
            IgnoresLeafSignature,
            AcceptsZeroSignature,
        ],
        "[pki.peer]\nmangle = [\"zero-signature\"]",
    ),
    both(
        "another issuer's name",
        &[AcceptsIncompleteChain, IgnoresIssuerName],
        "[pki.peer]\nmangle = [{ issuer = [\"O=mtls-gauntlet\", \"CN=somebody\"] }]",
    ),
    both(
        "an empty bundle",
        &[AcceptsIncompleteChain, FailsOpenOnEmptyBundle],
        "[target]\ntrusts = []\n[twin.target]\ntrusts = [\"root\"]",
    ),
    both(
        "a leaf that issues",
        &[IgnoresCaFlag, ChecksOnlyTheLeaf],
        "[pki.issuing]\nca = false",
    ),
    both(
        "an issuer without basic constraints",
        &[IgnoresCaFlag, ChecksOnlyTheLeaf],
        "[pki.issuing]\nomit = [\"basic-constraints\"]",
    ),
    both(
        "an issuer that may not sign certificates",
        &[IgnoresCaKeyUsage, ChecksOnlyTheLeaf],
        "[pki.issuing]\nkey-usage = [\"digital-signature\"]",
    ),
    both(
        "a path that is too long",
        &[IgnoresPathLength, ChecksOnlyTheLeaf],
        "[pki.upper]\nlike = \"issuing\"\npath-len = 0\n[pki.issuing]\nissuer = \"upper\"\n\
         [twin.pki.upper]\npath-len = 1",
    ),
    both(
        "a critical extension of the leaf",
        &[IgnoresUnknownCritical],
        "[pki.peer]\nextensions = [{ oid = \"1.3.6.1.4.1.32473.1.1\", critical = true, value = \"0500\" }]",
    ),
    both(
        "a critical extension of the intermediate",
        &[
            IgnoresUnknownCritical,
            IgnoresUnknownCriticalInCa,
            ChecksOnlyTheLeaf,
        ],
        "[pki.issuing]\nextensions = [{ oid = \"1.3.6.1.4.1.32473.1.1\", critical = true, value = \"0500\" }]",
    ),
    both(
        "another purpose",
        &[IgnoresEku],
        "[pki.peer]\neku = [\"code-signing\"]",
    ),
    both(
        "no purpose at all",
        &[ReadsEmptyEkuAsAny, FailsOpenOnParseError],
        "[pki.peer]\neku = []",
    ),
    both(
        "a key that signs nothing",
        &[IgnoresKeyUsage],
        "[pki.peer]\nkey-usage = [\"key-encipherment\"]",
    ),
    both(
        "an extension twice",
        &[IgnoresDuplicateExtensions, FailsOpenOnParseError],
        "[pki.peer]\nmangle = [{ duplicate-extension = \"2.5.29.15\" }]",
    ),
    both(
        "extensions in version 1",
        &[FailsOpenOnParseError],
        "[pki.peer]\nmangle = [{ version = 1 }]",
    ),
    both(
        "an authority of version 1",
        &[IgnoresCaFlag, ChecksOnlyTheLeaf, TrustsVersion1Ca],
        "[pki.issuing]\nmangle = [\"drop-extensions\", { version = 1 }]",
    ),
    both(
        "a SHA-1 signature",
        &[MatchesIssuerByName, IgnoresLeafSignature, AcceptsSha1],
        "[pki.signer]\nlike = \"issuing\"\nkey = \"rsa2048\"\n[pki.peer]\nissuer = \"signer\"\n\
         signature = \"rsa-sha1\"\n[twin.pki.peer]\nsignature = \"rsa-sha256\"",
    ),
    both(
        "an MD5 signature",
        &[MatchesIssuerByName, IgnoresLeafSignature, AcceptsMd5],
        "[pki.signer]\nlike = \"issuing\"\nkey = \"rsa2048\"\n[pki.peer]\nissuer = \"signer\"\n\
         signature = \"rsa-md5\"\n[twin.pki.peer]\nsignature = \"rsa-sha256\"",
    ),
    both(
        "a weak key",
        &[AcceptsWeakKeys],
        "[pki.peer]\nkey = \"rsa1024\"\n[twin.pki.peer]\nkey = \"rsa2048\"",
    ),
    both(
        "a weak authority",
        &[AcceptsWeakKeys, MatchesIssuerByName, IgnoresLeafSignature],
        "[pki.signer]\nlike = \"issuing\"\nkey = \"rsa1024\"\n[pki.peer]\nissuer = \"signer\"\n\
         [twin.pki.signer]\nkey = \"rsa2048\"",
    ),
    both(
        "a key that nobody knows",
        &[FailsOpenOnUnknownKey],
        "[pki.peer]\nmangle = [{ public-key = \"dsa\" }]",
    ),
    both(
        "two signature algorithms",
        &[IgnoresAlgorithmMismatch, FailsOpenOnParseError],
        "[pki.peer]\nmangle = [\"signature-algorithm-mismatch\"]",
    ),
    both(
        "octets behind the certificate",
        &[IgnoresTrailingData, FailsOpenOnParseError],
        "[pki.peer]\nmangle = [{ trailing = \"00\" }]",
    ),
    both(
        "an indefinite length",
        &[AcceptsNonDer, FailsOpenOnParseError],
        "[pki.peer]\nmangle = [\"indefinite-length\"]",
    ),
    both(
        "a length that is too long",
        &[AcceptsNonDer, FailsOpenOnParseError],
        "[pki.peer]\nmangle = [\"non-minimal-length\"]",
    ),
    both(
        "half a certificate",
        &[FailsOpenOnParseError],
        "[pki.peer]\nmangle = [{ truncate = 200 }]",
    ),
];
