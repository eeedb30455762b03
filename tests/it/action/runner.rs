//! Runs the steps of `action.yml` in order, as GitHub's runner does: expressions, files and variables.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::github::TOKEN;
use crate::emulator::python;

/// A job in which the action is one step.
pub struct Job<'a> {
    pub workspace: &'a Path,
    /// Where GitHub listens.
    pub github: &'a str,
    pub event_name: &'a str,
    pub event: Value,
    /// What earlier steps of the job have set, e.g. credentials.
    pub environment: Vec<(&'static str, String)>,
}

/// What became of a run of the action.
#[derive(Debug)]
pub struct Outcome {
    pub is_success: bool,
    pub outputs: BTreeMap<String, String>,
    /// The summary of the job.
    pub summary: String,
    /// What the job's log shows.
    pub log: String,
}

impl Outcome {
    #[track_caller]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("there is no output {name}: {self:?}"))
    }
}

/// Reads a YAML file.
pub fn yaml(path: &Path) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.load(open(sys.argv[1]), yaml.BaseLoader), sys.stdout)";
    let output = Command::new(python("workflows.txt")).arg("-c").arg(script).arg(path).output().expect("Python");
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Job<'_> {
    /// Runs the action with these inputs.
    pub fn run(&self, inputs: &[(&str, &str)]) -> Outcome {
        let action = yaml(&root().join("action.yml"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut context = self.context(&action, inputs);
        let mut outcome =
            Outcome { is_success: true, outputs: BTreeMap::new(), summary: String::new(), log: String::new() };
        let files = Files::new(folder.path(), &self.event);
        for step in action["runs"]["steps"].as_array().expect("steps") {
            assert_eq!(step["shell"], "bash");
            assert_eq!(step.get("if"), None, "this runner knows no conditions");
            let script = folder.path().join("step.sh");
            fs::write(&script, step["run"].as_str().expect("a script")).expect("a file");
            let environment = step["env"].as_object().expect("an environment").iter();
            let environment = environment.map(|(name, value)| (name, context.expand(value.as_str().expect("text"))));
            let output = Command::new("bash")
                .args(["--noprofile", "--norc", "-eo", "pipefail"])
                .arg(&script)
                .current_dir(self.workspace)
                .env_clear()
                .envs(self.runner_environment(&files))
                .envs(self.environment.iter().map(|(name, value)| (*name, value)))
                .envs(environment)
                .output()
                .expect("bash is installed");
            outcome.log += &String::from_utf8_lossy(&output.stdout);
            outcome.log += &String::from_utf8_lossy(&output.stderr);
            if let Some(id) = step["id"].as_str() {
                for (name, value) in files.take_outputs() {
                    context.0.insert(format!("steps.{id}.outputs.{name}"), value);
                }
            }
            if !output.status.success() {
                outcome.is_success = false;
                break;
            }
        }
        for (name, output) in action["outputs"].as_object().expect("outputs") {
            let value = context.expand(output["value"].as_str().expect("an expression"));
            outcome.outputs.insert(name.clone(), value);
        }
        outcome.summary = fs::read_to_string(&files.summary).unwrap_or_default();
        outcome
    }

    fn context(&self, action: &Value, inputs: &[(&str, &str)]) -> Context {
        let mut context = Context(BTreeMap::new());
        for (name, input) in action["inputs"].as_object().expect("inputs") {
            context.0.insert(format!("inputs.{name}"), input["default"].as_str().expect("a default").to_owned());
        }
        for (name, value) in inputs {
            let known = context.0.insert(format!("inputs.{name}"), (*value).to_owned());
            assert!(known.is_some(), "the action has no input {name}");
        }
        context.0.insert("github.token".to_owned(), TOKEN.to_owned());
        context.0.insert("github.action_repository".to_owned(), "example/keyrota".to_owned());
        context
    }

    fn runner_environment(&self, files: &Files) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.display().to_string();
        vec![
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", "/nonexistent".to_owned()),
            // Nothing is to be left behind beside the script.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTION_PATH", path(root())),
            ("GITHUB_API_URL", self.github.to_owned()),
            ("GITHUB_SERVER_URL", self.github.to_owned()),
            ("GITHUB_EVENT_NAME", self.event_name.to_owned()),
            ("GITHUB_EVENT_PATH", path(&files.event)),
            ("GITHUB_OUTPUT", path(&files.output)),
            ("GITHUB_REPOSITORY", "example/access-keys".to_owned()),
            ("GITHUB_STEP_SUMMARY", path(&files.summary)),
            ("GITHUB_WORKSPACE", path(self.workspace)),
            ("RUNNER_TEMP", path(&files.temporary)),
        ]
    }
}

/// The values that expressions can name.
struct Context(BTreeMap<String, String>);

impl Context {
    /// Replaces each `${{ … }}`. What a step did not put out is empty, as on GitHub; any other name is a mistake.
    fn expand(&self, text: &str) -> String {
        let Some((before, rest)) = text.split_once("${{") else { return text.to_owned() };
        let (name, after) = rest.split_once("}}").expect("an expression that ends");
        let name = name.trim();
        let value = self.0.get(name).cloned();
        let value = value.or_else(|| name.starts_with("steps.").then(String::new));
        before.to_owned() + &value.unwrap_or_else(|| panic!("the expression {name} is not known")) + &self.expand(after)
    }
}

struct Files {
    event: PathBuf,
    output: PathBuf,
    summary: PathBuf,
    temporary: PathBuf,
}

impl Files {
    fn new(folder: &Path, event: &Value) -> Self {
        let file = |name: &str| folder.join(name);
        let files = Self {
            event: file("event.json"),
            output: file("output"),
            summary: file("summary"),
            temporary: file("temp"),
        };
        fs::write(&files.event, event.to_string()).expect("a file");
        fs::create_dir(&files.temporary).expect("a folder");
        fs::write(&files.summary, "").expect("a file");
        files
    }

    /// What a step has put out; each step starts anew.
    fn take_outputs(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        // A step that puts nothing out has no such file.
        let _ = fs::remove_file(&self.output);
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').expect("name=value");
            (name.to_owned(), value.to_owned())
        };
        text.lines().map(pair).collect()
    }
}
