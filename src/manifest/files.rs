//! The files of a folder of manifests. A pull request decides what lies there: only regular files are read, never what a
//! link leads to, no device and no pipe, and no more than a bounded number of bounded size. What is refused is named, and
//! nothing of what it holds.

use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, SourceFile, any_of},
    templates,
};
use crate::untrusted::{is_visible, quoted};

/// No manifest and no template is larger, in bytes.
pub const LARGEST_FILE: u64 = 1 << 20;
/// All of them together, in bytes.
pub const LARGEST_FOLDER: u64 = 8 << 20;
/// How many manifests and templates a folder may hold.
pub const MOST_FILES: usize = 1_000;

/// How many characters of a name are shown.
const NAME_SHOWN: usize = 120;

/// Paths as the user would write them, and contents.
pub type Files = Vec<(String, Vec<u8>)>;

/// Why a file is not read.
#[derive(Debug)]
pub enum Refused {
    /// It is a symbolic link, which could lead anywhere.
    Link,
    /// It is a folder.
    Folder,
    /// A pipe, a socket or a device.
    Special,
    /// It is larger than [`LARGEST_FILE`].
    TooLarge,
    /// The system does not let it be read.
    Unreadable(io::Error),
}

/// Counts what was read so far against the limits.
#[derive(Debug, Default)]
pub struct Budget {
    files: usize,
    bytes: u64,
}

/// A limit that the files together exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// There are more than [`MOST_FILES`].
    Files,
    /// They hold more than [`LARGEST_FOLDER`].
    Bytes,
}

/// Reads the `*.toml` of a folder and the `*.jinja` of its folder of templates.
pub(super) fn read(folder: &Path, diagnostics: &mut Vec<Diagnostic>) -> Files {
    let mut files = Files::new();
    let names = match folder_refused(folder).map_or_else(|| names(folder, "toml"), Err) {
        Ok(names) => names,
        Err(refused) => {
            diagnostics.push(no_folder(folder, &refused));
            return files;
        }
    };
    if names.is_empty() {
        let message = "the folder holds no manifests";
        let help = "write rules to a file whose name ends in `.toml`, or name another folder with `--manifests DIR`";
        diagnostics.push(Diagnostic::error(Code::FolderEmpty, message, whole_file(folder)).help(help));
        return files;
    }
    let mut paths: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    let own = folder.join(templates::FOLDER);
    match fs::symlink_metadata(&own) {
        // There need not be any.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => diagnostics.push(refuse(&own, &Refused::Unreadable(error))),
        Ok(metadata) => match not_a_folder(&metadata).map_or_else(|| self::names(&own, templates::EXTENSION), Err) {
            Ok(names) => paths.extend(names.into_iter().map(|name| own.join(name))),
            Err(refused) => diagnostics.push(refuse(&own, &refused)),
        },
    }
    let mut budget = Budget::default();
    for path in paths {
        let Some(shown) = path.to_str().filter(|path| is_visible(path)) else {
            diagnostics.push(odd_name(&path));
            continue;
        };
        match read_file(&path) {
            Ok(bytes) => match budget.take(bytes.len() as u64) {
                Ok(()) => files.push((shown.to_owned(), bytes)),
                Err(exceeded) => {
                    let help = "a folder of manifests holds text that people review: split it, or move the rest away";
                    let message = exceeded.to_string();
                    diagnostics.push(Diagnostic::error(Code::FileUnreadable, message, whole_file(folder)).help(help));
                    break;
                }
            },
            Err(refused) => diagnostics.push(refuse(&path, &refused)),
        }
    }
    files
}

impl Budget {
    /// Counts one more file.
    ///
    /// # Errors
    /// The files together are too many or too large.
    pub fn take(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        match (self.files > MOST_FILES, self.bytes > LARGEST_FOLDER) {
            (true, _) => Err(Exceeded::Files),
            (false, true) => Err(Exceeded::Bytes),
            (false, false) => Ok(()),
        }
    }
}

/// Reads a regular file of bounded size.
///
/// # Errors
/// It is anything else.
fn read_file(path: &Path) -> Result<Vec<u8>, Refused> {
    // Asked before, for the words, and of what was opened, because only that is certain.
    not_a_file(&fs::symlink_metadata(path)?).map_or(Ok(()), Err)?;
    let file = open(path)?;
    not_a_file(&file.metadata()?).map_or(Ok(()), Err)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE { Err(Refused::TooLarge) } else { Ok(bytes) }
}

/// Does not follow a link, and does not wait for whoever may write to a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

fn not_a_file(metadata: &Metadata) -> Option<Refused> {
    match metadata.file_type() {
        kind if kind.is_symlink() => Some(Refused::Link),
        kind if kind.is_dir() => Some(Refused::Folder),
        kind if !kind.is_file() => Some(Refused::Special),
        _ => (metadata.len() > LARGEST_FILE).then_some(Refused::TooLarge),
    }
}

fn not_a_folder(metadata: &Metadata) -> Option<Refused> {
    match metadata.file_type() {
        kind if kind.is_symlink() => Some(Refused::Link),
        kind if kind.is_dir() => None,
        _ => Some(Refused::Unreadable(io::ErrorKind::NotADirectory.into())),
    }
}

/// A folder that a link stands for, or that is behind one within its repository.
fn folder_refused(folder: &Path) -> Option<Refused> {
    within_repository(folder).into_iter().find_map(|path| match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_symlink() => Some(Refused::Link),
        Ok(_) => None,
        Err(error) => Some(Refused::Unreadable(error)),
    })
}

/// The folder and those above it that belong to its repository: everything below the folder that has a `.git`, or all
/// parts of a relative path. How one gets to the repository is no one's business.
fn within_repository(folder: &Path) -> Vec<PathBuf> {
    let is_part = |path: &&Path| matches!(path.components().next_back(), Some(Component::Normal(_)));
    let mut parts = Vec::new();
    for path in folder.ancestors().filter(is_part) {
        if path.join(".git").exists() {
            return parts;
        }
        parts.push(path.to_owned());
    }
    if folder.is_absolute() {
        parts.truncate(1);
    }
    parts
}

/// The names that end so, in order. A folder may hold any number of others.
fn names(folder: &Path, extension: &str) -> Result<Vec<std::ffi::OsString>, Refused> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if Path::new(&name).extension().is_some_and(|own| own == extension) {
            names.push(name);
        }
        if names.len() > MOST_FILES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

fn no_folder(folder: &Path, refused: &Refused) -> Diagnostic {
    let help = match refused {
        Refused::Link => "name the folder itself: what a link leads to is not what was reviewed",
        Refused::Unreadable(error) => match error.kind() {
            io::ErrorKind::NotFound => "there is no such folder; create it, or name another with `--manifests DIR`",
            io::ErrorKind::NotADirectory => "this is a file; name the folder it is in with `--manifests DIR`",
            _ => "make the folder readable for the user that runs keyrota",
        },
        Refused::Folder | Refused::Special | Refused::TooLarge => "name a folder with `--manifests DIR`",
    };
    let message = match refused {
        Refused::Link => "the folder of the manifests is behind a symbolic link, which is not followed".to_owned(),
        Refused::Unreadable(error) => format!("the manifests can't be listed: {error}"),
        refused => format!("the folder of the manifests {refused}"),
    };
    Diagnostic::error(Code::FolderUnreadable, message, whole_file(folder)).help(help)
}

fn refuse(path: &Path, refused: &Refused) -> Diagnostic {
    let what = match path.extension().is_some_and(|extension| extension == "toml") {
        true => "manifest",
        false if path.ends_with(templates::FOLDER) => "folder of templates",
        false => "template",
    };
    let help = match refused {
        Refused::Link => "put the file itself here: what a link leads to is not what was reviewed",
        Refused::Folder | Refused::Special => "put a file of text here, or give it another name",
        Refused::TooLarge => "split it into files that people can review",
        Refused::Unreadable(_) if what == "manifest" => {
            "make the file readable for the user that runs keyrota, or rename it if it is no manifest"
        }
        Refused::Unreadable(_) => "make it readable for the user that runs keyrota",
    };
    let message = format!("the {what} {refused}");
    Diagnostic::error(Code::FileUnreadable, message, whole_file(path)).help(help)
}

/// A name that does not show what it is could pass for another in a review.
fn odd_name(path: &Path) -> Diagnostic {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let message =
        format!("the name {} holds characters that can't be seen or are not UTF-8", quoted(&name, NAME_SHOWN));
    let help = format!("rename the file: letters, digits, {} do", any_of(["-", "_", "."]));
    let folder = path.parent().unwrap_or(path);
    Diagnostic::error(Code::FileUnreadable, message, whole_file(folder)).help(help)
}

pub(super) fn whole_file(path: &Path) -> Label {
    Label::new(&Arc::new(SourceFile::new(&path.to_string_lossy(), String::new())), 0..0, "")
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The rest of a sentence about the file.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("is a symbolic link, which is not followed"),
            Self::Folder => f.write_str("is a folder, and no file"),
            Self::Special => f.write_str("is a pipe, a socket or a device, and no file"),
            Self::TooLarge => write!(f, "is larger than {LARGEST_FILE} bytes"),
            Self::Unreadable(error) => write!(f, "can't be read: {error}"),
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files => write!(f, "the folder holds more than {MOST_FILES} manifests and templates"),
            Self::Bytes => write!(f, "the manifests and templates are together larger than {LARGEST_FOLDER} bytes"),
        }
    }
}
