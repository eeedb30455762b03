//! Every user in scope, with what its plan says of it: what `status` shows, in whichever format.

use std::collections::HashMap;

use crate::{
    inventory::{Inventory, Key},
    names::is_meant,
    plan::{Change, Overdue, Plan, Settled, Viewpoint, Waiting, overdue, places_of, plan, tells},
    roster::{Entry, Roster},
};

/// One account, and what comes next there.
pub struct AccountStatus<'a> {
    pub roster: &'a Roster,
    pub plan: Plan,
    inventory: &'a Inventory,
    names: &'a [String],
}

/// What the plan says of a user.
#[derive(Clone, Copy)]
pub enum Row<'p> {
    Change(&'p Change),
    Waiting(&'p Waiting),
    Settled(&'p Settled),
}

/// One user in scope.
pub struct UserStatus<'p> {
    pub entry: &'p Entry,
    /// The oldest first; none as well where they could not be read.
    pub keys: Vec<&'p Key>,
    pub row: Row<'p>,
    /// A key that is older than its limit, whatever comes next.
    pub overdue: Option<Overdue>,
    /// Who is told.
    pub recipients: Vec<String>,
    /// Where the key is delivered, and whether it is there; `None`: that is not known.
    pub places: Vec<(String, Option<bool>)>,
}

impl<'a> AccountStatus<'a> {
    /// Plans one account for a viewpoint.
    pub fn new(roster: &'a Roster, inventory: &'a Inventory, viewpoint: Viewpoint) -> Self {
        Self { roster, inventory, plan: plan(roster, inventory, viewpoint), names: &[] }
    }

    /// Shows the users of these names only; if there are none, everyone.
    pub fn of(mut self, names: &'a [String]) -> Self {
        if !names.is_empty() {
            self.plan.changes.retain(|change| is_meant(&change.user, names));
            self.plan.waiting.retain(|waiting| is_meant(&waiting.user, names));
            self.plan.settled.retain(|settled| is_meant(&settled.user, names));
        }
        Self { names, ..self }
    }

    /// Its users, those with keys that are older than their limit first.
    pub fn users(&self) -> Vec<UserStatus<'_>> {
        let changes = self.plan.changes.iter().map(|change| (change.user.as_str(), Row::Change(change)));
        let waiting = self.plan.waiting.iter().map(|waiting| (waiting.user.as_str(), Row::Waiting(waiting)));
        let settled = self.plan.settled.iter().map(|settled| (settled.user.as_str(), Row::Settled(settled)));
        let rows: HashMap<&str, Row<'_>> = changes.chain(waiting).chain(settled).collect();
        let is_shown = |entry: &&Entry| is_meant(&entry.user.name, self.names);
        let user = |entry: &'a Entry| {
            let state = self.inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
            let mut keys: Vec<&Key> = state.map_or(&[][..], |state| &state.keys).iter().collect();
            keys.sort_unstable_by_key(|key| (key.created, &key.id));
            let row = *rows.get(entry.user.name.as_str())?;
            let overdue = state.and_then(|state| overdue(entry, state, self.plan.as_of));
            let recipients = tells(self.roster, entry).recipients;
            let places = places_of(self.roster, entry, state, self.plan.as_of);
            Some(UserStatus { entry, keys, row, overdue, recipients, places })
        };
        let mut users: Vec<UserStatus<'_>> = self.roster.entries.iter().filter(is_shown).filter_map(user).collect();
        users.sort_by_key(|user| user.overdue.is_none());
        users
    }
}
