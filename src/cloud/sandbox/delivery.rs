//! The places of delivery: Systems Manager's parameters, and GitHub's Actions secrets with a key pair each, to which values are
//! sealed. Values are kept nowhere, only their digests.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, SubsecRound, Utc};
use crypto_box::SecretKey;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{Located, StoredParameter, StoredVaultSecret, World, iam::secret_access_key, rules};
use crate::{
    cloud::{NewParameter, Parameter, SealedSecret, Vault, VaultKey, VaultSecret, Visibility},
    credential,
    inventory::{Account, CallError, ErrorKind, KeyId},
};

/// Who writes parameters here.
const WRITER: &str = "nobody: this is a sandbox";

/// What a parameter of the standard tier holds at most.
const MOST_BYTES: usize = 4096;

/// `DescribeParameters` and `ListTagsForResource`.
pub(super) fn parameter(world: &World, name: &str) -> Option<Parameter> {
    let StoredParameter { tags, version, modified, .. } = world.parameter(name)?;
    Some(Parameter {
        tags: tags.clone(),
        version: *version,
        modified: *modified,
        modified_by: modified.map(|_| WRITER.to_owned()),
    })
}

/// `PutParameter`.
pub(super) fn put_parameter(
    world: &mut Located,
    now: DateTime<Utc>,
    parameter: &NewParameter,
    value: &SecretString,
) -> Result<i64, CallError> {
    let NewParameter { name, description, kms_key, tags, overwrites } = parameter;
    let fail = |kind, message: String| Err(CallError::new(kind, "ssm:PutParameter", name, message));
    if let Err(problem) = rules::parameter_name(name) {
        return fail(ErrorKind::Other, format!("ValidationException: {problem}"));
    }
    if !(1..=MOST_BYTES).contains(&value.expose_secret().len()) {
        return fail(
            ErrorKind::Other,
            "ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters."
                .to_owned(),
        );
    }
    if *overwrites && !tags.is_empty() {
        let message = "ValidationException: Invalid request: tags and overwrite can't be used together.";
        return fail(ErrorKind::Other, message.to_owned());
    }
    if let Err(problem) = rules::tags(tags) {
        return fail(ErrorKind::Other, format!("ValidationException: {problem}"));
    }
    let digest = Some(Sha256::digest(value.expose_secret().as_bytes()).into());
    let modified = Some(now.trunc_subsecs(0));
    if let Some(existing) = world.parameters.iter_mut().find(|existing| existing.name == *name) {
        if !overwrites {
            let message = "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return fail(ErrorKind::Conflict, message.to_owned());
        }
        existing.version += 1;
        (existing.modified, existing.digest) = (modified, digest);
        existing.kms_key.clone_from(kms_key);
        return Ok(existing.version);
    }
    let (name, description, kms_key, tags) = (name.clone(), description.clone(), kms_key.clone(), tags.clone());
    world.parameters.push(StoredParameter { name, description, tags, kms_key, version: 1, modified, digest });
    Ok(1)
}

/// `GetSecretValue` of one version. What a secret part is follows from the key's id, so that none is kept.
pub(super) fn secret_value(
    world: &mut Located,
    account: &Account,
    name: &str,
    version: &str,
) -> Result<SecretString, CallError> {
    let fail = |message: &str| CallError::new(ErrorKind::NotFound, "secretsmanager:GetSecretValue", name, message);
    let secret = world.secret(name).filter(|secret| secret.deleted.is_none());
    let secret =
        secret.ok_or_else(|| fail("ResourceNotFoundException: Secrets Manager can't find the specified secret."))?;
    let stored = secret.versions.iter().find(|stored| stored.id == version);
    let (stored, key) = stored
        .and_then(|stored| Some((stored, KeyId::of_version(version)?)))
        .ok_or_else(|| fail("ResourceNotFoundException: Secrets Manager can't find the specified secret value."))?;
    let part = secret_access_key(&key);
    let texts = [None, Some(account.region.as_str())].map(|smtp| credential::written(&key, &part, smtp));
    let is_stored =
        |text: &&SecretString| stored.digest == Some(Sha256::digest(text.expose_secret().as_bytes()).into());
    Ok(texts.iter().find(is_stored).unwrap_or(&texts[0]).clone())
}

/// `GET …/secrets/public-key`.
pub(super) fn vault_key(world: &World, vault: &Vault) -> Result<VaultKey, CallError> {
    open(world, vault, "github:GetPublicKey")?;
    Ok(VaultKey { id: hex::encode(&Sha256::digest(place(vault))[..9]), key: *pair(vault).public_key().as_bytes() })
}

/// `GET …/secrets/NAME`.
pub(super) fn vault_secret(world: &World, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError> {
    open(world, vault, "github:GetSecret")?;
    let found = world.vault_secret(&place(vault), name);
    Ok(found.map(|StoredVaultSecret { updated, visibility, .. }| VaultSecret {
        updated: *updated,
        visibility: *visibility,
    }))
}

/// `GET …/secrets/NAME/repositories`.
pub(super) fn vault_repositories(world: &World, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError> {
    open(world, vault, "github:ListSelectedRepositories")?;
    Ok(world.vault_secret(&place(vault), name).map(|found| found.repositories.clone()).unwrap_or_default())
}

/// `PUT …/secrets/NAME`.
pub(super) fn put_vault_secret(
    world: &mut Located,
    now: DateTime<Utc>,
    vault: &Vault,
    secret: &SealedSecret,
) -> Result<(), CallError> {
    const ACTION: &str = "github:PutSecret";
    open(world, vault, ACTION)?;
    let SealedSecret { name, key_id, value, access } = secret;
    let refuse = |message: &str| CallError::new(ErrorKind::Other, ACTION, place(vault), message);
    if *key_id != vault_key(world, vault)?.id {
        return Err(refuse("GitHub answers 422, `Validation Failed`: the key is another one by now"));
    }
    let is_organization = matches!(vault, Vault::Organization { .. });
    if is_organization != access.is_some() {
        return Err(refuse("GitHub answers 422, `visibility` is of an organization's secret"));
    }
    let sealed = BASE64_STANDARD.decode(value.expose_secret()).map_err(|_| refuse("GitHub answers 422, no base64"))?;
    let opened =
        pair(vault).unseal(&sealed).map_err(|_| refuse("GitHub answers 422, the value is not sealed to its key"))?;
    let (visibility, repositories) = access.clone().unzip();
    let stored = StoredVaultSecret {
        place: place(vault),
        name: name.to_uppercase(),
        updated: now.trunc_subsecs(0),
        visibility,
        repositories: repositories.filter(|_| visibility == Some(Visibility::Selected)).unwrap_or_default(),
        digest: Some(Sha256::digest(opened).into()),
    };
    match world.vault.iter_mut().find(|other| other.is_called(&stored.place, &stored.name)) {
        Some(other) => *other = stored,
        None => world.vault.push(stored),
    }
    Ok(())
}

impl StoredVaultSecret {
    pub(super) fn is_called(&self, place: &str, name: &str) -> bool {
        self.place.eq_ignore_ascii_case(place) && self.name.eq_ignore_ascii_case(name)
    }
}

/// As manifests name it.
fn place(vault: &Vault) -> String {
    match vault {
        Vault::Repository { .. } | Vault::Environment { .. } => format!("github:{vault}"),
        Vault::Organization { .. } => format!("github-org:{vault}"),
    }
}

fn open(world: &World, vault: &Vault, operation: &'static str) -> Result<(), CallError> {
    let place = place(vault);
    if world.closed.iter().any(|closed| closed.eq_ignore_ascii_case(&place)) {
        let message =
            "GitHub answers 404, `Not Found`: there is no such place, or keyrota's App may not write its secrets";
        return Err(CallError::new(ErrorKind::Denied, operation, place, message));
    }
    Ok(())
}

/// The key pair of a vault: follows from its name, so that none is kept. It opens nothing else.
fn pair(vault: &Vault) -> SecretKey {
    let seed = format!("the key pair of {}", place(vault).to_lowercase());
    SecretKey::from_bytes(Sha256::digest(seed.as_bytes()).into())
}
