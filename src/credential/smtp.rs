//! The password with which a user sends mail by SES's SMTP interface: it is derived from the secret access key, and holds in
//! one region. See "Obtaining Amazon SES SMTP credentials by converting existing AWS credentials" in the SES developer guide.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What AWS fixes for this purpose: no date, and the one action.
const DATE: &str = "11111111";
const SERVICE: &str = "ses";
const TERMINAL: &str = "aws4_request";
const MESSAGE: &str = "SendRawEmail";
const VERSION: u8 = 0x04;

/// The SMTP password of an access key in a region, version 4.
pub(super) fn password(secret: &SecretString, region: &str) -> SecretString {
    let key = format!("AWS4{}", secret.expose_secret());
    let signature = [DATE, region, SERVICE, TERMINAL, MESSAGE].into_iter().fold(key.into_bytes(), |key, message| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    BASE64_STANDARD.encode([&[VERSION], signature.as_slice()].concat()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Terraform's AWS provider tests `ses_smtp_password_v4`.
    #[test]
    fn is_what_others_derive() {
        for (region, secret, expected) in [
            ("eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
            ("eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
            ("us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
            ("us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
        ] {
            assert_eq!(password(&secret.to_owned().into(), region).expose_secret(), expected, "{region}");
        }
    }
}
