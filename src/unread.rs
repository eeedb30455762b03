//! Whom a run has left because its time was over: it is noted on one secret of the account, so that the next run, of whatever
//! kind, begins with them, and catches up with what was due.

use crate::{
    apply::{Applied, Cause},
    cloud::Writes,
    inventory::{CallError, Fact, Inventory, State, UNREAD, Unread, tag_value, tags},
    observe::AccountState,
    plan::Plan,
};

/// Notes the first user whose turn did not come, or takes back what an earlier run had noted. Where everyone's came, as nearly
/// always, it makes no call. `is_timed` says that it was the run's time that was over, where it was not a failing read.
pub async fn note<C: Writes>(accounts: &[AccountState<'_, C>], plan: &Plan, applied: &Applied, is_timed: bool) {
    for AccountState { cloud, roster, inventory } in accounts {
        let unread = inventory.users.iter().filter(|(_, read)| read.as_ref().is_err_and(CallError::may_be_over));
        let is_stopped = |user: &str| {
            let begins = |change: &crate::plan::Change| change.user == user && change.action.starts_rotation();
            plan.changes.iter().any(|change| *change.account == roster.account && begins(change))
        };
        let stopped = applied.deferred.iter().filter(|deferred| {
            is_timed && *deferred.account == roster.account && deferred.cause == Cause::Stopped && is_stopped(&deferred.user)
        });
        let left = unread.map(|(user, _)| user).chain(stopped.map(|deferred| &deferred.user)).map(|user| tag_value(user));
        let before = inventory.unread.as_ref();
        // In the order in which this run went through them.
        let began_with = before.map_or("", |(_, before)| &before.first);
        let first = left.min_by_key(|user| (user.as_str() < began_with, user.clone()));
        let noted = match (first, before) {
            (None, None) => Ok(()),
            (None, Some((secret, _))) => cloud.untag_secret(secret, UNREAD).await,
            (Some(first), before) => {
                // What was due when the first of several runs began is due still.
                let since = before.map_or(plan.as_of, |(_, before)| before.since);
                let secret = before.map(|(secret, _)| secret.clone());
                match secret.or_else(|| own_secret(&roster.account.id, inventory, applied)) {
                    Some(secret) => cloud.tag_secret(&secret, &tags([Fact::Unread(Unread { since, first })])).await,
                    // Where keyrota has no secret yet, the next run that enforces comes to them all the same.
                    None => Ok(()),
                }
            }
        };
        if let Err(error) = noted {
            let account = roster.account.to_string();
            tracing::warn!(account, "the next run that tends does not know whom this one has left: {error}");
        }
    }
}

/// A secret of keyrota's own in the account: one that was read, or that this run has made.
fn own_secret(account: &str, inventory: &Inventory, applied: &Applied) -> Option<String> {
    let read = inventory.users.iter().filter_map(|(user, state)| Some((user, state.as_ref().ok()?)));
    read.filter_map(|(user, state)| {
        let after = applied.after.get(&(account.to_owned(), user.clone())).unwrap_or(state);
        let State { ledger, .. } = after;
        ledger.destination.own().map(|_| ledger.secret.clone())
    })
    .next()
}
