//! `[mail]`: who sends, and who gets it when the owner can't.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{context::Context, source::Source, spanned::Spanned, values};
use crate::{
    notice::Sender,
    template::{Language, Templates},
};

/// `[mail]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Set whenever anyone is to be told.
    pub from: Option<String>,
    /// The SES identity of another account that permits this one to send for it.
    pub from_arn: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The SES configuration set to send with.
    pub configuration_set: Option<String>,
    /// The region whose SES sends; `None`: that of the caller.
    pub region: Option<String>,
    /// Who is told when the owner can't be.
    pub fallback: Vec<String>,
    /// Who gets a summary of each run.
    pub digest: Vec<String>,
    /// Of the digest: that of `[defaults]`.
    pub language: Language,
    /// The mails that the team writes itself.
    pub templates: Arc<Templates>,
    /// Where each of the above was written, by its key, or by the name of the template.
    pub places: BTreeMap<String, Source>,
}

impl Mail {
    /// The sender of all mail; `None` where nobody is ever told.
    pub fn sender(&self) -> Option<Sender> {
        let Self { from, from_arn, reply_to, configuration_set, region, .. } = self.clone();
        Some(Sender { from: from?, from_arn, reply_to, configuration_set, region })
    }
}

/// `[mail]` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct WrittenMail {
    /// The sender; an identity that SES has verified. Required as soon as anyone is to be told.
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
    /// Who is told when the owner can't be.
    #[schemars(extend("examples" = [["security@example.com"]]))]
    pub fallback: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who gets a summary of each run that did or blocked something.
    #[schemars(extend("examples" = [["security@example.com"]]))]
    pub digest: Option<Spanned<Vec<Spanned<String>>>>,
}

/// What is right of it.
pub(super) fn check(written: &WrittenMail, context: &mut Context) -> Mail {
    let WrittenMail { from, from_arn, reply_to, configuration_set, region, fallback, digest } = written;
    let one = |address: &Option<Spanned<String>>, context: &mut Context| {
        address.as_ref().and_then(|at| context.accept(&at.span, values::address(&at.value)))
    };
    let many = |list: &Option<Spanned<Vec<Spanned<String>>>>, context: &mut Context| {
        list.as_ref().map(|list| context.accept_all(&list.value, values::address)).unwrap_or_default()
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
        from_arn: from_arn.as_ref().and_then(|at| context.accept(&at.span, values::identity_arn(&at.value))),
        reply_to: one(reply_to, context),
        configuration_set: configuration_set
            .as_ref()
            .and_then(|at| context.accept(&at.span, values::configuration_set(&at.value))),
        region: region.as_ref().and_then(|at| context.accept(&at.span, values::region(&at.value))),
        fallback: many(fallback, context),
        digest: many(digest, context),
        places,
        ..Mail::default()
    }
}
