//! IAM and STS, as far as access keys go.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{IamUser, Located, Sandbox, World};
use crate::{
    cloud::Issued,
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SmtpUse, Status, UnmanagedKey, User, smtp_sign},
};

/// `AccessKeysPerUser`, a quota that AWS does not raise.
pub(super) const KEYS_PER_USER: usize = 2;

/// The service that `GetAccessKeyLastUsed` names after [`verify`].
const STS: &str = "sts";

/// `GetAccountAuthorizationDetails`.
pub(super) fn users(world: &World, account: &Account) -> Vec<User> {
    world.users.iter().map(|user| describe(user, account)).collect()
}

/// `ListAccessKeys`.
pub(super) fn access_keys(world: &mut Located, user: &str) -> Result<Vec<Key>, CallError> {
    let user = world.user(user).ok_or_else(|| no_such_user("iam:ListAccessKeys", user))?;
    Ok(user.keys.iter().map(|key| Key { last_use: LastUse::Unread, ..key.clone() }).collect())
}

/// `GetAccessKeyLastUsed`.
pub(super) fn last_use(world: &mut Located, id: &KeyId) -> Result<LastUse, CallError> {
    let key = world.key(id).ok_or_else(|| no_such_key("iam:GetAccessKeyLastUsed", id.as_str(), id))?;
    Ok(match &key.last_use {
        LastUse::Unread | LastUse::Never => LastUse::Never,
        at @ LastUse::At { .. } => at.clone(),
    })
}

/// `CreateAccessKey`.
pub(super) fn create_access_key(
    world: &mut Located,
    account: &Account,
    now: DateTime<Utc>,
    name: &str,
) -> Result<Issued, CallError> {
    const ACTION: &str = "iam:CreateAccessKey";
    let user = world.user(name).ok_or_else(|| no_such_user(ACTION, name))?;
    if user.keys.len() >= KEYS_PER_USER {
        let message = format!("LimitExceeded: Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}");
        return Err(CallError {
            kind: ErrorKind::Conflict,
            operation: ACTION,
            subject: name.to_owned(),
            message,
            hint: None,
        });
    }
    // IAM tells creation dates to the second.
    let created = now.trunc_subsecs(0);
    let id = loop {
        world.keys_issued += 1;
        let id = derive_id(account, name, created, world.keys_issued);
        if world.key(&id).is_none() {
            break id;
        }
    };
    let secret = secret_access_key(&id);
    world.add_key(name, Key { id: id.clone(), status: Status::Active, created, last_use: LastUse::Never });
    Ok(Issued { key: id, created, secret })
}

/// `UpdateAccessKey` to `Inactive`; it does not matter if the key is so already.
pub(super) fn deactivate_access_key(world: &mut Located, user: &str, id: &KeyId) -> Result<(), CallError> {
    const ACTION: &str = "iam:UpdateAccessKey";
    let record = world.user(user).ok_or_else(|| no_such_user(ACTION, user))?;
    let key = record.keys.iter_mut().find(|key| key.id == *id).ok_or_else(|| no_such_key(ACTION, user, id))?;
    key.status = Status::Inactive;
    Ok(())
}

/// `DeleteAccessKey`. As in IAM, an active key is deleted just the same.
pub(super) fn delete_access_key(world: &mut Located, user: &str, id: &KeyId) -> Result<(), CallError> {
    const ACTION: &str = "iam:DeleteAccessKey";
    let record = world.user(user).ok_or_else(|| no_such_user(ACTION, user))?;
    let index = record.keys.iter().position(|key| key.id == *id).ok_or_else(|| no_such_key(ACTION, user, id))?;
    record.keys.remove(index);
    Ok(())
}

/// `sts:GetCallerIdentity` with a key. It is a use of that key like any other.
pub(super) fn verify(
    world: &mut Located,
    account: &Account,
    now: DateTime<Utc>,
    issued: &Issued,
) -> Result<(), CallError> {
    let denied = |message: &str| {
        let (kind, subject) = (ErrorKind::Denied, issued.key.to_string());
        CallError { kind, operation: "sts:GetCallerIdentity", subject, message: message.to_owned(), hint: None }
    };
    let Some(key) = world.key(&issued.key).filter(|key| key.is_active()) else {
        return Err(denied("InvalidClientTokenId: The security token included in the request is invalid."));
    };
    if secret_access_key(&key.id).expose_secret() != issued.secret.expose_secret() {
        return Err(denied("SignatureDoesNotMatch: The request signature does not match the secret access key."));
    }
    let (service, region) = (Some(STS.to_owned()), Some(account.region.clone()));
    key.last_use = LastUse::At { time: now.trunc_subsecs(0), service, region };
    Ok(())
}

/// The keys of all users, without their ids, as the report has it.
pub(super) fn credential_report(world: &World) -> BTreeMap<String, Vec<UnmanagedKey>> {
    let keys = |user: &IamUser| user.keys.iter().map(|key| UnmanagedKey { id: None, ..key.into() }).collect();
    world.users.iter().map(|user| (user.name.clone(), keys(user))).collect()
}

fn describe(user: &IamUser, account: &Account) -> User {
    let IamUser { name, path, groups, tags, smtp, keys: _ } = user;
    let Account { id, partition, .. } = account;
    User {
        name: name.clone(),
        arn: format!("arn:{partition}:iam::{id}:user{path}{name}"),
        path: path.clone(),
        tags: tags.clone(),
        groups: groups.clone(),
        smtp: match smtp {
            SmtpUse::Sign(_) => smtp.clone(),
            other => smtp_sign(name, groups, []).map_or_else(|| other.clone(), SmtpUse::Sign),
        },
        unreadable: None,
    }
}

fn no_such_user(operation: &'static str, name: &str) -> CallError {
    let message = format!("NoSuchEntity: The user with name {name} cannot be found.");
    CallError { kind: ErrorKind::NotFound, operation, subject: name.to_owned(), message, hint: None }
}

fn no_such_key(operation: &'static str, subject: &str, id: &KeyId) -> CallError {
    let message = format!("NoSuchEntity: The Access Key with id {id} cannot be found.");
    CallError { kind: ErrorKind::NotFound, operation, subject: subject.to_owned(), message, hint: None }
}

/// The id of the `number`th key that this account issues: looks random, and is the same in every run.
fn derive_id(account: &Account, user: &str, created: DateTime<Utc>, number: u64) -> KeyId {
    let user = user.to_ascii_lowercase();
    let seed = format!("{} {user} {} {number}", account.id, created.timestamp());
    KeyId::new(format!("AKIA{}", spell(seed.as_bytes(), b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)))
}

/// The secret part that goes with a key: derived from its id, so that nothing needs to be remembered, and the file
/// holds none. It opens nothing.
pub(super) fn secret_access_key(id: &KeyId) -> SecretString {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    SecretString::from(spell(format!("secret access key of {id}").as_bytes(), alphabet, 40))
}

impl Sandbox {
    /// The secret part of a key, as this account makes them: it follows from the id, and opens nothing.
    pub fn secret_of(key: &KeyId) -> SecretString {
        secret_access_key(key)
    }
}

/// Spells the SHA-256 of `seed` in an alphabet whose size is a power of two.
fn spell(seed: &[u8], alphabet: &[u8], length: usize) -> String {
    let bits = alphabet.len().ilog2();
    let digest = Sha256::digest(seed);
    let (mut pool, mut pooled) = (0_u32, 0);
    let mut text = String::with_capacity(length);
    for byte in digest {
        pool = (pool << 8) | u32::from(byte);
        pooled += 8;
        while pooled >= bits && text.len() < length {
            pooled -= bits;
            text.push(char::from(alphabet[(pool >> pooled) as usize % alphabet.len()]));
        }
    }
    text
}
