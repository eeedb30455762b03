//! Deliveries that break off in the middle, and places that close in the middle of a rotation.

use keyrota::{
    apply::Applied,
    cloud::{Reads, sandbox::Sandbox},
    inventory::{Key, TAG_PLACE},
    manifest::Manifest,
    plan::{Plan, Verb, Warning},
    report::metrics,
    run::Mode,
};
use serde_json::Value;

use super::{
    SHARED, account, current, day, done, github_holds, manifest_with, overwrite, parameter_holds, plan, rule, run,
    run_in, tag,
};
use crate::{
    faulty::{Faulty, Mode as Fault},
    support::run::{apply, plan as planned},
};

const TWO: &str = "\"github:acme/payments\", \"ssm:/ci/{user}\"";

/// A run whose call of that name and number (from 0) goes wrong.
fn run_with(
    manifest: &Manifest,
    sandbox: &Sandbox,
    number: i64,
    (operation, nth, fault): (&str, usize, Fault),
) -> Applied {
    sandbox.set_now(day(number));
    let copy = Sandbox::new(sandbox.account().clone(), sandbox.snapshot());
    let run = |sandbox, fault| {
        let clouds = [Faulty { delivers: true, ..Faulty::new(sandbox, fault, |_, _| {}) }];
        let applied =
            apply(&planned(&clouds, manifest, day(number), Mode::Enforce), &super::Conditions::new(&|| day(number)));
        (applied, clouds[0].calls.take())
    };
    let (_, calls) = run(&copy, None);
    let at = calls.iter().enumerate().filter(|(_, call)| **call == operation).nth(nth).expect("such a call").0;
    run(sandbox, Some((at, fault))).0
}

fn reasons(plan: &Plan) -> Vec<(&'static str, String)> {
    plan.changes.iter().map(|change| (change.reason.code(), change.reason.to_string())).collect()
}

/// How many users the metric calls undelivered, as a run that changes nothing tells.
fn undelivered(manifest: &Manifest, sandbox: &Sandbox, number: i64) -> i64 {
    let clouds = [sandbox.clone()];
    let planned = planned(&clouds, manifest, day(number), Mode::Tend);
    let accounts: Vec<_> = planned.accounts.iter().map(|one| (&one.roster, &one.inventory)).collect();
    let lines = metrics::lines_in("keyrota", &accounts, &planned.plan, None);
    let line: Value = serde_json::from_str(lines.last().expect("a line")).expect("JSON");
    line["Undelivered"].as_i64().expect("a number")
}

/// GitHub took the secret part and not the id: nothing can sign in with what is there, and nobody says that it works.
#[test]
fn half_of_a_pair_is_called_so_until_the_rest_is_there() {
    let manifest = rule(TWO, "");
    let sandbox = account(95, true);
    let applied = run_with(&manifest, &sandbox, 0, ("put_vault_secret", 1, Fault::Denied));
    assert_eq!(applied.failures(), 1, "{applied:#?}");
    let new = current(&sandbox);
    assert!(!github_holds(&sandbox, "github:acme/payments", &new) && parameter_holds(&sandbox, "/ci/ci", &new));
    let seen = plan(&manifest, &sandbox, day(1));
    let [(code, words)] = &reasons(&seen)[..] else { panic!("{seen:#?}") };
    assert_eq!(*code, "place-unfinished");
    assert!(words.contains("may hold a part of it") && words.contains("failed since 2026-11-23"), "{words}");
    assert!(!seen.warnings.iter().any(|it| matches!(it, Warning::Overwrites { .. })), "{:#?}", seen.warnings);
    assert_eq!(undelivered(&manifest, &sandbox, 1), 1);
    // So it is where the process died, before or after a call.
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        let sandbox = account(10, true);
        let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run_with(&manifest, &sandbox, 0, ("put_vault_secret", 1, fault))
        }));
        assert!(cut.is_err(), "a run that is cut off never ends");
        assert_eq!(reasons(&plan(&manifest, &sandbox, day(1)))[0].0, "place-unfinished", "{fault:?}");
        run(&manifest, &sandbox, day(1));
        assert!(github_holds(&sandbox, "github:acme/payments", &current(&sandbox)));
        assert_eq!(undelivered(&manifest, &sandbox, 1), 0);
    }
    run(&manifest, &sandbox, day(1));
    assert!(github_holds(&sandbox, "github:acme/payments", &new));
    assert_eq!(done(&run(&manifest, &sandbox, day(1))), []);
}

/// Where nothing was written, the place holds what it held, and the ledger goes on saying so: also when it is taken off the list.
#[test]
fn a_place_that_refuses_is_known_to_hold_the_old_key() {
    let manifest = rule(TWO, "");
    let sandbox = account(10, true);
    run(&manifest, &sandbox, day(0));
    let old = current(&sandbox);
    let applied = run_with(&manifest, &sandbox, 90, ("put_vault_secret", 0, Fault::Denied));
    assert_eq!(applied.failures(), 1, "{applied:#?}");
    assert_ne!(current(&sandbox), old);
    assert_eq!(reasons(&plan(&manifest, &sandbox, day(91)))[0].0, "refused");
    let without = rule("\"ssm:/ci/{user}\"", "");
    let left = |plan: &Plan| {
        let is_left = |it: &&Warning| matches!(it, Warning::PlaceLeft { place, key, works: true, is_part: false, .. } if place == "github:acme/payments" && *key == old);
        plan.warnings.iter().filter(is_left).count()
    };
    assert_eq!(left(&plan(&without, &sandbox, day(91))), 1, "{}", tag(&sandbox, &format!("{TAG_PLACE}1")));
    assert!(sandbox.inspect(|world| world.key(&old).is_some_and(Key::is_active)));
}

/// A repository that is deleted in the middle keeps the new key from no other place, nor its owner from hearing of it; nothing
/// begins and nothing ends.
#[test]
fn a_place_that_closes_in_the_middle_holds_up_what_ends_and_nothing_else() {
    let manifest = rule(TWO, "");
    let sandbox = account(95, true);
    let old = current(&sandbox);
    // Cut off right after the new key was handed out.
    let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run_with(&manifest, &sandbox, 0, ("put_vault_secret", 0, Fault::CutBefore))
    }));
    assert!(cut.is_err());
    sandbox.change(|world| world.closed.push("github:acme/payments".to_owned()));
    assert_eq!(undelivered(&manifest, &sandbox, 1), 1);
    let applied = run_in(Mode::Tend, &manifest, &sandbox, day(1));
    assert_eq!(done(&applied), [(Verb::Deliver, true), (Verb::Notify, true)], "{applied:#?}");
    let new = current(&sandbox);
    assert!(new != old && parameter_holds(&sandbox, "/ci/ci", &new));
    for number in [2, 40, 200] {
        let applied = run(&manifest, &sandbox, day(number));
        assert_eq!(done(&applied), [], "day {number}: {applied:#?}");
        let waits = plan(&manifest, &sandbox, day(number)).waiting;
        assert_eq!(waits.iter().map(|it| it.wait.code()).collect::<Vec<_>>(), ["closed-place"]);
        assert_eq!(undelivered(&manifest, &sandbox, number), 1, "day {number}");
        assert!(sandbox.inspect(|world| world.key(&old).is_some_and(Key::is_active)));
    }
    let told = sandbox.inspect(|world| world.mail.last().expect("a mail").text.clone());
    assert!(told.contains("github:acme/payments"), "the owner hears which place it is: {told}");
    // What somebody writes over elsewhere is mended meanwhile.
    sandbox.change(|world| world.parameters.clear());
    assert_eq!(done(&run_in(Mode::Tend, &manifest, &sandbox, day(201))), [(Verb::Deliver, true)]);
    sandbox.change(|world| world.closed.clear());
    run(&manifest, &sandbox, day(202));
    assert!(github_holds(&sandbox, "github:acme/payments", &current(&sandbox)));
}

/// A parameter that is deleted and made anew has the number of a first write, too.
#[test]
fn a_parameter_that_was_made_anew_is_somebody_elses_doing() {
    let manifest = rule("\"ssm:/ci/{user}\"", "");
    let sandbox = account(10, true);
    run(&manifest, &sandbox, day(0));
    sandbox.change(|world| {
        let parameter = &mut world.parameters[0];
        assert_eq!(parameter.version, 1);
        (parameter.modified, parameter.digest) = (Some(day(1)), None);
    });
    let seen = plan(&manifest, &sandbox, day(2));
    assert_eq!(reasons(&seen).iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["place-overwritten"]);
    run(&manifest, &sandbox, day(2));
    assert!(parameter_holds(&sandbox, "/ci/ci", &current(&sandbox)));
    assert_eq!(done(&run(&manifest, &sandbox, day(2))), []);
}

/// A parameter of the user's that was not there when it was planned: a try whose answer was lost, or another run.
#[test]
fn a_parameter_that_is_there_by_now_is_written_over_if_it_is_the_users() {
    let manifest = rule("\"ssm:/ci/{user}\"", "");
    for (owner, took) in [("ci", true), ("bob", false)] {
        let sandbox = account(10, true);
        sandbox.set_now(day(0));
        let clouds = [sandbox.clone()];
        let planned = planned(&clouds, &manifest, day(0), Mode::Enforce);
        clouds[0].change(|world| world.parameters.push(super::parameter("/ci/ci", Some(owner))));
        let applied = apply(&planned, &super::Conditions::new(&|| day(0)));
        assert_eq!(done(&applied), [(Verb::Deliver, took)], "{applied:#?}");
    }
}

/// Two users swap their repositories: nobody is told to take away what is the other's live key.
#[test]
fn a_place_that_is_another_users_by_now_is_not_called_left() {
    let rules = |one: &str, other: &str| {
        let rule =
            |user: &str, to: &str| format!("[[rotate]]\nusers = [\"{user}\"]\ndeliver = [\"github:acme/{to}\"]\n");
        manifest_with(SHARED, &format!("version = 1\n{}{}", rule("ci", one), rule("di", other)))
    };
    let sandbox = account(10, true);
    sandbox.change(|world| {
        let mut user = world.users[0].clone();
        user.name = "di".to_owned();
        user.keys[0].id = keyrota::inventory::KeyId::new("AKIAOLD0000000000002");
        let mut secret = world.secrets[0].clone();
        secret.name = "/aws/iam/credentials/di".to_owned();
        for value in secret.tags.values_mut() {
            *value = value.replace("ci", "di").replace("0001", "0002");
        }
        for version in &mut secret.versions {
            version.id = version.id.replace("0001", "0002");
        }
        world.users.push(user);
        world.secrets.push(secret);
    });
    let (before, after) = (rules("a", "b"), rules("b", "a"));
    run(&before, &sandbox, day(0));
    let left = |plan: &Plan| plan.warnings.iter().filter(|it| matches!(it, Warning::PlaceLeft { .. })).count();
    assert_eq!(left(&plan(&after, &sandbox, day(1))), 0);
    run(&after, &sandbox, day(1));
    assert_eq!(left(&plan(&after, &sandbox, day(2))), 0);
    // A place that nobody names is, by whoever has written there.
    let names_a = |it: &&Warning| matches!(it, Warning::PlaceLeft { user, place, .. } if user == "di" && place == "github:acme/a");
    assert_eq!(plan(&rules("b", "c"), &sandbox, day(2)).warnings.iter().filter(names_a).count(), 1);
}

/// What `smtp` adds to a place takes nothing away; other names leave the old ones behind, and the place is still in the list.
#[test]
fn what_is_left_at_a_place_by_other_names_is_called_that() {
    let sandbox = account(10, true);
    run(&rule("\"github:acme/payments\"", ""), &sandbox, day(0));
    let left = |manifest: &Manifest| {
        let of = |it: &Warning| match it {
            Warning::PlaceLeft { is_renamed, .. } => Some(*is_renamed),
            _ => None,
        };
        plan(manifest, &sandbox, day(1)).warnings.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(left(&rule("\"github:acme/payments\"", "smtp = true")), [] as [bool; 0]);
    let renamed = manifest_with(
        &format!("{SHARED}[deliver.github]\nnames = [\"CI_KEY\", \"CI_SECRET\"]\n"),
        "version = 1\n[[rotate]]\nusers = [\"ci\"]\ndeliver = [\"github:acme/payments\"]\n",
    );
    assert_eq!(left(&renamed), [true]);
    let words = plan(&renamed, &sandbox, day(1)).warnings.iter().map(ToString::to_string).collect::<String>();
    assert!(words.contains("by other names") && !words.contains("  "), "{words}");
    sandbox.change(|world| overwrite(world, "github:acme/payments", day(1)));
}
