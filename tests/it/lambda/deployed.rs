//! The package, really deployed: ministack unpacks it, EventBridge fires it, and everything it did is found there.

use std::{thread, time::Instant};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::*;
use crate::{
    emulator::REGION,
    support::deployment::{self, Deployment},
};

/// How long EventBridge and the function may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keys that ministack issues are of this account, whoever asks for them.
const ACCOUNT: &str = "000000000000";

#[tokio::test]
async fn the_package_is_fired_by_eventbridge_and_rotates() {
    let mut deployment = Deployment::start(false);
    let root = deployment.root(ACCOUNT);
    let account = TestAccount { id: ACCOUNT.to_owned(), url: deployment.url.clone(), region: REGION.to_owned() };
    let now = Utc::now();
    deployment.set_clock(now - TimeDelta::days(95));
    account.allow_sender("security@example.com").await;
    account.create_user("ci-deploy", "/", &[("email", "owner@example.com")], &[]).await;
    let old = account.iam().create_access_key().user_name("ci-deploy").send().await.expect("a key");
    let old = KeyId::new(old.access_key.expect("a key").access_key_id);

    let fixture = Fixture::of(account.clone());
    let function = json!({
        "FunctionName": "keyrota",
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": format!("arn:aws:iam::{}:role/keyrota", account.id),
        "Code": { "ZipFile": BASE64_STANDARD.encode(deployment::package(&bootstrap(), fixture.package.path())) },
        "Timeout": 900,
        "MemorySize": 128,
        "LoggingConfig": { "LogFormat": "JSON" },
        "Environment": { "Variables": { "KEYROTA_REVISION": "0123abc" } },
    });
    let function = root.rest("lambda", "POST", "/2015-03-31/functions", &function).expect("a function");
    let rule = json!({ "Name": "enforce", "ScheduleExpression": "rate(30 days)", "State": "ENABLED" });
    root.target("events", "AWSEvents.PutRule", &rule).expect("a rule");
    let targets = json!({ "Rule": "enforce", "Targets": [{ "Id": "1", "Arn": function["FunctionArn"] }] });
    root.target("events", "AWSEvents.PutTargets", &targets).expect("a target");
    assert_eq!(deployment.log(ACCOUNT, "keyrota"), [""; 0], "nothing has fired it yet");
    deployment.set_clock(now);

    let start = Instant::now();
    let log = loop {
        let log = deployment.log(ACCOUNT, "keyrota");
        if log.iter().any(|line| line.contains("run completed")) {
            break log;
        }
        assert!(start.elapsed() < PATIENCE, "the run does not end; its log: {log:#?}");
        thread::sleep(Duration::from_millis(100));
    };
    let parsed: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said = |message: &str| parsed.iter().any(|line| line["message"] == message);
    assert!(["create done", "promote done", "notify done"].into_iter().all(said), "{log:#?}");
    let metrics: Vec<&Value> = parsed.iter().filter(|line| line.get("_aws").is_some()).collect();
    metrics.iter().for_each(|line| check_metrics(line));
    assert!(metrics.iter().any(|line| line["Created"] == 1), "{log:#?}");

    let keys = fixture.active_keys("ci-deploy").await;
    assert_eq!(keys.len(), 2);
    let credential = fixture.credential("ci-deploy").await;
    assert_eq!((&keys[0], credential["AccessKeyId"].as_str()), (&old, Some(keys[1].as_str())));
    let mail: Value = ureq::get(format!("{}/_ministack/ses/messages?account={}", account.url, account.id))
        .call()
        .and_then(|mut answer| answer.body_mut().read_json())
        .expect("the mail that was sent");
    let mail = &mail["messages"][&account.id];
    assert_eq!(mail[0]["To"], json!(["owner@example.com"]), "{mail}");
    assert!(mail[0]["BodyText"].as_str().is_some_and(|text| text.contains(keys[1].as_str())), "{mail}");
    let secret = credential["SecretAccessKey"].as_str().expect("text");
    assert!(!log.concat().contains(secret) && !mail.to_string().contains(secret));
}
