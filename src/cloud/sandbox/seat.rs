//! Where a simulated account stands in an organisation: a folder of sandboxes is one.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{Sandbox, SandboxError, Seat};
use crate::{
    inventory::{Account, Membership, Unit},
    organization::{Listed, Member},
};

impl Seat {
    /// What an organisation says of an account; `name` where it says none.
    pub fn of(name: Option<&str>, membership: &Membership) -> Self {
        let Membership { name: own, units, tags, is_management: _, shares_name: _ } = membership;
        // What the manifests call it they go on calling it.
        let name = Some(own.as_str()).filter(|own| !own.is_empty()).or(name);
        // By both: manifests name units by the one or the other.
        let path = units.last().filter(|_| units.len() > 1).map(|unit| unit.path.clone());
        let ids = units.iter().map(|unit| unit.id.clone()).filter(|id| path.as_ref() != Some(id));
        let units = path.iter().cloned().chain(ids).collect();
        Self { name: name.map(str::to_owned), units, tags: tags.clone(), ..Self::default() }
    }
}

impl Sandbox {
    /// What its file says of its place in an organisation.
    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// The same account with this place in the organisation.
    #[must_use]
    pub fn seated(self, seat: Seat) -> Self {
        Self { seat: Arc::new(seat), ..self }
    }

    /// The same account where the organisation has it.
    #[must_use]
    pub fn placed(mut self, membership: Option<Arc<Membership>>) -> Self {
        Arc::make_mut(&mut self.account).membership = membership;
        self
    }

    /// The same account with its secrets in the region that the manifests give it, where its file names none.
    #[must_use]
    pub fn in_region(mut self, region: Option<&str>) -> Self {
        if let Some(region) = region.filter(|_| self.has_no_region) {
            region.clone_into(&mut Arc::make_mut(&mut self.account).region);
        }
        self
    }

    /// Why the account can't be entered, where its file says so.
    pub fn refuses(&self) -> Option<&str> {
        self.seat.refuses.as_deref()
    }

    /// The account as its organisation has it; `name` where the file gives none.
    pub fn member(&self, name: &str) -> Member {
        let Account { id, .. } = &*self.account;
        let Seat { name: own, state, units, tags, refuses: _ } = &*self.seat;
        let mut all = vec![root()];
        for unit in units {
            for unit in chain(unit) {
                if !all.contains(&unit) {
                    all.push(unit);
                }
            }
        }
        Member {
            id: id.clone(),
            name: own.as_deref().unwrap_or(name).to_owned(),
            inactive: state.clone().filter(|state| state != "ACTIVE"),
            membership: Arc::new(Membership { units: all, tags: tags.clone(), ..Membership::default() }),
        }
    }

    /// Every `*.toml` directly in a folder, by its name without that ending; in order.
    ///
    /// # Errors
    /// The folder can't be read or has none, or what [`Sandbox::load`] says of one.
    pub fn load_folder(folder: &Path) -> Result<Vec<(String, Self)>, SandboxError> {
        let unread = |source| SandboxError::Read { path: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in folder.read_dir().map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            return Err(unread(std::io::Error::other(
                "the folder holds no sandbox: none of its files ends with .toml",
            )));
        }
        let mut ids = BTreeMap::new();
        let mut all = Vec::with_capacity(paths.len());
        for path in paths {
            let sandbox = Self::load(&path)?;
            let file = path.display().to_string();
            if let Some(other) = ids.insert(sandbox.account.id.clone(), file.clone()) {
                let message = format!("account {} is in {other} as well: a file is an account", sandbox.account.id);
                return Err(SandboxError::Invalid { file, line: None, message });
            }
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            all.push((name, sandbox));
        }
        Ok(all)
    }

    /// The organisation that sandboxes make up; `is_whole`: there are no others.
    pub fn organization<'a>(sandboxes: impl IntoIterator<Item = (&'a str, &'a Self)>, is_whole: bool) -> Listed {
        let members: Vec<Member> = sandboxes.into_iter().map(|(name, sandbox)| sandbox.member(name)).collect();
        let mut units = vec![root()];
        units.extend(members.iter().flat_map(|member| &member.membership.units).cloned());
        units.sort();
        units.dedup();
        Listed { units, members, is_whole }
    }
}

fn root() -> Unit {
    Unit { id: "r-root".to_owned(), path: "Root".to_owned() }
}

/// A unit and what is above it. Its file knows no ids beside those that it names units by.
fn chain(written: &str) -> impl Iterator<Item = Unit> {
    let ends = written.match_indices('/').map(|(at, _)| at).chain([written.len()]);
    ends.map(|end| Unit { id: written[..end].to_owned(), path: written[..end].to_owned() })
}
