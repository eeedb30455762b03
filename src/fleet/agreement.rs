//! Whether a result says what an invocation of its run says of its account: what is in a bucket may be of anywhere, and nothing of what
//! is wrong is taken for done.

use chrono::{DateTime, Utc};

use super::{
    attempt::{Attempt, Done, SCHEMA},
    names::{Made, RunId},
};
use crate::{
    clock,
    history::{self, Record},
    report::{json, metrics::RunMetrics},
    untrusted::printable,
};

/// What a result must agree with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The run that it is kept with.
    pub run: &'a RunId,
    /// The account that it is kept with.
    pub account: &'a str,
    /// The invocation that its name tells.
    pub made: &'a str,
    /// The fingerprint of the manifests that the run began with: nothing is done by others.
    pub manifests: &'a str,
    /// When it is read: nothing was done later than that.
    pub now: DateTime<Utc>,
}

impl Attempt {
    /// Reads what [`Attempt::render`] wrote.
    ///
    /// # Errors
    /// It is something else, or does not agree with what is expected of it.
    pub fn parse(text: &[u8], expected: &Expected<'_>) -> Result<Self, String> {
        let attempt: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if attempt.schema != SCHEMA {
            return Err(format!("its `schema` is not {SCHEMA}"));
        }
        expected.check(&attempt)?;
        Ok(attempt)
    }
}

impl Expected<'_> {
    /// # Errors
    /// The first thing in which the result differs.
    fn check(&self, attempt: &Attempt) -> Result<(), String> {
        let Self { run, account, made, manifests, now } = *self;
        let Attempt { run: of, mode, account: listed, .. } = attempt;
        if *of != run.to_string() || mode != run.mode().as_str() || listed.id != account {
            let (id, of, mode) = (printable(&listed.id), printable(of), printable(mode));
            return Err(format!("it is of account {id} in run {of} ({mode})"));
        }
        if attempt.made != made {
            return Err(format!("it is of the invocation {}", printable(&attempt.made)));
        }
        let begins = Made { at: attempt.began, by: String::new() }.to_string();
        if !made.starts_with(&begins) {
            return Err(format!("it began at {}, and its name says otherwise", attempt.began));
        }
        if attempt.ended < attempt.began {
            return Err("it ended before it began".to_owned());
        }
        // Another machine's clock may be off as far as AWS takes its signatures.
        if attempt.ended > now + clock::TOLERANCE {
            return Err(format!("it ended at {}, which is still to come", attempt.ended));
        }
        let Some(done) = &attempt.done else { return Ok(()) };
        if attempt.manifests != manifests {
            let own = printable(&attempt.manifests);
            return Err(format!("it was done by the manifests {own}, and the run began with {manifests}"));
        }
        done.check(account)
    }
}

impl Done {
    /// That all of it is about one account, and that its parts tell of the same changes.
    fn check(&self, account: &str) -> Result<(), String> {
        let Self { report, standing, digest_lines, digest, records, metrics, tried, .. } = self;
        let changes = json::check_part(report, account)?;
        let other = |what: &str, id: &str| Err(format!("its {what} is about account {}", printable(id)));
        if let Some(id) = standing["account"].as_str().filter(|id| *id != account) {
            return other("standing", id);
        }
        for line in digest_lines.iter().flatten() {
            match line.split('\t').next() {
                Some(id) if id == account => {}
                id => return other("digest", id.unwrap_or_default()),
            }
        }
        if let Some(one) = digest.accounts.iter().find(|one| one.account.id != account) {
            return other("summary", &one.account.id);
        }
        let mut recorded = 0;
        for record in records {
            match record {
                Record::Change(change) if change.account != account => return other("history", &change.account),
                Record::Change(change) => recorded += usize::from(change.result == history::Outcome::Ok),
                Record::Run(run) => {
                    if let Some(one) = run.accounts.iter().find(|one| one.id != account) {
                        return other("history", &one.id);
                    }
                }
                Record::Mail(_) | Record::End(_) => {}
            }
        }
        let told = |what: &str, count: usize, other: usize| match count == other {
            true => Ok(()),
            false => Err(format!("its report tells of {other} {what}, and another part of it of {count}")),
        };
        told("changes", *tried, changes.tried)?;
        // What a limit kept from being done has a history of that alone, and a plan none.
        if !records.is_empty() {
            told("changes that were made", recorded, changes.done)?;
        }
        let told_by_digest = [digest.created, digest.deactivated, digest.deleted];
        told("keys", told_by_digest.iter().sum(), changes.keys)?;
        if let Some(RunMetrics { created, deactivated, deleted, .. }) = metrics.run {
            told("keys", created + deactivated + deleted, changes.keys)?;
        }
        Ok(())
    }
}
