//! KMS keys by their names. A manifest and AWS may name the same key in different ways: by its ARN, its id or an alias.

use crate::inventory::Account;

/// The alias of the key of Secrets Manager's own, which AWS reports by saying nothing.
const MANAGED: &str = "aws/secretsmanager";

/// The most characters that the value of a tag may have.
const MOST_IN_TAG: usize = 256;

/// Another KMS key for a secret, as AWS reports the one and the manifest names the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsKeyChange {
    /// `None`: `aws/secretsmanager`.
    pub from: Option<String>,
    /// The key that the manifest names.
    pub to: String,
}

/// Whether two names are those of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They are.
    Same,
    /// They are those of two keys.
    Other,
    /// One is an alias, the other the key itself: only KMS knows.
    Unknown,
}

/// Compares the key that a manifest names with the one that AWS reports for a secret of the account.
pub fn compare(wanted: &str, reported: Option<&str>, account: &Account) -> Likeness {
    let Some(reported) = reported else {
        let is_managed =
            Name::of(wanted, account) == Name { resource: Resource::Alias(MANAGED), ..Name::at_home(account) };
        return if is_managed { Likeness::Same } else { Likeness::Other };
    };
    let (wanted, reported) = (Name::of(wanted, account), Name::of(reported, account));
    match (&wanted.resource, &reported.resource) {
        (Resource::Key(_), Resource::Alias(_)) | (Resource::Alias(_), Resource::Key(_)) => Likeness::Unknown,
        _ if wanted == reported => Likeness::Same,
        _ => Likeness::Other,
    }
}

/// What is noted on the secret when its key was set and the names alone can't tell: once both are as noted, nothing is to
/// be done.
pub fn note(wanted: &str, reported: Option<&str>) -> String {
    let note = format!("{} {wanted}", reported.unwrap_or_default());
    note.chars().take(MOST_IN_TAG).collect()
}

/// A key or an alias, with its region and account.
#[derive(Debug, PartialEq, Eq)]
struct Name<'a> {
    region: &'a str,
    account: &'a str,
    resource: Resource<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum Resource<'a> {
    Key(&'a str),
    Alias(&'a str),
}

impl<'a> Name<'a> {
    fn of(text: &'a str, account: &'a Account) -> Self {
        match text.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["arn", _, "kms", region, id, resource] => Self { region, account: id, resource: Resource::of(resource) },
            _ => Self { resource: Resource::of(text), ..Self::at_home(account) },
        }
    }

    fn at_home(account: &'a Account) -> Self {
        Self { region: &account.region, account: &account.id, resource: Resource::Alias("") }
    }
}

impl<'a> Resource<'a> {
    fn of(text: &'a str) -> Self {
        match text.strip_prefix("alias/") {
            Some(alias) => Self::Alias(alias),
            None => Self::Key(text.strip_prefix("key/").unwrap_or(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_by_whatever_name() {
        let (id, other) = ("1234abcd-12ab-34cd-56ef-1234567890ab", "00000000-12ab-34cd-56ef-1234567890ab");
        let key = &format!("arn:aws:kms:eu-west-1:111122223333:key/{id}");
        let alias = "arn:aws:kms:eu-west-1:111122223333:alias/keys";
        let elsewhere = "arn:aws:kms:eu-west-1:444455556666:alias/keys";
        let managed = "alias/aws/secretsmanager";
        for (wanted, reported, expected) in [
            (id, Some(id), Likeness::Same),
            (id, Some(key.as_str()), Likeness::Same),
            (key, Some(id), Likeness::Same),
            (id, Some(other), Likeness::Other),
            ("alias/keys", Some("alias/keys"), Likeness::Same),
            ("alias/keys", Some(alias), Likeness::Same),
            (alias, Some("alias/keys"), Likeness::Same),
            (elsewhere, Some("alias/keys"), Likeness::Other),
            ("alias/keys", Some("alias/other"), Likeness::Other),
            ("alias/keys", Some(key.as_str()), Likeness::Unknown),
            (id, Some(alias), Likeness::Unknown),
            ("alias/keys", None, Likeness::Other),
            (id, None, Likeness::Other),
            (managed, None, Likeness::Same),
            (managed, Some(managed), Likeness::Same),
            (managed, Some("alias/keys"), Likeness::Other),
        ] {
            let account = Account {
                id: "111122223333".to_owned(),
                name: None,
                partition: "aws".to_owned(),
                region: "eu-west-1".to_owned(),
                membership: None,
            };
            assert_eq!(compare(wanted, reported, &account), expected, "{wanted} and {reported:?}");
        }
    }

    #[test]
    fn a_note_fits_into_a_tag() {
        let alias = format!("alias/{}", "x".repeat(250));
        assert_eq!(note(&alias, Some("key")).len(), 256);
        assert_eq!(note("alias/keys", Some("key")), "key alias/keys");
        assert_ne!(note("alias/keys", Some("key")), note("alias/keys", Some("other")));
    }
}
