//! Text that fits a terminal: nothing breaks inside a word, and what is long goes on below the column in which it began.

use super::{
    columns::refitted,
    measure::{COLUMN, columns, unmarked},
};

/// The fewest columns that the last one gets before it moves to a line of its own.
const FEWEST: usize = 24;

/// How far a line is set in that goes on where there is no room beside what precedes it.
const SET_IN: usize = 6;

/// The text in lines of at most so many columns, as far as words allow; without a width as it is.
pub fn wrapped(text: &str, width: Option<usize>) -> String {
    match width {
        None => unmarked(text),
        Some(width) => refitted(text, width).split_inclusive('\n').map(|line| wrap_line(line, width)).collect(),
    }
}

fn wrap_line(line: &str, width: usize) -> String {
    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    let (before, rest) = line.split_once(COLUMN).unwrap_or(("", line));
    if columns(before) + columns(rest) <= width {
        return format!("{before}{rest}{end}");
    }
    let longest = rest.split(' ').map(columns).max().unwrap_or_default();
    let room = width.saturating_sub(columns(before));
    let (mut out, indent) = match line.contains(COLUMN) {
        true if room >= FEWEST.max(longest) => (before.to_owned(), columns(before)),
        // Beside what precedes it there is no room: it goes below.
        true => (folded(before.trim_end(), SET_IN, width) + "\n" + &" ".repeat(SET_IN), SET_IN),
        false => (String::new(), 0),
    };
    // A line that is set in goes on so.
    let own = rest.len() - rest.trim_start_matches(' ').len();
    let indent = if line.contains(COLUMN) { indent } else { own };
    out += &continued(rest, indent, columns(out.rsplit('\n').next().unwrap_or_default()), width);
    out.trim_end().to_owned() + end
}

/// Words in lines of at most so many columns, as far as words allow.
pub fn lines(text: &str, width: usize) -> Vec<String> {
    continued(text, 0, 0, width).split('\n').map(str::to_owned).collect()
}

/// Words, the first at the column `at`, in lines that are set in.
pub(super) fn continued(text: &str, indent: usize, mut at: usize, width: usize) -> String {
    let mut out = String::new();
    let mut is_first = true;
    for word in text.split(' ') {
        let (word_width, gap) = (columns(word), usize::from(!is_first));
        if !is_first && word_width > 0 && at + gap + word_width > width && at > indent {
            out.truncate(out.trim_end_matches(' ').len());
            out += "\n";
            out += &" ".repeat(indent);
            at = indent + word_width;
        } else {
            out += if is_first { "" } else { " " };
            at += gap + word_width;
        }
        out += word;
        is_first = false;
    }
    out
}

/// What precedes the last column, in as many lines as it needs.
fn folded(before: &str, indent: usize, width: usize) -> String {
    if columns(before) <= width { before.to_owned() } else { continued(before, indent, 0, width) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "+ ci-deployer  create  \u{1f}AKIAEXAMPLE is 95d old, the limit is 60d; then deactivate 2026-11-30\n";

    #[test]
    fn what_is_long_goes_on_below_its_column() {
        assert_eq!(wrapped(LINE, Some(200)), LINE.replace(COLUMN, ""));
        assert_eq!(wrapped(LINE, None), LINE.replace(COLUMN, ""));
        assert_eq!(
            wrapped(LINE, Some(60)),
            "+ ci-deployer  create  AKIAEXAMPLE is 95d old, the limit is\n                       60d; then deactivate 2026-11-30\n"
        );
        assert_eq!(
            wrapped(LINE, Some(40)),
            "+ ci-deployer  create\n      AKIAEXAMPLE is 95d old, the limit\n      is 60d; then deactivate 2026-11-30\n"
        );
    }

    #[test]
    fn no_word_breaks_at_any_width() {
        let styled = LINE.replace("create", "\u{1b}[32mcreate\u{1b}[0m");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for width in 1..120 {
            let wrapped = wrapped(&styled, Some(width));
            assert_eq!(words(&wrapped), words(&styled.replace(COLUMN, "")), "{width}");
            let widest = wrapped.lines().map(columns).max().unwrap_or_default();
            assert!(width < 40 || widest <= width, "{width}: {widest}\n{wrapped}");
        }
    }

    #[test]
    fn sentences_wrap_as_well() {
        let text = "  warning: one two three four\nshort\n";
        assert_eq!(wrapped(text, Some(20)), "  warning: one two\n  three four\nshort\n");
    }
}
