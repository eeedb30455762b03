//! The manifests that go into the Lambda package. What keyrota would refuse is not packed: only regular files below a
//! folder that is none of a link's, and no large ones. The bounds are those of `src/manifest/files.rs`.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

const LARGEST_FILE: u64 = 1 << 20;
const LARGEST_FOLDER: usize = 8 << 20;
const MOST_FILES: usize = 1_000;

/// A manifest or a template: its path within the folder, and what it holds.
pub type File = (String, Vec<u8>);

/// Reads the manifests and templates of a folder, in order.
pub fn read(folder: &Path) -> Result<Vec<File>> {
    ensure!(is_folder(folder)?, "{} is no folder", folder.display());
    let mut paths = names(folder, "toml")?;
    ensure!(!paths.is_empty(), "there are no manifests in {}", folder.display());
    let templates = folder.join("templates");
    match is_folder(&templates) {
        Ok(true) => paths.extend(names(&templates, "jinja")?),
        Ok(false) => {}
        // There need not be any.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::NotFound) => {}
        Err(error) => return Err(error),
    }
    ensure!(paths.len() <= MOST_FILES, "{} holds more than {MOST_FILES} manifests and templates", folder.display());
    let mut files = Vec::new();
    let mut total = 0;
    for path in paths {
        let content = read_file(&path)?;
        total += content.len();
        ensure!(
            total <= LARGEST_FOLDER,
            "the manifests in {} are together larger than {LARGEST_FOLDER} bytes",
            folder.display()
        );
        let name = path.strip_prefix(folder).expect("it was found there");
        let name = name.to_str().with_context(|| format!("the name of {} is not UTF-8", path.display()))?;
        files.push((name.to_owned(), content));
    }
    Ok(files)
}

fn is_folder(path: &Path) -> Result<bool> {
    let kind = fs::symlink_metadata(path).with_context(|| path.display().to_string())?.file_type();
    ensure!(!kind.is_symlink(), "{} is a symbolic link, which is not followed", path.display());
    Ok(kind.is_dir())
}

/// The paths in a folder whose names end so, in order.
fn names(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.extension().is_some_and(|own| own == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let named = || path.display().to_string();
    let is_link = || fs::symlink_metadata(path).map(|metadata| metadata.is_symlink());
    if is_link().with_context(named)? {
        bail!("{} is a symbolic link, which is not followed", path.display());
    }
    // Not followed if it became one since, and not waited for if it is a pipe.
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path).with_context(named)?;
    ensure!(file.metadata().with_context(named)?.is_file(), "{} is no regular file", path.display());
    let mut content = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut content).with_context(named)?;
    ensure!(content.len() as u64 <= LARGEST_FILE, "{} is larger than {LARGEST_FILE} bytes", path.display());
    Ok(content)
}
