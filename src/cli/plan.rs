//! `keyrota plan`, with `--base` or without.

use keyrota::{
    cloud::Reads,
    diff::review::{AccountPair, Accounts, Base, Review, review},
    git,
    inventory::Account,
    manifest::schedule::next_after,
    observe::{Depth, Unmanaged},
    plan::Viewpoint,
    report::{Report, Since, github, json, markdown, masked, text},
    run::Mode,
    verdict::Verdict,
};

use super::{
    args::{Format, PlanArgs},
    base::{BaseAccounts, BaseManifests},
    context::{Context, counting, write_reports},
    error::CommandError,
    exit::Exit,
};

/// Shows the plan, and what led to it.
pub async fn run<C: Reads>(
    context: &Context<'_, C>,
    args: &PlanArgs,
    base: Option<(BaseManifests, BaseAccounts<C>)>,
) -> Result<Exit, CommandError> {
    let Context { common, output, .. } = *context;
    let revision = git::revision(&common.manifests);
    let plan = match base {
        None => {
            let plan = context.plan_users(&args.users, Mode::Enforce, Depth::Plan, Unmanaged::Ages).await?.plan;
            show(context, &Report { revision: revision.as_deref(), ..Report::new(&plan) })?;
            plan
        }
        Some((base, accounts)) => {
            let Review { plan, comparison, warnings } = make_review(context, &base, &accounts).await?;
            context.say_unread(&plan.accounts_unread);
            context.say_unreadable(&plan);
            output.diagnostics(&warnings);
            let BaseManifests { revision: name, commit, manifest: _ } = &base;
            let notes = &accounts.notes;
            let since = Some(Since { revision: name, commit, comparison: &comparison, notes });
            show(context, &Report { revision: revision.as_deref(), since, ..Report::new(&plan) })?;
            plan
        }
    };
    if !context.exceeded(&plan).is_empty() {
        return Ok(Exit::Limit);
    }
    if Verdict::of(&plan, None).has_failures() {
        return Ok(Exit::Failed);
    }
    Ok(if args.detailed_exitcode && !plan.changes.is_empty() { Exit::Pending } else { Exit::Done })
}

async fn make_review<C: Reads>(
    context: &Context<'_, C>,
    base: &BaseManifests,
    accounts: &BaseAccounts<C>,
) -> Result<Review, CommandError> {
    let Context { clouds, not_entered, manifest, clock, common, output, .. } = *context;
    let (now, observed) = (clock(), context.viewpoint().observed);
    let next_run = if common.at.is_none() { next_after(manifest.schedule.enforce(), now) } else { None };
    let manifest_before: Base = base.manifest.as_ref().map_err(Clone::clone);
    let before = |account: &Account| manifest_before.as_ref().ok().and_then(|_| accounts.before(account));
    let here = clouds.iter().map(|cloud| {
        let account = cloud.account();
        AccountPair { cloud, before: before(account), after: Some(account.clone()) }
    });
    let gone = accounts.clouds.iter().map(|cloud| {
        let account = cloud.account();
        AccountPair { cloud, before: before(account), after: None }
    });
    let pairs: Vec<_> = here.chain(gone).collect();
    let bar = output.progress("Reading keys");
    let viewpoint = Viewpoint { observed, at: now };
    let base = manifest_before.clone();
    let looked_at = Accounts { places: &pairs, not_entered, listed: accounts.listed.as_ref() };
    let reviewed = review(looked_at, base, manifest, viewpoint, next_run, &counting(&bar)).await;
    bar.finish_and_clear();
    Ok(reviewed?)
}

fn show<C: Reads>(context: &Context<'_, C>, report: &Report<'_>) -> Result<(), CommandError> {
    let Context { common, output, .. } = *context;
    output.annotations(&github::blocked(report.plan));
    output.data(&match output.format {
        Format::Json => json::render(report),
        Format::Markdown => markdown::render(report, common.mask),
        _ => context.as_of() + &as_text(report, common.mask),
    });
    write_reports(common, report)
}

fn as_text(report: &Report<'_>, mask: bool) -> String {
    let text = match &report.since {
        Some(since) => text::since(since, report.plan),
        None => text::plan(report.plan),
    };
    if mask { masked(&text) } else { text }
}
