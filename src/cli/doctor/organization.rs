//! Whether the organisation can be listed and its accounts be entered; and what was found of many accounts, in a few lines.

use std::collections::{BTreeSet, HashMap, hash_map};

use keyrota::{
    cloud::aws::{self, Aws, Caller, ConnectError, Connected, Problem},
    counted::counted,
    inventory::UnreadAccount,
    manifest::Manifest,
    organization::{Found, Question},
    report::unread::causes,
};

use super::finding::{Finding, Level};
use crate::cli::{args::Common, error::CommandError, open::selected};

const CHECK: &str = "organization";

/// As many accounts have a line each; of more, those that are alike share one.
const FEW: usize = 5;

/// So many accounts of one finding are named.
const SHOWN: usize = 10;

/// The accounts that can be entered, and what is found on the way.
pub async fn enter(manifest: &Manifest, common: &Common) -> Result<(Vec<Aws>, Vec<Finding>), CommandError> {
    let caller = match aws::sign_in(&aws::Settings::delivering(&manifest.deliver), manifest.region()).await {
        Ok(caller) => caller,
        Err(ConnectError { problems }) => return Ok((Vec::new(), problems.into_iter().map(credentials).collect())),
    };
    let mut findings = Vec::new();
    let found = match Question::of([manifest]) {
        None => Found::declared(manifest),
        Some(question) => match caller.organization(&question).await {
            Ok(listed) => {
                let found = Found::within(manifest, &listed, Some(caller.account()));
                findings.push(of_aws(&caller, &found).await);
                findings.extend(mistakes(&found));
                found
            }
            Err(ConnectError { problems }) => {
                let wrong = |Problem { message, hint, .. }: Problem| Finding::wrong(CHECK, message, hint);
                findings.extend(problems.into_iter().map(wrong));
                // What is declared can be looked at all the same.
                Found::declared(manifest)
            }
        },
    };
    let found = selected(found, common)?;
    if found.is_of_caller {
        return Ok((caller.enter_own().accounts, findings));
    }
    if found.accounts.is_empty() {
        return Ok((Vec::new(), findings));
    }
    let accounts: Vec<_> = found.accounts.iter().map(|(name, account)| (name.clone(), account)).collect();
    let (clouds, problems) = match caller.enter(&accounts).await {
        Ok(Connected { accounts, problems }) => (accounts, problems),
        Err(ConnectError { problems }) => (Vec::new(), problems),
    };
    match problems.len() > FEW {
        true => findings.extend(unread(&problems.into_iter().map(Problem::unread).collect::<Vec<_>>())),
        false => findings.extend(problems.into_iter().map(credentials)),
    }
    Ok((clouds, findings))
}

fn credentials(problem: Problem) -> Finding {
    Finding::wrong("credentials", problem.in_its_place(), problem.hint)
}

/// Accounts that can't be entered, a line a cause.
pub fn unread(unread: &[UnreadAccount]) -> Vec<Finding> {
    let finding = |cause: keyrota::report::unread::Cause<'_>| {
        let fix =
            cause.hint.clone().unwrap_or_else(|| "run it again; if it stays, the message is what AWS says".to_owned());
        Finding::wrong("credentials", cause.to_string(), fix)
    };
    causes(unread).into_iter().map(finding).collect()
}

/// Units and accounts that the manifests name and the organisation has not.
pub fn mistakes(found: &Found) -> Vec<Finding> {
    let finding = |diagnostic: &keyrota::manifest::Diagnostic| {
        let message = format!("{} ({}:{})", diagnostic.message, diagnostic.file(), diagnostic.line());
        let fix = diagnostic.help.clone().unwrap_or_else(|| "correct the manifests".to_owned());
        match diagnostic.stops_a_run() {
            true => Finding::wrong(CHECK, message, fix),
            false => Finding::doubt(CHECK, message, fix),
        }
    };
    found.diagnostics.iter().map(finding).collect()
}

/// What a folder of sandboxes makes up.
pub fn of_sandboxes(found: &Found) -> Finding {
    Finding::fine(CHECK, listed(found))
}

async fn of_aws(caller: &Caller, found: &Found) -> Finding {
    let own = caller.account();
    let as_what = match caller.management_account().await {
        Ok(management) if management == own => "as the management account".to_owned(),
        Ok(management) => format!("as a delegated administrator; {management} manages the organisation"),
        Err(_) => "by whose right can't be told: `organizations:DescribeOrganization` is denied".to_owned(),
    };
    Finding::fine(CHECK, format!("{}, {as_what}", listed(found)))
}

fn listed(found: &Found) -> String {
    let inactive = match found.inactive.len() {
        0 => String::new(),
        count => format!(" ({count} suspended or closed, left out)"),
    };
    format!("{} to look at{inactive}", counted(found.accounts.len(), "account"))
}

/// The findings; of many accounts, those that say the same of several as one line, at the place of the first. What is wrong names
/// its accounts.
pub fn alike(findings: Vec<Finding>, accounts: usize) -> Vec<Finding> {
    if accounts <= FEW {
        return findings;
    }
    let mut groups: Vec<(Finding, usize, Vec<About>)> = Vec::new();
    let mut known: HashMap<(&str, &str, String), usize> = HashMap::new();
    let mut owners: HashMap<String, BTreeSet<String>> = HashMap::new();
    for finding in findings {
        let (shape, about) = shape(&finding.message);
        if let Some(About { id, name }) = &about {
            owners.entry(name.to_lowercase()).or_default().insert(id.clone());
        }
        match known.entry((finding.level.as_str(), finding.check, shape)) {
            hash_map::Entry::Occupied(at) => {
                let (_, count, all) = &mut groups[*at.get()];
                *count += 1;
                all.extend(about);
            }
            hash_map::Entry::Vacant(new) => {
                new.insert(groups.len());
                groups.push((finding, 1, about.into_iter().collect()));
            }
        }
    }
    let short = |About { id, name }: &About| match owners.get(&name.to_lowercase()) {
        Some(ids) if ids.len() > 1 => format!("{name} ({id})"),
        _ => name.clone(),
    };
    let finding = |(first, count, about): (Finding, usize, Vec<About>)| {
        if count == 1 {
            return first;
        }
        let shown = about.iter().take(SHOWN).map(short).collect::<Vec<_>>().join(", ");
        let which = match about.len() {
            0 => String::new(),
            _ if first.level == Level::Fine => String::new(),
            named if named > SHOWN => format!(" ({shown} and {} more)", named - SHOWN),
            _ => format!(" ({shown})"),
        };
        Finding { message: format!("{count} accounts{which}, alike: {}", first.message), ..first }
    };
    groups.into_iter().map(finding).collect()
}

/// The account that a message is about.
struct About {
    id: String,
    /// Its id again where it has none.
    name: String,
}

/// A message without account and numbers, and the account that it is about.
fn shape(message: &str) -> (String, Option<About>) {
    let (mut shape, mut about, mut rest) = (String::new(), None, message);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| at + end);
        shape += &rest[..at];
        shape.push('#');
        let digits = &rest[at..end];
        rest = &rest[end..];
        if digits.len() == 12 {
            let id = digits.to_owned();
            // Its name may follow.
            let name = rest.strip_prefix(" (").and_then(|rest| rest.split_once(')'));
            if let Some((name, after)) = name {
                about.get_or_insert_with(|| About { id: id.clone(), name: name.to_owned() });
                rest = after;
            }
            about.get_or_insert_with(|| About { name: id.clone(), id });
        }
    }
    (shape + rest, about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_accounts_what_is_alike_is_one_line() {
        let mut findings: Vec<Finding> = (0..7)
            .map(|number| {
                let message = format!("the {number} users of account 11112222000{number} (team-{number}) can be read");
                Finding::fine("permissions", message)
            })
            .collect();
        findings.extend(
            (3..5).map(|number| {
                Finding::wrong("regions", format!("eu does not answer account 11112222000{number}"), "x")
            }),
        );
        findings.push(Finding::fine("clock", "0 s off AWS's"));
        assert_eq!(alike(findings.clone(), 5), findings, "a few are shown as they are");
        let said: Vec<String> = alike(findings, 7).into_iter().map(|finding| finding.message).collect();
        assert_eq!(
            said,
            [
                "7 accounts, alike: the 0 users of account 111122220000 (team-0) can be read",
                "2 accounts (111122220003, 111122220004), alike: eu does not answer account 111122220003",
                "0 s off AWS's",
            ]
        );
    }
}
