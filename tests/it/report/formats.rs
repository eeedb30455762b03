//! The formats hold the same rows, each in its own way, and none can be steered by what came from outside.

use std::process::Command;

use csv::ReaderBuilder;
use serde_json::{Value, json};

use super::{example, hostile, json as report_json, report};
use crate::{command::Folder, system::program};

/// What an auditor types.
fn hash_as_documented(folder: &Folder, file: &str) -> String {
    program(&["jq"], "jq");
    let script = format!("jq -cS 'del(.sha256)' {file} | sha256sum");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path(".")).output().expect("a shell");
    assert!(output.status.success(), "jq is needed (Debian: `apt-get install jq`): {output:?}");
    String::from_utf8(output.stdout).expect("text").split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn the_hash_is_what_an_auditor_computes() {
    for folder in [example(), hostile()] {
        report(&folder, &["--format", "json", "--output", "report.json"]).exits(0);
        let written: Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
        let hash = hash_as_documented(&folder, "report.json");
        assert_eq!(written["sha256"], json!(hash));
        assert_eq!(keyrota::evidence::json::hash(&written), hash);
        // What goes to a terminal has its hidden characters escaped, and is the same document.
        folder.write("printed.json", &report(&folder, &["--format", "json"]).exits(0).stdout);
        assert_eq!(hash_as_documented(&folder, "printed.json"), hash);
        // Anything else is another document.
        let changed = folder.read("report.json").replacen("\"age-days\": ", "\"age-days\": 1", 1);
        folder.write("changed.json", &changed);
        assert_ne!(hash_as_documented(&folder, "changed.json"), hash);
        // The page names it.
        assert!(report(&folder, &["--format", "html"]).exits(0).stdout.contains(&hash));
    }
}

#[test]
fn the_fingerprint_is_what_an_auditor_computes() {
    let folder = example();
    let script = "LC_ALL=C sha256sum *.toml | sha256sum";
    let output =
        Command::new("sh").args(["-c", script]).current_dir(folder.path("manifests")).output().expect("a shell");
    let printed = String::from_utf8(output.stdout).expect("text");
    let report = report_json(&folder);
    assert_eq!(report["manifests"]["fingerprint"], printed.split(' ').next().unwrap_or_default());
    // Wherever they are.
    let elsewhere = Folder::new(&[]);
    let copied = Command::new("cp").arg("-r").arg(folder.path("manifests")).arg(elsewhere.path("rules")).status();
    assert!(copied.is_ok_and(|status| status.success()));
    elsewhere.write("account.toml", &folder.read("account.toml"));
    let moved = super::report(&elsewhere, &["--format", "json", "--manifests", "rules"]).exits(0).json();
    assert_eq!(moved["manifests"]["fingerprint"], report["manifests"]["fingerprint"]);
}

#[test]
fn a_spreadsheet_has_every_row() {
    for folder in [example(), hostile()] {
        let report = report_json(&folder);
        let text = super::report(&folder, &["--format", "csv"]).exits(0).stdout;
        // RFC 4180: lines end so, and every record has as many fields.
        assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
        let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
        let header = reader.headers().expect("a header").clone();
        let rows: Vec<_> = reader.records().map(|record| record.expect("a record of as many fields")).collect();
        let keys = report["keys"].as_array().expect("rows");
        assert_eq!(rows.len(), keys.len());
        for (row, key) in rows.iter().zip(keys) {
            let field = |name: &str| {
                let at = header.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}"));
                row.get(at).expect("a field").to_owned()
            };
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            assert_eq!(field("arn"), text(&key["arn"]));
            assert_eq!(field("key"), text(&key["key"]));
            assert_eq!(field("state"), text(&key["state"]));
            assert_eq!(field("user").trim_start_matches('\''), text(&key["user"]));
            assert_eq!(field("row"), key["row"].to_string());
            assert_eq!(field("managed"), key["managed"].to_string());
            assert_eq!(field("limit"), text(&key["limit"]));
            for control in report["controls"].as_array().expect("controls") {
                let id = control["control"].as_str().expect("an id");
                assert_eq!(field(id), text(&key["controls"][id]), "{id}");
            }
            for cell in row {
                let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
                assert!(!is_formula, "{cell:?} would be taken for a formula");
            }
        }
    }
    // A limit need not be of whole days.
    let hours = super::account(
        "[[rotate]]\nusers = [\"*\"]\nmax-age = \"36h\"\noverlap = \"1h\"\nquiet = \"0d\"\nrotate-ahead = \"0d\"\n",
        "[[users]]\nname = \"a\"\nkeys = [{ id = \"AKIAEXAMPLEHOURS0001\", created = 2026-11-22 }]\n",
    );
    let text = report(&hours, &["--format", "csv"]).exits(0).stdout;
    assert!(text.contains(",36h,1,manifests/team.toml:"), "{text}");
    let text = report(&hostile(), &["--format", "csv"]).exits(0).stdout;
    assert!(text.contains(",\"'=SUM,+@x\","), "a name with commas is quoted: {text}");
}

#[test]
fn markup_is_text() {
    let folder = hostile();
    report(&folder, &["--html-into", "r.html", "--json-into", "r.json", "--csv-into", "r.csv"]).exits(0);
    let page = folder.read("r.html");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>s3"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{page}");
    for name in ["r.html", "r.csv"] {
        let text = folder.read(name);
        let hidden = text.chars().find(|c| c.is_control() && !"\r\n".contains(*c) || *c == '\u{202e}');
        assert_eq!(hidden, None, "{name}");
        assert!(!text.contains("##["), "{name}: a workflow's log would obey");
    }
    // The text of a terminal, too.
    let text = report(&folder, &[]).exits(0).stdout;
    assert!(text.contains("\\u{1b}[31m \\u{202e}") && !text.contains('\u{202e}'), "{text}");
    // JSON has it all as it is.
    let json: Value = serde_json::from_str(&folder.read("r.json")).expect("JSON");
    let reason = json["exceptions"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("<script>") && reason.contains('\u{202e}') && reason.contains('\u{7f}'));
}

#[test]
fn one_call_writes_every_format_of_the_same_report() {
    let folder = example();
    let files = ["--output", "r.txt", "--html-into", "r.html", "--json-into", "r.json", "--csv-into", "r.csv"];
    let ran = report(&folder, &files).exits(0).says(&["r.txt: 15 keys, controls: 19 fail"]);
    assert_eq!(ran.stdout, "");
    let json: Value = serde_json::from_str(&folder.read("r.json")).expect("JSON");
    assert!(folder.read("r.html").contains(json["sha256"].as_str().expect("a hash")));
    assert!(folder.read("r.txt").contains("CIS AWS Foundations Benchmark 7.0.0 2.12"));
    assert_eq!(folder.read("r.csv").lines().count(), 16);
    // `-o` is what other tools have.
    report(&folder, &["--format", "html", "-o", "again.html"]).exits(0);
    assert_eq!(folder.read("again.html"), folder.read("r.html"));
    report(&folder, &["--format", "html", "-o", "no/such/folder.html"]).exits(1).says(&["no/such/folder.html"]);
}

#[test]
fn what_it_has_not_is_refused() {
    let folder = example();
    report(&folder, &["--format", "markdown"]).exits(64).says(&["`report` has no format `markdown`"]);
    folder
        .run(&["plan", "--sandbox", "account.toml", "--format", "html"])
        .exits(64)
        .says(&["`plan` has no format `html`"]);
    report(&folder, &["--mask", "--format", "json"]).exits(1).says(&["`--mask`"]);
    let masked = report(&folder, &["--mask"]).exits(0).stdout;
    assert!(!masked.contains("111122223333"), "{masked}");
}
