//! A run in parts: the state machine that Terraform makes, run by an emulator over an organisation of fifty accounts, with
//! invocations that are killed, an account that can't be entered, and what starting it again does.
//!
//! ministack runs Distributed Maps and enforces trust policies, external ids and the function's own policies. What it has not: it
//! starts no execution again (`RedriveExecution`), writes no results of a map (`ResultWriter`), and does not ask what the role
//! of the state machine may do. So the second start here is another execution with the name of the run, what a redrive tells the
//! merge is told by hand, and so is what a map writes of children that failed.

mod fits;
mod machine;
mod meanwhile;
mod merge;
mod setup;
mod steps;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use keyrota::{evidence, workload::Workload};
use serde_json::{Value, json};

use self::setup::{ACCOUNTS, Execution, Fleet};

/// How long an execution may take.
const PATIENCE: Duration = Duration::from_secs(50);

/// Ends the process of a function as the kernel does that has no memory left.
fn kill(process: u32) {
    let status = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "{process} is there");
}

/// Kills so many invocations while accounts are worked off, when this one was.
fn kill_some(fleet: &Fleet, execution: &Execution, after: &str, count: usize) {
    let began = Instant::now();
    let mut killed = BTreeSet::new();
    while killed.len() < count {
        assert!(began.elapsed() < PATIENCE && fleet.is_running(execution), "{killed:?}: nothing is worked off");
        // Not in the list at the beginning, which all of it hangs on, nor in the merge.
        let results = fleet.results(&execution.run);
        let done = if results.contains_key(after) { results.len() } else { 0 };
        let victim = fleet.deployment.functions().into_iter().find(|process| !killed.contains(process));
        if let Some(victim) = victim.filter(|_| done > 3 + 5 * killed.len()) {
            kill(victim);
            killed.insert(victim);
        }
        thread::sleep(Duration::from_millis(60));
    }
}

#[tokio::test]
async fn fifty_accounts_are_rotated_once_whatever_is_killed() {
    let mut fleet = Fleet::new();
    // The first of the list: what is killed later is another one.
    let ids: Vec<&str> = fleet.accounts.iter().map(String::as_str).collect();
    let first = Workload::default().order(&ids, Utc::now())[0];
    let locked = fleet.accounts[first].clone();
    fleet.lay_role(&locked, "another-id");

    // What is killed, and what can't be entered, keeps nobody from being rotated.
    let first = fleet.start(&json!({ "mode": "enforce" }));
    kill_some(&fleet, &first, &locked, 3);
    let ended = fleet.end_of(&first, PATIENCE);
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    let report = fleet.report(&first.run);
    let unread: BTreeMap<&str, &str> = report["accounts-unread"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["account"].as_str().expect("an id"), one["error"].as_str().expect("why")))
        .collect();
    assert!(unread[locked.as_str()].contains("could not be assumed"), "{unread:#?}");
    let lost: Vec<_> = unread.iter().filter(|(_, error)| error.starts_with("no result: ")).collect();
    assert!((1..=3).contains(&lost.len()) && unread.len() == lost.len() + 1, "{unread:#?}");
    let cause = ended["cause"].as_str().expect("text");
    assert!(ended["error"] == "Unreadable" && unread.keys().all(|id| cause.contains(id)), "{ended:#}");
    let created = |report: &Value| {
        let outcomes = report["outcomes"].as_array().expect("a list").iter();
        outcomes.filter(|one| one["action"] == "create" && one["result"] == "done").count()
    };
    assert_eq!(created(&report), ACCOUNTS - unread.len());
    assert_eq!(report["digest"], Value::Null, "nobody approves what is not known");
    let metrics = fleet.metrics();
    assert_eq!(metrics.len(), 1, "one set of metrics: {metrics:#?}");
    assert_eq!(
        [&metrics[0]["Created"], &metrics[0]["Failures"]],
        [&json!(ACCOUNTS - unread.len()), &json!(unread.len())],
        "{metrics:#?}"
    );
    let summaries = fleet.summaries();
    assert_eq!(summaries.len(), 1, "one summary");
    let names = report["accounts-unread"].as_array().expect("a list").iter().map(|one| one["account-name"].as_str());
    assert!(names.flatten().all(|name| summaries[0].contains(name)), "{}", summaries[0]);
    assert_eq!(
        fleet.results(&first.run).values().filter(|tries| tries.len() > 1).count(),
        0,
        "nothing tries by itself"
    );

    // Started again with its name, it does those that are left, and tells of nothing twice.
    fleet.lay_role(&locked, setup::EXTERNAL_ID);
    let again = fleet.start(&json!({ "mode": "enforce", "run": first.run }));
    let ended = fleet.end_of(&again, PATIENCE);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    let whole = fleet.report(&first.run);
    assert!(whole.get("accounts-unread").is_none() && whole["digest"].is_string(), "{:#}", whole["accounts-unread"]);
    let results = fleet.results(&first.run);
    assert_eq!(results.len(), ACCOUNTS);
    for (account, tries) in &results {
        let done = tries.iter().filter(|is_good| **is_good).count();
        let expected = if *account == locked { 2 } else { 1 };
        assert!(done == 1 && tries.len() == expected, "account {account}: {tries:?}");
    }
    let mut active = 0;
    for account in &fleet.accounts {
        let keys = fleet.keys(account);
        active += keys.0;
        // Of a creation that was killed between two calls, the key that it left is stopped first, and deleted after its hold.
        let is_lost = lost.iter().any(|(id, _)| *id == account);
        assert!(keys == (2, 0) || (is_lost && keys == (1, 1)), "account {account} was rotated once: {keys:?}");
    }
    let metrics = fleet.metrics();
    assert_eq!((metrics.len(), &metrics[1]["Failures"]), (2, &json!(0)), "{metrics:#?}");
    let both = metrics[0]["Created"].as_u64().expect("a number") + metrics[1]["Created"].as_u64().expect("a number");
    assert_eq!(both, u64::try_from(created(&whole)).expect("few"), "what was told before is not counted again");
    let summaries = fleet.summaries();
    assert_eq!(summaries.len(), 2);
    let is_told = |id: &str| summaries[1].contains(&format!("Account {id}"));
    assert!(is_told(&locked) && !fleet.accounts.iter().any(|id| !unread.contains_key(id.as_str()) && is_told(id)));
    fleet.check_evidence(&first.run, 2, active);

    // The next run has nothing to do, and says so to nobody.
    fleet.deployment.set_clock(Utc::now() + TimeDelta::hours(2));
    let next = fleet.start(&json!({ "mode": "enforce" }));
    let ended = fleet.end_of(&next, PATIENCE);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    let report = fleet.report(&next.run);
    assert_eq!((&report["changes"], &report["outcomes"]), (&json!([]), &json!([])));
    assert_eq!((fleet.summaries().len(), fleet.metrics().len()), (2, 3));
    assert_eq!(fleet.metrics()[2]["Created"], 0);
    fleet.tells_what_it_cannot_use(&next.run);
}

impl Fleet {
    /// The evidence of a run that was merged so many times: a history each time, and a report of all keys.
    fn check_evidence(&self, run: &str, merges: usize, active: usize) {
        let run: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
        let files = self.objects("evidence", "");
        let histories: Vec<&String> = files.iter().filter(|name| name.starts_with("history/")).collect();
        assert_eq!(histories.len(), merges, "{files:?}");
        let mut users = BTreeMap::<String, usize>::new();
        for name in histories {
            let lines: Vec<Value> =
                self.object("evidence", name).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let (first, last) = (&lines[0], lines.last().expect("an end"));
            assert!(
                first["record"] == "run" && last["record"] == "end" && first["by"] == "function",
                "{first}\n{last}"
            );
            let of_run = first["run"].as_str().expect("an id");
            assert!(
                of_run.replace('-', "").ends_with(&run) && lines.iter().all(|line| line["run"] == of_run),
                "{of_run}"
            );
            assert_eq!(lines.iter().filter(|line| line["kind"] == "digest").count(), 1, "the summary");
            for line in lines.iter().filter(|line| line["verb"] == "create") {
                *users.entry(line["account"].as_str().expect("an id").to_owned()).or_default() += 1;
            }
        }
        assert!(users.len() >= ACCOUNTS - 3 && users.values().all(|count| *count == 1), "once each: {users:?}");

        let reports: Vec<&String> =
            files.iter().filter(|name| name.starts_with("reports/") && name.ends_with(".json")).collect();
        assert_eq!(reports.len(), merges, "{files:?}");
        let last =
            reports.iter().map(|name| self.object("evidence", name)).find(|text| text.contains("\"complete\":true"));
        let report: Value = serde_json::from_str(&last.expect("the last is complete")).expect("JSON");
        assert_eq!(report["sha256"], evidence::json::hash(&report));
        assert_eq!(
            (&report["summary"]["users"], &report["summary"]["active-keys"]),
            (&json!(ACCOUNTS), &json!(active))
        );
        let rows: Vec<u64> =
            report["keys"].as_array().expect("rows").iter().map(|row| row["row"].as_u64().expect("a number")).collect();
        assert!(rows.len() == 2 * ACCOUNTS && rows.iter().zip(1..).all(|(row, number)| *row == number));
        let age = report["criteria"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| one["criterion"] == "age-90")
            .expect("one");
        assert_eq!((&age["verdict"], age["fail"].as_array().map(Vec::len)), (&json!("fail"), Some(ACCOUNTS)));
        for row in age["fail"].as_array().expect("rows") {
            let row = usize::try_from(row.as_u64().expect("a number")).expect("few");
            assert_eq!(report["keys"][row - 1]["age-days"], 95, "the row that a verdict names is the one");
        }
        let page = self.object("evidence", &reports[0].replace(".json", ".html"));
        assert!(page.contains("<!doctype html>") || page.contains("<!DOCTYPE html>"));
    }

    /// The list of a run, as if it had other accounts.
    fn list_of(&self, run: &str, accounts: Value) -> Value {
        let names = self.objects("fleet", &format!("runs/{run}/enforce/accounts/"));
        let mut list: Value = serde_json::from_str(&self.object("fleet", &names[0])).expect("JSON");
        list["accounts"] = accounts;
        list
    }

    /// A result that is garbage, an account without one, and a redrive; by the events that the state machine sends.
    fn tells_what_it_cannot_use(&self, run: &str) {
        let merge = |redrives: u64| {
            let (map, began) = (json!({ "status": "ended" }), json!({ "Name": run }));
            let execution = json!({ "Name": run, "RedriveCount": redrives });
            json!({ "mode": "enforce", "step": "merge", "run": run, "map": map, "began": began, "execution": execution })
        };
        // Started again after it failed, an execution comes back to the merge, which begins anew.
        let answer = self.invoke(&merge(1)).expect("no failure");
        assert_eq!(answer["again"], true, "{answer}");

        let victim = &self.accounts[0];
        let garbage = format!("runs/{run}/enforce/results/{victim}/99999999T000000000Z-x.done.json");
        self.put("fleet", &garbage, "{\"schema\":");
        // The account has another one, which is: what the garbage would have told is said to be lost.
        self.invoke(&merge(0)).expect("every account is known");
        let lost = self.report(run)["warnings"][0].clone();
        assert!(lost["account"] == json!(victim) && lost["code"] == "attempt-lost", "{lost:#}");
        assert!(lost["message"].as_str().is_some_and(|text| text.contains("can't be used")), "{lost:#}");

        // What was never done has no result, and the map says why.
        let listed = self.invoke(&json!({ "mode": "enforce", "step": "list", "run": "by-hand" })).expect("a list");
        assert_eq!((&listed["accounts"], &listed["todo"]), (&json!(ACCOUNTS), &json!(ACCOUNTS)));
        let child = |account: &str| {
            let input = json!({ "mode": "enforce", "step": "account", "run": "by-hand", "account": { "id": account } });
            json!({ "Input": input.to_string(), "Status": "FAILED", "Error": "Sandbox.Timedout", "Cause": "{\"errorMessage\":\"Task timed out\"}" })
        };
        self.put("fleet", "runs/by-hand/enforce/map/0/manifest.json", "{}");
        self.put("fleet", "runs/by-hand/enforce/map/0/FAILED_0.json", &json!([child(victim)]).to_string());
        let mut event = merge(0);
        event["run"] = json!("by-hand");
        event["map"] = json!({ "Error": "States.ExceedToleratedFailureThreshold", "Cause": "too many" });
        // Nor is who has left since, or was never listed.
        self.put(
            "fleet",
            "runs/by-hand/enforce/accounts/20000101T000000000Z-x.json",
            &self.list_of("by-hand", json!([{ "id": "888888888888", "name": "gone" }])).to_string(),
        );
        self.put("fleet", "runs/by-hand/enforce/results/999999999999/20000101T000000000Z-x.done.json", "{}");
        let error = self.invoke(&event).expect_err("nothing was done");
        assert!(error.contains(&format!("{} accounts not read", ACCOUNTS + 2)), "{error}");
        for other in ["888888888888", "999999999999"] {
            assert!(error.contains(other), "{other}: {error}");
        }
        assert!(error.contains("no result: Sandbox.Timedout: Task timed out"), "{error}");
        assert!(error.contains("no result: States.ExceedToleratedFailureThreshold: too many"), "{error}");

        // An account that is done is not done again, and nobody else's account is entered.
        let of =
            |id: &str| json!({ "mode": "enforce", "step": "account", "run": run, "account": self.listed(run, id) });
        let answer = self.invoke(&of(&self.accounts[1])).expect("it is done");
        assert_eq!((&answer["result"], &answer["before"]), (&json!("done"), &json!(true)));
        let mut stranger = of(&self.accounts[1]);
        stranger["account"] = json!({ "id": "123456789012", "name": "stranger" });
        let error = self.invoke(&stranger).expect_err("no account of the run");
        assert!(error.contains("has not listed the account 123456789012"), "{error}");
        let error = self
            .invoke(&json!({ "mode": "enforce", "step": "account", "run": "../x", "account": {} }))
            .expect_err("strict");
        assert!(error.contains("can't be the name of a run"), "{error}");
    }
}
