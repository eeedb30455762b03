//! What a change of the manifests does (`plan --base`).

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::{DateTime, Utc};

use super::{
    grouped::{Accounts, UserLine, few},
    plan,
    words::{BOLD, DIM, GREEN, RED, Steps, YELLOW, about, aligned, change_line, day, later_text, waiting_line},
};
use crate::{
    diff::{
        Caused, CausedWait, Changed, Comparison, Dated, Deletion, Field, Member,
        review::{Broken, Compared},
    },
    explain::Line,
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
    // Those that the change leaves out as well: who leaves the scope is in them.
    let left = now.left.iter().map(|member| member.account.id.as_str());
    let read = groups.all.iter().map(|group| group.account.id.as_str());
    let accounts = Accounts::of(read.chain(left).collect::<BTreeSet<_>>().len() + groups.unread);
    let section = |title: &str, lines: Vec<UserLine<'_>>| section(title, accounts.lines(lines).into_iter());
    let plain_section = |title: &str, lines: Vec<String>| self::section(title, lines.into_iter());
    let mut out = plan::accounts_line(&groups) + &headline(&since.to_string(), compared) + "\n";
    let fields = |is_weaker: bool| -> Vec<UserLine<'_>> {
        let changed = now.changed.iter().filter(|changed| changed.weaker.is_empty() != is_weaker);
        changed.flat_map(|changed| changed_lines(changed, accounts)).collect()
    };
    let members = |glyph: char, members: &'_ [Member]| -> Vec<String> {
        accounts.lines(members.iter().map(|member| member_line(glyph, member, accounts)).collect())
    };
    let deletions = compared.deletions();
    let deletions: Vec<String> = deletions.iter().map(deletion_line).collect();
    out += &plain_section("Deletes for good:", if accounts == Accounts::Many { few(deletions) } else { deletions });
    out += &plain_section("Leave the scope:", members('-', &now.left));
    out += &section("Weaker policy:", fields(true));
    let settings_lines = |weaker: bool| -> Vec<String> {
        settings.iter().filter(|field| field.weaker == weaker).map(|field| field_line("", field)).collect()
    };
    out += &plain_section("Weaker settings:", settings_lines(true));
    out += &section("Caused by this change:", effects(now));
    out += &section("No longer planned:", now.averted.iter().map(plain_line).collect());
    if let Some((at, beyond)) = &later {
        let at = at.format("%Y-%m-%d %H:%M");
        out += &section(&format!("Caused by the next scheduled run, {at} UTC:"), effects(beyond));
        let averted = beyond.averted.iter().map(plain_line).collect();
        out += &section(&format!("No longer planned by then, {at} UTC:"), averted);
    }
    out += &plain_section("Enter the scope:", members('+', &now.entered));
    out += &section("Other policy:", fields(false));
    out += &plain_section("Other settings:", settings_lines(false));
    out += &plain_section("Templates of mails:", bounded(&template_diff(templates)));
    out += &section("Pending anyway:", now.pending.iter().map(planned_line).collect());
    out += &section("Waiting anyway:", now.waiting.iter().map(|waiting| waits_line(waiting, plan.as_of)).collect());
    out += &section("Could not be read:", plan.unreadable().map(|waiting| waits_line(waiting, plan.as_of)).collect());
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

/// A change, as a plan shows it.
fn planned_line(change: &Change) -> UserLine<'_> {
    UserLine::new(&change.account, &change.user, kind_of_change(change), change_line(change))
}

/// Who waits, as a plan shows it.
fn waits_line(waiting: &Waiting, now: DateTime<Utc>) -> UserLine<'_> {
    UserLine::new(&waiting.account, &waiting.user, kind_of_wait(waiting), waiting_line(waiting, now))
}

/// What is done and why, and what follows, whenever that is and to whichever key.
fn kind_of_change(change: &Change) -> String {
    let Change { action, reason, then, .. } = change;
    let steps = std::iter::once(action.verb()).chain(then.iter().map(|step| step.verb));
    steps.fold(reason.code().to_owned(), |kind, verb| kind + " " + verb.as_str())
}

/// What is waited for, and what follows. A key that is too old meanwhile is another matter.
fn kind_of_wait(waiting: &Waiting) -> String {
    let Waiting { wait, then, overdue, .. } = waiting;
    let overdue = if overdue.is_some() { " overdue" } else { "" };
    then.iter().fold(wait.code().to_owned() + overdue, |kind, step| kind + " " + step.verb.as_str())
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

fn effects(comparison: &Comparison) -> Vec<UserLine<'_>> {
    let with_before = |line: String, steps: &[Dated]| match before_text(steps) {
        Some(before) => format!("{line}; {DIM}{before}{DIM:#}"),
        None => line,
    };
    let after = |kind: String, steps: &[Dated]| {
        steps.iter().fold(kind + " after", |kind, step| kind + " " + step.verb.as_str())
    };
    let caused = comparison.caused.iter().map(|Caused { change, before }| {
        let steps = before.steps(comparison.at);
        let line = with_before(change_line(change), &steps);
        UserLine::new(&change.account, &change.user, after(kind_of_change(change), &steps), line)
    });
    let waits = comparison.waits.iter().map(|CausedWait { waiting, is_new: _, before }| {
        let then = later_text(&Steps::after_wait(waiting));
        let steps = before.steps(comparison.at);
        let line = with_before(waiting_line(waiting, comparison.at) + &then, &steps);
        UserLine::new(&waiting.account, &waiting.user, after(kind_of_wait(waiting), &steps), line)
    });
    caused.chain(waits).collect()
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

/// Of many accounts only those are named that stand for others.
fn member_line(glyph: char, member: &Member, accounts: Accounts) -> UserLine<'_> {
    let Member { account, user, rule, policy: _, outlook } = member;
    let (style, next) = match glyph {
        '+' => (GREEN, outlook.to_string()),
        _ => (RED, format!("was: {outlook}")),
    };
    let name = printable(user);
    match accounts {
        Accounts::Many => {
            let line = format!("{style}{glyph}{style:#} {name}\t{next}\t{DIM}{rule}{DIM:#}");
            UserLine::new(account, user, rule.to_string(), line)
        }
        Accounts::One | Accounts::Few => {
            let account = printable(&account.to_string());
            UserLine::more(format!("{style}{glyph}{style:#} {name}\t{account}\t{next}\t{DIM}{rule}{DIM:#}"))
        }
    }
}

/// The fields that differ. Of many accounts each is a line of its own: others have the same.
fn changed_lines(changed: &Changed, accounts: Accounts) -> Vec<UserLine<'_>> {
    let Changed { account, user, outlook_before, outlook_after, .. } = changed;
    let name = printable(user);
    let mut lines: Vec<UserLine<'_>> = Vec::new();
    for field in &changed.fields() {
        lines.push(match lines.is_empty() || accounts == Accounts::Many {
            true => UserLine::new(account, user, field.name.clone(), field_line(&name, field)),
            false => UserLine::more(field_line("", field)),
        });
    }
    if outlook_before != outlook_after {
        let next = format!("next\t{outlook_before} -> {outlook_after}");
        lines.push(match accounts {
            Accounts::Many => {
                UserLine::new(account, user, "next".to_owned(), format!("{YELLOW}~{YELLOW:#} {name}\t{next}"))
            }
            Accounts::One | Accounts::Few => UserLine::more(format!("  \t{next}")),
        });
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
fn plain_line(change: &Change) -> UserLine<'_> {
    let (key, verb) = (about(change), change.action.verb());
    let line = format!("  {}\t{verb}\t{key}\t{}", printable(&change.user), printable(&change.reason.to_string()));
    UserLine::new(&change.account, &change.user, kind_of_change(change), line)
}
