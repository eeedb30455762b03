//! The last step: makes one of what was done in all accounts. It runs also when some failed, and fails then itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use keyrota::{
    apply::Sent,
    cloud::{Archive, aws::Bucket},
    evidence::{Merging, Part, merge as merge_reports},
    fleet::{
        Attempt, Listed, Made, Merge, Merged, RunId, accounts, causes, evidence as evidence_name, left_out, made_of,
        map, merged, parse_list, reports, results,
    },
    history::{file_name, mail_record, render},
    inventory::UnreadAccount,
    mail::Outbox,
    manifest::Manifest,
    notify::{Sending, send_digest},
    report::{json, metrics},
    run::Mode,
};
use serde_json::{Value, json};

use super::{Fleet, no_bucket};
use crate::{
    event::After,
    evidence::Evidence,
    failure::Failure,
    function::{Function, Invocation, TO_RECORD, failure, in_millis, log_mail, sign_in},
    store::Memory,
};

/// Objects that are read at the same time.
const AT_A_TIME: usize = 16;

/// A report of all keys takes so many bytes a key while it is made.
const BYTES_OF_A_ROW: usize = 12 * 1024;

/// What evidence is made of.
#[derive(Clone, Copy)]
struct Leaving<'a> {
    function: &'a Function,
    evidence: &'a Evidence,
    manifest: &'a Manifest,
    run: &'a RunId,
    unread: &'a [UnreadAccount],
    /// The last try of each account that was read, by who made it.
    last: &'a [(Listed, String)],
}

/// The results of one account: each with the name of its object and who made it.
type Tries = Vec<(String, String)>;

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
        let all = listed(bucket, run).await?;
        let mut tries = self.tries(run).await?;
        let (told, before) = told(bucket, run).await?;
        let causes = why(bucket, run).await;
        let memory = Memory(&self.store);
        // What was not told before is a history of its own.
        let name = if before == 0 { run.to_string() } else { format!("{}of{run}", before + 1) };
        let mut merge = Merge::new(&name, mode == Mode::Plan, memory.workload(*now).await, *now);
        let (mut told_now, mut last) = (Vec::new(), Vec::new());
        let reading = all.iter().map(|account| {
            let tries = tries.remove(account.id.as_str()).unwrap_or_default();
            async move { (account, read(bucket, run, account, tries).await) }
        });
        let mut reading = stream::iter(reading.collect::<Vec<_>>()).buffered(AT_A_TIME);
        while let Some((account, attempts)) = reading.next().await {
            match attempts {
                Ok(attempts) if attempts.is_empty() => {
                    let cause = causes.get(&account.id).map(String::as_str).or(stopped.as_deref());
                    merge.add_missing(account, cause.unwrap_or(NO_CAUSE), *now);
                }
                Ok(attempts) => {
                    let known = attempts.iter().rev().find(|(_, _, attempt)| attempt.done.is_some());
                    last.extend(known.map(|(_, made, _)| (account.clone(), made.clone())));
                    let is_told = |name: &String| told.contains(name);
                    told_now.extend(attempts.iter().map(|(name, ..)| name.clone()).filter(|name| !is_told(name)));
                    let tries = attempts.into_iter().map(|(name, _, attempt)| (attempt, is_told(&name)));
                    merge.add(tries.collect(), *now);
                }
                Err(error) => merge.add_missing(account, &error, *now),
            }
        }
        drop(reading);
        for id in tries.into_keys() {
            let account = Listed { id, ..Listed::default() };
            merge.add_missing(&account, "there is one, of an account that the run has not listed", *now);
        }
        let merged = merge.finish(Utc::now());
        measure(&function.namespace, *now, &merged);
        let sent = self.tell(&manifest, mode, &merged, invocation).await;
        sent.iter().for_each(log_mail);
        if mode != Mode::Plan {
            memory.keep(&merged.workload, &made).await;
            if let Some(evidence) = &function.evidence {
                leave_history(evidence, &merged, &name, &sent).await;
            }
        }
        let (unread, began) = (merged.unread.clone(), merged.began);
        let finished = self.finish(function, run, &made, merged, &sent, &told_now).await;
        // What takes most comes last: whatever becomes of it, nothing is told twice.
        if let (Mode::Enforce, Some(evidence)) = (mode, &function.evidence) {
            let of = Leaving { function, evidence, manifest: &manifest, run, unread: &unread, last: &last };
            self.leave_report(&of, &file_name(began, &name)).await;
        }
        finished
    }

    /// The results of all accounts, in order of time.
    async fn tries(&self, run: &RunId) -> Result<BTreeMap<String, Tries>, Failure> {
        let names = self.bucket().await?.within(&results(run)).names("").await.map_err(no_bucket)?;
        let mut tries = BTreeMap::<String, Tries>::new();
        for name in names {
            match made_of(&name).map(|(account, made, _)| (account.to_owned(), made.to_owned())) {
                Some((account, made)) => tries.entry(account).or_default().push((name, made)),
                None => tracing::warn!(name, "not a result, and left alone"),
            }
        }
        Ok(tries)
    }

    /// Sends the one summary, from the function's own account.
    async fn tell(&self, manifest: &Manifest, mode: Mode, merged: &Merged, invocation: &Invocation) -> Vec<Sent> {
        if mode == Mode::Plan || manifest.mail.digest.is_empty() {
            return Vec::new();
        }
        let caller = match sign_in(manifest, invocation.enter_until()).await {
            Ok(caller) => caller,
            Err(error) => {
                tracing::error!(error = error.message, "no summary was sent");
                return Vec::new();
            }
        };
        let connected = caller.enter_own();
        let Some(own) = connected.accounts.first() else { return Vec::new() };
        let outbox = Outbox::default();
        let left = invocation.deadline.saturating_sub(Utc::now().timestamp_millis());
        let sending =
            Sending { as_of: merged.began, outbox: &outbox, until: in_millis(left.saturating_sub(TO_RECORD)) };
        let (summary, is_enforcing) = (merged.summary.clone(), mode == Mode::Enforce);
        send_digest(own, &manifest.mail, summary, merged.is_eventful, is_enforcing, &sending).await
    }

    /// Makes one report of those of all accounts. Where they don't fit into memory together, each stays one of its own.
    async fn leave_report(&self, of: &Leaving<'_>, name: &str) {
        let Leaving { function, evidence, manifest, run, unread: of_run, last } = *of;
        let Ok(bucket) = self.bucket().await else { return };
        let most = most_rows();
        let (mut parts, mut rows, mut unread) = (Vec::new(), 0, of_run.to_vec());
        for (account, made) in last {
            match part(bucket, run, account, made).await {
                Ok(part) => {
                    rows += part.rows();
                    parts.push(part);
                }
                Err(error) => {
                    tracing::error!(account = account.id, error, "it has no report");
                    unread.push(account.unread(format!("its report could not be read: {error}"), None));
                }
            }
            if rows > most {
                break;
            }
        }
        let (provenance, left_out) = (function.provenance(), last_left_out(bucket, run).await);
        let (fingerprint, left_out) = (manifest.fingerprint.as_str(), &left_out[..]);
        let merging = |unread| Merging { provenance: &provenance, fingerprint, unread, left_out };
        if rows <= most {
            if let Some(report) = merge_reports(parts, &merging(&unread)) {
                evidence.add_report(name, &report).await;
            }
            return;
        }
        drop(parts);
        tracing::warn!(rows, most, "more keys than fit into memory for one report: there is one an account");
        for (account, made) in last {
            let Ok(part) = part(bucket, run, account, made).await else { continue };
            if let Some(report) = merge_reports(vec![part], &merging(&[])) {
                evidence.add_report(&format!("{}/{}", name.trim_end_matches(".jsonl"), account.id), &report).await;
            }
        }
    }

    /// Leaves the one report, and fails if something failed.
    async fn finish(
        &self,
        function: &Function,
        run: &RunId,
        made: &Made,
        merged_run: Merged,
        sent: &[Sent],
        told_now: &[String],
    ) -> Result<Value, Failure> {
        let bucket = self.bucket().await?;
        let words = merged_run.in_words();
        let Merged { report, digest, began, verdict, refused, unread, accounts, .. } = merged_run;
        let summary = report.summary();
        let changes = report.changes();
        let whole = json::Whole {
            revision: function.revision.as_deref(),
            as_of: began,
            digest,
            unread: &unread,
            refused: &refused,
            mail: json::mail(sent),
        };
        let name = reports(run, made);
        bucket.add(&name, &report.render(&whole)).await.map_err(no_bucket)?;
        // Only now, for a merge that is cut off before this is repeated as a whole.
        let told = json!(told_now).to_string();
        bucket.add(&format!("{}{made}.json", merged(run)), &told).await.map_err(no_bucket)?;
        let (bucket, key) = bucket.address(&name);
        let place = format!("s3://{bucket}/{key}");
        tracing::info!(run = %run, accounts, unread = unread.len(), report = place, "run completed");
        let failed = match (failure(&verdict, changes), refused.is_empty()) {
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

/// Adds the history of what was not told before.
async fn leave_history(evidence: &Evidence, merged: &Merged, name: &str, sent: &[Sent]) {
    let mut records = merged.records.clone();
    let Some(end) = records.pop() else { return };
    records.extend(sent.iter().map(|one| mail_record(name, Utc::now(), one)));
    records.push(end);
    evidence.add(&format!("history/{}", file_name(merged.began, name)), &render(records)).await;
}

const NO_CAUSE: &str = "its invocation was cut off, or could not be begun; its log may say more";

/// All accounts that the run has listed, as it did last; what is gone since was begun, perhaps.
pub(super) async fn listed(bucket: &Bucket, run: &RunId) -> Result<Vec<Listed>, Failure> {
    let lists = bucket.within(&accounts(run));
    let names = lists.names("").await.map_err(no_bucket)?;
    let mut all: Vec<Listed> = Vec::new();
    for name in names.iter().rev() {
        let text = lists.content(name).await.map_err(no_bucket)?;
        let listed = parse_list(&text).map_err(|error| Failure {
            kind: "NoBucket",
            message: format!("the list {name} can't be used: {error}"),
        })?;
        let known: BTreeSet<String> = all.iter().map(|account| account.id.clone()).collect();
        all.extend(listed.into_iter().filter(|account| !known.contains(&account.id)));
    }
    match all.is_empty() {
        true => Err(Failure { kind: "BadEvent", message: format!("there is no run {run}: it has listed no accounts") }),
        false => Ok(all),
    }
}

/// The accounts that nobody looks at, as the run has noted them last. Where that can't be read, the log says so.
async fn last_left_out(bucket: &Bucket, run: &RunId) -> Vec<UnreadAccount> {
    let files = bucket.within(&left_out(run));
    let last = async {
        let names = files.names("").await.map_err(|error| error.message)?;
        let Some(last) = names.last() else { return Ok(Vec::new()) };
        let text = files.content(last).await.map_err(|error| error.message)?;
        serde_json::from_slice(&text).map_err(|error| format!("{last}: {error}"))
    };
    last.await.unwrap_or_else(|error| {
        tracing::error!(error, "the accounts that nobody looks at could not be read");
        Vec::new()
    })
}

/// What was tried in an account: the name of each object, who made it, and what it holds.
///
/// # Errors
/// One of them can't be used.
async fn read(
    bucket: &Bucket,
    run: &RunId,
    account: &Listed,
    tries: Tries,
) -> Result<Vec<(String, String, Attempt)>, String> {
    let results = bucket.within(&results(run));
    let mut attempts = Vec::new();
    for (name, made) in tries {
        let text = results.content(&name).await.map_err(|error| error.message)?;
        let attempt = Attempt::parse(&text, run, &account.id).map_err(|error| {
            format!("its result {name} can't be used: {error}; a run of another name reads it again")
        })?;
        if made_of(&name).is_some_and(|(.., is_good)| is_good) && !attempt.is_good() {
            return Err(format!("its result {name} can't be used: it is called done, and says that nothing was"));
        }
        attempts.push((name, made, attempt));
    }
    // One that is done is not done again: it has the last word, whoever failed beside it.
    attempts.sort_by_key(|(.., attempt)| attempt.is_good());
    Ok(attempts)
}

/// The results that earlier merges of the run have told of, and how many merges there were.
async fn told(bucket: &Bucket, run: &RunId) -> Result<(BTreeSet<String>, usize), Failure> {
    let files = bucket.within(&merged(run));
    let mut told = BTreeSet::new();
    let names = files.names("").await.map_err(no_bucket)?;
    let count = names.len();
    for name in names {
        let text = files.content(&name).await.map_err(no_bucket)?;
        let names: Vec<String> = serde_json::from_slice(&text)
            .map_err(|error| Failure { kind: "NoBucket", message: format!("{name} can't be used: {error}") })?;
        told.extend(names);
    }
    Ok((told, count))
}

/// Why accounts have no result, as far as the state machine has noted that. Where that can't be read, nobody knows why: the
/// accounts are unread all the same.
async fn why(bucket: &Bucket, run: &RunId) -> BTreeMap<String, String> {
    let files = bucket.within(&map(run));
    let mut all = BTreeMap::new();
    let names = files.names("").await.unwrap_or_else(|error| {
        tracing::warn!(error = error.message, "what the state machine noted could not be listed");
        Vec::new()
    });
    let is_of_failures = |name: &&String| name.rsplit('/').next().is_some_and(|file| !file.starts_with("SUCCEEDED"));
    for name in names.iter().filter(is_of_failures).filter(|name| !name.ends_with("manifest.json")) {
        let text = files.content(name).await.map_err(|error| error.message);
        match text.and_then(|text| causes(&text)) {
            Ok(causes) => all.extend(causes),
            Err(error) => tracing::warn!(name, error, "what the state machine noted could not be read"),
        }
    }
    all
}

async fn part(bucket: &Bucket, run: &RunId, account: &Listed, made: &str) -> Result<Part, String> {
    let text = bucket.content(&evidence_name(run, &account.id, made)).await.map_err(|error| error.message)?;
    Part::parse(&text)
}

/// How many keys one report may have: it is made in memory.
fn most_rows() -> usize {
    let megabytes = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|size| size.parse::<usize>().ok());
    megabytes.unwrap_or(1024) * (1 << 20) / BYTES_OF_A_ROW
}

/// One set of metrics for all accounts; what was odd, once.
fn measure(namespace: &str, now: DateTime<Utc>, merged: &Merged) {
    let Merged { metrics, remarks, unread, .. } = merged;
    // Without a log there is nobody to tell either.
    let _ = writeln!(io::stdout().lock(), "{}", metrics::line(namespace, now, None, metrics));
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
    for account in unread {
        tracing::error!(account = account.id, name = account.name, error = account.error, "account not read");
    }
}
