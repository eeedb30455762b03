//! What a plan does, without its wording: to compare the plan that was approved with the one that is applied, and the
//! plans of two versions of the manifests.

use sha2::{Digest, Sha256};

use super::{Change, Plan, Waiting};

/// What a change does to whom: account, user, action, key and destination; no ages, dates or wording. Compares equal
/// while the change means the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(String);

impl Identity {
    /// `key` is empty for a key that does not exist yet. Neither a name nor an id can hold a tab or a line break, so the
    /// fields can't run into each other.
    pub fn new(account: &str, user: &str, action: &str, key: &str, destination: &str) -> Self {
        Self(format!("{account}\t{user}\t{action}\t{key}\t{destination}\n"))
    }

    /// Who waits, and for what.
    pub(crate) fn of_wait(waiting: &Waiting) -> Self {
        let Waiting { account, user, key, wait, source: _, until: _ } = waiting;
        Self::new(&account.id, user, wait.code(), key.as_ref().map_or("", |key| key.as_str()), "")
    }
}

impl Change {
    /// What it does to whom.
    pub fn identity(&self) -> Identity {
        let Self { account, user, action, reason: _, destination, source: _, then: _ } = self;
        let key = action.key().map_or("", |key| key.as_str());
        Identity::new(&account.id, user, action.verb().as_str(), key, destination)
    }
}

/// A short name for what a plan does: it keeps its digest while it means the same.
#[must_use]
pub fn digest(plan: &Plan) -> String {
    digest_of(plan.changes.iter().map(Change::identity))
}

/// `r1:` and 12 hex digits of SHA-256 over the sorted identities.
#[must_use]
pub fn digest_of(identities: impl IntoIterator<Item = Identity>) -> String {
    let mut lines: Vec<String> = identities.into_iter().map(|Identity(line)| line).collect();
    lines.sort_unstable();
    let hash = Sha256::digest(lines.concat());
    hash[..6].iter().fold("r1:".to_owned(), |digest, byte| digest + &format!("{byte:02x}"))
}
