//! Two runs at the same time, as without reserved concurrency, or of a person beside the function: in whatever order their calls
//! come, what a place holds works, and in the end every place has what the secret hands out.

use futures::future::join;
use keyrota::{
    apply::{Applied, Conditions},
    cloud::{
        Reads,
        sandbox::{Sandbox, World},
    },
    inventory::KeyId,
    manifest::Manifest,
    run::{Mode, Run},
};

use secrecy::ExposeSecret;

use super::{account, current, day, digest, done, github_holds, parameter_holds, rule, run};
use crate::faulty::Faulty;

/// What each place holds is of a key that works.
fn assert_places_work(world: &World) {
    let works = |holds: &dyn Fn(&Sandbox, &KeyId) -> bool| {
        let sandbox = Sandbox::new(account(0, false).account().clone(), world.clone());
        world.users[0].keys.iter().any(|key| key.is_active() && holds(&sandbox, &key.id))
    };
    if world.parameter("/ci").is_some() {
        assert!(works(&|sandbox, key| parameter_holds(sandbox, "/ci", key)), "the parameter does not work\n{world:#?}");
    }
    // Between two calls GitHub has the id of one key and the secret part of another; either is of one that works.
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        if let Some(held) = world.vault_secret("github:acme/payments", name) {
            let is_of = |key: &KeyId| {
                let value = match name {
                    "AWS_ACCESS_KEY_ID" => key.to_string(),
                    _ => Sandbox::secret_of(key).expose_secret().to_owned(),
                };
                held.digest == digest(&value)
            };
            let mut active = world.users[0].keys.iter().filter(|key| key.is_active());
            assert!(active.any(|key| is_of(&key.id)), "{name} is of no key that works\n{world:#?}");
        }
    }
}

/// Both at once; `seed` says whose call comes next. Where the old key goes at once, whoever wrote that over the new one needs a
/// moment to write the new one again.
async fn both(manifest: &Manifest, sandbox: &Sandbox, number: i64, (seed, keeps_old): (u64, bool)) -> [Applied; 2] {
    let now = day(number);
    sandbox.set_now(now);
    let check = |_, world: &World| {
        if keeps_old {
            assert_places_work(world);
        }
    };
    let clock = || now;
    let one = |seed| {
        let faulty = Faulty { delivers: true, changed: Some(&check), ..Faulty::new(sandbox, None, |_, _| {}) };
        faulty.pauses.set(Some(seed));
        let clock = &clock;
        async move {
            let clouds = [faulty];
            let planned = Run::new(manifest, &clouds, Mode::Enforce, now).plan(&|_| {}).await.expect("an account");
            planned.apply(&Conditions::new(clock), &|_| {}).await
        }
    };
    let (one, other) = join(one(seed), one(!seed)).await;
    [one, other]
}

#[tokio::test]
async fn whatever_the_order_of_their_calls_places_work_and_agree() {
    let manifest = rule("\"ssm:/ci\", \"github:acme/payments\"", "");
    let (mut clashes, mut rotations) = (0, 0);
    for seed in 1..=60_u64 {
        // Due and in no secret; due and handed out; neither due nor delivered.
        for (age, is_stored) in [(95, false), (95, true), (10, true)] {
            let sandbox = account(age, is_stored);
            // The rotation, the end of the overlap, the end of the hold, and the next rotation.
            for number in [0, 9, 24, 95, 104, 119] {
                let applied = both(&manifest, &sandbox, number, (random(seed), true)).await;
                clashes += usize::from(applied.iter().any(|applied| applied.failures() > 0));
                // What one has refused the other is done by the next.
                run(&manifest, &sandbox, day(number));
                let again = run(&manifest, &sandbox, day(number));
                assert_eq!(done(&again), [], "seed {seed}, day {number}");
                let key = current(&sandbox);
                let is_everywhere =
                    parameter_holds(&sandbox, "/ci", &key) && github_holds(&sandbox, "github:acme/payments", &key);
                assert!(is_everywhere, "seed {seed}, day {number}: {:#?}", sandbox.snapshot());
            }
            rotations += sandbox.snapshot().keys_issued;
        }
    }
    println!("{clashes} runs in which one was refused, {rotations} keys");
    assert!(clashes > 20, "the runs are to get in each other's way: {clashes}");
}

fn random(seed: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One run delivers the key that there is, the other replaces it meanwhile and ends it at once: what the first wrote over the new
/// one does not stay there, and no ledger says that it is the new one.
#[tokio::test]
async fn a_key_that_is_gone_stays_nowhere() {
    let more = "max-age = \"1d\"\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"\nrotate-ahead = \"0d\"";
    let manifest = rule("\"ssm:/ci\", \"github:acme/payments\"", more);
    let (mut again, mut clashes) = (0, 0);
    for seed in 1..=150_u64 {
        let sandbox = account(0, true);
        run(&manifest, &sandbox, day(0));
        for number in [1, 2, 3] {
            // Somebody empties a place, so that one of the runs may begin with the key that the other ends.
            sandbox.change(|world| world.vault.clear());
            let applied = both(&manifest, &sandbox, number, (random(seed), false)).await;
            sandbox.inspect(assert_places_work);
            let words = applied.iter().flat_map(|one| &one.outcomes).filter_map(|one| one.result.as_ref().err());
            let words: Vec<String> = words.map(ToString::to_string).collect();
            again += usize::from(words.iter().any(|words| words.contains("has got again")));
            clashes += usize::from(!words.is_empty());
            run(&manifest, &sandbox, day(number));
            assert_eq!(done(&run(&manifest, &sandbox, day(number))), [], "seed {seed}, day {number}");
            let key = current(&sandbox);
            let is_there =
                github_holds(&sandbox, "github:acme/payments", &key) && parameter_holds(&sandbox, "/ci", &key);
            assert!(is_there, "seed {seed}, day {number}: {:#?}", sandbox.snapshot());
        }
    }
    println!("{clashes} clashes, {again} written again");
    assert!(clashes > 20, "the runs are to get in each other's way: {clashes}");
}
