//! A 200 from a proxy is no answer: of no write, of no read.

use keyrota::{
    cloud::{Issued, Reads, Writes, aws::Aws},
    inventory::{CURRENT, CallError, ErrorKind, KeyId},
};
use secrecy::SecretString;

use super::write::{message, new_secret};
use crate::emulator::{Fault, TestAccount, account};

const PAGE: &str = "<!DOCTYPE html>\n<html><body>Welcome to this hotel's network</body></html>";
const XHTML: &str = "<html xmlns=\"http://www.w3.org/1999/xhtml\"><body>Welcome</body></html>";

/// Answers that are another operation's, in both protocols.
const OTHERS: [&str; 4] = [
    "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>",
    "<TagUserResponse><ResponseMetadata/></TagUserResponse>",
    r#"{"SecretList": []}"#,
    r#"{"ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:other-abcdef", "Name": "other", "VersionId": "other"}"#,
];

const WRITES: [&str; 10] = [
    "CreateAccessKey",
    "CreateSecret",
    "DeleteAccessKey",
    "PutSecretValue",
    "ReplicateSecretToRegions",
    "SendEmail",
    "TagResource",
    "UntagResource",
    "UpdateAccessKey",
    "UpdateSecretVersionStage",
];

struct Subject {
    account: TestAccount,
    aws: Aws,
    key: KeyId,
    first: String,
    second: String,
}

impl Subject {
    async fn new() -> Self {
        let account = account();
        account.create_user("bob", "/", &[], &[]).await;
        account.allow_sender("example.com").await;
        let aws = account.connect().await;
        let Issued { key, .. } = aws.create_access_key("bob").await.expect("created");
        aws.create_secret(&new_secret("s")).await.expect("created");
        let (first, second) = (key.version_id(), KeyId::new("AKIA2222222222222222").version_id());
        for version in [&first, &second] {
            aws.put_secret_value("s", version, &SecretString::from("{}")).await.expect("stored");
        }
        Self { account, aws, key, first, second }
    }

    async fn call(&self, action: &str) -> Result<(), CallError> {
        let Self { aws, key, first, second, .. } = self;
        let tags = [("Owner".to_owned(), "eve".to_owned())];
        match action {
            "CreateAccessKey" => aws.create_access_key("bob").await.map(drop),
            "CreateSecret" => aws.create_secret(&new_secret("new")).await,
            "DeleteAccessKey" => aws.delete_access_key("bob", key).await,
            "PutSecretValue" => {
                let version = KeyId::new("AKIA3333333333333333").version_id();
                aws.put_secret_value("s", &version, &SecretString::from("{}")).await.map(drop)
            }
            "ReplicateSecretToRegions" => aws.replicate_secret("s", &["us-east-1".to_owned()], None).await,
            "SendEmail" => aws.send_mail(&message("owner@example.org")).await,
            "TagResource" => aws.tag_secret("s", &tags.into()).await,
            "UntagResource" => aws.untag_secret("s", &["Owner"]).await,
            "UpdateAccessKey" => aws.deactivate_access_key("bob", key).await,
            "UpdateSecretVersionStage" => aws.move_label("s", CURRENT, Some(first), Some(second)).await,
            _ => unreachable!("{action}"),
        }
    }
}

#[tokio::test]
async fn no_write_takes_another_answer_for_its_own() {
    for action in WRITES {
        // None of these answers comes with an effect.
        let subject = Subject::new().await;
        // An answer without a word may be true of a tag: then the tags tell.
        for body in [PAGE, XHTML, "", "{}", "null", "true", "OK", "{\"message\": \"moved\"}"].into_iter().chain(OTHERS)
        {
            subject.account.calm();
            subject.account.add_fault(Fault::body(action, 200, body).forever());
            let error = subject.call(action).await.expect_err(&format!("{action} with {body}"));
            assert_eq!(error.kind, ErrorKind::Malformed, "{action} with {body}: {error}");
            let text = error.to_string();
            assert!(text.starts_with("could not tell whether ") && text.contains(action), "{text}");
            assert!(!text.contains("Welcome") && text.lines().count() == 1, "{text}");
        }
    }
}

/// The answer of the right operation about another thing is none either.
#[tokio::test]
async fn no_write_takes_an_answer_about_something_else_for_its_own() {
    for (action, pattern, replacement) in [
        ("CreateSecret", r#""Name": "new""#, r#""Name": "news""#),
        ("PutSecretValue", r#""Name": "s""#, r#""Name": "t""#),
        ("PutSecretValue", ":secret:s-", ":secret:t-"),
        ("CreateSecret", r#""ARN": "[^"]*""#, r#""ARN": "new""#),
        ("PutSecretValue", r#""VersionId": "[^"]*""#, r#""VersionId": "another""#),
        ("PutSecretValue", r#""AWSPENDING""#, r#""AWSPREVIOUS""#),
        ("PutSecretValue", r#""VersionId": "[^"]*", "#, ""),
        ("UpdateSecretVersionStage", r#""Name": "s""#, r#""Name": "t""#),
        ("ReplicateSecretToRegions", "us-east-1", "us-west-2"),
        ("SendEmail", r#""MessageId": "[^"]*""#, r#""MessageId": """#),
        ("CreateAccessKey", "<UserName>bob</UserName>", "<UserName>eve</UserName>"),
    ] {
        let subject = Subject::new().await;
        subject.account.add_fault(Fault::replace(action, pattern, replacement));
        let error = subject.call(action).await.expect_err(&format!("{action} with {replacement}"));
        assert_eq!(error.kind, ErrorKind::Malformed, "{action} with {replacement}: {error}");
        let subject = Subject::new().await;
        subject.call(action).await.unwrap_or_else(|error| panic!("the true answer is believed: {error}"));
    }
}

/// Secrets Manager has nothing to say of a tag. An answer that names no request is believed if the tags bear it out.
#[tokio::test]
async fn an_answer_without_a_name_is_borne_out_by_the_tags() {
    let subject = Subject::new().await;
    subject.account.add_fault(Fault::body("TagResource", 200, "").after_effect());
    subject.call("TagResource").await.expect("it took effect");
    subject.account.add_fault(Fault::body("UntagResource", 200, "{}").after_effect());
    subject.call("UntagResource").await.expect("it took effect");
    let tags = subject.aws.describe_secret("s").await.expect("readable").expect("a secret").tags;
    assert_eq!(tags.get("Owner"), None);
    subject.account.add_fault(Fault::body("TagResource", 200, "").after_effect());
    subject.account.add_fault(Fault::error("DescribeSecret", 400, "AccessDeniedException", "no"));
    let error = subject.call("TagResource").await.expect_err("nobody can tell");
    assert!(error.to_string().contains("the tags can't be read"), "{error}");
}

#[tokio::test]
async fn no_read_takes_another_answer_for_its_own() {
    let Subject { account, aws, key, .. } = Subject::new().await;
    for body in [PAGE, XHTML, "", "{}", "null", "OK"].into_iter().chain(OTHERS) {
        for action in [
            "GetAccountAuthorizationDetails",
            "ListSecrets",
            "DescribeSecret",
            "ListAccessKeys",
            "GetAccessKeyLastUsed",
        ] {
            // The first of the others is an answer of one of these.
            if body.contains(&format!("<{action}Response")) || (action == "ListSecrets" && body.contains("SecretList"))
            {
                continue;
            }
            account.add_fault(Fault::body(action, 200, body).times(1));
            let error = match action {
                "GetAccountAuthorizationDetails" => aws.users(&|_, _| true).await.err(),
                "ListSecrets" => aws.secrets().await.err(),
                "DescribeSecret" => aws.describe_secret("s").await.err(),
                "ListAccessKeys" => aws.access_keys("bob").await.err(),
                _ => aws.last_use(&key).await.err(),
            };
            let error = error.unwrap_or_else(|| panic!("{action} took {body:?} for an answer"));
            assert_eq!(error.kind, ErrorKind::Malformed, "{action} with {body:?}: {error}");
            assert!(error.to_string().contains(" failed: AWS's answer makes no sense: it"), "{error}");
        }
    }
    account.add_fault(Fault::replace("ListAccessKeys", "<AccessKeyMetadata>.*</AccessKeyMetadata>", ""));
    let error = aws.access_keys("bob").await.expect_err("no list").to_string();
    assert!(error.ends_with("it has no AccessKeyMetadata"), "what is missing is named: {error}");
    account.add_fault(Fault::replace("ListAccessKeys", "<IsTruncated>[^<]*</IsTruncated>", ""));
    assert_eq!(aws.access_keys("bob").await.map(|keys| keys.len()), Ok(1), "what is optional is not missed");
}
