//! What people can be told: the kinds of notices, their recipients and their sender.

mod channel;

use std::fmt;

use strum::{EnumString, IntoStaticStr, VariantArray};

pub use self::channel::ChannelKind;
pub(crate) use self::channel::{NO_URL, NoChannel, POST};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// A new key is ready.
    Rotated,
    /// A key goes although keyrota did not replace it.
    Retiring,
    /// The old key was used since then.
    StillInUse,
    /// The old key stopped; it can be taken back for a while.
    Deactivated,
    /// The old key is gone for good.
    Deleted,
    /// A person must do something before the rotation goes on.
    Blocked,
    /// The owner must do something before the rotation begins.
    Upcoming,
    /// For the security team: what a run did, and what it could not do.
    Digest,
}

impl Kind {
    /// Stable, kebab-case: in tags, in names of templates and for the command.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The kind of this name, as [`Self::as_str`] writes it.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// This address.
    Address(String),
    /// The addresses in this tag of the IAM user.
    Tag(String),
    /// The user's name, which is an address.
    UserName,
    /// The channel of this name.
    Channel(ChannelKind, String),
}

impl Recipient {
    /// Whether telling it takes a mail, and so a sender.
    pub fn takes_mail(&self) -> bool {
        match self {
            Self::Address(_) | Self::Tag(_) | Self::UserName => true,
            Self::Channel(..) => false,
        }
    }
}

/// The way to a recipient, who is written as in manifests: an address, or a channel with its kind in front. No address
/// begins like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel<'a> {
    /// A mail to this address.
    Mail(&'a str),
    /// The channel of this name.
    Of(ChannelKind, &'a str),
}

impl<'a> Channel<'a> {
    /// The way to this recipient.
    pub fn of(recipient: &'a str) -> Self {
        let channel = recipient.split_once(':').and_then(|(kind, name)| Some(Self::Of(kind.parse().ok()?, name)));
        channel.unwrap_or(Self::Mail(recipient))
    }

    /// Stable: what reports say of who was told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::Of(kind, _) => kind.as_str(),
        }
    }

    /// The call that tells somebody, as errors name it.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Mail(_) => "ses:SendEmail",
            Self::Of(kind, _) => kind.operation(),
        }
    }

    /// What two ways to the same recipient have in common: addresses compare without case, names of AWS do not.
    pub fn identity(self) -> String {
        match self {
            Self::Mail(address) => address.to_lowercase(),
            Self::Of(kind, name) => format!("{kind}:{name}"),
        }
    }
}

/// In manifests: the user's name, which is an address.
pub(crate) const USER_NAME: &str = "user-name";

/// As manifests write it.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::UserName => f.write_str(USER_NAME),
            Self::Channel(kind, name) => write!(f, "{kind}:{name}"),
        }
    }
}

/// The sender of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The address, with a name perhaps.
    pub from: String,
    /// `FromEmailAddressIdentityArn`: the identity of another account that permits this one to send for it.
    pub from_arn: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The SES configuration set to send with.
    pub configuration_set: Option<String>,
    /// The region whose SES sends; `None`: that of the caller.
    pub region: Option<String>,
}

/// Why the owner of a user could not be told that has no address at all.
pub const NO_ADDRESS: &str = "the user has no address";
