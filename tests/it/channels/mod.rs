//! What is told to channels and to programs: SNS topics, Slack webhooks, and events on a bus.

mod doctor;
mod faults;
mod recipes;
mod rotation;
mod simulated;

use std::collections::BTreeMap;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::{command::Folder, emulator::TestAccount, support::slack::Slack};

/// The secret that holds the webhook's URL.
const WEBHOOK: &str = "keyrota/slack";

/// A whole rotation in one run.
const AT_ONCE: &str = "overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"";

/// What was put on a queue: that of a topic's subscriber, or a rule's target.
async fn queue(account: &TestAccount, name: &str) -> (String, String) {
    let url = account.queues().create_queue().queue_name(name).send().await.expect("a queue").queue_url.expect("a URL");
    let asked = account.queues().get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let attributes = asked.send().await.expect("attributes").attributes.expect("some");
    (url, attributes[&QueueAttributeName::QueueArn].clone())
}

/// Takes everything that lies in a queue.
async fn drain(account: &TestAccount, queue: &str) -> Vec<Value> {
    let mut taken = Vec::new();
    loop {
        let receive = account.queues().receive_message().queue_url(queue).max_number_of_messages(10);
        let messages = receive.send().await.expect("messages").messages.unwrap_or_default();
        if messages.is_empty() {
            return taken;
        }
        for message in messages {
            taken.push(serde_json::from_str(&message.body.expect("a body")).expect("JSON"));
            let delete = account.queues().delete_message().queue_url(queue);
            delete.receipt_handle(message.receipt_handle.expect("a handle")).send().await.expect("deleted");
        }
    }
}

/// A topic, and a queue that gets what is published there.
async fn topic(account: &TestAccount) -> (String, String) {
    let topics = account.topics();
    let arn = topics.create_topic().name("keyrota").send().await.expect("a topic").topic_arn.expect("an ARN");
    let (url, queue) = queue(account, "of-the-topic").await;
    topics.subscribe().topic_arn(&arn).protocol("sqs").endpoint(queue).send().await.expect("subscribed");
    (arn, url)
}

/// A queue that gets the events of the default bus which a pattern matches.
async fn rule(account: &TestAccount, name: &str, pattern: &Value) -> String {
    let (url, arn) = queue(account, name).await;
    let buses = account.buses();
    buses.put_rule().name(name).event_pattern(pattern.to_string()).send().await.expect("a rule");
    let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build().expect("a target");
    buses.put_targets().rule(name).targets(target).send().await.expect("a target");
    url
}

/// A secret with the URL of a Slack.
async fn webhook(account: &TestAccount, slack: &Slack) {
    let create = account.secrets().create_secret().name(WEBHOOK).secret_string(&slack.url);
    create.send().await.expect("a secret");
}

/// Manifests whose owners are told so, with more of `keyrota.toml`.
fn manifests(notify: &str, defaults: &str, more: &str) -> Folder {
    let shared = format!("version = 1\n\n[defaults]\nnotify = [{notify}]\n{defaults}\n\n{more}\n");
    Folder::new(&[
        ("manifests/keyrota.toml", &shared),
        ("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"ci-*\"]\n"),
    ])
}

/// Whether the details are as the committed schema says.
#[track_caller]
fn assert_fit_schema(details: &[Value]) {
    let folder = Folder::new(&[]);
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema/event.v1.json");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulator/formats.py");
    let lines: String = details.iter().map(|detail| detail.to_string() + "\n").collect();
    folder.write("details.jsonl", &lines);
    let mut command = std::process::Command::new(crate::emulator::python("formats.txt"));
    let checked = command.arg(script).arg("schema").arg(schema).arg(folder.path("details.jsonl")).output();
    let checked = checked.expect("python runs");
    assert!(checked.status.success(), "{lines}\n{}", String::from_utf8_lossy(&checked.stderr));
}

/// The detail types of events, in order of time, each with the user.
fn kinds(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events.iter().map(|event| (text(&event["detail-type"]), text(&event["detail"]["user"]))).collect()
}

/// How often each text is there.
fn counted(texts: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    texts.into_iter().fold(BTreeMap::new(), |mut counts, text| {
        *counts.entry(text).or_default() += 1;
        counts
    })
}

/// A user with a key that is due.
async fn due_user(account: &TestAccount, name: &str) -> String {
    let email = format!("{name}@example.com");
    account.create_user(name, "/", &[("email", &email)], &[]).await;
    let at = chrono::Utc::now() - chrono::TimeDelta::days(95);
    let (key, _) = account.create_key(name, at).await;
    account.set_clock(chrono::Utc::now());
    key.to_string()
}

/// The committed schema of a detail is current.
#[test]
fn the_schema_of_an_event_is_committed() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/event.v1.json");
    let schema = Folder::new(&[]).run(&["schema", "event"]).exits(0).stdout;
    if crate::golden::is_blessing() {
        std::fs::write(&path, &schema).expect("the schema is written");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), schema, "BLESS=1 cargo test rewrites it");
    assert_eq!(
        serde_json::from_str::<Value>(&schema).expect("JSON")["properties"]["version"],
        json!({
            "description": "Of this document: `1`. Fields are only added.", "type": "string",
        })
    );
}
