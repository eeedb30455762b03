//! What `init` says of what it wrote.

use std::{collections::BTreeMap, fmt::Write as _};

use keyrota::{
    counted::counted,
    init::{Draft, RemarkKind, Undecided},
    plan::{Class, Plan, WaitingOn},
    report::{
        Report, json,
        text::{aligned, lines, summary},
    },
    untrusted::printable,
};
use serde_json::{Value, json};
use strum::VariantArray;

use super::files::Target;

/// How wide a list of names gets where no terminal says it.
const WIDTH: usize = 100;
/// Of those for whom nothing is done yet, so many are named.
const MOST_NAMES: usize = 100;

/// What was written, and what comes of it.
pub struct Written<'a> {
    pub draft: &'a Draft,
    pub account: &'a keyrota::inventory::Account,
    pub targets: &'a [Target],
    pub plan: &'a Plan,
    /// What said something else before.
    pub over: &'a [std::path::PathBuf],
}

/// What was written, what the next plan shows, and what could not be decided.
pub fn page(written: &Written<'_>, terminal: Option<usize>) -> String {
    let Written { draft, account, targets, plan, .. } = *written;
    let width = terminal.map_or(WIDTH, |width| width.min(WIDTH));
    let Draft { by, files, remarks, undecided, active, others } = draft;
    let mut text = format!(
        "Account {account}, {}: {} with an active key, {others} without. Grouped by `{}`.\n\n",
        account.region,
        counted(*active, "user"),
        printable(&by.to_string()),
    );
    let of = |target: &Target| files.iter().find(|file| target.path.ends_with(&file.name));
    text += &aligned(targets.iter().map(|target| {
        let what = of(target).and_then(|file| Some(format!("{}, {}", file.selects.clone()?, file.users.len())));
        let over = written.over.contains(&target.path).then(|| "written over what was there".to_owned());
        let what = what.into_iter().chain(over).collect::<Vec<_>>().join("; ");
        format!("  {}\t{what}", printable(&target.path.display().to_string()))
    }));
    text += "\nTo decide:\n";
    text += &decisions(undecided);
    for &kind in RemarkKind::VARIANTS {
        let mut names: Vec<String> =
            remarks.iter().filter(|it| it.kind == kind).map(|it| printable(&it.user)).collect();
        names.dedup();
        if !names.is_empty() {
            let _ = write!(
                text,
                "  {} ({}): {}\n{}",
                kind.heading(),
                names.len(),
                kind.question(),
                wrapped_some(&names, width)
            );
        }
    }
    let untold = untold(draft, plan);
    if !untold.is_empty() {
        let names: Vec<String> = untold.iter().map(|name| printable(name)).collect();
        let _ = write!(text, "  {UNTOLD} ({}): {UNTOLD_QUESTION}\n{}", names.len(), wrapped_some(&names, width));
    }
    text += "\nWhat `keyrota plan` shows now:\n";
    text += &forecast(plan, width);
    text += &format!("  {}\n", summary(plan).replace('\n', "\n  "));
    text + "\nNext: `keyrota check`, `keyrota doctor`, `keyrota plan`.\n"
}

/// Users by what is done to them, and each that waits for a person.
fn forecast(plan: &Plan, width: usize) -> String {
    let mut by_verb: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in &plan.changes {
        by_verb.entry(change.action.verb().as_str()).or_default().push(printable(&change.user));
    }
    let mut held: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut text = String::new();
    for (verb, names) in by_verb {
        let _ = write!(text, "  {verb} ({}):\n{}", names.len(), wrapped(&names, width));
    }
    let (mut blocked, mut nobody_to_tell) = (Vec::new(), Vec::new());
    for waiting in &plan.waiting {
        match waiting.wait.class() {
            // The same of each of them, and said above.
            Class::Blocked if matches!(waiting.wait, WaitingOn::NoRecipient { .. }) => {
                nobody_to_tell.push(printable(&waiting.user));
            }
            Class::Blocked | Class::Unreadable => {
                blocked.push(format!("    {}\t{}", printable(&waiting.user), printable(&waiting.wait.to_string())));
            }
            Class::Held | Class::Exempt => held.entry(waiting.wait.code()).or_default().push(printable(&waiting.user)),
        }
    }
    for (code, names) in held {
        let _ = write!(text, "  held, {code} ({}):\n{}", names.len(), wrapped_some(&names, width));
    }
    if !nobody_to_tell.is_empty() {
        let count = nobody_to_tell.len();
        let _ = write!(text, "  blocked, nobody can be told ({count}):\n{}", wrapped_some(&nobody_to_tell, width));
    }
    if !blocked.is_empty() {
        let _ = write!(text, "  blocked ({}):\n{}", blocked.len(), aligned(blocked.into_iter()));
    }
    text
}

const UNTOLD: &str = "no address, no active key";
const UNTOLD_QUESTION: &str =
    "their inactive keys are not deleted before somebody can be told: tag the users, or set `[mail] fallback`";

/// Whom the plan can't tell of anything, and of whom nothing was said: they have no active key.
fn untold<'a>(draft: &Draft, plan: &'a Plan) -> Vec<&'a str> {
    let is_active = |name: &str| draft.files.iter().flat_map(|file| &file.users).any(|user| user == name);
    let waiting = plan.waiting.iter().filter(|waiting| matches!(waiting.wait, WaitingOn::NoRecipient { .. }));
    waiting.map(|waiting| waiting.user.as_str()).filter(|name| !is_active(name)).collect()
}

/// What was added beside manifests, and what a person has to do.
pub fn added(targets: &[Target], left: &[&str], undecided: &[Undecided]) -> String {
    let paths = targets.iter().map(|target| format!("  {}\n", printable(&target.path.display().to_string())));
    let mut text = format!("Added:\n{}", paths.collect::<String>());
    if !left.is_empty() {
        text += "\nThere already, and left as it is:\n";
        left.iter().for_each(|path| text += &format!("  {path}\n"));
    }
    text + "\nTo decide:\n" + &decisions(undecided)
}

pub fn added_json(targets: &[Target], left: &[&str], undecided: &[Undecided]) -> String {
    let files = targets.iter().map(|target| json!({ "path": target.path.display().to_string() }));
    let document = json!({
        "version": 1,
        "files": files.collect::<Vec<_>>(),
        "left": left,
        "undecided": undecided_json(undecided),
    });
    format!("{document:#}\n")
}

fn decisions(undecided: &[Undecided]) -> String {
    aligned(undecided.iter().map(|Undecided { what, remedy }| format!("  {what}\t{remedy}")))
}

fn undecided_json(undecided: &[Undecided]) -> Value {
    undecided.iter().map(|Undecided { what, remedy }| json!({ "what": what, "remedy": remedy })).collect()
}

/// Names on lines of their own, indented; of very many the first.
fn wrapped_some(names: &[String], width: usize) -> String {
    match names.len().checked_sub(MOST_NAMES) {
        None | Some(0) => wrapped(names, width),
        Some(more) => wrapped(&names[..MOST_NAMES], width) + &format!("    … and {more} more\n"),
    }
}

/// Names on lines of their own, indented.
fn wrapped(names: &[String], width: usize) -> String {
    lines(&names.join(", "), width.saturating_sub(4)).iter().map(|line| format!("    {line}\n")).collect()
}

pub fn as_json(written: &Written<'_>) -> String {
    let Written { draft, account, targets, plan, .. } = *written;
    let files: Vec<_> = targets
        .iter()
        .map(|target| {
            let file = draft.files.iter().find(|file| target.path.ends_with(&file.name));
            json!({
                "path": target.path.display().to_string(),
                "selects": file.and_then(|file| file.selects.clone()),
                "users": file.map(|file| file.users.clone()).unwrap_or_default(),
                "written-over": written.over.contains(&target.path),
            })
        })
        .collect();
    let untold = untold(draft, plan).into_iter();
    let untold = untold.map(|user| json!({ "kind": UNTOLD, "user": user, "message": UNTOLD_QUESTION }));
    let remarks = draft.remarks.iter();
    let remarks = remarks.map(|it| json!({ "kind": it.kind.heading(), "user": it.user, "message": it.text }));
    let remarks = remarks.chain(untold);
    let document = json!({
        "version": 1,
        "account": account.id,
        "by": draft.by.to_string(),
        "active": draft.active,
        "without-active-key": draft.others,
        "files": files,
        "undecided": undecided_json(&draft.undecided),
        "remarks": remarks.collect::<Vec<_>>(),
        "plan": json::value(&Report::new(plan)),
    });
    format!("{document:#}\n")
}
