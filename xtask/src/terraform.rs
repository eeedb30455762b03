//! The checks of `terraform/`.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::planned::{self, Messages};

/// A command that runs others with stand-ins for the providers.
const STANDIN: &str = "KEYROTA_TERRAFORM_STANDIN";
/// Set where the stand-ins are running.
const WITHIN: &str = "KEYROTA_TERRAFORM_WITHIN";
/// `1` where there are credentials, or something that stands in for them, to plan with; `emulator` lets an emulator of AWS
/// say who the caller is.
const PLAN: &str = "KEYROTA_TERRAFORM_PLAN";

/// See the help of `check-terraform`.
pub fn check(root: &Path) -> Result<()> {
    let standin =
        variable(STANDIN).map_or_else(|| root.join("../shared/terraform-standin/with-standin"), PathBuf::from);
    if variable(WITHIN).is_none() && is_program(&standin) {
        let mut command = Command::new(&standin);
        command.arg(env::current_exe()?).arg("check-terraform").env(WITHIN, "1").env(PLAN, "1");
        let status = command.status().with_context(|| standin.display().to_string())?;
        // What is wrong was said within.
        ensure!(status.success(), "terraform/ is not as it must be");
        return Ok(());
    }
    let emulator = match variable(PLAN).as_deref() {
        Some("emulator") => Some(Emulator::start(root)?),
        _ => None,
    };
    let plans = emulator.is_some() || variable(PLAN).as_deref() == Some("1");
    let environment = emulator.as_ref().map(Emulator::environment).unwrap_or_default();
    let terraform = Terraform { root, work: root.join("target/terraform"), environment };
    fs::create_dir_all(terraform.work.join("plugins")).context("target/terraform")?;
    terraform.run(Path::new("."), &["fmt", "-check", "-recursive", "-diff"])?;
    for folder in terraform.folders(&["modules", "layers"])? {
        ensure!(
            root.join("terraform").join(&folder).join("tests").is_dir(),
            "terraform/{} has no tests",
            folder.display()
        );
        terraform.run(&folder, &["init", "-backend=false", "-no-color"])?;
        terraform.run(&folder, &["test", "-no-color"])?;
        terraform.changes(&folder)?;
    }
    recipes(&terraform)?;
    // The scaffold is what `keyrota init --terraform` writes, with the layer beside it.
    for folder in terraform.folders(&["environments", "scaffold"])? {
        terraform.run(&folder, &["init", "-backend=false", "-no-color"])?;
        terraform.run(&folder, &["validate", "-no-color"])?;
        terraform.run(&folder, &["test", "-no-color"])?;
        let changes = terraform.changes(&folder)?;
        if plans {
            // Any file will do as the package.
            let package = format!("package={}", root.join("Cargo.toml").display());
            let plan = terraform.work.join("plan");
            let out = format!("-out={}", plan.display());
            terraform.run(&folder, &["plan", "-lock=false", "-var", &package, &out, "-no-color"])?;
            let shown = terraform.run(&folder, &["show", "-json", &plan.display().to_string()])?;
            let shown = serde_json::from_str(&shown).context("`terraform show -json`")?;
            if let Some(changes) = changes {
                let resources = planned::resources(changes.state("before")?, &shown)?;
                // The real provider has defaults of its own, which the file leaves to it.
                if variable(WITHIN).is_none() {
                    continue;
                }
                planned::check_file(&root.join("terraform").join(&folder).join("tests/planned.json"), &resources)?;
            }
        }
    }
    checkov(root)
}

/// Looks at the Terraform of docs/recipes.md: formatted, and of resources and arguments that there are.
fn recipes(terraform: &Terraform<'_>) -> Result<()> {
    let page = fs::read_to_string(terraform.root.join("docs/recipes.md")).context("docs/recipes.md")?;
    let blocks: Vec<&str> = page.split("```hcl\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    ensure!(blocks.len() >= 4, "docs/recipes.md has {} blocks of Terraform", blocks.len());
    let folder = terraform.work.join("recipes");
    fs::create_dir_all(&folder).context("target/terraform")?;
    fs::write(folder.join("recipes.tf"), blocks.join("\n")).context("target/terraform")?;
    fs::copy(terraform.root.join("xtask/recipes.tf"), folder.join("support.tf")).context("xtask/recipes.tf")?;
    terraform.run(&folder, &["fmt", "-check", "-diff"])?;
    terraform.run(&folder, &["init", "-backend=false", "-no-color"])?;
    terraform.run(&folder, &["validate", "-no-color"])?;
    Ok(())
}

struct Terraform<'a> {
    root: &'a Path,
    /// Where Terraform keeps what it needs, beside what cargo builds.
    work: PathBuf,
    /// What Terraform finds in its environment besides.
    environment: Vec<(&'static str, String)>,
}

impl Terraform<'_> {
    /// The folders of these tiers below `terraform/`, in order.
    fn folders(&self, tiers: &[&str]) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for tier in tiers {
            let mut of_tier = Vec::new();
            for entry in
                fs::read_dir(self.root.join("terraform").join(tier)).with_context(|| format!("terraform/{tier}"))?
            {
                let entry = entry?;
                if entry.path().is_dir() {
                    of_tier.push(Path::new(tier).join(entry.file_name()));
                }
            }
            of_tier.sort();
            ensure!(!of_tier.is_empty(), "terraform/{tier} is empty");
            folders.extend(of_tier);
        }
        Ok(folders)
    }

    /// Compares what the runs of `tests/changes.tftest.hcl` plan with what is committed beside it. `None`: there is no such
    /// file.
    fn changes(&self, folder: &Path) -> Result<Option<Messages>> {
        const FILE: &str = "tests/changes.tftest.hcl";
        let path = self.root.join("terraform").join(folder);
        if !path.join(FILE).is_file() {
            return Ok(None);
        }
        let filter = format!("-filter={FILE}");
        let messages = Messages::parse(&self.run(folder, &["test", "-json", "-verbose", &filter])?);
        planned::check_file(&path.join("tests/changes.json"), &messages.changes())?;
        Ok(Some(messages))
    }

    /// Runs a command of Terraform in a folder, and returns what it prints; shows it only if it fails.
    fn run(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let data = folder.to_string_lossy().replace('/', "-");
        let output = Command::new("terraform")
            .args(arguments)
            .current_dir(self.root.join("terraform").join(folder))
            .envs([("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0")])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("TF_PLUGIN_CACHE_DIR", self.work.join("plugins"))
            .env("TF_DATA_DIR", self.work.join(data))
            .output()
            .context("terraform is not installed")?;
        if !output.status.success() {
            eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            bail!("terraform {} failed in terraform/{}", arguments.join(" "), folder.display());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The emulator that keyrota's tests deploy to. Ends with this process, which holds its input.
struct Emulator {
    _process: Child,
    url: String,
}

impl Emulator {
    fn start(root: &Path) -> Result<Self> {
        let python = installed(root, "target/ministack", "tests/emulator/ministack.txt", &["--no-deps"])?;
        let mut process = Command::new(python.join("bin/python"))
            .arg(root.join("tests/emulator/deployment.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the emulator can't be started")?;
        let mut port = String::new();
        BufReader::new(process.stdout.take().context("piped")?).read_line(&mut port)?;
        ensure!(!port.trim().is_empty(), "the emulator did not start");
        Ok(Self { _process: process, url: format!("http://127.0.0.1:{}", port.trim()) })
    }

    /// Whom AWS's tools take themselves for.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", "999988887777".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

/// A virtual environment with what a list pins, made when the list has changed.
fn installed(root: &Path, environment: &str, list: &str, options: &[&str]) -> Result<PathBuf> {
    let (environment, list) = (root.join(environment), root.join(list));
    let wanted = fs::read(&list).with_context(|| list.display().to_string())?;
    let installed = environment.join("installed");
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        if environment.exists() {
            fs::remove_dir_all(&environment).with_context(|| environment.display().to_string())?;
        }
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        succeed(
            Command::new(environment.join("bin/pip"))
                .args(["install", "-q", "--no-input", "--disable-pip-version-check", "--require-hashes"])
                .args(options)
                .arg("-r")
                .arg(&list),
        )?;
        fs::write(&installed, &wanted).with_context(|| environment.display().to_string())?;
    }
    Ok(environment)
}

/// Runs checkov over `terraform/`.
fn checkov(root: &Path) -> Result<()> {
    let environment = installed(root, "target/checkov", "xtask/requirements-checkov.txt", &[])?;
    let arguments = ["--directory", ".", "--framework", "terraform", "--skip-download", "--quiet", "--compact"];
    succeed(Command::new(environment.join("bin/checkov")).args(arguments).current_dir(root.join("terraform")))
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let status = command.status().with_context(|| format!("{program} can't be started"))?;
    ensure!(status.success(), "{program} failed");
    Ok(())
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The stand-ins are scripts for a shell.
#[cfg(not(unix))]
fn is_program(_path: &Path) -> bool {
    false
}
