//! A finished mail, and its way out: each recipient gets a message of their own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{
    apply::Run,
    cloud::{CallError, Cloud, ErrorKind, Message, Sender},
    inventory::KeyId,
    mail::{
        Text,
        content::{Content, Retiring, Rotated},
        render,
    },
    manifest::{Language, Mail},
    plan::{Change, Notice, Topic},
};

/// Whether SES still takes mail. Once its daily quota is used up, nothing more is tried in a run.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Option<CallError>>);

impl Outbox {
    /// Why nothing more can be sent, if that is so.
    pub(super) fn closed(&self) -> Option<CallError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn close(&self, error: &CallError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
    }
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
        Topic::Issued { old, moved_from } => Content::Rotated(Rotated {
            moved_from: moved_from.clone(),
            account: Arc::clone(&change.account),
            user: change.user.clone(),
            key: key.clone(),
            secret: change.destination.clone(),
            old,
            because,
        }),
        Topic::Retiring { why, last_use, other, stops, latest } => Content::Retiring(Retiring {
            account: Arc::clone(&change.account),
            user: change.user.clone(),
            key: key.clone(),
            why,
            last_use,
            other,
            stops,
            latest,
            because,
        }),
    };
    let letter = |because: Option<String>| Letter::new(mail, sender, *language, content(because), run.as_of);
    let refused = match letter(None).send_each(cloud, &run.outbox, recipients, notes).await? {
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
    match letter(Some(reason(&refused))).send_each(cloud, &run.outbox, fallback, notes).await? {
        Told::Accepted => Ok(()),
        Told::Refused(refused) => Err(nobody(&change.user, refused)),
    }
}

const NO_ADDRESS: &str = "the user has no address";

pub(super) fn reason(refused: &[CallError]) -> String {
    match refused {
        [] => NO_ADDRESS.to_owned(),
        refused => refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

pub(super) fn unsent(to: &str, why: &str) -> CallError {
    let (operation, message) = ("ses:SendEmail", why.to_owned());
    CallError { kind: ErrorKind::Other, operation, subject: to.to_owned(), message }
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
pub(super) struct Letter {
    sender: Sender,
    tags: BTreeMap<String, String>,
    text: Text,
    pub note: Option<String>,
}

enum Told {
    Accepted,
    /// By every address, and why; none if there was no address.
    Refused(Vec<CallError>),
}

impl Letter {
    pub fn new(mail: &Mail, sender: &Sender, language: Language, content: Content, as_of: DateTime<Utc>) -> Self {
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

    pub async fn send(&self, cloud: &impl Cloud, outbox: &Outbox, to: &str) -> Result<(), CallError> {
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
        cloud: &impl Cloud,
        outbox: &Outbox,
        to: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Told, CallError> {
        notes.extend(self.note.clone());
        let (mut accepted, mut refused, mut failed) = (false, Vec::new(), None);
        for to in to {
            match self.send(cloud, outbox, to).await {
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
