//! The pages and documents, as a browser and a validator see them.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::{account, example, history::lived, hostile, report};
use crate::{emulator, golden, support::browser::look};

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/report.v1.json");
    let current = example().run(&["schema", "report"]).exits(0).stdout;
    if golden::is_blessing() {
        fs::write(&path, &current).expect("the schema is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "{} is stale: BLESS=1 cargo test rewrites it", path.display());
}

#[test]
fn a_browser_and_a_validator_find_nothing_wrong() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/report.v1.json");
    let torn = "[[users]]\nname = \"torn\"\nkeys = [{ id = \"AKIAEXAMPLETORN00001\", created = 2026-11-20 }]\n\
                [[secrets]]\nname = \"/aws/iam/credentials/torn\"\n\
                tags = { Owner = \"torn\", \"keyrota:deactivated\" = \"nonsense\" }\n";
    let rule = "[[rotate]]\nusers = [\"*\"]\n";
    let cases = [(lived(), 0), (hostile(), 0), (account(rule, ""), 0), (account(rule, torn), 5)];
    let (first, _) = &cases[0];
    let (mut pages, mut documents) = (Vec::new(), String::new());
    for (folder, code) in &cases {
        let files = ["--html-into", "report.html", "--json-into", "report.json"];
        let has_history = folder.path("history").exists();
        let history = if has_history { &["--history", "history"][..] } else { &[] };
        report(folder, &[&files[..], history].concat()).exits(*code);
        pages.push(folder.path("report.html"));
        let document: Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
        documents += &format!("{document}\n");
    }
    let organization = crate::organization::fourteen();
    organization
        .run(&["report", "--sandbox", "org", "--html-into", "report.html", "--json-into", "report.json"])
        .exits(5);
    pages.push(organization.path("report.html"));
    let document: Value = serde_json::from_str(&organization.read("report.json")).expect("JSON");
    documents += &format!("{document}\n");
    look(&pages);
    first.write("documents.jsonl", &documents);
    let is_valid = |document: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulator/formats.py");
        let mut command = Command::new(emulator::python("formats.txt"));
        let output = command.args([script, "schema"]).arg(&schema).arg(first.path(document)).output().expect("python");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (valid, why) = is_valid("documents.jsonl");
    assert!(valid, "{why}");
    // A schema that anything fits is none.
    let wrong = first.read("report.json").replacen("\"status\": \"active\"", "\"status\": \"well\"", 1);
    first.write("wrong.json", &wrong);
    assert!(!is_valid("wrong.json").0);
}
