//! `cargo xtask`: what the repository itself needs done, so that workflows and people do it alike.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these are tools for people and workflows")]

mod debian;
mod manifests;
mod package;
mod planned;
mod release_asset;
mod release_files;
mod terraform;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// Builds, packs and checks what belongs to keyrota's own repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the package of the Lambda function: the program and the manifests of one commit
    ///
    /// The same sources and manifests give the same zip file, byte by byte, so that only a change is deployed. Needs
    /// cargo-lambda, and zig as its linker: `pip install --require-hashes -r xtask/requirements-lambda.txt`.
    Package(package::Options),
    /// Packs the command for a release, as the action unpacks it; for Linux with musl as a Debian package, too
    ReleaseAsset(release_asset::Options),
    /// Builds the program of the Lambda function, and packs it for a release, as `keyrota package` unpacks it
    BootstrapAsset(release_asset::BootstrapOptions),
    /// Writes what a release has beside its archives: their sums, a formula for Homebrew, and its notes
    ReleaseFiles(release_files::Options),
    /// Checks terraform/: formatting, the plan of its environments, the tests of modules and layers, and checkov's rules
    ///
    /// What is planned is compared with tests/changes.json and tests/planned.json beside the tests; BLESS=1 rewrites them.
    ///
    /// Needs terraform, and python3 for checkov. Where the providers can't be downloaded, KEYROTA_TERRAFORM_STANDIN names a
    /// command that runs others with stand-ins for them; one that lies beside the checkout is found by itself. The plan
    /// asks AWS who the caller is: with the real providers it runs when KEYROTA_TERRAFORM_PLAN=1 says that there are
    /// credentials, or `emulator` that an emulator from PyPI is to answer.
    CheckTerraform,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Package(options) => package::run(root(), &options),
        Task::ReleaseAsset(options) => release_asset::run(root(), &options),
        Task::BootstrapAsset(options) => release_asset::bootstrap(root(), &options),
        Task::ReleaseFiles(options) => release_files::run(root(), &options),
        Task::CheckTerraform => terraform::check(root()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {}", one_line(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Text that may hold what a file's name holds, as one line that commands nothing to whoever reads the log.
fn one_line(text: &str) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ => c.escape_default().to_string(),
    };
    text.chars().map(escape).collect()
}

/// Where cargo builds.
fn target_directory(root: &Path) -> Result<PathBuf> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked"];
    let output = cargo().args(arguments).current_dir(root).output().context("cargo can't be started")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo metadata names no target_directory")
}

/// The cargo that runs this, or the first in the path.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::CommandFactory;

    use super::*;

    /// Whoever renames a task or an option finds out here who calls it.
    #[test]
    fn workflows_and_pages_call_tasks_that_there_are() {
        Arguments::command().debug_assert();
        let tracked = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().expect("git");
        let tracked = String::from_utf8(tracked.stdout).expect("UTF-8");
        let mut calls = Vec::new();
        for path in tracked.split_terminator('\0').filter(|path| !path.ends_with(".rs")) {
            let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
            for line in text.lines() {
                for call in line.split("cargo xtask ").skip(1) {
                    let end = call.find(['#', '`']).unwrap_or(call.len());
                    let words = call[..end].split_whitespace().map(|word| word.trim_matches('"'));
                    let parsed = Arguments::try_parse_from(std::iter::once("xtask").chain(words));
                    // To ask for help is an error for clap, too.
                    let wrong = parsed.err().filter(clap::Error::use_stderr);
                    assert!(wrong.is_none(), "{path}: {line}: {}", wrong.expect("an error"));
                    calls.push(path);
                }
            }
        }
        for path in [".ci/run", ".github/workflows/apply.yml", ".github/workflows/release.yml", "docs/lambda.md"] {
            assert!(calls.contains(&path), "{path} calls no task: this test looks for the wrong thing");
        }
    }

    #[test]
    fn errors_are_one_line() {
        assert_eq!(one_line("a file \u{202e}x\r\n::error::y"), "a file \\u{202e}x\\r\\n::error::y");
    }
}
