//! How long an inactive key stays before it is deleted.

use super::{
    model::{Need, Next},
    reason::Reason,
    view::{View, last_use, later, waits},
    waiting_on::WaitingOn,
};
use crate::inventory::Key;

/// An inactive key is deleted once it was inactive for `hold`; what may be someone's is kept a day at least.
pub(super) fn after_hold(view: &View<'_>, key: &Key) -> Result<Next, Need> {
    let hold = view.policy.hold.value;
    if let Some(since) = view.deactivated_at(key).filter(|_| hold.is_zero() && !view.may_be_orphan(key)) {
        // Over, whenever it was used.
        return Ok(view.delete(key, Reason::HoldOver { since: Some(since), origin: view.origin(key) }));
    }
    let last_used = match last_use(key) {
        // Until the hold is over, nobody asks whether it is to begin again.
        Err(_) if view.deactivated_at(key).is_some_and(|since| !view.is_over(since, hold)) => None,
        asked => asked?,
    };
    // A use after the deactivation means that someone had activated it for a while: the hold begins again.
    let since = view.deactivated_at(key).max(last_used);
    let Some(begins) = since else { return Ok(view.delete(key, Reason::HoldOver { since, origin: view.origin(key) })) };
    let ends = later(begins, hold);
    if view.may_be_orphan(key) && later(begins, View::LEAST_ORPHAN_HOLD) > view.now {
        return Ok(waits(key, WaitingOn::InHold, ends.max(later(begins, View::LEAST_ORPHAN_HOLD))));
    }
    Ok(match view.is_over(begins, hold) {
        false => waits(key, WaitingOn::InHold, ends),
        true => view.delete(key, Reason::HoldOver { since, origin: view.origin(key) }),
    })
}
