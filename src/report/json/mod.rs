//! JSON, for programs. Versioned: fields are only added.

mod change;
#[cfg(feature = "cli")]
mod forecast;
mod merged;
mod plan;
mod rows;
mod status;

#[cfg(feature = "cli")]
pub use self::forecast::{FORECAST, forecast, forecast_schema};
pub use self::{
    change::diagnostic,
    merged::{Merged, Tried, Whole, check_part},
    plan::{accounts_of, mail, render, unread, value},
    rows::unmanaged_users,
    status::{status, status_of},
};
