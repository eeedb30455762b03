//! The last step: whether the job fails.

use super::{
    finding::Finding,
    inputs::{FailOn, Inputs},
};
use crate::cli::{error::CommandError, exit::Exit, output::Output};

/// Fails on errors, and on what `fail-on` names. Everything was shown before.
pub fn run(output: &Output) -> Result<Exit, CommandError> {
    let finding = Finding::read()?;
    let result = finding.result();
    if !matches!(result, "checked" | "changes" | "policy" | "no-changes") {
        output.talk(&format!("keyrota: {result}\n"));
        return Ok(Exit::Error);
    }
    let mut failed = false;
    for fail_on in Inputs::read()?.fail_on {
        if let Some(why) = reason(&finding, fail_on) {
            output.error(format!("{why}, and `fail-on` is `{fail_on}`"));
            failed = true;
        }
    }
    Ok(if failed { Exit::Error } else { Exit::Done })
}

fn reason(finding: &Finding, fail_on: FailOn) -> Option<String> {
    let said = |name: &str, one: &str, many: &str| match finding.count(name) {
        0 => None,
        1 => Some(one.to_owned()),
        count => Some(format!("{count} {many}")),
    };
    let blocked = || said("blocked", "1 user is blocked", "users are blocked");
    match fail_on {
        FailOn::Error => None,
        FailOn::Blocked => blocked(),
        FailOn::Weakened => said("weakened", "1 thing gets weaker", "things get weaker"),
        FailOn::Policy => said("weakened", "1 thing gets weaker", "things get weaker")
            .or_else(|| said("left", "1 user leaves the scope", "users leave the scope"))
            .or_else(|| said("entered", "1 user enters the scope", "users enter the scope"))
            .or_else(|| said("settings", "1 setting changes", "settings change"))
            .or_else(|| (finding.result() == "policy").then(|| "scope, policy or settings change".to_owned())),
        FailOn::Changes => said("changes", "1 change is caused", "changes are caused").or_else(blocked),
    }
}
