//! Benchmarks: handshakes that the target has confirmed, counted, timed and paid for.
//!
//! ```text
//! BenchPlan --rows--> Setting --Scene--> certificates --> target, callers
//!                        |
//!     pacing thread --due--> workers --call--> target      (open loop; a closed one paces itself)
//!                               |
//!                             Count --> Repetition --> Measurement --> Run (run.json) --> reports
//! ```
//!
//! A connection counts when the target has answered over it, in a handshake of the wanted kind; whatever else
//! happened is counted by its name. Rows are gone through once in each repetition, there and back by turns, so
//! that whatever the machine does meanwhile befalls all of them; what is compared are ratios of processor time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::clock::Tick;
use crate::net::{Address, Transport};
use crate::peer::Application;
use crate::pki::mint::Mint;
use crate::record::measurement::Repetition;
use crate::record::{Measurement, TargetRecord};
use crate::scenario::bench::{
    Arrival, Authentication, BenchPlan, Measure, Rotation, Row, Setting, row_digest,
};
use crate::scenario::select::Shard;
use crate::scenario::span::Span;
use crate::scenario::{Role, TlsVersion};
use crate::target::{Capability, Running, Target};

use self::call::Line;
use self::pacing::Rhythm;
use self::scene::Scene;

mod asking;
mod call;
mod count;
mod credentials;
mod crew;
mod pacing;
mod plaintext;
mod processor;
mod repetition;
mod scene;
mod tickets;
mod window;

/// What to measure, and how.
pub struct Bench {
    /// The plan.
    pub plan: BenchPlan,
    /// Those of its rows that are measured, with their places in the plan.
    pub rows: Vec<(u32, Row)>,
    /// The targets.
    pub targets: Vec<Arc<dyn Target>>,
    /// What carries the octets between callers and targets in process.
    pub transport: Transport,
    /// How many worker threads.
    pub workers: usize,
    /// How long a connection may take.
    pub patience: Duration,
    /// Where certificates come from.
    pub mint: Arc<Mint>,
    /// What the machine's load is, when anybody asks.
    pub load_average: fn() -> Option<f64>,
    /// When several harnesses load one target: when they begin, and what part of the rate is this one's.
    pub together: Option<Together>,
}

/// One harness among several that load one target.
#[derive(Clone, Copy, Debug)]
pub struct Together {
    /// Which one of them, and how many there are.
    pub shard: Shard,
    /// When the first row begins, for all of them.
    pub begin: Tick,
}

/// What happens while a bench runs.
#[derive(Debug)]
pub enum Event {
    /// A row is about to be measured.
    Begun {
        /// The target.
        target: String,
        /// The row.
        row: String,
        /// Which repetition, from 1.
        number: u32,
    },
    /// There is something new about a row: its measurement so far.
    Measured(Box<Measurement>),
    /// How a target stands: first before anything is measured, and in the end.
    Target(TargetRecord),
    /// Nothing more comes.
    Finished {
        /// False when it was told to end before the end.
        complete: bool,
    },
}

/// Measures, and tells `emit` what happens. `stop` ends it early; what was measured by then has been told.
pub fn bench(bench: &Bench, stop: &AtomicBool, mut emit: impl FnMut(Event)) {
    let mut lanes = Vec::new();
    for target in &bench.targets {
        for (place, row) in &bench.rows {
            lanes.push(Lane::new(bench, target, *place, row));
        }
    }
    tell_targets(bench, &lanes, &mut emit);
    for lane in &lanes {
        emit(Event::Measured(Box::new(lane.measurement.clone())));
    }
    let mut saturations = BTreeMap::new();
    let mut slot = 0;
    for number in 1..=bench.plan.measure.repetitions {
        let back = number % 2 == 0 && bench.together.is_none();
        let order: Vec<usize> = match back {
            true => (0..lanes.len()).rev().collect(),
            false => (0..lanes.len()).collect(),
        };
        for index in order {
            let Some(lane) = lanes.get_mut(index) else {
                continue;
            };
            let begin = bench.together.map(|together| together.slot(slot, bench));
            slot += 1;
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if lane.measurement.unmeasured.is_some() {
                continue;
            }
            emit(Event::Begun {
                target: lane.measurement.target.clone(),
                row: lane.measurement.row.clone(),
                number,
            });
            lane.repeat(bench, number, begin, &mut saturations, stop);
            emit(Event::Measured(Box::new(lane.measurement.clone())));
        }
    }
    tell_targets(bench, &lanes, &mut emit);
    let complete = !stop.load(Ordering::Relaxed);
    emit(Event::Finished { complete });
}

fn tell_targets(bench: &Bench, lanes: &[Lane], emit: &mut impl FnMut(Event)) {
    for target in &bench.targets {
        let own = lanes
            .iter()
            .filter(|lane| lane.measurement.target == target.name());
        let rows = own.clone().filter(|lane| lane.job.is_some());
        let starts = own.map(|lane| lane.measurement.repetitions.len());
        emit(Event::Target(TargetRecord {
            name: target.name(),
            role: Role::Server,
            version: target.version(),
            // Each repetition is a start of its own; calibration is not counted.
            starts: u32::try_from(starts.sum::<usize>()).unwrap_or(u32::MAX),
            environments: u32::try_from(rows.count()).unwrap_or(u32::MAX),
            absent: target.absent(),
        }));
    }
}

impl Together {
    /// When the row with this number begins: each has as much time as it needs at most, everywhere alike.
    fn slot(&self, number: u32, bench: &Bench) -> Tick {
        let Measure {
            duration, warm_up, ..
        } = bench.plan.measure;
        let length = duration.duration() + warm_up.duration() + bench.patience + SET_UP;
        self.begin.after(length * number)
    }
}

/// How long it may take to start a target and to mint its certificates, where several harnesses must begin
/// together.
const SET_UP: Duration = Duration::from_secs(5);

/// Why a row could not be measured.
#[derive(Clone, Debug)]
enum Trouble {
    /// The target cannot be asked this.
    Unsupported(String),
    /// The target or the harness failed.
    Broken(String),
}

impl<W: Into<String>> From<W> for Trouble {
    fn from(words: W) -> Self {
        Self::Broken(words.into())
    }
}

/// One row against one target.
struct Lane {
    job: Option<Arc<Job>>,
    measurement: Measurement,
}

impl Lane {
    fn new(bench: &Bench, target: &Arc<dyn Target>, place: u32, row: &Row) -> Self {
        let embedded = target.flaws().is_some();
        let transport = match embedded {
            true => bench.transport,
            false => Transport::Tcp,
        };
        let mut measurement = Measurement {
            id: format!("{}/{}", bench.plan.name, row.name),
            plan: bench.plan.name.clone(),
            row: row.name.clone(),
            place,
            reference: bench.plan.reference.clone(),
            file: bench.plan.path.clone(),
            target: target.name(),
            embedded,
            transport: transport.word().into(),
            setting: row.setting,
            setting_digest: row_digest(&row.setting),
            workers: u32::try_from(workers_for(bench.workers, row.setting.in_flight)).unwrap_or(0),
            saturation: None,
            unmeasured: None,
            broken: false,
            repetitions: Vec::new(),
        };
        let job = Job::new(bench, Arc::clone(target), row, transport);
        let job = match job {
            Ok(job) => Some(Arc::new(job)),
            Err(words) => {
                measurement.unmeasured = Some(words);
                None
            }
        };
        Self { job, measurement }
    }

    fn repeat(
        &mut self,
        bench: &Bench,
        number: u32,
        begin: Option<Tick>,
        saturations: &mut BTreeMap<String, f64>,
        stop: &AtomicBool,
    ) {
        let Some(job) = &self.job else { return };
        let load_average = (bench.load_average)();
        let measured = pace_of(job, saturations, stop).and_then(|pace| {
            let Some(pace) = pace else { return Ok(None) };
            self.measurement.saturation = pace.saturation;
            let rhythm = pace.rate.map(|rate| rhythm(rate, bench.together));
            repetition::measure(job, &bench.plan.measure, rhythm, begin, stop)
        });
        match measured {
            Ok(Some(repetition)) => self.measurement.repetitions.push(Repetition {
                number,
                load_average,
                ..repetition
            }),
            Ok(None) => {}
            Err(Trouble::Unsupported(words)) => self.measurement.unmeasured = Some(words),
            Err(Trouble::Broken(words)) => {
                self.measurement.unmeasured = Some(words);
                self.measurement.broken = true;
            }
        }
    }
}

/// This harness's part of a rate, between the others' parts.
fn rhythm(rate: f64, together: Option<Together>) -> Rhythm {
    let Some(Together { shard, .. }) = together else {
        return Rhythm {
            per_second: rate,
            offset: Duration::ZERO,
        };
    };
    Rhythm {
        per_second: rate / f64::from(shard.count()),
        offset: Duration::from_secs_f64(f64::from(shard.number() - 1) / rate),
    }
}

/// How often connections are due.
struct Pace {
    /// How many in a second, over all harnesses; none in a closed loop.
    rate: Option<f64>,
    /// What that is a share of, where it is one.
    saturation: Option<f64>,
}

/// How often connections are due in this row; `None` when it was told to end before that was known.
fn pace_of(
    job: &Arc<Job>,
    saturations: &mut BTreeMap<String, f64>,
    stop: &AtomicBool,
) -> Result<Option<Pace>, Trouble> {
    let pace = |rate, saturation| Ok(Some(Pace { rate, saturation }));
    let share = match job.setting.arrival {
        Arrival::Closed => return pace(None, None),
        Arrival::Rate(rate) => return pace(Some(f64::from(rate)), None),
        Arrival::Share(share) => f64::from(share) / 100.0,
    };
    // What rows are compared by is the rate, too: what a row changes half-way through must not change that.
    let closed = Setting {
        arrival: Arrival::Closed,
        rotates: Rotation::Nothing,
        ..job.setting
    };
    let key = format!("{} {}", job.target.name(), row_digest(&closed));
    let saturation = match saturations.get(&key) {
        Some(saturation) => *saturation,
        None => {
            let calibration = Arc::new(Job {
                setting: Setting {
                    in_flight: job.setting.in_flight.min(CALIBRATION_IN_FLIGHT),
                    ..closed
                },
                ..Job::clone(job)
            });
            let saturation =
                match repetition::measure(&calibration, &CALIBRATION, None, None, stop)? {
                    Some(measured) => {
                        let tally = &measured.tally;
                        let ended = tally.confirmed + tally.strangers;
                        ended as f64 * 1e6 / measured.duration_us.max(1) as f64
                    }
                    None => return Ok(None),
                };
            saturations.insert(key, saturation);
            saturation
        }
    };
    if saturation < 1.0 {
        return Err("it confirmed less than one connection in a second, so that there is no share of that to measure at".into());
    }
    pace(Some(saturation * share), Some(saturation))
}

/// Of so many workers, how many there is something to do for.
fn workers_for(workers: usize, in_flight: u32) -> usize {
    workers.min(in_flight as usize).max(1)
}

/// How saturation is found.
const CALIBRATION: Measure = Measure {
    duration: Span::millis(1500),
    warm_up: Span::millis(300),
    repetitions: 1,
};

/// More than this many at once wait in queues and reach no more.
const CALIBRATION_IN_FLIGHT: u32 = 32;

/// A row against a target, with everything that does not change between repetitions.
#[derive(Clone)]
struct Job {
    setting: Setting,
    target: Arc<dyn Target>,
    embedded: bool,
    scene: Arc<Scene>,
    transport: Transport,
    workers: usize,
    patience: Duration,
}

impl Job {
    /// # Errors
    /// Why the row cannot be measured against the target, in words.
    fn new(
        bench: &Bench,
        target: Arc<dyn Target>,
        row: &Row,
        transport: Transport,
    ) -> Result<Self, String> {
        let embedded = target.flaws().is_some();
        let setting = row.setting;
        let version = match setting.tls {
            TlsVersion::Tls12 => Capability::Tls12,
            TlsVersion::Tls13 => Capability::Tls13,
        };
        if !target.plays(Role::Server) {
            return Err("it is no server".into());
        }
        if let Some(absent) = target.absent() {
            return Err(absent);
        }
        if setting.auth == Authentication::Plaintext && !embedded {
            return Err("only the embedded service answers without TLS".into());
        }
        if !target.supports(Role::Server, version) {
            return Err(format!("the target does not speak {}", setting.tls));
        }
        let scene = Scene::mint(&bench.mint, &setting, &format!("bench {}", row.name))
            .map_err(|error| format!("its certificates could not be minted: {error}"))?;
        scene.caller.config(&setting)?;
        let needs = scene.environment.needs();
        if let Some(lacking) = needs
            .iter()
            .find(|need| !target.supports(Role::Server, **need))
        {
            return Err(format!("the target does not support {}", lacking.word()));
        }
        if scene.next.is_some() && !target.reloads(Role::Server) {
            return Err("the target cannot take other certificates while it runs".into());
        }
        Ok(Self {
            setting,
            target,
            embedded,
            scene: Arc::new(scene),
            transport,
            workers: bench.workers.max(1),
            patience: bench.patience,
        })
    }

    /// How many workers there is something to do for.
    fn workers(&self) -> usize {
        workers_for(self.workers, self.setting.in_flight)
    }

    /// How many connections this worker may have open.
    fn in_flight_of(&self, index: usize) -> u32 {
        let workers = self.workers() as u32;
        let index = index as u32;
        let until =
            |index: u32| u64::from(self.setting.in_flight) * u64::from(index) / u64::from(workers);
        (until(index + 1) - until(index)) as u32
    }

    fn line_to(&self, running: &dyn Running) -> Result<Line, String> {
        let address = running
            .address()
            .ok_or("the target does not say where it listens")?;
        let name = running.server_name().map(ServerName::DnsName);
        self.line(address, running.application(), name)
    }

    fn line(
        &self,
        address: Address,
        application: Application,
        name: Option<ServerName<'static>>,
    ) -> Result<Line, String> {
        Ok(Line {
            address,
            application,
            server_name: match name {
                Some(name) => name,
                None => Scene::server_name()?,
            },
            close: self.setting.close,
            patience: self.patience,
        })
    }
}
