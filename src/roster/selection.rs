//! Which rules select a user.

use std::collections::HashMap;

use crate::{
    inventory::{Account, User},
    manifest::{Manifest, Pattern, Rule, UnitName},
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
        let lower = name.to_ascii_lowercase();
        let by_name = index.exact.get(&lower).into_iter().flatten().chain(index.by_name(&lower));
        let others = by_name.chain(&index.others).chain(&index.by_details).chain(index.by_path(path));
        others
            .map(|rule| index.rules[*rule])
            .any(|rule| any_or_empty(&rule.users, name) && any_or_empty(&rule.paths, path) && !any(&rule.except, name))
    }
}

/// The rules that hold in an account, by what they may select: most rules need not be looked at. A rule stands in one place
/// for each of its names and globs, or, where those say nothing, for one of its other selectors.
#[derive(Default)]
pub(super) struct Index<'a> {
    pub(super) rules: Vec<&'a Rule>,
    /// By name in lower case: the rules that name it exactly.
    exact: HashMap<String, Vec<usize>>,
    /// By what precedes the first wildcard, in lower case: the rules with such a glob.
    prefixes: HashMap<String, Vec<usize>>,
    /// By what follows the last wildcard, in lower case, where nothing precedes the first.
    suffixes: HashMap<String, Vec<usize>>,
    /// By a tag that they ask for: its key in lower case, and its value.
    tagged: HashMap<(String, String), Vec<usize>>,
    /// By a group that they ask for, in lower case.
    grouped: HashMap<String, Vec<usize>>,
    /// By what precedes the first wildcard of a path.
    paths: HashMap<String, Vec<usize>>,
    /// Those that may select anyone.
    others: Vec<usize>,
    /// Those that stand by a tag or a group: whom they select is not known of a user whose details could not be read.
    by_details: Vec<usize>,
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
        let rules = manifest.rules.iter().filter(|rule| holds_in(rule, account)).collect();
        let mut index = Self { rules, ..Self::default() };
        for (rule, selectors) in index.rules.clone().into_iter().enumerate() {
            for user in &selectors.users {
                let (prefix, suffix) = (user.literal_prefix(), user.literal_suffix());
                let place = match (user.is_exact(), prefix, suffix) {
                    (true, name, _) => index.exact.entry(name.to_ascii_lowercase()),
                    (false, "", "") => {
                        index.add_by_details(rule, selectors);
                        continue;
                    }
                    (false, "", suffix) => index.suffixes.entry(suffix.to_ascii_lowercase()),
                    (false, prefix, _) => index.prefixes.entry(prefix.to_ascii_lowercase()),
                };
                place.or_default().push(rule);
            }
            if selectors.users.is_empty() {
                index.add_by_details(rule, selectors);
            }
        }
        index
    }

    /// Those with a glob that may match a name, in lower case.
    pub(super) fn by_name(&self, name: &str) -> impl Iterator<Item = &usize> {
        let prefixes = (0..=name.len()).filter_map(move |end| self.prefixes.get(name.get(..end)?));
        let suffixes = (0..name.len()).filter_map(move |start| self.suffixes.get(name.get(start..)?));
        prefixes.chain(suffixes).flatten()
    }

    pub(super) fn by_path(&self, path: &str) -> impl Iterator<Item = &usize> {
        (0..=path.len()).filter_map(move |end| self.paths.get(path.get(..end)?)).flatten()
    }

    /// Puts a rule whose names say nothing where its other selectors do.
    pub(super) fn add_by_details(&mut self, rule: usize, Rule { tags, groups, paths, .. }: &Rule) {
        let exact = |patterns: &[Pattern]| patterns.iter().all(Pattern::is_exact);
        if let Some((key, values)) = tags.iter().find(|(_, values)| exact(values)) {
            for value in values {
                self.tagged.entry((key.to_ascii_lowercase(), value.text.clone())).or_default().push(rule);
            }
            self.by_details.push(rule);
        } else if !groups.is_empty() && exact(groups) {
            for group in groups {
                self.grouped.entry(group.text.to_ascii_lowercase()).or_default().push(rule);
            }
            self.by_details.push(rule);
        } else if !paths.is_empty() {
            for path in paths {
                self.paths.entry(path.literal_prefix().to_owned()).or_default().push(rule);
            }
        } else {
            self.others.push(rule);
        }
    }

    /// The rules that select a user, or might if its tags or groups are unreadable; in the order of the manifest.
    pub(super) fn candidates(&self, user: &User) -> Vec<Candidate> {
        let name = user.name.to_ascii_lowercase();
        let named = self.exact.get(&name).into_iter().flatten().map(|rule| (*rule, true));
        let tags =
            user.tags.iter().filter_map(|(key, value)| self.tagged.get(&(key.to_ascii_lowercase(), value.clone())));
        let groups = user.groups.iter().filter_map(|group| self.grouped.get(&group.to_ascii_lowercase()));
        let by_details = user.unreadable.as_ref().map(|_| &self.by_details);
        let by_details = tags.chain(groups).chain(by_details).flatten();
        let unnamed = self.by_path(&user.path).chain(by_details).chain(&self.others);
        let others = self.by_name(&name).chain(unnamed).map(|rule| (*rule, false));
        let mut rules: Vec<(usize, bool)> = named.chain(others).collect();
        // A rule may be there several times; once is enough, as exact if it is that too.
        rules.sort_by_key(|(rule, is_exact)| (*rule, !is_exact));
        rules.dedup_by_key(|(rule, _)| *rule);
        rules.into_iter().filter_map(|(rule, is_exact)| self.candidate(rule, is_exact, user)).collect()
    }

    pub(super) fn candidate(&self, index: usize, is_exact: bool, user: &User) -> Option<Candidate> {
        let rule = self.rules[index];
        let is_selected = any_or_empty(&rule.users, &user.name) && any_or_empty(&rule.paths, &user.path);
        if !is_selected || any(&rule.except, &user.name) {
            return None;
        }
        let is_unknown = user.unreadable.is_some() && !(rule.tags.is_empty() && rule.groups.is_empty());
        (is_unknown || has_details(rule, user)).then_some(Candidate { rule: index, is_exact, is_certain: !is_unknown })
    }
}

/// Whether the user has the tags and groups that a rule asks for.
pub(super) fn has_details(rule: &Rule, user: &User) -> bool {
    let in_group = rule.groups.is_empty() || user.groups.iter().any(|group| any(&rule.groups, group));
    in_group && rule.tags.iter().all(|(key, values)| tag(user, key).is_some_and(|value| any(values, value)))
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
    let is_selected = any_or_empty(&rule.users, &user.name) && any_or_empty(&rule.paths, &user.path);
    if !is_selected || any(&rule.except, &user.name) || !has_details(rule, user) {
        return None;
    }
    Some(rule.users.iter().any(|pattern| pattern.is_exact() && pattern.matches(&user.name)))
}

/// Whether a rule's `accounts`, `units` and `account-tags` select this account. Of one that no organisation has, the last two are
/// not known, and select it not.
pub(crate) fn holds_in(rule: &Rule, account: &Account) -> bool {
    may_hold_in(rule, account) && is_member(rule, account)
}

/// The same as far as the manifests alone tell: whether it would if the account were in the right unit, with the right tags.
pub(crate) fn may_hold_in(rule: &Rule, account: &Account) -> bool {
    let matches = |pattern: &Pattern| {
        pattern.matches(&account.id) || account.name.as_ref().is_some_and(|name| pattern.matches(name))
    };
    rule.accounts.is_empty() || rule.accounts.iter().any(matches)
}

fn is_member(rule: &Rule, account: &Account) -> bool {
    let Some(membership) = &account.membership else { return rule.units.is_empty() && rule.account_tags.is_empty() };
    let is_below = |name: &UnitName| membership.units.iter().any(|unit| name.names(unit));
    let has =
        |(key, values): (&String, &Vec<Pattern>)| membership.tags.get(key).is_some_and(|value| any(values, value));
    (rule.units.is_empty() || rule.units.iter().any(is_below)) && rule.account_tags.iter().all(has)
}

pub(super) fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

pub(super) fn any_or_empty(patterns: &[Pattern], name: &str) -> bool {
    patterns.is_empty() || any(patterns, name)
}
