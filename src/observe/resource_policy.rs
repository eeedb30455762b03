//! Who may read a secret by its resource policy: whether that is anyone outside the account.
//!
//! What can't be told counts as outside, and so does what other policies may forbid again: a key that was stored where
//! others read it can't be taken back.

use serde_json::{Map, Value};

use crate::{
    inventory::{Account, Readers},
    manifest::{Pattern, diagnostic::quote},
};

/// The actions that lead to a secret's value: reading it, and giving oneself the right to.
const READING: [&str; 3] =
    ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "secretsmanager:PutResourcePolicy"];

/// Condition operators that compare whole texts, so that a request without the key is refused.
const EXACT: [&str; 2] = ["stringequals", "stringequalsignorecase"];
/// Those that compare ARNs or patterns.
const LIKE: [&str; 5] = ["stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"];

/// Whom the policy lets read, as `GetResourcePolicy` answers it; `None`: there is none.
pub fn readers(policy: Option<&str>, account: &Account) -> Readers {
    let Some(policy) = policy else { return Readers::Inside };
    let outside = |who: &str| Readers::Outside(who.to_owned());
    let Ok(Value::Object(policy)) = serde_json::from_str(policy) else {
        return outside("whoever its policy means, which is not readable");
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => return outside("whoever its policy means, which has no statements"),
    };
    statements
        .into_iter()
        .find_map(|statement| reader_outside(statement, account))
        .map_or(Readers::Inside, Readers::Outside)
}

/// Whom outside the account a statement lets read.
fn reader_outside(statement: &Value, account: &Account) -> Option<String> {
    let Value::Object(statement) = statement else {
        return Some("whoever a statement of its policy means, which is not readable".to_owned());
    };
    // Denials only take away. Effects compare with case; one that is neither grants nothing that could be told.
    if statement.get("Effect").and_then(Value::as_str) == Some("Deny") || !allows_reading(statement) {
        return None;
    }
    let who = principal_outside(statement, account)?;
    let condition = match statement.get("Condition") {
        None => return Some(who),
        Some(Value::Object(condition)) => condition,
        Some(_) => return Some(format!("{who}, under a condition that is not readable")),
    };
    if is_confined(condition, account) {
        return None;
    }
    let of_organization = keys(condition).any(|key| {
        ["aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths"].contains(&key.as_str())
    });
    Some(match of_organization {
        true => "other accounts of an organization".to_owned(),
        false => format!("{who}, under conditions that don't name this account"),
    })
}

fn allows_reading(statement: &Map<String, Value>) -> bool {
    let matches = |patterns: &Value, action: &str| match texts(patterns) {
        // What is not readable may be anything.
        None => true,
        Some(patterns) => patterns.iter().any(|pattern| Pattern::new(pattern).matches(action)),
    };
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), None) => READING.iter().any(|action| matches(actions, action)),
        (None, Some(others)) => texts(others).is_none() || READING.iter().any(|action| !matches(others, action)),
        (Some(_), Some(_)) | (None, None) => true,
    }
}

/// The first principal that is not of the account.
fn principal_outside(statement: &Map<String, Value>, account: &Account) -> Option<String> {
    let unreadable = || Some("a principal that is not readable".to_owned());
    let principals = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(principals), None) => principals,
        (None, Some(_)) => return Some("everyone but those it names (`NotPrincipal`)".to_owned()),
        _ => return unreadable(),
    };
    match principals {
        Value::String(text) if text == "*" => Some("everyone".to_owned()),
        Value::Object(kinds) => kinds.iter().find_map(|(kind, names)| {
            let Some(names) = texts(names) else { return unreadable() };
            names.into_iter().find_map(|name| match kind.as_str() {
                "AWS" if name == "*" => Some("everyone".to_owned()),
                "AWS" => match account_of(name) {
                    Some(id) if id == account.id => None,
                    Some(id) => Some(format!("account {}", quote(id))),
                    // A principal that was deleted is shown by an id that does not say where it was.
                    None => Some(format!("the principal {}, whose account can't be told", quote(name))),
                },
                // A service acts for whoever asks it to.
                "Service" => Some(format!("the service {}, whoever it acts for", quote(name))),
                _ => Some(format!("{} {}", quote(kind), quote(name))),
            })
        }),
        _ => unreadable(),
    }
}

/// The account of a principal: 12 digits, or an ARN without wildcards up to there.
fn account_of(principal: &str) -> Option<&str> {
    let is_id = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_id(principal) {
        return Some(principal);
    }
    match principal.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, _, _, id, _] if is_id(id) => Some(id),
        _ => None,
    }
}

/// Whether a condition holds for requests from within the account only. All of its operators and keys must hold, so one
/// is enough; of the values of a key any may.
fn is_confined(condition: &Map<String, Value>, account: &Account) -> bool {
    condition.iter().any(|(operator, keys)| {
        let operator = operator.to_ascii_lowercase();
        let Value::Object(keys) = keys else { return false };
        keys.iter().any(|(key, values)| {
            let Some(values) = texts(values).filter(|values| !values.is_empty()) else { return false };
            match key.to_ascii_lowercase().as_str() {
                // The latter is there only in what services ask on someone's behalf.
                "aws:principalaccount" | "aws:sourceaccount" => {
                    EXACT.contains(&operator.as_str()) && values.iter().all(|value| *value == account.id)
                }
                "aws:principalarn" | "aws:sourcearn" => {
                    LIKE.contains(&operator.as_str())
                        && values
                            .iter()
                            .all(|value| value.starts_with("arn:") && account_of(value) == Some(&account.id))
                }
                _ => false,
            }
        })
    })
}

fn keys(condition: &Map<String, Value>) -> impl Iterator<Item = String> {
    condition.values().filter_map(Value::as_object).flat_map(Map::keys).map(|key| key.to_ascii_lowercase())
}

/// A text or a list of texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let (id, partition, region) = ("111122223333".to_owned(), "aws".to_owned(), "eu-west-1".to_owned());
        Account { id, name: None, partition, region, membership: None }
    }

    /// Of a policy with one statement that has these fields beside `Effect`.
    #[track_caller]
    fn of(fields: &str) -> Readers {
        let policy =
            format!(r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Resource": "*", {fields}}}]}}"#);
        assert!(serde_json::from_str::<Value>(&policy).is_ok(), "{policy}");
        readers(Some(&policy), &account())
    }

    const READ: &str = r#""Action": "secretsmanager:GetSecretValue""#;

    #[test]
    fn principals_of_the_account_are_inside() {
        assert_eq!(readers(None, &account()), Readers::Inside);
        for principal in [
            r#"{"AWS": "111122223333"}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:root"}"#,
            r#"{"AWS": ["arn:aws:iam::111122223333:user/ci/bob", "arn:aws:sts::111122223333:assumed-role/a/b"]}"#,
        ] {
            assert_eq!(of(&format!(r#""Principal": {principal}, {READ}"#)), Readers::Inside, "{principal}");
        }
    }

    #[test]
    fn everyone_else_is_outside() {
        for (principal, who) in [
            (r#""Principal": "*""#, "everyone"),
            (r#""Principal": {"AWS": "*"}"#, "everyone"),
            (r#""Principal": {"AWS": ["111122223333", "*"]}"#, "everyone"),
            (r#""Principal": {"AWS": "444455556666"}"#, "account `444455556666`"),
            (r#""Principal": {"AWS": "arn:aws:iam::444455556666:root"}"#, "account `444455556666`"),
            (r#""Principal": {"AWS": ["111122223333", "arn:aws:iam::444455556666:user/x"]}"#, "account `444455556666`"),
            (r#""Principal": {"AWS": "AIDAEXAMPLE"}"#, "the principal `AIDAEXAMPLE`, whose account can't be told"),
            (
                r#""Principal": {"AWS": "arn:aws:iam::*:root"}"#,
                "the principal `arn:aws:iam::*:root`, whose account can't be told",
            ),
            (
                r#""Principal": {"Service": "lambda.amazonaws.com"}"#,
                "the service `lambda.amazonaws.com`, whoever it acts for",
            ),
            (r#""Principal": {"Federated": "accounts.example.com"}"#, "`Federated` `accounts.example.com`"),
            (r#""Principal": {"CanonicalUser": "79a5"}"#, "`CanonicalUser` `79a5`"),
            (r#""Principal": {"AWS": 1}"#, "a principal that is not readable"),
            (r#""Principal": []"#, "a principal that is not readable"),
            (r#""Sid": "x""#, "a principal that is not readable"),
            (r#""NotPrincipal": {"AWS": "444455556666"}"#, "everyone but those it names (`NotPrincipal`)"),
        ] {
            assert_eq!(of(&format!("{principal}, {READ}")), Readers::Outside(who.to_owned()), "{principal}");
        }
    }

    #[test]
    fn only_what_leads_to_the_value_counts() {
        for (action, is_reading) in [
            (r#""Action": "secretsmanager:GetSecretValue""#, true),
            (r#""Action": "SecretsManager:getsecretvalue""#, true),
            (r#""Action": "secretsmanager:Get*""#, true),
            (r#""Action": "secretsmanager:GetSecret?alue""#, true),
            (r#""Action": ["secretsmanager:DescribeSecret", "*"]"#, true),
            (r#""Action": "secretsmanager:PutResourcePolicy""#, true),
            (r#""Action": 1"#, true),
            (r#""NotAction": "secretsmanager:DescribeSecret""#, true),
            (r#""NotAction": 1"#, true),
            (r#""Sid": "x""#, true),
            (r#""Action": ["secretsmanager:DescribeSecret", "secretsmanager:ListSecretVersionIds"]"#, false),
            (r#""Action": "secretsmanager:GetResourcePolicy""#, false),
            (r#""NotAction": "secretsmanager:*""#, false),
            (r#""NotAction": ["secretsmanager:*GetSecretValue", "secretsmanager:PutResourcePolicy"]"#, false),
        ] {
            let readers = of(&format!(r#""Principal": "*", {action}"#));
            assert_eq!(readers != Readers::Inside, is_reading, "{action}");
        }
    }

    #[test]
    fn only_conditions_that_name_the_account_confine() {
        for (condition, is_confined) in [
            (r#"{"StringEquals": {"aws:PrincipalAccount": "111122223333"}}"#, true),
            (r#"{"StringEquals": {"AWS:principalaccount": ["111122223333"]}}"#, true),
            (r#"{"StringEquals": {"aws:SourceAccount": "111122223333"}}"#, true),
            (r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}"#, true),
            (
                r#"{"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalAccount": "111122223333"}}"#,
                true,
            ),
            (r#"{"StringEquals": {"aws:PrincipalAccount": ["111122223333", "444455556666"]}}"#, false),
            (r#"{"StringEquals": {"aws:PrincipalAccount": []}}"#, false),
            (r#"{"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}"#, false),
            (r#"{"StringEqualsIfExists": {"aws:PrincipalAccount": "111122223333"}}"#, false),
            (r#"{"ForAllValues:StringEquals": {"aws:PrincipalAccount": "111122223333"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalAccount": "*"}}"#, false),
            (r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}"#, false),
            (r#"{"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/x"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalArn": "*111122223333*"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalArn": "111122223333"}}"#, false),
            (r#"{"StringEquals": {"aws:PrincipalOrgID": "o-abc"}}"#, false),
            (r#"{"StringEquals": {"aws:SourceVpce": "vpce-1"}}"#, false),
            (r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#, false),
            (r#"[]"#, false),
            ("{}", false),
        ] {
            let readers = of(&format!(r#""Principal": "*", {READ}, "Condition": {condition}"#));
            assert_eq!(readers == Readers::Inside, is_confined, "{condition} {readers:?}");
        }
        let of_org = of(&format!(
            r#""Principal": "*", {READ}, "Condition": {{"StringEquals": {{"aws:PrincipalOrgID": "o-abc"}}}}"#
        ));
        assert_eq!(of_org, Readers::Outside("other accounts of an organization".to_owned()));
    }

    #[test]
    fn what_is_not_readable_is_outside_and_a_denial_is_not() {
        for policy in ["", "x", "[]", "{}", r#"{"Statement": 1}"#, r#"{"Statement": [[]]}"#] {
            assert!(matches!(readers(Some(policy), &account()), Readers::Outside(_)), "{policy}");
        }
        let deny = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
        assert_eq!(readers(Some(deny), &account()), Readers::Inside);
        assert_eq!(readers(Some(r#"{"Statement": []}"#), &account()), Readers::Inside);
        let second = r#"{"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "*", "Resource": "*"}]}"#;
        assert_eq!(readers(Some(second), &account()), Readers::Outside("account `444455556666`".to_owned()));
    }
}
