//! The steps of `action.yml` after the download: what a pull request would do, where people see it. Everything comes in
//! through the environment, nothing through the text of a shell command: inputs (`INPUT_*`) and GitHub's own (`GITHUB_*`).

mod inputs;
mod plan;
mod publish;
mod verdict;

pub mod confirm;

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use keyrota::{
    github::{comment, event::Event},
    report::outputs::Outputs,
    untrusted::printable,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::inputs::Inputs;
use super::{
    Exit,
    args::{ActionStep, Common},
    output::Output,
    world::Stop,
};

/// Runs a step.
pub async fn run(step: ActionStep, common: Common, output: &Output) -> Exit {
    let done = match step {
        ActionStep::Plan => plan::run(common, output).await,
        ActionStep::Publish => publish::run(output),
        ActionStep::Verdict => verdict::run(output),
        ActionStep::Confirm(args) => {
            return super::world::with(&common, output, super::world::Task::Confirm(args)).await;
        }
    };
    match done {
        Ok(exit) => exit,
        Err(stop) => {
            stop.say(output);
            Exit::Error
        }
    }
}

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
    fn new(result: &str, page: String) -> Self {
        Self { outputs: BTreeMap::from([("result".to_owned(), result.to_owned())]), page }
    }

    fn result(&self) -> &str {
        self.outputs.get("result").map_or("error", String::as_str)
    }

    fn count(&self, name: &str) -> u64 {
        self.outputs.get(name).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    fn write(&self) -> Result<(), Stop> {
        let path = file("finding.json")?;
        let text = serde_json::to_string(self).map_err(Stop::new)?;
        fs::write(&path, text).map_err(|error| Stop::new(format!("{}: {error}", path.display())))
    }

    /// What the step before found. One that was ended from outside found nothing, which is no reason to be silent.
    fn read() -> Result<Self, Stop> {
        let text = fs::read_to_string(file("finding.json")?).ok();
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| {
            let page =
                "### keyrota: there is no plan\n\nkeyrota ended before it was done. The log of the job may say why.\n";
            Self::new("error", page.to_owned())
        }))
    }
}

/// A file of this plan's. Several runs of the action in one job, for other folders or labels, have their own.
fn file(name: &str) -> Result<PathBuf, Stop> {
    let hash = Sha256::digest(key());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = PathBuf::from(required("RUNNER_TEMP")?).join("keyrota").join(hash);
    fs::create_dir_all(&folder).map_err(|error| Stop::new(format!("{}: {error}", folder.display())))?;
    Ok(folder.join(name))
}

/// Which plan it is, among those of a pull request.
fn key() -> String {
    comment::key(&Inputs::folder(), &Inputs::label())
}

fn event() -> Result<Event, Stop> {
    let path = required("GITHUB_EVENT_PATH")?;
    let text = fs::read_to_string(&path).map_err(|error| Stop::new(format!("{path}: {error}")))?;
    let event: Value = serde_json::from_str(&text).map_err(|error| Stop::new(format!("{path}: {error}")))?;
    Event::read(&required("GITHUB_EVENT_NAME")?, &event).map_err(Stop::new)
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &str) -> Result<String, Stop> {
    variable(name).ok_or_else(|| {
        Stop::new(format!("{name} is not set")).hint("`keyrota action` is for action.yml, in a workflow of GitHub")
    })
}

/// Appends to the file that a variable names.
fn append(variable: &str, text: &str) -> Result<(), Stop> {
    use std::io::Write as _;
    let path = required(variable)?;
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Stop::new(format!("{}: {error}", printable(&path))))
}

/// The outputs by name, as one step hands them to the next.
pub fn outputs_json(outputs: &Outputs) -> String {
    let Outputs { result, changes, create, deactivate, delete, blocked, unreadable, .. } = outputs;
    let Outputs { entered, left, weakened, settings, digest, .. } = outputs;
    json!({
        "result": result.as_str(), "changes": changes, "create": create, "deactivate": deactivate, "delete": delete,
        "blocked": blocked, "unreadable": unreadable, "entered": entered, "left": left, "weakened": weakened,
        "settings": settings, "digest": digest,
    })
    .to_string()
}
