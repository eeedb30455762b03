//! `ListSecrets`. Most accounts hold secrets that are no business of keyrota's; AWS can leave them out.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType as FilterKey, SecretListEntry};

use super::{
    client::{Aws, call},
    read::{pages, present, secret_tags, time, versions},
};
use crate::inventory::{CallError, SecretRecord};

const OPERATION: &str = "secretsmanager:ListSecrets";

/// The largest page that Secrets Manager gives.
const PAGE: i32 = 100;

/// No name of a secret may hold a colon, so every secret's begins otherwise.
const NO_NAME: &str = ":";

/// Lists all secrets; or, where their names begin with `prefix`, those, and all that keyrota keeps for a user under another name.
pub(super) async fn secrets(aws: &Aws, prefix: &str) -> Result<Vec<SecretRecord>, CallError> {
    let (first, next) = page(aws, &[], PAGE, None).await?;
    let first = records(aws, first)?;
    let Some(next) = next else { return Ok(first) };
    if !prefix.is_empty()
        && let Some(found) = filtered(aws, prefix, &first).await
    {
        return Ok(found);
    }
    let subject = aws.subject();
    let rest = pages(OPERATION, &subject, |token| {
        let token = token.unwrap_or_else(|| next.clone());
        page(aws, &[], PAGE, Some(token))
    });
    Ok(first.into_iter().chain(records(aws, rest.await?)?).collect())
}

/// What the filters leave; `None` if the answers do not show that each filter does as AWS documents it. A ledger that is not
/// listed would be taken for one that is not there.
async fn filtered(aws: &Aws, prefix: &str, first: &[SecretRecord]) -> Option<Vec<SecretRecord>> {
    let named = [filter(FilterKey::Name, prefix)];
    let others = [filter(FilterKey::TagKey, SecretRecord::MARK), filter(FilterKey::Name, &format!("!{prefix}"))];
    let any = [filter(FilterKey::Name, &format!("!{NO_NAME}"))];
    let subject = aws.subject();
    let all = |filters| pages(OPERATION, &subject, move |token| page(aws, filters, PAGE, token));
    let (named, others, any) = futures::try_join!(all(&named[..]), all(&others[..]), page(aws, &any, 1, None)).ok()?;
    let found: BTreeMap<String, SecretRecord> = records(aws, named.into_iter().chain(others).collect())
        .ok()?
        .into_iter()
        .map(|it| (it.name.clone(), it))
        .collect();
    let is_wanted = |record: &&SecretRecord| record.name.starts_with(prefix) || record.user().is_some();
    let is_complete = first.iter().filter(is_wanted).all(|record| found.contains_key(&record.name));
    (!any.0.is_empty() && is_complete).then(|| found.into_values().collect())
}

fn filter(key: FilterKey, value: &str) -> Filter {
    Filter::builder().key(key).values(value).build()
}

async fn page(
    aws: &Aws,
    filters: &[Filter],
    size: i32,
    token: Option<String>,
) -> Result<(Vec<SecretListEntry>, Option<String>), CallError> {
    let filters = Some(filters.to_vec()).filter(|filters| !filters.is_empty());
    let request =
        aws.clients.secrets().list_secrets().include_planned_deletion(true).max_results(size).set_next_token(token);
    let request = request.set_filters(filters);
    let page = call(aws, OPERATION, &aws.subject(), || request.clone().send()).await?;
    Ok((page.secret_list.unwrap_or_default(), page.next_token.filter(|token| !token.is_empty())))
}

fn records(aws: &Aws, listed: Vec<SecretListEntry>) -> Result<Vec<SecretRecord>, CallError> {
    let subject = aws.subject();
    listed.into_iter().map(|secret| record(&subject, secret)).collect()
}

fn record(subject: &str, secret: SecretListEntry) -> Result<SecretRecord, CallError> {
    let name = present(OPERATION, subject, "secret name", secret.name)?;
    Ok(SecretRecord {
        arn: present(OPERATION, &name, "ARN", secret.arn)?,
        tags: secret_tags(OPERATION, &name, secret.tags)?,
        versions: versions(secret.secret_versions_to_stages),
        deleted: secret.deleted_date.map(|date| time(OPERATION, &name, Some(date))).transpose()?,
        kms_key: secret.kms_key_id.filter(|key| !key.is_empty()),
        replicas: None,
        primary_region: secret.primary_region.filter(|region| !region.is_empty()),
        name,
    })
}
