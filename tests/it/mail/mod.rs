//! Mail: what it says, in which words, to whom and how often.

mod digest;
mod preview;
mod reminders;
mod templates;
mod words;

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Conditions},
    cloud::{
        Values,
        sandbox::{IamUser, Sandbox, SentMail, World},
    },
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status},
    manifest::{self, Manifest},
    plan::Plan,
    run::{Mode, Planned},
};

pub fn t0() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

/// `[mail]` and defaults as most of these tests need them, and what a test adds.
pub fn manifest(rules: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"tag:email\"]\n[mail]\nfrom = \"Security <security@example.com>\"\n\
         fallback = [\"fallback@example.com\"]\n{rules}"
    );
    let loaded = manifest::load_files(vec![("manifests/keyrota.toml".to_owned(), text.into_bytes())], t0());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

pub fn everyone() -> Manifest {
    manifest("[pace]\nmax-rotations = 0\n[[rotate]]\nusers = [\"*\"]\n")
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

/// A user with one key of 95 days, which was used ten days ago, and an address in a tag.
pub fn user(name: &str, email: &str) -> IamUser {
    let key = Key {
        id: KeyId::new(format!("AKIAOLD{}", name.to_uppercase().replace('-', ""))),
        status: Status::Active,
        created: t0() - TimeDelta::days(95),
        last_use: LastUse::At { time: t0() - TimeDelta::days(10), service: None, region: None },
    };
    let tags = [("email".to_owned(), email.to_owned())].into();
    IamUser {
        name: name.to_owned(),
        path: "/".to_owned(),
        groups: vec![],
        tags,
        smtp: SmtpUse::NoSign,
        keys: vec![key],
    }
}

pub fn sandbox(users: Vec<IamUser>) -> Sandbox {
    Sandbox::new(account(), World { users, ..World::default() })
}

pub fn at(day: i64) -> DateTime<Utc> {
    t0() + TimeDelta::days(day)
}

/// A whole run, as the command makes it. `is_enforcing`: see `tell_all`.
pub fn run(cloud: &impl Values, manifest: &Manifest, now: DateTime<Utc>, is_enforcing: bool) -> (Plan, Applied) {
    // A run that tends has no other digest, but all the rest is the same.
    let planned = crate::support::run::plan(std::slice::from_ref(cloud), manifest, now, Mode::Enforce);
    let planned = Planned { mode: if is_enforcing { Mode::Enforce } else { Mode::Tend }, ..planned };
    let applied = crate::support::run::apply(&planned, &Conditions::new(&|| now));
    (planned.plan, applied)
}

/// A run of the sandbox at a day, and the mail that it sent.
pub fn run_day(sandbox: &Sandbox, manifest: &Manifest, day: i64, is_enforcing: bool) -> Vec<SentMail> {
    sandbox.set_now(at(day));
    let before = sandbox.inspect(|world| world.mail.len());
    run(sandbox, manifest, at(day), is_enforcing);
    sandbox.inspect(|world| world.mail[before..].to_vec())
}

/// The key that was there first was used an hour ago.
pub fn use_old_keys(sandbox: &Sandbox, day: i64) {
    sandbox.change(|world| {
        for user in &mut world.users {
            let oldest = user.keys.iter_mut().min_by_key(|key| key.created).expect("a key");
            if oldest.is_active() {
                let (service, region) = (Some("s3".to_owned()), Some("eu-central-1".to_owned()));
                oldest.last_use = LastUse::At { time: at(day) - TimeDelta::hours(1), service, region };
            }
        }
    });
}

/// Each mail's kind and recipient.
pub fn kinds(mail: &[SentMail]) -> Vec<(&str, &str)> {
    mail.iter().map(|sent| (sent.tags["kind"].as_str(), sent.to.as_str())).collect()
}
