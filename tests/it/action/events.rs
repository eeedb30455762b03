//! The right base for each event, over real histories.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use serde_json::{Value, json};

use super::{PullRequest, RULE, runner::Outcome};
use crate::repository::Repository;

const WIDER: &str = "[[rotate]]\nusers = [\"day-*\"]\n";

fn entered(outcome: &Outcome) -> Vec<String> {
    assert!(outcome.is_success, "{outcome:?}");
    let users = outcome.plan["scope"]["entered"].as_array().unwrap_or_else(|| panic!("there is no base: {outcome:?}"));
    users.iter().map(|user| user["user"].as_str().expect("a name").to_owned()).collect()
}

#[track_caller]
fn refused(outcome: &Outcome, sentence: &str) {
    assert!(!outcome.is_success && outcome.output("result") == "error", "{outcome:?}");
    assert!(outcome.log.contains(sentence) && outcome.summary.contains(sentence), "{sentence}: {outcome:?}");
}

/// A clone with all that there is, at a commit.
fn checked_out(origin: &Repository, commit: &str) -> Repository {
    let checkout = Repository::new();
    checkout.git(&["remote", "add", "origin", &format!("file://{}", origin.path().display())]);
    checkout.git(&["fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/pull/*:refs/pull/*"]);
    checkout.git(&["checkout", "--quiet", "--detach", commit]);
    checkout
}

/// Main went on, and someone pressed "Update branch": the head of the pull request is a merge commit itself.
#[test]
fn an_updated_branch() {
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-100\", \"day-70\"]\n");
    pull.origin.git(&["checkout", "--quiet", "main"]);
    pull.origin.write("manifests/other.toml", "version = 1\n\n[[rotate]]\nusers = [\"spare\"]\n");
    pull.origin.commit();
    pull.origin.git(&["checkout", "--quiet", "change"]);
    pull.origin.git(&["merge", "--quiet", "--no-ff", "--message", "Merge branch 'main' into change", "main"]);
    let event = || pull.event("example/access-keys");
    // The merge commit of the pull request is the right one.
    assert_eq!(entered(&pull.run(&[])), ["day-70"]);
    // Its head looks like one: HEAD^1 would be the branch before, and main's change would pass for the pull request's.
    let head = pull.origin.git(&["rev-parse", "change"]);
    let at_head = checked_out(&pull.origin, &head);
    let run = |inputs: &[(&str, &str)]| pull.run_in(&at_head, "pull_request", event(), (1, 1), inputs);
    refused(&run(&[]), "and the head of the pull request is ");
    assert!(pull.own_comments()[0].contains("there is no plan"), "{:?}", pull.own_comments());
    assert!(run(&[]).log.contains("without `ref`, or set the input `base`"));
    // Whoever wants that checked out says what to compare with.
    assert_eq!(entered(&run(&[("base", "origin/main")])), ["day-70"]);
    refused(&run(&[("base", "origin/nothing")]), "there is no revision `origin/nothing`");
    // A head that is no merge commit has no second parent.
    let plain = checked_out(&pull.origin, &format!("{head}^1"));
    refused(
        &pull.run_in(&plain, "pull_request", event(), (1, 1), &[]),
        "HEAD is not the merge commit of the pull request",
    );
    let mut without_head = event();
    without_head["pull_request"]["head"]["sha"] = Value::Null;
    refused(&pull.run_as("pull_request", without_head, 2, &[]), "has no `pull_request.head.sha`");
}

#[test]
fn other_events_have_their_own_base() {
    let pull = PullRequest::new();
    let before = pull.origin.git(&["rev-parse", "change"]);
    pull.push("[[rotate]]\nusers = [\"day-100\", \"day-70\"]\n");
    pull.push(WIDER);
    let after = pull.origin.git(&["rev-parse", "change"]);
    let checkout = checked_out(&pull.origin, &after);
    let repository = json!({ "full_name": "example/access-keys", "private": true });
    let run = |name: &str, mut event: Value, inputs: &[(&str, &str)]| {
        event["repository"] = repository.clone();
        pull.run_in(&checkout, name, event, (1, 1), inputs)
    };
    let all = ["day-10", "day-50", "day-70"];
    let group = |base: &str, head: &str| json!({ "merge_group": { "base_sha": base, "head_sha": head } });
    assert_eq!(entered(&run("merge_group", group(&before, &after), &[])), all);
    refused(&run("merge_group", group(&before, &before), &[]), "the event `merge_group` is for");
    refused(&run("merge_group", json!({}), &[]), "names no `base_sha`");
    let push = |before: &str| json!({ "before": before, "after": after, "head_commit": { "id": after } });
    assert_eq!(entered(&run("push", push(&before), &[])), all);
    let other = json!({ "before": before, "after": before, "head_commit": { "id": before } });
    refused(&run("push", other, &[]), "the event `push` is for");
    // A tag is an object of its own, and a branch that was just made has nothing before it.
    let tag = json!({ "before": "0".repeat(40), "after": "1".repeat(40), "head_commit": { "id": after } });
    let outcome = run("push", tag, &[]);
    assert!(outcome.is_success && outcome.summary.starts_with("### keyrota: "), "{outcome:?}");
    assert!(!outcome.summary.contains("Compared with"), "{outcome:?}");
    // What was not fetched is no reason to guess.
    refused(&run("push", push(&"2".repeat(40)), &[]), "there is no revision");
    let outcome = run("workflow_dispatch", json!({}), &[("base", &before)]);
    assert_eq!(entered(&outcome), all);
    let outcome = run("workflow_dispatch", json!({}), &[]);
    assert!(outcome.is_success && !outcome.summary.contains("Compared with"), "{outcome:?}");
}

#[test]
fn manifests_in_a_submodule_or_behind_a_link() {
    let pull = PullRequest::new();
    let other = Repository::with_rule(RULE);
    let url = other.path().to_str().expect("UTF-8");
    pull.origin.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "keys"]);
    pull.origin.git(&["mv", "manifests", "real"]);
    symlink("real", pull.origin.path().join("manifests")).expect("a link");
    pull.origin.commit();
    let checkout = pull.checkout(2);
    let path = checkout.path().join("keys");
    checkout.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"]);
    assert!(path.join("manifests/team.toml").exists());
    let run = |manifests: &str| {
        let event = pull.event("example/access-keys");
        pull.run_in(&checkout, "pull_request", event, (1, 1), &[("manifests", manifests)])
    };
    refused(&run("keys/manifests"), "is in a submodule");
    let outcome = run("manifests");
    assert!(!outcome.is_success && outcome.output("result") == "invalid", "{outcome:?}");
    assert!(outcome.summary.contains("behind a symbolic link"), "{outcome:?}");
}

/// In a container the workspace may belong to another user: one line mends it, and the error names it.
#[test]
fn a_workspace_of_another_user() {
    let pull = PullRequest::new();
    pull.push(WIDER);
    let checkout = pull.checkout(2);
    let owned = |path: &Path| {
        let mut command = Command::new("chown");
        command.args(["-R", "12345:12345"]).arg(path).status().is_ok_and(|status| status.success())
    };
    if !owned(checkout.path()) {
        // Only root may give files away; CI's container and this test's author are root.
        return;
    }
    let home = tempfile::tempdir().expect("a temporary folder");
    let run = || {
        let event = pull.event("example/access-keys");
        let environment = vec![("HOME", home.path().display().to_string())];
        let (workspace, github) = (checkout.path(), &pull.github.url);
        let job = super::Job { workspace, github, event_name: "pull_request", event, environment, run: (1, 1) };
        job.run(&[("binary", pull.binary.to_str().expect("UTF-8"))])
    };
    let outcome = run();
    let line = format!("git config --global --add safe.directory {}", checkout.path().display());
    refused(&outcome, "belongs to another user");
    assert!(outcome.summary.contains(&line) && outcome.log.contains(&line), "{outcome:?}");
    // As it says.
    let added = Command::new("sh").args(["-c", &line]).env("HOME", home.path()).status().expect("git");
    assert!(added.success());
    assert_eq!(entered(&run()), ["day-10", "day-50", "day-70"]);
}
