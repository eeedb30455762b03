//! Who is in scope: the manifest resolved against the users of one account.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map},
    ops::Range,
    sync::Arc,
};

use chrono::{DateTime, Utc};

use crate::{
    inventory::{Account, User},
    manifest::{
        Code, Diagnostic, Exemption, Label, Mail, Manifest, Pattern, Policy, Rule, Source,
        diagnostic::{nearest, quote},
        duplicates::listed,
        schedule::Runs,
        secrets::replica_at_home,
        values::{addresses_in, is_bare_address},
    },
    notice::Recipient,
};

/// For how many rules that select nobody a name is suggested.
const SUGGESTIONS: usize = 20;

/// One entry for each user in scope, sorted by name.
#[derive(Clone, Debug)]
pub struct Roster {
    /// Whose users these are.
    pub account: Account,
    /// Who is in scope, by name.
    pub entries: Vec<Entry>,
    /// The users that no rule selects, by name.
    pub unmanaged: Vec<User>,
    /// What `[defaults]` says: how old a key may get of which no rule speaks.
    pub defaults: Arc<Policy>,
    /// Who tells, and who is told when the owner can't be.
    pub mail: Mail,
    /// When scheduled runs come.
    pub runs: Runs,
    /// How many rotations a run begins; `None`: as many as are due.
    pub pace: Option<usize>,
}

impl Roster {
    /// The entry of a user, by its name as IAM spells it.
    pub fn entry(&self, user: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.user.name.as_str().cmp(user)).ok()?;
        self.entries.get(at)
    }
}

/// A user in scope, with the policy that holds for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The IAM user.
    pub user: User,
    /// The `[[rotate]]` that selects it.
    pub rule: Source,
    /// What holds for it.
    pub policy: Arc<Policy>,
    /// The name of its secret: the template filled in, `,` replaced by `_`.
    pub secret: String,
    /// Whom to tell: addresses, and tags resolved. Empty with [`Entry::tell_nobody`] unset: nobody can be told.
    pub recipients: Vec<String>,
    /// What `notify` names, and the user has no address in.
    pub without_address: Vec<WithoutAddress>,
    /// The exemption that holds now.
    pub exempt: Option<Exemption>,
    /// What the manifests say twice of this user: nothing is done until someone decides.
    pub conflict: Option<Conflict>,
}

/// Where an address should be, and is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WithoutAddress {
    /// The user has no such tag.
    NoTag(String),
    /// The user's tag of this name says something else.
    Tag(String),
    /// The user is to be told at its name, which is no address.
    UserName,
}

impl WithoutAddress {
    /// Says so of a user.
    pub fn of(&self, user: &str) -> String {
        let user = quote(user);
        match self {
            Self::NoTag(tag) => format!("{user} has no tag {}", quote(tag)),
            Self::Tag(tag) => format!("the tag {} of {user} holds no mail address", quote(tag)),
            Self::UserName => format!("the name of {user} is no mail address"),
        }
    }
}

/// Two places in the manifests that contradict each other for a user that exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Conflict {
    /// Two rules of the same rank select it.
    AmbiguousRules { rules: [Source; 2] },
    /// Another user has the same secret. Each place is what selects the one and the other.
    SharedSecret { secret: String, other: String, places: [Source; 2] },
}

impl Entry {
    /// Whether a rule selects it; it may be in scope because of its exemption alone, and is unmanaged when that ends.
    pub fn is_selected(&self) -> bool {
        self.exempt.as_ref().is_none_or(|exemption| exemption.source != self.rule)
    }

    /// Whether the manifest says `notify = []`.
    pub fn tell_nobody(&self) -> bool {
        self.policy.notify.value.is_empty()
    }
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
        entry(rule, user, own, account, now)
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
                let (places, warning) = ambiguous(manifest, user, rules, one.is_exact);
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
    warnings.extend(matching.clone().flat_map(|(rule, _)| unmatched_names(manifest, rule, account, users, &known)));
    warnings.extend(unmatched_exemptions(manifest, account, users, &known, now));
    let at_home: Vec<_> = matching.filter_map(|(rule, _)| replica_at_home(manifest, rule, &account.region)).collect();
    // What `[defaults]` says is said once.
    let mut said = HashSet::new();
    warnings.extend(at_home.into_iter().filter(|one| said.insert((one.file().to_owned(), one.line(), one.column()))));
    let runs = Runs::new(&manifest.schedule, now);
    let (mail, pace) = (manifest.mail.clone(), manifest.pace.max_rotations());
    let defaults = Arc::clone(&manifest.defaults);
    let roster = Roster { account: account.clone(), entries, unmanaged, defaults, mail, runs, pace };
    (roster, warnings)
}

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
struct Index<'a> {
    rules: Vec<&'a Rule>,
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
    fn by_name(&self, name: &str) -> impl Iterator<Item = &usize> {
        let prefixes = (0..=name.len()).filter_map(move |end| self.prefixes.get(name.get(..end)?));
        let suffixes = (0..name.len()).filter_map(move |start| self.suffixes.get(name.get(start..)?));
        prefixes.chain(suffixes).flatten()
    }

    fn by_path(&self, path: &str) -> impl Iterator<Item = &usize> {
        (0..=path.len()).filter_map(move |end| self.paths.get(path.get(..end)?)).flatten()
    }

    /// Puts a rule whose names say nothing where its other selectors do.
    fn add_by_details(&mut self, rule: usize, Rule { tags, groups, paths, .. }: &Rule) {
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
    fn candidates(&self, user: &User) -> Vec<Candidate> {
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

/// `exemptions` are those of the user.
fn entry(rule: &Rule, user: &User, exemptions: &[&Exemption], account: &Account, now: DateTime<Utc>) -> Entry {
    let exempts = |exemption: &&&Exemption| is_in_force(exemption, account, now);
    let (recipients, without_address) = recipients(&rule.policy.notify.value, user);
    Entry {
        user: user.clone(),
        rule: rule.source.clone(),
        policy: rule.policy.clone(),
        secret: rule.policy.secret.value.replace("{user}", &user.name).replace(',', "_"),
        recipients,
        without_address,
        exempt: exemptions.iter().find(exempts).map(|&exemption| exemption.clone()),
        conflict: None,
    }
}

fn is_in_force(exemption: &Exemption, account: &Account, now: DateTime<Utc>) -> bool {
    exemption.account.as_ref().is_none_or(|name| is_account(name, account))
        && exemption.ends.is_none_or(|ends| now < ends)
}

/// A user that no rule selects, if it is exempt: what `[defaults]` says would hold for it.
fn exempt_entry(entry: &impl Fn(&Rule, &User) -> Entry, user: &User, manifest: &Manifest) -> Option<Entry> {
    let rule = |source: Source| Rule {
        source,
        policy: Arc::clone(&manifest.defaults),
        accounts: Vec::new(),
        users: Vec::new(),
        tags: BTreeMap::new(),
        groups: Vec::new(),
        paths: Vec::new(),
        except: Vec::new(),
    };
    let found = entry(&rule(Source { file: Arc::from(""), line: 0 }), user);
    let source = found.exempt.as_ref()?.source.clone();
    Some(Entry { rule: source, ..found })
}

/// The addresses, each once, and where there is none.
fn recipients(notify: &[Recipient], user: &User) -> (Vec<String>, Vec<WithoutAddress>) {
    let (mut recipients, mut without) = (Vec::<String>::new(), Vec::new());
    for recipient in notify {
        let addresses = match recipient {
            Recipient::Address(address) => Ok(vec![address.as_str()]),
            Recipient::UserName if is_bare_address(&user.name) => Ok(vec![user.name.as_str()]),
            Recipient::UserName => Err(WithoutAddress::UserName),
            Recipient::Tag(key) => match tag(user, key).map(addresses_in) {
                None => Err(WithoutAddress::NoTag(key.clone())),
                Some(addresses) if addresses.is_empty() => Err(WithoutAddress::Tag(key.clone())),
                Some(addresses) => Ok(addresses),
            },
        };
        match addresses {
            Ok(addresses) => {
                for address in addresses {
                    if !recipients.iter().any(|known| known.eq_ignore_ascii_case(address)) {
                        recipients.push(address.to_owned());
                    }
                }
            }
            Err(reason) => without.push(reason),
        }
    }
    (recipients, without)
}

/// The value of a tag. IAM compares the keys of tags without case.
fn tag<'a>(user: &'a User, key: &str) -> Option<&'a str> {
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

/// The two places, and the warning that shows them.
fn ambiguous(manifest: &Manifest, user: &User, rules: [&Rule; 2], is_exact: bool) -> ([Source; 2], Diagnostic) {
    let message = format!("two rules select {}: nothing is done to it", quote(&user.name));
    let labels = rules.map(|rule| {
        let (selectors, first) = why(rule, user);
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

fn place(label: &Label) -> Source {
    Source { file: label.file().into(), line: label.line }
}

/// By which of its selectors a rule selects a user, and where the first of them stands.
fn why(rule: &Rule, user: &User) -> (String, Range<usize>) {
    let first = |key: &str, patterns: &[Pattern], names: &[&str]| {
        let pattern = patterns.iter().find(|pattern| names.iter().any(|name| pattern.matches(name)))?;
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
    let span = selectors.first().map_or(0..0, |(_, span)| span.clone());
    let texts: Vec<String> = selectors.into_iter().map(|(text, _)| text).collect();
    (format!("selects it by {}", texts.join(", ")), span)
}

/// Sets the conflict of users that have the same secret, and says so.
fn shared_secrets(manifest: &Manifest, entries: &mut [Entry]) -> Vec<Diagnostic> {
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
        let span = rule.and_then(|rule| rule.users.iter().find(|user| user.matches(&entry.user.name)));
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

/// The names in a rule that are no user's, while others are: most likely a mistake, and nothing else tells.
fn unmatched_names(
    manifest: &Manifest,
    rule: &Rule,
    account: &Account,
    users: &[User],
    known: &HashSet<String>,
) -> Vec<Diagnostic> {
    let exact = rule.users.iter().filter(|user| user.is_exact());
    let unknown = exact.filter(|user| !known.contains(&user.text.to_ascii_lowercase()));
    let warning = |(position, user): (usize, &Pattern)| {
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
fn unmatched_exemptions(
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

fn unmatched_rule(manifest: &Manifest, rule: &Rule, account: &Account, users: &[User]) -> Diagnostic {
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
