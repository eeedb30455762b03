//! Programs that come with the system's packages, and scripts that stand in for some.

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The program of one of these names. Where it is missing, root on Debian installs it, as on a fresh machine of CI; anyone else is
/// told what to do, for a test should not ask for a password.
pub fn program(names: &[&str], package: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target");
    fs::create_dir_all(target).expect("a writable target folder");
    // Other tests and test processes wait here while one installs.
    let lock = File::create(target.join("system.lock")).expect("a writable target folder");
    lock.lock().expect("a lock");
    if let Some(found) = find(names) {
        return found;
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0);
    if is_root && find(&["apt-get"]).is_some() {
        let install = |arguments: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq"]).args(arguments).output().expect("apt-get runs")
        };
        install(&["update"]);
        let output = install(&["install", "--yes", "--no-install-recommends", package]);
        assert!(output.status.success(), "apt-get: {}", String::from_utf8_lossy(&output.stderr));
    }
    find(names).unwrap_or_else(|| panic!("{} is needed: install it (Debian: `apt-get install {package}`)", names[0]))
}

/// Writes a script that can be run.
///
/// A process of its own writes it. What this one holds open for writing, a child that another test starts at that moment
/// holds open as well until it runs its program, and meanwhile the script would be busy (ETXTBSY).
pub fn write_script(path: &Path, script: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("sh");
    shell.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("a shell that reads");
    assert!(shell.wait().expect("sh").success(), "{} can't be written", path.display());
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}
