//! A secret that is to have another KMS key and a replica.

use serde_json::json;

use super::{destination, manifests, prepared, store, user_with_key, writes};
use crate::emulator::{Fault, TestAccount};

const UPKEEP: &str = "rotate-ahead = \"0d\"\nkms-key = \"alias/keys\"\nreplicate-to = [\"eu-central-1\"]";

async fn kms_key(account: &TestAccount, user: &str) -> Option<String> {
    let described = account.secrets().describe_secret().secret_id(destination(user)).send().await.expect("a secret");
    described.kms_key_id
}

#[tokio::test]
async fn a_secret_gets_what_the_manifest_says_once() {
    let account = prepared().await;
    let (key, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &key).await;
    let folder = manifests(UPKEEP, "\"ci\"");
    account.take_requests();
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["* ci  update", "Applied: 1 updated."]);
    let requests = account.take_requests();
    assert_eq!(writes(&requests), ["UpdateSecret", "ReplicateSecretToRegions"]);
    assert_eq!(kms_key(&account, "ci").await.as_deref(), Some("alias/keys"));
    let state = account.watch("ci", &destination("ci"));
    assert_eq!(state.replicas, ["eu-central-1"]);
    assert_eq!(state.labels, [("AWSCURRENT".to_owned(), key.version_id())].into(), "no version came of it");
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["No changes."]);
    assert_eq!(writes(&account.take_requests()), [] as [&str; 0]);
}

/// The answer is AWS's own, and nothing came of it.
#[tokio::test]
async fn an_update_is_done_when_the_secret_says_so() {
    let account = prepared().await;
    let (key, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &key).await;
    let name = destination("ci");
    let described = account.secrets().describe_secret().secret_id(&name).send().await.expect("a secret");
    let body = json!({ "ARN": described.arn, "Name": name }).to_string();
    account.add_fault(Fault::body("UpdateSecret", 200, &body));
    let folder = manifests(UPKEEP, "\"ci\"");
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5);
    ran.shows(&["AWS said that it was done, and the secret is encrypted with aws/secretsmanager all the same"]);
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 1 updated."]);
    assert_eq!(kms_key(&account, "ci").await.as_deref(), Some("alias/keys"));
}

#[tokio::test]
async fn a_replication_that_fails_is_said_by_the_run_that_met_it() {
    let account = prepared().await;
    let (key, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &key).await;
    let status = json!({ "Region": "eu-central-1", "Status": "Failed", "StatusMessage": "Secret already exists." });
    let described = account.secrets().describe_secret().secret_id(destination("ci")).send().await.expect("a secret");
    let body = json!({ "ARN": described.arn, "ReplicationStatus": [status] }).to_string();
    account.add_fault(Fault::body("ReplicateSecretToRegions", 200, &body));
    let folder = manifests(UPKEEP, "\"ci\"");
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5);
    ran.shows(&["the replication to eu-central-1 has failed: Secret already exists."]);
}
