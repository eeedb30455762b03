//! Keys of users that no rule selects: nothing is ever done to them, and they must not go unseen.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    error::CallError,
    key::{Key, KeyId, LastUse},
};

/// The keys of users that no rule selects, as far as they were read.
#[derive(Clone, Debug, Default)]
pub struct UnmanagedKeys {
    /// By user name as IAM spells it; who is not here was not read.
    pub users: BTreeMap<String, Vec<UnmanagedKey>>,
    /// Why some were not read that should have been.
    pub unread: Option<CallError>,
}

/// One such key. The credential report tells no ids, and of an age no more than that it is at least that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmanagedKey {
    /// Its id; the credential report has none.
    pub id: Option<KeyId>,
    /// Whether it works.
    pub active: bool,
    /// In the credential report: or when its status last changed.
    pub created: DateTime<Utc>,
    /// As far as it was read: the credential report has it.
    pub last_use: LastUse,
}

impl From<&Key> for UnmanagedKey {
    fn from(key: &Key) -> Self {
        let Key { id, status: _, created, last_use } = key;
        Self { id: Some(id.clone()), active: key.is_active(), created: *created, last_use: last_use.clone() }
    }
}

/// Reads the keys of all users off a credential report: CSV whose first line names the columns. `None`: it is none.
///
/// AWS puts nothing in quotes, and the name of a user may hold commas: those are told from the columns by their number, for the
/// ARN ends with the same name.
pub fn from_credential_report(report: &str) -> Option<BTreeMap<String, Vec<UnmanagedKey>>> {
    let mut lines = report.lines();
    let header: Vec<&str> = lines.next()?.split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name);
    if column("user")? != 0 || column("arn")? != 1 {
        return None;
    }
    let keys = ["access_key_1", "access_key_2"].map(|key| {
        let of = |what: &str| column(&format!("{key}_{what}"));
        let uses = [of("last_used_date"), of("last_used_service"), of("last_used_region")];
        Some((of("active")?, of("last_rotated")?, uses))
    });
    let mut users = BTreeMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.split(',').collect();
        let commas = parts.len().checked_sub(header.len())? / 2;
        let user = parts[..=commas].join(",");
        let value = |column: usize| parts.get(column + 2 * commas).copied();
        let mut found = Vec::new();
        for key in keys {
            let (active, rotated, uses) = key?;
            let created = value(rotated)?;
            // A key that is not there has neither.
            if let Ok(created) = DateTime::parse_from_rfc3339(created) {
                let last_use = last_use(uses.map(|column| column.and_then(value)));
                let (active, created) = (value(active)? == "true", created.to_utc());
                found.push(UnmanagedKey { id: None, active, created, last_use });
            } else if value(active)? == "true" {
                return None;
            }
        }
        users.insert(user, found);
    }
    Some(users)
}

/// Date, service and region, as the columns say; `N/A` where there is none of it.
fn last_use([date, service, region]: [Option<&str>; 3]) -> LastUse {
    let text = |value: Option<&str>| value.filter(|value| *value != NOT_APPLICABLE).map(str::to_owned);
    match date {
        Some(NOT_APPLICABLE) => LastUse::Never,
        Some(date) => DateTime::parse_from_rfc3339(date).map_or(LastUse::Unread, |time| LastUse::At {
            time: time.to_utc(),
            service: text(service),
            region: text(region),
        }),
        None => LastUse::Unread,
    }
}

/// What the report has in place of a value that there is none of.
const NOT_APPLICABLE: &str = "N/A";

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "user,arn,user_creation_time,password_enabled,access_key_1_active,access_key_1_last_rotated,\
                          access_key_2_active,access_key_2_last_rotated,cert_1_active";

    fn read(lines: &str) -> Option<BTreeMap<String, Vec<UnmanagedKey>>> {
        from_credential_report(&format!("{HEADER}\n{lines}"))
    }

    #[test]
    fn a_report_tells_the_keys() {
        let users = read(
            "<root_account>,arn:aws:iam::1:root,2020-01-01T00:00:00+00:00,not_supported,false,N/A,false,N/A,false\n\
             a,b,arn:aws:iam::1:user/a,b,2020-01-01T00:00:00+00:00,false,true,2026-01-01T00:00:00+00:00,false,2026-02-01T00:00:00+00:00,false\n",
        )
        .expect("a report");
        assert!(users["<root_account>"].is_empty());
        let keys: Vec<_> = users["a,b"].iter().map(|key| (key.active, key.created.date_naive().to_string())).collect();
        assert_eq!(keys, [(true, "2026-01-01".to_owned()), (false, "2026-02-01".to_owned())]);
    }

    #[test]
    fn a_report_tells_when_keys_were_used() {
        let header = "user,arn,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
                      access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,\
                      access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,\
                      access_key_2_last_used_service";
        let line = "a,arn,true,2026-01-01T00:00:00+00:00,2026-02-01T10:00:00+00:00,us-east-1,s3,\
                    true,2026-01-01T00:00:00+00:00,N/A,N/A,N/A";
        let users = from_credential_report(&format!("{header}\n{line}\n")).expect("a report");
        let time = "2026-02-01T10:00:00Z".parse().expect("a time");
        let used = LastUse::At { time, service: Some("s3".to_owned()), region: Some("us-east-1".to_owned()) };
        let uses: Vec<_> = users["a"].iter().map(|key| key.last_use.clone()).collect();
        assert_eq!(uses, [used, LastUse::Never]);
        // A report without those columns does not say that nobody used a key.
        let users = read("a,arn,x,false,true,2026-01-01T00:00:00+00:00,false,N/A,false").expect("a report");
        assert_eq!(users["a"][0].last_use, LastUse::Unread);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert_eq!(from_credential_report(""), None);
        assert_eq!(from_credential_report("<html>"), None);
        assert_eq!(read("ci,arn"), None);
        // A key that works has an age.
        assert_eq!(read("ci,arn:aws:iam::1:user/ci,x,false,true,N/A,false,N/A,false"), None);
    }
}
