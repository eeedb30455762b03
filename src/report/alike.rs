//! Texts that differ only by whom, which key or which call they are about, or by how long something took: of a thousand accounts that
//! lack a role, AWS writes a thousand messages, each with another account and another request id, and they are one cause.

use std::collections::HashMap;

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
    /// A date.
    Day,
    /// How long something took, or how old it is.
    Duration,
    /// The id of an access key.
    Key,
}

impl Kind {
    /// What stands where values differ.
    fn placeholder(self) -> &'static str {
        match self {
            Self::Account => "<account>",
            Self::Name => "NAME",
            Self::Request => "<id>",
            Self::Time => "<time>",
            Self::Day => "<date>",
            Self::Duration => "<duration>",
            Self::Key => "<key>",
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

/// What is the same, but for what varies.
pub struct AlikeGroup<T> {
    /// Each with its own text.
    pub all: Vec<(T, String)>,
    common: Alike,
}

impl<T> AlikeGroup<T> {
    /// Of so few each is shown with what only it has: a person is to do something with just that key.
    const FEW: usize = 3;

    /// The groups, in the order of their first texts; each text with the name of the account that it is about.
    pub fn of<'t>(texts: impl IntoIterator<Item = (T, String, Option<&'t str>)>) -> Vec<Self> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<Self> = Vec::new();
        for (of, text, own) in texts {
            let one = Alike::new(&text, own);
            let place = *places.entry(one.key()).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => {
                    group.common.add(&one);
                    group.all.push((of, text));
                }
                None => groups.push(Self { all: vec![(of, text)], common: one }),
            }
        }
        groups
    }

    /// What is shown of the group: the text of all with whom it is about, or, of a few that differ, each with its own.
    pub fn shown(&self) -> Vec<(Vec<&T>, String)> {
        let are_same = self.all.iter().all(|(_, text)| self.all.first().is_some_and(|(_, first)| first == text));
        match are_same || self.all.len() > Self::FEW {
            true => vec![(self.all.iter().map(|(of, _)| of).collect(), self.common.text())],
            false => self.all.iter().map(|(of, text)| (vec![of], text.clone())).collect(),
        }
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
        .or_else(|| day(text).map(|length| (Kind::Day, length)))
        .or_else(|| key(&text[..word]).map(|length| (Kind::Key, length)))
        .or_else(|| duration(text, before).map(|length| (Kind::Duration, length)))
        .or_else(|| trace(text).or_else(|| token(&text[..word])).map(|length| (Kind::Request, length)))
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

/// `2026-12-01`
fn day(text: &str) -> Option<usize> {
    const LENGTH: usize = 10;
    let date = text.get(..LENGTH)?.parse::<chrono::NaiveDate>();
    (date.is_ok() && !text[LENGTH..].starts_with(|c| is_word(c) || c == '-')).then_some(LENGTH)
}

/// `AKIAIOSFODNN7EXAMPLE`
fn key(word: &str) -> Option<usize> {
    let is_key = word.len() >= 16 && ["AKIA", "ASIA"].iter().any(|prefix| word.starts_with(prefix));
    (is_key && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())).then_some(word.len())
}

/// `95d`, `30.2s`, `900.00 seconds`. Colours of a terminal are written alike.
fn duration(text: &str, before: &str) -> Option<usize> {
    const UNITS: [&str; 7] = ["ms", "s", "m", "min", "h", "d", "w"];
    const WORDS: [&str; 6] = ["millisecond", "second", "minute", "hour", "day", "week"];
    if before.ends_with('[') {
        return None;
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..digits].trim_end_matches('.');
    if number.is_empty() || !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = &text[number.len()..];
    let unit = rest.strip_prefix(' ').unwrap_or(rest);
    let word = &unit[..unit.find(|c| !is_word(c)).unwrap_or(unit.len())];
    let is_unit = match rest.starts_with(' ') {
        true => WORDS.contains(&word.strip_suffix('s').unwrap_or(word)) || word == "ms",
        false => UNITS.contains(&word),
    };
    is_unit.then(|| text.len() - unit.len() + word.len())
}

/// `1-5759e988-bd862e3fe1be46a994272793`, as X-Ray and the API gateways of AWS write it.
fn trace(text: &str) -> Option<usize> {
    const LENGTHS: [usize; 3] = [1, 8, 24];
    let length = text.find(|c: char| !is_word(c) && c != '-').unwrap_or(text.len());
    let parts: Vec<&str> = text[..length].split('-').collect();
    let is_part = |(part, length): (&&str, usize)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    (parts.len() == LENGTHS.len() && parts.iter().zip(LENGTHS).all(is_part)).then_some(length)
}

/// A word that nobody reads: many hexadecimal digits, many capitals and digits, or a longer mixture with small letters.
fn token(word: &str) -> Option<usize> {
    const SHORTEST: usize = 16;
    const SHORTEST_OF_ALL: usize = 20;
    let count = |of: fn(&u8) -> bool| word.bytes().filter(of).count();
    let (digits, small) = (count(u8::is_ascii_digit), count(u8::is_ascii_lowercase));
    let capitals = count(u8::is_ascii_uppercase);
    let is_hexadecimal = count(u8::is_ascii_hexdigit) == word.len();
    let is_mixed = match (small, capitals) {
        (0, _) => true,
        (_, 0) => false,
        _ => word.len() >= SHORTEST_OF_ALL,
    };
    let is_token = digits >= 2 && digits + small + capitals == word.len() && (is_hexadecimal || is_mixed);
    (is_token && word.len() >= SHORTEST).then_some(word.len())
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
            ("no answer in 30.2s", "no answer in 31s", "no answer in <duration>"),
            ("timed out after 900.00 seconds.", "timed out after 899.98 seconds.", "timed out after <duration>."),
            ("held until 2026-12-01: 95d old", "held until 2026-12-02: 95d old", "held until <date>: 95d old"),
            (
                "AKIAIOSFODNN7EXAMPLE and AKIAI44QH8DHBEXAMPLE work",
                "AKIAIOSFODNN7EXAMPLE and AKIAEXAMPLE0SECOND00 work",
                "AKIAIOSFODNN7EXAMPLE and <key> work",
            ),
            ("no (4442587FB7D0A2F9)", "no (TX234S0F24A06C7R)", "no (<id>)"),
            ("ref 0af7651916cd43dd8448eb211c80319c", "ref b7ad6b7169203331b7ad6b7169203331", "ref <id>"),
            ("Root=1-5759e988-bd862e3fe1be46a994272793", "Root=1-67e0a1b2-0123456789abcdef01234567", "Root=<id>"),
            ("id eFgSpE8XoAMEJXw1a2b3, no", "id aBcDe0987654321xyzQw, no", "id <id>, no"),
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
            ("svc-payments-reader", "svc-payments-writer"),
            ("Unauthorized4Operation", "Unauthorized5Operation"),
            ("attempt 3 of 8", "attempt 4 of 8"),
            ("keyrota-apply-2026", "keyrota-apply-2027"),
            ("\u{1b}[31m!", "\u{1b}[32m!"),
            ("in eu-west-1 of x111122220001", "in eu-west-1 of x111122220002"),
        ] {
            assert_eq!(common(&[(one, None), (other, None)]), None, "{one} | {other}");
        }
    }
}
