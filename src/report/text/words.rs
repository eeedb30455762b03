//! The words and lines that pages for a person are made of.

use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    io::Write as _,
};

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, TimeDelta, Utc};
use tabwriter::TabWriter;

use super::measure::{CELL, COLUMN, GAP, unmarked};
use crate::{
    counted::{counted, first_of},
    inventory::{Account, UnreadAccount},
    plan::{Change, KeyRef, Overdue, Reason, Step, Tells, Verb, Waiting, WaitingOn},
    report::{
        alike::Alike,
        unread::{Cause, causes},
    },
    time::{Day, Duration},
    untrusted::printable,
};

pub const DIM: Style = Style::new().dimmed();

pub const BOLD: Style = Style::new().bold();

pub const RED: Style = AnsiColor::Red.on_default();

pub const GREEN: Style = AnsiColor::Green.on_default();

pub const YELLOW: Style = AnsiColor::Yellow.on_default();

pub const CYAN: Style = AnsiColor::Cyan.on_default();

pub fn heading(account: &Account) -> String {
    format!("{BOLD}Account {}, {}{BOLD:#}\n", printable(&account.to_string()), account.region)
}

/// The heading of accounts that have the same below it.
pub fn heading_of(accounts: &[&Account]) -> String {
    const NAMED: usize = 10;
    if let [only] = accounts {
        return heading(only);
    }
    let named = first_of(accounts.iter().map(|account| account.short_name()), NAMED);
    format!("{BOLD}{}{BOLD:#}: {}\n", counted(accounts.len(), "account"), printable(&named))
}

pub fn change_line(change: &Change) -> String {
    let Change { user, action, reason, moves_to, made_with, is_assumed, .. } = change;
    let verb = action.verb();
    let style = style(verb);
    let (key, reason, moves) =
        (about(change), printable(&reason.to_string()), moves(moves_to.as_deref()) + &made(made_with.as_deref()));
    let (user, then, assumed) = (printable(user), then_text(change), assumption(*is_assumed));
    let (glyph, tells) = (verb.glyph(), tells(change));
    format!("{style}{glyph}{style:#} {user}\t{style}{verb}{style:#}\t{key}\t{reason}{moves}{then}{assumed}{tells}")
}

/// Who is told of it; nobody is of what changes no key.
pub fn tells(change: &Change) -> String {
    let Tells { recipients, is_fallback } = &change.tells;
    let steps = change.then.iter().map(|step| step.verb);
    match std::iter::once(change.action.verb()).chain(steps).all(|verb| matches!(verb, Verb::Update | Verb::Deliver)) {
        true => String::new(),
        false if recipients.is_empty() => "; tells nobody".to_owned(),
        false => {
            let instead = if *is_fallback { ", as the user has no address" } else { "" };
            format!("; tells {}{instead}", printable(&recipients.join(", ")))
        }
    }
}

/// What a change is about, in a column.
pub fn about(change: &Change) -> &str {
    match change.action.verb() {
        Verb::Update => "its secret",
        _ => change.action.key().map_or("new key", |key| key.as_str()),
    }
}

/// That the manifest names another secret by now.
pub fn moves(moves_to: Option<&str>) -> String {
    moves_to.map_or_else(String::new, |to| format!("; under its former name, before it moves to `{}`", printable(to)))
}

/// That the manifest names another secret, to which the credential comes after the wait.
pub fn moves_later(moves_to: Option<&str>) -> String {
    moves_to.map_or_else(String::new, |to| format!("; before it moves to `{}`", printable(to)))
}

/// What a secret that is made for the credential is made with.
pub fn made(with: Option<&str>) -> String {
    with.map_or_else(String::new, |with| format!("; in a new secret ({})", printable(with)))
}

/// What follows in the same run, then what follows later, with its earliest dates.
fn then_text(change: &Change) -> String {
    let following = Steps::after(change);
    let at_once: Vec<String> = following.at_once.iter().map(|(step, key)| words(step, key.as_ref())).collect();
    let at_once = if at_once.is_empty() { String::new() } else { format!("; at once also {}", at_once.join(", ")) };
    at_once + &later_text(&following)
}

/// What comes later, with its dates, and on what they rest.
pub fn later_text(steps: &Steps<'_>) -> String {
    if steps.later.is_empty() {
        return String::new();
    }
    let dated =
        |(step, key): &(&Step, Option<KeyRef>)| format!("{} {}", words(step, key.as_ref()), day(step.not_before));
    let later: Vec<String> = steps.later.iter().map(dated).collect();
    format!("; {DIM}then {}{}{DIM:#}", later.join(", "), steps.condition(KeyRef::to_string))
}

fn words(step: &Step, key: Option<&KeyRef>) -> String {
    match (step.verb, key) {
        (Verb::Create, _) => "create a new key".to_owned(),
        (Verb::Update, _) => "update its secret".to_owned(),
        (Verb::Deliver, _) => format!("deliver it to {}", printable(step.place.as_deref().unwrap_or_default())),
        (verb, Some(key)) => format!("{verb} {key}"),
        (verb, None) => verb.to_string(),
    }
}

/// The steps after the first one that are worth a word, each with its key where that is not obvious: it is if the line
/// names it already.
pub struct Steps<'a> {
    pub at_once: Vec<(&'a Step, Option<KeyRef>)>,
    pub later: Vec<(&'a Step, Option<KeyRef>)>,
}

impl<'a> Steps<'a> {
    /// What follows a change.
    pub fn after(change: &'a Change) -> Self {
        let replaced = change.reason.key().map(|key| KeyRef::Existing(key.clone()));
        let created = change.action.key().is_none().then(|| change.key());
        Self::of(&change.then, std::iter::once(change.key()).chain(replaced).collect(), created.into_iter().collect())
    }

    /// What comes when a wait is over.
    pub fn after_wait(waiting: &'a Waiting) -> Self {
        Self::of(&waiting.then, waiting.key.iter().map(|key| KeyRef::Existing(key.clone())).collect(), Vec::new())
    }

    /// `named` are the keys of which the reader knows already, `created` those that were just made.
    fn of(then: &'a [Step], mut named: Vec<KeyRef>, mut created: Vec<KeyRef>) -> Self {
        let mut steps = Self { at_once: Vec::new(), later: Vec::new() };
        for step in then {
            let key = step.key.clone();
            match step.verb {
                Verb::Create => created.push(key.clone()),
                // A key that is created is handed out and announced: that goes without saying.
                Verb::Promote | Verb::Notify if created.contains(&key) => continue,
                Verb::Promote | Verb::Deliver | Verb::Notify | Verb::Deactivate | Verb::Delete | Verb::Update => {}
            }
            let name = (!named.contains(&key)).then(|| key.clone());
            named.push(key);
            let list = if step.same_run { &mut steps.at_once } else { &mut steps.later };
            list.push((step, name));
        }
        steps
    }

    /// On what the later steps rest. Where several keys stop, `name` says which one it is about.
    pub fn condition(&self, name: impl Fn(&KeyRef) -> String) -> String {
        let Some((step, _)) = self.later.iter().find(|(step, _)| step.if_unused) else { return String::new() };
        let is_other = |(other, _): &(&Step, _)| other.verb == Verb::Deactivate && other.key != step.key;
        let key = if self.later.iter().any(is_other) { name(&step.key) } else { "it".to_owned() };
        match step.latest.filter(|_| step.verb == Verb::Deactivate) {
            Some(latest) => format!(" (once nothing uses {key}; deactivated by {} at the latest)", day(latest)),
            None => format!(" (once nothing uses {key})"),
        }
    }
}

pub fn assumption(is_assumed: bool) -> &'static str {
    if is_assumed { "; assumes that who uses a key now goes on" } else { "" }
}

pub fn waiting_line(waiting: &Waiting, now: DateTime<Utc>) -> String {
    let Waiting { user, key, wait, moves_to, until, is_assumed, .. } = waiting;
    let (glyph, word, style) = mark(wait);
    let key = key.as_ref().map_or("", |key| key.as_str());
    let until = until.map_or_else(String::new, |until| format!("; {DIM}until {}{DIM:#}", last_day(wait, until, now)));
    let (user, message, assumed) = (printable(user), why(waiting), assumption(*is_assumed));
    let moves = moves_later(moves_to.as_deref());
    format!("{style}{glyph}{style:#} {user}\t{style}{word}{style:#}\t{key}\t{message}{moves}{until}{assumed}")
}

pub fn mark(wait: &WaitingOn) -> (char, &'static str, Style) {
    match wait {
        WaitingOn::Unreadable { .. } => ('?', "unreadable", RED),
        wait if wait.is_blocked() => ('!', "blocked", RED),
        wait if wait.is_exempt() => (' ', "exempt", DIM),
        _ => (' ', "held", DIM),
    }
}

/// What is not said by the word of [`mark`], nor by the last line: why something could not be read, once for all users.
pub fn message(wait: &WaitingOn) -> String {
    if wait.is_unreadable() {
        return String::new();
    }
    let message = printable(&wait.to_string());
    message.strip_prefix("exempt: ").map_or(message.clone(), str::to_owned)
}

/// Why somebody waits. A key that is older than its limit meanwhile comes first: that is never a calm line.
pub fn why(waiting: &Waiting) -> String {
    let message = message(&waiting.wait);
    let Some(Overdue { key, age, limit }) = &waiting.overdue else { return message };
    let of = if waiting.key.as_ref() == Some(key) { String::new() } else { format!("{key} is ") };
    let overdue = format!("overdue: {of}{}d old, the limit is {}", age.num_days(), Duration(*limit));
    // What a wait says of the same key's age is said by then.
    let same = match &waiting.wait {
        WaitingOn::Paced { reason, .. } | WaitingOn::RotationsPaused { reason } => match reason {
            Reason::Expired { .. } => printable(&reason.to_string()),
            _ => String::new(),
        },
        _ => "overdue: ".to_owned(),
    };
    let rest = message.strip_prefix(&same).unwrap_or(&message).trim_start_matches("; ");
    format!("{overdue}; {rest}")
}

/// An exemption ends after the day that the manifest names: that day is shown. Other waits end at an instant, of which the day
/// says enough unless it is today. An overlap goes on while the old key is in use.
pub fn last_day(wait: &WaitingOn, until: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let shown = match until.date_naive() == now.date_naive() {
        _ if wait.is_exempt() => day(until - TimeDelta::seconds(1)),
        true => format!("{} UTC", until.format("%Y-%m-%d %H:%M")),
        false => day(until),
    };
    if *wait == WaitingOn::InOverlap { shown + " at least" } else { shown }
}

/// The accounts of which nothing is known, a line a cause.
pub fn unread(accounts: &[UnreadAccount]) -> Vec<String> {
    let line = |cause: Cause<'_>| format!("{RED}! not read{RED:#}: {}", printable(&cause.to_string()));
    causes(accounts).into_iter().map(line).collect()
}

/// Why users could not be read: a missing permission is named once, and not for each user, nor for each account.
#[derive(Default)]
pub struct Causes(BTreeMap<String, (Alike, usize)>);

impl Causes {
    pub fn add(&mut self, cause: &str) {
        let one = Alike::new(&printable(cause), None);
        match self.0.entry(one.key()) {
            btree_map::Entry::Vacant(new) => drop(new.insert((one, 1))),
            btree_map::Entry::Occupied(mut known) => {
                let (common, count) = known.get_mut();
                common.add(&one);
                *count += 1;
            }
        }
    }

    pub fn sentence(&self, all: usize) -> Option<String> {
        let unreadable: usize = self.0.values().map(|(_, count)| count).sum();
        let causes: Vec<String> = match self.0.len() {
            0 => return None,
            1 => self.0.values().map(|(cause, _)| cause.text()).collect(),
            _ => self.0.values().map(|(cause, count)| format!("{} ({})", cause.text(), users(*count))).collect(),
        };
        let of = if all == 1 { "1 user".to_owned() } else { format!("{unreadable} of {all} users") };
        Some(format!("{of} could not be read, and what they need is not known: {}.", causes.join("; ")))
    }
}

pub fn users(count: usize) -> String {
    counted(count, "user")
}

/// "1 created, 2 failed"; `None` if all are 0.
pub fn list(counts: impl Iterator<Item = (usize, &'static str)>) -> Option<String> {
    let parts: Vec<_> = counts.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

pub fn style(verb: Verb) -> Style {
    match verb {
        Verb::Create => GREEN,
        Verb::Promote | Verb::Deliver | Verb::Notify | Verb::Update => CYAN,
        Verb::Deactivate => YELLOW,
        Verb::Delete => RED,
    }
}

/// Lines with tabs become columns.
pub fn aligned(lines: impl Iterator<Item = String>) -> String {
    let mut writer = TabWriter::new(Vec::new()).padding(GAP).ansi(true);
    let mut last = Vec::new();
    for line in lines {
        last.push(line.rsplit('\t').next().map_or(0, str::len));
        writeln!(writer, "{}", line.replace('\t', &format!("{CELL}\t"))).expect("memory takes what is written to it");
    }
    let bytes = writer.into_inner().expect("memory takes what is written to it");
    let text = String::from_utf8(bytes).expect("lines are text");
    text.lines().zip(last).fold(String::new(), |text, (line, last)| {
        // Where the last column begins is where it goes on in the next line.
        let (before, last) = line.split_at(line.len() - last);
        let column = if last.trim().is_empty() { String::new() } else { COLUMN.to_string() };
        text + format!("{before}{column}{last}").trim_end_matches([' ', CELL]) + "\n"
    })
}

pub fn day(time: DateTime<Utc>) -> String {
    Day(time).to_string()
}

/// Writes the styled text, or the text alone.
pub fn styled(text: &str, color: bool) -> impl fmt::Display {
    let text = unmarked(text);
    if color { text } else { anstream::adapter::strip_str(&text).to_string() }
}
