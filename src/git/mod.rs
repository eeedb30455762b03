//! What git knows of the manifests. The only module that names `git2`.

mod granted;
mod manifests;

pub use self::{
    granted::{Author, Written, granted},
    manifests::{AtRevision, Checkout, Commits, GitError, checkout, commits, is_as_at, manifests_at, revision},
};
