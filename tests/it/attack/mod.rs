//! The attack: whole lives of a user over HTTP, by moved clock, with one fault of each kind at every call, before and
//! after its effect. Whatever happens, the invariants of ARCHITECTURE.md hold after every single call, what the run says
//! is true, and the runs that follow come to the same end as if nothing had been.
//!
//! moto answers behind the launcher, which distorts one answer, so that what is attacked is all of keyrota but the
//! command line. A part of the lives is lived in every run of the tests; `KEYROTA_ATTACK=whole cargo test attack --
//! --nocapture` lives them all, which takes an hour or more, and prints the figures; `KEYROTA_ATTACK=7` every seventh.

mod invariants;
mod life;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt, stream};

use self::{
    invariants::Watched,
    life::{LIVES, Life},
};
use crate::emulator::{Emulator, Fault, Request};

/// How often a life is lived again when the machine was late.
const MOST_REPETITIONS: usize = 9;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Denied,
    Throttled,
    Broken,
    Reset,
    Hang,
    Garbage,
    Empty,
    Page,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::Denied, Self::Throttled, Self::Broken, Self::Reset, Self::Hang, Self::Garbage, Self::Empty, Self::Page];

    fn fault(self, action: &str) -> Fault {
        match self {
            Self::Denied => Fault::error(action, 403, "AccessDenied", "You are not authorized to do this."),
            Self::Throttled => Fault::error(action, 400, "Throttling", "Rate exceeded"),
            Self::Broken => Fault::error(action, 500, "ServiceFailure", "Out of order."),
            Self::Reset => Fault::drop(action),
            Self::Hang => Fault::hang(action, life::PATIENCE + Duration::from_millis(300)),
            Self::Garbage => Fault::body(action, 200, "\u{1}\u{fffd}{\"<<garbage"),
            Self::Empty => Fault::body(action, 200, ""),
            Self::Page => Fault::body(action, 200, "<!DOCTYPE html><html><body>Sign in to this network</body></html>"),
        }
    }
}

/// One fault in one life.
#[derive(Clone, Debug)]
struct Strike {
    /// The run that it strikes, counted from 0.
    run: usize,
    action: String,
    /// The how many-th call of this action in that run, counted from 0.
    call: usize,
    kind: Kind,
    is_after: bool,
}

impl Strike {
    fn fault(&self) -> Fault {
        let fault = self.kind.fault(&self.action).skip(u32::try_from(self.call).expect("a few calls"));
        if self.is_after { fault.after_effect() } else { fault }
    }
}

/// What an attack came to.
#[derive(Debug, Default)]
struct Figures {
    lives: usize,
    runs: usize,
    calls: usize,
    /// Faults that struck, by kind.
    faults: BTreeMap<Kind, usize>,
    /// The calls that were struck.
    actions: BTreeSet<String>,
    /// Runs that said that not all went well.
    failed_runs: usize,
    /// Runs in which another call than the struck one got no answer in time: the machine was late, not keyrota.
    late_runs: usize,
    /// Lives that were lived again for that reason.
    repeated: usize,
    violations: Vec<String>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        let Self { lives, runs, calls, faults, actions, failed_runs, late_runs, repeated, violations } = other;
        self.lives += lives;
        self.runs += runs;
        self.calls += calls;
        self.actions.extend(actions);
        self.failed_runs += failed_runs;
        self.late_runs += late_runs;
        self.repeated += repeated;
        self.violations.extend(violations);
        faults.into_iter().for_each(|(kind, count)| *self.faults.entry(kind).or_default() += count);
    }

    fn print(&self, name: &str) {
        let Self { lives, runs, calls, faults, actions, failed_runs, late_runs: _, repeated, violations } = self;
        let struck: usize = faults.values().sum();
        eprintln!(
            "attack, {name}: {lives} lives, {runs} runs, {calls} calls; {struck} faults at {} kinds of calls {faults:?}; \
             {failed_runs} runs said that something failed; {repeated} lives were lived again, because the machine was late; {} \
             violations",
            actions.len(),
            violations.len()
        );
    }
}

/// Every fault that can strike a life: that of each kind at every call that a life without faults makes. A call without
/// an effect has none to be struck before or after.
async fn strikes(life: &Life, emulator: &Emulator) -> Vec<Strike> {
    let (mut figures, mut runs) = life.live(emulator, None).await;
    for _ in 0..MOST_REPETITIONS {
        if figures.late_runs > 0 {
            (figures, runs) = life.live(emulator, None).await;
        }
    }
    assert_eq!(figures.violations, [""; 0], "{}, without any fault", life.name);
    let mut strikes = Vec::new();
    for (run, requests) in runs.iter().enumerate() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for Request { action, .. } in requests {
            let call = counts.entry(action).or_default();
            for kind in Kind::ALL {
                for is_after in [false, true] {
                    if !is_after || invariants::is_write(action) {
                        strikes.push(Strike { run, action: action.clone(), call: *call, kind, is_after });
                    }
                }
            }
            *call += 1;
        }
    }
    strikes
}

/// Lives it with this fault. A life has one fault: where a busy machine adds a second, it is lived again.
async fn struck(life: &Life, emulator: &Emulator, strike: &Strike) -> Figures {
    let mut repeated = 0;
    loop {
        let figures = life.live(emulator, Some(strike)).await.0;
        if figures.violations.is_empty() || figures.late_runs == 0 || repeated == MOST_REPETITIONS {
            return Figures { repeated, ..figures };
        }
        repeated += 1;
    }
}

/// Attacks the lives with every `part`-th fault, some at a time.
async fn attack(emulators: &[&Emulator], part: usize) -> Figures {
    let mut all = Figures::default();
    let mut number = 0;
    for life in LIVES {
        let mut one = Figures::default();
        let strikes = strikes(life, emulators[0]).await;
        assert!(strikes.len() > 100, "{} has only {} faults", life.name, strikes.len());
        let chosen = strikes.into_iter().filter(|_| {
            number += 1;
            number % part == 0
        });
        let mut lived = stream::iter(chosen.enumerate())
            .map(|(index, strike)| async move { struck(life, emulators[index % emulators.len()], &strike).await })
            .buffer_unordered(emulators.len() * 4);
        while let Some(figures) = lived.next().await {
            figures.violations.iter().for_each(|violation| eprintln!("{violation}\n"));
            one.add(figures);
        }
        one.print(life.name);
        all.add(one);
    }
    all.print("all");
    all
}

#[tokio::test]
async fn no_fault_costs_a_working_key_or_the_truth() {
    // A prime, so that no kind of fault and no call is left out again and again.
    let part = match std::env::var("KEYROTA_ATTACK").as_deref() {
        Err(_) => 97,
        Ok("whole") => 1,
        Ok(part) => part.parse().expect("KEYROTA_ATTACK is `whole`, or a number: every how many-th fault"),
    };
    let figures = match part {
        97.. => attack(&[Emulator::shared()], part).await,
        _ => attack(&[Emulator::shared(), &Emulator::start()], part).await,
    };
    assert!(figures.violations.is_empty(), "{} violations, above", figures.violations.len());
    let struck: usize = figures.faults.values().sum();
    assert!(struck * 10 > figures.lives * 9, "hardly a fault struck: {figures:?}");
    assert_eq!(figures.faults.len(), Kind::ALL.len(), "each kind: {figures:?}");
    assert!(figures.actions.len() >= 12, "most calls: {figures:?}");
    assert!(figures.failed_runs > figures.lives / 2, "most faults are said: {figures:?}");
}

/// The watch itself is no decoration: a life in which a person does what keyrota must not is found out.
#[tokio::test]
async fn a_violation_is_found() {
    let mut watched = Watched::default();
    let state = |keys: &str| {
        serde_json::from_str(&format!(
            r#"{{"keys": {keys}, "labels": {{"AWSCURRENT": "keyrota-1-access-key-B"}}, "values": {{}}, "tags": {{}}}}"#
        ))
        .expect("a state")
    };
    let key = |id: &str, active: bool| {
        format!(r#"{{"id": "{id}", "active": {active}, "created": "2026-01-01T00:00:00Z", "secret": "s"}}"#)
    };
    let both = format!("[{}, {}]", key("A", true), key("B", true));
    let call = |action: &str, keys: &str| Request {
        action: action.to_owned(),
        state: Some(state(keys)),
        ..Request::default()
    };
    assert_eq!(watched.see(&call("ListAccessKeys", &both)), Vec::<String>::new());
    for (action, keys, expected) in [
        ("DeleteAccessKey", format!("[{}]", key("B", true)), "a working key was deleted"),
        (
            "UpdateAccessKey",
            format!("[{}, {}]", key("A", true), key("B", false)),
            "what the secret hands out does not work",
        ),
        ("UpdateAccessKey", format!("[{}, {}]", key("A", false), key("B", true)), "before its owner was told"),
        ("UpdateAccessKey", format!("[{}, {}]", key("A", false), key("B", false)), "no working key is left"),
        ("CreateAccessKey", format!("[{}, {}, {}]", key("A", true), key("B", true), key("C", true)), "three keys"),
    ] {
        let found = watched.clone().see(&call(action, &keys)).join("; ");
        assert!(found.contains(expected), "{expected}: {found}");
    }
}
