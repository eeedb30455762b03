//! The manifests' instant, and the accounts that the arguments name: AWS's, or sandboxes.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use keyrota::{
    cloud::{
        Reads,
        aws::{self, Aws, Caller, ConnectError, Connected},
        sandbox::Sandbox,
    },
    counted::first_of,
    inventory::UnreadAccount,
    manifest::{DeclaredAccount, Manifest, Pattern, schedule::next_after},
    names::is_account_id,
    organization::{Found, Listed, Question, meant_account},
    report::unread::causes,
    untrusted::printable,
};

use super::{
    args::Common,
    error::{CommandError, Problem},
    output::Output,
};

/// How many accounts are named where there are too many.
const SHOWN: usize = 20;

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

/// The accounts that `--account` selects, by name, id or glob; all without it. Their roles are those that `--role-suffix` makes of
/// them.
///
/// # Errors
/// One is none, or a name is that of several.
pub fn selected(mut found: Found, common: &Common) -> Result<Found, CommandError> {
    if !common.accounts.is_empty() {
        let mut is_wanted = vec![false; found.accounts.len()];
        for wanted in &common.accounts {
            let pattern = Pattern::new(wanted);
            let is_it = |(name, account): &(String, DeclaredAccount)| {
                let in_organization = account.membership.as_ref().map(|membership| membership.name.as_str());
                let names = [Some(name.as_str()), Some(account.id.as_str()), in_organization];
                names.into_iter().flatten().any(|name| pattern.matches(name))
            };
            let mut matching: Vec<usize> = (0..found.accounts.len()).filter(|at| is_it(&found.accounts[*at])).collect();
            // No two accounts have an id, whatever they are called.
            if let Some(at) = matching.iter().copied().find(|at| found.accounts[*at].1.id == *wanted) {
                matching = vec![at];
            }
            match matching[..] {
                [] => return Err(no_account(wanted, &found)),
                [_, _, ..] if pattern.is_exact() => {
                    let ids: Vec<&str> = matching.iter().map(|at| found.accounts[*at].1.id.as_str()).collect();
                    let message = format!("`--account {}`: {} accounts have this name", printable(wanted), ids.len());
                    let ids = first_of(ids, SHOWN);
                    return Err(CommandError::new(message).hint(format!("name one by its id: {ids}")));
                }
                _ => matching.into_iter().for_each(|at| is_wanted[at] = true),
            }
        }
        let all = std::mem::take(&mut found.accounts).into_iter().zip(is_wanted);
        let (wanted, others): (Vec<_>, Vec<_>) = all.partition(|(_, is_wanted)| *is_wanted);
        found.accounts = wanted.into_iter().map(|(account, _)| account).collect();
        let not_asked_for = |((name, account), _): ((String, DeclaredAccount), bool)| UnreadAccount {
            shares_name: account.membership.is_some_and(|membership| membership.shares_name),
            id: Some(account.id),
            name: Some(name),
            error: "others were asked for (`--account`)".to_owned(),
            hint: None,
        };
        found.not_asked_for.extend(others.into_iter().map(not_asked_for));
    }
    if let Some(suffix) = &common.role_suffix {
        found
            .accounts
            .iter_mut()
            .filter_map(|(_, account)| account.role.as_mut())
            .for_each(|role| role.push_str(suffix));
    }
    Ok(found)
}

/// What is wrong with an account that was asked for, and what may have been meant.
fn no_account(wanted: &str, found: &Found) -> CommandError {
    let pattern = Pattern::new(wanted);
    let is_it = |one: &&UnreadAccount| [&one.name, &one.id].into_iter().flatten().any(|name| pattern.matches(name));
    let left_out = found.left_out();
    let asked = printable(wanted);
    let outside = found.outside.iter().filter(is_it).collect::<Vec<_>>();
    match left_out.iter().filter(is_it).chain(outside).collect::<Vec<_>>()[..] {
        [] => {}
        [UnreadAccount { error, .. }] => {
            return CommandError::new(format!("`--account {asked}`: the account is not looked at: {error}"));
        }
        [first, .., last] => {
            let all = left_out.iter().chain(&found.outside).filter(is_it).count();
            let why = if first.error == last.error { &first.error } else { "closed, suspended or left out" };
            return CommandError::new(format!("`--account {asked}`: none of the {all} accounts is looked at: {why}"));
        }
    }
    let of_organization = found.accounts.iter().any(|(_, account)| account.membership.is_some());
    let names = found.accounts.iter().flat_map(|(name, account)| {
        let in_organization = account.membership.as_ref().map(|membership| membership.name.as_str());
        let in_organization = in_organization.filter(|own| !own.is_empty() && own != name);
        [Some(name.as_str()), in_organization].into_iter().flatten().map(|name| (name, account.id.as_str()))
    });
    let meant = meant_account(wanted, &names.collect::<Vec<_>>());
    let is_unit = |(_, account): &(String, DeclaredAccount)| {
        let units = account.membership.iter().flat_map(|membership| &membership.units);
        units.into_iter().any(|unit| unit.path == *wanted || unit.id == *wanted)
    };
    if found.accounts.iter().any(is_unit) {
        let message = format!("`--account {asked}`: that is a unit, and no account");
        return CommandError::new(message).hint("name accounts, by name, id or glob; rules select by `units`");
    }
    // What stands elsewhere in the organisation was not listed; an id next to this one says nothing.
    if found.is_of_units && is_account_id(wanted) {
        let message = format!("`--account {asked}`: no account of this id is below the `units` of `[organization]`");
        return CommandError::new(message)
            .hint("look at its digits, name a unit above it in `units`, or declare it as `[accounts.NAME]`");
    }
    let known = named(&found.accounts, |name| format!("`{}`", printable(name)));
    let hint = match found.accounts.is_empty() {
        true => "the manifests declare none: add `[accounts.NAME]` to keyrota.toml".to_owned(),
        false => match (meant, of_organization) {
            (Some(meant), true) => meant,
            (Some(meant), false) => format!("the manifests declare {known}; {meant}"),
            (None, true) => format!("the accounts are {known}; `--account` takes a name, 12 digits or a glob"),
            (None, false) => format!("the manifests declare {known}"),
        },
    };
    let message = match pattern.is_exact() {
        true => format!("`--account {asked}`: there is no such account"),
        false => format!("`--account {asked}`: no account has such a name or id"),
    };
    CommandError::new(message).hint(hint)
}

/// As many as can be read, by name; with the id where several have it.
pub fn named(accounts: &[(String, DeclaredAccount)], word: impl Fn(&str) -> String) -> String {
    let short = |(name, account): &(String, DeclaredAccount)| {
        let shares_name = account.membership.as_ref().is_some_and(|place| place.shares_name);
        if shares_name { format!("{} ({})", word(name), account.id) } else { word(name) }
    };
    shortened(accounts.iter().map(short))
}

/// So many of them as can be read, and how many more there are.
fn shortened(words: impl ExactSizeIterator<Item = String>) -> String {
    let more = words.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("{more} more"));
    words.take(SHOWN).chain(more).collect::<Vec<_>>().join(", ")
}

/// The same with their ids.
fn named_with_ids(accounts: &[(String, DeclaredAccount)]) -> String {
    shortened(accounts.iter().map(|(name, account)| format!("{} ({name})", account.id)))
}

/// Where no sandbox is: the caller.
pub async fn sign_in(manifest: &Manifest) -> Result<Caller, CommandError> {
    let signed_in = aws::sign_in(&aws::Settings::delivering(&manifest.deliver), manifest.region()).await;
    signed_in.map_err(|error| not_connected(&error))
}

/// What the organisation has, as far as these manifests ask; `None`: they ask nothing.
///
/// # Errors
/// It can't be listed.
pub async fn list_for<'a>(
    caller: &Caller,
    manifests: impl IntoIterator<Item = &'a Manifest>,
) -> Result<Option<Listed>, CommandError> {
    let Some(question) = Question::of(manifests) else { return Ok(None) };
    caller.organization(&question).await.map(Some).map_err(|error| not_connected(&error))
}

/// The accounts of the manifests, and what is to be said of them.
///
/// # Errors
/// The manifests name units that are none, which was said.
pub fn find(
    manifest: &Manifest,
    listed: Option<&Listed>,
    own: Option<&str>,
    output: &Output,
) -> Result<Found, CommandError> {
    let Some(listed) = listed else { return Ok(Found::declared(manifest)) };
    let found = Found::within(manifest, listed, own);
    output.diagnostics(&found.diagnostics);
    if let Some(note) = found.note() {
        output.warning(note);
    }
    match found.diagnostics.iter().any(|diagnostic| diagnostic.stops_a_run()) {
        true => Err(CommandError::Manifests),
        false => Ok(found),
    }
}

/// Enters all accounts, and says what is wrong with those that can't be.
pub async fn enter(
    caller: &Caller,
    found: &Found,
    output: &Output,
) -> Result<(Vec<Aws>, Vec<UnreadAccount>), CommandError> {
    if found.is_of_caller {
        return Ok((caller.enter_own().accounts, Vec::new()));
    }
    let accounts: Vec<_> = found.accounts.iter().map(|(name, account)| (name.clone(), account)).collect();
    match caller.enter(&accounts).await {
        Ok(Connected { accounts, problems }) => {
            said(&problems).into_iter().for_each(|Problem { message, hint }| output.failure(message, hint.as_deref()));
            Ok((accounts, problems.into_iter().map(aws::Problem::unread).collect()))
        }
        Err(error) => Err(not_connected(&error)),
    }
}

fn not_connected(ConnectError { problems }: &ConnectError) -> CommandError {
    CommandError::Problems(said(problems))
}

/// The problems, with the place of each account; those of several accounts for the same cause as one.
fn said(problems: &[aws::Problem]) -> Vec<Problem> {
    let unread: Vec<UnreadAccount> = problems.iter().cloned().map(aws::Problem::unread).collect();
    let of_one = |account: &UnreadAccount| {
        let problem = problems.iter().zip(&unread).find(|(_, one)| std::ptr::eq(*one, account))?.0;
        Some(Problem { message: problem.in_its_place(), hint: Some(problem.hint.clone()) })
    };
    let said = causes(&unread).into_iter().map(|cause| match cause.accounts[..] {
        [only] => of_one(only),
        _ => Some(Problem { message: cause.to_string(), hint: cause.hint }),
    });
    said.flatten().collect()
}

/// A sandbox, and the file that it is kept in.
pub struct Kept {
    pub path: PathBuf,
    /// What it is called where it says no name.
    pub name: String,
    pub sandbox: Sandbox,
}

/// The sandbox of a file, or those of a folder.
pub fn load_sandboxes(path: &Path) -> Result<Vec<Kept>, CommandError> {
    if path.is_dir() {
        let all = Sandbox::load_folder(path).map_err(CommandError::new)?;
        let kept = |(name, sandbox): (String, Sandbox)| Kept { path: path.join(format!("{name}.toml")), name, sandbox };
        return Ok(all.into_iter().map(kept).collect());
    }
    let sandbox = Sandbox::load(path).map_err(CommandError::new)?;
    let name = sandbox.account().id.clone();
    Ok(vec![Kept { path: path.to_owned(), name, sandbox }])
}

/// The instant that sandboxes pin.
pub fn pinned(kept: &[Kept]) -> Option<DateTime<Utc>> {
    kept.iter().filter_map(|one| one.sandbox.now()).max()
}

/// What an organisation of these sandboxes has. One file is one account of many, a folder is all of them.
pub fn listed(kept: &[Kept], path: &Path) -> Listed {
    Sandbox::organization(kept.iter().map(|one| (one.name.as_str(), &one.sandbox)), path.is_dir())
}

/// The sandboxes that the manifests look at, under the names that these give them; and those that can't be entered.
pub fn enter_sandboxes(
    kept: Vec<Kept>,
    manifest: &Manifest,
    found: &Found,
) -> Result<(Vec<Kept>, Vec<UnreadAccount>), CommandError> {
    if found.is_of_caller {
        return match kept.len() {
            1 => Ok((kept, Vec::new())),
            count => Err(CommandError::new(format!("the sandbox is {count} accounts, and the manifests name none"))
                .hint("add `[organization]` or `[accounts.NAME]` to keyrota.toml, or name one of the files")),
        };
    }
    let ids: Vec<String> = kept.iter().map(|one| one.sandbox.account().id.clone()).collect();
    let (mut entered, mut unread) = (Vec::new(), Vec::new());
    for Kept { path, name, sandbox } in kept {
        let id = sandbox.account().id.clone();
        let Some((own, declared)) = found.accounts.iter().find(|(_, account)| account.id == id) else { continue };
        match sandbox.refuses() {
            Some(error) => {
                unread.push(UnreadAccount {
                    id: Some(id),
                    name: Some(own.clone()),
                    shares_name: declared.membership.as_ref().is_some_and(|place| place.shares_name),
                    error: error.to_owned(),
                    hint: None,
                });
            }
            None => {
                let sandbox = sandbox.named(Some(own.clone())).placed(declared.membership.clone());
                let sandbox = sandbox.in_region(declared.region.as_deref());
                entered.push(Kept { path, name, sandbox });
            }
        }
    }
    if !entered.is_empty() {
        return Ok((entered, unread));
    }
    if !unread.is_empty() {
        let problems = causes(&unread).into_iter();
        let problems = problems.map(|cause| Problem { message: cause.to_string(), hint: cause.hint });
        return Err(CommandError::Problems(problems.collect()));
    }
    match (&ids[..], manifest.organization.is_some()) {
        (_, true) => Err(CommandError::new("no account of the sandbox is left to look at")
            .hint("look at `units` and `except` of `[organization]`, and at what the sandbox says of its accounts")),
        ([id], false) => {
            Err(CommandError::new(format!("the sandbox is account {id}, which the manifests don't declare"))
                .hint(format!("set its `account` to one of {}", named_with_ids(&found.accounts))))
        }
        (ids, false) => {
            Err(CommandError::new(format!("the manifests declare none of the sandbox's {} accounts", ids.len()))
                .hint(format!("they declare {}", named_with_ids(&found.accounts))))
        }
    }
}

/// The sandboxes that only manifests before a change look at, under the names that those give them. What can't be entered says nothing.
pub fn only_in(kept: &[Kept], before: &Found, after: &Found) -> Vec<Sandbox> {
    if before.is_of_caller || after.is_of_caller {
        return Vec::new();
    }
    let find = |found: &Found, id: &str| found.accounts.iter().find(|(_, account)| account.id == id).cloned();
    let gone = kept.iter().filter(|one| one.sandbox.refuses().is_none()).filter_map(|one| {
        let id = &one.sandbox.account().id;
        let (name, declared) = find(before, id).filter(|_| find(after, id).is_none())?;
        let sandbox = one.sandbox.clone().named(Some(name)).placed(declared.membership);
        Some(sandbox.in_region(declared.region.as_deref()))
    });
    gone.collect()
}

pub fn save(kept: &Kept) -> Result<(), CommandError> {
    kept.sandbox.save(&kept.path).map_err(CommandError::new)
}
