//! What fails an invocation, and that the next one gets over it.

use super::*;
use crate::emulator::Fault;

#[track_caller]
fn fails(function: &Function, event: &Value) -> Failure {
    match function.invoke(event) {
        Err(failure) => failure,
        Ok(report) => panic!("this did not fail: {report:#}"),
    }
}

#[tokio::test]
async fn a_failed_change_fails_the_invocation_after_everything_else_was_done() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    fixture.user("ci-b", 95).await;
    let suspended = Fault::error("SendEmail", 400, "AccountSuspendedException", "Sending is paused.");
    fixture.account.add_fault(suspended.only("to", "ci-a@example.com"));
    let function = fixture.start();
    let failure = fails(&function, &event("enforce"));
    assert_eq!(failure.kind, "ChangesFailed");
    assert!(failure.message.starts_with("1 of 6 changes failed; "), "{}", failure.message);
    assert!(failure.message.contains("notify ci-a: "), "{}", failure.message);
    assert!(failure.message.contains("Sending is paused."), "{}", failure.message);
    let told: Vec<_> = fixture.account.sent_mail().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told, ["ci-b@example.com"]);

    let report = function.invoke(&event("tend")).expect("a run");
    assert_eq!(outcomes(&report), ["notify ci-a"]);

    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    let logged = log.lines.iter().find_map(|line| line["report"].as_str()).expect("the report in the log");
    let logged: Value = serde_json::from_str(logged).expect("JSON");
    assert!(outcomes(&logged).contains(&"notify ci-a failed".to_owned()), "{logged:#}");
    let errors = log.messages(&["ERROR"]);
    assert_eq!(errors[..2], ["notify failed", "the report of the run"]);
    assert!(errors[2].starts_with("ChangesFailed: ") && errors.len() == 3, "{errors:?}");
    assert_eq!((log.metric("Failures"), log.metric("Created")), (vec![1, 0], vec![2, 0]));
    let credential = fixture.credential("ci-a").await;
    assert!(!stdout.contains(credential["SecretAccessKey"].as_str().expect("text")));
}

#[tokio::test]
async fn broken_manifests_are_all_shown_and_nothing_is_called() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    fixture.write("broken.toml", "version = 1\n[[rotate]]\nusers = [\"x\"]\nmax-agee = \"90d\"\n");
    fixture.write("worse.toml", "version = 1\n[[rotate]]\nusers = [\"y\"]\noverlap = \"1 month\"\n");
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "BadManifest");
    assert!(message.starts_with("nothing was changed, the manifests have 2 errors\n"), "{message}");
    for text in ["manifests/broken.toml:4", "max-agee", "manifests/worse.toml:4", "1 month"] {
        assert!(message.contains(text), "no {text} in {message}");
    }
    assert_eq!(fixture.account.take_requests(), []);

    // Manifests are loaded for each invocation.
    fixture.write("broken.toml", "version = 1\n");
    fixture.write("worse.toml", "version = 1\n");
    let report = function.invoke(&event("plan")).expect("a plan");
    assert_eq!(report["summary"]["create"], 1);
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.messages(&["ERROR"]), [format!("BadManifest: {message}")], "logged once");
}

#[tokio::test]
async fn rules_that_collide_for_a_user_stop_nobody_else() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    fixture.user("ci-b", 95).await;
    fixture.write("more.toml", "version = 1\n[[rotate]]\nusers = [\"*-a\"]\n");
    let function = fixture.start();
    let report = function.invoke(&event("enforce")).expect("a run");
    assert_eq!(outcomes(&report), ["create ci-b", "promote ci-b", "notify ci-b"]);
    let blocked = &report["waiting"][0];
    assert_eq!((&blocked["user"], &blocked["reason"]), (&json!("ci-a"), &json!("ambiguous-rules")));
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    let warnings = log.messages(&["WARN"]);
    assert!(warnings.contains(&"two rules select `ci-a`: nothing is done to it"), "{warnings:?}");
}

#[tokio::test]
async fn exceeded_limits_change_nothing() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    fixture.user("ci-b", 95).await;
    fixture.write("keyrota.toml", &format!("{SHARED}\n[limits]\nmax-actions = 1\n"));
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "LimitExceeded");
    assert!(message.contains("2 changes are planned, `max-actions` allows 1 (manifests/keyrota.toml:"), "{message}");
    assert_eq!(fixture.writes(), [""; 0]);
    // What a run may not do is not counted.
    function.invoke(&event("tend")).expect("a run");
    let report = function.invoke(&event("plan")).expect("a plan is there to be looked at");
    assert_eq!(report["summary"]["create"], 2);
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.metric("KeysOverMaxAge"), [2, 2, 2]);
    assert_eq!(log.metric("RunsCompleted"), [1], "of tend alone");
    assert_eq!(log.messages(&["WARN"]).len(), 1, "the plan's limit");
}

#[tokio::test]
async fn a_connection_that_fails_is_tried_again_by_the_next_invocation() {
    let fixture = Fixture::new().await;
    fixture.account.add_fault(Fault::error("GetCallerIdentity", 403, "AccessDenied", "Not now."));
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("plan"));
    assert_eq!(kind, "NoAccess");
    assert!(message.contains("Not now.") && message.contains("hint: "), "{message}");
    function.invoke(&event("plan")).expect("a plan");
}

#[tokio::test]
async fn users_that_cannot_be_listed_fail_the_invocation() {
    let fixture = Fixture::new().await;
    fixture.account.add_fault(Fault::error("ListSecrets", 400, "InternalServiceError", "Out of order."));
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "Unreadable");
    assert!(message.contains("Out of order."), "{message}");
}

#[tokio::test]
async fn a_user_that_cannot_be_read_is_held_and_counted_as_a_failure() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    fixture.user("ci-b", 95).await;
    let denied = Fault::error("ListAccessKeys", 403, "AccessDenied", "No.").only("user", "ci-a");
    fixture.account.add_fault(denied);
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "Unreadable");
    assert!(
        message.starts_with("1 user not read; the next run tries again\nci-a: permission `iam:ListAccessKeys`"),
        "{message}"
    );
    assert_eq!(fixture.active_keys("ci-b").await.len(), 2, "the other user is rotated");
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.metric("Failures"), [1]);
    let report = log.lines.iter().find_map(|line| line["report"].as_str()).expect("the report is logged");
    assert!(report.contains("unreadable"), "{report}");
}

/// Whatever the cause, and however often it takes: who was due is begun as soon as that can be read and done.
#[tokio::test]
async fn whom_an_enforcing_run_could_not_read_or_begin_the_next_one_rotates() {
    let fixture = Fixture::new().await;
    for user in ["ci-a", "ci-b", "ci-c"] {
        fixture.user(user, 95).await;
    }
    let fault = |action: &str, field: &str, value: &str| {
        Fault::error(action, 403, "AccessDenied", "No.").only(field, value).forever()
    };
    let a_is_not_read = fault("ListAccessKeys", "user", "ci-a");
    fixture.account.add_fault(a_is_not_read.clone());
    fixture.account.add_fault(fault("CreateSecret", "secret", "/aws/iam/credentials/ci-c"));
    let function = fixture.start();
    fails(&function, &event("enforce"));
    assert_eq!(fixture.active_keys("ci-b").await.len(), 2, "the other user is rotated");
    // The one is still not read, and stays owed.
    fixture.account.calm();
    fixture.account.add_fault(a_is_not_read);
    assert_eq!(fails(&function, &event("tend")).kind, "Unreadable");
    assert_eq!(fixture.active_keys("ci-c").await.len(), 2, "what could not be begun is begun");
    fixture.account.calm();
    function.invoke(&event("tend")).expect("a run");
    assert_eq!(fixture.active_keys("ci-a").await.len(), 2, "who could not be read is rotated");
    // And that is all that was owed.
    fixture.account.take_requests();
    function.invoke(&event("tend")).expect("a run");
    let counts = fixture.account.count_requests();
    assert_eq!(counts.get("TagResource").or(counts.get("UntagResource")), None, "{counts:?}");
}

#[tokio::test]
async fn an_account_that_cannot_be_entered_stops_no_other_and_is_tried_again() {
    let fixture = Fixture::new().await;
    let other = account();
    let (id, home) = (&other.id, &fixture.account.id);
    fixture.write(
        "keyrota.toml",
        &format!("{SHARED}\n[accounts.other]\nid = \"{id}\"\nrole = \"keyrota\"\n[accounts.home]\nid = \"{home}\"\n"),
    );
    fixture.user("ci-home", 95).await;
    other.create_user("ci-far", "/", &[("email", "far@example.com")], &[]).await;
    fixture.account.add_fault(Fault::error("AssumeRole", 403, "AccessDenied", "Not you."));
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "Unreadable");
    let again = "to begin what was due in accounts that were not read, invoke `enforce` again";
    let expected = format!("1 account not read; the next run tries again; {again}\naccount {id} (other): role ");
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(fixture.active_keys("ci-home").await.len(), 2, "the account that can be entered is done");
    assert_eq!(other.take_requests().iter().filter(|request| request.action == "ListAccessKeys").count(), 0);
    let report = function.invoke(&event("enforce")).expect("the role is assumed now");
    assert_eq!(report["summary"]["settled"], 1, "{report:#}");
    assert_eq!(other.count_requests()["ListAccessKeys"], 1);
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.metric("Failures"), [1, 0], "of all accounts together");
    assert!(log.lines.iter().any(|line| line["message"] == "account not read" && line["account"] == id.as_str()));
}

#[tokio::test]
async fn a_wrong_clock_changes_nothing() {
    let fixture = Fixture::new().await;
    let old = fixture.user("ci-a", 95).await;
    fixture.account.set_date_off(chrono::TimeDelta::days(-30));
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "ClockOff");
    assert!(message.starts_with("nothing was changed: this machine's clock says 20"), "{message}");
    assert_eq!(fixture.writes(), [""; 0]);
    assert_eq!(fixture.active_keys("ci-a").await, [old]);
    fixture.account.set_date_off(chrono::TimeDelta::zero());
    function.invoke(&event("enforce")).expect("the clock is right again");
}

#[tokio::test]
async fn who_is_not_finished_because_a_read_failed_fails_the_invocation() {
    let fixture = Fixture::new().await;
    fixture.write("rules.toml", &RULE.replace("users", "overlap = \"0d\"\nquiet = \"0d\"\nusers"));
    fixture.user("ci-a", 95).await;
    // Labels that are not as expected are looked up. The survey has asked for the same before.
    fixture.account.add_fault(Fault::replace("PutSecretValue", r#""AWSPENDING""#, r#""AWSPENDING", "OTHER""#));
    fixture
        .account
        .add_fault(Fault::error("DescribeSecret", 400, "AccessDeniedException", "Not you.").skip(1).forever());
    let function = fixture.start();
    let Failure { kind, message } = fails(&function, &event("enforce"));
    assert_eq!(kind, "ChangesFailed");
    assert!(
        message.starts_with("1 user not finished; the next run tries again\nci-a is not finished: permission "),
        "{message}"
    );
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!((log.metric("Failures"), log.metric("RunsCompleted")), (vec![1], vec![0]));
    let line = log.lines.iter().find(|line| line["message"] == "not finished").expect("it is logged");
    assert_eq!(line["users"], "ci-a");
}
