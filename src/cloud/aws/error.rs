//! What the SDK's errors mean to keyrota: a kind, a code and one line of text, never a request.

use std::{error::Error, io};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::answer::NoAnswer;
use crate::inventory::{CallError, ErrorKind};

/// A failed call before it is known whom to tell and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub kind: ErrorKind,
    /// AWS's error code, or one of the constants below when AWS answered none.
    pub code: String,
    /// One line. For an error of AWS: its own words, which name the principal and the resource of a denied call.
    pub message: String,
    /// The permission that is missing, where it is not the one of the call but one on the key that encrypts a secret.
    pub kms: Option<&'static str>,
    /// Whether it was the role of the profile that could not be assumed, before anything was asked.
    pub is_role: bool,
}

pub(super) const NO_CREDENTIALS: &str = "NoCredentials";
pub(super) const NO_CONNECTION: &str = "NoConnection";
pub(super) const TIMED_OUT: &str = "TimedOut";

/// An answer that lacks something or contradicts itself.
pub(super) fn malformed(operation: &'static str, subject: &str, what: impl Into<String>) -> CallError {
    let message = senseless(&what.into());
    CallError::new(ErrorKind::Malformed, operation, subject, message)
}

fn senseless(what: &str) -> String {
    format!("AWS's answer makes no sense: {what}")
}

impl Failure {
    pub(super) fn of<E>(operation: &str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(NoAnswer(what)) = causes(error).find_map(|cause| cause.downcast_ref()) {
            return Self::new(ErrorKind::Malformed, "", senseless(what));
        }
        match error {
            SdkError::ServiceError(answer) => match answer.err().code() {
                Some(code) if is_throttled_status(operation, answer.raw().status().as_u16()) => {
                    let said = Self::answered(operation, code, answer.err().message());
                    let kind = if said.kind == ErrorKind::Other { ErrorKind::Throttled } else { said.kind };
                    Self { kind, ..said }
                }
                Some(code) => Self::answered(operation, code, answer.err().message()),
                // Text that no parser understood might be anything, so it is not repeated.
                None if answer.raw().status().is_success() => Self::unreadable(),
                None if is_throttled_status(operation, answer.raw().status().as_u16()) => Self::throttled(),
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

    pub(super) fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), kms: None, is_role: false }
    }

    /// The failure of `operation` (an IAM action) on `subject` as the error that the rest of keyrota knows.
    pub(super) fn call_error(self, operation: &'static str, subject: &str) -> CallError {
        let Self { kind, code: _, message, kms, is_role: _ } = self;
        match kms {
            None => CallError::new(kind, operation, subject, message),
            Some(operation) => CallError::new(kind, operation, format!("the KMS key of {subject}"), message),
        }
    }

    /// AWS refused without a word of its own.
    pub(super) fn throttled() -> Self {
        Self::new(ErrorKind::Throttled, "", "too many requests")
    }

    fn unreadable() -> Self {
        Self::new(ErrorKind::Malformed, "", senseless("it could not be parsed"))
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
        let kind = match kind(operation, code) {
            _ if is_daily_quota(operation, code, text.unwrap_or_default()) => ErrorKind::QuotaUsedUp,
            kind => kind,
        };
        let kms = (kind == ErrorKind::Denied).then(|| kms_permission(operation, text.unwrap_or_default())).flatten();
        Self { kms, ..Self::new(kind, code, message) }
    }

    /// No answer: no credentials, or no connection.
    fn unsent(error: &(dyn Error + 'static)) -> Self {
        let causes = || causes(error);
        // With its status, which may be all that there is of it.
        let refused = causes().find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleError>>());
        if let Some(refused @ SdkError::ServiceError(_)) = refused {
            return Self { is_role: true, ..Self::of("sts:AssumeRole", refused) };
        }
        if let Some(refusal) = causes().find_map(|cause| cause.downcast_ref::<AssumeRoleError>())
            && let Some(code) = refusal.code()
        {
            return Self { is_role: true, ..Self::answered("sts:AssumeRole", code, refusal.message()) };
        }
        let root = causes().last().map(ToString::to_string).unwrap_or_default();
        // The chain of providers goes on to list each of them, on lines of its own.
        let root = root.lines().next().unwrap_or_default().trim_end_matches(" Attempted:").trim_end_matches('.');
        // A token of `aws login` that is not there is a file that can't be found, and no matter of the network.
        let is_network = |error: &io::Error| error.kind() != io::ErrorKind::NotFound;
        let connection = causes().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(is_network);
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
        // About the topic, or the key that encrypts it.
        "InvalidParameter" | "InvalidParameterValue" | "EndpointDisabled" | "PlatformApplicationDisabled"
            if operation == "sns:Publish" =>
        {
            ErrorKind::Refused
        }
        _ if operation == "sns:Publish" && code.starts_with("KMS") => ErrorKind::Refused,
        "NoSuchEntity" | "NoSuchEntityException" | "ResourceNotFoundException" | "NotFound" => ErrorKind::NotFound,
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

/// Whether SES refused a mail because as many were sent as it takes in 24 hours. Unlike its rate, that does not pass.
pub(super) fn is_daily_quota(operation: &str, code: &str, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    operation == "ses:SendEmail"
        && (code.starts_with("LimitExceeded")
            || (is_throttling(code) && text.contains("daily") && text.contains("quota")))
}

/// The permission on a KMS key that Secrets Manager was denied in the caller's name. It answers that with its own
/// `AccessDenied`, as if a permission of its own were missing.
fn kms_permission(operation: &str, text: &str) -> Option<&'static str> {
    let is_secret = operation.starts_with("secretsmanager:");
    if !is_secret || text.contains("perform: secretsmanager:") || !(text.contains("KMS") || text.contains("kms:")) {
        return None;
    }
    let all = ["kms:GenerateDataKey", "kms:Decrypt", "kms:Encrypt", "kms:DescribeKey", "kms:CreateGrant"];
    Some(all.into_iter().find(|permission| text.contains(permission)).unwrap_or(all[0]))
}

/// Whether a status says that a request came too fast, whatever else stands in the answer. S3 says so by 503 (`SlowDown`,
/// `ServiceUnavailable`: "reduce your request rate"), and has had no effect then.
fn is_throttled_status(operation: &str, status: u16) -> bool {
    status == 429 || (status == 503 && operation.starts_with("s3:"))
}

/// Whether AWS refused the request for coming too fast: it has had no effect then.
pub(super) fn is_throttling(code: &str) -> bool {
    // S3 says of the key that encrypts a bucket: `KMS.ThrottlingException`.
    let code = code.rsplit('.').next().unwrap_or(code);
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "Throttled"
            | "KMSThrottling"
            | "KMSThrottlingException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "TooManyRequestsException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "BandwidthLimitExceeded"
            | "EC2ThrottledException"
            | "ProvisionedThroughputExceededException"
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
            ("sns:Publish", "NotFound", ErrorKind::NotFound),
            ("sns:Publish", "InvalidParameter", ErrorKind::Refused),
            ("sns:Publish", "KMSAccessDenied", ErrorKind::Refused),
            ("sns:Publish", "KMSThrottling", ErrorKind::Throttled),
            ("sns:Publish", "AuthorizationError", ErrorKind::Denied),
            ("sns:Publish", "InternalError", ErrorKind::Other),
            ("iam:CreateAccessKey", "LimitExceeded", ErrorKind::Conflict),
            ("secretsmanager:UpdateSecretVersionStage", "InvalidParameterException", ErrorKind::Conflict),
            ("secretsmanager:CreateSecret", "InvalidParameterException", ErrorKind::Other),
            ("ses:SendEmail", "MessageRejected", ErrorKind::Refused),
            ("ses:SendEmail", "BadRequestException", ErrorKind::Refused),
            ("ses:SendEmail", "AccountSuspendedException", ErrorKind::Other),
            ("secretsmanager:TagResource", "BadRequestException", ErrorKind::Other),
            ("iam:ListAccessKeys", "ServiceFailure", ErrorKind::Other),
            ("s3:PutObject", "KMS.ThrottlingException", ErrorKind::Throttled),
            ("s3:GetObject", "SlowDown", ErrorKind::Throttled),
            ("organizations:ListAccounts", "TooManyRequestsException", ErrorKind::Throttled),
        ] {
            assert_eq!(kind(operation, code), expected, "{operation} {code}");
        }
    }

    #[test]
    fn a_denial_by_kms_is_not_one_by_secrets_manager() {
        let put = "secretsmanager:PutSecretValue";
        let of = |operation, text: &str| Failure::answered(operation, "AccessDeniedException", Some(text)).kms;
        assert_eq!(of(put, "Access to KMS is not allowed"), Some("kms:GenerateDataKey"));
        let named = "User: arn:aws:iam::1:role/k is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:…";
        assert_eq!(of(put, named), Some("kms:Decrypt"));
        let own = "User: arn:aws:iam::1:role/KMS is not authorized to perform: secretsmanager:PutSecretValue";
        assert_eq!(of(put, own), None);
        assert_eq!(of(put, "no"), None);
        assert_eq!(of("iam:CreateAccessKey", "Access to KMS is not allowed"), None);
    }

    #[test]
    fn a_days_mail_is_told_from_a_seconds() {
        let send = "ses:SendEmail";
        for (operation, code, text, expected) in [
            (send, "ThrottlingException", "Daily message quota exceeded.", ErrorKind::QuotaUsedUp),
            (send, "TooManyRequestsException", "Daily message quota exceeded.", ErrorKind::QuotaUsedUp),
            (send, "LimitExceededException", "Sending quota exceeded", ErrorKind::QuotaUsedUp),
            (send, "TooManyRequestsException", "Maximum sending rate exceeded.", ErrorKind::Throttled),
            ("iam:CreateAccessKey", "LimitExceeded", "Cannot exceed quota", ErrorKind::Conflict),
        ] {
            assert_eq!(Failure::answered(operation, code, Some(text)).kind, expected, "{code}: {text}");
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
