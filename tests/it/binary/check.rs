//! What `check` prints, and what every command does with mistakes.

use serde_json::json;

use super::{SANDBOX, TEAM, folder, on_sandbox};
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
