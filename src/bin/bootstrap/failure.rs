//! Why an invocation fails.

use std::fmt;

use keyrota::observe::NothingRead;

/// Why an invocation fails.
pub struct Failure {
    /// Lambda's `errorType`.
    pub kind: &'static str,
    pub message: String,
}

/// What a state machine tries again: AWS has refused calls for coming too fast.
const THROTTLED: &str = "Throttled";

impl Failure {
    /// The same, under the name that state machines try again, if AWS refused it for coming too fast.
    pub fn throttled_if(self, is_throttled: bool) -> Self {
        if is_throttled { Self { kind: THROTTLED, ..self } } else { self }
    }

    pub fn is_throttled(&self) -> bool {
        self.kind == THROTTLED
    }
}

impl From<NothingRead> for Failure {
    fn from(NothingRead(accounts, _): NothingRead) -> Self {
        let accounts = accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Self { kind: "Unreadable", message: format!("nothing was changed, {accounts}") }
    }
}

impl From<Failure> for lambda_runtime::Diagnostic {
    fn from(Failure { kind, message }: Failure) -> Self {
        Self { error_type: kind.to_owned(), error_message: message }
    }
}

/// What the runtime logs when an invocation fails.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}
