//! What scheduled runs will do in one account: pure data.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::{
    inventory::{Account, KeyId},
    plan::{action::Verb, waiting_on::WaitingOn},
};

/// What the scheduled runs of some time will do in one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The account.
    pub account: Arc<Account>,
    /// Runs from then on.
    pub from: DateTime<Utc>,
    /// The last instant at which a run counts.
    pub until: DateTime<Utc>,
    /// Every run of that time, those with nothing to do as well.
    pub runs: Vec<ScheduledRun>,
    /// Everyone in scope, by name.
    pub users: Vec<Row>,
}

/// A run to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledRun {
    /// When it comes.
    pub at: DateTime<Utc>,
    /// Whether it begins what is due, or carries on what has begun.
    pub enforces: bool,
    /// How many keys it creates.
    pub rotations: usize,
    /// How many rotations it leaves to those that follow, for the pace.
    pub waiting: usize,
    /// Of how many users it changes keys: what `[limits]` count.
    pub changed: usize,
    /// How many keys are in scope when it comes.
    pub keys: usize,
}

/// What comes to one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The IAM user.
    pub user: String,
    /// In the order in which they come.
    pub events: Vec<Event>,
    /// The keys that get older than `max-age`.
    pub over_age: Vec<OverAge>,
    /// Whether that is all, and how it ends.
    pub outlook: Outlook,
}

/// A step that a run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the run comes.
    pub at: DateTime<Utc>,
    /// What is done.
    pub verb: Verb,
    /// The key, or `new`, `new-2` and so on for those that do not exist yet; `None`: the secret.
    pub key: Option<KeyId>,
    /// The place that takes the key, of a delivery.
    pub place: Option<String>,
    /// The key that a creation replaces, or that `key` was made to replace.
    pub of: Option<KeyId>,
    /// When the key was made, or will be, that the step is about, or, of a creation, that is replaced.
    pub created: Option<DateTime<Utc>>,
    /// Whether it rests on keys being used, or not, as [`calendar`](super::calendar) assumes.
    pub is_assumed: bool,
    /// Of a deactivation that comes late because the key is assumed to be in use: the run that makes it if it is not.
    pub earliest: Option<DateTime<Utc>>,
}

/// How far the future of a user is known.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Outlook {
    /// Time alone brings what the events say.
    Known,
    /// Nothing is done as long as the exemption holds.
    Exempt { reason: String, until: Option<DateTime<Utc>> },
    /// From then on nothing goes on before a person has done something.
    Blocked { since: DateTime<Utc>, wait: WaitingOn },
    /// From then on nobody knows: something could not be read.
    Unknown { since: DateTime<Utc>, why: String },
}

/// A key that works longer than `max-age` allows.
#[derive(Clone, Debug, PartialEq)]
pub struct OverAge {
    /// The key, or `new`, `new-2` and so on.
    pub key: KeyId,
    /// How old it may get.
    pub limit: TimeDelta,
    /// When it is as old as that.
    pub passes: DateTime<Utc>,
    /// The run that deactivates it; `None`: none does in this time.
    pub stops: Option<DateTime<Utc>>,
    /// Why.
    pub cause: Cause,
}

/// Why a key gets older than `max-age`.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// It was due before the first run of this time.
    Before,
    /// It waits for its turn.
    Pace,
    /// Both places hold keys, and the other one goes first: this setting says how soon.
    Place(&'static str),
    /// It is replaced in time, and the overlap takes longer than `rotate-ahead` leaves.
    Overlap,
    /// `rotate-ahead` is shorter than the time between two runs.
    RotateAhead,
    /// No run that begins rotations comes in time.
    Schedule,
    /// It is replaced in time, and is assumed to be in use for so long.
    InUse,
    /// The manifests exempt the user.
    Exempt,
    /// A person must do something.
    Blocked(WaitingOn),
    /// Something could not be read.
    Unknown,
}

impl Cause {
    /// Stable, kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Before => "due-before",
            Self::Pace => "paced",
            Self::Place(_) => "no-place",
            Self::Overlap => "overlap",
            Self::RotateAhead => "rotate-ahead",
            Self::Schedule => "schedule",
            Self::InUse => "in-use",
            Self::Exempt => "exempt",
            Self::Blocked(_) => "blocked",
            Self::Unknown => "unreadable",
        }
    }

    /// The setting that would help, if one does.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Pace => Some("pace.max-rotations"),
            Self::Place(setting) => Some(setting),
            Self::Overlap => Some("overlap"),
            Self::RotateAhead => Some("rotate-ahead"),
            Self::Schedule => Some("schedule.enforce"),
            Self::InUse => Some("patience"),
            Self::Before | Self::Exempt | Self::Blocked(_) | Self::Unknown => None,
        }
    }

    /// Whether other settings would have kept the key within its limit, whatever people do.
    pub fn is_of_settings(&self) -> bool {
        self.setting().is_some() && *self != Self::InUse
    }
}

/// What is done on one day: whose keys are created, deactivated and deleted, a name for each key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayAhead<'a> {
    /// Those who get a new key.
    pub rotations: Vec<&'a str>,
    /// Those of whom a key stops.
    pub deactivations: Vec<&'a str>,
    /// Those of whom a key goes for good.
    pub deletions: Vec<&'a str>,
}

impl Calendar {
    /// Every step of everyone, by user.
    pub fn events(&self) -> impl Iterator<Item = (&Row, &Event)> {
        self.users.iter().flat_map(|row| row.events.iter().map(move |event| (row, event)))
    }

    /// The days on which a key is created, deactivated or deleted, each with the names of the users.
    pub fn days<'a>(&'a self) -> BTreeMap<NaiveDate, DayAhead<'a>> {
        let mut days = BTreeMap::<NaiveDate, DayAhead<'a>>::new();
        for (Row { user, .. }, event) in self.events() {
            let names: for<'b> fn(&'b mut DayAhead<'a>) -> &'b mut Vec<&'a str> = match event.verb {
                Verb::Create => |day| &mut day.rotations,
                Verb::Deactivate => |day| &mut day.deactivations,
                Verb::Delete => |day| &mut day.deletions,
                Verb::Promote | Verb::Deliver | Verb::Notify | Verb::Update => continue,
            };
            names(days.entry(event.at.date_naive()).or_default()).push(user);
        }
        days
    }

    /// The same for some of the users alone.
    #[must_use]
    pub fn of(mut self, is_meant: impl Fn(&str) -> bool) -> Self {
        self.users.retain(|row| is_meant(&row.user));
        self
    }
}
