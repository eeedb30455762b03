//! Rosters: the manifest resolved against the users of an account.

use std::{collections::BTreeMap, sync::Arc};

use keyrota::{
    inventory::{Account, CallError, ErrorKind, Membership, SmtpUse, Unit, User},
    manifest::{self, Diagnostic, Manifest},
    plan::WaitingOn,
    roster::{self, Relevance, Roster},
};
use serde::Deserialize;

use crate::{
    golden::{self, Case},
    manifest::{load_text, now, with_folder},
};

/// The section `users`: the account, and its users.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestAccount {
    #[serde(default = "default_id")]
    id: String,
    name: Option<String>,
    /// The paths of its units, from the top down; with them it is one of an organisation.
    #[serde(default)]
    units: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    user: Vec<TestUser>,
}

fn default_id() -> String {
    "111122223333".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestUser {
    name: String,
    path: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    unreadable: bool,
}

fn account(id: &str, name: Option<&str>) -> Account {
    Account {
        id: id.to_owned(),
        name: name.map(str::to_owned),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    }
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        arn: format!("arn:aws:iam::111122223333:user/{name}"),
        path: "/".to_owned(),
        tags: BTreeMap::new(),
        groups: Vec::new(),
        smtp: SmtpUse::NoSign,
        unreadable: None,
    }
}

fn users_of(test: Vec<TestUser>) -> Vec<User> {
    let denied = |name: &str| CallError {
        kind: ErrorKind::Denied,
        operation: "iam:ListUserTags",
        subject: name.to_owned(),
        message: "no".to_owned(),
        hint: None,
    };
    let user = |test: TestUser| User {
        path: test.path.unwrap_or("/".to_owned()),
        unreadable: test.unreadable.then(|| denied(&test.name)),
        tags: test.tags,
        groups: test.groups,
        ..user(&test.name)
    };
    test.into_iter().map(user).collect()
}

pub fn resolve_case(case: &Case, manifest: &Manifest) -> (Roster, Vec<Diagnostic>) {
    let section = case.section("users").expect("a section of users");
    let test: TestAccount = toml::from_str(section).unwrap_or_else(|error| panic!("{}: {error}", case.path.display()));
    let unit = |(number, path): (usize, &String)| Unit { id: format!("ou-ab12-0000000{number}"), path: path.clone() };
    let units: Vec<Unit> = test.units.iter().enumerate().map(unit).collect();
    let membership =
        (!units.is_empty()).then(|| Arc::new(Membership { units, tags: test.tags, ..Membership::default() }));
    let account = Account { membership, ..account(&test.id, test.name.as_deref()) };
    roster::resolve(manifest, &account, &users_of(test.user), now())
}

/// The roster in lines, and the warnings.
fn show(case: &Case) -> String {
    with_folder(case, |folder| {
        let loaded = manifest::load(folder, now());
        let manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let (roster, warnings) = resolve_case(case, &manifest);
        let mut text = String::new();
        for entry in &roster.entries {
            let exempt = entry.exempt.as_ref().map(|exempt| format!("; exempt: {}", exempt.reason)).unwrap_or_default();
            let nobody = if entry.tell_nobody() { "; tells nobody" } else { "" };
            let recipients = entry.recipients.join(", ");
            let age = entry.policy.max_age.value.num_days();
            let without: String =
                entry.without_address.iter().map(|one| format!("; {}", one.of(&entry.user.name))).collect();
            let conflict = entry.conflict.as_ref().map(|conflict| format!("; blocked: {}", WaitingOn::from(conflict)));
            let line = format!("{} by {}: {age}d, {}, [{recipients}]", entry.user.name, entry.rule, entry.secret);
            text += &format!("{line}{exempt}{nobody}{without}{}\n", conflict.unwrap_or_default());
        }
        text += &format!("unmanaged: {}\n", roster.unmanaged.len());
        for warning in warnings {
            text += &format!("\n{}\n", warning.render(false));
        }
        text.replace(&folder.display().to_string(), "manifests")
    })
}

#[test]
fn rules_select_users() {
    golden::check_all("roster", show);
}

fn manifest(rules: &str) -> Manifest {
    let loaded = load_text(&format!("version = 1\n[defaults]\nnotify = []\n{rules}"));
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

#[test]
fn relevance_is_optimistic() {
    let manifest = manifest(
        "[[rotate]]\naccounts = [\"111122223333\"]\nusers = [\"ci-*\"]\ntags = { team = \"x\" }\nexcept = [\"ci-not\"]\n\
         [[rotate]]\npath = \"/apps/*\"\ngroups = [\"deployers\"]\n",
    );
    let here = account("111122223333", None);
    let elsewhere = account("444455556666", None);
    for (account, name, path, expected) in [
        (&here, "CI-deployer", "/", true),
        (&here, "ci-not", "/", false),
        (&here, "someone", "/", false),
        (&here, "someone", "/apps/web/", true),
        (&here, "ci-not", "/apps/", true),
        (&elsewhere, "ci-deployer", "/", false),
        (&elsewhere, "ci-deployer", "/apps/", true),
    ] {
        assert_eq!(Relevance::new(&manifest, account).includes(name, path), expected, "{name} {path}");
    }
}

#[test]
fn a_full_account_resolves_against_many_rules() {
    let globs: String = (0..500).map(|n| format!("[[rotate]]\nusers = [\"team{n}-*\"]\n")).collect();
    let names: String = (0..2_000).map(|n| format!("[[rotate]]\nusers = [\"user-{n}\"]\n")).collect();
    let manifest = manifest(&(globs + &names));
    let users: Vec<User> = (0..5_000).rev().map(|n| user(&format!("USER-{n}"))).chain([user("team7-x")]).collect();
    let (roster, warnings) = roster::resolve(&manifest, &account("111122223333", None), &users, now());
    assert_eq!((roster.entries.len(), roster.unmanaged.len(), warnings.len()), (2_001, 3_000, 499));
    assert!(roster.entries.is_sorted_by(|a, b| a.user.name < b.user.name));
}

/// xorshift: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % most
    }

    /// Letters of this alphabet, some.
    fn text(&mut self, alphabet: &[u8]) -> String {
        (0..=self.below(3)).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    fn list(&mut self, alphabet: &[u8], most: usize) -> String {
        let texts: Vec<String> = (0..=self.below(most)).map(|_| format!("\"{}\"", self.text(alphabet))).collect();
        format!("[{}]", texts.join(", "))
    }
}

/// Which rules select whom is found without trying each, by whatever selector: that is the same as trying each.
#[test]
fn rules_that_are_looked_up_are_those_that_select() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut selected, mut conflicts) = (0, 0);
    for round in 0..60 {
        let rule = |random: &mut Random| {
            let mut text = "[[rotate]]\n".to_owned();
            let kind = 1 + random.below(15);
            let long = if random.below(4) == 0 { 12 } else { 2 };
            if kind & 1 > 0 {
                text += &format!("users = {}\n", random.list(b"abAB*?", long));
            }
            if kind & 2 > 0 {
                let (key, values) = (["k", "K", "l"][random.below(3)], random.list(b"ab*?", long));
                text += &format!("tags = {{ {key} = {values} }}\n");
            }
            if kind & 4 > 0 {
                text += &format!("groups = {}\n", random.list(b"abB*?", long));
            }
            if kind & 8 > 0 {
                text += &format!("path = [\"/{}/*\", \"*{}/\"]\n", random.text(b"ab"), random.text(b"ab?"));
            }
            if random.below(2) == 0 {
                text += &format!("except = {}\n", random.list(b"abAB*?", long));
            }
            text
        };
        // Two rules that name a user exactly are an error: those are left out.
        let texts: Vec<String> = (0..12).map(|_| rule(&mut random)).collect();
        let texts = texts.iter().fold(Vec::<String>::new(), |mut sound, text| {
            let all = format!("version = 1\n[defaults]\nnotify = []\n{}{text}", sound.concat());
            if load_text(&all).manifest.is_some() {
                sound.push(text.clone());
            }
            sound
        });
        let manifest = manifest(&texts.concat());
        let users: Vec<User> = (0..40)
            .map(|number| User {
                // Names are unique, without case.
                name: format!("{}{}", random.text(b"abAB"), ["", "-x"][number % 2]),
                path: ["/", "/a/", "/ab/b/"][random.below(3)].to_owned(),
                tags: [("k".to_owned(), random.text(b"ab")), ("L".to_owned(), random.text(b"ab"))].into(),
                groups: (0..random.below(3)).map(|_| random.text(b"abB")).collect(),
                ..user("")
            })
            .collect();
        let (roster, _) = roster::resolve(&manifest, &account("111122223333", None), &users, now());
        let relevance = Relevance::new(&manifest, &roster.account);
        let mut in_scope = roster.entries.iter().collect::<Vec<_>>();
        for user in &users {
            let all = manifest.rules.iter().filter_map(|rule| Some((rule, roster::selects(rule, user)?)));
            let all: Vec<_> = all.collect();
            let is_exact = all.iter().any(|(_, is_exact)| *is_exact);
            let best: Vec<_> =
                all.iter().filter(|(_, exact)| *exact == is_exact).map(|(rule, _)| &rule.source).collect();
            assert!(best.is_empty() || relevance.includes(&user.name, &user.path), "round {round}: {user:?}");
            let at = in_scope.iter().position(|entry| entry.user == *user);
            let entry = at.map(|at| in_scope.swap_remove(at));
            assert_eq!(entry.map(|entry| &entry.rule), best.first().copied(), "round {round}: {user:?}");
            let is_ambiguous =
                entry.is_some_and(|entry| matches!(entry.conflict, Some(roster::Conflict::AmbiguousRules { .. })));
            assert_eq!(is_ambiguous, best.len() > 1, "round {round}: {user:?}");
            selected += best.len().min(1);
            conflicts += usize::from(is_ambiguous);
        }
        assert!(in_scope.is_empty());
    }
    assert!(selected > 400 && conflicts > 100, "{selected} users were selected, {conflicts} twice");
}
