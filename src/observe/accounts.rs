//! All accounts, so many at the same time: who is in scope of each, and what was observed of them.

use std::{borrow::Cow, cell::OnceCell, time::Duration};

use futures::{StreamExt, future::LocalBoxFuture, stream};
use tokio::time::Instant;

use super::{
    account::observe,
    listing::{Meanwhile, Progress, Unlisted, list_and_read},
    survey::{Survey, Whom},
    unmanaged::{Unmanaged, unmanaged},
    warnings::merged,
};
use crate::{
    cloud::Reads,
    inventory::{Inventory, UnreadAccount, User},
    manifest::{Diagnostic, Manifest},
    names::is_meant,
    plan::Viewpoint,
    roster::{Relevance, Roster, resolve, shared_between_accounts},
    workload::Workload,
};

/// One account, with who is in scope there and what was observed of them.
pub struct AccountState<'a, C> {
    /// Where the account is.
    pub cloud: &'a C,
    /// Who is in scope there.
    pub roster: Roster,
    /// What was observed there.
    pub inventory: Inventory,
}

/// The same for whoever works on it: one kind of cloud for all that there are, so that what works is compiled once.
pub struct AccountView<'a, C: ?Sized + 'a> {
    /// Where the account is.
    pub cloud: &'a C,
    /// Who is in scope there.
    pub roster: &'a Roster,
    /// What was observed there.
    pub inventory: &'a Inventory,
}

/// The users or secrets of no account could be listed: nothing is known, and there is no plan.
#[derive(Debug)]
pub struct NothingRead(pub Vec<UnreadAccount>, pub Vec<Unlisted>);

/// So many accounts are read, or changed, at the same time: the others wait, so that what a run holds in memory and has open at
/// once does not grow with their number.
pub const AT_A_TIME: usize = 16;

/// What is read of accounts, and how.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Who is to be read.
    pub manifest: &'a Manifest,
    /// Only these users, by name; empty: everyone in scope.
    pub users: &'a [String],
    /// How each account is read.
    pub survey: Survey,
    /// What for.
    pub viewpoint: Viewpoint,
    /// How much is read of users that no rule selects.
    pub unmanaged: Unmanaged,
    /// What earlier runs measured: with which accounts to begin.
    pub earlier: &'a Workload,
}

/// What was observed of one account.
pub struct ObservedAccount {
    /// Its place among those that were to be read.
    pub place: usize,
    /// Everyone in scope there, whoever was asked for.
    pub roster: Roster,
    /// What was observed there.
    pub inventory: Inventory,
}

/// The accounts that could be read, and what is to be said.
pub struct Observed {
    /// Those that could be read.
    pub accounts: Vec<ObservedAccount>,
    /// Those that could not.
    pub unread: Vec<UnreadAccount>,
    /// Those of them of which something can be noted.
    pub unlisted: Vec<Unlisted>,
    /// What is odd about the manifests, once for all accounts.
    pub warnings: Vec<Diagnostic>,
    /// How long each took, in the same order.
    pub took: Vec<Duration>,
}

/// Reads accounts, [`AT_A_TIME`]: lists users and secrets, resolves the manifest against them, and observes who is in scope. An
/// account that can't be listed, or for which there is no time, stops no other; `not_entered` are those that could not even be
/// entered.
///
/// # Errors
/// No account can be listed.
pub fn observe_all<'a>(
    clouds: &'a [&'a dyn Reads],
    not_entered: &'a [UnreadAccount],
    reading: &'a Reading<'a>,
    progress: &'a (dyn Fn(Progress) + Sync),
) -> LocalBoxFuture<'a, Result<Observed, NothingRead>> {
    Box::pin(observe_in_turn(clouds, not_entered, reading, progress))
}

async fn observe_in_turn(
    clouds: &[&dyn Reads],
    not_entered: &[UnreadAccount],
    reading: &Reading<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Observed, NothingRead> {
    let Reading { earlier, viewpoint, survey, manifest, .. } = *reading;
    let ids: Vec<&str> = clouds.iter().map(|cloud| cloud.account().id.as_str()).collect();
    let order = match survey.until {
        Some(_) => earlier.order(&ids, viewpoint.at),
        // All of them will be read.
        None => (0..ids.len()).collect(),
    };
    let turns = order.into_iter().enumerate().map(|(turn, place)| async move {
        let cloud = clouds[place];
        let began = Instant::now();
        // Whatever it takes, the first ones are begun: else one that takes longer than there is would never be.
        let lasts =
            if turn < AT_A_TIME { Duration::ZERO } else { earlier.expected(&cloud.account().id).unwrap_or_default() };
        let result = match survey.until {
            Some(until) if began + lasts >= until => {
                let error = earlier.not_begun(&format!("account {}", cloud.account()));
                Err((UnreadAccount::new(cloud.account(), &error), None))
            }
            _ => observe_one(cloud, reading, progress).await,
        };
        // Of a thousand accounts, few are called at once.
        if clouds.len() > AT_A_TIME {
            cloud.give_back();
        }
        (place, result, began.elapsed())
    });
    let mut results: Vec<_> = stream::iter(turns).buffer_unordered(AT_A_TIME).collect().await;
    results.sort_by_key(|(place, ..)| *place);
    let mut observed = Observed {
        accounts: Vec::new(),
        unread: Vec::new(),
        unlisted: Vec::new(),
        warnings: Vec::new(),
        took: Vec::new(),
    };
    let mut warnings = Vec::new();
    for (place, result, took) in results {
        match result {
            Ok((roster, inventory, found)) => {
                observed.accounts.push(ObservedAccount { place, roster, inventory });
                observed.took.push(took);
                warnings.push(found);
            }
            Err((error, unlisted)) => {
                observed.unread.push(error);
                observed.unlisted.extend(unlisted);
            }
        }
    }
    if observed.accounts.is_empty() && !observed.unread.is_empty() {
        return Err(NothingRead(observed.unread, observed.unlisted));
    }
    observed.unread.extend_from_slice(not_entered);
    let states = observed.accounts.iter().map(|account| &account.roster.account);
    observed.warnings = merged(manifest, states.zip(warnings).collect(), &observed.unread);
    let mut rosters: Vec<&mut Roster> = observed.accounts.iter_mut().map(|account| &mut account.roster).collect();
    observed.warnings.extend(shared_between_accounts(manifest, &mut rosters));
    Ok(observed)
}

/// One account, and what is odd about the manifests there.
///
/// # Errors
/// It can't be listed.
async fn observe_one(
    cloud: &dyn Reads,
    reading: &Reading<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Roster, Inventory, Vec<Diagnostic>), (UnreadAccount, Option<Unlisted>)> {
    let Reading { manifest, users: meant, survey, viewpoint, unmanaged: of_unmanaged, earlier } = *reading;
    let account = cloud.account();
    let survey = Survey { left_since: earlier.unread_since(&account.id), ..survey };
    let relevance = Relevance::new(manifest, account);
    let is_relevant = |name: &str, path: &str| relevance.includes(name, path);
    let in_scope = OnceCell::new();
    let whose = |users: &[User]| {
        let (roster, _) = in_scope.get_or_init(|| resolve(manifest, account, users, viewpoint.at));
        let names = roster.entries.iter().map(|entry| entry.user.name.clone());
        names.filter(|name| survey.whom == Whom::Everyone && is_meant(name, meant)).collect()
    };
    let meanwhile = Meanwhile { whose: &whose, until: survey.until, progress };
    let listing = list_and_read(cloud, &is_relevant, manifest.secret_prefix(), meanwhile).await;
    let listing = listing.map_err(|(error, unlisted)| (UnreadAccount::new(account, &error), unlisted))?;
    let (roster, warnings) =
        in_scope.into_inner().unwrap_or_else(|| resolve(manifest, account, &listing.users, viewpoint.at));
    let asked = asked_for(&roster, meant);
    progress(Progress::InScope(asked.entries.len().saturating_sub(listing.announced)));
    let read = || progress(Progress::Read);
    let (inventory, unmanaged) = futures::join!(
        observe(cloud, &asked, &listing, survey, viewpoint, &read),
        unmanaged(cloud, &asked, of_unmanaged)
    );
    let inventory = Inventory { unmanaged, ..inventory };
    Ok((roster, inventory, warnings))
}

/// Those of an account who were asked for.
fn asked_for<'a>(roster: &'a Roster, meant: &[String]) -> Cow<'a, Roster> {
    if meant.is_empty() {
        return Cow::Borrowed(roster);
    }
    let mut roster = roster.clone();
    roster.entries.retain(|entry| is_meant(&entry.user.name, meant));
    roster.unmanaged.retain(|user| is_meant(&user.name, meant));
    Cow::Owned(roster)
}
