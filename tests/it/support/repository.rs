//! A git repository for tests, with the command beside it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{LazyLock, Mutex, PoisonError},
};

use tempfile::TempDir;

use crate::system::program;

/// The users of every case that needs some: keys are as old on 2026-11-23 as their user's name says. `spare` and
/// `spare-busy` have two.
pub const SANDBOX: &str = r#"
now = 2026-11-23T08:00:00Z
account = "111122223333"
region = "eu-west-1"

[[users]]
name = "day-10"
keys = [{ id = "AKIAEXAMPLEDAY010KEY", created = 2026-11-13T08:00:00Z }]

[[users]]
name = "day-50"
keys = [{ id = "AKIAEXAMPLEDAY050KEY", created = 2026-10-04T08:00:00Z }]

[[users]]
name = "day-70"
keys = [{ id = "AKIAEXAMPLEDAY070KEY", created = 2026-09-14T08:00:00Z }]

[[users]]
name = "day-100"
keys = [{ id = "AKIAEXAMPLEDAY100KEY", created = 2026-08-15T08:00:00Z }]

[[users]]
name = "spare"
keys = [
    { id = "AKIAEXAMPLESPAREOLD1", created = 2026-01-01, status = "inactive" },
    { id = "AKIAEXAMPLESPARENEW2", created = 2026-07-01 },
]

[[users]]
name = "spare-busy"
keys = [
    { id = "AKIAEXAMPLEBUSYONE01", created = 2026-01-01, last-used = 2026-11-23 },
    { id = "AKIAEXAMPLEBUSYTWO02", created = 2026-02-01, last-used = 2026-11-23 },
]
"#;

/// What every version of the manifests shares.
pub const SHARED: &str = "version = 1\n\n[defaults]\nmax-age = \"90d\"\nnotify = []\nrotate-ahead = \"0d\"\nquiet = \"2d\"\n\n[schedule]\nenforce = \"cron(0 8 1 * ? *)\"\n";

/// keyrota's own repository, `OWNER/REPO`, as `Cargo.toml` names it.
pub fn own_slug() -> &'static str {
    keyrota::init::REPOSITORY.strip_prefix("https://github.com/").expect("a repository on GitHub")
}

/// A work tree and its repository; removed when dropped.
pub struct Repository {
    folder: TempDir,
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Repository {
    /// Empty, on branch `main`, beside the sandbox of [`SANDBOX`], which is not committed.
    pub fn new() -> Self {
        let repository = Self { folder: folder() };
        repository.git(&["init", "--quiet", "--initial-branch=main", "--template=", "."]);
        repository.write(".git/info/exclude", "/sandbox.toml\n");
        repository.write("sandbox.toml", SANDBOX);
        repository
    }

    /// [`Self::new`] with one commit: [`SHARED`] and a rule.
    pub fn with_rule(rule: &str) -> Self {
        // Copies of one for each rule: git starts four times for it, and tests make hundreds.
        static MADE: Mutex<BTreeMap<String, Vec<Entry>>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = made.entry(rule.to_owned()).or_insert_with(|| {
            let first = Self::new();
            first.write("manifests/keyrota.toml", SHARED);
            first.write("manifests/team.toml", &format!("version = 1\n\n{rule}"));
            first.commit();
            let mut entries = Vec::new();
            collect(first.path(), Path::new(""), &mut entries);
            entries
        });
        let repository = Self { folder: folder() };
        for (path, content) in entries {
            let path = repository.path().join(path);
            let made = content.as_ref().map_or_else(|| fs::create_dir(&path), |content| fs::write(&path, content));
            made.expect("a writable folder");
        }
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Commits everything and returns the commit's id.
    pub fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git, which must succeed, and returns what it printed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments)
    }

    /// Runs keyrota in the work tree.
    pub fn keyrota(&self, arguments: &[&str]) -> Ran {
        keyrota(self.path(), arguments)
    }

    /// Plans with the sandbox.
    pub fn plan(&self, arguments: &[&str]) -> Ran {
        let sandbox = self.path().join("sandbox.toml");
        let plan = ["plan", "--sandbox", sandbox.to_str().expect("a UTF-8 path")];
        self.keyrota(&[&plan[..], arguments].concat())
    }

    /// [`Self::plan`] as JSON, which must succeed.
    #[track_caller]
    pub fn plan_json(&self, arguments: &[&str]) -> serde_json::Value {
        let ran = self.plan(&[&["--format", "json"][..], arguments].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str(&ran.stdout).expect("JSON")
    }
}

/// In memory, where the system has a place there: git makes and removes thousands of files, and ext4 looks through all that were
/// removed lately whenever it makes one. Programs may not be allowed to run there.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// A path, and what the file holds; `None`: it is a folder.
type Entry = (PathBuf, Option<Vec<u8>>);

/// What is below a folder, parents first.
fn collect(root: &Path, below: &Path, entries: &mut Vec<Entry>) {
    for entry in fs::read_dir(root.join(below)).expect("a folder") {
        let path = below.join(entry.expect("an entry").file_name());
        let is_folder = root.join(&path).is_dir();
        entries.push((path.clone(), (!is_folder).then(|| fs::read(root.join(&path)).expect("a file"))));
        if is_folder {
            collect(root, &path, entries);
        }
    }
}

/// Runs git without anyone's configuration; it must succeed.
#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = git_command(folder).args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn git_command(folder: &Path) -> Command {
    // By its path: with an environment of its own, a command that is to be looked up starts as a copy of this whole process.
    static GIT: LazyLock<PathBuf> = LazyLock::new(|| program(&["git"], "git"));
    let mut command = Command::new(&*GIT);
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs([
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_AUTHOR_DATE", "2026-11-23T08:00:00Z"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_DATE", "2026-11-23T08:00:00Z"),
    ]);
    // What is thrown away after the test is neither packed, nor compressed, nor waited for until it is on the disk.
    let settings = [("maintenance.auto", "false"), ("core.looseCompression", "0"), ("core.fsync", "none")];
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (number, (name, value)) in settings.into_iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{number}"), name).env(format!("GIT_CONFIG_VALUE_{number}"), value);
    }
    command
}

pub fn keyrota(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).env_clear().env("HOME", "/nonexistent");
    ran(&command.output().expect("the binary runs"))
}

pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_keyrota"))
}

pub fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
