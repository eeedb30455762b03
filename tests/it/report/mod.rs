//! `keyrota report`: what it says, in every format, of accounts that are fine, empty, hostile, half read and huge.

mod formats;
mod git;
mod history;
mod large;
mod pages;
mod verdicts;

use std::{fs, path::Path};

use serde_json::Value;

use crate::command::{Folder, Ran};

/// The example of this repository: its manifests, and its account.
fn example() -> Folder {
    let folder = Folder::new(&[]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in fs::read_dir(root.join("manifests")).expect("a folder").filter_map(Result::ok) {
        let name = file.file_name().into_string().expect("UTF-8");
        folder.write(&format!("manifests/{name}"), &fs::read_to_string(file.path()).expect("a file"));
    }
    folder.write("account.toml", &fs::read_to_string(root.join("examples/sandbox.toml")).expect("a file"));
    folder
}

/// A folder with one manifest of rules, and an account with these users, at 2026-11-23.
fn account(rules: &str, users: &str) -> Folder {
    let shared = "version = 1\n[defaults]\nmax-age = \"90d\"\nnotify = []\n";
    let rules = format!("version = 1\n{rules}");
    let account = format!("now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n{users}");
    Folder::new(&[("manifests/keyrota.toml", shared), ("manifests/team.toml", &rules), ("account.toml", &account)])
}

fn report(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[&["report", "--sandbox", "account.toml"][..], arguments].concat())
}

fn json(folder: &Folder) -> Value {
    report(folder, &["--format", "json"]).exits(0).json()
}

/// The row of a key, or of a user of whom there is one row.
fn row<'a>(report: &'a Value, user: &str, key: Option<&str>) -> &'a Value {
    let rows = report["keys"].as_array().expect("rows");
    let mut found = rows.iter().filter(|row| row["user"] == user && key.is_none_or(|key| row["key"] == key));
    let row = found.next().unwrap_or_else(|| panic!("{user} {key:?}"));
    assert!(found.next().is_none(), "{user} has several rows");
    row
}

fn control<'a>(report: &'a Value, id: &str) -> &'a Value {
    let controls = report["controls"].as_array().expect("controls");
    controls.iter().find(|control| control["control"] == id).unwrap_or_else(|| panic!("{id}"))
}

/// Names and texts that would steer a page, a spreadsheet, a terminal or a workflow's log.
fn hostile() -> Folder {
    let rules = r###"
[[rotate]]
users = ["*"]

[[exempt]]
user = "=SUM,+@x"
reason = "<script>alert('x')</script> \"##[warning]\" ::error::\u001b[31m \u202e & \u007f"
"###;
    let users = r#"
[[users]]
name = "=SUM,+@x"
path = "/<img%20src=x%20onerror=alert(1)>/"
keys = [{ id = "AKIAEXAMPLEHOSTILE01", created = 2026-01-01, last-used = 2026-11-20, last-used-service = "<b>s3</b>" }]

[[users]]
name = "-cmd"
path = "/'\"&/"
keys = [{ id = "AKIAEXAMPLEHOSTILE02", created = 2026-11-01 }]
"#;
    account(rules, users)
}
