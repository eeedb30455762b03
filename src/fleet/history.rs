//! The histories of many invocations, made that of one run.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use chrono::{DateTime, Utc};

use crate::{
    history::{AccountRecord, EndRecord, Record, RunRecord, render},
    inventory::UnreadAccount,
    spool::{Piece, Spool},
};

/// What a run did, as its invocations told it, one after the other.
pub struct History {
    run: String,
    runs: Option<RunRecord>,
    end: EndRecord,
    lost: Vec<String>,
    lines: Spool,
    /// When what happened, and where its line is.
    order: Vec<(DateTime<Utc>, Piece)>,
}

impl History {
    /// Of a run of that id.
    #[must_use]
    pub fn new(run: &str) -> Self {
        let (run, at) = (run.to_owned(), DateTime::default());
        let end =
            EndRecord { run: run.clone(), at, done: 0, failed: 0, deferred: 0, unreadable: 0, causes: Vec::new() };
        let (lines, order) = (Spool::default(), Vec::new());
        Self { run, runs: None, end, lost: Vec::new(), lines, order }
    }

    /// Adds what an invocation did.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn add(&mut self, records: Vec<Record>) -> io::Result<()> {
        for record in records {
            match record {
                Record::Run(run) => self.add_run(run),
                Record::End(EndRecord { run: _, at: _, done, failed, deferred, unreadable, causes }) => {
                    self.end.done += done;
                    self.end.failed += failed;
                    self.end.deferred += deferred;
                    self.end.unreadable += unreadable;
                    self.end.causes.extend(causes);
                }
                other => {
                    let at = other.at();
                    let line = self.lines.push(&render(vec![of_run(other, &self.run)]))?;
                    self.order.push((at, line));
                }
            }
        }
        Ok(())
    }

    /// Adds an invocation that left nothing of what it did.
    pub fn add_lost(&mut self, what: String) {
        self.lost.push(what);
    }

    fn add_run(&mut self, run: RunRecord) {
        let Some(all) = &mut self.runs else {
            self.runs = Some(run);
            return;
        };
        let one_of_all = |own: Option<String>, other: Option<String>| if own == other { own } else { None };
        let RunRecord { at, accounts, accounts_unread, manifests, commit, caller, verdict, .. } = run;
        all.at = all.at.min(at);
        all.accounts.extend(accounts);
        all.accounts_unread.extend(accounts_unread);
        all.manifests = one_of_all(all.manifests.take(), manifests);
        all.commit = one_of_all(all.commit.take(), commit);
        all.caller = all.caller.take().or(caller);
        let worst = ["failed", "limit-exceeded", "stopped"];
        let worst = worst.into_iter().find(|word| [&all.verdict, &verdict].into_iter().any(|one| one == word));
        if let Some(worst) = worst {
            worst.clone_into(&mut all.verdict);
        }
    }

    /// Everything was added: those accounts could not be read, and whether something failed.
    pub fn finish(&mut self, unread: &[UnreadAccount], has_failures: bool, now: DateTime<Utc>) {
        self.end.at = now;
        let Some(all) = &mut self.runs else { return };
        let mut seen = BTreeSet::new();
        all.accounts.retain(|AccountRecord { id, .. }| seen.insert(id.clone()));
        all.accounts_unread.extend(unread.iter().map(ToString::to_string));
        all.lost.append(&mut self.lost);
        if has_failures && all.verdict != "limit-exceeded" {
            "failed".clone_into(&mut all.verdict);
        }
        all.run.clone_from(&self.run);
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_none()
    }

    /// Writes one run with all that it did, in order of time, and then what it did beside.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(mut self, beside: Vec<Record>, to: &mut impl Write) -> io::Result<()> {
        let Some(run) = self.runs else { return Ok(()) };
        to.write_all(render(vec![Record::Run(run)]).as_bytes())?;
        self.order.sort_by_key(|(at, _)| *at);
        for (_, line) in self.order {
            to.write_all(&self.lines.piece(line)?)?;
        }
        let last = beside.into_iter().map(|record| of_run(record, &self.run)).chain([Record::End(self.end)]);
        to.write_all(render(last.collect()).as_bytes())
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
