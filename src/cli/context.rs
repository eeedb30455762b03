//! What every command works with that looks at accounts, and the parts of a run that they share.

use std::{
    collections::{BTreeMap, btree_map},
    fs,
    path::Path,
};

use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use keyrota::{
    clock::{self, ClockOff},
    cloud::Reads,
    counted::counted,
    inventory::UnreadAccount,
    manifest::Manifest,
    observe::{Depth, Progress, Unmanaged},
    plan::{Exceeded, Plan, Viewpoint, Waiting, WaitingOn, exceeded},
    report::{Report, alike::Alike, json, markdown, masked, outputs::outputs, unread::causes},
    run::{Missing, Mode, Planned, Run},
    untrusted::printable,
};

use super::{args::Common, error::CommandError, output::Output};

/// What every such command works with.
pub struct Context<'a, C> {
    pub clouds: &'a [C],
    /// The accounts that could not be entered; said already.
    pub not_entered: &'a [UnreadAccount],
    /// Those that nobody looks at.
    pub left_out: &'a [UnreadAccount],
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

    /// The instant of a look ahead, for text; nothing where it is now.
    pub fn as_of(&self) -> String {
        match self.common.at {
            Some(_) => format!("As of {} UTC\n\n", (self.clock)().format("%Y-%m-%d %H:%M")),
            None => String::new(),
        }
    }

    /// Text as `--mask` wants it.
    pub fn masked(&self, text: String) -> String {
        if self.common.mask { masked(&text) } else { text }
    }

    /// Says which accounts could not be read, but for those of which it was said that they could not be entered.
    pub fn say_unread(&self, unread: &[UnreadAccount]) {
        let is_news = |account: &&UnreadAccount| !self.not_entered.contains(account);
        let news: Vec<UnreadAccount> = unread.iter().filter(is_news).cloned().collect();
        for cause in causes(&news) {
            self.output.failure(&cause, cause.hint.as_deref());
        }
    }

    /// Says what to do about users that could not be read, once for all of whom it is the same.
    pub fn say_unreadable(&self, plan: &Plan) {
        let hint = |waiting: &Waiting| match &waiting.wait {
            WaitingOn::Unreadable { hint, .. } => hint.clone(),
            _ => None,
        };
        // Of many accounts the same is said once, whichever they are.
        let mut hints: BTreeMap<String, Alike> = BTreeMap::new();
        for hint in plan.unreadable().filter_map(hint) {
            let one = Alike::new(&hint, None);
            match hints.entry(one.key()) {
                btree_map::Entry::Occupied(mut known) => known.get_mut().add(&one),
                btree_map::Entry::Vacant(new) => drop(new.insert(one)),
            }
        }
        hints.values().for_each(|hint| self.output.hint(hint.text()));
    }

    /// Says which limits the plan exceeds, if any.
    pub fn exceeded(&self, plan: &Plan) -> Vec<Exceeded> {
        let exceeded = exceeded(plan, &self.manifest.limits);
        exceeded.iter().for_each(|exceeded| self.output.error(exceeded));
        if !exceeded.is_empty() {
            self.output.hint("nothing was changed; look at who is in the plan before raising `[limits]`");
        }
        exceeded
    }
}

impl<'a, C: Reads> Context<'a, C> {
    /// Observes all accounts and plans, with a progress bar, and says what could not be read.
    pub async fn plan(&self, mode: Mode, depth: Depth, unmanaged: Unmanaged) -> Result<Planned<'a, C>, CommandError> {
        self.plan_users(&[], mode, depth, unmanaged).await
    }

    /// The same for these users alone, if any are named.
    ///
    /// # Errors
    /// One of them is not in scope, as well.
    pub async fn plan_users<'b>(
        &self,
        users: &'b [String],
        mode: Mode,
        depth: Depth,
        unmanaged: Unmanaged,
    ) -> Result<Planned<'b, C>, CommandError>
    where
        'a: 'b,
    {
        let planned = self.observe_users(users, mode, depth, unmanaged).await?;
        let unread = &planned.plan.accounts_unread;
        match planned.missing.iter().map(|missing| not_in_scope(missing, unread)).reduce(CommandError::and) {
            Some(error) => Err(error),
            None => Ok(planned),
        }
    }

    /// The same; who is not in scope is said in what it yields.
    pub async fn observe_users<'b>(
        &self,
        users: &'b [String],
        mode: Mode,
        depth: Depth,
        unmanaged: Unmanaged,
    ) -> Result<Planned<'b, C>, CommandError>
    where
        'a: 'b,
    {
        let Self { clouds, not_entered, left_out, manifest, output, .. } = *self;
        let bar = output.progress("Reading keys");
        let run = Run {
            not_entered,
            left_out,
            depth,
            unmanaged,
            users,
            ..Run::new(manifest, clouds, mode, self.viewpoint())
        };
        let planned = run.plan(&counting(&bar)).await;
        bar.finish_and_clear();
        let planned = planned?;
        output.diagnostics(&planned.warnings);
        self.say_unread(&planned.plan.accounts_unread);
        self.say_unreadable(&planned.plan);
        if let Err(off) = clock::check(clouds) {
            output.warning(&off);
            output.hint(ClockOff::REMEDY);
        }
        Ok(planned)
    }
}

/// Why a user that was asked for is not planned.
pub fn not_in_scope(missing: &Missing, unread: &[UnreadAccount]) -> CommandError {
    let Missing { user, is_unmanaged, near } = missing;
    let user = printable(user);
    if !unread.is_empty() {
        let where_ = format!("in any account that could be read; {} could not be", counted(unread.len(), "account"));
        return match is_unmanaged {
            true => CommandError::new(format!("no rule selects `{user}` {where_}")),
            false => CommandError::new(format!("there is no IAM user `{user}` {where_}")),
        };
    }
    match (is_unmanaged, near) {
        (true, _) => CommandError::new(format!("no rule selects `{user}`"))
            .hint("name it in the `users` of a rule; `keyrota status --unmanaged` lists all that no rule selects"),
        (false, Some(near)) => CommandError::new(format!("there is no IAM user `{user}`"))
            .hint(format!("did you mean `{}`?", printable(near))),
        (false, None) => CommandError::new(format!("there is no IAM user `{user}`")),
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
    let written = [
        write_into(common.json_into.as_deref(), || json::render(report)),
        write_into(common.markdown_into.as_deref(), || markdown::render(report, common.mask)),
        // That a limit is exceeded is said by the exit code.
        write_into(common.outputs_into.as_deref(), || outputs(report, false).json()),
    ];
    // One that can't be written keeps no other from being.
    written.into_iter().filter_map(Result::err).reduce(CommandError::and).map_or(Ok(()), Err)
}

/// Writes into a file, if one is named.
pub fn write_into(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<(), CommandError> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).map_err(|error| CommandError::new(format!("{}: {error}", path.display())))
}
