//! The second step: the job's summary, and the one comment of the pull request.

use std::{env, fs};

use keyrota::{
    github::{
        api::{Api, ApiError},
        comment::{Run, Thread, Written},
        event::PullRequest,
    },
    untrusted::code,
};

use super::{
    environment::{append, required, variable},
    finding::{Finding, event, key},
    inputs::Inputs,
};
use crate::cli::{error::CommandError, exit::Exit, output::Output};

/// GitHub drops a summary above 1 MiB.
const LONGEST_SUMMARY: u64 = 1_000_000;

/// Shows what was found. That a comment can't be written is a warning: the plan is no other for it.
pub fn run(output: &Output) -> Result<Exit, CommandError> {
    let finding = Finding::read()?;
    summarize(&finding.page)?;
    // What is wrong with these was told by the step before, and is on the page.
    let (Ok(event), inputs) = (event(), Inputs::read()) else { return Ok(Exit::Done) };
    let is_wanted = inputs.map_or(true, |inputs| inputs.comment && inputs.plans);
    let Some(pull_request) = event.pull_request.filter(|pull_request| is_wanted && !pull_request.is_fork) else {
        return Ok(Exit::Done);
    };
    match comment(&pull_request, &finding) {
        Ok(Written::Outdated) => {
            output.talk("keyrota: a later push has its own run, which keeps the comment\n");
        }
        Ok(Written::Created | Written::Edited | Written::Silent) => {}
        Err(error) => {
            let hint = error.hint().map_or_else(String::new, |hint| format!("; {hint}"));
            output.warning(format!("the comment could not be written: {error}{hint}"));
        }
    }
    Ok(Exit::Done)
}

fn summarize(page: &str) -> Result<(), CommandError> {
    let used = fs::metadata(required("GITHUB_STEP_SUMMARY")?).map_or(0, |metadata| metadata.len());
    let page = match used + page.len() as u64 > LONGEST_SUMMARY {
        true => "### keyrota\n\nThe summary is full; the log has the plan.\n",
        false => page,
    };
    append("GITHUB_STEP_SUMMARY", &format!("{page}\n"))
}

fn comment(pull_request: &PullRequest, finding: &Finding) -> Result<Written, ApiError> {
    let text = |name: &str| env::var(name).unwrap_or_default();
    let token = text("GITHUB_TOKEN");
    let api = Api::new(&text("GITHUB_API_URL"), &token)?;
    let thread = Thread {
        api: &api,
        repository: &text("GITHUB_REPOSITORY"),
        number: pull_request.number,
        key: key(),
        is_own_token: variable("WORKFLOW_TOKEN").is_none_or(|own| own == token),
    };
    let number = |name: &str| text(name).parse().unwrap_or(0);
    let run = Run { id: number("GITHUB_RUN_ID"), attempt: number("GITHUB_RUN_ATTEMPT") };
    let page = format!("{}\n{}", finding.page.trim_end_matches('\n'), footer(pull_request, run));
    let is_worth_it = !matches!(finding.result(), "no-changes" | "checked");
    thread.write(run, pull_request.head.as_deref().unwrap_or("unknown"), &page, is_worth_it)
}

/// Which commit the page is about, and where it comes from.
fn footer(pull_request: &PullRequest, run: Run) -> String {
    let text = |name: &str| env::var(name).unwrap_or_default();
    let head = pull_request.head.as_deref().unwrap_or("unknown");
    let head = code(head.get(..10).unwrap_or(head));
    let label = match Inputs::label() {
        label if label.is_empty() => String::new(),
        label => format!(" {}", code(&label)),
    };
    let folder = code(&Inputs::folder());
    let Run { id, attempt } = run;
    let (server, repository) = (text("GITHUB_SERVER_URL"), text("GITHUB_REPOSITORY"));
    let run = match id {
        0 => String::new(),
        id => format!(", by [run {id}]({server}/{repository}/actions/runs/{id}/attempts/{})", attempt.max(1)),
    };
    format!("\n<sub>{folder}{label} at commit {head} of this pull request{run}.</sub>\n")
}
