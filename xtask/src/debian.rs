//! A Debian package of the command. It needs `dpkg-deb`, which is part of Debian and Ubuntu.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, GzBuilder};

use crate::release_asset::{Crate, Entry};

/// What Debian calls a target.
fn architecture(target: &str) -> Result<&'static str> {
    match target.split('-').next() {
        Some("x86_64") => Ok("amd64"),
        Some("aarch64") => Ok("arm64"),
        _ => bail!("Debian's name for {target} is not known"),
    }
}

/// `keyrota_0.1.0-1_amd64.deb`
pub fn file_name(target: &str, version: &str) -> Result<String> {
    Ok(format!("keyrota_{version}-1_{}.deb", architecture(target)?))
}

/// Lays out what is installed, and packs it. The same files give the same package.
pub fn build(path: &Path, target: &str, own: &Crate, entries: &[Entry], documents: &[Entry]) -> Result<()> {
    let root = tempfile::tempdir().context("a temporary folder")?;
    let Crate { version, description, repository } = own;
    let mut installed = 0;
    for entry in entries.iter().chain(documents) {
        let Some((place, content)) = place(entry)? else { continue };
        installed += content.len();
        put(root.path(), &place, &content, entry.is_program)?;
    }
    let licenses = entries.iter().filter(|entry| entry.path.starts_with("LICENSE"));
    let copyright: Vec<u8> = licenses.flat_map(|entry| [&entry.content[..], b"\n"].concat()).collect();
    put(root.path(), "usr/share/doc/keyrota/copyright", &copyright, false)?;
    let control = format!(
        "Package: keyrota\nVersion: {version}-1\nArchitecture: {}\nSection: admin\nPriority: optional\n\
         Maintainer: the maintainers of keyrota <{repository}/issues>\nInstalled-Size: {}\nHomepage: {repository}\n\
         Description: {description}\n",
        architecture(target)?,
        installed.div_ceil(1024),
    );
    put(root.path(), "DEBIAN/control", control.as_bytes(), false)?;
    let status = Command::new("dpkg-deb")
        // Not the day on which it was made.
        .env("SOURCE_DATE_EPOCH", "0")
        .args(["--root-owner-group", "-Zgzip", "--build"])
        .arg(root.path())
        .arg(path)
        .stdout(std::process::Stdio::null())
        .status()
        .context("dpkg-deb, which makes Debian packages, can't be started")?;
    ensure!(status.success(), "dpkg-deb failed");
    Ok(())
}

/// Where a file is installed; `None`: nowhere.
fn place(Entry { path, content, .. }: &Entry) -> Result<Option<(String, Vec<u8>)>> {
    let as_is = |place: &str| Ok(Some((place.to_owned(), content.clone())));
    match path.as_str() {
        "keyrota" => as_is("usr/bin/keyrota"),
        "completions/keyrota.bash" => as_is("usr/share/bash-completion/completions/keyrota"),
        "completions/keyrota.fish" => as_is("usr/share/fish/vendor_completions.d/keyrota.fish"),
        "completions/_keyrota" => as_is("usr/share/zsh/vendor-completions/_keyrota"),
        path => match path.strip_prefix("man/") {
            // Debian compresses them.
            Some(page) => {
                let mut packed = GzBuilder::new().mtime(0).read(content.as_slice(), Compression::best());
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut packed, &mut bytes)?;
                Ok(Some((format!("usr/share/man/man1/{page}.gz"), bytes)))
            }
            None => Ok(None),
        },
    }
}

fn put(root: &Path, place: &str, content: &[u8], is_program: bool) -> Result<()> {
    let path: PathBuf = root.join(place);
    let folder = path.parent().expect("it is in a folder");
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(&path, content).with_context(|| path.display().to_string())?;
    permit(&path, is_program)?;
    // Whatever the mask of whoever builds says.
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
        permit(folder, true)?;
    }
    Ok(())
}

#[cfg(unix)]
fn permit(path: &Path, is_program: bool) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = if is_program { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(|| path.display().to_string())
}

#[cfg(not(unix))]
fn permit(_path: &Path, _is_program: bool) -> Result<()> {
    bail!("Debian packages are made on Debian and Ubuntu")
}
