//! Mistakes with their place, in the columns of a terminal: sentences go on below where they began, and what the manifest
//! says stays on its line.

use super::{measure::columns, wrap::continued};

/// With less room than this beside a mark, its label goes below.
const FEWEST: usize = 24;
/// How far the rest of a title is set in.
const SET_IN: usize = 2;

/// A mistake as [`crate::manifest::Diagnostic::render`] writes it, in so many columns.
pub fn excerpt(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    text.split_inclusive('\n').map(|line| fitted(line, width)).collect()
}

fn fitted(line: &str, width: usize) -> String {
    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    let plain = anstream::adapter::strip_str(line).to_string();
    if columns(line) <= width {
        return format!("{line}{end}");
    }
    let is_title = ["error", "warning", "help", "note"].iter().any(|level| plain.starts_with(level));
    // Where its sentence begins, and what stands before the lines that follow.
    let (start, before) = match sentence(&plain) {
        _ if is_title => (0, " ".repeat(SET_IN)),
        Some((start, gutter)) if width.saturating_sub(start) >= FEWEST => {
            let blanks = " ".repeat(start - columns(&gutter));
            (start, gutter + &blanks)
        }
        Some((start, gutter)) => (start, gutter + &" ".repeat(SET_IN + 2)),
        // What the manifest says is no sentence.
        None => return format!("{line}{end}"),
    };
    let (head, sentence) = line.split_at(at_column(line, start));
    // As a paragraph, whose first line begins further on.
    let indent = columns(&before);
    let mut head = head.to_owned();
    if !is_title && width.saturating_sub(start) < FEWEST {
        head = format!("{}\n{before}", head.trim_end());
    }
    let first = columns(head.rsplit('\n').next().unwrap_or_default());
    let wrapped = continued(sentence, indent, first, width);
    let mut lines = wrapped.split('\n');
    let mut out = head + lines.next().unwrap_or_default();
    for line in lines {
        out += &format!("\n{before}{}", line.trim_start_matches(' '));
    }
    out + end
}

/// The column of the label behind a mark (`  | ^^^ label`), or of the help (`  = help: text`), and the gutter before it.
fn sentence(plain: &str) -> Option<(usize, String)> {
    let gutter = plain.find(|c: char| c != ' ')?;
    let rest = &plain[gutter..];
    if let Some(text) = rest.strip_prefix("= ") {
        let (level, _) = text.split_once(": ")?;
        return Some((gutter + 2 + level.len() + 2, " ".repeat(gutter)));
    }
    let marked = rest.strip_prefix('|')?;
    let mark = marked.find(['^', '-'])?;
    // Between the gutter and the mark are only lines that lead to other labels.
    if !marked[..mark].chars().all(|c| c == ' ' || c == '|') {
        return None;
    }
    let end = mark + marked[mark..].find(|c| c != '^' && c != '-')?;
    Some((gutter + 1 + end + 1, format!("{}|", &plain[..gutter])))
}

/// The byte at which a column begins, past what colours the text.
fn at_column(styled: &str, column: usize) -> usize {
    let (mut at, mut is_escape) = (0, false);
    for (position, c) in styled.char_indices() {
        match c {
            '\u{1b}' => is_escape = true,
            'm' if is_escape => is_escape = false,
            _ if is_escape => {}
            _ if at >= column => return position,
            _ => at += columns(c.encode_utf8(&mut [0; 4])),
        }
    }
    styled.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "warning[KR0062]: two rules select the same users, and nothing is done to them\n \
                        --> manifests/a.toml:3:1\n  |\n3 | users = [\"payments\", \"platform\", \"data\", \"mail\"]\n  | \
                        ^^^^^ it is held by more than one rule, which is one too many for it\n  |\n  = help: take it out of one \
                        of them, or give them different accounts\n";

    #[test]
    fn sentences_go_on_below_themselves() {
        assert_eq!(excerpt(TEXT, None), TEXT);
        assert_eq!(excerpt(TEXT, Some(200)), TEXT);
        assert_eq!(
            excerpt(TEXT, Some(50)),
            "warning[KR0062]: two rules select the same users,\n  and nothing is done to them\n \
             --> manifests/a.toml:3:1\n  |\n3 | users = [\"payments\", \"platform\", \"data\", \"mail\"]\n  | ^^^^^ \
             it is held by more than one rule, which\n  |       is one too many for it\n  |\n  \
             = help: take it out of one of them, or give them\n          different accounts\n"
        );
        // No room beside the mark.
        let far = "   |                              ^^^^^ it is held by more than one rule\n";
        assert_eq!(
            excerpt(far, Some(50)),
            "   |                              ^^^^^\n   |    it is held by more than one rule\n"
        );
    }

    #[test]
    fn colour_takes_no_room() {
        let styled = TEXT.replace("^^^^^", "\u{1b}[33m^^^^^\u{1b}[0m").replace("warning", "\u{1b}[1mwarning\u{1b}[0m");
        for width in 40..120 {
            let plain = anstream::adapter::strip_str(&excerpt(&styled, Some(width))).to_string();
            assert_eq!(plain, excerpt(TEXT, Some(width)), "{width}");
        }
    }
}
