//! GitHub: which change a workflow runs for, the one comment that tells what it does, and the files of a release.

pub mod api;
pub mod comment;
pub mod event;
pub mod release;
