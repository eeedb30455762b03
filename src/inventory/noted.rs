//! The values of a ledger's tags: what is noted there, how tags write it, and how it is read.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{key::KeyId, place::UNFINISHED};
use crate::{notice::Kind, time::rfc3339};

/// So much of a place's name goes into a tag of 256 characters, beside the rest.
const MOST_OF_PLACE: usize = 160;

/// The end of a [`Rest`] that a rotation ends.
const BEGINS: &str = "/begins";

/// A key and an instant: the value of `keyrota:deactivated`, `keyrota:deactivating` and `keyrota:announced`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyAt {
    /// The key.
    pub key: KeyId,
    /// The instant.
    pub at: DateTime<Utc>,
}

/// The value of `keyrota:reminded`: `<kind of mail>/<key id>@<RFC 3339>`, and `/<RFC 3339>` where it began earlier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reminder {
    /// What the mail was about.
    pub kind: Kind,
    /// The key that it was about.
    pub key: KeyId,
    /// When the owner was told last.
    pub at: DateTime<Utc>,
    /// When the owner was told first.
    pub first: DateTime<Utc>,
}

/// The value of `keyrota:next`: `<RFC 3339>/<policy>`, and `/begins` where what comes then begins a rotation. A run that
/// tends reads nobody of whom it says that nothing is due yet, as long as the policy is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rest {
    /// Nothing is due before.
    pub until: DateTime<Utc>,
    /// A fingerprint of the policy by which that was planned.
    pub policy: String,
    /// Whether that begins a rotation: then it is no matter of runs that tend.
    pub begins: bool,
}

/// The value of `keyrota:unread`: `<RFC 3339>/<user>`. The next run, of whatever kind, begins with those, and with what was
/// due then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unread {
    /// When the run began that left them.
    pub since: DateTime<Utc>,
    /// The first of them, as tags write names.
    pub first: String,
}

/// The value of `keyrota:place-<number>`: `<id> <key id>@<mark> <place>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The number, from 1.
    pub slot: usize,
    /// Of the place: see [`crate::delivery::Target::id`].
    pub id: String,
    /// The key that was delivered there last.
    pub key: KeyId,
    /// What is the same as long as nobody else writes there.
    pub mark: String,
    /// The place, as far as tags can spell it.
    pub place: String,
}

/// The value of `keyrota:undelivered`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Undelivered {
    /// The key that was to be delivered.
    pub key: KeyId,
    /// When the last run began that a place refused.
    pub at: DateTime<Utc>,
    /// When the first one did.
    pub first: DateTime<Utc>,
}

/// As tags write it.
impl fmt::Display for KeyAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.key, rfc3339(self.at))
    }
}

/// As tags write it.
impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, at, first } = self;
        write!(f, "{key}@{}/{}", rfc3339(*at), rfc3339(*first))
    }
}

/// As tags write it.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot: _, id, key, mark, place } = self;
        write!(f, "{id} {key}@{mark} {place}")
    }
}

/// As tags write it.
impl fmt::Display for Reminder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key, at, first } = self;
        write!(f, "{kind}/{key}@{}", rfc3339(*at))?;
        if first == at { Ok(()) } else { write!(f, "/{}", rfc3339(*first)) }
    }
}

/// As tags write it.
impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, policy, begins } = self;
        write!(f, "{}/{policy}{}", rfc3339(*until), if *begins { BEGINS } else { "" })
    }
}

/// As tags write it.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", rfc3339(self.since), self.first)
    }
}

impl KeyAt {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (key, at) = text.split_once('@')?;
        Some(Self { key: KeyId::new(key), at: time(at)? })
    }
}

impl Rest {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (until, policy) = text.split_once('/')?;
        let begins = policy.ends_with(BEGINS);
        let policy = policy.strip_suffix(BEGINS).unwrap_or(policy).to_owned();
        Some(Self { until: time(until)?, policy, begins })
    }
}

impl Undelivered {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (key, times) = text.split_once('@')?;
        let (at, first) = times.split_once('/')?;
        Some(Self { key: KeyId::new(key), at: time(at)?, first: time(first)? })
    }
}

impl Held {
    /// What is noted of a place that has taken a key. What tags can't hold is left out of its name.
    pub fn new(slot: usize, id: &str, key: &KeyId, mark: &str, place: &str) -> Self {
        let place = Self::as_tag(place);
        Self { slot, id: id.to_owned(), key: key.clone(), mark: mark.to_owned(), place }
    }

    fn as_tag(place: &str) -> String {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c);
        let place: String = place.chars().map(|c| if is_fine(c) { c } else { '_' }).take(MOST_OF_PLACE).collect();
        place.trim_end().to_owned()
    }

    /// One spelling for each place: GitHub compares names without case.
    #[must_use]
    pub fn spelled(place: &str) -> String {
        let place = Self::as_tag(place);
        if place.starts_with("github") { place.to_lowercase() } else { place }
    }

    /// Whether it is about this place.
    #[must_use]
    pub fn is_at(&self, place: &str) -> bool {
        Self::spelled(&self.place) == Self::spelled(place)
    }

    /// Whether it is known that all of the key was written there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.mark != UNFINISHED
    }

    pub(super) fn read(slot: usize, text: &str) -> Option<Self> {
        let (id, rest) = text.split_once(' ')?;
        let (key, rest) = rest.split_once('@')?;
        let (mark, place) = rest.split_once(' ')?;
        let (id, mark, place) = (id.to_owned(), mark.to_owned(), place.to_owned());
        Some(Self { slot, id, key: KeyId::new(key), mark, place })
    }
}

impl Unread {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (since, first) = text.split_once('/')?;
        Some(Self { since: time(since)?, first: first.to_owned() })
    }
}

impl Reminder {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        let (key, times) = rest.split_once('@')?;
        let (last, first) = times.split_once('/').unwrap_or((times, times));
        Some(Self { kind: Kind::named(kind)?, key: KeyId::new(key), at: time(last)?, first: time(first)? })
    }
}

/// An instant as tags write it.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}
