//! The stable codes of diagnostics.

/// Declares the codes once: the variant, what it means and its number.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal,)+) => {
        /// The kind of a mistake. A number is never given to another kind, so that people can search for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// `KR` and four digits.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $number,)+
                }
            }
        }
    };
}

codes! {
    /// The folder of manifests is missing, behind a link, or can't be listed.
    FolderUnreadable = "KR0001",
    /// The folder holds no `*.toml`.
    FolderEmpty = "KR0002",
    /// A manifest can't be read: it is a link, no regular file, too large, or its name does not show what it is.
    FileUnreadable = "KR0003",
    /// A manifest is not UTF-8.
    NotUtf8 = "KR0004",
    /// A manifest is not TOML.
    Syntax = "KR0005",
    /// `version` is missing, or not one that this keyrota reads.
    Version = "KR0006",
    /// A key or table that does not exist.
    UnknownKey = "KR0007",
    /// A value of the wrong type, or not one of those to choose from.
    WrongType = "KR0008",
    /// A table that belongs in `keyrota.toml` stands in another file.
    Misplaced = "KR0009",
    /// A duration that is not a whole number of hours, days or weeks.
    Duration = "KR0010",
    /// A date that does not exist, or has too much or too little to it.
    Date = "KR0011",
    /// `max-age` is zero, or `rotate-ahead` leaves nothing of it.
    Ages = "KR0012",
    /// `overlap` and `hold` together outlast a key: the next rotation would wait for the last one.
    SlowRotation = "KR0013",
    /// `reissue-before` is in the future, and ignored until then.
    ReissueInFuture = "KR0014",
    /// A rule selects nobody: it has no selectors, or an empty one.
    NoSelector = "KR0015",
    /// A pattern that can't match what it is for.
    Pattern = "KR0016",
    /// A rule does not say whom to tell.
    NotifyMissing = "KR0017",
    /// Neither a mail address nor `tag:NAME` nor a channel.
    Address = "KR0018",
    /// Somebody is to be told, but `[mail] from` is missing.
    SenderMissing = "KR0019",
    /// A `secret` that can't be the name of a secret for each user.
    SecretName = "KR0020",
    /// A `kms-key` that can't be one.
    KmsKey = "KR0021",
    /// Not the name of an AWS region.
    Region = "KR0022",
    /// A language that keyrota does not write.
    Language = "KR0023",
    /// `[accounts.NAME]` with a bad name, id or role, or an id that another account has.
    Account = "KR0024",
    /// An account that is not declared.
    UnknownAccount = "KR0025",
    /// An `accounts` pattern that matches no declared account.
    AccountsUnmatched = "KR0026",
    /// An exemption without a user or a reason.
    Exemption = "KR0027",
    /// An exemption that has ended: an error for `check`, absent at run time.
    ExemptionEnded = "KR0028",
    /// An exemption that ends within 14 days.
    ExemptionEnding = "KR0029",
    /// Two exemptions of the same user in the same account.
    DuplicateExemption = "KR0030",
    /// Two rules that name the same user in the same account.
    DuplicateRule = "KR0031",
    /// A limit out of its range.
    Limit = "KR0032",
    /// Neither `cron(…)` nor `rate(…)` as EventBridge reads them.
    Schedule = "KR0033",
    /// A schedule that never comes.
    ScheduleNever = "KR0034",
    /// Two rules of the same rank select one user.
    AmbiguousRules = "KR0035",
    /// Two users would share one secret.
    SharedSecret = "KR0036",
    /// A rule that selects none of the account's users.
    RuleUnmatched = "KR0037",
    /// A file of `templates` whose name is not that of a mail.
    TemplateName = "KR0038",
    /// A template of a mail that can't be read or filled in.
    Template = "KR0039",
    /// A `from-arn` or `configuration-set` that SES can't have.
    MailIdentity = "KR0040",
    /// A file that looks like a manifest and is not read: in a folder below, or with another case in its name.
    Overlooked = "KR0041",
    /// A name in `users` that is no user's, where the rule selects others.
    NameUnmatched = "KR0042",
    /// `rotate-ahead` and the schedule let keys get older than `max-age`.
    LateRotation = "KR0045",
    /// `quiet` is so short that a key in daily use counts as not in use.
    ShortQuiet = "KR0046",
    /// Two rules whose `secret`s can be the same name for different users.
    SecretsMeet = "KR0047",
    /// A region in `replicate-to` that is the secret's own.
    HomeRegion = "KR0050",
    /// A `kms-key` that is the key of keyrota's own stack, which goes when the stack does.
    StackKey = "KR0060",
    /// `unused` is so short that a key in daily use counts as one that nobody uses.
    ShortUnused = "KR0061",
    /// An exemption of a user that is not there.
    ExemptUnmatched = "KR0062",
    /// A `deliver` that names no place, one twice, or too many.
    Place = "KR0070",
    /// Two users would deliver to one place.
    SharedPlace = "KR0071",
    /// A value of `[deliver]` that GitHub can't have, or one that is missing.
    Delivery = "KR0072",
    /// A channel that there is not, or that is not named as it must be.
    Channel = "KR0080",
    /// A secret of keyrota's own that can be the one of a user's credential.
    ChannelIsCredential = "KR0081",
    /// Not the name or ARN of an event bus, or none.
    EventBus = "KR0082",
    /// `[organization]` without a role, or with a role or an external id that AWS can't have.
    Organization = "KR0090",
    /// `units` or `account-tags` in manifests without `[organization]`: nothing tells what they select.
    NoOrganization = "KR0091",
    /// A unit that can't be one, that the organisation does not have, or of which it has several.
    Unit = "KR0092",
}
