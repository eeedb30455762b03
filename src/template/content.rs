//! What a mail says, as the values that templates are filled in with, and examples of them.

use std::{borrow::Cow, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use minijinja::{Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::languages::Language;
use crate::{
    inventory::{Account, KeyId, LastUse},
    notice::Kind,
    untrusted,
};

/// In how many entries a digest says the same kind of thing of one account: mail programs cut long mails.
pub(super) const MOST_ENTRIES: usize = 100;

/// Of so many accounts a digest tells one by one.
const MOST_ACCOUNTS: usize = 50;

/// What a mail says.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Content {
    /// A new key is handed out.
    Rotated(Rotated),
    /// A key is to go that keyrota did not replace.
    Retiring(Retiring),
    /// Every other kind that owners get; about one key at least.
    Keys {
        kind: Kind,
        about: Vec<AboutKey>,
        /// Why this goes to the fallback instead of the owner.
        because: Option<String>,
    },
    /// What a run did, and what it could not do.
    Digest(Digest),
}

/// *Your new key is ready.*
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The new key.
    pub key: KeyId,
    /// The secret's name.
    pub secret: String,
    /// The key that the new one replaces, if it still works, and when it stops at the earliest.
    pub old: Option<(KeyId, DateTime<Utc>)>,
    /// Whether it is deactivated and deleted with this.
    pub at_once: bool,
    /// The name of the secret that the credential was in before, if that is another.
    pub moved_from: Option<String>,
    /// The places of delivery that have the new key.
    pub delivered: Vec<String>,
    /// Those that do not have it yet: the old key goes on until they do.
    pub undelivered: Vec<String>,
    /// Why this goes to the fallback instead of the owner.
    pub because: Option<String>,
}

/// *Your key will stop.*
#[derive(Clone, Debug)]
pub struct Retiring {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The key that goes.
    pub key: KeyId,
    /// Stable, kebab-case.
    pub why: &'static str,
    /// When it was used last.
    pub last_use: LastUse,
    /// The user's other key.
    pub other: Option<KeyId>,
    /// When it stops at the earliest.
    pub stops: DateTime<Utc>,
    /// When it stops even if it is in use; `None`: not while it is.
    pub latest: Option<DateTime<Utc>>,
    /// Why this goes to the fallback instead of the owner.
    pub because: Option<String>,
}

/// What an owner is told about one key.
#[derive(Clone, Debug)]
pub struct AboutKey {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The key.
    pub key: KeyId,
    /// The user's other key.
    pub other: Option<KeyId>,
    /// The secret's name.
    pub secret: String,
    /// The places of delivery that lack the key, if that is what it is about.
    pub places: Vec<String>,
    /// When it was used last.
    pub last_use: LastUse,
    /// Stable, kebab-case: why it is blocked, or what is in the way of what is upcoming.
    pub reason: Option<&'static str>,
    /// When it was deactivated.
    pub since: Option<DateTime<Utc>>,
    /// When the owner was told of the same first, if this is not the first time.
    pub began: Option<DateTime<Utc>>,
    /// When something happens to it, at the earliest.
    pub deadline: Option<DateTime<Utc>>,
}

/// What a run did, and what it could not do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Digest {
    /// How many keys were issued.
    pub created: usize,
    /// Keys that were deactivated.
    pub deactivated: usize,
    /// Keys that were deleted.
    pub deleted: usize,
    /// How many secrets were made as the manifests say.
    pub updated: usize,
    /// How many rotations wait for their turn, and when the last of them begins.
    pub paced: usize,
    /// When the last of those begins that wait for their turn.
    pub paced_until: Option<DateTime<Utc>>,
    /// Those in which there is something to tell.
    pub accounts: Vec<AccountDigest>,
    /// Users whose changes were not started or not finished, and why.
    pub unfinished: Vec<String>,
    /// Accounts of which nothing could be read, and why.
    pub unread: Vec<String>,
    /// Invocations of a run in parts that left nothing of what they did, each with its account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// The users that no rule selects, by account.
    pub unmanaged: Vec<(String, Vec<String>)>,
}

/// The part of a digest about one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccountDigest {
    /// The account.
    pub account: Account,
    /// The actions that were taken for each user, in order.
    pub done: Vec<(String, Vec<Cow<'static, str>>)>,
    /// User, and what action failed why.
    pub failed: Vec<(String, Cow<'static, str>, String)>,
    /// User, and the code of the reason, and details as plans show them.
    pub blocked: Vec<(String, Cow<'static, str>, String)>,
}

impl Content {
    /// The kind of mail that says so.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Rotated(_) => Kind::Rotated,
            Self::Retiring(_) => Kind::Retiring,
            Self::Keys { kind, .. } => *kind,
            Self::Digest(_) => Kind::Digest,
        }
    }

    /// The values by the names that templates know them by. None holds a control character or a line break.
    pub(super) fn values(&self, language: Language) -> Value {
        match self {
            Self::Rotated(rotated) => rotated.values(language),
            Self::Retiring(retiring) => retiring.values(language),
            Self::Keys { kind: _, about, because } => {
                let deadline = about.iter().filter_map(|one| one.deadline).min();
                let items: Vec<Value> = about.iter().map(|key| key.values(language)).collect();
                context! {
                    items => items,
                    deadline => deadline.map(|deadline| language.day(deadline)),
                    because => because.as_deref().map(|why| untrusted::mail(&language.because(why))),
                }
            }
            Self::Digest(digest) => digest.values(language),
        }
    }
}

impl Rotated {
    fn values(&self, language: Language) -> Value {
        let Self { account, user, key, secret, old, at_once, moved_from, delivered, undelivered, because } = self;
        context! {
            user => untrusted::mail(user),
            account => untrusted::mail(&account.to_string()),
            region => untrusted::mail(&account.region),
            key => untrusted::mail(key.as_str()),
            secret => untrusted::mail(secret),
            secret_url => secret_url(account, secret),
            fetch => fetch_command(account, secret),
            old => old.as_ref().map(|(old, _)| untrusted::mail(old.as_str())),
            deadline => old.as_ref().map(|(_, stops)| language.day(*stops)),
            at_once => *at_once,
            moved_from => moved_from.as_deref().map(untrusted::mail),
            delivered => places(delivered),
            undelivered => places(undelivered),
            because => because.as_deref().map(|why| untrusted::mail(&language.because(why))),
        }
    }
}

/// Their names; nothing where there are none.
fn places(places: &[String]) -> Option<String> {
    (!places.is_empty()).then(|| untrusted::mail(&places.join(", ")).to_string())
}

impl Retiring {
    fn values(&self, language: Language) -> Value {
        let Self { account, user, key, why, last_use, other, stops, latest, because } = self;
        let Used { time, service, region } = used(last_use, language);
        context! {
            user => untrusted::mail(user),
            account => untrusted::mail(&account.to_string()),
            key => untrusted::mail(key.as_str()),
            reason => *why,
            used => time,
            service => service,
            used_region => region,
            other => other.as_ref().map(|other| untrusted::mail(other.as_str())),
            user_url => user_url(account, user),
            deadline => language.day(*stops),
            latest => latest.map(|latest| language.day(latest)),
            deactivate => update_command(user, key, "Inactive"),
            because => because.as_deref().map(|why| untrusted::mail(&language.because(why))),
        }
    }
}

impl Digest {
    fn values(&self, language: Language) -> Value {
        let Self {
            created,
            deactivated,
            deleted,
            updated,
            paced,
            paced_until,
            accounts,
            unfinished,
            unread,
            lost,
            unmanaged,
        } = self;
        // Of a thousand accounts, those in which something needs a person come first, and those that are not named are counted.
        let mut in_order: Vec<&AccountDigest> = accounts.iter().collect();
        if in_order.len() > MOST_ACCOUNTS {
            in_order.sort_by_key(|one| (one.failed.is_empty(), one.blocked.is_empty()));
        }
        let accounts_: Vec<Value> = in_order.iter().take(MOST_ACCOUNTS).map(|one| one.values(language)).collect();
        context! {
            accounts => accounts_,
            more_accounts => accounts.len().saturating_sub(MOST_ACCOUNTS),
            created => *created,
            deactivated => *deactivated,
            deleted => *deleted,
            updated => *updated,
            paced => *paced,
            paced_until => paced_until.map(|until| language.day(until)),
            failed => accounts.iter().map(|one| one.failed.len()).sum::<usize>(),
            blocked => accounts.iter().map(|one| one.blocked.len()).sum::<usize>(),
            unfinished => unfinished.iter().map(|user| untrusted::mail(user)).collect::<Vec<_>>(),
            unmanaged => unmanaged.iter().map(|(account, users)| context! {
                account => untrusted::mail(account),
                users => users.iter().take(MOST_ENTRIES).map(|user| untrusted::mail(user)).collect::<Vec<_>>(),
                more => users.len().saturating_sub(MOST_ENTRIES),
            }).collect::<Vec<_>>(),
            unread => unread.iter().map(|account| untrusted::mail(account)).collect::<Vec<_>>(),
            lost => lost.iter().map(|what| untrusted::mail(what)).collect::<Vec<_>>(),
        }
    }
}

impl AccountDigest {
    fn values(&self, language: Language) -> Value {
        let Self { account, done, failed, blocked } = self;
        let done_ = done
            .iter()
            .take(MOST_ENTRIES)
            .map(|(user, all)| context! { user => untrusted::mail(user), actions => all });
        let failed_ = failed.iter().take(MOST_ENTRIES).map(
            |(user, action, error)| context! { user => untrusted::mail(user), action => action, error => untrusted::mail(&language.in_words_of_aws(error)) },
        );
        let blocked_ = blocked.iter().take(MOST_ENTRIES).map(
            |(user, reason, details)| context! { user => untrusted::mail(user), reason => reason, details => untrusted::mail(details) },
        );
        let more = [done.len(), failed.len(), blocked.len()].map(|all| all.saturating_sub(MOST_ENTRIES));
        context! {
            account => untrusted::mail(&account.to_string()),
            done => done_.collect::<Vec<_>>(),
            failed => failed_.collect::<Vec<_>>(),
            blocked => blocked_.collect::<Vec<_>>(),
            more => more.iter().sum::<usize>(),
        }
    }
}

impl AboutKey {
    fn values(&self, language: Language) -> Value {
        let Self { account, user, key, other, secret, places: at, last_use, reason, since, began, deadline } = self;
        let Used { time, service, region } = used(last_use, language);
        context! {
            user => untrusted::mail(user),
            account => untrusted::mail(&account.to_string()),
            region => untrusted::mail(&account.region),
            key => untrusted::mail(key.as_str()),
            other => other.as_ref().map(|other| untrusted::mail(other.as_str())),
            places => places(at),
            secret => untrusted::mail(secret),
            secret_url => secret_url(account, secret),
            user_url => user_url(account, user),
            used => time,
            service => service,
            used_region => region,
            reason => *reason,
            since => since.map(|since| language.day(since)),
            began => began.map(|began| language.day(began)),
            deadline => deadline.map(|deadline| language.day(deadline)),
            activate => update_command(user, key, "Active"),
            deactivate => update_command(user, key, "Inactive"),
        }
    }
}

/// A last use in words, as far as it is known.
struct Used {
    time: Option<String>,
    service: Option<String>,
    region: Option<String>,
}

fn used(last_use: &LastUse, language: Language) -> Used {
    // What AWS writes where it does not know.
    let known = |text: &Option<String>| {
        text.as_ref().filter(|text| !text.is_empty() && *text != "N/A").map(|text| untrusted::mail(text))
    };
    match last_use {
        LastUse::At { time, service, region } => {
            Used { time: Some(language.minute(*time)), service: known(service), region: known(region) }
        }
        LastUse::Never | LastUse::Unread => Used { time: None, service: None, region: None },
    }
}

/// The command that changes a key's status, for a POSIX shell.
fn update_command(user: &str, key: &KeyId, status: &str) -> String {
    // A name that starts with a dash would be read as an option.
    let space = if user.starts_with('-') { '=' } else { ' ' };
    let (user, key) =
        (untrusted::shell_word(&untrusted::mail(user)), untrusted::shell_word(&untrusted::mail(key.as_str())));
    format!("aws iam update-access-key --user-name{space}{user} --access-key-id {key} --status {status}")
}

/// The command that fetches what the secret holds, for a POSIX shell.
fn fetch_command(account: &Account, secret: &str) -> String {
    let space = if secret.starts_with('-') { '=' } else { ' ' };
    let (secret, region) =
        (untrusted::shell_word(&untrusted::mail(secret)), untrusted::shell_word(&untrusted::mail(&account.region)));
    format!(
        "aws secretsmanager get-secret-value --secret-id{space}{secret} --region {region} --query SecretString --output text"
    )
}

fn secret_url(account: &Account, secret: &str) -> String {
    let region = encoded(&account.region);
    format!("https://{}/secretsmanager/secret?name={}&region={region}", console(account), encoded(secret))
}

fn user_url(account: &Account, user: &str) -> String {
    format!("https://{}/iam/home#/users/details/{}?section=security_credentials", console(account), encoded(user))
}

/// The console's host in the account's partition.
fn console(account: &Account) -> &'static str {
    match account.partition.as_str() {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    }
}

/// What a part of a URL may hold as it is: the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, RESERVED)
}
