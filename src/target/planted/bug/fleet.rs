//! The planted bugs of fleets: rows that come after those of verifiers and sessions.

/// Gives `bugs!` the rows that it is given, and those of fleets after them.
macro_rules! with_fleet_bugs {
    ($($rows:tt)*) => {
        bugs! {
            $($rows)*
                // Fleets: while certificates change.
                ResumesBlindly FLEET "resumes-blindly"
                    "resumes sessions without judging again whom they were granted to"
                    "CVE-2025-68121 in Go, moq-dev/moq issue 2863",
                KeepsConnections FLEET "keeps-connections"
                    "never looks again at who is behind a connection that is open"
                    "nuts-node issue 2018, teleport issue 41826",
                IgnoresNewLists FLEET "ignores-new-lists"
                    "accepts until its restart whom a new list revokes"
                    "envoyproxy/envoy issue 38198",
                IgnoresListExpiry FLEET "ignores-list-expiry"
                    "relies on a list that has expired"
                    "hashicorp/vault issue 16762, the default of rustls",
                TakesOlderLists FLEET "takes-older-lists"
                    "takes an older list for a newer one"
                    "RFC 5280 section 5.2.3 numbers them",
                TakesEmptyBundleForNoRule FLEET "takes-empty-bundle-for-no-rule"
                    "asks nobody for a certificate where its bundle is empty"
                    "akka/akka-core issue 32977",
                DropsOldMaterial FLEET "drops-old-material"
                    "throws its good material away before it has read the new"
                    "HarperFast/harper issue 1409, linkerd/linkerd2 issue 8018",
                LeaksGenerations FLEET "leaks-generations"
                    "keeps every generation of its configuration for ever"
                    "envoyproxy/envoy issue 30019",
                ClosesAtReload FLEET "closes-at-reload"
                    "closes every connection at each reload"
                    "Icinga/icinga2 issue 6517, istio/istio issue 3155",
                SwapsCertificateFirst FLEET "swaps-certificate-first"
                    "presents a new certificate before it has read the key that belongs to it"
                    "HarperFast/harper issue 1409",
                FollowsLinkOnce FLEET "follows-link-once"
                    "finds out once where a symbolic link leads, and looks there from then on"
                    "cloudflare/certinel issue 20, cilium/cilium issue 13621",
                TakesTornFiles FLEET "takes-torn-files"
                    "takes what it can read of a file that is not whole"
                    "akka/akka-core issue 32977: the first authority of several, and no word of the others",
                DropsMissingLists FLEET "drops-missing-lists"
                    "looks nobody up any more when the file of its lists is gone"
                    "envoyproxy/envoy issue 38198",
                IgnoresLateFiles FLEET "ignores-late-files"
                    "never looks again for files that were not there when it started"
                    "envoyproxy/envoy issue 26312",
                KeepsQuiet FLEET "keeps-quiet"
                    "tells nobody of material that it could not take"
                    "linkerd/linkerd2 issue 8018",
                RenewsInStep FLEET "renews-in-step"
                    "renews its certificate at the same instant as everybody else, and tries again with everybody"
                    "smallstep/certificates issue 350, hashicorp/consul issue 5228",
                RenewsByItsOwnLeaf FLEET "renews-by-its-own-leaf"
                    "asks for a new certificate by the old one, which may have expired"
                    "linkerd/linkerd2 issue 13136, spiffe/spire issue 5796",
                RenewsOnce FLEET "renews-once"
                    "never asks again for a new certificate after it was refused one"
                    "cert-manager/istio-csr issue 138",
                TakesAnyAnswer FLEET "takes-any-answer"
                    "takes whatever the authority answers for its new certificate"
                    "linkerd/linkerd2 issue 3676: an authority that went on signing expired certificates",
                RenewsTooLate FLEET "renews-too-late"
                    "asks for a new certificate when it finds that the old one has expired"
                    "istio/istio issue 38081",
                PanicsAtReload FLEET "panics-at-reload"
                    "panics in the first handshake after each reload"
                    "RUSTSEC-2024-0399 in rustls: what one peer sends ends the thread that serves it",
                // Fleets: clocks, the network, overload.
                FreezesItsClock FLEET "freezes-its-clock"
                    "judges validity by the time at which it was started"
                    "letsencrypt/boulder issue 6846: an expiry noticed hours later",
                GrantsLeeway FLEET "grants-leeway"
                    "takes a certificate for some seconds after its end"
                    "allowances for skew, as in libraries for signed tokens",
                IssuesWithoutBackdate FLEET "issues-without-backdate"
                    "issues leaves that begin to be valid the second they are issued"
                    "hashicorp/vault issue 1035, istio/istio issue 32176",
                EndsAtFirstError FLEET "ends-at-first-error"
                    "ends its accept loop when a connection cannot be accepted"
                    "hannesm/tlstunnel-lwt issue 15",
                UnboundedHandshakes FLEET "unbounded-handshakes"
                    "takes part in as many handshakes at once as somebody begins"
                    "envoyproxy/envoy issues 33608 and 20727",
                LeaksFailedHandshakes FLEET "leaks-failed-handshakes"
                    "keeps a task for every handshake that has failed"
                    "CVE-2021-42075 in barrier, CESNET/libnetconf2 issue 313",
                KeepsHalfOpen FLEET "keeps-half-open"
                    "keeps a connection for ever whose other end has vanished"
                    "Icinga/icinga2 issue 3902, scylladb/seastar issue 328",
                PinsGenerations FLEET "pins-generations"
                    "keeps the configuration that a connection began with as long as the connection"
                    "jcmoraisjr/haproxy-ingress issue 692, haproxy/haproxy issue 1792",
                RefusesInSilence FLEET "refuses-in-silence"
                    "refuses without an alert"
                    "h2o/h2o issue 2685",
                RetriesWithoutPause FLEET "retries-without-pause"
                    "as a caller tries again at once when it has been refused"
                    "bloomberg/comdb2 issue 2028",
                TakesHandshakeForAcceptance FLEET "takes-handshake-for-acceptance"
                    "as a caller takes a completed handshake for an acceptance"
                    "rustls/rustls issue 1707, openssl/openssl issue 8500",
                StaysWithDeadConnections FLEET "stays-with-dead-connections"
                    "as a caller goes on using a connection that has failed it"
                    "Icinga/icinga2 issue 6517: endpoints that never come back",
                // Fleets: rotation, trust and sessions.
                TakesOneNewLeaf FLEET "takes-one-new-leaf"
                    "takes the first new leaf and none after it"
                    "cilium/cilium issue 13621: the second rotation is ignored",
                TakesAnyLeaf FLEET "takes-any-leaf"
                    "does not look at a new leaf before it presents it"
                    "linkerd/linkerd2 issue 3880, linkerd/linkerd issue 1957",
                SwapsKeyFirst FLEET "swaps-key-first"
                    "takes a new key a moment before the certificate that goes with it"
                    "HarperFast/harper issue 1409, etcd-io/etcd issue 7865",
                DropsHandshakesAtReload FLEET "drops-handshakes-at-reload"
                    "gives up the handshakes that are under way at each reload"
                    "istio/istio issue 3155: an outage at each rotation",
                CallsWithOldLeaf FLEET "calls-with-old-leaf"
                    "goes on calling with the leaf that it began with"
                    "confluentinc/librdkafka issue 2868, robot-head/crabka issue 117",
                ClingsToConnections FLEET "clings-to-connections"
                    "stays on the connections that its old leaf and its old trust have opened"
                    "envoyproxy/envoy issue 17999, grpc/grpc-go issue 2394",
                NeverReconnects FLEET "never-reconnects"
                    "gives a stream up for good when it breaks"
                    "Icinga/icinga2 issue 6517: some endpoints never come back",
                FallsBackUnverified FLEET "falls-back-unverified"
                    "talks to a server that it has refused, without verification"
                    "linkerd/linkerd2 issue 1269",
                ForgivesExpiredServers FLEET "forgives-expired-servers"
                    "verifies servers, and forgives what has expired"
                    "linkerd/linkerd2 issue 9256",
                SendsShortChain FLEET "sends-short-chain"
                    "sends its leaf and one authority, and nothing from above it"
                    "apache/pulsar-client-cpp issue 467, linkerd/linkerd issue 1957",
                KeepsOldAnchors FLEET "keeps-old-anchors"
                    "adds the trust anchors of a new bundle to the old ones"
                    "bundles that are merged where they should be replaced",
                TriesFirstOfAName FLEET "tries-first-of-a-name"
                    "tries one trust anchor of several that have the same name"
                    "openssl/openssl issues 13718 and 16304",
                TrustsByName FLEET "trusts-by-name"
                    "takes the name of a trust anchor for its signature"
                    "verifiers that find an issuer and do not check its key",
                RemembersRefusals FLEET "remembers-refusals"
                    "refuses for good whom it has refused once"
                    "caches of refusals that outlive what they rest on",
                LooksUpOnlyLeaves FLEET "looks-up-only-leaves"
                    "looks leaves up in the lists, and authorities nowhere"
                    "rustls's only_check_end_entity_revocation, in a fleet",
                ForgetsResumedIdentity FLEET "forgets-resumed-identity"
                    "does not tell its application whose session was resumed"
                    "httpwg/http-extensions issue 1992",
                // Fleets: sidecars, policies, probes, and who comes and goes.
                PassesForgedIdentity FLEET "passes-forged-identity"
                    "as a sidecar passes on what a caller says of its own identity"
                    "JuanLunaIA/aegis-latent-core issue 61: an identity in a forwarded header was believed",
                StaysPermissive FLEET "stays-permissive"
                    "goes on taking plaintext when it has been told to require TLS"
                    "linkerd/linkerd2 issue 1269 is a neighbour: plaintext in a mesh that was to have none",
                FallsBackToPlaintext FLEET "falls-back-to-plaintext"
                    "as a caller calls in plaintext where TLS has failed"
                    "linkerd/linkerd2 issue 1269",
                AnswersProbers FLEET "answers-probers"
                    "lets in without a certificate who asks for nothing but its health"
                    "istio/istio issue 41010, kubernetes/kubernetes issue 64866: probes have no certificate",
                AlwaysReady FLEET "always-ready"
                    "says that it is ready whatever has become of its certificate"
                    "spiffe/spire issue 1562: broken until its restart, and its health stayed green",
                ResetsAtLeaving FLEET "resets-at-leaving"
                    "ends the calls that are under way when it is told to leave"
                    "istio/istio issue 3155 is a neighbour: connections cut at each change",
                ListensBeforeLists FLEET "listens-before-lists"
                    "listens, when it is new, before it has its revocation lists"
                    "envoyproxy/envoy issue 38198: a list that is not there at the start is never read",
                CallsUnderOldTrust FLEET "calls-under-old-trust"
                    "takes new trust anchors for those who call it, and not for those whom it calls"
                    "confluentinc/librdkafka issue 2868: a client's trust is fixed at its start",
                LooksUpOnlyCallers FLEET "looks-up-only-callers"
                    "looks those up who call it, and not those whom it calls"
                    "clients without lists, as most are by default",
        }
    };
}
