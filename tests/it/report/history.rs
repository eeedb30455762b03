//! What happened, as the history has it; what of it can't be used is said, and the rest is.

use std::fs;

use serde_json::{Value, json};

use super::{example, report, row};
use crate::command::Folder;

/// The example after two runs that wrote their history.
pub fn lived() -> Folder {
    let folder = example();
    // The second run stops more keys than that.
    let shared = folder.read("manifests/keyrota.toml").replace("max-percent = 30", "max-percent = 90");
    folder.write("manifests/keyrota.toml", &shared);
    let apply = ["apply", "--sandbox", "account.toml", "--yes", "--history", "history"];
    // The owner of one refuses mail, and the fallback hears of it.
    folder.run(&apply).exits(0);
    folder.run(&[&apply[..], &["--at", "2026-12-15"]].concat()).exits(0);
    folder
}

fn told(folder: &Folder, arguments: &[&str]) -> Value {
    report(folder, &[&["--format", "json", "--history", "history"][..], arguments].concat()).exits(0).json()
}

#[test]
fn what_was_done_is_told_with_whom_the_mail_went_to() {
    let folder = lived();
    let report = told(&folder, &["--since", "2026-11-01"]);
    let happened = &report["happened"];
    assert_eq!((&happened["since"], &happened["source"]), (&json!("2026-11-01T00:00:00Z"), &json!("history")));
    let runs = happened["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2, "{happened:#}");
    assert_eq!(
        (&runs[0]["mode"], &runs[0]["by"], &runs[0]["cut-off"]),
        (&json!("enforce"), &json!("command"), &json!(false))
    );
    assert_eq!(runs[0]["fingerprint"], report["manifests"]["fingerprint"]);
    let changes = happened["changes"].as_array().expect("changes");
    let done = changes.iter().filter(|change| change["run"] == runs[0]["run"] && change["result"] == "ok").count();
    assert_eq!(runs[0]["done"], json!(done));
    // The key that the first run made for ci-deployer: its owner was told, at an address.
    let new = changes
        .iter()
        .find(|change| change["user"] == "ci-deployer" && change["action"] == "notify")
        .expect("its owner was told");
    let address = json!({ "address": "payments-oncall@example.com", "by": "mail" });
    assert!(new["told"].as_array().expect("addresses").contains(&address), "{new:#}");
    let key = row(&report, "ci-deployer", new["key"].as_str());
    assert_eq!((&key["told"]["source"], &key["told"]["fallback"]), (&json!("history"), &json!(false)));
    assert_eq!(key["told"]["to"], new["told"]);
    // Where the owner's address is refused it was somebody else.
    let of_dns = |change: &&Value| change["user"] == "platform-dns" && change["action"] == "create";
    let dns = changes.iter().find(of_dns).expect("a new key");
    let dns = row(&report, "platform-dns", dns["key"].as_str());
    let fallback = &dns["told"];
    assert_eq!(fallback["fallback"], true, "{dns:#}");
    assert_eq!(fallback["to"][0]["by"], "fallback");
    let notified = changes.iter().find(|change| change["user"] == "platform-dns" && change["action"] == "notify");
    let notes = &notified.expect("the fallback was told")["notes"];
    assert!(notes.to_string().contains("left-the-company@example.com"), "who refused is told: {notes}");
    // A later day tells less.
    let later = told(&folder, &["--since", "2026-12-01"]);
    assert_eq!(later["happened"]["runs"].as_array().map(Vec::len), Some(1));
    assert!(later["happened"]["changes"].as_array().expect("changes").len() < changes.len());
    // Without a history nothing is said of it.
    assert_eq!(super::report(&folder, &["--format", "json"]).exits(0).json()["happened"], Value::Null);
}

/// A run that did not do everything says why in its history, and the report has it.
#[test]
fn why_a_run_did_not_do_everything_is_told() {
    let folder = example();
    let apply = ["apply", "--sandbox", "account.toml", "--yes", "--history", "history"];
    folder.run(&apply).exits(0);
    // That many keys at once are beyond `max-percent`.
    folder.run(&[&apply[..], &["--at", "2026-12-15"]].concat()).exits(3);
    let report = told(&folder, &[]);
    let runs = report["happened"]["runs"].as_array().expect("runs");
    let [complete, stopped] = &runs[..] else { panic!("{runs:#?}") };
    assert_eq!((&complete["verdict"], &complete["causes"]), (&json!("complete"), &json!([])));
    let causes = stopped["causes"].as_array().expect("causes");
    let [cause] = &causes[..] else { panic!("{causes:#?}") };
    let cause = cause.as_str().expect("words");
    assert!(stopped["verdict"] == "limit-exceeded" && cause.contains("`max-percent` allows 30 %"), "{stopped:#}");
    let text = super::report(&folder, &["--history", "history"]).exits(0);
    text.shows(&["2 runs (1 did not do everything)"]);
    let page = super::report(&folder, &["--format", "html", "--history", "history"]).exits(0).stdout;
    assert!(page.contains("limit-exceeded: 0 done; ") && page.contains("allows 30 %"), "{cause}");
}

#[test]
fn the_past_knows_keys_that_are_gone() {
    let folder = lived();
    let days = |report: &Value| report["oldest"]["days"].as_array().expect("days").clone();
    let report = told(&folder, &[]);
    assert!(report["oldest"]["note"].as_str().expect("a note").contains("by the history from 2026-11-23 on"));
    // AKIAEXAMPLEMAILER001 and others stopped meanwhile: how old they were is known of those alone that it saw made.
    assert_eq!(days(&report).len(), 181 + 180);
    let now = days(&report)[180].clone();
    assert_eq!((&now["date"], &now["expected"]), (&json!("2026-12-15"), &json!(false)));
}

#[test]
fn what_is_cut_off_or_foreign_is_said_and_the_rest_is_used() {
    let folder = lived();
    let day = folder.path("history/2026/11/23");
    let file = fs::read_dir(&day).expect("a day").filter_map(Result::ok).next().expect("a file").path();
    let text = fs::read_to_string(&file).expect("lines");
    let lines: Vec<&str> = text.lines().collect();
    let cut = format!("{}\n{}", lines[..lines.len() - 2].join("\n"), &lines[lines.len() - 2][..40]);
    fs::write(&file, cut).expect("a file");
    folder.write("history/notes.txt", "not ours");
    let ran = report(&folder, &["--format", "json", "--history", "history"]).exits(0).says(&["cut off", "notes.txt"]);
    let report = ran.json();
    let happened = &report["happened"];
    assert_eq!(happened["runs"][0]["cut-off"], true);
    assert_eq!(happened["runs"][1]["cut-off"], false);
    assert!(happened["changes"].as_array().expect("changes").len() > 3);
    let unused = happened["unused"].as_array().expect("a list");
    assert_eq!(unused.len(), 2, "{unused:#?}");
    let page = super::report(&folder, &["--format", "html", "--history", "history"]).exits(0).stdout;
    for words in ["Not all of the history could be used", "its record was cut off", "notes.txt"] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a_history_that_is_not_there_is_an_error() {
    let folder = example();
    report(&folder, &["--since", "2026-01-01"]).exits(64).says(&["--history"]);
    report(&folder, &["--history", "none"]).exits(1).says(&["the history can't be read"]);
    report(&folder, &["--history", "gs://x"]).exits(64).says(&["s3://BUCKET/PREFIX"]);
    let folder = lived();
    report(&folder, &["--history", "history", "--since", "tomorrow"]).exits(1).says(&["write a date"]);
    // A history of which nothing is new is one all the same.
    let quiet = told(&folder, &["--since", "2027-01-01"]);
    assert_eq!(quiet["happened"]["runs"], json!([]));
    let page = report(&folder, &["--format", "html", "--history", "history", "--since", "2027-01-01"]).exits(0).stdout;
    assert!(page.contains("No run is recorded since then."));
}
