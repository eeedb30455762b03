//! Workflow commands of GitHub Actions: annotations at the line of the manifest that they are about.

use crate::{
    manifest::{Diagnostic, Severity, shown},
    plan::Plan,
    untrusted::{workflow_message, workflow_property},
};

/// Each mistake where it was made. Errors come first, for GitHub shows only ten of each kind a step.
pub fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    let (mut sorted, _) = shown(diagnostics);
    sorted.sort_by_key(|diagnostic| diagnostic.severity);
    let annotation = |diagnostic: &Diagnostic| {
        let level = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
        let place = (diagnostic.file(), diagnostic.line(), Some(diagnostic.column()));
        annotate(level, place, diagnostic.code.as_str(), &format!("{}{help}", diagnostic.message))
    };
    sorted.into_iter().map(annotation).collect()
}

/// Each user that waits for a person, at the rule that selects it.
pub fn blocked(plan: &Plan) -> String {
    let are_many = plan.accounts.len() + plan.accounts_unread.len() > 1;
    let blocked = plan.waiting.iter().filter(|waiting| waiting.wait.is_blocked());
    let annotation = |waiting: &crate::plan::Waiting| {
        let place = (&*waiting.source.file, waiting.source.line, None);
        let user = waiting.account.user_named(&waiting.user, are_many);
        annotate("warning", place, "blocked", &format!("{user}: {}", waiting.wait))
    };
    blocked.map(annotation).collect()
}

/// An `error`, `warning` or `notice` that is not about a line of a manifest.
pub fn message(level: &str, message: &str) -> String {
    format!("::{level} title=keyrota::{}\n", workflow_message(message))
}

fn annotate(level: &str, (file, line, column): (&str, usize, Option<usize>), title: &str, message: &str) -> String {
    let column = column.map_or_else(String::new, |column| format!(",col={column}"));
    let (file, title) = (workflow_property(file), workflow_property(title));
    format!("::{level} file={file},line={line}{column},title={title}::{}\n", workflow_message(message))
}
