//! `apply --digest D --approved FILE`: nothing is applied that was not approved.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use keyrota::plan::{Change, Identity, Plan, digest, digest_of};
use serde::Deserialize;

use super::{args::ApplyArgs, world::Stop};

/// What was approved.
pub struct Approval {
    digest: String,
    approved: Option<Approved>,
}

struct Approved {
    path: PathBuf,
    changes: BTreeSet<Identity>,
}

/// Why a plan is not the approved one.
pub enum Refusal {
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
    New {
        changes: Vec<Change>,
    },
}

/// As much of the plan's JSON as approval depends on.
#[derive(Deserialize)]
struct Document {
    version: u32,
    changes: Vec<ApprovedChange>,
}

#[derive(Deserialize)]
struct ApprovedChange {
    account: String,
    user: String,
    action: String,
    key: Option<String>,
    destination: String,
}

impl Approval {
    /// What the arguments ask for, if anything.
    pub fn read(args: &ApplyArgs) -> Result<Option<Self>, Stop> {
        let Some(digest) = args.digest.clone() else { return Ok(None) };
        let approved = match &args.approved {
            Some(path) => Some(Approved { path: path.clone(), changes: changes(path)? }),
            None => None,
        };
        Ok(Some(Self { digest, approved }))
    }

    /// Whether the plan does no more than what was approved. What follows an approved change within the run is part of
    /// it.
    pub fn covers(&self, plan: &Plan) -> Result<(), Refusal> {
        let Self { digest: wanted, approved } = self;
        match approved {
            None => {
                let planned = digest(plan);
                let refusal = || Refusal::OtherDigest { approved: wanted.clone(), planned: planned.clone() };
                if planned == *wanted { Ok(()) } else { Err(refusal()) }
            }
            Some(Approved { path, changes }) => {
                let digest = digest_of(changes.iter().cloned());
                if digest != *wanted {
                    return Err(Refusal::OtherFile { path: path.clone(), digest, approved: wanted.clone() });
                }
                let is_new = |change: &&Change| !changes.contains(&change.identity());
                let changes: Vec<Change> = plan.changes.iter().filter(is_new).cloned().collect();
                if changes.is_empty() { Ok(()) } else { Err(Refusal::New { changes }) }
            }
        }
    }
}

fn changes(path: &PathBuf) -> Result<BTreeSet<Identity>, Stop> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| Stop::new(format!("{shown}: {error}")))?;
    let document: Document = serde_json::from_str(&text).map_err(|error| {
        Stop::new(format!("{shown} is no plan: {error}")).hint("`keyrota plan --json-into FILE` writes one")
    })?;
    if document.version != 1 {
        let version = document.version;
        return Err(Stop::new(format!("{shown} is a plan of version {version}; this keyrota knows version 1")));
    }
    let identity = |change: ApprovedChange| {
        let ApprovedChange { account, user, action, key, destination } = change;
        Identity::new(&account, &user, &action, key.as_deref().unwrap_or_default(), &destination)
    };
    Ok(document.changes.into_iter().map(identity).collect())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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
            Self::New { changes } => {
                f.write_str("the plan has changes that were not approved:")?;
                for change in changes {
                    let Change { account, user, action, reason, .. } = change;
                    let key = action.key().map_or("new key", |key| key.as_str());
                    write!(f, "\n  {} {user}: {} {key} in {account}, {reason}", action.verb().glyph(), action.verb())?;
                }
                Ok(())
            }
        }
    }
}
