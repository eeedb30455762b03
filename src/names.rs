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

/// What names of secrets hold besides ASCII letters and digits.
pub const SECRET_PUNCTUATION: &str = "/_+=.@-";

/// What tags hold besides letters, digits and spaces of any script.
pub const TAG_PUNCTUATION: &str = "_.:/=+-@";

/// The partitions of the SDK's endpoint data.
const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

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
