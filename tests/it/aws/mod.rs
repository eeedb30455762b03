//! The adapter against moto: what it makes of AWS's answers, and of their absence.

mod answers;
mod connect;
mod organization;
mod read;
mod write;

use chrono::{DateTime, Utc};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time in RFC 3339")
}
