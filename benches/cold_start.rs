//! How long the packaged function takes from its start to its first request for an event, and how much it weighs: beside
//! a function that does nothing, in the same run. Fails when a budget is exceeded.
//!
//! `cargo bench --profile dev --bench cold_start`: the functions have a profile of their own. Needs what
//! `cargo xtask package` needs.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[path = "../tests/it/support/loopback.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod loopback;
#[path = "../tests/it/support/runtime_api.rs"]
#[expect(dead_code, reason = "only the start is measured, and nothing is invoked")]
mod runtime_api;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use runtime_api::Function;

const RUNS: usize = 20;
/// Times the start of the function that does nothing.
const SLOWEST: f64 = 3.0;
/// Bytes.
const LARGEST: u64 = 8_000_000;

fn main() -> ExitCode {
    let (package, program) = build();
    let hello = build_hello();
    let folder = program.parent().expect("a file is in a folder").to_owned();
    // Taken in turns, so that both see the same machine. The first of each fills the caches.
    let mut times: [Vec<Duration>; 2] = Default::default();
    for run in 0..=RUNS {
        for (program, times) in [&program, &hello].into_iter().zip(&mut times) {
            let time = start(program, &folder);
            if run > 0 {
                times.push(time);
            }
        }
    }
    let [ours, least] = times.map(|mut times| {
        times.sort();
        times[RUNS / 2]
    });
    let ratio = ours.as_secs_f64() / least.as_secs_f64();
    let size = |path: &Path| fs::metadata(path).expect("what was built is there").len();
    let bytes = size(&package);
    println!(
        "start, median of {RUNS}: keyrota {ours:.1?}, hello world {least:.1?}: {ratio:.2} times (at most {SLOWEST})"
    );
    println!("program: keyrota {} bytes, hello world {} bytes", size(&program), size(&hello));
    println!("package: {bytes} bytes (at most {LARGEST})");
    if ratio > SLOWEST || bytes > LARGEST { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// From the start of the process until it asks for an event.
fn start(program: &Path, package: &Path) -> Duration {
    let begin = Instant::now();
    let function = Function::start(program, package, Vec::new());
    let time = begin.elapsed();
    drop(function);
    time
}

/// The package, and the program in it.
fn build() -> (PathBuf, PathBuf) {
    let packed = Command::new(env!("CARGO"))
        .args(["xtask", "package", "--output"])
        .arg(target().join("keyrota.zip"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(packed.expect("cargo starts").success());
    (target().join("keyrota.zip"), target().join("x86_64-unknown-linux-gnu/bootstrap/bootstrap"))
}

/// The function that does nothing, built in the same way.
fn build_hello() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["lambda", "build", "--locked", "--profile", "lambda", "--no-default-features", "--features", "lambda"])
        .args(["--example", "hello_lambda", "--target", "x86_64-unknown-linux-gnu", "--lambda-dir"])
        .arg(target())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.expect("cargo starts").success());
    target().join("hello_lambda/bootstrap")
}

/// Where packages are built.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp is in target").join("packages")
}
