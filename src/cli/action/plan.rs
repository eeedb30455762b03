//! The first step: checks, and plans where there are credentials. Never fails on what it finds: the verdict does, after
//! everything was shown.

use std::{collections::BTreeMap, fs, path::Path};

use chrono::Utc;
use keyrota::{
    git::{self, Commits},
    github::event::{Base, Event},
    manifest::{self, Code, Diagnostic, Severity},
    report::markdown,
    untrusted::fenced,
};
use serde_json::Value;

use super::{
    environment::append,
    finding::{Finding, event, file},
    inputs::Inputs,
};
use crate::cli::{
    args::{Common, Format, PlanArgs},
    base::stop_git,
    dispatch::{self, Task},
    error::CommandError,
    exit::Exit,
    open::instant,
    output::{Output, Said},
};

/// What errors may take of a page.
const ERRORS_ROOM: usize = 12_000;
/// What a page may take.
const LONGEST_PAGE: usize = 60_000;

/// Leaves a finding, whatever happens.
pub async fn run(common: Common, output: &Output) -> Result<Exit, CommandError> {
    for old in ["finding.json", "plan.json", "plan.md", "outputs.json"] {
        let _ = fs::remove_file(file(old)?);
    }
    let finding = match find(common, output).await {
        Ok(finding) => finding,
        Err(error) => {
            error.say(output);
            Finding::new("error", without_plan(output))
        }
    };
    finding.write()?;
    for (name, value) in &finding.outputs {
        append("GITHUB_OUTPUT", &format!("{name}={}\n", one_line(value)?))?;
    }
    Ok(Exit::Done)
}

async fn find(mut common: Common, output: &Output) -> Result<Finding, CommandError> {
    let event = event()?;
    let inputs = Inputs::read()?;
    common.manifests = inputs.folder.clone().into();
    common.format = Format::Github;
    common.mask = common.mask || inputs.mask.unwrap_or(event.is_public);
    if common.mask {
        output.mask();
    }
    let base = event.base(&inputs.base);
    let diagnostics = check(&common, &base)?;
    output.diagnostics(&diagnostics);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Ok(Finding::new("invalid", markdown::diagnostics(&diagnostics)));
    }
    if !inputs.plans || event.is_fork() {
        if inputs.plans {
            output.notice("a fork has no credentials: only the manifests themselves were checked");
        }
        return Ok(Finding::new("checked", markdown::diagnostics(&diagnostics)));
    }
    plan(common, &event, &base, output).await
}

/// The mistakes of the manifests. That time alone ended an exemption on the base branch is no mistake of whoever changes
/// something else: to them it is a warning.
fn check(common: &Common, base: &Base) -> Result<Vec<Diagnostic>, CommandError> {
    let now = instant(common.at.as_deref(), Utc::now(), None)?;
    let mut diagnostics = manifest::load(&common.manifests, now).diagnostics;
    let is_ended = |diagnostic: &Diagnostic| diagnostic.code == Code::ExemptionEnded;
    let revision = match base {
        _ if !diagnostics.iter().any(is_ended) => None,
        Base::None => None,
        Base::Merge { .. } => Some("HEAD^1"),
        Base::Commit { base, .. } => Some(base.as_str()),
    };
    // A base that can't be read excuses nothing.
    let before = revision.and_then(|revision| git::manifests_at(&common.manifests, revision).ok());
    if let Some(before) = before {
        let before = manifest::load_files(before.files, now).diagnostics;
        for ended in diagnostics.iter_mut().filter(|diagnostic| is_ended(diagnostic)) {
            if before.iter().any(|before| is_ended(before) && before.message == ended.message) {
                ended.severity = Severity::Warning;
            }
        }
    }
    Ok(diagnostics)
}

async fn plan(mut common: Common, event: &Event, base: &Base, output: &Output) -> Result<Finding, CommandError> {
    let base = revision(&common.manifests, event, base)?;
    let (plan_json, page, outputs) = (file("plan.json")?, file("plan.md")?, file("outputs.json")?);
    common.json_into = Some(plan_json.clone());
    common.markdown_into = Some(page.clone());
    common.outputs_into = Some(outputs.clone());
    // A future within a future within another is more than the compiler looks into.
    let planned = Box::pin(dispatch::with(&common, output, Task::Plan(PlanArgs { base, ..PlanArgs::default() }))).await;
    let exit = planned.unwrap_or_else(|error| {
        error.say(output);
        Exit::Error
    });
    let read = |path: &Path| fs::read_to_string(path).ok();
    let (Some(page), Some(outputs)) = (read(&page), read(&outputs)) else {
        // Rules may contradict each other for the users that exist.
        let is_invalid = |said: &Said| matches!(said, Said::Diagnostic(diagnostic) if diagnostic.stops_a_run());
        let result = if output.said().iter().any(is_invalid) { "invalid" } else { "error" };
        return Ok(Finding::new(result, without_plan(output)));
    };
    let mut outputs: BTreeMap<String, String> = serde_json::from_str::<BTreeMap<String, Value>>(&outputs)
        .map_err(CommandError::new)?
        .into_iter()
        .map(plain)
        .collect();
    match exit {
        Exit::Limit => outputs.insert("result".to_owned(), "limit".to_owned()),
        Exit::Done => None,
        _ => outputs.insert("result".to_owned(), "error".to_owned()),
    };
    outputs.insert("plan-json".to_owned(), plan_json.display().to_string());
    Ok(Finding { outputs, page: with_errors(&page, output) })
}

fn plain((name, value): (String, Value)) -> (String, String) {
    let value = match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    (name, value)
}

/// The revision to compare with, once it is certain that the right commit is checked out.
fn revision(folder: &Path, event: &Event, base: &Base) -> Result<Option<String>, CommandError> {
    let short = |id: &str| id.get(..10).unwrap_or(id).to_owned();
    let checkout = "use actions/checkout with `fetch-depth: 2` and without `ref`, or set the input `base`";
    match base {
        Base::None => Ok(None),
        Base::Merge { head: None } => Err(CommandError::new("the event `pull_request` has no `pull_request.head.sha`")),
        Base::Merge { head: Some(head) } => {
            let Commits { head: checked_out, parents } = git::commits(folder).map_err(|error| stop_git(&error))?;
            match parents.as_slice() {
                [_, second] if second == head => Ok(Some("HEAD^1".to_owned())),
                [_, second] => Err(CommandError::new(format!(
                    "HEAD ({}) merges {}, and the head of the pull request is {}: compared with HEAD^1, changes of \
                     the base branch would pass for the pull request's",
                    short(&checked_out),
                    short(second),
                    short(head)
                ))
                .hint(checkout)),
                _ => Err(CommandError::new(
                    "HEAD is not the merge commit of the pull request, or its parents were not fetched",
                )
                .hint(checkout)),
            }
        }
        Base::Commit { base, head } => {
            let Commits { head: checked_out, .. } = git::commits(folder).map_err(|error| stop_git(&error))?;
            match head {
                Some(head) if *head != checked_out => Err(CommandError::new(format!(
                    "HEAD is {}, and the event `{}` is for {}",
                    short(&checked_out),
                    event.name,
                    short(head)
                ))
                .hint("use actions/checkout without `ref`")),
                _ => Ok(Some(base.clone())),
            }
        }
    }
}

/// A page that says why there is no plan.
fn without_plan(output: &Output) -> String {
    format!("### keyrota: there is no plan\n\n{}", errors(output))
}

/// A plan with what is wrong with it below its title.
fn with_errors(page: &str, output: &Output) -> String {
    let errors = errors(output);
    if errors.is_empty() {
        return page.to_owned();
    }
    let (title, rest) = page.split_once('\n').unwrap_or((page, ""));
    let whole = format!("{title}\n\n{errors}{rest}");
    if whole.len() <= LONGEST_PAGE {
        return whole;
    }
    format!("{title}\n\n{errors}\nThe plan itself does not fit beside this; the log and the plan's JSON have it.\n")
}

/// What was told, in a block that it can't leave; empty if there is nothing to tell.
fn errors(output: &Output) -> String {
    let said: Vec<String> = output
        .said()
        .iter()
        .filter_map(|said| match said {
            Said::Error(text) => Some(format!("error: {text}")),
            Said::Hint(text) => Some(format!("  hint: {text}")),
            Said::Diagnostic(diagnostic) => diagnostic.stops_a_run().then(|| diagnostic.render(false)),
        })
        .collect();
    if !said.iter().any(|said| !said.starts_with("  hint: ")) {
        return String::new();
    }
    fenced("text", &said.join("\n"), ERRORS_ROOM)
}

fn one_line(value: &str) -> Result<&str, CommandError> {
    match value.contains(['\n', '\r']) {
        true => Err(CommandError::new("an output would have two lines")),
        false => Ok(value),
    }
}
