//! A notice in words, and its way out. Each recipient gets a message of their own, so that a refused address costs no
//! other its mail.

mod send;
mod words;

pub use self::send::{Delivery, Outbox, Sending, owner, reason, unsent};
pub use self::words::of_notice;
