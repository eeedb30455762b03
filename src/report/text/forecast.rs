//! The weeks to come, with a bar each, and what comes to each user.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::{DateTime, TimeDelta, Utc};

use super::words::{BOLD, Causes, DIM, GREEN, RED, YELLOW, aligned, day, heading, users};
use crate::{
    counted::{counted, first_of},
    plan::{Calendar, Cause, Exceeded, Outlook, Row, Verb},
    report::{
        accounts::{FEW, by_name},
        forecast::{ASSUMPTIONS, Forecast, Peak, Sums},
        unread::causes as causes_of,
    },
    time::Duration,
    untrusted::printable,
};

/// A bar is so long at most: with its figures it fits 80 columns.
const BAR: usize = 34;

/// So many users are named for each cause.
const NAMED: usize = 10;

/// What scheduled runs will do.
pub fn forecast(forecast: &Forecast<'_>) -> String {
    let Forecast { from, until, manifest, .. } = forecast;
    let pace = manifest.pace.max_rotations();
    let pace = pace.map_or_else(|| "no bound".to_owned(), |most| format!("at most {most} rotations a run"));
    let mut text = format!(
        "From {} UTC to {}: enforce {}, tend {}, {pace}\n\n",
        from.format("%Y-%m-%d %H:%M"),
        day(*until),
        printable(manifest.schedule.enforce()),
        printable(manifest.schedule.tend()),
    );
    text += &weeks(forecast);
    text += &busiest(forecast);
    // Of many accounts, those to which nothing comes are one line, and those of which all is known a line a day.
    let mut calendars: Vec<&Calendar> = forecast.calendars.iter().collect();
    let mut calm_accounts = Vec::new();
    if calendars.len() > FEW {
        calendars.sort_by_cached_key(|calendar| by_name(&calendar.account));
        (calm_accounts, calendars) = calendars.into_iter().partition(|calendar| calendar.users.iter().all(is_calm));
        let is_known = |calendar: &&Calendar| calendar.users.iter().all(|row| row.outlook == Outlook::Known);
        let (known, others): (Vec<_>, Vec<_>) = calendars.into_iter().partition(is_known);
        text += &beginnings(&known);
        calendars = others;
    }
    for calendar in calendars {
        let _ = write!(text, "\n{}", heading(&calendar.account));
        let lines = calendar.users.iter().filter_map(row_line);
        text += &aligned(lines);
        let calm = calendar.users.iter().filter(|row| is_calm(row)).count();
        if calm > 0 {
            let who = if calm == calendar.users.len() { users(calm) } else { format!("{} more", users(calm)) };
            let _ = writeln!(text, "  {who}: nothing until {}", day(*until));
        }
    }
    if !calm_accounts.is_empty() {
        let in_scope = users(calm_accounts.iter().map(|calendar| calendar.users.len()).sum());
        let accounts = counted(calm_accounts.len(), "account");
        let _ = writeln!(text, "\n{accounts}: nothing until {} ({in_scope} in scope)", day(*until));
    }
    text += &worries(forecast);
    text += "\n";
    if forecast.is_assumed() {
        let _ = writeln!(text, "{DIM}* {}{DIM:#}", ASSUMPTIONS[1]);
    }
    let _ = writeln!(text, "{DIM}{}{DIM:#}", ASSUMPTIONS[0]);
    if let Some(sentence) = not_known(forecast) {
        let _ = writeln!(text, "{sentence}");
    }
    text + &last_line(forecast)
}

/// The accounts by the day of the first step there, a line a day.
pub fn beginnings(calendars: &[&Calendar]) -> String {
    const NAMED: usize = 5;
    let mut days: BTreeMap<String, Vec<&Calendar>> = BTreeMap::new();
    for calendar in calendars {
        let first = calendar.users.iter().flat_map(|row| &row.events).map(|event| event.at).min();
        days.entry(first.map(day).unwrap_or_default()).or_default().push(calendar);
    }
    let line = |(day, accounts): (&String, &Vec<&Calendar>)| {
        let named = first_of(accounts.iter().map(|calendar| calendar.account.short_name()), NAMED);
        let rotations = accounts.iter().flat_map(|calendar| &calendar.users).flat_map(|row| &row.events);
        let rotations = rotations.filter(|event| event.verb == Verb::Create).count();
        let (count, rotations) = (counted(accounts.len(), "account"), counted(rotations, "rotation"));
        format!("  from {day}\t{count}\t{rotations}\t{}", printable(&named))
    };
    if days.is_empty() {
        return String::new();
    }
    format!("\nBy the day of the first step there (`--account NAME` shows each):\n{}", aligned(days.iter().map(line)))
}

/// Of how many users something could not be read, and why.
pub fn not_known(forecast: &Forecast<'_>) -> Option<String> {
    let mut unreadable = Causes::default();
    for (_, row) in forecast.rows() {
        if let Outlook::Unknown { why, .. } = &row.outlook {
            unreadable.add(why);
        }
    }
    unreadable.sentence(forecast.users.all)
}

/// A line a week.
fn weeks(forecast: &Forecast<'_>) -> String {
    let most = forecast.weeks.values().map(|sums| sums.all()).max().unwrap_or_default();
    let scale = most.div_ceil(BAR).max(1);
    let title = format!("{BOLD}week of\trotate\tdeactivate\tdelete{BOLD:#}");
    let line = |(week, sums): (&chrono::NaiveDate, &Sums)| {
        let Sums { rotations, deactivations, deletions } = *sums;
        let part = |count: usize, sign: char, style: anstyle::Style| {
            let signs = sign.to_string().repeat(count.div_ceil(scale));
            if signs.is_empty() { signs } else { format!("{style}{signs}{style:#}") }
        };
        let bar = part(rotations, '+', GREEN) + &part(deactivations, '~', YELLOW) + &part(deletions, '-', RED);
        format!("{week}\t{rotations:>6}\t{deactivations:>10}\t{deletions:>6}\t{bar}")
    };
    let mut text = aligned(std::iter::once(title).chain(forecast.weeks.iter().map(line)));
    if scale > 1 {
        let _ = writeln!(text, "A sign stands for up to {scale} keys.");
    }
    text
}

fn busiest(forecast: &Forecast<'_>) -> String {
    let words = |Peak { at, sums, waiting }: &Peak| {
        let waiting = match waiting {
            0 => String::new(),
            waiting => format!(", and leaves {waiting} to the runs that follow (`[pace]`)"),
        };
        format!("{} UTC, {}{waiting}", at.format("%Y-%m-%d %H:%M"), counts(*sums))
    };
    let week = forecast.weeks.iter().rev().max_by_key(|(_, sums)| (sums.all(), sums.rotations));
    let Some((week, sums)) = week.filter(|(_, sums)| sums.all() > 0) else { return String::new() };
    let mut lines = vec![format!("\nBusiest week: that of {week}, {}.", counts(*sums))];
    lines.extend(forecast.peaks.first().map(|peak| format!("Busiest run: {}.", words(peak))));
    lines.join("\n") + "\n"
}

fn counts(sums: Sums) -> String {
    let Sums { rotations, deactivations, deletions } = sums;
    [(rotations, "rotation"), (deactivations, "deactivation"), (deletions, "deletion")]
        .map(|(number, word)| counted(number, word))
        .join(", ")
}

/// Whether nothing is to be said of the user.
fn is_calm(row: &Row) -> bool {
    row.events.is_empty() && row.outlook == Outlook::Known
}

fn row_line(row: &Row) -> Option<String> {
    if is_calm(row) {
        return None;
    }
    let mut runs = BTreeMap::<_, Vec<String>>::new();
    for event in &row.events {
        let word = match event.verb {
            Verb::Create => "rotate",
            // It goes without saying with a new key.
            Verb::Promote => continue,
            Verb::Notify if runs.contains_key(&event.at) => continue,
            verb => verb.as_str(),
        };
        let assumed = if event.is_assumed { "*" } else { "" };
        runs.entry(event.at).or_default().push(format!("{word}{assumed}"));
    }
    let mut parts: Vec<String> =
        runs.iter().map(|(at, words)| format!("{} {}", day(*at), words.join(" and "))).collect();
    let (glyph, style, ends) = match &row.outlook {
        Outlook::Known => (' ', DIM, None),
        Outlook::Exempt { reason, until } => {
            let until =
                until.map_or_else(String::new, |until| format!(" until {}", day(until - TimeDelta::seconds(1))));
            (' ', DIM, Some(format!("exempt{until}: {}", printable(reason))))
        }
        Outlook::Blocked { since, wait } => {
            ('!', RED, Some(format!("{} blocked: {}", day(*since), printable(&wait.to_string()))))
        }
        // Why is said once for all users.
        Outlook::Unknown { since, .. } if row.events.is_empty() => {
            ('?', RED, Some(format!("{} unreadable", day(*since))))
        }
        Outlook::Unknown { since, why } => {
            ('?', RED, Some(format!("{} not known any more: {}", day(*since), printable(why))))
        }
    };
    parts.extend(ends);
    Some(format!("{style}{glyph}{style:#} {}\t{}", printable(&row.user), parts.join(", ")))
}

/// What somebody should do something about.
fn worries(forecast: &Forecast<'_>) -> String {
    let mut lines = Vec::new();
    let kind = |exceeded: &Exceeded| std::mem::discriminant(exceeded);
    for (position, (_, exceeded)) in forecast.exceeded.iter().enumerate() {
        let alike = |(_, other): &&(DateTime<Utc>, Exceeded)| kind(other) == kind(exceeded);
        if forecast.exceeded[..position].iter().any(|one| alike(&one)) {
            continue;
        }
        let runs: Vec<String> = forecast.exceeded.iter().filter(alike).map(|(at, _)| day(*at)).collect();
        let (count, it) = match runs.len() {
            1 => ("1 run".to_owned(), "it"),
            runs => (format!("{runs} runs"), "they"),
        };
        let first = printable(&exceeded.to_string());
        lines.push(format!(
            "{RED}! limit{RED:#}\t{count} would change nothing: on {} {first}; the forecast goes on as if {it} did: {}",
            runs[0],
            first_of(&runs, NAMED)
        ));
    }
    let mut causes = BTreeMap::<(bool, bool, &str), (&Cause, Vec<String>)>::new();
    for (calendar, row, late) in forecast.over_age() {
        let rank = (!late.cause.is_of_settings(), late.cause == Cause::InUse, late.cause.code());
        let days = |to: DateTime<Utc>| Duration(TimeDelta::days((to - late.passes).num_days()));
        let stops = match late.stops {
            Some(stops) if stops - late.passes < TimeDelta::days(1) => " for less than a day".to_owned(),
            Some(stops) => format!(" for {}", days(stops)),
            None => String::new(),
        };
        let of = match forecast.calendars.len() {
            0 | 1 => String::new(),
            _ => format!(" in {}", printable(&calendar.account.short_name())),
        };
        let name = format!("{}{of} ({}{stops})", printable(&row.user), day(late.passes));
        causes.entry(rank).or_insert((&late.cause, Vec::new())).1.push(name);
    }
    for (cause, names) in causes.into_values() {
        let keys = counted(names.len(), "key");
        let (because, fix) = words(cause);
        lines.push(format!("{RED}! over age{RED:#}\t{keys}: {because}; {fix}: {}", first_of(names, NAMED)));
    }
    for cause in causes_of(forecast.unread) {
        lines.push(format!("{RED}! not read{RED:#}\t{}", printable(&cause.to_string())));
    }
    if lines.is_empty() { String::new() } else { "\n".to_owned() + &aligned(lines.into_iter()) }
}

/// Why keys get older than `max-age`, and what helps.
fn words(cause: &Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Before => ("they were due before this forecast begins", "the runs above take them"),
        Cause::Pace => ("they wait too long for their turn", "raise `max-rotations` in `[pace]`, or `rotate-ahead`"),
        Cause::Place("hold") => {
            ("an inactive key holds the place of the new one", "shorten `hold`, or delete that key")
        }
        Cause::Place(_) => ("another key must go first", "raise `rotate-ahead`, or shorten `overlap`"),
        Cause::Overlap => {
            ("they are replaced in time, but `overlap` goes on", "leave `rotate-ahead` at `auto`, or shorten `overlap`")
        }
        Cause::RotateAhead => {
            ("`rotate-ahead` is shorter than the time between two runs", "leave it at `auto`, or raise it")
        }
        Cause::Schedule => ("no run that begins rotations comes in time", "let `[schedule] enforce` come more often"),
        Cause::InUse => (
            "they are replaced in time, and stay for as long as somebody uses them",
            "see to it that clients move within `overlap`, or shorten `patience`",
        ),
        Cause::Exempt => ("the manifests exempt their users", "an `[[exempt]]` with `until` ends by itself"),
        Cause::Blocked(_) => ("a person must do something first", "see the lines above"),
        Cause::Unknown => ("something could not be read", "nobody knows when they are replaced"),
    }
}

fn last_line(forecast: &Forecast<'_>) -> String {
    let users = forecast.users;
    let over_age = forecast.over_age().count();
    let unread = match forecast.unread.len() {
        0 => String::new(),
        accounts => format!(", {} not read", counted(accounts, "account")),
    };
    format!(
        "Forecast: {} until {}; {over_age} over age, {} blocked, {} exempt, {} unreadable{unread}.\n",
        counts(forecast.sums),
        day(forecast.until),
        users.blocked,
        users.exempt,
        users.unreadable
    )
}
