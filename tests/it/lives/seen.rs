//! What is known of states that some life has come to, and of seeds whose lives are the same.

use super::*;

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Settled,
    /// The secret hands out a key that went because nobody used it.
    Unused,
    /// Waits for a person.
    Blocked(&'static str),
}

/// What is known of a state.
#[derive(Clone)]
pub struct Known {
    /// How a life that goes on from it ends.
    pub end: End,
    /// Whether a run there changes nothing.
    pub is_calm: bool,
}

/// All states seen so far, by their names. All threads share them, so that each state is visited once.
#[derive(Default)]
pub struct Seen {
    pub known: Mutex<HashMap<Name, Known>>,
    /// The states that some thread has taken on to let every call there go wrong.
    pub taken: Mutex<HashSet<Name>>,
    pub runs: AtomicUsize,
    pub faults: AtomicUsize,
}

/// A state's hash: states are large, and 64 bits tell them apart.
pub type Name = u64;

impl Seen {
    pub fn known(&self, name: Name) -> Option<Known> {
        self.known.lock().expect("no thread has failed").get(&name).cloned()
    }

    /// Whether nobody has taken this state on yet.
    pub fn take(&self, name: Name) -> bool {
        self.taken.lock().expect("no thread has failed").insert(name)
    }
}

/// Seeds that differ in the last use of keys alone, and in which the same is planned, have the same life: a plan goes on, with its dates,
/// to where the next rotation begins. The first run of each is watched; one of them is lived to the end, and with faults.
#[derive(Default)]
pub struct Twins {
    planned: Mutex<HashMap<Name, Vec<(Planned, Name)>>>,
    /// How many seeds have one.
    pub found: AtomicUsize,
}

type Planned = (Vec<Change>, Vec<Waiting>, Vec<Settled>);

impl Twins {
    /// The seed with the same life, if one was seen before.
    fn of(&self, (world, now): &Node, named: Name, first: &After) -> Option<Name> {
        let (_, plan) = first.planned.as_ref().expect("a run without a fault has planned");
        let planned = (plan.changes.clone(), plan.waiting.clone(), plan.settled.clone());
        let mut unused = world.clone();
        unused.users.iter_mut().flat_map(|user| &mut user.keys).for_each(|key| key.last_use = LastUse::Never);
        let mut all = self.planned.lock().expect("no thread has failed");
        let alike = all.entry(name(&(unused, *now))).or_default();
        let twin = alike.iter().find(|(other, _)| *other == planned).map(|(_, twin)| *twin);
        if twin.is_none() {
            alike.push((planned, named));
        }
        twin
    }

    /// Explores the seed, after its first run, unless its twin is enough. Some are lived all the same, to see that they end alike.
    pub fn explore(&self, roster: &Roster, seed: Node, seen: &Seen) {
        let first = remembered(roster, &seed);
        let named = name(&seed);
        let twin = self.of(&seed, named, &first);
        if twin.is_some() && !self.found.fetch_add(1, Ordering::Relaxed).is_multiple_of(TWIN_SAMPLE) {
            return;
        }
        explore_from(roster, seed, first, seen);
        // Another thread may not have come to the end of the twin's.
        if let Some(twin) = twin.and_then(|twin| seen.known(twin)) {
            assert_eq!(seen.known(named).map(|known| known.end), Some(twin.end), "twins do not end alike");
        }
    }
}

/// A simulated account at an instant.
pub type Node = (World, DateTime<Utc>);

pub fn name(node: &Node) -> Name {
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
