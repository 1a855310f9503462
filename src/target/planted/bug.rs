//! The planted bugs: one row each, and the switch that turns one of them on.
//!
//! A bug is one named omission; everything else about the target stays strict. What catches it is
//! therefore about just that omission.

use crate::scenario::Role;

#[macro_use]
mod fleet;

/// What is wrong with a verifier: nothing, or one bug.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flaws(Option<Bug>);

impl Flaws {
    /// Nothing is wrong with it.
    pub const NONE: Self = Self(None);

    /// This is wrong with it.
    pub const fn of(bug: Bug) -> Self {
        Self(Some(bug))
    }

    /// Does it have this bug?
    pub fn has(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// The bug, if it has one.
    pub fn bug(self) -> Option<Bug> {
        self.0
    }
}

const BOTH: &[Role] = &Role::ALL;
const SERVER: &[Role] = &[Role::Server];
const CLIENT: &[Role] = &[Role::Client];
/// It shows only while certificates change, in a fleet.
const FLEET: &[Role] = &[];

macro_rules! bugs {
    ($($variant:ident $roles:ident $name:literal $omission:literal $seen:literal,)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Bug {
            $(#[doc = concat!("It ", $omission, " (", $seen, ").")] $variant,)*
        }

        impl Bug {
            /// Every bug, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What it is called in `planted:<name>`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it does wrong: a sentence without its subject.
            pub fn omission(self) -> &'static str {
                match self { $(Self::$variant => $omission),* }
            }

            /// Where it, or its like, has been seen.
            pub fn seen(self) -> &'static str {
                match self { $(Self::$variant => $seen),* }
            }

            /// The roles in which it shows.
            pub fn roles(self) -> &'static [Role] {
                match self { $(Self::$variant => $roles),* }
            }
        }
    };
}
with_fleet_bugs! {
    // Trust and path building.
    AcceptsAnything BOTH "accepts-anything"
        "takes an error for a success and accepts whatever is presented"
        "CVE-2014-0092 in GnuTLS",
    ChecksOnlyTheLeaf BOTH "checks-only-the-leaf"
        "looks at the leaf and at the signatures, and at nothing else of the certificates between"
        "x509-limbo and BetterTLS test for it; CVE-2021-3450 in OpenSSL lost one such check",
    TrustsSuppliedRoot BOTH "trusts-supplied-root"
        "takes a self-signed certificate that the peer sends for a trust anchor"
        "aegis-latent-core issue 61: a self-signed certificate in a forwarded header was believed",
    MatchesIssuerByName BOTH "matches-issuer-by-name"
        "finds issuers by name and never verifies what they signed"
        "CVE-2008-5077 in OpenSSL: a malformed signature counted as a good one",
    IgnoresLeafSignature BOTH "ignores-leaf-signature"
        "verifies every signature of the path but the leaf's"
        "CVE-2026-5501 in wolfSSL",
    IgnoresIssuerName BOTH "ignores-issuer-name"
        "takes any authority whose key fits for the issuer, whatever it is called"
        "PKITS section 4.3 has the name chaining tests for it",
    FailsOpenOnEmptyBundle BOTH "fails-open-on-empty-bundle"
        "trusts everybody where its bundle is empty or cannot be read"
        "CVE-2026-27586 in Caddy",
    AcceptsIncompleteChain BOTH "accepts-incomplete-chain"
        "accepts a chain that leads nowhere, as long as its signatures hold"
        "OpenSSL verify callbacks that wave `unable to get local issuer certificate` through",
    TrustsOnlyFirstAnchor BOTH "trusts-only-first-anchor"
        "loads one trust anchor of a bundle and forgets the others"
        "akka-core issue 32977",
    ConfusesSameNameAnchors BOTH "confuses-same-name-anchors"
        "tries one trust anchor of each name"
        "openssl issues 13718 and 16304",
    StopsAtFirstPath BOTH "stops-at-first-path"
        "follows the first candidate at each step and never takes another way"
        "OpenSSL before 1.0.2, and the expired cross-certificate of May 2020",
    HuntsForLeaf BOTH "hunts-for-leaf"
        "takes the first certificate that is no authority for the leaf, wherever it is in the list"
        "tlsfuzzer issue 306 tests for it",
    RejectsReorderedChain BOTH "rejects-reordered-chain"
        "insists that each certificate that is sent issues the one before it"
        "GnuTLS under GNUTLS_VERIFY_DO_NOT_ALLOW_UNSORTED_CHAIN",
    RejectsSentRoot BOTH "rejects-sent-root"
        "refuses a chain that a self-signed root is sent along with"
        "openshift service-ca-operator pull request 188: Java stores and a root in the chain",
    RejectsTwoIntermediates BOTH "rejects-two-intermediates"
        "accepts one intermediate and no more"
        "nginx's default ssl_verify_depth of 1",
    VerifiesAnchorSignature BOTH "verifies-anchor-signature"
        "verifies the signature of a trust anchor over itself, with today's algorithms"
        "over-strict stacks that refuse a SHA-1 root",
    // Validity.
    IgnoresExpiry BOTH "ignores-expiry"
        "never looks at notAfter"
        "linkerd2 issue 9256: proxies went on talking after the authority's end",
    IgnoresNotBefore BOTH "ignores-not-before"
        "never looks at notBefore"
        "kumahq/kuma issue 11807: a certificate from the future, reported as expired",
    IgnoresIntermediateExpiry BOTH "ignores-intermediate-expiry"
        "looks at the validity of the leaf alone"
        "linkerd2 issue 3676: an expired authority went on issuing",
    MisreadsTwoDigitYears BOTH "misreads-two-digit-years"
        "reads the UTCTime years 50 to 68 as 2050 to 2068"
        "C's strptime, whose pivot is 69",
    OverflowsIn2038 BOTH "overflows-in-2038"
        "keeps time in 32 bits"
        "32-bit time_t in embedded gateways",
    RejectsFirstSecond BOTH "rejects-first-second"
        "takes notBefore for the last second before the validity period"
        "freshly issued certificates refused: hashicorp/vault issue 1035",
    RejectsLastSecond BOTH "rejects-last-second"
        "takes notAfter for the first second after the validity period"
        "an off-by-one that x509-limbo tests for",
    InsistsOnNestedValidity BOTH "insists-on-nested-validity"
        "refuses a certificate that outlives its issuer"
        "linkerd2 issue 3880",
    AllowsForSkew BOTH "allows-for-skew"
        "adds five minutes of leeway to both ends of the validity period"
        "istio issue 32176 and vault issue 1035 are what tempts to it",
    TakesIntervalForDuration BOTH "takes-interval-for-duration"
        "takes a validity period that ends before it begins for one that has no end"
        "code that computes a lifetime first and compares it unsigned",
    ReadsImpossibleDates BOTH "reads-impossible-dates"
        "takes a date that does not exist for one that never comes"
        "error paths that yield the greatest time there is",
    // Authorities.
    IgnoresCaFlag BOTH "ignores-ca-flag"
        "lets a certificate issue others although it is no authority"
        "CVE-2002-0862, CVE-2011-0228 and CVE-2026-33896",
    IgnoresCaKeyUsage BOTH "ignores-ca-key-usage"
        "lets an authority issue certificates although its key usage forbids it"
        "Go and rustls-webpki do not look at it",
    IgnoresPathLength BOTH "ignores-path-length"
        "never looks at the path length of basic constraints"
        "PKITS section 4.6",
    CountsSelfIssued BOTH "counts-self-issued"
        "counts self-issued certificates against the path length"
        "Go, rustls-webpki and pyca/cryptography, by x509-limbo",
    TrustsVersion1Ca BOTH "trusts-version-1-ca"
        "takes a certificate of version 1 for an authority"
        "GnuTLS's GNUTLS_VERIFY_ALLOW_X509_V1_CA_CRT",
    // Purposes and extensions.
    IgnoresEku BOTH "ignores-eku"
        "never looks at the extended key usage"
        "CVE-2024-45159 in Mbed TLS",
    ReadsEmptyEkuAsAny BOTH "reads-empty-eku-as-any"
        "takes an extended key usage that lists nothing for one that is not there"
        "Go, by x509-limbo",
    IgnoresKeyUsage BOTH "ignores-key-usage"
        "never looks at the key usage of the leaf"
        "CVE-2024-45159 in Mbed TLS; rustls does not look at it either",
    IgnoresUnknownCritical BOTH "ignores-unknown-critical"
        "ignores critical extensions that it does not know"
        "PKITS section 4.16",
    IgnoresUnknownCriticalInCa BOTH "ignores-unknown-critical-in-ca"
        "ignores unknown critical extensions of authorities"
        "verifiers that look at the extensions of the leaf only, by x509-limbo",
    RejectsUnknownExtensions BOTH "rejects-unknown-extensions"
        "refuses extensions that it does not know, critical or not"
        "fixed tables of embedded parsers",
    IgnoresDuplicateExtensions BOTH "ignores-duplicate-extensions"
        "takes one of two extensions with the same OID and ignores the other"
        "parsers that keep extensions in a map",
    // Name constraints.
    IgnoresNameConstraints BOTH "ignores-name-constraints"
        "never looks at name constraints"
        "BetterTLS has a suite for it, written for the browsers that did",
    IgnoresPermittedSubtrees BOTH "ignores-permitted-subtrees"
        "applies excluded subtrees and no permitted ones"
        "verifiers that implement one half, by BetterTLS",
    IgnoresExcludedSubtrees BOTH "ignores-excluded-subtrees"
        "applies permitted subtrees and no excluded ones"
        "verifiers that implement one half, by BetterTLS",
    IgnoresUriConstraints BOTH "ignores-uri-constraints"
        "does not apply name constraints to URIs"
        "RUSTSEC-2026-0098 in rustls-webpki",
    IgnoresEmailConstraints BOTH "ignores-email-constraints"
        "does not apply name constraints to mailboxes"
        "CVE-2026-27137 in Go is a neighbour",
    KeepsLastEmailConstraint BOTH "keeps-last-email-constraint"
        "keeps the last of several constraints on mailboxes"
        "CVE-2026-27137 in Go",
    IgnoresIpConstraints BOTH "ignores-ip-constraints"
        "does not apply name constraints to addresses"
        "verifiers that know host names only, by BetterTLS",
    IgnoresDirectoryConstraints BOTH "ignores-directory-constraints"
        "does not apply name constraints to distinguished names"
        "Go and rustls-webpki, by x509-limbo",
    IgnoresUnsupportedConstraints BOTH "ignores-unsupported-constraints"
        "ignores constraints of a form that it does not know, and accepts the names that they bind"
        "the neighbourhood of CVE-2023-0286 in OpenSSL",
    IgnoresNonCriticalConstraints BOTH "ignores-non-critical-constraints"
        "applies name constraints only where they are critical"
        "verifiers that take the mark for the meaning, by x509-limbo",
    IgnoresWildcardsInConstraints BOTH "ignores-wildcards-in-constraints"
        "does not apply name constraints to wildcard names"
        "CVE-2025-61727 in Go and RUSTSEC-2026-0099 in rustls-webpki",
    ComparesConstraintsByCase BOTH "compares-constraints-by-case"
        "compares names with their constraints case by case"
        "CVE-2026-33810 in Go",
    // Names.
    IgnoresServerName CLIENT "ignores-server-name"
        "accepts a server whatever it is called"
        "clients with verify_hostname off",
    FallsBackToCn CLIENT "falls-back-to-cn"
        "takes the common name where no alternative name fits"
        "OpenSSL, unless it is told not to",
    AcceptsPartialWildcards CLIENT "accepts-partial-wildcards"
        "lets a wildcard stand for a part of a label, in any label"
        "OpenSSL, unless it is told not to",
    WildcardSpansLabels CLIENT "wildcard-spans-labels"
        "lets a wildcard stand for several labels"
        "hand-written host name checks",
    WildcardMatchesParent CLIENT "wildcard-matches-parent"
        "lets a wildcard stand for no label at all"
        "hand-written host name checks",
    RejectsWildcards CLIENT "rejects-wildcards"
        "does not know wildcards"
        "hand-written host name checks",
    MatchesNamesBySubstring CLIENT "matches-names-by-substring"
        "finds one name inside the other and is content"
        "authorisation by a pattern without anchors",
    ComparesNamesByCase CLIENT "compares-names-by-case"
        "compares host names case by case"
        "CVE-2026-53622 in Traefik",
    AcceptsEmbeddedNul BOTH "accepts-embedded-nul"
        "ends a name at its first NUL"
        "CVE-2009-2408, and CVE-2013-4238 in Python",
    SplitsNamesAtCommas BOTH "splits-names-at-commas"
        "writes names down as text and takes them apart again"
        "CVE-2021-44532 in Node",
    MatchesIpAsName CLIENT "matches-ip-as-name"
        "finds an address in a DNS name"
        "clients that compare every name as text",
    RejectsIpNames CLIENT "rejects-ip-names"
        "does not know addresses as names"
        "tokio-rustls issue 66",
    ReadsOnlyFirstName CLIENT "reads-only-first-name"
        "reads the first alternative name of a certificate and no more"
        "clients written for certificates with a single name",
    IdentityFromLastCn SERVER "identity-from-last-cn"
        "tells its application the last common name of the subject"
        "CVE-2026-33248 in NATS, and CVE-2021-44533 in Node",
    // SPIFFE.
    MatchesSpiffeByPrefix BOTH "matches-spiffe-by-prefix"
        "takes a trust domain for another that its name begins with"
        "authorisation by prefix of the SPIFFE ID",
    MergesTrustDomains BOTH "merges-trust-domains"
        "checks every trust domain against the anchors of all"
        "one merged pool of authorities, as with Go's and Envoy's default validators",
    SkipsSpiffeLeafRules BOTH "skips-spiffe-leaf-rules"
        "does not look at what an SVID's leaf may be"
        "java-spiffe before pull request 433",
    TakesFirstUri BOTH "takes-first-uri"
        "takes the first of several URIs for the SPIFFE ID"
        "any-name matchers, such as Envoy's match_typed_subject_alt_names",
    AcceptsMalformedSpiffeIds BOTH "accepts-malformed-spiffe-ids"
        "reads a SPIFFE ID as leniently as any URI"
        "authorisation by path, walked around with dot segments",
    AcceptsMissingSpiffeId BOTH "accepts-missing-spiffe-id"
        "accepts a leaf that has no SPIFFE ID"
        "java-spiffe before pull request 433",
    ChecksDnsUnderSpiffe CLIENT "checks-dns-under-spiffe"
        "wants the DNS name of the server in an SVID too"
        "clients that leave the host name check on, which SPIFFE IDs never pass",
    // Keys and signatures.
    AcceptsSha1 BOTH "accepts-sha1"
        "verifies SHA-1 signatures"
        "OpenSSL below security level 1",
    AcceptsMd5 BOTH "accepts-md5"
        "accepts MD5 signatures"
        "CVE-2004-2761: the rogue authority of 2008",
    AcceptsWeakKeys BOTH "accepts-weak-keys"
        "accepts RSA keys below 2048 bits"
        "OpenSSL below security level 2; Go from 1024 bits on",
    AcceptsZeroSignature BOTH "accepts-zero-signature"
        "accepts an ECDSA signature of two zeros"
        "CVE-2022-21449 in the JDK",
    IgnoresAlgorithmMismatch BOTH "ignores-algorithm-mismatch"
        "does not compare the two algorithm fields of a certificate"
        "CVE-2014-8275 in OpenSSL",
    FailsOpenOnUnknownKey BOTH "fails-open-on-unknown-key"
        "asks for no signature where it does not know the kind of key"
        "CVE-2024-12797 in OpenSSL is a neighbour: raw public keys went unchecked",
    PanicsOnUnknownKey BOTH "panics-on-unknown-key"
        "dies of a key whose algorithm it does not know"
        "CVE-2024-24783 and CVE-2025-58188 in Go",
    KnowsOnlyP256 BOTH "knows-only-p256"
        "refuses every kind of key but its favourite"
        "stacks without P-521 or Ed25519; consul issue 10070: a rotation to another key type",
    IgnoresCertificateVerify BOTH "ignores-certificate-verify"
        "does not verify that the peer has the private key"
        "CVE-2015-0205 in OpenSSL, CVE-2022-25638 and CVE-2020-24613 in wolfSSL",
    // Revocation lists.
    IgnoresCrl BOTH "ignores-crl"
        "never looks into its revocation lists"
        "OpenSSL's default: lists are used where that is asked for",
    IgnoresIntermediateCrl BOTH "ignores-intermediate-crl"
        "looks the leaf up and nobody else"
        "rustls's only_check_end_entity_revocation, and nginx by configuration",
    IgnoresCrlExpiry BOTH "ignores-crl-expiry"
        "uses a list past its next update"
        "rustls-webpki unless expiration is enforced; vault issue 16762",
    IgnoresMissingCrl BOTH "ignores-missing-crl"
        "accepts what no list covers"
        "envoy issue 38198: a list that is not there at the start is never read",
    IgnoresCrlSignature BOTH "ignores-crl-signature"
        "believes a list whoever signed it"
        "PKITS section 4.4",
    IgnoresCrlSign BOTH "ignores-crl-sign"
        "believes a list by an authority that may not sign lists"
        "rustls-webpki with default options, by x509-limbo",
    IgnoresCrlScope BOTH "ignores-crl-scope"
        "uses a list for certificates that it is not about"
        "RUSTSEC-2026-0048 in aws-lc-sys",
    ReadsOnlyFirstDistributionPoint BOTH "reads-only-first-distribution-point"
        "compares the first name of a distribution point and no other"
        "RUSTSEC-2026-0049 in rustls-webpki",
    IgnoresDeltaIndicator BOTH "ignores-delta-indicator"
        "takes a delta list for a complete one"
        "PKITS section 4.15",
    IgnoresCriticalCrlExtensions BOTH "ignores-critical-crl-extensions"
        "ignores critical extensions of lists that it does not know"
        "x509-limbo pull request 577",
    AppliesCrlToAnyIssuer BOTH "applies-crl-to-any-issuer"
        "looks serial numbers up without asking whose they are"
        "caches keyed by serial number",
    IgnoresCertificateHold BOTH "ignores-certificate-hold"
        "takes a certificate on hold for a good one"
        "stacks that know removal from hold and not hold",
    SkipsLargeCrls BOTH "skips-large-crls"
        "passes over lists of more than 64 KiB"
        "vault issues 7464 and 2844: revocation ends where the list outgrows its store",
    // Stapled responses.
    IgnoresStaple CLIENT "ignores-staple"
        "never looks at what is stapled"
        "CVE-2026-28755 in nginx: revoked, and accepted",
    IgnoresStapleCertificate CLIENT "ignores-staple-certificate"
        "does not ask which certificate a response is about"
        "lenient OCSP clients",
    IgnoresStapleExpiry CLIENT "ignores-staple-expiry"
        "believes a response past its next update"
        "letsencrypt/website issue 88: stale staples",
    IgnoresStapleSignature CLIENT "ignores-staple-signature"
        "believes a response whoever signed it"
        "lenient OCSP clients",
    TrustsAnyResponder CLIENT "trusts-any-responder"
        "believes a responder that nobody has appointed"
        "lenient OCSP clients",
    IgnoresMustStaple CLIENT "ignores-must-staple"
        "does not ask for the response that a certificate promises"
        "OpenSSL, Go and rustls do not",
    // Encoding.
    AcceptsNonDer BOTH "accepts-non-der"
        "reads BER where DER is required"
        "CVE-2014-8275 in OpenSSL",
    IgnoresTrailingData BOTH "ignores-trailing-data"
        "ignores what follows the certificate"
        "fingerprints that change: CVE-2014-8275 in OpenSSL",
    FailsOpenOnParseError BOTH "fails-open-on-parse-error"
        "logs what it cannot read, and carries on as if there were nothing to check"
        "CVE-2025-12816 in node-forge: a desynchronised parser",
    PanicsOnBadCertificate BOTH "panics-on-bad-certificate"
        "dies of a certificate that it cannot read"
        "CVE-2026-27138 in Go; RUSTSEC-2026-0104 in rustls-webpki",
    // The handshake and the service around it.
    AsksForNothing SERVER "asks-for-nothing"
        "never asks for a client certificate"
        "CVE-2018-21246 in Caddy: a host reached without its client authentication",
    ClientAuthOptional SERVER "client-auth-optional"
        "goes on without a certificate where one is required"
        "CVE-2022-25640 in wolfSSL",
    ClientAuthAlwaysRequired SERVER "client-auth-always-required"
        "insists on a certificate where it is optional"
        "istio issue 41010: probes have none",
    TrustsPresentedWhenOptional SERVER "trusts-presented-when-optional"
        "does not verify a certificate that it had only asked for"
        "nginx's ssl_verify_client optional_no_ca, taken for optional",
    LoadsMismatchedPair BOTH "loads-mismatched-pair"
        "presents a certificate with a key that does not fit"
        "Rocket issue 2683, harper issue 1409",
    BlocksAcceptLoop SERVER "blocks-accept-loop"
        "does handshakes one after the other in its accept loop"
        "acton-service issue 94, cachegrand issue 424, roadrunner issue 212",
    LeaksRefusedConnections CLIENT "leaks-refused-connections"
        "never closes a connection whose handshake has failed"
        "OpenSIPS issue 3711, libnetconf2 issue 313",
    NoHandshakeDeadline BOTH "no-handshake-deadline"
        "waits for ever for the rest of a handshake"
        "tokio-rustls issue 4, nature-lang issue 300",
    CompletesWithoutApplicationData BOTH "completes-without-application-data"
        "completes the handshake and says no more"
        "rustls issue 1707: a completed handshake taken for an acceptance",
    AcceptsOldVersions BOTH "accepts-old-versions"
        "speaks TLS 1.2 where it was told not to"
        "per-host version floors that the default host does not have",
    IgnoresAlpn BOTH "ignores-alpn"
        "goes on without an application protocol in common"
        "the ALPACA attacks",
    MishandlesFragments SERVER "mishandles-fragments"
        "asks for no certificate where the ClientHello comes in several records"
        "CVE-2026-32305 in Traefik",
    // Sessions and reloads.
    ResumesPastExpiry BOTH "resumes-past-expiry"
        "resumes a session after the certificate behind it has expired"
        "apisix issue 9525; OpenSSL and rustls leave it to the application",
    ResumesUnderOldTrust SERVER "resumes-under-old-trust"
        "keeps its sessions when its trust anchors or lists change, and judges them by the old ones"
        "CVE-2025-68121 in Go; moq issue 2863",
    ResumesUnauthenticated SERVER "resumes-unauthenticated"
        "resumes a session without a certificate where one has become required"
        "botan issue 5818; rustls warns of it where session stores are shared",
    ResumesAcrossHosts SERVER "resumes-across-hosts"
        "resumes at one virtual host a session that another has given, which trusts other clients"
        "CVE-2025-23419 in nginx, CVE-2025-23048 in Apache httpd, GHSA-gv8r-9rw9-9697 in Traefik",
    LosesIdentityOnResumption BOTH "loses-identity-on-resumption"
        "does not know who the peer of a resumed session is"
        "envoy issues 21235 and 42668",
    RefusesUnknownSessions SERVER "refuses-unknown-sessions"
        "refuses a client that offers a session that it does not know, instead of a full handshake"
        "CVE-2014-7189 in Go is a neighbour",
    HoardsTickets CLIENT "hoards-tickets"
        "offers tickets long after their lifetime"
        "clients whose session cache has no clock",
    KeepsOldVerifier BOTH "keeps-old-verifier"
        "says that it has reloaded, and goes on with the trust anchors, lists and settings of its start"
        "crabka issue 117 and librdkafka issue 2868: trust is fixed at the start",
    MergesBundles BOTH "merges-bundles"
        "adds new trust anchors to the old ones and never lets go of any"
        "pools of anchors that can only grow, such as Go's CertPool",
    ReadsCrlOnce BOTH "reads-crl-once"
        "takes new trust anchors while it runs, and lists at its start alone"
        "envoy issue 38198: a list that is copied over the old one is not read",
    LosesCrlOnReload BOTH "loses-crl-on-reload"
        "reloads its trust anchors and forgets its lists"
        "verifiers that are built in two places, of which one knows of lists",
    RequiresOnRestart SERVER "requires-on-restart"
        "goes on asking of its clients what it asked at its start, until it is started again"
        "listeners whose client authentication is fixed when they are opened",
}

impl Bug {
    /// Does it show in a fleet whose certificates change?
    pub fn shows_in_fleets(self) -> bool {
        self.roles().is_empty()
            || matches!(
                self,
                Self::BlocksAcceptLoop | Self::LoadsMismatchedPair | Self::NoHandshakeDeadline
            )
    }

    /// Does it show in nothing but stories: about sessions, reloads, or time that goes on?
    pub fn is_about_time(self) -> bool {
        (Self::ResumesPastExpiry..=Self::RequiresOnRestart).contains(&self)
    }

    /// The bug with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|bug| bug.name() == name)
    }
}
