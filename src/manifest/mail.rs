//! `[mail]`: who sends, and who gets it when the owner can't.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    code::Code,
    context::Context,
    diagnostic::quote,
    recipients::{self, is_bare_address},
    source::Source,
    spanned::Spanned,
    values::{self, Invalid, wrong},
};
use crate::{
    names,
    notice::Sender,
    template::{Language, Templates},
};

/// `[mail]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Set whenever anyone is to be told by mail.
    pub from: Option<String>,
    /// The SES identity of another account that permits this one to send for it.
    pub from_arn: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The SES configuration set to send with.
    pub configuration_set: Option<String>,
    /// The region whose SES sends; `None`: that of the caller.
    pub region: Option<String>,
    /// Who is told when the owner can't be: addresses, and channels as they are written.
    pub fallback: Vec<String>,
    /// Who gets a summary of each run, likewise.
    pub digest: Vec<String>,
    /// Of the digest: that of `[defaults]`.
    pub language: Language,
    /// The mails that the team writes itself.
    pub templates: Arc<Templates>,
    /// Where each of the above was written, by its key, or by the name of the template.
    pub places: BTreeMap<String, Source>,
}

impl Mail {
    /// The sender of all mail; `None` where nobody is ever told by mail.
    pub fn sender(&self) -> Option<Sender> {
        let Self { from, from_arn, reply_to, configuration_set, region, .. } = self.clone();
        Some(Sender { from: from?, from_arn, reply_to, configuration_set, region })
    }
}

/// `[mail]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenMail {
    /// The sender; an identity that SES has verified. Required as soon as anyone is to be told by mail.
    #[schemars(extend("examples" = ["Security <security@example.com>"]))]
    pub from: Option<Spanned<String>>,
    /// The ARN of the sender's SES identity, if another account owns it and permits this one to send for it.
    #[schemars(extend("examples" = ["arn:aws:ses:eu-west-1:111122223333:identity/example.com"]))]
    pub from_arn: Option<Spanned<String>>,
    /// Where answers go.
    #[schemars(extend("examples" = ["security@example.com"]))]
    pub reply_to: Option<Spanned<String>>,
    /// The SES configuration set to send with. Its events carry the tags `run` and `kind`.
    #[schemars(extend("examples" = ["keyrota"]))]
    pub configuration_set: Option<Spanned<String>>,
    /// The region whose SES sends the mail. Without it: that of the caller's credentials.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub region: Option<Spanned<String>>,
    /// Who is told when the owner can't be: addresses, `sns:ARN` and `slack:NAME`.
    #[schemars(extend("examples" = [["security@example.com"]]))]
    pub fallback: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who gets a summary of each run that did or blocked something: addresses, `sns:ARN` and `slack:NAME`.
    #[schemars(extend("examples" = [["security@example.com"]]))]
    pub digest: Option<Spanned<Vec<Spanned<String>>>>,
}

/// What is right of it.
pub(super) fn check(written: &WrittenMail, context: &mut Context) -> Mail {
    let WrittenMail { from, from_arn, reply_to, configuration_set, region, fallback, digest } = written;
    let one = |address: &Option<Spanned<String>>, context: &mut Context| {
        address.as_ref().and_then(|at| context.accept(&at.span, recipients::address(&at.value)))
    };
    let many = |list: &Option<Spanned<Vec<Spanned<String>>>>, context: &mut Context| {
        list.as_ref()
            .map(|list| {
                let named = |text: &str| recipients::named(text).map(|recipient| recipient.to_string());
                context.accept_all(&list.value, named)
            })
            .unwrap_or_default()
    };
    let spans = [
        ("from", from.as_ref().map(|at| &at.span)),
        ("from-arn", from_arn.as_ref().map(|at| &at.span)),
        ("reply-to", reply_to.as_ref().map(|at| &at.span)),
        ("configuration-set", configuration_set.as_ref().map(|at| &at.span)),
        ("fallback", fallback.as_ref().map(|at| &at.span)),
        ("digest", digest.as_ref().map(|at| &at.span)),
    ];
    let places = spans.into_iter().filter_map(|(key, span)| Some((key.to_owned(), context.location(span?)))).collect();
    Mail {
        from: one(from, context),
        from_arn: from_arn.as_ref().and_then(|at| context.accept(&at.span, identity_arn(&at.value))),
        reply_to: one(reply_to, context),
        configuration_set: configuration_set.as_ref().and_then(|at| context.accept(&at.span, set_name(&at.value))),
        region: region.as_ref().and_then(|at| context.accept(&at.span, values::region(&at.value))),
        fallback: many(fallback, context),
        digest: many(digest, context),
        places,
        ..Mail::default()
    }
}

/// The ARN of an SES identity: a domain or an address.
fn identity_arn(text: &str) -> Result<String, Invalid> {
    let is_fine = matches!(text.split(':').collect::<Vec<_>>()[..], ["arn", partition, "ses", region, account, resource]
    if names::is_partition(partition) && names::is_region(region) && names::is_account_id(account)
        && resource.strip_prefix("identity/").is_some_and(|name| {
            is_bare_address(name) || is_bare_address(&format!("any@{name}"))
        }));
    if is_fine {
        return Ok(text.to_owned());
    }
    let help = "write e.g. `arn:aws:ses:eu-west-1:111122223333:identity/example.com`";
    wrong(Code::MailIdentity, format!("{} is not the ARN of an SES identity", quote(text)), help)
}

/// The name of an SES configuration set.
fn set_name(text: &str) -> Result<String, Invalid> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !text.is_empty() && text.len() <= 64 && text.chars().all(is_fine) {
        return Ok(text.to_owned());
    }
    let message = format!("{} can't be the name of an SES configuration set", quote(text));
    wrong(Code::MailIdentity, message, "names of configuration sets have up to 64 letters, digits, `_` and `-`")
}
