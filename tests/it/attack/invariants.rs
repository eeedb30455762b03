//! What must be true after every call, and of what a run says of itself.

use chrono::{DateTime, TimeDelta, Utc};
use keyrota::{
    apply::{Applied, Outcome},
    inventory::KeyId,
    plan::{Action, KmsKeyChange},
};

use crate::emulator::{Request, SentMail, State, WatchedKey};

/// Whether a call can have an effect.
pub fn is_write(action: &str) -> bool {
    !["Get", "List", "Describe", "Assume"].iter().any(|read| action.starts_with(read))
}

/// The last state that was seen.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    state: Option<State>,
}

impl Watched {
    /// Looks at the state after a call; yields what it must never be.
    pub fn see(&mut self, request: &Request) -> Vec<String> {
        let Some(after) = &request.state else { return Vec::new() };
        let before = self.state.replace(after.clone());
        let mut wrong = Vec::new();
        let mut check = |is_fine: bool, what: &str| {
            if !is_fine {
                wrong.push(format!("{what}, after {}", request.action));
            }
        };
        check(after.keys.len() <= 2, "three keys");
        let Some(before) = before else { return wrong };
        check(!works(&before) || works(after), "no working key is left");
        for key in before.keys.iter().filter(|key| key.active) {
            match after.keys.iter().find(|left| left.id == key.id) {
                None => check(false, "a working key was deleted"),
                Some(left) if !left.active => {
                    check(
                        is_told_of(&before, key),
                        "a key was deactivated before its owner was told of another that works",
                    );
                }
                Some(_) => {}
            }
        }
        // Nobody but keyrota does anything in these lives.
        check(
            handed_out(after).is_none_or(|key| key.active) || !hands_out(after),
            "what the secret hands out does not work",
        );
        wrong
    }
}

fn works(state: &State) -> bool {
    state.keys.iter().any(|key| key.active)
}

fn hands_out(state: &State) -> bool {
    state.labels.get("AWSCURRENT").and_then(|version| KeyId::of_version(version)).is_some()
}

/// The key that the secret hands out; `None` as well if that is gone.
fn handed_out(state: &State) -> Option<&WatchedKey> {
    let id = KeyId::of_version(state.labels.get("AWSCURRENT")?)?;
    state.keys.iter().find(|key| key.id == id.as_str())
}

/// Whether the owner has another key that works, is handed out and was announced; or nobody can have this one, because
/// it is in no version and was made while a creation was under way.
fn is_told_of(state: &State, stopped: &WatchedKey) -> bool {
    let is_stored = state.values.contains_key(&KeyId::new(&stopped.id).version_id());
    let intent = state.tags.get("keyrota:intent").and_then(|time| time.parse::<DateTime<Utc>>().ok());
    let is_orphan =
        intent.is_some_and(|intent| (stopped.created - intent).abs() <= TimeDelta::minutes(15)) && !is_stored;
    let is_announced = handed_out(state)
        .is_some_and(|key| key.active && key.id != stopped.id && state.tags.get("keyrota:notified") == Some(&key.id));
    is_orphan || is_announced
}

/// What a run claims, held against what is.
pub fn lies(applied: &Applied, state: &State, mail: &[SentMail]) -> Vec<String> {
    let mut lies = Vec::new();
    for Outcome { change, result, issued, .. } in &applied.outcomes {
        if result.is_err() {
            continue;
        }
        let active = |id: &KeyId| state.keys.iter().any(|key| key.id == id.as_str() && key.active);
        let exists = |id: &KeyId| state.keys.iter().any(|key| key.id == id.as_str());
        let is_true = match (&change.action, issued) {
            (Action::Create { .. }, Some(key)) => state.values.contains_key(&key.version_id()),
            (Action::Create { .. }, None) => false,
            (Action::Promote { key, .. }, _) => {
                state.labels.get("AWSCURRENT") == Some(&key.version_id()) && active(key)
            }
            // No life of these delivers.
            (Action::Deliver(_), _) => false,
            (Action::Notify { key, .. }, _) => mail.iter().any(|mail| mail.text.contains(key.as_str())),
            (Action::Deactivate { key, .. }, _) => !active(key),
            (Action::Delete { key, .. }, _) => !exists(key),
            (Action::Update(update), _) => {
                let is_set = |key: &KmsKeyChange| state.kms_key.as_deref() == Some(key.to.as_str());
                update.kms_key.iter().all(is_set) && update.replicate_to.iter().all(|to| state.replicas.contains(to))
            }
        };
        if !is_true {
            lies.push(format!("{} is said to be done, and is not", change.action.verb()));
        }
    }
    for mail in mail {
        let gone = |id: &str| !state.keys.iter().any(|key| key.id == id);
        let about = state.keys.iter().filter(|key| mail.text.contains(&key.id));
        match mail.tags.get("kind").map(String::as_str) {
            Some("deactivated") if about.clone().any(|key| key.active) && !about.clone().any(|key| !key.active) => {
                lies.push("the owner was told that a key stopped, and it works".to_owned());
            }
            Some("deleted") if about.clone().any(|key| !gone(&key.id) && key.active) && about.count() > 1 => {
                lies.push("the owner was told that a key is gone, and it is not".to_owned());
            }
            _ => {}
        }
    }
    lies
}

/// How a life must end: one key that works and that the secret hands out, nothing under way, and the secret as it is to be.
pub fn unfinished(state: &State, kms_key: Option<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |is_fine: bool, what: &str| {
        if !is_fine {
            wrong.push(format!("at the end {what}"));
        }
    };
    check(matches!(&state.keys[..], [key] if key.active), "there is not one key that works");
    check(handed_out(state).is_some_and(|key| key.active), "the secret hands out no key that works");
    let value = state.labels.get("AWSCURRENT").and_then(|version| state.values.get(version)).cloned().flatten();
    let is_whole = |key: &WatchedKey| {
        value
            .as_ref()
            .is_some_and(|value| value.contains(&key.id) && value.contains(&serde_json::json!(key.secret).to_string()))
    };
    check(state.keys.first().is_some_and(is_whole), "the secret does not hold the key");
    // The label stays where it is when its version is handed out, and a tag that is over is emptied.
    let pending = state.labels.get("AWSPENDING").filter(|pending| Some(*pending) != state.labels.get("AWSCURRENT"));
    check(pending.is_none(), "a key is pending");
    check(state.tags.get("keyrota:intent").is_none_or(String::is_empty), "a creation is under way");
    if kms_key.is_some() {
        check(state.kms_key.as_deref() == kms_key, "the secret has another KMS key");
        check(state.replicas == ["eu-central-1"], "the secret has not the replica that it is to have");
    }
    wrong
}
