//! `doctor` of channels: each is broken by itself, and its line says so with the fix.

use super::*;
use crate::{
    emulator::{Fault, account},
    support::slack::TOKEN,
};

#[tokio::test]
async fn each_channel_has_a_line_that_tells_what_is_broken() {
    let account = account();
    let slack = Slack::start();
    webhook(&account, &slack).await;
    let (topic, _) = topic(&account).await;
    account.create_user("ci-one", "/", &[], &[]).await;
    let folder = manifests(&format!("\"sns:{topic}\", \"slack:{WEBHOOK}\""), "", "[events]\nbus = \"default\"");
    let line = |check: &str| {
        let ran = folder.run_in(&account, &["doctor"]);
        let line = ran.stdout.lines().find(|line| line.contains(&format!(" {check} "))).map(str::to_owned);
        assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN), "{ran:?}");
        line.unwrap_or_else(|| panic!("no line of {check}: {ran:?}"))
    };
    assert!(line("events").starts_with("✓ events") && line("sns").starts_with('✓') && line("slack").starts_with('✓'));
    assert!(line("ses identity").contains("by channels alone"), "{}", line("ses identity"));
    assert_eq!(slack.take_requests(), 0, "nothing is sent");

    for (action, status, code, check, mark, texts) in [
        (
            "DescribeEventBus",
            400,
            "ResourceNotFoundException",
            "events",
            '✗',
            ["there is no event bus default", "fix: make it"],
        ),
        ("DescribeEventBus", 403, "AccessDeniedException", "events", '!', ["can't tell", "events:DescribeEventBus"]),
        ("GetTopicAttributes", 404, "NotFound", "sns", '✗', ["there is no topic", "fix: make it"]),
        ("GetTopicAttributes", 403, "AuthorizationError", "sns", '!', ["can't tell", "sns:GetTopicAttributes"]),
        (
            "GetSecretValue",
            400,
            "ResourceNotFoundException",
            "slack",
            '✗',
            ["there is no secret keyrota/slack", "fix: put"],
        ),
        ("GetSecretValue", 400, "AccessDeniedException", "slack", '!', ["can't tell", "secretsmanager:GetSecretValue"]),
        ("GetSecretValue", 400, "InvalidRequestException", "slack", '✗', ["can't be read", "restore-secret"]),
    ] {
        account.add_fault(Fault::error(action, status, code, "no").forever());
        let line = line(check);
        assert!(line.starts_with(mark) && texts.iter().all(|text| line.contains(text)), "{action} {code}: {line}");
        account.calm();
    }
    let secrets = account.secrets();
    let put = secrets.put_secret_value().secret_id(WEBHOOK).secret_string(format!("https://example.com/{TOKEN}"));
    put.send().await.expect("stored");
    let line = line("slack");
    assert!(
        line.starts_with('✗') && line.contains("holds no URL of a Slack webhook") && line.contains("hooks.slack.com"),
        "{line}"
    );
}
