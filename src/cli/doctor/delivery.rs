//! Whether the places of delivery take credentials.

use std::collections::BTreeMap;

use keyrota::{cloud::Probes, delivery::Target, inventory::Found, observe::AccountState, roster::Entry, run::Planned};

use super::finding::Finding;

const CHECK: &str = "delivery";

/// How many places are named.
const SHOWN: usize = 5;

/// Each place once, whoever delivers there; nothing where nobody does.
pub async fn places<C: Probes>(planned: &Planned<'_, C>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for AccountState { cloud, roster, inventory } in &planned.accounts {
        let mut places: BTreeMap<String, (&Entry, &Target)> = BTreeMap::new();
        for entry in roster.entries.iter().filter(|entry| entry.exempt.is_none() && entry.conflict.is_none()) {
            for target in &entry.deliver {
                places.entry(target.place.to_string()).or_insert((entry, target));
            }
        }
        let Some((entry, _)) = places.values().next().copied() else { continue };
        let (mut open, mut unknown) = (Vec::new(), BTreeMap::<String, Vec<&str>>::new());
        for (place, (entry, target)) in &places {
            // A user without keys was not looked at any further.
            let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
            let found = match state.and_then(|state| state.places.get(&target.id)) {
                Some(found) => Ok(found.clone()),
                None => target.look(*cloud).await,
            };
            match found {
                Ok(Found::Nothing | Found::Something { .. }) => open.push(place.as_str()),
                Ok(Found::Foreign) => findings.push(Finding::wrong(
                    CHECK,
                    format!("{place} is somebody else's: {} is blocked", entry.user.name),
                    "tag it `Owner` with the user's name, or take it off `deliver`",
                )),
                Ok(Found::Closed { why } | Found::Refused { why }) => {
                    let fix = "mend that, or take it off `deliver`: its users are blocked until then";
                    findings.push(Finding::wrong(CHECK, format!("{place} can't be delivered to: {why}"), fix));
                }
                Ok(Found::Unknown { why, .. }) => unknown.entry(why).or_default().push(place),
                Err(error) => findings.push(Finding::failed(CHECK, &error, "grant it: Terraform's roles have it")),
            }
        }
        if !open.is_empty() {
            let take = if open.len() == 1 { "takes" } else { "take" };
            findings.push(Finding::fine(CHECK, format!("{} {take} credentials", listed(&open))));
        }
        for (why, places) in unknown {
            let message = format!("whether {} can be delivered to is not known: {why}", listed(&places));
            let fix = "as it may be for who only plans; whoever applies needs it, or begins no rotation of those users";
            findings.push(Finding::doubt(CHECK, message, fix));
        }
        findings.extend(permissions(*cloud, entry, places.values().map(|(_, target)| *target)).await);
    }
    findings
}

/// What applying calls on a user's secret and on parameters, beside what every rotation does.
async fn permissions<'a, C: Probes>(
    cloud: &C,
    entry: &Entry,
    targets: impl Iterator<Item = &'a Target>,
) -> Option<Finding> {
    let account = cloud.account();
    let arn = |service: &str, resource: String| {
        format!("arn:{}:{service}:{}:{}:{resource}", account.partition, account.region, account.id)
    };
    let secret = arn("secretsmanager", format!("secret:{}-AAAAAA", entry.secret));
    let parameter = targets.filter_map(|target| target.place.parameter("")).next();
    let parameter = parameter.map(|name| arn("ssm", format!("parameter/{}", name.trim_start_matches('/'))));
    let mut refused = cloud.not_allowed(&["secretsmanager:GetSecretValue"], &secret).await.ok()?;
    if let Some(parameter) = parameter {
        refused.extend(cloud.not_allowed(&["ssm:PutParameter", "ssm:AddTagsToResource"], &parameter).await.ok()?);
    }
    let message = format!("this caller may not {} in {account}", refused.join(", "));
    let fix = "as it should be for who only plans; `keyrota apply` needs it, and `keyrota export terraform` names it for the function";
    (!refused.is_empty()).then(|| Finding::doubt(CHECK, message, fix))
}

fn listed(places: &[&str]) -> String {
    let shown = places.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match places.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
