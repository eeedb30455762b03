//! SES v2: takes mail, and refuses it for the addresses that the file lists.

use chrono::{DateTime, SubsecRound, Utc};

use super::{Located, SentMail};
use crate::{
    cloud::Message,
    inventory::{CallError, ErrorKind},
    notice::Sender,
};

/// `SendEmail`.
pub(super) fn send_mail(world: &mut Located, now: DateTime<Utc>, message: &Message) -> Result<(), CallError> {
    let Message { sender, tags, to, subject, text, html } = message;
    let Sender { from, from_arn, reply_to, configuration_set, region: _ } = sender;
    let refuse = |text: String| {
        Err(CallError {
            kind: ErrorKind::Refused,
            operation: "ses:SendEmail",
            subject: to.clone(),
            message: text,
            hint: None,
        })
    };
    for written in [Some(from), reply_to.as_ref(), Some(to)].into_iter().flatten() {
        let complete = address(written).split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !written.contains(['\r', '\n'])
        });
        if !complete {
            return refuse(format!("BadRequestException: `{written}` is not an address: Missing final '@domain'"));
        }
    }
    if subject.is_empty() || subject.contains(|c: char| c.is_control()) {
        return refuse("BadRequestException: Local address contains control or whitespace".to_owned());
    }
    let is_tag = |text: &str| {
        !text.is_empty() && text.len() <= 256 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    if let Some((name, value)) = tags.iter().find(|(name, value)| !is_tag(name) || !is_tag(value)) {
        return refuse(format!("BadRequestException: Invalid tag `{name}: {value}`: use letters, digits, `_` and `-`"));
    }
    if world.refuse_mail_to.iter().any(|refused| address(refused).eq_ignore_ascii_case(address(to))) {
        return refuse(format!("MessageRejected: Email address is not verified: {}", address(to)));
    }
    world.mail.push(SentMail {
        sent: now.trunc_subsecs(0),
        from: from.clone(),
        from_arn: from_arn.clone(),
        reply_to: reply_to.clone(),
        configuration_set: configuration_set.clone(),
        tags: tags.clone(),
        to: to.clone(),
        subject: subject.clone(),
        text: text.clone(),
        html: html.clone(),
    });
    Ok(())
}

/// The bare address of `Name <address>`.
fn address(written: &str) -> &str {
    let bracketed = written.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    bracketed.unwrap_or(written).trim()
}
