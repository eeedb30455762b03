//! The writes, the check of a new key, and mail.

use std::{collections::BTreeMap, io};

use aws_sdk_iam::{
    config::{
        IdentityCache, Region,
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction},
    },
    error::ProvideErrorMetadata,
    operation::create_access_key::CreateAccessKeyError,
    types::{AccessKey, StatusType},
};
use aws_sdk_secretsmanager::{
    operation::RequestId,
    types::{ReplicaRegionType, Tag},
};
use aws_sdk_sesv2::{
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message as MailMessage, MessageTag},
};
use backon::{ExponentialBuilder, Retryable};
use chrono::DateTime;
use secrecy::{ExposeSecret, SecretString};

use super::{
    client::{Aws, call, call_while, patiently},
    connect::fixed,
    error::{Failure, causes, is_daily_quota, is_throttling, is_unknown_key, malformed},
    read,
};
use crate::{
    cloud::throttle::Unanswered,
    cloud::{Issued, Message, NewSecret, Wanted},
    inventory::{CallError, ErrorKind, KeyId, PENDING},
    notice::Sender,
};

pub(super) async fn create_secret(aws: &Aws, secret: &NewSecret) -> Result<(), CallError> {
    let NewSecret { name, description, tags, kms_key, replicate_to } = secret;
    let replicas = replicas(replicate_to, kms_key.as_deref());
    let request = aws
        .clients
        .secrets()
        .create_secret()
        .name(name)
        .description(description)
        .set_tags(Some(tag_list(tags)))
        .set_kms_key_id(kms_key.clone())
        .set_add_replica_regions(Some(replicas).filter(|replicas| !replicas.is_empty()));
    let operation = "secretsmanager:CreateSecret";
    let created = call(aws, operation, name, || request.clone().send()).await?;
    is_about(operation, name, created.name.as_deref(), created.arn.as_deref())
}

pub(super) async fn tag_secret(aws: &Aws, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
    let operation = "secretsmanager:TagResource";
    let request = aws.clients.secrets().tag_resource().secret_id(name).set_tags(Some(tag_list(tags)));
    let answer = call(aws, operation, name, || request.clone().send()).await?;
    let is_done = |found: &BTreeMap<String, String>| tags.iter().all(|(key, value)| found.get(key) == Some(value));
    confirmed(aws, operation, name, answer.request_id(), is_done).await
}

pub(super) async fn untag_secret(aws: &Aws, name: &str, tags: &[&str]) -> Result<(), CallError> {
    let operation = "secretsmanager:UntagResource";
    let keys = tags.iter().map(|&tag| tag.to_owned()).collect();
    let request = aws.clients.secrets().untag_resource().secret_id(name).set_tag_keys(Some(keys));
    let answer = call(aws, operation, name, || request.clone().send()).await?;
    let is_done = |found: &BTreeMap<String, String>| !tags.iter().any(|tag| found.contains_key(*tag));
    confirmed(aws, operation, name, answer.request_id(), is_done).await
}

/// Secrets Manager has nothing to say of a tag but the name of the request that it answers. An answer without even that
/// may be anyone's: the tags themselves must tell.
async fn confirmed(
    aws: &Aws,
    operation: &'static str,
    name: &str,
    request: Option<&str>,
    is_done: impl Fn(&BTreeMap<String, String>) -> bool,
) -> Result<(), CallError> {
    if request.is_some_and(|id| !id.is_empty()) {
        return Ok(());
    }
    match read::secret(aws, name).await {
        Ok(Some(secret)) if is_done(&secret.tags) => Ok(()),
        Ok(_) => Err(malformed(operation, name, "it is empty, and the tags are as before")),
        Err(error) => Err(malformed(operation, name, format!("it is empty, and the tags can't be read: {error}"))),
    }
}

/// Whether an answer is about the secret that was asked for, by its name and its ARN: `arn:…:secret:NAME-AbCdEf`.
fn is_about(operation: &'static str, name: &str, answered: Option<&str>, arn: Option<&str>) -> Result<(), CallError> {
    let Some(answered) = answered else { return Err(malformed(operation, name, "it names no secret")) };
    let in_arn = arn.and_then(|arn| arn.splitn(7, ':').nth(6)).unwrap_or_default();
    match in_arn.strip_prefix(name) {
        Some(rest) if answered == name && rest.starts_with('-') => Ok(()),
        _ if answered == name => Err(malformed(operation, name, "its ARN is that of another secret")),
        _ => Err(malformed(operation, name, format!("it is about the secret {answered}"))),
    }
}

pub(super) async fn replicate_secret(
    aws: &Aws,
    name: &str,
    regions: &[String],
    kms_key: Option<&str>,
) -> Result<(), CallError> {
    let replicas = replicas(regions, kms_key);
    let request =
        aws.clients.secrets().replicate_secret_to_regions().secret_id(name).set_add_replica_regions(Some(replicas));
    let operation = "secretsmanager:ReplicateSecretToRegions";
    let replicated =
        call(aws, operation, name, || request.clone().send()).await?.replication_status.unwrap_or_default();
    for region in regions {
        let Some(replica) = replicated.iter().find(|replica| replica.region.as_ref() == Some(region)) else {
            return Err(malformed(operation, name, format!("it says nothing of {region}")));
        };
        if let Some(why) = read::failure(replica) {
            let message = format!("the replication to {region} has failed: {why}");
            return Err(CallError { kind: ErrorKind::Other, operation, subject: name.to_owned(), message, hint: None });
        }
    }
    Ok(())
}

pub(super) async fn update_secret(aws: &Aws, name: &str, kms_key: &str) -> Result<(), CallError> {
    let operation = "secretsmanager:UpdateSecret";
    let request = aws.clients.secrets().update_secret().secret_id(name).kms_key_id(kms_key);
    let updated = call(aws, operation, name, || request.clone().send()).await?;
    is_about(operation, name, updated.name.as_deref(), updated.arn.as_deref())
}

/// May be repeated: AWS takes the same version with the same value once, and refuses another value.
pub(super) async fn put_secret_value(
    aws: &Aws,
    name: &str,
    version: &str,
    value: &SecretString,
) -> Result<Vec<String>, CallError> {
    let request = aws
        .clients
        .secrets()
        .put_secret_value()
        .secret_id(name)
        .client_request_token(version)
        .secret_string(value.expose_secret())
        .version_stages(PENDING);
    let operation = "secretsmanager:PutSecretValue";
    let stored = call(aws, operation, name, || request.clone().send()).await?;
    is_about(operation, name, stored.name.as_deref(), stored.arn.as_deref())?;
    let labels = stored.version_stages.unwrap_or_default();
    match stored.version_id {
        Some(stored) if stored != version => Err(malformed(operation, name, format!("it is about version {stored}"))),
        Some(_) if labels.iter().any(|label| label == PENDING) => Ok(labels),
        _ => Err(malformed(operation, name, format!("the version has no label {PENDING}"))),
    }
}

pub(super) async fn move_label(
    aws: &Aws,
    name: &str,
    label: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), CallError> {
    let request = aws
        .clients
        .secrets()
        .update_secret_version_stage()
        .secret_id(name)
        .version_stage(label)
        .set_remove_from_version_id(from.map(str::to_owned))
        .set_move_to_version_id(to.map(str::to_owned));
    let operation = "secretsmanager:UpdateSecretVersionStage";
    let moved = call(aws, operation, name, || request.clone().send()).await?;
    is_about(operation, name, moved.name.as_deref(), moved.arn.as_deref())
}

pub(super) async fn create_access_key(
    aws: &Aws,
    user: &str,
    is_wanted: Wanted<'_>,
) -> Result<Option<Issued>, CallError> {
    let operation = "iam:CreateAccessKey";
    let once = aws_sdk_iam::config::Builder::new().retry_classifier(RetryWithoutEffect);
    let request = aws.clients.iam().create_access_key().user_name(user);
    let attempt = || request.clone().customize().config_override(once.clone()).send();
    let Some(answer) = call_while(aws, operation, user, attempt, is_wanted).await? else { return Ok(None) };
    let Some(AccessKey { user_name, access_key_id, secret_access_key, create_date, .. }) = answer.access_key else {
        return Err(malformed(operation, user, "it has no key"));
    };
    let secret = SecretString::from(secret_access_key);
    if !user_name.eq_ignore_ascii_case(user) {
        return Err(malformed(operation, user, format!("it has a key of {user_name}")));
    }
    if access_key_id.is_empty() || secret.expose_secret().is_empty() {
        return Err(malformed(operation, user, "it has no key"));
    }
    let created = create_date.and_then(|date| DateTime::from_timestamp(date.secs(), date.subsec_nanos()));
    let Some(created) = created else {
        return Err(malformed(operation, user, format!("it has key {access_key_id} without a date")));
    };
    Ok(Some(Issued { key: KeyId::new(access_key_id), created, secret }))
}

/// Lets `CreateAccessKey` be tried again only where the first try can't have made a key: when AWS answered that it was
/// throttled, or the connection was refused. After a time-out, a broken connection or an HTTP 500 there may be a key
/// whose secret nobody received; a second try would leave the user with it, or fail because it fills the last slot.
/// Recovery by the `keyrota:intent` tag is the answer to that, not repetition.
#[derive(Debug)]
struct RetryWithoutEffect;

impl ClassifyRetry for RetryWithoutEffect {
    fn name(&self) -> &'static str {
        "RetryWithoutEffect"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let code = error
            .as_operation_error()
            .and_then(|error| error.downcast_ref::<CreateAccessKeyError>())
            .and_then(ProvideErrorMetadata::code);
        let refused = error.as_connector_error().is_some_and(|error| {
            causes(error)
                .filter_map(|error| error.downcast_ref::<io::Error>())
                .any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        });
        // Without objection the SDK's own classifiers decide.
        match refused || code.is_some_and(is_throttling) {
            true => RetryAction::NoActionIndicated,
            false => RetryAction::RetryForbidden,
        }
    }
}

pub(super) async fn verify(aws: &Aws, issued: &Issued) -> Result<(), CallError> {
    let (operation, subject) = ("sts:GetCallerIdentity", issued.key.as_str());
    let ask = || async {
        // The SDK's cache of credentials would keep the secret for as long as the process lives.
        let credentials = aws_sdk_sts::config::Builder::new()
            .credentials_provider(fixed(subject, issued.secret.expose_secret()))
            .identity_cache(IdentityCache::no_cache());
        let attempt =
            || aws.clients.sts().get_caller_identity().customize().config_override(credentials.clone()).send();
        let answer = patiently(&aws.throttles.sts, operation, attempt).await;
        let outcome = if answer.is_ok() { "ok" } else { "failed" };
        tracing::debug!(target: "keyrota::aws", operation, subject, outcome);
        answer
    };
    let waits = ExponentialBuilder::default()
        .with_min_delay(aws.settings.first_wait)
        .with_max_delay(aws.settings.longest_wait)
        .with_total_delay(Some(aws.settings.propagation))
        .without_max_times();
    let answer = ask
        .retry(waits)
        .when(|unanswered| {
            let Unanswered::Failed(error) = unanswered else { return false };
            is_unknown_key(&Failure::of(operation, error).code)
        })
        .await
        .map_err(|unanswered| aws.failure(operation, &unanswered).call_error(operation, subject))?;
    match answer.account {
        Some(account) if account == aws.account.id => Ok(()),
        Some(account) => Err(malformed(operation, subject, format!("the key is of account {account}"))),
        None => Err(malformed(operation, subject, "it has no account")),
    }
}

pub(super) async fn deactivate_access_key(aws: &Aws, user: &str, key: &KeyId) -> Result<(), CallError> {
    let request =
        aws.clients.iam().update_access_key().user_name(user).access_key_id(key.as_str()).status(StatusType::Inactive);
    call(aws, "iam:UpdateAccessKey", &format!("{user}/{key}"), || request.clone().send()).await.map(drop)
}

pub(super) async fn delete_access_key(aws: &Aws, user: &str, key: &KeyId) -> Result<(), CallError> {
    let request = aws.clients.iam().delete_access_key().user_name(user).access_key_id(key.as_str());
    call(aws, "iam:DeleteAccessKey", &format!("{user}/{key}"), || request.clone().send()).await.map(drop)
}

pub(super) async fn send_mail(aws: &Aws, message: &Message) -> Result<(), CallError> {
    let operation = "ses:SendEmail";
    let Message { sender, tags, to, subject, text, html } = message;
    let Sender { from, from_arn, reply_to, configuration_set, region } = sender;
    let content = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let parts = (|| {
        let tag = |(name, value): (&String, &String)| MessageTag::builder().name(name).value(value).build();
        let tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
        let body = Body::builder().text(content(text)?).html(content(html)?).build();
        Ok((MailMessage::builder().subject(content(subject)?).body(body).build(), tags))
    })();
    let (mail, tags) = parts.map_err(|error: aws_sdk_sesv2::error::BuildError| CallError {
        kind: ErrorKind::Other,
        operation,
        subject: to.clone(),
        message: error.to_string(),
        hint: None,
    })?;
    let mut from_where = aws_sdk_sesv2::config::Builder::new().retry_classifier(RetryBelowQuota);
    from_where.set_region(region.clone().map(Region::new).or_else(|| aws.clients.mail().config().region().cloned()));
    let request = aws
        .clients
        .mail()
        .send_email()
        .from_email_address(from)
        .set_from_email_address_identity_arn(from_arn.clone())
        .set_configuration_set_name(configuration_set.clone())
        .set_email_tags(Some(tags).filter(|tags| !tags.is_empty()))
        .set_reply_to_addresses(reply_to.clone().map(|address| vec![address]))
        .destination(Destination::builder().to_addresses(to).build())
        .content(EmailContent::builder().simple(mail).build());
    let attempt = || request.clone().customize().config_override(from_where.clone()).send();
    match call(aws, operation, to, attempt).await?.message_id {
        Some(id) if !id.is_empty() => Ok(()),
        _ => Err(malformed(operation, to, "it has no message id")),
    }
}

/// Does not repeat what SES refuses for the day.
#[derive(Debug)]
struct RetryBelowQuota;

impl ClassifyRetry for RetryBelowQuota {
    fn name(&self) -> &'static str {
        "RetryBelowQuota"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let is_over =
            error.as_operation_error().and_then(|error| error.downcast_ref::<SendEmailError>()).is_some_and(|error| {
                is_daily_quota("ses:SendEmail", error.code().unwrap_or_default(), error.message().unwrap_or_default())
            });
        // Without objection the SDK's own classifiers decide.
        if is_over { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }
}

fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn replicas(regions: &[String], kms_key: Option<&str>) -> Vec<ReplicaRegionType> {
    let replica = |region: &String| {
        ReplicaRegionType::builder().region(region).set_kms_key_id(kms_key.map(str::to_owned)).build()
    };
    regions.iter().map(replica).collect()
}
