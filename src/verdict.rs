//! Whether a run went well: decided here, for the command's exit code, the function's invocation and the metrics.

use serde::{Deserialize, Serialize};

use crate::{
    apply::{Applied, Deferred, Outcome},
    inventory::Account,
    plan::{Plan, Waiting},
};

/// What kept a run from going well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// Changes that were not made, and why.
    pub failed: Vec<String>,
    /// Users of whom something could not be read: what would be due there, nobody knows.
    pub unreadable: Vec<String>,
    /// Accounts of which nothing could be read.
    pub accounts_unread: Vec<String>,
    /// Users who were begun or due and not finished, because something failed on the way.
    pub unfinished: Vec<String>,
    /// Users whose turn did not come: the run was interrupted, or its time was over.
    pub stopped: usize,
}

impl Verdict {
    /// `applied` is `None` where nothing was to be changed.
    pub fn of(plan: &Plan, applied: Option<&Applied>) -> Self {
        let accounts_unread = plan.accounts_unread.iter().map(ToString::to_string).collect();
        Self { accounts_unread, ..Self::over(plan, applied, |_| true) }
    }

    /// Of the part of a run that is about one account, which could be read.
    pub fn of_account(plan: &Plan, applied: Option<&Applied>, account: &Account) -> Self {
        Self::over(plan, applied, |of| of == account)
    }

    fn over(plan: &Plan, applied: Option<&Applied>, is_meant: impl Fn(&Account) -> bool) -> Self {
        let unreadable = plan.unreadable().filter(|waiting| is_meant(&waiting.account));
        // Users of several accounts may have one name.
        let are_many = plan.accounts.len() > 1;
        let unreadable = unreadable
            .map(|Waiting { account, user, wait, .. }| format!("{}: {wait}", account.user_named(user, are_many)));
        let mut verdict = Self { unreadable: unreadable.collect(), ..Self::default() };
        let outcomes = applied.into_iter().flat_map(|applied| &applied.outcomes);
        for Outcome { change, result, .. } in outcomes.filter(|outcome| is_meant(&outcome.change.account)) {
            if let Err(error) = result {
                verdict.failed.push(format!("{} {}: {error}", change.action.verb(), change.user_in(are_many)));
            }
        }
        let deferred = applied.into_iter().flat_map(|applied| &applied.deferred);
        for Deferred { account, user, cause } in deferred.filter(|deferred| is_meant(&deferred.account)) {
            match cause.is_failure() {
                true => {
                    let user = account.user_named(user, are_many);
                    verdict.unfinished.push(format!("{user} is not finished: {cause}"));
                }
                false => verdict.stopped += 1,
            }
        }
        verdict
    }

    /// Whether something failed, on whichever side. That a run was stopped is no failure: the next one goes on.
    pub fn has_failures(&self) -> bool {
        self.failures() > 0
    }

    /// How many failures there are, of all kinds.
    pub fn failures(&self) -> usize {
        self.reasons().count()
    }

    /// Whether every user got its turn, and was finished.
    pub fn is_finished(&self) -> bool {
        self.unfinished.is_empty() && self.stopped == 0
    }

    /// Whether everything was read, and everything that was due was done.
    pub fn is_complete(&self) -> bool {
        !self.has_failures() && self.stopped == 0
    }

    /// Adds what kept another part of the same run from going well.
    pub fn extend(&mut self, other: Self) {
        let Self { failed, unreadable, accounts_unread, unfinished, stopped } = other;
        self.failed.extend(failed);
        self.unreadable.extend(unreadable);
        self.accounts_unread.extend(accounts_unread);
        self.unfinished.extend(unfinished);
        self.stopped += stopped;
    }

    /// Every failure, a line each.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        let Self { failed, unreadable, accounts_unread, unfinished, stopped: _ } = self;
        [failed, unfinished, unreadable, accounts_unread].into_iter().flatten().map(String::as_str)
    }
}
