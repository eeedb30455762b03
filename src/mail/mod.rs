//! A notice in words, and its way out. Each recipient gets a message of their own, so that a refused address costs no
//! other its mail.

mod send;
mod words;

pub use self::send::{Delivery, Outbox, Sending, as_slack, as_topic, owner, reason, run_id, unsent};
pub use self::words::of_notice;
