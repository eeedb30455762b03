//! The reports of single accounts, read back and made one: what a report of all of them at once would say.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    ages::classes,
    controls::Criterion,
    json::seal,
    judge::{by_control, controls, criteria},
    model::{
        AccountFacts, AccountName, Calendar, CalendarDay, Completeness, Evidence, Exception, KeyRow, Late, Manifests,
        Oldest, OldestDay, SCHEMA, Summary, UnmanagedRow, Unread, Verdict,
    },
    provenance::Provenance,
};
use crate::{clock, inventory::UnreadAccount, untrusted::printable};

/// What is read back of a report, all of it but what follows from the rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    schema: String,
    as_of: String,
    manifests: Manifests,
    accounts: Vec<AccountFacts>,
    completeness: Completeness,
    summary: Summary,
    criteria: Vec<Judged>,
    oldest: Oldest,
    calendar: Option<Calendar>,
    keys: Vec<KeyRow>,
    exceptions: Vec<Exception>,
    unmanaged: Vec<UnmanagedRow>,
}

/// The rows that do not pass a criterion.
#[derive(Clone, Debug, Deserialize)]
struct Judged {
    criterion: Criterion,
    of: usize,
    pass: usize,
    fail: Vec<usize>,
    excepted: Vec<usize>,
    unknown: Vec<usize>,
}

impl Part {
    /// Reads the JSON of a report.
    ///
    /// # Errors
    /// It is none, or says two things at once.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut part: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if part.schema != SCHEMA {
            return Err(format!("its `schema` is not {SCHEMA}"));
        }
        if part.keys.iter().enumerate().any(|(at, row)| row.row != at + 1) {
            return Err("its rows are not numbered from 1".to_owned());
        }
        for row in &mut part.keys {
            // Nobody else is in this state.
            row.in_scope = row.state != "unmanaged";
        }
        part.judge()?;
        Ok(part)
    }

    /// That it is about this account and about no other, by these manifests, and that its time has come.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, account: &str, manifests: &str, now: DateTime<Utc>) -> Result<(), String> {
        let Completeness { accounts_unread, unreadable, unmanaged_unread, .. } = &self.completeness;
        let unread = [accounts_unread, unreadable, unmanaged_unread].into_iter().flatten();
        let of_rows = self.keys.iter().map(|row| &row.account).chain(self.unmanaged.iter().map(|row| &row.account));
        let of_rows = of_rows.chain(unread.filter_map(|one| one.account.as_ref()));
        let is_of_it = self.accounts.iter().map(|facts| &facts.account).chain(of_rows).all(|id| id == account);
        if self.accounts.is_empty() || !is_of_it {
            return Err("it is about another account".to_owned());
        }
        if self.manifests.fingerprint != manifests {
            return Err(format!("it is by other manifests, {}", printable(&self.manifests.fingerprint)));
        }
        match self.as_of.parse::<DateTime<Utc>>() {
            Ok(as_of) if as_of <= now + clock::TOLERANCE => Ok(()),
            _ => Err(format!("it is as of {}, which is still to come", printable(&self.as_of))),
        }
    }

    /// Tells of each row again what it is by each criterion: the verdicts have that the other way round.
    fn judge(&mut self) -> Result<(), String> {
        let odd = || "its criteria and its rows do not fit together".to_owned();
        for Judged { criterion, of, pass, fail, excepted, unknown } in &self.criteria {
            let lists = [(Verdict::Fail, fail), (Verdict::Excepted, excepted), (Verdict::Unknown, unknown)];
            let named: BTreeMap<usize, Verdict> =
                lists.iter().flat_map(|(verdict, rows)| rows.iter().map(|row| (*row, *verdict))).collect();
            let is_judged = |row: &KeyRow| row.status != super::model::KeyStatus::Inactive;
            let rows = self.keys.iter_mut().filter(|row| is_judged(row));
            let mut judged = 0;
            for row in rows {
                judged += 1;
                let verdict = named.get(&row.row).copied().unwrap_or(Verdict::Pass);
                row.criteria.push((*criterion, verdict));
            }
            if judged != *of || named.len() + pass != *of || fail.len() + excepted.len() + unknown.len() != named.len()
            {
                return Err(odd());
            }
        }
        for row in &mut self.keys {
            row.controls = by_control(&row.criteria).collect();
        }
        let (kinds, all): (BTreeSet<Criterion>, _) =
            (self.criteria.iter().map(|one| one.criterion).collect(), Criterion::ALL.into_iter().collect());
        if kinds == all { Ok(()) } else { Err(odd()) }
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.keys.len()
    }
}

/// What the reports of single accounts do not say.
pub struct Merging<'a> {
    /// Where the manifests come from.
    pub provenance: &'a Provenance,
    /// Of the manifests.
    pub fingerprint: &'a str,
    /// The accounts that have no report, and why.
    pub unread: &'a [UnreadAccount],
    /// The accounts that nobody looks at.
    pub left_out: &'a [UnreadAccount],
}

/// Makes one report of those of single accounts, in their order. `None`: there is none.
#[must_use]
pub fn merge(parts: Vec<Part>, merging: &Merging<'_>) -> Option<Evidence> {
    let Merging { provenance, fingerprint, unread, left_out: others } = *merging;
    let first = parts.iter().map(|part| part.as_of.clone()).min()?;
    let as_of = parts.iter().map(|part| part.as_of.clone()).max()?;
    let mut all = Sum::default();
    for part in parts {
        all.add(part, &as_of);
    }
    let Sum { accounts, mut completeness, mut summary, rows, days, note, calendar, exceptions, unmanaged } = all;
    completeness.accounts_unread.extend(unread.iter().map(|account| Unread {
        account: account.id.clone(),
        account_name: account.name.clone(),
        user: None,
        error: account.error.clone(),
        hint: account.hint.clone(),
    }));
    let told: BTreeSet<&str> = (accounts.iter().map(|account| account.account.as_str()))
        .chain(completeness.accounts_unread.iter().filter_map(|unread| unread.account.as_deref()))
        .collect();
    let mut left_out = std::mem::take(&mut completeness.accounts_left_out);
    left_out.extend(others.iter().filter_map(AccountName::of));
    let mut left_out: Vec<AccountName> =
        left_out.into_iter().filter(|name| !told.contains(name.account.as_str())).collect();
    // What one account's part says of another knows no reason.
    left_out.sort_by(|a, b| (&a.account, a.reason.is_none()).cmp(&(&b.account, b.reason.is_none())));
    left_out.dedup_by(|a, b| a.account == b.account);
    completeness.accounts_left_out = left_out;
    let is_whole = completeness.accounts_unread.is_empty();
    completeness.complete = is_whole && completeness.unreadable.is_empty() && completeness.unmanaged_unread.is_empty();
    let controls = controls(&rows, is_whole);
    summary.controls = Verdict::ALL.into_iter().map(|verdict| (verdict, 0)).collect();
    for control in &controls {
        *summary.controls.entry(control.decision.verdict).or_default() += 1;
    }
    let read = format!("accounts were read one by one, between {first} and {as_of}");
    let note_of_manifests = match &provenance.note {
        Some(note) => format!("{note}; {read}"),
        None => read,
    };
    let mut evidence = Evidence {
        schema: SCHEMA,
        sha256: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        observed: as_of.clone(),
        as_of,
        manifests: Manifests {
            folder: provenance.folder.clone(),
            fingerprint: fingerprint.to_owned(),
            commit: provenance.commit.clone(),
            dirty: provenance.is_dirty,
            note: Some(note_of_manifests),
        },
        accounts,
        completeness,
        summary,
        criteria: criteria(&rows, is_whole),
        controls,
        ages: classes(&rows),
        oldest: Oldest { days: days.into_values().collect(), note },
        calendar,
        keys: rows,
        exceptions,
        unmanaged,
        happened: None,
    };
    seal(&mut evidence);
    Some(evidence)
}

/// What the reports so far say together.
#[derive(Default)]
struct Sum {
    accounts: Vec<AccountFacts>,
    completeness: Completeness,
    summary: Summary,
    rows: Vec<KeyRow>,
    days: BTreeMap<String, OldestDay>,
    note: String,
    calendar: Option<Calendar>,
    exceptions: Vec<Exception>,
    unmanaged: Vec<UnmanagedRow>,
}

impl Sum {
    fn add(&mut self, part: Part, as_of: &str) {
        let Part { accounts, completeness, summary, oldest, calendar, keys, exceptions, unmanaged, .. } = part;
        let offset = self.rows.len();
        self.accounts.extend(accounts);
        let Completeness { complete: _, accounts_unread, accounts_left_out, unreadable, unmanaged_unread } =
            completeness;
        self.completeness.accounts_unread.extend(accounts_unread);
        self.completeness.accounts_left_out.extend(accounts_left_out);
        self.completeness.unreadable.extend(unreadable);
        self.completeness.unmanaged_unread.extend(unmanaged_unread);
        add_up(&mut self.summary, &summary);
        self.rows.extend(keys.into_iter().map(|row| KeyRow { row: row.row + offset, ..row }));
        for day in oldest.days {
            let expected = day.date.as_str() > as_of.get(..10).unwrap_or_default();
            let all = self.days.entry(day.date.clone()).or_insert_with(|| OldestDay {
                date: day.date.clone(),
                age_days: None,
                in_scope_age_days: None,
                expected,
            });
            all.age_days = all.age_days.max(day.age_days);
            all.in_scope_age_days = all.in_scope_age_days.max(day.in_scope_age_days);
        }
        if self.note.is_empty() {
            self.note = oldest.note;
        }
        self.calendar = match (self.calendar.take(), calendar) {
            (Some(own), Some(other)) => Some(both(own, other)),
            (own, other) => own.or(other),
        };
        let moved = |rows: Vec<usize>| rows.into_iter().map(move |row| row + offset).collect::<Vec<_>>();
        for exception in exceptions {
            let rows = moved(exception.rows.clone());
            let same = |own: &&mut Exception| {
                (&own.place, &own.user, &own.account) == (&exception.place, &exception.user, &exception.account)
            };
            match self.exceptions.iter_mut().find(same) {
                Some(own) => own.rows.extend(rows),
                None => self.exceptions.push(Exception { rows, ..exception }),
            }
        }
        self.unmanaged.extend(unmanaged.into_iter().map(|row| UnmanagedRow { rows: moved(row.rows.clone()), ..row }));
    }
}

fn add_up(all: &mut Summary, one: &Summary) {
    let Summary { users, users_without_keys, keys, active_keys, over_limit, exempt_keys, oldest_age_days, .. } = one;
    let Summary { unreadable, unmanaged_users, unmanaged_keys, blocked, .. } = one;
    all.users += users;
    all.users_without_keys += users_without_keys;
    all.keys += keys;
    all.active_keys += active_keys;
    all.over_limit += over_limit;
    all.exempt_keys += exempt_keys;
    all.oldest_age_days = all.oldest_age_days.max(*oldest_age_days);
    all.unreadable += unreadable;
    all.unmanaged_users += unmanaged_users;
    all.unmanaged_keys += unmanaged_keys;
    all.blocked += blocked;
}

fn both(own: Calendar, other: Calendar) -> Calendar {
    let mut days = BTreeMap::<String, CalendarDay>::new();
    for day in own.days.into_iter().chain(other.days) {
        let all = days
            .entry(day.date.clone())
            .or_insert_with(|| CalendarDay { date: day.date.clone(), ..CalendarDay::default() });
        all.create += day.create;
        all.deactivate += day.deactivate;
        all.delete += day.delete;
    }
    let late: Vec<Late> = own.late.into_iter().chain(other.late).collect();
    let (from, until) = (own.from.min(other.from), own.until.max(other.until));
    Calendar { from, until, days: days.into_values().collect(), late, assumption: own.assumption }
}
