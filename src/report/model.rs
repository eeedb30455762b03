//! What is rendered: one run, its plan, and what became of it.

use std::fmt;

use crate::{
    apply::{Applied, Failure},
    diff::{
        Outlook,
        review::{Broken, Compared},
    },
    plan::{Exceeded, Plan, Verb},
    time::Day,
};

/// One run: its plan, and what became of it.
pub struct Report<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// The commit of the manifests, if known.
    pub revision: Option<&'a str>,
    /// What the change of the manifests since another revision does (`--base`).
    pub since: Option<Since<'a>>,
    /// `None`: only planned.
    pub applied: Option<&'a Applied>,
    /// The limits that kept a run from changing anything.
    pub stopped: &'a [Exceeded],
}

impl<'a> Report<'a> {
    /// Of a plan of which nothing else is known.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, revision: None, since: None, applied: None, stopped: &[] }
    }
}

/// The revision that the manifests are compared with, and how they differ.
#[derive(Clone, Copy)]
pub struct Since<'a> {
    /// As it was asked for, e.g. `HEAD^1`.
    pub revision: &'a str,
    /// The full commit id.
    pub commit: &'a str,
    /// What differs, or why there is nothing to compare with.
    pub comparison: &'a Result<Compared, Broken>,
    /// What could not be compared.
    pub notes: &'a [String],
}

impl fmt::Display for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, commit, .. } = self;
        let short = commit.get(..10).unwrap_or(commit);
        if commit.starts_with(revision) { f.write_str(short) } else { write!(f, "{revision} ({short})") }
    }
}

/// What comes next for a user, in a few words.
impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(verb) => write!(f, "{verb} now"),
            Self::Held(Some(until)) => write!(f, "held until {}", Day(*until)),
            Self::Held(None) => f.write_str("held"),
            Self::Blocked => f.write_str("blocked"),
            Self::Unreadable => f.write_str("unreadable"),
            Self::Exempt => f.write_str("exempt"),
            Self::Settled(Some(at)) => write!(f, "rotates {}", Day(*at)),
            Self::Settled(None) => f.write_str("nothing to rotate"),
        }
    }
}

/// What a run does, step by step, and how many users wait for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys to be created.
    pub create: usize,
    /// Keys to be handed out.
    pub promote: usize,
    /// Places of delivery to take a key.
    pub deliver: usize,
    /// Owners to be told.
    pub notify: usize,
    /// Keys to be deactivated.
    pub deactivate: usize,
    /// Keys to be deleted.
    pub delete: usize,
    /// Secrets to be updated.
    pub update: usize,
    /// Users for whom a person must do something.
    pub blocked: usize,
    /// Users of whom something could not be read.
    pub unreadable: usize,
    /// Without the exempt.
    pub held: usize,
    /// Users that the manifests exempt.
    pub exempt: usize,
    /// Of all that wait: those with a key that is older than its limit.
    pub overdue: usize,
    /// Users that need nothing now.
    pub settled: usize,
    /// Of whom nothing was read, because nothing of theirs is due.
    pub resting: usize,
    /// Users that no rule selects.
    pub unmanaged: usize,
}

impl Counts {
    /// Counts what a plan holds.
    pub fn of(plan: &Plan) -> Self {
        let blocked = plan.waiting.iter().filter(|waiting| waiting.wait.is_blocked()).count();
        let exempt = plan.waiting.iter().filter(|waiting| waiting.wait.is_exempt()).count();
        let unreadable = plan.unreadable().count();
        Self {
            create: plan.count(Verb::Create),
            promote: plan.count(Verb::Promote),
            deliver: plan.count(Verb::Deliver),
            notify: plan.count(Verb::Notify),
            deactivate: plan.count(Verb::Deactivate),
            delete: plan.count(Verb::Delete),
            update: plan.count(Verb::Update),
            blocked,
            unreadable,
            held: plan.waiting.len() - blocked - exempt - unreadable,
            exempt,
            overdue: plan.waiting.iter().filter(|waiting| waiting.overdue.is_some()).count(),
            settled: plan.settled.len(),
            resting: plan.resting,
            unmanaged: plan.unmanaged.len(),
        }
    }
}

/// `done`, `stale` or `failed`.
pub fn result_word(result: &Result<(), Failure>) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(Failure::Stale(_)) => "stale",
        Err(Failure::Failed(_)) => "failed",
    }
}
