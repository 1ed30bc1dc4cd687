//! The command line: one file per command.
//!
//! Most commands run a server (`serve`, `demo`, `bench`), ask a running one (`publish`, `collect`,
//! `keywords`), or work on the files of a data folder while no server holds it (`journal`,
//! `rejected`, `views`). `sample`, `config` and `completions` need neither a server nor a data
//! folder.
//!
//! Exit codes: 0 ok, 1 failed, 2 wrong usage or settings, 3 `views verify` found a difference.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::settings::{self, Given, Layers, NatsSettings, SettingSource, Settings};
use crate::store::silence_guarded_panics;
use crate::telemetry::{self, LogFormat};

mod bench;
mod client;
mod collect;
mod completions;
mod config;
mod demo;
mod failure;
mod journal;
mod keywords;
mod look;
mod output;
mod progress;
mod publish;
mod rejected;
mod sample;
mod serve;
mod signals;
mod table;
mod views;

use failure::{CommandOutcome, UsageError};
use output::{Format, LogOutput, Output};

/// Turns a stream of tweets into live, per-keyword knowledge.
#[derive(Debug, Parser)]
#[command(
    name = "tidings",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 ok, 1 failed, 2 wrong usage or settings, 3 `views verify` found a \
        difference.\n\
                  Settings: flags over TIDINGS_SECTION__KEY over --config FILE over the defaults; \
                  see `tidings config show`."
)]
struct CommandLine {
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    command: Command,
}

/// Arguments of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
struct GlobalArguments {
    /// Settings file in TOML, over the defaults
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder (setting `data`)
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<String>,
    /// The address to serve HTTP on (setting `listen`); port 0 takes any free port
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// A folder with another build of the dashboard (setting `http.ui_dir`)
    #[arg(long, global = true, value_name = "FOLDER")]
    ui_dir: Option<String>,
    /// The address of NATS JetStream (setting `nats.url`); without it the journal is embedded
    #[arg(long, global = true, value_name = "URL")]
    nats: Option<String>,
    /// A context of the `nats` command with the address of NATS (setting `nats.context`)
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Any setting, such as `commit.interval_ms=500`; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Text for people, or JSON for programs
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    output: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server with four months of a made-up world, and new posts every few seconds
    Demo(demo::DemoArguments),
    /// Run the server
    Serve,
    /// Send tweets to a running server, or straight to NATS with --nats
    Publish(publish::PublishArguments),
    /// Collect posts from X, Bluesky, Mastodon or files
    #[command(subcommand)]
    Collect(collect::CollectAction),
    /// Write posts of the demo's made-up world as NDJSON
    Sample(sample::SampleArguments),
    /// List, track and untrack keywords at a running server
    #[command(subcommand)]
    Keywords(keywords::KeywordsAction),
    /// List, export and import the journal; works on files, with the server stopped
    #[command(subcommand)]
    Journal(journal::JournalAction),
    /// List and re-drive rejected events; works on files, with the server stopped
    #[command(subcommand)]
    Rejected(rejected::RejectedAction),
    /// List, compare, rebuild and compact the views; works on files, with the server stopped
    #[command(subcommand)]
    Views(views::ViewsAction),
    /// Measure performance on this machine
    #[command(subcommand)]
    Bench(bench::BenchAction),
    /// Show the settings in force, and where each came from
    #[command(subcommand)]
    Config(config::ConfigAction),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArguments),
}

/// The settings and the output of a command.
#[derive(Debug)]
struct Invocation {
    layers: Layers,
    settings: Settings,
    output: Output,
}

impl Invocation {
    /// The settings of NATS if a flag of this command names it. NATS in the settings file or the
    /// environment is the server's journal: a client command then goes through the server.
    fn nats_asked_for(&self) -> Option<&NatsSettings> {
        let asked = ["nats.url", "nats.context"]
            .iter()
            .any(|key| matches!(self.layers.source(key), SettingSource::Flag(_)));
        self.settings.nats.as_ref().filter(|_| asked)
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    silence_guarded_panics();
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return failure::usage(&error),
    };
    let output = Output::new(line.global.output);
    match run(line, output) {
        Ok(outcome) => outcome.code(),
        Err(error) => failure::report(&error, output),
    }
}

fn run(line: CommandLine, output: Output) -> anyhow::Result<CommandOutcome> {
    if let Command::Completions(arguments) = &line.command {
        return completions::run(arguments, output);
    }
    let layers = settings::layers(&given(line.global)?, settings::variables()?)?;
    let settings = Settings::from_layers(&layers)?;
    let invocation = Invocation {
        layers,
        settings,
        output,
    };
    if let Command::Config(action) = &line.command {
        return config::run(action, &invocation);
    }
    init_log(&line.command, &invocation)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the runtime cannot be started")?;
    let outcome = runtime.block_on(dispatch(line.command, &invocation));
    // Does not wait for threads: a blocked read of standard input cannot be interrupted.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command, invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    match command {
        Command::Demo(arguments) => demo::run(arguments, invocation).await,
        Command::Serve => serve::run(invocation).await,
        Command::Publish(arguments) => publish::run(arguments, invocation).await,
        Command::Collect(action) => collect::run(action, invocation).await,
        Command::Sample(arguments) => sample::run(&arguments, invocation),
        Command::Keywords(action) => keywords::run(action, invocation).await,
        Command::Journal(action) => journal::run(action, invocation).await,
        Command::Rejected(action) => rejected::run(action, invocation).await,
        Command::Views(action) => views::run(action, invocation).await,
        Command::Bench(action) => bench::run(action, invocation).await,
        Command::Config(action) => config::run(&action, invocation),
        Command::Completions(arguments) => completions::run(&arguments, invocation.output),
    }
}

fn given(global: GlobalArguments) -> anyhow::Result<Given> {
    let mut flags = Vec::new();
    for (name, key, value) in [
        ("--data", "data", global.data),
        ("--listen", "listen", global.listen),
        ("--ui-dir", "http.ui_dir", global.ui_dir),
        ("--nats", "nats.url", global.nats),
        ("--context", "nats.context", global.context),
    ] {
        flags.extend(value.map(|value| (name.to_owned(), key.to_owned(), value)));
    }
    for assignment in global.set {
        let (key, value) = assignment.split_once('=').ok_or_else(|| {
            UsageError::new(format!(
                "--set {assignment:?} is not of the form KEY=VALUE, such as commit.interval_ms=500"
            ))
        })?;
        flags.push((
            format!("--set {key}"),
            key.trim().to_owned(),
            value.trim().to_owned(),
        ));
    }
    Ok(Given {
        file: global.config,
        flags,
    })
}

/// Sets up the log. Servers log at the level of the settings; other commands log warnings and
/// errors only, unless a level is given.
fn init_log(command: &Command, invocation: &Invocation) -> anyhow::Result<()> {
    let serves = matches!(command, Command::Serve | Command::Demo(_));
    let level = if serves || invocation.layers.is_given("log.level") {
        invocation.settings.log.level.as_str()
    } else {
        "warn"
    };
    let format = invocation.settings.log.format;
    let is_json = format == LogFormat::Json;
    telemetry::init_tracing(format, level, LogOutput { is_json })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn flags_become_settings() {
        let line = CommandLine::try_parse_from([
            "tidings",
            "serve",
            "--data",
            "here",
            "--set",
            "commit.events = 7",
        ])
        .unwrap();
        let flags = given(line.global).unwrap().flags;
        let flags: Vec<_> = flags
            .iter()
            .map(|(_, key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(flags, [("data", "here"), ("commit.events", "7")]);
    }

    #[test]
    fn an_assignment_without_a_value_is_wrong_usage() {
        let line = CommandLine::try_parse_from(["tidings", "serve", "--set", "commit"]).unwrap();
        assert!(given(line.global).unwrap_err().is::<UsageError>());
    }
}
