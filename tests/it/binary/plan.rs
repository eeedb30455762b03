//! What `plan` prints, and `apply` of what it planned.

use serde_json::{Value, json};

use super::{SANDBOX, SHARED, TEAM, crowd, folder, on_sandbox};
use crate::command::Folder;

#[test]
fn a_plan_for_a_person() {
    let ran = folder().run(&on_sandbox(&["plan"])).exits(0);
    let expected = "\
Account 111122223333, eu-west-1
+ ci-deployer  create   new key               AKIADEPLOYER00000001 is 95d old, the limit is 90d; then deactivate 2026-11-30, delete 2026-12-14 (once nothing uses it; deactivated by 2026-12-14 at the latest); tells deployers@example.com
! ci-full      blocked  AKIAFULL000000000001  overdue: 267d old, the limit is 90d; a new key is due, but both places hold keys in use: move clients off AKIAFULL000000000001 and deactivate it
  ci-overlap   held     AKIAOVERLAP000000001  overdue: 114d old, the limit is 90d; replaced; both keys work during the overlap; until 2026-11-27 at least
  ci-vendor    exempt                         overdue: AKIAVENDOR0000000001 is 691d old, the limit is 90d; rotated by hand, SEC-412; until 2026-12-31

warning: 1 user that no rule selects has a key that is older than the 90d of `[defaults]`: alice (1043d); add a rule, or an `[[exempt]]` with the reason

Plan: 1 to create, 0 to deactivate, 0 to delete; 1 blocked, 1 held, 1 exempt. 3 overdue.
";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
}

#[test]
fn a_plan_for_a_program() {
    let plan = folder().run(&on_sandbox(&["plan", "--format", "json"])).exits(0).json();
    let digest = plan["digest"].clone();
    let source = json!({ "file": "manifests/team.toml", "line": 3 });
    let then = |action: &str, key: Option<&str>, at: &str, hours: u32| {
        let (key_ref, same_run) = (key.unwrap_or("new"), hours == 0);
        json!({
            "action": action, "key": key, "key-ref": key_ref, "not-before": at, "offset-hours": hours, "same-run": same_run,
        })
    };
    let if_unused = |mut step: Value, latest: &str| {
        step["if-unused"] = true.into();
        step["latest"] = latest.into();
        step
    };
    let waiting = |user: &str, key: Option<&str>, state: &str, reason: &str, until: Option<&str>, message: &str| {
        json!({
            "account": "111122223333", "user": user, "key": key, "state": state, "reason": reason, "until": until,
            "message": message, "source": source,
        })
    };
    let mut expected = json!({
        "version": 1,
        "as-of": "2026-11-23T08:00:00Z",
        "revision": null,
        "digest": digest,
        "summary": {
            "create": 1, "promote": 1, "notify": 1, "deactivate": 0, "delete": 0, "update": 0,
            "blocked": 1, "unreadable": 0, "held": 1, "exempt": 1, "overdue": 3, "settled": 1, "unmanaged": 1,
        },
        "changes": [{
            "account": "111122223333", "user": "ci-deployer", "action": "create", "key": null, "key-ref": "new",
            "reason": "expired", "message": "AKIADEPLOYER00000001 is 95d old, the limit is 90d",
            "destination": "/aws/iam/credentials/ci-deployer",
            "source": source,
            "recipients": ["deployers@example.com"],
            "then": [
                then("promote", None, "2026-11-23T08:00:00Z", 0),
                then("notify", None, "2026-11-23T08:00:00Z", 0),
                if_unused(
                    then("deactivate", Some("AKIADEPLOYER00000001"), "2026-11-30T08:00:00Z", 168),
                    "2026-12-14T08:00:00Z",
                ),
                if_unused(then("delete", Some("AKIADEPLOYER00000001"), "2026-12-14T08:00:00Z", 504), "2026-12-28T08:00:00Z"),
            ],
        }],
        "waiting": [
            waiting(
                "ci-full", Some("AKIAFULL000000000001"), "blocked", "two-keys-in-use", None,
                "a new key is due, but both places hold keys in use: move clients off AKIAFULL000000000001 and deactivate it",
            ),
            waiting(
                "ci-overlap", Some("AKIAOVERLAP000000001"), "held", "in-overlap", Some("2026-11-27T08:00:00Z"),
                "replaced; both keys work during the overlap",
            ),
            waiting(
                "ci-vendor", None, "held", "exempt", Some("2027-01-01T00:00:00Z"), "exempt: rotated by hand, SEC-412",
            ),
        ],
    });
    let old = Some("AKIAOVERLAP000000001");
    expected["waiting"][1]["then"] = json!([
        if_unused(then("deactivate", old, "2026-11-27T08:00:00Z", 96), "2026-12-11T08:00:00Z"),
        if_unused(then("delete", old, "2026-12-11T08:00:00Z", 432), "2026-12-25T08:00:00Z"),
    ]);
    for (position, key, age) in
        [(0, "AKIAFULL000000000001", 267), (1, "AKIAOVERLAP000000001", 114), (2, "AKIAVENDOR0000000001", 691)]
    {
        expected["waiting"][position]["overdue"] = json!({ "key": key, "age-days": age, "limit-days": 90 });
    }
    // By the credential report, which has no ids.
    let key = json!({ "key": null, "active": true, "created": "2024-01-15T00:00:00Z", "age-days": 1043 });
    expected["unmanaged"] = json!([{ "account": "111122223333", "user": "alice", "keys": [key], "over-age": true }]);
    let message = "1 user that no rule selects has a key that is older than the 90d of `[defaults]`: alice (1043d); add a \
                   rule, or an `[[exempt]]` with the reason";
    expected["warnings"] = json!([{
        "account": "111122223333", "code": "unmanaged-over-age", "user": null, "key": null, "message": message,
    }]);
    assert_eq!(plan, expected, "{plan:#}");
}

#[test]
fn the_digest_names_what_a_plan_does_and_nothing_else() {
    let digest = |folder: &Folder, at: &str| {
        let plan = folder.run(&on_sandbox(&["plan", "--format", "json", "--at", at])).exits(0).json();
        plan["digest"].as_str().expect("a text").to_owned()
    };
    let folder = folder();
    let monday = digest(&folder, "2026-11-23T08:00:00Z");
    let hash = monday.strip_prefix("r2:").unwrap_or_else(|| panic!("{monday}"));
    assert!(hash.len() == 12 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{monday}");
    assert_eq!(digest(&folder, "2026-11-24T08:00:00Z"), monday, "a day later the same is to be done");
    assert_ne!(digest(&folder, "2026-11-27T08:00:00Z"), monday, "now an overlap is over as well");
    folder.write("manifests/team.toml", &format!("{TEAM}\n# A comment.\n").replace("90", "91"));
    assert_eq!(digest(&folder, "2026-11-23T08:00:00Z"), monday, "the line of a rule does not matter");
    folder.write("manifests/team.toml", &TEAM.replace("[\"ci-*\"]", "[\"ci-*\"]\nsecret = \"ci/{user}\""));
    assert_ne!(digest(&folder, "2026-11-23T08:00:00Z"), monday, "the credential goes elsewhere");
}

#[test]
fn pending_changes_are_an_exit_code_only_on_request() {
    let pending = crowd(1, 0, "");
    pending.run(&on_sandbox(&["plan"])).exits(0);
    pending.run(&on_sandbox(&["plan", "--detailed-exitcode"])).exits(2);
    let settled = crowd(0, 1, "");
    settled.run(&on_sandbox(&["plan", "--detailed-exitcode"])).exits(0).shows(&["No changes. 1 user in scope"]);
}

#[test]
fn a_plan_beyond_a_limit_is_shown_and_refused() {
    let ran = crowd(3, 0, "max-actions = 2").run(&on_sandbox(&["plan", "--detailed-exitcode"])).exits(3);
    ran.shows(&["Plan: 3 to create"]).says(&["3 changes are planned, `max-actions` allows 2", "keyrota.toml:14"]);
    crowd(2, 0, "max-actions = 2").run(&on_sandbox(&["plan"])).exits(0);
    let ran = crowd(4, 6, "max-percent = 30").run(&on_sandbox(&["plan"])).exits(3);
    ran.says(&["4 changes for 10 keys in scope, `max-percent` allows 30 %"]);
    crowd(3, 7, "max-percent = 30").run(&on_sandbox(&["plan"])).exits(0);
    crowd(9, 0, "max-percent = 30").run(&on_sandbox(&["plan"])).exits(0).shows(&["Plan: 9 to create"]);
}

#[test]
fn a_plan_as_of_another_time() {
    let folder = folder();
    let day = folder.run(&on_sandbox(&["plan", "--at", "2026-11-27T08:00:00Z", "--format", "json"])).exits(0).json();
    // The overlap is over.
    assert_eq!((&day["as-of"], &day["summary"]["deactivate"]), (&json!("2026-11-27T08:00:00Z"), &json!(1)));
    // Twelve days from now nothing would be in use by what is known now. Who uses the keys of ci-full today is taken to
    // go on, and what rests on that says so.
    let at = |command: &'static str, more: &[&'static str]| {
        folder.run(&on_sandbox(&[&[command, "--at", "2026-12-05"], more].concat())).exits(0)
    };
    let later = at("plan", &["--format", "json"]).json();
    let full = &later["waiting"][0];
    assert_eq!(
        (&full["user"], &full["reason"], &full["assumed"]),
        (&json!("ci-full"), &json!("two-keys-in-use"), &json!(true))
    );
    assert!(later["changes"].as_array().expect("a list").iter().all(|change| change.get("assumed").is_none()));
    let assumes = "deactivate it; assumes that who uses a key now goes on\n";
    let plan = at("plan", &[]).shows(&[assumes]);
    assert_eq!(plan.stdout.matches("assumes").count(), 1, "{}", plan.stdout);
    at("status", &[]).shows(&[assumes]);
    let date = folder.run(&on_sandbox(&["plan", "--at", "2026-12-05", "--format", "json"])).exits(0).json();
    assert_eq!(date["as-of"], "2026-12-05T00:00:00Z");
    let enforce = folder.run(&on_sandbox(&["plan", "--at", "enforce", "--format", "json"])).exits(0).json();
    assert_eq!(enforce["as-of"], "2026-12-01T08:00:00Z", "the next scheduled run");
    folder.run(&on_sandbox(&["plan", "--at", "tomorrow"])).exits(1).says(&["`--at tomorrow`", "2026-12-31T08:00:00Z"]);
    folder.write("manifests/keyrota.toml", SHARED.split("[schedule]").next().expect("a first part"));
    let monthly = folder.run(&on_sandbox(&["plan", "--at", "enforce", "--format", "json"])).exits(0).json();
    assert_eq!(monthly["as-of"], "2026-12-01T08:00:00Z", "without a schedule: that of the defaults");
    assert_eq!(folder.read("sandbox.toml"), SANDBOX, "a plan leaves the sandbox as it is");
}

#[test]
fn the_plan_goes_into_a_file_as_well() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["plan", "--format", "json", "--json-into", "plan.json"])).exits(0);
    assert_eq!(folder.read("plan.json"), ran.stdout);
    let ran = folder.run(&on_sandbox(&["plan", "--json-into", "missing/plan.json"])).exits(1);
    ran.says(&["missing/plan.json", "make the folder first"]);
}

/// What an apply says: who was told, by which way, and where the secret is.
#[test]
fn an_apply_says_who_was_told_and_where_the_secret_is() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["apply", "--yes"])).exits(0);
    ran.shows(&[
        "done: stored in `/aws/iam/credentials/ci-deployer`",
        "done: handed out by `/aws/iam/credentials/ci-deployer`",
        "done: told deployers@example.com by mail",
    ]);
}

/// Two names that tags write alike: one user's secret is not the former one of the other.
#[test]
fn users_whose_names_tags_write_alike_are_told_apart() {
    let user = |name: &str, number: u32| {
        format!(
            "[[users]]\nname = \"{name}\"\ntags.email = \"x@example.com\"\n[[users.keys]]\nid = \"AKIACOMMA00000000{number:03}\"\n\
                 created = 2026-06-01T08:00:00Z\n"
        )
    };
    let account = format!(
        "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n{}{}",
        user("a,b", 1),
        user("a_b", 2)
    );
    let manifests = "version = 1\n[mail]\nfrom = \"k@example.com\"\n[defaults]\nnotify = [\"tag:email\"]\n[[rotate]]\nusers = [\"a_b\"]\n\
                     [[rotate]]\nusers = [\"a,b\"]\nsecret = \"/other/{user}\"\n";
    for first in [vec!["--user", "a_b"], vec!["--user", "a,b"], vec![]] {
        let folder = Folder::new(&[("sandbox.toml", &account), ("manifests/keyrota.toml", manifests)]);
        folder.run(&on_sandbox(&[&["apply", "--yes"], &first[..]].concat())).exits(0);
        let plan = folder.run(&on_sandbox(&["plan"])).exits(0);
        assert!(!plan.stdout.contains("which is gone") && !plan.stdout.contains("blocked"), "{}", plan.stdout);
        assert!(!(plan.stdout + &plan.stderr).contains("has moved"));
        folder.run(&on_sandbox(&["apply", "--yes"])).exits(0);
        let plan = folder.run(&on_sandbox(&["plan", "--format", "json"])).exits(0).json();
        assert_eq!((&plan["changes"], &plan["warnings"]), (&json!([]), &Value::Null), "{plan:#}");
    }
}
