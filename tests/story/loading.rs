//! What a person is told whose steps mean nothing.

use mtls_gauntlet::expect::Outcome;
use mtls_gauntlet::scenario::load;
use mtls_gauntlet::scenario::step::Action;

/// What is wrong, and the steps and tables that are so.
const MISTAKES: &[(&str, &str)] = &[
    ("no steps", ""),
    (
        "misspelt step",
        "[[step]]\ndo = \"conect\"\nexpect = \"accept\"\n",
    ),
    ("no expectation", "[[step]]\ndo = \"connect\"\n"),
    (
        "holds at a step",
        "[[step]]\ndo = \"connect\"\nexpect = \"holds\"\n",
    ),
    (
        "a key that the step has no use for",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[[step]]\ndo = \"advance\"\nby = \"5s\"\nwho = \"peer\"\n",
    ),
    (
        "a key of fleets",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\nat = \"5s\"\n",
    ),
    (
        "a step of fleets",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[[step]]\ndo = \"rotate-leaf\"\n",
    ),
    ("a key is missing", "[[step]]\ndo = \"advance\"\n"),
    (
        "no time at all",
        "[[step]]\ndo = \"advance\"\nby = \"0s\"\n",
    ),
    ("no time", "[[step]]\ndo = \"advance\"\nby = \"soon\"\n"),
    (
        "nobody of that name",
        "[[step]]\ndo = \"connect\"\nwho = \"pear\"\nexpect = \"accept\"\n",
    ),
    (
        "an anchor that is not there",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[[step]]\ndo = \"replace-trust\"\ntrusts = [\"root\", \"new-root\"]\n",
    ),
    (
        "no list",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[[step]]\ndo = \"replace-crl\"\nrevokes = [\"peer\"]\n",
    ),
    (
        "the list of somebody else",
        "[[step]]\ndo = \"replace-crl\"\nrevokes = [\"peer\"]\n[crl.root]\n",
    ),
    (
        "nothing to resume",
        "[[step]]\ndo = \"resume\"\nexpect = \"accept\"\n",
    ),
    (
        "a session of somebody else",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[[step]]\ndo = \"resume\"\nwho = \"other\"\nexpect = \"accept\"\n[pki.other]\nlike = \"peer\"\n",
    ),
    (
        "held by clients",
        "[[step]]\ndo = \"hold\"\nexpect = \"accept\"\n",
    ),
    (
        "a refusal by a full handshake",
        "[[step]]\ndo = \"connect\"\nexpect = \"reject\"\nhandshake = \"full\"\n",
    ),
    (
        "a name for clients",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\nsni = \"strict.gauntlet.test\"\n",
    ),
    (
        "a virtual host of clients",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[vhost]\nname = \"strict.gauntlet.test\"\n",
    ),
    (
        "a virtual host that nobody asks for",
        "roles = [\"server\"]\n[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[vhost]\nname = \"strict.gauntlet.test\"\n",
    ),
    (
        "an anchor of the virtual host that is not there",
        "roles = [\"server\"]\n[vhost]\nname = \"strict.gauntlet.test\"\ntrusts = [\"other-root\"]\n[[step]]\ndo = \"connect\"\nexpect = \"accept\"\nsni = \"strict.gauntlet.test\"\n",
    ),
    ("nobody connects", "[[step]]\ndo = \"restart\"\n"),
    (
        "nobody connects afterwards",
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n[[step]]\ndo = \"replace-trust\"\ntrusts = []\n",
    ),
    (
        "nobody asks on what is held",
        "roles = [\"server\"]\n[[step]]\ndo = \"hold\"\nexpect = \"accept\"\n\
         [[step]]\ndo = \"advance\"\nby = \"5s\"\n[[step]]\ndo = \"connect\"\nexpect = \"reject\"\n",
    ),
    (
        "held in the place of who is held",
        "roles = [\"server\"]\n[[step]]\ndo = \"hold\"\nexpect = \"accept\"\n\
         [[step]]\ndo = \"hold\"\nexpect = \"accept\"\n[[step]]\ndo = \"ask\"\nexpect = \"accept\"\n",
    ),
];

#[test]
fn what_is_wrong_where_and_what_to_do() {
    let mut told = String::new();
    for (what, steps) in MISTAKES {
        let error = load::parse("family/name", "family/name.toml", &scenario("holds", steps));
        let error = error.err().unwrap_or_else(|| panic!("{what} is accepted"));
        told += &format!("## {what}\n{error}\n\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn steps_and_holds_go_together() {
    let step = "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n";
    for outcome in ["accept", "reject", "policy"] {
        let error = load::parse("f/n", "n.toml", &scenario(outcome, step)).unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("a scenario with steps says at each connection"),
            "{told}"
        );
    }
    let story = load::parse("f/n", "n.toml", &scenario("holds", step)).unwrap();
    assert!(story.is_story());
    assert_eq!(story.steps[0].action, Action::Connect);
    assert_eq!(story.steps[0].expect, Some(Outcome::Accept));
    assert!(story.control.is_none(), "its control has no file");
}

#[test]
fn what_is_looked_at_afterwards_is_a_story() {
    let hold = "roles = [\"server\"]\n[[step]]\ndo = \"hold\"\nexpect = \"accept\"\n";
    let change = "[[step]]\ndo = \"advance\"\nby = \"5s\"\n";
    let ask = "[[step]]\ndo = \"ask\"\nexpect = \"accept\"\n";
    let again = "[[step]]\ndo = \"hold\"\nexpect = \"accept\"\n";
    for steps in [
        format!("{hold}{change}{ask}"),
        format!("{hold}{ask}{again}{change}{ask}"),
        format!("{}{change}{again}{ask}", hold.replace("accept", "reject")),
    ] {
        if let Err(error) = load::parse("f/n", "n.toml", &scenario("holds", &steps)) {
            panic!("{error}");
        }
    }
}

#[test]
fn steps_are_called_what_files_call_them() {
    assert_eq!(Action::ReplaceClientAuth.name(), "replace-client-auth");
    assert_eq!(Action::Ask.name(), "ask");
}

/// A scenario with this outcome and these steps.
pub fn scenario(outcome: &str, steps: &str) -> String {
    format!(
        "title = \"Something holds\"\nlevel = \"must\"\nspec = [\"RFC 8446\"]\nwhy = \"It does.\"\n\
         {steps}\n[expect]\noutcome = \"{outcome}\"\n"
    )
}
