//! A run as lines of its history.

use chrono::{DateTime, Utc};

use super::record::{
    AccountRecord, ChangeRecord, EndRecord, Line, MailRecord, Means, Outcome, Record, RunRecord, SCHEMA, ToldRecord,
};
use crate::{
    apply::{self, Applied, Sent},
    cloud::Reads,
    notice::Channel,
    run::Planned,
    verdict::Verdict,
};

/// What is known of a run beside what it did.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// Its id: two runs have two.
    pub run: &'a str,
    /// `command` or `function`.
    pub by: &'static str,
    /// When it began.
    pub at: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// The commit of the manifests.
    pub commit: Option<&'a str>,
}

/// What a run did; nothing but why where a limit was exceeded. `applied` is `None` then.
pub fn records<C: Reads>(about: &About<'_>, planned: &Planned<'_, C>, applied: Option<&Applied>) -> Vec<Record> {
    let verdict = planned.verdict(applied);
    let none = Applied::default();
    let done = applied.unwrap_or(&none);
    let mut records = vec![Record::Run(run(about, planned, &verdict, applied.is_none()))];
    records.extend(done.outcomes.iter().map(|outcome| Record::Change(change(about, planned, outcome))));
    records.extend(done.mail.iter().map(|sent| Record::Mail(mail(about.run, about.ended, sent))));
    let failed = done.failures();
    records.push(Record::End(EndRecord {
        run: about.run.to_owned(),
        at: about.ended,
        done: done.outcomes.len() - failed,
        failed,
        deferred: done.deferred.len(),
        unreadable: verdict.unreadable.len(),
        causes: causes(planned, &verdict, applied),
    }));
    records
}

/// Why not everything was done, beside what failed.
fn causes<C: Reads>(planned: &Planned<'_, C>, verdict: &Verdict, applied: Option<&Applied>) -> Vec<String> {
    let mut causes = verdict.unreadable.clone();
    match applied {
        Some(applied) => {
            let left = applied.left(planned.plan.accounts.len() > 1);
            causes.extend(left.iter().map(|(cause, users)| format!("{} not finished: {cause}", users.join(", "))));
        }
        None => causes.extend(planned.exceeded().iter().map(ToString::to_string)),
    }
    causes
}

/// As a file holds them.
pub fn render(records: Vec<Record>) -> String {
    let line = |record: Record| {
        let line = Line { schema: SCHEMA.to_owned(), record };
        serde_json::to_string(&line).expect("no map has keys other than strings") + "\n"
    };
    records.into_iter().map(line).collect()
}

/// What the file of a run is called, below the place of the history. In order of their names, files are in order of time.
pub fn file_name(at: DateTime<Utc>, run: &str) -> String {
    let run: String = run.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("{}-{run}.jsonl", at.format("%Y/%m/%d/%Y%m%dT%H%M%SZ"))
}

fn run<C: Reads>(about: &About<'_>, planned: &Planned<'_, C>, verdict: &Verdict, is_refused: bool) -> RunRecord {
    let word = match () {
        () if is_refused => "limit-exceeded",
        () if verdict.has_failures() => "failed",
        () if verdict.is_complete() => "complete",
        () => "stopped",
    };
    let accounts = planned.accounts.iter().map(|one| &one.roster.account);
    RunRecord {
        run: about.run.to_owned(),
        at: about.at,
        mode: planned.mode.as_str().to_owned(),
        by: about.by.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        accounts: accounts.map(|one| AccountRecord { id: one.id.clone(), name: one.name.clone() }).collect(),
        accounts_unread: planned.plan.accounts_unread.iter().map(ToString::to_string).collect(),
        lost: Vec::new(),
        manifests: Some(planned.manifest.fingerprint.clone()),
        commit: about.commit.map(str::to_owned),
        caller: planned.accounts.first().map(|one| one.cloud.caller().to_owned()),
        verdict: word.to_owned(),
    }
}

fn change<C: Reads>(about: &About<'_>, planned: &Planned<'_, C>, outcome: &apply::Outcome) -> ChangeRecord {
    let apply::Outcome { change, at, result, issued, notes, told: addresses } = outcome;
    let roster = planned.accounts.iter().map(|one| &one.roster).find(|roster| roster.account == *change.account);
    let entry = roster.and_then(|roster| roster.entry(&change.user));
    let is_owner = |address: &str| {
        let own = entry.into_iter().flat_map(|entry| &entry.recipients);
        own.into_iter().any(|own| Channel::of(own).identity() == Channel::of(address).identity())
    };
    let means = |address: &str| match Channel::of(address) {
        _ if !is_owner(address) => Means::Fallback,
        Channel::Mail(_) => Means::Mail,
        Channel::Of(kind, _) => Means::Channel(kind),
    };
    let told = |address: &String| ToldRecord { address: address.clone(), by: means(address) };
    ChangeRecord {
        run: about.run.to_owned(),
        at: *at,
        account: change.account.id.clone(),
        user: change.user.clone(),
        user_arn: entry.map(|entry| entry.user.arn.clone()).unwrap_or_default(),
        key: change.action.key().or(issued.as_ref()).map(ToString::to_string),
        verb: change.action.verb().to_string(),
        reason: change.reason.code().to_owned(),
        message: change.reason.to_string(),
        result: if result.is_ok() { Outcome::Ok } else { Outcome::Error },
        cause: result.as_ref().err().map(ToString::to_string),
        secret: change.destination.clone(),
        place: change.place(),
        told: addresses.iter().map(told).collect(),
        notes: notes.clone(),
    }
}

/// What became of a mail of a run that ended then.
pub fn mail_record(run: &str, ended: DateTime<Utc>, sent: &Sent) -> Record {
    Record::Mail(mail(run, ended, sent))
}

fn mail(run: &str, ended: DateTime<Utc>, sent: &Sent) -> MailRecord {
    let Sent { kind, to, users, result, notes: _ } = sent;
    MailRecord {
        run: run.to_owned(),
        at: ended,
        kind: kind.as_str().to_owned(),
        to: to.clone(),
        users: users.clone(),
        result: if result.is_ok() { Outcome::Ok } else { Outcome::Error },
        cause: result.as_ref().err().map(ToString::to_string),
    }
}
