//! JSON, for programs. Versioned: fields are only added.

mod change;
mod plan;
mod rows;
mod status;

pub use self::{
    change::diagnostic,
    plan::{render, value},
    rows::unmanaged_users,
    status::status,
};
