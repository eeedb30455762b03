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
mod destination;
mod dispatch;
mod doctor;
mod error;
mod exit;
mod explain;
mod export;
mod forecast;
mod history;
mod init;
mod mail;
mod offered;
mod open;
mod output;
mod package;
mod plan;
mod report;
mod schema;
mod sole;
mod status;

use std::process::ExitCode;

use clap::FromArgMatches;
use keyrota::counted::any_of;

use self::{
    args::{Cli, Command, MailCommand},
    dispatch::Task,
    error::CommandError,
    exit::Exit,
    output::Output,
};

pub fn main() -> ExitCode {
    let mut command = offered::command();
    let parsed = command.try_get_matches_from_mut(std::env::args_os()).and_then(|matches| {
        let name = matches.subcommand_name().unwrap_or_default().to_owned();
        Cli::from_arg_matches(&matches).map(|cli| (cli, name)).map_err(|error| error.format(&mut command))
    });
    let (mut cli, name) = match parsed {
        Ok(parsed) => parsed,
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
    if let Err(message) = check_format(&name, cli.common.format) {
        let _ = command.error(clap::error::ErrorKind::InvalidValue, message).print();
        return Exit::Usage.into();
    }
    // Where reports go as well.
    if let Command::Plan(args::PlanArgs { reports, .. })
    | Command::Apply(args::ApplyArgs { reports, .. })
    | Command::Check(reports) = &cli.command
    {
        cli.common.json_into.clone_from(&reports.json_into);
        cli.common.markdown_into.clone_from(&reports.markdown_into);
    }
    let is_document = matches!(cli.command, Command::Schema { .. } | Command::Completions { .. } | Command::Export(_));
    if is_document && cli.common.format == args::Format::Github {
        // Commands for the runner would be part of it.
        cli.common.format = args::Format::Text;
    }
    let output = Output::new(&cli.common);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs nothing that could be missing");
    let done = runtime.block_on(async {
        tokio::select! {
            // Listens from the first moment on.
            biased;
            () = interrupted(&output) => Ok(Exit::Interrupted),
            done = run(cli, &output) => done,
        }
    });
    if matches!(done, Ok(Exit::Interrupted)) {
        output.clear_progress();
        output.talk("\n");
        // A prompt may still wait for its answer, and nothing is left to be finished.
        runtime.shutdown_background();
    }
    done.unwrap_or_else(|error| {
        error.say(&output);
        Exit::Error
    })
    .into()
}

/// Ctrl-C, as long as nothing is changed: once changes are made, `apply` sees to it that those under way are finished.
async fn interrupted(output: &Output) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if !output.is_applying() {
            return;
        }
    }
    std::future::pending().await
}

/// Refuses a format that the command has not.
fn check_format(command: &str, format: args::Format) -> Result<(), String> {
    let formats = offered::formats(command);
    let known: Vec<String> = formats.iter().map(|one| one.as_str().to_owned()).collect();
    match formats.contains(&format) {
        true => Ok(()),
        false => Err(format!("`{command}` has no format `{}`: choose {}", format.as_str(), any_of(&known))),
    }
}

async fn run(cli: Cli, output: &Output) -> Result<Exit, CommandError> {
    let Cli { command, common } = cli;
    destination::check(&match &command {
        Command::Status(args::StatusArgs { reports, .. })
        | Command::Plan(args::PlanArgs { reports, .. })
        | Command::Apply(args::ApplyArgs { reports, .. })
        | Command::Check(reports) => {
            vec![("--json-into", &reports.json_into), ("--markdown-into", &reports.markdown_into)]
        }
        Command::Report(args::ReportArgs { output, html_into, json_into, csv_into, .. }) => {
            vec![("--output", output), ("--html-into", html_into), ("--json-into", json_into), ("--csv-into", csv_into)]
        }
        Command::Forecast(args) => vec![("--output", &args.output)],
        _ => Vec::new(),
    })?;
    match command {
        Command::Init(args) => init::run(&common, &args, output).await,
        Command::Capture(args) => capture::run(&common, &args, output).await,
        Command::Doctor(args) => doctor::run(&common, &args, output).await,
        Command::Package(args) => package::run(&common, &args, output),
        Command::Man { into } => schema::man(&into, output),
        Command::Check(_) => check::check(&common, output),
        Command::Export(args::Export::Terraform { into }) => export::terraform(&common, into.as_deref(), output),
        Command::Schema { of } => Ok(schema::schema(of, output)),
        Command::Completions { shell } => Ok(schema::completions(shell, output)),
        Command::Mail { command: MailCommand::Preview(args) } => match args.user.clone() {
            None => mail::example(&common, &args, output),
            Some(user) => dispatch::with(&common, output, Task::Preview { args, user }).await,
        },
        Command::Action { step } => action::run(step, common, output).await,
        Command::Plan(args) => dispatch::with(&common, output, Task::Plan(args)).await,
        Command::Apply(args) => dispatch::with(&common, output, Task::Apply(args)).await,
        Command::Status(args) => dispatch::with(&common, output, Task::Status(args)).await,
        Command::Report(args) => dispatch::with(&common, output, Task::Report(args)).await,
        Command::Forecast(args) => dispatch::with(&common, output, Task::Forecast(args)).await,
        Command::Explain { user } => dispatch::with(&common, output, Task::Explain { user }).await,
    }
}
