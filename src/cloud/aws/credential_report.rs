//! The credential report: the keys of all users of an account, for a handful of calls.

use std::collections::BTreeMap;

use backon::{ExponentialBuilder, Retryable};

use super::{
    client::{Aws, call},
    error::malformed,
};
use crate::inventory::{CallError, UnmanagedKey, from_credential_report};

/// What IAM answers where there is no report yet, none that is new enough, or where it is at it.
const NOT_THERE: [&str; 3] = ["ReportNotPresent", "ReportExpired", "ReportInProgress"];

/// `GetCredentialReport`. Where there is none of the last four hours, `GenerateCredentialReport` makes one, which takes IAM a
/// few seconds.
pub(super) async fn credential_report(aws: &Aws) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
    let (operation, subject) = ("iam:GetCredentialReport", aws.subject());
    let get = || call(aws, operation, &subject, || aws.clients.iam().get_credential_report().send());
    let report = match get().await {
        Err(error) if is_not_there(&error) => {
            let generate = || aws.clients.iam().generate_credential_report().send();
            call(aws, "iam:GenerateCredentialReport", &subject, generate).await?;
            let waits = ExponentialBuilder::default()
                .with_min_delay(aws.settings.first_wait)
                .with_max_delay(aws.settings.longest_wait)
                .with_total_delay(Some(aws.settings.consistency))
                .without_max_times();
            get.retry(waits).when(is_not_there).await?
        }
        answer => answer?,
    };
    let bytes = report.content.map(aws_sdk_iam::primitives::Blob::into_inner).unwrap_or_default();
    let text = String::from_utf8(bytes).map_err(|_| malformed(operation, &subject, "it is no text"))?;
    from_credential_report(&text).ok_or_else(|| malformed(operation, &subject, "it is no credential report"))
}

fn is_not_there(error: &CallError) -> bool {
    NOT_THERE.iter().any(|code| error.message.contains(code))
}
