//! All accounts at the same time: who is in scope of each, and what was observed of them.

use std::{
    cell::OnceCell,
    collections::{HashMap, hash_map},
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{
    account::observe,
    listing::{Listing, Meanwhile, Progress, list_and_read},
    survey::Survey,
    unmanaged::{Unmanaged, unmanaged},
};
use crate::{
    cloud::Reads,
    counted::counted,
    inventory::{Inventory, UnreadAccount, User},
    manifest::{Code, Diagnostic, Manifest},
    plan::Viewpoint,
    roster::{Relevance, Roster, resolve, shared_between_accounts},
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

/// The users or secrets of no account could be listed: nothing is known, and there is no plan.
#[derive(Debug)]
pub struct NothingRead(pub Vec<UnreadAccount>);

/// One account with who is in scope there, before any key was read.
pub struct AccountScope<'a, C> {
    /// Where the account is.
    pub cloud: &'a C,
    /// What was listed there.
    pub listing: Listing,
    /// Who is in scope there.
    pub roster: Roster,
}

/// The accounts that could be listed, and what is to be said.
pub struct Scope<'a, C> {
    /// Those that could be listed.
    pub accounts: Vec<AccountScope<'a, C>>,
    /// Those that could not.
    pub unread: Vec<UnreadAccount>,
    /// What is odd about the manifests, once for all accounts.
    pub warnings: Vec<Diagnostic>,
}

/// Lists users and secrets of every account, all at the same time, and resolves the manifest against them. An account
/// that can't be listed, `until` that instant if there is one, stops no other; `not_entered` are those that could not even be
/// entered. Who `is_read` in any case may be read at once.
///
/// # Errors
/// No account can be listed.
pub async fn scope<'a, C: Reads>(
    clouds: &'a [C],
    not_entered: &[UnreadAccount],
    manifest: &Manifest,
    now: DateTime<Utc>,
    until: Option<Instant>,
    is_read: impl Fn(&str) -> bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Scope<'a, C>, NothingRead> {
    let is_read = &is_read;
    let one = |cloud: &'a C| async move {
        let account = cloud.account();
        let relevance = Relevance::new(manifest, account);
        let is_relevant = |name: &str, path: &str| relevance.includes(name, path);
        let in_scope = OnceCell::new();
        let whose = |users: &[User]| {
            let (roster, _) = in_scope.get_or_init(|| resolve(manifest, account, users, now));
            let names = roster.entries.iter().map(|entry| entry.user.name.clone());
            names.filter(|name| is_read(name)).collect()
        };
        let meanwhile = Meanwhile { whose, until, progress };
        let listing = match list_and_read(cloud, &is_relevant, manifest.secret_prefix(), meanwhile).await {
            Ok(listing) => listing,
            Err(error) => return Err(UnreadAccount::new(account, &error)),
        };
        let (roster, warnings) =
            in_scope.into_inner().unwrap_or_else(|| resolve(manifest, account, &listing.users, now));
        Ok((AccountScope { cloud, listing, roster }, warnings))
    };
    let (mut accounts, mut unread, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for result in futures::future::join_all(clouds.iter().map(one)).await {
        match result {
            Ok((account, found)) => {
                accounts.push(account);
                warnings.push(found);
            }
            Err(error) => unread.push(error),
        }
    }
    if accounts.is_empty() && !unread.is_empty() {
        return Err(NothingRead(unread));
    }
    unread.extend_from_slice(not_entered);
    let mut warnings = merged(warnings, &unread);
    let mut rosters: Vec<&mut Roster> = accounts.iter_mut().map(|account| &mut account.roster).collect();
    warnings.extend(shared_between_accounts(manifest, &mut rosters));
    Ok(Scope { accounts, unread, warnings })
}

/// The warnings of all accounts. Who is not in one account may be in another, so that is said only where it is true of
/// all; and of a rule that selects nobody only where no account is unread, for it may select someone there.
pub fn merged(accounts: Vec<Vec<Diagnostic>>, unread: &[UnreadAccount]) -> Vec<Diagnostic> {
    let count = accounts.len();
    // The wording may name the account.
    let place = |warning: &Diagnostic| (warning.code, warning.file().to_owned(), warning.line(), warning.column());
    let mut unmatched: HashMap<_, usize> = HashMap::new();
    for warning in accounts.iter().flatten().filter(|warning| is_absence(warning.code)) {
        *unmatched.entry(place(warning)).or_default() += 1;
    }
    let (mut merged, mut said) = (Vec::<Diagnostic>::new(), HashMap::<_, Vec<usize>>::new());
    // By the places of both rules: where it was said first, and in how many accounts they select others.
    let mut collisions: HashMap<Vec<_>, (usize, usize)> = HashMap::new();
    for warning in accounts.into_iter().flatten() {
        // Said once, by whichever account comes first.
        let is_told =
            !is_absence(warning.code) || unmatched.remove(&place(&warning)).is_some_and(|accounts| accounts == count);
        let here = said.entry(place(&warning)).or_default();
        if warning.code == Code::AmbiguousRules {
            let places =
                warning.labels.iter().map(|label| (label.file().to_owned(), label.line, label.column)).collect();
            match collisions.entry(places) {
                hash_map::Entry::Occupied(mut met) => {
                    let (first, others) = met.get_mut();
                    *others += usize::from(merged[*first].message != warning.message);
                    continue;
                }
                hash_map::Entry::Vacant(new) => new.insert((merged.len(), 0)),
            };
        }
        if is_told && !here.iter().any(|at| merged[*at] == warning) {
            here.push(merged.len());
            merged.push(warning);
        }
    }
    for (first, others) in collisions.into_values().filter(|(_, others)| *others > 0) {
        let message = format!("{}; and others in {}", merged[first].message, counted(others, "more account"));
        merged[first].message = message;
    }
    merged.retain(|warning| unread.is_empty() || warning.code != Code::RuleUnmatched);
    merged
}

/// Whether it says that somebody is not there.
fn is_absence(code: Code) -> bool {
    matches!(code, Code::RuleUnmatched | Code::NameUnmatched | Code::ExemptUnmatched)
}

/// Reads the users in scope of every account, and as much as is asked for of the others.
pub async fn observe_all<'a, C: Reads>(
    scoped: Vec<AccountScope<'a, C>>,
    survey: impl Into<Survey>,
    viewpoint: impl Into<Viewpoint>,
    of_unmanaged: Unmanaged,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<AccountState<'a, C>> {
    let (survey, viewpoint) = (survey.into(), viewpoint.into());
    let accounts = scoped.into_iter().map(|AccountScope { cloud, listing, roster }| async move {
        progress(Progress::InScope(roster.entries.len().saturating_sub(listing.announced)));
        let read = || progress(Progress::Read);
        let (inventory, unmanaged) = futures::join!(
            observe(cloud, &roster, &listing, survey, viewpoint, &read),
            unmanaged(cloud, &roster, of_unmanaged)
        );
        let inventory = Inventory { unmanaged, ..inventory };
        AccountState { cloud, roster, inventory }
    });
    futures::future::join_all(accounts).await
}
