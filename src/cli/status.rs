//! `keyrota status`: every user in scope, with its keys and what comes next.

use keyrota::{
    cloud::Reads,
    observe::Depth,
    report::{json, text},
    run::Mode,
};

use super::{args::Format, context::Context, error::CommandError, exit::Exit};

/// Shows every user in scope.
pub async fn run<C: Reads>(context: &Context<'_, C>) -> Result<Exit, CommandError> {
    let viewpoint = context.viewpoint();
    let planned = context.plan(Mode::Plan, Depth::Everything).await?;
    let accounts: Vec<_> = planned.accounts.iter().map(|one| (&one.roster, &one.inventory)).collect();
    let unread = &planned.plan.accounts_unread;
    context.output.data(&match context.output.format {
        Format::Json => json::status(&accounts, unread, viewpoint),
        Format::Text | Format::Markdown | Format::Github => {
            let unread = unread.iter().map(|account| text::unread(account) + "\n");
            text::status(&accounts, viewpoint) + &unread.collect::<String>()
        }
    });
    Ok(if planned.verdict(None).has_failures() { Exit::Failed } else { Exit::Done })
}
