//! What a change of the manifests changes: the rosters before and after it, planned at one instant on one observation.
//! Pure, as the planner is.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::{
    explain::{Line, RULE, policy},
    inventory::{Account, Inventory, KeyId},
    manifest::Source,
    plan::{Chain, Change, Plan, Verb, Viewpoint, Wait, Waiting, plan},
    roster::{Entry, Roster},
};

/// One account as one version of the manifests sees it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub roster: &'a Roster,
    pub inventory: &'a Inventory,
}

/// What differs between two versions of the manifests.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    pub entered: Vec<Member>,
    pub left: Vec<Member>,
    pub changed: Vec<Changed>,
    /// Planned after the change, and not before it.
    pub caused: Vec<Change>,
    /// Blocked after the change, and not before it.
    pub blocked: Vec<Waiting>,
    /// Planned before the change, and not after it.
    pub averted: Vec<Change>,
    /// Planned either way.
    pub pending: Vec<Change>,
}

/// A user that enters or leaves the scope.
#[derive(Clone, Debug)]
pub struct Member {
    pub account: Account,
    pub user: String,
    /// The `[[rotate]]` that selects it, or did.
    pub rule: Source,
    pub policy: Vec<Line>,
    pub outlook: Outlook,
}

/// A user that stays in scope under another policy.
#[derive(Clone, Debug)]
pub struct Changed {
    pub account: Account,
    pub user: String,
    /// The `[[rotate]]` that selects it now.
    pub rule: Source,
    pub before: Vec<Line>,
    pub after: Vec<Line>,
    pub outlook_before: Outlook,
    pub outlook_after: Outlook,
}

/// A field whose value changes; `None` where there is no such field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub before: Option<Line>,
    pub after: Option<Line>,
}

/// What comes next for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    Change(Verb),
    Held(Option<DateTime<Utc>>),
    Blocked,
    Unreadable,
    Exempt,
    /// When its key becomes due; `None`: it has no active key.
    Settled(Option<DateTime<Utc>>),
}

impl Comparison {
    /// Whether the change makes no difference to any user, now.
    pub fn is_empty(&self) -> bool {
        let Self { entered, left, changed, caused, blocked, averted, pending: _ } = self;
        entered.is_empty()
            && left.is_empty()
            && changed.is_empty()
            && caused.is_empty()
            && blocked.is_empty()
            && averted.is_empty()
    }

    /// Whether no user's policy changes, and no user enters or leaves.
    pub fn keeps_policies(&self) -> bool {
        self.entered.is_empty() && self.left.is_empty() && self.changed.is_empty()
    }

    /// What is caused, blocked and averted here and not there.
    pub fn beyond(&self, other: &Self) -> Self {
        let known = |changes: &[Change]| changes.iter().map(Change::chain).collect::<HashSet<_>>();
        let (caused, averted) = (known(&other.caused), known(&other.averted));
        let blocked: HashSet<_> = other.blocked.iter().map(reason_to_wait).collect();
        let new = |changes: &[Change], known: &HashSet<Chain>| {
            changes.iter().filter(|change| !known.contains(&change.chain())).cloned().collect()
        };
        let is_new = |waiting: &&Waiting| !blocked.contains(&reason_to_wait(waiting));
        Self {
            caused: new(&self.caused, &caused),
            averted: new(&self.averted, &averted),
            blocked: self.blocked.iter().filter(is_new).cloned().collect(),
            ..Self::default()
        }
    }

    /// Whether another comparison finds the same to do.
    pub fn does_the_same(&self, other: &Self) -> bool {
        self.beyond(other).is_empty() && other.beyond(self).is_empty()
    }
}

impl Changed {
    /// The fields that differ, in order.
    pub fn fields(&self) -> Vec<Field> {
        fields(&self.before, &self.after)
    }
}

/// Compares the same accounts before and after a change of the manifests, and returns the plan after it as well. An
/// account may be missing on one side: then nobody is in scope there.
pub fn compare(before: &[Side<'_>], after: &[Side<'_>], viewpoint: Viewpoint) -> (Plan, Comparison) {
    let (plan_before, plan_after) = (plan_sides(before, viewpoint), plan_sides(after, viewpoint));
    let (outlooks_before, outlooks_after) = (outlooks(&plan_before), outlooks(&plan_after));
    let mut comparison = Comparison::default();
    let (members_before, members_after) = (members(before), members(after));
    for (key, (account, entry)) in &members_after {
        let after = policy(entry);
        match members_before.get(key) {
            None => comparison.entered.push(member(account, entry, after, outlooks_after[key])),
            Some((_, previous)) => {
                let before = policy(previous);
                if !fields(&before, &after).is_empty() {
                    comparison.changed.push(Changed {
                        account: (*account).clone(),
                        user: entry.user.name.clone(),
                        rule: entry.rule.clone(),
                        before,
                        after,
                        outlook_before: outlooks_before[key],
                        outlook_after: outlooks_after[key],
                    });
                }
            }
        }
    }
    for (key, (account, entry)) in members_before.iter().filter(|(key, _)| !members_after.contains_key(*key)) {
        comparison.left.push(member(account, entry, policy(entry), outlooks_before[key]));
    }
    let planned = |plan: &Plan| plan.changes.iter().map(Change::chain).collect::<HashSet<_>>();
    let (identities_before, identities_after) = (planned(&plan_before), planned(&plan_after));
    let blocked_before: HashSet<_> = blocked(&plan_before).map(reason_to_wait).collect();
    comparison.blocked =
        blocked(&plan_after).filter(|waiting| !blocked_before.contains(&reason_to_wait(waiting))).cloned().collect();
    for change in &plan_after.changes {
        let list = match identities_before.contains(&change.chain()) {
            true => &mut comparison.pending,
            false => &mut comparison.caused,
        };
        list.push(change.clone());
    }
    comparison.averted =
        plan_before.changes.iter().filter(|change| !identities_after.contains(&change.chain())).cloned().collect();
    (plan_after, comparison)
}

/// The lines whose values differ. Where the rule stands is no part of a policy.
pub fn fields(before: &[Line], after: &[Line]) -> Vec<Field> {
    let find = |lines: &[Line], name: &str| lines.iter().find(|line| line.name == name).cloned();
    let gone = before.iter().filter(|line| find(after, &line.name).is_none());
    let names = gone.chain(after).map(|line| line.name.as_str()).filter(|name| *name != RULE);
    let field = |name: &str| Field { name: name.to_owned(), before: find(before, name), after: find(after, name) };
    let value = |line: &Option<Line>| line.as_ref().map(|line| line.value.clone());
    names.map(field).filter(|field| value(&field.before) != value(&field.after)).collect()
}

/// Who waits, and for what.
fn reason_to_wait(waiting: &Waiting) -> (String, String, &'static str, Option<KeyId>) {
    let Waiting { account, user, key, wait, .. } = waiting;
    (account.id.clone(), user.clone(), wait.code(), key.clone())
}

/// Account id and user.
type Who<'a> = (&'a str, &'a str);

fn members<'a>(sides: &[Side<'a>]) -> BTreeMap<Who<'a>, (&'a Account, &'a Entry)> {
    let of_side = |side: &Side<'a>| {
        let roster = side.roster;
        roster
            .entries
            .iter()
            .map(move |entry| ((roster.account.id.as_str(), entry.user.name.as_str()), (&roster.account, entry)))
    };
    sides.iter().flat_map(of_side).collect()
}

fn member(account: &Account, entry: &Entry, policy: Vec<Line>, outlook: Outlook) -> Member {
    Member { account: account.clone(), user: entry.user.name.clone(), rule: entry.rule.clone(), policy, outlook }
}

fn plan_sides(sides: &[Side<'_>], viewpoint: Viewpoint) -> Plan {
    let mut all = Plan::empty(viewpoint.at);
    for side in sides {
        all.extend(plan(side.roster, side.inventory, viewpoint));
    }
    all
}

fn outlooks(plan: &Plan) -> HashMap<Who<'_>, Outlook> {
    let changes = plan
        .changes
        .iter()
        .map(|change| ((change.account.id.as_str(), change.user.as_str()), Outlook::Change(change.action.verb())));
    let waiting = plan.waiting.iter().map(|waiting| {
        let outlook = match &waiting.wait {
            Wait::Unreadable { .. } => Outlook::Unreadable,
            wait if wait.is_blocked() => Outlook::Blocked,
            wait if wait.is_exempt() => Outlook::Exempt,
            _ => Outlook::Held(waiting.until),
        };
        ((waiting.account.id.as_str(), waiting.user.as_str()), outlook)
    });
    let settled = plan
        .settled
        .iter()
        .map(|settled| ((settled.account.id.as_str(), settled.user.as_str()), Outlook::Settled(settled.next_rotation)));
    changes.chain(waiting).chain(settled).collect()
}

fn blocked(plan: &Plan) -> impl Iterator<Item = &Waiting> {
    plan.waiting.iter().filter(|waiting| waiting.wait.is_blocked())
}
