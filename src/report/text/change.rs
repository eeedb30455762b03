//! What a change of the manifests does (`plan --base`).

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    plan,
    words::{BOLD, DIM, GREEN, RED, YELLOW, about, aligned, change_line, day, unread, waiting_line},
};
use crate::{
    diff::{
        Caused, CausedWait, Changed, Comparison, Dated, Deletion, Field, Member,
        review::{Broken, Compared},
    },
    explain::Line,
    inventory::Account,
    plan::{Change, Plan, Verb, Waiting},
    report::{accounts::Groups, model::Since, roster_diff::template_diff},
    untrusted::printable,
};

/// The most lines of changed templates that are shown.
const MOST_LINES: usize = 200;

/// What is deleted and what gets weaker; who enters, leaves and changes; what that causes; what is pending anyway; then
/// one line that counts.
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
            out + &plan::plan(plan)
        }
        Ok(compared) => out + &comparison(since, compared, plan),
    }
}

fn comparison(since: &Since<'_>, compared: &Compared, plan: &Plan) -> String {
    let Compared { now, settings, templates, next_run: _ } = compared;
    let later = compared.later().map(|run| (run.plan.as_of, run.comparison.beyond(now)));
    let groups = Groups::of(plan);
    // Of several accounts, each line says of which it is.
    let located = |account: &Account, line: String| match groups.count() {
        0 | 1 => line,
        _ => line.replacen('\t', &format!(" in {}\t", printable(&account.short_name())), 1),
    };
    let section = |title: &str, lines: Vec<String>| section(title, few(lines, groups.are_many()).into_iter());
    let mut out = plan::accounts_line(&groups) + &headline(&since.to_string(), compared) + "\n";
    let change = |change: &Change| located(&change.account, change_line(change));
    let plain = |change: &Change| located(&change.account, plain_line(change));
    let waiting = |waiting: &Waiting| located(&waiting.account, waiting_line(waiting, plan.as_of));
    let changed = |changed: &Changed| -> Vec<String> {
        let mut lines = changed_lines(changed);
        if let Some(first) = lines.first_mut() {
            *first = located(&changed.account, std::mem::take(first));
        }
        lines
    };
    out += &section("Deletes for good:", compared.deletions().iter().map(deletion_line).collect());
    let weaker = now.changed.iter().filter(|changed| !changed.weaker.is_empty());
    out += &section("Leave the scope:", now.left.iter().map(|user| member_line('-', user)).collect());
    out += &section("Weaker policy:", weaker.flat_map(changed).collect());
    let settings_lines = |weaker: bool| -> Vec<String> {
        settings.iter().filter(|field| field.weaker == weaker).map(|field| field_line("", field)).collect()
    };
    out += &section("Weaker settings:", settings_lines(true));
    out += &section("Caused by this change:", effects(now, &located).collect());
    out += &section("No longer planned:", now.averted.iter().map(plain).collect());
    if let Some((at, beyond)) = &later {
        let at = at.format("%Y-%m-%d %H:%M");
        out += &section(&format!("Caused by the next scheduled run, {at} UTC:"), effects(beyond, &located).collect());
        out += &section(&format!("No longer planned by then, {at} UTC:"), beyond.averted.iter().map(plain).collect());
    }
    let other = now.changed.iter().filter(|changed| changed.weaker.is_empty());
    out += &section("Enter the scope:", now.entered.iter().map(|user| member_line('+', user)).collect());
    out += &section("Other policy:", other.flat_map(changed).collect());
    out += &section("Other settings:", settings_lines(false));
    out += &section("Templates of mails:", bounded(&template_diff(templates)));
    out += &section("Pending anyway:", now.pending.iter().map(change).collect());
    out += &section("Waiting anyway:", now.waiting.iter().map(waiting).collect());
    out += &section("Could not be read:", plan.unreadable().map(waiting).collect());
    let unread = unread(&plan.accounts_unread);
    if !unread.is_empty() {
        out += &format!("\n{}\n", unread.join("\n"));
    }
    let summary = plan::summary(plan);
    // A run now is calm; the change is not.
    let summary = match (summary.strip_prefix("No changes. "), compared.rescheduled()) {
        (Some(rest), count) if count > 0 => {
            let rotations = if count == 1 { "1 rotation goes" } else { &format!("{count} rotations go") };
            format!("No changes now; {rotations} on otherwise because of this change. {rest}")
        }
        _ => summary,
    };
    out + "\n" + &plan::remarks(plan) + &summary + "\n"
}

/// One line that a tired person can stop at.
pub fn headline(since: &str, compared: &Compared) -> String {
    let mut parts = welcome(compared);
    // Who leaves comes right after who enters: `2 users enter the scope, 1 user leaves it`.
    let at = usize::from(!compared.now.entered.is_empty());
    parts.splice(at..at, grave(compared));
    match parts {
        parts if parts.is_empty() => format!("Compared with {since}: no one's policy changes."),
        parts => format!("Compared with {since}: {}.", parts.join(", ")),
    }
}

/// `3 users leave the scope, 2 policies get weaker, mail settings change`.
pub fn grave(compared: &Compared) -> Vec<String> {
    let Compared { now, settings, .. } = compared;
    let scope = if now.entered.is_empty() { "the scope" } else { "it" };
    let kinds = |weaker: bool| -> BTreeSet<&'static str> {
        settings.iter().filter(|field| field.weaker == weaker).map(|field| kind_of_setting(&field.name)).collect()
    };
    let weaker = kinds(true);
    // Of many accounts: a unit that is left out takes whole ones along.
    let accounts = now.left.iter().map(|user| &user.account.id).collect::<BTreeSet<_>>().len();
    let of = if accounts > 1 { format!(" of {accounts} accounts") } else { String::new() };
    let left = counted(now.left.len(), &format!("user leaves {scope}"), &format!("users{of} leave {scope}"));
    let weakened = counted(now.weakened(), "policy gets weaker", "policies get weaker");
    let settings = weaker.iter().map(|kind| format!("{kind} change and get weaker"));
    let others = kinds(false).difference(&weaker).map(|kind| format!("{kind} change")).collect::<Vec<_>>();
    left.into_iter().chain(weakened).chain(settings).chain(others).collect()
}

/// `1 user enters the scope, 2 users get another policy`: what weakens nothing.
pub fn welcome(compared: &Compared) -> Vec<String> {
    let now = &compared.now;
    let other = now.changed.len() - now.weakened();
    let parts = [
        counted(now.entered.len(), "user enters the scope", "users enter the scope"),
        counted(other, "user gets another policy", "users get another policy"),
    ];
    parts.into_iter().flatten().collect()
}

fn counted(count: usize, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    }
}

pub fn kind_of_setting(name: &str) -> &'static str {
    match name.split(['.', '/']).next() {
        Some("mail") => "mail settings",
        Some("templates") => "templates of mails",
        Some("limits") => "limits",
        Some("schedule") => "schedules",
        Some("accounts" | "organization") => "accounts",
        _ => "settings",
    }
}

/// `-> ` keeps to what every terminal can show.
pub fn values(field: &Field) -> (String, String) {
    let value = |line: &Option<Line>| line.as_ref().map_or_else(|| "none".to_owned(), |line| printable(&line.value));
    let place = |line: &Option<Line>| match line.as_ref().map(|line| line.source.as_ref()) {
        Some(Some(source)) => source.to_string(),
        Some(None) => "built-in".to_owned(),
        None => "-".to_owned(),
    };
    let Field { name: _, before, after, weaker: _ } = field;
    (format!("{} -> {}", value(before), value(after)), format!("{} -> {}", place(before), place(after)))
}

/// What the steps were to be, where that is worth saying: `before: deactivate 2026-11-30, delete 2026-12-14`.
pub fn before_text(steps: &[Dated]) -> Option<String> {
    let taken = steps.iter().filter(|step| !matches!(step.verb, Verb::Promote | Verb::Notify));
    let steps: Vec<String> = taken
        .map(|Dated { verb, key: _, at, in_run }| match in_run {
            true => format!("{verb} at once"),
            false => format!("{verb} {}", day(*at)),
        })
        .collect();
    (!steps.is_empty()).then(|| format!("before: {}", steps.join(", ")))
}

fn effects<'a>(
    comparison: &'a Comparison,
    located: &'a dyn Fn(&Account, String) -> String,
) -> impl Iterator<Item = String> + 'a {
    let with_before = |line: String, steps: &[Dated]| match before_text(steps) {
        Some(before) => format!("{line}; {DIM}{before}{DIM:#}"),
        None => line,
    };
    let caused = move |Caused { change, before }: &Caused| {
        with_before(located(&change.account, change_line(change)), &before.steps(comparison.at))
    };
    let waits = move |wait: &CausedWait| {
        let CausedWait { waiting, is_new: _, before } = wait;
        let then: Vec<String> =
            waiting.then.iter().map(|step| format!("{} {}", step.verb, day(step.not_before))).collect();
        let then = if then.is_empty() { String::new() } else { format!("; {DIM}then {}{DIM:#}", then.join(", ")) };
        with_before(
            located(&waiting.account, waiting_line(waiting, comparison.at)) + &then,
            &before.steps(comparison.at),
        )
    };
    comparison.caused.iter().map(caused).chain(comparison.waits.iter().map(waits))
}

/// So many lines of a section are shown where there are many accounts.
const MOST_SHOWN: usize = 200;

/// The lines that are shown, and how many are not.
fn few(mut lines: Vec<String>, are_many: bool) -> Vec<String> {
    if are_many && lines.len() > MOST_SHOWN {
        let more = lines.split_off(MOST_SHOWN).len();
        lines.push(format!("  … {more} more lines: `--format json` has them all"));
    }
    lines
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines = aligned(lines);
    if lines.is_empty() { lines } else { format!("\n{BOLD}{title}{BOLD:#}\n{lines}") }
}

fn deletion_line(deletion: &Deletion) -> String {
    let Deletion { account, user, key, at, at_once, was } = deletion;
    let when = if *at_once { "at once".to_owned() } else { format!("from {}", day(*at)) };
    let was = was.map_or_else(String::new, |was| format!("before: from {}", day(was)));
    let (user, account) = (printable(user), printable(&account.to_string()));
    format!("{RED}-{RED:#} {user}\t{account}\t{key}\t{when}\t{was}")
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
    let Changed { user, outlook_before, outlook_after, .. } = changed;
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
    let weaker = if field.weaker { " (weaker)" } else { "" };
    format!("{columns}\t{}{weaker}\t{values}\t{DIM}{places}{DIM:#}", field.name)
}

fn bounded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().take(MOST_LINES).map(|line| format!("  {}", printable(line))).collect();
    let more = text.lines().count().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.push(format!("  … {}", if more == 1 { "1 more line".to_owned() } else { format!("{more} more lines") }));
    }
    lines
}

/// A change that is not made needs no dates.
fn plain_line(change: &Change) -> String {
    let key = about(change);
    let verb = change.action.verb();
    format!("  {}\t{verb}\t{key}\t{}", printable(&change.user), printable(&change.reason.to_string()))
}
