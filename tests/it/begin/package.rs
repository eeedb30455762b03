//! The Lambda package: a program and manifests, byte for byte the same wherever it is made.

use std::{fs, io::Read};

use sha2::{Digest, Sha256};

use crate::{
    command::{Folder, Ran},
    repository::own_slug,
    support::{github::GitHub, system::write_script},
};

const RULES: &str = "version = 1\n[[rotate]]\nusers = [\"ci-*\"]\nnotify = []\n";

fn folder() -> Folder {
    Folder::new(&[
        ("manifests/keyrota.toml", "version = 1\n"),
        ("manifests/team.toml", RULES),
        ("manifests/keyrota.schema.json", "{}"),
        ("manifests/templates/rotated.en.jinja", "Subject: A new key\n\nIt is there."),
        ("bootstrap", "#!/bin/sh\necho it runs\n"),
    ])
}

/// A program of no use, for an architecture.
fn elf(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0; 200];
    bytes[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2]);
    bytes[18] = machine;
    bytes
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names, permissions and texts of a package.
fn entries(path: &std::path::Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).expect("a package")).expect("a zip file");
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its content");
            (entry.name().expect("a name").into_owned(), entry.unix_mode().expect("a mode") & 0o777, content)
        })
        .collect()
}

#[test]
fn a_package_is_the_same_wherever_it_is_made() {
    let one = folder();
    one.run(&["package", "--bootstrap", "bootstrap"])
        .exits(0)
        .shows(&["keyrota.zip: arm64, 3 files of manifests", "sha256 "]);
    let found = entries(&one.path("keyrota.zip"));
    let names: Vec<_> = found.iter().map(|(name, mode, _)| (name.as_str(), *mode)).collect();
    let expected = [
        ("bootstrap", 0o755),
        ("manifests/keyrota.toml", 0o644),
        ("manifests/team.toml", 0o644),
        ("manifests/templates/rotated.en.jinja", 0o644),
    ];
    assert_eq!(names, expected);
    assert_eq!(found[2].2, RULES.as_bytes());
    // Another folder, other permissions and times, another name, JSON.
    let two = folder();
    let mut permissions = fs::metadata(two.path("manifests/team.toml")).expect("a file").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(two.path("manifests/team.toml"), permissions).expect("permissions");
    let arguments = ["package", "--bootstrap", "bootstrap", "--x86-64", "--output", "out/x.zip", "--format", "json"];
    let document = two.run(&arguments).exits(0).json();
    let bytes = fs::read(two.path("out/x.zip")).expect("a package");
    assert_eq!(fs::read(one.path("keyrota.zip")).expect("a package"), bytes);
    assert_eq!((document["sha256"].as_str(), document["architecture"].as_str()), (Some(&*sum(&bytes)), Some("x86_64")));
}

#[test]
fn a_program_is_for_one_architecture() {
    let folder = folder();
    fs::write(folder.path("arm"), elf(0xb7)).expect("a file");
    fs::write(folder.path("intel"), elf(0x3e)).expect("a file");
    fs::write(folder.path("mac"), [0xcf, 0xfa, 0xed, 0xfe, 0, 0]).expect("a file");
    fs::write(folder.path("text"), "no program").expect("a file");
    let package = |program: &str, rest: &[&str]| folder.run(&[&["package", "--bootstrap", program], rest].concat());
    package("arm", &[]).exits(0).shows(&[": arm64,"]);
    package("intel", &[]).exits(0).shows(&[": x86_64,"]);
    package("intel", &["--arm64"])
        .exits(1)
        .says(&["is a program for x86_64, and not for arm64", "architecture = \"x86_64\""]);
    package("mac", &[]).exits(1).says(&["is no program for Linux"]);
    package("text", &[]).exits(0).says(&["does not look like a program"]);
    package("absent", &[]).exits(1).says(&["`--bootstrap absent`: "]);
    package("arm", &["--arm64", "--x86-64"]).exits(64);
}

#[test]
fn what_the_function_would_refuse_is_not_packed() {
    let folder = folder();
    folder.write("manifests/team.toml", "version = 1\n[[rotate]]\nuser = [\"x\"]\n");
    folder.run(&["package", "--bootstrap", "bootstrap"]).exits(1).says(&["KR0007"]);
    assert!(!folder.path("keyrota.zip").exists());
}

/// A release with a program for both architectures.
fn release(github: &GitHub, program: &dyn Fn(&str) -> Vec<u8>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let url = format!("/{}/releases/download/v{version}", own_slug());
    let mut sums = String::new();
    for target in ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"] {
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let program = program(target);
        let mut header = tar::Header::new_gnu();
        header.set_size(program.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        archive.append_data(&mut header, "bootstrap", program.as_slice()).expect("an entry");
        let bytes = archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive");
        let name = format!("bootstrap-v{version}-{target}.tar.gz");
        sums += &format!("{}  {name}\n", sum(&bytes));
        github.add_asset(&format!("{url}/{name}"), &bytes);
    }
    github.add_asset(&format!("{url}/SHA256SUMS"), sums.as_bytes());
    sums
}

fn packaged(folder: &Folder, github: &GitHub, arguments: &[&str]) -> Ran {
    let mut command = folder.command(&[&["package"], arguments].concat());
    command.env("KEYROTA_RELEASES", format!("{}/{}/releases/download", github.url, own_slug()));
    Ran::of(command)
}

#[test]
fn the_program_of_a_release_is_downloaded_and_checked() {
    let (github, folder) = (GitHub::start(), folder());
    let version = env!("CARGO_PKG_VERSION");
    packaged(&folder, &github, &[]).exits(1).says(&["404", "--bootstrap FILE"]);
    let of = |target: &str| elf(if target.starts_with("aarch64") { 0xb7 } else { 0x3e });
    let sums = release(&github, &of);
    packaged(&folder, &github, &[]).exits(0).shows(&[": arm64,"]).says(&["has the SHA-256 that its release gives"]);
    assert_eq!(entries(&folder.path("keyrota.zip"))[0].2, of("aarch64"));
    packaged(&folder, &github, &["--x86-64"]).exits(0).shows(&[": x86_64,"]);
    // A sum that a person wrote down counts, whatever the release says.
    let intel =
        sums.lines().find(|line| line.contains("x86_64")).and_then(|line| line.split(' ').next()).expect("a sum");
    let pinned = format!("v{version}@sha256:{intel}");
    packaged(&folder, &github, &["--x86-64", "--release", &pinned])
        .exits(0)
        .says(&["has the SHA-256 that was asked for"]);
    packaged(&folder, &github, &["--arm64", "--release", &pinned]).exits(1).says(&["it is not used"]);
    packaged(&folder, &github, &["--release", "latest"]).exits(1).says(&["is no release"]);
    // What was exchanged is not used, and neither is the other architecture under this name.
    let before = fs::read(folder.path("keyrota.zip")).expect("a package");
    let url = format!("/{}/releases/download/v{version}", own_slug());
    github.add_asset(&format!("{url}/SHA256SUMS"), sums.replace(intel, &"0".repeat(64)).as_bytes());
    packaged(&folder, &github, &["--x86-64"]).exits(1).says(&["but SHA256SUMS of the release says 0000"]);
    release(&github, &|_| elf(0xb7));
    packaged(&folder, &github, &["--x86-64"]).exits(1).says(&["holds a program for arm64"]);
    assert_eq!(fs::read(folder.path("keyrota.zip")).expect("a package"), before);
    let mut command = folder.command(&["package"]);
    command.env("KEYROTA_RELEASES", "http://example.com/x");
    Ran::of(command).exits(1).says(&["is not https"]);
}

/// Where `gh` is installed, it says who built the archive, asked exactly as `action/install` asks.
#[cfg(unix)]
#[test]
fn the_program_of_a_release_is_attested() {
    let (github, folder) = (GitHub::start(), folder());
    release(&github, &|target| elf(if target.starts_with("aarch64") { 0xb7 } else { 0x3e }));
    let gh = |script: &str| {
        fs::create_dir_all(folder.path("bin")).expect("a folder");
        let calls = folder.path("calls");
        write_script(&folder.path("bin/gh"), &format!("#!/bin/sh\necho \"$@\" >> '{}'\n{script}\n", calls.display()));
    };
    let package = || {
        let mut command = folder.command(&["package"]);
        command.env("KEYROTA_RELEASES", format!("{}/{}/releases/download", github.url, own_slug()));
        command.env("PATH", folder.path("bin"));
        Ran::of(command)
    };
    gh("exit 0");
    package().exits(0).says(&["as its attestation says"]);
    let call = folder.read("calls").lines().last().expect("a call").to_owned();
    let version = env!("CARGO_PKG_VERSION");
    let own = own_slug();
    let expected =
        format!("--repo {own} --signer-workflow {own}/.github/workflows/release.yml --source-ref refs/tags/v{version}");
    assert!(call.starts_with("attestation verify ") && call.ends_with(&expected), "{call}");
    gh("case $3 in --help) exit 0;; esac; echo 'no attestations' >&2; exit 1");
    package().exits(1).says(&["has no valid attestation, and is not used: no attestations"]);
    // Too old to know of them.
    gh("exit 1");
    package().exits(0);
}
