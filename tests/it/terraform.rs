//! What `terraform/` must agree with: the manifests, the code, and its own pages. Terraform itself is run by
//! `cargo xtask check-terraform`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use keyrota::{export, inventory, manifest};
use serde_json::{Value, json};

use crate::{
    golden::{self, is_blessing},
    manifest::{now, with_folder},
};

/// The statements, and which roles have them.
const STATEMENTS: [&str; 7] = ["plan", "plan-users", "write", "write-users", "caller", "deliver-plan", "deliver"];

fn terraform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares a committed file with what it should be; rewrites it when blessing.
fn check_file(path: &Path, expected: &str) -> Result<(), String> {
    if read(path) == expected {
        return Ok(());
    }
    if is_blessing() {
        fs::write(path, expected).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return Ok(());
    }
    Err(format!("{} is stale; BLESS=1 rewrites it to\n{expected}", path.display()))
}

/// The statements of a file with `${jsonencode(NAME)}` and `${index}` filled in; without those that have no resources.
pub fn statements(file: &str, values: &BTreeMap<&str, Value>) -> Vec<Value> {
    statements_of(&format!("access/statements/{file}"), values)
}

/// The same for a file of any module.
pub fn statements_of(file: &str, values: &BTreeMap<&str, Value>) -> Vec<Value> {
    let mut text = read(&terraform().join(format!("modules/{file}.json.tftpl")));
    for (name, value) in values {
        text = text.replace(&format!("${{jsonencode({name})}}"), &value.to_string());
        text = text.replace(&format!("${{{name}}}"), &value.to_string());
    }
    let mut document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}\n{text}"));
    let mut statements = match document["Statement"].take() {
        Value::Array(statements) => statements,
        other => panic!("{file} holds {other}"),
    };
    statements.retain(|statement| statement["Resource"] != json!([]));
    for statement in &mut statements {
        if statement["Condition"] == json!({}) {
            statement.as_object_mut().expect("a statement").remove("Condition");
        }
    }
    statements
}

#[test]
fn the_exports_of_these_manifests() {
    golden::check_all("export", |case| {
        let manifest = with_folder(case, |folder| manifest::load(folder, now()).manifest);
        let (variables, broad) = export::terraform(&manifest.expect("a case without errors"));
        let broad: Vec<_> = broad.iter().map(|source| format!("covers every user: line {}\n", source.line)).collect();
        format!("{:#}\n{}", json!(variables), broad.concat())
    });
}

#[test]
fn the_committed_export_is_that_of_the_committed_manifests() {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let manifest = manifest::load(&manifests, now()).manifest.expect("manifests without errors");
    let exported = format!("{:#}\n", json!(export::terraform(&manifest).0));
    let result = check_file(&terraform().join("environments/test/keyrota.auto.tfvars.json"), &exported);
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn the_policies_allow_the_calls_that_the_code_makes_and_no_others() {
    let calls: BTreeSet<String> =
        ["read", "secrets", "credential_report", "write", "connect", "channels", "parameters"]
            .iter()
            .flat_map(|file| {
                let code = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/cloud/aws/{file}.rs")));
                code.split('"').skip(1).step_by(2).filter(|text| is_action(text)).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
    assert!(calls.len() > 15, "the calls are where this test looks for them: {calls:?}");
    let allowed: BTreeSet<String> = STATEMENTS
        .iter()
        .flat_map(|file| {
            let text = read(&terraform().join(format!("modules/access/statements/{file}.json.tftpl")));
            text.split('"').filter(|text| is_action(text)).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    // Needs no permission; assuming a role is the SDK's call; Secrets Manager makes those of KMS in the caller's name.
    let mut needed = calls;
    assert!(needed.remove("sts:GetCallerIdentity"));
    // `doctor` alone asks these, with the permissions of a person.
    assert!(needed.remove("events:DescribeEventBus") && needed.remove("sns:GetTopicAttributes"));
    needed.extend(["sts:AssumeRole", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"].map(str::to_owned));
    // Of the tags that a parameter is made with.
    needed.insert("ssm:AddTagsToResource".to_owned());
    assert_eq!(allowed, needed);
    // Values are read where they are delivered, and where keyrota's own configuration is; a plan reads none.
    let values = [("caller", vec!["own_secrets", "webhooks"]), ("deliver", vec!["delivered"])];
    for file in STATEMENTS {
        let text = read(&terraform().join(format!("modules/access/statements/{file}.json.tftpl")));
        let of = values.iter().find(|(reader, _)| *reader == file).map(|(_, of)| of.as_slice()).unwrap_or_default();
        let reads: Vec<&str> = text.split("\"Sid\"").filter(|statement| statement.contains("GetSecretValue")).collect();
        assert_eq!(reads.len(), of.len(), "{file}");
        for name in of {
            let named = format!("${{jsonencode({name})}}");
            assert!(reads.iter().any(|statement| statement.contains(&named)), "{file} reads {name}");
        }
    }
    let nothing = [
        ("parameters", json!([])),
        ("delivered", json!([])),
        ("anywhere", json!([])),
        ("own_secrets", json!([])),
        ("kms_keys", json!([])),
        ("kms_keys_by_alias", json!([])),
        ("kms_aliases", json!([])),
        ("via", json!("")),
    ];
    let nothing: BTreeMap<&str, Value> = nothing.into();
    for file in ["deliver", "deliver-plan"] {
        assert_eq!(statements(file, &nothing), [] as [Value; 0], "without `deliver` nothing of it is permitted");
    }
}

/// Everything that the policies of the execution role allow must fit into the boundary, whatever the manifests say.
#[test]
fn the_boundary_has_room_for_the_policies() {
    let actions = |path: &str| -> BTreeSet<String> {
        let text = read(&terraform().join("modules").join(path));
        text.split('"').filter(|text| is_action(text)).map(str::to_owned).collect()
    };
    let mut needed: BTreeSet<String> =
        STATEMENTS.iter().flat_map(|file| actions(&format!("access/statements/{file}.json.tftpl"))).collect();
    needed.extend(actions("function/main.tf"));
    needed.extend(actions("function/statements/share.json.tftpl"));
    // What finds the accounts of an organisation, as the export asks for it, and as it is called.
    let named_in = |path: &str| -> BTreeSet<String> {
        let code = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let texts = code.split('"').skip(1).step_by(2);
        texts.filter(|text| text.starts_with("organizations:") && is_action(text)).map(str::to_owned).collect()
    };
    let asked_for = named_in("src/organization.rs");
    assert_eq!(asked_for, named_in("src/cloud/aws/organization.rs"));
    needed.extend(asked_for);
    assert_eq!(actions("boundary/boundary.json.tftpl"), needed);
}

/// `service:Action`, and no condition key (`kms:ViaService`), which AWS writes alike.
fn is_action(text: &str) -> bool {
    const KEYS: [&str; 4] =
        ["ses:FromAddress", "kms:ViaService", "kms:ResourceAliases", "secretsmanager:AddReplicaRegions"];
    let services =
        ["events", "iam", "kms", "logs", "organizations", "s3", "secretsmanager", "ses", "sns", "sqs", "ssm", "sts"];
    text.split_once(':').is_some_and(|(service, action)| {
        services.contains(&service)
            && action.starts_with(|c: char| c.is_ascii_uppercase())
            && action.chars().all(|c| c.is_ascii_alphanumeric())
            && !KEYS.contains(&text)
    })
}

#[test]
fn the_policies_allow_the_tags_that_the_code_writes() {
    let mut tags = vec![
        inventory::TAG_OWNER,
        inventory::TAG_USER,
        inventory::TAG_INTENT,
        inventory::TAG_NOTIFIED,
        inventory::TAG_NOTIFIED_AT,
        inventory::TAG_DEACTIVATING,
        inventory::TAG_DEACTIVATED,
        inventory::TAG_REMINDED,
        inventory::TAG_ANNOUNCED,
        inventory::TAG_KMS_KEY,
        inventory::TAG_NEXT,
        inventory::TAG_QUEUE,
        inventory::TAG_UNREAD,
        inventory::TAG_UNUSED,
        inventory::TAG_DELIVERED,
        inventory::TAG_DELIVERED_AT,
        inventory::TAG_UNDELIVERED,
    ];
    let places: Vec<String> =
        (1..=inventory::MOST_NOTED).map(|slot| format!("{}{slot}", inventory::TAG_PLACE)).collect();
    let constants =
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inventory/ledger.rs")).matches("const TAG_").count();
    assert_eq!(constants, tags.len() + 1, "a tag is missing in this test");
    tags.extend(places.iter().map(String::as_str));
    tags.sort_unstable();
    assert_eq!(tag_keys(), tags);
}

/// `tag_keys` of the module `access`.
pub fn tag_keys() -> Vec<String> {
    let code = read(&terraform().join("modules/access/main.tf"));
    let list = code.split_once("tag_keys = [").and_then(|(_, rest)| rest.split_once(']')).expect("tag_keys").0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A `variable` or `output`: its description, and a variable's default as written.
struct Declared {
    name: String,
    description: String,
    default: Option<String>,
}

/// The blocks of a kind in a file, in order.
fn declared(path: &Path, kind: &str) -> Vec<Declared> {
    let text = read(path);
    let start = format!("\n{kind} \"");
    text.split(&start)
        .skip(usize::from(!text.starts_with(kind)))
        .map(|block| {
            let block = block.strip_prefix(&format!("{kind} \"")).unwrap_or(block);
            let block = block.split("\n}").next().unwrap_or(block);
            let attribute = |name: &str| {
                block.lines().find_map(|line| {
                    let (key, value) =
                        line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split_once('=')?;
                    (key.trim() == name).then(|| value.trim().to_owned())
                })
            };
            let name = block.split('"').next().unwrap_or_default().to_owned();
            let description = attribute("description").unwrap_or_else(|| panic!("{name} has no description"));
            let description = description.trim_matches('"').replace("\\\"", "\"");
            Declared { name, description, default: attribute("default") }
        })
        .collect()
}

#[test]
fn the_pages_list_the_inputs_and_outputs() {
    let mut wrong = Vec::new();
    for folder in folders() {
        let table = |kind: &str| -> String {
            let path = folder.join(format!("{kind}s.tf"));
            let row = |one: &Declared| {
                let Declared { name, description, default } = one;
                let description = description.replace('|', "\\|");
                match (kind, default) {
                    ("output", _) => format!("| `{name}` | {description} |\n"),
                    (_, Some(default)) => format!("| `{name}` | {description} | `{default}` |\n"),
                    (_, None) => format!("| `{name}` | {description} | required |\n"),
                }
            };
            let rows: String = declared(&path, kind).iter().map(row).collect();
            match kind {
                "output" => format!("| output | what it is |\n|---|---|\n{rows}"),
                _ => format!("| input | what it is | default |\n|---|---|---|\n{rows}"),
            }
        };
        let path = folder.join("README.md");
        let page = read(&path);
        let before = page.split("## Inputs").next().unwrap_or_default();
        let expected = format!("{before}## Inputs\n\n{}\n## Outputs\n\n{}", table("variable"), table("output"));
        wrong.extend(check_file(&path, &expected).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A layer must not change a module's default by repeating it wrongly.
#[test]
fn an_input_has_the_same_default_everywhere() {
    let mut defaults: BTreeMap<String, (String, PathBuf)> = BTreeMap::new();
    for folder in folders() {
        for Declared { name, default, .. } in declared(&folder.join("variables.tf"), "variable") {
            let Some(default) = default.filter(|default| !default.starts_with('{')) else { continue };
            let (other, place) = defaults.entry(name.clone()).or_insert_with(|| (default.clone(), folder.clone()));
            // Where a policy's region is an account's own choice, there is nothing to repeat; `null` follows from others.
            assert!(
                *other == default || name == "region" || default == "null" || other == "null",
                "`{name}` differs in {} and {}",
                folder.display(),
                place.display()
            );
        }
    }
    assert!(defaults.len() > 10, "the defaults are where this test looks for them");
}

/// All modules, layers and environments.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["modules", "layers", "environments"]
        .iter()
        .flat_map(|tier| fs::read_dir(terraform().join(tier)).expect("a tier"))
        .map(|entry| entry.expect("a folder's entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() > 10, "the modules are where this test looks for them");
    folders
}

#[test]
fn the_command_prints_the_export_and_writes_it_only_when_it_differs() {
    let export = |manifests: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrota"));
        command.args(["export", "terraform"]).args(arguments).arg("--manifests").arg(manifests).env_clear();
        command.output().expect("keyrota runs")
    };
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let committed = read(&terraform().join("environments/test/keyrota.auto.tfvars.json"));
    let printed = export(&manifests, &[]);
    assert!(printed.status.success(), "{printed:?}");
    assert_eq!(String::from_utf8_lossy(&printed.stdout), committed);
    assert_eq!(String::from_utf8_lossy(&printed.stderr), "");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("keyrota.auto.tfvars.json");
    let into = ["--into", file.to_str().expect("UTF-8")];
    assert!(export(&manifests, &into).status.success());
    assert_eq!(read(&file), committed);
    let time = || fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("a time");
    let written = time();
    let again = export(&manifests, &into);
    assert!(again.status.success() && again.stdout.is_empty(), "{again:?}");
    assert_eq!(time(), written);

    let by_group = "version = 1\n[[rotate]]\ngroups = [\"developers\"]\nnotify = []\n";
    fs::write(folder.path().join("keyrota.toml"), by_group).expect("a file");
    let hint = export(folder.path(), &[]);
    assert!(
        hint.status.success() && String::from_utf8_lossy(&hint.stderr).contains("selects by group alone"),
        "{hint:?}"
    );

    // What has errors must not become permissions.
    fs::write(folder.path().join("keyrota.toml"), "version = 1\n[[rotate]]\nusers = [\"*\"]\nnotify = 1\n")
        .expect("a file");
    let wrong = export(folder.path(), &[]);
    assert_eq!((wrong.status.code(), wrong.stdout.as_slice()), (Some(1), [].as_slice()));
}

/// China, GovCloud and the others have their own ARNs and domains, which Terraform knows.
#[test]
fn no_partition_is_taken_for_granted() {
    // Principals that are called so in every partition that has them, and where an example or a default is meant.
    let allowed = [
        "\"lambda.amazonaws.com\"",
        "\"scheduler.amazonaws.com\"",
        "\"cloudwatch.amazonaws.com\"",
        "\"logging.s3.amazonaws.com\"",
        "\"states.amazonaws.com\"",
        "default     = \"amazonaws.com\"",
        "description",
        "error_message",
    ];
    let mut found = Vec::new();
    let mut folders = folders();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_dir() && !path.ends_with("tests") && !path.ends_with(".terraform") {
                folders.push(path);
            } else if ["tf", "tftpl"].contains(&extension) {
                let text = read(&path);
                let lines = text.lines().enumerate().filter(|(_, line)| {
                    let line =
                        allowed[..5].iter().fold((*line).to_owned(), |line, principal| line.replace(principal, ""));
                    let line = line.trim_start();
                    (line.contains("amazonaws.com") || line.contains("arn:aws:"))
                        && !line.starts_with('#')
                        && !allowed[5..].iter().any(|start| line.starts_with(start))
                });
                found.extend(lines.map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1)));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A schedule that `check` refuses is refused by Terraform with the same words.
#[test]
fn terraform_refuses_schedules_with_the_words_of_check() {
    let refusals = |expression: &str| -> (String, String) {
        let text = format!("version = 1\n[schedule]\nenforce = \"{expression}\"\n");
        let loaded = manifest::load_files(vec![("manifests/keyrota.toml".to_owned(), text.into())], now());
        let diagnostic = loaded.diagnostics.iter().find(|diagnostic| diagnostic.code.as_str() == "KR0033");
        let diagnostic = diagnostic.unwrap_or_else(|| panic!("{expression} is refused"));
        (diagnostic.message.clone(), diagnostic.help.clone().expect("help"))
    };
    for file in ["layers/rotation/variables.tf", "modules/schedule/variables.tf"] {
        let code = read(&terraform().join(file));
        for expression in ["cron(0 8 1 * *)", "cron(0 0 8 1 * ? *)", "cron(0 8 1 * * *)", "monthly"] {
            let (message, help) = refusals(expression);
            let fields = expression.trim_start_matches("cron(").split(' ').count();
            let template = message
                .replace(expression, "${expression}")
                .replace(&format!("this has {fields}"), "this has ${length(");
            assert!(code.contains(&template), "{file} does not say `{template}`");
            assert!(code.contains(&help.replace('"', "\\\"")), "{file} does not say `{help}`");
        }
    }
}
