//! The metrics of a run, over the sandbox.

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::Conditions,
    cloud::sandbox::Sandbox,
    manifest::{Manifest, load_files},
    report::metrics,
    run::Mode,
};
use serde_json::{Value, json};

const MANIFEST: &str = r#"
version = 1
[defaults]
max-age = "90d"
notify = ["tag:email"]
[mail]
from = "security@example.com"
[[rotate]]
users = ["*"]
[[exempt]]
user = "exempt"
reason = "SEC-1"
[accounts.one]
id = "111111111111"
[accounts.two]
id = "222222222222"
"#;

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("RFC 3339")
}

fn manifest() -> Manifest {
    let loaded = load_files(vec![("manifests/keyrota.toml".to_owned(), MANIFEST.into())], now());
    loaded.manifest.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// An account with users that have one key each, so many days old.
fn sandbox(account: &str, users: &[(&str, i64)], more: &str) -> Sandbox {
    let user = |(name, days): &(&str, i64)| {
        let created = (now() - TimeDelta::days(*days)).to_rfc3339();
        let email = format!("{name}@example.com");
        let id = format!("AKIA{account}{:X>8}", name.to_uppercase());
        format!(
            "[[users]]\nname = \"{name}\"\ntags = {{ email = \"{email}\" }}\n\
             [[users.keys]]\nid = \"{id}\"\ncreated = {created}\n"
        )
    };
    let users: String = users.iter().map(user).collect();
    let text =
        format!("now = {}\naccount = \"{account}\"\nregion = \"eu-west-1\"\n{more}\n{users}", now().to_rfc3339());
    Sandbox::parse(&text, "sandbox.toml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The lines of one run, without the directive that every line has; `may_start` counts the changes that may begin.
fn lines(clouds: &[Sandbox], apply: bool, changes: usize) -> Vec<Value> {
    let manifest = manifest();
    let planned = crate::support::run::plan(clouds, &manifest, now(), Mode::Enforce);
    let left = std::sync::atomic::AtomicUsize::new(changes);
    let may_start = || {
        use std::sync::atomic::Ordering::Relaxed;
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    };
    let conditions = Conditions { may_start: &may_start, ..Conditions::new(&now) };
    let applied = apply.then(|| crate::support::run::apply(&planned, &conditions));
    let accounts: Vec<_> = planned.accounts.iter().map(|one| (&one.roster, &one.inventory)).collect();
    let text = metrics::lines(&accounts, &planned.plan, applied.as_ref());
    let parse = |line: String| {
        assert!(!line.contains('\n'));
        let mut line: Value = serde_json::from_str(&line).expect("JSON");
        let aws = line.as_object_mut().and_then(|fields| fields.remove("_aws")).expect("the directive");
        let directive = &aws["CloudWatchMetrics"][0];
        let dimensions = if line.get("account").is_some() { json!([["account"]]) } else { json!([[]]) };
        assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("keyrota"), &dimensions));
        assert_eq!(aws["Timestamp"], now().timestamp_millis());
        let mut named: Vec<_> = directive["Metrics"].as_array().expect("metrics").iter().map(|m| &m["Name"]).collect();
        named.sort_by_key(|name| name.as_str());
        let there = line.as_object().expect("an object").keys().filter(|name| *name != "account");
        assert_eq!(named, there.collect::<Vec<_>>(), "every metric has its value, and every value its metric");
        line
    };
    text.into_iter().map(parse).collect()
}

#[test]
fn each_account_has_a_line_and_so_have_all_together() {
    // `due` is rotated, `exempt` is left alone, `foreign` needs a person.
    let foreign = "[[secrets]]\nname = \"/aws/iam/credentials/foreign\"\ntags = { Owner = \"someone\" }\n";
    let one = sandbox("111111111111", &[("due", 95), ("exempt", 400), ("foreign", 120), ("young", 10)], foreign);
    let two = sandbox("222222222222", &[("old", 200)], "refuse-mail-to = [\"old@example.com\"]");
    assert_eq!(
        lines(&[one, two], true, usize::MAX),
        [
            json!({
                "account": "111111111111", "KeysOverMaxAge": 2, "KeysOverMaxAgeExplained": 1, "OldestKeyAgeDays": 120, "Blocked": 1, "Paced": 0,
                "RunsCompleted": 1, "Created": 1, "Deactivated": 0, "Deleted": 0, "Failures": 0,
            }),
            json!({
                "account": "222222222222", "KeysOverMaxAge": 1, "KeysOverMaxAgeExplained": 0, "OldestKeyAgeDays": 200, "Blocked": 0, "Paced": 0,
                "RunsCompleted": 1, "Created": 1, "Deactivated": 0, "Deleted": 0, "Failures": 1,
            }),
            json!({
                "KeysOverMaxAge": 3, "KeysOverMaxAgeExplained": 1, "OldestKeyAgeDays": 200, "Blocked": 1, "Paced": 0,
                "RunsCompleted": 1, "Created": 2, "Deactivated": 0, "Deleted": 0, "Failures": 1,
            }),
        ]
    );
}

#[test]
fn a_run_that_stops_early_is_not_completed() {
    let (one, two) = (sandbox("111111111111", &[("due", 95)], ""), sandbox("222222222222", &[("young", 3)], ""));
    let completed: Vec<_> = lines(&[one, two], true, 1).iter().map(|line| line["RunsCompleted"].clone()).collect();
    assert_eq!(completed, [0, 1, 0]);
}

#[test]
fn without_a_run_only_what_is_so_is_told() {
    let one = sandbox("111111111111", &[("due", 90), ("almost", 89)], "");
    let expected =
        json!({ "KeysOverMaxAge": 1, "KeysOverMaxAgeExplained": 0, "OldestKeyAgeDays": 90, "Blocked": 0, "Paced": 0 });
    assert_eq!(lines(&[one], false, 0)[1], expected);
}

/// A user whose secret hands out a key that is gone, and whose own key is over age.
fn stuck(told: &str) -> String {
    format!(
        "[[secrets]]\nname = \"/aws/iam/credentials/stuck\"\n\
         tags = {{ Owner = \"stuck\", \"keyrota:reminded\" = \"{told}\" }}\n\
         [[secrets.versions]]\nid = \"keyrota-1-access-key-AKIAGONE100000000000\"\nlabels = [\"AWSCURRENT\"]\n"
    )
}

#[test]
fn what_is_explained_does_not_hide_the_next_key() {
    // Whether an over-age key is explained: its owner was told that it is blocked, of something else, of nothing.
    for (told, explained) in [
        ("blocked/AKIA111111111111STUCKXXX@2026-11-20T08:00:00Z", 1),
        ("upcoming/AKIA111111111111STUCKXXX@2026-11-20T08:00:00Z", 0),
        ("", 0),
    ] {
        let one = sandbox("111111111111", &[("stuck", 120), ("exempt", 400), ("young", 3)], &stuck(told));
        let line = lines(&[one], false, 0).remove(1);
        let expected = json!({
            "KeysOverMaxAge": 1 - explained, "KeysOverMaxAgeExplained": 1 + explained, "OldestKeyAgeDays": 120, "Blocked": 1, "Paced": 0,
        });
        assert_eq!(line, expected, "{told}");
    }
}
