//! Writing a sandbox file, the way a person would have written it.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use tempfile::NamedTempFile;

use super::{
    IamUser, Posted, PutEvent, Sandbox, SandboxError, Seat, SentMail, StoredParameter, StoredSecret, StoredVaultSecret,
    StoredVersion, World,
};
use crate::inventory::{Account, Key, KeyId, LastUse, SmtpUse, Status};

impl Sandbox {
    /// The file's text. Keeps the comments that the file started with; those further down are lost.
    pub fn to_toml(&self) -> String {
        let mut text = Text(String::new());
        if !self.header.is_empty() {
            text.line(&self.header);
            text.line("");
        }
        self.inspect(|world| write_world(&mut text, &self.account, &self.seat, self.own_key.as_ref(), world));
        text.0
    }

    /// Replaces the file in one step, so that a crash leaves the old one or the new one. Keeps its permissions; where
    /// it is a symbolic link, replaces what that points to.
    ///
    /// # Errors
    /// [`SandboxError::Invalid`] if the state breaks a rule of the format, so that it could not be read again, and
    /// [`SandboxError::Write`] if the file can't be written. It is untouched then.
    pub fn save(&self, path: &Path) -> Result<(), SandboxError> {
        let text = self.to_toml();
        Self::parse(&text, &path.display().to_string())?;
        replace(path, &text).map_err(|source| SandboxError::Write { path: path.to_owned(), source })
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link that points nowhere is an error, not a name to write to.
    let existing = path.symlink_metadata().is_ok();
    let target = if existing { path.canonicalize()? } else { path.to_owned() };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut file = NamedTempFile::new_in(&folder)?;
    file.write_all(text.as_bytes())?;
    if existing {
        file.as_file().set_permissions(fs::metadata(&target)?.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&target)?;
    // The new name is safe from a power cut only once its folder is written too.
    #[cfg(unix)]
    fs::File::open(&folder)?.sync_all()?;
    Ok(())
}

fn write_world(text: &mut Text, account: &Account, seat: &Seat, own_key: Option<&KeyId>, world: &World) {
    let World { now, keys_issued, refuse_mail_to, users, secrets, mail, posted, events, closed, parameters, vault } =
        world;
    // The name comes from the manifest, or stands in the seat.
    let Account { id, name: _, partition, region, membership: _ } = account;
    let Seat { name, state, units, tags, refuses } = seat;
    if let Some(now) = now {
        text.field("now", time(now));
    }
    text.field("account", string(id));
    text.field("region", string(region));
    if partition != "aws" {
        text.field("partition", string(partition));
    }
    text.text("account-name", name.as_deref());
    text.text("account-state", state.as_deref());
    text.list("units", units);
    text.tags_as("account-tags", tags);
    text.text("refuse-entry", refuses.as_deref());
    text.text("called-with", own_key.map(KeyId::as_str));
    text.list("refuse-mail-to", refuse_mail_to);
    text.list("refuse-delivery-to", closed);
    if *keys_issued > 0 {
        text.field("keys-issued", keys_issued);
    }
    for user in users {
        write_user(text, user);
    }
    for secret in secrets {
        write_secret(text, secret);
    }
    for parameter in parameters {
        write_parameter(text, parameter);
    }
    for secret in vault {
        write_vault_secret(text, secret);
    }
    for sent in mail {
        write_mail(text, sent);
    }
    for Posted { sent, to, subject, text: body } in posted {
        text.table("posted");
        text.field("sent", time(sent));
        text.field("to", string(to));
        text.text("subject", Some(subject.as_str()).filter(|subject| !subject.is_empty()));
        text.field("text", string(body));
    }
    for PutEvent { time: at, bus, detail_type, resources, detail } in events {
        text.table("events");
        text.field("time", time(at));
        text.field("bus", string(bus));
        text.field("detail-type", string(detail_type));
        text.list("resources", resources);
        text.field("detail", string(detail));
    }
}

fn write_parameter(text: &mut Text, parameter: &StoredParameter) {
    let StoredParameter { name, description, tags, kms_key, version, modified, digest } = parameter;
    text.table("parameters");
    text.field("name", string(name));
    text.text("description", Some(description.as_str()).filter(|description| !description.is_empty()));
    text.tags(tags);
    text.text("kms-key", kms_key.as_deref());
    text.field("version", version);
    if let Some(modified) = modified {
        text.field("modified", time(modified));
    }
    text.digest(digest.as_ref());
}

fn write_vault_secret(text: &mut Text, secret: &StoredVaultSecret) {
    let StoredVaultSecret { place, name, updated, visibility, repositories, digest } = secret;
    text.table("github");
    text.field("place", string(place));
    text.field("name", string(name));
    text.field("updated", time(updated));
    text.text("visibility", visibility.map(Into::into));
    if !repositories.is_empty() {
        let ids: Vec<String> = repositories.iter().map(u64::to_string).collect();
        text.field("repositories", format!("[{}]", ids.join(", ")));
    }
    text.digest(digest.as_ref());
}

fn write_user(text: &mut Text, user: &IamUser) {
    let IamUser { name, path, groups, tags, smtp, keys } = user;
    text.table("users");
    text.field("name", string(name));
    if path != "/" {
        text.field("path", string(path));
    }
    text.list("groups", groups);
    text.tags(tags);
    text.text("smtp", smtp.sign());
    if *smtp == SmtpUse::PoliciesUnread {
        text.field("policies-unread", "true".to_owned());
    }
    for key in keys {
        let Key { id, status, created, last_use } = key;
        text.table("users.keys");
        text.field("id", string(id.as_str()));
        text.field("created", time(created));
        match status {
            Status::Active => {}
            Status::Inactive => text.field("status", string("inactive")),
        }
        match last_use {
            LastUse::Unread | LastUse::Never => {}
            LastUse::At { time: used, service, region } => {
                text.field("last-used", time(used));
                text.text("last-used-service", service.as_deref());
                text.text("last-used-region", region.as_deref());
            }
        }
    }
}

fn write_secret(text: &mut Text, secret: &StoredSecret) {
    let StoredSecret { name, description, tags, kms_key, replicas, replica_failures, .. } = secret;
    let StoredSecret { deleted, policy, primary_region, versions, .. } = secret;
    text.table("secrets");
    text.field("name", string(name));
    text.text("description", Some(description.as_str()).filter(|description| !description.is_empty()));
    text.tags(tags);
    text.text("kms-key", kms_key.as_deref());
    text.list("replicas", replicas);
    for (region, why) in replica_failures {
        text.field(&format!("replica-failures.{region}"), string(why));
    }
    if let Some(deleted) = deleted {
        text.field("deleted", time(deleted));
    }
    text.text("policy", policy.as_deref());
    text.text("primary-region", primary_region.as_deref());
    for version in versions {
        let StoredVersion { id, labels, digest } = version;
        text.table("secrets.versions");
        text.field("id", string(id));
        text.list("labels", labels);
        text.digest(digest.as_ref());
    }
}

fn write_mail(text: &mut Text, mail: &SentMail) {
    let SentMail { sent, from, from_arn, reply_to, configuration_set, tags, to, subject, text: body, html: _ } = mail;
    text.table("mail");
    text.field("sent", time(sent));
    text.field("from", string(from));
    text.text("from-arn", from_arn.as_deref());
    text.text("reply-to", reply_to.as_deref());
    text.text("configuration-set", configuration_set.as_deref());
    text.tags(tags);
    text.field("to", string(to));
    text.field("subject", string(subject));
    text.field("text", string(body));
}

/// The text being written, line by line.
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.line("");
        self.line(&format!("[[{name}]]"));
    }

    fn field(&mut self, key: &str, value: impl Display) {
        writeln!(self.0, "{key} = {value}").expect("writing to a String can't fail");
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(key, string(value));
        }
    }

    fn digest(&mut self, digest: Option<&[u8; 32]>) {
        if let Some(digest) = digest {
            self.field("digest", string(&hex::encode(digest)));
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.field(key, toml::Value::from(values.to_vec()));
        }
    }

    /// One line a tag, so that changes show well in a diff.
    fn tags(&mut self, tags: &BTreeMap<String, String>) {
        self.tags_as("tags", tags);
    }

    fn tags_as(&mut self, field: &str, tags: &BTreeMap<String, String>) {
        for (key, value) in tags {
            let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            let key = if bare { key.clone() } else { string(key).to_string() };
            self.field(&format!("{field}.{key}"), string(value));
        }
    }
}

fn string(value: &str) -> toml::Value {
    toml::Value::from(value)
}

fn time(value: &DateTime<Utc>) -> String {
    value.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
