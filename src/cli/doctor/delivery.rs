//! Whether the places of delivery take credentials.

use std::collections::BTreeMap;

use keyrota::{
    cloud::Probes,
    counted::first_of,
    delivery::Target,
    inventory::{CallError, Found},
    observe::AccountState,
    roster::Entry,
    run::Planned,
};

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
                let place = target.place.to_string();
                match target.misnamed() {
                    Some(why) => findings.push(closed(&place, &format!("{}: {why}", entry.user.name))),
                    None => drop(places.entry(place).or_insert((entry, target))),
                }
            }
        }
        let Some((entry, _)) = places.values().next().copied() else { continue };
        let (mut open, mut unknown) = (Vec::new(), BTreeMap::<(String, bool), Vec<&str>>::new());
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
                Ok(Found::Closed { why } | Found::Refused { why }) => findings.push(closed(place, &why)),
                Ok(Found::Unknown { why, asked }) => unknown.entry((why, asked)).or_default().push(place),
                Err(error) => findings.push(Finding::failed(CHECK, &error, "grant it: Terraform's roles have it")),
            }
        }
        if !open.is_empty() {
            // Of some tokens only the first delivery tells whether they may write.
            findings.push(Finding::fine(CHECK, format!("{} can be looked at", first_of(&open, SHOWN))));
        }
        for ((why, is_asked), places) in unknown {
            let refused = if is_asked { None } else { cloud.github().await.err() };
            findings.push(match refused {
                Some(error) => not_signed_in(&first_of(&places, SHOWN), &error),
                None => not_known(&first_of(&places, SHOWN), &why, is_asked),
            });
        }
        findings.extend(permissions(*cloud, entry, places.values().map(|(_, target)| *target)).await);
    }
    findings
}

fn closed(place: &str, why: &str) -> Finding {
    let fix = "mend that, or take it off `deliver`: its users are blocked until then";
    Finding::wrong(CHECK, format!("{place} can't be delivered to: {why}"), fix)
}

/// What is to be signed in with is named, and can't be used: no run can deliver there.
fn not_signed_in(places: &str, error: &CallError) -> Finding {
    let message = format!("{places} can't be delivered to: {}", error.message);
    let fix = match error.operation {
        "secretsmanager:GetSecretValue" => {
            "make the secret, or correct `secret` in `[deliver.github]`; who runs keyrota needs `secretsmanager:GetSecretValue` on it, as \
             Terraform grants"
        }
        _ => {
            "put the App's private key there, or, without `app-id`, the token: alone, or as the only text of a JSON object; until then no \
             rotation of those users begins"
        }
    };
    Finding::wrong(CHECK, message, fix)
}

fn not_known(places: &str, why: &str, is_asked: bool) -> Finding {
    let message = format!("whether {places} can be delivered to is not known: {why}");
    let fix = match is_asked {
        true => {
            "run it again once that is over; runs wait for a limit of up to a minute, and begin no rotation of those users before"
        }
        false => "as it may be for who only plans; whoever applies needs it, or begins no rotation of those users",
    };
    Finding::doubt(CHECK, message, fix)
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
