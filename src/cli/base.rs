//! What `plan --base` compares with: the manifests at a revision, and the accounts that only they look at.

use std::path::Path;

use chrono::{DateTime, Utc};
use keyrota::{
    cloud::{
        Reads,
        aws::{self, Aws, ConnectError, Connected},
    },
    git::{self, AtRevision, GitError},
    inventory::Account,
    manifest::{self, Code, DeclaredAccount, Diagnostic, Manifest},
};

use super::{args::Common, error::CommandError};

/// The manifests that `--base` names, before the accounts are known.
pub struct BaseManifests {
    pub revision: String,
    pub commit: String,
    /// What is wrong with them is no reason to stop.
    pub manifest: Result<Manifest, Vec<Diagnostic>>,
}

/// Accounts that only the manifests at `--base` look at, and what is to be said of them.
pub struct BaseAccounts<C> {
    pub clouds: Vec<C>,
    /// The account of the caller, where one of the two versions declares none.
    pub caller: Option<String>,
    pub notes: Vec<String>,
}

/// Loads the manifests at a revision.
pub fn load_base(folder: &Path, revision: &str, now: DateTime<Utc>) -> Result<BaseManifests, CommandError> {
    let AtRevision { commit, files } = git::manifests_at(folder, revision).map_err(|error| stop_git(&error))?;
    let revision = revision.to_owned();
    if files.is_empty() {
        // Before the first manifest nobody was in scope.
        return Ok(BaseManifests { revision, commit, manifest: Ok(Manifest::default()) });
    }
    let loaded = manifest::load_files(files, now);
    // A version that is missing has nothing to label: that is a mistake like others.
    let is_other = |diagnostic: &&Diagnostic| {
        diagnostic.code == Code::Version && diagnostic.labels.first().is_some_and(|label| !label.text.is_empty())
    };
    if let Some(other) = loaded.diagnostics.iter().find(is_other) {
        let (file, line) = (other.file(), other.line());
        let message =
            format!("the manifests at `{revision}` can't be compared: {} ({file}:{line} there)", other.message);
        return Err(CommandError::new(message)
            .hint("use the keyrota that these manifests were written for, or compare with a later revision"));
    }
    let stops = |diagnostics: Vec<Diagnostic>| diagnostics.into_iter().filter(Diagnostic::stops_a_run).collect();
    let manifest = loaded.manifest.ok_or_else(|| stops(loaded.diagnostics));
    Ok(BaseManifests { revision, commit, manifest })
}

/// Connects to the accounts that only the manifests at `--base` look at. One that can't be reached is noted: its users
/// leave the scope, whoever they are.
pub async fn connect_base(base: &BaseManifests, head: &Manifest, clouds: &[Aws], common: &Common) -> BaseAccounts<Aws> {
    let mut accounts = BaseAccounts { clouds: Vec::new(), caller: None, notes: Vec::new() };
    let Ok(before) = &base.manifest else { return accounts };
    // Nobody was in scope, or the rest is left out on purpose.
    if before.rules.is_empty() || !common.accounts.is_empty() {
        return accounts;
    }
    let callers_before = before.accounts.is_empty();
    if callers_before && head.accounts.is_empty() {
        return accounts;
    }
    if head.accounts.is_empty() {
        accounts.caller = clouds.first().map(|cloud| cloud.account().id.clone());
    }
    let is_known = |id: &str| clouds.iter().any(|cloud| cloud.account().id == id);
    let mut wanted: Vec<Vec<(String, &DeclaredAccount)>> =
        before.accounts.iter().filter(|(_, a)| !is_known(&a.id)).map(|(name, a)| vec![(name.clone(), a)]).collect();
    if callers_before {
        // No declaration: the account of the caller.
        wanted.push(Vec::new());
    }
    for declared in wanted {
        let name =
            declared.first().map_or_else(|| "of the caller".to_owned(), |(name, a)| format!("{} ({name})", a.id));
        match aws::connect_with(&aws::Settings::delivering(&head.deliver), &declared).await {
            Ok(Connected { accounts: connected, problems: _ }) => {
                for cloud in connected {
                    if declared.is_empty() {
                        accounts.caller = Some(cloud.account().id.clone());
                    }
                    if !is_known(&cloud.account().id) {
                        accounts.clouds.push(cloud);
                    }
                }
            }
            Err(ConnectError { problems }) => {
                let why: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
                if declared.is_empty() {
                    // Nothing that is compared is the caller's, as far as can be known.
                    accounts.caller = Some(String::new());
                }
                accounts.notes.push(format!(
                    "the account {name} is no longer looked at, and can't be reached to tell whom that concerns: {}",
                    why.join("; ")
                ));
            }
        }
    }
    accounts
}

/// The account under the name that a version of the manifests gives it; `None` if it does not look there.
pub fn in_version(manifest: &Manifest, account: &Account, caller: Option<&str>) -> Option<Account> {
    if manifest.accounts.is_empty() {
        let is_callers = caller.is_none_or(|caller| caller == account.id);
        return is_callers.then(|| Account { name: None, ..account.clone() });
    }
    let (name, _) = manifest.accounts.iter().find(|(_, declared)| declared.id == account.id)?;
    Some(Account { name: Some(name.clone()), ..account.clone() })
}

/// Says why the manifests at a revision can't be had.
pub fn stop_git(error: &GitError) -> CommandError {
    let stop = CommandError::new(error);
    match &error.hint {
        Some(hint) => stop.hint(hint),
        None => stop,
    }
}
