//! The calls of one rotation, beside the reading of the account: listing users and secrets, and each user's keys once a run.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::Conditions,
    cloud::sandbox::{IamUser, Sandbox, StoredSecret, StoredVersion, World},
    inventory::{CURRENT, LastUse, SmtpUse, TAG_NOTIFIED, TAG_OWNER},
    manifest::Manifest,
    run::{Mode, Run},
};

use super::{LATENCY, account, key, manifest, name, now};
use crate::support::remote::{Limit, Remote, Server};

/// What observing an account takes, whether there is something to do or not.
const READING: [&str; 3] =
    ["iam:GetAccountAuthorizationDetails", "secretsmanager:ListSecrets", "iam:ListAccessKeys of the survey"];

/// One user whose key is due, and whose secret handed that key out already, if it `is_known`.
pub fn due(is_known: bool) -> World {
    let old = key(0, now() - TimeDelta::days(95));
    let version = StoredVersion { id: old.id.version_id(), labels: vec![CURRENT.to_owned()], digest: None };
    let tags = [(TAG_OWNER.to_owned(), name(0)), (TAG_NOTIFIED.to_owned(), old.id.to_string())];
    let secret = StoredSecret {
        name: format!("/aws/iam/credentials/{}", name(0)),
        tags: tags.into(),
        versions: vec![version],
        ..StoredSecret::default()
    };
    let (path, groups, tags) = ("/".to_owned(), Vec::new(), BTreeMap::new());
    let user = IamUser { name: name(0), path, groups, tags, smtp: SmtpUse::NoSign, keys: vec![old] };
    World { users: vec![user], secrets: if is_known { vec![secret] } else { Vec::new() }, ..World::default() }
}

/// The calls of a run at a day, beside those that read the account.
async fn run(world: &mut World, manifest: &Manifest, at: DateTime<Utc>) -> Vec<&'static str> {
    let sandbox = Sandbox::new(account(), world.clone());
    sandbox.set_now(at);
    let server = Server::new(LATENCY, Limit::Unlimited);
    let clouds = [Remote::new(sandbox, server.clone())];
    let planned = Run::new(manifest, &clouds, Mode::Enforce, at).plan(&|_| {}).await.expect("listed");
    let survey = server.calls();
    let applied = planned.apply(&Conditions::new(&|| at), &|_| {}).await;
    assert!(planned.verdict(Some(&applied)).is_complete(), "{applied:#?}");
    *world = clouds[0].sandbox.snapshot();
    let mut calls = server.calls();
    // The keys are read once in the survey, and whatever is read again counts.
    let listed = survey.get("iam:ListAccessKeys").copied().unwrap_or_default().min(1);
    calls.entry("iam:ListAccessKeys").and_modify(|count| *count -= listed);
    let beside = calls.into_iter().filter(|(operation, _)| !READING.contains(operation));
    beside.flat_map(|(operation, count)| std::iter::repeat_n(operation, count)).collect()
}

#[tokio::test(start_paused = true)]
async fn at_0d_a_rotation_takes_fourteen_calls() {
    let manifest = manifest("rotate-ahead = \"0d\"\noverlap = \"0d\"\nquiet = \"0d\"\nhold = \"0d\"");
    for (is_known, expected) in [(true, 14), (false, 13)] {
        let mut world = due(is_known);
        let calls = run(&mut world, &manifest, now()).await;
        assert_eq!(calls.len(), expected, "{calls:?}");
        let read = calls.iter().filter(|call| **call == "iam:ListAccessKeys").count();
        assert_eq!((read, world.mail.len(), world.users[0].keys.len()), (1, 1, 1), "{calls:?}");
        assert!(!calls.contains(&"iam:GetAccessKeyLastUsed") && !calls.contains(&"secretsmanager:UntagResource"));
        let again = run(&mut world, &manifest, now()).await;
        assert_eq!(again, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn over_a_default_life_a_rotation_takes_twenty_one_calls() {
    for is_known in [true, false] {
        let manifest = manifest("rotate-ahead = \"0d\"");
        let mut world = due(is_known);
        let mut days = Vec::new();
        for day in [0, 3, 7, 10, 21, 22] {
            days.push(run(&mut world, &manifest, now() + TimeDelta::days(day) + TimeDelta::minutes(day)).await);
        }
        assert_eq!(world.users[0].keys.len(), 1, "the old key is gone");
        assert_eq!((days[1].len(), days[3].len(), days[5].len()), (0, 0, 0), "nothing is done between");
        let all = days.concat();
        // Told of the deactivation and of the deletion: a mail each, and the note that it was sent.
        let notices = 2 * (world.mail.len() - 1);
        assert_eq!(notices, 4);
        assert!(all.len() - notices <= 21, "{} calls: {days:#?}", all.len() - notices);
    }
}

/// Where the old key was used on the day of the rotation, it is in use still when the overlap ends, and that nobody knows without
/// asking: one call more, a day before it goes.
#[tokio::test(start_paused = true)]
async fn a_key_that_was_used_until_its_rotation_takes_one_call_more() {
    let manifest = manifest("rotate-ahead = \"0d\"");
    let mut world = due(true);
    world.users[0].keys[0].last_use = LastUse::At { time: now(), service: None, region: None };
    let mut days = Vec::new();
    for day in [0, 3, 7, 8, 10, 22, 23] {
        days.push(run(&mut world, &manifest, now() + TimeDelta::days(day) + TimeDelta::minutes(day)).await);
    }
    assert_eq!(world.users[0].keys.len(), 1, "the old key is gone");
    assert_eq!(days[2], ["iam:GetAccessKeyLastUsed"], "the look at the end of the overlap");
    let notices = 2 * (world.mail.len() - 1);
    let all = days.concat();
    assert_eq!(all.len() - notices, 22, "{days:#?}");
}
