//! Calls that go wrong: for one user, and before anything begins.

use chrono::TimeDelta;
use serde_json::json;

use super::{assert_hidden, destination, keys, ledger, manifests, prepared, shared, user_with_key, value, writes};
use crate::{
    command::{Folder, Ran},
    emulator::{Fault, account},
};

#[tokio::test]
async fn a_denied_call_names_the_permission_and_the_user_and_stops_nobody_else() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "anna", 95).await;
    user_with_key(&account, "bert", 95).await;
    let no = "User: arn:aws:iam::1:role/keyrota is not authorized to perform: iam:CreateAccessKey";
    account.add_fault(Fault::error("CreateAccessKey", 403, "AccessDenied", no).only("user", "anna").forever());
    let folder = manifests("", "\"anna\", \"bert\"");
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(5);
    ran.shows(&[
        "permission `iam:CreateAccessKey` is missing for anna",
        "Applied: 1 created, 1 promoted, 1 notified; 1 failed.",
    ]);
    assert_eq!(keys(&account, "anna").await, [(old, true)]);
    assert_eq!(ledger(&account, "anna").await.1.get("keyrota:intent"), None, "no creation is under way");
    assert_eq!(keys(&account, "bert").await.len(), 2);
    let report: serde_json::Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    let outcome = &report["outcomes"][0];
    assert_eq!((&outcome["user"], &outcome["result"]), (&json!("anna"), &json!("failed")));
    assert!(outcome["error"].as_str().is_some_and(|error| error.contains("iam:CreateAccessKey")), "{outcome}");
}

#[tokio::test]
async fn a_key_that_cannot_be_stored_is_gone_again() {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "anna", 95).await;
    user_with_key(&account, "bert", 95).await;
    let fault = Fault::error("PutSecretValue", 400, "EncryptionFailure", "The KMS key is disabled.");
    account.add_fault(fault.only("secret", &destination("anna")));
    let folder = manifests("", "\"anna\", \"bert\"");
    let ran = folder.run_in(&account, &["apply", "--yes", "-v"]).exits(5);
    let ran = ran.shows(&["could not be stored and was deleted again", "EncryptionFailure", "; 1 failed."]);
    assert_eq!(keys(&account, "anna").await, [(old.clone(), true)]);
    let intent = ledger(&account, "anna").await.1.get("keyrota:intent").cloned();
    assert!(intent.is_some(), "the creation is still under way: any next run tries again");
    assert_eq!(keys(&account, "bert").await.len(), 2, "the other user is done");
    // The cause is mended: the next run does it.
    folder.run_in(&account, &["apply", "--yes"]).exits(0).shows(&["Applied: 1 created, 1 promoted, 1 notified."]);
    let after = keys(&account, "anna").await;
    assert!(after.len() == 2 && after[0] == (old, true) && after[1].1, "{after:?}");
    let secret = value(&account, "bert").await["SecretAccessKey"].as_str().expect("a text").to_owned();
    assert_hidden(&[secret.into()], &[&ran.stdout, &ran.stderr]);
}

#[tokio::test]
async fn throttled_reads_are_repeated() {
    let account = prepared().await;
    user_with_key(&account, "anna", 95).await;
    for action in ["GetAccountAuthorizationDetails", "ListAccessKeys"] {
        account.add_fault(Fault::error(action, 400, "Throttling", "Rate exceeded").times(2));
    }
    let ran = manifests("", "\"anna\"").run_in(&account, &["plan"]).exits(0);
    ran.shows(&["Plan: 1 to create, 0 to deactivate, 0 to delete.\n"]);
}

#[tokio::test]
async fn a_user_that_cannot_be_read_is_left_alone_and_the_exit_code_says_so() {
    let account = prepared().await;
    user_with_key(&account, "anna", 95).await;
    user_with_key(&account, "bert", 95).await;
    account.take_requests();
    account.add_fault(Fault::error("ListAccessKeys", 403, "AccessDenied", "no").only("user", "anna").forever());
    let folder = manifests("", "\"anna\", \"bert\"");
    let plan = folder.run_in(&account, &["plan", "--format", "json"]).exits(5).json();
    assert_eq!((&plan["summary"]["unreadable"], &plan["summary"]["held"]), (&json!(1), &json!(0)));
    let waiting = &plan["waiting"][0];
    assert_eq!(
        (&waiting["user"], &waiting["state"], &waiting["reason"]),
        (&json!("anna"), &json!("unreadable"), &json!("unreadable"))
    );
    assert!(waiting["message"].as_str().is_some_and(|text| text.contains("permission `iam:ListAccessKeys`")));
    let ran = folder.run_in(&account, &["plan", "--detailed-exitcode"]).exits(5);
    assert_last_line(&ran, "1 of 2 users could not be read, and what they need is not known: ");
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5);
    let ran = ran.shows(&["Applied: 1 created, 1 promoted, 1 notified."]);
    assert_last_line(&ran, "1 of 2 users could not be read, and what they need is not known: ");
    assert_eq!(keys(&account, "bert").await.len(), 2);
    let created = account.take_requests().into_iter().filter(|request| request.action == "CreateAccessKey");
    assert_eq!(created.filter_map(|request| request.user).collect::<Vec<_>>(), ["bert"]);
}

/// Nothing is known of anybody: that must not look like nothing to do.
#[tokio::test]
async fn where_no_user_can_be_read_no_command_is_calm() {
    let account = prepared().await;
    for user in ["anna", "bert", "carl"] {
        user_with_key(&account, user, 95).await;
    }
    account.add_fault(Fault::error("ListAccessKeys", 403, "AccessDenied", "no").forever());
    let folder = manifests("", "\"anna\", \"bert\", \"carl\"");
    for command in [&["plan"][..], &["status"], &["apply", "--yes"], &["plan", "--detailed-exitcode"]] {
        let ran = folder.run_in(&account, command).exits(5);
        assert!(!ran.stdout.contains("No changes"), "{command:?}\n{}", ran.stdout);
        assert_eq!(ran.stdout.matches("iam:ListAccessKeys").count(), 1, "{command:?}\n{}", ran.stdout);
        assert_last_line(
            &ran,
            "3 of 3 users could not be read, and what they need is not known: permission `iam:ListAccessKeys` is missing.",
        );
    }
    let status = folder.run_in(&account, &["status", "--format", "json"]).exits(5).json();
    assert!(status["users"].as_array().is_some_and(|users| users.iter().all(|user| user["next"] == "unreadable")));
}

#[track_caller]
fn assert_last_line(ran: &Ran, start: &str) {
    let last = ran.stdout.lines().next_back().unwrap_or_default();
    assert!(last.starts_with(start), "{last:?} does not start with {start:?}");
}

#[tokio::test]
async fn a_second_account_is_reached_by_its_role() {
    let (here, there) = (prepared().await, account());
    user_with_key(&here, "ci", 95).await;
    user_with_key(&there, "ci", 95).await;
    let declared = |id: &str| {
        format!("\n[accounts.main]\nid = \"{}\"\n\n[accounts.second]\nid = \"{id}\"\nrole = \"keyrota\"\n", here.id)
    };
    let folder = manifests("", "\"ci\"");
    folder.write("manifests/keyrota.toml", &(shared("") + &declared(&there.id)));
    let ran = folder.run_in(&here, &["apply", "--yes"]).exits(0);
    ran.shows(&["Applied: 2 created, 2 promoted, 2 notified.", &format!("Account {} (second)", there.id)]);
    assert_eq!((keys(&here, "ci").await.len(), keys(&there, "ci").await.len()), (2, 2));
    assert_eq!((here.sent_mail().len(), there.sent_mail().len()), (2, 0), "mail leaves from one place");
    let plan = folder.run_in(&here, &["plan", "--account", "second", "--format", "json"]).exits(0).json();
    let accounts: Vec<_> = plan["waiting"].as_array().expect("a list").iter().map(|w| w["account"].clone()).collect();
    assert_eq!(accounts, [json!(there.id)]);
}

#[tokio::test]
async fn nothing_is_written_in_the_wrong_account() {
    let (here, there) = (prepared().await, account());
    user_with_key(&here, "ci", 95).await;
    here.take_requests();
    // The caller's own account is right, so that there would be something to do.
    let accounts = format!(
        "\n[accounts.main]\nid = \"{}\"\n\n[accounts.other]\nid = \"{}\"\nrole = \"arn:aws:iam::{}:role/keyrota\"\n",
        here.id, "999999999999", there.id
    );
    let folder = manifests("", "\"ci\"");
    folder.write("manifests/keyrota.toml", &(shared("") + &accounts));
    let ran = folder.run_in(&here, &["apply", "--yes"]).exits(5);
    ran.says(&["account other (manifests/keyrota.toml:", "999999999999"]);
    assert_eq!(keys(&here, "ci").await.len(), 2, "the right account is done");
    assert_eq!(writes(&there.take_requests()), [] as [&str; 0]);
    here.take_requests();
    folder.write("manifests/keyrota.toml", &(shared("") + "\n[accounts.main]\nid = \"999999999999\"\n"));
    let ran = folder.run_in(&here, &["apply", "--yes"]).exits(1);
    ran.says(&[&format!("the AWS credentials are of account {}, not 999999999999", here.id)]);
    for account in [&here, &there] {
        let requests = account.take_requests();
        assert!(!requests.is_empty() || account.id == there.id);
        assert_eq!(writes(&requests), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn without_credentials_there_is_a_remedy() {
    let account = account();
    let folder: Folder = manifests("", "\"ci\"");
    let mut command = folder.command_in(&account, &["plan"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    crate::command::Ran::of(command).exits(1).says(&["no AWS credentials", "hint: sign in"]);
    assert_eq!(account.take_requests(), []);
}

#[tokio::test]
async fn a_wrong_clock_changes_nothing() {
    let account = prepared().await;
    user_with_key(&account, "ci", 95).await;
    let folder = manifests("", "\"ci\"");
    for (off, refused) in [(TimeDelta::days(-30), true), (TimeDelta::minutes(6), true), (TimeDelta::minutes(4), false)]
    {
        account.set_date_off(off);
        account.take_requests();
        let planned = folder.run_in(&account, &["plan"]).exits(0);
        assert_eq!(planned.stderr.contains("this machine's clock says"), refused, "{planned:#?}");
        let ran = folder.run_in(&account, &["apply", "--yes"]);
        if refused {
            let ran = ran.exits(1);
            ran.says(&[
                "nothing was changed: this machine's clock says 20",
                "and AWS's says 20",
                "hint: set this machine's clock",
            ]);
            assert_eq!(writes(&account.take_requests()), [] as [&str; 0]);
        } else {
            ran.exits(0).shows(&["Applied: 1 created"]);
        }
    }
}

#[tokio::test]
async fn a_denial_by_kms_names_the_permission_on_the_key() {
    let account = prepared().await;
    user_with_key(&account, "ci", 95).await;
    let fault = Fault::error("PutSecretValue", 400, "AccessDeniedException", "Access to KMS is not allowed");
    account.add_fault(fault.forever());
    let ran = manifests("", "\"ci\"").run_in(&account, &["apply", "--yes"]).exits(5);
    let ran = ran.shows(&[
        "permission `kms:GenerateDataKey` is missing for the KMS key of /aws/iam/credentials/ci: Access to KMS",
    ]);
    assert!(!ran.stdout.contains("`secretsmanager:"), "{}", ran.stdout);
}
