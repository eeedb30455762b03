//! Whom to read, in which order, and until when.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::listing::Listing;
use crate::{
    inventory::{Destination, Known, UnderWay, tag_value},
    plan::{is_same_at_rest, policy_fingerprint},
    roster::Entry,
};

/// What is due within the hour is due.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// How much is read of each user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What the plan asks for.
    Plan,
    /// The last use of every key as well, for `status`.
    Everything,
}

/// How a run reads an account.
#[derive(Clone, Copy, Debug)]
pub struct Survey {
    /// How much is read.
    pub depth: Depth,
    /// Of whom.
    pub whom: Whom,
    /// Whether what is planned is done right away: then the ledgers of keys that end are asked for once, as late as can be.
    pub acts: bool,
    /// Who was not read by then is unreadable; `None`: there is time.
    pub until: Option<Instant>,
    /// When a run that enforces began which could not read the account at all, and since which nobody has: what was due then is
    /// due still.
    pub left_since: Option<DateTime<Utc>>,
}

/// Whom a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Everyone in scope.
    Everyone,
    /// Those of whom the ledger says that something is due now, and whom an earlier run has left.
    UnderWay,
}

impl Survey {
    /// How a ledger is known that was listed.
    pub(super) fn listed(&self) -> Known {
        if self.acts { Known::Provisional } else { Known::Listed }
    }
}

impl From<Depth> for Survey {
    /// Of everyone, in whatever time it takes.
    fn from(depth: Depth) -> Self {
        Self { depth, whom: Whom::Everyone, acts: false, until: None, left_since: None }
    }
}

/// What the listing says of a user, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Something is due, or may be.
    Due,
    /// Nothing is known: there is no secret of the user's. First those whom an earlier run has left.
    Unknown { was_read: bool },
    /// What comes next begins a rotation. When, another policy says than the one that this was planned by.
    Outdated,
    /// The key is due for rotation from then on.
    Rotates(DateTime<Utc>),
    /// Nothing is due before.
    Rests(DateTime<Utc>),
    /// Nothing can be done about this user.
    Stuck,
}

impl Urgency {
    pub fn of(entry: &Entry, listing: &Listing, region: &str, now: DateTime<Utc>) -> Self {
        if entry.exempt.is_some() || entry.conflict.is_some() {
            return Self::Stuck;
        }
        let Some(ledger) = listing.ledger(entry, region).filter(|_| entry.user.unreadable.is_none()) else {
            return Self::Due;
        };
        match ledger.map(|ledger| ledger.destination) {
            Ok(Destination::Own(secret)) => {
                match secret.rests(entry.tell_nobody()).map(|rest| (rest, policy_fingerprint(entry))) {
                    Some((rest, policy)) if rest.policy != policy => {
                        let is_at_rest = rest.begins && is_same_at_rest(&rest.policy, &policy, entry);
                        if is_at_rest { Self::Outdated } else { Self::Due }
                    }
                    Some((rest, _)) if rest.begins => Self::Rotates(rest.until),
                    Some((rest, _)) => {
                        // What else is noted has the last word.
                        let policy = &entry.policy;
                        let ends = secret.under_way().and_then(|under_way| match under_way {
                            UnderWay::Overlap(since) => since.checked_add_signed(policy.overlap.value),
                            UnderWay::Hold(since) => since.checked_add_signed(policy.hold.value),
                        });
                        let until = ends.map_or(rest.until, |ends| ends.min(rest.until));
                        if now < until - SLACK { Self::Rests(until) } else { Self::Due }
                    }
                    None => Self::Due,
                }
            }
            Ok(Destination::Absent) if listing.has_former(entry) => Self::Due,
            Ok(Destination::Absent) => {
                let first = listing.unread.as_ref().map_or("", |(_, unread)| &unread.first);
                Self::Unknown { was_read: tag_value(&entry.user.name).as_str() < first }
            }
            Ok(Destination::Foreign | Destination::BeingDeleted | Destination::Replica { .. }) => Self::Stuck,
            Err(_) => Self::Due,
        }
    }

    /// Whether a run that tends reads the user. `left_since` is when a run began that left users to the next: it would have
    /// begun what was due then. In an account that `is_new` to keyrota, none could note that.
    pub fn is_for_tend(self, left_since: Option<DateTime<Utc>>, is_new: bool) -> bool {
        match self {
            Self::Due => true,
            Self::Rotates(due) => left_since.is_some_and(|since| due - SLACK <= since),
            Self::Unknown { .. } => is_new || left_since.is_some(),
            Self::Outdated => left_since.is_some(),
            Self::Rests(_) | Self::Stuck => false,
        }
    }
}
