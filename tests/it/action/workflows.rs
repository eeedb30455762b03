//! The workflows of this repository, run step by step in clean copies, as a runner would. Stand-ins are there for what
//! takes the network, GitHub, AWS or a compiler: they are programs at the front of the path that note how they were called.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sha2::Digest;
use tempfile::TempDir;

use super::{
    expression::Context,
    github::{GitHub, TOKEN},
    runner::{Job, root, take_pairs, yaml},
};
use crate::{
    repository::{Repository, SANDBOX, SHARED, binary, own_slug},
    support::system::write_script,
};

const RULE: &str = "version = 1\n\n[[rotate]]\nusers = [\"day-100\"]\n";
const WIDER: &str = "version = 1\n\n[[rotate]]\nusers = [\"day-100\", \"spare\"]\n";

/// What a repository of manifests with these workflows looks like to a runner.
struct Runner {
    /// The commits: `main`, and `change` for pull request 7.
    origin: Repository,
    before: String,
    github: GitHub,
    variables: BTreeMap<&'static str, &'static str>,
    /// Stand-ins, what they were called with, and what is kept between jobs.
    tools: TempDir,
}

/// A finished job.
#[derive(Debug)]
struct Ran {
    is_success: bool,
    log: String,
    summary: String,
    outputs: BTreeMap<String, String>,
}

impl Runner {
    fn new(variables: &[(&'static str, &'static str)]) -> Self {
        Self::of(variables, |origin| {
            // The files of this work tree, as they would be committed; but for those that only a compiler or a reader looks at.
            let is_needed = |name: &&str| {
                !["manifests/", "src/", "tests/", "docs/", "benches/"].iter().any(|it| name.starts_with(it))
            };
            let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
            let list = Command::new("git").args(arguments).current_dir(root()).output().expect("git");
            for name in String::from_utf8_lossy(&list.stdout).lines().filter(is_needed) {
                let (from, to) = (root().join(name), origin.path().join(name));
                fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
                // A file may be listed that was just removed.
                let _ = fs::copy(from, to);
            }
            origin.write("manifests/keyrota.toml", SHARED);
            origin.write("manifests/team.toml", RULE);
            ("manifests/team.toml", WIDER.to_owned())
        })
    }

    /// A repository as it is made, and the file with which `change` differs.
    fn of(
        variables: &[(&'static str, &'static str)],
        make: impl FnOnce(&Repository) -> (&'static str, String),
    ) -> Self {
        let origin = Repository::new();
        let (file, changed) = make(&origin);
        let before = origin.commit();
        origin.git(&["checkout", "--quiet", "-b", "change"]);
        origin.write(file, &changed);
        origin.commit();
        let tools = tempfile::tempdir().expect("a temporary folder");
        let runner =
            Self { origin, before, github: GitHub::start(), variables: variables.iter().copied().collect(), tools };
        runner.stand_in();
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tools.path().join(name)
    }

    /// Programs that take the place of others.
    fn stand_in(&self) {
        fs::create_dir_all(self.path("bin")).expect("a folder");
        fs::write(self.path("sandbox.toml"), SANDBOX).expect("a file");
        let releases = format!("{}/{}/releases/download", self.github.url, own_slug());
        let (program, sandbox) = (binary(), self.path("sandbox.toml"));
        let keyrota = format!(
            "KEYROTA_RELEASES='{releases}' exec '{}' \"$@\" --sandbox '{}'",
            program.display(),
            sandbox.display()
        );
        let write = |name: &str, script: &str| {
            let path = self.path("bin").join(name);
            let note = format!("echo \"{name} $*\" >> '{}'", self.path("calls").display());
            write_script(&path, &format!("#!/bin/bash\nset -e\n{note}\n{script}\n"));
        };
        write_script(&self.path("keyrota"), &format!("#!/bin/sh\n{keyrota}\n"));
        let keyrota = self.path("keyrota");
        let keyrota = keyrota.display();
        // Building puts a keyrota where cargo would. The tests of `xtask` show that its tasks do what is done here.
        write(
            "cargo",
            &format!(
                "case $1 in\n\
                 build) [[ $* != *--target* ]] || folder=target/$TARGET/release; folder=${{folder:-target/release}}\n\
                 mkdir -p $folder; cp '{keyrota}' $folder/keyrota; chmod 755 $folder/keyrota ;;\n\
                 xtask) case $2 in\n\
                 package) [[ $3 == --arm64 && $4 == --output ]]; mkdir -p \"$(dirname \"$5\")\"; tar -cf \"$5\" manifests ;;\n\
                 bootstrap-asset) [[ $3 == --arm64 ]] || tag=$3; mkdir -p target/release-assets\n\
                 tar -czf \"target/release-assets/bootstrap-${{tag:-$4}}-${{3#--}}.tar.gz\" manifests ;;\n\
                 release-files) [[ $4 == --assets ]]; (cd \"$5\"; sha256sum -- *.tar.gz > SHA256SUMS; echo x > keyrota.rb); echo notes > \"$5/../NOTES.md\" ;;\n\
                 release-asset) mkdir -p target/release-assets\n\
                 tar -czf \"target/release-assets/keyrota-$4-$3.tar.gz\" -C \"target/$3/release\" keyrota ;;\n\
                 check-terraform) ;;\n\
                 *) echo \"cargo xtask $2 is not expected\" >&2; exit 1 ;;\nesac ;;\n\
                 check | clippy | deny | fmt | install | test) ;;\n\
                 *) echo \"cargo $1 is not expected\" >&2; exit 1 ;;\nesac"
            ),
        );
        write("rustup", "");
        write("sudo", "[[ $* == 'apt-get install'* ]]");
        write("gh", "[[ $1 == release ]]; for asset in \"${@:7}\"; do [[ -f $asset ]]; done");
        write(
            "terraform",
            "case $1 in plan) echo planned > \"${2#-out=}\"; [[ -f ${4#package=} && -f keyrota.auto.tfvars.json ]] ;; apply) [[ -f $2 ]] ;; fmt | init | validate | test) ;; *) exit 1 ;; esac",
        );
        // `python3 -m venv` would be followed by a download.
        let python = "if [[ $1 == -m && $2 == venv ]]; then mkdir -p \"$3/bin\"; printf '#!/bin/sh\\n' > \"$3/bin/pip\"; chmod 755 \"$3/bin/pip\"; else exec /usr/bin/env -S PATH=/usr/bin:/usr/local/bin:/bin python3 \"$@\"; fi";
        write("python3", python);
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    /// What the expressions of a job can name.
    fn context(&self, event_name: &str, event: &Value, commit: &str) -> Context {
        let mut context = Context::default();
        self.variables.iter().for_each(|(name, value)| context.set(&format!("vars.{name}"), value));
        context.set("github.repository", "example/access-keys");
        context.set("github.sha", commit);
        context.set("github.token", TOKEN);
        context.set("github.event_name", event_name);
        context.set("github.ref", "refs/heads/main");
        let number = event.pointer("/pull_request/number").map(Value::to_string).unwrap_or_default();
        context.set("github.event.pull_request.number", &number);
        let head = event.pointer("/pull_request/head/repo/full_name").and_then(Value::as_str).unwrap_or_default();
        context.set("github.event.pull_request.head.repo.full_name", head);
        context
    }

    /// Runs the jobs of a workflow in the order in which they need each other; those that are left out are not there.
    fn run(&self, name: &str, event_name: &str, event: &Value, commit: &str) -> BTreeMap<String, Ran> {
        let workflow = yaml(&self.origin.path().join(".github/workflows").join(name));
        let mut context = self.context(event_name, event, commit);
        let mut ran: BTreeMap<String, Ran> = BTreeMap::new();
        // One that needs another comes after it.
        let mut jobs: Vec<_> = workflow["jobs"].as_object().expect("jobs").iter().collect();
        jobs.sort_by_key(|(_, job)| job["needs"].is_string());
        for (id, job) in jobs {
            let needs = job["needs"].as_str();
            if needs.is_some_and(|needs| !ran.get(needs).is_some_and(|needed| needed.is_success)) {
                continue;
            }
            if job["if"].as_str().is_some_and(|condition| !context.holds(condition)) {
                continue;
            }
            let matrix = job.pointer("/strategy/matrix/include").and_then(Value::as_array);
            if let Some(first) = matrix.and_then(|matrix| matrix.first()).and_then(Value::as_object) {
                first
                    .iter()
                    .for_each(|(name, value)| context.set(&format!("matrix.{name}"), value.as_str().expect("text")));
            }
            let done = self.job(&workflow, job, context.clone(), event_name, event, commit);
            for (name, value) in &done.outputs {
                context.set(&format!("needs.{id}.outputs.{name}"), value);
            }
            ran.insert(id.clone(), done);
        }
        ran
    }

    fn job(
        &self,
        workflow: &Value,
        job: &Value,
        mut context: Context,
        event_name: &str,
        event: &Value,
        commit: &str,
    ) -> Ran {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workspace = folder.path().join("workspace");
        let file = |name: &str| folder.path().join(name);
        fs::create_dir(&workspace).expect("a folder");
        fs::create_dir(file("temp")).expect("a folder");
        let mut ran = Ran { is_success: true, log: String::new(), summary: String::new(), outputs: BTreeMap::new() };
        let mut paths = vec![self.path("bin").display().to_string(), std::env::var("PATH").unwrap_or_default()];
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        for table in [&workflow["env"], &job["env"]] {
            for (name, value) in table.as_object().into_iter().flatten() {
                environment.insert(name.clone(), context.expand(value.as_str().expect("text")));
            }
        }
        for step in job["steps"].as_array().expect("steps") {
            if step["if"].as_str().is_some_and(|condition| !context.holds(condition)) {
                continue;
            }
            let with = |name: &str| step["with"][name].as_str().map(|value| context.expand(value));
            if let Some(uses) = step["uses"].as_str() {
                match uses.split('@').next().expect("a name") {
                    "actions/checkout" => self.check_out(&workspace, commit, with("fetch-depth").as_deref()),
                    // That of this checkout, or a release's by its name, which downloads what `keyrota` stands in for.
                    action if action == "./" || action == own_slug() => {
                        let inputs: Vec<(String, String)> = step["with"]
                            .as_object()
                            .into_iter()
                            .flatten()
                            .map(|(name, value)| (name.clone(), context.expand(value.as_str().expect("text"))))
                            .collect();
                        let mut inputs: Vec<(&str, &str)> =
                            inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                        let downloaded = self.path("keyrota").display().to_string();
                        if action != "./" {
                            inputs.push(("binary", &downloaded));
                        }
                        let (workspace, github) = (&*workspace, &*self.github.url);
                        let action = Job {
                            workspace,
                            github,
                            event_name,
                            event: event.clone(),
                            environment: vec![],
                            run: (1, 1),
                        };
                        let outcome = action.run(&inputs);
                        ran.log += &outcome.log;
                        ran.summary += &outcome.summary;
                        if let Some(id) = step["id"].as_str() {
                            for (name, value) in &outcome.outputs {
                                context.set(&format!("steps.{id}.outputs.{name}"), value);
                            }
                        }
                        ran.is_success = outcome.is_success;
                    }
                    "aws-actions/configure-aws-credentials" => {
                        let role = with("role-to-assume").expect("a role");
                        assert!(role.starts_with("arn:aws:iam::"), "{role:?} is no role");
                        assert!(with("aws-region").is_some_and(|region| !region.is_empty()));
                        assert_eq!(job["permissions"]["id-token"], "write");
                        ran.log += &format!("assumed {role}\n");
                    }
                    "actions/upload-artifact" => {
                        assert_eq!(step["with"]["if-no-files-found"], "error");
                        let (from, to) = (workspace.join(with("path").expect("a path")), self.path("artifacts"));
                        fs::create_dir_all(&to).expect("a folder");
                        let name = to.join(with("name").expect("a name"));
                        assert!(from.is_dir(), "{} was made by nobody", from.display());
                        copy(&from, &name);
                    }
                    "actions/download-artifact" => {
                        let to = workspace.join(with("path").expect("a path"));
                        match with("name") {
                            Some(name) => copy(&self.path("artifacts").join(name), &to),
                            // All of them, merged.
                            None => fs::read_dir(self.path("artifacts"))
                                .expect("artifacts")
                                .for_each(|artifact| copy(&artifact.expect("an artifact").path(), &to)),
                        }
                    }
                    "actions/attest-build-provenance" => {
                        let sums = workspace.join(with("subject-checksums").expect("sums"));
                        assert!(fs::read_to_string(sums).expect("sums").contains(".tar.gz"));
                    }
                    "hashicorp/setup-terraform" => {}
                    other => panic!("there is nothing that stands in for {other}"),
                }
            } else {
                let script = file("step.sh");
                fs::write(&script, context.expand(step["run"].as_str().expect("a script"))).expect("a file");
                let mut command = Command::new("bash");
                command.arg("-e").arg(&script).env_clear().envs(&environment);
                for (name, value) in step["env"].as_object().into_iter().flatten() {
                    command.env(name, context.expand(value.as_str().expect("text")));
                }
                let inside =
                    step["working-directory"].as_str().or(job["defaults"]["run"]["working-directory"].as_str());
                let variables = [
                    ("PATH", paths.join(":")),
                    ("HOME", file("temp").display().to_string()),
                    ("GITHUB_ACTIONS", "true".to_owned()),
                    ("GITHUB_ENV", file("env").display().to_string()),
                    ("GITHUB_OUTPUT", file("output").display().to_string()),
                    ("GITHUB_PATH", file("path").display().to_string()),
                    ("GITHUB_REF_NAME", format!("v{}", env!("CARGO_PKG_VERSION"))),
                    ("GITHUB_WORKSPACE", workspace.display().to_string()),
                    ("RUNNER_TEMP", file("temp").display().to_string()),
                ];
                let output = command.envs(variables).current_dir(workspace.join(inside.unwrap_or("."))).output();
                let output = output.expect("bash is installed");
                ran.log += &String::from_utf8_lossy(&output.stdout);
                ran.log += &String::from_utf8_lossy(&output.stderr);
                ran.is_success = output.status.success();
                environment.extend(take_pairs(&file("env")));
                for path in fs::read_to_string(file("path")).unwrap_or_default().lines() {
                    paths.insert(0, path.to_owned());
                }
                if let Some(id) = step["id"].as_str() {
                    for (name, value) in take_pairs(&file("output")) {
                        context.set(&format!("steps.{id}.outputs.{name}"), &value);
                    }
                }
            }
            if !ran.is_success {
                ran.log += &format!("failed: {step}\n");
                break;
            }
        }
        for (name, value) in job["outputs"].as_object().into_iter().flatten() {
            ran.outputs.insert(name.clone(), context.expand(value.as_str().expect("an expression")));
        }
        ran
    }

    fn check_out(&self, workspace: &Path, commit: &str, depth: Option<&str>) {
        let git = |arguments: &[&str]| crate::repository::git(workspace, arguments);
        git(&["init", "--quiet", "--initial-branch=main", "."]);
        git(&["remote", "add", "origin", &format!("file://{}", self.origin.path().display())]);
        let depth = match depth.unwrap_or("1") {
            "0" => vec![],
            depth => vec![format!("--depth={depth}")],
        };
        let depth: Vec<&str> = depth.iter().map(String::as_str).collect();
        git(&[&["fetch", "--quiet"], &depth[..], &["origin", commit]].concat());
        git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    }

    /// Main as it is when the pull request was merged, and the event of that push.
    fn merged(&self) -> (Value, String) {
        let commit = self.origin.git(&["rev-parse", "change"]);
        self.origin.git(&["update-ref", "refs/heads/main", &commit]);
        let event = json!({
            "before": self.before, "after": commit, "head_commit": { "id": commit },
            "repository": { "full_name": "example/access-keys", "private": true },
        });
        (event, commit)
    }

    /// The merge commit of pull request 7, and its event.
    fn pull_request(&self, head: &str) -> (Value, String) {
        let sha = self.origin.git(&["rev-parse", "change"]);
        self.origin.git(&["checkout", "--quiet", "--detach", "main"]);
        self.origin.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "change"]);
        self.origin.git(&["update-ref", "refs/pull/7/merge", "HEAD"]);
        let event = json!({
            "pull_request": { "number": 7, "head": { "sha": sha, "repo": { "full_name": head } } },
            "repository": { "full_name": "example/access-keys", "private": true },
        });
        (event, "refs/pull/7/merge".to_owned())
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        // Artifacts keep no permissions.
        fs::set_permissions(to.join(entry.file_name()), fs::Permissions::from_mode(0o644)).expect("a file");
    }
}

const VARIABLES: [(&str, &str); 3] = [
    ("KEYROTA_PLAN_ROLE", "arn:aws:iam::111122223333:role/keyrota-plan"),
    ("KEYROTA_DEPLOY_ROLE", "arn:aws:iam::111122223333:role/keyrota-deploy"),
    ("KEYROTA_REGION", "eu-west-1"),
];

#[test]
fn a_push_is_planned_approved_and_applied() {
    let runner = Runner::new(&VARIABLES);
    let (event, commit) = runner.merged();
    let ran = runner.run("apply.yml", "push", &event, &commit);
    let plan = &ran["plan"];
    assert!(plan.is_success, "{}", plan.log);
    // Who approves finds the plan in the summary, as the change of this push.
    assert!(plan.summary.contains("1 to delete") && plan.summary.contains("Compared with"), "{}", plan.summary);
    assert!(plan.outputs["digest"].starts_with("r2:"), "{plan:?}");
    assert!(plan.log.contains("assumed arn:aws:iam::111122223333:role/keyrota-plan"), "{}", plan.log);
    let apply = &ran["apply"];
    assert!(apply.is_success, "{}", apply.log);
    let (first, second) = (apply.log.find("role/keyrota-plan"), apply.log.find("role/keyrota-deploy"));
    let confirmed = apply.log.find("The plan does nothing beyond what was approved.");
    assert!(first < confirmed && confirmed < second, "first what can only read: {}", apply.log);
    let calls = runner.calls();
    assert!(calls.contains("terraform apply ") && calls.contains("cargo xtask package --arm64"), "{calls}");
    // What goes along is what the commit holds.
    let package = fs::read(runner.path("artifacts/package/keyrota.zip")).expect("a package");
    assert!(String::from_utf8_lossy(&package).contains(WIDER));
    // The reviewers come after the plan and before anything is changed.
    let workflow = yaml(&root().join(".github/workflows/apply.yml"));
    assert_eq!(workflow["jobs"]["apply"]["environment"], "production");
    assert_eq!(workflow["jobs"]["plan"].get("environment"), None);
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], "false");
}

/// Between the plan and the approval something becomes due that nobody approved, or the package is another.
#[test]
fn nothing_but_what_was_approved_is_applied() {
    for what in ["account", "package"] {
        let runner = Runner::new(&VARIABLES);
        let (event, commit) = runner.merged();
        let workflow = yaml(&root().join(".github/workflows/apply.yml"));
        let context = runner.context("push", &event, &commit);
        let plan = runner.job(&workflow, &workflow["jobs"]["plan"], context.clone(), "push", &event, &commit);
        assert!(plan.is_success, "{}", plan.log);
        let mut context = context;
        plan.outputs.iter().for_each(|(name, value)| context.set(&format!("needs.plan.outputs.{name}"), value));
        match what {
            "account" => {
                let other = SANDBOX.replace("AKIAEXAMPLEDAY100KEY", "AKIAEXAMPLEDAY100NEW");
                let other = other.replace("AKIAEXAMPLESPAREOLD1", "AKIAEXAMPLESPAREOLD9");
                fs::write(runner.path("sandbox.toml"), other).expect("a file");
            }
            _ => fs::write(runner.path("artifacts/package/keyrota.zip"), "other").expect("a file"),
        }
        let apply = runner.job(&workflow, &workflow["jobs"]["apply"], context, "push", &event, &commit);
        assert!(!apply.is_success, "{what}: {}", apply.log);
        assert!(!apply.log.contains("role/keyrota-deploy"), "{what}: {}", apply.log);
        assert!(!runner.calls().contains("terraform"), "{what}: {}", runner.calls());
        if what == "account" {
            assert!(apply.log.contains("AKIAEXAMPLESPAREOLD9"), "it says what: {}", apply.log);
        }
    }
}

#[test]
fn a_pull_request_is_planned() {
    let runner = Runner::new(&VARIABLES);
    let (event, commit) = runner.pull_request("example/access-keys");
    let ran = runner.run("plan.yml", "pull_request", &event, &commit);
    assert!(ran["plan"].is_success && ran["plan"].log.contains("role/keyrota-plan"), "{}", ran["plan"].log);
    let comments = runner.github.comments();
    assert!(comments.len() == 1 && comments[0].body.contains("1 to delete"), "{comments:?}");
    // From a fork only the manifests are checked, with no role, whatever variables there are.
    for variables in [&VARIABLES[..], &[]] {
        let runner = Runner::new(variables);
        let (event, commit) = runner.pull_request("someone/access-keys");
        let ran = runner.run("plan.yml", "pull_request", &event, &commit);
        assert!(ran["plan"].is_success && !ran["plan"].log.contains("assumed"), "{}", ran["plan"].log);
        assert!(ran["plan"].summary.contains("the manifests are valid"), "{}", ran["plan"].summary);
        assert_eq!(runner.github.comments().len(), 0);
    }
}

/// What `init` writes needs no checkout of keyrota and no compiler: a release is downloaded, and Terraform takes the layer.
#[test]
fn a_repository_from_init_plans_and_ships() {
    let runner = Runner::of(&VARIABLES, |origin| {
        let arguments = ["init", "--sandbox", "sandbox.toml", "--github", "example/access-keys", "--terraform"];
        let made =
            Command::new(binary()).args(arguments).current_dir(origin.path()).env_clear().output().expect("keyrota");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let shared = fs::read_to_string(origin.path().join("manifests/keyrota.toml")).expect("what is shared");
        let decided = shared.replace("# fallback = ", "fallback = ");
        assert_ne!(decided, shared);
        ("manifests/keyrota.toml", decided)
    });
    let folder = |name: &str| fs::read_dir(runner.origin.path().join(name)).expect("a folder").count();
    assert_eq!((folder(".github/workflows"), folder("terraform")), (2, 1));
    assert!(!runner.origin.path().join("Cargo.toml").exists());
    let version = env!("CARGO_PKG_VERSION");
    let release = format!("/{}/releases/download/v{version}", own_slug());
    let asset = format!("bootstrap-v{version}-aarch64-unknown-linux-gnu.tar.gz");
    fs::write(runner.path("bootstrap"), "#!/bin/sh\n").expect("a file");
    let packed =
        Command::new("tar").args(["-czf", "asset.tar.gz", "bootstrap"]).current_dir(runner.tools.path()).status();
    assert!(packed.expect("tar").success());
    let bytes = fs::read(runner.path("asset.tar.gz")).expect("an archive");
    runner.github.add_asset(&format!("{release}/{asset}"), &bytes);
    let sums = format!("{}  {asset}\n", hex::encode(sha2::Sha256::digest(&bytes)));
    runner.github.add_asset(&format!("{release}/SHA256SUMS"), sums.as_bytes());

    let (event, commit) = runner.pull_request("example/access-keys");
    let ran = runner.run("keyrota-plan.yml", "pull_request", &event, &commit);
    assert!(ran["plan"].is_success, "{}", ran["plan"].log);
    let comments = runner.github.comments();
    assert!(comments.len() == 1 && comments[0].body.contains("to create"), "{comments:?}");

    let (event, commit) = runner.merged();
    let ran = runner.run("keyrota-apply.yml", "push", &event, &commit);
    assert!(ran["plan"].is_success, "{}", ran["plan"].log);
    assert!(ran["apply"].is_success, "{}", ran["apply"].log);
    let calls = runner.calls();
    assert!(calls.contains("terraform apply ") && !calls.contains("cargo") && !calls.contains("rustup"), "{calls}");
    let package = fs::File::open(runner.path("artifacts/package/keyrota.zip")).expect("a package");
    let package = zip::ZipArchive::new(package).expect("a zip file");
    let names: Vec<_> = package.file_names().map(|name| name.expect("a name")).collect();
    assert!(names.iter().any(|name| name == "manifests/users.toml"), "{names:?}");
    // Who opens a pull request reads these files: what is pinned there is what this repository pins.
    let paths: Vec<PathBuf> = ["keyrota-apply.yml", "keyrota-plan.yml"]
        .map(|name| runner.origin.path().join(".github/workflows").join(name))
        .into();
    let (findings, _) = super::lint::actionlint(&paths);
    assert_eq!(findings, Vec::<String>::new());
    let mut pins: BTreeMap<String, String> = BTreeMap::new();
    for path in super::lint::workflows().iter().chain(&paths) {
        let text = fs::read_to_string(path).expect("a workflow");
        for line in text.lines().filter(|line| line.contains("uses: ") && line.contains(" # v")) {
            let (action, pin) = line.trim().trim_start_matches("- uses: ").split_once('@').expect("a pin");
            assert_eq!(pins.entry(action.to_owned()).or_insert_with(|| pin.to_owned()), pin, "{action}");
        }
    }
}

/// A fork without an account of its own gets no failed runs.
#[test]
fn without_variables_it_is_quiet() {
    let runner = Runner::new(&[]);
    let (event, commit) = runner.pull_request("example/access-keys");
    assert_eq!(runner.run("plan.yml", "pull_request", &event, &commit).len(), 0);
    let (event, commit) = runner.merged();
    assert_eq!(runner.run("apply.yml", "push", &event, &commit).len(), 0);
    assert_eq!(runner.calls(), "");
}

/// The scripts exist, run in a clean copy, and hand on what the next one needs.
#[test]
fn the_release() {
    let runner = Runner::new(&[]);
    let (event, commit) = runner.merged();
    let ran = runner.run("release.yml", "push", &event, &commit);
    for (name, job) in &ran {
        assert!(job.is_success, "{name}: {}", job.log);
    }
    assert_eq!(ran.keys().collect::<Vec<_>>(), ["bootstrap", "build", "describe", "publish"]);
    let created = runner
        .calls()
        .lines()
        .rev()
        .find(|line| line.starts_with("gh release create v"))
        .expect("a release")
        .to_owned();
    for file in ["bootstrap-v", "keyrota-v", "SHA256SUMS", "keyrota.rb", "--notes-file NOTES.md"] {
        assert!(created.contains(file), "{file}: {created}");
    }
}

#[test]
fn what_runs_on_every_push() {
    let runner = Runner::new(&[]);
    let (event, commit) = runner.merged();
    let ran = runner.run("ci.yml", "push", &event, &commit);
    assert_eq!(ran.keys().collect::<Vec<_>>(), ["dependencies", "macos", "terraform", "test", "windows"]);
    for (name, job) in &ran {
        assert!(job.is_success, "{name}: {}", job.log);
    }
    for call in ["cargo test --locked\n", "cargo xtask check-terraform\n", "cargo deny --locked "] {
        assert!(runner.calls().contains(call), "{}", runner.calls());
    }
}

/// None is forgotten.
#[test]
fn every_workflow_is_run_here() {
    let names: Vec<String> = super::lint::workflows()
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["apply.yml", "ci.yml", "plan.yml", "release.yml"]);
}
