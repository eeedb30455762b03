//! `[limits]`: a step of its own over a finished plan. One that is exceeded stops the run before its first change.

use std::fmt;

use super::{action::Verb, change::Change, model::Plan};
use crate::counted::counted;
use crate::manifest::{Limits, Source};

/// Below this many keys in scope, `max-percent` says nothing.
const FEWEST_KEYS: usize = 10;

/// A limit that a plan exceeds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Exceeded {
    /// `max-actions`: more users are changed than it allows.
    Actions { planned: usize, limit: u32, source: Option<Source> },
    /// `max-percent`: the users that are changed are a greater part of the keys in scope than it allows.
    Percent { planned: usize, keys: usize, limit: u32, source: Option<Source> },
}

/// Every limit that the plan exceeds. Counted are the plan's lines: a user's whole rotation is one. What touches no key is
/// none of its concern.
#[must_use]
pub fn exceeded(plan: &Plan, limits: &Limits) -> Vec<Exceeded> {
    let touches_keys =
        |change: &&Change| change.in_run().any(|(verb, _)| !matches!(verb, Verb::Update | Verb::Deliver));
    exceeded_by(plan.changes.iter().filter(touches_keys).count(), plan.keys, limits)
}

/// The same for so many users who are changed, of so many keys in scope.
#[must_use]
pub fn exceeded_by(planned: usize, keys: usize, limits: &Limits) -> Vec<Exceeded> {
    let Limits { max_actions, max_percent } = limits;
    let mut exceeded = Vec::new();
    if let Some(limit) = max_actions
        && planned as u64 > u64::from(limit.value)
    {
        exceeded.push(Exceeded::Actions { planned, limit: limit.value, source: limit.source.clone() });
    }
    if let Some(limit) = max_percent
        && keys >= FEWEST_KEYS
        && planned as u64 * 100 > u64::from(limit.value) * keys as u64
    {
        exceeded.push(Exceeded::Percent { planned, keys, limit: limit.value, source: limit.source.clone() });
    }
    exceeded
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self {
            Self::Actions { planned, limit, source } => {
                let are = if *planned == 1 { "is" } else { "are" };
                write!(f, "{} {are} planned, `max-actions` allows {limit}", counted(*planned, "change"))?;
                source
            }
            Self::Percent { planned, keys, limit, source } => {
                let (planned, keys) = (counted(*planned, "change"), counted(*keys, "key"));
                write!(f, "{planned} for {keys} in scope, `max-percent` allows {limit} %")?;
                source
            }
        };
        match source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}
