//! Every exemption of the manifests: who granted it, until when, and which keys it is about.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    model::{Exception, KeyRow},
    provenance::{Grant, Provenance},
    rows::place,
};
use crate::{
    manifest::{Exemption, Manifest},
    time::Day,
};

/// All of them, in the order of files and lines.
pub fn exceptions(manifest: &Manifest, provenance: &Provenance, rows: &[KeyRow], now: DateTime<Utc>) -> Vec<Exception> {
    let exception = |exemption: &Exemption| {
        let Exemption { source, user, account, reason, ends } = exemption;
        let is_of = |row: &&KeyRow| {
            let is_account = |name: &str| {
                row.account == name || row.account_name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
            };
            row.in_scope && row.user.eq_ignore_ascii_case(user) && account.as_deref().is_none_or(is_account)
        };
        let (commit, author, authored, note) = match provenance.grants.get(source) {
            Some(Grant::Known { commit, author, at }) => {
                (Some(commit.clone()), Some(author.clone()), Some(at.clone()), None)
            }
            Some(Grant::Unknown(why)) => (None, None, None, Some(why.clone())),
            None => (None, None, None, provenance.note.clone()),
        };
        Exception {
            account: account.clone(),
            user: user.clone(),
            reason: reason.clone(),
            // It ends where the next day begins.
            until: ends.map(|ends| Day(ends - TimeDelta::seconds(1)).to_string()),
            in_force: ends.is_none_or(|ends| now < ends),
            place: place(source),
            commit,
            author,
            authored,
            note,
            rows: rows.iter().filter(is_of).map(|row| row.row).collect(),
        }
    };
    manifest.exemptions.iter().map(exception).collect()
}
