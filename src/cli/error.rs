//! Why a command ended before it did anything.

use std::fmt;

use keyrota::{
    observe::NothingRead,
    report::unread::{Cause, causes},
};

use super::output::Output;

/// Why a command ended before it did anything.
#[derive(Debug)]
pub enum CommandError {
    /// The manifests have errors. Each was shown at its place, and then how many there are.
    Manifests,
    /// What is wrong, one at least.
    Problems(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug)]
pub struct Problem {
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl CommandError {
    /// One problem.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::Problems(vec![Problem { message: message.to_string(), hint: None }])
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Problems(mut problems), Self::Problems(more)) => {
                problems.extend(more);
                Self::Problems(problems)
            }
            (Self::Manifests, other) | (other, Self::Manifests) => other,
        }
    }

    /// The same, with what to do about the last problem.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        if let Self::Problems(problems) = &mut self
            && let Some(last) = problems.last_mut()
        {
            last.hint = Some(hint.to_string());
        }
        self
    }

    /// Says it.
    pub fn say(&self, output: &Output) {
        match self {
            Self::Manifests => {}
            Self::Problems(problems) => {
                for Problem { message, hint } in problems {
                    output.failure(message, hint.as_deref());
                }
            }
        }
    }
}

impl From<NothingRead> for CommandError {
    fn from(NothingRead(accounts, _): NothingRead) -> Self {
        let problem = |cause: Cause<'_>| Problem { message: cause.to_string(), hint: cause.hint };
        Self::Problems(causes(&accounts).into_iter().map(problem).collect())
    }
}
