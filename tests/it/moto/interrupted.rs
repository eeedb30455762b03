//! A process that is killed or interrupted in the middle of an apply.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use keyrota::inventory::KeyId;

use super::{AT_ONCE, destination, keys, ledger, manifests, prepared, store, user_with_key, value, writes};
use crate::{
    command::{Folder, Ran},
    emulator::{Fault, Request, TestAccount},
};

pub const APPLY: [&str; 2] = ["apply", "--yes"];

/// An account with one user whose key is due, and manifests that replace it in one run.
pub async fn due() -> (TestAccount, Folder, KeyId) {
    let account = prepared().await;
    let (old, _) = user_with_key(&account, "ci", 95).await;
    store(&account, "ci", &old).await;
    account.take_requests();
    (account, manifests(AT_ONCE, "\"ci\""), old)
}

/// Starts an apply, and returns once the call stands still that a fault holds.
fn started(account: &TestAccount, folder: &Folder) -> (Child, Vec<Request>) {
    let mut child = folder.command_in(account, &APPLY).spawn().expect("the binary runs");
    while !account.stands_still() {
        if let Some(status) = child.try_wait().expect("a child") {
            panic!("it ended before the call that was to be held: {status}, {:?}", account.take_requests());
        }
    }
    let requests = account.take_requests();
    (child, requests)
}

fn interrupt(child: &Child) {
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(sent.expect("a shell").success());
}

/// Runs it again, and checks that the rotation comes to its end, with one key that works and is stored.
async fn assert_converges(account: &TestAccount, folder: &Folder, old: &KeyId, what: &str) {
    let left = keys(account, "ci").await;
    assert!(left.len() <= 2 && left.iter().any(|(_, active)| *active), "{what}: {left:?}");
    account.take_requests();
    let mut ran = folder.run_in(account, &APPLY);
    let requests = account.take_requests();
    assert_eq!(ran.code, Some(0), "{what}: {ran:#?}\n{requests:#?}");
    // A key that was made and not stored may be someone's: it stays inactive for a day.
    if keys(account, "ci").await.iter().any(|(key, active)| key != old && !active) {
        let_a_day_pass(account).await;
        ran = folder.run_in(account, &APPLY).exits(0);
    }
    let after = keys(account, "ci").await;
    let [(new, true)] = &after[..] else { panic!("{what}: {after:?}\n{ran:#?}") };
    assert_ne!(new, old, "{what}: the old key is gone");
    let (labels, tags) = ledger(account, "ci").await;
    assert_eq!(labels.get("AWSCURRENT"), Some(&new.version_id()), "{what}: the key that works is handed out");
    assert_eq!((labels.get("AWSPENDING"), tags.get("keyrota:intent")), (None, None), "{what}");
    assert_eq!(value(account, "ci").await["AccessKeyId"], new.as_str(), "{what}");
    let told = account.sent_mail();
    assert!(
        told.iter().any(|mail| mail.tags["kind"] == "rotated" && mail.text.contains(new.as_str())),
        "{what}: {told:?}"
    );
    account.take_requests();
    let again = folder.run_in(account, &APPLY).exits(0);
    assert!(again.stdout.starts_with("No changes."), "{what}: {again:#?}");
    assert_eq!(writes(&account.take_requests()), [] as [&str; 0], "{what}");
}

/// The ledger as it would be if what it says of deactivations was a day and an hour older.
async fn let_a_day_pass(account: &TestAccount) {
    let (_, tags) = ledger(account, "ci").await;
    let mut older = Vec::new();
    for name in ["keyrota:deactivating", "keyrota:deactivated"] {
        let (key, at) = tags[name].split_once('@').expect("a key and a time");
        let at = at.parse::<DateTime<Utc>>().expect("RFC 3339") - TimeDelta::hours(25);
        let value = format!("{key}@{}", at.to_rfc3339_opts(SecondsFormat::Secs, true));
        older.push(aws_sdk_secretsmanager::types::Tag::builder().key(name).value(value).build());
    }
    let request = account.secrets().tag_resource().secret_id(destination("ci")).set_tags(Some(older));
    request.send().await.expect("tagged");
}

/// The process dies after each write of a rotation, and before the first: what it leaves, the next run mends.
#[tokio::test]
async fn killed_at_any_write_the_next_run_mends_it() {
    let (account, folder, old) = due().await;
    folder.run_in(&account, &APPLY).exits(0);
    let requests = account.take_requests();
    let calls: Vec<String> = writes(&requests).into_iter().map(str::to_owned).collect();
    assert_converges(&account, &folder, &old, "without an interruption").await;
    assert_eq!(calls.len(), 10, "{calls:?}");

    let mut cuts: Vec<(usize, bool)> = (0..calls.len()).map(|number| (number, true)).collect();
    cuts.push((0, false));
    let cut = async |(number, after): (usize, bool)| {
        let (account, folder, old) = due().await;
        let action = &calls[number];
        let before = calls[..number].iter().filter(|call| *call == action).count();
        let fault = Fault::hold(action).skip(u32::try_from(before).expect("a few"));
        account.add_fault(if after { fault.after_effect() } else { fault });
        let (mut child, requests) = started(&account, &folder);
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
        assert_eq!(writes(&requests), calls[..=number].iter().map(String::as_str).collect::<Vec<_>>());
        let what = format!("killed {} {action}, write {number}", if after { "after" } else { "before" });
        // An old key that was still needed still works.
        let left = keys(&account, "ci").await;
        let handed_out = ledger(&account, "ci").await.0.get("AWSCURRENT").cloned();
        let serving = left.iter().find(|(key, _)| Some(key.version_id()) == handed_out);
        assert!(serving.is_some_and(|(_, active)| *active), "{what}: clients are handed a key that does not work");
        assert_converges(&account, &folder, &old, &what).await;
    };
    for number in cuts {
        cut(number).await;
    }
}

/// On a user's first rotation there is no secret yet.
#[tokio::test]
async fn killed_while_the_first_secret_is_made_the_next_run_mends_it() {
    for action in ["CreateSecret", "CreateAccessKey", "PutSecretValue"] {
        let account = prepared().await;
        let (old, _) = user_with_key(&account, "ci", 95).await;
        let folder = manifests(AT_ONCE, "\"ci\"");
        account.add_fault(Fault::hold(action).after_effect());
        let (mut child, _) = started(&account, &folder);
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
        assert!(keys(&account, "ci").await.contains(&(old.clone(), true)), "the old key still works");
        assert_converges(&account, &folder, &old, action).await;
    }
}

/// Ctrl-C: the change under way is finished, no other is begun, and what was done is told.
#[tokio::test]
async fn interrupted_it_finishes_the_change_under_way_and_tells() {
    let (account, folder, old) = due().await;
    account.add_fault(Fault::hold("CreateAccessKey").after_effect());
    let (mut child, _) = started(&account, &folder);
    interrupt(&child);
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("Finishing the changes under way") {
        assert!(stderr.read_line(&mut said).expect("UTF-8") > 0, "it ended: {said}");
    }
    account.release();
    stderr.read_to_string(&mut said).expect("UTF-8");
    let ran = Ran::from(child.wait_with_output().expect("it ends")).exits(5);
    ran.shows(&["Applied: 1 created; 1 not finished: run it again."]);
    let requests = account.take_requests();
    assert_eq!(writes(&requests), ["PutSecretValue"], "the key was stored, and not promoted");
    let left = keys(&account, "ci").await;
    assert!(left.len() == 2 && left.iter().all(|(_, active)| *active), "{left:?}");
    assert_eq!(left[0].0, old);
    assert_converges(&account, &folder, &old, "interrupted").await;
}

#[tokio::test]
async fn interrupted_twice_it_ends_at_once() {
    let (account, folder, old) = due().await;
    account.add_fault(Fault::hold("CreateAccessKey").after_effect());
    let (mut child, _) = started(&account, &folder);
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    interrupt(&child);
    while !said.contains("Once more to stop at once") {
        assert!(stderr.read_line(&mut said).expect("UTF-8") > 0, "it ended: {said}");
    }
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_converges(&account, &folder, &old, "interrupted twice").await;
}
