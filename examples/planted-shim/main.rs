//! A planted target as a process of its own, for the tests of the engine that runs such targets.
//!
//! It speaks the shim contract of `targets/README.md`, in both roles. `planted-shim ignores-expiry` has
//! that bug, `planted-shim none` has none; further words are [tricks](trick::Trick), ways in which a
//! process can be a bad one.

use std::process::{ExitCode, exit};
use std::{env, io, thread};

use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::planted::{PREFIX, Planted};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;

use service::Service;
use settings::Settings;
use trick::{Trick, Tricks};

mod event;
mod service;
mod settings;
mod trick;

/// What a shim that cannot do what it is asked to ends with.
const UNSUPPORTED: u8 = 89;

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let name = words.next().unwrap_or_default();
    if name == "--version" {
        println!("planted-shim {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    if name == "--linger" {
        trick::linger();
    }
    let started = words
        .map(|word| Trick::named(&word))
        .collect::<Result<Tricks, _>>()
        .and_then(|tricks| {
            let planted = Planted::named(&format!("{PREFIX}{name}"));
            let planted = planted.ok_or_else(|| format!("there is no bug `{name}`"))?;
            run(planted, tricks)
        });
    match started {
        Ok(status) => status,
        Err(reason) => {
            event::refused_to_start(&reason);
            ExitCode::FAILURE
        }
    }
}

fn run(planted: Planted, tricks: Tricks) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    LocalSet::new().block_on(&runtime, async {
        if tricks.has(&Trick::OutstaysItsWelcome) {
            trick::ignore_requests_to_end()?;
        }
        if tricks.has(&Trick::LeavesAChild) {
            trick::leave_a_child()?;
        }
        if tricks.has(&Trick::ExitsAtStart) {
            eprintln!("this configuration makes no sense to me");
            return Ok(ExitCode::from(3));
        }
        if tricks.has(&Trick::CannotDoIt) {
            eprintln!("some words that matter to nobody");
            eprintln!("that is more than I was made for");
            return Ok(ExitCode::from(UNSUPPORTED));
        }
        if tricks.has(&Trick::RefusesToStart) {
            return Err("I will not have this".into());
        }
        if tricks.has(&Trick::IsNeverReady) {
            eprintln!("still reading my configuration");
            std::future::pending::<()>().await;
        }
        let settings = Settings::read()?;
        let role = settings.role;
        let service = Service::start(planted, tricks, settings).await?;
        if service.tricks().has(&Trick::Babbles) {
            println!("hello, I am a server!");
        }
        event::ready();
        match role {
            Role::Server => service.serve(commands()).await,
            Role::Client => service.connect(commands()).await,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The lines of standard input. Its end is the shim's.
fn commands() -> UnboundedReceiver<String> {
    let (told, commands) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
        if !trick::is_to_stay() {
            exit(0);
        }
    });
    commands
}
