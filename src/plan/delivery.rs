//! Whether the places of delivery have the key that the secret hands out. Nothing that may be in use there is ended before.

use std::{collections::HashSet, sync::Arc};

use super::{
    action::{Action, Delivery},
    model::{Need, Next},
    reason::{Reason, Undeliverable},
    view::View,
    waiting_on::WaitingOn,
    warning::Warning,
};
use crate::{
    delivery::{Target, fingerprint},
    inventory::{Found, Held, Key, KeyId, MOST_NOTED, Secret},
    roster::Roster,
};

/// A place where nothing can be delivered, whatever is due: a person must mend it, or take it off the list.
pub(super) fn obstacle(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some(current) = view.current() else { return Ok(None) };
    let mut obstacle = None;
    for target in &view.entry.deliver {
        let place = target.place.to_string();
        let wait = match found(view, target)? {
            Found::Foreign => WaitingOn::ForeignPlace { place },
            Found::Closed { why } => WaitingOn::ClosedPlace { place, why: why.clone() },
            Found::Nothing | Found::Something { .. } | Found::Unknown { .. } | Found::Refused { .. } => continue,
        };
        obstacle.get_or_insert(Next::Wait { key: Some(current.id.clone()), wait, until: None });
    }
    Ok(obstacle)
}

/// A place lacks the key that is handed out, or somebody has written there since. A key that is to be reissued goes nowhere.
pub(super) fn deliver(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some((current, secret)) = delivered_from(view).filter(|(key, _)| !view.is_leaked(key)) else { return Ok(None) };
    // What never was there can wait for the key that is about to take this one's place.
    let others = view.state.keys.iter().filter(|other| other.id != current.id).count();
    let is_replaced = others == 0 && view.is_due(current);
    for target in &view.entry.deliver {
        let seen = found(view, target)?;
        // Where nothing can be written, a person must mend that; the others take it.
        if !matches!(seen, Found::Refused { .. } | Found::Closed { .. } | Found::Foreign)
            && let Some(why) = lacks(view, secret, current, target, seen)
            && !(is_replaced && why == Undeliverable::New)
        {
            return Ok(Some(delivery(view, secret, current, target, why)));
        }
    }
    // All have it, and it is noted of other places: some were taken off the list.
    let is_refused = view.entry.deliver.iter().any(|target| {
        is_refused(view, target)
            || matches!(view.state.places.get(&target.id), Some(Found::Closed { .. } | Found::Foreign))
    });
    match view.entry.deliver.first().filter(|_| !is_noted(view, secret, current) && !is_refused && !is_replaced) {
        Some(first) => Ok(Some(delivery(view, secret, current, first, Undeliverable::OtherPlaces))),
        None => Ok(None),
    }
}

/// What must not be done yet, because a place may hold what it ends, or because what the places hold is not known.
pub(super) fn kept(view: &View<'_>, next: &Next) -> Option<Next> {
    let ends = match next {
        Next::Change(Action::Deactivate { .. }, Reason::Orphan { .. } | Reason::Interrupted) => return None,
        Next::Change(Action::Deactivate { key, .. }, _) => Some(key.clone()),
        Next::Settled { .. } => None,
        Next::Change(..) | Next::Wait { .. } | Next::Need(_) => return None,
    };
    let (current, secret) = delivered_from(view)?;
    let lacking = lacking(view, secret, current);
    if let Some(key) = ends.filter(|_| !lacking.is_empty()) {
        let wait = WaitingOn::Undelivered { places: lacking, key: current.id.clone() };
        return Some(Next::Wait { key: Some(key), wait, until: None });
    }
    let unknown = view.entry.deliver.iter().find_map(|target| match view.state.places.get(&target.id) {
        Some(Found::Unknown { why, asked: true }) => Some((target.place.to_string(), why)),
        _ => None,
    });
    let (place, why) = unknown?;
    let (error, cause) = (format!("what {place} holds: {why}"), why.clone());
    Some(Next::Wait { key: None, wait: WaitingOn::Unreadable { error, cause, hint: None }, until: None })
}

/// The places that lack the key that is handed out, in the order of the manifest.
pub(super) fn undelivered(view: &View<'_>) -> Vec<String> {
    delivered_from(view).map(|(current, secret)| lacking(view, secret, current)).unwrap_or_default()
}

/// Each place, and whether it has this key: for the owner.
pub(super) fn told(view: &View<'_>) -> Vec<(String, bool)> {
    let Some((current, secret)) = delivered_from(view) else { return Vec::new() };
    let took = |target: &Target| !is_refused(view, target) && holds(view, secret, current, target);
    view.entry.deliver.iter().map(|target| (target.place.to_string(), took(target))).collect()
}

/// Each place, and whether it has the key that the secret hands out; `None`: that is not known.
pub(super) fn seen(view: &View<'_>) -> Vec<(String, Option<bool>)> {
    let has = |target: &Target| match (view.state.places.get(&target.id), delivered_from(view)) {
        (_, None) | (Some(Found::Foreign | Found::Refused { .. }), _) => Some(false),
        (None | Some(Found::Unknown { .. } | Found::Closed { .. }), _) => None,
        (Some(seen), Some((current, secret))) => Some(lacks(view, secret, current, target, seen).is_none()),
    };
    view.entry.deliver.iter().map(|target| (target.place.to_string(), has(target))).collect()
}

/// What whoever runs keyrota should know of the places of a user; `all` are those that anyone's key is delivered to.
pub(super) fn warnings(view: &View<'_>, all: &Places) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (account, user) = (&view.roster.account, &view.entry.user.name);
    let who = || (Arc::new(account.clone()), user.clone());
    let held = view.secret.map(|secret| secret.held.as_slice()).unwrap_or_default();
    let has_key = view.state.keys.iter().any(Key::is_active);
    for target in view.entry.deliver.iter().filter(|_| has_key) {
        let place = target.place.to_string();
        match view.state.places.get(&target.id) {
            // What nobody owns is overwritten: whoever reviews that should know.
            Some(Found::Something { last, .. }) if !held.iter().any(|held| is_written(target, held)) => {
                if let Some(names) = target.overwrites() {
                    let ((account, user), last) = (who(), last.clone());
                    warnings.push(Warning::Overwrites { account, user, place, names, last });
                }
            }
            Some(Found::Unknown { why, .. }) => {
                let ((account, user), why) = (who(), why.clone());
                warnings.push(Warning::PlaceUnread { account, user, place, why });
            }
            _ => {}
        }
    }
    for one in held {
        let Held { key, place, .. } = one;
        let is_left = !view.entry.deliver.iter().any(|target| is_written(target, one));
        let is_renamed = view.entry.deliver.iter().any(|target| one.is_at(&target.place.to_string()));
        // Another user's key goes there now: it is written over, and nobody should take that away.
        if let Some(held) = view.state.key(key).filter(|_| is_left && (is_renamed || !all.has(place))) {
            let is_current = view.handed_out.as_ref() == Some(key) && held.is_active();
            let ((account, user), place, key) = (who(), place.clone(), key.clone());
            let (works, is_part) = (held.is_active(), !one.is_whole());
            warnings.push(Warning::PlaceLeft { account, user, place, key, works, is_current, is_renamed, is_part });
        }
    }
    warnings
}

/// The places that anyone's key is delivered to in an account, as the ledger spells them.
#[derive(Default)]
pub(super) struct Places(HashSet<String>);

impl Places {
    pub fn of(roster: &Roster) -> Self {
        let all = roster.entries.iter().flat_map(|entry| &entry.deliver);
        Self(all.map(|target| Held::spelled(&target.place.to_string())).collect())
    }

    fn has(&self, place: &str) -> bool {
        self.0.contains(&Held::spelled(place))
    }
}

/// Whether what was noted is of all that is written to there, or of a part. A parameter with another KMS key is the same one; a
/// secret with another name is another one.
fn is_written(target: &Target, held: &Held) -> bool {
    let is_same = !target.place.is_of_github() && held.is_at(&target.place.to_string());
    held.id == target.id || target.covers(&held.id) || is_same
}

/// The key that is delivered: the one that the secret hands out, if it works and keyrota stored it. What is in no ledger is
/// touched nowhere.
fn delivered_from<'a>(view: &View<'a>) -> Option<(&'a Key, &'a Secret)> {
    if view.entry.deliver.is_empty() || !view.hands_out_itself {
        return None;
    }
    let (current, _) = view.pair().filter(|(current, _)| view.is_stored(current))?;
    Some((current, view.secret?))
}

fn found<'a>(view: &View<'a>, target: &Target) -> Result<&'a Found, Need> {
    view.state.places.get(&target.id).ok_or_else(|| Need::Place(Box::new(target.clone())))
}

fn is_refused(view: &View<'_>, target: &Target) -> bool {
    matches!(view.state.places.get(&target.id), Some(Found::Refused { .. }))
}

/// Whether it is noted that every place of the list has the key.
fn is_noted(view: &View<'_>, secret: &Secret, current: &Key) -> bool {
    let noted = secret.delivered.as_ref().filter(|(key, _)| *key == current.id);
    noted.is_some_and(|(_, places)| *places == fingerprint(&view.entry.deliver))
}

/// Whether it is noted that this place has the key.
fn holds(view: &View<'_>, secret: &Secret, current: &Key, target: &Target) -> bool {
    match secret.held(&target.id) {
        Some(held) => held.key == current.id && held.is_whole(),
        None => is_noted(view, secret, current),
    }
}

/// Why the place does not have the key, as far as can be told.
fn lacks(view: &View<'_>, secret: &Secret, current: &Key, target: &Target, seen: &Found) -> Option<Undeliverable> {
    if !holds(view, secret, current, target) {
        let refused = secret.undelivered.as_ref().filter(|refused| refused.key == current.id);
        let since = refused.map(|refused| refused.first);
        return Some(match (secret.held(&target.id), since) {
            (Some(held), since) if !held.is_whole() => Undeliverable::Unfinished { since },
            (_, Some(since)) => Undeliverable::Refused { since },
            (_, None) => Undeliverable::New,
        });
    }
    let held = secret.held(&target.id).filter(|held| !seen.is_as_left(&held.mark))?;
    debug_assert_eq!(held.key, current.id, "asked just above");
    Some(match seen {
        Found::Something { last, .. } => Undeliverable::Overwritten { last: last.clone() },
        _ => Undeliverable::Emptied,
    })
}

fn lacking(view: &View<'_>, secret: &Secret, current: &Key) -> Vec<String> {
    let is_lacking = |target: &&Target| is_refused(view, target) || !holds(view, secret, current, target);
    view.entry.deliver.iter().filter(is_lacking).map(|target| target.place.to_string()).collect()
}

fn delivery(view: &View<'_>, secret: &Secret, current: &Key, target: &Target, why: Undeliverable) -> Next {
    let exists = matches!(view.state.places.get(&target.id), Some(Found::Something { .. }));
    let others = || view.entry.deliver.iter().filter(|other| other.id != target.id);
    let is_last = others().all(|other| holds(view, secret, current, other) && !is_refused(view, other));
    let refused = secret.undelivered.as_ref().filter(|refused| refused.key == current.id);
    let delivery = Delivery {
        key: current.id.clone(),
        target: target.clone(),
        exists,
        slot: slot(view, secret, target),
        completes: is_last.then(|| fingerprint(&view.entry.deliver)),
        held: secret.held(&target.id).cloned(),
        refused_since: refused.map(|refused| refused.first),
    };
    let reason = Reason::Undelivered { place: target.place.to_string(), why };
    Next::Change(Action::Deliver(Box::new(delivery)), reason)
}

/// Where it is noted what the place holds: where it was, else where nothing is noted of a place that matters.
fn slot(view: &View<'_>, secret: &Secret, target: &Target) -> usize {
    if let Some(held) = secret.held(&target.id) {
        return held.slot;
    }
    let exists = |key: &KeyId| view.state.key(key).is_some();
    let is_of_the_list = |held: &Held| view.entry.deliver.iter().any(|target| target.id == held.id);
    let taken = |slot: usize, matters: &dyn Fn(&Held) -> bool| {
        secret.held.iter().any(|held| held.slot == slot && (is_of_the_list(held) || matters(held)))
    };
    let free = |matters: &dyn Fn(&Held) -> bool| (1..=MOST_NOTED).find(|slot| !taken(*slot, matters));
    free(&|_| true).or_else(|| free(&|held| exists(&held.key))).or_else(|| free(&|_| false)).unwrap_or(MOST_NOTED)
}
