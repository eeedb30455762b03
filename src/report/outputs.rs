//! What a pull request does, in the numbers and the one word that workflows decide by.

use serde_json::json;

use super::model::{Counts, Report};
use crate::{
    diff::{Comparison, review::Compared},
    plan::{Verb, fingerprint},
};

/// The outputs of the action. Counts are those of what the pull request causes in the apply, now or by the next scheduled
/// run; without a base to compare with, of the whole plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The whole in one word.
    pub result: Verdict,
    /// Users whose keys something is done to, or whose rotation goes on at other times.
    pub changes: usize,
    /// Keys to be created.
    pub create: usize,
    /// Keys to be deactivated.
    pub deactivate: usize,
    /// Keys to be deleted.
    pub delete: usize,
    /// Users for whom a person must do something.
    pub blocked: usize,
    /// Users of whom something could not be read, whoever caused it.
    pub unreadable: usize,
    /// Users that come into scope.
    pub entered: usize,
    /// Users that are in scope no more.
    pub left: usize,
    /// Users that leave, policies that get weaker, and settings that do.
    pub weakened: usize,
    /// Settings of whole runs that change.
    pub settings: usize,
    /// `None`: something could not be read.
    pub digest: Option<String>,
}

impl Outputs {
    /// The outputs by name, as one step of the action hands them to the next.
    pub fn json(&self) -> String {
        let Self { result, changes, create, deactivate, delete, blocked, unreadable, .. } = self;
        let Self { entered, left, weakened, settings, digest, .. } = self;
        json!({
            "result": result.as_str(), "changes": changes, "create": create, "deactivate": deactivate, "delete": delete,
            "blocked": blocked, "unreadable": unreadable, "entered": entered, "left": left, "weakened": weakened,
            "settings": settings, "digest": digest,
        })
        .to_string()
    }
}

/// How a review ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something is done to keys, or at another time than before.
    Changes,
    /// Keys stay as they are, but scope, policy or settings change.
    Policy,
    /// Nothing changes.
    NoChanges,
    /// The manifests are valid; nothing was planned.
    Checked,
    /// The manifests are not.
    Invalid,
    /// A limit is exceeded.
    Limit,
    /// There is no plan, or something could not be read.
    Error,
}

impl Verdict {
    /// As the action's output `result` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Policy => "policy",
            Self::NoChanges => "no-changes",
            Self::Checked => "checked",
            Self::Invalid => "invalid",
            Self::Limit => "limit",
            Self::Error => "error",
        }
    }
}

/// What a report comes to.
pub fn outputs(report: &Report<'_>, limit_exceeded: bool) -> Outputs {
    let mut outputs = match report.since.map(|since| since.comparison.as_ref()) {
        Some(Ok(compared)) => of_change(compared),
        // Nothing to compare with: everything that is planned counts.
        Some(Err(_)) | None => of_plan(report),
    };
    outputs.unreadable = report.plan.unreadable().count();
    outputs.digest = fingerprint(report.plan);
    if limit_exceeded {
        outputs.result = Verdict::Limit;
    } else if outputs.unreadable > 0 {
        outputs.result = Verdict::Error;
    }
    outputs
}

fn of_plan(report: &Report<'_>) -> Outputs {
    let Counts { create, deactivate, delete, blocked, .. } = Counts::of(report.plan);
    let changes = report.plan.changes.len();
    let result = if changes > 0 || blocked > 0 { Verdict::Changes } else { Verdict::NoChanges };
    Outputs { changes, create, deactivate, delete, blocked, ..empty(result) }
}

fn of_change(compared: &Compared) -> Outputs {
    let Compared { now, settings, templates: _, next_run: _ } = compared;
    let later = compared.later().map(|run| run.comparison.beyond(now)).unwrap_or_default();
    let both = |count: &dyn Fn(&Comparison) -> usize| count(now) + count(&later);
    let changes =
        both(&|comparison| comparison.caused.len() + comparison.waits.iter().filter(|wait| !wait.is_new).count());
    let blocked = both(&Comparison::blocked);
    // As in a plan: who is blocked is no longer rotated.
    let result = match (changes + blocked, compared.is_empty()) {
        (1.., _) => Verdict::Changes,
        (0, false) => Verdict::Policy,
        (0, true) => Verdict::NoChanges,
    };
    Outputs {
        changes,
        create: both(&|comparison| comparison.count(Verb::Create)),
        deactivate: both(&|comparison| comparison.count(Verb::Deactivate)),
        delete: both(&|comparison| comparison.count(Verb::Delete)),
        blocked,
        entered: now.entered.len(),
        left: now.left.len(),
        weakened: compared.weakened(),
        settings: settings.len(),
        ..empty(result)
    }
}

fn empty(result: Verdict) -> Outputs {
    Outputs {
        result,
        changes: 0,
        create: 0,
        deactivate: 0,
        delete: 0,
        blocked: 0,
        unreadable: 0,
        entered: 0,
        left: 0,
        weakened: 0,
        settings: 0,
        digest: None,
    }
}
