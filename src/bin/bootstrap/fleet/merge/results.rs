//! What was tried in each account, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use keyrota::{
    cloud::{Archive, aws::Bucket},
    fleet::{Attempt, Expected, Listed, Merge, RunId, begun, begun_by, causes, made_of, map, results},
    manifest::Manifest,
};

use crate::{
    failure::Failure,
    fleet::{Fleet, attempt, no_bucket, no_room},
    function::{Invocation, find},
};

/// Accounts whose results are read at the same time.
const AT_A_TIME: usize = 8;

/// The results of one account: each with the name of its object, who made it, and whether it says that everything was done.
pub type Tries = Vec<(String, String, bool)>;

/// What was tried in an account.
struct Tried {
    /// In order; one that is done has the last word.
    attempts: Vec<(String, Attempt)>,
    /// What calls itself a result, and is none: its object, and why.
    unusable: Vec<(String, String)>,
}

impl Fleet {
    /// Adds all accounts to the merge, one after the other.
    pub async fn add_all(
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
    pub async fn gone(
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
    pub async fn tries(&self, run: &RunId) -> Result<BTreeMap<String, Tries>, Failure> {
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
}

/// What a merge adds accounts with.
#[derive(Clone, Copy)]
pub struct Adding<'a> {
    pub run: &'a RunId,
    /// The fingerprint of the manifests that the run began with.
    pub manifests: &'a str,
    /// The objects that were told of before.
    pub told: &'a BTreeSet<String>,
    /// Why the map ended before its time, if it did.
    pub stopped: Option<&'a str>,
    /// What became of accounts since they were listed, by their ids.
    pub gone: &'a BTreeMap<String, String>,
    pub now: DateTime<Utc>,
}

/// What a merge has added.
#[derive(Default)]
pub struct Added {
    /// The objects that are told of now, and were not before.
    pub told: BTreeSet<String>,
    /// The last try of each account that was read, by who made it.
    pub last: Vec<(Listed, String)>,
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
