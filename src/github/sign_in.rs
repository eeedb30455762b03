//! As whom GitHub is called: with a token, or as an App, which signs what it says with its private key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// How long an App's assertion holds: GitHub allows ten minutes, and clocks differ.
const ASSERTION: Duration = Duration::from_secs(9 * 60);
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// As whom GitHub is called.
pub enum Credentials {
    /// With a token of somebody's.
    Token(SecretString),
    /// As an App, with its private key.
    App {
        /// Its id.
        id: u64,
        /// Its installation; `None`: that of each place's owner.
        installation: Option<u64>,
        /// The key, as PEM.
        key: SecretString,
    },
}

impl Credentials {
    /// What the secret part says: the App's private key or the token, alone or as the only member of a JSON object.
    ///
    /// # Errors
    /// In words, and without a word of it.
    pub fn read(text: &SecretString, app: Option<(u64, Option<u64>)>) -> Result<Self, &'static str> {
        let exposed = text.expose_secret().trim();
        let json = serde_json::from_str::<Value>(exposed);
        let member = match &json {
            Ok(Value::Object(members)) => {
                let only = members.values().next().filter(|_| members.len() == 1).and_then(Value::as_str);
                only.ok_or("it is a JSON object that is more than one text by one name: which is meant is not known")?
            }
            Ok(_) => return Err("it is JSON, and no object with one text"),
            Err(_) => exposed,
        };
        let exposed = member.trim();
        let is_key = exposed.starts_with("-----BEGIN");
        match app {
            _ if exposed.is_empty() => Err("it is empty"),
            Some((id, installation)) if is_key => {
                // In a variable, line breaks are often written so.
                let key = SecretString::from(exposed.replace("\\n", "\n"));
                signing_key(&key)?;
                Ok(Self::App { id, installation, key })
            }
            Some(_) => Err("it is no private key as GitHub gives it for an App (PEM)"),
            None if is_key => Err("it is the private key of an App, and `app-id` does not say of which"),
            None if has_key_id(exposed) => Err("it holds an access key of AWS"),
            None if !exposed.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) => Err("it is no token"),
            None => Ok(Self::Token(SecretString::from(exposed))),
        }
    }
}

/// Whether the id of an access key stands in it: then it is a credential of another kind, whatever is around it.
fn has_key_id(text: &str) -> bool {
    const LENGTH: usize = 20;
    let is_id = |start: usize| {
        let id = text.get(start..start + LENGTH).unwrap_or_default();
        !id.is_empty() && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    ["AKIA", "ASIA"].iter().any(|prefix| text.match_indices(prefix).any(|(start, _)| is_id(start)))
}

fn signing_key(pem: &SecretString) -> Result<jsonwebtoken::EncodingKey, &'static str> {
    jsonwebtoken::EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes())
        .map_err(|_| "it is no RSA private key (PEM): download a new one from the App's settings")
}

/// Says that this is the App, for a few minutes.
pub(super) fn assertion(id: u64, key: &SecretString) -> Result<SecretString, &'static str> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = json!({
        "iat": now.saturating_sub(CLOCK_DIFFERENCE).as_secs(),
        "exp": (now + ASSERTION).as_secs(),
        "iss": id.to_string(),
    });
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    let signed = jsonwebtoken::encode(&header, &claims, &signing_key(key)?);
    signed.map(SecretString::from).map_err(|_| "the App's private key can't sign")
}
