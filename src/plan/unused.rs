//! Keys that nobody uses: with `unused` in the policy they go and are not replaced. Their owner is told first, and a key that
//! is used again stays.

use chrono::{DateTime, Utc};

use super::{
    hold::after_hold,
    model::{Need, Next},
    reason::{Reason, Retirement},
    view::{View, due_at, last_use, later, waits},
    waiting_on::WaitingOn,
};
use crate::inventory::{Key, KeyId, LastUse};

/// A key that nobody used for `unused`. Of two the one goes first that the secret does not hand out.
pub(super) fn unused(view: &View<'_>) -> Result<Option<Next>, Need> {
    if view.policy.unused.value.is_none() {
        return Ok(None);
    }
    let Some((current, other)) = view.pair() else { return Ok(None) };
    let Some(other) = other.filter(|other| other.is_active()) else {
        if !is_unused(view, current)? {
            return Ok(None);
        }
        // The ledger holds one deactivation: this key's turn comes when the other one is deleted.
        let in_hold = other.filter(|other| view.deactivated_at(other).is_some());
        return match in_hold {
            Some(other) => after_hold(view, other).map(Some),
            None => retire(view, current).map(Some),
        };
    };
    // Clients are moving: the older key goes as its owner was promised, and the newer one is too young to be judged.
    if view.is_rotating(current, other) {
        return Ok(None);
    }
    let first = if view.is_stored(current) { other } else { view.leaving(current, other)? };
    let second = if first.id == current.id { other } else { current };
    for key in [first, second] {
        if is_unused(view, key)? {
            return retire(view, key).map(Some);
        }
    }
    Ok(None)
}

/// Since when nobody used the key, as far as is known: from its creation, if nobody ever did.
pub(super) fn since(key: &Key) -> DateTime<Utc> {
    match key.last_use {
        LastUse::At { time, .. } => time.max(key.created),
        LastUse::Never | LastUse::Unread => key.created,
    }
}

/// When the user's only key goes if nobody uses it until then, as far as its last use is known.
pub(super) fn goes(view: &View<'_>) -> Option<DateTime<Utc>> {
    let unused = view.policy.unused.value?;
    let (current, other) = view.pair()?;
    let is_used = match current.last_use {
        // What is used now goes on being used, as far as anybody knows.
        LastUse::At { time, .. } => view.is_recent(time),
        LastUse::Never => false,
        LastUse::Unread => return None,
    };
    // One that somebody deactivated waits for nothing.
    let is_alone = other.is_none_or(|other| !other.is_active() && view.deactivated_at(other).is_none());
    (is_alone && !is_used).then(|| later(since(current), unused))
}

/// The secret hands out a key that went because nobody used it, and nothing is due. Never shown as settled: whoever reads the
/// secret gets what does not work.
pub(super) fn secret_of_unused(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some(key) = view.retired_for_good() else { return Ok(None) };
    let next = view.current().map(|current| due_at(current, view.policy));
    Ok(Some(hands_out(view, key, next)))
}

/// What the secret hands out went on purpose; the next rotation mends that, if there is to be one.
fn hands_out(view: &View<'_>, key: KeyId, until: Option<DateTime<Utc>>) -> Next {
    let wait = WaitingOn::UnusedSecret { secret: view.state.ledger.secret.clone(), key: key.clone() };
    Next::Wait { key: Some(key), wait, until }
}

/// Tells the owner, leaves the overlap to object, and deactivates the key.
fn retire(view: &View<'_>, key: &Key) -> Result<Next, Need> {
    let last_used = last_use(key)?;
    // Who used the key since they heard that it goes hears it again.
    let announced = view.announced_at(key).filter(|announced| last_used.is_none_or(|used| used <= *announced));
    let overlap = view.policy.overlap.value;
    Ok(match announced {
        None => view.announce(key, Retirement::Unused, last_used, None),
        Some(announced) if !view.is_over(announced, overlap) => {
            waits(key, WaitingOn::Announced { why: Retirement::Unused }, later(announced, overlap))
        }
        Some(_) => view.deactivate(key, Reason::Unused { last_used }),
    })
}

/// Whether nobody used the key for as long as the policy says, nor lately by `quiet`. A key that was never used counts from its
/// creation.
fn is_unused(view: &View<'_>, key: &Key) -> Result<bool, Need> {
    // A young key is not even asked about.
    let Some(unused) = view.policy.unused.value.filter(|unused| view.is_over(key.created, *unused)) else {
        return Ok(false);
    };
    let since = last_use(key)?.unwrap_or(key.created);
    Ok(view.is_over(since, unused) && !view.is_recent(since))
}
