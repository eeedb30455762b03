//! Whole rotations from outside, against moto and a Slack on loopback: the command and the function.

use serde_json::{Value, json};

use super::*;
use crate::{
    emulator::account,
    support::{
        runtime_api::Function,
        slack::{Answer, TOKEN},
    },
};

const EVERYTHING: &str =
    "[mail]\nfrom = \"security@example.com\"\ndigest = [\"slack:keyrota/slack\"]\n\n[events]\nbus = \"default\"";

#[tokio::test]
async fn a_rotation_is_told_to_people_by_every_way_and_to_programs_by_events() {
    let account = account();
    account.allow_sender("example.com").await;
    let slack = Slack::start();
    webhook(&account, &slack).await;
    let (topic, subscriber) = topic(&account).await;
    let bus = rule(&account, "all", &json!({ "source": ["keyrota"] })).await;
    let old = due_user(&account, "ci-deployer").await;
    let notify = format!("\"tag:email\", \"sns:{topic}\", \"slack:{WEBHOOK}\"");
    let folder = manifests(&notify, AT_ONCE, EVERYTHING);
    folder.run_in(&account, &["plan"]).exits(0).shows(&[&topic, "slack:keyrota/slack"]);
    assert_eq!((slack.take_requests(), drain(&account, &bus).await.len()), (0, 0), "a plan sends nothing");

    account.take_requests();
    let arguments = ["apply", "--yes", "-v", "--json-into", "out.json", "--history", "history"];
    let ran = folder.run_in(&account, &arguments).exits(0);
    let ran = ran.shows(&[&format!("told ci-deployer@example.com by mail, sns:{topic}, slack:{WEBHOOK}")]);
    let secret = account.secrets().get_secret_value().secret_id("/aws/iam/credentials/ci-deployer").send().await;
    let credential: Value =
        serde_json::from_str(secret.expect("a value").secret_string().expect("text")).expect("JSON");
    let new = credential["AccessKeyId"].as_str().expect("a key").to_owned();

    // By every way the same words.
    let mail = account.sent_mail();
    assert_eq!(mail.len(), 1, "{mail:#?}");
    let [published] = &drain(&account, &subscriber).await[..] else { panic!("one message is published") };
    assert_eq!(published["Subject"], mail[0].subject.as_str());
    assert_eq!(published["Message"], mail[0].text.as_str());
    assert_eq!(published["MessageAttributes"]["kind"]["Value"], "rotated");
    let [rotated, digest] = &slack.texts()[..] else { panic!("{:#?}", slack.texts()) };
    let plain = rotated.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert_eq!(plain, format!("{}\n\n{}", mail[0].subject, mail[0].text.trim_end()));
    assert!(digest.contains("ci-deployer"), "{digest}");

    // An event a change, in their order.
    let mut events = drain(&account, &bus).await;
    let order = ["create", "promote", "notify", "deactivate", "delete"];
    events.sort_by_key(|event| order.iter().position(|action| event["detail"]["action"] == *action));
    let user = || "ci-deployer".to_owned();
    let expected = ["Created", "Promoted", "Owner Notified", "Deactivated", "Deleted"];
    assert_eq!(kinds(&events), expected.map(|what| (format!("Access Key {what}"), user())));
    let keys: Vec<&str> = events.iter().filter_map(|event| event["detail"]["accessKeyId"].as_str()).collect();
    assert_eq!(keys, [&new, &new, &new, &old, &old]);
    let details: Vec<Value> = events.iter().map(|event| event["detail"].clone()).collect();
    assert_fit_schema(&details);
    let promoted = &events[1];
    let secret =
        format!("arn:aws:secretsmanager:{}:{}:secret:/aws/iam/credentials/ci-deployer", account.region, account.id);
    let arn = format!("arn:aws:iam::{}:user/ci-deployer", account.id);
    assert_eq!(promoted["resources"], json!([arn, secret]));
    assert_eq!(promoted["source"], "keyrota");
    for (field, value) in [
        ("version", "1"),
        ("account", account.id.as_str()),
        ("user", "ci-deployer"),
        ("userArn", &arn),
        ("action", "promote"),
        ("result", "done"),
        ("secretArn", &secret),
        ("secretName", "/aws/iam/credentials/ci-deployer"),
    ] {
        assert_eq!(promoted["detail"][field], value, "{field}");
    }
    let next: Vec<_> = promoted["detail"]["next"].as_array().into_iter().flatten().collect();
    assert_eq!(next.iter().map(|step| &step["action"]).collect::<Vec<_>>(), ["notify", "deactivate", "delete"]);
    assert_eq!((&next[1]["accessKeyId"], &events[4]["detail"]["next"]), (&json!(old), &json!([])));

    // The report and the history say who was told, and how.
    let report: Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    assert_eq!(report["events"], json!({ "bus": "default", "sent": 5, "failed": 0, "error": null }));
    let told = &report["outcomes"][2]["told"];
    let ways: Vec<&str> = told.as_array().into_iter().flatten().filter_map(|one| one["by"].as_str()).collect();
    assert_eq!(ways, ["mail", "sns", "slack"]);
    let history = std::fs::read_dir(folder.path("history")).expect("a folder");
    let mut files: Vec<_> = history.map(|entry| entry.expect("an entry").path()).collect();
    while files[0].is_dir() {
        files = std::fs::read_dir(&files[0]).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    }
    let lines = std::fs::read_to_string(&files[0]).expect("readable");
    for way in ["mail", "sns", "slack"] {
        assert!(lines.contains(&format!("\"by\":\"{way}\"")), "{way}: {lines}");
    }

    // Neither the key nor the webhook's URL is anywhere.
    let secret = credential["SecretAccessKey"].as_str().expect("text").to_owned();
    let all = [&ran.stdout, &ran.stderr, &folder.read("out.json"), &lines, &json!(events).to_string(), rotated, digest];
    for text in all {
        assert!(!text.contains(&secret) && !text.contains(TOKEN), "{text}");
    }
    assert!(!json!(published).to_string().contains(&secret));
    let calls = account.count_requests();
    assert_eq!(calls.get("GetSecretValue"), Some(&2), "one is the test's own: {calls:?}");

    // A second run does nothing, and tells nothing.
    slack.take_requests();
    folder.run_in(&account, &["apply", "--yes"]).exits(0);
    assert_eq!((slack.take_requests(), drain(&account, &bus).await.len()), (0, 0));
}

/// `[mail] from` is for mail: who is told by channels alone needs none.
#[tokio::test]
async fn a_topic_alone_is_enough_and_a_channel_that_fails_fails_nothing() {
    let account = account();
    let slack = Slack::start();
    slack.always(Some(Answer::Said(404, "no_service", None)));
    webhook(&account, &slack).await;
    let (topic, subscriber) = topic(&account).await;
    due_user(&account, "ci-one").await;
    due_user(&account, "ci-two").await;
    let folder = manifests(&format!("\"slack:{WEBHOOK}\", \"sns:{topic}\""), "", "[events]\nbus = \"nowhere\"");
    folder.run(&["check"]).exits(0);
    let ran = folder.run_in(&account, &["apply", "--yes", "--json-into", "out.json"]).exits(0);
    ran.shows(&[
        &format!("told sns:{topic}"),
        "note: the message for slack:keyrota/slack failed: Slack answers 404, `no_service`",
        "Applied: 2 created, 2 promoted, 2 notified; 6 events not sent.",
        "! nowhere",
    ]);
    assert_eq!(slack.take_requests(), 1, "what is refused for good is asked once a run");
    assert_eq!(drain(&account, &subscriber).await.len(), 2);
    let report: Value = serde_json::from_str(&folder.read("out.json")).expect("JSON");
    assert_eq!((&report["events"]["sent"], &report["events"]["failed"]), (&json!(0), &json!(6)));
    assert!(report["events"]["error"].as_str().is_some_and(|error| error.contains("events:PutEvents")), "{report:#}");
}

/// Of a topic that is gone nobody hears: the fallback is told, with the reason. Without one the old key stays.
#[tokio::test]
async fn where_no_channel_took_it_the_fallback_is_told() {
    let account = account();
    account.allow_sender("example.com").await;
    let gone = format!("arn:aws:sns:{}:{}:gone", account.region, account.id);
    due_user(&account, "ci-one").await;
    let mail = "[mail]\nfrom = \"security@example.com\"\n";
    let folder = manifests(&format!("\"sns:{gone}\""), AT_ONCE, mail);
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(5);
    ran.shows(&["2 created".replace('2', "1").as_str(), "sns:Publish", "1 failed"]);
    let with_fallback = format!("{mail}fallback = [\"security@example.com\"]\n");
    let shared = folder.read("manifests/keyrota.toml").replace(mail, &with_fallback);
    folder.write("manifests/keyrota.toml", &shared);
    let ran = folder.run_in(&account, &["apply", "--yes"]).exits(0);
    ran.shows(&["security@example.com was told instead: every recipient was refused", "1 deleted"]);
    let mail = account.sent_mail();
    assert!(mail.iter().all(|mail| mail.to == ["security@example.com"]) && !mail.is_empty(), "{mail:#?}");
    assert!(mail[0].text.contains("could not be told"), "{}", mail[0].text);
}

#[tokio::test]
async fn the_function_tells_channels_and_programs_as_well() {
    let account = account();
    let slack = Slack::start();
    webhook(&account, &slack).await;
    let bus = rule(&account, "all", &json!({ "source": ["keyrota"] })).await;
    due_user(&account, "ci-deployer").await;
    let folder = manifests(
        &format!("\"slack:{WEBHOOK}\""),
        "",
        "[mail]\ndigest = [\"slack:keyrota/slack\"]\n\n[events]\nbus = \"default\"",
    );
    let bootstrap = std::path::Path::new(env!("CARGO_BIN_EXE_bootstrap"));
    let mut environment = account.environment();
    // At the lowest level, where the HTTP client would write whole requests if it were let.
    environment.push(("AWS_LAMBDA_LOG_LEVEL", "TRACE".to_owned()));
    let function = Function::start(bootstrap, &folder.path("."), environment);
    let report = function.invoke(&json!({ "mode": "enforce" })).expect("a run");
    assert_eq!(report["events"], json!({ "bus": "default", "sent": 3, "failed": 0, "error": null }));
    assert_eq!(slack.texts().len(), 2, "{:#?}", slack.texts());
    let happened = drain(&account, &bus).await;
    assert_eq!(counted(kinds(&happened).into_iter().map(|(kind, _)| kind)).len(), 3, "{happened:#?}");

    // The webhook is another one by the next run, and the bus is gone.
    due_user(&account, "ci-second").await;
    slack.always(Some(Answer::Said(500, "fatal_error", None)));
    folder
        .write("manifests/keyrota.toml", &folder.read("manifests/keyrota.toml").replace("\"default\"", "\"nowhere\""));
    let failed = function.invoke(&json!({ "mode": "enforce" })).expect_err("nobody could be told");
    assert!(failed.message.contains("Slack answers 500"), "{failed:?}");
    slack.always(None);
    let carried = function.invoke(&json!({ "mode": "tend" })).expect("a run");
    assert_eq!(carried["outcomes"][0]["result"], "done", "{carried:#}");
    let [stdout, stderr] = function.stop();
    assert!(stdout.contains("\"EventsFailed\":0") && stdout.contains("\"EventsFailed\":3"), "{stdout}");
    assert!(stdout.contains("events not sent") && stdout.contains("slack sent"), "{stdout}");
    for text in [stdout, stderr, report.to_string(), carried.to_string(), format!("{failed:?}")] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}
