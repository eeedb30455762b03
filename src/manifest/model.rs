//! What manifests say, valid and merged.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    accounts::DeclaredAccount,
    deliver::Deliver,
    diagnostic::Sources,
    events::Events,
    limits::{Limits, Pace},
    mail::Mail,
    organization::{Organization, UnitName},
    patterns::Patterns,
    policy::Policy,
    schedule::Schedule,
    source::Source,
};
use crate::delivery::Place;

/// All manifests of one folder, valid and merged.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// Every `[[rotate]]`, in the order of files and lines.
    pub rules: Vec<Rule>,
    /// Every `[[exempt]]`.
    pub exemptions: Vec<Exemption>,
    /// What holds where no rule says anything: built in, and `[defaults]`.
    pub defaults: Arc<Policy>,
    /// `[mail]`.
    pub mail: Mail,
    /// `[events]`.
    pub events: Events,
    /// `[limits]`.
    pub limits: Limits,
    /// `[pace]`.
    pub pace: Pace,
    /// `[schedule]`.
    pub schedule: Schedule,
    /// `[deliver]`.
    pub deliver: Deliver,
    /// By name. Empty: the account of the caller.
    pub accounts: BTreeMap<String, DeclaredAccount>,
    /// `[organization]`: where more accounts are found.
    pub organization: Option<Organization>,
    /// Of the files: see [`super::fingerprint`].
    pub fingerprint: String,
    pub(crate) sources: Sources,
}

impl Manifest {
    /// What the names of all secrets begin with that the rules give to users.
    pub fn secret_prefix(&self) -> &str {
        let literals = self.rules.iter().map(|rule| {
            let name = &rule.policy.secret.value;
            name.split_once('{').map_or(name.as_str(), |(literal, _)| literal)
        });
        literals.reduce(shared).unwrap_or_default()
    }

    /// Whether no accounts are named, nor is told where to find them: then it is the caller's.
    pub fn is_of_caller(&self) -> bool {
        self.accounts.is_empty() && self.organization.is_none()
    }

    /// A region that the manifests name: taken where nothing else tells one.
    pub fn region(&self) -> Option<&str> {
        let declared = self.accounts.values().find_map(|account| account.region.as_deref());
        declared.or_else(|| self.organization.as_ref()?.region.as_deref())
    }

    /// Whether a rule delivers to GitHub: then it is called.
    pub fn delivers_to_github(&self) -> bool {
        self.rules.iter().any(|rule| rule.policy.deliver.value.iter().any(Place::is_of_github))
    }

    /// The text of one of its files, by its path as it is shown.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.sources.text(file)
    }
}

/// What both begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let differs = |((_, a), b): &((usize, char), char)| a != b;
    let end = one.char_indices().zip(other.chars()).find(differs).map_or(one.len().min(other.len()), |((at, _), _)| at);
    &one[..end]
}

/// One `[[rotate]]` table: whom it selects, and the policy after merging built-in values, `[defaults]` and its own.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line of `[[rotate]]`.
    pub source: Source,
    /// Account names or ids; empty: every account.
    pub accounts: Patterns,
    /// Organizational units that an account must be below; empty: wherever it is.
    pub units: Vec<UnitName>,
    /// The tags that an account must have, each with one of these values.
    pub account_tags: BTreeMap<String, Patterns>,
    /// Empty lists select everyone; a rule has at least one of users, tags, groups and paths.
    pub users: Patterns,
    /// The tags that a user must have, each with one of these values.
    pub tags: BTreeMap<String, Patterns>,
    /// Of which it must be in one.
    pub groups: Patterns,
    /// Of which it must be at one.
    pub paths: Patterns,
    /// Users that it does not select after all.
    pub except: Patterns,
    /// What holds for whom it selects.
    pub policy: Arc<Policy>,
}

/// One `[[exempt]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The line of `[[exempt]]`.
    pub source: Source,
    /// The IAM user.
    pub user: String,
    /// An account's name or id; `None`: every account.
    pub account: Option<String>,
    /// Why.
    pub reason: String,
    /// The first instant at which it no longer holds (`until` names its last day, UTC).
    pub ends: Option<DateTime<Utc>>,
}
