//! What runs cost: calls, and time where AWS throttles. The account is simulated, and its clock is a virtual one.

mod calls;
mod tend;
mod throttling;

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    cloud::sandbox::{IamUser, Sandbox, World},
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status},
    manifest::{Manifest, load_files},
};

/// How long a call takes.
const LATENCY: Duration = Duration::from_millis(30);

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a time")
}

fn account() -> Account {
    let (id, partition, region) = ("111122223333".to_owned(), "aws".to_owned(), "eu-west-1".to_owned());
    Account { id, name: None, partition, region, membership: None }
}

fn manifest(defaults: &str) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"owner@example.com\"]\n{defaults}\n[mail]\nfrom = \"keyrota@example.com\"\n\
         [pace]\nmax-rotations = 0\n[[rotate]]\nusers = [\"svc-*\"]\n"
    );
    let loaded = load_files(vec![("keyrota.toml".to_owned(), text.into_bytes())], now());
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn name(number: usize) -> String {
    format!("svc-{number:05}")
}

fn key(number: usize, created: DateTime<Utc>) -> Key {
    let id = KeyId::new(format!("AKIACOST{number:012}"));
    Key { id, status: Status::Active, created, last_use: LastUse::Never }
}

/// Users with a key each, of which the first ones are due.
fn sandbox(users: usize, due: usize) -> Sandbox {
    let user = |number: usize| {
        let age = TimeDelta::days(if number < due { 95 } else { 10 });
        let (path, tags, groups) = ("/".to_owned(), BTreeMap::new(), Vec::new());
        IamUser { name: name(number), path, groups, tags, smtp: SmtpUse::NoSign, keys: vec![key(number, now() - age)] }
    };
    let world = World { users: (0..users).map(user).collect(), ..World::default() };
    let sandbox = Sandbox::new(account(), world);
    sandbox.set_now(now());
    sandbox
}
