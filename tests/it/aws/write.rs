use std::{
    collections::BTreeMap,
    io::Write,
    process::Command,
    sync::{Arc, Mutex},
};

use keyrota::{
    cloud::{Message, NewSecret, Reads, Writes, aws::Aws},
    inventory::{CURRENT, ErrorKind, KeyId, LastUse, PENDING, Replica, Status},
    notice::Sender,
};
use secrecy::{ExposeSecret, SecretString};

use super::at;
use crate::emulator::{Emulator, Fault, SentMail, TestAccount, account};

pub fn new_secret(name: &str) -> NewSecret {
    NewSecret {
        name: name.to_owned(),
        description: "a description".to_owned(),
        tags: [("Owner".to_owned(), "bob".to_owned())].into(),
        kms_key: None,
        replicate_to: Vec::new(),
    }
}

pub fn message(to: &str) -> Message {
    Message {
        sender: Sender {
            from: "Security <security@example.com>".to_owned(),
            from_arn: Some("arn:aws:ses:us-east-1:123456789012:identity/example.com".to_owned()),
            reply_to: Some("help@example.com".to_owned()),
            configuration_set: Some("keyrota".to_owned()),
            region: None,
        },
        tags: [("kind", "rotated"), ("run", "20261123T080000Z")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        to: to.to_owned(),
        subject: "Chave nova — já".to_owned(),
        text: "Olá, texto".to_owned(),
        html: "<p>Olá, HTML</p>".to_owned(),
    }
}

async fn labels(aws: &Aws, secret: &str) -> BTreeMap<String, Vec<String>> {
    let record = aws.describe_secret(secret).await.expect("readable").expect("a secret");
    record.versions.into_iter().map(|version| (version.id, version.labels)).collect()
}

async fn count_keys(account: &TestAccount, user: &str) -> usize {
    account.iam().list_access_keys().user_name(user).send().await.expect("readable").access_key_metadata.len()
}

#[tokio::test]
async fn a_key_lives_from_creation_to_deletion() {
    let account = account();
    account.create_user("ci,deploy", "/", &[], &[]).await;
    let aws = account.connect().await;
    account.set_clock(at("2026-01-02T03:04:05Z"));
    account.take_requests();

    let issued = aws.create_access_key("ci,deploy").await.expect("created");
    assert_eq!(issued.created, at("2026-01-02T03:04:05Z"));
    let version = issued.key.version_id();
    aws.create_secret(&new_secret("/ci_deploy")).await.expect("created");
    let value = SecretString::from("{}");
    aws.put_secret_value("/ci_deploy", &version, &value).await.expect("stored");
    aws.put_secret_value("/ci_deploy", &version, &value).await.expect("the same again is fine");
    assert_eq!(labels(&aws, "/ci_deploy").await[&version], [CURRENT, PENDING], "the first version is current at once");
    aws.verify(&issued).await.expect("a working key");
    aws.move_label("/ci_deploy", PENDING, Some(&version), None).await.expect("dropped");
    assert_eq!(labels(&aws, "/ci_deploy").await[&version], [CURRENT]);
    aws.deactivate_access_key("ci,deploy", &issued.key).await.expect("deactivated");
    assert_eq!(aws.access_keys("ci,deploy").await.expect("readable")[0].status, Status::Inactive);
    assert!(matches!(aws.last_use(&issued.key).await, Ok(LastUse::At { .. })), "the check was a use");
    aws.delete_access_key("ci,deploy", &issued.key).await.expect("deleted");
    assert_eq!(aws.access_keys("ci,deploy").await, Ok(vec![]));

    let order: Vec<_> = account.take_requests().into_iter().map(|request| request.action).collect();
    assert_eq!(
        order,
        [
            "CreateAccessKey",
            "CreateSecret",
            "PutSecretValue",
            "PutSecretValue",
            "DescribeSecret",
            "GetCallerIdentity",
            "UpdateSecretVersionStage",
            "DescribeSecret",
            "UpdateAccessKey",
            "ListAccessKeys",
            "GetAccessKeyLastUsed",
            "DeleteAccessKey",
            "ListAccessKeys"
        ]
    );
    assert_eq!(aws.calls(), 13);
}

#[tokio::test]
async fn a_state_that_is_not_as_required_is_a_conflict() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    let (first, second) = (KeyId::new("AKIA1111111111111111"), KeyId::new("AKIA2222222222222222"));
    for _ in 0..2 {
        aws.create_access_key("bob").await.expect("a free slot");
    }
    let third = aws.create_access_key("bob").await.err().expect("both slots are full");
    assert_eq!(
        (third.kind, third.operation, third.subject.as_str()),
        (ErrorKind::Conflict, "iam:CreateAccessKey", "bob")
    );

    aws.create_secret(&new_secret("s")).await.expect("created");
    let again = aws.create_secret(&new_secret("s")).await.expect_err("the name is taken");
    assert_eq!(again.kind, ErrorKind::Conflict);
    for key in [&first, &second] {
        aws.put_secret_value("s", &key.version_id(), &SecretString::from("value")).await.expect("stored");
    }
    let other = aws.put_secret_value("s", &second.version_id(), &SecretString::from("other")).await;
    assert_eq!(other.expect_err("another value for one version").kind, ErrorKind::Conflict);
    let (first, second) = (first.version_id(), second.version_id());
    let wrong = aws.move_label("s", CURRENT, Some(&second), Some(&first)).await;
    assert_eq!(wrong.expect_err("AWSCURRENT is on the first").kind, ErrorKind::Conflict);
    aws.move_label("s", CURRENT, Some(&first), Some(&second)).await.expect("moved");
    let late = aws.move_label("s", CURRENT, Some(&first), Some(&second)).await;
    assert_eq!(late.expect_err("a concurrent run was faster").kind, ErrorKind::Conflict);
    assert_eq!(labels(&aws, "s").await[&second], [CURRENT, PENDING]);

    account.secrets().delete_secret().secret_id("s").send().await.expect("scheduled");
    let deleted = aws.tag_secret("s", &BTreeMap::new()).await.expect_err("scheduled for deletion");
    assert_eq!(deleted.kind, ErrorKind::Conflict);
    let gone = aws.delete_access_key("bob", &KeyId::new("AKIAGONEGONEGONEGONE")).await.expect_err("no such key");
    assert_eq!((gone.kind, gone.subject.as_str()), (ErrorKind::NotFound, "bob/AKIAGONEGONEGONEGONE"));
    let comma = aws.create_secret(&new_secret("a,b")).await.expect_err("no name for a secret");
    assert_eq!(comma.kind, ErrorKind::Other);
}

#[tokio::test]
async fn a_secret_is_created_tagged_untagged_and_replicated() {
    let account = account();
    let aws = account.connect().await;
    let secret = NewSecret { replicate_to: vec!["eu-central-1".to_owned()], ..new_secret("s") };
    aws.create_secret(&secret).await.expect("created");
    let more = [("keyrota:intent", "now"), ("x", "y")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    aws.tag_secret("s", &more.into()).await.expect("tagged");
    aws.untag_secret("s", &["x", "never-there"]).await.expect("untagged");
    aws.replicate_secret("s", &["us-east-1".to_owned()], None).await.expect("replicated");
    let record = aws.describe_secret("s").await.expect("readable").expect("a secret");
    let tags: Vec<_> = record.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("Owner", "bob"), ("keyrota:intent", "now")]);
    assert_eq!(record.replicas, Some(["eu-central-1", "us-east-1"].map(Replica::new).to_vec()));
    assert_eq!(record.versions, [], "no value yet");
}

#[tokio::test]
async fn creating_a_key_is_repeated_only_if_it_can_have_had_no_effect() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    let once = [
        Fault::error("CreateAccessKey", 500, "ServiceFailure", "oops").after_effect(),
        Fault::drop("CreateAccessKey").after_effect(),
        Fault::error("CreateAccessKey", 503, "ServiceUnavailable", "later"),
        Fault::drop("CreateAccessKey"),
    ];
    for (fault, keys) in once.into_iter().zip([1, 2, 2, 2]) {
        account.add_fault(fault.clone());
        account.take_requests();
        let error = aws.create_access_key("bob").await.err().expect("a fault");
        assert_eq!(error.kind, ErrorKind::Other, "{fault:?}");
        assert_eq!(account.count_requests(), [("CreateAccessKey".to_owned(), 1)].into(), "{fault:?}");
        assert_eq!(count_keys(&account, "bob").await, keys, "{fault:?}");
    }
    account.create_user("eve", "/", &[], &[]).await;
    account.add_fault(Fault::error("CreateAccessKey", 400, "Throttling", "Rate exceeded"));
    aws.create_access_key("eve").await.expect("created at the second try");
    assert_eq!(count_keys(&account, "eve").await, 1);
}

#[tokio::test]
async fn creating_a_key_is_repeated_if_the_connection_is_refused() {
    let emulator = Emulator::start();
    let aws = emulator.account().connect().await;
    drop(emulator);
    // It finds that the connection that it had is closed.
    aws.access_keys("bob").await.expect_err("nobody listens");
    let before = aws.calls();
    let error = aws.create_access_key("bob").await.err().expect("nobody listens");
    let told = "iam:CreateAccessKey for bob failed: no connection: Connection refused";
    assert!(error.to_string().starts_with(told), "{error}");
    assert_eq!(aws.calls() - before, 4);
}

#[tokio::test]
async fn storing_a_value_survives_a_fault_after_its_effect() {
    let account = account();
    let aws = account.connect().await;
    aws.create_secret(&new_secret("s")).await.expect("created");
    account.add_fault(Fault::error("PutSecretValue", 500, "InternalServiceError", "oops").after_effect());
    let version = KeyId::new("AKIA1111111111111111").version_id();
    aws.put_secret_value("s", &version, &SecretString::from("value")).await.expect("stored once");
    assert_eq!(labels(&aws, "s").await.len(), 1);
}

#[tokio::test]
async fn a_new_key_is_given_time_to_become_known_and_no_more() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    let issued = aws.create_access_key("bob").await.expect("created");
    let unknown = Fault::error("GetCallerIdentity", 403, "InvalidClientTokenId", "The security token is invalid.");
    let unknown = unknown.only("caller", issued.key.as_str());
    account.take_requests();
    account.add_fault(unknown.clone().times(3));
    aws.verify(&issued).await.expect("known at the fourth try");
    assert_eq!(account.count_requests(), [("GetCallerIdentity".to_owned(), 4)].into());
    account.add_fault(unknown.forever());
    let error = aws.verify(&issued).await.expect_err("never known");
    assert_eq!((error.operation, error.subject.as_str()), ("sts:GetCallerIdentity", issued.key.as_str()));
    assert!(error.message.contains("InvalidClientTokenId"), "{error}");
    assert!(account.take_requests().len() > 4, "it was tried for a while");
}

#[tokio::test]
async fn a_key_that_does_not_work_is_not_verified() {
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    let mut issued = aws.create_access_key("bob").await.expect("created");
    let truth = issued.secret;
    issued.secret = SecretString::from("wrong");
    let error = aws.verify(&issued).await.expect_err("a wrong secret");
    assert!(error.message.contains("SignatureDoesNotMatch"), "{error}");
    issued.secret = truth;
    let elsewhere = Fault::replace("GetCallerIdentity", "<Account>.*</Account>", "<Account>999999999999</Account>");
    account.add_fault(elsewhere);
    assert_eq!(aws.verify(&issued).await.expect_err("another account").kind, ErrorKind::Malformed);
    account.take_requests();
    account.add_fault(Fault::error("GetCallerIdentity", 403, "AccessDenied", "no").times(1));
    assert_eq!(aws.verify(&issued).await.expect_err("denied").kind, ErrorKind::Denied);
    assert_eq!(account.take_requests().len(), 1, "waiting does not help here");
    aws.verify(&issued).await.expect("a working key");
}

#[tokio::test]
async fn a_created_key_that_is_malformed_is_an_error() {
    let account = account();
    let aws = account.connect().await;
    for (number, pattern) in [
        "<CreateDate>.*</CreateDate>",
        "<SecretAccessKey>.*</SecretAccessKey>",
        "<AccessKeyId>.*</AccessKeyId>",
        "^.*$",
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user-{number}");
        account.create_user(&user, "/", &[], &[]).await;
        account.add_fault(Fault::replace("CreateAccessKey", pattern, ""));
        let error = aws.create_access_key(&user).await.err().unwrap_or_else(|| panic!("{pattern} was not missed"));
        assert_eq!(error.kind, ErrorKind::Malformed, "{pattern}: {error}");
    }
}

#[tokio::test]
async fn mail_is_sent_whole_by_the_caller() {
    let account = account();
    account.allow_sender("example.com").await;
    let aws = account.connect().await;
    aws.send_mail(&message("owner@example.org")).await.expect("accepted");
    let Message { sender, tags, to, subject, text, html } = message("owner@example.org");
    let Sender { from, from_arn, reply_to, configuration_set, region: _ } = sender;
    let (from_arn, configuration_set) = (from_arn.expect("set"), configuration_set.expect("set"));
    let reply_to = reply_to.into_iter().collect();
    assert_eq!(
        account.sent_mail(),
        [SentMail { from, from_arn, reply_to, configuration_set, tags, to: vec![to], subject, text, html }]
    );
}

#[tokio::test]
async fn refused_mail_is_told_apart_from_failed_mail() {
    let account = account();
    let aws = account.connect().await;
    let error = aws.send_mail(&message("owner@example.org")).await.expect_err("an unverified sender");
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::Refused, "owner@example.org"));
    account.allow_sender("example.com").await;
    for (code, kind) in [
        ("BadRequestException", ErrorKind::Refused),
        ("MailFromDomainNotVerifiedException", ErrorKind::Refused),
        ("NotFoundException", ErrorKind::Refused),
        ("AccountSuspendedException", ErrorKind::Other),
        ("SendingPausedException", ErrorKind::Other),
        ("AccessDeniedException", ErrorKind::Denied),
    ] {
        account.add_fault(Fault::error("SendEmail", 400, code, "no"));
        let error = aws.send_mail(&message("owner@example.org")).await.expect_err(code);
        assert_eq!(error.kind, kind, "{code}");
    }
    assert_eq!(account.sent_mail(), []);
}

/// What was logged, at every level, by keyrota, the SDK and its HTTP stack.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while logging").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_secret_access_key_is_in_no_log_and_no_error() {
    // In a process of its own: tracing remembers which events nobody listens to, for all threads at once.
    if std::env::var_os("KEYROTA_TEST_CHILD").is_none() {
        let mut alone = Command::new(std::env::current_exe().expect("a path"));
        alone.args(["--exact", "aws::write::a_secret_access_key_is_in_no_log_and_no_error"]);
        let output = alone.env("KEYROTA_TEST_CHILD", "1").output().expect("this test binary starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let account = account();
    account.create_user("bob", "/", &[], &[]).await;
    let aws = account.connect().await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let issued = aws.create_access_key("bob").await.expect("created");
    aws.create_secret(&new_secret("s")).await.expect("created");
    let value = SecretString::from(format!("{{\"SecretAccessKey\":\"{}\"}}", issued.secret.expose_secret()));
    aws.put_secret_value("s", &issued.key.version_id(), &value).await.expect("stored");
    let other = SecretString::from(format!("{} ", value.expose_secret()));
    let conflict = aws.put_secret_value("s", &issued.key.version_id(), &other).await.expect_err("a conflict");
    aws.verify(&issued).await.expect("a working key");
    account.add_fault(Fault::error("GetCallerIdentity", 403, "InvalidClientTokenId", "no").forever());
    let unknown = aws.verify(&issued).await.expect_err("unknown");
    drop(guard);
    let log = String::from_utf8(log.0.lock().expect("no panic while logging").clone()).expect("UTF-8");
    assert!(log.contains("keyrota::aws: operation=\"iam:CreateAccessKey\" subject=\"bob\" outcome=\"ok\""), "{log}");
    for text in [log, format!("{conflict:?} {conflict}"), format!("{unknown:?} {unknown}")] {
        // JSON may escape a slash of it.
        let start = text.find(&issued.secret.expose_secret()[..12]);
        assert_eq!(start.map(|at| text[at.saturating_sub(300)..at].to_owned()), None);
    }
}
