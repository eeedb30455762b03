//! The real account, behind the AWS SDK. The only module that names `aws_*`.

mod answer;
mod bucket;
mod calls;
mod channel_clients;
mod channels;
mod client;
mod clients;
mod connect;
mod credential_report;
mod error;
mod github;
mod meter;
mod organization;
mod origin;
mod parameters;
mod policies;
#[cfg(feature = "cli")]
mod probe;
mod profile;
mod read;
mod retries;
mod role;
mod secrets;
mod settings;
mod webhook;
mod wire;
mod write;

pub use self::{
    bucket::Bucket,
    client::Aws,
    connect::{Caller, ConnectError, Connected, Problem, connect, connect_with, sign_in},
    settings::{Settings, Target},
};
