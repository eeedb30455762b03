//! What all places have in common.

use std::fmt;

use super::names::GitHubNames;
use crate::{
    cloud::{Reads, Visibility, Writes},
    credential::Credential,
    inventory::{CallError, ErrorKind, Found},
};

/// What stands for the user's name in a place.
pub(super) const USER: &str = "{user}";

/// What there is to a kind of place.
pub(super) trait Kind: Sized + fmt::Display {
    /// What it begins with, before the colon.
    const SCHEME: &'static str;
    /// How it is written, for whoever wrote something else.
    const FORM: &'static str;
    /// Whether GitHub has it.
    const IS_OF_GITHUB: bool = false;
    /// What to do where two users would share one.
    const WHEN_SHARED: &'static str;

    /// Reads what stands after the colon; `{user}` may stand in it.
    fn parse(rest: &str) -> Result<Self, Misnamed>;

    /// The same with the name of a user in it.
    fn of_user(&self, user: &str) -> Self;

    /// What follows from how it is delivered.
    fn rules(&self, how: &How) -> Rules;

    /// What it holds, without a value. A place that answers that it can't be used is no error.
    async fn look(&self, how: &How, cloud: &dyn Reads) -> Result<Found, CallError>;

    /// Lets it take the credential. Yields what tells later whether someone else has written there since. Repeated, it
    /// does the same.
    async fn take(
        &self,
        how: &How,
        credential: &Credential,
        exists: bool,
        cloud: &dyn Writes,
    ) -> Result<String, NotTaken>;
}

/// Why a place did not take a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// The call that failed.
    pub error: CallError,
    /// Whether it may hold a part of the credential, or all of it, by now; else it holds what it held.
    pub may_be_part: bool,
}

impl NotTaken {
    /// Of a call whose effect is known by its error alone: what was refused has none.
    pub(super) fn by(error: CallError) -> Self {
        let was_refused =
            matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Conflict)
                || matches!(error.kind, ErrorKind::Throttled | ErrorKind::NoCredentials);
        Self { error, may_be_part: !was_refused }
    }

    /// Of a call before any that writes.
    pub(super) fn before(error: CallError) -> Self {
        Self { error, may_be_part: false }
    }
}

/// What follows for a place from how it is delivered.
pub(super) struct Rules {
    /// What it writes to, each thing by a name that no other thing has: two users may not share any.
    pub holds: Vec<String>,
    /// Whether those names are of one account and region alone.
    pub is_of_account: bool,
    /// What the same key has to be delivered again for, when it changes.
    pub as_said: String,
    /// How it is written in a plan.
    pub overwrites: Option<String>,
}

/// A place that can't be one, in words, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misnamed {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// How a credential is delivered: what the user's rule and `[deliver]` say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct How {
    /// The user's name.
    pub user: String,
    /// Its ARN.
    pub arn: String,
    /// The account's region.
    pub region: String,
    /// The KMS key that the rule names.
    pub kms_key: Option<String>,
    /// Whether clients send mail by SES's SMTP.
    pub smtp: bool,
    /// How GitHub is called.
    pub github_url: String,
    /// How the secrets are called there.
    pub github_names: GitHubNames,
    /// Who sees a secret of an organization that is made.
    pub visibility: Visibility,
    /// Why GitHub is not asked what it holds; `None`: it is.
    pub github_not_asked: Option<&'static str>,
}
