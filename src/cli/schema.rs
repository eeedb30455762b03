//! What editors and shells want to know.

use std::{fs, path::Path};

use keyrota::{events, evidence, history, manifest, report::json};

use super::{args::Document, error::CommandError, exit::Exit, offered, output::Output};

/// `keyrota schema`
pub fn schema(of: Document, output: &Output) -> Exit {
    let schema = match of {
        Document::Manifests => manifest::json_schema(),
        Document::Event => events::schema(),
        Document::Forecast => json::forecast_schema(),
        Document::History => history::schema(),
        Document::Report => evidence::json::schema(),
    };
    output.data(&format!("{schema:#}\n"));
    Exit::Done
}

/// `keyrota man DIR`: a page for the command, and one for each of its commands.
pub fn man(into: &Path, output: &Output) -> Result<Exit, CommandError> {
    fs::create_dir_all(into)
        .and_then(|()| clap_mangen::generate_to(offered::command().name("keyrota"), into))
        .map_err(|error| CommandError::new(format!("{}: {error}", into.display())))?;
    output.data(&format!("{}: the man pages of keyrota\n", into.display()));
    Ok(Exit::Done)
}

/// `keyrota completions SHELL`
pub fn completions(shell: clap_complete::Shell, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offered::command(), "keyrota", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Exit::Done
}
