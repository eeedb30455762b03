//! Why an invocation fails.

use std::fmt;

use keyrota::{
    cloud::aws::ConnectError,
    counted::counted,
    manifest::{Diagnostic, shown},
    observe::NothingRead,
    verdict::Verdict,
};

/// Why an invocation fails.
pub struct Failure {
    /// Lambda's `errorType`.
    pub kind: &'static str,
    pub message: String,
}

/// An error has no more reasons than this: what is longer than 256 KiB is lost, and nobody reads it.
const MOST_REASONS: usize = 200;

/// What a state machine tries again: AWS has refused calls for coming too fast.
const THROTTLED: &str = "Throttled";

impl Failure {
    /// Why an invocation fails that tried so many changes; `None`: it does not.
    pub fn of(verdict: &Verdict, changes: usize) -> Option<Self> {
        if !verdict.has_failures() {
            return None;
        }
        let parts = [
            (verdict.failed.len(), format!("{} of {} failed", verdict.failed.len(), counted(changes, "change"))),
            (verdict.unfinished.len(), counted(verdict.unfinished.len(), "user") + " not finished"),
            (verdict.unreadable.len(), counted(verdict.unreadable.len(), "user") + " not read"),
            (verdict.accounts_unread.len(), counted(verdict.accounts_unread.len(), "account") + " not read"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, what)| what);
        let all = verdict.reasons().count();
        let mut reasons: Vec<&str> = verdict.reasons().take(MOST_REASONS).collect();
        let more = format!("and {} more, in the report", all.saturating_sub(MOST_REASONS));
        reasons.extend((all > MOST_REASONS).then_some(more.as_str()));
        let reasons = reasons.join("\n");
        // Where nothing could be noted, a run that tends begins nothing.
        let next = match verdict.accounts_unread.is_empty() {
            true => "the next run tries again",
            false => {
                "the next run tries again; to begin what was due in accounts that were not read, invoke `enforce` again"
            }
        };
        let message = format!("{}; {next}\n{reasons}", parts.collect::<Vec<_>>().join(", "));
        let kind = match (verdict.failed.len(), verdict.unfinished.len()) {
            (0, 0) => "Unreadable",
            _ => "ChangesFailed",
        };
        Some(Self { kind, message })
    }

    /// A limit kept a run from changing anything.
    pub fn limit_exceeded(exceeded: &[String]) -> Self {
        let message = format!("nothing was changed, a limit was exceeded: {}", exceeded.join("; "));
        Self { kind: "LimitExceeded", message }
    }

    /// The manifests stop a run.
    pub fn bad_manifest(diagnostics: &[Diagnostic]) -> Self {
        let errors: Vec<_> = diagnostics.iter().filter(|diagnostic| diagnostic.stops_a_run()).cloned().collect();
        let texts = shown(&errors).0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let count = counted(errors.len(), "error");
        Self { kind: "BadManifest", message: format!("nothing was changed, the manifests have {count}\n{texts}") }
    }

    /// AWS can't be signed in to, or an account not be entered.
    pub fn no_access(error: ConnectError) -> Self {
        Self { kind: "NoAccess", message: error.to_string() }.throttled_if(error.is_throttled())
    }

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
