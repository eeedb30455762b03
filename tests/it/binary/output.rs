//! What the commands that change nothing print.

use std::{io::Read, process::Stdio};

use serde_json::{Value, json};

use super::{SANDBOX, SHARED, TEAM, crowd, folder, on_sandbox};
use crate::command::{Folder, Ran};

#[test]
fn check_counts_what_is_good() {
    let folder = folder();
    let ran = folder.run(&["check", "--at", "2026-11-23"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("manifests: 1 rule, 1 exemption, no errors\n", ""));
    let ran = folder.run(&["check", "--at", "2026-11-23", "--format", "json"]).exits(0);
    assert_eq!(ran.json(), json!({ "version": 1, "diagnostics": [] }));
}

#[test]
fn a_mistake_stops_every_command_before_it_looks_at_an_account() {
    let folder = folder();
    folder.write("manifests/team.toml", &TEAM.replace("users", "user"));
    for command in [&["check"][..], &["plan"], &["apply", "--yes"], &["status"], &["explain", "ci-builder"]] {
        let ran = folder.run(&on_sandbox(command)).exits(1);
        let ran = ran.says(&["error[KR", "manifests/team.toml:4", "did you mean `users`?"]);
        assert_eq!(ran.stdout, "", "{command:?}");
    }
    assert_eq!(folder.read("sandbox.toml"), SANDBOX);
    let told = folder.run(&["check", "--format", "json", "--at", "2026-11-23"]).exits(1).json();
    let first = &told["diagnostics"][0];
    let expected = json!({
        "code": "KR0007", "severity": "error", "message": "unknown key `user` in `[[rotate]]`",
        "file": "manifests/team.toml", "line": 4, "column": 1, "label": "did you mean `users`?", "help": null,
    });
    assert_eq!(*first, expected);
}

#[test]
fn a_warning_is_told_and_stops_nothing() {
    let folder = folder();
    folder.write("manifests/more.toml", "version = 1\n\n[[rotate]]\nusers = [\"ci-bulider\"]\n");
    let ran = folder.run(&on_sandbox(&["plan"])).exits(0);
    ran.says(&["warning[KR", "did you mean `ci-builder`?"]).shows(&["Plan: 1 to create"]);
}

/// Whoever wrote them believes that their rules hold.
#[test]
fn files_that_look_like_manifests_are_warned_of() {
    let folder = folder();
    folder.write("manifests/later.TOML", "version = 1\n");
    std::fs::create_dir_all(folder.path("manifests/teams/a")).expect("a folder");
    folder.write("manifests/teams/a/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"alice\"]\n");
    folder.write("manifests/teams/notes.txt", "nothing\n");
    let plan = ["plan", "--sandbox", "sandbox.toml"];
    for command in [&["check", "--at", "2026-11-23"][..], &plan] {
        let ran = folder.run(command).exits(0);
        let ran = ran.says(&["`later.TOML` is not read", "`team.toml` is not read", "manifests/teams/a/team.toml"]);
        assert_eq!(ran.stderr.matches("warning[KR").count(), 2, "{command:?}: {}", ran.stderr);
    }
}

/// Several accounts, or several names on one line, do not hide one.
#[test]
fn a_name_that_is_nobodys_is_warned_of_where_it_stands() {
    let folder = folder();
    folder.write("manifests/more.toml", "version = 1\n\n[[rotate]]\nusers = [\"alice\", \"alcie\", \"bob\"]\n");
    let ran = folder.run(&on_sandbox(&["plan"])).exits(0);
    ran.says(&[
        "there is no user `alcie`",
        "manifests/more.toml:4:19",
        "did you mean `alice`?",
        "there is no user `bob`",
    ]);
}

#[test]
fn verbose_may_be_said_more_than_once() {
    for verbose in ["-v", "-vvv", "--verbose"] {
        folder().run(&on_sandbox(&["plan", verbose])).exits(0).shows(&["Plan: 1 to create"]);
    }
}

#[test]
fn a_plan_for_a_person() {
    let ran = folder().run(&on_sandbox(&["plan"])).exits(0);
    let expected = "\
Account 111122223333, eu-west-1
+ ci-deployer  create   new key               AKIADEPLOYER00000001 is 95d old, the limit is 90d; then deactivate 2026-11-30, delete 2026-12-14 (once nothing uses it; deactivated by 2026-12-14 at the latest); tells deployers@example.com
! ci-full      blocked  AKIAFULL000000000001  overdue: 267d old, the limit is 90d; a new key is due, but both places hold keys in use: move clients off AKIAFULL000000000001 and deactivate it
  ci-overlap   held     AKIAOVERLAP000000001  overdue: 114d old, the limit is 90d; replaced; both keys work during the overlap; until 2026-11-27
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
fn status_lists_every_key_of_every_user_in_scope() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["status"])).exits(0);
    let expected = "\
Account 111122223333, eu-west-1
  user         key                   status  age   last used         next
  ci-deployer  AKIADEPLOYER00000001  active  95d   2026-11-22 (ecs)  create now: AKIADEPLOYER00000001 is 95d old, the limit is 90d
  ci-full      AKIAFULL000000000001  active  267d  2026-11-23        blocked: overdue: 267d old, the limit is 90d; a new key is due, but both places hold keys in use: move clients off AKIAFULL000000000001 and deactivate it
  ci-full      AKIAFULL000000000002  active  236d  2026-11-23
  ci-overlap   AKIAOVERLAP000000001  active  114d  never             held until 2026-11-27: overdue: 114d old, the limit is 90d; replaced; both keys work during the overlap
  ci-overlap   AKIAOVERLAP000000002  active  3d    never
  ci-vendor    AKIAVENDOR0000000001  active  691d  never             exempt until 2026-12-31: overdue: AKIAVENDOR0000000001 is 691d old, the limit is 90d; rotated by hand, SEC-412
  ci-builder   AKIABUILDER000000001  active  22d   2026-11-23 (s3)   rotate 2027-01-01

5 users in scope, 1 unmanaged, 4 overdue.
";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));

    let status = folder.run(&on_sandbox(&["status", "--format", "json"])).exits(0).json();
    assert_eq!((&status["version"], &status["as-of"]), (&json!(1), &json!("2026-11-23T08:00:00Z")));
    let users = status["users"].as_array().expect("a list");
    let next = |user: &Value| (user["user"].clone(), user["next"].clone(), user["until"].clone());
    assert_eq!(
        users.iter().map(next).collect::<Vec<_>>(),
        [
            (json!("ci-deployer"), json!("create"), Value::Null),
            (json!("ci-full"), json!("blocked"), Value::Null),
            (json!("ci-overlap"), json!("held"), json!("2026-11-27T08:00:00Z")),
            (json!("ci-vendor"), json!("held"), json!("2027-01-01T00:00:00Z")),
            (json!("ci-builder"), json!("settled"), json!("2027-01-01T08:00:00Z")),
        ]
    );
    let key = json!({
        "key": "AKIABUILDER000000001", "active": true, "created": "2026-11-01T08:00:00Z", "age-days": 22,
        "overdue": false, "last-used": "2026-11-23T07:00:00Z", "last-used-service": "s3", "last-used-region": null,
    });
    assert_eq!(users[4]["keys"], json!([key]));
    let said = |user: usize, name: &str| users[user][name].clone();
    assert_eq!(said(0, "state"), "due");
    assert_eq!(said(0, "next-action"), json!({ "action": "create", "date": "2026-11-23T08:00:00Z" }));
    assert_eq!((said(0, "limit"), said(0, "limit-days")), (json!("90d"), json!(90)));
    assert_eq!(said(0, "recipients"), json!(["deployers@example.com"]));
    assert_eq!(said(0, "secret"), "/aws/iam/credentials/ci-deployer");
    assert_eq!((said(1, "state"), said(1, "next-action")), (json!("blocked"), Value::Null));
    assert_eq!(said(2, "next-action"), json!({ "action": "deactivate", "date": "2026-11-27T08:00:00Z" }));
    assert_eq!((said(3, "state"), said(3, "overdue")), (json!("exempt"), json!(true)));
    assert_eq!(said(4, "next-action"), json!({ "action": "create", "date": "2027-01-01T08:00:00Z" }));
    assert_eq!(
        status["summary"],
        json!({
            "users": 5, "keys": 7, "active-keys": 7, "overdue": 4, "oldest-key-age-days": 691, "due": 1, "blocked": 1,
            "held": 1, "exempt": 1, "unreadable": 0, "settled": 1, "unmanaged": 1,
        })
    );
    assert_eq!((&status["unmanaged"][0]["user"], &status["unmanaged"][0]["over-age"]), (&json!("alice"), &json!(true)));
    let ran = folder.run(&on_sandbox(&["status", "--unmanaged"])).exits(0);
    let expected = "\
Account 111122223333, eu-west-1
  unmanaged  keys
  alice      over age: AKIAALICE00000000001 1043d old

1 user selected by no rule, 1 with keys over age.
";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
    let markdown = folder.run(&on_sandbox(&["status", "--format", "markdown"])).exits(0).stdout;
    for part in ["### keyrota: 5 users in scope, 4 overdue, 1 blocked, 1 unmanaged", "| `ci-deployer` |", "| `alice` |"]
    {
        assert!(markdown.contains(part), "no {part:?} in {markdown}");
    }
    let page = folder.run(&on_sandbox(&["status", "--unmanaged", "--format", "markdown"])).exits(0).stdout;
    assert!(page.contains("| `alice` | over age: …0001 1043d old |") && !page.contains("ci-deployer"), "{page}");
    folder.run(&on_sandbox(&["status", "--json-into", "s.json", "--markdown-into", "s.md"])).exits(0);
    assert_eq!(folder.read("s.md"), markdown);
    assert!(folder.read("s.json").contains("\"next-action\""));
    assert_eq!(folder.read("sandbox.toml"), SANDBOX);
}

#[test]
fn explain_says_where_each_value_comes_from() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["explain", "CI-DEPLOYER"])).exits(0);
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for expected in [
        &["ci-deployer,", "account", "111122223333"][..],
        &["rule", "rotate", "manifests/team.toml:3"],
        &["max-age", "90d", "built-in"],
        &["notify", "tag:email", "=", "deployers@example.com", "manifests/keyrota.toml:4"],
        &["secret", "/aws/iam/credentials/ci-deployer", "built-in"],
    ] {
        assert!(lines.iter().any(|line| line == expected), "no {expected:?} in {}", ran.stdout);
    }
    let told = folder.run(&on_sandbox(&["explain", "ci-vendor", "--format", "json"])).exits(0).json();
    let exempt = json!({ "value": "rotated by hand, SEC-412 (until 2026-12-31)", "source": "manifests/team.toml:6" });
    assert_eq!(told["users"][0]["policy"]["exempt"], exempt);
    let alice = ["alice: unmanaged, no rule selects it", "over age: AKIAALICE00000000001 1043d old"];
    folder.run(&on_sandbox(&["explain", "alice"])).exits(0).shows(&alice);
    let told = folder.run(&on_sandbox(&["explain", "alice", "--format", "json"])).exits(0).json();
    assert_eq!(told["unmanaged-users"][0]["keys"][0]["age-days"], 1043);
    let ran = folder.run(&on_sandbox(&["explain", "ci-biulder"])).exits(1);
    ran.says(&["there is no IAM user `ci-biulder`", "did you mean `ci-builder`?"]);
}

#[test]
fn the_schema_is_the_committed_one() {
    let ran = folder().run(&["schema"]).exits(0);
    assert!(ran.stdout == include_str!("../../../manifests/keyrota.schema.json"), "BLESS=1 cargo test rewrites it");
}

#[test]
fn shells_get_completions() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef keyrota"), ("fish", "complete -c keyrota")] {
        folder().run(&["completions", shell]).exits(0).shows(&[mark, "detailed-exitcode"]);
    }
}

#[test]
fn help_is_no_error_and_nonsense_is() {
    folder().run(&["--help"]).exits(0).shows(&["Exit codes:", "Usage: keyrota"]);
    folder().run(&["--version"]).exits(0).shows(&[env!("CARGO_PKG_VERSION")]);
    for nonsense in [&["plann"][..], &[], &["plan", "--format", "yaml"], &["plan", "--yes"], &["explain"]] {
        let ran = folder().run(nonsense).exits(64);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("--help"), "{ran:#?}");
    }
}

#[test]
fn colour_is_for_terminals_and_on_request() {
    let folder = folder();
    let coloured = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = folder.command(&on_sandbox(arguments));
        command.envs(variable);
        Ran::of(command).exits(0).stdout.contains('\u{1b}')
    };
    assert!(!coloured(&["plan"], None), "a pipe is no terminal");
    assert!(!coloured(&["plan"], Some(("NO_COLOR", "1"))));
    assert!(!coloured(&["plan", "--color", "never"], None));
    assert!(coloured(&["plan", "--color", "always"], None));
    assert!(coloured(&["plan", "--color", "always"], Some(("NO_COLOR", "1"))), "an argument beats the environment");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder();
    let mut child = folder.command(&on_sandbox(&["plan"])).stdout(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
    let status = child.wait().expect("it ends");
    assert!(status.success() && stderr.is_empty(), "{status}: {stderr}");
}

#[test]
fn accounts_are_those_of_the_manifests() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["plan", "--account", "payments"])).exits(1);
    ran.says(&["`--account payments`: there is no such account", "the manifests declare none"]);

    let declare = |id| format!("{SHARED}\n[accounts.payments]\nid = \"{id}\"\n");
    folder.write("manifests/keyrota.toml", &declare("444455556666"));
    let ran = folder.run(&on_sandbox(&["plan"])).exits(1);
    ran.says(&["the sandbox is account 111122223333, which the manifests don't declare", "444455556666 (payments)"]);

    folder.write("manifests/keyrota.toml", &declare("111122223333"));
    let ran = folder.run(&on_sandbox(&["plan", "--account", "paiments"])).exits(1);
    ran.says(&["there is no such account", "the manifests declare `payments`"]);
    for name in ["payments", "111122223333"] {
        let plan = folder.run(&on_sandbox(&["plan", "--account", name, "--format", "json"])).exits(0).json();
        let change = &plan["changes"][0];
        assert_eq!((&change["account"], &change["account-name"]), (&json!("111122223333"), &json!("payments")));
    }
}

#[test]
fn the_plan_goes_into_a_file_as_well() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["plan", "--format", "json", "--json-into", "plan.json"])).exits(0);
    assert_eq!(folder.read("plan.json"), ran.stdout);
    let ran = folder.run(&on_sandbox(&["plan", "--json-into", "missing/plan.json"])).exits(1);
    ran.says(&["missing/plan.json", "make the folder first"]);
}

#[test]
fn a_sandbox_that_cannot_be_used_is_told() {
    let folder = folder();
    folder.run(&["plan", "--sandbox", "missing.toml"]).exits(1).says(&["missing.toml", "No such file"]);
    folder.write("sandbox.toml", &SANDBOX.replace("region = ", "regoin = "));
    folder.run(&on_sandbox(&["plan"])).exits(1).says(&["sandbox.toml:5", "regoin"]);
}

/// What a command has not, it does not offer.
#[test]
fn formats_and_reports_do_what_they_say_or_are_refused() {
    let folder = folder();
    for command in [&["schema", "--format", "markdown"][..], &["explain", "ci-full", "--format", "markdown"]] {
        folder.run(command).exits(64).says(&["has no format `markdown`"]);
    }
    for flag in ["--json-into", "--markdown-into"] {
        for command in [&["explain", "ci-full"][..], &["schema"], &["export", "terraform"]] {
            folder.run(&[command, &[flag, "file"]].concat()).exits(64);
        }
        folder.run(&["check", "--at", "2026-11-23", flag, "check"]).exits(0);
        assert!(!folder.read("check").is_empty());
    }
    let ran = folder.run(&on_sandbox(&["apply", "--yes", "--user", "ci-deployer", "--format", "markdown"])).exits(0);
    ran.shows(&["### keyrota: ", "**Done: 3**", "| `+` | `ci-deployer` | create | done"]);
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

/// Keys, what comes next and why, and the next year.
#[test]
fn explain_looks_a_year_ahead() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["explain", "ci-deployer"])).exits(0);
    ran.shows(&[
        "AKIADEPLOYER00000001  active",
        "create now: AKIADEPLOYER00000001 is 95d old, the limit is 90d",
        "2026-11-23  create new, promote new, notify new",
        "2026-12-14  deactivate AKIADEPLOYER00000001",
    ]);
    let told = folder.run(&on_sandbox(&["explain", "ci-deployer", "--format", "json"])).exits(0).json();
    let first = &told["users"][0]["year"][0];
    assert_eq!(*first, json!({ "date": "2026-11-23T08:00:00Z", "action": "create", "key-ref": "new" }));
    assert_eq!(told["users"][0]["keys"][0]["age-days"], 95);
}

/// What nobody uses goes before it is replaced: that is what comes next, in every format.
#[test]
fn a_key_that_will_go_unused_is_not_shown_as_one_to_rotate() {
    let account = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n[[users]]\nname = \"idle\"\n[[users.keys]]\nid = \"AKIAIDLE000000000001\"\n\
                   created = 2026-11-01T08:00:00Z\n";
    let manifests = "version = 1\n[mail]\nfrom = \"k@example.com\"\n[[rotate]]\nusers = [\"idle\"]\nnotify = [\"o@example.com\"]\n\
                     unused = \"45d\"\n";
    let folder = Folder::new(&[("sandbox.toml", account), ("manifests/keyrota.toml", manifests)]);
    for format in ["text", "markdown"] {
        let ran = folder.run(&on_sandbox(&["status", "--format", format])).exits(0);
        assert!(ran.stdout.contains("its key goes if nobody uses it"), "{}", ran.stdout);
        assert!(ran.stdout.replace('‑', "-").contains("2027-01-01"), "{}", ran.stdout);
    }
    let status = folder.run(&on_sandbox(&["status", "--format", "json"])).exits(0).json();
    assert_eq!(status["users"][0]["next-action"]["action"], "notify");
    let told = folder.run(&on_sandbox(&["explain", "idle", "--format", "json"])).exits(0).json();
    let first = &told["users"][0]["year"][0];
    assert_eq!((&first["action"], &first["date"]), (&json!("notify"), &json!("2027-01-01T08:00:00Z")), "{told:#}");
    let on_time = on_sandbox(&["plan", "--at", "2026-12-16T08:00:00Z", "--format", "json"]);
    assert_eq!(folder.run(&on_time).exits(0).json()["changes"][0]["action"], "notify");
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

#[test]
fn who_is_in_scope_by_an_exemption_alone_has_no_policy() {
    let folder = folder();
    let team =
        folder.read("manifests/team.toml") + "[[exempt]]\nuser = \"alice\"\nreason = \"leaves\"\nuntil = 2026-12-31\n";
    folder.write("manifests/team.toml", &team);
    let ran = folder.run(&on_sandbox(&["explain", "alice"])).exits(0);
    assert!(ran.stdout.contains("none: no rule selects it") && !ran.stdout.contains("max-age"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("create"), "{}", ran.stdout);
}

/// Whose turn it is rests on who else is due: `explain` says what `plan` says.
#[test]
fn explain_knows_who_else_waits_for_a_turn() {
    let mut account = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n".to_owned();
    for number in 0..12 {
        account += &format!(
            "[[users]]\nname = \"u{number:02}\"\ntags.email = \"x@example.com\"\n[[users.keys]]\nid = \"AKIATURN0000000000{number:02}\"\n\
             created = 2026-06-{:02}T08:00:00Z\n",
            number + 1
        );
    }
    let manifests = "version = 1\n[mail]\nfrom = \"k@example.com\"\n[defaults]\nnotify = [\"tag:email\"]\n[pace]\nmax-rotations = 5\n\
                     [schedule]\nenforce = \"cron(0 8 1 * ? *)\"\ntend = \"cron(0 8 * * ? *)\"\n[[rotate]]\nusers = [\"*\"]\n";
    let folder = Folder::new(&[("sandbox.toml", &account), ("manifests/keyrota.toml", manifests)]);
    let plan = folder.run(&on_sandbox(&["plan", "--format", "json"])).exits(0).json();
    let waits = plan["waiting"].as_array().expect("a list").iter().find(|row| row["user"] == "u11").expect("it waits");
    let told = folder.run(&on_sandbox(&["explain", "u11", "--format", "json"])).exits(0).json();
    let user = &told["users"][0];
    assert_eq!((&user["state"], &user["until"]), (&json!("held"), &waits["until"]), "{told:#}");
    assert_eq!(told["users"].as_array().map(Vec::len), Some(1));
    assert_eq!(user["year"][0]["date"], waits["until"], "{told:#}");
    let text = folder.run(&on_sandbox(&["explain", "u11"])).exits(0).stdout;
    assert!(!text.contains("u10") && text.contains("come first"), "{text}");
}

/// The help of a command names the formats that it has, and no option that means nothing to it.
#[test]
fn help_offers_what_the_command_takes() {
    let folder = folder();
    let every = ["text", "json", "markdown", "html", "csv", "ics", "github"];
    for command in [
        &["init"][..],
        &["capture", "--into", "x.toml"],
        &["doctor"],
        &["package"],
        &["check"],
        &["plan"],
        &["apply"],
        &["status"],
        &["explain", "ci-full"],
        &["forecast"],
        &["mail", "preview", "rotated"],
        &["export", "terraform"],
        &["schema"],
        &["completions", "bash"],
    ] {
        let help = folder.run(&[command, &["--help"]].concat()).exits(0).stdout;
        let (_, offered) = help.split_once("--format <FORMAT>").unwrap_or_else(|| panic!("{command:?}: {help}"));
        let (offered, _) = offered.split_once("\n      --mask").unwrap_or((offered, ""));
        for format in every {
            let is_offered = offered.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == format);
            let ran = folder.run(&on_sandbox(&[command, &["--format", format]].concat()));
            let is_taken = !ran.stderr.contains(&format!("has no format `{format}`"));
            assert_eq!(is_offered, is_taken, "{command:?} --format {format}: {offered}\n{ran:?}");
            assert_eq!(is_taken, ran.code != Some(64), "{ran:?}");
        }
    }
    for (command, absent, present) in [
        ("init", &["--at", "--account", "--role-suffix"][..], "--sandbox"),
        ("doctor", &["--at"], "--account"),
        ("capture", &["--at"], "--account"),
        ("check", &["--sandbox", "--account", "--role-suffix"], "--at"),
        ("package", &["--sandbox", "--account", "--at"], "--manifests"),
        ("schema", &["--sandbox", "--account", "--at", "--manifests"], "--format"),
        ("status", &[], "--at"),
    ] {
        let help = folder.run(&[command, "--help"]).exits(0).stdout;
        for option in absent {
            assert!(!help.contains(&format!("{option} <")), "{command} offers {option}: {help}");
        }
        assert!(help.contains(&format!("{present} <")), "{command} lacks {present}: {help}");
    }
    // Before the command as after it.
    let before = folder.run(&["--format", "json", "--at", "2026-12-24", "plan", "--sandbox", "sandbox.toml"]).exits(0);
    assert_eq!(before.json()["as-of"], "2026-12-24T00:00:00Z");
}

/// As many errors are counted as are shown, and a check that fails says so in its last line.
#[test]
fn check_counts_what_it_shows() {
    let ended = "version = 1\n[[exempt]]\nuser = \"a\"\nreason = \"r\"\nuntil = 2020-01-01\n\
                 [[exempt]]\nuser = \"b\"\nreason = \"r\"\nuntil = 2020-01-01\n";
    let folder = Folder::new(&[("manifests/a.toml", ended)]);
    let last = |ran: &Ran| ran.stderr.lines().last().unwrap_or_default().to_owned();
    let ran = folder.run(&["check"]).exits(1);
    assert_eq!(ran.stderr.matches("error[").count(), 2, "{ran:?}");
    assert_eq!(last(&ran), "error: the manifests have 2 errors; nothing was changed");
    folder.write("manifests/b.toml", "version = 1\n[[rotate]]\nusers = [\"x\"]\nnotify = []\nhold = \"5x\"\n");
    for command in [&["check"][..], &["plan", "--sandbox", "sandbox.toml"]] {
        folder.write("sandbox.toml", "account = \"111122223333\"\n");
        let ran = folder.run(command).exits(1);
        assert_eq!(ran.stderr.matches("error[").count(), 3, "{ran:?}");
        assert_eq!(last(&ran), "error: the manifests have 3 errors; nothing was changed");
    }
}
