//! The first manifests of an account, from what is in it: every user with an active key once, by the teams that tags or
//! paths show, with what a person should look at as a comment where it matters. Nothing here depends on the day.

mod address;
mod manifests;
mod origin;
mod remark;
mod scaffold;
mod teams;

pub use self::{
    manifests::{Draft, DraftFile, Undecided, draft},
    origin::{RELEASE, REPOSITORY},
    remark::{Remark, RemarkKind},
    scaffold::{Repository, Scaffold, TERRAFORM, github, terraform},
    teams::By,
};
