//! The lifecycle: what comes next for one user. [`RULES`] is the table, in the numbering of ARCHITECTURE.md; the first
//! row that has something to say decides.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::Action,
    delivery,
    hold::after_hold,
    model::{Need, Next},
    reason::{Reason, Retirement},
    unused::{secret_of_unused, unused},
    upkeep::{replica_failed, update},
    view::{View, due_at, last_use, later, waits},
    waiting_on::{LeakObstacle, WaitingOn},
};
use crate::{
    inventory::{Destination, Elsewhere, Key, LastUse, Readers, Secret, State},
    manifest::WhenFull,
    roster::{Entry, Roster},
};

/// A deactivated key that is listed as active again so soon is a listing that lags, not a person who took it back.
const LISTINGS_LAG: TimeDelta = TimeDelta::hours(1);

/// One row of the lifecycle.
pub struct Rule {
    /// As ARCHITECTURE.md numbers it.
    pub name: &'static str,
    /// `None`: it has nothing to say of this state.
    decide: fn(&View<'_>) -> Result<Option<Next>, Need>,
}

/// The lifecycle, first match first.
pub const RULES: [Rule; 21] = [
    Rule { name: "1 obstacle", decide: obstacle },
    Rule { name: "1 place", decide: place },
    Rule { name: "1 stale secret", decide: stale_secret },
    Rule { name: "1 no keys", decide: no_keys },
    Rule { name: "2 promote", decide: promote },
    Rule { name: "3 orphan", decide: orphan },
    Rule { name: "6 reactivated", decide: reactivated },
    Rule { name: "3 interrupted", decide: interrupted },
    Rule { name: "7 nothing active", decide: nothing_active },
    Rule { name: "5 deliver", decide: delivery::deliver },
    Rule { name: "4 unused", decide: unused },
    Rule { name: "4 reissue", decide: reissue },
    Rule { name: "4 update", decide: update },
    Rule { name: "4 due", decide: due },
    Rule { name: "5 notify", decide: notify },
    Rule { name: "6 superseded", decide: superseded },
    Rule { name: "6 replaced by hand", decide: replaced_by_hand },
    Rule { name: "7 delete", decide: delete_after_hold },
    Rule { name: "8 replica failed", decide: replica_failed },
    Rule { name: "8 secret of an unused key", decide: secret_of_unused },
    Rule { name: "8 settled", decide: settled },
];

/// What comes next with the ledger that the state leads with, and the row of [`RULES`] that says so.
pub(super) fn decide(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> (&'static str, Next) {
    let view = View::new(roster, entry, state, now);
    for Rule { name, decide } in &RULES {
        let next = match decide(&view) {
            Ok(None) => continue,
            // What a place may hold is not ended before it took the key that is handed out.
            Ok(Some(next)) => confirmed(&view, delivery::kept(&view, &next).unwrap_or(next)),
            Err(need) => Next::Need(need),
        };
        return (name, next);
    }
    unreachable!("the last rule always has something to say")
}

/// What comes next, or what must be read before it is certain.
fn confirmed(view: &View<'_>, next: Next) -> Next {
    match next {
        // What ListSecrets says may be five minutes old: nothing is done, and nobody called, on its word.
        Next::Change(action, _) if !view.is_enough_for(&action) => Next::Need(Need::Ledger),
        // A secret that was there before may be one that others read.
        Next::Change(Action::Create { .. }, _)
            if view.secret.is_some_and(|secret| secret.readers == Readers::Unread) =>
        {
            Next::Need(Need::ResourcePolicy(view.state.ledger.secret.clone()))
        }
        Next::Wait { wait, .. } if wait.is_blocked() && !view.is_confirmed() => Next::Need(Need::Ledger),
        next => next,
    }
}

/// A person must mend the place where the credential goes, or name someone to tell.
fn obstacle(view: &View<'_>) -> Result<Option<Next>, Need> {
    if view.state.keys.is_empty() {
        return Ok(None);
    }
    if let Some(conflict) = &view.entry.conflict {
        return Ok(Some(Next::Wait { key: None, wait: conflict.into(), until: None }));
    }
    if let Elsewhere::Several(secrets) = &view.state.elsewhere {
        let (secret, others) = (view.entry.secret.clone(), secrets.clone());
        // Where nothing can be noted, the owner would be told by every run.
        let leaked = view.state.keys.iter().find(|key| view.is_leaked(key)).map(|key| key.id.clone());
        let current = view.pair().filter(|_| view.state.ledger.destination.own().is_some());
        let key = current.map(|(current, _)| leaked.clone().unwrap_or_else(|| current.id.clone()));
        return Ok(Some(Next::Wait { key, wait: WaitingOn::SeveralSecrets { secret, others, leaked }, until: None }));
    }
    let secret = || view.state.ledger.secret.clone();
    let wait = match &view.state.ledger.destination {
        Destination::Foreign => Some(WaitingOn::ForeignSecret { secret: secret() }),
        Destination::BeingDeleted => Some(WaitingOn::SecretBeingDeleted { secret: secret() }),
        Destination::Replica { primary } => {
            Some(WaitingOn::ReplicaSecret { secret: secret(), primary: primary.clone() })
        }
        Destination::Own(Secret { readers: Readers::Outside(to), .. }) => {
            Some(WaitingOn::ExposedSecret { secret: secret(), to: to.clone() })
        }
        Destination::Absent | Destination::Own(_) => {
            let nobody = view.entry.recipients.is_empty() && view.roster.mail.fallback.is_empty();
            let wait = || WaitingOn::NoRecipient {
                user: view.entry.user.name.clone(),
                without: view.entry.without_address.clone(),
            };
            (nobody && !view.entry.tell_nobody()).then(wait)
        }
    };
    Ok(wait.map(|wait| Next::Wait { key: None, wait, until: None }))
}

/// A person must mend a place of delivery, or take it off the list. What is handed out already goes to the others all the same, and
/// its owner hears of it; nothing begins, and nothing ends.
fn place(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some(wait) = delivery::obstacle(view)? else { return Ok(None) };
    for goes_on in [promote, delivery::deliver] {
        if goes_on(view)?.is_some() {
            return Ok(None);
        }
    }
    for begins in [unused, reissue, update, due] {
        if begins(view)?.is_some() {
            return Ok(Some(wait));
        }
    }
    Ok(notify(view)?.is_none().then_some(wait))
}

/// What clients are handed out does not work, and nothing is under way that would mend it. A reissue is: someone asked for
/// a new key. What went because nobody used it went on purpose.
fn stale_secret(view: &View<'_>) -> Result<Option<Next>, Need> {
    if view.retired_for_good().is_some() {
        return Ok(None);
    }
    let Some(key) = view.handed_out.clone().filter(|_| view.hands_out_itself) else { return Ok(None) };
    let held = view.state.key(&key);
    let is_mended = view.pending().is_some() || view.state.keys.iter().any(|key| view.is_leaked(key));
    if held.is_some_and(Key::is_active) || is_mended {
        return Ok(None);
    }
    let (exists, other_works) = (held.is_some(), view.current().is_some());
    let wait =
        WaitingOn::StaleSecret { secret: view.state.ledger.secret.clone(), key: key.clone(), exists, other_works };
    Ok(Some(Next::Wait { key: Some(key), wait, until: None }))
}

/// Users without keys get none.
fn no_keys(view: &View<'_>) -> Result<Option<Next>, Need> {
    match view.state.keys.is_empty() {
        true => Ok(Some(secret_of_unused(view)?.unwrap_or(Next::Settled { next_rotation: None }))),
        false => Ok(None),
    }
}

/// A key is stored and works, but is not handed out yet.
fn promote(view: &View<'_>) -> Result<Option<Next>, Need> {
    let promotion = |key: &Key| {
        let from = view.current_version().map(|version| version.id.clone());
        Next::Change(Action::Promote { key: key.id.clone(), from }, Reason::Stored)
    };
    Ok(view.pending().map(promotion))
}

/// A creation was cut short between `CreateAccessKey` and `PutSecretValue`. What looks like the key that it left may be
/// someone's all the same: it is deactivated, and deleted no sooner than after the hold.
fn orphan(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some(intent) = view.intent() else { return Ok(None) };
    let mut candidates = Vec::new();
    for key in &view.state.keys {
        if view.may_be_orphan(key) && view.deactivated_at(key).is_none() && last_use(key)?.is_none() {
            candidates.push(key);
        }
    }
    let wait = |key: &Key, wait| Next::Wait { key: Some(key.id.clone()), wait, until: None };
    Ok(match candidates[..] {
        [] => None,
        [key] if view.others_work(key) => Some(view.deactivate(key, Reason::Orphan { intent })),
        [key] if !key.is_active() => None,
        [key] => Some(wait(key, WaitingOn::OrphanIsOnlyKey)),
        [key, ..] => Some(wait(key, WaitingOn::AmbiguousOrphan)),
    })
}

/// Someone took a deactivation back: nothing else may touch the user.
fn reactivated(view: &View<'_>) -> Result<Option<Next>, Need> {
    let taken_back = view.state.keys.iter().find_map(|key| {
        let since = view.deactivated_at(key).filter(|_| key.is_active())?;
        Some((key, since))
    });
    let Some((key, since)) = taken_back else { return Ok(None) };
    let lag = later(since, LISTINGS_LAG);
    if lag > view.now {
        return Ok(Some(waits(key, WaitingOn::JustDeactivated { since }, lag)));
    }
    Ok(Some(Next::Wait { key: Some(key.id.clone()), wait: WaitingOn::Reactivated { since }, until: None }))
}

/// A deactivation was cut short after `UpdateAccessKey`: it is repeated, so that the ledger knows of it and the hold
/// begins.
fn interrupted(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some(started) = view.secret.and_then(|secret| secret.deactivating.as_ref()) else { return Ok(None) };
    let key = view.state.key(&started.key).filter(|key| !key.is_active() && view.deactivated_at(key).is_none());
    let may_go = |key: &&Key| view.others_work(key) || view.may_go_unused(&key.id);
    Ok(key.filter(may_go).map(|key| view.deactivate(key, Reason::Interrupted)))
}

/// An inactive key never causes a new one.
fn nothing_active(view: &View<'_>) -> Result<Option<Next>, Need> {
    if view.current().is_some() {
        return Ok(None);
    }
    match view.state.keys.iter().find(|key| view.deactivated_at(key).is_some()) {
        Some(key) => after_hold(view, key).map(Some),
        None => Ok(Some(secret_of_unused(view)?.unwrap_or(Next::Settled { next_rotation: None }))),
    }
}

/// A key was created before `reissue-before`, and works: it waits for nothing that its rule sets to `0d`.
fn reissue(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some((current, other)) = view.pair() else { return Ok(None) };
    if !view.is_leaked(current) {
        // The leaked key of two is the older one. Beside a stored key it is superseded like any other.
        return match other.filter(|other| view.is_leaked(other) && !view.is_stored(current)) {
            Some(other) => stop_leaked(view, other, current).map(Some),
            None => Ok(None),
        };
    }
    let Some(other) = other else { return Ok(Some(view.create(current))) };
    if !other.is_active() {
        return free_place(view, current, other).map(Some);
    }
    if view.is_rotating(current, other) {
        return Ok(None);
    }
    let leaving = if view.is_stored(current) { other } else { view.leaving(current, other)? };
    // Whatever `quiet` says: what works and did not leak is not taken for a leak elsewhere.
    if !view.is_leaked(leaving) && (view.is_in_use(leaving)? || view.is_used(leaving)?) {
        let obstacle = LeakObstacle::OtherInUse { other: leaving.id.clone() };
        return Ok(Some(leak(view, current, obstacle, None)));
    }
    let patience = view.is_leaked(leaving).then_some(view.policy.patience.value);
    retire_announced(view, leaving, Retirement::MakesRoom, patience).map(Some)
}

/// The older of two keys is leaked, and the newer one was made by hand. It goes once the newer one is seen to work.
fn stop_leaked(view: &View<'_>, leaked: &Key, replacement: &Key) -> Result<Next, Need> {
    if !view.is_used(replacement)? {
        return Ok(leak(view, leaked, LeakObstacle::ReplacementUnused { other: replacement.id.clone() }, None));
    }
    retire_announced(view, leaked, Retirement::Leaked, Some(view.policy.patience.value))
}

/// The place that a reissue needs is held by an inactive key. One that is leaked itself goes at once where the rule gives clients no time
/// either; any other is kept as long as its owner was promised. The leaked key, which works meanwhile, is named.
fn free_place(view: &View<'_>, leaked: &Key, inactive: &Key) -> Result<Next, Need> {
    let asks_for_no_time = view.policy.overlap.value.is_zero() && view.policy.quiet.value.is_zero();
    if asks_for_no_time && view.is_reissued(inactive) && !view.may_be_orphan(inactive) {
        return Ok(view.delete(inactive, Reason::FreesPlace { leaked: leaked.id.clone() }));
    }
    Ok(match after_hold(view, inactive)? {
        Next::Wait { until, .. } => leak(view, leaked, LeakObstacle::OtherInHold { other: inactive.id.clone() }, until),
        next => next,
    })
}

fn leak(view: &View<'_>, leaked: &Key, obstacle: LeakObstacle, until: Option<DateTime<Utc>>) -> Next {
    debug_assert!(view.is_leaked(leaked), "only a leaked key is called so");
    let wait = WaitingOn::LeakedKey { leaked: leaked.id.clone(), obstacle };
    Next::Wait { key: Some(leaked.id.clone()), wait, until }
}

/// The current key is due.
fn due(view: &View<'_>) -> Result<Option<Next>, Need> {
    let is_due = |current: &Key| view.is_due(current) || view.moved_from(current).is_some();
    let Some((current, other)) = view.pair().filter(|(current, _)| is_due(current)) else { return Ok(None) };
    let Some(other) = other else { return Ok(Some(view.create(current))) };
    if !other.is_active() {
        return after_hold(view, other).map(Some);
    }
    if view.is_rotating(current, other) {
        // A rotation is under way: the old key goes first, as its owner was promised.
        return Ok(None);
    }
    // What the secret hands out never makes room; of two keys that are in no ledger one does.
    let is_stored = view.is_stored(current);
    let leaving = if is_stored { other } else { view.leaving(current, other)? };
    let patience = match view.policy.when_full.value {
        WhenFull::Block => None,
        WhenFull::RetireOldest => Some(view.policy.patience.value),
    };
    if patience.is_none() && view.is_in_use(leaving)? {
        let wait = WaitingOn::TwoKeysInUse { move_off: leaving.id.clone(), is_by_hand: is_stored };
        return Ok(Some(Next::Wait { key: Some(leaving.id.clone()), wait, until: None }));
    }
    retire_announced(view, leaving, Retirement::MakesRoom, patience).map(Some)
}

/// Retires a key that nothing of keyrota's replaced: its owner is told, has the overlap, and loses it when it is not in
/// use, or when `patience` is over where there is any.
fn retire_announced(view: &View<'_>, key: &Key, why: Retirement, patience: Option<TimeDelta>) -> Result<Next, Need> {
    let last_used = last_use(key)?;
    let overlap = view.policy.overlap.value;
    let Some(announced) = view.announced_at(key) else {
        return Ok(view.announce(key, why, last_used, patience));
    };
    let overlap_ends = later(announced, overlap);
    if !view.is_over(announced, overlap) {
        return Ok(waits(key, WaitingOn::Announced { why }, overlap_ends));
    }
    if view.is_in_use(key)?
        && let Some(patience) = patience
    {
        if !view.is_over(overlap_ends, patience) {
            let last_used = last_used.unwrap_or(key.created);
            return Ok(waits(key, WaitingOn::StillInUse { last_used }, later(overlap_ends, patience)));
        }
        return Ok(view.deactivate(key, Reason::PatienceOver { last_used }));
    }
    let reason = match (why, view.policy.reissue_before.value) {
        (Retirement::Leaked, Some(before)) => Reason::Leaked { before },
        (Retirement::OverAge, _) => Reason::OverAge { last_used },
        (Retirement::MakesRoom | Retirement::Leaked | Retirement::Unused, _) => Reason::MakesRoom { last_used },
    };
    Ok(view.deactivate(key, reason))
}

/// The owner does not know of the key that is handed out.
fn notify(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some((current, other)) = view.pair() else { return Ok(None) };
    let is_ours = view.is_stored(current) && view.hands_out_itself;
    Ok((is_ours && !view.is_told(current)).then(|| view.notify(current, other, delivery::told(view))))
}

/// An older key beside the one that the secret hands out.
fn superseded(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some((current, Some(other))) = view.pair() else { return Ok(None) };
    if !other.is_active() || !view.is_rotating(current, other) {
        return Ok(None);
    }
    let (overlap, patience) = (view.policy.overlap.value, view.policy.patience.value);
    let issued = view.issued(current);
    let overlap_ends = later(issued, overlap);
    if !view.is_over(issued, overlap) {
        // Nobody is asked before the overlap ends; where the last use is known all the same, the date is no earlier.
        let idle = last_use(other).ok().flatten().map(|used| later(used, view.policy.quiet.value));
        let until = idle.map_or(overlap_ends, |idle| idle.clamp(overlap_ends, later(overlap_ends, patience)));
        return Ok(Some(waits(other, WaitingOn::InOverlap, until)));
    }
    // Where nothing counts as in use, nobody asks.
    let is_unasked = view.policy.quiet.value.is_zero() && other.last_use == LastUse::Unread;
    let last_used = if is_unasked { None } else { last_use(other)? };
    if let Some(time) = last_used.filter(|time| view.is_recent(*time) && !view.is_over(overlap_ends, patience)) {
        return Ok(Some(waits(other, WaitingOn::StillInUse { last_used: time }, later(overlap_ends, patience))));
    }
    // A replica that failed hands out what it had: the old key. A leak is stopped all the same.
    if !view.is_leaked(other)
        && let Some(wait) = replica_failed(view)?
    {
        return Ok(Some(wait));
    }
    Ok(Some(match last_used {
        Some(time) if view.is_recent(time) => view.deactivate(other, Reason::PatienceOver { last_used }),
        _ if is_unasked => view.deactivate(other, Reason::Replaced),
        _ => view.deactivate(other, Reason::Superseded { last_used }),
    }))
}

/// An older key that is over age, beside a newer one that was made by hand.
fn replaced_by_hand(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some((current, Some(other))) = view.pair() else { return Ok(None) };
    if !other.is_active() || view.is_stored(current) {
        return Ok(None);
    }
    if !view.is_due(other) {
        let next_rotation = Some(due_at(other, view.policy).min(due_at(current, view.policy)));
        return Ok(Some(Next::Settled { next_rotation }));
    }
    if !view.is_in_use(other)? {
        return retire_announced(view, other, Retirement::OverAge, None).map(Some);
    }
    // Its clients could move since there is something to move to.
    let since = due_at(other, view.policy).max(current.created);
    let last_used = last_use(other)?.unwrap_or(other.created);
    let replacement = current.id.clone();
    let patience = view.policy.patience.value;
    Ok(Some(match view.is_over(since, patience) {
        false => waits(other, WaitingOn::Overdue { last_used, replacement }, later(since, patience)),
        true => {
            let wait = WaitingOn::OverdueInUse { last_used, replacement };
            Next::Wait { key: Some(other.id.clone()), wait, until: None }
        }
    }))
}

/// An inactive key that keyrota deactivated.
fn delete_after_hold(view: &View<'_>) -> Result<Option<Next>, Need> {
    let Some((_, Some(other))) = view.pair() else { return Ok(None) };
    match view.deactivated_at(other).filter(|_| !other.is_active()) {
        Some(_) => after_hold(view, other).map(Some),
        None => Ok(None),
    }
}

fn settled(view: &View<'_>) -> Result<Option<Next>, Need> {
    Ok(Some(Next::Settled { next_rotation: view.current().map(|current| due_at(current, view.policy)) }))
}
