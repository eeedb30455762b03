//! Reads the arguments, runs one command, and turns what became of it into an exit code.

mod action;
mod apply;
mod approval;
mod args;
mod base;
mod explain;
mod mail;
mod offline;
mod output;
mod plan;
mod world;

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Cli, Command, MailCommand},
    output::Output,
};

/// How a command ended. The numbers are part of the contract with scripts and workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// An error; nothing was changed.
    Error = 1,
    /// Changes are pending (`plan --detailed-exitcode` only).
    Pending = 2,
    /// A limit was exceeded; nothing was changed.
    Limit = 3,
    /// The plan is not the approved one; nothing was changed.
    NotApproved = 4,
    /// Some changes failed or were not finished.
    Failed = 5,
    /// The arguments make no sense.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

pub fn main() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to tell anyone if even this can't be written.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    if matches!(cli.command, Command::Action { .. }) {
        // It writes into a workflow's log and nowhere else.
        cli.common.format = args::Format::Github;
        cli.common.color = args::Color::Never;
    }
    let is_document = matches!(cli.command, Command::Schema | Command::Completions { .. } | Command::Export(_));
    if is_document && cli.common.format == args::Format::Github {
        // Commands for the runner would be part of it.
        cli.common.format = args::Format::Text;
    }
    let output = Output::new(&cli.common);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs nothing that could be missing");
    runtime.block_on(run(cli, &output)).into()
}

async fn run(cli: Cli, output: &Output) -> Exit {
    let Cli { command, common } = cli;
    match command {
        Command::Check => offline::check(&common, output),
        Command::Export(args::Export::Terraform { into }) => {
            offline::export_terraform(&common, into.as_deref(), output)
        }
        Command::Schema => offline::schema(output),
        Command::Completions { shell } => offline::completions(shell, output),
        Command::Mail { command: MailCommand::Preview(args) } => match args.user.clone() {
            None => mail::example(&common, &args, output),
            Some(user) => world::with(&common, output, world::Task::Preview { args, user }).await,
        },
        Command::Action { step } => action::run(step, common, output).await,
        Command::Plan(args) => world::with(&common, output, world::Task::Plan(args)).await,
        Command::Apply(args) => world::with(&common, output, world::Task::Apply(args)).await,
        Command::Status => world::with(&common, output, world::Task::Status).await,
        Command::Explain { user } => world::with(&common, output, world::Task::Explain { user }).await,
    }
}
