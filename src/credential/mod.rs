//! A credential as it is stored and delivered: what clients read. Here alone a value is made and taken apart.

mod smtp;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::inventory::KeyId;

/// A key with its secret part, as a version of the user's secret stores it. Not printable.
pub struct Credential {
    /// The key.
    pub key: KeyId,
    secret: SecretString,
    smtp_password: Option<SecretString>,
    text: SecretString,
}

/// What clients read: the output format of `credential_process`, and `AccessKey` for the predecessor's readers; for those
/// that send mail by SMTP its user name and password in that region.
pub fn written(key: &KeyId, secret: &SecretString, smtp: Option<&str>) -> SecretString {
    let (id, exposed) = (key.as_str(), secret.expose_secret());
    let mut value = json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": exposed, "AccessKey": id });
    if let Some(region) = smtp {
        value["SmtpUsername"] = json!(id);
        value["SmtpPassword"] = json!(smtp::password(secret, region).expose_secret());
    }
    value.to_string().into()
}

impl Credential {
    /// The key that this text stores. Where clients send mail by SMTP in a region, and the text is from before the manifest
    /// said so, the password is derived.
    ///
    /// # Errors
    /// In words, and without a word of the text: it is none of keyrota's, or of another key.
    pub fn read(text: &SecretString, key: &KeyId, smtp: Option<&str>) -> Result<Self, &'static str> {
        let value: Value = serde_json::from_str(text.expose_secret()).map_err(|_| "it is no JSON of keyrota's")?;
        let field = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
        if field("AccessKeyId") != Some(key.as_str()) {
            return Err("it stores another key than its version says");
        }
        let secret = SecretString::from(field("SecretAccessKey").ok_or("it has no secret access key")?);
        let has_password = field("SmtpPassword").is_some();
        let text = match smtp {
            Some(_) if !has_password => written(key, &secret, smtp),
            _ => text.clone(),
        };
        let smtp_password = match (smtp, field("SmtpPassword")) {
            (None, _) => None,
            (Some(_), Some(password)) => Some(SecretString::from(password)),
            (Some(region), None) => Some(smtp::password(&secret, region)),
        };
        Ok(Self { key: key.clone(), secret, smtp_password, text })
    }

    /// The JSON of the secret.
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// The secret part alone.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The password for SES's SMTP, if the user sends mail so.
    pub fn smtp_password(&self) -> Option<&SecretString> {
        self.smtp_password.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let (key, secret) = (KeyId::new("AKIAEXAMPLE"), SecretString::from("some+secret+key"));
        for smtp in [None, Some("eu-central-1")] {
            let text = written(&key, &secret, smtp);
            let read = Credential::read(&text, &key, smtp).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(read.secret().expose_secret(), "some+secret+key");
            assert_eq!(read.text().expose_secret(), text.expose_secret());
            let password = read.smtp_password().map(|password| password.expose_secret().to_owned());
            assert_eq!(password.as_deref(), smtp.map(|_| "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"));
        }
        // `smtp` was set after the key was stored.
        let later = Credential::read(&written(&key, &secret, None), &key, Some("eu-central-1"))
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(later.text().expose_secret(), written(&key, &secret, Some("eu-central-1")).expose_secret());
        for text in [
            "",
            "hunter2",
            "{}",
            r#"{"AccessKeyId": "AKIAOTHER", "SecretAccessKey": "x"}"#,
            r#"{"AccessKeyId": "AKIAEXAMPLE"}"#,
        ] {
            let refused =
                Credential::read(&SecretString::from(text), &key, None).err().unwrap_or_else(|| panic!("{text}"));
            assert!(!refused.contains("hunter2") && !refused.contains("AKIAOTHER"), "{refused}");
        }
    }
}
