//! The effective policy of one user in words, a line a field, each with the place it was written at. Shared by `explain`,
//! by what a change of the manifests changes, and by the roster's diff.

use sha2::{Digest, Sha256};

use crate::{
    manifest::{
        DeclaredAccount, Limits, Mail, Manifest, Policy, RotateAhead, Schedule, Source, Sourced, WhenFull,
        values::USER_NAME,
    },
    notice::Recipient,
    plan::{Day, Duration, Wait},
    roster::Entry,
    template::Templates,
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
    if let Some(conflict) = &entry.conflict {
        // The rest is what the first of the rules says; nothing is done to the user.
        lines.push(line("blocked", Wait::from(conflict).to_string(), None));
    }
    for (name, field) in
        [("max-age", max_age), ("overlap", overlap), ("quiet", quiet), ("patience", patience), ("hold", hold)]
    {
        lines.push(line(name, Duration(field.value).to_string(), field.source.as_ref()));
    }
    let ahead = match rotate_ahead.value {
        // How long that is follows from other values.
        RotateAhead::Auto(_) => "auto".to_owned(),
        RotateAhead::Fixed(time) => Duration(time).to_string(),
    };
    lines.insert(lines.len() - 4, line("rotate-ahead", ahead, rotate_ahead.source.as_ref()));
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
    let Mail { from, from_arn, reply_to, configuration_set, region, fallback, digest, language, templates, places } =
        &manifest.mail;
    let Limits { max_actions, max_percent } = &manifest.limits;
    let Schedule { enforce, tend } = &manifest.schedule;
    let mut lines = vec![
        line("mail.from", or_none(from.as_deref()), places.get("from")),
        line("mail.from-arn", or_none(from_arn.as_deref()), places.get("from-arn")),
        line("mail.reply-to", or_none(reply_to.as_deref()), places.get("reply-to")),
        line("mail.configuration-set", or_none(configuration_set.as_deref()), places.get("configuration-set")),
        line("mail.region", or_none(region.as_deref()), places.get("region")),
        line("mail.fallback", list(fallback), places.get("fallback")),
        line("mail.digest", list(digest), places.get("digest")),
        line("mail.language", language.as_str(), places.get("language")),
    ];
    for name in Templates::names() {
        // What it says is shown as a difference; here it only has to differ.
        let own = templates.own().any(|own| own == name);
        let value = if own { format!("own text {}", short_hash(templates.text(&name))) } else { OWN.to_owned() };
        lines.push(line(format!("templates/{name}"), value, places.get(&name)));
    }
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

/// The value of a template that the team did not write.
const OWN: &str = "keyrota's own";

fn short_hash(text: &str) -> String {
    Sha256::digest(text)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
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
            Recipient::UserName => USER_NAME.to_owned(),
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
