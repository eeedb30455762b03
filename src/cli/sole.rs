//! One account, whole: what `init` and `capture` look at, which need no manifests.

use std::{collections::BTreeSet, fs, path::Path};

use chrono::{DateTime, Utc};
use keyrota::{
    capture::{Progress, capture},
    clock::{self, ClockOff},
    cloud::{Reads, aws::Aws, sandbox::Sandbox},
    counted::counted,
    inventory::{CallError, ErrorKind, User},
    manifest::{self, Manifest},
    roster::resolve,
    untrusted::printable,
};

use super::{
    args::Common,
    error::{CommandError, Problem},
    open::{enter, find, list_for, named, selected, sign_in},
    output::Output,
};

/// How many failed reads are shown.
const SHOWN: usize = 5;

/// What a folder holds that would be read as manifests, in order.
pub fn manifests_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let manifests = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut names: Vec<String> =
        manifests.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

/// The sandbox of one account, where it is in the organisation of the manifests; with its own place there, as its file has it.
///
/// # Errors
/// The path is a folder of them, or no sandbox.
pub fn one_sandbox(path: &Path, why: &str) -> Result<(Sandbox, String), CommandError> {
    if path.is_dir() {
        let all = Sandbox::load_folder(path).map_err(CommandError::new)?;
        let name = printable(&path.display().to_string());
        let count = counted(all.len(), "account");
        let first = all.first().map(|(name, _)| path.join(format!("{name}.toml")).display().to_string());
        let hint = format!("name the file of one: `--sandbox {}`", printable(&first.unwrap_or_default()));
        return Err(CommandError::new(format!("`--sandbox {name}` is a folder of {count}, and {why}")).hint(hint));
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((Sandbox::load(path).map_err(CommandError::new)?, stem))
}

/// The manifests, if there are any.
pub fn optional_manifest(
    common: &Common,
    now: DateTime<Utc>,
    output: &Output,
) -> Result<Option<Manifest>, CommandError> {
    if manifests_in(&common.manifests).is_empty() {
        return Ok(None);
    }
    let loaded = manifest::load(&common.manifests, now);
    output.diagnostics(&loaded.diagnostics);
    loaded.manifest.map(Some).ok_or(CommandError::Manifests)
}

/// Connects to the one account that is meant; `why` says why there can be only one.
pub async fn connect_one(
    manifest: Option<&Manifest>,
    common: &Common,
    why: &str,
    output: &Output,
) -> Result<Aws, CommandError> {
    let none = Manifest::default();
    let manifest = manifest.unwrap_or(&none);
    let caller = sign_in(manifest).await?;
    let listed = list_for(&caller, [manifest]).await?;
    let found = selected(find(manifest, listed.as_ref(), Some(caller.account()), output)?, common)?;
    if found.accounts.len() > 1 {
        let verb = if manifest.organization.is_some() { "find" } else { "declare" };
        let message = format!("the manifests {verb} {} accounts, and {why}", found.accounts.len());
        let names = named(&found.accounts, str::to_owned);
        return Err(CommandError::new(message).hint(format!("name one with `--account`: {names}")));
    }
    let (mut clouds, _) = enter(&caller, &found, output).await?;
    Ok(clouds.remove(0))
}

/// Reads the whole account, with a progress bar. `consequence` is what did not happen if something can't be read.
pub async fn read_all<C: Reads>(
    cloud: &C,
    manifest: Option<&Manifest>,
    clock: &(dyn Fn() -> DateTime<Utc> + Sync),
    consequence: &str,
    output: &Output,
) -> Result<Sandbox, CommandError> {
    let bar = output.progress("Reading the account");
    let progress = |progress| match progress {
        Progress::ToRead(count) => bar.inc_length(count as u64),
        Progress::Read => bar.inc(1),
    };
    let account = cloud.account();
    let destinations = |users: &[User]| match manifest {
        None => BTreeSet::new(),
        Some(manifest) => {
            let (roster, _) = resolve(manifest, account, users, clock());
            roster.entries.into_iter().map(|entry| entry.secret).collect()
        }
    };
    let captured = capture(cloud, &destinations, clock, &progress).await;
    bar.finish_and_clear();
    let sandbox = captured.map_err(|failed| unreadable(&failed, consequence))?;
    if let Err(off) = clock::check([cloud]) {
        output.warning(&off);
        output.hint(ClockOff::REMEDY);
    }
    Ok(sandbox)
}

fn unreadable(failed: &[CallError], consequence: &str) -> CommandError {
    let mut problems: Vec<Problem> =
        failed.iter().take(SHOWN).map(|error| Problem { message: error.to_string(), hint: None }).collect();
    let denied = failed.iter().any(|error| error.kind == ErrorKind::Denied);
    let more = match failed.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" ({} failed)", counted(more, "more read")),
    };
    let remedy = match denied {
        true => {
            "grant what is missing: README.md lists what planning needs, and the role that Terraform makes for it has that"
        }
        false => failed.iter().find_map(|error| error.hint.as_deref()).unwrap_or("run it again"),
    };
    if let Some(last) = problems.last_mut() {
        last.hint = Some(format!("the account can't be read whole{more}, so {consequence}; {remedy}"));
    }
    CommandError::Problems(problems)
}
