//! Several accounts, of which one can't be entered or read; and the key that keyrota itself runs with.

use serde_json::json;

use super::{AT_ONCE, keys, ledger, manifests, prepared, shared, store, user_with_key, writes};
use crate::{
    command::Folder,
    emulator::{Fault, TestAccount, account},
};

/// Manifests for the caller's account and another.
fn two_accounts(here: &TestAccount, there: &TestAccount, more: &str) -> Folder {
    let declared = format!(
        "\n[accounts.main]\nid = \"{}\"\n\n[accounts.second]\nid = \"{}\"\nrole = \"keyrota\"\n{more}",
        here.id, there.id
    );
    let folder = manifests("", "\"ci\"");
    folder.write("manifests/keyrota.toml", &(shared("") + &declared));
    folder
}

#[tokio::test]
async fn an_account_that_cannot_be_entered_or_listed_stops_no_other() {
    let page = "<html>Welcome to this hotel's network</html>";
    let out_of_order = |action| Fault::error(action, 400, "InternalFailure", "Out of order.");
    let of_the_caller = [
        Fault::error("AssumeRole", 403, "AccessDenied", "Not authorized to perform: sts:AssumeRole"),
        Fault::body("AssumeRole", 200, page),
    ];
    let of_the_other = [
        out_of_order("GetCallerIdentity"),
        out_of_order("ListSecrets"),
        out_of_order("GetAccountAuthorizationDetails"),
        Fault::body("ListSecrets", 200, page),
    ];
    let all = of_the_caller.map(|fault| (fault, true)).into_iter().chain(of_the_other.map(|fault| (fault, false)));
    for (fault, is_of_the_caller) in all {
        let (here, there) = (prepared().await, account());
        user_with_key(&here, "ci", 95).await;
        let folder = two_accounts(&here, &there, "");
        let struck = if is_of_the_caller { &here } else { &there };
        struck.add_fault(fault.forever());
        assert_goes_on(&here, &there, &folder).await;
    }
}

/// Plans, looks and applies: what can be done is done, and the rest is said.
async fn assert_goes_on(here: &TestAccount, there: &TestAccount, folder: &Folder) {
    let second = format!("account {} (second)", there.id);
    let plan = folder.run_in(here, &["plan", "--detailed-exitcode", "--format", "json"]).exits(5).json();
    let unread = &plan["accounts-unread"][0];
    assert_eq!((&unread["account"], &unread["account-name"]), (&json!(there.id), &json!("second")), "{plan:#}");
    assert!(unread["error"].as_str().is_some_and(|error| !error.is_empty()));
    assert_eq!(plan["changes"][0]["account"], json!(here.id));
    folder.run_in(here, &["plan"]).exits(5).shows(&["! not read: ", &second, "Plan: 1 to create"]);
    folder.run_in(here, &["plan", "--format", "markdown"]).exits(5).shows(&["**Not read:** `account "]);
    let status = folder.run_in(here, &["status", "--format", "json"]).exits(5).json();
    assert_eq!(status["accounts-unread"][0]["account"], json!(there.id));
    assert_eq!(status["users"][0]["user"], "ci");
    folder.run_in(here, &["status"]).exits(5).shows(&["! not read: ", &second]);
    let ran = folder.run_in(here, &["apply", "--yes"]).exits(5);
    let ran = ran.shows(&["Applied: 1 created, 1 promoted, 1 notified."]);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "said once: {}", ran.stderr);
    assert_eq!(keys(here, "ci").await.len(), 2);
    // With nothing else to read, nothing is done at all.
    folder.run_in(here, &["apply", "--yes", "--account", "second"]).exits(1);
    assert_eq!(writes(&there.take_requests()), [] as [&str; 0]);
}

#[tokio::test]
async fn a_rule_for_an_account_that_is_not_read_is_not_said_to_select_nobody() {
    let (here, there) = (prepared().await, account());
    user_with_key(&here, "ci", 10).await;
    let folder = two_accounts(&here, &there, "");
    folder.write("manifests/there.toml", "version = 1\n[[rotate]]\nusers = [\"over-there\"]\n");
    let warned = folder.run_in(&here, &["plan"]).exits(0);
    assert!(warned.stderr.contains("warning"), "with both accounts it is known: {warned:#?}");
    here.add_fault(Fault::error("AssumeRole", 403, "AccessDenied", "No.").forever());
    let ran = folder.run_in(&here, &["plan"]).exits(5);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_role_is_assumed_in_the_region_of_the_caller() {
    let (here, there) = (prepared().await, account());
    user_with_key(&there, "ci", 10).await;
    // One that must be opted into: it knows no sessions of the global endpoint.
    let folder = two_accounts(&here, &there, "region = \"ap-east-2\"\n");
    folder.run_in(&here, &["plan"]).exits(0);
    let regions = |account: &TestAccount, action: &str| -> Vec<String> {
        let requests = account.take_requests().into_iter().filter(|request| request.action == action);
        requests.filter_map(|request| request.region).collect()
    };
    assert_eq!(regions(&here, "AssumeRole"), ["eu-west-1"]);
    let secrets = regions(&there, "ListSecrets");
    assert_eq!(secrets, ["ap-east-2"], "the secrets are where the manifest says");
    // Without a region of the caller's it is that of the partition's global services.
    let mut command = folder.command_in(&here, &["plan"]);
    command.env_remove("AWS_REGION");
    crate::command::Ran::of(command).exits(0);
    assert_eq!(regions(&here, "AssumeRole"), ["us-east-1"]);
}

/// Runs the binary with a user's own key.
fn run_as(
    folder: &Folder,
    account: &TestAccount,
    key: &(keyrota::inventory::KeyId, secrecy::SecretString),
    arguments: &[&str],
) -> crate::command::Ran {
    use secrecy::ExposeSecret;
    let mut command = folder.command_in(account, arguments);
    command.env("AWS_ACCESS_KEY_ID", key.0.as_str()).env("AWS_SECRET_ACCESS_KEY", key.1.expose_secret());
    crate::command::Ran::of(command)
}

#[tokio::test]
async fn its_own_key_is_warned_of_and_rotated_last() {
    let account = prepared().await;
    // Its name comes first.
    let own = user_with_key(&account, "a-keyrota", 95).await;
    for user in ["ci", "svc"] {
        user_with_key(&account, user, 95).await;
    }
    let folder = manifests("", "\"a-keyrota\", \"ci\", \"svc\"");
    let plan = run_as(&folder, &account, &own, &["plan", "--format", "json"]).exits(0).json();
    let warning = &plan["warnings"][0];
    assert_eq!(
        (&warning["code"], &warning["user"], &warning["key"]),
        (&json!("own-key"), &json!("a-keyrota"), &json!(own.0.as_str())),
        "{plan:#}"
    );
    run_as(&folder, &account, &own, &["plan"])
        .exits(0)
        .shows(&["warning: keyrota runs with ", "of a-keyrota, which is in scope"]);
    assert_eq!(
        folder.run_in(&account, &["plan", "--format", "json"]).exits(0).json().get("warnings"),
        None,
        "another's key"
    );
    account.take_requests();
    run_as(&folder, &account, &own, &["apply", "--yes"]).exits(0);
    let requests = account.take_requests();
    let created: Vec<_> =
        requests.iter().filter(|r| r.action == "CreateAccessKey").filter_map(|r| r.user.clone()).collect();
    assert_eq!(created.last().map(String::as_str), Some("a-keyrota"), "{created:?}");
    let first_of_own =
        requests.iter().position(|r| r.action == "CreateAccessKey" && r.user.as_deref() == Some("a-keyrota"));
    let last_of_others = requests.iter().rposition(|r| {
        r.secret.as_deref().is_some_and(|secret| !secret.ends_with("a-keyrota")) && r.action == "TagResource"
    });
    assert!(first_of_own > last_of_others, "{requests:#?}");
}

#[tokio::test]
async fn its_own_key_stops_when_all_else_is_done_and_told() {
    let account = prepared().await;
    let own = user_with_key(&account, "a-keyrota", 95).await;
    store(&account, "a-keyrota", &own.0).await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    store(&account, "ci", &old).await;
    account.take_requests();
    let folder = manifests(AT_ONCE, "\"a-keyrota\", \"ci\"");
    // What comes after it stops can't be done any more.
    let ran = run_as(&folder, &account, &own, &["apply", "--yes"]).exits(5);
    let requests = account.take_requests();
    let stopped =
        requests.iter().position(|r| r.action == "UpdateAccessKey" && r.key.as_deref() == Some(own.0.as_str()));
    let after = &requests[stopped.expect("it was stopped") + 1..];
    assert!(
        after.iter().all(|request| request.secret.as_deref().is_none_or(|s| s.ends_with("a-keyrota"))),
        "{after:#?}"
    );
    let [(new, true)] = &keys(&account, "ci").await[..] else { panic!("{ran:#?}") };
    assert_eq!(ledger(&account, "ci").await.0["AWSCURRENT"], new.version_id());
    let told: Vec<_> = account.sent_mail().into_iter().filter(|mail| mail.text.contains(old.as_str())).collect();
    assert_eq!(told.len(), 1, "one mail tells the other's owner of every step: {told:#?}");
    assert!(told[0].text.contains("stops working with this rotation, and is deleted"), "{}", told[0].text);
    // Whoever has working credentials finishes it.
    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    let left = keys(&account, "a-keyrota").await;
    assert!(matches!(&left[..], [(key, true)] if *key != own.0), "{left:?}");
}
