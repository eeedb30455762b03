//! The commands that look at accounts: loads the manifests, connects to AWS or opens the sandbox, and hands both to
//! one function a command.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use keyrota::{
    clock::{self, ClockOff},
    cloud::{
        Reads, Writes,
        aws::{self, Aws, ConnectError, Connected, Problem},
        sandbox::Sandbox,
    },
    inventory::{Account, UnreadAccount},
    manifest::{self, Code, DeclaredAccount, Manifest, schedule::next_after},
    observe::Depth,
    plan::{Plan, Viewpoint, exceeded},
    report::{Report, json, markdown, outputs::outputs, text},
    survey::{Progress, Scope, Scoped, SurveyError, Surveyed, plan_all, scope, survey},
    verdict::Verdict,
};

use super::{
    Exit, action, apply,
    args::{ApplyArgs, Common, Format, PlanArgs, PreviewArgs},
    base::{BaseAccounts, BaseManifests, connect_base, load_base},
    explain, mail,
    output::Output,
    plan,
};

/// A command that looks at accounts.
pub enum Task {
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Status,
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

/// What every such command works with.
pub struct World<'a, C> {
    pub clouds: &'a [C],
    /// The accounts that could not be entered; said already.
    pub unread: &'a [UnreadAccount],
    pub manifest: &'a Manifest,
    /// The clock; pinned by the sandbox's `now` and by `--at`.
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// When the accounts are looked at, whatever `--at` says.
    pub observed: DateTime<Utc>,
    pub common: &'a Common,
    pub output: &'a Output,
}

impl<C> World<'_, C> {
    /// For when to plan, and of when the observation is.
    pub fn viewpoint(&self) -> Viewpoint {
        let at = (self.clock)();
        // Without `--at` the clock goes on.
        Viewpoint { observed: if self.common.at.is_some() { self.observed } else { at }, at }
    }
}

/// Runs a task on the accounts that the arguments name.
pub async fn with(common: &Common, output: &Output, task: Task) -> Exit {
    match try_with(common, output, task).await {
        Ok(exit) => exit,
        Err(stop) => {
            stop.say(output);
            Exit::Error
        }
    }
}

/// Why a command ended before it did anything.
pub struct Stop {
    /// `None`: said already.
    message: Option<String>,
    hint: Option<String>,
}

impl Stop {
    pub fn new(message: impl ToString) -> Self {
        Self { message: Some(message.to_string()), hint: None }
    }

    pub fn hint(self, hint: impl ToString) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }

    pub fn say(&self, output: &Output) {
        match (&self.message, &self.hint) {
            (Some(message), hint) => output.failure(message, hint.as_deref()),
            (None, Some(hint)) => output.hint(hint),
            (None, None) => {}
        }
    }

    /// Everything was said already.
    pub fn said() -> Self {
        Self { message: None, hint: None }
    }
}

async fn try_with(common: &Common, output: &Output, task: Task) -> Result<Exit, Stop> {
    if matches!(task, Task::Apply(_)) && common.at.is_some() && common.sandbox.is_none() {
        return Err(Stop::new("`--at` can't be applied: AWS has no other time than now")
            .hint("`keyrota plan --at …` shows it; with `--sandbox`, apply takes it as well"));
    }
    let sandbox = match &common.sandbox {
        Some(path) => Some(Sandbox::load(path).map_err(Stop::new)?),
        None => None,
    };
    let pinned = sandbox.as_ref().and_then(Sandbox::now);
    // The manifests are loaded for the same instant for which the plan is made; `enforce` needs them first.
    let real_now = pinned.unwrap_or_else(Utc::now);
    let loaded = manifest::load(&common.manifests, real_now);
    output.diagnostics(&loaded.diagnostics);
    let Some(manifest) = loaded.manifest else { return Err(Stop::said()) };
    let now = instant(common.at.as_deref(), real_now, Some(&manifest)).map_err(Stop::new)?;
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
                return Err(Stop::new("the sandbox's clock can't go back: `--at` is before its `now`"));
            }
            sandbox.set_now(now);
            let before = sandbox.snapshot();
            let clouds = [sandbox];
            let changes = matches!(task, Task::Apply(_));
            // Where the plan is carried out, the time has come.
            let observed = if changes { now } else { real_now };
            let world =
                World { clouds: &clouds, unread: &[], manifest: &manifest, clock: &|| now, observed, common, output };
            let accounts = BaseAccounts { clouds: Vec::new(), caller: None, notes: Vec::new() };
            let exit = run(&world, task, base.map(|base| (base, accounts))).await;
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
            let (clouds, unread) = connect(&declared, output).await?;
            let base = match base {
                Some(base) => {
                    let accounts = connect_base(&base, &manifest, &clouds, common).await;
                    Some((base, accounts))
                }
                None => None,
            };
            let at = common.at.is_some();
            let world = World {
                clouds: &clouds,
                unread: &unread,
                manifest: &manifest,
                clock: &|| if at { now } else { Utc::now() },
                observed: real_now,
                common,
                output,
            };
            run(&world, task, base).await
        }
    }
}

async fn run<C: Writes>(
    world: &World<'_, C>,
    task: Task,
    base: Option<(BaseManifests, BaseAccounts<C>)>,
) -> Result<Exit, Stop> {
    match task {
        Task::Plan(args) => plan::run(world, &args, base).await,
        Task::Apply(args) => apply::run(world, &args).await,
        Task::Confirm(args) => action::confirm::run(world, &args).await,
        Task::Status => status(world).await,
        Task::Explain { user } => explain::run(world, &user).await,
        Task::Preview { args, user } => mail::of_user(world, &args, &user).await,
    }
}

/// `keyrota status`
async fn status<C: Reads>(world: &World<'_, C>) -> Result<Exit, Stop> {
    let viewpoint = world.viewpoint();
    let (surveyed, unread) = look(world, Depth::Everything, viewpoint).await?;
    let accounts: Vec<_> = surveyed.iter().map(|one| (&one.roster, &one.inventory)).collect();
    world.output.data(&match world.output.format {
        Format::Json => json::status(&accounts, &unread, viewpoint),
        Format::Text | Format::Markdown | Format::Github => {
            let unread = unread.iter().map(|account| text::unread(account) + "\n");
            text::status(&accounts, viewpoint) + &unread.collect::<String>()
        }
    });
    let mut plan = plan_all(&surveyed, viewpoint);
    plan.accounts_unread = unread;
    Ok(if Verdict::of(&plan, None).has_failures() { Exit::Failed } else { Exit::Done })
}

/// Observes all accounts and plans.
pub async fn make_plan<'a, C: Reads>(world: &World<'a, C>) -> Result<(Vec<Surveyed<'a, C>>, Plan), Stop> {
    let viewpoint = world.viewpoint();
    let (surveyed, unread) = look(world, Depth::Plan, viewpoint).await?;
    let mut plan = plan_all(&surveyed, viewpoint);
    plan.accounts_unread = unread;
    Ok((surveyed, plan))
}

/// Observes all accounts, with a progress bar. Yields those that could not be read as well.
pub async fn look<'a, C: Reads>(
    world: &World<'a, C>,
    depth: Depth,
    viewpoint: Viewpoint,
) -> Result<(Vec<Surveyed<'a, C>>, Vec<UnreadAccount>), Stop> {
    let bar = world.output.progress("Reading keys");
    let progress = |progress| match progress {
        Progress::InScope(users) => bar.inc_length(users as u64),
        Progress::Read => bar.inc(1),
    };
    let (scoped, unread) = scoped(world, viewpoint.at).await?;
    let surveyed = survey(scoped, depth, viewpoint, &progress).await;
    bar.finish_and_clear();
    if let Err(off) = clock::check(world.clouds) {
        world.output.warning(&off);
        world.output.hint(ClockOff::REMEDY);
    }
    Ok((surveyed, unread))
}

/// Lists all accounts and resolves the manifests against them. Yields those that could not be read as well.
pub async fn scoped<'a, C: Reads>(
    world: &World<'a, C>,
    now: DateTime<Utc>,
) -> Result<(Vec<Scoped<'a, C>>, Vec<UnreadAccount>), Stop> {
    match scope(world.clouds, world.manifest, now).await {
        Ok(Scope { accounts, mut unread, mut warnings }) => {
            // A rule that selects nobody may do so in an account that could not be entered.
            warnings.retain(|warning| world.unread.is_empty() || warning.code != Code::RuleUnmatched);
            world.output.diagnostics(&warnings);
            unread.iter().for_each(|account| world.output.error(account));
            unread.extend(world.unread.iter().cloned());
            Ok((accounts, unread))
        }
        Err(error) => Err(stop_survey(error, world.output)),
    }
}

/// Says why there is no plan.
pub fn stop_survey(SurveyError::Read(accounts): SurveyError, output: &Output) -> Stop {
    accounts.iter().for_each(|account| output.error(account));
    Stop::said()
}

/// Says which limits are exceeded.
pub fn within_limits<C>(world: &World<'_, C>, plan: &Plan) -> bool {
    let exceeded = exceeded(plan, &world.manifest.limits);
    for exceeded in &exceeded {
        world.output.error(exceeded);
    }
    if !exceeded.is_empty() {
        world.output.hint("nothing was changed; look at who is in the plan before raising `[limits]`");
    }
    exceeded.is_empty()
}

/// Writes the report where `--json-into` and `--markdown-into` say.
pub fn write_reports(common: &Common, report: &Report<'_>) -> Result<(), Stop> {
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| Stop::new(format!("{}: {error}", path.display())))
    };
    if let Some(path) = &common.json_into {
        write(path, json::render(report))?;
    }
    if let Some(path) = &common.markdown_into {
        write(path, markdown::render(report, common.mask))?;
    }
    if let Some(path) = &common.outputs_into {
        // That a limit is exceeded is said by the exit code.
        write(path, action::outputs_json(&outputs(report, false)))?;
    }
    Ok(())
}

/// The instant that `--at` means.
pub fn instant(at: Option<&str>, now: DateTime<Utc>, manifest: Option<&Manifest>) -> Result<DateTime<Utc>, String> {
    let Some(at) = at else { return Ok(now) };
    if at == "enforce" {
        let schedule = manifest.map(|manifest| manifest.schedule.clone()).unwrap_or_default();
        return next_after(schedule.enforce(), now)
            .ok_or_else(|| format!("`--at enforce`: `{}` does not say a time", schedule.enforce()));
    }
    let date = at.parse::<NaiveDate>().map(|date| date.and_time(NaiveTime::MIN).and_utc());
    let time = DateTime::parse_from_rfc3339(at).map(|time| time.to_utc());
    date.or(time).map_err(|_| {
        format!("`--at {at}`: write a date (2026-12-31), an RFC 3339 time (2026-12-31T08:00:00Z) or `enforce`")
    })
}

/// The declared accounts that `--account` selects; all without it.
fn selected(manifest: &Manifest, wanted: &[String]) -> Result<BTreeMap<String, DeclaredAccount>, Stop> {
    if wanted.is_empty() {
        return Ok(manifest.accounts.clone());
    }
    let mut selected = BTreeMap::new();
    for wanted in wanted {
        let found = manifest.accounts.iter().find(|(name, account)| *name == wanted || account.id == *wanted);
        let Some((name, account)) = found else {
            let known: Vec<_> = manifest.accounts.keys().map(|name| format!("`{name}`")).collect();
            let hint = match known.is_empty() {
                true => "the manifests declare none: add `[accounts.NAME]` to keyrota.toml".to_owned(),
                false => format!("the manifests declare {}", known.join(", ")),
            };
            return Err(Stop::new(format!("`--account {wanted}`: there is no such account")).hint(hint));
        };
        selected.insert(name.clone(), account.clone());
    }
    Ok(selected)
}

/// A sandbox is one account: the declared one with its id, if any are declared.
fn name_sandbox(
    sandbox: Sandbox,
    manifest: &Manifest,
    declared: &BTreeMap<String, DeclaredAccount>,
) -> Result<Sandbox, Stop> {
    let Account { id, .. } = sandbox.account().clone();
    if manifest.accounts.is_empty() {
        return Ok(sandbox);
    }
    match declared.iter().find(|(_, account)| account.id == id) {
        Some((name, _)) => Ok(sandbox.named(Some(name.clone()))),
        None => {
            let ids: Vec<_> = declared.iter().map(|(name, account)| format!("{} ({name})", account.id)).collect();
            Err(Stop::new(format!("the sandbox is account {id}, which the manifests don't declare"))
                .hint(format!("set its `account` to one of {}", ids.join(", "))))
        }
    }
}

/// Connects to all accounts, and says what is wrong with those that can't be reached.
async fn connect(
    declared: &BTreeMap<String, DeclaredAccount>,
    output: &Output,
) -> Result<(Vec<Aws>, Vec<UnreadAccount>), Stop> {
    let declared: Vec<_> = declared.iter().map(|(name, account)| (name.clone(), account)).collect();
    let (connected, problems) = match aws::connect(&declared).await {
        Ok(Connected { accounts, problems }) => (Some(accounts), problems),
        Err(ConnectError { problems }) => (None, problems),
    };
    for Problem { account, id: _, message, hint } in &problems {
        let place = account.as_ref().map_or_else(String::new, |(name, source)| format!("account {name} ({source}): "));
        output.failure(format!("{place}{message}"), Some(hint));
    }
    let unread = problems.into_iter().map(Problem::unread).collect();
    Ok((connected.ok_or_else(Stop::said)?, unread))
}

fn save(sandbox: &Sandbox, common: &Common) -> Result<(), Stop> {
    let path: &Path = common.sandbox.as_deref().expect("only a sandbox is saved");
    sandbox.save(path).map_err(Stop::new)
}
