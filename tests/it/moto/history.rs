//! What happened is kept: in a versioned bucket with Object Lock, and in a folder.

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{
        BucketLocationConstraint, CreateBucketConfiguration, DefaultRetention, ObjectLockConfiguration,
        ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
    },
};
use chrono::{TimeDelta, Utc};
use keyrota::{
    cloud::{Archive, aws::Bucket},
    history::{self, Folder as Archived, History, Means, Outcome, Record},
};

use crate::{
    command::{Folder, Ran},
    emulator::{Fault, TestAccount, account},
};

const MANIFEST: &str = "version = 1\n[defaults]\nnotify = [\"tag:email\"]\n[mail]\nfrom = \"security@example.com\"\n\
                        fallback = [\"fallback@example.com\"]\n[[rotate]]\nusers = [\"ci-*\"]\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n";

fn folder() -> Folder {
    Folder::new(&[("manifests/keyrota.toml", MANIFEST)])
}

/// An account with two users whose keys are due; one has no address.
async fn due() -> TestAccount {
    let account = account();
    account.allow_sender("example.com").await;
    for (user, tags) in [("ci-a", &[("email", "owner@example.com")][..]), ("ci-b", &[])] {
        account.create_user(user, "/", tags, &[]).await;
        account.create_key(user, Utc::now() - TimeDelta::days(100)).await;
    }
    account.set_clock(Utc::now());
    account
}

/// A bucket as Terraform makes it: versioned, and what is written stays for a time.
async fn bucket(account: &TestAccount, name: &str) -> String {
    let name = format!("{name}-{}", account.id);
    let s3 = account.buckets();
    let place = BucketLocationConstraint::from(account.region.as_str());
    s3.create_bucket()
        .bucket(&name)
        .object_lock_enabled_for_bucket(true)
        .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build())
        .send()
        .await
        .expect("a bucket");
    let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).days(365).build();
    let lock = ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(retention).build())
        .build();
    s3.put_object_lock_configuration().bucket(&name).object_lock_configuration(lock).send().await.expect("a lock");
    name
}

async fn objects(account: &TestAccount, bucket: &str) -> Vec<(String, usize)> {
    let versions = account.buckets().list_object_versions().bucket(bucket).send().await.expect("versions");
    let mut names: Vec<String> = versions.versions().iter().filter_map(|one| Some(one.key()?.to_owned())).collect();
    names.sort();
    let unique: std::collections::BTreeSet<_> = names.iter().cloned().collect();
    unique.into_iter().map(|name| (name.clone(), names.iter().filter(|one| **one == name).count())).collect()
}

fn check(history: &History, run_by: &str) {
    assert_eq!(history.unusable, []);
    let Some(Record::Run(run)) = history.records.first() else { panic!("{history:#?}") };
    assert_eq!((run.by.as_str(), run.mode.as_str(), run.verdict.as_str()), (run_by, "enforce", "complete"));
    let changes: Vec<_> = history
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Change(change) => Some(change),
            _ => None,
        })
        .collect();
    let of = |user: &str| -> Vec<&str> {
        changes.iter().filter(|one| one.user == user).map(|one| one.verb.as_str()).collect()
    };
    assert_eq!(of("ci-a"), ["create", "promote", "notify", "deactivate", "delete"]);
    assert_eq!(of("ci-b"), of("ci-a"));
    assert!(changes.iter().all(|change| change.result == Outcome::Ok && change.run == run.run && change.key.is_some()));
    assert!(changes.iter().all(|change| change.user_arn.ends_with(&format!("user/{}", change.user))));
    let told = |user: &str| {
        let told: Vec<_> = changes.iter().filter(|one| one.user == user).flat_map(|one| &one.told).collect();
        let [told] = told[..] else { panic!("{told:?}") };
        (told.address.clone(), told.by)
    };
    assert_eq!(told("ci-a"), ("owner@example.com".to_owned(), Means::Mail));
    assert_eq!(told("ci-b"), ("fallback@example.com".to_owned(), Means::Fallback));
    let Some(Record::End(end)) = history.records.last() else { panic!("{history:#?}") };
    assert_eq!((end.done, end.failed, end.deferred, end.unreadable), (10, 0, 0, 0));
}

#[tokio::test]
async fn a_run_is_written_to_a_locked_bucket_once() {
    let account = due().await;
    let bucket = bucket(&account, "evidence").await;
    let folder = folder();
    let place = format!("s3://{bucket}/keyrota/history");
    folder.run_in(&account, &["apply", "--yes", "--history", &place]).exits(0);
    let archive = Bucket::open_with(&account.settings(), &bucket, "keyrota/history/").await;
    check(&history::read(&archive, None).await.expect("a history"), "command");
    let [(name, 1)] = &objects(&account, &bucket).await[..] else { panic!("one object") };
    assert!(name.starts_with(&Utc::now().format("keyrota/history/%Y/%m/").to_string()), "{name}");
    let content =
        String::from_utf8(archive.content(name.strip_prefix("keyrota/history/").expect("below")).await.expect("text"));
    let content = content.expect("text");
    for user in ["ci-a", "ci-b"] {
        let value = account.secrets().get_secret_value().secret_id(format!("/aws/iam/credentials/{user}")).send().await;
        let value = value.expect("a secret").secret_string.expect("a value");
        let value: serde_json::Value = serde_json::from_str(&value).expect("JSON");
        assert!(!content.contains(value["SecretAccessKey"].as_str().expect("a secret key")));
    }
    // What is there is not written over, not even as another version.
    let name = name.strip_prefix("keyrota/history/").expect("below").to_owned();
    archive.add(&name, "something else").await.expect("it is there");
    assert_eq!(archive.content(&name).await.expect("text"), content.as_bytes());
    assert_eq!(objects(&account, &bucket).await.len(), 1);
    // A run that does nothing is one as well.
    folder.run_in(&account, &["apply", "--yes", "--history", &place]).exits(0);
    let history = history::read(&archive, None).await.expect("a history");
    assert_eq!(history.records.iter().filter(|record| matches!(record, Record::Run(_))).count(), 2);
    let tomorrow = Utc::now() + TimeDelta::days(2);
    assert_eq!(history::read(&archive, Some(tomorrow)).await.expect("a history"), History::default());
}

/// Losing the history loses no key and stops no run.
#[tokio::test]
async fn a_history_that_can_not_be_written_is_said_and_changes_nothing() {
    let account = due().await;
    let folder = folder();
    let ran = folder.run_in(&account, &["apply", "--yes", "--history", "s3://nobody-has-this-bucket"]).exits(0);
    ran.says(&["the history of this run is not written", "s3:PutObject", "create the bucket"]).shows(&["delete"]);
    let bucket = bucket(&account, "denied").await;
    for fault in [
        Fault::error("PutObject", 403, "AccessDenied", "no"),
        Fault::drop("PutObject").forever(),
        Fault::body("PutObject", 200, "<html>Welcome to this hotel's network</html>").forever(),
    ] {
        account.add_fault(fault);
        let ran = folder.run_in(&account, &["apply", "--yes", "--history", &format!("s3://{bucket}")]).exits(0);
        ran.says(&["the history of this run is not written"]);
        account.calm();
    }
    assert_eq!(objects(&account, &bucket).await, []);
    folder.write("file", "");
    folder.run_in(&account, &["apply", "--yes", "--history", "file"]).exits(0).says(&["is not written"]);
    let bad = folder.run_in(&account, &["apply", "--yes", "--history", "s3://Not_A_Bucket"]).exits(64);
    bad.says(&["is no name of a bucket"]);
}

/// A folder is as good; and what can't be used of it is said, and the rest used.
#[tokio::test]
async fn what_is_cut_off_or_foreign_is_said_and_the_rest_used() {
    let account = due().await;
    let folder = folder();
    let written: Ran = folder.run_in(&account, &["apply", "--yes", "--history", "history"]).exits(0);
    drop(written);
    let archive = Archived::new(folder.path("history"));
    check(&history::read(&archive, None).await.expect("a history"), "command");
    let [name] = &archive.names("").await.expect("names")[..] else { panic!("one file") };
    let text = folder.read(&format!("history/{name}"));
    let lines = text.lines().count();
    // The machine died while it wrote.
    folder.write(&format!("history/{name}"), &text[..text.len() - 20]);
    folder.write("history/notes.txt", "mine");
    folder.write(
        "history/2026/11/01/20261101T080000Z-0000.jsonl",
        "{\"schema\": \"keyrota/history/v2\", \"record\": \"run\"}\n",
    );
    folder.write("history/2026/11/02/20261102T080000Z-0000.jsonl", "");
    let history = history::read(&archive, None).await.expect("a history");
    assert_eq!(history.records.len(), lines - 1);
    let said: Vec<String> = history.unusable.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "2026/11/01/20261101T080000Z-0000.jsonl: line 1 is `keyrota/history/v2`, not `keyrota/history/v1`; it does not say \
             which run it is of; nothing of it is used"
                .to_owned(),
            "2026/11/02/20261102T080000Z-0000.jsonl: it does not say which run it is of; nothing of it is used".to_owned(),
            format!("{name}: cut off in line {lines}; {} lines of it are used", lines - 1),
            "notes.txt: no file of a history; left out".to_owned(),
        ]
    );
    // The same in a bucket.
    let bucket = bucket(&account, "foreign").await;
    let s3 = account.buckets();
    let whole = text.rsplit_once("{").expect("lines").0.to_owned();
    for (key, body) in
        [("h/photo.jpg", "x".to_owned()), (&format!("h/{name}"), whole), ("other/x.jsonl", "{}".to_owned())]
    {
        s3.put_object()
            .bucket(&bucket)
            .key(key)
            .body(ByteStream::from(body.into_bytes()))
            .send()
            .await
            .expect("an object");
    }
    let archive = Bucket::open_with(&account.settings(), &bucket, "h/").await;
    let history = history::read(&archive, None).await.expect("a history");
    let said: Vec<String> = history.unusable.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            format!("{name}: cut off: its end is missing; {} lines of it are used", lines - 1),
            "photo.jpg: no file of a history; left out".to_owned(),
        ]
    );
    let absent = Bucket::open_with(&account.settings(), "nobody-has-this-bucket", "").await;
    let error = history::read(&absent, None).await.expect_err("there is no bucket");
    assert!(error.message.contains("s3:ListBucket"), "{error:?}");
}

/// The committed schema of a line is current, and every line that is written is as it says.
#[test]
fn lines_are_as_their_schema_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/history.v1.json");
    let folder = crate::binary::folder();
    let schema = folder.run(&["schema", "history"]).exits(0).stdout;
    if crate::golden::is_blessing() {
        std::fs::write(&path, &schema).expect("the schema is written");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), schema, "BLESS=1 cargo test rewrites it");
    let fits = |file: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulator/formats.py");
        let mut command = std::process::Command::new(crate::emulator::python("formats.txt"));
        let file = folder.path(file);
        command.arg(script).arg("schema").arg(&path).arg(file).output().expect("python runs").status.success()
    };
    folder.run(&["apply", "--yes", "--sandbox", "sandbox.toml", "--history", "history"]).exits(0);
    let archive = Archived::new(folder.path("history"));
    let names = futures::FutureExt::now_or_never(archive.names("")).expect("a folder never waits").expect("names");
    let [name] = &names[..] else { panic!("{names:?}") };
    let text = folder.read(&format!("history/{name}"));
    assert!(text.lines().count() > 4 && fits(&format!("history/{name}")), "{text}");
    folder.write("wrong.jsonl", &text.replace("\"result\":\"ok\"", "\"result\":\"perhaps\""));
    assert!(!fits("wrong.jsonl"), "a schema that anything fits is none");
}
