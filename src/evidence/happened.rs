//! What the history tells: the runs, their changes, who was told, and since when each key worked.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::{
    model::{ChangeRow, Happened, KeyRow, MailRow, RunRow, Told, ToldTo},
    oldest::Life,
};
use crate::{
    history::{ChangeRecord, EndRecord, History, MailRecord, Means, Outcome, Record, RunRecord, ToldRecord},
    plan::Verb,
    time::rfc3339,
};

/// What was read of a history, and where.
#[derive(Clone, Debug)]
pub struct Chronicle {
    /// The records.
    pub history: History,
    /// From when on they were asked for; `None`: from the beginning.
    pub since: Option<DateTime<Utc>>,
    /// Where they are, as it was named.
    pub place: String,
}

impl Chronicle {
    /// From when on it tells: what was asked for, else the first record.
    pub(super) fn begins(&self) -> Option<DateTime<Utc>> {
        self.since.or_else(|| self.history.records.first().map(Record::at))
    }

    fn changes(&self) -> impl Iterator<Item = &ChangeRecord> {
        self.history.records.iter().filter_map(|record| match record {
            Record::Change(change) => Some(change),
            _ => None,
        })
    }
}

/// Every run and every change, in order.
pub(super) fn happened(chronicle: &Chronicle, now: DateTime<Utc>) -> Happened {
    let records = &chronicle.history.records;
    let ends: HashMap<&str, &EndRecord> = records
        .iter()
        .filter_map(|record| match record {
            Record::End(end) => Some((end.run.as_str(), end)),
            _ => None,
        })
        .collect();
    let mut counted = BTreeMap::<&str, (usize, usize)>::new();
    for change in chronicle.changes() {
        let (done, failed) = counted.entry(&change.run).or_default();
        *(if change.result == Outcome::Ok { done } else { failed }) += 1;
    }
    let run = |record: &RunRecord| {
        let (done, failed) = counted.get(record.run.as_str()).copied().unwrap_or_default();
        let end = ends.get(record.run.as_str());
        RunRow {
            run: record.run.clone(),
            at: rfc3339(record.at),
            mode: record.mode.clone(),
            by: record.by.clone(),
            version: record.version.clone(),
            caller: record.caller.clone(),
            commit: record.commit.clone(),
            fingerprint: record.manifests.clone(),
            verdict: record.verdict.clone(),
            accounts_unread: record.accounts_unread.clone(),
            done,
            failed,
            causes: end.map(|end| end.causes.clone()).unwrap_or_default(),
            cut_off: end.is_none(),
        }
    };
    let (mut runs, mut mail) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            Record::Run(record) => runs.push(run(record)),
            Record::Mail(record) => mail.push(mail_row(record)),
            Record::Change(_) | Record::End(_) => {}
        }
    }
    Happened {
        since: rfc3339(chronicle.begins().unwrap_or(now)),
        source: chronicle.place.clone(),
        runs,
        changes: chronicle.changes().map(change_row).collect(),
        mail,
        unused: chronicle.history.unusable.iter().map(ToString::to_string).collect(),
    }
}

fn change_row(change: &ChangeRecord) -> ChangeRow {
    let ChangeRecord {
        run, at, account, user, user_arn, key, verb, message, result, cause, secret, told, notes, ..
    } = change;
    ChangeRow {
        at: rfc3339(*at),
        run: run.clone(),
        account: account.clone(),
        user: user.clone(),
        arn: user_arn.clone(),
        key: key.clone(),
        action: verb.clone(),
        reason: message.clone(),
        result: word(*result),
        error: cause.clone(),
        notes: notes.clone(),
        secret: Some(secret.clone()).filter(|secret| !secret.is_empty()),
        told: told.iter().map(told_to).collect(),
    }
}

fn mail_row(mail: &MailRecord) -> MailRow {
    let MailRecord { run, at, kind, to, users, result, cause } = mail;
    MailRow {
        at: rfc3339(*at),
        run: run.clone(),
        kind: kind.clone(),
        to: to.clone(),
        users: users.clone(),
        result: word(*result),
        error: cause.clone(),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Error => "error",
    }
}

fn told_to(told: &ToldRecord) -> ToldTo {
    let by = match told.by {
        Means::Mail => "mail",
        Means::Fallback => "fallback",
        Means::Channel(kind) => kind.as_str(),
    };
    ToldTo { address: told.address.clone(), by: by.to_owned() }
}

/// Says to whom the mail about each key went, where the history has it.
pub(super) fn tell(rows: &mut [KeyRow], chronicle: &Chronicle) {
    let mut last = HashMap::<&str, &ChangeRecord>::new();
    let is_mail = |change: &&ChangeRecord| change.result == Outcome::Ok && !change.told.is_empty();
    for change in chronicle.changes().filter(is_mail).filter(|change| change.verb == Verb::Notify.as_str()) {
        if let Some(key) = &change.key {
            last.insert(key, change);
        }
    }
    for row in rows {
        let Some(change) = row.key.as_deref().and_then(|key| last.get(key)) else { continue };
        // The owner of a key that was made a moment ago hears of it first.
        let of = row.told.as_ref().map_or("issued", |told| told.of);
        row.told = Some(Told {
            at: Some(rfc3339(change.at)),
            of,
            to: change.told.iter().map(told_to).collect(),
            fallback: Some(change.told.iter().any(|told| told.by == Means::Fallback)),
            source: "history",
        });
    }
}

/// From when to when keys worked that are gone or stopped, and how many there were of which that is not known.
pub(super) fn lives(rows: &[KeyRow], chronicle: &Chronicle) -> (Vec<Life>, usize) {
    let known: HashMap<&str, &KeyRow> = rows.iter().filter_map(|row| Some((row.key.as_deref()?, row))).collect();
    let mut keys = BTreeMap::<&str, (Option<DateTime<Utc>>, Option<DateTime<Utc>>)>::new();
    for change in chronicle.changes().filter(|change| change.result == Outcome::Ok) {
        let Some(key) = change.key.as_deref() else { continue };
        let is = |verb: Verb| change.verb == verb.as_str();
        if is(Verb::Create) {
            keys.entry(key).or_default().0 = Some(change.at);
        } else if is(Verb::Deactivate) || is(Verb::Delete) {
            keys.entry(key).or_default().1.get_or_insert(change.at);
        }
    }
    let (mut lives, mut unknown) = (Vec::new(), 0);
    for (key, (created, ended)) in keys {
        let row = known.get(key);
        // What the account tells of it is told already.
        if row.is_some_and(|row| row.deactivated.is_some() || row.over_limit.is_some() && ended.is_none()) {
            continue;
        }
        let created = row.and_then(|row| row.created.as_ref()?.parse().ok()).or(created);
        match (created, ended) {
            (Some(created), ended) => lives.push(Life { created, ended, in_scope: true }),
            (None, _) => unknown += 1,
        }
    }
    (lives, unknown)
}
