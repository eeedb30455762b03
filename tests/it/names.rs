//! AWS's rules for names are the same for manifests and for the simulated account.

use std::{fs, path::PathBuf, process::Command};

use keyrota::{cloud::sandbox::Sandbox, manifest::load_files, names};
use serde_json::{Value, json};

/// The endpoint data that the SDK was built with.
fn partitions() -> Vec<Value> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let iam = packages.iter().find(|package| package["name"] == "aws-sdk-iam").expect("the SDK");
    let manifest = PathBuf::from(iam["manifest_path"].as_str().expect("a path"));
    let source = fs::read_to_string(manifest.with_file_name("src").join("endpoint_lib.rs")).expect("the SDK's source");
    let (_, rest) = source.split_once("new_from_json(b\"").expect("the partitions are where this test looks");
    let (json, _) = rest.split_once("\")").expect("the end of the literal");
    let json = json.replace("\\\"", "\"").replace("\\\\", "\\");
    let data: Value = serde_json::from_str(&json).expect("JSON");
    data["partitions"].as_array().expect("partitions").clone()
}

fn manifest_takes(region: &str) -> bool {
    let text = format!(
        "version = 1\n[defaults]\nnotify = []\n[[rotate]]\nusers = [\"*\"]\nreplicate-to = [\"{region}\"]\n[accounts.a]\nid = \
         \"111122223333\"\nregion = \"eu-west-1\"\n"
    );
    let now = "2026-11-23T08:00:00Z".parse().expect("a time");
    load_files(vec![("manifests/keyrota.toml".to_owned(), text.into_bytes())], now).manifest.is_some()
}

fn sandbox_takes(partition: &str, region: &str) -> bool {
    let text = format!("account = \"111122223333\"\npartition = \"{partition}\"\nregion = \"{region}\"\n");
    Sandbox::parse(&text, "sandbox.toml").is_ok()
}

#[test]
fn every_region_of_the_sdk_is_one_to_manifests_and_to_the_sandbox() {
    let mut regions = 0;
    for partition in partitions() {
        let id = partition["id"].as_str().expect("an id");
        assert!(names::is_partition(id), "{id}");
        for region in partition["regions"].as_object().expect("regions").keys() {
            // Stands for no region, but for services that have none.
            if region.ends_with("-global") {
                assert!(!names::is_region(region), "{region}");
                continue;
            }
            assert!(names::is_region(region), "{region}");
            assert!(sandbox_takes(id, region), "{region}");
            assert!(region == "eu-west-1" || manifest_takes(region), "{region}");
            regions += 1;
        }
    }
    assert!(regions > 40, "the regions are where this test looks for them: {regions}");
}

/// Both ways: what one refuses, the other refuses as well.
#[test]
fn manifests_and_the_sandbox_agree_on_what_is_a_region() {
    for (region, is_one) in [
        ("eu-west-10", true),
        ("mx-central-2", true),
        ("eusc-de-east-1", true),
        ("eu-west", false),
        ("eu-west-", false),
        ("eu-west-0", false),
        ("eu-west-01", false),
        ("EU-WEST-1", false),
        ("eu--west-1", false),
        ("west-1", false),
        ("a-b-c-d-1", false),
        ("aws-global", false),
        ("eu-west-1a", false),
        ("", false),
    ] {
        assert_eq!((manifest_takes(region), sandbox_takes("aws", region)), (is_one, is_one), "`{region}`");
    }
}

/// Whether a rule can name it in this field, and whether a user of the simulated account can have it.
fn both_take(field: &str, user: &str) -> (bool, bool) {
    let manifest = format!("version = 1\n[defaults]\nnotify = []\n[[rotate]]\n{field}\n");
    let now = "2026-11-23T08:00:00Z".parse().expect("a time");
    let manifest = load_files(vec![("manifests/keyrota.toml".to_owned(), manifest.into_bytes())], now).manifest;
    let account = format!("account = \"111122223333\"\nregion = \"eu-west-1\"\n{user}\n");
    (manifest.is_some(), Sandbox::parse(&account, "sandbox.toml").is_ok())
}

#[test]
fn what_users_can_be_called_rules_can_name() {
    // What rules take as a wildcard, or as one that somebody meant.
    let characters = (' '..='~').filter(|c| !"*?[]{}".contains(*c)).chain(['ä', '漢', '٣', '\u{a0}', '\u{200b}']);
    let taken = |written: &str| {
        let text = json!(written);
        let path = json!(format!("/{written}/"));
        [
            ("a user", both_take(&format!("users = [{text}]"), &format!("[[users]]\nname = {text}"))),
            (
                "a group",
                both_take(&format!("groups = [{text}]"), &format!("[[users]]\nname = \"u\"\ngroups = [{text}]")),
            ),
            ("a path", both_take(&format!("path = {path}"), &format!("[[users]]\nname = \"u\"\npath = {path}"))),
            (
                "a tag",
                both_take(
                    &format!("tags = {{ {text} = \"x\" }}"),
                    &format!("[[users]]\nname = \"u\"\ntags = {{ {text} = \"x\" }}"),
                ),
            ),
            (
                "a tag's value",
                both_take(
                    &format!("tags = {{ x = {text} }}"),
                    &format!("[[users]]\nname = \"u\"\ntags = {{ x = {text} }}"),
                ),
            ),
        ]
    };
    let mut names = 0;
    for written in characters
        .map(|c| format!("a{c}b"))
        .chain([63, 64, 65, 127, 128, 129, 256, 257, 511].map(|most| "a".repeat(most)))
    {
        for (what, (by_rules, by_users)) in taken(&written) {
            assert_eq!(by_rules, by_users, "{what}: {written:?}");
            names += usize::from(by_rules);
        }
    }
    assert!(names > 150, "most are names of something: {names}");
}
