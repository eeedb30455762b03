//! A finished notice, and its way out: each recipient gets a message of their own, by mail or by a channel.

mod address;
mod cut;
mod slack;
mod topic;

pub use self::{slack::as_slack, topic::as_topic};

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

use super::words;
use crate::{
    cloud::Writes,
    inventory::{CallError, ErrorKind, KeyId},
    manifest::Mail,
    notice::{Channel, ChannelKind, NO_ADDRESS, Sender},
    plan::{Announcement, Change},
    template::{Language, Text, content::Content, render},
};

/// What takes no more messages in a run, and why: SES, once its daily quota is used up, and a channel that has failed for good.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<BTreeMap<Option<String>, CallError>>);

impl Outbox {
    /// Why nothing more can be sent to this recipient, if that is so.
    pub fn closed(&self, to: &str) -> Option<CallError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&way(to)).cloned()
    }

    fn close(&self, to: &str, error: &CallError) {
        let mut closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        closed.entry(way(to)).or_insert_with(|| error.clone());
    }
}

/// What a message takes that all messages to the same place take: `None` is SES.
fn way(to: &str) -> Option<String> {
    match Channel::of(to) {
        Channel::Mail(_) => None,
        channel => Some(channel.identity()),
    }
}

/// What all mail of a run has in common.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// What the manifests say of mail.
    pub mail: &'a Mail,
    /// When the run began: its mail carries that as a tag.
    pub as_of: DateTime<Utc>,
    /// What takes no more messages.
    pub outbox: &'a Outbox,
}

/// Tells the owner of a key that was rotated, or of one that is to go. Told is who can act on it: one accepted message is
/// enough, whichever way it went. When every recipient is refused, the fallback is told instead, with the reason. Yields those whose
/// message was accepted.
///
/// # Errors
/// Nobody was told: the next run tries again.
pub async fn owner(
    cloud: &dyn Writes,
    sending: &Sending<'_>,
    change: &Change,
    key: &KeyId,
    announcement: &Announcement,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, CallError> {
    let Sending { mail, as_of, outbox } = *sending;
    let Announcement { topic, sender, recipients, fallback, language, .. } = announcement;
    let delivery = |because: Option<String>| {
        Delivery::new(mail, sender.as_ref(), *language, words::of_topic(change, key, topic, because), as_of)
    };
    let refused = match delivery(None).send_each(cloud, outbox, recipients, notes).await? {
        Receipt::Accepted(told) => return Ok(told),
        Receipt::Refused(refused) => refused,
    };
    if fallback.is_empty() {
        return Err(nobody(&change.user, refused, notes));
    }
    notes.extend(refused.iter().map(ToString::to_string));
    match delivery(Some(reason(&refused))).send_each(cloud, outbox, fallback, notes).await? {
        Receipt::Accepted(told) => {
            let why = match &refused[..] {
                [] => NO_ADDRESS,
                _ if recipients.iter().all(|to| way(to).is_none()) => "every address of the owner was refused",
                _ => "every recipient was refused",
            };
            notes.push(format!("{} was told instead: {why}", told.join(", ")));
            Ok(told)
        }
        Receipt::Refused(refused) => Err(nobody(&change.user, refused, notes)),
    }
}

/// Why none of the owner's addresses was used, for who is told instead.
pub fn reason(refused: &[CallError]) -> String {
    match refused {
        [] => NO_ADDRESS.to_owned(),
        refused => refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

/// The error of a mail that was not even tried.
pub fn unsent(to: &str, why: &str) -> CallError {
    let operation = Channel::of(to).operation();
    CallError { kind: ErrorKind::Other, operation, subject: to.to_owned(), message: why.to_owned(), hint: None }
}

/// The last refusal as the error; the others are told beside it.
fn nobody(user: &str, mut refused: Vec<CallError>, notes: &mut Vec<String>) -> CallError {
    let last = refused.pop();
    notes.extend(refused.iter().map(ToString::to_string));
    last.unwrap_or_else(|| CallError {
        kind: ErrorKind::Refused,
        operation: "ses:SendEmail",
        subject: user.to_owned(),
        message: NO_ADDRESS.to_owned(),
        hint: None,
    })
}

/// A finished notice without a recipient.
pub struct Delivery {
    /// `None` where nobody is told by mail.
    sender: Option<Sender>,
    tags: BTreeMap<String, String>,
    text: Text,
    /// What is to be said of the words themselves.
    pub note: Option<String>,
}

enum Receipt {
    /// By these recipients.
    Accepted(Vec<String>),
    /// By every recipient, and why; none if there was none.
    Refused(Vec<CallError>),
}

impl Delivery {
    /// Puts it in words, with the headers that `[mail]` asks for.
    pub fn new(
        mail: &Mail,
        sender: Option<&Sender>,
        language: Language,
        content: Content,
        as_of: DateTime<Utc>,
    ) -> Self {
        let (text, error) = render(&mail.templates, language, &content);
        let tags = [("kind", content.kind().to_string()), ("run", run_id(as_of))];
        Self {
            sender: sender.cloned(),
            tags: tags.map(|(name, value)| (name.to_owned(), value)).into(),
            text,
            note: error.map(|error| format!("keyrota's own template was used instead of {error}")),
        }
    }

    /// Sends it to one recipient, unless an earlier answer said that nothing more can be sent there.
    pub async fn send(&self, cloud: &dyn Writes, outbox: &Outbox, to: &str) -> Result<(), CallError> {
        if let Some(error) = outbox.closed(to) {
            return Err(error);
        }
        let sent = match Channel::of(to) {
            Channel::Mail(address) => match &self.sender {
                Some(sender) => address::send(cloud, sender, &self.tags, &self.text, address).await,
                // `check` refuses manifests that tell an address and have none.
                None => Err(unsent(address, "`[mail] from` is missing")),
            },
            Channel::Of(kind, name) => {
                let sent = match kind {
                    ChannelKind::Sns => topic::send(cloud, &self.tags, &self.text, name).await,
                    ChannelKind::Slack => slack::send(cloud, &self.tags, &self.text, name).await,
                };
                sent.map_err(refused_for_good)
            }
        };
        if let Err(error) = &sent {
            let is_for_all = match way(to) {
                None => error.kind == ErrorKind::QuotaUsedUp,
                // What one message waited for in vain, the next ones would wait for as well.
                Some(_) => true,
            };
            if is_for_all {
                outbox.close(to, error);
            }
        }
        sent
    }

    /// # Errors
    /// A failure that is not about the recipient, if no message was accepted.
    async fn send_each(
        &self,
        cloud: &dyn Writes,
        outbox: &Outbox,
        to: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Receipt, CallError> {
        notes.extend(self.note.clone());
        let (mut accepted, mut refused, mut failed) = (Vec::new(), Vec::new(), None);
        for to in to {
            match self.send(cloud, outbox, to).await {
                Ok(()) => accepted.push(to.clone()),
                Err(error) if error.kind == ErrorKind::Refused => refused.push(error),
                // That there is no more mail today is what the run goes by.
                Err(error) if failed.as_ref().is_some_and(is_quota) && !is_quota(&error) => {}
                Err(error) => failed = Some(error),
            }
        }
        if !accepted.is_empty() {
            notes.extend(refused.iter().chain(&failed).map(ToString::to_string));
            return Ok(Receipt::Accepted(accepted));
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(Receipt::Refused(refused)),
        }
    }
}

fn is_quota(error: &CallError) -> bool {
    error.kind == ErrorKind::QuotaUsedUp
}

/// The name of the run that began then, by which its messages and events belong together.
pub fn run_id(as_of: DateTime<Utc>) -> String {
    as_of.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A channel that a permission is missing for, or that is not there, refuses whatever is sent: unlike mail, others may take it.
fn refused_for_good(error: CallError) -> CallError {
    match error.kind {
        ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Malformed => {
            CallError { kind: ErrorKind::Refused, ..error }
        }
        _ => error,
    }
}
