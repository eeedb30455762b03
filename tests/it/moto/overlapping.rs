//! Two runs at the same time, as without reserved concurrency, or with a person beside the function: nothing is lost,
//! whichever call the one stands still at while the other runs from its beginning to its end.

use chrono::{TimeDelta, Utc};

use super::{
    interrupted::{APPLY, due, started},
    keys, ledger, writes,
};
use crate::emulator::Fault;

// A test for each call, since the loser waits for a key that the winner took away: they wait at the same time.

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

/// The first of two runs stands still at its first call of this action.
async fn loses_nothing_at(action: &str) {
    let (account, folder, _) = due().await;
    folder.run_in(&account, &APPLY).exits(0);
    let calls: Vec<String> = writes(&account.take_requests()).into_iter().map(str::to_owned).collect();
    let number = calls.iter().position(|call| call == action).unwrap_or_else(|| panic!("{action}: {calls:?}"));
    let (account, folder, old) = due().await;
    let before = calls[..number].iter().filter(|call| call.as_str() == action).count();
    account.add_fault(Fault::hold(action).skip(u32::try_from(before).expect("a few")));
    let (mut first, _) = started(&account, &folder);
    let what = format!("write {number}, {action}");

    let second = folder.run_in(&account, &APPLY);
    // Of two keys of the same second, neither is the older one.
    account.set_clock(Utc::now() + TimeDelta::seconds(5));
    account.release();
    let first = first.wait().expect("it ends");
    for code in [first.code(), second.code] {
        assert!([Some(0), Some(5)].contains(&code), "{what}: {first:?}, {second:#?}");
    }

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
