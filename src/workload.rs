//! What earlier runs measured of each account: which of several a run begins with, and whether one still fits into its time.
//!
//! It is a preference and nothing more: who has none begins elsewhere every day, and an account of which nothing is known is
//! begun like any other.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::inventory::{CallError, ErrorKind, Inventory};

/// What each file says it is; fields are only added.
const SCHEMA: &str = "keyrota/workload/v1";

/// What is known of all accounts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// Whether what this run measures is kept for the next.
    pub is_kept: bool,
    /// By their ids.
    pub accounts: BTreeMap<String, Measured>,
}

/// What is known of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// How long it took to read it; `None`: it was never read.
    pub seconds: Option<f64>,
    /// When its oldest active key was created, of users in scope; `None`: there was none.
    pub oldest: Option<DateTime<Utc>>,
    /// Since when runs have left it, or some of it, to the next.
    pub left_since: Option<DateTime<Utc>>,
    /// When a run that enforces began which could not read it at all, and since which nobody has: the next run, of whatever kind,
    /// begins what was due then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_since: Option<DateTime<Utc>>,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    accounts: BTreeMap<String, Measured>,
}

impl Workload {
    /// Reads what [`Self::render`] wrote.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let Document { schema, accounts } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match schema == SCHEMA {
            true => Ok(Self { is_kept: true, accounts }),
            false => Err(format!("its `schema` is not {SCHEMA}")),
        }
    }

    /// As it is kept for the next run.
    #[must_use]
    pub fn render(&self) -> String {
        let document = Document { schema: SCHEMA.to_owned(), accounts: self.accounts.clone() };
        serde_json::to_string(&document).expect("no map has keys other than strings") + "\n"
    }

    /// In which order a run of this instant begins accounts, as places in the list of their ids: those that runs have left,
    /// longest ago first; those that were never read; then those with the oldest keys. Where nothing is known at all, each day
    /// begins elsewhere, so that none is last for good.
    #[must_use]
    pub fn order(&self, ids: &[&str], at: DateTime<Utc>) -> Vec<usize> {
        let mut order: Vec<usize> = (0..ids.len()).collect();
        if !ids.iter().any(|id| self.accounts.contains_key(*id)) {
            order.rotate_left(first_of_day(ids.len(), at));
            return order;
        }
        let urgency = |place: &usize| match self.accounts.get(ids[*place]) {
            Some(Measured { left_since: Some(since), .. }) => (0, Some(*since)),
            None | Some(Measured { seconds: None, .. }) => (1, None),
            Some(Measured { oldest: Some(oldest), .. }) => (2, Some(*oldest)),
            Some(_) => (3, None),
        };
        order.sort_by_key(urgency);
        order
    }

    /// How long it takes to read an account, as far as that is known.
    #[must_use]
    pub fn expected(&self, id: &str) -> Option<Duration> {
        let seconds = self.accounts.get(id)?.seconds?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Notes what a run has measured of an account: how long it took to read, and what was observed. `is_left`: not all of what
    /// was due could be done.
    pub fn note(&mut self, id: &str, took: Duration, inventory: &Inventory, is_left: bool, at: DateTime<Utc>) {
        let is_cut = inventory.users.values().filter_map(|state| state.as_ref().err()).any(CallError::may_be_over);
        // A reading that was cut short says only how long it takes at least.
        let before = self.accounts.get(id);
        let known = before.and_then(|before| before.seconds).filter(|_| is_cut).unwrap_or_default();
        let states = inventory.users.values().filter_map(|state| state.as_ref().ok());
        let keys = states.flat_map(|state| &state.keys).filter(|key| key.is_active());
        let measured = Measured {
            seconds: Some(took.as_secs_f64().max(known)),
            oldest: keys.map(|key| key.created).min(),
            left_since: (is_cut || is_left).then(|| self.left_since(id).unwrap_or(at)),
            // Of whom the time was over before they were read, the account itself knows, but where keyrota has nothing yet.
            unread_since: self.unread_since(id).filter(|_| is_cut || is_left),
        };
        self.accounts.insert(id.to_owned(), measured);
    }

    /// Notes that a run did not come to an account, or could not read it. `enforces`: it would have begun what was due.
    pub fn leave(&mut self, id: &str, enforces: bool, at: DateTime<Utc>) {
        let since = self.left_since(id).unwrap_or(at);
        let measured = self.accounts.entry(id.to_owned()).or_default();
        measured.left_since = Some(since);
        if enforces {
            measured.unread_since = Some(at);
        }
    }

    /// Notes that not everything went well in an account that was read.
    pub fn revisit(&mut self, id: &str, at: DateTime<Utc>) {
        self.leave(id, false, at);
    }

    /// When a run that enforces began which could not read the account at all, if nobody has since.
    #[must_use]
    pub fn unread_since(&self, id: &str) -> Option<DateTime<Utc>> {
        self.accounts.get(id)?.unread_since
    }

    fn left_since(&self, id: &str) -> Option<DateTime<Utc>> {
        self.accounts.get(id)?.left_since
    }

    /// Why an account was not begun.
    pub(crate) fn not_begun(&self, account: &str) -> CallError {
        let next = match self.is_kept {
            true => "the next run begins with it",
            false => "nothing is kept from which the next run could tell; set `evidence` or `fleet` in Terraform",
        };
        let message = format!("not begun, for the time for reading was over: {next}");
        CallError::new(ErrorKind::OutOfTime, "iam:GetAccountAuthorizationDetails", account, message)
    }
}

/// Where a day begins in a list: days that follow each other begin far apart.
fn first_of_day(count: usize, at: DateTime<Utc>) -> usize {
    let days = (at.date_naive() - NaiveDate::MIN).num_days().unsigned_abs();
    let (days, count) = (u128::from(days), count as u128);
    // The fractional part of a multiple of the golden ratio leaves the smallest gaps.
    let first = (days * 618_034 % 1_000_000) * count / 1_000_000;
    usize::try_from(first).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T08:00:00Z".parse().expect("a time")
    }

    fn measured(oldest: Option<i64>, left: Option<i64>) -> Measured {
        let ago = |days: i64| now() - TimeDelta::days(days);
        Measured { seconds: Some(1.5), oldest: oldest.map(ago), left_since: left.map(ago), unread_since: None }
    }

    #[test]
    fn what_was_left_comes_first_and_then_the_oldest_keys() {
        let known = [
            ("young", measured(Some(3), None)),
            ("old", measured(Some(80), None)),
            ("left", measured(Some(1), Some(1))),
            ("left-longer", measured(Some(2), Some(4))),
            ("empty", measured(None, None)),
        ];
        let accounts = known.map(|(id, measured)| (id.to_owned(), measured)).into();
        let workload = Workload { is_kept: true, accounts };
        let ids = ["young", "old", "new", "empty", "left", "left-longer"];
        let order: Vec<&str> = workload.order(&ids, now()).into_iter().map(|place| ids[place]).collect();
        assert_eq!(order, ["left-longer", "left", "new", "old", "young", "empty"]);
        assert_eq!(Workload::parse(workload.render().as_bytes()), Ok(workload));
        assert!(Workload::parse(b"{}").is_err() && Workload::parse(br#"{"schema":"x","accounts":{}}"#).is_err());
    }

    #[test]
    fn where_nothing_is_known_each_day_begins_elsewhere() {
        let ids: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let day = |day: i64| Workload::default().order(&ids, now() + TimeDelta::days(day));
        let (mut reached, a_day) = (BTreeSet::new(), 10);
        for number in 0..20 {
            let order = day(number);
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 100);
            reached.extend(order.into_iter().take(a_day));
        }
        assert_eq!(reached.len(), 100, "ten a day come to each of a hundred within twenty days");
        assert_eq!(Workload::default().order(&[], now()), [0; 0]);
    }

    #[test]
    fn an_account_that_was_left_stays_so_until_it_is_done() {
        let mut workload = Workload::default();
        workload.leave("a", false, now());
        assert_eq!(workload.unread_since("a"), None, "a run that tends begins nothing");
        workload.leave("a", true, now() + TimeDelta::hours(1));
        workload.leave("a", false, now() + TimeDelta::days(1));
        assert_eq!(workload.accounts["a"].left_since, Some(now()));
        assert_eq!(workload.unread_since("a"), Some(now() + TimeDelta::hours(1)));
        workload.note("a", Duration::from_secs(3), &Inventory::default(), true, now() + TimeDelta::days(2));
        assert_eq!(workload.accounts["a"].left_since, Some(now()));
        workload.note("a", Duration::from_secs(3), &Inventory::default(), false, now() + TimeDelta::days(3));
        assert_eq!((workload.accounts["a"].left_since, workload.expected("a")), (None, Some(Duration::from_secs(3))));
        assert_eq!(workload.unread_since("a"), None);
    }
}
