//! What manifests say, valid and merged.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    accounts::DeclaredAccount,
    diagnostic::Sources,
    limits::{Limits, Pace},
    mail::Mail,
    pattern::Pattern,
    policy::Policy,
    schedule::Schedule,
    source::Source,
};

/// All manifests of one folder, valid and merged.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub rules: Vec<Rule>,
    pub exemptions: Vec<Exemption>,
    /// What holds where no rule says anything: built in, and `[defaults]`.
    pub defaults: Arc<Policy>,
    pub mail: Mail,
    pub limits: Limits,
    pub pace: Pace,
    pub schedule: Schedule,
    /// By name. Empty: the account of the caller.
    pub accounts: BTreeMap<String, DeclaredAccount>,
    pub(crate) sources: Sources,
}

/// One `[[rotate]]` table: whom it selects, and the policy after merging built-in values, `[defaults]` and its own.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line of `[[rotate]]`.
    pub source: Source,
    /// Account names or ids; empty: every account.
    pub accounts: Vec<Pattern>,
    /// Empty lists select everyone; a rule has at least one of users, tags, groups and paths.
    pub users: Vec<Pattern>,
    pub tags: BTreeMap<String, Vec<Pattern>>,
    pub groups: Vec<Pattern>,
    pub paths: Vec<Pattern>,
    pub except: Vec<Pattern>,
    pub policy: Arc<Policy>,
}

/// One `[[exempt]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub source: Source,
    pub user: String,
    /// An account's name or id; `None`: every account.
    pub account: Option<String>,
    pub reason: String,
    /// The first instant at which it no longer holds (`until` names its last day, UTC).
    pub ends: Option<DateTime<Utc>>,
}
