//! What a person is told whose timeline names somebody who is not there, or asks for what cannot be.

use mtls_gauntlet::scenario::load;

/// A slip, the tables with it, and the same tables without it.
struct Slip {
    what: &'static str,
    tables: &'static str,
    /// What is replaced by what heals it.
    healed: (&'static str, &'static str),
}

const NAMES: &[Slip] = &[
    Slip {
        what: "a caller that is not there",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-caller\"\nwho = \"caler-0\"\n",
        healed: ("caler-0", "caller-0"),
    },
    Slip {
        what: "callers are numbered from 0",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"push-caller-bundle\"\nwho = \"caller-2\"\ntrusts = [\"root\"]\n",
        healed: ("caller-2", "caller-1"),
    },
    Slip {
        what: "whoever is held back",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"hold-back\"\nwho = \"hoarder-0\"\n",
        healed: ("hoarder-0", "service-2"),
    },
    Slip {
        what: "a service that has left",
        tables: "[fleet]\nservices = 4\n[[step]]\nat = \"2s\"\ndo = \"skew\"\nby = \"1s\"\nwho = \"service-3\"\n\
                 [[step]]\nat = \"1s\"\ndo = \"scale\"\ncount = 3\n",
        healed: ("count = 3", "count = 5"),
    },
    Slip {
        what: "the authority cannot be reached",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"partition\"\nwho = \"autority\"\nfor = \"1s\"\n",
        healed: ("autority", "authority"),
    },
    Slip {
        what: "somebody who is let in",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"disallow\"\nwho = \"caller1\"\n",
        healed: ("caller1", "caller-1"),
    },
    Slip {
        what: "who has been renamed can be let in",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\nwho = \"renamed-1\"\nservices = [1]\n\
                 [[step]]\nat = \"2s\"\ndo = \"allow\"\nwho = \"renamd-1\"\n",
        healed: ("renamd-1", "renamed-1"),
    },
    Slip {
        what: "a name that no certificate carries",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\nwho = \"the new one\"\n",
        healed: ("the new one", "the-new-one"),
    },
    Slip {
        what: "somebody who is revoked",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"1s\"\ndo = \"revoke\"\nrevokes = [\"caller-0\", \"sevice-1\"]\n\
                 [[step]]\nat = \"2s\"\ndo = \"publish-crl\"\n",
        healed: ("sevice-1", "service-1"),
    },
    Slip {
        what: "an authority that is not founded yet",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\npublish-every = \"1s\"\n[[step]]\nat = \"1s\"\ndo = \"revoke\"\nrevokes = [\"issuing of root/2\"]\n\
                 [[step]]\nat = \"2s\"\ndo = \"issue-from\"\nwho = \"root/2\"\n",
        healed: ("at = \"2s\"", "at = \"1s\""),
    },
    Slip {
        what: "an anchor that no leaf comes from",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"push-bundle\"\ntrusts = [\"root\", \"nxet\"]\n\
                 [[step]]\nat = \"2s\"\ndo = \"push-caller-bundle\"\ntrusts = [\"root\", \"next\"]\n\
                 [[step]]\nat = \"3s\"\ndo = \"issue-from\"\nwho = \"next\"\n",
        healed: ("nxet", "next"),
    },
    Slip {
        what: "the first anchor, misspelt",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"push-bundle\"\ntrusts = [\"rot\", \"other\"]\n",
        healed: ("rot\"", "root\""),
    },
    Slip {
        what: "an authority that nobody trusts",
        tables: "[fleet]\n[[step]]\nat = \"2s\"\ndo = \"issue-from\"\nwho = \"rott/2\"\n",
        healed: ("rott/2", "root/2"),
    },
    Slip {
        what: "a bridge to nowhere",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"cross-sign\"\nwho = \"nxt\"\nfor = \"1h\"\n\
                 [[step]]\nat = \"2s\"\ndo = \"push-bundle\"\ntrusts = [\"next\"]\n\
                 [[step]]\nat = \"2s\"\ndo = \"issue-from\"\nwho = \"next\"\n",
        healed: ("nxt", "next"),
    },
    Slip {
        what: "a file that services do not have",
        tables: "[fleet]\ndelivery = \"files\"\n[[step]]\nat = \"1s\"\ndo = \"write-files\"\nwho = \"bunle\"\ndefect = \"empty\"\n",
        healed: ("bunle", "bundle"),
    },
    Slip {
        what: "lists that services do not use",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"write-files\"\nwho = \"crl\"\ndefect = \"empty\"\n",
        healed: ("[fleet]", "[fleet]\ncrl-lifetime = \"1h\""),
    },
    Slip {
        what: "a defect of something else",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"write-files\"\nwho = \"bundle\"\ndefect = \"wrong-key\"\n",
        healed: ("bundle", "leaf"),
    },
    Slip {
        what: "files that are not there to be touched",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"write-files\"\nwho = \"bundle\"\n",
        healed: ("[fleet]", "[fleet]\ndelivery = \"files\""),
    },
];

const UNREAD: &[Slip] = &[
    Slip {
        what: "a recipe",
        tables: "[fleet]\n[pki.peer]\nnot-after = \"-1d\"\n",
        healed: ("[pki.peer]\nnot-after = \"-1d\"\n", ""),
    },
    Slip {
        what: "a peer",
        tables: "[fleet]\n[peer]\nfragment = 16\n",
        healed: ("[peer]\nfragment = 16\n", ""),
    },
    Slip {
        what: "a target",
        tables: "[fleet]\n[target]\nclient-auth = \"optional\"\n",
        healed: ("[target]\nclient-auth = \"optional\"\n", ""),
    },
    Slip {
        what: "a list",
        tables: "[fleet]\n[crl.issuing]\nrevokes = [\"peer\"]\n",
        healed: ("[crl.issuing]\nrevokes = [\"peer\"]\n", ""),
    },
    Slip {
        what: "a response",
        tables: "[fleet]\n[ocsp]\n",
        healed: ("[ocsp]\n", ""),
    },
    Slip {
        what: "a profile",
        tables: "profile = \"spiffe\"\n[fleet]\n",
        healed: ("profile = \"spiffe\"\n", ""),
    },
    Slip {
        what: "a fleet of clients",
        tables: "roles = [\"client\"]\n[fleet]\n",
        healed: ("client", "server"),
    },
    Slip {
        what: "an old version",
        tables: "tls = [\"tls1.2\"]\n[fleet]\n",
        healed: ("tls1.2", "tls1.3"),
    },
    Slip {
        what: "an alert",
        tables: "[fleet]\n[expect]\nalert = [\"unknown_ca\"]\n",
        healed: ("alert = [\"unknown_ca\"]\n", ""),
    },
    Slip {
        what: "an identity",
        tables: "[fleet]\n[expect]\nidentity = \"caller-0\"\n",
        healed: ("identity = \"caller-0\"\n", ""),
    },
];

const NOBODY: &[Slip] = &[
    Slip {
        what: "networks of none",
        tables: "networks = []\n[fleet]\n",
        healed: ("[]", "[\"sockets\"]"),
    },
    Slip {
        what: "lists that are published for nobody",
        tables: "[fleet]\npublish-every = \"1s\"\n",
        healed: ("[fleet]", "[fleet]\ncrl-lifetime = \"1h\""),
    },
    Slip {
        what: "a step for no service",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"restart\"\nservices = []\n",
        healed: ("[]", "[0]"),
    },
    Slip {
        what: "nobody is revoked",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"1s\"\ndo = \"revoke\"\nrevokes = []\n[[step]]\nat = \"2s\"\ndo = \"publish-crl\"\n",
        healed: ("[]", "[\"caller-0\"]"),
    },
    Slip {
        what: "nobody reads lists",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"revoke\"\nrevokes = [\"caller-0\"]\n[[step]]\nat = \"2s\"\ndo = \"restart\"\n",
        healed: (
            "[fleet]",
            "[fleet]\ncrl-lifetime = \"1h\"\npublish-every = \"1s\"",
        ),
    },
    Slip {
        what: "nobody is told",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"3s\"\ndo = \"revoke\"\nrevokes = [\"caller-0\"]\n[[step]]\nat = \"2s\"\ndo = \"publish-crl\"\n",
        healed: ("3s", "2s"),
    },
    Slip {
        what: "told before it is so",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"2s\"\ndo = \"publish-crl\"\ncount = 9\nevery = \"1s\"\n\
                 [[step]]\nat = \"2s\"\ndo = \"revoke\"\nrevokes = [\"caller-0\"]\n",
        healed: ("at = \"2s\"\ndo = \"revoke", "at = \"1s\"\ndo = \"revoke"),
    },
    Slip {
        what: "repeated without a pause",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\ncount = 3\n",
        healed: ("count = 3", "count = 3\nevery = \"1s\""),
    },
    Slip {
        what: "a pause after nothing",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"restart\"\nevery = \"1s\"\n",
        healed: ("every", "count = 2\nevery"),
    },
    Slip {
        what: "a hoarder who is revoked and is not there",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[load]\nhoarding = 0\n[[step]]\nat = \"1s\"\ndo = \"revoke\"\nrevokes = [\"hoarder-0\"]\n[[step]]\nat = \"2s\"\ndo = \"publish-crl\"\n",
        healed: ("hoarding = 0", "hoarding = 2"),
    },
    Slip {
        what: "a hoarder who is not let in and is not there",
        tables: "[fleet]\n[load]\nhoarding = 0\n[[step]]\nat = \"1s\"\ndo = \"disallow\"\nwho = \"hoarder-0\"\n",
        healed: ("hoarder-0", "caller-0"),
    },
    Slip {
        what: "a bundle of nobody",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"push-bundle\"\ntrusts = []\n",
        healed: ("[]", "[\"root\"]"),
    },
    Slip {
        what: "no older list",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"1s\"\ndo = \"roll-back-crl\"\n[[step]]\nat = \"2s\"\ndo = \"publish-crl\"\n",
        healed: ("1s", "3s"),
    },
    Slip {
        what: "an outage that nobody notices",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"stop-authority\"\n",
        healed: ("[fleet]", "[fleet]\nrenew-at = 50"),
    },
    Slip {
        what: "an outage in which nothing is published",
        tables: "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"1s\"\ndo = \"stop-authority\"\n",
        healed: ("[fleet]", "[fleet]\npublish-every = \"1s\""),
    },
    Slip {
        what: "answers that nobody waits for",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"slow-authority\"\nby = \"1s\"\n",
        healed: ("[fleet]", "[fleet]\nrenew-at = 50"),
    },
    Slip {
        what: "answers that nobody is given",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"corrupt-authority\"\ndefect = \"stale\"\n",
        healed: ("[fleet]", "[fleet]\nrenew-at = 50"),
    },
    Slip {
        what: "as many as before",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"scale\"\ncount = 4\n[[step]]\nat = \"2s\"\ndo = \"scale\"\ncount = 4\n",
        healed: (
            "at = \"2s\"\ndo = \"scale\"\ncount = 4",
            "at = \"2s\"\ndo = \"scale\"\ncount = 5",
        ),
    },
];

const LIMITS: &[Slip] = &[
    Slip {
        what: "more than all",
        tables: "[fleet]\n[limits]\navailability = 1001\n",
        healed: ("1001", "1000"),
    },
    Slip {
        what: "better than before",
        tables: "[fleet]\n[limits]\nrecovery = 9500\n",
        healed: ("9500", "950"),
    },
    Slip {
        what: "everybody and more is told",
        tables: "[fleet]\n[limits]\ntold = 4000000000\n",
        healed: ("4000000000", "1000"),
    },
    Slip {
        what: "a peak below the mean",
        tables: "[fleet]\n[limits]\nissuance-peak = 7\n",
        healed: ("7", "700"),
    },
    Slip {
        what: "no generation at all",
        tables: "[fleet]\n[limits]\ngenerations = 0\n",
        healed: ("0", "1"),
    },
    Slip {
        what: "more alarms than anybody hears",
        tables: "[fleet]\n[limits]\nalarms = 10001\n",
        healed: ("10001", "10000"),
    },
    Slip {
        what: "no handshake at all",
        tables: "[fleet]\n[limits]\nhandshakes = 0\n",
        healed: ("0", "1"),
    },
    Slip {
        what: "no connection at all",
        tables: "[fleet]\n[limits]\ndials = 0\n",
        healed: ("0", "1"),
    },
    Slip {
        what: "sooner than at once",
        tables: "[fleet]\n[limits]\nslowest = \"0s\"\n",
        healed: ("0s", "1ms"),
    },
];

const LENGTHS: &[Slip] = &[
    Slip {
        what: "ten days on sockets",
        tables: "[fleet]\n[[step]]\nat = \"10d\"\ndo = \"rotate-leaf\"\n",
        healed: (
            "[fleet]",
            "networks = [\"simulated\"]\n[fleet]\n[load]\nrate = 4\ncanary-rate = 1",
        ),
    },
    Slip {
        what: "a step too often",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\nevery = \"1s\"\ncount = 600\n",
        healed: ("600", "500"),
    },
    Slip {
        what: "an outage without an end",
        tables: "[fleet]\nrenew-at = 50\n[[step]]\nat = \"1s\"\ndo = \"stop-authority\"\nfor = \"1h\"\n",
        healed: ("1h", "1m"),
    },
    Slip {
        what: "a long way to warm up",
        tables: "networks = [\"sockets\"]\n[fleet]\n[load]\nwarm-up = \"6m\"\nsettle = \"5m\"\n",
        healed: ("6m", "4m"),
    },
    Slip {
        what: "all in all",
        tables: "[fleet]\n[load]\nsettle = \"4m\"\n[window]\nleaf = \"3m\"\n[[step]]\nat = \"4m\"\ndo = \"rotate-leaf\"\n",
        healed: ("3m", "90s"),
    },
    Slip {
        what: "calls that are given up, one after the other",
        tables: "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"sweep\"\nstrike = \"black-hole\"\ncount = 200\n",
        healed: ("black-hole", "cut"),
    },
    Slip {
        what: "a simulated month of calls",
        tables: "networks = [\"simulated\"]\n[fleet]\n[[step]]\nat = \"30d\"\ndo = \"rotate-leaf\"\n",
        healed: ("[fleet]", "[fleet]\n[load]\nrate = 1\ncanary-rate = 0"),
    },
];

#[test]
fn a_limit_can_be_kept_and_missed() {
    insta::assert_snapshot!(told(LIMITS));
}

#[test]
fn nobody_waits_for_days_at_sockets() {
    insta::assert_snapshot!(told(LENGTHS));
}

#[test]
fn what_fleets_do_not_read_is_told() {
    insta::assert_snapshot!(told(UNREAD));
}

#[test]
fn networks_are_those_of_fleets() {
    let error =
        parse("networks = [\"simulated\"]\n[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n");
    let error = error.unwrap_err();
    assert!(
        error.contains("`networks` is about a fleet, and there is none"),
        "{error}"
    );
}

#[test]
fn what_happens_to_nobody_is_told() {
    insta::assert_snapshot!(told(NOBODY));
}

#[test]
fn who_is_not_there_is_told_with_who_may_be_meant() {
    insta::assert_snapshot!(told(NAMES));
}

/// What each slip is told, after it has been seen that it is one.
fn told(slips: &[Slip]) -> String {
    let mut told = String::new();
    for Slip {
        what,
        tables,
        healed: (old, new),
    } in slips
    {
        assert!(tables.contains(old), "{what}: there is nothing to heal");
        if let Err(error) = parse(&tables.replacen(old, new, 1)) {
            panic!("{what}: healed, it is told\n{error}");
        }
        let error = parse(tables).expect_err(&format!("{what}: nothing is wrong with it"));
        told.push_str(&format!("## {what}\n{error}\n\n"));
    }
    told
}

fn parse(tables: &str) -> Result<(), String> {
    let expect = match tables.contains("[expect]") {
        true => "",
        false => "[expect]\n",
    };
    let text = format!(
        "title = \"Something holds\"\nlevel = \"must\"\nspec = [\"RFC 8446\"]\nwhy = \"It does.\"\n\
         {tables}\n{expect}outcome = \"holds\"\n"
    );
    let parsed = load::parse("family/name", "family/name.toml", &text);
    parsed.map(drop).map_err(|error| error.to_string())
}
