//! The accounts of a run, as the first step lists them and the state machine hands them on, one an invocation.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::names::RunId;
use crate::{
    inventory::{Account, Membership, UnreadAccount},
    manifest::{DeclaredAccount, Manifest},
    names::is_account_id,
    organization::{self, Found, Member},
    untrusted::printable,
    workload::{Measured, Workload},
};

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Listed {
    /// Its 12 digits.
    pub id: String,
    /// What the manifests or the organisation call it; `None`: the account of the function, which nobody names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where its organisation has it, as far as rules ask; `None`: it was not found by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// When a run that enforces began which could not read it, if nobody has since: what was due then is due still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_since: Option<DateTime<Utc>>,
}

/// What the first step leaves of a run: the accounts that it is about, and the manifests that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunAccounts {
    /// `keyrota/fleet-accounts/v1`.
    schema: String,
    /// The fingerprint of the manifests: an account is not done by others.
    pub manifests: String,
    /// Their commit, if it is known.
    pub commit: Option<String>,
    /// All of them, those that are done included.
    pub accounts: Vec<Listed>,
    /// Accounts that nobody looks at, and why.
    pub left_out: Vec<UnreadAccount>,
}

/// What each file says it is; fields are only added.
const SCHEMA: &str = "keyrota/fleet-accounts/v1";

impl RunAccounts {
    /// The accounts of a run, by these manifests.
    #[must_use]
    pub fn new(manifest: &Manifest, commit: Option<&str>, accounts: Vec<Listed>, left_out: Vec<UnreadAccount>) -> Self {
        let (schema, commit) = (SCHEMA.to_owned(), commit.map(str::to_owned));
        Self { schema, manifests: manifest.fingerprint.clone(), commit, accounts, left_out }
    }

    /// As it is kept.
    #[must_use]
    pub fn render(&self) -> String {
        serde_json::to_string(self).expect("no map has keys other than strings") + "\n"
    }

    /// Reads what [`Self::render`] wrote.
    ///
    /// # Errors
    /// It is something else, or names an account twice.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let all: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if all.schema != SCHEMA {
            return Err(format!("its `schema` is not {SCHEMA}"));
        }
        check(&all.accounts)?;
        Ok(all)
    }

    /// That an account of the run is not done by the manifests that keyrota has now; `None`: it is.
    #[must_use]
    pub fn changed(&self, run: &RunId, manifest: &Manifest, commit: Option<&str>) -> Option<String> {
        let named = |fingerprint: &str, commit: Option<&str>| match commit {
            Some(commit) => format!("{fingerprint} (commit {})", printable(commit)),
            None => fingerprint.to_owned(),
        };
        (self.manifests != manifest.fingerprint).then(|| {
            format!(
                "the run {run} began with the manifests {}, and this package has {}: one run does not do accounts by two versions of \
                 them. Start another execution without `run`: an account that is done costs it no more than its reading",
                named(&printable(&self.manifests), self.commit.as_deref()),
                named(&manifest.fingerprint, commit),
            )
        })
    }
}

impl Listed {
    /// As far as rules and exemptions ask which account it is.
    pub(super) fn account(&self) -> Account {
        let membership = self.membership.clone().map(Arc::new);
        let (partition, region) = (String::new(), String::new());
        Account { id: self.id.clone(), name: self.name.clone(), partition, region, membership }
    }

    /// An account under the name that the manifests look at it by.
    #[must_use]
    pub fn new(name: &str, account: &DeclaredAccount) -> Self {
        let membership = account.membership.as_deref().cloned();
        Self { id: account.id.clone(), name: Some(name.to_owned()), membership, unread_since: None }
    }

    /// Whether this is the same account, entered the same way.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.id, &self.name, &self.membership) == (&other.id, &other.name, &other.membership)
    }

    /// What is known of it from earlier runs, as the list has it.
    #[must_use]
    pub fn workload(&self) -> Workload {
        let measured = Measured { unread_since: self.unread_since, ..Measured::default() };
        Workload { is_kept: true, accounts: [(self.id.clone(), measured)].into() }
    }

    /// The account as these manifests declare it, or find it where the list says that its organisation has it; `own` is the
    /// account of the caller. `None`: they do not look there.
    #[must_use]
    pub fn declared(&self, manifest: &Manifest, own: &str) -> Option<(String, DeclaredAccount)> {
        let member = self.membership.as_ref().zip(self.name.as_ref()).map(|(membership, name)| Member {
            id: self.id.clone(),
            name: name.clone(),
            inactive: None,
            membership: Arc::new(membership.clone()),
        });
        let members = member.into_iter().collect();
        let listed = organization::Listed { units: Vec::new(), members, is_whole: false };
        let found = Found::within(manifest, &listed, Some(own));
        found.accounts.into_iter().find(|(_, account)| account.id == self.id)
    }

    /// The account as one that could not be read.
    #[must_use]
    pub fn unread(&self, error: String, hint: Option<String>) -> UnreadAccount {
        let shares_name = self.membership.as_ref().is_some_and(|membership| membership.shares_name);
        UnreadAccount { id: Some(self.id.clone()), name: self.name.clone(), shares_name, error, hint }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({})", self.id, printable(name)),
            None => f.write_str(&self.id),
        }
    }
}

/// As the state machine reads them: a JSON array, an item an account.
#[must_use]
pub fn render_list(accounts: &[Listed]) -> String {
    serde_json::to_string(accounts).expect("no map has keys other than strings") + "\n"
}

/// Reads what [`render_list`] wrote.
///
/// # Errors
/// It is something else, or names an account twice.
pub fn parse_list(text: &[u8]) -> Result<Vec<Listed>, String> {
    let listed: Vec<Listed> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    check(&listed)?;
    Ok(listed)
}

fn check(listed: &[Listed]) -> Result<(), String> {
    let mut ids: Vec<&str> = listed.iter().map(|account| account.id.as_str()).collect();
    if let Some(id) = ids.iter().find(|id| !is_account_id(id)) {
        return Err(format!("{} is not the id of an account", printable(id)));
    }
    ids.sort_unstable();
    match ids.windows(2).find(|two| two[0] == two[1]) {
        Some(twice) => Err(format!("it names account {} twice", twice[0])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Unit;

    #[test]
    fn lists_are_read_as_they_were_written_and_nothing_else_is_one() {
        let named = Listed {
            id: "111122223333".to_owned(),
            name: Some("payments".to_owned()),
            membership: Some(Membership {
                name: "payments".to_owned(),
                units: vec![Unit { id: "ou-ab12-11111111".to_owned(), path: "Workloads".to_owned() }],
                tags: [("stage".to_owned(), "prod".to_owned())].into(),
                is_management: false,
                shares_name: false,
            }),
            unread_since: Some("2026-11-01T08:00:00Z".parse().expect("a time")),
        };
        let own = Listed { id: "444455556666".to_owned(), ..Listed::default() };
        let all = vec![named.clone(), own];
        assert_eq!(parse_list(render_list(&all).as_bytes()), Ok(all));
        assert_eq!(parse_list(b"[]"), Ok(vec![]));
        for text in ["", "{}", "[{}]", r#"[{"id":"1"}]"#, r#"[{"id":"111122223333","key":"x"}]"#] {
            assert!(parse_list(text.as_bytes()).is_err(), "{text}");
        }
        let twice = render_list(&[named.clone(), named]);
        assert_eq!(parse_list(twice.as_bytes()), Err("it names account 111122223333 twice".to_owned()));
    }
}
