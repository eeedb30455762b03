//! All tests that look at keyrota from outside its modules: one binary, because linking the AWS SDK takes long.

mod architecture;
mod aws;
mod binary;
mod command;
mod emulator;
mod faulty;
mod golden;
mod lambda;
mod lives;
mod mail;
mod manifest;
mod metrics;
mod moto;
mod planner;
mod policies;
mod readme;
mod roster;
mod sandbox;
mod terraform;
