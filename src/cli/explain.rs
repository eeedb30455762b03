//! `keyrota explain USER`: its keys, what comes next and why, what the next year brings, and the effective policy with the
//! place of each value.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, btree_map},
};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    cloud::Reads,
    counted::{counted, first_of},
    explain::{Line, policy, settings},
    inventory::KeyId,
    manifest::{Manifest, RotateAhead, Source},
    names::is_meant,
    observe::{AccountState, Depth, Unmanaged},
    plan::{Calendar, Event, Outlook, Row, Viewpoint, calendar_from_now},
    report::{
        accounts::FEW,
        alike::Alike,
        json,
        text::{self, columns},
    },
    roster::Entry,
    run::{Missing, Mode, Planned},
    time::{Day, Duration, rfc3339},
    untrusted::printable,
};
use serde_json::{Value, json};

use super::{
    args::Format,
    context::{Context, not_in_scope},
    error::CommandError,
    exit::Exit,
};

/// So many policies are shown that a user has in different accounts.
const MOST_POLICIES: usize = 5;

/// What comes, and on what that rests.
const AHEAD: &str = "The next year from a run now on, if who uses a key now goes on until it is stopped, and clients of new keys move in time";

pub async fn run<C: Reads>(context: &Context<'_, C>, user: &str) -> Result<Exit, CommandError> {
    let users = [user.to_owned()];
    let planned = context.observe_users(&users, Mode::Plan, Depth::Everything, Unmanaged::Keys).await?;
    if let Some(missing) = planned.missing.first() {
        let Missing { user, is_unmanaged, .. } = missing;
        if !is_unmanaged {
            return Err(not_in_scope(missing, &planned.plan.accounts_unread));
        }
        context.output.data(&match context.output.format {
            Format::Json => {
                let keys = json::unmanaged_users(&planned.plan);
                let unread: Vec<_> = planned.plan.accounts_unread.iter().map(json::unread).collect();
                let mut answer = json!({ "version": 1, "users": [], "unmanaged": [user], "unmanaged-users": keys });
                if !unread.is_empty() {
                    answer["accounts-unread"] = json!(unread);
                }
                format!("{answer:#}\n")
            }
            _ => {
                let keys = text::unmanaged(&planned.plan);
                let hint = "keyrota never touches it; name it in a `[[rotate]]`, or in an `[[exempt]]` with a reason";
                let user = printable(user);
                let unread = &planned.plan.accounts_unread;
                let known = match unread.len() {
                    0 => String::new(),
                    count => format!(" as far as is known: {} could not be read", counted(count, "account")),
                };
                let unread: String = text::unread(unread).iter().map(|line| format!("\n{line}\n")).collect();
                let text = format!("{keys}{user}: unmanaged, no rule selects it{known}: {hint}\n{unread}");
                context.as_of() + &context.masked(text)
            }
        });
        let is_known = planned.plan.unmanaged.iter().all(|one| one.keys.is_some());
        let is_known = is_known && planned.plan.accounts_unread.is_empty();
        return Ok(if is_known { Exit::Done } else { Exit::Failed });
    }
    // Whose turn it is rests on everyone who waits for one.
    let planned = match planned.plan.changes.iter().any(|change| change.action.starts_rotation()) {
        true if context.manifest.pace.max_rotations().is_some() => {
            context.observe_users(&[], Mode::Plan, Depth::Everything, Unmanaged::Names).await?
        }
        _ => planned,
    };
    match context.output.format {
        Format::Json => context.output.data(&as_json(context, &planned, &users)?),
        _ => context.output.data(&(context.as_of() + &context.masked(as_text(context, &planned, &users)))),
    }
    Ok(if planned.verdict(None).has_failures() { Exit::Failed } else { Exit::Done })
}

fn as_text<C: Reads>(context: &Context<'_, C>, planned: &Planned<'_, C>, users: &[String]) -> String {
    let viewpoint = context.viewpoint();
    let mut out = String::new();
    let all: Vec<_> = meant(planned, users).collect();
    if all.len() > FEW {
        return as_text_of_many(context, planned, users, &all);
    }
    for (one, entry) in all {
        out += &text::status_of(&[(&one.roster, &one.inventory)], viewpoint, users);
        let ahead = ahead(one, viewpoint);
        for row in ahead.users.iter().filter(|row| row.user == entry.user.name) {
            out += &format!("\n{}, account {}\n", printable(&entry.user.name), one.roster.account);
            out += &effective_text(&effective(entry, context.manifest), context.output.width());
            out += &year_text(row);
        }
    }
    out
}

/// A user of many accounts: how many, those where something is to be done or decided, the policies that it has, each once, and when
/// something comes to it where.
fn as_text_of_many<C: Reads>(
    context: &Context<'_, C>,
    planned: &Planned<'_, C>,
    users: &[String],
    all: &[(&AccountState<'_, C>, &Entry)],
) -> String {
    let viewpoint = context.viewpoint();
    let width = context.output.width();
    let accounts: Vec<_> = all.iter().map(|(one, _)| (&one.roster, &one.inventory)).collect();
    let unread = planned.plan.accounts_unread.len();
    let mut out = text::status_in_accounts(&accounts, unread, viewpoint, users);
    let mut policies: Vec<(Vec<Line>, Vec<&AccountState<'_, C>>)> = Vec::new();
    for (one, entry) in all {
        let lines = effective(entry, context.manifest);
        match policies.iter_mut().find(|(known, _)| *known == lines) {
            Some((_, accounts)) => accounts.push(one),
            None => policies.push((lines, vec![one])),
        }
    }
    policies.sort_by_key(|(_, accounts)| Reverse(accounts.len()));
    // Where there are several, what differs from the first is told of the others.
    let mut most: &[Line] = &[];
    for (position, (lines, accounts)) in policies.iter().take(MOST_POLICIES).enumerate() {
        let which = named(accounts);
        out += &match (policies.len(), position) {
            (1, _) => format!("\nPolicy in all {}\n", counted(accounts.len(), "account")),
            (_, 0) => format!("\nPolicy in {which}\n"),
            _ => format!("\nPolicy in {which}, as above but for\n"),
        };
        let differing: Vec<Line> = lines.iter().filter(|line| !most.contains(line)).cloned().collect();
        let is_gone = |line: &&Line| !lines.iter().any(|own| own.name == line.name);
        let gone =
            most.iter().filter(is_gone).map(|line| Line { value: "none".to_owned(), source: None, ..line.clone() });
        out += &effective_text(&differing.into_iter().chain(gone).collect::<Vec<_>>(), width);
        if position == 0 {
            most = lines;
        }
    }
    let others = policies.iter().skip(MOST_POLICIES).map(|(_, accounts)| accounts.len()).sum::<usize>();
    if others > 0 {
        out += &format!("\nOther policies in {}: `--account NAME` shows each\n", counted(others, "account"));
    }
    let ahead = all.iter().map(|(one, _)| ahead(one, viewpoint).of(|name| is_meant(name, users)));
    let ahead: Vec<Calendar> = ahead.collect();
    let coming = ahead.iter().filter(|calendar| calendar.users.iter().any(|row| !row.events.is_empty()));
    let coming: Vec<&Calendar> = coming.collect();
    let is_calm = |row: &Row| row.events.is_empty() && outlook(row).is_none();
    let calm = ahead.iter().filter(|calendar| calendar.users.iter().all(is_calm)).count();
    // By what stands in the way there, and from when on: each account has its own keys.
    let mut stuck: BTreeMap<String, Stuck> = BTreeMap::new();
    for (since, words) in ahead.iter().flat_map(|calendar| &calendar.users).filter_map(outlook) {
        let (since, words) = (since.map(|since| Day(*since).to_string()), Alike::new(&words, None));
        match stuck.entry(words.key()) {
            btree_map::Entry::Vacant(new) => {
                new.insert(Stuck { words, since: since.into_iter().collect(), count: 1 });
            }
            btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.words.add(&words);
                known.since.extend(since);
                known.count += 1;
            }
        }
    }
    let mut stuck: Vec<Stuck> = stuck.into_values().collect();
    stuck.sort_by_key(|one| Reverse(one.count));
    out += &format!("\n{AHEAD}:\n");
    out += text::beginnings(&coming).trim_start_matches('\n');
    for Stuck { words, since, count } in &stuck {
        let since = match (since.first(), since.len()) {
            (None, _) => String::new(),
            (Some(only), 1) => format!("{only} "),
            (Some(first), _) => format!("{first} or later "),
        };
        out += &format!("  {}: {since}{}\n", counted(*count, "account"), words.text());
    }
    if calm > 0 {
        out += &format!("  {}: nothing in the next year\n", counted(calm, "account"));
    }
    for line in text::unread(&planned.plan.accounts_unread) {
        out += &format!("\n{line}\n");
    }
    out
}

/// Accounts in which the same stands in the way of a user.
struct Stuck {
    words: Alike,
    /// From which days on.
    since: BTreeSet<String>,
    count: usize,
}

/// How many accounts, and which.
fn named<C>(accounts: &[&AccountState<'_, C>]) -> String {
    const NAMED: usize = 5;
    let names = first_of(accounts.iter().map(|one| one.roster.account.short_name()), NAMED);
    format!("{} ({})", counted(accounts.len(), "account"), printable(&names))
}

/// The users of these names, account by account.
fn meant<'p, C>(
    planned: &'p Planned<'_, C>,
    users: &'p [String],
) -> impl Iterator<Item = (&'p AccountState<'p, C>, &'p Entry)> {
    let is_meant = |entry: &&Entry| is_meant(&entry.user.name, users);
    planned
        .accounts
        .iter()
        .flat_map(move |one| one.roster.entries.iter().filter(is_meant).map(move |entry| (one, entry)))
}

/// What the runs of the next year do, beginning with the one that `plan` shows. Who else waits for a turn is looked at where the
/// user does.
fn ahead<C: Reads>(account: &AccountState<'_, C>, viewpoint: Viewpoint) -> Calendar {
    calendar_from_now(&account.roster, &account.inventory, viewpoint, TimeDelta::days(365))
}

/// What stands in the way of telling more, and from when on.
fn outlook(row: &Row) -> Option<(Option<&DateTime<Utc>>, String)> {
    match &row.outlook {
        Outlook::Known => None,
        Outlook::Exempt { reason, until } => {
            let until =
                until.map_or_else(String::new, |until| format!(" until {}", Day(until - TimeDelta::seconds(1))));
            Some((None, format!("exempt{until}: {}", printable(reason))))
        }
        Outlook::Blocked { since, wait } => Some((Some(since), format!("blocked: {}", printable(&wait.to_string())))),
        Outlook::Unknown { since, why } => Some((Some(since), format!("not known: {}", printable(why)))),
    }
}

/// What the next year brings, a line a run.
fn year_text(row: &Row) -> String {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for Event { at, verb, key, place, .. } in &row.events {
        let key = key.as_ref().map_or("its secret", |key| key.as_str());
        let to = place.as_ref().map_or_else(String::new, |place| format!(" to {}", printable(place)));
        let (day, step) = (Day(*at).to_string(), format!("{verb} {key}{to}"));
        match lines.last_mut() {
            Some((last, steps)) if *last == day => steps.push(step),
            _ => lines.push((day, vec![step])),
        }
    }
    if let Some((since, words)) = outlook(row) {
        lines.push((since.map_or_else(String::new, |since| Day(*since).to_string()), vec![words]));
    }
    if lines.is_empty() {
        return "\nThe next year: nothing.\n".to_owned();
    }
    let lines = lines.iter().map(|(day, steps)| format!("  {day}\t{}", steps.join(", ")));
    format!("\n{AHEAD}:\n{}", text::aligned(lines))
}

/// The policy: name, value and place. Values wrap, and the place keeps its column.
fn effective_text(lines: &[Line], width: Option<usize>) -> String {
    let lines: Vec<(String, String, String)> = lines
        .iter()
        .map(|Line { name, value, source }| (name.clone(), printable(value), place(source.as_ref())))
        .collect();
    let widest =
        |of: fn(&(String, String, String)) -> &String| lines.iter().map(|line| columns(of(line))).max().unwrap_or(0);
    let (names, values, places) = (widest(|line| &line.0), widest(|line| &line.1), widest(|line| &line.2));
    let longest_word = lines.iter().flat_map(|line| line.1.split(' ')).map(columns).max().unwrap_or(0);
    let room = width.map_or(values, |width| width.saturating_sub(names + places + 6).max(longest_word)).min(values);
    let mut out = String::new();
    for (name, value, place) in lines {
        for (position, part) in text::lines(&value, room).iter().enumerate() {
            let (name, place) = if position == 0 { (name.as_str(), place.as_str()) } else { ("", "") };
            let pad = " ".repeat(room.saturating_sub(columns(part)));
            out += format!("  {name:names$}  {part}{pad}  {place}").trim_end();
            out += "\n";
        }
    }
    out
}

/// What `status` says of the user, with its policy and the next year.
fn as_json<C: Reads>(
    context: &Context<'_, C>,
    planned: &Planned<'_, C>,
    names: &[String],
) -> Result<String, CommandError> {
    let viewpoint = context.viewpoint();
    let mut users = Vec::new();
    for (one, entry) in meant(planned, names) {
        let ahead = ahead(one, viewpoint);
        let status = json::status_of(&[(&one.roster, &one.inventory)], &[], viewpoint, names);
        let mut status: Value = serde_json::from_str(&status).map_err(CommandError::new)?;
        let rows = status["users"].as_array_mut().map(std::mem::take).unwrap_or_default();
        for mut row in rows {
            row["policy"] = policy_json(entry, context.manifest);
            row["year"] = ahead.users.iter().find(|row| row.user == entry.user.name).map_or(Value::Null, year_json);
            users.push(row);
        }
    }
    Ok(format!("{:#}\n", json!({ "version": 1, "users": users })))
}

/// `null`: something could not be read.
fn year_json(row: &Row) -> Value {
    let event = |Event { at, verb, key, place, .. }: &Event| {
        let mut event =
            json!({ "date": rfc3339(*at), "action": verb.as_str(), "key-ref": key.as_ref().map(KeyId::as_str) });
        if let Some(place) = place {
            event["place"] = Value::from(place.as_str());
        }
        event
    };
    match row.outlook {
        Outlook::Unknown { .. } => Value::Null,
        Outlook::Known | Outlook::Exempt { .. } | Outlook::Blocked { .. } => row.events.iter().map(event).collect(),
    }
}

/// The policy, with what follows from other values.
fn effective(entry: &Entry, manifest: &Manifest) -> Vec<Line> {
    let mut lines = policy(entry);
    if let RotateAhead::Auto(time) = entry.policy.rotate_ahead.value {
        for line in lines.iter_mut().filter(|line| line.name == "rotate-ahead") {
            line.value = format!("auto ({})", Duration(time));
        }
    }
    // Where each change is told to programs, if anywhere.
    lines.extend(settings(manifest).into_iter().filter(|line| line.name == "events.bus" && line.source.is_some()));
    lines
}

fn policy_json(entry: &Entry, manifest: &Manifest) -> Value {
    let policy: serde_json::Map<_, _> = effective(entry, manifest)
        .into_iter()
        .map(|Line { name, value, source }| (name, json!({ "value": value, "source": place(source.as_ref()) })))
        .collect();
    Value::Object(policy)
}

/// `file:line`, or that keyrota itself says so.
fn place(source: Option<&Source>) -> String {
    source.map_or_else(|| "built-in".to_owned(), ToString::to_string)
}
