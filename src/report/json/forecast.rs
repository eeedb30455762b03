//! What the scheduled runs of some time will do.

use schemars::JsonSchema;
use serde::Serialize;

use super::rows::names;
use crate::{
    plan::{Calendar, Event, Outlook, OverAge, Row},
    report::forecast::{ASSUMPTIONS, Forecast, Peak, Sums},
    time::rfc3339,
};

/// What the documents are called; fields are only added.
pub const FORECAST: &str = "keyrota/forecast/v1";

/// Renders a forecast.
pub fn forecast(forecast: &Forecast<'_>) -> String {
    let document = ForecastDocument {
        schema: FORECAST,
        from: rfc3339(forecast.from),
        until: rfc3339(forecast.until),
        assumptions: ASSUMPTIONS,
        schedule: JsonSchedule {
            enforce: forecast.manifest.schedule.enforce(),
            tend: forecast.manifest.schedule.tend(),
        },
        max_rotations: forecast.manifest.pace.max_rotations(),
        summary: Summary {
            users: forecast.users.all,
            sums: sums(forecast.sums),
            over_age: forecast.over_age().count(),
            blocked: forecast.users.blocked,
            exempt: forecast.users.exempt,
            unreadable: forecast.users.unreadable,
            accounts: forecast.calendars.len(),
            accounts_unread: forecast.unread.len(),
        },
        accounts: forecast.calendars.iter().map(account).collect(),
        weeks: forecast.weeks.iter().map(|(week, of)| Week { week: week.to_string(), sums: sums(*of) }).collect(),
        peaks: forecast.peaks.iter().map(peak).collect(),
        limits: forecast
            .exceeded
            .iter()
            .map(|(at, exceeded)| JsonLimit { at: rfc3339(*at), message: exceeded.to_string() })
            .collect(),
        users: forecast.rows().map(|(calendar, row)| user(calendar, row)).collect(),
        accounts_unread: forecast
            .unread
            .iter()
            .map(|one| Unread { account: one.id.as_deref(), account_name: one.name.as_deref(), error: &one.error })
            .collect(),
    };
    serde_json::to_string_pretty(&document).expect("no map has keys other than strings") + "\n"
}

/// The JSON Schema of [`forecast`].
pub fn forecast_schema() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft07()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<ForecastDocument<'_>>()
        .to_value()
}

/// What scheduled runs will do: `keyrota forecast --format json`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ForecastDocument<'a> {
    /// `keyrota/forecast/v1`.
    schema: &'static str,
    /// Runs from then on, RFC 3339 in UTC, as all times are.
    from: String,
    /// The last instant at which a run counts.
    until: String,
    /// On what it rests.
    assumptions: [&'static str; 2],
    schedule: JsonSchedule<'a>,
    /// How many rotations a run begins in one account; null: no bound.
    max_rotations: Option<usize>,
    summary: Summary,
    /// What comes to each account that was read, by its id.
    accounts: Vec<JsonAccount<'a>>,
    /// Every week of the time, by its Monday.
    weeks: Vec<Week>,
    /// The runs that begin most rotations, the busiest first.
    peaks: Vec<JsonPeak>,
    /// The runs that would change nothing, because they exceed a limit. The forecast goes on as if they did.
    limits: Vec<JsonLimit>,
    /// Everyone in scope.
    users: Vec<User<'a>>,
    /// The accounts of which nothing could be read, and nothing is known.
    accounts_unread: Vec<Unread<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct JsonSchedule<'a> {
    /// The expression of the runs that begin rotations.
    enforce: &'a str,
    /// The expression of the runs that carry on.
    tend: &'a str,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    users: usize,
    #[serde(flatten)]
    sums: JsonSums,
    /// The keys that get older than `max-age`.
    over_age: usize,
    /// Users for whom a person must do something at the end of the time.
    blocked: usize,
    exempt: usize,
    /// Users of whom something could not be read: what comes to them is not known.
    unreadable: usize,
    /// The accounts that were read.
    accounts: usize,
    /// The accounts of which nothing could be read.
    accounts_unread: usize,
}

#[derive(Serialize, JsonSchema)]
struct JsonSums {
    /// Keys that are created.
    rotations: usize,
    /// Keys that are deactivated.
    deactivations: usize,
    /// Keys that are deleted.
    deletions: usize,
}

fn sums(sums: Sums) -> JsonSums {
    let Sums { rotations, deactivations, deletions } = sums;
    JsonSums { rotations, deactivations, deletions }
}

#[derive(Serialize, JsonSchema)]
struct Week {
    /// Its Monday.
    week: String,
    #[serde(flatten)]
    sums: JsonSums,
}

/// What comes to an account.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct JsonAccount<'a> {
    /// The account's id.
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    /// Those that are shown.
    users: usize,
    #[serde(flatten)]
    sums: JsonSums,
    /// The keys that get older than `max-age`.
    over_age: usize,
    /// Users for whom a person must do something at the end of the time.
    blocked: usize,
    /// Users of whom something could not be read.
    unreadable: usize,
    /// The first run that does something there; null: none does in this time.
    first: Option<String>,
}

fn account(calendar: &Calendar) -> JsonAccount<'_> {
    let (account, account_name) = names(&calendar.account);
    let events = || calendar.users.iter().flat_map(|row| &row.events);
    let count = |is_it: fn(&Outlook) -> bool| calendar.users.iter().filter(|row| is_it(&row.outlook)).count();
    JsonAccount {
        account,
        account_name,
        users: calendar.users.len(),
        sums: sums(Sums::of(events())),
        over_age: calendar.users.iter().map(|row| row.over_age.len()).sum(),
        blocked: count(|outlook| matches!(outlook, Outlook::Blocked { .. })),
        unreadable: count(|outlook| matches!(outlook, Outlook::Unknown { .. })),
        first: events().map(|event| event.at).min().map(rfc3339),
    }
}

#[derive(Serialize, JsonSchema)]
struct JsonPeak {
    at: String,
    #[serde(flatten)]
    sums: JsonSums,
    /// The rotations that it leaves to the runs that follow, because of `[pace]`.
    waiting: usize,
}

fn peak(peak: &Peak) -> JsonPeak {
    JsonPeak { at: rfc3339(peak.at), sums: sums(peak.sums), waiting: peak.waiting }
}

#[derive(Serialize, JsonSchema)]
struct JsonLimit {
    at: String,
    message: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct User<'a> {
    /// The account's id.
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    outlook: JsonOutlook,
    /// Every step of every run, in their order.
    events: Vec<JsonEvent<'a>>,
    over_age: Vec<JsonOverAge<'a>>,
}

/// Whether the events are all that comes.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum JsonOutlook {
    /// They are.
    Known,
    /// Nothing is done as long as the exemption holds.
    Exempt { reason: String, until: Option<String> },
    /// From then on a person must do something first.
    Blocked { since: String, reason: &'static str, message: String },
    /// From then on nobody knows.
    Unreadable { since: String, message: String },
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct JsonEvent<'a> {
    /// The run that takes the step.
    at: String,
    /// `create`, `promote`, `notify`, `deactivate`, `delete` or `update`.
    action: &'static str,
    /// The key's id, or `new`, `new-2` and so on for those that do not exist yet; null: the secret.
    key: Option<&'a str>,
    /// The place that takes the key, of a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    /// The key that a creation replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<&'a str>,
    /// Whether it rests on somebody using the key, or not, as the assumptions say.
    assumed: bool,
    /// Of a deactivation that is late because of them: the run that makes it if nobody uses the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct JsonOverAge<'a> {
    key: &'a str,
    limit_days: i64,
    /// When it is as old as that.
    passes: String,
    /// The run that deactivates it; null: none in this time.
    stops: Option<String>,
    /// Stable, kebab-case.
    cause: &'static str,
    /// The setting that would help; null: none would.
    setting: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Unread<'a> {
    account: Option<&'a str>,
    account_name: Option<&'a str>,
    error: &'a str,
}

fn user<'a>(calendar: &'a Calendar, row: &'a Row) -> User<'a> {
    let (account, account_name) = names(&calendar.account);
    let outlook = match &row.outlook {
        Outlook::Known => JsonOutlook::Known,
        Outlook::Exempt { reason, until } => JsonOutlook::Exempt { reason: reason.clone(), until: until.map(rfc3339) },
        Outlook::Blocked { since, wait } => {
            JsonOutlook::Blocked { since: rfc3339(*since), reason: wait.code(), message: wait.to_string() }
        }
        Outlook::Unknown { since, why } => JsonOutlook::Unreadable { since: rfc3339(*since), message: why.clone() },
    };
    let event = |Event { at, verb, key, place, of, created: _, is_assumed, earliest }: &'a Event| JsonEvent {
        at: rfc3339(*at),
        action: verb.as_str(),
        key: key.as_ref().map(|key| key.as_str()),
        place: place.as_deref(),
        replaces: of.as_ref().map(|key| key.as_str()),
        assumed: *is_assumed,
        earliest: earliest.map(rfc3339),
    };
    let over_age = |OverAge { key, limit, passes, stops, cause }: &'a OverAge| JsonOverAge {
        key: key.as_str(),
        limit_days: limit.num_days(),
        passes: rfc3339(*passes),
        stops: stops.map(rfc3339),
        cause: cause.code(),
        setting: cause.setting(),
    };
    User {
        account,
        account_name,
        user: &row.user,
        outlook,
        events: row.events.iter().map(event).collect(),
        over_age: row.over_age.iter().map(over_age).collect(),
    }
}
