//! The steps of a run in parts: a state machine calls them, and they meet in a bucket.

mod account;
mod list;
mod merge;

use std::{io, path::Path};

use keyrota::{
    cloud::{Archive, ArchiveError, aws::Bucket},
    fleet::{Attempt, Expected, RunAccounts, RunId, accounts, results},
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
fn no_bucket(ArchiveError { message, hint, is_throttled }: ArchiveError) -> Failure {
    let message = match hint {
        Some(hint) => format!("{message}; {hint}"),
        None => message,
    };
    Failure { kind: "NoBucket", message }.throttled_if(is_throttled)
}

/// What a run puts down on its way could not be.
fn no_room(error: &io::Error) -> Failure {
    let message = format!(
        "the parts of the run could not be put down in {}: {error}; give the function more ephemeral storage",
        std::env::temp_dir().display()
    );
    Failure { kind: "NoRoom", message }
}

/// A file on its way to a bucket.
type Written<'a> = io::BufWriter<&'a mut tempfile::NamedTempFile>;

/// Adds what was written into a file of this machine.
async fn add_written(
    bucket: &Bucket,
    name: &str,
    write: impl FnOnce(&mut Written<'_>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut file = tempfile::NamedTempFile::new().map_err(|error| no_room(&error))?;
    let mut writer = io::BufWriter::new(&mut file);
    let written = write(&mut writer).and_then(|()| io::Write::flush(&mut writer));
    drop(writer);
    written.map_err(|error| no_room(&error))?;
    let path: &Path = file.path();
    bucket.add_file(name, path).await.map_err(no_bucket)
}

/// Each time that a run has listed its accounts, the first one first.
///
/// # Errors
/// One of the lists can't be read, or is none of them.
async fn lists(bucket: &Bucket, run: &RunId) -> Result<Vec<RunAccounts>, Failure> {
    let files = bucket.within(&accounts(run));
    let mut lists = Vec::new();
    for name in files.names("").await.map_err(no_bucket)? {
        let text = files.content(&name).await.map_err(no_bucket)?;
        let all = RunAccounts::parse(&text).map_err(|error| Failure {
            kind: "BadRun",
            message: format!(
                "the list {name} of the run {run} can't be used: {error}; start another execution without `run`"
            ),
        })?;
        lists.push(all);
    }
    Ok(lists)
}

/// What a result says.
///
/// # Errors
/// It could not be read; or, in words, it is none of this account and this invocation, or does not agree with itself.
async fn attempt(
    bucket: &Bucket,
    name: &str,
    expected: &Expected<'_>,
    is_good: bool,
) -> Result<Result<Attempt, String>, Failure> {
    let text = bucket.within(&results(expected.run)).content(name).await.map_err(no_bucket)?;
    let attempt = Attempt::parse(&text, expected).and_then(|attempt| match attempt.is_good() == is_good {
        true => Ok(attempt),
        false if is_good => Err("it is called done, and says that not everything was".to_owned()),
        false => Err("it is called failed, and says that nothing did".to_owned()),
    });
    Ok(attempt)
}
