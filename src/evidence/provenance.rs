//! Where the manifests come from, as far as git or whoever packed them said.

use std::collections::BTreeMap;

use crate::manifest::Source;

/// Where the manifests come from.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// Their folder, as it was named.
    pub folder: String,
    /// Their commit, if it is known.
    pub commit: Option<String>,
    /// Whether they differ from it.
    pub is_dirty: bool,
    /// Why the commit is not known, or what is to be said of it.
    pub note: Option<String>,
    /// Who granted each `[[exempt]]`, by its place.
    pub grants: BTreeMap<Source, Grant>,
}

/// Who made an exemption what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A commit says so.
    Known {
        /// Its full id.
        commit: String,
        /// `Name <address>`.
        author: String,
        /// RFC 3339, in UTC.
        at: String,
    },
    /// Why nobody can tell.
    Unknown(String),
}
