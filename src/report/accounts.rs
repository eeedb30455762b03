//! The accounts of a plan as groups: those where something is to be done or decided are shown one by one, all others are counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    counted::{counted, first_of},
    inventory::Account,
    plan::{Change, Plan, Settled, Waiting, Warning},
};

/// Of so many accounts each is shown, if only because somebody waits there. Of more, those where nothing is to be done or decided
/// are one line.
pub const FEW: usize = 10;

/// How an account stands, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Something is to be done.
    Changes,
    /// Nothing is to be done, but something is blocked, overdue or not known.
    Stuck,
    /// Nothing is to be done, and nobody has to decide anything.
    Quiet,
}

impl Standing {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Stuck => "stuck",
            Self::Quiet => "quiet",
        }
    }
}

/// One account, with its part of the plan.
pub struct Group<'p> {
    /// The account.
    pub account: &'p Account,
    /// What is to be done there.
    pub changes: Vec<&'p Change>,
    /// Who waits there.
    pub waiting: Vec<&'p Waiting>,
    /// Who needs nothing there.
    pub settled: Vec<&'p Settled>,
}

impl Group<'_> {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        let needs_a_look =
            |waiting: &&Waiting| waiting.wait.is_blocked() || waiting.wait.is_unreadable() || waiting.overdue.is_some();
        match self.waiting.iter().any(needs_a_look) {
            _ if !self.changes.is_empty() => Standing::Changes,
            true => Standing::Stuck,
            false => Standing::Quiet,
        }
    }
}

/// All accounts of a plan that could be read, and how many could not.
pub struct Groups<'p> {
    /// By name, those without one by their ids.
    pub all: Vec<Group<'p>>,
    /// How many could not be read.
    pub unread: usize,
}

impl<'p> Groups<'p> {
    /// The accounts of a plan.
    pub fn of(plan: &'p Plan) -> Self {
        Self::new([plan], plan.accounts_unread.len())
    }

    /// The accounts of several plans, and how many could not be read.
    pub fn new(plans: impl IntoIterator<Item = &'p Plan>, unread: usize) -> Self {
        let mut by_id: BTreeMap<&str, Group<'p>> = BTreeMap::new();
        fn group<'a, 'p>(by_id: &'a mut BTreeMap<&'p str, Group<'p>>, account: &'p Arc<Account>) -> &'a mut Group<'p> {
            let empty = || Group { account, changes: Vec::new(), waiting: Vec::new(), settled: Vec::new() };
            by_id.entry(&account.id).or_insert_with(empty)
        }
        for plan in plans {
            for account in &plan.accounts {
                group(&mut by_id, account);
            }
            plan.changes.iter().for_each(|change| group(&mut by_id, &change.account).changes.push(change));
            plan.waiting.iter().for_each(|waiting| group(&mut by_id, &waiting.account).waiting.push(waiting));
            plan.settled.iter().for_each(|settled| group(&mut by_id, &settled.account).settled.push(settled));
        }
        let mut all: Vec<Group<'p>> = by_id.into_values().collect();
        all.sort_by_cached_key(|group| by_name(group.account));
        Self { all, unread }
    }

    /// How many accounts there are, whether they could be read or not.
    pub fn count(&self) -> usize {
        self.all.len() + self.unread
    }

    /// Whether the quiet ones share a line.
    pub fn are_many(&self) -> bool {
        self.count() > FEW
    }

    /// Those that are shown one by one.
    pub fn shown(&self) -> impl Iterator<Item = &Group<'p>> {
        let are_many = self.are_many();
        self.all.iter().filter(move |group| !are_many || group.standing() != Standing::Quiet)
    }

    /// Whether nothing is to be said of any account beside that.
    pub fn are_calm(&self) -> bool {
        self.unread == 0 && self.all.iter().all(|group| group.changes.is_empty() && group.waiting.is_empty())
    }

    /// How many stand so.
    pub fn standing(&self, standing: Standing) -> usize {
        self.all.iter().filter(|group| group.standing() == standing).count()
    }

    /// `1000 accounts: 3 with changes, 2 blocked or not known, 985 with nothing to be done, 10 not read`; `None` where there is
    /// one account only.
    pub fn sentence(&self) -> Option<String> {
        (self.count() > 1).then(|| format!("{}: {}", counted(self.count(), "account"), self.standings()))
    }

    /// `3 with changes, 2 blocked or not known, 985 with nothing to be done, 10 not read`
    pub fn standings(&self) -> String {
        let all = [
            (self.standing(Standing::Changes), "with changes"),
            (self.standing(Standing::Stuck), "blocked, overdue or not known"),
            (self.standing(Standing::Quiet), "with nothing to be done"),
            (self.unread, "not read"),
        ];
        let parts: Vec<String> =
            all.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
        parts.join(", ")
    }

    /// The line of those that are not shown, where there are any: `987 accounts: nothing to be done; 12 users wait there`.
    pub fn quiet_sentence(&self) -> Option<String> {
        let quiet: Vec<&Group<'_>> = match self.are_many() {
            true => self.all.iter().filter(|group| group.standing() == Standing::Quiet).collect(),
            false => Vec::new(),
        };
        if quiet.is_empty() {
            return None;
        }
        let waiting: usize = quiet.iter().map(|group| group.waiting.len()).sum();
        let waiting = match waiting {
            0 => String::new(),
            1 => "; 1 user waits there, as it should be".to_owned(),
            count => format!("; {count} users wait there, as they should"),
        };
        Some(format!("{}: nothing to be done{waiting}", counted(quiet.len(), "account")))
    }
}

/// What is to be said of a plan beside its changes: each warning, with its account where there are several, or, of many accounts,
/// those of one kind as one, by an example.
pub fn warnings(plan: &Plan) -> Vec<String> {
    const NAMED: usize = 5;
    let located = |warning: &Warning| format!("in {}: {warning}", warning.about().0.short_name());
    match plan.accounts.len() + plan.accounts_unread.len() {
        0 | 1 => return plan.warnings.iter().map(ToString::to_string).collect(),
        count if count <= FEW => return plan.warnings.iter().map(located).collect(),
        _ => {}
    }
    let mut kinds: Vec<(&str, Vec<&Warning>)> = Vec::new();
    for warning in &plan.warnings {
        match kinds.iter_mut().find(|(code, _)| *code == warning.code()) {
            Some((_, all)) => all.push(warning),
            None => kinds.push((warning.code(), vec![warning])),
        }
    }
    let sentence = |(code, all): (&str, Vec<&Warning>)| {
        let names: BTreeSet<String> = all.iter().map(|warning| warning.about().0.short_name()).collect();
        let named = first_of(&names, NAMED);
        let example = all.first().map(|warning| located(warning)).unwrap_or_default();
        match all.len() {
            1 => example,
            count => {
                let accounts = counted(names.len(), "account");
                let times = if count == names.len() { String::new() } else { format!("{count} times ") };
                format!("{code}, {times}in {accounts} ({named}), e.g. {example}")
            }
        }
    };
    kinds.into_iter().map(sentence).collect()
}

/// The order of accounts on a screen: by name, those without one by their ids.
pub fn by_name(account: &Account) -> (String, String) {
    (account.name.as_ref().map_or_else(|| account.id.clone(), |name| name.to_lowercase()), account.id.clone())
}
