//! Names and globs, as IAM compares them.

use std::ops::Range;

/// An exact name or a glob with `*` and `?`; compares without case, as IAM does.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As written.
    pub text: String,
    matcher: wildmatch::WildMatch,
    /// How many bytes come before the first wildcard.
    literal: usize,
    /// Where it stands in its file, in bytes; empty where it stands in none.
    pub(crate) span: Range<usize>,
}

/// Where it stands makes no difference.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.matcher) == (&other.text, &other.matcher)
    }
}

impl Pattern {
    /// Reads a name, or a glob with `*` and `?`.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            matcher: wildmatch::WildMatch::new_case_insensitive(text),
            literal: text.find(['*', '?']).unwrap_or(text.len()),
            span: 0..0,
        }
    }

    /// The same pattern, with its place.
    #[must_use]
    pub(crate) fn at(self, span: &Range<usize>) -> Self {
        Self { span: span.clone(), ..self }
    }

    /// Compares with case, as AWS does for tags and paths.
    pub fn case_sensitive(text: &str) -> Self {
        Self { matcher: wildmatch::WildMatch::new(text), ..Self::new(text) }
    }

    /// Whether this is one of the names that are meant.
    pub fn matches(&self, name: &str) -> bool {
        let same = |a: &[u8], b: &[u8]| match self.matcher.is_case_insensitive() {
            true => a.eq_ignore_ascii_case(b),
            false => a == b,
        };
        let (text, name_bytes) = (self.text.as_bytes(), name.as_bytes());
        if self.is_exact() {
            return same(text, name_bytes);
        }
        // Most names differ from most globs in the first characters, and that is cheap to see.
        name.len() >= self.literal
            && same(&text[..self.literal], &name_bytes[..self.literal])
            && self.matcher.matches(name)
    }

    /// What precedes the first wildcard.
    pub(crate) fn literal_prefix(&self) -> &str {
        &self.text[..self.literal]
    }

    /// What follows the last wildcard; all where there is none.
    pub(crate) fn literal_suffix(&self) -> &str {
        self.text.rfind(['*', '?']).map_or(&self.text, |at| &self.text[at + 1..])
    }

    /// Whether it names one thing, without wildcards.
    pub fn is_exact(&self) -> bool {
        self.literal == self.text.len()
    }
}
