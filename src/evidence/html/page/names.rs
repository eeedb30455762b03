//! How rows and accounts are called where something leads to them.

use crate::evidence::model::KeyRow;

/// So many rows are named at a verdict; the others are marked where they stand.
pub const MOST_NAMED: usize = 50;

pub fn account(id: &str, name: Option<&str>) -> String {
    name.map_or_else(|| id.to_owned(), |name| format!("{id} ({name})"))
}

/// A row in a few words: its user, and the end of its key.
pub fn row_name(keys: &[KeyRow], row: usize) -> String {
    let Some(row) = keys.get(row.saturating_sub(1)) else { return row.to_string() };
    let age = row.age_days.map_or_else(|| ", not read".to_owned(), |age| format!(", {age} d"));
    match row.key.as_ref().map(|key| &key[key.len().saturating_sub(4)..]) {
        Some(end) => format!("{} …{end}{age}", row.user),
        None => format!("{}{age}", row.user),
    }
}
