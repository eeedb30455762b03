//! Whether an answer is AWS's answer to what was asked. A proxy that lets nothing through answers 200 as well, with a
//! page of its own, and the SDK takes that for success wherever an operation has nothing to answer.
//!
//! Looked at is what the protocol says of every answer of an operation: the root element, and what stands in it. Whether
//! it is about the right key, secret or version is up to each call. An operation that is not listed here is never done.

use std::collections::BTreeMap;

use aws_sdk_iam::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

use super::meter::Meter;
use crate::{cloud::ClockReading, inventory::KeyId};

/// What an answer looks like.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Query protocol: `<{operation}Response>`, and the elements that must stand in its `<{operation}Result>`.
    Xml(&'static [&'static str]),
    /// An object with these members, and perhaps with those.
    Json(&'static [&'static str], &'static [&'static str]),
    /// JSON, too: nothing, or an object without members.
    Nothing,
    /// XML of S3, by its root.
    Root(&'static str),
    /// S3 says all in headers.
    Empty,
}

/// The operations that keyrota calls.
const FORMS: [(&str, Form); 45] = [
    ("GetCallerIdentity", Form::Xml(&["Account", "Arn"])),
    ("AssumeRole", Form::Xml(&["Credentials"])),
    ("GetAccountAuthorizationDetails", Form::Xml(&["UserDetailList"])),
    ("ListUsers", Form::Xml(&["Users"])),
    ("ListUserTags", Form::Xml(&["Tags"])),
    ("ListGroupsForUser", Form::Xml(&["Groups"])),
    ("ListAccessKeys", Form::Xml(&["AccessKeyMetadata"])),
    ("GetAccessKeyLastUsed", Form::Xml(&["AccessKeyLastUsed"])),
    ("CreateAccessKey", Form::Xml(&["AccessKey"])),
    ("UpdateAccessKey", Form::Xml(&[])),
    ("DeleteAccessKey", Form::Xml(&[])),
    ("ListSecrets", Form::Json(&["SecretList"], &["NextToken"])),
    // Everything else that a secret has may stand here, and stands nowhere else.
    ("DescribeSecret", Form::Json(&["ARN", "Name"], SECRET)),
    ("CreateSecret", Form::Json(&["ARN", "Name"], &["VersionId", "ReplicationStatus"])),
    // The last is of emulators.
    ("PutSecretValue", Form::Json(&["ARN", "Name", "VersionId", "VersionStages"], &["ReplicationStatus"])),
    ("UpdateSecretVersionStage", Form::Json(&["ARN", "Name"], &[])),
    ("ReplicateSecretToRegions", Form::Json(&["ARN", "ReplicationStatus"], &[])),
    ("TagResource", Form::Nothing),
    ("UntagResource", Form::Nothing),
    ("SendEmail", Form::Json(&["MessageId"], &[])),
    ("UpdateSecret", Form::Json(&["ARN", "Name"], &["VersionId"])),
    // Of channels and events.
    ("Publish", Form::Xml(&["MessageId"])),
    ("PutEvents", Form::Json(&["Entries", "FailedEntryCount"], &[])),
    ("GetResourcePolicy", Form::Json(&["ARN", "Name"], &["ResourcePolicy"])),
    ("GetCredentialReport", Form::Xml(&["Content"])),
    ("GenerateCredentialReport", Form::Xml(&["State"])),
    // Of delivery, and of keyrota's own configuration. What has bytes has no text, and is nothing of either.
    ("GetSecretValue", Form::Json(&["ARN", "Name", "SecretString"], &["CreatedDate", "VersionId", "VersionStages"])),
    ("DescribeParameters", Form::Json(&["Parameters"], &["NextToken"])),
    ("ListTagsForResource", Form::Json(&["TagList"], &[])),
    ("PutParameter", Form::Json(&["Version"], &["Tier"])),
    // Of organisations; another service has an operation of the last one's name.
    ("DescribeOrganization", Form::Json(&["Organization"], &[])),
    ("ListRoots", Form::Json(&["Roots"], &["NextToken"])),
    ("ListOrganizationalUnitsForParent", Form::Json(&["OrganizationalUnits"], &["NextToken"])),
    ("ListAccounts", Form::Json(&["Accounts"], &["NextToken"])),
    ("ListAccountsForParent", Form::Json(&["Accounts"], &["NextToken"])),
    ("Organizations.ListTagsForResource", Form::Json(&["Tags"], &["NextToken"])),
    // Of histories; what `GetObject` answers is a stream, which whoever reads it checks.
    ("PutObject", Form::Empty),
    ("ListObjectsV2", Form::Root("ListBucketResult")),
    // Of `doctor` alone.
    ("SimulatePrincipalPolicy", Form::Xml(&["EvaluationResults"])),
    ("GetEmailIdentity", Form::Json(&["VerifiedForSendingStatus"], &["Tags"])),
    ("GetAccount", Form::Json(&["SendQuota"], &[])),
    ("DescribeEventBus", Form::Json(&["Arn", "Name"], &["Description"])),
    ("GetTopicAttributes", Form::Xml(&["Attributes"])),
    ("DescribeKey", Form::Json(&["KeyMetadata"], &[])),
    ("GetFunctionConfiguration", Form::Json(&["FunctionArn", "FunctionName"], &["Description"])),
];

/// What `DescribeSecret` tells beside the name.
const SECRET: &[&str] = &[
    "CreatedDate",
    "DeletedDate",
    "Description",
    "KmsKeyId",
    "LastAccessedDate",
    "LastChangedDate",
    "ReplicationStatus",
    "RotationEnabled",
    "Tags",
    "VersionIdsToStages",
];

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(pub String);

/// Refuses what is no answer, counts requests, and reads AWS's clock off the answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(pub Meter);

impl Intercept for Answers {
    fn name(&self) -> &'static str {
        "Answers"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.count(context.request().headers().get("authorization").and_then(signer));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // Without its body the answer was cut short, and has failed for that.
        let (true, Some(body)) = (response.status().is_success(), response.body().bytes()) else { return Ok(()) };
        let operation = config.load::<Metadata>();
        let qualified = operation.map(|it| format!("{}.{}", it.service(), it.name())).unwrap_or_default();
        let is_qualified = FORMS.iter().any(|(name, _)| *name == qualified);
        check(if is_qualified { &qualified } else { operation.map(Metadata::name).unwrap_or_default() }, body)?;
        if let Some(there) = response.headers().get("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok()) {
            self.0.set_clock(ClockReading { here: Utc::now(), there: there.to_utc() });
        }
        Ok(())
    }
}

/// The key that an `Authorization` names: `AWS4-HMAC-SHA256 Credential=AKIA…/20261123/eu-west-1/iam/aws4_request, …`.
fn signer(authorization: &str) -> Option<KeyId> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split_once('/').map(|(key, _)| KeyId::new(key))
}

/// Checks that this is the form of an answer to the operation.
fn check(operation: &str, body: &[u8]) -> Result<(), NoAnswer> {
    let form = FORMS.iter().find(|(name, _)| *name == operation).map(|(_, form)| *form);
    let form = form.ok_or_else(|| NoAnswer(format!("keyrota does not know what {operation} answers")))?;
    match form {
        Form::Xml(required) => check_xml(operation, required, body),
        Form::Json(required, optional) => {
            let members = members(operation, body)?;
            if let Some(missing) = required.iter().find(|name| !members.contains_key(**name)) {
                return Err(NoAnswer(format!("it has no {missing}")));
            }
            is_of_no_other(operation, &members, &[required, optional])
        }
        Form::Root(root) => xml(&format!("<{root}>"), body, |name| name == root),
        Form::Empty if body.trim_ascii().is_empty() => Ok(()),
        Form::Empty => Err(NoAnswer(format!("{operation} answers nothing"))),
        Form::Nothing => {
            if !body.trim_ascii().is_empty() {
                is_of_no_other(operation, &members(operation, body)?, &[])?;
            }
            Ok(())
        }
    }
}

fn xml(what: &str, body: &[u8], is_it: impl Fn(&str) -> bool) -> Result<(), NoAnswer> {
    let no = || NoAnswer(format!("it is not {what}"));
    let document =
        std::str::from_utf8(body).ok().and_then(|text| roxmltree::Document::parse(text).ok()).ok_or_else(no)?;
    if is_it(document.root_element().tag_name().name()) { Ok(()) } else { Err(no()) }
}

fn check_xml(operation: &str, required: &[&str], body: &[u8]) -> Result<(), NoAnswer> {
    let root = format!("{operation}Response");
    let text = std::str::from_utf8(body).map_err(|_| NoAnswer("it is no text".to_owned()))?;
    let document = roxmltree::Document::parse(text).map_err(|_| NoAnswer(format!("it is not <{root}>")))?;
    let found = document.root_element();
    if !found.has_tag_name(root.as_str()) && found.tag_name().name() != root {
        return Err(NoAnswer(format!("it is not <{root}>")));
    }
    if required.is_empty() {
        return Ok(());
    }
    let child =
        |node: roxmltree::Node<'_, '_>, name: &str| node.children().any(|child| child.tag_name().name() == name);
    let result = format!("{operation}Result");
    let Some(result) = found.children().find(|child| child.tag_name().name() == result) else {
        return Err(NoAnswer(format!("it has no {result}")));
    };
    match required.iter().find(|name| !child(result, name)) {
        Some(missing) => Err(NoAnswer(format!("it has no {missing}"))),
        // The SDK reads a missing `IsTruncated` as `false`. It is optional, but not where there is more.
        None if child(result, "Marker") && !child(result, "IsTruncated") => {
            Err(NoAnswer("it has a Marker, but no IsTruncated".to_owned()))
        }
        None => Ok(()),
    }
}

fn members(operation: &str, body: &[u8]) -> Result<BTreeMap<String, IgnoredAny>, NoAnswer> {
    serde_json::from_slice(body).map_err(|_| NoAnswer(format!("it is no JSON of {operation}")))
}

/// Members that AWS may add one day are fine; those by which another operation's answer is known are not.
fn is_of_no_other(operation: &str, members: &BTreeMap<String, IgnoredAny>, own: &[&[&str]]) -> Result<(), NoAnswer> {
    let is_foreign = |name: &str| {
        !own.iter().any(|names| names.contains(&name))
            && FORMS.iter().any(|(_, form)| match form {
                Form::Json(required, optional) => required.contains(&name) || optional.contains(&name),
                Form::Xml(_) | Form::Nothing | Form::Root(_) | Form::Empty => false,
            })
    };
    match members.keys().find(|name| is_foreign(name)) {
        Some(foreign) => Err(NoAnswer(format!("it has {foreign}, which {operation} does not answer"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!DOCTYPE html><html><body>Welcome to this hotel's network</body></html>";

    fn is_answer(operation: &str, body: &str) -> Result<(), String> {
        check(operation, body.as_bytes()).map_err(|error| error.to_string())
    }

    /// An answer with everything that is required, and nothing else.
    fn least(operation: &str, form: Form) -> String {
        let element = |name: &&str| format!("<{name}/>");
        match form {
            Form::Xml([]) => format!("<{operation}Response><ResponseMetadata/></{operation}Response>"),
            Form::Xml(required) => {
                let inside: String = required.iter().map(element).collect();
                format!(
                    "<{operation}Response xmlns=\"https://a/\"><{operation}Result>{inside}</{operation}Result></{operation}Response>"
                )
            }
            Form::Json(required, _) => {
                let members: Vec<_> = required.iter().map(|name| format!("\"{name}\": \"x\"")).collect();
                format!("{{{}}}", members.join(", "))
            }
            Form::Nothing => "{}".to_owned(),
            Form::Root(root) => format!("<{root} xmlns=\"https://a/\"/>"),
            Form::Empty => String::new(),
        }
    }

    #[test]
    fn an_answer_is_that_of_its_own_operation() {
        for (operation, form) in FORMS {
            let own = least(operation, form);
            assert_eq!(is_answer(operation, &own), Ok(()), "{operation}: {own}");
            let foreign = ["", PAGE, "null", "[]", "{\"message\": \"moved\"", "<Response/>", "ok"];
            for body in
                foreign.into_iter().filter(|body| !(body.is_empty() && matches!(form, Form::Nothing | Form::Empty)))
            {
                assert!(is_answer(operation, body).is_err(), "{operation} took {body:?} for an answer");
            }
            // No two answers are alike, but those that say nothing, and those that name a secret and nothing else.
            for (other, other_form) in FORMS.iter().filter(|(other, _)| *other != operation) {
                let alike = match (form, *other_form) {
                    (Form::Nothing, Form::Nothing | Form::Empty) => true,
                    (Form::Json(one, _), Form::Json(two, _)) => one == two,
                    _ => false,
                };
                let answer = least(other, *other_form);
                assert_eq!(is_answer(operation, &answer).is_ok(), alike, "{operation} with {answer}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_optional_is_not_missed() {
        let whole =
            "<ListAccessKeysResponse><ListAccessKeysResult>LIST</ListAccessKeysResult></ListAccessKeysResponse>";
        let with = |list: &str| is_answer("ListAccessKeys", &whole.replace("LIST", list));
        assert_eq!(with("<AccessKeyMetadata/>"), Ok(()), "IsTruncated is optional");
        assert_eq!(with("<IsTruncated>false</IsTruncated>"), Err("it has no AccessKeyMetadata".to_owned()));
        assert_eq!(
            with("<AccessKeyMetadata/><Marker>m</Marker>"),
            Err("it has a Marker, but no IsTruncated".to_owned())
        );
        assert_eq!(is_answer("ListAccessKeys", PAGE), Err("it is not <ListAccessKeysResponse>".to_owned()));
        assert_eq!(is_answer("PutSecretValue", "{\"ARN\": \"x\"}"), Err("it has no Name".to_owned()));
        let more = "{\"ARN\": \"x\", \"Name\": \"x\", \"Tomorrow\": 1}";
        assert_eq!(is_answer("UpdateSecretVersionStage", more), Ok(()), "AWS may add to its answers");
        let other = "{\"ARN\": \"x\", \"Name\": \"x\", \"VersionStages\": []}";
        assert_eq!(
            is_answer("UpdateSecretVersionStage", other),
            Err("it has VersionStages, which UpdateSecretVersionStage does not answer".to_owned())
        );
        assert_eq!((is_answer("TagResource", ""), is_answer("TagResource", "{}")), (Ok(()), Ok(())));
        assert!(is_answer("ListSecretVersionIds", "{}").is_err(), "not an operation of keyrota");
    }
}
