//! What a person is told whose fleet means nothing.

use mtls_gauntlet::scenario::load;

/// What is wrong, and the tables that are so.
const MISTAKES: &[(&str, &str)] = &[
    ("load without a fleet", "[load]\nrate = 10\n"),
    ("windows without a fleet", "[window]\nleaf = \"2s\"\n"),
    (
        "limits without a fleet",
        "[limits]\nalarms = 1\n[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n",
    ),
    (
        "a step of stories",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"connect\"\n",
    ),
    ("no instant", "[fleet]\n[[step]]\ndo = \"rotate-leaf\"\n"),
    (
        "a key that the step has no use for",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"require-tls\"\ntrusts = [\"root\"]\n",
    ),
    (
        "a key of stories",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\nexpect = \"accept\"\n",
    ),
    (
        "a key is missing",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"push-bundle\"\n",
    ),
    (
        "no such service",
        "[fleet]\nservices = 2\n[[step]]\nat = \"1s\"\ndo = \"restart\"\nservices = [2]\n",
    ),
    (
        "a service that has left",
        "[fleet]\nservices = 4\n[[step]]\nat = \"2s\"\ndo = \"restart\"\nservices = [3]\n\
         [[step]]\nat = \"1s\"\ndo = \"scale\"\ncount = 3\n",
    ),
    ("too many services", "[fleet]\nservices = 65\n"),
    ("no service", "[fleet]\nservices = 0\n"),
    (
        "grown too far",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"scale\"\ncount = 65\n",
    ),
    (
        "scaled by files",
        "[fleet]\ndelivery = \"files\"\n[[step]]\nat = \"1s\"\ndo = \"scale\"\ncount = 4\n",
    ),
    ("too many calls", "[fleet]\n[load]\nrate = 5001\n"),
    (
        "calls that come in no manner",
        "[fleet]\n[load]\nfresh = 0\npooled = 0\nstreams = 0\nresuming = 0\nhoarding = 0\n",
    ),
    (
        "a year and more",
        "[fleet]\n[[step]]\nat = \"401d\"\ndo = \"rotate-leaf\"\n",
    ),
    ("a window of years", "[fleet]\n[window]\nleaf = \"401d\"\n"),
    (
        "repeated without a pause",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\ncount = 5\nevery = \"0s\"\n",
    ),
    (
        "a list that nobody uses",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"publish-crl\"\n",
    ),
    (
        "strict from the beginning",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"require-tls\"\n",
    ),
    (
        "ahead and behind",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"skew\"\nby = \"1s\"\nback = \"1s\"\n",
    ),
    (
        "cut nowhere",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"cut\"\n",
    ),
    (
        "a style without files",
        "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\nstyle = \"torn\"\n",
    ),
    (
        "claims that nobody hears",
        "[fleet]\n[load]\nclaiming = 2\n",
    ),
    (
        "a revoked canary without lists",
        "[fleet]\n[load]\ncanaries = [\"revoked\"]\n",
    ),
    (
        "a prober without a port",
        "[fleet]\n[load]\ncanaries = [\"prober\"]\n",
    ),
];

fn scenario(outcome: &str, tables: &str) -> String {
    format!(
        "title = \"Something holds\"\nlevel = \"must\"\nspec = [\"RFC 8446\"]\nwhy = \"It does.\"\n\
         {tables}\n[expect]\noutcome = \"{outcome}\"\n"
    )
}

#[test]
fn what_is_wrong_where_and_what_to_do() {
    let mut told = String::new();
    for (what, tables) in MISTAKES {
        let outcome = if tables.contains("[fleet]") || tables.contains("[[step]]") {
            "holds"
        } else {
            "accept"
        };
        let error = load::parse(
            "family/name",
            "family/name.toml",
            &scenario(outcome, tables),
        );
        let error = error.err().unwrap_or_else(|| panic!("{what} is accepted"));
        told += &format!("## {what}\n{error}\n\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_fleet_holds_or_does_not() {
    for outcome in ["accept", "reject", "policy"] {
        let error = load::parse("f/n", "n.toml", &scenario(outcome, "[fleet]\n")).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("what is expected of a fleet"), "{told}");
    }
    load::parse("f/n", "n.toml", &scenario("holds", "[fleet]\n")).unwrap();
}
