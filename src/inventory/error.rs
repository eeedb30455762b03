//! Why a call to AWS failed: an inventory holds the reads that did, and outcomes the writes.

use std::fmt;

/// Why a call failed, as far as it changes what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A permission is missing.
    Denied,
    /// Still throttled when patience was over.
    Throttled,
    /// The run's time was over before its turn.
    OutOfTime,
    /// There is nothing to ask with: GitHub's token is not known here.
    NoCredentials,
    /// What the call is about does not exist.
    NotFound,
    /// The state was not what the call required: a third key, a label on another version, a name that is taken.
    Conflict,
    /// SES will not take this message: unverified, suppressed or malformed address.
    Refused,
    /// SES takes no more messages today.
    QuotaUsedUp,
    /// The answer made no sense.
    Malformed,
    /// Anything else: network, time-out, a fault of the service.
    Other,
}

/// A failed AWS call. Holds no request, so it can't hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CallError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// The IAM action that permits the call, e.g. `iam:CreateAccessKey`.
    pub operation: &'static str,
    /// The user, key or secret it was about.
    pub subject: String,
    /// What AWS answered.
    pub message: String,
    /// What to do about it, where that is known and is not the same for every call of its kind.
    pub hint: Option<String>,
}

impl CallError {
    /// A failure of which no more is known than what AWS answered.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, operation, subject: subject.into(), message: message.into(), hint: None }
    }

    /// Whether nothing is wrong but that there was no time: a run that comes later is answered.
    pub fn may_be_over(&self) -> bool {
        matches!(self.kind, ErrorKind::Throttled | ErrorKind::OutOfTime)
    }

    /// The failure without what it was about: it is the same for every user whom a missing permission concerns.
    pub fn cause(&self) -> String {
        let Self { kind, operation, subject, message, .. } = self;
        match kind {
            ErrorKind::Denied if is_github(operation) => format!("{operation} is refused"),
            ErrorKind::Denied => format!("permission `{operation}` is missing"),
            ErrorKind::Throttled => format!("{operation} is still throttled"),
            ErrorKind::OutOfTime => "the time for reading was over before their turn".to_owned(),
            // What names the user is of this user.
            ErrorKind::Other | ErrorKind::Malformed if !message.contains(subject.as_str()) => {
                format!("{operation} failed: {message}")
            }
            _ => format!("{operation} failed"),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, operation, subject, message, hint: _ } = self;
        match kind {
            ErrorKind::Denied if is_github(operation) => write!(f, "{message}"),
            ErrorKind::Denied => write!(f, "permission `{operation}` is missing for {subject}: {message}"),
            ErrorKind::Throttled => write!(f, "{operation} for {subject} is still throttled: {message}"),
            ErrorKind::OutOfTime => write!(f, "{subject} was not read: {message}"),
            ErrorKind::QuotaUsedUp => {
                // It is said of everyone who waits for it, and was answered to one.
                write!(f, "{operation} failed, the daily quota of SES is used up: {message}")
            }
            ErrorKind::Malformed if is_write(operation) => {
                write!(f, "could not tell whether {operation} for {subject} took effect: {message}")
            }
            _ => write!(f, "{operation} for {subject} failed: {message}"),
        }
    }
}

/// Its permissions have no names, and it says itself what is missing.
fn is_github(operation: &str) -> bool {
    operation.starts_with("github:")
}

/// Whether an operation changes something: one that may have done so is not said to have failed.
fn is_write(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    !["Get", "List", "Describe"].iter().any(|read| name.starts_with(read))
}
