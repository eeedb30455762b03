//! The desired state: `manifests/*.toml`, loaded, checked and merged.
//!
//! Whoever reads a manifest imports from here. The files below import from each other only, each from those that it
//! builds upon.

mod code;
pub(crate) mod diagnostic;
mod duplicates;
pub mod files;
mod load;
mod model;
mod overlooked;
mod parse;
mod pattern;
mod policy;
mod rules;
pub mod schedule;
mod schema;
pub(crate) mod secrets;
mod settings;
mod shared;
mod source;
mod templates;
mod typecheck;
pub(crate) mod values;

pub use self::{
    code::Code,
    diagnostic::{Diagnostic, Label, Severity, shown},
    load::{Loaded, load, load_files},
    model::{DeclaredAccount, Exemption, Limits, Mail, Manifest, Policy, RotateAhead, Rule, WhenFull},
    pattern::Pattern,
    schedule::Schedule,
    schema::json_schema,
    source::{Source, Sourced},
};
