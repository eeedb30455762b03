//! Where a run writes what it did.

use chrono::{DateTime, Utc};
use keyrota::{
    apply::Applied,
    cloud::{Archive, ArchiveError, Reads, aws::Bucket},
    history::{About, Folder, Place, file_name, records, render},
    run::Planned,
};

use super::output::Output;

/// Writes what a run did, or that a limit kept it from doing anything. That this failed is said, and changes nothing else: what
/// was done is done.
pub async fn write<C: Reads>(
    place: &Place,
    planned: &Planned<'_, C>,
    applied: Option<&Applied>,
    commit: Option<&str>,
    ended: DateTime<Utc>,
    output: &Output,
) {
    let (run, at) = (id(), planned.plan.as_of);
    let about = About { run: &run, by: "command", at, ended, commit };
    let (name, text) = (file_name(at, &run), render(records(&about, planned, applied)));
    let added = match place {
        Place::Folder(folder) => Folder::new(folder).add(&name, &text).await,
        Place::Bucket { bucket, prefix } => Bucket::open(bucket, prefix).await.add(&name, &text).await,
    };
    if let Err(ArchiveError { message, hint, .. }) = added {
        output.warning(format!("the history of this run is not written: {message}"));
        if let Some(hint) = hint {
            output.hint(hint);
        }
    }
}

/// Two runs never have the same.
fn id() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex::encode(bytes)
}
