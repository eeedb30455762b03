//! The package, really deployed: ministack unpacks it, EventBridge fires it, and everything it did is found there.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Instant,
};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::*;
use crate::emulator::{REGION, python};

/// How long EventBridge and the function may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running ministack. Ends when dropped, with the functions that it runs.
struct Deployment {
    process: Child,
    /// `None` once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    account: TestAccount,
}

impl Deployment {
    fn start() -> Self {
        let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/deployment.py");
        let mut process = Command::new(python("ministack.txt"))
            .arg(&launcher)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} did not start: {error}", launcher.display()));
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut port = String::new();
        answers.read_line(&mut port).expect("readable");
        let port: u16 = port.trim().parse().expect("the launcher prints its port first; see its errors above");
        let account = TestAccount {
            // Keys that ministack issues are of this account, whoever asks for them.
            id: "000000000000".to_owned(),
            url: format!("http://127.0.0.1:{port}"),
            region: REGION.to_owned(),
        };
        Self { process, orders, answers, account }
    }

    fn set_clock(&mut self, time: DateTime<Utc>) {
        let orders = self.orders.as_mut().expect("it runs");
        writeln!(orders, "{}", time.to_rfc3339()).expect("the launcher listens");
        self.answers.read_line(&mut String::new()).expect("the launcher answers");
    }

    /// Calls an API for which these tests have no client.
    fn call(&self, service: &str, path: &str, target: &str, body: &Value) -> Value {
        let TestAccount { id, url, region } = &self.account;
        let credential = format!("Credential={id}/20260101/{region}/{service}/aws4_request");
        let agent = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().new_agent();
        let request = agent
            .post(format!("{url}{path}"))
            .header("Authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00"))
            .header("X-Amz-Target", target);
        let mut answer = request.send_json(body).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        assert!(answer.status().is_success(), "{service} {path} {target}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The lines of the function's log so far.
    fn log(&self) -> Vec<String> {
        let group = json!({ "logGroupNamePrefix": "/aws/lambda/keyrota" });
        let groups = self.call("logs", "/", "Logs_20140328.DescribeLogGroups", &group);
        if groups["logGroups"].as_array().is_none_or(Vec::is_empty) {
            return Vec::new();
        }
        let group = json!({ "logGroupName": "/aws/lambda/keyrota" });
        let answer = self.call("logs", "/", "Logs_20140328.FilterLogEvents", &group);
        let events = answer["events"].as_array().expect("events");
        let messages = events.iter().map(|event| event["message"].as_str().expect("text"));
        messages.flat_map(str::lines).map(str::to_owned).collect()
    }

    /// The function's zip file, with these manifests in it.
    fn package(fixture: &Fixture) -> Vec<u8> {
        let zip = fixture.package.path().join("keyrota.zip");
        fs::copy(bootstrap(), fixture.package.path().join("bootstrap")).expect("a writable package");
        let output = Command::new(python("ministack.txt"))
            .args(["-m", "zipfile", "-c", "keyrota.zip", "bootstrap", "manifests/"])
            .current_dir(&fixture.package)
            .output();
        assert!(output.expect("python starts").status.success());
        fs::read(zip).expect("a zip file")
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // Not killed, so that it removes what it has unpacked.
        self.orders = None;
        // It may have ended already.
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn the_package_is_fired_by_eventbridge_and_rotates() {
    let mut deployment = Deployment::start();
    let account = deployment.account.clone();
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
        "Code": { "ZipFile": BASE64_STANDARD.encode(Deployment::package(&fixture)) },
        "Timeout": 900,
        "MemorySize": 128,
        "LoggingConfig": { "LogFormat": "JSON" },
        "Environment": { "Variables": { "KEYROTA_REVISION": "0123abc" } },
    });
    let function = deployment.call("lambda", "/2015-03-31/functions", "", &function);
    let rule = json!({ "Name": "enforce", "ScheduleExpression": "rate(30 days)", "State": "ENABLED" });
    deployment.call("events", "/", "AWSEvents.PutRule", &rule);
    let targets = json!({ "Rule": "enforce", "Targets": [{ "Id": "1", "Arn": function["FunctionArn"] }] });
    deployment.call("events", "/", "AWSEvents.PutTargets", &targets);
    assert_eq!(deployment.log(), [""; 0], "nothing has fired it yet");
    deployment.set_clock(now);

    let start = Instant::now();
    let log = loop {
        let log = deployment.log();
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
