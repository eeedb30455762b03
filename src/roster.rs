//! Who is in scope: the manifest resolved against the users of one account.

use std::sync::Arc;

use crate::{
    inventory::{Account, User},
    manifest::{Exemption, Policy, Source},
};

/// One entry for each user in scope, sorted by name.
#[derive(Clone, Debug)]
pub struct Roster {
    pub account: Account,
    pub entries: Vec<Entry>,
    /// How many users no rule selects.
    pub unmanaged: usize,
    /// `[mail] from` and `reply-to`, for whoever is told.
    pub from: Option<String>,
    pub reply_to: Option<String>,
    /// `[mail] fallback`.
    pub fallback: Vec<String>,
}

/// A user in scope, with the policy that holds for it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub user: User,
    /// The `[[rotate]]` that selects it.
    pub rule: Source,
    pub policy: Arc<Policy>,
    /// The name of its secret: the template filled in, `,` replaced by `_`.
    pub secret: String,
    /// Whom to tell: addresses, and tags resolved. Empty with [`Entry::tell_nobody`] unset: nobody can be told.
    pub recipients: Vec<String>,
    /// The exemption that holds now.
    pub exempt: Option<Exemption>,
}

impl Entry {
    /// Whether the manifest says `notify = []`.
    pub fn tell_nobody(&self) -> bool {
        self.policy.notify.value.is_empty()
    }
}
