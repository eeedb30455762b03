//! What is odd about the manifests, said once for all accounts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    inventory::{Account, UnreadAccount},
    manifest::{Code, Manifest},
    observe::{Place, absent_everywhere, is_absence},
};

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
}

/// What is said in accounts, added up one account after the other.
#[derive(Default)]
pub struct Remarks {
    accounts: Vec<Account>,
    /// Of those that say that somebody is not there: in how many accounts.
    absent: BTreeMap<Place, usize>,
    said: BTreeSet<Remark>,
    /// In the order in which they were said first.
    all: Vec<Remark>,
}

impl Remarks {
    /// Adds those of an account.
    pub fn add(&mut self, account: Account, remarks: Vec<Remark>) {
        self.accounts.push(account);
        for place in remarks.iter().filter_map(absence).collect::<BTreeSet<_>>() {
            *self.absent.entry(place).or_default() += 1;
        }
        for remark in remarks {
            if self.said.insert(remark.clone()) {
                self.all.push(remark);
            }
        }
    }

    /// As one run says it: who is not in one account may be in another, so that is said only where it is true of all in which the rule
    /// or the exemption holds, and once; and not where it may hold in one that is unread.
    pub fn finish(self, manifest: &Manifest, unread: &[UnreadAccount]) -> Vec<Remark> {
        let Self { accounts, absent, all, .. } = self;
        let mut absent = absent_everywhere(manifest, &accounts.iter().collect::<Vec<_>>(), &absent, unread);
        let told = |remark: Remark| match absence(&remark) {
            None => Some(remark),
            Some(place) => {
                let message = absent.remove(&place)?.unwrap_or(remark.message);
                Some(Remark { message, ..remark })
            }
        };
        all.into_iter().filter_map(told).collect()
    }
}

/// Where it is said that somebody is not there, if that is what it says.
fn absence(remark: &Remark) -> Option<Place> {
    let code = Code::ALL.iter().copied().find(|code| code.as_str() == remark.code).filter(|code| is_absence(*code))?;
    Some((code, remark.file.clone(), remark.line, remark.column))
}
