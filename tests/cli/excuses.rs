//! Descriptors of one's own, whose excuses may be for nothing.

use super::gauntlet::Gauntlet;

#[test]
fn an_excuse_that_fits_no_case_is_named() {
    let gauntlet = Gauntlet::new();
    gauntlet.write(
        "mine.toml",
        "stack = \"openssl\"\n[server]\nstart = [\"sh\"]\nsupports = [\"tls1.3\"]\n\
         [known]\n\"validity/expird/*\" = \"a slip\"\n\"validity/future{,-by-a-second}/*\" = \"not one\"\n\
         [lacks]\n\"own/*\" = \"a scenario of one's own\"\n[varies]\n\"*/tls1.4\" = \"not yet\"\n\
         [spared]\n\"validity/*\" = \"in no stack\"\n",
    );
    // Its cases are fleets, in which it has no part: nothing runs.
    let told = |more: &str| {
        let run = format!("run chaos/scale-under-load --target mine.toml --out out {more}");
        let output = gauntlet.run(&run);
        let told = String::from_utf8(output.stderr).unwrap();
        let notes = told
            .lines()
            .filter(|line| line.starts_with("note: mine.toml"));
        notes.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        told(""),
        [
            "note: mine.toml:6: [known] `validity/expird/*` fits no case",
            "note: mine.toml:9: [lacks] `own/*` fits no case",
            "note: mine.toml:11: [varies] `*/tls1.4` fits no case",
            "note: mine.toml:13: [spared] `validity/*` is not in the stack's file",
        ]
    );
    // A scenario of one's own is one, whether it is selected or not.
    let scenario = "title = \"A peer is accepted\"\nlevel = \"must\"\nspec = [\"RFC 5280\"]\nwhy = \"It is.\"\n\
                    [expect]\noutcome = \"accept\"\n";
    gauntlet.write("all/own/name.toml", scenario);
    gauntlet.write(
        "all/own/fleet.toml",
        &scenario
            .replace("accept\"", "holds\"")
            .replace("[expect]", "networks = [\"simulated\"]\n[fleet]\n[expect]"),
    );
    let run = "run own/fleet --scenarios all --target mine.toml --out out";
    let told = String::from_utf8(gauntlet.run(run).stderr).unwrap();
    assert!(
        told.contains("`*/tls1.4`") && !told.contains("own/*"),
        "{told}"
    );
}
