//! The archive of a release for one target, which `action/install` downloads.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use flate2::{Compression, GzBuilder};
use tar::{Builder, HeaderMode};

use crate::target_directory;

#[derive(Debug, Args)]
pub struct Options {
    /// What was built for, such as `x86_64-unknown-linux-gnu`
    target: String,
    /// The tag of the release, such as `v0.1.0`
    tag: String,
}

/// Packs the program that `cargo build --release --target TARGET` has built, with the licences.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let path = pack(root, &target_directory(root)?, options)?;
    println!("{}", path.display());
    Ok(())
}

fn pack(root: &Path, built: &Path, Options { target, tag }: &Options) -> Result<PathBuf> {
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?.parse()?;
    let version = manifest["package"]["version"].as_str().context("Cargo.toml has no version")?;
    ensure!(*tag == format!("v{version}"), "the tag is {tag}, and Cargo.toml says {version}");
    let folder = built.join("release-assets");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("keyrota-{tag}-{target}.tar.gz"));
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    // Neither archive nor compression notes a time or an owner: the same program gives the same asset.
    let mut archive = Builder::new(GzBuilder::new().mtime(0).write(file, Compression::best()));
    archive.mode(HeaderMode::Deterministic);
    let mut append =
        |from: &Path, name: &str| archive.append_path_with_name(from, name).with_context(|| from.display().to_string());
    append(&built.join(target).join("release/keyrota"), "keyrota")?;
    for license in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        append(&root.join(license), license)?;
    }
    archive.into_inner()?.finish()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, process::Command};

    use super::*;

    /// A checkout in which something was built.
    fn checkout() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write("Cargo.toml", "[workspace]\nmembers = []\n\n[package]\nname = \"keyrota\"\nversion = \"1.2.3\"\n");
        for license in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
            write(license, license);
        }
        write("target/x/release/keyrota", "#!/bin/sh\necho it runs\n");
        let program = folder.path().join("target/x/release/keyrota");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a program");
        folder
    }

    fn pack_as(checkout: &Path, tag: &str) -> Result<PathBuf> {
        let options = Options { target: "x".to_owned(), tag: tag.to_owned() };
        pack(checkout, &checkout.join("target"), &options)
    }

    /// With the very command that `action/install` unpacks it with.
    #[test]
    fn the_action_finds_the_program_in_it() {
        let checkout = checkout();
        let path = pack_as(checkout.path(), "v1.2.3").expect("an asset");
        assert_eq!(path, checkout.path().join("target/release-assets/keyrota-v1.2.3-x.tar.gz"));
        let install = fs::read_to_string(crate::root().join("action/install")).expect("action/install");
        let unpack = install.lines().find(|line| line.starts_with("tar -xzOf ")).expect("it unpacks");
        let (unpack, _) = unpack.split_once(" && ").expect("one command, and what is asked of it");
        let script = format!("folder=$1 asset=$2\n{unpack}\nchmod 755 \"$folder/keyrota\"\n\"$folder/keyrota\"");
        let mut bash = Command::new("bash");
        bash.args(["-euc", &script, "unpack"]).arg(path.parent().expect("a folder"));
        let output = bash.arg(path.file_name().expect("a name")).output().expect("bash");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it runs\n", "{output:?}");
        let list = Command::new("tar").arg("-tvzf").arg(&path).output().expect("tar");
        let list = String::from_utf8(list.stdout).expect("UTF-8");
        let entries: Vec<_> =
            list.lines().map(|line| (&line[..10], line.rsplit(' ').next().expect("a name"))).collect();
        let expected = [
            ("-rwxr-xr-x", "keyrota"),
            ("-rw-r--r--", "LICENSE"),
            ("-rw-r--r--", "LICENSE-APACHE"),
            ("-rw-r--r--", "LICENSE-MIT"),
        ];
        assert_eq!(entries, expected);
        let asset = fs::read(&path).expect("the asset");
        assert_eq!(fs::read(pack_as(checkout.path(), "v1.2.3").expect("an asset")).expect("the asset"), asset);
    }

    #[test]
    fn a_tag_that_is_not_the_version_is_refused() {
        let checkout = checkout();
        for tag in ["v9.9.9", "1.2.3", ""] {
            let error = pack_as(checkout.path(), tag).expect_err("another version").to_string();
            assert!(error.contains("Cargo.toml says 1.2.3"), "{error}");
        }
        assert!(!checkout.path().join("target/release-assets").exists());
        fs::remove_file(checkout.path().join("target/x/release/keyrota")).expect("a removed program");
        let error = format!("{:#}", pack_as(checkout.path(), "v1.2.3").expect_err("nothing was built"));
        assert!(error.contains("target/x/release/keyrota"), "{error}");
    }
}
