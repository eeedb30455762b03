//! Files that look like manifests and are none: whoever wrote one believes that its rules hold.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, SourceFile, quote},
};

/// How deep, and among how many files and folders, is looked: a work tree may hold a lot else.
const DEPTH: usize = 4;
const MOST_ENTRIES: usize = 2_000;
/// How many are warned of one by one.
const MOST_SHOWN: usize = 20;

/// Warnings of `*.toml` in folders below, and of names that end in `.toml` but for the case.
pub(super) fn warnings(folder: &Path) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut left = MOST_ENTRIES;
    look(folder, 0, &mut left, &mut found);
    found.sort();
    found.truncate(MOST_SHOWN);
    found.iter().map(|path| warning(folder, path)).collect()
}

/// Neither follows links nor opens anything.
fn look(folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(rest) = left.checked_sub(1) else { return };
        *left = rest;
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < DEPTH && !name.to_string_lossy().starts_with('.') {
            look(&path, depth + 1, left, found);
        } else if kind.is_file() {
            let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
            let is_read = depth == 0 && extension.as_deref() == Some("toml");
            if !is_read && extension.is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
                found.push(path);
            }
        }
    }
}

fn warning(folder: &Path, path: &Path) -> Diagnostic {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (message, help) = if path.parent() == Some(folder) {
        let message = format!("{} is not read: names of manifests end in `.toml`, in lower case", quote(&name));
        (message, "rename it, so that what it says holds")
    } else {
        let message = format!("{} is not read: manifests are directly in the folder", quote(&name));
        (message, "move it up, or name its folder with `--manifests`; what is no manifest is better kept elsewhere")
    };
    let source = Arc::new(SourceFile::new(&path.to_string_lossy(), String::new()));
    Diagnostic::warning(Code::Overlooked, message, Label::new(&source, 0..0, "")).help(help)
}
