//! A run in parts: one invocation an account, and what they did made one again, as if one run had been over all of them.
//!
//! The parts meet in a bucket alone ([`names`]): the list of accounts that a run begins with ([`listed`]), what each invocation did
//! in its account ([`attempt`], which must agree with the run and with itself: [`agreement`]), and what the state machine says of those that left nothing ([`failures`]). Each object has a
//! name of its own and is never written over, so that whatever is cut off or done twice, nothing of it is lost. [`merge`] is
//! pure.

mod agreement;
mod attempt;
mod failures;
mod history;
mod listed;
mod merge;
mod names;
mod remarks;

pub use self::{
    agreement::Expected,
    attempt::{AboutAttempt, Attempt, AttemptFailure},
    failures::causes,
    history::History,
    listed::{Listed, RunAccounts, parse_list, render_list},
    merge::{Merge, Merged},
    names::{
        BadRunId, Made, RunId, accounts, begun, begun_by, evidence, list, made_of, map, merged, reports, result,
        results,
    },
    remarks::Remark,
};
