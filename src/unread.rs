//! Whom a run has left, because it could not read or begin them, or because its time was over: it is noted on one secret of the
//! account, so that the next run, of whatever kind, begins with them, and catches up with what was due.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    apply::{Applied, Cause, Deferred, Failure, Outcome},
    cloud::Writes,
    inventory::{Fact, Inventory, UNREAD, Unread, tag_value, tags},
    observe::{AccountView, Unlisted},
    plan::Plan,
};

/// How far a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// It has so much time and no more.
    pub is_timed: bool,
    /// It looks at some users alone, who were named: it can't tell whether the turn of others came.
    pub is_partial: bool,
    /// It begins whatever is due. What another would not have begun is not to be caught up with, and the rest of it shows in the
    /// ledgers.
    pub enforces: bool,
}

/// Notes where those begin whose turn did not come, or takes back what an earlier run had noted. Where everyone's came, as
/// nearly always, it makes no call.
pub async fn note(accounts: &[AccountView<'_, dyn Writes>], plan: &Plan, applied: &Applied, extent: Extent) {
    for AccountView { cloud, roster, inventory } in accounts {
        let begun = plan.changes.iter().filter(|change| change.action.starts_rotation());
        let begun: BTreeSet<&str> =
            begun.filter(|change| *change.account == roster.account).map(|change| change.user.as_str()).collect();
        let is_stopped = |deferred: &&Deferred| {
            let is_over = match deferred.cause {
                Cause::CutOff | Cause::NoMail(_) | Cause::Unread(_) => true,
                Cause::Stopped => extent.is_timed,
                Cause::Last => false,
            };
            *deferred.account == roster.account && is_over
        };
        // Whatever kept it from beginning: a creation that had begun shows in the ledger, one that had not shows nowhere.
        let has_failed = |outcome: &&Outcome| {
            *outcome.change.account == roster.account && matches!(outcome.result, Err(Failure::Failed(_)))
        };
        let stopped = applied.deferred.iter().filter(is_stopped).map(|one| one.user.as_str());
        let failed = applied.outcomes.iter().filter(has_failed).map(|one| one.change.user.as_str());
        let stopped: BTreeSet<&str> = stopped.chain(failed).collect();
        let is_left = |user: &str| {
            // Whatever the cause: what would be due there, nobody knows.
            let is_unread = inventory.users.get(user).is_some_and(Result::is_err);
            is_unread || (stopped.contains(user) && begun.contains(user))
        };
        let users: Vec<(&str, bool)> = inventory.users.keys().map(|user| (user.as_str(), is_left(user))).collect();
        let noted = match (first_left(&users), &inventory.unread) {
            (None, None) => Ok(()),
            // It stands for others, too. And what is noted anew, would be for all.
            _ if extent.is_partial => Ok(()),
            (Some(_), None) if !extent.enforces => Ok(()),
            (None, Some((secret, _))) => cloud.untag_secret(secret, UNREAD).await,
            (Some(first), before) => {
                // What was due when the first of several runs began is due still.
                let noted = before.as_ref().map(|(_, before)| before.since).or(inventory.left_since);
                let since = noted.unwrap_or(plan.as_of);
                let unread = Fact::Unread(Unread { since, first: tag_value(first) });
                let secret = before.as_ref().map(|(secret, _)| secret.clone());
                match secret.or_else(|| own_secret(&roster.account.id, inventory, applied)) {
                    Some(secret) => cloud.tag_secret(&secret, &tags([unread])).await,
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

/// Notes of accounts that could not be listed that everyone there is still to come.
pub async fn note_unlisted(clouds: &[&dyn Writes], unlisted: &[Unlisted], as_of: DateTime<Utc>, extent: Extent) {
    if extent.is_partial || !extent.enforces {
        return;
    }
    for Unlisted { account, secret, before } in unlisted {
        let Some(cloud) = clouds.iter().find(|cloud| cloud.account().id == *account) else { continue };
        let since = before.as_ref().map_or(as_of, |before| before.since);
        let unread = Fact::Unread(Unread { since, first: String::new() });
        if let Err(error) = cloud.tag_secret(secret, &tags([unread])).await {
            let account = cloud.account().to_string();
            tracing::warn!(account, "the next run that tends does not know that this one has not listed it: {error}");
        }
    }
}

/// Where to begin, so that those who were left come first: after the most users in a row whose turn came. Some of them may be
/// left as well, for a read that was refused went to the back of the queue.
fn first_left<'a>(users: &[(&'a str, bool)]) -> Option<&'a str> {
    let (mut row, mut longest, mut first) = (0, 0, None);
    // Twice, for the order goes round.
    for (user, is_left) in users.iter().chain(users) {
        if !is_left {
            row += 1;
            continue;
        }
        if first.is_none() || row > longest {
            (first, longest) = (Some(*user), row);
        }
        row = 0;
    }
    first
}

/// A secret of keyrota's own in the account: one that was read, or that this run has made.
fn own_secret(account: &str, inventory: &Inventory, applied: &Applied) -> Option<String> {
    let mut read = inventory.users.iter().filter_map(|(user, state)| Some((user, state.as_ref().ok()?)));
    read.find_map(|(user, state)| {
        let state = applied.after.get(&(account.to_owned(), user.clone())).unwrap_or(state);
        state.ledger.destination.own().map(|_| state.ledger.secret.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::first_left;

    #[test]
    fn it_begins_after_the_longest_row_whose_turn_came() {
        let users = ["a", "b", "c", "d", "e", "f"];
        for (left, first) in [
            ("", None),
            ("a", Some("a")),
            ("def", Some("d")),
            // `b` was refused, and at the back of the queue.
            ("bf", Some("f")),
            ("abef", Some("e")),
            ("abcdef", Some("a")),
        ] {
            let users: Vec<(&str, bool)> = users.iter().map(|user| (*user, left.contains(user))).collect();
            assert_eq!(first_left(&users), first, "{left}");
        }
    }
}
