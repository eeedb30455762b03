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
