//! What a plan is made of: pure data.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    kms_key::KmsKeyChange,
    reason::{Reason, Retirement},
    waiting_on::WaitingOn,
};
use crate::{
    counted::counted,
    inventory::{Account, Key, KeyId, LastUse, Status, UnmanagedKey, UnreadAccount},
    manifest::Source,
    notice::Sender,
    template::Language,
    time::{Day, Duration},
};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// So many users are named in one warning.
const MOST_NAMED: usize = 10;

/// What one run would do, in all its accounts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The instant it was made for.
    pub as_of: DateTime<Utc>,
    /// Sorted by account and user.
    pub changes: Vec<Change>,
    /// Who waits, and for what.
    pub waiting: Vec<Waiting>,
    /// Who needs nothing now.
    pub settled: Vec<Settled>,
    /// Users of whom a run that tends has read nothing, because nothing of theirs is due.
    pub resting: usize,
    /// The rotations that wait for their turn, in the order of their turns: each takes the place of one that can't begin. They
    /// are among those that wait, too.
    pub queue: Vec<Change>,
    /// Users that no rule selects.
    pub unmanaged: Vec<UnmanagedUser>,
    /// Keys of the users in scope, whatever their status.
    pub keys: usize,
    /// The accounts of which nothing could be read.
    pub accounts_unread: Vec<UnreadAccount>,
    /// What concerns no single change.
    pub warnings: Vec<Warning>,
}

/// A user that no rule selects: nothing is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmanagedUser {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// `None`: they were not read.
    pub keys: Option<Vec<UnmanagedKey>>,
    /// The age of the oldest active key, if that is more than `[defaults]` allows.
    pub over_age: Option<TimeDelta>,
}

/// A key that works and is older than its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The oldest one.
    pub key: KeyId,
    /// How old it is.
    pub age: TimeDelta,
    /// How old it may get.
    pub limit: TimeDelta,
}

/// Who is told of what is done to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tells {
    /// Empty: nobody, on purpose.
    pub recipients: Vec<String>,
    /// Whether those are told because the owner has no address.
    pub is_fallback: bool,
}

/// What whoever runs keyrota should know before they do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Warning {
    /// keyrota runs with an access key of a user that it rotates: that ends with that key.
    OwnKey { account: Arc<Account>, user: String, key: KeyId },
    /// A replica of the user's secret is not what it should be.
    ReplicaFailed { account: Arc<Account>, user: String, secret: String, region: String, why: String },
    /// The secret is replicated to where the manifest does not say: nothing is taken away.
    ExtraReplicas { account: Arc<Account>, user: String, secret: String, regions: Vec<String> },
    /// The secret that the manifest named before still hands out a key that is replaced.
    SecretLeft {
        account: Arc<Account>,
        user: String,
        secret: String,
        /// Where the credential is now.
        to: String,
        key: KeyId,
        works: bool,
    },
    /// Clients of the user hold an SMTP password that derives from its key, and the manifest does not say so.
    SmtpPassword { account: Arc<Account>, user: String, sign: String },
    /// Who of the users sends mail by SES's SMTP is not known for certain, for their policies could not be read.
    PoliciesUnread { account: Arc<Account> },
    /// Users that no rule selects have keys that are older than `[defaults]` allows.
    UnmanagedOverAge {
        account: Arc<Account>,
        /// Each with the age of its oldest key, the oldest first.
        users: Vec<(String, TimeDelta)>,
        limit: TimeDelta,
    },
    /// How old the keys are of users that no rule selects could not be read.
    UnmanagedUnread { account: Arc<Account>, users: usize, why: String },
    /// The pace is too slow for the users in scope, so that keys get older than `max-age`.
    PaceTooSlow {
        account: Arc<Account>,
        /// How many users have keys, how soon the first of them is due again, and how often runs come, in words.
        users: usize,
        lives: String,
        every: String,
        most: usize,
        /// How many rotations a run would have to begin.
        needed: usize,
    },
    /// Keys get too old while they wait for their turn.
    PaceLate {
        account: Arc<Account>,
        /// How many rotations wait, how many a run begins, and when the last of them does.
        waiting: usize,
        most: usize,
        last: DateTime<Utc>,
        keys: usize,
    },
}

impl Warning {
    /// Stable, kebab-case: for the plan's JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OwnKey { .. } => "own-key",
            Self::ReplicaFailed { .. } => "replica-failed",
            Self::ExtraReplicas { .. } => "extra-replicas",
            Self::SecretLeft { .. } => "secret-left",
            Self::SmtpPassword { .. } => "smtp-password",
            Self::PoliciesUnread { .. } => "policies-unread",
            Self::UnmanagedOverAge { .. } => "unmanaged-over-age",
            Self::UnmanagedUnread { .. } => "unmanaged-unread",
            Self::PaceTooSlow { .. } | Self::PaceLate { .. } => "pace",
        }
    }

    /// The account and the user that it is about; `None`: no one user.
    pub fn about(&self) -> (&Account, Option<&str>) {
        match self {
            Self::OwnKey { account, user, .. }
            | Self::ReplicaFailed { account, user, .. }
            | Self::ExtraReplicas { account, user, .. }
            | Self::SecretLeft { account, user, .. }
            | Self::SmtpPassword { account, user, .. } => (account, Some(user)),
            Self::PoliciesUnread { account }
            | Self::UnmanagedOverAge { account, .. }
            | Self::UnmanagedUnread { account, .. }
            | Self::PaceTooSlow { account, .. }
            | Self::PaceLate { account, .. } => (account, None),
        }
    }

    /// The key that keyrota runs with, if that is one of the change's user.
    pub fn own_key_of(&self, change: &Change) -> Option<&KeyId> {
        match self {
            Self::OwnKey { key, .. } if self.about() == (&*change.account, Some(change.user.as_str())) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnKey { account: _, user, key } => write!(
                f,
                "keyrota runs with {key} of {user}, which is in scope: it is done last, and ends keyrota's access when the \
                 key is deactivated; run it with a role, or with a user that is exempt"
            ),
            Self::ReplicaFailed { account: _, user, secret, region, why } => {
                write!(
                    f,
                    "{user}: {}",
                    WaitingOn::ReplicaFailed { secret: secret.clone(), region: region.clone(), why: why.clone() }
                )
            }
            Self::ExtraReplicas { account: _, user, secret, regions } => write!(
                f,
                "{user}: the secret `{secret}` is replicated to {}, which its `replicate-to` does not name; keyrota takes \
                 nothing away: aws secretsmanager remove-regions-from-replication does, if nothing reads it there",
                regions.join(", ")
            ),
            Self::SecretLeft { account: _, user, secret, to, key, works } => {
                let state = if *works { "which is replaced" } else { "which does not work any more" };
                write!(
                    f,
                    "{user}: its credential has moved to the secret `{to}`, and `{secret}` still hands out {key}, {state}: \
                     make what reads it read the other, then delete it"
                )
            }
            Self::SmtpPassword { account: _, user, sign } => write!(
                f,
                "{user} sends mail by SES's SMTP, {sign} says: a new key changes the password of its clients; `smtp = true` in its \
                 rule stores that beside the key"
            ),
            Self::PoliciesUnread { account } => write!(
                f,
                "the policies of users of account {account} could not be read: who sends mail by SES's SMTP is known by names and groups \
                 only, and a new key changes the password of such clients; grant `iam:GetAccountAuthorizationDetails`"
            ),
            Self::UnmanagedOverAge { account: _, users, limit } => {
                let named = users.iter().take(MOST_NAMED).map(|(user, age)| format!("{user} ({}d)", age.num_days()));
                let named = named.collect::<Vec<_>>().join(", ");
                let more = users.len().saturating_sub(MOST_NAMED);
                let more =
                    if more == 0 { String::new() } else { format!(" and {more} more (keyrota status --unmanaged)") };
                let (keys, is) =
                    if users.len() == 1 { ("1 user that no rule selects has a key", "is") } else { ("", "are") };
                let who = if keys.is_empty() {
                    format!("{} users that no rule selects have keys", users.len())
                } else {
                    keys.to_owned()
                };
                let limit = Duration(*limit);
                write!(
                    f,
                    "{who} that {is} older than the {limit} of `[defaults]`: {named}{more}; add a rule, or an `[[exempt]]` with the reason"
                )
            }
            Self::UnmanagedUnread { account: _, users, why } => {
                let (users, are) = (counted(*users, "user"), if *users == 1 { "is" } else { "are" });
                write!(f, "{users} {are} selected by no rule, and how old their keys are could not be read: {why}")
            }
            Self::PaceTooSlow { account: _, users, lives, every, most, needed } => write!(
                f,
                "keys get older than `max-age`: {} {} keys that are due again after {lives} or more, runs come every {every}, and \
                 each begins {} where it takes {needed}; raise `max-rotations` in `[pace]`",
                counted(*users, "user"),
                if *users == 1 { "has" } else { "have" },
                counted(*most, "rotation"),
            ),
            Self::PaceLate { account: _, waiting, most, last, keys } => write!(
                f,
                "{keys} of the {} that wait for their turn get older than `max-age` before it: at {} a run the last begins on \
                 {}; raise `max-rotations` in `[pace]`, or `rotate-ahead`",
                counted(*waiting, "key"),
                counted(*most, "rotation"),
                Day(*last)
            ),
        }
    }
}

/// The next change of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The secret's name.
    pub destination: String,
    /// The secret that the manifest names, if this finishes at another what has begun there.
    pub moves_to: Option<String>,
    /// The KMS key and the regions of a secret that is made for the credential, in words, if the manifest names any.
    pub made_with: Option<String>,
    /// The `[[rotate]]` that selects the user.
    pub source: Source,
    /// Everything that follows, up to where the next rotation begins or a person is needed.
    pub then: Vec<Step>,
    /// Whether it rests on keys being used as they were observed to be: see [`Viewpoint`].
    pub is_assumed: bool,
    /// Whether this run may begin a rotation of the user.
    pub begins: bool,
    /// Since when rotations wait for their turn in the account, if this run leaves some to the next: it is noted with the
    /// rotation.
    pub queue: Option<DateTime<Utc>>,
    /// Who is told of it.
    pub tells: Tells,
}

impl Change {
    /// The key that it is about; of a creation the one that it yields.
    pub fn key(&self) -> KeyRef {
        match &self.action {
            Action::Update(update) => update.key_ref(),
            action => action.key().map_or(KeyRef::New, |key| KeyRef::Existing(key.clone())),
        }
    }

    /// Whether it is of the user that waits.
    pub fn is_of(&self, waiting: &Waiting) -> bool {
        (&self.account, &self.user) == (&waiting.account, &waiting.user)
    }

    /// What is done in one run, in order: itself, and what follows at once.
    pub fn in_run(&self) -> impl Iterator<Item = (Verb, KeyRef)> {
        let then = self.then.iter().take_while(|step| step.same_run).map(|step| (step.verb, step.key.clone()));
        std::iter::once((self.action.verb(), self.key())).chain(then)
    }
}

/// One step that follows a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub verb: Verb,
    /// With which key.
    pub key: KeyRef,
    /// The earliest instant, if nobody uses the old key from now on.
    pub not_before: DateTime<Utc>,
    /// How long after the first step, as if nobody had used the old key lately either: the same from day to day.
    pub offset: TimeDelta,
    /// Whether `apply` takes it in the same run as the first step.
    pub same_run: bool,
    /// Whether it rests on nobody using the old key, which is in use or may be.
    pub if_unused: bool,
    /// When it is taken at the latest, if it rests on that; `None` then: not while the key is in use.
    pub latest: Option<DateTime<Utc>>,
    /// See [`Action::starts_rotation`].
    pub starts_rotation: bool,
}

/// A key that a step is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRef {
    /// One that there is.
    Existing(KeyId),
    /// The key that the chain's first creation yields.
    New,
    /// The key that comes after that.
    AfterNew,
    /// No key: what is set on the secret.
    Secret(String),
}

impl KeyRef {
    /// The id, or `new` and `new-2`, or what is set on the secret: for programs.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Existing(key) => key.as_str(),
            Self::New => "new",
            Self::AfterNew => "new-2",
            Self::Secret(sets) => sets,
        }
    }

    /// The id of a key that exists.
    pub fn existing(&self) -> Option<&KeyId> {
        match self {
            Self::Existing(key) => Some(key),
            Self::New | Self::AfterNew | Self::Secret(_) => None,
        }
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Existing(key) => key.as_str(),
            Self::New => "the new key",
            Self::AfterNew => "the key after that",
            Self::Secret(_) => "its secret",
        })
    }
}

/// A user for whom nothing is done now, because of something.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The key that it is about, if it is about one.
    pub key: Option<KeyId>,
    /// What it waits for.
    pub wait: WaitingOn,
    /// As in [`Change`].
    pub moves_to: Option<String>,
    /// The rule, or the exemption.
    pub source: Source,
    /// When time alone makes a difference.
    pub until: Option<DateTime<Utc>>,
    /// What comes then.
    pub then: Vec<Step>,
    /// Whether it rests on keys being used as they were observed to be: see [`Viewpoint`].
    pub is_assumed: bool,
    /// A key of the user that is older than its limit meanwhile.
    pub overdue: Option<Overdue>,
}

/// A user whose keys are as they should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// When its current key becomes due; `None` without an active key.
    pub next_rotation: Option<DateTime<Utc>>,
    /// When its owner is told that its key goes, if nobody uses it until then: no rotation comes before that.
    pub goes_unused: Option<DateTime<Utc>>,
}

/// The kinds of [`Action`], in the order in which a rotation takes them; the last is of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Verb {
    /// A new key, stored and not handed out yet.
    Create,
    /// The new key is handed out.
    Promote,
    /// The owner is told.
    Notify,
    /// A key stops, and can be taken back.
    Deactivate,
    /// A key goes for good.
    Delete,
    /// The secret becomes as the manifest says; no key changes.
    Update,
}

impl Verb {
    /// As plans, JSON and logs write it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The mark in front of a line of a plan.
    pub fn glyph(self) -> char {
        match self {
            Self::Create => '+',
            Self::Promote => '^',
            Self::Notify => '@',
            Self::Deactivate => '~',
            Self::Delete => '-',
            Self::Update => '*',
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change, with everything that carrying it out needs to know: `apply` makes no decisions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Action {
    /// Issue a key and store it as `AWSPENDING`.
    Create {
        ledger: LedgerWrite,
        /// The user's keys as planned: a run beside this one shows in a difference.
        expected: Vec<(KeyId, Status)>,
        /// Whether an earlier run had begun with it, and no key came of that, or had made room for it.
        resumes: bool,
        /// Whether a key was announced to go: what is done is not to count again.
        made_room: bool,
        /// The region for which the secret holds SES's SMTP password, too.
        smtp: Option<String>,
    },
    /// Hand the pending key out: move `AWSCURRENT` to its version.
    Promote {
        key: KeyId,
        /// The version that `AWSCURRENT` is on now; `None`: on none.
        from: Option<String>,
    },
    /// Tell the owner about the key that is handed out now, or about one that is to go.
    Notify { key: KeyId, announcement: Box<Announcement> },
    /// Stop the key, if the user's keys are still as expected, and note it in the ledger.
    Deactivate {
        key: KeyId,
        ledger: LedgerWrite,
        expected: Vec<(KeyId, Status)>,
        /// If it goes because nobody uses it: the keys that did so, which is noted, for the secret may go on handing one out.
        unused: Vec<KeyId>,
    },
    /// Delete the inactive key, if the user's keys are still as expected.
    Delete {
        key: KeyId,
        expected: Vec<(KeyId, Status)>,
        /// Whether the ledger's tags name this key and are to be cleared: a rotation that has begun ends with it. What someone
        /// else has deactivated goes because a new key needs its place.
        clear: bool,
    },
    /// Make the secret as the manifest says, with all that is in it.
    Update(Box<SecretUpdate>),
}

/// What is set on a secret that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUpdate {
    /// The KMS key that is to encrypt it, if that is another.
    pub kms_key: Option<KmsKeyChange>,
    /// The regions to which it is yet to be replicated, and the KMS key there.
    pub replicate_to: Vec<String>,
    /// The KMS key of the copies.
    pub replica_kms_key: Option<String>,
}

impl SecretUpdate {
    /// What it sets, as fields of the manifest.
    pub fn sets(&self) -> impl Iterator<Item = String> {
        let kms_key = self.kms_key.iter().map(|KmsKeyChange { to, .. }| format!("kms-key={to}"));
        kms_key.chain(self.replicate_to.iter().map(|region| format!("replicate-to={region}")))
    }

    pub(crate) fn key_ref(&self) -> KeyRef {
        KeyRef::Secret(self.sets().collect::<Vec<_>>().join(" "))
    }
}

impl Action {
    /// Its kind.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create { .. } => Verb::Create,
            Self::Promote { .. } => Verb::Promote,
            Self::Notify { .. } => Verb::Notify,
            Self::Deactivate { .. } => Verb::Deactivate,
            Self::Delete { .. } => Verb::Delete,
            Self::Update(_) => Verb::Update,
        }
    }

    /// Whether it begins something; the others carry on what has begun.
    pub fn starts_rotation(&self) -> bool {
        match self {
            Self::Create { resumes, .. } => !resumes,
            Self::Notify { announcement, .. } => matches!(announcement.topic, Topic::Retiring { .. }),
            Self::Delete { clear, .. } => !clear,
            Self::Promote { .. } | Self::Deactivate { .. } | Self::Update(_) => false,
        }
    }

    /// The key it is about; `None` for a key that does not exist yet, and for what is about none.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Create { .. } | Self::Update(_) => None,
            Self::Promote { key, .. }
            | Self::Notify { key, .. }
            | Self::Deactivate { key, .. }
            | Self::Delete { key, .. } => Some(key),
        }
    }
}

/// How a tag gets onto the user's secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerWrite {
    /// Whether the secret exists: it is tagged, or else created empty with the tags.
    pub exists: bool,
    /// The user's ARN, for `keyrota:user`.
    pub user_arn: String,
    /// What it is created with.
    pub kms_key: Option<String>,
    /// The regions that get a copy of a new secret.
    pub replicate_to: Vec<String>,
}

/// What the owner is told, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What the owner is told.
    pub topic: Topic,
    /// `None` only where nobody is ever told: the manifests are refused otherwise.
    pub sender: Option<Sender>,
    /// The manifest says that nobody is told: it is only noted.
    pub to_nobody: bool,
    /// Their addresses.
    pub recipients: Vec<String>,
    /// Written to when every recipient is refused, or when there is none.
    pub fallback: Vec<String>,
    /// The language of the mail.
    pub language: Language,
    /// Where it is noted that the owner was told.
    pub ledger: LedgerWrite,
}

/// What a announcement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Topic {
    /// The key was issued by keyrota. `old` is the key that it replaces, if that still works, and when that stops at the
    /// earliest.
    Issued {
        old: Option<(KeyId, DateTime<Utc>)>,
        /// Whether the same run deactivates and deletes it.
        at_once: bool,
        /// The secret that the credential was in before, if that is another.
        moved_from: Option<String>,
    },
    /// The key is to go although keyrota did not replace it.
    Retiring {
        why: Retirement,
        last_use: LastUse,
        /// The user's other key.
        other: Option<KeyId>,
        /// When it stops at the earliest.
        stops: DateTime<Utc>,
        /// When it stops even if it is in use; `None`: not while it is.
        latest: Option<DateTime<Utc>>,
    },
}

/// What comes next for one user.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Next {
    /// Something is to be done, for this reason.
    Change(Action, Reason),
    /// Nothing may be done before that time; or, without one, before a person has done something.
    Wait { key: Option<KeyId>, wait: WaitingOn, until: Option<DateTime<Utc>> },
    /// Nothing is to be done until the next rotation.
    Settled { next_rotation: Option<DateTime<Utc>> },
    /// It can't be told before this is read.
    Need(Need),
}

/// A read without which the planner doesn't act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// `DescribeSecret`: the listing may lag.
    Ledger,
    /// `GetAccessKeyLastUsed`.
    LastUse(KeyId),
    /// `GetResourcePolicy`: who may read the secret that was there before.
    ResourcePolicy(String),
}

/// From when the observation is, and for when a plan is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewpoint {
    /// When the accounts were observed.
    pub observed: DateTime<Utc>,
    /// Later: a forecast, for which keys that are in use count as used until then.
    pub at: DateTime<Utc>,
}

/// Observed and planned at one instant.
impl From<DateTime<Utc>> for Viewpoint {
    fn from(now: DateTime<Utc>) -> Self {
        Self { observed: now, at: now }
    }
}

impl Plan {
    /// A plan for nobody.
    pub fn empty(as_of: DateTime<Utc>) -> Self {
        Self {
            as_of,
            changes: Vec::new(),
            waiting: Vec::new(),
            settled: Vec::new(),
            resting: 0,
            queue: Vec::new(),
            unmanaged: Vec::new(),
            keys: 0,
            accounts_unread: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds the plan of another account, made for the same instant.
    pub fn extend(&mut self, other: Self) {
        let Self { as_of: _, changes, waiting, settled, resting, queue, unmanaged, keys, accounts_unread, warnings } =
            other;
        self.changes.extend(changes);
        self.waiting.extend(waiting);
        self.settled.extend(settled);
        self.resting += resting;
        self.queue.extend(queue);
        self.unmanaged.extend(unmanaged);
        self.keys += keys;
        self.accounts_unread.extend(accounts_unread);
        self.warnings.extend(warnings);
    }

    /// How many steps of one kind a run takes: those that come first, and those that follow at once.
    pub fn count(&self, verb: Verb) -> usize {
        self.changes.iter().flat_map(Change::in_run).filter(|(step, _)| *step == verb).count()
    }

    /// The users of whom something could not be read: nobody knows what is to be done for them.
    pub fn unreadable(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().filter(|waiting| waiting.wait.is_unreadable())
    }

    /// How many users are in scope.
    pub fn users(&self) -> usize {
        self.changes.len() + self.waiting.len() + self.settled.len() + self.resting
    }

    /// The user whose current key becomes due first.
    pub fn next_rotation(&self) -> Option<(DateTime<Utc>, &Settled)> {
        self.settled.iter().filter_map(|settled| Some((settled.next_rotation?, settled))).min_by_key(|(at, _)| *at)
    }
}

impl Need {
    /// What was not read, without the user.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Ledger => "secrets were not described".to_owned(),
            Self::LastUse(_) => "the last use of keys was not read".to_owned(),
            Self::ResourcePolicy(_) => "the resource policies of secrets were not read".to_owned(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger => f.write_str("its secret was not described"),
            Self::LastUse(key) => write!(f, "the last use of {key} was not read"),
            Self::ResourcePolicy(secret) => write!(f, "the resource policy of `{secret}` was not read"),
        }
    }
}

/// The ids and statuses to which a re-read is compared.
pub(super) fn expectation(keys: &[Key]) -> Vec<(KeyId, Status)> {
    keys.iter().map(|key| (key.id.clone(), key.status)).collect()
}
