//! The steps of a run in parts: a state machine calls them, and they meet in a bucket.

mod account;
mod list;
mod merge;

use keyrota::{
    cloud::{ArchiveError, aws::Bucket},
    history::BadPlace,
};

use crate::{failure::Failure, store::Store};

/// Names the bucket, and what its objects begin with: `s3://BUCKET/PREFIX`.
const VARIABLE: &str = "KEYROTA_FLEET";

/// The bucket.
pub struct Fleet {
    pub store: Store,
}

impl Fleet {
    /// `None`: runs are not in parts.
    ///
    /// # Errors
    /// The variable does not name a bucket.
    pub fn from_environment() -> Result<Option<Self>, BadPlace> {
        Ok(Store::named(VARIABLE)?.map(|store| Self { store }))
    }

    /// A step was asked for, and there is no bucket.
    pub fn missing() -> Failure {
        let message = format!("a step of a fleet needs a bucket: set {VARIABLE} to s3://BUCKET/PREFIX");
        Failure { kind: "NoBucket", message }
    }

    async fn bucket(&self) -> Result<&Bucket, Failure> {
        self.store.bucket().await.map_err(no_bucket)
    }
}

/// What is in the bucket could not be read or added to.
fn no_bucket(ArchiveError { message, hint }: ArchiveError) -> Failure {
    let message = match hint {
        Some(hint) => format!("{message}; {hint}"),
        None => message,
    };
    Failure { kind: "NoBucket", message }
}
