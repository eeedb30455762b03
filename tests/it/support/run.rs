//! Whole runs against a simulated account, as the command and the function make them.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Applied, Conditions},
    cloud::{Reads, Values},
    manifest::Manifest,
    run::{Mode, Planned, Run},
};

/// Observes and plans.
pub fn plan<'a, C: Reads>(clouds: &'a [C], manifest: &'a Manifest, now: DateTime<Utc>, mode: Mode) -> Planned<'a, C> {
    let planned = async { Run::new(manifest, clouds, mode, now).plan(&|_| {}).await };
    let planned = planned.now_or_never().expect("a simulated account never waits");
    planned.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Applies a plan and tells people.
pub fn apply<C: Values>(planned: &Planned<'_, C>, conditions: &Conditions<'_>) -> Applied {
    let applied = async { planned.apply(conditions, &|_| {}).await };
    applied.now_or_never().expect("a simulated account never waits")
}

/// A whole run at one instant.
pub fn run<'a, C: Values>(
    clouds: &'a [C],
    manifest: &'a Manifest,
    now: DateTime<Utc>,
    mode: Mode,
) -> (Planned<'a, C>, Applied) {
    let planned = plan(clouds, manifest, now, mode);
    let applied = apply(&planned, &Conditions::new(&|| now));
    (planned, applied)
}
