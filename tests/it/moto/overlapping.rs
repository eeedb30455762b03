//! Two runs at the same time, as without reserved concurrency, or with a person beside the function: nothing is lost,
//! whichever call the one stands still at while the other runs from its beginning to its end.

use std::thread::{self, JoinHandle};

use chrono::{TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Conditions},
    manifest,
    run::{Mode, Run},
};

use super::{
    interrupted::{APPLY, due},
    keys, ledger, writes,
};
use crate::{
    command::Folder,
    emulator::{Fault, TestAccount},
};

#[tokio::test]
async fn while_one_makes_a_key() {
    loses_nothing_at("CreateAccessKey").await;
}

#[tokio::test]
async fn while_one_stores_a_key() {
    loses_nothing_at("PutSecretValue").await;
}

#[tokio::test]
async fn while_one_hands_out_a_key() {
    loses_nothing_at("UpdateSecretVersionStage").await;
}

#[tokio::test]
async fn while_one_stops_a_key() {
    loses_nothing_at("UpdateAccessKey").await;
}

/// A run within this process: a loser waits for a key that the winner took away, and a process does so for a minute.
fn started(account: &TestAccount, folder: &Folder) -> JoinHandle<Applied> {
    let manifest = manifest::load(&folder.path("manifests"), Utc::now()).manifest.expect("valid");
    let account = account.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let clouds = [account.connect().await];
            let planned = Run::new(&manifest, &clouds, Mode::Enforce, Utc::now()).plan(&|_| {}).await;
            planned.expect("an account").apply(&Conditions::new(&Utc::now), &|_| {}).await
        })
    };
    thread::spawn(run)
}

/// The first of two runs stands still at its first call of this action.
async fn loses_nothing_at(action: &str) {
    let (account, folder, _) = due().await;
    folder.run_in(&account, &APPLY).exits(0);
    let calls: Vec<String> = writes(&account.take_requests()).into_iter().map(str::to_owned).collect();
    let number = calls.iter().position(|call| call == action).unwrap_or_else(|| panic!("{action}: {calls:?}"));
    let (account, folder, old) = due().await;
    let before = calls[..number].iter().filter(|call| call.as_str() == action).count();
    account.add_fault(Fault::hold(action).skip(u32::try_from(before).expect("a few")));
    let first = started(&account, &folder);
    while !account.stands_still() {
        assert!(!first.is_finished(), "it ended before the call that was to be held");
    }
    let what = format!("write {number}, {action}");

    let second = folder.run_in(&account, &APPLY);
    // Of two keys of the same second, neither is the older one.
    account.set_clock(Utc::now() + TimeDelta::seconds(5));
    account.release();
    first.join().expect("it ends, whatever it could not do");
    assert!([Some(0), Some(5)].contains(&second.code), "{what}: {second:#?}");

    // What the secret hands out works, whatever the loser left behind, and the next runs tidy that up.
    for run in 0.. {
        let left = keys(&account, "ci").await;
        let handed_out = ledger(&account, "ci").await.0.get("AWSCURRENT").cloned();
        let serving = left.iter().find(|(key, _)| Some(key.version_id()) == handed_out);
        assert!(serving.is_some_and(|(_, active)| *active), "{what}: {left:?}, and the secret has {handed_out:?}");
        assert!(left.len() <= 2, "{what}: {left:?}");
        let next = folder.run_in(&account, &APPLY);
        if writes(&account.take_requests()).is_empty() {
            break;
        }
        assert!(run < 4, "{what}: {next:#?}");
    }
    let left = keys(&account, "ci").await;
    // A key that the loser made is stored like any other, and goes as a replaced one does.
    let labels = ledger(&account, "ci").await.0;
    for (key, active) in &left {
        assert!(
            *active && *key != old && labels.values().any(|id| *id == key.version_id()),
            "{what}: {left:?}, {labels:?}"
        );
    }
}
