//! What happened: each run writes what it did where it lasts, a file a run, in a folder or an S3 bucket. Nothing in keyrota goes by
//! it: losing it loses no key and stops no run.
//!
//! A file is `YYYY/MM/DD/<instant>-<run>.jsonl`, a JSON object a line, written once and never changed. The first line is about the
//! run, the last one ends it; a file without that was cut off. No secret is in it.

mod folder;
mod place;
mod read;
mod record;
mod write;

pub use self::{
    folder::Folder,
    place::{BadPlace, Place},
    read::{History, Unusable, read},
    record::{
        AccountRecord, ChangeRecord, EndRecord, Line, MailRecord, Means, Outcome, Record, RunRecord, SCHEMA,
        ToldRecord, schema,
    },
    write::{About, file_name, mail_record, records, render},
};
