//! What counts as weaker when it goes from one value to another: one table. A field of the policy or a setting that has no
//! row fails a test, and so does a row without a case.
//!
//! Weaker is what lets keys get older, gives people less time or fewer words, lets more happen at once, or sends
//! credentials and mail elsewhere. It need not be wrong; it must not go unseen.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::entering::{account_is_weaker, organization_is_weaker};
use crate::{
    cloud::Visibility,
    manifest::{
        Exemption, GitHub, Limits, Manifest, Sourced,
        policy::WEAKENINGS,
        schedule::{next_after, rate},
    },
    notice::Channel,
    organization::Listed,
    roster::Entry,
};

/// A setting of whole runs.
pub struct SettingRow {
    /// As [`crate::explain::settings`] names it, up to the name that its user gave.
    pub field: &'static str,
    /// When it is weaker, in words.
    pub weaker: &'static str,
    is_weaker: fn(&Manifest, &Manifest, DateTime<Utc>) -> bool,
}

/// What there is to say of a user beside the fields of the policy, or of a field that means something else for each user.
pub struct UserRow {
    /// As [`crate::explain::policy`] names it.
    pub field: &'static str,
    /// When it is weaker, in words.
    pub weaker: &'static str,
    /// Before; after, `None` if the user left the scope; and whether the policy's own row calls it weaker.
    is_weaker: fn(&Entry, Option<&Entry>, bool) -> bool,
}

/// The fields that are no field of the policy, or more than that.
pub const USERS: &[UserRow] = &[
    UserRow { field: "scope", weaker: "the user leaves it", is_weaker: |_, after, _| after.is_none() },
    UserRow {
        field: "exempt",
        weaker: "added, or for longer",
        is_weaker: |before, after, _| {
            after.is_some_and(|after| longer_exempt(before.exempt.as_ref(), after.exempt.as_ref()))
        },
    },
    UserRow {
        field: "notify",
        weaker: "fewer or other people are told",
        is_weaker: |before, after, is_weaker| {
            is_weaker || after.is_some_and(|after| lacks(&before.recipients, &after.recipients))
        },
    },
    UserRow {
        field: "secret",
        weaker: "the credential goes elsewhere",
        is_weaker: |before, after, is_weaker| is_weaker && after.is_some_and(|after| after.secret != before.secret),
    },
    UserRow {
        field: "deliver",
        weaker: "the credential is in other places, or one of them keeps a key that stops",
        is_weaker: |before, after, is_weaker| is_weaker && after.is_some_and(|after| after.deliver != before.deliver),
    },
];

/// The settings of whole runs.
pub const SETTINGS: &[SettingRow] = &[
    SettingRow {
        field: "mail.from",
        weaker: "removed, or another sender",
        is_weaker: |before, after, _| before.mail.from.is_some() && before.mail.from != after.mail.from,
    },
    SettingRow { field: "mail.from-arn", weaker: "never", is_weaker: |_, _, _| false },
    SettingRow {
        field: "mail.reply-to",
        weaker: "removed, or other people",
        is_weaker: |before, after, _| before.mail.reply_to.is_some() && before.mail.reply_to != after.mail.reply_to,
    },
    SettingRow { field: "mail.configuration-set", weaker: "never", is_weaker: |_, _, _| false },
    SettingRow { field: "mail.region", weaker: "never", is_weaker: |_, _, _| false },
    SettingRow {
        field: "mail.fallback",
        weaker: "fewer or other people are told",
        is_weaker: |before, after, _| lacks(&before.mail.fallback, &after.mail.fallback),
    },
    SettingRow {
        field: "mail.digest",
        weaker: "fewer or other people are told",
        is_weaker: |before, after, _| lacks(&before.mail.digest, &after.mail.digest),
    },
    SettingRow { field: "mail.language", weaker: "never", is_weaker: |_, _, _| false },
    SettingRow {
        field: "events.bus",
        weaker: "removed, or another bus",
        is_weaker: |before, after, _| before.events.bus().is_some() && before.events.bus() != after.events.bus(),
    },
    SettingRow { field: "templates/", weaker: "never: its text is shown", is_weaker: |_, _, _| false },
    SettingRow {
        field: "deliver.github.names",
        weaker: "other secrets have the credential, and those keep a key that stops",
        is_weaker: |before, after, _| github(before).names != github(after).names,
    },
    SettingRow {
        field: "deliver.github.smtp-names",
        weaker: "other secrets have the credential, and those keep a key that stops",
        is_weaker: |before, after, _| github(before).names.smtp != github(after).names.smtp,
    },
    SettingRow {
        field: "deliver.github.url",
        weaker: "credentials go to another GitHub",
        is_weaker: |before, after, _| github(before).url != github(after).url,
    },
    SettingRow {
        field: "deliver.github.app-id",
        weaker: "something else signs in to GitHub",
        is_weaker: |before, after, _| github(before).app_id != github(after).app_id,
    },
    SettingRow {
        field: "deliver.github.installation",
        weaker: "something else signs in to GitHub",
        is_weaker: |before, after, _| github(before).installation != github(after).installation,
    },
    SettingRow {
        field: "deliver.github.secret",
        weaker: "another secret is read, and sent to GitHub",
        is_weaker: |before, after, _| github(before).secret != github(after).secret,
    },
    SettingRow {
        field: "deliver.github.visibility",
        weaker: "more repositories see a secret of an organization that is made",
        is_weaker: |before, after, _| {
            let wide = |visibility| match visibility {
                Visibility::Selected => 0,
                Visibility::Private => 1,
                Visibility::All => 2,
            };
            wide(github(after).visibility) > wide(github(before).visibility)
        },
    },
    SettingRow {
        field: "limits.max-actions",
        weaker: "removed, or higher",
        is_weaker: |before, after, _| looser(|limits| &limits.max_actions, before, after),
    },
    SettingRow {
        field: "limits.max-percent",
        weaker: "removed, or higher",
        is_weaker: |before, after, _| looser(|limits| &limits.max_percent, before, after),
    },
    SettingRow {
        field: "pace.max-rotations",
        weaker: "higher, or without a bound",
        is_weaker: |before, after, _| {
            let most = |manifest: &Manifest| manifest.pace.max_rotations().unwrap_or(usize::MAX);
            most(after) > most(before)
        },
    },
    SettingRow {
        field: "schedule.enforce",
        weaker: "later or rarer",
        is_weaker: |before, after, now| rarer(before.schedule.enforce(), after.schedule.enforce(), now),
    },
    SettingRow {
        field: "schedule.tend",
        weaker: "later or rarer",
        is_weaker: |before, after, now| rarer(before.schedule.tend(), after.schedule.tend(), now),
    },
    SettingRow {
        field: "organization",
        weaker: "removed, fewer units, more accounts left out, no external id, another role, or secrets in another region",
        is_weaker: |before, after, _| organization_is_weaker(before, after, None),
    },
    SettingRow {
        field: "accounts.",
        weaker: "removed, another id, no external id, another role, or secrets in another region",
        is_weaker: |before, after, _| {
            let names: BTreeSet<&String> = before.accounts.keys().chain(after.accounts.keys()).collect();
            names.into_iter().any(|name| account_is_weaker(name, before, after, None))
        },
    },
];

/// A run that comes this much later is a later one: people move runs by an hour without a thought.
const LATER: TimeDelta = TimeDelta::days(1);

/// For how long a schedule is looked at, and how many of its runs.
const HORIZON: TimeDelta = TimeDelta::days(800);
const MOST_RUNS: usize = 1_000;

/// The fields of a user's policy that get weaker.
pub fn of_policy(before: &Entry, after: Option<&Entry>) -> Vec<&'static str> {
    let policy_says = |field: &str| {
        let row = WEAKENINGS.iter().find(|row| row.field == field);
        row.zip(after).is_some_and(|(row, after)| (row.is_weaker)(&before.policy, &after.policy))
    };
    let of_users = USERS.iter().filter(|row| (row.is_weaker)(before, after, policy_says(row.field)));
    let is_of_users = |field: &str| USERS.iter().any(|row| row.field == field);
    let of_policy = WEAKENINGS.iter().filter(|row| !is_of_users(row.field) && policy_says(row.field));
    of_users.map(|row| row.field).chain(of_policy.map(|row| row.field)).collect()
}

/// Whether a setting, by its name, gets weaker; `listed` is what the organisation has, where that is known.
pub fn of_setting(
    name: &str,
    before: &Manifest,
    after: &Manifest,
    now: DateTime<Utc>,
    listed: Option<&Listed>,
) -> bool {
    row_of(name).is_some_and(|row| match row.field {
        // Of several accounts each is looked at by itself.
        "accounts." => account_is_weaker(&name[row.field.len()..], before, after, listed),
        "organization" => organization_is_weaker(before, after, listed),
        _ => (row.is_weaker)(before, after, now),
    })
}

/// The row of a setting: its name, or how its name begins.
pub fn row_of(name: &str) -> Option<&'static SettingRow> {
    SETTINGS.iter().find(|row| match row.field.ends_with(['.', '/']) {
        true => name.starts_with(row.field),
        false => name == row.field,
    })
}

fn github(manifest: &Manifest) -> &GitHub {
    &manifest.deliver.github
}

fn longer_exempt(before: Option<&Exemption>, after: Option<&Exemption>) -> bool {
    match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => match (before.ends, after.ends) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => after > before,
        },
    }
}

/// Whether something of the first list is not in the second.
fn lacks(before: &[String], after: &[String]) -> bool {
    let identity = |one: &String| Channel::of(one).identity();
    before.iter().any(|one| !after.iter().any(|other| identity(other) == identity(one)))
}

fn looser(limit: fn(&Limits) -> &Option<Sourced<u32>>, before: &Manifest, after: &Manifest) -> bool {
    let value = |manifest: &Manifest| limit(&manifest.limits).as_ref().map(|limit| limit.value);
    match (value(before), value(after)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(before), Some(after)) => after > before,
    }
}

/// Whether runs of the second schedule begin later or come less often.
fn rarer(before: &str, after: &str, now: DateTime<Utc>) -> bool {
    match (runs(before, now), runs(after, now)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((first, gap)), Some((other_first, other_gap))) => other_first >= first + LATER || other_gap > gap,
    }
}

/// When a schedule comes next, and the longest time between two of its runs; `None` if it never comes.
fn runs(expression: &str, now: DateTime<Utc>) -> Option<(DateTime<Utc>, TimeDelta)> {
    if let Some(rate) = rate(expression) {
        // Only EventBridge knows when it began.
        return Some((now, rate));
    }
    let first = next_after(expression, now)?;
    let (mut last, mut gap) = (first, TimeDelta::zero());
    for _ in 0..MOST_RUNS {
        let Some(next) = next_after(expression, last) else { return Some((first, TimeDelta::MAX)) };
        gap = gap.max(next - last);
        last = next;
        if last - first > HORIZON {
            break;
        }
    }
    Some((first, gap))
}
