//! `ssm:NAME`: a parameter of Systems Manager in the user's account and region, a SecureString with the JSON of the secret.

use std::fmt;

use secrecy::ExposeSecret;

use super::kind::{How, Kind, Misnamed, NotTaken, Rules, USER};
use crate::{
    cloud::{self, NewParameter, Reads, Writes},
    credential::Credential,
    inventory::{CallError, ErrorKind, Found, is_owned, owner_tags},
    names::USER_NAME_LENGTH,
};

/// The longest name, and the deepest.
const NAME_LENGTH: usize = 1011;
const MOST_LEVELS: usize = 15;

/// What a parameter of the standard tier holds at most.
const MOST_BYTES: usize = 4096;

/// A parameter of Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameter {
    name: String,
}

impl Kind for Parameter {
    const SCHEME: &'static str = "ssm";
    const FORM: &'static str = "ssm:NAME";
    const WHEN_SHARED: &'static str =
        "let `{user}` stand in the place, or give one of the users a rule with another `deliver`";

    fn parse(name: &str) -> Result<Self, Misnamed> {
        let no = |message: &str, help: String| Err(Misnamed { message: message.to_owned(), help });
        let example = "write e.g. `ssm:/ci/{user}/aws`".to_owned();
        if name.is_empty() {
            return no("names no parameter", example);
        }
        let literal = name.replace(USER, "");
        if literal.contains(['{', '}']) {
            return no("holds a placeholder other than `{user}`", "`{user}` is the only placeholder".to_owned());
        }
        if let Some(bad) = literal.chars().find(|c| !is_of_a_name(*c)) {
            let help = "names of parameters hold letters, digits and `.-_/`".to_owned();
            return no(&format!("holds `{bad}`, which names of parameters can't"), help);
        }
        if name.contains('/') && !name.starts_with('/') {
            let help = format!("begin with `/`: `ssm:/{name}`");
            return no("is a path without a `/` in front", help);
        }
        if name.contains("//") || (name.ends_with('/')) {
            let help = "names of parameters have no two `/` in a row, and no `/` at its end".to_owned();
            return no("has an empty level", help);
        }
        let first = literal.trim_start_matches('/').to_lowercase();
        if first.starts_with("aws") || first.starts_with("ssm") {
            return no(
                "begins with a word that AWS keeps for itself",
                "names can't begin with `aws` and `ssm`".to_owned(),
            );
        }
        if name.matches('/').count() > MOST_LEVELS {
            return no("has more than 15 levels", "shorten it: AWS allows 15 levels".to_owned());
        }
        let longest = literal.len() + name.matches(USER).count() * USER_NAME_LENGTH;
        if longest > NAME_LENGTH {
            let message = format!("has {longest} characters with a user name of 64");
            return no(&message, format!("shorten it: AWS allows {NAME_LENGTH}"));
        }
        Ok(Self { name: name.to_owned() })
    }

    fn of_user(&self, user: &str) -> Self {
        // Wildcards are in no name: policies ask for the names of many.
        let is_kept = |c: char| (is_of_a_name(c) && c != '/') || "*?".contains(c);
        let user: String = user.chars().map(|c| if is_kept(c) { c } else { '_' }).collect();
        Self { name: self.name.replace(USER, &user) }
    }

    fn rules(&self, how: &How) -> Rules {
        let kms_key = how.kms_key.as_deref().unwrap_or("aws/ssm");
        let smtp = if how.smtp { " smtp" } else { "" };
        Rules {
            // AWS takes the name with and without the first `/` for the same.
            holds: vec![format!("ssm:{}", self.name.trim_start_matches('/'))],
            is_of_account: true,
            as_said: format!("{kms_key}{smtp}"),
            overwrites: Some("a value".to_owned()),
        }
    }

    async fn look(&self, how: &How, cloud: &dyn Reads) -> Result<Found, CallError> {
        let Some(parameter) = cloud.parameter(&self.name).await? else { return Ok(Found::Nothing) };
        if !is_owned(&parameter.tags, &how.user, &how.arn) {
            return Ok(Found::Foreign);
        }
        Ok(Found::Something { mark: mark(&parameter), last: parameter.last_written() })
    }

    async fn take(
        &self,
        how: &How,
        credential: &Credential,
        exists: bool,
        cloud: &dyn Writes,
    ) -> Result<String, NotTaken> {
        let bytes = credential.text().expose_secret().len();
        if bytes > MOST_BYTES {
            let message = format!("the credential has {bytes} bytes, and a parameter holds {MOST_BYTES}");
            let error = CallError::new(ErrorKind::Other, "ssm:PutParameter", &self.name, message);
            return Err(NotTaken::before(error));
        }
        let put = async |exists: bool| {
            let parameter = NewParameter {
                name: self.name.clone(),
                description: format!("Access key of the IAM user {}, rotated by keyrota", how.user),
                kms_key: how.kms_key.clone(),
                // AWS takes tags with a new parameter only.
                tags: if exists { Default::default() } else { owner_tags(&how.user, &how.arn) },
                overwrites: exists,
            };
            cloud.put_parameter(&parameter, credential.text()).await
        };
        let version = match put(exists).await {
            // It may have been made by a try whose answer was lost.
            Err(error) if error.kind == ErrorKind::Conflict && !exists => {
                let found = cloud.parameter(&self.name).await.map_err(NotTaken::before)?;
                match found.filter(|found| is_owned(&found.tags, &how.user, &how.arn)) {
                    Some(_) => put(true).await,
                    None => Err(error),
                }
            }
            put => put,
        };
        let version = version.map_err(NotTaken::by)?;
        // One that is deleted and made anew begins with the same versions, at another time.
        let written = cloud.parameter(&self.name).await.ok().flatten().filter(|found| found.version == version);
        Ok(written.map_or_else(|| version.to_string(), |written| mark(&written)))
    }
}

/// The version, and when it was written.
fn mark(parameter: &cloud::Parameter) -> String {
    let modified = parameter.modified.map_or_else(String::new, |at| at.timestamp().to_string());
    format!("{}.{modified}", parameter.version)
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_/".contains(c)
}
