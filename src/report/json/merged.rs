//! The reports of single accounts, made one: what a run over all of them at once would have written.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::plan::unread;
use crate::{inventory::UnreadAccount, time::rfc3339};

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

/// Reports as they are added up, one after the other: of each only the text is kept, so that many thousand fit.
#[derive(Default)]
pub struct Merged {
    summary: BTreeMap<String, u64>,
    lists: BTreeMap<&'static str, String>,
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

impl Merged {
    /// Adds the last report of an account.
    pub fn add(&mut self, report: &Value) {
        for (name, count) in report["summary"].as_object().into_iter().flatten() {
            *self.summary.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
        for list in ["changes", "waiting", "unmanaged", "accounts-unread", "warnings", "deferred"] {
            self.extend(list, &report[list]);
        }
        self.add_done(report);
    }

    /// Adds what an earlier try did in an account: its plan is over.
    pub fn add_done(&mut self, report: &Value) {
        self.ran |= report["outcomes"].is_array();
        self.changes += report["outcomes"].as_array().map_or(0, Vec::len);
        self.extend("outcomes", &report["outcomes"]);
        self.extend("mail", &report["mail"]);
        if let Some(events) = report["events"].as_object() {
            let all = self.events.get_or_insert_default();
            let count = |name: &str| events.get(name).and_then(Value::as_u64).unwrap_or_default();
            all.sent += count("sent");
            all.failed += count("failed");
            all.bus = events.get("bus").cloned().unwrap_or_default();
            if all.error.is_null() {
                all.error = events.get("error").cloned().unwrap_or_default();
            }
        }
    }

    fn extend(&mut self, list: &str, items: &Value) {
        let Some((name, _)) = LISTS.iter().find(|(name, _)| *name == list) else { return };
        let all = self.lists.entry(name).or_default();
        for item in items.as_array().into_iter().flatten() {
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(&item.to_string());
        }
    }

    /// How many changes were tried.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// How many there are of what.
    #[must_use]
    pub fn summary(&self) -> Value {
        json!(self.summary)
    }

    /// The one report: one JSON object.
    #[must_use]
    pub fn render(mut self, whole: &Whole<'_>) -> String {
        let Whole { revision, as_of, digest, unread: accounts_unread, refused, mail } = whole;
        let missing = accounts_unread.iter().map(|account| json!(unread(account))).collect();
        self.extend("accounts-unread", &Value::Array(missing));
        self.extend("mail", &Value::Array(mail.clone()));
        let head = json!({ "version": 1, "as-of": rfc3339(*as_of), "revision": revision, "digest": digest });
        let mut text = head.to_string();
        text.pop();
        text.push_str(&format!(r#","summary":{}"#, self.summary()));
        if !refused.is_empty() {
            text.push_str(&format!(r#","accounts-refused":{}"#, json!(refused)));
        }
        for (name, always) in LISTS {
            let items = self.lists.get(name).map_or("", String::as_str);
            if always || !items.is_empty() || (name == "outcomes" && self.ran) {
                text.push_str(&format!(r#","{name}":[{items}]"#));
            }
        }
        if let Some(Events { bus, sent, failed, error }) = self.events {
            text.push_str(&format!(
                r#","events":{}"#,
                json!({ "bus": bus, "sent": sent, "failed": failed, "error": error })
            ));
        }
        text.push_str("}\n");
        text
    }
}
