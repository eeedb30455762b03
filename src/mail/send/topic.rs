//! To an SNS topic: the text of the mail, with its subject for those who subscribe with an address.

use std::collections::BTreeMap;

use deunicode::deunicode;

use super::cut::cut;
use crate::{
    cloud::{Posting, Writes},
    inventory::CallError,
    template::Text,
};

/// SNS takes subjects of less than 100 characters, ASCII alone.
const LONGEST_SUBJECT: usize = 99;

/// A message has 256 KB with its attributes.
const LONGEST_TEXT: usize = 255 * 1024;

pub(super) async fn send(
    cloud: &dyn Writes,
    tags: &BTreeMap<String, String>,
    text: &Text,
    arn: &str,
) -> Result<(), CallError> {
    let (subject, text) = as_topic(text);
    cloud.publish(&Posting { to: arn.to_owned(), tags: tags.clone(), subject, text }).await
}

/// The subject and the text, as SNS takes them.
#[must_use]
pub fn as_topic(text: &Text) -> (String, String) {
    (ascii(&text.subject), cut(&text.text, LONGEST_TEXT, char::len_utf8))
}

/// The subject in ASCII: letters without their accents.
fn ascii(subject: &str) -> String {
    let plain: String = deunicode(subject).chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
    match plain.trim() {
        "" => "keyrota".to_owned(),
        plain if plain.len() > LONGEST_SUBJECT => plain[..LONGEST_SUBJECT - 3].to_owned() + "...",
        plain => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        for (subject, expected) in [
            ("Your key was rotated", "Your key was rotated"),
            ("Clave desactivada: ñandú – mañana", "Clave desactivada: nandu - manana"),
            (" \u{7}Chave\nnova ", "Chavenova"),
            ("", "keyrota"),
        ] {
            assert_eq!(ascii(subject), expected);
        }
        let long = ascii(&"é".repeat(300));
        assert!(long.len() == LONGEST_SUBJECT && long.ends_with("e..."), "{long}");
    }
}
