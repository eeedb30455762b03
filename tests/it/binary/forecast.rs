//! `keyrota forecast`: each format, held against parsers that are not ours.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::{SANDBOX, folder, on_sandbox};
use crate::{
    command::{Folder, Ran},
    emulator, golden,
};

/// What tests/emulator/formats.py reads from it.
pub fn read_by(arguments: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulator/formats.py");
    let output = Command::new(emulator::python("formats.txt")).arg(script).args(arguments).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn forecast(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&on_sandbox(&[&["forecast"], arguments].concat()))
}

#[test]
fn text_has_a_bar_a_week_and_a_line_a_user() {
    let ran = forecast(&folder(), &["--days", "40"]).exits(0);
    let expected = "\
From 2026-11-23 08:00 UTC to 2027-01-02: enforce cron(0 8 1 * ? *), tend cron(0 8 * * ? *), at most 25 rotations a run

week of     rotate  deactivate  delete
2026-11-23       0           1       0  ~
2026-11-30       1           0       0  +
2026-12-07       0           0       1  -
2026-12-14       0           0       0
2026-12-21       0           1       0  ~
2026-12-28       2           0       0  ++

Busiest week: that of 2026-12-28, 2 rotations, 0 deactivations, 0 deletions.
Busiest run: 2027-01-01 08:00 UTC, 2 rotations, 0 deactivations, 0 deletions.

Account 111122223333, eu-west-1
  ci-builder   2027-01-01 rotate
  ci-deployer  2026-12-01 rotate, 2026-12-22 deactivate*
! ci-full      2026-11-23 blocked: a new key is due, but both places hold keys in use: move clients off AKIAFULL000000000001 and deactivate it
  ci-overlap   2026-11-27 deactivate, 2026-12-11 delete
  ci-vendor    2027-01-01 rotate
";
    assert!(ran.stdout.starts_with(expected), "{}", ran.stdout);
    ran.shows(&[
        "! over age  2 keys: they were due before this forecast begins; the runs above take them: ci-deployer (2026-11-18 for 34d), ci-overlap (2026-10-30 for 28d)",
        "* Who uses a key now goes on using it until it is stopped;",
        "Forecast: 3 rotations, 2 deactivations, 1 deletion until 2027-01-02; ",
    ]);
    // What is shown is what comes as of then, and for whom it was asked.
    let ran = forecast(&folder(), &["--user", "CI-overlap", "--at", "2026-11-25"]).exits(0);
    ran.shows(&["From 2026-11-25 00:00 UTC", "ci-overlap  2026-11-27 deactivate, 2026-12-11 delete, 2027-"]);
    let ran = forecast(&folder(), &["--user", "ci-overlapp"]).exits(1);
    ran.says(&["there is no IAM user `ci-overlapp`", "did you mean `ci-overlap`?"]);
    forecast(&folder(), &["--days", "0"]).exits(64);
    forecast(&folder(), &["--format", "markdown"]).exits(64).says(&["choose text, json, csv, ics or github"]);
}

#[test]
fn json_is_as_its_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/forecast.v1.json");
    let schema = folder().run(&["schema", "forecast"]).exits(0).stdout;
    if golden::is_blessing() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, &schema).expect("the schema is written");
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), schema, "BLESS=1 cargo test rewrites it");
    let folder = folder();
    let ran = forecast(&folder, &["--format", "json"]).exits(0);
    folder.write("forecast.json", &ran.stdout);
    let (schema, document) = (path.display().to_string(), folder.path("forecast.json").display().to_string());
    assert_eq!(read_by(&["schema", &schema, &document]), true);
    let told = ran.json();
    assert_eq!(told["schema"], "keyrota/forecast/v1");
    let user = |name: &str| {
        let users = told["users"].as_array().expect("users");
        users.iter().find(|user| user["user"] == name).expect("the user").clone()
    };
    let deployer = user("ci-deployer");
    assert_eq!(
        deployer["events"][0],
        json!({
            "at": "2026-12-01T08:00:00Z", "action": "create", "key": "new", "replaces": "AKIADEPLOYER00000001", "assumed": false
        })
    );
    assert_eq!(
        deployer["events"][3],
        json!({
            "at": "2026-12-22T08:00:00Z", "action": "deactivate", "key": "AKIADEPLOYER00000001", "assumed": true,
            "earliest": "2026-12-08T08:00:00Z"
        })
    );
    assert_eq!(user("ci-full")["outlook"]["state"], "blocked");
    assert_eq!(told["summary"]["users"], 5);
    // A schema that anything fits is none.
    folder.write("forecast.json", &ran.stdout.replace("\"exempt\"", "\"calm\""));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulator/formats.py");
    let mut command = Command::new(emulator::python("formats.txt"));
    let output = command.args([script, "schema", &schema, &document]).output().expect("python");
    assert!(!output.status.success());
}

/// A user whose name every format would have to guard.
const NAMES: &str = r#"
[[users]]
name = "ci-a,b=c+d@e.f"

[[users.keys]]
id = "AKIACOMMA00000000001"
created = 2026-08-20T08:00:00Z
"#;

#[test]
fn calendars_are_read_by_another_parser() {
    let folder = folder();
    folder.write("sandbox.toml", &(SANDBOX.to_owned() + NAMES));
    let ran = forecast(&folder, &["--format", "ics"]).exits(0);
    folder.write("forecast.ics", &ran.stdout);
    let entries = read_by(&["ics", &folder.path("forecast.ics").display().to_string()]);
    let entries = entries.as_array().expect("entries");
    let told = forecast(&folder, &["--format", "json"]).exits(0).json();
    let events =
        told["users"].as_array().expect("users").iter().flat_map(|user| user["events"].as_array().expect("events"));
    let shown =
        |event: &&Value| ["create", "deactivate", "delete"].contains(&event["action"].as_str().expect("a word"));
    assert_eq!(entries.len(), events.filter(shown).count());
    let mut ids: Vec<&str> = entries.iter().map(|entry| entry["uid"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), entries.len(), "each has an id of its own");
    assert!(entries.iter().all(|entry| entry["stamp"] == "2026-11-23T08:00:00Z"));
    let rotation = |name: &str, entries: &[Value]| {
        let is_it = |entry: &&Value| entry["summary"] == format!("Rotate {name}");
        entries.iter().find(is_it).expect("an entry").clone()
    };
    let first = rotation("ci-a,b=c+d@e.f", entries);
    assert_eq!(first["start"], "2026-12-01T08:00:00Z");
    // The same bytes; and the same id when the day has changed.
    assert_eq!(forecast(&folder, &["--format", "ics"]).stdout, ran.stdout);
    let shared = folder.read("manifests/keyrota.toml").replace("cron(0 8 1 * ? *)", "cron(0 8 3 * ? *)");
    folder.write("manifests/keyrota.toml", &shared);
    folder.write("later.ics", &forecast(&folder, &["--format", "ics"]).exits(0).stdout);
    let later = read_by(&["ics", &folder.path("later.ics").display().to_string()]);
    let second = rotation("ci-a,b=c+d@e.f", later.as_array().expect("entries"));
    assert_eq!((&second["start"], &second["uid"]), (&json!("2026-12-03T08:00:00Z"), &first["uid"]));
}

#[test]
fn rows_are_as_rfc_4180_says() {
    let folder = folder();
    folder.write("sandbox.toml", &(SANDBOX.to_owned() + NAMES));
    let ran = forecast(&folder, &["--format", "csv"]).exits(0);
    assert!(ran.stdout.starts_with("date,account,account-name,user,action,key,replaces,assumed,earliest\r\n"));
    assert!(ran.stdout.ends_with("\r\n") && !ran.stdout.replace("\r\n", "").contains('\n'));
    let stdout = ran.stdout.clone();
    ran.shows(&[
        "2026-12-01T08:00:00Z,111122223333,,\"ci-a,b=c+d@e.f\",create,new,AKIACOMMA00000000001,false,\r\n",
        "2026-11-23T08:00:00Z,111122223333,,ci-full,blocked,,,,\r\n",
    ]);
    // A file is as good.
    let written = forecast(&folder, &["--format", "csv", "--output", "forecast.csv"]).exits(0);
    assert_eq!((written.stdout.as_str(), folder.read("forecast.csv")), ("", stdout));
    forecast(&folder, &["--color", "always", "--output", "forecast.txt"]).exits(0);
    assert_eq!(folder.read("forecast.txt"), forecast(&folder, &[]).stdout);
    let masked = forecast(&folder, &["--format", "csv", "--mask"]).exits(0);
    assert!(!masked.stdout.contains("111122223333"));
}

/// A run that would exceed a limit is said, and what the pace leaves is a peak.
#[test]
fn limits_and_peaks_are_said() {
    let folder = folder();
    let users: String = (0..30).map(|n| {
        format!("[[users]]\nname = \"ci-x{n:02}\"\n[[users.keys]]\nid = \"AKIAX{n:015}\"\ncreated = 2026-08-20T08:00:00Z\n")
    }).collect();
    folder.write("sandbox.toml", &format!("{SANDBOX}{users}"));
    let shared = folder.read("manifests/keyrota.toml");
    folder.write("manifests/keyrota.toml", &format!("{shared}[limits]\nmax-actions = 9\n[pace]\nmax-rotations = 10\n"));
    let ran = forecast(&folder, &["--days", "30"]).exits(0);
    ran.shows(&[
        "Busiest run: 2026-12-01 08:00 UTC, 10 rotations, 0 deactivations, 0 deletions, and leaves 21 to the runs that follow (`[pace]`).",
        "would change nothing: on 2026-12-01 10 changes are planned, `max-actions` allows 9 (manifests/keyrota.toml:13)",
    ]);
    let told = forecast(&folder, &["--days", "30", "--format", "json"]).exits(0).json();
    assert_eq!(told["peaks"][0]["waiting"], 21);
    assert_eq!(told["limits"][0]["at"], "2026-12-01T08:00:00Z");
}
