//! What follows a change: what a plan counts is exactly what `apply` does, for many states of one user.

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::Outcome,
    cloud::sandbox::{IamUser, Sandbox, StoredSecret, StoredVersion, World},
    inventory::{
        Account, Key, KeyId, LastUse, SmtpUse, Status, TAG_DEACTIVATED, TAG_DEACTIVATING, TAG_INTENT, TAG_NOTIFIED,
        TAG_OWNER,
    },
    manifest::{self, Manifest},
    plan::{Action, Change, KeyRef, Plan, Verb},
    report::Counts,
    run::Mode,
};
use strum::VariantArray;

use crate::{golden, planner};

/// Users of one sandbox: calls look through all of them.
const CROWD: usize = 25;

fn t0() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn manifest(policy: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n{policy}\n[mail]\nfrom = \"keyrota@example.com\"\n\
         [[rotate]]\nusers = [\"*\"]\n"
    );
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.into_bytes())], t0());
    let mut manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    manifest.mail.templates = crate::support::templates::bare();
    manifest
}

fn account() -> Account {
    Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    }
}

/// Plans, and carries the plan out; `starts_rotations` as a run that enforces, or one that tends.
fn plan_and_apply(
    sandbox: Sandbox,
    manifest: &Manifest,
    now: DateTime<Utc>,
    starts_rotations: bool,
) -> (Plan, Vec<Outcome>) {
    let clouds = [sandbox];
    let mode = if starts_rotations { Mode::Enforce } else { Mode::Tend };
    let (planned, applied) = crate::support::run::run(&clouds, manifest, now, mode);
    (planned.plan, applied.outcomes)
}

/// Each user's steps of the run as planned are those that were taken, with the same keys, and so are the counts.
#[track_caller]
fn assert_as_planned(name: &str, plan: &Plan, outcomes: &[Outcome]) {
    for change in &plan.changes {
        let mut issued = Vec::new();
        let taken: Vec<(Verb, KeyRef)> = outcomes
            .iter()
            .filter(|outcome| outcome.change.user == change.user)
            .map(|outcome| {
                assert!(outcome.result.is_ok(), "{name}: {outcome:#?}");
                issued.extend(outcome.issued.clone());
                let unborn = [KeyRef::New, KeyRef::AfterNew];
                let born = |key: &KeyId| issued.iter().position(|issued| issued == key);
                let key = match outcome.change.action.key() {
                    None if matches!(outcome.change.action, Action::Update(_)) => outcome.change.key(),
                    None => unborn[issued.len() - 1].clone(),
                    Some(key) => born(key).map_or(KeyRef::Existing(key.clone()), |at| unborn[at].clone()),
                };
                (outcome.change.action.verb(), key)
            })
            .collect();
        assert_eq!(change.in_run().collect::<Vec<_>>(), taken, "{name}: {change:#?}");
    }
    let done = |verb| outcomes.iter().filter(|outcome| outcome.change.action.verb() == verb).count();
    let Counts { create, promote, deliver, notify, deactivate, delete, update, .. } = Counts::of(plan);
    let done: Vec<_> = Verb::VARIANTS.iter().copied().map(done).collect();
    assert_eq!([create, promote, deliver, notify, deactivate, delete, update].as_slice(), done, "{name}");
}

#[test]
fn a_plan_counts_what_apply_does_in_every_golden_case() {
    let mut steps = 0;
    for case in golden::cases("plan") {
        let (sandbox, manifest, now) = planner::inputs(&case);
        let (plan, outcomes) = plan_and_apply(sandbox, &manifest, now, true);
        assert_as_planned(&case.path.display().to_string(), &plan, &outcomes);
        steps += outcomes.len();
    }
    assert!(steps > 50, "only {steps} steps were compared");
}

#[test]
fn a_plan_counts_what_apply_does_in_every_small_state() {
    let policies = [
        "",
        "overlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\n",
        "overlap = \"0d\"\nquiet = \"2d\"\n",
        "overlap = \"0d\"\nquiet = \"2d\"\npatience = \"0d\"\nhold = \"0d\"\n",
        "hold = \"0d\"\nwhen-full = \"retire-oldest\"\n",
        "quiet = \"0d\"\nreissue-before = 2026-11-20\noverlap = \"0d\"\nhold = \"0d\"\n",
    ];
    let (mut users, mut at_once) = (0, 0);
    for policy in policies {
        let manifest = manifest(policy);
        for states in states().chunks(CROWD) {
            let sandbox = || {
                let sandbox = Sandbox::new(account(), world(states));
                sandbox.set_now(t0());
                sandbox
            };
            let (plan, outcomes) = plan_and_apply(sandbox(), &manifest, t0(), false);
            assert_as_planned(policy, &plan, &outcomes);
            assert_eq!(Counts::of(&plan).create, created(&plan), "{policy}: a run that tends began a rotation");
            let (plan, outcomes) = plan_and_apply(sandbox(), &manifest, t0(), true);
            assert_as_planned(policy, &plan, &outcomes);
            users += states.len();
            at_once +=
                plan.changes.iter().filter(|change| change.in_run().any(|(verb, _)| verb == Verb::Delete)).count();
        }
    }
    assert!(users > 5_000 && at_once > 500, "{users} states, {at_once} with a deletion in the run");
}

/// How many users' creations were begun by an earlier run: those may be carried on.
fn created(plan: &Plan) -> usize {
    let resumed = |change: &&Change| matches!(change.action, Action::Create { resumes: true, .. });
    let then = |change: &Change| change.then.iter().filter(|step| step.same_run && step.verb == Verb::Create).count();
    plan.changes.iter().filter(resumed).count() + plan.changes.iter().map(then).sum::<usize>()
}

/// The keys of one user, and the labels and tags of its secret.
#[derive(Clone)]
struct State {
    keys: Vec<Key>,
    secret: Option<(Vec<StoredVersion>, Tags)>,
}

type Tags = Vec<(&'static str, String)>;

fn states() -> Vec<State> {
    let mut all = Vec::new();
    let (olds, news) = (keys("AKIAOLD", TimeDelta::hours(1)), keys("AKIANEW", TimeDelta::zero()));
    let pairs = olds.iter().flat_map(|old| news.iter().map(|new| vec![old.clone(), new.clone()]));
    for keys in olds.iter().map(|old| vec![old.clone()]).chain(pairs) {
        all.push(State { keys: keys.clone(), secret: None });
        for versions in versions(&keys) {
            for tags in tags(&keys, &versions) {
                all.push(State { keys: keys.clone(), secret: Some((versions.clone(), tags)) });
            }
        }
    }
    all
}

fn keys(id: &str, older: TimeDelta) -> Vec<Key> {
    let mut keys = Vec::new();
    for age in [10, 95] {
        for status in [Status::Active, Status::Inactive] {
            // Of an inactive key it matters only that it was used.
            let uses: &[_] = if status == Status::Active { &[None, Some(1), Some(9)] } else { &[None, Some(9)] };
            for used in uses {
                let at = |days| LastUse::At { time: t0() - TimeDelta::days(days), service: None, region: None };
                let created = t0() - TimeDelta::days(age) - older;
                keys.push(Key { id: KeyId::new(id), status, created, last_use: used.map_or(LastUse::Never, at) });
            }
        }
    }
    keys
}

fn versions(keys: &[Key]) -> Vec<Vec<StoredVersion>> {
    let version = |id: String, labels: &[&str]| StoredVersion {
        id,
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        digest: None,
    };
    let predecessor = || "0f6c2c5e-2b0f-4b7e-9d0a-3f1c8a4e5d6b".to_owned();
    let mut all = vec![vec![version(predecessor(), &["AWSCURRENT"])]];
    let old = keys[0].id.version_id();
    all.push(vec![version(old.clone(), &["AWSCURRENT"])]);
    all.push(vec![version(predecessor(), &["AWSCURRENT"]), version(old.clone(), &["AWSPENDING"])]);
    if let Some(new) = keys.get(1).map(|key| key.id.version_id()) {
        all.push(vec![version(old.clone(), &["AWSCURRENT"]), version(new.clone(), &["AWSPENDING"])]);
        all.push(vec![version(old, &["AWSPREVIOUS"]), version(new, &["AWSCURRENT"])]);
    }
    all
}

fn tags(keys: &[Key], versions: &[StoredVersion]) -> Vec<Tags> {
    let ago = |days| (t0() - TimeDelta::days(days)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let current = versions.iter().find(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    let told = current.and_then(|version| KeyId::of_version(&version.id)).map(|key| (TAG_NOTIFIED, key.to_string()));
    let old = &keys[0].id;
    let mut all = vec![vec![], told.clone().into_iter().collect()];
    for retired in [
        (TAG_DEACTIVATED, format!("{old}@{}", ago(1))),
        (TAG_DEACTIVATED, format!("{old}@{}", ago(20))),
        (TAG_DEACTIVATING, format!("{old}@{}", ago(20))),
    ] {
        all.push(told.iter().cloned().chain([retired]).collect());
    }
    let newest = keys.last().expect("a key").created;
    let intent = (newest - TimeDelta::minutes(1)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    all.push(vec![(TAG_INTENT, intent)]);
    all
}

/// One account in which each state is a user of its own: ids get the user's number.
fn world(states: &[State]) -> World {
    let mut world = World::default();
    for (number, State { keys, secret }) in states.iter().enumerate() {
        let name = format!("user-{number}");
        let own = |text: &str| {
            let text = text.replace("AKIAOLD", &format!("AKIAOLD{number:013}"));
            text.replace("AKIANEW", &format!("AKIANEW{number:013}"))
        };
        let keys = keys.iter().map(|key| Key { id: KeyId::new(own(key.id.as_str())), ..key.clone() }).collect();
        world.users.push(IamUser {
            name: name.clone(),
            path: "/".to_owned(),
            groups: vec![],
            tags: [].into(),
            smtp: SmtpUse::NoSign,
            keys,
        });
        if let Some((versions, tags)) = secret {
            let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), own(value)));
            world.secrets.push(StoredSecret {
                name: format!("/aws/iam/credentials/{name}"),
                tags: tags.chain([(TAG_OWNER.to_owned(), name)]).collect(),
                versions: versions
                    .iter()
                    .map(|version| StoredVersion { id: own(&version.id), ..version.clone() })
                    .collect(),
                ..StoredSecret::default()
            });
        }
    }
    world
}
