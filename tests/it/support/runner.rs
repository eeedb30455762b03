//! Runs the steps of `action.yml` in order, as GitHub's runner does: expressions, files and variables.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::{expression::Context, github::TOKEN};
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
    /// The number of the workflow's run, and how often it was tried.
    pub run: (u64, u64),
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
    /// What `plan-json` names.
    pub plan: Value,
}

impl Outcome {
    #[track_caller]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("there is no output {name}: {self:?}"))
    }
}

/// Reads a YAML file. Many jobs have the same, and Python takes longer to begin than to read it.
pub fn yaml(path: &Path) -> Value {
    static READ: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());
    let text = fs::read_to_string(path).expect("a file");
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let parse = || {
        let script = "import json, sys, yaml; json.dump(yaml.load(open(sys.argv[1]), yaml.BaseLoader), sys.stdout)";
        let output = Command::new(python("workflows.txt")).arg("-c").arg(script).arg(path).output().expect("Python");
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    read.entry(text).or_insert_with(parse).clone()
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
        let mut outcome = Outcome {
            is_success: true,
            outputs: BTreeMap::new(),
            summary: String::new(),
            log: String::new(),
            plan: Value::Null,
        };
        let files = Files::new(folder.path(), &self.event);
        for step in action["runs"]["steps"].as_array().expect("steps") {
            assert_eq!(step["shell"], "bash");
            assert_eq!(step.get("if"), None, "a step that may be left out leaves no result");
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
                    context.set(&format!("steps.{id}.outputs.{name}"), &value);
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
        if let Ok(plan) = fs::read_to_string(outcome.output("plan-json")) {
            outcome.plan = serde_json::from_str(&plan).expect("JSON");
            // A runner keeps it until the job ends.
            let kept = self.workspace.join(".git/plan.json");
            fs::write(&kept, plan).expect("a file");
            outcome.outputs.insert("plan-json".to_owned(), kept.display().to_string());
        }
        outcome.summary = fs::read_to_string(&files.summary).unwrap_or_default();
        outcome
    }

    fn context(&self, action: &Value, inputs: &[(&str, &str)]) -> Context {
        let mut context = Context::default();
        context.set("github.token", TOKEN);
        context.set("github.action_repository", crate::repository::own_slug());
        let defaults = action["inputs"].as_object().expect("inputs");
        for (name, input) in defaults {
            let default = context.expand(input["default"].as_str().expect("a default"));
            context.set(&format!("inputs.{name}"), &default);
        }
        for (name, value) in inputs {
            assert!(defaults.contains_key(*name), "the action has no input {name}");
            context.set(&format!("inputs.{name}"), value);
        }
        context
    }

    fn runner_environment(&self, files: &Files) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.display().to_string();
        let (id, attempt) = self.run;
        vec![
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", "/nonexistent".to_owned()),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTION_PATH", path(root())),
            ("GITHUB_API_URL", self.github.to_owned()),
            ("GITHUB_SERVER_URL", self.github.to_owned()),
            ("GITHUB_EVENT_NAME", self.event_name.to_owned()),
            ("GITHUB_EVENT_PATH", path(&files.event)),
            ("GITHUB_OUTPUT", path(&files.output)),
            ("GITHUB_REPOSITORY", "example/access-keys".to_owned()),
            ("GITHUB_RUN_ATTEMPT", attempt.to_string()),
            ("GITHUB_RUN_ID", id.to_string()),
            ("GITHUB_STEP_SUMMARY", path(&files.summary)),
            ("GITHUB_WORKSPACE", path(self.workspace)),
            ("RUNNER_TEMP", path(&files.temporary)),
        ]
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
        take_pairs(&self.output)
    }
}

/// The lines `name=value` of a file, which is gone afterwards.
pub fn take_pairs(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // A step that puts nothing out has no such file.
    let _ = fs::remove_file(path);
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').expect("name=value");
        (name.to_owned(), value.to_owned())
    };
    text.lines().map(pair).collect()
}
