//! A user whose secret the manifest calls by another name than before. What is under way at the earlier name is settled
//! there first. Then a new key goes to the new name, and the earlier secret is left as it is.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};

use super::{
    action::{Action, Topic},
    model::{Need, Next},
    rules,
    waiting_on::WaitingOn,
};
use crate::{
    inventory::{Elsewhere, Key, KeyId, Ledger, Secret, State},
    roster::{Entry, Roster},
};

/// Decides what comes next for a user whose state was read. Total and pure.
pub fn next(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> Next {
    decide(roster, entry, state, now).1
}

/// What comes next, with the row of [`RULES`](rules::RULES) that says so.
pub fn decide(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> (&'static str, Next) {
    rules::decide(roster, entry, &placed(roster, entry, state, now), now)
}

/// The state with the ledger on which the next change is noted: the earlier one while it has something under way, then the
/// one that the manifest names.
#[must_use]
pub fn placed<'a>(roster: &Roster, entry: &Entry, state: &'a State, now: DateTime<Utc>) -> Cow<'a, State> {
    let Elsewhere::MovesTo(to) = &state.elsewhere else { return Cow::Borrowed(state) };
    if goes_on_there(&rules::decide(roster, entry, state, now).1) {
        return Cow::Borrowed(state);
    }
    let elsewhere = Elsewhere::MovedFrom(vec![state.ledger.clone()]);
    Cow::Owned(State { ledger: (**to).clone(), elsewhere, ..state.clone() })
}

/// Whether this is part of what has begun. What would begin something begins at the new name.
fn goes_on_there(next: &Next) -> bool {
    match next {
        // Who may read a secret is asked before a key is stored there.
        Next::Change(Action::Create { .. }, _) | Next::Need(Need::ResourcePolicy(_)) | Next::Settled { .. } => false,
        Next::Change(Action::Notify { announcement, .. }, _) => matches!(announcement.topic, Topic::Issued { .. }),
        Next::Change(..) | Next::Need(_) => true,
        Next::Wait { wait, .. } => matches!(
            wait,
            WaitingOn::InOverlap
                | WaitingOn::StillInUse { .. }
                | WaitingOn::InHold
                | WaitingOn::Announced { .. }
                | WaitingOn::JustDeactivated { .. }
                | WaitingOn::Reactivated { .. }
                | WaitingOn::AmbiguousOrphan
                | WaitingOn::OrphanIsOnlyKey
                | WaitingOn::Undelivered { .. }
                | WaitingOn::StaleSecret { .. }
        ),
    }
}

/// The state of a user with several secrets. `own` has the name that the manifest gives it, and leads as soon as it hands
/// out a key that works: so a secret that someone makes beside it and tags as the user's has no say. Before that, the one
/// that was written last leads: what is under way is under way there. Where both hand out keys, a person must say.
#[must_use]
pub fn arranged(keys: Vec<Key>, own: Ledger, former: Vec<Ledger>) -> State {
    let written = |ledger: &Ledger| last_written(ledger, &keys);
    let mut former: Vec<(Option<DateTime<Utc>>, Ledger)> =
        former.into_iter().map(|ledger| (written(&ledger), ledger)).collect();
    let works = |ledger: &Ledger| {
        let key = ledger.handed_out()?;
        keys.iter().find(|held| held.id == key && held.is_active())
    };
    // What hands out a key that works says which key is current, whatever was begun elsewhere and came to nothing.
    let rank = |(at, ledger): &(Option<DateTime<Utc>>, Ledger)| (works(ledger).is_some(), *at);
    former.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.1.secret.cmp(&b.1.secret)));
    let own_key = works(&own);
    let leads = |(at, _): &(Option<DateTime<Utc>>, Ledger)| own_key.is_none() && *at > written(&own);
    let newer =
        |ledger: &Ledger| works(ledger).zip(own_key).is_some_and(|(theirs, ours)| theirs.created > ours.created);
    let rivals: Vec<String> =
        former.iter().filter(|(_, ledger)| newer(ledger)).map(|(_, ledger)| ledger.secret.clone()).collect();
    let (ledger, elsewhere) = match &former[..] {
        [] => (own, Elsewhere::Nowhere),
        _ if !rivals.is_empty() => (own, Elsewhere::Several(rivals)),
        [first, second, ..] if leads(first) && rank(first) == rank(second) && first.0 != Some(STALE) => {
            let alike = former.iter().filter(|one| one.0 == first.0).map(|(_, ledger)| ledger.secret.clone());
            let names = alike.collect();
            (own, Elsewhere::Several(names))
        }
        [first, ..] if leads(first) => (first.1.clone(), Elsewhere::MovesTo(Box::new(own))),
        _ => (own, Elsewhere::MovedFrom(former.into_iter().map(|(_, ledger)| ledger).collect())),
    };
    State { keys, ledger, elsewhere, places: BTreeMap::new() }
}

/// What hands out a key that is gone comes last, and is not forgotten: nobody but a person can mend it.
const STALE: DateTime<Utc> = DateTime::<Utc>::MIN_UTC;

/// When something was noted last that concerns a key that exists, as far as the ledger tells.
fn last_written(ledger: &Ledger, keys: &[Key]) -> Option<DateTime<Utc>> {
    let Secret { versions, intent, deactivating, deactivated, announced, .. } = ledger.destination.own()?;
    let key = |id: &KeyId| keys.iter().find(|key| key.id == *id);
    let stored = versions.iter().filter_map(|version| Some(key(&KeyId::of_version(&version.id)?)?.created));
    let noted = [deactivating, deactivated, announced].into_iter().flatten();
    let noted = noted.filter(|noted| key(&noted.key).is_some()).map(|noted| noted.at);
    stored.chain(noted).chain(*intent).max().or_else(|| ledger.handed_out().map(|_| STALE))
}
