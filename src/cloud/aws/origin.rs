//! As whom AWS is asked, and where: a wrong profile, region or host is the most common cause of what fails for everyone. And
//! what to do when the credentials are refused, with the first call or in the middle of a run.

use std::env;

use aws_config::SdkConfig;

use super::{
    error::{Failure, NO_CONNECTION, NO_CREDENTIALS, TIMED_OUT, is_unknown_key},
    profile::{Choice, Profiles},
};
use crate::{inventory::ErrorKind, names};

/// As whom, and where unless AWS's own hosts are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    choice: Choice,
    /// The one that answers for every service.
    endpoint: Option<String>,
    /// The caller's region, which mail leaves from.
    pub region: String,
    /// Whether the profile names a device whose codes only a person has.
    asks_for_mfa: bool,
}

impl Origin {
    pub fn new(config: &SdkConfig, choice: Choice, profiles: &Profiles) -> Self {
        let asks_for_mfa = !choice.has_keys && profiles.asks_for_mfa(choice.name());
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Self { choice, endpoint: config.endpoint_url().map(str::to_owned), region, asks_for_mfa }
    }

    /// The credentials, the region and the host of a call.
    pub fn place(&self, operation: &str, region: &str) -> String {
        let service = operation.split(':').next().unwrap_or_default();
        let own = match service {
            "iam" => "AWS_ENDPOINT_URL_IAM",
            "secretsmanager" => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            "ses" => "AWS_ENDPOINT_URL_SESV2",
            "kms" => "AWS_ENDPOINT_URL_KMS",
            "lambda" => "AWS_ENDPOINT_URL_LAMBDA",
            _ => "AWS_ENDPOINT_URL_STS",
        };
        let own = env::var(own).ok().filter(|url| !url.is_empty());
        let host = own.or_else(|| self.endpoint.clone()).unwrap_or_else(|| host(service, region));
        format!("{}, region {region}, {host}", self.choice.words())
    }

    /// What to do about a failure that is not about what was asked for; `region` is the one that was asked.
    pub fn hint(&self, failure: &Failure, region: &str) -> String {
        self.known_hint(failure, region)
            .unwrap_or_else(|| "run it again; if it stays, the message above is what AWS says".to_owned())
    }

    /// The same; `None` where nothing is known but what AWS says.
    pub fn known_hint(&self, failure: &Failure, region: &str) -> Option<String> {
        let (code, message) = (failure.code.as_str(), failure.message.as_str());
        let is_role = self.asks_for_mfa && failure.is_role;
        let profile = self.choice.name();
        Some(match code {
            _ if is_role => format!(
                "profile `{profile}` asks for a code (`mfa_serial`), which keyrota can't: run \
                 `eval \"$(aws configure export-credentials --profile {profile} --format env)\"`, then this again"
            ),
            _ if failure.is_role && failure.kind == ErrorKind::Denied => format!(
                "correct `role_arn` of profile `{profile}`, or allow the role to be assumed: in its trust policy, and in a \
                 policy of who assumes it"
            ),
            NO_CREDENTIALS if is_of_sso(message) => {
                format!("the session has expired: sign in again with `aws sso login --profile {profile}`")
            }
            NO_CREDENTIALS => {
                "sign in (`aws login`, `aws sso login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .to_owned()
            }
            NO_CONNECTION | TIMED_OUT => match names::region_meant(region) {
                Some(meant) => {
                    format!("there may be no region {region}: did you mean {meant}? Check AWS_REGION and the profile")
                }
                None => "check the network, the region and AWS_ENDPOINT_URL".to_owned(),
            },
            code if code.starts_with("ExpiredToken") || code == "TokenRefreshRequired" => {
                "the credentials have expired: sign in again (`aws login`, `aws sso login`), or get new temporary ones"
                    .to_owned()
            }
            // AWS answers both where the clock is off.
            "RequestExpired" | "RequestTimeTooSkewed" => CLOCK.to_owned(),
            "SignatureDoesNotMatch" if message.contains("expired") || message.contains("not yet current") => {
                CLOCK.to_owned()
            }
            code if is_unknown_key(code) => {
                "the credentials are wrong or deactivated: check AWS_PROFILE or AWS_ACCESS_KEY_ID".to_owned()
            }
            _ => return None,
        })
    }
}

const CLOCK: &str = "the clock of this machine is off: set it (timedatectl set-ntp true), then run again";

fn is_of_sso(message: &str) -> bool {
    let text = message.to_ascii_lowercase();
    let says = |word: &&str| text.contains(word);
    text.contains("sso") && ["expired", "refresh", "not found", "missing", "cached"].iter().any(says)
}

/// The host of AWS that answers for a service.
fn host(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    match service {
        "iam" if region.starts_with("cn-") => format!("iam.cn-north-1.{domain}"),
        "iam" if region.starts_with("us-gov-") => format!("iam.us-gov.{domain}"),
        "iam" => format!("iam.{domain}"),
        "ses" => format!("email.{region}.{domain}"),
        service => format!("{service}.{region}.{domain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, message: &str, region: &str) -> String {
        let origin = Origin {
            choice: Choice { named: Some("prod".to_owned()), has_keys: false },
            endpoint: None,
            region: String::new(),
            asks_for_mfa: true,
        };
        let failure = Failure::new(ErrorKind::Other, code, message);
        origin.hint(&failure, region)
    }

    #[test]
    fn each_cause_has_a_hint_of_its_own() {
        let none = "no AWS credentials: ";
        for (code, message, region, expected) in [
            (NO_CONNECTION, "no connection: dns error", "eu-wset-1", "did you mean eu-west-1?"),
            (NO_CONNECTION, "no connection: dns error", "eu-west-1", "check the network"),
            (
                "ExpiredToken",
                "The security token included in the request is expired",
                "eu-west-1",
                "the credentials have expired",
            ),
            ("RequestExpired", "Request has expired", "eu-west-1", "the clock of this machine is off"),
            ("SignatureDoesNotMatch", "Signature expired: 20261123T", "eu-west-1", "the clock of this machine is off"),
            ("SignatureDoesNotMatch", "Signature not yet current", "eu-west-1", "the clock of this machine is off"),
            ("SignatureDoesNotMatch", "The request signature we calculated", "eu-west-1", "wrong or deactivated"),
            (NO_CREDENTIALS, &format!("{none}the SSO session token is expired"), "", "aws sso login --profile prod"),
            (NO_CREDENTIALS, none, "", "sign in (`aws login`, `aws sso login`)"),
            ("ServiceFailure", "oops", "", "run it again"),
        ] {
            let hint = of(code, message, region);
            assert!(hint.contains(expected), "{code}, {message}: {hint}");
        }
    }

    #[test]
    fn the_host_is_that_of_the_call() {
        for (operation, region, expected) in [
            ("iam:ListUsers", "eu-west-1", "region eu-west-1, iam.amazonaws.com"),
            ("iam:ListUsers", "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn"),
            ("iam:ListUsers", "us-gov-east-1", "iam.us-gov.amazonaws.com"),
            ("secretsmanager:ListSecrets", "eu-west-1", "secretsmanager.eu-west-1.amazonaws.com"),
            ("ses:SendEmail", "eu-west-1", "email.eu-west-1.amazonaws.com"),
            ("sts:AssumeRole", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ] {
            let place = Origin::default().place(operation, region);
            assert!(place.starts_with("the default profile, ") && place.ends_with(expected), "{place}");
        }
    }
}
