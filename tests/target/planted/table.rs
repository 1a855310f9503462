//! Every defect against every bug.

use mtls_gauntlet::target::planted::{Bug, Flaws};

use super::certificates::CERTIFICATES;
use super::names::NAMES;
use super::revocation::REVOCATION;
use super::support::{Defect, Question};

/// Bugs that are not about one defect.
const CARELESS: &[Bug] = &[Bug::AcceptsAnything];

fn defects() -> impl Iterator<Item = &'static Defect> {
    CERTIFICATES.iter().flatten().chain(NAMES).chain(REVOCATION)
}

#[test]
fn without_a_flaw_every_defect_is_refused_and_every_twin_accepted() {
    for defect in defects() {
        let (question, twin) = Question::and_twin(defect.name, defect.role, defect.tables);
        assert!(
            question.put(Flaws::NONE).is_err(),
            "{}: accepted as {}",
            defect.name,
            defect.role
        );
        if let Err(refusal) = twin.put(Flaws::NONE) {
            panic!(
                "{}: the twin is refused as {}: {refusal}",
                defect.name, defect.role
            );
        }
    }
}

#[test]
fn each_bug_lets_its_own_defect_pass_and_no_other() {
    let mut wrong = Vec::new();
    for defect in defects() {
        let (question, _) = Question::and_twin(defect.name, defect.role, defect.tables);
        for bug in Bug::ALL.iter().copied().filter(|bug| !dies(*bug)) {
            let accepted = question.put(Flaws::of(bug)).is_ok();
            let expected = CARELESS.contains(&bug) || defect.accepted_by.contains(&bug);
            if accepted != expected {
                let verb = if accepted { "accepts" } else { "refuses" };
                wrong.push(format!(
                    "{} as {} {verb} {}",
                    bug.name(),
                    defect.role,
                    defect.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn dies(bug: Bug) -> bool {
    matches!(bug, Bug::PanicsOnBadCertificate | Bug::PanicsOnUnknownKey)
}
