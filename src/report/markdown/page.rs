//! A page that must not get too long: each section gets room, and what does not fit is counted, never dropped in silence.

/// Comments may have 65,536 characters; some room is left for what stands around this.
pub const MOST_BYTES: usize = 60_000;
/// What the last lines need: they are never left out.
const RESERVED: usize = 2_000;
/// The least that a section gets: enough to say how much it leaves out, and where that is.
const LEAST: usize = 400;

/// Where everything is that did not fit.
pub const ELSEWHERE: &str = "the job's log and the plan's JSON have them all";

/// A table, or what a fold holds.
pub struct Section<'a> {
    /// What it is about; a table that is not folded has it in bold.
    pub title: String,
    pub folded: bool,
    /// The most bytes that it may have.
    pub most: usize,
    pub content: Content<'a>,
}

/// What a section shows.
pub enum Content<'a> {
    /// A header with as many columns as the rows; at most five.
    Table { header: &'a str, rows: Vec<String> },
    /// Written into so much room.
    Text(Box<dyn Fn(usize) -> String + 'a>),
}

impl Section<'_> {
    fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Table { rows, .. } if rows.is_empty())
    }
}

/// Written from the top; the first sections have the first claim.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// What must be on the page whatever happens.
    pub fn push(&mut self, text: &str) {
        self.0 += text;
    }

    /// So much is left.
    pub fn room(&self) -> usize {
        (MOST_BYTES - RESERVED).saturating_sub(self.0.len())
    }

    /// Writes sections so that each of them at least says how much it has.
    pub fn sections(&mut self, sections: Vec<Section<'_>>) {
        let sections: Vec<_> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        for (position, section) in sections.iter().enumerate() {
            let following = (sections.len() - position - 1) * LEAST;
            let room = self.room().saturating_sub(following).min(section.most);
            self.section(section, room);
        }
    }

    fn section(&mut self, section: &Section<'_>, room: usize) {
        // What stands around the content.
        const AROUND: usize = 120;
        let Section { title, folded, most: _, content } = section;
        let content = match content {
            Content::Table { header, rows } => table(header, rows, room.saturating_sub(AROUND + title.len())),
            Content::Text(write) => write(room.saturating_sub(AROUND + title.len())),
        };
        // GitHub needs the empty lines to read what is folded as Markdown.
        self.0 += &match folded {
            true => format!("\n<details><summary>{title}</summary>\n\n{content}\n</details>\n"),
            false => format!("\n**{title}**\n\n{content}"),
        };
    }

    pub fn end(mut self, text: &str) -> String {
        self.0 += text;
        self.0
    }
}

/// The rows that there is room for, and how many there was none for.
pub fn table(header: &str, rows: &[String], room: usize) -> String {
    const SENTENCE: usize = 140;
    let mut text = header.to_owned();
    for (shown, row) in rows.iter().enumerate() {
        if text.len() + row.len() + SENTENCE > room {
            let more = format!("**{} more** did not fit here; {ELSEWHERE}.\n", rows.len() - shown);
            return if shown == 0 { more } else { text + "\n" + &more };
        }
        text += row;
    }
    text
}

/// Dates that do not break at the end of a line: with hyphens that do not.
pub fn unbroken(date: impl std::fmt::Display) -> String {
    date.to_string().replace('-', "\u{2011}")
}

/// Hides account ids and mail addresses, as far as a reader can still tell one from another.
pub fn masked(text: &str) -> String {
    masked_addresses(&masked_accounts(text))
}

/// Twelve digits that stand alone, but not a digest.
fn masked_accounts(text: &str) -> String {
    const DIGITS: usize = 12;
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let length = rest[start..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len() - start);
        let (before, word) = (&rest[..start], &rest[start..start + length]);
        out += before;
        let is_part = before.ends_with(|c: char| c.is_ascii_alphanumeric()) || out.ends_with("r2:");
        match !is_part && word.len() == DIGITS && word.bytes().all(|byte| byte.is_ascii_digit()) {
            true => out += &format!("…{}", &word[DIGITS - 4..]),
            false => out += word,
        }
        rest = &rest[start + length..];
    }
    out + rest
}

fn masked_addresses(text: &str) -> String {
    let is_local = |c: char| c.is_ascii_alphanumeric() || "._%+-=".contains(c);
    let is_domain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let start = rest[..at]
            .rfind(|c: char| !is_local(c))
            .map_or(0, |before| before + rest[before..].chars().next().map_or(1, char::len_utf8));
        let end = rest[at + 1..].find(|c: char| !is_domain(c)).map_or(rest.len(), |length| at + 1 + length);
        let (local, domain) = (&rest[start..at], &rest[at + 1..end]);
        out += &rest[..start];
        match (local.chars().next(), domain.chars().next()) {
            (Some(one), Some(other)) => out += &format!("{one}…@{other}…"),
            _ => out += &rest[start..end],
        }
        rest = &rest[end..];
    }
    out + rest
}

/// Dates within a sentence: see [`unbroken`].
pub fn unbroken_dates(text: &str) -> String {
    let is_date = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let length = rest[start..].find(|c: char| !is_part(c)).unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        out += &rest[..start];
        out += &if is_date(word) { unbroken(word) } else { word.to_owned() };
        rest = &rest[start + length..];
    }
    out + rest
}
