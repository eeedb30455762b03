//! Where a history is kept.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::untrusted::printable;

/// A folder, or a prefix of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Folder(PathBuf),
    /// In S3.
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// Empty, or what the names of its objects begin with, with `/` at the end.
        prefix: String,
    },
}

/// What names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPlace(String);

impl Place {
    /// A place within this one.
    #[must_use]
    pub fn within(&self, name: &str) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.join(name)),
            Self::Bucket { bucket, prefix } => {
                Self::Bucket { bucket: bucket.clone(), prefix: format!("{prefix}{name}/") }
            }
        }
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.split_once("://") {
                Some((scheme, _)) => Err(BadPlace(format!(
                    "`{}://` is no place for a history: write s3://BUCKET/PREFIX, or a folder",
                    printable(scheme)
                ))),
                None if text.is_empty() => Err(BadPlace("write s3://BUCKET/PREFIX, or a folder".to_owned())),
                None => Ok(Self::Folder(text.into())),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_name) {
            return Err(BadPlace(format!(
                "`{}` is no name of a bucket: it has 3 to 63 small letters, digits, dots and hyphens",
                printable(bucket)
            )));
        }
        let prefix = prefix.trim_matches('/');
        // Whoever cleans up an address by the rules of paths would be elsewhere; S3 has no such rules.
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
        if !prefix.is_empty() && !prefix.split('/').all(is_plain) {
            return Err(BadPlace(format!(
                "`{}` is no prefix of a bucket: none of its parts is empty, `.` or `..`",
                printable(prefix)
            )));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{}", prefix.trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_shown() {
        for (text, shown) in [
            ("s3://acme-evidence", "s3://acme-evidence/"),
            ("s3://acme-evidence/", "s3://acme-evidence/"),
            ("s3://acme-evidence/a/b/", "s3://acme-evidence/a/b"),
            ("history", "history"),
            ("/var/lib/keyrota", "/var/lib/keyrota"),
        ] {
            let place: Place = text.parse().expect("a place");
            assert_eq!(place.to_string(), shown);
            assert_eq!(shown.parse(), Ok(place));
        }
        for text in [
            "s3://",
            "s3://A/b",
            "s3://ab",
            "gs://acme/b",
            "",
            "s3://under_score/x",
            "s3://acme/../x",
            "s3://acme/a//b",
            "s3://acme/.",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
