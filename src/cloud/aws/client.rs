//! One account of AWS, and what every call has in common.

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use super::{error::call_error, meter::Meter, settings::Settings};
use crate::inventory::{Account, CallError, KeyId};

/// One account of AWS, reached with credentials that were checked to be of it. Clones share their connections.
#[derive(Clone)]
pub struct Aws {
    pub(super) account: Account,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    pub(super) sts: aws_sdk_sts::Client,
    /// With the credentials and the region of the caller: mail leaves from one place, whichever account it is about.
    pub(super) mail: aws_sdk_sesv2::Client,
    pub(super) meter: Meter,
    /// The access key that keyrota itself calls with, or that it assumed its role with.
    pub(super) own_key: Option<KeyId>,
    pub(super) settings: Settings,
    /// For the services that only `doctor` asks.
    #[cfg(feature = "cli")]
    pub(super) configs: Configs,
}

/// How the services are called that a plan does not need.
#[cfg(feature = "cli")]
#[derive(Clone)]
pub(super) struct Configs {
    /// Who calls.
    pub arn: String,
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

    pub(super) fn subject(&self) -> String {
        format!("account {}", self.account)
    }
}

/// Makes one call: its outcome is traced, and its error is put in keyrota's words.
pub(super) async fn call<T, E>(
    operation: &'static str,
    subject: &str,
    request: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let answer = request.await.map_err(|error| call_error(operation, subject, &error));
    match &answer {
        Ok(_) => tracing::debug!(target: "keyrota::aws", operation, subject, outcome = "ok"),
        Err(error) => {
            tracing::debug!(target: "keyrota::aws", operation, subject, outcome = ?error.kind, error = error.message);
        }
    }
    answer
}
