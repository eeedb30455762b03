//! GitHub: its Actions secrets, as places of delivery; which change a workflow runs for, the one comment that tells what it does, and the
//! files of a release.

pub mod actions;
mod answer;
#[cfg(feature = "cli")]
pub mod api;
#[cfg(feature = "cli")]
pub mod comment;
#[cfg(feature = "cli")]
pub mod event;
#[cfg(feature = "cli")]
pub mod release;
mod sign_in;
