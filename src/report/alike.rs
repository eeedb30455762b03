//! Texts that differ only by whom or which call they are about: of a thousand accounts that lack a role, AWS writes a thousand
//! messages, each with another account and another request id, and they are one cause.

use crate::names::is_account_id;

/// A text in which what may differ was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// What stands between the parts that may differ: one more than those.
    fixed: Vec<String>,
    varying: Vec<Varying>,
}

/// A part that may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Varying {
    kind: Kind,
    /// As all have it so far; `None`: it differs.
    value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 12 digits, with the account's own name where that follows.
    Account,
    /// The account's own name where it is a key of the manifests.
    Name,
    /// The id of a request, or another token that nobody reads.
    Request,
    /// An instant.
    Time,
}

impl Kind {
    /// What stands where values differ.
    fn placeholder(self) -> &'static str {
        match self {
            Self::Account => "<account>",
            Self::Name => "NAME",
            Self::Request => "<id>",
            Self::Time => "<time>",
        }
    }
}

impl Alike {
    /// Reads a text; `own` is the name of the account that it is about, if it has one.
    #[must_use]
    pub fn new(text: &str, own: Option<&str>) -> Self {
        let mut alike = Self { fixed: vec![String::new()], varying: Vec::new() };
        let mut rest = text;
        let mut before = None;
        while let Some(c) = rest.chars().next() {
            let found = match before.is_none_or(|before| !is_word(before)) {
                true => varying(rest, alike.fixed.last().map_or("", String::as_str), own),
                false => None,
            };
            let length = match found {
                Some((kind, length)) => {
                    alike.varying.push(Varying { kind, value: Some(rest[..length].to_owned()) });
                    alike.fixed.push(String::new());
                    length
                }
                None => {
                    alike.fixed.last_mut().expect("there is one more than parts that vary").push(c);
                    c.len_utf8()
                }
            };
            before = rest[..length].chars().next_back();
            rest = &rest[length..];
        }
        alike
    }

    /// What texts have in common that are alike.
    #[must_use]
    pub fn key(&self) -> String {
        self.written(|varying| varying.kind.placeholder())
    }

    /// Takes in another text with the same key.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.varying.iter_mut().zip(&other.varying) {
            if own.value != other.value {
                own.value = None;
            }
        }
    }

    /// The text of all, with a word in place of what differs.
    #[must_use]
    pub fn text(&self) -> String {
        self.written(|varying| varying.value.as_deref().unwrap_or(varying.kind.placeholder()))
    }

    fn written<'a>(&'a self, part: impl Fn(&'a Varying) -> &'a str) -> String {
        let mut text = String::new();
        for (position, fixed) in self.fixed.iter().enumerate() {
            text += fixed;
            text += self.varying.get(position).map_or("", &part);
        }
        text
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What varies at the beginning of a text, and how long it is; `before` is the fixed text in front of it.
fn varying(text: &str, before: &str, own: Option<&str>) -> Option<(Kind, usize)> {
    let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    if is_account_id(&text[..word]) {
        let named = own.map(|own| format!(" ({own})")).filter(|named| text[word..].starts_with(named.as_str()));
        return Some((Kind::Account, word + named.map_or(0, |named| named.len())));
    }
    if let Some(own) = own.filter(|own| before.ends_with("[accounts.") && text.starts_with(*own)) {
        return Some((Kind::Name, own.len()));
    }
    uuid(text)
        .or_else(|| token_after(text, before))
        .map(|length| (Kind::Request, length))
        .or_else(|| instant(text).map(|length| (Kind::Time, length)))
        .or_else(|| opaque(text).map(|length| (Kind::Request, length)))
}

/// `6f1c8a1e-90ab-4cde-8f01-23456789abcd`
fn uuid(text: &str) -> Option<usize> {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let length = LENGTHS.iter().sum::<usize>() + LENGTHS.len() - 1;
    let candidate = text.get(..length)?;
    let mut parts = candidate.split('-');
    let fits = LENGTHS.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    let is_all = parts.next().is_none() && !text[length..].starts_with(is_word);
    (fits && is_all).then_some(length)
}

/// What is announced as the id of a request.
fn token_after(text: &str, before: &str) -> Option<usize> {
    const MARKS: [&str; 6] = ["requestid", "request id", "request-id", "hostid", "host id", "id-2"];
    let announced = before.trim_end_matches([' ', ':', '=', '"', '\'']).to_ascii_lowercase();
    let is_announced = before.len() > announced.len() && MARKS.iter().any(|mark| announced.ends_with(mark));
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    (is_announced && length >= 8).then_some(length)
}

/// `20261126T080000Z`, `2026-11-26T08:00:00.123Z`
fn instant(text: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_digit() || "TZ:.+-".contains(c);
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let candidate = text[..length].trim_end_matches(['.', ':', '-', '+']);
    let digits = candidate.bytes().filter(u8::is_ascii_digit).count();
    let (date, _) = candidate.split_once('T')?;
    (date.len() >= 8 && digits >= 14 && candidate.ends_with(|c: char| c == 'Z' || c.is_ascii_digit()))
        .then_some(candidate.len())
}

/// A long run of letters and digits, as AWS encodes what only it reads.
fn opaque(text: &str) -> Option<usize> {
    const SHORTEST: usize = 48;
    let length = text.find(|c: char| !is_word(c) && c != '-').unwrap_or(text.len());
    let run = &text[..length];
    let has = |of: fn(&u8) -> bool| run.as_bytes().iter().any(of);
    let is_opaque =
        length >= SHORTEST && has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    is_opaque.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(texts: &[(&str, Option<&str>)]) -> Option<String> {
        let mut all: Option<Alike> = None;
        for (text, own) in texts {
            let one = Alike::new(text, *own);
            assert_eq!(one.text(), *text, "nothing is lost");
            match &mut all {
                None => all = Some(one),
                Some(all) if all.key() == one.key() => all.add(&one),
                Some(_) => return None,
            }
        }
        all.map(|all| all.text())
    }

    #[test]
    fn what_differs_by_account_request_and_instant_is_one_text() {
        for (one, other, expected) in [
            (
                "role arn:aws:iam::111122220001:role/keyrota: User: arn:aws:sts::999988887777:assumed-role/k/k may not",
                "role arn:aws:iam::111122220002:role/keyrota: User: arn:aws:sts::999988887777:assumed-role/k/k may not",
                "role arn:aws:iam::<account>:role/keyrota: User: arn:aws:sts::999988887777:assumed-role/k/k may not",
            ),
            (
                "no (Service: Sts, Status Code: 403, Request ID: 6f1c8a1e-90ab-4cde-8f01-234567890123)",
                "no (Service: Sts, Status Code: 403, Request ID: 00000000-90ab-4cde-8f01-111122223333)",
                "no (Service: Sts, Status Code: 403, Request ID: <id>)",
            ),
            ("RequestId: 4442587FB7D0A2F9, x", "RequestId: 7A62C49F347FC4A1, x", "RequestId: <id>, x"),
            (
                "Signature expired: 20261126T080000Z is now earlier than 20261126T075500Z",
                "Signature expired: 20261126T080001Z is now earlier than 20261126T075500Z",
                "Signature expired: <time> is now earlier than 20261126T075500Z",
            ),
            ("111122220001 (shop) was", "111122220002 (other) was", "<account> was"),
            ("correct [accounts.shop]", "correct [accounts.other]", "correct [accounts.NAME]"),
            ("ünï 111122220001", "ünï 111122220002", "ünï <account>"),
        ] {
            let texts = [(one, Some("shop")), (other, Some("other"))];
            assert_eq!(common(&texts).as_deref(), Some(expected));
        }
        for (one, other) in [
            ("HTTP status 500", "HTTP status 503"),
            ("role/keyrota", "role/keyrota2"),
            ("no connection", "no answer in time"),
            ("in eu-west-1 of x111122220001", "in eu-west-1 of x111122220002"),
        ] {
            assert_eq!(common(&[(one, None), (other, None)]), None, "{one} | {other}");
        }
    }
}
