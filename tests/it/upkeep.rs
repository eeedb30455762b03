//! What the manifest says of a secret: its KMS key, its replicas and its name, over whole runs.

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use keyrota::{
    apply::{Conditions, Outcome, apply},
    cloud::{
        Reads,
        sandbox::{Sandbox, StoredSecret, World},
    },
    mail::Outbox,
    manifest::{self, Manifest},
    observe::{Depth, list, observe},
    plan::{Plan, Verb, plan},
    roster::resolve,
};

use crate::faulty::{Faulty, Mode};

const ACCOUNT: &str = r#"
now = 2026-11-23T08:00:00Z
account = "111122223333"
region = "eu-west-1"

[[users]]
name = "ci"

[[users.keys]]
id = "AKIAEXAMPLECI0000001"
created = CREATED

[[secrets]]
name = "/aws/iam/credentials/ci"
tags.Owner = "ci"
tags."keyrota:user" = "arn:aws:iam::111122223333:user/ci"
tags."keyrota:notified" = "AKIAEXAMPLECI0000001"

[[secrets.versions]]
id = "keyrota-1-access-key-AKIAEXAMPLECI0000001"
labels = ["AWSCURRENT"]
"#;

/// The account with a key that is handed out, made then.
fn account(created: &str) -> Sandbox {
    Sandbox::parse(&ACCOUNT.replace("CREATED", created), "account.toml").expect("a sandbox")
}

fn manifest(rule: &str, now: DateTime<Utc>) -> Manifest {
    let text = format!(
        "version = 1\n[defaults]\nnotify = [\"ci@example.com\"]\nrotate-ahead = \"0d\"\n\
         [mail]\nfrom = \"security@example.com\"\n[[rotate]]\nusers = [\"ci\"]\n{rule}\n"
    );
    let loaded = manifest::load_files(vec![("keyrota.toml".to_owned(), text.into_bytes())], now);
    loaded.manifest.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// One run.
fn run(faulty: &Faulty<'_>, rule: &str) -> (Plan, Vec<Outcome>) {
    let now = faulty.sandbox.now().expect("a clock");
    async {
        let listing = list(faulty, &|_, _| true, "").await.expect("a listing");
        let (roster, _) = resolve(&manifest(rule, now), faulty.account(), &listing.users, now);
        let inventory = observe(faulty, &roster, &listing, Depth::Plan, now, &|| {}).await;
        let plan = plan(&roster, &inventory, now);
        let conditions = Conditions {
            as_of: now,
            clock: &|| now,
            may_start: &|| true,
            ends: None,
            told_by: None,
            progress: &|_| {},
            outbox: Outbox::default(),
            events: keyrota::events::EventQueue::default(),
        };
        let applied = apply(faulty, &roster, &inventory, &plan.changes, &conditions).await;
        (plan, applied.outcomes)
    }
    .now_or_never()
    .expect("the sandbox never waits")
}

fn faulty<'a>(sandbox: &'a Sandbox, fault: Option<(usize, Mode)>) -> Faulty<'a> {
    Faulty::new(sandbox, fault, |_, _| {})
}

fn results(outcomes: &[Outcome]) -> Vec<(Verb, bool)> {
    outcomes.iter().map(|outcome| (outcome.change.action.verb(), outcome.result.is_ok())).collect()
}

fn secret(world: &World) -> &StoredSecret {
    world.secret("/aws/iam/credentials/ci").expect("a secret")
}

const UPKEEP: &str = "kms-key = \"alias/keys\"\nreplicate-to = [\"eu-central-1\"]";

#[test]
fn a_refused_update_stops_no_rotation_and_is_tried_again() {
    for mode in [Mode::Denied, Mode::ErrorBefore, Mode::ErrorAfter, Mode::DeniedAfter] {
        let sandbox = account("2026-08-01");
        let first = faulty(&sandbox, None);
        let call = {
            let trial = account("2026-08-01");
            let trial = faulty(&trial, None);
            run(&trial, UPKEEP);
            trial.calls.borrow().iter().position(|call| *call == "update_secret").expect("an update")
        };
        let struck = Faulty { fault: Some((call, mode)), ..first };
        let (_, outcomes) = run(&struck, UPKEEP);
        let rotation = [(Verb::Create, true), (Verb::Promote, true), (Verb::Notify, true)];
        assert_eq!(results(&outcomes), [&[(Verb::Update, false)][..], &rotation].concat(), "{mode:?}");
        run(&faulty(&sandbox, None), UPKEEP);
        let (plan, outcomes) = run(&faulty(&sandbox, None), UPKEEP);
        assert_eq!((plan.changes.len(), outcomes.len()), (0, 0), "{mode:?}: nothing is left");
        let world = sandbox.snapshot();
        assert_eq!(secret(&world).kms_key.as_deref(), Some("alias/keys"), "{mode:?}");
        assert_eq!(secret(&world).replicas, ["eu-central-1"], "{mode:?}");
    }
}

/// AWS may name the key where the manifest names an alias: the alias is set once, and not in every run.
#[test]
fn an_alias_that_aws_reports_as_a_key_is_set_once() {
    let sandbox = account("2026-11-20");
    let reporting = || {
        let kms_key = Some("1234abcd-12ab-34cd-56ef-1234567890ab".to_owned());
        Faulty { kms_key, ..faulty(&sandbox, None) }
    };
    let rule = "kms-key = \"alias/keys\"";
    assert_eq!(results(&run(&reporting(), rule).1), [(Verb::Update, true)]);
    let world = sandbox.snapshot();
    let note = secret(&world).tags.get("keyrota:kms-key").map(String::as_str);
    assert_eq!(note, Some("1234abcd-12ab-34cd-56ef-1234567890ab alias/keys"));
    // The listing of the sandbox names the alias: what is described decides, and there nothing differs.
    let listed = async { reporting().secrets().await }.now_or_never().expect("at once").expect("a listing");
    let as_reported = |mut listed: Vec<keyrota::inventory::SecretRecord>| {
        listed[0].kms_key = reporting().kms_key;
        Some(listed)
    };
    let (plan, _) = run(&Faulty { listing: as_reported(listed), ..reporting() }, rule);
    assert_eq!(plan.changes, [], "nothing is left to do");
    // Another alias is another key.
    assert_eq!(run(&reporting(), "kms-key = \"alias/others\"").0.changes.len(), 1);
}

/// AWS takes the call, and says in its answer that the replication has failed.
#[test]
fn a_replication_that_fails_is_a_failed_change_and_then_blocked() {
    let sandbox = account("2026-11-20");
    let mut world = sandbox.snapshot();
    world.secrets[0].replica_failures = [("eu-central-1".to_owned(), "There is one already.".to_owned())].into();
    let sandbox = Sandbox::new(sandbox.account().clone(), world);
    let rule = "replicate-to = [\"eu-central-1\"]";
    let (_, outcomes) = run(&faulty(&sandbox, None), rule);
    let error = outcomes[0].result.as_ref().expect_err("it has failed").to_string();
    assert!(error.contains("the replication to eu-central-1 has failed: There is one already."), "{error}");
    let (plan, outcomes) = run(&faulty(&sandbox, None), rule);
    assert_eq!(outcomes, []);
    let wait = &plan.waiting[0].wait;
    assert!(wait.code() == "replica-failed" && wait.to_string().contains("There is one already"), "{wait}");
}

/// Right after a move `ListSecrets` may not know the new secret: what the former one says is old, and nothing is done on
/// its word.
#[test]
fn a_listing_that_lags_behind_a_move_does_nothing() {
    let sandbox = account("2026-11-20");
    let before = async { sandbox.secrets().await }.now_or_never().expect("at once").expect("a listing");
    let rule = "secret = \"/team/{user}\"";
    let moved = run(&faulty(&sandbox, None), rule).1;
    assert_eq!(results(&moved), [(Verb::Create, true), (Verb::Promote, true), (Verb::Notify, true)]);
    assert!(moved.iter().all(|outcome| outcome.change.destination == "/team/ci"));
    let lagging = Faulty { listing: Some(before), ..faulty(&sandbox, None) };
    let (plan, outcomes) = run(&lagging, rule);
    assert_eq!((plan.changes, outcomes), (vec![], vec![]));
    assert_eq!(plan.waiting[0].wait.code(), "in-overlap");
}

/// What was noted at one secret permits nothing at another: its owner is told where the telling can be noted, and once.
#[test]
fn a_run_that_moves_on_notes_what_it_tells_where_it_is_now() {
    let rule = "secret = \"/team/{user}\"\nquiet = \"0d\"";
    let mut world = account("2026-11-20").snapshot();
    let second = world.users[0].keys[0].clone();
    world.users[0].keys.push(keyrota::inventory::Key {
        id: keyrota::inventory::KeyId::new("AKIAEXAMPLEBYHAND001"),
        created: "2026-11-21T00:00:00Z".parse().expect("a time"),
        ..second
    });
    // The owner does not know of the first yet, and the second is in the way of the one that moves it.
    world.secrets[0].tags.remove("keyrota:notified");
    let sandbox = Sandbox::new(account("2026-11-20").account().clone(), world);
    let (_, outcomes) = run(&faulty(&sandbox, None), rule);
    let told: Vec<_> =
        outcomes.iter().map(|one| (one.change.action.verb(), &*one.change.destination, one.result.is_ok())).collect();
    let expected = [(Verb::Notify, "/aws/iam/credentials/ci", true), (Verb::Notify, "/team/ci", true)];
    assert_eq!(told, expected);
    let sent = sandbox.snapshot().mail.len();
    assert_eq!(run(&faulty(&sandbox, None), rule).1, []);
    assert_eq!(sandbox.snapshot().mail.len(), sent);
}

/// A rename in mid-rotation: the old key goes when its owner was told it does, noted where the rotation began; then the new
/// name gets a key, and its owner hears where it is now.
#[test]
fn a_rename_in_mid_rotation_loses_nothing() {
    let sandbox = account("2026-08-01");
    run(&faulty(&sandbox, None), "");
    let rule = "secret = \"/team/{user}\"";
    let mut done = Vec::new();
    for day in 0..60 {
        sandbox.set_now("2026-11-23T09:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::days(day));
        let (_, outcomes) = run(&faulty(&sandbox, None), rule);
        done.extend(outcomes.iter().map(|one| (day, one.change.action.verb(), one.change.destination.clone())));
    }
    let (former, new) = ("/aws/iam/credentials/ci", "/team/ci");
    let expected = [
        (7, Verb::Deactivate, former),
        (21, Verb::Delete, former),
        (21, Verb::Create, new),
        (21, Verb::Promote, new),
        (21, Verb::Notify, new),
        (28, Verb::Deactivate, new),
        (42, Verb::Delete, new),
    ];
    assert_eq!(done, expected.map(|(day, verb, secret)| (day, verb, secret.to_owned())));
    let world = sandbox.snapshot();
    let mail = world.mail.iter().find(|mail| mail.text.contains(new)).expect("a mail about the new place");
    assert!(mail.text.contains(&format!("Secret until now: {former}")), "{}", mail.text);
    let (plan, _) = run(&faulty(&sandbox, None), rule);
    let warnings: Vec<String> = plan.warnings.iter().map(ToString::to_string).collect();
    assert!(matches!(&warnings[..], [left] if left.contains("which does not work any more")), "{warnings:?}");
}
