//! Whether a change of `[accounts]` and `[organization]` lets keyrota into fewer accounts, or in by another door: judged by what holds
//! for each account, however it is written. What can't be told from the manifests, and from what was listed, counts as weaker.

use std::collections::BTreeSet;

use crate::{
    inventory::Unit,
    manifest::{DeclaredAccount, Manifest, Organization, Pattern, UnitName},
    names::is_account_id,
    organization::{Listed, Member, is_within, names},
};

/// How an account is entered, and where its secrets are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entering<'a> {
    /// The name of the role, without what its ARN says of the account; `None`: the caller's own credentials.
    role: Option<&'a str>,
    external_id: Option<&'a str>,
    region: Option<&'a str>,
}

impl<'a> Entering<'a> {
    fn of_organization(Organization { role, external_id, region, .. }: &'a Organization) -> Self {
        Self { role: Some(role), external_id: external_id.as_deref(), region: region.as_deref() }
    }

    fn of_declared(account: &'a DeclaredAccount) -> Self {
        let DeclaredAccount { id, role, external_id, region, .. } = account;
        let role = role.as_deref().map(|role| role_name(role, id));
        Self { role, external_id: external_id.as_deref(), region: region.as_deref() }
    }

    /// What `[accounts]` leaves out is the organisation's. A role of its own has a trust policy of its own.
    fn or(self, organization: &Self) -> Self {
        let (role, external_id) = match self.role {
            Some(role) => (Some(role), self.external_id),
            None => (organization.role, self.external_id.or(organization.external_id)),
        };
        Self { role, external_id, region: self.region.or(organization.region) }
    }

    /// Another role may do other things, and whoever guessed its name gets in without an external id; in another region there is
    /// neither the secret that clients read nor what it says of the keys. A role where there was none, or another external id, lets
    /// nobody in who was not.
    fn is_weaker_than(&self, before: &Self) -> bool {
        (before.role.is_some() && before.role != self.role)
            || (before.external_id.is_some() && self.external_id.is_none())
            || before.region != self.region
    }
}

/// A role by its ARN is the same as by its name, where the account is its own.
fn role_name<'a>(role: &'a str, id: &str) -> &'a str {
    let own = role.strip_prefix("arn:").and_then(|arn| arn.split_once(":role/"));
    own.filter(|(arn, _)| arn.ends_with(&format!(":iam::{id}"))).map_or(role, |(_, name)| name)
}

/// How manifests enter an account, if they look at it; `in_organization`: whether it is one of the organisation's that they look at.
fn entering<'a>(manifest: &'a Manifest, id: &str, in_organization: bool) -> Option<Entering<'a>> {
    let of_organization = manifest.organization.as_ref().filter(|_| in_organization).map(Entering::of_organization);
    let declared = manifest.accounts.values().find(|account| account.id == id).map(Entering::of_declared);
    match (declared, of_organization) {
        (Some(own), Some(of)) => Some(own.or(&of)),
        (declared, of) => declared.or(of),
    }
}

/// Whether what `[accounts.NAME]` says, or said, of its account lets keyrota in less, or otherwise. What it is called makes no
/// difference here: whom that takes out of the scope of rules, their policies tell.
pub(super) fn account_is_weaker(name: &str, before: &Manifest, after: &Manifest, listed: Option<&Listed>) -> bool {
    let declared = [before, after].map(|manifest| manifest.accounts.get(name));
    let ids: BTreeSet<&str> = declared.into_iter().flatten().map(|account| account.id.as_str()).collect();
    ids.into_iter().any(|id| {
        // Whether the organisation has it may not be known: then it must not be weaker either way.
        let cases = match listed.map(|listed| (listed, member(listed, id))) {
            Some((_, Some(member))) => vec![[before, after].map(|manifest| is_looked_at(manifest, member))],
            Some((listed, None)) if listed.is_whole => vec![[false, false]],
            _ => vec![[false, false], [true, true]],
        };
        cases.into_iter().any(|[was, is]| match (entering(before, id, was), entering(after, id, is)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => after.is_weaker_than(&before),
        })
    })
}

fn member<'a>(listed: &'a Listed, id: &str) -> Option<&'a Member> {
    listed.members.iter().find(|member| member.id == id)
}

/// Whether the organisation of the manifests has the account, and neither `units` nor `except` leaves it out.
fn is_looked_at(manifest: &Manifest, member: &Member) -> bool {
    let Some(organization) = &manifest.organization else { return false };
    is_within(organization, member) && !is_excepted(manifest, organization, member)
}

fn is_excepted(manifest: &Manifest, organization: &Organization, member: &Member) -> bool {
    let declared = manifest.accounts.iter().find(|(_, account)| account.id == member.id);
    let name = declared.map_or(&member.name, |(name, _)| name);
    organization.except.iter().any(|except| names(except, member, name))
}

/// Whether the organisation is looked at less, or entered otherwise.
pub(super) fn organization_is_weaker(before: &Manifest, after: &Manifest, listed: Option<&Listed>) -> bool {
    match (&before.organization, &after.organization) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(was), Some(is)) => {
            let units = listed.map_or(&[][..], |listed| &listed.units);
            fewer_units(&was.units, &is.units, units)
                || is.except.iter().any(|except| !was_left_out(except, before, was, listed))
                || Entering::of_organization(is).is_weaker_than(&Entering::of_organization(was))
        }
    }
}

/// Whether nobody is left out by it who was not before: neither now nor whoever joins later.
fn was_left_out(except: &Pattern, manifest: &Manifest, organization: &Organization, listed: Option<&Listed>) -> bool {
    // An id is that of one account for good.
    let member = listed.filter(|_| is_account_id(&except.text)).and_then(|listed| member(listed, &except.text));
    organization.except.iter().any(|one| one.includes(except))
        || member.is_some_and(|member| is_excepted(manifest, organization, member))
}

/// Whether accounts may be left out by it: a unit that is gone, but for one that is below another. A unit by its id is the same as
/// by its path, as far as they were listed.
fn fewer_units(before: &[UnitName], after: &[UnitName], listed: &[Unit]) -> bool {
    let known = |name: &UnitName| {
        let mut found = listed.iter().filter(|unit| name.names(unit));
        found.next().filter(|_| found.next().is_none())
    };
    let is_unique = |path: &str| listed.iter().filter(|unit| unit.path == path).count() == 1;
    let is_below_path = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    let is_below = |unit: &UnitName, above: &UnitName| match (known(unit), known(above)) {
        _ if unit == above || is_below_path(&unit.text, &above.text) => true,
        // Everything is below the root.
        (Some(_), Some(above)) if above.id.starts_with("r-") => true,
        // Two units may have one path.
        (Some(unit), Some(above)) => {
            unit.id == above.id || (is_unique(&above.path) && is_below_path(&unit.path, &above.path))
        }
        _ => false,
    };
    !after.is_empty()
        && (before.is_empty() || before.iter().any(|unit| !after.iter().any(|above| is_below(unit, above))))
}
