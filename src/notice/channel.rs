//! The ways to tell people beside mail. A channel is written with its word in front, as in `sns:ARN`, wherever somebody is named. How each
//! takes a message is a file of `mail/send/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::{names, untrusted::quote};

/// A way to tell people beside mail.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ChannelKind {
    /// By an SNS topic, whose ARN is named.
    Sns,
    /// By a Slack webhook; the secret that holds its URL is named.
    Slack,
}

impl ChannelKind {
    /// Stable: what stands in front.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How it is written, for whoever wrote something else.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Sns => "sns:ARN",
            Self::Slack => "slack:NAME",
        }
    }

    /// What people write in front who mean it. None of it can begin an address.
    pub(crate) fn meant_by(self) -> &'static [&'static str] {
        match self {
            Self::Sns => &["arn", "topic", "aws-sns"],
            Self::Slack => &["slack-webhook", "webhook", "chat"],
        }
    }

    /// The call that tells somebody, as errors name it.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Sns => "sns:Publish",
            Self::Slack => POST,
        }
    }

    /// Whether there can be one of this name.
    ///
    /// # Errors
    /// There can't.
    pub(crate) fn check(self, name: &str) -> Result<(), NoChannel> {
        match self {
            Self::Sns => topic(name),
            Self::Slack => webhook(name),
        }
    }
}

/// What a message to a webhook is called where calls of AWS have the names of operations.
pub(crate) const POST: &str = "the message";

/// What to do instead of writing a webhook's URL, or a part of it, into a manifest.
pub(crate) const NO_URL: &str = "put the URL into a secret of Secrets Manager, and write that one's name: `slack:NAME`; a URL that was \
                                 committed is no secret any more, so make another webhook";

/// A name that no channel has, in words, and what to write instead.
pub(crate) struct NoChannel {
    pub message: String,
    pub help: &'static str,
}

fn no(message: impl Into<String>, help: &'static str) -> Result<(), NoChannel> {
    Err(NoChannel { message: message.into(), help })
}

/// The ARN of an SNS topic.
fn topic(arn: &str) -> Result<(), NoChannel> {
    let name = match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", partition, "sns", region, account, name]
            if names::is_partition(partition) && names::is_region(region) && names::is_account_id(account) =>
        {
            name
        }
        _ => {
            let help = "write the ARN of the topic, e.g. `sns:arn:aws:sns:eu-west-1:111122223333:keyrota`";
            return no(format!("{} is not the ARN of an SNS topic", quote(arn)), help);
        }
    };
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match name.strip_suffix(".fifo") {
        Some(_) => {
            let message = format!("{} is a FIFO topic, which reaches queues and no people", quote(arn));
            no(message, "name a standard topic")
        }
        None if name.is_empty() || name.len() > 256 || !name.chars().all(is_fine) => {
            let (arn, name) = (quote(arn), quote(name));
            let message = format!("{arn} is not the ARN of an SNS topic: {name} can't be its name");
            no(message, "names of topics have up to 256 letters, digits, `_` and `-`")
        }
        None => Ok(()),
    }
}

/// The name of the secret that holds the URL of a Slack webhook.
fn webhook(name: &str) -> Result<(), NoChannel> {
    if is_path_of_webhook(name) {
        return no("a part of a webhook's URL stands where the name of a secret is meant", NO_URL);
    }
    if names::is_secret_name(name) {
        return Ok(());
    }
    let help = "write the name of the secret that holds the URL of an incoming webhook, e.g. `slack:keyrota/slack`";
    match name.starts_with('#') {
        true => no(format!("{} is a channel, and not the name of a secret", quote(name)), help),
        false => no(format!("{} can't be the name of a secret", quote(name)), help),
    }
}

/// Whether it looks like a webhook's URL without its beginning: `…/T0000/B0000/…`.
fn is_path_of_webhook(name: &str) -> bool {
    let is_id = |part: &str, letter: char| {
        let rest = part.strip_prefix(letter);
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
    };
    let parts: Vec<&str> = name.split('/').collect();
    name.to_ascii_lowercase().starts_with("hooks.")
        || parts.windows(2).any(|two| is_id(two[0], 'T') && is_id(two[1], 'B'))
}
