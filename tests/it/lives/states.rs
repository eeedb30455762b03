//! Every small state of one user, and the policies that it is lived under.

use super::*;

/// A state with what its places may hold: nothing; the key that is handed out, and noted; the older one, and noted so; and what
/// somebody else put there.
pub fn delivered_seeds(world: World) -> Vec<World> {
    let handed_out = world.secrets.iter().find_map(|secret| KeyId::of_version(&secret.labelled("AWSCURRENT")?.id));
    let old = world.users.iter().flat_map(|user| &user.keys).map(|key| key.id.clone()).next();
    let mut all = vec![world.clone()];
    for key in handed_out.into_iter().chain(old).collect::<std::collections::BTreeSet<_>>() {
        // What a person or an earlier run put there and does not work is nobody's doing.
        if !world.key(&key).is_some_and(Key::is_active) {
            continue;
        }
        let (foreign, mut noted) = (holding(&world, &key), holding(&world, &key));
        all.push(foreign);
        let targets = &roster(deliver_policy()).entries[0].deliver;
        for secret in &mut noted.secrets {
            let marks = ["1".to_owned(), t0().timestamp().to_string()];
            let held = targets.iter().zip(marks).enumerate().map(|(at, (target, mark))| {
                Fact::Holds(Held::new(at + 1, &target.id, &key, &mark, &target.place.to_string()))
            });
            let delivered = Fact::Delivered(KeyAt { key: key.clone(), at: t0() }, fingerprint(targets));
            secret.tags.extend(tags_of(held.chain([delivered])));
        }
        all.push(noted);
    }
    all
}

/// The same account where both places hold a key.
pub fn holding(world: &World, key: &KeyId) -> World {
    let digest = |text: &str| Some(Sha256::digest(text.as_bytes()).into());
    let (mut world, part) = (world.clone(), Sandbox::secret_of(key));
    world.parameters.push(StoredParameter {
        name: PARAMETER.to_owned(),
        tags: [(TAG_OWNER.to_owned(), USER.to_owned())].into(),
        version: 1,
        modified: Some(t0()),
        digest: digest(written(key, &part, None).expose_secret()),
        ..StoredParameter::default()
    });
    for (name, value) in [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", part.expose_secret())] {
        let (place, name, updated) = (PLACES[1].to_owned(), name.to_owned(), t0());
        let (visibility, repositories, digest) = (None, vec![], digest(value));
        world.vault.push(StoredVaultSecret { place, name, updated, visibility, repositories, digest });
    }
    world
}

pub fn deliver_policy() -> Policy {
    let place = |text: &str| text.parse::<Place>().unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let deliver = Sourced { value: PLACES.map(place).into(), source: None };
    Policy { deliver, ..policy(7, 8, 14, 14, WhenFull::Block) }
}

/// The same account where every key that works was used an hour ago.
pub fn used(world: &World, now: DateTime<Utc>) -> World {
    let mut world = world.clone();
    for key in world.users.iter_mut().flat_map(|user| &mut user.keys).filter(|key| key.is_active()) {
        let time = (now - TimeDelta::hours(1)).max(key.created);
        key.last_use = LastUse::At { time, service: None, region: None };
    }
    world
}

/// Every small state: keys by age, status and last use; the ledger by labels and tags.
pub fn seeds() -> Vec<World> {
    let mut worlds = Vec::new();
    let olds = keys(OLD, TimeDelta::hours(1));
    let news = keys(NEW, TimeDelta::zero());
    let mut accounts: Vec<Vec<Key>> = vec![vec![]];
    accounts.extend(olds.iter().map(|old| vec![old.clone()]));
    accounts.extend(olds.iter().flat_map(|old| news.iter().map(|new| vec![old.clone(), new.clone()])));
    for keys in accounts {
        worlds.push(world(keys.clone(), None));
        for versions in labels(&keys) {
            for tags in tags(&keys, &versions) {
                worlds.push(world(keys.clone(), Some((versions.clone(), tags))));
            }
        }
    }
    worlds
}

pub fn keys(id: &str, older: TimeDelta) -> Vec<Key> {
    let mut keys = Vec::new();
    for age in [10, 95] {
        for status in [Status::Active, Status::Inactive] {
            // Of an inactive key it matters only that it was used.
            let uses: &[_] = if status == Status::Active { &[None, Some(1), Some(9)] } else { &[None, Some(9)] };
            for used in uses {
                let last_use = used.map_or(LastUse::Never, |days| LastUse::At {
                    time: t0() - TimeDelta::days(days),
                    service: None,
                    region: None,
                });
                let created = t0() - TimeDelta::days(age) - older;
                keys.push(Key { id: KeyId::new(id), status, created, last_use });
            }
        }
    }
    keys
}

/// The labels that these keys' versions can have, and a version of the predecessor.
pub fn labels(keys: &[Key]) -> Vec<Vec<StoredVersion>> {
    let version = |id: &str, labels: &[&str]| StoredVersion {
        id: id.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        digest: None,
    };
    let predecessor = |label| version("0f6c2c5e-2b0f-4b7e-9d0a-3f1c8a4e5d6b", &[label]);
    let mut all = vec![vec![], vec![predecessor("AWSCURRENT")]];
    if let Some(old) = keys.first().map(|key| key.id.version_id()) {
        all.push(vec![version(&old, &["AWSCURRENT"])]);
        all.push(vec![version(&old, &["AWSCURRENT", "AWSPENDING"])]);
        all.push(vec![predecessor("AWSCURRENT"), version(&old, &["AWSPENDING"])]);
        if let Some(new) = keys.get(1).map(|key| key.id.version_id()) {
            all.push(vec![version(&old, &["AWSCURRENT"]), version(&new, &["AWSPENDING"])]);
            all.push(vec![version(&old, &["AWSPREVIOUS"]), version(&new, &["AWSCURRENT"])]);
            all.push(vec![version(&old, &["AWSPREVIOUS"]), version(&new, &["AWSCURRENT", "AWSPENDING"])]);
            all.push(vec![predecessor("AWSPREVIOUS"), version(&new, &["AWSCURRENT"])]);
        }
    }
    all
}

/// The tags that a run, or one that was cut short, can have left.
pub fn tags(keys: &[Key], versions: &[StoredVersion]) -> Vec<Vec<(&'static str, String)>> {
    let current = versions.iter().find(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    let told = current.and_then(|version| KeyId::of_version(&version.id));
    let days_ago = |days| rfc3339(t0() - TimeDelta::days(days));
    let mut retired = vec![None];
    if let Some(old) = keys.first() {
        retired.push(Some((TAG_DEACTIVATED, format!("{}@{}", old.id, days_ago(1)))));
        retired.push(Some((TAG_DEACTIVATED, format!("{}@{}", old.id, days_ago(20)))));
        retired.push(Some((TAG_DEACTIVATING, format!("{}@{}", old.id, days_ago(20)))));
    }
    if let Some(last) = keys.last() {
        if last.is_active() {
            retired.push(Some((TAG_ANNOUNCED, format!("{}@{}", last.id, days_ago(1)))));
            retired.push(Some((TAG_ANNOUNCED, format!("{}@{}", last.id, days_ago(8)))));
        }
        // A creation was cut short before it, or after it by another clock, or long before someone made a key. What was
        // used since is nothing that it left.
        let minutes: &[i64] = if last.last_use == LastUse::Never { &[-1, 3, -20] } else { &[-1] };
        for minutes in minutes {
            retired.push(Some((TAG_INTENT, rfc3339(last.created + TimeDelta::minutes(*minutes)))));
        }
    }
    let mut all = Vec::new();
    for told in [None, told] {
        let told = told.map(|key| (TAG_NOTIFIED, key.to_string()));
        all.extend(retired.iter().map(|retired| told.iter().cloned().chain(retired.clone()).collect()));
    }
    all.sort();
    all.dedup();
    all
}

/// A secret's versions and tags.
type Parts = (Vec<StoredVersion>, Vec<(&'static str, String)>);

pub fn world(keys: Vec<Key>, secret: Option<Parts>) -> World {
    let user = IamUser {
        name: USER.to_owned(),
        path: "/".to_owned(),
        groups: vec![],
        tags: [].into(),
        smtp: SmtpUse::NoSign,
        keys,
    };
    let secrets = secret.map(|(versions, tags)| StoredSecret {
        name: SECRET.to_owned(),
        tags: tags
            .into_iter()
            .chain([(TAG_OWNER, USER.to_owned())])
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        versions,
        ..StoredSecret::default()
    });
    World { users: vec![user], secrets: secrets.into_iter().collect(), ..World::default() }
}

pub fn roster(policy: Policy) -> Roster {
    let user = User {
        name: USER.to_owned(),
        arn: arn(),
        path: "/".to_owned(),
        tags: [].into(),
        groups: vec![],
        smtp: SmtpUse::NoSign,
        unreadable: None,
    };
    let entry = Entry {
        user,
        rule: Source { file: Arc::from("manifests/test.toml"), line: 1 },
        secret: policy.secret.value.replace("{user}", USER),
        deliver: targets(&policy),
        policy: Arc::new(policy),
        recipients: vec!["owner@example.com".to_owned()],
        without_address: vec![],
        exempt: None,
        conflict: None,
    };
    let (from, templates) = (Some("security@example.com".to_owned()), crate::support::templates::bare());
    let mail = Mail { from, templates, ..Mail::default() };
    let runs = Runs::new(&Schedule::default());
    let (unmanaged, defaults) = (vec![], Arc::new(Policy::built_in()));
    Roster { account: account(), entries: vec![entry], unmanaged, defaults, mail, runs, pace: None }
}

pub fn targets(policy: &Policy) -> Vec<Target> {
    let how = How {
        user: USER.to_owned(),
        arn: arn(),
        region: account().region,
        github_names: GitHubNames::default(),
        ..How::default()
    };
    policy.deliver.value.iter().map(|place| Target::new(place, &how)).collect()
}

pub fn policy(overlap: i64, quiet: i64, patience: i64, hold: i64, when_full: WhenFull) -> Policy {
    fn built_in<T>(value: T) -> Sourced<T> {
        Sourced { value, source: None }
    }
    let days = |days| built_in(TimeDelta::days(days));
    Policy {
        rotate_ahead: built_in(RotateAhead::Fixed(TimeDelta::zero())),
        overlap: days(overlap),
        quiet: days(quiet),
        patience: days(patience),
        hold: days(hold),
        when_full: built_in(when_full),
        notify: built_in(vec![Recipient::Address("owner@example.com".to_owned())]),
        ..Policy::built_in()
    }
}

pub fn arn() -> String {
    format!("arn:aws:iam::111122223333:user/{USER}")
}

pub fn account() -> Account {
    Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    }
}

pub fn t0() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}
