//! `[pace]`: how many rotations a run begins, whose turn is first, and that everyone's comes.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Applied, Conditions},
    cloud::{
        Values,
        sandbox::{IamUser, Sandbox, StoredSecret, World},
    },
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status, TAG_INTENT, TAG_OWNER},
    manifest::{self, Manifest},
    plan::{Plan, Verb, WaitingOn},
    run::{Mode, Run},
    time::rfc3339,
};

use crate::{
    faulty::{Attempt, Faulty, Mode as Fault},
    support::run,
};

const FIRST: &str = "AKIAFIRST";

fn start() -> DateTime<Utc> {
    "2026-11-01T08:00:00Z".parse().expect("a time")
}

fn manifest(more: &str) -> Manifest {
    manifest_with("", more)
}

fn manifest_with(defaults: &str, more: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n{defaults}\n[mail]\nfrom = \"security@example.com\"\n\
         digest = [\"security@example.com\"]\n{more}\n[[rotate]]\nusers = [\"svc-*\"]\n[[rotate]]\nusers = [\"leak-*\"]\n\
         reissue-before = 2026-10-31\n"
    );
    let loaded = manifest::load_files(vec![("manifests/keyrota.toml".to_owned(), text.into_bytes())], start());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// Users with one key each, so many days old.
fn account(users: impl IntoIterator<Item = (String, i64)>) -> Sandbox {
    let user = |(name, days): (String, i64)| {
        let key = Key {
            id: KeyId::new(format!("{FIRST}{:0>11}", name.replace('-', "").to_uppercase())),
            status: Status::Active,
            created: start() - TimeDelta::days(days),
            last_use: LastUse::Never,
        };
        IamUser { name, path: "/".to_owned(), groups: vec![], tags: [].into(), smtp: SmtpUse::NoSign, keys: vec![key] }
    };
    let account = Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    };
    let sandbox = Sandbox::new(account, World { users: users.into_iter().map(user).collect(), ..World::default() });
    sandbox.set_now(start());
    sandbox
}

/// Who has a key that keyrota issued, and since when.
fn rotated(sandbox: &Sandbox) -> BTreeMap<String, DateTime<Utc>> {
    sandbox.inspect(|world| {
        let issued = |user: &IamUser| {
            let keys = user.keys.iter().filter(|key| !key.id.as_str().starts_with(FIRST));
            keys.map(|key| (user.name.clone(), key.created)).next()
        };
        world.users.iter().filter_map(issued).collect()
    })
}

/// When the waiting users' turns come, as the plan says.
fn turns(plan: &Plan) -> BTreeMap<String, DateTime<Utc>> {
    let paced = plan.waiting.iter().filter(|waiting| matches!(waiting.wait, WaitingOn::Paced { .. }));
    paced.map(|waiting| (waiting.user.clone(), waiting.until.expect("a paced rotation has its date"))).collect()
}

fn begun(plan: &Plan) -> Vec<String> {
    plan.changes
        .iter()
        .filter(|change| change.begins && change.action.starts_rotation())
        .map(|c| c.user.clone())
        .collect()
}

/// The issue's own example: a whole account on the first day, and a queue of days.
#[test]
fn a_thousand_overdue_users() {
    let age = |n: i64| 100 + n * 7 % 1000;
    let sandbox = account((0..1000).map(|n| (format!("svc-{n:04}"), age(n))));
    let manifest = manifest("[pace]\nmax-rotations = 20");
    let clouds = std::slice::from_ref(&sandbox);
    let mut promised = BTreeMap::new();
    for day in 0..50 {
        let now = start() + TimeDelta::days(day) + TimeDelta::seconds(day % 7);
        sandbox.set_now(now);
        let mode = if now.day() == 1 { Mode::Enforce } else { Mode::Tend };
        let (planned, applied) = run::run(clouds, &manifest, now, mode);
        assert_eq!(applied.failures(), 0, "{applied:#?}");
        assert_eq!((planned.plan.count(Verb::Create), applied.done(Verb::Create)), (20, 20), "day {day}");
        for (user, at) in turns(&planned.plan) {
            let earlier = promised.insert(user.clone(), at);
            assert!(earlier.is_none_or(|earlier| earlier == at), "{user}: {earlier:?}, then {at}");
        }
    }
    let rotated = rotated(&sandbox);
    assert_eq!(rotated.len(), 1000);
    for (user, created) in &rotated {
        let late = promised.get(user).map(|promised| *created - *promised);
        assert!(late.is_none_or(|late| late.abs() < TimeDelta::minutes(1)), "{user}: {late:?}");
    }
    // The oldest first.
    let mut order: Vec<_> = rotated.iter().map(|(user, created)| (created.date_naive(), user)).collect();
    order.sort();
    let ages = order.iter().map(|(_, user)| age(user["svc-".len()..].parse().expect("a number")));
    let (days, ages): (Vec<_>, Vec<_>) = (order.iter().map(|(day, _)| *day).collect(), ages.collect());
    for pair in days.iter().zip(&ages).collect::<Vec<_>>().windows(2) {
        assert!(pair[0].0 == pair[1].0 || pair[0].1 >= pair[1].1, "{pair:?}");
    }
    // The day after, the queue is empty.
    let now = start() + TimeDelta::days(50);
    assert!(turns(&run::plan(clouds, &manifest, now, Mode::Tend).plan).is_empty());
}

#[test]
fn a_reissue_waits_for_nobody() {
    let users = [("svc-a", 200), ("svc-b", 300), ("svc-c", 400), ("leak-a", 20), ("leak-b", 500)];
    let sandbox = account(users.map(|(name, age)| (name.to_owned(), age)));
    let manifest = manifest("[pace]\nmax-rotations = 1");
    let planned = run::plan(std::slice::from_ref(&sandbox), &manifest, start(), Mode::Enforce);
    assert_eq!(begun(&planned.plan), ["leak-a", "leak-b", "svc-c"]);
    let day = |days| "2026-11-01T08:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::days(days);
    let expected = [("svc-a".to_owned(), day(2)), ("svc-b".to_owned(), day(1))];
    assert_eq!(turns(&planned.plan), expected.into());
}

#[test]
fn zero_is_no_bound_and_the_default_is_twenty_five() {
    for (pace, expected) in [("", 25), ("[pace]\nmax-rotations = 0", 60), ("[pace]\nmax-rotations = 100", 60)] {
        let sandbox = account((0..60).map(|n| (format!("svc-{n:02}"), 100 + n)));
        let manifest = manifest(pace);
        let planned = run::plan(std::slice::from_ref(&sandbox), &manifest, start(), Mode::Enforce);
        assert_eq!(begun(&planned.plan).len(), expected, "{pace}");
        assert_eq!(turns(&planned.plan).len(), 60 - expected, "{pace}");
    }
}

/// The secrets of users get another name: each moves with a rotation, and those have their turns as well.
#[test]
fn a_queue_of_users_whose_secret_moves_goes_on_day_after_day() {
    let sandbox = account((0..6).map(|n| (format!("svc-{n}"), 100)));
    let clouds = std::slice::from_ref(&sandbox);
    let mut created = Vec::new();
    for day in 0..33 {
        let now = start() + TimeDelta::days(day);
        sandbox.set_now(now);
        let (mode, manifest) = match day {
            0 => (Mode::Enforce, manifest("")),
            ..30 => (Mode::Tend, manifest("")),
            _ => {
                let moved = manifest_with("secret = \"/team/{user}\"", "[pace]\nmax-rotations = 2");
                (if now.day() == 1 { Mode::Enforce } else { Mode::Tend }, moved)
            }
        };
        let (_, applied) = run::run(clouds, &manifest, now, mode);
        assert_eq!(applied.failures(), 0, "{applied:#?}");
        created.push(applied.done(Verb::Create));
    }
    assert_eq!(created.iter().sum::<usize>(), 12);
    assert_eq!((created[0], &created[30..]), (6, &[2, 2, 2][..]));
}

/// Who is named is begun, and nobody else has to wait or comes for that.
#[test]
fn users_who_are_named_start_no_queue() {
    let sandbox = account((0..6).map(|n| (format!("svc-{n}"), 100)));
    let manifest = manifest("[pace]\nmax-rotations = 2");
    let clouds = std::slice::from_ref(&sandbox);
    let names = ["svc-0", "svc-1", "svc-2"].map(str::to_owned);
    let named = Run { users: &names, ..Run::new(&manifest, clouds, Mode::Enforce, start()) };
    let planned = named.plan(&|_| {}).now_or_never().expect("at once").expect("listed");
    let applied = run::apply(&planned, &Conditions::new(&start));
    assert_eq!((applied.done(Verb::Create), applied.failures()), (3, 0));
    let next = start() + TimeDelta::days(1);
    sandbox.set_now(next);
    let (_, applied) = run::run(clouds, &manifest, next, Mode::Tend);
    assert_eq!(applied.outcomes.len(), 0, "{applied:#?}");
}

/// A run that tends begins what an earlier run has left for the pace, and nothing else: neither without a queue, nor who became
/// due after that run, nor when the next run that enforces has come.
#[test]
fn a_run_that_tends_takes_from_the_queue_only() {
    let overdue = (0..4).map(|n| (format!("svc-{n}"), 100 + n));
    // In nine days, 39 days before it gets too old.
    let sandbox = account(overdue.chain([("svc-soon".to_owned(), 46)]));
    let manifest = manifest("[pace]\nmax-rotations = 2");
    let clouds = std::slice::from_ref(&sandbox);
    let before = start() - TimeDelta::days(1);
    sandbox.set_now(before);
    assert!(begun(&run::plan(clouds, &manifest, before, Mode::Tend).plan).is_empty());
    sandbox.set_now(start());
    run::run(clouds, &manifest, start(), Mode::Enforce);
    assert_eq!(rotated(&sandbox).len(), 2);
    let after_the_next = "2026-12-01T08:00:01Z".parse::<DateTime<Utc>>().expect("a time");
    assert!(begun(&run::plan(clouds, &manifest, after_the_next, Mode::Tend).plan).is_empty());
    let later = start() + TimeDelta::days(10);
    sandbox.set_now(later);
    let (planned, _) = run::run(clouds, &manifest, later, Mode::Tend);
    assert_eq!(begun(&planned.plan), ["svc-0", "svc-1"]);
    let paused = planned.plan.waiting.iter().find(|waiting| waiting.user == "svc-soon").expect("it waits");
    assert!(matches!(paused.wait, WaitingOn::RotationsPaused { .. }), "{paused:#?}");
}

/// With no bound a run that tends begins nothing, as ever.
#[test]
fn without_a_pace_nothing_is_queued() {
    let sandbox = account((0..4).map(|n| (format!("svc-{n}"), 100 + n)));
    let clouds = std::slice::from_ref(&sandbox);
    let paced = manifest("[pace]\nmax-rotations = 2");
    run::run(clouds, &paced, start(), Mode::Enforce);
    let later = start() + TimeDelta::days(1);
    sandbox.set_now(later);
    let unbounded = manifest("[pace]\nmax-rotations = 0");
    assert!(begun(&run::plan(clouds, &unbounded, later, Mode::Tend).plan).is_empty());
}

/// Users of whom nothing can be begun give their turns to the next.
#[test]
fn who_can_not_begin_holds_nobody_up() {
    let sandbox = account((0..6).map(|n| (format!("svc-{n}"), 100 + n)));
    let manifest = manifest("[pace]\nmax-rotations = 2");
    let faulty = Faulty { denied: vec!["svc-5", "svc-4", "svc-3"], ..Faulty::new(&sandbox, None, watch) };
    let clouds = [faulty];
    let planned = run::plan(&clouds, &manifest, start(), Mode::Enforce);
    assert_eq!(begun(&planned.plan), ["svc-4", "svc-5"]);
    let applied = run::apply(&planned, &Conditions::new(&start));
    assert_eq!(applied.failures(), 3);
    assert_eq!(rotated(&sandbox).into_keys().collect::<Vec<_>>(), ["svc-1", "svc-2"]);
    // Who approved the plan approved no others.
    let sandbox = account((0..6).map(|n| (format!("svc-{n}"), 100 + n)));
    let clouds = [Faulty { denied: vec!["svc-5"], ..Faulty::new(&sandbox, None, watch) }];
    let mut planned = run::plan(&clouds, &manifest, start(), Mode::Enforce);
    planned.plan.queue.clear();
    run::apply(&planned, &Conditions::new(&start));
    assert_eq!(rotated(&sandbox).into_keys().collect::<Vec<_>>(), ["svc-4"]);
}

/// A day on which no key can be made leaves a creation begun with everyone: the runs that carry that on keep the pace all the
/// same.
#[test]
fn after_a_bad_day_the_pace_is_kept() {
    let sandbox = account((0..6).map(|n| (format!("svc-{n}"), 100 + n)));
    sandbox.change(|world| {
        let secret = |user: &IamUser| StoredSecret {
            name: format!("/aws/iam/credentials/{}", user.name),
            tags: [(TAG_OWNER, user.name.clone()), (TAG_INTENT, rfc3339(start() - TimeDelta::days(1)))]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            ..StoredSecret::default()
        };
        world.secrets = world.users.iter().map(secret).collect();
    });
    let manifest = manifest("[pace]\nmax-rotations = 4");
    let planned = run::plan(std::slice::from_ref(&sandbox), &manifest, start(), Mode::Tend);
    assert_eq!((planned.plan.count(Verb::Create), turns(&planned.plan).len()), (4, 2));
}

/// Whatever goes wrong in the first run, at any pace: everyone's turn comes.
#[test]
fn with_any_fault_at_any_pace_everyone_is_rotated() {
    let users = || {
        let users = [("svc-a", 150), ("svc-b", 300), ("svc-c", 200), ("leak-d", 100)];
        users.map(|(name, age)| (name.to_owned(), age))
    };
    let mut lives = 0;
    for pace in 1..=3 {
        let manifest = manifest(&format!("[pace]\nmax-rotations = {pace}"));
        let sandbox = account(users());
        let faulty = Faulty::new(&sandbox, None, watch);
        enforce(&faulty, &manifest, start()).expect("no fault cuts it off");
        let calls = faulty.calls.take();
        for (call, operation) in calls.iter().enumerate() {
            // Dying before a call is dying after the one before it.
            for &mode in Fault::of(operation).iter().filter(|mode| **mode != Fault::CutBefore) {
                let sandbox = account(users());
                enforce(&Faulty::new(&sandbox, Some((call, mode)), watch), &manifest, start());
                let is_bounded = |before: usize| {
                    let rotated = rotated(&sandbox);
                    let after = rotated.keys().filter(|user| user.starts_with("svc-")).count();
                    assert!(
                        pace == 0 || after <= before + pace,
                        "{mode:?} at {call}, {operation}, of pace {pace}: {rotated:?}"
                    );
                    after
                };
                // Where a refusal came after the effect, another took the turn, for all that could be told.
                let doubt = usize::from(matches!(mode, Fault::ErrorAfter | Fault::DeniedAfter));
                let mut count = is_bounded(doubt);
                for day in 1..=61 {
                    let now = start() + TimeDelta::days(day);
                    sandbox.set_now(now);
                    let mode = if now.day() == 1 { Mode::Enforce } else { Mode::Tend };
                    run::run(std::slice::from_ref(&sandbox), &manifest, now, mode);
                    count = is_bounded(count);
                    if rotated(&sandbox).len() == 4 {
                        break;
                    }
                }
                assert_eq!(rotated(&sandbox).len(), 4, "{mode:?} at call {call}, {operation}, of pace {pace}");
                lives += 1;
            }
        }
    }
    assert!(lives > 200, "only {lives} lives");
}

fn enforce<C: Values>(cloud: &C, manifest: &Manifest, now: DateTime<Utc>) -> Option<Applied> {
    let run = async {
        let planned = Run::new(manifest, std::slice::from_ref(cloud), Mode::Enforce, now).plan(&|_| {}).await.ok()?;
        Some(planned.apply(&Conditions::new(&|| now), &|_| {}).await)
    };
    run.now_or_never().flatten()
}

/// No working key goes before another works.
fn watch(world: &World, attempt: &Attempt<'_>) {
    let (Attempt::Deactivate(key) | Attempt::Delete(key)) = attempt;
    let user = world.users.iter().find(|user| user.keys.iter().any(|held| held.id == **key)).expect("it is someone's");
    let others = user.keys.iter().filter(|other| other.id != **key);
    assert!(others.clone().any(Key::is_active), "the last working key would go\n{world:#?}");
}

/// What the plan promises is checked against the schedule: where it can't keep `max-age`, that is said with the arithmetic.
#[test]
fn a_pace_that_is_too_slow_is_a_warning() {
    let warnings = |users: i64, age: i64, pace: &str| -> Vec<String> {
        let sandbox = account((0..users).map(|n| (format!("svc-{n:03}"), age)));
        let manifest = manifest(pace);
        let planned = run::plan(std::slice::from_ref(&sandbox), &manifest, start(), Mode::Enforce);
        planned.plan.warnings.iter().map(ToString::to_string).collect()
    };
    assert!(warnings(100, 60, "").is_empty());
    assert_eq!(
        warnings(100, 60, "[pace]\nmax-rotations = 1"),
        [
            "keys get older than `max-age`: 100 users have keys that are due again after 1223h or more, runs come every 1d, and \
          each begins 1 rotation where it takes 2; raise `max-rotations` in `[pace]`"
        ]
    );
    assert_eq!(
        warnings(100, 88, "[pace]\nmax-rotations = 25"),
        [
            "25 of the 75 keys that wait for their turn get older than `max-age` before it: at 25 rotations a run the last \
          begins on 2026-11-04; raise `max-rotations` in `[pace]`, or `rotate-ahead`"
        ]
    );
}
