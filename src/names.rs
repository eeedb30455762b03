//! What AWS accepts as names. Manifests and the simulated account go by the same rules.

/// `CreateUser`: 1 to 64 of `[\w+=,.@-]`.
pub const USER_NAME_LENGTH: usize = 64;

/// `CreateGroup`: 1 to 128 of `[\w+=,.@-]`.
pub const GROUP_NAME_LENGTH: usize = 128;

/// `CreateUser`: a path has up to 512 printable ASCII characters.
pub const PATH_LENGTH: usize = 512;

/// `CreateSecret`: 1 to 512 characters.
pub const SECRET_NAME_LENGTH: usize = 512;

/// What names of users and groups hold besides ASCII letters and digits.
pub const IAM_PUNCTUATION: &str = "+=,.@_-";

/// What paths hold besides ASCII letters and digits: everything that can be printed but the space. Wildcards, and brackets that are meant
/// as some, are not among it.
pub const PATH_PUNCTUATION: &str = "!\"#$%&'()+,-./:;<=>@\\^_`|~";

/// What names of secrets hold besides ASCII letters and digits.
pub const SECRET_PUNCTUATION: &str = "/_+=.@-";

/// `TagUser`: 1 to 128 characters.
pub const TAG_KEY_LENGTH: usize = 128;

/// `TagUser`: up to 256 characters.
pub const TAG_VALUE_LENGTH: usize = 256;

/// What tags hold besides letters, digits and spaces of any script.
pub const TAG_PUNCTUATION: &str = "_.:/=+-@";

/// The partitions of the SDK's endpoint data.
const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// Whether a user of this name is meant by `names`, as IAM compares them: without case. If there are none, everyone is.
pub fn is_meant(name: &str, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|meant| meant.eq_ignore_ascii_case(name))
}

/// Whether IAM would take it as the name of a user.
pub fn is_user_name(name: &str) -> bool {
    is_iam_name(name, USER_NAME_LENGTH)
}

/// Whether IAM would take it as the name of a group.
pub fn is_group_name(name: &str) -> bool {
    is_iam_name(name, GROUP_NAME_LENGTH)
}

/// Whether IAM would take it as the path of a user: it starts and ends with `/`.
pub fn is_path(path: &str) -> bool {
    path.len() <= PATH_LENGTH
        && path.chars().all(|c| c.is_ascii_graphic())
        && path.starts_with('/')
        && path.ends_with('/')
}

/// Whether it has the 12 digits of an account's id.
pub fn is_account_id(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it looks like the name of a region, for new ones appear: two or three words and a number, as the
/// `regionRegex` of every partition has it, e.g. `eu-west-1`, `us-gov-east-1`.
pub fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let [words @ .., number] = parts.as_slice() else { return false };
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    (2..=3).contains(&words.len()) && words.iter().all(is_word) && is_number && !number.starts_with('0')
}

/// Whether it is one of AWS's partitions.
pub fn is_partition(partition: &str) -> bool {
    PARTITIONS.contains(&partition)
}

/// Whether a secret's name may hold the character.
pub fn is_secret_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || SECRET_PUNCTUATION.contains(c)
}

/// Whether Secrets Manager would take it as the name of a secret.
pub fn is_secret_name(name: &str) -> bool {
    (1..=SECRET_NAME_LENGTH).contains(&name.len()) && name.chars().all(is_secret_character)
}

/// Whether a tag's key or value may hold the character: `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
pub fn is_tag_character(c: char) -> bool {
    c.is_alphabetic() || c.is_numeric() || (c.is_whitespace() && !c.is_control()) || TAG_PUNCTUATION.contains(c)
}

fn is_iam_name(name: &str, longest: usize) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || IAM_PUNCTUATION.contains(c);
    (1..=longest).contains(&name.len()) && name.chars().all(is_fine)
}

/// The regions that there were in November 2026, to find out which one was meant: others are taken as well.
const KNOWN_REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// The region that was meant by one that is not known; `None` if it is known, or like none.
pub fn region_meant(region: &str) -> Option<&'static str> {
    let region = region.trim().to_ascii_lowercase();
    if KNOWN_REGIONS.contains(&region.as_str()) {
        return None;
    }
    // A zone is of its region.
    let zone = KNOWN_REGIONS.iter().find(|known| {
        region.strip_prefix(**known).is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_lowercase()))
    });
    let near = || {
        let ranked = KNOWN_REGIONS.iter().map(|known| (strsim::damerau_levenshtein(known, &region), *known));
        ranked.min().filter(|(distance, _)| *distance <= 3).map(|(_, known)| known)
    };
    zone.copied().or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_region_has_a_nearest() {
        for (written, meant) in [
            ("eu-west-1", None),
            ("eu-wset-1", Some("eu-west-1")),
            ("eu-west1", Some("eu-west-1")),
            ("us-east-1a", Some("us-east-1")),
            ("EU-Central-1", None),
            ("frankfurt", None),
        ] {
            assert_eq!(region_meant(written), meant, "{written}");
        }
    }
}
