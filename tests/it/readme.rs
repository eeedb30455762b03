//! What README and docs show is what the command prints, and every command in them runs: block by block, in order.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A document, and how far the commands in it have got.
struct Walk {
    folder: tempfile::TempDir,
    commands: usize,
    shown: usize,
}

/// What is run elsewhere: it needs an account, a network or another program.
const ELSEWHERE: &[&str] = &[
    "aws ",
    "pip ",
    "terraform ",
    "cargo install",
    "cargo binstall",
    "cargo xtask",
    "cargo test",
    "cargo bench",
    "brew ",
    "curl ",
    "sudo ",
    "tar ",
    "jq ",
    "git ",
    "sha256sum ",
    "keyrota init",
    "keyrota capture",
    "keyrota doctor",
    "keyrota package",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_block_runs_and_shows_what_is_printed() {
    let docs = fs::read_dir(root().join("docs")).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
    let mut names: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    names.sort();
    let names = names.iter().map(|path| path.strip_prefix(root()).expect("within").display().to_string());
    let (mut commands, mut shown) = (0, 0);
    for name in ["README.md".to_owned()].into_iter().chain(names) {
        let mut walk = Walk::new();
        for block in blocks(&read(&name)) {
            walk.run(&name, &block);
        }
        commands += walk.commands;
        shown += walk.shown;
    }
    assert!(commands >= 14 && shown >= 2, "{commands} commands, {shown} with their output: the documents have changed");
}

/// A block: the word after its fence, and its lines; `None` is one that is set in.
struct Block {
    kind: Option<String>,
    lines: Vec<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut fence, mut was_set_in) = (false, false);
    for line in text.lines() {
        let set_in = !fence && line.starts_with("    ");
        if was_set_in && line.trim().is_empty() {
            // An empty line may stand within a block.
            blocks.last_mut().expect("it goes on").lines.push(String::new());
            continue;
        }
        if let Some(kind) = line.strip_prefix("```") {
            fence = !fence;
            if fence {
                blocks.push(Block { kind: Some(kind.to_owned()), lines: Vec::new() });
            }
        } else if fence {
            blocks.last_mut().expect("the fence began one").lines.push(line.to_owned());
        } else if set_in {
            if !was_set_in {
                blocks.push(Block { kind: None, lines: Vec::new() });
            }
            blocks.last_mut().expect("just begun").lines.push(line[4..].to_owned());
        }
        was_set_in = set_in;
    }
    blocks
}

impl Walk {
    /// A repository with the manifests and the example of this one, as it is upstream and at a tag.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&root().join("manifests"), &folder.path().join("manifests"));
        copy(&root().join("examples"), &folder.path().join("examples"));
        fs::create_dir_all(folder.path().join("terraform/environments/prod")).expect("a folder");
        let git = |arguments: &[&str]| crate::support::repository::git(folder.path(), arguments);
        git(&["init", "--quiet", "--initial-branch=main", "."]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", "manifests"]);
        git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        git(&["tag", "v3"]);
        fs::copy(root().join("examples/sandbox.toml"), folder.path().join("account.toml")).expect("a file");
        Self { folder, commands: 0, shown: 0 }
    }

    fn run(&mut self, name: &str, block: &Block) {
        match block.kind.as_deref() {
            Some("console") => self.console(name, &block.lines),
            Some("toml") => self.toml(name, &block.lines.join("\n")),
            // A continued line is one command.
            None if block.lines[0].starts_with("version = 1") => self.toml(name, &block.lines.join("\n")),
            // What a page shows is no command.
            None if ["keyrota:", "fields ", "filter "].iter().any(|start| block.lines[0].starts_with(start)) => {}
            None => {
                let lines = block.lines.join("\n").replace("\\\n", " ");
                for line in lines.lines().filter(|line| !line.is_empty()) {
                    let is_command = |word: &str| line.starts_with(word);
                    if ["cargo run -- ", "keyrota ", "cp "].into_iter().any(is_command) {
                        self.command(name, line);
                    } else {
                        let is_variable = line.split_once('=').is_some_and(|(name, _)| {
                            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                        });
                        let is_known = is_variable || ELSEWHERE.iter().any(|start| line.starts_with(start));
                        // What is set in and no command is what one prints, or a query.
                        assert!(
                            is_known || line.starts_with("keyrota:") || line.starts_with("fields "),
                            "{name}: {line}"
                        );
                    }
                }
            }
            Some(_) => {}
        }
    }

    /// A command, and what a console shows below it.
    fn console(&mut self, name: &str, lines: &[String]) {
        let mut commands: Vec<(&str, String)> = Vec::new();
        for line in lines {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command, String::new())),
                (None, Some((_, shown))) => *shown += &format!("{line}\n"),
                (None, None) => panic!("{name}: output without a command: {line}"),
            }
        }
        for (command, shown) in commands {
            if ELSEWHERE.iter().any(|start| command.starts_with(start)) {
                continue;
            }
            // A mistake is shown on a folder that has it.
            let printed = if command == "keyrota check" { mistake() } else { self.printed(name, command).1 };
            assert_eq!(printed, shown, "{name}: {command}");
            self.shown += 1;
        }
    }

    /// A command that must work.
    fn command(&mut self, name: &str, line: &str) {
        if ELSEWHERE.iter().any(|start| line.starts_with(start)) {
            return;
        }
        let (code, printed) = self.printed(name, line);
        assert_eq!(code, Some(0), "{name}: {line}\n{printed}");
        // A digest that is shown is that of the plan.
        if let Some(digest) =
            line.split_whitespace().find(|word| word.starts_with("r2:") && line.contains("plan --json-into"))
        {
            let plan = fs::read_to_string(self.folder.path().join("plan.json")).expect("a plan");
            assert!(plan.contains(&format!("\"{digest}\"")), "{name}: {line}\n{plan}");
        }
        self.commands += 1;
    }

    /// Runs it as the reader does, with the example for an account.
    fn printed(&self, name: &str, line: &str) -> (Option<i32>, String) {
        let line = line.split(" # ").next().unwrap_or(line).trim();
        let scratch = self.folder.path().join("scratch").display().to_string();
        let line = line.replace("/tmp/rehearsal.toml", &format!("{scratch}.toml"));
        let mut words = shlex::split(&line).unwrap_or_else(|| panic!("{name}: {line}"));
        let mut command = if line.starts_with("cp ") {
            let mut command = Command::new("cp");
            command.args(&words[1..]);
            command
        } else {
            let skipped = if line.starts_with("cargo run -- ") { 3 } else { 1 };
            words.drain(..skipped);
            let looks =
                ["plan", "apply", "status", "report", "forecast", "explain", "action"].contains(&words[0].as_str());
            if looks && !words.iter().any(|word| word == "--sandbox") {
                words.extend(["--sandbox", "account.toml"].map(str::to_owned));
            }
            if words[0] == "apply" && !words.iter().any(|word| word == "--yes") {
                words.push("--yes".to_owned());
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_keyrota"));
            command.args(&words).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command
        };
        let output = command.current_dir(self.folder.path()).output().expect("it runs");
        // A console shows both.
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
    }

    /// Manifests are valid as they stand: whole files by their names, a whole file, or what is added to a rule.
    fn toml(&mut self, name: &str, text: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let manifests = folder.path().join("manifests");
        fs::create_dir(&manifests).expect("a folder");
        let named: Vec<&str> = text.split("# manifests/").skip(1).collect();
        for part in &named {
            let (file, text) = part.split_once('\n').expect("a name and a text");
            fs::write(manifests.join(file), text).expect("a file");
        }
        if named.is_empty() {
            let rule = "version = 1\n[[rotate]]\nusers = [\"ci\"]\nnotify = []\n";
            let text = if text.contains("version = 1") { text.to_owned() } else { format!("{rule}{text}\n") };
            fs::write(manifests.join("keyrota.toml"), text).expect("a file");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrota"));
        let output = command.arg("check").current_dir(folder.path()).env_clear().output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}:\n{text}\n{said}");
        self.commands += 1;
    }
}

/// What `check` says of a misspelt key.
fn mistake() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("manifests")).expect("a folder");
    let manifest = "version = 1\n\n[[rotate]]\nusers = [\"my-test-user\"]\nmax-agee = \"90d\"\nnotify = []\n";
    fs::write(folder.path().join("manifests/my-team.toml"), manifest).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrota"));
    let output = command.arg("check").current_dir(folder.path()).env_clear().output().expect("it runs");
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file");
    }
}
