//! Pull requests on GitHub: which change a workflow runs for, and the one comment that tells what it does.

pub mod api;
pub mod comment;
pub mod event;
