//! The whole life of a user with several places, in the simulated account.

use keyrota::{
    cloud::{Visibility, sandbox::StoredVaultSecret},
    plan::{Verb, Warning},
    run::Mode,
};

use super::{
    account, current, day, done, github_holds, overwrite, parameter_holds, plan, rule, run, run_in, tag, theirs,
};
use crate::command::Folder;

const THREE: &str = "\"ssm:/ci/{user}/aws\", \"github:acme/payments:production\", \"github-org:acme\"";

#[test]
fn a_rotation_delivers_before_it_tells_and_before_the_old_key_stops() {
    let (manifest, sandbox) = (rule(THREE, ""), account(95, true));
    let secret = |name: &str| theirs("github-org:acme", name, day(-100));
    sandbox.change(|world| world.vault.extend(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(secret)));
    let shown = plan(&manifest, &sandbox, day(0));
    let overwrites =
        shown.warnings.iter().any(|it| matches!(it, Warning::Overwrites { place, .. } if place == "github-org:acme"));
    assert!(overwrites, "what a first delivery overwrites is said before: {:#?}", shown.warnings);
    let steps: Vec<_> = shown.changes[0].then.iter().filter_map(|step| step.place.clone()).collect();
    assert_eq!(steps, ["ssm:/ci/ci/aws", "github:acme/payments:production", "github-org:acme"], "{shown:#?}");

    let applied = run(&manifest, &sandbox, day(0));
    let deliveries = [(Verb::Deliver, true); 3];
    let all = [&[(Verb::Create, true), (Verb::Promote, true)][..], &deliveries, &[(Verb::Notify, true)]].concat();
    assert_eq!(done(&applied), all, "{applied:#?}");
    let new = current(&sandbox);
    let holds = |key: &_| {
        parameter_holds(&sandbox, "/ci/ci/aws", key)
            && github_holds(&sandbox, "github:acme/payments:production", key)
            && github_holds(&sandbox, "github-org:acme", key)
    };
    assert!(holds(&new), "{:#?}", sandbox.snapshot());
    assert!(tag(&sandbox, "keyrota:delivered").starts_with(&format!("{new}/")), "the contract's tag");
    sandbox.inspect(|world| {
        let kept = |secret: &&StoredVaultSecret| {
            secret.visibility == Some(Visibility::Selected) && secret.repositories == [7, 9]
        };
        assert_eq!(world.vault.iter().filter(kept).count(), 2, "who sees it is left as it is: {:#?}", world.vault);
        let parameter = world.parameter("/ci/ci/aws").expect("it was made");
        assert_eq!((parameter.version, parameter.tags.get("Owner").map(String::as_str)), (1, Some("ci")));
        let mail = &world.mail.last().expect("the owner was told").text;
        assert!(
            mail.contains("Delivered to: ssm:/ci/ci/aws, github:acme/payments:production, github-org:acme"),
            "{mail}"
        );
    });

    // Nothing is left to do, and the rest of the life is that of any rotation.
    assert!(run(&manifest, &sandbox, day(0)).outcomes.is_empty());
    assert!(run_in(Mode::Tend, &manifest, &sandbox, day(3)).outcomes.is_empty());
    assert_eq!(done(&run_in(Mode::Tend, &manifest, &sandbox, day(7))), [(Verb::Deactivate, true)]);
    assert_eq!(done(&run_in(Mode::Tend, &manifest, &sandbox, day(21))), [(Verb::Delete, true)]);
    let next = run(&manifest, &sandbox, day(90));
    assert_eq!(done(&next), all, "{next:#?}");
    assert!(current(&sandbox) != new && holds(&current(&sandbox)), "the next key goes the same way");
    assert_eq!(
        sandbox.inspect(|world| world.parameter("/ci/ci/aws").map(|it| it.version)),
        Some(2),
        "one write a version"
    );
}

/// `deliver` is new in the rule: the key that is handed out is read, and nothing rotates.
#[test]
fn a_list_that_changes_delivers_the_key_that_there_is() {
    let sandbox = account(10, true);
    let one = rule("\"ssm:/ci/{user}\"", "");
    let applied = run_in(Mode::Tend, &one, &sandbox, day(0));
    assert_eq!(done(&applied), [(Verb::Deliver, true)], "{applied:#?}");
    let key = current(&sandbox);
    assert!(parameter_holds(&sandbox, "/ci/ci", &key));
    // One more: only that one gets it.
    let two = rule("\"ssm:/ci/{user}\", \"github:acme/payments\"", "");
    assert_eq!(done(&run(&two, &sandbox, day(1))), [(Verb::Deliver, true)]);
    assert!(github_holds(&sandbox, "github:acme/payments", &key));
    assert_eq!(sandbox.inspect(|world| world.parameter("/ci/ci").map(|it| it.version)), Some(1));
    // One less: it keeps a key that will stop, and that is said for as long as it is so.
    let none = rule("\"github:acme/payments\"", "");
    let shown = plan(&none, &sandbox, day(2));
    let left =
        |warning: &&Warning| matches!(warning, Warning::PlaceLeft { place, works: true, .. } if place == "ssm:/ci/ci");
    assert_eq!(shown.warnings.iter().filter(left).count(), 1, "{:#?}", shown.warnings);
    assert_eq!(done(&run(&none, &sandbox, day(2))), [(Verb::Deliver, true)], "the list is another one");
    assert!(run(&none, &sandbox, day(2)).outcomes.is_empty());
    assert_eq!(plan(&none, &sandbox, day(3)).warnings.iter().filter(left).count(), 1);
    // Other names of the secrets are another place of the same name.
    let renamed = super::manifest_with(
        &format!("{}[deliver.github]\nnames = [\"CI_KEY\", \"CI_SECRET\", \"CI_REGION\"]\n", super::SHARED),
        "version = 1\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [\"github:acme/payments\"]\n",
    );
    assert_eq!(done(&run_in(Mode::Tend, &renamed, &sandbox, day(3))), [(Verb::Deliver, true)]);
    sandbox.inspect(|world| {
        for name in ["CI_KEY", "CI_SECRET", "CI_REGION"] {
            assert!(world.vault_secret("github:acme/payments", name).is_some(), "{name}");
        }
    });
}

#[test]
fn what_somebody_writes_or_takes_away_is_noticed_and_delivered_again() {
    let sandbox = account(10, true);
    let manifest = rule("\"ssm:/ci/{user}\", \"github:acme/payments\"", "");
    run(&manifest, &sandbox, day(0));
    let key = current(&sandbox);
    // Runs that tend read nobody of whom nothing is due.
    sandbox.change(|world| overwrite(world, "github:acme/payments", day(1)));
    assert!(run_in(Mode::Tend, &manifest, &sandbox, day(2)).outcomes.is_empty());
    let shown = plan(&manifest, &sandbox, day(2));
    assert_eq!(shown.changes[0].reason.code(), "place-overwritten");
    assert!(shown.changes[0].reason.to_string().contains("2026-11-24T08:00:00Z"), "{}", shown.changes[0].reason);
    assert_eq!(done(&run(&manifest, &sandbox, day(2))), [(Verb::Deliver, true)]);
    assert!(github_holds(&sandbox, "github:acme/payments", &key));
    // One of the two secrets is gone.
    sandbox.change(|world| world.vault.retain(|secret| secret.name != "AWS_SECRET_ACCESS_KEY"));
    let emptied = plan(&manifest, &sandbox, day(3));
    assert_eq!(emptied.changes[0].reason.code(), "place-emptied");
    // And somebody wrote to the parameter.
    sandbox.change(|world| world.parameters[0].version += 1);
    assert_eq!(done(&run(&manifest, &sandbox, day(3))), [(Verb::Deliver, true); 2]);
    assert!(github_holds(&sandbox, "github:acme/payments", &key) && parameter_holds(&sandbox, "/ci/ci", &key));
    assert!(run(&manifest, &sandbox, day(3)).outcomes.is_empty());
}

/// The same from outside, with the files that the command reads and writes.
#[test]
fn the_command_plans_and_applies_in_a_sandbox() {
    let sandbox = account(95, false).to_toml();
    let team = format!("version = 1\n\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [{THREE}]\n");
    let folder = Folder::new(&[
        ("manifests/keyrota.toml", super::SHARED),
        ("manifests/team.toml", &team),
        ("account.toml", &sandbox),
    ]);
    let sandboxed = ["--sandbox", "account.toml"];
    let plan = folder.run(&[&["plan"][..], &sandboxed].concat()).exits(0);
    let plan = plan.shows(&["deliver it to ssm:/ci/ci/aws", "deliver it to github-org:acme", "3 to deliver"]);
    let digest = |ran: &crate::command::Ran| ran.json()["digest"].as_str().map(str::to_owned);
    let json = folder.run(&[&["plan", "--format", "json"][..], &sandboxed].concat()).exits(0);
    let document = json.json();
    assert_eq!(document["summary"]["deliver"], 3, "{document:#}");
    assert_eq!(document["changes"][0]["then"][1]["place"], "ssm:/ci/ci/aws", "{document:#}");
    // Another place is another plan.
    folder.write("manifests/team.toml", &team.replace("acme/payments", "acme/other"));
    let other = folder.run(&[&["plan", "--format", "json"][..], &sandboxed].concat()).exits(0);
    assert_ne!(digest(&json), digest(&other));
    folder.write("manifests/team.toml", &team);
    folder
        .run(&[&["explain", "ci"][..], &sandboxed].concat())
        .exits(0)
        .shows(&["deliver", "ssm:/ci/ci/aws, github:acme/payments:production"])
        .shows(&["deliver new to ssm:/ci/ci/aws"]);
    let places = |delivered| {
        let status = folder.run(&[&["status", "--format", "json"][..], &sandboxed].concat()).exits(0).json();
        let places = status["users"][0]["deliver"].as_array().expect("places").clone();
        assert_eq!(places[0]["place"], "ssm:/ci/ci/aws");
        assert!(places.iter().all(|place| place["delivered"] == delivered), "{places:?}");
    };
    places(false);
    let applied = folder.run(&[&["apply", "--yes"][..], &sandboxed].concat()).exits(0);
    applied.shows(&["> ci  deliver", "github:acme/payments:production", "3 delivered"]);
    let account = folder.read("account.toml");
    assert!(account.contains("[[parameters]]") && account.contains("place = \"github-org:acme\""), "{account}");
    places(true);
    folder.run(&[&["apply", "--yes"][..], &sandboxed].concat()).exits(0).shows(&["No changes."]);
    drop(plan);
}
