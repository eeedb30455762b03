//! What the manifests are, in one line that anybody can compute again.

use std::path::Path;

use sha2::{Digest, Sha256};

/// The SHA-256 of what this prints, in the folder of the manifests:
///
/// ```text
/// LC_ALL=C sha256sum *.toml
/// ```
///
/// Templates of mails are no part of it: they change words, and no key.
pub fn fingerprint(manifests: &[(String, Vec<u8>)]) -> String {
    let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    let mut lines: Vec<(String, String)> =
        manifests.iter().filter_map(|(path, bytes)| Some((name(path)?, hex::encode(Sha256::digest(bytes))))).collect();
    lines.sort();
    let text: String = lines.into_iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
    hex::encode(Sha256::digest(text.as_bytes()))
}
