//! A prefix of a bucket that the environment names; and what runs measure, kept there for the next.

use std::{env, fmt};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    cloud::{Archive, ArchiveError, aws::Bucket},
    fleet::Made,
    history::{BadPlace, Place},
    workload::Workload,
};
use tokio::sync::OnceCell;

/// A prefix of a bucket; its client is made once.
pub struct Store {
    place: Place,
    bucket: OnceCell<Bucket>,
}

impl Store {
    /// What a variable names; `None`: nothing.
    ///
    /// # Errors
    /// The variable does not name a bucket.
    pub fn named(variable: &str) -> Result<Option<Self>, BadPlace> {
        let Some(text) = env::var(variable).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
        Ok(Some(Self { place: text.parse()?, bucket: OnceCell::new() }))
    }

    /// # Errors
    /// It is a folder.
    pub async fn bucket(&self) -> Result<&Bucket, ArchiveError> {
        let Place::Bucket { bucket, prefix } = &self.place else {
            let message = format!("{}: it must be a bucket, s3://BUCKET/PREFIX", self.place);
            return Err(ArchiveError { message, hint: None, is_throttled: false });
        };
        Ok(self.bucket.get_or_init(|| Bucket::open(bucket, prefix)).await)
    }

    /// Adds a file.
    ///
    /// # Errors
    /// It could not be added.
    pub async fn add(&self, name: &str, content: &str) -> Result<(), ArchiveError> {
        self.bucket().await?.add(name, content).await
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

/// What runs measure of accounts, below `accounts/`: a file a run, the last of which counts.
pub struct Memory<'a>(pub &'a Store);

/// What is older says nothing about today; and nobody lists more.
const FORGOTTEN: TimeDelta = TimeDelta::days(62);

impl Memory<'_> {
    /// What earlier runs measured; nothing where that can't be read, which costs nothing but the order of accounts.
    pub async fn workload(&self, now: DateTime<Utc>) -> Workload {
        match self.last(now).await {
            Ok(workload) => workload,
            Err(error) => {
                tracing::warn!(place = %self.0, error, "what earlier runs measured could not be read");
                Workload { is_kept: true, ..Workload::default() }
            }
        }
    }

    async fn last(&self, now: DateTime<Utc>) -> Result<Workload, String> {
        let bucket = self.0.bucket().await.map_err(|error| error.message)?.within("accounts/");
        let from = (now - FORGOTTEN).format("%Y%m%d").to_string();
        let names = bucket.names(&from).await.map_err(|error| error.message)?;
        let Some(last) = names.last() else { return Ok(Workload { is_kept: true, ..Workload::default() }) };
        let text = bucket.content(last).await.map_err(|error| error.message)?;
        Workload::parse(&text).map_err(|error| format!("{last}: {error}"))
    }

    /// Keeps it for the next run. That this failed is logged, and fails no run.
    pub async fn keep(&self, workload: &Workload, made: &Made) {
        if let Err(ArchiveError { message, hint, .. }) =
            self.0.add(&format!("accounts/{made}.json"), &workload.render()).await
        {
            tracing::warn!(place = %self.0, error = message, hint, "what this run measured could not be kept");
        }
    }
}
