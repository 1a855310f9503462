//! Defects of names: what they are, what they may be, whose they are.

use mtls_gauntlet::target::planted::Bug::*;

use super::support::{Defect, client, server};

/// The defects.
pub static NAMES: &[Defect] = &[
    client(
        "another server's name",
        &[IgnoresServerName],
        "[pki.peer]\nnames = [\"other.gauntlet.test\"]",
    ),
    client(
        "a common name alone",
        &[IgnoresServerName, FallsBackToCn],
        "[pki.peer]\nsubject = [\"CN=peer.gauntlet.test\"]\nnames = [\"other.gauntlet.test\"]",
    ),
    client(
        "a wildcard for a part",
        &[IgnoresServerName, AcceptsPartialWildcards],
        "[pki.peer]\nnames = [\"p*.gauntlet.test\"]",
    ),
    client(
        "a wildcard in the middle",
        &[IgnoresServerName, AcceptsPartialWildcards],
        "[pki.peer]\nnames = [\"peer.*.test\"]",
    ),
    client(
        "a wildcard for two labels",
        &[IgnoresServerName, WildcardSpansLabels],
        "[target]\nserver-name = \"a.b.gauntlet.test\"\n[pki.peer]\nnames = [\"*.gauntlet.test\"]\n\
         [twin.pki.peer]\nnames = [\"a.b.gauntlet.test\"]",
    ),
    client(
        "a wildcard for no label",
        &[
            IgnoresServerName,
            WildcardMatchesParent,
            MatchesNamesBySubstring,
        ],
        "[pki.peer]\nnames = [\"*.peer.gauntlet.test\"]",
    ),
    client(
        "a longer name",
        &[IgnoresServerName, MatchesNamesBySubstring],
        "[pki.peer]\nnames = [\"peer.gauntlet.test.example\"]",
    ),
    client(
        "an address in a DNS name",
        &[IgnoresServerName, MatchesIpAsName],
        "[target]\nserver-name = \"127.0.0.1\"\n[pki.peer]\nnames = [\"dns:127.0.0.1\"]",
    ),
    client(
        "a NUL in a name",
        &[AcceptsEmbeddedNul, FailsOpenOnParseError],
        "[pki.peer]\nnames = [\"dns-hex:706565722e6761756e746c65742e74657374002e6578616d706c65\"]",
    ),
    client(
        "names in a name",
        &[SplitsNamesAtCommas, FailsOpenOnParseError],
        "[pki.peer]\nnames = [\"dns:a.example, DNS:peer.gauntlet.test\"]",
    ),
    server(
        "an empty list of names",
        &[FailsOpenOnParseError],
        "[pki.peer]\nnames = []",
    ),
    server(
        "a DNS name that is not permitted",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"dns:gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"outside.test\"]\n[twin.pki.peer]\nnames = [\"in.gauntlet.test\"]",
    ),
    server(
        "a DNS name that is excluded",
        &[
            IgnoresNameConstraints,
            IgnoresExcludedSubtrees,
            ChecksOnlyTheLeaf,
        ],
        "[pki.issuing]\nname-constraints = { excluded = [\"dns:gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"in.gauntlet.test\"]\n[twin.pki.peer]\nnames = [\"outside.test\"]",
    ),
    server(
        "an excluded name in capitals",
        &[
            IgnoresNameConstraints,
            IgnoresExcludedSubtrees,
            ChecksOnlyTheLeaf,
            ComparesConstraintsByCase,
        ],
        "[pki.issuing]\nname-constraints = { excluded = [\"dns:gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"in.GAUNTLET.test\"]\n[twin.pki.peer]\nnames = [\"outside.test\"]",
    ),
    server(
        "a wildcard that touches an excluded name",
        &[
            IgnoresNameConstraints,
            IgnoresExcludedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresWildcardsInConstraints,
        ],
        "[pki.issuing]\nname-constraints = { excluded = [\"dns:vault.gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"*.gauntlet.test\"]\n[twin.pki.peer]\nnames = [\"in.gauntlet.test\"]",
    ),
    server(
        "a wildcard that reaches beyond a permitted name",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresWildcardsInConstraints,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"dns:in.gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"*.gauntlet.test\"]\n[twin.pki.peer]\nnames = [\"in.gauntlet.test\"]",
    ),
    server(
        "a URI that is not permitted",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresUriConstraints,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"uri:gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"spiffe://outside.test/x\"]\n\
         [twin.pki.peer]\nnames = [\"spiffe://gauntlet.test/x\"]",
    ),
    server(
        "a mailbox that is not permitted",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresEmailConstraints,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"email:gauntlet.test\"] }\n\
         [pki.peer]\nnames = [\"email:a@outside.test\"]\n\
         [twin.pki.peer]\nnames = [\"email:a@gauntlet.test\"]",
    ),
    server(
        "a mailbox that is one of two excluded",
        &[
            IgnoresNameConstraints,
            IgnoresExcludedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresEmailConstraints,
            KeepsLastEmailConstraint,
        ],
        "[pki.issuing]\nname-constraints = { excluded = [\"email:a@one.test\", \"email:a@two.test\"] }\n\
         [pki.peer]\nnames = [\"email:a@one.test\"]\n\
         [twin.pki.peer]\nnames = [\"email:a@three.test\"]",
    ),
    server(
        "an address that is not permitted",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresIpConstraints,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"ip:10.0.0.0/8\"] }\n\
         [pki.peer]\nnames = [\"192.0.2.7\"]\n[twin.pki.peer]\nnames = [\"10.0.0.7\"]",
    ),
    server(
        "a subject that is not permitted",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresDirectoryConstraints,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"dn:O=Inside\"] }\n\
         [pki.peer]\nsubject = [\"O=Outside\", \"CN=peer\"]\n\
         [twin.pki.peer]\nsubject = [\"O=Inside\", \"CN=peer\"]",
    ),
    server(
        "a constraint without its mark",
        &[
            IgnoresNameConstraints,
            IgnoresPermittedSubtrees,
            ChecksOnlyTheLeaf,
            IgnoresNonCriticalConstraints,
        ],
        "[pki.issuing]\nname-constraints = { permitted = [\"dns:gauntlet.test\"], critical = false }\n\
         [pki.peer]\nnames = [\"outside.test\"]\n[twin.pki.peer]\nnames = [\"in.gauntlet.test\"]",
    ),
    server(
        "svid without an ID",
        &[AcceptsMissingSpiffeId],
        "[pki.peer]\nnames = [\"peer.gauntlet.test\"]",
    ),
    server(
        "svid with two IDs",
        &[TakesFirstUri],
        "[pki.peer]\nnames = [\"spiffe://gauntlet.test/a\", \"spiffe://gauntlet.test/b\"]",
    ),
    server(
        "svid of an authority",
        &[SkipsSpiffeLeafRules],
        "[pki.peer]\nca = true",
    ),
    server(
        "svid with a dot segment",
        &[AcceptsMalformedSpiffeIds],
        "[pki.peer]\nnames = [\"uri:spiffe://gauntlet.test/a/../b\"]",
    ),
    server(
        "svid of a domain that begins alike",
        &[MatchesSpiffeByPrefix, MergesTrustDomains],
        "[pki.peer]\nnames = [\"spiffe://gauntlet.test.example/peer\"]",
    ),
    client(
        "svid of a domain that another domain's authority has issued",
        &[AcceptsIncompleteChain, MergesTrustDomains],
        "[pki.abroad]\nlike = \"root\"\n\
         [target]\ntrust-domains = { \"gauntlet.test\" = [\"root\"], \"abroad.test\" = [\"abroad\"] }\n\
         [pki.peer]\nnames = [\"spiffe://abroad.test/peer\"]",
    ),
];
