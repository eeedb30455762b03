//! An incoming webhook of Slack: the one address that keyrota calls beside AWS and GitHub. With the HTTP client that the SDK
//! brings, so that the function needs no other.
//!
//! Who has a webhook's URL can write to its channel: it is shown nowhere, whatever happens.

use std::time::Duration;

use aws_sdk_secretsmanager::config::http::{HttpRequest, HttpResponse};
use aws_smithy_http_client::{Connector, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::{error::causes, settings::Settings};
use crate::{
    inventory::{CallError, ErrorKind},
    notice::POST,
};

/// Slack's own hosts. Whatever else takes such messages can hang on a topic or an event.
const HOSTS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];

/// This machine, which is called without TLS: a test's Slack.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// For one try. With all waits that is less than the minute which the function keeps for what it has begun.
const TIMEOUT: Duration = Duration::from_secs(8);

/// How often a message is tried that Slack could not take, and the longest that it may ask to wait.
const MOST_TRIES: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A longer answer is none of Slack's.
const LONGEST_ANSWER: usize = 1024;

/// A webhook: one message at a time, as Slack takes one a second.
pub(super) struct Webhook {
    url: SecretString,
    connector: Connector,
    /// Why it took no message. Who waited for their turn meanwhile does not wait for the same again.
    failed: Mutex<Option<CallError>>,
}

impl Webhook {
    /// The webhook whose URL a secret holds: as it is, or as the one value of a JSON object, as the console stores it.
    pub fn of_secret(secret: &str, value: &str) -> Result<Self, CallError> {
        let no = |message: &str| {
            let mut error = CallError::new(ErrorKind::Refused, POST, format!("slack:{secret}"), message);
            error.hint = Some(format!(
                "put the URL of an incoming webhook, which begins with https://{}/, into the secret {secret}",
                HOSTS[0]
            ));
            error
        };
        let url = match serde_json::from_str::<Value>(value) {
            Ok(Value::String(url)) => url,
            Ok(Value::Object(fields)) => match &fields.values().collect::<Vec<_>>()[..] {
                [Value::String(url)] => url.clone(),
                _ => return Err(no("its secret holds JSON of more than one text")),
            },
            _ => value.to_owned(),
        };
        let url = url.trim();
        let is_local = is_loopback(url);
        let is_slack = HOSTS.iter().any(|host| {
            url.strip_prefix("https://")
                .and_then(|rest| rest.strip_prefix(host))
                .is_some_and(|path| path.starts_with('/') && path.len() > 1)
        });
        if !is_local && !is_slack {
            return Err(no("its secret holds no URL of a Slack webhook"));
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err(no("its secret holds a URL with something else in it"));
        }
        // Proxies of the environment are meant for other machines.
        let proxy = if is_local { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let connector = Connector::builder().proxy_config(proxy).tls_provider(provider).build();
        Ok(Self { url: SecretString::from(url), connector, failed: Mutex::new(None) })
    }

    /// Posts a message, again where Slack could not take it. What broke off may have been taken: at least once.
    pub async fn post(&self, secret: &str, body: &str, settings: &Settings) -> Result<(), CallError> {
        let mut failed = self.failed.lock().await;
        if let Some(error) = &*failed {
            return Err(error.clone());
        }
        let posted = self.post_now(secret, body, settings).await;
        failed.clone_from(&posted.clone().err());
        posted
    }

    async fn post_now(&self, secret: &str, body: &str, settings: &Settings) -> Result<(), CallError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let refusal = match timeout(TIMEOUT, self.attempt(body)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(refusal)) => refusal,
                Err(_) => Refusal { kind: ErrorKind::Other, message: "no answer in time".to_owned(), wait: None },
            };
            let Refusal { kind, message, wait } = refusal;
            let may_pass = matches!(kind, ErrorKind::Other | ErrorKind::Throttled);
            tracing::debug!(target: "keyrota::slack", secret, tries, outcome = ?kind, message);
            let wait = wait.unwrap_or(settings.first_wait);
            if !may_pass || tries >= MOST_TRIES || wait > LONGEST_WAIT {
                return Err(CallError::new(kind, POST, format!("slack:{secret}"), message));
            }
            sleep(wait).await;
        }
    }

    async fn attempt(&self, body: &str) -> Result<(), Refusal> {
        let refusal = |kind, message: &str| Refusal { kind, message: message.to_owned(), wait: None };
        let bad = |_| refusal(ErrorKind::Refused, "its secret holds no URL that can be called");
        let mut request = HttpRequest::new(body.into());
        request.set_method("POST").map_err(|_| refusal(ErrorKind::Other, "it could not be put together"))?;
        // One spelling: a name might be looked up elsewhere.
        let url = self.url.expose_secret().replacen("http://localhost", "http://127.0.0.1", 1);
        request.set_uri(url).map_err(bad)?;
        request.headers_mut().insert("content-type", "application/json; charset=utf-8");
        request.headers_mut().insert("user-agent", "keyrota");
        let response = self.connector.call(request).await.map_err(|error| {
            // Of the error only what the system says: the rest might quote the request.
            let system = causes(&error).find_map(|cause| cause.downcast_ref::<std::io::Error>());
            let said = system.map_or_else(|| "the connection failed".to_owned(), |error| error.kind().to_string());
            refusal(ErrorKind::Other, &format!("no connection: {said}"))
        })?;
        read(response).await
    }
}

/// Why a message was not taken.
struct Refusal {
    kind: ErrorKind,
    message: String,
    /// How long Slack asks to wait.
    wait: Option<Duration>,
}

async fn read(response: HttpResponse) -> Result<(), Refusal> {
    let status = response.status().as_u16();
    let wait = response.headers().get("retry-after").and_then(|wait| wait.trim().parse().ok()).map(Duration::from_secs);
    let body = aws_sdk_s3::primitives::ByteStream::new(response.into_body()).collect().await;
    let body = body.map(|body| body.to_vec()).map_err(|_| Refusal {
        kind: ErrorKind::Other,
        message: "the answer broke off".to_owned(),
        wait: None,
    })?;
    let said = String::from_utf8_lossy(&body[..body.len().min(LONGEST_ANSWER)]).trim().to_owned();
    // Slack answers in one word, such as `no_service`. Other text may be anyone's, and may quote what was asked.
    let is_word = (1..=60).contains(&said.len()) && said.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let words = if is_word { format!("Slack answers {status}, `{said}`") } else { format!("Slack answers {status}") };
    let refusal = |kind, message| Err(Refusal { kind, message, wait });
    match status {
        200 if said == "ok" => Ok(()),
        200..=299 => refusal(ErrorKind::Malformed, format!("the answer ({status}) is not Slack's, which says `ok`")),
        429 => refusal(ErrorKind::Throttled, "Slack's rate limit is used up".to_owned()),
        // Of a proxy, or of a Slack that has moved: no message is sent anywhere else.
        300..=399 => {
            refusal(ErrorKind::Refused, format!("the answer ({status}) sends elsewhere, where nothing is posted"))
        }
        400..=499 => refusal(ErrorKind::Refused, words),
        _ => refusal(ErrorKind::Other, words),
    }
}

/// Whether a URL is of this machine, where a message may go without TLS.
fn is_loopback(url: &str) -> bool {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| {
        LOOPBACK.iter().any(|local| match host.strip_prefix(local) {
            Some(port) => port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
            None => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_slack_alone_and_in_the_clear_nowhere_but_here() {
        for url in [
            "https://hooks.slack.com/services/T0/B0/x",
            " https://hooks.slack.com/triggers/T0/1/x\n",
            "https://hooks.slack-gov.com/services/T0/B0/x",
            "\"https://hooks.slack.com/services/T0/B0/x\"",
            "{\"url\": \"https://hooks.slack.com/services/T0/B0/x\"}",
            "http://127.0.0.1:8080/services/x",
            "http://[::1]:8080/services/x",
            "http://localhost:8080/services/x",
        ] {
            assert!(Webhook::of_secret("s", url).is_ok(), "{url}");
        }
        for url in [
            "",
            "hush",
            "http://hooks.slack.com/services/hush",
            "https://hooks.slack.com/",
            "https://hooks.slack.com.example.com/hush",
            "https://hooks.slack.com@example.com/hush",
            "https://example.com/hooks.slack.com/hush",
            "https://user:hush@hooks.slack.com/services/x",
            "http://127.0.0.1.example.com:80/hush",
            "http://127.0.0.1:80@example.com/hush",
            "http://localhost.example.com:80/hush",
            "http://10.0.0.1:80/hush",
            "https://hooks.slack.com/services/hush https://example.com",
            "{\"url\": \"https://hooks.slack.com/hush\", \"more\": \"x\"}",
            "{\"AccessKeyId\": \"AKIA\", \"SecretAccessKey\": \"hush\"}",
        ] {
            let Err(error) = Webhook::of_secret("s", url) else { panic!("{url} is taken") };
            assert!(!format!("{error:?}{error}").contains("hush"), "{error:?}");
            assert_eq!(error.kind, ErrorKind::Refused);
        }
    }
}
