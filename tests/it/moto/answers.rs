//! What the binary says when an answer is none, or not to be believed.

use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{AT_ONCE, keys, ledger, manifests, prepared, shared, store, user_with_key, value};
use crate::{
    command::Folder,
    emulator::{Fault, TestAccount},
};

const PAGE: &str = "<!DOCTYPE html><html><body>Welcome to this hotel's network</body></html>";

/// A leak response as the README has it: reissue, and wait for nothing.
fn leak(users: &str) -> Folder {
    let folder = manifests("", users);
    folder.write("manifests/keyrota.toml", &shared(&format!("{AT_ONCE}\nreissue-before = {}", an_hour_ago())));
    folder
}

/// Before the new key, which is as old as the account's clock says.
fn an_hour_ago() -> String {
    (Utc::now() - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn outcome<'a>(report: &'a Value, action: &str) -> &'a Value {
    let outcomes = report["outcomes"].as_array().expect("a list");
    outcomes.iter().find(|outcome| outcome["action"] == action).unwrap_or_else(|| panic!("no {action} in {report:#}"))
}

/// The kinds of mail that were sent.
fn told(account: &TestAccount) -> Vec<String> {
    account.sent_mail().into_iter().map(|mail| mail.tags["kind"].clone()).collect()
}

#[tokio::test]
async fn in_a_leak_response_a_page_is_not_a_deactivation() {
    let account = prepared().await;
    let (leaked, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &leaked).await;
    let folder = leak("\"ci\"");
    account.add_fault(Fault::body("UpdateAccessKey", 200, PAGE));
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(5);
    ran.shows(&["could not tell whether iam:UpdateAccessKey for ci/"]);
    assert!(keys(&account, "ci").await.contains(&(leaked.clone(), true)));
    let report: Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    assert_eq!(outcome(&report, "deactivate")["result"], "failed");
    assert_eq!(told(&account), ["rotated"], "nobody is told that it has stopped");
    // The next run stops it.
    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    assert!(matches!(&keys(&account, "ci").await[..], [(key, true)] if *key != leaked));
}

#[tokio::test]
async fn a_page_is_not_a_deletion() {
    let account = prepared().await;
    let (leaked, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &leaked).await;
    let folder = leak("\"ci\"");
    account.add_fault(Fault::body("DeleteAccessKey", 200, PAGE));
    folder
        .run_in(&account, &["apply", "--yes"])
        .exits(5)
        .shows(&["could not tell whether iam:DeleteAccessKey for ci/"]);
    assert!(!told(&account).contains(&"deleted".to_owned()));
    assert!(keys(&account, "ci").await.contains(&(leaked, false)));
    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    assert_eq!(keys(&account, "ci").await.len(), 1);
}

/// The answer is AWS's own, and still the key works: the run's last look says so.
#[tokio::test]
async fn a_leak_response_looks_again_at_its_end() {
    let account = prepared().await;
    let (leaked, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &leaked).await;
    let folder = leak("\"ci\"");
    let held = shared(&format!("overlap = \"0d\"\nquiet = \"0d\"\nreissue-before = {}", an_hour_ago()));
    folder.write("manifests/keyrota.toml", &held);
    let lie = "<UpdateAccessKeyResponse><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></UpdateAccessKeyResponse>";
    account.add_fault(Fault::body("UpdateAccessKey", 200, lie));
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(5);
    ran.shows(&["the leaked key works all the same", "; 1 failed."]);
    let report: Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    assert_eq!(outcome(&report, "deactivate")["result"], "failed");
    assert_eq!(told(&account), ["rotated"], "nobody is told that it has stopped");
    assert_eq!(ledger(&account, "ci").await.1.get("keyrota:deactivated"), None);
    // The next run stops it, and is not blocked by the ledger of this one.
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 1 deactivated"]);
    assert!(keys(&account, "ci").await.contains(&(leaked, false)));
}

#[tokio::test]
async fn a_leak_response_that_cannot_look_again_fails() {
    let account = prepared().await;
    let (leaked, _) = user_with_key(&account, "ci", 10).await;
    store(&account, "ci", &leaked).await;
    let folder = leak("\"ci\"");
    // The survey, and before the first change; then the last look.
    account.add_fault(Fault::error("ListAccessKeys", 403, "AccessDenied", "no").skip(2).forever());
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5);
    ran.shows(&["whether the leaked key has stopped can't be told"]);
}

/// The key that could not be stored is taken back at once: nobody has it.
#[tokio::test]
async fn a_page_is_not_a_stored_key() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    account.add_fault(Fault::body("PutSecretValue", 200, PAGE));
    let folder = manifests("", "\"ci\"");
    folder.run_in(&account, &["apply", "--yes"]).exits(5).shows(&["could not be stored and was deleted again"]);
    assert_eq!(keys(&account, "ci").await, [(old.clone(), true)]);
    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    let after = keys(&account, "ci").await;
    let new = after.iter().find(|(key, _)| *key != old).map(|(key, _)| key.clone()).expect("a new key");
    assert_eq!(value(&account, "ci").await["AccessKeyId"], new.as_str());
}

/// A secret's first version is handed out at once: its key is not taken back because of an answer that came to grief.
#[tokio::test]
async fn a_key_that_was_stored_after_all_is_handed_out() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    account.add_fault(Fault::body("PutSecretValue", 200, PAGE).after_effect());
    let folder = manifests("", "\"ci\"");
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(0);
    ran.shows(&[
        "was stored, although AWS answered: could not tell whether",
        "Applied: 1 created, 1 promoted, 1 notified.",
    ]);
    let after = keys(&account, "ci").await;
    let new = after.iter().find(|(key, _)| *key != old).map(|(key, _)| key.clone()).expect("a new key");
    assert_eq!(value(&account, "ci").await["AccessKeyId"], new.as_str());
}

#[tokio::test]
async fn whether_a_key_was_stored_is_left_to_the_next_run_where_nobody_can_tell() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    account.add_fault(Fault::body("PutSecretValue", 200, PAGE).after_effect());
    // The survey knows the secret to be absent from the listing, and asks once before it acts on that.
    account.add_fault(Fault::error("DescribeSecret", 400, "AccessDeniedException", "no").skip(1));
    let folder = manifests("", "\"ci\"");
    folder.run_in(&account, &["apply", "--yes"]).exits(5).shows(&["was stored, the next run finds out"]);
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 1 promoted, 1 notified."]);
    let after = keys(&account, "ci").await;
    assert!(after.len() == 2 && after.contains(&(old, true)), "{after:?}");
}

#[tokio::test]
async fn a_page_is_not_a_mail() {
    let account = prepared().await;
    user_with_key(&account, "ci", 95).await;
    account.add_fault(Fault::body("SendEmail", 200, PAGE));
    let folder = manifests("", "\"ci\"");
    folder.run_in(&account, &["apply", "--yes"]).exits(5).shows(&["could not tell whether ses:SendEmail"]);
    assert_eq!(ledger(&account, "ci").await.1.get("keyrota:notified"), None);
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 1 notified."]);
}

/// IAM said no, and made a key all the same.
#[tokio::test]
async fn a_refused_creation_that_took_effect_is_left_to_the_next_run() {
    for code in ["AccessDenied", "NoSuchEntity"] {
        let account = prepared().await;
        let (old, _) = user_with_key(&account, "ci", 95).await;
        account.add_fault(Fault::error("CreateAccessKey", 403, code, "no").after_effect());
        let folder = manifests("", "\"ci\"");
        let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5);
        ran.shows(&["was made all the same, or by someone else; the next run sees to it"]);
        assert!(ledger(&account, "ci").await.1.contains_key("keyrota:intent"), "{code}");
        let orphan = keys(&account, "ci").await.into_iter().find(|(key, _)| *key != old).expect("it was made").0;
        // It is nobody's: the next run deactivates it, whatever it does with it then.
        folder.run_in(&account, &["apply", "--yes"]);
        let after = keys(&account, "ci").await;
        assert!(!after.contains(&(orphan, true)) && after.contains(&(old, true)), "{after:?}");
    }
}

#[tokio::test]
async fn a_refused_creation_without_effect_leaves_no_intent_unless_nobody_can_tell() {
    let account = prepared().await;
    user_with_key(&account, "ci", 95).await;
    account.add_fault(Fault::error("CreateAccessKey", 403, "AccessDenied", "no").forever());
    let folder = manifests("", "\"ci\"");
    folder.run_in(&account, &["apply", "--yes"]).exits(5);
    assert_eq!(ledger(&account, "ci").await.1.get("keyrota:intent"), None);
    // The survey, and before the creation; then the look for a key.
    account.add_fault(Fault::error("ListAccessKeys", 403, "AccessDenied", "not now").skip(2));
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(5);
    ran.shows(&["the next run looks whether a key was made all the same", "not now"]);
    assert!(ledger(&account, "ci").await.1.contains_key("keyrota:intent"));
}

/// Reads that fail on the way are no changes that failed, but they are said, and fail the run.
#[tokio::test]
async fn a_read_that_fails_on_the_way_is_said_with_its_cause() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    store(&account, "ci", &old).await;
    let folder = manifests(AT_ONCE, "\"ci\"");
    folder.write(
        "manifests/keyrota.toml",
        &shared(AT_ONCE).replace("[mail]\n", "[mail]\ndigest = [\"digest@example.com\"]\n"),
    );
    // Labels that are not as expected are looked up. The survey has asked for the same before.
    account.add_fault(Fault::replace("PutSecretValue", r#""AWSPENDING""#, r#""AWSPENDING", "OTHER""#));
    account.add_fault(Fault::error("DescribeSecret", 400, "AccessDeniedException", "Not you.").skip(1));
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(5);
    let ran = ran.shows(&[
        "not finished: permission `secretsmanager:DescribeSecret` is missing for ",
        "1 not finished: run it again.",
    ]);
    let report: Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    let cause = report["deferred"][0]["cause"].as_str().expect("a cause");
    assert!(cause.contains("Not you."), "{cause}");
    assert_eq!(report["deferred"][0]["user"], json!("ci"));
    let digest = account.sent_mail().into_iter().find(|mail| mail.tags["kind"] == "digest").expect("a digest");
    assert!(
        digest.text.contains(
            "Not finished; the next run goes on with: ci (permission `secretsmanager:DescribeSecret` is missing"
        ),
        "{}",
        digest.text
    );
    let keys = account.watch("ci", "/aws/iam/credentials/ci").keys;
    let secrets: Vec<SecretString> = keys.into_iter().map(|key| key.secret.into()).collect();
    super::assert_hidden(&secrets, &[&ran.stdout, &ran.stderr, &digest.text]);
}
