//! By what one tells that a user sends mail by SES's SMTP: then its clients hold a password that derives from the secret
//! access key, and a new key takes mail down unless they get a new password as well.

use serde_json::Value;

/// The group that the console of SES puts the users in that it makes.
const GROUP: &str = "AWSSESSendingGroupDoNotRename";
/// The policy that the console of SES has them have.
const POLICY: &str = "AmazonSesSendingAccess";
/// What SMTP takes; programs that call SES itself mostly ask for `ses:SendEmail`.
const ACTION: &str = "ses:sendrawemail";

/// Whether a user sends mail by SES's SMTP, as far as that can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum SmtpUse {
    /// Nothing says so.
    #[default]
    NoSign,
    /// This does (see [`smtp_sign`]).
    Sign(String),
    /// Neither its name nor a group does, and its policies could not be read.
    PoliciesUnread,
}

impl SmtpUse {
    /// What says so.
    pub fn sign(&self) -> Option<&str> {
        match self {
            Self::Sign(sign) => Some(sign),
            Self::NoSign | Self::PoliciesUnread => None,
        }
    }
}

impl From<Option<String>> for SmtpUse {
    fn from(sign: Option<String>) -> Self {
        sign.map_or(Self::NoSign, Self::Sign)
    }
}

/// A policy of a user: its name and, where that was read, its JSON.
pub struct PolicyText<'a> {
    /// Its name.
    pub name: &'a str,
    /// The policy itself, if it was read.
    pub document: Option<&'a str>,
}

/// What says that the user sends by SMTP, as the end of "so says"; `None` if nothing does.
pub fn smtp_sign<'a>(
    user: &str,
    groups: &[String],
    policies: impl IntoIterator<Item = PolicyText<'a>>,
) -> Option<String> {
    let is_smtp =
        |name: &str| name.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == "smtp");
    if is_smtp(user) {
        return Some("its name".to_owned());
    }
    if groups.iter().any(|group| group == GROUP) {
        return Some(format!("its group {GROUP}"));
    }
    let says = |policy: &PolicyText| {
        policy.name == POLICY || is_smtp(policy.name) || policy.document.is_some_and(allows_raw_mail)
    };
    policies.into_iter().find(says).map(|policy| format!("its policy {}", policy.name))
}

/// Whether a statement allows sending raw mail by that name; `ses:*` and `*` say nothing of what a user is for.
fn allows_raw_mail(document: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(document) else { return false };
    one_or_many(&policy["Statement"]).any(|statement| {
        statement["Effect"] == "Allow"
            && one_or_many(&statement["Action"])
                .any(|action| action.as_str().is_some_and(|action| action.eq_ignore_ascii_case(ACTION)))
    })
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(values) => values.iter(),
        value => std::slice::from_ref(value).iter(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(user: &str, groups: &[&str], policies: &[(&str, &str)]) -> Option<String> {
        let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        let text = |&(name, document)| PolicyText { name, document: Some(document) };
        smtp_sign(user, &groups, policies.iter().map(text))
    }

    #[test]
    fn a_name_a_group_or_a_policy_says_so() {
        let says = |sign: Option<String>| sign.expect("a sign");
        assert_eq!(says(sign("ses-smtp-user.20231012-101010", &[], &[])), "its name");
        assert_eq!(says(sign("newsletter_SMTP", &[], &[])), "its name");
        assert_eq!(says(sign("mailer", &["ops", GROUP], &[])), format!("its group {GROUP}"));
        assert_eq!(says(sign("mailer", &[], &[(POLICY, "")])), format!("its policy {POLICY}"));
        let raw =
            r#"{"Statement": {"Effect": "Allow", "Action": ["s3:GetObject", "ses:SendRawEmail"], "Resource": "*"}}"#;
        assert_eq!(says(sign("mailer", &[], &[("inline", raw)])), "its policy inline");
    }

    #[test]
    fn others_are_not_taken_for_it() {
        let of = |action: &str, effect: &str| {
            let document =
                format!(r#"{{"Statement": [{{"Effect": "{effect}", "Action": "{action}", "Resource": "*"}}]}}"#);
            sign("mailer", &["ops"], &[("inline", &document)])
        };
        for (action, effect) in
            [("ses:SendEmail", "Allow"), ("ses:*", "Allow"), ("*", "Allow"), ("ses:SendRawEmail", "Deny")]
        {
            assert_eq!(of(action, effect), None, "{action}");
        }
        assert_eq!(sign("smtpd-less", &[], &[("x", "no JSON")]), None);
        assert_eq!(sign("mailer", &[], &[]), None);
    }
}
