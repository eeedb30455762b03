//! What exemptions say, without where they stand: to compare one version of a file with another.

use chrono::TimeDelta;
use toml::{Table, Value};

use super::model::Exemption;
use crate::time::Day;

/// What an `[[exempt]]` says, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exempted {
    /// The IAM user.
    pub user: String,
    /// An account's name or id; `None`: every account.
    pub account: Option<String>,
    /// Why.
    pub reason: String,
    /// Its last day.
    pub until: Option<String>,
}

impl Exemption {
    /// What it says.
    pub fn says(&self) -> Exempted {
        let Self { source: _, user, account, reason, ends } = self;
        let until = ends.map(|ends| Day(ends - TimeDelta::seconds(1)).to_string());
        Exempted { user: user.clone(), account: account.clone(), reason: reason.clone(), until }
    }
}

/// What a version of a file exempts, whatever else it says: older ones may have been written for another keyrota. A file that is
/// no TOML exempts nobody, and neither does a table with a key that no exemption has.
pub fn exempted(file: &[u8]) -> Vec<Exempted> {
    let file = String::from_utf8_lossy(file);
    let table: Option<Table> = file.trim_start_matches('\u{feff}').parse().ok();
    let all = table.as_ref().and_then(|table| table.get("exempt")).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|one| of_table(one.as_table()?)).collect()
}

fn of_table(table: &Table) -> Option<Exempted> {
    let mut exempted = Exempted { user: String::new(), account: None, reason: String::new(), until: None };
    for (key, value) in table {
        match key.as_str() {
            "user" => value.as_str()?.clone_into(&mut exempted.user),
            "account" => exempted.account = Some(value.as_str()?.to_owned()),
            "reason" => value.as_str()?.clone_into(&mut exempted.reason),
            "until" => exempted.until = Some(value.as_datetime()?.to_string()),
            _ => return None,
        }
    }
    Some(exempted)
}
