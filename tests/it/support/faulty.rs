//! A cloud between keyrota and the sandbox that counts calls, makes one of them go wrong, and watches the invariants.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, pending},
};

use async_trait::async_trait;
use keyrota::{
    cloud::{
        BusEvent, Issued, Message, NewParameter, NewSecret, Parameter, Posting, Reads, Relevant, SealedSecret, Values,
        Vault, VaultKey, VaultSecret, Wanted, Writes,
        sandbox::{Sandbox, World},
    },
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, User},
};
use secrecy::SecretString;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An error, without the effect.
    ErrorBefore,
    /// A refusal, without the effect.
    Denied,
    /// A refusal, though the effect took place: who refuses may be a proxy.
    DeniedAfter,
    /// An error, though the effect took place.
    ErrorAfter,
    /// The process dies before the call.
    CutBefore,
    /// The process dies after the call's effect.
    CutAfter,
}

impl Mode {
    /// The ways in which this call can go wrong. Reads have no effect that could be before or after, and a refusal is
    /// treated apart from other errors in two places only.
    pub fn of(operation: &str) -> &'static [Self] {
        match operation {
            "users" | "secrets" | "describe_secret" | "resource_policy" | "access_keys" | "last_use" | "verify"
            | "parameter" | "vault_key" | "vault_secret" | "vault_repositories" | "secret_value" => {
                &[Self::ErrorBefore, Self::CutBefore]
            }
            "create_access_key" | "send_mail" => {
                &[Self::ErrorBefore, Self::Denied, Self::DeniedAfter, Self::ErrorAfter, Self::CutBefore, Self::CutAfter]
            }
            _ => &[Self::ErrorBefore, Self::ErrorAfter, Self::CutBefore, Self::CutAfter],
        }
    }
}

/// Hears the number of a call, and the state after it.
pub type Changed<'a> = &'a dyn Fn(usize, &World);

pub struct Faulty<'a> {
    pub sandbox: &'a Sandbox,
    /// The call, counted from 0, that goes wrong, and how.
    pub fault: Option<(usize, Mode)>,
    /// The calls so far, in order.
    pub calls: RefCell<Vec<&'static str>>,
    /// How many writing calls took effect.
    pub writes: Cell<usize>,
    /// Looks at the state before each change of a key.
    pub watch: fn(&World, &Attempt<'_>),
    /// Called after each call that may have changed something.
    pub changed: Option<Changed<'a>>,
    /// What `ListSecrets` says instead, when it lags behind.
    pub listing: Option<Vec<SecretRecord>>,
    /// How `DescribeSecret` names every KMS key.
    pub kms_key: Option<String>,
    /// The users that get no keys.
    pub denied: Vec<&'static str>,
    /// Whether a credential may be read.
    pub delivers: bool,
    /// How long each call waits for those of others, at random from this seed; `None`: never.
    pub pauses: Cell<Option<u64>>,
}

/// A change of a key that is about to take place.
#[derive(Debug)]
pub enum Attempt<'a> {
    Deactivate(&'a KeyId),
    Delete(&'a KeyId),
}

impl<'a> Faulty<'a> {
    pub fn new(sandbox: &'a Sandbox, fault: Option<(usize, Mode)>, watch: fn(&World, &Attempt<'_>)) -> Self {
        Self {
            sandbox,
            fault,
            calls: RefCell::default(),
            writes: Cell::new(0),
            watch,
            changed: None,
            listing: None,
            kms_key: None,
            denied: Vec::new(),
            delivers: false,
            pauses: Cell::new(None),
        }
    }

    /// Lets others go on for a while.
    async fn pause(&self) {
        let Some(mut random) = self.pauses.get() else { return };
        // xorshift: the same in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.pauses.set(Some(random));
        for _ in 0..random % 4 {
            tokio::task::yield_now().await;
        }
    }

    async fn write<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let number = self.calls.borrow().len();
        let result = self.read(operation, call).await;
        if let Some(changed) = self.changed {
            self.sandbox.inspect(|world| changed(number, world));
        }
        self.writes.set(self.writes.get() + usize::from(result.is_ok()));
        result
    }

    async fn read<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.pause().await;
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push(operation);
        let error = |kind| CallError {
            kind,
            operation,
            subject: "test".to_owned(),
            message: "injected".to_owned(),
            hint: None,
        };
        match self.fault.filter(|(at, _)| *at == number).map(|(_, mode)| mode) {
            None => call.await,
            Some(Mode::ErrorBefore) => Err(error(ErrorKind::Other)),
            Some(Mode::Denied) => Err(error(ErrorKind::Denied)),
            Some(mode @ (Mode::ErrorAfter | Mode::DeniedAfter)) => {
                call.await?;
                Err(error(if mode == Mode::DeniedAfter { ErrorKind::Denied } else { ErrorKind::Other }))
            }
            Some(Mode::CutBefore) => pending().await,
            Some(Mode::CutAfter) => {
                let _ = call.await;
                pending().await
            }
        }
    }
}

#[async_trait(?Send)]
impl Reads for Faulty<'_> {
    fn account(&self) -> &Account {
        self.sandbox.account()
    }
    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        self.read("users", self.sandbox.users(relevant)).await
    }
    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        let listed = self.read("secrets", self.sandbox.secrets()).await?;
        Ok(self.listing.clone().unwrap_or(listed))
    }
    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        let found = self.read("describe_secret", self.sandbox.describe_secret(name)).await?;
        let named = |record: SecretRecord| {
            let kms_key = record.kms_key.clone().map(|key| self.kms_key.clone().unwrap_or(key));
            SecretRecord { kms_key, ..record }
        };
        Ok(found.map(named))
    }
    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        self.read("resource_policy", self.sandbox.resource_policy(name)).await
    }
    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        self.read("access_keys", self.sandbox.access_keys(user)).await
    }
    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        self.read("credential_report", self.sandbox.credential_report()).await
    }
    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        self.read("last_use", self.sandbox.last_use(key)).await
    }
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        self.read("parameter", self.sandbox.parameter(name)).await
    }
    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        self.read("vault_key", self.sandbox.vault_key(vault)).await
    }
    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        self.read("vault_secret", self.sandbox.vault_secret(vault, name)).await
    }
    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        self.read("vault_repositories", self.sandbox.vault_repositories(vault, name)).await
    }
}

#[async_trait(?Send)]
impl Writes for Faulty<'_> {
    async fn create_secret(&self, secret: &NewSecret) -> Result<(), CallError> {
        self.write("create_secret", self.sandbox.create_secret(secret)).await
    }
    async fn tag_secret(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        self.write("tag_secret", self.sandbox.tag_secret(name, tags)).await
    }
    async fn untag_secret(&self, name: &str, tags: &[&str]) -> Result<(), CallError> {
        self.write("untag_secret", self.sandbox.untag_secret(name, tags)).await
    }
    async fn replicate_secret(&self, name: &str, regions: &[String], kms_key: Option<&str>) -> Result<(), CallError> {
        self.write("replicate_secret", self.sandbox.replicate_secret(name, regions, kms_key)).await
    }
    async fn update_secret(&self, name: &str, kms_key: &str) -> Result<(), CallError> {
        self.write("update_secret", self.sandbox.update_secret(name, kms_key)).await
    }
    async fn put_secret_value(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
    ) -> Result<Vec<String>, CallError> {
        self.write("put_secret_value", self.sandbox.put_secret_value(name, version, value)).await
    }
    async fn move_label(&self, name: &str, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError> {
        self.write("move_label", self.sandbox.move_label(name, label, from, to)).await
    }
    async fn create_access_key_while(&self, user: &str, is_wanted: Wanted<'_>) -> Result<Option<Issued>, CallError> {
        if self.denied.contains(&user) {
            let (kind, operation) = (ErrorKind::Denied, "iam:CreateAccessKey");
            let (subject, message) = (user.to_owned(), "denied".to_owned());
            return self
                .write("create_access_key", async { Err(CallError { kind, operation, subject, message, hint: None }) })
                .await;
        }
        self.write("create_access_key", self.sandbox.create_access_key_while(user, is_wanted)).await
    }
    async fn verify(&self, issued: &Issued) -> Result<(), CallError> {
        self.read("verify", self.sandbox.verify(issued)).await
    }
    async fn deactivate_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.sandbox.inspect(|world| (self.watch)(world, &Attempt::Deactivate(key)));
        self.write("deactivate_access_key", self.sandbox.deactivate_access_key(user, key)).await
    }
    async fn delete_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.sandbox.inspect(|world| (self.watch)(world, &Attempt::Delete(key)));
        self.write("delete_access_key", self.sandbox.delete_access_key(user, key)).await
    }
    async fn send_mail(&self, message: &Message) -> Result<(), CallError> {
        self.write("send_mail", self.sandbox.send_mail(message)).await
    }
    async fn put_parameter(&self, parameter: &NewParameter, value: &SecretString) -> Result<i64, CallError> {
        self.write("put_parameter", self.sandbox.put_parameter(parameter, value)).await
    }
    async fn put_vault_secret(&self, vault: &Vault, secret: &SealedSecret) -> Result<(), CallError> {
        self.write("put_vault_secret", self.sandbox.put_vault_secret(vault, secret)).await
    }

    async fn publish(&self, posting: &Posting) -> Result<(), CallError> {
        self.write("publish", self.sandbox.publish(posting)).await
    }
    async fn post_to_webhook(&self, posting: &Posting) -> Result<(), CallError> {
        self.write("post_to_webhook", self.sandbox.post_to_webhook(posting)).await
    }
    async fn put_events(&self, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError> {
        self.write("put_events", self.sandbox.put_events(bus, events)).await
    }
}

#[async_trait(?Send)]
impl Values for Faulty<'_> {
    async fn secret_value(&self, name: &str, version: &str) -> Result<SecretString, CallError> {
        assert!(self.delivers, "a credential is read although nothing is to be delivered");
        self.read("secret_value", self.sandbox.secret_value(name, version)).await
    }
}
