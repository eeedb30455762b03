//! The log: a JSON object a line on stdout, where Lambda expects it, or text if the function is configured so.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    str::FromStr,
};

use keyrota::{
    apply::{Outcome, Sent},
    cloud::aws::Aws,
    events::EventsSent,
    inventory::UnreadAccount,
    manifest::Diagnostic,
    notice::Channel,
    plan::Verb,
    report::{Counts, Report, metrics::lines_in, result_word},
    run::{Mode, Planned},
    verdict::Verdict,
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Starts logging as the function's logging configuration says (`AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL`).
pub fn init() {
    let format = env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default();
    let level = match level.to_ascii_lowercase().as_str() {
        "" => LevelFilter::INFO,
        // Lambda's word for what is an error here.
        "fatal" => LevelFilter::ERROR,
        level => LevelFilter::from_str(level).unwrap_or(LevelFilter::INFO),
    };
    // Named one by one, because at the lowest levels the SDK writes whole requests, secrets included. The runtime's span
    // holds the request id, which every line shall have.
    let filter = Targets::new()
        .with_target("keyrota", level)
        .with_target("bootstrap", level)
        .with_target("lambda_runtime", LevelFilter::INFO);
    let lines = fmt::layer().with_writer(io::stdout);
    let lines = match format.eq_ignore_ascii_case("text") {
        true => lines.with_ansi(false).without_time().boxed(),
        false => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    registry().with(lines.with_filter(filter)).init();
}

/// What does not stop a run, but someone should see to.
pub fn diagnostic(diagnostic: &Diagnostic) {
    if diagnostic.stops_a_run() {
        // The invocation's error shows it.
        return;
    }
    let Diagnostic { code, severity: _, message, labels: _, help } = diagnostic;
    let (file, line) = (diagnostic.file(), diagnostic.line());
    tracing::warn!(code = code.as_str(), file, line, help, "{message}");
}

/// What became of a change.
pub fn outcome(outcome: &Outcome) {
    let Outcome { change, at: _, result, issued, notes, told: _ } = outcome;
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

/// What became of a message.
pub fn mail(sent: &Sent) {
    let Sent { kind, to, users, result, notes } = sent;
    let (kind, users, by) = (kind.as_str(), users.join(", "), Channel::of(to).as_str());
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    match result {
        Ok(()) => tracing::info!(kind, to, by, users, notes, "{by} sent"),
        Err(error) => tracing::warn!(kind, to, by, users, notes, error = error.to_string(), "{by} not sent"),
    }
}

/// A bus that fails, fails nothing: the log and the metric `EventsFailed` tell.
pub fn events(events: &EventsSent) {
    let EventsSent { bus, sent, failed, failure } = events;
    match failure {
        None => tracing::info!(bus, sent, "events sent"),
        Some(error) => tracing::warn!(bus, sent, failed, error = error.to_string(), "events not sent"),
    }
}

/// One line for the whole run.
pub fn run(mode: Mode, report: &Report<'_>) {
    let Some(applied) = report.applied else { return };
    let Counts { blocked, held, .. } = Counts::of(report.plan);
    let verdict = Verdict::of(report.plan, report.applied);
    for (cause, users) in applied.left(report.plan.accounts.len() > 1) {
        tracing::warn!(users = users.join(", "), cause, "not finished");
    }
    let message = match verdict.stopped {
        0 if verdict.unfinished.is_empty() => "run completed",
        0 => "run completed, but for what could not be finished; the next run carries on",
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
        updated = applied.done(Verb::Update),
        failed = applied.failures(),
        unreadable = verdict.unreadable.len(),
        accounts_unread = verdict.accounts_unread.len(),
        deferred = applied.deferred.len(),
        blocked,
        held,
        "{message}"
    );
}

/// Prints the metrics bare: CloudWatch looks for `_aws` at the root of a line.
pub fn metrics(namespace: &str, planned: &Planned<'_, Aws>, report: &Report<'_>) {
    let accounts: Vec<_> = planned.accounts.iter().map(|one| (&one.roster, &one.inventory)).collect();
    lines_in(namespace, &accounts, report.plan, report.applied).into_iter().for_each(bare);
}

/// A line as it is.
pub fn bare(line: impl Display) {
    // Without a log there is nobody to tell either.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

pub fn account_unread(account: &UnreadAccount) {
    tracing::error!(account = account.id, name = account.name, error = account.error, "account not read");
}
