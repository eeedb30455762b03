//! Gives the programs that tests start thousands of times a fixed address: with everything unoptimised, more than half of a start
//! goes into 200,000 relocations. What is optimised, and so whatever anybody installs, has none and keeps its random address.

use std::env;

fn main() {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    if is("PROFILE", "debug") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
