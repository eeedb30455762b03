//! One account. A failed read holds its own user and no other.

use std::collections::BTreeMap;

use futures::{StreamExt, future::LocalBoxFuture, stream};

use super::{
    listing::{CONCURRENCY, Listing, in_time, ledger, ledger_named},
    resource_policy::readers,
    survey::{Depth, Survey, Urgency, Whom},
};
use crate::{
    cloud::Reads,
    inventory::{CallError, Destination, Elsewhere, ErrorKind, Inventory, Key, Known, LastUse, Ledger, State},
    plan::{Need, Viewpoint, arranged, left_since, need},
    roster::{Entry, Roster},
};

/// A roster, and what to plan it for.
#[derive(Clone, Copy)]
pub struct RosterAt<'a> {
    /// Who is in scope then.
    pub roster: &'a Roster,
    /// The instant.
    pub viewpoint: Viewpoint,
}

/// Reads the users of the roster, many at a time. `progress` is called once for each.
pub async fn observe(
    cloud: &dyn Reads,
    roster: &Roster,
    listing: &Listing,
    survey: impl Into<Survey>,
    viewpoint: impl Into<Viewpoint>,
    progress: &(dyn Fn() + Sync),
) -> Inventory {
    let roster_at = RosterAt { roster, viewpoint: viewpoint.into() };
    observe_for(cloud, &[roster_at], listing, survey.into(), progress).await.swap_remove(0)
}

/// Reads the users of several rosters of one account, each user once: what one look needs is not read again for another.
/// Returns an inventory for each look; they differ only where the rosters name different secrets for a user. The most urgent
/// come first, and those whom an earlier run has left.
pub fn observe_for<'a>(
    cloud: &'a dyn Reads,
    rosters: &'a [RosterAt<'a>],
    listing: &'a Listing,
    survey: Survey,
    progress: &'a (dyn Fn() + Sync),
) -> LocalBoxFuture<'a, Vec<Inventory>> {
    Box::pin(observe_in_order(cloud, rosters, listing, survey, progress))
}

async fn observe_in_order(
    cloud: &dyn Reads,
    rosters: &[RosterAt<'_>],
    listing: &Listing,
    survey: Survey,
    progress: &(dyn Fn() + Sync),
) -> Vec<Inventory> {
    let mut users: BTreeMap<&str, Vec<(usize, RosterAt, &Entry)>> = BTreeMap::new();
    for (position, roster_at) in rosters.iter().enumerate() {
        for entry in &roster_at.roster.entries {
            users.entry(&entry.user.name).or_default().push((position, *roster_at, entry));
        }
    }
    let (unread, queued_since) = (listing.unread.clone(), listing.queued_since);
    let mut inventories = {
        let left_since = survey.left_since;
        vec![Inventory { unread, queued_since, left_since, ..Inventory::default() }; rosters.len()]
    };
    let region = &cloud.account().region;
    let urgency = |views: &[(usize, RosterAt, &Entry)]| {
        views.iter().map(|(_, at, entry)| Urgency::of(entry, listing, region, at.viewpoint.at)).min()
    };
    let left = |(at, inventory): (&RosterAt, &Inventory)| left_since(at.roster, inventory, at.viewpoint.at);
    let left_since = rosters.iter().zip(&inventories).filter_map(left).max();
    let mut in_order: Vec<_> = users.into_iter().map(|(user, views)| (urgency(&views), user, views)).collect();
    in_order.sort_by_key(|(urgency, user, _)| (*urgency, *user));
    let is_read = |urgency: &Option<Urgency>| match survey.whom {
        Whom::Everyone => true,
        Whom::UnderWay => urgency.is_some_and(|urgency| urgency.is_for_tend(left_since, listing.is_new)),
    };
    for (_, user, views) in in_order.extract_if(.., |(urgency, _, _)| !is_read(urgency)) {
        for (position, _, _) in views {
            inventories[position].resting.insert(user.to_owned());
        }
        progress();
    }
    // Those whose keys were read while secrets were listed have been told of.
    let progress = |user| {
        if !listing.keys.contains_key(user) {
            progress();
        }
    };
    let until = survey.until;
    let mut observed = stream::iter(in_order)
        .map(|(_, user, views)| async move {
            let reading = observe_user(cloud, &views, listing, survey);
            let states = in_time(until, "iam:ListAccessKeys", user, reading).await.unwrap_or_else(|error| {
                views.iter().map(|(position, _, _)| (*position, Err(error.clone()), None)).collect()
            });
            progress(user);
            (user, states)
        })
        .buffer_unordered(CONCURRENCY);
    while let Some((user, states)) = observed.next().await {
        for (position, state, keys) in states {
            if let (Err(_), Some(keys)) = (&state, keys) {
                inventories[position].keys_of_unread.insert(user.to_owned(), keys);
            }
            inventories[position].users.insert(user.to_owned(), state);
        }
    }
    inventories
}

type Observed = Result<State, CallError>;

/// The state for each look at one user, and its keys as far as they were read. The rosters whose secret is the same share it; all share the keys.
async fn observe_user(
    cloud: &dyn Reads,
    views: &[(usize, RosterAt<'_>, &Entry)],
    listing: &Listing,
    survey: Survey,
) -> Vec<(usize, Observed, Option<Vec<Key>>)> {
    let mut seen: BTreeMap<&str, Observed> = BTreeMap::new();
    let mut keys = None;
    for (_, _, entry) in views {
        if !seen.contains_key(entry.secret.as_str()) {
            let sharing: Vec<_> = views.iter().filter(|(_, _, other)| other.secret == entry.secret).collect();
            let state = observe_state(cloud, &sharing, seen.values().next(), listing, survey, &mut keys).await;
            seen.insert(&entry.secret, state);
        }
    }
    views.iter().map(|(position, _, entry)| (*position, seen[entry.secret.as_str()].clone(), keys.clone())).collect()
}

/// The state of one user with one secret: everything that any of the rosters asks for. `read` takes the keys as soon as they are
/// known, whatever fails then.
async fn observe_state(
    cloud: &dyn Reads,
    views: &[&(usize, RosterAt<'_>, &Entry)],
    seen: Option<&Observed>,
    listing: &Listing,
    survey: Survey,
    read: &mut Option<Vec<Key>>,
) -> Observed {
    let entry = views[0].2;
    let keys = match seen {
        Some(seen) => seen.clone()?.keys,
        None => match listing.keys.get(&entry.user.name) {
            Some(read) => read.clone()?,
            None => cloud.access_keys(&entry.user.name).await?,
        },
    };
    read.get_or_insert_with(|| keys.clone());
    let region = &cloud.account().region;
    let listed = survey.listed();
    let ledger = match &listing.secrets {
        // The secret may be another user's, and nothing is done to this one. Nor is anything ever due without keys.
        _ if entry.conflict.is_some() => ledger(None, entry, region, Known::Described)?,
        Some(secrets) => ledger(secrets.by_name.get(&entry.secret), entry, region, listed)?,
        None if keys.is_empty() => ledger(None, entry, region, Known::Listed)?,
        None => ledger(cloud.describe_secret(&entry.secret).await?.as_ref(), entry, region, Known::Described)?,
    };
    // Without keys nothing is under way anywhere.
    let former = match &listing.secrets {
        Some(secrets) if entry.conflict.is_none() && !keys.is_empty() => secrets.former(entry, &keys, region)?,
        _ => Vec::new(),
    };
    let mut state = arranged(keys, ledger, former);
    if survey.depth == Depth::Everything {
        for key in state.keys.iter_mut().filter(|key| key.last_use == LastUse::Unread) {
            key.last_use = cloud.last_use(&key.id).await?;
            read.iter_mut().flatten().filter(|known| known.id == key.id).for_each(|known| known.clone_from(key));
        }
    }
    // What is read for one look may raise a question of another.
    let needed = |state: &State| {
        let of = |(_, roster_at, entry): &&(usize, RosterAt<'_>, &Entry)| {
            need(roster_at.roster, entry, state, roster_at.viewpoint)
        };
        views.iter().find_map(of)
    };
    let mut asked = Vec::new();
    while let Some(need) = needed(&state) {
        if asked.contains(&need) {
            // A planner that is not content with an answer would ask for ever.
            let user = entry.user.name.clone();
            let (kind, operation) = (ErrorKind::Other, "planning");
            return Err(CallError {
                kind,
                operation,
                subject: user,
                message: format!("it asks again: {need}; please report this"),
                hint: None,
            });
        }
        asked.push(need.clone());
        fetch(cloud, entry, &mut state, need).await?;
    }
    Ok(state)
}

/// Reads what the planner asked for.
///
/// # Errors
/// The failed call; the state is as it was.
pub async fn fetch(cloud: &dyn Reads, entry: &Entry, state: &mut State, need: Need) -> Result<(), CallError> {
    match need {
        Need::Ledger => {
            let leading = described(cloud, entry, &state.ledger.secret).await?;
            let (own, former) = match state.elsewhere.clone() {
                Elsewhere::Nowhere => (leading, Vec::new()),
                Elsewhere::MovesTo(to) if to.known == Known::Described => (*to, vec![leading]),
                Elsewhere::MovesTo(to) => (described(cloud, entry, &to.secret).await?, vec![leading]),
                // Of what was left for good nothing needs to be known for certain.
                Elsewhere::MovedFrom(former) if hands_out_a_key(&leading, &state.keys) => (leading, former),
                Elsewhere::MovedFrom(former) => {
                    let names = former.into_iter().map(|ledger| ledger.secret);
                    (leading, all_described(cloud, entry, names).await?)
                }
                Elsewhere::Several(names) => (leading, all_described(cloud, entry, names).await?),
            };
            *state = State { places: std::mem::take(&mut state.places), ..arranged(state.keys.clone(), own, former) };
        }
        Need::ResourcePolicy(name) => {
            let policy = cloud.resource_policy(&name).await?;
            let readers = readers(policy.as_deref(), cloud.account());
            // The one that is moved to has its policy read before the move.
            let to = match &mut state.elsewhere {
                Elsewhere::MovesTo(to) => Some(&mut **to),
                Elsewhere::Nowhere | Elsewhere::MovedFrom(_) | Elsewhere::Several(_) => None,
            };
            for ledger in [Some(&mut state.ledger), to].into_iter().flatten().filter(|ledger| ledger.secret == name) {
                if let Destination::Own(secret) = &mut ledger.destination {
                    secret.readers = readers.clone();
                }
            }
        }
        Need::Place(target) => {
            let found = target.look(cloud).await?;
            state.places.insert(target.id, found);
        }
        Need::LastUse(id) => {
            let last_use = match cloud.last_use(&id).await? {
                // The planner would ask for ever.
                LastUse::Unread => return Err(malformed("iam:GetAccessKeyLastUsed", id.as_str(), "no answer")),
                last_use => last_use,
            };
            for key in state.keys.iter_mut().filter(|key| key.id == id) {
                key.last_use = last_use.clone();
            }
        }
    }
    Ok(())
}

/// Whether the secret hands out a key that works.
fn hands_out_a_key(ledger: &Ledger, keys: &[Key]) -> bool {
    ledger.handed_out().is_some_and(|id| keys.iter().any(|key| key.id == id && key.is_active()))
}

/// The ledger as `DescribeSecret` tells of it.
async fn described(cloud: &dyn Reads, entry: &Entry, secret: &str) -> Result<Ledger, CallError> {
    let record = cloud.describe_secret(secret).await?;
    ledger_named(secret, record.as_ref(), entry, &cloud.account().region, Known::Described)
}

async fn all_described(
    cloud: &dyn Reads,
    entry: &Entry,
    secrets: impl IntoIterator<Item = String>,
) -> Result<Vec<Ledger>, CallError> {
    let mut ledgers = Vec::new();
    for secret in secrets {
        ledgers.push(described(cloud, entry, &secret).await?);
    }
    Ok(ledgers)
}

fn malformed(operation: &'static str, subject: &str, message: &str) -> CallError {
    CallError {
        kind: ErrorKind::Malformed,
        operation,
        subject: subject.to_owned(),
        message: message.to_owned(),
        hint: None,
    }
}
