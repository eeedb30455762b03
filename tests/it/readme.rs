//! What the README shows is what the command prints.

use std::{fs, path::Path, process::Command};

fn keyrota(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_keyrota"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the binary runs");
    // A console shows both.
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

/// The output that the README shows below a command line.
fn shown(command: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README can be read");
    let (_, after) = readme.split_once(&format!("$ {command}\n")).expect("the README shows the command");
    let (block, _) = after.split_once("```").expect("the block ends");
    block.to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_first_plan() {
    let plan = keyrota(root(), &["plan", "--sandbox", "examples/sandbox.toml"]);
    assert_eq!(plan, shown("cargo run -- plan --sandbox examples/sandbox.toml"));
}

#[test]
fn a_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("manifests")).expect("a folder");
    let manifest = "version = 1\n\n[[rotate]]\nusers = [\"my-test-user\"]\nmax-agee = \"90d\"\nnotify = []\n";
    fs::write(folder.path().join("manifests/my-team.toml"), manifest).expect("a file");
    assert_eq!(keyrota(folder.path(), &["check"]), shown("keyrota check"));
}

/// The two manifests that the README starts with are valid as they stand there.
#[test]
fn the_first_manifests() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README can be read");
    let (_, toml) = readme.split_once("```toml\n").expect("the README has manifests");
    let (toml, _) = toml.split_once("```").expect("the block ends");
    let folder = tempfile::tempdir().expect("a folder");
    let mut written = 0;
    for part in toml.split("# manifests/").skip(1) {
        let (name, text) = part.split_once('\n').expect("a name and a text");
        fs::write(folder.path().join(name), text).expect("a file");
        written += 1;
    }
    assert_eq!(written, 2);
    let output = keyrota(folder.path(), &["check", "--manifests", "."]);
    assert_eq!(output, ".: 1 rule, 0 exemptions, no errors\n");
}
