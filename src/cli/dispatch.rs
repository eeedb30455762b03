//! The commands that look at accounts: loads the manifests, connects to AWS or opens the sandbox, and hands both to one
//! function a command.

use chrono::Utc;
use keyrota::{
    cloud::{Values, sandbox::Sandbox},
    manifest,
    organization::Found,
    report::unread::causes,
};

use super::{
    apply,
    args::{ApplyArgs, Common, ForecastArgs, PlanArgs, PreviewArgs, ReportArgs, StatusArgs},
    base::{BaseAccounts, BaseManifests, connect_base, load_base},
    confirm,
    context::Context,
    error::CommandError,
    exit::Exit,
    explain, forecast, mail,
    open::{self, Kept, enter, enter_sandboxes, find, instant, list_for, load_sandboxes, save, selected, sign_in},
    output::Output,
    plan, report, status,
};

/// A command that looks at accounts.
pub enum Task {
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Status(StatusArgs),
    Report(ReportArgs),
    Forecast(ForecastArgs),
    Explain {
        user: String,
    },
    Preview {
        args: PreviewArgs,
        user: String,
    },
    /// Plans, and compares with what was approved.
    Confirm(ApplyArgs),
}

/// Runs a task on the accounts that the arguments name.
pub async fn with(common: &Common, output: &Output, task: Task) -> Result<Exit, CommandError> {
    if matches!(task, Task::Apply(_)) && common.at.is_some() && common.sandbox.is_none() {
        return Err(CommandError::new("`--at` can't be applied: AWS has no other time than now")
            .hint("`keyrota plan --at …` shows it; with `--sandbox`, apply takes it as well"));
    }
    let sandboxes = match &common.sandbox {
        Some(path) => Some((load_sandboxes(path)?, path)),
        None => None,
    };
    let pinned = sandboxes.as_ref().and_then(|(kept, _)| open::pinned(kept));
    // The manifests are loaded for the same instant for which the plan is made; `enforce` needs them first.
    let real_now = pinned.unwrap_or_else(Utc::now);
    let loaded = manifest::load(&common.manifests, real_now);
    output.diagnostics(&loaded.diagnostics);
    let Some(manifest) = loaded.manifest else { return Err(CommandError::Manifests) };
    let now = instant(common.at.as_deref(), real_now, Some(&manifest))?;
    let base = match &task {
        Task::Plan(PlanArgs { base: Some(revision), .. }) => Some(load_base(&common.manifests, revision, now)?),
        _ => None,
    };

    match sandboxes {
        Some((kept, path)) => {
            let listed = open::listed(&kept, path);
            let found = selected(find(&manifest, Some(&listed), None, output)?, common)?;
            let base = base.map(|base| {
                let found_before =
                    base.manifest.as_ref().map(|base| Found::within(base, &listed, None)).unwrap_or_default();
                let clouds =
                    if common.accounts.is_empty() { open::only_in(&kept, &found_before, &found) } else { Vec::new() };
                let listed = Some(listed.clone());
                (base, BaseAccounts { clouds, found: found_before, listed, caller: None, notes: Vec::new() })
            });
            let (kept, unread) = enter_sandboxes(kept, &manifest, &found)?;
            causes(&unread).iter().for_each(|cause| output.failure(cause, cause.hint.as_deref()));
            if pinned.is_some_and(|pinned| now < pinned) && matches!(task, Task::Apply(_)) {
                return Err(CommandError::new("the sandbox's clock can't go back: `--at` is before its `now`"));
            }
            let (files, clouds): (Vec<_>, Vec<_>) =
                kept.into_iter().map(|Kept { path, name, sandbox }| ((path, name), sandbox)).unzip();
            let others = base.iter().flat_map(|(_, accounts)| &accounts.clouds);
            clouds.iter().chain(others).for_each(|sandbox| sandbox.set_now(now));
            let before: Vec<_> = clouds.iter().map(Sandbox::snapshot).collect();
            let changes = matches!(task, Task::Apply(_));
            // Where the plan is carried out, the time has come.
            let observed = if changes { now } else { real_now };
            let context = Context {
                clouds: &clouds,
                not_entered: &unread,
                left_out: &found.left_out(),
                manifest: &manifest,
                clock: &|| now,
                observed,
                common,
                output,
            };
            let exit = run(&context, task, base).await;
            // A run that failed may have changed nothing, and then the file stays as its author wrote it.
            for (((path, name), sandbox), before) in files.into_iter().zip(clouds).zip(before) {
                let is_changed = match exit {
                    Ok(Exit::Done) => true,
                    Ok(Exit::Failed) => sandbox.inspect(|after| *after != before),
                    _ => false,
                };
                if changes && is_changed {
                    save(&Kept { path, name, sandbox })?;
                }
            }
            exit
        }
        None => {
            let caller = sign_in(&manifest).await?;
            let base_manifest = base.as_ref().and_then(|base| base.manifest.as_ref().ok());
            // What only the manifests before the change ask is no reason to stop.
            let asking = std::iter::once(&manifest).chain(base_manifest).filter(|_| manifest.organization.is_some());
            let listed = list_for(&caller, asking).await?;
            let found = selected(find(&manifest, listed.as_ref(), Some(caller.account()), output)?, common)?;
            let (clouds, unread) = enter(&caller, &found, output).await?;
            let base = match base {
                Some(base) => {
                    let accounts = connect_base(&base, listed, &found, &clouds, &caller, common).await;
                    Some((base, accounts))
                }
                None => None,
            };
            let at = common.at.is_some();
            let context = Context {
                clouds: &clouds,
                not_entered: &unread,
                left_out: &found.left_out(),
                manifest: &manifest,
                clock: &|| if at { now } else { Utc::now() },
                observed: real_now,
                common,
                output,
            };
            run(&context, task, base).await
        }
    }
}

async fn run<C: Values>(
    context: &Context<'_, C>,
    task: Task,
    base: Option<(BaseManifests, BaseAccounts<C>)>,
) -> Result<Exit, CommandError> {
    match task {
        Task::Plan(args) => plan::run(context, &args, base).await,
        Task::Apply(args) => apply::run(context, &args).await,
        Task::Confirm(args) => confirm::run(context, &args).await,
        Task::Status(args) => status::run(context, &args).await,
        Task::Report(args) => report::run(context, &args).await,
        Task::Forecast(args) => forecast::run(context, &args).await,
        Task::Explain { user } => explain::run(context, &user).await,
        Task::Preview { args, user } => mail::of_user(context, &args, &user).await,
    }
}
