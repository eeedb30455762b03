//! Where an organisation has an account: what rules select by, beside names and ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An organizational unit, or the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// `ou-…`, or `r-…` of the root.
    pub id: String,
    /// The names from the root down, joined by `/`: `Workloads/Prod`; of the root its own name.
    pub path: String,
}

/// The place of an account in its organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// How AWS Organizations calls it, whatever the manifests do.
    pub name: String,
    /// From the root down to the unit that it is in; empty where nobody asked.
    pub units: Vec<Unit>,
    /// The tags of the account, which compare with case; empty where nobody asked.
    pub tags: BTreeMap<String, String>,
    /// Whether it manages the organisation: StackSets lay nothing there.
    pub is_management: bool,
    /// Whether another account has the name by which this one is shown: then its id stands beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_name: bool,
}
