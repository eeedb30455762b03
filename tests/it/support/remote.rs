//! A simulated account as if it were far away: every call takes time, is counted, and IAM refuses those that come too
//! fast. The calls wait in the queue in which those to AWS wait. With tokio's clock paused, the time is a virtual one.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use keyrota::{
    cloud::{
        BusEvent, Issued, Message, NewParameter, NewSecret, Parameter, Posting, Reads, Relevant, SealedSecret, Values,
        Vault, VaultKey, VaultSecret, Wanted, Writes,
        sandbox::Sandbox,
        throttle::{Throttle, Unanswered},
    },
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, User},
};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

/// The pages of `GetAccountAuthorizationDetails` and of `ListSecrets`.
const USERS_A_PAGE: usize = 1000;
const SECRETS_A_PAGE: usize = 100;

/// Which calls IAM refuses.
#[derive(Clone, Debug)]
pub enum Limit {
    /// None.
    Unlimited,
    /// A token bucket, as AWS throttles: so many a second, and as many at once.
    Bucket { rate: f64, burst: f64 },
    /// More than so many in any second; those that are refused count as well if it says so.
    Window { rate: usize, counts_refused: bool },
    /// This share of all, at random.
    Chance(f64),
}

impl Limit {
    /// A bucket that holds as many tokens as come in a second.
    pub fn of(rate: f64) -> Self {
        Self::Bucket { rate, burst: rate }
    }
}

/// What stands on the other side. Clones are the same one.
#[derive(Clone)]
pub struct Server(Arc<Mutex<State>>);

struct State {
    latency: Duration,
    limit: Limit,
    silent: Range<f64>,
    began: Instant,
    tokens: f64,
    filled: f64,
    recent: VecDeque<f64>,
    random: u64,
    calls: BTreeMap<&'static str, usize>,
    refused: usize,
    mail: usize,
}

impl Server {
    pub fn new(latency: Duration, limit: Limit) -> Self {
        let tokens = if let Limit::Bucket { burst, .. } = limit { burst } else { 0.0 };
        let (began, silent, filled) = (Instant::now(), 0.0..0.0, 0.0);
        let (recent, random, calls, refused) = (VecDeque::new(), 0x9e37_79b9_7f4a_7c15, BTreeMap::new(), 0);
        let mail = usize::MAX;
        let state = State { latency, limit, silent, began, tokens, filled, recent, random, calls, refused, mail };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Refuses everything in these seconds.
    pub fn silent(self, seconds: Range<f64>) -> Self {
        self.state(|state| state.silent = seconds);
        self
    }

    /// Refuses others of those that it refuses at random.
    #[allow(dead_code, reason = "of the tests")]
    pub fn seeded(self, seed: u64) -> Self {
        self.state(|state| state.random ^= seed.wrapping_mul(0x1234_5678_9abc_def1));
        self
    }

    /// Takes so many messages, and no more.
    #[allow(dead_code, reason = "of the tests")]
    pub fn mail(self, most: usize) -> Self {
        self.state(|state| state.mail = most);
        self
    }

    /// How many calls came so far, by operation.
    pub fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.state(|state| state.calls.clone())
    }

    /// How many came in all.
    #[allow(dead_code, reason = "of the benchmark")]
    pub fn count(&self) -> usize {
        self.calls().values().sum()
    }

    /// Another one that refuses the same.
    #[allow(dead_code, reason = "of the benchmark")]
    pub fn like(&self) -> Self {
        self.state(|state| Self::new(state.latency, state.limit.clone()).silent(state.silent.clone()))
    }

    /// How many were refused.
    pub fn refused(&self) -> usize {
        self.state(|state| state.refused)
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.lock().expect("no test has failed"))
    }

    /// Spends the time of a call, and tells whether it was taken.
    pub async fn ask(&self, operation: &'static str) -> Result<(), CallError> {
        let latency = self.state(|state| state.latency);
        sleep(latency / 2).await;
        let is_taken = self.state(|state| {
            *state.calls.entry(operation).or_default() += 1;
            let is_taken = !operation.starts_with("iam:") || state.takes();
            state.refused += usize::from(!is_taken);
            is_taken
        });
        sleep(latency / 2).await;
        let (kind, subject, message) = (ErrorKind::Throttled, String::new(), "Rate exceeded (Throttling)".to_owned());
        if is_taken { Ok(()) } else { Err(CallError { kind, operation, subject, message, hint: None }) }
    }
}

impl State {
    fn takes(&mut self) -> bool {
        let now = self.began.elapsed().as_secs_f64();
        if self.silent.contains(&now) {
            return false;
        }
        match self.limit {
            Limit::Unlimited => true,
            Limit::Bucket { rate, burst } => {
                self.tokens = burst.min(self.tokens + (now - self.filled) * rate);
                self.filled = now;
                let is_taken = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(is_taken));
                is_taken
            }
            Limit::Window { rate, counts_refused } => {
                while self.recent.front().is_some_and(|at| *at <= now - 1.0) {
                    self.recent.pop_front();
                }
                let is_taken = self.recent.len() < rate;
                if is_taken || counts_refused {
                    self.recent.push_back(now);
                }
                is_taken
            }
            Limit::Chance(share) => {
                // xorshift: the same in every run.
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                f64::from(u32::try_from(self.random >> 32).expect("32 bits")) / f64::from(u32::MAX) >= share
            }
        }
    }
}

/// The account on the other side.
pub struct Remote {
    pub sandbox: Sandbox,
    pub server: Server,
    queue: Throttle,
}

impl Remote {
    pub fn new(sandbox: Sandbox, server: Server) -> Self {
        Self { sandbox, server, queue: Throttle::new(Duration::from_secs(120)) }
    }

    async fn call(&self, operation: &'static str, subject: &str) -> Result<(), CallError> {
        self.call_while(operation, subject, &|| true).await.map(drop)
    }

    async fn call_while(
        &self,
        operation: &'static str,
        subject: &str,
        is_wanted: Wanted<'_>,
    ) -> Result<Option<()>, CallError> {
        let is_refusal = |error: &CallError| error.kind == ErrorKind::Throttled;
        let called = match operation.starts_with("iam:") {
            true => self.queue.call_while(|| self.server.ask(operation), is_refusal, is_wanted).await,
            false => self.server.ask(operation).await.map(Some).map_err(Unanswered::Failed),
        };
        called.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) | Unanswered::Refused(Some(error)) => {
                CallError { subject: subject.to_owned(), ..error }
            }
            Unanswered::Refused(None) => {
                let (kind, message) = (ErrorKind::Throttled, "AWS has refused every call".to_owned());
                CallError { kind, operation, subject: subject.to_owned(), message, hint: None }
            }
        })
    }

    /// Spends the time of a list: one call a page.
    async fn pages(&self, operation: &'static str, items: usize, items_a_page: usize) -> Result<(), CallError> {
        for _ in 0..items.div_ceil(items_a_page).max(1) {
            self.call(operation, "the account").await?;
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Reads for Remote {
    fn account(&self) -> &Account {
        self.sandbox.account()
    }
    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError> {
        let users = self.sandbox.users(relevant).await?;
        self.pages("iam:GetAccountAuthorizationDetails", users.len(), USERS_A_PAGE).await?;
        Ok(users)
    }
    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError> {
        let secrets = self.sandbox.secrets().await?;
        self.pages("secretsmanager:ListSecrets", secrets.len(), SECRETS_A_PAGE).await?;
        Ok(secrets)
    }
    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError> {
        self.call("secretsmanager:DescribeSecret", name).await?;
        self.sandbox.describe_secret(name).await
    }
    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError> {
        self.call("secretsmanager:GetResourcePolicy", name).await?;
        self.sandbox.resource_policy(name).await
    }
    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError> {
        self.call("iam:ListAccessKeys", user).await?;
        self.sandbox.access_keys(user).await
    }
    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError> {
        self.call("iam:GetCredentialReport", "the account").await?;
        self.sandbox.credential_report().await
    }
    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError> {
        self.call("iam:GetAccessKeyLastUsed", key.as_str()).await?;
        self.sandbox.last_use(key).await
    }
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        self.sandbox.parameter(name).await
    }
    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        self.sandbox.vault_key(vault).await
    }
    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        self.sandbox.vault_secret(vault, name).await
    }
    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        self.sandbox.vault_repositories(vault, name).await
    }
}

#[async_trait(?Send)]
impl Writes for Remote {
    async fn create_secret(&self, secret: &NewSecret) -> Result<(), CallError> {
        self.call("secretsmanager:CreateSecret", &secret.name).await?;
        self.sandbox.create_secret(secret).await
    }
    async fn tag_secret(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        self.call("secretsmanager:TagResource", name).await?;
        self.sandbox.tag_secret(name, tags).await
    }
    async fn untag_secret(&self, name: &str, tags: &[&str]) -> Result<(), CallError> {
        self.call("secretsmanager:UntagResource", name).await?;
        self.sandbox.untag_secret(name, tags).await
    }
    async fn replicate_secret(&self, name: &str, regions: &[String], kms_key: Option<&str>) -> Result<(), CallError> {
        self.call("secretsmanager:ReplicateSecretToRegions", name).await?;
        self.sandbox.replicate_secret(name, regions, kms_key).await
    }
    async fn update_secret(&self, name: &str, kms_key: &str) -> Result<(), CallError> {
        self.call("secretsmanager:UpdateSecret", name).await?;
        self.sandbox.update_secret(name, kms_key).await
    }
    async fn put_secret_value(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
    ) -> Result<Vec<String>, CallError> {
        self.call("secretsmanager:PutSecretValue", name).await?;
        self.sandbox.put_secret_value(name, version, value).await
    }
    async fn move_label(&self, name: &str, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError> {
        self.call("secretsmanager:UpdateSecretVersionStage", name).await?;
        self.sandbox.move_label(name, label, from, to).await
    }
    async fn create_access_key_while(&self, user: &str, is_wanted: Wanted<'_>) -> Result<Option<Issued>, CallError> {
        match self.call_while("iam:CreateAccessKey", user, is_wanted).await? {
            Some(()) => self.sandbox.create_access_key(user).await.map(Some),
            None => Ok(None),
        }
    }
    async fn verify(&self, issued: &Issued) -> Result<(), CallError> {
        self.call("sts:GetCallerIdentity", issued.key.as_str()).await?;
        self.sandbox.verify(issued).await
    }
    async fn deactivate_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.call("iam:UpdateAccessKey", user).await?;
        self.sandbox.deactivate_access_key(user, key).await
    }
    async fn delete_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError> {
        self.call("iam:DeleteAccessKey", user).await?;
        self.sandbox.delete_access_key(user, key).await
    }
    async fn send_mail(&self, message: &Message) -> Result<(), CallError> {
        self.call("ses:SendEmail", &message.to).await?;
        self.server.state(|state| match state.mail.checked_sub(1) {
            Some(left) => {
                state.mail = left;
                Ok(())
            }
            None => Err(CallError::new(ErrorKind::QuotaUsedUp, "ses:SendEmail", &*message.to, "Daily quota exceeded")),
        })?;
        self.sandbox.send_mail(message).await
    }
    async fn put_parameter(&self, parameter: &NewParameter, value: &SecretString) -> Result<i64, CallError> {
        self.sandbox.put_parameter(parameter, value).await
    }
    async fn put_vault_secret(&self, vault: &Vault, secret: &SealedSecret) -> Result<(), CallError> {
        self.sandbox.put_vault_secret(vault, secret).await
    }

    async fn publish(&self, posting: &Posting) -> Result<(), CallError> {
        self.call("sns:Publish", &posting.to).await?;
        self.sandbox.publish(posting).await
    }
    async fn post_to_webhook(&self, posting: &Posting) -> Result<(), CallError> {
        self.sandbox.post_to_webhook(posting).await
    }
    async fn put_events(&self, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError> {
        self.call("events:PutEvents", bus).await?;
        self.sandbox.put_events(bus, events).await
    }
}

#[async_trait(?Send)]
impl Values for Remote {
    async fn secret_value(&self, name: &str, version: &str) -> Result<SecretString, CallError> {
        self.call("secretsmanager:GetSecretValue", name).await?;
        self.sandbox.secret_value(name, version).await
    }
}
