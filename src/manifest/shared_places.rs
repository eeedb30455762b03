//! Finds users that would deliver to one place, as far as that shows without the account: each would take the other's
//! credential away.
//!
//! A place of GitHub is the same for all accounts, and a run may look at one of them alone: what another one's run wrote there,
//! it would take for somebody's mistake. So such a place belongs to one account, and that shows in the manifests.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    code::Code,
    context::Context,
    deliver::Deliver,
    diagnostic::{Diagnostic, Sources, quote},
    duplicates::{id_of, known_accounts},
    meeting::Meeting,
    model::{Manifest, Rule},
    pattern::Pattern,
    policy::WrittenPolicy,
    secrets::{Reach, could_be_same},
};
use crate::{
    counted::first_of,
    delivery::{GitHubNames, How, Place, Target},
};

/// What to do about a place that users of several accounts would share.
pub(crate) const HELP_ACCOUNTS: &str = "a place of GitHub belongs to one account: give the users of one of the accounts a rule with \
                                        other places, or take it off `deliver`";

/// What to do about a place that two users of one account would share.
pub(crate) fn help(place: &Place, names: &GitHubNames) -> &'static str {
    if place.is_per_user(names) {
        return "their names differ only in what can't stand there: give one of the users a rule with another `deliver`";
    }
    place.when_shared()
}

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
    let mut seen: HashMap<String, Vec<(&Reach, &Pattern)>> = HashMap::new();
    let mut diagnostics = Vec::new();
    let delivers = |rule: &&Rule| !rule.policy.deliver.value.is_empty();
    let rules: Vec<Reach> = manifest.rules.iter().filter(delivers).map(|rule| Reach::of(rule, manifest)).collect();
    for reach in &rules {
        let rule = reach.rule;
        for user in rule.users.iter().filter(|user| user.is_exact() && !reach.excepts(&user.text)) {
            let places = &rule.policy.deliver.value;
            let held =
                places.iter().flat_map(|place| holds(place, manifest, rule, &user.text).map(move |it| (place, it)));
            let is_other =
                |(other, name): &&(&Reach, &Pattern)| !name.text.eq_ignore_ascii_case(&user.text) && other.meets(reach);
            let mut shared = None;
            for (place, hold) in held {
                let owners = seen.entry(hold).or_default();
                shared = shared.or_else(|| Some((place, owners.iter().find(is_other).copied()?)));
                owners.push((reach, user));
            }
            // Once is enough of two users.
            let Some((place, (other, name))) = shared else { continue };
            let shown = Target::new(place, &how(manifest, rule, &user.text)).place.to_string();
            let (one, two, to) = (quote(&name.text), quote(&user.text), quote(&shown));
            let message = format!("users {one} and {two} would deliver to the same place, {to}");
            let label = sources.label_part(&rule.source, &user.span, "this user");
            let other = sources.label_part(&other.rule.source, &name.span, "and this one");
            let diagnostic = Diagnostic::error(Code::SharedPlace, message, label).label(other);
            diagnostics.push(diagnostic.help(help(place, &manifest.deliver.github.names)));
        }
    }
    diagnostics
}

/// Places of GitHub that the users of several accounts could write to.
pub(super) fn of_several_accounts(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let of_github = |rule: &&Rule| rule.policy.deliver.value.iter().any(Place::is_of_github);
    let mut diagnostics = Vec::new();
    let mut of_one = Vec::new();
    for rule in manifest.rules.iter().filter(of_github) {
        match holds_in(rule, manifest) {
            HoldsIn::One(account) => of_one.push((rule, account)),
            HoldsIn::Caller => {}
            HoldsIn::Several(accounts) => diagnostics.push(several(rule, &accounts, sources)),
        }
    }
    diagnostics.extend(rules_that_meet(&of_one, manifest, sources));
    diagnostics
}

/// The accounts of a rule.
enum HoldsIn {
    /// One that is named, by its id where that is known.
    One(String),
    /// No account is named.
    Caller,
    /// Those that are known, by name.
    Several(Vec<String>),
}

fn holds_in(rule: &Rule, manifest: &Manifest) -> HoldsIn {
    let declared = &manifest.accounts;
    if let [only] = &*rule.accounts
        && only.is_exact()
    {
        return HoldsIn::One(id_of(&only.text, declared).to_owned());
    }
    if manifest.organization.is_some() {
        return HoldsIn::Several(Vec::new());
    }
    let known: BTreeSet<String> = match rule.accounts.is_empty() {
        true => declared.values().map(|account| account.id.clone()).collect(),
        false => known_accounts(rule, declared).into_iter().flatten().collect(),
    };
    let named = |id: &String| declared.iter().find(|(_, one)| one.id == *id).map_or(id, |(name, _)| name).clone();
    match known.len() {
        0 => HoldsIn::Caller,
        1 => known.into_iter().next().map_or(HoldsIn::Caller, HoldsIn::One),
        _ => HoldsIn::Several(known.iter().map(named).collect()),
    }
}

fn several(rule: &Rule, accounts: &[String], sources: &Sources) -> Diagnostic {
    const SHOWN: usize = 5;
    let place = rule.policy.deliver.value.iter().find(|place| place.is_of_github());
    let place = quote(&place.map(ToString::to_string).unwrap_or_default());
    let message = format!("users of several accounts could deliver to {place}, which is the same for all accounts");
    let named = first_of(accounts.iter().map(|name| quote(name)), SHOWN);
    let text = match accounts.is_empty() {
        true => "this rule can hold in several".to_owned(),
        false => format!("this rule holds in {named}"),
    };
    let label = sources.label(&rule.source, text);
    let mut diagnostic = Diagnostic::error(Code::SharedPlace, message, label);
    if let Some(source) = &rule.policy.deliver.source {
        diagnostic = diagnostic.label(sources.label(source, "delivers there"));
    }
    let one = accounts.first().map_or("NAME", String::as_str);
    diagnostic.help(format!(
        "name one account in the rule, e.g. `accounts = [\"{one}\"]`, and give each other account a rule with other places: a run \
         that looks at one account does not see what another one's wrote there"
    ))
}

/// What a rule could write to, for whom of its users.
struct Held<'a> {
    rule: &'a Rule,
    account: &'a str,
    /// `None`: anyone.
    user: Option<&'a Pattern>,
    place: &'a Place,
    /// With the wildcards of the user's pattern.
    name: Pattern,
    /// Whether it is the same for all users.
    is_fixed: bool,
}

/// Two rules of different accounts that could write to the same place: one complaint for each two.
fn rules_that_meet(rules: &[(&Rule, String)], manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let mut known: Meeting<&str, Held<'_>> = Meeting::new();
    let mut said = HashSet::new();
    let mut diagnostics = Vec::new();
    for (rule, account) in rules {
        let excepts = |user: &Pattern| rule.except.matches(&user.text);
        let users: Vec<Option<&Pattern>> = match &*rule.users {
            [] => vec![None],
            users => users.iter().filter(|user| !(user.is_exact() && excepts(user))).map(Some).collect(),
        };
        let mut names = HashSet::new();
        let mut own = Vec::new();
        for place in rule.policy.deliver.value.iter().filter(|place| place.is_of_github()) {
            let of_another: HashSet<String> = holds(place, manifest, rule, "b").collect();
            let fixed: HashSet<String> =
                holds(place, manifest, rule, "a").filter(|it| of_another.contains(it)).collect();
            for user in &users {
                let text = user.map_or("*", |user| user.text.as_str());
                let held = holds(place, manifest, rule, text).filter(|name| names.insert(name.clone()));
                own.extend(held.map(|name| {
                    let is_fixed = fixed.contains(&name);
                    Held { rule, account, user: *user, place, is_fixed, name: Pattern::new(&name) }
                }));
            }
        }
        for held in own {
            let (start, end) = (held.name.literal_prefix().to_owned(), held.name.literal_suffix().to_owned());
            let account = held.account;
            let mut alike = known.may_meet(Some(&account), &start, &end);
            let other = alike.find(|other| may_be_same(other, &held) && !is_excepted(other, &held));
            if let Some(other) = other
                && said.insert((&other.rule.source, &held.rule.source))
            {
                diagnostics.push(meeting(other, &held, sources));
            }
            drop(alike);
            known.insert(&account, &start, &end, held);
        }
    }
    diagnostics
}

fn may_be_same(one: &Held<'_>, other: &Held<'_>) -> bool {
    match one.name.is_exact() && other.name.is_exact() {
        true => one.name.text == other.name.text,
        false => could_be_same(&one.name, &other.name),
    }
}

/// Whether the user that the one names exactly is none of the other's.
fn is_excepted(one: &Held<'_>, other: &Held<'_>) -> bool {
    let excepts = |rule: &Rule, user: Option<&Pattern>| {
        let name = user.filter(|user| user.is_exact()).map(|user| &user.text);
        name.is_some_and(|name| rule.except.matches(name))
    };
    !one.is_fixed && !other.is_fixed && (excepts(one.rule, other.user) || excepts(other.rule, one.user))
}

fn meeting(one: &Held<'_>, other: &Held<'_>, sources: &Sources) -> Diagnostic {
    let place = quote(&other.place.to_string());
    let message = format!("two rules of different accounts could deliver to the same place of GitHub, {place}");
    let label = |held: &Held<'_>, text: &str| {
        let span = held.user.map_or(0..0, |user| user.span.clone());
        sources.label_part(&held.rule.source, &span, text)
    };
    Diagnostic::error(Code::SharedPlace, message, label(other, "this rule"))
        .label(label(one, "and this one"))
        .help(HELP_ACCOUNTS)
}

/// All that a user's credential is written to there, by names that no other thing has.
fn holds(place: &Place, manifest: &Manifest, rule: &Rule, user: &str) -> impl Iterator<Item = String> + use<> {
    Target::new(place, &how(manifest, rule, user)).holds("").into_iter()
}

/// How a user is delivered for, as far as it makes a difference to where.
fn how(manifest: &Manifest, rule: &Rule, user: &str) -> How {
    let github_names = manifest.deliver.github.names.of_user(user);
    How { user: user.to_owned(), github_names, smtp: rule.policy.smtp.value, ..How::default() }
}
