//! Evidence: what an auditor asks of the keys of all accounts, as one value. It is the JSON of `keyrota report`, and what its
//! other formats are rendered from.
//!
//! Pure: who reads accounts, git and the history hands over what they said ([`Subject`]). No verdict stands without the rows that
//! decide it, and what could not be read is *unknown*, never fine.

mod ages;
mod ahead;
mod controls;
#[cfg(feature = "cli")]
pub mod csv;
mod exceptions;
mod figures;
mod gather;
mod happened;
pub mod html;
pub mod json;
mod judge;
mod merge;
mod model;
mod oldest;
mod provenance;
mod rows;
mod shown;
#[cfg(feature = "cli")]
pub mod text;
mod word;

pub use self::{
    controls::{CONTROLS, Control, Criterion},
    gather::{Look, Subject, calendars, gather},
    happened::Chronicle,
    merge::{Merging, Part, merge},
    model::*,
    provenance::{Grant, Provenance},
};
