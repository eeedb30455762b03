//! What runs do: enforce, tend, plan.

use aws_sdk_iam::types::StatusType;
use chrono::Utc;
use keyrota::cloud::Archive as _;

use super::*;
use crate::emulator::Fault;

#[tokio::test]
async fn enforce_rotates_and_a_second_invocation_does_nothing() {
    let fixture = Fixture::new().await;
    let old = fixture.user("ci-deploy", 95).await;
    fixture.user("ci-young", 3).await;
    // At the lowest level, where the SDK would write whole requests if it were let.
    let function = fixture.start_with(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("KEYROTA_REVISION", "0123abc")]);

    let report = function.invoke(&event("enforce")).expect("a run");
    assert_eq!(outcomes(&report), ["create ci-deploy", "promote ci-deploy", "notify ci-deploy"]);
    assert_eq!(report["revision"], "0123abc");
    assert_eq!(report["summary"]["create"], 1);
    assert_eq!(report["changes"][0]["source"]["file"], "manifests/rules.toml");
    let keys = fixture.active_keys("ci-deploy").await;
    let credential = fixture.credential("ci-deploy").await;
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], old);
    assert_eq!(credential["AccessKeyId"], keys[1].as_str());
    let sent: Vec<_> = fixture.account.sent_mail().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(sent, ["ci-deploy@example.com"]);
    let identified = |requests: &[crate::emulator::Request]| {
        let caller = &fixture.account.id;
        requests.iter().filter(|r| r.action == "GetCallerIdentity" && r.caller == *caller).count()
    };
    assert_eq!(identified(&fixture.account.take_requests()), 1, "the caller is identified once");

    let again = function.invoke(&event("enforce")).expect("a run");
    assert_eq!(outcomes(&again), [""; 0]);
    assert_eq!(again["changes"], json!([]));
    let requests = fixture.account.take_requests();
    assert_eq!(identified(&requests), 0, "the connection is kept");
    assert!(requests.iter().any(|request| request.action == "ListAccessKeys"), "and used");
    assert_eq!(fixture.writes(), [""; 0]);

    let [stdout, stderr] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(
        log.messages(&["INFO"]),
        ["create done", "promote done", "notify done", "run completed", "run completed"]
    );
    assert_eq!(log.messages(&["WARN", "ERROR"]), [""; 0]);
    assert_eq!(log.metric("RunsCompleted"), [1, 1]);
    assert_eq!(log.metric("Created"), [1, 0]);
    assert_eq!(log.metric("Failures"), [0, 0]);
    assert_eq!(log.metric("KeysOverMaxAge"), [1, 1], "the old key works during the overlap");
    assert_eq!(log.metric("OldestKeyAgeDays"), [95, 95]);
    assert!(log.metrics.iter().any(|line| line["account"] == fixture.account.id.as_str()));
    let secret = credential["SecretAccessKey"].as_str().expect("text");
    assert!(secret.len() > 20);
    for output in [&stdout, &stderr, &report.to_string()] {
        assert!(!output.contains(secret), "the secret key is in the output");
    }
}

#[tokio::test]
async fn tend_begins_no_rotation() {
    let fixture = Fixture::new().await;
    let old = fixture.user("ci-deploy", 95).await;
    let function = fixture.start();
    let report = function.invoke(&event("tend")).expect("a run");
    assert_eq!(outcomes(&report), [""; 0]);
    assert_eq!((&report["changes"], &report["summary"]["create"]), (&json!([]), &json!(0)));
    let waiting = &report["waiting"][0];
    assert_eq!((&waiting["state"], &waiting["reason"]), (&json!("held"), &json!("rotations-paused")));
    assert_eq!(waiting["key"], old.as_str());
    let until: DateTime<Utc> = waiting["until"].as_str().expect("the next enforce").parse().expect("RFC 3339");
    assert!(until > Utc::now() && until.format("%d %H:%M").to_string() == "01 08:00", "{until}");
    assert_eq!(fixture.writes(), [""; 0]);
    assert_eq!(fixture.active_keys("ci-deploy").await, [old]);
}

/// Of whom the ledgers say that nothing is due, or say nothing, a run that tends reads nothing, and does not say how they are.
#[tokio::test]
async fn tend_reads_who_is_under_way() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    let function = fixture.start();
    function.invoke(&event("enforce")).expect("a run");
    fixture.user("ci-b", 95).await;
    fixture.account.take_requests();
    let report = function.invoke(&event("tend")).expect("a run");
    assert_eq!((&report["changes"], &report["waiting"]), (&json!([]), &json!([])));
    assert_eq!((&report["summary"]["resting"], &report["summary"]["settled"]), (&json!(2), &json!(0)));
    let requests = fixture.account.count_requests();
    let expected = [("GetAccountAuthorizationDetails".to_owned(), 1), ("ListSecrets".to_owned(), 1)];
    assert_eq!(requests, expected.into());
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!((log.metric("KeysOverMaxAge"), log.metric("RunsCompleted")), (vec![1], vec![1, 1]));
}

#[tokio::test]
async fn tend_makes_no_room_for_what_only_enforce_begins() {
    let fixture = Fixture::new().await;
    let unused = fixture.user("ci-deploy", 200).await;
    let iam = fixture.account.iam();
    let inactive = iam.update_access_key().user_name("ci-deploy").access_key_id(unused.as_str());
    inactive.status(StatusType::Inactive).send().await.expect("deactivated");
    let old = fixture.key("ci-deploy", 95).await;
    let function = fixture.start();
    let report = function.invoke(&event("tend")).expect("a run");
    assert_eq!(outcomes(&report), [""; 0]);
    assert_eq!(fixture.writes(), [""; 0]);
    assert_eq!(fixture.active_keys("ci-deploy").await, [old]);
    let report = function.invoke(&event("enforce")).expect("a run");
    assert_eq!(outcomes(&report)[..2], ["delete ci-deploy", "create ci-deploy"]);
}

#[tokio::test]
async fn tend_carries_on_to_the_end() {
    let fixture = Fixture::new().await;
    // Nobody is told, so that the dates below are those of the keys.
    fixture.write("rules.toml", "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\nnotify = []\nhold = \"0d\"\n");
    fixture.user("ci-deploy", 120).await;
    fixture.account.set_clock(Utc::now() - TimeDelta::days(8));
    let function = fixture.start();
    let report = function.invoke(&event("enforce")).expect("a run");
    assert_eq!(outcomes(&report), ["create ci-deploy", "promote ci-deploy"]);
    // The account's clock stood eight days back: the overlap of the new key is over by now.
    let report = function.invoke(&event("tend")).expect("a run");
    assert_eq!(outcomes(&report), ["deactivate ci-deploy", "delete ci-deploy"]);
    assert_eq!(fixture.active_keys("ci-deploy").await.len(), 1);
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!((log.metric("Deactivated"), log.metric("Deleted")), (vec![0, 1], vec![0, 1]));
    assert_eq!(log.metric("KeysOverMaxAge"), [1, 0], "the old key is gone at once");
}

#[tokio::test]
async fn plan_changes_nothing() {
    let fixture = Fixture::new().await;
    let old = fixture.user("ci-deploy", 95).await;
    let function = fixture.start();
    let report = function.invoke(&event("plan")).expect("a plan");
    assert_eq!(report["changes"][0]["action"], "create");
    assert_eq!(report.get("outcomes"), None);
    assert_eq!(fixture.writes(), [""; 0]);
    assert_eq!(fixture.active_keys("ci-deploy").await, [old]);
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.messages(&["INFO"]), ["planned"]);
    assert_eq!(log.metric("KeysOverMaxAge"), [1]);
    assert_eq!(log.metric("RunsCompleted"), [0; 0], "a plan is not a run");
}

#[tokio::test]
async fn a_role_is_assumed_once_for_all_invocations() {
    let fixture = Fixture::new().await;
    let other = account();
    let (id, home) = (&other.id, &fixture.account.id);
    fixture.write(
        "keyrota.toml",
        &format!("{SHARED}\n[accounts.other]\nid = \"{id}\"\nrole = \"keyrota\"\n[accounts.home]\nid = \"{home}\"\n"),
    );
    other.create_user("ci-far", "/", &[], &[]).await;
    let function = fixture.start();
    for _ in 0..2 {
        let report = function.invoke(&event("enforce")).expect("a run");
        assert_eq!(report["summary"]["settled"], 1);
    }
    let assumed = fixture.account.take_requests().into_iter().filter(|request| request.role.is_some()).count();
    assert_eq!(assumed, 1);
    let listed = other.count_requests();
    assert_eq!(listed["ListAccessKeys"], 2, "both invocations looked there");
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.metrics.len(), 6, "two accounts and their sum, twice");
}

#[tokio::test]
async fn close_to_the_deadline_nobody_is_begun() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    fixture.user("ci-b", 95).await;
    let function = fixture.start();
    let report = function.invoke_within(Duration::from_secs(59), &event("enforce")).expect("no failure");
    assert_eq!(outcomes(&report), [""; 0]);
    let id = fixture.account.id.as_str();
    assert_eq!(
        report["deferred"],
        json!([
            { "account": id, "user": "ci-a", "cause": "the run was stopped before this was done" },
            { "account": id, "user": "ci-b", "cause": "the run was stopped before this was done" },
        ])
    );
    assert_eq!(fixture.writes(), [""; 0]);
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.messages(&["INFO"]), ["run stopped before its deadline; the next run carries on"]);
    assert_eq!((log.metric("RunsCompleted"), log.metric("Failures")), (vec![0], vec![0]));
}

#[tokio::test]
async fn a_deadline_in_the_middle_of_a_user_defers_the_rest_of_it() {
    let fixture = Fixture::new().await;
    fixture.user("ci-a", 95).await;
    // The key takes longer to create than there is time to begin anything.
    fixture.account.add_fault(Fault::delay("CreateAccessKey", Duration::from_secs(9)));
    let function = fixture.start();
    let report = function.invoke_within(Duration::from_secs(60 + 8), &event("enforce")).expect("no failure");
    assert_eq!(outcomes(&report), ["create ci-a"], "the change that has begun is finished, and no other begins");
    assert_eq!(report["deferred"][0]["user"], "ci-a");
    let report = function.invoke(&event("tend")).expect("a run");
    assert_eq!(outcomes(&report), ["promote ci-a", "notify ci-a"]);
    assert_eq!(report.get("deferred"), None);
}

/// Each run leaves its history in the bucket of its environment; without it, or where it can't be written to, runs are the same.
#[tokio::test]
async fn a_run_leaves_its_history() {
    let fixture = Fixture::new().await;
    fixture.user("ci-deploy", 95).await;
    let bucket = format!("evidence-{}", fixture.account.id);
    let place = aws_sdk_s3::types::BucketLocationConstraint::from(fixture.account.region.as_str());
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(place).build();
    let made =
        fixture.account.buckets().create_bucket().bucket(&bucket).create_bucket_configuration(place).send().await;
    made.expect("a bucket");
    let evidence = format!("s3://{bucket}/keyrota");
    let function = fixture.start_with(&[("KEYROTA_EVIDENCE", evidence.as_str()), ("KEYROTA_REVISION", "0123abc")]);
    function.invoke(&event("enforce")).expect("a run");
    let archive =
        keyrota::cloud::aws::Bucket::open_with(&fixture.account.settings(), &bucket, "keyrota/history/").await;
    let history = keyrota::history::read(&archive, None).await.expect("a history");
    assert_eq!(history.unusable, []);
    let Some(keyrota::history::Record::Run(run)) = history.records.first() else { panic!("{history:#?}") };
    assert_eq!((run.by.as_str(), run.commit.as_deref()), ("function", Some("0123abc")));
    assert_eq!(run.run, REQUEST_ID.replace('-', ""));
    assert_eq!(history.records.len(), 5, "{history:#?}");
    // And the report of what it has left: the new key stands beside the old one.
    let reports =
        keyrota::cloud::aws::Bucket::open_with(&fixture.account.settings(), &bucket, "keyrota/reports/").await;
    let names = reports.names("").await.expect("names");
    let [html, json] = &names[..] else { panic!("{names:?}") };
    assert!(html.ends_with(".html") && json.ends_with(".json"), "{names:?}");
    let report = reports.content(json).await.expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["sha256"], keyrota::evidence::json::hash(&report));
    assert_eq!((&report["schema"], &report["manifests"]["commit"]), (&json!("keyrota/report/v1"), &json!("0123abc")));
    let ages: Vec<_> = report["keys"].as_array().expect("rows").iter().map(|row| row["age-days"].as_i64()).collect();
    assert_eq!(ages, [Some(95), Some(0)]);
    assert_eq!(report["keys"][1]["told"]["of"], "issued");
    assert!(report["completeness"]["complete"].as_bool().expect("a bool"), "{report:#}");
    let page = reports.content(html).await.expect("a page");
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(page.contains(report["sha256"].as_str().expect("a hash")) && page.contains("the function has no git"));
    // It can't be written any more: the run goes on, and that is logged.
    fixture.account.add_fault(Fault::error("PutObject", 403, "AccessDenied", "no").forever());
    function.invoke(&event("tend")).expect("a run");
    let [stdout, _] = function.stop();
    let log = Log::parse(&stdout);
    assert_eq!(log.messages(&["ERROR"]), ["evidence not written"]);
    assert_eq!(log.metric("Failures"), [0, 0]);
}

#[tokio::test]
async fn accounts_of_an_organisation_are_found_anew_by_each_invocation() {
    let fixture = Fixture::new().await;
    let client = fixture.account.organizations();
    client.create_organization().send().await.expect("an organisation");
    let join = async |name: &str| -> TestAccount {
        let request = client.create_account().account_name(name).email(format!("{name}@example.com"));
        let status = request.send().await.expect("an account").create_account_status.expect("a status");
        TestAccount { id: status.account_id.expect("an id"), ..fixture.account.clone() }
    };
    let organization = "[organization]\nrole = \"keyrota\"\nexternal-id = \"keyrota-4f1c\"\n";
    fixture.write("keyrota.toml", &format!("{SHARED}{organization}"));
    let first = join("first").await;
    let function = fixture.start();
    let names = |report: &Value| -> Vec<String> {
        let accounts = report["accounts"].as_array().into_iter().flatten();
        accounts.filter_map(|one| one["account-name"].as_str().map(str::to_owned)).collect()
    };
    let report = function.invoke(&event("plan")).expect("a run");
    assert_eq!(names(&report), ["first", "master"], "{report:#}");
    fixture.account.take_requests();
    first.take_requests();

    // The next one meets who has joined, enters nobody twice, and leaves out who is closed.
    join("second").await;
    let report = function.invoke(&event("plan")).expect("a run");
    assert_eq!(names(&report), ["first", "master", "second"], "{report:#}");
    let assumed = fixture.account.take_requests().into_iter().filter(|request| request.action == "AssumeRole").count();
    assert_eq!(assumed, 1, "the first is known");
    client.close_account().account_id(&first.id).send().await.expect("closed");
    let report = function.invoke(&event("plan")).expect("a run");
    assert_eq!(names(&report), ["master", "second"], "{report:#}");

    // Who may not list does not run for nobody.
    fixture.account.add_fault(Fault::error("ListAccounts", 400, "AccessDeniedException", "No.").forever());
    let failure = function.invoke(&event("enforce")).expect_err("no list");
    assert_eq!(failure.kind, "NoAccess");
    assert!(failure.message.contains("the accounts of the organisation could not be listed"), "{}", failure.message);
    fixture.account.calm();
    fixture.write("rules.toml", "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\nunits = [\"Nowhere\"]\n");
    let failure = function.invoke(&event("enforce")).expect_err("no such unit");
    assert_eq!(failure.kind, "BadManifest");
    assert!(failure.message.contains("KR0092"), "{}", failure.message);
}
