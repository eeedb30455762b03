//! Schedule expressions as EventBridge reads them, in UTC.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    code::Code,
    context::Context,
    diagnostic::{Diagnostic, quote},
    source::Sourced,
    spanned::Spanned,
    upcoming,
    values::Invalid,
};

/// `[schedule]`: EventBridge expressions, UTC. What is not written is as in [`Schedule::ENFORCE`] and
/// [`Schedule::TEND`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When rotations start, as written.
    pub enforce: Option<Sourced<String>>,
    /// When rotations under way are carried on, as written.
    pub tend: Option<Sourced<String>>,
}

impl Schedule {
    /// Monthly: when rotations start.
    pub const ENFORCE: &str = "cron(0 8 1 * ? *)";
    /// Daily: when rotations under way are carried on.
    pub const TEND: &str = "cron(0 8 * * ? *)";

    /// When rotations start.
    pub fn enforce(&self) -> &str {
        self.enforce.as_ref().map_or(Self::ENFORCE, |enforce| &enforce.value)
    }

    /// When rotations under way are carried on.
    pub fn tend(&self) -> &str {
        self.tend.as_ref().map_or(Self::TEND, |tend| &tend.value)
    }
}

/// `[schedule]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenSchedule {
    /// When rotations start.
    #[schemars(extend("examples" = ["cron(0 8 1 * ? *)"]))]
    pub enforce: Option<Spanned<String>>,
    /// When rotations under way are carried on.
    #[schemars(extend("examples" = ["cron(0 8 * * ? *)"]))]
    pub tend: Option<Spanned<String>>,
}

/// What is right of it.
pub(super) fn schedule(written: &WrittenSchedule, context: &mut Context) -> Schedule {
    let mut expression = |value: &Option<Spanned<String>>| {
        let at = value.as_ref()?;
        context.accept(&at.span, check(&at.value))?;
        if at.value.starts_with("cron") && next_after(&at.value, context.now).is_none() {
            let message = format!("{} never comes again", quote(&at.value));
            let label = context.label(&at.span, "");
            let help = "look at the year, and at days that no month has";
            context.diagnostics.push(Diagnostic::warning(Code::ScheduleNever, message, label).help(help));
        }
        Some(Sourced { value: at.value.clone(), source: Some(context.location(&at.span)) })
    };
    Schedule { enforce: expression(&written.enforce), tend: expression(&written.tend) }
}

const CRON_HELP: &str = "six fields: minute, hour, day of month, month, day of week, year; e.g. `cron(0 8 1 * ? *)`";

const FIELDS: [&str; 6] = ["minute", "hour", "day of month", "month", "day of week", "year"];

/// When a `cron(…)` expression comes next, strictly after `now`; `None` for `rate(…)`, whose start only EventBridge
/// knows, and for an expression that never comes or is none.
pub fn next_after(expression: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    parsed(expression)?.find_next_occurrence(&now, false).ok()
}

/// What a `cron(…)` expression says; `None` for any other.
fn parsed(expression: &str) -> Option<Cron> {
    cron(expression.strip_prefix("cron(")?.strip_suffix(')')?).ok()
}

/// The time between two runs of a `rate(…)` expression; `None` for any other.
pub fn rate(expression: &str) -> Option<TimeDelta> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let unit = match unit.trim_end_matches('s') {
        "minute" => TimeDelta::minutes(1),
        "hour" => TimeDelta::hours(1),
        _ => TimeDelta::days(1),
    };
    unit.checked_mul(count.parse().ok()?)
}

/// The longest time between two runs, looking a year ahead; `None` if it runs less than twice. Where a schedule runs many
/// times a day, it is less than a day too long.
pub fn longest_gap(expression: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    if let Some(rate) = rate(expression) {
        return Some(rate);
    }
    let cron = parsed(expression)?;
    let next = |after: DateTime<Utc>| cron.find_next_occurrence(&after, false).ok();
    let (mut at, mut longest, horizon) = (next(now)?, None, now + TimeDelta::days(400));
    for run in 0_u32.. {
        // The first runs one by one; then a day at a time.
        let following = next(if run < MOST_RUNS { at } else { at + TimeDelta::hours(23) });
        let Some(following) = following else { break };
        longest = longest.max(Some(following - at));
        at = following;
        if at > horizon {
            break;
        }
    }
    longest
}

/// When scheduled runs come, for the dates that are shown: those of the runs that act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    enforce: Series,
    tend: Series,
}

/// The runs of one expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Series {
    expression: String,
}

impl Runs {
    /// The runs of a schedule.
    pub fn new(schedule: &Schedule) -> Self {
        let series = |expression: &str| Series { expression: expression.to_owned() };
        Self { enforce: series(schedule.enforce()), tend: series(schedule.tend()) }
    }

    /// The run that starts a rotation which is due then.
    pub fn starting(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        self.enforce.acting(due, now).unwrap_or(due)
    }

    /// The next run that starts rotations, if the schedule tells.
    pub fn next_enforce(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.enforce.acting(now, now)
    }

    /// Whether a run that starts rotations comes after the one instant and not after the other.
    pub fn enforces_between(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        let expression = &self.enforce.expression;
        let next = rate(expression).map(|gap| after + gap).or_else(|| next_after(expression, after));
        next.is_some_and(|next| next <= until)
    }

    /// The next run of either kind, strictly later; where the schedule does not tell when, after the time between two.
    pub fn after(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let next = |series: &Series| series.acting(now, now).or_else(|| Some(now + rate(&series.expression)?));
        [next(&self.tend), next(&self.enforce)].into_iter().flatten().min().unwrap_or(now)
    }

    /// The next run of either kind, and whether it starts rotations.
    pub fn next(&self, now: DateTime<Utc>) -> (DateTime<Utc>, bool) {
        let at = self.after(now);
        let enforce = self.enforce.acting(now, now).or_else(|| Some(now + rate(&self.enforce.expression)?));
        (at, enforce.is_some_and(|enforce| enforce <= at))
    }

    /// Every run from the one instant to the other, and whether it starts rotations. Of two at the same instant the one that
    /// does counts. A `rate(…)` counts from the first instant: when it starts, only EventBridge knows.
    pub fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> BTreeMap<DateTime<Utc>, bool> {
        let mut runs = BTreeMap::new();
        for (series, enforces) in [(&self.tend, false), (&self.enforce, true)] {
            let (cron, rate) = (parsed(&series.expression), rate(&series.expression));
            let mut at = from - TimeDelta::seconds(1);
            while runs.len() < MOST_AHEAD {
                let next = match (&cron, rate) {
                    (Some(cron), _) => cron.find_next_occurrence(&at, false).ok(),
                    (None, Some(rate)) => at.max(from).checked_add_signed(rate),
                    (None, None) => None,
                };
                let Some(next) = next.filter(|next| *next <= until && *next > at) else { break };
                runs.insert(next, enforces);
                at = next;
            }
        }
        runs
    }

    /// The longest time between two runs of either kind, if they come more than once.
    pub fn longest_gap(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        [&self.tend, &self.enforce].into_iter().filter_map(|series| longest_gap(&series.expression, now)).min()
    }

    /// The run that carries on what is due then: the next of either kind.
    pub fn carrying_on(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        let either = [self.tend.acting(due, now), self.enforce.acting(due, now)];
        either.into_iter().flatten().min().unwrap_or(due)
    }
}

impl Series {
    /// The first run after `now` for which something is due: within the hour counts, or within a 24th of a shorter time.
    /// `None` if the schedule does not tell.
    fn acting(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let slack = TimeDelta::hours(1).min((due - now).max(TimeDelta::zero()) / 24);
        let from = (due - slack).max(now + TimeDelta::seconds(1));
        upcoming::next(&self.expression, parsed, from)
    }
}

/// So many runs are looked ahead at most: more would be one a minute for two years.
const MOST_AHEAD: usize = 1_000_000;

/// More runs than this in a row tell all gaps within a few days.
const MOST_RUNS: u32 = 500;

/// Refuses what EventBridge would refuse.
pub(super) fn check(expression: &str) -> Result<(), Invalid> {
    let no = |message: String, help: &str| Err(Invalid { code: Code::Schedule, message, help: help.to_owned() });
    let written = quote(expression);
    let inner = |name: &str| expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(fields) = inner("cron") {
        match cron(fields) {
            Ok(_) => Ok(()),
            Err(why) => no(format!("{written}: {why}"), CRON_HELP),
        }
    } else if let Some(rate) = inner("rate") {
        let (number, unit) = rate.split_once(' ').unwrap_or((rate, ""));
        let count = number.parse::<u32>().ok().filter(|count| *count > 0);
        match (count, unit) {
            (Some(1), "minute" | "hour" | "day") => Ok(()),
            (Some(2..), "minutes" | "hours" | "days") => Ok(()),
            (Some(1), "minutes" | "hours" | "days") => no(
                format!("{written}: EventBridge wants the singular after 1"),
                &format!("write `rate(1 {})`", &unit[..unit.len() - 1]),
            ),
            (Some(count), "minute" | "hour" | "day") => no(
                format!("{written}: EventBridge wants the plural after {count}"),
                &format!("write `rate({count} {unit}s)`"),
            ),
            _ => no(
                format!("{written} is not a rate"),
                "a positive number and minutes, hours or days; e.g. `rate(1 day)`",
            ),
        }
    } else {
        let help = match cron(expression.trim()) {
            Ok(_) => format!("write `cron({})`", expression.trim()),
            Err(_) => "write e.g. `cron(0 8 1 * ? *)` or `rate(1 day)`".to_owned(),
        };
        no(format!("{written} is neither `cron(…)` nor `rate(…)`"), &help)
    }
}

/// Reads the fields within `cron(…)`; an error says why EventBridge would not take them.
fn cron(fields: &str) -> Result<Cron, String> {
    let parts: Vec<&str> = fields.split_whitespace().collect();
    let [minute, hour, day, month, weekday, year] = parts[..] else {
        return Err(format!("EventBridge wants six fields, this has {}", parts.len()));
    };
    if (day == "?") == (weekday == "?") {
        return Err("one of day of month and day of week must be `?`, and only one".to_owned());
    }
    for (name, part) in FIELDS.iter().zip(&parts) {
        // croner also reads what EventBridge does not: nicknames, `+`, empty entries, weekday 0.
        if part.split(',').any(str::is_empty) || part.contains(['@', '+']) || (part.contains('?') && *part != "?") {
            return Err(format!("the {name} can't be {}", quote(part)));
        }
    }
    if [minute, hour, month, year].contains(&"?") {
        return Err("`?` stands for the day of month or the day of week only".to_owned());
    }
    let names_day_zero = |part: &str| part.split([',', '-', '/']).any(|number| number.starts_with('0'));
    if names_day_zero(weekday) || weekday.contains("-0") {
        return Err("days of the week are 1 (Sunday) to 7 (Saturday)".to_owned());
    }
    let is_far_off = |number: &str| number.parse::<u32>().is_ok_and(|year| !(1970..=2199).contains(&year));
    if year.split(',').filter_map(|part| part.split('/').next()).flat_map(|years| years.split('-')).any(is_far_off) {
        return Err("years are 1970 to 2199".to_owned());
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build();
    parser.parse(&format!("0 {}", parts.join(" "))).map_err(|_| {
        // The parser does not say which field it means, so each is tried alone.
        let is_wrong = |index: usize| {
            let mut fields = ["*"; 6];
            fields[index] = parts[index];
            parser.parse(&format!("0 {}", fields.join(" "))).is_err()
        };
        match (0..FIELDS.len()).find(|index| is_wrong(*index)) {
            Some(index) => format!("the {} can't be {}", FIELDS[index], quote(parts[index])),
            None => "the fields make no sense".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(fields: &str, now: &str) -> Option<String> {
        let now = now.parse().expect("a time");
        next_after(&format!("cron({fields})"), now).map(|time| time.format("%Y-%m-%dT%H:%M").to_string())
    }

    #[test]
    fn cron_means_what_eventbridge_documents() {
        // 2026-11-23 is a Monday.
        let now = "2026-11-23T08:00:00Z";
        for (fields, expected) in [
            ("0 8 1 * ? *", "2026-12-01T08:00"),
            ("0 8 * * ? *", "2026-11-24T08:00"),
            ("0 10 * * ? *", "2026-11-23T10:00"),
            ("15 12 * * ? *", "2026-11-23T12:15"),
            ("0 18 ? * MON-FRI *", "2026-11-23T18:00"),
            ("0 18 ? * 1 *", "2026-11-29T18:00"),
            ("0 18 ? * 2 *", "2026-11-23T18:00"),
            ("0 18 ? * 7 *", "2026-11-28T18:00"),
            ("0 18 ? * SUN *", "2026-11-29T18:00"),
            ("0/15 * * * ? *", "2026-11-23T08:15"),
            ("0/5 8-17 ? * MON-FRI *", "2026-11-23T08:05"),
            ("0 9 ? * 2#1 *", "2026-12-07T09:00"),
            ("0 9 ? * 6L *", "2026-11-27T09:00"),
            ("0 0 L * ? *", "2026-11-30T00:00"),
            ("0 0 LW * ? *", "2026-11-30T00:00"),
            ("0 0 15W * ? *", "2026-12-15T00:00"),
            ("0 8 1 JAN ? 2030", "2030-01-01T08:00"),
            ("0 8 29 2 ? *", "2028-02-29T08:00"),
        ] {
            assert_eq!(check(&format!("cron({fields})")), Ok(()), "{fields}");
            assert_eq!(next(fields, now).as_deref(), Some(expected), "{fields}");
        }
        assert_eq!(next("0 8 1 1 ? 2020", now), None);
        assert_eq!(next("0 8 31 2 ? *", now), None);
        assert_eq!(next_after("rate(1 day)", now.parse().expect("a time")), None);
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for expression in [
            "",
            "cron()",
            "cron(0 8 1 * ?)",
            "cron(0 0 8 1 * ? *)",
            "cron(0 8 1 * * *)",
            "cron(0 8 ? * ? *)",
            "cron(60 8 1 * ? *)",
            "cron(0 24 1 * ? *)",
            "cron(0 8 32 * ? *)",
            "cron(0 8 0 * ? *)",
            "cron(0 8 1 13 ? *)",
            "cron(0 8 ? * 0 *)",
            "cron(0 8 ? * 8 *)",
            "cron(0 8 ? * 1,0 *)",
            "cron(? 8 1 * ? *)",
            "cron(0 8 1,,2 * ? *)",
            "cron(0 8 @daily * ? *)",
            "cron(0 8 1 * ? 1800)",
            "cron(0 8 1 * ? 3000)",
            "cron(0/0 8 1 * ? *)",
            "cron(70/5 8 1 * ? *)",
            "cron(x 8 1 * ? *)",
            "0 8 1 * ? *",
            "rate()",
            "rate(0 days)",
            "rate(1 days)",
            "rate(2 day)",
            "rate(-1 days)",
            "rate(1 week)",
            "rate(1.5 days)",
            "rate(1day)",
            "at(2026-01-01T00:00:00)",
            "cron(0 8 1 * ? *) ",
        ] {
            assert!(check(expression).is_err(), "{expression}");
        }
        assert_eq!(check("rate(1 day)"), Ok(()));
        assert_eq!(check("rate(12 hours)"), Ok(()));
    }
}
