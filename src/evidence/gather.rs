//! From what was read to the report.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    ages::classes,
    ahead::{calendar, lives, next_of},
    exceptions::exceptions,
    happened::{self, Chronicle, happened, tell},
    json::seal,
    judge::{controls, criteria},
    model::{
        AccountFacts, AccountName, Completeness, Evidence, KeyRow, KeyStatus, Manifests, Oldest, SCHEMA, Summary,
        UnmanagedRow, Unread, Verdict,
    },
    oldest::{Life, Past, oldest},
    provenance::Provenance,
    rows::rows,
};
use crate::{
    cloud::Reads,
    inventory::Inventory,
    manifest::Manifest,
    observe::AccountState,
    plan::{self, Calendar, Plan, Viewpoint, Waiting},
    roster::Roster,
    time::rfc3339,
};

/// So far ahead the calendar goes.
const AHEAD: TimeDelta = TimeDelta::days(180);

/// One account that was read.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Who is in scope.
    pub roster: &'a Roster,
    /// What was observed.
    pub inventory: &'a Inventory,
    /// Who keyrota called as.
    pub caller: &'a str,
}

impl<'a> Look<'a> {
    /// As it was observed.
    pub fn new<C: Reads>(account: &'a AccountState<'_, C>) -> Self {
        let AccountState { cloud, roster, inventory } = account;
        Self { roster, inventory, caller: cloud.caller() }
    }
}

/// What the scheduled runs will do in each of the accounts, as far ahead as a report tells it.
#[must_use]
pub fn calendars(accounts: &[Look<'_>], viewpoint: Viewpoint) -> Vec<Calendar> {
    accounts.iter().map(|look| plan::calendar(look.roster, look.inventory, viewpoint, AHEAD)).collect()
}

/// Everything that a report is made of.
pub struct Subject<'a> {
    /// What is wanted.
    pub manifest: &'a Manifest,
    /// Where that comes from.
    pub provenance: &'a Provenance,
    /// The accounts that were read.
    pub accounts: &'a [Look<'a>],
    /// What comes next, for all of them.
    pub plan: &'a Plan,
    /// When they were read, and the instant of the report.
    pub viewpoint: Viewpoint,
    /// What the scheduled runs will do in each of them, in the same order; empty: it is not told.
    pub calendars: &'a [Calendar],
    /// What was done, if it was asked for.
    pub chronicle: Option<&'a Chronicle>,
}

/// Makes the report.
#[must_use]
pub fn gather(subject: Subject<'_>) -> Evidence {
    let Subject { manifest, provenance, accounts, plan, viewpoint, calendars, chronicle } = subject;
    let observed: Vec<_> = accounts.iter().map(|look| (look.roster, look.inventory)).collect();
    let mut rows = rows(&observed, plan);
    if let Some(chronicle) = chronicle {
        tell(&mut rows, chronicle);
    }
    for row in rows.iter_mut().filter(|row| row.managed) {
        row.next = next_of(calendars, row);
    }
    let completeness = completeness(manifest, accounts, plan);
    let is_whole = completeness.accounts_unread.is_empty();
    let controls = controls(&rows, is_whole);
    let unmanaged = unmanaged(accounts, &rows);
    let mut summary = summary(accounts, plan, &rows, &completeness);
    for control in &controls {
        *summary.controls.entry(control.decision.verdict).or_default() += 1;
    }
    let mut evidence = Evidence {
        schema: SCHEMA,
        sha256: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        as_of: rfc3339(viewpoint.at),
        observed: rfc3339(viewpoint.observed),
        manifests: Manifests {
            folder: provenance.folder.clone(),
            fingerprint: manifest.fingerprint.clone(),
            commit: provenance.commit.clone(),
            dirty: provenance.is_dirty,
            note: provenance.note.clone(),
        },
        accounts: facts(accounts, &rows),
        completeness,
        summary,
        criteria: criteria(&rows, is_whole),
        controls,
        ages: classes(&rows),
        oldest: over_time(accounts, &rows, calendars, chronicle, viewpoint.at),
        calendar: calendar(calendars),
        exceptions: exceptions(manifest, provenance, &rows, viewpoint.at),
        keys: rows,
        unmanaged,
        happened: chronicle.map(|chronicle| happened(chronicle, viewpoint.at)),
    };
    seal(&mut evidence);
    evidence
}

fn over_time(
    accounts: &[Look<'_>],
    rows: &[KeyRow],
    calendars: &[Calendar],
    chronicle: Option<&Chronicle>,
    now: DateTime<Utc>,
) -> Oldest {
    let mut past = Past {
        lives: rows.iter().filter_map(life).collect(),
        known_since: chronicle.and_then(Chronicle::begins),
        unknown: 0,
    };
    if let Some(chronicle) = chronicle {
        let (lives, unknown) = happened::lives(rows, chronicle);
        past.lives.extend(lives);
        past.unknown = unknown;
    }
    let ahead = calendars.first().map(|first| {
        let of_users =
            calendars.iter().zip(accounts).flat_map(|(calendar, look)| lives(calendar, look.roster, look.inventory));
        // Nothing is done to those, whatever the schedule says.
        let others = rows.iter().filter(|row| !row.in_scope).filter_map(life);
        let others: Vec<Life> = others.filter(|life| life.ended.is_none()).collect();
        (of_users.chain(others).collect::<Vec<_>>(), first.until)
    });
    let ahead = ahead.as_ref().map(|(lives, until)| (lives.as_slice(), *until));
    oldest(&past, ahead, now)
}

fn life(row: &KeyRow) -> Option<Life> {
    let time = |text: &Option<String>| text.as_ref()?.parse::<DateTime<Utc>>().ok();
    let (created, ended) = match row.status {
        KeyStatus::Active => (time(&row.created)?, None),
        // Until when it worked is known only of what keyrota stopped.
        KeyStatus::Inactive => (time(&row.created)?, Some(time(&row.deactivated)?)),
        KeyStatus::Unknown => return None,
    };
    Some(Life { created, ended, in_scope: row.managed })
}

fn facts(accounts: &[Look<'_>], rows: &[KeyRow]) -> Vec<AccountFacts> {
    let mut active_keys: HashMap<&str, usize> = HashMap::new();
    for row in rows.iter().filter(|row| is_active(row)) {
        *active_keys.entry(&row.account).or_default() += 1;
    }
    let facts = |look: &Look<'_>| {
        let account = &look.roster.account;
        AccountFacts {
            account: account.id.clone(),
            account_name: account.name.clone(),
            region: account.region.clone(),
            caller: look.caller.to_owned(),
            users: look.roster.entries.len(),
            unmanaged: look.roster.unmanaged.len(),
            active_keys: active_keys.get(account.id.as_str()).copied().unwrap_or_default(),
        }
    };
    accounts.iter().map(facts).collect()
}

fn is_active(row: &KeyRow) -> bool {
    row.status == KeyStatus::Active
}

fn completeness(manifest: &Manifest, accounts: &[Look<'_>], plan: &Plan) -> Completeness {
    let accounts_unread = plan.accounts_unread.iter().map(|account| Unread {
        account: account.id.clone(),
        account_name: account.name.clone(),
        user: None,
        error: account.error.clone(),
        hint: account.hint.clone(),
    });
    let accounts_unread: Vec<Unread> = accounts_unread.collect();
    let unreadable = |Waiting { account, user, wait, .. }: &Waiting| Unread {
        account: Some(account.id.clone()),
        account_name: account.name.clone(),
        user: Some(user.clone()),
        error: wait.to_string(),
        hint: None,
    };
    let exempt_unread = accounts.iter().flat_map(|look| {
        let errors = look.inventory.users.iter().filter_map(|(user, state)| Some((user, state.as_ref().err()?)));
        let exempt = errors.filter(|(user, _)| look.roster.entry(user).is_some_and(|entry| entry.exempt.is_some()));
        exempt.map(|(user, error)| Unread {
            account: Some(look.roster.account.id.clone()),
            account_name: look.roster.account.name.clone(),
            user: Some(user.clone()),
            error: error.to_string(),
            hint: error.hint.clone(),
        })
    });
    let unreadable: Vec<Unread> = plan.unreadable().map(unreadable).chain(exempt_unread).collect();
    let unmanaged_unread = accounts.iter().flat_map(|Look { roster, inventory, .. }| {
        let unread = roster.unmanaged.iter().filter(|user| !inventory.unmanaged.users.contains_key(&user.name));
        unread.map(|user| Unread {
            account: Some(roster.account.id.clone()),
            account_name: roster.account.name.clone(),
            user: Some(user.name.clone()),
            error: match &inventory.unmanaged.unread {
                Some(error) => error.to_string(),
                None => "it is not in the credential report, which may be four hours old".to_owned(),
            },
            hint: inventory.unmanaged.unread.as_ref().and_then(|error| error.hint.clone()),
        })
    });
    let unmanaged_unread: Vec<Unread> = unmanaged_unread.collect();
    // Of whom nobody asked nothing is unread; but a reader should know that the report says nothing of them.
    let is_told = |id: &str| {
        accounts.iter().any(|look| look.roster.account.id == id)
            || accounts_unread.iter().any(|unread| unread.account.as_deref() == Some(id))
    };
    let declared = manifest.accounts.iter().map(|(name, account)| AccountName {
        account: account.id.clone(),
        account_name: name.clone(),
        reason: None,
    });
    let left_out = declared.chain(plan.accounts_left_out.iter().filter_map(AccountName::of));
    let left_out = left_out.filter(|one| !is_told(&one.account)).map(|one| (one.account.clone(), one));
    let mut accounts_left_out: Vec<AccountName> = left_out.collect::<BTreeMap<_, _>>().into_values().collect();
    accounts_left_out.sort_by(|a, b| a.account_name.cmp(&b.account_name));
    let complete = accounts_unread.is_empty() && unreadable.is_empty() && unmanaged_unread.is_empty();
    Completeness { complete, accounts_unread, accounts_left_out, unreadable, unmanaged_unread }
}

fn summary(accounts: &[Look<'_>], plan: &Plan, rows: &[KeyRow], completeness: &Completeness) -> Summary {
    let active = || rows.iter().filter(|row| is_active(row));
    let states = accounts.iter().flat_map(|look| look.inventory.users.values()).filter_map(|state| state.as_ref().ok());
    Summary {
        users: accounts.iter().map(|look| look.roster.entries.len()).sum(),
        users_without_keys: states.filter(|state| state.keys.is_empty()).count(),
        keys: rows.iter().filter(|row| row.status != KeyStatus::Unknown).count(),
        active_keys: active().count(),
        over_limit: active().filter(|row| row.over_limit == Some(true)).count(),
        exempt_keys: active().filter(|row| row.state == "exempt").count(),
        oldest_age_days: active().filter_map(|row| row.age_days).max(),
        unreadable: completeness.unreadable.len(),
        unmanaged_users: accounts.iter().map(|look| look.roster.unmanaged.len()).sum(),
        unmanaged_keys: active().filter(|row| !row.in_scope).count(),
        blocked: plan.waiting.iter().filter(|waiting| waiting.wait.is_blocked()).count(),
        controls: Verdict::ALL.into_iter().map(|verdict| (verdict, 0)).collect(),
    }
}

fn unmanaged(accounts: &[Look<'_>], rows: &[KeyRow]) -> Vec<UnmanagedRow> {
    let mut own = HashMap::<(&str, &str), Vec<&KeyRow>>::new();
    for row in rows.iter().filter(|row| !row.in_scope) {
        own.entry((&row.account, &row.user)).or_default().push(row);
    }
    let mut all = Vec::new();
    for Look { roster, inventory, .. } in accounts {
        for user in &roster.unmanaged {
            let is_known = inventory.unmanaged.users.contains_key(&user.name);
            let rows = own.remove(&(roster.account.id.as_str(), user.name.as_str())).unwrap_or_default();
            all.push(UnmanagedRow {
                account: roster.account.id.clone(),
                account_name: roster.account.name.clone(),
                user: user.name.clone(),
                arn: user.arn.clone(),
                active_keys: is_known.then(|| rows.iter().filter(|row| is_active(row)).count()),
                over_limit: is_known.then(|| rows.iter().any(|row| row.over_limit == Some(true))),
                rows: rows.iter().map(|row| row.row).collect(),
            });
        }
    }
    all
}
