//! What tests share and is no test.

pub mod browser;
pub mod command;
pub mod deployment;
pub mod emulator;
pub mod environment;
pub mod expression;
pub mod faulty;
pub mod github;
pub mod golden;
pub mod loopback;
pub mod organizations;
pub mod remote;
pub mod repository;
pub mod run;
pub mod runner;
pub mod runtime_api;
pub mod slack;
pub mod system;
pub mod templates;
pub mod vault;
