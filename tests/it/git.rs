//! `--base` finds the manifests of a revision wherever people keep them, and says what is missing where it can't.

use std::fs;

use keyrota::git::{manifests_at, revision};

use crate::repository::{Ran, Repository, SHARED, git, keyrota};

const RULE: &str = "[[rotate]]\nusers = [\"day-100\"]\n";
const WIDER: &str = "version = 1\n\n[[rotate]]\nusers = [\"day-*\"]\n";

fn entered(plan: &serde_json::Value) -> Vec<String> {
    let users = plan["scope"]["entered"].as_array().expect("a list");
    users.iter().map(|user| user["user"].as_str().expect("a name").to_owned()).collect()
}

#[track_caller]
fn refused(ran: &Ran, sentences: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    for sentence in sentences {
        assert!(ran.stderr.contains(sentence), "{sentence:?} is not in\n{}", ran.stderr);
    }
}

/// A clone of this depth, checked out as actions/checkout does: detached.
fn clone(origin: &Repository, reference: &str, depth: u32) -> Repository {
    let clone = Repository::new();
    clone.git(&["remote", "add", "origin", &format!("file://{}", origin.path().display())]);
    clone.git(&["fetch", "--quiet", &format!("--depth={depth}"), "origin", reference]);
    clone.git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    clone
}

#[test]
fn a_merge_commit_in_a_shallow_checkout() {
    let origin = Repository::with_rule(RULE);
    origin.git(&["checkout", "--quiet", "-b", "change"]);
    origin.write("manifests/team.toml", WIDER);
    origin.commit();
    origin.git(&["checkout", "--quiet", "main"]);
    // The base branch went on meanwhile: that is no part of the change.
    origin.write("manifests/other.toml", "version = 1\n\n[[rotate]]\nusers = [\"spare\"]\n");
    origin.commit();
    origin.git(&["checkout", "--quiet", "--detach"]);
    origin.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "change"]);
    origin.git(&["update-ref", "refs/pull/1/merge", "HEAD"]);

    let checkout = clone(&origin, "refs/pull/1/merge", 2);
    let plan = checkout.plan_json(&["--base", "HEAD^1"]);
    assert_eq!(entered(&plan), ["day-10", "day-50", "day-70"]);
    assert_eq!(plan["base"]["commit"], origin.git(&["rev-parse", "main"]));
    assert_eq!(plan["revision"], checkout.git(&["rev-parse", "HEAD"]));

    let shallow = clone(&origin, "refs/pull/1/merge", 1);
    refused(&shallow.plan(&["--base", "HEAD^1"]), &["there is no revision `HEAD^1`", "shallow", "fetch-depth: 2"]);
}

#[test]
fn a_work_tree_of_its_own() {
    let repository = Repository::with_rule(RULE);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tree");
    repository.git(&["worktree", "add", "--quiet", "--detach", path.to_str().expect("UTF-8")]);
    fs::write(path.join("manifests/team.toml"), WIDER).expect("a file");
    let sandbox = repository.path().join("sandbox.toml");
    let sandbox = sandbox.to_str().expect("UTF-8");
    let ran = keyrota(&path, &["plan", "--sandbox", sandbox, "--base", "main", "--format", "json"]);
    let plan = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(entered(&plan), ["day-10", "day-50", "day-70"]);
}

#[test]
fn manifests_in_a_subfolder_and_a_call_from_elsewhere() {
    let repository = Repository::new();
    repository.write("teams/keys/manifests/keyrota.toml", SHARED);
    repository.write("teams/keys/manifests/team.toml", &format!("version = 1\n\n{RULE}"));
    let before = repository.commit();
    repository.write("teams/keys/manifests/team.toml", WIDER);
    // Where the command is called from makes no difference but for the paths shown.
    for (folder, manifests) in
        [("", "teams/keys/manifests"), ("teams/keys", "manifests"), ("teams/keys/manifests", ".")]
    {
        let sandbox = repository.path().join("sandbox.toml");
        let ran = keyrota(
            &repository.path().join(folder),
            &[
                "plan",
                "--sandbox",
                sandbox.to_str().expect("UTF-8"),
                "--manifests",
                manifests,
                "--base",
                "HEAD",
                "--format",
                "json",
            ],
        );
        let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(entered(&plan), ["day-10", "day-50", "day-70"]);
        let file = if manifests == "." { "./team.toml".to_owned() } else { format!("{manifests}/team.toml") };
        assert_eq!(plan["scope"]["entered"][0]["source"]["file"], file);
    }
    let read = manifests_at(&repository.path().join("teams/keys/manifests"), "HEAD").expect("manifests");
    assert_eq!((read.commit, read.files.len()), (before, 2));
}

#[test]
fn a_base_without_manifests_managed_nobody() {
    let repository = Repository::new();
    let empty = repository.commit();
    repository.write("manifests/keyrota.toml", SHARED);
    repository.write("manifests/team.toml", WIDER);
    let plan = repository.plan_json(&["--base", &empty]);
    assert_eq!(entered(&plan), ["day-10", "day-100", "day-50", "day-70"]);
    assert_eq!(plan["caused"].as_array().expect("a list").len(), 1);
}

#[test]
fn renamed_and_deleted_files() {
    let repository = Repository::with_rule(RULE);
    repository.write("manifests/gone.toml", "version = 1\n\n[[rotate]]\nusers = [\"day-10\"]\n");
    repository.commit();
    repository.git(&["mv", "manifests/team.toml", "manifests/renamed.toml"]);
    fs::remove_file(repository.path().join("manifests/gone.toml")).expect("a removed file");
    let plan = repository.plan_json(&["--base", "HEAD"]);
    assert_eq!(entered(&plan), Vec::<String>::new());
    let left = plan["scope"]["left"].as_array().expect("a list");
    assert_eq!(
        (left.len(), left[0]["user"].as_str(), left[0]["source"]["file"].as_str()),
        (1, Some("day-10"), Some("manifests/gone.toml"))
    );
    assert_eq!(plan["scope"]["changed"], serde_json::json!([]));
}

#[test]
fn revisions_that_can_not_be() {
    let repository = Repository::with_rule(RULE);
    repository.git(&["remote", "add", "origin", "https://github.invalid/example"]);
    refused(&repository.plan(&["--base", "nonsense"]), &["there is no revision `nonsense`", "git fetch origin"]);
    refused(&repository.plan(&["--base", "origin/main"]), &["git fetch origin main"]);
    refused(&repository.plan(&["--base", "main..x^{"]), &["`main..x^{`"]);
    refused(&repository.plan(&["--base", "HEAD:manifests"]), &["`HEAD:manifests` is a tree, and no commit"]);
    refused(&repository.plan(&["--base=--output=x"]), &["`--output=x`"]);
    // A detached HEAD is a commit like any other.
    repository.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(repository.plan(&["--base", "HEAD"]).code, Some(0));
}

#[test]
fn places_without_a_base() {
    let repository = Repository::with_rule(RULE);
    let outside = tempfile::tempdir().expect("a temporary folder");
    fs::write(outside.path().join("keyrota.toml"), format!("{SHARED}\n{RULE}")).expect("a file");
    let folder = outside.path().to_str().expect("UTF-8");
    refused(&repository.plan(&["--manifests", folder, "--base", "HEAD"]), &["is not in a git repository"]);
    // Without a base, that is no mistake.
    assert_eq!(repository.plan_json(&["--manifests", folder])["revision"], serde_json::Value::Null);

    let bare = tempfile::tempdir().expect("a temporary folder");
    let url = repository.path().to_str().expect("UTF-8");
    git(bare.path(), &["clone", "--quiet", "--bare", url, "."]);
    fs::create_dir(bare.path().join("manifests")).expect("a folder");
    fs::write(bare.path().join("manifests/keyrota.toml"), format!("{SHARED}\n{RULE}")).expect("a file");
    let manifests = bare.path().join("manifests");
    let manifests = manifests.to_str().expect("UTF-8");
    refused(&repository.plan(&["--manifests", manifests, "--base", "HEAD"]), &["is not in the work tree", "bare"]);
}

#[test]
fn a_base_of_another_schema_version() {
    let repository = Repository::with_rule(RULE);
    repository.write("manifests/team.toml", "version = 2\n\n[[rotate-all]]\nusers = [\"day-10\"]\n");
    repository.commit();
    repository.write("manifests/team.toml", WIDER);
    let ran = repository.plan(&["--base", "HEAD"]);
    refused(&ran, &["the manifests at `HEAD` can't be compared", "version `2`", "manifests/team.toml:1"]);
}

#[test]
fn links_and_folders_among_the_manifests() {
    let repository = Repository::with_rule(RULE);
    std::os::unix::fs::symlink("team.toml", repository.path().join("manifests/link.toml")).expect("a link");
    repository.commit();
    fs::remove_file(repository.path().join("manifests/link.toml")).expect("a removed link");
    refused(&repository.plan(&["--base", "HEAD"]), &["`manifests/link.toml` is a symbolic link"]);
    repository.write("manifests/folder.toml/x", "");
    repository.commit();
    fs::remove_dir_all(repository.path().join("manifests/folder.toml")).expect("a removed folder");
    refused(&repository.plan(&["--base", "HEAD"]), &["`manifests/folder.toml` is a folder, and no file"]);
}

#[test]
fn the_revision_of_the_work_tree() {
    let repository = Repository::new();
    let manifests = repository.path().join("manifests");
    repository.write("manifests/keyrota.toml", SHARED);
    assert_eq!(revision(&manifests), None, "nothing is committed yet");
    let commit = repository.commit();
    assert_eq!(revision(&manifests), Some(commit.clone()));
    // What is no manifest makes no difference.
    repository.write("README.md", "changed");
    repository.write("manifests/notes.md", "changed");
    assert_eq!(revision(&manifests), Some(commit.clone()));
    repository.write("manifests/new.toml", "version = 1\n");
    assert_eq!(revision(&manifests), Some(format!("{commit}-dirty")));
    fs::remove_file(manifests.join("new.toml")).expect("a removed file");
    repository.write("manifests/keyrota.toml", &format!("{SHARED}\n"));
    assert_eq!(revision(&manifests), Some(format!("{commit}-dirty")));
    fs::remove_file(manifests.join("keyrota.toml")).expect("a removed file");
    assert_eq!(revision(&manifests), Some(format!("{commit}-dirty")));
}

#[test]
fn what_git_passes_over_is_not_of_the_commit() {
    let repository = Repository::with_rule(RULE);
    let manifests = repository.path().join("manifests");
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let dirty = Some(format!("{commit}-dirty"));
    // Git changes the ends of lines where it is told to.
    repository.write("manifests/keyrota.toml", &SHARED.replace('\n', "\r\n"));
    assert_eq!(revision(&manifests), Some(commit.clone()));
    // A file is ignored, and then a folder as a whole.
    for ignored in ["/manifests/own.toml\n", "manifests/\n"] {
        repository.write(".git/info/exclude", ignored);
        repository.write("manifests/own.toml", "version = 1\n");
        assert_eq!(revision(&manifests), dirty, "{ignored}");
        fs::remove_file(manifests.join("own.toml")).expect("a removed file");
        assert_eq!(revision(&manifests), Some(commit.clone()));
    }
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        repository.git(&["update-index", flag, "manifests/team.toml"]);
        repository.write("manifests/team.toml", WIDER);
        assert_eq!(revision(&manifests), dirty, "{flag}");
        repository.write("manifests/team.toml", &format!("version = 1\n\n{RULE}"));
        assert_eq!(revision(&manifests), Some(commit.clone()));
    }
}
