//! All tests that look at keyrota from outside its modules: one binary, because linking the AWS SDK takes long.

mod golden;
mod manifest;
mod roster;
