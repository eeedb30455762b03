//! The archives of a release for one target: the command, with completions and man pages inside, which `action/install` and
//! package managers download; and the program of the Lambda function, which `keyrota package` does.

use std::{
    fs::{self, File},
    io::{Cursor, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use flate2::{Compression, GzBuilder};
use tar::{Builder, Header, HeaderMode};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::{debian, package, target_directory};

/// The licences that go along.
const LICENSES: [&str; 3] = ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];
/// Shells, and what the file of their completions is called.
pub const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "keyrota.bash"),
    ("elvish", "keyrota.elv"),
    ("fish", "keyrota.fish"),
    ("powershell", "_keyrota.ps1"),
    ("zsh", "_keyrota"),
];

#[derive(Debug, Args)]
pub struct Options {
    /// What was built for, such as `x86_64-unknown-linux-gnu`
    target: String,
    /// The tag of the release, such as `v0.1.0`
    tag: String,
}

#[derive(Debug, Args)]
pub struct BootstrapOptions {
    /// For `architecture = "arm64"`; without it, for `x86_64`
    #[arg(long)]
    arm64: bool,
    /// The tag of the release, such as `v0.1.0`
    tag: String,
}

/// A file of an archive: its path, whether it is a program, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub is_program: bool,
    pub content: Vec<u8>,
}

/// What `Cargo.toml` says of keyrota.
pub struct Crate {
    pub version: String,
    pub description: String,
    /// `https://github.com/OWNER/REPO`: the one place that names the owner.
    pub repository: String,
}

impl Crate {
    /// Reads it, and checks that the tag is of this version.
    pub fn read(root: &Path, tag: &str) -> Result<Self> {
        let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?.parse()?;
        let field = |name: &str| {
            let value = manifest.get("package").and_then(|package| package.get(name)).and_then(toml::Value::as_str);
            value.map(str::to_owned).with_context(|| format!("Cargo.toml has no {name}"))
        };
        let own =
            Self { version: field("version")?, description: field("description")?, repository: field("repository")? };
        ensure!(tag == format!("v{}", own.version), "the tag is {tag}, and Cargo.toml says {}", own.version);
        Ok(own)
    }
}

/// Packs the program that `cargo build --release --target TARGET` has built, with what belongs to it.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    for path in pack(root, &target_directory(root)?, options)? {
        println!("{}", path.display());
    }
    Ok(())
}

/// Builds the function's program, and packs it.
pub fn bootstrap(root: &Path, BootstrapOptions { arm64, tag }: &BootstrapOptions) -> Result<()> {
    Crate::read(root, tag)?;
    let program = package::program(root, *arm64)?;
    let entry = Entry { path: "bootstrap".to_owned(), is_program: true, content: program.bytes };
    let entries: Vec<Entry> = std::iter::once(Ok(entry)).chain(licenses(root)).collect::<Result<_>>()?;
    let folder = assets(&target_directory(root)?)?;
    let path = folder.join(format!("bootstrap-{tag}-{}.tar.gz", program.target));
    write(&path, &tar_gz(&entries)?)?;
    println!("{}", path.display());
    Ok(())
}

fn pack(root: &Path, built: &Path, Options { target, tag }: &Options) -> Result<Vec<PathBuf>> {
    let own = Crate::read(root, tag)?;
    let name = if target.contains("-windows-") { "keyrota.exe" } else { "keyrota" };
    let program = built.join(target).join("release").join(name);
    let content = fs::read(&program).with_context(|| program.display().to_string())?;
    let mut entries = vec![Entry { path: name.to_owned(), is_program: true, content }];
    entries.extend(licenses(root).collect::<Result<Vec<_>>>()?);
    let documents = documents(&program)?;
    let folder = assets(built)?;
    let stem = format!("keyrota-{tag}-{target}");
    let mut written = Vec::new();
    if target.contains("-linux-musl") {
        // It needs no library of the system, so it runs on every release of Debian.
        let path = folder.join(debian::file_name(target, &own.version)?);
        debian::build(&path, target, &own, &entries, &documents)?;
        written.push(path);
    }
    entries.extend(documents);
    let path = match target.contains("-windows-") {
        true => folder.join(format!("{stem}.zip")),
        false => folder.join(format!("{stem}.tar.gz")),
    };
    write(&path, &if target.contains("-windows-") { zip(&entries)? } else { tar_gz(&entries)? })?;
    written.push(path);
    Ok(written)
}

fn assets(built: &Path) -> Result<PathBuf> {
    let folder = built.join("release-assets");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    File::create(path).and_then(|mut file| file.write_all(content)).with_context(|| path.display().to_string())
}

fn licenses(root: &Path) -> impl Iterator<Item = Result<Entry>> {
    LICENSES.into_iter().map(|name| {
        let content = fs::read(root.join(name)).context(name)?;
        Ok(Entry { path: name.to_owned(), is_program: false, content })
    })
}

/// Completions and man pages, as the program itself writes them: what packs runs on what it was built for.
fn documents(program: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (shell, name) in COMPLETIONS {
        let output = Command::new(program).args(["completions", shell]).output();
        let output = output.with_context(|| program.display().to_string())?;
        ensure!(output.status.success() && !output.stdout.is_empty(), "keyrota completions {shell} failed");
        entries.push(Entry { path: format!("completions/{name}"), is_program: false, content: output.stdout });
    }
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let status = Command::new(program).arg("man").arg(folder.path()).stdout(std::process::Stdio::null()).status();
    ensure!(status.context("keyrota man")?.success(), "keyrota man failed");
    let mut pages: Vec<PathBuf> = fs::read_dir(folder.path())?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    pages.sort();
    ensure!(!pages.is_empty(), "keyrota man wrote no page");
    for page in pages {
        let name = page.file_name().expect("it is in a folder").to_string_lossy().into_owned();
        entries.push(Entry { path: format!("man/{name}"), is_program: false, content: fs::read(&page)? });
    }
    Ok(entries)
}

/// Neither archive nor compression notes a time or an owner: the same files give the same archive.
pub fn tar_gz(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut archive = Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::best()));
    archive.mode(HeaderMode::Deterministic);
    for Entry { path, is_program, content } in entries {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(if *is_program { 0o755 } else { 0o644 });
        header.set_mtime(0);
        header.set_cksum();
        archive.append_data(&mut header, path, content.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

fn zip(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default());
    for Entry { path, is_program, content } in entries {
        archive.start_file(path, options.unix_permissions(if *is_program { 0o755 } else { 0o644 }))?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A program that does what is asked of the command.
    const PROGRAM: &str = "#!/bin/sh\ncase $1 in\n\
        completions) echo \"completions for $2\" ;;\n\
        man) for page in keyrota keyrota-plan; do echo \".TH $page\" > \"$2/$page.1\"; done ;;\n\
        *) echo it runs ;;\nesac\n";

    /// A checkout in which something was built for this target.
    fn checkout(target: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        let fields = "name = \"keyrota\"\nversion = \"1.2.3\"\ndescription = \"Rotates keys\"\n\
                      repository = \"https://github.com/acme/keyrota\"\n";
        write("Cargo.toml", &format!("[workspace]\nmembers = []\n\n[package]\n{fields}"));
        for license in LICENSES {
            write(license, license);
        }
        let name = if target.contains("windows") { "keyrota.exe" } else { "keyrota" };
        let built = folder.path().join(format!("target/{target}/release"));
        write("PROGRAM", PROGRAM);
        fs::create_dir_all(&built).expect("a folder");
        // A process of its own writes what is run. What this one holds open for writing, a child that another test starts at that
        // moment holds open as well until it runs its program, and meanwhile this one would be busy (ETXTBSY).
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(folder.path().join("PROGRAM")).arg(built.join(name));
        assert!(install.status().expect("install").success());
        folder
    }

    fn pack_as(checkout: &Path, target: &str, tag: &str) -> Result<Vec<PathBuf>> {
        let options = Options { target: target.to_owned(), tag: tag.to_owned() };
        pack(checkout, &checkout.join("target"), &options)
    }

    fn run(program: &str, arguments: &[&str], path: &Path) -> String {
        let output = Command::new(program).args(arguments).arg(path).output().expect(program);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// With the very command that `action/install` unpacks it with.
    #[test]
    fn the_action_finds_the_program_in_it() {
        let checkout = checkout("x");
        let path = pack_as(checkout.path(), "x", "v1.2.3").expect("an asset").remove(0);
        assert_eq!(path, checkout.path().join("target/release-assets/keyrota-v1.2.3-x.tar.gz"));
        let install = fs::read_to_string(crate::root().join("action/install")).expect("action/install");
        let unpack = install.lines().find(|line| line.starts_with("tar -xzOf ")).expect("it unpacks");
        let (unpack, _) = unpack.split_once(" && ").expect("one command, and what is asked of it");
        let script = format!("folder=$1 asset=$2\n{unpack}\nchmod 755 \"$folder/keyrota\"\n\"$folder/keyrota\"");
        let mut bash = Command::new("bash");
        bash.args(["-euc", &script, "unpack"]).arg(path.parent().expect("a folder"));
        let output = bash.arg(path.file_name().expect("a name")).output().expect("bash");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it runs\n", "{output:?}");
        let list = run("tar", &["-tvzf"], &path);
        let entries: Vec<_> =
            list.lines().map(|line| (&line[..10], line.rsplit(' ').next().expect("a name"))).collect();
        let expected = [
            ("-rwxr-xr-x", "keyrota"),
            ("-rw-r--r--", "LICENSE"),
            ("-rw-r--r--", "LICENSE-APACHE"),
            ("-rw-r--r--", "LICENSE-MIT"),
            ("-rw-r--r--", "completions/keyrota.bash"),
            ("-rw-r--r--", "completions/keyrota.elv"),
            ("-rw-r--r--", "completions/keyrota.fish"),
            ("-rw-r--r--", "completions/_keyrota.ps1"),
            ("-rw-r--r--", "completions/_keyrota"),
            ("-rw-r--r--", "man/keyrota-plan.1"),
            ("-rw-r--r--", "man/keyrota.1"),
        ];
        assert_eq!(entries, expected);
        let asset = fs::read(&path).expect("the asset");
        let again = pack_as(checkout.path(), "x", "v1.2.3").expect("an asset").remove(0);
        assert_eq!(fs::read(again).expect("the asset"), asset);
    }

    /// `dpkg-deb` is where Debian packages are built, and nowhere else.
    #[test]
    fn musl_gives_a_debian_package_as_well() {
        if Command::new("dpkg-deb").arg("--version").output().is_err() {
            return;
        }
        let target = "x86_64-unknown-linux-musl";
        let checkout = checkout(target);
        let paths = pack_as(checkout.path(), target, "v1.2.3").expect("assets");
        let names: Vec<_> = paths.iter().map(|path| path.file_name().expect("a name").to_string_lossy()).collect();
        assert_eq!(names, ["keyrota_1.2.3-1_amd64.deb", "keyrota-v1.2.3-x86_64-unknown-linux-musl.tar.gz"]);
        let control = run("dpkg-deb", &["--field"], &paths[0]);
        for line in
            ["Package: keyrota", "Version: 1.2.3-1", "Architecture: amd64", "Homepage: https://github.com/acme/keyrota"]
        {
            assert!(control.lines().any(|own| own == line), "{line} is missing: {control}");
        }
        assert!(!control.contains("Depends:"), "{control}");
        let list = run("dpkg-deb", &["--contents"], &paths[0]);
        for (mode, path) in [
            ("-rwxr-xr-x root/root", "./usr/bin/keyrota"),
            ("-rw-r--r-- root/root", "./usr/share/bash-completion/completions/keyrota"),
            ("-rw-r--r-- root/root", "./usr/share/doc/keyrota/copyright"),
            ("-rw-r--r-- root/root", "./usr/share/fish/vendor_completions.d/keyrota.fish"),
            ("-rw-r--r-- root/root", "./usr/share/man/man1/keyrota.1.gz"),
            ("-rw-r--r-- root/root", "./usr/share/zsh/vendor-completions/_keyrota"),
        ] {
            assert!(
                list.lines().any(|line| line.starts_with(mode) && line.ends_with(path)),
                "{path} is missing: {list}"
            );
        }
        let package = fs::read(&paths[0]).expect("a package");
        pack_as(checkout.path(), target, "v1.2.3").expect("assets");
        assert_eq!(fs::read(&paths[0]).expect("a package"), package);
    }

    #[test]
    fn windows_gets_a_zip_file() {
        let target = "x86_64-pc-windows-msvc";
        let checkout = checkout(target);
        let path = pack_as(checkout.path(), target, "v1.2.3").expect("an asset").remove(0);
        assert!(path.ends_with("keyrota-v1.2.3-x86_64-pc-windows-msvc.zip"), "{}", path.display());
        let archive = zip::ZipArchive::new(File::open(&path).expect("a file")).expect("a zip file");
        let names: Vec<_> = archive.file_names().map(|name| name.expect("a name")).collect();
        for name in ["keyrota.exe", "completions/_keyrota.ps1"] {
            assert!(names.iter().any(|own| own == name), "{names:?}");
        }
    }

    #[test]
    fn a_tag_that_is_not_the_version_is_refused() {
        let checkout = checkout("x");
        for tag in ["v9.9.9", "1.2.3", ""] {
            let error = pack_as(checkout.path(), "x", tag).expect_err("another version").to_string();
            assert!(error.contains("Cargo.toml says 1.2.3"), "{error}");
        }
        assert!(!checkout.path().join("target/release-assets").exists());
        fs::remove_file(checkout.path().join("target/x/release/keyrota")).expect("a removed program");
        let error = format!("{:#}", pack_as(checkout.path(), "x", "v1.2.3").expect_err("nothing was built"));
        assert!(error.contains("target/x/release/keyrota"), "{error}");
    }
}
