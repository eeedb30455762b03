//! An access key, as IAM lists it.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

/// An access key's id (`AKIA…`): not a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// An id as IAM writes it, such as `AKIAIOSFODNN7EXAMPLE`.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Arc::from(id.as_ref()))
    }

    /// As IAM writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether IAM accepts requests signed with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It does.
    Active,
    /// It refuses them, until someone activates the key again.
    Inactive,
}

/// When a key was last used, as `GetAccessKeyLastUsed` tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum LastUse {
    /// Not asked for yet: the planner asks when it needs to know.
    Unread,
    /// AWS has no record of a use.
    Never,
    /// At this time, with a service in a region where AWS noted them.
    At { time: DateTime<Utc>, service: Option<String>, region: Option<String> },
}

/// An access key, as `ListAccessKeys` answers it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whether it works.
    pub status: Status,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it was used last, as far as that was read.
    pub last_use: LastUse,
}

impl Key {
    /// Whether IAM accepts requests signed with it.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}
