//! Finds users that would deliver to one place, as far as that shows without the account: each would take the other's
//! credential away.

use std::collections::HashMap;

use super::{
    code::Code,
    context::Context,
    deliver::Deliver,
    diagnostic::{Diagnostic, Sources, quote},
    duplicates::known_accounts,
    model::{Manifest, Rule},
    pattern::Pattern,
    policy::WrittenPolicy,
};
use crate::delivery::{How, Place, Target};

/// What to do about it.
pub(crate) const HELP: &str = "let `{user}` stand in the place, or, of GitHub, in `names` of `[deliver.github]`; or give one of the \
                               users a rule with another `deliver`";

/// Places in `[defaults]` that are the same for all users.
pub(super) fn in_defaults(defaults: &WrittenPolicy, deliver: &Deliver, context: &mut Context) {
    for written in defaults.deliver.iter().flat_map(|list| &list.value) {
        let Ok(place) = written.value.parse::<Place>() else { continue };
        if !place.is_per_user(&deliver.github.names) {
            let message = format!(
                "all users would deliver to {}: the place in `[defaults]` lacks `{{user}}`",
                quote(&written.value)
            );
            let help = "let `{user}` stand in the place, or, of GitHub, in `names` of `[deliver.github]`; or name it in a rule";
            context.error(Code::SharedPlace, message, &written.span, help);
        }
    }
}

/// Two users that are named exactly. Each name is looked at once.
pub(super) fn named_users(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let mut seen: HashMap<String, Vec<(&Rule, &Pattern)>> = HashMap::new();
    let mut diagnostics = Vec::new();
    for rule in manifest.rules.iter().filter(|rule| !rule.policy.deliver.value.is_empty()) {
        let excepts = |user: &Pattern| rule.except.iter().any(|except| except.matches(&user.text));
        for user in rule.users.iter().filter(|user| user.is_exact() && !excepts(user)) {
            for place in &rule.policy.deliver.value {
                let target = Target::new(place, &how(manifest, &user.text));
                let Some(hold) = target.holds("").into_iter().next() else { continue };
                let owners = seen.entry(hold).or_default();
                let is_other = |(other, name): &&(&Rule, &Pattern)| {
                    !name.text.eq_ignore_ascii_case(&user.text) && meet(manifest, other, rule)
                };
                if let Some((other, name)) = owners.iter().find(is_other) {
                    let (one, two, to) = (quote(&name.text), quote(&user.text), quote(&target.place.to_string()));
                    let message = format!("users {one} and {two} would deliver to the same place, {to}");
                    let label = sources.label_part(&rule.source, &user.span, "this user");
                    let diagnostic = Diagnostic::error(Code::SharedPlace, message, label).label(sources.label_part(
                        &other.source,
                        &name.span,
                        "and this one",
                    ));
                    diagnostics.push(diagnostic.help(HELP));
                    // Once is enough of two users.
                    break;
                }
                owners.push((rule, user));
            }
        }
    }
    diagnostics
}

/// How a user is delivered for, as far as it makes a difference to where.
fn how(manifest: &Manifest, user: &str) -> How {
    let github_names = manifest.deliver.github.names.of_user(user);
    How { user: user.to_owned(), github_names, ..How::default() }
}

/// Whether both could hold in one account. What GitHub has is the same for all accounts.
fn meet(manifest: &Manifest, one: &Rule, other: &Rule) -> bool {
    let accounts = [one, other].map(|rule| known_accounts(rule, &manifest.accounts));
    let [one_accounts, other_accounts] = &accounts;
    let is_global = |rule: &Rule| rule.policy.deliver.value.iter().any(Place::is_of_github);
    (is_global(one) && is_global(other))
        || accounts.iter().any(|accounts| accounts.is_empty() || accounts.contains(&None))
        || one_accounts.iter().any(|account| other_accounts.contains(account))
}
