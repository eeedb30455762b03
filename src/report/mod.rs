//! What a run found and did, as one value with several small renderers.

pub mod json;
pub mod metrics;
#[cfg(feature = "cli")]
pub mod text;

use crate::{
    apply::{Applied, Failure},
    plan::{Plan, Verb},
};

/// One run: its plan, and what became of it.
pub struct Report<'a> {
    pub plan: &'a Plan,
    /// The commit of the manifests, if known.
    pub revision: Option<&'a str>,
    /// `None`: only planned.
    pub applied: Option<&'a Applied>,
}

/// How many users the plan has of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub create: usize,
    pub promote: usize,
    pub notify: usize,
    pub deactivate: usize,
    pub delete: usize,
    pub blocked: usize,
    /// Without the exempt.
    pub held: usize,
    pub exempt: usize,
    pub settled: usize,
    pub unmanaged: usize,
}

impl Counts {
    pub fn of(plan: &Plan) -> Self {
        let blocked = plan.waiting.iter().filter(|waiting| waiting.wait.is_blocked()).count();
        let exempt = plan.waiting.iter().filter(|waiting| waiting.wait.is_exempt()).count();
        Self {
            create: plan.count(Verb::Create),
            promote: plan.count(Verb::Promote),
            notify: plan.count(Verb::Notify),
            deactivate: plan.count(Verb::Deactivate),
            delete: plan.count(Verb::Delete),
            blocked,
            held: plan.waiting.len() - blocked - exempt,
            exempt,
            settled: plan.settled.len(),
            unmanaged: plan.unmanaged,
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
