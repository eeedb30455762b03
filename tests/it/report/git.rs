//! Who granted an exemption, as git has it; and what git does not tell is said.

use std::process::Command;

use serde_json::{Value, json};

use super::json as report_json;
use crate::{
    command::Folder,
    repository::{Repository, SHARED},
};

const RULES: &str = "version = 1\n\n[[rotate]]\nusers = [\"*\"]\n";

fn exempt(user: &str, until: &str) -> String {
    format!("\n[[exempt]]\nuser = \"{user}\"\nreason = \"SEC-1\"\nuntil = {until}\n")
}

fn repository() -> Repository {
    let repository = Repository::new();
    repository.write("manifests/keyrota.toml", SHARED);
    repository
}

/// Commits as somebody, at a time.
fn commit_as(repository: &Repository, name: &str, at: &str) -> String {
    repository.git(&["add", "--all"]);
    let author = format!("{name} <{}@example.com>", name.to_lowercase());
    repository.git(&["commit", "--quiet", "--message", "change", "--author", &author, "--date", at]);
    repository.git(&["rev-parse", "HEAD"])
}

fn report(repository: &Repository) -> Value {
    let ran = repository.keyrota(&["report", "--sandbox", "sandbox.toml", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn exception<'a>(report: &'a Value, user: &str) -> &'a Value {
    let all = report["exceptions"].as_array().expect("exceptions");
    all.iter().find(|one| one["user"] == user).unwrap_or_else(|| panic!("{user}"))
}

#[test]
fn who_wrote_an_exemption_as_it_is_granted_it() {
    let repository = repository();
    repository.write("manifests/team.toml", &(RULES.to_owned() + &exempt("day-10", "2027-01-31")));
    let first = commit_as(&repository, "Ana", "2026-10-01T10:00:00Z");
    let both = RULES.to_owned() + &exempt("day-10", "2027-01-31") + &exempt("day-50", "2027-03-31");
    repository.write("manifests/team.toml", &both);
    let second = commit_as(&repository, "Ben", "2026-10-02T10:00:00Z");
    let before = report(&repository);
    let granted = |report: &Value, user: &str| {
        let one = exception(report, user);
        [&one["commit"], &one["author"], &one["authored"]].map(|value| value.as_str().unwrap_or_default().to_owned())
    };
    let by = |commit: &str, name: &str, mail: &str, at: &str| {
        [commit.to_owned(), format!("{name} <{mail}@example.com>"), at.to_owned()]
    };
    assert_eq!(granted(&before, "day-10"), by(&first, "Ana", "ana", "2026-10-01T10:00:00Z"));
    assert_eq!(granted(&before, "day-50"), by(&second, "Ben", "ben", "2026-10-02T10:00:00Z"));
    assert_eq!((&before["manifests"]["commit"], &before["manifests"]["dirty"]), (&json!(second), &json!(false)));

    // Who lets it go on grants it anew, whoever began it. Lines that move are nobody's doing.
    let longer = format!("# moved\n{}", both.replace("2027-01-31", "2028-01-31"));
    repository.write("manifests/team.toml", &longer);
    let third = commit_as(&repository, "Eve", "2026-10-03T10:00:00Z");
    let after = report(&repository);
    assert_eq!(granted(&after, "day-10"), by(&third, "Eve", "eve", "2026-10-03T10:00:00Z"));
    assert_eq!(granted(&after, "day-50"), by(&second, "Ben", "ben", "2026-10-02T10:00:00Z"));
    assert_eq!(exception(&after, "day-10")["until"], "2028-01-31");
    let page = repository.keyrota(&["report", "--sandbox", "sandbox.toml", "--format", "html"]).stdout;
    assert!(page.contains("Eve &lt;eve@example.com&gt;, 2026-10-03") && page.contains(&third));
}

#[test]
fn what_is_not_committed_is_nobodys() {
    let repository = repository();
    repository.write("manifests/team.toml", RULES);
    let commit = repository.commit();
    repository.write("manifests/team.toml", &(RULES.to_owned() + &exempt("day-10", "2027-01-31")));
    repository.write("manifests/new.toml", &("version = 1\n".to_owned() + &exempt("day-50", "2027-01-31")));
    let dirty = report(&repository);
    assert_eq!((&dirty["manifests"]["commit"], &dirty["manifests"]["dirty"]), (&json!(commit), &json!(true)));
    for user in ["day-10", "day-50"] {
        let one = exception(&dirty, user);
        assert_eq!((&one["commit"], &one["author"]), (&Value::Null, &Value::Null), "{user}");
        assert_eq!(one["note"], "it is not committed", "{user}");
    }
    let page = repository.keyrota(&["report", "--sandbox", "sandbox.toml", "--format", "html"]).stdout;
    assert!(page.contains("The manifests are not those of the commit"));
    let text = repository.keyrota(&["report", "--sandbox", "sandbox.toml"]).stdout;
    assert!(text.contains(&format!("not committed: they differ from {commit}")), "{text}");
}

#[test]
fn a_shallow_clone_does_not_know_its_past() {
    let origin = repository();
    origin.write("manifests/team.toml", &(RULES.to_owned() + &exempt("day-10", "2027-01-31")));
    commit_as(&origin, "Ana", "2026-10-01T10:00:00Z");
    origin.write("README", "1");
    let cut = origin.commit();
    let later = RULES.to_owned() + &exempt("day-10", "2027-01-31") + &exempt("day-50", "2027-01-31");
    origin.write("manifests/team.toml", &later);
    let last = commit_as(&origin, "Ben", "2026-10-02T10:00:00Z");
    let folder = tempfile::tempdir().expect("a folder");
    let clone = folder.path().join("clone");
    let url = format!("file://{}", origin.path().display());
    let cloned = Command::new("git").args(["clone", "--quiet", "--depth=2", &url]).arg(&clone).status();
    assert!(cloned.is_ok_and(|status| status.success()));
    std::fs::copy(origin.path().join("sandbox.toml"), clone.join("sandbox.toml")).expect("a file");
    let ran = crate::repository::keyrota(&clone, &["report", "--sandbox", "sandbox.toml", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(exception(&report, "day-50")["commit"], json!(last), "the clone has that one");
    let old = exception(&report, "day-10");
    assert_eq!((&old["commit"], &old["author"]), (&Value::Null, &Value::Null));
    let note = old["note"].as_str().expect("a note");
    assert!(note.contains("shallow") && note.contains(&cut) && note.contains("git fetch --unshallow"), "{note}");
}

#[test]
fn without_git_nobody_is_made_up() {
    let folder = super::account(&format!("{}{}", &RULES[11..], exempt("a", "2027-01-31")), "[[users]]\nname = \"a\"\n");
    let report = report_json(&folder);
    assert_eq!((&report["manifests"]["commit"], &report["manifests"]["dirty"]), (&Value::Null, &json!(false)));
    let note = report["manifests"]["note"].as_str().expect("a note");
    assert!(note.contains("is not in a git repository"), "{note}");
    assert_eq!(exception(&report, "a")["note"], note);
    // A repository without a commit is none yet.
    let empty = Folder::new(&[]);
    crate::repository::git(&empty.path("."), &["init", "--quiet", "."]);
    for name in ["manifests/keyrota.toml", "manifests/team.toml", "account.toml"] {
        empty.write(name, &folder.read(name));
    }
    let note = report_json(&empty)["manifests"]["note"].as_str().expect("a note").to_owned();
    assert!(note.contains("no commit yet"), "{note}");
}
