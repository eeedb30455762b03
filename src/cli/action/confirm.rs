//! `keyrota action confirm`: whether the plan is still the approved one. Changes nothing.

use keyrota::cloud::Reads;

use crate::cli::{
    Exit,
    approval::Approval,
    args::ApplyArgs,
    world::{Stop, World, make_plan, within_limits},
};

/// Plans again, as `apply` would. Between an approval and what it is for, the accounts may have changed.
pub async fn run<C: Reads>(world: &World<'_, C>, args: &ApplyArgs) -> Result<Exit, Stop> {
    let missing = || Stop::new("`--digest` is missing: what was approved?");
    let approval = Approval::read(args)?.ok_or_else(missing)?;
    let refused = |refusal: String| {
        world.output.error(refusal);
        world.output.hint("nothing was changed; plan again, and have the new plan approved");
        Ok(Exit::NotApproved)
    };
    if let Some(refusal) = approval.outdated() {
        return refused(refusal.to_string());
    }
    let (_, plan) = make_plan(world).await?;
    if !within_limits(world, &plan) {
        return Ok(Exit::Limit);
    }
    match approval.covers(&plan) {
        Err(refusal) => refused(refusal.to_string()),
        Ok(()) => {
            world.output.data("The plan does nothing beyond what was approved.\n");
            Ok(Exit::Done)
        }
    }
}
