//! What many invocations did, made one: one report, one set of metrics, one summary, one history.
//!
//! An account may have been tried several times in one run. How it is now, the last try tells; what was done, all of them. What an
//! earlier merge of the same run has told, is not told again: neither counted nor mailed.

use std::{collections::BTreeMap, io};

use chrono::{DateTime, Utc};

use super::{
    attempt::{Attempt, Done},
    history::History,
    listed::Listed,
    remarks::{Remark, Remarks},
};
use crate::{
    counted::counted,
    inventory::UnreadAccount,
    manifest::Manifest,
    plan::fingerprint_of_sorted,
    report::{
        json,
        metrics::{Metrics, RunMetrics},
        unread::causes,
    },
    run::Mode,
    spool::{Piece, Spool},
    template::content::Digest,
    verdict::Verdict,
    workload::{Measured, Workload},
};

/// A merge under way: accounts are added one after the other. What is not needed of them is not kept, and what grows with their
/// users is not in memory.
pub struct Merge {
    mode: Mode,
    json: json::Merged,
    /// By account, in the order that a digest has. `None`: something could not be read.
    digest_lines: Option<BTreeMap<String, Piece>>,
    digest_text: Spool,
    metrics: Metrics,
    digest: Digest,
    is_eventful: bool,
    history: History,
    remarks: Remarks,
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
    /// The history of what was not told before.
    pub history: History,
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
    pub fn new(run: &str, mode: Mode, earlier: Workload) -> Self {
        let mut metrics = Metrics::of_none(mode != Mode::Plan);
        if let Some(run) = &mut metrics.run {
            run.attempts_lost = Some(0);
        }
        Self {
            mode,
            json: json::Merged::default(),
            digest_lines: Some(BTreeMap::new()),
            digest_text: Spool::default(),
            metrics,
            digest: Digest::default(),
            is_eventful: false,
            history: History::new(run),
            remarks: Remarks::default(),
            verdict: Verdict::default(),
            unread: Vec::new(),
            places: BTreeMap::new(),
            refused: Vec::new(),
            began: None,
            workload: Workload { is_kept: true, ..earlier },
            accounts: 0,
        }
    }

    /// Adds an account that left nothing, why, and what to do about it.
    pub fn add_missing(&mut self, account: &Listed, why: &str, hint: &str, now: DateTime<Utc>) {
        self.accounts += 1;
        self.add_unread(account.unread(format!("no result: {why}"), Some(hint.to_owned())), now);
    }

    /// Adds that an invocation in an account left nothing that can be used, and what is known of that; and whether an earlier merge
    /// has told of it. What it changed is in no report.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn add_lost(&mut self, account: &Listed, what: &str, is_told: bool) -> io::Result<()> {
        if !is_told {
            let lost = format!("account {account}: {what}");
            self.history.add_lost(lost.clone());
            self.digest.lost.push(lost);
            self.is_eventful = true;
            if let Some(run) = &mut self.metrics.run {
                *run.attempts_lost.get_or_insert_default() += 1;
            }
        }
        self.json.warn("attempt-lost", &account.id, account.name.as_deref(), what)
    }

    /// Adds an account, with all that was tried there in this run, in order, and whether an earlier merge has told of it.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn add(&mut self, tries: Vec<(Attempt, bool)>, now: DateTime<Utc>) -> io::Result<()> {
        let Some((last, _)) = tries.last() else { return Ok(()) };
        let (listed, last_is_good, last_unread) = (last.account.clone(), last.is_good(), last.unread_account());
        let last_id = &listed.id;
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
            self.add_done(done, is_last, is_told, &mut run, &listed)?;
        }
        if let Some(unread) = last_unread {
            self.add_unread(unread, now);
        } else if !last_is_good {
            self.workload.revisit(last_id, now);
        }
        if is_known {
            self.metrics.add(&Metrics {
                run: self.metrics.run.as_ref().map(|_| run),
                is_whole: true,
                ..<_>::default()
            });
        }
        Ok(())
    }

    fn add_done(
        &mut self,
        done: Done,
        is_last: bool,
        is_told: bool,
        run: &mut RunMetrics,
        of: &Listed,
    ) -> io::Result<()> {
        let id = of.id.as_str();
        let Done { report, standing, digest_lines, metrics, digest, tried, records, remarks, places, measured } = done;
        match is_last {
            true => self.json.add(&report, standing)?,
            false => self.json.add_done(&report)?,
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
            self.history.add(records)?;
            self.add_digest(digest, is_last);
        }
        if !is_last {
            return Ok(());
        }
        if let Some(one) = &metrics.run {
            run.completed = one.completed;
            run.failures = one.failures;
        }
        self.metrics.add(&Metrics { run: None, ..metrics });
        match (&mut self.digest_lines, digest_lines) {
            (Some(all), Some(mut lines)) => {
                lines.sort_unstable();
                all.insert(id.to_owned(), self.digest_text.push(&lines.concat())?);
            }
            (all, _) => *all = None,
        }
        self.remarks.add(of.account(), remarks);
        for (place, user) in places {
            self.places.entry(place).or_default().push(format!("{user} of account {id}"));
        }
        let before = self.workload.accounts.get(id).filter(|_| measured.left_since.is_some());
        let left_since = before.and_then(|before| before.left_since).or(measured.left_since);
        let unread_since = before.and_then(|before| before.unread_since);
        self.workload.accounts.insert(id.to_owned(), Measured { left_since, unread_since, ..measured });
        Ok(())
    }

    fn add_unread(&mut self, unread: UnreadAccount, now: DateTime<Utc>) {
        if let Some(id) = &unread.id {
            self.workload.leave(id, self.mode == Mode::Enforce, now);
        }
        self.verdict.accounts_unread.push(unread.to_string());
        self.digest_lines = None;
        if let Some(run) = &mut self.metrics.run {
            run.failures += 1;
        }
        self.unread.push(unread);
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
    ///
    /// # Errors
    /// What was put down can't be read any more.
    pub fn finish(mut self, manifest: &Manifest, now: DateTime<Utc>) -> io::Result<Merged> {
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
        self.history.finish(&self.unread, self.verdict.has_failures(), now);
        let text = &mut self.digest_text;
        let digest = self.digest_lines.map(|lines| fingerprint_of_sorted(lines.into_values().map(|at| text.piece(at))));
        Ok(Merged {
            report: self.json,
            digest: digest.transpose()?,
            began: self.began.unwrap_or(now),
            metrics: self.metrics,
            summary: self.digest,
            is_eventful: self.is_eventful,
            history: self.history,
            remarks: self.remarks.finish(manifest, &self.unread),
            verdict: self.verdict,
            refused: self.refused,
            unread: self.unread,
            workload: self.workload,
            accounts: self.accounts,
        })
    }
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
