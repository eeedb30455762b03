//! Finds credentials for every account, and checks them before anything is planned.

use std::{fmt, sync::Arc};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, identity::IdentityCache, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_iam::config::retry::RetryPartition;
use futures::{StreamExt, future::LocalBoxFuture, stream};
use secrecy::ExposeSecret;
use tokio::time::timeout_at;

use super::{
    answer::Answers,
    channel_clients::Channels,
    client::{Aws, Throttles, patiently},
    clients::Clients,
    error::Failure,
    github::GitHub,
    meter::Meter,
    origin::Origin,
    profile::{Choice, Fault, Profiles},
    retries::NotThrottled,
    role::Role,
    settings::Settings,
    wire::wire,
};
use crate::{
    cloud::throttle::{Throttle, Unanswered},
    github::actions::Patience,
    inventory::{Account, ErrorKind, KeyId, UnreadAccount},
    manifest::{DeclaredAccount, Manifest, Source},
    organization::{Found, Question},
};

/// The accounts that could be reached, and what is wrong with the others.
pub struct Connected {
    /// One at least.
    pub accounts: Vec<Aws>,
    /// What is wrong with the accounts that could not be reached.
    pub problems: Vec<Problem>,
}

/// Why no account could be reached: all problems, each with a remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConnectError {
    /// One at least.
    pub problems: Vec<Problem>,
}

/// One account that could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The account's name in the manifest and where it stands; `None`: the caller's own.
    pub account: Option<(String, Source)>,
    /// Its 12 digits, if they are known.
    pub id: Option<String>,
    /// Whether another account has this name.
    pub shares_name: bool,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Whether AWS has refused it for coming too fast: another try has a chance.
    pub is_throttled: bool,
}

/// Who the credentials belong to, as `GetCallerIdentity` tells.
pub(super) struct Identity {
    pub account: String,
    pub arn: String,
}

/// Connects to the declared accounts, by name; to the caller's own account if none is declared.
///
/// Credentials, region and endpoint come from where every AWS tool takes them; a declared `region` wins. One
/// `GetCallerIdentity` checks each.
///
/// # Errors
/// The problems of all accounts, if none could be reached.
pub async fn connect(declared: &[(String, &DeclaredAccount)]) -> Result<Connected, ConnectError> {
    connect_with(&Settings::default(), declared).await
}

/// [`connect`] with other patience, or to an emulator.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    settings: &Settings,
    declared: &[(String, &DeclaredAccount)],
) -> Result<Connected, ConnectError> {
    let region = declared.iter().find_map(|(_, account)| account.region.as_deref());
    let caller = sign_in(settings, region).await?;
    if declared.is_empty() { Ok(caller.enter_own()) } else { caller.enter(declared).await }
}

/// Finds the caller's credentials, and checks them; `region` is taken where none is set.
///
/// # Errors
/// There are none, or AWS does not take them.
pub fn sign_in<'a>(
    settings: &'a Settings,
    region: Option<&'a str>,
) -> LocalBoxFuture<'a, Result<Caller, ConnectError>> {
    Box::pin(find_and_check(settings, region))
}

async fn find_and_check(settings: &Settings, region: Option<&str>) -> Result<Caller, ConnectError> {
    let caller = Problem::of_caller;
    let choice = if settings.target.is_some() { Choice::default() } else { Choice::of_environment() };
    let profiles = match &settings.target {
        // Its credentials are given.
        Some(_) => Profiles::default(),
        // Before the SDK would go on to the next source.
        None => choice.check().await.map_err(|Fault { message, hint }| {
            let message = format!("the AWS credentials could not be found: {message}");
            ConnectError { problems: vec![caller(message, hint)] }
        })?,
    };
    let mut config = load(settings, &choice).await;
    // Roles are assumed in the caller's region: another may be one that refuses the caller's session, because it is
    // not enabled there, or because the session came from the global endpoint.
    let sts_region = match (config.region(), region) {
        (Some(region), _) => region.clone(),
        (None, Some(region)) => {
            config = config.to_builder().region(Region::new(region.to_owned())).build();
            Region::new(global_region(region))
        }
        (None, None) => {
            let message = "no AWS region is set".to_owned();
            let hint = "set AWS_REGION, or `region` in the AWS profile or in the manifest's [accounts.NAME]".to_owned();
            return Err(ConnectError { problems: vec![caller(message, hint)] });
        }
    };
    let sts_config = config.to_builder().region(sts_region).build();
    // The first call of all: a wrong endpoint or no network should show soon.
    let patience = retries(settings).with_max_attempts(settings.attempts.min(3));
    let first = sts_config.to_builder().retry_config(patience).build();
    let meter = Meter::default();
    let throttle = Throttle::new(settings.patience);
    let origin = Origin::new(&config, choice, &profiles);
    let identity = identify(&sts(&first, &meter), &throttle).await.map_err(|failure| {
        let region = sts_config.region().map(ToString::to_string).unwrap_or_default();
        let place = origin.place("sts:GetCallerIdentity", &region);
        let message = format!("the AWS credentials could not be checked: {} ({place})", failure.message);
        let hint = origin.hint(&failure, &region);
        let is_throttled = failure.kind == ErrorKind::Throttled;
        ConnectError { problems: vec![Problem { is_throttled, ..caller(message, hint) }] }
    })?;
    let (own_key, mail) = (meter.signed_with(), Throttle::new(settings.patience));
    let (topics, channels) = (Throttle::new(settings.patience), Channels::new(&config));
    let own_secrets = aws_sdk_secretsmanager::config::Builder::from(&config).interceptor(Answers(Meter::default()));
    let own_secrets = aws_sdk_secretsmanager::Client::from_conf(own_secrets.build());
    let patience = Patience { first_wait: settings.first_wait, longest_wait: settings.github_patience };
    let github = Arc::new(GitHub::new(settings.github.clone(), patience, own_secrets));
    let (settings, sts) = (settings.clone(), sts(&sts_config, &Meter::default()));
    Ok(Caller { identity, origin, config, sts_config, sts, own_key, settings, mail, topics, channels, github })
}

/// So many accounts are entered at a time.
const CONCURRENT_ENTRIES: usize = 32;

impl Caller {
    /// The 12 digits of the caller's account.
    pub fn account(&self) -> &str {
        &self.identity.account
    }

    /// The accounts that the manifests look at: those of `[accounts]`, and of `[organization]` what it has now.
    ///
    /// # Errors
    /// The organisation can't be listed.
    pub async fn accounts(&self, manifest: &Manifest) -> Result<Found, ConnectError> {
        match Question::of([manifest]) {
            None => Ok(Found::declared(manifest)),
            Some(question) => {
                let listed = self.in_time(self.organization(&question)).await.unwrap_or_else(|| {
                    let message = "the organisation could not be listed in time".to_owned();
                    let hint = "AWS refuses calls, or does not answer: the next run tries again".to_owned();
                    Err(ConnectError { problems: vec![Problem::of_caller(message, hint)] })
                });
                Ok(Found::within(manifest, &listed?, Some(self.account())))
            }
        }
    }

    /// The caller's own account, where no accounts are declared.
    pub fn enter_own(&self) -> Connected {
        Connected { accounts: vec![Aws::new(&self.identity, None, &self.config, self)], problems: Vec::new() }
    }

    /// Enters accounts, by name, and checks that each is the one that is meant. One that can't be entered stops no other.
    ///
    /// # Errors
    /// The problems of all accounts, if none could be entered; or that there are none.
    pub fn enter<'a>(
        &'a self,
        declared: &'a [(String, &DeclaredAccount)],
    ) -> LocalBoxFuture<'a, Result<Connected, ConnectError>> {
        Box::pin(self.enter_each(declared))
    }

    async fn enter_each(&self, declared: &[(String, &DeclaredAccount)]) -> Result<Connected, ConnectError> {
        if declared.is_empty() {
            // Nothing to do would be believed.
            let message = "no account is left to look at".to_owned();
            let hint =
                "look at `units` and `except` of [organization], and at which of its accounts are active".to_owned();
            return Err(ConnectError { problems: vec![Problem::of_caller(message, hint)] });
        }
        let entering = declared.iter().map(|(name, account)| async move {
            let throttle = Throttle::new(self.settings.patience);
            let entered = self.in_time(connect_declared(self, name, account, &throttle)).await.unwrap_or_else(|| {
                let is_throttled = throttle.is_refusing();
                let why =
                    if is_throttled { "AWS has refused each call for coming too fast" } else { "AWS did not answer" };
                let message = format!("not entered, for the time for that was over: {why}");
                Err(NotEntered { message, hint: "the next run tries again".to_owned(), is_throttled })
            });
            entered.map_err(|NotEntered { message, hint, is_throttled }| Problem {
                account: Some((name.clone(), account.source.clone())),
                id: Some(account.id.clone()),
                shares_name: account.membership.as_ref().is_some_and(|membership| membership.shares_name),
                message,
                hint,
                is_throttled,
            })
        });
        let results: Vec<_> = stream::iter(entering).buffered(CONCURRENT_ENTRIES).collect().await;
        let (mut accounts, mut problems) = (Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok(aws) => accounts.push(aws),
                Err(problem) => problems.push(problem),
            }
        }
        if accounts.is_empty() { Err(ConnectError { problems }) } else { Ok(Connected { accounts, problems }) }
    }
}

impl Caller {
    /// What this yields as long as there is time.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self.settings.enter_until {
            Some(until) => timeout_at(until, work).await.ok(),
            None => Some(work.await),
        }
    }
}

/// Whose credentials keyrota runs with, and where they are used.
pub struct Caller {
    pub(super) identity: Identity,
    pub(super) origin: Origin,
    pub(super) config: SdkConfig,
    /// The same in the region whose STS is asked.
    sts_config: SdkConfig,
    /// Assumes roles.
    sts: aws_sdk_sts::Client,
    /// The access key that signs.
    own_key: Option<KeyId>,
    pub(super) settings: Settings,
    /// The queue of mail, which leaves from one place.
    mail: Throttle,
    github: Arc<GitHub>,
    /// The queue of topics, likewise.
    topics: Throttle,
    channels: Channels,
}

/// The region of the partition in which its global services are.
fn global_region(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "cn-north-1",
        region if region.starts_with("us-gov-") => "us-gov-west-1",
        region if region.starts_with("us-iso-") => "us-iso-east-1",
        region if region.starts_with("us-isob-") => "us-isob-east-1",
        region if region.starts_with("eusc-") => "eusc-de-east-1",
        _ => "us-east-1",
    }
}

/// Credentials, region and endpoint from where every AWS tool takes them.
pub(super) async fn load(settings: &Settings, choice: &Choice) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .app_name(AppName::new("keyrota").expect("a valid name"))
        .retry_config(retries(settings))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(settings.connect_timeout)
                .operation_attempt_timeout(settings.attempt_timeout)
                .operation_timeout(settings.attempt_timeout * 4)
                .build(),
        )
        // Assuming a role is a call too, and may have to be repeated.
        .identity_cache(IdentityCache::lazy().load_timeout(settings.attempt_timeout * 2).build());
    let loader = match &settings.target {
        // The SDK reads AWS_PROFILE alone.
        None => match &choice.named {
            Some(name) => loader.profile_name(name),
            None => loader,
        },
        Some(target) => loader
            .endpoint_url(&target.endpoint)
            .region(Region::new(target.region.clone()))
            .credentials_provider(fixed(&target.access_key, target.secret_key.expose_secret())),
    };
    // Not that of the loader: what looks for credentials on this machine gives up sooner.
    loader.load().await.to_builder().http_client(wire()).build()
}

fn retries(settings: &Settings) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(settings.attempts)
        .with_initial_backoff(settings.first_wait)
        .with_max_backoff(settings.longest_wait)
}

/// For who only asks how things are, and is watched by a person.
#[cfg(feature = "cli")]
fn impatient(config: &SdkConfig, settings: &Settings) -> SdkConfig {
    let few = retries(settings).with_max_attempts(settings.attempts.min(2));
    config.to_builder().retry_config(few).build()
}

/// Credentials that do not change.
pub(super) fn fixed(access_key: &str, secret_key: &str) -> Credentials {
    Credentials::new(access_key, secret_key, None, None, "keyrota")
}

/// What is wrong with an account that can't be entered, and the remedy.
struct NotEntered {
    message: String,
    hint: String,
    is_throttled: bool,
}

/// The account, or what is wrong with it.
async fn connect_declared(
    caller: &Caller,
    name: &str,
    declared: &DeclaredAccount,
    throttle: &Throttle,
) -> Result<Aws, NotEntered> {
    let Caller { identity, config, sts_config, .. } = caller;
    let config = match &declared.region {
        Some(region) => config.to_builder().region(Region::new(region.clone())).build(),
        None => config.clone(),
    };
    let DeclaredAccount { id, role, .. } = declared;
    let Some(role) = role else {
        if identity.account != *id {
            let message = format!("the AWS credentials are of account {}, not {id}", identity.account);
            let hint = format!("add `role` to [accounts.{name}] to assume one there, or use credentials of {id}");
            return Err(NotEntered { message, hint, is_throttled: false });
        }
        let own = Aws::new(identity, Some(name), &config, caller);
        return Ok(own.with_membership(declared));
    };
    let arn = match role.starts_with("arn:") {
        true => role.clone(),
        false => format!("arn:{}:iam::{id}:role/{role}", partition(identity)),
    };
    let role = Role { sts: caller.sts.clone(), arn: arn.clone(), external_id: declared.external_id.clone() };
    let role_provider = SharedCredentialsProvider::new(role);
    let sts_config = sts_config.to_builder().credentials_provider(role_provider.clone()).build();
    match identify(&sts(&sts_config, &Meter::default()), throttle).await {
        Ok(assumed) if assumed.account == *id => {
            let config = config.to_builder().credentials_provider(role_provider).build();
            Ok(Aws::new(&assumed, Some(name), &config, caller).with_membership(declared))
        }
        Ok(assumed) => {
            let message = format!("role {arn} is of account {}, not {id}", assumed.account);
            let place = match declared.membership.is_some() {
                true => "`role` in [organization]".to_owned(),
                false => format!("`role` or `id` in [accounts.{name}]"),
            };
            Err(NotEntered { message, hint: format!("correct {place}"), is_throttled: false })
        }
        Err(failure) => {
            let is_management = declared.membership.as_ref().is_some_and(|membership| membership.is_management);
            let hint = match failure.kind {
                ErrorKind::Denied if is_management => {
                    "StackSets lay no role in the management account: make it there by hand, or leave the account \
                     out by `except` of [organization]"
                        .to_owned()
                }
                ErrorKind::Denied if declared.external_id.is_some() => format!(
                    "allow {} to `sts:AssumeRole` this role: in the role's trust policy, with the `external-id` of the \
                     manifests, and in a policy of its own",
                    identity.arn
                ),
                ErrorKind::Denied => format!(
                    "allow {} to `sts:AssumeRole` this role: in the role's trust policy, and in a policy of its own",
                    identity.arn
                ),
                _ => caller.origin.hint(&failure, config.region().map(AsRef::as_ref).unwrap_or_default()),
            };
            // STS says the same of a role that is not there and of an account that is closed.
            let hint = match (failure.kind, declared.membership.is_some()) {
                (ErrorKind::Denied, true) => {
                    format!(
                        "{hint}; or the account has been closed, or has left the organisation, since that was listed"
                    )
                }
                _ => hint,
            };
            let message = format!("role {arn} could not be assumed: {}", failure.message);
            Err(NotEntered { message, hint, is_throttled: failure.kind == ErrorKind::Throttled })
        }
    }
}

impl Aws {
    fn new(identity: &Identity, name: Option<&str>, config: &SdkConfig, caller: &Caller) -> Self {
        let account = describe(identity, name, config);
        let meter = Meter::default();
        Self {
            account,
            clients: Arc::new(Clients::new(config, &caller.config, &meter)),
            github: Arc::clone(&caller.github),
            meter,
            channels: caller.channels.clone(),
            throttles: Throttles::new(&caller.settings, caller.mail.clone(), caller.topics.clone()),
            own_key: caller.own_key.clone(),
            caller: identity.arn.clone(),
            settings: caller.settings.clone(),
            origin: caller.origin.clone(),
            #[cfg(feature = "cli")]
            configs: super::client::Configs {
                account: impatient(config, &caller.settings),
                caller: impatient(&caller.config, &caller.settings),
            },
        }
    }
}

impl Aws {
    fn with_membership(mut self, declared: &DeclaredAccount) -> Self {
        self.account.membership.clone_from(&declared.membership);
        self
    }
}

fn sts(config: &SdkConfig, meter: &Meter) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::config::Builder::from(config)
        .interceptor(Answers(meter.clone()))
        .retry_classifier(NotThrottled)
        .retry_partition(RetryPartition::custom("sts").build());
    aws_sdk_sts::Client::from_conf(config.build())
}

async fn identify(sts: &aws_sdk_sts::Client, throttle: &Throttle) -> Result<Identity, Failure> {
    let operation = "sts:GetCallerIdentity";
    let answer = patiently(throttle, operation, || sts.get_caller_identity().send()).await;
    let answer = answer.map_err(|unanswered| match unanswered {
        Unanswered::Failed(error) | Unanswered::Refused(Some(error)) => Failure::of(operation, &error),
        Unanswered::Refused(None) => Failure::throttled(),
    });
    tracing::debug!(target: "keyrota::aws", operation, outcome = if answer.is_ok() { "ok" } else { "failed" });
    let answer = answer?;
    match (answer.account, answer.arn) {
        (Some(account), Some(arn)) if arn.starts_with("arn:") => Ok(Identity { account, arn }),
        _ => Err(Failure {
            kind: ErrorKind::Malformed,
            code: String::new(),
            message: "AWS's answer makes no sense: it has no account or no ARN".to_owned(),
            kms: None,
            is_role: false,
        }),
    }
}

/// `aws`, `aws-cn` or `aws-us-gov`.
fn partition(identity: &Identity) -> &str {
    identity.arn.split(':').nth(1).unwrap_or_default()
}

fn describe(identity: &Identity, name: Option<&str>, config: &SdkConfig) -> Account {
    Account {
        id: identity.account.clone(),
        name: name.map(str::to_owned),
        partition: partition(identity).to_owned(),
        region: config.region().map(ToString::to_string).unwrap_or_default(),
        membership: None,
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl ConnectError {
    /// Whether AWS has refused all of it for coming too fast.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.problems.iter().all(|problem| problem.is_throttled)
    }
}

impl Problem {
    /// What is wrong with the caller itself.
    pub(super) fn of_caller(message: String, hint: String) -> Self {
        Self { account: None, id: None, shares_name: false, message, hint, is_throttled: false }
    }

    /// The account as one that could not be read.
    pub fn unread(self) -> UnreadAccount {
        let Self { account, id, shares_name, message, hint, is_throttled: _ } = self;
        UnreadAccount { id, name: account.map(|(name, _)| name), shares_name, error: message, hint: Some(hint) }
    }

    /// What went wrong, with the account and where the manifests have it.
    #[must_use]
    pub fn in_its_place(&self) -> String {
        let Self { account, id, shares_name, message, .. } = self;
        let id = id.as_ref().filter(|_| *shares_name).map_or_else(String::new, |id| format!("{id}, "));
        match account {
            Some((name, source)) => format!("account {name} ({id}{source}): {message}"),
            None => message.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  hint: {}", self.in_its_place(), self.hint)
    }
}
