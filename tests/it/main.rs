//! All tests that look at keyrota from outside its modules: one binary, because linking the AWS SDK takes long.

mod architecture;
mod aws;
mod binary;
mod command;
mod emulator;
mod faulty;
mod golden;
mod lives;
mod manifest;
mod moto;
mod planner;
mod roster;
mod sandbox;
