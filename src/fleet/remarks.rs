//! What is odd about the manifests, said once for all accounts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What is odd about the manifests in one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Remark {
    /// Stable: `KR0007`.
    pub code: String,
    /// Where it stands.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is odd.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// It says that somebody is not there: that is so only where it is so in all accounts.
    pub is_absence: bool,
    /// The same, and it is said only where no account is unread.
    pub is_of_rule: bool,
}

/// Where something is said: its code, file, line and column.
type Place = (String, String, usize, usize);

/// What is said in accounts, added up one account after the other.
#[derive(Default)]
pub struct Remarks {
    accounts: usize,
    /// Of those that say that somebody is not there: in how many accounts.
    absent: BTreeMap<Place, usize>,
    said: BTreeSet<Remark>,
    /// In the order in which they were said first.
    all: Vec<Remark>,
}

impl Remarks {
    /// Adds those of an account.
    pub fn add(&mut self, remarks: Vec<Remark>) {
        self.accounts += 1;
        let absences = remarks.iter().filter(|one| one.is_absence);
        for place in absences.map(place).collect::<BTreeSet<_>>() {
            *self.absent.entry(place).or_default() += 1;
        }
        for remark in remarks {
            if self.said.insert(remark.clone()) {
                self.all.push(remark);
            }
        }
    }

    /// As one run says it: who is not in one account may be in another, so that is said only where it is true of all, and once; and
    /// of a rule that selects nobody only where no account is unread.
    pub fn finish(self, is_unread: bool) -> Vec<Remark> {
        let Self { accounts, mut absent, all, .. } = self;
        let mut is_true = |remark: &Remark| {
            !remark.is_absence || absent.remove(&place(remark)).is_some_and(|count| count == accounts)
        };
        all.into_iter().filter(|remark| is_true(remark) && !(is_unread && remark.is_of_rule)).collect()
    }
}

fn place(remark: &Remark) -> Place {
    (remark.code.clone(), remark.file.clone(), remark.line, remark.column)
}
