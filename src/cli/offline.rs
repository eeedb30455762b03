//! The commands that need no account.

use std::path::Path;

use chrono::Utc;
use clap::CommandFactory;
use keyrota::{
    export,
    manifest::{self, Diagnostic, Loaded, Manifest},
    report::{json::diagnostic, markdown},
};
use serde_json::json;

use super::{
    Exit,
    args::{Cli, Common, Format},
    output::Output,
    world,
};

/// `keyrota check`
pub fn check(common: &Common, output: &Output) -> Exit {
    let Some(loaded) = load(common, output) else { return Exit::Error };
    if let Some(path) = &common.markdown_into
        && let Err(error) = std::fs::write(path, markdown::diagnostics(&loaded.diagnostics))
    {
        output.error(format!("{}: {error}", path.display()));
        return Exit::Error;
    }
    match output.format {
        Format::Markdown => output.data(&markdown::diagnostics(&loaded.diagnostics)),
        Format::Text | Format::Github => {
            output.diagnostics(&loaded.diagnostics);
            if let (false, Some(manifest)) = (loaded.has_errors(), &loaded.manifest) {
                output.data(&good(&common.manifests, manifest));
            }
        }
        Format::Json => output.data(&json(&loaded.diagnostics)),
    }
    if loaded.has_errors() { Exit::Error } else { Exit::Done }
}

fn good(folder: &Path, manifest: &Manifest) -> String {
    let count = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let (rules, exemptions) = (count(manifest.rules.len(), "rule"), count(manifest.exemptions.len(), "exemption"));
    format!("{}: {rules}, {exemptions}, no errors\n", folder.display())
}

fn json(diagnostics: &[Diagnostic]) -> String {
    let diagnostics: Vec<_> = diagnostics.iter().map(diagnostic).collect();
    format!("{:#}\n", json!({ "version": 1, "diagnostics": diagnostics }))
}

/// `keyrota export terraform`
pub fn export_terraform(common: &Common, into: Option<&Path>, output: &Output) -> Exit {
    let Some(loaded) = load(common, output) else { return Exit::Error };
    output.diagnostics(&loaded.diagnostics);
    // What has errors must not become permissions.
    let Some(manifest) = loaded.manifest.as_ref().filter(|_| !loaded.has_errors()) else { return Exit::Error };
    let (variables, broad) = export::terraform(manifest);
    for source in broad {
        output.hint(format!(
            "{source} selects by group alone, which IAM can't tell: the policies cover every user of its accounts; \
             add `users`, `tags` or `path` to narrow them"
        ));
    }
    let text = format!("{:#}\n", json!(variables));
    let Some(path) = into else {
        output.data(&text);
        return Exit::Done;
    };
    // An unchanged file keeps its time.
    if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Exit::Done;
    }
    match std::fs::write(path, text) {
        Ok(()) => Exit::Done,
        Err(error) => {
            output.error(format!("{}: {error}", path.display()));
            Exit::Error
        }
    }
}

/// The manifests as of `--at`; `None` if that is no time, which is said.
fn load(common: &Common, output: &Output) -> Option<Loaded> {
    match world::instant(common.at.as_deref(), Utc::now(), None) {
        Ok(now) => Some(manifest::load(&common.manifests, now)),
        Err(message) => {
            output.error(message);
            None
        }
    }
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
