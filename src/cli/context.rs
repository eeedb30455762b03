//! What every command works with that looks at accounts, and the parts of a run that they share.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use keyrota::{
    clock::{self, ClockOff},
    cloud::Reads,
    inventory::UnreadAccount,
    manifest::Manifest,
    observe::{AccountScope, Depth, Progress, Scope, scope},
    plan::{Plan, Viewpoint, exceeded},
    report::{Report, json, markdown, outputs::outputs},
    run::{Mode, Planned, Run},
};

use super::{args::Common, error::CommandError, output::Output};

/// What every such command works with.
pub struct Context<'a, C> {
    pub clouds: &'a [C],
    /// The accounts that could not be entered; said already.
    pub not_entered: &'a [UnreadAccount],
    pub manifest: &'a Manifest,
    /// The clock; pinned by the sandbox's `now` and by `--at`.
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// When the accounts are looked at, whatever `--at` says.
    pub observed: DateTime<Utc>,
    pub common: &'a Common,
    pub output: &'a Output,
}

impl<'a, C> Context<'a, C> {
    /// For when to plan, and of when the observation is.
    pub fn viewpoint(&self) -> Viewpoint {
        let at = (self.clock)();
        // Without `--at` the clock goes on.
        Viewpoint { observed: if self.common.at.is_some() { self.observed } else { at }, at }
    }

    /// Says which accounts could not be read, but for those of which it was said that they could not be entered.
    pub fn say_unread(&self, unread: &[UnreadAccount]) {
        let is_news = |account: &&UnreadAccount| !self.not_entered.contains(account);
        unread.iter().filter(is_news).for_each(|account| self.output.error(account));
    }

    /// Says which limits the plan exceeds, if any.
    pub fn is_within_limits(&self, plan: &Plan) -> bool {
        let exceeded = exceeded(plan, &self.manifest.limits);
        exceeded.iter().for_each(|exceeded| self.output.error(exceeded));
        if !exceeded.is_empty() {
            self.output.hint("nothing was changed; look at who is in the plan before raising `[limits]`");
        }
        exceeded.is_empty()
    }
}

impl<'a, C: Reads> Context<'a, C> {
    /// Observes all accounts and plans, with a progress bar, and says what could not be read.
    pub async fn plan(&self, mode: Mode, depth: Depth) -> Result<Planned<'a, C>, CommandError> {
        let Self { clouds, not_entered, manifest, output, .. } = *self;
        let bar = output.progress("Reading keys");
        let run = Run { not_entered, depth, ..Run::new(manifest, clouds, mode, self.viewpoint()) };
        let planned = run.plan(&counting(&bar)).await;
        bar.finish_and_clear();
        let planned = planned?;
        output.diagnostics(&planned.warnings);
        self.say_unread(&planned.plan.accounts_unread);
        if let Err(off) = clock::check(clouds) {
            output.warning(&off);
            output.hint(ClockOff::REMEDY);
        }
        Ok(planned)
    }

    /// Lists all accounts and resolves the manifests against them, and says what could not be read.
    pub async fn scope(&self) -> Result<Vec<AccountScope<'a, C>>, CommandError> {
        let Self { clouds, not_entered, manifest, output, .. } = *self;
        let Scope { accounts, unread, warnings } = scope(clouds, not_entered, manifest, (self.clock)(), None).await?;
        output.diagnostics(&warnings);
        self.say_unread(&unread);
        Ok(accounts)
    }
}

/// Moves a bar on as users are read.
pub fn counting(bar: &ProgressBar) -> impl Fn(Progress) + Sync {
    |progress| match progress {
        Progress::InScope(users) => bar.inc_length(users as u64),
        Progress::Read => bar.inc(1),
    }
}

/// Writes the report where `--json-into` and `--markdown-into` say.
pub fn write_reports(common: &Common, report: &Report<'_>) -> Result<(), CommandError> {
    let write = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| CommandError::new(format!("{}: {error}", path.display())))
    };
    if let Some(path) = &common.json_into {
        write(path, json::render(report))?;
    }
    if let Some(path) = &common.markdown_into {
        write(path, markdown::render(report, common.mask))?;
    }
    if let Some(path) = &common.outputs_into {
        // That a limit is exceeded is said by the exit code.
        write(path, outputs(report, false).json())?;
    }
    Ok(())
}
