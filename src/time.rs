//! How instants and durations are written.

use std::fmt;

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};

/// RFC 3339 in UTC, to the second: in tags, reports and logs.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A date as people read it in a plan.
pub struct Day(pub DateTime<Utc>);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// An instant as people read it in a plan: a date, with the time where it is not the beginning of that day.
pub struct Instant(pub DateTime<Utc>);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_a_day = self.0.time() == NaiveTime::MIN;
        write!(f, "{}", self.0.format(if is_a_day { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M UTC" }))
    }
}

/// A duration as manifests write it: in days, or in hours where days don't come out even.
pub struct Duration(pub TimeDelta);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.num_hours() {
            hours if hours % 24 == 0 => write!(f, "{}d", hours / 24),
            hours => write!(f, "{hours}h"),
        }
    }
}
