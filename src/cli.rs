//! The command line: arguments are parsed once and ready objects handed out.

use std::io::Write as _;

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{ColorChoice, CommandFactory, Parser, Subcommand};

use self::exit::Exit;

mod baseline;
mod bench;
mod compare;
mod doctor;
pub mod exit;
mod fleet;
mod limits;
mod list;
mod machine;
mod merge;
mod outcome;
pub mod outcry;
mod pki;
mod record;
mod report;
mod run;
mod selection;
mod selftest;
pub mod shard;
mod show;
mod view;

/// Puts mutual TLS implementations through scenarios and says, with evidence, what they accepted and
/// what they refused.
#[derive(Parser)]
#[command(name = "mtls-gauntlet", version, styles = STYLES, after_help = Exit::table(), propagate_version = true)]
struct Cli {
    /// When to use colours; NO_COLOR is respected.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    color: ColorChoice,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios against targets and report the matrix.
    Run(Box<run::Arguments>),
    /// List scenarios, targets or tags.
    List(list::Arguments),
    /// Explain a scenario in words, with its certificates drawn as a chain.
    Show(show::Arguments),
    /// Prove that every scenario can fail and that every planted bug is caught.
    Selftest(selftest::Arguments),
    /// Measure handshakes that the target has confirmed, and what they cost.
    Bench(Box<bench::Arguments>),
    /// Run a fleet of services under load while their certificates change, and summarize it.
    Fleet(fleet::Arguments),
    /// Render a record again, in any format.
    Report(report::Arguments),
    /// Compare two records: what regressed, what was fixed, what became slower.
    Compare(compare::Arguments),
    /// Make the record of a whole run from those of its shards.
    Merge(merge::Arguments),
    /// Write certificates to a folder: a scenario's, or a root to install.
    Pki(pki::Arguments),
    /// Say what is there and what is missing.
    Doctor(doctor::Arguments),
    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff.
    Man,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Parses the command line, does what it says, and returns the process's exit status.
pub fn main() -> Exit {
    outcry::once_for_each_place();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::AsExpected
            };
            let _ = error.print();
            return exit;
        }
    };
    match cli.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    match dispatch(cli.command) {
        Ok(exit) => exit,
        Err(Failure { exit, error }) => {
            let text = format!("{error:#}");
            let text = if text.starts_with("error") {
                text
            } else {
                format!("error: {text}")
            };
            let _ = writeln!(anstream::stderr(), "{text}");
            exit
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Show(arguments) => show::show(&arguments),
        Command::Selftest(arguments) => selftest::selftest(&arguments),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Fleet(arguments) => fleet::fleet(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::Pki(arguments) => pki::pki(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mtls-gauntlet", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print(&String::from_utf8_lossy(&page))
        }
    }
}

/// Why a command failed, and what the process ends with.
struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.into(),
        }
    }

    fn nothing_selected(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::NothingSelected,
            error: error.into(),
        }
    }
}

/// What is nobody's mistake is the harness's.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: Exit::Broken,
            error: error.into(),
        }
    }
}

/// Writes data to standard output; colours are stripped where they are not wanted. A reader who has
/// left (`| head`) wants no more, not even complaints; what the command found out stays as it is.
fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = AutoStream::auto(std::io::stdout().lock());
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::AsExpected),
    }
}
