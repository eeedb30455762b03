//! What is shared by all manifests: `keyrota.toml`, as far as it could be read.

use std::ops::Range;

use super::{diagnostic::Label, mail::WrittenMail, model::Manifest, parse::Parsed, schema, spanned::Spanned};
use crate::notice::Channel;

/// What `keyrota.toml` was meant to say, as far as it could be read.
pub(super) struct Shared<'a> {
    pub parsed: Option<&'a Parsed>,
    /// Some of it could not be read at all: nothing can be called missing.
    pub is_partial: bool,
}

impl<'a> Shared<'a> {
    pub fn file(&self) -> Option<&'a schema::File> {
        Some(&self.parsed?.file)
    }

    /// Whether a table, or a key of it, was written but refused: then it is not missing.
    pub fn is_refused<T>(&self, name: &str, table: impl Fn(&schema::File) -> Option<&Spanned<T>>, key: &str) -> bool {
        let Some(parsed) = self.parsed else { return self.is_partial };
        let in_table = |span: &Range<usize>| parsed.rejected.contains(span, key);
        self.is_partial
            || parsed.rejected.contains(&(0..0), name)
            || table(&parsed.file).is_some_and(|table| in_table(&table.span))
    }
}

impl Shared<'_> {
    fn mail(&self) -> Option<&Spanned<WrittenMail>> {
        self.file()?.mail.as_ref()
    }

    /// `from` was written but is no address, which was said already.
    pub fn has_bad_sender(&self) -> bool {
        self.mail().is_some_and(|mail| mail.value.from.is_some())
    }

    pub fn mail_label(&self, manifest: &Manifest) -> Option<Label> {
        let mut told = manifest.mail.fallback.iter().chain(&manifest.mail.digest);
        let tells = told.any(|recipient| matches!(Channel::of(recipient), Channel::Mail(_)));
        let mail = self.mail().filter(|_| tells)?;
        Some(Label::new(&self.parsed?.source, mail.span.clone(), "`fallback` or `digest` tells somebody"))
    }
}
