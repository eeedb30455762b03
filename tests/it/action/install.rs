//! The action's first step: a release asset, checked.

use std::{fs, process::Command};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    github::GitHub,
    runner::{Job, Outcome, root},
};
use crate::repository::{Repository, binary};

/// The asset of this machine, as `scripts/pack-release` packs it, but holding a script that runs the keyrota under test.
fn asset() -> (String, Vec<u8>) {
    let target = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", _) => "aarch64-apple-darwin",
        (_, "aarch64") => "aarch64-unknown-linux-gnu",
        _ => "x86_64-unknown-linux-gnu",
    };
    let checkout = tempfile::tempdir().expect("a temporary folder");
    let release = checkout.path().join("target").join(target).join("release");
    fs::create_dir_all(&release).expect("a folder");
    fs::create_dir(checkout.path().join("scripts")).expect("a folder");
    for file in ["scripts/pack-release", "Cargo.toml", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root().join(file), checkout.path().join(file)).expect("a copy");
    }
    fs::write(release.join("keyrota"), format!("#!/bin/sh\nexec '{}' \"$@\"\n", binary().display())).expect("a file");
    let pack = |tag: &str| {
        Command::new(checkout.path().join("scripts/pack-release")).args([target, tag]).output().expect("bash")
    };
    let version = env!("CARGO_PKG_VERSION");
    assert!(!pack("v9.9.9").status.success(), "a tag that is not the version");
    let output = pack(&format!("v{version}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = format!("keyrota-v{version}-{target}.tar.gz");
    let bytes = fs::read(checkout.path().join("target/release-assets").join(&name)).expect("the asset");
    (name, bytes)
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(github: &GitHub, version: &str) -> Outcome {
    let repository = Repository::with_rule("[[rotate]]\nusers = [\"day-100\"]\n");
    let event = json!({ "repository": { "full_name": "example/access-keys" } });
    let job = Job { workspace: repository.path(), github: &github.url, event_name: "push", event, environment: vec![] };
    job.run(&[("command", "check"), ("version", version)])
}

#[test]
fn a_release_is_downloaded_and_checked() {
    let github = GitHub::start();
    let (name, bytes) = asset();
    let version = env!("CARGO_PKG_VERSION");
    let release = format!("/example/keyrota/releases/download/v{version}");
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
    let job = Job { workspace: repository.path(), github, event_name: "push", event, environment: vec![] };
    let outcome = job.run(&[]);
    assert!(!outcome.is_success && outcome.log.contains("is not https"), "{outcome:?}");
}
