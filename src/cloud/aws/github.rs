//! GitHub as the account's calls reach it: over the SDK's own HTTP client, with what `[deliver.github]` signs in with.

use std::{env, sync::Arc, time::Duration};

use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use http::{Request, Response};
use secrecy::SecretString;
use tokio::{sync::Mutex, time::Instant};

use super::error::{Failure, causes};
use crate::{
    github::actions::{Actions, Credentials, Patience, Web},
    inventory::{CallError, ErrorKind},
    manifest,
};

/// Variables that hold what GitHub is signed in with, where no secret does.
const TOKEN: &str = "KEYROTA_GITHUB_TOKEN";
const APP_KEY: &str = "KEYROTA_GITHUB_APP_KEY";

/// What a workflow's runner offers, and the GitHub that it is for.
const RUNNERS_TOKEN: &str = "GITHUB_TOKEN";
const RUNNERS_API: &str = "GITHUB_API_URL";

/// A failure to sign in is true for so long.
const FAILED_FOR: Duration = Duration::from_secs(30);

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The client, or why there is none.
type Signed = Result<Arc<Actions<Https>>, CallError>;

/// GitHub, as all accounts of a run call it.
pub(super) struct GitHub {
    settings: manifest::GitHub,
    patience: Patience,
    /// With the credentials and the region of the caller: what it is signed in with is keyrota's own.
    secrets: aws_sdk_secretsmanager::Client,
    client: Mutex<Option<(Instant, Signed)>>,
}

impl GitHub {
    pub fn new(settings: manifest::GitHub, patience: Patience, secrets: aws_sdk_secretsmanager::Client) -> Self {
        Self { settings, patience, secrets, client: Mutex::default() }
    }

    /// The client, signed in.
    ///
    /// # Errors
    /// There is nothing to sign in with.
    pub async fn actions(&self) -> Signed {
        let mut client = self.client.lock().await;
        if let Some((since, found)) = &*client
            && (found.is_ok() || since.elapsed() < FAILED_FOR)
        {
            return found.clone();
        }
        let credentials = self.credentials().await;
        let found =
            credentials.map(|found| Arc::new(Actions::new(Https::new(), &self.settings.url, found, self.patience)));
        *client = Some((Instant::now(), found.clone()));
        found
    }

    async fn credentials(&self) -> Result<Credentials, CallError> {
        let manifest::GitHub { app_id, installation, secret, .. } = &self.settings;
        let app = app_id.map(|id| (id, *installation));
        let none = |subject: &str, message: String| {
            CallError::new(ErrorKind::NoCredentials, "github:SignIn", subject, message)
        };
        let (text, place) = match (secret, self.offered()) {
            (Some(secret), _) => (self.secret(secret).await?, format!("the secret `{secret}`")),
            (None, Some((name, value))) => (SecretString::from(value), format!("the variable {name}")),
            (None, None) => return Err(none("GitHub", self.nothing_offered())),
        };
        Credentials::read(&text, app).map_err(|why| none(&place, format!("{place} is not to be signed in with: {why}")))
    }

    #[cfg(feature = "cli")]
    /// Whether the manifests or the environment name something to sign in with.
    pub fn has_credentials(&self) -> bool {
        self.settings.secret.is_some() || self.offered().is_some()
    }

    /// What the environment holds for this GitHub, and the variable that does.
    fn offered(&self) -> Option<(&'static str, String)> {
        let is_app = self.settings.app_id.is_some();
        let own = if is_app { APP_KEY } else { TOKEN };
        let of_runner =
            || variable(RUNNERS_TOKEN).filter(|_| !is_app && is_same_host(&runners_api(), &self.settings.url));
        variable(own).map(|value| (own, value)).or_else(|| Some((RUNNERS_TOKEN, of_runner()?)))
    }

    fn nothing_offered(&self) -> String {
        let is_app = self.settings.app_id.is_some();
        let (what, own) = if is_app { ("the App's private key", APP_KEY) } else { ("a token", TOKEN) };
        let of_another = match variable(RUNNERS_TOKEN).filter(|_| !is_app) {
            Some(_) => format!("; {RUNNERS_TOKEN} is for {} alone", runners_api()),
            None => String::new(),
        };
        format!(
            "there is nothing to sign in to GitHub with: put {what} into a secret that `secret` in `[deliver.github]` names, or into \
             the variable {own}{of_another}"
        )
    }

    /// A secret that holds keyrota's own configuration, and no user's credential.
    async fn secret(&self, name: &str) -> Result<SecretString, CallError> {
        let operation = "secretsmanager:GetSecretValue";
        let request = self.secrets.get_secret_value().secret_id(name);
        // Once a process: it stands in no queue.
        let answer = request.send().await.map_err(|error| Failure::of(operation, &error).call_error(operation, name));
        let message = match answer {
            Ok(answer) => match answer.secret_string {
                Some(value) if !value.is_empty() => return Ok(value.into()),
                _ => format!("the secret `{name}` has no text"),
            },
            Err(error) => {
                format!("the secret `{name}`, which GitHub is signed in to with, can't be read: {}", error.message)
            }
        };
        Err(CallError::new(ErrorKind::NoCredentials, operation, name, message))
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The GitHub that the runner's token is for.
fn runners_api() -> String {
    variable(RUNNERS_API).unwrap_or_else(|| manifest::GitHub::default().url)
}

/// Whether both are at the same host, by the same scheme and port.
fn is_same_host(one: &str, other: &str) -> bool {
    let host = |url: &str| {
        let url: http::Uri = url.parse().ok()?;
        let port = url.port_u16().or_else(|| (url.scheme_str() == Some("https")).then_some(443));
        Some((url.scheme_str()?.to_owned(), url.host()?.to_ascii_lowercase(), port))
    };
    host(one).is_some_and(|one| host(other) == Some(one))
}

/// The HTTP client of the SDK.
#[derive(Debug)]
pub(super) struct Https(Connector);

impl Https {
    fn new() -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(5)).read_timeout(TIMEOUT);
        let connector = Connector::builder()
            .connector_settings(settings.build())
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        Self(connector)
    }
}

impl Web for Https {
    async fn send(&self, request: Request<String>) -> Result<Response<Vec<u8>>, String> {
        let request = HttpRequest::try_from(request.map(SdkBody::from)).map_err(|error| error.to_string())?;
        let answer = async {
            let answer = self.0.call(request).await.map_err(|error| {
                // What went wrong stands at the end.
                causes(&error).last().map(ToString::to_string).unwrap_or_default()
            })?;
            let status = answer.status().as_u16();
            let answer = answer.try_into_http1x().map_err(|error| format!("the answer ({status}) is none: {error}"))?;
            let (parts, body) = answer.into_parts();
            let body =
                ByteStream::new(body).collect().await.map_err(|error| format!("the answer broke off: {error}"))?;
            Ok(Response::from_parts(parts, body.into_bytes().to_vec()))
        };
        tokio::time::timeout(TIMEOUT, answer).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_host;

    #[test]
    fn the_runners_token_is_for_its_own_github() {
        let api = "https://api.github.com";
        for url in ["https://api.github.com", "https://API.github.com/", "https://api.github.com:443"] {
            assert!(is_same_host(api, url), "{url}");
        }
        for url in [
            "https://api.github.com.example.com",
            "https://example.com/api.github.com",
            "http://api.github.com",
            "https://api.github.com:8443",
            "https://api.github.com@example.com",
            "http://127.0.0.1:8080",
            "",
        ] {
            assert!(!is_same_host(api, url), "{url}");
        }
        assert!(is_same_host("https://ghes.example/api/v3", "https://ghes.example/api/v3"));
        assert!(!is_same_host("", ""));
    }
}
