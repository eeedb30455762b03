//! `apply --digest … --approved …` does what was approved, and no more.

use std::fs;

use serde_json::Value;

use crate::repository::{Ran, Repository};

const RULE: &str = "[[rotate]]\nusers = [\"day-70\", \"day-100\"]\nmax-age = \"60d\"\n";

/// A repository with an approved plan in `plan.json`, and its digest.
fn approved() -> (Repository, String) {
    let repository = Repository::with_rule(RULE);
    let plan = repository.plan_json(&["--json-into", "plan.json"]);
    (repository, plan["digest"].as_str().expect("a digest").to_owned())
}

fn apply(repository: &Repository, digest: &str, approved: Option<&str>) -> Ran {
    let sandbox = repository.path().join("sandbox.toml");
    let mut arguments = vec!["apply", "--yes", "--sandbox", sandbox.to_str().expect("UTF-8"), "--digest", digest];
    arguments.extend(approved.iter().flat_map(|file| ["--approved", file]));
    repository.keyrota(&arguments)
}

fn sandbox(repository: &Repository) -> String {
    fs::read_to_string(repository.path().join("sandbox.toml")).expect("the sandbox")
}

#[track_caller]
fn assert_refused(repository: &Repository, digest: &str, file: Option<&str>, sentences: &[&str]) {
    let before = sandbox(repository);
    let ran = apply(repository, digest, file);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    for sentence in sentences {
        assert!(ran.stderr.contains(sentence), "{sentence:?} is not in\n{}", ran.stderr);
    }
    assert_eq!(sandbox(repository), before, "nothing may change");
}

#[test]
fn the_approved_plan_is_applied_with_what_follows() {
    for file in [None, Some("plan.json")] {
        let (repository, digest) = approved();
        let ran = apply(&repository, &digest, file);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("Applied: 2 created, 2 promoted"), "{}", ran.stdout);
    }
}

#[test]
fn fewer_changes_are_fine_with_the_plan_at_hand() {
    let (repository, digest) = approved();
    repository.write("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"day-100\"]\n");
    assert_refused(&repository, &digest, None, &["the plan is not the approved one: its digest is r2:"]);
    let ran = apply(&repository, &digest, Some("plan.json"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("Applied: 1 created"), "{}", ran.stdout);
    // Nothing is left, which is the smallest part.
    let ran = apply(&repository, &digest, Some("plan.json"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn what_is_new_is_named() {
    let (repository, digest) = approved();
    repository.write(
        "manifests/team.toml",
        &format!("version = 1\n\n{}", RULE.replace("\"day-70\"", "\"day-*\", \"spare\"")),
    );
    let new = ["changes that were not approved:\n  - spare: delete AKIAEXAMPLESPAREOLD1 in 111122223333, ", "hint"];
    assert_refused(&repository, &digest, Some("plan.json"), &new);
    let ran = apply(&repository, &digest, Some("plan.json"));
    assert!(!ran.stderr.contains("day-100"), "what was approved is no news: {}", ran.stderr);
}

/// The same user, and yet another change.
#[test]
fn another_destination_or_key_is_another_change() {
    let (repository, digest) = approved();
    repository.write("manifests/team.toml", &format!("version = 1\n\n{RULE}secret = \"elsewhere/{{user}}\"\n"));
    assert_refused(
        &repository,
        &digest,
        Some("plan.json"),
        &["+ day-100: the credential goes to `elsewhere/day-100`, approved was `/aws/iam/credentials/day-100`"],
    );
    let (repository, digest) = approved();
    let text = sandbox(&repository).replace("AKIAEXAMPLEDAY100KEY\", created = 2026-08-15T08:00:00Z",
        "AKIAEXAMPLEOTHERKEY1\", created = 2026-01-01, status = \"inactive\" }, { id = \"AKIAEXAMPLEDAY100KEY\", created = 2026-08-15T08:00:00Z");
    repository.write("sandbox.toml", &text);
    assert_refused(&repository, &digest, Some("plan.json"), &["- day-100: delete AKIAEXAMPLEOTHERKEY1"]);
}

#[test]
fn the_file_must_be_what_the_digest_stands_for() {
    let (repository, digest) = approved();
    let path = repository.path().join("plan.json");
    let mut plan: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a plan")).expect("JSON");
    // The digest in the file is not believed.
    plan["changes"][0]["user"] = "spare".into();
    fs::write(&path, plan.to_string()).expect("a file");
    assert_refused(
        &repository,
        &digest,
        Some("plan.json"),
        &["plan.json is not the approved plan: its digest is r2:", &digest],
    );
    assert_refused(&repository, "r2:000000000000", Some("plan.json"), &["r2:000000000000 was approved"]);
}

#[test]
fn a_file_that_is_no_plan() {
    let (repository, digest) = approved();
    for (text, sentence) in [
        ("", "is no plan"),
        ("{\"version\": 1}", "is no plan: missing field `changes`"),
        ("{\"version\": 2, \"changes\": []}", "is a plan of version 2"),
    ] {
        repository.write("plan.json", text);
        let ran = apply(&repository, &digest, Some("plan.json"));
        assert!(ran.code == Some(1) && ran.stderr.contains(sentence), "{ran:?}");
    }
    assert_eq!(apply(&repository, &digest, Some("missing.json")).code, Some(1));
    assert_eq!(repository.keyrota(&["apply", "--approved", "plan.json"]).code, Some(64));
}

#[test]
fn the_digest_means_what_is_done_and_not_when() {
    let (repository, digest) = approved();
    let later = repository.plan_json(&["--at", "2026-11-26"]);
    assert_eq!(later["digest"], digest.as_str());
    let as_of = later["changes"][0]["message"].as_str().expect("a message").to_owned();
    assert_ne!(repository.plan_json(&[])["changes"][0]["message"], as_of.as_str(), "the wording differs");
}

/// The attack of a pull request that is merged after the plan was approved: the same first step, and then at once what
/// was approved for later.
#[test]
fn what_follows_is_approved_as_well() {
    let (repository, digest) = approved();
    for (policy, sentences) in [
        (
            "overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n",
            &[
                "~ day-100: deactivate AKIAEXAMPLEDAY100KEY at once, approved was 7d after the first step",
                "- day-100: delete AKIAEXAMPLEDAY100KEY at once, approved was 21d after the first step",
            ][..],
        ),
        ("hold = \"13d\"\n", &["- day-70: delete AKIAEXAMPLEDAY070KEY 20d after the first step, approved was 21d"]),
        (
            "overlap = \"167h\"\n",
            &["~ day-70: deactivate AKIAEXAMPLEDAY070KEY 167h after the first step, approved was 7d"],
        ),
    ] {
        repository.write("manifests/team.toml", &format!("version = 1\n\n{RULE}{policy}"));
        assert_refused(&repository, &digest, Some("plan.json"), sentences);
        assert_refused(&repository, &digest, None, &["the plan is not the approved one"]);
    }
}

#[test]
fn later_is_fine() {
    let (repository, digest) = approved();
    repository.write("manifests/team.toml", &format!("version = 1\n\n{RULE}overlap = \"8d\"\nhold = \"30d\"\n"));
    let ran = apply(&repository, &digest, Some("plan.json"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("Applied: 2 created, 2 promoted"), "{}", ran.stdout);
}

/// Whether the old key is used does not change what was approved: it goes once nothing uses it.
#[test]
fn a_use_of_the_old_key_is_no_other_plan() {
    let rule = "[[rotate]]\nusers = [\"day-100\"]\noverlap = \"0d\"\nquiet = \"2d\"\n";
    let repository = Repository::with_rule(rule);
    let idle = repository.plan_json(&[]);
    let text = sandbox(&repository)
        .replace("created = 2026-08-15T08:00:00Z", "created = 2026-08-15T08:00:00Z, last-used = 2026-11-22T20:00:00Z");
    repository.write("sandbox.toml", &text);
    let used = repository.plan_json(&[]);
    assert_eq!(used["digest"], idle["digest"]);
    assert_eq!((&idle["summary"]["deactivate"], &used["summary"]["deactivate"]), (&1.into(), &0.into()));
    let step = &used["changes"][0]["then"][1];
    assert_eq!(
        (step["action"].as_str(), step["not-before"].as_str()),
        (Some("deactivate"), Some("2026-11-25T08:00:00Z"))
    );
    assert_eq!((&step["same-run"], step["latest"].as_str()), (&false.into(), Some("2026-12-07T08:00:00Z")));
    assert_eq!(step["offset-hours"], 0);
    // Its last use is read for the plan already: what the plan counts must be what is done.
    let ran = repository.plan(&[]);
    let sentence =
        "then deactivate 2026-11-25, delete 2026-12-09 (once nothing uses it; deactivated by 2026-12-07 at the latest)";
    assert!(ran.stdout.contains(sentence), "{}", ran.stdout);
}

#[test]
fn a_digest_of_the_earlier_kind_is_refused() {
    let (repository, digest) = approved();
    let again = ["r1:0123456789ab` is of an earlier keyrota", "plan again"];
    for file in [None, Some("plan.json")] {
        assert_refused(&repository, "r1:0123456789ab", file, &again);
        let ran = apply(&repository, "r1:0123456789ab", file);
        let told: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!((told.len(), ran.stdout.as_str(), ran.stderr.contains("hint")), (1, "", false), "{ran:?}");
    }
    let path = repository.path().join("plan.json");
    let mut plan: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a plan")).expect("JSON");
    for step in plan["changes"][0]["then"].as_array_mut().expect("a list") {
        step.as_object_mut().expect("an object").remove("offset-hours");
    }
    fs::write(&path, plan.to_string()).expect("a file");
    assert_refused(&repository, &digest, Some("plan.json"), &["plan.json is of an earlier keyrota", "plan again"]);
}

#[test]
fn a_plan_of_which_something_is_not_known_has_no_digest() {
    let (repository, digest) = approved();
    let broken = "\n[[secrets]]\nname = \"/aws/iam/credentials/day-70\"\ntags = { Owner = \"day-70\", \"keyrota:intent\" = \"soon\" }\n";
    let text = sandbox(&repository) + broken;
    repository.write("sandbox.toml", &text);
    let ran = repository.plan(&["--format", "json"]);
    let plan: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((ran.code, &plan["digest"]), (Some(5), &Value::Null));
    for file in [None, Some("plan.json")] {
        let before = sandbox(&repository);
        let ran = apply(&repository, &digest, file);
        // What could not be read is not known to be another plan.
        assert_eq!((ran.code, sandbox(&repository)), (Some(5), before));
        assert!(ran.stderr.contains("1 user could not be read: such a plan has no digest"), "{}", ran.stderr);
    }
}

/// A secret that is made for the credential is part of what was approved: with which KMS key, and in which regions.
#[test]
fn another_kms_key_or_region_of_a_new_secret_is_another_change() {
    for setting in [
        "kms-key = \"arn:aws:kms:eu-west-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab\"\n",
        "replicate-to = [\"us-east-1\"]\n",
    ] {
        for file in [None, Some("plan.json")] {
            let (repository, digest) = approved();
            repository.write("manifests/team.toml", &format!("version = 1\n\n{RULE}{setting}"));
            assert_refused(&repository, &digest, file, &[]);
        }
        // Once approved, it is applied.
        let repository = Repository::with_rule(&format!("{RULE}{setting}"));
        let plan = repository.plan_json(&["--json-into", "plan.json"]);
        assert!(plan["changes"][0]["made-with"].is_string(), "{plan:#}");
        let digest = plan["digest"].as_str().expect("a digest");
        let ran = apply(&repository, digest, Some("plan.json"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}

/// Places are part of what was approved: of a rotation, and of a key that is only delivered somewhere else as well.
#[test]
fn deliveries_are_approved_with_their_places() {
    let places = |deliver: &str| format!("[[rotate]]\nusers = [\"day-100\"]\ndeliver = [{deliver}]\n");
    let two = "\"ssm:/ci/{user}\", \"github:acme/payments\"";
    let rotates = || Repository::with_rule(&places(two));
    let delivers = || {
        let repository = Repository::with_rule(&places("\"ssm:/ci/{user}\""));
        let sandbox = repository.path().join("sandbox.toml");
        let ran = repository.keyrota(&["apply", "--yes", "--sandbox", sandbox.to_str().expect("UTF-8")]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        repository.write("manifests/team.toml", &format!("version = 1\n\n{}", places(two)));
        repository
    };
    let planned = |repository: &Repository| {
        let plan = repository.plan_json(&["--json-into", "plan.json"]);
        (plan["digest"].as_str().expect("a digest").to_owned(), plan)
    };
    for (made, done) in [
        (&rotates as &dyn Fn() -> Repository, "Applied: 1 created, 1 promoted, 2 delivered"),
        (&delivers, "Applied: 1 delivered"),
    ] {
        for file in [None, Some("plan.json")] {
            let repository = made();
            let (digest, plan) = planned(&repository);
            assert!(plan["changes"].to_string().contains("github:acme/payments"), "{plan:#}");
            let sandbox = repository.path().join("sandbox.toml");
            let confirm = ["action", "confirm", "--sandbox", sandbox.to_str().expect("UTF-8"), "--digest", &digest];
            let file_too = file.map(|file| ["--approved", file]);
            let confirmed = repository.keyrota(&[&confirm[..], file_too.as_ref().map_or(&[], |two| &two[..])].concat());
            assert_eq!(confirmed.code, Some(0), "{confirmed:?}");
            let ran = apply(&repository, &digest, file);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.stdout.contains(done), "{}", ran.stdout);
        }
        // Another place is another plan, and it is named.
        let repository = made();
        let (digest, _) = planned(&repository);
        let elsewhere = places(two).replace("acme/payments", "evil/payments");
        repository.write("manifests/team.toml", &format!("version = 1\n\n{elsewhere}"));
        assert_refused(&repository, &digest, None, &["the plan is not the approved one"]);
        assert_refused(&repository, &digest, Some("plan.json"), &["deliver ", " to github:evil/payments"]);
        // The place that is taken off is fine: it is less.
        repository.write("manifests/team.toml", &format!("version = 1\n\n{}", places("\"ssm:/ci/{user}\"")));
        let ran = apply(&repository, &digest, Some("plan.json"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}
