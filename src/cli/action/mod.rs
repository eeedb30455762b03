//! The steps of `action.yml` after the download: what a pull request would do, where people see it. Everything comes in
//! through the environment, nothing through the text of a shell command: inputs (`INPUT_*`) and GitHub's own (`GITHUB_*`).

mod environment;
mod finding;
mod inputs;
mod plan;
mod publish;
mod verdict;

use super::{
    args::{ActionStep, Common},
    dispatch::{self, Task},
    error::CommandError,
    exit::Exit,
    output::Output,
};

/// Runs a step.
pub async fn run(step: ActionStep, common: Common, output: &Output) -> Result<Exit, CommandError> {
    match step {
        ActionStep::Plan => plan::run(common, output).await,
        ActionStep::Publish => publish::run(output),
        ActionStep::Verdict => verdict::run(output),
        ActionStep::Confirm(args) => dispatch::with(&common, output, Task::Confirm(args)).await,
    }
}
