//! `keyrota forecast`: what the scheduled runs of the next months will do.

use chrono::TimeDelta;
use keyrota::{
    cloud::Reads,
    names::is_meant,
    observe::{Depth, Unmanaged},
    plan::{Calendar, calendar},
    report::{Forecast, csv, ics, json, text},
    run::Mode,
};

use super::{
    args::{ForecastArgs, Format},
    context::{Context, not_in_scope, write_into},
    error::CommandError,
    exit::Exit,
};

/// Whose turn it is depends on everyone: all are read, whoever is shown.
pub async fn run<C: Reads>(context: &Context<'_, C>, args: &ForecastArgs) -> Result<Exit, CommandError> {
    let viewpoint = context.viewpoint();
    let planned = context.plan(Mode::Plan, Depth::Everything, Unmanaged::Names).await?;
    if let Some(error) = planned
        .not_in_scope(&args.users)
        .iter()
        .map(|missing| not_in_scope(missing, &planned.plan.accounts_unread))
        .reduce(CommandError::and)
    {
        return Err(error);
    }
    let lasts = TimeDelta::days(i64::from(args.days));
    let accounts = planned.accounts.iter();
    let calendars: Vec<Calendar> = accounts
        .map(|one| calendar(&one.roster, &one.inventory, viewpoint, lasts).of(|name| is_meant(name, &args.users)))
        .collect();
    let unread = &planned.plan.accounts_unread;
    let forecast = Forecast::new(&calendars, unread, context.manifest, viewpoint.at, lasts);
    let output = context.output;
    let document = || match output.format {
        Format::Json => json::forecast(&forecast),
        Format::Csv => context.masked(csv::forecast(&forecast)),
        Format::Ics => ics::forecast(&forecast, |text| context.masked(text)),
        _ => context.masked(text::forecast(&forecast)),
    };
    match &args.output {
        Some(_) => {
            let is_text = matches!(output.format, Format::Text | Format::Github);
            let plain = || if is_text { text::styled(&document(), false).to_string() } else { document() };
            write_into(args.output.as_deref(), plain)?;
        }
        None if matches!(output.format, Format::Csv | Format::Ics) => output.document(&document()),
        None => output.data(&document()),
    }
    if matches!(output.format, Format::Csv | Format::Ics)
        && let Some(sentence) = text::not_known(&forecast)
    {
        // Rows and entries say what comes; that something is not known is said beside them as well.
        output.error(sentence);
    }
    let is_known = forecast.users.unreadable == 0 && unread.is_empty();
    Ok(if is_known && !planned.verdict(None).has_failures() { Exit::Done } else { Exit::Failed })
}
