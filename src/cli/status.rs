//! `keyrota status`: every user in scope, with its keys and what comes next.

use keyrota::{
    cloud::Reads,
    observe::{Depth, Unmanaged},
    report::{json, markdown, text},
    run::Mode,
};

use super::{
    args::{Format, StatusArgs},
    context::{Context, write_into},
    error::CommandError,
    exit::Exit,
};

/// Shows every user in scope, or every user that no rule selects.
pub async fn run<C: Reads>(context: &Context<'_, C>, args: &StatusArgs) -> Result<Exit, CommandError> {
    let viewpoint = context.viewpoint();
    let unmanaged = if args.unmanaged { Unmanaged::Keys } else { Unmanaged::Ages };
    let planned = context.plan(Mode::Plan, Depth::Everything, unmanaged).await?;
    let accounts: Vec<_> = planned.accounts.iter().map(|one| (&one.roster, &one.inventory)).collect();
    let unread = &planned.plan.accounts_unread;
    let json = || json::status(&accounts, unread, viewpoint);
    let markdown = || match args.unmanaged {
        true => markdown::unmanaged(&planned.plan, context.common.mask),
        false => markdown::status(&accounts, unread, viewpoint, context.common.mask),
    };
    context.output.data(&match context.output.format {
        Format::Json => json(),
        Format::Markdown => markdown(),
        _ => {
            let unread = text::unread(unread).into_iter().map(|line| line + "\n");
            let users = match args.unmanaged {
                true => text::unmanaged(&planned.plan),
                false => text::status(&accounts, planned.plan.accounts_unread.len(), viewpoint),
            };
            context.as_of() + &context.masked(users + &unread.collect::<String>())
        }
    });
    write_into(args.reports.json_into.as_deref(), json)?;
    write_into(args.reports.markdown_into.as_deref(), markdown)?;
    let is_known = !args.unmanaged || planned.plan.unmanaged.iter().all(|one| one.keys.is_some());
    Ok(if planned.verdict(None).has_failures() || !is_known { Exit::Failed } else { Exit::Done })
}
