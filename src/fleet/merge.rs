//! What many invocations did, made one: one report, one set of metrics, one summary, one history.
//!
//! An account may have been tried several times in one run. How it is now, the last try tells; what was done, all of them. What an
//! earlier merge of the same run has told, is not told again: neither counted nor mailed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    attempt::{Attempt, Done, Remark},
    listed::Listed,
};
use crate::{
    counted::counted,
    history::{AccountRecord, EndRecord, Record, RunRecord},
    inventory::UnreadAccount,
    observe::in_all,
    plan::fingerprint_of_lines,
    report::{
        json,
        metrics::{Metrics, RunMetrics},
        unread::causes,
    },
    template::content::Digest,
    verdict::Verdict,
    workload::Workload,
};

/// A merge under way: accounts are added one after the other, and what is not needed of them is not kept.
pub struct Merge {
    run: String,
    json: json::Merged,
    digest_lines: Option<Vec<String>>,
    metrics: Metrics,
    digest: Digest,
    is_eventful: bool,
    records: Vec<Record>,
    runs: Vec<RunRecord>,
    ends: EndRecord,
    remarks: Vec<Vec<Remark>>,
    verdict: Verdict,
    unread: Vec<UnreadAccount>,
    places: BTreeMap<String, Vec<String>>,
    refused: Vec<String>,
    began: Option<DateTime<Utc>>,
    workload: Workload,
    accounts: usize,
}

/// What the invocations of a run did together.
pub struct Merged {
    /// The report, but for what only the end tells.
    pub report: json::Merged,
    /// The digest of the whole plan; `None`: something could not be read.
    pub digest: Option<String>,
    /// When the first of them began.
    pub began: DateTime<Utc>,
    /// Of all accounts; of what was done, what was not told before.
    pub metrics: Metrics,
    /// What was not told before.
    pub summary: Digest,
    /// Whether something was done, or tried, that was not told before.
    pub is_eventful: bool,
    /// The history of what was not told before; empty: there is nothing.
    pub records: Vec<Record>,
    /// What is odd about the manifests.
    pub remarks: Vec<Remark>,
    /// What kept the run from going well.
    pub verdict: Verdict,
    /// Accounts in which nothing was changed for a limit or the clock, and why.
    pub refused: Vec<String>,
    /// Accounts of which nothing is known, and why.
    pub unread: Vec<UnreadAccount>,
    /// What the next run begins with.
    pub workload: Workload,
    /// Accounts that were listed.
    pub accounts: usize,
}

impl Merge {
    /// Nothing was added yet. `earlier` is what the runs before have measured.
    #[must_use]
    pub fn new(run: &str, is_plan: bool, earlier: Workload, now: DateTime<Utc>) -> Self {
        Self {
            run: run.to_owned(),
            json: json::Merged::default(),
            digest_lines: Some(Vec::new()),
            metrics: Metrics::of_none(!is_plan),
            digest: Digest::default(),
            is_eventful: false,
            records: Vec::new(),
            runs: Vec::new(),
            ends: EndRecord { run: run.to_owned(), at: now, done: 0, failed: 0, deferred: 0, unreadable: 0 },
            remarks: Vec::new(),
            verdict: Verdict::default(),
            unread: Vec::new(),
            places: BTreeMap::new(),
            refused: Vec::new(),
            began: None,
            workload: Workload { is_kept: true, ..earlier },
            accounts: 0,
        }
    }

    /// Adds an account that left nothing, and why.
    pub fn add_missing(&mut self, account: &Listed, why: &str, now: DateTime<Utc>) {
        self.accounts += 1;
        let hint = "start the run again: it does only what is left".to_owned();
        self.add_unread(account.unread(format!("no result: {why}"), Some(hint)), now);
    }

    /// Adds an account, with all that was tried there in this run, in order, and whether an earlier merge has told of it.
    pub fn add(&mut self, tries: Vec<(Attempt, bool)>, now: DateTime<Utc>) {
        let Some((last, _)) = tries.last() else { return };
        let (last_id, last_is_good, last_unread) = (last.account.id.clone(), last.is_good(), last.unread_account());
        self.accounts += 1;
        self.began = self.began.into_iter().chain(tries.iter().map(|(one, _)| one.began)).min();
        let is_known = tries.iter().any(|(one, _)| one.done.is_some());
        if let (Some(failure), true) = (&last.failure, last.done.is_some()) {
            let refused = format!("account {}: {}", last.account, failure.message);
            if !tries.last().is_some_and(|(_, is_told)| *is_told) {
                self.digest.unread.push(refused.clone());
                self.is_eventful = true;
            }
            self.refused.push(refused);
        }
        self.verdict.extend(of_account(&last.account, last.verdict.clone()));
        // Where a limit kept it from changing anything, nothing was completed.
        let is_refused = last.failure.is_some() && last.done.is_some();
        let mut run = RunMetrics { completed: !is_refused, failures: usize::from(is_refused), ..RunMetrics::default() };
        let count = tries.len();
        for (number, (attempt, is_told)) in tries.into_iter().enumerate() {
            let is_last = number + 1 == count;
            let Some(done) = attempt.done else { continue };
            self.add_done(done, is_last, is_told, &mut run, &last_id);
        }
        if let Some(unread) = last_unread {
            self.add_unread(unread, now);
        } else if !last_is_good {
            self.workload.leave(&last_id, now);
        }
        if is_known {
            self.metrics.add(&Metrics {
                run: self.metrics.run.as_ref().map(|_| run),
                is_whole: true,
                ..<_>::default()
            });
        }
    }

    fn add_done(&mut self, done: Done, is_last: bool, is_told: bool, run: &mut RunMetrics, id: &str) {
        let Done { report, digest_lines, metrics, digest, tried, records, remarks, places, measured } = done;
        match is_last {
            true => self.json.add(&report),
            false => self.json.add_done(&report),
        }
        if let (Some(one), false) = (&metrics.run, is_told) {
            run.created += one.created;
            run.deactivated += one.deactivated;
            run.deleted += one.deleted;
            if let Some(failed) = one.events_failed {
                *run.events_failed.get_or_insert_default() += failed;
            }
        }
        if !is_told {
            self.is_eventful |= tried > 0;
            self.add_records(records);
            self.add_digest(digest, is_last);
        }
        if !is_last {
            return;
        }
        if let Some(one) = &metrics.run {
            run.completed = one.completed;
            run.failures = one.failures;
        }
        self.metrics.add(&Metrics { run: None, ..metrics });
        match (&mut self.digest_lines, digest_lines) {
            (Some(all), Some(lines)) => all.extend(lines),
            (all, _) => *all = None,
        }
        self.remarks.push(remarks);
        for (place, user) in places {
            self.places.entry(place).or_default().push(format!("{user} of account {id}"));
        }
        let left_since = match (measured.left_since, self.workload.accounts.get(id)) {
            (Some(since), Some(before)) => Some(before.left_since.unwrap_or(since)),
            (since, _) => since,
        };
        self.workload.accounts.insert(id.to_owned(), crate::workload::Measured { left_since, ..measured });
    }

    fn add_unread(&mut self, unread: UnreadAccount, now: DateTime<Utc>) {
        if let Some(id) = &unread.id {
            self.workload.leave(id, now);
        }
        self.verdict.accounts_unread.push(unread.to_string());
        self.digest_lines = None;
        if let Some(run) = &mut self.metrics.run {
            run.failures += 1;
        }
        self.unread.push(unread);
    }

    fn add_records(&mut self, records: Vec<Record>) {
        for record in records {
            match record {
                Record::Run(run) => self.runs.push(run),
                Record::End(EndRecord { run: _, at: _, done, failed, deferred, unreadable }) => {
                    self.ends.done += done;
                    self.ends.failed += failed;
                    self.ends.deferred += deferred;
                    self.ends.unreadable += unreadable;
                }
                other => self.records.push(other),
            }
        }
    }

    /// What was done by a try that others followed is done; what it left, the last one tells.
    fn add_digest(&mut self, digest: Digest, is_last: bool) {
        let Digest { created, deactivated, deleted, updated, paced, paced_until, .. } = digest;
        let Digest { accounts, unfinished, unread, unmanaged, .. } = digest;
        let all = &mut self.digest;
        all.created += created;
        all.deactivated += deactivated;
        all.deleted += deleted;
        all.updated += updated;
        for mut account in accounts {
            if !is_last {
                account.failed.clear();
                account.blocked.clear();
            }
            match all.accounts.iter_mut().find(|known| known.account == account.account) {
                Some(known) => {
                    known.done.append(&mut account.done);
                    known.failed.append(&mut account.failed);
                    known.blocked.append(&mut account.blocked);
                }
                None if account.done.is_empty() && account.failed.is_empty() && account.blocked.is_empty() => {}
                None => all.accounts.push(account),
            }
        }
        if is_last {
            all.paced += paced;
            all.paced_until = all.paced_until.max(paced_until);
            all.unfinished.extend(unfinished);
            all.unread.extend(unread);
            all.unmanaged.extend(unmanaged);
        }
    }

    /// Everything was added.
    #[must_use]
    pub fn finish(mut self, now: DateTime<Utc>) -> Merged {
        // One invocation an account does not see what another delivers.
        for (place, mut users) in std::mem::take(&mut self.places) {
            users.sort_unstable();
            users.dedup();
            if users.len() > 1 {
                let message = format!(
                    "{} deliver to the same place, {place}: each takes the other's key away",
                    users.join(" and ")
                );
                self.verdict.failed.push(message);
                if let Some(run) = &mut self.metrics.run {
                    run.failures += 1;
                }
            }
        }
        self.digest.unread.extend(causes(&self.unread).iter().map(ToString::to_string));
        let records = self.history(now);
        let remarks = merged_remarks(self.remarks, !self.unread.is_empty());
        Merged {
            report: self.json,
            digest: self.digest_lines.map(fingerprint_of_lines),
            began: self.began.unwrap_or(now),
            metrics: self.metrics,
            summary: self.digest,
            is_eventful: self.is_eventful,
            records,
            remarks,
            verdict: self.verdict,
            refused: self.refused,
            unread: self.unread,
            workload: self.workload,
            accounts: self.accounts,
        }
    }

    /// One run with all that it did, in order of time.
    fn history(&mut self, now: DateTime<Utc>) -> Vec<Record> {
        let mut runs = std::mem::take(&mut self.runs).into_iter();
        let Some(mut all) = runs.next() else { return Vec::new() };
        let one_of_all = |own: Option<String>, other: Option<String>| if own == other { own } else { None };
        for RunRecord { at, accounts, accounts_unread, manifests, commit, caller, verdict, .. } in runs {
            all.at = all.at.min(at);
            all.accounts.extend(accounts);
            all.accounts_unread.extend(accounts_unread);
            all.manifests = one_of_all(all.manifests, manifests);
            all.commit = one_of_all(all.commit, commit);
            all.caller = all.caller.or(caller);
            let worst = ["failed", "limit-exceeded", "stopped"].into_iter();
            let worst = worst.clone().find(|word| [&all.verdict, &verdict].into_iter().any(|one| one == word));
            all.verdict = worst.map_or(all.verdict, str::to_owned);
        }
        let mut seen = BTreeSet::new();
        all.accounts.retain(|AccountRecord { id, .. }| seen.insert(id.clone()));
        all.accounts_unread.extend(self.unread.iter().map(ToString::to_string));
        if self.verdict.has_failures() && all.verdict != "limit-exceeded" {
            "failed".clone_into(&mut all.verdict);
        }
        all.run.clone_from(&self.run);
        let mut records = std::mem::take(&mut self.records);
        records.sort_by_key(Record::at);
        let end = EndRecord { at: now, ..self.ends.clone() };
        let ours = records.into_iter().map(|record| of_run(record, &self.run));
        [Record::Run(all)].into_iter().chain(ours).chain([Record::End(end)]).collect()
    }
}

/// The record as one of this run: each invocation had an id of its own.
fn of_run(mut record: Record, id: &str) -> Record {
    match &mut record {
        Record::Run(RunRecord { run, .. }) | Record::End(EndRecord { run, .. }) => id.clone_into(run),
        Record::Change(change) => id.clone_into(&mut change.run),
        Record::Mail(mail) => id.clone_into(&mut mail.run),
    }
    record
}

/// What went wrong, with the account in which it did.
fn of_account(account: &Listed, verdict: Verdict) -> Verdict {
    let Verdict { failed, unreadable, accounts_unread, unfinished, stopped } = verdict;
    let named = |lines: Vec<String>| lines.into_iter().map(|line| format!("account {account}: {line}")).collect();
    Verdict {
        failed: named(failed),
        unreadable: named(unreadable),
        accounts_unread,
        unfinished: named(unfinished),
        stopped,
    }
}

/// As one run says it: who is not in one account may be in another, so that is said only where it is true of all; and of a rule
/// that selects nobody only where no account is unread.
fn merged_remarks(accounts: Vec<Vec<Remark>>, is_unread: bool) -> Vec<Remark> {
    let place = |one: &Remark| (one.code.clone(), one.file.clone(), one.line, one.column);
    let mut absent = in_all(&accounts, |one| one.is_absence.then(|| place(one)));
    let mut said = BTreeSet::new();
    let mut merged = Vec::new();
    for remark in accounts.into_iter().flatten() {
        let is_true = !remark.is_absence || absent.remove(&place(&remark));
        if is_true && !(is_unread && remark.is_of_rule) && said.insert(remark.clone()) {
            merged.push(remark);
        }
    }
    merged
}

/// What is said of so many accounts in one line.
impl Merged {
    /// `50 accounts, 2 not read`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let all = counted(self.accounts, "account");
        match self.unread.len() {
            0 => all,
            unread => format!("{all}, {unread} not read"),
        }
    }
}
