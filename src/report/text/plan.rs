//! A plan, and what became of it.

use std::fmt::Write as _;

use super::words::{
    BOLD, CYAN, Causes, RED, YELLOW, about, aligned, change_line, day, heading, heading_of, list, style, unread, users,
    waiting_line,
};
use crate::{
    apply::{Applied, Failure, Outcome, Sent},
    counted::{counted, first_of},
    events::EventsSent,
    notice::Channel,
    plan::{Change, Plan, Verb, WaitingOn},
    report::{
        accounts::{Group, Groups, Standing, warnings},
        alike::AlikeGroup,
        model::{Counts, Report, result_word},
    },
    untrusted::printable,
};

/// From so many users on whom a run has left for one cause, they are counted first.
const MANY_LEFT: usize = 4;

/// So many of them are named.
const MOST_NAMED: usize = 20;

/// The plan: changes, then what waits, by account; then one line that counts.
pub fn plan(plan: &Plan) -> String {
    let groups = Groups::of(plan);
    let mut text = accounts_line(&groups);
    // Of many accounts, those where the same is stuck and nothing else are shown as one.
    let mut stuck = Vec::new();
    for group in groups.shown() {
        let Group { account, changes, waiting, settled: _ } = group;
        if changes.is_empty() && waiting.is_empty() {
            continue;
        }
        let mut waiting = waiting.clone();
        waiting.sort_by_key(|waiting| waiting.overdue.is_none());
        let changes = changes.iter().copied().map(change_line);
        let lines = changes.chain(waiting.into_iter().map(|waiting| waiting_line(waiting, plan.as_of)));
        if groups.are_many() && group.standing() == Standing::Stuck {
            stuck.push((*account, lines.collect::<Vec<_>>().join("\n"), account.name.as_deref()));
            continue;
        }
        text += &heading(account);
        text += &aligned(lines);
        text.push('\n');
    }
    for (accounts, lines) in AlikeGroup::of(stuck).iter().flat_map(AlikeGroup::shown) {
        text += &heading_of(&accounts.into_iter().copied().collect::<Vec<_>>());
        text += &aligned(lines.lines().map(str::to_owned));
        text.push('\n');
    }
    text + &quiet_line(&groups) + &remarks(plan) + &summary(plan) + "\n"
}

/// How many accounts there are, and how they stand; nothing where there is one.
pub fn accounts_line(groups: &Groups<'_>) -> String {
    groups.sentence().map_or_else(String::new, |sentence| format!("{BOLD}{sentence}.{BOLD:#}\n\n"))
}

/// The accounts that are not shown one by one; nothing where all are.
pub fn quiet_line(groups: &Groups<'_>) -> String {
    // The first line says it already.
    let sentence = groups.quiet_sentence().filter(|_| !groups.are_calm());
    sentence.map_or_else(String::new, |sentence| format!("{sentence}.\n\n"))
}

/// What concerns no single change: warnings, and accounts that could not be read.
pub fn remarks(plan: &Plan) -> String {
    let warnings = warnings(plan);
    let warnings = warnings.iter().map(|warning| format!("{YELLOW}warning{YELLOW:#}: {}", printable(warning)));
    let lines: Vec<String> = warnings.chain(unread(&plan.accounts_unread)).collect();
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n\n" }
}

/// What was done, a line each, then one line that counts.
pub fn applied(report: &Report<'_>) -> String {
    let Some(applied) = report.applied else { return String::new() };
    let Applied { outcomes, deferred, after: _, mail, events } = applied;
    // Users of several accounts may have one name.
    let are_many = report.plan.accounts.len() > 1;
    let left = applied.left(are_many);
    let left = left.iter().map(|(cause, users)| {
        // Many would make the column of names as wide as all of them.
        let (who, named) = match users.len() {
            1..MANY_LEFT => (users.join(", "), String::new()),
            many => (counted(many, "user"), format!(": {}", first_of(users, MOST_NAMED))),
        };
        let (who, why) = (printable(&who), printable(&format!("{cause}{named}")));
        format!("{YELLOW}!{YELLOW:#} {who}\t\t\t{YELLOW}not finished: {why}{YELLOW:#}")
    });
    let mut text = aligned(
        outcomes
            .iter()
            .flat_map(|outcome| outcome_lines(outcome, are_many))
            .chain(left)
            .chain(mail.iter().flat_map(mail_lines))
            .chain(events.iter().filter_map(event_line)),
    );
    if !text.is_empty() {
        text.push('\n');
    }
    let failed = outcomes.iter().filter(|outcome| matches!(outcome.result, Err(Failure::Failed(_)))).count();
    let stale = outcomes.iter().filter(|outcome| matches!(outcome.result, Err(Failure::Stale(_)))).count();
    let messages = |is_mail: bool, is_sent: bool| {
        let is_one = |sent: &&Sent| matches!(Channel::of(&sent.to), Channel::Mail(_)) == is_mail;
        mail.iter().filter(is_one).filter(|sent| sent.result.is_ok() == is_sent).count()
    };
    let done = [
        (applied.done(Verb::Create), "created"),
        (applied.done(Verb::Promote), "promoted"),
        (applied.done(Verb::Deliver), "delivered"),
        (applied.done(Verb::Notify), "notified"),
        (applied.done(Verb::Deactivate), "deactivated"),
        (applied.done(Verb::Delete), "deleted"),
        (applied.done(Verb::Update), "updated"),
        (messages(true, true), "mailed"),
        (messages(false, true), "posted"),
    ];
    let undone = [
        (failed, "failed"),
        (stale, "stale"),
        (messages(true, false), "not mailed"),
        (messages(false, false), "not posted"),
        (events.as_ref().map_or(0, |events| events.failed), "events not sent"),
        (deferred.len(), "not finished: run it again"),
    ];
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

fn outcome_lines(outcome: &Outcome, are_many: bool) -> Vec<String> {
    let Outcome { change, at: _, result, issued, notes, told } = outcome;
    let verb = change.action.verb();
    let key = match verb {
        Verb::Update => about(change),
        _ => change.action.key().or(issued.as_ref()).map_or("", |key| key.as_str()),
    };
    let user = printable(&change.user_in(are_many));
    let (style, text) = match result {
        Ok(()) => (style(verb), format!("{}{}", result_word(result), beside(change, told))),
        Err(Failure::Stale(why)) => (YELLOW, format!("{YELLOW}stale: {}{YELLOW:#}", printable(why))),
        Err(Failure::Failed(error)) => {
            let to = change.place().map_or_else(String::new, |place| format!("{place}: "));
            (RED, format!("{RED}failed: {}{RED:#}", printable(&format!("{to}{error}"))))
        }
    };
    let line = format!("{style}{}{style:#} {user}\t{verb}\t{key}\t{text}", verb.glyph());
    let notes = notes.iter().map(|note| format!("  \t\t\tnote: {}", printable(note)));
    std::iter::once(line).chain(notes).collect()
}

/// Where the credential is, and who was told.
fn beside(change: &Change, told: &[String]) -> String {
    match change.action.verb() {
        Verb::Create => format!(": stored in `{}`", printable(&change.destination)),
        Verb::Promote => format!(": handed out by `{}`", printable(&change.destination)),
        Verb::Deliver => format!(": {}", printable(&change.place().unwrap_or_default())),
        Verb::Notify if told.is_empty() => ": nobody is to be told".to_owned(),
        Verb::Notify => format!(": told {}", printable(&ways(told))),
        Verb::Deactivate | Verb::Delete | Verb::Update => String::new(),
    }
}

/// Who was told, by mail or otherwise: a channel says of itself what it is.
fn ways(told: &[String]) -> String {
    let (mail, channels): (Vec<_>, Vec<_>) = told.iter().partition(|to| matches!(Channel::of(to), Channel::Mail(_)));
    let mail: Vec<&str> = mail.into_iter().map(String::as_str).collect();
    let by_mail = (!mail.is_empty()).then(|| format!("{} by mail", mail.join(", ")));
    by_mail.into_iter().chain(channels.into_iter().cloned()).collect::<Vec<_>>().join(", ")
}

/// Only what went wrong: that events went out is what everyone expects.
fn event_line(events: &EventsSent) -> Option<String> {
    let EventsSent { bus, sent: _, failed, failure } = events;
    let failure = failure.as_ref()?;
    let (bus, why, count) = (printable(bus), printable(&failure.to_string()), counted(*failed, "event"));
    Some(format!("{YELLOW}!{YELLOW:#} {bus}\tevents\t\t{YELLOW}{count} not sent: {why}{YELLOW:#}"))
}

fn mail_lines(sent: &Sent) -> Vec<String> {
    let Sent { kind, to, users, result, notes } = sent;
    let text = match result {
        Ok(()) => "sent".to_owned(),
        Err(error) => format!("{YELLOW}not sent: {}{YELLOW:#}", printable(&error.to_string())),
    };
    let users = if users.is_empty() { String::new() } else { format!(" ({})", printable(&users.join(", "))) };
    let line = format!("{CYAN}@{CYAN:#} {}\t{}\t{kind}\t{text}{users}", printable(to), Channel::of(to).as_str());
    let notes = notes.iter().map(|note| format!("  \t\t\tnote: {}", printable(note)));
    std::iter::once(line).chain(notes).collect()
}

/// `Plan: 1 to create, 0 to deactivate, 0 to delete; 1 blocked, 3 exempt.` What could not be read comes last.
pub fn summary(plan: &Plan) -> String {
    match (known(plan), unknown(plan)) {
        (Some(known), Some(unknown)) => format!("{known}\n{unknown}"),
        (known, unknown) => known.or(unknown).unwrap_or_default(),
    }
}

/// `None` if nothing is known of anybody.
pub fn known(plan: &Plan) -> Option<String> {
    let counts = Counts::of(plan);
    let waiting = [
        (counts.blocked, "blocked"),
        (counts.unreadable, "unreadable"),
        (counts.held, "held"),
        (counts.exempt, "exempt"),
    ];
    // Of those that wait, and so a sentence of its own.
    let overdue = if counts.overdue == 0 { String::new() } else { format!(" {} overdue.", counts.overdue) };
    let waiting = list(waiting.into_iter());
    let readable = plan.users() - counts.unreadable;
    if plan.changes.is_empty() {
        let next = plan.next_rotation().map_or_else(String::new, |(at, settled)| {
            let are_many = plan.accounts.len() + plan.accounts_unread.len() > 1;
            let user = settled.account.user_named(&settled.user, are_many);
            format!(", next rotation {} ({})", day(at), printable(&user))
        });
        let waiting = waiting.map_or_else(String::new, |waiting| format!("{waiting}. "));
        return match counts.unreadable {
            0 => Some(format!("No changes. {waiting}{} in scope{next}.{overdue}", users(readable))),
            _ if readable == 0 => None,
            _ => Some(format!(
                "Nothing to do for the {} that could be read{next}. {}{overdue}",
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
    let own_or_delivered = |verb| if verb == Verb::Deliver { 0 } else { own(verb) };
    let beside = [(counts.promote, Verb::Promote), (counts.deliver, Verb::Deliver), (counts.notify, Verb::Notify)];
    for (count, verb) in beside {
        if count > own_or_delivered(verb) {
            let _ = write!(text, ", {} to {verb}", count - own_or_delivered(verb));
        }
    }
    let _ = write!(text, ", {} to deactivate, {} to delete", counts.deactivate, counts.delete);
    if counts.update > 0 {
        let _ = write!(text, ", {} to update", counts.update);
    }
    Some(text + &waiting.map_or_else(String::new, |waiting| format!("; {waiting}")) + "." + &overdue)
}

/// How many users could not be read, and why; `None` if all were.
pub fn unknown(plan: &Plan) -> Option<String> {
    let mut causes = Causes::default();
    for waiting in &plan.waiting {
        if let WaitingOn::Unreadable { cause, .. } = &waiting.wait {
            causes.add(cause);
        }
    }
    causes.sentence(plan.users())
}
