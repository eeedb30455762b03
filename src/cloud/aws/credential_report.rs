//! The credential report: the keys of all users of an account, for a handful of calls.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_iam::{
    error::SdkError,
    operation::get_credential_report::{GetCredentialReportError, GetCredentialReportOutput},
};
use backon::{ExponentialBuilder, Retryable};

use super::{
    client::{Aws, call},
    error::malformed,
};
use crate::inventory::{CallError, UnmanagedKey, from_credential_report};

/// `GetCredentialReport`. Where there is none of the last four hours, `GenerateCredentialReport` makes one, which takes IAM a
/// few seconds.
pub(super) async fn credential_report(aws: &Aws) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
    let (operation, subject) = ("iam:GetCredentialReport", aws.subject());
    let get = || aws.iam.get_credential_report().send();
    let mut answer = get().await;
    if is_not_there(&answer) {
        call(aws, "iam:GenerateCredentialReport", &subject, || aws.iam.generate_credential_report().send()).await?;
        let waits = ExponentialBuilder::default()
            .with_min_delay(aws.settings.first_wait)
            .with_max_delay(aws.settings.longest_wait)
            .with_total_delay(Some(aws.settings.consistency))
            .without_max_times();
        let ask = || async {
            let answer = get().await;
            if is_not_there(&answer) { Err(answer) } else { Ok(answer) }
        };
        answer = ask.retry(waits).await.unwrap_or_else(|answer| answer);
    }
    // What it came to; asked again if AWS refused it for coming too fast.
    let known = Mutex::new(Some(answer));
    let report = call(aws, operation, &subject, || {
        let known = known.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            match known {
                Some(answer) => answer,
                None => get().await,
            }
        }
    })
    .await?;
    let bytes = report.content.map(aws_sdk_iam::primitives::Blob::into_inner).unwrap_or_default();
    let text = String::from_utf8(bytes).map_err(|_| malformed(operation, &subject, "it is no text"))?;
    from_credential_report(&text).ok_or_else(|| malformed(operation, &subject, "it is no credential report"))
}

/// Whether IAM says that there is no report yet, none that is new enough, or that it is at it.
fn is_not_there(answer: &Result<GetCredentialReportOutput, SdkError<GetCredentialReportError>>) -> bool {
    let error = answer.as_ref().err().and_then(SdkError::as_service_error);
    error.is_some_and(|error| {
        error.is_credential_report_not_present_exception()
            || error.is_credential_report_expired_exception()
            || error.is_credential_report_not_ready_exception()
    })
}
