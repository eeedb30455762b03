//! From manifests and accounts to a plan: the part of a run that changes nothing, the same for the command and the
//! Lambda.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::{
    apply::{Applied, Run, apply},
    cloud::{CallError, Cloud},
    inventory::{Account, Inventory},
    manifest::{Code, Diagnostic, Manifest},
    observe::{Depth, Directory, directory, observe},
    plan::{Plan, Viewpoint, plan},
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
    /// The users or secrets of an account could not be listed.
    Read { account: Account, error: CallError },
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

/// Lists users and secrets of every account, all at the same time, and resolves the manifest against them. Returns
/// warnings beside the accounts.
///
/// # Errors
/// The error of the first account that can't be listed.
pub async fn scope<'a, C: Cloud>(
    clouds: &'a [C],
    manifest: &Manifest,
    now: DateTime<Utc>,
) -> Result<(Vec<Scoped<'a, C>>, Vec<Diagnostic>), SurveyError> {
    let one = |cloud: &'a C| async move {
        let account = cloud.account();
        let is_relevant = |name: &str, path: &str| relevant(manifest, account, name, path);
        let directory = directory(cloud, &is_relevant).await;
        let directory = directory.map_err(|error| SurveyError::Read { account: account.clone(), error })?;
        let (roster, warnings) = resolve(manifest, account, &directory.users, now);
        Ok((Scoped { cloud, directory, roster }, warnings))
    };
    let (mut scoped, mut warnings) = (Vec::new(), Vec::new());
    for result in futures::future::join_all(clouds.iter().map(one)).await {
        let (account, found) = result?;
        scoped.push(account);
        warnings.push(found);
    }
    Ok((scoped, merged(warnings)))
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
        if is_told {
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
pub async fn survey<'a, C: Cloud>(
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
pub fn plan_all<C>(surveyed: &[Surveyed<'_, C>], viewpoint: impl Into<Viewpoint>) -> Plan {
    let viewpoint = viewpoint.into();
    let mut plans = surveyed.iter().map(|one| plan(&one.roster, &one.inventory, viewpoint));
    let mut all = plans.next().unwrap_or_else(|| Plan::empty(viewpoint.at));
    plans.for_each(|plan| all.extend(plan));
    all
}

/// Applies a plan that [`plan_all`] made of the same survey; all accounts at the same time.
pub async fn apply_all<C: Cloud>(surveyed: &[Surveyed<'_, C>], plan: &Plan, run: &Run<'_>) -> Applied {
    let accounts = surveyed.iter().map(|account| async move {
        let Surveyed { cloud, roster, inventory } = account;
        let here = plan.changes.iter().filter(|change| *change.account == roster.account);
        apply(*cloud, roster, inventory, &here.cloned().collect::<Vec<_>>(), run).await
    });
    let mut all = Applied::default();
    for Applied { outcomes, deferred, after, mail } in futures::future::join_all(accounts).await {
        all.outcomes.extend(outcomes);
        all.deferred.extend(deferred);
        all.after.extend(after);
        all.mail.extend(mail);
    }
    all
}
