//! A finished mail, and its way out: each recipient gets a message of their own.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

use super::words;
use crate::{
    cloud::{Message, Writes},
    inventory::{CallError, ErrorKind, KeyId},
    manifest::Mail,
    notice::{NO_ADDRESS, Sender},
    plan::{Announcement, Change},
    template::{Language, Text, content::Content, render},
};

/// Whether SES still takes mail. Once its daily quota is used up, nothing more is tried in a run.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Option<CallError>>);

impl Outbox {
    /// Why nothing more can be sent, if that is so.
    pub fn closed(&self) -> Option<CallError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn close(&self, error: &CallError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
    }
}

/// What all mail of a run has in common.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// What the manifests say of mail.
    pub mail: &'a Mail,
    /// When the run began: its mail carries that as a tag.
    pub as_of: DateTime<Utc>,
    /// Whether SES still takes mail.
    pub outbox: &'a Outbox,
}

/// Tells the owner of a key that was rotated, or of one that is to go. Told is who can act on it: one accepted message is
/// enough. When every recipient is refused, the fallback is written to instead, with the reason. Yields the addresses whose
/// message was accepted.
///
/// # Errors
/// Nobody was told: the next run tries again.
pub async fn owner(
    cloud: &impl Writes,
    sending: &Sending<'_>,
    change: &Change,
    key: &KeyId,
    announcement: &Announcement,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, CallError> {
    let Sending { mail, as_of, outbox } = *sending;
    let Announcement { topic, sender, recipients, fallback, language, .. } = announcement;
    let Some(sender) = sender else { return Err(unsent(&change.user, "`[mail] from` is missing")) };
    let delivery = |because: Option<String>| {
        Delivery::new(mail, sender, *language, words::of_topic(change, key, topic, because), as_of)
    };
    let refused = match delivery(None).send_each(cloud, outbox, recipients, notes).await? {
        Receipt::Accepted(told) => return Ok(told),
        Receipt::Refused(refused) => refused,
    };
    if fallback.is_empty() {
        return Err(nobody(&change.user, refused));
    }
    notes.extend(refused.iter().map(ToString::to_string));
    match delivery(Some(reason(&refused))).send_each(cloud, outbox, fallback, notes).await? {
        Receipt::Accepted(told) => {
            let why = if refused.is_empty() { NO_ADDRESS } else { "every address of the owner was refused" };
            notes.push(format!("{} was told instead: {why}", told.join(", ")));
            Ok(told)
        }
        Receipt::Refused(refused) => Err(nobody(&change.user, refused)),
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
    let (operation, message) = ("ses:SendEmail", why.to_owned());
    CallError { kind: ErrorKind::Other, operation, subject: to.to_owned(), message, hint: None }
}

fn nobody(user: &str, mut refused: Vec<CallError>) -> CallError {
    refused.pop().unwrap_or_else(|| CallError {
        kind: ErrorKind::Refused,
        operation: "ses:SendEmail",
        subject: user.to_owned(),
        message: NO_ADDRESS.to_owned(),
        hint: None,
    })
}

/// A finished mail without a recipient.
pub struct Delivery {
    sender: Sender,
    tags: BTreeMap<String, String>,
    text: Text,
    /// What is to be said of the words themselves.
    pub note: Option<String>,
}

enum Receipt {
    /// By these addresses.
    Accepted(Vec<String>),
    /// By every address, and why; none if there was no address.
    Refused(Vec<CallError>),
}

impl Delivery {
    /// Puts it in words, with the headers that `[mail]` asks for.
    pub fn new(mail: &Mail, sender: &Sender, language: Language, content: Content, as_of: DateTime<Utc>) -> Self {
        let (text, error) = render(&mail.templates, language, &content);
        let run = as_of.format("%Y%m%dT%H%M%SZ").to_string();
        let tags = [("kind", content.kind().to_string()), ("run", run)];
        Self {
            sender: sender.clone(),
            tags: tags.map(|(name, value)| (name.to_owned(), value)).into(),
            text,
            note: error.map(|error| format!("keyrota's own template was used instead of {error}")),
        }
    }

    /// Sends it to one address, unless an earlier answer said that nothing more can be sent.
    pub async fn send(&self, cloud: &impl Writes, outbox: &Outbox, to: &str) -> Result<(), CallError> {
        if let Some(error) = outbox.closed() {
            return Err(error);
        }
        let Text { subject, text, html } = self.text.clone();
        let (sender, tags) = (self.sender.clone(), self.tags.clone());
        let sent = cloud.send_mail(&Message { sender, tags, to: to.to_owned(), subject, text, html }).await;
        if let Err(error) = &sent
            && error.kind == ErrorKind::QuotaUsedUp
        {
            outbox.close(error);
        }
        sent
    }

    /// # Errors
    /// A failure that is not about the address, if no message was accepted.
    async fn send_each(
        &self,
        cloud: &impl Writes,
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
