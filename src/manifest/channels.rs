//! The channels that manifests name beside addresses, and what must be true of them all together.

use std::collections::BTreeMap;

use super::{
    code::Code,
    diagnostic::{Diagnostic, Sources, quote},
    model::{Manifest, Rule},
    pattern::Pattern,
    shared::Shared,
    source::Source,
};
use crate::notice::{Channel, ChannelKind, Recipient};

/// The channels that a manifest names, each with a place where it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channels<'a>(BTreeMap<(ChannelKind, String), Option<&'a Source>>);

impl<'a> Channels<'a> {
    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a kind, by name.
    pub fn of(&self, kind: ChannelKind) -> impl Iterator<Item = (&str, Option<&'a Source>)> {
        self.0.iter().filter(move |((of, _), _)| *of == kind).map(|((_, name), source)| (name.as_str(), *source))
    }
}

impl Manifest {
    /// The channels that anyone is told by.
    pub fn channels(&self) -> Channels<'_> {
        let mut channels = Channels::default();
        let mut add = |recipient: &str, source| {
            if let Channel::Of(kind, name) = Channel::of(recipient) {
                channels.0.entry((kind, name.to_owned())).or_insert(source);
            }
        };
        for (key, recipients) in [("fallback", &self.mail.fallback), ("digest", &self.mail.digest)] {
            recipients.iter().for_each(|recipient| add(recipient, self.mail.places.get(key)));
        }
        for notify in self.rules.iter().map(|rule| &rule.policy.notify) {
            notify.value.iter().for_each(|recipient| add(&recipient.to_string(), notify.source.as_ref()));
        }
        channels
    }
}

/// `[mail] from` is required as soon as anyone is to be told by mail.
pub(super) fn missing_sender(manifest: &Manifest, shared: &Shared, sources: &Sources) -> Option<Diagnostic> {
    let is_refused = shared.is_refused("mail", |file| file.mail.as_ref(), "from");
    if manifest.mail.from.is_some() || is_refused || shared.has_bad_sender() {
        return None;
    }
    let message = format!("somebody is to be told, but {} has no sender", quote("[mail]"));
    let by_mail = |rule: &&Rule| rule.policy.notify.value.iter().any(Recipient::takes_mail);
    let notify = manifest.rules.iter().find(by_mail).map(|rule| &rule.policy.notify);
    let label = match notify.and_then(|notify| notify.source.as_ref()) {
        Some(source) => sources.label(source, "this tells somebody"),
        None => shared.mail_label(manifest)?,
    };
    let help = "add to `keyrota.toml`, below `[mail]`: `from = \"Security <security@example.com>\"`";
    Some(Diagnostic::error(Code::SenderMissing, message, label).help(help))
}

/// The secrets that keyrota reads for itself are its own. One that holds a user's credential would be read for the sake of its
/// name.
pub(super) fn credentials_as_own(manifest: &Manifest, sources: &Sources) -> Vec<Diagnostic> {
    let is_of = |rule: &&Rule, name: &str| {
        let all = [Pattern::new("*")];
        let users = if rule.users.is_empty() { &all[..] } else { &*rule.users };
        users.iter().any(|user| {
            let secret = rule.policy.secret.value.replace("{user}", &user.text).replace(',', "_");
            Pattern::new(&secret).matches(name)
        })
    };
    let channels = manifest.channels();
    let webhooks = channels.of(ChannelKind::Slack).map(|(name, source)| {
        let help = "keep the URL in a secret of another name, and write that one's: `slack:NAME`";
        (name, source, "is to hold the URL of a webhook", help)
    });
    let github = manifest.deliver.github.secret.as_ref().map(|name| {
        let help = "keep that in a secret of another name, and write that one's: `secret = \"NAME\"`";
        (
            name.as_str(),
            manifest.deliver.github.places.get("secret"),
            "is to hold what GitHub is signed in to with",
            help,
        )
    });
    let wrong = webhooks.chain(github).filter_map(|(name, source, holds, help)| {
        let rule = manifest.rules.iter().find(|rule| is_of(rule, name))?;
        let message = format!("{} can be the secret of a user's credential, which is never read", quote(name));
        let rule = sources.label(&rule.source, "this rule may store a credential there");
        Some(
            Diagnostic::error(Code::ChannelIsCredential, message, sources.label(source?, holds)).label(rule).help(help),
        )
    });
    wrong.collect()
}
