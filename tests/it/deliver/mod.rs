//! Delivery: to Systems Manager and GitHub, as the command, the simulated account and the real calls do it.

mod faults;
mod life;
mod races;
mod real;
mod refusals;
mod scope;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Applied, Conditions},
    cloud::sandbox::{Sandbox, StoredParameter, StoredVaultSecret, World},
    credential::written,
    inventory::{KeyId, TAG_OWNER},
    manifest::{Manifest, load_files},
    plan::{Plan, Verb},
    run::{Mode, Run},
};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

pub const SHARED: &str = r#"version = 1

[defaults]
notify = ["owner@example.com"]

[mail]
from = "keyrota@example.com"
"#;

/// The day on which all of these begin.
pub fn day(number: i64) -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::days(number)
}

pub fn manifest_with(shared: &str, rules: &str) -> Manifest {
    let files = [("m/keyrota.toml", shared), ("m/team.toml", rules)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
    let loaded = load_files(files, day(0));
    let shown: Vec<String> = loaded.diagnostics.iter().map(|mistake| mistake.render(false)).collect();
    loaded.manifest.unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

/// A rule for one user with these places and anything else.
pub fn rule(deliver: &str, more: &str) -> Manifest {
    manifest_with(SHARED, &format!("version = 1\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [{deliver}]\n{more}\n"))
}

/// A user `ci` whose key is so many days old, and has a secret if it is `stored`.
pub fn account(age: i64, is_stored: bool) -> Sandbox {
    let created = day(-age).format("%Y-%m-%dT%H:%M:%SZ");
    let secret = "[[secrets]]\nname = \"/aws/iam/credentials/ci\"\n[secrets.tags]\nOwner = \"ci\"\n\"keyrota:notified\" = \
                  \"AKIAOLD0000000000001\"\n[[secrets.versions]]\nid = \"keyrota-1-access-key-AKIAOLD0000000000001\"\nlabels = \
                  [\"AWSCURRENT\"]\n";
    let text = format!(
        "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n[[users]]\nname = \"ci\"\n\
         [[users.keys]]\nid = \"AKIAOLD0000000000001\"\ncreated = {created}\n{}",
        if is_stored { secret } else { "" }
    );
    Sandbox::parse(&text, "sandbox.toml").unwrap_or_else(|error| panic!("{error}"))
}

pub fn plan(manifest: &Manifest, sandbox: &Sandbox, now: DateTime<Utc>) -> Plan {
    let clouds = [sandbox.clone()];
    let planned = Run::new(manifest, &clouds, Mode::Enforce, now).plan(&|_| {}).now_or_never();
    planned.expect("the sandbox never waits").expect("an account").plan
}

/// A run at that time.
pub fn run_in(mode: Mode, manifest: &Manifest, sandbox: &Sandbox, now: DateTime<Utc>) -> Applied {
    sandbox.set_now(now);
    let clouds = std::slice::from_ref(sandbox);
    let run = async {
        let planned = Run::new(manifest, clouds, mode, now).plan(&|_| {}).await.expect("an account");
        planned.apply(&Conditions::new(&|| now), &|_| {}).await
    };
    run.now_or_never().expect("the sandbox never waits")
}

pub fn run(manifest: &Manifest, sandbox: &Sandbox, now: DateTime<Utc>) -> Applied {
    run_in(Mode::Enforce, manifest, sandbox, now)
}

/// What was done, and whether it worked.
pub fn done(applied: &Applied) -> Vec<(Verb, bool)> {
    applied.outcomes.iter().map(|outcome| (outcome.change.action.verb(), outcome.result.is_ok())).collect()
}

/// The key that the secret hands out.
pub fn current(sandbox: &Sandbox) -> KeyId {
    sandbox.inspect(|world| {
        let secret = world.secrets.iter().find(|secret| secret.labelled("AWSCURRENT").is_some()).expect("a secret");
        KeyId::of_version(&secret.labelled("AWSCURRENT").expect("a version").id).expect("a key of keyrota's")
    })
}

pub fn digest(text: &str) -> Option<[u8; 32]> {
    Some(Sha256::digest(text.as_bytes()).into())
}

/// Whether the parameter holds the JSON of this key.
pub fn parameter_holds(sandbox: &Sandbox, name: &str, key: &KeyId) -> bool {
    let text = written(key, &Sandbox::secret_of(key), None);
    sandbox.inspect(|world| world.parameter(name).is_some_and(|found| found.digest == digest(text.expose_secret())))
}

/// Whether a place of GitHub holds this key.
pub fn github_holds(sandbox: &Sandbox, place: &str, key: &KeyId) -> bool {
    let part = Sandbox::secret_of(key);
    let values = [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", part.expose_secret())];
    sandbox.inspect(|world| {
        values
            .iter()
            .all(|(name, value)| world.vault_secret(place, name).is_some_and(|found| found.digest == digest(value)))
    })
}

/// Somebody's parameter.
pub fn parameter(name: &str, owner: Option<&str>) -> StoredParameter {
    let tags = owner.map(|owner| (TAG_OWNER.to_owned(), owner.to_owned())).into_iter().collect();
    StoredParameter { name: name.to_owned(), tags, version: 3, digest: digest("theirs"), ..StoredParameter::default() }
}

/// Somebody's secret of GitHub.
pub fn theirs(place: &str, name: &str, at: DateTime<Utc>) -> StoredVaultSecret {
    let (place, name) = (place.to_owned(), name.to_owned());
    let visibility = place.starts_with("github-org:").then_some(keyrota::cloud::Visibility::Selected);
    let repositories = if visibility.is_some() { vec![7, 9] } else { vec![] };
    StoredVaultSecret { place, name, updated: at, visibility, repositories, digest: digest("theirs") }
}

/// Somebody writes over what a place of GitHub holds, or puts it there.
pub fn overwrite(world: &mut World, place: &str, at: DateTime<Utc>) {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.vault.retain(|secret| !(secret.place == place && secret.name == name));
        world.vault.push(theirs(place, name, at));
    }
}

/// Whether a tag of the user's secret holds this.
pub fn tag(sandbox: &Sandbox, name: &str) -> String {
    sandbox.inspect(|world| world.secrets[0].tags.get(name).cloned().unwrap_or_default())
}
