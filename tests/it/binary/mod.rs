//! The binary from outside, on the sandbox: what it prints, how it exits, and what it leaves alone.

mod apply;
mod check;
mod explain;
mod forecast;
mod output;
mod plan;

use crate::command::Folder;

pub const SHARED: &str = r#"version = 1

[defaults]
notify = ["tag:email"]

[mail]
from = "Security <security@example.com>"
fallback = ["security@example.com"]

[schedule]
enforce = "cron(0 8 1 * ? *)"
"#;

pub const TEAM: &str = r#"version = 1

[[rotate]]
users = ["ci-*"]

[[exempt]]
user = "ci-vendor"
reason = "rotated by hand, SEC-412"
until = 2026-12-31
"#;

/// One user of each kind.
pub const SANDBOX: &str = r#"# An account for tests.

now = 2026-11-23T08:00:00Z
account = "111122223333"
region = "eu-west-1"

[[users]]
name = "alice"

[[users.keys]]
id = "AKIAALICE00000000001"
created = 2024-01-15

[[users]]
name = "ci-builder"
path = "/ci/"

[[users.keys]]
id = "AKIABUILDER000000001"
created = 2026-11-01T08:00:00Z
last-used = 2026-11-23T07:00:00Z
last-used-service = "s3"

[[users]]
name = "ci-deployer"
tags = { email = "deployers@example.com" }

[[users.keys]]
id = "AKIADEPLOYER00000001"
created = 2026-08-20T08:00:00Z
last-used = 2026-11-22T21:14:00Z
last-used-service = "ecs"

[[users]]
name = "ci-full"

[[users.keys]]
id = "AKIAFULL000000000001"
created = 2026-03-01
last-used = 2026-11-23T07:00:00Z

[[users.keys]]
id = "AKIAFULL000000000002"
created = 2026-04-01
last-used = 2026-11-23T07:30:00Z

[[users]]
name = "ci-overlap"

[[users.keys]]
id = "AKIAOVERLAP000000001"
created = 2026-08-01T08:00:00Z

[[users.keys]]
id = "AKIAOVERLAP000000002"
created = 2026-11-20T08:00:00Z

[[users]]
name = "ci-vendor"

[[users.keys]]
id = "AKIAVENDOR0000000001"
created = 2025-01-01

[[secrets]]
name = "/aws/iam/credentials/ci-overlap"

[secrets.tags]
Owner = "ci-overlap"
"keyrota:user" = "arn:aws:iam::111122223333:user/ci-overlap"
"keyrota:notified" = "AKIAOVERLAP000000002"
"keyrota:notified-at" = "2026-11-20T08:00:30Z"

[[secrets.versions]]
id = "keyrota-1-access-key-AKIAOVERLAP000000002"
labels = ["AWSCURRENT"]
"#;

/// The account above, with manifests for it.
pub fn folder() -> Folder {
    Folder::new(&[("manifests/keyrota.toml", SHARED), ("manifests/team.toml", TEAM), ("sandbox.toml", SANDBOX)])
}

/// An account with so many users whose keys are due, and so many whose keys are young.
pub fn crowd(due: usize, young: usize, limits: &str) -> Folder {
    let mut sandbox = "now = 2026-11-23T08:00:00Z\naccount = \"111122223333\"\n".to_owned();
    for user in 0..due + young {
        let created = if user < due { "2026-08-01" } else { "2026-11-01" };
        sandbox += &format!("[[users]]\nname = \"ci-{user}\"\n");
        sandbox += &format!("[[users.keys]]\nid = \"AKIACROWD{user:011}\"\ncreated = {created}\n");
    }
    let shared = format!("{SHARED}\n[limits]\n{limits}\n");
    Folder::new(&[
        ("manifests/keyrota.toml", &shared),
        ("manifests/team.toml", "version = 1\n\n[[rotate]]\nusers = [\"ci-*\"]\n"),
        ("sandbox.toml", &sandbox),
    ])
}

/// The arguments, on the sandbox.
pub fn on_sandbox<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--sandbox", "sandbox.toml"]].concat()
}
