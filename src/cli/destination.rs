//! Where reports go as well: looked at before anything is done, for afterwards a path that is no good loses the record of what
//! was done.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use keyrota::untrusted::printable;

use super::error::CommandError;

/// Checks that a file can be written at each path, and that no two are the same. What is there stays as it is.
///
/// # Errors
/// All that are no good.
pub fn check(destinations: &[(&str, &Option<PathBuf>)]) -> Result<(), CommandError> {
    let named: Vec<(&str, &Path)> =
        destinations.iter().filter_map(|&(flag, path)| Some((flag, path.as_deref()?))).collect();
    let mut errors: Vec<CommandError> = Vec::new();
    for (position, (flag, path)) in named.iter().enumerate() {
        let written = format!("`{flag} {}`", printable(&path.display().to_string()));
        if let Err(error) = try_to_write(path) {
            errors.push(CommandError::new(format!("{written}: {error}")).hint(remedy(&error, path)));
        }
        let same = named[..position].iter().find(|(_, other)| is_same(path, other));
        if let Some((other, _)) = same {
            let message = format!("{written}: `{other}` names the same file, and one would write over the other");
            errors.push(CommandError::new(message).hint("nothing was done: name two files"));
        }
    }
    errors.into_iter().reduce(CommandError::and).map_or(Ok(()), Err)
}

fn remedy(error: &io::Error, path: &Path) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound if path.parent().is_some_and(|folder| folder.as_os_str().is_empty()) => {
            "nothing was done: name a file"
        }
        io::ErrorKind::NotFound => "nothing was done: make the folder first",
        io::ErrorKind::IsADirectory => "nothing was done: it is a folder, and a file is wanted",
        _ => "nothing was done: name a file that can be written",
    }
}

fn try_to_write(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Ok(there) if there.is_file() => OpenOptions::new().append(true).open(path).map(drop),
        // To open a pipe is to use it.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().write(true).create_new(true).open(path).map(drop)?;
            fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

/// Whether two paths lead to the same file; what is no file, such as a terminal, may well be written twice.
fn is_same(one: &Path, other: &Path) -> bool {
    let is_special = |path: &Path| fs::metadata(path).is_ok_and(|there| !there.is_file());
    !is_special(one) && whole(one) == whole(other)
}

/// The path without links, as far as it is there.
fn whole(path: &Path) -> PathBuf {
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
