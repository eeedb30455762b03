//! Each way in which a channel or the bus can fail, at the adapter: what it means, and what is tried again.

use chrono::Utc;
use keyrota::{
    cloud::{BusEvent, Posting, Writes},
    inventory::ErrorKind,
};

use super::*;
use crate::{
    emulator::{Fault, account},
    support::slack::{Answer, TOKEN},
};

fn posting(to: &str, text: &str) -> Posting {
    Posting { to: to.to_owned(), tags: BTreeMap::new(), subject: "Subject".to_owned(), text: text.to_owned() }
}

fn event(detail: &str) -> BusEvent {
    let detail = json!({ "user": detail }).to_string();
    BusEvent { time: Utc::now(), detail_type: "Access Key Created", resources: Vec::new(), detail }
}

#[tokio::test]
async fn slack_says_no_in_many_ways() {
    let account = account();
    let slack = Slack::start();
    webhook(&account, &slack).await;
    let cloud = account.connect().await;
    let message = posting(WEBHOOK, "{\"text\": \"hello\"}");
    for (answer, kind, tries, words) in [
        (Answer::Said(400, "invalid_payload", None), ErrorKind::Refused, 1, "400, `invalid_payload`"),
        (Answer::Said(403, "action_prohibited", None), ErrorKind::Refused, 1, "403, `action_prohibited`"),
        (Answer::Said(404, "no_service", None), ErrorKind::Refused, 1, "404, `no_service`"),
        (Answer::Said(410, "channel_is_archived", None), ErrorKind::Refused, 1, "410, `channel_is_archived`"),
        (Answer::Said(302, "", None), ErrorKind::Refused, 1, "sends elsewhere"),
        (Answer::Said(429, "", Some(3600)), ErrorKind::Throttled, 1, "rate limit"),
        (Answer::Said(429, "", Some(0)), ErrorKind::Throttled, 3, "rate limit"),
        (Answer::Said(500, "", None), ErrorKind::Other, 3, "Slack answers 500"),
        (Answer::Said(503, "<html>hush</html>", None), ErrorKind::Other, 3, "Slack answers 503"),
        (Answer::Said(200, "<html>Welcome</html>", None), ErrorKind::Malformed, 1, "is not Slack's"),
        (Answer::Dropped, ErrorKind::Other, 3, "no connection"),
    ] {
        slack.always(Some(answer));
        slack.take_requests();
        let error = cloud.post_to_webhook(&message).await.expect_err("refused");
        assert_eq!((error.kind, slack.take_requests()), (kind, tries), "{answer:?}: {error}");
        assert!(error.message.contains(words), "{answer:?}: {error}");
        let shown = format!("{error}{error:?}");
        assert!(!shown.contains(TOKEN) && !shown.contains("hush") && !shown.contains("Welcome"), "{shown}");
    }
    // What passes, passes.
    slack.always(None);
    slack.fail(&[Answer::Said(429, "", Some(0)), Answer::Dropped]);
    cloud.post_to_webhook(&message).await.expect("taken in the end");
    assert_eq!(slack.texts(), ["hello"]);
    let refused = cloud.post_to_webhook(&posting(WEBHOOK, "{}")).await.expect_err("no message");
    assert!(refused.message.contains("no_text"), "{refused}");
}

#[tokio::test]
async fn a_webhooks_secret_is_read_once_and_tells_nothing_of_itself() {
    let account = account();
    let slack = Slack::start();
    let cloud = account.connect().await;
    let message = posting(WEBHOOK, "{\"text\": \"hello\"}");
    let error = cloud.post_to_webhook(&message).await.expect_err("there is no secret");
    assert_eq!(error.kind, ErrorKind::NotFound);
    webhook(&account, &slack).await;
    let secrets = account.secrets();
    let put = |value: String| secrets.put_secret_value().secret_id(WEBHOOK).secret_string(value).send();
    put(format!("https://example.com/{TOKEN}")).await.expect("stored");
    let error = cloud.post_to_webhook(&message).await.expect_err("not Slack's");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(!format!("{error:?}").contains(TOKEN) && error.hint.is_some(), "{error:?}");
    let bytes = aws_sdk_secretsmanager::primitives::Blob::new(slack.url.as_bytes());
    secrets.put_secret_value().secret_id(WEBHOOK).secret_binary(bytes).send().await.expect("stored");
    let error = cloud.post_to_webhook(&message).await.expect_err("no text");
    assert!(error.message.contains("no SecretString"), "{error}");
    put(json!({ "url": slack.url }).to_string()).await.expect("stored");
    account.take_requests();
    for _ in 0..3 {
        cloud.post_to_webhook(&message).await.expect("taken");
    }
    assert_eq!(account.count_requests().get("GetSecretValue"), Some(&1));
    account.add_fault(Fault::error("GetSecretValue", 400, "AccessDeniedException", "no").forever());
    let denied = account.connect().await.post_to_webhook(&message).await.expect_err("denied");
    assert_eq!((denied.kind, denied.operation), (ErrorKind::Denied, "secretsmanager:GetSecretValue"));
    // A page of a proxy is no answer.
    account.calm();
    account.add_fault(Fault::body(
        "GetSecretValue",
        200,
        "{\"ARN\": \"x\", \"Name\": \"other\", \"SecretString\": \"x\"}",
    ));
    let other = account.connect().await.post_to_webhook(&message).await.expect_err("another's");
    assert_eq!(other.kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn sns_says_no_in_many_ways() {
    let account = account();
    let (arn, subscriber) = topic(&account).await;
    let cloud = account.connect().await;
    for (fault, kind) in [
        (Fault::error("Publish", 403, "AuthorizationError", "no"), ErrorKind::Denied),
        (Fault::error("Publish", 404, "NotFound", "Topic does not exist"), ErrorKind::NotFound),
        (Fault::error("Publish", 400, "InvalidParameter", "no"), ErrorKind::Refused),
        (Fault::error("Publish", 400, "KMSAccessDenied", "no"), ErrorKind::Refused),
        (Fault::error("Publish", 500, "InternalError", "no"), ErrorKind::Other),
        (Fault::error("Publish", 400, "Throttled", "Rate exceeded"), ErrorKind::Throttled),
        (Fault::body("Publish", 200, "<html/>"), ErrorKind::Malformed),
    ] {
        account.add_fault(fault.forever());
        let error = cloud.publish(&posting(&arn, "hello")).await.expect_err("refused");
        assert_eq!((error.kind, error.operation), (kind, "sns:Publish"), "{error}");
        account.calm();
    }
    cloud.publish(&posting(&arn, "hello")).await.expect("published");
    assert_eq!(drain(&account, &subscriber).await.len(), 1);
}

/// Only what was refused is put again, and what is refused for good is said.
#[tokio::test]
async fn events_that_were_not_taken_are_put_again_and_no_others() {
    let account = account();
    let bus = rule(&account, "all", &json!({ "source": ["keyrota"] })).await;
    let cloud = account.connect().await;
    let partial = |entries: Value| {
        let failed =
            entries.as_array().map_or(0, |all| all.iter().filter(|entry| !entry["ErrorCode"].is_null()).count());
        Fault::body("PutEvents", 200, &json!({ "FailedEntryCount": failed, "Entries": entries }).to_string())
    };
    let taken = || json!({ "EventId": "11111111-2222-3333-4444-555555555555" });
    let refused = |code: &str| json!({ "ErrorCode": code, "ErrorMessage": "not now" });
    account.add_fault(partial(json!([taken(), refused("ThrottlingException"), refused("InternalFailure")])));
    account.add_fault(partial(json!([taken(), refused("InternalFailure")])));
    account.take_requests();
    let results = cloud.put_events("default", &[event("a"), event("b"), event("c")]).await.expect("answered");
    assert_eq!(results, [None, None, None]);
    assert_eq!(account.count_requests().get("PutEvents"), Some(&3));
    let users: Vec<String> = kinds(&drain(&account, &bus).await).into_iter().map(|(_, user)| user).collect();
    assert_eq!(users, ["c"], "the emulator took what the third call put, and nothing twice");

    account.add_fault(partial(json!([refused("NotAuthorizedForSourceException"), taken()])));
    let results = cloud.put_events("default", &[event("a"), event("b")]).await.expect("answered");
    assert_eq!(results, [Some("not now (NotAuthorizedForSourceException)".to_owned()), None]);
    account.take_requests();
    account.add_fault(partial(json!([refused("ThrottlingException")])).forever());
    let results = cloud.put_events("default", &[event("a")]).await.expect("answered");
    assert_eq!(results, [Some("not now (ThrottlingException)".to_owned())]);
    assert_eq!(account.count_requests().get("PutEvents"), Some(&4), "not for ever");
    account.calm();
    // An answer about other events is none.
    account.add_fault(partial(json!([taken()])));
    let error = cloud.put_events("default", &[event("a"), event("b")]).await.expect_err("not of these");
    assert_eq!(error.kind, ErrorKind::Malformed);
    account.add_fault(Fault::error("PutEvents", 403, "AccessDeniedException", "no").forever());
    let error = cloud.put_events("default", &[event("a")]).await.expect_err("denied");
    assert_eq!((error.kind, error.operation), (ErrorKind::Denied, "events:PutEvents"));
}

/// A bus and a topic are asked where they are.
#[tokio::test]
async fn another_region_is_called_there() {
    let account = account();
    let elsewhere = TestAccount { region: "us-east-1".to_owned(), ..account.clone() };
    elsewhere.buses().create_event_bus().name("security").send().await.expect("a bus");
    let (topic, subscriber) = topic(&elsewhere).await;
    let cloud = account.connect().await;
    account.take_requests();
    let bus = format!("arn:aws:events:us-east-1:{}:event-bus/security", account.id);
    assert_eq!(cloud.put_events(&bus, &[event("a")]).await, Ok(vec![None]));
    cloud.publish(&posting(&topic, "hello")).await.expect("published");
    let regions: Vec<_> = account.take_requests().into_iter().filter_map(|request| request.region).collect();
    assert_eq!(regions, ["us-east-1", "us-east-1"]);
    assert_eq!(drain(&elsewhere, &subscriber).await.len(), 1);
}
