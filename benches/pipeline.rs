//! What the harness costs: the goals of its speed as ratios of CPU time, both sides in one run.
//!
//! ```text
//! cargo bench --bench pipeline                 # the table
//! cargo bench --bench pipeline -- --assert     # a missed ratio is a failure
//! ```
//!
//! **A case** is what the runner does, by the runner: it resolves the scenario's recipes, mints the
//! target's leaf and the peer's, starts the target anew (every case here has an environment of its
//! own), configures both ends, lets them meet over pipes in memory, does a round trip of application
//! data (one line each way, after the peer has waited for the target's word), closes, judges, builds
//! the record and writes its JSON line to a file.
//!
//! **Bare** is the least that rcgen and rustls do for the same certificates and the same handshake:
//! it mints two leaves with the baseline's extensions, builds the root store, the target's webpki
//! verifier and both configurations, does the handshake over plain buffers, and sends one octet of
//! application data each way. It runs on the calling thread, without a runtime, and closes nothing.
//!
//! Alike on both sides: the keys (P-256, made once, loaded once), the chain (leaf, issuing, root), the
//! provider with its suites and groups, no resumption, and who verifies: the target checks the peer's
//! chain and signature, the peer checks nothing, neither ours nor the bare one. (A bare peer that
//! verified too would cost a third more and make every ratio look smaller.)
//!
//! The exit status tells of wrong results, of a case that does not come out as expected; time is
//! printed, and binds only with `--assert`.

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mtls_gauntlet::clock::{Clock, Stopwatch};
use mtls_gauntlet::expect::Level;
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::pki::recipe::KeyKind;
use mtls_gauntlet::record::CaseRecord;
use mtls_gauntlet::run::environment::Patience;
use mtls_gauntlet::run::event::Event;
use mtls_gauntlet::run::{Plan, run};
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::{Role, Scenario, TlsVersion, load};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::registry;

use self::bare::Bare;
use self::pairs::{Pairs, cpu, repeat};

#[path = "shared/bare.rs"]
mod bare;
#[path = "shared/pairs.rs"]
mod pairs;

const CASE_GOAL: f64 = 1.5;
const RECORD_GOAL: f64 = 0.01;
const RUN_GOAL: Duration = Duration::from_secs(3);

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let told = |flag| arguments.iter().any(|argument| argument == flag);
    // Cargo says --bench when it benches; `cargo test --benches` only wants to see it work.
    let effort = if told("--bench") {
        Effort::MEASURE
    } else {
        Effort::GLANCE
    };
    let mut workshop = Workshop::open()?;
    let mut missed = 0;
    println!("{} processors, load average {}", jobs(), load_average());
    println!(
        "(a), (b): microseconds of CPU time, medians of {} pairs",
        effort.pairs
    );
    println!(
        "{:<44} {:>8} {:>8}   {:<24} {:<8} verdict",
        "", "this", "that", "ratio (quartiles)", "goal"
    );
    for row in workshop.rows(effort)? {
        let [low, ratio, high] = row.pairs.ratio();
        let met = ratio <= row.goal;
        missed += u32::from(!met);
        println!(
            "{:<44} {:>8.1} {:>8.1}   {:<24} {:<8} {}",
            row.what,
            row.pairs.ours(),
            row.pairs.bare(),
            format!("{ratio:.4} ({low:.4} to {high:.4})"),
            format!("<= {}", row.goal),
            word(met)
        );
    }
    let full_runs: Result<Vec<_>> = (0..effort.full_runs).map(|_| workshop.full_run()).collect();
    let wrong = print_full_runs(&full_runs?);
    let fails = wrong || missed > 0 && told("--assert");
    Ok(ExitCode::from(u8::from(fails)))
}

/// Prints the runs and says whether anything in them was wrong.
fn print_full_runs(full_runs: &[FullRun]) -> bool {
    for full in full_runs {
        println!(
            "(c) the full default run: {} cases, {:.2} s wall, {:.2} s CPU",
            full.cases,
            full.wall.as_secs_f64(),
            full.cpu.as_secs_f64()
        );
    }
    let mut walls: Vec<_> = full_runs.iter().map(|full| full.wall).collect();
    walls.sort();
    if let Some(median) = walls.get(walls.len() / 2) {
        println!(
            "(c) median {:.2} s wall on {} processors, goal <= {} s: {}",
            median.as_secs_f64(),
            jobs(),
            RUN_GOAL.as_secs(),
            word(*median <= RUN_GOAL)
        );
    }
    let mut wrong: Vec<_> = full_runs.iter().flat_map(|full| &full.wrong).collect();
    wrong.sort();
    wrong.dedup();
    for case in &wrong {
        eprintln!("not as expected: {case}");
    }
    !wrong.is_empty()
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    pairs: usize,
    rounds: u32,
    full_runs: usize,
}

impl Effort {
    const MEASURE: Self = Self {
        pairs: 31,
        rounds: 100,
        full_runs: 5,
    };
    const GLANCE: Self = Self {
        pairs: 1,
        rounds: 2,
        full_runs: 0,
    };
}

/// A line of the table.
struct Row {
    what: String,
    pairs: Pairs,
    goal: f64,
}

/// What all measurements share: one mint, as in a run, and a file for the records.
struct Workshop {
    mint: Arc<Mint>,
    plain: Arc<Scenario>,
    minted: u32,
    lines: File,
}

impl Workshop {
    fn open() -> Result<Self> {
        let plain = load::built_in()?
            .into_iter()
            .find(|scenario| scenario.id == "baseline/full-chain")
            .context("there is no plain scenario to measure with")?;
        let seed = Seed(1);
        Ok(Self {
            mint: Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed))),
            plain,
            minted: 0,
            lines: tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR"))?,
        })
    }

    fn rows(&mut self, effort: Effort) -> Result<Vec<Row>> {
        let bare = Bare::new(KeyKind::P256)?;
        let mut rows = Vec::new();
        for role in Role::ALL {
            for tls in TlsVersion::ALL {
                let pairs = Pairs::measure(
                    effort.pairs,
                    effort.rounds,
                    |rounds| self.run_cases(role, tls, rounds),
                    |rounds| repeat(rounds, || bare.ends(role, tls)?.converse()),
                )?;
                rows.push(Row {
                    what: format!("(a) a case / bare, {role}, {tls}"),
                    pairs,
                    goal: CASE_GOAL,
                });
            }
        }
        let record = self.record()?;
        let mut lines = self.lines.try_clone()?;
        let pairs = Pairs::measure(
            effort.pairs,
            effort.rounds,
            |rounds| repeat(rounds, || write_down(&mut lines, &record)),
            |rounds| self.run_cases(Role::Server, TlsVersion::Tls13, rounds),
        )?;
        rows.push(Row {
            what: "(b) writing a record / a case".into(),
            pairs,
            goal: RECORD_GOAL,
        });
        Ok(rows)
    }

    /// Runs this many cases, none of which shares an environment with another.
    fn run_cases(&mut self, role: Role, tls: TlsVersion, rounds: u32) -> Result<Duration> {
        let plan = self.plan(role, tls, rounds)?;
        let mut outcome = Ok(());
        let lines = &mut self.lines;
        let cost = cpu(|| {
            run(&plan, &AtomicBool::new(false), |event| {
                if let (Event::CaseJudged(record), Ok(())) = (event, &outcome) {
                    outcome = pass(&record).and_then(|()| write_down(lines, &record));
                }
            })?;
            Ok(())
        })?;
        outcome.map(|()| cost)
    }

    /// The record of one case.
    fn record(&mut self) -> Result<CaseRecord> {
        let plan = self.plan(Role::Server, TlsVersion::Tls13, 1)?;
        let mut judged = None;
        run(&plan, &AtomicBool::new(false), |event| {
            if let Event::CaseJudged(record) = event {
                judged = Some(*record);
            }
        })?;
        judged.context("a case has not been judged")
    }

    fn plan(&mut self, role: Role, tls: TlsVersion, rounds: u32) -> Result<Plan> {
        let mut cases = Vec::new();
        for _ in 0..rounds {
            self.minted += 1;
            let mut scenario = Scenario::clone(&self.plain);
            scenario.id = format!("pipeline/case-{:06}", self.minted);
            let target = scenario.pki.entry("target".into()).or_default();
            target.subject = Some(vec![format!("CN=target-{:06}", self.minted)]);
            cases.push(Case {
                scenario: Arc::new(scenario),
                role,
                tls,
                network: None,
            });
        }
        Ok(Plan {
            transport: Transport::Memory,
            jobs: 1,
            ..default_plan(cases, Arc::clone(&self.mint))?
        })
    }

    /// Runs every built-in scenario over TCP, as `mtls-gauntlet run` does, keys and all.
    fn full_run(&mut self) -> Result<FullRun> {
        let mut cases = 0;
        let mut wrong = Vec::new();
        let mut outcome = Ok(());
        let stopwatch = Stopwatch::start();
        let cpu = cpu(|| {
            let seed = Seed(1);
            let mint = Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed)));
            let plan = default_plan(expand(&load::built_in()?), mint)?;
            run(&plan, &AtomicBool::new(false), |event| {
                let Event::CaseJudged(record) = event else {
                    return;
                };
                cases += 1;
                if record.objection(Level::Must).is_some() {
                    wrong.push(format!("{}: {}", record.id, record.reason));
                }
                if outcome.is_ok() {
                    outcome = write_down(&mut self.lines, &record);
                }
            })?;
            Ok(())
        })?;
        let wall = stopwatch.elapsed();
        outcome?;
        Ok(FullRun {
            wall,
            cpu,
            cases,
            wrong,
        })
    }
}

/// What came of one run of everything.
struct FullRun {
    wall: Duration,
    cpu: Duration,
    cases: u32,
    wrong: Vec<String>,
}

/// What `mtls-gauntlet run` does unless told otherwise.
fn default_plan(cases: Vec<Case>, mint: Arc<Mint>) -> Result<Plan> {
    Ok(Plan {
        targets: vec![registry::find("rustls")?],
        cases,
        transport: Transport::Tcp,
        jobs: jobs(),
        patience: Patience {
            listen: Duration::from_millis(250),
            deadline: Duration::from_secs(5),
        },
        mint,
    })
}

/// How busy the machine was with other things: (c) is wall time and suffers from them.
fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = load.split_whitespace().next();
    minute.unwrap_or("unknown").to_owned()
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn pass(record: &CaseRecord) -> Result<()> {
    ensure!(
        record.verdict == Verdict::Pass,
        "{} came out as {}: {}",
        record.id,
        record.verdict,
        record.reason
    );
    Ok(())
}

fn write_down(lines: &mut File, record: &CaseRecord) -> Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    lines.write_all(&line)?;
    Ok(())
}
