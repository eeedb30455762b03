//! Looks at pages with Chromium and axe. What they need of npm is pinned in `tests/browser`, and installed on first use.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::environment;
use crate::system::program;

/// Names that Chromium goes by; the first that is there is taken, or what `KEYROTA_CHROMIUM` names.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Looks at pages in a browser, one at least. Nothing may be wrong.
#[track_caller]
pub fn look(pages: &[PathBuf]) {
    let script = environment::script("browser", "look.mjs");
    let request = json!({
        "browser": browser(),
        "axe": script.with_file_name("node_modules").join("axe-core/axe.min.js"),
        "pages": pages,
    });
    let mut node = Command::new("node")
        .arg(script)
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
