//! One user as the rules see it: what the ledger says of each key, what the policy makes of its age, and the changes
//! that follow from that, with everything that carrying them out needs.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, Announcement, LedgerWrite, Topic},
    change::Overdue,
    model::{Need, Next, expectation},
    reason::{Origin, Reason, Retirement},
    waiting_on::WaitingOn,
};
use crate::{
    delivery::Target,
    inventory::{Elsewhere, Found, Key, KeyAt, KeyId, Known, LastUse, Ledger, Secret, State, Version},
    manifest::Policy,
    roster::{Entry, Roster},
};

/// A mail that is later than this after the key was issued restarts the overlap: its deadline must be one that the
/// owner can still keep.
const LATE_MAIL: TimeDelta = TimeDelta::days(1);

/// How long after its overlap and patience an announcement still counts. Who heard longer ago hears again.
const ANNOUNCEMENT_LASTS: TimeDelta = TimeDelta::days(30);

/// A key made by hand is seen to work if something used it within this time, or within a longer `quiet`: a weekly job is a
/// use.
pub(super) const SEEN_TO_WORK: TimeDelta = TimeDelta::days(8);

/// What is due within the hour is due, so that no run is a month late for seconds.
const MOST_SLACK: TimeDelta = TimeDelta::hours(1);

/// A key of a creation that was cut short was made within this time after `keyrota:intent`. A Lambda runs no longer.
const ORPHAN_AFTER: TimeDelta = TimeDelta::minutes(15);

/// How far the clocks of keyrota and IAM may differ.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(5);

pub(super) struct View<'a> {
    pub roster: &'a Roster,
    pub entry: &'a Entry,
    pub policy: &'a Policy,
    pub state: &'a State,
    pub secret: Option<&'a Secret>,
    /// The ledger of the name that the manifest gave the secret before.
    former: Option<&'a Ledger>,
    /// The key that clients are handed out, whether it works or not; `None` also for what keyrota did not store. As long as
    /// the secret hands out none that works, the one of the earlier name may.
    pub handed_out: Option<KeyId>,
    /// Whether the secret hands out a key, and not one of an earlier name.
    pub hands_out_itself: bool,
    pub now: DateTime<Utc>,
}

impl<'a> View<'a> {
    /// A key that may be someone's is kept inactive for a day at least, whatever `hold` says.
    pub const LEAST_ORPHAN_HOLD: TimeDelta = TimeDelta::hours(24);

    pub fn new(roster: &'a Roster, entry: &'a Entry, state: &'a State, now: DateTime<Utc>) -> Self {
        let secret = state.ledger.destination.own();
        let former = match &state.elsewhere {
            Elsewhere::MovedFrom(former) => former.first(),
            Elsewhere::Nowhere | Elsewhere::MovesTo(_) | Elsewhere::Several(_) => None,
        };
        let works =
            |key: &Option<KeyId>| key.as_ref().and_then(|key| state.key(key)).is_some_and(|key| key.is_active());
        let (own, formerly) = (state.ledger.handed_out(), former.and_then(Ledger::handed_out));
        let hands_out_itself = own.is_some() && (works(&own) || !works(&formerly));
        let handed_out = own.filter(|_| hands_out_itself).or(formerly);
        let policy = &entry.policy;
        View { roster, entry, policy, state, secret, former, handed_out, hands_out_itself, now }
    }

    /// Whether all that the rules rest on is known from more than the listing.
    pub fn is_confirmed(&self) -> bool {
        self.state.ledger.known == Known::Described && self.are_others_confirmed()
    }

    /// Whether this may be planned by what is known. What ends an old key may rest on a listing where `apply` asks again.
    pub fn is_enough_for(&self, action: &Action) -> bool {
        let is_provisional = self.state.ledger.known == Known::Provisional && self.are_others_confirmed();
        self.is_confirmed() || (action.verb().ends_a_key() && is_provisional)
    }

    fn are_others_confirmed(&self) -> bool {
        let is_described = |ledger: &Ledger| ledger.known == Known::Described;
        match &self.state.elsewhere {
            Elsewhere::MovesTo(to) => is_described(to),
            Elsewhere::MovedFrom(_) => self.hands_out_itself || self.former.is_none_or(is_described),
            Elsewhere::Nowhere | Elsewhere::Several(_) => true,
        }
    }

    // What the ledger says.

    /// The key that the ledger hands out, if it works; else the newest that works.
    pub fn current(&self) -> Option<&'a Key> {
        let active = || self.state.keys.iter().filter(|key| key.is_active());
        active()
            .find(|key| self.is_stored(key))
            .or_else(|| active().max_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id))))
    }

    /// The current key, and the other one.
    pub fn pair(&self) -> Option<(&'a Key, Option<&'a Key>)> {
        let current = self.current()?;
        Some((current, self.state.keys.iter().find(|key| key.id != current.id)))
    }

    /// The key that waits to be handed out, if it works.
    pub fn pending(&self) -> Option<&'a Key> {
        let version = self.secret?.pending()?;
        self.state.key(&KeyId::of_version(&version.id)?).filter(|key| key.is_active())
    }

    pub fn current_version(&self) -> Option<&'a Version> {
        self.secret?.current()
    }

    /// The secret that hands this key out, if that has an earlier name and the new one hands out none yet.
    pub fn moved_from(&self, key: &Key) -> Option<&'a str> {
        let former = self.former.filter(|_| !self.hands_out_itself)?;
        (former.handed_out().as_ref() == Some(&key.id)).then_some(former.secret.as_str())
    }

    /// The regions that the manifest names, but for the secret's own.
    pub fn replicate_to(&self) -> impl Iterator<Item = &'a String> + use<'a> {
        let home = &self.roster.account.region;
        self.policy.replicate_to.value.iter().filter(move |region| *region != home)
    }

    /// Whether the ledger hands this key out.
    pub fn is_stored(&self, key: &Key) -> bool {
        self.handed_out.as_ref() == Some(&key.id)
    }

    /// Since when a creation is under way.
    pub fn intent(&self) -> Option<DateTime<Utc>> {
        self.secret?.intent
    }

    /// Whether a creation that was cut short may have left this key. It was not what somebody used, nor where the key that it made is
    /// stored, and is no older than this one: then this one was there before.
    pub fn may_be_orphan(&self, key: &Key) -> bool {
        let Some(intent) = self.intent().filter(|_| !matches!(key.last_use, LastUse::At { .. })) else { return false };
        let is_made = |stored: &Key| stored.created >= key.created && is_near(stored.created, intent);
        let is_over = || self.state.keys.iter().any(|stored| is_made(stored) && self.is_in_a_version(stored));
        is_near(key.created, intent) && !self.is_in_a_version(key) && !is_over()
    }

    fn is_in_a_version(&self, key: &Key) -> bool {
        let id = key.id.version_id();
        let former = self.former.and_then(|ledger| ledger.destination.own());
        self.secret.into_iter().chain(former).flat_map(|secret| &secret.versions).any(|version| version.id == id)
    }

    /// When keyrota deactivated this key.
    pub fn deactivated_at(&self, key: &Key) -> Option<DateTime<Utc>> {
        at(&self.secret?.deactivated, key)
    }

    /// When the owner was told that this key goes, if not too long ago.
    pub fn announced_at(&self, key: &Key) -> Option<DateTime<Utc>> {
        let lasts = [self.policy.overlap.value, self.policy.patience.value, ANNOUNCEMENT_LASTS];
        let ends = |announced| lasts.into_iter().fold(announced, later);
        at(&self.secret?.announced, key).filter(|announced| ends(*announced) > self.now)
    }

    /// The key that the secret hands out, if it went because nobody used it.
    pub fn retired_for_good(&self) -> Option<KeyId> {
        let key = self.handed_out.clone().filter(|key| self.may_go_unused(key))?;
        let works = self.state.key(&key).is_some_and(Key::is_active);
        (!works).then_some(key)
    }

    /// Whether the key may go, or went, although no other works: nobody used it, and its owner was told.
    pub fn may_go_unused(&self, key: &KeyId) -> bool {
        self.policy.unused.value.is_some() && self.secret.is_some_and(|secret| secret.unused.contains(key))
    }

    /// How an inactive key came to be so.
    pub fn origin(&self, key: &Key) -> Origin {
        if self.may_be_orphan(key) {
            Origin::Orphan
        } else if self.deactivated_at(key).is_none() {
            Origin::Inactive
        } else if self.secret.is_some_and(|secret| at(&secret.announced, key).is_some()) {
            Origin::Retired
        } else {
            Origin::Replaced
        }
    }

    /// Whether the owner knows of the key that is handed out.
    pub fn is_told(&self, key: &Key) -> bool {
        self.entry.tell_nobody() || self.secret.is_some_and(|secret| secret.notified.as_ref() == Some(&key.id))
    }

    /// When the overlap of a stored key began.
    pub fn issued(&self, key: &Key) -> DateTime<Utc> {
        let told = self.secret.filter(|secret| secret.notified.as_ref() == Some(&key.id)).and_then(|s| s.notified_at);
        let delivered = self.secret.filter(|secret| secret.delivered.as_ref().is_some_and(|(of, _)| *of == key.id));
        // Who reads it where it is delivered had it no sooner.
        let delivered = delivered.and_then(|secret| secret.delivered_at);
        let late = told.into_iter().chain(delivered).filter(|at| *at > later(key.created, LATE_MAIL));
        late.max().unwrap_or(key.created)
    }

    /// Whether the secret hands out a newer key: clients are moving from the older one.
    pub fn is_rotating(&self, current: &Key, other: &Key) -> bool {
        self.is_stored(current) && other.created < current.created
    }

    pub fn others_work(&self, key: &Key) -> bool {
        self.state.keys.iter().any(|other| other.id != key.id && other.is_active())
    }

    // What the policy makes of it.

    pub fn is_due(&self, key: &Key) -> bool {
        self.is_leaked(key) || self.is_over(key.created, lives(self.policy))
    }

    /// Whether the key was created before `reissue-before`, and works.
    pub fn is_leaked(&self, key: &Key) -> bool {
        key.is_active() && self.is_reissued(key)
    }

    /// Whether the key was created before `reissue-before`, whether it works or not.
    pub fn is_reissued(&self, key: &Key) -> bool {
        let is_before = |before: DateTime<Utc>| before <= self.now && key.created < before;
        self.policy.reissue_before.value.is_some_and(is_before)
    }

    /// Whether a time that began then is over, or is within the hour.
    pub fn is_over(&self, began: DateTime<Utc>, lasts: TimeDelta) -> bool {
        later(later(began, lasts), -slack(lasts)) <= self.now
    }

    /// Whether a use then means that the key is in use.
    pub fn is_recent(&self, used: DateTime<Utc>) -> bool {
        !self.policy.quiet.value.is_zero() && !self.is_over(used, self.policy.quiet.value)
    }

    /// Whether the key is in use. One that was made an hour ago and not used yet is being rolled out by someone: its
    /// creation counts as a use.
    pub fn is_in_use(&self, key: &Key) -> Result<bool, Need> {
        Ok(self.is_recent(last_use(key)?.unwrap_or(key.created)))
    }

    /// Whether something uses the key, as far as can be seen, whatever `quiet` says.
    pub fn is_used(&self, key: &Key) -> Result<bool, Need> {
        let within = self.policy.quiet.value.max(SEEN_TO_WORK);
        Ok(last_use(key)?.is_some_and(|used| later(used, within) > self.now))
    }

    /// Which of two keys that keyrota did not issue is to go: the one whose owner was told so already; of two that are in
    /// use the older one, which stays the same from day to day; else the one that was not used for longer.
    pub fn leaving<'k>(&self, one: &'k Key, other: &'k Key) -> Result<&'k Key, Need> {
        if let Some(announced) = [one, other].into_iter().find(|key| self.announced_at(key).is_some()) {
            return Ok(announced);
        }
        let used = |key: &Key| -> Result<_, Need> {
            let last_used = if self.is_in_use(one)? && self.is_in_use(other)? { None } else { last_use(key)? };
            Ok((last_used, key.created, key.id.clone()))
        };
        Ok(if used(one)? < used(other)? { one } else { other })
    }

    // The changes.

    pub fn create(&self, current: &Key) -> Next {
        let key = current.id.clone();
        let expires = later(current.created, self.policy.max_age.value);
        let reason = match self.policy.reissue_before.value {
            _ if expires <= self.now => {
                Reason::Expired { key, age: self.now - current.created, max_age: self.policy.max_age.value }
            }
            Some(before) if self.is_leaked(current) => Reason::Reissue { key, before },
            _ => Reason::ExpiresSoon { key, expires },
        };
        // Where it goes is news; that it is old besides is none.
        let reason = match (self.moved_from(current), reason) {
            (Some(from), Reason::Expired { key, .. } | Reason::ExpiresSoon { key, .. }) => {
                Reason::Moved { key, from: from.to_owned(), to: self.state.ledger.secret.clone() }
            }
            (_, reason) => reason,
        };
        // A place that was made for it is part of a rotation that has begun.
        let announced = self.secret.and_then(|secret| secret.announced.as_ref());
        let made_room = announced.is_some();
        // What was announced before a new key was due, or is that key itself, made room for nothing.
        let is_due = |at| self.moved_from(current).is_some() || later(due_at(current, self.policy), -MOST_SLACK) <= at;
        let is_room = announced.is_some_and(|announced| announced.key != current.id && is_due(announced.at));
        let resumes = self.intent().is_some() || is_room;
        let expected = expectation(&self.state.keys);
        let smtp = self.policy.smtp.value.then(|| self.roster.account.region.clone());
        let is_unseen = |target: &&Target| matches!(self.state.places.get(&target.id), Some(Found::Unknown { .. }));
        let unseen = self.entry.deliver.iter().filter(is_unseen).cloned().collect();
        Next::Change(Action::Create { ledger: self.ledger_write(), expected, resumes, made_room, smtp, unseen }, reason)
    }

    /// `places` are those of delivery, each with whether it took the key.
    pub fn notify(&self, current: &Key, other: Option<&Key>, places: Vec<(String, bool)>) -> Next {
        let old = other.filter(|other| other.is_active() && other.created < current.created);
        let told = if self.now > later(current.created, LATE_MAIL) { self.now } else { current.created };
        let stops = self.acting(later(told, self.policy.overlap.value));
        let old = old.map(|old| (old.id.clone(), stops));
        // The one that hands out the old key, or handed out the one before.
        let is_left = |ledger: &&Ledger| ledger.handed_out().is_some_and(|key| self.state.key(&key).is_some());
        let moved_from = self.former.filter(is_left).map(|ledger| ledger.secret.clone());
        let Policy { overlap, quiet, hold, .. } = self.policy;
        let at_once = old.is_some() && [overlap, quiet, hold].iter().all(|window| window.value.is_zero());
        let at_once = at_once && places.iter().all(|(_, took)| *took);
        let announcement = self.announcement(Topic::Issued { old, at_once, moved_from, places });
        Next::Change(Action::Notify { key: current.id.clone(), announcement }, Reason::NotTold)
    }

    /// `patience`: how much longer a key that is in use is kept; `None`: as long as it is in use.
    pub fn announce(
        &self,
        key: &Key,
        why: Retirement,
        last_used: Option<DateTime<Utc>>,
        patience: Option<TimeDelta>,
    ) -> Next {
        let other = self.state.keys.iter().find(|other| other.id != key.id).map(|other| other.id.clone());
        let ends = later(self.now, self.policy.overlap.value);
        let stops = self.acting(ends);
        let latest = match patience {
            _ if why == Retirement::Unused => None,
            _ if self.policy.quiet.value.is_zero() => Some(stops),
            patience => patience.map(|patience| self.acting(later(ends, patience))),
        };
        let topic = Topic::Retiring { why, last_use: key.last_use.clone(), other, stops, latest };
        let announcement = self.announcement(topic);
        Next::Change(Action::Notify { key: key.id.clone(), announcement }, Reason::Retiring { why, last_used, stops })
    }

    /// The run that does what is due then; this one if it is due now.
    fn acting(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        if due <= self.now { due } else { self.roster.runs.carrying_on(due, self.now) }
    }

    fn announcement(&self, topic: Topic) -> Box<Announcement> {
        Box::new(Announcement {
            topic,
            // Manifests in which somebody is to be told have a sender.
            sender: self.roster.mail.sender(),
            to_nobody: self.entry.tell_nobody(),
            recipients: self.entry.recipients.clone(),
            fallback: self.roster.mail.fallback.clone(),
            language: self.policy.language.value,
            ledger: self.ledger_write(),
        })
    }

    pub fn deactivate(&self, key: &Key, reason: Reason) -> Next {
        let expected = expectation(&self.state.keys);
        // What the secret hands out went so before, perhaps: that must not be forgotten.
        let handed_out = self.handed_out.clone().filter(|handed_out| self.may_go_unused(handed_out));
        let unused: Vec<KeyId> = match reason {
            Reason::Unused { .. } => {
                handed_out.into_iter().filter(|it| *it != key.id).chain([key.id.clone()]).collect()
            }
            _ => Vec::new(),
        };
        let (key, ledger) = (key.id.clone(), self.ledger_write());
        Next::Change(Action::Deactivate { key, ledger, expected, unused }, reason)
    }

    pub fn delete(&self, key: &Key, reason: Reason) -> Next {
        let tags = self.secret.map(|secret| (&secret.deactivating, &secret.deactivated));
        let clear = tags.is_some_and(|(a, b)| [a, b].into_iter().flatten().any(|tag| tag.key == key.id));
        Next::Change(Action::Delete { key: key.id.clone(), expected: expectation(&self.state.keys), clear }, reason)
    }

    pub fn ledger_write(&self) -> LedgerWrite {
        LedgerWrite {
            exists: self.secret.is_some(),
            user_arn: self.entry.user.arn.clone(),
            kms_key: self.policy.kms_key.value.clone(),
            replicate_to: self.replicate_to().cloned().collect(),
        }
    }
}

/// `None`: never used. Unknown is neither: the planner asks.
pub(super) fn last_use(key: &Key) -> Result<Option<DateTime<Utc>>, Need> {
    match &key.last_use {
        LastUse::Unread => Err(Need::LastUse(key.id.clone())),
        LastUse::Never => Ok(None),
        LastUse::At { time, .. } => Ok(Some(*time)),
    }
}

pub(super) fn waits(key: &Key, wait: WaitingOn, until: DateTime<Utc>) -> Next {
    Next::Wait { key: Some(key.id.clone()), wait, until: Some(until) }
}

/// Saturates, so that no duration in a manifest can make the planner panic.
pub(super) fn later(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    let limit = if by < TimeDelta::zero() { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    time.checked_add_signed(by).unwrap_or(limit)
}

/// An hour, but a small part of a short time.
fn slack(window: TimeDelta) -> TimeDelta {
    MOST_SLACK.min(window / 24)
}

fn at(tag: &Option<KeyAt>, key: &Key) -> Option<DateTime<Utc>> {
    tag.as_ref().filter(|tag| tag.key == key.id).map(|tag| tag.at)
}

/// When a key becomes due: `max-age` less `rotate-ahead` after its creation, or at `reissue-before` if it is older.
/// A date to come reissues nothing yet, for every key made before it would be due again at once.
pub fn due_at(key: &Key, policy: &Policy) -> DateTime<Utc> {
    let by_age = later(key.created, lives(policy));
    match policy.reissue_before.value {
        Some(before) if key.created < before => by_age.min(before),
        _ => by_age,
    }
}

/// The oldest key that works and is older than its limit.
pub fn overdue(entry: &Entry, state: &State, now: DateTime<Utc>) -> Option<Overdue> {
    let limit = entry.policy.max_age.value;
    let oldest = state.keys.iter().filter(|key| key.is_active()).min_by_key(|key| key.created)?;
    let age = now - oldest.created;
    (age >= limit).then(|| Overdue { key: oldest.id.clone(), age, limit })
}

/// How old a key gets before it is due.
pub(super) fn lives(policy: &Policy) -> TimeDelta {
    policy.max_age.value - policy.rotate_ahead.value.time()
}

/// Whether a key created then may be what a creation with this intent left.
fn is_near(created: DateTime<Utc>, intent: DateTime<Utc>) -> bool {
    (later(intent, -CLOCK_DIFFERENCE)..=later(intent, ORPHAN_AFTER)).contains(&created)
}
