//! What GitHub answers, and what it means.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::HeaderMap;
use serde_json::Value;

use crate::{
    cloud::Vault,
    inventory::{CallError, ErrorKind},
    untrusted::{printable, quoted},
};

/// How much of what GitHub says is repeated.
const SAID_SHOWN: usize = 200;
/// How long to wait where GitHub refuses for a while and does not say for how long.
const UNSAID: Duration = Duration::from_secs(60);

/// An answer of GitHub's.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) headers: HeaderMap,
    pub(super) value: Option<Value>,
}

/// Why a call yields nothing, before it is known whom to tell.
#[derive(Debug)]
pub(super) enum Refusal {
    Unreachable(String),
    Limited(Duration),
    /// A fault of GitHub's, or an answer that is none.
    Garbled(u16),
}

impl Answer {
    /// How long to wait, if a limit was met. See "Rate limits for the REST API".
    pub(super) fn limit(&self) -> Option<Duration> {
        if !matches!(self.code, 403 | 429) {
            return None;
        }
        let number = |name: &str| self.headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        if let Some(seconds) = number("retry-after") {
            return Some(Duration::from_secs(seconds));
        }
        if number("x-ratelimit-remaining") == Some(0) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let reset = number("x-ratelimit-reset").map(Duration::from_secs);
            return Some(reset.map_or(UNSAID, |reset| reset.saturating_sub(now)));
        }
        let is_limit = self.code == 429 || self.said().to_lowercase().contains("rate limit");
        is_limit.then_some(UNSAID)
    }

    pub(super) fn said(&self) -> &str {
        self.value.as_ref().and_then(|value| value["message"].as_str()).unwrap_or_default()
    }

    /// What it holds, if it is one of those that this call has when it worked.
    pub(super) fn expected(
        self,
        operation: &'static str,
        vault: &Vault,
        codes: &[u16],
    ) -> Result<Option<Value>, CallError> {
        if codes.contains(&self.code) {
            return Ok(self.value);
        }
        let said = self.said();
        let said = if said.is_empty() { String::new() } else { format!(", {}", quoted(said, SAID_SHOWN)) };
        let answers = format!("GitHub answers {}{said}", self.code);
        let (kind, why) = match self.code {
            200..=299 => (ErrorKind::Malformed, "which is no answer to that".to_owned()),
            301 | 302 | 307 | 308 => (ErrorKind::Denied, "it was renamed or moved: write its new name".to_owned()),
            401 => (ErrorKind::Denied, "what `[deliver.github]` signs in with is not valid, or no longer".to_owned()),
            403 => (ErrorKind::Denied, format!("what `[deliver.github]` signs in with may not do that at {vault}")),
            404 => {
                let why =
                    format!("there is no {vault}, or what `[deliver.github]` signs in with may not see its secrets");
                (ErrorKind::Denied, why)
            }
            400 | 409 | 413 | 422 => {
                return Err(CallError::new(ErrorKind::Refused, operation, vault.to_string(), answers));
            }
            _ => return Err(CallError::new(ErrorKind::Other, operation, vault.to_string(), answers)),
        };
        Err(CallError::new(kind, operation, vault.to_string(), format!("{answers}: {why}")))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "GitHub can't be reached: {}", printable(why)),
            Self::Limited(wait) => write!(f, "GitHub's rate limit is used up for another {} s", wait.as_secs().max(1)),
            Self::Garbled(code) => write!(f, "the answer ({code}) is none of GitHub's, or GitHub has a fault"),
        }
    }
}
