//! The Lambda package: `bootstrap` and the manifests.

use std::{
    cmp::Ordering,
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use object::{
    Endianness,
    elf::FileHeader64,
    read::elf::{FileHeader, SectionHeader as _},
};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::{cargo, manifests, one_line, target_directory};

/// What `provided.al2023` has.
const NEWEST_GLIBC: &str = "2.34";
/// What the package may weigh, in bytes.
const LARGEST: usize = 8_000_000;

#[derive(Debug, Args)]
pub struct Options {
    /// For `architecture = "arm64"`; without it, for `x86_64`
    #[arg(long)]
    arm64: bool,
    /// The folder of the manifests
    #[arg(long, value_name = "DIR", default_value = "manifests")]
    manifests: PathBuf,
    /// Where the package goes, instead of `target/packages/TARGET/keyrota.zip`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What Lambda runs, and on what.
pub struct Program {
    pub target: &'static str,
    /// Where it was built, and packages go.
    pub folder: PathBuf,
    pub bytes: Vec<u8>,
    /// The newest version of glibc that it asks for, or `none`.
    pub glibc: String,
}

/// Builds the program, and checks that Lambda can start it.
pub fn program(root: &Path, arm64: bool) -> Result<Program> {
    let target = if arm64 { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };
    let folder = target_directory(root)?.join("packages").join(target);
    let bytes = build(root, target, &folder)?;
    let needed = newest_glibc(&bytes).context("the program that was built")?;
    let glibc = needed.unwrap_or_else(|| "none".to_owned());
    ensure!(
        compare(&glibc, NEWEST_GLIBC) != Ordering::Greater,
        "the program needs glibc {glibc}, provided.al2023 has {NEWEST_GLIBC}"
    );
    Ok(Program { target, folder, bytes, glibc })
}

/// Builds the program, and packs it with the manifests. Prints the package's path and size.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let manifests = manifests::read(&options.manifests)?;
    let Program { target: _, folder, bytes: program, glibc: needed } = program(root, options.arm64)?;
    let package = pack(&program, &manifests)?;
    let output = options.output.clone().unwrap_or_else(|| folder.join("keyrota.zip"));
    let size = package.len();
    ensure!(size <= LARGEST, "{} would have {size} bytes, more than {LARGEST}", output.display());
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(&output, &package).with_context(|| output.display().to_string())?;
    let sum: String = Sha256::digest(&package).iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{}: {size} bytes, glibc {needed}, sha256 {sum}", one_line(&output.display().to_string()));
    Ok(())
}

/// Builds `bootstrap` with cargo-lambda, and reads it.
fn build(root: &Path, target: &str, folder: &Path) -> Result<Vec<u8>> {
    // cargo-lambda would install a missing target by itself; what is installed is left to whoever owns this machine.
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root).output().context("rustc")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if !sysroot.join("lib/rustlib").join(target).is_dir() {
        bail!("Rust can't build for {target} yet: rustup target add {target}");
    }
    let version = cargo().args(["lambda", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        bail!("cargo-lambda is missing: pip install --require-hashes -r xtask/requirements-lambda.txt");
    }
    let status = cargo()
        .args(["lambda", "build", "--locked", "--profile", "lambda", "--no-default-features", "--features", "lambda"])
        .args(["--bin", "bootstrap", "--target", target, "--lambda-dir"])
        .arg(folder)
        .current_dir(root)
        .stdout(std::io::stderr())
        .status();
    ensure!(status.context("cargo can't be started")?.success(), "cargo lambda build failed");
    let program = folder.join("bootstrap/bootstrap");
    fs::read(&program).with_context(|| program.display().to_string())
}

/// The newest version of glibc that a program's symbols ask for.
fn newest_glibc(program: &[u8]) -> Result<Option<String>> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let mut newest: Option<String> = None;
    for section in header.sections(endian, program)?.iter() {
        let Some((mut needs, link)) = section.gnu_verneed(endian, program)? else { continue };
        let strings = header.sections(endian, program)?.strings(endian, program, link)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
                let Some(number) = name.strip_prefix("GLIBC_") else { continue };
                if newest.as_deref().is_none_or(|newest| compare(number, newest) == Ordering::Greater) {
                    newest = Some(number.to_owned());
                }
            }
        }
    }
    Ok(newest)
}

/// Compares versions such as `2.4` and `2.34` number by number.
fn compare(left: &str, right: &str) -> Ordering {
    let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    numbers(left).cmp(&numbers(right))
}

/// The zip file; nothing in it depends on when or where it is made.
fn pack(program: &[u8], manifests: &[manifests::File]) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default());
    archive.start_file("bootstrap", options.unix_permissions(0o755))?;
    archive.write_all(program)?;
    for (name, content) in manifests {
        archive.start_file(format!("manifests/{name}"), options.unix_permissions(0o644))?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_package_is_the_same_byte_by_byte_and_runs() {
        let manifests = [("keyrota.toml", "version = 1\n"), ("templates/rotated.en.jinja", "Subject: x\n")]
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let program = b"program".repeat(10_000);
        let package = pack(&program, &manifests).expect("a package");
        assert_eq!(package, pack(&program, &manifests).expect("a package"));
        let mut archive = zip::ZipArchive::new(Cursor::new(package)).expect("a zip file");
        let mut held = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).expect("a file");
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("what was packed");
            assert_eq!(file.last_modified(), Some(DateTime::default()), "a time of no clock");
            held.push((file.name().expect("UTF-8").into_owned(), file.unix_mode(), content.len()));
        }
        assert_eq!(
            held,
            [
                ("bootstrap".to_owned(), Some(0o100_755), 70_000),
                ("manifests/keyrota.toml".to_owned(), Some(0o100_644), 12),
                ("manifests/templates/rotated.en.jinja".to_owned(), Some(0o100_644), 11),
            ]
        );
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        assert_eq!(compare("2.4", "2.34"), Ordering::Less);
        assert_eq!(compare("2.34", "2.34"), Ordering::Equal);
        assert_eq!(compare("2.34.1", "2.34"), Ordering::Greater);
        assert_eq!(compare("none", "2.34"), Ordering::Less);
    }

    /// This very test is a program for some glibc, if it is one for Linux.
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    #[test]
    fn what_a_program_needs_is_read_from_its_symbols() {
        let program = fs::read(std::env::current_exe().expect("a path")).expect("this test");
        let needed = newest_glibc(&program).expect("an ELF file").expect("glibc");
        assert!(needed.starts_with("2.") && compare(&needed, "2.17") != Ordering::Less, "{needed}");
        assert!(newest_glibc(b"#!/bin/sh\n").is_err());
    }
}
