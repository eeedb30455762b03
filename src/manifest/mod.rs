//! The desired state: `manifests/*.toml`, loaded, checked and merged.
//!
//! Whoever reads a manifest imports from here. The files below import from each other only, each from those that it
//! builds upon.

mod accounts;
mod channels;
mod code;
mod committed;
mod context;
mod deliver;
pub(crate) mod diagnostic;
pub(crate) mod duplicates;
mod events;
mod exempted;
pub mod files;
mod fingerprint;
mod layers;
mod limits;
mod load;
mod mail;
mod meeting;
mod model;
pub(crate) mod organization;
mod overlooked;
mod parse;
mod pattern;
mod patterns;
pub mod policy;
pub(crate) mod recipients;
mod rules;
pub mod schedule;
mod schema;
pub(crate) mod secrets;
mod shared;
pub(crate) mod shared_places;
mod source;
mod spanned;
mod templates;
mod typecheck;
mod upcoming;
pub(crate) mod values;

pub(crate) use self::patterns::{PatternIndex, Shares};
pub use self::{
    accounts::DeclaredAccount,
    channels::Channels,
    code::Code,
    deliver::{Deliver, GitHub},
    diagnostic::{Diagnostic, Label, Severity, shown},
    events::Events,
    exempted::{Exempted, exempted},
    fingerprint::fingerprint,
    limits::{Limits, Pace},
    load::{Loaded, load, load_files, read},
    mail::Mail,
    model::{Exemption, Manifest, Rule},
    organization::{Organization, UnitName},
    pattern::Pattern,
    patterns::Patterns,
    policy::{Policy, RotateAhead, WhenFull},
    schedule::{Schedule, longest_gap},
    schema::json_schema,
    source::{Source, Sourced},
};
