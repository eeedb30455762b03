//! The pages and documents, as a browser and a validator see them.

use std::{fs, path::Path};

use super::{account, example, hostile, report};
use crate::{golden, support::browser::look};

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    let current = format!("{:#}\n", keyrota::evidence::json::schema());
    if golden::is_blessing() {
        fs::write(&path, &current).expect("the schema is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "{} is stale: BLESS=1 cargo test rewrites it", path.display());
}

#[test]
fn a_browser_and_a_validator_find_nothing_wrong() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    let torn = "[[users]]\nname = \"torn\"\nkeys = [{ id = \"AKIAEXAMPLETORN00001\", created = 2026-11-20 }]\n\
                [[secrets]]\nname = \"/aws/iam/credentials/torn\"\n\
                tags = { Owner = \"torn\", \"keyrota:deactivated\" = \"nonsense\" }\n";
    let rule = "[[rotate]]\nusers = [\"*\"]\n";
    let cases = [(example(), 0), (hostile(), 0), (account(rule, ""), 0), (account(rule, torn), 5)];
    let (mut pages, mut documents) = (Vec::new(), Vec::new());
    for (folder, code) in &cases {
        report(folder, &["--html-into", "report.html", "--json-into", "report.json"]).exits(*code);
        pages.push(folder.path("report.html"));
        documents.push((schema.clone(), folder.path("report.json")));
    }
    look(&pages, &documents);
}
