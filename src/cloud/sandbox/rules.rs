//! What AWS allows as names and tags. Each rule says what is wrong and what would be right.

use std::collections::BTreeMap;

use crate::names;

pub(super) fn user_name(name: &str) -> Result<(), String> {
    require(names::is_user_name(name), || {
        format!("`{name}` can't be the name of a user: write 1 to 64 ASCII letters, digits and _+=,.@-")
    })
}

pub(super) fn group_name(name: &str) -> Result<(), String> {
    require(names::is_group_name(name), || {
        format!("`{name}` can't be the name of a group: write 1 to 128 ASCII letters, digits and _+=,.@-")
    })
}

pub(super) fn path(path: &str) -> Result<(), String> {
    require(names::is_path(path), || {
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
    require(names::is_account_id(id), || format!("`{id}` can't be the id of an account: write its 12 digits in quotes"))
}

/// AWS Organizations: up to 50 characters that can be printed.
pub(super) fn account_name(name: &str) -> Result<(), String> {
    let valid = (1..=50).contains(&name.len()) && name.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    require(valid, || format!("`{name}` can't be the name of an account: write 1 to 50 ASCII characters"))
}

pub(super) fn account_state(state: &str) -> Result<(), String> {
    let all = ["ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "PENDING_ACTIVATION", "CLOSED"];
    require(all.contains(&state), || format!("`{state}` is no state of an account: write one of {}", all.join(", ")))
}

/// `Workloads/Prod`, or an id.
pub(super) fn unit(unit: &str) -> Result<(), String> {
    let valid = unit.split('/').all(|name| !name.is_empty() && name.trim() == name);
    require(valid, || format!("`{unit}` can't be a unit: write its path, e.g. \"Workloads/Prod\", or its id"))
}

pub(super) fn region(region: &str) -> Result<(), String> {
    require(names::is_region(region), || format!("`{region}` can't be a region: write it as in \"eu-west-1\""))
}

pub(super) fn partition(partition: &str) -> Result<(), String> {
    require(names::is_partition(partition), || {
        format!("`{partition}` is no partition: write e.g. \"aws\", \"aws-cn\" or \"aws-us-gov\"")
    })
}

pub(super) fn secret_name(name: &str) -> Result<(), String> {
    require(names::is_secret_name(name), || {
        format!("`{name}` can't be the name of a secret: write 1 to 512 ASCII letters, digits and /_+=.@-")
    })
}

/// `PutParameter`: 1 to 1011 characters, in up to 15 levels.
pub(super) fn parameter_name(name: &str) -> Result<(), String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || ".-_/".contains(c);
    let first = name.trim_start_matches('/').to_lowercase();
    let is_path = !name.contains('/') || (name.starts_with('/') && !name.ends_with('/') && !name.contains("//"));
    let valid = (1..=1011).contains(&name.len())
        && name.chars().all(is_fine)
        && is_path
        && name.matches('/').count() <= 15
        && !["aws", "ssm"].iter().any(|kept| first.starts_with(kept));
    require(valid, || {
        format!(
            "`{name}` can't be the name of a parameter: write ASCII letters, digits and .-_, or levels as in \"/ci/aws\""
        )
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

/// At most 50, those of AWS itself (`aws:…`) not counted.
pub(super) fn tag_count(tags: &BTreeMap<String, String>) -> Result<(), String> {
    let count = tags.keys().filter(|key| !is_reserved(key)).count();
    require(count <= 50, || format!("{count} tags are too many: 50 are allowed"))
}

/// As many as there may be; keys of 1 to 128 and values of up to 256 characters of `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Result<(), String> {
    tag_count(tags)?;
    for (key, value) in tags {
        let sized = (1..=names::TAG_KEY_LENGTH).contains(&key.chars().count())
            && value.chars().count() <= names::TAG_VALUE_LENGTH;
        require(sized, || {
            format!("the tag `{key}` is too long or empty: a key has 1 to 128 characters, a value up to 256")
        })?;
        require(key.chars().chain(value.chars()).all(names::is_tag_character), || {
            format!("the tag `{key}` holds characters that tags can't: write letters, digits, spaces and _.:/=+-@")
        })?;
    }
    Ok(())
}

/// Whether only AWS itself may write this tag.
pub(super) fn is_reserved(tag: &str) -> bool {
    tag.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

fn require(valid: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if valid { Ok(()) } else { Err(otherwise()) }
}
