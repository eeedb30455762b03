//! The commands that look at accounts: loads the manifests, connects to AWS or opens the sandbox, and hands both to one
//! function a command.

use chrono::Utc;
use keyrota::{
    cloud::{Values, sandbox::Sandbox},
    manifest,
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
    open::{connect, instant, name_sandbox, save, selected},
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
    let sandbox = match &common.sandbox {
        Some(path) => Some(Sandbox::load(path).map_err(CommandError::new)?),
        None => None,
    };
    let pinned = sandbox.as_ref().and_then(Sandbox::now);
    // The manifests are loaded for the same instant for which the plan is made; `enforce` needs them first.
    let real_now = pinned.unwrap_or_else(Utc::now);
    let loaded = manifest::load(&common.manifests, real_now);
    output.diagnostics(&loaded.diagnostics);
    let Some(manifest) = loaded.manifest else { return Err(CommandError::Manifests) };
    let now = instant(common.at.as_deref(), real_now, Some(&manifest))?;
    let mut declared = selected(&manifest, &common.accounts)?;
    if let Some(suffix) = &common.role_suffix {
        for role in declared.values_mut().filter_map(|account| account.role.as_mut()) {
            role.push_str(suffix);
        }
    }
    let base = match &task {
        Task::Plan(PlanArgs { base: Some(revision), .. }) => Some(load_base(&common.manifests, revision, now)?),
        _ => None,
    };

    match sandbox {
        Some(sandbox) => {
            let sandbox = name_sandbox(sandbox, &manifest, &declared)?;
            if pinned.is_some_and(|pinned| now < pinned) && matches!(task, Task::Apply(_)) {
                return Err(CommandError::new("the sandbox's clock can't go back: `--at` is before its `now`"));
            }
            sandbox.set_now(now);
            let before = sandbox.snapshot();
            let clouds = [sandbox];
            let changes = matches!(task, Task::Apply(_));
            // Where the plan is carried out, the time has come.
            let observed = if changes { now } else { real_now };
            let context = Context {
                clouds: &clouds,
                not_entered: &[],
                manifest: &manifest,
                clock: &|| now,
                observed,
                common,
                output,
            };
            let accounts = BaseAccounts { clouds: Vec::new(), caller: None, notes: Vec::new() };
            let exit = run(&context, task, base.map(|base| (base, accounts))).await;
            // A run that failed may have changed nothing, and then the file stays as its author wrote it.
            let is_changed = match exit {
                Ok(Exit::Done) => true,
                Ok(Exit::Failed) => clouds[0].inspect(|after| *after != before),
                _ => false,
            };
            if changes && is_changed {
                save(&clouds[0], common)?;
            }
            exit
        }
        None => {
            let (clouds, unread) = connect(&manifest.deliver, &declared, output).await?;
            let base = match base {
                Some(base) => {
                    let accounts = connect_base(&base, &manifest, &clouds, common).await;
                    Some((base, accounts))
                }
                None => None,
            };
            let at = common.at.is_some();
            let context = Context {
                clouds: &clouds,
                not_entered: &unread,
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
