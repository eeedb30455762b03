//! What `plan --base` compares with: the manifests at a revision, and the accounts that only they look at.

use std::path::Path;

use chrono::{DateTime, Utc};
use keyrota::{
    cloud::{
        Reads,
        aws::{Aws, Caller, ConnectError, Connected, Problem},
    },
    git::{self, AtRevision, GitError},
    inventory::{Account, UnreadAccount},
    manifest::{self, Code, DeclaredAccount, Diagnostic, Manifest},
    organization::{Found, Listed, Question},
    report::unread::causes,
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
    /// All that they look at.
    pub found: Found,
    /// What the organisation has, as far as either version asks for it.
    pub listed: Option<Listed>,
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
pub async fn connect_base(
    base: &BaseManifests,
    listed: Option<Listed>,
    head: &Found,
    clouds: &[Aws],
    caller: &Caller,
    common: &Common,
) -> BaseAccounts<Aws> {
    let mut accounts =
        BaseAccounts { clouds: Vec::new(), found: Found::default(), listed: None, caller: None, notes: Vec::new() };
    let Ok(before) = &base.manifest else { return accounts };
    let listed = match (listed, Question::of([before])) {
        (None, Some(question)) => {
            caller.organization(&question).await.map(Some).unwrap_or_else(|ConnectError { problems }| {
                accounts.notes.push(format!(
                    "the accounts of the organisation are no longer looked at, and which they are can't be told: {}",
                    because(problems)
                ));
                None
            })
        }
        (listed, _) => listed,
    };
    accounts.found = match &listed {
        Some(listed) => Found::within(before, listed, Some(caller.account())),
        None => Found::declared(before),
    };
    accounts.listed = listed;
    // Nobody was in scope, or the rest is left out on purpose.
    if before.rules.is_empty() || !common.accounts.is_empty() {
        return accounts;
    }
    let callers_before = accounts.found.is_of_caller;
    if callers_before && head.is_of_caller {
        return accounts;
    }
    if callers_before || head.is_of_caller {
        accounts.caller = Some(caller.account().to_owned());
    }
    let is_known = |id: &str| clouds.iter().any(|cloud| cloud.account().id == id);
    if callers_before && !is_known(caller.account()) {
        accounts.clouds.extend(caller.enter_own().accounts);
    }
    // What the change looks at as well and could not be entered is unread, and leaves nothing.
    let is_looked_at = |id: &str| head.accounts.iter().any(|(_, account)| account.id == id);
    let is_wanted = |(_, account): &&(String, DeclaredAccount)| !is_known(&account.id) && !is_looked_at(&account.id);
    let wanted: Vec<_> =
        accounts.found.accounts.iter().filter(is_wanted).map(|(name, account)| (name.clone(), account)).collect();
    if wanted.is_empty() {
        return accounts;
    }
    let (entered, problems) = match caller.enter(&wanted).await {
        Ok(Connected { accounts, problems }) => (accounts, problems),
        Err(ConnectError { problems }) => (Vec::new(), problems),
    };
    accounts.clouds.extend(entered);
    let unread: Vec<UnreadAccount> = problems.into_iter().map(Problem::unread).collect();
    for cause in causes(&unread) {
        let who = match cause.accounts[..] {
            [UnreadAccount { id: Some(id), name: Some(name), .. }] => format!("account {id} ({name}) is"),
            _ => format!("{} accounts ({}) are", cause.accounts.len(), cause.names().collect::<Vec<_>>().join(", ")),
        };
        accounts.notes.push(format!(
            "the {who} no longer looked at, and can't be reached to tell whom that concerns: {}",
            cause.error
        ));
    }
    accounts
}

fn because(problems: Vec<Problem>) -> String {
    problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
}

impl<C> BaseAccounts<C> {
    /// The account under the name that the manifests at `--base` give it; `None` if they do not look there.
    pub fn before(&self, account: &Account) -> Option<Account> {
        let is_callers = self.caller.as_ref().is_none_or(|caller| *caller == account.id);
        self.found.named(account).filter(|_| !self.found.is_of_caller || is_callers)
    }
}

/// Says why the manifests at a revision can't be had.
pub fn stop_git(error: &GitError) -> CommandError {
    let stop = CommandError::new(error);
    match &error.hint {
        Some(hint) => stop.hint(hint),
        None => stop,
    }
}
