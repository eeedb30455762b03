//! All tests that look at keyrota from outside its modules: one binary, because linking the AWS SDK takes long.

mod action;
mod architecture;
mod attack;
mod aws;
mod binary;
mod command;
mod compare;
mod digest;
mod emulator;
mod faulty;
mod git;
mod golden;
mod lambda;
mod lives;
mod mail;
mod manifest;
mod markdown;
mod metrics;
mod moto;
mod planner;
mod policies;
mod readme;
mod repository;
mod roster;
mod sandbox;
mod terraform;
