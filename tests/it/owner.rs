//! `Cargo.toml` names the owner of the repository, and everything else follows it: whoever forks keyrota changes one line,
//! and this test tells the pages that name another.

use std::{fs, path::Path, process::Command};

use crate::repository::own_slug;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text before a position that could be an owner's name.
fn owner_before(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let start =
        text.rfind(|c: char| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    &text[start..]
}

#[test]
fn pages_name_the_owner_and_the_release_of_cargo_toml() {
    let (owner, name) = own_slug().split_once('/').expect("OWNER/REPO");
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("git");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let of_tests = ["tests/", "xtask/", "target/"];
    let mut found = 0;
    for path in listed.split_terminator('\0').filter(|path| !of_tests.iter().any(|folder| path.starts_with(folder))) {
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{path}:{}: {line}", number + 1);
            for (at, _) in line.match_indices(&format!("/{name}")) {
                if let Some(before) =
                    line[..at].strip_suffix(owner_before(&line[..at])).filter(|it| it.ends_with("github.com/"))
                {
                    assert_eq!(&line[before.len()..at], owner, "{}", place());
                    found += 1;
                }
            }
            // `OWNER/keyrota` as an action, in a URL, or as a git reference.
            for end in ["@", ".git", "/releases", "/issues", "/.github"] {
                let needle = format!("/{name}{end}");
                for (at, _) in line.match_indices(&needle) {
                    let named = owner_before(&line[..at]);
                    if named.is_empty() || line[..at].ends_with("OWNER") {
                        continue;
                    }
                    assert_eq!(named, owner, "{}", place());
                    found += 1;
                    let version = line[at + needle.len()..].strip_prefix('v').filter(|_| end == "@");
                    if let Some(version) = version.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                        let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
                        assert_eq!(version[..end].trim_end_matches('.'), env!("CARGO_PKG_VERSION"), "{}", place());
                    }
                }
            }
        }
        if path == ".github/CODEOWNERS" {
            let teams = text.split_whitespace().filter_map(|word| word.strip_prefix('@')?.split_once('/'));
            teams.for_each(|(team_owner, team)| assert_eq!(team_owner, owner, "@{team_owner}/{team}"));
        }
    }
    assert!(found >= 2, "the pages are where this test looks for them: {found}");
}

/// What cargo-binstall downloads is what `cargo xtask release-asset` packs.
#[test]
fn binstall_downloads_what_the_release_packs() {
    let manifest: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml").parse().expect("TOML");
    let metadata = &manifest["package"]["metadata"]["binstall"];
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).expect("the release");
    let xtask = fs::read_to_string(root().join("xtask/src/release_asset.rs")).expect("xtask");
    assert!(xtask.contains("let stem = format!(\"keyrota-{tag}-{target}\");"), "what it packs is called otherwise");
    let windows = &metadata["overrides"]["x86_64-pc-windows-msvc"];
    for (of, end) in [(metadata, ".tar.gz"), (windows, ".zip")] {
        let expected = format!("{{ repo }}/releases/download/v{{ version }}/keyrota-v{{ version }}-{{ target }}{end}");
        assert_eq!(of["pkg-url"].as_str(), Some(expected.as_str()));
    }
    for target in [
        "x86_64-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu",
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "aarch64-apple-darwin",
        "x86_64-apple-darwin",
        "x86_64-pc-windows-msvc",
    ] {
        assert!(workflow.contains(&format!("target: {target},")), "{target} is not built");
    }
}

/// The function's program is no part of what people install: `cargo install` would build it, and binstall look for it.
#[test]
fn the_published_crate_is_the_command() {
    let list = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--package", "keyrota"])
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    let files = String::from_utf8(list.stdout).expect("UTF-8");
    for needed in
        ["src/main.rs", "src/init/scaffold/apply.yml", "src/template/layout.html.jinja", "LICENSE-MIT", "README.md"]
    {
        assert!(files.lines().any(|file| file == needed), "{needed} is missing: {files}");
    }
    assert!(!files.contains("src/bin/") && !files.contains("tests/"), "{files}");
}
