//! The workflow of docs/pull-requests.md, run as it stands there, in an account that the emulator serves.

use std::fs;

use serde_json::Value;

use super::{
    PullRequest,
    lint::actionlint,
    runner::{Job, root, yaml},
};
use crate::{emulator, repository::own_slug};

fn example() -> (tempfile::TempDir, Value, std::path::PathBuf) {
    let page = fs::read_to_string(root().join("docs/pull-requests.md")).expect("the page");
    let (_, text) = page.split_once("```yaml\n").expect("the page has a workflow");
    let (text, _) = text.split_once("```").expect("the block ends");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("keyrota.yml");
    fs::write(&path, text).expect("a file");
    let workflow = yaml(&path);
    (folder, workflow, path)
}

#[test]
fn it_is_well_formed() {
    let (_folder, workflow, path) = example();
    assert_eq!(actionlint(&[path]).0, Vec::<String>::new());
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    // Each input that it sets exists.
    let action = yaml(&root().join("action.yml"));
    let steps = workflow["jobs"]["plan"]["steps"].as_array().expect("steps");
    for name in steps[2]["with"].as_object().expect("inputs").keys() {
        assert!(action["inputs"].get(name).is_some(), "{name}");
    }
}

/// The page lists every input and output there is.
#[test]
fn the_page_is_complete() {
    let page = fs::read_to_string(root().join("docs/pull-requests.md")).expect("the page");
    let action = yaml(&root().join("action.yml"));
    for list in ["inputs", "outputs"] {
        for name in action[list].as_object().expect("a table").keys() {
            assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
        }
    }
}

#[tokio::test]
async fn it_runs() {
    let account = emulator::account();
    for (user, day) in [("day-100", "2026-01-01T00:00:00Z"), ("enters", "2026-01-01T00:00:00Z")] {
        account.create_user(user, "/", &[], &[]).await;
        account.create_key(user, day.parse().expect("a time")).await;
    }
    let pull = PullRequest::new();
    pull.push("[[rotate]]\nusers = [\"day-100\", \"enters\"]\n");
    let (_folder, workflow, _path) = example();
    let mut checkout = None;
    let mut environment = Vec::new();
    let mut outcome = None;
    for step in workflow["jobs"]["plan"]["steps"].as_array().expect("steps") {
        let uses = step["uses"].as_str().expect("an action");
        match uses.split('@').next().expect("a name") {
            "actions/checkout" => {
                let depth = step["with"]["fetch-depth"].as_str().and_then(|depth| depth.parse().ok());
                checkout = Some(pull.checkout(depth.expect("a depth")));
            }
            "aws-actions/configure-aws-credentials" => {
                let with = step["with"].as_object().expect("inputs");
                assert_eq!(with.keys().collect::<Vec<_>>(), ["aws-region", "role-to-assume"]);
                environment = account.environment();
            }
            action if action == own_slug() => {
                let workspace = checkout.as_ref().expect("a checkout comes first").path();
                let environment = std::mem::take(&mut environment);
                let event = pull.event("example/access-keys");
                let github = &pull.github.url;
                let job = Job { workspace, github, event_name: "pull_request", event, environment, run: (1, 1) };
                let mut inputs: Vec<(&str, &str)> = Vec::new();
                for (name, value) in step["with"].as_object().expect("inputs") {
                    inputs.push((name, value.as_str().expect("text")));
                }
                // The release that the example would download is what is under test.
                inputs.push(("binary", env!("CARGO_BIN_EXE_keyrota")));
                outcome = Some(job.run(&inputs));
            }
            other => panic!("the example uses {other}, which this test can't stand in for"),
        }
    }
    let outcome = outcome.expect("the example uses the action");
    assert!(outcome.is_success, "{outcome:?}");
    assert_eq!((outcome.output("result"), outcome.output("create")), ("changes", "1"));
    let own = pull.own_comments();
    assert!(own.len() == 1 && own[0].contains("| `+` | `enters` |"), "{own:?}");
    assert!(own[0].contains("Pending anyway: 1"), "{own:?}");
    let writes = ["Create", "Put", "Update", "Delete", "Tag", "Untag", "Send"];
    let requests = account.take_requests();
    let wrote = |action: &str| writes.iter().any(|write| action.starts_with(write));
    let planned: Vec<_> = requests.iter().rev().take_while(|request| request.action != "CreateAccessKey").collect();
    assert!(!planned.is_empty() && planned.iter().all(|request| !wrote(&request.action)), "{planned:?}");
}
