//! What is odd: two rules on one user, two users with one secret, names that match nobody.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map},
    ops::Range,
};

use chrono::{DateTime, Utc};

use super::{
    entry::is_in_force,
    model::{Conflict, Entry},
    selection::tag,
};
use crate::{
    inventory::{Account, User},
    manifest::{
        Code, Diagnostic, Exemption, Label, Manifest, Pattern, Patterns, Rule, Source,
        diagnostic::{nearest, quote},
        shared_places::{self, HELP_ACCOUNTS},
    },
};

/// For how many rules that select nobody a name is suggested.
pub(super) const SUGGESTIONS: usize = 20;

/// The two places, and the warning that shows them.
pub(super) fn ambiguous(
    manifest: &Manifest,
    account: &Account,
    user: &User,
    rules: [&Rule; 2],
    is_exact: bool,
) -> ([Source; 2], Diagnostic) {
    let message = format!("two rules select {}: nothing is done to it", quote(&user.name));
    let labels = rules.map(|rule| {
        let (selectors, first) = why(rule, account, user);
        manifest.sources.label_part(&rule.source, &first, selectors)
    });
    let help = match is_exact {
        true => "take the user out of one of them, or add it to `except` there",
        false => {
            "name the user exactly in the rule that is to hold (an exact name wins), or add it to `except` in the other"
        }
    };
    let places = [place(&labels[0]), place(&labels[1])];
    let [one, other] = labels;
    (places, Diagnostic::warning(Code::AmbiguousRules, message, one).label(other).help(help))
}

pub(super) fn place(label: &Label) -> Source {
    Source { file: label.file().into(), line: label.line }
}

/// By which of its selectors a rule selects a user, and where the first of them stands.
pub(super) fn why(rule: &Rule, account: &Account, user: &User) -> (String, Range<usize>) {
    let first = |key: &str, patterns: &Patterns, names: &[&str]| {
        // That stands first of all that match.
        let found = names.iter().filter_map(|name| patterns.first(name));
        let pattern = found.min_by_key(|pattern| pattern.span.start)?;
        Some((format!("{key} ({})", quote(&pattern.text)), pattern.span.clone()))
    };
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    let mut selectors = Vec::new();
    selectors.extend(first("`users`", &rule.users, &[&user.name]));
    for (key, values) in &rule.tags {
        selectors.extend(first(&format!("tag {}", quote(key)), values, &[tag(user, key).unwrap_or_default()]));
    }
    selectors.extend(first("`groups`", &rule.groups, &groups));
    selectors.extend(first("`path`", &rule.paths, &[&user.path]));
    if let Some(membership) = &account.membership {
        let unit = rule.units.iter().find(|name| membership.units.iter().any(|unit| name.names(unit)));
        selectors.extend(unit.map(|name| (format!("`units` ({})", quote(&name.text)), name.span.clone())));
        for (key, values) in &rule.account_tags {
            let value = membership.tags.get(key).map_or("", String::as_str);
            selectors.extend(first(&format!("account tag {}", quote(key)), values, &[value]));
        }
    }
    let span = selectors.first().map_or(0..0, |(_, span)| span.clone());
    let texts: Vec<String> = selectors.into_iter().map(|(text, _)| text).collect();
    (format!("selects it by {}", texts.join(", ")), span)
}

/// Sets the conflict of users that have the same secret, and says so.
pub(super) fn shared_secrets(manifest: &Manifest, entries: &mut [Entry]) -> Vec<Diagnostic> {
    let mut owners: HashMap<String, usize> = HashMap::new();
    let mut pairs = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match owners.entry(entry.secret.clone()) {
            hash_map::Entry::Occupied(first) => pairs.push((*first.get(), index)),
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(index);
            }
        }
    }
    let rules: HashMap<&Source, &Rule> = match pairs.is_empty() {
        true => HashMap::new(),
        false => manifest.rules.iter().map(|rule| (&rule.source, rule)).collect(),
    };
    let label = |entry: &Entry| {
        let rule = rules.get(&entry.rule);
        let span = rule.and_then(|rule| rule.users.first(&entry.user.name));
        let span = span.map_or(0..0, |user| user.span.clone());
        manifest.sources.label_part(&entry.rule, &span, format!("selects {}", quote(&entry.user.name)))
    };
    let mut warnings = Vec::new();
    for (one, other) in pairs {
        let (first, second) = (&entries[one], &entries[other]);
        let (name, other_name) = (quote(&second.user.name), quote(&first.user.name));
        let secret = first.secret.clone();
        let message =
            format!("users {other_name} and {name} would share the secret {}: nothing is done to them", quote(&secret));
        let (first_label, mut label) = (label(first), label(second));
        let places = [place(&first_label), place(&label)];
        let same_without_comma = first.user.name.replace(',', "_") == second.user.name.replace(',', "_");
        let help = match same_without_comma {
            true => {
                "names of secrets can't hold `,`, which becomes `_`; give one of the users a rule with another `secret`"
            }
            false => "give one of the users a rule with another `secret`",
        };
        let is_same = first_label.file() == label.file() && first_label.span == label.span;
        if is_same {
            label.text = format!("selects {other_name} and {name}");
        }
        let mut warning = Diagnostic::warning(Code::SharedSecret, message, label).help(help);
        if !is_same {
            warning = warning.label(first_label);
        }
        warnings.push(warning);
        let names = [first.user.name.clone(), second.user.name.clone()];
        let [here, there] = places;
        let conflict =
            |other: &str, places| Conflict::SharedSecret { secret: secret.clone(), other: other.to_owned(), places };
        let conflicts = [conflict(&names[1], [here.clone(), there.clone()]), conflict(&names[0], [there, here])];
        for (index, conflict) in [one, other].into_iter().zip(conflicts) {
            // Who must decide between two rules first may find that nothing is shared then.
            entries[index].conflict.get_or_insert(conflict);
        }
    }
    warnings
}

/// Sets the conflict of users that would deliver to one place, and says so. Who has one already has another worry.
pub(super) fn shared_places(manifest: &Manifest, accounts: &mut [(&Account, &mut Vec<Entry>)]) -> Vec<Diagnostic> {
    let mut owners: HashMap<String, (usize, usize)> = HashMap::new();
    let mut pairs = BTreeMap::new();
    for (at, (account, entries)) in accounts.iter().enumerate() {
        let delivered = |(_, entry): &(usize, &Entry)| entry.exempt.is_none() && entry.conflict.is_none();
        for (index, entry) in entries.iter().enumerate().filter(delivered) {
            for target in &entry.deliver {
                for hold in target.holds(&account.id) {
                    match owners.entry(hold) {
                        hash_map::Entry::Occupied(first) if *first.get() != (at, index) => {
                            pairs.entry((*first.get(), (at, index))).or_insert_with(|| target.place.clone());
                        }
                        hash_map::Entry::Occupied(_) => {}
                        hash_map::Entry::Vacant(vacant) => drop(vacant.insert((at, index))),
                    }
                }
            }
        }
    }
    let mut warnings = Vec::new();
    for (((at, first), (other_at, second)), target) in pairs {
        let place = target.to_string();
        let named = |at: usize, index: usize| {
            let (account, entries) = &accounts[at];
            let of = if at == other_at { String::new() } else { format!(" of account {account}") };
            let name = &entries[index].user.name;
            (format!("{}{of}", quote(name)), format!("{name}{of}"), entries[index].rule.clone())
        };
        let ((one, one_name, here), (two, two_name, there)) = (named(at, first), named(other_at, second));
        // Of two accounts, both are named.
        let (two, two_name) = match at == other_at {
            true => (two, two_name),
            false => {
                let of = format!(" of account {}", accounts[other_at].0);
                (format!("{two}{of}"), format!("{two_name}{of}"))
            }
        };
        let message = format!(
            "users {one} and {two} would deliver to the same place, {}: nothing is done to them",
            quote(&place)
        );
        let mut warning =
            Diagnostic::warning(Code::SharedPlace, message, manifest.sources.label(&there, "selects the one"));
        if here != there {
            warning = warning.label(manifest.sources.label(&here, "selects the other"));
        } else if let Some(label) = warning.labels.first_mut() {
            label.text = "selects both".to_owned();
        }
        let help = match at == other_at {
            true => {
                let Entry { user, policy, .. } = &accounts[at].1[first];
                let written = policy.deliver.value.iter().find(|written| written.of_user(&user.name).is_same(&target));
                shared_places::help(written.unwrap_or(&target), &manifest.deliver.github.names)
            }
            false => HELP_ACCOUNTS,
        };
        warnings.push(warning.help(help));
        let conflict = |other: String, places| Conflict::SharedPlace { place: place.clone(), other, places };
        let conflicts = [
            (at, first, conflict(two_name, [here.clone(), there.clone()])),
            (other_at, second, conflict(one_name, [there, here])),
        ];
        for (at, index, conflict) in conflicts {
            accounts[at].1[index].conflict.get_or_insert(conflict);
        }
    }
    warnings
}

/// The names in rules that are no user's, while others are: most likely a mistake, and nothing else tells.
pub(super) fn unmatched_names<'a>(
    manifest: &Manifest,
    rules: impl Iterator<Item = &'a Rule>,
    account: &Account,
    users: &[User],
    known: &HashSet<String>,
) -> Vec<Diagnostic> {
    let exact = rules.flat_map(|rule| rule.users.iter().filter(|user| user.is_exact()).map(move |user| (rule, user)));
    let unknown = exact.filter(|(_, user)| !known.contains(&user.text.to_ascii_lowercase()));
    let warning = |(position, (rule, user)): (usize, (&Rule, &Pattern))| {
        let near = (position < SUGGESTIONS).then(|| nearest(&user.text, users.iter().map(|user| user.name.as_str())));
        let help = match near.flatten() {
            Some(near) => format!("did you mean {}?", quote(near)),
            None => "correct the name; if the user is gone, remove it from the list".to_owned(),
        };
        let label = manifest.sources.label_part(&rule.source, &user.span, "");
        let message = format!("there is no user {} in account {account}", quote(&user.text));
        Diagnostic::warning(Code::NameUnmatched, message, label).help(help)
    };
    unknown.enumerate().map(warning).collect()
}

/// Exemptions of users that are not there: after a typing mistake the wrong key is rotated.
pub(super) fn unmatched_exemptions(
    manifest: &Manifest,
    account: &Account,
    users: &[User],
    known: &HashSet<String>,
    now: DateTime<Utc>,
) -> Vec<Diagnostic> {
    let holding = manifest.exemptions.iter().filter(|exemption| is_in_force(exemption, account, now));
    let unknown = holding.filter(|exemption| !known.contains(&exemption.user.to_ascii_lowercase()));
    let warning = |(position, exemption): (usize, &Exemption)| {
        let names = users.iter().map(|user| user.name.as_str());
        let near = (position < SUGGESTIONS).then(|| nearest(&exemption.user, names)).flatten();
        let help = match near {
            Some(near) => format!("did you mean {}? Its key is rotated as its rule says", quote(near)),
            None => "correct the name; if the user is gone, remove the exemption".to_owned(),
        };
        let message =
            format!("the exemption matches nobody: there is no user {} in account {account}", quote(&exemption.user));
        let label = manifest.sources.label(&exemption.source, "");
        Diagnostic::warning(Code::ExemptUnmatched, message, label).help(help)
    };
    unknown.enumerate().map(warning).collect()
}

pub(super) fn unmatched_rule(manifest: &Manifest, rule: &Rule, account: &Account, users: &[User]) -> Diagnostic {
    let message = format!("the rule selects no user of account {account}");
    let names = || users.iter().map(|user| user.name.as_str());
    let exact = rule.users.iter().filter(|user| user.is_exact() && !names().any(|name| user.matches(name)));
    let meant = exact.take(3).find_map(|user| Some((user, nearest(&user.text, names())?)));
    let (span, help) = match meant {
        Some((user, near)) => {
            (user.span.clone(), format!("there is no user {}; did you mean {}?", quote(&user.text), quote(near)))
        }
        None => (0..0, "look for a misspelt selector; if the users are gone, remove the rule".to_owned()),
    };
    let label = manifest.sources.label_part(&rule.source, &span, "");
    Diagnostic::warning(Code::RuleUnmatched, message, label).help(help)
}
