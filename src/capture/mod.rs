//! A whole account as a sandbox: what a rehearsal needs to plan exactly as on the account at that instant. Secrets are read
//! as the planner reads them, by tags and labels; no value of one is ever asked for.

mod anonymous;
mod renaming;

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, SubsecRound, Utc};
use futures::{StreamExt, future::LocalBoxFuture, stream};

use crate::{
    cloud::{
        Reads,
        sandbox::{IamUser, Sandbox, Seat, StoredSecret, StoredVersion, World},
    },
    inventory::{Account, CallError, Key, LastUse, SecretRecord, SmtpUse, User, smtp_sign, tag_value},
    names,
};

pub use self::anonymous::{Anonymous, anonymize};

/// Users or secrets read at the same time, as in an observation.
const CONCURRENCY: usize = 32;

/// Told of how reading goes on, for a progress bar.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// This many users and secrets are to be read.
    ToRead(usize),
    /// One of them was read.
    Read,
}

/// The names where the manifests look for the secrets of these users, of an account.
pub type Destinations<'a> = &'a (dyn Fn(&[User]) -> BTreeSet<String> + Sync);

/// Reads the account. `destinations` are looked at beside the secrets that say whose they are, whatever a listing says;
/// `clock` is asked when everything was read, so that nothing in the account lies after it.
///
/// # Errors
/// Every read that failed: half an account would pass for a whole one.
pub fn capture<'a>(
    cloud: &'a dyn Reads,
    destinations: Destinations<'a>,
    clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    progress: &'a (dyn Fn(Progress) + Sync),
) -> LocalBoxFuture<'a, Result<Sandbox, Vec<CallError>>> {
    Box::pin(read_account(cloud, destinations, clock, progress))
}

async fn read_account(
    cloud: &dyn Reads,
    destinations: Destinations<'_>,
    clock: &(dyn Fn() -> DateTime<Utc> + Sync),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Sandbox, Vec<CallError>> {
    let (users, listed) = futures::join!(cloud.users(&|_, _| true), cloud.secrets());
    let (users, listed) = match (users, listed) {
        (Ok(users), Ok(listed)) => (users, listed),
        (users, listed) => return Err([users.err(), listed.err()].into_iter().flatten().collect()),
    };
    let owners: HashSet<String> = users.iter().map(|user| tag_value(&user.name).to_ascii_lowercase()).collect();
    let is_claimed = |record: &SecretRecord| {
        record.claimed_by().is_some_and(|owner| owners.contains(&tag_value(owner).to_ascii_lowercase()))
    };
    // A name that no user's secret can have, such as `rds!…`, can't stand in anyone's way.
    let listed = listed.into_iter().filter(|record| names::is_secret_name(&record.name));
    let (claimed, others): (Vec<_>, Vec<_>) = listed.partition(is_claimed);
    let mut wanted: BTreeSet<String> = claimed.into_iter().map(|record| record.name).collect();
    wanted.extend(destinations(&users).into_iter().filter(|name| names::is_secret_name(name)));
    progress(Progress::ToRead(users.len() + wanted.len()));

    let users = users.into_iter().map(|user| async move {
        let read = read_user(cloud, user).await;
        progress(Progress::Read);
        read
    });
    let users: Vec<_> = stream::iter(users).buffered(CONCURRENCY).collect().await;
    let secrets = wanted.iter().map(|name| async move {
        let read = read_secret(cloud, name).await;
        progress(Progress::Read);
        read.transpose()
    });
    let secrets: Vec<_> = stream::iter(secrets).buffered(CONCURRENCY).collect().await;

    let mut failed = Vec::new();
    let users: Vec<IamUser> =
        users.into_iter().filter_map(|read| read.map_err(|error| failed.push(error)).ok()).collect();
    let mut secrets: Vec<StoredSecret> =
        secrets.into_iter().flatten().filter_map(|read| read.map_err(|error| failed.push(error)).ok()).collect();
    if !failed.is_empty() {
        return Err(failed);
    }
    // What is nobody's is there by its name alone.
    let others = others.into_iter().filter(|record| !wanted.contains(&record.name));
    secrets.extend(others.map(|SecretRecord { name, deleted, .. }| StoredSecret {
        name,
        deleted,
        ..StoredSecret::default()
    }));
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    let mut world = World { users, secrets, ..World::default() };
    world.now = Some(latest(&world, clock().trunc_subsecs(0)));
    let own_key = cloud.own_key().filter(|key| world.key(key).is_some()).cloned();
    let Account { name, membership, .. } = cloud.account();
    let seat = membership.as_ref().map(|membership| Seat::of(name.as_deref(), membership)).unwrap_or_default();
    let account = Account { name: None, ..cloud.account().clone() };
    Ok(Sandbox::new(account, world).called_with(own_key).seated(seat))
}

async fn read_user(cloud: &dyn Reads, user: User) -> Result<IamUser, CallError> {
    let User { name, arn: _, path, tags, groups, smtp, unreadable } = user;
    if let Some(error) = unreadable {
        return Err(error);
    }
    let mut keys: Vec<Key> = cloud.access_keys(&name).await?;
    for key in &mut keys {
        key.last_use = cloud.last_use(&key.id).await?;
    }
    // What the name and the groups say, they go on saying.
    let smtp = if smtp_sign(&name, &groups, []).is_some() { SmtpUse::NoSign } else { smtp };
    Ok(IamUser { name, path, groups, tags, smtp, keys })
}

/// `None` if there is no such secret.
async fn read_secret(cloud: &dyn Reads, name: &str) -> Result<Option<StoredSecret>, CallError> {
    let Some(record) = cloud.describe_secret(name).await? else { return Ok(None) };
    // The planner asks for the policy of what is a user's own and there to stay.
    let policy = match (record.claimed_by(), record.deleted) {
        (Some(_), None) => cloud.resource_policy(name).await?,
        _ => None,
    };
    let tags = record.ledger_tags();
    let region = &cloud.account().region;
    let SecretRecord { name, arn: _, tags: _, versions, deleted, kms_key, replicas, primary_region } = record;
    let replicas = replicas.unwrap_or_default();
    let failures = replicas.iter().filter_map(|replica| Some((replica.region.clone(), replica.failed.clone()?)));
    Ok(Some(StoredSecret {
        name,
        description: String::new(),
        tags,
        kms_key,
        replica_failures: failures.collect(),
        replicas: replicas.into_iter().map(|replica| replica.region).collect(),
        deleted,
        policy,
        primary_region: primary_region.filter(|primary| primary != region),
        versions: versions
            .into_iter()
            .map(|version| StoredVersion { id: version.id, labels: version.labels, digest: None })
            .collect(),
    }))
}

/// The latest instant at which something was done in the account: AWS's clock may be a second ahead of this machine's. The day
/// on which a secret is scheduled to be deleted is yet to come.
fn latest(world: &World, now: DateTime<Utc>) -> DateTime<Utc> {
    let of_keys = world.users.iter().flat_map(|user| &user.keys).flat_map(|key| {
        let used = match &key.last_use {
            LastUse::At { time, .. } => Some(*time),
            LastUse::Never | LastUse::Unread => None,
        };
        [Some(key.created), used]
    });
    of_keys.flatten().fold(now, DateTime::max)
}
