//! What tests need of PyPI and npm: pinned in `tests`, and installed below `target` on first use.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest, Sha256};

/// The interpreter of a virtual environment that holds what a file of `tests/emulator` pins.
pub fn python(requirements: &str) -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator").join(requirements);
    let name = requirements.file_stem().expect("a file's name").display().to_string();
    let folder = installed(&name, &[&requirements], INTERPRETER, |folder| {
        let [folder, file] = [folder, &requirements].map(|path| path.to_str().expect("a path in UTF-8"));
        venv(&["--without-pip", folder]);
        // What is imported is compiled then: that is a small part of it.
        let install = "install -q --no-compile --no-input --disable-pip-version-check --no-deps --require-hashes -r";
        let arguments = ["-m", "pip", "--python", folder].into_iter().chain(install.split(' ')).chain([file]);
        let remedy =
            "These tests need an emulator of AWS from PyPI (once; it is kept in target/emulators). Is PyPI reachable?";
        run(Command::new(pip()).args(arguments), remedy);
    });
    folder.join(INTERPRETER)
}

/// A script of a folder of `tests`, where it finds what the lock file beside it has of npm.
pub fn script(folder: &str, script: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let files = ["package.json", "package-lock.json", script].map(|file| source.join(file));
    let folder = installed(folder, &files.each_ref().map(PathBuf::as_path), "node_modules", |folder| {
        fs::create_dir_all(folder).expect("a writable target folder");
        for file in &files {
            fs::copy(file, folder.join(file.file_name().expect("a file's name"))).expect("a writable target folder");
        }
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        let remedy =
            "These tests need Node.js with npm, and its registry (once; what it has is kept in target/emulators).";
        run(Command::new("npm").args(arguments).current_dir(folder), remedy);
    });
    folder.join(script)
}

/// Where an environment has its interpreter.
const INTERPRETER: &str = "bin/python";

/// The interpreter of the one environment with pip, which installs into the others: to give each its own takes seconds.
fn pip() -> PathBuf {
    installed("pip", &[], INTERPRETER, |folder| venv(&[folder.to_str().expect("a path in UTF-8")])).join(INTERPRETER)
}

fn venv(arguments: &[&str]) {
    let remedy = "These tests need Python 3.11 or later with venv (Debian: `apt-get install python3 python3-venv`).";
    run(Command::new("python3").args(["-m", "venv"]).args(arguments), remedy);
}

/// A folder that these files pin the content of; made if it is not there, or not what `part` says is of it.
fn installed(name: &str, pinned: &[&Path], part: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let mut hash = Sha256::new();
    for file in pinned {
        hash.update(fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target");
    let folders = target.join("emulators");
    fs::create_dir_all(&folders).expect("a writable target folder");
    // Other tests and test processes wait here while one makes it.
    let lock = File::create(folders.join(format!("{name}.lock"))).expect("a writable target folder");
    lock.lock().expect("a lock");
    let folder = folders.join(format!("{name}-{}", hex::encode(&hash.finalize()[..6])));
    // Written last: without it, an installation was cut short.
    let complete = folder.join("complete");
    if !(complete.exists() && folder.join(part).exists()) {
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("a removable folder");
        }
        make(&folder);
        File::create(complete).expect("a writable target folder");
    }
    folder
}

fn run(command: &mut Command, remedy: &str) {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{remedy}\n{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{remedy}\n{command:?} did not start: {error}"),
    }
}
