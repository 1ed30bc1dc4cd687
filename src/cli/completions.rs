//! `tidings completions SHELL`: the completion script of a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::failure::CommandOutcome;
use super::output::Output;

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(
    arguments: &CompletionsArguments,
    output: Output,
) -> anyhow::Result<CommandOutcome> {
    let mut script = Vec::new();
    let mut command = super::CommandLine::command();
    clap_complete::generate(arguments.shell, &mut command, "tidings", &mut script);
    output.text(&String::from_utf8(script)?)?;
    Ok(CommandOutcome::Done)
}
