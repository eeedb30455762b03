//! Whom to tell, as it may stand within the quotes: mail addresses, tags that hold some, and channels.

use strum::VariantArray;

use super::{
    code::Code,
    diagnostic::quote,
    values::{Invalid, wrong},
};
use crate::notice::{Channel, ChannelKind, NO_URL, NoChannel, Recipient, USER_NAME};

/// A mail address, `tag:NAME`, `user-name`, or a channel.
pub(super) fn recipient(text: &str) -> Result<Recipient, Invalid> {
    let plain = text.trim().to_ascii_lowercase().replace('_', "-");
    match text.split_once(':') {
        _ if text == USER_NAME => Ok(Recipient::UserName),
        _ if plain == USER_NAME || plain == "username" => {
            let help = format!("write {} if the names of the users are mail addresses", quote(USER_NAME));
            wrong(Code::Address, format!("{} is not a mail address", quote(text)), help)
        }
        Some(("tag", name)) if name.trim() == name && !name.is_empty() => Ok(Recipient::Tag(name.to_owned())),
        Some((prefix, name)) if prefix.trim().eq_ignore_ascii_case("tag") => {
            let name = if name.trim().is_empty() { "email" } else { name.trim() };
            let help = format!("write the tag's key, without spaces: {}", quote(&format!("tag:{name}")));
            wrong(Code::Address, format!("{} does not name a tag", quote(text)), help)
        }
        _ => named(text),
    }
}

/// An address or a channel: what needs no user to be resolved.
pub(super) fn named(text: &str) -> Result<Recipient, Invalid> {
    // What may be the whole of a webhook's URL is not repeated: who has it can write to the channel.
    let is_url = text.trim_start().to_ascii_lowercase().contains("https://");
    if is_url {
        return wrong(Code::Channel, "a URL stands where a recipient is named", NO_URL);
    }
    if let Channel::Of(kind, name) = Channel::of(text) {
        return match kind.check(name) {
            Ok(()) => Ok(Recipient::Channel(kind, name.to_owned())),
            Err(NoChannel { message, help }) => wrong(Code::Channel, message, help),
        };
    }
    match text.split_once(':') {
        // A tag is of a user, and here there is none.
        Some((prefix, _)) if prefix.trim().eq_ignore_ascii_case("tag") => address(text).map(Recipient::Address),
        Some((prefix, rest)) if !prefix.contains(['@', '<', ' ']) => {
            let plain = prefix.trim().to_ascii_lowercase().replace('_', "-");
            let kind = |is_it: &dyn Fn(&ChannelKind) -> bool| ChannelKind::VARIANTS.iter().copied().find(is_it);
            let meant = kind(&|kind| kind.as_str() == plain)
                .or_else(|| kind(&|kind| kind.meant_by().contains(&plain.as_str())))
                .or_else(|| kind(&|kind| strsim::damerau_levenshtein(kind.as_str(), &plain) == 1));
            match meant {
                Some(channel) => {
                    let rest = if plain == "arn" { text } else { rest.trim() };
                    let help = format!("did you mean {}?", quote(&format!("{channel}:{rest}")));
                    wrong(Code::Channel, format!("{} is no recipient", quote(text)), help)
                }
                None => {
                    let forms: Vec<String> =
                        ChannelKind::VARIANTS.iter().map(|kind| format!("`{}`", kind.form())).collect();
                    let (last, others) = forms.split_last().expect("there are channels");
                    let help = format!(
                        "write a mail address, `tag:NAME`, {} or {last}; other chats and tools hang on a topic, or on an event \
                         (`[events]`)",
                        others.join(", ")
                    );
                    wrong(Code::Channel, format!("there is no channel {}", quote(prefix)), help)
                }
            }
        }
        None if text.starts_with('#') => {
            let help = "an incoming webhook belongs to one channel: put its URL into a secret of Secrets Manager, and write \
                        that one's name: `slack:NAME`";
            wrong(Code::Channel, format!("{} is no recipient", quote(text)), help)
        }
        _ => address(text).map(Recipient::Address),
    }
}

/// `name@example.com` or `Name <name@example.com>`.
pub(super) fn address(text: &str) -> Result<String, Invalid> {
    let bare = match text.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
        Some((name, bare)) if !name.contains(|c: char| c.is_control() || "<>@,;".contains(c)) => bare,
        _ => text,
    };
    if is_bare_address(bare) {
        return Ok(text.to_owned());
    }
    let help = match text.contains([',', ';']) {
        true => "give each address its own entry in the list",
        false => "write e.g. `team@example.com` or `Team <team@example.com>`",
    };
    wrong(Code::Address, format!("{} is not a mail address", quote(text)), help)
}

/// Whether mail could be sent to it, as far as its spelling tells.
pub(crate) fn is_bare_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_is_fine = !local.is_empty()
        && local.len() <= 64
        && local.chars().all(|c| c.is_ascii_graphic() && !"@,;:<>()[]\"\\".contains(c));
    let label_is_fine = |label: &str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(is_word) && !label.starts_with('-') && !label.ends_with('-')
    };
    local_is_fine && domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label_is_fine)
}

/// The addresses in a tag's value. IAM allows letters, digits, spaces and `_.:/=+-@` there, so several are separated by
/// spaces, `:` or `/`; what else may come out of other hands (`,` and `;`) separates as well.
pub(crate) fn addresses_in(text: &str) -> Vec<&str> {
    let mut addresses = Vec::new();
    for part in text.split(|c: char| c.is_whitespace() || ",;".contains(c)) {
        // An address may itself hold `/`: it is taken apart only if it is none as it stands.
        for separators in [&[][..], &[':'], &[':', '/']] {
            let pieces = part.split(separators).map(|piece| piece.trim_matches(['<', '>']));
            let found: Vec<&str> = pieces.clone().filter(|piece| is_bare_address(piece)).collect();
            let is_last = separators.len() == 2;
            if is_last || found.len() == pieces.filter(|piece| piece.contains('@')).count() && !found.is_empty() {
                addresses.extend(found);
                break;
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for text in ["a@b.example", "Ana Ñandú <ana+keys@x-1.example.com>", "<a@b.example>", "o'neil@example.com"] {
            assert_eq!(address(text), Ok(text.to_owned()));
        }
        for text in [
            "a@b",
            "@b.example",
            "a@",
            "a b@c.example",
            "a@b..example",
            "a@-b.example",
            "a\r\nBcc: x@y.example",
            "A <a@b.example",
            "a@b@c.example",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        assert_eq!(recipient("tag:Owner:mail"), Ok(Recipient::Tag("Owner:mail".to_owned())));
        assert_eq!(recipient("user-name"), Ok(Recipient::UserName));
        for text in ["username", "user_name", "User-Name", " user-name", "user"] {
            assert!(recipient(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tag_may_hold_several_addresses() {
        let both = &["a@x.example", "b@x.example"][..];
        for (text, expected) in [
            ("a@x.example", &["a@x.example"][..]),
            (" a@x.example ", &["a@x.example"]),
            ("a@x.example:b@x.example", both),
            ("a@x.example b@x.example", both),
            ("a@x.example;b@x.example", both),
            ("a@x.example, b@x.example", both),
            ("a@x.example/b@x.example", both),
            ("a@x.example : b@x.example", both),
            ("a@x.example\tb@x.example", both),
            ("mailto:a@x.example", &["a@x.example"]),
            ("team/a@x.example", &["team/a@x.example"]),
            ("team/a@x.example b@x.example", &["team/a@x.example", "b@x.example"]),
            ("team/a@x.example:b@x.example", &["team/a@x.example", "b@x.example"]),
            ("Ana <a@x.example>", &["a@x.example"]),
            ("a@x.example:b@", &["a@x.example"]),
            ("ask Bob", &[]),
            ("a@x", &[]),
            ("@", &[]),
            (":/ ;,", &[]),
            ("", &[]),
        ] {
            assert_eq!(addresses_in(text), expected, "{text}");
        }
    }

    #[test]
    fn channels_are_named_and_what_was_meant_is_said() {
        let arn = "arn:aws:sns:eu-west-1:111122223333:keyrota";
        assert_eq!(recipient(&format!("sns:{arn}")), Ok(Recipient::Channel(ChannelKind::Sns, arn.to_owned())));
        assert_eq!(
            recipient("slack:keyrota/slack"),
            Ok(Recipient::Channel(ChannelKind::Slack, "keyrota/slack".to_owned()))
        );
        for channel in [format!("sns:{arn}"), "slack:keyrota/slack".to_owned()] {
            assert_eq!(recipient(&channel).map(|one| one.to_string()), Ok(channel.clone()), "as it was written");
        }
        for (text, help) in [
            (arn, format!("did you mean `sns:{arn}`?")),
            ("SNS:x", "did you mean `sns:x`?".to_owned()),
            ("slcak:ops", "did you mean `slack:ops`?".to_owned()),
            ("webhook: ops", "did you mean `slack:ops`?".to_owned()),
        ] {
            assert_eq!(recipient(text).map_err(|invalid| (invalid.code, invalid.help)), Err((Code::Channel, help)));
        }
        for text in [
            "sns:",
            "sns:keyrota",
            "sns:arn:aws:sns:eu-west-1:1:keyrota",
            "sns:arn:aws:sns:eu-west-1:111122223333:keyrota.fifo",
            "sns:arn:aws:sns:eu-west-1:111122223333:keyrota:11111111-2222-3333-4444-555555555555",
            "sns:arn:aws:sqs:eu-west-1:111122223333:keyrota",
            "slack:",
            "slack:#ops",
            "slack:two words",
            "teams:ops",
            "#ops",
        ] {
            assert_eq!(recipient(text).map_err(|invalid| invalid.code), Err(Code::Channel), "{text}");
        }
    }

    /// Who has the URL of a webhook can write to its channel.
    #[test]
    fn a_webhooks_url_is_refused_and_not_repeated() {
        for text in [
            "https://hooks.slack.com/services/T0/B0/hush",
            "slack:https://hooks.slack.com/services/T0/B0/hush",
            "slack:hooks.slack.com/services/T0/B0/hush",
            "slack:services/T0/B0/hush",
            "slack:T0A1/B0A1/hush",
        ] {
            let invalid = recipient(text).expect_err("a URL is no name");
            assert_eq!(invalid.code, Code::Channel);
            assert!(!format!("{invalid:?}").contains("hush"), "{invalid:?}");
        }
    }
}
