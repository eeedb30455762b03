//! The one report for auditors of all accounts, and the history.

use std::io;

use chrono::{DateTime, Utc};
use keyrota::{
    apply::Sent,
    cloud::{Archive, aws::Bucket},
    evidence::{Merging, Part, merge as merge_reports},
    fleet::{History, Listed, RunId, evidence as evidence_name},
    history::{file_name, mail_record},
    inventory::UnreadAccount,
    manifest::Manifest,
};

use crate::{
    evidence::Evidence,
    failure::Failure,
    fleet::{Fleet, Written, add_written, no_bucket},
    function::Function,
};

/// A report of all keys takes so many bytes a key while it is made, and with its page so many: twice what `benches/fleet.rs` measures,
/// for rows differ.
const BYTES_OF_A_ROW: usize = 4 * 1024;
const BYTES_OF_A_ROW_ON_A_PAGE: usize = 8 * 1024;

/// How the report for auditors was left.
#[derive(Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Left {
    /// As JSON and as a page.
    Whole,
    /// As JSON; its page would not fit into memory, and there is one an account.
    PageOfEachAccount,
    /// One an account, for not even the JSON fits.
    OfEachAccount,
    /// Not at all: nothing was read.
    Nothing,
}

/// What evidence is made of.
#[derive(Clone, Copy)]
pub struct Leaving<'a> {
    pub function: &'a Function,
    pub evidence: &'a Evidence,
    pub manifest: &'a Manifest,
    pub run: &'a RunId,
    /// The fingerprint of the manifests that the run began with.
    pub manifests: &'a str,
    pub now: DateTime<Utc>,
    pub unread: &'a [UnreadAccount],
    /// Those that nobody looks at.
    pub left_out: &'a [UnreadAccount],
    /// The last try of each account that was read, by who made it.
    pub last: &'a [(Listed, String)],
}

impl Fleet {
    /// Makes one report of those of all accounts. What does not fit into memory together stays one of each account, and that is
    /// said.
    pub async fn leave_report(&self, of: &Leaving<'_>, name: &str) -> Left {
        let Leaving { function, evidence, manifest, unread: of_run, left_out, last, .. } = *of;
        let Ok(bucket) = self.bucket().await else { return Left::Nothing };
        let (most, most_on_a_page) = (most_rows(BYTES_OF_A_ROW), most_rows(BYTES_OF_A_ROW_ON_A_PAGE));
        let (mut parts, mut rows, mut unread) = (Vec::new(), 0, of_run.to_vec());
        for (account, made) in last {
            match part(bucket, of, account, made).await {
                Ok(part) => {
                    rows += part.rows();
                    // The others are counted all the same.
                    parts.extend(Some(part).filter(|_| rows <= most));
                }
                Err(error) => {
                    tracing::error!(account = account.id, error, "it has no report");
                    unread.push(account.unread(format!("its report could not be read: {error}"), None));
                }
            }
        }
        let (provenance, fingerprint) = (function.provenance(), manifest.fingerprint.as_str());
        let merging = |unread| Merging { provenance: &provenance, fingerprint, unread, left_out };
        let mut left = Left::OfEachAccount;
        if rows <= most {
            let Some(report) = merge_reports(parts, &merging(&unread)) else { return Left::Nothing };
            left = if rows <= most_on_a_page { Left::Whole } else { Left::PageOfEachAccount };
            add_report(evidence, name, &report, left == Left::Whole).await;
        }
        if left == Left::Whole {
            return left;
        }
        let how: &str = left.into();
        tracing::error!(rows, most, most_on_a_page, left = how, "more keys than fit into memory for one report");
        for (account, made) in last {
            let Ok(part) = part(bucket, of, account, made).await else { continue };
            if let Some(report) = merge_reports(vec![part], &merging(&[])) {
                let name = format!("{}/{}", name.trim_end_matches(".jsonl"), account.id);
                add_report(evidence, &name, &report, true).await;
            }
        }
        left
    }
}

/// Adds the history of what was not told before.
pub async fn leave_history(evidence: &Evidence, history: History, began: DateTime<Utc>, name: &str, sent: &[Sent]) {
    if history.is_empty() {
        return;
    }
    let file = format!("history/{}", file_name(began, name));
    let mail = sent.iter().map(|one| mail_record(name, Utc::now(), one)).collect();
    add(evidence, &file, |to| history.write(mail, to)).await;
}

/// Adds what is too large for memory. That this failed is logged, and fails no run.
async fn add(evidence: &Evidence, name: &str, write: impl FnOnce(&mut Written<'_>) -> io::Result<()>) {
    let added = match evidence.store.bucket().await.map_err(no_bucket) {
        Ok(bucket) => add_written(bucket, name, write).await,
        Err(failure) => Err(failure),
    };
    match added {
        Ok(()) => tracing::info!(name, place = %evidence.store, "evidence written"),
        Err(Failure { message, .. }) => {
            tracing::error!(name, place = %evidence.store, error = message, "evidence not written");
        }
    }
}

/// Adds a report as JSON and, where there is one, as a page, named like a history.
async fn add_report(evidence: &Evidence, name: &str, report: &keyrota::evidence::Evidence, has_page: bool) {
    let name = name.trim_end_matches(".jsonl");
    add(evidence, &format!("reports/{name}.json"), |to| keyrota::evidence::json::write(report, to)).await;
    if has_page {
        evidence.add(&format!("reports/{name}.html"), &keyrota::evidence::html::render(report)).await;
    }
}

/// The report of one account, by the invocation that made it.
async fn part(bucket: &Bucket, of: &Leaving<'_>, account: &Listed, made: &str) -> Result<Part, String> {
    let name = evidence_name(of.run, &account.id, made);
    let text = bucket.content(&name).await.map_err(|error| error.message)?;
    let part = Part::parse(&text)?;
    part.check(&account.id, of.manifests, of.now)?;
    Ok(part)
}

/// How many keys one report may have: it is made in memory.
fn most_rows(bytes_of_a_row: usize) -> usize {
    let megabytes = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|size| size.parse::<usize>().ok());
    megabytes.unwrap_or(1024) * (1 << 20) / bytes_of_a_row
}
