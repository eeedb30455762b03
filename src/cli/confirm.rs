//! `keyrota action confirm`: whether the plan is still the approved one. Changes nothing.

use keyrota::{
    cloud::Reads,
    observe::{Depth, Unmanaged},
    run::Mode,
};

use super::{approval::Approval, args::ApplyArgs, context::Context, error::CommandError, exit::Exit};

/// Plans again, as `apply` would. Between an approval and what it is for, the accounts may have changed.
pub async fn run<C: Reads>(context: &Context<'_, C>, args: &ApplyArgs) -> Result<Exit, CommandError> {
    let missing = || CommandError::new("`--digest` is missing: what was approved?");
    let approval = Approval::read(args)?.ok_or_else(missing)?;
    let refused = |refusal: String| {
        context.output.error(refusal);
        context.output.hint("nothing was changed; plan again, and have the new plan approved");
        Ok(Exit::NotApproved)
    };
    if let Some(refusal) = approval.outdated() {
        return refused(refusal.to_string());
    }
    let planned = context.plan(Mode::Enforce, Depth::Plan, Unmanaged::Names).await?;
    if !context.exceeded(&planned.plan).is_empty() {
        return Ok(Exit::Limit);
    }
    match approval.covers(&planned.plan) {
        Err(refusal) => refused(refusal.to_string()),
        Ok(()) => {
            context.output.data("The plan does nothing beyond what was approved.\n");
            Ok(Exit::Done)
        }
    }
}
