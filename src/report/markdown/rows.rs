//! The rows of the tables: changes, and what waits.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::page::{Content, ELSEWHERE, Section, unbroken, unbroken_dates};
use crate::{
    apply::{Applied, Outcome},
    counted::counted,
    diff::{Before, CausedWait, Comparison, Deletion, review::Compared},
    inventory::{Account, UnreadAccount},
    plan::{Change, KeyRef, Plan, Step, UnmanagedUser, Verb, Waiting},
    report::{
        model::result_word,
        text::{self, Steps, assumption, before_text, day, made, moves, moves_later, tells},
        unread::{Cause, causes},
    },
    untrusted::{cell, cell_words, code, fenced},
};

/// So many are named in one line.
const MOST_NAMED: usize = 50;

/// So many users that the same happens to are named in a row.
pub const MOST_IN_ROW: usize = 8;

/// The part of the room that a folded section may take.
pub const MOST_FOLDED: usize = 12_000;

/// The accounts that the page is about: one is named once, several are named in each row.
pub struct Accounts {
    all: BTreeSet<Account>,
    /// In how many somebody is in scope.
    inside: usize,
    /// The instant of the plan.
    now: DateTime<Utc>,
}

impl Accounts {
    pub fn of(plan: &Plan, compared: Option<&Compared>) -> Self {
        let planned = plan.changes.iter().map(|change| (*change.account).clone());
        let waiting = plan.waiting.iter().map(|waiting| (*waiting.account).clone());
        let settled = plan.settled.iter().map(|settled| (*settled.account).clone());
        let left = compared.into_iter().flat_map(|compared| &compared.now.left).map(|member| member.account.clone());
        let inside: BTreeSet<Account> = planned.chain(waiting).chain(settled).collect();
        let (count, all) = (inside.len(), inside.into_iter().chain(left).collect());
        Self { all, inside: count, now: plan.as_of }
    }

    pub fn only(&self) -> String {
        match self.all.first() {
            Some(only) if self.all.len() == 1 => format!(" of account {}", code(&only.to_string())),
            _ => format!(" of {}", counted(self.inside, "account")),
        }
    }

    /// A cell that names a user.
    pub fn user(&self, account: &Account, user: &str) -> String {
        match self.all.len() {
            0 | 1 => cell(user),
            _ => format!("{} in {}", cell(user), cell(&account.short_name())),
        }
    }
}

/// The accounts of which nothing is known, a line a cause. There may be as many causes as accounts.
pub fn unread(accounts: &[UnreadAccount]) -> Vec<String> {
    const SHOWN: usize = 10;
    const MOST_CHARACTERS: usize = 1_000;
    let causes = causes(accounts);
    let line = |cause: &Cause<'_>| {
        let text = cause.to_string();
        let cut: String = text.chars().take(MOST_CHARACTERS).collect();
        let more = if cut.len() < text.len() { " …" } else { "" };
        format!("**Not read:** {}{more}\n\n", code(&cut))
    };
    let mut lines: Vec<String> = causes.iter().take(SHOWN).map(line).collect();
    let more: usize = causes.iter().skip(SHOWN).map(|cause| cause.accounts.len()).sum();
    if more > 0 {
        lines.push(format!("**Not read:** {} more, for other causes; {ELSEWHERE}.\n\n", counted(more, "account")));
    }
    lines
}

pub fn counts(count: impl Fn(Verb) -> usize, blocked: usize) -> Option<String> {
    // A key that is created is handed out and announced: that goes without saying.
    let beyond = |verb| count(verb).saturating_sub(count(Verb::Create));
    let all = [
        (count(Verb::Delete), "to delete"),
        (count(Verb::Deactivate), "to deactivate"),
        (count(Verb::Create), "to create"),
        (beyond(Verb::Promote), "to promote"),
        (count(Verb::Deliver), "to deliver"),
        (beyond(Verb::Notify), "to notify"),
        (count(Verb::Update), "to update"),
        (blocked, "blocked"),
    ];
    let counts: Vec<String> =
        all.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

pub fn text_section(title: &str, language: &'static str, text: String) -> Section<'static> {
    let content = Content::Text(Box::new(move |room| fenced(language, &text, room)));
    Section { title: title.to_owned(), folded: true, most: MOST_FOLDED, content }
}

pub fn table(title: &str, most: usize, header: &'static str, rows: Vec<String>) -> Section<'static> {
    Section { title: format!("{title}: {}", rows.len()), folded: false, most, content: Content::Table { header, rows } }
}

pub fn folded(title: &str, header: &'static str, rows: Vec<String>) -> Section<'static> {
    Section { folded: true, ..table(title, MOST_FOLDED, header, rows) }
}

pub fn readable(waiting: &[Waiting]) -> impl Iterator<Item = &Waiting> {
    waiting.iter().filter(|waiting| !waiting.wait.is_unreadable())
}

pub fn deletions(deletions: &[Deletion], accounts: &Accounts) -> String {
    let line = |title: &str, deletions: Vec<&Deletion>| {
        let all: Vec<String> = deletions
            .into_iter()
            .map(|Deletion { account, user, key, at, at_once, was }| {
                let of = format!("{} of {}", key_words(key, false), accounts.user(account, user));
                let from = if *at_once { String::new() } else { format!(" from {}", unbroken(day(*at))) };
                let was = was.map_or_else(String::new, |was| format!(" (before: {})", unbroken(day(was))));
                of + &from + &was
            })
            .collect();
        if all.is_empty() { String::new() } else { format!("**{title}:** {}\n\n", named(&all)) }
    };
    let (at_once, later) = deletions.iter().partition(|deletion| deletion.at_once);
    line("Deletes for good", at_once) + &line("Deletes for good later", later)
}

pub fn named(all: &[String]) -> String {
    let more = all.len().saturating_sub(MOST_NAMED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    all[..all.len().min(MOST_NAMED)].join(", ") + &more
}

pub const CHANGES: &str = "| | user | is done | why | then |\n|---|---|---|---|---|\n";

pub const WAITING: &str = "| | user | waits | why | until, then |\n|---|---|---|---|---|\n";

pub const OUTCOMES: &str = "| | user | action | result |\n|---|---|---|---|\n";

/// What became of each change: what was not made, with who was not finished; and what was.
pub fn outcome_rows(applied: &Applied, accounts: &Accounts) -> (Vec<String>, Vec<String>) {
    let row = |outcome: &Outcome| {
        let Outcome { change, at: _, result, notes, told, issued: _ } = outcome;
        let verb = change.action.verb();
        let error = result.as_ref().err().map(|error| format!(": {error}")).unwrap_or_default();
        let told = if told.is_empty() { String::new() } else { format!("; told {}", told.join(", ")) };
        let notes: String = notes.iter().map(|note| format!("; {note}")).collect();
        let result = cell_words(&format!("{}{error}{told}{notes}", result_word(result)));
        format!("| `{}` | {} | {verb} | {result} |\n", verb.glyph(), accounts.user(&change.account, &change.user))
    };
    let (done, undone): (Vec<&Outcome>, _) = applied.outcomes.iter().partition(|outcome| outcome.result.is_ok());
    let left = applied.deferred.iter().map(|deferred| {
        let cause = cell_words(&format!("not finished: {}", deferred.cause));
        format!("| `!` | {} | | {cause} |\n", accounts.user(&deferred.account, &deferred.user))
    });
    (undone.into_iter().map(row).chain(left).collect(), done.into_iter().map(row).collect())
}

pub const MESSAGES: &str = "| to | what | why not |\n|---|---|---|\n";

/// Messages beside those of a change that nobody took, and events.
pub fn unsent_rows(applied: &Applied) -> Vec<String> {
    let messages = applied.mail.iter().filter_map(|sent| {
        let error = sent.result.as_ref().err()?;
        Some(format!("| {} | {} | {} |\n", cell(&sent.to), sent.kind, cell_words(&error.to_string())))
    });
    let events = applied.events.iter().filter(|events| events.failed > 0).map(|events| {
        let why = events.failure.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("| {} | {} | {} |\n", cell(&events.bus), counted(events.failed, "event"), cell_words(&why))
    });
    messages.chain(events).collect()
}

pub const UNMANAGED: &str = "| user | keys |\n|---|---|\n";

/// Users that no rule selects, those with keys that are too old first.
pub fn unmanaged_rows(plan: &Plan, accounts: &Accounts) -> Vec<String> {
    let mut users: Vec<_> = plan.unmanaged.iter().collect();
    users.sort_by_key(|one| (std::cmp::Reverse(one.over_age), &one.account, &one.user));
    let row = |one: &UnmanagedUser| {
        let keys = cell_words(&text::unmanaged_keys(one, plan.as_of));
        format!("| {} | {keys} |\n", accounts.user(&one.account, &one.user))
    };
    users.into_iter().map(row).collect()
}

pub const POLICIES: &str = "| who | what | change | written in |\n|---|---|---|---|\n";

/// What can't be taken back comes first.
pub fn gravity(change: &Change) -> usize {
    let verbs: Vec<Verb> = change.in_run().map(|(verb, _)| verb).collect();
    match () {
        () if verbs.contains(&Verb::Delete) => 0,
        () if verbs.contains(&Verb::Deactivate) => 1,
        () => 2,
    }
}

pub fn caused_rows(comparison: &Comparison, accounts: &Accounts) -> Vec<String> {
    let mut caused: Vec<_> = comparison.caused.iter().collect();
    caused.sort_by_key(|caused| gravity(&caused.change));
    let before = |before: &Before| before_text(&before.steps(comparison.at));
    caused.into_iter().map(|one| change_row(&one.change, before(&one.before), accounts)).collect()
}

pub fn caused_waits(comparison: &Comparison, accounts: &Accounts) -> Vec<String> {
    let mut waits: Vec<&CausedWait> = comparison.waits.iter().collect();
    waits.sort_by_key(|wait| !wait.waiting.wait.is_blocked());
    let before = |before: &Before| before_text(&before.steps(comparison.at));
    waits.into_iter().map(|wait| waiting_row(&wait.waiting, before(&wait.before), accounts)).collect()
}

pub fn change_row(change: &Change, before: Option<String>, accounts: &Accounts) -> String {
    let Change { account, user, action, reason, moves_to, made_with, is_assumed, .. } = change;
    let verb = action.verb();
    let steps = Steps::after(change);
    let first = format!(
        "**{verb}** {}",
        if verb == Verb::Create { "a new key".to_owned() } else { key_words(&change.key(), true) }
    );
    let at_once = steps.at_once.iter().map(|(step, key)| format!("**{}**", step_words(step, key.as_ref())));
    let done: Vec<String> = std::iter::once(first).chain(at_once).collect();
    let mut then = later_words(&steps);
    if let Some(before) = before {
        then += &format!("; {}", unbroken_dates(&before));
    }
    let (user, why) = (
        accounts.user(account, user),
        cell_words(&format!(
            "{reason}{}{}{}{}",
            moves(moves_to.as_deref()),
            made(made_with.as_deref()),
            tells(change),
            assumption(*is_assumed)
        )),
    );
    format!(
        "| `{}` | {user} | {} | {} | {} |\n",
        verb.glyph(),
        done.join(", "),
        unbroken_dates(&why),
        then.trim_start_matches("; ")
    )
}

/// What comes later, with its dates, and on what they rest.
fn later_words(steps: &Steps<'_>) -> String {
    let dated = |(step, key): &(&Step, Option<KeyRef>)| {
        format!("{} {}", step_words(step, key.as_ref()), unbroken(day(step.not_before)))
    };
    let later: Vec<String> = steps.later.iter().map(dated).collect();
    later.join(", ") + &unbroken_dates(&steps.condition(|key| key_words(key, true)))
}

fn step_words(step: &Step, key: Option<&KeyRef>) -> String {
    match (step.verb, key) {
        (Verb::Create, _) => "create a new key".to_owned(),
        (Verb::Update, _) => "update its secret".to_owned(),
        (Verb::Deliver, _) => format!("deliver it to {}", cell(step.place.as_deref().unwrap_or_default())),
        (verb, Some(key)) => format!("{verb} {}", key_words(key, true)),
        (verb, None) => verb.to_string(),
    }
}

pub fn key_words(key: &KeyRef, in_table: bool) -> String {
    match key {
        KeyRef::Existing(key) if in_table => cell(key.as_str()),
        KeyRef::Existing(key) => code(key.as_str()),
        unborn => unborn.to_string(),
    }
}

pub fn waiting_row(waiting: &Waiting, before: Option<String>, accounts: &Accounts) -> String {
    let Waiting { account, user, key, wait, moves_to, until, is_assumed, .. } = waiting;
    let (glyph, word) = match wait {
        wait if wait.is_blocked() => ("`!`", "**blocked**"),
        wait if wait.is_exempt() => ("", "exempt"),
        _ => ("", "held"),
    };
    let key = key.as_ref().map_or_else(String::new, |key| format!(" {}", cell(key.as_str())));
    let until = until.map(|until| format!("until {}", unbroken(text::last_day(wait, until, accounts.now))));
    let then = Some(later_words(&Steps::after_wait(waiting))).filter(|then| !then.is_empty());
    let mut when = until.into_iter().chain(then).collect::<Vec<_>>().join(", ");
    if let Some(before) = before {
        when += &format!(", {}", unbroken_dates(&before));
    }
    let why = text::why(waiting) + &moves_later(moves_to.as_deref()) + assumption(*is_assumed);
    let why = cell_words(&why);
    let (user, why) = (accounts.user(account, user), unbroken_dates(&why));
    format!("| {glyph} | {user} | {word}{key} | {why} | {} |\n", when.trim_start_matches(", "))
}
