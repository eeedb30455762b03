//! A plan gets no more than `Reads`. The account below has no writes: if planning, reviewing or checking the clock asked for
//! one, this file would not compile.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::FutureExt;
use keyrota::{
    clock,
    cloud::{ClockReading, Parameter, Reads, Relevant, Vault, VaultKey, VaultSecret, sandbox::Sandbox},
    diff::review::{AccountPair, Accounts, review},
    inventory::{Account, CallError, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, User},
    manifest::load_files,
    run::{Mode, Run},
};

/// What may only be looked at.
struct ReadOnly(Sandbox);

#[async_trait(?Send)]
impl Reads for ReadOnly {
    fn account(&self) -> &Account {
        self.0.account()
    }

    fn clock(&self) -> Option<ClockReading> {
        self.0.clock()
    }

    fn own_key(&self) -> Option<&KeyId> {
        self.0.own_key()
    }

    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        self.0.users(relevant).await
    }

    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        self.0.secrets().await
    }

    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        self.0.describe_secret(name).await
    }

    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        self.0.resource_policy(name).await
    }

    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        self.0.access_keys(user).await
    }

    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        self.0.credential_report().await
    }
    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        self.0.last_use(key).await
    }

    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        self.0.parameter(name).await
    }
    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        self.0.vault_key(vault).await
    }
    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        self.0.vault_secret(vault, name).await
    }
    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        self.0.vault_repositories(vault, name).await
    }
}

#[test]
fn a_plan_and_a_review_need_no_writes() {
    let sandbox = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n[[users]]\nname = \"ci\"\n\
                   [[users.keys]]\nid = \"AKIAIOSFODNN7EXAMPLE\"\ncreated = 2026-01-01T00:00:00Z\n";
    let sandbox = Sandbox::parse(sandbox, "sandbox.toml").unwrap_or_else(|error| panic!("{error}"));
    let now = sandbox.now().expect("a pinned clock");
    let manifest = "version = 1\n[defaults]\nnotify = []\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [\"ssm:/ci/{user}\", \"github:acme/payments\"]\n";
    let loaded = load_files(vec![("manifests/keyrota.toml".to_owned(), manifest.into())], now);
    let manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let before = sandbox.snapshot();
    let clouds = [ReadOnly(sandbox)];
    let account = Some(clouds[0].account().clone());
    let (planned, reviewed) = async {
        let planned = Run::new(&manifest, &clouds, Mode::Enforce, now).plan(&|_| {}).await.expect("planned");
        let pair = [AccountPair { cloud: &clouds[0], before: account.clone(), after: account }];
        let reviewed =
            review(Accounts::of(&pair), Ok(&manifest), &manifest, now.into(), None, &|_| {}).await.expect("reviewed");
        (planned, reviewed)
    }
    .now_or_never()
    .expect("the sandbox never waits");
    clock::check(&clouds).expect("the sandbox has no other clock");
    assert_eq!((planned.plan.changes.len(), reviewed.plan.changes.len()), (1, 1));
    assert!(clouds[0].0.inspect(|world| *world == before), "nothing was changed");
}
