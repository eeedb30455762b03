//! Sends mail: *rotated* within a rotation, everything else after a run. What is told to whom comes from the planner.
//!
//! Each recipient gets a message of their own, so that a refused address costs no other its mail.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};

use crate::{
    apply::{Applied, Outcome, Run, timestamp, write_ledger},
    cloud::{CallError, Cloud, ErrorKind, Message, Sender},
    inventory::{Account, KeyId, State, TAG_REMINDED},
    mail::{
        Kind, Text,
        content::{AccountDigest, Content, Digest, Retiring, Rotated},
        render,
    },
    manifest::{Language, Mail},
    observe::fetch,
    plan::{
        Action, Change, Courtesy, Need, Next, Notice, Origin, Plan, Reason, Topic, Verb, Wait, courtesies, letters,
        next_observed,
    },
    survey::Surveyed,
};

/// Mails sent at the same time. SES takes 14 a second from most accounts, and one from a new one.
const CONCURRENCY: usize = 4;

/// What became of one mail. A mail that failed fails neither the run nor another mail: the next run tries again.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub kind: Kind,
    pub to: String,
    /// The users it is about; none for the digest.
    pub users: Vec<String>,
    pub result: Result<(), CallError>,
    /// What went wrong beside: a template that could not be filled in, a tag that could not be written.
    pub notes: Vec<String>,
}

/// Tells the owner of a key that was rotated, or of one that is to go. Told is who can act on it: one accepted message is
/// enough. When every recipient is refused, the fallback is written to instead, with the reason.
///
/// # Errors
/// Nobody was told: the next run tries again.
pub(crate) async fn owner(
    cloud: &impl Cloud,
    mail: &Mail,
    change: &Change,
    key: &KeyId,
    notice: &Notice,
    run: &Run<'_>,
    notes: &mut Vec<String>,
) -> Result<(), CallError> {
    let Notice { topic, sender, recipients, fallback, language, .. } = notice;
    let content = |because: Option<String>| match topic.clone() {
        Topic::Issued { old } => Content::Rotated(Rotated {
            account: Arc::clone(&change.account),
            user: change.user.clone(),
            key: key.clone(),
            secret: change.destination.clone(),
            old,
            because,
        }),
        Topic::Retiring { why, last_use, other, stops } => Content::Retiring(Retiring {
            account: Arc::clone(&change.account),
            user: change.user.clone(),
            key: key.clone(),
            why,
            last_use,
            other,
            stops,
            because,
        }),
    };
    let letter = |because: Option<String>| Letter::new(mail, sender, *language, content(because), run.as_of);
    let refused = match letter(None).send_each(cloud, recipients, notes).await? {
        Told::Accepted => return Ok(()),
        Told::Refused(refused) => refused,
    };
    if fallback.is_empty() {
        return Err(nobody(&change.user, refused));
    }
    if refused.is_empty() {
        notes.push(NO_ADDRESS.to_owned());
    }
    notes.extend(refused.iter().map(ToString::to_string));
    match letter(Some(reason(&refused))).send_each(cloud, fallback, notes).await? {
        Told::Accepted => Ok(()),
        Told::Refused(refused) => Err(nobody(&change.user, refused)),
    }
}

const NO_ADDRESS: &str = "the user has no address";

fn reason(refused: &[CallError]) -> String {
    match refused {
        [] => NO_ADDRESS.to_owned(),
        refused => refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

fn nobody(user: &str, mut refused: Vec<CallError>) -> CallError {
    refused.pop().unwrap_or_else(|| CallError {
        kind: ErrorKind::Refused,
        operation: "ses:SendEmail",
        subject: user.to_owned(),
        message: NO_ADDRESS.to_owned(),
    })
}

/// A finished mail without a recipient.
struct Letter {
    sender: Sender,
    tags: BTreeMap<String, String>,
    text: Text,
    note: Option<String>,
}

enum Told {
    Accepted,
    /// By every address, and why; none if there was no address.
    Refused(Vec<CallError>),
}

impl Letter {
    fn new(mail: &Mail, sender: &Sender, language: Language, content: Content, as_of: DateTime<Utc>) -> Self {
        let (text, flaw) = render(&mail.templates, language, &content);
        let run = as_of.format("%Y%m%dT%H%M%SZ").to_string();
        let tags = [("kind", content.kind().to_string()), ("run", run)];
        Self {
            sender: sender.clone(),
            tags: tags.map(|(name, value)| (name.to_owned(), value)).into(),
            text,
            note: flaw.map(|flaw| format!("keyrota's own template was used instead of {flaw}")),
        }
    }

    async fn send(&self, cloud: &impl Cloud, to: &str) -> Result<(), CallError> {
        let Text { subject, text, html } = self.text.clone();
        let (sender, tags) = (self.sender.clone(), self.tags.clone());
        cloud.send_mail(&Message { sender, tags, to: to.to_owned(), subject, text, html }).await
    }

    /// # Errors
    /// A failure that is not about the address, if no message was accepted.
    async fn send_each(&self, cloud: &impl Cloud, to: &[String], notes: &mut Vec<String>) -> Result<Told, CallError> {
        notes.extend(self.note.clone());
        let (mut accepted, mut refused, mut failed) = (false, Vec::new(), None);
        for to in to {
            match self.send(cloud, to).await {
                Ok(()) => accepted = true,
                Err(error) if error.kind == ErrorKind::Refused => refused.push(error),
                Err(error) => failed = Some(error),
            }
        }
        if accepted {
            notes.extend(refused.iter().chain(&failed).map(ToString::to_string));
            return Ok(Told::Accepted);
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(Told::Refused(refused)),
        }
    }
}

/// Tells owners what they should know after a run, notes it in their ledgers, and sends the digest. `is_enforcing` says
/// that a run without changes is worth a digest if something is blocked: daily runs must not repeat it daily.
///
/// What was sent, and what failed, is added to `applied`.
pub async fn tell_all<C: Cloud>(
    surveyed: &[Surveyed<'_, C>],
    plan: &Plan,
    applied: &mut Applied,
    mail: &Mail,
    is_enforcing: bool,
    run: &Run<'_>,
) {
    let Some(sender) = mail.sender() else { return };
    let office = Office { surveyed, mail, sender, run };
    let due = office.due(applied).await;
    let (due, mut refused) = office.notable(due, applied).await;
    applied.mail.append(&mut refused);
    let mut sent = office.tell(&due).await;
    applied.mail.append(&mut sent);
    office.digest(plan, applied, is_enforcing).await;
}

/// What sending needs all the time.
struct Office<'a, 'c, C> {
    surveyed: &'a [Surveyed<'c, C>],
    mail: &'a Mail,
    sender: Sender,
    run: &'a Run<'a>,
}

impl<C: Cloud> Office<'_, '_, C> {
    /// What is to be told, by ledgers that were described: `ListSecrets` may lag behind what the run before noted.
    async fn due(&self, applied: &mut Applied) -> Vec<Courtesy> {
        let doubtful: Vec<_> = self.courtesies(applied).into_iter().filter(|courtesy| !courtesy.confirmed).collect();
        let users: BTreeSet<_> = doubtful.iter().map(|one| (&one.account, &one.user)).collect();
        let described = stream::iter(users)
            .map(|(account, user)| async move {
                let Surveyed { cloud, roster, inventory } = self.account(account)?;
                let entry = roster.entries.iter().find(|entry| entry.user.name == *user)?;
                let mut state = inventory.users.get(user)?.clone().ok()?;
                // Who can't be looked up now is told by the next run.
                fetch(*cloud, entry, &mut state, Need::Ledger).await.ok()?;
                Some(((account.id.clone(), user.clone()), state))
            })
            .buffered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        applied.after.extend(described.into_iter().flatten());
        self.courtesies(applied).into_iter().filter(|courtesy| courtesy.confirmed).collect()
    }

    /// Those of which it can be noted that their owner was told; and what became of the others. Whoever may not note it
    /// tells nobody, or owners would be told by every run.
    async fn notable(&self, due: Vec<Courtesy>, applied: &Applied) -> (Vec<Courtesy>, Vec<Sent>) {
        let has_tagged = |courtesy: &Courtesy| {
            applied.outcomes.iter().any(|Outcome { change, result, .. }| {
                let is_tag = matches!(change.action.verb(), Verb::Create | Verb::Notify | Verb::Deactivate);
                result.is_ok() && is_tag && change.account == courtesy.account && change.user == courtesy.user
            })
        };
        let users: BTreeMap<(String, String), &Courtesy> = due
            .iter()
            .filter(|courtesy| !has_tagged(courtesy))
            .map(|courtesy| ((courtesy.account.id.clone(), courtesy.user.clone()), courtesy))
            .collect();
        let failed: BTreeMap<(String, String), CallError> = stream::iter(users)
            .map(|(who, Courtesy { account, user, secret, ledger, .. })| async move {
                let cloud = self.account(account)?.cloud;
                let noted = write_ledger(cloud, user, secret, ledger, []).await;
                Some((who, noted.err()?))
            })
            .buffered(CONCURRENCY)
            .filter_map(|failed| async { failed })
            .collect()
            .await;
        let (mut notable, mut refused) = (Vec::new(), Vec::new());
        for courtesy in due {
            match failed.get(&(courtesy.account.id.clone(), courtesy.user.clone())) {
                None => notable.push(courtesy),
                Some(error) => refused.push(Sent {
                    kind: courtesy.kind,
                    to: courtesy.recipients.first().or(courtesy.fallback.first()).cloned().unwrap_or_default(),
                    users: vec![courtesy.user],
                    result: Err(error.clone()),
                    notes: vec!["not sent, because it could not be noted that it was".to_owned()],
                }),
            }
        }
        (notable, refused)
    }

    fn courtesies(&self, applied: &Applied) -> Vec<Courtesy> {
        let now = (self.run.clock)();
        let mut all = Vec::new();
        for Surveyed { roster, inventory, .. } in self.surveyed {
            let mut deleted: BTreeMap<&str, Vec<(&KeyId, Origin)>> = BTreeMap::new();
            for Outcome { change, result, .. } in &applied.outcomes {
                let Action::Delete { key, .. } = &change.action else { continue };
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
            all.extend(courtesies(roster, state, &deleted, now));
        }
        all
    }

    async fn tell(&self, due: &[Courtesy]) -> Vec<Sent> {
        let all: Vec<&Courtesy> = due.iter().collect();
        let mut tally = Tally::default();
        let mut sent = self.send(&all, |courtesy| &courtesy.recipients, &mut tally, None).await;
        // Instead of owners of whom every address was refused, the fallback is told, with the reason.
        let refused = tally.refused(&all);
        let by_reason = refused.into_iter().fold(BTreeMap::<String, Vec<&Courtesy>>::new(), |mut by, (one, why)| {
            by.entry(why).or_default().push(one);
            by
        });
        for (why, about) in by_reason {
            sent.extend(self.send(&about, |courtesy| &courtesy.fallback, &mut tally, Some(why)).await);
        }
        for (account, user, value, secret) in tally.told(&all, (self.run.clock)()) {
            let Some(Surveyed { cloud, .. }) = self.account(account) else { continue };
            if let Err(error) = cloud.tag_secret(secret, &[(TAG_REMINDED.to_owned(), value)].into()).await {
                let about = |sent: &&mut Sent| sent.result.is_ok() && sent.users.iter().any(|name| name == user);
                if let Some(sent) = sent.iter_mut().find(about) {
                    sent.notes.push(format!("the next run tells {user} again: {error}"));
                }
            }
        }
        sent
    }

    async fn send<'a>(
        &self,
        about: &[&'a Courtesy],
        to: impl Fn(&'a Courtesy) -> &'a [String],
        tally: &mut Tally<'a>,
        because: Option<String>,
    ) -> Vec<Sent> {
        let letters = letters(about, to);
        let results = stream::iter(&letters)
            .map(|letter| async {
                // What is not sent now is due again in the next run.
                if !(self.run.may_start)() {
                    return None;
                }
                let about = letter.about.iter().map(|&courtesy| courtesy.clone()).collect();
                let content = Content::Courtesy { kind: letter.kind, about, because: because.clone() };
                let cloud = self.account(&letter.about.first()?.account)?.cloud;
                let finished = Letter::new(self.mail, &self.sender, letter.language, content, self.run.as_of);
                let result = finished.send(cloud, &letter.to).await;
                Some((result, finished.note))
            })
            .buffered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        let mut sent = Vec::new();
        for (letter, result) in letters.iter().zip(results) {
            let Some((result, note)) = result else { continue };
            for courtesy in &letter.about {
                tally.0.entry(identity(courtesy)).or_default().push(result.clone());
            }
            let users = letter.about.iter().map(|courtesy| courtesy.user.clone()).collect();
            sent.push(Sent {
                kind: letter.kind,
                to: letter.to.clone(),
                users,
                result,
                notes: note.into_iter().collect(),
            });
        }
        sent
    }

    async fn digest(&self, plan: &Plan, applied: &mut Applied, is_enforcing: bool) {
        let digest = self.summary(plan, applied);
        let Digest { accounts, unfinished } = &digest;
        let is_eventful = !applied.outcomes.is_empty() || !unfinished.is_empty();
        let Some(first) = self.surveyed.first().filter(|_| is_eventful || (is_enforcing && !accounts.is_empty()))
        else {
            return;
        };
        let letter = Letter::new(self.mail, &self.sender, self.mail.language, Content::Digest(digest), self.run.as_of);
        for to in &self.mail.digest {
            let result = letter.send(first.cloud, to).await;
            let notes = letter.note.clone().into_iter().collect();
            applied.mail.push(Sent { kind: Kind::Digest, to: to.clone(), users: Vec::new(), result, notes });
        }
    }

    fn summary(&self, plan: &Plan, applied: &Applied) -> Digest {
        let now = (self.run.clock)();
        let mut accounts = Vec::new();
        for Surveyed { roster, .. } in self.surveyed {
            let account = Arc::new(roster.account.clone());
            let mut one = AccountDigest { account, done: Vec::new(), failed: Vec::new(), blocked: Vec::new() };
            for Outcome { change, result, .. } in
                applied.outcomes.iter().filter(|o| *o.change.account == roster.account)
            {
                let (user, verb) = (&change.user, change.action.verb());
                match (result, one.done.last_mut()) {
                    (Err(failure), _) => one.failed.push((user.clone(), verb, failure.to_string())),
                    (Ok(()), Some((last, verbs))) if last == user => verbs.push(verb),
                    (Ok(()), _) => one.done.push((user.clone(), vec![verb])),
                }
            }
            let mut block = |user: &str, wait: &Wait| {
                if wait.is_blocked() || matches!(wait, Wait::Unreadable { .. }) {
                    one.blocked.push((user.to_owned(), wait.code(), wait.to_string()));
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
                accounts.push(one);
            }
        }
        Digest { accounts, unfinished: applied.deferred.iter().map(|one| one.user.clone()).collect() }
    }

    fn account(&self, account: &Account) -> Option<&Surveyed<'_, C>> {
        self.surveyed.iter().find(|surveyed| surveyed.roster.account == *account)
    }
}

/// A courtesy by what it is about: account, user, key and kind.
type Identity<'a> = (&'a str, &'a str, &'a KeyId, Kind);

fn identity(courtesy: &Courtesy) -> Identity<'_> {
    (&courtesy.account.id, &courtesy.user, &courtesy.key, courtesy.kind)
}

/// What became of the messages about each courtesy.
#[derive(Default)]
struct Tally<'a>(BTreeMap<Identity<'a>, Vec<Result<(), CallError>>>);

impl<'a> Tally<'a> {
    /// Those of which every address was refused, and why. A failure of another kind may be over in the next run.
    fn refused(&self, all: &[&'a Courtesy]) -> Vec<(&'a Courtesy, String)> {
        let why = |courtesy: &Courtesy| {
            let none = Vec::new();
            let results = self.0.get(&identity(courtesy)).unwrap_or(&none);
            let errors: Vec<CallError> = results.iter().filter_map(|result| result.clone().err()).collect();
            let is_refused = errors.iter().all(|error| error.kind == ErrorKind::Refused);
            // An address whose turn did not come any more was not refused either.
            let is_complete = results.len() == courtesy.recipients.len();
            (is_refused && is_complete && errors.len() == results.len()).then(|| reason(&errors))
        };
        all.iter().filter_map(|&courtesy| Some((courtesy, why(courtesy)?))).collect()
    }

    /// For each user that was told: account, user, the tag's value and the secret.
    fn told(&self, all: &[&'a Courtesy], now: DateTime<Utc>) -> Vec<(&'a Account, &'a str, String, &'a str)> {
        let mut told: BTreeMap<(&str, &str), &Courtesy> = BTreeMap::new();
        for courtesy in all {
            let results = self.0.get(&identity(courtesy)).map(Vec::as_slice).unwrap_or_default();
            // There is one tag: of a deletion and what waits now, which follows it here, it holds what waits.
            if results.iter().any(Result::is_ok) {
                told.insert((&courtesy.account.id, &courtesy.user), courtesy);
            }
        }
        let tag = |courtesy: &'a Courtesy| {
            let Courtesy { kind, account, user, key, secret, began, .. } = courtesy;
            let first = began.map_or_else(String::new, |first| format!("/{}", timestamp(first)));
            (&**account, user.as_str(), format!("{kind}/{key}@{}{first}", timestamp(now)), secret.as_str())
        };
        told.into_values().map(tag).collect()
    }
}
