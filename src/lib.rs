//! keyrota keeps AWS IAM access keys young, the GitOps way.
//!
//! ```text
//! manifests ── load, validate ──► Manifest ─┐
//!                                           ├─ resolve ──► Roster ─┐
//! AWS ──────── observe ─────────► Inventory ┤                      ├─ plan(now) ──► Plan ──► apply ──► Outcomes ──► Report
//!                                           └──────────────────────┘                 └───── (plan only) ─────────► Report
//! ```
//!
//! The modules, in reading order: [`manifest`] (desired), [`roster`] (who is in scope), [`inventory`] (observed).

pub mod apply;
pub mod clock;
pub mod cloud;
pub mod diff;
pub mod explain;
#[cfg(feature = "cli")]
pub mod export;
#[cfg(feature = "cli")]
pub mod git;
#[cfg(feature = "cli")]
pub mod github;
pub mod inventory;
pub mod mail;
pub mod manifest;
pub mod notice;
pub mod notify;
pub mod observe;
pub mod plan;
pub mod report;
pub mod roster;
pub mod run;
pub mod template;
pub mod time;
pub mod untrusted;
pub mod verdict;
