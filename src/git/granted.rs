//! Who granted an exemption: what the manifests exempt, commit by commit. Lines tell nothing here: who deletes the end of an
//! exemption leaves no line of their own. So what the tables say is compared, version by version.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    rc::Rc,
};

use chrono::{DateTime, Utc};
use git2::{Commit, Delta, Error, ErrorCode, FileMode, ObjectType, Oid, Repository, Sort, Tree};

use super::manifests::{GitError, incomplete, open};
use crate::manifest::{Exempted, exempted, files::LARGEST_FILE};

/// Who made an exemption what it is, as far as git can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Who made this commit.
    In(Author),
    /// What is committed says no such thing.
    Uncommitted,
    /// In this commit or before it: the clone goes back no further.
    BeforeClone {
        /// Where the clone begins.
        commit: String,
    },
}

/// A commit and who wrote it, in their own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The commit's full id.
    pub commit: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// For each of these exemptions of the manifests in `folder`, the last commit of the history that made the manifests say just
/// that: by writing it, by changing or deleting a part of it, or by putting it back. Moving it is not that, to another file of
/// the folder or with the folder. Commits are ordered as they build upon each other: dates are what their authors say.
///
/// # Errors
/// No repository, or one that can't be read.
pub fn granted(folder: &Path, exemptions: &[Exempted]) -> Result<Vec<Written>, GitError> {
    let (repository, inside) = open(folder)?;
    History::of(&repository).granted(&inside, exemptions).map_err(|error| incomplete("HEAD", &error))
}

/// What the manifests of a folder exempt.
type Said = Rc<BTreeSet<Exempted>>;

struct History<'r> {
    repository: &'r Repository,
    by_folder: HashMap<Oid, Option<Said>>,
    by_file: HashMap<Oid, Rc<Vec<Exempted>>>,
}

impl<'r> History<'r> {
    fn of(repository: &'r Repository) -> Self {
        Self { repository, by_folder: HashMap::new(), by_file: HashMap::new() }
    }

    fn granted(&mut self, folder: &Path, exemptions: &[Exempted]) -> Result<Vec<Written>, Error> {
        let head = self.repository.head()?.peel_to_commit()?;
        let committed = self.said(&head, folder)?.unwrap_or_default();
        let mut found: Vec<Option<Written>> =
            exemptions.iter().map(|one| (!committed.contains(one)).then_some(Written::Uncommitted)).collect();
        // Which exemptions a commit has that its successors took over, and in which folder.
        let mut open: HashMap<Oid, BTreeSet<(usize, PathBuf)>> = HashMap::new();
        open.insert(head.id(), (0..exemptions.len()).map(|index| (index, folder.to_owned())).collect());
        let mut walk = self.repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL)?;
        walk.push(head.id())?;
        for id in walk {
            if found.iter().all(Option::is_some) {
                break;
            }
            let id = id?;
            let Some(asked) = open.remove(&id) else { continue };
            let commit = self.repository.find_commit(id)?;
            for (index, folder) in asked {
                // Whoever builds upon others comes before them: the first that is found is the last that was made.
                if found[index].is_some() {
                    continue;
                }
                match self.taken_over(&commit, &folder, &exemptions[index])? {
                    parents if parents.is_empty() => found[index] = Some(self.written(&commit)),
                    parents => {
                        for (parent, folder) in parents {
                            open.entry(parent).or_default().insert((index, folder));
                        }
                    }
                }
            }
        }
        Ok(found.into_iter().map(|one| one.unwrap_or(Written::Uncommitted)).collect())
    }

    /// The parents from which a commit has an exemption, each with the folder of its manifests; none: it is its own.
    fn taken_over(
        &mut self,
        commit: &Commit<'r>,
        folder: &Path,
        exemption: &Exempted,
    ) -> Result<Vec<(Oid, PathBuf)>, Error> {
        let mut having = Vec::new();
        let mut lacking = Vec::new();
        for parent in commit.parents() {
            match self.folder_with(&parent, commit, folder, exemption)? {
                Some(folder) => having.push((parent.id(), folder)),
                None => lacking.push(parent.id()),
            }
        }
        // A merge takes an exemption over that one side wrote. One that a side took away, it puts back.
        for (side, folder) in &having {
            for other in &lacking {
                if self.is_put_back(*side, *other, folder, exemption)? {
                    return Ok(Vec::new());
                }
            }
        }
        Ok(having)
    }

    fn is_put_back(&mut self, side: Oid, other: Oid, folder: &Path, exemption: &Exempted) -> Result<bool, Error> {
        let bases = match self.repository.merge_bases(side, other) {
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
            bases => bases?,
        };
        for base in bases.iter() {
            let base = self.repository.find_commit(*base)?;
            if self.said(&base, folder)?.is_some_and(|said| said.contains(exemption)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The folder of the parent's manifests, if they have the exemption. A folder that the parent lacks may have been moved.
    /// One file that comes from elsewhere exempted nobody there.
    fn folder_with(
        &mut self,
        parent: &Commit<'r>,
        commit: &Commit<'r>,
        folder: &Path,
        exemption: &Exempted,
    ) -> Result<Option<PathBuf>, Error> {
        if let Some(said) = self.said(parent, folder)? {
            return Ok(said.contains(exemption).then(|| folder.to_owned()));
        }
        let mut diff = self.repository.diff_tree_to_tree(Some(&parent.tree()?), Some(&commit.tree()?), None)?;
        diff.find_similar(None)?;
        for moved in diff.deltas().filter(|delta| delta.status() == Delta::Renamed) {
            let (Some(from), Some(to)) = (moved.old_file().path(), moved.new_file().path()) else { continue };
            let (Some(from), Some(to)) = (from.parent(), to.parent()) else { continue };
            if to == folder && self.said(parent, from)?.is_some_and(|said| said.contains(exemption)) {
                return Ok(Some(from.to_owned()));
            }
        }
        Ok(None)
    }

    /// What the manifests of a commit exempt; `None`: it has none.
    fn said(&mut self, commit: &Commit<'r>, folder: &Path) -> Result<Option<Said>, Error> {
        let tree = commit.tree()?;
        let tree = match folder.components().next() {
            None => tree,
            Some(_) => match tree.get_path(folder) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => self.repository.find_tree(entry.id())?,
                Ok(_) => return Ok(None),
                Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        if let Some(known) = self.by_folder.get(&tree.id()) {
            return Ok(known.clone());
        }
        let said = self.said_in(&tree)?.map(Rc::new);
        self.by_folder.insert(tree.id(), said.clone());
        Ok(said)
    }

    fn said_in(&mut self, tree: &Tree<'r>) -> Result<Option<BTreeSet<Exempted>>, Error> {
        let mut all = None;
        for entry in tree {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            let is_manifest = Path::new(&name).extension().is_some_and(|extension| extension == "toml");
            let is_file = entry.kind() == Some(ObjectType::Blob) && entry.filemode() != i32::from(FileMode::Link);
            if is_manifest && is_file {
                all.get_or_insert_with(BTreeSet::new).extend(self.said_by(entry.id())?.iter().cloned());
            }
        }
        Ok(all)
    }

    /// What a version of a file exempts: most are in many commits.
    fn said_by(&mut self, file: Oid) -> Result<Rc<Vec<Exempted>>, Error> {
        if let Some(known) = self.by_file.get(&file) {
            return Ok(Rc::clone(known));
        }
        // What is too large was no manifest.
        let (size, _) = self.repository.odb()?.read_header(file)?;
        let said = match size as u64 > LARGEST_FILE {
            true => Vec::new(),
            false => exempted(self.repository.find_blob(file)?.content()),
        };
        Ok(Rc::clone(self.by_file.entry(file).or_insert(Rc::new(said))))
    }

    fn written(&self, commit: &Commit<'_>) -> Written {
        if self.repository.is_shallow() && is_cut(commit) {
            return Written::BeforeClone { commit: commit.id().to_string() };
        }
        let (author, at) = (commit.author(), commit.author().when().seconds());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Written::In(Author {
            commit: commit.id().to_string(),
            name: text(author.name_bytes()),
            email: text(author.email_bytes()),
            at: DateTime::from_timestamp(at, 0).unwrap_or_default(),
        })
    }
}

/// Whether a shallow clone begins with this commit: it names parents, and none of them is there.
fn is_cut(commit: &Commit<'_>) -> bool {
    let header = commit.raw_header_bytes();
    let has_parents = header.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"parent "));
    has_parents && commit.parents().next().is_none()
}
