//! How the keys of a user live: one table, a row a field. What manifests write, the JSON Schema, the value that holds where
//! nobody writes one, how a layer is merged, the words of `explain` and what counts as weaker follow from it.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    code::Code,
    context::Context,
    diagnostic::{Diagnostic, quote},
    recipients,
    source::{Source, Sourced},
    spanned::{Ahead, Duration, Instant, Spanned},
    values,
};
use crate::{
    counted::any_of,
    delivery::{MOST_PLACES, Place},
    notice::{Channel, Recipient},
    template::Language,
    time::{self, Day},
};

/// Declares the fields. A row is: the description in the schema; the name in Rust and in manifests, the type and the value
/// that holds where nobody says anything; the type as written and how it is read; the words; when it is weaker, in words,
/// and whether going from one value to another is.
macro_rules! policy {
    ($($(#[doc = $doc:literal])* $(#[schemars($($schema:tt)+)])? $field:ident $name:literal: $type:ty = $default:expr;
        written $written:ty, read $read:expr;
        words $words:expr;
        weaker $when:literal $is_weaker:expr;)+) => {
        /// How the keys of a user live (ARCHITECTURE.md: the lifecycle). Durations are exact; days have 24 hours.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the rows of the table say what they are")]
        pub struct Policy {
            $($(#[doc = $doc])* pub $field: Sourced<$type>,)+
        }

        /// The policy keys of `[defaults]` and `[[rotate]]`.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub(super) struct WrittenPolicy {
            $($(#[doc = $doc])* $(#[schemars($($schema)+)])? pub $field: Option<Spanned<$written>>,)+
        }

        impl Policy {
            /// What holds where neither `[defaults]` nor a rule says anything.
            pub fn built_in() -> Self {
                Self { $($field: Sourced { value: $default, source: None },)+ }
            }

            /// The same with what was written on top.
            pub(super) fn with(&self, written: &WrittenPolicy, context: &mut Context) -> Self {
                Self { $($field: layer(&self.$field, &written.$field, context, $read),)+ }
            }

            /// Every field: its name, its value in words, and where it was written.
            pub fn fields(&self) -> impl Iterator<Item = (&'static str, String, Option<&Source>)> {
                let words: &[fn(&Self) -> String] = &[$(|policy| {
                    let words: fn(&$type) -> String = $words;
                    words(&policy.$field.value)
                },)+];
                let sources = [$(($name, self.$field.source.as_ref()),)+];
                sources.into_iter().zip(words).map(|((name, source), words)| (name, words(self), source))
            }
        }

        /// When each field counts as weaker.
        pub const WEAKENINGS: &[Weakening] = &[$(Weakening {
            field: $name,
            weaker: $when,
            is_weaker: |before, after| {
                let is_weaker: fn(&$type, &$type) -> bool = $is_weaker;
                is_weaker(&before.$field.value, &after.$field.value)
            },
        },)+];
    };
}

/// When a field counts as weaker: see [`crate::diff::weakening`].
pub struct Weakening {
    /// As manifests name it.
    pub field: &'static str,
    /// When it is weaker, in words.
    pub weaker: &'static str,
    /// Before, and after.
    pub is_weaker: fn(&Policy, &Policy) -> bool,
}

policy! {
    /// An active key this old is replaced. Default: 90d.
    max_age "max-age": TimeDelta = TimeDelta::days(90);
        written Duration, read duration;
        words in_days;
        weaker "longer" |before, after| after > before;

    /// Also replaces keys that would get too old within this time. `auto` is the longest time between two runs of
    /// `[schedule] enforce`, plus `overlap` or `quiet`, whichever is longer, plus an hour: no key whose clients move gets
    /// older than `max-age`. Default: auto.
    #[schemars(extend("examples" = ["auto", "39d"]))]
    rotate_ahead "rotate-ahead": RotateAhead = RotateAhead::Auto(TimeDelta::zero());
        written Ahead, read |context, at| {
            let ahead = context.accept(&at.span, values::ahead(&at.value.0))?;
            Some(ahead.map_or(RotateAhead::Auto(TimeDelta::zero()), RotateAhead::Fixed))
        };
        words ToString::to_string;
        // What `auto` comes to follows from the overlap and the schedule, which are looked at by themselves.
        weaker "shorter" |before, after| match (before, after) {
            (RotateAhead::Auto(_), RotateAhead::Auto(_)) => false,
            (before, after) => after.time() < before.time(),
        };

    /// The old and the new key both work for this long. Default: 7d.
    #[schemars(extend("examples" = ["7d"]))]
    overlap "overlap": TimeDelta = TimeDelta::days(7);
        written Duration, read duration;
        words in_days;
        weaker "shorter" |before, after| after < before;

    /// An old key that was used within this time is still in use: a weekly job is. Default: 8d.
    #[schemars(extend("examples" = ["8d"]))]
    quiet "quiet": TimeDelta = TimeDelta::days(8);
        written Duration, read duration;
        words in_days;
        weaker "shorter" |before, after| after < before;

    /// An old key that is still in use is kept this much longer, then deactivated all the same. Default: 14d.
    #[schemars(extend("examples" = ["14d"]))]
    patience "patience": TimeDelta = TimeDelta::days(14);
        written Duration, read duration;
        words in_days;
        weaker "shorter" |before, after| after < before;

    /// A key stays inactive this long before it is deleted: the time to pull the emergency brake. Default: 14d.
    #[schemars(extend("examples" = ["14d"]))]
    hold "hold": TimeDelta = TimeDelta::days(14);
        written Duration, read duration;
        words in_days;
        weaker "shorter" |before, after| after < before;

    /// A key that nobody used for so long is deactivated, its owner told first, and not replaced. Default: none.
    #[schemars(extend("examples" = ["45d"]))]
    unused "unused": Option<TimeDelta> = None;
        written Duration, read unused_time;
        words |time| time.as_ref().map_or_else(|| NONE.to_owned(), in_days);
        weaker "removed, or longer" |before, after| match (before, after) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => after > before,
        };

    /// Owners hear so long before that their key is replaced, also where that asks nothing of them. Default: none.
    #[schemars(extend("examples" = ["7d"]))]
    remind "remind": Option<TimeDelta> = None;
        written Duration, read |context, at| duration(context, at).map(Some);
        words |time| time.as_ref().map_or_else(|| NONE.to_owned(), in_days);
        weaker "removed, or shorter" |before, after| after < before;

    /// Keys created before this date are replaced now: how a leak is handled.
    reissue_before "reissue-before": Option<DateTime<Utc>> = None;
        written Instant, read |context, at| reissue_before_date(context, at).map(Some);
        words |before| before.map_or_else(|| NONE.to_owned(), |before| Day(before).to_string());
        // No date is earlier than any.
        weaker "removed, or earlier" |before, after| after < before;

    /// When a key is due and the user has two active keys in use. Default: block.
    when_full "when-full": WhenFull = WhenFull::Block;
        written WhenFull, read |_, at| Some(at.value);
        words ToString::to_string;
        weaker "`retire-oldest`: keys in use are deactivated"
            |before, after| (*before, *after) == (WhenFull::Block, WhenFull::RetireOldest);

    /// Mail addresses, `tag:NAME` for those in this tag of the IAM user, or `user-name` where its name is an address;
    /// `sns:ARN` for an SNS topic, `slack:NAME` for the Slack webhook whose URL the secret of this name holds. Required
    /// here or in `[defaults]`; `[]` says nobody, on purpose.
    #[schemars(extend("examples" = [["tag:email"]]))]
    notify "notify": Vec<Recipient> = Vec::new();
        written Vec<Spanned<String>>, read |context, at| context.list(at, recipients::recipient);
        words |notify| match notify.is_empty() {
            true => "nobody".to_owned(),
            false => listed(notify),
        };
        weaker "fewer or other people are told" |before, after| {
            let names = |recipient: &Recipient| Channel::of(&recipient.to_string()).identity();
            let after: Vec<_> = after.iter().map(names).collect();
            !before.iter().map(names).all(|one| after.contains(&one))
        };

    /// The name of the secret that holds the credential; `{user}` stands for the user's name. Two rules may not have
    /// names that could be the same for different users.
    #[schemars(extend("examples" = ["/aws/iam/credentials/{user}"]))]
    secret "secret": String = "/aws/iam/credentials/{user}".to_owned();
        written String, read |context, at| context.accept(&at.span, values::secret_name(&at.value));
        words Clone::clone;
        weaker "the credential goes elsewhere" |before, after| before != after;

    /// The KMS key that encrypts the secret: its id, ARN or alias. Default: the account's key for Secrets Manager.
    #[schemars(extend("examples" = ["alias/credentials"]))]
    kms_key "kms-key": Option<String> = None;
        written String, read |context, at| context.accept(&at.span, values::kms_key(&at.value)).map(Some);
        words |key| key.clone().unwrap_or_else(|| NONE.to_owned());
        weaker "removed, or another one" |before, after| before.is_some() && before != after;

    /// Regions that get a copy of the secret.
    #[schemars(extend("examples" = [["eu-central-1"]]))]
    replicate_to "replicate-to": Vec<String> = Vec::new();
        written Vec<Spanned<String>>, read |context, at| context.list(at, values::region);
        words |regions| listed(regions);
        weaker "the credential is in more places" |before, after| !after.iter().all(|region| before.contains(region));

    /// The user sends mail by SES's SMTP: the secret holds `SmtpUsername` and `SmtpPassword` beside the key, for the
    /// secret's region. Default: false.
    #[schemars(extend("examples" = [true]))]
    smtp "smtp": bool = false;
        written bool, read |_, at| Some(at.value);
        words ToString::to_string;
        weaker "removed: the SMTP password goes from the secret" |before, after| *before && !after;

    /// Where the credential goes beside its secret: `ssm:NAME`, `github:OWNER/REPO[:ENVIRONMENT]`, `github-org:ORG`; `{user}`
    /// stands for the user's name. The old key is not deactivated before all of them took the new one. Default: nowhere.
    #[schemars(extend("examples" = [["ssm:/ci/{user}/aws"]]))]
    deliver "deliver": Vec<Place> = Vec::new();
        written Vec<Spanned<String>>, read places;
        words |places| listed(places);
        weaker "the credential is in other places, or one of them keeps a key that stops" |before, after| {
            before.len() != after.len() || !before.iter().all(|place| after.contains(place))
        };

    #[schemars(extend("description" = about_languages(), "examples" = ["es"], "pattern" = languages()))]
    language "language": Language = Language::default();
        written String, read |context, at| context.accept(&at.span, values::language(&at.value));
        words |language| language.as_str().to_owned();
        weaker "never" |_, _| false;
}

/// AWS notes a use within hours, and most keys are used daily: what is shorter says nothing.
const LEAST_UNUSED: TimeDelta = TimeDelta::days(1);

/// A value that is not there, in words.
const NONE: &str = "none";

/// How long before `max-age` a key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotateAhead {
    /// As long as it takes that no key gets older than `max-age`: the longest time between two runs of
    /// `[schedule] enforce`, plus `overlap` or `quiet`, whichever is longer, plus an hour; a day less than `max-age` at
    /// most.
    Auto(TimeDelta),
    /// What the manifest says.
    Fixed(TimeDelta),
}

impl RotateAhead {
    /// How long that is.
    pub fn time(self) -> TimeDelta {
        match self {
            Self::Auto(time) | Self::Fixed(time) => time,
        }
    }
}

impl fmt::Display for RotateAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // How long that is follows from other values.
            Self::Auto(_) => f.write_str("auto"),
            Self::Fixed(time) => write!(f, "{}", time::Duration(*time)),
        }
    }
}

/// What to do when a key is due and the user has two active keys in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("examples" = ["retire-oldest"]))]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum WhenFull {
    #[default]
    Block,
    // Deactivates the less recently used one once `patience` has passed.
    RetireOldest,
}

impl fmt::Display for WhenFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::RetireOldest => "retire-oldest",
        })
    }
}

fn layer<V: Clone, W>(
    base: &Sourced<V>,
    written: &Option<Spanned<W>>,
    context: &mut Context,
    read: impl Fn(&mut Context, &Spanned<W>) -> Option<V>,
) -> Sourced<V> {
    let value = written.as_ref().and_then(|at| {
        let value = read(context, at)?;
        Some(Sourced { value, source: Some(context.location(&at.span)) })
    });
    value.unwrap_or_else(|| base.clone())
}

fn duration(context: &mut Context, at: &Spanned<Duration>) -> Option<TimeDelta> {
    context.accept(&at.span, values::duration(&at.value.0))
}

impl Default for Policy {
    fn default() -> Self {
        Self::built_in()
    }
}

/// Each place once, and not too many.
fn places(context: &mut Context, at: &Spanned<Vec<Spanned<String>>>) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for one in &at.value {
        let Some(place) = context.accept(&one.span, values::place(&one.value)) else { continue };
        if let Some(same) = places.iter().find(|other| place.is_same(other)) {
            let message = match *same == place {
                true => format!("{} stands there twice", quote(&one.value)),
                false => format!("{} is {}, which stands there already", quote(&one.value), quote(&same.to_string())),
            };
            context.error(Code::Place, message, &one.span, "leave one out");
        } else {
            places.push(place);
        }
    }
    if places.len() > MOST_PLACES {
        let message = format!("{} places: a user may have {MOST_PLACES}", places.len());
        let help = "deliver to an organization (`github-org:ORG`) instead of to its repositories";
        context.error(Code::Place, message, &at.span, help);
        return None;
    }
    Some(places)
}

/// A time without use that says something.
fn unused_time(context: &mut Context, at: &Spanned<Duration>) -> Option<Option<TimeDelta>> {
    let time = context.accept(&at.span, values::duration(&at.value.0))?;
    if time < LEAST_UNUSED {
        let message = format!(
            "`unused` is {}: a key that is used every day would be taken for one that nobody uses",
            time::Duration(time)
        );
        let help = "write e.g. `unused = \"45d\"`, and at least `1d`; leave it out to replace keys that nobody uses";
        context.error(Code::ShortUnused, message, &at.span, help);
        return None;
    }
    Some(Some(time))
}

fn in_days(time: &TimeDelta) -> String {
    time::Duration(*time).to_string()
}

fn listed(all: &[impl ToString]) -> String {
    match all {
        [] => NONE.to_owned(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn reissue_before_date(context: &mut Context, at: &Spanned<Instant>) -> Option<DateTime<Utc>> {
    let date = context.accept(&at.span, values::instant(&at.value.0))?;
    if date > context.now {
        let message = "`reissue-before` is in the future";
        let label = context.label(&at.span, "ignored until then");
        let help = format!(
            "keys created before it are replaced at once; write today's date or an earlier one, or for keys of today an \
             instant such as `{}`",
            time::rfc3339(context.now)
        );
        context.diagnostics.push(Diagnostic::warning(Code::ReissueInFuture, message, label).help(&help));
    }
    Some(date)
}

fn about_languages() -> String {
    let known = any_of(&Language::ALL.map(|language| language.as_str().to_owned()));
    format!("The language of mail: {known}. Default: {}.", Language::default().as_str())
}

/// The languages of mail, with any region.
fn languages() -> String {
    format!("^({})([-_][A-Za-z0-9]+)*$", Language::ALL.map(Language::as_str).join("|"))
}
