//! What `explain` and `status` print.

use serde_json::{Value, json};

use super::{SANDBOX, folder, on_sandbox};
use crate::command::Folder;

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
  ci-overlap   AKIAOVERLAP000000001  active  114d  never             held until 2026-11-27 at least: overdue: 114d old, the limit is 90d; replaced; both keys work during the overlap
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
                   created = 2026-11-01T08:00:00Z\n[[users]]\nname = \"fresh\"\n[[users.keys]]\nid = \"AKIAFRESH00000000001\"\n\
                   created = 2026-11-23T07:00:00Z\n[[users.keys]]\nid = \"AKIAFRESH00000000002\"\ncreated = 2026-11-01T08:00:00Z\n\
                   status = \"inactive\"\n";
    let manifests = "version = 1\n[mail]\nfrom = \"k@example.com\"\n[[rotate]]\nusers = [\"idle\", \"fresh\"]\nnotify = [\"o@example.com\"]\n\
                     unused = \"45d\"\n";
    let folder = Folder::new(&[("sandbox.toml", account), ("manifests/keyrota.toml", manifests)]);
    for format in ["text", "markdown"] {
        let ran = folder.run(&on_sandbox(&["status", "--format", format])).exits(0);
        assert!(ran.stdout.contains("its key goes if nobody uses it"), "{}", ran.stdout);
        assert!(ran.stdout.replace('‑', "-").contains("2027-01-01"), "{}", ran.stdout);
    }
    let status = folder.run(&on_sandbox(&["status", "--format", "json"])).exits(0).json();
    for user in status["users"].as_array().expect("users") {
        // One that was made this morning, too, beside one that somebody deactivated.
        assert_eq!(user["next-action"]["action"], "notify", "{user:#}");
    }
    let told = folder.run(&on_sandbox(&["explain", "idle", "--format", "json"])).exits(0).json();
    let first = &told["users"][0]["year"][0];
    assert_eq!((&first["action"], &first["date"]), (&json!("notify"), &json!("2027-01-01T08:00:00Z")), "{told:#}");
    let on_time = on_sandbox(&["plan", "--at", "2026-12-16T08:00:00Z", "--format", "json"]);
    assert_eq!(folder.run(&on_time).exits(0).json()["changes"][0]["action"], "notify");
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
