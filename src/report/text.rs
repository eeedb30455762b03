//! For a person: one line a key, aligned, the counts last. Colour never carries meaning alone.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    io::Write as _,
};

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, TimeDelta, Utc};
use tabwriter::TabWriter;

pub use super::change_text::since;
use super::{Counts, Report, result_word};
pub use crate::untrusted::printable;
use crate::{
    apply::{Applied, Failure, Outcome, Sent},
    inventory::{Account, Inventory, Key, LastUse, State, UnreadAccount},
    plan::{Change, Forecast, KeyRef, Next, Plan, Step, Verb, Viewpoint, Wait, Waiting},
    roster::{Entry, Roster},
    time::Day,
};

pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// The plan: changes, then what waits, by account; then one line that counts.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    let mut accounts: Vec<&Account> = plan.changes.iter().map(|change| &*change.account).collect();
    accounts.extend(plan.waiting.iter().map(|waiting| &*waiting.account));
    accounts.sort_unstable();
    accounts.dedup();
    for account in accounts {
        let changes = plan.changes.iter().filter(|change| *change.account == *account).map(change_line);
        let waiting = plan.waiting.iter().filter(|waiting| *waiting.account == *account).map(waiting_line);
        text += &heading(account);
        text += &aligned(changes.chain(waiting));
        text.push('\n');
    }
    text + &remarks(plan) + &summary(plan) + "\n"
}

/// What concerns no single change: warnings, and accounts that could not be read.
fn remarks(plan: &Plan) -> String {
    let warnings =
        plan.warnings.iter().map(|warning| format!("{YELLOW}warning{YELLOW:#}: {}", printable(&warning.to_string())));
    let lines: Vec<String> = warnings.chain(plan.accounts_unread.iter().map(unread)).collect();
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n\n" }
}

/// An account of which nothing is known.
pub fn unread(account: &UnreadAccount) -> String {
    format!("{RED}! not read{RED:#}: {}", printable(&account.to_string()))
}

/// What was done, a line each, then one line that counts.
pub fn applied(report: &Report<'_>) -> String {
    let Some(applied) = report.applied else { return String::new() };
    let Applied { outcomes, deferred, after: _, mail } = applied;
    let left = applied.left();
    let left = left.iter().map(|(cause, users)| {
        let (users, cause) = (printable(&users.join(", ")), printable(cause));
        format!("{YELLOW}!{YELLOW:#} {users}\t\t\t{YELLOW}not finished: {cause}{YELLOW:#}")
    });
    let mut text = aligned(outcomes.iter().flat_map(outcome_lines).chain(left).chain(mail.iter().flat_map(mail_lines)));
    if !text.is_empty() {
        text.push('\n');
    }
    let failed = outcomes.iter().filter(|outcome| matches!(outcome.result, Err(Failure::Failed(_)))).count();
    let stale = outcomes.iter().filter(|outcome| matches!(outcome.result, Err(Failure::Stale(_)))).count();
    let done = [
        (applied.done(Verb::Create), "created"),
        (applied.done(Verb::Promote), "promoted"),
        (applied.done(Verb::Notify), "notified"),
        (applied.done(Verb::Deactivate), "deactivated"),
        (applied.done(Verb::Delete), "deleted"),
        (applied.done(Verb::Update), "updated"),
        (mail.iter().filter(|sent| sent.result.is_ok()).count(), "mailed"),
    ];
    let unsent = mail.iter().filter(|sent| sent.result.is_err()).count();
    let undone =
        [(failed, "failed"), (stale, "stale"), (unsent, "not mailed"), (deferred.len(), "not finished: run it again")];
    text += &format!("Applied: {}", list(done.into_iter()).unwrap_or_else(|| "nothing".to_owned()));
    if let Some(undone) = list(undone.into_iter()) {
        let _ = write!(text, "; {RED}{undone}{RED:#}");
    }
    text += ".\n";
    if let Some(unknown) = unknown(report.plan) {
        text += &(unknown + "\n");
    }
    text
}

/// Every user in scope, a line a key: age, last use, what comes next and when.
pub fn status(accounts: &[(&Roster, &Inventory)], viewpoint: impl Into<Viewpoint>) -> String {
    let viewpoint = viewpoint.into();
    let mut text = String::new();
    let mut unreadable = Causes::default();
    for (roster, inventory) in accounts {
        text += &heading(&roster.account);
        let title = ["user", "key", "status", "created", "age", "last used", "next"].join("\t");
        let title = format!("  {BOLD}{title}{BOLD:#}");
        let lines = roster.entries.iter().flat_map(|entry| {
            let observed = inventory.users.get(&entry.user.name).map(Result::as_ref);
            let next = Forecast::new(roster, entry, observed, viewpoint);
            if let Next::Wait { wait: Wait::Unreadable { cause, .. }, .. } = &next.next {
                unreadable.add(cause);
            }
            status_lines(entry, observed.and_then(Result::ok), next, viewpoint.at)
        });
        let lines: Vec<String> = lines.collect();
        text += &aligned(std::iter::once(title).chain(lines));
        let _ = writeln!(text, "\n{} in scope, {} unmanaged.", users(roster.entries.len()), roster.unmanaged);
    }
    let all = accounts.iter().map(|(roster, _)| roster.entries.len()).sum();
    if let Some(unknown) = unreadable.sentence(all) {
        text += &(unknown + "\n");
    }
    text
}

fn status_lines(entry: &Entry, state: Option<&State>, next: Forecast, now: DateTime<Utc>) -> Vec<String> {
    let user = printable(&entry.user.name);
    let assumed = assumption(next.is_assumed);
    let (about, next) = match next.next {
        Next::Change(action, reason) => {
            (action.key().cloned(), format!("{} now: {}{assumed}", action.verb(), printable(&reason.to_string())))
        }
        Next::Wait { wait: Wait::Unreadable { .. }, .. } => (None, "unreadable".to_owned()),
        Next::Wait { key, wait, until } => {
            let (_, word, _) = mark(&wait);
            let until = until.map_or_else(String::new, |until| format!(" until {}", last_day(&wait, until)));
            (key, format!("{word}{until}: {}{assumed}", message(&wait)))
        }
        Next::Settled { next_rotation: Some(at) } => (None, format!("rotate {}", day(at))),
        Next::Settled { next_rotation: None } => (None, "nothing to rotate".to_owned()),
        Next::Need(need) => (None, format!("unknown: {need}")),
    };
    let keys = state.map_or(&[][..], |state| &state.keys);
    if keys.is_empty() {
        return vec![format!("  {user}\t-\t\t\t\t\t{next}")];
    }
    let mut keys: Vec<&Key> = keys.iter().collect();
    keys.sort_unstable_by_key(|key| (key.created, key.id.clone()));
    let told_at = about.and_then(|id| keys.iter().position(|key| key.id == id)).unwrap_or(keys.len() - 1);
    let line = |(position, key): (usize, &&Key)| {
        let Key { id, status: _, created, last_use } = key;
        let status = if key.is_active() { "active" } else { "inactive" };
        let age = (now - created).num_days();
        let used = match last_use {
            LastUse::Unread => "?".to_owned(),
            LastUse::Never => "never".to_owned(),
            LastUse::At { time, service, .. } => {
                day(*time) + &service.as_ref().map_or_else(String::new, |service| format!(" ({})", printable(service)))
            }
        };
        let next = if position == told_at { next.as_str() } else { "" };
        format!("  {user}\t{id}\t{status}\t{}\t{age}d\t{used}\t{next}", day(*created))
    };
    keys.iter().enumerate().map(line).collect()
}

pub(super) fn heading(account: &Account) -> String {
    format!("{BOLD}Account {}, {}{BOLD:#}\n", printable(&account.to_string()), account.region)
}

pub(super) fn change_line(change: &Change) -> String {
    let Change { account: _, user, action, reason, destination: _, moves_to, source: _, then: _, is_assumed } = change;
    let verb = action.verb();
    let style = style(verb);
    let (key, reason, moves) = (about(change), printable(&reason.to_string()), moves(moves_to.as_deref()));
    let (user, then, assumed) = (printable(user), then_text(change), assumption(*is_assumed));
    let glyph = verb.glyph();
    format!("{style}{glyph}{style:#} {user}\t{style}{verb}{style:#}\t{key}\t{reason}{moves}{then}{assumed}")
}

/// What a change is about, in a column.
pub(super) fn about(change: &Change) -> &str {
    match change.action.verb() {
        Verb::Update => "its secret",
        _ => change.action.key().map_or("new key", |key| key.as_str()),
    }
}

/// That the manifest names another secret by now.
pub(super) fn moves(moves_to: Option<&str>) -> String {
    moves_to.map_or_else(String::new, |to| format!("; under its former name, before it moves to `{}`", printable(to)))
}

/// What follows in the same run, then what follows later, with its earliest dates.
fn then_text(change: &Change) -> String {
    let following = Steps::after(change);
    let at_once: Vec<String> = following.at_once.iter().map(|(step, key)| words(step, key.as_ref())).collect();
    let later: Vec<String> = following
        .later
        .iter()
        .map(|(step, key)| format!("{} {}", words(step, key.as_ref()), day(step.not_before)))
        .collect();
    let mut text = String::new();
    if !at_once.is_empty() {
        let _ = write!(text, "; at once also {}", at_once.join(", "));
    }
    if !later.is_empty() {
        let _ = write!(text, "; {DIM}then {}{}{DIM:#}", later.join(", "), following.condition());
    }
    text
}

fn words(step: &Step, key: Option<&KeyRef>) -> String {
    match (step.verb, key) {
        (Verb::Create, _) => "create a new key".to_owned(),
        (Verb::Update, _) => "update its secret".to_owned(),
        (verb, Some(key)) => format!("{verb} {key}"),
        (verb, None) => verb.to_string(),
    }
}

/// The steps after the first one that are worth a word, each with its key where that is not obvious: it is if the line
/// names it already.
pub(super) struct Steps<'a> {
    pub at_once: Vec<(&'a Step, Option<KeyRef>)>,
    pub later: Vec<(&'a Step, Option<KeyRef>)>,
}

impl<'a> Steps<'a> {
    pub fn after(change: &'a Change) -> Self {
        let replaced = change.reason.key().map(|key| KeyRef::Existing(key.clone()));
        let mut named: Vec<KeyRef> = std::iter::once(change.key()).chain(replaced).collect();
        let mut created = vec![change.key()];
        let mut steps = Self { at_once: Vec::new(), later: Vec::new() };
        for step in &change.then {
            let key = step.key.clone();
            match step.verb {
                Verb::Create => created.push(key.clone()),
                // A key that is created is handed out and announced: that goes without saying.
                Verb::Promote | Verb::Notify if created.contains(&key) && change.action.key().is_none() => continue,
                Verb::Promote | Verb::Notify if created[1..].contains(&key) => continue,
                Verb::Promote | Verb::Notify | Verb::Deactivate | Verb::Delete | Verb::Update => {}
            }
            let name = (!named.contains(&key)).then(|| key.clone());
            named.push(key);
            let list = if step.same_run { &mut steps.at_once } else { &mut steps.later };
            list.push((step, name));
        }
        steps
    }

    /// On what the later steps rest.
    pub fn condition(&self) -> String {
        let Some((step, _)) = self.later.iter().find(|(step, _)| step.if_unused) else { return String::new() };
        match step.latest.filter(|_| step.verb == Verb::Deactivate) {
            Some(latest) => format!(" (once nothing uses it; deactivated by {} at the latest)", day(latest)),
            None => " (once nothing uses it)".to_owned(),
        }
    }
}

pub(super) fn assumption(is_assumed: bool) -> &'static str {
    if is_assumed { "; assumes that who uses a key now goes on" } else { "" }
}

pub(super) fn waiting_line(waiting: &Waiting) -> String {
    let Waiting { account: _, user, key, wait, moves_to, source: _, until, then: _, is_assumed } = waiting;
    let (glyph, word, style) = mark(wait);
    let key = key.as_ref().map_or("", |key| key.as_str());
    let until = until.map_or_else(String::new, |until| format!("; {DIM}until {}{DIM:#}", last_day(wait, until)));
    let (user, message, assumed) = (printable(user), message(wait), assumption(*is_assumed));
    let moves = moves(moves_to.as_deref());
    format!("{style}{glyph}{style:#} {user}\t{style}{word}{style:#}\t{key}\t{message}{moves}{until}{assumed}")
}

fn mark(wait: &Wait) -> (char, &'static str, Style) {
    match wait {
        Wait::Unreadable { .. } => ('?', "unreadable", RED),
        wait if wait.is_blocked() => ('!', "blocked", RED),
        wait if wait.is_exempt() => (' ', "exempt", DIM),
        _ => (' ', "held", DIM),
    }
}

/// What is not said by the word of [`mark`], nor by the last line: why something could not be read, once for all users.
pub(super) fn message(wait: &Wait) -> String {
    if matches!(wait, Wait::Unreadable { .. }) {
        return String::new();
    }
    let message = printable(&wait.to_string());
    message.strip_prefix("exempt: ").map_or(message.clone(), str::to_owned)
}

/// An exemption ends after the day that the manifest names: that day is shown. Other waits end at an instant.
pub(super) fn last_day(wait: &Wait, until: DateTime<Utc>) -> String {
    day(if wait.is_exempt() { until - TimeDelta::seconds(1) } else { until })
}

fn outcome_lines(outcome: &Outcome) -> Vec<String> {
    let Outcome { change, result, issued, notes } = outcome;
    let verb = change.action.verb();
    let key = match verb {
        Verb::Update => about(change),
        _ => change.action.key().or(issued.as_ref()).map_or("", |key| key.as_str()),
    };
    let user = printable(&change.user);
    let (style, text) = match result {
        Ok(()) => (style(verb), result_word(result).to_owned()),
        Err(Failure::Stale(why)) => (YELLOW, format!("{YELLOW}stale: {}{YELLOW:#}", printable(why))),
        Err(Failure::Failed(error)) => (RED, format!("{RED}failed: {}{RED:#}", printable(&error.to_string()))),
    };
    let line = format!("{style}{}{style:#} {user}\t{verb}\t{key}\t{text}", verb.glyph());
    let notes = notes.iter().map(|note| format!("  \t\t\tnote: {}", printable(note)));
    std::iter::once(line).chain(notes).collect()
}

fn mail_lines(sent: &Sent) -> Vec<String> {
    let Sent { kind, to, users, result, notes } = sent;
    let text = match result {
        Ok(()) => "sent".to_owned(),
        Err(error) => format!("{YELLOW}not sent: {}{YELLOW:#}", printable(&error.to_string())),
    };
    let users = if users.is_empty() { String::new() } else { format!(" ({})", printable(&users.join(", "))) };
    let line = format!("{CYAN}@{CYAN:#} {}\tmail\t{kind}\t{text}{users}", printable(to));
    let notes = notes.iter().map(|note| format!("  \t\t\tnote: {}", printable(note)));
    std::iter::once(line).chain(notes).collect()
}

/// `Plan: 1 to create, 0 to deactivate, 0 to delete; 1 blocked, 3 exempt.` What could not be read comes last.
pub(super) fn summary(plan: &Plan) -> String {
    match (known(plan), unknown(plan)) {
        (Some(known), Some(unknown)) => format!("{known}\n{unknown}"),
        (known, unknown) => known.or(unknown).unwrap_or_default(),
    }
}

/// `None` if nothing is known of anybody.
fn known(plan: &Plan) -> Option<String> {
    let counts = Counts::of(plan);
    let waiting = [
        (counts.blocked, "blocked"),
        (counts.unreadable, "unreadable"),
        (counts.held, "held"),
        (counts.exempt, "exempt"),
    ];
    let waiting = list(waiting.into_iter());
    let readable = plan.users() - counts.unreadable;
    if plan.changes.is_empty() {
        let next = plan.next_rotation().map_or_else(String::new, |(at, settled)| {
            format!(", next rotation {} ({})", day(at), printable(&settled.user))
        });
        let waiting = waiting.map_or_else(String::new, |waiting| format!("{waiting}. "));
        return match counts.unreadable {
            0 => Some(format!("No changes. {waiting}{} in scope{next}.", users(readable))),
            _ if readable == 0 => None,
            _ => Some(format!(
                "Nothing to do for the {} that could be read{next}. {}",
                users(readable),
                waiting.trim_end()
            )),
        };
    }
    // A key that is created is handed out and announced in the same run: that goes without saying.
    let own = |verb: Verb| {
        let with_creation = |change: &&Change| change.in_run().any(|(step, _)| step == Verb::Create);
        let steps = plan.changes.iter().filter(with_creation).flat_map(Change::in_run);
        steps.filter(|(step, _)| *step == verb).count()
    };
    let mut text = format!("Plan: {} to create", counts.create);
    for (count, verb) in [(counts.promote, Verb::Promote), (counts.notify, Verb::Notify)] {
        if count > own(verb) {
            let _ = write!(text, ", {} to {verb}", count - own(verb));
        }
    }
    let _ = write!(text, ", {} to deactivate, {} to delete", counts.deactivate, counts.delete);
    if counts.update > 0 {
        let _ = write!(text, ", {} to update", counts.update);
    }
    Some(text + &waiting.map_or_else(String::new, |waiting| format!("; {waiting}")) + ".")
}

/// How many users could not be read, and why; `None` if all were.
pub(super) fn unknown(plan: &Plan) -> Option<String> {
    let mut causes = Causes::default();
    for waiting in &plan.waiting {
        if let Wait::Unreadable { cause, .. } = &waiting.wait {
            causes.add(cause);
        }
    }
    causes.sentence(plan.users())
}

/// Why users could not be read: a missing permission is named once, and not for each user.
#[derive(Default)]
pub(super) struct Causes(BTreeMap<String, usize>);

impl Causes {
    pub fn add(&mut self, cause: &str) {
        *self.0.entry(printable(cause)).or_default() += 1;
    }

    pub fn sentence(&self, all: usize) -> Option<String> {
        let unreadable: usize = self.0.values().sum();
        let causes: Vec<String> = match self.0.len() {
            0 => return None,
            1 => self.0.keys().cloned().collect(),
            _ => self.0.iter().map(|(cause, count)| format!("{cause} ({})", users(*count))).collect(),
        };
        let of = if all == 1 { "1 user".to_owned() } else { format!("{unreadable} of {all} users") };
        Some(format!("{of} could not be read, and what they need is not known: {}.", causes.join("; ")))
    }
}

fn users(count: usize) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{count} users") }
}

/// "1 created, 2 failed"; `None` if all are 0.
fn list(counts: impl Iterator<Item = (usize, &'static str)>) -> Option<String> {
    let parts: Vec<_> = counts.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn style(verb: Verb) -> Style {
    match verb {
        Verb::Create => GREEN,
        Verb::Promote | Verb::Notify | Verb::Update => CYAN,
        Verb::Deactivate => YELLOW,
        Verb::Delete => RED,
    }
}

/// Lines with tabs become columns.
pub fn aligned(lines: impl Iterator<Item = String>) -> String {
    let mut writer = TabWriter::new(Vec::new()).padding(2).ansi(true);
    for line in lines {
        writeln!(writer, "{line}").expect("memory takes what is written to it");
    }
    let bytes = writer.into_inner().expect("memory takes what is written to it");
    let text = String::from_utf8(bytes).expect("lines are text");
    text.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

pub(super) fn day(time: DateTime<Utc>) -> String {
    Day(time).to_string()
}

/// Writes the styled text, or the text alone.
pub fn styled(text: &str, color: bool) -> impl fmt::Display {
    if color { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
}
