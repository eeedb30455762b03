//! A short name for what a plan does, to compare the plan that was approved with the one that is applied.

use sha2::{Digest, Sha256};

use super::{Change, Plan};

/// `r1:` and 12 hex digits of SHA-256 over the sorted (account, user, action, key, destination): no ages, dates or
/// wording, so that a plan keeps its digest while it means the same.
#[must_use]
pub fn digest(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.changes.iter().map(line).collect();
    lines.sort_unstable();
    let hash = Sha256::digest(lines.concat());
    hash[..6].iter().fold("r1:".to_owned(), |digest, byte| digest + &format!("{byte:02x}"))
}

/// Neither a name nor an id can hold a tab or a line break, so the fields can't run into each other.
fn line(change: &Change) -> String {
    let Change { account, user, action, reason: _, destination, source: _, then: _ } = change;
    let key = action.key().map_or("", |key| key.as_str());
    format!("{}\t{user}\t{}\t{key}\t{destination}\n", account.id, action.verb())
}
