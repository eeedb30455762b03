//! The last step: makes one of what was done in all accounts. It runs also when some failed, and fails then itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use keyrota::{
    apply::Sent,
    cloud::{
        Archive,
        aws::{Bucket, Caller},
    },
    evidence::{Merging, Part, merge as merge_reports},
    fleet::{
        Attempt, Expected, History, Listed, Made, Merge, Merged, RunAccounts, RunId, begun, begun_by, causes,
        evidence as evidence_name, made_of, map, merged as merged_below, reports, results,
    },
    history::{file_name, mail_record},
    inventory::UnreadAccount,
    mail::Outbox,
    manifest::Manifest,
    notify::{Sending, send_digest},
    report::{json, metrics},
    run::Mode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Fleet, add_written, attempt, lists, no_bucket, no_room};
use crate::{
    event::After,
    evidence::Evidence,
    failure::Failure,
    function::{Function, Invocation, TO_RECORD, failure, find, in_millis, log_mail, sign_in},
    store::Memory,
};

/// Accounts whose results are read at the same time.
const AT_A_TIME: usize = 8;

/// A report of all keys takes so many bytes a key while it is made, and with its page so many: twice what `benches/fleet.rs` measures,
/// for rows differ.
const BYTES_OF_A_ROW: usize = 4 * 1024;
const BYTES_OF_A_ROW_ON_A_PAGE: usize = 8 * 1024;

/// How the report for auditors was left.
#[derive(Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
enum Left {
    /// As JSON and as a page.
    Whole,
    /// As JSON; its page would not fit into memory, and there is one an account.
    PageOfEachAccount,
    /// One an account, for not even the JSON fits.
    OfEachAccount,
    /// Not at all: nothing was read.
    Nothing,
}

/// What evidence is made of.
#[derive(Clone, Copy)]
struct Leaving<'a> {
    function: &'a Function,
    evidence: &'a Evidence,
    manifest: &'a Manifest,
    run: &'a RunId,
    /// The fingerprint of the manifests that the run began with.
    manifests: &'a str,
    now: DateTime<Utc>,
    unread: &'a [UnreadAccount],
    /// Those that nobody looks at.
    left_out: &'a [UnreadAccount],
    /// The last try of each account that was read, by who made it.
    last: &'a [(Listed, String)],
}

/// The results of one account: each with the name of its object, who made it, and whether it says that everything was done.
type Tries = Vec<(String, String, bool)>;

/// What was tried in an account.
struct Tried {
    /// In order; one that is done has the last word.
    attempts: Vec<(String, Attempt)>,
    /// What calls itself a result, and is none: its object, and why.
    unusable: Vec<(String, String)>,
}

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
        sent.iter().for_each(log_mail);
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

    /// Adds all accounts to the merge, one after the other.
    async fn add_all(
        &self,
        of: &Adding<'_>,
        all: &[Listed],
        mut tries: BTreeMap<String, Tries>,
        merge: &mut Merge,
    ) -> Result<Added, Failure> {
        let Adding { run, told, stopped, gone, now, .. } = *of;
        let bucket = self.bucket().await?;
        let mut begun = begun_in(bucket, run).await?;
        let causes = why(bucket, run).await;
        let mut added = Added::default();
        let reading = all.iter().map(|account| {
            let tries = tries.remove(account.id.as_str()).unwrap_or_default();
            let begun = begun.remove(account.id.as_str()).unwrap_or_default();
            async move {
                let lost: Vec<String> =
                    begun.into_iter().filter(|by| !tries.iter().any(|(_, made, _)| made == by)).collect();
                (account, lost, read(bucket, of, account, tries).await)
            }
        });
        let mut reading = stream::iter(reading.collect::<Vec<_>>()).buffered(AT_A_TIME);
        while let Some((account, lost, tried)) = reading.next().await {
            let Tried { attempts, unusable } = match tried {
                Ok(tried) => tried,
                Err(failure) if failure.is_throttled() => return Err(failure),
                Err(Failure { message, .. }) => {
                    merge.add_missing(account, &message, AGAIN, now);
                    continue;
                }
            };
            let cut_off = lost.into_iter().map(|by| (begun_name(account, &by), cut_off(&by)));
            let lost = unusable.iter().map(|(name, error)| (name.clone(), unusable_result(name, error)));
            for (name, what) in lost.chain(cut_off) {
                merge.add_lost(account, &what, told.contains(&name)).map_err(|error| no_room(&error))?;
                tracing::error!(
                    account = account.id,
                    name = account.name,
                    error = what,
                    "what an invocation did is lost"
                );
                added.tell(name, told);
            }
            if attempts.is_empty() {
                let unusable = unusable.first().map(|(name, error)| unusable_result(name, error));
                let cause = unusable.as_deref().or(causes.get(&account.id).map(String::as_str)).or(stopped);
                let hint = if gone.contains_key(&account.id) { ANEW } else { AGAIN };
                merge.add_missing(account, &since(gone, account, cause.unwrap_or(NO_CAUSE)), hint, now);
                continue;
            }
            let known = attempts.iter().rev().find(|(_, attempt)| attempt.done.is_some());
            added.last.extend(known.map(|(_, attempt)| (account.clone(), attempt.made.clone())));
            attempts.iter().for_each(|(name, _)| added.tell(name.clone(), told));
            let tries = attempts.into_iter().map(|(name, mut attempt)| {
                let failure = attempt.failure.as_mut().filter(|_| attempt.done.is_none());
                if let Some(failure) = failure.filter(|_| gone.contains_key(&account.id)) {
                    (failure.message, failure.hint) = (since(gone, account, &failure.message), Some(ANEW.to_owned()));
                }
                (attempt, told.contains(&name))
            });
            merge.add(tries.collect(), now).map_err(|error| no_room(&error))?;
        }
        drop(reading);
        for id in tries.into_keys() {
            let account = Listed { id, ..Listed::default() };
            merge.add_missing(&account, "there is one, of an account that the run has not listed", AGAIN, now);
        }
        Ok(added)
    }

    /// What AWS Organizations says by now of accounts that it had when the run listed them and that nobody could read: they may have
    /// been closed meanwhile, and then the cause that an invocation was told is none. It is asked once, and only if there are any.
    async fn gone(
        &self,
        manifest: &Manifest,
        all: &[Listed],
        tries: &BTreeMap<String, Tries>,
        invocation: &Invocation,
    ) -> BTreeMap<String, String> {
        let is_done =
            |account: &Listed| tries.get(&account.id).is_some_and(|all| all.iter().any(|(.., is_good)| *is_good));
        let is_unread = |account: &&Listed| account.membership.is_some() && !is_done(account);
        let unread: Vec<&Listed> = all.iter().filter(is_unread).collect();
        if unread.is_empty() {
            return BTreeMap::new();
        }
        let found = match find(manifest, invocation.enter_until()).await {
            Ok((_, found)) => found,
            Err(error) => {
                tracing::warn!(error = error.message, "whether accounts have been closed meanwhile is not known");
                return BTreeMap::new();
            }
        };
        let is_there = |id: &str| found.accounts.iter().any(|(_, account)| account.id == id);
        let left_out = found.left_out();
        let state = |id: &str| {
            let known = left_out.iter().chain(&found.outside).find(|one| one.id.as_deref() == Some(id));
            known.map_or_else(|| "no more among the accounts that are looked at".to_owned(), |one| one.error.clone())
        };
        let gone = unread.into_iter().filter(|account| !is_there(&account.id));
        gone.map(|account| (account.id.clone(), state(&account.id))).collect()
    }

    /// The results of all accounts, in order of time.
    async fn tries(&self, run: &RunId) -> Result<BTreeMap<String, Tries>, Failure> {
        let names = self.bucket().await?.within(&results(run)).names("").await.map_err(no_bucket)?;
        let mut tries = BTreeMap::<String, Tries>::new();
        for name in names {
            match made_of(&name).map(|(account, made, is_good)| (account.to_owned(), made.to_owned(), is_good)) {
                Some((account, made, is_good)) => tries.entry(account).or_default().push((name, made, is_good)),
                None => tracing::warn!(name, "not a result, and left alone"),
            }
        }
        Ok(tries)
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

    /// Makes one report of those of all accounts. What does not fit into memory together stays one of each account, and that is
    /// said.
    async fn leave_report(&self, of: &Leaving<'_>, name: &str) -> Left {
        let Leaving { function, evidence, manifest, unread: of_run, left_out, last, .. } = *of;
        let Ok(bucket) = self.bucket().await else { return Left::Nothing };
        let (most, most_on_a_page) = (most_rows(BYTES_OF_A_ROW), most_rows(BYTES_OF_A_ROW_ON_A_PAGE));
        let (mut parts, mut rows, mut unread) = (Vec::new(), 0, of_run.to_vec());
        for (account, made) in last {
            match part(bucket, of, account, made).await {
                Ok(part) => {
                    rows += part.rows();
                    // The others are counted all the same.
                    parts.extend(Some(part).filter(|_| rows <= most));
                }
                Err(error) => {
                    tracing::error!(account = account.id, error, "it has no report");
                    unread.push(account.unread(format!("its report could not be read: {error}"), None));
                }
            }
        }
        let (provenance, fingerprint) = (function.provenance(), manifest.fingerprint.as_str());
        let merging = |unread| Merging { provenance: &provenance, fingerprint, unread, left_out };
        let mut left = Left::OfEachAccount;
        if rows <= most {
            let Some(report) = merge_reports(parts, &merging(&unread)) else { return Left::Nothing };
            left = if rows <= most_on_a_page { Left::Whole } else { Left::PageOfEachAccount };
            add_report(evidence, name, &report, left == Left::Whole).await;
        }
        if left == Left::Whole {
            return left;
        }
        let how: &str = left.into();
        tracing::error!(rows, most, most_on_a_page, left = how, "more keys than fit into memory for one report");
        for (account, made) in last {
            let Ok(part) = part(bucket, of, account, made).await else { continue };
            if let Some(report) = merge_reports(vec![part], &merging(&[])) {
                let name = format!("{}/{}", name.trim_end_matches(".jsonl"), account.id);
                add_report(evidence, &name, &report, true).await;
            }
        }
        left
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

/// Adds the history of what was not told before. That this failed is logged, and fails no run.
async fn leave_history(evidence: &Evidence, history: History, began: DateTime<Utc>, name: &str, sent: &[Sent]) {
    if history.is_empty() {
        return;
    }
    let file = format!("history/{}", file_name(began, name));
    let mail = sent.iter().map(|one| mail_record(name, Utc::now(), one)).collect();
    let added = match evidence.store.bucket().await.map_err(no_bucket) {
        Ok(bucket) => add_written(bucket, &file, |to| history.write(mail, to)).await,
        Err(failure) => Err(failure),
    };
    match added {
        Ok(()) => tracing::info!(name = file, place = %evidence.store, "evidence written"),
        Err(Failure { message, .. }) => {
            tracing::error!(name = file, place = %evidence.store, error = message, "evidence not written");
        }
    }
}

/// Adds a report as JSON and, where there is one, as a page, named like a history. That this failed is logged, and fails no run.
async fn add_report(evidence: &Evidence, name: &str, report: &keyrota::evidence::Evidence, has_page: bool) {
    let name = name.trim_end_matches(".jsonl");
    let json = format!("reports/{name}.json");
    let added = match evidence.store.bucket().await.map_err(no_bucket) {
        Ok(bucket) => add_written(bucket, &json, |to| keyrota::evidence::json::write(report, to)).await,
        Err(failure) => Err(failure),
    };
    match added {
        Ok(()) => tracing::info!(name = json, place = %evidence.store, "evidence written"),
        Err(Failure { message, .. }) => {
            tracing::error!(name = json, place = %evidence.store, error = message, "evidence not written");
        }
    }
    if has_page {
        evidence.add(&format!("reports/{name}.html"), &keyrota::evidence::html::render(report)).await;
    }
}

/// What a merge adds accounts with.
#[derive(Clone, Copy)]
struct Adding<'a> {
    run: &'a RunId,
    /// The fingerprint of the manifests that the run began with.
    manifests: &'a str,
    /// The objects that were told of before.
    told: &'a BTreeSet<String>,
    /// Why the map ended before its time, if it did.
    stopped: Option<&'a str>,
    /// What became of accounts since they were listed, by their ids.
    gone: &'a BTreeMap<String, String>,
    now: DateTime<Utc>,
}

/// What a merge has added.
#[derive(Default)]
struct Added {
    /// The objects that are told of now, and were not before.
    told: BTreeSet<String>,
    /// The last try of each account that was read, by who made it.
    last: Vec<(Listed, String)>,
}

impl Added {
    fn tell(&mut self, name: String, told: &BTreeSet<String>) {
        if !told.contains(&name) {
            self.told.insert(name);
        }
    }
}

/// What to do about an account that has no result.
const AGAIN: &str = "start the run again: it does only what is left";

/// What to do about an account that is gone.
const ANEW: &str = "nothing, if that was meant: the next run lists the accounts anew";

/// Why an account could not be read, after what became of it since it was listed.
fn since(gone: &BTreeMap<String, String>, account: &Listed, cause: &str) -> String {
    match gone.get(&account.id) {
        Some(state) => format!("since the run listed it, it is {state}: {cause}"),
        None => cause.to_owned(),
    }
}

const NO_CAUSE: &str = "its invocation was cut off, or could not be begun; its log may say more";

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

/// What was tried in an account.
///
/// # Errors
/// It could not be read.
async fn read(bucket: &Bucket, of: &Adding<'_>, account: &Listed, tries: Tries) -> Result<Tried, Failure> {
    let Adding { run, manifests, now, .. } = *of;
    let (mut attempts, mut unusable) = (Vec::new(), Vec::new());
    for (name, made, is_good) in tries {
        let expected = Expected { run, account: &account.id, made: &made, manifests, now };
        match attempt(bucket, &name, &expected, is_good).await? {
            Ok(attempt) => attempts.push((name, attempt)),
            Err(error) => unusable.push((name, error)),
        }
    }
    // One that is done is not done again: it has the last word, whoever failed beside it.
    attempts.sort_by_key(|(_, attempt)| attempt.is_good());
    Ok(Tried { attempts, unusable })
}

fn unusable_result(name: &str, error: &str) -> String {
    format!("its result {name} can't be used: {error}")
}

fn cut_off(by: &str) -> String {
    format!(
        "the invocation {by} began there and left no result: it was cut off, or is still at it. What it changed is in no report and no \
         history; its log and the ledgers of the account tell"
    )
}

/// What the mark of an invocation is called among what was told.
fn begun_name(account: &Listed, by: &str) -> String {
    format!("begun/{}/{by}", account.id)
}

/// The invocations that have begun, by account.
async fn begun_in(bucket: &Bucket, run: &RunId) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for name in bucket.within(&begun(run)).names("").await.map_err(no_bucket)? {
        if let Some((account, by)) = begun_by(&name) {
            all.entry(account.to_owned()).or_default().push(by.to_owned());
        }
    }
    Ok(all)
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

/// The report of one account, by the invocation that made it.
async fn part(bucket: &Bucket, of: &Leaving<'_>, account: &Listed, made: &str) -> Result<Part, String> {
    let name = evidence_name(of.run, &account.id, made);
    let text = bucket.content(&name).await.map_err(|error| error.message)?;
    let part = Part::parse(&text)?;
    part.check(&account.id, of.manifests, of.now)?;
    Ok(part)
}

/// How many keys one report may have: it is made in memory.
fn most_rows(bytes_of_a_row: usize) -> usize {
    let megabytes = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|size| size.parse::<usize>().ok());
    megabytes.unwrap_or(1024) * (1 << 20) / bytes_of_a_row
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
