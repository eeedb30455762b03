//! A whole rotation, stage by stage.

use secrecy::SecretString;
use serde_json::json;

use super::{
    assert_hidden, destination, keys, ledger, manifests, prepared, shared, store, user_with_key, value, writes,
};
use crate::emulator::{Request, TestAccount};

/// The actions that concern one user: its keys, its secret, its mail, and what its new key signed.
fn of<'a>(requests: &'a [Request], user: &str, new: &str) -> Vec<&'a str> {
    let (secret, mail) = (destination(user), format!("{user}@example.com"));
    let concerns = |request: &&Request| {
        request.user.as_deref() == Some(user)
            || request.secret.as_deref() == Some(&secret)
            || request.to.as_deref() == Some(&mail)
            || request.caller == new
    };
    requests.iter().filter(concerns).map(|request| request.action.as_str()).collect()
}

async fn secret_of(account: &TestAccount, user: &str) -> SecretString {
    SecretString::from(value(account, user).await["SecretAccessKey"].as_str().expect("a text"))
}

#[tokio::test]
async fn a_rotation_goes_from_the_first_key_to_the_next_without_a_gap() {
    let account = prepared().await;
    // One user whose old key keyrota stored, and one that keyrota never met.
    let (known_old, known_secret) = user_with_key(&account, "known", 95).await;
    let (fresh_old, fresh_secret) = user_with_key(&account, "fresh", 200).await;
    store(&account, "known", &known_old).await;
    account.take_requests();
    let folder = manifests("", "\"known\", \"fresh\"");
    let apply = ["apply", "--yes", "-v", "--json-into", "out.json"];

    // The new keys are issued, stored, verified, handed out and told, in this order.
    let first = folder.run_in(&account, &apply).exits(0).shows(&["Applied: 2 created, 2 promoted, 2 notified."]);
    let requests = account.take_requests();
    let (known, fresh) = (keys(&account, "known").await, keys(&account, "fresh").await);
    assert_eq!((known.len(), fresh.len()), (2, 2));
    assert!(known.iter().chain(&fresh).all(|(_, active)| *active), "both keys of both users work");
    let (known_new, fresh_new) = (known[1].0.clone(), fresh[1].0.clone());
    let tail = ["SendEmail", "TagResource"];
    let create = ["CreateAccessKey", "PutSecretValue", "GetCallerIdentity"];
    let read = ["ListAccessKeys", "DescribeSecret", "ListAccessKeys"];
    // Of a secret that was there before it matters who reads it.
    let read_known = ["ListAccessKeys", "DescribeSecret", "GetResourcePolicy", "ListAccessKeys"];
    let swap = ["UpdateSecretVersionStage"];
    assert_eq!(
        of(&requests, "known", known_new.as_str()),
        [&read_known[..], &["TagResource"], &create, &swap, &tail].concat()
    );
    // A secret's first version is AWSCURRENT at once: only AWSPENDING is left to drop.
    assert_eq!(
        of(&requests, "fresh", fresh_new.as_str()),
        [&read[..], &["CreateSecret"], &create, &swap, &tail].concat()
    );
    let current = |new: &keyrota::inventory::KeyId| ("AWSCURRENT".to_owned(), new.version_id());
    let previous = ("AWSPREVIOUS".to_owned(), known_old.version_id());
    let (labels, tags) = ledger(&account, "known").await;
    assert_eq!(labels, [current(&known_new), previous].into());
    assert_eq!(tags.get("keyrota:user"), Some(&format!("arn:aws:iam::{}:user/known", account.id)));
    assert_eq!((tags.get("keyrota:notified"), tags.get("keyrota:intent")), (Some(&known_new.to_string()), None));
    let (labels, tags) = ledger(&account, "fresh").await;
    assert_eq!(labels, [current(&fresh_new)].into());
    assert_eq!(tags.get("Owner").map(String::as_str), Some("fresh"));
    let secrets = [secret_of(&account, "known").await, secret_of(&account, "fresh").await, known_secret, fresh_secret];
    for (user, new) in [("known", &known_new), ("fresh", &fresh_new)] {
        let stored = value(&account, user).await;
        let secret = stored["SecretAccessKey"].clone();
        let id = new.as_str();
        assert_eq!(stored, json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, "AccessKey": id }));
    }
    let mail = account.sent_mail();
    let to: Vec<_> = mail.iter().map(|mail| mail.to.join(",")).collect();
    assert!(to.len() == 2 && to.contains(&"known@example.com".to_owned()), "{to:?}");
    assert!(mail.iter().all(|mail| mail.text.contains("works until") && mail.html.contains("works until")));

    // Right after there is nothing to do.
    account.take_requests();
    let second = folder.run_in(&account, &apply).exits(0).shows(&["No changes. 2 held."]);
    let requests = account.take_requests();
    assert_eq!(writes(&requests), [] as [&str; 0]);

    // The overlap is over: the old keys are deactivated, and can be activated again.
    folder.write("manifests/keyrota.toml", &shared("overlap = \"0d\"\nquiet = \"0d\""));
    let third = folder.run_in(&account, &apply).exits(0).shows(&["Applied: 2 deactivated, 2 mailed."]);
    let requests = account.take_requests();
    let retired = of(&requests, "known", "");
    let deactivate = ["ListAccessKeys", "TagResource", "UpdateAccessKey", "TagResource"];
    let told = ["SendEmail", "TagResource"];
    assert_eq!(retired, [&["ListAccessKeys", "DescribeSecret"][..], &deactivate, &told].concat());
    assert_eq!(keys(&account, "known").await, [(known_old.clone(), false), (known_new.clone(), true)]);
    account.take_requests();
    folder.run_in(&account, &apply).exits(0).shows(&["No changes. 2 held."]);
    assert_eq!(writes(&account.take_requests()), [] as [&str; 0]);

    // The hold is over: they are deleted.
    folder.write("manifests/keyrota.toml", &shared("overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\""));
    let fourth = folder.run_in(&account, &apply).exits(0).shows(&["Applied: 2 deleted, 2 mailed."]);
    let requests = account.take_requests();
    assert_eq!(writes(&requests).iter().filter(|action| **action == "DeleteAccessKey").count(), 2);
    assert_eq!(keys(&account, "known").await, [(known_new, true)]);
    assert_eq!(keys(&account, "fresh").await, [(fresh_new, true)]);
    account.take_requests();
    let fifth = folder.run_in(&account, &apply).exits(0).shows(&["No changes. 2 users in scope, next rotation"]);
    assert_eq!(writes(&account.take_requests()), [] as [&str; 0]);
    assert!(keys(&account, "fresh").await.iter().all(|(id, _)| *id != fresh_old));

    let mail = account.sent_mail();
    assert_eq!(mail.len(), 6, "each owner was told of the rotation, the deactivation and the deletion, once");
    let mut texts: Vec<&str> =
        [&first, &second, &third, &fourth, &fifth].iter().flat_map(|ran| [&*ran.stdout, &*ran.stderr]).collect();
    texts.extend(mail.iter().flat_map(|mail| [&*mail.subject, &*mail.text, &*mail.html]));
    let report = folder.read("out.json");
    texts.push(&report);
    assert_hidden(&secrets, &texts);
    assert!(first.stderr.contains("iam:CreateAccessKey"), "-v shows the calls: {}", first.stderr);
}

#[tokio::test]
async fn secret_values_are_never_read() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    store(&account, "ci", &old).await;
    account.take_requests();
    let folder = manifests(super::AT_ONCE, "\"ci\"");
    for command in [&["plan"][..], &["status"], &["explain", "ci"], &["apply", "--yes"], &["apply", "--yes"]] {
        folder.run_in(&account, command).exits(0);
    }
    let counts = account.count_requests();
    let reads: Vec<_> = counts.keys().filter(|action| action.contains("SecretValue")).collect();
    assert_eq!(reads, ["PutSecretValue"]);
    assert_eq!(counts["DeleteAccessKey"], 1, "the whole rotation took place: {counts:?}");
}

#[tokio::test]
async fn looking_changes_nothing() {
    let account = prepared().await;
    user_with_key(&account, "ci", 95).await;
    account.take_requests();
    let folder = manifests("", "\"ci\"");
    folder.run_in(&account, &["plan"]).exits(0).shows(&["Plan: 1 to create"]);
    folder.run_in(&account, &["plan", "--at", "2100-01-01", "--detailed-exitcode"]).exits(2);
    folder.run_in(&account, &["status"]).exits(0).shows(&["create now"]);
    folder.run_in(&account, &["explain", "ci"]).exits(0);
    folder.run_in(&account, &["apply"]).exits(1).says(&["nobody is here to approve the plan"]);
    folder.run_in(&account, &["apply", "--yes", "--at", "2100-01-01"]).exits(1);
    folder.run_in(&account, &["check"]).exits(0);
    assert_eq!(writes(&account.take_requests()), [] as [&str; 0]);
}

#[tokio::test]
async fn a_user_that_is_out_of_scope_costs_nothing() {
    let account = prepared().await;
    user_with_key(&account, "ci", 10).await;
    user_with_key(&account, "alice", 900).await;
    account.take_requests();
    manifests("", "\"ci\"").run_in(&account, &["apply", "--yes"]).exits(0).shows(&["No changes. 1 user in scope"]);
    let mut actions: Vec<_> =
        account.take_requests().into_iter().map(|request| (request.action, request.user)).collect();
    actions.sort_unstable();
    let expected = [
        ("GetAccountAuthorizationDetails", None),
        ("GetCallerIdentity", None),
        ("ListAccessKeys", Some("ci")),
        ("ListSecrets", None),
    ];
    assert_eq!(actions, expected.map(|(action, user)| (action.to_owned(), user.map(str::to_owned))));
}
