//! What the SDK's errors mean to keyrota: a kind, a code and one line of text, never a request.

use std::{error::Error, io};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use crate::cloud::{CallError, ErrorKind};

/// A failed call before it is known whom to tell and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub kind: ErrorKind,
    /// AWS's error code, or one of the constants below when AWS answered none.
    pub code: String,
    /// One line. For an error of AWS: its own words, which name the principal and the resource of a denied call.
    pub message: String,
}

pub(super) const NO_CREDENTIALS: &str = "NoCredentials";
pub(super) const NO_CONNECTION: &str = "NoConnection";
pub(super) const TIMED_OUT: &str = "TimedOut";

/// The failure of `operation` (an IAM action) on `subject` as the error that the rest of keyrota knows.
pub(super) fn call_error<E>(operation: &'static str, subject: &str, error: &SdkError<E>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Failure { kind, code: _, message } = Failure::of(operation, error);
    CallError { kind, operation, subject: subject.to_owned(), message }
}

/// An answer that lacks something or contradicts itself.
pub(super) fn malformed(operation: &'static str, subject: &str, what: impl Into<String>) -> CallError {
    let message = format!("AWS's answer makes no sense: {}", what.into());
    CallError { kind: ErrorKind::Malformed, operation, subject: subject.to_owned(), message }
}

impl Failure {
    pub(super) fn of<E>(operation: &str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => match answer.err().code() {
                Some(code) => Self::answered(operation, code, answer.err().message()),
                // Text that no parser understood might be anything, so it is not repeated.
                None if answer.raw().status().is_success() => Self::unreadable(),
                None => {
                    let status = answer.raw().status().as_u16();
                    Self::new(ErrorKind::Other, "", format!("HTTP status {status} without an error code"))
                }
            },
            SdkError::ResponseError(_) => Self::unreadable(),
            SdkError::TimeoutError(_) => Self::new(ErrorKind::Other, TIMED_OUT, "no answer in time"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                Self::new(ErrorKind::Other, TIMED_OUT, "no answer in time")
            }
            other => Self::unsent(other),
        }
    }

    fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into() }
    }

    fn unreadable() -> Self {
        Self::new(ErrorKind::Malformed, "", "AWS's answer makes no sense: it could not be parsed")
    }

    /// AWS said no.
    fn answered(operation: &str, code: &str, message: Option<&str>) -> Self {
        // Only the first line: after it, a SignatureDoesNotMatch quotes the request with its session token. And a
        // ValidationException quotes the value that it refuses, which may be the secret.
        let text = message.and_then(|text| text.lines().next()).filter(|_| code != "ValidationException");
        let message = match text {
            Some(text) if !text.is_empty() => format!("{text} ({code})"),
            _ => code.to_owned(),
        };
        Self::new(kind(operation, code), code, message)
    }

    /// No answer: no credentials, or no connection.
    fn unsent(error: &(dyn Error + 'static)) -> Self {
        let causes = || causes(error);
        if let Some(refusal) = causes().find_map(|cause| cause.downcast_ref::<AssumeRoleError>())
            && let Some(code) = refusal.code()
        {
            return Self::answered("sts:AssumeRole", code, refusal.message());
        }
        let root = causes().last().map(ToString::to_string).unwrap_or_default();
        // The chain of providers goes on to list each of them, on lines of its own.
        let root = root.lines().next().unwrap_or_default().trim_end_matches(" Attempted:").trim_end_matches('.');
        let connection = causes().any(|cause| cause.is::<io::Error>());
        if !connection && causes().any(|cause| cause.is::<CredentialsError>()) {
            return Self::new(ErrorKind::Other, NO_CREDENTIALS, format!("no AWS credentials: {root}"));
        }
        Self::new(ErrorKind::Other, NO_CONNECTION, format!("no connection: {root}"))
    }
}

/// The error and what caused it, down to the root.
pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Codes are unique enough across the four services, but for those that depend on what was asked.
fn kind(operation: &str, code: &str) -> ErrorKind {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" | "AuthorizationError" => {
            ErrorKind::Denied
        }
        _ if is_throttling(code) => ErrorKind::Throttled,
        // About the sender's or the recipient's address. A suspended account or a pause is not.
        "MessageRejected"
        | "MailFromDomainNotVerified"
        | "MailFromDomainNotVerifiedException"
        | "BadRequestException"
        | "NotFoundException"
            if operation == "ses:SendEmail" =>
        {
            ErrorKind::Refused
        }
        "NoSuchEntity" | "NoSuchEntityException" | "ResourceNotFoundException" => ErrorKind::NotFound,
        // A label that is on another version.
        "InvalidParameterException" if operation == "secretsmanager:UpdateSecretVersionStage" => ErrorKind::Conflict,
        "LimitExceeded"
        | "LimitExceededException"
        | "EntityAlreadyExists"
        | "EntityTemporarilyUnmodifiable"
        | "DeleteConflict"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ResourceExistsException"
        | "InvalidRequestException"
        | "PreconditionNotMetException" => ErrorKind::Conflict,
        _ => ErrorKind::Other,
    }
}

/// Whether AWS refused the request for coming too fast: it has had no effect then.
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
            | "PriorRequestNotComplete"
    )
}

/// Whether AWS may not know a new access key yet.
pub(super) fn is_unknown_key(code: &str) -> bool {
    matches!(
        code,
        "InvalidClientTokenId" | "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "UnrecognizedClientException"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_one_thing_or_depends_on_the_call() {
        for (operation, code, expected) in [
            ("iam:ListAccessKeys", "AccessDenied", ErrorKind::Denied),
            ("secretsmanager:TagResource", "AccessDeniedException", ErrorKind::Denied),
            ("iam:ListAccessKeys", "Throttling", ErrorKind::Throttled),
            ("ses:SendEmail", "TooManyRequestsException", ErrorKind::Throttled),
            ("iam:DeleteAccessKey", "NoSuchEntity", ErrorKind::NotFound),
            ("iam:CreateAccessKey", "LimitExceeded", ErrorKind::Conflict),
            ("secretsmanager:UpdateSecretVersionStage", "InvalidParameterException", ErrorKind::Conflict),
            ("secretsmanager:CreateSecret", "InvalidParameterException", ErrorKind::Other),
            ("ses:SendEmail", "MessageRejected", ErrorKind::Refused),
            ("ses:SendEmail", "BadRequestException", ErrorKind::Refused),
            ("ses:SendEmail", "AccountSuspendedException", ErrorKind::Other),
            ("secretsmanager:TagResource", "BadRequestException", ErrorKind::Other),
            ("iam:ListAccessKeys", "ServiceFailure", ErrorKind::Other),
        ] {
            assert_eq!(kind(operation, code), expected, "{operation} {code}");
        }
    }

    #[test]
    fn what_aws_quotes_of_a_request_is_left_out() {
        let long = "The signature does not match.\n\nThe Canonical String was 'x-amz-security-token:FwoG'";
        let failure = Failure::answered("sts:GetCallerIdentity", "SignatureDoesNotMatch", Some(long));
        assert_eq!(failure.message, "The signature does not match. (SignatureDoesNotMatch)");
        let quoting = "Value 'hush' at 'secretString' failed to satisfy constraint";
        let failure = Failure::answered("secretsmanager:PutSecretValue", "ValidationException", Some(quoting));
        assert_eq!(failure.message, "ValidationException");
    }
}
