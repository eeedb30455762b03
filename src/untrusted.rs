//! How text that came from outside is written to a terminal, a workflow's log, JSON, a mail and a page of Markdown.
//!
//! Names, tags, reasons, answers of AWS and of git, and file names may hold anything. Each place that text goes to has
//! its own ways of being steered, and one function here that takes them away. What can't be seen is written as `\u{…}`.

use crate::counted::counted;
use std::borrow::Cow;

/// A longer value on a page is cut.
const MOST_CHARACTERS: usize = 300;

/// Characters that can't be seen, or that make others look like something else: controls (ESC among them, with which
/// every sequence for a terminal begins), overrides of direction, and what Unicode says to ignore.
///
/// The one list: every sink asks it.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text shows all that it holds.
pub fn is_visible(text: &str) -> bool {
    !text.chars().any(is_hidden)
}

/// One value within a line: everything hidden is escaped, line breaks too.
pub fn printable(text: &str) -> String {
    escaped(text, is_hidden)
}

/// A text of several lines: only its line breaks are kept.
pub fn lines(text: &str) -> String {
    escaped(text, |c| is_hidden(c) && c != '\n')
}

/// A word for a POSIX shell, in a command to be pasted. Neither a path nor what was escaped before holds a NUL.
pub fn shell_word(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| String::new(), Cow::into_owned)
}

/// What a service says, which may quote what it was sent: nothing that could be a credential is left in it. Kept are words, and paths
/// and names of them.
pub fn without_credentials(text: &str) -> String {
    /// Shorter than every key, token and password that keyrota sends.
    const SHORTEST: usize = 20;
    const LONGEST_WORD: usize = 24;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_.%~-".contains(c);
    let is_word = |word: &str| word.len() <= LONGEST_WORD && word.chars().all(|c| c.is_ascii_lowercase());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let run = &rest[..end];
        match end {
            0 => out.push(c),
            end if end < SHORTEST || run.split(['/', '.', '_', '-']).all(is_word) => out += run,
            _ => out.push('…'),
        }
        rest = &rest[end.max(if end == 0 { c.len_utf8() } else { 0 })..];
    }
    out
}

/// A value within a message: in backticks, and cut after so many characters.
pub fn quoted(text: &str, limit: usize) -> String {
    let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
    let more = if end < text.len() { "…" } else { "" };
    format!("`{}{more}`", printable(&text[..end]))
}

/// Quoted text longer than this many characters is cut.
const QUOTE_LIMIT: usize = 80;

/// Text of a manifest within a message: cut if long, without anything hidden.
pub(crate) fn quote(text: &str) -> String {
    quoted(text, QUOTE_LIMIT)
}

/// Lines of a file, shown as they are but for what is hidden, and where an offset into the text is afterwards.
pub fn source(text: &str) -> (String, impl Fn(usize) -> usize + use<>) {
    let mut shown = String::with_capacity(text.len());
    // Of each character that is shown otherwise: its end before, and its end after.
    let mut moved: Vec<(usize, usize)> = Vec::new();
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        // Half of a line break as Windows writes it.
        let is_break = c == '\r' && (rest.is_empty() || rest.starts_with('\n'));
        if !is_hidden(c) || matches!(c, '\n' | '\t') {
            shown.push(c);
            continue;
        }
        if !is_break {
            shown.extend(c.escape_default());
        }
        moved.push((text.len() - rest.len(), shown.len()));
    }
    let place = move |offset: usize| match moved.partition_point(|(before, _)| *before <= offset).checked_sub(1) {
        Some(last) => moved[last].1 + (offset - moved[last].0),
        None => offset,
    };
    (shown, place)
}

/// A finished page for a terminal or a workflow's log: lines, and the sequences for colour that keyrota itself writes.
/// The last guard: what a renderer forgot to escape can still not steer anything.
pub fn page(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        out += &inert(&without_sequences(line));
        out += end;
    }
    out
}

/// A line in which GitHub's runner finds no command: `::command::` is one where a line begins, `##[command]` anywhere.
fn inert(line: &str) -> String {
    let line = line.replace("##[", "#\\u{23}[");
    // Colours are no part of a line's text.
    let mut text = line.trim_start();
    while let Some(sequence) = style(text) {
        text = text[sequence.len()..].trim_start();
    }
    match text.strip_prefix("::") {
        Some(rest) => format!("{}\\u{{3a}}:{rest}", &line[..line.len() - text.len()]),
        None => line,
    }
}

/// Escapes what is hidden, but for tabs and sequences such as `ESC[1;31m`.
fn without_sequences(line: &str) -> String {
    const ESCAPE: char = '\u{1b}';
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = style(rest) {
            out += sequence;
            rest = &rest[sequence.len()..];
            continue;
        }
        match c {
            '\t' => out.push(c),
            c if c == ESCAPE || is_hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The sequence for colour or weight that a text begins with.
fn style(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then(|| &text[..text.len() - parameters.len() + end + 1])
}

/// A JSON document for a terminal or a log. What is hidden can only be within strings, where JSON has an escape for it.
pub fn json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.replace("##[", "#\\u0023[").chars() {
        if is_hidden(c) && c != '\n' {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    out
}

/// The message of a workflow command, as the runner decodes it. It may have several lines.
pub fn workflow_message(text: &str) -> String {
    lines(text).replace("##[", "#\\u{23}[").replace('%', "%25").replace('\n', "%0A")
}

/// A property of a workflow command, as the runner decodes it.
pub fn workflow_property(text: &str) -> String {
    workflow_message(&printable(text)).replace(':', "%3A").replace(',', "%2C")
}

/// A cell of a spreadsheet that is not taken for a formula: names of users, tags and reasons may begin like one. The apostrophe
/// is what spreadsheets themselves write before such text.
pub fn spreadsheet_cell(text: &str) -> String {
    let text = printable(text).replace("##[", "#\\u{23}[");
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

/// A value within a mail: one line, with nothing hidden in it.
pub fn mail(text: &str) -> String {
    let visible = text.chars().filter(|c| c.is_control() || !is_hidden(*c));
    visible.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A message for Slack: three characters begin everything that it reads as more than text, a mention of a channel among it.
pub fn slack(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| *c == '\n' || !is_hidden(*c)) {
        match slack_entity(c) {
            Some(entity) => out += entity,
            None => out.push(c),
        }
    }
    out
}

/// How many characters of a message one takes.
pub fn slack_size(c: char) -> usize {
    slack_entity(c).map_or(1, str::len)
}

fn slack_entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// A code span that no content can leave, outside of a table.
pub fn code(text: &str) -> String {
    let text = short(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code span within a table. Cells are split before spans are read, so that a pipe must be escaped even here; and a
/// backslash, which might stand before one.
pub fn cell(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    code(&text.replace('\\', "\\\\").replace('|', "\\|"))
}

/// A sentence as it is if it holds letters and plain marks only, else within a code span.
pub fn words(text: &str) -> String {
    if is_plain(text) { short(text) } else { code(text) }
}

/// A sentence within a table.
pub fn cell_words(text: &str) -> String {
    if is_plain(text) { short(text) } else { cell(text) }
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " .,:;()'-…".contains(c);
    // A list or a heading begins with a mark, a link with a scheme or `www.`.
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain) && !text.contains("www.")
}

/// A fenced block that no content can close, in no more than `room` bytes.
pub fn fenced(language: &str, text: &str, room: usize) -> String {
    let lines: Vec<String> = text.lines().map(markdown_line).collect();
    let fence = "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1);
    let mut shown = String::new();
    for (position, line) in lines.iter().enumerate() {
        if shown.len() + line.len() + 2 * fence.len() + 120 > room {
            let left = lines.len() - position;
            let left = counted(left, "more line");
            return format!("{fence}{language}\n{shown}{fence}\n\n**{left}** did not fit here.\n");
        }
        shown += &(line.clone() + "\n");
    }
    format!("{fence}{language}\n{shown}{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A line for a page of Markdown that is not too long.
fn short(text: &str) -> String {
    let text = markdown_line(text);
    match text.char_indices().nth(MOST_CHARACTERS) {
        // A backslash must not lose what it escapes.
        Some((end, _)) => text[..end].trim_end_matches('\\').to_owned() + "…",
        None => text,
    }
}

/// A line without anything hidden, with keys cut to their last four characters.
fn markdown_line(text: &str) -> String {
    without_key_ids(&printable(text))
}

/// Replaces ids of access keys (`AKIA…`, `ASIA…`) by their last four characters.
fn without_key_ids(text: &str) -> String {
    const SHORTEST: usize = 16;
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("AKIA").into_iter().chain(rest.find("ASIA")).min() {
        let length = rest[start..].find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit());
        let end = length.map_or(rest.len(), |length| start + length);
        out += &rest[..start];
        if end - start >= SHORTEST {
            out.push('…');
            out += &rest[end - 4..end];
        } else {
            out += &rest[start..end];
        }
        rest = &rest[end..];
    }
    out + rest
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut text, c| {
        if hidden(c) {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn what_could_be_a_credential_is_not_repeated() {
        for (text, shown) in [
            ("Resource not accessible by personal access token", "Resource not accessible by personal access token"),
            (
                "\"selected_repository_ids\" is of visibility `selected`.",
                "\"selected_repository_ids\" is of visibility `selected`.",
            ),
            ("see https://docs.github.com/rest/actions/secrets", "see https://docs.github.com/rest/actions/secrets"),
            ("bad: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "bad: …"),
            ("value=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY!", "…!"),
            ("{\"AccessKeyId\":\"AKIAEXAMPLE000000001\"}", "{\"AccessKeyId\":\"…\"}"),
            ("Bearer ghp_16C7e42F292c6912E7710c838347Ae178B4a", "Bearer …"),
            ("ghs_abcdefghijklmnopqrstuvwxyzabcdefghij, no", "…, no"),
            ("github_pat_11ABCDEFG0_abcdefghijkl", "…"),
            ("eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2ln", "…"),
            ("0123456789abcdef0123456789abcdef01234567", "…"),
            ("wJalrXUt%2FEMI%2FK7MDENG%2FbPx", "…"),
            ("ünïcode läuft", "ünïcode läuft"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
