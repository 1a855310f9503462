//! Nothing is left of a fleet: no descriptor, no task, no file with a key, however it ends.
//!
//! Nothing else in the process may open or close anything meanwhile, so each of these counts in a process
//! of its own, with a folder for temporary files of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mtls_gauntlet::fleet::{self, FleetError, Ground, Plan};
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::{CallOutcome, History};
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::scenario::fleet::{Limits, Network};
use mtls_gauntlet::target::command::folder::PrivateFolder;
use mtls_gauntlet::target::planted::{Bug, Flaws};
use mtls_gauntlet::target::{Capability, Environment, Running, StartError, Target, Task};

use super::rig::{self, Rig};
use super::{plan, plan_of, scenario, simulated};

/// A rotation, and time to see what comes of it.
const ROTATION: &str = "[fleet]\n[load]\nwarm-up = \"300ms\"\nsettle = \"300ms\"\n\
                        [window]\nclock = \"300ms\"\n\
                        [[step]]\nat = \"100ms\"\ndo = \"rotate-leaf\"";

#[test]
fn of_a_flawless_fleet() {
    if is_alone("of_a_flawless_fleet") {
        leaves_nothing(&plan(ROTATION), |lived| {
            assert!(lived.unwrap().calls.len() > 10);
        });
    }
}

#[test]
fn of_a_fleet_behind_proxies() {
    if is_alone("of_a_fleet_behind_proxies") {
        let timeline = format!(
            "{ROTATION}\n[[step]]\nat = \"150ms\"\ndo = \"slow\"\nby = \"5ms\"\n\
             [[step]]\nat = \"300ms\"\ndo = \"black-hole\"\noctet = 700\nservices = [1]\n\
             [[step]]\nat = \"500ms\"\ndo = \"crash\"\nservices = [2]\n\
             [[step]]\nat = \"700ms\"\ndo = \"partition\"\nservices = [0]"
        );
        let plan = plan(&timeline);
        assert!(plan.has_mishaps());
        leaves_nothing(&plan, |lived| assert!(lived.is_ok()));
    }
}

#[test]
fn of_a_fleet_that_reads_files() {
    if is_alone("of_a_fleet_that_reads_files") {
        let timeline = ROTATION.replace("[fleet]", "[fleet]\ndelivery = \"files\"");
        leaves_nothing(&plan(&timeline), |lived| {
            assert!(lived.unwrap().calls.len() > 10);
        });
    }
}

#[test]
fn of_a_fleet_with_a_step_that_cannot_be_done() {
    if is_alone("of_a_fleet_with_a_step_that_cannot_be_done") {
        let timeline = format!(
            "{}\n[[step]]\nat = \"200ms\"\ndo = \"rotate-caller\"\nwho = \"caller-0\"",
            ROTATION.replace("[fleet]", "[fleet]\ndelivery = \"files\"")
        );
        let mut plan = plan(&timeline);
        // A file that says so is not loaded.
        for step in &mut plan.steps {
            step.who = step.who.is_some().then(|| "nobody".to_owned());
        }
        leaves_nothing(&plan, |lived| {
            let error = lived.unwrap_err();
            assert!(matches!(error, FleetError::NoParty(2, _)), "{error}");
        });
    }
}

#[test]
fn of_a_fleet_whose_services_panic() {
    if is_alone("of_a_fleet_whose_services_panic") {
        let plan = plan_of(&scenario(ROTATION), Flaws::of(Bug::PanicsAtReload));
        leaves_nothing(&plan, |lived| {
            let (met, later) = panics(&lived.unwrap());
            assert!(met > 0 && later > 0, "{met} {later}");
        });
    }
}

/// Who calls is told of a service's panic by a refusal without words, the oracle counts it, and the
/// service goes on.
#[test]
fn a_panic_in_a_service_costs_one_call() {
    let plan = plan_of(&scenario(ROTATION), Flaws::of(Bug::PanicsAtReload));
    let history = simulated(&plan);
    let (met, later) = panics(&history);
    assert!((1..=3).contains(&met), "one in each service: {met}");
    assert!(later > 10, "{later}");
    let findings = check(&history, &Limits::default());
    let mut violations = findings.violations.iter();
    let serves = violations.any(|violation| violation.invariant == Invariant::Serves);
    assert!(serves, "{findings:#?}");
    assert_eq!(findings.calls.let_in, 0, "nobody gets in by it");
    let flawless = simulated(&super::plan(ROTATION));
    assert_eq!(panics(&flawless).0, 0);
}

/// How many calls that had to be served were not, and how many were after the first of those.
fn panics(history: &History) -> (usize, usize) {
    let due = history.calls.iter().filter(|call| call.canary.is_none());
    let due: Vec<_> = due.collect();
    let lost = |outcome: &CallOutcome| !outcome.accepted();
    let Some(first) = due.iter().position(|call| lost(&call.outcome)) else {
        return (0, due.len());
    };
    let after = &due[first..];
    let lost = after.iter().filter(|call| lost(&call.outcome)).count();
    (lost, after.len() - lost)
}

#[test]
fn of_a_fleet_whose_own_thread_panics() {
    if is_alone("of_a_fleet_whose_own_thread_panics") {
        let explosive = Arc::new(Explosive::default());
        let mut cases = rig::cases(&["rotation/leaf-under-load", "rotation/root-in-three-phases"]);
        cases.retain(|case| case.network == Some(Network::Sockets));
        let run = || Rig::for_processes().run(&[Arc::clone(&explosive) as _], &cases);
        // What the first runtime of a process opens for signals stays open.
        run();
        let before = descriptors();
        let record = run();
        assert!(record.complete);
        assert_eq!(record.cases.len(), 2, "one does not keep the other back");
        for case in &record.cases {
            assert_eq!(case.verdict, Verdict::Broken, "{}", case.reason);
            assert_eq!(case.reason, "the fleet panicked: the fuse was lit");
        }
        let folders = explosive.folders.lock().unwrap();
        assert_eq!(folders.len(), 4);
        assert_eq!(folders.iter().find(|folder| folder.exists()), None);
        assert_eq!(descriptors(), before);
        assert_eq!(temporary_files(), Vec::<PathBuf>::new());
    }
}

/// A program that writes a key, and then takes the fleet's thread with it.
#[derive(Default)]
struct Explosive {
    folders: Mutex<Vec<PathBuf>>,
}

impl Target for Explosive {
    fn name(&self) -> String {
        "explosive".into()
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn supports(&self, _: Role, _: Capability) -> bool {
        true
    }

    fn known(&self, _: &str) -> Option<&str> {
        None
    }

    fn reloads(&self, _: Role) -> bool {
        true
    }

    fn musters(&self) -> bool {
        true
    }

    fn settle(&self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }

    fn start(
        &self,
        _: Arc<Environment>,
        _: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        Box::pin(async {
            let folder = PrivateFolder::make().unwrap();
            fs::write(folder.path().join("key.pem"), "secret").unwrap();
            self.folders.lock().unwrap().push(folder.path().to_owned());
            std::panic::resume_unwind(Box::new("the fuse was lit"));
        })
    }
}

/// Runs a fleet on sockets, and counts before and after, in a runtime that lives on.
fn leaves_nothing(plan: &Plan, lived: impl FnOnce(Result<History, FleetError>)) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let before = (descriptors(), tasks());
        let ground = Ground::sockets(plan.has_mishaps());
        let result = fleet::run(plan, &ground, &Arc::default()).await;
        drop(ground);
        // Who has been told to end does so when it is next looked at.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!((descriptors(), tasks()), before);
        lived(result);
    });
    assert_eq!(temporary_files(), Vec::<PathBuf>::new());
}

/// Is this the process in which the test with this name is alone? If not, it has been run in one.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "MTLS_GAUNTLET_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let temporary = tempfile::tempdir().unwrap();
    let alone = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("leaks::{test}")])
        .env(ALONE, "1")
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    let is_well = alone.status.success() && said.contains("1 passed");
    assert!(is_well, "{said}");
    assert_eq!(content(temporary.path()), Vec::<PathBuf>::new());
    false
}

fn temporary_files() -> Vec<PathBuf> {
    content(&std::env::temp_dir())
}

fn content(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}
