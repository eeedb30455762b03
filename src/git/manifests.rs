//! The manifests at a git revision: trees are read, and nothing is touched.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Component, Path, PathBuf},
};

use git2::{ErrorCode, FileMode, ObjectType, Repository, Tree, TreeEntry};

use crate::{
    manifest::{
        self,
        files::{Budget, Files, LARGEST_FILE, Refused},
    },
    untrusted::{is_visible, printable, shell_word},
};

/// The folder of the team's own templates, beside the manifests.
const TEMPLATES: &str = "templates";

/// The manifests of one commit.
#[derive(Debug)]
pub struct AtRevision {
    /// The commit's full id.
    pub commit: String,
    /// Paths as [`crate::manifest::load`] would show them, and contents; empty if the commit has no such folder.
    pub files: Files,
}

/// Why the manifests at a revision can't be had.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct GitError {
    message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Reads the `*.toml` and the templates of `folder`, a folder of the work tree, as they are at `revision`.
///
/// # Errors
/// No repository or one without a work tree, an unknown revision, and what [`crate::manifest::load`] would refuse:
/// links, submodules, and files that are too many or too large.
pub fn manifests_at(folder: &Path, revision: &str) -> Result<AtRevision, GitError> {
    let (repository, inside) = open(folder)?;
    let object = repository.revparse_single(revision).map_err(|error| unknown(&repository, revision, &error))?;
    let commit = object.peel_to_commit().map_err(|_| {
        let kind = object.kind().map_or("object", |kind| kind.str());
        GitError::new(format!("`{revision}` is a {kind}, and no commit")).hint("name a commit, a branch or a tag")
    })?;
    let tree = commit.tree().map_err(|error| incomplete(revision, &error))?;
    let files = match subtree(&repository, tree, &inside, revision)? {
        Some(tree) => manifests(&repository, &tree, folder, revision)?,
        None => Files::new(),
    };
    Ok(AtRevision { commit: commit.id().to_string(), files })
}

/// What is checked out.
#[derive(Debug)]
pub struct Commits {
    /// The commit that is looked at.
    pub head: String,
    /// As far as they were fetched.
    pub parents: Vec<String>,
}

/// The commit that is checked out where `folder` is, and its parents.
///
/// # Errors
/// No repository, one of another user's, or one without a commit.
pub fn commits(folder: &Path) -> Result<Commits, GitError> {
    let (repository, _) = open(folder)?;
    let head = repository.head().and_then(|head| head.peel_to_commit());
    let head = head.map_err(|error| incomplete("HEAD", &error))?;
    // A shallow clone knows the ids of parents that it does not have.
    let parents = head.parents().map(|parent| parent.id().to_string()).collect();
    Ok(Commits { head: head.id().to_string(), parents })
}

/// The commit of the manifests in `folder`, with `-dirty` after it if they differ from it; `None` if it can't be told:
/// outside of a repository, before the first commit, and where the repository can't be read.
pub fn revision(folder: &Path) -> Option<String> {
    let Checkout { commit, is_dirty } = checkout(folder).ok()?;
    Some(if is_dirty { commit + "-dirty" } else { commit })
}

/// The commit of the manifests in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its full id.
    pub commit: String,
    /// Whether the manifests of the work tree differ from it.
    pub is_dirty: bool,
}

/// The commit of the manifests in `folder`, and whether they differ from it.
///
/// # Errors
/// No repository, one of another user's, or one without a commit.
pub fn checkout(folder: &Path) -> Result<Checkout, GitError> {
    let (repository, _) = open(folder)?;
    let commit = repository.head().and_then(|head| head.peel_to_commit()).map_err(|error| match error.code() {
        ErrorCode::UnbornBranch => GitError::new("the git repository has no commit yet"),
        _ => incomplete("HEAD", &error),
    })?;
    Ok(Checkout { commit: commit.id().to_string(), is_dirty: !is_as_committed(folder) })
}

/// Whether the bytes of the manifests in a folder are those of the commit. Git's own status is not asked: it passes over what
/// it was told to ignore, and keyrota does not. Where either can't be read, nothing shows that they are the same.
fn is_as_committed(folder: &Path) -> bool {
    let (Ok(here), Ok(there)) = (manifest::read(folder), manifests_at(folder, "HEAD")) else { return false };
    let manifests = |files: Files| -> BTreeMap<OsString, Vec<u8>> {
        let manifests =
            files.into_iter().filter(|(path, _)| Path::new(path).extension().is_some_and(|it| it == "toml"));
        let named = manifests.filter_map(|(path, bytes)| Some((Path::new(&path).file_name()?.to_owned(), bytes)));
        named.map(|(name, bytes)| (name, without_returns(bytes))).collect()
    };
    manifests(here) == manifests(there.files)
}

/// Git may check lines out with the ends of another system.
fn without_returns(bytes: Vec<u8>) -> Vec<u8> {
    let is_return = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
    (0..bytes.len()).filter(|at| !is_return(*at)).map(|at| bytes[at]).collect()
}

/// Whether the manifests and templates of the commit that is checked out are those of another; `None`: it can't be told, for
/// that commit is not here, as in a shallow clone.
pub fn is_as_at(folder: &Path, commit: &str) -> Option<bool> {
    let is_id = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
    let there = is_id.then(|| manifests_at(folder, commit).ok()).flatten()?;
    let here = manifests_at(folder, "HEAD").ok()?;
    Some(!here.files.is_empty() && here.files == there.files)
}

impl GitError {
    fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The repository of a folder of its work tree, and the folder's path within.
pub(super) fn open(folder: &Path) -> Result<(Repository, PathBuf), GitError> {
    let shown = folder.display();
    let absolute = folder.canonicalize().map_err(|error| GitError::new(format!("`{shown}`: {error}")))?;
    let repository = Repository::discover(&absolute).map_err(|error| match error.code() {
        ErrorCode::NotFound => GitError::new(format!("`{shown}` is not in a git repository"))
            .hint("`--base` compares with an earlier commit of the manifests; leave it out where there is none"),
        ErrorCode::Owner => {
            GitError::new(format!("the git repository of `{shown}` belongs to another user")).hint(format!(
                "if you trust it, as a job in a container does that did not check it out itself: \
                 git config --global --add safe.directory {}",
                shell_word(&work_tree_of(&absolute).display().to_string())
            ))
        }
        _ => GitError::new(format!("the git repository of `{shown}` can't be read: {}", error.message())),
    })?;
    if let Some(within) = within_another(&repository) {
        let message = format!("`{shown}` is in a submodule or another repository within `{}`", within.display());
        let hint =
            "a revision would be one of its own: keep the manifests in the repository itself, or run keyrota there";
        return Err(GitError::new(message).hint(hint));
    }
    let outside = || GitError::new(format!("`{shown}` is not in the work tree of its git repository"));
    let bare = || {
        outside()
            .hint("the manifests are read from the work tree: check the repository out instead of using a bare one")
    };
    let work_tree = repository.workdir().ok_or_else(bare)?.canonicalize().map_err(|_| outside())?;
    let inside = absolute.strip_prefix(&work_tree).map_err(|_| outside())?.to_owned();
    Ok((repository, inside))
}

/// The work tree that keyrota was called from, if the repository is another one somewhere within it.
fn within_another(repository: &Repository) -> Option<PathBuf> {
    let own = repository.workdir()?.canonicalize().ok()?;
    let here = Repository::discover(".").ok()?.workdir()?.canonicalize().ok()?;
    (own != here && own.starts_with(&here)).then_some(here)
}

/// Where the work tree begins, as far as that is known of a repository that may not be opened.
fn work_tree_of(folder: &Path) -> PathBuf {
    folder.ancestors().find(|path| path.join(".git").exists()).unwrap_or(folder).to_owned()
}

fn unknown(repository: &Repository, revision: &str, error: &git2::Error) -> GitError {
    let unknown = match error.code() {
        ErrorCode::Ambiguous => return GitError::new(format!("the revision `{revision}` is ambiguous")),
        ErrorCode::InvalidSpec => GitError::new(format!("`{revision}` is not how git writes a revision")),
        _ => GitError::new(format!("there is no revision `{revision}` here")),
    };
    if repository.is_shallow() {
        let fetch = "this is a shallow checkout, fetch more of it: `fetch-depth: 2` for actions/checkout, or \
                     `git fetch --depth=2 origin` and the name of the branch";
        return unknown.hint(fetch);
    }
    match revision.split_once('/') {
        Some((remote, branch)) if repository.find_remote(remote).is_ok() => {
            unknown.hint(format!("fetch it: `git fetch {remote} {branch}`"))
        }
        _ => unknown
            .hint("`git log` lists the commits; a branch of a server is fetched first: `git fetch origin BRANCH`"),
    }
}

/// A partial or damaged clone lacks objects that the commit names.
pub(super) fn incomplete(revision: &str, error: &git2::Error) -> GitError {
    GitError::new(format!("the manifests at `{revision}` can't be read: {}", error.message()))
        .hint("if the clone is partial or sparse, fetch the commit as a whole: `git fetch --refetch --no-filter`")
}

/// The folder within a tree; `None` if there is none.
fn subtree<'r>(
    repository: &'r Repository,
    tree: Tree<'r>,
    folder: &Path,
    revision: &str,
) -> Result<Option<Tree<'r>>, GitError> {
    let mut tree = tree;
    let mut path = PathBuf::new();
    for component in folder.components() {
        let Component::Normal(name) = component else { continue };
        path.push(name);
        let Some(entry) = tree.get_path(Path::new(name)).ok() else { return Ok(None) };
        tree = folder_of(repository, &entry, &path, revision)?;
    }
    Ok(Some(tree))
}

fn folder_of<'r>(
    repository: &'r Repository,
    entry: &TreeEntry<'_>,
    path: &Path,
    revision: &str,
) -> Result<Tree<'r>, GitError> {
    let path = printable(&path.to_string_lossy());
    let place = format!("at `{revision}`, `{path}`");
    match entry.kind() {
        Some(ObjectType::Tree) => {}
        Some(ObjectType::Commit) => {
            return Err(GitError::new(format!("{place} is a submodule, whose manifests are another repository's"))
                .hint("keep the manifests in the repository itself, or run keyrota within the submodule"));
        }
        _ if entry.filemode() == i32::from(FileMode::Link) => {
            return Err(GitError::new(format!("{place} is a symbolic link, and no folder"))
                .hint("name the folder itself: what a link leads to is not what was reviewed"));
        }
        _ => return Err(GitError::new(format!("{place} is not a folder but a file"))),
    }
    let object = entry.to_object(repository).map_err(|error| incomplete(revision, &error))?;
    object.into_tree().map_err(|_| GitError::new(format!("{place} is no folder")))
}

fn manifests(repository: &Repository, tree: &Tree<'_>, folder: &Path, revision: &str) -> Result<Files, GitError> {
    let mut budget = Budget::default();
    let mut files = files_of(repository, tree, folder, "toml", revision, &mut budget)?;
    if let Some(entry) = tree.get_name(TEMPLATES) {
        let folder = folder.join(TEMPLATES);
        let tree = folder_of(repository, &entry, &folder, revision)?;
        files.extend(files_of(repository, &tree, &folder, "jinja", revision, &mut budget)?);
    }
    Ok(files)
}

/// The files whose names end so, directly in a tree. Their sizes are looked up before anything is read.
fn files_of(
    repository: &Repository,
    tree: &Tree<'_>,
    folder: &Path,
    extension: &str,
    revision: &str,
    budget: &mut Budget,
) -> Result<Files, GitError> {
    let database = repository.odb().map_err(|error| incomplete(revision, &error))?;
    let mut files = Files::new();
    for entry in tree {
        let name = String::from_utf8_lossy(entry.name_bytes());
        if Path::new(&*name).extension().is_none_or(|own| own != extension) {
            continue;
        }
        let path = folder.join(&*name).to_string_lossy().into_owned();
        let place = format!("at `{revision}`, `{}`", printable(&path));
        if entry.name().is_err() || !is_visible(&name) {
            let message = format!("{place} has a name with characters that can't be seen or are not UTF-8");
            return Err(GitError::new(message).hint("rename the file there, or compare with a later revision"));
        }
        let refused = |refused: Refused| {
            GitError::new(format!("{place} {refused}"))
                .hint("put a file of text in its place there, or compare with another revision")
        };
        match entry.kind() {
            _ if entry.filemode() == i32::from(FileMode::Link) => return Err(refused(Refused::Link)),
            Some(ObjectType::Blob) => {}
            Some(ObjectType::Commit) => {
                return Err(GitError::new(format!("{place} is a submodule, and no file")));
            }
            _ => return Err(refused(Refused::Folder)),
        }
        let (size, _) = database.read_header(entry.id()).map_err(|error| incomplete(revision, &error))?;
        if size as u64 > LARGEST_FILE {
            return Err(refused(Refused::TooLarge));
        }
        budget.take(size as u64).map_err(|exceeded| GitError::new(format!("at `{revision}`, {exceeded}")))?;
        let blob = repository.find_blob(entry.id()).map_err(|error| incomplete(revision, &error))?;
        files.push((path, blob.content().to_vec()));
    }
    Ok(files)
}
