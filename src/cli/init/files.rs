//! What `init` writes where, and what it leaves as it is.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use keyrota::{
    init::{self, Scaffold},
    untrusted::printable,
};

use super::super::{
    args::{Common, InitArgs},
    error::CommandError,
    sole::manifests_in,
};

/// Nothing is written over what is there, unless `--force` says so.
pub fn refuse_existing(common: &Common, args: &InitArgs) -> Result<(), CommandError> {
    if args.force {
        return Ok(());
    }
    let folder = common.manifests.display();
    let manifests = manifests_in(&common.manifests);
    if !manifests.is_empty() {
        let shown: Vec<String> = manifests.iter().take(3).map(|name| printable(name)).collect();
        let more = if manifests.len() > shown.len() { ", …" } else { "" };
        return Err(CommandError::new(format!("{folder} has manifests already: {}{more}", shown.join(", "))).hint(
            "nothing was written: name an empty folder with `--manifests DIR`, or write over them with `--force`; \
             `--github` and `--terraform` add beside them what is not there",
        ));
    }
    match scaffold_paths(args).into_iter().map(PathBuf::from).find(|path| is_there(path)) {
        Some(path) => Err(exists(&path)),
        None => Ok(()),
    }
}

/// The files that are asked for beside the manifests.
pub fn scaffold_paths(args: &InitArgs) -> Vec<&'static str> {
    let mut paths: Vec<&str> = Vec::new();
    if args.github.is_some() {
        // Whatever the folder is called.
        paths.extend(init::github("manifests").iter().map(|file| file.path));
    }
    if args.terraform {
        paths.push(init::TERRAFORM);
    }
    paths
}

pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

impl From<Scaffold> for Target {
    fn from(Scaffold { path, text }: Scaffold) -> Self {
        Self { path: PathBuf::from(path), text }
    }
}

/// GitHub runs the workflows at the root of a repository, and no others.
///
/// # Errors
/// This is a folder within one.
pub fn refuse_within_repository(common: &Common) -> Result<(), CommandError> {
    let Ok(here) = std::env::current_dir().and_then(|here| here.canonicalize()) else { return Ok(()) };
    let Some(root) = here.ancestors().find(|folder| is_there(&folder.join(".git"))).filter(|root| *root != here) else {
        return Ok(());
    };
    let own = here.strip_prefix(root).unwrap_or(&here).join(&common.manifests);
    let shown = |path: &Path| printable(&path.display().to_string());
    Err(CommandError::new(format!(
        "this folder is within the git repository {}, and GitHub runs no workflows but those at its root",
        shown(root)
    ))
    .hint(format!("nothing was written: run it there, with `--manifests {}`", shown(&own))))
}

pub fn exists(path: &Path) -> CommandError {
    CommandError::new(format!("{} is there already", printable(&path.display().to_string())))
        .hint("nothing was written: move it away, or write over it with `--force`")
}

/// The folder as workflows name it: from the root of the repository, which is where this runs.
pub fn workflow_path(folder: &Path) -> Result<String, CommandError> {
    let is_plain = |part: &Component| matches!(part, Component::Normal(_) | Component::CurDir);
    let parts: Vec<&str> = folder
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .filter_map(|part| part.as_os_str().to_str())
        .collect();
    let is_word = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !folder.components().all(|part| is_plain(&part)) || parts.is_empty() || !parts.iter().all(is_word) {
        return Err(CommandError::new(format!(
            "`--manifests {}`: workflows need a folder below this one, with letters, digits, `-`, `_` and `.` in its name",
            printable(&folder.display().to_string())
        ))
        .hint("nothing was written: run it at the root of the repository"));
    }
    Ok(parts.join("/"))
}

/// Writes all files, or none: what was written is taken back when a later one can't be. Yields those that said something
/// else before.
pub fn write_all(targets: &[Target], force: bool) -> Result<Vec<PathBuf>, CommandError> {
    if !force && let Some(target) = targets.iter().find(|target| target.path.symlink_metadata().is_ok()) {
        return Err(exists(&target.path));
    }
    let mut undo: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for Target { path, text } in targets {
        let done = make_folder(path, &mut folders).and_then(|()| {
            // What a link leads to is no file of these.
            if path.is_symlink() {
                return Err(std::io::Error::other("it is a symbolic link, which is not written through"));
            }
            let before = path.exists().then(|| fs::read(path)).transpose()?;
            undo.push((path.clone(), before));
            fs::write(path, text)
        });
        if let Err(error) = done {
            for (path, before) in undo.into_iter().rev() {
                // The first error is the one to tell.
                let _ = match before {
                    Some(before) => fs::write(path, before),
                    None => fs::remove_file(path),
                };
            }
            folders.iter().rev().for_each(|folder| {
                let _ = fs::remove_dir(folder);
            });
            return Err(CommandError::new(format!("{}: {error}", printable(&path.display().to_string())))
                .hint("nothing was written"));
        }
    }
    let differs = |(target, (_, before)): &(&Target, &(PathBuf, Option<Vec<u8>>))| {
        before.as_ref().is_some_and(|before| before != target.text.as_bytes())
    };
    Ok(targets.iter().zip(&undo).filter(differs).map(|(target, _)| target.path.clone()).collect())
}

/// Makes the folder of a file, and notes which were not there.
fn make_folder(path: &Path, made: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let missing: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .map(Path::to_owned)
        .collect();
    fs::create_dir_all(folder)?;
    made.extend(missing.into_iter().rev());
    Ok(())
}

/// A file that is to be written.
pub struct Target {
    pub path: PathBuf,
    pub text: String,
}
