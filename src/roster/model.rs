//! Who is in scope, and what holds for each.

use std::sync::Arc;

use crate::{
    delivery::Target,
    inventory::{Account, User},
    manifest::{Exemption, Mail, Policy, Source, diagnostic::quote, schedule::Runs},
};

/// One entry for each user in scope, sorted by name.
#[derive(Clone, Debug)]
pub struct Roster {
    /// Whose users these are.
    pub account: Account,
    /// Who is in scope, by name.
    pub entries: Vec<Entry>,
    /// The users that no rule selects, by name.
    pub unmanaged: Vec<User>,
    /// What `[defaults]` says: how old a key may get of which no rule speaks.
    pub defaults: Arc<Policy>,
    /// Who tells, and who is told when the owner can't be.
    pub mail: Mail,
    /// When scheduled runs come.
    pub runs: Runs,
    /// How many rotations a run begins; `None`: as many as are due.
    pub pace: Option<usize>,
}

impl Roster {
    /// The entry of a user, by its name as IAM spells it.
    pub fn entry(&self, user: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.user.name.as_str().cmp(user)).ok()?;
        self.entries.get(at)
    }
}

/// A user in scope, with the policy that holds for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The IAM user.
    pub user: User,
    /// The `[[rotate]]` that selects it.
    pub rule: Source,
    /// What holds for it.
    pub policy: Arc<Policy>,
    /// The name of its secret: the template filled in, `,` replaced by `_`.
    pub secret: String,
    /// Where the credential goes beside its secret.
    pub deliver: Vec<Target>,
    /// Whom to tell: addresses, and tags resolved. Empty with [`Entry::tell_nobody`] unset: nobody can be told.
    pub recipients: Vec<String>,
    /// What `notify` names, and the user has no address in.
    pub without_address: Vec<WithoutAddress>,
    /// The exemption that holds now.
    pub exempt: Option<Exemption>,
    /// What the manifests say twice of this user: nothing is done until someone decides.
    pub conflict: Option<Conflict>,
}

/// Where an address should be, and is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WithoutAddress {
    /// The user has no such tag.
    NoTag(String),
    /// The user's tag of this name says something else.
    Tag(String),
    /// The user is to be told at its name, which is no address.
    UserName,
}

impl WithoutAddress {
    /// Says so of a user.
    pub fn of(&self, user: &str) -> String {
        let user = quote(user);
        match self {
            Self::NoTag(tag) => format!("{user} has no tag {}", quote(tag)),
            Self::Tag(tag) => format!("the tag {} of {user} holds no mail address", quote(tag)),
            Self::UserName => format!("the name of {user} is no mail address"),
        }
    }
}

/// Two places in the manifests that contradict each other for a user that exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Conflict {
    /// Two rules of the same rank select it.
    AmbiguousRules { rules: [Source; 2] },
    /// Another user has the same secret. Each place is what selects the one and the other.
    SharedSecret { secret: String, other: String, places: [Source; 2] },
    /// Another user's credential would go to the same place. Each of the two is what selects the one and the other.
    SharedPlace { place: String, other: String, places: [Source; 2] },
}

impl Entry {
    /// Whether a rule selects it; it may be in scope because of its exemption alone, and is unmanaged when that ends.
    pub fn is_selected(&self) -> bool {
        self.exempt.as_ref().is_none_or(|exemption| exemption.source != self.rule)
    }

    /// Whether the manifest says `notify = []`.
    pub fn tell_nobody(&self) -> bool {
        self.policy.notify.value.is_empty()
    }
}
