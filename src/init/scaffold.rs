//! What a repository of manifests needs beside them: two workflows for GitHub, and the root module of Terraform. None
//! takes a checkout of keyrota or a compiler.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::origin::{RELEASE, REPOSITORY};
use crate::{cloud::sandbox::World, inventory::Account};

/// Where the root module goes.
pub const TERRAFORM: &str = "terraform/main.tf";

/// A file below the folder that the command was called in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaffold {
    pub path: &'static str,
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
        .replace("{boundary}", &boundary(world))
        .replace("{github}", &github);
    Scaffold { path: TERRAFORM, text }
}

/// The first parts of the paths of users with an active key, as a list of Terraform's.
fn boundary(world: &World) -> String {
    let active = world.users.iter().filter(|user| user.keys.iter().any(|key| key.is_active()));
    let first = |path: &str| match path.split('/').nth(1) {
        Some(part) if !part.is_empty() => format!("/{part}/"),
        _ => "/".to_owned(),
    };
    let paths: BTreeSet<String> = active.map(|user| first(&user.path)).collect();
    let all = BTreeSet::from(["/".to_owned()]);
    // Whoever is at `/` has everyone below it.
    let paths = if paths.is_empty() || paths.contains("/") { all } else { paths };
    // What stands in the quotes of Terraform may be a template.
    let quoted = |path: &String| {
        format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{"))
    };
    format!("[{}]", paths.iter().map(quoted).collect::<Vec<_>>().join(", "))
}
