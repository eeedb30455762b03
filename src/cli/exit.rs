//! The exit codes.

use std::process::ExitCode;

/// How a command ended. The numbers are part of the contract with scripts and workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// An error; nothing was changed.
    Error = 1,
    /// Changes are pending (`plan --detailed-exitcode` only).
    Pending = 2,
    /// A limit was exceeded; nothing was changed.
    Limit = 3,
    /// The plan is not the approved one; nothing was changed.
    NotApproved = 4,
    /// Some changes failed or were not finished.
    Failed = 5,
    /// The arguments make no sense.
    Usage = 64,
    /// Ctrl-C, before anything was changed, or a second time.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
