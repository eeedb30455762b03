//! Tells people, by mail and by channels: *rotated* within a rotation, everything else after a run. What is told to whom comes
//! from the planner.
//!
//! Each recipient gets a message of their own, so that a refused address costs no other its mail.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::{
    apply::{Applied, Conditions, Outcome, Sent, write_ledger},
    cloud::Writes,
    inventory::{Account, CallError, Destination, ErrorKind, Fact, KeyId, Reminder, State, tags},
    mail::{Delivery, Outbox, of_notice, reason, unsent},
    manifest::Mail,
    notice::{Kind, Sender},
    observe::{AccountView, fetch},
    plan::{
        self, Action, Need, Next, Notice, Origin, Plan, Reason, Topic, Verb, Waiting, WaitingOn, batches, due_notices,
        next_observed, placed, rest,
    },
    report::unread::causes,
    roster::Roster,
    template::content::{AccountDigest, Content, Digest},
};

/// Mails sent at the same time. SES takes 14 a second from most accounts, and one from a new one.
const CONCURRENCY: usize = 4;

/// Ledgers that are looked at or written at the same time. How fast their calls go out is up to the cloud.
const NOTED_AT_A_TIME: usize = 32;

/// Tells owners what they should know after a run, notes it in their ledgers, and sends the digest. `is_enforcing` says
/// that a run without changes is worth a digest if something is blocked: daily runs must not repeat it daily.
///
/// What was sent, and what failed, is added to `applied`.
pub async fn notify(
    accounts: &[AccountView<'_, dyn Writes>],
    plan: &Plan,
    applied: &mut Applied,
    mail: &Mail,
    is_enforcing: bool,
    conditions: &Conditions<'_>,
) {
    let notifier = Notifier { accounts, mail, sender: mail.sender(), conditions };
    let (due, mut unread) = notifier.due(applied).await;
    applied.mail.append(&mut unread);
    let (due, mut refused) = notifier.notable(due, applied).await;
    applied.mail.append(&mut refused);
    let mut sent = notifier.send_all(&due, applied).await;
    applied.mail.append(&mut sent);
    notifier.digest(plan, applied, is_enforcing).await;
}

/// What sending needs all the time.
struct Notifier<'a> {
    accounts: &'a [AccountView<'a, dyn Writes>],
    mail: &'a Mail,
    /// `None` where nobody is told by mail.
    sender: Option<Sender>,
    conditions: &'a Conditions<'a>,
}

impl Notifier<'_> {
    /// What is to be told, by ledgers that were described: `ListSecrets` may lag behind what the run before noted. Beside
    /// it, what can't be told now, because that failed.
    async fn due(&self, applied: &mut Applied) -> (Vec<Notice>, Vec<Sent>) {
        let doubtful: Vec<_> = self.notices(applied).into_iter().filter(|notice| !notice.confirmed).collect();
        let users: BTreeSet<_> = doubtful.iter().map(|one| (&one.account, &one.user)).collect();
        let described = stream::iter(users)
            .map(|(account, user)| async move {
                let AccountView { cloud, roster, inventory } = self.account(account)?;
                let entry = roster.entries.iter().find(|entry| entry.user.name == *user)?;
                let mut state = inventory.users.get(user)?.clone().ok()?;
                let described = fetch(*cloud, entry, &mut state, Need::Ledger).await;
                Some(((account.id.clone(), user.clone()), described.map(|()| state)))
            })
            .buffered(NOTED_AT_A_TIME)
            .collect::<Vec<_>>()
            .await;
        let mut unread = Vec::new();
        for ((account, user), described) in described.into_iter().flatten() {
            match described {
                Ok(state) => {
                    applied.after.insert((account, user), state);
                }
                // The next run tells them.
                Err(error) => {
                    let of_user = |one: &&Notice| one.account.id == account && one.user == user;
                    unread.extend(doubtful.iter().filter(of_user).map(|notice| Sent {
                        kind: notice.kind,
                        to: notice.recipients.join(", "),
                        users: vec![user.clone()],
                        result: Err(error.clone()),
                        notes: Vec::new(),
                    }));
                }
            }
        }
        (self.notices(applied).into_iter().filter(|notice| notice.confirmed).collect(), unread)
    }

    /// Those of which it can be noted that their owner was told; and what became of the others. Whoever may not note it
    /// tells nobody, or owners would be told by every run.
    async fn notable(&self, due: Vec<Notice>, applied: &Applied) -> (Vec<Notice>, Vec<Sent>) {
        let tags = |outcome: &&Outcome| {
            let tags = match &outcome.change.action {
                Action::Create { .. } | Action::Deliver(_) | Action::Notify { .. } | Action::Deactivate { .. } => true,
                Action::Delete { clear, .. } => *clear,
                Action::Promote { .. } | Action::Update(_) => false,
            };
            outcome.result.is_ok() && tags
        };
        let tagged: BTreeSet<(&str, &str)> = applied
            .outcomes
            .iter()
            .filter(tags)
            .map(|outcome| (outcome.change.account.id.as_str(), outcome.change.destination.as_str()))
            .collect();
        let has_tagged = |notice: &Notice| tagged.contains(&(notice.account.id.as_str(), notice.secret.as_str()));
        let users: BTreeMap<(String, String), &Notice> = due
            .iter()
            .filter(|notice| !has_tagged(notice) && is_noted(notice))
            .map(|notice| ((notice.account.id.clone(), notice.user.clone()), notice))
            .collect();
        let failed: BTreeMap<(String, String), CallError> = stream::iter(users)
            .map(|(who, Notice { account, user, secret, ledger, .. })| async move {
                let cloud = self.account(account)?.cloud;
                let noted = write_ledger(cloud, user, secret, ledger, []).await;
                Some((who, noted.err()?))
            })
            .buffered(NOTED_AT_A_TIME)
            .filter_map(|failed| async { failed })
            .collect()
            .await;
        let (mut notable, mut refused) = (Vec::new(), Vec::new());
        for notice in due {
            match failed.get(&(notice.account.id.clone(), notice.user.clone())) {
                None => notable.push(notice),
                Some(error) => refused.push(Sent {
                    kind: notice.kind,
                    to: notice.recipients.first().or(notice.fallback.first()).cloned().unwrap_or_default(),
                    users: vec![notice.user],
                    result: Err(error.clone()),
                    notes: vec!["not sent, because it could not be noted that it was".to_owned()],
                }),
            }
        }
        (notable, refused)
    }

    fn notices(&self, applied: &Applied) -> Vec<Notice> {
        let now = (self.conditions.clock)();
        let mut all = Vec::new();
        for AccountView { roster, inventory, .. } in self.accounts {
            let mut deleted: BTreeMap<&str, Vec<(&KeyId, Origin)>> = BTreeMap::new();
            for Outcome { change, result, .. } in &applied.outcomes {
                let Action::Delete { key, .. } = &change.action else { continue };
                // The mail about the new key has said so a minute ago.
                if applied.outcomes.iter().any(|other| other.change.user == change.user && announces(other, key)) {
                    continue;
                }
                let origin = match change.reason {
                    Reason::HoldOver { origin, .. } => origin,
                    _ => Origin::Inactive,
                };
                if result.is_ok() && *change.account == roster.account {
                    deleted.entry(&change.user).or_default().push((key, origin));
                }
            }
            let state = |user: &str| -> Option<&State> {
                let after = applied.after.get(&(roster.account.id.clone(), user.to_owned()));
                after.or_else(|| inventory.users.get(user)?.as_ref().ok())
            };
            all.extend(due_notices(roster, state, &deleted, now));
        }
        all
    }

    async fn send_all(&self, due: &[Notice], applied: &Applied) -> Vec<Sent> {
        let all: Vec<&Notice> = due.iter().collect();
        let mut receipts = Receipts::default();
        let mut sent = self.send(&all, |notice| &notice.recipients, &mut receipts, None).await;
        // Instead of owners of whom every address was refused, the fallback is told, with the reason.
        let refused = receipts.refused(&all);
        let by_reason = refused.into_iter().fold(BTreeMap::<String, Vec<&Notice>>::new(), |mut by, (one, why)| {
            by.entry(why).or_default().push(one);
            by
        });
        for (why, about) in by_reason {
            sent.extend(self.send(&about, |notice| &notice.fallback, &mut receipts, Some(why)).await);
        }
        let now = (self.conditions.clock)();
        let noted = stream::iter(receipts.told(&all, now))
            .map(|(account, user, reminder, secret)| async move {
                let cloud = self.account(account)?.cloud;
                let rest = self.rest(account, user, &reminder, applied, now);
                let facts = [Some(Fact::Reminded(reminder)), rest].into_iter().flatten();
                let noted = cloud.tag_secret(secret, &tags(facts)).await;
                Some((user, noted.err()?))
            })
            .buffered(NOTED_AT_A_TIME)
            .collect::<Vec<_>>()
            .await;
        for (user, error) in noted.into_iter().flatten() {
            let about = |sent: &&mut Sent| sent.result.is_ok() && sent.users.iter().any(|name| name == user);
            if let Some(sent) = sent.iter_mut().find(about) {
                sent.notes.push(format!("the next run tells {user} again: {error}"));
            }
        }
        sent
    }

    /// How long nothing is due now that the owner was told: noted with that. Before, whatever ran next had to tell them.
    fn rest(
        &self,
        account: &Account,
        user: &str,
        reminder: &Reminder,
        applied: &Applied,
        now: DateTime<Utc>,
    ) -> Option<Fact> {
        let AccountView { roster, inventory, .. } = self.account(account)?;
        let entry = roster.entries.iter().find(|entry| entry.user.name == user)?;
        let after = applied.after.get(&(account.id.clone(), user.to_owned()));
        let state = after.or_else(|| inventory.users.get(user)?.as_ref().ok())?;
        let mut state = placed(roster, entry, state, now).into_owned();
        let Destination::Own(secret) = &mut state.ledger.destination else { return None };
        let was_noted = secret.rest.is_some();
        secret.note(Fact::Reminded(reminder.clone()));
        let rest = rest(roster, entry, &state, now);
        (was_noted || rest.is_some()).then_some(Fact::Rest(rest))
    }

    async fn send<'a>(
        &self,
        about: &[&'a Notice],
        to: impl Fn(&'a Notice) -> &'a [String],
        receipts: &mut Receipts<'a>,
        because: Option<String>,
    ) -> Vec<Sent> {
        let batches = batches(about, to);
        let results = stream::iter(&batches)
            .map(|batch| async {
                // What is not sent now is due again in the next run.
                if !(self.conditions.may_start)() {
                    return Err(unsent(&batch.to, "the run was over before its turn"));
                }
                match self.conditions.outbox.closed(&batch.to) {
                    // It has refused this as well, and the fallback is told.
                    Some(error) if error.kind == ErrorKind::Refused => return Ok((Err(error), None)),
                    Some(error) => return Err(error),
                    None => {}
                }
                let about = batch.about.iter().map(|notice| of_notice(notice)).collect();
                let content = Content::Keys { kind: batch.kind, about, because: because.clone() };
                let account = batch.about.first().and_then(|notice| self.account(&notice.account));
                let cloud = account.ok_or_else(|| unsent(&batch.to, "its account was not read"))?.cloud;
                let finished =
                    Delivery::new(self.mail, self.sender.as_ref(), batch.language, content, self.conditions.as_of);
                let result = self.send_one(&finished, cloud, &batch.to).await?;
                Ok((result, finished.note))
            })
            .buffered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        let mut sent = Vec::new();
        let mut left: BTreeMap<(Kind, String), (CallError, Vec<&plan::Batch<'_>>)> = BTreeMap::new();
        for (batch, result) in batches.iter().zip(results) {
            let (result, note) = match result {
                Ok(tried) => tried,
                Err(error) => {
                    let untried =
                        left.entry((batch.kind, error.message.clone())).or_insert_with(|| (error, Vec::new()));
                    untried.1.push(batch);
                    continue;
                }
            };
            for notice in &batch.about {
                receipts.0.entry(identity(notice)).or_default().push(result.clone());
            }
            let users = batch.about.iter().map(|notice| notice.user.clone()).collect();
            sent.push(Sent {
                kind: batch.kind,
                to: batch.to.clone(),
                users,
                result,
                notes: note.into_iter().collect(),
            });
        }
        // What was not even tried is said once, whomever it is about.
        sent.extend(left.into_iter().map(|((kind, _), (error, batches))| {
            let to: BTreeSet<&str> = batches.iter().map(|batch| batch.to.as_str()).collect();
            let users: BTreeSet<&str> =
                batches.iter().flat_map(|batch| &batch.about).map(|notice| notice.user.as_str()).collect();
            Sent {
                kind,
                to: to.into_iter().collect::<Vec<_>>().join(", "),
                users: users.into_iter().map(str::to_owned).collect(),
                result: Err(error),
                notes: vec!["not tried: the next run sends it".to_owned()],
            }
        }));
        sent
    }

    async fn digest(&self, plan: &Plan, applied: &mut Applied, is_enforcing: bool) {
        let Some(first) = self.accounts.first() else { return };
        let rosters: Vec<&Roster> = self.accounts.iter().map(|account| account.roster).collect();
        let digest = summary(&rosters, plan, applied, (self.conditions.clock)());
        let Conditions { as_of, outbox, told_by, .. } = self.conditions;
        let sending = Sending { as_of: *as_of, outbox, until: *told_by };
        let is_eventful = !applied.outcomes.is_empty();
        let mut sent = send_digest(first.cloud, self.mail, digest, is_eventful, is_enforcing, &sending).await;
        applied.mail.append(&mut sent);
    }

    /// Sends to one recipient, as long as there is time.
    ///
    /// # Errors
    /// The time is over, and it was not tried.
    async fn send_one(
        &self,
        delivery: &Delivery,
        cloud: &dyn Writes,
        to: &str,
    ) -> Result<Result<(), CallError>, CallError> {
        let Conditions { as_of, outbox, told_by, .. } = self.conditions;
        send_one(delivery, cloud, to, &Sending { as_of: *as_of, outbox, until: *told_by }).await
    }

    fn account(&self, account: &Account) -> Option<&AccountView<'_, dyn Writes>> {
        self.accounts.iter().find(|accounts| accounts.roster.account == *account)
    }
}

/// How messages are sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// When the run began.
    pub as_of: DateTime<Utc>,
    /// What takes no more messages.
    pub outbox: &'a Outbox,
    /// Until when; `None`: there is time.
    pub until: Option<Instant>,
}

/// Sends a digest, if it has something to tell: something was done or is left to do; in runs that enforce, also if something is
/// blocked or could not be read, which daily runs must not repeat daily.
pub async fn send_digest(
    cloud: &dyn Writes,
    mail: &Mail,
    digest: Digest,
    is_eventful: bool,
    is_enforcing: bool,
    sending: &Sending<'_>,
) -> Vec<Sent> {
    let has_news = !digest.accounts.is_empty() || !digest.unread.is_empty();
    if !(is_eventful || !digest.unfinished.is_empty() || (is_enforcing && has_news)) {
        return Vec::new();
    }
    let delivery = Delivery::new(mail, mail.sender().as_ref(), mail.language, Content::Digest(digest), sending.as_of);
    let delivery = &delivery;
    // All at the same time: where one hangs, the others arrive.
    let sent = mail.digest.iter().map(async |to| {
        let result = send_one(delivery, cloud, to, sending).await.flatten();
        let notes = delivery.note.clone().into_iter().collect();
        Sent { kind: Kind::Digest, to: to.clone(), users: Vec::new(), result, notes }
    });
    stream::iter(sent).buffered(CONCURRENCY).collect().await
}

/// Sends to one recipient, as long as there is time.
///
/// # Errors
/// The time is over, and it was not tried.
async fn send_one(
    delivery: &Delivery,
    cloud: &dyn Writes,
    to: &str,
    Sending { outbox, until, .. }: &Sending<'_>,
) -> Result<Result<(), CallError>, CallError> {
    let sending = delivery.send(cloud, outbox, to);
    let Some(until) = *until else { return Ok(sending.await) };
    if Instant::now() >= until {
        return Err(unsent(to, "the time of the run was over before its turn"));
    }
    Ok(timeout_at(until, sending).await.unwrap_or_else(|_| Err(unsent(to, "no answer while the run had time"))))
}

/// What a run did, and what it could not do, for its digest.
#[must_use]
pub fn summary(rosters: &[&Roster], plan: &Plan, applied: &Applied, now: DateTime<Utc>) -> Digest {
    let mut digests = Vec::new();
    for roster in rosters {
        let account = roster.account.clone();
        let mut one = AccountDigest { account, done: Vec::new(), failed: Vec::new(), blocked: Vec::new() };
        let own = applied.outcomes.iter().filter(|outcome| *outcome.change.account == roster.account);
        for Outcome { change, result, notes, .. } in own {
            let (user, verb) = (&change.user, change.action.verb());
            match (result, one.done.last_mut()) {
                (Err(failure), _) => {
                    let why: Vec<String> = notes.iter().cloned().chain([failure.to_string()]).collect();
                    one.failed.push((user.clone(), verb.as_str().into(), why.join("; ")));
                }
                // To however many places it was delivered.
                (Ok(()), Some((last, verbs)))
                    if last == user && verbs.last().is_some_and(|last| last == verb.as_str()) => {}
                (Ok(()), Some((last, verbs))) if last == user => verbs.push(verb.as_str().into()),
                (Ok(()), _) => one.done.push((user.clone(), vec![verb.as_str().into()])),
            }
        }
        let mut block = |user: &str, wait: &WaitingOn| {
            if wait.is_blocked() || wait.is_unreadable() {
                one.blocked.push((user.to_owned(), wait.code().into(), wait.to_string()));
            }
        };
        for waiting in plan.waiting.iter().filter(|waiting| *waiting.account == roster.account) {
            block(&waiting.user, &waiting.wait);
        }
        // Whom the run itself brought to where a person is needed.
        let changed: BTreeSet<&str> =
            plan.changes.iter().filter(|c| *c.account == roster.account).map(|c| c.user.as_str()).collect();
        for entry in roster.entries.iter().filter(|entry| changed.contains(entry.user.name.as_str())) {
            let state = applied.after.get(&(roster.account.id.clone(), entry.user.name.clone()));
            if let Some(state) = state
                && let Next::Wait { wait, .. } = next_observed(roster, entry, Some(Ok(state)), now)
            {
                block(&entry.user.name, &wait);
            }
        }
        if !(one.done.is_empty() && one.failed.is_empty() && one.blocked.is_empty()) {
            digests.push(one);
        }
    }
    let done = |verb: Verb| applied.done(verb);
    let begun = |waiting: &&Waiting| {
        applied.outcomes.iter().any(|outcome| outcome.result.is_ok() && outcome.change.is_of(waiting))
    };
    let is_paced = |waiting: &&Waiting| matches!(waiting.wait, WaitingOn::Paced { .. });
    let paced = || plan.waiting.iter().filter(is_paced).filter(|waiting| !begun(waiting));
    Digest {
        created: done(Verb::Create),
        deactivated: done(Verb::Deactivate),
        deleted: done(Verb::Delete),
        updated: done(Verb::Update),
        paced: paced().count(),
        paced_until: paced().filter_map(|waiting| waiting.until).max(),
        accounts: digests,
        unfinished: applied
            .left(rosters.len() > 1)
            .into_iter()
            .map(|(cause, users)| format!("{} ({cause})", users.join(", ")))
            .collect(),
        unmanaged: rosters
            .iter()
            .filter(|roster| !roster.unmanaged.is_empty())
            .map(|roster| (roster.account.to_string(), roster.unmanaged.iter().map(|user| user.name.clone()).collect()))
            .collect(),
        unread: causes(&plan.accounts_unread).iter().map(ToString::to_string).collect(),
        lost: Vec::new(),
    }
}

/// Whether the owner was told in this run that it deletes the key.
fn announces(outcome: &Outcome, deleted: &KeyId) -> bool {
    let Action::Notify { announcement, .. } = &outcome.change.action else { return false };
    let Topic::Issued { old: Some((old, _)), at_once: true, .. } = &announcement.topic else { return false };
    outcome.result.is_ok() && !announcement.to_nobody && old == deleted
}

/// Whether it is to be noted that the owner was told. Of a deletion only the run that made it tells, and no secret is
/// made for that.
fn is_noted(notice: &Notice) -> bool {
    notice.ledger.exists || notice.kind != Kind::Deleted
}

/// A notice by what it is about: account, user, key and kind.
type Identity<'a> = (&'a str, &'a str, &'a KeyId, Kind);

fn identity(notice: &Notice) -> Identity<'_> {
    (&notice.account.id, &notice.user, &notice.key, notice.kind)
}

/// What became of the messages about each notice.
#[derive(Default)]
struct Receipts<'a>(BTreeMap<Identity<'a>, Vec<Result<(), CallError>>>);

impl<'a> Receipts<'a> {
    /// Those of which every address was refused, and why. A failure of another kind may be over in the next run.
    fn refused(&self, all: &[&'a Notice]) -> Vec<(&'a Notice, String)> {
        let why = |notice: &Notice| {
            let none = Vec::new();
            let results = self.0.get(&identity(notice)).unwrap_or(&none);
            let errors: Vec<CallError> = results.iter().filter_map(|result| result.clone().err()).collect();
            let is_refused = errors.iter().all(|error| error.kind == ErrorKind::Refused);
            // An address whose turn did not come any more was not refused either.
            let is_complete = results.len() == notice.recipients.len();
            (is_refused && is_complete && errors.len() == results.len()).then(|| reason(&errors))
        };
        all.iter().filter_map(|&notice| Some((notice, why(notice)?))).collect()
    }

    /// For each user that was told: account, user, what is noted and the secret.
    fn told(&self, all: &[&'a Notice], now: DateTime<Utc>) -> Vec<(&'a Account, &'a str, Reminder, &'a str)> {
        let mut told: BTreeMap<(&str, &str), &Notice> = BTreeMap::new();
        for notice in all {
            let results = self.0.get(&identity(notice)).map(Vec::as_slice).unwrap_or_default();
            // There is one tag: of a deletion and what waits now, which follows it here, it holds what waits.
            if results.iter().any(Result::is_ok) && is_noted(notice) {
                told.insert((&notice.account.id, &notice.user), notice);
            }
        }
        let tag = |notice: &'a Notice| {
            let Notice { kind, account, user, key, secret, began, .. } = notice;
            let reminder = Reminder { kind: *kind, key: key.clone(), at: now, first: began.unwrap_or(now) };
            (&**account, user.as_str(), reminder, secret.as_str())
        };
        told.into_values().map(tag).collect()
    }
}
