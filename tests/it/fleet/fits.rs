//! One function over many accounts does what fits into its time: so many at once, those that earlier runs have left first, then
//! those with the oldest keys; and it names what it leaves.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Conditions, Outcome},
    cloud::{
        Reads,
        sandbox::{IamUser, Sandbox, World},
    },
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status},
    manifest::{self, Manifest},
    observe::AT_A_TIME,
    plan::Verb,
    run::{Mode, Planned, Run},
    workload::Workload,
};
use tokio::time::Instant;

use crate::support::remote::{Limit, Remote, Server};

/// So many users in each account.
const USERS: usize = 30;

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn manifest() -> Manifest {
    let text = "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n[mail]\nfrom = \"keyrota@example.com\"\n\
                [pace]\nmax-rotations = 0\n[[rotate]]\nusers = [\"svc-*\"]\n";
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.as_bytes().to_vec())], now());
    loaded.manifest.expect("a valid manifest")
}

/// An account whose IAM takes five calls a second, with so many users; the first has a key so many days old.
fn account(number: usize, users: usize, days: i64) -> Remote {
    let id = format!("{:012}", 100_000_000_000_usize + number);
    let (partition, region) = ("aws".to_owned(), "eu-west-1".to_owned());
    let account = Account { id, name: Some(format!("team-{number}")), partition, region, membership: None };
    let user = |at: usize| {
        let created = now() - TimeDelta::days(if at == 0 { days } else { 1 });
        let id = KeyId::new(format!("AKIAFITS{number:06}{at:06}"));
        let key = Key { id, status: Status::Active, created, last_use: LastUse::Never };
        let (name, path) = (format!("svc-{at:03}"), "/".to_owned());
        IamUser { name, path, groups: Vec::new(), tags: <_>::default(), smtp: SmtpUse::NoSign, keys: vec![key] }
    };
    let sandbox = Sandbox::new(account, World { users: (0..users).map(user).collect(), ..World::default() });
    sandbox.set_now(now());
    Remote::new(sandbox, Server::new(Duration::from_millis(30), Limit::of(5.0)))
}

fn read<'a>(planned: &Planned<'a, Remote>) -> BTreeSet<&'a str> {
    planned.accounts.iter().map(|one| one.cloud.account().id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_named_and_comes_first_the_next_time() {
    let clouds: Vec<Remote> = (0..60).map(|number| account(number, USERS, 10)).collect();
    let manifest = manifest();
    let (one, began) = ([account(99, USERS, 10)], Instant::now());
    Run::new(&manifest, &one, Mode::Plan, now()).plan(&|_| {}).await.expect("it is read");
    // Enough for sixteen accounts after the other twice, and not three times.
    let time = began.elapsed().mul_f64(2.5);
    let mut workload = Workload { is_kept: true, ..Workload::default() };

    // Nothing is known yet: accounts are begun until there is no time, and the last ones are cut short.
    let earlier = workload.clone();
    let until = Instant::now() + time;
    let run = Run { read_until: Some(until), earlier: &earlier, ..Run::new(&manifest, &clouds, Mode::Enforce, now()) };
    let first = run.plan(&|_| {}).await.expect("some are read");
    let left = &first.plan.accounts_unread;
    assert!((10..30).contains(&left.len()), "{}", left.len());
    for account in left {
        assert!(
            account.error.contains("not begun") && account.error.contains("the next run begins with it"),
            "{account}"
        );
    }
    assert!(first.plan.unreadable().count() > 0, "cut short");
    let verdict = first.verdict(None);
    assert!(verdict.has_failures() && verdict.accounts_unread.len() == left.len(), "never as fine");
    first.measure(None, &mut workload);
    let cut: BTreeSet<&str> = first.plan.unreadable().map(|waiting| waiting.account.id.as_str()).collect();
    let whole: BTreeSet<&str> = read(&first).difference(&cut).copied().collect();

    // What was left comes first; and as it is known how long an account takes, none is begun that does not fit.
    let earlier = workload.clone();
    let until = Instant::now() + time;
    let run = Run { read_until: Some(until), earlier: &earlier, ..Run::new(&manifest, &clouds, Mode::Enforce, now()) };
    let second = run.plan(&|_| {}).await.expect("some are read");
    assert_eq!(second.plan.unreadable().count(), 0, "nothing is begun in vain");
    let again = read(&second);
    assert!(left.iter().filter_map(|account| account.id.as_deref()).chain(cut).all(|id| again.contains(id)));
    assert_eq!(whole.union(&again).count(), clouds.len(), "each comes once in two runs");
}

#[tokio::test(start_paused = true)]
async fn accounts_are_read_so_many_at_a_time() {
    let began = Instant::now();
    let (manifest, one) = (manifest(), [account(0, USERS, 10)]);
    Run::new(&manifest, &one, Mode::Plan, now()).plan(&|_| {}).await.expect("it is read");
    let alone = began.elapsed();
    let clouds: Vec<Remote> = (0..3 * AT_A_TIME).map(|number| account(number, USERS, 10)).collect();
    let began = Instant::now();
    let planned = Run::new(&manifest, &clouds, Mode::Plan, now()).plan(&|_| {}).await.expect("they are read");
    let ratio = began.elapsed().as_secs_f64() / alone.as_secs_f64();
    assert!((2.5..3.5).contains(&ratio), "{ratio}: {} accounts, {AT_A_TIME} at a time", clouds.len());
    let ids: Vec<&str> = planned.accounts.iter().map(|one| one.cloud.account().id.as_str()).collect();
    assert!(ids.is_sorted() && planned.took.len() == ids.len(), "reported in the order of the manifests: {ids:?}");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_keys_are_rotated_first() {
    // The older, the later in the list.
    let clouds: Vec<Remote> =
        (0..3 * AT_A_TIME).map(|number| account(number, 1, 91 + i64::try_from(number).expect("few"))).collect();
    let manifest = manifest();
    let planned = Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("they are read");
    let created = Mutex::new(Vec::new());
    let progress = |outcome: &Outcome| {
        if outcome.change.action.verb() == Verb::Create {
            created.lock().expect("no panic").push(outcome.change.account.id.clone());
        }
    };
    let applied = planned.apply(&Conditions { progress: &progress, ..Conditions::new(&now) }, &|_| {}).await;
    assert_eq!(applied.failures(), 0);
    let created = created.into_inner().expect("no panic");
    assert_eq!(created.len(), clouds.len());
    let oldest: BTreeSet<&str> = clouds[2 * AT_A_TIME..].iter().map(|cloud| cloud.account().id.as_str()).collect();
    let first: BTreeSet<&str> = created[..AT_A_TIME].iter().map(String::as_str).collect();
    assert_eq!(first, oldest);
    assert!(applied.outcomes.iter().map(|outcome| &outcome.change.account.id).is_sorted(), "and told in their order");
}

#[tokio::test(start_paused = true)]
async fn what_an_enforcing_run_could_not_read_is_begun_by_one_that_tends() {
    let clouds = [account(0, 1, 95), account(1, 1, 95), account(2, 1, 10)];
    let manifest = manifest();
    let mut earlier = Workload { is_kept: true, ..Workload::default() };
    let day = now() - TimeDelta::days(1);
    // Where everybody is read, an account that keyrota has nothing in is new to it; so the others were done once.
    for cloud in &clouds {
        let one = std::slice::from_ref(cloud);
        let planned = Run::new(&manifest, one, Mode::Plan, now()).plan(&|_| {}).await.expect("it is read");
        planned.measure(None, &mut earlier);
    }
    for cloud in [&clouds[0], &clouds[2]] {
        earlier.leave(&cloud.account().id, true, day);
    }
    // One that tends and can't read it either begins nothing that was not due then.
    earlier.leave(&clouds[0].account().id, false, now());
    let run = Run { earlier: &earlier, ..Run::new(&manifest, &clouds, Mode::Tend, now()) };
    let planned = run.plan(&|_| {}).await.expect("they are read");
    let begun: BTreeSet<&str> = planned.plan.changes.iter().map(|change| change.account.id.as_str()).collect();
    assert_eq!(begun, BTreeSet::from([clouds[0].account().id.as_str()]), "what was due then, and nothing else");
}
