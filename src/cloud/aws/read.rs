//! The reads. Whatever is missing from an answer is an error, never a default.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_iam::{
    primitives::DateTime as SdkTime,
    types::{AccessKeyMetadata, EntityType, Group, StatusType as KeyStatus, Tag, UserDetail},
};
use aws_sdk_secretsmanager::{
    operation::describe_secret::DescribeSecretOutput,
    types::{ReplicationStatusType, StatusType},
};
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};

use super::{
    client::{Aws, call},
    error::malformed,
    policies::AccountPolicies,
};
use crate::{
    cloud::{Relevant, Shown},
    inventory::{
        CallError, ErrorKind, Key, KeyId, LastUse, PolicyText, Replica, SecretRecord, SmtpUse, Status, User, Version,
        smtp_sign,
    },
};

/// How many users' details are read at a time when they can't be had in bulk.
const CONCURRENT_USERS: usize = 64;

/// The largest page that IAM gives.
const IAM_PAGE: i32 = 1000;

pub(super) async fn users(aws: &Aws, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
    match users_in_bulk(aws).await {
        Err(denied) if denied.kind == ErrorKind::Denied => users_one_by_one(aws, relevant).await,
        answer => answer,
    }
}

/// `GetAccountAuthorizationDetails`: tags, groups and policies of a thousand users in a call.
async fn users_in_bulk(aws: &Aws) -> Result<Vec<User>, CallError> {
    let (operation, subject) = ("iam:GetAccountAuthorizationDetails", aws.subject());
    let of = Some(vec![EntityType::User, EntityType::Group, EntityType::LocalManagedPolicy]);
    let request = aws.clients.iam().get_account_authorization_details().set_filter(of).max_items(IAM_PAGE);
    let found = pages(operation, &subject, |marker| async {
        let request = request.clone().set_marker(marker);
        let page = call(aws, operation, &subject, || request.clone().send()).await?;
        let next = next_marker(operation, &subject, page.is_truncated, page.marker.clone())?;
        Ok((vec![page], next))
    })
    .await?;
    let (mut users, mut policies) = (Vec::new(), AccountPolicies::default());
    for page in found {
        users.extend(page.user_detail_list.unwrap_or_default());
        policies.add(page.group_detail_list.unwrap_or_default(), page.policies.unwrap_or_default());
    }
    let user = |detail: UserDetail| {
        let policies = policies.of(&detail);
        let UserDetail { path, user_name, arn, group_list, tags, .. } = detail;
        let user = identified(operation, &subject, user_name, arn, path)?;
        let groups = group_list.unwrap_or_default();
        let policies = policies.iter().map(|(name, document)| PolicyText { name, document: document.as_deref() });
        let smtp = smtp_sign(&user.name, &groups, policies).into();
        Ok(User { tags: tag_map(tags.unwrap_or_default()), groups, smtp, ..user })
    };
    users.into_iter().map(user).collect()
}

/// `ListUsers`, then `ListUserTags` and `ListGroupsForUser` for each user that may matter.
async fn users_one_by_one(aws: &Aws, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
    let (operation, subject) = ("iam:ListUsers", aws.subject());
    let found = pages(operation, &subject, |marker| async {
        let request = aws.clients.iam().list_users().max_items(IAM_PAGE).set_marker(marker);
        let page = call(aws, operation, &subject, || request.clone().send()).await?;
        let next = next_marker(operation, &subject, page.is_truncated, page.marker)?;
        Ok((page.users, next))
    })
    .await?;
    let details = found.into_iter().map(|user| async move {
        let user = identified(operation, &aws.subject(), Some(user.user_name), Some(user.arn), Some(user.path))?;
        if !relevant(&user.name, &user.path) {
            return Ok(user);
        }
        Ok(match futures::try_join!(user_tags(aws, &user.name), user_groups(aws, &user.name)) {
            Ok((tags, groups)) => {
                let smtp = smtp_sign(&user.name, &groups, []).map_or(SmtpUse::PoliciesUnread, SmtpUse::Sign);
                User { tags, smtp, groups, ..user }
            }
            Err(error) => User { unreadable: Some(error), ..user },
        })
    });
    let details: Vec<Result<User, CallError>> = stream::iter(details).buffered(CONCURRENT_USERS).collect().await;
    details.into_iter().collect()
}

async fn user_tags(aws: &Aws, user: &str) -> Result<BTreeMap<String, String>, CallError> {
    let operation = "iam:ListUserTags";
    let tags = pages(operation, user, |marker| async {
        let request = aws.clients.iam().list_user_tags().user_name(user).set_marker(marker);
        let page = call(aws, operation, user, || request.clone().send()).await?;
        Ok((page.tags, next_marker(operation, user, page.is_truncated, page.marker)?))
    })
    .await?;
    Ok(tag_map(tags))
}

async fn user_groups(aws: &Aws, user: &str) -> Result<Vec<String>, CallError> {
    let operation = "iam:ListGroupsForUser";
    let groups = pages(operation, user, |marker| async {
        let request = aws.clients.iam().list_groups_for_user().user_name(user).max_items(IAM_PAGE).set_marker(marker);
        let page = call(aws, operation, user, || request.clone().send()).await?;
        Ok((page.groups, next_marker(operation, user, page.is_truncated, page.marker)?))
    })
    .await?;
    groups.into_iter().map(|Group { group_name, .. }| present(operation, user, "group name", group_name)).collect()
}

pub(super) async fn access_keys(aws: &Aws, user: &str) -> Result<Vec<Key>, CallError> {
    let operation = "iam:ListAccessKeys";
    let keys = pages(operation, user, |marker| async {
        let request = aws.clients.iam().list_access_keys().user_name(user).set_marker(marker);
        let page = call(aws, operation, user, || request.clone().send()).await?;
        Ok((page.access_key_metadata, next_marker(operation, user, page.is_truncated, page.marker)?))
    })
    .await?;
    keys.into_iter().map(|key| access_key(operation, user, key)).collect()
}

pub(super) async fn access_keys_after(aws: &Aws, user: &str, shown: Shown<'_>) -> Result<Vec<Key>, CallError> {
    let waits = ExponentialBuilder::default()
        .with_min_delay(aws.settings.first_wait)
        .with_max_delay(aws.settings.longest_wait)
        .with_total_delay(Some(aws.settings.consistency))
        .without_max_times();
    // Keys that are not as expected come as an error, so that they are asked for again.
    let ask = || async {
        match access_keys(aws, user).await {
            Ok(keys) if !shown(&keys) => Err(Ok(keys)),
            Ok(keys) => Ok(keys),
            Err(error) => Err(Err(error)),
        }
    };
    ask.retry(waits).when(|seen: &Result<Vec<Key>, CallError>| seen.is_ok()).await.or_else(|seen| seen)
}

fn access_key(operation: &'static str, user: &str, key: AccessKeyMetadata) -> Result<Key, CallError> {
    let AccessKeyMetadata { user_name, access_key_id, status, create_date, .. } = key;
    let owner = present(operation, user, "user name", user_name)?;
    if !owner.eq_ignore_ascii_case(user) {
        return Err(malformed(operation, user, format!("it has a key of {owner}")));
    }
    let status = match status {
        Some(KeyStatus::Active) => Status::Active,
        Some(KeyStatus::Inactive) => Status::Inactive,
        Some(other) => return Err(malformed(operation, user, format!("it has a key of status {other}"))),
        None => return Err(malformed(operation, user, "it has a key without a status")),
    };
    Ok(Key {
        id: KeyId::new(present(operation, user, "access key id", access_key_id)?),
        status,
        created: time(operation, user, create_date)?,
        last_use: LastUse::Unread,
    })
}

pub(super) async fn last_use(aws: &Aws, key: &KeyId) -> Result<LastUse, CallError> {
    let (operation, subject) = ("iam:GetAccessKeyLastUsed", key.as_str());
    let request = aws.clients.iam().get_access_key_last_used().access_key_id(subject);
    let answer = call(aws, operation, subject, || request.clone().send()).await?;
    let Some(used) = answer.access_key_last_used else {
        return Err(malformed(operation, subject, "it has no last use"));
    };
    // Of a key that was never used AWS gives no date, and N/A for the rest.
    let known = |text: String| Some(text).filter(|text| !text.is_empty() && text != "N/A");
    let (service, region) = (known(used.service_name), known(used.region));
    match used.last_used_date {
        Some(date) => Ok(LastUse::At { time: time(operation, subject, Some(date))?, service, region }),
        None if service.is_none() && region.is_none() => Ok(LastUse::Never),
        None => Err(malformed(operation, subject, "it has a last use without a date")),
    }
}

pub(super) async fn secret(aws: &Aws, name: &str) -> Result<Option<SecretRecord>, CallError> {
    let operation = "secretsmanager:DescribeSecret";
    let request = aws.clients.secrets().describe_secret().secret_id(name);
    let answer = match call(aws, operation, name, || request.clone().send()).await {
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        answer => answer?,
    };
    let DescribeSecretOutput {
        arn,
        name: found,
        tags,
        version_ids_to_stages,
        deleted_date,
        kms_key_id,
        replication_status,
        primary_region,
        ..
    } = answer;
    let found = present(operation, name, "secret name", found)?;
    // AWS takes names and (partial) ARNs here; what it answers must be what was meant.
    if found != name {
        return Err(malformed(operation, name, format!("it is about the secret {found}")));
    }
    let replicas = replication_status.unwrap_or_default();
    let replica = |replica: &ReplicationStatusType| {
        let failed = failure(replica);
        let region = present(operation, name, "region of a replica", replica.region.clone())?;
        Ok(Replica { region, failed })
    };
    Ok(Some(SecretRecord {
        name: found,
        arn: present(operation, name, "ARN", arn)?,
        tags: secret_tags(operation, name, tags)?,
        versions: versions(version_ids_to_stages),
        deleted: deleted_date.map(|date| time(operation, name, Some(date))).transpose()?,
        kms_key: kms_key_id.filter(|key| !key.is_empty()),
        replicas: Some(replicas.iter().map(replica).collect::<Result<_, _>>()?),
        primary_region: primary_region.filter(|region| !region.is_empty()),
    }))
}

/// Why a replication has failed; `None`: it has not.
pub(super) fn failure(replica: &ReplicationStatusType) -> Option<String> {
    let has_failed = replica.status.as_ref().is_some_and(|status| *status == StatusType::Failed);
    has_failed.then(|| {
        let message = replica.status_message.clone().filter(|message| !message.is_empty());
        message.unwrap_or_else(|| "AWS does not say why".to_owned())
    })
}

/// A secret without a policy is answered without one, so what must be there is the secret's name.
pub(super) async fn resource_policy(aws: &Aws, name: &str) -> Result<Option<String>, CallError> {
    let operation = "secretsmanager:GetResourcePolicy";
    let request = aws.clients.secrets().get_resource_policy().secret_id(name);
    let answer = call(aws, operation, name, || request.clone().send()).await?;
    let found = present(operation, name, "secret name", answer.name)?;
    if found != name {
        return Err(malformed(operation, name, format!("it is about the secret {found}")));
    }
    Ok(answer.resource_policy.filter(|policy| !policy.is_empty()))
}

/// Follows the pages of a list. `page` answers a page and where the next one begins.
pub(super) async fn pages<T, F>(
    operation: &'static str,
    subject: &str,
    page: impl Fn(Option<String>) -> F,
) -> Result<Vec<T>, CallError>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), CallError>>,
{
    pages_or(page, |what| malformed(operation, subject, what)).await
}

/// The same, where a list that makes no sense is an error of another kind.
pub(super) async fn pages_or<T, E, F>(
    page: impl Fn(Option<String>) -> F,
    malformed: impl FnOnce(&'static str) -> E,
) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), E>>,
{
    let (mut all, mut marker, mut seen) = (Vec::new(), None, BTreeSet::new());
    loop {
        let (items, next) = page(marker).await?;
        all.extend(items);
        let Some(next) = next else { return Ok(all) };
        if !seen.insert(next.clone()) {
            return Err(malformed("its pages go round in a circle"));
        }
        marker = Some(next);
    }
}

/// Where IAM's next page begins.
fn next_marker(
    operation: &'static str,
    subject: &str,
    truncated: bool,
    marker: Option<String>,
) -> Result<Option<String>, CallError> {
    match marker {
        _ if !truncated => Ok(None),
        Some(marker) if !marker.is_empty() => Ok(Some(marker)),
        _ => Err(malformed(operation, subject, "it is truncated, but does not say where it goes on")),
    }
}

fn identified(
    operation: &'static str,
    subject: &str,
    name: Option<String>,
    arn: Option<String>,
    path: Option<String>,
) -> Result<User, CallError> {
    let name = present(operation, subject, "user name", name)?;
    Ok(User {
        arn: present(operation, &name, "ARN", arn)?,
        path: present(operation, &name, "path", path)?,
        name,
        tags: BTreeMap::new(),
        groups: Vec::new(),
        smtp: SmtpUse::NoSign,
        unreadable: None,
    })
}

pub(super) fn present(
    operation: &'static str,
    subject: &str,
    what: &str,
    value: impl Into<Option<String>>,
) -> Result<String, CallError> {
    value
        .into()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| malformed(operation, subject, format!("it has no {what}")))
}

pub(super) fn time(operation: &'static str, subject: &str, date: Option<SdkTime>) -> Result<DateTime<Utc>, CallError> {
    date.and_then(|date| DateTime::from_timestamp(date.secs(), date.subsec_nanos()))
        .ok_or_else(|| malformed(operation, subject, "it has no date"))
}

fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|Tag { key, value, .. }| (key, value)).collect()
}

pub(super) fn secret_tags(
    operation: &'static str,
    subject: &str,
    tags: Option<Vec<aws_sdk_secretsmanager::types::Tag>>,
) -> Result<BTreeMap<String, String>, CallError> {
    tags.unwrap_or_default()
        .into_iter()
        .map(|tag| Ok((present(operation, subject, "tag key", tag.key)?, tag.value.unwrap_or_default())))
        .collect()
}

/// Sorted by id; AWS gives a map.
pub(super) fn versions(labels: Option<HashMap<String, Vec<String>>>) -> Vec<Version> {
    let sorted: BTreeMap<_, _> = labels.unwrap_or_default().into_iter().collect();
    sorted
        .into_iter()
        .filter(|(_, labels)| !labels.is_empty())
        .map(|(id, mut labels)| {
            labels.sort_unstable();
            Version { id, labels }
        })
        .collect()
}
