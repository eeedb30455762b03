//! Looks at users that no rule selects, as much as is asked for: a plan gets their ages for the price of a few calls.

use futures::{StreamExt, stream};

use crate::{
    cloud::Reads,
    inventory::{UnmanagedKey, UnmanagedKeys},
    roster::Roster,
};

/// Users read at the same time.
const CONCURRENCY: usize = 32;

/// What is looked at of users that no rule selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmanaged {
    /// Their names, which come with everyone's.
    #[default]
    Names,
    /// How old their keys are at least, by the credential report: two or three calls, however many users there are.
    Ages,
    /// Their keys, a call each.
    Keys,
}

/// Reads the keys of the users of the account that no rule selects. What fails is said, and stops nothing.
pub async fn unmanaged(cloud: &dyn Reads, roster: &Roster, depth: Unmanaged) -> UnmanagedKeys {
    let mut found = UnmanagedKeys::default();
    if roster.unmanaged.is_empty() {
        return found;
    }
    match depth {
        Unmanaged::Names => {}
        Unmanaged::Ages => match cloud.credential_report().await {
            // Who is not in it was made since, and has no old key.
            Ok(users) => found.users = users,
            Err(error) => found.unread = Some(error),
        },
        Unmanaged::Keys => {
            let users = stream::iter(&roster.unmanaged)
                .map(|user| async move { (&user.name, cloud.access_keys(&user.name).await) });
            let read: Vec<_> = users.buffered(CONCURRENCY).collect().await;
            for (user, keys) in read {
                match keys {
                    Ok(keys) => {
                        found.users.insert(user.clone(), keys.iter().map(UnmanagedKey::from).collect());
                    }
                    Err(error) => found.unread = found.unread.or(Some(error)),
                }
            }
        }
    }
    found
}
