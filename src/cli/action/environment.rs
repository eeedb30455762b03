//! What GitHub's runner hands to a step: variables, and files to append to.

use std::{env, fs, io::Write as _};

use keyrota::untrusted::printable;

use crate::cli::error::CommandError;

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

pub fn required(name: &str) -> Result<String, CommandError> {
    variable(name).ok_or_else(|| {
        CommandError::new(format!("{name} is not set"))
            .hint("`keyrota action` is for action.yml, in a workflow of GitHub")
    })
}

/// Appends to the file that a variable names.
pub fn append(variable: &str, text: &str) -> Result<(), CommandError> {
    let path = required(variable)?;
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CommandError::new(format!("{}: {error}", printable(&path))))
}
