//! One run in a simulated account: without a fault, and with one at each of its calls.

use super::*;

/// A run without a fault, with what it takes to let each of its calls go wrong and not live through the rest again.
pub struct Rehearsal {
    pub calls: Vec<&'static str>,
    /// So many of them observe.
    reads: usize,
    inventory: Inventory,
    plan: Plan,
    /// The account after each call that changed it.
    worlds: BTreeMap<usize, World>,
}

impl Rehearsal {
    pub fn of(run: After) -> Self {
        let After { calls, reads, planned, worlds, .. } = run;
        let (inventory, plan) = planned.expect("a run without a fault has planned");
        Self { calls, reads, inventory, plan, worlds }
    }

    /// The account after a run in which a call goes wrong. What the run observes and plans before that call is what it
    /// observed and planned without a fault; and who dies after a call leaves the account as it was then. That both are so
    /// is seen in samples, which live through everything.
    pub fn after(&self, roster: &Roster, (world, now): &Node, fault: (usize, Mode), is_sample: bool) -> World {
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
pub struct After {
    pub world: World,
    calls: Vec<&'static str>,
    pub writes: usize,
    /// How many of the calls observed.
    reads: usize,
    /// What the run saw and was about to do, if it came so far.
    pub planned: Option<(Inventory, Plan)>,
    worlds: BTreeMap<usize, World>,
}

/// Whether a credential may be read: only where one is to be delivered.
fn delivers(roster: &Roster) -> bool {
    !roster.entries[0].deliver.is_empty()
}

/// Observes, plans and applies, as the command does.
pub fn run(roster: &Roster, world: &World, now: DateTime<Utc>, fault: Option<(usize, Mode)>) -> After {
    watched(roster, world, now, fault, None)
}

/// [`run`] without a fault, which remembers the account after each of its calls.
pub fn remembered(roster: &Roster, (world, now): &Node) -> After {
    let worlds: RefCell<BTreeMap<usize, World>> = RefCell::default();
    let keep = |call, after: &World| drop(worlds.borrow_mut().insert(call, World { mail: vec![], ..after.clone() }));
    let after = watched(roster, world, *now, None, Some(&keep));
    After { worlds: worlds.take(), ..after }
}

fn watched(
    roster: &Roster,
    world: &World,
    now: DateTime<Utc>,
    fault: Option<(usize, Mode)>,
    changed: Option<Changed<'_>>,
) -> After {
    let sandbox = simulate(world, now);
    let faulty = Faulty { delivers: delivers(roster), changed, ..Faulty::new(&sandbox, fault, watch_of(roster)) };
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
    After { world: after, calls, writes, reads: reads.get(), planned: ended.flatten(), worlds: BTreeMap::new() }
}

/// What a run that tends reads.
pub fn tended(roster: &Roster, (world, now): &Node) -> Inventory {
    let sandbox = simulate(world, *now);
    let tend = async {
        let listing = list(&sandbox, &|_, _| true, "").await.expect("the sandbox lists");
        let survey = Survey { depth: Depth::Plan, whom: Whom::UnderWay, acts: true, until: None, left_since: None };
        observe(&sandbox, roster, &listing, survey, *now, &|| {}).await
    };
    tend.now_or_never().expect("the sandbox never waits")
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

/// Takes the account, without the mail that went out: no run looks at it.
fn left(sandbox: &Sandbox) -> World {
    World { mail: vec![], ..sandbox.change(mem::take) }
}
