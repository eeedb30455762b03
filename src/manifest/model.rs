//! What manifests say, valid and merged.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    diagnostic::Sources,
    pattern::Pattern,
    policy::Policy,
    schedule::Schedule,
    source::{Source, Sourced},
};
use crate::{
    notice::Sender,
    template::{Language, Templates},
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

/// `[mail]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Set whenever anyone is to be told.
    pub from: Option<String>,
    /// The SES identity of another account that permits this one to send for it.
    pub from_arn: Option<String>,
    pub reply_to: Option<String>,
    /// The SES configuration set to send with.
    pub configuration_set: Option<String>,
    /// The region whose SES sends; `None`: that of the caller.
    pub region: Option<String>,
    pub fallback: Vec<String>,
    pub digest: Vec<String>,
    /// Of the digest: that of `[defaults]`.
    pub language: Language,
    /// The mails that the team writes itself.
    pub templates: Arc<Templates>,
    /// Where each of the above was written, by its key, or by the name of the template.
    pub places: BTreeMap<String, Source>,
}

impl Mail {
    /// The sender of all mail; `None` where nobody is ever told.
    pub fn sender(&self) -> Option<Sender> {
        let Self { from, from_arn, reply_to, configuration_set, region, .. } = self.clone();
        Some(Sender { from: from?, from_arn, reply_to, configuration_set, region })
    }
}

/// `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub max_actions: Option<Sourced<u32>>,
    /// Of the keys in scope; 0 to 100.
    pub max_percent: Option<Sourced<u32>>,
}

/// `[pace]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// As written; 0: no bound.
    pub max_rotations: Option<Sourced<u32>>,
}

impl Pace {
    /// How many rotations a run begins in one account where the manifests say nothing.
    pub const MAX_ROTATIONS: u32 = 25;

    /// How many rotations a run begins in one account; `None`: as many as are due.
    pub fn max_rotations(&self) -> Option<usize> {
        let most = self.max_rotations.as_ref().map_or(Self::MAX_ROTATIONS, |most| most.value);
        usize::try_from(most).ok().filter(|most| *most > 0)
    }
}

/// One `[accounts.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredAccount {
    pub source: Source,
    /// 12 digits.
    pub id: String,
    /// A role's name or ARN to assume there; `None`: the caller's own credentials.
    pub role: Option<String>,
    pub region: Option<String>,
}
