//! What `apply` does to a sandbox.

use std::{collections::BTreeMap, process::Command};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{SANDBOX, SHARED, crowd, folder, on_sandbox};
use crate::{
    command::{Folder, Ran},
    emulator,
};

#[test]
fn nobody_to_ask_means_no() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["apply"])).exits(1);
    ran.shows(&["Plan: 1 to create"]).says(&["nobody is here to approve the plan", "`--yes` applies without asking"]);
    assert_eq!(folder.read("sandbox.toml"), SANDBOX);
}

#[test]
fn on_a_terminal_only_yes_is_yes() {
    // Python has pseudoterminals in its standard library.
    let ask = |answer: &str| {
        let folder = folder();
        let script = "import os, pty, sys\n\
            answer, *command = sys.argv[1:]\n\
            child, terminal = pty.fork()\n\
            if child == 0: os.execvp(command[0], command)\n\
            seen = b''\n\
            while b'Only `yes` is accepted' not in seen: seen += os.read(terminal, 1024)\n\
            os.write(terminal, answer.encode() + b'\\n')\n\
            try:\n\
            \x20   while more := os.read(terminal, 1024): seen += more\n\
            except OSError: pass\n\
            sys.stdout.buffer.write(seen)\n\
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n";
        let binary = folder.command(&on_sandbox(&["apply"]));
        let mut command = Command::new(emulator::python("moto.txt"));
        command.env_clear().env("TERM", "xterm").current_dir(folder.path("")).args(["-c", script, answer]);
        command.arg(binary.get_program()).args(binary.get_args());
        (Ran::of(command), folder)
    };
    let (ran, folder) = ask("y");
    assert!(ran.exits(1).stdout.contains("not approved; nothing was changed"));
    assert_eq!(folder.read("sandbox.toml"), SANDBOX);
    let (ran, folder) = ask("yes");
    let ran = ran.exits(0);
    assert!(ran.stdout.contains("Applied: 1 created, 1 promoted, 1 notified, 1 mailed."), "{ran:#?}");
    assert!(ran.stdout.contains('\u{1b}'), "a terminal has colour");
    assert_ne!(folder.read("sandbox.toml"), SANDBOX);
}

#[test]
fn a_second_apply_finds_nothing_to_do() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["apply", "--yes"])).exits(0);
    let ran = ran.shows(&["Plan: 1 to create", "Applied: 1 created, 1 promoted, 1 notified, 1 mailed."]);
    assert_eq!(ran.stderr, "");
    let after = folder.read("sandbox.toml");
    assert!(after.starts_with("# An account for tests.\n"), "{after}");
    assert!(!after.contains("SecretAccessKey"), "of a value only its digest is kept: {after}");
    let ran = folder.run(&on_sandbox(&["apply", "--yes"])).exits(0);
    assert!(ran.stdout.contains("\nNo changes. ") && !ran.stdout.contains("Applied"), "{ran:#?}");
    folder.run(&on_sandbox(&["plan", "--detailed-exitcode"])).exits(0);
    assert_eq!(folder.read("sandbox.toml"), after);
}

#[test]
fn what_was_done_is_told_to_programs() {
    let folder = folder();
    let ran = folder.run(&on_sandbox(&["apply", "--yes", "--format", "json", "--json-into", "out.json"])).exits(0);
    let report = ran.json();
    assert_eq!(folder.read("out.json"), ran.stdout);
    assert_eq!(report["summary"]["create"], 1, "the plan that was applied");
    let outcomes = report["outcomes"].as_array().expect("a list");
    let told: Vec<_> = outcomes.iter().map(|o| (o["user"].clone(), o["action"].clone(), o["result"].clone())).collect();
    let done = |action: &str| (json!("ci-deployer"), json!(action), json!("done"));
    assert_eq!(told, [done("create"), done("promote"), done("notify")]);
    assert!(outcomes.iter().all(|outcome| outcome["error"].is_null()), "{report:#}");
}

#[test]
fn a_limit_stops_it_before_the_first_change() {
    let folder = crowd(3, 0, "max-actions = 2");
    let before = folder.read("sandbox.toml");
    let ran = folder.run(&on_sandbox(&["apply", "--yes"])).exits(3);
    ran.shows(&["Plan: 3 to create"]).says(&["`max-actions` allows 2", "nothing was changed"]);
    let ran = folder.run(&on_sandbox(&["apply", "--yes", "--format", "json", "--json-into", "out.json"])).exits(3);
    assert_eq!(ran.json()["summary"]["create"], 3, "a program sees what was refused");
    let stopped = ran.json()["stopped"][0].as_str().map(str::to_owned);
    assert!(stopped.is_some_and(|why| why.starts_with("3 changes are planned, `max-actions` allows 2")), "{ran:?}");
    assert_eq!(folder.read("out.json"), ran.stdout);
    let page = folder.run(&on_sandbox(&["apply", "--yes", "--format", "markdown"])).exits(3);
    page.shows(&["**Nothing was changed:** `3 changes are planned, max-actions allows 2 (manifests/keyrota.toml:"]);
    assert_eq!(folder.read("sandbox.toml"), before);
}

#[test]
fn time_passes_in_the_sandbox_only() {
    let folder = folder();
    let ran = folder.run(&["apply", "--yes", "--at", "2026-11-27T08:00:00Z"]).exits(1);
    ran.says(&["`--at` can't be applied"]);
    folder.run(&on_sandbox(&["apply", "--yes", "--at", "2026-11-22"])).exits(1).says(&["can't go back"]);
    assert_eq!(folder.read("sandbox.toml"), SANDBOX);
    let ran = folder.run(&on_sandbox(&["apply", "--yes", "--at", "2026-11-27T08:00:00Z"])).exits(0);
    ran.shows(&["deactivate  AKIAOVERLAP000000001"]);
    assert!(folder.read("sandbox.toml").contains("now = 2026-11-27T08:00:00Z\n"));
    let plan = folder.run(&on_sandbox(&["plan", "--format", "json"])).exits(0).json();
    assert_eq!(plan["as-of"], "2026-11-27T08:00:00Z");
}

#[test]
fn a_failure_is_told_and_stops_nobody_else() {
    let folder = crowd(2, 0, "");
    // Nobody can be told of ci-0's key: neither the owner nor the fallback takes mail.
    let refuse = "refuse-mail-to = [\"gone@example.com\"]\n";
    let sandbox = folder
        .read("sandbox.toml")
        .replace("name = \"ci-1\"", "name = \"ci-1\"\ntags = { email = \"ok@example.com\" }");
    let sandbox = sandbox.replace("name = \"ci-0\"", "name = \"ci-0\"\ntags = { email = \"gone@example.com\" }");
    folder.write(
        "sandbox.toml",
        &sandbox.replace("[[users]]\nname = \"ci-0\"", &format!("{refuse}[[users]]\nname = \"ci-0\"")),
    );
    folder.write("manifests/keyrota.toml", &SHARED.replace("fallback = [\"security@example.com\"]\n", ""));
    let ran = folder.run(&on_sandbox(&["apply", "--yes"])).exits(5);
    ran.shows(&["Applied: 2 created, 2 promoted, 1 notified; 1 failed.", "ses:SendEmail for gone@example.com failed"]);
    let after = folder.read("sandbox.toml");
    assert!(after.contains("to = \"ok@example.com\""), "what was done is saved: {after}");
    // The creation is over: a key that someone makes now is nobody's remainder.
    assert!(!after.contains("keyrota:intent\" = \"2"), "{after}");
    // With a fallback, the next run goes on where this one stopped.
    folder.write("manifests/keyrota.toml", SHARED);
    let ran = folder.run(&on_sandbox(&["apply", "--yes"])).exits(0);
    ran.shows(&["Applied: 1 notified.", "note: ses:SendEmail for gone@example.com failed"]);
    assert!(folder.read("sandbox.toml").contains("to = \"security@example.com\""));
}

/// Each way that was tried and why it failed, and what failed apart from what was done.
#[test]
fn no_cause_is_lost_where_nobody_takes_a_message() {
    let refused = "refuse-mail-to = [\"one@example.com\", \"slack:keyrota/slack\", \"two@example.com\"]\n";
    let manifest = "version = 1\n[mail]\nfrom = \"keyrota@example.com\"\ndigest = [\"one@example.com\"]\n[[rotate]]\nusers = [\"ci-0\"]\n\
                    notify = [\"one@example.com\", \"slack:keyrota/slack\", \"two@example.com\"]\n";
    for format in ["text", "json", "markdown"] {
        let folder = crowd(1, 0, "");
        std::fs::remove_dir_all(folder.path("manifests")).expect("manifests");
        folder.write("manifests/keyrota.toml", manifest);
        let sandbox = folder.read("sandbox.toml").replacen("[[users]]", &format!("{refused}[[users]]"), 1);
        folder.write("sandbox.toml", &sandbox);
        let ran = folder.run(&on_sandbox(&["apply", "--yes", "--format", format])).exits(5);
        let page = ran.stdout;
        for to in ["one@example.com", "slack:keyrota/slack", "two@example.com"] {
            assert!(
                page.contains(&format!("{to} failed")) || page.contains(&format!("{to}` failed")),
                "{format}: {page}"
            );
        }
        if format == "markdown" {
            let parts = ["**Failed or not finished: 1**", "**Not sent: 1**", "**Done: 2**"];
            assert!(parts.iter().all(|part| page.contains(part)), "{page}");
        }
    }
}

/// What a cut run left holds the place that a leaked key's successor needs: who may have made it is told how to take it back, the
/// leaked key is named as long as it works, and a run right after tells and does nothing.
#[test]
fn a_leaked_key_that_has_to_wait_is_named() {
    let case = include_str!("../../cases/plan/leak-behind-an-orphan.case");
    let part = |name: &str| {
        let (_, rest) = case.split_once(&format!("=== {name}\n")).expect("a part");
        rest.split_once("=== ").expect("its end").0
    };
    let names = ["manifests/keyrota.toml", "manifests/t.toml"];
    let folder = Folder::new(&names.map(|name| (name, part(name))));
    // Before the run that deactivates it.
    let is_later = |line: &&str| line.contains("keyrota:deactivated") || line.contains("status=");
    let account: Vec<&str> = part("sandbox.toml").lines().filter(|line| !is_later(line)).collect();
    folder.write("sandbox.toml", &account.join("\n"));
    let apply = |at: &str| folder.run(&on_sandbox(&["apply", "--yes", "--at", at])).exits(0);
    let named = "AKIAEXAMPLELEAKED001 is to be reissued and still works";
    apply("2026-11-23T08:20:00Z").shows(&["deactivate  AKIAEXAMPLEORPHAN001  done", "deactivated           sent"]);
    let again = apply("2026-11-23T08:21:00Z").shows(&[named, "No changes. 1 blocked."]);
    assert!(!again.stdout.contains("sent"), "{}", again.stdout);
    apply("2026-11-24T08:10:00Z").shows(&[named, "sent"]);
    apply("2026-11-24T08:21:00Z").shows(&["AKIAEXAMPLEORPHAN001  done", "deactivate  AKIAEXAMPLELEAKED001  done"]);
    let settled = apply("2026-11-24T08:22:00Z").shows(&["No changes."]);
    assert!(!settled.stdout.contains(named), "{}", settled.stdout);
}

#[test]
fn a_report_that_cannot_be_written_does_not_undo_what_was_done() {
    let folder = folder();
    // It takes no byte, and nobody can know before.
    let flags = ["apply", "--yes", "--json-into", "/dev/full", "--markdown-into", "out.md"];
    let ran = folder.run(&on_sandbox(&flags)).exits(5);
    let ran = ran.shows(&["Applied: 1 created"]).says(&["error: /dev/full: ", "hint: what was done is done"]);
    let (_, record) = ran.stderr.split_once("would have it:\n").expect("the record");
    let record: serde_json::Value = serde_json::from_str(record).expect("JSON");
    assert_eq!(record["outcomes"].as_array().map(Vec::len), Some(3), "{record}");
    assert!(folder.read("out.md").starts_with("### "), "one that fails keeps no other from being written");
    assert_ne!(folder.read("sandbox.toml"), SANDBOX);
}

#[test]
fn a_report_that_has_nowhere_to_go_stops_it_before_the_first_change() {
    let folder = folder();
    folder.write("isdir/file", "");
    folder.write("there.json", "before");
    std::os::unix::fs::symlink("there.json", folder.path("link.json")).expect("a link");
    let cases: [(&[&str], &str); 7] = [
        (&["--json-into", "missing/out.json"], "make the folder first"),
        (&["--markdown-into", "missing/out.md"], "make the folder first"),
        (&["--json-into", "isdir"], "it is a folder"),
        (&["--markdown-into", "isdir"], "it is a folder"),
        (&["--json-into", "new.json", "--markdown-into", "./new.json"], "`--json-into` names the same file"),
        (&["--json-into", "there.json", "--markdown-into", "link.json"], "`--json-into` names the same file"),
        (&["--json-into", "there.json/x", "--markdown-into", "x.md"], "name a file that can be written"),
    ];
    for (flags, remedy) in cases {
        for command in [&["apply", "--yes"][..], &["plan"], &["status"]] {
            let ran = folder.run(&on_sandbox(&[command, flags].concat())).exits(1).says(&["error: `--", remedy]);
            assert_eq!(ran.stdout, "", "nothing was done");
        }
        folder.run(&[&["check"], flags].concat()).exits(1).says(&["error: `--", remedy]);
        assert_eq!(folder.read("sandbox.toml"), SANDBOX, "{flags:?}");
    }
    assert_eq!(folder.read("there.json"), "before", "nor is anything lost");
    assert!(!folder.path("new.json").exists() && !folder.path("x.md").exists());
    // A pipe and the terminal take both.
    folder.run(&on_sandbox(&["plan", "--json-into", "/dev/stderr", "--markdown-into", "/dev/stderr"])).exits(0);
}

/// A key's whole life, a run a day: replaced, both valid, the old one deactivated, deleted, and then peace until the
/// new one is old.
#[test]
fn a_whole_life_day_by_day() {
    let start: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().expect("a time");
    let sandbox = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\n\n[[users]]\nname = \"ci-deployer\"\n\
        tags = { email = \"deployers@example.com\" }\n\n[[users.keys]]\nid = \"AKIADEPLOYER00000001\"\n\
        created = 2026-08-20T08:00:00Z\nlast-used = 2026-11-23T07:00:00Z\n";
    let team = "version = 1\n\n[[rotate]]\nusers = [\"ci-*\"]\n";
    let folder =
        Folder::new(&[("manifests/keyrota.toml", SHARED), ("manifests/team.toml", team), ("sandbox.toml", sandbox)]);
    let mut done: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for day in 0..=91 {
        // Where nothing can happen, a run a week is enough.
        if day > 24 && day % 7 != 0 {
            continue;
        }
        let at = (start + TimeDelta::days(day)).to_rfc3339();
        let arguments = ["apply", "--yes", "--format", "json", "--at", &at];
        let report = folder.run(&on_sandbox(&arguments)).exits(0).json();
        for outcome in report["outcomes"].as_array().expect("a list") {
            assert_eq!(outcome["result"], "done");
            done.entry(day).or_default().push(outcome["action"].as_str().expect("a text").to_owned());
        }
        let after = folder.read("sandbox.toml");
        let old = after.contains("id = \"AKIADEPLOYER00000001\"");
        let inactive = after.contains("status = \"inactive\"");
        let is_inactive = (8..22).contains(&day) || (63..77).contains(&day);
        assert_eq!((old, inactive), (day < 22, is_inactive), "day {day}\n{after}");
    }
    let expected = [
        (0, vec!["create", "promote", "notify"]),
        // The old key was used on the first day, so that it is in use for `quiet`.
        (8, vec!["deactivate"]),
        (22, vec!["delete"]),
        // Early enough that even a monthly run would not be late.
        (56, vec!["create", "promote", "notify"]),
        (63, vec!["deactivate"]),
        (77, vec!["delete"]),
    ];
    let expected: BTreeMap<i64, Vec<String>> =
        expected.into_iter().map(|(day, verbs)| (day, verbs.into_iter().map(str::to_owned).collect())).collect();
    assert_eq!(done, expected);
    let after = folder.read("sandbox.toml");
    let told =
        ["rotated", "deactivated", "deleted"].map(|kind| after.matches(&format!("tags.kind = \"{kind}\"")).count());
    assert_eq!((told, after.matches("[[mail]]").count()), ([2, 2, 2], 6), "{after}");
    assert_eq!(after.matches("to = \"deployers@example.com\"").count(), 6);
    assert!(after.contains("the old one stops on 30 November 2026"), "{after}");
}

/// Whoever reads what failed would else believe that the leaked key stopped, as the plan above it says.
#[test]
fn what_a_failure_left_undone_is_said() {
    let account = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\nrefuse-mail-to = [\"o@example.com\"]\n\
                   [[users]]\nname = \"ci\"\n[[users.keys]]\nid = \"AKIALEAKED0000000001\"\ncreated = 2026-11-01\n";
    let manifests = "version = 1\n[mail]\nfrom = \"k@example.com\"\n[[rotate]]\nusers = [\"ci\"]\nnotify = [\"o@example.com\"]\n\
                     reissue-before = 2026-11-23\noverlap = \"0d\"\nquiet = \"0d\"\n";
    let folder = Folder::new(&[("sandbox.toml", account), ("manifests/keyrota.toml", manifests)]);
    let report = folder.run(&on_sandbox(&["apply", "--yes", "--format", "json"])).exits(5).json();
    let failed = report["outcomes"].as_array().and_then(|all| all.last()).expect("an outcome");
    assert_eq!((&failed["action"], &failed["result"]), (&json!("notify"), &json!("failed")), "{report:#}");
    assert_eq!(failed["notes"], json!(["not reached: deactivate AKIALEAKED0000000001"]));
    let page = folder.run(&on_sandbox(&["apply", "--yes"])).exits(5);
    page.shows(&["not reached: deactivate AKIALEAKED0000000001"]);
}
