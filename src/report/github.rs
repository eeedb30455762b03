//! Workflow commands of GitHub Actions: annotations at the line of the manifest that they are about.

use crate::{
    manifest::{Diagnostic, Severity},
    plan::Plan,
    report::text::printable,
};

/// Each mistake where it was made. Errors come first, for GitHub shows only ten of each kind a step.
pub fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
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
    let blocked = plan.waiting.iter().filter(|waiting| waiting.wait.is_blocked());
    let annotation = |waiting: &crate::plan::Waiting| {
        let place = (&*waiting.source.file, waiting.source.line, None);
        annotate("warning", place, "blocked", &format!("{}: {}", waiting.user, waiting.wait))
    };
    blocked.map(annotation).collect()
}

fn annotate(level: &str, (file, line, column): (&str, usize, Option<usize>), title: &str, message: &str) -> String {
    let column = column.map_or_else(String::new, |column| format!(",col={column}"));
    let (file, title) = (property(file), property(title));
    format!("::{level} file={file},line={line}{column},title={title}::{}\n", data(message))
}

/// As the runner decodes messages. Other control characters must not reach the log.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As the runner decodes properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
