//! Who is in scope: the manifest resolved against the users of one account.

mod entry;
mod model;
mod remarks;
mod selection;

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use self::{
    entry::{entry, exempt_entry},
    remarks::{
        SUGGESTIONS, ambiguous, shared_places, shared_secrets, unmatched_exemptions, unmatched_names, unmatched_rule,
    },
    selection::{Choice, Index, choose},
};
use crate::{
    inventory::{Account, User},
    manifest::{
        Diagnostic, Exemption, Manifest, Rule, Source, duplicates::listed, schedule::Runs, secrets::replica_at_home,
    },
};

#[cfg(feature = "cli")]
pub(crate) use self::selection::may_hold_in;
pub(crate) use self::{entry::is_for, selection::holds_in};
pub use self::{
    model::{Conflict, Entry, Roster, WithoutAddress},
    selection::{Relevance, selects},
};

/// Users of several accounts that would deliver to one place: GitHub is the same for all. Nothing is done to them, and the warnings
/// say so.
#[must_use]
pub fn shared_between_accounts(manifest: &Manifest, rosters: &mut [&mut Roster]) -> Vec<Diagnostic> {
    let mut accounts: Vec<_> = rosters.iter_mut().map(|Roster { account, entries, .. }| (&*account, entries)).collect();
    shared_places(manifest, &mut accounts)
}

/// The users of an account that the manifest selects, each with its policy, and the warnings.
///
/// A user whose tags or groups could not be read is in the roster if any rule might select it: it is held there. A tag or
/// a new user can make two rules or two secrets collide without a change of the manifests, so that concerns these users
/// alone (see [`Conflict`]), and the rest goes on.
#[must_use]
pub fn resolve(
    manifest: &Manifest,
    account: &Account,
    users: &[User],
    now: DateTime<Utc>,
) -> (Roster, Vec<Diagnostic>) {
    let index = Index::new(manifest, account);
    let mut exemptions = HashMap::<_, Vec<&Exemption>>::new();
    for exemption in &manifest.exemptions {
        exemptions.entry(exemption.user.to_ascii_lowercase()).or_default().push(exemption);
    }
    let entry = |rule: &Rule, user: &User| {
        let own = exemptions.get(&user.name.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        entry(rule, user, own, account, &manifest.deliver, now)
    };
    let mut matched = vec![false; index.rules.len()];
    let (mut entries, mut warnings, mut unmanaged) = (Vec::new(), Vec::new(), Vec::new());
    let mut exempt = Vec::new();
    let (mut ambiguities, mut pairs) = (Vec::<(Diagnostic, Vec<&str>)>::new(), HashMap::<[&Source; 2], usize>::new());
    for user in users {
        let candidates = index.candidates(user);
        for candidate in &candidates {
            matched[candidate.rule] = true;
        }
        match choose(&candidates, user) {
            // Somebody decided about an exempt user: it counts as managed, and shows.
            Choice::Nobody => match exempt_entry(&entry, user, manifest) {
                Some(entry) => exempt.push(entry),
                None => unmanaged.push(user.clone()),
            },
            Choice::One(candidate) => entries.push(entry(index.rules[candidate.rule], user)),
            Choice::Both(one, other) => {
                let rules = [index.rules[one.rule], index.rules[other.rule]];
                let (places, warning) = ambiguous(manifest, account, user, rules, one.is_exact);
                // The same two rules on many users are one mistake.
                match pairs.entry(rules.map(|rule| &rule.source)) {
                    hash_map::Entry::Occupied(at) => ambiguities[*at.get()].1.push(&user.name),
                    hash_map::Entry::Vacant(at) => {
                        at.insert(ambiguities.len());
                        ambiguities.push((warning, vec![&user.name]));
                    }
                }
                let conflict = Some(Conflict::AmbiguousRules { rules: places });
                entries.push(Entry { conflict, ..entry(rules[0], user) });
            }
        }
    }
    entries.sort_by(|a, b| a.user.name.cmp(&b.user.name));
    warnings.extend(ambiguities.into_iter().map(|(warning, names)| match &names[..] {
        [_] => warning,
        names => {
            let message = format!(
                "two rules select the same {} users, and nothing is done to them: {}",
                names.len(),
                listed(names)
            );
            Diagnostic { message, ..warning }
        }
    }));
    warnings.extend(shared_secrets(manifest, &mut entries));
    warnings.extend(shared_places(manifest, &mut [(account, &mut entries)]));
    entries.extend(exempt);
    entries.sort_by(|a, b| a.user.name.cmp(&b.user.name));
    unmanaged.sort_unstable_by(|a: &User, b| a.name.cmp(&b.name));
    let unmatched = index.rules.iter().zip(&matched).filter(|(_, matched)| !**matched);
    warnings.extend(unmatched.enumerate().map(|(index, (rule, _))| {
        // Looking for what was meant takes long when most rules select nobody, and then it is no typing mistake.
        let names = if index < SUGGESTIONS { users } else { &[] };
        unmatched_rule(manifest, rule, account, names)
    }));
    let matching = index.rules.iter().zip(&matched).filter(|(_, matched)| **matched);
    let known: HashSet<String> = users.iter().map(|user| user.name.to_ascii_lowercase()).collect();
    let names = matching.clone().map(|(rule, _)| *rule);
    warnings.extend(unmatched_names(manifest, names, account, users, &known));
    warnings.extend(unmatched_exemptions(manifest, account, users, &known, now));
    let at_home: Vec<_> = matching.filter_map(|(rule, _)| replica_at_home(manifest, rule, &account.region)).collect();
    // What `[defaults]` says is said once.
    let mut said = HashSet::new();
    warnings.extend(at_home.into_iter().filter(|one| said.insert((one.file().to_owned(), one.line(), one.column()))));
    let runs = Runs::new(&manifest.schedule);
    let (mail, pace) = (manifest.mail.clone(), manifest.pace.max_rotations());
    let defaults = Arc::clone(&manifest.defaults);
    let roster = Roster { account: account.clone(), entries, unmanaged, defaults, mail, runs, pace };
    (roster, warnings)
}
