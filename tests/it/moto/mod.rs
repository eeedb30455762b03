//! The binary against AWS as someone else wrote it: moto, behind the stricter launcher of `tests/emulator`.
//!
//! The binary's clock is the real one. What is to be old is backdated, and what is to be over is over at once by policy.

mod accounts;
mod answers;
mod delegated;
mod destinations;
mod everyone;
mod failures;
mod history;
mod interrupted;
mod mail;
mod organizations;
mod overlapping;
mod rotation;
mod scope;
mod unpatched;
mod upkeep;

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use keyrota::inventory::KeyId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    command::Folder,
    emulator::{Request, TestAccount, account},
};

/// A whole rotation in one run, as the predecessor did it.
const AT_ONCE: &str = "overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"";

/// The calls that change something.
const WRITES: [&str; 11] = [
    "CreateAccessKey",
    "CreateSecret",
    "DeleteAccessKey",
    "PutSecretValue",
    "ReplicateSecretToRegions",
    "SendEmail",
    "TagResource",
    "UntagResource",
    "UpdateAccessKey",
    "UpdateSecret",
    "UpdateSecretVersionStage",
];

/// Manifests with these `[defaults]` beside `notify`, and one rule for these users.
fn manifests(defaults: &str, users: &str) -> Folder {
    Folder::new(&[
        ("manifests/keyrota.toml", &shared(defaults)),
        ("manifests/team.toml", &format!("version = 1\n\n[[rotate]]\nusers = [{users}]\n")),
    ])
}

fn shared(defaults: &str) -> String {
    format!(
        "version = 1\n\n[defaults]\nnotify = [\"tag:email\"]\n{defaults}\n\n[mail]\n\
         from = \"Security <security@example.com>\"\nfallback = [\"security@example.com\"]\n"
    )
}

/// An account that may send mail.
async fn prepared() -> TestAccount {
    let account = account();
    account.allow_sender("example.com").await;
    account
}

/// A user with one key, so many days old. The account's clock is the real one afterwards.
async fn user_with_key(account: &TestAccount, name: &str, days: i64) -> (KeyId, SecretString) {
    let email = format!("{}@example.com", name.replace(',', "."));
    account.create_user(name, "/", &[("email", &email)], &[]).await;
    aged_key(account, name, days).await
}

async fn aged_key(account: &TestAccount, user: &str, days: i64) -> (KeyId, SecretString) {
    let key = account.create_key(user, Utc::now() - TimeDelta::days(days)).await;
    account.set_clock(Utc::now());
    key
}

/// The user's secret as a rotation leaves it: the key is stored, handed out and known.
async fn store(account: &TestAccount, user: &str, key: &KeyId) {
    let tag = |key: &str, value: &str| aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build();
    let secrets = account.secrets();
    let name = destination(user);
    let (owner, told) = (tag("Owner", user), tag("keyrota:notified", key.as_str()));
    secrets.create_secret().name(&name).tags(owner).tags(told).send().await.expect("a new secret");
    let put = secrets.put_secret_value().secret_id(&name).client_request_token(key.version_id());
    put.secret_string("{}").send().await.expect("a first version");
}

fn destination(user: &str) -> String {
    format!("/aws/iam/credentials/{}", user.replace(',', "_"))
}

/// The user's keys, oldest first, and whether they work.
async fn keys(account: &TestAccount, user: &str) -> Vec<(KeyId, bool)> {
    let all = account.iam().list_access_keys().user_name(user).into_paginator().items().send();
    let mut keys: Vec<_> = all.collect::<Result<_, _>>().await.expect("readable");
    keys.sort_by_key(|key| key.create_date);
    keys.iter()
        .map(|key| {
            let active = key.status == Some(aws_sdk_iam::types::StatusType::Active);
            (KeyId::new(key.access_key_id.as_deref().expect("an id")), active)
        })
        .collect()
}

/// Which version of the user's secret each label is on, and the secret's tags. Without those that say nothing: tags that were
/// emptied, and `AWSPENDING` where the version is handed out.
async fn ledger(account: &TestAccount, user: &str) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let answer = account.secrets().describe_secret().secret_id(destination(user)).send().await.expect("readable");
    let versions = answer.version_ids_to_stages.unwrap_or_default();
    let labels = versions.into_iter().flat_map(|(id, labels)| labels.into_iter().map(move |label| (label, id.clone())));
    let tags = answer.tags.unwrap_or_default().into_iter();
    let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let mut labels: BTreeMap<_, _> = labels.collect();
    if labels.get("AWSPENDING") == labels.get("AWSCURRENT") {
        labels.remove("AWSPENDING");
    }
    (labels, tags.filter(|(_, value)| !value.is_empty()).collect())
}

/// What a client reads: the value of the user's secret.
async fn value(account: &TestAccount, user: &str) -> Value {
    // AWSCURRENT is what AWS gives by default; moto gives what was current first.
    let request = account.secrets().get_secret_value().secret_id(destination(user)).version_stage("AWSCURRENT");
    let answer = request.send().await.expect("readable");
    serde_json::from_str(answer.secret_string().expect("a text")).expect("JSON")
}

/// The calls that changed something, in order.
fn writes(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.action.as_str()).filter(|action| WRITES.contains(action)).collect()
}

/// Checks that no text holds any of the secrets.
#[track_caller]
fn assert_hidden(secrets: &[SecretString], texts: &[&str]) {
    assert!(!secrets.is_empty() && secrets.iter().all(|secret| secret.expose_secret().len() >= 30));
    for text in texts {
        assert!(!secrets.iter().any(|secret| text.contains(secret.expose_secret())), "a secret access key was shown");
    }
}
