//! Who is in scope: the manifest resolved against the users of one account.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use chrono::{DateTime, Utc};

use crate::{
    inventory::{Account, User},
    manifest::{
        Code, Diagnostic, Exemption, Mail, Manifest, Pattern, Policy, Recipient, Rule, Source,
        diagnostic::{nearest, quote},
        values::is_bare_address,
    },
};

/// For how many rules that select nobody a name is suggested.
const SUGGESTIONS: usize = 20;

/// One entry for each user in scope, sorted by name.
#[derive(Clone, Debug)]
pub struct Roster {
    pub account: Account,
    pub entries: Vec<Entry>,
    /// How many users no rule selects.
    pub unmanaged: usize,
    /// Who tells, and who is told when the owner can't be.
    pub mail: Mail,
}

/// A user in scope, with the policy that holds for it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub user: User,
    /// The `[[rotate]]` that selects it.
    pub rule: Source,
    pub policy: Arc<Policy>,
    /// The name of its secret: the template filled in, `,` replaced by `_`.
    pub secret: String,
    /// Whom to tell: addresses, and tags resolved. Empty with [`Entry::tell_nobody`] unset: nobody can be told.
    pub recipients: Vec<String>,
    /// The exemption that holds now.
    pub exempt: Option<Exemption>,
}

impl Entry {
    /// Whether the manifest says `notify = []`.
    pub fn tell_nobody(&self) -> bool {
        self.policy.notify.value.is_empty()
    }
}

/// The users of an account that the manifest selects, each with its policy, and the warnings.
///
/// A user whose tags or groups could not be read is in the roster if any rule might select it: it is held there.
///
/// # Errors
/// Two rules of the same rank that select one user, and two users that would share one secret.
pub fn resolve(
    manifest: &Manifest,
    account: &Account,
    users: &[User],
    now: DateTime<Utc>,
) -> Result<(Roster, Vec<Diagnostic>), Vec<Diagnostic>> {
    let index = Index::new(manifest, account);
    let mut matched = vec![false; index.rules.len()];
    let (mut entries, mut errors, mut unmanaged) = (Vec::new(), Vec::new(), 0);
    for user in users {
        let candidates = index.candidates(user);
        for candidate in &candidates {
            matched[candidate.rule] = true;
        }
        match choose(&candidates, user) {
            Choice::Nobody => unmanaged += 1,
            Choice::One(candidate) => entries.push(entry(index.rules[candidate.rule], user, manifest, account, now)),
            Choice::Both(one, other) => errors.push(ambiguous(manifest, &index, user, one, other)),
        }
    }
    entries.sort_by(|a, b| a.user.name.cmp(&b.user.name));
    errors.extend(shared_secrets(manifest, &entries));
    if !errors.is_empty() {
        return Err(errors);
    }
    let unmatched = index.rules.iter().zip(&matched).filter(|(_, matched)| !**matched);
    let warnings = unmatched.enumerate().map(|(index, (rule, _))| {
        // Looking for what was meant takes long when most rules select nobody, and then it is no typing mistake.
        let names = if index < SUGGESTIONS { users } else { &[] };
        unmatched_rule(manifest, rule, account, names)
    });
    let mut warnings: Vec<Diagnostic> = warnings.collect();
    let matching = index.rules.iter().zip(&matched).filter(|(_, matched)| **matched);
    let known: HashSet<String> = users.iter().map(|user| user.name.to_ascii_lowercase()).collect();
    warnings.extend(matching.flat_map(|(rule, _)| unmatched_names(manifest, rule, account, users, &known)));
    let roster = Roster { account: account.clone(), entries, unmanaged, mail: manifest.mail.clone() };
    Ok((roster, warnings))
}

/// Whether any rule could select a user of this name and path, whatever its tags and groups.
pub fn relevant(manifest: &Manifest, account: &Account, name: &str, path: &str) -> bool {
    manifest.rules.iter().any(|rule| {
        holds_in(rule, account)
            && any_or_empty(&rule.users, name)
            && any_or_empty(&rule.paths, path)
            && !any(&rule.except, name)
    })
}

/// The rules that hold in an account, by the names they may select: most rules need not be looked at.
struct Index<'a> {
    rules: Vec<&'a Rule>,
    /// By name in lower case: the rules that name it exactly.
    exact: HashMap<String, Vec<usize>>,
    /// By what precedes the first wildcard, in lower case: the rules with such a glob. Rules without `users`
    /// are at `""`.
    globs: HashMap<String, Vec<usize>>,
}

/// A rule that selects a user.
#[derive(Clone, Copy)]
struct Candidate {
    rule: usize,
    /// Whether it names the user exactly, which beats everything else.
    is_exact: bool,
    /// Whether that is known: tags and groups may be unreadable.
    is_certain: bool,
}

enum Choice {
    Nobody,
    One(Candidate),
    Both(Candidate, Candidate),
}

impl<'a> Index<'a> {
    fn new(manifest: &'a Manifest, account: &Account) -> Self {
        let rules: Vec<&Rule> = manifest.rules.iter().filter(|rule| holds_in(rule, account)).collect();
        let (mut exact, mut globs) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
        for (index, rule) in rules.iter().enumerate() {
            for user in &rule.users {
                let map = if user.is_exact() { &mut exact } else { &mut globs };
                map.entry(user.literal_prefix().to_ascii_lowercase()).or_default().push(index);
            }
            if rule.users.is_empty() {
                globs.entry(String::new()).or_default().push(index);
            }
        }
        Self { rules, exact, globs }
    }

    /// The rules that select a user, or might if its tags or groups are unreadable; in the order of the manifest.
    fn candidates(&self, user: &User) -> Vec<Candidate> {
        let name = user.name.to_ascii_lowercase();
        let named = self.exact.get(&name).into_iter().flatten().map(|rule| (*rule, true));
        let prefixes = (0..=name.len()).filter_map(|end| self.globs.get(name.get(..end)?));
        let by_globs = prefixes.flatten().map(|rule| (*rule, false));
        let mut rules: Vec<(usize, bool)> = named.chain(by_globs).collect();
        // A rule may be there several times; once is enough, as exact if it is that too.
        rules.sort_by_key(|(rule, is_exact)| (*rule, !is_exact));
        rules.dedup_by_key(|(rule, _)| *rule);
        rules.into_iter().filter_map(|(rule, is_exact)| self.candidate(rule, is_exact, user)).collect()
    }

    fn candidate(&self, index: usize, is_exact: bool, user: &User) -> Option<Candidate> {
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
fn has_details(rule: &Rule, user: &User) -> bool {
    let in_group = rule.groups.is_empty() || user.groups.iter().any(|group| any(&rule.groups, group));
    in_group && rule.tags.iter().all(|(key, values)| tag(user, key).is_some_and(|value| any(values, value)))
}

fn choose(candidates: &[Candidate], user: &User) -> Choice {
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

fn entry(rule: &Rule, user: &User, manifest: &Manifest, account: &Account, now: DateTime<Utc>) -> Entry {
    let exempts = |exemption: &&Exemption| {
        exemption.user.eq_ignore_ascii_case(&user.name)
            && exemption.account.as_ref().is_none_or(|name| is_account(name, account))
            && exemption.ends.is_none_or(|ends| now < ends)
    };
    Entry {
        user: user.clone(),
        rule: rule.source.clone(),
        policy: rule.policy.clone(),
        secret: rule.policy.secret.value.replace("{user}", &user.name).replace(',', "_"),
        recipients: recipients(&rule.policy.notify.value, user),
        exempt: manifest.exemptions.iter().find(exempts).cloned(),
    }
}

fn recipients(notify: &[Recipient], user: &User) -> Vec<String> {
    let mut recipients: Vec<String> = Vec::new();
    for recipient in notify {
        let address = match recipient {
            Recipient::Address(address) => address.as_str(),
            Recipient::Tag(key) => match tag(user, key).map(str::trim) {
                Some(value) if is_bare_address(value) => value,
                // A tag that holds something else is as good as no tag.
                _ => continue,
            },
        };
        if !recipients.iter().any(|known| known.eq_ignore_ascii_case(address)) {
            recipients.push(address.to_owned());
        }
    }
    recipients
}

/// The value of a tag. IAM compares the keys of tags without case.
fn tag<'a>(user: &'a User, key: &str) -> Option<&'a str> {
    let without_case = || user.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    user.tags.get(key).or_else(without_case).map(String::as_str)
}

/// Whether a rule's `accounts` name this account.
pub(crate) fn holds_in(rule: &Rule, account: &Account) -> bool {
    let matches = |pattern: &Pattern| {
        pattern.matches(&account.id) || account.name.as_ref().is_some_and(|name| pattern.matches(name))
    };
    rule.accounts.is_empty() || rule.accounts.iter().any(matches)
}

fn is_account(written: &str, account: &Account) -> bool {
    written == account.id || account.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(written))
}

fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn any_or_empty(patterns: &[Pattern], name: &str) -> bool {
    patterns.is_empty() || any(patterns, name)
}

fn ambiguous(manifest: &Manifest, index: &Index, user: &User, one: Candidate, other: Candidate) -> Diagnostic {
    let is_exact = one.is_exact;
    let (one, other) = (index.rules[one.rule], index.rules[other.rule]);
    let message = format!("two rules select {}", quote(&user.name));
    let label = |rule: &Rule| manifest.sources.label(&rule.source, why(rule, user));
    let help = match is_exact {
        true => "take the user out of one of them, or add it to `except` there",
        false => {
            "name the user exactly in the rule that is to hold (an exact name wins), or add it to `except` in the other"
        }
    };
    Diagnostic::error(Code::AmbiguousRules, message, label(one)).label(label(other)).help(help)
}

/// By which of its selectors a rule selects a user.
fn why(rule: &Rule, user: &User) -> String {
    let first = |key: &str, patterns: &[Pattern], names: &[&str]| {
        let pattern = patterns.iter().find(|pattern| names.iter().any(|name| pattern.matches(name)))?;
        Some(format!("{key} ({})", quote(&pattern.text)))
    };
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    let mut selectors: Vec<String> = Vec::new();
    selectors.extend(first("`users`", &rule.users, &[&user.name]));
    for (key, values) in &rule.tags {
        selectors.extend(first(&format!("tag {}", quote(key)), values, &[tag(user, key).unwrap_or_default()]));
    }
    selectors.extend(first("`groups`", &rule.groups, &groups));
    selectors.extend(first("`path`", &rule.paths, &[&user.path]));
    format!("selects it by {}", selectors.join(", "))
}

fn shared_secrets(manifest: &Manifest, entries: &[Entry]) -> Vec<Diagnostic> {
    let mut owners: BTreeMap<&str, &Entry> = BTreeMap::new();
    let mut errors = Vec::new();
    for entry in entries {
        let Some(other) = owners.insert(&entry.secret, entry) else { continue };
        let (name, other_name) = (quote(&entry.user.name), quote(&other.user.name));
        let message = format!("users {other_name} and {name} would share the secret {}", quote(&entry.secret));
        let mut diagnostic = Diagnostic::error(
            Code::SharedSecret,
            message,
            manifest.sources.label(&entry.rule, format!("selects {name}")),
        );
        if other.rule == entry.rule {
            diagnostic.labels[0].text = format!("selects {other_name} and {name}");
        } else {
            diagnostic = diagnostic.label(manifest.sources.label(&other.rule, format!("selects {other_name}")));
        }
        let same_without_comma = entry.user.name.replace(',', "_") == other.user.name.replace(',', "_");
        let help = match same_without_comma {
            true => {
                "names of secrets can't hold `,`, which becomes `_`; give one of the users a rule with another `secret`"
            }
            false => "give one of the users a rule with another `secret`",
        };
        errors.push(diagnostic.help(help));
    }
    errors
}

/// The names in a rule that are no user's, while others are: most likely a mistake, and nothing else tells.
fn unmatched_names(
    manifest: &Manifest,
    rule: &Rule,
    account: &Account,
    users: &[User],
    known: &HashSet<String>,
) -> Vec<Diagnostic> {
    let exact = rule.users.iter().zip(&rule.user_spans).filter(|(user, _)| user.is_exact());
    let unknown = exact.filter(|(user, _)| !known.contains(&user.text.to_ascii_lowercase()));
    let warning = |(position, (user, span)): (usize, (&Pattern, &Range<usize>))| {
        let near = (position < SUGGESTIONS).then(|| nearest(&user.text, users.iter().map(|user| user.name.as_str())));
        let help = match near.flatten() {
            Some(near) => format!("did you mean {}?", quote(near)),
            None => "correct the name; if the user is gone, remove it from the list".to_owned(),
        };
        let label = manifest.sources.label_span(&rule.source.file, span.clone(), "");
        let label = label.unwrap_or_else(|| manifest.sources.label(&rule.source, ""));
        let message = format!("there is no user {} in account {account}", quote(&user.text));
        Diagnostic::warning(Code::NameUnmatched, message, label).help(help)
    };
    unknown.enumerate().map(warning).collect()
}

fn unmatched_rule(manifest: &Manifest, rule: &Rule, account: &Account, users: &[User]) -> Diagnostic {
    let message = format!("the rule selects no user of account {account}");
    let label = manifest.sources.label(&rule.source, "");
    let names = || users.iter().map(|user| user.name.as_str());
    let exact = rule.users.iter().filter(|user| user.is_exact() && !names().any(|name| user.matches(name)));
    let meant = exact.take(3).find_map(|user| Some((user, nearest(&user.text, names())?)));
    let help = match meant {
        Some((user, near)) => format!("there is no user {}; did you mean {}?", quote(&user.text), quote(near)),
        None => "look for a misspelt selector; if the users are gone, remove the rule".to_owned(),
    };
    Diagnostic::warning(Code::RuleUnmatched, message, label).help(help)
}
