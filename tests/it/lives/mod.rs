//! Every small state of one user, to the fixpoint: with no fault, and with a fault and a cut at every call. Shows the
//! invariants of ARCHITECTURE.md, that every life converges, and that running again does nothing.
//!
//! A node is a simulated account at an instant. Its successors are the account after a run, after a run with each
//! fault, and later, with and without the keys being used meanwhile. Each is run once without a fault. Every call goes
//! wrong once in each seed, and wherever keys were used meanwhile; a life has one fault. Seeds that differ in the last
//! use of keys alone, and in which the same is planned for the whole life, are lived once: see [`Twins`].

mod invariants;
mod rehearsal;
mod seen;
mod states;

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, HashSet},
    hash::{Hash, Hasher},
    mem,
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
    plan::{Change, Plan, Settled, Waiting, WaitingOn, plan},
    roster::{Entry, Roster},
    time::rfc3339,
};
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};

use self::{invariants::*, rehearsal::*, seen::*, states::*};
use crate::faulty::{Attempt, Changed, Faulty, Mode};

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

/// Every so many-th seed that has a twin is lived all the same; see [`Twins`].
const TWIN_SAMPLE: usize = 50;

/// What each policy's enumeration must at least visit, so that it does not shrink unnoticed.
const FEWEST_STATES: usize = 7_000;
const FEWEST_FAULTS: usize = 50_000;
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

/// Visits everything that can be reached from the seeds, on all cores.
fn explore(policy_name: &str, policy: Policy) {
    let roster = roster(policy);
    let (seen, twins) = (Seen::default(), Twins::default());
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
                    twins.explore(&roster, (seed, t0()), &seen);
                }
            });
        }
    });
    let (runs, faults) = (seen.runs.into_inner(), seen.faults.into_inner());
    let states = seen.known.into_inner().expect("no thread has failed").len();
    let twins = twins.found.into_inner();
    eprintln!(
        "{policy_name}: {} seeds, {twins} of them twins, {states} states, {runs} runs, {faults} faults",
        all.len()
    );
    let delivers = !roster.entries[0].deliver.is_empty();
    let (fewest_states, fewest_faults) = if delivers { FEWEST_DELIVERED } else { (FEWEST_STATES, FEWEST_FAULTS) };
    assert!(states > fewest_states, "{policy_name}: the enumeration has shrunk to {states} states");
    assert!(faults > fewest_faults, "{policy_name}: the enumeration has shrunk to {faults} faults");
}

/// `first` is the first run of the seed.
fn explore_from(roster: &Roster, seed: Node, first: After, seen: &Seen) {
    let (mut queue, mut first) = (vec![seed], Some(first));
    while let Some(node) = queue.pop() {
        let (named, first) = (name(&node), first.take());
        if !seen.take(named) || seen.known(named).is_some_and(|known| known.is_calm) {
            continue;
        }
        let first = first.unwrap_or_else(|| remembered(roster, &node));
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
    let mut here = Cow::Borrowed(node);
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
            if carries_on {
                // What it ends it plans by the listing.
                let tended = tended(roster, &here);
                assert!(tended.resting.is_empty(), "tend would not read it\n{:#?}\n{plan:#?}", here.0);
                let actions = |plan: &Plan| plan.changes.iter().map(|change| change.action.clone()).collect::<Vec<_>>();
                assert_eq!(actions(&keyrota::plan::plan(roster, &tended, here.1)), actions(plan), "{:#?}", here.0);
            }
        }
        let left = (after.world.clone(), here.1);
        // A run right after it sees everything anew, and does nothing. Where nothing was to be done, that was this run; and where
        // another life came to the same, its run was.
        let again;
        let last = if after.writes == 0 && left == *here {
            after
        } else {
            let named = name(&left);
            if let Some(known) = seen.known(named).filter(|known| known.is_calm) {
                break known.end;
            }
            again = run_again(roster, &left, seen);
            path.push((named, true));
            &again
        };
        let (world, now) = left;
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
                    here = Cow::Owned((world, until));
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

/// The second run, which changes nothing.
fn run_again(roster: &Roster, (world, now): &Node, seen: &Seen) -> After {
    let again = run(roster, world, *now, None);
    seen.runs.fetch_add(1, Ordering::Relaxed);
    assert!(again.writes == 0, "the second run right after does something\n{world:#?}");
    again
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
    let read = Ledger::read(&ledger.secret, Some(&record), USER, &arn(), &account().region, ledger.known);
    // Who may read it is no matter of tags.
    let destination = Destination::Own(Secret { readers: Readers::Unread, ..secret.clone() });
    assert_eq!(read, Ok(Ledger { destination, ..ledger.clone() }));
}
