//! What a change of the manifests changes (`plan --base`): the rosters before and after it, planned at one instant on one
//! observation. Pure, as the planner is; [`review`] observes.

mod entering;
pub mod review;
pub mod weakening;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use crate::{
    explain::{Line, RULE, policy},
    inventory::{Account, Inventory, KeyId},
    manifest::Source,
    plan::{Chain, Change, KeyRef, Plan, Step, Verb, Viewpoint, Waiting, WaitingOn, plan},
    roster::{Entry, Roster},
};

/// One account as one version of the manifests sees it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Who is in scope by this version.
    pub roster: &'a Roster,
    /// What was observed.
    pub inventory: &'a Inventory,
}

/// What differs between two versions of the manifests.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The instant of both plans.
    pub at: DateTime<Utc>,
    /// Users that come into scope.
    pub entered: Vec<Member>,
    /// Users that are in scope no more.
    pub left: Vec<Member>,
    /// Users whose policy differs.
    pub changed: Vec<Changed>,
    /// Planned after the change, and not before it: another first step, or another chain after it.
    pub caused: Vec<Caused>,
    /// Users that wait because of the change, or whose wait ends in something else.
    pub waits: Vec<CausedWait>,
    /// Planned before the change, and not after it.
    pub averted: Vec<Change>,
    /// Planned either way.
    pub pending: Vec<Change>,
    /// Waiting either way. Who could not be read is not among them: nobody knows.
    pub waiting: Vec<Waiting>,
}

/// A user that enters or leaves the scope.
#[derive(Clone, Debug)]
pub struct Member {
    /// The account of the user.
    pub account: Account,
    /// The IAM user.
    pub user: String,
    /// The `[[rotate]]` that selects it, or did.
    pub rule: Source,
    /// What holds for it, or held.
    pub policy: Vec<Line>,
    /// What comes next for it, or was to come.
    pub outlook: Outlook,
}

/// A user that stays in scope under another policy.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The account of the user.
    pub account: Account,
    /// The IAM user.
    pub user: String,
    /// The `[[rotate]]` that selects it now.
    pub rule: Source,
    /// The policy before the change.
    pub before: Vec<Line>,
    /// The policy after it.
    pub after: Vec<Line>,
    /// The fields that get weaker: see [`weakening`].
    pub weaker: Vec<&'static str>,
    /// What was to come next.
    pub outlook_before: Outlook,
    /// What comes next.
    pub outlook_after: Outlook,
}

/// A field whose value changes; `None` where there is no such field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As manifests spell it.
    pub name: String,
    /// The value before the change, and where it stands.
    pub before: Option<Line>,
    /// The value after it.
    pub after: Option<Line>,
    /// Whether it gets weaker: see [`weakening`].
    pub weaker: bool,
}

/// A change that is planned because of the change of the manifests.
#[derive(Clone, Debug)]
pub struct Caused {
    /// What is done.
    pub change: Change,
    /// What was planned for this user.
    pub before: Before,
}

/// A user that waits because of the change of the manifests.
#[derive(Clone, Debug)]
pub struct CausedWait {
    /// What it waits for.
    pub waiting: Waiting,
    /// Whether it waits for something else than before; otherwise the same wait ends in something else.
    pub is_new: bool,
    /// What was planned for this user.
    pub before: Before,
}

/// What was planned for a user before the change: one of them, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// What was to be done.
    pub change: Option<Change>,
    /// What it waited for.
    pub waiting: Option<Waiting>,
}

/// A step with its date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// What is done.
    pub verb: Verb,
    /// With which key.
    pub key: KeyRef,
    /// The earliest instant.
    pub at: DateTime<Utc>,
    /// Whether it is taken by the very run that the plan is for.
    pub in_run: bool,
}

/// A key that is deleted because of the change, or at another time than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The key that is deleted.
    pub key: KeyRef,
    /// The earliest instant.
    pub at: DateTime<Utc>,
    /// Whether the very run that is planned does it.
    pub at_once: bool,
    /// When it was to be deleted before the change.
    pub was: Option<DateTime<Utc>>,
}

/// What comes next for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is changed; what is done first.
    Change(Verb),
    /// It waits, until then if that is known.
    Held(Option<DateTime<Utc>>),
    /// A person must do something.
    Blocked,
    /// What it needs is not known, because a read failed.
    Unreadable,
    /// Nothing is done to it, as the manifests say.
    Exempt,
    /// When its key becomes due; `None`: it has no active key.
    Settled(Option<DateTime<Utc>>),
}

impl Comparison {
    /// Whether the change makes no difference to any user, now.
    pub fn is_empty(&self) -> bool {
        let Self { at: _, entered, left, changed, caused, waits, averted, pending: _, waiting: _ } = self;
        entered.is_empty()
            && left.is_empty()
            && changed.is_empty()
            && caused.is_empty()
            && waits.is_empty()
            && averted.is_empty()
    }

    /// Whether no user's policy changes, and no user enters or leaves.
    pub fn keeps_policies(&self) -> bool {
        self.entered.is_empty() && self.left.is_empty() && self.changed.is_empty()
    }

    /// What is caused, averted and made to wait here and not there.
    pub fn beyond(&self, other: &Self) -> Self {
        let caused: HashSet<Chain> = other.caused.iter().map(|caused| caused.change.chain()).collect();
        let averted: HashSet<Chain> = other.averted.iter().map(Change::chain).collect();
        let waits: HashSet<_> = other.waits.iter().map(|wait| reason_to_wait(&wait.waiting)).collect();
        let is_new = |wait: &&CausedWait| !waits.contains(&reason_to_wait(&wait.waiting));
        Self {
            caused: self.caused.iter().filter(|one| !caused.contains(&one.change.chain())).cloned().collect(),
            averted: self.averted.iter().filter(|one| !averted.contains(&one.chain())).cloned().collect(),
            waits: self.waits.iter().filter(is_new).cloned().collect(),
            at: self.at,
            ..Self::default()
        }
    }

    /// Whether another comparison finds the same to do.
    pub fn does_the_same(&self, other: &Self) -> bool {
        self.beyond(other).is_empty() && other.beyond(self).is_empty()
    }

    /// How many steps of one kind the run takes because of the change.
    pub fn count(&self, verb: Verb) -> usize {
        self.caused.iter().flat_map(Caused::in_run).filter(|(step, _)| *step == verb).count()
    }

    /// How many users the change blocks.
    pub fn blocked(&self) -> usize {
        self.waits.iter().filter(|wait| wait.is_new && wait.waiting.wait.is_blocked()).count()
    }

    /// How many rotations the change makes wait for their turn.
    pub fn paced(&self) -> usize {
        let is_paced = |wait: &&CausedWait| matches!(wait.waiting.wait, WaitingOn::Paced { .. });
        self.waits.iter().filter(|wait| wait.is_new).filter(is_paced).count()
    }

    /// How many rotations go on at other times, with nothing else in this run.
    pub fn rescheduled(&self) -> usize {
        self.rescheduled_users().count()
    }

    /// Account id and user of those.
    fn rescheduled_users(&self) -> impl Iterator<Item = (String, String)> {
        let caused = self.caused.iter().filter(|caused| caused.in_run().is_empty()).map(|caused| {
            let Change { account, user, .. } = &caused.change;
            (account.id.clone(), user.clone())
        });
        let waits = self.waits.iter().filter(|wait| wait.is_rescheduled()).map(|wait| {
            let Waiting { account, user, .. } = &wait.waiting;
            (account.id.clone(), user.clone())
        });
        caused.chain(waits)
    }

    /// How many users get a weaker policy.
    pub fn weakened(&self) -> usize {
        self.changed.iter().filter(|changed| !changed.weaker.is_empty()).count()
    }

    /// Every key that is deleted because of the change, or at another time: at once first, then by date.
    pub fn deletions(&self) -> Vec<Deletion> {
        let of_changes = self.caused.iter().flat_map(|caused| {
            let Change { account, user, .. } = &caused.change;
            deletions(account, user, &dated(&caused.change, self.at), &caused.before.steps(self.at))
        });
        let of_waits = self.waits.iter().flat_map(|wait| {
            let Waiting { account, user, then, .. } = &wait.waiting;
            deletions(account, user, &then.iter().map(later).collect::<Vec<_>>(), &wait.before.steps(self.at))
        });
        let mut all: Vec<Deletion> = of_changes.chain(of_waits).collect();
        all.sort_by_key(|deletion| (!deletion.at_once, deletion.at));
        all
    }
}

impl Changed {
    /// The fields that differ; the weaker ones first.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = fields(&self.before, &self.after);
        for field in &mut fields {
            field.weaker = self.weaker.contains(&field.name.as_str());
        }
        fields.sort_by_key(|field| !field.weaker);
        fields
    }
}

impl Caused {
    /// The steps of this run that were not planned for it before.
    pub fn in_run(&self) -> Vec<(Verb, KeyRef)> {
        let mut before = self.before.change.iter().flat_map(Change::in_run).collect::<Vec<_>>();
        let is_new = |step: &(Verb, KeyRef)| match before.iter().position(|known| known == step) {
            Some(position) => {
                before.remove(position);
                false
            }
            None => true,
        };
        self.change.in_run().filter(is_new).collect()
    }
}

impl CausedWait {
    /// Whether the same wait ends in something else, or at another time.
    pub fn is_rescheduled(&self) -> bool {
        !self.is_new
    }
}

impl Before {
    /// Every step that was planned, with its date.
    pub fn steps(&self, now: DateTime<Utc>) -> Vec<Dated> {
        let of_change = self.change.iter().flat_map(|change| dated(change, now));
        of_change.chain(self.waiting.iter().flat_map(|waiting| &waiting.then).map(later)).collect()
    }
}

/// The first step of a change has no date of its own: it is now.
pub fn dated(change: &Change, now: DateTime<Utc>) -> Vec<Dated> {
    let first = Dated { verb: change.action.verb(), key: change.key(), at: now, in_run: true };
    std::iter::once(first)
        .chain(change.then.iter().map(|step| Dated { in_run: step.same_run, ..later(step) }))
        .collect()
}

fn later(step: &Step) -> Dated {
    Dated { verb: step.verb, key: step.key.clone(), at: step.not_before, in_run: false }
}

/// The deletions that were not planned before, or for another time.
fn deletions(account: &Arc<Account>, user: &str, after: &[Dated], before: &[Dated]) -> Vec<Deletion> {
    let deletes = |dated: &&Dated| dated.verb == Verb::Delete;
    let was = |key: &KeyRef| before.iter().filter(deletes).find(|dated| dated.key == *key).map(|dated| dated.at);
    let deletion = |dated: &Dated| Deletion {
        account: Arc::clone(account),
        user: user.to_owned(),
        key: dated.key.clone(),
        at: dated.at,
        at_once: dated.in_run,
        was: was(&dated.key),
    };
    after.iter().filter(deletes).map(deletion).filter(|deletion| deletion.was != Some(deletion.at)).collect()
}

/// Compares the same accounts before and after a change of the manifests, and returns the plan after it as well. An
/// account may be missing on one side: then nobody is in scope there.
pub fn compare(before: &[Side<'_>], after: &[Side<'_>], viewpoint: Viewpoint) -> (Plan, Comparison) {
    let (plan_before, plan_after) = (plan_sides(before, viewpoint), plan_sides(after, viewpoint));
    let (outlooks_before, outlooks_after) = (outlooks(&plan_before), outlooks(&plan_after));
    let mut comparison = Comparison { at: viewpoint.at, ..Comparison::default() };
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
                        weaker: weakening::of_policy(previous, Some(entry)),
                        outlook_before: outlooks_before[key],
                        outlook_after: outlooks_after[key],
                    });
                }
            }
        }
    }
    comparison.changed.sort_by_key(|changed| changed.weaker.is_empty());
    for (key, (account, entry)) in members_before.iter().filter(|(key, _)| !members_after.contains_key(*key)) {
        comparison.left.push(member(account, entry, policy(entry), outlooks_before[key]));
    }
    effects(&mut comparison, &plan_before, &plan_after);
    (plan_after, comparison)
}

/// What is done, and who waits, because of the change and either way.
fn effects(comparison: &mut Comparison, plan_before: &Plan, plan_after: &Plan) {
    let changes_before: HashMap<Who, &Change> =
        plan_before.changes.iter().map(|change| (who(&change.account, &change.user), change)).collect();
    let waiting_before: HashMap<Who, &Waiting> =
        plan_before.waiting.iter().map(|waiting| (who(&waiting.account, &waiting.user), waiting)).collect();
    let before = |key: Who| Before {
        change: changes_before.get(&key).map(|&change| change.clone()),
        waiting: waiting_before.get(&key).map(|&waiting| waiting.clone()),
    };
    for change in &plan_after.changes {
        let key = who(&change.account, &change.user);
        let same = changes_before.get(&key).is_some_and(|before| before.chain() == change.chain());
        match same {
            true => comparison.pending.push(change.clone()),
            false => comparison.caused.push(Caused { change: change.clone(), before: before(key) }),
        }
    }
    let readable = plan_after.waiting.iter().filter(|waiting| !waiting.wait.is_unreadable());
    for waiting in readable {
        let key = who(&waiting.account, &waiting.user);
        let previous = waiting_before.get(&key);
        let is_new = previous.is_none_or(|before| reason_to_wait(before) != reason_to_wait(waiting));
        if !is_new && previous.is_some_and(|before| before.chain() == waiting.chain()) {
            comparison.waiting.push(waiting.clone());
        } else {
            comparison.waits.push(CausedWait { waiting: waiting.clone(), is_new, before: before(key) });
        }
    }
    let changes_after: HashMap<Who, &Change> =
        plan_after.changes.iter().map(|change| (who(&change.account, &change.user), change)).collect();
    let is_averted = |change: &&Change| {
        let after = changes_after.get(&who(&change.account, &change.user));
        after.is_none_or(|after| first_step(after) != first_step(change) && !follows(change, after))
    };
    comparison.averted = plan_before.changes.iter().filter(is_averted).cloned().collect();
}

/// Whether what the one does first is what the other does later.
fn follows(first: &Change, chain: &Change) -> bool {
    let is_same = |step: &Step| (step.verb, &step.key) == (first.action.verb(), &first.key());
    first.destination == chain.destination && chain.then.iter().any(is_same)
}

/// What is done first, with which key, and where the credential goes.
fn first_step(change: &Change) -> (Verb, KeyRef, &str) {
    (change.action.verb(), change.key(), &change.destination)
}

/// The lines whose values differ. Where the rule stands is no part of a policy.
pub fn fields(before: &[Line], after: &[Line]) -> Vec<Field> {
    let find = |lines: &[Line], name: &str| lines.iter().find(|line| line.name == name).cloned();
    let gone = before.iter().filter(|line| find(after, &line.name).is_none());
    let names = gone.chain(after).map(|line| line.name.as_str()).filter(|name| *name != RULE);
    let field = |name: &str| {
        let (before, after) = (find(before, name), find(after, name));
        Field { name: name.to_owned(), before, after, weaker: false }
    };
    // What is not there is shown so.
    let value = |line: &Option<Line>| line.as_ref().map_or_else(|| "none".to_owned(), |line| line.value.clone());
    names.map(field).filter(|field| value(&field.before) != value(&field.after)).collect()
}

/// Who waits, and for what.
fn reason_to_wait(waiting: &Waiting) -> (String, String, &'static str, Option<KeyId>) {
    let Waiting { account, user, key, wait, .. } = waiting;
    (account.id.clone(), user.clone(), wait.code(), key.clone())
}

/// Account id and user.
type Who<'a> = (&'a str, &'a str);

fn who<'a>(account: &'a Account, user: &'a str) -> Who<'a> {
    (&account.id, user)
}

fn members<'a>(sides: &[Side<'a>]) -> BTreeMap<Who<'a>, (&'a Account, &'a Entry)> {
    let of_side = |side: &Side<'a>| {
        let roster = side.roster;
        roster.entries.iter().map(move |entry| (who(&roster.account, &entry.user.name), (&roster.account, entry)))
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
    let changes =
        plan.changes.iter().map(|change| (who(&change.account, &change.user), Outlook::Change(change.action.verb())));
    let waiting = plan.waiting.iter().map(|waiting| {
        let outlook = match &waiting.wait {
            WaitingOn::Unreadable { .. } => Outlook::Unreadable,
            wait if wait.is_blocked() => Outlook::Blocked,
            wait if wait.is_exempt() => Outlook::Exempt,
            _ => Outlook::Held(waiting.until),
        };
        (who(&waiting.account, &waiting.user), outlook)
    });
    let settled = plan
        .settled
        .iter()
        .map(|settled| (who(&settled.account, &settled.user), Outlook::Settled(settled.next_rotation)));
    changes.chain(waiting).chain(settled).collect()
}
