//! What a repository of manifests needs beside them: two workflows for GitHub, and the root module of Terraform. None
//! takes a checkout of keyrota or a compiler.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use super::origin::{RELEASE, REPOSITORY};
use crate::{
    cloud::sandbox::{IamUser, World},
    inventory::Account,
};

/// Where the root module goes.
pub const TERRAFORM: &str = "terraform/main.tf";

/// So many users without a path are named in the boundary.
const MOST_ARNS: usize = 40;

/// A file below the folder that the command was called in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaffold {
    /// Its path in the repository.
    pub path: &'static str,
    /// What it holds.
    pub text: String,
}

/// The repository of the manifests on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    owner: String,
    name: String,
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = |text: &str| {
            let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !text.is_empty() && text.len() <= 100 && text.chars().all(is_fine) && !text.starts_with(['.', '-'])
        };
        match text.split_once('/') {
            Some((owner, name)) if is_word(owner) && is_word(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.trim_end_matches(".git").to_owned() })
            }
            _ => Err("write OWNER/REPO, the repository of the manifests on GitHub".to_owned()),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The workflows. `manifests` is the folder, as workflows name it.
pub fn github(manifests: &str) -> Vec<Scaffold> {
    let action = REPOSITORY.trim_start_matches("https://github.com/");
    let fill =
        |text: &str| text.replace("{action}", action).replace("{version}", RELEASE).replace("{manifests}", manifests);
    vec![
        Scaffold { path: ".github/workflows/keyrota-plan.yml", text: fill(include_str!("scaffold/plan.yml")) },
        Scaffold { path: ".github/workflows/keyrota-apply.yml", text: fill(include_str!("scaffold/apply.yml")) },
    ]
}

/// The root module, with roles for the workflows of a repository, if one is named.
pub fn terraform(account: &Account, world: &World, repository: Option<&Repository>) -> Scaffold {
    let github =
        repository.map_or_else(String::new, |repository| format!("\n  github = {{ repository = \"{repository}\" }}\n"));
    let text = include_str!("scaffold/main.tf")
        .replace("{repository}", REPOSITORY)
        .replace("{version}", RELEASE)
        .replace("{region}", &account.region)
        .replace("{boundary}", &boundary(account, world))
        .replace("{github}", &github);
    Scaffold { path: TERRAFORM, text }
}

/// Whose keys the function could ever reach, as a list of Terraform's: paths, and the ARNs of users without one. Where those
/// are many, by what their names begin with, for IAM allows a boundary 6,144 characters; empty where that is not enough,
/// and a person decides.
fn boundary(account: &Account, world: &World) -> String {
    let active = || world.users.iter().filter(|user| user.keys.iter().any(|key| key.is_active()));
    let path = |user: &IamUser| match user.path.split('/').nth(1) {
        Some(part) if !part.is_empty() => Some(format!("/{part}/")),
        _ => None,
    };
    let Account { id, partition, .. } = account;
    let arn = |name: &str| format!("arn:{partition}:iam::{id}:user/{name}");
    let mut reach: BTreeSet<String> = active().filter_map(path).collect();
    let names: Vec<&str> = active().filter(|user| path(user).is_none()).map(|user| user.name.as_str()).collect();
    let arns: BTreeSet<String> = match names.len() {
        0..=MOST_ARNS => names.iter().map(|name| arn(name)).collect(),
        _ => beginnings(&names).iter().map(|name| arn(name)).collect(),
    };
    if arns.len() > MOST_ARNS {
        reach.clear();
    } else {
        reach.extend(arns);
    }
    // What stands in the quotes of Terraform may be a template.
    let quoted = |text: &String| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
        format!("\"{text}\"")
    };
    format!("[{}]", reach.iter().map(quoted).collect::<Vec<_>>().join(", "))
}

/// What names begin with, up to the first mark after two characters, where others begin alike; else the name.
fn beginnings(names: &[&str]) -> BTreeSet<String> {
    let beginning = |name: &str| {
        let at = name.char_indices().skip(2).find(|(_, c)| !c.is_ascii_alphanumeric())?.0;
        Some(format!("{}*", &name[..=at]))
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    names.iter().filter_map(|name| beginning(name)).for_each(|own| *counts.entry(own).or_default() += 1);
    let shared = |name: &&str| beginning(name).filter(|own| counts[own] > 1).unwrap_or_else(|| (*name).to_owned());
    names.iter().map(shared).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::inventory::{Key, KeyId, LastUse, SmtpUse, Status};

    fn of(users: &[(&str, &str)]) -> String {
        let created = DateTime::UNIX_EPOCH;
        let key = Key { id: KeyId::new("AKIA"), status: Status::Active, created, last_use: LastUse::Never };
        let user = |&(path, name): &(&str, &str)| IamUser {
            name: name.to_owned(),
            path: path.to_owned(),
            groups: Vec::new(),
            tags: BTreeMap::new(),
            smtp: SmtpUse::NoSign,
            keys: vec![key.clone()],
        };
        let world = World { users: users.iter().map(user).collect(), ..World::default() };
        let (id, partition, region) = ("1".to_owned(), "aws".to_owned(), "eu-west-1".to_owned());
        boundary(&Account { id, name: None, partition, region, membership: None }, &world)
    }

    #[test]
    fn the_boundary_names_those_who_rotate() {
        let both = of(&[("/ci/a/", "x"), ("/ci/", "y"), ("/", "svc-a")]);
        assert_eq!(both, "[\"/ci/\", \"arn:aws:iam::1:user/svc-a\"]");
        let names: Vec<String> = (0..300).map(|n| format!("{}-{n}", ["ci", "svc", "bot"][n % 3])).collect();
        let many: Vec<_> = names.iter().map(|name| ("/", name.as_str())).chain([("/", "alone")]).collect();
        let arn = |name: &str| format!("\"arn:aws:iam::1:user/{name}\"");
        assert_eq!(of(&many), format!("[{}, {}, {}, {}]", arn("alone"), arn("bot-*"), arn("ci-*"), arn("svc-*")));
        // Hundreds that have nothing in common are for a person.
        let names: Vec<String> = (0..300).map(|n| format!("u{n:x}")).collect();
        assert_eq!(of(&names.iter().map(|name| ("/", name.as_str())).collect::<Vec<_>>()), "[]");
        assert_eq!(of(&[("/\"${x}/", "x")]), "[\"/\\\"$${x}/\"]");
    }
}
