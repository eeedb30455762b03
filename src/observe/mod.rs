//! Reads what the plan needs of the accounts, and no more: the users and secrets in bulk, the keys of users in scope, and
//! single look-ups where the planner asks for one.

mod account;
mod accounts;
mod listing;
mod resource_policy;
mod survey;
mod unmanaged;
mod warnings;

pub(crate) use self::warnings::{Place, absent_everywhere, is_absence};
pub use self::{
    account::{RosterAt, fetch, observe, observe_for},
    accounts::{AT_A_TIME, AccountState, AccountView, NothingRead, Observed, ObservedAccount, Reading, observe_all},
    listing::{Listing, Progress, Unlisted, list},
    survey::{Depth, Survey, Whom},
    unmanaged::{Unmanaged, unmanaged},
    warnings::merged,
};
