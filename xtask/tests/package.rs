//! What may go into the Lambda package. Nothing is built here: there is no compiler in the path of what is run.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A folder `manifests` with one that is sound.
fn manifests() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("manifests")).expect("a folder");
    fs::write(folder.path().join("manifests/keyrota.toml"), "version = 1\n").expect("a file");
    folder
}

/// Whether it is packed, and what is said.
fn package(folder: &Path) -> (bool, String) {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.args(["package", "--manifests"]).arg(folder).env_clear().output().expect("xtask starts");
    assert!(begun.elapsed() < Duration::from_secs(20), "{} takes {:?}", folder.display(), begun.elapsed());
    (output.status.success(), String::from_utf8(output.stderr).expect("UTF-8"))
}

/// What keyrota would not load is not packed either.
#[test]
fn only_regular_files_of_bounded_size_are_packed() {
    type Make<'a> = &'a dyn Fn(&Path);
    let large = |path: &Path| {
        fs::File::create(path).and_then(|file| file.set_len((1 << 20) + 1)).expect("a file");
    };
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    let cases: [(&str, Make, &str); 6] = [
        ("zz.toml", &|path| symlink("/etc/passwd", path).expect("a link"), "is a symbolic link"),
        ("zz.toml", &|path| symlink("/dev/zero", path).expect("a link"), "is a symbolic link"),
        ("zz.toml", &pipe, "is no regular file"),
        ("zz.toml", &large, "is larger than 1048576 bytes"),
        ("templates", &|path| symlink("/etc", path).expect("a link"), "is a symbolic link"),
        (
            "z\n::error::.toml",
            &|path| symlink("/etc/passwd", path).expect("a link"),
            "z\\n::error::.toml is a symbolic link",
        ),
    ];
    for (name, make, sentence) in cases {
        let folder = manifests();
        make(&folder.path().join("manifests").join(name));
        let (is_success, stderr) = package(&folder.path().join("manifests"));
        assert!(!is_success && stderr.contains(sentence) && !stderr.contains("root:"), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let folder = manifests();
    symlink(folder.path().join("manifests"), folder.path().join("linked")).expect("a link");
    let (is_success, stderr) = package(&folder.path().join("linked"));
    assert!(!is_success && stderr.contains("linked is a symbolic link"), "{stderr}");
    fs::remove_file(folder.path().join("manifests/keyrota.toml")).expect("a removed file");
    let (is_success, stderr) = package(&folder.path().join("manifests"));
    assert!(!is_success && stderr.contains("there are no manifests in "), "{stderr}");
}

#[test]
fn no_more_than_keyrota_would_load_is_packed() {
    let folder = manifests();
    let write = |count: usize, size: usize| {
        for number in 0..count {
            fs::write(folder.path().join(format!("manifests/{number}.toml")), " ".repeat(size)).expect("a file");
        }
    };
    write(9, 1 << 20);
    let (is_success, stderr) = package(&folder.path().join("manifests"));
    assert!(!is_success && stderr.contains("are together larger than 8388608 bytes"), "{stderr}");
    write(1_000, 0);
    let (is_success, stderr) = package(&folder.path().join("manifests"));
    assert!(!is_success && stderr.contains("holds more than 1000 manifests and templates"), "{stderr}");
}

/// Sound manifests get further: to what the build needs.
#[test]
fn sound_manifests_are_packed() {
    let folder = manifests();
    let (is_success, stderr) = package(&folder.path().join("manifests"));
    assert!(!is_success && stderr.contains("cargo can't be started"), "{stderr}");
}
