//! What a plan does, without its wording: to compare the plan that was approved with the one that is applied, and the
//! plans of two versions of the manifests.

use sha2::{Digest, Sha256};

use super::{
    action::Verb,
    change::{Change, Step, Waiting},
    model::Plan,
};

/// What digests of this kind begin with.
const SCHEME: &str = "r2:";

/// Everything that is done to one user, from the first step on: which steps, with which keys, how long after the first
/// one, and where the credential goes; no ages, dates or wording. Compares equal while the change means the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain {
    /// The account's id.
    pub account: String,
    /// The IAM user.
    pub user: String,
    /// See [`places`].
    pub destination: String,
    /// In their order; never empty for a change.
    pub links: Vec<Link>,
}

/// One step of a [`Chain`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// What is done.
    pub verb: Verb,
    /// The key's id, or `new` and `new-2` for keys that do not exist yet.
    pub key: String,
    /// Where the key goes, of a delivery.
    pub place: Option<String>,
    /// Whole hours after the first step, at the earliest.
    pub hours: i64,
}

impl Link {
    fn of(step: &Step) -> Self {
        let Step { verb, key, place, offset, .. } = step;
        Self { verb: *verb, key: key.as_str().to_owned(), place: place.clone(), hours: offset.num_hours() }
    }
}

impl Change {
    /// What it does to whom, now and later.
    pub fn chain(&self) -> Chain {
        let Self { account, user, action, destination, moves_to, made_with, then, .. } = self;
        let (verb, key, place) = (action.verb(), self.key().as_str().to_owned(), self.place());
        let first = Link { verb, key, place, hours: 0 };
        let links = std::iter::once(first).chain(then.iter().map(Link::of)).collect();
        let destination = places(destination, moves_to.as_deref(), made_with.as_deref());
        Chain { account: account.id.clone(), user: user.clone(), destination, links }
    }
}

/// Where the credential goes: two names if one way of it is finished before the other, and what a secret is made with.
pub fn places(destination: &str, moves_to: Option<&str>, made_with: Option<&str>) -> String {
    let then = moves_to.map_or_else(String::new, |to| format!(", then {to}"));
    let with = made_with.map_or_else(String::new, |with| format!(", made with {with}"));
    format!("{destination}{then}{with}")
}

impl Waiting {
    /// What comes when the wait is over; without steps if that takes a person.
    pub fn chain(&self) -> Chain {
        let Self { account, user, then, .. } = self;
        let links = then.iter().map(Link::of).collect();
        Chain { account: account.id.clone(), user: user.clone(), destination: String::new(), links }
    }
}

/// A short name for what a plan does: it keeps it from day to day while it means the same. `None`: something could not be
/// read, and nobody can approve what is not known.
#[must_use]
pub fn fingerprint(plan: &Plan) -> Option<String> {
    fingerprint_lines(plan).map(fingerprint_of_lines)
}

/// What the fingerprint of a plan is made of: a plan in parts has that of the lines of all of them. `None`: something could not
/// be read.
#[must_use]
pub fn fingerprint_lines(plan: &Plan) -> Option<Vec<String>> {
    let is_known = plan.unreadable().next().is_none() && plan.accounts_unread.is_empty();
    is_known.then(|| plan.changes.iter().map(|change| line(change.chain())).collect())
}

/// `r2:` and 12 hex digits of SHA-256 over the sorted chains.
#[must_use]
pub fn fingerprint_of(chains: impl IntoIterator<Item = Chain>) -> String {
    fingerprint_of_lines(chains.into_iter().map(line).collect())
}

fn fingerprint_of_lines(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    let hash = Sha256::digest(lines.concat());
    format!("{SCHEME}{}", hex::encode(&hash[..6]))
}

/// The same of lines that come in their order, so many of them at a time.
///
/// # Errors
/// They could not be read.
pub fn fingerprint_of_sorted<E>(lines: impl IntoIterator<Item = Result<Vec<u8>, E>>) -> Result<String, E> {
    let mut hash = Sha256::new();
    for lines in lines {
        hash.update(lines?);
    }
    Ok(format!("{SCHEME}{}", hex::encode(&hash.finalize()[..6])))
}

/// Neither a name nor an id can hold a tab or a line break, so the fields can't run into each other.
fn line(chain: Chain) -> String {
    let Chain { account, user, destination, links } = chain;
    let link = |Link { verb, key, place, hours }: Link| {
        let to = place.map(|place| format!(" to {place}")).unwrap_or_default();
        format!("\t{verb}\t{key}{to}\t{hours}")
    };
    let links: String = links.into_iter().map(link).collect();
    format!("{account}\t{user}\t{destination}{links}\n")
}
