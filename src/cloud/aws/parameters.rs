//! Systems Manager's parameters: what is told of one without its value, and how one is written. And the one read of a credential.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::{
    client::{Aws, call},
    error::malformed,
};
use crate::{
    cloud::{NewParameter, Parameter},
    inventory::{CallError, ErrorKind},
};

pub(super) async fn parameter(aws: &Aws, name: &str) -> Result<Option<Parameter>, CallError> {
    let operation = "ssm:DescribeParameters";
    let filter = ParameterStringFilter::builder().key("Name").option("Equals").values(name).build();
    let filter = filter.map_err(|error| CallError::new(ErrorKind::Other, operation, name, error.to_string()))?;
    let mut next = None;
    let found = loop {
        let request =
            aws.clients.parameters().describe_parameters().parameter_filters(filter.clone()).set_next_token(next);
        let page = call(aws, operation, name, || request.clone().send()).await?;
        let found = page.parameters.unwrap_or_default().into_iter().find(|one| one.name.as_deref() == Some(name));
        match (found, page.next_token) {
            (Some(found), _) => break found,
            // Such a page may be empty although the parameter comes in a later one.
            (None, Some(token)) if !token.is_empty() => next = Some(token),
            (None, _) => return Ok(None),
        }
    };
    let version = match found.version {
        version if version > 0 => version,
        _ => return Err(malformed(operation, name, "it has no version")),
    };
    let modified = found.last_modified_date.and_then(|at| DateTime::<Utc>::from_timestamp(at.secs(), 0));
    Ok(Some(Parameter { tags: tags(aws, name).await?, version, modified, modified_by: found.last_modified_user }))
}

async fn tags(aws: &Aws, name: &str) -> Result<BTreeMap<String, String>, CallError> {
    let operation = "ssm:ListTagsForResource";
    let request = aws
        .clients
        .parameters()
        .list_tags_for_resource()
        .resource_type(ResourceTypeForTagging::Parameter)
        .resource_id(name);
    let answer = call(aws, operation, name, || request.clone().send()).await?;
    Ok(answer.tag_list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// May be repeated: the same value is written once more.
pub(super) async fn put_parameter(aws: &Aws, parameter: &NewParameter, value: &SecretString) -> Result<i64, CallError> {
    let operation = "ssm:PutParameter";
    let NewParameter { name, description, kms_key, tags, overwrites } = parameter;
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>();
    let tags = tags.map_err(|error| CallError::new(ErrorKind::Other, operation, name, error.to_string()))?;
    let request = aws
        .clients
        .parameters()
        .put_parameter()
        .name(name)
        .description(description)
        .value(value.expose_secret())
        .r#type(ParameterType::SecureString)
        .tier(ParameterTier::Standard)
        .set_key_id(kms_key.clone())
        .set_tags(Some(tags).filter(|tags| !tags.is_empty()))
        .overwrite(*overwrites);
    match call(aws, operation, name, || request.clone().send()).await?.version {
        version if version > 0 => Ok(version),
        _ => Err(malformed(operation, name, "it has no version")),
    }
}

/// The value of one version of a user's secret.
pub(super) async fn secret_value(aws: &Aws, name: &str, version: &str) -> Result<SecretString, CallError> {
    let operation = "secretsmanager:GetSecretValue";
    let request = aws.clients.secrets().get_secret_value().secret_id(name).version_id(version);
    let answer = call(aws, operation, name, || request.clone().send()).await?;
    if answer.version_id.as_deref() != Some(version) {
        return Err(malformed(operation, name, "it is about another version"));
    }
    match answer.secret_string {
        Some(value) if !value.is_empty() => Ok(value.into()),
        _ => Err(malformed(operation, name, "it has no value")),
    }
}
