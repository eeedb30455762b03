//! What marks columns in text that is yet to be fitted, and how wide text is.

/// Stands before the column whose text may go on in further lines. Nothing that came from outside holds it.
pub(super) const COLUMN: char = '\u{1f}';

/// Stands behind each cell, before the blanks that make it as wide as its column. Nothing that came from outside holds it.
pub(super) const CELL: char = '\u{1e}';

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// The text without the marks.
pub(super) fn unmarked(text: &str) -> String {
    text.replace([COLUMN, CELL], "")
}

/// How many columns a text takes, without what colours it.
pub fn columns(text: &str) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    unicode_width::UnicodeWidthStr::width(unmarked(&plain).as_str())
}
