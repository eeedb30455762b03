//! The action's first step: a release asset, checked.

use std::{fs, process::Command};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    github::GitHub,
    runner::{Job, Outcome, root},
};
use crate::{
    repository::{Repository, binary, own_slug},
    support::system::write_script,
};

/// The asset of this machine, as `cargo xtask release-asset` packs it, but holding a script that runs the keyrota under
/// test.
fn asset() -> (String, Vec<u8>) {
    let target = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", _) => "aarch64-apple-darwin",
        (_, "aarch64") => "aarch64-unknown-linux-gnu",
        _ => "x86_64-unknown-linux-gnu",
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("keyrota");
    fs::write(program, format!("#!/bin/sh\nexec '{}' \"$@\"\n", binary().display())).expect("a file");
    let asset = folder.path().join("asset");
    let mut tar = Command::new("tar");
    let tar = tar.arg("-czf").arg(&asset).arg("-C").arg(folder.path()).arg("keyrota");
    let packed = tar.arg("-C").arg(root()).args(["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"]).status();
    assert!(packed.expect("tar").success());
    let version = env!("CARGO_PKG_VERSION");
    (format!("keyrota-v{version}-{target}.tar.gz"), fs::read(asset).expect("the asset"))
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(github: &GitHub, version: &str) -> Outcome {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-100\"]\n");
    let event = json!({ "repository": { "full_name": "example/access-keys" } });
    let job = Job {
        workspace: repository.path(),
        github: &github.url,
        event_name: "push",
        event,
        environment: vec![],
        run: (1, 1),
    };
    job.run(&[("command", "check"), ("version", version)])
}

#[test]
fn a_release_is_downloaded_and_checked() {
    let github = GitHub::start();
    let (name, bytes) = asset();
    let version = env!("CARGO_PKG_VERSION");
    let release = format!("/{}/releases/download/v{version}", own_slug());
    let refused = |outcome: &Outcome, sentence: &str| {
        assert!(!outcome.is_success && outcome.log.contains(sentence), "{sentence}: {outcome:?}");
    };
    refused(&check(&github, ""), "404");
    github.add_asset(&format!("{release}/{name}"), &bytes);
    refused(&check(&github, ""), "SHA256SUMS: 404");
    github.add_asset(&format!("{release}/SHA256SUMS"), b"0123  other.tar.gz\n");
    refused(&check(&github, ""), "SHA256SUMS of the release gives no SHA-256 for");
    github.add_asset(&format!("{release}/SHA256SUMS"), format!("{}  {name}\n", "0".repeat(64)).as_bytes());
    refused(&check(&github, ""), "but SHA256SUMS of the release says 0000");
    // A sum in the workflow is what counts, whatever the release says.
    let pinned = |sum: &str| check(&github, &format!("{version}@sha256:{sum}"));
    assert!(pinned(&sum(&bytes)).is_success);
    refused(&pinned(&"1".repeat(64)), "but the workflow says 1111");
    refused(&pinned("12"), "the workflow gives no SHA-256");
    github.add_asset(&format!("{release}/SHA256SUMS"), format!("{}  {name}\n", sum(&bytes)).as_bytes());
    for wanted in ["", version, &format!("v{version}")] {
        let outcome = check(&github, wanted);
        assert!(outcome.is_success && outcome.output("result") == "checked", "{outcome:?}");
    }
    for wrong in ["latest", "../../x", "1.2", "1.2.3/../x"] {
        refused(&check(&github, wrong), "write a release such as `0.1.0`");
    }
}

#[test]
fn nothing_is_fetched_in_the_clear() {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-100\"]\n");
    let event = json!({});
    let github = "http://github.invalid";
    let job = Job { workspace: repository.path(), github, event_name: "push", event, environment: vec![], run: (1, 1) };
    let outcome = job.run(&[]);
    assert!(!outcome.is_success && outcome.log.contains("is not https"), "{outcome:?}");
}

/// `gh` where it is installed says who built the archive; a release that was replaced as a whole has sums that fit.
#[test]
fn a_release_is_attested() {
    let github = GitHub::start();
    let (name, bytes) = asset();
    let version = env!("CARGO_PKG_VERSION");
    let release = format!("/{}/releases/download/v{version}", own_slug());
    github.add_asset(&format!("{release}/{name}"), &bytes);
    github.add_asset(&format!("{release}/SHA256SUMS"), format!("{}  {name}\n", sum(&bytes)).as_bytes());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gh = |script: &str| {
        let path = folder.path().join("gh");
        write_script(&path, &format!("#!/bin/sh\necho \"$@\" >> '{}/calls'\n{script}\n", folder.path().display()));
    };
    let install = |version: &str| {
        let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-100\"]\n");
        let event = json!({ "repository": { "full_name": "example/access-keys" } });
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
        let environment = vec![("PATH", path)];
        let (workspace, github) = (repository.path(), &github.url);
        let job = Job { workspace, github, event_name: "push", event, environment, run: (1, 1) };
        job.run(&[("command", "check"), ("version", version)])
    };
    gh("exit 0");
    let outcome = install("");
    assert!(outcome.is_success && outcome.log.contains("as its attestation says"), "{outcome:?}");
    let calls = fs::read_to_string(folder.path().join("calls")).expect("calls");
    let verified = calls.lines().last().expect("a call");
    assert!(verified.starts_with("attestation verify ") && verified.contains(&name), "{calls}");
    let own = own_slug();
    let expected =
        format!("--repo {own} --signer-workflow {own}/.github/workflows/release.yml --source-ref refs/tags/v{version}");
    assert!(verified.ends_with(&expected), "{calls}");
    // An archive that nobody attests is not used, whatever the sums say; what gh says is shown in one line.
    gh("case $3 in --help) exit 0;; esac; printf 'no attestations\\n::add-mask::x\\n' >&2; exit 1");
    let outcome = install("");
    assert!(!outcome.is_success, "{outcome:?}");
    let line = "has no valid attestation, and is not used: no attestations%0A::add-mask::x";
    assert!(outcome.log.contains(line), "{}", outcome.log);
    // A sum in the workflow was looked at by a person. A gh that is too old to know of attestations says nothing.
    assert!(install(&format!("{version}@sha256:{}", sum(&bytes))).is_success);
    gh("exit 1");
    assert!(install("").is_success);
}

/// An archive can hold what leads elsewhere.
#[test]
fn only_the_program_is_unpacked() {
    let github = GitHub::start();
    let (name, _) = asset();
    let version = env!("CARGO_PKG_VERSION");
    let release = format!("/{}/releases/download/v{version}", own_slug());
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink("/bin/sh", folder.path().join("keyrota")).expect("a link");
    fs::write(folder.path().join("other"), "x").expect("a file");
    for file in ["keyrota", "other"] {
        let packed = folder.path().join("packed.tar.gz");
        let tar = Command::new("tar").arg("-czf").arg(&packed).arg("-C").arg(folder.path()).arg(file).status();
        assert!(tar.expect("tar").success());
        let bytes = fs::read(&packed).expect("the archive");
        github.add_asset(&format!("{release}/{name}"), &bytes);
        let outcome = check(&github, &format!("{version}@sha256:{}", sum(&bytes)));
        assert!(!outcome.is_success && outcome.log.contains("does not hold the file `keyrota`"), "{file}: {outcome:?}");
    }
}
