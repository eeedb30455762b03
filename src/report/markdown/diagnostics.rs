//! The mistakes of manifests.

use super::page::Page;
use crate::{
    manifest::{Diagnostic, Severity, shown},
    untrusted::fenced,
};

/// The mistakes of manifests, as `check` shows them.
pub fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let title = match errors {
        0 => "the manifests are valid".to_owned(),
        1 => "the manifests have 1 error".to_owned(),
        errors => format!("the manifests have {errors} errors"),
    };
    let mut page = Page::default();
    page.push(&format!("### keyrota: {title}\n"));
    if !diagnostics.is_empty() {
        let (mut shown, more) = shown(diagnostics);
        // What stops keyrota comes first.
        shown.sort_by_key(|diagnostic| diagnostic.severity);
        let mut rendered: Vec<String> = shown.into_iter().map(|diagnostic| diagnostic.render(false)).collect();
        if more > 0 {
            rendered.push(match more {
                1 => "1 more mistake is not shown".to_owned(),
                more => format!("{more} more mistakes are not shown"),
            });
        }
        let room = page.room();
        page.push(&format!("\n{}", fenced("text", &rendered.join("\n\n"), room)));
    }
    page.end("")
}
