//! All tests that look at keyrota from outside its modules: one binary, because linking the AWS SDK takes long.

mod architecture;
mod aws;
mod emulator;
mod faulty;
mod golden;
mod lives;
mod manifest;
mod policies;
mod roster;
mod sandbox;
mod terraform;
