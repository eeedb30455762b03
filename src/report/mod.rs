//! What a run found and did, as one value with several small renderers.

pub mod accounts;
pub mod alike;
#[cfg(feature = "cli")]
pub mod csv;
#[cfg(feature = "cli")]
mod forecast;
#[cfg(feature = "cli")]
pub mod github;
#[cfg(feature = "cli")]
pub mod ics;
pub mod json;
#[cfg(feature = "cli")]
pub mod markdown;
pub mod metrics;
mod model;
pub mod outputs;
#[cfg(feature = "cli")]
mod roster_diff;
mod status;
#[cfg(feature = "cli")]
pub mod text;
pub mod unread;

pub use self::model::{Counts, Report, Since, result_word};
#[cfg(feature = "cli")]
pub use self::{
    forecast::{Forecast, Peak, Sums, Users},
    markdown::masked,
    roster_diff::{roster_diff, template_diff},
};
