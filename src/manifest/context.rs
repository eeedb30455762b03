//! Where the values that are read come from, and where complaints go.

use std::{ops::Range, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, SourceFile, Sources},
    source::Source,
    spanned::Spanned,
    values::Invalid,
};

/// Where the values being read come from, and where complaints go.
pub(super) struct Context<'a> {
    pub source: &'a Arc<SourceFile>,
    pub sources: &'a Sources,
    pub now: DateTime<Utc>,
    /// The longest time between two runs of `[schedule] enforce`.
    pub gap: TimeDelta,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Context<'_> {
    pub fn location(&self, span: &Range<usize>) -> Source {
        Source { file: self.source.path.clone(), line: self.source.line(span.start) }
    }

    pub fn label(&self, span: &Range<usize>, text: impl Into<String>) -> Label {
        Label::new(self.source, span.clone(), text)
    }

    pub fn error(&mut self, code: Code, message: impl Into<String>, span: &Range<usize>, help: impl Into<String>) {
        let label = self.label(span, "");
        self.diagnostics.push(Diagnostic::error(code, message, label).help(help));
    }

    /// The value, or `None` after saying what is wrong with it.
    pub fn accept<T>(&mut self, span: &Range<usize>, value: Result<T, Invalid>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(Invalid { code, message, help }) => {
                self.error(code, message, span, help);
                None
            }
        }
    }

    /// The entries of a list that are right.
    pub fn accept_all<T>(&mut self, list: &[Spanned<String>], read: impl Fn(&str) -> Result<T, Invalid>) -> Vec<T> {
        list.iter().filter_map(|entry| self.accept(&entry.span, read(&entry.value))).collect()
    }

    /// A list that was written; an entry that is wrong is left out after saying so.
    pub fn list<T>(
        &mut self,
        list: &Spanned<Vec<Spanned<String>>>,
        read: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<Vec<T>> {
        Some(self.accept_all(&list.value, read))
    }
}
