//! What the SDK does not try again by itself: what AWS refuses for coming too fast stands in a queue of keyrota's own.

use aws_sdk_iam::config::{
    interceptors::InterceptorContext,
    retry::{ClassifyRetry, RetryAction},
};
use aws_smithy_runtime_api::client::retries::{
    ErrorKind as RetryKind,
    classifiers::{RetryClassifierPriority, RetryReason},
};

/// Leaves what AWS refuses for coming too fast to [`Throttle`](crate::cloud::throttle::Throttle): the SDK gives up after a few attempts, and all calls of a
/// client together have a quota of them.
#[derive(Debug)]
pub(super) struct NotThrottled;

impl ClassifyRetry for NotThrottled {
    fn name(&self) -> &'static str {
        "NotThrottled"
    }

    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        match previous {
            RetryAction::RetryIndicated(RetryReason::RetryableError { kind: RetryKind::ThrottlingError, .. }) => {
                RetryAction::RetryForbidden
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Leaves what S3 refuses for coming too fast to [`Throttle`](crate::cloud::throttle::Throttle). It says so by a status that other services have for faults of theirs, and
/// that the SDK takes for one.
#[derive(Debug)]
pub(super) struct NotSlowedDown;

impl ClassifyRetry for NotSlowedDown {
    fn name(&self) -> &'static str {
        "NotSlowedDown"
    }

    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, _: &RetryAction) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(429 | 503) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
