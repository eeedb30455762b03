//! Where the function leaves what lasts: the history of each run, and whatever else is evidence.

use std::env;

use chrono::{DateTime, Utc};
use keyrota::{
    apply::Applied,
    cloud::{
        Archive, ArchiveError,
        aws::{Aws, Bucket},
    },
    history::{About, BadPlace, Place, file_name, records, render},
    run::Planned,
};
use tokio::sync::OnceCell;

/// Names the bucket, and what its objects begin with: `s3://BUCKET/PREFIX`.
const VARIABLE: &str = "KEYROTA_EVIDENCE";

/// The bucket; its client is made once.
pub struct Evidence {
    place: Place,
    bucket: OnceCell<Bucket>,
}

impl Evidence {
    /// `None`: nobody asks for evidence.
    ///
    /// # Errors
    /// The variable does not name a bucket.
    pub fn from_environment() -> Result<Option<Self>, BadPlace> {
        let Some(text) = env::var(VARIABLE).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
        let place = text.parse()?;
        Ok(Some(Self { place, bucket: OnceCell::new() }))
    }

    /// Writes what a run did, or that a limit kept it from doing anything. That this failed is logged, and fails no run.
    pub async fn history(
        &self,
        run: &str,
        commit: Option<&str>,
        planned: &Planned<'_, Aws>,
        applied: Option<&Applied>,
        ended: DateTime<Utc>,
    ) {
        let run: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
        let at = planned.plan.as_of;
        let about = About { run: &run, by: "function", at, ended, commit };
        let text = render(records(&about, planned, applied));
        self.add(&format!("history/{}", file_name(at, &run)), &text).await;
    }

    /// Adds a file. That this failed is logged, and fails no run.
    pub async fn add(&self, name: &str, content: &str) {
        let Place::Bucket { bucket, prefix } = &self.place else {
            tracing::error!(place = %self.place, "evidence not written: it goes to a bucket, s3://BUCKET/PREFIX");
            return;
        };
        let archive = self.bucket.get_or_init(|| Bucket::open(bucket, prefix)).await;
        match archive.add(name, content).await {
            Ok(()) => tracing::info!(name, place = %self.place, "evidence written"),
            Err(ArchiveError { message, hint }) => {
                tracing::error!(name, place = %self.place, error = message, hint, "evidence not written");
            }
        }
    }
}
