//! What a run found and did, as one value with several small renderers.

#[cfg(feature = "cli")]
pub mod github;
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

pub use self::model::{Counts, Report, Since, result_word};
#[cfg(feature = "cli")]
pub use self::{
    markdown::masked,
    roster_diff::{roster_diff, template_diff},
};
