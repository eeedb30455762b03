//! How the programs of the dev profile are linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    // The loader takes a fifth of a short run to put the addresses of a large program right, so they are put right when it is linked.
    // What is shipped is loaded wherever the system likes.
    let is_usual = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if is("PROFILE", "debug") && is_usual {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
