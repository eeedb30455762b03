//! Merges the layers of policy: built-in, `[defaults]`, rule.

use std::{ops::Range, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Code, Diagnostic, Label, Language, Policy, Recipient, Source, Sourced, WhenFull,
    diagnostic::{SourceFile, Sources},
    values::{self, Wrong},
    written::{self, At},
};

/// Where the values being read come from, and where complaints go.
pub(super) struct Context<'a> {
    pub source: &'a Arc<SourceFile>,
    pub sources: &'a Sources,
    pub now: DateTime<Utc>,
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
    pub fn accept<T>(&mut self, span: &Range<usize>, value: Result<T, Wrong>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(Wrong { code, message, help }) => {
                self.error(code, message, span, help);
                None
            }
        }
    }

    /// The entries of a list that are right.
    pub fn accept_all<T>(&mut self, list: &[At<String>], read: impl Fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        list.iter().filter_map(|entry| self.accept(&entry.span, read(&entry.value))).collect()
    }

    /// A list that was written; an entry that is wrong is left out after saying so.
    fn list<T>(&mut self, list: &At<Vec<At<String>>>, read: impl Fn(&str) -> Result<T, Wrong>) -> Option<Vec<T>> {
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
        rotate_ahead: own(TimeDelta::zero()),
        reissue_before: own(None),
        overlap: own(TimeDelta::days(7)),
        quiet: own(TimeDelta::days(2)),
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
pub(super) fn merge(base: &Policy, written: &written::Policy, context: &mut Context) -> Policy {
    let duration = |c: &mut Context, at: &At<written::Duration>| c.accept(&at.span, values::duration(&at.value.0));
    let text = |read: fn(&str) -> Result<String, Wrong>| {
        move |c: &mut Context, at: &At<String>| c.accept(&at.span, read(&at.value))
    };
    let written::Policy {
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
    let policy = Policy {
        max_age: layer(&base.max_age, max_age, context, duration),
        rotate_ahead: layer(&base.rotate_ahead, rotate_ahead, context, duration),
        reissue_before: layer(&base.reissue_before, reissue_before, context, |c, at| {
            reissue_before_date(c, at).map(Some)
        }),
        overlap: layer(&base.overlap, overlap, context, duration),
        quiet: layer(&base.quiet, quiet, context, duration),
        patience: layer(&base.patience, patience, context, duration),
        hold: layer(&base.hold, hold, context, duration),
        when_full: layer(&base.when_full, when_full, context, |_, at| {
            Some(match at.value {
                written::WhenFull::Block => WhenFull::Block,
                written::WhenFull::RetireOldest => WhenFull::RetireOldest,
            })
        }),
        notify: layer(&base.notify, notify, context, |c, at| c.list::<Recipient>(at, values::recipient)),
        secret: layer(&base.secret, secret, context, text(values::secret_name)),
        kms_key: layer(&base.kms_key, kms_key, context, |c, at| text(values::kms_key)(c, at).map(Some)),
        replicate_to: layer(&base.replicate_to, replicate_to, context, |c, at| c.list(at, values::region)),
        language: layer(&base.language, language, context, |c, at| c.accept(&at.span, values::language(&at.value))),
    };
    if [max_age, rotate_ahead, overlap, hold].into_iter().any(Option::is_some) {
        check_ages(&policy, context);
    }
    policy
}

fn layer<V: Clone, W>(
    base: &Sourced<V>,
    written: &Option<At<W>>,
    context: &mut Context,
    read: impl Fn(&mut Context, &At<W>) -> Option<V>,
) -> Sourced<V> {
    let value = written.as_ref().and_then(|at| {
        let value = read(context, at)?;
        Some(Sourced { value, source: Some(context.place(&at.span)) })
    });
    value.unwrap_or_else(|| base.clone())
}

fn reissue_before_date(context: &mut Context, at: &At<written::Instant>) -> Option<DateTime<Utc>> {
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
    let Policy { max_age, rotate_ahead, overlap, hold, .. } = policy;
    let labels = |values: &[(&str, &Sourced<TimeDelta>)]| -> Vec<Label> {
        let written = values.iter().filter_map(|(name, value)| Some((name, value, value.source.as_ref()?)));
        let mut labels: Vec<Label> = written
            .map(|(name, value, source)| context.sources.label(source, format!("`{name}` is {}", in_days(value.value))))
            .collect();
        // The mistake is in the layer at hand, not in what it builds upon.
        labels.sort_by_key(|label| label.file() != &*context.source.path);
        labels
    };
    let complaint = if max_age.value <= TimeDelta::zero() {
        let message = "`max-age` is zero: every key would be due at once";
        Diagnostic {
            code: Code::Ages,
            severity: super::Severity::Error,
            message: message.to_owned(),
            labels: labels(&[("max-age", max_age)]),
            help: Some("write the age at which a key is replaced, e.g. `max-age = \"90d\"`".to_owned()),
        }
    } else if rotate_ahead.value >= max_age.value {
        let (ahead, age) = (in_days(rotate_ahead.value), in_days(max_age.value));
        Diagnostic {
            code: Code::Ages,
            severity: super::Severity::Error,
            message: format!(
                "`rotate-ahead` ({ahead}) leaves nothing of `max-age` ({age}): every new key would be due at once"
            ),
            labels: labels(&[("rotate-ahead", rotate_ahead), ("max-age", max_age)]),
            help: Some("make `rotate-ahead` shorter than `max-age`".to_owned()),
        }
    } else if overlap.value + hold.value >= max_age.value - rotate_ahead.value {
        let replaced = in_days(max_age.value - rotate_ahead.value);
        let both = in_days(overlap.value + hold.value);
        Diagnostic {
            code: Code::SlowRotation,
            severity: super::Severity::Warning,
            message: format!(
                "a key is replaced after {replaced}, but the one before it stays for {both} (`overlap` and `hold`)"
            ),
            labels: labels(&[
                ("overlap", overlap),
                ("hold", hold),
                ("max-age", max_age),
                ("rotate-ahead", rotate_ahead),
            ]),
            help: Some(
                "a user has two keys at most, so the next rotation would wait; shorten `overlap` or `hold`".to_owned(),
            ),
        }
    } else {
        return;
    };
    context.diagnostics.push(complaint);
}

/// As a manifest would say it.
fn in_days(duration: TimeDelta) -> String {
    match duration.num_hours() {
        hours if hours % 24 == 0 => format!("{}d", hours / 24),
        hours => format!("{hours}h"),
    }
}
