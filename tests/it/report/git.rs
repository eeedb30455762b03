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

/// The tail of a manifest, and who granted its exemption.
#[track_caller]
fn granted_to(report: &Value) -> String {
    let one = exception(report, "day-10");
    let author = one["author"].as_str().unwrap_or_else(|| panic!("{one}"));
    author.split(' ').next().expect("a name").to_owned()
}

#[test]
fn who_takes_a_part_away_grants_what_is_left() {
    let repository = repository();
    let table = |lines: &str| format!("{RULES}\n[[exempt]]\nuser = \"day-10\"\n{lines}");
    let whole = "account = \"111122223333\"\nreason = \"SEC-1\"\nuntil = 2027-01-31\n";
    let file = "manifests/team.toml";
    let versions = [
        ("Anna", "2026-01-01T00:00:00Z", table(whole), "Anna"),
        ("Mallory", "2026-02-01T00:00:00Z", table("account = \"111122223333\"\nreason = \"SEC-1\"\n"), "Mallory"),
        ("Trudy", "2026-03-01T00:00:00Z", table("reason = \"SEC-1\"\n"), "Trudy"),
        // Dates are what authors say.
        ("Zed", "2025-12-01T00:00:00Z", table("reason = \"SEC-2\"\n"), "Zed"),
        // What the table says is the same.
        ("Fmt", "2026-04-01T00:00:00Z", table("# why:\nreason   = 'SEC-2' # so\n"), "Zed"),
        ("Crlf", "2026-04-02T00:00:00Z", table("reason = \"SEC-2\"\n").replace('\n', "\r\n"), "Zed"),
        ("Gone", "2026-04-03T00:00:00Z", RULES.to_owned(), ""),
        ("Back", "2026-04-04T00:00:00Z", table("reason = \"SEC-2\"\n"), "Back"),
        ("Broken", "2026-04-05T00:00:00Z", table("reason = \"SEC-2\n"), ""),
        ("Mended", "2026-04-06T00:00:00Z", table(whole), "Mended"),
    ];
    for (author, at, text, expected) in versions {
        repository.write(file, &text);
        commit_as(&repository, author, at);
        if !expected.is_empty() {
            assert_eq!(granted_to(&report(&repository)), expected, "after {author}");
        }
    }
    // To another file, and with the folder.
    repository.write(file, RULES);
    repository.write("manifests/other.toml", &table(whole).replace(&RULES["version = 1\n".len()..], ""));
    commit_as(&repository, "Moves", "2026-04-07T00:00:00Z");
    assert_eq!(granted_to(&report(&repository)), "Mended");
    repository.git(&["mv", "manifests", "elsewhere"]);
    commit_as(&repository, "Renames", "2026-04-08T00:00:00Z");
    let sandbox = ["report", "--sandbox", "sandbox.toml", "--format", "json", "--manifests", "elsewhere"];
    let renamed = repository.keyrota(&sandbox);
    assert_eq!(granted_to(&serde_json::from_str(&renamed.stdout).expect("JSON")), "Mended");
    // What is not committed is nobody's, the deletion of a line as well.
    let file = "elsewhere/other.toml";
    repository.write(
        file,
        &std::fs::read_to_string(repository.path().join(file)).expect("a file").replace("until = 2027-01-31\n", ""),
    );
    let changed: Value = serde_json::from_str(&repository.keyrota(&sandbox).stdout).expect("JSON");
    let one = exception(&changed, "day-10");
    assert_eq!(
        (&one["author"], &one["note"], &one["until"]),
        (&Value::Null, &json!("it is not committed"), &Value::Null)
    );
}

#[test]
fn a_file_from_elsewhere_exempts_from_when_it_is_among_the_manifests() {
    let repository = repository();
    repository.write("manifests/team.toml", RULES);
    repository.write("drafts/more.toml", &("version = 1\n".to_owned() + &exempt("day-10", "2027-01-31")));
    commit_as(&repository, "Drafts", "2026-01-01T00:00:00Z");
    repository.git(&["mv", "drafts/more.toml", "manifests/more.toml"]);
    commit_as(&repository, "Grants", "2026-01-02T00:00:00Z");
    assert_eq!(granted_to(&report(&repository)), "Grants");
}

#[test]
fn a_merge_grants_what_it_puts_back_and_nothing_else() {
    let repository = repository();
    let file = "manifests/team.toml";
    let endless = format!("{RULES}\n[[exempt]]\nuser = \"day-10\"\nreason = \"SEC-1\"\n");
    let ending = RULES.to_owned() + &exempt("day-10", "2027-01-31");
    repository.write(file, RULES);
    commit_as(&repository, "Base", "2026-01-01T00:00:00Z");
    repository.git(&["checkout", "--quiet", "-b", "change"]);
    repository.write(file, &endless);
    commit_as(&repository, "Ana", "2026-01-02T00:00:00Z");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.write("README.md", "1");
    commit_as(&repository, "Other", "2026-01-03T00:00:00Z");
    repository.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "change"]);
    assert_eq!(granted_to(&report(&repository)), "Ana");
    // One gives it an end; whoever merges drops that.
    repository.git(&["checkout", "--quiet", "-b", "ends"]);
    repository.write(file, &ending);
    commit_as(&repository, "Ben", "2026-01-04T00:00:00Z");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.write("README.md", "2");
    commit_as(&repository, "Other", "2026-01-05T00:00:00Z");
    repository.git(&["branch", "fair"]);
    repository.git(&["merge", "--quiet", "--no-ff", "--strategy", "ours", "--message", "merge", "ends"]);
    assert_eq!(exception(&report(&repository), "day-10")["until"], Value::Null);
    assert_eq!(granted_to(&report(&repository)), "A", "who merged");
    repository.git(&["checkout", "--quiet", "fair"]);
    repository.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "ends"]);
    assert_eq!(exception(&report(&repository), "day-10")["until"], "2027-01-31");
    assert_eq!(granted_to(&report(&repository)), "Ben");
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
