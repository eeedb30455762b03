//! For a pull request's page. What comes from manifests, tags and AWS is untrusted: it stands in code spans and fenced
//! blocks only, so that it can't mention people, close a fence or smuggle HTML. Keys go by their last four characters.
//!
//! A tired person reads it from the top: what is deleted or gets weaker, what is caused, and, folded, the rest.

mod diagnostics;
mod page;
mod plan;
mod policies;
mod rows;
mod status;

pub use self::{
    diagnostics::diagnostics,
    page::{MOST_BYTES, masked},
    plan::render,
    status::{status, unmanaged},
};
