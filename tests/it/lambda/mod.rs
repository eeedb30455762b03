//! The real `bootstrap` through the Lambda runtime API, against moto.

mod deployed;
mod events;
mod failures;
mod insights;
mod runs;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::inventory::KeyId;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    emulator::{TestAccount, account},
    support::runtime_api::{Failure, Function, REQUEST_ID},
};

/// What tests of one function share: an account, and a package with manifests.
struct Fixture {
    account: TestAccount,
    package: TempDir,
}

/// The shared manifest; tests add rules.
const SHARED: &str = r#"
version = 1
[defaults]
notify = ["tag:email"]
[mail]
from = "security@example.com"
[schedule]
enforce = "cron(0 8 1 * ? *)"
"#;

const RULE: &str = r#"
version = 1
[[rotate]]
users = ["ci-*"]
"#;

impl Fixture {
    /// An account that may send mail, and a package that rotates `ci-*`.
    async fn new() -> Self {
        let account = account();
        account.allow_sender("security@example.com").await;
        Self::of(account)
    }

    fn of(account: TestAccount) -> Self {
        let fixture = Self { account, package: TempDir::new().expect("a writable folder for temporary files") };
        fs::create_dir(fixture.package.path().join("manifests")).expect("a writable package");
        fixture.write("keyrota.toml", SHARED);
        fixture.write("rules.toml", RULE);
        fixture
    }

    fn write(&self, manifest: &str, text: &str) {
        fs::write(self.package.path().join("manifests").join(manifest), text).expect("a writable package");
    }

    /// A user with a key that is so many days old.
    async fn user(&self, name: &str, days: i64) -> KeyId {
        let owner = format!("{name}@example.com");
        self.account.create_user(name, "/", &[("email", &owner)], &[]).await;
        self.key(name, days).await
    }

    async fn key(&self, user: &str, days: i64) -> KeyId {
        let now = Utc::now();
        let (key, _) = self.account.create_key(user, now - TimeDelta::days(days)).await;
        self.account.set_clock(now);
        self.account.take_requests();
        key
    }

    fn start(&self) -> Function {
        self.start_with(&[])
    }

    fn start_with(&self, environment: &[(&'static str, &str)]) -> Function {
        let mut all = self.account.environment();
        all.extend(environment.iter().map(|&(name, value)| (name, value.to_owned())));
        Function::start(&bootstrap(), self.package.path(), all)
    }

    /// The ids of a user's keys that work, the newest last.
    async fn active_keys(&self, user: &str) -> Vec<KeyId> {
        let answer = self.account.iam().list_access_keys().user_name(user).send().await.expect("readable");
        let mut keys: Vec<_> = answer.access_key_metadata;
        keys.retain(|key| key.status().is_some_and(|status| status.as_str() == "Active"));
        keys.sort_by_key(|key| key.create_date().map(|date| date.as_nanos()));
        keys.iter().map(|key| KeyId::new(key.access_key_id().expect("an id"))).collect()
    }

    /// What the user's clients read now.
    async fn credential(&self, user: &str) -> Value {
        let secret = format!("/aws/iam/credentials/{user}");
        let answer = self.account.secrets().get_secret_value().secret_id(secret).send().await.expect("a stored key");
        serde_json::from_str(answer.secret_string().expect("text")).expect("JSON")
    }

    /// The calls since this was last asked that change something or send mail.
    fn writes(&self) -> Vec<String> {
        let reads = [
            "AssumeRole",
            "DescribeSecret",
            "GetAccessKeyLastUsed",
            "GetAccountAuthorizationDetails",
            "GetCallerIdentity",
            "ListAccessKeys",
            "ListSecrets",
        ];
        let actions = self.account.take_requests().into_iter().map(|request| request.action);
        actions.filter(|action| !reads.contains(&action.as_str())).collect()
    }
}

/// The program under test: what `cargo test` built, or the one in `KEYROTA_BOOTSTRAP`, such as that of a package.
fn bootstrap() -> PathBuf {
    std::env::var_os("KEYROTA_BOOTSTRAP").map_or_else(|| env!("CARGO_BIN_EXE_bootstrap").into(), PathBuf::from)
}

fn event(mode: &str) -> Value {
    json!({ "mode": mode })
}

/// What was done to whom, in order: `create ci-a`.
#[track_caller]
fn outcomes(report: &Value) -> Vec<String> {
    let outcomes = report["outcomes"].as_array().unwrap_or_else(|| panic!("no outcomes in {report:#}"));
    let text = |outcome: &Value, name: &str| outcome[name].as_str().expect("text").to_owned();
    let one = |outcome: &Value| {
        let result = match text(outcome, "result") {
            result if result == "done" => String::new(),
            result => format!(" {result}"),
        };
        format!("{} {}{result}", text(outcome, "action"), text(outcome, "user"))
    };
    outcomes.iter().map(one).collect()
}

/// The lines of a log in JSON, and among them the metrics; checks the form of both.
struct Log {
    lines: Vec<Value>,
    metrics: Vec<Value>,
}

impl Log {
    #[track_caller]
    fn parse(stdout: &str) -> Self {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        let (metrics, lines): (Vec<Value>, Vec<Value>) =
            stdout.lines().map(parse).partition(|line: &Value| line.get("_aws").is_some());
        for line in &lines {
            assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
            // Calls to AWS are told at a level of their own, in fields.
            assert!(line["message"].is_string() || line["level"] == "DEBUG", "{line}");
            assert_eq!(line["span"]["requestId"], REQUEST_ID, "{line}");
        }
        for line in &metrics {
            check_metrics(line);
        }
        Self { lines, metrics }
    }

    /// The messages of a level and above, in order.
    fn messages(&self, levels: &[&str]) -> Vec<&str> {
        let of_level = |line: &&Value| line["level"].as_str().is_some_and(|level| levels.contains(&level));
        self.lines.iter().filter(of_level).filter_map(|line| line["message"].as_str()).collect()
    }

    /// The values of a metric over all accounts, one for each invocation that told it.
    fn metric(&self, name: &str) -> Vec<i64> {
        let totals = self.metrics.iter().filter(|line| line.get("account").is_none());
        totals.filter_map(|line| line[name].as_i64()).collect()
    }
}

/// What the specification of the embedded metric format demands.
#[track_caller]
fn check_metrics(line: &Value) {
    let time = line["_aws"]["Timestamp"].as_i64().and_then(DateTime::from_timestamp_millis).expect("milliseconds");
    assert!((Utc::now() - time).abs() < TimeDelta::hours(1), "{time}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().expect("directives");
    for directive in directives {
        assert_eq!(directive["Namespace"], "keyrota");
        for name in
            directive["Dimensions"].as_array().expect("sets").iter().flat_map(|set| set.as_array().expect("a set"))
        {
            assert!(line[name.as_str().expect("a name")].is_string(), "{line} lacks the dimension {name}");
        }
        for metric in directive["Metrics"].as_array().expect("metrics") {
            assert!(line[metric["Name"].as_str().expect("a name")].is_number(), "{line} lacks {metric}");
            assert!(["Count", "None"].contains(&metric["Unit"].as_str().expect("a unit")), "{metric}");
        }
    }
}
