//! GitHub's Actions secrets on loopback, as its REST API documents them: with a real key pair for each place, to which values must be
//! sealed; with GitHub Apps that sign, and tokens; with limits, and the faults of networks.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufReader, Write},
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use crypto_box::{SecretKey, aead::OsRng};
use keyrota::time::rfc3339;
use serde_json::{Value, json};

use super::loopback::{Request, listen, request};

/// Somebody's token that may do everything.
pub const TOKEN: &str = "github_pat_example";
/// The App, and its installation on every owner.
pub const APP: u64 = 4711;
pub const INSTALLATION: u64 = 90210;

/// A server for one test; its threads end with the process.
pub struct VaultServer {
    pub url: String,
    /// The private key of the App, as GitHub gives it out.
    pub app_key: String,
    state: Arc<Mutex<State>>,
}

struct State {
    now: DateTime<Utc>,
    /// By path: `/repos/acme/payments/actions/secrets`, in lower case.
    places: BTreeMap<String, Place>,
    /// Method, path and body of each request.
    requests: Vec<(String, String, String)>,
    faults: VecDeque<Fault>,
    /// What the App's installation was given.
    permissions: Value,
    public_key: String,
    issued: Vec<String>,
}

struct Place {
    key: SecretKey,
    id: String,
    secrets: BTreeMap<String, Secret>,
}

/// What a place holds under one name, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub value: String,
    pub updated: DateTime<Utc>,
    pub visibility: Option<String>,
    pub repositories: Vec<u64>,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The answer of GitHub.
    Said(u16, &'static str),
    /// A secondary limit; so many seconds to wait.
    Secondary(u64),
    /// The primary limit, which ends so many seconds from now.
    Primary(u64),
    /// The page of a proxy, with this code.
    Html(u16),
    /// The connection is closed instead of an answer.
    Dropped,
    /// It has its effect, and the connection is closed instead of an answer.
    DroppedAfter,
}

impl VaultServer {
    /// With these places: `acme/payments`, `acme/payments:production`, or `acme` for an organization.
    pub fn start(places: &[&str]) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key pair");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("it is written");
        let public: PublicKeyX509Der<'_> =
            aws_lc_rs::signature::KeyPair::public_key(&pair).as_der().expect("it is written");
        let app_key = pem("PRIVATE KEY", private.as_ref());
        let permissions =
            json!({ "secrets": "write", "environments": "write", "organization_secrets": "write", "metadata": "read" });
        let state = State {
            now: "2026-11-23T08:00:00Z".parse().expect("a time"),
            places: places.iter().map(|place| (path_of(place), Place::new(place))).collect(),
            requests: Vec::new(),
            faults: VecDeque::new(),
            permissions,
            public_key: pem("PUBLIC KEY", public.as_ref()),
            issued: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let url = format!("http://{}", listen(&state, serve));
        Self { url, app_key, state }
    }

    /// What a place holds under a name.
    pub fn secret(&self, place: &str, name: &str) -> Option<Secret> {
        self.state().places.get(&path_of(place))?.secrets.get(name).cloned()
    }

    /// The value alone.
    pub fn value(&self, place: &str, name: &str) -> Option<String> {
        self.secret(place, name).map(|secret| secret.value)
    }

    /// Somebody puts a secret there.
    pub fn put(&self, place: &str, name: &str, secret: Secret) {
        let mut state = self.state();
        let place = state.places.get_mut(&path_of(place)).expect("a place of the server");
        place.secrets.insert(name.to_owned(), secret);
    }

    /// Somebody takes one away.
    pub fn remove(&self, place: &str, name: &str) {
        let mut state = self.state();
        state.places.get_mut(&path_of(place)).expect("a place of the server").secrets.remove(name);
    }

    /// What happens to the next requests.
    pub fn fail(&self, faults: &[Fault]) {
        self.state().faults = faults.iter().cloned().collect();
    }

    pub fn set_now(&self, now: DateTime<Utc>) {
        self.state().now = now;
    }

    /// What the App's installation is given from now on.
    pub fn grant(&self, permissions: Value) {
        self.state().permissions = permissions;
    }

    /// The requests so far, as method and path.
    pub fn take_requests(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.state().requests);
        requests.into_iter().map(|(method, path, _)| format!("{method} {path}")).collect()
    }

    /// All that was ever sent there.
    pub fn bodies(&self) -> String {
        self.state().requests.iter().map(|(_, _, body)| body.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no handler has failed")
    }
}

impl Place {
    fn new(place: &str) -> Self {
        let id = format!("{:018}", place.len() as u64 * 111_111_111_111);
        Self { key: SecretKey::generate(&mut OsRng), id, secrets: BTreeMap::new() }
    }
}

fn path_of(place: &str) -> String {
    let path = match place.split_once(':') {
        Some((repository, environment)) => format!("/repos/{repository}/environments/{environment}/secrets"),
        None if place.contains('/') => format!("/repos/{place}/actions/secrets"),
        None => format!("/orgs/{place}/actions/secrets"),
    };
    path.to_lowercase()
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64")).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

/// An answer: its code, its headers, and what it says.
type Answer = (u16, Vec<(&'static str, String)>, String);

fn said(code: u16, value: Value) -> Answer {
    (code, vec![], if value.is_null() { String::new() } else { value.to_string() })
}

fn refused(code: u16, message: &str) -> Answer {
    said(code, json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let Some(Request { method, target: path, headers, body }) = request(&mut reader) else { return };
    let body = String::from_utf8(body).expect("text");
    let answer = {
        let mut state = state.lock().expect("no handler has failed");
        state.requests.push((method.clone(), path.clone(), body.clone()));
        match state.faults.pop_front().unwrap_or(Fault::None) {
            Fault::None => Some(state.answer(&method, &path, &headers, &body)),
            Fault::Said(code, message) => Some(refused(code, message)),
            Fault::Secondary(seconds) => {
                let (code, mut headers, text) = refused(
                    403,
                    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                );
                headers.push(("retry-after", seconds.to_string()));
                Some((code, headers, text))
            }
            Fault::Primary(seconds) => {
                let (code, mut headers, text) = refused(403, "API rate limit exceeded for installation ID 90210.");
                let reset = Utc::now() + TimeDelta::seconds(i64::try_from(seconds).expect("seconds"));
                headers.extend([
                    ("x-ratelimit-remaining", "0".to_owned()),
                    ("x-ratelimit-reset", reset.timestamp().to_string()),
                ]);
                Some((code, headers, text))
            }
            Fault::Html(code) => {
                Some((code, vec![], "<!DOCTYPE html><html>Sign in to the hotel's network</html>".to_owned()))
            }
            Fault::Dropped => None,
            Fault::DroppedAfter => {
                state.answer(&method, &path, &headers, &body);
                None
            }
        }
    };
    let Some((code, headers, text)) = answer else { return };
    let mut stream = reader.into_inner();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!(
        "HTTP/1.1 {code} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{text}",
        text.len()
    );
    let _ = stream.write_all(text.as_bytes());
}

impl State {
    fn answer(&mut self, method: &str, path: &str, headers: &BTreeMap<String, String>, body: &str) -> Answer {
        if !headers.contains_key("user-agent") {
            return refused(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
            );
        }
        if headers.get("x-github-api-version").map(String::as_str) != Some("2022-11-28") {
            return refused(400, "X-GitHub-Api-Version is not supported");
        }
        let token = headers.get("authorization").and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let path = percent_encoding::percent_decode_str(bare).decode_utf8().expect("text").to_lowercase();
        if path.ends_with("/installation") || path.starts_with("/app/") {
            return self.answer_app(method, &path, token);
        }
        if token != TOKEN && !self.issued.iter().any(|issued| issued == token) {
            return refused(401, "Bad credentials");
        }
        let Some((place, rest)) =
            path.rsplit_once("/secrets").map(|(before, rest)| (format!("{before}/secrets"), rest.to_owned()))
        else {
            return refused(404, "Not Found");
        };
        let now = self.now;
        let Some(found) = self.places.get_mut(&place) else { return refused(404, "Not Found") };
        let rest: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        match (method, &rest[..]) {
            ("GET", ["public-key"]) => {
                let key = BASE64_STANDARD.encode(found.key.public_key().as_bytes());
                said(200, json!({ "key_id": found.id, "key": key }))
            }
            ("GET", [name]) => match found.secrets.get(&name.to_uppercase()) {
                Some(secret) => {
                    let at = rfc3339(secret.updated);
                    let mut value = json!({ "name": name.to_uppercase(), "created_at": at, "updated_at": at });
                    if let Some(visibility) = &secret.visibility {
                        value["visibility"] = json!(visibility);
                    }
                    said(200, value)
                }
                None => refused(404, "Not Found"),
            },
            ("GET", [name, "repositories"]) => match found.secrets.get(&name.to_uppercase()) {
                Some(Secret { visibility: Some(visibility), repositories, .. }) if visibility == "selected" => {
                    let number = |name: &str, default| {
                        query
                            .split('&')
                            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<usize>().ok())
                            .unwrap_or(default)
                    };
                    let (page, size) = (number("page", 1), number("per_page", 30).min(100));
                    let listed: Vec<Value> = repositories
                        .iter()
                        .skip((page - 1) * size)
                        .take(size)
                        .map(|id| json!({ "id": id, "name": "x" }))
                        .collect();
                    said(200, json!({ "total_count": repositories.len(), "repositories": listed }))
                }
                Some(_) => refused(409, "Conflict when visibility type not set to selected"),
                None => refused(404, "Not Found"),
            },
            ("PUT", [name]) => found.put(&name.to_uppercase(), body, place.starts_with("/orgs/"), now),
            _ => refused(404, "Not Found"),
        }
    }

    /// What an App asks for, as which it signs.
    fn answer_app(&mut self, method: &str, path: &str, token: &str) -> Answer {
        let key = jsonwebtoken::DecodingKey::from_rsa_pem(self.public_key.as_bytes()).expect("the App's public key");
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.set_issuer(&[APP.to_string()]);
        let claims = match jsonwebtoken::decode::<Value>(token, &key, &validation) {
            Ok(decoded) => decoded.claims,
            Err(error) => return refused(401, &format!("A JSON web token could not be decoded: {error}")),
        };
        let lasts = claims["exp"].as_i64().expect("a time") - claims["iat"].as_i64().expect("a time");
        if lasts > 600 + 60 {
            return refused(401, "'Expiration time' claim ('exp') is too far in the future");
        }
        if method == "GET" && path.ends_with("/installation") {
            let owner = path.split('/').nth(2).unwrap_or_default();
            let of_owner = |place: &String| place.split('/').nth(2) == Some(owner);
            return match self.places.keys().any(of_owner) {
                true => said(200, json!({ "id": INSTALLATION, "account": { "login": owner } })),
                false => refused(404, "Not Found"),
            };
        }
        if method != "POST" || path != format!("/app/installations/{INSTALLATION}/access_tokens") {
            return refused(404, "Not Found");
        }
        let token = format!("ghs_{}", self.issued.len());
        self.issued.push(token.clone());
        let ends = rfc3339(Utc::now() + TimeDelta::hours(1));
        said(
            201,
            json!({ "token": token, "expires_at": ends, "permissions": self.permissions, "repository_selection": "all" }),
        )
    }
}

impl Place {
    fn put(&mut self, name: &str, body: &str, is_organization: bool, now: DateTime<Utc>) -> Answer {
        let invalid = |what: &str| refused(422, &format!("Invalid request.\n\n{what}"));
        let Ok(body) = serde_json::from_str::<BTreeMap<String, Value>>(body) else {
            return refused(400, "Problems parsing JSON");
        };
        let known = ["encrypted_value", "key_id", "visibility", "selected_repository_ids"];
        if let Some(other) = body.keys().find(|key| !known.contains(&key.as_str())) {
            return invalid(&format!("\"{other}\" is not a permitted key."));
        }
        let visibility = body.get("visibility").and_then(Value::as_str).map(str::to_owned);
        if is_organization != visibility.is_some() {
            return invalid("\"visibility\" is of organizations.");
        }
        let ids = body.get("selected_repository_ids").map(|ids| ids.as_array().expect("a list").clone());
        if ids.is_some() && visibility.as_deref() != Some("selected") {
            return invalid("\"selected_repository_ids\" is of visibility `selected`.");
        }
        if body.get("key_id").and_then(Value::as_str) != Some(&self.id) {
            return refused(422, "The key_id is not that of the public key.");
        }
        let sealed =
            body.get("encrypted_value").and_then(Value::as_str).and_then(|text| BASE64_STANDARD.decode(text).ok());
        let Some(value) = sealed.and_then(|sealed| self.key.unseal(&sealed).ok()) else {
            return refused(422, "encrypted_value can't be decrypted");
        };
        let is_new = !self.secrets.contains_key(name);
        let repositories = ids.into_iter().flatten().map(|id| id.as_u64().expect("an id")).collect();
        let value = String::from_utf8(value).expect("text");
        self.secrets.insert(name.to_owned(), Secret { value, updated: now, visibility, repositories });
        if is_new { said(201, json!({})) } else { said(204, Value::Null) }
    }
}
