//! One invocation: loads the manifests, connects, runs, and logs what was done.

use std::{env, path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use keyrota::{
    apply::{self, Applied, Conditions},
    clock::ClockOff,
    cloud::{
        Reads, Writes,
        aws::{self, Aws, Caller, ConnectError, Connected, Problem},
    },
    events::EventQueue,
    evidence::Provenance,
    fleet::Made,
    inventory::{CallError, ErrorKind, UnreadAccount},
    mail::Outbox,
    manifest::{self, DeclaredAccount, Diagnostic, Manifest},
    observe::{NothingRead, Unmanaged},
    organization::Found,
    report::{Counts, Report, json, metrics},
    run::{Mode, Planned, Run},
    unread::{self, Extent},
    verdict::Verdict,
    workload::Workload,
};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::{
    event::{Asked, Event, Step, asked},
    evidence::Evidence,
    failure::Failure,
    fleet::Fleet,
    log,
    store::Memory,
};

/// No user is begun later than this before the deadline, in milliseconds: the longest change, which waits for IAM to
/// propagate a key, takes about as long.
const RESERVE: i64 = 60_000;

/// What has begun is cut off so long before the deadline, in milliseconds: what was left is noted then, and told.
const TO_TELL: i64 = 20_000;

/// A message that nobody has taken so long before the deadline is given up, in milliseconds: what was done is recorded then.
pub const TO_RECORD: i64 = 8_000;

/// A step of a run in parts fails so long before its deadline, in milliseconds, if it has not ended: a state machine tries nothing
/// again that is killed.
const TO_FAIL: i64 = 2_000;

/// A report takes no longer than this, in milliseconds.
const REPORT: i64 = 15_000;

/// An account that was entered, and what was said of it; `None`: the caller's own.
type Known = (Option<(String, DeclaredAccount)>, Aws);

/// The accounts of an invocation.
#[derive(Default)]
struct Entered {
    clouds: Vec<Aws>,
    not_entered: Vec<UnreadAccount>,
    /// Those that AWS Organizations says are closed.
    left_out: Vec<UnreadAccount>,
}

/// The function between its invocations.
pub struct Function {
    manifests: PathBuf,
    /// The commit of the manifests.
    pub revision: Option<String>,
    /// Of the metrics; stacks that share an account each have their own.
    pub namespace: String,
    /// Where what lasts is left.
    pub evidence: Option<Evidence>,
    /// Where the parts of a run meet.
    fleet: Option<Fleet>,
    /// The accounts of the manifests that could be entered so far. The credentials of roles are renewed by the clients.
    clouds: Mutex<Vec<Known>>,
}

impl Function {
    /// # Errors
    /// The package's folder is nowhere to be found, or what is to name a bucket does not.
    pub fn from_environment() -> Result<Self, std::io::Error> {
        // Manifests are named in reports as in git, relative to their package.
        match env::var_os("LAMBDA_TASK_ROOT") {
            Some(root) => env::set_current_dir(root)?,
            None => {
                let program = env::current_exe()?;
                env::set_current_dir(program.parent().expect("a program's file is in a folder"))?;
            }
        }
        let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let manifests = text("KEYROTA_MANIFESTS").unwrap_or_else(|| "manifests".to_owned()).into();
        let namespace = text("KEYROTA_METRICS_NAMESPACE").unwrap_or_else(|| metrics::NAMESPACE.to_owned());
        let evidence = Evidence::from_environment().map_err(std::io::Error::other)?;
        let (fleet, clouds) = (Fleet::from_environment().map_err(std::io::Error::other)?, Mutex::default());
        Ok(Self { manifests, revision: text("KEYROTA_REVISION"), namespace, evidence, fleet, clouds })
    }

    /// Does what the event asks for: runs over all accounts, and yields the report; or takes a step of a run in parts.
    ///
    /// # Errors
    /// Nothing could be begun, a limit was exceeded, or changes failed: the others are made all the same.
    pub async fn invoke(&self, event: LambdaEvent<Event>) -> Result<Value, Failure> {
        let LambdaEvent { payload, context } = event;
        let invocation = Invocation {
            began: Utc::now(),
            deadline: i64::try_from(context.deadline).unwrap_or(i64::MAX),
            id: context.request_id,
        };
        match asked(&payload)? {
            Asked::Run(mode) => self.run(mode, &invocation).await,
            Asked::Step(run, step) => {
                let fleet = self.fleet.as_ref().ok_or_else(Fleet::missing)?;
                let work = async {
                    match step {
                        Step::List => fleet.list(self, &run, &invocation).await,
                        Step::Account(account) => fleet.account(self, &run, account, &invocation).await,
                        Step::Merge(after) => fleet.merge(self, &run, after, &invocation).await,
                    }
                };
                in_time(fleet, work, &invocation).await
            }
        }
    }

    /// A run over all accounts.
    async fn run(&self, mode: Mode, invocation: &Invocation) -> Result<Value, Failure> {
        let Invocation { began: now, deadline, id } = invocation;
        // The manifests stay the same, but exemptions end.
        let manifest = self.load(*now)?;
        let Entered { clouds, not_entered, left_out } = self.connect(&manifest, invocation.enter_until()).await?;
        // The report of a run tells of those that nobody manages, too, and when keys were used: both in two or three calls.
        let is_reported = mode == Mode::Enforce && self.evidence.is_some();
        let mut workload = match (clouds.len(), self.memory()) {
            (2.., Some(memory)) => memory.workload(*now).await,
            _ => Workload::default(),
        };
        let earlier = workload.clone();
        let (not_entered, left_out) = (&not_entered[..], &left_out[..]);
        let run = Run { not_entered, left_out, earlier: &earlier, ..Run::new(&manifest, &clouds, mode, *now) };
        // What was done is measured before the mail, whatever becomes of that.
        let measured = |planned: &Planned<'_, Aws>, applied: Option<&Applied>| {
            log::metrics(&self.namespace, planned, &Report { applied, ..Report::new(&planned.plan) });
        };
        let Ran { planned, applied, exceeded } = carry_out(run, is_reported, *deadline, &measured).await?;
        planned.warnings.iter().for_each(log::diagnostic);
        if let (2.., Some(memory), true) = (clouds.len(), self.memory(), mode != Mode::Plan) {
            planned.measure(applied.as_ref(), &mut workload);
            memory.keep(&workload, &Made { at: *now, by: id.clone() }).await;
        }
        let report =
            Report { revision: self.revision.as_deref(), applied: applied.as_ref(), ..Report::new(&planned.plan) };
        match &applied {
            Some(applied) => {
                self.write_evidence(id, &planned, Some(applied), is_reported.then_some(*deadline)).await;
                log::run(mode, &report);
            }
            None if mode != Mode::Plan => {
                self.write_evidence(id, &planned, None, is_reported.then_some(*deadline)).await;
                return Err(Failure::limit_exceeded(&exceeded));
            }
            None => {}
        }
        finish(&report)
    }

    /// Where what runs measure is kept for the next: where the parts of runs meet, else with the evidence.
    fn memory(&self) -> Option<Memory<'_>> {
        let fleet = self.fleet.as_ref().map(|fleet| &fleet.store);
        fleet.or(self.evidence.as_ref().map(|evidence| &evidence.store)).map(Memory)
    }

    /// Writes the history of the run and, where there is a deadline for it, the report of what the run has left, if there is
    /// time: everything else is done. `applied` is `None` where a limit was exceeded.
    async fn write_evidence(
        &self,
        run: &str,
        planned: &Planned<'_, Aws>,
        applied: Option<&Applied>,
        report_until: Option<i64>,
    ) {
        let Some(evidence) = &self.evidence else { return };
        evidence.history(run, self.revision.as_deref(), planned, applied, Utc::now()).await;
        let (Some(deadline), ended) = (report_until, Utc::now()) else { return };
        if ended.timestamp_millis().saturating_add(REPORT) > deadline {
            tracing::error!("no report is written: the time of the invocation is over; `keyrota report` writes one");
            return;
        }
        evidence.report(run, &self.provenance(), planned, applied.unwrap_or(&Applied::default()), ended).await;
    }

    /// Where the manifests come from.
    pub fn provenance(&self) -> Provenance {
        let note = "the function has no git: `keyrota report` in a checkout tells who granted an exemption";
        Provenance {
            folder: self.manifests.display().to_string(),
            commit: self.revision.clone(),
            note: Some(note.to_owned()),
            ..Provenance::default()
        }
    }

    /// The accounts that can be entered, and those that can't. Who could not be entered by one invocation may be by the
    /// next; and an organisation has others by then.
    async fn connect(&self, manifest: &Manifest, until: Option<Instant>) -> Result<Entered, Failure> {
        let mut known = self.clouds.lock().await;
        let is_settled = manifest.organization.is_none() && known.len() == manifest.accounts.len().max(1);
        if is_settled {
            let clouds = known.iter().map(|(_, cloud)| cloud.clone()).collect();
            return Ok(Entered { clouds, ..Entered::default() });
        }
        let (caller, found) = find(manifest, until).await?;
        if found.is_of_caller {
            *known = caller.enter_own().accounts.into_iter().map(|cloud| (None, cloud)).collect();
            let clouds = known.iter().map(|(_, cloud)| cloud.clone()).collect();
            return Ok(Entered { clouds, ..Entered::default() });
        }
        // What is said of an account may have changed since, and then it is entered anew.
        known.retain(|(account, _)| account.as_ref().is_some_and(|account| found.accounts.contains(account)));
        let is_known = |one: &(String, DeclaredAccount)| known.iter().any(|(known, _)| known.as_ref() == Some(one));
        let missing: Vec<_> = found.accounts.iter().filter(|one| !is_known(one)).collect();
        let mut problems = Vec::new();
        if !missing.is_empty() || known.is_empty() {
            let entering: Vec<_> = missing.iter().map(|(name, account)| (name.clone(), account)).collect();
            match caller.enter(&entering).await {
                Ok(Connected { accounts, problems: not_entered }) => {
                    let which =
                        |cloud: &Aws| found.accounts.iter().find(|(_, one)| one.id == cloud.account().id).cloned();
                    known.extend(accounts.into_iter().map(|cloud| (which(&cloud), cloud)));
                    problems = not_entered;
                }
                Err(error) if known.is_empty() => return Err(Failure::no_access(error)),
                Err(ConnectError { problems: not_entered }) => problems = not_entered,
            }
        }
        let clouds = known.iter().map(|(_, cloud)| cloud.clone()).collect();
        let not_entered = problems.into_iter().map(Problem::unread).collect();
        Ok(Entered { clouds, not_entered, left_out: found.left_out() })
    }

    pub fn load(&self, now: DateTime<Utc>) -> Result<Manifest, Failure> {
        let loaded = manifest::load(&self.manifests, now);
        loaded.diagnostics.iter().for_each(log::diagnostic);
        loaded.manifest.ok_or_else(|| Failure::bad_manifest(&loaded.diagnostics))
    }
}

/// What a step yields, as long as there is time.
///
/// # Errors
/// As the step; or its time is over, because S3 refuses all calls for coming too fast, or for another reason.
async fn in_time(
    fleet: &Fleet,
    step: impl Future<Output = Result<Value, Failure>>,
    invocation: &Invocation,
) -> Result<Value, Failure> {
    let left = invocation.deadline.saturating_sub(Utc::now().timestamp_millis());
    let Some(until) = in_millis(left.saturating_sub(TO_FAIL)) else { return step.await };
    match timeout_at(until, step).await {
        Ok(ended) => ended,
        Err(_) => {
            let is_refusing = fleet.store.bucket().await.is_ok_and(aws::Bucket::is_refusing);
            let message = "the step was given up, for its time was over: what it has done is done".to_owned();
            Err(Failure { kind: "OutOfTime", message }.throttled_if(is_refusing))
        }
    }
}

/// Who calls. Nobody waits longer than that for accounts to be listed and entered.
pub async fn sign_in(manifest: &Manifest, enter_until: Option<Instant>) -> Result<Caller, Failure> {
    let settings = aws::Settings::delivering(&manifest.deliver);
    // Who is refused until the time is over would not know that it was refused.
    let left = enter_until.map(|until| until.saturating_duration_since(Instant::now()).mul_f64(0.5));
    let patience = left.unwrap_or(settings.patience).min(settings.patience);
    let settings = aws::Settings { enter_until, patience, ..settings };
    aws::sign_in(&settings, manifest.region()).await.map_err(Failure::no_access)
}

/// The accounts that the manifests look at, and who enters them.
///
/// # Errors
/// They can't be listed, or the manifests name what the organisation has not.
pub async fn find(manifest: &Manifest, until: Option<Instant>) -> Result<(Caller, Found), Failure> {
    let caller = sign_in(manifest, until).await?;
    let found = caller.accounts(manifest).await.map_err(Failure::no_access)?;
    found.diagnostics.iter().for_each(log::diagnostic);
    if found.diagnostics.iter().any(Diagnostic::stops_a_run) {
        return Err(Failure::bad_manifest(&found.diagnostics));
    }
    found.note().into_iter().for_each(|note| tracing::warn!("{note}"));
    Ok((caller, found))
}

/// An invocation.
pub struct Invocation {
    pub began: DateTime<Utc>,
    /// When it is ended, in milliseconds of Unix time.
    pub deadline: i64,
    /// Its id.
    pub id: String,
}

impl Invocation {
    /// When the time for listing and entering accounts is over: half of what there is for reading.
    pub fn enter_until(&self) -> Option<Instant> {
        let left = self.deadline.saturating_sub(Utc::now().timestamp_millis());
        in_millis(reading(left) / 2)
    }
}

/// What a run came to.
pub struct Ran<'a> {
    pub planned: Planned<'a, Aws>,
    /// `None`: nothing was to be changed, or a limit kept it from being.
    pub applied: Option<Applied>,
    /// The limits that the plan exceeds.
    pub exceeded: Vec<String>,
}

/// Plans, and does what the mode lets it; logs what was done. `measured` hears of what was done before any mail is sent.
/// `is_reported`: a report is made of it, which tells of all users.
///
/// # Errors
/// Nothing could be read, or the clock can't be trusted: nothing was changed.
pub async fn carry_out<'a>(
    run: Run<'a, Aws>,
    is_reported: bool,
    deadline: i64,
    measured: &(dyn Fn(&Planned<'_, Aws>, Option<&Applied>) + Sync),
) -> Result<Ran<'a>, Failure> {
    let mode = run.mode;
    let read_until = reading_ends(deadline.saturating_sub(Utc::now().timestamp_millis()));
    let unmanaged = if is_reported { Unmanaged::Ages } else { Unmanaged::Names };
    let planned = match (Run { read_until, unmanaged, ..run }).plan(&|_| {}).await {
        Ok(planned) => planned,
        Err(NothingRead(accounts, unlisted)) => {
            let extent = Extent { is_timed: true, is_partial: false, enforces: mode == Mode::Enforce };
            let clouds: Vec<&dyn Writes> = run.clouds.iter().map(|cloud| cloud as &dyn Writes).collect();
            unread::note_unlisted(&clouds, &unlisted, run.viewpoint.at, extent).await;
            return Err(NothingRead(accounts, unlisted).into());
        }
    };
    let plan = &planned.plan;
    plan.accounts_unread.iter().for_each(log::account_unread);
    for warning in &plan.warnings {
        tracing::warn!(code = warning.code(), account = warning.about().0.id, "{warning}");
    }
    let exceeded: Vec<String> = planned.exceeded().iter().map(ToString::to_string).collect();
    if mode == Mode::Plan || !exceeded.is_empty() {
        measured(&planned, None);
        let Counts { blocked, .. } = Counts::of(plan);
        tracing::info!(mode = mode.as_str(), changes = plan.changes.len(), blocked, "planned");
        // Else it is the error of the invocation.
        exceeded
            .iter()
            .filter(|_| mode == Mode::Plan)
            .for_each(|exceeded| tracing::warn!("limit exceeded: {exceeded}"));
        return Ok(Ran { planned, applied: None, exceeded });
    }
    planned.check_clock().map_err(|off| Failure {
        kind: "ClockOff",
        message: format!("nothing was changed: {off}; {}", ClockOff::REMEDY),
    })?;
    let left = deadline.saturating_sub(Utc::now().timestamp_millis());
    let conditions = Conditions {
        as_of: plan.as_of,
        clock: &Utc::now,
        may_start: &|| Utc::now().timestamp_millis().saturating_add(RESERVE) <= deadline,
        ends: in_millis(left.saturating_sub(TO_TELL)),
        told_by: in_millis(left.saturating_sub(TO_RECORD)),
        progress: &log::outcome,
        outbox: Outbox::default(),
        events: EventQueue::default(),
    };
    let applied = planned.apply(&conditions, &|applied| measured(&planned, Some(applied))).await;
    applied.mail.iter().for_each(log::mail);
    applied.events.iter().for_each(log::events);
    Ok(Ran { planned, applied: Some(applied), exceeded })
}

/// When the time for reading is over, of an invocation that has so many milliseconds: that leaves some to apply.
fn reading_ends(left: i64) -> Option<Instant> {
    in_millis(reading(left))
}

/// How much of that time is for reading, in milliseconds.
fn reading(left: i64) -> i64 {
    if left > RESERVE { (left - RESERVE) / 10 * 7 } else { left / 2 }
}

/// So many milliseconds from now.
pub fn in_millis(millis: i64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

/// The report, or the failure of the invocation if something was not read or not done because something failed.
fn finish(report: &Report<'_>) -> Result<Value, Failure> {
    let changes = report.applied.map_or(0, |applied| applied.outcomes.len());
    match Failure::of(&Verdict::of(report.plan, report.applied), changes) {
        None => Ok(json::value(report)),
        Some(failure) => {
            tracing::error!(report = %json::value(report), "the report of the run");
            Err(failure)
        }
    }
}

/// Whether something was not read or not done because AWS refused it for coming too fast.
pub fn is_throttled(planned: &Planned<'_, Aws>, applied: Option<&Applied>) -> bool {
    let is_refusal = |error: &CallError| error.kind == ErrorKind::Throttled;
    let states = planned.accounts.iter().flat_map(|account| account.inventory.users.values());
    let outcomes = applied.into_iter().flat_map(|applied| &applied.outcomes);
    states.filter_map(|state| state.as_ref().err()).any(is_refusal)
        || outcomes.filter_map(|outcome| outcome.result.as_ref().err()).any(|failure| match failure {
            apply::Failure::Failed(error) => is_refusal(error),
            _ => false,
        })
}
