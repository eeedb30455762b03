//! The effective policy of one user in words, a line a field, each with the place it was written at. Shared by `explain`,
//! by what a change of the manifests changes, and by the roster's diff.

use crate::{
    manifest::{DeclaredAccount, Limits, Mail, Manifest, Policy, Recipient, Schedule, Source, Sourced, WhenFull},
    plan::{Day, Duration},
    roster::Entry,
};

/// One field: its name as manifests write it, its value, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub name: String,
    pub value: String,
    /// `None`: keyrota's own default.
    pub source: Option<Source>,
}

/// The name of the line that says which `[[rotate]]` selects the user: a place, and no policy.
pub const RULE: &str = "rule";

/// The policy of a user in scope.
pub fn policy(entry: &Entry) -> Vec<Line> {
    let Policy {
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
    } = &*entry.policy;
    let mut lines = vec![line(RULE, "rotate", Some(&entry.rule))];
    if let Some(exemption) = &entry.exempt {
        let until = exemption.ends.map_or_else(String::new, |ends| format!(" (before {})", Day(ends)));
        lines.push(line("exempt", format!("{}{until}", exemption.reason), Some(&exemption.source)));
    }
    for (name, field) in [
        ("max-age", max_age),
        ("rotate-ahead", rotate_ahead),
        ("overlap", overlap),
        ("quiet", quiet),
        ("patience", patience),
        ("hold", hold),
    ] {
        lines.push(line(name, Duration(field.value).to_string(), field.source.as_ref()));
    }
    let reissue = reissue_before.value.map_or_else(|| "none".to_owned(), |before| Day(before).to_string());
    lines.push(line("reissue-before", reissue, reissue_before.source.as_ref()));
    let full = match when_full.value {
        WhenFull::Block => "block",
        WhenFull::RetireOldest => "retire-oldest",
    };
    lines.push(line("when-full", full, when_full.source.as_ref()));
    lines.push(line("notify", recipients(notify, entry), notify.source.as_ref()));
    lines.push(line("secret", entry.secret.clone(), secret.source.as_ref()));
    lines.push(line("kms-key", or_none(kms_key.value.as_deref()), kms_key.source.as_ref()));
    lines.push(line("replicate-to", list(&replicate_to.value), replicate_to.source.as_ref()));
    lines.push(line("language", language.value.as_str(), language.source.as_ref()));
    lines
}

/// What holds for whole runs: who sends mail, the limits, the schedule and the accounts.
pub fn settings(manifest: &Manifest) -> Vec<Line> {
    // Templates are text that git compares well enough.
    let Mail { from, from_arn, reply_to, configuration_set, region, fallback, digest, language, templates: _ } =
        &manifest.mail;
    let Limits { max_actions, max_percent } = &manifest.limits;
    let Schedule { enforce, tend } = &manifest.schedule;
    let mut lines = vec![
        line("mail.from", or_none(from.as_deref()), None),
        line("mail.from-arn", or_none(from_arn.as_deref()), None),
        line("mail.reply-to", or_none(reply_to.as_deref()), None),
        line("mail.configuration-set", or_none(configuration_set.as_deref()), None),
        line("mail.region", or_none(region.as_deref()), None),
        line("mail.fallback", list(fallback), None),
        line("mail.digest", list(digest), None),
        line("mail.language", language.as_str(), None),
    ];
    for (name, limit) in [("limits.max-actions", max_actions), ("limits.max-percent", max_percent)] {
        let value = limit.as_ref().map_or_else(|| "none".to_owned(), |limit| limit.value.to_string());
        lines.push(line(name, value, limit.as_ref().and_then(|limit| limit.source.as_ref())));
    }
    for (name, schedule) in [("schedule.enforce", enforce), ("schedule.tend", tend)] {
        let value = or_none(schedule.as_ref().map(|schedule| schedule.value.as_str()));
        lines.push(line(name, value, schedule.as_ref().and_then(|schedule| schedule.source.as_ref())));
    }
    for (name, DeclaredAccount { source, id, role, region }) in &manifest.accounts {
        let (role, region) = (or_none(role.as_deref()), or_none(region.as_deref()));
        lines.push(line(format!("accounts.{name}"), format!("{id}, role {role}, region {region}"), Some(source)));
    }
    lines
}

fn line(name: impl Into<String>, value: impl Into<String>, source: Option<&Source>) -> Line {
    Line { name: name.into(), value: value.into(), source: source.cloned() }
}

fn or_none(value: Option<&str>) -> String {
    value.unwrap_or("none").to_owned()
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn recipients(notify: &Sourced<Vec<Recipient>>, entry: &Entry) -> String {
    if notify.value.is_empty() {
        return "nobody".to_owned();
    }
    let written: Vec<_> = notify
        .value
        .iter()
        .map(|recipient| match recipient {
            Recipient::Address(address) => address.clone(),
            Recipient::Tag(tag) => format!("tag:{tag}"),
        })
        .collect();
    let resolved = match entry.recipients.is_empty() {
        true => "no address".to_owned(),
        false => entry.recipients.join(", "),
    };
    match written.join(", ") {
        written if written == resolved => written,
        written => format!("{written} = {resolved}"),
    }
}
