//! What owners are told beside the new key: that the old one is still in use, deactivated or deleted, that a person must
//! do something, or soon will have to.
//!
//! It is read off the state *after* a run: whatever the owner should know and the ledger does not say they were told. So
//! a mail that could not be sent is due again in the next run, with nothing kept but the tag `keyrota:reminded`. Where
//! there is no secret of the user's yet, one without a value is made to note it. At somebody else's nothing can be
//! noted: the digest names those users.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, LedgerWrite},
    delivery::undelivered,
    model::Next,
    moving::{next, placed},
    reason::Origin,
    view::{View, due_at, later},
    waiting_on::{LeakObstacle, WaitingKind, WaitingOn},
};
use crate::{
    inventory::{Account, Destination, KeyId, Known, LastUse, Reminder, Secret, State},
    notice::{Channel, Kind},
    roster::{Entry, Roster},
    template::Language,
};

/// *Still in use* comes at most every third day; *blocked* when it begins, after a week, then monthly. Daily runs don't
/// begin at the same second, hence a few hours less.
const STILL_IN_USE_AGAIN: TimeDelta = TimeDelta::hours(3 * 24 - 6);
const BLOCKED_AGAIN: TimeDelta = TimeDelta::hours(7 * 24 - 6);
const BLOCKED_STILL: TimeDelta = TimeDelta::hours(30 * 24 - 6);
/// Two things about one user are told by the runs of two days.
const NEXT_DAY: TimeDelta = TimeDelta::hours(24 - 6);

/// How long before a rotation its owner is asked to make room for the new key.
pub(super) const UPCOMING: TimeDelta = TimeDelta::days(14);

/// Something that the owner of one user is to be told about one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What the mail is about.
    pub kind: Kind,
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The key that it is about.
    pub key: KeyId,
    /// The user's other key.
    pub other: Option<KeyId>,
    /// The secret's name.
    pub secret: String,
    /// The places of delivery that lack the key, if that is what it is about.
    pub places: Vec<String>,
    /// When that was used last.
    pub last_use: LastUse,
    /// Stable, kebab-case: why it is blocked, or what is in the way of what is upcoming.
    pub reason: Option<&'static str>,
    /// When it was deactivated.
    pub since: Option<DateTime<Utc>>,
    /// When the owner was told of the same first, if this is not the first time.
    pub began: Option<DateTime<Utc>>,
    /// When it is deactivated (*still in use*), deleted (*deactivated*) or to be replaced (*upcoming*), at the earliest.
    pub deadline: Option<DateTime<Utc>>,
    /// The owner's addresses and channels.
    pub recipients: Vec<String>,
    /// Written to when every recipient is refused, or when there is none.
    pub fallback: Vec<String>,
    /// The language of the mail.
    pub language: Language,
    /// `false` while the ledger is known from `ListSecrets` only: nobody is told on its word, or they would be told twice.
    pub confirmed: bool,
    /// Where it is noted that the owner was told.
    pub ledger: LedgerWrite,
}

/// One message to one recipient: everything of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<'a> {
    /// What the mail is about.
    pub kind: Kind,
    /// The address, or the channel.
    pub to: String,
    /// The language of the mail.
    pub language: Language,
    /// What is told, a user and a key each.
    pub about: Vec<&'a Notice>,
}

/// What is to be told in one account. `state` gives the state after the run, if it is known; `deleted` the keys that the
/// run deleted, by user.
#[must_use]
pub fn due_notices<'a>(
    roster: &Roster,
    state: impl Fn(&str) -> Option<&'a State>,
    deleted: &BTreeMap<&str, Vec<(&KeyId, Origin)>>,
    now: DateTime<Utc>,
) -> Vec<Notice> {
    let account = Arc::new(roster.account.clone());
    let mut notices = Vec::new();
    for entry in roster.entries.iter().filter(|entry| entry.exempt.is_none() && entry.user.unreadable.is_none()) {
        let Some(state) = state(&entry.user.name) else { continue };
        let state = &*placed(roster, entry, state, now);
        let empty = Secret::default();
        // At a secret that can't be written to nothing can be noted, so that what waits would be told by every run. What the
        // run deleted, it tells once all the same.
        let (secret, can_note) = match &state.ledger.destination {
            Destination::Own(secret) => (secret, true),
            Destination::Absent => (&empty, true),
            Destination::Foreign | Destination::BeingDeleted | Destination::Replica { .. } => (&empty, false),
        };
        if entry.tell_nobody() {
            continue;
        }
        let view = View::new(roster, entry, state, now);
        let (ledger, lacking) = (view.ledger_write(), || undelivered(&view));
        let deleted = deleted.get(entry.user.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let waits = || pending(roster, entry, state, secret, now);
        let topics = gone(state, secret, deleted).into_iter().chain(can_note.then(waits).flatten());
        notices.extend(topics.map(|topic| {
            let Topic { kind, key, reason, since, began, deadline, place } = topic;
            let run = |due| match kind {
                Kind::Upcoming => roster.runs.starting(due, now),
                _ => roster.runs.carrying_on(due, now),
            };
            let deadline = deadline.map(run);
            let last_use = state.key(&key).map_or(LastUse::Unread, |key| key.last_use.clone());
            let other = state.keys.iter().find(|other| other.id != key).map(|other| other.id.clone());
            Notice {
                kind,
                account: Arc::clone(&account),
                user: entry.user.name.clone(),
                key,
                other,
                secret: state.ledger.secret.clone(),
                places: match place {
                    Some(place) => vec![place],
                    None if reason == Some(WaitingKind::Undelivered.code()) => lacking(),
                    None => Vec::new(),
                },
                last_use,
                reason,
                since,
                began,
                deadline,
                recipients: entry.recipients.clone(),
                fallback: roster.mail.fallback.clone(),
                language: entry.policy.language.value,
                confirmed: state.ledger.known == Known::Described,
                ledger: ledger.clone(),
            }
        }));
    }
    notices
}

/// Whether the owner is yet to be told that a key was deactivated, or is gone that could be taken back.
pub(super) fn is_owed(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> bool {
    let Destination::Own(secret) = &state.ledger.destination else { return false };
    let is_over = |topic: &Topic| matches!(topic.kind, Kind::Deactivated | Kind::Deleted);
    !entry.tell_nobody()
        && (!gone(state, secret, &[]).is_empty()
            || pending(roster, entry, state, secret, now).is_some_and(|topic| is_over(&topic)))
}

/// A mail that tells of more keys than these is too long to be read, and at some size to be sent; a chat takes less.
const MOST_IN_MAIL: usize = 500;
const MOST_IN_CHAT: usize = 40;

/// Groups what is to be told: one mail for each address and kind, however many accounts it is about and as many keys as one can
/// tell of, in the language of the first. `to` names the addresses of each.
#[must_use]
pub fn batches<'a>(notices: &[&'a Notice], to: impl Fn(&'a Notice) -> &'a [String]) -> Vec<Batch<'a>> {
    let mut batches: BTreeMap<(Kind, String), Batch<'a>> = BTreeMap::new();
    for notice in notices {
        for address in to(notice) {
            let way = Channel::of(address).identity();
            let batch = batches.entry((notice.kind, way)).or_insert_with(|| Batch {
                kind: notice.kind,
                to: address.clone(),
                language: notice.language,
                about: Vec::new(),
            });
            batch.about.push(notice);
        }
    }
    let split = |batch: Batch<'a>| {
        let most = if matches!(Channel::of(&batch.to), Channel::Mail(_)) { MOST_IN_MAIL } else { MOST_IN_CHAT };
        let parts: Vec<Vec<_>> = batch.about.chunks(most).map(<[_]>::to_vec).collect();
        parts.into_iter().map(move |about| Batch { to: batch.to.clone(), about, ..batch })
    };
    batches.into_values().flat_map(split).collect()
}

/// Whether the owner wants to hear by now of a rotation that is due then: it comes with the run that begins it.
fn is_reminded(roster: &Roster, entry: &Entry, due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    entry.policy.remind.value.is_some_and(|remind| reminded_at(roster, due, remind, now) <= now)
}

/// When the owner is to hear of a rotation that is due then.
pub(super) fn reminded_at(roster: &Roster, due: DateTime<Utc>, remind: TimeDelta, now: DateTime<Utc>) -> DateTime<Utc> {
    later(roster.runs.starting(due, now), -remind)
}

struct Topic {
    kind: Kind,
    key: KeyId,
    reason: Option<&'static str>,
    since: Option<DateTime<Utc>>,
    began: Option<DateTime<Utc>>,
    deadline: Option<DateTime<Utc>>,
    /// The place that is in the way.
    place: Option<String>,
}

impl Topic {
    fn new(kind: Kind, key: KeyId) -> Self {
        Self { kind, key, reason: None, since: None, began: None, deadline: None, place: None }
    }
}

/// The keys that this run deleted, and one that is gone although its owner heard last that it could be taken back.
fn gone(state: &State, secret: &Secret, deleted: &[(&KeyId, Origin)]) -> Vec<Topic> {
    let topic =
        |key: &KeyId, origin: Origin| Topic { reason: origin.as_str(), ..Topic::new(Kind::Deleted, key.clone()) };
    let mut topics: Vec<Topic> = deleted.iter().map(|(key, origin)| topic(key, *origin)).collect();
    if let Some(reminded) = secret.reminded.as_ref().filter(|reminded| reminded.kind == Kind::Deactivated)
        && state.key(&reminded.key).is_none()
        && !topics.iter().any(|topic| topic.key == reminded.key)
    {
        let is_retired = secret.announced.as_ref().is_some_and(|announced| announced.key == reminded.key);
        topics.push(topic(&reminded.key, if is_retired { Origin::Retired } else { Origin::Replaced }));
    }
    topics
}

/// What the user waits for, as far as it concerns its owner.
fn pending(roster: &Roster, entry: &Entry, state: &State, secret: &Secret, now: DateTime<Utc>) -> Option<Topic> {
    // When the owner was last told the same.
    let told = |kind: Kind, key: &KeyId| secret.reminded.as_ref().filter(|last| last.kind == kind && last.key == *key);
    let within = |last: DateTime<Utc>, pause: TimeDelta| now - last < pause;
    let is_told_of_block = |key: &KeyId| {
        let last = told(Kind::Blocked, key);
        let pause = |last: &Reminder| if last.at == last.first { BLOCKED_AGAIN } else { BLOCKED_STILL };
        (last.is_some_and(|last| within(last.at, pause(last))), last.map(|last| last.first))
    };
    // A place has refused the key in a second run: time does not mend that.
    let view = View::new(roster, entry, state, now);
    let refused = secret.undelivered.as_ref().filter(|refused| refused.at > refused.first);
    if let Some(refused) = refused.filter(|refused| !undelivered(&view).is_empty() && state.key(&refused.key).is_some())
    {
        let (is_told, began) = is_told_of_block(&refused.key);
        let topic = Topic {
            reason: Some(WaitingKind::Undelivered.code()),
            began,
            ..Topic::new(Kind::Blocked, refused.key.clone())
        };
        return (!is_told).then_some(topic);
    }
    // That keyrota deactivated this key. One that its owner deactivated is no news to them.
    let deactivated = |key: &KeyId, deadline| {
        let held = state.key(key)?;
        let (since, reason) = (Some(view.deactivated_at(held)?), view.origin(held).as_str());
        Some(Topic { reason, since, deadline, ..Topic::new(Kind::Deactivated, key.clone()) })
    };
    // Whatever the owner heard of after that, it came first.
    let is_untold = |topic: &Topic| secret.reminded.as_ref().is_none_or(|last| Some(last.at) < topic.since);
    let (topic, is_told) = match next(roster, entry, state, now) {
        Next::Wait {
            wait: WaitingOn::LeakedKey { leaked, obstacle: LeakObstacle::OtherInHold { other } },
            until,
            ..
        } => match deactivated(&other, until).filter(is_untold) {
            // Who may have made that key hears how to take it back, before anybody is asked to delete it.
            Some(topic) => (topic, false),
            None => {
                let (is_told, began) = is_told_of_block(&leaked);
                let is_just_told = told(Kind::Deactivated, &other).is_some_and(|last| within(last.at, NEXT_DAY));
                let reason = Some(WaitingKind::LeakedKey.code());
                (Topic { reason, began, ..Topic::new(Kind::Blocked, leaked) }, is_told || is_just_told)
            }
        },
        Next::Wait { key: Some(key), wait: WaitingOn::StillInUse { last_used }, until } => {
            // The mail about the new key, or that this one goes, said when it stops: that counts as well.
            let announced = secret.announced.as_ref().filter(|announced| announced.key == key).map(|one| one.at);
            let first = secret.notified_at.max(announced);
            let reminded = told(Kind::StillInUse, &key).map(|last| last.at);
            let last = reminded.max(first);
            // Who used it before they heard of that, and not since, has moved.
            let has_moved = first.is_some_and(|told| last_used <= told);
            let is_told = has_moved || last.is_some_and(|last| within(last, STILL_IN_USE_AGAIN));
            (Topic { deadline: until, ..Topic::new(Kind::StillInUse, key) }, is_told)
        }
        Next::Wait { key: Some(key), wait: WaitingOn::InHold, until } => {
            (deactivated(&key, until)?, told(Kind::Deactivated, &key).is_some())
        }
        Next::Wait { key: Some(key), wait, .. } if wait.is_blocked() || matches!(wait, WaitingOn::Overdue { .. }) => {
            // That a place refuses is told when a second run has tried.
            if matches!(wait, WaitingOn::Undelivered { .. }) {
                return None;
            }
            let (is_told, began) = is_told_of_block(&key);
            let since = match wait {
                WaitingOn::Reactivated { since } => Some(since),
                _ => None,
            };
            let reason = Some(wait.code());
            let place = match wait {
                WaitingOn::ForeignPlace { place } | WaitingOn::ClosedPlace { place, .. } => Some(place),
                _ => None,
            };
            (Topic { reason, since, began, place, ..Topic::new(Kind::Blocked, key) }, is_told)
        }
        Next::Settled { next_rotation: Some(at) } => {
            let active = || state.keys.iter().filter(|key| key.is_active());
            let due = active().find(|key| due_at(key, &entry.policy) == at)?;
            // With a free place the rotation asks nothing of anyone.
            let makes_room = at - now <= UPCOMING && active().count() > 1;
            let reason = if makes_room { "two-keys" } else { "due" };
            if !makes_room && !is_reminded(roster, entry, at, now) {
                return None;
            }
            let is_told = told(Kind::Upcoming, &due.id).is_some();
            let topic = Topic::new(Kind::Upcoming, due.id.clone());
            (Topic { reason: Some(reason), deadline: Some(at), ..topic }, is_told)
        }
        // Due, and the run that begins it is yet to come.
        Next::Change(Action::Create { resumes: false, .. }, reason) if is_reminded(roster, entry, now, now) => {
            let key = reason.key()?.clone();
            let is_told = told(Kind::Upcoming, &key).is_some();
            (Topic { reason: Some("due"), deadline: Some(now), ..Topic::new(Kind::Upcoming, key) }, is_told)
        }
        Next::Wait { .. } | Next::Settled { .. } | Next::Change(..) | Next::Need(_) => return None,
    };
    (!is_told).then_some(topic)
}
