//! The effective policy of one user in words, a line a field, each with the place it was written at. Shared by `explain`,
//! by what a change of the manifests changes, and by the roster's diff.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::{
    delivery::{GitHubNames, Target},
    manifest::{GitHub, Limits, Mail, Manifest, Pace, Schedule, Source},
    plan::WaitingOn,
    roster::Entry,
    template::Templates,
    time::Day,
};

/// One field: its name as manifests write it, its value, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The name of the field.
    pub name: String,
    /// Its value, in words.
    pub value: String,
    /// `None`: keyrota's own default.
    pub source: Option<Source>,
}

/// The name of the line that says which `[[rotate]]` selects the user: a place, and no policy.
pub const RULE: &str = "rule";

/// The policy of a user in scope.
pub fn policy(entry: &Entry) -> Vec<Line> {
    let mut lines = vec![match entry.is_selected() {
        true => line(RULE, "rotate", Some(&entry.rule)),
        false => line(RULE, "none: no rule selects it", None),
    }];
    if let Some(exemption) = &entry.exempt {
        let until =
            exemption.ends.map_or_else(String::new, |ends| format!(" (until {})", Day(ends - TimeDelta::seconds(1))));
        lines.push(line("exempt", format!("{}{until}", exemption.reason), Some(&exemption.source)));
    }
    if !entry.is_selected() {
        // What `[defaults]` says holds for nobody here.
        return lines;
    }
    if let Some(conflict) = &entry.conflict {
        // The rest is what the first of the rules says; nothing is done to the user.
        lines.push(line("blocked", WaitingOn::from(conflict).to_string(), None));
    }
    lines.extend(entry.policy.fields().map(|(name, words, source)| match name {
        "notify" => line(name, recipients(words, entry), source),
        "secret" => line(name, entry.secret.clone(), source),
        "deliver" if !entry.deliver.is_empty() => line(name, places(&entry.deliver), source),
        _ => line(name, words, source),
    }));
    lines
}

/// What holds for whole runs: who sends mail, where events go, the limits, the pace, the schedule and the accounts.
pub fn settings(manifest: &Manifest) -> Vec<Line> {
    let Mail { from, from_arn, reply_to, configuration_set, region, fallback, digest, language, templates, places } =
        &manifest.mail;
    let bus = line("events.bus", or_none(manifest.events.bus()), manifest.events.source());
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
        bus,
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
    let Pace { max_rotations } = &manifest.pace;
    let most = max_rotations.as_ref().map_or(Pace::MAX_ROTATIONS, |most| most.value);
    let value = if most == 0 { "0 (no bound)".to_owned() } else { most.to_string() };
    lines.push(line("pace.max-rotations", value, max_rotations.as_ref().and_then(|most| most.source.as_ref())));
    for (name, schedule) in [("schedule.enforce", enforce), ("schedule.tend", tend)] {
        let value = or_none(schedule.as_ref().map(|schedule| schedule.value.as_str()));
        lines.push(line(name, value, schedule.as_ref().and_then(|schedule| schedule.source.as_ref())));
    }
    lines.extend(delivery(manifest));
    if let Some(organization) = &manifest.organization {
        lines.push(line("organization", organization.to_string(), Some(&organization.source)));
    }
    for (name, account) in &manifest.accounts {
        lines.push(line(format!("accounts.{name}"), account.to_string(), Some(&account.source)));
    }
    lines
}

/// The value of a template that the team did not write.
const OWN: &str = "keyrota's own";

fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..4])
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

/// Where the credential goes, by the names that the user's places have.
fn places(deliver: &[Target]) -> String {
    deliver.iter().map(|target| target.place.to_string()).collect::<Vec<_>>().join(", ")
}

/// How places of delivery are written to, as far as the manifests say: nothing, where they deliver nowhere.
fn delivery(manifest: &Manifest) -> Vec<Line> {
    let GitHub { names, url, app_id, installation, secret, visibility, places } = &manifest.deliver.github;
    if !manifest.delivers_to_github() && places.is_empty() {
        return Vec::new();
    }
    let GitHubNames { key, secret: part, region, smtp } = names;
    let all: Vec<&str> = [key, part].into_iter().chain(region).map(String::as_str).collect();
    let number = |number: &Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    let lines = [
        ("names", all.join(", ")),
        ("smtp-names", smtp.join(", ")),
        ("url", url.clone()),
        ("app-id", number(app_id)),
        ("installation", number(installation)),
        ("secret", or_none(secret.as_deref())),
        ("visibility", <&str>::from(*visibility).to_owned()),
    ];
    lines.into_iter().map(|(key, value)| line(format!("deliver.github.{key}"), value, places.get(key))).collect()
}

/// Whom a rule names, and who that is for this user.
fn recipients(written: String, entry: &Entry) -> String {
    let resolved = match entry.recipients.is_empty() {
        _ if entry.policy.notify.value.is_empty() => return written,
        true => "no address".to_owned(),
        false => entry.recipients.join(", "),
    };
    if written == resolved { written } else { format!("{written} = {resolved}") }
}
