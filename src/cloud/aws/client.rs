//! One account of AWS, and what every call has in common.

use std::sync::Arc;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use super::{
    channel_clients::Channels, clients::Clients, error::Failure, github::GitHub, meter::Meter, origin::Origin,
    settings::Settings,
};
use crate::{
    cloud::{
        Wanted,
        throttle::{Throttle, Unanswered},
    },
    inventory::{Account, CallError, ErrorKind, KeyId},
};

/// One account of AWS, reached with credentials that were checked to be of it. Clones share their connections.
#[derive(Clone)]
pub struct Aws {
    pub(super) account: Account,
    /// Of the account's services, and of the caller's mail.
    pub(super) clients: Arc<Clients>,
    /// The same for all accounts.
    pub(super) github: Arc<GitHub>,
    /// What goes to channels, and events, from the place that mail leaves from.
    pub(super) channels: Channels,
    pub(super) meter: Meter,
    pub(super) throttles: Throttles,
    /// The access key that keyrota itself calls with, or that it assumed its role with.
    pub(super) own_key: Option<KeyId>,
    /// The ARN of who calls.
    pub(super) caller: String,
    pub(super) settings: Settings,
    /// As whom it is asked, and where.
    pub(super) origin: Origin,
    /// For the services that only `doctor` asks.
    #[cfg(feature = "cli")]
    pub(super) configs: Configs,
}

/// How the services are called that a plan does not need.
#[cfg(feature = "cli")]
#[derive(Clone)]
pub(super) struct Configs {
    /// With the credentials and the region of the account.
    pub account: aws_config::SdkConfig,
    /// With those of the caller: where mail and the function are.
    pub caller: aws_config::SdkConfig,
}

impl Aws {
    /// How many HTTP requests were made for this account so far, retries included, assuming its role excluded.
    pub fn calls(&self) -> u64 {
        self.meter.calls()
    }

    /// Whether a service has refused every call, for coming too fast, for as long as there is patience.
    pub fn is_refused(&self) -> bool {
        let Throttles { iam, secrets, parameters, sts, mail, topics, events } = &self.throttles;
        [iam, secrets, parameters, sts, mail, topics, events].into_iter().any(Throttle::is_given_up)
    }

    pub(super) fn subject(&self) -> String {
        format!("account {}", self.account)
    }

    /// A call that failed, or that AWS refused until patience was over.
    pub(super) fn failure<E>(&self, operation: &str, unanswered: &Unanswered<SdkError<E>>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match unanswered {
            Unanswered::Failed(error) | Unanswered::Refused(Some(error)) => Failure::of(operation, error),
            Unanswered::Refused(None) => {
                let message =
                    format!("AWS has taken no call to this service for {} s", self.settings.patience.as_secs());
                Failure::new(ErrorKind::Throttled, "", message)
            }
        }
    }

    /// A failed call in keyrota's words. What is not about the subject, but about the credentials or the way to AWS, is said
    /// with who asked and where, and with what to do: most sessions end in the middle of a run.
    fn explained(&self, failure: Failure, operation: &'static str, subject: &str, region: Option<&str>) -> CallError {
        let of_caller = ["ses:", "sns:", "events:"].iter().any(|service| operation.starts_with(service));
        let region = region.unwrap_or(match of_caller {
            true => &self.origin.region,
            false => &self.account.region,
        });
        let hint = self.origin.known_hint(&failure, region);
        let is_general = failure.kind == ErrorKind::Other;
        let mut error = CallError { hint, ..failure.call_error(operation, subject) };
        if is_general {
            error.message = format!("{} ({})", error.message, self.origin.place(operation, region));
        }
        error
    }
}

/// A queue a service, for each has rates of its own.
#[derive(Clone)]
pub(super) struct Throttles {
    iam: Throttle,
    secrets: Throttle,
    parameters: Throttle,
    pub sts: Throttle,
    /// Mail leaves from one place: every account has the same queue.
    mail: Throttle,
    topics: Throttle,
    events: Throttle,
}

impl Throttles {
    pub fn new(settings: &Settings, mail: Throttle, topics: Throttle) -> Self {
        let throttle = || Throttle::new(settings.patience);
        // Events of all accounts are put through one of them.
        Self {
            iam: throttle(),
            secrets: throttle(),
            parameters: throttle(),
            sts: throttle(),
            mail,
            topics,
            events: throttle(),
        }
    }

    fn of(&self, operation: &str) -> &Throttle {
        match operation.split_once(':') {
            Some(("secretsmanager", _)) => &self.secrets,
            Some(("ssm", _)) => &self.parameters,
            Some(("ses", _)) => &self.mail,
            Some(("sts", _)) => &self.sts,
            Some(("sns", _)) => &self.topics,
            Some(("events", _)) => &self.events,
            _ => &self.iam,
        }
    }
}

/// Makes one call, again when AWS refuses it for coming too fast: its outcome is traced, and its error is put in keyrota's
/// words.
pub(super) async fn call<T, E, F>(
    aws: &Aws,
    operation: &'static str,
    subject: &str,
    request: impl Fn() -> F,
) -> Result<T, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    call_in(aws, None, operation, subject, request).await
}

/// The same in another region than the account's.
pub(super) async fn call_in<T, E, F>(
    aws: &Aws,
    region: Option<&str>,
    operation: &'static str,
    subject: &str,
    request: impl Fn() -> F,
) -> Result<T, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let is_refusal = |error: &SdkError<E>| Failure::of(operation, error).kind == ErrorKind::Throttled;
    // Not by `patiently`: each future within another takes its place on the stack.
    let answer = aws.throttles.of(operation).call_while(request, is_refusal, &|| true).await;
    let answer = answer.map(|answer| answer.expect("it is always wanted"));
    explained(aws, region, operation, subject, answer)
}

/// The same, as long as the call is wanted when its turn comes; `None`: AWS has taken none of it.
pub(super) async fn call_while<T, E, F>(
    aws: &Aws,
    operation: &'static str,
    subject: &str,
    request: impl Fn() -> F,
    is_wanted: Wanted<'_>,
) -> Result<Option<T>, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let is_refusal = |error: &SdkError<E>| Failure::of(operation, error).kind == ErrorKind::Throttled;
    let answer = aws.throttles.of(operation).call_while(request, is_refusal, is_wanted).await;
    explained(aws, None, operation, subject, answer)
}

/// Traces the outcome of a call, and puts its error in keyrota's words.
fn explained<T, E>(
    aws: &Aws,
    region: Option<&str>,
    operation: &'static str,
    subject: &str,
    answer: Result<T, Unanswered<SdkError<E>>>,
) -> Result<T, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let answer =
        answer.map_err(|unanswered| aws.explained(aws.failure(operation, &unanswered), operation, subject, region));
    match &answer {
        Ok(_) => tracing::debug!(target: "keyrota::aws", operation, subject, outcome = "ok"),
        Err(error) => {
            tracing::debug!(target: "keyrota::aws", operation, subject, outcome = ?error.kind, error = error.message);
        }
    }
    answer
}

/// Makes one call in its turn.
pub(super) async fn patiently<T, E, F>(
    throttle: &Throttle,
    operation: &'static str,
    request: impl Fn() -> F,
) -> Result<T, Unanswered<SdkError<E>>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    throttle.call(request, |error| Failure::of(operation, error).kind == ErrorKind::Throttled).await
}
