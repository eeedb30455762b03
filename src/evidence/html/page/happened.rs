//! What the history says was done since: runs, changes, mail.

use serde::Serialize;

use crate::evidence::{
    model::{ChangeRow, Happened, MailRow, RunRow},
    shown::{day, minute, told_to},
};

/// Why a run did not do everything: the history has them all.
const MOST_CAUSES: usize = 5;

#[derive(Serialize)]
pub struct HappenedView<'a> {
    since: String,
    source: &'a str,
    runs: Vec<RunView<'a>>,
    changes: Vec<ChangeView<'a>>,
    mail: Vec<MailView<'a>>,
    unused: &'a [String],
}

#[derive(Serialize)]
struct MailView<'a> {
    at: String,
    kind: &'a str,
    to: &'a str,
    users: String,
    result: String,
    class: &'static str,
}

#[derive(Serialize)]
struct RunView<'a> {
    run: &'a str,
    at: String,
    what: String,
    caller: &'a str,
    manifests: String,
    result: String,
    class: &'static str,
}

#[derive(Serialize)]
struct ChangeView<'a> {
    at: String,
    user: &'a str,
    arn: &'a str,
    action: &'a str,
    key: &'a str,
    reason: &'a str,
    result: String,
    class: &'static str,
    told: String,
}

pub fn happened(happened: &Happened) -> HappenedView<'_> {
    let Happened { since, source, runs, changes, mail, unused } = happened;
    HappenedView {
        since: day(since).to_owned(),
        source,
        runs: runs.iter().map(run).collect(),
        changes: changes.iter().map(change).collect(),
        mail: mail.iter().map(mail_view).collect(),
        unused,
    }
}

fn run(row: &RunRow) -> RunView<'_> {
    let RunRow { run, at, mode, by, version, caller, commit, fingerprint, verdict, accounts_unread, .. } = row;
    let RunRow { done, failed, causes, cut_off, .. } = row;
    let mut result = format!("{verdict}: {done} done");
    if *failed > 0 {
        result += &format!(", {failed} failed");
    }
    if !accounts_unread.is_empty() {
        result += &format!("; not read: {}", accounts_unread.join("; "));
    }
    if !causes.is_empty() {
        let more = causes.len().saturating_sub(MOST_CAUSES);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        result += &format!("; {}{more}", causes[..causes.len().min(MOST_CAUSES)].join("; "));
    }
    if *cut_off {
        result += "; its record was cut off: what it did after that is not known";
    }
    let short = |what: &str, id: &String| format!("{what} {}", id.chars().take(12).collect::<String>());
    let commit = commit.as_ref().map(|commit| short("commit", commit));
    let manifests = commit.or_else(|| fingerprint.as_ref().map(|fingerprint| short("fingerprint", fingerprint)));
    RunView {
        run,
        at: minute(at),
        what: format!("{mode}, {by}, keyrota {version}"),
        caller: caller.as_deref().unwrap_or_default(),
        manifests: manifests.unwrap_or_default(),
        result,
        class: if *cut_off {
            "unknown"
        } else if *failed > 0 || verdict != "complete" {
            "fail"
        } else {
            ""
        },
    }
}

fn mail_view(mail: &MailRow) -> MailView<'_> {
    let MailRow { at, kind, to, users, result, error, .. } = mail;
    let is_done = *result == "ok";
    MailView {
        at: minute(at),
        kind,
        to,
        users: users.join(", "),
        result: if is_done {
            "sent".to_owned()
        } else {
            format!("not sent: {}", error.as_deref().unwrap_or("no cause is recorded"))
        },
        class: if is_done { "" } else { "fail" },
    }
}

fn change(change: &ChangeRow) -> ChangeView<'_> {
    let ChangeRow { at, user, arn, key, action, reason, result, error, notes, told, .. } = change;
    let beside: String = notes.iter().map(|note| format!("; {note}")).collect();
    let is_done = *result == "ok";
    ChangeView {
        at: minute(at),
        user,
        arn,
        action,
        key: key.as_deref().unwrap_or_default(),
        reason,
        result: if is_done {
            format!("done{beside}")
        } else {
            format!("failed: {}{beside}", error.as_deref().unwrap_or("no cause is recorded"))
        },
        class: if is_done { "" } else { "fail" },
        told: told_to(told),
    }
}
