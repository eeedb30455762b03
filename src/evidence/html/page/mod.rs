//! What the page shows, in words: all of it text, as the template writes it.

mod criteria;
mod happened;
mod keys;
mod names;
mod notes;
mod users;

use std::collections::HashSet;

use serde::Serialize;

use self::{
    criteria::{ControlView, CriterionView, control, criterion},
    happened::{HappenedView, happened},
    keys::{AccountRow, AccountView, account_rows, by_account},
    names::{MOST_NAMED, account},
    notes::{Note, notes},
    users::{ExceptionView, UnmanagedView, exception, unmanaged},
};
use crate::{
    evidence::{
        figures,
        model::{AgeClass, Completeness, Evidence, UnmanagedRow, Verdict},
        shown::minute,
    },
    report::accounts::FEW,
};

#[derive(Serialize)]
pub struct Page<'a> {
    title: String,
    as_of: String,
    /// The report is about another instant than the one at which the accounts were read.
    forecast: Option<String>,
    verdict: &'static str,
    headline: String,
    tiles: Vec<Tile>,
    notes: Vec<Note>,
    facts: Vec<(&'static str, String)>,
    sha256: &'a str,
    controls: Vec<ControlView<'a>>,
    criteria: Vec<CriterionView<'a>>,
    ages: Vec<[String; 6]>,
    oldest: Vec<[String; 3]>,
    oldest_note: &'a str,
    calendar: Option<CalendarView<'a>>,
    /// Of several accounts: how each does, the worst first.
    by_account: Vec<AccountRow>,
    by_account_fine: Option<String>,
    accounts: Vec<AccountView>,
    keys: usize,
    exceptions: Vec<ExceptionView<'a>>,
    unmanaged: Vec<UnmanagedView<'a>>,
    unmanaged_without_keys: usize,
    happened: Option<HappenedView<'a>>,
}

/// A number and what it counts.
#[derive(Serialize)]
struct Tile {
    number: String,
    what: String,
    class: &'static str,
}

#[derive(Serialize)]
struct CalendarView<'a> {
    from: &'a str,
    until: &'a str,
    weeks: Vec<[String; 4]>,
    late: Vec<(&'a str, &'a str)>,
    late_more: usize,
    assumption: &'a str,
}

impl<'a> Page<'a> {
    pub fn new(evidence: &'a Evidence) -> Self {
        let Evidence { summary, completeness, accounts, keys, .. } = evidence;
        let named: Vec<String> = accounts.iter().map(|it| account(&it.account, it.account_name.as_deref())).collect();
        let title = match &named[..] {
            [] => "AWS access keys".to_owned(),
            [only] => format!("AWS access keys of account {only}"),
            many => format!("AWS access keys of {} accounts", many.len()),
        };
        let (verdict, headline) = headline(evidence);
        let with_keys = |it: &&UnmanagedRow| it.active_keys != Some(0) || !it.rows.is_empty();
        let (by_account_rows, by_account_fine) = account_rows(evidence);
        let mut page = Self {
            title,
            by_account: by_account_rows,
            by_account_fine,
            as_of: minute(&evidence.as_of),
            forecast: (evidence.as_of != evidence.observed).then(|| minute(&evidence.observed)),
            verdict,
            headline,
            tiles: tiles(evidence),
            notes: notes(evidence),
            facts: facts(evidence, &named),
            sha256: &evidence.sha256,
            controls: evidence.controls.iter().map(control).collect(),
            criteria: evidence.criteria.iter().map(|one| criterion(one, keys)).collect(),
            ages: evidence.ages.iter().map(ages).collect(),
            oldest: months(evidence),
            oldest_note: &evidence.oldest.note,
            calendar: evidence.calendar.as_ref().map(|calendar| CalendarView {
                from: &calendar.from,
                until: &calendar.until,
                weeks: figures::weeks(calendar)
                    .into_iter()
                    .map(|week| [week.date, number(week.create), number(week.deactivate), number(week.delete)])
                    .collect(),
                late: calendar
                    .late
                    .iter()
                    .take(MOST_NAMED)
                    .map(|late| (late.user.as_str(), late.message.as_str()))
                    .collect(),
                late_more: calendar.late.len().saturating_sub(MOST_NAMED),
                assumption: &calendar.assumption,
            }),
            accounts: by_account(evidence),
            keys: summary.keys,
            exceptions: evidence.exceptions.iter().map(|it| exception(it, keys)).collect(),
            unmanaged: evidence
                .unmanaged
                .iter()
                .filter(with_keys)
                .map(|it| unmanaged(it, keys, completeness))
                .collect(),
            unmanaged_without_keys: evidence.unmanaged.iter().filter(|it| !with_keys(it)).count(),
            happened: evidence.happened.as_ref().map(happened),
        };
        page.link();
        page
    }

    /// Gives an anchor to the rows that something on the page leads to; thousands need none.
    fn link(&mut self) {
        let criteria = self.criteria.iter().flat_map(|criterion| &criterion.groups).flat_map(|group| &group.rows);
        let exceptions = self.exceptions.iter().flat_map(|exception| &exception.rows);
        let unmanaged = self.unmanaged.iter().flat_map(|user| &user.rows);
        let linked: HashSet<usize> = criteria.chain(exceptions).chain(unmanaged).map(|(row, _)| *row).collect();
        for row in self.accounts.iter_mut().flat_map(|account| &mut account.rows) {
            row.linked = linked.contains(&row.row);
        }
    }
}

fn number(number: usize) -> String {
    number.to_string()
}

/// What a tired person should take with them.
fn headline(evidence: &Evidence) -> (&'static str, String) {
    let Evidence { controls, summary, completeness, .. } = evidence;
    let count = |verdict: Verdict| summary.controls.get(&verdict).copied().unwrap_or(0);
    let all = controls.len();
    let verdict = Verdict::ALL.into_iter().find(|verdict| count(*verdict) > 0).unwrap_or(Verdict::Pass);
    let sentence = match verdict {
        Verdict::Fail => {
            format!("{} of {all} controls {}.", count(verdict), if count(verdict) == 1 { "fails" } else { "fail" })
        }
        Verdict::Unknown => format!("No control fails, but {} of {all} can't be told.", count(verdict)),
        Verdict::Excepted => format!("No control fails; {} of {all} hold but for exemptions.", count(verdict)),
        Verdict::Pass if summary.active_keys == 0 => "There is no active key, so that no control fails.".to_owned(),
        Verdict::Pass => format!("All {all} controls pass."),
    };
    let incomplete = if completeness.complete { "" } else { " The report is incomplete: see below." };
    (verdict.as_str(), sentence + incomplete)
}

fn tiles(evidence: &Evidence) -> Vec<Tile> {
    let Evidence { summary, completeness, .. } = evidence;
    let tile = |count: usize, what: &str, class: &'static str| Tile {
        number: number(count),
        what: what.to_owned(),
        class: if count == 0 { "" } else { class },
    };
    let unread =
        completeness.accounts_unread.len() + completeness.unreadable.len() + completeness.unmanaged_unread.len();
    vec![
        tile(summary.active_keys, "active keys", ""),
        tile(summary.over_limit, "older than their own limit", "fail"),
        Tile {
            number: summary.oldest_age_days.map_or_else(|| "–".to_owned(), |days| days.to_string()),
            what: "days: the oldest active key".to_owned(),
            class: "",
        },
        tile(summary.exempt_keys, "of exempt users", "excepted"),
        tile(summary.unmanaged_keys, "of users that nobody manages", "fail"),
        tile(unread, "accounts and users not read", "unknown"),
    ]
}

fn complete(of: &Completeness) -> &'static str {
    match (of.complete, of.accounts_left_out.is_empty()) {
        (false, _) => "no: see above",
        (true, false) => "of these accounts; others are left out, see above",
        (true, true) => "yes",
    }
}

fn facts(evidence: &Evidence, accounts: &[String]) -> Vec<(&'static str, String)> {
    let Evidence { manifests, version, .. } = evidence;
    let mut callers: Vec<&str> = evidence.accounts.iter().map(|it| it.caller.as_str()).collect();
    callers.dedup();
    if callers.len() > FEW {
        callers.truncate(FEW);
        callers.push("and so on: the JSON has one an account");
    }
    let listed = |names: &[String]| match names.len() {
        0 => "none".to_owned(),
        many if many > FEW => format!("{many}, each below"),
        _ => names.join(", "),
    };
    let commit = match (&manifests.commit, manifests.dirty) {
        (Some(commit), false) => commit.clone(),
        (Some(commit), true) => format!("not committed; {commit} is checked out"),
        (None, _) => "not known".to_owned(),
    };
    vec![
        ("Accounts", listed(accounts)),
        ("As of", minute(&evidence.as_of)),
        ("Manifests", manifests.folder.clone()),
        ("Commit of the manifests", commit),
        ("Fingerprint of the manifests (SHA-256)", manifests.fingerprint.clone()),
        ("keyrota", version.clone()),
        ("Called as", callers.join(", ")),
        ("Complete", complete(&evidence.completeness).to_owned()),
        ("SHA-256 of the JSON", evidence.sha256.clone()),
    ]
}

fn ages(class: &AgeClass) -> [String; 6] {
    let name = match class.below_days {
        Some(below) => format!("{} to {}", class.from_days, below - 1),
        None => format!("{} and more", class.from_days),
    };
    [
        name,
        number(class.within_limit),
        number(class.over_limit),
        number(class.exempt),
        number(class.unmanaged),
        number(figures::all(class)),
    ]
}

/// The first of each month, and the last day of all.
fn months(evidence: &Evidence) -> Vec<[String; 3]> {
    let days = &evidence.oldest.days;
    let now = days.iter().rposition(|day| !day.expected);
    let is_named = |at: usize| days[at].date.ends_with("-01") || Some(at) == now || at + 1 == days.len();
    let age = |age: Option<i64>| age.map_or_else(|| "–".to_owned(), |age| age.to_string());
    let named = (0..days.len()).filter(|at| is_named(*at)).map(|at| &days[at]);
    named
        .map(|day| {
            let expected = if day.expected { " (expected)" } else { "" };
            [format!("{}{expected}", day.date), age(day.age_days), age(day.in_scope_age_days)]
        })
        .collect()
}
