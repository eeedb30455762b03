//! What the accounts, their keys and their secrets are like, and the function that runs there.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use keyrota::{
    cloud::{Function, Probes},
    inventory::{ErrorKind, State, UnreadAccount},
    manifest::Manifest,
    observe::AccountState,
    plan::{Plan, WaitingKind, WaitingOn},
    roster::Entry,
    run::Planned,
};

use super::finding::Finding;

/// How many users are named of each kind.
const SHOWN: usize = 5;

/// What applying calls on a user, and on its secret.
const ON_USERS: [&str; 3] = ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:UpdateAccessKey"];
const ON_SECRETS: [&str; 5] = [
    "secretsmanager:CreateSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:UpdateSecretVersionStage",
];

/// What mends a read that is not permitted.
const GRANT: &str = "grant it: README.md lists what planning needs, and the role that Terraform makes has it";

/// What stands in the way of a credential.
const IN_THE_WAY: [WaitingKind; 8] = [
    WaitingKind::ForeignSecret,
    WaitingKind::SecretBeingDeleted,
    WaitingKind::ReplicaSecret,
    WaitingKind::ExposedSecret,
    WaitingKind::SharedSecret,
    WaitingKind::SeveralSecrets,
    WaitingKind::StaleSecret,
    WaitingKind::ReplicaFailed,
];

/// An account of which nothing could be read.
pub fn unread(check: &'static str, account: &UnreadAccount) -> Finding {
    Finding::wrong(check, account.to_string(), account.hint.as_deref().unwrap_or(GRANT))
}

/// So many accounts are asked at a time.
const CONCURRENT: usize = 16;

/// Every region that is named answers, and is enabled.
pub async fn regions<C: Probes>(clouds: &[C], manifest: &Manifest) -> Vec<Finding> {
    let all = clouds.iter().enumerate().map(|(position, cloud)| regions_of(cloud, position == 0, manifest));
    stream::iter(all).buffered(CONCURRENT).collect::<Vec<_>>().await.concat()
}

/// Of the first account the region of mail as well, which is the same for all.
async fn regions_of<C: Probes>(cloud: &C, is_first: bool, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    let account = cloud.account();
    let mut named: BTreeMap<String, &str> = BTreeMap::new();
    if let Some(region) = manifest.mail.region.clone().filter(|_| is_first) {
        named.insert(region, "`[mail] region`");
    }
    for region in manifest.rules.iter().flat_map(|rule| &rule.policy.replicate_to.value) {
        named.insert(region.clone(), "`replicate-to`");
    }
    named.insert(account.region.clone(), "the region of the secrets");
    let mut reached = Vec::new();
    for (region, place) in named {
        match cloud.reach(&region).await {
            Ok(()) => reached.push(region),
            // It may be this machine that can't reach it, and not AWS.
            Err(error) if error.message.starts_with("no connection") || error.message.starts_with("no answer") => {
                findings.push(Finding::doubt(
                    "regions",
                    format!("can't tell whether {region} is a region: {}", error.message),
                    format!("correct {place}, or let sts.{region} be reached from here"),
                ));
            }
            Err(error) => findings.push(Finding::wrong(
                "regions",
                format!("{region} does not answer account {account}: {}", error.message),
                format!("enable it for the account, or correct {place}"),
            )),
        }
    }
    if !reached.is_empty() {
        let answer = if reached.len() == 1 { "answers" } else { "answer" };
        findings.push(Finding::fine("regions", format!("{} {answer} account {account}", reached.join(", "))));
    }
    findings
}

/// What was read tells which permissions to read are there; what may be written, a simulation.
pub async fn permissions<C: Probes>(planned: &Planned<'_, C>) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let mut findings: Vec<Finding> = planned.plan.accounts_unread.iter().map(|it| unread(CHECK, it)).collect();
    let mut causes: BTreeMap<(&str, Option<&str>), Vec<&str>> = BTreeMap::new();
    for waiting in &planned.plan.waiting {
        if let WaitingOn::Unreadable { cause, hint, .. } = &waiting.wait {
            causes.entry((cause, hint.as_deref())).or_default().push(&waiting.user);
        }
    }
    for ((cause, hint), users) in &causes {
        let message = format!("{} can't be read: {cause}", listed(users));
        findings.push(Finding::wrong(CHECK, message, hint.unwrap_or(GRANT)));
    }
    let all = planned.accounts.iter().map(|account| permissions_in(account, causes.is_empty()));
    findings.extend(stream::iter(all).buffered(CONCURRENT).collect::<Vec<_>>().await.concat());
    findings
}

/// In one account; `is_read` says whether everyone could be read, wherever.
async fn permissions_in<C: Probes>(one: &AccountState<'_, C>, is_read: bool) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let AccountState { cloud, roster, inventory } = one;
    let account = cloud.account();
    let mut findings = Vec::new();
    if let Err(error) = cloud.secrets().await {
        findings.push(match error.kind {
            ErrorKind::Denied => Finding::doubt(
                CHECK,
                format!("`secretsmanager:ListSecrets` is denied in {account}: secrets of former names are not seen"),
                "grant it: without it each secret is described, and a change of `secret` strands rotations",
            ),
            _ => Finding::failed(CHECK, &error, "run it again"),
        });
    }
    let read = |entry: &&Entry| matches!(inventory.users.get(&entry.user.name), Some(Ok(_)));
    if let Some(entry) = roster.entries.iter().find(read) {
        findings.extend(policies(*cloud, inventory.users.values().flatten()).await);
        if is_read {
            let users = match roster.entries.len() {
                1 => "the 1 user".to_owned(),
                count => format!("the {count} users"),
            };
            let message = format!("{users} in scope of account {account} can be read: keys, last use, secrets");
            findings.push(Finding::fine(CHECK, message));
        }
        findings.push(writes(*cloud, entry).await);
    } else if is_read {
        let message = format!("can't tell much: nobody is in scope of account {account}");
        findings.push(Finding::doubt(
            CHECK,
            message,
            "`keyrota check` and `keyrota status` show whom the rules select",
        ));
    }
    findings
}

/// The policy of a secret is asked for only before a key is stored, which may be months from now.
async fn policies<C: Probes>(cloud: &C, states: impl Iterator<Item = &State>) -> Option<Finding> {
    let own = |state: &State| state.ledger.destination.own().map(|_| state.ledger.secret.clone());
    let secret = states.filter_map(own).next()?;
    let error = cloud.resource_policy(&secret).await.err()?;
    let fix = "grant it: no key is stored where that can't be told";
    Some(Finding::wrong("permissions", format!("who may read secrets can't be told: {error}"), fix))
}

async fn writes<C: Probes>(cloud: &C, entry: &Entry) -> Finding {
    const CHECK: &str = "permissions";
    let account = cloud.account();
    if is_root(cloud.caller()) {
        return Finding::fine(CHECK, format!("the root of account {account} may write everything"));
    }
    let secret = format!(
        "arn:{}:secretsmanager:{}:{}:secret:{}-AAAAAA",
        account.partition, account.region, account.id, entry.secret
    );
    let mut refused = Vec::new();
    for (actions, resource) in [(&ON_USERS[..], entry.user.arn.as_str()), (&ON_SECRETS[..], secret.as_str())] {
        match cloud.not_allowed(actions, resource).await {
            Ok(actions) => refused.extend(actions),
            Err(error) => return Finding::unknown(CHECK, "what may be written", &error),
        }
    }
    match refused.is_empty() {
        true => Finding::fine(CHECK, format!("keys and secrets of account {account} may be written")),
        false => Finding::doubt(
            CHECK,
            format!("this caller may not {} in {account}", refused.join(", ")),
            "as it should be for who only plans; `keyrota apply` needs it, and the function has a role of its own",
        ),
    }
}

/// Whether these are the credentials of the account itself, which no policy binds.
pub fn is_root(caller: &str) -> bool {
    caller.ends_with(":root")
}

/// Before there are manifests: whether `init` could read what it reads.
pub async fn permissions_without_manifests<C: Probes>(clouds: &[C]) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let mut findings = Vec::new();
    for cloud in clouds {
        let account = cloud.account();
        let before = findings.len();
        match cloud.users(&|_, _| true).await {
            Ok(users) => {
                findings.extend(
                    users
                        .iter()
                        .find_map(|user| user.unreadable.as_ref())
                        .map(|error| Finding::failed(CHECK, error, GRANT)),
                );
                if let Some(user) = users.first()
                    && let Err(error) = cloud.access_keys(&user.name).await
                {
                    findings.push(Finding::failed(CHECK, &error, GRANT));
                }
            }
            Err(error) => findings.push(Finding::failed(CHECK, &error, GRANT)),
        }
        if let Err(error) = cloud.secrets().await {
            findings.push(Finding::failed(CHECK, &error, GRANT));
        }
        if findings.len() == before {
            findings.push(Finding::fine(CHECK, format!("users, keys and secrets of account {account} can be read")));
        }
    }
    findings
}

/// The keys that encrypt secrets work.
pub async fn kms_keys<C: Probes>(planned: &Planned<'_, C>) -> Vec<Finding> {
    const CHECK: &str = "kms";
    let mut findings = Vec::new();
    for AccountState { cloud, roster, .. } in &planned.accounts {
        let keys: BTreeSet<&str> =
            roster.entries.iter().filter_map(|entry| entry.policy.kms_key.value.as_deref()).collect();
        for key in keys {
            findings.push(match cloud.kms_key(key).await {
                Ok(Some(state)) if state == "Enabled" => Finding::fine(CHECK, format!("{key} is enabled")),
                Ok(Some(state)) => {
                    let fix = "enable it, or name another with `kms-key`: what it encrypted can't be read until then";
                    Finding::wrong(CHECK, format!("{key} is {state}"), fix)
                }
                Ok(None) => {
                    let fix = "correct `kms-key`: an id, an ARN, or `alias/…` in the region of the secrets";
                    Finding::wrong(CHECK, format!("there is no key {key} in {}", cloud.account().region), fix)
                }
                Err(error) => Finding::unknown(CHECK, &format!("whether {key} works"), &error),
            });
        }
    }
    if findings.is_empty() {
        findings.push(Finding::fine(CHECK, "no rule names a key: AWS's own encrypts the secrets"));
    }
    findings
}

/// Nothing stands where credentials go.
pub fn secrets(plan: &Plan) -> Vec<Finding> {
    const CHECK: &str = "secrets";
    let in_the_way: Vec<_> =
        plan.waiting.iter().filter(|waiting| IN_THE_WAY.contains(&WaitingKind::from(&waiting.wait))).collect();
    if in_the_way.is_empty() {
        return vec![Finding::fine(CHECK, "nothing stands in the way of a credential")];
    }
    let mut findings: Vec<Finding> = in_the_way
        .iter()
        .take(SHOWN)
        .map(|waiting| {
            // The sentence says what to do.
            let sentence = waiting.wait.to_string();
            let (what, fix) = sentence.split_once(": ").unwrap_or((&sentence, "see `keyrota plan`"));
            let of = match plan.accounts.len() {
                0 | 1 => String::new(),
                _ => format!(" in {}", waiting.account),
            };
            Finding::wrong(CHECK, format!("{}{of}: {what}", waiting.user), fix)
        })
        .collect();
    if in_the_way.len() > SHOWN {
        let more = in_the_way.len() - SHOWN;
        let who = if more == 1 { "1 more user is".to_owned() } else { format!("{more} more users are") };
        let message = format!("{who} blocked by what stands at their secret");
        findings.push(Finding::wrong(CHECK, message, "`keyrota plan` names them all"));
    }
    findings
}

/// The function is there, and has the manifests that are here. `is_same` tells whether those of another commit are: most
/// commits touch none, and ship nothing.
pub async fn function<C: Probes>(
    cloud: &C,
    name: &str,
    here: Option<&str>,
    is_same: &dyn Fn(&str) -> Option<bool>,
) -> Finding {
    const CHECK: &str = "function";
    let Function { arn: _, state, reason, update, architecture, revision } = match cloud.function(name).await {
        Ok(Some(function)) => function,
        Ok(None) => {
            let fix =
                "deploy it (`keyrota package`, Terraform), or name it with `--function`; keyrota runs without one, too";
            return Finding::doubt(CHECK, format!("there is no function {name}: nothing rotates by itself"), fix);
        }
        Err(error) => {
            return Finding::unknown(CHECK, &format!("whether the function {name} runs these manifests"), &error);
        }
    };
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    if let Some(state) = state.filter(|state| *state != "Active" && *state != "Inactive") {
        return Finding::wrong(CHECK, format!("{name} is {state}{reason}"), "deploy it again: `terraform apply`");
    }
    if update.as_deref() == Some("Failed") {
        return Finding::wrong(
            CHECK,
            format!("the last update of {name} failed{reason}"),
            "deploy it again: `terraform apply`",
        );
    }
    let short = |commit: &str| match commit.strip_suffix("-dirty") {
        Some(commit) => format!("{} with changes", commit.get(..10).unwrap_or(commit)),
        None => commit.get(..10).unwrap_or(commit).to_owned(),
    };
    let on = architecture.map_or_else(String::new, |architecture| format!(" on {architecture}"));
    match (revision, here) {
        (None, _) => Finding::doubt(
            CHECK,
            format!("can't tell which manifests {name} has: its variable KEYROTA_REVISION is not set"),
            "deploy it with the `revision` of Terraform",
        ),
        (Some(revision), None) => Finding::doubt(
            CHECK,
            format!("{name} has the manifests of {}; those here are in no commit", short(&revision)),
            "run it in the repository of the manifests",
        ),
        (Some(revision), Some(here)) if revision == here => {
            Finding::fine(CHECK, format!("{name}{on} has the manifests of {}, as here", short(&revision)))
        }
        (Some(revision), Some(here)) if !here.ends_with("-dirty") && is_same(&revision) == Some(true) => {
            let message = format!("{name}{on} has the manifests of {}, which are those here", short(&revision));
            Finding::fine(CHECK, message)
        }
        (Some(revision), Some(here)) => Finding::doubt(
            CHECK,
            format!("{name} has the manifests of {}, and here are those of {}", short(&revision), short(here)),
            "ship them (merge, or `keyrota package` and `terraform apply`), or check out what is deployed",
        ),
    }
}

fn listed(users: &[&str]) -> String {
    let shown = users.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match users.len() {
        0 | 1 => shown,
        count if count > SHOWN => format!("{count} users ({shown}, …)"),
        count => format!("{count} users ({shown})"),
    }
}
