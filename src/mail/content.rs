//! What a mail says, as the values that templates are filled in with, and examples of them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use minijinja::{Value, context};

use super::{
    Kind,
    dates::{day, minute},
};
use crate::{
    inventory::{Account, Key, KeyId, LastUse},
    manifest::Language,
    plan::{Courtesy, LedgerWrite, Retirement, Verb},
    untrusted,
};

/// When examples are from; any instant would do.
pub const EXAMPLE_TIME: DateTime<Utc> = match DateTime::from_timestamp(1_795_420_800, 0) {
    Some(time) => time,
    None => DateTime::UNIX_EPOCH,
};

/// In how many entries a digest says the same kind of thing of one account: mail programs cut long mails.
const MOST_ENTRIES: usize = 100;

/// What a mail says.
#[derive(Clone, Debug)]
pub enum Content {
    Rotated(Rotated),
    Retiring(Retiring),
    /// Every other kind that owners get; about one key at least.
    Courtesy {
        kind: Kind,
        about: Vec<Courtesy>,
        because: Option<String>,
    },
    Digest(Digest),
}

/// *Your new key is ready.*
#[derive(Clone, Debug)]
pub struct Rotated {
    pub account: Arc<Account>,
    pub user: String,
    pub key: KeyId,
    /// The secret's name.
    pub secret: String,
    /// The key that the new one replaces, if it still works, and when it stops at the earliest.
    pub old: Option<(KeyId, DateTime<Utc>)>,
    /// The name of the secret that the credential was in before, if that is another.
    pub moved_from: Option<String>,
    /// Why this goes to the fallback instead of the owner.
    pub because: Option<String>,
}

/// *Your key will stop.*
#[derive(Clone, Debug)]
pub struct Retiring {
    pub account: Arc<Account>,
    pub user: String,
    pub key: KeyId,
    pub why: Retirement,
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

/// What a run did, and what it could not do.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    /// Those in which there is something to tell.
    pub accounts: Vec<AccountDigest>,
    /// Users whose changes were not started or not finished, and why.
    pub unfinished: Vec<String>,
    /// Accounts of which nothing could be read, and why.
    pub unread: Vec<String>,
}

/// The part of a digest about one account.
#[derive(Clone, Debug)]
pub struct AccountDigest {
    pub account: Arc<Account>,
    /// What was done for each user, in order.
    pub done: Vec<(String, Vec<Verb>)>,
    /// User, and what failed why.
    pub failed: Vec<(String, Verb, String)>,
    /// User, and the code of the reason, and details as plans show them.
    pub blocked: Vec<(String, &'static str, String)>,
}

impl Content {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Rotated(_) => Kind::Rotated,
            Self::Retiring(_) => Kind::Retiring,
            Self::Courtesy { kind, .. } => *kind,
            Self::Digest(_) => Kind::Digest,
        }
    }

    /// The values by the names that templates know them by. None holds a control character or a line break.
    pub(super) fn values(&self, language: Language) -> Value {
        match self {
            Self::Rotated(rotated) => rotated.values(language),
            Self::Retiring(retiring) => retiring.values(language),
            Self::Courtesy { kind: _, about, because } => {
                let deadline = about.iter().filter_map(|one| one.deadline).min();
                let items: Vec<Value> = about.iter().map(|courtesy| item(courtesy, language)).collect();
                context! {
                    items => items,
                    deadline => deadline.map(|deadline| day(deadline, language)),
                    because => because.as_deref().map(untrusted::mail),
                }
            }
            Self::Digest(digest) => digest.values(),
        }
    }

    /// The same with what is known of a real user.
    #[must_use]
    pub fn about_user(mut self, account: &Arc<Account>, user: &str, secret_name: &str, keys: &[Key]) -> Self {
        let mut keys: Vec<&Key> = keys.iter().collect();
        keys.sort_unstable_by_key(|key| (key.created, key.id.clone()));
        match &mut self {
            Self::Rotated(Rotated { account: to, user: name, key, secret, old, moved_from: _, because: _ }) => {
                (*to, *name, *secret) = (Arc::clone(account), user.to_owned(), secret_name.to_owned());
                match (&keys[..], old) {
                    // With one key, it is the one that a rotation would replace.
                    ([only], Some((old, _))) => *old = only.id.clone(),
                    ([first, second], Some((old, _))) => (*old, *key) = (first.id.clone(), second.id.clone()),
                    _ => {}
                }
            }
            Self::Retiring(Retiring { account: to, user: name, key, last_use, other, .. }) => {
                (*to, *name) = (Arc::clone(account), user.to_owned());
                if let [first, rest @ ..] = &keys[..] {
                    (*key, *last_use) = (first.id.clone(), first.last_use.clone());
                    *other = rest.first().map(|second| second.id.clone());
                }
            }
            Self::Courtesy { about, .. } => {
                about.truncate(1);
                for courtesy in about {
                    courtesy.account = Arc::clone(account);
                    (courtesy.user, courtesy.secret) = (user.to_owned(), secret_name.to_owned());
                    if let Some(key) = keys.first() {
                        courtesy.key = key.id.clone();
                        if let LastUse::At { .. } = key.last_use {
                            courtesy.last_use = key.last_use.clone();
                        }
                    }
                }
            }
            Self::Digest(digest) => {
                for one in &mut digest.accounts {
                    one.account = Arc::clone(account);
                    one.done.iter_mut().for_each(|(name, _)| user.clone_into(name));
                }
            }
        }
        self
    }
}

impl Rotated {
    fn values(&self, language: Language) -> Value {
        let Self { account, user, key, secret, old, moved_from, because } = self;
        context! {
            user => untrusted::mail(user),
            account => untrusted::mail(&account.to_string()),
            region => untrusted::mail(&account.region),
            key => untrusted::mail(key.as_str()),
            secret => untrusted::mail(secret),
            secret_url => secret_url(account, secret),
            old => old.as_ref().map(|(old, _)| untrusted::mail(old.as_str())),
            deadline => old.as_ref().map(|(_, stops)| day(*stops, language)),
            moved_from => moved_from.as_deref().map(untrusted::mail),
            because => because.as_deref().map(untrusted::mail),
        }
    }
}

impl Retiring {
    fn values(&self, language: Language) -> Value {
        let Self { account, user, key, why, last_use, other, stops, latest, because } = self;
        let Used { time, service, region } = used(last_use, language);
        context! {
            user => untrusted::mail(user),
            account => untrusted::mail(&account.to_string()),
            key => untrusted::mail(key.as_str()),
            reason => why.as_str(),
            used => time,
            service => service,
            used_region => region,
            other => other.as_ref().map(|other| untrusted::mail(other.as_str())),
            user_url => user_url(account, user),
            deadline => day(*stops, language),
            latest => latest.map(|latest| day(latest, language)),
            deactivate => update_command(user, key, "Inactive"),
            because => because.as_deref().map(untrusted::mail),
        }
    }
}

impl Digest {
    fn values(&self) -> Value {
        let Self { accounts, unfinished, unread } = self;
        let all = |verb: Verb| {
            accounts.iter().flat_map(|one| &one.done).flat_map(|(_, verbs)| verbs).filter(|v| **v == verb).count()
        };
        let accounts_: Vec<Value> = accounts.iter().map(AccountDigest::values).collect();
        context! {
            accounts => accounts_,
            created => all(Verb::Create),
            deactivated => all(Verb::Deactivate),
            deleted => all(Verb::Delete),
            failed => accounts.iter().map(|one| one.failed.len()).sum::<usize>(),
            blocked => accounts.iter().map(|one| one.blocked.len()).sum::<usize>(),
            unfinished => unfinished.iter().map(|user| untrusted::mail(user)).collect::<Vec<_>>(),
            unread => unread.iter().map(|account| untrusted::mail(account)).collect::<Vec<_>>(),
        }
    }
}

impl AccountDigest {
    fn values(&self) -> Value {
        let Self { account, done, failed, blocked } = self;
        let verbs = |verbs: &[Verb]| verbs.iter().map(|verb| verb.as_str()).collect::<Vec<_>>();
        let done_ = done
            .iter()
            .take(MOST_ENTRIES)
            .map(|(user, all)| context! { user => untrusted::mail(user), actions => verbs(all) });
        let failed_ = failed.iter().take(MOST_ENTRIES).map(
            |(user, verb, error)| context! { user => untrusted::mail(user), action => verb.as_str(), error => untrusted::mail(error) },
        );
        let blocked_ = blocked.iter().take(MOST_ENTRIES).map(
            |(user, reason, details)| context! { user => untrusted::mail(user), reason => *reason, details => untrusted::mail(details) },
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

fn item(courtesy: &Courtesy, language: Language) -> Value {
    let Courtesy { account, user, key, secret, last_use, reason, since, began, deadline, .. } = courtesy;
    let Used { time, service, region } = used(last_use, language);
    context! {
        user => untrusted::mail(user),
        account => untrusted::mail(&account.to_string()),
        region => untrusted::mail(&account.region),
        key => untrusted::mail(key.as_str()),
        secret => untrusted::mail(secret),
        secret_url => secret_url(account, secret),
        user_url => user_url(account, user),
        used => time,
        service => service,
        used_region => region,
        reason => *reason,
        since => since.map(|since| day(since, language)),
        began => began.map(|began| day(began, language)),
        deadline => deadline.map(|deadline| day(deadline, language)),
        activate => update_command(user, key, "Active"),
        deactivate => update_command(user, key, "Inactive"),
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
            Used { time: Some(minute(*time, language)), service: known(service), region: known(region) }
        }
        LastUse::Never | LastUse::Unread => Used { time: None, service: None, region: None },
    }
}

/// The command that changes a key's status, for a POSIX shell.
fn update_command(user: &str, key: &KeyId, status: &str) -> String {
    // A name that starts with a dash would be read as an option.
    let space = if user.starts_with('-') { '=' } else { ' ' };
    let (user, key) = (quoted(&untrusted::mail(user)), quoted(&untrusted::mail(key.as_str())));
    format!("aws iam update-access-key --user-name{space}{user} --access-key-id {key} --status {status}")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
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

fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Examples of a mail that together go through every branch of its templates; the first is the one to show.
pub fn examples(kind: Kind, now: DateTime<Utc>) -> Vec<Content> {
    let account = Arc::new(Account {
        id: "111122223333".to_owned(),
        name: Some("payments-prod".to_owned()),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
    });
    let because =
        || Some("ses:SendEmail for ci@example.com failed: MessageRejected: Email address is not verified".to_owned());
    match kind {
        Kind::Rotated => {
            let rotated = Rotated {
                account,
                user: "ci-deployer".to_owned(),
                key: KeyId::new("AKIAEXAMPLECIDEPLOY2"),
                secret: "/aws/iam/credentials/ci-deployer".to_owned(),
                old: Some((KeyId::new("AKIAEXAMPLECIDEPLOY1"), now + TimeDelta::days(7))),
                moved_from: None,
                because: None,
            };
            let without = Rotated { old: None, because: because(), ..rotated.clone() };
            let moved = Rotated { moved_from: Some("/ci/ci-deployer".to_owned()), ..rotated.clone() };
            vec![Content::Rotated(rotated), Content::Rotated(without), Content::Rotated(moved)]
        }
        Kind::Retiring => {
            let last_use = LastUse::At {
                time: now - TimeDelta::days(40),
                service: Some("s3".to_owned()),
                region: Some("eu-west-1".to_owned()),
            };
            let example = |why: Retirement| Retiring {
                account: Arc::clone(&account),
                user: "svc-reports".to_owned(),
                key: KeyId::new("AKIAEXAMPLEREPORTS01"),
                why,
                last_use: last_use.clone(),
                other: Some(KeyId::new("AKIAEXAMPLEREPORTS02")),
                stops: now + TimeDelta::days(7),
                latest: (why == Retirement::Leaked).then(|| now + TimeDelta::days(7)),
                because: None,
            };
            let bare = Retiring {
                last_use: LastUse::Never,
                other: None,
                latest: Some(now + TimeDelta::days(21)),
                because: because(),
                ..example(Retirement::MakesRoom)
            };
            Retirement::ALL.into_iter().map(example).chain([bare]).map(Content::Retiring).collect()
        }
        Kind::Digest => digest_examples(&account),
        Kind::StillInUse | Kind::Deactivated | Kind::Deleted | Kind::Blocked | Kind::Upcoming => {
            let reasons: &[Option<&'static str>] = match kind {
                Kind::Blocked => &[
                    Some("two-keys-in-use"),
                    Some("stale-secret"),
                    Some("leaked-key"),
                    Some("overdue"),
                    Some("overdue-in-use"),
                    Some("reactivated"),
                    Some("ambiguous-orphan"),
                    Some("orphan-is-only-key"),
                ],
                Kind::Upcoming => &[Some("two-keys")],
                Kind::Deactivated | Kind::Deleted => &[None, Some("orphan"), Some("retired")],
                _ => &[None],
            };
            let used = |service: Option<&str>| LastUse::At {
                time: now - TimeDelta::minutes(646),
                service: service.map(str::to_owned),
                region: service.map(|_| "eu-west-1".to_owned()),
            };
            let one = |user: &str, key: &str, reason: Option<&'static str>, last_use: LastUse| Courtesy {
                kind,
                account: Arc::clone(&account),
                user: user.to_owned(),
                key: KeyId::new(key),
                secret: format!("/aws/iam/credentials/{user}"),
                last_use,
                reason,
                since: (kind == Kind::Deactivated || reason == Some("reactivated")).then(|| now - TimeDelta::days(1)),
                began: (kind == Kind::Blocked && user.ends_with('1')).then(|| now - TimeDelta::days(7)),
                deadline: (!matches!(kind, Kind::Deleted | Kind::Blocked)).then(|| now + TimeDelta::days(13)),
                recipients: Vec::new(),
                fallback: Vec::new(),
                language: Language::English,
                confirmed: true,
                ledger: LedgerWrite::default(),
            };
            let several = |last_use: LastUse| {
                let named = |(index, reason): (usize, &Option<&'static str>)| {
                    one(
                        &format!("svc-reports-{index}"),
                        &format!("AKIAEXAMPLEREPORTS0{index}"),
                        *reason,
                        last_use.clone(),
                    )
                };
                reasons.iter().chain(&reasons[..1]).enumerate().map(named).collect()
            };
            let single = one("svc-reports", "AKIAEXAMPLEREPORTS01", reasons[0], used(Some("s3")));
            vec![
                Content::Courtesy { kind, about: vec![single], because: None },
                Content::Courtesy { kind, about: several(used(None)), because: because() },
                Content::Courtesy { kind, about: several(LastUse::Never), because: None },
            ]
        }
    }
}

fn digest_examples(account: &Arc<Account>) -> Vec<Content> {
    let text = |text: &str| text.to_owned();
    let done = vec![
        (text("ci-deployer"), vec![Verb::Create, Verb::Promote, Verb::Notify]),
        (text("svc-billing"), vec![Verb::Deactivate]),
        (text("svc-search"), vec![Verb::Delete]),
    ];
    let failed = vec![(
        text("svc-mail"),
        Verb::Create,
        text("permission `iam:CreateAccessKey` is missing for svc-mail: AccessDenied"),
    )];
    let blocked = |reasons: &[&'static str]| {
        reasons.iter().map(|reason| (text("svc-legacy"), *reason, text("as the plan says"))).collect::<Vec<_>>()
    };
    let some = blocked(&["two-keys-in-use", "foreign-secret"]);
    let all = blocked(&[
        "two-keys-in-use",
        "stale-secret",
        "leaked-key",
        "overdue-in-use",
        "foreign-secret",
        "secret-being-deleted",
        "exposed-secret",
        "replica-secret",
        "replica-failed",
        "several-secrets",
        "ambiguous-rules",
        "shared-secret",
        "no-recipient",
        "reactivated",
        "ambiguous-orphan",
        "orphan-is-only-key",
        "unreadable",
    ]);
    let of = |done, failed, blocked| AccountDigest { account: Arc::clone(account), done, failed, blocked };
    let shown = Digest { accounts: vec![of(done.clone(), failed.clone(), some)], ..Digest::default() };
    let full = Digest {
        accounts: vec![of(done.clone(), failed, all.clone()), of(vec![], vec![], all)],
        unfinished: vec![text("svc-late (the run was stopped before its turn)")],
        unread: vec![text("account 444455556666 (search): role keyrota could not be assumed: AccessDenied")],
    };
    let many = done.iter().cycle().take(3 * MOST_ENTRIES).cloned().collect();
    let long = Digest { accounts: vec![of(many, vec![], vec![])], ..Digest::default() };
    vec![Content::Digest(shown), Content::Digest(full), Content::Digest(long)]
}
