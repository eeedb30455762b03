//! From manifests and accounts to a plan: the part of a run that changes nothing, the same for the command and the
//! Lambda.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    apply::{Applied, Cause, Deferred, Run, apply},
    cloud::{Reads, Writes},
    inventory::{Inventory, KeyId, UnreadAccount},
    manifest::{Code, Diagnostic, Mail, Manifest},
    notify::tell_all,
    observe::{Depth, Directory, directory, observe},
    plan::{Change, Plan, Verb, Viewpoint, Warning, plan},
    roster::{Roster, relevant, resolve},
};

/// One account, with who is in scope there and what was observed of them.
pub struct Surveyed<'a, C> {
    pub cloud: &'a C,
    pub roster: Roster,
    pub inventory: Inventory,
}

/// Why there is no plan.
#[derive(Debug)]
pub enum SurveyError {
    /// The users or secrets of no account could be listed.
    Read(Vec<UnreadAccount>),
}

/// Told of how a survey goes on, for a progress bar.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// This many users are in scope of an account, and are read now.
    InScope(usize),
    /// One of them was read.
    Read,
}

/// One account with who is in scope there, before any key was read.
pub struct Scoped<'a, C> {
    pub cloud: &'a C,
    pub directory: Directory,
    pub roster: Roster,
}

/// The accounts that could be listed, and what is to be said.
pub struct Scope<'a, C> {
    pub accounts: Vec<Scoped<'a, C>>,
    pub unread: Vec<UnreadAccount>,
    pub warnings: Vec<Diagnostic>,
}

/// Lists users and secrets of every account, all at the same time, and resolves the manifest against them. An account
/// that can't be listed stops no other.
///
/// # Errors
/// No account can be listed.
pub async fn scope<'a, C: Reads>(
    clouds: &'a [C],
    manifest: &Manifest,
    now: DateTime<Utc>,
) -> Result<Scope<'a, C>, SurveyError> {
    let one = |cloud: &'a C| async move {
        let account = cloud.account();
        let is_relevant = |name: &str, path: &str| relevant(manifest, account, name, path);
        let directory = match directory(cloud, &is_relevant).await {
            Ok(directory) => directory,
            Err(error) => return Err(UnreadAccount::new(account, &error)),
        };
        let (roster, warnings) = resolve(manifest, account, &directory.users, now);
        Ok((Scoped { cloud, directory, roster }, warnings))
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
        return Err(SurveyError::Read(unread));
    }
    let mut warnings = merged(warnings);
    // A rule that selects nobody may do so in an account of which nobody knows.
    warnings.retain(|warning| unread.is_empty() || warning.code != Code::RuleUnmatched);
    Ok(Scope { accounts, unread, warnings })
}

/// The warnings of all accounts. Who is not in one account may be in another, so that is said only where it is true of
/// all.
pub(crate) fn merged(accounts: Vec<Vec<Diagnostic>>) -> Vec<Diagnostic> {
    let count = accounts.len();
    // The wording may name the account.
    let place = |warning: &Diagnostic| (warning.code, warning.file().to_owned(), warning.line(), warning.column());
    let mut unmatched: HashMap<_, usize> = HashMap::new();
    for warning in accounts.iter().flatten().filter(|warning| is_absence(warning.code)) {
        *unmatched.entry(place(warning)).or_default() += 1;
    }
    let mut merged: Vec<Diagnostic> = Vec::new();
    for warning in accounts.into_iter().flatten() {
        // Said once, by whichever account comes first.
        let is_told =
            !is_absence(warning.code) || unmatched.remove(&place(&warning)).is_some_and(|accounts| accounts == count);
        if is_told && !merged.contains(&warning) {
            merged.push(warning);
        }
    }
    merged
}

/// Whether it says that somebody is not there.
fn is_absence(code: Code) -> bool {
    matches!(code, Code::RuleUnmatched | Code::NameUnmatched)
}

/// Reads the users in scope of every account.
pub async fn survey<'a, C: Reads>(
    scoped: Vec<Scoped<'a, C>>,
    depth: Depth,
    viewpoint: impl Into<Viewpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Surveyed<'a, C>> {
    let viewpoint = viewpoint.into();
    let accounts = scoped.into_iter().map(|Scoped { cloud, directory, roster }| async move {
        progress(Progress::InScope(roster.entries.len()));
        let inventory = observe(cloud, &roster, &directory, depth, viewpoint, &|| progress(Progress::Read)).await;
        Surveyed { cloud, roster, inventory }
    });
    futures::future::join_all(accounts).await
}

/// One plan for all accounts.
pub fn plan_all<C: Reads>(surveyed: &[Surveyed<'_, C>], viewpoint: impl Into<Viewpoint>) -> Plan {
    let viewpoint = viewpoint.into();
    let mut plans = surveyed.iter().map(|one| plan(&one.roster, &one.inventory, viewpoint));
    let mut all = plans.next().unwrap_or_else(|| Plan::empty(viewpoint.at));
    plans.for_each(|plan| all.extend(plan));
    all.warnings.extend(surveyed.iter().filter_map(own_key));
    all
}

/// Whether keyrota runs with the key of a user that it may rotate here.
fn own_key<C: Reads>(surveyed: &Surveyed<'_, C>) -> Option<Warning> {
    let Surveyed { cloud, roster, inventory } = surveyed;
    let key = cloud.own_key()?;
    let entry = roster.entries.iter().filter(|entry| entry.exempt.is_none()).find(|entry| {
        let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
        state.is_some_and(|state| state.key(key).is_some())
    })?;
    let account = Arc::new(roster.account.clone());
    Some(Warning::OwnKey { account, user: entry.user.name.clone(), key: key.clone() })
}

/// Applies a plan that [`plan_all`] made of the same survey, and tells people; all accounts at the same time.
///
/// The user whose key keyrota itself runs with comes last, for nothing can be done without it: after the mail, too, if
/// the key stops in this run.
pub async fn carry_out<C: Writes>(
    surveyed: &[Surveyed<'_, C>],
    plan: &Plan,
    mail: &Mail,
    is_enforcing: bool,
    run: &Run<'_>,
) -> Applied {
    let is_last =
        |change: &&Change| plan.warnings.iter().filter_map(|it| it.own_key_of(change)).any(|key| stops(change, key));
    let (last, others): (Vec<_>, Vec<_>) = plan.changes.iter().partition(is_last);
    let mut applied = apply_changes(surveyed, plan, &others, run).await;
    let waits = |change: &&Change| {
        let (account, user) = (Arc::clone(&change.account), change.user.clone());
        Deferred { account, user, cause: Cause::Last }
    };
    applied.deferred.extend(last.iter().map(waits));
    tell_all(surveyed, plan, &mut applied, mail, is_enforcing, run).await;
    applied.deferred.retain(|deferred| deferred.cause != Cause::Last);
    applied.extend(apply_changes(surveyed, plan, &last, run).await);
    applied
}

/// Whether carrying the change out, with what follows at once, stops this key.
fn stops(change: &Change, key: &KeyId) -> bool {
    let is_it = |verb: Verb, of: Option<&KeyId>| matches!(verb, Verb::Deactivate | Verb::Delete) && of == Some(key);
    is_it(change.action.verb(), change.action.key())
        || change.then.iter().any(|step| step.same_run && is_it(step.verb, step.key.existing()))
}

/// Applies a plan that [`plan_all`] made of the same survey; all accounts at the same time.
pub async fn apply_all<C: Writes>(surveyed: &[Surveyed<'_, C>], plan: &Plan, run: &Run<'_>) -> Applied {
    apply_changes(surveyed, plan, &plan.changes.iter().collect::<Vec<_>>(), run).await
}

async fn apply_changes<C: Writes>(
    surveyed: &[Surveyed<'_, C>],
    plan: &Plan,
    changes: &[&Change],
    run: &Run<'_>,
) -> Applied {
    let is_own = |change: &&&Change| plan.warnings.iter().any(|warning| warning.own_key_of(change).is_some());
    let (own, others): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(is_own);
    let mut all = Applied::default();
    for changes in [others, own] {
        let accounts = surveyed.iter().map(|account| {
            let Surveyed { cloud, roster, inventory } = account;
            let here = changes.iter().filter(|change| *change.account == roster.account);
            let here: Vec<Change> = here.map(|&change| change.clone()).collect();
            async move { apply(*cloud, roster, inventory, &here, run).await }
        });
        for applied in futures::future::join_all(accounts).await {
            all.extend(applied);
        }
    }
    all
}
