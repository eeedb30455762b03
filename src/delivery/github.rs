//! `github:OWNER/REPO[:ENVIRONMENT]` and `github-org:ORG`: the Actions secrets of a repository, of one of its environments or of
//! an organization, sealed to its public key.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_box::{PublicKey, aead::OsRng};
use secrecy::{ExposeSecret, SecretString};

use super::{
    kind::{How, Kind, Misnamed, NotTaken, Rules, USER},
    names::GitHubNames,
};
use crate::{
    cloud::{Reads, SealedSecret, Vault, VaultSecret, Visibility, Writes},
    credential::Credential,
    inventory::{CallError, ErrorKind, Found, UNSEEN},
    time::rfc3339,
};

/// The Actions secrets of a repository, or of one of its environments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    owner: String,
    name: String,
    environment: Option<String>,
}

/// The Actions secrets of an organization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Organization {
    name: String,
}

impl Kind for Repository {
    const SCHEME: &'static str = "github";
    const FORM: &'static str = "github:OWNER/REPO[:ENVIRONMENT]";
    const IS_OF_GITHUB: bool = true;
    const WHEN_SHARED: &'static str = "let `{user}` stand in the place or in `names` of `[deliver.github]`, or give one of the users a \
                                       rule with another `deliver`";

    fn parse(rest: &str) -> Result<Self, Misnamed> {
        let no = |message: &str, help: &str| Err(Misnamed { message: message.to_owned(), help: help.to_owned() });
        let form = "write `github:OWNER/REPO[:ENVIRONMENT]`";
        let (path, environment) = match rest.split_once(':') {
            Some((path, environment)) => (path, Some(environment)),
            None => (rest, None),
        };
        let Some((owner, name)) = path.split_once('/') else {
            let help = match is_owner(path) && environment.is_none() {
                true => format!("{form}, or `github-org:{path}` for the secrets of an organization"),
                false => form.to_owned(),
            };
            return no("names no repository", &help);
        };
        if !is_owner(owner) || !is_repository(name) {
            return no("does not name a repository of GitHub", form);
        }
        match environment {
            Some("") => no("has an empty environment", "leave the colon out, or write the environment's name"),
            Some(text) if text.len() > 255 || text.chars().any(|c| c.is_control() || "'\"`,;\\".contains(c)) => {
                no("has an environment that GitHub can't have", "write the environment's name as GitHub shows it")
            }
            Some(text) if text.replace(USER, "").contains(['{', '}']) => {
                no("holds a placeholder other than `{user}`", "`{user}` is the only placeholder")
            }
            environment => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned(), environment: environment.map(str::to_owned) })
            }
        }
    }

    fn of_user(&self, user: &str) -> Self {
        let fill = |text: &String| text.replace(USER, &in_a_name(user));
        let Self { owner, name, environment } = self;
        Self { owner: owner.clone(), name: fill(name), environment: environment.as_ref().map(fill) }
    }

    fn rules(&self, how: &How) -> Rules {
        rules(&self.vault(), how)
    }

    async fn look(&self, how: &How, cloud: &dyn Reads) -> Result<Found, CallError> {
        look(&self.vault(), how, cloud).await
    }

    async fn take(&self, how: &How, credential: &Credential, _: bool, cloud: &dyn Writes) -> Result<String, NotTaken> {
        take(&self.vault(), how, credential, cloud).await
    }
}

impl Kind for Organization {
    const SCHEME: &'static str = "github-org";
    const FORM: &'static str = "github-org:ORG";
    const IS_OF_GITHUB: bool = true;
    const WHEN_SHARED: &'static str =
        "let `{user}` stand in `names` of `[deliver.github]`, or give one of the users a rule with another `deliver`";

    fn parse(name: &str) -> Result<Self, Misnamed> {
        if is_owner(name) {
            return Ok(Self { name: name.to_owned() });
        }
        let help = match name.contains('/') {
            true => format!("write `github-org:ORG`, or `github:{name}` for the secrets of a repository"),
            false => "write `github-org:ORG`".to_owned(),
        };
        Err(Misnamed { message: "does not name an organization of GitHub".to_owned(), help })
    }

    fn of_user(&self, _: &str) -> Self {
        self.clone()
    }

    fn rules(&self, how: &How) -> Rules {
        rules(&self.vault(), how)
    }

    async fn look(&self, how: &How, cloud: &dyn Reads) -> Result<Found, CallError> {
        look(&self.vault(), how, cloud).await
    }

    async fn take(&self, how: &How, credential: &Credential, _: bool, cloud: &dyn Writes) -> Result<String, NotTaken> {
        take(&self.vault(), how, credential, cloud).await
    }
}

impl Repository {
    fn vault(&self) -> Vault {
        let Self { owner, name, environment } = self.clone();
        match environment {
            None => Vault::Repository { owner, name },
            Some(environment) => Vault::Environment { owner, name, environment },
        }
    }
}

impl Organization {
    fn vault(&self) -> Vault {
        Vault::Organization { name: self.name.clone() }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, name, environment } = self;
        write!(f, "{owner}/{name}")?;
        environment.as_ref().map_or(Ok(()), |environment| write!(f, ":{environment}"))
    }
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn rules(vault: &Vault, how: &How) -> Rules {
    let names = how.github_names.of(how.smtp);
    // GitHub compares all of these without case.
    let place = vault.to_string().to_lowercase();
    Rules {
        holds: names.iter().map(|name| format!("github:{place}#{}", name.to_uppercase())).collect(),
        is_of_account: false,
        as_said: format!("{} {}", how.github_url, names.join(" ")),
        overwrites: Some(names.join(", ")),
    }
}

/// GitHub tells of a secret when it was written, and nothing else. What is refused for good is no error, but an answer.
async fn look(vault: &Vault, how: &How, cloud: &dyn Reads) -> Result<Found, CallError> {
    // Whoever can't read the key to seal to can't write either.
    let secrets = async {
        cloud.vault_key(vault).await?;
        all_secrets(vault, how, cloud).await
    };
    match secrets.await {
        Ok(secrets) => Ok(found(&secrets)),
        Err(error) => Ok(match error.kind {
            ErrorKind::Denied | ErrorKind::NotFound => Found::Closed { why: error.message },
            ErrorKind::NoCredentials => Found::Unknown { why: error.message, asked: false },
            _ => Found::Unknown { why: error.message, asked: true },
        }),
    }
}

async fn all_secrets(vault: &Vault, how: &How, cloud: &dyn Reads) -> Result<Vec<Option<VaultSecret>>, CallError> {
    let mut secrets = Vec::new();
    for name in how.github_names.of(how.smtp) {
        secrets.push(cloud.vault_secret(vault, name).await?);
    }
    Ok(secrets)
}

fn found(secrets: &[Option<VaultSecret>]) -> Found {
    // One that is missing was taken away, or never there.
    let last = secrets.iter().map(|secret| secret.as_ref().map(|secret| secret.updated)).min().flatten();
    let written = secrets.iter().flatten().map(|secret| secret.updated).max();
    match (last, written) {
        (Some(_), Some(written)) => Found::Something { mark: written.timestamp().to_string(), last: rfc3339(written) },
        _ => Found::Nothing,
    }
}

async fn take(vault: &Vault, how: &How, credential: &Credential, cloud: &dyn Writes) -> Result<String, NotTaken> {
    let key = cloud.vault_key(vault).await.map_err(NotTaken::before)?;
    let seal = |value: &str| {
        let sealed = PublicKey::from(key.key).seal(&mut OsRng, value.as_bytes());
        let no_box =
            |_| CallError::new(ErrorKind::Other, "github:PutSecret", vault.to_string(), "it could not be sealed");
        sealed.map(|sealed| BASE64_STANDARD.encode(sealed)).map_err(no_box).map_err(NotTaken::before)
    };
    let GitHubNames { key: id, secret, region, smtp: [user, password] } = &how.github_names;
    // The secret parts first: whoever reads in between reads an id that AWS does not know with them, as with the other order.
    let mut values: Vec<(&String, String)> = vec![(secret, seal(credential.secret().expose_secret())?)];
    if let Some(smtp) = credential.smtp_password() {
        values.push((password, seal(smtp.expose_secret())?));
        values.push((user, seal(credential.key.as_str())?));
    }
    if let Some(region) = region {
        values.push((region, seal(&how.region)?));
    }
    values.push((id, seal(credential.key.as_str())?));
    // All that may refuse is asked before the first is written.
    let mut puts = Vec::new();
    for (name, value) in values {
        let access = match vault {
            Vault::Organization { .. } => Some(access(vault, name, how, cloud).await.map_err(NotTaken::before)?),
            Vault::Repository { .. } | Vault::Environment { .. } => None,
        };
        let (name, key_id, value) = (name.clone(), key.id.clone(), SecretString::from(value));
        puts.push(SealedSecret { name, key_id, value, access });
    }
    for (number, put) in puts.iter().enumerate() {
        let part = |error| NotTaken { error, may_be_part: true };
        let failed: fn(CallError) -> NotTaken = if number == 0 { NotTaken::by } else { part };
        cloud.put_vault_secret(vault, put).await.map_err(failed)?;
    }
    // GitHub answers a write with nothing: when it took place is read.
    let written = all_secrets(vault, how, cloud).await.map_err(|error| NotTaken { error, may_be_part: true })?;
    Ok(match found(&written) {
        Found::Something { mark, .. } => mark,
        _ => UNSEEN.to_owned(),
    })
}

/// Who sees a secret of an organization: as it is, or as the manifests say of one that is made.
async fn access(vault: &Vault, name: &str, how: &How, cloud: &dyn Reads) -> Result<(Visibility, Vec<u64>), CallError> {
    match cloud.vault_secret(vault, name).await?.map(|secret| secret.visibility) {
        None => Ok((how.visibility, Vec::new())),
        Some(Some(Visibility::Selected)) => Ok((Visibility::Selected, cloud.vault_repositories(vault, name).await?)),
        Some(Some(visibility)) => Ok((visibility, Vec::new())),
        // It is to be left as it is, and how it is can't be told.
        Some(None) => {
            let message = format!("GitHub does not say who sees the secret {name}");
            Err(CallError::new(ErrorKind::Malformed, "github:GetSecret", vault.to_string(), message))
        }
    }
}

/// A login of GitHub: of a user or an organization.
fn is_owner(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        && !text.starts_with('-')
}

fn is_repository(text: &str) -> bool {
    let bare = text.replace(USER, "U");
    !bare.is_empty()
        && bare.len() <= 100
        && bare != "."
        && bare != ".."
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A user's name as names of GitHub may hold it. Wildcards are in no name: a pattern of names stays one.
fn in_a_name(user: &str) -> String {
    user.chars().map(|c| if c.is_ascii_alphanumeric() || "._-*?".contains(c) { c } else { '-' }).collect()
}
