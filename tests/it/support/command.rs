//! The binary, in a folder of its own and with an environment that holds nothing of the person who runs the tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::emulator::TestAccount;

/// The binary under test.
pub const KEYROTA: &str = env!("CARGO_BIN_EXE_keyrota");

/// A temporary folder in which the binary runs.
pub struct Folder(tempfile::TempDir);

/// What a run of the binary left.
#[derive(Debug)]
pub struct Ran {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    /// A folder with these files, by relative path.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The binary in this folder, without an account.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(KEYROTA);
        command.env_clear();
        prepare(&mut command, self.0.path(), arguments);
        command
    }

    /// The binary in this folder, as the root of an account.
    pub fn command_in(&self, account: &TestAccount, arguments: &[&str]) -> Command {
        let mut command = account.command(KEYROTA);
        prepare(&mut command, self.0.path(), arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    pub fn run_in(&self, account: &TestAccount, arguments: &[&str]) -> Ran {
        Ran::of(self.command_in(account, arguments))
    }
}

impl Ran {
    pub fn of(mut command: Command) -> Self {
        command.output().expect("the binary runs").into()
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code}: {self:#?}");
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Checks that stderr holds these texts.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "stderr has no {text:?}: {self:#?}");
        }
        self
    }

    /// Checks that stdout holds these texts.
    #[track_caller]
    pub fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stdout.contains(text), "stdout has no {text:?}: {self:#?}");
        }
        self
    }
}

impl From<Output> for Ran {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

fn prepare(command: &mut Command, folder: &Path, arguments: &[&str]) {
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}
