//! Holds the code to the absences that ARCHITECTURE.md states.

use std::{fs, path::Path, process::Command};

/// Every Rust file of the library and the command, as path and code without line comments.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, sources: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("the file can be read");
                let code =
                    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
                sources.push((path.display().to_string(), code));
            }
        }
    }
    let mut sources = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    assert!(sources.len() > 20, "the sources are where this test looks for them");
    sources
}

#[track_caller]
fn assert_only(needle: &str, allowed: &[&str]) {
    let found: Vec<_> = sources().into_iter().filter(|(_, code)| code.contains(needle)).map(|(path, _)| path).collect();
    assert!(!found.is_empty(), "nothing names `{needle}`: this test looks for the wrong thing");
    let wrong: Vec<_> = found.iter().filter(|path| !allowed.iter().any(|allowed| path.contains(allowed))).collect();
    assert!(wrong.is_empty(), "only {allowed:?} may name `{needle}`: {wrong:?}");
}

#[test]
fn only_aws_names_the_sdk() {
    assert_only("aws_sdk_", &["/src/cloud/aws/"]);
    assert_only("aws_config", &["/src/cloud/aws/"]);
}

#[test]
fn only_git_names_its_library() {
    assert_only("git2::", &["/src/git/"]);
}

#[test]
fn only_github_calls_github() {
    assert_only("ureq::", &["/src/github/"]);
}

/// One list of what can't be seen; and manifests are opened in one place, which refuses what is no file.
#[test]
fn what_came_from_outside_has_one_guard() {
    assert_only("202e", &["/src/untrusted.rs"]);
    assert_only("O_NOFOLLOW", &["/src/manifest/files.rs"]);
    for (path, code) in sources().iter().filter(|(path, _)| path.contains("/src/manifest/")) {
        let opens = code.contains("fs::read(") || code.contains("fs::read_to_string(") || code.contains("File::open(");
        assert!(!opens, "{path} opens files by itself");
    }
    for (path, code) in sources().iter().filter(|(path, _)| path.contains("/src/cli/")) {
        let prints =
            ["print!(", "println!(", "eprint!("].iter().any(|print| code.replace("eprintln!(", "").contains(print));
        assert!(!prints, "{path} prints without the guard of `Output`");
    }
}

/// What stands on the secret is parsed and written in one file.
#[test]
fn only_the_ledger_knows_tags_labels_and_version_ids() {
    for known in ["keyrota:", "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "keyrota-1-access-key-"] {
        let quoted = format!("\"{known}");
        let allowed = |path: &str| path.ends_with("/src/inventory/ledger.rs");
        for (path, code) in sources().iter().filter(|(path, _)| !allowed(path)) {
            // A sentence that starts with the program's name is none.
            let code = code.replace("\\\"", "").replace("\"keyrota: ", "").replace("\"keyrota::", "");
            assert!(!code.contains(&quoted), "{path} knows `{known}`");
        }
    }
    for (path, code) in sources().iter().filter(|(path, _)| !path.ends_with("/src/inventory/ledger.rs")) {
        assert!(!code.contains("TAG_OWNER") && !code.contains("TAG_USER") && !code.contains("TAG_INTENT"), "{path}");
    }
}

#[test]
fn only_the_programs_read_the_clock() {
    // And the place that compares it with AWS's.
    assert_only("Utc::now", &["/src/cli/", "/src/bin/bootstrap/", "/src/cloud/aws/answer.rs"]);
}

#[test]
fn the_function_has_nothing_of_a_terminal() {
    let features = ["--no-default-features", "--features", "lambda"];
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{lib}"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("text");
    let has = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(has("lambda_runtime") && has("aws_sdk_iam"), "{tree}");
    for name in [
        "anstream",
        "aws_sdk_kms",
        "aws_sdk_lambda",
        "clap",
        "clap_complete",
        "clap_mangen",
        "git2",
        "indicatif",
        "tabwriter",
        "tar",
        "ureq",
        "zip",
    ] {
        assert!(!has(name), "the Lambda function depends on {name}");
    }
}

#[test]
fn the_planner_is_pure() {
    let impure = [
        "async fn",
        "async move",
        "std::fs",
        "std::env",
        "tokio",
        "tracing",
        "Utc::now",
        "Instant::",
        "print!(",
        "println!(",
        "rand::",
    ];
    for (path, code) in sources().iter().filter(|(path, _)| {
        path.contains("/src/plan/")
            || ["/src/diff/mod.rs", "/src/diff/weakening.rs"].iter().any(|pure| path.ends_with(pure))
    }) {
        for impure in impure {
            assert!(!code.contains(impure), "{path} names `{impure}`");
        }
    }
}

#[test]
fn secret_keys_are_exposed_in_two_places_only() {
    // Where the value is made and taken apart, SES's SMTP password with it; where it leaves for the account, and for the places of
    // delivery; and where keyrota signs in to one of them.
    let exposing: Vec<_> =
        sources().into_iter().filter(|(_, code)| code.contains("expose_secret()")).map(|(path, _)| path).collect();
    for path in &exposing {
        let allowed = path.contains("/src/credential/")
            || path.contains("/src/delivery/")
            || path.ends_with("/src/github/actions.rs")
            || path.ends_with("/src/github/sign_in.rs")
            || path.contains("/src/cloud/aws/")
            || path.contains("/src/cloud/sandbox/");
        assert!(allowed, "{path} exposes a secret");
    }
    assert!(!exposing.is_empty());
}

/// A credential is read in one case: to deliver it where the run that made it could not. Whoever plans, observes or reports can't.
#[test]
fn credentials_are_read_in_one_place_only() {
    let edge = ["/src/cloud/mod.rs", "/src/cloud/aws/", "/src/cloud/sandbox/"];
    assert_only("secret_value(", &[&edge[..], &["/src/apply/deliver.rs", "/src/apply/actions.rs"]].concat());
    // Whom a resource policy lets read, and what `doctor` asks whether it is allowed.
    let named = [
        "/src/apply/deliver.rs",
        "/src/observe/resource_policy.rs",
        "/src/cli/doctor/delivery.rs",
        "/src/cli/doctor/channels.rs",
    ];
    assert_only("GetSecretValue", &[&edge[..], &named].concat());
    // The last two read keyrota's own configuration: how it signs in to GitHub, and where webhooks are.
    let readers = ["parameters", "github", "channels"].map(|file| format!("/src/cloud/aws/{file}.rs"));
    assert_only("get_secret_value", &readers.each_ref().map(String::as_str));
    // Whoever may read one says so in its bounds.
    let runs = ["/src/cloud/", "/src/apply/", "/src/run.rs", "/src/cli/apply.rs", "/src/cli/dispatch.rs"];
    let names = |code: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "Values");
    for (path, _) in sources().iter().filter(|(_, code)| code.contains("cloud") && names(code)) {
        assert!(runs.iter().any(|run| path.contains(run)), "{path} could read a credential");
    }
}

#[test]
fn nothing_is_left_undone() {
    for (path, code) in sources() {
        for stub in ["todo!(", "unimplemented!(", "dbg!("] {
            assert!(!code.contains(stub), "{path} has a `{stub}`");
        }
    }
}

/// Whoever could replace a package on its index could otherwise reach what builds and tests keyrota.
#[test]
fn what_pip_installs_is_pinned_by_its_hash() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tracked = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().expect("git runs");
    let tracked = String::from_utf8(tracked.stdout).expect("paths in UTF-8");
    let (mut installs, mut lists) = (0, 0);
    for path in tracked.split_terminator('\0').filter(|path| *path != "tests/it/architecture.rs") {
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        let is_list = path.starts_with("tests/emulator/") || path.starts_with("xtask/requirements");
        if is_list && path.ends_with(".txt") {
            lists += 1;
            let packages: Vec<&str> = text.lines().filter(|line| line.contains("==")).collect();
            let hashed = packages.iter().filter(|line| line.ends_with('\\')).count();
            assert!(!packages.is_empty() && hashed == packages.len(), "{path}: a package without a hash");
            continue;
        }
        let count = ["pip install", "pip\" install", "\"pip\",\n            \"install\"", "([\"install\", "]
            .map(|call| text.matches(call).count());
        let count: usize = count.iter().sum();
        assert!(
            text.matches("--require-hashes").count() >= count,
            "{path}: `pip install` without `--require-hashes`: anything could come"
        );
        installs += count;
    }
    assert!(installs >= 4 && lists >= 5, "the calls and lists are where this test looks for them: {installs}, {lists}");
}

/// A path that was moved would be nobody's any more, and nothing would say so.
#[test]
fn owners_are_named_for_paths_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let owners = fs::read_to_string(root.join(".github/CODEOWNERS")).expect("CODEOWNERS");
    let lines = owners.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    let paths: Vec<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(paths.contains(&"*") && paths.len() > 3, "{paths:?}");
    for path in paths.iter().filter(|path| **path != "*") {
        assert!(root.join(path.trim_matches('/')).exists(), "CODEOWNERS names {path}, which is not there");
    }
}
