//! The files of a run: every result is written as it comes, the record and its views at the end.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::bench::Event as Measured;
use crate::cli::machine;
use crate::cli::record::replace;
use crate::clock::Clock;
use crate::expect::Level;
use crate::record::{CaseRecord, Run, SCHEMA_VERSION, ShardRecord, Summary, TargetRecord, Tool};
use crate::report::Format;
use crate::run::event::Event;

/// Takes in events, writes them down and makes the record.
pub(in crate::cli) struct Output {
    folder: PathBuf,
    events: File,
    junit: Option<(PathBuf, File)>,
    record: Run,
}

impl Output {
    /// Opens the files before the work begins, so that a folder that cannot be written to costs
    /// nobody a run.
    pub(in crate::cli) fn open(
        folder: &Path,
        junit: Option<&Path>,
        clock: Clock,
        seed: u64,
        shard: Option<ShardRecord>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| {
            format!(
                "failed to create `{}`; name another folder with --out",
                folder.display()
            )
        })?;
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("failed to create `{}`", path.display()))
        };
        let events = claim(&folder.join("events.jsonl"))?;
        let junit = junit
            .map(|path| Ok::<_, anyhow::Error>((path.to_owned(), create(path)?)))
            .transpose()?;
        let started_at = jiff::Timestamp::from_second(clock.unix())
            .unwrap_or_default()
            .to_string();
        let record = Run {
            schema_version: SCHEMA_VERSION,
            tool: Tool {
                name: env!("CARGO_PKG_NAME").into(),
                version: env!("CARGO_PKG_VERSION").into(),
                unoptimised: cfg!(debug_assertions),
            },
            seed,
            started_at,
            complete: false,
            host: machine::host(),
            targets: Vec::new(),
            cases: Vec::new(),
            measurements: Vec::new(),
            shard,
            merged: None,
            summary: Summary::default(),
        };
        let output = Self {
            folder: folder.to_owned(),
            events,
            junit,
            record,
        };
        // What an earlier run left here must not be taken for this one's, should this one die.
        write_views(&output.folder, &output.record, Level::Must)?;
        Ok(output)
    }

    pub(in crate::cli) fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::RunStarted { .. } => {}
            Event::CaseJudged(case) => self.take_case(*case)?,
            Event::TargetFinished(target) => self.take_target(target),
            Event::RunFinished { complete } => self.record.complete = complete,
        }
        Ok(())
    }

    /// Takes in what a bench tells: the record is written through each time, for a row takes seconds and a bench
    /// may be told to end at any of them.
    pub(in crate::cli) fn take_measured(&mut self, event: Measured) -> anyhow::Result<()> {
        match event {
            Measured::Begun { .. } => return Ok(()),
            Measured::Measured(measurement) => {
                let known = self.record.measurements.iter_mut();
                let mut known = known
                    .filter(|one| (&one.target, &one.id) == (&measurement.target, &measurement.id));
                match known.next() {
                    Some(known) => *known = *measurement,
                    None => self.record.measurements.push(*measurement),
                }
            }
            Measured::Target(target) => {
                let mut known = self.record.targets.iter_mut();
                match known.find(|known| known.name == target.name) {
                    Some(known) => *known = target,
                    None => self.record.targets.push(target),
                }
            }
            Measured::Finished { complete } => self.record.complete = complete,
        }
        write_views(&self.folder, &self.record, Level::Must)
    }

    fn take_case(&mut self, case: CaseRecord) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(&case)?;
        line.push(b'\n');
        self.events.write_all(&line).with_context(|| {
            format!(
                "failed to write to `{}`",
                self.folder.join("events.jsonl").display()
            )
        })?;
        self.record.cases.push(case);
        Ok(())
    }

    fn take_target(&mut self, target: TargetRecord) {
        self.record.targets.push(target);
    }

    /// Writes the record and its views.
    pub(in crate::cli) fn finish(mut self, level: Level) -> anyhow::Result<Run> {
        self.record
            .cases
            .sort_by(|one, other| (&one.target, &one.id).cmp(&(&other.target, &other.id)));
        self.record.summary = Summary::of(&self.record.cases);
        write_views(&self.folder, &self.record, level)?;
        if let Some((path, mut file)) = self.junit {
            file.write_all(Format::Junit.render(&self.record, level)?.as_bytes())
                .with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        Ok(self.record)
    }
}

/// Writes a record and its views into a folder that is there.
pub(in crate::cli) fn write_views(folder: &Path, record: &Run, level: Level) -> anyhow::Result<()> {
    let curves = [("curves.svg", Format::Svg), ("figures.csv", Format::Csv)];
    let measured = usize::from(!record.measurements.is_empty()) * curves.len();
    let always = [
        ("run.json", Format::Json),
        ("junit.xml", Format::Junit),
        ("summary.md", Format::Markdown),
    ];
    for (name, format) in always.into_iter().chain(curves.into_iter().take(measured)) {
        replace(&folder.join(name), &format.render(record, level)?)?;
    }
    Ok(())
}

/// Opens the file of events for this run alone: two runs in one folder would write over each other.
fn claim(path: &Path) -> anyhow::Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("failed to create `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another run is writing to `{}`\nhelp: name another folder with --out",
            path.display()
        ),
        // A file system without locks is no reason not to run.
        Err(TryLockError::Error(_)) => {}
    }
    file.set_len(0)
        .with_context(|| format!("failed to empty `{}`", path.display()))?;
    Ok(file)
}
