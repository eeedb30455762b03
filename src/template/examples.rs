//! Examples of every mail: what templates are checked with, and what `keyrota mail preview` shows.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::content::{AboutKey, AccountDigest, Content, Digest, MOST_ENTRIES, Retiring, Rotated};
use crate::{
    inventory::{Account, Key, KeyId, LastUse},
    notice::Kind,
};

/// When examples are from; any instant would do.
pub const EXAMPLE_TIME: DateTime<Utc> = match DateTime::from_timestamp(1_795_420_800, 0) {
    Some(time) => time,
    None => DateTime::UNIX_EPOCH,
};

/// Why a key goes although keyrota did not replace it.
const RETIREMENTS: [&str; 4] = ["makes-room", "over-age", "leaked", "unused"];

/// Examples of a mail that together go through every branch of its templates; the first is the one to show.
pub fn examples(kind: Kind, now: DateTime<Utc>) -> Vec<Content> {
    let account = Arc::new(Account {
        id: "111122223333".to_owned(),
        name: Some("payments-prod".to_owned()),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
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
                at_once: false,
                moved_from: None,
                delivered: Vec::new(),
                undelivered: Vec::new(),
                because: None,
            };
            let at_once =
                Rotated { old: Some((KeyId::new("AKIAEXAMPLECIDEPLOY1"), now)), at_once: true, ..rotated.clone() };
            let without = Rotated { old: None, because: because(), ..rotated.clone() };
            let moved = Rotated { moved_from: Some("/ci/ci-deployer".to_owned()), ..rotated.clone() };
            let delivered = Rotated {
                delivered: vec!["ssm:/ci/ci-deployer/aws".to_owned()],
                undelivered: vec!["github:acme/payments".to_owned()],
                ..rotated.clone()
            };
            [rotated, without, moved, at_once, delivered].map(Content::Rotated).into()
        }
        Kind::Retiring => {
            let last_use = LastUse::At {
                time: now - TimeDelta::days(40),
                service: Some("s3".to_owned()),
                region: Some("eu-west-1".to_owned()),
            };
            let example = |why: &'static str| Retiring {
                account: Arc::clone(&account),
                user: "svc-reports".to_owned(),
                key: KeyId::new("AKIAEXAMPLEREPORTS01"),
                why,
                last_use: last_use.clone(),
                other: Some(KeyId::new("AKIAEXAMPLEREPORTS02")),
                stops: now + TimeDelta::days(7),
                latest: (why == "leaked").then(|| now + TimeDelta::days(7)),
                because: None,
            };
            let bare = Retiring {
                last_use: LastUse::Never,
                other: None,
                latest: Some(now + TimeDelta::days(21)),
                because: because(),
                ..example(RETIREMENTS[0])
            };
            RETIREMENTS.into_iter().map(example).chain([bare]).map(Content::Retiring).collect()
        }
        Kind::Digest => digest_examples(&account, now),
        Kind::StillInUse | Kind::Deactivated | Kind::Deleted | Kind::Blocked | Kind::Upcoming => {
            let reasons: &[Option<&'static str>] = match kind {
                Kind::Blocked => &[
                    Some("two-keys-in-use"),
                    Some("stale-secret"),
                    Some("several-secrets"),
                    Some("leaked-key"),
                    Some("overdue"),
                    Some("overdue-in-use"),
                    Some("reactivated"),
                    Some("undelivered"),
                    Some("foreign-place"),
                    Some("closed-place"),
                    Some("ambiguous-orphan"),
                    Some("orphan-is-only-key"),
                ],
                Kind::Upcoming => &[Some("two-keys"), Some("due")],
                Kind::Deactivated | Kind::Deleted => &[None, Some("orphan"), Some("retired")],
                _ => &[None],
            };
            let used = |service: Option<&str>| LastUse::At {
                time: now - TimeDelta::minutes(646),
                service: service.map(str::to_owned),
                region: service.map(|_| "eu-west-1".to_owned()),
            };
            let one = |user: &str, key: &str, reason: Option<&'static str>, last_use: LastUse| AboutKey {
                account: Arc::clone(&account),
                user: user.to_owned(),
                key: KeyId::new(key),
                other: (kind != Kind::Deleted).then(|| KeyId::new("AKIAEXAMPLEREPORTS99")),
                secret: format!("/aws/iam/credentials/{user}"),
                places: if matches!(reason, Some("undelivered" | "foreign-place" | "closed-place")) {
                    vec!["github:acme/payments".to_owned()]
                } else {
                    Vec::new()
                },
                last_use,
                reason,
                since: (kind == Kind::Deactivated || reason == Some("reactivated")).then(|| now - TimeDelta::days(1)),
                began: (kind == Kind::Blocked && user.ends_with('1')).then(|| now - TimeDelta::days(7)),
                deadline: (!matches!(kind, Kind::Deleted | Kind::Blocked)).then(|| now + TimeDelta::days(13)),
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
            let reminder = (kind == Kind::Upcoming).then(|| {
                let due = one("svc-reports", "AKIAEXAMPLEREPORTS01", Some("due"), used(None));
                Content::Keys { kind, about: vec![due], because: None }
            });
            let examples = vec![
                Content::Keys { kind, about: vec![single], because: None },
                Content::Keys { kind, about: several(used(None)), because: because() },
                Content::Keys { kind, about: several(LastUse::Never), because: None },
            ];
            examples.into_iter().chain(reminder).collect()
        }
    }
}

fn digest_examples(account: &Arc<Account>, now: DateTime<Utc>) -> Vec<Content> {
    let text = |text: &str| text.to_owned();
    let done = vec![
        (text("ci-deployer"), vec!["create".into(), "promote".into(), "notify".into()]),
        (text("svc-billing"), vec!["deactivate".into()]),
        (text("svc-search"), vec!["delete".into()]),
    ];
    let failed = vec![(
        text("svc-mail"),
        "create".into(),
        text("permission `iam:CreateAccessKey` is missing for svc-mail: AccessDenied"),
    )];
    let blocked = |reasons: &[&'static str]| {
        reasons
            .iter()
            .map(|reason| (text("svc-legacy"), (*reason).into(), text("as the plan says")))
            .collect::<Vec<_>>()
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
        "shared-place",
        "foreign-place",
        "closed-place",
        "undelivered",
        "no-recipient",
        "reactivated",
        "ambiguous-orphan",
        "orphan-is-only-key",
        "unreadable",
    ]);
    let of = |done, failed, blocked| AccountDigest { account: Account::clone(account), done, failed, blocked };
    let counted = |count| Digest { created: count, deactivated: count, deleted: count, ..Digest::default() };
    let shown = Digest { accounts: vec![of(done.clone(), failed.clone(), some)], ..counted(1) };
    let full = Digest {
        accounts: vec![of(done.clone(), failed, all.clone()), of(vec![], vec![], all)],
        unfinished: vec![text("svc-late (the run was stopped before this was done)")],
        unread: vec![text("account 444455556666 (search): role keyrota could not be assumed: AccessDenied")],
        lost: vec![text("account 777788889999 (shop): the invocation 20261201T080000000Z-1 left no result")],
        unmanaged: vec![
            ("payments-prod".to_owned(), vec![text("jane"), text("old-backup")]),
            ("search".to_owned(), (0..=MOST_ENTRIES).map(|n| format!("svc-{n}")).collect()),
        ],
        updated: 1,
        paced: 137,
        paced_until: Some(now + TimeDelta::days(6)),
        ..counted(1)
    };
    let many = done.iter().cycle().take(3 * MOST_ENTRIES).cloned().collect();
    let long = Digest { accounts: vec![of(many, vec![], vec![])], ..counted(MOST_ENTRIES) };
    vec![Content::Digest(shown), Content::Digest(full), Content::Digest(long)]
}

impl Content {
    /// The same with what is known of a real user.
    #[must_use]
    pub fn about_user(mut self, account: &Arc<Account>, user: &str, secret_name: &str, keys: &[Key]) -> Self {
        let mut keys: Vec<&Key> = keys.iter().collect();
        keys.sort_unstable_by_key(|key| (key.created, key.id.clone()));
        match &mut self {
            Self::Rotated(Rotated {
                account: to,
                user: name,
                key,
                secret,
                old,
                at_once: _,
                moved_from: _,
                delivered: _,
                undelivered: _,
                because: _,
            }) => {
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
            Self::Keys { about, .. } => {
                about.truncate(1);
                for one in about {
                    one.account = Arc::clone(account);
                    (one.user, one.secret) = (user.to_owned(), secret_name.to_owned());
                    if let Some(key) = keys.first() {
                        one.key = key.id.clone();
                        one.other = keys.get(1).map(|other| other.id.clone());
                        if let LastUse::At { .. } = key.last_use {
                            one.last_use = key.last_use.clone();
                        }
                    }
                }
            }
            Self::Digest(digest) => {
                for one in &mut digest.accounts {
                    one.account = Account::clone(account);
                    one.done.iter_mut().for_each(|(name, _)| user.clone_into(name));
                }
            }
        }
        self
    }
}
