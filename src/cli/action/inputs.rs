//! The inputs of the action.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use strum::{EnumString, IntoStaticStr, VariantArray};

use super::environment::variable;
use crate::cli::error::CommandError;

/// What the workflow asks for.
pub struct Inputs {
    pub plans: bool,
    pub folder: String,
    pub comment: bool,
    pub fail_on: Vec<FailOn>,
    /// The revision to compare with; empty: the event's.
    pub base: String,
    /// Whether account ids and addresses are hidden; `None`: where everyone can read.
    pub mask: Option<bool>,
}

/// What fails the job, apart from errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum FailOn {
    Error,
    Blocked,
    Weakened,
    Policy,
    Changes,
}

impl FailOn {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Inputs {
    /// # Errors
    /// An input that means nothing. None is guessed at.
    pub fn read() -> Result<Self, CommandError> {
        let plans = match input("COMMAND").as_str() {
            "" | "plan" => true,
            "check" => false,
            other => return Err(wrong("command", other, "write `check` or `plan`")),
        };
        let base = input("BASE");
        // It would be taken for an option by whoever copies it.
        if base.starts_with('-') {
            return Err(wrong("base", &base, "write a branch, a tag or a commit"));
        }
        Ok(Self {
            plans,
            folder: Self::folder(),
            comment: truth("comment", &input("COMMENT"))?.unwrap_or(true),
            fail_on: Self::fail_on()?,
            base,
            mask: truth("mask", &input("MASK"))?,
        })
    }

    /// One or several, with commas.
    fn fail_on() -> Result<Vec<FailOn>, CommandError> {
        let wanted = input("FAIL_ON");
        let wanted = if wanted.is_empty() { FailOn::Error.as_str() } else { &wanted };
        let one = |name: &str| name.trim().parse().ok();
        wanted.split(',').map(one).collect::<Option<_>>().ok_or_else(|| {
            wrong(
                "fail-on",
                wanted,
                "write `error`, `blocked`, `weakened`, `policy` or `changes`, or several with commas",
            )
        })
    }

    /// The folder of the manifests, as one writes it at the root of the repository: `m/`, `./m` and `m` are the same.
    pub fn folder() -> String {
        let wanted = match input("MANIFESTS") {
            wanted if wanted.is_empty() => "manifests".to_owned(),
            wanted => wanted,
        };
        let path = Path::new(&wanted);
        let workspace = variable("GITHUB_WORKSPACE").unwrap_or_default();
        let path = path.strip_prefix(&workspace).unwrap_or(path);
        let mut parts = PathBuf::new();
        for component in path.components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir if parts.file_name().is_some() => {
                    parts.pop();
                }
                other => parts.push(other),
            }
        }
        match parts.to_string_lossy() {
            root if root.is_empty() => ".".to_owned(),
            folder => folder.into_owned(),
        }
    }

    /// What tells jobs of one folder apart, such as those of a matrix.
    pub fn label() -> String {
        input("LABEL")
    }
}

fn input(name: &str) -> String {
    variable(&format!("INPUT_{name}")).map(|value| value.trim().to_owned()).unwrap_or_default()
}

/// As YAML 1.2 writes it; `None` if it is left to keyrota.
fn truth(name: &str, value: &str) -> Result<Option<bool>, CommandError> {
    match value {
        "" => Ok(None),
        "true" | "True" | "TRUE" => Ok(Some(true)),
        "false" | "False" | "FALSE" => Ok(Some(false)),
        other => Err(wrong(name, other, "write `true` or `false`")),
    }
}

fn wrong(name: &str, value: &str, help: &str) -> CommandError {
    CommandError::new(format!("`{name}: {value}`: {help}"))
}
