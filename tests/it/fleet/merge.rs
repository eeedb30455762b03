//! What many invocations did, made one, is what one run over all accounts would have told: the same document, whatever order they
//! come in.

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Conditions},
    cloud::{
        Reads,
        sandbox::{IamUser, Sandbox, World},
    },
    fleet::{AboutAttempt, Attempt, AttemptFailure, Expected, Listed, Merge, Merged, RunId},
    inventory::{Account, Key, KeyId, LastUse, Membership, SmtpUse, Status, Unit},
    manifest::{self, Manifest},
    report::{Report, json},
    run::{Mode, Planned, Run},
    template::{self, Language, Templates, content::Content},
    workload::Workload,
};
use serde_json::{Value, json};

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn manifest(more: &str) -> Manifest {
    let text = format!(
        "version = 1\n{more}[defaults]\nnotify = [\"owner@example.com\"]\n[mail]\nfrom = \"keyrota@example.com\"\n\
         [[rotate]]\nusers = [\"svc-*\"]\n[[rotate]]\nusers = [\"nobody\"]\n\
         [[rotate]]\naccounts = [\"100000000000\", \"100000000001\"]\nusers = [\"not-there\"]\n"
    );
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.into_bytes())], now());
    loaded.manifest.expect("a valid manifest")
}

fn id(number: usize) -> String {
    format!("{:012}", 100_000_000_000_usize + number)
}

/// An account of an organisation whose users have keys so many days old.
fn account(number: usize, days: &[i64]) -> Sandbox {
    let unit = Unit { id: "ou-ab12-11111111".to_owned(), path: "Workloads".to_owned() };
    let name = format!("Team-{:02}", 99 - number);
    let membership = Membership { name: name.clone(), units: vec![unit], ..Membership::default() };
    let account = Account {
        id: id(number),
        name: Some(name),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: Some(membership.into()),
    };
    let user = |(at, days): (usize, &i64)| {
        let id = KeyId::new(format!("AKIAMERGE{number:05}{at:06}"));
        let created = now() - TimeDelta::days(*days);
        let key = Key { id, status: Status::Active, created, last_use: LastUse::Never };
        let (name, path) = (format!("svc-{at:03}"), "/".to_owned());
        IamUser { name, path, groups: Vec::new(), tags: <_>::default(), smtp: SmtpUse::NoSign, keys: vec![key] }
    };
    let users = days.iter().enumerate().map(user).collect();
    let sandbox = Sandbox::new(account, World { users, ..World::default() });
    sandbox.set_now(now());
    sandbox
}

/// A fresh copy of some accounts: with changes, quiet, and over age.
fn accounts() -> Vec<Sandbox> {
    (0..13).map(|number| account(number, [&[95, 10][..], &[10], &[95], &[]][number % 4])).collect()
}

async fn applied(planned: &Planned<'_, Sandbox>) -> Applied {
    planned.apply(&Conditions::new(&now), &|_| {}).await
}

/// What one invocation leaves of an account.
async fn attempt(manifest: &Manifest, run: &RunId, cloud: Sandbox) -> Attempt {
    let clouds = [cloud];
    let planned = Run::new(manifest, &clouds, run.mode(), now()).plan(&|_| {}).await.expect("it lists");
    let exceeded: Vec<String> = planned.exceeded().iter().map(ToString::to_string).collect();
    let applied = match exceeded.is_empty() {
        true => Some(applied(&planned).await),
        false => None,
    };
    let failure = (!exceeded.is_empty()).then(|| AttemptFailure {
        kind: "LimitExceeded".to_owned(),
        message: format!("nothing was changed, a limit was exceeded: {}", exceeded.join("; ")),
        hint: None,
    });
    let of = clouds[0].account();
    let membership = of.membership.as_deref().cloned();
    let listed = Listed { id: of.id.clone(), name: of.name.clone(), membership, ..Listed::default() };
    let (began, ended) = (now(), now());
    let about = AboutAttempt { run, account: &listed, made: MADE, manifests: "m", began, ended, commit: None };
    let attempt = Attempt::new(&about, &planned, applied.as_ref(), failure);
    // As it is kept, and read again.
    Attempt::parse(attempt.render().as_bytes(), &expected(run, &of.id)).expect("what was rendered")
}

const MADE: &str = "20261123T080000000Z-1";

fn expected<'a>(run: &'a RunId, account: &'a str) -> Expected<'a> {
    Expected { run, account, made: MADE, manifests: "m", now: now() }
}

async fn merged(manifest: &Manifest, clouds: Vec<Sandbox>) -> Merged {
    let run = RunId::new("r", Mode::Enforce).expect("a name");
    let mut merge = Merge::new("r", Mode::Enforce, Workload::default());
    for cloud in clouds {
        merge.add(vec![(attempt(manifest, &run, cloud).await, false)], now()).expect("room");
    }
    merge.finish(manifest, now()).expect("room")
}

fn written(merged: Merged) -> Value {
    let Merged { report, digest, unread, refused, began, .. } = merged;
    let whole =
        json::Whole { revision: None, as_of: began, digest, unread: &unread, refused: &refused, mail: Vec::new() };
    let mut text = Vec::new();
    report.write(&whole, &mut text).expect("memory");
    serde_json::from_slice(&text).expect("JSON")
}

/// Mail goes to one owner once a run, and so once an invocation.
fn without_mail(mut report: Value) -> Value {
    report.as_object_mut().expect("an object").remove("mail");
    report
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_fleet_is_the_document_of_one_run() {
    let manifest = manifest("");
    let clouds = accounts();
    let planned = Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("they list");
    let applied = applied(&planned).await;
    let one = json::value(&Report { applied: Some(&applied), ..Report::new(&planned.plan) });
    assert!(one["summary"]["accounts"]["changes"].as_u64() > Some(3) && one["digest"].is_string(), "{one:#}");
    assert_eq!(one["accounts"][0]["unit"], "Workloads");
    let fleet = written(merged(&manifest, accounts()).await);
    assert_eq!(without_mail(fleet), without_mail(one.clone()));

    // In another order it is the same, but for the order of its lists.
    let mut shuffled = accounts();
    shuffled.reverse();
    shuffled.swap(2, 7);
    let merged = merged(&manifest, shuffled).await;
    // A rule that selects nobody in all accounts that it holds in is said once.
    let (mut said, mut expected): (Vec<_>, Vec<_>) = (
        merged.remarks.iter().map(|remark| (remark.line, remark.message.clone())).collect(),
        planned.warnings.iter().map(|warning| (warning.line(), warning.message.clone())).collect(),
    );
    said.sort_unstable();
    expected.sort_unstable();
    assert!(expected.iter().any(|(_, message)| message.contains("of the 2 accounts")), "{expected:?}");
    assert_eq!(said, expected);
    let shuffled = written(merged);
    for same in ["summary", "accounts", "digest"] {
        assert_eq!(shuffled[same], one[same], "{same}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_account_alone_is_no_group() {
    let manifest = manifest("");
    let fleet = written(merged(&manifest, vec![account(1, &[95])]).await);
    assert!(fleet.get("accounts").is_none() && fleet["summary"].get("accounts").is_none(), "{fleet:#}");
}

#[tokio::test(start_paused = true)]
async fn what_a_limit_stopped_is_in_the_report_and_in_the_summary() {
    let manifest = manifest("[limits]\nmax-actions = 1\n");
    let clouds = vec![account(1, &[95]), account(2, &[95, 96, 97])];
    let merged = merged(&manifest, clouds).await;
    let [told] = &merged.summary.unread[..] else { panic!("{:?}", merged.summary.unread) };
    assert!(told.contains(&id(2)) && told.contains("a limit was exceeded"), "{told}");
    assert!(merged.is_eventful && merged.refused.len() == 1);
    assert_eq!(merged.metrics.run.as_ref().map(|run| (run.completed, run.failures)), Some((false, 1)));
    let report = written(merged);
    assert_eq!(report["accounts-refused"].as_array().map(Vec::len), Some(1), "{report:#}");
    let done = report["outcomes"].as_array().expect("a list").iter().map(|one| &one["account"]);
    assert!(done.clone().count() > 0 && done.into_iter().all(|account| *account == json!(id(1))));
}

#[tokio::test(start_paused = true)]
async fn a_history_is_in_order_of_time_whatever_order_accounts_come_in() {
    let manifest = manifest("");
    let mut merge = Merge::new("r", Mode::Enforce, Workload::default());
    let run = RunId::new("r", Mode::Enforce).expect("a name");
    for number in [3, 1, 2] {
        let mut tried = attempt(&manifest, &run, account(number, &[95])).await;
        let later = TimeDelta::minutes(i64::try_from(number).expect("few"));
        for record in &mut tried.done.as_mut().expect("it was read").records {
            if let keyrota::history::Record::Change(change) = record {
                change.at += later;
            }
        }
        merge.add(vec![(tried, false)], now()).expect("room");
    }
    merge.add_lost(&Listed { id: id(7), ..Listed::default() }, "it was cut off", false).expect("room");
    // What an earlier merge has told of is in the report alone.
    merge.add_lost(&Listed { id: id(8), ..Listed::default() }, "it was cut off", true).expect("room");
    let merged = merge.finish(&manifest, now()).expect("room");
    assert_eq!(merged.metrics.run.as_ref().and_then(|run| run.attempts_lost), Some(1));
    assert!(!merged.verdict.has_failures(), "what was done there since, its last try tells");
    let summary = Content::Digest(merged.summary.clone());
    for (language, words) in
        [(Language::English, "were lost"), (Language::Spanish, "se perdieron"), (Language::Portuguese, "se perderam")]
    {
        let (mail, error) = template::render(&Templates::default(), language, &summary);
        let text = mail.text;
        assert!(error.is_none() && text.contains(words) && text.contains(&id(7)) && !text.contains(&id(8)), "{text}");
        assert!(mail.subject.contains("incomplet"), "{}", mail.subject);
    }
    let mut text = Vec::new();
    merged.history.write(Vec::new(), &mut text).expect("memory");
    let text = String::from_utf8(text).expect("text");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let times: Vec<&str> =
        lines.iter().filter(|line| line["record"] == "change").filter_map(|line| line["at"].as_str()).collect();
    assert!(times.len() > 3 && times.is_sorted(), "{times:?}");
    assert!(lines[0]["record"] == "run" && lines[lines.len() - 1]["record"] == "end");
    assert_eq!(lines[0]["accounts"].as_array().map(Vec::len), Some(3));
    assert!(lines[0]["lost"][0].as_str().is_some_and(|lost| lost.contains(&id(7))), "{}", lines[0]);
}

#[tokio::test(start_paused = true)]
async fn of_many_accounts_the_summary_names_fifty_and_counts_the_others() {
    let manifest = manifest("");
    let merged = merged(&manifest, (0..60).map(|number| account(number, &[95])).collect()).await;
    assert_eq!(merged.summary.accounts.len(), 60);
    let (text, error) = template::render(&Templates::default(), Language::English, &Content::Digest(merged.summary));
    assert!(error.is_none());
    let text = text.text;
    let named = (0..60).filter(|number| text.contains(&id(*number))).count();
    assert_eq!(named, 50, "{text}");
    assert!(text.contains("and in 10 more accounts"), "{text}");
}

/// What is wrong with a result is found wherever it is: the rows of another account, a change that is told twice, another version of the
/// manifests, another time.
#[tokio::test(start_paused = true)]
async fn a_result_that_does_not_agree_with_its_run_or_with_itself_is_none() {
    let manifest = manifest("");
    let run = RunId::new("r", Mode::Enforce).expect("a name");
    let good: Value =
        serde_json::from_str(&attempt(&manifest, &run, account(1, &[95, 95])).await.render()).expect("JSON");
    let other: Value =
        serde_json::from_str(&attempt(&manifest, &run, account(2, &[95, 95])).await.render()).expect("JSON");
    let own = id(1);
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_ne!(changed, good);
        Attempt::parse(changed.to_string().as_bytes(), &expected(&run, &own)).expect_err("it is none")
    };
    for part in ["changes", "waiting", "outcomes", "unmanaged", "warnings", "deferred"] {
        let error = refused(&|it| {
            let mut rows = it["done"]["report"][part].as_array().cloned().unwrap_or_default();
            rows.push(json!({ "account": id(2), "user": "svc-000" }));
            it["done"]["report"][part] = json!(rows);
        });
        assert!(error.contains(&id(2)), "{part}: {error}");
    }
    for part in ["standing", "digest-lines", "records"] {
        let error = refused(&|it| it["done"][part] = other["done"][part].clone());
        assert!(error.contains(&id(2)), "{part}: {error}");
    }
    let error = refused(&|it| it["done"]["digest"]["accounts"] = other["done"]["digest"]["accounts"].clone());
    assert!(error.contains(&id(2)), "{error}");
    let error = refused(&|it| it["done"]["report"] = other["done"]["report"].clone());
    assert!(error.contains(&id(2)), "{error}");

    let doubled = |it: &mut Value| {
        let rows = it["done"]["report"]["outcomes"].as_array_mut().expect("a list");
        let all = [&rows[..], &rows[..]].concat();
        *rows = all;
    };
    assert!(refused(&doubled).contains("twice"));
    for (what, change) in [
        ("tried", &(|it: &mut Value| it["done"]["tried"] = json!(99)) as &dyn Fn(&mut Value)),
        ("metrics", &|it: &mut Value| it["done"]["metrics"]["run"]["created"] = json!(99)),
        ("digest", &|it: &mut Value| it["done"]["digest"]["created"] = json!(99)),
        ("records", &|it: &mut Value| drop(it["done"]["records"].as_array_mut().expect("a list").remove(1))),
        ("outcomes", &|it: &mut Value| drop(it["done"]["report"]["outcomes"].as_array_mut().expect("a list").pop())),
    ] {
        let error = refused(change);
        assert!(error.contains("another part of it"), "{what}: {error}");
    }

    assert!(refused(&|it| it["manifests"] = json!("other")).contains("by the manifests other"));
    for (field, time, why) in [
        ("began", "2099-01-01T00:00:00Z", "its name says otherwise"),
        ("began", "2026-11-22T08:00:00Z", "its name says otherwise"),
        ("ended", "2026-11-23T07:00:00Z", "before it began"),
        ("ended", "2099-01-01T00:00:00Z", "still to come"),
    ] {
        let error = refused(&|it| it[field] = json!(time));
        assert!(error.contains(why), "{field} {time}: {error}");
    }
    // One whose name tells the same time is of the future all the same.
    let mut later = good.clone();
    for field in ["began", "ended"] {
        later[field] = json!("2099-01-01T00:00:00Z");
    }
    later["made"] = json!("20990101T000000000Z-1");
    let of_later = Expected { made: "20990101T000000000Z-1", ..expected(&run, &own) };
    assert!(Attempt::parse(later.to_string().as_bytes(), &of_later).expect_err("it is none").contains("still to come"));
    // Who could do nothing may have had other manifests: that is what it says.
    let mut none = good.clone();
    (none["manifests"], none["done"]) = (json!("other"), Value::Null);
    none["failure"] = json!({ "kind": "ManifestsChanged", "message": "by two versions", "hint": null });
    assert!(Attempt::parse(none.to_string().as_bytes(), &expected(&run, &own)).is_ok());
}
