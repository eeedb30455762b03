//! The manifests' instant, and the accounts that the arguments name: AWS's, or a sandbox.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use keyrota::{
    cloud::{
        Reads,
        aws::{self, Aws, ConnectError, Connected},
        sandbox::Sandbox,
    },
    inventory::{Account, UnreadAccount},
    manifest::{DeclaredAccount, Deliver, Manifest, schedule::next_after},
};

use super::{
    args::Common,
    error::{CommandError, Problem},
    output::Output,
};

/// The instant that `--at` means.
pub fn instant(
    at: Option<&str>,
    now: DateTime<Utc>,
    manifest: Option<&Manifest>,
) -> Result<DateTime<Utc>, CommandError> {
    let Some(at) = at else { return Ok(now) };
    if at == "enforce" {
        let schedule = manifest.map(|manifest| manifest.schedule.clone()).unwrap_or_default();
        return next_after(schedule.enforce(), now)
            .ok_or_else(|| CommandError::new(format!("`--at enforce`: `{}` does not say a time", schedule.enforce())));
    }
    date_or_time(at).ok_or_else(|| {
        CommandError::new(format!(
            "`--at {at}`: write a date (2026-12-31), an RFC 3339 time (2026-12-31T08:00:00Z) or `enforce`"
        ))
    })
}

/// A date is its midnight, UTC.
pub fn date_or_time(text: &str) -> Option<DateTime<Utc>> {
    let date = text.parse::<NaiveDate>().map(|date| date.and_time(NaiveTime::MIN).and_utc());
    date.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc())).ok()
}

/// The declared accounts that `--account` selects; all without it.
pub fn selected(manifest: &Manifest, wanted: &[String]) -> Result<BTreeMap<String, DeclaredAccount>, CommandError> {
    if wanted.is_empty() {
        return Ok(manifest.accounts.clone());
    }
    let mut selected = BTreeMap::new();
    for wanted in wanted {
        let found = manifest.accounts.iter().find(|(name, account)| *name == wanted || account.id == *wanted);
        let Some((name, account)) = found else {
            let known: Vec<_> = manifest.accounts.keys().map(|name| format!("`{name}`")).collect();
            let hint = match known.is_empty() {
                true => "the manifests declare none: add `[accounts.NAME]` to keyrota.toml".to_owned(),
                false => format!("the manifests declare {}", known.join(", ")),
            };
            return Err(CommandError::new(format!("`--account {wanted}`: there is no such account")).hint(hint));
        };
        selected.insert(name.clone(), account.clone());
    }
    Ok(selected)
}

/// A sandbox is one account: the declared one with its id, if any are declared.
pub fn name_sandbox(
    sandbox: Sandbox,
    manifest: &Manifest,
    declared: &BTreeMap<String, DeclaredAccount>,
) -> Result<Sandbox, CommandError> {
    let Account { id, .. } = sandbox.account().clone();
    if manifest.accounts.is_empty() {
        return Ok(sandbox);
    }
    match declared.iter().find(|(_, account)| account.id == id) {
        Some((name, _)) => Ok(sandbox.named(Some(name.clone()))),
        None => {
            let ids: Vec<_> = declared.iter().map(|(name, account)| format!("{} ({name})", account.id)).collect();
            Err(CommandError::new(format!("the sandbox is account {id}, which the manifests don't declare"))
                .hint(format!("set its `account` to one of {}", ids.join(", "))))
        }
    }
}

/// Connects to all accounts, and says what is wrong with those that can't be reached.
pub async fn connect(
    deliver: &Deliver,
    declared: &BTreeMap<String, DeclaredAccount>,
    output: &Output,
) -> Result<(Vec<Aws>, Vec<UnreadAccount>), CommandError> {
    let declared: Vec<_> = declared.iter().map(|(name, account)| (name.clone(), account)).collect();
    let named = |aws::Problem { account, id: _, message, hint }: &aws::Problem| {
        let place = account.as_ref().map_or_else(String::new, |(name, source)| format!("account {name} ({source}): "));
        Problem { message: format!("{place}{message}"), hint: Some(hint.clone()) }
    };
    match aws::connect_with(&aws::Settings::delivering(deliver), &declared).await {
        Ok(Connected { accounts, problems }) => {
            for Problem { message, hint } in problems.iter().map(named) {
                output.failure(message, hint.as_deref());
            }
            Ok((accounts, problems.into_iter().map(aws::Problem::unread).collect()))
        }
        Err(ConnectError { problems }) => Err(CommandError::Problems(problems.iter().map(named).collect())),
    }
}

pub fn save(sandbox: &Sandbox, common: &Common) -> Result<(), CommandError> {
    let path: &Path = common.sandbox.as_deref().expect("only a sandbox is saved");
    sandbox.save(path).map_err(CommandError::new)
}
