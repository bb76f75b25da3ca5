//! The program: arguments, environment and clock become settings, the outcome
//! becomes an exit code.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::filter::LevelFilter;
use weirkeeper::cli::Cli;
use weirkeeper::commands::{self, Streams};
use weirkeeper::error::Kind;
use weirkeeper::settings::{Environment, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment =
        Environment::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
    let colour = std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none();
    log_to_stderr(cli.global.verbose, colour);
    let mut out = std::io::stdout().lock();
    // Not locked: other threads log there, some of them with locks of their own.
    let mut err = std::io::stderr();
    let mut streams = Streams {
        colour,
        out: &mut out,
        err: &mut err,
    };
    #[expect(clippy::disallowed_methods, reason = "here the clock is read, once")]
    let clock = jiff::Timestamp::now();
    let settings = Settings::new(&cli.global, environment, clock);
    let code = match commands::run(&cli, &settings, &mut streams).await {
        Ok(code) => code,
        Err(error) => match streams.error(&error) {
            Ok(()) => error.kind().exit_code(),
            // Nobody reads standard error any more; the code still counts.
            Err(_closed) => error.kind().exit_code().max(Kind::Internal.exit_code()),
        },
    };
    ExitCode::from(code)
}

fn log_to_stderr(verbose: u8, colour: bool) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .without_time()
        .with_target(false)
        .init();
}
