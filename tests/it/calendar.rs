//! A year and more of scheduled runs, day by day: no key gets older than `max-age`, and the dates that were shown are those
//! of the runs that act.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use keyrota::{
    cloud::sandbox::{IamUser, Sandbox, World},
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status},
    manifest::{self, Manifest},
    run::Mode,
};

const DAYS: i64 = 400;

fn manifest(rules: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n[mail]\nfrom = \"security@example.com\"\n{rules}"
    );
    let loaded = manifest::load_files(vec![("manifests/keyrota.toml".to_owned(), text.into_bytes())], start());
    let mut manifest = loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    manifest.mail.templates = crate::support::templates::bare();
    manifest
}

fn start() -> DateTime<Utc> {
    "2026-01-01T08:00:00Z".parse().expect("a time")
}

/// Users whose keys were made on different days and at different times of them.
fn account(oldest: i64) -> Sandbox {
    let user = |n: i64| {
        let created = start() - TimeDelta::days(n * oldest / 25) - TimeDelta::minutes(n * 57) - TimeDelta::seconds(n);
        let key = Key {
            id: KeyId::new(format!("AKIAFIRST{n:011}")),
            status: Status::Active,
            created,
            last_use: LastUse::At { time: start(), service: None, region: None },
        };
        IamUser {
            name: format!("ci-{n}"),
            path: "/".to_owned(),
            groups: vec![],
            tags: [].into(),
            smtp: SmtpUse::NoSign,
            keys: vec![key],
        }
    };
    let account = Account {
        id: "111122223333".to_owned(),
        name: None,
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        membership: None,
    };
    Sandbox::new(account, World { users: (0..25).map(user).collect(), ..World::default() })
}

/// One scheduled run, as the function makes it.
fn run(sandbox: &Sandbox, manifest: &Manifest, now: DateTime<Utc>, starts_rotations: bool) {
    sandbox.set_now(now);
    let clouds = std::slice::from_ref(sandbox);
    let mode = if starts_rotations { Mode::Enforce } else { Mode::Tend };
    let (_, applied) = crate::support::run::run(clouds, manifest, now, mode);
    assert_eq!(applied.failures(), 0, "{applied:#?}");
}

/// Clients move at once: whatever the secret hands out is used, and nothing else.
fn use_current_keys(sandbox: &Sandbox, now: DateTime<Utc>) {
    sandbox.change(|world| {
        let World { users, secrets, .. } = world;
        for user in users {
            let secret = secrets.iter().find(|secret| secret.name.ends_with(&format!("/{}", user.name)));
            let handed_out = secret
                .and_then(|secret| secret.labelled("AWSCURRENT"))
                .and_then(|version| KeyId::of_version(&version.id));
            for key in user.keys.iter_mut().filter(|key| handed_out.as_ref().is_none_or(|id| *id == key.id)) {
                key.last_use = LastUse::At { time: now, service: None, region: None };
            }
        }
    });
}

/// The greatest age that an active key reaches, with monthly `enforce` and daily `tend`.
fn greatest_age(manifest: &Manifest, oldest: i64) -> TimeDelta {
    let sandbox = account(oldest);
    let mut greatest = TimeDelta::zero();
    for day in 0..DAYS {
        // Runs never begin at the same second.
        let now = start() + TimeDelta::days(day) + TimeDelta::seconds(day * 7 % 55);
        use_current_keys(&sandbox, now - TimeDelta::minutes(30));
        sandbox.inspect(|world| {
            for key in world.users.iter().flat_map(|user| &user.keys).filter(|key| key.is_active()) {
                greatest = greatest.max(now - key.created);
            }
        });
        if now.day() == 1 {
            run(&sandbox, manifest, now, true);
        }
        run(&sandbox, manifest, now + TimeDelta::seconds(20), false);
    }
    greatest
}

#[test]
fn no_key_gets_older_than_max_age() {
    for (rule, max_age, oldest) in [
        ("", 90, 51),
        ("max-age = \"60d\"\n", 60, 21),
        ("overlap = \"14d\"\n", 90, 44),
        ("max-age = \"45d\"\noverlap = \"2d\"\nhold = \"7d\"\n", 45, 11),
    ] {
        let manifest = manifest(&format!("[[rotate]]\nusers = [\"*\"]\n{rule}"));
        let greatest = greatest_age(&manifest, oldest);
        assert!(greatest <= TimeDelta::days(max_age), "{rule:?}: {} hours", greatest.num_hours());
        // The runs are not so early that keys are replaced each month for nothing.
        assert!(max_age < 90 || greatest > TimeDelta::days(55), "{rule:?}: {} hours", greatest.num_hours());
    }
}

/// What was right before, and is what `check` warns of: the predecessor's pace.
#[test]
fn without_a_time_ahead_keys_get_too_old() {
    let manifest = manifest("[[rotate]]\nusers = [\"*\"]\nrotate-ahead = \"0d\"\n");
    assert!(greatest_age(&manifest, 51) > TimeDelta::days(97));
}
