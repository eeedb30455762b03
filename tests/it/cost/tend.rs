//! What a run that tends costs: it grows with the rotations under way, not with the users; and it catches up with what an
//! earlier run had no time for.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Cause, Conditions},
    cloud::sandbox::{IamUser, Sandbox, StoredSecret, World},
    inventory::{SmtpUse, TAG_OWNER, TAG_UNREAD, TAG_USER},
    manifest::Manifest,
    plan::Verb,
    run::{Mode, Run},
};
use tokio::time::Instant;

use super::{LATENCY, account, key, manifest, name, now, sandbox};
use crate::support::remote::{Limit, Remote, Server};

struct Ran {
    applied: Applied,
    calls: BTreeMap<&'static str, usize>,
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
    let applied = planned.apply(&Conditions::new(&|| at), &|_| {}).await;
    *world = clouds[0].sandbox.snapshot();
    let (is_complete, unreadable) = (planned.verdict(Some(&applied)).is_complete(), planned.plan.unreadable().count());
    Ran { applied, calls: server.calls(), is_complete, unreadable, resting: planned.plan.resting }
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
    let (mut read, mut acted, mut calls) = (0, 0, 0);
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
            acted += tend.applied.outcomes.len();
        }
    }
    println!("30 days: {calls} calls, {read} reads of users' keys, {acted} changes");
    assert_eq!(acted, 60, "a user a day is deactivated, and one deleted");
    assert_eq!(read, 2 * acted, "once to plan, and once before the change: nobody else is read");
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
