//! The desired state: `manifests/*.toml`, loaded, checked and merged.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    notice::{Recipient, Sender},
    template::{Language, Templates},
};

mod code;
pub(crate) mod diagnostic;
mod duplicates;
pub mod files;
mod load;
mod overlooked;
mod parse;
mod policy;
mod rules;
pub mod schedule;
mod secrets;
mod settings;
mod shape;
mod templates;
pub(crate) mod values;
mod written;

pub use code::Code;
pub use diagnostic::{Diagnostic, Label, Severity, shown};
pub use load::{Loaded, load, load_files};
pub use written::json_schema;

/// A place in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The path as the user would write it, e.g. `manifests/payments.toml`.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A value and where it was written; `None` if it is keyrota's own default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Option<Source>,
}

/// All manifests of one folder, valid and merged.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub rules: Vec<Rule>,
    pub exemptions: Vec<Exemption>,
    pub mail: Mail,
    pub limits: Limits,
    pub schedule: Schedule,
    /// By name. Empty: the account of the caller.
    pub accounts: BTreeMap<String, DeclaredAccount>,
    pub(crate) sources: diagnostic::Sources,
}

/// One `[[rotate]]` table: whom it selects, and the policy after merging built-in values, `[defaults]` and its own.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line of `[[rotate]]`.
    pub source: Source,
    /// Account names or ids; empty: every account.
    pub accounts: Vec<Pattern>,
    /// Empty lists select everyone; a rule has at least one of users, tags, groups and paths.
    pub users: Vec<Pattern>,
    pub tags: BTreeMap<String, Vec<Pattern>>,
    pub groups: Vec<Pattern>,
    pub paths: Vec<Pattern>,
    pub except: Vec<Pattern>,
    pub policy: Arc<Policy>,
}

/// How the keys of a user live (DESIGN: the lifecycle). Durations are exact; days have 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub max_age: Sourced<TimeDelta>,
    pub rotate_ahead: Sourced<RotateAhead>,
    pub reissue_before: Sourced<Option<DateTime<Utc>>>,
    pub overlap: Sourced<TimeDelta>,
    pub quiet: Sourced<TimeDelta>,
    pub patience: Sourced<TimeDelta>,
    pub hold: Sourced<TimeDelta>,
    pub when_full: Sourced<WhenFull>,
    /// Empty: nobody, on purpose.
    pub notify: Sourced<Vec<Recipient>>,
    /// The secret's name; `{user}` stands for the user's name.
    pub secret: Sourced<String>,
    pub kms_key: Sourced<Option<String>>,
    pub replicate_to: Sourced<Vec<String>>,
    pub language: Sourced<Language>,
}

/// How long before `max-age` a key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotateAhead {
    /// As long as it takes that no key gets older than `max-age`: the longest time between two runs of
    /// `[schedule] enforce`, plus `overlap` or `quiet`, whichever is longer, plus an hour; a day less than `max-age` at
    /// most.
    Auto(TimeDelta),
    Fixed(TimeDelta),
}

impl RotateAhead {
    pub fn time(self) -> TimeDelta {
        match self {
            Self::Auto(time) | Self::Fixed(time) => time,
        }
    }
}

/// What to do when a key is due and both slots hold active keys that are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    #[default]
    Block,
    /// Deactivate the one less recently used once `patience` has passed.
    RetireOldest,
}

/// An exact name or a glob with `*` and `?`; compares without case, as IAM does.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As written.
    pub text: String,
    matcher: wildmatch::WildMatch,
    /// How many bytes come before the first wildcard.
    literal: usize,
    /// Where it stands in its file, in bytes; empty where it stands in none.
    pub(crate) span: Range<usize>,
}

/// Where it stands makes no difference.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.matcher) == (&other.text, &other.matcher)
    }
}

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            matcher: wildmatch::WildMatch::new_case_insensitive(text),
            literal: text.find(['*', '?']).unwrap_or(text.len()),
            span: 0..0,
        }
    }

    /// The same pattern, with its place.
    #[must_use]
    pub(crate) fn at(self, span: &Range<usize>) -> Self {
        Self { span: span.clone(), ..self }
    }

    /// Compares with case, as AWS does for tags and paths.
    pub fn case_sensitive(text: &str) -> Self {
        Self { matcher: wildmatch::WildMatch::new(text), ..Self::new(text) }
    }

    pub fn matches(&self, name: &str) -> bool {
        let same = |a: &[u8], b: &[u8]| match self.matcher.is_case_insensitive() {
            true => a.eq_ignore_ascii_case(b),
            false => a == b,
        };
        let (text, name_bytes) = (self.text.as_bytes(), name.as_bytes());
        if self.is_exact() {
            return same(text, name_bytes);
        }
        // Most names differ from most globs in the first characters, and that is cheap to see.
        name.len() >= self.literal
            && same(&text[..self.literal], &name_bytes[..self.literal])
            && self.matcher.matches(name)
    }

    /// What precedes the first wildcard.
    pub(crate) fn literal_prefix(&self) -> &str {
        &self.text[..self.literal]
    }

    /// Whether it names one thing, without wildcards.
    pub fn is_exact(&self) -> bool {
        self.literal == self.text.len()
    }
}

/// One `[[exempt]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub source: Source,
    pub user: String,
    /// An account's name or id; `None`: every account.
    pub account: Option<String>,
    pub reason: String,
    /// The first instant at which it no longer holds (`until` names its last day, UTC).
    pub ends: Option<DateTime<Utc>>,
}

/// `[mail]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Set whenever anyone is to be told.
    pub from: Option<String>,
    /// The SES identity of another account that permits this one to send for it.
    pub from_arn: Option<String>,
    pub reply_to: Option<String>,
    /// The SES configuration set to send with.
    pub configuration_set: Option<String>,
    /// The region whose SES sends; `None`: that of the caller.
    pub region: Option<String>,
    pub fallback: Vec<String>,
    pub digest: Vec<String>,
    /// Of the digest: that of `[defaults]`.
    pub language: Language,
    /// The mails that the team writes itself.
    pub templates: Arc<Templates>,
    /// Where each of the above was written, by its key, or by the name of the template.
    pub places: BTreeMap<String, Source>,
}

impl Mail {
    /// In whose name mail goes out; `None` where nobody is ever told.
    pub fn sender(&self) -> Option<Sender> {
        let Self { from, from_arn, reply_to, configuration_set, region, .. } = self.clone();
        Some(Sender { from: from?, from_arn, reply_to, configuration_set, region })
    }
}

/// `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub max_actions: Option<Sourced<u32>>,
    /// Of the keys in scope; 0 to 100.
    pub max_percent: Option<Sourced<u32>>,
}

/// `[schedule]`: EventBridge expressions, UTC. What is not written is as in [`Schedule::ENFORCE`] and
/// [`Schedule::TEND`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    pub enforce: Option<Sourced<String>>,
    pub tend: Option<Sourced<String>>,
}

impl Schedule {
    /// Monthly: when rotations start.
    pub const ENFORCE: &str = "cron(0 8 1 * ? *)";
    /// Daily: when rotations under way are carried on.
    pub const TEND: &str = "cron(0 8 * * ? *)";

    /// When rotations start.
    pub fn enforce(&self) -> &str {
        self.enforce.as_ref().map_or(Self::ENFORCE, |enforce| &enforce.value)
    }

    /// When rotations under way are carried on.
    pub fn tend(&self) -> &str {
        self.tend.as_ref().map_or(Self::TEND, |tend| &tend.value)
    }
}

/// One `[accounts.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredAccount {
    pub source: Source,
    /// 12 digits.
    pub id: String,
    /// A role's name or ARN to assume there; `None`: the caller's own credentials.
    pub role: Option<String>,
    pub region: Option<String>,
}
