//! `keyrota check`: whether the manifests are valid, offline.

use std::path::Path;

use chrono::Utc;
use keyrota::{
    counted::counted,
    manifest::{self, Diagnostic, Loaded, Manifest},
    report::{json::diagnostic, markdown},
};
use serde_json::json;

use super::{
    args::{Common, Format},
    context::write_into,
    error::CommandError,
    exit::Exit,
    open::instant,
    output::Output,
};

/// Shows every mistake.
pub fn check(common: &Common, output: &Output) -> Result<Exit, CommandError> {
    let loaded = load(common)?;
    write_into(common.markdown_into.as_deref(), || markdown::diagnostics(&loaded.diagnostics))?;
    write_into(common.json_into.as_deref(), || json(&loaded.diagnostics))?;
    match output.format {
        Format::Markdown => output.data(&markdown::diagnostics(&loaded.diagnostics)),
        Format::Json => output.data(&json(&loaded.diagnostics)),
        _ => {
            output.mistakes(&loaded.diagnostics);
            if let (false, Some(manifest)) = (loaded.has_errors(), &loaded.manifest) {
                output.data(&good(&common.manifests, manifest));
            }
        }
    }
    Ok(if loaded.has_errors() { Exit::Error } else { Exit::Done })
}

fn good(folder: &Path, manifest: &Manifest) -> String {
    let (rules, exemptions) = (counted(manifest.rules.len(), "rule"), counted(manifest.exemptions.len(), "exemption"));
    format!("{}: {rules}, {exemptions}, no errors\n", folder.display())
}

fn json(diagnostics: &[Diagnostic]) -> String {
    let diagnostics: Vec<_> = diagnostics.iter().map(diagnostic).collect();
    format!("{:#}\n", json!({ "version": 1, "diagnostics": diagnostics }))
}

/// The manifests as of `--at`.
pub fn load(common: &Common) -> Result<Loaded, CommandError> {
    let now = instant(common.at.as_deref(), Utc::now(), None)?;
    Ok(manifest::load(&common.manifests, now))
}
