//! The last step: makes one of what was done in all accounts. It runs also when some failed, and fails then itself.

mod report;
mod results;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use keyrota::{
    apply::Sent,
    cloud::{
        Archive,
        aws::{Bucket, Caller},
    },
    fleet::{History, Listed, Made, Merge, Merged, RunAccounts, RunId, merged as merged_below, reports},
    history::file_name,
    mail::Outbox,
    manifest::Manifest,
    notify::{Sending, send_digest},
    report::{json, metrics},
    run::Mode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::{
    report::{Leaving, leave_history},
    results::Adding,
};
use super::{Fleet, add_written, lists, no_bucket, no_room};
use crate::{
    event::After,
    failure::Failure,
    function::{Function, Invocation, TO_RECORD, in_millis, sign_in},
    log,
    store::Memory,
};

/// What a merge has told.
#[derive(Default, Serialize, Deserialize)]
struct Told {
    /// The objects whose content it told of.
    told: BTreeSet<String>,
    /// What became of the mail that it sent itself.
    mail: Vec<Value>,
}

impl Fleet {
    /// Merges what was done in all accounts.
    ///
    /// # Errors
    /// Something failed in one of them, or nothing is known of one; or the bucket can't be used.
    pub async fn merge(
        &self,
        function: &Function,
        run: &RunId,
        After { stopped, is_again }: After,
        invocation: &Invocation,
    ) -> Result<Value, Failure> {
        if is_again {
            tracing::info!(run = %run, "started again: accounts that failed come next");
            return Ok(json!({ "run": run.to_string(), "again": true }));
        }
        let (Invocation { began: now, id, .. }, mode) = (invocation, run.mode());
        let manifest = function.load(*now)?;
        let (bucket, made) = (self.bucket().await?, Made { at: *now, by: id.clone() });
        let lists = lists(bucket, run).await?;
        let all = listed(run, &lists)?;
        // Before anything is told: where it is refused, the whole merge is tried again.
        let caller = self.caller(&manifest, mode, invocation).await?;
        let (told, before) = told(bucket, run).await?;
        let memory = Memory(&self.store);
        // What was not told before is a history of its own.
        let name = if before == 0 { run.to_string() } else { format!("{}of{run}", before + 1) };
        let mut merge = Merge::new(&name, mode, memory.workload(*now).await);
        let tries = self.tries(run).await?;
        let manifests = lists.last().map(|list| list.manifests.as_str()).unwrap_or_default();
        let of = Adding {
            run,
            manifests,
            told: &told.told,
            stopped: stopped.as_deref(),
            gone: &self.gone(&manifest, &all, &tries, invocation).await,
            now: *now,
        };
        let reading = self.add_all(&of, &all, tries, &mut merge).await?;
        let merged = merge.finish(&manifest, Utc::now()).map_err(|error| no_room(&error))?;
        measure(&function.namespace, *now, &merged);
        let sent = self.tell(&manifest, mode, caller, &merged, invocation).await;
        sent.iter().for_each(log::mail);
        if mode != Mode::Plan {
            memory.keep(&merged.workload, &made).await;
        }
        let (unread, began) = (merged.unread.clone(), merged.began);
        let mut merged = merged;
        if let (Some(evidence), true) = (&function.evidence, mode != Mode::Plan) {
            let history = std::mem::replace(&mut merged.history, History::new(&name));
            leave_history(evidence, history, began, &name, &sent).await;
        }
        // From here on nothing is told twice: one that is cut off before this is repeated as a whole.
        let mail = [told.mail, json::mail(&sent)].concat();
        let now_told = Told { told: reading.told, mail: json::mail(&sent) };
        let note = json!(now_told).to_string();
        bucket.add(&format!("{}{made}.json", merged_below(run)), &note).await.map_err(no_bucket)?;
        let mut finished = self.finish(function, run, &made, merged, mail).await;
        // What takes most comes last.
        if let (Mode::Enforce, Some(evidence)) = (mode, &function.evidence) {
            let left_out = lists.last().map(|list| &list.left_out[..]).unwrap_or_default();
            let last = &reading.last[..];
            let of = Leaving {
                function,
                evidence,
                manifest: &manifest,
                run,
                manifests,
                now: *now,
                unread: &unread,
                left_out,
                last,
            };
            let left: &str = self.leave_report(&of, &file_name(began, &name)).await.into();
            match &mut finished {
                Ok(answer) => answer["evidence"] = json!(left),
                Err(failure) => failure.message.push_str(&format!("\nthe report for auditors: {left}")),
            }
        }
        finished
    }

    /// Who sends the summary, if there may be one; `None`: nobody, and the log says so where one was wanted.
    ///
    /// # Errors
    /// AWS refuses calls for coming too fast: the merge has told nothing yet, and is tried again.
    async fn caller(
        &self,
        manifest: &Manifest,
        mode: Mode,
        invocation: &Invocation,
    ) -> Result<Option<Caller>, Failure> {
        if mode == Mode::Plan || manifest.mail.digest.is_empty() {
            return Ok(None);
        }
        match sign_in(manifest, invocation.enter_until()).await {
            Ok(caller) => Ok(Some(caller)),
            Err(failure) if failure.is_throttled() => Err(failure),
            Err(error) => {
                tracing::error!(error = error.message, "no summary can be sent");
                Ok(None)
            }
        }
    }

    /// Sends the one summary, from the function's own account.
    async fn tell(
        &self,
        manifest: &Manifest,
        mode: Mode,
        caller: Option<Caller>,
        merged: &Merged,
        invocation: &Invocation,
    ) -> Vec<Sent> {
        let Some(caller) = caller else { return Vec::new() };
        let connected = caller.enter_own();
        let Some(own) = connected.accounts.first() else { return Vec::new() };
        let outbox = Outbox::default();
        let left = invocation.deadline.saturating_sub(Utc::now().timestamp_millis());
        let sending =
            Sending { as_of: merged.began, outbox: &outbox, until: in_millis(left.saturating_sub(TO_RECORD)) };
        let (summary, is_enforcing) = (merged.summary.clone(), mode == Mode::Enforce);
        send_digest(own, &manifest.mail, summary, merged.is_eventful, is_enforcing, &sending).await
    }

    /// Leaves the one report, and fails if something failed.
    async fn finish(
        &self,
        function: &Function,
        run: &RunId,
        made: &Made,
        merged_run: Merged,
        mail: Vec<Value>,
    ) -> Result<Value, Failure> {
        let bucket = self.bucket().await?;
        let words = merged_run.in_words();
        let Merged { report, digest, began, verdict, refused, unread, accounts, .. } = merged_run;
        let summary = report.summary(unread.len());
        let changes = report.changes();
        let whole = json::Whole {
            revision: function.revision.as_deref(),
            as_of: began,
            digest,
            unread: &unread,
            refused: &refused,
            mail,
        };
        let name = reports(run, made);
        add_written(bucket, &name, |file| report.write(&whole, file)).await?;
        let (bucket, key) = bucket.address(&name);
        let place = format!("s3://{bucket}/{key}");
        tracing::info!(run = %run, accounts, unread = unread.len(), report = place, "run completed");
        let failed = match (Failure::of(&verdict, changes), refused.is_empty()) {
            (None, true) => {
                let run = run.to_string();
                let counts = json!({ "accounts": accounts, "summary": summary });
                return Ok(json!({ "run": run, "again": false, "report": place, "counts": counts }));
            }
            (None, false) => Failure { kind: "LimitExceeded", message: refused.join("\n") },
            (Some(Failure { kind, message }), _) => {
                let more = refused.iter().map(|line| format!("\n{line}")).collect::<String>();
                Failure { kind, message: format!("{message}{more}") }
            }
        };
        let Failure { kind, message } = failed;
        Err(Failure { kind, message: format!("run {run}, {words}: {message}\nthe report: {place}") })
    }
}

/// All accounts that the run has listed, as it did last; what is gone since was begun, perhaps.
fn listed(run: &RunId, lists: &[RunAccounts]) -> Result<Vec<Listed>, Failure> {
    let mut all: Vec<Listed> = Vec::new();
    let mut known = BTreeSet::new();
    for list in lists.iter().rev() {
        all.extend(list.accounts.iter().filter(|account| known.insert(account.id.clone())).cloned());
    }
    match all.is_empty() {
        true => Err(Failure { kind: "BadEvent", message: format!("there is no run {run}: it has listed no accounts") }),
        false => Ok(all),
    }
}

/// What earlier merges of the run have told, and how many merges there were. What can't be used is told again: better than never.
async fn told(bucket: &Bucket, run: &RunId) -> Result<(Told, usize), Failure> {
    let files = bucket.within(&merged_below(run));
    let mut all = Told::default();
    let names = files.names("").await.map_err(no_bucket)?;
    let count = names.len();
    for name in names {
        let text = files.content(&name).await.map_err(no_bucket)?;
        match serde_json::from_slice::<Told>(&text) {
            Ok(Told { told, mail }) => {
                all.told.extend(told);
                all.mail.extend(mail);
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(name, error, "what a merge has told can't be used, and is told again");
            }
        }
    }
    Ok((all, count))
}

/// One set of metrics for all accounts; what was odd, once.
fn measure(namespace: &str, now: DateTime<Utc>, merged: &Merged) {
    let Merged { metrics, remarks, unread, .. } = merged;
    log::bare(metrics::line(namespace, now, None, metrics));
    for remark in remarks {
        tracing::warn!(
            code = remark.code,
            file = remark.file,
            line = remark.line,
            help = remark.help,
            "{}",
            remark.message
        );
    }
    unread.iter().for_each(log::account_unread);
}
