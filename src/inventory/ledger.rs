//! The ledger: the user's secret in Secrets Manager, with its version labels and tags. It is the only state that keyrota
//! keeps, and this is the only file that knows how it is written. Values are read elsewhere, if at all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    error::{CallError, ErrorKind},
    key::KeyId,
    noted::{Held, KeyAt, Reminder, Rest, Undelivered, Unread, time},
    place::UNFINISHED,
};
use crate::time::rfc3339;

/// Prefix of the secret-version id (`ClientRequestToken`) that stores an access key; the key's id follows.
const VERSION_PREFIX: &str = "keyrota-1-access-key-";
/// Tag that names the owning user, as the predecessor wrote it; it adopts the predecessor's secrets.
pub const TAG_OWNER: &str = "Owner";
/// Tag that holds the owning user's ARN.
pub const TAG_USER: &str = "keyrota:user";
/// Tag that says since when a creation is under way (RFC 3339).
pub const TAG_INTENT: &str = "keyrota:intent";
/// Tag that names the key whose owner was told.
pub const TAG_NOTIFIED: &str = "keyrota:notified";
/// Tag that says when the owner was told (RFC 3339): a late mail restarts the overlap.
pub const TAG_NOTIFIED_AT: &str = "keyrota:notified-at";
/// Tag written before `UpdateAccessKey`: `<key id>@<RFC 3339>`. Alone, it marks a deactivation that was cut short.
pub const TAG_DEACTIVATING: &str = "keyrota:deactivating";
/// Tag that names the key keyrota deactivated, and when: `<key id>@<RFC 3339>`.
pub const TAG_DEACTIVATED: &str = "keyrota:deactivated";
/// Tag that names a key whose owner was told that it goes although nothing of keyrota's replaced it:
/// `<key id>@<RFC 3339>`. Empty once the new key that needed its place is under way.
pub const TAG_ANNOUNCED: &str = "keyrota:announced";
/// Tag that says which KMS key AWS reported after the secret was encrypted with the one that the manifest names, where the
/// two can't be told to be the same by their names: `<as reported> <as in the manifest>`.
pub const TAG_KMS_KEY: &str = "keyrota:kms-key";
/// Tag that says how long nothing is due, as planned by the run that wrote something else there: see [`Rest`].
pub const TAG_NEXT: &str = "keyrota:next";
/// Tag on one secret of an account that says that a run has left users unread: see [`Unread`].
pub const TAG_UNREAD: &str = "keyrota:unread";
/// Tag that names the keys that went because nobody used them, and were not replaced: what the secret hands out, and the last one.
pub const TAG_UNUSED: &str = "keyrota:unused";
/// Tag that says since when rotations of the account wait for their turn, on the secrets of those that had theirs (RFC 3339).
pub const TAG_QUEUE: &str = "keyrota:queue";
/// Tag that names the key that every place of delivery has taken, and those places: `<key id>/<hash of the places>`.
pub const TAG_DELIVERED: &str = "keyrota:delivered";
/// Tag that says when the last of them took it (RFC 3339): a late delivery restarts the overlap.
pub const TAG_DELIVERED_AT: &str = "keyrota:delivered-at";
/// Tags that say what each place holds, one a place: see [`Held`]. A number follows.
pub const TAG_PLACE: &str = "keyrota:place-";
/// Tag that says that a place has refused the key: `<key id>@<RFC 3339>`, and `/<RFC 3339>` of the first run that it refused.
pub const TAG_UNDELIVERED: &str = "keyrota:undelivered";
/// So many places are noted: those that the manifest names, and some that it named before.
pub const MOST_NOTED: usize = 12;
/// Tag that says what else the owner was told last: `<kind of mail>/<key id>@<RFC 3339>`.
pub const TAG_REMINDED: &str = "keyrota:reminded";

/// The Secrets Manager staging label of the version that clients read.
pub const CURRENT: &str = "AWSCURRENT";
/// The Secrets Manager staging label of a version that is stored, but not yet handed out.
pub const PENDING: &str = "AWSPENDING";
/// The Secrets Manager staging label of the version that was handed out before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// What a creation leaves on the secret until its key is handed out.
pub const INTENT: &[&str] = &[TAG_INTENT];
/// What says that a run has left users unread.
pub const UNREAD: &[&str] = &[TAG_UNREAD];
/// What says that a deactivation took place.
pub const DEACTIVATED: &[&str] = &[TAG_DEACTIVATED];

/// A secret as `ListSecrets` and `DescribeSecret` tell of it; its value is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The versions that carry a staging label.
    pub versions: Vec<Version>,
    /// Set while the secret is scheduled for deletion: when `DeleteSecret` was called.
    pub deleted: Option<DateTime<Utc>>,
    /// The KMS key that it is encrypted with, by ARN, id or alias; `None`: `aws/secretsmanager`.
    pub kms_key: Option<String>,
    /// Where it is replicated to; `None` while that is not known: only `DescribeSecret` tells.
    pub replicas: Option<Vec<Replica>>,
    /// The region of the secret that this one is a replica of, or its own.
    pub primary_region: Option<String>,
}

impl SecretRecord {
    /// The key of a tag that every secret has that keyrota keeps for a user.
    pub const MARK: &str = TAG_USER;

    /// The user that the secret says it is of, as tags write names; `None` if nothing says so.
    pub fn user(&self) -> Option<&str> {
        self.tags.get(TAG_USER)?.rsplit('/').next()
    }

    /// The user that the secret may be of, as tags write names: by `keyrota:user`, or by `Owner`, which others write as well.
    pub fn claimed_by(&self) -> Option<&str> {
        self.user().or_else(|| self.tags.get(TAG_OWNER).map(String::as_str))
    }

    /// Whether a version stores the key.
    pub fn stores(&self, key: &KeyId) -> bool {
        self.versions.iter().any(|version| KeyId::of_version(&version.id).as_ref() == Some(key))
    }

    /// The key of keyrota's that it hands out.
    pub fn handed_out(&self) -> Option<KeyId> {
        let version = self.versions.iter().find(|version| version.has(CURRENT))?;
        KeyId::of_version(&version.id)
    }

    /// The tags that the ledger is read from; what else stands there is no business of keyrota's.
    pub fn ledger_tags(&self) -> BTreeMap<String, String> {
        // Of the places of delivery nothing is known beside: what stands there of them would be taken for gone.
        let is_own = |tag: &str| tag == TAG_OWNER || (tag.starts_with("keyrota:") && !tag.starts_with(TAG_PLACE));
        self.tags.iter().filter(|(tag, _)| is_own(tag)).map(|(tag, value)| (tag.clone(), value.clone())).collect()
    }

    /// Since when rotations wait for their turn, as noted there.
    pub fn queue(&self) -> Option<DateTime<Utc>> {
        time(self.tags.get(TAG_QUEUE)?)
    }

    /// What a run has noted there that left users of the account unread.
    pub fn unread(&self) -> Option<Unread> {
        Unread::read(self.tags.get(TAG_UNREAD)?)
    }
}

/// What has these tags is the user's if `keyrota:user` names the user, or, where nothing wrote that yet, if `Owner` does. The
/// path may differ: IAM users move, and their ARN with them.
pub fn is_owned(tags: &BTreeMap<String, String>, user: &str, arn: &str) -> bool {
    let is_name = |name: &str| name.eq_ignore_ascii_case(user) || name.eq_ignore_ascii_case(&tag_value(user));
    match (tags.get(TAG_USER), tags.get(TAG_OWNER)) {
        (Some(tagged), _) => {
            let is_same_account = tagged.split(':').nth(4) == arn.split(':').nth(4);
            is_same_account && tagged.rsplit('/').next().is_some_and(is_name)
        }
        (None, Some(owner)) => is_name(owner),
        (None, None) => false,
    }
}

/// The tags of what is made for a user, but is no ledger.
pub fn owner_tags(user: &str, arn: &str) -> BTreeMap<String, String> {
    tags([Fact::Owner { user: user.to_owned(), arn: arn.to_owned() }])
}

/// Tag values may hold everything that names and ARNs of users may, but for the comma.
pub fn tag_value(text: &str) -> String {
    text.replace(',', "_")
}

/// A copy of a secret in another region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    /// The region of the copy.
    pub region: String,
    /// What AWS says of a replication that failed.
    pub failed: Option<String>,
}

impl Replica {
    /// One that is not known to have failed.
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: region.into(), failed: None }
    }
}

/// One labelled version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// Its id: the `ClientRequestToken` that it was put with.
    pub id: String,
    /// Its staging labels.
    pub labels: Vec<String>,
}

/// How a ledger is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// As `ListSecrets` has it, which may lag five minutes: nothing is done on its word.
    Listed,
    /// As listed; what ends an old key is planned all the same, and `apply` asks before it does that.
    Provisional,
    /// As `DescribeSecret` has it.
    Described,
}

/// The user's secret: the only state that keyrota keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// The secret's name.
    pub secret: String,
    /// How it is known.
    pub known: Known,
    /// What stands at that name.
    pub destination: Destination,
}

impl Ledger {
    /// Reads the ledger off a secret's tags and labels. `user` is the owner's name, `arn` its ARN, `region` that of the
    /// account.
    ///
    /// # Errors
    /// A tag that doesn't read as keyrota writes it: better held than misread.
    pub fn read(
        name: &str,
        record: Option<&SecretRecord>,
        user: &str,
        arn: &str,
        region: &str,
        known: Known,
    ) -> Result<Self, CallError> {
        let primary = record.and_then(|record| record.primary_region.clone()).filter(|primary| primary != region);
        let destination = match record {
            None => Destination::Absent,
            Some(record) if !is_owned(&record.tags, user, arn) => Destination::Foreign,
            Some(record) if record.deleted.is_some() => Destination::BeingDeleted,
            Some(record) => match primary {
                Some(primary) => Destination::Replica { primary },
                None => Destination::Own(Secret::read(record)?),
            },
        };
        Ok(Self { secret: name.to_owned(), known, destination })
    }

    /// The key that the secret hands out, whether it works or not; `None` also for what keyrota did not store.
    pub fn handed_out(&self) -> Option<KeyId> {
        KeyId::of_version(&self.destination.own()?.current()?.id)
    }
}

/// What stands at the name where the user's credential goes.
#[expect(clippy::large_enum_variant, reason = "there is one a user, and nearly all are `Own`")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Destination {
    /// Nothing.
    Absent,
    /// A secret that is not this user's.
    Foreign,
    /// A secret that is scheduled for deletion.
    BeingDeleted,
    /// A copy of a secret in another region, which can't be written to.
    Replica { primary: String },
    /// A secret of the user's.
    Own(Secret),
}

impl Destination {
    /// The secret, if it is the user's and can be written to.
    pub fn own(&self) -> Option<&Secret> {
        match self {
            Self::Own(secret) => Some(secret),
            Self::Absent | Self::Foreign | Self::BeingDeleted | Self::Replica { .. } => None,
        }
    }
}

/// The user's own secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Secret {
    /// Those that have a label.
    pub versions: Vec<Version>,
    /// A creation is under way since then.
    pub intent: Option<DateTime<Utc>>,
    /// The key whose owner was told.
    pub notified: Option<KeyId>,
    /// When the owner was told.
    pub notified_at: Option<DateTime<Utc>>,
    /// keyrota was about to deactivate this key.
    pub deactivating: Option<KeyAt>,
    /// keyrota deactivated this key.
    pub deactivated: Option<KeyAt>,
    /// The owner of this key was told that it goes.
    pub announced: Option<KeyAt>,
    /// What the owner was told last, beside the new key.
    pub reminded: Option<Reminder>,
    /// How long nothing is due.
    pub rest: Option<Rest>,
    /// A run has left users of the account unread.
    pub unread: Option<Unread>,
    /// The keys that went because nobody used them.
    pub unused: Vec<KeyId>,
    /// Since when rotations wait that the run which began this one has left to the next.
    pub queue: Option<DateTime<Utc>>,
    /// The key that every place has taken, and a hash of those places.
    pub delivered: Option<(KeyId, String)>,
    /// When the last of them took it.
    pub delivered_at: Option<DateTime<Utc>>,
    /// What each place holds.
    pub held: Vec<Held>,
    /// A place has refused this key.
    pub undelivered: Option<Undelivered>,
    /// As in [`SecretRecord`].
    pub kms_key: Option<String>,
    /// The value of `keyrota:kms-key`.
    pub kms_key_note: Option<String>,
    /// As in [`SecretRecord`].
    pub replicas: Option<Vec<Replica>>,
    /// Who may read it.
    pub readers: Readers,
}

/// Whether its resource policy lets anyone outside the account read a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Readers {
    /// Not asked for yet: the planner asks before a key is stored.
    #[default]
    Unread,
    /// Nobody outside.
    Inside,
    /// Who, in words.
    Outside(String),
}

/// What goes on in a ledger, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    /// Two keys work, and the owner knows.
    Overlap(DateTime<Utc>),
    /// A key is inactive.
    Hold(DateTime<Utc>),
}

/// How a version of the secret names the key that it stores.
impl KeyId {
    /// The id of the secret version that stores this key (the `ClientRequestToken` of `PutSecretValue`).
    pub fn version_id(&self) -> String {
        format!("{VERSION_PREFIX}{self}")
    }

    /// The key that a secret version stores, if keyrota stored it.
    pub fn of_version(version_id: &str) -> Option<Self> {
        version_id.strip_prefix(VERSION_PREFIX).filter(|id| !id.is_empty()).map(Self::new)
    }
}

/// Something that is noted on the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Fact {
    /// The secret is this user's.
    Owner { user: String, arn: String },
    /// The same, for a secret that was there before.
    User { arn: String },
    /// A creation is under way.
    Intent(DateTime<Utc>),
    /// None is, any more.
    NoIntent,
    /// The owner was told of the key that is handed out.
    Notified(KeyAt),
    /// The owner was told that the key goes.
    Announced(KeyAt),
    /// The key that was announced makes room now.
    RoomMade,
    /// The key is about to be deactivated.
    Deactivating(KeyAt),
    /// The key was deactivated.
    Deactivated(KeyAt),
    /// The key that was deactivated is gone.
    NotDeactivated,
    /// What AWS calls the KMS key that the manifest names.
    KmsKey(String),
    /// What else the owner was told.
    Reminded(Reminder),
    /// How long nothing is due; `None`: something may be.
    Rest(Option<Rest>),
    /// A run has left users of the account unread.
    Unread(Unread),
    /// These keys go, or went, because nobody uses them.
    Unused(Vec<KeyId>),
    /// Rotations wait for their turn since then.
    Queue(DateTime<Utc>),
    /// A place has taken the key.
    Holds(Held),
    /// Every place has; a hash of them follows.
    Delivered(KeyAt, String),
    /// A place has refused the key.
    Undelivered(Undelivered),
    /// What the place with this number holds is not known any more.
    Unknown(usize),
    /// Not every place has the key.
    Incomplete,
    /// The key is about to be written to a place: from then on it may hold a part of it, until something else is noted.
    Writing(Held),
}

impl Fact {
    /// The tags that say so.
    pub fn tags(&self) -> Vec<(String, String)> {
        let tag = |name: &str, value: String| (name.to_owned(), value);
        match self {
            Self::Owner { user, arn } => vec![tag(TAG_OWNER, tag_value(user)), tag(TAG_USER, tag_value(arn))],
            Self::User { arn } => vec![tag(TAG_USER, tag_value(arn))],
            Self::Intent(since) => vec![tag(TAG_INTENT, rfc3339(*since))],
            // Removing them would be a call of its own.
            Self::NoIntent => vec![tag(TAG_INTENT, String::new())],
            Self::NotDeactivated => vec![tag(TAG_DEACTIVATING, String::new()), tag(TAG_DEACTIVATED, String::new())],
            Self::Notified(KeyAt { key, at }) => {
                vec![tag(TAG_NOTIFIED, key.to_string()), tag(TAG_NOTIFIED_AT, rfc3339(*at))]
            }
            Self::Announced(announced) => vec![tag(TAG_ANNOUNCED, announced.to_string())],
            Self::RoomMade => vec![tag(TAG_ANNOUNCED, String::new())],
            Self::Deactivating(deactivation) => vec![tag(TAG_DEACTIVATING, deactivation.to_string())],
            Self::Deactivated(deactivation) => vec![tag(TAG_DEACTIVATED, deactivation.to_string())],
            Self::KmsKey(note) => vec![tag(TAG_KMS_KEY, note.clone())],
            Self::Reminded(reminder) => vec![tag(TAG_REMINDED, reminder.to_string())],
            Self::Rest(rest) => vec![tag(TAG_NEXT, rest.as_ref().map(ToString::to_string).unwrap_or_default())],
            Self::Unread(unread) => vec![tag(TAG_UNREAD, unread.to_string())],
            Self::Unused(keys) => {
                vec![tag(TAG_UNUSED, keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))]
            }
            Self::Queue(since) => vec![tag(TAG_QUEUE, rfc3339(*since))],
            Self::Holds(held) => vec![tag(&format!("{TAG_PLACE}{}", held.slot), held.to_string())],
            Self::Delivered(KeyAt { key, at }, places) => vec![
                tag(TAG_DELIVERED, format!("{key}/{places}")),
                tag(TAG_DELIVERED_AT, rfc3339(*at)),
                tag(TAG_UNDELIVERED, String::new()),
            ],
            Self::Undelivered(undelivered) => vec![tag(TAG_UNDELIVERED, undelivered.to_string())],
            Self::Unknown(slot) => vec![tag(&format!("{TAG_PLACE}{slot}"), String::new())],
            Self::Incomplete => vec![tag(TAG_DELIVERED, String::new())],
            Self::Writing(held) => {
                let held = Self::Holds(Held { mark: UNFINISHED.to_owned(), ..held.clone() });
                held.tags().into_iter().chain(Self::Incomplete.tags()).collect()
            }
        }
    }
}

/// The tags that say all of this.
pub fn tags(facts: impl IntoIterator<Item = Fact>) -> BTreeMap<String, String> {
    facts.into_iter().flat_map(|fact| fact.tags()).collect()
}

impl Secret {
    fn read(record: &SecretRecord) -> Result<Self, CallError> {
        let tag = |name: &str| record.tags.get(name).map(String::as_str);
        let bad = |name: &str| {
            let (secret, value) = (&record.name, tag(name).unwrap_or_default());
            let message = format!(
                "its tag `{name}` holds `{value}`, which keyrota did not write; look at why, then remove the tag: \
                 aws secretsmanager untag-resource --secret-id {secret} --tag-keys {name}"
            );
            let (kind, operation) = (ErrorKind::Malformed, "secretsmanager:DescribeSecret");
            CallError { kind, operation, subject: secret.clone(), message, hint: None }
        };
        let instant = |name: &str| {
            let text = tag(name).filter(|text| !text.is_empty());
            text.map(|text| time(text).ok_or_else(|| bad(name))).transpose()
        };
        let key_at = |name: &str| {
            let text = tag(name).filter(|text| !text.is_empty());
            text.map(|text| KeyAt::read(text).ok_or_else(|| bad(name))).transpose()
        };
        Ok(Self {
            versions: record.versions.clone(),
            intent: instant(TAG_INTENT)?,
            notified: tag(TAG_NOTIFIED).map(KeyId::new),
            notified_at: instant(TAG_NOTIFIED_AT)?,
            deactivating: key_at(TAG_DEACTIVATING)?,
            deactivated: key_at(TAG_DEACTIVATED)?,
            announced: key_at(TAG_ANNOUNCED)?,
            // What can't be read counts as nothing: a mail too many is better than a rotation that is held.
            reminded: tag(TAG_REMINDED).and_then(Reminder::read),
            // As much here: who is read too often costs a call.
            rest: tag(TAG_NEXT).and_then(Rest::read),
            unread: tag(TAG_UNREAD).and_then(Unread::read),
            unused: tag(TAG_UNUSED).into_iter().flat_map(str::split_whitespace).map(KeyId::new).collect(),
            // As much here: the next run that enforces begins the rest all the same.
            queue: tag(TAG_QUEUE).and_then(time),
            // What can't be read counts as not delivered: it is delivered again.
            delivered: tag(TAG_DELIVERED)
                .and_then(|text| text.split_once('/'))
                .map(|(key, places)| (KeyId::new(key), places.to_owned())),
            delivered_at: tag(TAG_DELIVERED_AT).and_then(time),
            // Most have none, and there are many names to look for.
            held: if record.tags.keys().any(|name| name.starts_with(TAG_PLACE)) {
                (1..=MOST_NOTED).filter_map(|slot| Held::read(slot, tag(&format!("{TAG_PLACE}{slot}"))?)).collect()
            } else {
                vec![]
            },
            undelivered: tag(TAG_UNDELIVERED).and_then(Undelivered::read),
            kms_key: record.kms_key.clone(),
            kms_key_note: tag(TAG_KMS_KEY).map(str::to_owned),
            replicas: record.replicas.clone(),
            readers: Readers::Unread,
        })
    }

    /// The tags that it was read from, but for those that say whose it is.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let Self {
            intent,
            notified,
            notified_at,
            deactivating,
            deactivated,
            announced,
            reminded,
            rest,
            unread,
            kms_key_note,
            unused,
            queue,
            delivered,
            delivered_at,
            held,
            undelivered,
            ..
        } = self;
        let facts = [
            intent.map(Fact::Intent),
            deactivating.clone().map(Fact::Deactivating),
            deactivated.clone().map(Fact::Deactivated),
            announced.clone().map(Fact::Announced),
            reminded.clone().map(Fact::Reminded),
            rest.clone().map(|rest| Fact::Rest(Some(rest))),
            unread.clone().map(Fact::Unread),
            kms_key_note.clone().map(Fact::KmsKey),
            (!unused.is_empty()).then(|| Fact::Unused(unused.clone())),
            queue.map(Fact::Queue),
            undelivered.clone().map(Fact::Undelivered),
        ];
        let held = held.iter().cloned().map(Fact::Holds);
        // The predecessor's secrets may say the one without the other.
        let notified = notified.iter().map(|key| (TAG_NOTIFIED.to_owned(), key.to_string()));
        let notified_at = notified_at.iter().map(|at| (TAG_NOTIFIED_AT.to_owned(), rfc3339(*at)));
        let delivered = delivered.iter().map(|(key, places)| (TAG_DELIVERED.to_owned(), format!("{key}/{places}")));
        let delivered_at = delivered_at.iter().map(|at| (TAG_DELIVERED_AT.to_owned(), rfc3339(*at)));
        let all = tags(facts.into_iter().flatten().chain(held)).into_iter().chain(notified).chain(notified_at);
        all.chain(delivered).chain(delivered_at).collect()
    }

    /// Takes over what was noted.
    pub fn note(&mut self, fact: Fact) {
        match fact {
            Fact::Owner { .. } | Fact::User { .. } => {}
            Fact::Intent(since) => self.intent = Some(since),
            Fact::NoIntent => self.intent = None,
            Fact::NotDeactivated => (self.deactivating, self.deactivated) = (None, None),
            Fact::Notified(KeyAt { key, at }) => (self.notified, self.notified_at) = (Some(key), Some(at)),
            Fact::Announced(announced) => self.announced = Some(announced),
            Fact::RoomMade => self.announced = None,
            Fact::Deactivating(deactivation) => self.deactivating = Some(deactivation),
            Fact::Deactivated(deactivation) => self.deactivated = Some(deactivation),
            Fact::KmsKey(note) => self.kms_key_note = Some(note),
            Fact::Reminded(reminder) => self.reminded = Some(reminder),
            Fact::Rest(rest) => self.rest = rest,
            Fact::Unread(unread) => self.unread = Some(unread),
            Fact::Unused(keys) => self.unused = keys,
            Fact::Queue(since) => self.queue = Some(since),
            Fact::Holds(held) => {
                self.held.retain(|other| other.slot != held.slot && other.id != held.id);
                self.held.push(held);
                self.held.sort_unstable_by_key(|held| held.slot);
            }
            Fact::Delivered(KeyAt { key, at }, places) => {
                (self.delivered, self.delivered_at, self.undelivered) = (Some((key, places)), Some(at), None);
            }
            Fact::Undelivered(undelivered) => self.undelivered = Some(undelivered),
            Fact::Unknown(slot) => self.held.retain(|held| held.slot != slot),
            Fact::Incomplete => self.delivered = None,
            Fact::Writing(held) => {
                self.note(Fact::Holds(Held { mark: UNFINISHED.to_owned(), ..held }));
                self.note(Fact::Incomplete);
            }
        }
    }

    /// What was delivered last to the place with this id.
    pub fn held(&self, id: &str) -> Option<&Held> {
        self.held.iter().find(|held| held.id == id)
    }

    /// The version that clients are handed out.
    pub fn current(&self) -> Option<&Version> {
        self.version_with(CURRENT)
    }

    /// The version that is stored and not handed out yet. The label stays there afterwards, and means nothing any more, also
    /// when somebody has gone back to the version before; but for a secret's first version, which is handed out by itself.
    pub fn pending(&self) -> Option<&Version> {
        let is_first = self.version_with(PREVIOUS).is_none();
        let was_handed_out = |version: &Version| {
            let is_told = self.notified.is_some() && self.notified == KeyId::of_version(&version.id);
            version.has(PREVIOUS) || (is_told && self.intent.is_none())
        };
        let is_pending = |version: &&Version| match version.has(CURRENT) {
            true => is_first && self.intent.is_some(),
            false => !was_handed_out(version),
        };
        self.version_with(PENDING).filter(is_pending)
    }

    /// Until when nothing is due by the policy of then, if nothing that is noted here says otherwise: what was begun and not
    /// finished, and who was not told (`is_told_anyway`: nobody is to be), must be looked at.
    pub fn rests(&self, is_told_anyway: bool) -> Option<&Rest> {
        let rest = self.rest.as_ref()?;
        let current = self.current()?;
        let is_told = is_told_anyway || self.notified == KeyId::of_version(&current.id);
        let is_stored = self.pending().is_none();
        let is_deactivated = match (&self.deactivating, &self.deactivated) {
            (Some(begun), Some(done)) => begun.key == done.key,
            (None, _) => true,
            (Some(_), None) => false,
        };
        let took = |refused: &Undelivered| self.delivered.as_ref().is_some_and(|(key, _)| *key == refused.key);
        let is_delivered = self.undelivered.as_ref().is_none_or(took);
        let is_at_rest = is_told && is_stored && is_deactivated && is_delivered && self.intent.is_none();
        is_at_rest.then_some(rest)
    }

    /// When something that is noted here began that takes a while: the latest of it, and what it is.
    pub fn under_way(&self) -> Option<UnderWay> {
        let at = |noted: &Option<KeyAt>| noted.as_ref().map(|noted| noted.at);
        (at(&self.deactivated).map(UnderWay::Hold))
            .or_else(|| at(&self.announced).map(UnderWay::Overlap))
            .or_else(|| self.notified_at.map(UnderWay::Overlap))
    }

    fn version_with(&self, label: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.has(label))
    }

    /// Takes over that a key was stored, as `PutSecretValue` does it: the first version is handed out by itself.
    pub fn store(&mut self, key: &KeyId) {
        let is_first = self.current().is_none();
        for version in &mut self.versions {
            version.labels.retain(|label| label != PENDING);
        }
        let labels = if is_first { vec![CURRENT.to_owned(), PENDING.to_owned()] } else { vec![PENDING.to_owned()] };
        self.versions.push(Version { id: key.version_id(), labels });
        self.drop_deprecated();
    }

    /// Takes over that a key is handed out, as `UpdateSecretVersionStage` does it; `from` is the version that was handed
    /// out before.
    pub fn hand_out(&mut self, key: &KeyId, from: Option<&str>) {
        let to = key.version_id();
        let moves = from != Some(to.as_str());
        for version in &mut self.versions {
            version.labels.retain(|label| match label.as_str() {
                // Of a first version alone: see [`Self::pending`].
                PENDING => moves || version.id != to,
                CURRENT | PREVIOUS => !moves,
                _ => true,
            });
            if moves && version.id == to {
                version.labels.push(CURRENT.to_owned());
            }
            if moves && from == Some(version.id.as_str()) {
                version.labels.push(PREVIOUS.to_owned());
            }
        }
        self.drop_deprecated();
    }

    /// Secrets Manager does not list versions without a label.
    fn drop_deprecated(&mut self) {
        self.versions.retain(|version| !version.labels.is_empty());
    }
}

impl Version {
    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own == label)
    }
}

/// Names that take the place of others, where a ledger is shown that is somebody's.
pub trait Rename {
    /// The name of a user.
    fn user(&mut self, name: &str) -> String;
    /// The ARN of a user.
    fn arn(&mut self, arn: &str) -> String;
    /// An access key.
    fn key(&mut self, key: &KeyId) -> KeyId;
    /// A KMS key, by id, ARN or alias.
    fn kms_key(&mut self, key: &str) -> String;
}

/// The tags of a ledger with other names in them. What stands in no ledger is left out.
pub fn renamed(tags: &BTreeMap<String, String>, names: &mut dyn Rename) -> BTreeMap<String, String> {
    let key_before = |text: &str, end: &str, names: &mut dyn Rename| {
        let (key, rest) = text.find(end).map_or((text, ""), |at| text.split_at(at));
        if key.is_empty() { text.to_owned() } else { format!("{}{rest}", names.key(&KeyId::new(key))) }
    };
    let renamed = |(tag, value): (&String, &String)| {
        let value = match tag.as_str() {
            TAG_OWNER => tag_value(&names.user(value)),
            TAG_USER => tag_value(&names.arn(value)),
            TAG_INTENT | TAG_NOTIFIED_AT | TAG_QUEUE | TAG_DELIVERED_AT => value.clone(),
            TAG_DELIVERED => key_before(value, "/", names),
            TAG_UNDELIVERED => key_before(value, "@", names),
            TAG_UNUSED => value.split(' ').map(|key| key_before(key, "@", names)).collect::<Vec<_>>().join(" "),
            TAG_NOTIFIED => key_before(value, "@", names),
            TAG_DEACTIVATING | TAG_DEACTIVATED | TAG_ANNOUNCED => key_before(value, "@", names),
            TAG_REMINDED => match value.split_once('/') {
                Some((kind, rest)) => format!("{kind}/{}", key_before(rest, "@", names)),
                None => String::new(),
            },
            TAG_KMS_KEY => value.split(' ').map(|key| names.kms_key(key)).collect::<Vec<_>>().join(" "),
            _ => return None,
        };
        Some((tag.clone(), value))
    };
    tags.iter().filter_map(renamed).collect()
}
