//! Reading a sandbox file: first as written, with the place of each value, then checked against AWS's rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::Path,
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use toml::{Spanned, value::Datetime};

use super::{
    IamUser, Posted, PutEvent, Sandbox, SandboxError, Seat, SentMail, StoredParameter, StoredSecret, StoredVaultSecret,
    StoredVersion, World, iam, rules,
    written::{
        WrittenEvent, WrittenKey, WrittenMail, WrittenParameter, WrittenPosting, WrittenSecret, WrittenStatus,
        WrittenUser, WrittenVaultSecret, WrittenVersion, WrittenWorld,
    },
};
use crate::{
    delivery::{self, Place},
    inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status},
};

impl Sandbox {
    /// Reads and checks a sandbox file.
    ///
    /// # Errors
    /// [`SandboxError::Read`] if it can't be read, [`SandboxError::Invalid`] if its content is wrong.
    pub fn load(path: &Path) -> Result<Self, SandboxError> {
        let text = fs::read_to_string(path).map_err(|source| SandboxError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads and checks the text of a sandbox file.
    ///
    /// # Errors
    /// [`SandboxError::Invalid`], which calls the file `display_name`.
    pub fn parse(text: &str, display_name: &str) -> Result<Self, SandboxError> {
        let mut reader = Reader { file: display_name, text, now: None };
        let written: WrittenWorld = toml::from_str(text).map_err(|e| reader.error(e.span(), e.message()))?;
        // The other times are compared with this one, so it comes first.
        reader.now = written.now.as_ref().map(|now| reader.time(now)).transpose()?;
        let account = reader.account(&written)?;
        let own_key = written.called_with.as_ref();
        own_key.map_or(Ok(()), |own_key| reader.check(own_key, rules::key_id))?;
        let own_key = own_key.map(|own_key| KeyId::new(own_key.get_ref()));
        let (seat, has_no_region) = (reader.seat(&written)?, written.region.is_none());
        let world = reader.world(written)?;
        let mut sandbox = Self::new(account, world).called_with(own_key).seated(seat);
        (sandbox.header, sandbox.has_no_region) = (Arc::from(header(text)), has_no_region);
        Ok(sandbox)
    }
}

/// Checks what was written, and tells where it is wrong.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    now: Option<DateTime<Utc>>,
}

impl Reader<'_> {
    fn account(&self, written: &WrittenWorld) -> Result<Account, SandboxError> {
        let WrittenWorld { account, region, partition, .. } = written;
        self.check(account, rules::account_id)?;
        region.iter().try_for_each(|region| self.check(region, rules::region))?;
        partition.iter().try_for_each(|partition| self.check(partition, rules::partition))?;
        let or = |value: &Option<Spanned<String>>, default: &str| {
            value.as_ref().map_or_else(|| default.to_owned(), |value| value.get_ref().clone())
        };
        Ok(Account {
            id: account.get_ref().clone(),
            name: None,
            partition: or(partition, "aws"),
            region: or(region, "us-east-1"),
            membership: None,
        })
    }

    fn seat(&self, written: &WrittenWorld) -> Result<Seat, SandboxError> {
        let WrittenWorld { account_name, account_state, units, account_tags, refuse_entry, .. } = written;
        account_name.iter().try_for_each(|name| self.check(name, rules::account_name))?;
        account_state.iter().try_for_each(|state| self.check(state, rules::account_state))?;
        units.iter().try_for_each(|unit| self.check(unit, rules::unit))?;
        let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.get_ref().clone());
        Ok(Seat {
            name: text(account_name),
            state: text(account_state),
            units: units.iter().map(|unit| unit.get_ref().clone()).collect(),
            tags: account_tags.as_ref().map(|tags| tags.get_ref().clone()).unwrap_or_default(),
            refuses: refuse_entry.clone(),
        })
    }

    fn world(&self, written: WrittenWorld) -> Result<World, SandboxError> {
        let WrittenWorld { now: _, account: _, region, partition: _, refuse_mail_to, keys_issued, .. } = written;
        let own_region = region.as_ref().map_or("us-east-1", |region| region.get_ref());
        let (mut names, mut key_ids) = (BTreeSet::new(), BTreeSet::new());
        let mut users = Vec::with_capacity(written.users.len());
        for user in written.users {
            if !names.insert(user.name.get_ref().to_ascii_lowercase()) {
                let text = format!("there is another user `{}`: names differ in more than case", user.name.get_ref());
                return Err(self.error(Some(user.name.span()), &text));
            }
            for key in &user.keys {
                self.unique(&mut key_ids, &key.id, "access key")?;
            }
            users.push(self.user(user)?);
        }
        let mut names = BTreeSet::new();
        let mut secrets = Vec::with_capacity(written.secrets.len());
        for secret in written.secrets {
            self.unique(&mut names, &secret.name, "secret")?;
            secrets.push(self.secret(secret, own_region)?);
        }
        let mail = written.mail.into_iter().map(|mail| self.mail(mail)).collect::<Result<_, _>>()?;
        let mut names = BTreeSet::new();
        let mut parameters = Vec::with_capacity(written.parameters.len());
        for parameter in written.parameters {
            self.unique(&mut names, &parameter.name, "parameter")?;
            parameters.push(self.parameter(parameter)?);
        }
        let mut vault: Vec<StoredVaultSecret> = Vec::with_capacity(written.github.len());
        for secret in written.github {
            let span = secret.name.span();
            let secret = self.vault_secret(secret)?;
            if vault.iter().any(|other| other.is_called(&secret.place, &secret.name)) {
                let text =
                    format!("there is another secret `{}` at {}: remove or rename one", secret.name, secret.place);
                return Err(self.error(Some(span), &text));
            }
            vault.push(secret);
        }
        let closed = written.refuse_delivery_to.into_iter().map(|place| self.place(place)).collect::<Result<_, _>>()?;
        let posted = written.posted.into_iter().map(|posting| self.posted(posting)).collect::<Result<_, _>>()?;
        let events = written.events.into_iter().map(|event| self.event(event)).collect::<Result<_, _>>()?;
        Ok(World {
            now: self.now,
            keys_issued,
            refuse_mail_to,
            users,
            secrets,
            mail,
            posted,
            events,
            closed,
            parameters,
            vault,
        })
    }

    fn parameter(&self, written: WrittenParameter) -> Result<StoredParameter, SandboxError> {
        let WrittenParameter { name, description, tags, kms_key, version, modified, digest } = written;
        self.check(&name, rules::parameter_name)?;
        if *version.get_ref() < 1 {
            return Err(self.error(Some(version.span()), "versions of parameters begin with 1"));
        }
        Ok(StoredParameter {
            name: name.into_inner(),
            description,
            tags: self.tags(tags)?,
            kms_key,
            version: version.into_inner(),
            modified: modified.map(|modified| self.time(&modified)).transpose()?,
            digest: self.digest(digest)?,
        })
    }

    fn vault_secret(&self, written: WrittenVaultSecret) -> Result<StoredVaultSecret, SandboxError> {
        let WrittenVaultSecret { place, name, updated, visibility, repositories, digest } = written;
        let is_organization = place.get_ref().starts_with("github-org:");
        if is_organization != visibility.is_some() {
            let text = "a secret of an organization has a `visibility`, and no other has";
            return Err(self.error(Some(place.span()), text));
        }
        if !delivery::secret_name(name.get_ref()) {
            return Err(self.error(Some(name.span()), delivery::SECRET_NAME_RULE));
        }
        Ok(StoredVaultSecret {
            place: self.place(place)?,
            name: name.into_inner().to_uppercase(),
            updated: self.time(&updated)?,
            visibility: visibility.map(Spanned::into_inner),
            repositories,
            digest: self.digest(digest)?,
        })
    }

    /// A place of GitHub, as manifests name it.
    fn place(&self, written: Spanned<String>) -> Result<String, SandboxError> {
        match written.get_ref().parse::<Place>() {
            Ok(place) if place.is_of_github() => Ok(place.to_string()),
            _ => {
                let text =
                    format!("`{}` is no place of GitHub: write e.g. \"github:acme/payments\"", written.get_ref());
                Err(self.error(Some(written.span()), &text))
            }
        }
    }

    fn user(&self, written: WrittenUser) -> Result<IamUser, SandboxError> {
        let WrittenUser { name, path, groups, tags, smtp, policies_unread, keys } = written;
        self.check(&name, rules::user_name)?;
        path.iter().try_for_each(|path| self.check(path, rules::path))?;
        let mut seen = BTreeSet::new();
        for group in &groups {
            self.check(group, rules::group_name)?;
            self.unique(&mut seen, group, "group")?;
        }
        if let Some(extra) = keys.get(iam::KEYS_PER_USER) {
            let (name, count) = (name.get_ref(), keys.len());
            let text = format!("user `{name}` has {count} access keys, but IAM allows two: remove some");
            return Err(self.error(Some(extra.id.span()), &text));
        }
        Ok(IamUser {
            name: name.into_inner(),
            path: path.map_or_else(|| "/".to_owned(), Spanned::into_inner),
            groups: groups.into_iter().map(Spanned::into_inner).collect(),
            tags: self.tags(tags)?,
            smtp: match smtp {
                None if policies_unread => SmtpUse::PoliciesUnread,
                sign => sign.into(),
            },
            keys: keys.into_iter().map(|key| self.key(key)).collect::<Result<_, _>>()?,
        })
    }

    fn key(&self, written: WrittenKey) -> Result<Key, SandboxError> {
        let WrittenKey { id, created, status, last_used, last_used_service, last_used_region } = written;
        self.check(&id, rules::key_id)?;
        let last_use = match last_used {
            Some(last_used) => LastUse::At {
                time: self.time(&last_used)?,
                service: last_used_service.map(Spanned::into_inner),
                region: last_used_region.map(Spanned::into_inner),
            },
            None => match last_used_service.or(last_used_region) {
                Some(detail) => {
                    let text = "this says where the key was last used, but not when: add `last-used`";
                    return Err(self.error(Some(detail.span()), text));
                }
                None => LastUse::Never,
            },
        };
        let status = match status.unwrap_or_default() {
            WrittenStatus::Active => Status::Active,
            WrittenStatus::Inactive => Status::Inactive,
        };
        Ok(Key { id: KeyId::new(id.get_ref()), status, created: self.time(&created)?, last_use })
    }

    fn secret(&self, written: WrittenSecret, own_region: &str) -> Result<StoredSecret, SandboxError> {
        let WrittenSecret { name, description, tags, kms_key, replicas, replica_failures, .. } = written;
        let WrittenSecret { deleted, policy, primary_region, versions, .. } = written;
        self.check(&name, rules::secret_name)?;
        policy.iter().try_for_each(|policy| self.check(policy, rules::policy))?;
        if let Some(primary) = &primary_region {
            self.check(primary, rules::region)?;
            if primary.get_ref() == own_region {
                let text =
                    format!("`{own_region}` is the account's own region: leave it out where a secret is no replica");
                return Err(self.error(Some(primary.span()), &text));
            }
        }
        let mut seen = BTreeSet::new();
        for replica in &replicas {
            self.check(replica, rules::region)?;
            self.unique(&mut seen, replica, "replica")?;
            if replica.get_ref() == own_region {
                let text = format!("`{own_region}` is the account's own region: replicas are elsewhere");
                return Err(self.error(Some(replica.span()), &text));
            }
        }
        replica_failures.keys().try_for_each(|region| self.check(region, rules::region))?;
        let (mut ids, mut labels) = (BTreeSet::new(), BTreeSet::new());
        for version in &versions {
            self.check(&version.id, rules::version_id)?;
            self.unique(&mut ids, &version.id, "version")?;
            for label in &version.labels {
                self.check(label, rules::label)?;
                if !labels.insert(label.get_ref().clone()) {
                    let label_name = label.get_ref();
                    let text = format!(
                        "the label `{label_name}` is already on a version of this secret: it can be on one only"
                    );
                    return Err(self.error(Some(label.span()), &text));
                }
            }
        }
        Ok(StoredSecret {
            name: name.into_inner(),
            description,
            tags: self.tags(tags)?,
            kms_key,
            replicas: replicas.into_iter().map(Spanned::into_inner).collect(),
            replica_failures: replica_failures.into_iter().map(|(region, why)| (region.into_inner(), why)).collect(),
            deleted: deleted.map(|deleted| self.instant(&deleted)).transpose()?,
            policy: policy.map(Spanned::into_inner),
            primary_region: primary_region.map(Spanned::into_inner),
            versions: versions.into_iter().map(|version| self.version(version)).collect::<Result<_, _>>()?,
        })
    }

    fn version(&self, written: WrittenVersion) -> Result<StoredVersion, SandboxError> {
        let WrittenVersion { id, labels, digest } = written;
        let digest = self.digest(digest)?;
        Ok(StoredVersion { id: id.into_inner(), labels: labels.into_iter().map(Spanned::into_inner).collect(), digest })
    }

    fn digest(&self, written: Option<Spanned<String>>) -> Result<Option<[u8; 32]>, SandboxError> {
        let Some(digest) = written else { return Ok(None) };
        let read = from_hex(digest.get_ref()).ok_or_else(|| {
            self.error(Some(digest.span()), "a digest is a SHA-256 in 64 lower-case hex digits, or left out")
        })?;
        Ok(Some(read))
    }

    fn mail(&self, written: WrittenMail) -> Result<SentMail, SandboxError> {
        let WrittenMail { sent, from, from_arn, reply_to, configuration_set, tags, to, subject, text } = written;
        let (sent, html) = (self.time(&sent)?, String::new());
        Ok(SentMail { sent, from, from_arn, reply_to, configuration_set, tags, to, subject, text, html })
    }

    fn posted(&self, written: WrittenPosting) -> Result<Posted, SandboxError> {
        let WrittenPosting { sent, to, subject, text } = written;
        Ok(Posted { sent: self.time(&sent)?, to, subject, text })
    }

    fn event(&self, written: WrittenEvent) -> Result<PutEvent, SandboxError> {
        let WrittenEvent { time, bus, detail_type, resources, detail } = written;
        Ok(PutEvent { time: self.time(&time)?, bus, detail_type, resources, detail })
    }

    fn tags(&self, tags: Option<Spanned<BTreeMap<String, String>>>) -> Result<BTreeMap<String, String>, SandboxError> {
        let Some(tags) = tags else { return Ok(BTreeMap::new()) };
        rules::tags(tags.get_ref()).map_err(|problem| self.error(Some(tags.span()), &problem))?;
        Ok(tags.into_inner())
    }

    /// When something was done.
    fn time(&self, written: &Spanned<Datetime>) -> Result<DateTime<Utc>, SandboxError> {
        let time = self.instant(written)?;
        match self.now {
            Some(now) if time > now => {
                let text = format!("`{}` lies after `now`: correct it, or move or remove `now`", written.get_ref());
                Err(self.error(Some(written.span()), &text))
            }
            _ => Ok(time),
        }
    }

    /// A date is its midnight, UTC.
    fn instant(&self, written: &Spanned<Datetime>) -> Result<DateTime<Utc>, SandboxError> {
        let datetime = written.get_ref();
        to_utc(datetime).ok_or_else(|| {
            let text =
                format!("`{datetime}` is not an instant: write a date, or a time in UTC as in 2026-11-23T08:00:00Z");
            self.error(Some(written.span()), &text)
        })
    }

    fn check(
        &self,
        value: &Spanned<String>,
        rule: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<(), SandboxError> {
        rule(value.get_ref()).map_err(|problem| self.error(Some(value.span()), &problem))
    }

    fn unique(&self, seen: &mut BTreeSet<String>, value: &Spanned<String>, what: &str) -> Result<(), SandboxError> {
        if seen.insert(value.get_ref().clone()) {
            return Ok(());
        }
        let text = format!("there is another {what} `{}`: remove or rename one", value.get_ref());
        Err(self.error(Some(value.span()), &text))
    }

    fn error(&self, span: Option<Range<usize>>, message: &str) -> SandboxError {
        let line = span.map(|span| 1 + self.text[..span.start].matches('\n').count());
        SandboxError::Invalid { file: self.file.to_owned(), line, message: message.to_owned() }
    }
}

fn to_utc(datetime: &Datetime) -> Option<DateTime<Utc>> {
    let date = datetime.date?;
    let date = NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())?;
    let (time, minutes) = match (datetime.time, datetime.offset) {
        (None, None) => (NaiveTime::MIN, 0),
        (Some(time), Some(offset)) => {
            let (hour, minute, second) = (time.hour.into(), time.minute.into(), time.second.unwrap_or(0).into());
            let minutes = match offset {
                toml::value::Offset::Z => 0,
                toml::value::Offset::Custom { minutes } => minutes,
            };
            (NaiveTime::from_hms_nano_opt(hour, minute, second, time.nanosecond.unwrap_or(0))?, minutes)
        }
        _ => return None,
    };
    date.and_time(time).and_utc().checked_sub_signed(TimeDelta::minutes(minutes.into()))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 64 || !lower {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The comments, and the empty lines between them, that the text starts with.
fn header(text: &str) -> String {
    let comments = text.lines().take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let lines: Vec<&str> = comments.map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}
