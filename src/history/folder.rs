//! A history in a folder.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use async_trait::async_trait;

use crate::cloud::{Archive, ArchiveError};

/// What is larger is no history.
const LARGEST: u64 = 64 * 1024 * 1024;

/// So many folders deep a history is.
const DEEPEST: usize = 4;

/// A folder to which files are added, and of which none is changed.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// It is made when something is added.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    fn error(&self, name: &str, error: &io::Error) -> ArchiveError {
        ArchiveError { message: format!("{}: {error}", self.0.join(name).display()), hint: None, is_throttled: false }
    }
}

#[async_trait(?Send)]
impl Archive for Folder {
    async fn add(&self, name: &str, content: &str) -> Result<(), ArchiveError> {
        let path = self.0.join(name);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| self.error(name, &error))
    }

    async fn names(&self, from: &str) -> Result<Vec<String>, ArchiveError> {
        let mut names = Vec::new();
        walk(&self.0, "", DEEPEST, &mut names).map_err(|error| self.error("", &error))?;
        names.retain(|name| name.as_str() >= from);
        names.sort_unstable();
        Ok(names)
    }

    async fn content(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let read = || {
            let metadata = fs::symlink_metadata(self.0.join(name))?;
            if !metadata.is_file() || metadata.len() > LARGEST {
                return Err(io::Error::other("no regular file of a history's size"));
            }
            let mut content = Vec::new();
            fs::File::open(self.0.join(name))?.take(LARGEST).read_to_end(&mut content)?;
            Ok(content)
        };
        read().map_err(|error| self.error(name, &error))
    }
}

fn walk(folder: &Path, before: &str, deep: usize, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() && deep > 0 {
            true => walk(&entry.path(), &format!("{name}/"), deep - 1, names)?,
            false => names.push(name),
        }
    }
    Ok(())
}
