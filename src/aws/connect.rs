//! Finds credentials for every account, and checks them before anything is planned.

use std::fmt;

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, identity::IdentityCache, retry::RetryConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_iam::config::retry::RetryPartition;
use secrecy::ExposeSecret;

use super::{
    Aws, Meter, Settings,
    error::{Failure, NO_CONNECTION, NO_CREDENTIALS, TIMED_OUT, is_unknown_key},
};
use crate::{
    cloud::ErrorKind,
    inventory::Account,
    manifest::{DeclaredAccount, Source},
};

/// Why the accounts could not be reached: all problems, each with a remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConnectError {
    pub problems: Vec<Problem>,
}

/// One account that could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The account's name in the manifest and where it stands; `None`: the caller's own.
    pub account: Option<(String, Source)>,
    pub message: String,
    pub hint: String,
}

/// Who the credentials belong to, as `GetCallerIdentity` tells.
struct Identity {
    account: String,
    arn: String,
}

/// Connects to the declared accounts, by name; to the caller's own account if none is declared.
///
/// Credentials, region and endpoint come from where every AWS tool takes them; a declared `region` wins. One
/// `GetCallerIdentity` checks each.
///
/// # Errors
/// The problems of all accounts, if there is any.
pub async fn connect(declared: &[(String, &DeclaredAccount)]) -> Result<Vec<Aws>, ConnectError> {
    connect_with(&Settings::default(), declared).await
}

/// [`connect`] with other patience, or to an emulator.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    settings: &Settings,
    declared: &[(String, &DeclaredAccount)],
) -> Result<Vec<Aws>, ConnectError> {
    let mut config = load(settings).await;
    if config.region().is_none() {
        // Asking who the caller is works in any region.
        let Some(region) = declared.iter().find_map(|(_, account)| account.region.clone()) else {
            let message = "no AWS region is set".to_owned();
            let hint = "set AWS_REGION, or `region` in the AWS profile or in the manifest's [accounts.NAME]".to_owned();
            return Err(ConnectError { problems: vec![Problem { account: None, message, hint }] });
        };
        config = config.to_builder().region(Region::new(region)).build();
    }
    // The first call of all: a wrong endpoint or no network should show soon.
    let patience = retries(settings).with_max_attempts(settings.attempts.min(3));
    let first = config.to_builder().retry_config(patience).build();
    let caller = identify(&sts(&first, &Meter::default())).await.map_err(|failure| {
        let hint = hint(&failure);
        let message = format!("the AWS credentials could not be checked: {}", failure.message);
        ConnectError { problems: vec![Problem { account: None, message, hint }] }
    })?;
    let caller = &caller;
    if declared.is_empty() {
        let account = describe(caller, None, &config);
        return Ok(vec![Aws::new(account, &config, &config, settings)]);
    }
    let connecting = declared.iter().map(|(name, account)| {
        let config = &config;
        async move {
            connect_declared(settings, config, caller, name, account).await.map_err(|(message, hint)| Problem {
                account: Some((name.clone(), account.source.clone())),
                message,
                hint,
            })
        }
    });
    let (mut connected, mut problems) = (Vec::new(), Vec::new());
    for result in futures::future::join_all(connecting).await {
        match result {
            Ok(aws) => connected.push(aws),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(connected) } else { Err(ConnectError { problems }) }
}

async fn load(settings: &Settings) -> SdkConfig {
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
        None => loader,
        Some(target) => loader
            .endpoint_url(&target.endpoint)
            .region(Region::new(target.region.clone()))
            .credentials_provider(fixed(&target.access_key, target.secret_key.expose_secret())),
    };
    loader.load().await
}

fn retries(settings: &Settings) -> RetryConfig {
    RetryConfig::adaptive()
        .with_max_attempts(settings.attempts)
        .with_initial_backoff(settings.first_wait)
        .with_max_backoff(settings.longest_wait)
}

/// Credentials that do not change.
pub(super) fn fixed(access_key: &str, secret_key: &str) -> Credentials {
    Credentials::new(access_key, secret_key, None, None, "keyrota")
}

/// The account, or what is wrong with it and the remedy.
async fn connect_declared(
    settings: &Settings,
    caller_config: &SdkConfig,
    caller: &Identity,
    name: &str,
    declared: &DeclaredAccount,
) -> Result<Aws, (String, String)> {
    let config = match &declared.region {
        Some(region) => caller_config.to_builder().region(Region::new(region.clone())).build(),
        None => caller_config.clone(),
    };
    let DeclaredAccount { id, role, .. } = declared;
    let Some(role) = role else {
        if caller.account != *id {
            let message = format!("the AWS credentials are of account {}, not {id}", caller.account);
            let hint = format!("add `role` to [accounts.{name}] to assume one there, or use credentials of {id}");
            return Err((message, hint));
        }
        return Ok(Aws::new(describe(caller, Some(name), &config), &config, caller_config, settings));
    };
    let arn = match role.starts_with("arn:") {
        true => role.clone(),
        false => format!("arn:{}:iam::{id}:role/{role}", partition(caller)),
    };
    let provider = caller_config.credentials_provider().expect("the loader always sets a chain of providers");
    let role_provider = AssumeRoleProvider::builder(&arn)
        .session_name("keyrota")
        .configure(&config)
        .build_from_provider(provider)
        .await;
    let config = config.to_builder().credentials_provider(SharedCredentialsProvider::new(role_provider)).build();
    match identify(&sts(&config, &Meter::default())).await {
        Ok(identity) if identity.account == *id => {
            Ok(Aws::new(describe(&identity, Some(name), &config), &config, caller_config, settings))
        }
        Ok(identity) => {
            let message = format!("role {arn} is of account {}, not {id}", identity.account);
            Err((message, format!("correct `role` or `id` in [accounts.{name}]")))
        }
        Err(failure) => {
            let hint = match failure.kind {
                ErrorKind::Denied => format!(
                    "allow {} to `sts:AssumeRole` this role: in the role's trust policy, and in a policy of its own",
                    caller.arn
                ),
                _ => hint(&failure),
            };
            Err((format!("role {arn} could not be assumed: {}", failure.message), hint))
        }
    }
}

impl Aws {
    fn new(account: Account, config: &SdkConfig, caller: &SdkConfig, settings: &Settings) -> Self {
        let meter = Meter::default();
        // Every client has its own partition: one account's throttling must not slow down another. (The SDK's default
        // is one for each service and region of the process.)
        let iam = aws_sdk_iam::config::Builder::from(config)
            .interceptor(meter.clone())
            .retry_partition(RetryPartition::custom("iam").build());
        let secrets = aws_sdk_secretsmanager::config::Builder::from(config)
            .interceptor(meter.clone())
            .retry_partition(RetryPartition::custom("secretsmanager").build());
        let mail = aws_sdk_sesv2::config::Builder::from(caller)
            .interceptor(meter.clone())
            .retry_partition(RetryPartition::custom("ses").build());
        Self {
            account,
            iam: aws_sdk_iam::Client::from_conf(iam.build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.build()),
            sts: sts(config, &meter),
            mail: aws_sdk_sesv2::Client::from_conf(mail.build()),
            meter,
            settings: settings.clone(),
        }
    }
}

fn sts(config: &SdkConfig, meter: &Meter) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::config::Builder::from(config)
        .interceptor(meter.clone())
        .retry_partition(RetryPartition::custom("sts").build());
    aws_sdk_sts::Client::from_conf(config.build())
}

async fn identify(sts: &aws_sdk_sts::Client) -> Result<Identity, Failure> {
    let operation = "sts:GetCallerIdentity";
    let answer = sts.get_caller_identity().send().await.map_err(|error| Failure::of(operation, &error));
    tracing::debug!(target: "keyrota::aws", operation, outcome = if answer.is_ok() { "ok" } else { "failed" });
    let answer = answer?;
    match (answer.account, answer.arn) {
        (Some(account), Some(arn)) if arn.starts_with("arn:") => Ok(Identity { account, arn }),
        _ => Err(Failure {
            kind: ErrorKind::Malformed,
            code: String::new(),
            message: "AWS's answer makes no sense: it has no account or no ARN".to_owned(),
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
    }
}

fn hint(failure: &Failure) -> String {
    match failure.code.as_str() {
        NO_CREDENTIALS => {
            "sign in (`aws sso login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        NO_CONNECTION | TIMED_OUT => "check the network, the region and AWS_ENDPOINT_URL",
        code if code.starts_with("ExpiredToken") => "the credentials have expired: sign in again (`aws sso login`)",
        code if is_unknown_key(code) => {
            "the credentials are wrong or deactivated: check AWS_PROFILE or AWS_ACCESS_KEY_ID"
        }
        _ => "run again; if it stays, the message above is what AWS says",
    }
    .to_owned()
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, message, hint } = self;
        if let Some((name, source)) = account {
            write!(f, "account {name} ({source}): ")?;
        }
        write!(f, "{message}\n  hint: {hint}")
    }
}
