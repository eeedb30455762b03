//! Finds users that would share a secret, as far as that shows without the account: a user could then read another's
//! credential, and a rotation of the one would take it from the other.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    accounts::DeclaredAccount,
    code::Code,
    diagnostic::{Diagnostic, Label, Sources, quote},
    duplicates::known_accounts,
    meeting::Meeting,
    model::{Manifest, Rule},
    pattern::Pattern,
};

/// What stands for the user's name in a template.
const USER: &str = "{user}";

/// Users that are named exactly and have the same secret, and templates of which that could be true.
pub(super) fn collisions(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let rules: Vec<Reach> = manifest.rules.iter().map(|rule| Reach::of(rule, manifest)).collect();
    let mut diagnostics = named_users(&rules, sources);
    diagnostics.extend(templates(&rules, sources));
    diagnostics
}

/// Regions in `replicate-to` that are those of the secrets themselves, in every account that a rule holds in.
pub(super) fn replicas_at_home(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    let mut diagnostics = Vec::new();
    for rule in &manifest.rules {
        let replicate_to = &rule.policy.replicate_to;
        let homes = homes(rule, manifest);
        let Some(Some(home)) = homes.first().filter(|first| homes.iter().all(|home| home == *first)) else { continue };
        let Some(source) = replicate_to.source.as_ref().filter(|_| replicate_to.value.iter().any(|to| to == home))
        else {
            continue;
        };
        if seen.insert((source, *home)) {
            let message = format!("the secrets are in {} already", quote(home));
            let label = sources.label(source, "replicates them there");
            let diagnostic = Diagnostic::error(Code::HomeRegion, message, label);
            diagnostics.push(diagnostic.help("a secret has replicas in other regions only: leave this one out"));
        }
    }
    diagnostics
}

/// The same where only the caller's credentials tell the region: it is left out there.
pub(crate) fn replica_at_home(manifest: &Manifest, rule: &Rule, home: &str) -> Option<Diagnostic> {
    let replicate_to = &rule.policy.replicate_to;
    let is_of_caller = homes(rule, manifest).iter().all(Option::is_none);
    let is_home = is_of_caller && replicate_to.value.iter().any(|to| to == home);
    let source = replicate_to.source.as_ref().filter(|_| is_home)?;
    let message = format!("the secrets are in {} already", quote(home));
    let label = manifest.sources.label(source, "replicates them there");
    Some(Diagnostic::warning(Code::HomeRegion, message, label).help("leave this one out"))
}

/// The regions of the accounts that a rule is known to hold in; `None` stands for that of the caller.
fn homes<'a>(rule: &Rule, manifest: &'a Manifest) -> Vec<Option<&'a str>> {
    if manifest.is_of_caller() {
        return vec![None];
    }
    // In which of its accounts the rule holds, and that these are all, is known when AWS was asked.
    let found = manifest.organization.as_ref().map(|organization| organization.region.as_deref());
    let holds = |(name, account): &(&String, &DeclaredAccount)| {
        let matches = |pattern: &Pattern| pattern.matches(name) || pattern.matches(&account.id);
        rule.accounts.is_empty() || rule.accounts.iter().any(matches)
    };
    let declared = manifest.accounts.iter().filter(holds);
    let declared = declared.map(|(_, account)| account.region.as_deref().or(found.flatten()));
    found.into_iter().chain(declared).collect()
}

/// A rule, and the accounts it holds in; `None` stands for all.
pub(super) struct Reach<'a> {
    pub rule: &'a Rule,
    accounts: Vec<Option<String>>,
}

impl<'a> Reach<'a> {
    pub fn of(rule: &'a Rule, manifest: &Manifest) -> Self {
        Self { rule, accounts: known_accounts(rule, &manifest.accounts) }
    }

    fn template(&self) -> &'a str {
        &self.rule.policy.secret.value
    }

    /// Whether both could hold in one account. A rule for accounts of which none is declared may hold anywhere.
    pub fn meets(&self, other: &Self) -> bool {
        let anywhere = |accounts: &[Option<String>]| accounts.is_empty() || accounts.contains(&None);
        anywhere(&self.accounts)
            || anywhere(&other.accounts)
            || self.accounts.iter().any(|account| other.accounts.contains(account))
    }

    pub fn excepts(&self, user: &str) -> bool {
        self.rule.except.matches(user)
    }

    /// The patterns of its users; without `users`, anyone.
    fn users(&self) -> Vec<Option<&'a Pattern>> {
        match &*self.rule.users {
            [] => vec![None],
            users => users.iter().map(Some).collect(),
        }
    }

    fn label(&self, user: Option<&Pattern>, sources: &Sources, text: &str) -> Label {
        match user {
            Some(user) => sources.label_part(&self.rule.source, &user.span, text),
            None => sources.label(&self.rule.source, text),
        }
    }
}

/// The secret of a user, as the roster names it.
fn fill(template: &str, user: &str) -> String {
    template.replace(USER, user).replace(',', "_")
}

/// Two names that stand in manifests. Each name is looked at once.
fn named_users(rules: &[Reach], sources: &Sources) -> Vec<Diagnostic> {
    let mut seen: HashMap<String, Vec<(&Reach, &Pattern)>> = HashMap::new();
    // A name may stand in any number of rules; once is enough to compare with.
    let mut known = HashSet::new();
    let mut diagnostics = Vec::new();
    for reach in rules {
        for user in reach.rule.users.iter().filter(|user| user.is_exact() && !reach.excepts(&user.text)) {
            let secret = fill(reach.template(), &user.text);
            let owners = seen.entry(secret.clone()).or_default();
            // The same name in two rules is another mistake.
            let other = owners
                .iter()
                .find(|(other, name)| !name.text.eq_ignore_ascii_case(&user.text) && other.meets(reach))
                .copied();
            if let Some((other, name)) = other {
                let message = format!(
                    "users {} and {} would share the secret {}",
                    quote(&name.text),
                    quote(&user.text),
                    quote(&secret)
                );
                let comma = name.text.contains(',') || user.text.contains(',');
                let help = match comma {
                    true => {
                        "names of secrets can't hold `,`, which becomes `_`; give one of the users a rule with another `secret`"
                    }
                    false => "give one of the users a rule with another `secret`",
                };
                let diagnostic =
                    Diagnostic::error(Code::SharedSecret, message, reach.label(Some(user), sources, "this user"))
                        .label(other.label(Some(name), sources, "and this one"))
                        .help(help);
                diagnostics.push(diagnostic);
            }
            if known.insert((secret, user.text.to_ascii_lowercase(), &reach.accounts)) {
                owners.push((reach, user));
            }
        }
    }
    diagnostics
}

/// Two different templates of which one, filled in for one user, may be the other, filled in for another: with `…/{user}`
/// and `…/admin-{user}`, `bob` could have the secret of `admin-bob`. One complaint for each two.
fn templates(rules: &[Reach], sources: &Sources) -> Vec<Diagnostic> {
    let mut by_template: BTreeMap<&str, Vec<&Reach>> = BTreeMap::new();
    for reach in rules {
        by_template.entry(reach.template()).or_default().push(reach);
    }
    let mut templates: Vec<_> =
        by_template.iter().map(|(template, rules)| (around(template), *template, rules)).collect();
    templates.sort_by_key(|((before, _), template, _)| (*before, *template));
    let mut known: Meeting<(), Filling> = Meeting::new();
    let mut diagnostics = Vec::new();
    for (at, ((before, after), template, rules)) in templates.into_iter().enumerate() {
        let own = Filling { at, template, rules, tokens: tokens(template, None) };
        // Most differ at their starts or ends, and that is cheap to see.
        let others: BTreeMap<usize, &Filling> =
            known.may_meet(None, before, after).map(|other| (other.at, other)).collect();
        for other in others.into_values().filter(|other| could_coincide(&other.tokens, &own.tokens)) {
            diagnostics.extend(first_collision(other.template, other.rules, template, rules, sources));
        }
        known.insert(&(), before, after, own);
    }
    diagnostics
}

/// A template, filled in for anyone.
struct Filling<'a> {
    at: usize,
    template: &'a str,
    rules: &'a [&'a Reach<'a>],
    tokens: Vec<Token>,
}

/// What stands before the first `{user}` and after the last; without any, the whole for both.
fn around(template: &str) -> (&str, &str) {
    let before = template.split(USER).next().unwrap_or(template);
    (before, template.rsplit(USER).next().unwrap_or(template))
}

/// The first two in the order of the rules.
fn first_collision(
    one: &str,
    ones: &[&Reach],
    other: &str,
    others: &[&Reach],
    sources: &Sources,
) -> Option<Diagnostic> {
    let mut known = Meeting::new();
    for (second, reach) in others.iter().enumerate() {
        for (at, user) in reach.users().into_iter().enumerate() {
            let filled = filled(other, user);
            let place = (second, at, user, tokens(other, user));
            known.insert(&(), filled.literal_prefix(), filled.literal_suffix(), place);
        }
    }
    for first in ones {
        let users = first.users();
        let found = users.iter().enumerate().filter_map(|(at, user)| {
            let (filled, tokens) = (filled(one, *user), tokens(one, *user));
            let alike = known.may_meet(None, filled.literal_prefix(), filled.literal_suffix());
            let met = alike.filter(|(second, _, other_user, other_tokens)| {
                let second = others[*second];
                first.meets(second)
                    && !is_ruled_out(first, one, *user, second, other, *other_user)
                    && could_coincide(&tokens, other_tokens)
            });
            let (second, other_at, other_user, _) = met.min_by_key(|(second, other_at, ..)| (*second, *other_at))?;
            Some(((*second, at, *other_at), *user, *other_user))
        });
        if let Some(((second, ..), user, other_user)) = found.min_by_key(|(order, ..)| *order) {
            return Some(complaint([(first, one, user), (others[second], other, other_user)], sources));
        }
    }
    None
}

/// A template with a pattern of users in it; `None`: any user.
fn filled(template: &str, user: Option<&Pattern>) -> Pattern {
    Pattern::new(&fill(template, user.map_or("*", |user| &user.text)))
}

/// Two names are told apart exactly, elsewhere. Where one name stands, the other user is known, and may be excepted.
fn is_ruled_out(
    first: &Reach,
    one: &str,
    user: Option<&Pattern>,
    second: &Reach,
    other: &str,
    other_user: Option<&Pattern>,
) -> bool {
    let exact = |user: Option<&Pattern>| user.filter(|user| user.is_exact()).map(|user| user.text.clone());
    match (exact(user), exact(other_user)) {
        (Some(_), Some(_)) => true,
        (Some(name), None) => is_excepted((first, one, &name), (second, other)),
        (None, Some(name)) => is_excepted((second, other, &name), (first, one)),
        (None, None) => false,
    }
}

fn is_excepted((reach, template, name): (&Reach, &str, &str), (second, other): (&Reach, &str)) -> bool {
    let secret = fill(template, name);
    let (start, end) = other.split_once(USER).unwrap_or((other, ""));
    let its_user = secret.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    reach.excepts(name) || its_user.is_some_and(|user| second.excepts(user) || user.eq_ignore_ascii_case(name))
}

fn complaint(sides: [(&Reach, &str, Option<&Pattern>); 2], sources: &Sources) -> Diagnostic {
    let [(_, one, _), (_, other, _)] = sides;
    let message = format!("two users could have one secret: {} and {} can be the same name", quote(one), quote(other));
    let label = |(reach, template, user): (&Reach, &str, Option<&Pattern>)| match &reach.rule.policy.secret.source {
        Some(source) if *source.file != *reach.rule.source.file || source.line > reach.rule.source.line => {
            sources.label(source, "")
        }
        _ => reach.label(user, sources, &format!("has the secret {}", quote(template))),
    };
    let help = "let `/`, which names of users can't hold, tell them apart, e.g. `/aws/iam/credentials/admin/{user}` beside \
                `/aws/iam/credentials/{user}`; or let the rules select names that can't meet";
    Diagnostic::error(Code::SecretsMeet, message, label(sides[1])).label(label(sides[0])).help(help)
}

/// A part of what a secret's name may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// Of the template.
    Char(char),
    /// Of a user's name, which compares without case.
    Letter(char),
    /// `?` in the pattern of a user.
    One,
    /// `*` there.
    Many,
}

/// The template with a pattern of users filled in; `None`: any user.
fn tokens(template: &str, user: Option<&Pattern>) -> Vec<Token> {
    let letter = |c: char| match c {
        '*' => Token::Many,
        '?' => Token::One,
        // As the roster writes it.
        ',' => Token::Char('_'),
        c => Token::Letter(c.to_ascii_lowercase()),
    };
    let name: Vec<Token> = user.map_or_else(|| vec![Token::Many], |user| user.text.chars().map(letter).collect());
    let mut tokens = Vec::new();
    for (index, part) in template.split(USER).enumerate() {
        if index > 0 {
            tokens.extend_from_slice(&name);
        }
        tokens.extend(part.chars().map(Token::Char));
    }
    tokens
}

/// Whether there is a name that both describe. The wildcards stand for what names of users may hold, and nothing has a case.
pub(super) fn could_be_same(one: &Pattern, other: &Pattern) -> bool {
    // Most differ in the first letters or the last, and that is cheap to see.
    let starts = one.literal_prefix().bytes().zip(other.literal_prefix().bytes());
    let ends = one.literal_suffix().bytes().rev().zip(other.literal_suffix().bytes().rev());
    starts.chain(ends).all(|(a, b)| a.eq_ignore_ascii_case(&b))
        && could_coincide(&tokens(USER, Some(one)), &tokens(USER, Some(other)))
}

/// Whether there is a text that both describe. Wildcards stand for what names of users may hold.
fn could_coincide(one: &[Token], other: &[Token]) -> bool {
    // What is left of the other, by how much of it: `true` if it may be the same as what is left of the one.
    let mut next: Vec<bool> = Vec::new();
    for at in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for other_at in (0..=other.len()).rev() {
            let (a, b) = (one.get(at), other.get(other_at));
            row[other_at] = match (a, b) {
                (None, None) => true,
                (Some(Token::Many), Some(Token::Many)) => next[other_at] || row[other_at + 1],
                (Some(Token::Many), Some(b)) => next[other_at] || is_of_a_name(*b) && row[other_at + 1],
                (Some(Token::Many), None) => next[other_at],
                (Some(a), Some(Token::Many)) => row[other_at + 1] || is_of_a_name(*a) && next[other_at],
                (None, Some(Token::Many)) => row[other_at + 1],
                (Some(a), Some(b)) => may_be_same(*a, *b) && next[other_at + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
        next = row;
    }
    next[0]
}

/// Whether it may stand in the name of a user, the comma replaced.
fn is_of_a_name(token: Token) -> bool {
    match token {
        Token::Char(c) | Token::Letter(c) => c.is_ascii_alphanumeric() || "+=.@_-".contains(c),
        Token::One | Token::Many => true,
    }
}

fn may_be_same(a: Token, b: Token) -> bool {
    match (a, b) {
        (Token::Char(a), Token::Char(b)) => a == b,
        (Token::Char(a) | Token::Letter(a), Token::Char(b) | Token::Letter(b)) => a.eq_ignore_ascii_case(&b),
        (Token::One | Token::Many, other) | (other, Token::One | Token::Many) => is_of_a_name(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coincide(one: (&str, &str), other: (&str, &str)) -> bool {
        let tokens = |(template, user): (&str, &str)| tokens(template, Some(&Pattern::new(user)));
        let forth = could_coincide(&tokens(one), &tokens(other));
        assert_eq!(forth, could_coincide(&tokens(other), &tokens(one)), "{one:?} {other:?}");
        forth
    }

    #[test]
    fn templates_meet_where_a_name_may_stand() {
        for (one, other, expected) in [
            (("/x/{user}", "*"), ("/x/admin-{user}", "*"), true),
            (("/x/{user}", "ci-*"), ("/x/admin-{user}", "bob"), false),
            (("/x/{user}", "admin-*"), ("/x/admin-{user}", "bob"), true),
            (("/x/{user}", "ADMIN-B?B"), ("/x/admin-{user}", "bob"), true),
            (("/x/{user}", "admin-?"), ("/x/admin-{user}", "bob"), false),
            (("/x/{user}", "*"), ("/x/y/{user}", "*"), false),
            (("/x/{user}", "*"), ("/x/{user}/y", "*"), false),
            (("/x/{user}", "*"), ("/X/{user}", "*"), false),
            (("a-{user}", "*"), ("{user}-a", "*"), true),
            (("a-{user}", "*"), ("{user}/a", "*"), false),
            (("{user}", "a,*"), ("x_{user}", "*"), false),
            (("{user}", "a,*"), ("a_{user}", "*"), true),
            (("x/y", "a"), ("x/{user}", "*"), true),
            (("x/y", "a"), ("x/{user}", "z*"), false),
            (("{user}/{user}", "*"), ("a/{user}", "*"), true),
        ] {
            assert_eq!(coincide(one, other), expected, "{one:?} {other:?}");
        }
    }
}
