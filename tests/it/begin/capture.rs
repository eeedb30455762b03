//! The account as a sandbox: plans, states and forecasts on it are those of the account, byte for byte.

use std::fs;

use chrono::{TimeDelta, Utc};

use super::{in_emulator, mixed};
use crate::{
    command::{Folder, KEYROTA},
    emulator::{Fault, account},
};

const SHARED: &str = "version = 1\n\n[defaults]\nnotify = [\"tag:email\"]\nmax-age = \"60d\"\noverlap = \"0d\"\n\n[mail]\n\
                      from = \"Security <security@example.com>\"\nfallback = [\"security@example.com\"]\n";

#[tokio::test]
async fn a_plan_on_the_file_is_the_plan_on_the_account() {
    let users = mixed();
    let now = Utc::now();
    let account = in_emulator(&users, now).await;
    account.allow_sender("example.com").await;
    let tag = |key: &str, value: &str| aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build();
    let secrets = account.secrets();
    // Somebody else's, one of an earlier name, and one that nobody has to do with.
    secrets
        .create_secret()
        .name("/aws/iam/credentials/plain0")
        .secret_string("hush-hush")
        .send()
        .await
        .expect("a secret");
    let arn = format!("arn:aws:iam::{}:user/plain1", account.id);
    let former =
        secrets.create_secret().name("old/plain1").tags(tag("Owner", "plain1")).tags(tag("keyrota:user", &arn));
    former.send().await.expect("a secret");
    secrets
        .create_secret()
        .name("database/password")
        .tags(tag("team", "x"))
        .secret_string("hush-hush")
        .send()
        .await
        .expect("a secret");
    // When it is to be deleted is yet to come: `now` is not then.
    secrets.create_secret().name("leaving").secret_string("hush-hush").send().await.expect("a secret");
    secrets.delete_secret().secret_id("leaving").recovery_window_in_days(30).send().await.expect("scheduled");
    let rules = "version = 1\n[[rotate]]\nusers = [\"*\"]\nexcept = [\"a+b=c,d*\"]\n";
    let folder = Folder::new(&[("manifests/keyrota.toml", SHARED), ("manifests/all.toml", rules)]);
    // Some rotations are under way.
    folder.run_in(&account, &["apply", "--yes"]);
    account.take_requests();
    account.set_clock(Utc::now());
    folder.run_in(&account, &["capture", "--into", "account.toml"]).exits(0);
    let calls = account.count_requests();
    assert!(!calls.contains_key("GetSecretValue") && calls.contains_key("DescribeSecret"), "{calls:?}");
    let file = folder.read("account.toml");
    assert!(file.contains("No secret is in it.") && !file.contains("hush-hush"), "{file}");
    let later = (Utc::now() + TimeDelta::days(30)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let now = file.lines().find_map(|line| line.strip_prefix("now = ")).expect("an instant");
    let is_now = now.parse::<chrono::DateTime<Utc>>().is_ok_and(|now| now - Utc::now() < TimeDelta::days(1));
    assert!(is_now && file.contains("name = \"leaving\""), "{file}");
    // What is said at both instants, and the forms that say the same: each at one of them.
    for (arguments, instants) in [
        (vec!["plan"], &[now, &later][..]),
        (vec!["plan", "--format", "json"], &[&later]),
        (vec!["plan", "--format", "markdown"], &[now]),
        (vec!["status"], &[now, &later]),
        (vec!["status", "--format", "json"], &[&later]),
        (vec!["explain", "plain1"], &[now, &later]),
        (vec!["forecast"], &[now, &later]),
        (vec!["forecast", "--format", "json"], &[&later]),
        (vec!["forecast", "--format", "csv"], &[now]),
        (vec!["forecast", "--format", "ics"], &[now]),
    ] {
        for at in instants {
            let arguments = [&arguments[..], &["--at", at]].concat();
            let there = folder.run_in(&account, &arguments);
            let here = folder.run(&[&arguments[..], &["--sandbox", "account.toml"]].concat());
            assert_eq!(
                (here.code, here.stdout, here.stderr),
                (there.code, there.stdout, there.stderr),
                "{arguments:?}"
            );
        }
    }
}

/// Who runs keyrota with a key that it rotates is warned on the file, too.
#[tokio::test]
async fn the_key_that_keyrota_runs_with_is_noted() {
    let account = account();
    account.create_user("ci-self", "/", &[("email", "a@example.com")], &[]).await;
    let (key, secret) = account.create_key("ci-self", Utc::now() - TimeDelta::days(100)).await;
    account.set_clock(Utc::now());
    let rules = "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\n";
    let folder = Folder::new(&[("manifests/keyrota.toml", SHARED), ("manifests/all.toml", rules)]);
    let run = |arguments: &[&str]| {
        let mut command = account.command(KEYROTA);
        command.env("AWS_ACCESS_KEY_ID", key.as_str());
        command.env("AWS_SECRET_ACCESS_KEY", secrecy::ExposeSecret::expose_secret(&secret));
        command.current_dir(folder.path(".")).args(arguments);
        crate::command::Ran::of(command)
    };
    run(&["capture", "--into", "account.toml"]).exits(0);
    assert!(
        folder.read("account.toml").contains(&format!("called-with = \"{key}\"")),
        "{}",
        folder.read("account.toml")
    );
    let there = run(&["plan"]).exits(0);
    let here = folder.run(&["plan", "--sandbox", "account.toml"]).exits(0);
    assert!(there.stdout.contains("warning"), "{there:?}");
    assert_eq!(here.stdout, there.stdout);
}

#[tokio::test]
async fn half_an_account_is_no_file() {
    let account = account();
    for user in ["ci-a", "ci-b"] {
        account.create_user(user, "/", &[], &[]).await;
        account.create_key(user, Utc::now()).await;
    }
    let folder = Folder::new(&[]);
    let denied = |action: &str| Fault::error(action, 403, "AccessDenied", "not authorized").forever();
    for fault in [denied("ListAccessKeys").only("user", "ci-b"), denied("ListSecrets"), denied("GetAccessKeyLastUsed")]
    {
        account.add_fault(fault);
        let ran = folder.run_in(&account, &["capture", "--into", "account.toml"]).exits(1);
        ran.says(&["is missing for", "the account can't be read whole, so nothing was written"]);
        assert!(!folder.path("account.toml").exists());
        account.calm();
    }
}

#[test]
fn what_is_no_sandbox_is_not_written_over() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sandbox.toml");
    let folder = Folder::new(&[("notes.txt", "mine"), ("manifests/a.toml", "version = 1\n")]);
    let into = |file: &str| folder.run(&["capture", "--sandbox", example, "--into", file]);
    into("notes.txt").exits(1).says(&["is no sandbox file"]);
    assert_eq!(folder.read("notes.txt"), "mine");
    into("manifests/b.toml").exits(1).says(&["would be read as a manifest"]);
    into("nowhere/b.toml").exits(1).says(&["there is no folder"]);
    // A sandbox is, so that the latest capture has one name.
    into("b.toml").exits(0);
    into("b.toml").exits(0);
    folder
        .run(&["capture", "--sandbox", example, "--into", "c.toml", "--at", "2030-01-01"])
        .exits(1)
        .says(&["can't be captured"]);
}

/// The plan has the same shape, and nobody's name is left.
#[test]
fn nobody_is_named_in_what_is_anonymous() {
    let root = env!("CARGO_MANIFEST_DIR");
    let (example, manifests) = (format!("{root}/examples/sandbox.toml"), format!("{root}/manifests"));
    let folder = Folder::new(&[]);
    let on = |arguments: &[&str]| folder.run(arguments);
    on(&["capture", "--sandbox", &example, "--manifests", &manifests, "--into", "bug.toml", "--anonymize"]).exits(0);
    let mut written = folder.read("bug.toml");
    for entry in fs::read_dir(folder.path("bug-manifests")).expect("manifests") {
        written += &fs::read_to_string(entry.expect("a file").path()).expect("text");
    }
    let before: toml::Table = fs::read_to_string(&example).expect("the example").parse().expect("TOML");
    for user in before["users"].as_array().expect("users") {
        let name = user["name"].as_str().expect("a name");
        assert!(!written.contains(name), "{name} is left");
        for (key, value) in user.get("tags").and_then(toml::Value::as_table).into_iter().flatten() {
            let value = value.as_str().expect("text");
            assert!(!written.contains(value), "the tag {key} = {value} is left");
        }
        for key in user.get("keys").and_then(toml::Value::as_array).into_iter().flatten() {
            assert!(!written.contains(key["id"].as_str().expect("an id")), "{key} is left");
        }
    }
    for word in ["payments", "platform", "deployers", "robots", "SEC-412", "security@", "444455556666", "breakglass"] {
        assert!(!written.contains(word), "{word} is left: {written}");
    }
    let last = |arguments: &[&str]| on(arguments).stdout.lines().last().expect("a line").to_owned();
    on(&["check", "--manifests", "bug-manifests"]).exits(0);
    for at in ["2026-11-23T08:00:00Z", "2026-12-20", "2027-03-01"] {
        let there = last(&["plan", "--sandbox", &example, "--manifests", &manifests, "--at", at]);
        let here = last(&["plan", "--sandbox", "bug.toml", "--manifests", "bug-manifests", "--at", at]);
        let words = |line: &str| line.split(" (").next().expect("text").to_owned();
        assert_eq!(words(&here), words(&there), "{at}");
    }
    // The same again gives the same.
    on(&["capture", "--sandbox", &example, "--manifests", &manifests, "--into", "two.toml", "--anonymize"]).exits(0);
    assert_eq!(folder.read("two.toml").replace("two", "bug"), folder.read("bug.toml"));
}

/// Topics, webhooks and buses have names, too; the default bus is everybody's.
#[test]
fn channels_get_other_names_alike_everywhere() {
    let topic = "arn:aws:sns:eu-west-1:999988887777:acme-keys";
    let shared = format!(
        "version = 1\n[defaults]\nnotify = [\"sns:{topic}\", \"slack:acme/slack\"]\n[mail]\ndigest = [\"slack:acme/slack\"]\n\
         [events]\nbus = \"arn:aws:events:eu-west-1:999988887777:event-bus/acme\"\n[[rotate]]\nusers = [\"*\"]\n"
    );
    let sandbox = "now = 2026-11-23T08:00:00Z\naccount = \"123456789012\"\n[[users]]\nname = \"ci\"\n";
    let folder = Folder::new(&[("sandbox.toml", sandbox), ("manifests/keyrota.toml", &shared)]);
    folder.run(&["capture", "--anonymize", "--into", "out.toml", "--sandbox", "sandbox.toml"]).exits(0);
    let text = folder.read("out-manifests/keyrota.toml");
    assert!(!text.contains("acme") && !text.contains("999988887777"), "{text}");
    let anonymous: toml::Table = text.parse().expect("TOML");
    let [told, webhook] = anonymous["defaults"]["notify"].as_array().expect("a list").as_slice() else {
        panic!("{text}")
    };
    assert_eq!(anonymous["mail"]["digest"][0], *webhook, "{text}");
    assert!(told.as_str().is_some_and(|told| told.starts_with("sns:arn:aws:sns:eu-west-1:")), "{text}");
    folder.run(&["check", "--manifests", "out-manifests"]).exits(0);
    folder.write(
        "manifests/keyrota.toml",
        &shared.replace("arn:aws:events:eu-west-1:999988887777:event-bus/acme", "default"),
    );
    folder.run(&["capture", "--anonymize", "--into", "two.toml", "--sandbox", "sandbox.toml"]).exits(0);
    assert!(folder.read("two-manifests/keyrota.toml").contains("bus = \"default\""));
}

/// Names stand in the keys of conditions, too, and in what compares the keys of tags.
#[test]
fn no_name_stays_in_the_policy_of_a_secret() {
    let policy = serde_json::json!({
        "Version": "2012-10-17", "Id": "AcmeId", "AcmeField": "x",
        "Statement": [{
            "Sid": "AcmeSid", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*", "AcmeToo": "acme",
            "Principal": { "AWS": "arn:aws:iam::999999999999:role/AcmePartner" },
            "Condition": {
                "StringEquals": {
                    "aws:PrincipalTag/AcmeTeam": "acme-pay",
                    "secretsmanager:ResourceTag/acmeteam": "acme-pay",
                    "login.acme.com:sub": "acme-joe",
                    "aws:PrincipalOrgID": "o-acme12345",
                },
                "ForAnyValue:StringLike": { "aws:TagKeys": ["AcmeTeam", "AcmeOther"] },
            },
        }],
    });
    let sandbox = format!(
        "now = 2026-11-23T08:00:00Z\naccount = \"123456789012\"\n[[users]]\nname = \"acme-ci\"\n\
         tags = {{ AcmeTeam = \"acme-pay\" }}\n[[secrets]]\nname = \"acme/creds\"\ntags.Owner = \"acme-ci\"\npolicy = '{policy}'\n"
    );
    let folder = Folder::new(&[("sandbox.toml", &sandbox)]);
    folder.run(&["capture", "--anonymize", "--into", "out.toml", "--sandbox", "sandbox.toml"]).exits(0);
    let text = folder.read("out.toml");
    assert!(!text.to_lowercase().contains("acme"), "{text}");
    let captured: toml::Table = text.parse().expect("TOML");
    let tags = captured["users"][0]["tags"].as_table().expect("tags");
    let (tag, value) = tags.iter().next().expect("its tag");
    let policy: serde_json::Value =
        serde_json::from_str(captured["secrets"][0]["policy"].as_str().expect("text")).expect("JSON");
    let condition = &policy["Statement"][0]["Condition"];
    for key in [format!("aws:PrincipalTag/{tag}"), format!("secretsmanager:ResourceTag/{tag}")] {
        assert_eq!(condition["StringEquals"][&key], *value.as_str().expect("text"), "{policy}");
    }
    assert_eq!(condition["ForAnyValue:StringLike"]["aws:TagKeys"][0], **tag, "{policy}");
    assert!(condition["StringEquals"].get("aws:PrincipalOrgID").is_some(), "{policy}");
}
