//! GitHub's Actions secrets, over its REST API: as a GitHub App, or with a token. What carries a request is up to the caller, for the
//! function and the command have different clients.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use backon::{ExponentialBuilder, Retryable};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::DateTime;
use http::{HeaderMap, Method, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex as Turn, Semaphore},
    time::{Instant, sleep, sleep_until},
};

pub use super::sign_in::Credentials;
use super::{
    answer::{Answer, Refusal},
    sign_in::assertion,
};
use crate::{
    cloud::{SealedSecret, Vault, VaultKey, VaultSecret, Visibility},
    inventory::{CallError, ErrorKind},
    untrusted::without_credentials,
};

/// What stands in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Calls under way at a time: GitHub counts those as well.
const AT_A_TIME: usize = 8;
/// A token that ends sooner than this is not used any more.
const FRESH: Duration = Duration::from_secs(120);

/// Carries a request, and brings the answer, whatever it says.
pub trait Web {
    /// Sends it.
    ///
    /// # Errors
    /// No answer came, in words.
    fn send(&self, request: Request<String>) -> impl Future<Output = Result<Response<Vec<u8>>, String>> + Send;
}

/// How patiently GitHub is called.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The wait before the second attempt; it doubles from there.
    pub first_wait: Duration,
    /// A limit that ends later than this is not waited for.
    pub longest_wait: Duration,
}

/// GitHub's Actions secrets.
pub struct Actions<W> {
    web: W,
    url: String,
    credentials: Credentials,
    patience: Patience,
    /// By owner.
    tokens: Turn<BTreeMap<String, Token>>,
    at_a_time: Semaphore,
    /// GitHub asks that what changes something comes one after the other.
    writing: Turn<()>,
    /// Refuses everything until then.
    limited_until: Mutex<Option<Instant>>,
}

/// What an App's installation was given.
#[derive(Clone)]
struct Token {
    text: SecretString,
    ends: SystemTime,
    permissions: Value,
}

impl<W: Web> Actions<W> {
    /// Calls the API at this URL, e.g. `https://api.github.com`.
    pub fn new(web: W, url: &str, credentials: Credentials, patience: Patience) -> Self {
        Self {
            web,
            url: url.trim_end_matches('/').to_owned(),
            credentials,
            patience,
            tokens: Turn::default(),
            at_a_time: Semaphore::new(AT_A_TIME),
            writing: Turn::default(),
            limited_until: Mutex::default(),
        }
    }

    /// The key that values are sealed to. Whoever may not write, as far as GitHub tells, is denied.
    ///
    /// # Errors
    /// As for every call below: what went wrong, and no value.
    pub async fn public_key(&self, vault: &Vault) -> Result<VaultKey, CallError> {
        const OPERATION: &str = "github:GetPublicKey";
        let answer = self.call(OPERATION, vault, Method::GET, &format!("{}/public-key", path(vault)), None).await?;
        self.may_write(vault, &answer.headers).await?;
        let value = answer.expected(OPERATION, vault, &[200])?.unwrap_or_default();
        let key = value["key"].as_str().and_then(|key| BASE64_STANDARD.decode(key).ok());
        let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok());
        match (value["key_id"].as_str(), key) {
            (Some(id), Some(key)) => Ok(VaultKey { id: id.to_owned(), key }),
            _ => Err(malformed(OPERATION, vault, "it has no public key")),
        }
    }

    /// A secret without its value.
    ///
    /// # Errors
    /// As above.
    pub async fn secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
        const OPERATION: &str = "github:GetSecret";
        let answer = self.call(OPERATION, vault, Method::GET, &format!("{}/{name}", path(vault)), None).await?;
        if answer.code == 404 {
            return Ok(None);
        }
        let value = answer.expected(OPERATION, vault, &[200])?.unwrap_or_default();
        let updated = value["updated_at"].as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        if !value["name"].as_str().is_some_and(|answered| answered.eq_ignore_ascii_case(name)) {
            return Err(malformed(OPERATION, vault, "it is about another secret"));
        }
        let updated =
            updated.ok_or_else(|| malformed(OPERATION, vault, "it does not say when the secret was written"))?;
        let visibility = value["visibility"].as_str().and_then(|text| text.parse::<Visibility>().ok());
        Ok(Some(VaultSecret { updated: updated.to_utc(), visibility }))
    }

    /// The ids of the repositories that see a secret of an organization.
    ///
    /// # Errors
    /// As above.
    pub async fn repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
        const OPERATION: &str = "github:ListSelectedRepositories";
        const PAGE: usize = 100;
        let mut ids = Vec::new();
        for page in 1.. {
            let path = format!("{}/{name}/repositories?per_page={PAGE}&page={page}", path(vault));
            let answer = self.call(OPERATION, vault, Method::GET, &path, None).await?;
            let value = answer.expected(OPERATION, vault, &[200])?.unwrap_or_default();
            let Some(listed) = value["repositories"].as_array() else {
                return Err(malformed(OPERATION, vault, "it has no repositories"));
            };
            for repository in listed {
                ids.push(
                    repository["id"].as_u64().ok_or_else(|| malformed(OPERATION, vault, "a repository has no id"))?,
                );
            }
            if listed.len() < PAGE {
                break;
            }
        }
        Ok(ids)
    }

    /// Puts a secret there, or writes over the one that is there.
    ///
    /// # Errors
    /// As above.
    pub async fn put(&self, vault: &Vault, secret: &SealedSecret) -> Result<(), CallError> {
        const OPERATION: &str = "github:PutSecret";
        let SealedSecret { name, key_id, value, access } = secret;
        let mut body = json!({ "encrypted_value": value.expose_secret(), "key_id": key_id });
        if let Some((visibility, repositories)) = access {
            body["visibility"] = json!(<&str>::from(*visibility));
            if *visibility == Visibility::Selected {
                body["selected_repository_ids"] = json!(repositories);
            }
        }
        let _turn = self.writing.lock().await;
        let path = format!("{}/{name}", path(vault));
        let answer = self.call(OPERATION, vault, Method::PUT, &path, Some(body.to_string())).await?;
        answer.expected(OPERATION, vault, &[201, 204]).map(drop)
    }

    /// Whether secrets may be written there, as far as the token tells.
    async fn may_write(&self, vault: &Vault, headers: &HeaderMap) -> Result<(), CallError> {
        let denied = |what: String| Err(CallError::new(ErrorKind::Denied, "github:PutSecret", vault.to_string(), what));
        let (permission, shown, scope) = match vault {
            Vault::Repository { .. } => ("secrets", "Secrets: read and write", "repo"),
            Vault::Environment { .. } => ("environments", "Environments: read and write", "repo"),
            Vault::Organization { .. } => ("organization_secrets", "Organization secrets: read and write", "admin:org"),
        };
        if let Credentials::App { .. } = self.credentials {
            let tokens = self.tokens.lock().await;
            let given = tokens.get(&owner(vault)).map(|token| token.permissions[permission].as_str());
            // Where GitHub does not say what it gave, the write will tell.
            let is_known = tokens.get(&owner(vault)).is_some_and(|token| token.permissions.is_object());
            if is_known && given.flatten() != Some("write") {
                return denied(format!(
                    "the GitHub App may not write secrets of {vault}: give it the permission `{shown}`"
                ));
            }
            return Ok(());
        }
        // Of a classic token; others don't say.
        let scopes = headers
            .get("x-oauth-scopes")
            .and_then(|scopes| scopes.to_str().ok())
            .filter(|text| !text.trim().is_empty());
        match scopes {
            Some(scopes) if !scopes.split(',').any(|one| one.trim() == scope) => {
                denied(format!("the token may not write secrets of {vault}: it lacks the scope `{scope}`"))
            }
            _ => Ok(()),
        }
    }

    /// One call with the right token; again while that may help.
    async fn call(
        &self,
        operation: &'static str,
        vault: &Vault,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, CallError> {
        let token = self.token(vault).await?;
        self.patiently(operation, &vault.to_string(), &method, path, &token, body).await
    }

    /// The token of somebody, or one of the App's installation.
    async fn token(&self, vault: &Vault) -> Result<SecretString, CallError> {
        let (id, installation, key) = match &self.credentials {
            Credentials::Token(token) => return Ok(token.clone()),
            Credentials::App { id, installation, key } => (*id, *installation, key),
        };
        let mut tokens = self.tokens.lock().await;
        let is_fresh = |token: &&Token| token.ends > SystemTime::now() + FRESH;
        if let Some(token) = tokens.get(&owner(vault)).filter(is_fresh) {
            return Ok(token.text.clone());
        }
        const OPERATION: &str = "github:CreateInstallationToken";
        let subject = vault.to_string();
        let failed = |kind, what: String| CallError::new(kind, OPERATION, &subject, what);
        let assertion = assertion(id, key).map_err(|what| failed(ErrorKind::NoCredentials, what.to_owned()))?;
        let installation = match installation {
            Some(installation) => installation,
            None => {
                let path = match vault {
                    Vault::Repository { owner, name } | Vault::Environment { owner, name, .. } => {
                        format!("/repos/{}/{}/installation", segment(owner), segment(name))
                    }
                    Vault::Organization { name } => format!("/orgs/{}/installation", segment(name)),
                };
                let answer = self.patiently(OPERATION, &subject, &Method::GET, &path, &assertion, None).await?;
                if answer.code == 404 {
                    let what = format!(
                        "the GitHub App {id} is not installed there, or there is no {vault}: install it on {}",
                        vault.owner()
                    );
                    return Err(failed(ErrorKind::Denied, what));
                }
                let value = answer.expected(OPERATION, vault, &[200])?.unwrap_or_default();
                value["id"].as_u64().ok_or_else(|| malformed(OPERATION, vault, "it has no installation"))?
            }
        };
        let path = format!("/app/installations/{installation}/access_tokens");
        let answer =
            self.patiently(OPERATION, &subject, &Method::POST, &path, &assertion, Some("{}".to_owned())).await?;
        if answer.code == 404 {
            let what = format!(
                "the GitHub App {id} has no installation {installation}: see `installation` in `[deliver.github]`"
            );
            return Err(failed(ErrorKind::Denied, what));
        }
        let value = answer.expected(OPERATION, vault, &[200, 201])?.unwrap_or_default();
        let ends = value["expires_at"].as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let (Some(text), Some(ends)) = (value["token"].as_str(), ends) else {
            return Err(malformed(OPERATION, vault, "it has no token"));
        };
        let text = SecretString::from(text);
        let token = Token { text: text.clone(), ends: ends.to_utc().into(), permissions: value["permissions"].clone() };
        tokens.insert(owner(vault), token);
        Ok(text)
    }

    async fn patiently(
        &self,
        operation: &'static str,
        subject: &str,
        method: &Method,
        path: &str,
        token: &SecretString,
        body: Option<String>,
    ) -> Result<Answer, CallError> {
        let waits = ExponentialBuilder::new().with_min_delay(self.patience.first_wait).with_max_times(3);
        let attempt = || self.once(method, path, token, body.clone());
        let may_pass = |refusal: &Refusal| match refusal {
            Refusal::Unreachable(_) | Refusal::Garbled(_) => true,
            Refusal::Limited(wait) => *wait <= self.patience.longest_wait,
        };
        let answer = attempt.retry(waits).sleep(sleep).when(may_pass).await;
        let outcome = answer.as_ref().map_or_else(ToString::to_string, |answer| answer.code.to_string());
        tracing::debug!(target: "keyrota::github", operation, subject, outcome);
        answer.map_err(|refusal| {
            let kind = match &refusal {
                Refusal::Limited(_) => ErrorKind::Throttled,
                Refusal::Garbled(_) => ErrorKind::Malformed,
                Refusal::Unreachable(_) => ErrorKind::Other,
            };
            CallError::new(kind, operation, subject, refusal.to_string())
        })
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        token: &SecretString,
        body: Option<String>,
    ) -> Result<Answer, Refusal> {
        let _place = self.at_a_time.acquire().await;
        let limited = *self.limited_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = limited.filter(|until| *until > Instant::now()) {
            let left = until - Instant::now();
            if left > self.patience.longest_wait {
                return Err(Refusal::Limited(left));
            }
            sleep_until(until).await;
        }
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.url))
            .header("accept", "application/vnd.github+json")
            .header("authorization", format!("Bearer {}", token.expose_secret()))
            .header("content-type", "application/json")
            .header("user-agent", "keyrota")
            .header("x-github-api-version", "2022-11-28")
            .body(body.unwrap_or_default())
            // It may quote the header.
            .map_err(|_| Refusal::Unreachable("the URL or the token can't stand in a request".to_owned()))?;
        let response = self.web.send(request).await.map_err(Refusal::Unreachable)?;
        let (parts, text) = response.into_parts();
        let mut value: Option<Value> = serde_json::from_slice(&text).ok();
        // It may quote what it was sent.
        if let Some(said) = value.as_mut().and_then(|value| value.get_mut("message"))
            && let Some(text) = said.as_str()
        {
            *said = without_credentials(&text.replace(token.expose_secret(), "…")).into();
        }
        let answer = Answer { code: parts.status.as_u16(), headers: parts.headers, value };
        if let Some(wait) = answer.limit() {
            let until = Instant::now() + wait;
            *self.limited_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            return Err(Refusal::Limited(wait));
        }
        match answer.code {
            500..=599 => Err(Refusal::Garbled(answer.code)),
            // The page of a proxy.
            200..=299 if answer.value.is_none() && !text.is_empty() => Err(Refusal::Garbled(answer.code)),
            _ => Ok(answer),
        }
    }
}

fn owner(vault: &Vault) -> String {
    vault.owner().to_lowercase()
}

/// Where the secrets of a vault are.
fn path(vault: &Vault) -> String {
    match vault {
        Vault::Repository { owner, name } => format!("/repos/{}/{}/actions/secrets", segment(owner), segment(name)),
        Vault::Environment { owner, name, environment } => {
            format!("/repos/{}/{}/environments/{}/secrets", segment(owner), segment(name), segment(environment))
        }
        Vault::Organization { name } => format!("/orgs/{}/actions/secrets", segment(name)),
    }
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn malformed(operation: &'static str, vault: &Vault, what: &str) -> CallError {
    CallError::new(ErrorKind::Malformed, operation, vault.to_string(), format!("the answer makes no sense: {what}"))
}
