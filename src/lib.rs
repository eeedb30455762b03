//! keyrota keeps AWS IAM access keys young, the GitOps way.
//!
//! ```text
//! manifests ── load, validate ──► Manifest ─┐
//!                                           ├─ resolve ──► Roster ─┐
//! AWS ──────── observe ─────────► Inventory ┤                      ├─ plan(now) ──► Plan ──► apply ──► Outcomes ──► Report
//!                                           └──────────────────────┘                 └───── (plan only) ─────────► Report
//! ```
//!
//! A run, as [`run`] makes it:
//!
//! 1. The manifests are loaded and checked, every mistake of every file at once ([`manifest`]).
//! 2. Users and secrets of every account are listed, and the manifests resolved against them: who is in scope ([`roster`]).
//! 3. The users in scope are observed ([`observe`]): their keys, and what the ledger says of them ([`inventory`]).
//! 4. What comes next for each of them is planned, and everything that follows ([`plan`]). Pure.
//! 5. If limits and clock permit, each user is carried from one change to the next until it must wait ([`apply`]).
//! 6. People are told ([`notify`]), the run is reported ([`report`]) and judged ([`verdict`]).
//!
//! The modules, in reading order. The ground: [`names`], [`time`], [`untrusted`], [`notice`], [`template`]. What is wanted:
//! [`manifest`], [`organization`], [`roster`], [`explain`], [`export`]. What is: [`inventory`], [`cloud`], [`credential`], [`delivery`], [`observe`], [`clock`]. What is done
//! about it: [`plan`], [`mail`], [`apply`], [`notify`], [`run`], [`verdict`], [`history`]. What people see of it: [`diff`], [`report`],
//! [`evidence`], [`git`], [`github`]. How it begins: [`capture`], [`init`], [`package`]. No two files import each other in a loop, and a test says so.

#![warn(missing_docs)]

pub mod apply;
#[cfg(feature = "cli")]
pub mod capture;
pub mod clock;
pub mod cloud;
pub mod counted;
pub mod credential;
pub mod delivery;
pub mod diff;
pub mod events;
pub mod evidence;
pub mod explain;
#[cfg(feature = "cli")]
pub mod export;
#[cfg(feature = "lambda")]
pub mod fleet;
#[cfg(feature = "cli")]
pub mod git;
pub mod github;
pub mod history;
#[cfg(feature = "cli")]
pub mod init;
pub mod inventory;
pub mod mail;
pub mod manifest;
pub mod names;
pub mod notice;
pub mod notify;
pub mod observe;
pub mod organization;
#[cfg(feature = "cli")]
pub mod package;
pub mod plan;
pub mod report;
pub mod roster;
pub mod run;
pub mod spool;
pub mod template;
pub mod time;
pub mod unread;
pub mod untrusted;
pub mod verdict;
pub mod workload;
