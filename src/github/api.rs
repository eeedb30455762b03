//! GitHub's REST API: as many calls as a comment takes, repeated where that helps and explained where it does not.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use backon::{BlockingRetryable, ExponentialBuilder};
use chrono::DateTime;
use serde_json::Value;
use ureq::{
    Agent,
    http::{Request, Response},
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

use crate::untrusted::{quoted, without_credentials};

/// An answer is no longer than this: a page of a hundred comments of the greatest length is shorter.
const LONGEST_ANSWER: u64 = 32 << 20;
/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A limit that ends later than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How much of what GitHub says is repeated.
const SAID_SHOWN: usize = 200;

/// Calls GitHub with one token.
pub struct Api {
    agent: Agent,
    url: String,
    token: String,
}

/// Why a call yields nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum ApiError {
    /// The address is not to be called at all.
    Insecure(String),
    /// The connection failed, or broke off.
    Unreachable(String),
    /// GitHub's own refusal.
    Refused { code: u16, said: String },
    /// Too many calls were made, by this workflow or others.
    Limited { wait: Option<Duration> },
    /// An answer that is none of GitHub's, such as the page of a proxy.
    Garbled { code: u16, what: &'static str },
}

impl Api {
    /// Calls the API at this URL, e.g. `https://api.github.com`.
    ///
    /// # Errors
    /// Over plain HTTP it is called on this machine only.
    pub fn new(url: &str, token: &str) -> Result<Self, ApiError> {
        let agent = agent(url, TIMEOUT).ok_or_else(|| ApiError::Insecure(url.to_owned()))?;
        Ok(Self { agent, url: url.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    /// Reads, and tries again where that may help.
    pub fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.repeated(|| self.call("GET", path, None))
    }

    /// Not repeated, for who repeats more than this call.
    pub fn get_once(&self, path: &str) -> Result<Value, ApiError> {
        self.call("GET", path, None)
    }

    /// What is written twice is the same.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.repeated(|| self.call("PATCH", path, Some(body)))
    }

    /// What is gone already is no error.
    pub fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.repeated(|| self.call("DELETE", path, None)) {
            Ok(_) | Err(ApiError::Refused { code: 404 | 410, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Not repeated: what broke off may have had its effect. Who calls it looks first.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.call("POST", path, Some(body))
    }

    /// Again after half a second, one and two, or when GitHub says.
    pub fn repeated<T>(&self, call: impl FnMut() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let waits = ExponentialBuilder::new().with_min_delay(Duration::from_millis(500)).with_max_times(3);
        let rest = |error: &ApiError, wait: Duration| {
            if let ApiError::Limited { wait: Some(asked) } = error {
                std::thread::sleep(asked.saturating_sub(wait));
            }
        };
        call.retry(waits).when(ApiError::may_pass).notify(rest).call()
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Accept", "application/vnd.github+json")
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .header("X-GitHub-Api-Version", "2022-11-28");
        let request = request.body(body.map(Value::to_string).unwrap_or_default());
        let request = request.map_err(|error| ApiError::Unreachable(error.to_string()))?;
        let mut response = self.agent.run(request).map_err(|error| ApiError::Unreachable(error.to_string()))?;
        let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec();
        let text = text.map_err(|error| ApiError::Unreachable(format!("the answer broke off: {error}")))?;
        read(&response, &text)
    }
}

/// What calls this URL and no other in the clear; `None`: over plain HTTP only this machine is called.
pub(super) fn agent(url: &str, timeout: Duration) -> Option<Agent> {
    let is_local = ["http://127.0.0.1:", "http://[::1]:"].iter().any(|local| url.starts_with(local));
    if !url.starts_with("https://") && !is_local {
        return None;
    }
    // The library that the AWS SDK brings, and the certificates that this machine trusts.
    let found = if is_local { Vec::new() } else { rustls_native_certs::load_native_certs().certs };
    let certificates: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .https_only(!is_local)
        .user_agent("keyrota")
        .build();
    Some(config.into())
}

/// The answer, if it is GitHub's.
fn read<T>(response: &Response<T>, text: &[u8]) -> Result<Value, ApiError> {
    let code = response.status().as_u16();
    let value: Option<Value> = serde_json::from_slice(text).ok();
    let said = value.as_ref().and_then(|value| value["message"].as_str()).map(str::to_owned);
    if let Some(wait) = limited(response, said.as_deref().unwrap_or_default()) {
        return Err(ApiError::Limited { wait });
    }
    match (code, value, said) {
        (204, _, _) => Ok(Value::Null),
        (200..=299, Some(value), _) => Ok(value),
        (200..=299, None, _) => Err(ApiError::Garbled { code, what: kind(text) }),
        // It may quote what it was sent.
        (_, _, Some(said)) => Err(ApiError::Refused { code, said: without_credentials(&said) }),
        (_, None, None) if text.is_empty() => Err(ApiError::Refused { code, said: String::new() }),
        (_, _, None) => Err(ApiError::Garbled { code, what: kind(text) }),
    }
}

fn kind(text: &[u8]) -> &'static str {
    let start = String::from_utf8_lossy(&text[..text.len().min(200)]).trim_start().to_lowercase();
    match start.starts_with("<!doctype html") || start.starts_with("<html") {
        true => "an HTML page, as of a proxy that wants a login",
        false if text.is_empty() => "empty",
        false => "no JSON, or broken off",
    }
}

/// How long to wait, if a limit was met. See "Rate limits for the REST API".
fn limited<T>(response: &Response<T>, said: &str) -> Option<Option<Duration>> {
    if !matches!(response.status().as_u16(), 403 | 429) {
        return None;
    }
    let header = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = header("retry-after") {
        return Some(Some(Duration::from_secs(seconds)));
    }
    if header("x-ratelimit-remaining") == Some(0) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return Some(header("x-ratelimit-reset").map(|reset| Duration::from_secs(reset).saturating_sub(now)));
    }
    let is_limit = response.status() == 429 || said.to_lowercase().contains("rate limit");
    is_limit.then_some(None)
}

impl ApiError {
    /// Whether the same call may work in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Garbled { .. } => true,
            Self::Limited { wait } => wait.is_none_or(|wait| wait <= LONGEST_WAIT),
            Self::Refused { code, .. } => (500..=599).contains(code),
            Self::Insecure(_) => false,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { code: 403, said } if said.to_lowercase().contains("locked") => {
                Some("the conversation is locked: unlock it, or read the plan in the job's summary")
            }
            Self::Refused { code: 401, .. } => Some("the input `token` is not valid, or no longer"),
            Self::Refused { code: 403 | 404, .. } => Some("the job needs `permissions: pull-requests: write`"),
            Self::Garbled { .. } => Some("look for a proxy between the runner and GitHub"),
            Self::Limited { .. } => Some("run the job again later"),
            Self::Refused { .. } | Self::Unreachable(_) | Self::Insecure(_) => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insecure(url) => write!(f, "{} is not https", quoted(url, SAID_SHOWN)),
            Self::Unreachable(why) => write!(f, "GitHub can't be reached: {}", crate::untrusted::printable(why)),
            Self::Refused { code, said } if said.is_empty() => write!(f, "GitHub answers {code}"),
            Self::Refused { code, said } => write!(f, "GitHub answers {code}, {}", quoted(said, SAID_SHOWN)),
            Self::Limited { wait: None } => f.write_str("GitHub's rate limit is used up"),
            Self::Limited { wait: Some(wait) } => {
                let until = DateTime::<chrono::Utc>::from(SystemTime::now() + *wait);
                write!(f, "GitHub's rate limit is used up until {} UTC", until.format("%H:%M"))
            }
            Self::Garbled { code, what } => write!(f, "the answer ({code}) is not GitHub's: it is {what}"),
        }
    }
}

impl std::error::Error for ApiError {}
