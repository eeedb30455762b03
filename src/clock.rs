//! Whether this machine's clock can be trusted: every rule of the lifecycle compares AWS's dates with it. A month ahead,
//! a key that was used an hour ago looks idle.

use chrono::TimeDelta;

use crate::{
    cloud::{ClockReading, Reads},
    time::rfc3339,
};

/// How far the clock may be off AWS's before nothing is changed any more. AWS refuses signatures beyond that as well.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// This machine's clock and AWS's tell different times.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine's clock says {}, and AWS's says {} (account {account}): more than {} minutes apart",
    rfc3339(.reading.here), rfc3339(.reading.there), TOLERANCE.num_minutes())]
pub struct ClockOff {
    /// The account whose answers tell the other time.
    pub account: String,
    /// Both clocks.
    pub reading: ClockReading,
}

impl ClockOff {
    /// What to do about it.
    pub const REMEDY: &'static str = "set this machine's clock (NTP), and run again";
}

/// Compares the clock with what the latest answers of all accounts tell.
///
/// # Errors
/// The first account whose time is too far off.
pub fn check<'a, C: Reads + 'a>(clouds: impl IntoIterator<Item = &'a C>) -> Result<(), ClockOff> {
    for cloud in clouds {
        let Some(reading) = cloud.clock() else { continue };
        if (reading.here - reading.there).abs() > TOLERANCE {
            return Err(ClockOff { account: cloud.account().to_string(), reading });
        }
    }
    Ok(())
}
