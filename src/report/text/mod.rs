//! For a person: one line a key, aligned, the counts last. Colour never carries meaning alone.

mod change;
mod plan;
mod status;
mod words;

pub use self::{
    change::since,
    plan::{applied, plan, summary},
    status::status,
    words::{aligned, styled, unread},
};
pub(super) use self::{
    change::{before_text, grave, welcome},
    plan::unknown,
    words::{Steps, assumption, day, last_day, made, message, moves, moves_later},
};
