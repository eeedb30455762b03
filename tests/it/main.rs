//! All tests that look at keyrota from outside its modules: one binary, because linking the AWS SDK takes long.

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "long tests say how much they visited")]
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

/// The enumerations make and drop millions of small things, which takes them a sixth of the time less with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod action;
mod ahead;
mod architecture;
mod attack;
mod authorization;
mod aws;
mod begin;
mod binary;
mod calendar;
mod channels;
mod compare;
mod cost;
mod deliver;
mod digest;
mod documented;
mod fleet;
mod forecast;
mod git;
mod hostile;
mod imports;
mod lambda;
mod lives;
mod mail;
mod manifest;
mod many;
mod markdown;
mod metrics;
mod moto;
mod names;
mod organization;
mod outputs;
mod owner;
mod pace;
mod planner;
mod policies;
mod readme;
mod reads_only;
mod report;
mod roster;
mod sandbox;
mod screens;
mod stack;
mod support;
mod terminal;
mod terraform;
mod upkeep;
mod weakening;

use support::{command, emulator, faulty, golden, repository, system};
