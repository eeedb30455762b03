//! Reads what the plan needs of the accounts, and no more: the users and secrets in bulk, the keys of users in scope, and
//! single look-ups where the planner asks for one.

mod account;
mod accounts;
mod listing;
mod resource_policy;
mod survey;

pub use self::{
    account::{RosterAt, fetch, observe, observe_for},
    accounts::{AccountScope, AccountState, NothingRead, Progress, Scope, merged, observe_all, scope},
    listing::{Listing, list},
    survey::{Depth, Survey, Whom},
};
