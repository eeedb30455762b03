//! The commands that need no account.

use std::path::Path;

use chrono::Utc;
use clap::CommandFactory;
use keyrota::manifest::{self, Diagnostic, Manifest, Severity};
use serde_json::json;

use super::{
    Exit,
    args::{Cli, Common, Format},
    output::Output,
    world,
};

/// `keyrota check`
pub fn check(common: &Common, output: &Output) -> Exit {
    let now = match world::instant(common.at.as_deref(), Utc::now(), None) {
        Ok(now) => now,
        Err(message) => {
            output.error(message);
            return Exit::Error;
        }
    };
    let loaded = manifest::load(&common.manifests, now);
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    match output.format {
        Format::Text => {
            output.diagnostics(&loaded.diagnostics);
            if let (0, Some(manifest)) = (errors, &loaded.manifest) {
                output.data(&good(&common.manifests, manifest));
            }
        }
        Format::Json => output.data(&json(&loaded.diagnostics)),
    }
    if errors == 0 { Exit::Done } else { Exit::Error }
}

fn good(folder: &Path, manifest: &Manifest) -> String {
    let count = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let (rules, exemptions) = (count(manifest.rules.len(), "rule"), count(manifest.exemptions.len(), "exemption"));
    format!("{}: {rules}, {exemptions}, no errors\n", folder.display())
}

fn json(diagnostics: &[Diagnostic]) -> String {
    let diagnostics: Vec<_> = diagnostics.iter().map(Diagnostic::to_json).collect();
    format!("{:#}\n", json!({ "version": 1, "diagnostics": diagnostics }))
}

/// `keyrota schema`
pub fn schema(output: &Output) -> Exit {
    output.data(&format!("{:#}\n", manifest::json_schema()));
    Exit::Done
}

/// `keyrota completions SHELL`
pub fn completions(shell: clap_complete::Shell, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyrota", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Exit::Done
}
