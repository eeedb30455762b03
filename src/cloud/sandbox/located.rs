//! The state of the account, with where each user, key and secret stands in it: every call is about one of them.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
};

use super::{IamUser, StoredSecret, World};
use crate::inventory::{Key, KeyId};

/// A [`World`] whose lists are not searched from the start for every call.
#[derive(Clone, Debug)]
pub(super) struct Located {
    world: World,
    /// `None`: someone has changed the lists behind the calls' back.
    places: Option<Places>,
}

#[derive(Clone, Debug, Default)]
struct Places {
    /// By name in lower case.
    users: HashMap<String, usize>,
    /// The user whose key it is.
    keys: HashMap<KeyId, usize>,
    secrets: HashMap<String, usize>,
}

impl Located {
    pub fn new(world: World) -> Self {
        Self { world, places: None }
    }

    /// The state, to change it in any way.
    pub fn any(&mut self) -> &mut World {
        self.places = None;
        &mut self.world
    }

    pub fn user(&mut self, name: &str) -> Option<&mut IamUser> {
        let at = *self.places().users.get(&name.to_ascii_lowercase())?;
        self.world.users.get_mut(at)
    }

    pub fn key(&mut self, id: &KeyId) -> Option<&mut Key> {
        let at = *self.places().keys.get(id)?;
        self.world.users.get_mut(at)?.keys.iter_mut().find(|key| key.id == *id)
    }

    pub fn secret(&mut self, name: &str) -> Option<&mut StoredSecret> {
        let at = *self.places().secrets.get(name)?;
        self.world.secrets.get_mut(at)
    }

    /// Adds a key to a user's.
    pub fn add_key(&mut self, user: &str, key: Key) {
        let Some(at) = self.places().users.get(&user.to_ascii_lowercase()).copied() else { return };
        self.places().keys.insert(key.id.clone(), at);
        self.world.users[at].keys.push(key);
    }

    /// Adds a secret of a name that there is not yet.
    pub fn add_secret(&mut self, secret: StoredSecret) {
        let at = self.world.secrets.len();
        self.places().secrets.insert(secret.name.clone(), at);
        self.world.secrets.push(secret);
    }

    fn places(&mut self) -> &mut Places {
        self.places.get_or_insert_with(|| {
            let mut places = Places::default();
            // The first of a name is the one that is found.
            for (at, user) in self.world.users.iter().enumerate() {
                places.users.entry(user.name.to_ascii_lowercase()).or_insert(at);
                for key in &user.keys {
                    places.keys.entry(key.id.clone()).or_insert(at);
                }
            }
            for (at, secret) in self.world.secrets.iter().enumerate() {
                places.secrets.entry(secret.name.clone()).or_insert(at);
            }
            places
        })
    }
}

impl Deref for Located {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// For what is no list of named things: the counter, the mail.
impl DerefMut for Located {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}
