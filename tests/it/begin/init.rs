//! The first manifests: they cover everyone once, and promise no more than the next plan shows.

use std::{collections::BTreeMap, fs};

use chrono::Utc;
use serde_json::Value;

use super::{as_sandbox, in_emulator, mixed, with_active_key};
use crate::{
    command::{Folder, Ran},
    emulator::{Fault, TestAccount, account},
};

/// The files of a folder, by name.
fn files(folder: &Folder, name: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder.path(name)).into_iter().flatten().flatten();
    let text = |path: &std::path::Path| fs::read_to_string(path).expect("text");
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), text(&entry.path()))).collect()
}

/// Checks what the page says of the next plan, and that everyone is selected once.
#[track_caller]
fn covers(users: &[super::Mixed], page: &str, plan: &Ran, status: &Value) {
    let rows = status["users"].as_array().expect("users");
    for name in with_active_key(users) {
        let found = rows.iter().filter(|row| row["user"] == name).count();
        assert_eq!(found, 1, "{name} in {rows:?}");
    }
    let last = plan.stdout.lines().rev().find(|line| !line.is_empty()).expect("a last line");
    assert!(page.contains(last), "the plan says {last:?}, and the page: {page}");
    for line in plan.stdout.lines().filter(|line| line.starts_with(['+', '-', '~', '@', '!', '^'])) {
        let user = line.split_whitespace().nth(1).expect("a user");
        let named = page.split_once("What `keyrota plan` shows now:").expect("the page tells of the plan").1;
        assert!(
            named.split_whitespace().any(|word| word.strip_suffix(',').unwrap_or(word) == user),
            "{user} is not on the page: {page}"
        );
    }
}

#[tokio::test]
async fn forty_mixed_users_of_an_account() {
    let users = mixed();
    let account = in_emulator(&users, Utc::now()).await;
    account.take_requests();
    let folder = Folder::new(&[]);
    let page = folder.run_in(&account, &["init"]).exits(0);
    let first = files(&folder, "manifests");
    assert!(first.contains_key("keyrota.toml") && first.contains_key("payments.toml"), "{:?}", first.keys());
    folder.run(&["check"]).exits(0);
    let plan = folder.run_in(&account, &["plan"]).exits(0);
    let status = folder.run_in(&account, &["status", "--format", "json"]).exits(0).json();
    covers(&users, &page.stdout, &plan, &status);
    // Not even the ages of keys change what is written.
    folder.run_in(&account, &["init", "--force"]).exits(0);
    assert_eq!(files(&folder, "manifests"), first);
    // What stands out, where it matters.
    for (file, remark) in [
        ("payments.toml", "two-keys: two active keys, …"),
        ("payments.toml", "is inactive, and is deleted when its place is needed"),
        ("others.toml", "never-used: …"),
        ("others.toml", "ses-smtp-user.20231012-101010: sends mail by SES's SMTP, its name says"),
        ("others.toml", "plain0: no address in its tag `email`: nobody can be told"),
        ("keyrota.toml", "[pace]\nmax-rotations = 25"),
        ("others.toml", "secret = \"/aws/iam/credentials/2/{user}\""),
    ] {
        assert!(first[file].contains(remark), "{file} lacks {remark:?}: {}", first[file]);
    }
    // Nothing was changed, and no value was asked for.
    let calls = account.count_requests();
    assert!(!calls.contains_key("GetSecretValue") && !calls.contains_key("CreateAccessKey"), "{calls:?}");
}

#[test]
fn each_way_of_grouping_covers_everyone() {
    let users = mixed();
    let sandbox = as_sandbox(&users, Utc::now());
    for by in [None, Some("tag:team"), Some("tag:TEAM"), Some("path"), Some("none")] {
        let folder = Folder::new(&[("sandbox.toml", &sandbox)]);
        let on = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "sandbox.toml"]].concat());
        let arguments: Vec<&str> = ["init"].into_iter().chain(by.into_iter().flat_map(|by| ["--by", by])).collect();
        let page = on(&arguments).exits(0);
        folder.run(&["check"]).exits(0);
        let status = on(&["status", "--format", "json"]).exits(0).json();
        covers(&users, &page.stdout, &on(&["plan"]).exits(0), &status);
        let names: Vec<String> =
            files(&folder, "manifests").into_keys().filter(|name| name.ends_with(".toml")).collect();
        let expected: &[&str] = match by {
            Some("path") => &["cleaning.toml", "keyrota.toml", "others.toml", "robots.toml"],
            Some("none") => &["keyrota.toml", "users.toml"],
            _ => &[
                "data-ml.toml",
                "keyrota.toml",
                "others.toml",
                "payments.toml",
                "platform.toml",
                "team.toml",
                "z-rich-1-2-a-b-c-d-e-f-g.toml",
            ],
        };
        assert_eq!(names, expected, "{by:?}");
        // The same again, in JSON, somewhere else.
        let again = [&arguments[..], &["--manifests", "again", "--format", "json"]].concat();
        let document = on(&again).exits(0).json();
        assert_eq!(files(&folder, "again"), files(&folder, "manifests"));
        assert_eq!(document["active"], with_active_key(&users).len());
    }
}

/// The same plan as with manifests that a person writes for the same users.
#[test]
fn the_plan_is_that_of_a_person_who_wrote_the_same() {
    let sandbox = as_sandbox(&mixed(), Utc::now());
    let folder = Folder::new(&[("sandbox.toml", &sandbox)]);
    let on = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "sandbox.toml"]].concat()).exits(0);
    on(&["init", "--by", "none"]);
    let shared = "version = 1\n[defaults]\nnotify = [\"tag:email\"]\n[pace]\nmax-rotations = 25\n\
                  [mail]\nfrom = \"Security <security@example.com>\"\n";
    folder.write("byhand/keyrota.toml", shared);
    let second = "[[rotate]]\nusers = [\"a+b=c,d.e@f_g-h\"]\nsecret = \"/aws/iam/credentials/2/{user}\"\n";
    folder.write("byhand/all.toml", &format!("version = 1\n[[rotate]]\nusers = [\"*\"]\n{second}"));
    let by_hand = on(&["plan", "--manifests", "byhand"]);
    assert_eq!(on(&["plan"]).stdout, by_hand.stdout);
}

#[tokio::test]
async fn nothing_is_written_where_it_would_be_wrong() {
    let users = mixed();
    let sandbox = as_sandbox(&users, Utc::now());
    let folder = Folder::new(&[("sandbox.toml", &sandbox), ("manifests/mine.toml", "version = 1\n")]);
    let on = |arguments: &[&str]| folder.run(&[arguments, &["--sandbox", "sandbox.toml"]].concat()).exits(1);
    on(&["init"]).says(&["manifests has manifests already: mine.toml", "nothing was written", "--force"]);
    // Its rules would select the same users.
    on(&["init", "--force"]).says(&["manifests/mine.toml is no file that `init` would write over"]);
    assert_eq!(files(&folder, "manifests"), BTreeMap::from([("mine.toml".to_owned(), "version = 1\n".to_owned())]));
    on(&["init", "--manifests", "new", "--by", "tag:squad"]).says(&["has the tag `squad`", "nothing was written"]);
    on(&["init", "--manifests", "new", "--at", "2030-01-01"]).says(&["`--at` means nothing here"]);
    assert!(!folder.path("new").exists());
    // A file where a folder should be: what was written before it is taken back.
    folder.write(".github", "a file");
    on(&["init", "--manifests", "new", "--github", "acme/keys"]).says(&["nothing was written"]);
    assert!(!folder.path("new").exists(), "{:?}", files(&folder, "new"));
    folder.run(&["init", "--by", "team"]).exits(64).says(&["tag:team"]);
    folder.run(&["init", "--github", "acme"]).exits(64).says(&["OWNER/REPO"]);
}

#[tokio::test]
async fn what_can_not_be_read_stops_it() {
    let empty = |folder: &Folder| assert!(!folder.path("manifests").exists(), "{:?}", files(folder, "manifests"));
    // Without credentials.
    let folder = Folder::new(&[]);
    let mut command = folder.command(&["init"]);
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "eu-west-1").env("HOME", "/nonexistent");
    Ran::of(command).exits(1).says(&["credentials"]);
    empty(&folder);
    let refused = |account: &TestAccount, action: &str| {
        account.add_fault(Fault::error(action, 403, "AccessDenied", "not authorized").forever());
    };
    // It may list users, but not read their tags.
    let account = account();
    account.create_user("ci", "/", &[], &[]).await;
    account.create_key("ci", Utc::now()).await;
    refused(&account, "GetAccountAuthorizationDetails");
    refused(&account, "ListUserTags");
    folder
        .run_in(&account, &["init"])
        .exits(1)
        .says(&["permission `iam:ListUserTags` is missing for ci", "nothing was written"]);
    empty(&folder);
    account.calm();
    // Of one user alone the keys can't be read.
    for action in ["ListAccessKeys", "GetAccessKeyLastUsed", "ListSecrets"] {
        refused(&account, action);
        folder.run_in(&account, &["init"]).exits(1).says(&[action, "nothing was written"]);
        empty(&folder);
        account.calm();
    }
    folder.run_in(&account, &["init"]).exits(0);
}

#[test]
fn an_account_without_keys_gets_what_is_shared() {
    let folder = Folder::new(&[(
        "sandbox.toml",
        "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\n[[users]]\nname = \"bob\"\n",
    )]);
    let page = folder.run(&["init", "--sandbox", "sandbox.toml"]).exits(0);
    assert!(page.stdout.contains("0 users with an active key, 1 without"), "{page:?}");
    folder.run(&["check"]).exits(0);
    assert_eq!(files(&folder, "manifests").len(), 2);
}

/// Users of a sandbox: the name, its tags, and whether its one key is active.
fn sandbox_of(users: &[(&str, &str, bool)]) -> String {
    let mut text = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n".to_owned();
    for (number, (name, tags, is_active)) in users.iter().enumerate() {
        let status = if *is_active { "active" } else { "inactive" };
        text += &format!(
            "[[users]]\nname = \"{name}\"\ntags = {{ {tags} }}\n[[users.keys]]\nid = \"AKIA{number:016}\"\n\
             created = 2026-08-01T08:00:00Z\nstatus = \"{status}\"\nlast-used = 2026-11-22T08:00:00Z\n"
        );
    }
    text
}

/// Addresses in more than one tag: all are used where nobody is told more than before.
#[test]
fn an_address_in_another_tag_is_found() {
    let two = [("n0", "contact = \"a@example.com\"", true), ("n1", "contact = \"b@example.com\"", true)];
    let init = |others: &[(&str, &str, bool)]| {
        let folder = Folder::new(&[("sandbox.toml", &sandbox_of(&[&two[..], others].concat()))]);
        let page = folder.run(&["init", "--by", "none", "--sandbox", "sandbox.toml"]).exits(0);
        folder.run(&["check"]).exits(0);
        (page.stdout, folder.read("manifests/keyrota.toml"), folder.read("manifests/users.toml"))
    };
    let (page, shared, _) = init(&[("m0", "Owner-Email = \"c@example.com\"", true)]);
    assert!(shared.contains("notify = [\"tag:contact\", \"tag:Owner-Email\"]"), "{shared}");
    assert!(shared.contains("# 3 of 3 users with an active key have an address there."), "{shared}");
    assert!(!page.contains("no address") && !page.contains("blocked"), "{page}");
    // `n2` would have both told, and nobody knows of a tag like `built-by` whose address that is.
    let (page, shared, users) = init(&[
        ("n2", "contact = \"a@example.com\", owner = \"z@example.com\"", true),
        ("m0", "owner = \"c@example.com\"", true),
        ("m1", "built-by = \"c@example.com\"", true),
        ("m2", "", true),
        ("d@example.com", "", true),
    ]);
    assert!(shared.contains("notify = [\"tag:contact\"]"), "{shared}");
    assert!(
        users.contains("#   m0: `notify` does not name its tag `owner`, which has an address: nobody can be told"),
        "{users}"
    );
    assert!(users.contains("#   m1: `notify` does not name its tag `built-by`, which has an address"), "{users}");
    assert!(users.contains("#   m2: no address in its tag `contact`: nobody can be told"), "{users}");
    assert!(page.contains("  no address (1): ") && page.contains("  address elsewhere (3): "), "{page}");
}

/// Everyone whom the plan blocks for want of an address is among what is to be decided.
#[test]
fn who_has_inactive_keys_alone_is_to_be_decided_on_as_well() {
    let users = [
        ("n0", "team = \"x\", email = \"a@example.com\"", true),
        ("n1", "team = \"x\"", true),
        ("n2", "team = \"x\"", false),
        ("n3", "team = \"x\"", false),
    ];
    let folder = Folder::new(&[("sandbox.toml", &sandbox_of(&users))]);
    let page = folder.run(&["init", "--by", "tag:team", "--sandbox", "sandbox.toml"]).exits(0).stdout;
    let (decide, plan) = page.split_once("What `keyrota plan` shows now:").expect("both parts");
    assert!(decide.contains("  no address (1): ") && decide.contains("  no address, no active key (2): "), "{page}");
    assert!(decide.contains("\n    n1\n") && decide.contains("\n    n2, n3\n"), "{page}");
    assert!(plan.contains("blocked, nobody can be told (3):\n    n1, n2, n3\n"), "{page}");
}

#[test]
fn the_account_is_that_of_the_credentials() {
    let manifest = "version = 1\n[accounts.other]\nid = \"111122223333\"\n";
    let folder = Folder::new(&[("manifests/keyrota.toml", manifest)]);
    folder
        .run(&["init", "--account", "other", "--force"])
        .exits(1)
        .says(&["`--account other` means nothing here", "use credentials of that account"]);
    assert_eq!(folder.read("manifests/keyrota.toml"), manifest);
}
