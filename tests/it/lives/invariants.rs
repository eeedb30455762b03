//! What must be true at every instant, and when a life has settled.

use super::*;

/// The invariants that hold at every instant, with this policy.
pub fn watch_of(roster: &Roster) -> fn(&World, &Attempt<'_>) {
    match roster.entries[0].policy.unused.value {
        None => watch,
        Some(_) => |world, attempt| {
            // Whatever it is, and the last one that works, too: the manifest wants it.
            if let Attempt::Deactivate(key) = attempt
                && let Some(key) = world.key(key)
                && may_retire(world, key)
            {
                return;
            }
            watch(world, attempt);
        },
    }
}

/// Whether nobody used the key for so long that it goes, and its owner heard of that, and did not use it since.
pub fn may_retire(world: &World, key: &Key) -> bool {
    let used = match key.last_use {
        LastUse::At { time, .. } => time,
        LastUse::Never | LastUse::Unread => key.created,
    };
    let noted = |tag: &str| {
        world.secrets.iter().find_map(|secret| {
            let (id, at) = secret.tags.get(tag)?.split_once('@')?;
            (id == key.id.as_str()).then_some(at.parse::<DateTime<Utc>>().ok()?)
        })
    };
    // The run that deactivates it notes that first.
    let (Some(told), Some(now)) = (noted(TAG_ANNOUNCED), noted(TAG_DEACTIVATING)) else { return false };
    let is_over = |since, days| now - since >= TimeDelta::days(days) - TimeDelta::hours(1);
    is_over(used, UNUSED) && is_over(told, 7) && used <= told
}

/// A life that ends so had a key that nobody used, which keyrota has stopped, and no other works.
pub fn assert_is_retired(roster: &Roster, world: &World) {
    assert!(roster.entries[0].policy.unused.value.is_some(), "nothing is to be retired\n{world:#?}");
    assert_eq!(handed_out(world), Some(false), "what the secret hands out works\n{world:#?}");
    let is_active = world.user(USER).expect("the user exists").keys.iter().any(Key::is_active);
    assert!(!is_active, "another key works, so that time makes a difference\n{world:#?}");
}

/// The invariants that hold at every instant.
pub fn watch(world: &World, attempt: &Attempt<'_>) {
    let keys = &world.user(USER).expect("the user exists").keys;
    match attempt {
        Attempt::Delete(key) => {
            let key = keys.iter().find(|held| held.id == **key).expect("only what exists is deleted");
            assert!(!key.is_active(), "a working key would be deleted\n{world:#?}");
        }
        Attempt::Deactivate(key) => {
            let key = keys.iter().find(|held| held.id == **key).expect("only what exists is deactivated");
            let others = || keys.iter().filter(|other| other.id != key.id);
            assert!(others().any(Key::is_active), "the last working key would be deactivated\n{world:#?}");
            let Some(secret) = leading(world) else {
                panic!("a key would be deactivated, and nothing notes it\n{world:#?}");
            };
            let labelled = |label, key: &Key| secret.labelled(label).is_some_and(|v| v.id == key.id.version_id());
            let tags = |name: &str| world.secrets.iter().filter_map(|secret| secret.tags.get(name).cloned()).collect();
            assert!(
                !key.is_active() || !labelled("AWSCURRENT", key),
                "what the secret hands out would be deactivated\n{world:#?}"
            );
            // What an interrupted run left is hardly anyone's: its owner is told afterwards, and has the hold. The same
            // goes for a key that this very run has made and can't store.
            let intents: Vec<String> = tags(TAG_INTENT);
            let near = -TimeDelta::minutes(5)..=TimeDelta::minutes(15);
            let mut intents = intents.iter().filter_map(|time| time.parse::<DateTime<Utc>>().ok());
            if intents.any(|intent| near.contains(&(key.created - intent))) && key.last_use == LastUse::Never {
                return;
            }
            for newer in others().filter(|other| other.is_active() && other.created > key.created) {
                let is_handed_out = !labelled("AWSPENDING", newer) || labelled("AWSCURRENT", newer);
                assert!(is_handed_out, "the new key is not handed out yet\n{world:#?}");
            }
            if key.is_active() {
                let (told, announced): (Vec<String>, Vec<String>) = (tags(TAG_NOTIFIED), tags(TAG_ANNOUNCED));
                let is_told_of_newer = others().any(|newer| {
                    newer.created > key.created
                        && labelled("AWSCURRENT", newer)
                        && told.iter().any(|told| *told == newer.id.as_str())
                });
                let is_announced = announced.iter().any(|announced| announced.starts_with(key.id.as_str()));
                assert!(is_told_of_newer || is_announced, "the owner was not told\n{world:#?}");
            }
        }
    }
}

/// The secret that clients are to read: the one of the new name as soon as it holds something.
pub fn leading(world: &World) -> Option<&StoredSecret> {
    let moved = world.secret(MOVED);
    moved.filter(|secret| secret.labelled("AWSCURRENT").is_some()).or(world.secret(SECRET)).or(moved)
}

/// Whether the key that the secret hands out works; `None` if it hands out none of keyrota's.
pub fn handed_out(world: &World) -> Option<bool> {
    let key = KeyId::of_version(&leading(world)?.labelled("AWSCURRENT")?.id)?;
    Some(world.key(&key).is_some_and(Key::is_active))
}

/// The invariants over a run, however it ended.
pub fn assert_alive(roster: &Roster, before: &World, after: &World) {
    let active =
        |world: &World| world.user(USER).expect("the user exists").keys.iter().filter(|k| k.is_active()).count();
    assert!(active(before) > 0 || active(after) == 0, "a key came to a user that had none\n{before:#?}\n{after:#?}");
    // Which keys may go because nobody uses them was asked before each went.
    if roster.entries[0].policy.unused.value.is_none() {
        assert!(active(before) == 0 || active(after) > 0, "the last working key is gone\n{before:#?}\n{after:#?}");
        assert!(
            handed_out(before) != Some(true) || handed_out(after) == Some(true),
            "what the secret hands out was taken away\n{before:#?}\n{after:#?}"
        );
    }
    assert_places_work(before, after);
    let keys = &after.user(USER).expect("the user exists").keys;
    assert!(keys.len() <= 2);
    for key in keys.iter().filter(|key| !key.is_active()) {
        let was = before.key(&key.id).is_none_or(|key| !key.is_active());
        let noted = after.secrets.iter().any(|secret| {
            [TAG_DEACTIVATED, TAG_DEACTIVATING]
                .iter()
                .any(|tag| secret.tags.get(*tag).is_some_and(|value| value.starts_with(key.id.as_str())))
        });
        assert!(was || noted, "a deactivation is not noted\n{after:#?}");
    }
}

/// The keys that the places hold: of GitHub one by the id, and one by the secret part.
pub fn held(world: &World) -> Vec<KeyId> {
    let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    let known = |id: &KeyId| {
        let part = Sandbox::secret_of(id);
        [digest(part.expose_secret()), digest(id.as_str()), digest(written(id, &part, None).expose_secret())]
    };
    let digests: Vec<[u8; 32]> = world
        .parameters
        .iter()
        .filter_map(|parameter| parameter.digest)
        .chain(world.vault.iter().filter_map(|secret| secret.digest))
        .collect();
    if digests.is_empty() {
        return vec![];
    }
    let stored =
        world.secrets.iter().flat_map(|secret| &secret.versions).filter_map(|version| KeyId::of_version(&version.id));
    let ids: HashSet<KeyId> =
        world.users.iter().flat_map(|user| &user.keys).map(|key| key.id.clone()).chain(stored).collect();
    ids.into_iter().filter(|id| known(id).iter().any(|known| digests.contains(known))).collect()
}

/// What any place holds works, unless somebody else took it away before.
pub fn assert_places_work(before: &World, after: &World) {
    let works = |world: &World, id: &KeyId| world.key(id).is_some_and(Key::is_active);
    for id in held(after) {
        let was_stale = held(before).contains(&id) && !works(before, &id);
        assert!(works(after, &id) || was_stale, "a place holds {id}, which does not work\n{before:#?}\n{after:#?}");
    }
}

/// When a life has settled, every place has what the secret hands out, and nothing else.
pub fn assert_is_delivered(entry: &Entry, world: &World) {
    if entry.deliver.is_empty() || handed_out(world) != Some(true) {
        return;
    }
    let key = leading(world).and_then(|secret| KeyId::of_version(&secret.labelled("AWSCURRENT")?.id));
    let part = key.as_ref().map(Sandbox::secret_of).expect("it hands out a key");
    let key = key.expect("it hands out a key");
    let digest = |text: &str| Some(<[u8; 32]>::from(Sha256::digest(text.as_bytes())));
    let parameter = world.parameter(PARAMETER).and_then(|parameter| parameter.digest);
    assert_eq!(
        parameter,
        digest(written(&key, &part, None).expose_secret()),
        "{key} is not in the parameter\n{world:#?}"
    );
    for (name, value) in [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", part.expose_secret())] {
        let found = world.vault_secret(PLACES[1], name).and_then(|secret| secret.digest);
        assert_eq!(found, digest(value), "{key} is not in {name}\n{world:#?}");
    }
}

/// When a life has settled, every key that keyrota issued is in the secret: nobody else has it.
pub fn assert_nothing_is_lost(world: &World) {
    for key in &world.user(USER).expect("the user exists").keys {
        let issued = key.id.as_str() != OLD && key.id.as_str() != NEW;
        let stored = world.secrets.iter().any(|secret| {
            secret.versions.iter().any(|version| version.id == key.id.version_id() && !version.labels.is_empty())
        });
        assert!(!issued || stored, "a key was issued and not stored\n{world:#?}");
    }
}

/// When a life has settled, the secret that hands out a key is the one that the manifest means, as it says.
pub fn assert_is_as_the_manifest_says(entry: &Entry, world: &World) {
    if handed_out(world) != Some(true) {
        return;
    }
    let secret = leading(world).expect("what hands out a key is there");
    assert_eq!(secret.name, entry.secret, "the secret has another name\n{world:#?}");
    let Policy { kms_key, replicate_to, .. } = &*entry.policy;
    assert_eq!(secret.kms_key, kms_key.value, "another KMS key\n{world:#?}");
    assert_eq!(secret.replicas, replicate_to.value, "other replicas\n{world:#?}");
}
