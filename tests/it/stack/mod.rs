//! The environment that Terraform plans, made in an emulator that enforces its policies: the schedule fires the function, keys
//! are rotated, mail is sent, and the log is as the alarms want it.
//!
//! `terraform/environments/test/tests/planned.json` holds the resources; `cargo xtask check-terraform` compares it with what
//! Terraform plans. ministack 1.5 takes every one of them. What it keeps and does not do, and so is shown elsewhere or
//! nowhere: it delivers no alarm and no mail of SNS and reads no embedded metrics; it encrypts nothing with the KMS key and
//! asks no key's policy; it does not ask whether the schedules' role may call the function, nor whether the function's may
//! write its log or send to its queue; it knows no `kms:ViaService`; it
//! believes what stands in a token of GitHub's, whoever signed it.

mod applier;
mod deploy;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use aws_credential_types::Credentials;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    emulator::REGION,
    support::deployment::{self, Caller, Deployment},
};

/// Where the function runs.
const HOME: &str = "999988887777";
/// The other accounts, by the modules of their resources.
const ACCOUNTS: [(&str, &str); 2] = [("module.payments_prod.", PROD), ("module.payments_test.", TEST)];
const PROD: &str = "111122223333";
const TEST: &str = "444455556666";
/// What stands in the plan for the id of a key that is not made yet.
const UNKNOWN_KEY: &str = "11111111-2222-3333-4444-555555555555";
const FUNCTION: &str = "keyrota-test";
/// How long Scheduler and the function may take.
const PATIENCE: Duration = Duration::from_secs(50);

/// What Terraform plans, by address.
fn planned() -> BTreeMap<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform/environments/test/tests/planned.json");
    serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON")
}

/// An SDK's client that calls as somebody.
macro_rules! client {
    ($sdk:ident, $deployment:expr, $credentials:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version_latest()
                .endpoint_url(&$deployment.url)
                .region($sdk::config::Region::new(REGION))
                .credentials_provider($credentials)
                .build(),
        )
    };
}

/// The credentials of a role, for whoever may assume it.
async fn assume(deployment: &Deployment, caller: &Caller, role: &str) -> Result<Credentials, String> {
    let sts = client!(aws_sdk_sts, deployment, caller.credentials());
    let answer = sts.assume_role().role_arn(role).role_session_name("test").send().await;
    let answer = answer.map_err(|error| format!("{role}: {error:?}"))?.credentials.expect("credentials");
    let token = Some(answer.session_token().to_owned());
    Ok(Credentials::new(answer.access_key_id(), answer.secret_access_key(), token, None, "test"))
}

/// The credentials of a role for a workflow of GitHub's, which says what it runs for.
async fn workflow(deployment: &Deployment, role: &str, subject: &str) -> Result<Credentials, String> {
    let claims =
        json!({ "iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", "sub": subject });
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let token =
        format!("{}.{}.{}", part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims.to_string()), part("signature"));
    let sts = client!(aws_sdk_sts, deployment, deployment.root(HOME).credentials());
    let arn = format!("arn:aws:iam::{HOME}:role/{FUNCTION}-{role}");
    let call =
        sts.assume_role_with_web_identity().role_arn(arn).role_session_name("workflow").web_identity_token(token);
    let answer = call.send().await.map_err(|error| format!("{role}: {error:?}"))?.credentials.expect("credentials");
    let token = Some(answer.session_token().to_owned());
    Ok(Credentials::new(answer.access_key_id(), answer.secret_access_key(), token, None, "test"))
}

/// A user of a team with a key; returns the key.
async fn user(deployment: &Deployment, account: &str, name: &str, path: &str, team: &str) -> Credentials {
    let iam = client!(aws_sdk_iam, deployment, deployment.root(account).credentials());
    let tag = |key: &str, value: &str| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().expect("a tag");
    let tags = vec![tag("email", &format!("{name}@example.com")), tag("team", team)];
    iam.create_user().user_name(name).path(path).set_tags(Some(tags)).send().await.expect("a user");
    let key = iam.create_access_key().user_name(name).send().await.expect("a key").access_key.expect("a key");
    Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test")
}

/// The ids of a user's active keys.
async fn active_keys(deployment: &Deployment, account: &str, user: &str) -> BTreeSet<String> {
    let iam = client!(aws_sdk_iam, deployment, deployment.root(account).credentials());
    let keys = iam.list_access_keys().user_name(user).send().await.expect("keys").access_key_metadata;
    let active = keys.into_iter().filter(|key| key.status().is_some_and(|status| status.as_str() == "Active"));
    active.filter_map(|key| key.access_key_id).collect()
}

/// A package with the manifests of this repository.
fn package() -> &'static [u8] {
    static PACKAGE: LazyLock<Vec<u8>> = LazyLock::new(pack);
    &PACKAGE
}

fn pack() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifests = folder.path().join("manifests");
    fs::create_dir(&manifests).expect("a folder");
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")).expect("manifests") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            fs::copy(&path, manifests.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    deployment::package(Path::new(env!("CARGO_BIN_EXE_bootstrap")), folder.path())
}

/// Waits until so many runs of this mode have ended, and returns the log.
fn after_runs(deployment: &Deployment, mode: &str, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let log = deployment.log(HOME, FUNCTION);
        let lines = log.iter().filter(|line| line.starts_with('{'));
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let ended = lines.iter().filter(|line| line["message"] == "run completed" && line["mode"] == mode);
        if ended.count() >= count {
            return lines;
        }
        assert!(start.elapsed() < PATIENCE, "no run ends; the log: {log:#?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// 08:00 on the first of the month before.
fn last_enforcement(now: DateTime<Utc>) -> DateTime<Utc> {
    let first = now.with_day(1).expect("a first").with_time(NaiveTime::from_hms_opt(8, 0, 0).expect("a time"));
    first.single().expect("UTC")
}

#[tokio::test]
async fn what_terraform_plans_rotates_keys() {
    let mut deployment = Deployment::start(true);
    let now = Utc::now();
    deployment.set_clock(now - TimeDelta::days(95));
    let old = user(&deployment, PROD, "svc-reports", "/", "reports").await;
    let robot = user(&deployment, TEST, "picker", "/robots/", "robots").await;
    // The policies tell these two by their tags; and the third is beyond the boundary that a person set.
    user(&deployment, PROD, "ci-deploy", "/", "payments").await;
    user(&deployment, PROD, "ci-other", "/", "other").await;
    user(&deployment, PROD, "ci-beyond", "/people/", "payments").await;
    user(&deployment, PROD, "admin", "/", "payments").await;

    // A minute before the first of a month.
    let fired = last_enforcement(now);
    deployment.set_clock(fired - TimeDelta::minutes(1));
    let stack = applier::apply(&deployment, package());
    assert_eq!(stack.created.len(), planned().len(), "{:?}", stack.created);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(deployment.log(HOME, FUNCTION), [""; 0], "nothing has fired it yet");
    deployment.set_clock(now);

    // That of the first of the month carries on as well, before or after the other.
    after_runs(&deployment, "tend", 1);
    let log = after_runs(&deployment, "enforce", 1);
    for (account, user) in [(PROD, "svc-reports"), (PROD, "ci-deploy"), (TEST, "picker")] {
        for message in ["create done", "promote done", "notify done"] {
            let said = log.iter().any(|line| {
                line["message"] == message
                    && line["user"] == user
                    && line["account"].as_str().is_some_and(|shown| shown.starts_with(account))
            });
            assert!(said, "{message} of {user}: {log:#?}");
        }
    }
    let metrics: Vec<&Value> = log.iter().filter(|line| line.get("_aws").is_some()).collect();
    let namespaces: BTreeSet<&str> =
        metrics.iter().filter_map(|line| line["_aws"]["CloudWatchMetrics"][0]["Namespace"].as_str()).collect();
    let watched: BTreeSet<&str> = stack
        .resources
        .values()
        .filter_map(|resource| resource["values"]["namespace"].as_str())
        .filter(|namespace| !namespace.starts_with("AWS/"))
        .collect();
    assert_eq!(namespaces, watched, "the alarms look where the function writes");
    assert!(metrics.iter().any(|line| line["Created"] == 3 && line["Failures"] == 1), "{metrics:#?}");
    let beyond = log.iter().find(|line| line["message"] == "create failed" && line["user"] == "ci-beyond");
    let error = beyond.and_then(|line| line["error"].as_str()).unwrap_or_default();
    assert!(error.contains("permission `iam:CreateAccessKey` is missing for ci-beyond"), "{log:#?}");

    // Users read their own new keys with their old ones, under the planned policies.
    for (account, name, key, secret, template) in [
        (PROD, "svc-reports", &old, "/aws/iam/credentials/svc-reports", "keyrota-reader-aws-iam-credentials-user"),
        (TEST, "picker", &robot, "robots/picker", "keyrota-reader-robots-user"),
    ] {
        let reader = stack.resources.iter().find(|(address, resource)| {
            applier::account_of(address) == account
                && resource["values"]["name"].as_str().is_some_and(|name| name.starts_with(template))
        });
        let reader = reader.expect("a reader policy").1["values"]["name"].as_str().expect("a name");
        let arn = format!("arn:aws:iam::{account}:policy/{reader}");
        let root = client!(aws_sdk_iam, deployment, deployment.root(account).credentials());
        root.attach_user_policy().user_name(name).policy_arn(arn).send().await.expect("attached");
        let secrets = client!(aws_sdk_secretsmanager, deployment, key.clone());
        let value = secrets.get_secret_value().secret_id(secret).send().await.expect("its own secret");
        let value: Value = serde_json::from_str(value.secret_string().expect("text")).expect("JSON");
        let active = active_keys(&deployment, account, name).await;
        let new = value["AccessKeyId"].as_str().expect("an id");
        assert!(active.contains(new) && active.contains(key.access_key_id()) && active.len() == 2, "{active:?}");
        assert!(!format!("{log:?}").contains(value["SecretAccessKey"].as_str().expect("text")));
    }
    let others = client!(aws_sdk_secretsmanager, deployment, robot);
    let foreign = others.get_secret_value().secret_id("/aws/iam/credentials/svc-reports").send().await;
    assert!(foreign.is_err(), "somebody else's");
    for user in ["admin", "ci-other", "ci-beyond"] {
        assert_eq!(active_keys(&deployment, PROD, user).await.len(), 1, "no new key for {user}");
    }

    let url = format!("{}/_ministack/ses/messages?account={HOME}", deployment.url);
    let mail: Value = ureq::get(url).call().and_then(|mut answer| answer.body_mut().read_json()).expect("mail");
    let to: BTreeSet<String> = mail["messages"][HOME]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|mail| mail["To"][0].as_str().map(str::to_owned))
        .collect();
    assert!(to.contains("payments-reports@example.com") && to.contains("picker@example.com"), "{mail:#}");

    // The next day, the other schedule carries on.
    deployment.set_clock(fired.max(now) + TimeDelta::days(1));
    after_runs(&deployment, "tend", 2);
}

/// Two environments of one account make nothing of the same name, but for what an account has once.
#[test]
fn two_environments_do_not_collide() {
    let names = |resources: &BTreeMap<String, Value>| -> BTreeSet<(String, String)> {
        let name_of = |resource: &Value| {
            ["name", "function_name", "alarm_name", "email_identity", "url"]
                .iter()
                .find_map(|name| resource["values"][name].as_str().map(str::to_owned))
        };
        let home = resources.iter().filter(|(address, _)| applier::account_of(address) == HOME);
        home.filter_map(|(_, resource)| Some((resource["type"].as_str()?.to_owned(), name_of(resource)?))).collect()
    };
    let test = planned();
    // Policies of roles are within their roles, schedules within their group.
    let within = ["aws_iam_role_policy", "aws_scheduler_schedule"];
    let text = serde_json::to_string(&test).expect("JSON").replace("keyrota-test", "keyrota-prod");
    let prod: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    let shared: BTreeSet<_> = names(&test).intersection(&names(&prod)).map(|(kind, _)| kind.clone()).collect();
    let expected = ["aws_iam_openid_connect_provider", "aws_sesv2_email_identity"];
    let shared: Vec<_> = shared.iter().filter(|kind| !within.contains(&kind.as_str())).collect();
    assert_eq!(shared, expected, "which have variables for an account that has them already");
}
