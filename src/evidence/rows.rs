//! A row a key: what is known of it, and what comes next.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    judge::{Facts, KeyFacts, by_control},
    model::{KeyRow, KeyStatus, LastUseFacts, NextStep, Place, Told},
};
use crate::{
    inventory::{Account, Inventory, Key, KeyId, LastUse, Secret, State, UnmanagedKey, User},
    manifest::{Policy, Source},
    plan::{Change, Plan, Step, Verb, Waiting, due_at, tells},
    roster::{Entry, Roster},
    time::{Duration, rfc3339},
};

/// The rows of all accounts, numbered from 1: by account, user and age.
pub fn rows(accounts: &[(&Roster, &Inventory)], plan: &Plan) -> Vec<KeyRow> {
    let mut all = Vec::new();
    for (roster, inventory) in accounts {
        let comes = Comes::by_user(plan, &roster.account);
        let mut rows = Vec::new();
        for entry in &roster.entries {
            let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
            let unread = || inventory.keys_of_unread.get(&entry.user.name).map(Vec::as_slice);
            let keys = state.map(|state| state.keys.as_slice()).or_else(unread);
            let comes = comes.get(entry.user.name.as_str()).copied();
            let reported = inventory.unmanaged.users.get(&entry.user.name).map_or(&[][..], Vec::as_slice);
            rows.extend(of_entry(roster, entry, (state, keys), reported, comes, plan.as_of));
        }
        for user in &roster.unmanaged {
            let keys = inventory.unmanaged.users.get(&user.name).map(Vec::as_slice);
            rows.extend(of_unmanaged(roster, user, keys, plan.as_of));
        }
        // Stable: the keys of a user stay as they are.
        rows.sort_by(|a, b| a.user.cmp(&b.user));
        all.extend(rows);
    }
    for (number, row) in all.iter_mut().enumerate() {
        row.row = number + 1;
    }
    all
}

/// What the plan says of a user.
#[derive(Clone, Copy)]
enum Comes<'p> {
    Change(&'p Change),
    Waiting(&'p Waiting),
    Settled,
}

impl<'p> Comes<'p> {
    fn by_user(plan: &'p Plan, account: &Account) -> HashMap<&'p str, Self> {
        let is_here = |of: &Arc<Account>| **of == *account;
        let changes = plan.changes.iter().filter(|it| is_here(&it.account)).map(|it| (&*it.user, Self::Change(it)));
        let waiting = plan.waiting.iter().filter(|it| is_here(&it.account)).map(|it| (&*it.user, Self::Waiting(it)));
        let settled = plan.settled.iter().filter(|it| is_here(&it.account)).map(|it| (&*it.user, Self::Settled));
        changes.chain(waiting).chain(settled).collect()
    }
}

/// The rows of a user in scope: none, if it has no keys. What its keys are may be known where the rest of its state is not.
fn of_entry(
    roster: &Roster,
    entry: &Entry,
    (state, keys): (Option<&State>, Option<&[Key]>),
    reported: &[UnmanagedKey],
    comes: Option<Comes<'_>>,
    now: DateTime<Utc>,
) -> Vec<KeyRow> {
    let mut row = blank(&roster.account, &entry.user, &entry.policy);
    let told = tells(roster, entry);
    row.in_scope = true;
    row.managed = entry.exempt.is_none();
    row.rule = Some(place(&entry.rule));
    row.secret = Some(state.map_or(&entry.secret, |state| &state.ledger.secret).clone());
    row.recipients = told.recipients;
    row.recipients_are_fallback = told.is_fallback;
    describe(&mut row, comes);
    let facts =
        |key| Facts { key, limit: entry.policy.max_age.value, is_managed: true, is_exempt: entry.exempt.is_some() };
    let Some(keys) = keys else {
        judge(&mut row, &facts(None), now);
        return vec![row];
    };
    let secret = state.and_then(|state| state.ledger.destination.own());
    let mut keys: Vec<&Key> = keys.iter().collect();
    keys.sort_unstable_by_key(|key| (key.created, &key.id));
    keys.into_iter()
        .map(|key| {
            let mut row = row.clone();
            row.key = Some(key.id.to_string());
            let used = as_reported(key, reported);
            row.last_use = last_use(used);
            dated(&mut row, key.is_active(), key.created, entry.policy.max_age.value, now);
            if let Some(Comes::Waiting(Waiting { key: Some(about), .. })) = comes
                && *about != key.id
                && let Some(message) = &mut row.message
            {
                *message = format!("{about}: {message}");
            }
            row.next = state.and(comes).and_then(|comes| next(roster, entry, key, comes, now));
            row.stored = state.and_then(|state| stored(state, secret, &key.id));
            let held = secret.into_iter().flat_map(|secret| &secret.held).filter(|held| held.key == key.id);
            row.delivered_to = held.map(|held| held.place.clone()).collect();
            row.told = secret.and_then(|secret| told_of(secret, &key.id));
            let deactivated = secret.and_then(|secret| secret.deactivated.as_ref());
            row.deactivated = deactivated.filter(|it| it.key == key.id).map(|it| rfc3339(it.at));
            if key.is_active() {
                judge(&mut row, &facts(Some(KeyFacts { created: key.created, last_use: used })), now);
            }
            row
        })
        .collect()
}

/// When a key was used last: where that was not read of the key itself, as the credential report has it. The report has no ids, but
/// says when its keys were made.
fn as_reported<'a>(key: &'a Key, reported: &'a [UnmanagedKey]) -> &'a LastUse {
    let mut same = reported.iter().filter(|one| one.created == key.created && one.active == key.is_active());
    match (&key.last_use, same.next(), same.next()) {
        (LastUse::Unread, Some(only), None) => &only.last_use,
        (own, _, _) => own,
    }
}

/// The rows of a user that no rule selects.
fn of_unmanaged(roster: &Roster, user: &User, keys: Option<&[UnmanagedKey]>, now: DateTime<Utc>) -> Vec<KeyRow> {
    let mut row = blank(&roster.account, user, &roster.defaults);
    row.state = "unmanaged";
    let limit = roster.defaults.max_age.value;
    let facts = |key| Facts { key, limit, is_managed: false, is_exempt: false };
    let Some(keys) = keys else {
        row.message = Some("its keys are not known".to_owned());
        judge(&mut row, &facts(None), now);
        return vec![row];
    };
    let mut keys: Vec<&UnmanagedKey> = keys.iter().collect();
    keys.sort_by_key(|key| key.created);
    keys.into_iter()
        .map(|key| {
            let mut row = row.clone();
            row.key = key.id.as_ref().map(ToString::to_string);
            row.last_use = last_use(&key.last_use);
            dated(&mut row, key.active, key.created, limit, now);
            if key.active {
                judge(&mut row, &facts(Some(KeyFacts { created: key.created, last_use: &key.last_use })), now);
            }
            row
        })
        .collect()
}

fn blank(account: &Account, user: &User, policy: &Policy) -> KeyRow {
    let limit = policy.max_age.value;
    KeyRow {
        row: 0,
        account: account.id.clone(),
        account_name: account.name.clone(),
        user: user.name.clone(),
        arn: user.arn.clone(),
        path: user.path.clone(),
        managed: false,
        in_scope: false,
        rule: None,
        key: None,
        status: KeyStatus::Unknown,
        created: None,
        age_days: None,
        limit: Duration(limit).to_string(),
        limit_days: limit.num_days(),
        limit_place: policy.max_age.source.as_ref().map(place),
        over_limit: None,
        last_use: LastUseFacts { state: "unknown", at: None, service: None, region: None },
        state: "unreadable",
        reason: None,
        message: None,
        until: None,
        next: None,
        secret: None,
        stored: None,
        delivered_to: Vec::new(),
        deactivated: None,
        told: None,
        recipients: Vec::new(),
        recipients_are_fallback: false,
        controls: <_>::default(),
        criteria: Vec::new(),
    }
}

/// Says in which state the user is, and why.
fn describe(row: &mut KeyRow, comes: Option<Comes<'_>>) {
    match comes {
        Some(Comes::Change(change)) => {
            row.state = "due";
            row.reason = Some(change.reason.code());
            row.message = Some(change.reason.to_string());
        }
        Some(Comes::Waiting(waiting)) => {
            row.state = match &waiting.wait {
                wait if wait.is_exempt() => "exempt",
                wait if wait.is_unreadable() => "unreadable",
                wait if wait.is_blocked() => "blocked",
                _ => "held",
            };
            row.reason = Some(waiting.wait.code());
            row.message = Some(waiting.wait.to_string());
            row.until = waiting.until.map(rfc3339);
        }
        Some(Comes::Settled) => row.state = "settled",
        // A run that tends reads those alone of whom something is due.
        None => row.message = Some("it was not read: nothing of it is due".to_owned()),
    }
}

fn dated(row: &mut KeyRow, is_active: bool, created: DateTime<Utc>, limit: TimeDelta, now: DateTime<Utc>) {
    row.status = if is_active { KeyStatus::Active } else { KeyStatus::Inactive };
    row.created = Some(rfc3339(created));
    row.age_days = Some((now - created).num_days());
    row.over_limit = Some(is_active && now - created >= limit);
}

fn judge(row: &mut KeyRow, facts: &Facts<'_>, now: DateTime<Utc>) {
    row.criteria = facts.judged(now);
    row.controls = by_control(&row.criteria).collect();
}

fn last_use(last_use: &LastUse) -> LastUseFacts {
    match last_use {
        LastUse::Unread => LastUseFacts { state: "unknown", at: None, service: None, region: None },
        LastUse::Never => LastUseFacts { state: "never", at: None, service: None, region: None },
        LastUse::At { time, service, region } => {
            LastUseFacts { state: "used", at: Some(rfc3339(*time)), service: service.clone(), region: region.clone() }
        }
    }
}

/// The first thing that is done about a key: with it, or the creation of the one that replaces it.
fn next(roster: &Roster, entry: &Entry, key: &Key, comes: Comes<'_>, now: DateTime<Utc>) -> Option<NextStep> {
    let step = |verb: Verb, at, if_unused| NextStep { action: verb.as_str(), at: rfc3339(at), if_unused };
    let concerns = |verb: Verb, of: Option<&KeyId>| of == Some(&key.id) || (verb == Verb::Create && key.is_active());
    let first = |steps: &[Step]| {
        let own = steps.iter().find(|step| concerns(step.verb, step.key.existing()));
        own.map(|own| step(own.verb, own.not_before, own.if_unused))
    };
    let when_due =
        || key.is_active().then(|| step(Verb::Create, roster.runs.starting(due_at(key, &entry.policy), now), false));
    match comes {
        Comes::Change(change) => {
            let (verb, of) = (change.action.verb(), change.action.key());
            let at_once = concerns(verb, of).then(|| step(verb, now, false));
            at_once.or_else(|| first(&change.then)).or_else(when_due)
        }
        Comes::Waiting(waiting) if waiting.wait.is_blocked() || waiting.wait.is_exempt() => None,
        Comes::Waiting(waiting) => first(&waiting.then).or_else(when_due),
        Comes::Settled => when_due(),
    }
}

fn stored(state: &State, secret: Option<&Secret>, key: &KeyId) -> Option<&'static str> {
    let secret = secret?;
    let is_it = |id: &str| KeyId::of_version(id).is_some_and(|of| of == *key);
    if state.ledger.handed_out().is_some_and(|of| of == *key) {
        Some("handed-out")
    } else if secret.pending().is_some_and(|pending| is_it(&pending.id)) {
        Some("pending")
    } else {
        secret.versions.iter().any(|version| is_it(&version.id)).then_some("stored")
    }
}

/// What the ledger notes of a mail about a key.
fn told_of(secret: &Secret, key: &KeyId) -> Option<Told> {
    let told = |of, at: Option<DateTime<Utc>>| Told {
        at: at.map(rfc3339),
        of,
        to: Vec::new(),
        fallback: None,
        source: "ledger",
    };
    match (&secret.announced, &secret.notified) {
        (Some(announced), _) if announced.key == *key => Some(told("going", Some(announced.at))),
        (_, Some(notified)) if notified == key => Some(told("issued", secret.notified_at)),
        _ => None,
    }
}

/// A place as the report writes it.
pub fn place(source: &Source) -> Place {
    Place { file: source.file.to_string(), line: source.line }
}
