//! Which events mean what, and how the function is configured.

use super::*;

/// What a rule of EventBridge sends when it has no input of its own.
const RULE_EVENT: &str = r#"{
    "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
    "source": "aws.events", "account": "111122223333", "time": "2026-12-01T08:00:00Z", "region": "eu-west-1",
    "resources": ["arn:aws:events:eu-west-1:111122223333:rule/keyrota-enforce"], "detail": {}
}"#;

/// What EventBridge Scheduler sends when the schedule has no input of its own.
const SCHEDULER_EVENT: &str = r#"{
    "version": "0", "id": "27a5c6ec-0a7f-4d9a-9d3b-3c0e4f1f6b1e", "detail-type": "Scheduled Event",
    "source": "aws.scheduler", "account": "111122223333", "time": "2026-12-01T08:00:00Z", "region": "eu-west-1",
    "resources": ["arn:aws:scheduler:eu-west-1:111122223333:schedule/default/keyrota-enforce"], "detail": "{}"
}"#;

#[tokio::test]
async fn what_eventbridge_sends_by_itself_is_enforce() {
    for event in [RULE_EVENT, SCHEDULER_EVENT, "{}", r#"{"mode": "enforce", "from": "a person"}"#] {
        let fixture = Fixture::new().await;
        fixture.user("ci-deploy", 95).await;
        let event = serde_json::from_str(event).expect("JSON");
        let report = fixture.start().invoke(&event).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(outcomes(&report)[0], "create ci-deploy", "{event}");
    }
}

#[tokio::test]
async fn anything_else_is_refused_and_nothing_is_called() {
    let fixture = Fixture::new().await;
    fixture.user("ci-deploy", 95).await;
    let function = fixture.start();
    for (event, what) in [
        (json!({ "mode": "apply" }), r#"there is no mode "apply""#),
        (json!({ "mode": "Plan" }), r#"there is no mode "Plan""#),
        (json!({ "mode": "a\nb" }), r#"there is no mode "a\nb""#),
        (json!({ "mode": "" }), r#"there is no mode """#),
        (json!({ "mode": null }), "the event's `mode` is not a text"),
        (json!({ "mode": ["plan"] }), "the event's `mode` is not a text"),
        (json!({ "Mode": "plan" }), "the event has no `mode` and is not EventBridge's own"),
        (json!("plan"), "the event is not a JSON object"),
        (json!(["plan"]), "the event is not a JSON object"),
        (json!(null), "the event is not a JSON object"),
    ] {
        let Failure { kind, message } = function.invoke(&event).expect_err("refused");
        let expected = format!(r#"{what}: send {{"mode": "enforce"}}, {{"mode": "tend"}} or {{"mode": "plan"}}"#);
        assert_eq!((kind.as_str(), message), ("BadEvent", expected), "{event}");
    }
    assert_eq!(fixture.account.take_requests(), []);
}

#[tokio::test]
async fn the_log_is_as_the_function_is_configured() {
    let fixture = Fixture::new().await;
    fixture.user("ci-deploy", 95).await;
    let run = |environment: &[(&'static str, &str)]| {
        let function = fixture.start_with(environment);
        function.invoke(&event("plan")).expect("a plan");
        let [stdout, _] = function.stop();
        stdout
    };
    let text = run(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]);
    let (metrics, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('{'));
    assert_eq!((metrics.len(), lines.len()), (2, 1), "{text}");
    assert!(lines[0].contains("planned") && lines[0].contains(REQUEST_ID) && !lines[0].contains('\x1b'), "{text}");

    let quiet = Log::parse(&run(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")]));
    assert_eq!((quiet.lines.len(), quiet.metrics.len()), (0, 2), "metrics are not a matter of the level");
    let talkative = Log::parse(&run(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]));
    assert!(talkative.lines.iter().any(|line| line["operation"] == "iam:ListAccessKeys"), "{:?}", talkative.lines);
}

#[tokio::test]
async fn manifests_are_where_the_function_is_told() {
    let fixture = Fixture::new().await;
    fixture.user("ci-deploy", 95).await;
    fs::rename(fixture.package.path().join("manifests"), fixture.package.path().join("elsewhere")).expect("renamed");
    let function = fixture.start_with(&[("KEYROTA_MANIFESTS", "elsewhere")]);
    let report = function.invoke(&event("plan")).expect("a plan");
    assert_eq!(report["changes"][0]["source"]["file"], "elsewhere/rules.toml");
    assert_eq!(report["revision"], Value::Null);
    let failure = fixture.start().invoke(&event("plan")).expect_err("no manifests where they are by default");
    assert_eq!(failure.kind, "BadManifest");
}
