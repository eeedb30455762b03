//! Virtual environments with what tests need of PyPI, pinned in `tests/emulator` and installed on first use.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest, Sha256};

/// The interpreter of a virtual environment that holds what a file of `tests/emulator` pins; made on first use.
pub fn python(requirements: &str) -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator").join(requirements);
    let pinned = fs::read(&requirements).unwrap_or_else(|error| panic!("{}: {error}", requirements.display()));
    let digest: String = Sha256::digest(pinned).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let name = requirements.file_stem().expect("a file's name").display().to_string();
    environment(&name, &digest, |folder| {
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let [folder_text, file] = [folder, &requirements].map(text);
        venv(&["--without-pip", &folder_text]);
        // What is imported is compiled then: that is a small part of it.
        let install = "install -q --no-compile --no-input --disable-pip-version-check --no-deps --require-hashes -r";
        let arguments = ["-m", "pip", "--python", &folder_text].into_iter().chain(install.split(' ')).chain([&*file]);
        run(
            &pip(),
            &arguments.collect::<Vec<_>>(),
            "These tests need an emulator of AWS from PyPI (once; it is kept in target/emulators). Is PyPI reachable?",
        );
    })
}

/// The interpreter of the one environment with pip, which installs into the others: to give each its own takes seconds.
fn pip() -> PathBuf {
    environment("pip", "own", |folder| venv(&[folder.to_str().expect("a path in UTF-8")]))
}

fn venv(arguments: &[&str]) {
    let remedy = "These tests need Python 3.11 or later with venv (Debian: `apt-get install python3 python3-venv`).";
    run(Path::new("python3"), &[&["-m", "venv"], arguments].concat(), remedy);
}

/// The interpreter of an environment, which is made if it is not there.
fn environment(name: &str, digest: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target");
    let environments = target.join("emulators");
    fs::create_dir_all(&environments).expect("a writable target folder");
    // Other tests and test processes wait here while one makes it.
    let lock = File::create(environments.join(format!("{name}.lock"))).expect("a writable target folder");
    lock.lock().expect("a lock");
    let folder = environments.join(format!("{name}-{digest}"));
    // Written last: without it, an installation was cut short.
    let complete = folder.join("complete");
    let python = folder.join("bin/python");
    if !(complete.exists() && python.exists()) {
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("a removable folder");
        }
        make(&folder);
        File::create(complete).expect("a writable target folder");
    }
    python
}

fn run(program: &Path, arguments: &[&str], remedy: &str) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            panic!("{remedy}\n`{} {}` failed: {stderr}", program.display(), arguments.join(" "))
        }
        Err(error) => panic!("{remedy}\n`{}` did not start: {error}", program.display()),
    }
}
