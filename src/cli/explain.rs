//! `keyrota explain USER`: its keys, what comes next and why, what the next year brings, and the effective policy with the
//! place of each value.

use keyrota::{
    cloud::Reads,
    explain::{Line, policy},
    manifest::{RotateAhead, Source},
    observe::{Depth, Unmanaged},
    plan::{Event, year},
    report::{
        json,
        text::{self, columns},
    },
    roster::{Entry, Roster},
    run::{Missing, Mode, Planned},
    time::{Day, Duration},
    untrusted::printable,
};
use serde_json::{Value, json};

use super::{
    args::Format,
    context::{Context, not_in_scope},
    error::CommandError,
    exit::Exit,
};

pub async fn run<C: Reads>(context: &Context<'_, C>, user: &str) -> Result<Exit, CommandError> {
    let users = [user.to_owned()];
    let planned = context.observe_users(&users, Mode::Plan, Depth::Everything, Unmanaged::Keys).await?;
    if let Some(missing) = planned.missing.first() {
        let Missing { user, is_unmanaged, .. } = missing;
        if !is_unmanaged {
            return Err(not_in_scope(missing));
        }
        context.output.data(&match context.output.format {
            Format::Json => {
                let keys = json::unmanaged_users(&planned.plan);
                format!("{:#}\n", json!({ "version": 1, "users": [], "unmanaged": [user], "unmanaged-users": keys }))
            }
            _ => {
                let keys = text::unmanaged(&planned.plan);
                let hint = "keyrota never touches it; name it in a `[[rotate]]`, or in an `[[exempt]]` with a reason";
                let user = printable(user);
                context.as_of() + &context.masked(format!("{keys}{user}: unmanaged, no rule selects it: {hint}\n"))
            }
        });
        let is_known = planned.plan.unmanaged.iter().all(|one| one.keys.is_some());
        return Ok(if is_known { Exit::Done } else { Exit::Failed });
    }
    match context.output.format {
        Format::Text | Format::Markdown | Format::Github => {
            context.output.data(&(context.as_of() + &context.masked(as_text(context, &planned))))
        }
        Format::Json => context.output.data(&as_json(context, &planned)?),
    }
    Ok(if planned.verdict(None).has_failures() { Exit::Failed } else { Exit::Done })
}

fn as_text<C: Reads>(context: &Context<'_, C>, planned: &Planned<'_, C>) -> String {
    let viewpoint = context.viewpoint();
    let mut out = String::new();
    for one in planned.accounts.iter().filter(|one| !one.roster.entries.is_empty()) {
        out += &text::status(&[(&one.roster, &one.inventory)], viewpoint);
        for entry in &one.roster.entries {
            let state = one.inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
            let events = state.and_then(|state| year(&one.roster, entry, state, viewpoint.at));
            out += &format!("\n{}, account {}\n", printable(&entry.user.name), one.roster.account);
            out += &effective_text(entry, context.output.width());
            out += &year_text(events.as_deref());
        }
    }
    out
}

/// What the next year brings, a line a run.
fn year_text(events: Option<&[Event]>) -> String {
    let Some(events) = events else { return "\nThe next year: not known.\n".to_owned() };
    if events.is_empty() {
        return "\nThe next year: nothing.\n".to_owned();
    }
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for Event { at, verb, key } in events {
        let (day, step) = (Day(*at).to_string(), format!("{verb} {}", key.as_deref().unwrap_or("its secret")));
        match lines.last_mut() {
            Some((last, steps)) if *last == day => steps.push(step),
            _ => lines.push((day, vec![step])),
        }
    }
    let lines = lines.iter().map(|(day, steps)| format!("  {day}\t{}", steps.join(", ")));
    format!("\nThe next year, if clients take each new key when it is handed out:\n{}", text::aligned(lines))
}

/// The policy: name, value and place. Values wrap, and the place keeps its column.
fn effective_text(entry: &Entry, width: Option<usize>) -> String {
    let lines: Vec<(String, String, String)> = effective(entry)
        .into_iter()
        .map(|Line { name, value, source }| (name, printable(&value), place(source.as_ref())))
        .collect();
    let widest =
        |of: fn(&(String, String, String)) -> &String| lines.iter().map(|line| columns(of(line))).max().unwrap_or(0);
    let (names, values, places) = (widest(|line| &line.0), widest(|line| &line.1), widest(|line| &line.2));
    let longest_word = lines.iter().flat_map(|line| line.1.split(' ')).map(columns).max().unwrap_or(0);
    let room = width.map_or(values, |width| width.saturating_sub(names + places + 6).max(longest_word)).min(values);
    let mut out = String::new();
    for (name, value, place) in lines {
        let value = wrap(&value, room);
        for (position, part) in value.iter().enumerate() {
            let (name, place) = if position == 0 { (name.as_str(), place.as_str()) } else { ("", "") };
            let pad = " ".repeat(room.saturating_sub(columns(part)));
            out += format!("  {name:names$}  {part}{pad}  {place}").trim_end();
            out += "\n";
        }
    }
    out
}

/// Words in lines of so many columns.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a first line");
        if !last.is_empty() && columns(last) + 1 + columns(word) > room {
            lines.push(word.to_owned());
        } else {
            *last += if last.is_empty() { "" } else { " " };
            *last += word;
        }
    }
    lines
}

/// What `status` says of the user, with its policy and the next year.
fn as_json<C: Reads>(context: &Context<'_, C>, planned: &Planned<'_, C>) -> Result<String, CommandError> {
    let viewpoint = context.viewpoint();
    let mut users = Vec::new();
    for one in planned.accounts.iter().filter(|one| !one.roster.entries.is_empty()) {
        let status = json::status(&[(&one.roster, &one.inventory)], &[], viewpoint);
        let mut status: Value = serde_json::from_str(&status).map_err(CommandError::new)?;
        let rows = status["users"].as_array_mut().map(std::mem::take).unwrap_or_default();
        for mut row in rows {
            let entry = one.roster.entries.iter().find(|entry| row["user"] == entry.user.name.as_str());
            let Some(entry) = entry else { continue };
            row["policy"] = policy_json(entry);
            row["year"] = year_json(&one.roster, entry, planned, viewpoint.at);
            users.push(row);
        }
    }
    Ok(format!("{:#}\n", json!({ "version": 1, "users": users })))
}

fn year_json<C: Reads>(
    roster: &Roster,
    entry: &Entry,
    planned: &Planned<'_, C>,
    now: chrono::DateTime<chrono::Utc>,
) -> Value {
    let account = planned.accounts.iter().find(|one| one.roster.account == roster.account);
    let state = account.and_then(|one| one.inventory.users.get(&entry.user.name)).and_then(|state| state.as_ref().ok());
    let events = state.and_then(|state| year(roster, entry, state, now));
    let event = |Event { at, verb, key }: Event| json!({ "date": keyrota::time::rfc3339(at), "action": verb.as_str(), "key-ref": key });
    events.map_or(Value::Null, |events| events.into_iter().map(event).collect())
}

/// The policy, with what follows from other values.
fn effective(entry: &Entry) -> Vec<Line> {
    let mut lines = policy(entry);
    if let RotateAhead::Auto(time) = entry.policy.rotate_ahead.value {
        for line in lines.iter_mut().filter(|line| line.name == "rotate-ahead") {
            line.value = format!("auto ({})", Duration(time));
        }
    }
    lines
}

fn policy_json(entry: &Entry) -> Value {
    let policy: serde_json::Map<_, _> = effective(entry)
        .into_iter()
        .map(|Line { name, value, source }| (name, json!({ "value": value, "source": place(source.as_ref()) })))
        .collect();
    Value::Object(policy)
}

/// `file:line`, or that keyrota itself says so.
fn place(source: Option<&Source>) -> String {
    source.map_or_else(|| "built-in".to_owned(), ToString::to_string)
}
