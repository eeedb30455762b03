//! What one step leaves to the next.

use std::{collections::BTreeMap, fs, path::PathBuf};

use keyrota::github::{comment, event::Event};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{environment::required, inputs::Inputs};
use crate::cli::error::CommandError;

/// What one step leaves to the next.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The action's outputs by name; `result` is always among them.
    pub outputs: BTreeMap<String, String>,
    /// The page for the summary and the comment.
    pub page: String,
}

impl Finding {
    /// A finding without a plan.
    pub fn new(result: &str, page: String) -> Self {
        Self { outputs: BTreeMap::from([("result".to_owned(), result.to_owned())]), page }
    }

    pub fn result(&self) -> &str {
        self.outputs.get("result").map_or("error", String::as_str)
    }

    pub fn count(&self, name: &str) -> u64 {
        self.outputs.get(name).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    pub fn write(&self) -> Result<(), CommandError> {
        let path = file("finding.json")?;
        let text = serde_json::to_string(self).map_err(CommandError::new)?;
        fs::write(&path, text).map_err(|error| CommandError::new(format!("{}: {error}", path.display())))
    }

    /// What the step before found. One that was ended from outside found nothing, which is no reason to be silent.
    pub fn read() -> Result<Self, CommandError> {
        let text = fs::read_to_string(file("finding.json")?).ok();
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| {
            let page =
                "### keyrota: there is no plan\n\nkeyrota ended before it was done. The log of the job may say why.\n";
            Self::new("error", page.to_owned())
        }))
    }
}

/// A file of this plan's. Several runs of the action in one job, for other folders or labels, have their own.
pub fn file(name: &str) -> Result<PathBuf, CommandError> {
    let hash = Sha256::digest(key());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = PathBuf::from(required("RUNNER_TEMP")?).join("keyrota").join(hash);
    fs::create_dir_all(&folder).map_err(|error| CommandError::new(format!("{}: {error}", folder.display())))?;
    Ok(folder.join(name))
}

/// Which plan it is, among those of a pull request.
pub fn key() -> String {
    comment::key(&Inputs::folder(), &Inputs::label())
}

pub fn event() -> Result<Event, CommandError> {
    let path = required("GITHUB_EVENT_PATH")?;
    let text = fs::read_to_string(&path).map_err(|error| CommandError::new(format!("{path}: {error}")))?;
    let event: Value = serde_json::from_str(&text).map_err(|error| CommandError::new(format!("{path}: {error}")))?;
    Event::read(&required("GITHUB_EVENT_NAME")?, &event).map_err(CommandError::new)
}
