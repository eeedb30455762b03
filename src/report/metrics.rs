//! What alarms watch: lines of CloudWatch's embedded metric format. Lambda's log is where CloudWatch looks for them, so
//! a metric costs no call and no permission.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    apply::{Applied, Outcome},
    inventory::{Account, Inventory, Key},
    notice::Kind,
    plan::{Plan, Verb, WaitingOn, places_lacking},
    roster::{Entry, Roster},
    verdict::Verdict,
};

/// The namespace of all metrics, unless the function has one of its own.
pub const NAMESPACE: &str = "keyrota";

/// How things are in one account, or in all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Metrics {
    /// Active keys that are older than their `max-age` after the run, and nothing explains it.
    pub keys_over_max_age: usize,
    /// Those that something explains: their users are exempt, or blocked, and their owners were told. They must not hide the
    /// next one from an alarm.
    pub keys_over_max_age_explained: usize,
    /// Whole days; 0 without keys. As above, of active keys of users that are not exempt.
    pub oldest_key_age_days: i64,
    /// Users for whom a person must do something.
    pub blocked: usize,
    /// Rotations that wait for their turn: see `[pace]`.
    pub paced: usize,
    /// Whether nobody was left out because nothing of theirs is due: else nobody knows those above.
    pub is_whole: bool,
    /// `None`: no user delivers anywhere.
    pub delivery: Option<DeliveryMetrics>,
    /// `None`: nothing was to be changed.
    pub run: Option<RunMetrics>,
}

/// What became of deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeliveryMetrics {
    /// Places that took a key in this run.
    pub delivered: usize,
    /// Users of whom a place lacks the key that their secret hands out: their old one goes on until it takes the new one.
    pub undelivered: usize,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunMetrics {
    /// Whether every user got its turn: 0 if some were left to the next run.
    pub completed: bool,
    /// Keys that were created.
    pub created: usize,
    /// Keys that were deactivated.
    pub deactivated: usize,
    /// Keys that were deleted.
    pub deleted: usize,
    /// Changes that were not made, users that could not be read or finished, and, of all accounts together, accounts that
    /// could not be read.
    pub failures: usize,
    /// Events that the bus did not take, of all accounts together; `None`: there were none.
    pub events_failed: Option<usize>,
    /// Invocations that left nothing of what they did; `None`: the run was not in parts.
    #[serde(default)]
    pub attempts_lost: Option<usize>,
}

/// [`lines_in`] the namespace `keyrota`.
pub fn lines(accounts: &[(&Roster, &Inventory)], plan: &Plan, applied: Option<&Applied>) -> Vec<String> {
    lines_in(NAMESPACE, accounts, plan, applied)
}

/// A line for each account, with the dimension `account`, and one without dimensions for all of them. Without
/// `applied`, the lines say how things are and nothing of a run.
pub fn lines_in(
    namespace: &str,
    accounts: &[(&Roster, &Inventory)],
    plan: &Plan,
    applied: Option<&Applied>,
) -> Vec<String> {
    let mut all = Metrics::of_none(applied.is_some());
    let mut lines = Vec::new();
    for (roster, inventory) in accounts {
        let one = measure(roster, inventory, plan, applied);
        lines.push(line(namespace, plan.as_of, Some(&roster.account), &one));
        all.add(&one);
    }
    if let Some(run) = &mut all.run {
        run.failures += plan.accounts_unread.len();
        run.events_failed = applied.and_then(|applied| applied.events.as_ref()).map(|events| events.failed);
    }
    lines.push(line(namespace, plan.as_of, None, &all));
    lines
}

/// What is measured of one account.
#[must_use]
pub fn measure(roster: &Roster, inventory: &Inventory, plan: &Plan, applied: Option<&Applied>) -> Metrics {
    let account = &roster.account;
    let waiting = || plan.waiting.iter().filter(|waiting| *waiting.account == *account);
    let mut metrics = Metrics {
        blocked: waiting().filter(|waiting| waiting.wait.is_blocked()).count(),
        paced: waiting().filter(|waiting| matches!(waiting.wait, WaitingOn::Paced { .. })).count(),
        is_whole: inventory.resting.is_empty(),
        ..<_>::default()
    };
    for entry in &roster.entries {
        let is_blocked = || waiting().any(|waiting| waiting.wait.is_blocked() && waiting.user == entry.user.name);
        let is_explained = entry.exempt.is_some() || (was_told(entry, inventory) && is_blocked());
        for key in working_keys(entry, inventory, applied) {
            let age = plan.as_of - key.created;
            let is_over = usize::from(age >= entry.policy.max_age.value);
            match is_explained {
                true => metrics.keys_over_max_age_explained += is_over,
                false => metrics.keys_over_max_age += is_over,
            }
            if entry.exempt.is_none() {
                metrics.oldest_key_age_days = metrics.oldest_key_age_days.max(age.num_days());
            }
        }
    }
    if roster.entries.iter().any(|entry| !entry.deliver.is_empty()) {
        metrics.delivery = Some(delivery(roster, inventory, plan.as_of, applied));
    }
    metrics.run = applied.map(|applied| {
        let outcomes = || applied.outcomes.iter().filter(|outcome| *outcome.change.account == *account);
        let verdict = Verdict::of_account(plan, Some(applied), account);
        let done = |verb| outcomes().filter(|o| o.result.is_ok() && o.change.action.verb() == verb).count();
        RunMetrics {
            completed: verdict.is_finished(),
            created: done(Verb::Create),
            deactivated: done(Verb::Deactivate),
            deleted: done(Verb::Delete),
            failures: verdict.failures(),
            events_failed: None,
            attempts_lost: None,
        }
    });
    metrics
}

/// What it did, and what it has left, of the users that were read.
fn delivery(roster: &Roster, inventory: &Inventory, now: DateTime<Utc>, applied: Option<&Applied>) -> DeliveryMetrics {
    let account = &roster.account;
    let took = |outcome: &&Outcome| {
        let is_delivery = outcome.change.action.verb() == Verb::Deliver && outcome.result.is_ok();
        is_delivery && *outcome.change.account == *account
    };
    let delivered = applied.map_or(0, |applied| applied.outcomes.iter().filter(took).count());
    let lacks = |entry: &&Entry| {
        let user = &entry.user.name;
        let after = applied.and_then(|applied| applied.after.get(&(account.id.clone(), user.clone())));
        let state = after.or_else(|| inventory.users.get(user)?.as_ref().ok());
        state.is_some_and(|state| !places_lacking(roster, entry, state, now).is_empty())
    };
    let entries = roster.entries.iter().filter(|entry| entry.exempt.is_none() && !entry.deliver.is_empty());
    DeliveryMetrics { delivered, undelivered: entries.filter(lacks).count() }
}

/// Whether an earlier run told the owner that the user is blocked, as the last thing that it told.
fn was_told(entry: &Entry, inventory: &Inventory) -> bool {
    let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
    let reminder = state.and_then(|state| state.ledger.destination.own()?.reminded.as_ref());
    reminder.is_some_and(|reminder| reminder.kind == Kind::Blocked)
}

/// The active keys of a user, less those that the run has just deactivated. Keys it has created are too young to matter.
fn working_keys<'a>(
    entry: &'a Entry,
    inventory: &'a Inventory,
    applied: Option<&'a Applied>,
) -> impl Iterator<Item = &'a Key> {
    let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
    let stopped = move |key: &Key| {
        applied.is_some_and(|applied| {
            let is_it =
                |action: &crate::plan::Action| action.verb() == Verb::Deactivate && action.key() == Some(&key.id);
            applied.outcomes.iter().any(|outcome| outcome.result.is_ok() && is_it(&outcome.change.action))
        })
    };
    state.into_iter().flat_map(|state| &state.keys).filter(move |key| key.is_active() && !stopped(key))
}

impl Metrics {
    /// Of no account yet; `ran`: something was to be changed.
    #[must_use]
    pub fn of_none(ran: bool) -> Self {
        let run = ran.then(|| RunMetrics { completed: true, ..RunMetrics::default() });
        Self { run, is_whole: true, ..Self::default() }
    }

    /// Adds those of another account.
    pub fn add(&mut self, other: &Self) {
        let Self { keys_over_max_age, keys_over_max_age_explained, oldest_key_age_days, blocked, .. } = other;
        let Self { paced, is_whole, delivery, run, .. } = other;
        if let Some(DeliveryMetrics { delivered, undelivered }) = delivery {
            let all = self.delivery.get_or_insert_default();
            all.delivered += delivered;
            all.undelivered += undelivered;
        }
        self.is_whole &= is_whole;
        self.keys_over_max_age += keys_over_max_age;
        self.keys_over_max_age_explained += keys_over_max_age_explained;
        self.oldest_key_age_days = self.oldest_key_age_days.max(*oldest_key_age_days);
        self.blocked += blocked;
        self.paced += paced;
        if let (Some(all), Some(one)) = (&mut self.run, run) {
            let RunMetrics { completed, created, deactivated, deleted, failures, events_failed, attempts_lost } = one;
            if let Some(failed) = events_failed {
                *all.events_failed.get_or_insert_default() += failed;
            }
            if let Some(lost) = attempts_lost {
                *all.attempts_lost.get_or_insert_default() += lost;
            }
            all.completed &= completed;
            all.created += created;
            all.deactivated += deactivated;
            all.deleted += deleted;
            all.failures += failures;
        }
    }
}

/// One document of the format. See "Specification: Embedded metric format" in the CloudWatch user guide.
#[must_use]
pub fn line(namespace: &str, time: DateTime<Utc>, account: Option<&Account>, metrics: &Metrics) -> String {
    let Metrics { keys_over_max_age, keys_over_max_age_explained, oldest_key_age_days, blocked, .. } = metrics;
    let Metrics { paced, is_whole, delivery, run, .. } = metrics;
    let state = [
        ("KeysOverMaxAge", json!(keys_over_max_age)),
        ("KeysOverMaxAgeExplained", json!(keys_over_max_age_explained)),
        ("OldestKeyAgeDays", json!(oldest_key_age_days)),
        ("Blocked", json!(blocked)),
        ("Paced", json!(paced)),
    ];
    let mut values: Vec<_> = state.into_iter().filter(|_| *is_whole).collect();
    if let Some(DeliveryMetrics { delivered, undelivered }) = delivery {
        values.extend([("Delivered", json!(delivered)), ("Undelivered", json!(undelivered))]);
    }
    if let Some(RunMetrics { completed, created, deactivated, deleted, failures, events_failed, attempts_lost }) = run {
        values.extend([
            ("RunsCompleted", json!(u8::from(*completed))),
            ("Created", json!(created)),
            ("Deactivated", json!(deactivated)),
            ("Deleted", json!(deleted)),
            ("Failures", json!(failures)),
        ]);
        values.extend(events_failed.map(|failed| ("EventsFailed", json!(failed))));
        values.extend(attempts_lost.map(|lost| ("AttemptsLost", json!(lost))));
    }
    let unit = |name: &str| if name == "OldestKeyAgeDays" { "None" } else { "Count" };
    let metrics: Vec<Value> = values.iter().map(|(name, _)| json!({ "Name": name, "Unit": unit(name) })).collect();
    let dimensions: &[&str] = if account.is_some() { &["account"] } else { &[] };
    let directive = json!({ "Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics });
    let mut document = json!({ "_aws": { "Timestamp": time.timestamp_millis(), "CloudWatchMetrics": [directive] } });
    for (name, value) in values {
        document[name] = value;
    }
    if let Some(account) = account {
        document["account"] = json!(account.id);
    }
    document.to_string()
}
