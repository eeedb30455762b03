//! Which users belong together: by the tag or the path that splits them best into teams.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use crate::{cloud::sandbox::IamUser, manifest::recipients::addresses_in, untrusted::printable};

/// Tags that mean people, most of all first; then what people work on.
const PEOPLE: [&str; 7] = ["team", "squad", "owner", "group", "department", "dept", "unit"];
const WORK: [&str; 8] =
    ["project", "product", "service", "app", "application", "cost-center", "costcenter", "component"];
/// Tags that mean no people, however well they split.
const OTHERS: [&str; 9] =
    ["env", "environment", "stage", "name", "description", "managed-by", "managedby", "created-by", "createdby"];
/// A folder of so many files would help nobody.
const MOST_TEAMS: usize = 300;

/// A tag that one in so many users has says more than a path that one in so many are below: who sets it means a team.
const LEAST_BY_TAG: usize = 3;
const LEAST_BY_PATH: usize = 2;

/// What users are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The value of this tag.
    Tag(String),
    /// The part of the path in which they differ.
    Path,
    /// Nothing: one rule for everyone.
    Nothing,
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "path" => Ok(Self::Path),
            None if text == "none" => Ok(Self::Nothing),
            Some(("tag", key)) if !key.trim().is_empty() => Ok(Self::Tag(key.to_owned())),
            _ => Err("write `tag:NAME`, e.g. `tag:team`, or `path`, or `none`".to_owned()),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(key) => write!(f, "tag:{key}"),
            Self::Path => f.write_str("path"),
            Self::Nothing => f.write_str("none"),
        }
    }
}

/// How a rule selects a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    Tag {
        key: String,
        value: String,
    },
    /// This path and everything below it, or nothing but this path.
    Path {
        path: String,
        below: bool,
    },
    Everyone,
    /// Each by its name: what tag or path leaves over.
    Names,
}

/// Users that belong together.
#[derive(Clone, Debug)]
pub(super) struct Team<'a> {
    /// What its file is called after.
    pub name: String,
    pub selector: Selector,
    /// Those with an active key.
    pub users: Vec<&'a IamUser>,
}

/// Groups the users; without `by`, by what splits them best.
///
/// # Errors
/// What was asked for splits nobody.
pub(super) fn teams<'a>(users: &[&'a IamUser], by: Option<By>) -> Result<(By, Vec<Team<'a>>), String> {
    let by = match by {
        Some(by) => by,
        None => best(users),
    };
    let teams = match &by {
        By::Nothing if users.is_empty() => Vec::new(),
        By::Nothing => vec![Team { name: "users".to_owned(), selector: Selector::Everyone, users: users.to_vec() }],
        By::Tag(key) => by_tag(users, key),
        By::Path => by_path(users),
    };
    if !users.is_empty() && teams.iter().all(|team| team.selector == Selector::Names) {
        return Err(match &by {
            By::Tag(key) => {
                let tags: BTreeSet<String> =
                    users.iter().flat_map(|user| user.tags.keys()).map(|key| printable(key)).collect();
                let there_are = match tags.is_empty() {
                    true => "they have no tags at all".to_owned(),
                    false => format!("they have {}", tags.into_iter().take(20).collect::<Vec<_>>().join(", ")),
                };
                format!(
                    "no user with an active key has the tag `{}` with a value to go by: {there_are}",
                    printable(key)
                )
            }
            _ => "all users with an active key are at the path `/`, which splits nobody".to_owned(),
        });
    }
    Ok((by, teams))
}

/// The grouping of the highest score; nothing, where none brings people together.
fn best(users: &[&IamUser]) -> By {
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    for key in users.iter().flat_map(|user| user.tags.keys()) {
        *keys.entry(key.to_ascii_lowercase()).or_default() += 1;
    }
    // A key that few have splits nobody; an account may have thousands of those.
    let keys = keys.into_iter().filter(|(_, count)| LEAST_BY_TAG * count >= users.len()).map(|(key, _)| key);
    let tags = keys.filter(|key| is_candidate(users, key)).filter_map(|key| {
        let place = |keys: &[&str]| keys.iter().position(|own| *own == key);
        let bonus = match (place(&PEOPLE), place(&WORK)) {
            (Some(place), _) => 40 - place,
            (None, Some(place)) => 20 - place,
            (None, None) => 0,
        };
        let score = score(&by_tag(users, &key), users.len(), LEAST_BY_TAG)? + bonus;
        Some((score, By::Tag(spelling(users, &key))))
    });
    let path = score(&by_path(users), users.len(), LEAST_BY_PATH).map(|score| (score + 10, By::Path));
    let all = tags.chain(path);
    all.max_by_key(|(score, by)| (*score, Reverse(by.to_string()))).map_or(By::Nothing, |(_, by)| by)
}

/// The share of the users, in percent, that are in a group with others; `None` where it splits less than one in
/// `share` of them, or not at all.
fn score(teams: &[Team<'_>], users: usize, share: usize) -> Option<usize> {
    let named: Vec<_> = teams.iter().filter(|team| team.selector != Selector::Names).collect();
    let selected: usize = named.iter().map(|team| team.users.len()).sum();
    let together: usize = named.iter().map(|team| team.users.len()).filter(|users| *users > 1).sum();
    let splits =
        (2..=MOST_TEAMS).contains(&named.len()) && share * selected >= users && 2 * named.len() <= selected.max(4);
    splits.then(|| 100 * together / users)
}

/// Addresses and what AWS or programs write are no teams.
fn is_candidate(users: &[&IamUser], key: &str) -> bool {
    if key.starts_with("aws:") || OTHERS.contains(&key) {
        return false;
    }
    let values = || users.iter().filter_map(|user| value(user, key));
    2 * values().filter(|value| !addresses_in(value).is_empty()).count() <= values().count()
}

/// The key as most users have it.
fn spelling(users: &[&IamUser], key: &str) -> String {
    let mut spellings: BTreeMap<&str, usize> = BTreeMap::new();
    for own in users.iter().flat_map(|user| user.tags.keys()).filter(|own| own.eq_ignore_ascii_case(key)) {
        *spellings.entry(own).or_default() += 1;
    }
    let most = spellings.into_iter().max_by_key(|(spelling, count)| (*count, Reverse(*spelling)));
    most.map_or_else(|| key.to_owned(), |(spelling, _)| spelling.to_owned())
}

fn value<'a>(user: &'a IamUser, key: &str) -> Option<&'a str> {
    let mut own = user.tags.iter().filter(|(own, _)| own.eq_ignore_ascii_case(key));
    own.next().map(|(_, value)| value.as_str())
}

fn by_tag<'a>(users: &[&'a IamUser], key: &str) -> Vec<Team<'a>> {
    let key = spelling(users, key);
    let team = |value: &str| Selector::Tag { key: key.clone(), value: value.to_owned() };
    grouped(users, &|user| value(user, &key).filter(|value| is_pattern(&key) && is_pattern(value)), &team)
}

fn by_path<'a>(users: &[&'a IamUser]) -> Vec<Team<'a>> {
    let segments =
        |user: &'a IamUser| -> Vec<&'a str> { user.path.split('/').filter(|part| !part.is_empty()).collect() };
    let below: Vec<Vec<&str>> = users.iter().map(|user| segments(user)).filter(|parts| !parts.is_empty()).collect();
    // Where all paths begin alike, that says nothing.
    let shared = match below.split_first() {
        None => 0,
        Some((first, others)) => {
            let alike = |other: &Vec<&str>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
            others.iter().map(alike).min().unwrap_or_default()
        }
    };
    let prefix: String =
        below.first().map_or_else(String::new, |first| first[..shared].iter().map(|part| format!("/{part}")).collect());
    let exactly = format!("{prefix}/");
    let team = |user: &'a IamUser| {
        let parts = segments(user);
        let is_fine = !parts.is_empty() && is_pattern(&user.path);
        is_fine.then(|| parts.get(shared).copied().unwrap_or_default())
    };
    let selector = |part: &str| match part {
        "" => Selector::Path { path: exactly.clone(), below: false },
        part => Selector::Path { path: format!("{prefix}/{part}/"), below: true },
    };
    let mut teams = grouped(users, &team, &selector);
    for team in &mut teams {
        if let Selector::Path { path, below: false } = &team.selector {
            team.name = path.trim_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        }
    }
    teams
}

/// Teams by name, and last those without one.
fn grouped<'a>(
    users: &[&'a IamUser],
    team: &dyn Fn(&'a IamUser) -> Option<&'a str>,
    selector: &dyn Fn(&str) -> Selector,
) -> Vec<Team<'a>> {
    let mut groups: BTreeMap<&str, Vec<&IamUser>> = BTreeMap::new();
    let mut rest = Vec::new();
    for user in users {
        match team(user) {
            Some(name) => groups.entry(name).or_default().push(user),
            None => rest.push(*user),
        }
    }
    let mut teams: Vec<Team> = groups
        .into_iter()
        .map(|(name, users)| Team { name: name.to_owned(), selector: selector(name), users })
        .collect();
    if !rest.is_empty() {
        teams.push(Team { name: "others".to_owned(), selector: Selector::Names, users: rest });
    }
    teams
}

/// Whether a selector can say it as it stands. What is left over is selected by name.
fn is_pattern(text: &str) -> bool {
    text.chars().count() <= 256 && text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
}
