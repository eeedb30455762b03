//! What is drawn: the ages of keys, the oldest day by day, and the calendar of what is to come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many active keys are of these ages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AgeClass {
    /// Whole days.
    pub from_days: i64,
    /// The first age that is no more of the class; null: it has no end.
    pub below_days: Option<i64>,
    /// Of users in scope, within their own limit.
    pub within_limit: usize,
    /// Of users in scope, older than it.
    pub over_limit: usize,
    /// Of exempt users.
    pub exempt: usize,
    /// Of users that no rule selects.
    pub unmanaged: usize,
}

/// The oldest active key, day by day.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Oldest {
    /// From the past to the future.
    pub days: Vec<OldestDay>,
    /// What the past rests on.
    pub note: String,
}

/// One day of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OldestDay {
    /// The day, in UTC.
    pub date: String,
    /// Of all keys that are known to have been active then; null: of none.
    pub age_days: Option<i64>,
    /// Of users in scope that are not exempt.
    pub in_scope_age_days: Option<i64>,
    /// It is to come, and rests on the schedule.
    pub expected: bool,
}

/// What the scheduled runs of the next days will do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Calendar {
    /// The first day.
    pub from: String,
    /// The last one.
    pub until: String,
    /// The days on which something will be done.
    pub days: Vec<CalendarDay>,
    /// Users whose keys get older than their limit under the schedule.
    pub late: Vec<Late>,
    /// What it rests on.
    pub assumption: String,
}

/// What the runs of one day will do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CalendarDay {
    /// The day, in UTC.
    pub date: String,
    /// Keys that are created.
    pub create: usize,
    /// Keys that are deactivated.
    pub deactivate: usize,
    /// Keys that are deleted.
    pub delete: usize,
}

/// A user whose keys get older than their limit under the schedule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Late {
    /// The account's 12 digits.
    pub account: String,
    /// The IAM user.
    pub user: String,
    /// When, how old, and what would help.
    pub message: String,
}
