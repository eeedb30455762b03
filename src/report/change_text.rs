//! What a change of the manifests does, for a person (`plan --base`).

use std::fmt::Write as _;

use super::{
    Since,
    text::{self, BOLD, DIM, GREEN, RED, YELLOW, aligned, change_line, printable, waiting_line},
};
use crate::{
    compare::{Changed, Comparison, Field, Member},
    explain::Line,
    plan::{Change, Plan, Waiting},
    review::{Broken, Compared},
};

/// Who enters, leaves and changes; what that causes; what is pending anyway; then one line that counts.
pub fn since(since: &Since<'_>, plan: &Plan) -> String {
    let mut out = String::new();
    for note in since.notes {
        let _ = writeln!(out, "{YELLOW}note{YELLOW:#}: {}", printable(note));
    }
    match since.comparison {
        Err(Broken(errors)) => {
            let _ = writeln!(
                out,
                "{RED}The manifests at {since} have errors{RED:#}: this plan is compared with nothing.\n"
            );
            for error in errors {
                out += &(error.render(false) + "\n\n");
            }
            out + &text::plan(plan)
        }
        Ok(compared) => out + &comparison(since, compared, plan),
    }
}

fn comparison(since: &Since<'_>, compared: &Compared, plan: &Plan) -> String {
    let Compared { now, settings, next_run: _ } = compared;
    let mut out = headline(&since.to_string(), now) + "\n";
    out += &section("Enter the scope:", now.entered.iter().map(|user| member_line('+', user)));
    out += &section("Leave the scope:", now.left.iter().map(|user| member_line('-', user)));
    out += &section("Other policy:", now.changed.iter().flat_map(changed_lines));
    out += &section("Other settings:", settings.iter().map(|field| field_line("", field)));
    out += &section("Caused by this change:", effects(now));
    out += &section("No longer planned:", now.averted.iter().map(plain_line));
    if let Some(run) = compared.later() {
        let at = run.plan.as_of.format("%Y-%m-%d %H:%M");
        let beyond = run.comparison.beyond(now);
        out += &section(&format!("Caused by the next scheduled run, {at} UTC:"), effects(&beyond));
        out += &section(&format!("No longer planned by then, {at} UTC:"), beyond.averted.iter().map(plain_line));
    }
    out += &section("Pending anyway:", now.pending.iter().map(change_line));
    let waiting = plan.waiting.iter().filter(|waiting| !now.blocked.contains(waiting));
    out += &section("Waiting:", waiting.map(waiting_line));
    out + "\n" + &text::summary(plan) + "\n"
}

/// One line that a tired person can stop at.
pub(super) fn headline(since: &str, comparison: &Comparison) -> String {
    if comparison.keeps_policies() {
        return format!("Compared with {since}: no one's policy changes.");
    }
    let Comparison { entered, left, changed, .. } = comparison;
    let users = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 user {one}")),
        count => Some(format!("{count} users {many}")),
    };
    let parts = [
        users(entered.len(), "enters the scope", "enter the scope"),
        users(left.len(), "leaves it", "leave it"),
        users(changed.len(), "gets another policy", "get another policy"),
    ];
    format!("Compared with {since}: {}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// `-> ` keeps to what every terminal can show.
pub(super) fn values(field: &Field) -> (String, String) {
    let value = |line: &Option<Line>| line.as_ref().map_or_else(|| "none".to_owned(), |line| printable(&line.value));
    let place = |line: &Option<Line>| match line.as_ref().map(|line| line.source.as_ref()) {
        Some(Some(source)) => source.to_string(),
        Some(None) => "built-in".to_owned(),
        None => "-".to_owned(),
    };
    let Field { name: _, before, after } = field;
    (format!("{} -> {}", value(before), value(after)), format!("{} -> {}", place(before), place(after)))
}

fn effects(comparison: &Comparison) -> impl Iterator<Item = String> {
    comparison
        .caused
        .iter()
        .map(change_line)
        .chain(comparison.blocked.iter().map(|waiting: &Waiting| waiting_line(waiting)))
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines = aligned(lines);
    if lines.is_empty() { lines } else { format!("\n{BOLD}{title}{BOLD:#}\n{lines}") }
}

fn member_line(glyph: char, member: &Member) -> String {
    let Member { account, user, rule, policy: _, outlook } = member;
    let (style, next) = match glyph {
        '+' => (GREEN, outlook.to_string()),
        _ => (RED, format!("was: {outlook}")),
    };
    let (user, account) = (printable(user), printable(&account.to_string()));
    format!("{style}{glyph}{style:#} {user}\t{account}\t{next}\t{DIM}{rule}{DIM:#}")
}

fn changed_lines(changed: &Changed) -> Vec<String> {
    let Changed { account: _, user, rule: _, before: _, after: _, outlook_before, outlook_after } = changed;
    let user = printable(user);
    let fields = changed.fields();
    let mut lines: Vec<String> = Vec::new();
    for (position, field) in fields.iter().enumerate() {
        lines.push(field_line(if position == 0 { &user } else { "" }, field));
    }
    if outlook_before != outlook_after {
        lines.push(format!("  \tnext\t{outlook_before} -> {outlook_after}"));
    }
    lines
}

fn field_line(user: &str, field: &Field) -> String {
    let (values, places) = values(field);
    let glyph = if user.is_empty() { " " } else { "~" };
    let columns = if user.is_empty() { format!("{glyph} ") } else { format!("{YELLOW}{glyph}{YELLOW:#} {user}") };
    format!("{columns}\t{}\t{values}\t{DIM}{places}{DIM:#}", field.name)
}

/// A change that is not made needs no dates.
fn plain_line(change: &Change) -> String {
    let key = change.action.key().map_or("new key", |key| key.as_str());
    let verb = change.action.verb();
    format!("  {}\t{verb}\t{key}\t{}", printable(&change.user), change.reason)
}
