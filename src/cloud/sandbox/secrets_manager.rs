//! Secrets Manager: secrets by exact name, versions that can't be changed, and labels that are on one version each.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{Located, StoredSecret, StoredVersion, World, rules};
use crate::{
    cloud::NewSecret,
    inventory::{Account, CURRENT, CallError, ErrorKind, PENDING, PREVIOUS, Replica, SecretRecord, Version},
};

/// The label that follows `AWSCURRENT` by itself.
/// Most bytes that a value may have.
const MAX_VALUE: usize = 65_536;

/// `ListSecrets`, which does not tell of replicas.
pub(super) fn secrets(world: &World, account: &Account) -> Vec<SecretRecord> {
    let list = |secret| SecretRecord { replicas: None, ..describe(secret, account) };
    world.secrets.iter().map(list).collect()
}

/// `DescribeSecret`, which works for secrets scheduled for deletion too.
pub(super) fn describe_secret(world: &mut Located, account: &Account, name: &str) -> Option<SecretRecord> {
    world.secret(name).map(|secret| describe(secret, account))
}

/// `GetResourcePolicy`, which AWS refuses for a secret that is scheduled for deletion.
pub(super) fn resource_policy(world: &mut Located, name: &str) -> Result<Option<String>, CallError> {
    let call = Call { operation: "secretsmanager:GetResourcePolicy", secret: name };
    call.find_readable(world).map(|secret| secret.policy.clone())
}

/// `CreateSecret` without a value: no version exists then.
pub(super) fn create_secret(world: &mut Located, account: &Account, secret: &NewSecret) -> Result<(), CallError> {
    let call = Call { operation: "secretsmanager:CreateSecret", secret: &secret.name };
    let NewSecret { name, description, tags, kms_key, replicate_to } = secret;
    rules::secret_name(name).map_err(|problem| call.invalid(&problem))?;
    if description.chars().count() > 2048 {
        return Err(call.invalid("a description has up to 2048 characters"));
    }
    call.check_tags(tags)?;
    let mut replicas = Vec::new();
    call.replicate(&mut replicas, replicate_to, account)?;
    match world.secret(name) {
        None => {}
        Some(StoredSecret { deleted: None, .. }) => {
            let text =
                format!("ResourceExistsException: The operation failed because the secret {name} already exists.");
            return Err(call.fail(ErrorKind::Conflict, text));
        }
        Some(StoredSecret { deleted: Some(_), .. }) => {
            let text = "InvalidRequestException: You can't create this secret because a secret with this name is \
                        already scheduled for deletion.";
            return Err(call.fail(ErrorKind::Conflict, text.to_owned()));
        }
    }
    world.add_secret(StoredSecret {
        name: name.clone(),
        description: description.clone(),
        tags: tags.clone(),
        kms_key: kms_key.clone(),
        replicas,
        ..StoredSecret::default()
    });
    Ok(())
}

/// `TagResource`: adds to the tags, or replaces their values.
pub(super) fn tag_secret(world: &mut Located, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
    let call = Call { operation: "secretsmanager:TagResource", secret: name };
    call.check_tags(tags)?;
    let secret = call.find(world)?;
    let mut merged = secret.tags.clone();
    merged.extend(tags.clone());
    rules::tag_count(&merged).map_err(|problem| call.invalid(&problem))?;
    secret.tags = merged;
    Ok(())
}

/// `UntagResource`: a tag that is not there is no error.
pub(super) fn untag_secret(world: &mut Located, name: &str, tags: &[&str]) -> Result<(), CallError> {
    let call = Call { operation: "secretsmanager:UntagResource", secret: name };
    if let Some(tag) = tags.iter().find(|tag| rules::is_reserved(tag)) {
        return Err(call.invalid(&format!("the tag `{tag}` is reserved for AWS")));
    }
    call.find(world)?.tags.retain(|key, _| !tags.contains(&key.as_str()));
    Ok(())
}

/// `ReplicateSecretToRegions`. A region that has it already is left as it is.
pub(super) fn replicate_secret(
    world: &mut Located,
    account: &Account,
    name: &str,
    regions: &[String],
) -> Result<(), CallError> {
    let call = Call { operation: "secretsmanager:ReplicateSecretToRegions", secret: name };
    let secret = call.find(world)?;
    if regions.is_empty() {
        return Err(call.invalid("name at least one region"));
    }
    call.replicate(&mut secret.replicas, regions, account)?;
    // AWS takes the call, and says in its answer what came of it.
    match regions.iter().find_map(|region| Some((region, secret.replica_failures.get(region)?))) {
        Some((region, why)) => {
            Err(call.fail(ErrorKind::Other, format!("the replication to {region} has failed: {why}")))
        }
        None => Ok(()),
    }
}

/// `UpdateSecret` of the KMS key alone.
pub(super) fn update_secret(world: &mut Located, name: &str, kms_key: &str) -> Result<(), CallError> {
    let call = Call { operation: "secretsmanager:UpdateSecret", secret: name };
    let secret = call.find(world)?;
    // AWS tells of the key of its own by saying nothing.
    secret.kms_key =
        Some(kms_key).filter(|key| !key.is_empty() && *key != "alias/aws/secretsmanager").map(str::to_owned);
    Ok(())
}

/// `PutSecretValue` with the label `AWSPENDING`.
pub(super) fn put_secret_value(
    world: &mut Located,
    name: &str,
    version: &str,
    value: &SecretString,
) -> Result<Vec<String>, CallError> {
    let call = Call { operation: "secretsmanager:PutSecretValue", secret: name };
    rules::version_id(version).map_err(|problem| call.invalid(&problem))?;
    if !(1..=MAX_VALUE).contains(&value.expose_secret().len()) {
        return Err(call.invalid("a value has 1 to 65536 bytes"));
    }
    let secret = call.find(world)?;
    let digest: [u8; 32] = Sha256::digest(value.expose_secret().as_bytes()).into();
    if let Some(existing) = secret.versions.iter().find(|existing| existing.id == version) {
        // The same request again succeeds and does nothing, not even to labels. A version of unknown content counts
        // as different, because that is the answer a caller has to be ready for.
        if existing.digest == Some(digest) {
            return Ok(existing.labels.clone());
        }
        let text = "ResourceExistsException: A resource with the ID you requested already exists: a version with this \
                    ClientRequestToken has another value.";
        return Err(call.fail(ErrorKind::Conflict, text.to_owned()));
    }
    let first = secret.versions.is_empty();
    take_label_off(secret, PENDING);
    let mut labels = vec![PENDING.to_owned()];
    if first {
        labels.insert(0, CURRENT.to_owned());
    }
    secret.versions.push(StoredVersion { id: version.to_owned(), labels: labels.clone(), digest: Some(digest) });
    Ok(labels)
}

/// `UpdateSecretVersionStage`: `RemoveFromVersionId` must be where the label is, `MoveToVersionId` must exist, and
/// `AWSPREVIOUS` goes to the version that `AWSCURRENT` leaves.
pub(super) fn move_label(
    world: &mut Located,
    name: &str,
    label: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), CallError> {
    let call = Call { operation: "secretsmanager:UpdateSecretVersionStage", secret: name };
    rules::label(label).map_err(|problem| call.invalid(&problem))?;
    let secret = call.find(world)?;
    let conflict = |text: String| call.fail(ErrorKind::Conflict, format!("InvalidParameterException: {text}"));
    let holder = secret.labelled(label).map(|version| version.id.as_str());
    match (holder, from) {
        (_, None) if to.is_none() => {
            return Err(conflict("Name the version to move the label from, or to.".to_owned()));
        }
        (Some(holder), None) => {
            let text = format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to \
                 version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            );
            return Err(conflict(text));
        }
        (holder, Some(from)) if holder != Some(from) => {
            let text = format!(
                "If you specify RemoveFromVersionId, it must be set to the version that currently has the staging \
                 label {label}, which {from} is not."
            );
            return Err(conflict(text));
        }
        _ => {}
    }
    if label == CURRENT && to.is_none() {
        let text = "You can only move staging label AWSCURRENT to a different secret version. It can't be completely \
                    removed.";
        return Err(conflict(text.to_owned()));
    }
    if let Some(to) = to
        && secret.versions.iter().all(|version| version.id != to)
    {
        let text = format!("ResourceNotFoundException: Secrets Manager can't find the secret version {to}.");
        return Err(call.fail(ErrorKind::NotFound, text));
    }
    if from == to {
        return Ok(());
    }
    take_label_off(secret, label);
    put_label_on(secret, label, to);
    if label == CURRENT && from.is_some() {
        take_label_off(secret, PREVIOUS);
        put_label_on(secret, PREVIOUS, from);
    }
    Ok(())
}

/// One call about one secret, for its errors.
struct Call<'a> {
    operation: &'static str,
    secret: &'a str,
}

impl Call<'_> {
    fn fail(&self, kind: ErrorKind, message: String) -> CallError {
        CallError { kind, operation: self.operation, subject: self.secret.to_owned(), message, hint: None }
    }

    /// The request itself breaks a rule, whatever the state.
    fn invalid(&self, problem: &str) -> CallError {
        self.fail(ErrorKind::Other, format!("ValidationException: {problem}"))
    }

    /// The secret, if it may be written to.
    fn find<'w>(&self, world: &'w mut Located) -> Result<&'w mut StoredSecret, CallError> {
        let secret = self.find_readable(world)?;
        if let Some(primary) = &secret.primary_region {
            let text = format!(
                "InvalidRequestException: You can't perform this operation on a replica secret. Call it in the primary \
                 region, {primary}."
            );
            return Err(self.fail(ErrorKind::Conflict, text));
        }
        Ok(secret)
    }

    /// The secret, if it is there to be used.
    fn find_readable<'w>(&self, world: &'w mut Located) -> Result<&'w mut StoredSecret, CallError> {
        let Some(secret) = world.secret(self.secret) else {
            let text = "ResourceNotFoundException: Secrets Manager can't find the specified secret.";
            return Err(self.fail(ErrorKind::NotFound, text.to_owned()));
        };
        if secret.deleted.is_some() {
            let text = "InvalidRequestException: You can't perform this operation on the secret because it was marked \
                        for deletion.";
            return Err(self.fail(ErrorKind::Conflict, text.to_owned()));
        }
        Ok(secret)
    }

    fn check_tags(&self, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        if let Some(tag) = tags.keys().find(|tag| rules::is_reserved(tag)) {
            return Err(self.invalid(&format!("the tag `{tag}` is reserved for AWS")));
        }
        rules::tags(tags).map_err(|problem| self.invalid(&problem))
    }

    fn replicate(&self, replicas: &mut Vec<String>, regions: &[String], account: &Account) -> Result<(), CallError> {
        for region in regions {
            rules::region(region).map_err(|problem| self.invalid(&problem))?;
            if *region == account.region {
                let text = format!("InvalidParameterException: Invalid replica region: {region} is the secret's own.");
                return Err(self.fail(ErrorKind::Other, text));
            }
        }
        for region in regions {
            if !replicas.contains(region) {
                replicas.push(region.clone());
            }
        }
        Ok(())
    }
}

fn take_label_off(secret: &mut StoredSecret, label: &str) {
    for version in &mut secret.versions {
        version.labels.retain(|own| own != label);
    }
}

fn put_label_on(secret: &mut StoredSecret, label: &str, id: Option<&str>) {
    if let Some(version) = secret.versions.iter_mut().find(|version| Some(version.id.as_str()) == id) {
        version.labels.push(label.to_owned());
    }
}

fn describe(secret: &StoredSecret, account: &Account) -> SecretRecord {
    let StoredSecret { name, tags, kms_key, replicas, replica_failures, deleted, primary_region, versions, .. } =
        secret;
    let replica = |region: &String| Replica { region: region.clone(), failed: replica_failures.get(region).cloned() };
    let labelled = versions.iter().filter(|version| !version.labels.is_empty());
    SecretRecord {
        name: name.clone(),
        arn: arn(account, name),
        tags: tags.clone(),
        versions: labelled.map(|v| Version { id: v.id.clone(), labels: v.labels.clone() }).collect(),
        deleted: *deleted,
        kms_key: kms_key.clone(),
        replicas: Some(replicas.iter().map(replica).collect()),
        primary_region: primary_region.clone(),
    }
}

/// AWS ends the ARN with six random characters; here a hash of the name (FNV-1a) stands in for chance.
fn arn(account: &Account, name: &str) -> String {
    let Account { id, partition, region, .. } = account;
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut suffix = String::with_capacity(6);
    for _ in 0..6 {
        suffix.push(char::from(alphabet[(hash % 62) as usize]));
        hash /= 62;
    }
    format!("arn:{partition}:secretsmanager:{region}:{id}:secret:{name}-{suffix}")
}
