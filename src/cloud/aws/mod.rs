//! The real account, behind the AWS SDK. The only module that names `aws_*`.

mod answer;
mod connect;
mod error;
mod read;
mod write;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use secrecy::SecretString;

pub use self::connect::{ConnectError, Connected, Problem, connect, connect_with};
use crate::{
    cloud::{ClockReading, Issued, Message, NewSecret, Reads, Relevant, Shown, Writes},
    inventory::{Account, CallError, Key, KeyId, LastUse, SecretRecord, User},
};

/// One account of AWS, reached with credentials that were checked to be of it. Clones share their connections.
#[derive(Clone)]
pub struct Aws {
    account: Account,
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
    sts: aws_sdk_sts::Client,
    /// With the credentials and the region of the caller: mail leaves from one place, whichever account it is about.
    mail: aws_sdk_sesv2::Client,
    meter: Meter,
    /// The access key that keyrota itself calls with, or that it assumed its role with.
    own_key: Option<KeyId>,
    settings: Settings,
}

/// How patiently to call AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to call, and as whom; `None`: as the environment says, as for every AWS tool.
    pub target: Option<Target>,
    /// How often a call is tried in all.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles from there, with jitter.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// How long in all to wait for a new key to be known.
    pub propagation: Duration,
    /// How long in all to wait for a listing to show what was just done.
    pub consistency: Duration,
    pub connect_timeout: Duration,
    /// For one attempt; four times as long for all attempts of a call together.
    pub attempt_timeout: Duration,
}

/// An endpoint with fixed credentials: an emulator.
#[derive(Clone, Debug)]
pub struct Target {
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: SecretString,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: None,
            attempts: 8,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(8),
            propagation: Duration::from_secs(60),
            consistency: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(30),
        }
    }
}

impl Aws {
    /// How many HTTP requests were made for this account so far, retries included, assuming its role excluded.
    pub fn calls(&self) -> u64 {
        self.meter.calls()
    }

    fn subject(&self) -> String {
        format!("account {}", self.account)
    }
}

impl Reads for Aws {
    fn account(&self) -> &Account {
        &self.account
    }

    fn clock(&self) -> Option<ClockReading> {
        self.meter.clock()
    }

    fn own_key(&self) -> Option<&KeyId> {
        self.own_key.as_ref()
    }

    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        read::users(self, relevant).await
    }

    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        read::secrets(self).await
    }

    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        read::secret(self, name).await
    }

    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        read::resource_policy(self, name).await
    }

    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        read::access_keys(self, user).await
    }

    async fn access_keys_after(&self, user: &str, shown: Shown<'_>) -> Result<Vec<Key>, CallError> {
        read::access_keys_after(self, user, shown).await
    }

    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        read::last_use(self, key).await
    }
}

impl Writes for Aws {
    async fn create_secret(&self, secret: &NewSecret) -> Result<(), CallError> {
        write::create_secret(self, secret).await
    }

    async fn tag_secret(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        write::tag_secret(self, name, tags).await
    }

    async fn untag_secret(&self, name: &str, tags: &[&str]) -> Result<(), CallError> {
        write::untag_secret(self, name, tags).await
    }

    async fn replicate_secret(&self, name: &str, regions: &[String], kms_key: Option<&str>) -> Result<(), CallError> {
        write::replicate_secret(self, name, regions, kms_key).await
    }

    async fn update_secret(&self, name: &str, kms_key: &str) -> Result<(), CallError> {
        write::update_secret(self, name, kms_key).await
    }

    async fn put_secret_value(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
    ) -> Result<Vec<String>, CallError> {
        write::put_secret_value(self, name, version, value).await
    }

    async fn move_label(&self, name: &str, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError> {
        write::move_label(self, name, label, from, to).await
    }

    async fn create_access_key(&self, user: &str) -> Result<Issued, CallError> {
        write::create_access_key(self, user).await
    }

    async fn verify(&self, issued: &Issued) -> Result<(), CallError> {
        write::verify(self, issued).await
    }

    async fn deactivate_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        write::deactivate_access_key(self, user, key).await
    }

    async fn delete_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        write::delete_access_key(self, user, key).await
    }

    async fn send_mail(&self, message: &Message) -> Result<(), CallError> {
        write::send_mail(self, message).await
    }
}

/// Makes one call: its outcome is traced, and its error is put in keyrota's words.
async fn call<T, E>(
    operation: &'static str,
    subject: &str,
    request: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let answer = request.await.map_err(|error| error::call_error(operation, subject, &error));
    match &answer {
        Ok(_) => tracing::debug!(target: "keyrota::aws", operation, subject, outcome = "ok"),
        Err(error) => {
            tracing::debug!(target: "keyrota::aws", operation, subject, outcome = ?error.kind, error = error.message);
        }
    }
    answer
}

/// Counts the HTTP requests of one account, and knows what time it is there and who signs.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Measured>);

#[derive(Debug, Default)]
struct Measured {
    calls: AtomicU64,
    clock: Mutex<Option<ClockReading>>,
    signer: Mutex<Option<KeyId>>,
}

impl Meter {
    /// Counts a request, signed with this key.
    fn count(&self, signer: Option<KeyId>) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        *self.0.signer.lock().unwrap_or_else(PoisonError::into_inner) = signer;
    }

    fn signed_with(&self) -> Option<KeyId> {
        self.0.signer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    fn set_clock(&self, reading: ClockReading) {
        *self.0.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    fn clock(&self) -> Option<ClockReading> {
        *self.0.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
