//! For a pull request's page. What comes from manifests, tags and AWS is untrusted: it stands in code spans and fenced
//! blocks only, so that it can't mention people, close a fence or smuggle HTML. Keys go by their last four characters.

use super::{
    Counts, Since,
    change_text::{headline, values},
    roster_diff,
    text::day,
};
use crate::{
    compare::{Changed, Comparison, Field, Member},
    manifest::{Diagnostic, Severity},
    plan::{Change, Plan, Verb, Waiting, digest},
    report::{Report, text::printable},
    review::{Broken, Compared},
};

/// Comments may have 65,536 characters; some room is left for what stands around this.
pub const MOST_BYTES: usize = 60_000;
/// What the last lines need: they are never left out.
const RESERVED: usize = 1_000;
/// The part of the room that one folded section may take.
const MOST_FOLDED: usize = 16_000;
/// A longer value is cut.
const MOST_CHARACTERS: usize = 300;

/// Counts and deletions first, then one table; the rest is folded. Below [`MOST_BYTES`], saying what was left out.
pub fn render(report: &Report<'_>) -> String {
    let Report { plan, revision, since, applied: _ } = *report;
    let mut page = Page::default();
    let compared = since.map(|since| (since, since.comparison.as_ref()));
    let title = match compared {
        Some((_, Ok(compared))) => title_of_change(compared),
        _ => title_of_plan(plan),
    };
    page.push(&format!("### keyrota: {title}\n\n"));
    page.push(&remarks(plan));
    match compared {
        None => {
            page.push(&deletions(&plan.changes));
            table(&mut page, rows(plan.changes.iter(), plan.waiting.iter().filter(blocked), "now"));
            let waiting = plan.waiting.iter().filter(|waiting| !blocked(waiting));
            folded_table(&mut page, "Waiting", rows(std::iter::empty(), waiting, "now"));
        }
        Some((since, Err(Broken(errors)))) => {
            page.push(&format!(
                "The manifests at {} have errors, so that this plan is compared with nothing:\n\n",
                code(&since.to_string())
            ));
            let errors: Vec<String> = errors.iter().map(|error| error.render(false)).collect();
            page.push(&fenced("text", &errors.join("\n\n"), MOST_FOLDED));
            page.push(&deletions(&plan.changes));
            table(&mut page, rows(plan.changes.iter(), plan.waiting.iter().filter(blocked), "now"));
        }
        Some((since, Ok(compared))) => comparison(&mut page, &since, compared, plan),
    }
    let revision = revision.map_or_else(String::new, |revision| format!(", manifests at {}", code(revision)));
    let as_of = plan.as_of.format("%Y-%m-%d %H:%M");
    page.end(&format!(
        "\n<sub>As of {as_of} UTC{revision}. Digest of all pending changes: {}.</sub>\n",
        code(&digest(plan))
    ))
}

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
        let rendered: Vec<String> = diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect();
        let room = page.room();
        page.push(&format!("\n{}", fenced("text", &rendered.join("\n\n"), room)));
    }
    page.end("")
}

/// What concerns no single change: accounts of which nothing is known, and warnings.
fn remarks(plan: &Plan) -> String {
    let unread = plan.accounts_unread.iter().map(|account| format!("**Not read:** {}\n\n", code(&account.to_string())));
    let warnings = plan.warnings.iter().map(|warning| format!("**Warning:** {}\n\n", code(&warning.to_string())));
    unread.chain(warnings).collect()
}

/// `1 to delete, 2 to create, 1 blocked`, deletions first.
fn title_of_plan(plan: &Plan) -> String {
    let Counts { held, exempt, .. } = Counts::of(plan);
    let blocked = plan.waiting.iter().filter(blocked).count();
    let changes = counts(&plan.changes, blocked).unwrap_or_else(|| "no changes".to_owned());
    let waiting = [(held, "held"), (exempt, "exempt")].into_iter().filter(|(count, _)| *count > 0);
    waiting.fold(changes, |title, (count, word)| title + &format!(", {count} {word}"))
}

fn title_of_change(compared: &Compared) -> String {
    let Compared { now, settings: _, next_run: _ } = compared;
    let now_counts = counts(&now.caused, now.blocked.len());
    let later = compared.later().and_then(|run| {
        let beyond = run.comparison.beyond(now);
        let counts = counts(&beyond.caused, beyond.blocked.len())?;
        Some(format!("{counts} by the run of {}", day(run.plan.as_of)))
    });
    match (now_counts, later) {
        (None, None) => "this change causes nothing to be done".to_owned(),
        (now, later) => {
            let parts: Vec<String> = now.into_iter().chain(later).collect();
            format!("this change causes {}", parts.join("; "))
        }
    }
}

fn counts(changes: &[Change], blocked: usize) -> Option<String> {
    let count = |verb| changes.iter().filter(|change| change.action.verb() == verb).count();
    let all = [
        (count(Verb::Delete), "to delete"),
        (count(Verb::Deactivate), "to deactivate"),
        (count(Verb::Create), "to create"),
        (count(Verb::Promote), "to promote"),
        (count(Verb::Notify), "to notify"),
        (blocked, "blocked"),
    ];
    let counts: Vec<String> =
        all.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn comparison(page: &mut Page, since: &Since<'_>, compared: &Compared, plan: &Plan) {
    let Compared { now, settings, next_run: _ } = compared;
    page.push(&format!("{}\n\n", headline(&code(&since.to_string()), now)));
    for note in since.notes {
        page.push(&format!("> {}\n\n", words(note)));
    }
    let later = compared.later().map(|run| (run.plan.as_of, run.comparison.beyond(now)));
    let mut effects = rows(now.caused.iter(), now.blocked.iter(), "now");
    let mut gone = rows(now.averted.iter(), std::iter::empty(), "now");
    let mut caused = now.caused.clone();
    if let Some((at, beyond)) = later {
        let at = at.format("%Y-%m-%d %H:%M").to_string();
        effects.extend(rows(beyond.caused.iter(), beyond.blocked.iter(), &at));
        gone.extend(rows(beyond.averted.iter(), std::iter::empty(), &at));
        caused.extend(beyond.caused);
    }
    page.push(&deletions(&caused));
    if !effects.is_empty() {
        page.push("**Caused by this change:**\n\n");
        table(page, effects);
    }
    folded_table(page, "No longer planned", gone);
    let scope = scope_rows(now, settings);
    if !scope.is_empty() {
        fold(page, &format!("Scope and policies: {}", scope.len()), |room| {
            list_table("| | user | account | what | where |\n|---|---|---|---|---|\n", &scope, room)
        });
    }
    let diff = roster_diff(now);
    if !diff.is_empty() {
        fold(page, "The effective roster before and after", |room| fenced("diff", &diff, room));
    }
    let waiting = plan.waiting.iter().filter(|waiting| !now.blocked.contains(waiting));
    folded_table(page, "Pending anyway", rows(now.pending.iter(), waiting, "now"));
}

fn blocked(waiting: &&Waiting) -> bool {
    waiting.wait.is_blocked()
}

/// Deletions can't be taken back: they are named before anything else.
fn deletions(changes: &[Change]) -> String {
    const MOST_NAMED: usize = 50;
    let deletions = changes.iter().filter(|change| change.action.verb() == Verb::Delete);
    let all: Vec<String> = deletions
        .map(|change| {
            let key = change.action.key().map_or("", |key| key.as_str());
            format!("{} of {}", code(key), code(&change.user))
        })
        .collect();
    if all.is_empty() {
        return String::new();
    }
    let more = all.len().saturating_sub(MOST_NAMED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("**Deletes for good:** {}{more}\n\n", all[..all.len() - all.len().saturating_sub(MOST_NAMED)].join(", "))
}

fn rows<'a>(
    changes: impl Iterator<Item = &'a Change>,
    waiting: impl Iterator<Item = &'a Waiting>,
    when: &str,
) -> Vec<String> {
    let change = |change: &Change| {
        let Change { account, user, action, reason, destination: _, source: _, then } = change;
        let verb = action.verb();
        let then = then.iter().filter(|next| matches!(next.verb, Verb::Deactivate | Verb::Delete));
        let then: Vec<String> = then.map(|next| format!("{} {}", next.verb, day(next.not_before))).collect();
        let key = action.key().map_or_else(|| "new".to_owned(), |key| cell(key.as_str()));
        let (user, account, reason) = (cell(user), cell(&account.to_string()), cell_words(&reason.to_string()));
        format!(
            "| `{}` | {user} | {account} | {verb} | {key} | {when} | {reason} | {} |\n",
            verb.glyph(),
            then.join(", ")
        )
    };
    let waiting_row = |waiting: &Waiting| {
        let Waiting { account, user, key, wait, source: _, until } = waiting;
        let (glyph, word) = match wait {
            wait if wait.is_blocked() => ("`!`", "**blocked**"),
            wait if wait.is_exempt() => ("", "exempt"),
            _ => ("", "held"),
        };
        let key = key.as_ref().map_or_else(String::new, |key| cell(key.as_str()));
        let until = until.map_or_else(String::new, |until| format!("until {}", day(until)));
        let (user, account, why) = (cell(user), cell(&account.to_string()), cell_words(&wait.to_string()));
        format!("| {glyph} | {user} | {account} | {word} | {key} | {when} | {why} | {until} |\n")
    };
    changes.map(change).chain(waiting.map(waiting_row)).collect()
}

fn scope_rows(comparison: &Comparison, settings: &[Field]) -> Vec<String> {
    let member = |glyph: &str, what: &str, member: &Member| {
        let Member { account, user, rule, policy: _, outlook } = member;
        let (user, account, rule) = (cell(user), cell(&account.to_string()), cell(&rule.to_string()));
        format!("| `{glyph}` | {user} | {account} | {what}{outlook} | {rule} |\n")
    };
    let field_row = |user: &str, account: &str, field: &Field| {
        let (values, places) = values(field);
        format!("| `~` | {user} | {account} | {}: {} | {} |\n", cell(&field.name), cell(&values), cell(&places))
    };
    let mut rows: Vec<String> = Vec::new();
    rows.extend(comparison.entered.iter().map(|user| member("+", "enters; ", user)));
    rows.extend(comparison.left.iter().map(|user| member("-", "leaves; was: ", user)));
    for changed in &comparison.changed {
        let Changed { account, user, rule: _, before: _, after: _, outlook_before, outlook_after } = changed;
        let (user, account) = (cell(user), cell(&account.to_string()));
        rows.extend(changed.fields().iter().map(|field| field_row(&user, &account, field)));
        if outlook_before != outlook_after {
            rows.push(format!("| | {user} | {account} | next: {outlook_before} -> {outlook_after} | |\n"));
        }
    }
    rows.extend(settings.iter().map(|field| field_row("all", "", field)));
    rows
}

const HEADER: &str = "| | user | account | change | key | when | why | then |\n|---|---|---|---|---|---|---|---|\n";

fn table(page: &mut Page, rows: Vec<String>) {
    if !rows.is_empty() {
        let room = page.room();
        page.push(&list_table(HEADER, &rows, room));
    }
}

fn folded_table(page: &mut Page, title: &str, rows: Vec<String>) {
    if !rows.is_empty() {
        fold(page, &format!("{title}: {}", rows.len()), |room| list_table(HEADER, &rows, room));
    }
}

/// The rows that there is room for, and how many there was none for.
fn list_table(header: &str, rows: &[String], room: usize) -> String {
    const SENTENCE: usize = 120;
    let mut text = header.to_owned();
    for (shown, row) in rows.iter().enumerate() {
        if text.len() + row.len() + SENTENCE > room {
            let left = rows.len() - shown;
            return text + &format!("\n**{left} more** did not fit here; the log and the plan's JSON have them all.\n");
        }
        text += row;
    }
    text
}

/// A folded section. GitHub needs the empty lines to read the content as Markdown.
fn fold(page: &mut Page, title: &str, content: impl FnOnce(usize) -> String) {
    const AROUND: usize = 200;
    let room = page.room().min(MOST_FOLDED);
    if room < 2 * AROUND {
        page.push(&format!("\n{title}: did not fit here; the log and the plan's JSON have it.\n"));
        return;
    }
    let content = content(room - AROUND);
    page.push(&format!("\n<details><summary>{title}</summary>\n\n{content}\n</details>\n"));
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn push(&mut self, text: &str) {
        if text.len() <= self.room() {
            self.0 += text;
        }
    }

    fn room(&self) -> usize {
        (MOST_BYTES - RESERVED).saturating_sub(self.0.len())
    }

    fn end(mut self, text: &str) -> String {
        self.0 += text;
        self.0
    }
}

/// A code span that no content can leave, outside of a table.
pub fn code(text: &str) -> String {
    let text = harmless(text);
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
fn words(text: &str) -> String {
    if is_plain(text) { harmless(text) } else { code(text) }
}

fn cell_words(text: &str) -> String {
    if is_plain(text) { harmless(text) } else { cell(text) }
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " .,:;()'-…".contains(c);
    // A list or a heading begins with a mark, a link with a scheme or `www.`.
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain) && !text.contains("www.")
}

fn fenced(language: &str, text: &str, room: usize) -> String {
    let lines: Vec<String> = text.lines().map(harmless_line).collect();
    let fence = "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1);
    let mut shown = String::new();
    for (position, line) in lines.iter().enumerate() {
        if shown.len() + line.len() + 2 * fence.len() + 120 > room {
            let left = lines.len() - position;
            return format!("{fence}{language}\n{shown}{fence}\n\n**{left} more lines** did not fit here.\n");
        }
        shown += &(line.clone() + "\n");
    }
    format!("{fence}{language}\n{shown}{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// One line without control characters, keys cut to their last four characters, and not too long.
fn harmless(text: &str) -> String {
    let text = harmless_line(text);
    match text.char_indices().nth(MOST_CHARACTERS) {
        // A backslash must not lose what it escapes.
        Some((end, _)) => text[..end].trim_end_matches('\\').to_owned() + "…",
        None => text,
    }
}

fn harmless_line(text: &str) -> String {
    let invisible = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let visible = printable(text).chars().fold(String::new(), |mut text, c| {
        if invisible(c) {
            text.extend(c.escape_unicode());
        } else {
            text.push(c);
        }
        text
    });
    without_key_ids(&visible)
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
