//! What AWS allows as names and tags. Each rule says what is wrong and what would be right.

use std::collections::BTreeMap;

/// `CreateUser`: up to 64 of `[\w+=,.@-]`.
pub(super) fn user_name(name: &str) -> Result<(), String> {
    require(is_iam_name(name, 64), || {
        format!("`{name}` can't be the name of a user: write 1 to 64 ASCII letters, digits and _+=,.@-")
    })
}

/// `CreateGroup`: up to 128 of `[\w+=,.@-]`.
pub(super) fn group_name(name: &str) -> Result<(), String> {
    require(is_iam_name(name, 128), || {
        format!("`{name}` can't be the name of a group: write 1 to 128 ASCII letters, digits and _+=,.@-")
    })
}

/// `CreateUser`: `/`, or up to 512 printable ASCII characters that start and end with `/`.
pub(super) fn path(path: &str) -> Result<(), String> {
    let printable = path.len() <= 512 && path.chars().all(|c| c.is_ascii_graphic());
    require(printable && path.starts_with('/') && path.ends_with('/'), || {
        format!("`{path}` can't be the path of a user: it starts and ends with `/`, e.g. \"/ci/\"")
    })
}

/// `AccessKey`: 16 to 128 characters; in practice capital letters and digits.
pub(super) fn key_id(id: &str) -> Result<(), String> {
    let valid = (16..=128).contains(&id.len()) && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    require(valid, || {
        format!(
            "`{id}` can't be the id of an access key: write 16 to 128 capital letters and digits, e.g. AKIA and 16 more"
        )
    })
}

pub(super) fn account_id(id: &str) -> Result<(), String> {
    require(id.len() == 12 && id.chars().all(|c| c.is_ascii_digit()), || {
        format!("`{id}` can't be the id of an account: write its 12 digits in quotes")
    })
}

/// `ReplicaRegionType`: `([a-z]+-)+\d+`.
pub(super) fn region(region: &str) -> Result<(), String> {
    let (words, number) = region.rsplit_once('-').unwrap_or_default();
    let worded = words.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()));
    let numbered = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    require(worded && numbered, || format!("`{region}` can't be a region: write it as in \"eu-west-1\""))
}

pub(super) fn partition(partition: &str) -> Result<(), String> {
    require(matches!(partition, "aws" | "aws-cn" | "aws-us-gov"), || {
        format!("`{partition}` is no partition: write \"aws\", \"aws-cn\" or \"aws-us-gov\"")
    })
}

/// `CreateSecret`: up to 512 ASCII letters, digits and `/_+=.@-`.
pub(super) fn secret_name(name: &str) -> Result<(), String> {
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c));
    require(valid && (1..=512).contains(&name.len()), || {
        format!("`{name}` can't be the name of a secret: write 1 to 512 ASCII letters, digits and /_+=.@-")
    })
}

/// `PutResourcePolicy`: a JSON object of up to 20,480 characters.
pub(super) fn policy(text: &str) -> Result<(), String> {
    let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok();
    require(is_object && text.chars().count() <= 20_480, || {
        "this can't be a resource policy: write a JSON object with a `Statement`".to_owned()
    })
}

/// `ClientRequestToken`, which becomes the version's id: 32 to 64 characters.
pub(super) fn version_id(id: &str) -> Result<(), String> {
    require((32..=64).contains(&id.chars().count()), || {
        format!(
            "`{id}` can't be the id of a version: it has 32 to 64 characters, as `keyrota-1-access-key-` and a key's id"
        )
    })
}

/// `SecretVersionStageType`: 1 to 256 characters.
pub(super) fn label(label: &str) -> Result<(), String> {
    require((1..=256).contains(&label.chars().count()), || {
        format!("`{label}` can't be a staging label: it has 1 to 256 characters, e.g. \"AWSCURRENT\"")
    })
}

/// At most 50, those of AWS itself (`aws:…`) not counted; keys of 1 to 128 and values of up to 256 characters of
/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Result<(), String> {
    let count = tags.keys().filter(|key| !is_reserved(key)).count();
    require(count <= 50, || format!("{count} tags are too many: 50 are allowed"))?;
    for (key, value) in tags {
        let sized = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        require(sized, || {
            format!("the tag `{key}` is too long or empty: a key has 1 to 128 characters, a value up to 256")
        })?;
        require(key.chars().chain(value.chars()).all(is_tag_character), || {
            format!("the tag `{key}` holds characters that tags can't: write letters, digits, spaces and _.:/=+-@")
        })?;
    }
    Ok(())
}

/// Whether only AWS itself may write this tag.
pub(super) fn is_reserved(tag: &str) -> bool {
    tag.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

fn is_iam_name(name: &str, longest: usize) -> bool {
    (1..=longest).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}

fn is_tag_character(c: char) -> bool {
    c.is_alphabetic() || c.is_numeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

fn require(valid: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if valid { Ok(()) } else { Err(otherwise()) }
}
