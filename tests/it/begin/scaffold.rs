//! What `init --github` and `--terraform` write beside the manifests. The workflows are run in `action/workflows`, and
//! Terraform validates and plans the root module, which `terraform/scaffold/root` keeps a copy of.

use std::{collections::BTreeSet, fs, path::Path};

use keyrota::init::REPOSITORY;

use crate::{command::Folder, golden::is_blessing};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `init` writes for the example account.
fn scaffold() -> Folder {
    let folder = Folder::new(&[]);
    let example = root().join("examples/sandbox.toml").display().to_string();
    let arguments = ["init", "--sandbox", &example, "--github", "example/access-keys", "--terraform"];
    folder.run(&arguments).exits(0);
    folder
}

/// Terraform itself looks at this copy (`cargo xtask check-terraform`), with the layer beside it.
#[test]
fn the_root_module_that_terraform_checks_is_what_init_writes() {
    let folder = scaffold();
    let written = folder.read("terraform/main.tf");
    assert!(written.lines().count() <= 40, "{} lines", written.lines().count());
    let version = env!("CARGO_PKG_VERSION");
    let source = format!("source = \"git::{REPOSITORY}.git//terraform/layers/rotation?ref=v{version}\"");
    assert!(written.contains(&source), "{written}");
    let local = written.replace(&source, "source = \"../../layers/rotation\"");
    let exported = folder.run(&["export", "terraform"]).exits(0).stdout;
    for (name, expected) in [("main.tf", local), ("keyrota.auto.tfvars.json", exported)] {
        let path = root().join("terraform/scaffold/root").join(name);
        if is_blessing() {
            fs::write(&path, &expected).expect("a file");
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), expected, "BLESS=1 rewrites {}", path.display());
    }
}

/// It sets what the layer requires, and nothing that the layer does not know.
#[test]
fn the_root_module_fits_the_layer() {
    let written = scaffold().read("terraform/main.tf");
    let (_, module) = written.split_once("module \"rotation\" {\n").expect("the layer");
    let (module, _) = module.split_once("\n}\n").expect("its end");
    let argument = |line: &str| line.trim().split_once(" = ").map(|(name, _)| name.trim().to_owned());
    let given: BTreeSet<String> =
        module.lines().filter(|line| !line.trim().starts_with('#')).filter_map(argument).collect();
    let variables =
        fs::read_to_string(root().join("terraform/layers/rotation/variables.tf")).expect("the layer's variables");
    for block in variables.split("\nvariable \"").skip(1) {
        let (name, rest) = block.split_once('"').expect("a name");
        let (rest, _) = rest.split_once("\n}\n").unwrap_or((rest, ""));
        let is_required = !rest.lines().any(|line| line.trim_start().starts_with("default "));
        assert!(!is_required || given.contains(name), "the layer requires {name}");
    }
    for name in given.iter().filter(|name| *name != "source") {
        assert!(variables.contains(&format!("variable \"{name}\" {{")), "the layer has no input {name}");
    }
}

#[test]
fn nothing_is_written_over_but_by_force() {
    let folder = scaffold();
    let example = root().join("examples/sandbox.toml").display().to_string();
    fs::remove_dir_all(folder.path("manifests")).expect("removed");
    folder.write("terraform/main.tf", "mine");
    let init = |rest: &[&str]| folder.run(&[&["init", "--sandbox", example.as_str()], rest].concat());
    init(&["--terraform"]).exits(1).says(&["terraform/main.tf is there already"]);
    assert_eq!(folder.read("terraform/main.tf"), "mine");
    init(&["--github", "acme/keys"]).exits(1).says(&[".github/workflows/keyrota-plan.yml is there already"]);
    assert!(!folder.path("manifests").exists());
    init(&["--terraform", "--force"]).exits(0);
    assert!(folder.read("terraform/main.tf").contains("module \"rotation\""));
    // Workflows see the folder from the root of the repository.
    init(&["--github", "acme/keys", "--force", "--manifests", "../x"])
        .exits(1)
        .says(&["workflows need a folder below this one"]);
    init(&["--github", "acme/keys", "--force", "--manifests", "./keys/iam"]).exits(0);
    let plan = folder.read(".github/workflows/keyrota-plan.yml");
    assert!(plan.contains("paths: [\"keys/iam/**\"]") && plan.contains("manifests: keys/iam\n"), "{plan}");
}

/// Who has manifests adds what is not there yet, and nothing that is there is touched.
#[test]
fn it_is_added_beside_manifests_that_are_there() {
    let folder = Folder::new(&[]);
    let example = root().join("examples/sandbox.toml").display().to_string();
    let init = |rest: &[&str]| folder.run(&[&["init", "--sandbox", example.as_str()], rest].concat());
    init(&[]).exits(0);
    let edited = folder.read("manifests/keyrota.toml").replace("90d", "45d");
    folder.write("manifests/keyrota.toml", &edited);
    let exempt = "version = 1\n[[exempt]]\nuser = \"payments-gateway\"\nreason = \"moves out\"\n";
    folder.write("manifests/mine.toml", exempt);
    // Without credentials and without a sandbox: workflows depend on no account.
    folder.run(&["init", "--github", "acme/keys"]).exits(0).shows(&[
        "Added:\n  .github/workflows/keyrota-plan.yml\n  .github/workflows/keyrota-apply.yml\n",
        "variables of acme/keys",
        "`--terraform` writes it",
    ]);
    folder.write(".github/workflows/keyrota-plan.yml", "mine");
    let page = init(&["--github", "acme/keys", "--terraform"]).exits(0);
    let page = page.shows(&["Added:\n  terraform/main.tf\n", "left as it is:\n  .github/workflows/keyrota-plan.yml\n"]);
    assert!(page.stdout.contains("the boundary") && !page.stdout.contains("roles of the workflows"), "{page:?}");
    assert!(folder.read("terraform/main.tf").contains("repository = \"acme/keys\""));
    assert_eq!(folder.read(".github/workflows/keyrota-plan.yml"), "mine");
    init(&["--github", "acme/keys", "--terraform"]).exits(1).says(&["keyrota-plan.yml is there already", "--force"]);
    // The root module of before knows nothing of another repository.
    fs::remove_dir_all(folder.path(".github")).expect("removed");
    let document = init(&["--github", "acme/other", "--format", "json"]).exits(0).json();
    assert_eq!(document["files"].as_array().map(Vec::len), Some(2), "{document}");
    let decisions = document["undecided"].to_string();
    assert!(decisions.contains("set `github = { repository = \\\"acme/other\\\" }`"), "{decisions}");
    assert_eq!(folder.read("manifests/keyrota.toml"), edited);
    assert_eq!(folder.read("manifests/mine.toml"), exempt);
    // Workflows of manifests that are not valid would fail.
    fs::remove_dir_all(folder.path(".github")).expect("removed");
    folder.write("manifests/mine.toml", "version = 1\n[[rotate]]\nuser = []\n");
    init(&["--github", "acme/keys"]).exits(1).says(&["mine.toml:3", "the manifests have 1 error"]);
    assert!(!folder.path(".github").exists());
    folder.run(&["init"]).exits(1).says(&["`--github` and `--terraform` add beside them what is not there"]);
}

#[test]
fn what_is_written_over_is_told() {
    let folder = scaffold();
    let example = root().join("examples/sandbox.toml").display().to_string();
    let force = ["init", "--force", "--sandbox", &example, "--github", "example/access-keys", "--terraform"];
    let again = folder.run(&force).exits(0);
    assert_eq!(again.stderr, "", "it says the same as before");
    let edited = folder.read("manifests/keyrota.toml").replace("90d", "45d");
    folder.write("manifests/keyrota.toml", &edited);
    folder.write("terraform/main.tf", "mine");
    let ran = folder.run(&force).exits(0).says(&[
        "warning: what these files said before is gone: manifests/keyrota.toml, terraform/main.tf",
        "hint: `git diff` shows",
    ]);
    for (line, is_over) in [("keyrota.toml", true), ("main.tf", true), ("keyrota-plan.yml", false)] {
        let line = ran.stdout.lines().find(|shown| shown.contains(line)).expect("a line for each file");
        assert_eq!(line.ends_with("written over what was there"), is_over, "{line}");
    }
    folder.write("terraform/main.tf", "mine");
    let document = folder.run(&[&force[..], &["--format", "json"]].concat()).exits(0).json();
    let files = document["files"].as_array().expect("files");
    let over: Vec<&str> =
        files.iter().filter(|file| file["written-over"] == true).filter_map(|it| it["path"].as_str()).collect();
    assert_eq!(over, ["terraform/main.tf"]);
}

/// GitHub runs the workflows at the root of a repository, and says nothing of others.
#[test]
fn workflows_go_to_the_root_of_the_repository() {
    let folder = Folder::new(&[("sub/x/file", "")]);
    crate::repository::git(&folder.path("."), &["init", "--quiet", "."]);
    let example = root().join("examples/sandbox.toml").display().to_string();
    let init = |place: &str, flags: &[&str]| {
        let mut command = folder.command(&[&["init", "--sandbox", example.as_str()], flags].concat());
        command.current_dir(folder.path(place));
        crate::command::Ran::of(command)
    };
    init("sub/x", &["--github", "acme/keys"]).exits(1).says(&[
        "GitHub runs no workflows but those at its root",
        "`--manifests sub/x/manifests`",
        "nothing was written",
    ]);
    assert!(!folder.path("sub/x/.github").exists() && !folder.path("sub/x/manifests").exists());
    // Manifests and Terraform may be anywhere.
    init("sub/x", &["--terraform"]).exits(0);
    init(".", &["--github", "acme/keys", "--manifests", "sub/x/manifests"]).exits(0);
    assert!(folder.read(".github/workflows/keyrota-plan.yml").contains("manifests: sub/x/manifests\n"));
    init(".", &["--github", "acme/keys"]).exits(1).says(&["keyrota-plan.yml is there already"]);
}
