//! Checks `[[rotate]]` and `[[exempt]]`.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use chrono::TimeDelta;

use super::{
    accounts::DeclaredAccount,
    code::Code,
    context::Context,
    diagnostic::{Diagnostic, nearest, quote},
    layers,
    model::{Exemption, Rule},
    organization::unit_names,
    pattern::Pattern,
    patterns::Patterns,
    policy::Policy,
    schema,
    shared::Shared,
    spanned::{OneOrMany, Spanned},
    typecheck::Rejected,
    values::{self, Matches},
};

use crate::names;

/// An exemption that ends within this time is warned of.
const ENDING: TimeDelta = TimeDelta::days(14);

/// What rules and exemptions build upon.
pub(super) struct Layer<'a> {
    defaults: Arc<Policy>,
    accounts: &'a BTreeMap<String, DeclaredAccount>,
    account_ids: HashSet<&'a str>,
    /// `[organization]` is written: which accounts there are is known when AWS was asked.
    has_organization: bool,
    /// `notify` or accounts are written in `keyrota.toml` but could not be read: they are not missing.
    notify_is_refused: bool,
    accounts_are_refused: bool,
}

impl<'a> Layer<'a> {
    pub fn new(defaults: Policy, shared: &Shared, accounts: &'a BTreeMap<String, DeclaredAccount>) -> Self {
        let written = shared.accounts_written();
        Self {
            defaults: Arc::new(defaults),
            accounts,
            account_ids: accounts.values().map(|account| account.id.as_str()).collect(),
            has_organization: shared.file().is_some_and(|file| file.organization.is_some())
                || shared.is_refused("organization", |file| file.organization.as_ref(), ""),
            notify_is_refused: shared.is_refused("defaults", |file| file.defaults.as_ref(), "notify"),
            accounts_are_refused: shared.is_refused("accounts", |file| file.accounts.as_ref(), "")
                || written != accounts.len(),
        }
    }

    /// Says so if an account is not declared. Without declared accounts only ids can be told apart.
    fn check_account(&self, at: &Spanned<String>, pattern: &Pattern, context: &mut Context) {
        let name = &at.value;
        if self.accounts_are_refused || self.has_organization {
            return;
        }
        let matches = |name: &String, account: &DeclaredAccount| pattern.matches(name) || pattern.matches(&account.id);
        if !pattern.is_exact() {
            if !self.accounts.iter().any(|(name, account)| matches(name, account)) {
                let message = format!("{} matches no declared account", quote(name));
                let label = context.label(&at.span, "");
                let help = self.declared();
                context.diagnostics.push(Diagnostic::warning(Code::AccountsUnmatched, message, label).help(help));
            }
            return;
        }
        let is_id = names::is_account_id(name);
        let is_known = match is_id {
            true => self.accounts.is_empty() || self.account_ids.contains(name.as_str()),
            false => self.accounts.keys().any(|declared| pattern.matches(declared)),
        };
        if !is_known {
            let help = match nearest(name, self.accounts.keys().map(String::as_str)).filter(|_| !is_id) {
                Some(near) => format!("did you mean {}?", quote(near)),
                None => self.declared(),
            };
            context.error(Code::UnknownAccount, format!("account {} is not declared", quote(name)), &at.span, help);
        }
    }

    /// Names of accounts are the manifests' own, or such as AWS Organizations takes.
    fn account_names(&self) -> Matches {
        if self.has_organization { Matches::FoundAccount } else { Matches::Account }
    }

    /// Says so if units and tags of accounts are named, and nothing tells which account has them.
    fn check_membership<T>(&self, name: &str, value: &Option<Spanned<T>>, context: &mut Context) {
        if let Some(at) = value.as_ref().filter(|_| !self.has_organization && !self.accounts_are_refused) {
            let message = format!("`{name}` selects nothing: the manifests have no `[organization]`");
            let help = "add `[organization]` with a `role` to `keyrota.toml`, or name the accounts in `accounts`";
            context.error(Code::NoOrganization, message, &at.span, help);
        }
    }

    fn declared(&self) -> String {
        let names: Vec<&str> = self.accounts.keys().map(String::as_str).take(10).collect();
        match names.as_slice() {
            [] => "declare accounts in `keyrota.toml`, e.g. `[accounts.payments-prod]` with an `id`".to_owned(),
            names => format!("the accounts declared in `keyrota.toml` are {}", names.join(", ")),
        }
    }
}

impl Shared<'_> {
    fn accounts_written(&self) -> usize {
        self.file().and_then(|file| file.accounts.as_ref()).map_or(0, |accounts| accounts.value.len())
    }
}

pub(super) fn rule(rule: &Spanned<schema::Rotate>, rejected: &Rejected, layer: &Layer, context: &mut Context) -> Rule {
    let schema::Rotate { accounts, units, account_tags, users, tags, groups, path, except, policy: own } = &rule.value;
    let is_rejected = |key: &str| rejected.contains(&rule.span, key);

    let paths = path.as_ref().map(|path| &path.value.0);
    let has_selector = users.is_some() || tags.is_some() || groups.is_some() || path.is_some();
    if !has_selector && !["users", "tags", "groups", "path"].into_iter().any(is_rejected) {
        let message = "the rule selects nobody";
        let help = "add `users`, `tags`, `groups` or `path`; `users = [\"*\"]` selects everyone";
        context.error(Code::NoSelector, message, &rule.span, help);
    }
    refuse_empty("accounts", accounts, Vec::is_empty, context);
    refuse_empty("units", units, Vec::is_empty, context);
    refuse_empty("account-tags", account_tags, BTreeMap::is_empty, context);
    layer.check_membership("units", units, context);
    layer.check_membership("account-tags", account_tags, context);
    refuse_empty("users", users, Vec::is_empty, context);
    refuse_empty("tags", tags, BTreeMap::is_empty, context);
    refuse_empty("groups", groups, Vec::is_empty, context);
    refuse_empty("path", path, |path| path.0.is_empty(), context);

    let names_one_user = users
        .as_ref()
        .is_some_and(|users| matches!(users.value.as_slice(), [only] if !only.value.contains(['*', '?'])));
    let accounts = patterns(accounts, layer.account_names(), context, |at, pattern, context| {
        layer.check_account(at, pattern, context);
    });
    let units = unit_names(units, context);
    let account_tags =
        account_tags.as_ref().map(|tags| tag_patterns("account-tags", &tags.value, context)).unwrap_or_default();
    let users = patterns(users, Matches::User, context, |_, _, _| ());
    let groups = patterns(groups, Matches::Group, context, |_, _, _| ());
    let except = patterns(except, Matches::User, context, |_, _, _| ());
    let paths = match (path, paths) {
        (Some(path), Some(paths)) => one_or_many(path, paths, Matches::Path, context),
        _ => Patterns::default(),
    };
    let tags = tags.as_ref().map(|tags| tag_patterns("tags", &tags.value, context)).unwrap_or_default();

    let mut policy = Arc::new(layers::merge(&layer.defaults, own, context));
    if policy == layer.defaults {
        policy = layer.defaults.clone();
    }
    // `notify` has no built-in value, so one without a place was never written.
    if policy.notify.source.is_none() && own.notify.is_none() && !is_rejected("notify") && !layer.notify_is_refused {
        let message = "the rule does not say whom to tell when a key is rotated";
        let help = "add `notify = [\"team@example.com\"]` or `notify = [\"tag:email\"]` here or in `[defaults]`; \
                    `notify = []` says nobody, on purpose";
        context.error(Code::NotifyMissing, message, &rule.span, help);
    }
    if let Some(secret) = own.secret.as_ref().filter(|secret| !secret.value.contains("{user}") && !names_one_user) {
        let message = "the users of this rule would share one secret: the name lacks `{user}`";
        let help = format!("write e.g. {}", quote(&format!("{}/{{user}}", secret.value.trim_end_matches('/'))));
        context.error(Code::SecretName, message, &secret.span, help);
    }
    let source = context.location(&rule.span);
    Rule { source, accounts, units, account_tags, users, tags, groups, paths, except, policy }
}

fn refuse_empty<T>(name: &str, value: &Option<Spanned<T>>, is_empty: impl Fn(&T) -> bool, context: &mut Context) {
    if let Some(at) = value.as_ref().filter(|at| is_empty(&at.value)) {
        let message = format!("`{name}` is empty, so the rule selects nobody");
        context.error(Code::NoSelector, message, &at.span, format!("list what it selects, or leave `{name}` out"));
    }
}

fn patterns(
    list: &Option<Spanned<Vec<Spanned<String>>>>,
    matches: Matches,
    context: &mut Context,
    check: impl Fn(&Spanned<String>, &Pattern, &mut Context),
) -> Patterns {
    let entries = list.iter().flat_map(|list| &list.value);
    let read = |at: &Spanned<String>| {
        let pattern = context.accept(&at.span, values::pattern(&at.value, matches))?;
        check(at, &pattern, context);
        Some(pattern.at(&at.span))
    };
    entries.filter_map(read).collect()
}

fn one_or_many<T>(
    whole: &Spanned<T>,
    entries: &[Spanned<String>],
    matches: Matches,
    context: &mut Context,
) -> Patterns {
    let read = |at: &Spanned<String>| {
        let span = if at.span.is_empty() { &whole.span } else { &at.span };
        context.accept(span, values::pattern(&at.value, matches)).map(|pattern| pattern.at(span))
    };
    entries.iter().filter_map(read).collect()
}

fn tag_patterns(
    field: &str,
    tags: &BTreeMap<String, Spanned<OneOrMany>>,
    context: &mut Context,
) -> BTreeMap<String, Patterns> {
    let service = if field == "tags" { "IAM" } else { "AWS Organizations" };
    let mut patterns = BTreeMap::new();
    for (key, tag) in tags {
        let allowed = &tag.value.0;
        let message = match values::pattern(key, Matches::TagKey) {
            _ if allowed.is_empty() => format!("the tag {} has no values, so the rule selects nobody", quote(key)),
            Ok(pattern) if pattern.is_exact() => {
                patterns.insert(key.clone(), one_or_many(tag, allowed, Matches::Tag, context));
                continue;
            }
            _ => format!("{} can't be the key of a tag", quote(key)),
        };
        let help = format!(
            "write the key as it is in {service}, and its values, e.g. `{field} = {{ team = \"payments\" }}`; `\"*\"` is any value"
        );
        context.error(Code::Pattern, message, &tag.span, help);
    }
    patterns
}

/// `None` if it does not say whom it exempts; that was said.
pub(super) fn exemption(
    exempt: &Spanned<schema::Exempt>,
    rejected: &Rejected,
    layer: &Layer,
    context: &mut Context,
) -> Option<Exemption> {
    let schema::Exempt { user, account, reason, until } = &exempt.value;
    let user_name = user.as_ref().and_then(|at| exempt_user(at, context));
    if user.is_none() && !rejected.contains(&exempt.span, "user") {
        context.error(Code::Exemption, "the exemption names no user", &exempt.span, "add e.g. `user = \"svc-sap\"`");
    }
    let reason_help = "say why, for whoever reads the plan: `reason = \"vendor rotates by hand, SEC-412\"`";
    match reason {
        None if !rejected.contains(&exempt.span, "reason") => {
            context.error(Code::Exemption, "the exemption gives no reason", &exempt.span, reason_help);
        }
        Some(at) if at.value.trim().is_empty() => {
            context.error(Code::Exemption, "the reason is empty", &at.span, reason_help);
        }
        _ => {}
    }
    if let Some(at) = account {
        let is_glob = at.value.contains(['*', '?']);
        if is_glob {
            let message = format!("{} names no single account", quote(&at.value));
            let help = "name one account; without `account` the exemption holds in all";
            context.error(Code::Exemption, message, &at.span, help);
        } else if let Some(pattern) = context.accept(&at.span, values::pattern(&at.value, layer.account_names())) {
            layer.check_account(at, &pattern, context);
        }
    }
    let last_day = until.as_ref().and_then(|at| Some((at, context.accept(&at.span, values::day(&at.value.0))?)));
    let ends = last_day.map(|(at, day)| {
        let ends = values::end_of(day);
        let name = quote(user_name.as_deref().unwrap_or("user"));
        if ends <= context.now {
            let message = format!("the exemption of {name} has ended: its last day was {day}");
            let label = context.label(&at.span, "");
            let help = "remove the exemption, or give it a later day";
            context.diagnostics.push(Diagnostic::error(Code::ExemptionEnded, message, label).help(help));
        } else if ends <= context.now + ENDING {
            let message = format!("the exemption of {name} ends soon: its last day is {day} (UTC)");
            let label = context.label(&at.span, "");
            let help = "prepare for the rotation, or give the exemption a later day";
            context.diagnostics.push(Diagnostic::warning(Code::ExemptionEnding, message, label).help(help));
        }
        ends
    });
    Some(Exemption {
        source: context.location(&exempt.span),
        user: user_name?,
        account: account.as_ref().map(|at| at.value.clone()),
        reason: reason.as_ref()?.value.clone(),
        ends,
    })
}

fn exempt_user(at: &Spanned<String>, context: &mut Context) -> Option<String> {
    let pattern = context.accept(&at.span, values::pattern(&at.value, Matches::User))?;
    if !pattern.is_exact() {
        let message = format!("{} names no single user", quote(&at.value));
        let help = "write one `[[exempt]]` for each user, so that each has its reason; or use `except` in the rule";
        context.error(Code::Exemption, message, &at.span, help);
        return None;
    }
    Some(pattern.text)
}
