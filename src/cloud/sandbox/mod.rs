//! A simulated AWS account, kept in a TOML file: to try keyrota without an account, to rehearse a change and to
//! forecast. It is also the fake that keyrota is tested against, so it is as strict as IAM, Secrets Manager and SES
//! document themselves to be, and refuses with their error codes.
//!
//! Nothing in it is random, reads a clock or waits: every future is ready when it is first polled.
//!
//! ```toml
//! now = 2026-11-23T08:00:00Z          # optional: pins the clock
//! account = "111122223333"
//! region = "eu-west-1"                # default: that of the manifests, else "us-east-1"
//! partition = "aws"                   # default
//! refuse-mail-to = ["gone@example.com"]   # optional: addresses that SES refuses; `sns:ARN`, `slack:NAME`, and event buses likewise
//! refuse-delivery-to = ["github:acme/x"]  # optional: places of GitHub that keyrota may not write to
//! called-with = "AKIA…"               # optional: the access key that keyrota itself calls with, if it is one of a user
//! keys-issued = 0                     # optional: how many keys were created here; makes new ids unique
//!
//! [[users]]
//! name = "ci-deployer"
//! path = "/ci/"                       # default "/"
//! groups = ["deployers"]              # optional
//! tags = { email = "team@example.com" }   # optional
//! smtp = "its policy …"               # optional: what says that it sends mail by SES's SMTP
//! policies-unread = true              # optional: or, that its policies, which may say so, could not be read
//!
//! [[users.keys]]                      # at most two
//! id = "AKIAEXAMPLECIDEPLOY1"
//! created = 2026-08-15T09:00:00Z      # or a date: midnight UTC
//! status = "inactive"                 # default "active"
//! last-used = 2026-11-20T09:00:00Z    # none: never used
//! last-used-service = "s3"            # optional
//! last-used-region = "eu-west-1"      # optional
//!
//! [[secrets]]
//! name = "/aws/iam/credentials/ci-deployer"
//! description = "…"                   # optional
//! tags = { Owner = "ci-deployer" }    # optional
//! kms-key = "alias/…"                 # optional
//! replicas = ["eu-central-1"]         # optional
//! replica-failures = { eu-central-1 = "…" }  # optional: replication there fails, and this is why
//! deleted = 2026-11-01                # optional: it is scheduled for deletion; when that was done, or is due
//! policy = '{"Statement": …}'         # optional: its resource policy, in JSON
//! primary-region = "us-east-1"        # optional: of the secret that it is a replica of
//!
//! [[secrets.versions]]
//! id = "keyrota-1-access-key-AKIAEXAMPLECIDEPLOY1"
//! labels = ["AWSCURRENT"]             # none: deprecated, as AWS calls it; kept, but reported nowhere
//! digest = "…"                        # optional: SHA-256 of the value, which `PutSecretValue` compares
//!
//! [[parameters]]                      # of Systems Manager, without values
//! name = "/ci/aws"
//! description = "…"                   # optional
//! tags = { Owner = "ci-deployer" }    # optional
//! kms-key = "alias/…"                 # optional
//! version = 1
//! modified = 2026-11-23T08:00:00Z     # optional: when it was written last
//! digest = "…"                        # optional: SHA-256 of its value
//!
//! [[github]]                          # Actions secrets, without values
//! place = "github:acme/payments"      # as `deliver` in manifests
//! name = "AWS_ACCESS_KEY_ID"
//! updated = 2026-11-23T08:00:00Z      # when it was written last
//! visibility = "selected"             # of an organization's: all, private or selected
//! repositories = [1296269]            # of an organization's: the ids of those that are selected
//! digest = "…"                        # optional: SHA-256 of its value
//!
//! [[mail]]                            # what SES accepted, newest last
//! sent = 2026-11-23T08:00:00Z
//! from = "security@example.com"
//! from-arn = "arn:aws:ses:…"          # optional
//! reply-to = "security@example.com"   # optional
//! configuration-set = "keyrota"       # optional
//! tags = { kind = "rotated" }         # optional: what SES events carry
//! to = "team@example.com"
//! subject = "…"
//! text = "…"
//!
//! [[posted]]                          # what channels took, newest last: nothing leaves a sandbox
//! sent = 2026-11-23T08:00:00Z
//! to = "slack:keyrota/slack"          # or "sns:arn:aws:sns:…"
//! subject = "…"                       # of a topic
//! text = "…"                          # of Slack: the JSON that its webhook would get
//!
//! [[events]]                          # what the event bus took, newest last
//! time = 2026-11-23T08:00:00Z
//! bus = "default"
//! detail-type = "Access Key Created"
//! resources = ["arn:aws:iam::…"]
//! detail = '{…}'
//! ```

mod calls;
mod channels;
mod delivery;
mod file;
mod iam;
mod probes;
mod rules;
mod save;
mod seat;
mod secrets_manager;
mod ses;
mod written;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::cloud::Visibility;
use crate::inventory::{Account, Key, KeyId, SmtpUse};

/// A simulated account. Clones are independent of each other.
#[derive(Debug)]
pub struct Sandbox {
    account: Arc<Account>,
    /// Where an organisation has it.
    seat: Arc<Seat>,
    /// Whether its file leaves the region to the manifests.
    has_no_region: bool,
    /// The comments that the file starts with.
    header: Arc<str>,
    /// The access key with which keyrota calls, if it is one of a user.
    own_key: Option<KeyId>,
    state: Mutex<State>,
}

/// What the organisation says of an account, as its file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// `account-name`.
    pub name: Option<String>,
    /// `account-state`, as AWS Organizations names it; `None`: active.
    pub state: Option<String>,
    /// The units that it is in, by path or id.
    pub units: Vec<String>,
    /// `account-tags`.
    pub tags: BTreeMap<String, String>,
    /// `refuse-entry`: why the account can't be entered.
    pub refuses: Option<String>,
}

#[derive(Clone, Debug)]
struct State {
    world: Located,
    /// The time that calls happen at. Not the same as [`World::now`], which is set only in a file that pins it.
    clock: Option<DateTime<Utc>>,
}

/// Everything in a simulated account, as plain values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    /// The instant that the file pins the clock to.
    pub now: Option<DateTime<Utc>>,
    /// How many access keys were ever created by calls. Keeps their ids unique.
    pub keys_issued: u64,
    /// Addresses that SES refuses; compare without case.
    pub refuse_mail_to: Vec<String>,
    /// IAM.
    pub users: Vec<IamUser>,
    /// Secrets Manager.
    pub secrets: Vec<StoredSecret>,
    /// What SES accepted, newest last.
    pub mail: Vec<SentMail>,
    /// What channels took, newest last.
    pub posted: Vec<Posted>,
    /// What event buses took, newest last.
    pub events: Vec<PutEvent>,
    /// Places of GitHub that refuse everything, as manifests name them; compare without case.
    pub closed: Vec<String>,
    /// Systems Manager.
    pub parameters: Vec<StoredParameter>,
    /// GitHub.
    pub vault: Vec<StoredVaultSecret>,
}

/// A message that a channel took.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Posted {
    /// When it was sent.
    pub sent: DateTime<Utc>,
    /// The channel, as manifests name it.
    pub to: String,
    /// Empty for Slack.
    pub subject: String,
    /// What was sent.
    pub text: String,
}

/// An event that a bus took.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PutEvent {
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The name or ARN of the bus.
    pub bus: String,
    /// What rules match first.
    pub detail_type: String,
    /// The ARNs that it is about.
    pub resources: Vec<String>,
    /// JSON.
    pub detail: String,
}

/// A parameter of Systems Manager, without its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StoredParameter {
    /// Its name.
    pub name: String,
    /// What it was created with.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The KMS key that it was written with last.
    pub kms_key: Option<String>,
    /// One more with each write.
    pub version: i64,
    /// When it was written last.
    pub modified: Option<DateTime<Utc>>,
    /// SHA-256 of the value; the value itself is kept nowhere.
    pub digest: Option<[u8; 32]>,
}

/// An Actions secret of GitHub, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredVaultSecret {
    /// Where it is, as manifests name places.
    pub place: String,
    /// Its name, in capital letters.
    pub name: String,
    /// When it was written last.
    pub updated: DateTime<Utc>,
    /// Of an organization's: who sees it.
    pub visibility: Option<Visibility>,
    /// Of an organization's: the repositories that are selected.
    pub repositories: Vec<u64>,
    /// SHA-256 of the value; the value itself is kept nowhere.
    pub digest: Option<[u8; 32]>,
}

/// An IAM user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IamUser {
    /// Its name, as IAM spells it.
    pub name: String,
    /// Starts and ends with `/`.
    pub path: String,
    /// The names of its groups.
    pub groups: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it sends mail by SES's SMTP, where its name and its groups do not say so.
    pub smtp: SmtpUse,
    /// At most two. [`LastUse::Unread`](crate::inventory::LastUse::Unread) counts as never used.
    pub keys: Vec<Key>,
}

/// A secret of Secrets Manager, without values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StoredSecret {
    /// Its name.
    pub name: String,
    /// What it was created with.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// As it was named when it was set.
    pub kms_key: Option<String>,
    /// The regions it is replicated to.
    pub replicas: Vec<String>,
    /// Regions to which its replication fails, and what AWS says of that.
    pub replica_failures: BTreeMap<String, String>,
    /// When it was scheduled for deletion, if it is.
    pub deleted: Option<DateTime<Utc>>,
    /// Its resource policy, in JSON.
    pub policy: Option<String>,
    /// The region of the secret that this is a replica of, if it is one.
    pub primary_region: Option<String>,
    /// Oldest first, those without labels included.
    pub versions: Vec<StoredVersion>,
}

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredVersion {
    /// The `ClientRequestToken` that it was put with.
    pub id: String,
    /// Empty: deprecated.
    pub labels: Vec<String>,
    /// SHA-256 of the value; the value itself is kept nowhere.
    pub digest: Option<[u8; 32]>,
}

/// A mail that SES accepted. A file keeps only the plain text of its two bodies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SentMail {
    /// When it was sent.
    pub sent: DateTime<Utc>,
    /// The sender.
    pub from: String,
    /// The identity that permits it.
    pub from_arn: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The SES configuration set.
    pub configuration_set: Option<String>,
    /// The tags of the message.
    pub tags: BTreeMap<String, String>,
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// Empty if it was read from a file.
    pub html: String,
}

/// Why a sandbox file can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum SandboxError {
    /// The file can't be read.
    #[error("cannot read the sandbox `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The file can't be written.
    #[error("cannot write the sandbox `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The content is wrong; the message says how to put it right.
    #[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Invalid {
        /// As the user named it.
        file: String,
        /// Counted from 1. `None` if it is about the file as a whole.
        line: Option<usize>,
        message: String,
    },
}

impl Sandbox {
    /// An account in this state. The state is not checked before it is saved.
    pub fn new(account: Account, world: World) -> Self {
        let clock = world.now;
        let state = Mutex::new(State { world: Located::new(world), clock });
        let (account, header) = (Arc::new(account), Arc::from(""));
        Self { account, seat: Arc::default(), has_no_region: false, header, own_key: None, state }
    }

    /// The same account, called with this access key.
    #[must_use]
    pub fn called_with(self, own_key: Option<KeyId>) -> Self {
        Self { own_key, ..self }
    }

    /// The same account, with these lines of comment at the top of its file.
    #[must_use]
    pub fn with_header(self, lines: &str) -> Self {
        let header: Vec<String> = lines.lines().map(|line| format!("# {line}").trim_end().to_owned()).collect();
        Self { header: Arc::from(header.join("\n")), ..self }
    }

    /// The same account under the name that the manifest gives it. The file holds no such name.
    #[must_use]
    pub fn named(mut self, name: Option<String>) -> Self {
        Arc::make_mut(&mut self.account).name = name;
        self
    }

    /// The time that calls happen at: what [`Sandbox::set_now`] set, else what the file pins.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        self.state().clock
    }

    /// Sets the time that calls happen at. Where the file pins a time, that moves along; where it does not, the file
    /// stays without one.
    pub fn set_now(&self, now: DateTime<Utc>) {
        let mut state = self.state();
        state.clock = Some(now);
        if state.world.now.is_some() {
            state.world.now = Some(now);
        }
    }

    /// A copy of the whole state.
    pub fn snapshot(&self) -> World {
        World::clone(&self.state().world)
    }

    /// Reads the state without copying it. The closure must not use the sandbox, which is locked meanwhile.
    pub fn inspect<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.state().world)
    }

    /// Changes the state behind the API's back, as people and other programs do. The closure must not use the sandbox,
    /// which is locked meanwhile. A change of [`World::now`] does not move the clock.
    pub fn change<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        change(self.state().world.any())
    }

    /// Makes one call.
    fn call<R>(&self, call: impl FnOnce(&mut Located) -> R) -> R {
        call(&mut self.state().world)
    }

    /// A panic while it was locked can only have come from a closure of `inspect` or `change`, that is, from a test;
    /// the state is then as that test left it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Sandbox {
    fn clone(&self) -> Self {
        Self {
            account: Arc::clone(&self.account),
            seat: Arc::clone(&self.seat),
            has_no_region: self.has_no_region,
            header: Arc::clone(&self.header),
            own_key: self.own_key.clone(),
            state: Mutex::new(self.state().clone()),
        }
    }
}

impl World {
    /// The user of this name; IAM compares names without case.
    pub fn user(&self, name: &str) -> Option<&IamUser> {
        // Of thousands of users, most are looked up as they are spelt, and that is compared much faster.
        let spelt = self.users.iter().find(|user| user.name == name);
        spelt.or_else(|| self.users.iter().find(|user| user.name.eq_ignore_ascii_case(name)))
    }

    /// The key of this id, whoever has it.
    pub fn key(&self, id: &KeyId) -> Option<&Key> {
        self.users.iter().flat_map(|user| &user.keys).find(|key| key.id == *id)
    }

    /// The parameter of exactly this name.
    pub fn parameter(&self, name: &str) -> Option<&StoredParameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The secret of this name at a place of GitHub, which compares both without case.
    pub fn vault_secret(&self, place: &str, name: &str) -> Option<&StoredVaultSecret> {
        self.vault.iter().find(|secret| secret.is_called(place, name))
    }

    /// The secret of exactly this name.
    pub fn secret(&self, name: &str) -> Option<&StoredSecret> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

impl StoredSecret {
    /// The version that carries a staging label; at most one can.
    pub fn labelled(&self, label: &str) -> Option<&StoredVersion> {
        self.versions.iter().find(|version| version.labels.iter().any(|own| own == label))
    }
}

/// A [`World`] whose lists are not searched from the start for every call.
#[derive(Clone, Debug)]
struct Located {
    world: World,
    /// `None`: someone has changed the lists behind the calls' back.
    places: Option<Places>,
}

#[derive(Clone, Debug, Default)]
struct Places {
    /// By name in lower case.
    users: HashMap<String, usize>,
    /// The user whose key it is.
    keys: HashMap<KeyId, usize>,
    secrets: HashMap<String, usize>,
}

impl Located {
    /// Finds everything once.
    pub fn new(world: World) -> Self {
        Self { world, places: None }
    }

    /// The state, to change it in any way.
    pub fn any(&mut self) -> &mut World {
        self.places = None;
        &mut self.world
    }

    /// As [`World::user`].
    pub fn user(&mut self, name: &str) -> Option<&mut IamUser> {
        let at = *self.places().users.get(&name.to_ascii_lowercase())?;
        self.world.users.get_mut(at)
    }

    /// As [`World::key`].
    pub fn key(&mut self, id: &KeyId) -> Option<&mut Key> {
        let at = *self.places().keys.get(id)?;
        self.world.users.get_mut(at)?.keys.iter_mut().find(|key| key.id == *id)
    }

    /// As [`World::secret`].
    pub fn secret(&mut self, name: &str) -> Option<&mut StoredSecret> {
        let at = *self.places().secrets.get(name)?;
        self.world.secrets.get_mut(at)
    }

    /// Adds a key to a user's.
    pub fn add_key(&mut self, user: &str, key: Key) {
        let Some(at) = self.places().users.get(&user.to_ascii_lowercase()).copied() else { return };
        self.places().keys.insert(key.id.clone(), at);
        self.world.users[at].keys.push(key);
    }

    /// Adds a secret of a name that there is not yet.
    pub fn add_secret(&mut self, secret: StoredSecret) {
        let at = self.world.secrets.len();
        self.places().secrets.insert(secret.name.clone(), at);
        self.world.secrets.push(secret);
    }

    fn places(&mut self) -> &mut Places {
        self.places.get_or_insert_with(|| {
            let mut places = Places::default();
            // The first of a name is the one that is found.
            for (at, user) in self.world.users.iter().enumerate() {
                places.users.entry(user.name.to_ascii_lowercase()).or_insert(at);
                for key in &user.keys {
                    places.keys.entry(key.id.clone()).or_insert(at);
                }
            }
            for (at, secret) in self.world.secrets.iter().enumerate() {
                places.secrets.entry(secret.name.clone()).or_insert(at);
            }
            places
        })
    }
}

impl Deref for Located {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// For what is no list of named things: the counter, the mail.
impl DerefMut for Located {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}
