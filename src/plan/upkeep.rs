//! What the manifest says of the user's secret and not of its keys: which KMS key encrypts it, and where it is replicated
//! to. Nothing is ever taken away: a replica that the manifest does not name stays, and a secret whose manifest names no KMS
//! key keeps the one it has.

use std::sync::Arc;

use chrono::NaiveTime;

use super::{
    action::{Action, SecretUpdate},
    kms_key::{KmsKeyChange, Likeness, compare, note},
    model::{Need, Next},
    reason::Reason,
    view::View,
    waiting_on::WaitingOn,
    warning::Warning,
};
use crate::inventory::{Elsewhere, Key, KeyId, Known, Replica, State};

/// The secret is not as the manifest says. Comes before a new key is stored in it, and waits while a key works that is to be
/// reissued: the answer to a leak comes first.
pub(super) fn update(view: &View<'_>) -> Result<Option<Next>, Need> {
    if view.state.keys.iter().any(|key| view.is_leaked(key)) {
        return Ok(None);
    }
    let Some(replicas) = replicas(view)? else { return Ok(None) };
    let is_missing = |region: &&String| !replicas.iter().any(|replica| replica.region == **region);
    let replicate_to: Vec<String> = view.replicate_to().filter(is_missing).cloned().collect();
    let kms_key = kms_key(view);
    if kms_key.is_none() && replicate_to.is_empty() {
        return Ok(None);
    }
    let reason = Reason::SecretDiffers { kms_key: kms_key.clone(), replicate_to: replicate_to.clone() };
    let update = SecretUpdate { kms_key, replicate_to, replica_kms_key: view.policy.kms_key.value.clone() };
    Ok(Some(Next::Change(Action::Update(Box::new(update)), reason)))
}

/// Everything else is as it should be, and a replica is not: only a person can mend that.
pub(super) fn replica_failed(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some(replicas) = replicas(view)? else { return Ok(None) };
    Ok(failed(view, replicas).map(|(region, why)| {
        let secret = view.state.ledger.secret.clone();
        let (region, why) = (region.to_owned(), why.to_owned());
        // No key waits for it: its owner can do nothing about it, and hears nothing.
        Next::Wait { key: None, wait: WaitingOn::ReplicaFailed { secret, region, why }, until: None }
    }))
}

/// What whoever runs keyrota should know of the secrets of a user.
pub(super) fn warnings(view: &View<'_>, next: &Next) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (account, user) = (view.roster.account.clone(), view.entry.user.name.clone());
    let who = || (Arc::new(account.clone()), user.clone());
    let has_key = view.state.keys.iter().any(Key::is_active);
    if let Some(sign) = view.entry.user.smtp.sign().filter(|_| has_key && !view.policy.smtp.value) {
        let (account, user) = who();
        warnings.push(Warning::SmtpPassword { account, user, sign: sign.to_owned() });
    }
    if let Some(Key { id, created, .. }) = skipped_by_reissue(view) {
        let (account, user) = who();
        warnings.push(Warning::ReissueSkips { account, user, key: id.clone(), created: *created });
    }
    if let Some(key) = leaked_unsaid(view, next) {
        let (account, user) = who();
        warnings.push(Warning::LeakedWorks { account, user, key: key.id.clone() });
    }
    if let Ok(Some(replicas)) = replicas(view) {
        let secret = &view.state.ledger.secret;
        let is_blocked = matches!(next, Next::Wait { wait: WaitingOn::ReplicaFailed { .. }, .. });
        if let Some((region, why)) = failed(view, replicas).filter(|_| !is_blocked) {
            let (account, user) = who();
            let (secret, region, why) = (secret.clone(), region.to_owned(), why.to_owned());
            warnings.push(Warning::ReplicaFailed { account, user, secret, region, why });
        }
        let is_extra = |replica: &&Replica| !view.replicate_to().any(|region| *region == replica.region);
        let regions: Vec<String> = replicas.iter().filter(is_extra).map(|replica| replica.region.clone()).collect();
        if !regions.is_empty() {
            let (account, user) = who();
            warnings.push(Warning::ExtraReplicas { account, user, secret: secret.clone(), regions });
        }
    }
    let Elsewhere::MovedFrom(former) = &view.state.elsewhere else { return warnings };
    for ledger in former {
        // Before the move that is no leftover, but what clients read.
        let is_left = |key: &KeyId| view.hands_out_itself && view.handed_out.as_ref() != Some(key);
        let Some(key) = ledger.handed_out().filter(is_left) else { continue };
        let works = view.state.key(&key).is_some_and(Key::is_active);
        let ((account, user), secret, to) = (who(), ledger.secret.clone(), view.state.ledger.secret.clone());
        warnings.push(Warning::SecretLeft { account, user, secret, to, key, works });
    }
    warnings
}

/// The last key of the day that `reissue-before` names, where nothing is replaced by it: whoever wrote the day may have meant that key,
/// too. Beside a key that is, it is the new one.
fn skipped_by_reissue<'a>(view: &View<'a>) -> Option<&'a Key> {
    let before = view.policy.reissue_before.value?;
    let is_of_that_day = |key: &&Key| key.created.date_naive() == before.date_naive();
    let keys = &view.state.keys;
    let is_meant = before.time() == NaiveTime::MIN && keys.iter().all(|key| key.created >= before);
    keys.iter().filter(|key| key.is_active()).filter(is_of_that_day).max_by_key(|key| key.created).filter(|_| is_meant)
}

/// A key that is to be reissued and works, where what the user waits for is about another.
fn leaked_unsaid<'a>(view: &View<'a>, next: &Next) -> Option<&'a Key> {
    let Next::Wait { key, wait, .. } = next else { return None };
    let says_it = wait.is_exempt()
        || matches!(wait, WaitingOn::LeakedKey { .. } | WaitingOn::SeveralSecrets { leaked: Some(_), .. });
    view.state.keys.iter().find(|held| !says_it && key.as_ref() != Some(&held.id) && view.is_leaked(held))
}

/// Where the secret is replicated to; `None` where that is none of keyrota's concern: there is no secret, or it is to be left.
fn replicas<'a>(view: &View<'a>) -> Result<Option<&'a [Replica]>, Need> {
    let Some(secret) = view.secret.filter(|_| !is_to_be_left(view.state)) else { return Ok(None) };
    match &secret.replicas {
        Some(replicas) => Ok(Some(replicas)),
        None if view.replicate_to().next().is_some() && view.state.ledger.known != Known::Described => {
            Err(Need::Ledger)
        }
        None => Ok(Some(&[])),
    }
}

fn failed<'a>(view: &View<'_>, replicas: &'a [Replica]) -> Option<(&'a str, &'a str)> {
    let wanted = |replica: &&Replica| view.replicate_to().any(|region| *region == replica.region);
    replicas.iter().filter(wanted).find_map(|replica| Some((replica.region.as_str(), replica.failed.as_deref()?)))
}

/// How the KMS key differs from what the manifest names, if it names one.
fn kms_key(view: &View<'_>) -> Option<KmsKeyChange> {
    let (wanted, secret) = (view.policy.kms_key.value.as_ref()?, view.secret?);
    let reported = secret.kms_key.as_deref();
    let is_right = match compare(wanted, reported, &view.roster.account) {
        Likeness::Same => true,
        Likeness::Other => false,
        Likeness::Unknown => secret.kms_key_note.as_deref() == Some(note(wanted, reported).as_str()),
    };
    (!is_right).then(|| KmsKeyChange { from: secret.kms_key.clone(), to: wanted.clone() })
}

fn is_to_be_left(state: &State) -> bool {
    matches!(state.elsewhere, Elsewhere::MovesTo(_))
}
