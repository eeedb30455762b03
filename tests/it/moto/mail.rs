//! Where mail leaves from, and when SES takes no more of it.

use serde_json::Value;

use super::{keys, manifests, prepared, shared, user_with_key};
use crate::emulator::{Fault, TestAccount, account};

#[tokio::test]
async fn mail_leaves_from_the_region_that_the_manifest_names() {
    let account = account();
    let elsewhere = TestAccount { region: "us-east-1".to_owned(), ..account.clone() };
    elsewhere.allow_sender("example.com").await;
    user_with_key(&account, "ci", 95).await;
    let folder = manifests("", "\"ci\"");
    folder.run_in(&account, &["apply", "--yes"]).exits(5);
    assert_eq!(account.sent_mail().len(), 0, "the sender is not verified here");
    folder.write("manifests/keyrota.toml", &(shared("") + "region = \"us-east-1\"\n"));
    account.take_requests();
    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    assert_eq!(account.sent_mail().len(), 1);
    let sent: Vec<_> = account.take_requests().into_iter().filter(|request| request.action == "SendEmail").collect();
    assert_eq!(sent[0].region.as_deref(), Some("us-east-1"));
}

#[tokio::test]
async fn a_days_mail_that_is_used_up_is_tried_once_and_told_by_the_next_run() {
    let account = prepared().await;
    let users: Vec<String> = (0..12).map(|number| format!("ci-{number:02}")).collect();
    for user in &users {
        user_with_key(&account, user, 95).await;
    }
    let folder = manifests("", "\"ci-*\"");
    let quota = Fault::error("SendEmail", 400, "ThrottlingException", "Daily message quota exceeded.");
    account.add_fault(quota.skip(3).times(20));
    account.take_requests();
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(5);
    ran.shows(&[
        "! 9 users",
        "not finished: ses:SendEmail failed, the daily quota of SES is used up: ",
        "Applied: 12 created, 12 promoted, 3 notified; 9 not finished: run it again.",
    ]);
    let tried = account.count_requests()["SendEmail"];
    // All of them may be under way when the first is refused; nobody is tried twice.
    assert!((4..=12).contains(&tried), "{tried}");
    let report: Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    let deferred = report["deferred"].as_array().expect("a list");
    assert_eq!(deferred.len(), 9);
    assert!(
        deferred.iter().all(|one| one["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("daily quota") && !cause.contains('@')))
    );
    for user in &users {
        assert_eq!(keys(&account, user).await.len(), 2, "the old key stays until its owner was told");
    }
}

/// What owners are told beside the new key fails nothing; that it was not even tried is said once.
#[tokio::test]
async fn reminders_that_a_used_up_day_leaves_untried_are_said_once_and_sent_by_the_next_run() {
    let account = prepared().await;
    let users: Vec<String> = (0..12).map(|number| format!("ci-{number:02}")).collect();
    for user in &users {
        user_with_key(&account, user, 95).await;
    }
    let folder = manifests("overlap = \"0d\"\nquiet = \"0d\"", "\"ci-*\"");
    // Every owner hears of the new key; then the day is over.
    let quota = Fault::error("SendEmail", 400, "ThrottlingException", "Daily message quota exceeded.");
    account.add_fault(quota.skip(12).forever());
    account.take_requests();
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(0);
    let tried = account.count_requests()["SendEmail"];
    assert!((13..=16).contains(&tried), "four are under way at the same time: {tried}");
    assert_eq!(ran.stdout.matches("not tried: the next run sends it").count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("the daily quota of SES is used up"), "{}", ran.stdout);
    account.calm();
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 12 mailed."]);
    let told = account.sent_mail().into_iter().filter(|mail| mail.tags["kind"] == "deactivated").count();
    assert_eq!(told, 12);
}
