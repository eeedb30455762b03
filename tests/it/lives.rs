//! Every small state of one user, to the fixpoint: with no fault, and with a fault and a cut at every call. Shows the
//! invariants of ARCHITECTURE.md, that every life converges, and that running again does nothing.
//!
//! A node is a simulated account at an instant. Its successors are the account after a run, after a run with each
//! fault, and later, with and without the keys being used meanwhile. Nodes are visited once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Run, apply},
    inventory::{
        Account, Key, KeyId, LastUse, Status, TAG_DEACTIVATED, TAG_DEACTIVATING, TAG_INTENT, TAG_NOTIFIED, TAG_OWNER,
        User,
    },
    manifest::{Language, Mail, Policy, Recipient, Source, Sourced, WhenFull},
    observe::{Depth, directory, observe},
    plan::{Plan, Wait, plan},
    roster::{Entry, Roster},
    sandbox::{IamUser, Sandbox, StoredSecret, StoredVersion, World},
    tell::Outbox,
};

use crate::faulty::{Attempt, Faulty, Mode};

const USER: &str = "ci-deployer";
const SECRET: &str = "/aws/iam/credentials/ci-deployer";
const OLD: &str = "AKIAOLDOLDOLDOLDOLD1";
const NEW: &str = "AKIANEWNEWNEWNEWNEW2";

/// A rotation with everything that can wait has fewer runs; a life with more would be one without an end.
const MOST_RUNS: usize = 40;

#[test]
fn with_the_default_policy() {
    explore("default", policy(7, 2, 14, 14, WhenFull::Block));
}

#[test]
fn replacing_at_once() {
    explore("at once", policy(0, 0, 0, 0, WhenFull::Block));
}

#[test]
fn retiring_the_oldest_when_full() {
    explore("retire-oldest", policy(7, 2, 14, 14, WhenFull::RetireOldest));
}

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Settled,
    /// Waits for a person.
    Blocked(&'static str),
}

/// The ends of the lives of all nodes visited, by the node's hash: nodes are large, and 64 bits tell them apart.
#[derive(Default)]
struct Ends(HashMap<u64, End>);

impl Ends {
    fn name(node: &(World, DateTime<Utc>)) -> u64 {
        let mut hasher = DefaultHasher::new();
        node.hash(&mut hasher);
        hasher.finish()
    }

    fn get(&self, node: &(World, DateTime<Utc>)) -> Option<&End> {
        self.0.get(&Self::name(node))
    }
}

fn explore(name: &str, policy: Policy) {
    let roster = roster(policy);
    let mut ends = Ends::default();
    let mut queue: Vec<_> = seeds().into_iter().map(|world| (world, t0())).collect();
    let seeds = queue.len();
    let (mut runs, mut faults) = (0_usize, 0_usize);
    while let Some(node) = queue.pop() {
        if ends.get(&node).is_some() {
            continue;
        }
        let end = live(&roster, &node, &mut ends, &mut queue, &mut runs);
        let (world, now) = node;
        let clean = run(&roster, &world, now, None);
        // Without a change there is no call that could do harm.
        if clean.writes == 0 {
            continue;
        }
        for (call, operation) in clean.calls.iter().enumerate() {
            for &mode in Mode::of(operation) {
                let after = (run(&roster, &world, now, Some((call, mode))).world, now);
                faults += 1;
                let after_fault = live(&roster, &after, &mut ends, &mut queue, &mut runs);
                // A fault may cost time, never a person's attention that the state did not need anyway.
                assert!(
                    after_fault == end || after_fault == End::Settled || after_fault == End::Blocked("two-keys-in-use"),
                    "{mode:?} at call {call}, {operation}, leads to {after_fault:?} instead of {end:?}\n{world:#?}"
                );
                queue.push(after);
            }
        }
    }
    assert!(faults > 10_000, "{name}: the enumeration has shrunk to {faults} faults");
    eprintln!("{name}: {seeds} seeds, {} states, {runs} runs, {faults} faults", ends.0.len());
}

/// Follows a life without faults in which nobody uses old keys, to its end. Queues the states on the way, and those of
/// clients that go on using every key that works.
fn live(
    roster: &Roster,
    node: &(World, DateTime<Utc>),
    ends: &mut Ends,
    queue: &mut Vec<(World, DateTime<Utc>)>,
    runs: &mut usize,
) -> End {
    let mut path = Vec::new();
    let (mut world, mut now) = node.clone();
    let end = loop {
        let here = (world, now);
        if let Some(end) = ends.get(&here) {
            break end.clone();
        }
        assert!(path.len() < MOST_RUNS, "does not converge\n{:#?}", node.0);
        path.push(Ends::name(&here));
        world = here.0;
        let after = run(roster, &world, now, None);
        *runs += 1;
        world = after.world;
        let again = run(roster, &world, now, None);
        assert!(again.writes == 0, "the second run right after does something\n{:#?}", node.0);
        assert!(after.plan_after.changes.is_empty(), "changes are left\n{:#?}", after.plan_after);
        match after.plan_after.waiting.first() {
            None => {
                assert_nothing_is_lost(&world);
                break End::Settled;
            }
            Some(waiting) => match waiting.until {
                Some(until) => {
                    assert!(until > now, "waits for the past\n{waiting:#?}");
                    now = until;
                    queue.push((used(&world, now), now));
                }
                None => {
                    assert!(waiting.wait.is_blocked(), "held without a date\n{waiting:#?}");
                    assert!(!matches!(waiting.wait, Wait::Unreadable { .. }));
                    break End::Blocked(waiting.wait.code());
                }
            },
        }
    };
    ends.0.extend(path.into_iter().map(|name| (name, end.clone())));
    end
}

struct After {
    world: World,
    calls: Vec<&'static str>,
    writes: usize,
    /// What a fresh look says, which is taken only after a run without a fault.
    plan_after: Plan,
}

/// Observes, plans and applies, as the command does.
fn run(roster: &Roster, world: &World, now: DateTime<Utc>, fault: Option<(usize, Mode)>) -> After {
    let sandbox = Sandbox::new(account(), world.clone());
    sandbox.set_now(now);
    let faulty = Faulty::new(&sandbox, fault, watch);
    // A future that is not ready when it is first polled is one that was cut off.
    let ended = async {
        let Ok(directory) = directory(&faulty, &|_, _| true).await else { return };
        let inventory = observe(&faulty, roster, &directory, Depth::Plan, now, &|| {}).await;
        let plan = plan(roster, &inventory, now);
        let run = Run {
            as_of: now,
            clock: &|| now,
            starts_rotations: true,
            may_start: &|| true,
            progress: &|_| {},
            outbox: Outbox::default(),
        };
        let applied = apply(&faulty, roster, &inventory, &plan.changes, &run).await;
        assert!(fault.is_some() || applied.outcomes.iter().all(|outcome| outcome.result.is_ok()), "{applied:#?}");
    }
    .now_or_never();
    assert!(ended.is_some() || fault.is_some_and(|(_, mode)| matches!(mode, Mode::CutBefore | Mode::CutAfter)));
    let (calls, writes) = (faulty.calls.take(), faulty.writes.get());
    let mut after = sandbox.snapshot();
    after.mail.clear();
    assert_alive(world, &after);
    let plan_after = match fault {
        Some(_) => Plan::empty(now),
        None => look(roster, &sandbox, now),
    };
    After { world: after, calls, writes, plan_after }
}

fn look(roster: &Roster, sandbox: &Sandbox, now: DateTime<Utc>) -> Plan {
    async {
        let directory = directory(sandbox, &|_, _| true).await.expect("the sandbox lists");
        let inventory = observe(sandbox, roster, &directory, Depth::Plan, now, &|| {}).await;
        plan(roster, &inventory, now)
    }
    .now_or_never()
    .expect("the sandbox never waits")
}

/// The invariants that hold at every instant.
fn watch(world: &World, attempt: &Attempt<'_>) {
    let keys = &world.user(USER).expect("the user exists").keys;
    match attempt {
        Attempt::Delete(key) => {
            let key = keys.iter().find(|held| held.id == **key).expect("only what exists is deleted");
            assert!(!key.is_active(), "a working key would be deleted\n{world:#?}");
        }
        Attempt::Deactivate(key) => {
            let key = keys.iter().find(|held| held.id == **key).expect("only what exists is deactivated");
            let others = || keys.iter().filter(|other| other.id != key.id);
            assert!(others().any(Key::is_active), "the last working key would be deactivated\n{world:#?}");
            let Some(secret) = world.secret(SECRET) else { return };
            let labelled = |label, key: &Key| secret.labelled(label).is_some_and(|v| v.id == key.id.version_id());
            // Nobody can have a key that an interrupted run left: nobody needs to be told of its end.
            let intent = secret.tags.get(TAG_INTENT).and_then(|time| time.parse::<DateTime<Utc>>().ok());
            if intent.is_some_and(|intent| (key.created - intent).abs() <= TimeDelta::minutes(15))
                && key.last_use == LastUse::Never
                && !secret.versions.iter().any(|version| version.id == key.id.version_id())
            {
                return;
            }
            for newer in others().filter(|other| other.is_active() && other.created > key.created) {
                assert!(!labelled("AWSPENDING", newer), "the new key is not handed out yet\n{world:#?}");
                if labelled("AWSCURRENT", newer) && key.is_active() {
                    let told = secret.tags.get(TAG_NOTIFIED).map(String::as_str) == Some(newer.id.as_str());
                    assert!(told, "the owner was not told of the new key\n{world:#?}");
                }
            }
        }
    }
}

/// The invariants over a run, however it ended.
fn assert_alive(before: &World, after: &World) {
    let active =
        |world: &World| world.user(USER).expect("the user exists").keys.iter().filter(|k| k.is_active()).count();
    assert!(active(before) == 0 || active(after) > 0, "the last working key is gone\n{before:#?}\n{after:#?}");
    assert!(active(before) > 0 || active(after) == 0, "a key came to a user that had none\n{before:#?}\n{after:#?}");
    let keys = &after.user(USER).expect("the user exists").keys;
    assert!(keys.len() <= 2);
    for key in keys.iter().filter(|key| !key.is_active()) {
        let was = before.key(&key.id).is_none_or(|key| !key.is_active());
        let noted = after.secret(SECRET).is_some_and(|secret| {
            [TAG_DEACTIVATED, TAG_DEACTIVATING]
                .iter()
                .any(|tag| secret.tags.get(*tag).is_some_and(|value| value.starts_with(key.id.as_str())))
        });
        assert!(was || noted, "a deactivation is not noted\n{after:#?}");
    }
}

/// When a life has settled, every key that keyrota issued is in the secret: nobody else has it.
fn assert_nothing_is_lost(world: &World) {
    for key in &world.user(USER).expect("the user exists").keys {
        let issued = key.id.as_str() != OLD && key.id.as_str() != NEW;
        let stored = world.secret(SECRET).is_some_and(|secret| {
            secret.versions.iter().any(|version| version.id == key.id.version_id() && !version.labels.is_empty())
        });
        assert!(!issued || stored, "a key was issued and not stored\n{world:#?}");
    }
}

/// The same account where every key that works was used an hour ago.
fn used(world: &World, now: DateTime<Utc>) -> World {
    let mut world = world.clone();
    for key in world.users.iter_mut().flat_map(|user| &mut user.keys).filter(|key| key.is_active()) {
        let time = (now - TimeDelta::hours(1)).max(key.created);
        key.last_use = LastUse::At { time, service: None, region: None };
    }
    world
}

/// Every small state: keys by age, status and last use; the ledger by labels and tags.
fn seeds() -> Vec<World> {
    let mut worlds = Vec::new();
    let olds = keys(OLD, TimeDelta::hours(1));
    let news = keys(NEW, TimeDelta::zero());
    let mut accounts: Vec<Vec<Key>> = vec![vec![]];
    accounts.extend(olds.iter().map(|old| vec![old.clone()]));
    accounts.extend(olds.iter().flat_map(|old| news.iter().map(|new| vec![old.clone(), new.clone()])));
    for keys in accounts {
        worlds.push(world(keys.clone(), None));
        for versions in labels(&keys) {
            for tags in tags(&keys, &versions) {
                worlds.push(world(keys.clone(), Some((versions.clone(), tags))));
            }
        }
    }
    worlds
}

fn keys(id: &str, older: TimeDelta) -> Vec<Key> {
    let mut keys = Vec::new();
    for age in [10, 95] {
        for status in [Status::Active, Status::Inactive] {
            // Of an inactive key it matters only that it was used.
            let uses: &[_] = if status == Status::Active { &[None, Some(1), Some(9)] } else { &[None, Some(9)] };
            for used in uses {
                let last_use = used.map_or(LastUse::Never, |days| LastUse::At {
                    time: t0() - TimeDelta::days(days),
                    service: None,
                    region: None,
                });
                let created = t0() - TimeDelta::days(age) - older;
                keys.push(Key { id: KeyId::new(id), status, created, last_use });
            }
        }
    }
    keys
}

/// The labels that these keys' versions can have, and a version of the predecessor.
fn labels(keys: &[Key]) -> Vec<Vec<StoredVersion>> {
    let version = |id: &str, labels: &[&str]| StoredVersion {
        id: id.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        digest: None,
    };
    let predecessor = |label| version("0f6c2c5e-2b0f-4b7e-9d0a-3f1c8a4e5d6b", &[label]);
    let mut all = vec![vec![], vec![predecessor("AWSCURRENT")]];
    if let Some(old) = keys.first().map(|key| key.id.version_id()) {
        all.push(vec![version(&old, &["AWSCURRENT"])]);
        all.push(vec![version(&old, &["AWSCURRENT", "AWSPENDING"])]);
        all.push(vec![predecessor("AWSCURRENT"), version(&old, &["AWSPENDING"])]);
        if let Some(new) = keys.get(1).map(|key| key.id.version_id()) {
            all.push(vec![version(&old, &["AWSCURRENT"]), version(&new, &["AWSPENDING"])]);
            all.push(vec![version(&old, &["AWSPREVIOUS"]), version(&new, &["AWSCURRENT"])]);
            all.push(vec![version(&old, &["AWSPREVIOUS"]), version(&new, &["AWSCURRENT", "AWSPENDING"])]);
            all.push(vec![predecessor("AWSPREVIOUS"), version(&new, &["AWSCURRENT"])]);
        }
    }
    all
}

/// The tags that a run, or one that was cut short, can have left.
fn tags(keys: &[Key], versions: &[StoredVersion]) -> Vec<Vec<(&'static str, String)>> {
    let current = versions.iter().find(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    let told = current.and_then(|version| KeyId::of_version(&version.id));
    let days_ago = |days| timestamp(t0() - TimeDelta::days(days));
    let mut retired = vec![None];
    if let Some(old) = keys.first() {
        retired.push(Some((TAG_DEACTIVATED, format!("{}@{}", old.id, days_ago(1)))));
        retired.push(Some((TAG_DEACTIVATED, format!("{}@{}", old.id, days_ago(20)))));
        retired.push(Some((TAG_DEACTIVATING, format!("{}@{}", old.id, days_ago(20)))));
    }
    let mut all = Vec::new();
    let intent = keys.last().map(|key| (TAG_INTENT, timestamp(key.created - TimeDelta::minutes(1))));
    for told in [None, told] {
        let told = told.map(|key| (TAG_NOTIFIED, key.to_string()));
        all.push(told.iter().cloned().chain(intent.clone()).collect());
        all.extend(retired.iter().map(|retired| told.iter().cloned().chain(retired.clone()).collect()));
    }
    all.sort();
    all.dedup();
    all
}

/// A secret's versions and tags.
type Parts = (Vec<StoredVersion>, Vec<(&'static str, String)>);

fn world(keys: Vec<Key>, secret: Option<Parts>) -> World {
    let user = IamUser { name: USER.to_owned(), path: "/".to_owned(), groups: vec![], tags: [].into(), keys };
    let secrets = secret.map(|(versions, tags)| StoredSecret {
        name: SECRET.to_owned(),
        tags: tags
            .into_iter()
            .chain([(TAG_OWNER, USER.to_owned())])
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        versions,
        ..StoredSecret::default()
    });
    World { users: vec![user], secrets: secrets.into_iter().collect(), ..World::default() }
}

fn roster(policy: Policy) -> Roster {
    let user = User {
        name: USER.to_owned(),
        arn: format!("arn:aws:iam::111122223333:user/{USER}"),
        path: "/".to_owned(),
        tags: [].into(),
        groups: vec![],
        unreadable: None,
    };
    let entry = Entry {
        user,
        rule: Source { file: Arc::from("manifests/test.toml"), line: 1 },
        policy: Arc::new(policy),
        secret: SECRET.to_owned(),
        recipients: vec!["owner@example.com".to_owned()],
        exempt: None,
    };
    Roster {
        account: account(),
        entries: vec![entry],
        unmanaged: 0,
        mail: Mail { from: Some("security@example.com".to_owned()), ..Mail::default() },
    }
}

fn policy(overlap: i64, quiet: i64, patience: i64, hold: i64, when_full: WhenFull) -> Policy {
    fn built_in<T>(value: T) -> Sourced<T> {
        Sourced { value, source: None }
    }
    let days = |days| built_in(TimeDelta::days(days));
    Policy {
        max_age: days(90),
        rotate_ahead: days(0),
        reissue_before: built_in(None),
        overlap: days(overlap),
        quiet: days(quiet),
        patience: days(patience),
        hold: days(hold),
        when_full: built_in(when_full),
        notify: built_in(vec![Recipient::Address("owner@example.com".to_owned())]),
        secret: built_in("/aws/iam/credentials/{user}".to_owned()),
        kms_key: built_in(None),
        replicate_to: built_in(vec![]),
        language: built_in(Language::English),
    }
}

fn account() -> Account {
    Account { id: "111122223333".to_owned(), name: None, partition: "aws".to_owned(), region: "eu-west-1".to_owned() }
}

fn t0() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
