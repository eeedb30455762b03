//! What many invocations did, made one, is what one run over all accounts would have told: the same document, whatever order they
//! come in.

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Conditions},
    cloud::{
        Reads,
        sandbox::{IamUser, Sandbox, World},
    },
    fleet::{AboutAttempt, Attempt, AttemptFailure, Listed, Merge, Merged, RunId},
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
    let about = AboutAttempt { run, account: &listed, made: "made", manifests: "m", began, ended, commit: None };
    let attempt = Attempt::new(&about, &planned, applied.as_ref(), failure);
    // As it is kept, and read again.
    Attempt::parse(attempt.render().as_bytes(), run, &of.id, "made").expect("what was rendered")
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
    let one = json::value(&Report { plan: &planned.plan, revision: None, since: None, applied: Some(&applied) });
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
    let merged = merge.finish(&manifest, now()).expect("room");
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
