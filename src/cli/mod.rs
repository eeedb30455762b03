//! Reads the arguments, runs one command, and turns what became of it into an exit code.

mod action;
mod apply;
mod approval;
mod args;
mod base;
mod capture;
mod check;
mod confirm;
mod context;
mod dispatch;
mod doctor;
mod error;
mod exit;
mod explain;
mod export;
mod init;
mod mail;
mod open;
mod output;
mod package;
mod plan;
mod schema;
mod sole;
mod status;

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Cli, Command, MailCommand},
    dispatch::Task,
    error::CommandError,
    exit::Exit,
    output::Output,
};

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
    let done = runtime.block_on(run(cli, &output));
    done.unwrap_or_else(|error| {
        error.say(&output);
        Exit::Error
    })
    .into()
}

async fn run(cli: Cli, output: &Output) -> Result<Exit, CommandError> {
    let Cli { command, common } = cli;
    match command {
        Command::Init(args) => init::run(&common, &args, output).await,
        Command::Capture(args) => capture::run(&common, &args, output).await,
        Command::Doctor(args) => doctor::run(&common, &args, output).await,
        Command::Package(args) => package::run(&common, &args, output),
        Command::Man { into } => schema::man(&into, output),
        Command::Check => check::check(&common, output),
        Command::Export(args::Export::Terraform { into }) => export::terraform(&common, into.as_deref(), output),
        Command::Schema => Ok(schema::schema(output)),
        Command::Completions { shell } => Ok(schema::completions(shell, output)),
        Command::Mail { command: MailCommand::Preview(args) } => match args.user.clone() {
            None => mail::example(&common, &args, output),
            Some(user) => dispatch::with(&common, output, Task::Preview { args, user }).await,
        },
        Command::Action { step } => action::run(step, common, output).await,
        Command::Plan(args) => dispatch::with(&common, output, Task::Plan(args)).await,
        Command::Apply(args) => dispatch::with(&common, output, Task::Apply(args)).await,
        Command::Status => dispatch::with(&common, output, Task::Status).await,
        Command::Explain { user } => dispatch::with(&common, output, Task::Explain { user }).await,
    }
}
