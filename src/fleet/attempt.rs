//! What one invocation did in one account: everything that reports, metrics, mails and the history need of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{listed::Listed, names::RunId, remarks::Remark};
use crate::{
    apply::Applied,
    cloud::Reads,
    history::{About, Record, records},
    inventory::UnreadAccount,
    manifest::Diagnostic,
    notify::summary,
    plan::fingerprint_lines,
    report::{
        Report, json,
        metrics::{Metrics, measure},
    },
    run::Planned,
    template::content::Digest,
    verdict::Verdict,
    workload::{Measured, Workload},
};

/// What each file says it is; fields are only added.
pub(super) const SCHEMA: &str = "keyrota/fleet/v1";

/// One invocation in one account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attempt {
    /// `keyrota/fleet/v1`.
    pub(super) schema: String,
    /// The run that it is part of.
    pub run: String,
    /// The invocation, as the name of the object has it: a copy under another name is none.
    pub made: String,
    /// The fingerprint of the manifests.
    pub manifests: String,
    /// The account.
    pub account: Listed,
    /// `enforce`, `tend` or `plan`.
    pub mode: String,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// Why nothing was changed, or nothing is known.
    pub failure: Option<AttemptFailure>,
    /// What kept it from going well, beside that.
    pub verdict: Verdict,
    /// What it read and did; `None`: the account could not be read.
    pub done: Option<Done>,
}

/// Why an invocation changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptFailure {
    /// As the error of an invocation is called: `LimitExceeded`.
    pub kind: String,
    /// In words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What was read and done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Done {
    /// The report, as text: of many accounts no tree is needed.
    pub report: Box<RawValue>,
    /// How the account stands among others.
    pub standing: Value,
    /// What its digest is made of; `None`: something could not be read.
    pub digest_lines: Option<Vec<String>>,
    /// For alarms.
    pub metrics: Metrics,
    /// For the summary.
    pub digest: Digest,
    /// How many changes it tried.
    pub tried: usize,
    /// For the history.
    pub records: Vec<Record>,
    /// What is odd about the manifests.
    pub remarks: Vec<Remark>,
    /// Where credentials were to go that other accounts could deliver to as well, each with its user.
    pub places: Vec<(String, String)>,
    /// For the next run.
    pub measured: Measured,
}

/// What is known of an invocation beside what it did.
#[derive(Clone, Debug)]
pub struct AboutAttempt<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The account.
    pub account: &'a Listed,
    /// Who: the name of what it leaves has it.
    pub made: &'a str,
    /// The fingerprint of the manifests.
    pub manifests: &'a str,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// The commit of the manifests.
    pub commit: Option<&'a str>,
}

impl Attempt {
    /// What an invocation planned and did. `applied` is `None` where nothing was to be changed; `failure` says why, if it was
    /// to.
    #[must_use]
    pub fn new<C: Reads>(
        about: &AboutAttempt<'_>,
        planned: &Planned<'_, C>,
        applied: Option<&Applied>,
        failure: Option<AttemptFailure>,
    ) -> Self {
        let AboutAttempt { run, began: at, ended, commit, .. } = *about;
        let run = run.to_string();
        let report = Report { revision: commit, applied, ..Report::new(&planned.plan) };
        let none = Applied::default();
        let done = applied.unwrap_or(&none);
        let mut metrics = Metrics::of_none(applied.is_some());
        for one in &planned.accounts {
            metrics.add(&measure(&one.roster, &one.inventory, &planned.plan, applied));
        }
        if let (Some(run), Some(events)) = (&mut metrics.run, &done.events) {
            run.events_failed = Some(events.failed);
        }
        let mut workload = Workload::default();
        planned.measure(applied, &mut workload);
        let known = About { run: &run, by: "function", at, ended, commit };
        let refused = failure.is_some();
        let done = Done {
            report: to_raw_value(&json::value(&report)).expect("no map has keys other than strings"),
            standing: json::accounts_of(&planned.plan).into_iter().next().unwrap_or_default(),
            digest_lines: fingerprint_lines(&planned.plan),
            metrics,
            digest: summary(&planned.rosters(), &planned.plan, done, ended),
            tried: done.outcomes.len(),
            records: match applied.is_some() || refused {
                true => records(&known, planned, applied),
                false => Vec::new(),
            },
            remarks: planned.warnings.iter().filter(|one| !one.stops_a_run()).map(remark).collect(),
            places: places(planned),
            measured: workload.accounts.remove(&about.account.id).unwrap_or_default(),
        };
        let verdict = planned.verdict(applied);
        Self { failure, verdict, done: Some(done), ..Self::blank(about) }
    }

    /// Nothing is known of the account, and why.
    #[must_use]
    pub fn unread(about: &AboutAttempt<'_>, failure: AttemptFailure) -> Self {
        Self { failure: Some(failure), ..Self::blank(about) }
    }

    fn blank(about: &AboutAttempt<'_>) -> Self {
        let AboutAttempt { run, account, made, manifests, began, ended, commit: _ } = *about;
        Self {
            schema: SCHEMA.to_owned(),
            run: run.to_string(),
            made: made.to_owned(),
            manifests: manifests.to_owned(),
            account: account.clone(),
            mode: run.mode().as_str().to_owned(),
            began,
            ended,
            failure: None,
            verdict: Verdict::default(),
            done: None,
        }
    }

    /// Whether there is nothing left that starting it again could do.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failure.is_none() && self.done.is_some() && !self.verdict.has_failures()
    }

    /// The account as one that could not be read, if it is.
    #[must_use]
    pub fn unread_account(&self) -> Option<UnreadAccount> {
        let failure = self.failure.as_ref().filter(|_| self.done.is_none())?;
        Some(self.account.unread(failure.message.clone(), failure.hint.clone()))
    }

    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        (self.ended - self.began).to_std().unwrap_or_default()
    }

    /// As it is kept.
    #[must_use]
    pub fn render(&self) -> String {
        serde_json::to_string(self).expect("no map has keys other than strings") + "\n"
    }
}

fn remark(diagnostic: &Diagnostic) -> Remark {
    Remark {
        code: diagnostic.code.as_str().to_owned(),
        file: diagnostic.file().to_owned(),
        line: diagnostic.line(),
        column: diagnostic.column(),
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
    }
}

/// What is the same place whichever account it is named in.
fn places<C>(planned: &Planned<'_, C>) -> Vec<(String, String)> {
    let entries = planned.accounts.iter().flat_map(|account| &account.roster.entries);
    let targets = entries.flat_map(|entry| entry.deliver.iter().map(move |target| (target, entry)));
    let global = targets.filter(|(target, _)| target.place.is_of_github());
    global
        .flat_map(|(target, entry)| target.holds("").into_iter().map(|hold| (hold, entry.user.name.clone())))
        .collect()
}
