//! `apply --digest D --approved FILE`: nothing is applied that was not approved.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use chrono::TimeDelta;
use keyrota::{
    counted::counted,
    plan::{Chain, Change, Link, Plan, Verb, fingerprint, fingerprint_of, places},
    time::Duration,
};
use serde::Deserialize;

use super::{args::ApplyArgs, error::CommandError, exit::Exit};

/// A plan of a hundred thousand users has about a tenth of that.
const MOST_BYTES: u64 = 512 << 20;

/// What was approved.
pub struct Approval {
    digest: String,
    approved: Option<Approved>,
}

/// The approved plan.
struct Approved {
    path: PathBuf,
    /// `None`: it was written by an earlier keyrota, which did not note when steps follow.
    chains: Option<Vec<Chain>>,
}

/// Why a plan is not the approved one.
pub enum Refusal {
    /// What was approved says too little of what follows.
    Outdated {
        what: String,
    },
    /// Nobody knows what the plan would be.
    Unreadable {
        users: usize,
    },
    OtherDigest {
        approved: String,
        planned: String,
    },
    /// The file is not what the digest stands for.
    OtherFile {
        path: PathBuf,
        digest: String,
        approved: String,
    },
    /// A line for each difference.
    Beyond {
        lines: Vec<String>,
    },
}

/// As much of the plan's JSON as approval depends on.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    version: u32,
    changes: Vec<ApprovedChange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ApprovedChange {
    account: String,
    user: String,
    action: String,
    key_ref: Option<String>,
    place: Option<String>,
    destination: String,
    moves_to: Option<String>,
    made_with: Option<String>,
    then: Vec<ApprovedStep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ApprovedStep {
    action: String,
    key_ref: Option<String>,
    place: Option<String>,
    offset_hours: Option<i64>,
}

impl Approval {
    /// What the arguments ask for, if anything.
    pub fn read(args: &ApplyArgs) -> Result<Option<Self>, CommandError> {
        let Some(digest) = args.digest.clone() else { return Ok(None) };
        let approved = args.approved.clone().map(Approved::read).transpose()?;
        Ok(Some(Self { digest, approved }))
    }

    /// Whether it was given for plans of another kind. Can be told without looking at any account.
    pub fn outdated(&self) -> Option<Refusal> {
        let Self { digest, approved } = self;
        let what = match approved {
            _ if digest.starts_with("r1:") => format!("the digest `{digest}`"),
            Some(Approved { path, chains: None, .. }) => path.display().to_string(),
            _ => return None,
        };
        Some(Refusal::Outdated { what })
    }

    /// Whether the plan does no more than what was approved, not sooner, and with the same keys and places.
    pub fn covers(&self, plan: &Plan) -> Result<(), Refusal> {
        let Self { digest: wanted, approved } = self;
        let Some(planned) = fingerprint(plan) else {
            return Err(Refusal::Unreadable { users: plan.unreadable().count() });
        };
        let Some(Approved { path, chains }) = approved else {
            let refusal = || Refusal::OtherDigest { approved: wanted.clone(), planned: planned.clone() };
            return if planned == *wanted { Ok(()) } else { Err(refusal()) };
        };
        let chains = chains.as_deref().unwrap_or_default();
        let digest = fingerprint_of(chains.iter().cloned());
        if digest != *wanted {
            return Err(Refusal::OtherFile { path: path.clone(), digest, approved: wanted.clone() });
        }
        let approved: BTreeMap<(&str, &str), &Chain> =
            chains.iter().map(|chain| ((chain.account.as_str(), chain.user.as_str()), chain)).collect();
        let beyond = |change: &Change| {
            let approved = approved.get(&(change.account.id.as_str(), change.user.as_str()));
            differences(change, approved.copied())
        };
        let lines: Vec<String> = plan.changes.iter().flat_map(beyond).collect();
        if lines.is_empty() { Ok(()) } else { Err(Refusal::Beyond { lines }) }
    }
}

impl Approved {
    fn read(path: PathBuf) -> Result<Self, CommandError> {
        let shown = path.display();
        let is_plan = std::fs::metadata(&path).map(|it| it.is_file() && it.len() <= MOST_BYTES);
        if !is_plan.map_err(|error| CommandError::new(format!("{shown}: {error}")))? {
            return Err(CommandError::new(format!("{shown} is no plan: not a file, or one of more than 512 MiB")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| CommandError::new(format!("{shown}: {error}")))?;
        let document: Document = serde_json::from_str(&text).map_err(|error| {
            CommandError::new(format!("{shown} is no plan: {error}")).hint("`keyrota plan --json-into FILE` writes one")
        })?;
        let Document { version, changes } = document;
        if version != 1 {
            return Err(CommandError::new(format!(
                "{shown} is a plan of version {version}; this keyrota knows version 1"
            )));
        }
        let unknown = |action: String| CommandError::new(format!("{shown} is no plan: `{action}` is no action"));
        let mut chains = Some(Vec::new());
        for change in changes {
            match (chain(change).map_err(unknown)?, &mut chains) {
                (Some(chain), Some(chains)) => chains.push(chain),
                _ => chains = None,
            }
        }
        Ok(Self { path, chains })
    }
}

/// `None` if it was written before steps had offsets.
///
/// # Errors
/// An action that there is not.
fn chain(change: ApprovedChange) -> Result<Option<Chain>, String> {
    let ApprovedChange { account, user, action, key_ref, place, destination, moves_to, made_with, then } = change;
    let first = ApprovedStep { action, key_ref, place, offset_hours: Some(0) };
    let mut links = Vec::new();
    for ApprovedStep { action, key_ref, place, offset_hours } in std::iter::once(first).chain(then) {
        let verb: Verb = action.parse().map_err(|_| action)?;
        let (Some(key), Some(hours)) = (key_ref, offset_hours) else { return Ok(None) };
        links.push(Link { verb, key, place, hours });
    }
    let destination = places(&destination, moves_to.as_deref(), made_with.as_deref());
    Ok(Some(Chain { account, user, destination, links }))
}

/// What a change does beyond what was approved, a line each.
fn differences(change: &Change, approved: Option<&Chain>) -> Vec<String> {
    let planned = change.chain();
    let glyph = change.action.verb().glyph();
    let whole = || {
        let Change { account, user, action, reason, .. } = change;
        let to = to(change.place().as_deref());
        vec![format!("{glyph} {user}: {} {}{to} in {account}, {reason}", action.verb(), change.key())]
    };
    let Some(approved) = approved else { return whole() };
    let user = &change.user;
    let same = |one: &Link, other: &Link| (one.verb, &one.key, &one.place) == (other.verb, &other.key, &other.place);
    // Steps of the same run that were taken meanwhile are fine. A later step alone would come sooner than approved.
    let at_once = approved.links.iter().take_while(|link| link.hours == 0);
    let first = planned.links.first().and_then(|first| at_once.clone().position(|link| same(link, first)));
    let Some(first) = first else { return whole() };
    let mut lines = Vec::new();
    if planned.destination != approved.destination {
        lines.push(format!(
            "{glyph} {user}: the credential goes to `{}`, approved was `{}`",
            planned.destination, approved.destination
        ));
    }
    let line =
        |link: &Link, but: &str| format!("{} {user}: {} {}, {but}", link.verb.glyph(), step(link), when(link.hours));
    let mut rest = &approved.links[first..];
    for link in &planned.links {
        match rest.iter().position(|approved| same(approved, link)) {
            Some(position) if link.hours >= rest[position].hours => rest = &rest[position + 1..],
            Some(position) => {
                let approved = when(rest[position].hours);
                lines.push(line(link, &format!("approved was {approved}")));
                rest = &rest[position + 1..];
            }
            None => lines.push(line(link, "which was not approved")),
        }
    }
    lines
}

fn step(link: &Link) -> String {
    let key = match link.key.as_str() {
        "new" => "the new key",
        "new-2" => "the key after that",
        key => key,
    };
    format!("{} {key}{}", link.verb, to(link.place.as_deref()))
}

fn to(place: Option<&str>) -> String {
    place.map(|place| format!(" to {place}")).unwrap_or_default()
}

fn when(hours: i64) -> String {
    match hours {
        0 => "at once".to_owned(),
        hours => format!("{} after the first step", Duration(TimeDelta::hours(hours))),
    }
}

impl Refusal {
    /// What could not be read is not known to be another plan.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::Failed,
            _ => Exit::NotApproved,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outdated { what } => {
                write!(
                    f,
                    "{what} is of an earlier keyrota, which did not approve what follows: plan again and have that approved; nothing was changed"
                )
            }
            Self::Unreadable { users } => {
                let users = counted(*users, "user");
                write!(f, "{users} could not be read: such a plan has no digest, and can't be the approved one")
            }
            Self::OtherDigest { approved, planned } => {
                write!(f, "the plan is not the approved one: its digest is {planned}, and {approved} was approved")
            }
            Self::OtherFile { path, digest, approved } => {
                write!(
                    f,
                    "{} is not the approved plan: its digest is {digest}, and {approved} was approved",
                    path.display()
                )
            }
            Self::Beyond { lines } => {
                f.write_str("the plan has changes that were not approved:")?;
                lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
        }
    }
}
