//! Every small state of one user, to the fixpoint: with no fault, and with a fault and a cut at every call. Shows the
//! invariants of ARCHITECTURE.md, that every life converges, and that running again does nothing.
//!
//! A node is a simulated account at an instant. Its successors are the account after a run, after a run with each
//! fault, and later, with and without the keys being used meanwhile. Each is run once without a fault. Every call goes
//! wrong once in each seed, and wherever keys were used meanwhile; a life has one fault.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Applied, Conditions, apply},
    cloud::sandbox::{IamUser, Sandbox, StoredParameter, StoredSecret, StoredVaultSecret, StoredVersion, World},
    credential::written,
    delivery::{GitHubNames, How, Place, Target, fingerprint},
    inventory::{
        Account, Destination, Fact, Held, Inventory, Key, KeyAt, KeyId, LastUse, Ledger, Readers, Secret, SecretRecord,
        SmtpUse, Status, TAG_ANNOUNCED, TAG_DEACTIVATED, TAG_DEACTIVATING, TAG_INTENT, TAG_NOTIFIED, TAG_OWNER,
        TAG_USER, User, tags as tags_of,
    },
    manifest::{Mail, Policy, RotateAhead, Schedule, Source, Sourced, WhenFull, schedule::Runs},
    notice::Recipient,
    observe::{Depth, Survey, Whom, list, observe},
    plan::{Plan, WaitingOn, plan},
    roster::{Entry, Roster},
    time::rfc3339,
};
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};

use crate::faulty::{Attempt, Faulty, Mode};

const USER: &str = "ci-deployer";
const SECRET: &str = "/aws/iam/credentials/ci-deployer";
/// Where the manifest wants it in lives that move.
const MOVED: &str = "/team/ci-deployer";
const OLD: &str = "AKIAOLDOLDOLDOLDOLD1";
const NEW: &str = "AKIANEWNEWNEWNEWNEW2";

const KMS_KEY: &str = "alias/keys";
const REPLICA: &str = "eu-central-1";

/// Where the credential goes in lives that deliver it.
const PLACES: [&str; 2] = ["ssm:/ci/{user}", "github:acme/payments"];
const PARAMETER: &str = "/ci/ci-deployer";

/// For how many days nobody uses a key that goes because of that.
const UNUSED: i64 = 9;

/// A rotation with everything that can wait has fewer runs; a life with more would be one without an end.
const MOST_RUNS: usize = 40;

/// Faults are injected until so many keys were issued in one life.
const MOST_CREATIONS: u64 = 1;

/// Every so many-th fault is lived through as a whole; see [`Rehearsal::after`].
const SAMPLE: usize = 200;

/// What each policy's enumeration must at least visit, so that it does not shrink unnoticed.
const FEWEST_STATES: usize = 20_000;
const FEWEST_FAULTS: usize = 100_000;
/// The same where keys are delivered: each delivery to GitHub is sealed, which takes longer than all the rest.
const FEWEST_DELIVERED: (usize, usize) = (5_000, 8_000);

#[test]
fn with_the_default_policy() {
    explore("default", policy(7, 8, 14, 14, WhenFull::Block));
}

#[test]
fn replacing_at_once() {
    explore("at once", policy(0, 0, 0, 0, WhenFull::Block));
}

#[test]
fn retiring_the_oldest_when_full() {
    explore("retire-oldest", policy(7, 8, 14, 14, WhenFull::RetireOldest));
}

/// Everything older than three weeks may have leaked, and stops in the same run.
#[test]
fn answering_a_leak() {
    let reissue_before = Sourced { value: Some(t0() - TimeDelta::days(21)), source: None };
    explore("leak", Policy { reissue_before, ..policy(0, 0, 0, 14, WhenFull::Block) });
}

/// The same for every key there is, with time to move.
#[test]
fn reissuing_all() {
    let reissue_before = Sourced { value: Some(t0()), source: None };
    explore("reissue", Policy { reissue_before, ..policy(7, 8, 14, 14, WhenFull::Block) });
}

/// The secret is to be encrypted with another KMS key and replicated.
#[test]
fn with_another_kms_key_and_a_replica() {
    let kms_key = Sourced { value: Some(KMS_KEY.to_owned()), source: None };
    let replicate_to = Sourced { value: vec![REPLICA.to_owned()], source: None };
    explore("upkeep", Policy { kms_key, replicate_to, ..policy(7, 8, 14, 14, WhenFull::Block) });
}

/// The manifest calls the secret by another name than it has.
#[test]
fn moving_to_another_secret() {
    let secret = Sourced { value: "/team/{user}".to_owned(), source: None };
    explore("moving", Policy { secret, ..policy(7, 8, 14, 14, WhenFull::Block) });
}

/// The credential is delivered to two places, one of which holds a key that somebody put there.
#[test]
fn delivering_to_two_places() {
    explore("deliver", deliver_policy());
}

/// What nobody used for nine days goes, and is not replaced.
#[test]
fn retiring_what_nobody_uses() {
    let unused = Sourced { value: Some(TimeDelta::days(UNUSED)), source: None };
    explore("unused", Policy { unused, ..policy(7, 8, 14, 14, WhenFull::Block) });
}

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Settled,
    /// The secret hands out a key that went because nobody used it.
    Unused,
    /// Waits for a person.
    Blocked(&'static str),
}

/// What is known of a state.
#[derive(Clone)]
struct Known {
    /// How a life that goes on from it ends.
    end: End,
    /// Whether a run there changes nothing.
    is_calm: bool,
}

/// All states seen so far, by their names. All threads share them, so that each state is visited once.
#[derive(Default)]
struct Seen {
    known: Mutex<HashMap<Name, Known>>,
    /// The states that some thread has taken on to let every call there go wrong.
    taken: Mutex<HashSet<Name>>,
    runs: AtomicUsize,
    faults: AtomicUsize,
}

/// A state's hash: states are large, and 64 bits tell them apart.
type Name = u64;

impl Seen {
    fn known(&self, name: Name) -> Option<Known> {
        self.known.lock().expect("no thread has failed").get(&name).cloned()
    }

    /// Whether nobody has taken this state on yet.
    fn take(&self, name: Name) -> bool {
        self.taken.lock().expect("no thread has failed").insert(name)
    }
}

/// A simulated account at an instant.
type Node = (World, DateTime<Utc>);

fn name(node: &Node) -> Name {
    /// Everything that is hashed, in one piece: this is compiled without inlining, and SHA-256 is.
    #[derive(Default)]
    struct Whole(Vec<u8>);
    impl Hasher for Whole {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
        fn finish(&self) -> Name {
            let digest = Sha256::digest(&self.0);
            Name::from_le_bytes(*digest.first_chunk().expect("a digest has more bytes"))
        }
    }
    let mut hasher = Whole(Vec::with_capacity(2048));
    node.hash(&mut hasher);
    hasher.finish()
}

/// Visits everything that can be reached from the seeds, on all cores.
fn explore(policy_name: &str, policy: Policy) {
    let roster = roster(policy);
    let seen = Seen::default();
    let mut all = seeds();
    if roster.entries[0].secret != SECRET {
        // What stores no key of the user's is as good as no secret: those lives are the same as with any policy.
        let is_stored = |id: &str| KeyId::of_version(id).is_some();
        let stores = |world: &World| world.secrets.iter().any(|one| one.versions.iter().any(|it| is_stored(&it.id)));
        all.retain(stores);
        // keyrota knows a secret of another name by this tag, which it writes with the first key.
        let arn = &roster.entries[0].user.arn;
        let secrets = all.iter_mut().flat_map(|world| &mut world.secrets);
        secrets.for_each(|secret| drop(secret.tags.insert(TAG_USER.to_owned(), arn.clone())));
    }
    if !roster.entries[0].deliver.is_empty() {
        // What stores no key is delivered nowhere, as any policy has it; of the others a few are enough: the states of keys
        // and labels are those of the other policies, and each comes with all that a place can hold of them.
        all.retain(|world| handed_out(world).is_some());
        all = all.into_iter().step_by(400).flat_map(delivered_seeds).collect();
    }
    let seeds = Mutex::new(all.clone());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let next = || seeds.lock().expect("no thread has failed").pop();
                while let Some(seed) = next() {
                    explore_from(&roster, (seed, t0()), &seen);
                }
            });
        }
    });
    let (runs, faults) = (seen.runs.into_inner(), seen.faults.into_inner());
    let states = seen.known.into_inner().expect("no thread has failed").len();
    eprintln!("{policy_name}: {} seeds, {states} states, {runs} runs, {faults} faults", all.len());
    let delivers = !roster.entries[0].deliver.is_empty();
    let (fewest_states, fewest_faults) = if delivers { FEWEST_DELIVERED } else { (FEWEST_STATES, FEWEST_FAULTS) };
    assert!(states > fewest_states, "{policy_name}: the enumeration has shrunk to {states} states");
    assert!(faults > fewest_faults, "{policy_name}: the enumeration has shrunk to {faults} faults");
}

fn explore_from(roster: &Roster, seed: Node, seen: &Seen) {
    let mut queue = vec![seed];
    while let Some(node) = queue.pop() {
        let named = name(&node);
        if !seen.take(named) || seen.known(named).is_some_and(|known| known.is_calm) {
            continue;
        }
        let first = run(roster, &node.0, node.1, None);
        let Known { end, is_calm } = live(roster, &node, Some(&first), seen, &mut queue);
        // Without a change there is no call that could do harm. A third creation that is cut short is the second one at
        // another date.
        if is_calm || node.0.keys_issued >= MOST_CREATIONS {
            continue;
        }
        let rehearsal = Rehearsal::of(first);
        for (call, operation) in rehearsal.calls.iter().enumerate() {
            // Dying before a call is dying after the one before it.
            for &mode in Mode::of(operation).iter().filter(|mode| **mode != Mode::CutBefore) {
                let is_sample = seen.faults.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE);
                let after = (rehearsal.after(roster, &node, (call, mode), is_sample), node.1);
                let after_fault = live(roster, &after, None, seen, &mut queue).end;
                // A fault may cost time, never a person's attention that the state did not need anyway.
                let is_fine = after_fault == end
                    || matches!(after_fault, End::Settled | End::Unused)
                    || matches!(after_fault, End::Blocked("two-keys-in-use" | "leaked-key"));
                assert!(
                    is_fine,
                    "{mode:?} at call {call}, {operation}, leads to {after_fault:?} instead of {end:?}\n{:#?}",
                    node.0
                );
            }
        }
    }
}

/// Follows a life without faults in which nobody uses old keys, to its end; `first` is its first run, if that is known.
/// Queues the states on the way of clients that go on using every key that works.
fn live(roster: &Roster, node: &Node, mut first: Option<&After>, seen: &Seen, queue: &mut Vec<Node>) -> Known {
    let mut path = Vec::new();
    let mut here = node.clone();
    let begin = name(&here);
    let mut named = begin;
    let end = loop {
        if let Some(known) = seen.known(named) {
            if path.is_empty() {
                return known;
            }
            break known.end;
        }
        assert!(path.len() < MOST_RUNS, "does not converge\n{:#?}", node.0);
        let own;
        let after = match first.take() {
            Some(first) => first,
            None => {
                own = run(roster, &here.0, here.1, None);
                &own
            }
        };
        seen.runs.fetch_add(1, Ordering::Relaxed);
        path.push((named, after.writes == 0));
        assert_is_written_as_read(after);
        if let Some((_, plan)) = &after.planned {
            // Who is not read by a run that tends never needs it: what comes next begins a rotation, if anything does.
            let carries_on = plan.changes.iter().any(|change| !change.action.starts_rotation());
            assert!(!carries_on || !rests(roster, &here), "tend would not read it\n{:#?}\n{plan:#?}", here.0);
        }
        let (world, now) = (after.world.clone(), here.1);
        // A run right after it sees everything anew, and does nothing. Where nothing was to be done, that was this run.
        let again;
        let last = if after.writes == 0 && world == here.0 {
            after
        } else {
            again = run_again(roster, (&world, now), seen, &mut path);
            &again
        };
        let (_, plan) = last.planned.as_ref().expect("a run without a fault has planned");
        assert!(plan.changes.is_empty(), "changes are left\n{plan:#?}");
        if plan.waiting.first().is_none_or(|waiting| waiting.until.is_none()) {
            assert_is_written_as_read(last);
        }
        match plan.waiting.first() {
            None => {
                assert_nothing_is_lost(&world);
                assert_is_delivered(&roster.entries[0], &world);
                assert_is_as_the_manifest_says(&roster.entries[0], &world);
                assert!(
                    handed_out(&world).is_none_or(|works| works),
                    "what the secret hands out does not work\n{world:#?}"
                );
                break End::Settled;
            }
            Some(waiting) => match waiting.until {
                Some(until) => {
                    assert!(until > now, "waits for the past\n{waiting:#?}");
                    queue.push((used(&world, until), until));
                    here = (world, until);
                    named = name(&here);
                }
                None if matches!(waiting.wait, WaitingOn::UnusedSecret { .. }) => {
                    assert_is_retired(roster, &world);
                    break End::Unused;
                }
                None => {
                    assert!(waiting.wait.is_blocked(), "held without a date\n{waiting:#?}");
                    assert!(!matches!(waiting.wait, WaitingOn::Unreadable { .. }));
                    break End::Blocked(waiting.wait.code());
                }
            },
        }
    };
    let mut known = seen.known.lock().expect("no thread has failed");
    known.extend(path.into_iter().map(|(name, is_calm)| (name, Known { end: end.clone(), is_calm })));
    known[&begin].clone()
}

/// The second run, which changes nothing. So a fault after which the account is the same is known, too.
fn run_again(
    roster: &Roster,
    (world, now): (&World, DateTime<Utc>),
    seen: &Seen,
    path: &mut Vec<(Name, bool)>,
) -> After {
    let again = run(roster, world, now, None);
    seen.runs.fetch_add(1, Ordering::Relaxed);
    assert!(again.writes == 0, "the second run right after does something\n{world:#?}");
    path.push((name(&(world.clone(), now)), true));
    again
}

/// Whether a run that tends leaves the user unread.
fn rests(roster: &Roster, (world, now): &Node) -> bool {
    let sandbox = simulate(world, *now);
    let tend = async {
        let listing = list(&sandbox, &|_, _| true, "").await.expect("the sandbox lists");
        let survey = Survey { depth: Depth::Plan, whom: Whom::UnderWay, until: None };
        observe(&sandbox, roster, &listing, survey, *now, &|| {}).await.resting.contains(USER)
    };
    tend.now_or_never().expect("the sandbox never waits")
}

/// A run without a fault, with what it takes to let each of its calls go wrong and not live through the rest again.
struct Rehearsal {
    calls: Vec<&'static str>,
    /// So many of them observe.
    reads: usize,
    inventory: Inventory,
    plan: Plan,
    /// The account after each call that changed it.
    worlds: BTreeMap<usize, World>,
}

impl Rehearsal {
    fn of(run: After) -> Self {
        let After { calls, reads, planned, worlds, .. } = run;
        let (inventory, plan) = planned.expect("a run without a fault has planned");
        Self { calls, reads, inventory, plan, worlds }
    }

    /// The account after a run in which a call goes wrong. What the run observes and plans before that call is what it
    /// observed and planned without a fault; and who dies after a call leaves the account as it was then. That both are so
    /// is seen in samples, which live through everything.
    fn after(&self, roster: &Roster, (world, now): &Node, fault: (usize, Mode), is_sample: bool) -> World {
        let (call, mode) = fault;
        let after = match self.worlds.get(&call) {
            Some(after) if mode == Mode::CutAfter => {
                assert_alive(roster, world, after);
                after.clone()
            }
            _ if call < self.reads => return run(roster, world, *now, Some(fault)).world,
            _ => {
                let (sandbox, begun) = (simulate(world, *now), self.calls[..self.reads].to_vec());
                let (calls, delivers) = (RefCell::new(begun), delivers(roster));
                let faulty = Faulty { calls, delivers, ..Faulty::new(&sandbox, Some(fault), watch_of(roster)) };
                let ended = carry_out(&faulty, roster, &self.inventory, &self.plan, *now).now_or_never();
                assert!(ended.is_some() || mode == Mode::CutAfter, "only who dies does not come to an end");
                let after = left(&sandbox);
                assert_alive(roster, world, &after);
                after
            }
        };
        assert!(!is_sample || run(roster, world, *now, Some(fault)).world == after, "{fault:?}\n{world:#?}");
        after
    }
}

/// What a run left.
struct After {
    world: World,
    calls: Vec<&'static str>,
    writes: usize,
    /// How many of the calls observed.
    reads: usize,
    /// What the run saw and was about to do, if it came so far.
    planned: Option<(Inventory, Plan)>,
    worlds: BTreeMap<usize, World>,
}

/// Whether a credential may be read: only where one is to be delivered.
fn delivers(roster: &Roster) -> bool {
    !roster.entries[0].deliver.is_empty()
}

/// Observes, plans and applies, as the command does.
fn run(roster: &Roster, world: &World, now: DateTime<Utc>, fault: Option<(usize, Mode)>) -> After {
    let sandbox = simulate(world, now);
    let worlds: RefCell<BTreeMap<usize, World>> = RefCell::default();
    let keep = |call, after: &World| drop(worlds.borrow_mut().insert(call, World { mail: vec![], ..after.clone() }));
    let faulty = Faulty { delivers: delivers(roster), ..Faulty::new(&sandbox, fault, watch_of(roster)) };
    let faulty = if fault.is_none() { Faulty { changed: Some(&keep), ..faulty } } else { faulty };
    let reads = Cell::new(0);
    // A future that is not ready when it is first polled is one that was cut off.
    let ended = async {
        let listing = list(&faulty, &|_, _| true, "").await.ok()?;
        let inventory = observe(&faulty, roster, &listing, Depth::Plan, now, &|| {}).await;
        let plan = plan(roster, &inventory, now);
        reads.set(faulty.calls.borrow().len());
        let applied = carry_out(&faulty, roster, &inventory, &plan, now).await;
        assert!(fault.is_some() || applied.outcomes.iter().all(|outcome| outcome.result.is_ok()), "{applied:#?}");
        Some((inventory, plan))
    }
    .now_or_never();
    assert!(ended.is_some() || fault.is_some_and(|(_, mode)| matches!(mode, Mode::CutBefore | Mode::CutAfter)));
    let (calls, writes) = (faulty.calls.take(), faulty.writes.get());
    let after = left(&sandbox);
    assert_alive(roster, world, &after);
    let worlds = worlds.take();
    After { world: after, calls, writes, reads: reads.get(), planned: ended.flatten(), worlds }
}

/// What the secret says that a run has read is the same when it is written and read again.
fn assert_is_written_as_read(run: &After) {
    let (inventory, _) = run.planned.as_ref().expect("a run without a fault has planned");
    inventory.users.values().flatten().for_each(|state| assert_is_read_again(&state.ledger));
}

fn assert_is_read_again(ledger: &Ledger) {
    let Destination::Own(secret) = &ledger.destination else { return };
    let owner = Fact::Owner { user: USER.to_owned(), arn: arn() };
    let record = SecretRecord {
        name: ledger.secret.clone(),
        arn: String::new(),
        tags: secret.tags().into_iter().chain(tags_of([owner])).collect(),
        versions: secret.versions.clone(),
        deleted: None,
        kms_key: secret.kms_key.clone(),
        replicas: secret.replicas.clone(),
        primary_region: None,
    };
    let read = Ledger::read(&ledger.secret, Some(&record), USER, &arn(), &account().region, ledger.confirmed);
    // Who may read it is no matter of tags.
    let destination = Destination::Own(Secret { readers: Readers::Unread, ..secret.clone() });
    assert_eq!(read, Ok(Ledger { destination, ..ledger.clone() }));
}

async fn carry_out(
    faulty: &Faulty<'_>,
    roster: &Roster,
    inventory: &Inventory,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Applied {
    apply(faulty, roster, inventory, &plan.changes, &Conditions::new(&|| now)).await
}

fn simulate(world: &World, now: DateTime<Utc>) -> Sandbox {
    let sandbox = Sandbox::new(account(), world.clone());
    sandbox.set_now(now);
    sandbox
}

/// The account without the mail that went out: no run looks at it.
fn left(sandbox: &Sandbox) -> World {
    World { mail: vec![], ..sandbox.snapshot() }
}

/// The invariants that hold at every instant, with this policy.
fn watch_of(roster: &Roster) -> fn(&World, &Attempt<'_>) {
    match roster.entries[0].policy.unused.value {
        None => watch,
        Some(_) => |world, attempt| {
            // Whatever it is, and the last one that works, too: the manifest wants it.
            if let Attempt::Deactivate(key) = attempt
                && let Some(key) = world.key(key)
                && may_retire(world, key)
            {
                return;
            }
            watch(world, attempt);
        },
    }
}

/// Whether nobody used the key for so long that it goes, and its owner heard of that, and did not use it since.
fn may_retire(world: &World, key: &Key) -> bool {
    let used = match key.last_use {
        LastUse::At { time, .. } => time,
        LastUse::Never | LastUse::Unread => key.created,
    };
    let noted = |tag: &str| {
        world.secrets.iter().find_map(|secret| {
            let (id, at) = secret.tags.get(tag)?.split_once('@')?;
            (id == key.id.as_str()).then_some(at.parse::<DateTime<Utc>>().ok()?)
        })
    };
    // The run that deactivates it notes that first.
    let (Some(told), Some(now)) = (noted(TAG_ANNOUNCED), noted(TAG_DEACTIVATING)) else { return false };
    let is_over = |since, days| now - since >= TimeDelta::days(days) - TimeDelta::hours(1);
    is_over(used, UNUSED) && is_over(told, 7) && used <= told
}

/// A life that ends so had a key that nobody used, which keyrota has stopped, and no other works.
fn assert_is_retired(roster: &Roster, world: &World) {
    assert!(roster.entries[0].policy.unused.value.is_some(), "nothing is to be retired\n{world:#?}");
    assert_eq!(handed_out(world), Some(false), "what the secret hands out works\n{world:#?}");
    let is_active = world.user(USER).expect("the user exists").keys.iter().any(Key::is_active);
    assert!(!is_active, "another key works, so that time makes a difference\n{world:#?}");
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
            let Some(secret) = leading(world) else {
                panic!("a key would be deactivated, and nothing notes it\n{world:#?}");
            };
            let labelled = |label, key: &Key| secret.labelled(label).is_some_and(|v| v.id == key.id.version_id());
            let tags = |name: &str| world.secrets.iter().filter_map(|secret| secret.tags.get(name).cloned()).collect();
            assert!(
                !key.is_active() || !labelled("AWSCURRENT", key),
                "what the secret hands out would be deactivated\n{world:#?}"
            );
            // What an interrupted run left is hardly anyone's: its owner is told afterwards, and has the hold. The same
            // goes for a key that this very run has made and can't store.
            let intents: Vec<String> = tags(TAG_INTENT);
            let near = -TimeDelta::minutes(5)..=TimeDelta::minutes(15);
            let mut intents = intents.iter().filter_map(|time| time.parse::<DateTime<Utc>>().ok());
            if intents.any(|intent| near.contains(&(key.created - intent))) && key.last_use == LastUse::Never {
                return;
            }
            for newer in others().filter(|other| other.is_active() && other.created > key.created) {
                let is_handed_out = !labelled("AWSPENDING", newer) || labelled("AWSCURRENT", newer);
                assert!(is_handed_out, "the new key is not handed out yet\n{world:#?}");
            }
            if key.is_active() {
                let (told, announced): (Vec<String>, Vec<String>) = (tags(TAG_NOTIFIED), tags(TAG_ANNOUNCED));
                let is_told_of_newer = others().any(|newer| {
                    newer.created > key.created
                        && labelled("AWSCURRENT", newer)
                        && told.iter().any(|told| *told == newer.id.as_str())
                });
                let is_announced = announced.iter().any(|announced| announced.starts_with(key.id.as_str()));
                assert!(is_told_of_newer || is_announced, "the owner was not told\n{world:#?}");
            }
        }
    }
}

/// The secret that clients are to read: the one of the new name as soon as it holds something.
fn leading(world: &World) -> Option<&StoredSecret> {
    let moved = world.secret(MOVED);
    moved.filter(|secret| secret.labelled("AWSCURRENT").is_some()).or(world.secret(SECRET)).or(moved)
}

/// Whether the key that the secret hands out works; `None` if it hands out none of keyrota's.
fn handed_out(world: &World) -> Option<bool> {
    let key = KeyId::of_version(&leading(world)?.labelled("AWSCURRENT")?.id)?;
    Some(world.key(&key).is_some_and(Key::is_active))
}

/// The invariants over a run, however it ended.
fn assert_alive(roster: &Roster, before: &World, after: &World) {
    let active =
        |world: &World| world.user(USER).expect("the user exists").keys.iter().filter(|k| k.is_active()).count();
    assert!(active(before) > 0 || active(after) == 0, "a key came to a user that had none\n{before:#?}\n{after:#?}");
    // Which keys may go because nobody uses them was asked before each went.
    if roster.entries[0].policy.unused.value.is_none() {
        assert!(active(before) == 0 || active(after) > 0, "the last working key is gone\n{before:#?}\n{after:#?}");
        assert!(
            handed_out(before) != Some(true) || handed_out(after) == Some(true),
            "what the secret hands out was taken away\n{before:#?}\n{after:#?}"
        );
    }
    assert_places_work(before, after);
    let keys = &after.user(USER).expect("the user exists").keys;
    assert!(keys.len() <= 2);
    for key in keys.iter().filter(|key| !key.is_active()) {
        let was = before.key(&key.id).is_none_or(|key| !key.is_active());
        let noted = after.secrets.iter().any(|secret| {
            [TAG_DEACTIVATED, TAG_DEACTIVATING]
                .iter()
                .any(|tag| secret.tags.get(*tag).is_some_and(|value| value.starts_with(key.id.as_str())))
        });
        assert!(was || noted, "a deactivation is not noted\n{after:#?}");
    }
}

/// The keys that the places hold: of GitHub one by the id, and one by the secret part.
fn held(world: &World) -> Vec<KeyId> {
    let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    let known = |id: &KeyId| {
        let part = Sandbox::secret_of(id);
        [digest(part.expose_secret()), digest(id.as_str()), digest(written(id, &part, None).expose_secret())]
    };
    let digests: Vec<[u8; 32]> = world
        .parameters
        .iter()
        .filter_map(|parameter| parameter.digest)
        .chain(world.vault.iter().filter_map(|secret| secret.digest))
        .collect();
    let stored =
        world.secrets.iter().flat_map(|secret| &secret.versions).filter_map(|version| KeyId::of_version(&version.id));
    let ids: HashSet<KeyId> =
        world.users.iter().flat_map(|user| &user.keys).map(|key| key.id.clone()).chain(stored).collect();
    ids.into_iter().filter(|id| known(id).iter().any(|known| digests.contains(known))).collect()
}

/// What any place holds works, unless somebody else took it away before.
fn assert_places_work(before: &World, after: &World) {
    let works = |world: &World, id: &KeyId| world.key(id).is_some_and(Key::is_active);
    for id in held(after) {
        let was_stale = held(before).contains(&id) && !works(before, &id);
        assert!(works(after, &id) || was_stale, "a place holds {id}, which does not work\n{before:#?}\n{after:#?}");
    }
}

/// When a life has settled, every place has what the secret hands out, and nothing else.
fn assert_is_delivered(entry: &Entry, world: &World) {
    if entry.deliver.is_empty() || handed_out(world) != Some(true) {
        return;
    }
    let key = leading(world).and_then(|secret| KeyId::of_version(&secret.labelled("AWSCURRENT")?.id));
    let part = key.as_ref().map(Sandbox::secret_of).expect("it hands out a key");
    let key = key.expect("it hands out a key");
    let digest = |text: &str| Some(<[u8; 32]>::from(Sha256::digest(text.as_bytes())));
    let parameter = world.parameter(PARAMETER).and_then(|parameter| parameter.digest);
    assert_eq!(
        parameter,
        digest(written(&key, &part, None).expose_secret()),
        "{key} is not in the parameter\n{world:#?}"
    );
    for (name, value) in [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", part.expose_secret())] {
        let found = world.vault_secret(PLACES[1], name).and_then(|secret| secret.digest);
        assert_eq!(found, digest(value), "{key} is not in {name}\n{world:#?}");
    }
}

/// A state with what its places may hold: nothing; the key that is handed out, and noted; the older one, and noted so; and what
/// somebody else put there.
fn delivered_seeds(world: World) -> Vec<World> {
    let handed_out = world.secrets.iter().find_map(|secret| KeyId::of_version(&secret.labelled("AWSCURRENT")?.id));
    let old = world.users.iter().flat_map(|user| &user.keys).map(|key| key.id.clone()).next();
    let mut all = vec![world.clone()];
    for key in handed_out.into_iter().chain(old).collect::<std::collections::BTreeSet<_>>() {
        // What a person or an earlier run put there and does not work is nobody's doing.
        if !world.key(&key).is_some_and(Key::is_active) {
            continue;
        }
        let (foreign, mut noted) = (holding(&world, &key), holding(&world, &key));
        all.push(foreign);
        let targets = &roster(deliver_policy()).entries[0].deliver;
        for secret in &mut noted.secrets {
            let marks = ["1".to_owned(), t0().timestamp().to_string()];
            let held = targets.iter().zip(marks).enumerate().map(|(at, (target, mark))| {
                Fact::Holds(Held::new(at + 1, &target.id, &key, &mark, &target.place.to_string()))
            });
            let delivered = Fact::Delivered(KeyAt { key: key.clone(), at: t0() }, fingerprint(targets));
            secret.tags.extend(tags_of(held.chain([delivered])));
        }
        all.push(noted);
    }
    all
}

/// The same account where both places hold a key.
fn holding(world: &World, key: &KeyId) -> World {
    let digest = |text: &str| Some(Sha256::digest(text.as_bytes()).into());
    let (mut world, part) = (world.clone(), Sandbox::secret_of(key));
    world.parameters.push(StoredParameter {
        name: PARAMETER.to_owned(),
        tags: [(TAG_OWNER.to_owned(), USER.to_owned())].into(),
        version: 1,
        modified: Some(t0()),
        digest: digest(written(key, &part, None).expose_secret()),
        ..StoredParameter::default()
    });
    for (name, value) in [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", part.expose_secret())] {
        let (place, name, updated) = (PLACES[1].to_owned(), name.to_owned(), t0());
        let (visibility, repositories, digest) = (None, vec![], digest(value));
        world.vault.push(StoredVaultSecret { place, name, updated, visibility, repositories, digest });
    }
    world
}

fn deliver_policy() -> Policy {
    let place = |text: &str| text.parse::<Place>().unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let deliver = Sourced { value: PLACES.map(place).into(), source: None };
    Policy { deliver, ..policy(7, 8, 14, 14, WhenFull::Block) }
}

/// When a life has settled, every key that keyrota issued is in the secret: nobody else has it.
fn assert_nothing_is_lost(world: &World) {
    for key in &world.user(USER).expect("the user exists").keys {
        let issued = key.id.as_str() != OLD && key.id.as_str() != NEW;
        let stored = world.secrets.iter().any(|secret| {
            secret.versions.iter().any(|version| version.id == key.id.version_id() && !version.labels.is_empty())
        });
        assert!(!issued || stored, "a key was issued and not stored\n{world:#?}");
    }
}

/// When a life has settled, the secret that hands out a key is the one that the manifest means, as it says.
fn assert_is_as_the_manifest_says(entry: &Entry, world: &World) {
    if handed_out(world) != Some(true) {
        return;
    }
    let secret = leading(world).expect("what hands out a key is there");
    assert_eq!(secret.name, entry.secret, "the secret has another name\n{world:#?}");
    let Policy { kms_key, replicate_to, .. } = &*entry.policy;
    assert_eq!(secret.kms_key, kms_key.value, "another KMS key\n{world:#?}");
    assert_eq!(secret.replicas, replicate_to.value, "other replicas\n{world:#?}");
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
    let days_ago = |days| rfc3339(t0() - TimeDelta::days(days));
    let mut retired = vec![None];
    if let Some(old) = keys.first() {
        retired.push(Some((TAG_DEACTIVATED, format!("{}@{}", old.id, days_ago(1)))));
        retired.push(Some((TAG_DEACTIVATED, format!("{}@{}", old.id, days_ago(20)))));
        retired.push(Some((TAG_DEACTIVATING, format!("{}@{}", old.id, days_ago(20)))));
    }
    if let Some(last) = keys.last() {
        if last.is_active() {
            retired.push(Some((TAG_ANNOUNCED, format!("{}@{}", last.id, days_ago(1)))));
            retired.push(Some((TAG_ANNOUNCED, format!("{}@{}", last.id, days_ago(8)))));
        }
        // A creation was cut short before it, or after it by another clock, or long before someone made a key. What was
        // used since is nothing that it left.
        let minutes: &[i64] = if last.last_use == LastUse::Never { &[-1, 3, -20] } else { &[-1] };
        for minutes in minutes {
            retired.push(Some((TAG_INTENT, rfc3339(last.created + TimeDelta::minutes(*minutes)))));
        }
    }
    let mut all = Vec::new();
    for told in [None, told] {
        let told = told.map(|key| (TAG_NOTIFIED, key.to_string()));
        all.extend(retired.iter().map(|retired| told.iter().cloned().chain(retired.clone()).collect()));
    }
    all.sort();
    all.dedup();
    all
}

/// A secret's versions and tags.
type Parts = (Vec<StoredVersion>, Vec<(&'static str, String)>);

fn world(keys: Vec<Key>, secret: Option<Parts>) -> World {
    let user = IamUser {
        name: USER.to_owned(),
        path: "/".to_owned(),
        groups: vec![],
        tags: [].into(),
        smtp: SmtpUse::NoSign,
        keys,
    };
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
        arn: arn(),
        path: "/".to_owned(),
        tags: [].into(),
        groups: vec![],
        smtp: SmtpUse::NoSign,
        unreadable: None,
    };
    let entry = Entry {
        user,
        rule: Source { file: Arc::from("manifests/test.toml"), line: 1 },
        secret: policy.secret.value.replace("{user}", USER),
        deliver: targets(&policy),
        policy: Arc::new(policy),
        recipients: vec!["owner@example.com".to_owned()],
        without_address: vec![],
        exempt: None,
        conflict: None,
    };
    let (from, templates) = (Some("security@example.com".to_owned()), crate::support::templates::bare());
    let mail = Mail { from, templates, ..Mail::default() };
    let runs = Runs::new(&Schedule::default(), t0());
    let (unmanaged, defaults) = (vec![], Arc::new(Policy::built_in()));
    Roster { account: account(), entries: vec![entry], unmanaged, defaults, mail, runs, pace: None }
}

fn targets(policy: &Policy) -> Vec<Target> {
    let how = How {
        user: USER.to_owned(),
        arn: arn(),
        region: account().region,
        github_names: GitHubNames::default(),
        ..How::default()
    };
    policy.deliver.value.iter().map(|place| Target::new(place, &how)).collect()
}

fn policy(overlap: i64, quiet: i64, patience: i64, hold: i64, when_full: WhenFull) -> Policy {
    fn built_in<T>(value: T) -> Sourced<T> {
        Sourced { value, source: None }
    }
    let days = |days| built_in(TimeDelta::days(days));
    Policy {
        rotate_ahead: built_in(RotateAhead::Fixed(TimeDelta::zero())),
        overlap: days(overlap),
        quiet: days(quiet),
        patience: days(patience),
        hold: days(hold),
        when_full: built_in(when_full),
        notify: built_in(vec![Recipient::Address("owner@example.com".to_owned())]),
        ..Policy::built_in()
    }
}

fn arn() -> String {
    format!("arn:aws:iam::111122223333:user/{USER}")
}

fn account() -> Account {
    Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    }
}

fn t0() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}
