//! What tests share and is no test.

pub mod run;
