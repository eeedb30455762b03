//! For a person: one line a key, aligned, the counts last. Colour never carries meaning alone.

mod change;
mod columns;
mod excerpt;
mod forecast;
mod grouped;
mod measure;
mod plan;
mod status;
mod unmanaged;
mod words;
mod wrap;

pub(crate) use self::words::{BOLD, RED, YELLOW};
pub use self::{
    change::since,
    excerpt::excerpt,
    forecast::{beginnings, forecast, not_known},
    measure::columns,
    plan::{accounts_line, applied, plan, quiet_line, summary},
    status::{status, status_in_accounts, status_of},
    unmanaged::unmanaged,
    words::{aligned, styled, unread},
    wrap::{lines, wrapped},
};
pub(super) use self::{
    change::{before_text, grave, welcome},
    plan::unknown,
    unmanaged::unmanaged_keys,
    words::{Steps, assumption, day, last_day, made, moves, moves_later, tells, why},
};
