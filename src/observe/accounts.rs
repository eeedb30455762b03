//! All accounts, so many at the same time: who is in scope of each, and what was observed of them.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{HashMap, HashSet, hash_map},
    hash::Hash,
    time::Duration,
};

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::{
    account::observe,
    listing::{self, Meanwhile, Progress, list_and_read},
    survey::{Survey, Whom},
    unmanaged::{Unmanaged, unmanaged},
};
use crate::{
    cloud::Reads,
    counted::counted,
    inventory::{Inventory, Unread, UnreadAccount, User},
    manifest::{Code, Diagnostic, Manifest},
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

/// The users or secrets of no account could be listed: nothing is known, and there is no plan.
#[derive(Debug)]
pub struct NothingRead(pub Vec<UnreadAccount>, pub Vec<Unlisted>);

/// An account whose users could not be listed while its secrets were: there it can be noted that all are still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// The id of the account.
    pub account: String,
    /// A secret of keyrota's own there.
    pub secret: String,
    /// What an earlier run has noted there.
    pub before: Option<Unread>,
}

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

/// The accounts that could be read, and what is to be said.
pub struct Observed<'a, C> {
    /// Those that could be read, with everyone in scope, whoever was asked for.
    pub accounts: Vec<AccountState<'a, C>>,
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
pub async fn observe_all<'a, C: Reads>(
    clouds: &'a [C],
    not_entered: &[UnreadAccount],
    reading: &Reading<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Observed<'a, C>, NothingRead> {
    let Reading { earlier, viewpoint, survey, manifest, .. } = *reading;
    let ids: Vec<&str> = clouds.iter().map(|cloud| cloud.account().id.as_str()).collect();
    let order = match survey.until {
        Some(_) => earlier.order(&ids, viewpoint.at),
        // All of them will be read.
        None => (0..ids.len()).collect(),
    };
    let turns = order.into_iter().enumerate().map(|(turn, place)| async move {
        let cloud = &clouds[place];
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
    for (_, result, took) in results {
        match result {
            Ok((account, found)) => {
                observed.accounts.push(account);
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
    observed.warnings = merged(warnings, &observed.unread);
    let mut rosters: Vec<&mut Roster> = observed.accounts.iter_mut().map(|account| &mut account.roster).collect();
    observed.warnings.extend(shared_between_accounts(manifest, &mut rosters));
    Ok(observed)
}

/// One account, and what is odd about the manifests there.
///
/// # Errors
/// It can't be listed.
async fn observe_one<'a, C: Reads>(
    cloud: &'a C,
    reading: &Reading<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(AccountState<'a, C>, Vec<Diagnostic>), (UnreadAccount, Option<Unlisted>)> {
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
    let meanwhile = Meanwhile { whose, until: survey.until, progress };
    let listing = list_and_read(cloud, &is_relevant, manifest.secret_prefix(), meanwhile).await;
    let listing = listing.map_err(|listing::Unlisted { error, secret }| {
        let unlisted = secret.map(|(secret, before)| Unlisted { account: account.id.clone(), secret, before });
        (UnreadAccount::new(account, &error), unlisted)
    })?;
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
    Ok((AccountState { cloud, roster, inventory }, warnings))
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

/// The warnings of all accounts. Who is not in one account may be in another, so that is said only where it is true of
/// all; and of a rule that selects nobody only where no account is unread, for it may select someone there.
pub fn merged(accounts: Vec<Vec<Diagnostic>>, unread: &[UnreadAccount]) -> Vec<Diagnostic> {
    // The wording may name the account.
    let place = |warning: &Diagnostic| (warning.code, warning.file().to_owned(), warning.line(), warning.column());
    let mut unmatched = in_all(&accounts, |warning| is_absence(warning.code).then(|| place(warning)));
    let (mut merged, mut said) = (Vec::<Diagnostic>::new(), HashMap::<_, Vec<usize>>::new());
    // By the places of both rules: where it was said first, and in how many accounts they select others.
    let mut collisions: HashMap<Vec<_>, (usize, usize)> = HashMap::new();
    for warning in accounts.into_iter().flatten() {
        // Said once, by whichever account comes first.
        let is_told = !is_absence(warning.code) || unmatched.remove(&place(&warning));
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

/// Where something is said in every account, of what has a place.
fn in_all<T, P: Eq + Hash>(accounts: &[Vec<T>], place: impl Fn(&T) -> Option<P>) -> HashSet<P> {
    let mut counts: HashMap<P, usize> = HashMap::new();
    for place in accounts.iter().flatten().filter_map(place) {
        *counts.entry(place).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count == accounts.len()).map(|(place, _)| place).collect()
}

/// Whether it says that somebody is not there.
pub(crate) fn is_absence(code: Code) -> bool {
    matches!(code, Code::RuleUnmatched | Code::NameUnmatched | Code::ExemptUnmatched)
}
