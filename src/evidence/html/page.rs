//! What the page shows, in words: all of it text, as the template writes it.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::time::Day;
use crate::{
    counted::counted,
    evidence::{
        figures,
        model::{
            AccountFacts, ChangeRow, Completeness, ControlVerdict, CriterionVerdict, Decision, Evidence, Exception,
            Happened, KeyRow, KeyStatus, MailRow, RunRow, UnmanagedRow, Unread, Verdict,
        },
        shown::{AccountNames, day, minute, place, shortcomings, told_to, used_with, worst_by_account},
    },
    inventory::UnreadAccount,
    report::{
        accounts::FEW,
        unread::{Cause, causes},
    },
};

/// So many rows are named at a verdict; the others are marked where they stand.
const MOST_NAMED: usize = 50;

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

/// Something that must not be overlooked, with what it is about.
#[derive(Serialize)]
struct Note {
    title: String,
    items: Vec<String>,
}

#[derive(Serialize)]
struct ControlView<'a> {
    framework: &'a str,
    version: &'a str,
    number: &'a str,
    title: &'a str,
    source: &'a str,
    verdict: &'static str,
    pass: usize,
    of: usize,
    decided_by: Vec<(&'static str, &'static str)>,
    leaves_out: &'a str,
}

#[derive(Serialize)]
struct CriterionView<'a> {
    id: &'static str,
    title: &'a str,
    verdict: &'static str,
    pass: usize,
    of: usize,
    groups: Vec<Group>,
}

/// The rows of a criterion that have one verdict.
#[derive(Serialize)]
struct Group {
    verdict: &'static str,
    count: usize,
    rows: Vec<(usize, String)>,
    more: usize,
}

/// How one of several accounts does.
#[derive(Serialize)]
struct AccountRow {
    name: String,
    users: usize,
    unmanaged: usize,
    active_keys: usize,
    /// Keys that something is not met by, or not known of.
    failing: usize,
    verdict: &'static str,
}

#[derive(Serialize)]
struct AccountView {
    name: String,
    region: String,
    rows: Vec<RowView>,
}

/// A line of the table of keys. What says nothing is left out: there may be thousands.
#[derive(Serialize)]
struct RowView {
    row: usize,
    /// A verdict names it.
    linked: bool,
    user: String,
    /// At the first key of a user.
    arn: Option<String>,
    key: String,
    status: String,
    age: String,
    created: String,
    limit: String,
    limit_place: String,
    used: String,
    used_with: String,
    state: &'static str,
    message: String,
    next: String,
    next_at: String,
    secret: String,
    told: String,
    verdict: String,
    class: &'static str,
}

#[derive(Serialize)]
struct CalendarView<'a> {
    from: &'a str,
    until: &'a str,
    weeks: Vec<[String; 4]>,
    late: Vec<(String, &'a str)>,
    late_more: usize,
    assumption: &'a str,
}

#[derive(Serialize)]
struct ExceptionView<'a> {
    account: &'a str,
    user: &'a str,
    reason: &'a str,
    until: String,
    state: &'static str,
    place: String,
    commit: &'a str,
    author: &'a str,
    authored: String,
    note: &'a str,
    rows: Vec<(usize, String)>,
    more: usize,
}

#[derive(Serialize)]
struct UnmanagedView<'a> {
    account: String,
    user: &'a str,
    arn: &'a str,
    keys: String,
    class: &'static str,
    verdict: &'static str,
    rows: Vec<(usize, String)>,
}

#[derive(Serialize)]
struct HappenedView<'a> {
    since: String,
    source: &'a str,
    runs: Vec<RunView<'a>>,
    changes: Vec<ChangeView<'a>>,
    mail: Vec<MailView<'a>>,
    unused: &'a [String],
}

#[derive(Serialize)]
struct MailView<'a> {
    at: String,
    kind: &'a str,
    to: &'a str,
    users: String,
    result: String,
    class: &'static str,
}

#[derive(Serialize)]
struct RunView<'a> {
    run: &'a str,
    at: String,
    what: String,
    caller: &'a str,
    manifests: String,
    result: String,
    class: &'static str,
}

#[derive(Serialize)]
struct ChangeView<'a> {
    at: String,
    user: &'a str,
    arn: &'a str,
    action: &'a str,
    key: &'a str,
    reason: &'a str,
    result: String,
    class: &'static str,
    told: String,
}

impl<'a> Page<'a> {
    pub fn new(evidence: &'a Evidence) -> Self {
        let Evidence { summary, accounts, keys, .. } = evidence;
        let named: Vec<String> = accounts.iter().map(|it| account(&it.account, it.account_name.as_deref())).collect();
        let title = match &named[..] {
            [] => "AWS access keys".to_owned(),
            [only] => format!("AWS access keys of account {only}"),
            many => format!("AWS access keys of {} accounts", many.len()),
        };
        let (verdict, headline) = headline(evidence);
        let names = AccountNames::of(evidence);
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
            criteria: evidence.criteria.iter().map(|one| criterion(one, keys, &names)).collect(),
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
                    .map(|late| {
                        (names.user(&late.user, &late.account, names.name_of(&late.account)), late.message.as_str())
                    })
                    .collect(),
                late_more: calendar.late.len().saturating_sub(MOST_NAMED),
                assumption: &calendar.assumption,
            }),
            accounts: by_account(evidence),
            keys: summary.keys,
            exceptions: evidence.exceptions.iter().map(|it| exception(it, keys, &names)).collect(),
            unmanaged: evidence.unmanaged.iter().filter(with_keys).map(|it| unmanaged(it, keys)).collect(),
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

fn account(id: &str, name: Option<&str>) -> String {
    name.map_or_else(|| id.to_owned(), |name| format!("{id} ({name})"))
}

fn some(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
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

fn unread(unread: &Unread) -> String {
    let Unread { account: id, account_name, user, error, hint } = unread;
    let error = hint.as_ref().map_or_else(|| error.clone(), |hint| format!("{error}; {hint}"));
    let account = match (id, account_name) {
        (Some(id), name) => account(id, name.as_deref()),
        (None, Some(name)) => name.clone(),
        (None, None) => String::new(),
    };
    let place = [user.as_deref(), Some(account.as_str())].into_iter().flatten().filter(|it| !it.is_empty());
    let place = place.collect::<Vec<_>>().join(", ");
    if place.is_empty() { error } else { format!("{place}: {error}") }
}

fn notes(evidence: &Evidence) -> Vec<Note> {
    let Completeness { accounts_unread, accounts_left_out, unreadable, unmanaged_unread, complete: _ } =
        &evidence.completeness;
    let mut notes = Vec::new();
    if !accounts_left_out.is_empty() {
        let count = accounts_left_out.len();
        let named = accounts_left_out.iter().take(MOST_NAMED);
        let mut items: Vec<String> = named.map(|it| format!("{} ({})", it.account, it.account_name)).collect();
        let more = count.saturating_sub(MOST_NAMED);
        items.extend((more > 0).then(|| format!("and {more} more, which the JSON names")));
        let title =
            format!("{} left out: nothing here tells of the keys there", some(count, "account was", "accounts were"));
        notes.push(Note { title, items });
    }
    if !accounts_unread.is_empty() {
        let count = accounts_unread.len();
        let title =
            format!("{} not read: nothing here tells of the keys there", some(count, "account was", "accounts were"));
        let items = causes(&AccountNames::of(evidence).unread()).iter().map(unread_cause).collect();
        notes.push(Note { title, items });
    }
    let mut note = |all: &[Unread], title: String| {
        if !all.is_empty() {
            let more = all.len().saturating_sub(MOST_NAMED);
            let mut items: Vec<String> = all.iter().take(MOST_NAMED).map(unread).collect();
            items.extend((more > 0).then(|| format!("and {more} more, which the JSON names")));
            notes.push(Note { title, items });
        }
    };
    let count = unreadable.len();
    note(
        unreadable,
        format!("{} not read: whether their keys meet the controls is unknown", some(count, "user was", "users were")),
    );
    let count = unmanaged_unread.len();
    let what = "whose keys are not known";
    note(unmanaged_unread, format!("{} that no rule selects, {what}", counted(count, "user")));
    let manifests = &evidence.manifests;
    if manifests.dirty {
        let commit = manifests.commit.as_deref().unwrap_or_default();
        notes.push(Note {
            title: "The manifests are not those of the commit".to_owned(),
            items: vec![format!(
                "They differ from {commit}, which is checked out: what was used is known by its fingerprint alone."
            )],
        });
    }
    if let Some(why) = &manifests.note {
        notes.push(Note { title: "What git does not tell".to_owned(), items: vec![why.clone()] });
    }
    notes
}

/// As one account is told, or all of one cause.
fn unread_cause(cause: &Cause<'_>) -> String {
    let hint = cause.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    match cause.accounts[..] {
        [UnreadAccount { id: Some(id), name, error, .. }] => format!("{}: {error}{hint}", account(id, name.as_deref())),
        _ => format!("{cause}{hint}"),
    }
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

fn control(control: &ControlVerdict) -> ControlView<'_> {
    let ControlVerdict {
        framework, framework_version, number, title, decided_by, leaves_out, source, decision, ..
    } = control;
    ControlView {
        framework,
        version: framework_version,
        number,
        title,
        source,
        verdict: decision.verdict.as_str(),
        pass: decision.pass,
        of: decision.of,
        decided_by: decided_by.iter().map(|it| (it.as_str(), it.short())).collect(),
        leaves_out,
    }
}

fn criterion<'a>(criterion: &'a CriterionVerdict, keys: &[KeyRow], names: &AccountNames<'_>) -> CriterionView<'a> {
    let CriterionVerdict { criterion, title, decision } = criterion;
    let Decision { verdict, of, pass, fail, excepted, unknown } = decision;
    let group = |verdict: Verdict, rows: &[usize]| Group {
        verdict: verdict.as_str(),
        count: rows.len(),
        rows: rows.iter().take(MOST_NAMED).map(|row| (*row, row_name(keys, *row, Some(names)))).collect(),
        more: rows.len().saturating_sub(MOST_NAMED),
    };
    let groups = [(Verdict::Fail, fail), (Verdict::Unknown, unknown), (Verdict::Excepted, excepted)];
    CriterionView {
        id: criterion.as_str(),
        title,
        verdict: verdict.as_str(),
        pass: *pass,
        of: *of,
        groups: groups.into_iter().filter(|(_, rows)| !rows.is_empty()).map(|(it, rows)| group(it, rows)).collect(),
    }
}

/// A row in a few words: its user, with its account where that is not said, and the end of its key.
fn row_name(keys: &[KeyRow], row: usize, names: Option<&AccountNames<'_>>) -> String {
    let Some(row) = keys.get(row.saturating_sub(1)) else { return row.to_string() };
    let user = match names {
        Some(names) => names.user(&row.user, &row.account, row.account_name.as_deref()),
        None => row.user.clone(),
    };
    let age = row.age_days.map_or_else(|| ", not read".to_owned(), |age| format!(", {age} d"));
    match row.key.as_ref().map(|key| &key[key.len().saturating_sub(4)..]) {
        Some(end) => format!("{user} …{end}{age}"),
        None => format!("{user}{age}"),
    }
}

fn ages(class: &crate::evidence::model::AgeClass) -> [String; 6] {
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

/// Of several accounts how each does, the worst first; of many, those of which every key passes are one line.
fn account_rows(evidence: &Evidence) -> (Vec<AccountRow>, Option<String>) {
    if evidence.accounts.len() < 2 {
        return (Vec::new(), None);
    }
    let failing = worst_by_account(evidence);
    let row = |facts: &AccountFacts| {
        let (failing, verdict) = failing.get(facts.account.as_str()).copied().unwrap_or((0, Verdict::Pass));
        let name = account(&facts.account, facts.account_name.as_deref());
        let AccountFacts { users, unmanaged, active_keys, .. } = *facts;
        (verdict, AccountRow { name, users, unmanaged, active_keys, failing, verdict: verdict.as_str() })
    };
    let mut rows: Vec<(Verdict, AccountRow)> = evidence.accounts.iter().map(row).collect();
    let mut fine = None;
    if rows.len() > FEW {
        let all = rows.len();
        let keys: usize =
            rows.iter().filter(|(verdict, _)| *verdict == Verdict::Pass).map(|(_, row)| row.active_keys).sum();
        rows.retain(|(verdict, _)| *verdict != Verdict::Pass);
        let count = all - rows.len();
        fine = (count > 0)
            .then(|| format!("{}: {} and every one passes", counted(count, "account"), counted(keys, "active key")));
    }
    rows.sort_by(|(a, one), (b, other)| {
        (a, std::cmp::Reverse(one.failing)).cmp(&(b, std::cmp::Reverse(other.failing)))
    });
    (rows.into_iter().map(|(_, row)| row).collect(), fine)
}

fn by_account(evidence: &Evidence) -> Vec<AccountView> {
    let mut views: Vec<AccountView> = Vec::new();
    let mut before: Option<&KeyRow> = None;
    for row in &evidence.keys {
        if before.is_none_or(|before| before.account != row.account) {
            let region = evidence.accounts.iter().find(|it| it.account == row.account).map(|it| it.region.clone());
            views.push(AccountView {
                name: account(&row.account, row.account_name.as_deref()),
                region: region.unwrap_or_default(),
                rows: Vec::new(),
            });
        }
        let is_same_user = before.is_some_and(|before| before.account == row.account && before.user == row.user);
        if let Some(view) = views.last_mut() {
            view.rows.push(key_row(row, is_same_user));
        }
        before = Some(row);
    }
    views
}

fn key_row(row: &KeyRow, is_same_user: bool) -> RowView {
    let worst = row.criteria.iter().map(|(_, verdict)| *verdict).min();
    let stored = row.stored.map_or("", |stored| match stored {
        "handed-out" => ", handed out by its secret",
        "pending" => ", stored and not handed out yet",
        _ => ", in its secret",
    });
    let delivered = match &row.delivered_to[..] {
        [] => String::new(),
        places => format!(", delivered to {}", places.join(", ")),
    };
    let (status, key) = match row.status {
        KeyStatus::Active => ("active", row.key.as_deref().unwrap_or("id not known")),
        KeyStatus::Inactive => ("inactive", row.key.as_deref().unwrap_or("id not known")),
        KeyStatus::Unknown => ("", "not known"),
    };
    let stopped = row.deactivated.as_ref().map_or_else(String::new, |at| format!(" since {}", day(at)));
    let used = match row.last_use.at.as_deref() {
        Some(at) => day(at).to_owned(),
        None if row.last_use.state == "never" => "never".to_owned(),
        None => "not known".to_owned(),
    };
    let told = row.told.as_ref().map_or_else(String::new, |told| {
        let at = told.at.as_ref().map_or_else(String::new, |at| format!(" {}", day(at)));
        let to = told_to(&told.to);
        if to.is_empty() { format!("told{at}") } else { format!("told{at}: {to}") }
    });
    let until = match (row.state, &row.until) {
        ("held", Some(until)) => format!("; until {}", day(until)),
        // It ends where the next day begins.
        ("exempt", Some(until)) => format!("; last day {}", last_day(until)),
        _ => String::new(),
    };
    // The state says so already.
    let why = |message: &str| message.strip_prefix("exempt: ").unwrap_or(message).to_owned();
    let if_unused = |unused: bool| if unused { ", once unused" } else { "" };
    RowView {
        row: row.row,
        linked: false,
        user: row.user.clone(),
        // The account stands above its rows; whole, ARNs take a twentieth of a large page.
        arn: (!is_same_user).then(|| row.arn.splitn(6, ':').last().unwrap_or_default().to_owned()),
        key: key.to_owned(),
        status: format!("{status}{stopped}{stored}{delivered}"),
        age: row.age_days.map_or_else(|| "not known".to_owned(), |age| format!("{age} d")),
        created: row.created.as_deref().map(day).unwrap_or_default().to_owned(),
        limit: row.limit.clone(),
        limit_place: place(row.limit_place.as_ref()),
        used,
        used_with: used_with(&row.last_use),
        state: row.state,
        message: row.message.as_ref().map_or_else(String::new, |message| why(message) + &until),
        next: row.next.as_ref().map_or_else(String::new, |next| next.action.to_owned()),
        next_at: row
            .next
            .as_ref()
            .map_or_else(String::new, |next| format!("{}{}", day(&next.at), if_unused(next.if_unused))),
        secret: row.secret.clone().unwrap_or_default(),
        told,
        verdict: shortcomings(row),
        class: worst.map_or("", Verdict::as_str),
    }
}

/// The last day of what ends at an instant.
fn last_day(ends: &str) -> String {
    let ends = ends.parse::<DateTime<Utc>>().map(|ends| Day(ends - TimeDelta::seconds(1)).to_string());
    ends.unwrap_or_default()
}

fn exception<'a>(exception: &'a Exception, keys: &[KeyRow], names: &AccountNames<'_>) -> ExceptionView<'a> {
    let Exception { account, user, reason, until, in_force, place: at, commit, author, authored, note, rows } =
        exception;
    let state = match (in_force, rows.is_empty()) {
        (false, _) => "ended",
        (true, true) => "matches no key",
        (true, false) => "in force",
    };
    ExceptionView {
        account: account.as_deref().unwrap_or("every account"),
        user,
        reason,
        until: until.clone().unwrap_or_else(|| "no end".to_owned()),
        state,
        place: place(Some(at)),
        commit: commit.as_deref().unwrap_or_default(),
        author: author.as_deref().unwrap_or_default(),
        authored: authored.as_deref().map(day).unwrap_or_default().to_owned(),
        note: note.as_deref().unwrap_or_default(),
        rows: rows.iter().take(MOST_NAMED).map(|row| (*row, row_name(keys, *row, Some(names)))).collect(),
        more: rows.len().saturating_sub(MOST_NAMED),
    }
}

fn unmanaged<'a>(row: &'a UnmanagedRow, keys: &[KeyRow]) -> UnmanagedView<'a> {
    let (verdict, class) = match row.over_limit {
        Some(true) => ("over the limit of [defaults]", "fail"),
        Some(false) => ("within the limit of [defaults]", ""),
        None => ("not known", "unknown"),
    };
    UnmanagedView {
        account: account(&row.account, row.account_name.as_deref()),
        user: &row.user,
        arn: &row.arn,
        keys: row.active_keys.map_or_else(|| "not known".to_owned(), |keys| keys.to_string()),
        class,
        verdict,
        rows: row.rows.iter().map(|row| (*row, row_name(keys, *row, None))).collect(),
    }
}

fn happened(happened: &Happened) -> HappenedView<'_> {
    let Happened { since, source, runs, changes, mail, unused } = happened;
    HappenedView {
        since: day(since).to_owned(),
        source,
        runs: runs.iter().map(run).collect(),
        changes: changes.iter().map(change).collect(),
        mail: mail.iter().map(mail_view).collect(),
        unused,
    }
}

fn run(row: &RunRow) -> RunView<'_> {
    let RunRow { run, at, mode, by, version, caller, commit, fingerprint, verdict, accounts_unread, .. } = row;
    let RunRow { done, failed, cut_off, .. } = row;
    let mut result = format!("{verdict}: {done} done");
    if *failed > 0 {
        result += &format!(", {failed} failed");
    }
    if !accounts_unread.is_empty() {
        result += &format!("; not read: {}", accounts_unread.join("; "));
    }
    if *cut_off {
        result += "; its record was cut off: what it did after that is not known";
    }
    let short = |what: &str, id: &String| format!("{what} {}", id.chars().take(12).collect::<String>());
    let commit = commit.as_ref().map(|commit| short("commit", commit));
    let manifests = commit.or_else(|| fingerprint.as_ref().map(|fingerprint| short("fingerprint", fingerprint)));
    RunView {
        run,
        at: minute(at),
        what: format!("{mode}, {by}, keyrota {version}"),
        caller: caller.as_deref().unwrap_or_default(),
        manifests: manifests.unwrap_or_default(),
        result,
        class: if *cut_off {
            "unknown"
        } else if *failed > 0 {
            "fail"
        } else {
            ""
        },
    }
}

fn mail_view(mail: &MailRow) -> MailView<'_> {
    let MailRow { at, kind, to, users, result, error, .. } = mail;
    let is_done = *result == "ok";
    MailView {
        at: minute(at),
        kind,
        to,
        users: users.join(", "),
        result: if is_done {
            "sent".to_owned()
        } else {
            format!("not sent: {}", error.as_deref().unwrap_or("no cause is recorded"))
        },
        class: if is_done { "" } else { "fail" },
    }
}

fn change(change: &ChangeRow) -> ChangeView<'_> {
    let ChangeRow { at, user, arn, key, action, reason, result, error, told, .. } = change;
    let is_done = *result == "ok";
    ChangeView {
        at: minute(at),
        user,
        arn,
        action,
        key: key.as_deref().unwrap_or_default(),
        reason,
        result: if is_done {
            "done".to_owned()
        } else {
            format!("failed: {}", error.as_deref().unwrap_or("no cause is recorded"))
        },
        class: if is_done { "" } else { "fail" },
        told: told_to(told),
    }
}
