//! `keyrota package`: the Lambda package, of a release's program and the manifests.

use std::{fs, path::Path};

use chrono::Utc;
use keyrota::{
    counted::counted,
    github::release::{Releases, Version},
    init::{RELEASE, REPOSITORY},
    manifest::{self, files::Files},
    package::{self, Architecture, Kind},
    untrusted::printable,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    args::{Common, Format, PackageArgs},
    error::CommandError,
    exit::Exit,
    output::Output,
};

/// Where releases are mirrored, for who can't reach GitHub.
const MIRROR: &str = "KEYROTA_RELEASES";

/// Packs, and says what came out.
pub fn run(common: &Common, args: &PackageArgs, output: &Output) -> Result<Exit, CommandError> {
    // What the function would refuse is not packed.
    let loaded = manifest::load(&common.manifests, Utc::now());
    output.diagnostics(&loaded.diagnostics);
    if loaded.manifest.is_none() {
        return Err(CommandError::Manifests);
    }
    let manifests = manifest::read(&common.manifests).map_err(|refused| {
        output.diagnostics(&refused);
        CommandError::Manifests
    })?;
    let asked = match (args.arm64, args.x86_64) {
        (true, _) => Some(Architecture::Arm64),
        (_, true) => Some(Architecture::X86_64),
        (false, false) => None,
    };
    let (program, architecture) = match &args.bootstrap {
        Some(path) => given(path, asked, output)?,
        None => {
            let architecture = asked.unwrap_or(Architecture::Arm64);
            (released(args, architecture, output)?, architecture)
        }
    };
    write(args, &program, architecture, &manifests, output)
}

/// A program that is there, for the architecture that it is built for.
fn given(path: &Path, asked: Option<Architecture>, output: &Output) -> Result<(Vec<u8>, Architecture), CommandError> {
    let named = printable(&path.display().to_string());
    let content = fs::read(path).map_err(|error| CommandError::new(format!("`--bootstrap {named}`: {error}")))?;
    let program =
        package::program(content).map_err(|error| CommandError::new(format!("`--bootstrap {named}`: {error}")))?;
    let architecture = match (Kind::of(&program), asked) {
        (Kind::Program(own), Some(asked)) if own != asked => {
            let message =
                format!("`--bootstrap {named}` is a program for {}, and not for {}", own.as_str(), asked.as_str());
            return Err(CommandError::new(message).hint(format!(
                "leave the architecture out, and set `architecture = \"{}\"` in Terraform; or name another program",
                own.as_str()
            )));
        }
        (Kind::Program(own), _) => own,
        (Kind::Foreign, _) => {
            return Err(CommandError::new(format!("`--bootstrap {named}` is no program for Linux on arm64 or x86-64"))
                .hint("take `bootstrap` of a release, or leave `--bootstrap` out"));
        }
        (Kind::Script, asked) => asked.unwrap_or(Architecture::Arm64),
        (Kind::Unknown, asked) => {
            output.warning(format!("`--bootstrap {named}` does not look like a program: Lambda may not start it"));
            asked.unwrap_or(Architecture::Arm64)
        }
    };
    Ok((program, architecture))
}

/// The program of a release.
fn released(args: &PackageArgs, architecture: Architecture, output: &Output) -> Result<Vec<u8>, CommandError> {
    const OFFLINE: &str =
        "`--bootstrap FILE` takes a program that is here; KEYROTA_RELEASES names a mirror of the releases";
    let wrong = |error: &dyn std::fmt::Display| CommandError::new(error).hint(OFFLINE);
    let version = Version::parse(args.release.as_deref().unwrap_or(RELEASE)).map_err(CommandError::new)?;
    let mirror = std::env::var(MIRROR).ok().filter(|url| !url.is_empty());
    let releases = Releases::of(REPOSITORY, mirror.as_deref()).map_err(|error| wrong(&error))?;
    let asset = architecture.asset(version.number());
    let (content, known) = releases.fetch(&asset, &version).map_err(|error| wrong(&error))?;
    output.talk(&format!("{}\n", printable(&known)));
    let program = package::program(content).map_err(|error| CommandError::new(format!("{asset}: {error}")))?;
    match Kind::of(&program) {
        Kind::Program(own) if own != architecture => {
            Err(CommandError::new(format!("{asset} holds a program for {}", own.as_str())))
        }
        _ => Ok(program),
    }
}

fn write(
    args: &PackageArgs,
    program: &[u8],
    architecture: Architecture,
    manifests: &Files,
    output: &Output,
) -> Result<Exit, CommandError> {
    let named = printable(&args.output.display().to_string());
    let package = package::pack(program, manifests).map_err(|error| CommandError::new(format!("{named}: {error}")))?;
    // An unchanged file keeps its time.
    if fs::read(&args.output).ok().as_ref() != Some(&package) {
        if let Some(folder) = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| CommandError::new(format!("{named}: {error}")))?;
        }
        fs::write(&args.output, &package).map_err(|error| CommandError::new(format!("{named}: {error}")))?;
    }
    let (bytes, sum) = (package.len(), hex::encode(Sha256::digest(&package)));
    let (architecture, count) = (architecture.as_str(), manifests.len());
    output.data(&match output.format {
        Format::Json => {
            let document = json!({
                "version": 1, "path": args.output.display().to_string(), "architecture": architecture,
                "files": count, "bytes": bytes, "sha256": sum,
            });
            format!("{document:#}\n")
        }
        _ => {
            let files = counted(count, "file");
            format!("{named}: {architecture}, {files} of manifests, {bytes} bytes, sha256 {sum}\n")
        }
    });
    Ok(Exit::Done)
}
