//! Finds rules and exemptions that say two things of one user, as far as that shows without the account.

use std::collections::{BTreeMap, HashMap, hash_map};

use super::{
    accounts::DeclaredAccount,
    code::Code,
    diagnostic::{Diagnostic, Label, Sources, quote},
    model::{Exemption, Manifest, Rule},
    pattern::Pattern,
    source::Source,
};
use crate::counted::first_of;

/// Two rules that name one user exactly, in the same account. Each rule is looked at once, however many there are.
pub(super) fn rules(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let mut seen = Seen::default();
    // By the two rules, in the order of the names: the same mistake is one error, however many users it is about.
    let mut pairs: Vec<(Named<'_>, Named<'_>, Vec<&str>)> = Vec::new();
    let mut known: HashMap<(&Source, &Source), usize> = HashMap::new();
    for rule in manifest.rules.iter().filter(|rule| selects_by_name_alone(rule)) {
        let accounts = known_accounts(rule, &manifest.accounts);
        for user in rule.users.iter().filter(|user| user.is_exact()) {
            if rule.except.matches(&user.text) {
                continue;
            }
            let named = Named { rule: &rule.source, user };
            // A name that stands twice in one list is no contradiction.
            let Some(other) = seen.insert(named, &accounts).filter(|other| other.rule != named.rule) else { continue };
            // There may be as many pairs as rules.
            match known.entry((named.rule, other.rule)) {
                hash_map::Entry::Occupied(at) => pairs[*at.get()].2.push(&user.text),
                hash_map::Entry::Vacant(at) => {
                    at.insert(pairs.len());
                    pairs.push((named, other, vec![&user.text]));
                }
            }
        }
    }
    let diagnostic = |(named, other, names): (Named<'_>, Named<'_>, Vec<&str>)| {
        let (message, them) = match &names[..] {
            [only] => (format!("two rules name {}", quote(only)), "the user"),
            names => (format!("two rules name the same {} users: {}", names.len(), listed(names)), "them"),
        };
        Diagnostic::error(Code::DuplicateRule, message, named.label(sources, "this rule"))
            .label(other.label(sources, "and this one"))
            .help(format!("take {them} out of one of them, or give them different `accounts`"))
    };
    pairs.into_iter().map(diagnostic).collect()
}

/// So many are named.
const MOST_NAMED: usize = 10;

/// Names, each as it stands, and how many more there are.
pub(crate) fn listed(names: &[&str]) -> String {
    first_of(names.iter().map(|name| quote(name)), MOST_NAMED)
}

/// Two exemptions of one user in one account.
pub(super) fn exemptions(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let mut seen: HashMap<(String, Option<&str>), &Source> = HashMap::new();
    let mut diagnostics = Vec::new();
    for Exemption { user, account, source, .. } in &manifest.exemptions {
        let account = account.as_deref().map(|account| id_of(account, &manifest.accounts));
        if let Some(other) = seen.insert((user.to_ascii_lowercase(), account), source) {
            let message = format!("{} is exempted twice", quote(user));
            let diagnostic = Diagnostic::error(Code::DuplicateExemption, message, sources.label(source, "here"))
                .label(sources.label(other, "and here"))
                .help("keep one of the two");
            diagnostics.push(diagnostic);
        }
    }
    diagnostics
}

/// A name in the list of a rule.
#[derive(Clone, Copy)]
struct Named<'a> {
    rule: &'a Source,
    user: &'a Pattern,
}

impl Named<'_> {
    /// The list may be long, so it is the name that is pointed at.
    fn label(&self, sources: &Sources, text: &str) -> Label {
        sources.label_part(self.rule, &self.user.span, text)
    }
}

/// The rules that name a user, by account.
#[derive(Default)]
struct Seen<'a>(HashMap<String, BTreeMap<Option<String>, Named<'a>>>);

impl<'a> Seen<'a> {
    /// Adds a rule; gives one that named the user before, in the same account. `None` stands for all accounts.
    fn insert(&mut self, named: Named<'a>, accounts: &[Option<String>]) -> Option<Named<'a>> {
        let rules = self.0.entry(named.user.text.to_ascii_lowercase()).or_default();
        let mut other = None;
        for account in accounts {
            let before = match account {
                None => rules.values().next(),
                Some(_) => rules.get(account).or_else(|| rules.get(&None)),
            };
            other = other.or(before.copied());
            rules.insert(account.clone(), named);
        }
        other
    }
}

fn selects_by_name_alone(rule: &Rule) -> bool {
    rule.tags.is_empty() && rule.groups.is_empty() && rule.paths.is_empty()
}

/// The ids of the accounts that a rule holds in; `None` stands for all. Which undeclared accounts a glob matches is
/// unknown, and so is which are in a unit or have a tag.
pub(super) fn known_accounts(rule: &Rule, declared: &BTreeMap<String, DeclaredAccount>) -> Vec<Option<String>> {
    if !(rule.units.is_empty() && rule.account_tags.is_empty()) {
        return Vec::new();
    }
    if rule.accounts.is_empty() {
        return vec![None];
    }
    let ids = |pattern: &Pattern| {
        let matches =
            |(name, account): &(&String, &DeclaredAccount)| pattern.matches(name) || pattern.matches(&account.id);
        let mut ids: Vec<Option<String>> =
            declared.iter().filter(matches).map(|(_, account)| Some(account.id.clone())).collect();
        if ids.is_empty() && pattern.is_exact() {
            ids.push(Some(pattern.text.clone()));
        }
        ids
    };
    rule.accounts.iter().flat_map(ids).collect()
}

/// The id of an account that is named so.
pub(super) fn id_of<'a>(account: &'a str, declared: &'a BTreeMap<String, DeclaredAccount>) -> &'a str {
    let by_name = declared.iter().find(|(name, _)| name.eq_ignore_ascii_case(account));
    by_name.map_or(account, |(_, declared)| &declared.id)
}
