//! Merges the layers of policy: built-in, `[defaults]`, rule.

use std::{ops::Range, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, Severity, SourceFile, Sources},
    model::{Policy, RotateAhead, WhenFull},
    schema::{self, Spanned},
    source::{Source, Sourced},
    values::{self, Invalid},
};
use crate::{notice::Recipient, template::Language};

/// Where the values being read come from, and where complaints go.
pub(super) struct Context<'a> {
    pub source: &'a Arc<SourceFile>,
    pub sources: &'a Sources,
    pub now: DateTime<Utc>,
    /// The longest time between two runs of `[schedule] enforce`.
    pub gap: TimeDelta,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Context<'_> {
    pub fn place(&self, span: &Range<usize>) -> Source {
        Source { file: self.source.path.clone(), line: self.source.line(span.start) }
    }

    pub fn label(&self, span: &Range<usize>, text: impl Into<String>) -> Label {
        Label::new(self.source, span.clone(), text)
    }

    pub fn error(&mut self, code: Code, message: impl Into<String>, span: &Range<usize>, help: impl Into<String>) {
        let label = self.label(span, "");
        self.diagnostics.push(Diagnostic::error(code, message, label).help(help));
    }

    /// The value, or `None` after saying what is wrong with it.
    pub fn accept<T>(&mut self, span: &Range<usize>, value: Result<T, Invalid>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(Invalid { code, message, help }) => {
                self.error(code, message, span, help);
                None
            }
        }
    }

    /// The entries of a list that are right.
    pub fn accept_all<T>(&mut self, list: &[Spanned<String>], read: impl Fn(&str) -> Result<T, Invalid>) -> Vec<T> {
        list.iter().filter_map(|entry| self.accept(&entry.span, read(&entry.value))).collect()
    }

    /// A list that was written; an entry that is wrong is left out after saying so.
    fn list<T>(
        &mut self,
        list: &Spanned<Vec<Spanned<String>>>,
        read: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<Vec<T>> {
        Some(self.accept_all(&list.value, read))
    }
}

/// What holds where neither `[defaults]` nor a rule says anything. `notify` has no value of its own: somebody must say.
pub(super) fn built_in() -> Policy {
    fn own<T>(value: T) -> Sourced<T> {
        Sourced { value, source: None }
    }
    Policy {
        max_age: own(TimeDelta::days(90)),
        rotate_ahead: own(RotateAhead::Auto(TimeDelta::zero())),
        reissue_before: own(None),
        overlap: own(TimeDelta::days(7)),
        quiet: own(TimeDelta::days(8)),
        patience: own(TimeDelta::days(14)),
        hold: own(TimeDelta::days(14)),
        when_full: own(WhenFull::Block),
        notify: own(Vec::new()),
        secret: own("/aws/iam/credentials/{user}".to_owned()),
        kms_key: own(None),
        replicate_to: own(Vec::new()),
        language: own(Language::English),
    }
}

/// `base`, with what was written on top. Lists replace lists.
pub(super) fn merge(base: &Policy, written: &schema::Policy, context: &mut Context) -> Policy {
    let duration = |c: &mut Context, at: &Spanned<schema::Duration>| c.accept(&at.span, values::duration(&at.value.0));
    let text = |read: fn(&str) -> Result<String, Invalid>| {
        move |c: &mut Context, at: &Spanned<String>| c.accept(&at.span, read(&at.value))
    };
    let schema::Policy {
        max_age,
        rotate_ahead,
        reissue_before,
        overlap,
        quiet,
        patience,
        hold,
        when_full,
        notify,
        secret,
        kms_key,
        replicate_to,
        language,
    } = written;
    let mut policy = Policy {
        max_age: layer(&base.max_age, max_age, context, duration),
        rotate_ahead: layer(&base.rotate_ahead, rotate_ahead, context, |c, at| {
            let ahead = c.accept(&at.span, values::ahead(&at.value.0))?;
            Some(ahead.map_or(RotateAhead::Auto(TimeDelta::zero()), RotateAhead::Fixed))
        }),
        reissue_before: layer(&base.reissue_before, reissue_before, context, |c, at| {
            reissue_before_date(c, at).map(Some)
        }),
        overlap: layer(&base.overlap, overlap, context, duration),
        quiet: layer(&base.quiet, quiet, context, duration),
        patience: layer(&base.patience, patience, context, duration),
        hold: layer(&base.hold, hold, context, duration),
        when_full: layer(&base.when_full, when_full, context, |_, at| {
            Some(match at.value {
                schema::WhenFull::Block => WhenFull::Block,
                schema::WhenFull::RetireOldest => WhenFull::RetireOldest,
            })
        }),
        notify: layer(&base.notify, notify, context, |c, at| c.list::<Recipient>(at, values::recipient)),
        secret: layer(&base.secret, secret, context, text(values::secret_name)),
        kms_key: layer(&base.kms_key, kms_key, context, |c, at| text(values::kms_key)(c, at).map(Some)),
        replicate_to: layer(&base.replicate_to, replicate_to, context, |c, at| c.list(at, values::region)),
        language: layer(&base.language, language, context, |c, at| c.accept(&at.span, values::language(&at.value))),
    };
    resolve_auto(&mut policy, context.gap);
    if rotate_ahead.is_some() || [max_age, overlap, quiet, hold].into_iter().any(Option::is_some) {
        check_ages(&policy, context);
    }
    if [overlap, quiet].into_iter().any(Option::is_some) {
        check_quiet(&policy, context);
    }
    policy
}

/// How long a key that is due may go on working: until the next run of `enforce` replaces it, and then for `overlap`. A client
/// that moves at once has used it just before, so that it is in use for `quiet` all the same.
fn slowest_stop(policy: &Policy, gap: TimeDelta) -> TimeDelta {
    gap + policy.overlap.value.max(policy.quiet.value)
}

/// The age that keys reach before they stop, if their clients move.
fn greatest_age(policy: &Policy, gap: TimeDelta) -> TimeDelta {
    policy.max_age.value - policy.rotate_ahead.value.time() + slowest_stop(policy, gap)
}

/// Says what `rotate-ahead = "auto"` amounts to.
pub(super) fn resolve_auto(policy: &mut Policy, gap: TimeDelta) {
    let wanted = slowest_stop(policy, gap) + TimeDelta::hours(1);
    if let RotateAhead::Auto(time) = &mut policy.rotate_ahead.value {
        *time = wanted.min(policy.max_age.value - TimeDelta::days(1)).max(TimeDelta::zero());
    }
}

fn layer<V: Clone, W>(
    base: &Sourced<V>,
    written: &Option<Spanned<W>>,
    context: &mut Context,
    read: impl Fn(&mut Context, &Spanned<W>) -> Option<V>,
) -> Sourced<V> {
    let value = written.as_ref().and_then(|at| {
        let value = read(context, at)?;
        Some(Sourced { value, source: Some(context.place(&at.span)) })
    });
    value.unwrap_or_else(|| base.clone())
}

fn reissue_before_date(context: &mut Context, at: &Spanned<schema::Instant>) -> Option<DateTime<Utc>> {
    let date = context.accept(&at.span, values::instant(&at.value.0))?;
    if date > context.now {
        let message = "`reissue-before` is in the future";
        let label = context.label(&at.span, "ignored until then");
        let help = "keys created before this date are replaced at once; write today's date or an earlier one";
        context.diagnostics.push(Diagnostic::warning(Code::ReissueInFuture, message, label).help(help));
    }
    Some(date)
}

/// Complains about ages that contradict each other. Called for a layer that sets one of them.
fn check_ages(policy: &Policy, context: &mut Context) {
    let Policy { max_age, rotate_ahead, overlap, quiet, hold, .. } = policy;
    let lives = max_age.value - rotate_ahead.value.time();
    // What is always due is replaced whenever `enforce` runs.
    let replaced = match rotate_ahead.value {
        RotateAhead::Auto(_) => lives.max(context.gap),
        RotateAhead::Fixed(_) => lives,
    };
    let reached = greatest_age(policy, context.gap);
    let labels = |values: &[(&str, Sourced<TimeDelta>)]| -> Vec<Label> {
        let written = values.iter().filter_map(|(name, value)| Some((name, value, value.source.as_ref()?)));
        let mut labels: Vec<Label> = written
            .map(|(name, value, source)| context.sources.label(source, format!("`{name}` is {}", in_days(value.value))))
            .collect();
        // The mistake is in the layer at hand, not in what it builds upon.
        labels.sort_by_key(|label| label.file() != &*context.source.path);
        labels
    };
    let complaint = |severity, code, message: String, labels, help: String| Diagnostic {
        code,
        severity,
        message,
        labels,
        help: Some(help),
    };
    let mut complaints = Vec::new();
    if max_age.value <= TimeDelta::zero() {
        let message = "`max-age` is zero: every key would be due at once".to_owned();
        let help = "write the age at which a key is replaced, e.g. `max-age = \"90d\"`".to_owned();
        let labels = labels(&[("max-age", max_age.clone())]);
        complaints.push(complaint(Severity::Error, Code::Ages, message, labels, help));
    } else if rotate_ahead.value.time() >= max_age.value {
        let (ahead, age) = (in_days(rotate_ahead.value.time()), in_days(max_age.value));
        let message =
            format!("`rotate-ahead` ({ahead}) leaves nothing of `max-age` ({age}): every new key would be due at once");
        let labels = labels(&[("rotate-ahead", rotate_ahead.map_time()), ("max-age", max_age.clone())]);
        let help = "make `rotate-ahead` shorter than `max-age`".to_owned();
        complaints.push(complaint(Severity::Error, Code::Ages, message, labels, help));
    } else {
        if overlap.value + hold.value >= replaced {
            let (both, replaced) = (in_days(overlap.value + hold.value), in_days(replaced));
            let message = format!(
                "a key is replaced after {replaced}, but the one before it stays for {both} (`overlap` and `hold`)"
            );
            let labels = labels(&[
                ("overlap", overlap.clone()),
                ("hold", hold.clone()),
                ("max-age", max_age.clone()),
                ("rotate-ahead", rotate_ahead.map_time()),
            ]);
            let help = "a user has two keys at most, so the next rotation would wait; shorten `overlap` or `hold`";
            complaints.push(complaint(Severity::Warning, Code::SlowRotation, message, labels, help.to_owned()));
        }
        if reached > max_age.value {
            let labels = labels(&[
                ("rotate-ahead", rotate_ahead.map_time()),
                ("max-age", max_age.clone()),
                ("overlap", overlap.clone()),
                ("quiet", quiet.clone()),
            ]);
            complaints.push(late(policy, reached, labels, context.gap));
        }
    }
    context.diagnostics.extend(complaints);
}

/// `max-age` can't be kept, and how it could.
fn late(policy: &Policy, reached: TimeDelta, labels: Vec<Label>, gap: TimeDelta) -> Diagnostic {
    let (age, reached) = (in_days(policy.max_age.value), in_days(reached));
    let needed = slowest_stop(policy, gap);
    let help = match needed + TimeDelta::days(1) < policy.max_age.value {
        true => format!(
            "write `rotate-ahead = \"auto\"`, or at least `{}`: the longest time between two runs of `enforce` ({}), and `overlap` or `quiet`, whichever is longer",
            in_days(needed),
            in_days(gap)
        ),
        false => format!(
            "`enforce` runs every {} at the longest: run it more often, or make `overlap` and `quiet` shorter or `max-age` longer",
            in_days(gap)
        ),
    };
    Diagnostic {
        code: Code::LateRotation,
        severity: Severity::Warning,
        message: format!("keys reach an age of {reached} before they stop, `max-age` is {age}"),
        labels,
        help: Some(help),
    }
}

/// Complains about a schedule with which even the built-in policy is late.
pub(super) fn check_schedule(built_in: &Policy, enforce: &Sourced<String>, context: &mut Context) {
    let reached = greatest_age(built_in, context.gap);
    let Some(source) = enforce.source.as_ref().filter(|_| reached > built_in.max_age.value) else { return };
    let labels = vec![context.sources.label(source, "")];
    let complaint = late(built_in, reached, labels, context.gap);
    context.diagnostics.push(complaint);
}

/// A job that runs daily looks idle in between.
fn check_quiet(policy: &Policy, context: &mut Context) {
    let Policy { quiet, overlap, .. } = policy;
    if overlap.value.is_zero() || quiet.value >= TimeDelta::days(1) {
        return;
    }
    let Some(source) = quiet.source.as_ref().or(overlap.source.as_ref()) else { return };
    let message = format!(
        "`quiet` is {}: a key that is used daily counts as not in use, and is deactivated when `overlap` ({}) is over",
        in_days(quiet.value),
        in_days(overlap.value)
    );
    let label = context.sources.label(source, "");
    let help = "write `quiet = \"8d\"`, so that a weekly job counts as a use";
    context.diagnostics.push(Diagnostic::warning(Code::ShortQuiet, message, label).help(help));
}

impl Sourced<RotateAhead> {
    fn map_time(&self) -> Sourced<TimeDelta> {
        Sourced { value: self.value.time(), source: self.source.clone() }
    }
}

/// As a manifest would say it.
fn in_days(duration: TimeDelta) -> String {
    match duration.num_hours() {
        hours if hours % 24 == 0 => format!("{}d", hours / 24),
        hours => format!("{hours}h"),
    }
}
