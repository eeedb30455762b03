//! What holds for a user whom a rule selects, or an exemption alone.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    model::{Entry, WithoutAddress},
    selection::tag,
};
use crate::{
    delivery::{How, Target},
    inventory::{Account, User},
    manifest::{
        Deliver, Exemption, Manifest, Patterns, Policy, Rule, Source,
        recipients::{addresses_in, is_bare_address},
    },
    notice::{Channel, Recipient},
};

/// `exemptions` are those of the user.
pub(super) fn entry(
    rule: &Rule,
    user: &User,
    exemptions: &[&Exemption],
    account: &Account,
    deliver: &Deliver,
    now: DateTime<Utc>,
) -> Entry {
    let exempts = |exemption: &&&Exemption| is_in_force(exemption, account, now);
    let (recipients, without_address) = recipients(&rule.policy.notify.value, user);
    Entry {
        user: user.clone(),
        rule: rule.source.clone(),
        policy: rule.policy.clone(),
        secret: rule.policy.secret.value.replace("{user}", &user.name).replace(',', "_"),
        deliver: targets(rule, user, account, deliver),
        recipients,
        without_address,
        exempt: exemptions.iter().find(exempts).map(|&exemption| exemption.clone()),
        conflict: None,
    }
}

/// Where the credential of a user goes.
fn targets(rule: &Rule, user: &User, account: &Account, deliver: &Deliver) -> Vec<Target> {
    let Policy { kms_key, smtp, deliver: places, .. } = &*rule.policy;
    if places.value.is_empty() {
        return Vec::new();
    }
    let how = How {
        user: user.name.clone(),
        arn: user.arn.clone(),
        region: account.region.clone(),
        kms_key: kms_key.value.clone(),
        smtp: smtp.value,
        github_url: deliver.github.url.clone(),
        github_names: deliver.github.names.of_user(&user.name),
        visibility: deliver.github.visibility,
        github_not_asked: deliver.github.not_asked,
    };
    let mut targets: Vec<Target> = Vec::new();
    for target in places.value.iter().map(|place| Target::new(place, &how)) {
        // With the name of this user in them, two may be one.
        if !targets.iter().any(|other| other.place.is_same(&target.place)) {
            targets.push(target);
        }
    }
    targets
}

pub(super) fn is_in_force(exemption: &Exemption, account: &Account, now: DateTime<Utc>) -> bool {
    is_for(exemption, account) && exemption.ends.is_none_or(|ends| now < ends)
}

/// A user that no rule selects, if it is exempt: what `[defaults]` says would hold for it.
pub(super) fn exempt_entry(entry: &impl Fn(&Rule, &User) -> Entry, user: &User, manifest: &Manifest) -> Option<Entry> {
    let rule = |source: Source| Rule {
        source,
        policy: Arc::clone(&manifest.defaults),
        accounts: Patterns::default(),
        units: Vec::new(),
        account_tags: BTreeMap::new(),
        users: Patterns::default(),
        tags: BTreeMap::new(),
        groups: Patterns::default(),
        paths: Patterns::default(),
        except: Patterns::default(),
    };
    let found = entry(&rule(Source { file: Arc::from(""), line: 0 }), user);
    let source = found.exempt.as_ref()?.source.clone();
    Some(Entry { rule: source, ..found })
}

/// The addresses and channels, each once, and where there is no address.
pub(super) fn recipients(notify: &[Recipient], user: &User) -> (Vec<String>, Vec<WithoutAddress>) {
    let (mut recipients, mut without) = (Vec::<String>::new(), Vec::new());
    for recipient in notify {
        let channel = recipient.to_string();
        let addresses = match recipient {
            Recipient::Address(address) => Ok(vec![address.as_str()]),
            Recipient::Channel(..) => Ok(vec![channel.as_str()]),
            Recipient::UserName if is_bare_address(&user.name) => Ok(vec![user.name.as_str()]),
            Recipient::UserName => Err(WithoutAddress::UserName),
            Recipient::Tag(key) => match tag(user, key).map(addresses_in) {
                None => Err(WithoutAddress::NoTag(key.clone())),
                Some(addresses) if addresses.is_empty() => Err(WithoutAddress::Tag(key.clone())),
                Some(addresses) => Ok(addresses),
            },
        };
        match addresses {
            Ok(addresses) => {
                for address in addresses {
                    if !recipients.iter().any(|known| Channel::of(known).identity() == Channel::of(address).identity())
                    {
                        recipients.push(address.to_owned());
                    }
                }
            }
            Err(reason) => without.push(reason),
        }
    }
    (recipients, without)
}

/// Whether an account is meant: by its id, the name that the manifests give it, or that of its organisation.
pub(super) fn is_account(written: &str, account: &Account) -> bool {
    let in_organization = account.membership.as_ref().map(|membership| &membership.name);
    let mut names = account.name.iter().chain(in_organization);
    written == account.id || names.any(|name| name.eq_ignore_ascii_case(written))
}

/// Whether an exemption is meant for an account, as long as it is in force.
pub(crate) fn is_for(exemption: &Exemption, account: &Account) -> bool {
    exemption.account.as_ref().is_none_or(|name| is_account(name, account))
}
