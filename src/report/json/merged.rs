//! The reports of single accounts, made one: what a run over all of them at once would have written.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    io::{self, Write},
};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::plan::unread;
use crate::{inventory::UnreadAccount, spool::Spool, time::rfc3339, untrusted::printable};

/// What the reports of single accounts do not say.
pub struct Whole<'a> {
    /// The commit of the manifests, if known.
    pub revision: Option<&'a str>,
    /// When the run began.
    pub as_of: chrono::DateTime<chrono::Utc>,
    /// The digest of the whole plan; `None`: something could not be read.
    pub digest: Option<String>,
    /// The accounts that have no report, and why.
    pub unread: &'a [UnreadAccount],
    /// Accounts in which nothing was changed for a limit or the clock, and why.
    pub refused: &'a [String],
    /// What became of the mail that is about all of them.
    pub mail: Vec<Value>,
}

/// The lists of a report, in their order; those of the second kind stand there although they are empty.
const LISTS: [(&str, bool); 8] = [
    ("changes", true),
    ("waiting", true),
    ("unmanaged", false),
    ("accounts-unread", false),
    ("warnings", false),
    ("outcomes", false),
    ("mail", false),
    ("deferred", false),
];

/// Reports as they are added up, one after the other: of each only the text is kept, and that not in memory.
#[derive(Default)]
pub struct Merged {
    summary: BTreeMap<String, u64>,
    /// Each by what it is in the order of, and how it stands.
    accounts: Vec<((String, String), Value)>,
    lists: BTreeMap<&'static str, Spool>,
    /// Whether something was to be changed.
    ran: bool,
    events: Option<Events>,
    changes: usize,
}

#[derive(Default)]
struct Events {
    bus: Value,
    sent: u64,
    failed: u64,
    error: Value,
}

/// The report of one account, of which no more is taken apart than is needed.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Part<'a> {
    summary: BTreeMap<String, u64>,
    #[serde(borrow)]
    changes: Vec<&'a RawValue>,
    #[serde(borrow)]
    waiting: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    unmanaged: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    accounts_unread: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    warnings: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    outcomes: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    mail: Vec<&'a RawValue>,
    #[serde(default)]
    events: Option<BTreeMap<String, Value>>,
    #[serde(borrow, default)]
    deferred: Vec<&'a RawValue>,
}

/// What a report tells of the changes that were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// How many were.
    pub tried: usize,
    /// How many took effect.
    pub done: usize,
    /// Of those, how many made, stopped or deleted a key.
    pub keys: usize,
}

/// Whom an entry of a list is about, as far as the lists have it.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    result: Option<Cow<'a, str>>,
}

/// Whether this is the report of one account, and of no other; and what it tells of what was tried.
///
/// # Errors
/// It is something else, or says the same twice.
pub fn check_part(report: &RawValue, account: &str) -> Result<Tried, String> {
    let none = |error: serde_json::Error| format!("its report is none: {error}");
    let Part { changes, waiting, unmanaged, accounts_unread, warnings, outcomes, deferred, .. } =
        part(report).map_err(none)?;
    let outcomes = outcomes.unwrap_or_default();
    let lists = [&changes, &waiting, &unmanaged, &accounts_unread, &warnings, &outcomes, &deferred];
    for item in lists.into_iter().flatten() {
        let entry: Entry<'_> = serde_json::from_str(item.get()).map_err(none)?;
        if entry.account.as_deref().is_some_and(|of| of != account) {
            let of = entry.account.unwrap_or_default();
            return Err(format!("a row of its report is about account {}", printable(&of)));
        }
    }
    let mut seen = HashSet::new();
    let mut all = Tried { tried: outcomes.len(), ..Tried::default() };
    for outcome in outcomes {
        // A run does nothing to a user twice.
        if !seen.insert(outcome.get()) {
            return Err("its report tells of one change twice".to_owned());
        }
        let Entry { action, result, .. } = serde_json::from_str(outcome.get()).map_err(none)?;
        if result.as_deref() == Some("done") {
            all.done += 1;
            all.keys += usize::from(matches!(action.as_deref(), Some("create" | "deactivate" | "delete")));
        }
    }
    Ok(all)
}

fn part(report: &RawValue) -> serde_json::Result<Part<'_>> {
    serde_json::from_str(report.get())
}

impl Merged {
    /// Adds the last report of an account, and how it stands among others.
    ///
    /// # Errors
    /// It is no report; or there is no room for it.
    pub fn add(&mut self, report: &RawValue, standing: Value) -> io::Result<()> {
        let part = part(report)?;
        for (name, count) in &part.summary {
            *self.summary.entry(name.clone()).or_default() += count;
        }
        let text = |field: &str| standing[field].as_str().unwrap_or_default().to_owned();
        let (id, name) = (text("account"), text("account-name"));
        let by_name = if name.is_empty() { id.clone() } else { name.to_lowercase() };
        self.accounts.push(((by_name, id), standing));
        for (list, items) in [
            ("changes", &part.changes),
            ("waiting", &part.waiting),
            ("unmanaged", &part.unmanaged),
            ("accounts-unread", &part.accounts_unread),
            ("warnings", &part.warnings),
            ("deferred", &part.deferred),
        ] {
            self.extend(list, items.iter().map(|item| item.get()))?;
        }
        self.add_part(&part)
    }

    /// Adds what an earlier try did in an account: its plan is over.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_done(&mut self, report: &RawValue) -> io::Result<()> {
        self.add_part(&part(report)?)
    }

    /// Adds something that is to be said of an account beside its reports.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn warn(&mut self, code: &str, account: &str, name: Option<&str>, message: &str) -> io::Result<()> {
        let mut warning = json!({ "code": code, "account": account });
        if let Some(name) = name {
            warning["account-name"] = json!(name);
        }
        warning["user"] = Value::Null;
        warning["key"] = Value::Null;
        warning["message"] = json!(message);
        self.extend("warnings", [warning.to_string().as_str()])
    }

    fn add_part(&mut self, part: &Part<'_>) -> io::Result<()> {
        self.ran |= part.outcomes.is_some();
        let outcomes = part.outcomes.as_deref().unwrap_or_default();
        self.changes += outcomes.len();
        self.extend("outcomes", outcomes.iter().map(|item| item.get()))?;
        self.extend("mail", part.mail.iter().map(|item| item.get()))?;
        if let Some(events) = &part.events {
            let all = self.events.get_or_insert_default();
            let count = |name: &str| events.get(name).and_then(Value::as_u64).unwrap_or_default();
            all.sent += count("sent");
            all.failed += count("failed");
            all.bus = events.get("bus").cloned().unwrap_or_default();
            if all.error.is_null() {
                all.error = events.get("error").cloned().unwrap_or_default();
            }
        }
        Ok(())
    }

    fn extend<'i>(&mut self, list: &str, items: impl IntoIterator<Item = &'i str>) -> io::Result<()> {
        let Some((name, _)) = LISTS.iter().find(|(name, _)| *name == list) else { return Ok(()) };
        let all = self.lists.entry(name).or_default();
        let mut text = String::new();
        for item in items {
            if !(all.is_empty() && text.is_empty()) {
                text.push(',');
            }
            text.push_str(item);
        }
        if !text.is_empty() {
            all.push(&text)?;
        }
        Ok(())
    }

    /// How many changes were tried.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// How many there are of what, of which accounts so many could not be read.
    #[must_use]
    pub fn summary(&self, unread: usize) -> Value {
        let mut summary = json!(self.summary);
        if self.are_several(unread) {
            let standing = |word: &str| self.accounts.iter().filter(|(_, one)| one["standing"] == word).count();
            summary["accounts"] = json!({
                "changes": standing("changes"),
                "stuck": standing("stuck"),
                "quiet": standing("quiet"),
                "unread": unread,
            });
        }
        summary
    }

    fn are_several(&self, unread: usize) -> bool {
        self.accounts.len() + unread > 1
    }

    /// Writes the one report: one JSON object.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(mut self, whole: &Whole<'_>, to: &mut impl Write) -> io::Result<()> {
        let Whole { revision, as_of, digest, unread: accounts_unread, refused, mail } = whole;
        let missing: Vec<String> = accounts_unread.iter().map(|account| json!(unread(account)).to_string()).collect();
        self.extend("accounts-unread", missing.iter().map(String::as_str))?;
        let sent: Vec<String> = mail.iter().map(ToString::to_string).collect();
        self.extend("mail", sent.iter().map(String::as_str))?;
        let head =
            json!({ "version": 1, "as-of": rfc3339(*as_of), "revision": revision, "digest": digest }).to_string();
        to.write_all(head.trim_end_matches('}').as_bytes())?;
        write!(to, r#","summary":{}"#, self.summary(accounts_unread.len()))?;
        if self.are_several(accounts_unread.len()) && !self.accounts.is_empty() {
            self.accounts.sort_by(|(a, _), (b, _)| a.cmp(b));
            let accounts: Vec<&Value> = self.accounts.iter().map(|(_, account)| account).collect();
            write!(to, r#","accounts":{}"#, json!(accounts))?;
        }
        if !refused.is_empty() {
            write!(to, r#","accounts-refused":{}"#, json!(refused))?;
        }
        for (name, always) in LISTS {
            let items = self.lists.get_mut(name).filter(|items| !items.is_empty());
            if items.is_some() || always || (name == "outcomes" && self.ran) {
                write!(to, r#","{name}":["#)?;
                items.map_or(Ok(()), |items| items.copy_to(to))?;
                to.write_all(b"]")?;
            }
        }
        if let Some(Events { bus, sent, failed, error }) = self.events {
            write!(to, r#","events":{}"#, json!({ "bus": bus, "sent": sent, "failed": failed, "error": error }))?;
        }
        to.write_all(b"}\n")
    }
}
