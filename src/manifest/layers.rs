//! Merges the layers of policy: built-in, `[defaults]`, rule; and says what contradicts itself in them.

use chrono::TimeDelta;

use super::{
    code::Code,
    context::Context,
    diagnostic::{Diagnostic, Label, Severity},
    policy::{Policy, RotateAhead, WrittenPolicy},
    source::Sourced,
};
use crate::time::Duration;

/// `base`, with what was written on top. Lists replace lists.
pub(super) fn merge(base: &Policy, written: &WrittenPolicy, context: &mut Context) -> Policy {
    let mut policy = base.with(written, context);
    resolve_auto(&mut policy, context.gap);
    let WrittenPolicy { max_age, rotate_ahead, overlap, quiet, hold, .. } = written;
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
            .map(|(name, value, source)| {
                context.sources.label(source, format!("`{name}` is {}", Duration(value.value)))
            })
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
        let (ahead, age) = (Duration(rotate_ahead.value.time()), Duration(max_age.value));
        let message =
            format!("`rotate-ahead` ({ahead}) leaves nothing of `max-age` ({age}): every new key would be due at once");
        let labels = labels(&[("rotate-ahead", rotate_ahead.map_time()), ("max-age", max_age.clone())]);
        let help = "make `rotate-ahead` shorter than `max-age`".to_owned();
        complaints.push(complaint(Severity::Error, Code::Ages, message, labels, help));
    } else {
        if overlap.value + hold.value >= replaced {
            let (both, replaced) = (Duration(overlap.value + hold.value), Duration(replaced));
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
    let (age, reached) = (Duration(policy.max_age.value), Duration(reached));
    let needed = slowest_stop(policy, gap);
    let help = match needed + TimeDelta::days(1) < policy.max_age.value {
        true => format!(
            "write `rotate-ahead = \"auto\"`, or at least `{}`: the longest time between two runs of `enforce` ({}), and `overlap` or `quiet`, whichever is longer",
            Duration(needed),
            Duration(gap)
        ),
        false => format!(
            "`enforce` runs every {} at the longest: run it more often, or make `overlap` and `quiet` shorter or `max-age` longer",
            Duration(gap)
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
        Duration(quiet.value),
        Duration(overlap.value)
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
