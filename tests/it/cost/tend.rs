//! What a run that tends costs: it grows with the rotations under way, not with the users; and it catches up with what an
//! earlier run had no time for.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Cause, Conditions, Failure, Outcome},
    cloud::{
        Reads, Writes,
        sandbox::{IamUser, Sandbox, StoredSecret, World},
    },
    inventory::{Account, CURRENT, PREVIOUS, SmtpUse, TAG_INTENT, TAG_OWNER, TAG_UNREAD, TAG_USER},
    manifest::Manifest,
    observe::NothingRead,
    plan::Verb,
    run::{Mode, Run},
    unread::{Extent, note_unlisted},
};
use tokio::time::Instant;

use super::{LATENCY, account, calls, key, manifest, name, now, sandbox};
use crate::{
    faulty::Faulty,
    support::remote::{Limit, Remote, Server},
};

struct Ran {
    applied: Applied,
    calls: BTreeMap<&'static str, usize>,
    /// Those that it took to plan.
    planning: BTreeMap<&'static str, usize>,
    is_complete: bool,
    unreadable: usize,
    resting: usize,
}

impl Ran {
    fn all(&self) -> usize {
        self.calls.values().sum()
    }

    fn read(&self) -> usize {
        self.calls.get("iam:ListAccessKeys").copied().unwrap_or_default()
    }
}

/// A run on the account as the run before has left it. `reading` is the time for that, where there is an end to it.
async fn run(
    world: &mut World,
    manifest: &Manifest,
    mode: Mode,
    at: DateTime<Utc>,
    (limit, reading): (Limit, Option<Duration>),
) -> Ran {
    let sandbox = Sandbox::new(account(), world.clone());
    sandbox.set_now(at);
    let server = Server::new(LATENCY, limit);
    let clouds = [Remote::new(sandbox, server.clone())];
    let read_until = reading.map(|time| Instant::now() + time);
    let run = Run { read_until, ..Run::new(manifest, &clouds, mode, at) };
    let planned = run.plan(&|_| {}).await.expect("listed");
    let planning = server.calls();
    let applied = planned.apply(&Conditions::new(&|| at), &|_| {}).await;
    *world = clouds[0].sandbox.snapshot();
    let (is_complete, unreadable) = (planned.verdict(Some(&applied)).is_complete(), planned.plan.unreadable().count());
    Ran { applied, calls: server.calls(), planning, is_complete, unreadable, resting: planned.plan.resting }
}

/// Nothing waits.
const AT_ONCE: &str = "overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"";

const CALM: (Limit, Option<Duration>) = (Limit::Unlimited, None);

#[tokio::test(start_paused = true)]
async fn ten_rotations_of_five_thousand_users_take_a_few_calls_a_day() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let mut world = sandbox(5_000, 10).snapshot();
    let ran = run(&mut world, &manifest, Mode::Enforce, now(), CALM).await;
    assert_eq!((ran.applied.done(Verb::Create), ran.is_complete), (10, true));
    let at = |day| now() + TimeDelta::days(day) + TimeDelta::minutes(1);
    let mut days = Vec::new();
    for day in [1, 6, 7, 8, 20, 21, 22] {
        let ran = run(&mut world, &manifest, Mode::Tend, at(day), CALM).await;
        assert!(ran.is_complete);
        println!("day {day}: {} calls, {} users read", ran.all(), ran.read());
        days.push((day, ran.all(), ran.resting, ran.applied.outcomes.len()));
    }
    // Five pages of users, one of secrets.
    let quiet = [1, 6, 8, 20, 22].map(|day| (day, 6, 5_000, 0));
    assert_eq!(days.iter().filter(|day| day.3 == 0).copied().collect::<Vec<_>>(), quiet);
    assert_eq!(days.iter().map(|day| day.3).sum::<usize>(), 20, "deactivated and deleted: {days:?}");
    assert!(days.iter().map(|day| day.1).sum::<usize>() < 7 * 80, "{days:?}");
}

/// Users whose keys were made day after day, for more than one life of a key.
#[tokio::test(start_paused = true)]
async fn users_that_rotate_evenly_are_read_when_their_dates_come() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let users = 90;
    let user = |number: usize| {
        let age = TimeDelta::days(i64::try_from(number).expect("small"));
        let (path, tags, groups) = ("/".to_owned(), BTreeMap::new(), Vec::new());
        IamUser { name: name(number), path, groups, tags, smtp: SmtpUse::NoSign, keys: vec![key(number, now() - age)] }
    };
    let mut world = World { users: (0..users).map(user).collect(), ..World::default() };
    let (mut read, mut acted, mut calls, mut planning) = (0, 0, 0, 0);
    for day in 0..140 {
        // What is under way is carried on, then what is due begins.
        let at = now() + TimeDelta::days(day);
        let tend = run(&mut world, &manifest, Mode::Tend, at, CALM).await;
        let enforce = run(&mut world, &manifest, Mode::Enforce, at, CALM).await;
        assert!(tend.is_complete && enforce.is_complete);
        let carried_on = enforce.applied.done(Verb::Deactivate) + enforce.applied.done(Verb::Delete);
        assert_eq!(carried_on, 0, "day {day}: what a run that tends has to do, it has done");
        if day >= 110 {
            read += tend.read();
            calls += tend.all();
            planning += tend.planning.values().sum::<usize>();
            acted += tend.applied.outcomes.len();
        }
    }
    println!("30 days: {calls} calls, {read} reads of users' keys, {acted} changes");
    assert_eq!(acted, 60, "a user a day is deactivated, and one deleted");
    assert_eq!(read, 2 * acted, "once to plan, and once before the change: nobody else is read");
    // A page of users and one of secrets a day, then the keys and the last use of whom something is due.
    assert_eq!(planning, 30 * 2 + 2 * acted);
}

/// Another policy for rotations concerns nobody at whom none is under way; what is to be done with their keys or secrets does.
#[tokio::test(start_paused = true)]
async fn another_policy_for_rotations_is_read_by_the_run_that_begins_them() {
    let at = |day| now() + TimeDelta::days(day) + TimeDelta::minutes(1);
    let before = manifest("rotate-ahead = \"0d\"");
    let mut world = sandbox(20, 20).snapshot();
    run(&mut world, &before, Mode::Enforce, now(), CALM).await;
    // In the middle of the rotation everyone is looked at: another overlap may be over.
    let middle = manifest("rotate-ahead = \"0d\"\noverlap = \"20d\"");
    assert_eq!(run(&mut world.clone(), &middle, Mode::Tend, at(3), CALM).await.read(), 20);
    for day in [8, 23] {
        assert_eq!(run(&mut world, &before, Mode::Tend, at(day), CALM).await.applied.outcomes.len(), 20);
    }
    for (defaults, read) in [
        ("rotate-ahead = \"0d\"\npatience = \"20d\"\nmax-age = \"60d\"", 0),
        ("rotate-ahead = \"0d\"\nunused = \"45d\"", 20),
        ("rotate-ahead = \"0d\"\nreplicate-to = [\"eu-central-1\"]", 20),
        ("rotate-ahead = \"0d\"\nsecret = \"/team/{user}\"", 20),
    ] {
        let tend = run(&mut world.clone(), &manifest(defaults), Mode::Tend, at(30), CALM).await;
        assert_eq!(tend.read() >= 20, read == 20, "{defaults}: {:?}", tend.planning);
    }
    // Whom an enforcing run had left, the next one reads whatever their policy was.
    let shorter = manifest("rotate-ahead = \"0d\"\nmax-age = \"20d\"");
    let left = run(&mut world, &shorter, Mode::Enforce, at(30), (Limit::of(2.0), Some(Duration::from_secs(5)))).await;
    assert!(left.unreadable > 5, "{} unread", left.unreadable);
    let begun = left.applied.done(Verb::Create)
        + run(&mut world, &shorter, Mode::Tend, at(31), CALM).await.applied.done(Verb::Create);
    assert_eq!(begun, 20);
}

/// Somebody goes back to the old key. While `ListSecrets` does not know it yet, and after the plan, what would end that key is
/// planned, and not done; and nobody hands out again what was gone back from.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_handed_out_again_does_not_end() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let at = |day| now() + TimeDelta::days(day) + TimeDelta::minutes(1);
    let goes_back = |world: &mut World| {
        for version in &mut world.secrets[0].versions {
            for label in &mut version.labels {
                *label = match label.as_str() {
                    CURRENT => PREVIOUS.to_owned(),
                    PREVIOUS => CURRENT.to_owned(),
                    other => other.to_owned(),
                };
            }
        }
    };
    for (earlier, day, verb) in [(None, 8, Verb::Deactivate), (Some(8), 23, Verb::Delete)] {
        for (mode, lags) in [(Mode::Tend, true), (Mode::Tend, false), (Mode::Enforce, true), (Mode::Enforce, false)] {
            let mut world = calls::due(true);
            run(&mut world, &manifest, Mode::Enforce, now(), CALM).await;
            if let Some(earlier) = earlier {
                run(&mut world, &manifest, Mode::Tend, at(earlier), CALM).await;
            }
            let sandbox = Sandbox::new(account(), world);
            sandbox.set_now(at(day));
            let listing = sandbox.secrets().await.expect("listed");
            if lags {
                sandbox.change(goes_back);
            }
            let seen = || sandbox.inspect(|world| (world.users[0].keys.clone(), world.secrets[0].versions.clone()));
            let clouds = [Faulty { listing: lags.then_some(listing), ..Faulty::new(&sandbox, None, |_, _| {}) }];
            let planned = Run::new(&manifest, &clouds, mode, at(day)).plan(&|_| {}).await.expect("listed");
            if !lags {
                sandbox.change(goes_back);
            }
            let before = seen();
            let applied = planned.apply(&Conditions::new(&|| at(day)), &|_| {}).await;
            let stale = |outcome: &Outcome| matches!(outcome.result, Err(Failure::Stale(_)));
            let done: Vec<_> = applied.outcomes.iter().map(|one| (one.change.action.verb(), stale(one))).collect();
            assert_eq!(done, [(verb, true)], "{applied:#?}");
            assert_eq!(seen(), before);
            // When everything is known.
            let clouds = [Faulty::new(&sandbox, None, |_, _| {})];
            let planned = Run::new(&manifest, &clouds, Mode::Tend, at(day)).plan(&|_| {}).await.expect("listed");
            let applied = planned.apply(&Conditions::new(&|| at(day)), &|_| {}).await;
            assert_eq!((applied.outcomes.len(), seen()), (0, before), "{applied:#?}");
        }
    }
}

/// Deadline and throttling leave some unread: the invocation fails, and the next run that tends rotates them, once.
#[tokio::test(start_paused = true)]
async fn whom_a_run_has_left_the_next_one_reads_and_rotates() {
    let manifest = manifest("");
    let mut world = sandbox(300, 0).snapshot();
    // Every third is due.
    for (number, user) in world.users.iter_mut().enumerate() {
        if number.is_multiple_of(3) {
            user.keys[0].created = now() - TimeDelta::days(95);
        }
    }
    let slow = || Limit::of(5.0);
    let enforce = run(&mut world, &manifest, Mode::Enforce, now(), (slow(), Some(Duration::from_secs(30)))).await;
    let (begun, unreadable) = (enforce.applied.done(Verb::Create), enforce.unreadable);
    println!("{begun} begun, {unreadable} unread {:?} {:?}", enforce.applied.deferred, enforce.calls);
    assert!((100..200).contains(&unreadable) && !enforce.is_complete, "{unreadable} unread");
    assert!((30..90).contains(&begun), "{begun} begun");
    let noted = |world: &World| world.secrets.iter().filter(|one| one.tags.contains_key(TAG_UNREAD)).count();
    assert_eq!(noted(&world), 1);
    // So does the run after that, which begins with those.
    let at = |day| now() + TimeDelta::days(day);
    let second = run(&mut world, &manifest, Mode::Tend, at(1), (slow(), Some(Duration::from_secs(20)))).await;
    let begun_then = second.applied.done(Verb::Create);
    println!("{begun_then} begun, {} unread", second.unreadable);
    assert!(begun_then > 15 && !second.is_complete && noted(&world) == 1, "{begun_then} begun");
    let third = run(&mut world, &manifest, Mode::Tend, at(2), (slow(), None)).await;
    assert!(third.is_complete);
    assert_eq!(begun + begun_then + third.applied.done(Verb::Create), 100, "everyone who was due");
    assert_eq!(noted(&world), 0);
    let fourth = run(&mut world, &manifest, Mode::Tend, at(3), (slow(), None)).await;
    assert_eq!((fourth.read(), fourth.applied.outcomes.len()), (0, 0));
}

/// While secrets are listed, page after page, keys are read already: those are kept when the time is over, and nobody else is
/// lost for them.
#[tokio::test(start_paused = true)]
async fn what_was_read_while_secrets_were_listed_is_kept_when_the_time_is_over() {
    let mut world = sandbox(600, 0).snapshot();
    for number in 0..2_000 {
        let name = format!("/aws/iam/credentials/{}", self::name(number));
        let tags = [(TAG_OWNER.to_owned(), self::name(number))].into();
        world.secrets.push(StoredSecret { name, tags, ..StoredSecret::default() });
    }
    let slow = (Limit::of(5.0), Some(Duration::from_secs(30)));
    let ran = run(&mut world, &manifest(""), Mode::Enforce, now(), slow).await;
    println!("{} unread of 600, {:?}", ran.unreadable, ran.calls);
    assert!((430..470).contains(&ran.unreadable) && !ran.is_complete, "{} unread", ran.unreadable);
}

/// The account of a run that begins what is due, of 40 users of 60, while AWS refuses everything from the third second on.
/// `time` is how long it may take.
async fn refused(world: &World, users: &[String], time: Option<Duration>) -> (World, Applied, Duration) {
    let manifest = manifest(AT_ONCE);
    let sandbox = Sandbox::new(account(), world.clone());
    sandbox.set_now(now());
    let server = Server::new(LATENCY, Limit::of(20.0)).silent(3.5..10_000.0);
    let clouds = [Remote::new(sandbox, server)];
    let run = Run { users, ..Run::new(&manifest, &clouds, Mode::Enforce, now()) };
    let began = Instant::now();
    let planned = run.plan(&|_| {}).await.expect("listed");
    let ends = time.map(|time| began + time);
    let applied = planned.apply(&Conditions { ends, ..Conditions::new(&now) }, &|_| {}).await;
    (clouds[0].sandbox.snapshot(), applied, began.elapsed())
}

fn due() -> World {
    let mut world = sandbox(60, 40).snapshot();
    // All have a secret of keyrota's, so that something can be noted there.
    for number in 0..60 {
        let arn = format!("arn:aws:iam::111122223333:user/{}", name(number));
        let tags = [(TAG_OWNER.to_owned(), name(number)), (TAG_USER.to_owned(), arn)].into();
        let name = format!("/aws/iam/credentials/{}", name(number));
        world.secrets.push(StoredSecret { name, tags, ..StoredSecret::default() });
    }
    world
}

/// Whoever waits for AWS when the time of the run is over is cut off, and whoever AWS refused for too long has failed: the next
/// run that tends begins with both.
#[tokio::test(start_paused = true)]
async fn whom_aws_refused_in_the_middle_the_next_run_rotates() {
    for time in [Some(Duration::from_secs(20)), None] {
        let (mut world, applied, took) = refused(&due(), &[], time).await;
        let rotated = applied.done(Verb::Create);
        assert!(rotated < 40, "{rotated} were rotated");
        let cut_off = applied.deferred.iter().filter(|one| one.cause == Cause::CutOff).count();
        assert_eq!(time.is_some(), cut_off > 0, "{:?}", applied.deferred);
        assert!(time.is_none_or(|time| took <= time + Duration::from_secs(1)), "it took {took:?}");
        assert_eq!(world.secrets.iter().filter(|one| one.tags.contains_key(TAG_UNREAD)).count(), 1, "{time:?}");
        let manifest = manifest(AT_ONCE);
        let later = now() + TimeDelta::days(1);
        let tend = run(&mut world, &manifest, Mode::Tend, later, CALM).await;
        assert!(tend.is_complete, "{:?}", tend.applied.outcomes);
        let old = now() - TimeDelta::days(90);
        let left = world.users.iter().filter(|user| user.keys.iter().any(|key| key.created < old)).count();
        assert_eq!(left, 0, "{time:?}: {left} users were forgotten");
        assert!(!world.secrets.iter().any(|one| one.tags.contains_key(TAG_UNREAD)));
    }
}

/// A run that is stopped in the middle of a black-out begins nothing that it has not sent by then, and goes on with what it has
/// begun until that is safe: no creation that stood in the queue comes through later.
#[tokio::test(start_paused = true)]
async fn what_was_not_sent_when_a_run_is_stopped_is_not_begun() {
    let manifest = manifest(AT_ONCE);
    for stops in [2.0, 3.0, 4.0, 8.0, 30.0] {
        let sandbox = Sandbox::new(account(), due());
        sandbox.set_now(now());
        let server = Server::new(LATENCY, Limit::of(20.0)).silent(3.5..33.5);
        let clouds = [Remote::new(sandbox, server.clone())];
        let planned = Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("listed");
        let (began, stops) = (Instant::now(), Duration::from_secs_f64(stops));
        let begun_at_the_stop = AtomicUsize::new(usize::MAX);
        let may_start = || {
            let may_start = began.elapsed() < stops;
            let begun = || server.calls().get("iam:CreateAccessKey").copied().unwrap_or_default();
            if !may_start && begun_at_the_stop.load(Relaxed) == usize::MAX {
                begun_at_the_stop.store(begun(), Relaxed);
            }
            may_start
        };
        let conditions = Conditions { may_start: &may_start, ..Conditions::new(&now) };
        let applied = planned.apply(&conditions, &|_| {}).await;
        let asked = server.calls().get("iam:CreateAccessKey").copied().unwrap_or_default();
        // Those that were on their way may be answered still.
        let sent = begun_at_the_stop.load(Relaxed);
        let created = applied.done(Verb::Create);
        println!(
            "stopped after {stops:?}: {created} created, {asked} asked for, {sent} by then, {:?}",
            began.elapsed()
        );
        assert!(asked <= sent + 1, "{asked} creations were sent, {sent} of them before the run was stopped");
        assert!(created < 40 && created + applied.deferred.len() >= 40, "{created} {:?}", applied.deferred);
        assert!(applied.outcomes.iter().all(|outcome| outcome.result.is_ok()), "{:?}", applied.outcomes);
        // What was issued is handed out, and nothing else is under way.
        let world = clouds[0].sandbox.snapshot();
        let handed_out = world.secrets.iter().filter(|one| !one.versions.is_empty()).count();
        assert_eq!(handed_out, created);
        let intents = world.secrets.iter().filter(|one| one.tags.get(TAG_INTENT).is_some_and(|tag| !tag.is_empty()));
        assert_eq!(intents.count(), 0, "the next run that tends would begin what the person has stopped");
        let mut world = world;
        let tend = run(&mut world, &manifest, Mode::Tend, now() + TimeDelta::days(1), CALM).await;
        assert_eq!(tend.applied.done(Verb::Create), 0);
        let enforce = run(&mut world, &manifest, Mode::Enforce, now() + TimeDelta::days(2), CALM).await;
        assert_eq!(created + enforce.applied.done(Verb::Create), 40, "{:?}", enforce.applied.outcomes);
    }
}

/// When SES takes no more mail, no more keys are made of which nobody could be told; the next runs begin those, too. What was made
/// before is told first.
#[tokio::test(start_paused = true)]
async fn no_rotation_begins_of_which_nobody_can_be_told() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let (mut world, mut created, mut told) = (sandbox(120, 100).snapshot(), 0, 0);
    for (day, most) in [(0, 30), (1, 40), (2, 200), (3, 200)] {
        let at = now() + TimeDelta::days(day);
        let sandbox = Sandbox::new(account(), world);
        sandbox.set_now(at);
        let clouds = [Remote::new(sandbox, Server::new(LATENCY, Limit::Unlimited).mail(most))];
        let mode = if day == 0 { Mode::Enforce } else { Mode::Tend };
        let planned = Run::new(&manifest, &clouds, mode, at).plan(&|_| {}).await.expect("listed");
        let applied = planned.apply(&Conditions::new(&|| at), &|_| {}).await;
        world = clouds[0].sandbox.snapshot();
        created += applied.done(Verb::Create);
        told += applied.done(Verb::Notify);
        println!("day {day}: {created} created, {told} told, {} left", applied.deferred.len());
        assert!((told..=told + 16).contains(&created), "{created} created, {told} told");
        assert_eq!(planned.verdict(Some(&applied)).is_complete(), created == told && told == 100);
        assert_eq!(told, if day < 2 { (30 + 40 * usize::try_from(day).expect("a day")).min(100) } else { 100 });
    }
    assert_eq!((created, told), (100, 100), "everyone who was due");
    // A leak does not wait for the mail.
    let manifest = self::manifest("rotate-ahead = \"0d\"\nreissue-before = 2026-11-20");
    let clouds = [Remote::new(sandbox(60, 40), Server::new(LATENCY, Limit::Unlimited).mail(0))];
    let planned = Run::new(&manifest, &clouds, Mode::Enforce, now()).plan(&|_| {}).await.expect("listed");
    let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
    assert_eq!((applied.done(Verb::Create), applied.done(Verb::Notify)), (60, 0));
}

/// An account whose users can't be listed while its secrets are: the next run that tends reads all of it, and begins what was due
/// when this one began. A run that tends leaves no such note, nor does one for some users: what only they have left was not due.
#[tokio::test(start_paused = true)]
async fn an_account_that_was_not_listed_is_caught_up_with() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let mut world = due();
    // Due three days later.
    world.users[50].keys[0].created = now() - TimeDelta::days(88);
    let noted = |world: &World| world.secrets.iter().filter(|one| one.tags.contains_key(TAG_UNREAD)).count();
    let other = Account { id: "444455556666".to_owned(), ..account() };
    for (mode, users, expected) in [
        (Mode::Tend, Vec::new(), 0),
        (Mode::Enforce, vec![name(3)], 0),
        (Mode::Plan, Vec::new(), 0),
        (Mode::Enforce, Vec::new(), 1),
    ] {
        for is_alone in [false, true] {
            let sandbox = Sandbox::new(account(), world.clone());
            sandbox.set_now(now());
            let deaf = Remote::new(sandbox, Server::new(LATENCY, Limit::of(20.0)).silent(0.0..1e9));
            let beside = Sandbox::new(other.clone(), World::default());
            beside.set_now(now());
            let beside = Remote::new(beside, Server::new(LATENCY, Limit::Unlimited));
            let clouds = if is_alone { vec![deaf] } else { vec![deaf, beside] };
            let run = Run { users: &users, ..Run::new(&manifest, &clouds, mode, now()) };
            match run.plan(&|_| {}).await {
                Ok(planned) if mode != Mode::Plan => {
                    assert_eq!((planned.plan.accounts_unread.len(), is_alone), (1, false));
                    let applied = planned.apply(&Conditions::new(&now), &|_| {}).await;
                    assert!(!planned.verdict(Some(&applied)).is_complete());
                }
                Ok(_) => {}
                // As the function does.
                Err(NothingRead(accounts, unlisted)) => {
                    assert_eq!((accounts.len(), unlisted.len(), is_alone), (1, 1, true));
                    let (is_timed, is_partial) = (true, !users.is_empty());
                    let extent = Extent { is_timed, is_partial, enforces: mode == Mode::Enforce };
                    let clouds: Vec<&dyn Writes> = clouds.iter().map(|cloud| cloud as &dyn Writes).collect();
                    note_unlisted(&clouds, &unlisted, now(), extent).await;
                }
            }
            let left = clouds[0].sandbox.snapshot();
            assert_eq!(noted(&left), expected, "{mode:?} {users:?} {is_alone}");
            if expected == 0 {
                assert_eq!(left, world);
                continue;
            }
            let mut left = left;
            let tend = run_on(&mut left, &manifest, Mode::Tend, 4).await;
            assert!(tend.is_complete && noted(&left) == 0);
            assert_eq!((tend.applied.done(Verb::Create), left.users[50].keys.len()), (40, 1), "and no other");
            let again = run_on(&mut left, &manifest, Mode::Tend, 5).await;
            assert_eq!(again.applied.done(Verb::Create), 0);
        }
    }
}

async fn run_on(world: &mut World, manifest: &Manifest, mode: Mode, day: i64) -> Ran {
    run(world, manifest, mode, now() + TimeDelta::days(day), CALM).await
}

/// A run that tends and does not come to its end leaves nothing to be begun: whom it has not read, the ledgers still tell of.
#[tokio::test(start_paused = true)]
async fn a_run_that_tends_leaves_nothing_to_begin() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let mut world = sandbox(300, 100).snapshot();
    let enforce = run(&mut world, &manifest, Mode::Enforce, now(), CALM).await;
    assert_eq!((enforce.applied.done(Verb::Create), enforce.is_complete), (100, true));
    // Another's key is due since yesterday when the overlap of those ends.
    world.users[250].keys[0].created = now() + TimeDelta::days(8) - TimeDelta::days(91);
    let slow = (Limit::of(5.0), Some(Duration::from_secs(12)));
    let tend = run(&mut world, &manifest, Mode::Tend, now() + TimeDelta::days(8), slow).await;
    assert!(tend.unreadable > 0 && !tend.is_complete, "{} unread", tend.unreadable);
    let tend = run_on(&mut world, &manifest, Mode::Tend, 9).await;
    assert!(tend.is_complete && tend.applied.done(Verb::Create) == 0);
    let stopped = world.users.iter().filter(|user| user.keys.iter().any(|key| !key.is_active())).count();
    assert_eq!(stopped, 100, "what had begun goes on");
}

/// Who is named alone is not everybody whom a run has left.
#[tokio::test(start_paused = true)]
async fn a_run_for_one_user_forgets_nobody_else() {
    let (world, ..) = refused(&due(), &[], Some(Duration::from_secs(20))).await;
    let noted = |world: &World| world.secrets.iter().filter(|one| one.tags.contains_key(TAG_UNREAD)).count();
    assert_eq!(noted(&world), 1);
    let manifest = manifest(AT_ONCE);
    let sandbox = Sandbox::new(account(), world);
    sandbox.set_now(now());
    let clouds = [sandbox];
    let users = [name(59)];
    let run = Run { users: &users, ..Run::new(&manifest, &clouds, Mode::Enforce, now()) };
    let planned = run.plan(&|_| {}).await.expect("listed");
    planned.apply(&Conditions::new(&now), &|_| {}).await;
    assert_eq!(noted(&clouds[0].snapshot()), 1, "the others are still to come");
}

/// What becomes due after that is no business of a run that tends.
#[tokio::test(start_paused = true)]
async fn what_was_not_due_then_is_not_begun() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let mut world = sandbox(40, 20).snapshot();
    world.users[35].keys[0].created = now() - TimeDelta::days(89);
    let slow = (Limit::of(1.0), Some(Duration::from_secs(25)));
    let enforce = run(&mut world, &manifest, Mode::Enforce, now(), slow).await;
    assert!(enforce.unreadable > 0, "{}", enforce.unreadable);
    let tend = run(&mut world, &manifest, Mode::Tend, now() + TimeDelta::days(3), CALM).await;
    assert!(tend.is_complete);
    assert_eq!(enforce.applied.done(Verb::Create) + tend.applied.done(Verb::Create), 20);
    assert_eq!(world.users[35].keys.len(), 1);
}
