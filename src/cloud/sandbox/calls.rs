//! The sandbox as a [`Reads`] and [`Writes`]: each call locks the state, works on it, and is done.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{Sandbox, channels, delivery, iam, secrets_manager, ses};
use crate::{
    cloud::{
        BusEvent, Issued, Message, NewParameter, NewSecret, Parameter, Posting, Reads, Relevant, SealedSecret, Values,
        Vault, VaultKey, VaultSecret, Wanted, Writes,
    },
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, User},
    notice::POST,
};

impl Sandbox {
    /// Keys and mail have dates, so their calls need to know the time.
    fn time_of(&self, operation: &'static str, subject: &str) -> Result<DateTime<Utc>, CallError> {
        self.now().ok_or_else(|| {
            let message = "the sandbox has no clock: set `now` in its file, or call `set_now`".to_owned();
            CallError { kind: ErrorKind::Other, operation, subject: subject.to_owned(), message, hint: None }
        })
    }
}

#[async_trait(?Send)]
impl Reads for Sandbox {
    fn account(&self) -> &Account {
        &self.account
    }

    fn caller(&self) -> &str {
        "nobody: this is a sandbox"
    }

    fn own_key(&self) -> Option<&KeyId> {
        self.own_key.as_ref()
    }

    async fn users(&self, _relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        Ok(self.inspect(|world| iam::users(world, &self.account)))
    }

    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        Ok(self.inspect(|world| secrets_manager::secrets(world, &self.account)))
    }

    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        Ok(self.call(|world| secrets_manager::describe_secret(world, &self.account, name)))
    }

    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        self.call(|world| secrets_manager::resource_policy(world, name))
    }

    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        self.call(|world| iam::access_keys(world, user))
    }

    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        Ok(self.inspect(iam::credential_report))
    }

    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        self.call(|world| iam::last_use(world, key))
    }

    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        Ok(self.inspect(|world| delivery::parameter(world, name)))
    }

    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        self.inspect(|world| delivery::vault_key(world, vault))
    }

    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        self.inspect(|world| delivery::vault_secret(world, vault, name))
    }

    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        self.inspect(|world| delivery::vault_repositories(world, vault, name))
    }
}

#[async_trait(?Send)]
impl Writes for Sandbox {
    async fn create_secret(&self, secret: &NewSecret) -> Result<(), CallError> {
        self.call(|world| secrets_manager::create_secret(world, &self.account, secret))
    }

    async fn tag_secret(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        self.call(|world| secrets_manager::tag_secret(world, name, tags))
    }

    async fn untag_secret(&self, name: &str, tags: &[&str]) -> Result<(), CallError> {
        self.call(|world| secrets_manager::untag_secret(world, name, tags))
    }

    async fn replicate_secret(&self, name: &str, regions: &[String], _kms_key: Option<&str>) -> Result<(), CallError> {
        self.call(|world| secrets_manager::replicate_secret(world, &self.account, name, regions))
    }

    async fn update_secret(&self, name: &str, kms_key: &str) -> Result<(), CallError> {
        self.call(|world| secrets_manager::update_secret(world, name, kms_key))
    }

    async fn put_secret_value(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
    ) -> Result<Vec<String>, CallError> {
        self.call(|world| secrets_manager::put_secret_value(world, name, version, value))
    }

    async fn move_label(&self, name: &str, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError> {
        self.call(|world| secrets_manager::move_label(world, name, label, from, to))
    }

    async fn create_access_key_while(&self, user: &str, is_wanted: Wanted<'_>) -> Result<Option<Issued>, CallError> {
        if !is_wanted() {
            return Ok(None);
        }
        let now = self.time_of("iam:CreateAccessKey", user)?;
        self.call(|world| iam::create_access_key(world, &self.account, now, user)).map(Some)
    }

    async fn verify(&self, issued: &Issued) -> Result<(), CallError> {
        let now = self.time_of("sts:GetCallerIdentity", issued.key.as_str())?;
        self.call(|world| iam::verify(world, &self.account, now, issued))
    }

    async fn deactivate_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.call(|world| iam::deactivate_access_key(world, user, key))
    }

    async fn delete_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.call(|world| iam::delete_access_key(world, user, key))
    }

    async fn send_mail(&self, message: &Message) -> Result<(), CallError> {
        let now = self.time_of("ses:SendEmail", &message.to)?;
        self.call(|world| ses::send_mail(world, now, message))
    }

    async fn put_parameter(&self, parameter: &NewParameter, value: &SecretString) -> Result<i64, CallError> {
        let now = self.time_of("ssm:PutParameter", &parameter.name)?;
        self.call(|world| delivery::put_parameter(world, now, parameter, value))
    }

    async fn put_vault_secret(&self, vault: &Vault, secret: &SealedSecret) -> Result<(), CallError> {
        let now = self.time_of("github:PutSecret", &vault.to_string())?;
        self.call(|world| delivery::put_vault_secret(world, now, vault, secret))
    }

    async fn publish(&self, posting: &Posting) -> Result<(), CallError> {
        let now = self.time_of("sns:Publish", &posting.to)?;
        self.call(|world| channels::publish(world, now, posting))
    }

    async fn post_to_webhook(&self, posting: &Posting) -> Result<(), CallError> {
        let now = self.time_of(POST, &posting.to)?;
        self.call(|world| channels::post_to_webhook(world, now, posting))
    }

    async fn put_events(&self, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError> {
        self.call(|world| channels::put_events(world, bus, events))
    }
}

#[async_trait(?Send)]
impl Values for Sandbox {
    async fn secret_value(&self, name: &str, version: &str) -> Result<SecretString, CallError> {
        self.call(|world| delivery::secret_value(world, &self.account, name, version))
    }
}
