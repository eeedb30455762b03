//! What the formats for people write alike: instants, places, and text that came from outside.

use std::collections::{HashMap, HashSet};

use super::model::{Completeness, Evidence, Exception, KeyRow, LastUseFacts, Place, ToldTo, Unread, Verdict};
use crate::{inventory::UnreadAccount, untrusted::printable};

/// The day of an instant.
pub fn day(instant: &str) -> &str {
    instant.split('T').next().unwrap_or(instant)
}

/// An instant as people read it.
pub fn minute(instant: &str) -> String {
    match instant.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..5).unwrap_or(time)),
        None => instant.to_owned(),
    }
}

/// `file:line`, or that it is built in.
pub fn place(place: Option<&Place>) -> String {
    place.map_or_else(|| "built in".to_owned(), |Place { file, line }| format!("{file}:{line}"))
}

/// Text within a line: nothing hidden, and no command of a workflow's log.
pub fn visible(text: &str) -> String {
    printable(text).replace("##[", "#\\u{23}[")
}

/// With which service, where.
pub fn used_with(LastUseFacts { service, region, .. }: &LastUseFacts) -> String {
    [service, region].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// To whom mail went.
pub fn told_to(to: &[ToldTo]) -> String {
    let words = to.iter().map(|to| match to.by.as_str() {
        "mail" => to.address.clone(),
        by => format!("{} ({by})", to.address),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The criteria that a row does not meet, the worst first: `fail: 90 days, own limit`.
pub fn shortcomings(row: &KeyRow) -> String {
    let of = |verdict: Verdict| {
        let names = row.criteria.iter().filter(|(_, own)| *own == verdict).map(|(criterion, _)| criterion.short());
        let names = names.collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{}: {names}", verdict.as_str()))
    };
    let parts = [Verdict::Fail, Verdict::Unknown, Verdict::Excepted].into_iter().filter_map(of);
    let parts = parts.collect::<Vec<_>>().join("; ");
    match (parts.is_empty(), row.criteria.is_empty()) {
        (false, _) => parts,
        (true, true) => String::new(),
        (true, false) => Verdict::Pass.as_str().to_owned(),
    }
}

/// By account, how many keys do not pass, and the worst verdict of these; an account without such keys is not there.
pub fn worst_by_account(evidence: &Evidence) -> HashMap<&str, (usize, Verdict)> {
    let mut worst_of: HashMap<&str, (usize, Verdict)> = HashMap::new();
    for row in &evidence.keys {
        let worst = row.criteria.iter().map(|(_, verdict)| *verdict).min();
        if let Some(worst) = worst.filter(|worst| *worst != Verdict::Pass) {
            let (count, verdict) = worst_of.entry(&row.account).or_insert((0, worst));
            *count += 1;
            *verdict = worst.min(*verdict);
        }
    }
    worst_of
}

/// How the accounts of a report are named: by name, with the id where several have it; not at all where there is one.
pub struct AccountNames<'a> {
    are_many: bool,
    /// In lower case.
    shared: HashSet<String>,
    evidence: &'a Evidence,
}

impl<'a> AccountNames<'a> {
    /// Those of a report.
    pub fn of(evidence: &'a Evidence) -> Self {
        let Completeness { accounts_unread, accounts_left_out, .. } = &evidence.completeness;
        let read = evidence.accounts.iter().filter_map(|it| Some((it.account_name.as_deref()?, it.account.as_str())));
        let unread =
            accounts_unread.iter().filter_map(|it| Some((it.account_name.as_deref()?, it.account.as_deref()?)));
        let left_out = accounts_left_out.iter().map(|it| (it.account_name.as_str(), it.account.as_str()));
        let mut owners: HashMap<String, HashSet<&str>> = HashMap::new();
        for (name, id) in read.chain(unread).chain(left_out) {
            owners.entry(name.to_lowercase()).or_default().insert(id);
        }
        let shared = owners.into_iter().filter(|(_, ids)| ids.len() > 1).map(|(name, _)| name).collect();
        let are_many = evidence.accounts.len() + accounts_unread.len() > 1;
        Self { are_many, shared, evidence }
    }

    /// An account in a word or two.
    pub fn short(&self, id: &str, name: Option<&str>) -> String {
        match name {
            Some(name) if self.is_shared(name) => format!("{name} ({id})"),
            Some(name) => name.to_owned(),
            None => id.to_owned(),
        }
    }

    /// A user; with its account where there are several.
    pub fn user(&self, user: &str, id: &str, name: Option<&str>) -> String {
        if self.are_many { format!("{user} in {}", self.short(id, name)) } else { user.to_owned() }
    }

    /// The account of an exemption as it is written; with the ids of all in which it holds, where several have that name. `None`: it
    /// holds in each.
    pub fn exempted(&self, exception: &Exception) -> Option<String> {
        let name = exception.account.as_ref()?;
        let read = self.evidence.accounts.iter().map(|it| (it.account_name.as_deref(), Some(it.account.as_str())));
        let unread = &self.evidence.completeness.accounts_unread;
        let unread = unread.iter().map(|it| (it.account_name.as_deref(), it.account.as_deref()));
        let is_it = |own: Option<&str>| own.is_some_and(|own| own.to_lowercase() == name.to_lowercase());
        let ids: Vec<&str> = read.chain(unread).filter(|(own, _)| is_it(*own)).filter_map(|(_, id)| id).collect();
        Some(match self.is_shared(name) && !ids.is_empty() {
            true => format!("{name} ({})", ids.join(", ")),
            false => name.clone(),
        })
    }

    /// The name of an account that was read, by its id.
    pub fn name_of(&self, id: &str) -> Option<&'a str> {
        self.evidence.accounts.iter().find(|it| it.account == id)?.account_name.as_deref()
    }

    /// The accounts that could not be read, to be told by cause.
    pub fn unread(&self) -> Vec<UnreadAccount> {
        let account = |one: &Unread| UnreadAccount {
            id: one.account.clone(),
            name: one.account_name.clone(),
            shares_name: one.account_name.as_deref().is_some_and(|name| self.is_shared(name)),
            error: one.error.clone(),
            hint: one.hint.clone(),
        };
        self.evidence.completeness.accounts_unread.iter().map(account).collect()
    }

    fn is_shared(&self, name: &str) -> bool {
        self.shared.contains(&name.to_lowercase())
    }
}
