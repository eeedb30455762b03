//! How secrets of GitHub are called.

/// What stands for the user's name.
const USER: &str = "{user}";

/// What the name of a secret of GitHub may be, in words.
pub const SECRET_NAME_RULE: &str =
    "names of secrets hold letters, digits and `_`, and begin neither with a digit nor with `GITHUB_`";

/// How the secrets are called; `{user}` may stand in each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitHubNames {
    /// The one that holds the key's id.
    pub key: String,
    /// The one that holds its secret part.
    pub secret: String,
    /// The one that holds the region, if that is asked for.
    pub region: Option<String>,
    /// Those that hold the user name and the password for SES's SMTP, of users that send mail so.
    pub smtp: [String; 2],
}

impl Default for GitHubNames {
    fn default() -> Self {
        let [key, secret, user, password] =
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SES_SMTP_USERNAME", "AWS_SES_SMTP_PASSWORD"]
                .map(str::to_owned);
        Self { key, secret, region: None, smtp: [user, password] }
    }
}

impl GitHubNames {
    /// The same with the name of a user in them. A pattern of names stays one.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Self {
        let letter = |c: char| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            '*' | '?' => c,
            _ => '_',
        };
        let user: String = user.chars().map(letter).collect();
        let fill = |name: &String| name.replace(USER, &user);
        let [name, password] = &self.smtp;
        Self {
            key: fill(&self.key),
            secret: fill(&self.secret),
            region: self.region.as_ref().map(fill),
            smtp: [fill(name), fill(password)],
        }
    }

    /// All that a credential has.
    pub(super) fn of(&self, smtp: bool) -> Vec<&str> {
        let region = self.region.as_deref();
        let smtp = self.smtp.iter().map(String::as_str).filter(|_| smtp);
        [self.key.as_str(), self.secret.as_str()].into_iter().chain(region).chain(smtp).collect()
    }
}

/// Whether GitHub takes this for the name of a secret.
pub fn secret_name(name: &str) -> bool {
    let bare = name.replace(USER, "U");
    bare.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !bare.to_ascii_uppercase().starts_with("GITHUB_")
        && bare.len() <= 255
}
