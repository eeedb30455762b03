//! What becomes of the accounts of an organisation between the list of a run and its end: they are renamed, closed, or leave.

use serde_json::{Value, json};

use super::steps::Steps;
use crate::emulator::Fault;

fn unread(report: &Value) -> Vec<(String, String)> {
    let all = report["accounts-unread"].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    all.iter().map(|one| (text(one, "account"), text(one, "error"))).collect()
}

/// STS says the same of all of them. Organizations is asked once more, and says what is so.
#[tokio::test]
async fn an_account_that_is_gone_is_told_as_that() {
    let (steps, organization) = Steps::in_organization().await;
    let [_, closed, left] = steps.accounts.each_ref().map(|account| account.id.clone());
    steps.list("r", "enforce").expect("a list");
    let items = steps.items("r", "enforce").await;
    organization.state().accounts.get_mut(&closed).expect("it is there").state = "SUSPENDED";
    organization.state().accounts.remove(&left);
    steps.home().add_fault(Fault::error("AssumeRole", 403, "AccessDenied", "Not you.").forever());
    for item in &items {
        let _ = steps.function.invoke(item);
    }
    organization.take_calls(&steps.home().id);
    let failure = steps.merge("r", "enforce").expect_err("two accounts could not be read");
    assert!(organization.take_calls(&steps.home().id).contains("ListAccounts"), "it was asked again");
    let report = steps.report("r").await;
    for (account, state) in [(&closed, "suspended in AWS Organizations"), (&left, "no more among the accounts")] {
        let all = unread(&report);
        let (_, error) = all.iter().find(|(id, _)| id == account).expect("it was not read");
        assert!(error.starts_with(&format!("since the run listed it, it is {state}")), "{error}");
        assert!(error.contains("Not you."), "what was answered is told as well: {error}");
        assert!(failure.message.contains(state), "{}", failure.message);
    }

    // One that is still there has the cause that it was told, with what may be so.
    let (steps, _organization) = Steps::in_organization().await;
    steps.list("r", "enforce").expect("a list");
    steps.home().add_fault(Fault::error("AssumeRole", 403, "AccessDenied", "Not you.").forever());
    for item in steps.items("r", "enforce").await {
        let _ = steps.function.invoke(&item);
    }
    steps.merge("r", "enforce").expect_err("two accounts could not be read");
    let all = unread(&steps.report("r").await);
    assert!(all.len() == 2 && all.iter().all(|(_, error)| error.starts_with("role arn:")), "{all:?}");
}

/// A redrive hands on what the list had: the account goes on by the name that it had then. Another execution of the same run lists it
/// anew, and what was done stays done.
#[tokio::test]
async fn an_account_that_is_renamed_is_one_account_all_the_same() {
    let (steps, organization) = Steps::in_organization().await;
    steps.list("r", "enforce").expect("a list");
    let (first, second) = (steps.item("r", 1).await, steps.item("r", 2).await);
    steps.function.invoke(&first).expect("it is done");
    for account in &steps.accounts[1..] {
        organization.state().accounts.get_mut(&account.id).expect("it is there").name += "-renamed";
    }
    // As it was listed.
    steps.function.invoke(&second).expect("it is done");
    assert_eq!(steps.keys().await, [1, 2, 2]);
    // Listed anew.
    assert_eq!(steps.list("r", "enforce").expect("a list"), 1, "the function's own is left");
    for item in steps.items("r", "enforce").await {
        steps.function.invoke(&item).expect("it is done");
    }
    steps.merge("r", "enforce").expect("every account is known");
    assert_eq!(steps.keys().await, [2, 2, 2], "and none twice");
    let report = steps.report("r").await;
    let accounts = report["accounts"].as_array().expect("a list");
    assert_eq!(accounts.len(), 3, "{report:#}");
    let created = report["outcomes"].as_array().expect("a list").iter().filter(|one| one["action"] == json!("create"));
    assert_eq!(created.count(), 3, "{report:#}");
    assert!(report.get("accounts-unread").is_none() && report.get("warnings").is_none(), "{report:#}");
}
