//! The files of a release, as `action/install` takes them: over HTTPS, checked against a sum, and against the attestation
//! that the release's own workflow built them, where `gh` can tell.

use std::{fmt, process::Command, time::Duration};

use sha2::{Digest, Sha256};
use ureq::Agent;

use super::api::agent;
use crate::untrusted::quoted;

/// How long one download may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// No file of a release is larger.
const LARGEST: u64 = 200_000_000;
/// How much of what others say is repeated.
const SAID_SHOWN: usize = 300;
/// Where attestations are kept.
const GITHUB: &str = "https://github.com/";

/// A release to take: `0.1.0`, or `0.1.0@sha256:…`, which fixes the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    number: String,
    sum: Option<String>,
}

/// The releases of a repository.
pub struct Releases {
    agent: Agent,
    /// Without the release and the file.
    url: String,
    /// `https://github.com/OWNER/REPO`
    repository: String,
}

/// Why a file can't be had, or is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReleaseError(String);

impl Version {
    /// Reads a release, with a `v` before it or without.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let (number, sum) = text.split_once('@').map_or((text, None), |(number, sum)| (number, Some(sum)));
        let number = number.strip_prefix('v').unwrap_or(number);
        let (core, tail) = number.split_once('-').map_or((number, None), |(core, tail)| (core, Some(tail)));
        let parts: Vec<&str> = core.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_tail =
            |tail: &str| !tail.is_empty() && tail.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        let sum = sum.map(|sum| sum.strip_prefix("sha256:").unwrap_or(sum).to_ascii_lowercase());
        let is_fine = parts.len() == 3 && parts.iter().all(is_number) && tail.is_none_or(is_tail);
        if !is_fine || sum.as_ref().is_some_and(|sum| !is_sum(sum)) {
            let text = quoted(text, SAID_SHOWN);
            return Err(ReleaseError(format!(
                "{text} is no release: write e.g. `0.1.0`, or `0.1.0@sha256:` and the archive's SHA-256"
            )));
        }
        Ok(Self { number: number.to_owned(), sum })
    }

    /// Its number.
    pub fn number(&self) -> &str {
        &self.number
    }
}

impl Releases {
    /// Those of a repository on GitHub, or a mirror of them: `MIRROR/v0.1.0/FILE`.
    ///
    /// # Errors
    /// Over plain HTTP they are taken from this machine only.
    pub fn of(repository: &str, mirror: Option<&str>) -> Result<Self, ReleaseError> {
        let repository = repository.trim_end_matches('/');
        let url = mirror
            .map_or_else(|| format!("{repository}/releases/download"), |url| url.trim_end_matches('/').to_owned());
        let agent =
            agent(&url, TIMEOUT).ok_or_else(|| ReleaseError(format!("{} is not https", quoted(&url, SAID_SHOWN))))?;
        Ok(Self { agent, url, repository: repository.to_owned() })
    }

    /// Downloads a file and checks it. Yields what it holds, and how that is known.
    ///
    /// # Errors
    /// It can't be had, or is not what it should be.
    pub fn fetch(&self, name: &str, version: &Version) -> Result<(Vec<u8>, String), ReleaseError> {
        let content = self.download(name, version)?;
        let actual = hex::encode(Sha256::digest(&content));
        let (expected, source) = match &version.sum {
            Some(sum) => (sum.clone(), "`--release`"),
            None => {
                let sums = self.download("SHA256SUMS", version)?;
                let sums = String::from_utf8_lossy(&sums).into_owned();
                let sum = sum_of(name, &sums);
                let sum =
                    sum.ok_or_else(|| ReleaseError(format!("SHA256SUMS of the release gives no SHA-256 for {name}")))?;
                (sum, "SHA256SUMS of the release")
            }
        };
        if actual != expected {
            return Err(ReleaseError(format!(
                "{name} has the SHA-256 {actual}, but {source} says {expected}: it is not used"
            )));
        }
        let known = match version.sum {
            Some(_) => format!("{name} has the SHA-256 that was asked for"),
            None => self.attested(name, &content, version)?,
        };
        Ok((content, known))
    }

    fn download(&self, name: &str, version: &Version) -> Result<Vec<u8>, ReleaseError> {
        let url = format!("{}/v{}/{name}", self.url, version.number);
        let failed = |what: &dyn fmt::Display| ReleaseError(format!("{url}: {}", quoted_words(&what.to_string())));
        let mut answer = self.agent.get(&url).call().map_err(|error| failed(&error))?;
        if !answer.status().is_success() {
            return Err(failed(&answer.status().as_u16()));
        }
        answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|error| failed(&error))
    }

    /// A sum of the same release finds damage. That its own workflow built the file, the attestation says.
    fn attested(&self, name: &str, content: &[u8], version: &Version) -> Result<String, ReleaseError> {
        let sums = || format!("{name} has the SHA-256 that its release gives");
        let Some(repository) = self.repository.strip_prefix(GITHUB) else { return Ok(sums()) };
        // A mirror has the files and no attestations; on this machine tests listen.
        let keeps_attestations = self.url.starts_with(GITHUB) || !self.url.starts_with("https://");
        let gh = |arguments: &[&str]| Command::new("gh").args(arguments).output().ok();
        let can_verify = || gh(&["attestation", "verify", "--help"]).is_some_and(|done| done.status.success());
        if !keeps_attestations || !can_verify() {
            return Ok(sums());
        }
        let file = tempfile::NamedTempFile::new().and_then(|file| {
            std::fs::write(file.path(), content)?;
            Ok(file)
        });
        let file = file.map_err(|error| ReleaseError(format!("{name} can't be verified: {error}")))?;
        let workflow = format!("{repository}/.github/workflows/release.yml");
        let tag = format!("refs/tags/v{}", version.number);
        let path = file.path().display().to_string();
        let arguments = [
            "attestation",
            "verify",
            &path,
            "--repo",
            repository,
            "--signer-workflow",
            &workflow,
            "--source-ref",
            &tag,
        ];
        match gh(&arguments) {
            Some(done) if done.status.success() => {
                Ok(format!("{name} was built by {workflow} at v{}, as its attestation says", version.number))
            }
            Some(done) => {
                let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
                let said = quoted_words(said.trim());
                Err(ReleaseError(format!("{name} has no valid attestation, and is not used: {said}")))
            }
            None => Err(ReleaseError(format!("{name} can't be verified: gh can't be started"))),
        }
    }
}

/// Text of others within a message.
fn quoted_words(text: &str) -> String {
    quoted(text, SAID_SHOWN).trim_matches('`').to_owned()
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The sum of a file in the output of `sha256sum`.
fn sum_of(name: &str, sums: &str) -> Option<String> {
    sums.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (sum, file) = (words.next()?, words.next()?);
            (words.next().is_none() && file.trim_start_matches('*') == name).then(|| sum.to_owned())
        })
        .find(|sum| is_sum(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_a_number_and_perhaps_a_sum() {
        let sum = "0123456789abcdef".repeat(4);
        for (text, number) in [("0.1.0", "0.1.0"), ("v1.22.333", "1.22.333"), ("1.0.0-rc.1", "1.0.0-rc.1")] {
            assert_eq!(Version::parse(text), Ok(Version { number: number.to_owned(), sum: None }));
        }
        let pinned = Version::parse(&format!("0.1.0@sha256:{}", sum.to_uppercase()));
        assert_eq!(pinned, Ok(Version { number: "0.1.0".to_owned(), sum: Some(sum) }));
        for wrong in ["", "latest", "1.2", "1.2.3/../x", "../x", "1.2.3-", "1.2.3@sha256:12", "1.2.3@"] {
            assert!(Version::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sum_is_that_of_the_file_itself() {
        let one = "1".repeat(64);
        let sums = format!("{one}  x-a.tar.gz\n{one} *a.tar.gz\nzz  b.tar.gz\n{one}  c.tar.gz d\n");
        assert_eq!(sum_of("a.tar.gz", &sums), Some(one));
        for absent in ["b.tar.gz", "c.tar.gz", "tar.gz"] {
            assert_eq!(sum_of(absent, &sums), None, "{absent}");
        }
    }

    #[test]
    fn nothing_is_taken_in_the_clear() {
        for url in ["http://example.com/x", "ftp://example.com", "file:///etc"] {
            assert!(Releases::of("https://github.com/example/keyrota", Some(url)).is_err(), "{url}");
        }
    }
}
