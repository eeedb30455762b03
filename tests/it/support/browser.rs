//! Looks at pages with Chromium and axe. What they need of npm is pinned in `tests/browser`, and installed on first use.

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::system::program;

/// Names that Chromium goes by; the first that is there is taken, or what `KEYROTA_CHROMIUM` names.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Looks at pages in a browser, one at least. Nothing may be wrong.
#[track_caller]
pub fn look(pages: &[PathBuf]) {
    let modules = modules();
    let request = json!({
        "browser": browser(),
        "axe": modules.join("node_modules/axe-core/axe.min.js"),
        "pages": pages,
    });
    let mut node = Command::new("node")
        .arg(modules.join("look.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Node.js is installed");
    let mut stdin = node.stdin.take().expect("it is piped");
    stdin.write_all(request.to_string().as_bytes()).expect("node reads");
    drop(stdin);
    let output = node.wait_with_output().expect("node ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "node failed: {stderr}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["problems"], json!([]), "{found:#}");
    assert_eq!(found["looked"], json!(pages.len()));
}

fn browser() -> PathBuf {
    if let Some(named) = env::var_os("KEYROTA_CHROMIUM") {
        return named.into();
    }
    program(&NAMES, "chromium")
}

/// The folder with what npm installed, as `tests/browser/package-lock.json` has it.
fn modules() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let files = ["package.json", "package-lock.json", "look.mjs"];
    let mut hash = Sha256::new();
    for name in files {
        hash.update(fs::read(source.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    let digest: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target").join("browser");
    fs::create_dir_all(&target).expect("a writable target folder");
    // Other tests and test processes wait here while one installs.
    let lock = File::create(target.join("lock")).expect("a writable target folder");
    lock.lock().expect("a lock");
    let folder = target.join(digest);
    // Written last: without it, an installation was cut short.
    let complete = folder.join("complete");
    if !complete.exists() {
        fs::create_dir_all(&folder).expect("a writable target folder");
        for name in files {
            fs::copy(source.join(name), folder.join(name)).expect("a writable target folder");
        }
        let npm = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .expect("npm is installed: it comes with Node.js");
        let stderr = String::from_utf8_lossy(&npm.stderr);
        assert!(npm.status.success(), "`npm ci` in {} failed; is its registry reachable? {stderr}", folder.display());
        File::create(complete).expect("a writable target folder");
    }
    folder
}
