//! What all commands have in common: help, formats, colours, and what they do where they can't be used.

use std::{io::Read, process::Stdio};

use serde_json::json;

use super::{SANDBOX, SHARED, folder, on_sandbox};
use crate::command::Ran;

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
