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
    let bare = r#"{"source": "aws.events", "detail-type": "Scheduled Event"}"#;
    for event in [RULE_EVENT, SCHEDULER_EVENT, bare, r#"{"mode": "enforce"}"#] {
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
    let no_schedule = "the event has no `mode` and is not that of a schedule of EventBridge";
    let unknown = |name: &str| format!("the event has the field {name:?} beside `mode`, which keyrota doesn't know");
    let broken_schedules = [
        r#"{"detail-type": {}}"#,
        r#"{"detail-type": "Scheduled Event"}"#,
        r#"{"source": "aws.scheduler", "detail-type": "Scheduled Event", "step": "list", "run": "x"}"#,
        r#"{"source": "aws.events"}"#,
        r#"{"source": ["aws.events"], "detail-type": "Scheduled Event"}"#,
        r#"{"source": "aws.events", "detail-type": ["Scheduled Event"]}"#,
        r#"{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {}}"#,
        r#"{"source": "acme.ops", "detail-type": "Scheduled Event", "detail": {}}"#,
        r#"{"source": "aws.events", "detail-type": "Scheduled Event", "detail": 1}"#,
        r#"{"source": "aws.events", "detail-type": "Scheduled Event", "time": {}}"#,
        r#"{"source": "aws.events", "detail-type": "Scheduled Event", "resources": "all"}"#,
        r#"{"Mode": "plan"}"#,
        "{}",
    ];
    let cases = [
        (r#"{"mode": "apply"}"#, r#"there is no mode "apply""#.to_owned()),
        (r#"{"mode": "Plan"}"#, r#"there is no mode "Plan""#.to_owned()),
        (r#"{"mode": "a\nb"}"#, r#"there is no mode "a\nb""#.to_owned()),
        (r#"{"mode": ""}"#, r#"there is no mode """#.to_owned()),
        (r#"{"mode": null}"#, "the event's `mode` is not a text".to_owned()),
        (r#"{"mode": ["plan"]}"#, "the event's `mode` is not a text".to_owned()),
        (r#"{"mode": {"mode": "plan"}}"#, "the event's `mode` is not a text".to_owned()),
        (r#"{"mode": "plan", "mode": "enforce"}"#, r#"the event has the field "mode" twice"#.to_owned()),
        (r#"{"mode": "enforce", "mode": "enforce"}"#, r#"the event has the field "mode" twice"#.to_owned()),
        (r#"{"mode": "enforce", "dry-run": true}"#, unknown("dry-run")),
        (r#"{"source": "aws.events", "detail-type": "Scheduled Event", "mode": "tend"}"#, unknown("source")),
        (
            r#"{"source": "acme", "source": "aws.events", "detail-type": "Scheduled Event"}"#,
            r#"the event has the field "source" twice"#.to_owned(),
        ),
        (r#"{"step": "list", "run": "r"}"#, no_schedule.to_owned()),
        (
            r#"{"mode": "enforce", "step": "list", "run": "r", "input": {"mode": "enforce", "dry-run": true}}"#,
            r#"the execution was started with the field "dry-run", which keyrota doesn't know"#.to_owned(),
        ),
        (
            r#"{"mode": "enforce", "step": "list", "run": "r", "input": []}"#,
            "what the execution was started with is no JSON object".to_owned(),
        ),
        (r#"{"mode": "enforce", "step": "lists"}"#, r#"there is no step "lists""#.to_owned()),
        (r#"{"mode": "enforce", "step": 1}"#, "the event's `step` is not a text".to_owned()),
        (r#"{"mode": "enforce", "step": "list"}"#, "the event of the step `list` has no `run`".to_owned()),
        (
            r#"{"mode": "enforce", "step": "list", "run": "r", "account": {}}"#,
            r#"the event has the field "account" beside those of the step `list`, which keyrota doesn't know"#
                .to_owned(),
        ),
        (
            r#"{"mode": "enforce", "step": "account", "run": "r", "account": {"id": "1"}}"#,
            "the event's `account` is none of a list: 1 is not the id of an account".to_owned(),
        ),
        (
            r#"{"mode": "enforce", "step": "merge", "run": "r", "map": {}, "began": {}, "execution": {}}"#,
            "the event's `map` says neither that the accounts ended nor why not".to_owned(),
        ),
        (
            r#"{"mode": "enforce", "step": "merge", "run": "r", "map": {"status": "ended"}, "began": 1, "execution": {}}"#,
            "`began` and `execution` are what Step Functions says of the execution".to_owned(),
        ),
        (r#""plan""#, "the event is not a JSON object".to_owned()),
        (r#"["plan"]"#, "the event is not a JSON object".to_owned()),
        ("null", "the event is not a JSON object".to_owned()),
        ("true", "the event is not a JSON object".to_owned()),
        ("7", "the event is not a JSON object".to_owned()),
        ("-7", "the event is not a JSON object".to_owned()),
        ("7.5", "the event is not a JSON object".to_owned()),
    ];
    let refused = broken_schedules.map(|event| (event, no_schedule.to_owned())).into_iter().chain(cases);
    for (event, what) in refused {
        let answer = function.invoke_text(Duration::from_secs(900), event.to_owned());
        let Failure { kind, message } = answer.expect_err(event);
        let expected = format!(r#"{what}: send {{"mode": "enforce"}}, {{"mode": "tend"}} or {{"mode": "plan"}}"#);
        assert_eq!((kind.as_str(), message), ("BadEvent", expected), "{event}");
    }
    assert_eq!(fixture.account.take_requests(), []);
}

#[tokio::test]
async fn a_step_of_a_fleet_needs_a_bucket() {
    let fixture = Fixture::new().await;
    fixture.account.take_requests();
    let answer = fixture.start().invoke(&json!({ "mode": "enforce", "step": "list", "run": "r" }));
    let Failure { kind, message } = answer.expect_err("there is none");
    assert!(kind == "NoBucket" && message.contains("set KEYROTA_FLEET to s3://BUCKET/PREFIX"), "{kind}: {message}");
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
