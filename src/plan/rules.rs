//! The lifecycle: what comes next for one user. First rule that matches wins.
//!
//! The numbers in the comments are those of the lifecycle in ARCHITECTURE.md.

use chrono::{DateTime, TimeDelta, Utc};

use super::{LedgerWrite, Need, Next, Notice, Reason, Wait, expectation};
use crate::{
    inventory::{CURRENT, Destination, Key, KeyId, LastUse, PENDING, Readers, Secret, State, Version},
    manifest::{Policy, WhenFull},
    plan::Action,
    roster::{Entry, Roster},
};

/// A key created this close to `keyrota:intent` may be what an interrupted creation left. A Lambda runs no longer.
const ORPHAN_WINDOW: TimeDelta = TimeDelta::minutes(15);

/// A mail that is later than this after the key was issued restarts the overlap: its deadline must be one that the
/// owner can still keep.
const LATE_MAIL: TimeDelta = TimeDelta::days(1);

/// Decides what comes next for a user whose state was read. Total and pure.
pub fn next(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> Next {
    let view = View::new(roster, entry, state, now);
    match view.decide() {
        // What ListSecrets says may be five minutes old: nothing is done on its word.
        Ok(Next::Change(..)) if !state.ledger.confirmed => Next::Need(Need::Ledger),
        // A secret that was there before may be one that others read.
        Ok(Next::Change(Action::Create { .. }, _))
            if view.secret.is_some_and(|secret| secret.readers == Readers::Unread) =>
        {
            Next::Need(Need::ResourcePolicy)
        }
        Ok(next) => next,
        Err(need) => Next::Need(need),
    }
}

/// When a key becomes due: `max-age` less `rotate-ahead` after its creation, or at `reissue-before` if it is older.
/// A date to come reissues nothing yet, for every key made before it would be due again at once.
pub fn due_at(key: &Key, policy: &Policy) -> DateTime<Utc> {
    let by_age = later(later(key.created, policy.max_age.value), -policy.rotate_ahead.value);
    match policy.reissue_before.value {
        Some(before) if key.created < before => by_age.min(before),
        _ => by_age,
    }
}

struct View<'a> {
    roster: &'a Roster,
    entry: &'a Entry,
    policy: &'a Policy,
    state: &'a State,
    secret: Option<&'a Secret>,
    now: DateTime<Utc>,
}

impl<'a> View<'a> {
    fn new(roster: &'a Roster, entry: &'a Entry, state: &'a State, now: DateTime<Utc>) -> Self {
        let secret = match &state.ledger.destination {
            Destination::Own(secret) => Some(secret),
            Destination::Absent | Destination::Foreign | Destination::BeingDeleted | Destination::Replica { .. } => {
                None
            }
        };
        View { roster, entry, policy: &entry.policy, state, secret, now }
    }

    fn decide(&self) -> Result<Next, Need> {
        // Users without keys get none: there is nothing that could go wrong with them either.
        if self.state.keys.is_empty() {
            return Ok(Next::Settled { next_rotation: None });
        }
        if let Some(wait) = self.obstacle() {
            return Ok(Next::Wait { key: None, wait, until: None });
        }
        if let Some(next) = self.promote() {
            return Ok(next);
        }
        if let Some(next) = self.orphan()? {
            return Ok(next);
        }
        if let Some(next) = self.reactivated() {
            return Ok(next);
        }
        if let Some(next) = self.interrupted() {
            return Ok(next);
        }
        let Some(current) = self.current() else {
            return match self.state.keys.iter().find(|key| self.deactivated_at(key).is_some()) {
                Some(key) => self.after_hold(key),
                None => Ok(Next::Settled { next_rotation: None }),
            };
        };
        let other = self.state.keys.iter().find(|key| key.id != current.id);
        if self.is_due(current) {
            return self.rotate(current, other);
        }
        if self.is_stored(current) && !self.is_told(current) {
            return Ok(self.notify(current, other));
        }
        match other {
            Some(other) if other.is_active() => self.retire(current, other),
            Some(other) if self.deactivated_at(other).is_some() => self.after_hold(other),
            _ => Ok(Next::Settled { next_rotation: Some(due_at(current, self.policy)) }),
        }
    }

    /// Rule 1, the part that a person must mend.
    fn obstacle(&self) -> Option<Wait> {
        if let Some(conflict) = &self.entry.conflict {
            return Some(conflict.into());
        }
        let secret = self.entry.secret.clone();
        match &self.state.ledger.destination {
            Destination::Foreign => Some(Wait::ForeignSecret { secret }),
            Destination::BeingDeleted => Some(Wait::SecretBeingDeleted { secret }),
            Destination::Replica { primary } => Some(Wait::ReplicaSecret { secret, primary: primary.clone() }),
            Destination::Own(Secret { readers: Readers::Outside(to), .. }) => {
                Some(Wait::ExposedSecret { secret, to: to.clone() })
            }
            Destination::Absent | Destination::Own(_) => {
                let nobody = self.entry.recipients.is_empty() && self.roster.mail.fallback.is_empty();
                let wait = || Wait::NoRecipient {
                    user: self.entry.user.name.clone(),
                    without: self.entry.without_address.clone(),
                };
                (nobody && !self.entry.tell_nobody()).then(wait)
            }
        }
    }

    /// Rule 2: a key is stored and works, but is not handed out yet.
    fn promote(&self) -> Option<Next> {
        let pending = self.version_with(PENDING)?;
        let key = self.state.key(&KeyId::of_version(&pending.id)?).filter(|key| key.is_active())?;
        let from = self.version_with(CURRENT).map(|version| version.id.clone());
        Some(Next::Change(Action::Promote { key: key.id.clone(), from }, Reason::Stored))
    }

    /// Rule 3: a creation was cut short between `CreateAccessKey` and `PutSecretValue`.
    fn orphan(&self) -> Result<Option<Next>, Need> {
        let Some(intent) = self.secret.and_then(|secret| secret.intent) else { return Ok(None) };
        let mut candidates = Vec::new();
        for key in &self.state.keys {
            let near = (key.created - intent).abs() <= ORPHAN_WINDOW;
            if near && !self.is_in_a_version(key) && last_use(key)?.is_none() {
                candidates.push(key);
            }
        }
        let wait = |key: &Key, wait| Next::Wait { key: Some(key.id.clone()), wait, until: None };
        Ok(match candidates[..] {
            [] => None,
            [key] if !key.is_active() => Some(self.delete(key, Reason::Orphan { intent })),
            [key] if self.state.keys.iter().any(|other| other.id != key.id && other.is_active()) => {
                Some(self.deactivate(key, Reason::Orphan { intent }))
            }
            [key] => Some(wait(key, Wait::OrphanIsOnlyKey)),
            [key, ..] => Some(wait(key, Wait::AmbiguousOrphan)),
        })
    }

    /// Rule 6, second part, before anything else may touch the user: someone took a deactivation back.
    fn reactivated(&self) -> Option<Next> {
        let key = self.state.keys.iter().find(|key| key.is_active() && self.deactivated_at(key).is_some())?;
        let since = self.deactivated_at(key)?;
        Some(Next::Wait { key: Some(key.id.clone()), wait: Wait::Reactivated { since }, until: None })
    }

    /// A deactivation was cut short after `UpdateAccessKey`: it is repeated, so that the ledger knows of it and the
    /// hold begins.
    fn interrupted(&self) -> Option<Next> {
        let started = self.secret?.deactivating.as_ref()?;
        let key = self.state.key(&started.key).filter(|key| !key.is_active() && self.deactivated_at(key).is_none())?;
        self.current()?;
        Some(self.deactivate(key, Reason::Interrupted))
    }

    /// Rule 4: the current key is due.
    fn rotate(&self, current: &Key, other: Option<&Key>) -> Result<Next, Need> {
        match other {
            None => Ok(self.create(current)),
            Some(other) if !other.is_active() => self.after_hold(other),
            // A rotation is under way: the stored key is what clients are handed out, so the old one goes first, and
            // its owner keeps the overlap that was promised.
            Some(other) if self.is_superseded_by_stored(other, current) => {
                if !self.is_told(current) {
                    return Ok(self.notify(current, Some(other)));
                }
                let overlap_ends = later(self.issued(current), self.policy.overlap.value);
                if overlap_ends > self.now {
                    return Ok(waits(other, Wait::InOverlap, overlap_ends));
                }
                self.make_room(other, later(overlap_ends, self.policy.patience.value))
            }
            Some(other) => {
                let (current_used, other_used) = (last_use(current)?, last_use(other)?);
                let key = if (current_used, current.created) < (other_used, other.created) { current } else { other };
                self.make_room(key, later(due_at(current, self.policy), self.policy.patience.value))
            }
        }
    }

    /// Frees a slot of two that hold active keys.
    fn make_room(&self, key: &Key, patience_ends: DateTime<Utc>) -> Result<Next, Need> {
        let last_used = last_use(key)?;
        // A key made an hour ago and not used yet is being rolled out by someone: its creation counts as a use.
        let seen = last_used.unwrap_or(key.created);
        Ok(match self.policy.when_full.value {
            _ if !self.is_in_use(seen) => self.deactivate(key, Reason::MakesRoom { last_used }),
            WhenFull::Block => Next::Wait { key: Some(key.id.clone()), wait: Wait::TwoKeysInUse, until: None },
            WhenFull::RetireOldest if patience_ends > self.now => {
                waits(key, Wait::StillInUse { last_used: seen }, patience_ends)
            }
            WhenFull::RetireOldest => self.deactivate(key, Reason::PatienceOver { last_used }),
        })
    }

    /// Rule 6: an active key beside the current one, which is not due.
    fn retire(&self, current: &Key, other: &Key) -> Result<Next, Need> {
        let settled = Next::Settled { next_rotation: Some(due_at(current, self.policy)) };
        if !self.is_superseded_by_stored(other, current) {
            // The new key was made by hand. Its owner was told nothing, so nothing is taken from them.
            let wait = Wait::ReplacementNotStored { replacement: current.id.clone() };
            return Ok(if self.is_due(other) { waits(other, wait, due_at(current, self.policy)) } else { settled });
        }
        let overlap_ends = later(self.issued(current), self.policy.overlap.value);
        if overlap_ends > self.now {
            return Ok(waits(other, Wait::InOverlap, overlap_ends));
        }
        let patience_ends = later(overlap_ends, self.policy.patience.value);
        Ok(match last_use(other)? {
            Some(time) if self.is_in_use(time) && patience_ends > self.now => {
                waits(other, Wait::StillInUse { last_used: time }, patience_ends)
            }
            Some(time) if self.is_in_use(time) => {
                self.deactivate(other, Reason::PatienceOver { last_used: Some(time) })
            }
            last_used => self.deactivate(other, Reason::Superseded { last_used }),
        })
    }

    /// Rules 4 and 7: an inactive key is deleted once it was inactive for `hold`.
    fn after_hold(&self, key: &Key) -> Result<Next, Need> {
        let last_used = last_use(key)?;
        // A use after the deactivation means that someone had activated it for a while: the hold begins again.
        let since = self.deactivated_at(key).max(last_used);
        let reason = Reason::HoldOver { since };
        Ok(match since.map(|since| later(since, self.policy.hold.value)) {
            Some(until) if until > self.now => waits(key, Wait::InHold, until),
            _ => self.delete(key, reason),
        })
    }

    fn create(&self, current: &Key) -> Next {
        let key = current.id.clone();
        let expires = later(current.created, self.policy.max_age.value);
        let reason = match self.policy.reissue_before.value {
            _ if expires <= self.now => {
                Reason::Expired { key, age: self.now - current.created, max_age: self.policy.max_age.value }
            }
            Some(before) if current.created < before && before <= self.now => Reason::Reissue { key, before },
            _ => Reason::ExpiresSoon { key, expires },
        };
        // An intent from the time of the current key was fulfilled by it, and only its tag was left behind.
        let begun = later(current.created, ORPHAN_WINDOW);
        let resumes = self.secret.and_then(|secret| secret.intent).is_some_and(|intent| intent > begun);
        let expected = expectation(&self.state.keys);
        Next::Change(Action::Create { ledger: self.ledger_write(), expected, resumes }, reason)
    }

    fn notify(&self, current: &Key, other: Option<&Key>) -> Next {
        let old = other.filter(|other| other.is_active() && other.created < current.created);
        let told = if self.now > later(current.created, LATE_MAIL) { self.now } else { current.created };
        let notice = Notice {
            // Manifests in which somebody is to be told have a sender.
            sender: self.roster.mail.sender().unwrap_or_default(),
            recipients: self.entry.recipients.clone(),
            fallback: self.roster.mail.fallback.clone(),
            language: self.policy.language.value,
            old: old.map(|old| old.id.clone()),
            old_stops: old.map(|_| later(told, self.policy.overlap.value)),
        };
        Next::Change(Action::Notify { key: current.id.clone(), notice: Box::new(notice) }, Reason::NotTold)
    }

    fn deactivate(&self, key: &Key, reason: Reason) -> Next {
        let expected = expectation(&self.state.keys);
        Next::Change(Action::Deactivate { key: key.id.clone(), ledger: self.ledger_write(), expected }, reason)
    }

    fn delete(&self, key: &Key, reason: Reason) -> Next {
        let tags = self.secret.map(|secret| (&secret.deactivating, &secret.deactivated));
        let clear = tags.is_some_and(|(a, b)| [a, b].into_iter().flatten().any(|tag| tag.key == key.id));
        Next::Change(Action::Delete { key: key.id.clone(), expected: expectation(&self.state.keys), clear }, reason)
    }

    fn ledger_write(&self) -> LedgerWrite {
        let region = &self.roster.account.region;
        let replicated = self.secret.map_or(&[][..], |secret| &secret.replicas);
        let wanted = self.policy.replicate_to.value.iter();
        LedgerWrite {
            exists: self.secret.is_some(),
            user_arn: self.entry.user.arn.clone(),
            kms_key: self.policy.kms_key.value.clone(),
            replicate_to: wanted.filter(|to| *to != region && !replicated.contains(to)).cloned().collect(),
        }
    }

    /// The key that the ledger hands out, if it works; else the newest that works.
    fn current(&self) -> Option<&'a Key> {
        let active = || self.state.keys.iter().filter(|key| key.is_active());
        active()
            .find(|key| self.is_stored(key))
            .or_else(|| active().max_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id))))
    }

    fn version_with(&self, label: &str) -> Option<&'a Version> {
        self.secret?.versions.iter().find(|version| version.labels.iter().any(|l| l == label))
    }

    fn is_in_a_version(&self, key: &Key) -> bool {
        let id = key.id.version_id();
        self.secret.is_some_and(|secret| secret.versions.iter().any(|version| version.id == id))
    }

    /// Whether the ledger hands this key out.
    fn is_stored(&self, key: &Key) -> bool {
        self.version_with(CURRENT).and_then(|version| KeyId::of_version(&version.id)).is_some_and(|id| id == key.id)
    }

    fn is_superseded_by_stored(&self, other: &Key, current: &Key) -> bool {
        self.is_stored(current) && (other.created < current.created || self.is_due(other))
    }

    fn is_told(&self, key: &Key) -> bool {
        self.entry.tell_nobody() || self.secret.is_some_and(|secret| secret.notified.as_ref() == Some(&key.id))
    }

    fn is_due(&self, key: &Key) -> bool {
        due_at(key, self.policy) <= self.now
    }

    fn is_in_use(&self, last_used: DateTime<Utc>) -> bool {
        !self.policy.quiet.value.is_zero() && later(last_used, self.policy.quiet.value) > self.now
    }

    /// When keyrota deactivated this key.
    fn deactivated_at(&self, key: &Key) -> Option<DateTime<Utc>> {
        self.secret?.deactivated.as_ref().filter(|tag| tag.key == key.id).map(|tag| tag.at)
    }

    /// When the overlap of a stored key began.
    fn issued(&self, key: &Key) -> DateTime<Utc> {
        let told = self.secret.filter(|secret| secret.notified.as_ref() == Some(&key.id)).and_then(|s| s.notified_at);
        told.filter(|told| *told > later(key.created, LATE_MAIL)).unwrap_or(key.created)
    }
}

/// `None`: never used. Unknown is neither: the planner asks.
fn last_use(key: &Key) -> Result<Option<DateTime<Utc>>, Need> {
    match &key.last_use {
        LastUse::Unread => Err(Need::LastUse(key.id.clone())),
        LastUse::Never => Ok(None),
        LastUse::At { time, .. } => Ok(Some(*time)),
    }
}

fn waits(key: &Key, wait: Wait, until: DateTime<Utc>) -> Next {
    Next::Wait { key: Some(key.id.clone()), wait, until: Some(until) }
}

/// Saturates, so that no duration in a manifest can make the planner panic.
fn later(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    let limit = if by < TimeDelta::zero() { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    time.checked_add_signed(by).unwrap_or(limit)
}
