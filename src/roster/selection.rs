//! Which rules select a user.

use std::{collections::HashMap, sync::OnceLock};

use crate::{
    inventory::{Account, User},
    manifest::{Manifest, Pattern, PatternIndex, Patterns, Rule, Shares, UnitName},
};

/// Whom any rule could select in an account, by name and path alone, whatever their tags and groups.
pub struct Relevance<'a>(Index<'a>);

impl<'a> Relevance<'a> {
    /// By the rules that hold in the account.
    pub fn new(manifest: &'a Manifest, account: &Account) -> Self {
        Self(Index::new(manifest, account))
    }

    /// Whether any could select a user of this name and path.
    pub fn includes(&self, name: &str, path: &str) -> bool {
        let Self(index) = self;
        let places = index.by_names();
        places.of(name, path).into_iter().chain(places.others.iter().copied()).any(|rule| {
            let rule = index.rules[rule];
            matches_or_empty(&rule.users, name) && matches_or_empty(&rule.paths, path) && !rule.except.matches(name)
        })
    }
}

/// The rules that hold in an account, by what they may select: most rules need not be looked at.
pub(super) struct Index<'a> {
    pub(super) rules: Vec<&'a Rule>,
    places: Places,
    /// The same by names and paths alone: of a user whose tags and groups could not be read, no more is known.
    by_names: OnceLock<Places>,
}

/// Where rules stand: each by that one of its selectors whose patterns the fewest other rules have.
#[derive(Default)]
struct Places {
    users: PatternIndex<usize>,
    paths: PatternIndex<usize>,
    /// By the key of the tag in lower case.
    tags: HashMap<String, PatternIndex<usize>>,
    groups: PatternIndex<usize>,
    /// Those that may select anyone.
    others: Vec<usize>,
}

/// A selector of a rule: a list of which one entry must match.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Selector {
    Users,
    Paths,
    Tag(String),
    Groups,
}

/// A rule that selects a user.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) rule: usize,
    /// Whether it names the user exactly, which beats everything else.
    pub(super) is_exact: bool,
    /// Whether that is known: tags and groups may be unreadable.
    pub(super) is_certain: bool,
}

pub(super) enum Choice {
    Nobody,
    One(Candidate),
    Both(Candidate, Candidate),
}

impl<'a> Index<'a> {
    pub(super) fn new(manifest: &'a Manifest, account: &Account) -> Self {
        let rules: Vec<&Rule> = manifest.rules.iter().filter(|rule| holds_in(rule, account)).collect();
        let places = Places::new(&rules, |_| true);
        Self { rules, places, by_names: OnceLock::new() }
    }

    fn by_names(&self) -> &Places {
        let is_known = |selector: &Selector| matches!(selector, Selector::Users | Selector::Paths);
        self.by_names.get_or_init(|| Places::new(&self.rules, is_known))
    }

    /// The rules that select a user, or might if its tags or groups are unreadable; in the order of the manifest.
    pub(super) fn candidates(&self, user: &User) -> Vec<Candidate> {
        let places = if user.unreadable.is_some() { self.by_names() } else { &self.places };
        let mut rules = places.of(&user.name, &user.path);
        for (key, value) in &user.tags {
            rules.extend(places.tags.get(&key.to_ascii_lowercase()).into_iter().flat_map(|tag| tag.candidates(value)));
        }
        rules.extend(user.groups.iter().flat_map(|group| places.groups.candidates(group)));
        rules.extend(&places.others);
        rules.sort_unstable();
        rules.dedup();
        rules.into_iter().filter_map(|rule| self.candidate(rule, user)).collect()
    }

    fn candidate(&self, index: usize, user: &User) -> Option<Candidate> {
        let rule = self.rules[index];
        let is_selected = matches_or_empty(&rule.users, &user.name) && matches_or_empty(&rule.paths, &user.path);
        if !is_selected || rule.except.matches(&user.name) {
            return None;
        }
        let is_unknown = user.unreadable.is_some() && !(rule.tags.is_empty() && rule.groups.is_empty());
        let is_exact = rule.users.names(&user.name);
        (is_unknown || has_details(rule, user)).then_some(Candidate { rule: index, is_exact, is_certain: !is_unknown })
    }
}

impl Places {
    /// By those selectors alone that are known of every user.
    fn new(rules: &[&Rule], is_known: impl Fn(&Selector) -> bool) -> Self {
        let mut all: HashMap<Selector, Vec<(usize, &Patterns)>> = HashMap::new();
        for (rule, selectors) in rules.iter().enumerate() {
            for (selector, patterns) in selectors_of(selectors).filter(|(selector, _)| is_known(selector)) {
                all.entry(selector).or_default().push((rule, patterns));
            }
        }
        // For each rule, how many would be tried beside it.
        let mut best: Vec<Option<(usize, Selector)>> = vec![None; rules.len()];
        for (selector, lists) in &all {
            let shares = Shares::of(lists.iter().flat_map(|(_, patterns)| patterns.iter()));
            for (rule, patterns) in lists {
                let Some(most) = shares.most(patterns) else { continue };
                if best[*rule].as_ref().is_none_or(|(least, _)| most < *least) {
                    best[*rule] = Some((most, selector.clone()));
                }
            }
        }
        let is_best = |rule: usize, selector: &Selector| best[rule].as_ref().is_some_and(|(_, best)| best == selector);
        let mut places = Self::default();
        for (selector, lists) in &all {
            let here = lists.iter().filter(|(rule, _)| is_best(*rule, selector));
            let index = here.flat_map(|(rule, patterns)| patterns.iter().map(|pattern| (pattern, *rule))).collect();
            match selector {
                Selector::Users => places.users = index,
                Selector::Paths => places.paths = index,
                Selector::Tag(key) => drop(places.tags.insert(key.clone(), index)),
                Selector::Groups => places.groups = index,
            }
        }
        places.others = (0..rules.len()).filter(|rule| best[*rule].is_none()).collect();
        places
    }

    /// The rules that stand by a name or a path and may select a user who has them.
    fn of(&self, name: &str, path: &str) -> Vec<usize> {
        let mut rules = self.users.candidates(name);
        rules.extend(self.paths.candidates(path));
        rules
    }
}

fn selectors_of(rule: &Rule) -> impl Iterator<Item = (Selector, &Patterns)> {
    let lists = [(Selector::Users, &rule.users), (Selector::Paths, &rule.paths), (Selector::Groups, &rule.groups)];
    let tags = rule.tags.iter().map(|(key, values)| (Selector::Tag(key.to_ascii_lowercase()), values));
    lists.into_iter().filter(|(_, patterns)| !patterns.is_empty()).chain(tags)
}

/// Whether the user has the tags and groups that a rule asks for.
pub(super) fn has_details(rule: &Rule, user: &User) -> bool {
    let in_group = rule.groups.is_empty() || user.groups.iter().any(|group| rule.groups.matches(group));
    in_group && rule.tags.iter().all(|(key, values)| tag(user, key).is_some_and(|value| values.matches(value)))
}

pub(super) fn choose(candidates: &[Candidate], user: &User) -> Choice {
    if user.unreadable.is_some() {
        // It will be held whatever its rule says, so the likeliest rule is good enough.
        let likeliest = candidates.iter().min_by_key(|candidate| (!candidate.is_exact, !candidate.is_certain));
        return likeliest.copied().map_or(Choice::Nobody, Choice::One);
    }
    let best = candidates.iter().any(|candidate| candidate.is_exact);
    let mut ranked = candidates.iter().filter(|candidate| candidate.is_exact == best).copied();
    match (ranked.next(), ranked.next()) {
        (None, _) => Choice::Nobody,
        (Some(only), None) => Choice::One(only),
        (Some(one), Some(other)) => Choice::Both(one, other),
    }
}

/// The value of a tag. IAM compares the keys of tags without case.
pub(super) fn tag<'a>(user: &'a User, key: &str) -> Option<&'a str> {
    let without_case = || user.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    user.tags.get(key).or_else(without_case).map(String::as_str)
}

/// Whether a rule selects a user whose tags and groups are known: `Some(true)` by its exact name, which beats the rest.
pub fn selects(rule: &Rule, user: &User) -> Option<bool> {
    let is_selected = matches_or_empty(&rule.users, &user.name) && matches_or_empty(&rule.paths, &user.path);
    if !is_selected || rule.except.matches(&user.name) || !has_details(rule, user) {
        return None;
    }
    Some(rule.users.names(&user.name))
}

/// Whether a rule's `accounts`, `units` and `account-tags` select this account. Of one that no organisation has, the last two are
/// not known, and select it not.
pub(crate) fn holds_in(rule: &Rule, account: &Account) -> bool {
    may_hold_in(rule, account) && is_member(rule, account)
}

/// The same as far as the manifests alone tell: whether it would if the account were in the right unit, with the right tags.
pub(crate) fn may_hold_in(rule: &Rule, account: &Account) -> bool {
    let matches = |pattern: &Pattern| {
        let own = account.name.as_ref().is_some_and(|name| pattern.matches(name));
        own || pattern.matches(&account.id) || account.membership.as_ref().is_some_and(|it| pattern.matches(&it.name))
    };
    rule.accounts.is_empty() || rule.accounts.iter().any(matches)
}

fn is_member(rule: &Rule, account: &Account) -> bool {
    let Some(membership) = &account.membership else { return rule.units.is_empty() && rule.account_tags.is_empty() };
    let is_below = |name: &UnitName| membership.units.iter().any(|unit| name.names(unit));
    let has = |(key, values): (&String, &Patterns)| membership.tags.get(key).is_some_and(|value| values.matches(value));
    (rule.units.is_empty() || rule.units.iter().any(is_below)) && rule.account_tags.iter().all(has)
}

fn matches_or_empty(patterns: &Patterns, name: &str) -> bool {
    patterns.is_empty() || patterns.matches(name)
}
