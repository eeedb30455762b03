//! The bulk reads of one account: its users and its secrets.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use chrono::{DateTime, Utc};
use futures::{
    StreamExt,
    future::{self, LocalBoxFuture},
    stream,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    cloud::{Reads, Relevant},
    inventory::{CallError, ErrorKind, Key, Known, Ledger, SecretRecord, Unread, User, tag_value},
    roster::Entry,
};

/// Users of whom keys are read at the same time. How many calls go out at a time, and how fast, is up to the cloud.
pub(super) const CONCURRENCY: usize = 256;

/// The same, while secrets are listed: so many are waited for when they are.
const MEANWHILE: usize = 64;

/// Told of how reading goes on, for a progress bar.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// This many users are in scope of an account, and are read now.
    InScope(usize),
    /// One of them was read.
    Read,
}

/// The bulk reads of one account.
pub struct Listing {
    /// Every user of the account that the manifests may concern.
    pub users: Vec<User>,
    /// What was read of users' keys already.
    pub(super) keys: HashMap<String, Result<Vec<Key>, CallError>>,
    /// How many users were announced for that.
    pub(super) announced: usize,
    /// `None` if listing secrets is not permitted: each is described then, and what has another name is not seen.
    pub(super) secrets: Option<Secrets>,
    /// Whether no secret of keyrota's own is among them: then nobody can have noted anything.
    pub(super) is_new: bool,
    /// Since when rotations wait for their turn, as noted last.
    pub(super) queued_since: Option<DateTime<Utc>>,
    /// The secret on which a run has noted that it left users unread, and what it noted.
    pub(super) unread: Option<(String, Unread)>,
}

impl Listing {
    /// The user's ledger as far as it was listed; `None`: secrets were not.
    pub(super) fn ledger(&self, entry: &Entry, region: &str) -> Option<Result<Ledger, CallError>> {
        let secrets = self.secrets.as_ref()?;
        Some(ledger(secrets.by_name.get(&entry.secret), entry, region, Known::Listed))
    }

    /// Whether there are secrets of the user's of other names.
    pub(super) fn has_former(&self, entry: &Entry) -> bool {
        self.secrets.as_ref().is_some_and(|secrets| {
            let names = secrets.by_user.get(&tag_value(&entry.user.name).to_ascii_lowercase());
            names.into_iter().flatten().any(|name| *name != entry.secret)
        })
    }
}

/// The secrets that were listed.
pub(super) struct Secrets {
    pub by_name: HashMap<String, SecretRecord>,
    /// The names of those whose `keyrota:user` names a user, by that user's name in lower case.
    by_user: HashMap<String, Vec<String>>,
    /// The names that tags write alike for several users, in lower case.
    ambiguous: HashSet<String>,
}

impl Secrets {
    fn new(records: Vec<SecretRecord>, users: &[User]) -> Self {
        let mut seen = HashSet::new();
        let tagged = users.iter().map(|user| tag_value(&user.name).to_ascii_lowercase());
        let ambiguous = tagged.filter(|tagged| !seen.insert(tagged.clone())).collect();
        let mut by_user = HashMap::<_, Vec<String>>::new();
        for record in &records {
            if let Some(user) = record.user() {
                by_user.entry(user.to_ascii_lowercase()).or_default().push(record.name.clone());
            }
        }
        Self { by_name: records.into_iter().map(|record| (record.name.clone(), record)).collect(), by_user, ambiguous }
    }

    /// The secrets of other names than the one that the manifest gives now to the user with these keys.
    pub fn former(&self, entry: &Entry, keys: &[Key], region: &str) -> Result<Vec<Ledger>, CallError> {
        let tagged = tag_value(&entry.user.name).to_ascii_lowercase();
        // The tag may name a user with another name as well: then the secret is whose key it stores.
        let is_ambiguous = self.ambiguous.contains(&tagged);
        let stores_one = |record: &SecretRecord| keys.iter().any(|key| record.stores(&key.id));
        let names = self.by_user.get(&tagged);
        let records = names.into_iter().flatten().filter_map(|name| self.by_name.get(name));
        let ledgers = records
            .filter(|record| record.name != entry.secret && (!is_ambiguous || stores_one(record)))
            .map(|record| ledger_named(&record.name, Some(record), entry, region, Known::Listed));
        let is_own =
            |found: &Result<Ledger, _>| found.as_ref().map_or(true, |ledger| ledger.destination.own().is_some());
        ledgers.filter(is_own).collect()
    }
}

/// Lists users and secrets. `prefix` is what the names of all secrets begin with that users may be given.
///
/// # Errors
/// Without the users there is nothing to plan, and secrets that are half listed would be taken for absent.
pub fn list<'a>(
    cloud: &'a dyn Reads,
    relevant: Relevant<'a>,
    prefix: &'a str,
) -> LocalBoxFuture<'a, Result<Listing, CallError>> {
    Box::pin(async move {
        let nobody = Meanwhile { whose: &|_| Vec::new(), until: None, progress: &|_| {} };
        list_and_read(cloud, relevant, prefix, nobody).await.map_err(|(error, _)| error)
    })
}

/// An account whose users could not be listed while its secrets were: there it can be noted that all are still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// The id of the account.
    pub account: String,
    /// A secret of keyrota's own there.
    pub secret: String,
    /// What an earlier run has noted there.
    pub before: Option<Unread>,
}

/// What is done while secrets are listed, and until when all of it.
pub(super) struct Meanwhile<'a> {
    /// Whose keys may be read.
    pub whose: &'a dyn Fn(&[User]) -> Vec<String>,
    /// Nothing is waited for any longer than until then.
    pub until: Option<Instant>,
    /// Hears of that.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// Lists users and secrets, and reads keys meanwhile: a page of secrets can't be asked for before the one in front of it, and
/// nothing should wait for them.
///
/// # Errors
/// As [`list`], with where that can be noted; or the time is over. Whose keys can't be read in time is no error of the others.
pub(super) async fn list_and_read(
    cloud: &dyn Reads,
    relevant: Relevant<'_>,
    prefix: &str,
    Meanwhile { whose, until, progress }: Meanwhile<'_>,
) -> Result<Listing, (CallError, Option<Unlisted>)> {
    let are_listed = Cell::new(false);
    let account = format!("account {}", cloud.account());
    let secrets = async {
        let secrets = in_time(until, "secretsmanager:ListSecrets", &account, cloud.secrets_named(prefix)).await;
        are_listed.set(true);
        secrets?
    };
    let users_and_keys = async {
        let users = in_time(until, "iam:GetAccountAuthorizationDetails", &account, cloud.users(relevant)).await;
        let users = users??;
        let whose = whose(&users);
        let announced = whose.len();
        progress(Progress::InScope(announced));
        let reads = stream::iter(whose)
            .take_while(|_| future::ready(!are_listed.get()))
            .map(|user| async {
                let keys = in_time(until, "iam:ListAccessKeys", &user, cloud.access_keys(&user)).await;
                progress(Progress::Read);
                (user, keys.and_then(|keys| keys))
            })
            .buffer_unordered(MEANWHILE);
        let keys: HashMap<_, _> = reads.collect().await;
        Ok((users, keys, announced))
    };
    let (secrets, users_and_keys) = futures::join!(secrets, users_and_keys);
    let noted = |record: &SecretRecord| Some((record.name.clone(), record.unread()?));
    let unread = secrets.iter().flatten().filter_map(noted).max_by_key(|(_, unread)| unread.since);
    let (users, keys, announced) = match users_and_keys {
        Ok(read) => read,
        Err(error) => {
            let region = &cloud.account().region;
            let is_own = |record: &&SecretRecord| {
                let is_primary = record.primary_region.as_ref().is_none_or(|primary| primary == region);
                record.user().is_some() && record.deleted.is_none() && is_primary
            };
            let own = || secrets.iter().flatten().find(is_own).map(|record| (record.name.clone(), None));
            let secret = unread.map(|(secret, unread)| (secret, Some(unread))).or_else(own);
            let account = cloud.account().id.clone();
            let noted = secret.map(|(secret, before)| Unlisted { account, secret, before });
            return Err((unlisted(error, noted.is_some()), noted));
        }
    };
    let secrets = match secrets {
        Ok(secrets) => Some(secrets),
        Err(error) if error.kind == ErrorKind::Denied => None,
        Err(error) => return Err((unlisted(error, false), None)),
    };
    let queued_since = secrets.iter().flatten().filter_map(SecretRecord::queue).max();
    let is_new = secrets.as_ref().is_some_and(|all| !all.iter().any(|record| record.user().is_some()));
    let secrets = secrets.map(|records| Secrets::new(records, &users));
    Ok(Listing { users, keys, announced, is_new, queued_since, secrets, unread })
}

pub(super) fn ledger(
    record: Option<&SecretRecord>,
    entry: &Entry,
    region: &str,
    known: Known,
) -> Result<Ledger, CallError> {
    ledger_named(&entry.secret, record, entry, region, known)
}

pub(super) fn ledger_named(
    name: &str,
    record: Option<&SecretRecord>,
    entry: &Entry,
    region: &str,
    known: Known,
) -> Result<Ledger, CallError> {
    Ledger::read(name, record, &entry.user.name, &entry.user.arn, region, known)
}

/// Where nothing of keyrota's is listed, nothing can be noted for the next run that tends.
fn unlisted(error: CallError, can_note: bool) -> CallError {
    if error.kind != ErrorKind::OutOfTime {
        return error;
    }
    let next = match can_note {
        true => "the next run begins with it",
        false => "run it again: what was due is begun by a run that enforces, and by none that tends",
    };
    CallError { message: format!("the time for reading was over before it was listed; {next}"), ..error }
}

/// Waits for what is read until the time for reading is over.
///
/// # Errors
/// It is over.
pub(super) async fn in_time<T>(
    until: Option<Instant>,
    operation: &'static str,
    subject: &str,
    reading: impl Future<Output = T>,
) -> Result<T, CallError> {
    let Some(until) = until else { return Ok(reading.await) };
    timeout_at(until, reading).await.map_err(|_| {
        let message = "the time for reading was over before its turn; the next run begins with it".to_owned();
        CallError { kind: ErrorKind::OutOfTime, operation, subject: subject.to_owned(), message, hint: None }
    })
}
