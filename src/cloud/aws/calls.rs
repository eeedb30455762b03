//! AWS as [`Reads`] and [`Writes`]: which file makes which call.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{channels, client::Aws, credential_report::credential_report, parameters, read, secrets, write};
use crate::{
    cloud::{
        BusEvent, ClockReading, Issued, Message, NewParameter, NewSecret, Parameter, Posting, Reads, Relevant,
        SealedSecret, Shown, Values, Vault, VaultKey, VaultSecret, Wanted, Writes,
    },
    inventory::{Account, CallError, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, User},
};

#[async_trait(?Send)]
impl Reads for Aws {
    fn account(&self) -> &Account {
        &self.account
    }

    fn give_back(&self) {
        self.clients.give_back();
    }

    fn clock(&self) -> Option<ClockReading> {
        self.meter.clock()
    }

    fn caller(&self) -> &str {
        &self.caller
    }

    fn own_key(&self) -> Option<&KeyId> {
        self.own_key.as_ref()
    }

    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        read::users(self, relevant).await
    }

    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        secrets::secrets(self, "").await
    }

    async fn secrets_named(&self, prefix: &str) -> Result<Vec<SecretRecord>, CallError> {
        secrets::secrets(self, prefix).await
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

    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        credential_report(self).await
    }

    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        read::last_use(self, key).await
    }

    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        parameters::parameter(self, name).await
    }

    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        self.github.actions().await?.public_key(vault).await
    }

    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        self.github.actions().await?.secret(vault, name).await
    }

    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        self.github.actions().await?.repositories(vault, name).await
    }
}

#[async_trait(?Send)]
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

    async fn create_access_key_while(&self, user: &str, is_wanted: Wanted<'_>) -> Result<Option<Issued>, CallError> {
        write::create_access_key(self, user, is_wanted).await
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

    async fn put_parameter(&self, parameter: &NewParameter, value: &SecretString) -> Result<i64, CallError> {
        parameters::put_parameter(self, parameter, value).await
    }

    async fn put_vault_secret(&self, vault: &Vault, secret: &SealedSecret) -> Result<(), CallError> {
        self.github.actions().await?.put(vault, secret).await
    }

    async fn publish(&self, posting: &Posting) -> Result<(), CallError> {
        channels::publish(self, posting).await
    }

    async fn post_to_webhook(&self, posting: &Posting) -> Result<(), CallError> {
        channels::post_to_webhook(self, posting).await
    }

    async fn put_events(&self, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError> {
        channels::put_events(self, bus, events).await
    }
}

#[async_trait(?Send)]
impl Values for Aws {
    async fn secret_value(&self, name: &str, version: &str) -> Result<SecretString, CallError> {
        parameters::secret_value(self, name, version).await
    }
}
