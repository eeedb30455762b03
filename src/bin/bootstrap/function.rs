//! One invocation: loads the manifests, connects, plans, applies, and tells of it.

use std::{env, fmt, path::PathBuf};

use chrono::{DateTime, Utc};
use keyrota::{
    apply::{Outcome, Run},
    aws::{self, Aws},
    manifest::{self, Diagnostic, Manifest, schedule::next_after, shown},
    observe::Depth,
    plan::{Verb, exceeded},
    report::{Counts, Report, json, metrics, result_word},
    survey::{SurveyError, Surveyed, apply_all, plan_all, scope, survey},
    tell::{Sent, tell_all},
};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::event::{Event, Mode, mode};

/// No user is begun later than this before the deadline, in milliseconds: the longest change, which waits for IAM to
/// propagate a key, takes about as long.
const RESERVE: i64 = 60_000;

/// The function between its invocations.
pub struct Function {
    manifests: PathBuf,
    /// The commit of the manifests.
    revision: Option<String>,
    /// The accounts of the manifests, connected on first use. The credentials of roles are renewed by the clients.
    clouds: OnceCell<Vec<Aws>>,
}

/// Why an invocation fails.
pub struct Stop {
    /// Lambda's `errorType`.
    pub kind: &'static str,
    pub message: String,
}

impl Function {
    /// # Errors
    /// The package's folder is nowhere to be found.
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
        Ok(Self { manifests, revision: text("KEYROTA_REVISION"), clouds: OnceCell::new() })
    }

    /// Runs once; yields the report.
    ///
    /// # Errors
    /// Nothing could be begun, a limit was exceeded, or changes failed: the others are made all the same.
    pub async fn invoke(&self, event: LambdaEvent<Event>) -> Result<Value, Stop> {
        let LambdaEvent { payload, context } = event;
        let mode = mode(&payload)?;
        let now = Utc::now();
        // The manifests stay the same, but exemptions end.
        let manifest = self.load(now)?;
        let clouds = self.clouds.get_or_try_init(|| connect(&manifest)).await?;
        let (scoped, warnings) = scope(clouds, &manifest, now).await?;
        warnings.iter().for_each(warn);
        let surveyed = survey(scoped, Depth::Plan, now, &|_| {}).await;
        let enforce = manifest.schedule.enforce.as_ref().and_then(|enforce| next_after(&enforce.value, now));
        let plan = match mode.starts_rotations() {
            true => plan_all(&surveyed, now),
            false => plan_all(&surveyed, now).without_new_rotations(enforce),
        };

        let exceeded: Vec<String> = exceeded(&plan, &manifest.limits).iter().map(ToString::to_string).collect();
        let mut report = Report { plan: &plan, revision: self.revision.as_deref(), since: None, applied: None };
        if mode == Mode::Plan || !exceeded.is_empty() {
            measure(&surveyed, &report);
            let Counts { blocked, .. } = Counts::of(&plan);
            tracing::info!(mode = mode.as_str(), changes = plan.changes.len(), blocked, "planned");
            if mode == Mode::Plan {
                exceeded.iter().for_each(|exceeded| tracing::warn!("limit exceeded: {exceeded}"));
                return Ok(json::value(&report));
            }
            let message = format!("nothing was changed, a limit was exceeded: {}", exceeded.join("; "));
            return Err(Stop { kind: "LimitExceeded", message });
        }

        let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        let run = Run {
            as_of: now,
            clock: &Utc::now,
            starts_rotations: mode.starts_rotations(),
            may_start: &|| Utc::now().timestamp_millis().saturating_add(RESERVE) <= deadline,
            progress: &log_outcome,
        };
        let mut applied = apply_all(&surveyed, &plan, &run).await;
        // Before the mail: what was done is measured, whatever becomes of telling people.
        measure(&surveyed, &Report { applied: Some(&applied), ..report });
        tell_all(&surveyed, &plan, &mut applied, &manifest.mail, mode == Mode::Enforce, &run).await;
        applied.mail.iter().for_each(log_mail);
        report.applied = Some(&applied);
        summarize(mode, &report);
        match applied.failures() {
            0 => Ok(json::value(&report)),
            failed => {
                tracing::error!(report = %json::value(&report), "the report of the run");
                let all = applied.outcomes.len();
                let reasons = applied.outcomes.iter().filter_map(failure).collect::<Vec<_>>().join("\n");
                let message = format!("{failed} of {all} changes failed; the next run tries again\n{reasons}");
                Err(Stop { kind: "ChangesFailed", message })
            }
        }
    }

    fn load(&self, now: DateTime<Utc>) -> Result<Manifest, Stop> {
        let loaded = manifest::load(&self.manifests, now);
        loaded.diagnostics.iter().for_each(warn);
        loaded.manifest.ok_or_else(|| broken(&loaded.diagnostics))
    }
}

async fn connect(manifest: &Manifest) -> Result<Vec<Aws>, Stop> {
    let declared: Vec<_> = manifest.accounts.iter().map(|(name, account)| (name.clone(), account)).collect();
    aws::connect(&declared).await.map_err(|error| Stop { kind: "NoAccess", message: error.to_string() })
}

fn broken(diagnostics: &[Diagnostic]) -> Stop {
    let errors: Vec<_> = diagnostics.iter().filter(|diagnostic| diagnostic.stops_a_run()).cloned().collect();
    let texts = shown(&errors).0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let (count, s) = (errors.len(), if errors.len() == 1 { "" } else { "s" });
    Stop { kind: "BadManifest", message: format!("nothing was changed, the manifests have {count} error{s}\n{texts}") }
}

/// What does not stop a run, but someone should see to.
fn warn(diagnostic: &Diagnostic) {
    if diagnostic.stops_a_run() {
        // The invocation's error shows it.
        return;
    }
    let Diagnostic { code, severity: _, message, labels: _, help } = diagnostic;
    let (file, line) = (diagnostic.file(), diagnostic.line());
    tracing::warn!(code = code.as_str(), file, line, help, "{message}");
}

fn log_outcome(outcome: &Outcome) {
    let Outcome { change, result, issued, notes } = outcome;
    let (account, user, action) = (change.account.to_string(), &change.user, change.action.verb().as_str());
    let key = change.action.key().or(issued.as_ref()).map(ToString::to_string);
    let reason = change.reason.to_string();
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    match result {
        Ok(()) => tracing::info!(account, user, action, key, reason, notes, "{action} done"),
        Err(error) => {
            let (error, word) = (error.to_string(), result_word(result));
            tracing::error!(account, user, action, key, reason, notes, error, "{action} {word}");
        }
    }
}

fn log_mail(sent: &Sent) {
    let Sent { kind, to, users, result, notes } = sent;
    let (kind, users) = (kind.as_str(), users.join(", "));
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    match result {
        Ok(()) => tracing::info!(kind, to, users, notes, "mail sent"),
        Err(error) => tracing::warn!(kind, to, users, notes, error = error.to_string(), "mail not sent"),
    }
}

/// `None` for a change that was made.
fn failure(outcome: &Outcome) -> Option<String> {
    let error = outcome.result.as_ref().err()?;
    Some(format!("{} {}: {error}", outcome.change.action.verb(), outcome.change.user))
}

/// One line for the whole run.
fn summarize(mode: Mode, report: &Report<'_>) {
    let Some(applied) = report.applied else { return };
    let Counts { blocked, held, .. } = Counts::of(report.plan);
    let message = match applied.deferred.len() {
        0 => "run completed",
        _ => "run stopped before its deadline; the next run carries on",
    };
    tracing::info!(
        mode = mode.as_str(),
        revision = report.revision,
        users = report.plan.users(),
        created = applied.done(Verb::Create),
        promoted = applied.done(Verb::Promote),
        notified = applied.done(Verb::Notify),
        deactivated = applied.done(Verb::Deactivate),
        deleted = applied.done(Verb::Delete),
        failed = applied.failures(),
        deferred = applied.deferred.len(),
        blocked,
        held,
        "{message}"
    );
}

/// Prints the metrics bare: CloudWatch looks for `_aws` at the root of a line.
fn measure(surveyed: &[Surveyed<'_, Aws>], report: &Report<'_>) {
    let accounts: Vec<_> = surveyed.iter().map(|one| (&one.roster, &one.inventory)).collect();
    for line in metrics::lines(&accounts, report.plan, report.applied) {
        println!("{line}");
    }
}

impl From<SurveyError> for Stop {
    fn from(SurveyError::Read { account, error }: SurveyError) -> Self {
        Self { kind: "Unreadable", message: format!("nothing was changed, account {account}: {error}") }
    }
}

impl From<Stop> for lambda_runtime::Diagnostic {
    fn from(Stop { kind, message }: Stop) -> Self {
        Self { error_type: kind.to_owned(), error_message: message }
    }
}

/// What the runtime logs when an invocation fails.
impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}
